//! Days and times as a person at a desk says them: "tomorrow, between 8 and 10 in the morning".
//!
//! Text for speaking: digits for clock times, words for ordinals, commas where a breath belongs.
//! Invariant: a phrase never leaves open which day or which half of the day is meant.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use crate::counting::{MONTHS, ordinal};

/// One sentence to be spoken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Phrase {
    /// The words, with the punctuation that shapes their melody.
    pub text: String,
    /// Known when the configuration loads, and rendered then: it needs no engine when it is spoken.
    pub prepared: bool,
    /// Heard to its end: nothing but key 0 interrupts it.
    pub guarded: bool,
}

/// "today", "tomorrow", or "Tuesday, December first".
pub fn day(date: Date, today: Date) -> String {
    if date == today {
        return "today".to_string();
    }
    if today.tomorrow().is_ok_and(|tomorrow| tomorrow == date) {
        return "tomorrow".to_string();
    }
    format!(
        "{}, {} {}",
        weekday(date.weekday()),
        month(date.month()),
        ordinal(u64::from(date.day().unsigned_abs()))
    )
}

/// A visit window as a sentence's middle: "tomorrow, between 8 and 10 in the morning".
pub fn window(start: Timestamp, end: Timestamp, zone: &TimeZone, now: Timestamp) -> String {
    let today = now.to_zoned(zone.clone()).date();
    let (start, end) = (start.to_zoned(zone.clone()), end.to_zoned(zone.clone()));
    format!("{}, {}", day(start.date(), today), between(start.time(), end.time()))
}

/// "between 8 and 10 in the morning", "between 11 in the morning and 1 in the afternoon".
pub fn between(start: Time, end: Time) -> String {
    if half(start) == half(end) {
        format!("between {} and {} {}", Clock(start), Clock(end), half(end))
    } else if end == Time::constant(12, 0, 0, 0) {
        format!("between {} {} and noon", Clock(start), half(start))
    } else {
        format!("between {} and {}", at(start), at(end))
    }
}

/// One moment of a day: "8 in the morning", "noon".
pub fn at(time: Time) -> String {
    match (time.hour(), time.minute()) {
        (12, 0) => "noon".to_string(),
        (0, 0) => "midnight".to_string(),
        _ => format!("{} {}", Clock(time), half(time)),
    }
}

/// Every sentence [`between`] can make for windows of `minutes` that start on the hour or half hour between
/// 6 and 20: few enough to be rendered before the first call.
pub fn common_windows(minutes: i32) -> Vec<String> {
    let starts = (12..=40).map(|halves: i32| halves * 30);
    let windows =
        starts.filter_map(|start| Some(between(minute_of_day(start)?, minute_of_day(start + minutes)?)));
    windows.collect()
}

fn minute_of_day(minute: i32) -> Option<Time> {
    Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0).ok()
}

/// "8", "8:30", "12".
struct Clock(Time);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hour = match self.0.hour() % 12 {
            0 => 12,
            hour => hour,
        };
        match self.0.minute() {
            0 => write!(f, "{hour}"),
            minute => write!(f, "{hour}:{minute:02}"),
        }
    }
}

fn half(time: Time) -> &'static str {
    match time.hour() {
        0..=4 => "at night",
        5..=11 => "in the morning",
        12..=16 => "in the afternoon",
        17..=21 => "in the evening",
        _ => "at night",
    }
}

/// "Tuesday".
pub fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

fn month(month: i8) -> &'static str {
    MONTHS[usize::from(month.unsigned_abs().clamp(1, 12)) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    #[test]
    fn days_are_named_as_a_person_would() {
        let today = date(2026, 11, 30);
        assert_eq!(day(today, today), "today");
        assert_eq!(day(date(2026, 12, 1), today), "tomorrow");
        assert_eq!(day(date(2026, 12, 2), today), "Wednesday, December second");
        assert_eq!(day(date(2026, 12, 31), today), "Thursday, December thirty first");
        assert_eq!(day(date(2027, 1, 20), today), "Wednesday, January twentieth");
    }

    #[test]
    fn windows_say_which_half_of_the_day_is_meant() {
        for (from, to, says) in [
            (time(8, 0, 0, 0), time(10, 0, 0, 0), "between 8 and 10 in the morning"),
            (time(10, 0, 0, 0), time(12, 0, 0, 0), "between 10 in the morning and noon"),
            (time(11, 0, 0, 0), time(13, 0, 0, 0), "between 11 in the morning and 1 in the afternoon"),
            (time(12, 0, 0, 0), time(14, 0, 0, 0), "between 12 and 2 in the afternoon"),
            (time(14, 30, 0, 0), time(16, 30, 0, 0), "between 2:30 and 4:30 in the afternoon"),
            (time(22, 0, 0, 0), time(0, 0, 0, 0), "between 10 and 12 at night"),
        ] {
            assert_eq!(between(from, to), says);
        }
        assert!(common_windows(120).contains(&"between 8 and 10 in the morning".to_string()));
    }

    #[test]
    fn a_window_is_spoken_by_the_office_clock() {
        let chicago = TimeZone::get("America/Chicago").unwrap();
        let moment = |text: &str| text.parse::<Timestamp>().unwrap();
        let (start, end) = (moment("2026-12-01T14:00:00Z"), moment("2026-12-01T16:00:00Z"));
        let says = window(start, end, &chicago, moment("2026-12-01T04:00:00Z"));
        assert_eq!(says, "tomorrow, between 8 and 10 in the morning");
    }
}
