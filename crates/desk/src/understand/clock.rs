//! Times of day in words: "half past nine", "3:30 pm", "in the late afternoon", "between two and four".

use jiff::civil::Time;

use super::numbers::cardinal;
use super::{Hours, Words};

/// A clock time that was said, and how many words it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    pub time: Time,
    pub used: usize,
    /// Neither "am" nor "pm" nor anything else says which half of the day: the office's hours decided.
    pub loose: bool,
    /// Only a bare number: a time if the words around it say so, a pick or a count if not.
    pub bare: bool,
}

/// A part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Morning,
    Afternoon,
    Evening,
}

pub const fn time(hour: i8, minute: i8) -> Time {
    Time::constant(hour, minute, 0, 0)
}

/// Reads a clock time.
pub fn clock(words: &Words, at: usize) -> Option<Said> {
    let fixed = |hour, used| Some(Said { time: time(hour, 0), used, loose: false, bare: false });
    match words.at(at) {
        "noon" | "midday" => return fixed(12, 1),
        "lunchtime" => return fixed(12, 1),
        "lunch" if words.at(at + 1) == "time" => return fixed(12, 2),
        "half" | "quarter" => return past_or_to(words, at),
        "a" if words.at(at + 1) == "quarter" => {
            return past_or_to(words, at + 1).map(|said| Said { used: said.used + 1, ..said });
        }
        _ => {}
    }
    let (hour, minute, used) = hour_and_minute(words, at)?;
    let after = at + used;
    let (half, more) = half_of_day(words, after);
    let oclock = usize::from(words.at(at + used) == "oclock");
    let (half, more) = match (half, oclock) {
        (None, 1) => half_of_day(words, after + 1),
        _ => (half, more),
    };
    let bare = used == 1 && oclock == 0 && half.is_none() && !words.at(at).contains(':');
    let loose = half.is_none() && hour <= 12;
    Some(Said { time: resolve(hour, minute, half)?, used: used + oclock + more, loose, bare })
}

/// "half past nine", "quarter to ten".
fn past_or_to(words: &Words, at: usize) -> Option<Said> {
    let quarter = words.at(at) == "quarter";
    let to = match words.at(at + 1) {
        "past" | "after" => false,
        "to" | "of" | "till" if quarter => true,
        _ => return None,
    };
    let said = clock(words, at + 2).filter(|said| said.time.minute() == 0)?;
    let minutes = match (quarter, to) {
        (true, true) => -15,
        (true, false) => 15,
        (false, _) => 30,
    };
    let time = said.time.checked_add(jiff::SignedDuration::from_mins(minutes)).ok()?;
    Some(Said { time, used: said.used + 2, loose: said.loose, bare: false })
}

fn hour_and_minute(words: &Words, at: usize) -> Option<(u32, u32, usize)> {
    if let Some((hour, minute)) = words.at(at).split_once(':') {
        let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
        return (hour < 24 && minute < 60).then_some((hour, minute, 1));
    }
    let (hour, used) = cardinal(words, at).filter(|(hour, used)| (1..=23).contains(hour) && *used == 1)?;
    let minute = match (words.at(at + 1), words.at(at + 2)) {
        ("fifteen", _) => Some((15, 1)),
        ("thirty", _) => Some((30, 1)),
        ("forty", "five") => Some((45, 2)),
        ("oh", "five") => Some((5, 2)),
        ("twenty" | "forty" | "fifty" | "ten", _) if hour <= 12 => cardinal(words, at + 1),
        _ => None,
    };
    // "twenty" can only be an hour in its digits: nobody says "at twenty".
    if hour > 12 && !words.at(at).bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (minute, more) = minute.unwrap_or((0, 0));
    Some((hour, minute, used + more))
}

