//! Which plan and which of its rules a call falls under, and why.
//!
//! Walking the steps is [`cascade`](crate::cascade)'s work.
//! Invariants: every call gets steps; a plan without a rule that holds falls to taking a message; a blocked caller meets
//! nothing but a rule for blocked callers, or is refused.

use jiff::Timestamp;

use crate::business::{Business, KnownCaller, Line, Rule, Step, When};
use crate::call::Arrival;
use crate::hours::Openness;
use crate::record::Verification;
use crate::sabotage::{Sabotage, is};

/// What was decided for one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// The plan's name.
    pub plan: String,
    /// The condition of the rule that held.
    pub rule: When,
    /// Tried in order.
    pub steps: Vec<Step>,
    /// Why this rule held and those before it did not, in sentences.
    pub because: Vec<String>,
}

/// Where a call is received, and which rule of the plan there holds for it.
#[derive(Clone, Debug)]
pub struct Received {
    /// The line called, or what would be the line of the caller's own office.
    pub line: Line,
    /// What was decided there.
    pub routed: Routed,
}

/// Decides where a call that arrives at `at` is received: at the line's office or, a client of another office, there.
pub fn receive(business: &Business, line: &Line, arrival: &Arrival, at: Timestamp) -> Received {
    let known = arrival.from.as_ref().and_then(|from| business.callers.get(from.reveal()));
    let Some(KnownCaller::Client(front)) = known else {
        return Received { line: line.clone(), routed: route(business, line, arrival, at) };
    };
    let line = front.in_place_of(line);
    let mut routed = route(business, &line, arrival, at);
    routed.because.insert(0, format!("the caller is a client of office `{}`", line.office));
    Received { line, routed }
}

/// Decides which rule of the line's plan, or of the caller's own, holds for a call that arrives at `at`.
pub fn route(business: &Business, line: &Line, arrival: &Arrival, at: Timestamp) -> Routed {
    let known = arrival.from.as_ref().and_then(|from| business.callers.get(from.reveal()));
    let plan = known.and_then(KnownCaller::plan).unwrap_or(&line.plan);
    let mut routed = match known {
        Some(KnownCaller::Blocked) => for_blocked(rules_of(business, plan), plan),
        Some(KnownCaller::Known { .. } | KnownCaller::Client(_)) | None => {
            first_that_holds(rules_of(business, plan), plan, &Met::of(business, line, arrival, at))
        }
    };
    if plan != line.plan {
        routed.because.insert(0, format!("the caller has a plan of their own, `{plan}`"));
    }
    routed
}

/// Decides which rule holds for a caller who asked for another office than the one whose line they called.
pub fn route_on(business: &Business, line: &Line, arrival: &Arrival, at: Timestamp) -> Routed {
    let met = Met::of(business, line, arrival, at);
    let mut routed = first_that_holds(rules_of(business, &line.plan), &line.plan, &met);
    let asked = format!("the caller asked for office `{}`, whose plan is `{}`", line.office, line.plan);
    routed.because.insert(0, asked);
    routed
}

/// So begins the reason where no rule decided.
pub(crate) const NO_RULE: &str = "no rule of plan";

fn rules_of<'b>(business: &'b Business, plan: &str) -> &'b [Rule] {
    business.plans.get(plan).map(|plan| plan.rules.as_slice()).unwrap_or_default()
}

fn for_blocked(rules: &[Rule], plan: &str) -> Routed {
    let rule = rules.iter().find(|rule| rule.when == When::Blocked);
    let steps = rule.map_or_else(|| vec![Step::Refuse], |rule| rule.steps.clone());
    let mut because = vec!["the caller is on the list of blocked callers".to_string()];
    if rule.is_none() {
        because.push(format!("{NO_RULE} `{plan}` is for such callers, so the call is refused"));
    }
    Routed { plan: plan.to_string(), rule: When::Blocked, steps, because }
}

fn first_that_holds(rules: &[Rule], plan: &str, met: &Met<'_>) -> Routed {
    let mut because = Vec::new();
    let rules = if is(Sabotage::TakesTheLastRule) { &rules[rules.len().saturating_sub(1)..] } else { rules };
    for rule in rules {
        let (holds, reason) = met.judge(rule.when);
        because.push(reason);
        if holds {
            return Routed { plan: plan.to_string(), rule: rule.when, steps: rule.steps.clone(), because };
        }
    }
    because.push(format!("{NO_RULE} `{plan}` held, so a message is taken"));
    Routed { plan: plan.to_string(), rule: When::Always, steps: vec![Step::Message], because }
}

/// What a rule may look at.
struct Met<'a> {
    office: &'a str,
    openness: Openness,
    team_busy: bool,
    is_staffed: bool,
    is_known: bool,
    is_suspect: bool,
}

impl Met<'_> {
    fn of<'a>(business: &Business, line: &'a Line, arrival: &Arrival, at: Timestamp) -> Met<'a> {
        let openness = business.office_of(line).map_or(Openness::Closed, |office| office.hours.openness(at));
        let from = arrival.from.as_ref();
        Met {
            office: &line.office,
            openness,
            team_busy: arrival.busy_offices.contains(&line.office),
            is_staffed: !business.staff(&line.office).is_empty(),
            is_known: from.is_some_and(|from| business.callers.contains_key(from.reveal())),
            is_suspect: arrival.verification == Some(Verification::Failed),
        }
    }

    /// Whether a rule holds, and why in a sentence.
    fn judge(&self, when: When) -> (bool, String) {
        let (holds, why) = match when {
            When::Always => return (true, "rule `always` holds for every call".to_string()),
            When::Open => (self.openness == Openness::Open, self.hours()),
            When::Closed => (self.openness != Openness::Open, self.hours()),
            When::Holiday => (self.openness == Openness::Holiday, self.hours()),
            When::TeamBusy if self.team_busy => (true, self.team("everybody is talking to a caller")),
            When::TeamBusy if self.is_staffed => (false, self.team("somebody is free")),
            When::TeamBusy => (false, format!("nobody belongs to office `{}`", self.office)),
            When::KnownCaller if self.is_known => (true, "the owner has told of the caller".to_string()),
            When::KnownCaller => (false, "nobody has told of the caller".to_string()),
            When::Suspect if self.is_suspect => {
                (true, "the carrier says that the number is not the caller's".to_string())
            }
            When::Suspect => (false, "nothing speaks against the caller's number".to_string()),
            When::Blocked => (false, "the caller is not blocked".to_string()),
        };
        let verb = if holds { "held" } else { "did not hold" };
        (holds, format!("rule `{}` {verb}: {why}", when.name()))
    }

    fn hours(&self) -> String {
        let state = match self.openness {
            Openness::Open => "is open",
            Openness::Closed => "is closed",
            Openness::Holiday => "is closed for a holiday",
        };
        format!("office `{}` {state}", self.office)
    }

    fn team(&self, state: &str) -> String {
        format!("of office `{}` {state}", self.office)
    }
}
