//! The local engines, seen from the desk: worker processes started, watched, and replaced.
//!
//! Nothing here decodes or renders; that happens in the workers. A worker that dies costs the turn it was serving and is
//! replaced; one that dies at once again and again is waited for longer each time.

mod check;
mod hearing;
mod process;
mod speaking;

pub use hearing::{HearingSettings, LocalHearing, NoHearing};
pub use process::WorkerCommand;
pub use speaking::LocalSpeaker;

use std::time::Duration;

use tokio::time::Instant;

/// How long to wait before a worker is started again.
#[derive(Debug, Default)]
struct BackOff {
    failures: u32,
    not_before: Option<Instant>,
}

impl BackOff {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(30);

    fn failed(&mut self, now: Instant) -> Duration {
        let wait = match self.failures {
            0 => Duration::ZERO,
            before => BackOff::FIRST.saturating_mul(1 << (before - 1).min(10)).min(BackOff::LONGEST),
        };
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + wait);
        wait
    }

    fn worked(&mut self) {
        *self = BackOff::default();
    }

    fn remaining(&self, now: Instant) -> Option<Duration> {
        self.not_before.and_then(|at| at.checked_duration_since(now)).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_keeps_dying_is_started_ever_more_rarely() {
        let start = Instant::now();
        let mut back_off = BackOff::default();
        let waits: Vec<u128> = (0..10).map(|_| back_off.failed(start).as_millis()).collect();
        assert_eq!(waits, [0, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]);
        assert!(back_off.remaining(start).is_some());
        assert!(back_off.remaining(start + Duration::from_secs(31)).is_none());
        back_off.worked();
        assert!(back_off.remaining(start).is_none());
    }

    #[test]
    fn one_death_keeps_no_caller_from_being_heard() {
        let start = Instant::now();
        let mut back_off = BackOff::default();
        back_off.failed(start);
        assert!(back_off.remaining(start).is_none());
        back_off.failed(start);
        assert!(back_off.remaining(start).is_some());
    }
}
