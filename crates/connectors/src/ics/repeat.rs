//! Rules for repeating (`RRULE`), expanded with the `rrule` crate on a clock without a zone.
//!
//! The rule is followed in civil time, and each civil time becomes a moment afterwards: so eight o'clock stays
//! eight o'clock when the clocks change, in any zone.

use chrono::{Datelike, TimeZone as _, Timelike};
use jiff::Timestamp;
use jiff::civil::DateTime;
use rrule::{RRule, RRuleSet, Unvalidated};

use super::Fault;
use super::time::{Kind, Start};

/// Occurrences followed in all entries together.
const MOST_STEPS: u32 = 1_000_000;

/// How many more occurrences are followed.
#[derive(Debug)]
pub(super) struct Patience(u32);

impl Default for Patience {
    fn default() -> Self {
        Patience(MOST_STEPS)
    }
}

impl Patience {
    fn step(&mut self) -> Result<(), Fault> {
        self.0 = self.0.checked_sub(1).ok_or(Fault::RepeatsTooOften)?;
        Ok(())
    }
}

/// The civil times at which `rule` repeats what starts at `start`, before `to`.
pub(super) fn starts(
    rule: &str,
    start: &Start,
    to: Timestamp,
    patience: &mut Patience,
) -> Result<Vec<DateTime>, Fault> {
    let Some(rule) = on_its_own_clock(rule, start)? else { return Ok(Vec::new()) };
    let first = chronos(start.civil).ok_or_else(|| no_rule("the start is out of range"))?;
    let rule: RRule<Unvalidated> = rule.parse().map_err(no_rule)?;
    let rule = rule.validate(first).map_err(no_rule)?;
    let set = RRuleSet::new(first).rrule(rule).limit();
    let mut starts = Vec::new();
    for at in &set {
        patience.step()?;
        let Some(at) = jiffs(&at) else { break };
        if start.on(at).moment() >= to {
            break;
        }
        starts.push(at);
    }
    Ok(starts)
}

fn no_rule(why: impl ToString) -> Fault {
    Fault::NoRule { why: why.to_string().trim_end_matches('.').to_string() }
}

/// The rule with its UNTIL as a civil time on the clock of `start`; `None` if that is before the start.
fn on_its_own_clock(rule: &str, start: &Start) -> Result<Option<String>, Fault> {
    let mut parts = Vec::new();
    for part in rule.split(';').filter(|part| !part.trim().is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| no_rule(format!("{part:?} has no =")))?;
        let (name, value) = (name.trim().to_ascii_uppercase(), value.trim().to_ascii_uppercase());
        match name.as_str() {
            "FREQ" if ["SECONDLY", "MINUTELY"].contains(&value.as_str()) => {
                return Err(Fault::RepeatsTooOften);
            }
            "UNTIL" => {
                let until = until(&value, start).ok_or(Fault::NoTime { text: value })?;
                if until < start.civil {
                    return Ok(None);
                }
                parts.push(format!("UNTIL={}", until.strftime("%Y%m%dT%H%M%SZ")));
            }
            _ => parts.push(format!("{name}={value}")),
        }
    }
    Ok(Some(parts.join(";")))
}

/// The last civil time that may still be one: `19971224T000000Z`, the same without `Z`, or a day, to its end.
fn until(value: &str, start: &Start) -> Option<DateTime> {
    let end_of_day = jiff::civil::Time::new(23, 59, 59, 0).ok()?;
    let Some((day, _)) = value.split_once('T') else {
        return Some(jiff::civil::Date::strptime("%Y%m%d", value).ok()?.to_datetime(end_of_day));
    };
    if start.kind == Kind::Day {
        return Some(jiff::civil::Date::strptime("%Y%m%d", day).ok()?.to_datetime(end_of_day));
    }
    match value.strip_suffix('Z') {
        Some(utc) => {
            let utc = DateTime::strptime("%Y%m%dT%H%M%S", utc).ok()?;
            let moment = jiff::tz::TimeZone::UTC.to_timestamp(utc).ok()?;
            Some(start.civil_at(moment))
        }
        None => DateTime::strptime("%Y%m%dT%H%M%S", value).ok(),
    }
}

/// A civil time, written as if it were UTC.
fn chronos(civil: DateTime) -> Option<chrono::DateTime<rrule::Tz>> {
    let [year, month, day] = [i32::from(civil.year()), i32::from(civil.month()), i32::from(civil.day())];
    let [hour, minute, second] = [civil.hour(), civil.minute(), civil.second()].map(i32::from);
    let whole = |part: i32| u32::try_from(part).ok();
    let utc = rrule::Tz::UTC;
    utc.with_ymd_and_hms(year, whole(month)?, whole(day)?, whole(hour)?, whole(minute)?, whole(second)?)
        .single()
}

fn jiffs(at: &chrono::DateTime<rrule::Tz>) -> Option<DateTime> {
    let small = |part: u32| i8::try_from(part).ok();
    let year = i16::try_from(at.year()).ok()?;
    let [month, day] = [small(at.month())?, small(at.day())?];
    DateTime::new(year, month, day, small(at.hour())?, small(at.minute())?, small(at.second())?, 0).ok()
}
