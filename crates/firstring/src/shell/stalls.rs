//! Times at which the control thread stood still, for the records of the calls that were up.
//!
//! Sound goes on meanwhile, and the filler speaks; but what callers say, press or do is understood late, and nobody could
//! tell afterwards from the call alone why it went as it did.

use std::collections::VecDeque;
use std::time::Duration;

use desk::machine::Moment;
use desk::record::Record;
use jiff::Timestamp;

/// The thread turns at least once a second.
const LONG: Duration = Duration::from_millis(1_500);
/// Remembered at once: they are told of in calls that are still up.
const MOST: usize = 64;

/// What is remembered of them.
#[derive(Debug, Default)]
pub struct Stalls {
    turned: Option<Moment>,
    seen: VecDeque<Stall>,
}

#[derive(Debug)]
struct Stall {
    from: Timestamp,
    to: Timestamp,
    took: Duration,
}

impl Stalls {
    /// The thread begins another turn. Gives since when it has stood still, if it has.
    pub fn turns(&mut self, now: Moment) -> Option<Duration> {
        let before = self.turned.replace(now).unwrap_or(now);
        let took = now.since(before);
        if took < LONG {
            return None;
        }
        tracing::warn!(?took, "The control thread stood still; callers were heard late");
        if self.seen.len() == MOST {
            self.seen.pop_front();
        }
        self.seen.push_back(Stall { from: before.wall, to: now.wall, took });
        Some(before.mono)
    }

    /// Puts the longest one of a call into its record.
    pub fn tell(&self, record: &mut Record) {
        let longest = self.during(record.started, record.ended);
        record.troubles.extend(longest.map(|took| {
            let seconds = took.as_secs_f64();
            format!(
                "the desk itself stood still for {seconds:.1} s, and understood late what happened meanwhile"
            )
        }));
    }

    fn during(&self, from: Timestamp, to: Timestamp) -> Option<Duration> {
        let touches = |stall: &&Stall| stall.from < to && from < stall.to;
        self.seen.iter().filter(touches).map(|stall| stall.took).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_of_the_longest_stand_still_while_it_was_up_and_of_no_other() {
        let at = |ms: u64| Moment {
            mono: Duration::from_millis(ms),
            wall: Timestamp::from_millisecond(ms as i64).unwrap(),
        };
        let mut stalls = Stalls::default();
        for ms in [60_000, 61_000, 66_000, 66_500, 69_500, 70_000] {
            stalls.turns(at(ms));
        }
        let during = |from, to| stalls.during(at(from).wall, at(to).wall);
        assert_eq!(during(65_000, 80_000), Some(Duration::from_secs(5)));
        assert_eq!(during(67_000, 68_000), Some(Duration::from_secs(3)));
        assert_eq!(during(66_100, 66_400), None);
        assert_eq!(during(70_000, 80_000), None);
    }
}
