//! What the owner has: offices, people, rotas, lines and plans, in the desk's own words.
//!
//! Built once from the configuration by the shell, and the same for real calls and imagined ones.
//! Names were checked against each other there; a name that leads nowhere is a configuration error.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::greeting::Greeting;
use crate::hours::OfficeHours;
use crate::intake::{Directory, Template};
use crate::number::E164;
use crate::record::Urgency;

/// Everything the desk knows about the business it answers for.
#[derive(Clone, Debug)]
pub struct Business {
    /// As callers know it.
    pub name: String,
    /// Where an office has no time zone of its own.
    pub zone: TimeZone,
    /// By name.
    pub offices: BTreeMap<String, Office>,
    /// By name.
    pub people: BTreeMap<String, Person>,
    /// By name.
    pub rotas: BTreeMap<String, Rota>,
    /// By the number that callers dial.
    pub lines: BTreeMap<E164, Line>,
    /// By name; the built-in plans are among them.
    pub plans: BTreeMap<String, Plan>,
    /// By name: where calls are sent on to that nobody of the business takes.
    pub targets: BTreeMap<String, Reach>,
    /// Callers the owner has told of, by number.
    pub callers: BTreeMap<E164, KnownCaller>,
    /// By name.
    pub assistants: BTreeMap<String, Assistant>,
    /// By name: how many calls each trunk carries at once.
    pub channels: BTreeMap<String, u32>,
    /// Trunks that put a caller through to somebody themselves, so that it takes no further channel.
    pub hand_over: BTreeSet<String>,
    /// What may be kept of what callers say.
    pub keeping: Keeping,
}

/// One location.
#[derive(Clone, Debug)]
pub struct Office {
    /// When somebody is there.
    pub hours: Arc<OfficeHours>,
    /// The calendar its visits are booked in, by name, if any.
    pub calendar: Option<String>,
}

/// Somebody who can be rung.
#[derive(Clone, Debug)]
pub struct Person {
    /// The office this person belongs to.
    pub office: String,
    /// Tried in order.
    pub reach: Vec<Reach>,
}

/// One way to ring a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// A number, an extension, or a SIP address.
    pub to: String,
    /// The trunk it is dialled over.
    pub via: String,
    /// What counts as an answer.
    pub accept: Accept,
}

/// What counts as a person's answer; a cell's voicemail picks up too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Picking up is enough.
    PickUp,
    /// The person hears who is calling and presses 1.
    PressOne,
}

/// People who take turns.
#[derive(Clone, Debug)]
pub struct Rota {
    /// In order of their turns.
    pub people: Vec<String>,
    /// Whose turn it is.
    pub turn: Turn,
}

/// How a rota decides whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Everybody, in the order written.
    InOrder,
    /// The next person each day, first on this date.
    Daily(Date),
    /// The next person each week, first on this date.
    Weekly(Date),
}

impl Rota {
    /// Everybody on the rota, whose turn it is first.
    pub fn on_duty(&self, at: Timestamp, zone: &TimeZone) -> Vec<&str> {
        let today = at.to_zoned(zone.clone()).date();
        let turns = match self.turn {
            Turn::InOrder => 0,
            Turn::Daily(from) => days_between(from, today),
            Turn::Weekly(from) => days_between(from, today).div_euclid(7),
        };
        let first = usize::try_from(turns.rem_euclid(self.people.len().max(1) as i64)).unwrap_or(0);
        self.people.iter().cycle().skip(first).take(self.people.len()).map(String::as_str).collect()
    }
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until((jiff::Unit::Day, to)).map_or(0, |span| i64::from(span.get_days()))
}

/// A number that callers dial.
#[derive(Clone, Debug)]
pub struct Line {
    /// How it reaches us.
    pub trunk: String,
    /// Whose hours and people count.
    pub office: String,
    /// What happens to a call.
    pub plan: String,
    /// Whose voice answers.
    pub assistant: String,
    /// Whether the business's own phone company forwards calls here.
    pub arrives: Arrives,
}

/// How calls come to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrives {
    /// Straight from the carrier.
    Direct,
    /// Forwarded by the business's own phone company; that number is never rung back.
    Forwarded,
}

/// Where a caller is received who is an office's own, or asked for it on another office's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Front {
    /// Whose hours, people and calendar count.
    pub office: String,
    /// What happens to a call there, by name.
    pub plan: String,
    /// Whose voice answers there.
    pub assistant: String,
}

