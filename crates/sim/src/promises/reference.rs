//! Where a call may end, told a second time and in another way: from the owner's plans alone.
//!
//! The desk walks a plan as events come in. This model knows nothing of its machines: it reads the plan, takes a finished
//! call's record, and says whether that walk could have been. So a step that is skipped, a rule that does not hold, or an end
//! that no step leads to is found even where the desk's own books agree with each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use desk::business::{BEFORE_VOICEMAIL, Business, Front, KnownCaller, Rule, Step, When, Whom};
use desk::call::Arrival;
use desk::machine::Moment;
use desk::record::{CallId, EndedBy, Outcome, Record, StepResult, StepTaken, Verification};
use jiff::Timestamp;
use line::{Action, Keep};
use sip::Order;

use super::{Broken, Promise, Seen};
use crate::opening::OpenDay;

/// No phone rings for longer than a step says.
#[derive(Debug)]
pub(super) struct RungAsLongAsSaid {
    written: BTreeSet<Duration>,
}

impl RungAsLongAsSaid {
    pub fn of(business: &Business) -> Self {
        let steps = business.plans.values().flat_map(|plan| &plan.rules).flat_map(|rule| &rule.steps);
        let times = steps.filter_map(|step| match unwrapped(step) {
            Step::Ring { ring_for, .. } => Some(*ring_for),
            // Whoever is free is rung for a caller who waits as long as voicemail lets it.
            Step::Queue { .. } => Some(BEFORE_VOICEMAIL),
            _ => None,
        });
        RungAsLongAsSaid { written: times.collect() }
    }

    /// Opening a socket takes of the time.
    fn is_written(&self, ring_for: Duration) -> bool {
        self.written.iter().any(|written| (ring_for..=ring_for + OPENING).contains(written))
    }
}

impl Promise for RungAsLongAsSaid {
    fn name(&self) -> &'static str {
        "RungAsLongAsSaid"
    }

    fn sentence(&self) -> &'static str {
        "A phone is rung for as long as a step of the plan says, and no longer."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Ordered(Action::Sip(Order::Call(call) | Order::CallOver { call, .. }))
                if !self.is_written(call.ring_for) =>
            {
                Broken::everywhere(format!("{} is rung for {:?}, as no step says", call.leg, call.ring_for))
            }
            _ => Ok(()),
        }
    }
}

/// A socket is open sooner.
const OPENING: Duration = Duration::from_secs(1);

/// One rule's steps at one office: what may be walked.
#[derive(Clone, Debug)]
struct Walk {
    office: String,
    plan: String,
    when: When,
    steps: Vec<Step>,
}

/// Every call ends where its plan allows.
#[derive(Debug)]
pub(super) struct EndsWhereThePlanAllows {
    business: Arc<Business>,
    open: Arc<OpenDay>,
    /// Calls that are up, and what they walk where they came in.
    up: BTreeMap<CallId, (Arrival, Walk)>,
}

impl EndsWhereThePlanAllows {
    pub fn of(business: &Arc<Business>, open: &Arc<OpenDay>) -> Self {
        EndsWhereThePlanAllows { business: Arc::clone(business), open: Arc::clone(open), up: BTreeMap::new() }
    }

    fn first_walk(&self, arrival: &Arrival, at: Timestamp) -> Option<Walk> {
        let business = &*self.business;
        let line = business.lines.get(&arrival.line)?;
        let caller = arrival.from.as_ref().and_then(|from| business.callers.get(from.reveal()));
        let here =
            Front { office: line.office.clone(), plan: line.plan.clone(), assistant: line.assistant.clone() };
        let first = match caller {
            Some(KnownCaller::Blocked) => return Some(for_blocked(business, &here)),
            Some(KnownCaller::Client(front)) => front.clone(),
            Some(KnownCaller::Known { plan: Some(plan) }) => Front { plan: plan.clone(), ..here },
            Some(KnownCaller::Known { plan: None }) | None => here,
        };
        Some(walk(business, &self.open, &first, arrival, at))
    }
}

