//! iCalendar (RFC 5545), as far as it says when somebody is busy.
//!
//! Events and free-busy lists are read; recurrence rules are expanded on the calendar's own clock, so that
//! a visit "every Tuesday at eight" stays at eight when the clocks change. Names, places and people are not
//! looked at.
//!
//! Invariant: an entry that may be busy and is not understood is an error with its line, never free time.

mod lines;
mod repeat;
mod time;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{Busy, Range, joined};
use lines::{Line, properties};
use time::{Length, Start, When, Zones};

/// Entries in one calendar, at most.
const MOST_ENTRIES: usize = 50_000;

/// Why a calendar is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct IcsError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong at a line of a calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It does not begin like one.
    #[error("this is not a calendar in iCalendar form; it would begin with BEGIN:VCALENDAR")]
    NoCalendar,
    /// `END` without its `BEGIN`, or the other way round.
    #[error("{what} is not closed; the file was not exported whole")]
    NotClosed {
        /// What was begun last.
        what: String,
    },
    /// No `NAME:value`.
    #[error("{text:?} is not a line of a calendar")]
    NoProperty {
        /// Its beginning.
        text: String,
    },
    /// An event that says not when.
    #[error("the event has no DTSTART")]
    NoStart,
    /// No date, or no time.
    #[error("{text:?} is not a time; write 20261203T140000 or 20261203")]
    NoTime {
        /// What stands there.
        text: String,
    },
    /// No length of time.
    #[error("{text:?} is not a length of time; write PT2H or P1D")]
    NoLength {
        /// What stands there.
        text: String,
    },
    /// A name that no clock goes by.
    #[error("the time zone {name:?} is not known; use a name like America/Chicago")]
    NoZone {
        /// What stands there.
        name: String,
    },
    /// It is over before it begins.
    #[error("the event ends before it starts")]
    EndsBeforeStart,
    /// A rule that is none, or one that no calendar of visits needs.
    #[error("the rule for repeating is not understood: {why}")]
    NoRule {
        /// Why.
        why: String,
    },
    /// Following it would take for ever.
    #[error("the entries repeat too often; end old series with an UNTIL")]
    RepeatsTooOften,
    /// More than one calendar can hold.
    #[error("the calendar has more than {MOST_ENTRIES} entries; export only the months ahead")]
    TooMany,
}

impl Fault {
    fn at(self, line: usize) -> IcsError {
        IcsError { line, fault: self }
    }
}

/// A calendar, read.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    /// Entries that stand for themselves or begin a series, with the changed occurrences of that series.
    series: Vec<Series>,
    /// From free-busy lists.
    lists: Vec<Busy>,
}

#[derive(Clone, Debug)]
struct Series {
    event: Event,
    changes: Vec<Event>,
}

/// One VEVENT, as far as it matters.
#[derive(Clone, Debug)]
struct Event {
    line: usize,
    uid: String,
    start: Start,
    length: Length,
    shows: Shows,
    rule: Option<(usize, String)>,
    more: Vec<(Start, Option<Length>)>,
    except: Vec<Start>,
    /// The occurrence it stands for.
    instead_of: Option<(Start, Reach)>,
}

/// Whether an entry takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    Busy,
    Free,
}

/// How far a changed occurrence reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    ThisOne,
    ThisAndFuture,
}

impl Calendar {
    /// Reads a calendar. `zone` is the office's: all-day entries and times without a zone are meant there.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Calendar, IcsError> {
        let lines = properties(text)?;
        let zones = Zones::find(&lines, zone);
        let mut reading =
            Reading { zones, open: Vec::new(), event: None, events: Vec::new(), lists: Vec::new() };
        for line in &lines {
            reading.take(line)?;
        }
        let last = lines.last().map_or(1, |line| line.number);
        if let Some(what) = reading.open.pop() {
            return Err(Fault::NotClosed { what }.at(last));
        }
        if lines.is_empty() {
            return Err(Fault::NoCalendar.at(1));
        }
        Ok(Calendar { zone: zone.clone(), series: in_series(reading.events), lists: reading.lists })
    }

    /// Busy times that touch `range`, in order and joined.
    pub fn busy(&self, range: Range) -> Result<Vec<Busy>, IcsError> {
        let mut busy: Vec<Busy> = self.lists.iter().copied().filter(|busy| range.overlaps(*busy)).collect();
        let mut patience = repeat::Patience::default();
        for series in &self.series {
            series.expand(range, &mut patience, &mut |stretch| {
                if stretch.start < stretch.end && range.overlaps(stretch) {
                    busy.push(stretch);
                }
            })?;
        }
        Ok(joined(busy))
    }

    /// The office's clock, as given.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