impl Front {
    /// A line as it would be if it were this office's own.
    pub fn in_place_of(&self, line: &Line) -> Line {
        let Front { office, plan, assistant } = self.clone();
        Line { office, plan, assistant, ..line.clone() }
    }
}

/// What the owner has told of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownCaller {
    /// Known, with a plan of their own, by name, if they have one.
    Known {
        /// Wins over the line's.
        plan: Option<String>,
    },
    /// One office's own client: received there, whichever line they call.
    Client(Front),
    /// Not to be put through.
    Blocked,
}

impl KnownCaller {
    /// Their own plan, by name, if they have one.
    pub fn plan(&self) -> Option<&str> {
        match self {
            KnownCaller::Known { plan } => plan.as_deref(),
            KnownCaller::Client(front) => Some(&front.plan),
            KnownCaller::Blocked => None,
        }
    }
}

/// What is tried, and when.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The first rule that holds decides.
    pub rules: Vec<Rule>,
}

/// One rule of a plan.
#[derive(Clone, Debug)]
pub struct Rule {
    /// When it holds.
    pub when: When,
    /// Tried in order until the caller has an answer.
    pub steps: Vec<Step>,
}

/// The condition of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// The line's office is open.
    Open,
    /// It is outside the hours, or a holiday.
    Closed,
    /// A public holiday, or a day the owner excepted.
    Holiday,
    /// Everybody of the line's office talks to a caller already.
    TeamBusy,
    /// The owner has told of the caller.
    KnownCaller,
    /// The owner has blocked the caller. No other rule holds for such a caller.
    Blocked,
    /// The carrier says that the caller's number is not the caller's.
    Suspect,
    /// In every case.
    Always,
}

impl When {
    /// As written in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            When::Open => "open",
            When::Closed => "closed",
            When::Holiday => "holiday",
            When::TeamBusy => "team-busy",
            When::KnownCaller => "known-caller",
            When::Blocked => "blocked",
            When::Suspect => "suspect",
            When::Always => "always",
        }
    }
}

/// One thing to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ring people.
    Ring {
        /// A person, an office or a rota.
        whom: Whom,
        /// How long each is rung. At most [`LONGEST_RING`].
        ring_for: Duration,
        /// One after the other, or all at once.
        order: RingOrder,
    },
    /// The caller waits until one of these people is free, and is put through in turn.
    Queue {
        /// A person, an office or a rota.
        whom: Whom,
        /// How long at most. At most [`LONGEST_WAIT`].
        wait: Duration,
    },
    /// Only for callers whose matter cannot wait; others go on to the next step.
    Urgent(Box<Step>),
    /// Our own voice asks which office is wanted, and the call goes on there, by that office's plan.
    Offices(Arc<Directory>),
    /// Our own voice talks to the caller.
    Assistant,
    /// The caller leaves a message.
    Message,
    /// The call is turned away.
    Refuse,
}

impl Step {
    /// What is done for a caller whose matter is as urgent as that; `None`: nothing.
    pub fn for_urgency(&self, urgency: Urgency) -> Option<&Step> {
        match (self, urgency) {
            (Step::Urgent(step), Urgency::Alert) => Some(step),
            (Step::Urgent(_), Urgency::Normal) => None,
            (step, _) => Some(step),
        }
    }

    /// What is done, whoever it is done for.
    pub fn done(&self) -> &Step {
        match self {
            Step::Urgent(step) => step,
            step => step,
        }
    }
}

/// In which order several people are rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingOrder {
    /// All at once; the first to pick up has the call. The default for an office.
    Together,
    /// One after the other, each for the step's time. The default for a rota.
    InTurn,
}

/// Nobody waits for longer.
pub const LONGEST_RING: Duration = Duration::from_secs(120);

/// Nobody waits in a queue for longer.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// A ring that ends before a cell's own voicemail picks up, which would take the caller: four rings of six seconds, or the
/// 25 to 30 s that mobile networks set, less what it takes until the phone rings.
pub const BEFORE_VOICEMAIL: Duration = Duration::from_secs(20);

/// Who is rung by a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// One person.
    Person(String),
    /// Everybody of an office.
    Office(String),
    /// Whoever is on duty, then the others.
    Rota(String),
    /// Nobody of the business: an answering service, another company.
    Target(String),
}

