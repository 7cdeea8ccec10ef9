//! When an office is open: OpenStreetMap `opening_hours` syntax, public holidays, the owner's exceptions.
//!
//! Read once when the configuration loads, then asked often. What being closed means for a call is decided
//! in [`routing`](crate::routing).
//! Invariant: answers follow the office's own clock, through every change to and from summer time.

use std::fmt;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use opening_hours::localization::Country as HolidayCountry;
use opening_hours::{Context, OpeningHours, RuleKind};

use crate::number::Country;

/// The hours of one office, read and ready.
#[derive(Clone)]
pub struct OfficeHours {
    /// As the owner wrote them, without exceptions.
    hours: String,
    text: String,
    /// With holidays and exceptions.
    true_hours: OpeningHours,
    /// An ordinary week: what would hold on a day without holiday or exception.
    ordinary: OpeningHours,
    holidays: opening_hours::ContextHolidays,
    zone: TimeZone,
}

/// Whether somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Openness {
    /// Somebody is.
    Open,
    /// Outside the ordinary hours.
    Closed,
    /// A public holiday, or closed now only because the owner excepted this time.
    Holiday,
}

impl OfficeHours {
    /// Reads hours like `Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off` and exceptions like
    /// `2026 Dec 24 12:00-24:00 off`, for the holidays of `country` and the clock of `zone`.
    ///
    /// Source of the syntax: <https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification>.
    pub fn parse(
        hours: &str,
        except: &[String],
        country: Country,
        zone: TimeZone,
    ) -> Result<OfficeHours, HoursError> {
        let ordinary = read(hours)?;
        let mut whole = without_last_sign(hours).to_string();
        for exception in except {
            read(exception)?;
            whole.push_str("; ");
            whole.push_str(without_last_sign(exception));
        }
        let holidays = match country.iso().parse::<HolidayCountry>() {
            Ok(known) => known.holidays(),
            Err(_) => opening_hours::ContextHolidays::default(),
        };
        let context = Context::default().with_holidays(holidays.clone());
        let true_hours = read(&whole)?.with_context(context);
        let hours = without_last_sign(hours).to_string();
        Ok(OfficeHours { hours, text: whole, true_hours, ordinary, holidays, zone })
    }

    /// Whether somebody is there at this moment.
    pub fn openness(&self, at: Timestamp) -> Openness {
        let local = self.local(at);
        if self.true_hours.state(local).0 == RuleKind::Open {
            return Openness::Open;
        }
        let is_holiday = self.holidays.get_public().contains(local.date());
        match is_holiday || self.ordinary.state(local).0 == RuleKind::Open {
            true => Openness::Holiday,
            false => Openness::Closed,
        }
    }

    /// Every stretch of being open between two moments, in order, cut at both ends; none if `to` is not later.
    ///
    /// At most ten years are looked at.
    pub fn open_intervals(&self, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let far = from.checked_add(jiff::SignedDuration::from_hours(24 * 3660)).unwrap_or(Timestamp::MAX);
        let to = to.min(far);
        if to <= from {
            return Vec::new();
        }
        let stretches = self.true_hours.iter_range(self.local(from), self.local(to));
        stretches
            .filter(|stretch| stretch.kind == RuleKind::Open)
            .map(|stretch| {
                (self.moment(stretch.range.start).max(from), self.moment(stretch.range.end).min(to))
            })
            .filter(|(start, end)| start < end)
            .collect()
    }

    /// When the office opens next, within the coming year; `None` while it is open, or if it never does.
    pub fn opens_next(&self, at: Timestamp) -> Option<Timestamp> {
        let local = self.local(at);
        if self.true_hours.state(local).0 == RuleKind::Open {
            return None;
        }
        let year = at.checked_add(jiff::SignedDuration::from_hours(24 * 366)).ok()?;
        let change =
            self.true_hours.iter_range(local, self.local(year)).find(|next| next.kind == RuleKind::Open)?;
        Some(self.moment(change.range.start))
    }

