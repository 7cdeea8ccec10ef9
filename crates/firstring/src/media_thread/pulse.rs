//! How late the media threads are: what admission and the metrics look at.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the lateness counts, in milliseconds; the last count is everything above.
pub const BOUNDS_MS: [u64; 7] = [1, 2, 5, 10, 20, 40, 60];

/// Counted by one thread, read by others.
#[derive(Debug, Default)]
pub struct Counters {
    late: [AtomicU64; BOUNDS_MS.len() + 1],
    unsent: AtomicU64,
}

/// Since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulse {
    /// Looks at a leg, by how much too late they came: up to 1, 2, 5, 10, 20, 40, 60 ms, and above.
    pub late: [u64; BOUNDS_MS.len() + 1],
    /// Datagrams the system would not take.
    pub unsent: u64,
}

impl Counters {
    pub fn note_late(&self, late: Duration) {
        let late_ms = late.as_micros().div_ceil(1_000) as u64;
        let bucket = BOUNDS_MS.iter().position(|bound| late_ms <= *bound).unwrap_or(BOUNDS_MS.len());
        self.late[bucket].fetch_add(1, Relaxed);
    }

    pub fn note_unsent(&self) {
        self.unsent.fetch_add(1, Relaxed);
    }

    pub fn read(&self) -> Pulse {
        Pulse {
            late: std::array::from_fn(|bucket| self.late[bucket].load(Relaxed)),
            unsent: self.unsent.load(Relaxed),
        }
    }
}

impl Pulse {
    /// Two threads together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            late: std::array::from_fn(|bucket| self.late[bucket] + other.late[bucket]),
            unsent: self.unsent + other.unsent,
        }
    }

    /// What happened since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            late: std::array::from_fn(|bucket| self.late[bucket] - earlier.late[bucket]),
            unsent: self.unsent - earlier.unsent,
        }
    }

    /// Share of looks that came more than `bound_ms` late; a bound between two counts takes the next higher one.
    pub fn share_later_than(&self, bound_ms: u64) -> f64 {
        let all: u64 = self.late.iter().sum();
        let first = BOUNDS_MS
            .iter()
            .position(|bound| *bound >= bound_ms)
            .map_or(BOUNDS_MS.len(), |bucket| bucket + 1);
        let later: u64 = self.late[first.min(BOUNDS_MS.len())..].iter().sum();
        if all == 0 { 0.0 } else { later as f64 / all as f64 }
    }
}
