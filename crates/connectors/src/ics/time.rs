//! Dates, times, lengths and zones as iCalendar writes them.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::lines::Line;
use super::{Fault, IcsError};
use crate::Busy;

/// Outlook's names for the clocks of North America and its neighbours in trade, from the CLDR table
/// `windowsZones.xml`.
const OUTLOOK: [(&str, &str); 18] = [
    ("Eastern Standard Time", "America/New_York"),
    ("US Eastern Standard Time", "America/Indiana/Indianapolis"),
    ("Central Standard Time", "America/Chicago"),
    ("Canada Central Standard Time", "America/Regina"),
    ("Mountain Standard Time", "America/Denver"),
    ("US Mountain Standard Time", "America/Phoenix"),
    ("Pacific Standard Time", "America/Los_Angeles"),
    ("Alaskan Standard Time", "America/Anchorage"),
    ("Hawaiian Standard Time", "Pacific/Honolulu"),
    ("Atlantic Standard Time", "America/Halifax"),
    ("Newfoundland Standard Time", "America/St_Johns"),
    ("GMT Standard Time", "Europe/London"),
    ("Greenwich Standard Time", "Atlantic/Reykjavik"),
    ("W. Europe Standard Time", "Europe/Berlin"),
    ("Central Europe Standard Time", "Europe/Budapest"),
    ("Romance Standard Time", "Europe/Paris"),
    ("AUS Eastern Standard Time", "Australia/Sydney"),
    ("New Zealand Standard Time", "Pacific/Auckland"),
];

/// A moment on some clock, or a whole day.
#[derive(Clone, Debug)]
pub(super) enum When {
    Day(Date),
    Time { civil: DateTime, zone: TimeZone },
}

/// When something starts: a time on a clock; of a whole day, its first moment on the office's.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub civil: DateTime,
    zone: TimeZone,
    pub kind: Kind,
}

/// Whether an entry is a whole day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Day,
    Time,
}

impl Start {
    /// When that is. A time that the clocks skip is read with the clock before; one that they show twice is
    /// the first (RFC 5545 3.3.5).
    pub fn moment(&self) -> Timestamp {
        moment(self.civil, &self.zone)
    }

    /// The same clock at another time.
    pub fn on(&self, civil: DateTime) -> Start {
        Start { civil, ..self.clone() }
    }

    /// The civil time on this clock at `at`.
    pub fn civil_at(&self, at: Timestamp) -> DateTime {
        self.zone.to_datetime(at)
    }

    /// Whether this, in an EXDATE or RECURRENCE-ID, means that occurrence. A day means whatever starts on it.
    pub fn names(&self, occurrence: &Start) -> bool {
        match self.kind {
            Kind::Day => self.civil.date() == occurrence.civil.date(),
            Kind::Time => self.moment() == occurrence.moment(),
        }
    }

    /// This, moved as far as `from` was moved `to`.
    pub fn moved(&self, from: &Start, to: &Start) -> Result<Start, Fault> {
        let by = to.civil.duration_since(from.civil);
        let civil = self.civil.checked_add(by).map_err(|_| out_of_range(self.civil))?;
        Ok(Start { civil, zone: to.zone.clone(), kind: to.kind })
    }

    /// From this start, so long.
    pub fn stretch(&self, length: &Length) -> Result<Busy, Fault> {
        let start = self.moment();
        let end = match length.days {
            0 => start,
            days => {
                let day = days.days();
                moment(self.civil.checked_add(day).map_err(|_| out_of_range(self.civil))?, &self.zone)
            }
        };
        let end = end.checked_add(length.exact).map_err(|_| out_of_range(self.civil))?;
        Ok(Busy { start, end })
    }
}

fn out_of_range(civil: DateTime) -> Fault {
    Fault::NoTime { text: civil.to_string() }
}

/// Times at the very ends of the calendar (years -9999 and 9999) have no moment in every zone.
fn moment(civil: DateTime, zone: &TimeZone) -> Timestamp {
    let at_the_end = if civil.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
    zone.to_ambiguous_timestamp(civil).compatible().unwrap_or(at_the_end)
}