    /// The first public holiday within two years on which the office is open although `PH off` stands in its hours: what stands
    /// after it counts more. `None` if that rule does anything.
    pub fn holiday_not_kept(&self, at: Timestamp) -> Option<Date> {
        let off = |rule: &&str| matches!(rule.trim().to_ascii_lowercase().as_str(), "ph off" | "ph closed");
        let rules = self.hours.split(';');
        let others: Vec<&str> = rules.clone().filter(|rule| !off(rule)).collect();
        if others.len() == rules.count() {
            return None;
        }
        let context = || Context::default().with_holidays(self.holidays.clone());
        let (with, without) = (read(&self.hours).ok()?, read(&others.join(";")).ok()?);
        let (with, without) = (with.with_context(context()), without.with_context(context()));
        let today = self.local(at).date();
        let days = today.iter_days().take(2 * 366);
        let holidays: Vec<NaiveDate> = days.filter(|day| self.holidays.get_public().contains(*day)).collect();
        let open_on = |hours: &OpeningHours, day: NaiveDate| {
            let (from, to) = (day.and_time(NaiveTime::MIN), day.succ_opt()?.and_time(NaiveTime::MIN));
            let open = hours.iter_range(from, to).filter(|stretch| stretch.kind == RuleKind::Open);
            Some(open.map(|stretch| (stretch.range.start, stretch.range.end)).collect::<Vec<_>>())
        };
        if holidays.iter().any(|day| open_on(&with, *day) != open_on(&without, *day)) {
            return None;
        }
        let open = holidays.into_iter().find(|day| open_on(&with, *day).is_some_and(|open| !open.is_empty()));
        open.map(|day| civil(day.and_time(NaiveTime::MIN)).date())
    }

    /// The office's clock.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    fn local(&self, at: Timestamp) -> NaiveDateTime {
        naive(at.to_zoned(self.zone.clone()).datetime())
    }

    /// A local time that a change of clocks skips or doubles becomes what RFC 5545 3.3.5 says: later, or the first.
    fn moment(&self, local: NaiveDateTime) -> Timestamp {
        let zoned = civil(local).to_zoned(self.zone.clone());
        zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp())
    }
}

impl fmt::Debug for OfficeHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OfficeHours({:?}, {:?})", self.text, self.zone.iana_name())
    }
}

/// Why hours cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HoursError {
    /// Nothing was written.
    #[error(
        "the hours are empty; write them like \"Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off\", or \"24/7\""
    )]
    Empty,
    /// The part that is not understood is named.
    #[error(
        "the hours {text:?} cannot be read from {rest:?} on; write them like \"Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off\""
    )]
    Unreadable {
        /// As written.
        text: String,
        /// From the first sign that makes no sense.
        rest: String,
    },
    /// It is written correctly, and depends on what nobody here knows.
    #[error("the hours {text:?} depend on {word:?}, which is not known here; {instead}")]
    Unknown {
        /// As written.
        text: String,
        /// The word that names it.
        word: String,
        /// What can be written.
        instead: &'static str,
    },
    /// It is written correctly and cannot be.
    #[error("the hours {text:?} cannot be: {why}")]
    Impossible {
        /// As written.
        text: String,
        /// The reason.
        why: String,
    },
}

fn read(text: &str) -> Result<OpeningHours, HoursError> {
    let text = without_last_sign(text);
    if text.is_empty() {
        return Err(HoursError::Empty);
    }
    let hours = text.parse::<OpeningHours>().map_err(|error| explain(text, &error.to_string()))?;
    knowable(text)?;
    Ok(hours)
}

/// A sign that parts rules stands after the last one too where people write lists.
fn without_last_sign(text: &str) -> &str {
    text.trim().trim_end_matches(';').trim_end()
}

/// There is no calendar of schools here, and nobody knows where the office lies: such rules would be read and mean nothing, or
/// that the sun rises at seven.
fn knowable(text: &str) -> Result<(), HoursError> {
    let without_comments = text.split('"').step_by(2);
    let mut words = without_comments.flat_map(|part| part.split(|sign: char| !sign.is_ascii_alphabetic()));
    let found = words.find_map(|word| {
        let instead = match word.to_ascii_lowercase().as_str() {
            "sh" => "write the dates of school holidays, like \"2026 Jul 01-2026 Aug 31 off\"",
            "sunrise" | "sunset" | "dawn" | "dusk" => "write times, like \"08:00-17:00\"",
            _ => return None,
        };
        Some((word, instead))
    });
    let unknown = |(word, instead): (&str, &'static str)| HoursError::Unknown {
        text: text.to_string(),
        word: word.to_string(),
        instead,
    };
    found.map_or(Ok(()), |found| Err(unknown(found)))
}

