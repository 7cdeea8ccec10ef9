//! The contract every machine of the house keeps, and the time it is driven by.
//!
//! `handle(event, now)`, `poll_action()`, `poll_deadline()`, `handle_deadline(now)`, `is_over()`:
//! one change goes in, all actions are drained, then the next change. The shell owns the clock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// One moment, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Moment {
    /// Time since an origin the shell chose; never jumps. Deadlines are measured on it.
    pub mono: Duration,
    /// Wall time, which may be set forwards or backwards under us. Hours and records are read from it.
    pub wall: Timestamp,
}

impl Moment {
    /// The moment `later` from now, on both clocks.
    pub fn after(self, later: Duration) -> Self {
        let wall = SignedDuration::try_from(later).ok().and_then(|by| self.wall.checked_add(by).ok());
        Moment { mono: self.mono.saturating_add(later), wall: wall.unwrap_or(Timestamp::MAX) }
    }

    /// Time passed since `earlier`, on the clock that never jumps; zero if `earlier` is later.
    pub fn since(self, earlier: Moment) -> Duration {
        self.mono.saturating_sub(earlier.mono)
    }
}

/// When a machine must be woken, and what will have failed to happen by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline<Why> {
    /// On the monotonic clock of [`Moment::mono`].
    pub at: Duration,
    /// The reason the operator reads.
    pub why: Why,
}

/// Names one thing asked of the shell; exactly one event answers it, or its deadline does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Ask(pub u32);
