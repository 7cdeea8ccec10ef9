//! What a call costs while it has sound, and what the sound loses on the way: each kind of call of the media threads as they
//! ship, beside a floor, rtpengine and baresip in the same run.
//!
//! `cargo bench -p firstring --bench sound -- [--json] [--legs N]`. The desk is one media thread in a process of its own, so
//! what it uses is counted for it alone; so are the floor, which does nothing but receive and send, rtpengine, which forwards
//! as we do, and baresip, which answers calls as we do. The phones are another process: a socket each, a packet every 20 ms.
//! Delay is taken there, from sending a packet until it comes out at the other side, the phones' own lateness included.
//!
//! Everything is on one machine and shares its cores, so figures are for comparing with those beside them.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../setups/callers.rs"]
mod callers;
#[path = "../setups/calls.rs"]
#[allow(dead_code, reason = "calls are placed here and not counted")]
mod calls;
#[path = "../setups/cpu.rs"]
mod cpu;
mod desk;
#[path = "../setups/endpoint.rs"]
#[allow(dead_code, reason = "its floor is of another kind")]
mod endpoint;
mod floor;
mod kinds;
#[path = "../../src/marking.rs"]
#[allow(dead_code)]
mod marking;
#[path = "../../src/media_thread/mod.rs"]
#[allow(dead_code, unused_imports)]
mod media_thread;
mod phones;
mod process;
mod report;
mod rtpengine;
mod run;
#[path = "../verdicts/mod.rs"]
mod verdicts;

use std::time::Instant;

use kinds::Kind;
use report::Report;

/// Legs on the line, unless `--legs` says otherwise.
const LEGS: usize = 400;
/// How many legs are tried at once on one thread, until they do not hold.
const STEPS: [usize; 6] = [400, 800, 1_200, 1_600, 2_000, 2_500];

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match given.first().map(String::as_str) {
        Some("desk") => desk::work(Kind::named(&given[1]), given[2].parse().unwrap()),
        Some("floor") => floor::work(Kind::named(&given[1]), given[2].parse().unwrap()),
        Some("phones") => phones::talk(Kind::named(&given[1]), given[2].parse().unwrap()),
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
    report.heads(&format!("{legs} legs at once, one thread: each kind of call"));
    for kind in Kind::ALL {
        run::kind(kind, legs, &mut report);
    }
    run::baresip(&mut report);
    run::as_many_as_hold(&STEPS, &mut report);
    report.ends(began.elapsed());
}

/// The budgets of the design, for one core.
mod budgets {
    use crate::verdicts::{Bound, Budget};

    pub const PLAYING: Budget = Budget {
        what: "a terminated G.711 leg playing a prompt",
        bound: Bound::AtMost(0.03),
        unit: "% of a core",
    };
    pub const PLAYING_KIB: Budget =
        Budget { what: "memory of that leg", bound: Bound::AtMost(20.0), unit: "KiB" };
    pub const LISTENING: Budget =
        Budget { what: "the same, listening", bound: Bound::AtMost(0.1), unit: "% of a core" };
    pub const BRIDGED: Budget =
        Budget { what: "a bridged G.711 call, both legs", bound: Bound::AtMost(0.06), unit: "% of a core" };
    pub const CLEAN: Budget =
        Budget { what: "clean legs that play a prompt", bound: Bound::AtLeast(2_500.0), unit: "legs" };
}