/// "am", "p m", "in the morning", "at night".
fn half_of_day(words: &Words, at: usize) -> (Option<Part>, usize) {
    match (words.at(at), words.at(at + 1)) {
        ("am", _) => (Some(Part::Morning), 1),
        ("pm", _) => (Some(Part::Afternoon), 1),
        ("a", "m") => (Some(Part::Morning), 2),
        ("p", "m") => (Some(Part::Afternoon), 2),
        _ => (None, 0),
    }
}

/// The office's hours decide where nothing was said: 7 to 11 is before noon, 1 to 6 after it.
fn resolve(hour: u32, minute: u32, half: Option<Part>) -> Option<Time> {
    let hour = match half {
        Some(Part::Morning) => hour % 12,
        Some(Part::Afternoon | Part::Evening) if hour < 12 => hour + 12,
        Some(Part::Afternoon | Part::Evening) => hour,
        None if (1..=6).contains(&hour) => hour + 12,
        None => hour,
    };
    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok()
}

/// A loose time, once the part of the day is known: "eight" and then "in the evening".
pub fn move_to(time: Time, part: Part) -> Time {
    let hour = match part {
        Part::Morning => time.hour() % 12,
        Part::Afternoon | Part::Evening => time.hour() % 12 + 12,
    };
    Time::new(hour, time.minute(), 0, 0).unwrap_or(time)
}

/// A part of the day, with how many words it took: "late afternoon", "first thing", "evening".
pub fn part(words: &Words, at: usize) -> Option<(Hours, Option<Part>, usize)> {
    let within = |from, to, part, used| Some((Hours::Within(from, to), part, used));
    if words.are(at, &["first", "thing"]) {
        let rest = ["in", "the", "morning"];
        let used = if words.are(at + 2, &rest) { 5 } else { 2 };
        return within(time(5, 0), time(9, 1), Some(Part::Morning), used);
    }
    if words.are(at, &["end", "of", "the", "day"]) || words.are(at, &["end", "of", "day"]) {
        let used = if words.at(at + 2) == "the" { 4 } else { 3 };
        return within(time(15, 0), time(19, 0), None, used);
    }
    let (shade, used) = match words.at(at) {
        "early" => (-1, 1),
        "late" => (1, 1),
        _ => (0, 0),
    };
    let used = used + usize::from(shade != 0 && words.are(at + used, &["in", "the"])) * 2;
    match (words.at(at + used), shade) {
        ("morning" | "mornings", -1) => within(time(5, 0), time(9, 1), Some(Part::Morning), used + 1),
        ("morning" | "mornings", 1) => within(time(10, 0), time(12, 0), Some(Part::Morning), used + 1),
        ("morning" | "mornings", _) => within(time(5, 0), time(12, 0), Some(Part::Morning), used + 1),
        ("afternoon" | "afternoons", -1) => {
            within(time(12, 0), time(14, 30), Some(Part::Afternoon), used + 1)
        }
        ("afternoon" | "afternoons", 1) => within(time(14, 30), time(18, 0), Some(Part::Afternoon), used + 1),
        ("afternoon" | "afternoons", _) => within(time(12, 0), time(17, 0), Some(Part::Afternoon), used + 1),
        ("evening" | "evenings" | "night", _) => {
            within(time(17, 0), time(22, 0), Some(Part::Evening), used + 1)
        }
        _ => None,
    }
}

/// "between two and four", "from 8 to 10".
pub fn between(words: &Words, at: usize) -> Option<(Hours, usize)> {
    let links: &[&str] = match words.at(at) {
        "between" => &["and", "to"],
        "from" => &["to", "until", "till"],
        _ => return None,
    };
    let from = clock(words, at + 1)?;
    let link = at + 1 + from.used;
    if !links.contains(&words.at(link)) {
        return None;
    }
    let to = clock(words, link + 1)?;
    let half_day = |time: Time| time.checked_add(jiff::SignedDuration::from_hours(12)).ok();
    let later = if to.time <= from.time { half_day(to.time)? } else { to.time };
    let used = link + 1 + to.used - at;
    (later > from.time).then_some((Hours::Within(from.time, later), used))
}
