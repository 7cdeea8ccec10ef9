//! One write becomes rows.
//!
//! Invariant: each function leaves the tables as they were when it fails; the writer wraps it in a savepoint.

use desk::booking::{Booking, Status};
use desk::record::{CallId, Callback, Message, Record, Recording, Urgency};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::write::{CallStarted, NotStored, Stored, Write};

/// Why a write did not become rows.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Refused by a rule; the transaction goes on.
    Refused(NotStored),
    /// The database failed; the transaction may be gone.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Failed::Database(error)
    }
}

impl From<serde_json::Error> for Failed {
    fn from(error: serde_json::Error) -> Self {
        Failed::Refused(error.into())
    }
}

impl From<Failed> for NotStored {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(why) => why,
            Failed::Database(error) => error.into(),
        }
    }
}

/// Microseconds since 1970, for order and search.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(crate) fn apply(db: &Connection, write: &Write) -> Result<Stored, Failed> {
    match write {
        Write::CallStarted(call) => start(db, call).map(|()| Stored::Done),
        Write::Record(record) => file(db, record).map(|()| Stored::Done),
        Write::Booking(visit) => book(db, visit),
        Write::Callback(task) => keep_callback(db, task).map(|()| Stored::Done),
        Write::Message(message) => keep_message(db, message).map(|()| Stored::Done),
        Write::Recording { call, started, recording } => {
            keep_recording(db, call, *started, recording).map(|()| Stored::Done)
        }
        Write::Forget { before } => forget(db, *before),
    }
}

fn start(db: &Connection, call: &CallStarted) -> Result<(), Failed> {
    let mut insert = db.prepare_cached(
        "INSERT INTO calls (id, line, office, caller, started_us, arrival) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO NOTHING",
    )?;
    let caller = call.from.as_ref().map(|from| from.reveal().as_str());
    let arrival = serde_json::to_string(call)?;
    insert.execute(params![
        call.id.0,
        call.line.as_str(),
        call.office,
        caller,
        micros(call.started),
        arrival
    ])?;
    Ok(())
}

/// A record that knows of no callback task finds the one that had to wait for room on the disk, and the recording that was
/// finished before it.
fn file(db: &Connection, record: &Record) -> Result<(), Failed> {
    let mut select = db.prepare_cached("SELECT id FROM callbacks WHERE call = ?1")?;
    let task: Option<String> = select.query_row([&record.id.0], |row| row.get(0)).optional()?;
    let mut record = record.clone();
    if let Some(task) = task {
        record.put_right(&task);
    }
    if let Some(kept) = recording_of(db, &record.id)? {
        record.recording.get_or_insert_default().put_right(kept);
    }
    finish(db, &record)
}

fn recording_of(db: &Connection, call: &CallId) -> Result<Option<Recording>, Failed> {
    let mut select = db.prepare_cached("SELECT recording FROM recordings WHERE call = ?1")?;
    let json: Option<String> = select.query_row([&call.0], |row| row.get(0)).optional()?;
    Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
}

fn record_of(db: &Connection, call: &CallId) -> Result<Option<Record>, Failed> {
    let mut select = db.prepare_cached("SELECT record FROM calls WHERE id = ?1 AND record IS NOT NULL")?;
    let json: Option<String> = select.query_row([&call.0], |row| row.get(0)).optional()?;
    Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
}

/// What becomes of a recording later on, as when it has been brought to its bucket, is added to what was known.
fn keep_recording(
    db: &Connection,
    call: &CallId,
    started: Timestamp,
    recording: &Recording,
) -> Result<(), Failed> {
    let mut upsert = db.prepare_cached(
        "INSERT INTO recordings (call, started_us, recording) VALUES (?1, ?2, ?3)
         ON CONFLICT (call) DO UPDATE SET recording = excluded.recording",
    )?;
    let mut known = recording_of(db, call)?.unwrap_or_default();
    known.put_right(recording.clone());
    upsert.execute(params![call.0, micros(started), serde_json::to_string(&known)?])?;
    let Some(mut record) = record_of(db, call)? else { return Ok(()) };
    record.recording.get_or_insert_default().put_right(known);
    finish(db, &record)
}

pub(crate) fn finish(db: &Connection, record: &Record) -> Result<(), Failed> {
    let mut upsert = db.prepare_cached(
        "INSERT INTO calls (id, line, office, caller, started_us, ended_us, outcome, record)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET line = excluded.line, office = excluded.office, caller = excluded.caller,
            started_us = excluded.started_us, ended_us = excluded.ended_us, outcome = excluded.outcome,
            record = excluded.record",
    )?;
    let caller = record.from.as_ref().map(|from| from.reveal().as_str());
    upsert.execute(params![
        record.id.0,
        record.line.as_str(),
        record.office,
        caller,
        micros(record.started),
        micros(record.ended),
        record.outcome.name(),
        serde_json::to_string(record)?,
    ])?;
    Ok(())
}