/// Brings changed occurrences together with their series; one whose series is missing stands for itself.
fn in_series(events: Vec<Event>) -> Vec<Series> {
    let mut changes: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    let mut series: Vec<Series> = Vec::new();
    for event in events {
        match event.instead_of {
            Some(_) => changes.entry(event.uid.clone()).or_default().push(event),
            None => series.push(Series { event, changes: Vec::new() }),
        }
    }
    for one in &mut series {
        if let Some(changed) = changes.remove(&one.event.uid) {
            one.changes = changed;
        }
    }
    let alone = changes.into_values().flatten().map(|event| Series { event, changes: Vec::new() });
    series.extend(alone);
    series
}

/// A file half read.
struct Reading {
    zones: Zones,
    /// Components begun and not ended, outermost first.
    open: Vec<String>,
    event: Option<Draft>,
    events: Vec<Event>,
    lists: Vec<Busy>,
}

/// A VEVENT half read.
#[derive(Default)]
struct Draft {
    line: usize,
    uid: String,
    start: Option<Start>,
    end: Option<(usize, When)>,
    length: Option<Length>,
    free: bool,
    rule: Option<(usize, String)>,
    more: Vec<(Start, Option<Length>)>,
    except: Vec<Start>,
    instead_of: Option<(Start, Reach)>,
}

impl Reading {
    fn take(&mut self, line: &Line) -> Result<(), IcsError> {
        match (line.name.as_str(), self.open.last().map(String::as_str)) {
            ("BEGIN", _) => self.begin(line),
            ("END", _) => self.end(line),
            (_, None) => Err(Fault::NoCalendar.at(line.number)),
            (_, Some("VEVENT")) => self.event_property(line),
            ("FREEBUSY", Some("VFREEBUSY")) => self.list(line),
            (_, Some(_)) => Ok(()),
        }
    }

    fn begin(&mut self, line: &Line) -> Result<(), IcsError> {
        let what = line.value.trim().to_ascii_uppercase();
        if self.open.is_empty() != (what == "VCALENDAR") {
            let fault = match self.open.last() {
                None => Fault::NoCalendar,
                Some(open) => Fault::NotClosed { what: open.clone() },
            };
            return Err(fault.at(line.number));
        }
        if what == "VEVENT" {
            self.event = Some(Draft { line: line.number, ..Draft::default() });
        }
        self.open.push(what);
        Ok(())
    }

    fn end(&mut self, line: &Line) -> Result<(), IcsError> {
        let what = line.value.trim().to_ascii_uppercase();
        match self.open.pop() {
            Some(open) if open == what => {}
            Some(open) => return Err(Fault::NotClosed { what: open }.at(line.number)),
            None => return Err(Fault::NoCalendar.at(line.number)),
        }
        if what == "VEVENT"
            && let Some(draft) = self.event.take()
        {
            if self.events.len() >= MOST_ENTRIES {
                return Err(Fault::TooMany.at(line.number));
            }
            self.events.push(draft.finish()?);
        }
        Ok(())
    }

    fn event_property(&mut self, line: &Line) -> Result<(), IcsError> {
        let zones = &self.zones;
        let Some(event) = &mut self.event else { return Ok(()) };
        match line.name.as_str() {
            "UID" => event.uid = line.value.trim().to_string(),
            "DTSTART" => event.start = Some(zones.start(line, &line.value)?),
            "DTEND" => event.end = Some((line.number, zones.when(line, &line.value)?)),
            "DURATION" => {
                event.length = Some(Length::parse(&line.value).map_err(|fault| fault.at(line.number))?)
            }
            "TRANSP" => event.free |= line.value.trim().eq_ignore_ascii_case("TRANSPARENT"),
            "STATUS" => event.free |= line.value.trim().eq_ignore_ascii_case("CANCELLED"),
            "RRULE" => event.rule = Some((line.number, line.value.trim().to_string())),
            "RDATE" => {
                for value in line.value.split(',') {
                    let more = zones.start_and_length(line, value)?;
                    event.more.push(more);
                }
            }
            "EXDATE" => {
                for value in line.value.split(',') {
                    event.except.push(zones.start(line, value)?);
                }
            }
            "RECURRENCE-ID" => {
                let reach = match line
                    .parameter("RANGE")
                    .is_some_and(|range| range.eq_ignore_ascii_case("THISANDFUTURE"))
                {
                    true => Reach::ThisAndFuture,
                    false => Reach::ThisOne,
                };
                event.instead_of = Some((zones.start(line, &line.value)?, reach));
            }
            _ => {}
        }
        Ok(())
    }

