//! What the desk as it ships can bear at the door: set-ups a second, INVITE to 200 while others talk, overload and recovery.
//!
//! `cargo bench -p firstring --bench setups -- [--json] [--legs N]`. Three programs are called by the same generator in one
//! run: `firstring run`, which greets, listens, stores and keeps a journal; a floor, which answers and remembers nothing; and
//! baresip, if it is installed. Each of them, the generator and the callers with sound is a process of its own, so what one
//! of them uses is counted for it alone. `SIPLOAD="PROGRAM [WORDS]"` names a further generator, which is run against the
//! same three; see [`further`].
//!
//! Everything is on one machine and shares its cores, so figures are for comparing with those beside them.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod callers;
mod calls;
mod clean;
mod cpu;
mod endpoint;
mod floor;
mod further;
mod load;
mod overload;
mod report;
mod sound;
#[path = "../verdicts/mod.rs"]
mod verdicts;

use std::time::Instant;

use endpoint::{Endpoint, Office};
use report::Report;

/// Callers with sound on the line, unless `--legs` says otherwise.
const LEGS: u32 = 1_000;

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match given.first().map(String::as_str) {
        Some("floor") => floor::answer(),
        Some("load") => load::play(&given[1]),
        Some("callers") => callers::talk(given[1].parse().unwrap(), given[2].parse().unwrap()),
        _ if given.iter().any(|word| word == "--bench") => measure(&given),
        _ => println!("Not asked to measure; use cargo bench."),
    }
}

fn measure(given: &[String]) {
    let legs =
        given.iter().position(|word| word == "--legs").map_or(LEGS, |at| given[at + 1].parse().unwrap());
    let began = Instant::now();
    let mut report = Report::to(given.iter().any(|word| word == "--json"));
    report.begins("Starting the desk, which renders what it will say, and those beside it");
    let office = Office::with_channels(endpoint::AS_MANY_AS_THERE_ARE);
    let desk = Endpoint::desk(&office);
    let floor = Endpoint::floor();
    let baresip = Endpoint::baresip().inspect_err(|why| report.notes(why)).ok();
    let beside: Vec<&Endpoint> = [Some(&floor), baresip.as_ref()].into_iter().flatten().collect();

    let rates = clean::set_ups(&desk, &beside, &mut report);
    sound::while_others_talk(&desk, &beside, legs, &mut report);
    overload::shed_and_recovered(&desk, &beside, &rates, &mut report);
    further::generator([&desk].into_iter().chain(beside.iter().copied()), &mut report);
    drop(desk);
    overload::full_trunk(&office, &mut report);
    report.ends(began.elapsed());
}

/// The budgets of the design, for one core.
mod budgets {
    use crate::verdicts::{Bound, Budget};

    pub const SET_UPS: Budget = Budget {
        what: "clean set-ups, all threads together",
        bound: Bound::AtLeast(3_000.0),
        unit: "calls/s",
    };
    /// A core that carries 3,000 calls a second has a third of a millisecond for each.
    pub const SET_UP: Budget =
        Budget { what: "processor time of 1,000 calls", bound: Bound::AtMost(1_000.0 / 3.0), unit: "ms" };
    pub const ANSWER_P50: Budget =
        Budget { what: "INVITE to 200 while others talk, p50", bound: Bound::AtMost(0.5), unit: "ms" };
    pub const ANSWER_P99: Budget =
        Budget { what: "INVITE to 200 while others talk, p99", bound: Bound::AtMost(2.0), unit: "ms" };
    pub const REFUSAL_P99: Budget = Budget {
        what: "refusal of a call in ten times the clean rate, p99",
        bound: Bound::AtMost(10.0),
        unit: "ms",
    };
    pub const RECOVERY: Budget = Budget {
        what: "from the overload's end until every call is answered",
        bound: Bound::AtMost(1_000.0),
        unit: "ms",
    };
}
