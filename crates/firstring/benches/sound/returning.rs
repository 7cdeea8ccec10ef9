//! Memory before the first leg, at the peak and when every leg is closed, twice: what a peak leaves behind is to be used by the
//! next one, and the second peak is to be no higher than the first. What is still in use is the desk's own account: beyond it,
//! the allocator keeps pages that it does not give back.

use std::time::{Duration, Instant};

use crate::kinds::Kind;
use crate::process::GivenUp;
use crate::report::Report;
use crate::run::{Ours, as_many_as_fit};

const WITHIN: Duration = Duration::from_secs(60);
const PEAKS: usize = 2;

/// What was seen.
pub struct Peaks {
    pub legs: usize,
    /// KiB, resident.
    pub before: u64,
    /// At each peak and after it.
    pub peaks: Vec<[u64; 2]>,
    /// KiB that were and are in use, before and after everything.
    pub in_use: [Option<u64>; 2],
}

pub fn after_peaks(kind: Kind, most: usize, report: &mut Report) {
    report.begins(&format!("{}: two peaks", kind.name));
    match peaks(kind, most, Instant::now() + WITHIN) {
        Ok(peaks) => report.peaks(kind.name, &peaks),
        Err(why) => report.notes(&format!("{}: given up, {why} ({} s)", kind.name, WITHIN.as_secs())),
    }
}

fn peaks(kind: Kind, most: usize, until: Instant) -> Result<Peaks, GivenUp> {
    let legs = as_many_as_fit(kind, most, until)?;
    let mut desk = Ours::start("desk", kind, until)?;
    let begun = desk.in_use;
    let mut peaks = Vec::new();
    for _ in 0..PEAKS {
        let (_, _, peak) = desk.talks(legs, until)?;
        peaks.push([peak, desk.closes(until)?]);
    }
    Ok(Peaks { legs, before: desk.before, peaks, in_use: [begun, desk.in_use] })
}
