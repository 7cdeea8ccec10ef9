//! Plans that nobody has written yet: rules and steps drawn by chance, as an owner might put them together, each lived
//! through a day with every fault of a rehearsal and every promise held against it.
//!
//! `FIRSTRING_SOAK_DAYS` says how many plans; `FIRSTRING_SOAK_SEED` where their seeds begin.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    reason = "a test may stop, and may look at its environment"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use desk::business::{Accept, Business, Plan, Reach, RingOrder, Rule, Step, When, Whom};
use desk::record::Outcome;
use sim::{Chance, Fault, Faults, Report, Shop, World};

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// The plumber, and an answering service that calls can be sent on to.
fn business() -> Business {
    let mut business = (*Shop::plumber().business).clone();
    let reach = Reach { to: "+13125550177".to_string(), via: "main".to_string(), accept: Accept::PickUp };
    business.targets.insert("answering service".to_string(), reach);
    business
}

fn seconds(chance: &mut Chance, least: u64, most: u64) -> Duration {
    Duration::from_secs(least + chance.below(most as usize - least as usize + 1) as u64)
}

fn whom(chance: &mut Chance) -> Whom {
    match chance.below(3) {
        0 => Whom::Person("Lee".to_string()),
        1 => Whom::Office("main".to_string()),
        _ => Whom::Rota("on-call".to_string()),
    }
}

fn step(chance: &mut Chance) -> Step {
    let order = if chance.hits(0.5) { RingOrder::Together } else { RingOrder::InTurn };
    let step = match chance.below(8) {
        0..=2 => Step::Ring { whom: whom(chance), ring_for: seconds(chance, 5, 40), order },
        3 => {
            let whom = Whom::Target("answering service".to_string());
            Step::Ring { whom, ring_for: seconds(chance, 5, 40), order }
        }
        4 => Step::Queue { whom: whom(chance), wait: seconds(chance, 30, 300) },
        5 | 6 => return Step::Assistant,
        _ => return Step::Message,
    };
    if chance.hits(0.2) { Step::Urgent(Box::new(step)) } else { step }
}

fn rule(chance: &mut Chance, when: When) -> Rule {
    let many = 1 + chance.below(4);
    Rule { when, steps: (0..many).map(|_| step(chance)).collect() }
}

fn plan(chance: &mut Chance) -> Plan {
    let mut rules = Vec::new();
    for when in [When::Suspect, When::TeamBusy, When::Holiday, When::Open, When::Closed] {
        if chance.hits(0.4) {
            rules.push(rule(chance, when));
        }
    }
    rules.push(rule(chance, When::Always));
    Plan { rules }
}

/// By name, as the lines of the plumber name them.
fn plans(mut plan: impl FnMut() -> Plan) -> BTreeMap<String, Plan> {
    ["assistant", "team-first", "people"].map(|name| (name.to_string(), plan())).into()
}

/// Lives one day by each of these plans; stops at the first broken promise with its seed and its journal.
fn live(
    calls: usize,
    plans: impl Fn(&mut Chance) -> BTreeMap<String, Plan>,
    (faults, many): (&Faults, u64),
) -> Report {
    let shop = Shop { business: Arc::new(business()), ..Shop::plumber() };
    let world = World::new(shop).calling(calls);
    let mut report = Report::default();
    let first = number("FIRSTRING_SOAK_SEED", 1);
    for seed in first..first + number("FIRSTRING_SOAK_DAYS", many) {
        let plans = plans(&mut Chance::new(seed));
        match world.planned(plans.clone()).day(seed, faults) {
            Ok(day) => report.add(&day),
            Err(trouble) => panic!("{trouble}\nby {plans:?}"),
        }
    }
    assert!(report.longest_silence < Duration::from_secs(4), "{:?}", report.longest_silence);
    assert!(report.ended(Outcome::Lost) * 500 <= report.calls, "{:#?}", report.outcomes);
    report
}

#[test]
fn a_plan_of_any_shape_keeps_every_promise_when_everything_goes_wrong() {
    let any = |chance: &mut Chance| plans(|| plan(chance));
    let report = live(100, any, (&Faults::rehearsal(), 60));
    let declined = report.thrown.get(&Fault::PersonDeclines);
    assert!(declined.is_some_and(|times| *times > 100), "{:?}", report.thrown);
}

#[test]
fn a_plan_of_any_shape_keeps_every_promise_on_a_perfect_day() {
    let any = |chance: &mut Chance| plans(|| plan(chance));
    let report = live(100, any, (&Faults::none(), 40));
    assert_eq!(report.ended(Outcome::Lost), 0);
}

/// Everybody waits for somebody of the team first.
fn queueing(wait: Duration) -> Plan {
    let queue = Step::Queue { whom: Whom::Office("main".to_string()), wait };
    Plan { rules: vec![Rule { when: When::Always, steps: vec![queue, Step::Assistant, Step::Message] }] }
}

#[test]
fn callers_in_a_queue_are_put_through_or_helped_otherwise_and_none_is_forgotten() {
    let all = |chance: &mut Chance| {
        let wait = seconds(chance, 30, 90);
        plans(|| queueing(wait))
    };
    let report = live(400, all, (&Faults::rehearsal(), 20));
    let through = report.ended(Outcome::Transferred);
    assert!(through * 4 > report.calls && through * 10 < 9 * report.calls, "{:#?}", report.outcomes);
}
