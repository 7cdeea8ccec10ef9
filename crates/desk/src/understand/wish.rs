//! When somebody would like a visit, and how well a slot meets that.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use crate::booking::Slot;

/// When somebody would like a visit. The default wishes nothing and fits every slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Any of these will do; empty means any time.
    pub any: Vec<When>,
    /// None of these.
    pub not: Vec<When>,
    /// As soon as possible.
    pub soonest: bool,
    /// Only later than this: the caller has turned down everything before.
    pub beyond: Option<Timestamp>,
}

/// A day, a time of day, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// Which day; any if missing.
    pub day: Option<Day>,
    /// Which hours; any if missing.
    pub hours: Option<Hours>,
}

/// Days, by the office's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// Any such weekday.
    Weekday(Weekday),
    /// This one.
    On(Date),
    /// From the first to the second, both included.
    Span(Date, Date),
}

/// Hours of a day, by the office's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hours {
    /// At this time.
    At(Time),
    /// Not far from this time.
    Around(Time),
    /// Arriving from the first until before the second.
    Within(Time, Time),
    /// Done by this time.
    Before(Time),
    /// Not earlier than this time.
    After(Time),
}

/// How far "around" reaches, in minutes.
const AROUND_MINUTES: i32 = 90;

impl Wish {
    /// Whether nothing was wished at all.
    pub fn is_empty(&self) -> bool {
        *self == Wish::default()
    }

    /// Whether a slot meets the wish.
    pub fn fits(&self, slot: &Slot) -> bool {
        self.suits(&Visit::between(slot.start, slot.end, &slot.zone))
    }

    /// The same of a visit that nobody has been offered yet.
    pub fn suits(&self, visit: &Visit) -> bool {
        let wanted = self.any.is_empty() || self.any.iter().any(|when| when.is_met(visit));
        wanted && !self.is_refused(visit)
    }

    fn is_refused(&self, visit: &Visit) -> bool {
        self.beyond.is_some_and(|beyond| visit.start <= beyond)
            || self.not.iter().any(|when| when.is_met(visit))
    }

    /// How far a visit is from the wish, in minutes with days counting more: only for comparing visits.
    pub fn distance(&self, visit: &Visit) -> u64 {
        let nearest = self.any.iter().map(|when| when.distance(visit)).min().unwrap_or(0);
        let refused = if self.is_refused(visit) { 1_000_000 } else { 0 };
        nearest + refused
    }

    /// This wish, with days and hours it leaves open taken from a slot: "make it eleven" means the same day.
    #[must_use]
    pub fn on_the_day_of(mut self, slot: &Slot) -> Wish {
        let date = slot.start.to_zoned(slot.zone.clone()).date();
        for when in &mut self.any {
            when.day = when.day.or(Some(Day::On(date)));
        }
        self
    }
}

/// A window of time in which a visit could be made, and what the clock of its office shows at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The earliest arrival.
    pub start: Timestamp,
    /// The end of the visit.
    pub end: Timestamp,
    from: DateTime,
    to: DateTime,
}

impl Visit {
    /// Between two moments, by this clock.
    pub fn between(start: Timestamp, end: Timestamp, zone: &TimeZone) -> Visit {
        Visit { start, end, from: zone.to_datetime(start), to: zone.to_datetime(end) }
    }

    /// The day on which it begins.
    pub fn day(&self) -> Date {
        self.from.date()
    }

    /// Whether it begins at noon or later.
    pub fn is_after_noon(&self) -> bool {
        self.from.hour() >= 12
    }

    /// Minutes of the day at start and end; an end after midnight counts on.
    fn minutes(&self) -> (i32, i32) {
        let day = if self.to.date() > self.from.date() { 24 * 60 } else { 0 };
        (minutes(self.from.time()), minutes(self.to.time()) + day)
    }
}

fn minutes(time: Time) -> i32 {
    i32::from(time.hour()) * 60 + i32::from(time.minute())
}

impl When {
    fn is_met(&self, visit: &Visit) -> bool {
        self.day.is_none_or(|day| day.distance(visit.day()) == 0)
            && self.hours.is_none_or(|hours| hours.distance(visit) == 0)
    }

    fn distance(&self, visit: &Visit) -> u64 {
        let days = self.day.map_or(0, |day| day.distance(visit.day()));
        let minutes = self.hours.map_or(0, |hours| hours.distance(visit));
        days * 1_000 + u64::from(minutes)
    }
}

impl Day {
    /// Days between.
    fn distance(self, date: Date) -> u64 {
        let apart = |from: Date, to: Date| {
            u64::from(from.until(to).map_or(9_999, |span| span.get_days()).unsigned_abs())
        };
        match self {
            Day::Weekday(weekday) => {
                let ahead = date.weekday().since(weekday).rem_euclid(7);
                u64::from(ahead.min(7 - ahead).unsigned_abs())
            }
            Day::On(day) => apart(date, day),
            Day::Span(from, to) if (from..=to).contains(&date) => 0,
            Day::Span(from, to) => apart(date, from).min(apart(date, to)),
        }
    }
}

impl Hours {
    /// Minutes between; zero if the visit will do.
    fn distance(self, visit: &Visit) -> u32 {
        let (start, end) = visit.minutes();
        let apart = match self {
            Hours::At(time) if (start..end).contains(&minutes(time)) => 0,
            Hours::At(time) => (start - minutes(time)).abs(),
            Hours::Around(time) => ((start - minutes(time)).abs() - AROUND_MINUTES).max(0),
            Hours::Within(from, to) => (minutes(from) - start).max(start + 1 - last_minute(to)).max(0),
            Hours::Before(time) => (end - last_minute(time)).max(0),
            Hours::After(time) => (minutes(time) - start).max(0),
        };
        apart.unsigned_abs()
    }
}

/// Midnight ends a day rather than beginning it.
fn last_minute(time: Time) -> i32 {
    match minutes(time) {
        0 => 24 * 60,
        minute => minute,
    }
}
