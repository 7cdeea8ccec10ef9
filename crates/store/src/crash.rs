//! Calls that were under way when the desk went down: each gets a record and a callback at the next start.

use std::collections::BTreeMap;

use desk::record::{Callback, CallbackReason, EndedBy, Outcome, Record, Urgency};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::rows::{self, Failed};
use crate::write::{CallStarted, NotStored};

/// One call that was under way when the desk went down.
#[derive(Clone, Debug, PartialEq)]
pub struct Interrupted {
    /// Its record, as stored now.
    pub record: Record,
    /// The task to call back: a new alert, or the one the call had left before.
    pub callback: Callback,
}

/// Ends every call under way, all in one transaction: after it none is left, so that nobody is called back twice.
pub(crate) fn end_what_was_under_way(
    db: &mut Connection,
    now: Timestamp,
) -> Result<Vec<Interrupted>, NotStored> {
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut ended = Vec::new();
    for call in under_way(&change)? {
        ended.push(end(&change, call, now)?);
    }
    change.commit()?;
    Ok(ended)
}

/// Calls that have started and have no record, in order of arrival.
pub(crate) fn under_way(db: &Connection) -> Result<Vec<CallStarted>, NotStored> {
    let mut select = db.prepare("SELECT arrival FROM calls WHERE record IS NULL ORDER BY started_us, id")?;
    let mut rows = select.query([])?;
    let mut calls = Vec::new();
    while let Some(row) = rows.next()? {
        let json: String = row.get(0)?;
        match serde_json::from_str(&json) {
            Ok(call) => calls.push(call),
            Err(error) => {
                tracing::error!(%error, "A call that was under way cannot be read; it has no callback")
            }
        }
    }
    Ok(calls)
}

fn end(db: &Connection, call: CallStarted, now: Timestamp) -> Result<Interrupted, Failed> {
    let callback = match left_before(db, &call)? {
        Some(callback) => callback,
        None => call_back(&call, now),
    };
    rows::call_back(db, &callback)?;
    let booking = first(db, "SELECT id FROM bookings WHERE call = ?1 AND status <> 'cancelled'", &call)?;
    let message = first(db, "SELECT id FROM messages WHERE call = ?1", &call)?;
    let record = Record {
        id: call.id,
        line: call.line,
        office: call.office,
        from: call.from,
        diverted_by: call.diverted_by,
        diverted_because: call.diverted_because,
        verification: call.verification,
        started: call.started,
        answered: None,
        ended: now.max(call.started),
        outcome: Outcome::Interrupted,
        ended_by: EndedBy::Crash,
        plan: call.plan,
        rule: call.rule,
        because: call.because,
        steps: Vec::new(),
        turns: Vec::new(),
        slots: BTreeMap::new(),
        booking,
        message,
        callback: Some(callback.id.clone()),
        answer_ms: None,
        first_word_ms: None,
        longest_silence_ms: 0,
        codec: None,
        quality: None,
        troubles: vec!["the desk went down during this call; its end is the next start".to_string()],
        recording: None,
    };
    rows::finish(db, &record)?;
    Ok(Interrupted { record, callback })
}

fn left_before(db: &Connection, call: &CallStarted) -> Result<Option<Callback>, Failed> {
    let json = first(db, "SELECT callback FROM callbacks WHERE call = ?1", call)?;
    Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
}

fn first(db: &Connection, sql: &str, call: &CallStarted) -> Result<Option<String>, Failed> {
    Ok(db.prepare_cached(sql)?.query_row([&call.id.0], |row| row.get(0)).optional()?)
}

fn call_back(call: &CallStarted, now: Timestamp) -> Callback {
    Callback {
        id: format!("cb-{}", call.id),
        call: call.id.clone(),
        number: call.from.clone(),
        line: call.line.clone(),
        reason: CallbackReason::Interrupted,
        urgency: Urgency::Alert,
        slots: BTreeMap::new(),
        created: now,
    }
}
