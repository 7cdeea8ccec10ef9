//! Reading what is stored, for the console, for programs and for the command line.
//!
//! A reader has a connection of its own and works while the writer of another process lives. It waits for the
//! disk: never call it on the control or media thread.

use std::path::{Path, PathBuf};

use desk::booking::Booking;
use desk::record::{Callback, Message, Record};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde::de::DeserializeOwned;

use crate::crash;
use crate::rows::micros;
use crate::schema::{self, Unfit};
use crate::write::{CallStarted, NotStored, PATIENCE};
use crate::writer::database;

/// Entries on one page, at most.
const PAGE: usize = 1_000;

/// Which part of a list, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many, 1 to 1000.
    pub limit: usize,
    /// Only those older than the entry with this id: the last one of the page before.
    pub before: Option<String>,
}

impl Default for Page {
    /// The newest fifty.
    fn default() -> Self {
        Page { limit: 50, before: None }
    }
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No desk has run with this directory.
    #[error("{}: no database there; start the desk once, or name another directory under [data]", path.display())]
    Absent {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// The tables are of another program version.
    #[error("the database has schema {found} and this program reads {known}; {remedy}")]
    OtherSchema {
        /// The number in the file.
        found: u32,
        /// The number known here.
        known: u32,
        /// What to do.
        remedy: &'static str,
    },
    /// There is nothing by this id.
    #[error("there is nothing with the id {id}")]
    Unknown {
        /// What was asked for.
        id: String,
    },
    /// More than one begins like this.
    #[error("more than one id begins with {id}; write more of it")]
    Ambiguous {
        /// What was asked for.
        id: String,
    },
    /// The database failed.
    #[error("the database cannot be read: {0}")]
    Database(NotStored),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        ReadError::Database(error.into())
    }
}

/// A connection that only reads.
pub struct Reader {
    db: Connection,
}

impl Reader {
    /// Opens the database of a data directory.
    pub fn open(directory: &Path) -> Result<Reader, ReadError> {
        let path = database(directory);
        if !path.exists() {
            return Err(ReadError::Absent { path });
        }
        let db = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        db.busy_timeout(PATIENCE)?;
        let found = match schema::number(&db) {
            Ok(found) => found,
            Err(Unfit::Newer { found }) => found,
            Err(Unfit::Foreign) => 0,
            Err(Unfit::Database(error)) => return Err(error.into()),
        };
        let known = schema::NEWEST;
        match found.cmp(&known) {
            std::cmp::Ordering::Equal => Ok(Reader { db }),
            std::cmp::Ordering::Less => Err(ReadError::OtherSchema {
                found,
                known,
                remedy: "start the desk once to bring it up to date",
            }),
            std::cmp::Ordering::Greater => {
                Err(ReadError::OtherSchema { found, known, remedy: "use the newer program" })
            }
        }
    }

    /// Finished calls, newest first.
    pub fn calls(&self, page: &Page) -> Result<Vec<Record>, ReadError> {
        self.list(Table::Calls, page)
    }

    /// Calls that have started and have no record yet, in order of arrival.
    pub fn under_way(&self) -> Result<Vec<CallStarted>, ReadError> {
        crash::under_way(&self.db).map_err(ReadError::Database)
    }

    /// The finished call whose id is or begins with `id`.
    pub fn call(&self, id: &str) -> Result<Record, ReadError> {
        self.one(Table::Calls, id)
    }

    /// Visits, newest first by when they were made.
    pub fn bookings(&self, page: &Page) -> Result<Vec<Booking>, ReadError> {
        self.list(Table::Bookings, page)
    }

    /// The visit whose id is or begins with `id`.
    pub fn booking(&self, id: &str) -> Result<Booking, ReadError> {
        self.one(Table::Bookings, id)
    }

    /// Messages, newest first.
    pub fn messages(&self, page: &Page) -> Result<Vec<Message>, ReadError> {
        self.list(Table::Messages, page)
    }

    /// The message whose id is or begins with `id`.
    pub fn message(&self, id: &str) -> Result<Message, ReadError> {
        self.one(Table::Messages, id)
    }

    /// Callback tasks, newest first.
    pub fn callbacks(&self, page: &Page) -> Result<Vec<Callback>, ReadError> {
        self.list(Table::Callbacks, page)
    }

    /// The callback task whose id is or begins with `id`.
    pub fn callback(&self, id: &str) -> Result<Callback, ReadError> {
        self.one(Table::Callbacks, id)
    }

