//! What is stored, shown: calls, bookings, messages, callbacks, and why a call went where it went.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use desk::private::Private;
use desk::record::Record;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};
use store::{Page, ReadError, Reader};

use crate::cli::{Explain, Place, Stored};
use crate::config::Config;
use crate::ladder::{self, Ladder, Paper};

/// A line on stdout; an error where `println!` would panic, such as a closed pipe.
macro_rules! shown {
    ($($said:tt)*) => {
        writeln!(io::stdout(), $($said)*)?
    };
}

/// The newest calls, or one.
pub fn calls(stored: &Stored, json: bool) -> anyhow::Result<ExitCode> {
    let row = |zone: &TimeZone, call: &Record| {
        vec![
            call.id.to_string(),
            local(call.started, zone),
            hidden_or(call.from.as_ref()),
            call.outcome.name().to_string(),
            format!("{:.0} s", seconds(call)),
            call.steps.iter().map(|step| step.step.as_str()).collect::<Vec<_>>().join(", "),
        ]
    };
    let columns = ["CALL", "WHEN", "FROM", "OUTCOME", "LENGTH", "STEPS"];
    show(stored, json, "call", &columns, Reader::calls, Reader::call, row)
}

/// The newest bookings, or one.
pub fn bookings(stored: &Stored, json: bool) -> anyhow::Result<ExitCode> {
    let row = |zone: &TimeZone, booking: &desk::booking::Booking| {
        vec![
            booking.id.clone(),
            local(booking.slot.start, zone),
            booking.service.clone(),
            booking.callback.to_string(),
            booking.calendar.clone(),
            booking.call.clone(),
        ]
    };
    let columns = ["BOOKING", "VISIT", "SERVICE", "CALL BACK AT", "CALENDAR", "CALL"];
    show(stored, json, "booking", &columns, Reader::bookings, Reader::booking, row)
}

/// The newest messages, or one.
pub fn messages(stored: &Stored, json: bool) -> anyhow::Result<ExitCode> {
    let row = |zone: &TimeZone, message: &desk::record::Message| {
        vec![
            message.id.clone(),
            local(message.created, zone),
            hidden_or(message.from.as_ref()),
            format!("{:.0} s", message.seconds),
            word(&message.urgency),
        ]
    };
    let columns = ["MESSAGE", "WHEN", "FROM", "LENGTH", "URGENCY"];
    show(stored, json, "message", &columns, Reader::messages, Reader::message, row)
}

/// The newest callbacks, or one.
pub fn callbacks(stored: &Stored, json: bool) -> anyhow::Result<ExitCode> {
    let row = |zone: &TimeZone, callback: &desk::record::Callback| {
        vec![
            callback.id.clone(),
            local(callback.created, zone),
            hidden_or(callback.number.as_ref()),
            word(&callback.reason),
            word(&callback.urgency),
        ]
    };
    let columns = ["CALLBACK", "SINCE", "NUMBER", "REASON", "URGENCY"];
    show(stored, json, "callback", &columns, Reader::callbacks, Reader::callback, row)
}