impl Whom {
    /// The name in the configuration.
    pub fn name(&self) -> &str {
        match self {
            Whom::Person(name) | Whom::Office(name) | Whom::Rota(name) | Whom::Target(name) => name,
        }
    }
}

/// Our voice on a line.
#[derive(Clone, Debug)]
pub struct Assistant {
    /// First words; the disclosure was checked when the configuration was read.
    pub greeting: Greeting,
    /// The voice's name with the speaking engine.
    pub voice: String,
    /// What is asked.
    pub intake: Arc<Template>,
}

/// What may be kept of what callers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// The words of both sides.
    pub transcripts: Kept,
    /// The sound of the talk with the assistant.
    pub calls: Kept,
    /// The sound of a talk with a person.
    pub bridged: Kept,
}

/// Whether something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing is stored.
    Never,
    /// Stored, and whoever is concerned is told before.
    Announced,
}

impl Keeping {
    /// Whether the sound of any call is kept.
    pub fn records(self) -> bool {
        self.calls == Kept::Announced || self.bridged == Kept::Announced
    }
}

impl Business {
    /// Who a step rings, in order, with whose turn it is first.
    pub fn people_of(&self, whom: &Whom, at: Timestamp) -> Vec<&str> {
        match whom {
            Whom::Person(name) => {
                self.people.get_key_value(name).map(|(name, _)| name.as_str()).into_iter().collect()
            }
            Whom::Office(office) => self.staff(office),
            Whom::Rota(rota) => self.rotas.get(rota).map(|r| r.on_duty(at, &self.zone)).unwrap_or_default(),
            Whom::Target(_) => Vec::new(),
        }
    }

    /// Every phone that a step rings, in order, each with the name of whom it belongs to.
    pub fn phones_of(&self, whom: &Whom, at: Timestamp) -> Vec<(&str, &Reach)> {
        if let Whom::Target(name) = whom {
            let target = self.targets.get_key_value(name);
            return target.map(|(name, reach)| (name.as_str(), reach)).into_iter().collect();
        }
        let people = self.people_of(whom, at).into_iter();
        people
            .filter_map(|name| Some((name, self.people.get(name)?)))
            .flat_map(|(name, person)| person.reach.iter().map(move |reach| (name, reach)))
            .collect()
    }

    /// Whether any plan lets callers wait in a queue.
    pub fn has_queue(&self) -> bool {
        let mut steps = self.plans.values().flat_map(|plan| &plan.rules).flat_map(|rule| &rule.steps);
        steps.any(|step| matches!(step.done(), Step::Queue { .. }))
    }

    /// The offices that callers are asked to choose from, if a plan asks.
    pub fn directory(&self) -> Option<&Arc<Directory>> {
        let steps = self.plans.values().flat_map(|plan| &plan.rules).flat_map(|rule| &rule.steps);
        steps
            .filter_map(|step| if let Step::Offices(directory) = step { Some(directory) } else { None })
            .next()
    }

    /// Everybody of an office.
    pub fn staff(&self, office: &str) -> Vec<&str> {
        self.people.iter().filter(|(_, p)| p.office == office).map(|(name, _)| name.as_str()).collect()
    }

    /// The hours that count on a line.
    pub fn office_of(&self, line: &Line) -> Option<&Office> {
        self.offices.get(&line.office)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn rota(turn: Turn) -> Rota {
        Rota { people: vec!["Dana".into(), "Lee".into()], turn }
    }

    #[test]
    fn a_weekly_rota_changes_hands_at_local_midnight_of_its_weekday() {
        let zone = TimeZone::get("America/Chicago").unwrap();
        let weekly = rota(Turn::Weekly(date(2026, 1, 5)));
        let sunday_night: Timestamp = "2026-01-12T05:59:59Z".parse().unwrap();
        let monday: Timestamp = "2026-01-12T06:00:00Z".parse().unwrap();
        assert_eq!(weekly.on_duty(sunday_night, &zone), ["Dana", "Lee"]);
        assert_eq!(weekly.on_duty(monday, &zone), ["Lee", "Dana"]);
    }

    #[test]
    fn a_rota_before_its_first_week_still_names_somebody() {
        let zone = TimeZone::UTC;
        let early: Timestamp = "2025-12-30T12:00:00Z".parse().unwrap();
        assert_eq!(rota(Turn::Weekly(date(2026, 1, 5))).on_duty(early, &zone), ["Lee", "Dana"]);
    }
}
