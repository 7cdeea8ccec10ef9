//! More calls than can be answered: how soon the rest are refused, and how soon all are answered again.

use crate::budgets;
use crate::clean::{BOUND_MS, MOST, Rates};
use crate::endpoint::{Endpoint, Office};
use crate::load::{Phase, Plan, Tally};
use crate::report::{Report, Row};

/// Ten times the highest clean rate; between half of it before and after.
const TIMES: u32 = 10;
const BEFORE_MS: u64 = 1_000;
const DURING_MS: u64 = 3_000;
const AFTER_MS: u64 = 4_000;
/// What a small business has, and what comes to it in the full row.
const FEW_CHANNELS: u32 = 10;
const FEW_RATE: u32 = 200;
const FEW_HOLD_MS: u64 = 500;
const FEW_MS: u64 = 3_000;

pub fn shed_and_recovered(desk: &Endpoint, beside: &[&Endpoint], rates: &Rates, report: &mut Report) {
    let of_desk = rates[desk.name];
    let mut told = Vec::new();
    for endpoint in [desk].into_iter().chain(beside.iter().copied()) {
        // The floor refuses nobody: it shows what the generator and the system make of the desk's overload.
        let clean = if endpoint.name == "floor" { of_desk } else { rates[endpoint.name] };
        report.begins(&format!("Ten times {clean} calls/s to {}", endpoint.name));
        told.push((endpoint, overload(endpoint, clean)));
    }
    report.heads(
        "Overload: ten times the desk's clean rate (baresip: ten times its own), then half the clean rate",
    );
    for (endpoint, [_, during, after]) in &told {
        let name = endpoint.name;
        let row = |what, tally, waits| {
            report.row(&Row { what, endpoint: name, tally, waits, cpu: None, floors: None })
        };
        row("ten times: answered", during, during.answers);
        row("ten times: refused", during, during.refusals);
        row("afterwards", after, after.answers);
        let calm =
            after.calm_after_ms.map_or_else(|| "not within 4 s".to_owned(), |ms| format!("after {ms} ms"));
        report.notes(&format!("  {name} answers every call again {calm}"));
    }
    let [_, during, after] = &told[0].1;
    let refused = (during.refused() > 0).then_some(during.refusals.p99);
    report.judge(&budgets::REFUSAL_P99, refused);
    report.judge(&budgets::RECOVERY, after.calm_after_ms.map(|ms| ms as f64));
}

fn overload(endpoint: &Endpoint, clean: u32) -> [Tally; 3] {
    let usual = (clean / 2).max(1);
    let phases = vec![
        Phase { rate: usual, ms: BEFORE_MS },
        Phase { rate: (clean * TIMES).min(MOST), ms: DURING_MS },
        Phase { rate: usual, ms: AFTER_MS },
    ];
    let plan = Plan { to: endpoint.address, phases, hold_ms: 0, bound_ms: BOUND_MS };
    plan.play().try_into().ok().unwrap()
}

/// The limit that an owner configures instead of the machine's: every channel of the trunk is taken.
pub fn full_trunk(office: &Office, report: &mut Report) {
    report.begins("More calls than a trunk has channels");
    office.has_channels(FEW_CHANNELS);
    let desk = Endpoint::desk(office);
    let phases = vec![Phase { rate: FEW_RATE, ms: FEW_MS }];
    let tally = Plan { to: desk.address, phases, hold_ms: FEW_HOLD_MS, bound_ms: BOUND_MS }.play().remove(0);
    report.heads(&format!(
        "The configured limit: a trunk of {FEW_CHANNELS} channels, calls of {FEW_HOLD_MS} ms"
    ));
    for (what, waits) in [("answered", tally.answers), ("refused", tally.refusals)] {
        report.row(&Row { what, endpoint: desk.name, tally: &tally, waits, cpu: None, floors: None });
    }
}
