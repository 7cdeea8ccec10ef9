//! The one clock of the process. Every moment that a machine is given comes from here.

use std::time::{Duration, Instant};

use desk::machine::Moment;
use jiff::{SignedDuration, Timestamp};

/// Monotonic time since the process began, and wall time, which a trial may have moved.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    moved: SignedDuration,
}

impl Clock {
    /// A clock that tells the machine's own wall time.
    pub fn start() -> Self {
        Clock { origin: Instant::now(), moved: SignedDuration::ZERO }
    }

    /// A clock whose wall time is `wall` now, and goes on from there.
    pub fn start_at(wall: Timestamp) -> Self {
        Clock { origin: Instant::now(), moved: wall.duration_since(Timestamp::now()) }
    }

    /// Now, on both clocks.
    pub fn now(&self) -> Moment {
        let real = Timestamp::now();
        let wall = real.checked_add(self.moved).unwrap_or(real);
        Moment { mono: self.origin.elapsed(), wall }
    }

    /// The origin of monotonic time, for threads that stamp sound themselves.
    pub fn origin(&self) -> Instant {
        self.origin
    }

    /// How long until `at`, zero if it has passed.
    pub fn until(&self, at: Duration) -> Duration {
        at.saturating_sub(self.origin.elapsed())
    }
}