impl Promise for EndsWhereThePlanAllows {
    fn name(&self) -> &'static str {
        "EndsWhereThePlanAllows"
    }

    fn sentence(&self) -> &'static str {
        "A call takes the steps of the plan that holds for it, in order, and ends where they lead."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Ordered(Action::Store { call, keep: Keep::Arrival(begun), .. }) => {
                if let Some(walk) = self.first_walk(&begun.arrival, begun.started) {
                    self.up.insert(call.clone(), (begun.arrival.clone(), walk));
                }
                Ok(())
            }
            Seen::Ordered(Action::Store { call, keep: Keep::Record(record), .. }) => {
                let Some((arrival, walk)) = self.up.remove(call) else { return Ok(()) };
                let walker = Walker::along((&self.business, &self.open), &arrival, walk);
                let taken =
                    || record.steps.iter().map(|taken| (&taken.step, taken.result)).collect::<Vec<_>>();
                walker.judge(record).or_else(|what| Broken::of(call, format!("{what}, of {:?}", taken())))
            }
            Seen::Died => {
                self.up.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Goes through a record's steps beside the plan.
struct Walker<'b> {
    business: &'b Business,
    open: &'b OpenDay,
    arrival: &'b Arrival,
    walk: Walk,
    /// How many steps of the walk are behind.
    at: usize,
    urgent: bool,
    /// Nobody could ask whether it is, so that it is taken to be.
    unasked: bool,
    /// The ringing that may be taken up once more, for a caller whom a person left.
    again: Option<String>,
    last: Option<StepResult>,
}

impl<'b> Walker<'b> {
    fn along((business, open): (&'b Business, &'b OpenDay), arrival: &'b Arrival, walk: Walk) -> Self {
        Walker {
            business,
            open,
            arrival,
            walk,
            at: 0,
            urgent: false,
            unasked: false,
            again: None,
            last: None,
        }
    }

    fn judge(mut self, record: &Record) -> Result<(), String> {
        for (place, taken) in record.steps.iter().enumerate() {
            let over = record.steps.get(place + 1).map_or(record.ended, |next| next.started);
            self.take(taken, over, record)?;
        }
        let Walk { office, plan, when, .. } = &self.walk;
        if (office, plan, when) != (&record.office, &record.plan, &record.rule) {
            return Err(format!(
                "plan `{plan}` holds by its rule `{}` at office `{office}`, and the record names another",
                when.name()
            ));
        }
        self.ends(record)
    }

    /// One step, which was over at that time.
    fn take(&mut self, taken: &StepTaken, over: Timestamp, record: &Record) -> Result<(), String> {
        let place = self.place_of(taken);
        let Some(place) = place else {
            return Err(format!("step `{}` is not the next one of plan `{}`", taken.step, self.walk.plan));
        };
        let step = self.walk.steps.get(place.saturating_sub(1));
        let is_for_urgent = matches!(step, Some(Step::Urgent(_)));
        if (taken.result == StepResult::NotUrgent) && (!is_for_urgent || self.urgent || self.unasked) {
            return Err(format!("step `{}` was left out as not urgent", taken.step));
        }
        let listens =
            step.map(unwrapped).is_some_and(|step| matches!(step, Step::Assistant | Step::Offices(_)));
        if taken.result == StepResult::StoodBack && !listens {
            return Err(format!("step `{}` stood back, and needs no voice", taken.step));
        }
        self.at = place;
        self.rang_only_its_own(taken, record)?;
        if taken.result == StepResult::PersonTook {
            self.again = Some(taken.step.clone());
        }
        self.urgent |= taken.result == StepResult::Emergency;
        self.unasked |= taken.result == StepResult::StoodBack;
        self.last = Some(taken.result);
        if taken.result == StepResult::OfficeFound {
            self.walk = self.asked_for(&record.office, over)?;
            (self.at, self.unasked) = (0, false);
        }
        Ok(())
    }

    /// What is walked at an office that the caller has asked for just then.
    fn asked_for(&self, office: &str, at: Timestamp) -> Result<Walk, String> {
        let doors = self.walk.steps.iter().filter_map(|step| match step {
            Step::Offices(offices) => Some(offices.doors()),
            _ => None,
        });
        let door = doors.flatten().find(|door| door.front.office == office);
        let door = door.ok_or_else(|| format!("nobody can ask for office `{office}`"))?;
        Ok(walk(self.business, self.open, &door.front, self.arrival, at))
    }