/// How long something takes: days by the calendar, and on top of them time by the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Length {
    days: i64,
    exact: SignedDuration,
}

impl Length {
    /// An event with neither end nor length: a whole day is one day, a moment takes no time (RFC 5545 3.6.1).
    pub fn unsaid(start: &Start) -> Length {
        let days = match start.kind {
            Kind::Day => 1,
            Kind::Time => 0,
        };
        Length { days, exact: SignedDuration::ZERO }
    }

    pub fn between(start: &Start, end: &When) -> Result<Length, Fault> {
        let length = match (start.kind, end) {
            (Kind::Day, When::Day(end)) => {
                let days = start.civil.date().until(*end).map_or(-1, |span| i64::from(span.get_days()));
                Length { days, exact: SignedDuration::ZERO }
            }
            (Kind::Day, When::Time { civil, zone }) | (Kind::Time, When::Time { civil, zone }) => {
                Length { days: 0, exact: moment(*civil, zone).duration_since(start.moment()) }
            }
            (Kind::Time, When::Day(end)) => {
                let end = moment(end.to_datetime(jiff::civil::Time::midnight()), &start.zone);
                Length { days: 0, exact: end.duration_since(start.moment()) }
            }
        };
        match length.days < 0 || length.exact.is_negative() {
            true => Err(Fault::EndsBeforeStart),
            false => Ok(length),
        }
    }

    /// `PT1H30M`, `P1D`, `P2W`, also with a sign (RFC 5545 3.3.6). A negative one is refused.
    pub fn parse(text: &str) -> Result<Length, Fault> {
        let text = text.trim();
        let no_length = || Fault::NoLength { text: text.chars().take(40).collect() };
        let plain = text.strip_prefix('+').unwrap_or(text).to_ascii_uppercase();
        let rest = plain.strip_prefix('P').ok_or_else(no_length)?;
        let (days, clock) = rest.split_once('T').unwrap_or((rest, ""));
        let mut length = Length { days: 0, exact: SignedDuration::ZERO };
        let mut counts = parts(days).ok_or_else(no_length)?;
        counts
            .extend(parts(clock).ok_or_else(no_length)?.into_iter().map(|(count, unit)| (count, unit + 32)));
        if counts.is_empty() {
            return Err(no_length());
        }
        for (count, unit) in counts {
            match unit {
                b'W' => length.days += count * 7,
                b'D' => length.days += count,
                b'h' => length.exact += SignedDuration::from_hours(count),
                b'm' => length.exact += SignedDuration::from_mins(count),
                b's' => length.exact += SignedDuration::from_secs(count),
                _ => return Err(no_length()),
            }
        }
        Ok(length)
    }
}

/// `1H30M` as counts and units. A count has six digits at most, so that no sum of them overflows.
fn parts(text: &str) -> Option<Vec<(i64, u8)>> {
    let mut parts = Vec::new();
    let mut digits = String::new();
    for sign in text.bytes() {
        match sign {
            b'0'..=b'9' if digits.len() < 6 => digits.push(char::from(sign)),
            b'A'..=b'Z' if parts.len() < 5 => {
                parts.push((digits.parse().ok()?, sign));
                digits.clear();
            }
            _ => return None,
        }
    }
    digits.is_empty().then_some(parts)
}

/// The clocks a calendar goes by.
#[derive(Debug)]
pub(super) struct Zones {
    office: TimeZone,
    /// Names the calendar gave to clocks it knows by another name, too (`X-LIC-LOCATION`).
    known: BTreeMap<String, TimeZone>,
}