    /// Visits of a calendar that end after `from` and are not called off, soonest first: what a diary starts with.
    pub fn live_bookings(&self, calendar: &str, from: Timestamp) -> Result<Vec<Booking>, ReadError> {
        let mut select = self.db.prepare_cached(
            "SELECT booking FROM bookings WHERE calendar = ?1 AND end_us > ?2 AND status <> 'cancelled'
             ORDER BY start_us, crew",
        )?;
        let rows = select.query_map(params![calendar, micros(from)], |row| row.get(0))?;
        read_all(rows)
    }

    fn list<T: DeserializeOwned>(&self, table: Table, page: &Page) -> Result<Vec<T>, ReadError> {
        let limit = page.limit.clamp(1, PAGE) as i64;
        match &page.before {
            None => {
                let mut select = self.db.prepare_cached(table.newest())?;
                read_all(select.query_map([limit], |row| row.get(0))?)
            }
            Some(id) => {
                if self.exactly(table, id)?.is_none() {
                    return Err(ReadError::Unknown { id: id.clone() });
                }
                let mut select = self.db.prepare_cached(table.older())?;
                read_all(select.query_map(params![limit, id], |row| row.get(0))?)
            }
        }
    }

    fn one<T: DeserializeOwned>(&self, table: Table, id: &str) -> Result<T, ReadError> {
        if let Some(json) = self.exactly(table, id)? {
            return read(&json);
        }
        let mut select = self.db.prepare_cached(table.beginning())?;
        let found: Vec<String> = select.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        match found.as_slice() {
            [json] if !id.is_empty() => read(json),
            [] | [_] => Err(ReadError::Unknown { id: id.to_string() }),
            [_, _, ..] => Err(ReadError::Ambiguous { id: id.to_string() }),
        }
    }

    fn exactly(&self, table: Table, id: &str) -> Result<Option<String>, ReadError> {
        let mut select = self.db.prepare_cached(table.exactly())?;
        Ok(select.query_row([id], |row| row.get(0)).optional()?)
    }
}

fn read_all<T: DeserializeOwned>(
    rows: impl Iterator<Item = rusqlite::Result<String>>,
) -> Result<Vec<T>, ReadError> {
    rows.map(|json| read(&json?)).collect()
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, ReadError> {
    serde_json::from_str(json).map_err(|error| ReadError::Database(error.into()))
}

#[derive(Clone, Copy)]
enum Table {
    Calls,
    Bookings,
    Messages,
    Callbacks,
}

/// The statements of one table: the newest, those older than an entry, one by its id, those beginning alike.
macro_rules! statements {
    ($json:literal, $table:literal, $time:literal) => {
        [
            concat!(
                "SELECT ",
                $json,
                " FROM ",
                $table,
                " WHERE ",
                $json,
                " IS NOT NULL ORDER BY ",
                $time,
                " DESC, id DESC LIMIT ?1"
            ),
            concat!(
                "SELECT ",
                $json,
                " FROM ",
                $table,
                " WHERE ",
                $json,
                " IS NOT NULL AND (",
                $time,
                ", id) < (SELECT ",
                $time,
                ", id FROM ",
                $table,
                " WHERE id = ?2) ORDER BY ",
                $time,
                " DESC, id DESC LIMIT ?1"
            ),
            concat!("SELECT ", $json, " FROM ", $table, " WHERE ", $json, " IS NOT NULL AND id = ?1"),
            concat!(
                "SELECT ",
                $json,
                " FROM ",
                $table,
                " WHERE ",
                $json,
                " IS NOT NULL AND substr(id, 1, length(?1)) = ?1 LIMIT 2"
            ),
        ]
    };
}

impl Table {
    fn statements(self) -> [&'static str; 4] {
        match self {
            Table::Calls => statements!("record", "calls", "started_us"),
            Table::Bookings => statements!("booking", "bookings", "made_us"),
            Table::Messages => statements!("message", "messages", "created_us"),
            Table::Callbacks => statements!("callback", "callbacks", "created_us"),
        }
    }

    fn newest(self) -> &'static str {
        self.statements()[0]
    }

    fn older(self) -> &'static str {
        self.statements()[1]
    }

    fn exactly(self) -> &'static str {
        self.statements()[2]
    }

    fn beginning(self) -> &'static str {
        self.statements()[3]
    }
}
