//! Which plan and which of its rules a call falls under, and why.
//!
//! Walking the steps is [`cascade`](crate::cascade)'s work.
//! Invariant: every call gets steps; a plan without a rule that holds falls to taking a message.

use jiff::Timestamp;

use crate::business::{Business, Line, Rule, Step, When};
use crate::hours::Openness;

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

/// Decides which rule of the line's plan holds at `at`.
pub fn route(business: &Business, line: &Line, at: Timestamp) -> Routed {
    let openness = business.office_of(line).map_or(Openness::Closed, |office| office.hours.openness(at));
    let mut because = Vec::new();
    let rules = business.plans.get(&line.plan).map(|plan| plan.rules.as_slice()).unwrap_or_default();
    for rule in rules {
        let (holds, reason) = judge(rule, &line.office, openness);
        because.push(reason);
        if holds {
            return Routed { plan: line.plan.clone(), rule: rule.when, steps: rule.steps.clone(), because };
        }
    }
    because.push(format!("no rule of plan `{}` held, so a message is taken", line.plan));
    Routed { plan: line.plan.clone(), rule: When::Always, steps: vec![Step::Message], because }
}

fn judge(rule: &Rule, office: &str, openness: Openness) -> (bool, String) {
    let state = match openness {
        Openness::Open => "is open",
        Openness::Closed => "is closed",
        Openness::Holiday => "is closed for a holiday",
    };
    let holds = match rule.when {
        When::Always => return (true, "rule `always` holds for every call".to_string()),
        When::Open => openness == Openness::Open,
        When::Closed => openness != Openness::Open,
        When::Holiday => openness == Openness::Holiday,
    };
    let verb = if holds { "held" } else { "did not hold" };
    (holds, format!("rule `{}` {verb}: office `{office}` {state}", rule.when.name()))
}