fn book(db: &Connection, visit: &Booking) -> Result<Stored, Failed> {
    if let Some(there) = live_with_key(db, &visit.key)? {
        return Ok(Stored::AlreadyBooked(Box::new(there)));
    }
    if is_taken(db, visit)? {
        return Err(Failed::Refused(NotStored::SlotTaken { start: visit.slot.start }));
    }
    db.prepare_cached("DELETE FROM bookings WHERE id = ?1 AND status = 'cancelled'")?.execute([&visit.id])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO bookings (id, key, calendar, start_us, end_us, crew, call, status, made_us, booking)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    insert.execute(params![
        visit.id,
        visit.key,
        visit.calendar,
        micros(visit.slot.start),
        micros(visit.slot.end),
        visit.slot.crew,
        visit.call,
        status(visit.status),
        micros(visit.made),
        serde_json::to_string(visit)?,
    ])?;
    Ok(Stored::Booked(Box::new(visit.clone())))
}

fn live_with_key(db: &Connection, key: &str) -> Result<Option<Booking>, Failed> {
    let mut select =
        db.prepare_cached("SELECT booking FROM bookings WHERE key = ?1 AND status <> 'cancelled'")?;
    let json: Option<String> = select.query_row([key], |row| row.get(0)).optional()?;
    Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
}

/// The unique index holds equal starts apart; visits of different length can overlap without sharing one.
fn is_taken(db: &Connection, visit: &Booking) -> Result<bool, Failed> {
    let mut select = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM bookings WHERE calendar = ?1 AND crew = ?2 AND status <> 'cancelled'
         AND start_us < ?4 AND ?3 < end_us)",
    )?;
    let slot = &visit.slot;
    let wanted = params![visit.calendar, slot.crew, micros(slot.start), micros(slot.end)];
    Ok(visit.status != Status::Cancelled && select.query_row(wanted, |row| row.get(0))?)
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Requested => "requested",
        Status::Confirmed => "confirmed",
        Status::Cancelled => "cancelled",
    }
}

fn urgency(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Normal => "normal",
        Urgency::Alert => "alert",
    }
}

/// A callback task that had to wait for room on the disk is known to the record that came before it.
fn keep_callback(db: &Connection, task: &Callback) -> Result<(), Failed> {
    call_back(db, task)?;
    let Some(mut record) = record_of(db, &task.call)? else { return Ok(()) };
    match record.put_right(&task.id) {
        true => finish(db, &record),
        false => Ok(()),
    }
}

pub(crate) fn call_back(db: &Connection, task: &Callback) -> Result<(), Failed> {
    let mut upsert = db.prepare_cached(
        "INSERT INTO callbacks (id, call, urgency, created_us, callback) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (call) DO UPDATE SET id = excluded.id, urgency = excluded.urgency, callback = excluded.callback
         WHERE callbacks.urgency = 'normal' AND excluded.urgency = 'alert'",
    )?;
    let json = serde_json::to_string(task)?;
    upsert.execute(params![task.id, task.call.0, urgency(task.urgency), micros(task.created), json])?;
    Ok(())
}

fn keep_message(db: &Connection, message: &Message) -> Result<(), Failed> {
    let mut upsert = db.prepare_cached(
        "INSERT INTO messages (id, call, urgency, created_us, message) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET urgency = excluded.urgency, message = excluded.message",
    )?;
    let json = serde_json::to_string(message)?;
    let row = params![message.id, message.call.0, urgency(message.urgency), micros(message.created), json];
    upsert.execute(row)?;
    Ok(())
}

fn forget(db: &Connection, before: Timestamp) -> Result<Stored, Failed> {
    let mut gone = 0;
    for old in [
        "DELETE FROM calls WHERE record IS NOT NULL AND ended_us < ?1",
        "DELETE FROM recordings WHERE started_us < ?1",
        "DELETE FROM messages WHERE created_us < ?1",
        "DELETE FROM callbacks WHERE created_us < ?1",
        "DELETE FROM bookings WHERE end_us < ?1",
    ] {
        gone += db.prepare_cached(old)?.execute([micros(before)])?;
    }
    Ok(Stored::Forgotten(gone))
}
