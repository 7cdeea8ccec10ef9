//! What a call costs while it has sound, and what the sound loses on the way: each kind of call of the media threads as they
//! ship, beside a floor, rtpengine and baresip in the same run.
//!
//! `cargo bench -p firstring --bench sound -- [--json] [--legs N] [--most N] [--only-most]`: no more than N legs of a kind, and no
//! more than N while it looks for as many as hold, which may be all that it does. Kinds of which a thread cannot hold so many get
//! fewer, and each has a limit of time.
//! The desk is one media thread in a process of its own, so
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
mod counted;
#[path = "../setups/cpu.rs"]
mod cpu;
mod desk;
#[path = "../setups/endpoint.rs"]
#[allow(dead_code, reason = "its floor is of another kind")]
mod endpoint;
mod floor;
mod holding;
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
mod returning;
mod rtpengine;
mod run;
#[path = "../verdicts/mod.rs"]
mod verdicts;

use std::time::Instant;

use kinds::Kind;
use report::Report;

/// Legs of one kind at once, unless `--legs` says otherwise or a thread cannot hold them.
const LEGS: usize = 400;
/// Legs that are tried at once on one thread, unless `--most` says otherwise. The phones are one thread as well.
const MOST: usize = 3_200;

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match given.first().map(String::as_str) {
        Some("desk") => desk::work(Kind::named(&given[1])),
        Some("floor") => floor::work(Kind::named(&given[1])),
        Some("phones") => phones::talk(Kind::named(&given[1]), given[2].parse().unwrap()),
        Some("callers") => callers::talk(given[1].parse().unwrap(), given[2].parse().unwrap()),
        _ if given.iter().any(|word| word == "--bench") => measure(&given),
        _ => println!("Not asked to measure; use cargo bench."),
    }
}

fn measure(given: &[String]) {
    let number = |name: &str, otherwise: usize| {
        given.iter().position(|word| word == name).map_or(otherwise, |at| given[at + 1].parse().unwrap())
    };
    let (legs, most) = (number("--legs", LEGS), number("--most", MOST));
    let began = Instant::now();
    let is_given = |name: &str| given.iter().any(|word| word == name);
    let mut report = Report::to(is_given("--json"));
    if !is_given("--only-most") {
        each_kind(legs, &mut report);
    }
    report.heads("As many legs as hold on one thread");
    let playing = holding::as_many_as_hold(Kind::named("plays-g711"), legs, most, &mut report);
    if most >= budgets::CLEAN_LEGS {
        report.judge(&budgets::CLEAN, playing.map(|legs| legs as f64));
    }
    holding::as_many_as_hold(Kind::named("bridges-g711"), legs, most, &mut report);
    report.ends(began.elapsed());
}

/// What a leg of each kind costs, and what is left of the memory of many.
fn each_kind(legs: usize, report: &mut Report) {
    report.heads(&format!("One thread, up to {legs} legs at once: each kind of call"));
    for kind in Kind::ALL {
        run::kind(kind, legs, report);
    }
    run::baresip(report);
    report.heads_peaks(&format!(
        "Memory in KiB before, at the peak and when all is closed, twice, up to {legs} legs; and what is in use then"
    ));
    for name in ["plays-g711", "listens-g711", "listens-opus"] {
        returning::after_peaks(Kind::named(name), legs, report);
    }
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
    pub const CLEAN_LEGS: usize = 2_500;
    pub const CLEAN: Budget = Budget {
        what: "clean legs that play a prompt",
        bound: Bound::AtLeast(CLEAN_LEGS as f64),
        unit: "legs",
    };
}