    /// How many steps are behind once this one is taken; `None` if it cannot be taken now.
    fn place_of(&mut self, taken: &StepTaken) -> Option<usize> {
        let title = &taken.step;
        if self.last == Some(StepResult::PersonTook) && title == "assistant" {
            // Back from a person who hung up: a step beside the plan, after which they may be rung once more.
            return Some(self.at);
        }
        // Another step may ring the same people: what is left out is one for urgent callers.
        let is_left_out = taken.result == StepResult::NotUrgent;
        if self.again.take().as_ref() == Some(title) && !is_left_out {
            return Some(self.at);
        }
        let next = |wanted: &dyn Fn(&Step) -> bool| {
            self.walk.steps[self.at..].iter().position(wanted).map(|ahead| self.at + ahead + 1)
        };
        let is_named = |place: usize| {
            let step = self.walk.steps.get(place - 1);
            let step = step.filter(|step| !is_left_out || matches!(step, Step::Urgent(_)));
            step.is_some_and(|step| named(step) == *title)
        };
        let rings = |step: &Step| match step {
            Step::Ring { .. } | Step::Queue { .. } => true,
            Step::Urgent(step) => {
                let is_taken = self.urgent || self.unasked;
                is_taken && matches!(**step, Step::Ring { .. } | Step::Queue { .. })
            }
            _ => false,
        };
        let places = match self.last {
            Some(StepResult::AskedForPerson | StepResult::Emergency | StepResult::NotUnderstood) => {
                [next(&rings), next(&|step| *step == Step::Message), Some(self.at + 1)]
            }
            Some(StepResult::CouldNotBook | StepResult::AskedForMessage) => {
                [next(&|step| *step == Step::Message), Some(self.at + 1), None]
            }
            _ => [Some(self.at + 1), None, None],
        };
        places.into_iter().flatten().find(|place| is_named(*place))
    }

    /// Nobody is rung but whom the step names.
    fn rang_only_its_own(&self, taken: &StepTaken, record: &Record) -> Result<(), String> {
        let steps = self.walk.steps.iter().map(unwrapped);
        let whom = steps.filter(|step| named(step) == taken.step).find_map(|step| match step {
            Step::Ring { whom, .. } | Step::Queue { whom, .. } => Some(whom),
            _ => None,
        });
        for (person, _) in &taken.tried {
            let belongs = whom.is_some_and(|whom| self.is_of(person, whom));
            if !belongs {
                return Err(format!("{person} was rung for step `{}` of call {}", taken.step, record.id));
            }
        }
        Ok(())
    }

    fn is_of(&self, person: &str, whom: &Whom) -> bool {
        match whom {
            Whom::Person(name) | Whom::Target(name) => name == person,
            Whom::Office(office) => {
                self.business.people.get(person).is_some_and(|known| known.office == *office)
            }
            Whom::Rota(rota) => self
                .business
                .rotas
                .get(rota)
                .is_some_and(|rota| rota.people.iter().any(|name| name == person)),
        }
    }

    /// Whether the last step, or the end of all steps, leads to this outcome.
    fn ends(&self, record: &Record) -> Result<(), String> {
        let outcome = record.outcome;
        let Some(last) = self.last else {
            return match (record.ended_by, outcome) {
                (EndedBy::Desk, Outcome::Callback | Outcome::Lost) if self.walk.steps.is_empty() => Ok(()),
                (EndedBy::Desk, Outcome::Callback) | (EndedBy::Caller | EndedBy::Line, _) => Ok(()),
                _ => Err(format!("it took no step and ended {}", outcome.name())),
            };
        };
        if outcome == Outcome::Booked && last != StepResult::Booked {
            return Err(format!("the caller was told of no visit (after {last:?}), and it ended booked"));
        }
        let theirs = matches!(outcome, Outcome::Transferred | Outcome::Answered);
        let fits = match last {
            StepResult::PersonTook => theirs,
            StepResult::Booked => outcome == Outcome::Booked,
            StepResult::Informed => {
                theirs || matches!(outcome, Outcome::Informed | Outcome::OptedOut | Outcome::WrongNumber)
            }
            StepResult::NoInput => theirs || outcome == Outcome::NoInput,
            StepResult::MessageTaken => outcome == Outcome::Message,
            StepResult::Refused => outcome == Outcome::Refused,
            StepResult::AskedForCallback => matches!(outcome, Outcome::Callback | Outcome::Lost),
            StepResult::CallerHungUp => theirs || matches!(outcome, Outcome::Abandoned | Outcome::Callback),
            StepResult::LineBroke | StepResult::DeskStopped => theirs || outcome == Outcome::Callback,
            // Not an end: every step that was left was taken, and nobody helped.
            StepResult::NobodyTook
            | StepResult::NoMessage
            | StepResult::WaitedLongEnough
            | StepResult::EngineFailed
            | StepResult::NotUrgent
            | StepResult::StoodBack
            | StepResult::AskedForPerson
            | StepResult::AskedForMessage
            | StepResult::Emergency
            | StepResult::NotUnderstood
            | StepResult::CouldNotBook
            | StepResult::OfficeFound => {
                return self.is_exhausted(record);
            }
        };
        match fits {
            true => Ok(()),
            false => Err(format!("after {:?} it ended {}", last, outcome.name())),
        }
    }

