//! How many legs one thread holds: more and more, until a gap is heard or a packet is missed, and then between the last number
//! that was clean and the first that was not.
//!
//! The machine is shared, and whatever else it does can only spoil a measurement: a number that was not clean is tried again.

use std::time::{Duration, Instant};

use crate::kinds::Kind;
use crate::process::GivenUp;
use crate::report::Report;
use crate::run::{Measured, of_ours, tell};

/// A gap that is heard. `docs/decisions/0001-media-plan.md`.
const HEARD_MS: f64 = 30.0;
/// Of what the phones send, so much comes back at least; the rest is on its way when counting ends.
const WHOLE: f64 = 0.995;
/// A search ends when what is not known is less than one part of so many.
const NEAR: usize = 10;
/// So often a number of legs may be clean.
const TRIES: usize = 3;
/// One search takes no longer.
const SEARCHED_WITHIN: Duration = Duration::from_secs(240);

/// Finds out, from `begin` on and never with more than `most`; `None` where not even a few are clean.
pub fn as_many_as_hold(kind: Kind, begin: usize, most: usize, report: &mut Report) -> Option<usize> {
    let until = Instant::now() + SEARCHED_WITHIN;
    let (mut clean, mut broken) = (0, None);
    let mut legs = begin.min(most);
    let ended = loop {
        report.begins(&format!("{}: {legs} legs", kind.name));
        match is_clean(kind, legs, until, report) {
            Ok(true) => clean = legs,
            Ok(false) => broken = Some(legs),
            Err(why) if Instant::now() >= until => {
                break format!("{why}; the search has {SEARCHED_WITHIN:?}");
            }
            Err(why) => break why.to_string(),
        }
        legs = match broken {
            None if clean == most => break "more were not tried".to_owned(),
            None => (clean * 2).min(most),
            Some(broken) if broken - clean <= (clean / NEAR).max(2) => {
                break whose_limit(kind, broken, until);
            }
            Some(broken) => (clean + broken) / 4 * 2,
        };
    };
    report.notes(&format!("{}: {clean} clean legs on one thread; {ended}", kind.name));
    Some(clean).filter(|clean| *clean > 0)
}

fn is_clean(kind: Kind, legs: usize, until: Instant, report: &mut Report) -> Result<bool, GivenUp> {
    for _ in 0..TRIES {
        let desk = of_ours("desk", kind, legs, until)?;
        tell(kind, "desk", legs, &desk, &desk, report);
        if sounds_clean(&desk) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn sounds_clean(measured: &Measured) -> bool {
    let seen = &measured.seen;
    seen.gap_p99 <= HEARD_MS && seen.received as f64 >= seen.sent as f64 * WHOLE
}

/// The phones are on the same machine, and have a thread as well: where the floor does not hold so many either, it is not the
/// desk that was measured.
fn whose_limit(kind: Kind, broken: usize, until: Instant) -> String {
    match of_ours("floor", kind, broken, until) {
        Ok(floor) if sounds_clean(&floor) => format!("{broken} are not, and at the floor they are"),
        Ok(_) => format!("{broken} are not, and at the floor neither: that is the machine's limit"),
        Err(why) => format!("{broken} are not; at the floor {why}"),
    }
}