    /// `start/end` or `start/length`, several on a line; only what is marked free is free (RFC 5545 3.2.9).
    fn list(&mut self, line: &Line) -> Result<(), IcsError> {
        if line.parameter("FBTYPE").is_some_and(|kind| kind.eq_ignore_ascii_case("FREE")) {
            return Ok(());
        }
        for value in line.value.split(',') {
            let (start, length) = self.zones.start_and_length(line, value)?;
            let length = length.ok_or_else(|| Fault::NoTime { text: value.to_string() }.at(line.number))?;
            if self.lists.len() >= MOST_ENTRIES {
                return Err(Fault::TooMany.at(line.number));
            }
            self.lists.push(start.stretch(&length).map_err(|fault| fault.at(line.number))?);
        }
        Ok(())
    }
}

impl Draft {
    fn finish(self) -> Result<Event, IcsError> {
        let start = match (self.start, &self.instead_of) {
            (Some(start), _) => start,
            (None, Some((instead_of, _))) => instead_of.clone(),
            (None, None) => return Err(Fault::NoStart.at(self.line)),
        };
        let length = match (self.end, self.length) {
            (Some((line, end)), _) => Length::between(&start, &end).map_err(|fault| fault.at(line))?,
            (None, Some(length)) => length,
            (None, None) => Length::unsaid(&start),
        };
        let shows = if self.free { Shows::Free } else { Shows::Busy };
        let Draft { line, uid, rule, more, except, instead_of, .. } = self;
        Ok(Event { line, uid, start, length, shows, rule, more, except, instead_of })
    }
}

impl Series {
    /// Gives each busy stretch that may touch `range` to `found`.
    fn expand(
        &self,
        range: Range,
        patience: &mut repeat::Patience,
        found: &mut impl FnMut(Busy),
    ) -> Result<(), IcsError> {
        let mut tell = |event: &Event, start: &Start, length: &Length| match event.shows {
            Shows::Free => Ok(()),
            Shows::Busy => {
                let stretch = start.stretch(length).map_err(|fault| fault.at(event.line))?;
                found(stretch);
                Ok(())
            }
        };
        for change in &self.changes {
            tell(change, &change.start, &change.length)?;
        }
        let event = &self.event;
        if event.shows == Shows::Free && self.changes.is_empty() {
            return Ok(());
        }
        for (start, length) in &event.more {
            if !self.is_replaced(start) {
                tell(event, start, length.as_ref().unwrap_or(&event.length))?;
            }
        }
        for start in event.occurrences(range.to, patience)? {
            if self.is_replaced(&start) {
                continue;
            }
            match self.future_change(&start) {
                None => tell(event, &start, &event.length)?,
                Some((change, from)) => {
                    let moved = start.moved(from, &change.start).map_err(|fault| fault.at(change.line))?;
                    tell(change, &moved, &change.length)?;
                }
            }
        }
        Ok(())
    }

    fn is_replaced(&self, start: &Start) -> bool {
        let excepted = self.event.except.iter().any(|except| except.names(start));
        excepted
            || self
                .changes
                .iter()
                .any(|change| change.instead_of.as_ref().is_some_and(|(of, _)| of.names(start)))
    }

    /// The latest change of "this and all following" that this occurrence follows.
    fn future_change(&self, start: &Start) -> Option<(&Event, &Start)> {
        let at = start.moment();
        let future = self.changes.iter().filter_map(|change| match &change.instead_of {
            Some((of, Reach::ThisAndFuture)) if of.moment() < at => Some((change, of)),
            Some((_, Reach::ThisAndFuture | Reach::ThisOne)) | None => None,
        });
        future.max_by_key(|(_, of)| of.moment())
    }
}

impl Event {
    /// The first start, and those its rule adds until `to`.
    fn occurrences(&self, to: Timestamp, patience: &mut repeat::Patience) -> Result<Vec<Start>, IcsError> {
        let mut starts = vec![self.start.clone()];
        if let Some((line, rule)) = &self.rule {
            let civil = repeat::starts(rule, &self.start, to, patience).map_err(|fault| fault.at(*line))?;
            starts.extend(civil.into_iter().filter(|at| *at != self.start.civil).map(|at| self.start.on(at)));
        }
        Ok(starts)
    }
}

#[cfg(test)]
mod tests;
