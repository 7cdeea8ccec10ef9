//! What can be asked of the store, and how it answers.

use std::time::Duration;

use desk::booking::Booking;
use desk::business::When;
use desk::number::E164;
use desk::private::Private;
use desk::record::{CallId, Callback, Diverted, Message, Record, Recording, Verification};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How long a write waits for another program that holds the database, before it is answered with
/// [`NotStored::Busy`]. A caller waits three seconds for a booking at most.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of a call when it arrives: enough to call back if the desk goes down in the middle of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallStarted {
    /// The call.
    pub id: CallId,
    /// The number that was dialled.
    pub line: E164,
    /// The office it belongs to.
    pub office: String,
    /// Who calls, if the carrier said.
    pub from: Option<Private<E164>>,
    /// Who forwarded the call here, if it was forwarded.
    pub diverted_by: Option<Private<String>>,
    /// Why it was forwarded, if that was said.
    #[serde(default)]
    pub diverted_because: Option<Diverted>,
    /// What the carrier says about the caller's number.
    #[serde(default)]
    pub verification: Option<Verification>,
    /// The INVITE arrived.
    pub started: Timestamp,
    /// The plan that decides.
    pub plan: String,
    /// The rule of that plan that held.
    pub rule: When,
    /// Why this rule held and those before it did not, in sentences.
    pub because: Vec<String>,
}

/// One thing to be stored. Writing the same thing twice is the same as once.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// A call has arrived. Until its [`Write::Record`] is stored, it counts as under way.
    CallStarted(Box<CallStarted>),
    /// A call is over.
    Record(Box<Record>),
    /// A visit. The same key again gives the booking that is already there.
    Booking(Box<Booking>),
    /// Somebody is to be called back. One per call: a second one replaces it only if it is more urgent.
    Callback(Box<Callback>),
    /// A caller left a message; its sound lies beside the database.
    Message(Box<Message>),
    /// What became of the recording of a call; put into its record, whichever is stored first.
    Recording {
        /// The call.
        call: CallId,
        /// When it started.
        started: Timestamp,
        /// What is on it and where it lies, or why there is none.
        recording: Recording,
    },
    /// Personal things older than this are deleted: calls, messages and callbacks made before, visits that
    /// ended before. What is under way stays.
    Forget {
        /// The oldest moment that is kept.
        before: Timestamp,
    },
}

impl Write {
    /// Whether the store keeps this in memory and tries again by itself when it could not be stored. A booking
    /// is not: the caller has been told otherwise by then.
    pub fn is_kept(&self) -> bool {
        match self {
            Write::CallStarted(_)
            | Write::Record(_)
            | Write::Callback(_)
            | Write::Message(_)
            | Write::Recording { .. } => true,
            Write::Booking(_) | Write::Forget { .. } => false,
        }
    }
}

/// The answer to one write, given after it is durable or has failed. `A` is whatever the asker named it by.
#[derive(Clone, Debug, PartialEq)]
pub struct Written<A> {
    /// What was asked.
    pub ask: A,
    /// What came of it.
    pub result: Result<Stored, NotStored>,
}

/// What is durable now.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// What was asked.
    Done,
    /// This visit, new.
    Booked(Box<Booking>),
    /// The same visit was booked before; this is the one that counts.
    AlreadyBooked(Box<Booking>),
    /// So many things were deleted.
    Forgotten(usize),
}

/// Why something is not stored. Nothing may be promised on it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotStored {
    /// This crew has a visit at that time. Offer the next slot.
    #[error("the slot at {start} is already booked")]
    SlotTaken {
        /// Its start.
        start: Timestamp,
    },
    /// Calls are still answered; writes work again as soon as there is space.
    #[error("the disk of the data directory is full; free some space")]
    DiskFull,
    /// The file or its directory cannot be written.
    #[error("the data directory is read-only; let the desk write to it")]
    ReadOnly,
    /// Another program holds the database for too long.
    #[error("another program has held the database for more than {PATIENCE:?}; end it")]
    Busy,
    /// More was asked than the disk keeps up with.
    #[error("too much is waiting to be stored; the disk is too slow")]
    QueueFull,
    /// Anything else the database says.
    #[error("the database failed: {why}")]
    Broken {
        /// In its own words.
        why: String,
    },
}

impl From<rusqlite::Error> for NotStored {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        // The index beside the log could not grow: what SQLite calls an I/O error is a full disk.
        if error
            .sqlite_error()
            .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
        {
            return NotStored::DiskFull;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => NotStored::DiskFull,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => NotStored::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => NotStored::Busy,
            _ => NotStored::Broken { why: error.to_string() },
        }
    }
}

impl From<serde_json::Error> for NotStored {
    fn from(error: serde_json::Error) -> Self {
        NotStored::Broken { why: error.to_string() }
    }
}