impl Zones {
    pub fn find(lines: &[Line], office: &TimeZone) -> Zones {
        let mut known = BTreeMap::new();
        let mut names: (Option<&str>, Option<&str>) = (None, None);
        for line in lines {
            match (line.name.as_str(), line.value.trim()) {
                ("BEGIN", "VTIMEZONE") => names = (None, None),
                ("TZID", name) => names.0 = Some(name),
                ("X-LIC-LOCATION", name) => names.1 = Some(name),
                ("END", "VTIMEZONE") => {
                    if let (Some(name), Some(zone)) = (names.0, names.1.and_then(by_name)) {
                        known.insert(name.to_string(), zone);
                    }
                }
                _ => {}
            }
        }
        Zones { office: office.clone(), known }
    }

    /// A date, or a date with a time, as DTSTART has it.
    pub fn when(&self, line: &Line, text: &str) -> Result<When, IcsError> {
        let text = text.trim();
        let no_time = || Fault::NoTime { text: text.chars().take(40).collect() }.at(line.number);
        let Some((day, time)) = text.split_once(['T', 't']) else {
            return Ok(When::Day(date(text).ok_or_else(no_time)?));
        };
        let (time, is_utc) = match time.strip_suffix(['Z', 'z']) {
            Some(time) => (time, true),
            None => (time, false),
        };
        let civil =
            date(day).zip(clock(time)).map(|(day, time)| day.to_datetime(time)).ok_or_else(no_time)?;
        let zone = match (is_utc, line.parameter("TZID")) {
            (true, _) => TimeZone::UTC,
            (false, None) => self.office.clone(),
            (false, Some(name)) => self.named(name).map_err(|fault| fault.at(line.number))?,
        };
        Ok(When::Time { civil, zone })
    }

    pub fn start(&self, line: &Line, text: &str) -> Result<Start, IcsError> {
        Ok(match self.when(line, text)? {
            When::Day(day) => {
                let civil = day.to_datetime(jiff::civil::Time::midnight());
                Start { civil, zone: self.office.clone(), kind: Kind::Day }
            }
            When::Time { civil, zone } => Start { civil, zone, kind: Kind::Time },
        })
    }

    /// `start`, `start/end` or `start/length`.
    pub fn start_and_length(&self, line: &Line, text: &str) -> Result<(Start, Option<Length>), IcsError> {
        let Some((start, rest)) = text.split_once('/') else { return Ok((self.start(line, text)?, None)) };
        let start = self.start(line, start)?;
        let length = match rest.trim_start().starts_with(['P', 'p', '+']) {
            true => Length::parse(rest),
            false => Length::between(&start, &self.when(line, rest)?),
        };
        Ok((start, Some(length.map_err(|fault| fault.at(line.number))?)))
    }

    fn named(&self, name: &str) -> Result<TimeZone, Fault> {
        let known = self.known.get(name).cloned().or_else(|| by_name(name));
        known.ok_or_else(|| Fault::NoZone { name: name.chars().take(60).collect() })
    }
}

/// A clock by its IANA name, also behind a maker's prefix (`/example.org/2026a/America/Chicago`), or by Outlook's.
fn by_name(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    if let Some((_, iana)) = OUTLOOK.iter().find(|(outlook, _)| outlook.eq_ignore_ascii_case(name)) {
        return TimeZone::get(iana).ok();
    }
    let places = name.match_indices('/').map(|(at, _)| &name[at + 1..]);
    std::iter::once(name)
        .chain(places)
        .filter(|name| !name.is_empty())
        .find_map(|name| TimeZone::get(name).ok())
}

fn date(text: &str) -> Option<Date> {
    let digits = digits(text, 8)?;
    Date::new(digits[..4].parse().ok()?, digits[4..6].parse().ok()?, digits[6..].parse().ok()?).ok()
}

/// `HHMMSS`; a leap second is the second before it.
fn clock(text: &str) -> Option<jiff::civil::Time> {
    let digits = digits(text, 6)?;
    let second: i8 = digits[4..].parse().ok()?;
    let second = if second == 60 { 59 } else { second };
    jiff::civil::Time::new(digits[..2].parse().ok()?, digits[2..4].parse().ok()?, second, 0).ok()
}

fn digits(text: &str, count: usize) -> Option<&str> {
    (text.len() == count && text.bytes().all(|sign| sign.is_ascii_digit())).then_some(text)
}
