//! The highest rate at which every call is answered, and what 1,000 of these calls cost.

use std::collections::BTreeMap;

use crate::budgets;
use crate::cpu::Used;
use crate::endpoint::Endpoint;
use crate::load::{Plan, Tally};
use crate::report::{Report, Row};

/// An answer that takes longer is no clean one: a carrier's own timers begin at 500 ms, a caller notices long before that.
pub const BOUND_MS: f64 = 20.0;
/// One thread places no more than this.
pub const MOST: u32 = 40_000;
/// How long each rate is tried, and how long the one that is told.
const TRY_MS: u64 = 1_200;
const TOLD_MS: u64 = 4_000;
/// Steps between the last clean rate and the first that is not.
const STEPS: u32 = 3;
/// Of what was asked for, the least a generator has to place.
const KEPT_UP: f64 = 0.95;

/// The highest clean rate of each, in calls a second.
pub type Rates = BTreeMap<&'static str, u32>;

pub fn set_ups(desk: &Endpoint, beside: &[&Endpoint], report: &mut Report) -> Rates {
    let mut found = Vec::new();
    for endpoint in beside.iter().copied().chain([desk]) {
        report.begins(&format!("Looking for the highest clean rate of {}", endpoint.name));
        found.push(Found::of(endpoint));
    }
    report.heads(
        "Set-up and tear-down: the highest rate at which every call is answered at once, p99 within 20 ms",
    );
    let floor = found[0].cpu();
    for one in found.iter().rev() {
        let (cpu, floors) = (Some(one.cpu()), Some(one.cpu() / floor));
        report.row(&Row {
            what: "clean",
            endpoint: one.name,
            tally: &one.tally,
            waits: one.tally.answers,
            cpu,
            floors,
        });
    }
    for one in found.iter().filter(|one| one.is_the_generators) {
        report.notes(&format!("  {}: more than the generator can place", one.name));
    }
    if let Some(of_desk) = found.last() {
        report.threads(of_desk.name, &of_desk.used, of_desk.tally.placed);
        report.judge(&budgets::SET_UPS, Some(of_desk.tally.rate));
        report.judge(&budgets::SET_UP, Some(of_desk.cpu()));
    }
    found.iter().map(|one| (one.name, one.rate)).collect()
}

struct Found {
    name: &'static str,
    rate: u32,
    tally: Tally,
    used: Used,
    is_the_generators: bool,
}

impl Found {
    fn of(endpoint: &Endpoint) -> Found {
        let (mut clean, mut is_the_generators) = (0, false);
        let mut next = FIRST;
        while next <= MOST && is_clean(endpoint, next) {
            clean = next;
            next *= 2;
        }
        is_the_generators |= next > MOST;
        let mut step = (next - clean) / 2;
        for _ in 0..STEPS {
            if clean + step <= MOST && is_clean(endpoint, clean + step) {
                clean += step;
            }
            step /= 2;
        }
        Found::told(endpoint, clean.max(FIRST / 2), is_the_generators)
    }

    /// The rate that was found, held for longer; or, where that is not clean, the next below that is.
    fn told(endpoint: &Endpoint, rate: u32, is_the_generators: bool) -> Found {
        let before = endpoint.used();
        let tally = Plan::steady(endpoint.address, rate, TOLD_MS, BOUND_MS).play().remove(0);
        let used = endpoint.used().since(&before);
        if !tally.is_clean(BOUND_MS) && rate > FIRST {
            return Found::told(endpoint, rate * 9 / 10, is_the_generators);
        }
        Found { name: endpoint.name, rate, tally, used, is_the_generators }
    }

    fn cpu(&self) -> f64 {
        self.used.whole as f64 * 1_000.0 / f64::from(self.tally.placed.max(1))
    }
}

/// Where the search begins.
const FIRST: u32 = 20;

/// A machine with other work has bad moments, so a rate that is not clean is tried once more.
fn is_clean(endpoint: &Endpoint, rate: u32) -> bool {
    (0..2).any(|_| {
        let tally = Plan::steady(endpoint.address, rate, TRY_MS, BOUND_MS).play().remove(0);
        tally.is_clean(BOUND_MS) && tally.rate >= KEPT_UP * f64::from(rate)
    })
}