/// Why a call went where it went.
pub fn explain(explain: &Explain, json: bool) -> anyhow::Result<ExitCode> {
    let (directory, zone) = place(&explain.place)?;
    if explain.sip {
        return signalling(&directory, &explain.call, json);
    }
    let reader = Reader::open(&directory)?;
    let record = match reader.call(&explain.call) {
        Ok(record) => record,
        Err(error) => return no(&missing(&reader, &explain.call, &error)?),
    };
    let story = desk::explain::explain(&record, &zone);
    if json {
        shown!("{}", json!({ "type": "result", "call": record.id, "story": story, "record": record }));
    } else {
        for sentence in story {
            shown!("{sentence}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What was said in SIP, as a ladder; also of a call that is still up.
fn signalling(directory: &Path, id: &str, json: bool) -> anyhow::Result<ExitCode> {
    let reader = Reader::open(directory)?;
    let is_up = |call: &store::CallStarted| call.id.0.starts_with(id);
    let call = match (reader.call(id), reader.under_way()?.into_iter().find(is_up)) {
        (Ok(record), _) => record.id,
        (Err(_), Some(call)) => call.id,
        (Err(error), None) => return no(&missing(&reader, id, &error)?),
    };
    let ladder = Ladder::read(&store::journal::read(directory, &call)?.unwrap_or_default());
    if json {
        for rung in &ladder.rungs {
            let mut rung = serde_json::to_value(rung)?;
            rung["type"] = "message".into();
            shown!("{rung}");
        }
        let (messages, left_out) = (ladder.rungs.len(), ladder.left_out);
        shown!("{}", json!({ "type": "result", "call": call, "messages": messages, "left_out": left_out }));
    } else if ladder.rungs.is_empty() {
        eprintln!(
            "firstring: no messages are kept of call {call}; its journal is older than `keep`, or could not be written"
        );
    } else {
        let mut out = anstream::stdout();
        for line in ladder::draw(&ladder, Paper::of_terminal()) {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    Ok(ExitCode::from(if ladder.rungs.is_empty() { crate::NO } else { 0 }))
}

fn show<T: Serialize>(
    stored: &Stored,
    json: bool,
    kind: &str,
    columns: &[&str],
    list: impl Fn(&Reader, &Page) -> Result<Vec<T>, ReadError>,
    one: impl Fn(&Reader, &str) -> Result<T, ReadError>,
    row: impl Fn(&TimeZone, &T) -> Vec<String>,
) -> anyhow::Result<ExitCode> {
    let (directory, zone) = place(&stored.place)?;
    let reader = Reader::open(&directory)?;
    let found = match &stored.id {
        Some(id) => match one(&reader, id) {
            Ok(thing) => vec![thing],
            Err(error) if kind == "call" => return no(&missing(&reader, id, &error)?),
            Err(error) => return no(&error.to_string()),
        },
        None => list(&reader, &Page::default())?,
    };
    if json {
        for thing in &found {
            shown!("{}", json!({ "type": kind, kind: located(thing, &directory)? }));
        }
        shown!("{}", json!({ "type": "result", "count": found.len() }));
    } else if stored.id.is_some() {
        for thing in &found {
            shown!("{}", serde_json::to_string_pretty(&located(thing, &directory)?)?);
        }
    } else {
        table(columns, found.iter().map(|thing| row(&zone, thing)).collect())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A call with the whole path of its recording, if that lies on this disk.
fn located<T: Serialize>(thing: &T, directory: &Path) -> anyhow::Result<Value> {
    let mut shown = serde_json::to_value(thing)?;
    if let Some(recording) = shown.get_mut("recording").and_then(Value::as_object_mut)
        && let Some(place) =
            recording.get("place").and_then(Value::as_str).filter(|place| !place.contains("://"))
    {
        let path = directory.join(place).display().to_string();
        recording.insert("path".to_string(), path.into());
    }
    Ok(shown)
}

/// Why there is no record of a call, and what to do.
pub fn missing(reader: &Reader, call: &str, error: &ReadError) -> anyhow::Result<String> {
    let is_up = |one: &store::CallStarted| !call.is_empty() && one.id.0.starts_with(call);
    let under_way = reader.under_way()?.iter().any(is_up);
    Ok(match error {
        ReadError::Unknown { .. } if under_way => format!("call {call} is not over yet; hang up first"),
        ReadError::Unknown { .. } => {
            format!("{error}; `firstring calls` shows those of the calls that are kept")
        }
        _ => error.to_string(),
    })
}

fn no(because: &str) -> anyhow::Result<ExitCode> {
    eprintln!("firstring: {because}");
    Ok(ExitCode::from(crate::NO))
}

fn place(place: &Place) -> anyhow::Result<(PathBuf, TimeZone)> {
    let Some(file) = &place.config else { return Ok((place.data.clone(), TimeZone::system())) };
    let config =
        Config::load_without_secrets(Path::new(file)).map_err(|refusals| anyhow::anyhow!("{refusals}"))?;
    Ok((config.data_directory.clone(), config.business.zone.clone()))
}

fn table(columns: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
    let head = columns.iter().map(|column| (*column).to_string()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        shown!("{}", cells.join("  ").trim_end());
    }
    Ok(())
}

fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string()
}

fn hidden_or<T: std::fmt::Display>(number: Option<&Private<T>>) -> String {
    number.map_or_else(|| "hidden".to_string(), |number| number.reveal().to_string())
}

fn seconds(call: &Record) -> f64 {
    call.ended.duration_since(call.started).as_secs_f64()
}

/// The word a value has in JSON.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_string)).unwrap_or_default()
}
