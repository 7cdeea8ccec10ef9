//! Whether sound leaves on time.
//!
//! The media threads count how late they look at their legs. What is refused to callers because of it is decided in `line`, which is
//! told how each stretch of time went.

use std::time::Duration;

use line::{Event, LATE};

use crate::media_thread::Pulse;

/// A stretch of time, as `line` is told of it. Callers hear gaps at once; in less than this, one hiccup is much of all there is.
const STRETCH: Duration = Duration::from_secs(2);
/// How often the owner's alarm is judged.
const JUDGED_EVERY: Duration = Duration::from_secs(5);
/// Looks later than this count. Measured, as is [`LATE`]: decision 0001.
const LATE_MS: u64 = 5;

/// Looks now and then.
#[derive(Debug, Default)]
pub struct Pacing {
    /// How late sound had left when it was last looked at, for `line` and for the owner.
    told: (Duration, Pulse),
    judged: (Duration, Pulse),
    /// Sound leaves so late that callers hear it.
    pub sound_is_late: bool,
}

impl Pacing {
    /// When to look next, at the latest.
    pub fn deadline(&self) -> Duration {
        self.told.0 + STRETCH
    }

    /// Looks, if it is time to; `sound` gives how late it has left since the start, and how many legs there are. Gives what the
    /// exchange is to be told at the end of a stretch of time.
    pub fn look(&mut self, now: Duration, sound: impl FnOnce() -> (Pulse, usize)) -> Option<Event> {
        let is_over = |since: Duration, lasts: Duration| now.saturating_sub(since) >= lasts;
        let is_told = is_over(self.told.0, STRETCH);
        let is_judged = is_over(self.judged.0, JUDGED_EVERY);
        if !is_told && !is_judged {
            return None;
        }
        let (pulse, legs) = sound();
        if is_judged {
            self.sound_is_late = late_ratio(&mut self.judged, now, pulse) > LATE;
        }
        is_told.then(|| Event::Paced { late_ratio: late_ratio(&mut self.told, now, pulse), legs })
    }
}

/// The share of late looks since the last time, which is now from here on.
fn late_ratio(last: &mut (Duration, Pulse), now: Duration, pulse: Pulse) -> f64 {
    let (_, before) = std::mem::replace(last, (now, pulse));
    pulse.since(before).share_later_than(LATE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks since the start, of which so many were 10 ms late.
    fn pulse(looks: u64, late: u64) -> Pulse {
        let mut pulse = Pulse::default();
        (pulse.late[0], pulse.late[3]) = (looks - late, late);
        pulse
    }

    #[test]
    fn each_stretch_of_two_seconds_is_told_by_itself_and_in_between_nobody_looks() {
        let mut pacing = Pacing::default();
        let mut told = |ms: u64, looks, late| {
            let event = pacing.look(Duration::from_millis(ms), || (pulse(looks, late), 12));
            event.map(|event| match event {
                Event::Paced { late_ratio, legs } => (late_ratio, legs),
                _ => panic!("{event:?}"),
            })
        };
        assert_eq!(told(1_999, 500, 0), None);
        assert_eq!(told(2_000, 1_000, 0), Some((0.0, 12)));
        assert_eq!(told(3_500, 1_700, 100), None);
        assert_eq!(told(4_000, 2_000, 100), Some((0.1, 12)), "what was well before does not count");
        assert_eq!(told(6_100, 3_000, 100), Some((0.0, 12)));
        let mut looked = false;
        pacing.look(Duration::from_millis(6_200), || {
            looked = true;
            (pulse(3_000, 100), 12)
        });
        assert!(!looked);
        assert_eq!(pacing.deadline(), Duration::from_millis(8_100));
    }

    #[test]
    fn the_owner_is_told_of_late_sound_however_few_the_legs_are() {
        let mut pacing = Pacing::default();
        let mut late_after = |seconds, looks, late| {
            pacing.look(Duration::from_secs(seconds), || (pulse(looks, late), 1));
            pacing.sound_is_late
        };
        assert!(!late_after(2, 100, 50), "five seconds are judged at once");
        assert!(late_after(5, 1_000, 50));
        assert!(late_after(8, 1_400, 50));
        assert!(!late_after(10, 2_000, 50));
    }
}