/// The parser draws the place as ` --> 1:7`; a person wants to see the words from there on.
fn explain(text: &str, drawn: &str) -> HoursError {
    let text = text.to_string();
    let place = drawn.split("--> 1:").nth(1).and_then(|rest| rest.lines().next());
    match place.and_then(|column| column.trim().parse::<usize>().ok()) {
        Some(column) => {
            let rest: String = text.chars().skip(column.saturating_sub(1)).collect();
            let rest = if rest.is_empty() { "the end".to_string() } else { rest };
            HoursError::Unreadable { text, rest }
        }
        None => HoursError::Impossible { text, why: drawn.lines().next().unwrap_or("unknown").to_string() },
    }
}

fn naive(at: DateTime) -> NaiveDateTime {
    let date = NaiveDate::from_ymd_opt(
        at.year().into(),
        at.month().unsigned_abs().into(),
        at.day().unsigned_abs().into(),
    );
    let (hour, minute, second) =
        (at.hour().unsigned_abs(), at.minute().unsigned_abs(), at.second().unsigned_abs());
    let time = NaiveTime::from_hms_opt(hour.into(), minute.into(), second.into());
    date.unwrap_or(NaiveDate::MIN).and_time(time.unwrap_or(NaiveTime::MIN))
}

fn civil(at: NaiveDateTime) -> DateTime {
    use chrono::{Datelike, Timelike};
    let year = i16::try_from(at.year()).unwrap_or(9999);
    let small = |value: u32| i8::try_from(value).unwrap_or(0);
    let date = Date::new(year, small(at.month()), small(at.day())).unwrap_or(Date::MAX);
    date.at(small(at.hour()), small(at.minute()), small(at.second()), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: &str = "Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off";

    fn chicago() -> TimeZone {
        TimeZone::get("America/Chicago").unwrap()
    }

    fn office(except: &[&str]) -> OfficeHours {
        let except: Vec<String> = except.iter().map(ToString::to_string).collect();
        OfficeHours::parse(WEEK, &except, Country::US, chicago()).unwrap()
    }

    fn at(local: &str) -> Timestamp {
        local.parse::<DateTime>().unwrap().to_zoned(chicago()).unwrap().timestamp()
    }

    #[test]
    fn an_office_is_open_by_its_own_clock_holidays_and_exceptions() {
        let office = office(&["2026 Dec 24 12:00-24:00 off", "2026 Dec 23 06:00-20:00"]);
        for (when, openness) in [
            ("2026-11-23T08:00", Openness::Open),
            ("2026-11-23T07:59", Openness::Closed),
            ("2026-11-23T17:00", Openness::Closed),
            ("2026-11-28T11:59", Openness::Open),
            ("2026-11-29T11:00", Openness::Closed),
            ("2026-11-26T10:00", Openness::Holiday), // Thanksgiving
            ("2026-11-27T10:00", Openness::Open),
            ("2026-12-23T06:30", Openness::Open),
            ("2026-12-24T11:00", Openness::Open),
            ("2026-12-24T13:00", Openness::Holiday),
            ("2026-12-25T10:00", Openness::Holiday),
            ("2027-07-05T10:00", Openness::Holiday), // the Fourth falls on a Sunday
        ] {
            assert_eq!(office.openness(at(when)), openness, "{when}");
        }
    }

    #[test]
    fn a_day_beside_a_holiday_on_which_nobody_is_there_because_of_it_counts_as_one() {
        let hours = "Mo-Fr 08:00-17:00; PH off; PH -1 day off";
        let office = OfficeHours::parse(hours, &[], Country::US, chicago()).unwrap();
        // Thanksgiving is the 26th.
        for (when, openness) in [
            ("2026-11-24T10:00", Openness::Open),
            ("2026-11-25T10:00", Openness::Holiday),
            ("2026-11-25T18:00", Openness::Closed),
            ("2026-11-26T10:00", Openness::Holiday),
            ("2026-11-27T10:00", Openness::Open),
            ("2026-11-30T10:00", Openness::Open),
        ] {
            assert_eq!(office.openness(at(when)), openness, "{when}");
        }
    }

    #[test]
    fn opening_is_at_eight_on_both_sides_of_the_change_to_summer_time() {
        let office = office(&[]);
        // Clocks go forward on Sunday, 14 March 2027.
        let open = office.open_intervals(at("2027-03-12T18:00"), at("2027-03-15T12:00"));
        let expected = [("2027-03-13T09:00", "2027-03-13T12:00"), ("2027-03-15T08:00", "2027-03-15T12:00")];
        assert_eq!(open, expected.map(|(from, to)| (at(from), at(to))));
        assert_eq!(open[0].0.to_string(), "2027-03-13T15:00:00Z");
        assert_eq!(open[1].0.to_string(), "2027-03-15T13:00:00Z");
    }

    #[test]
    fn a_night_office_gains_and_loses_the_hour_of_the_clock_change() {
        let night = OfficeHours::parse("22:00-06:00", &[], Country::US, chicago()).unwrap();
        let hours = |from: &str, to: &str| {
            let (start, end) = night.open_intervals(at(from), at(to))[0];
            end.duration_since(start).as_hours()
        };
        assert_eq!(hours("2027-03-13T12:00", "2027-03-14T12:00"), 7);
        assert_eq!(hours("2026-10-31T12:00", "2026-11-01T12:00"), 9);
        assert_eq!(hours("2026-11-10T12:00", "2026-11-11T12:00"), 8);
    }

    #[test]
    fn the_next_opening_skips_the_weekend_and_the_holiday() {
        let office = office(&[]);
        assert_eq!(office.opens_next(at("2026-11-25T18:00")), Some(at("2026-11-27T08:00")));
        assert_eq!(office.opens_next(at("2026-11-28T12:00")), Some(at("2026-11-30T08:00")));
        assert_eq!(office.opens_next(at("2026-11-30T09:00")), None);
    }

    #[test]
    fn hours_that_cannot_be_read_are_refused_in_a_sentence() {
        for (text, says) in [
            ("Mo-Fr 8 to 5", "the hours \"Mo-Fr 8 to 5\" cannot be read from "),
            ("weekdays", "the hours \"weekdays\" cannot be read from "),
            ("  ", "the hours are empty"),
            ("Mo-Fr 08:00-99:00", "the hours \"Mo-Fr 08:00-99:00\" cannot be"),
        ] {
            let error = OfficeHours::parse(text, &[], Country::US, chicago()).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let except = ["sometimes".to_string()];
        let error = OfficeHours::parse(WEEK, &except, Country::US, chicago()).unwrap_err().to_string();
        assert!(error.contains("\"sometimes\""), "{error}");
    }

    #[test]
    fn hours_may_end_with_the_sign_that_parts_them() {
        let except = ["2026 Nov 24 off;".to_string()];
        let office = OfficeHours::parse("Mo-Fr 08:00-17:00 ; ", &except, Country::US, chicago()).unwrap();
        assert_eq!(office.openness(at("2026-11-23T08:00")), Openness::Open);
        assert_eq!(office.openness(at("2026-11-24T08:00")), Openness::Holiday);
    }

    #[test]
    fn hours_that_depend_on_schools_or_on_the_sun_are_refused_rather_than_guessed() {
        for (text, word) in [("Mo-Fr 08:00-17:00; SH off", "SH"), ("sunrise-(sunset-01:00)", "sunrise")] {
            let error = OfficeHours::parse(text, &[], Country::US, chicago()).unwrap_err().to_string();
            assert!(
                error.contains(&format!("depend on {word:?}, which is not known here; write ")),
                "{error}"
            );
        }
        let spoken = "Mo-Fr 08:00-17:00 \"not at dusk\"";
        assert!(OfficeHours::parse(spoken, &[], Country::US, chicago()).is_ok());
    }

    #[test]
    fn a_rule_for_holidays_that_what_follows_undoes_is_noticed() {
        let not_kept = |hours: &str| {
            let hours = OfficeHours::parse(hours, &[], Country::US, chicago()).unwrap();
            hours.holiday_not_kept(at("2026-01-02T10:00")).map(|day| day.to_string())
        };
        assert_eq!(not_kept("PH off; Mo-Fr 08:00-17:00").as_deref(), Some("2026-01-19"));
        for kept in [
            WEEK,
            "Mo-Fr 08:00-17:00",
            "PH off; Sa 09:00-12:00",
            "PH off",
            "24/7; PH off; Dec 25 10:00-12:00",
        ] {
            assert_eq!(not_kept(kept), None, "{kept}");
        }
    }

    #[test]
    fn every_country_whose_numbers_are_read_has_its_public_holidays() {
        for iso in "US CA PR GB IE AU NZ DE AT CH FR BE NL SE ES PT DK NO".split(' ') {
            let country: Country = iso.parse().unwrap();
            let hours = OfficeHours::parse("24/7; PH off", &[], country, chicago()).unwrap();
            assert_eq!(hours.openness(at("2026-12-25T10:00")), Openness::Holiday, "{country:?}");
        }
    }

    #[test]
    fn an_interval_that_ends_before_it_begins_is_empty() {
        assert_eq!(office(&[]).open_intervals(at("2026-11-24T12:00"), at("2026-11-23T12:00")), []);
    }
}