    fn is_exhausted(&self, record: &Record) -> Result<(), String> {
        let is_given_up = matches!(record.outcome, Outcome::Callback | Outcome::Lost);
        let is_cut_short = record.ended_by != EndedBy::Desk;
        if is_cut_short || record.outcome == Outcome::Abandoned {
            return Ok(());
        }
        if self.at < self.walk.steps.len() {
            return Err(format!("it ended {} before every step was tried", record.outcome.name()));
        }
        match is_given_up {
            true => Ok(()),
            false => Err(format!("nobody helped, and it ended {}", record.outcome.name())),
        }
    }
}

fn walk(business: &Business, open: &OpenDay, front: &Front, arrival: &Arrival, at: Timestamp) -> Walk {
    let rules = rules_of(business, &front.plan);
    let held = rules.iter().find(|rule| holds(business, rule.when, &front.office, arrival, (open, at)));
    let (when, steps) = match held {
        Some(rule) => (rule.when, rule.steps.clone()),
        None => (When::Always, vec![Step::Message]),
    };
    Walk { office: front.office.clone(), plan: front.plan.clone(), when, steps }
}

fn for_blocked(business: &Business, front: &Front) -> Walk {
    let rule = rules_of(business, &front.plan).iter().find(|rule| rule.when == When::Blocked);
    let steps = rule.map_or_else(|| vec![Step::Refuse], |rule| rule.steps.clone());
    Walk { office: front.office.clone(), plan: front.plan.clone(), when: When::Blocked, steps }
}

fn rules_of<'b>(business: &'b Business, plan: &str) -> &'b [Rule] {
    business.plans.get(plan).map(|plan| plan.rules.as_slice()).unwrap_or_default()
}

fn holds(
    business: &Business,
    when: When,
    office: &str,
    arrival: &Arrival,
    (open, at): (&OpenDay, Timestamp),
) -> bool {
    match when {
        When::Always => true,
        When::Open => open.is_open(office, at),
        When::Closed => !open.is_open(office, at),
        When::Holiday => open.is_holiday(office, at),
        When::TeamBusy => arrival.busy_offices.contains(office),
        When::KnownCaller => {
            arrival.from.as_ref().is_some_and(|from| business.callers.contains_key(from.reveal()))
        }
        When::Suspect => arrival.verification == Some(Verification::Failed),
        When::Blocked => false,
    }
}

fn unwrapped(step: &Step) -> &Step {
    match step {
        Step::Urgent(step) => step,
        step => step,
    }
}

/// As records name it.
fn named(step: &Step) -> String {
    match unwrapped(step) {
        Step::Ring { whom: Whom::Target(name), .. } => format!("forward {name}"),
        Step::Ring { whom, .. } => format!("ring {}", whom.name()),
        Step::Queue { whom, .. } => format!("queue {}", whom.name()),
        Step::Assistant => "assistant".to_string(),
        Step::Offices(_) => "offices".to_string(),
        Step::Message => "message".to_string(),
        Step::Refuse => "refuse".to_string(),
        Step::Urgent(_) => String::new(),
    }
}
