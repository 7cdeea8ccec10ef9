//! Calendars and other outside systems, one file per vendor.
//!
//! Each thing an outside system can do is a trait here; today a calendar can say when nobody can come
//! ([`BusySource`]). What is offered in the time that is left, and who gets it, is decided in `desk`.
//!
//! Invariant: what a calendar does not say clearly is unknown, never free.

pub mod ics;
mod local;

use jiff::Timestamp;

pub use local::LocalCalendar;

/// A stretch of time in which no visit can be made, as a diary takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Busy {
    /// Its first moment.
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
}

/// The stretch of time that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

impl Range {
    fn overlaps(&self, busy: Busy) -> bool {
        busy.start < self.to && self.from < busy.end
    }
}

/// A calendar that says when nobody can come.
pub trait BusySource {
    /// The busy times that touch `range`: in order, none touching the next, and whole even where they reach
    /// beyond it. May wait for a disk or a network: never call it where sound or calls are handled.
    fn busy(&mut self, range: Range) -> Result<Vec<Busy>, BusyError>;
}

/// Why a calendar did not say when nobody can come. Its time is unknown then, not free.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusyError {
    /// The file is not there or cannot be read.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// In the system's words.
        why: std::io::Error,
    },
    /// The file is longer than a calendar can be.
    #[error("{}: the calendar is longer than {most} bytes; export only the months ahead", path.display())]
    TooLong {
        /// Which.
        path: std::path::PathBuf,
        /// The most there can be.
        most: u64,
    },
    /// The file says something that is not understood.
    #[error("{}, {error}", path.display())]
    Content {
        /// Which.
        path: std::path::PathBuf,
        /// Where and what.
        error: ics::IcsError,
    },
}

/// Puts stretches in order and joins those that touch.
fn joined(mut stretches: Vec<Busy>) -> Vec<Busy> {
    stretches.sort_unstable();
    let mut joined: Vec<Busy> = Vec::with_capacity(stretches.len());
    for next in stretches {
        match joined.last_mut() {
            Some(last) if next.start <= last.end => last.end = last.end.max(next.end),
            Some(_) | None => joined.push(next),
        }
    }
    joined
}
