//! Nouns to store, all fictional, and a store that is asked and waited for.
#![allow(dead_code, reason = "each test file uses its part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use desk::booking::{Booking, Slot, Status};
use desk::business::When;
use desk::number::E164;
use desk::private::Private;
use desk::record::{CallId, Callback, CallbackReason, EndedBy, Message, Outcome, Record, Urgency};
use jiff::{SignedDuration, Timestamp};
use store::{CallStarted, NotStored, Opened, Store, Stored, Write, Written};

pub fn at(minute: i64) -> Timestamp {
    let morning: Timestamp = "2026-11-20T15:00:00Z".parse().unwrap();
    morning + SignedDuration::from_mins(minute)
}

pub fn number(last: u32) -> E164 {
    format!("+1312555{:04}", 100 + last % 100).parse().unwrap()
}

pub fn started(id: &str, minute: i64) -> CallStarted {
    CallStarted {
        id: CallId(id.into()),
        line: number(0),
        office: "main".to_string(),
        from: Some(Private::new(number(43))),
        diverted_by: None,
        diverted_because: None,
        verification: None,
        started: at(minute),
        plan: "front-door".to_string(),
        rule: When::Open,
        because: vec!["the office is open".to_string()],
    }
}

pub fn record(id: &str, minute: i64) -> Record {
    let call = started(id, minute);
    Record {
        id: call.id,
        line: call.line,
        office: call.office,
        from: call.from,
        diverted_by: None,
        diverted_because: None,
        verification: None,
        started: call.started,
        answered: Some(call.started),
        ended: call.started + SignedDuration::from_secs(42),
        outcome: Outcome::Informed,
        ended_by: EndedBy::Caller,
        plan: call.plan,
        rule: call.rule,
        because: call.because,
        steps: Vec::new(),
        turns: Vec::new(),
        slots: BTreeMap::new(),
        booking: None,
        message: None,
        callback: None,
        answer_ms: Some(3),
        first_word_ms: Some(120),
        longest_silence_ms: 900,
        codec: Some("PCMU".to_string()),
        quality: None,
        troubles: Vec::new(),
        recording: None,
    }
}

pub fn booking(id: &str, minute: i64, crew: u16) -> Booking {
    Booking {
        id: id.to_string(),
        key: format!("key-of-{id}"),
        calendar: "jobs".to_string(),
        slot: Slot {
            start: at(minute),
            end: at(minute + 120),
            crew,
            zone: jiff::tz::TimeZone::get("America/Chicago").unwrap(),
        },
        caller: Some(number(43)),
        callback: number(43),
        service: "leak".to_string(),
        urgency: desk::booking::Urgency::Ordinary,
        note: "kitchen sink".to_string(),
        clips: BTreeMap::new(),
        call: format!("call-of-{id}"),
        made: at(0),
        status: Status::Confirmed,
    }
}

pub fn callback(id: &str, call: &str, minute: i64) -> Callback {
    Callback {
        id: id.to_string(),
        call: CallId(call.into()),
        number: Some(Private::new(number(43))),
        line: number(0),
        reason: CallbackReason::AskedForPerson,
        urgency: Urgency::Normal,
        slots: BTreeMap::new(),
        created: at(minute),
    }
}

pub fn message(id: &str, minute: i64) -> Message {
    Message {
        id: id.to_string(),
        call: CallId(format!("call-of-{id}").into()),
        from: None,
        line: number(0),
        seconds: 4.5,
        urgency: Urgency::Normal,
        created: at(minute),
    }
}

pub fn start(id: &str, minute: i64) -> Write {
    Write::CallStarted(Box::new(started(id, minute)))
}

pub fn file(record: Record) -> Write {
    Write::Record(Box::new(record))
}

pub fn book(booking: Booking) -> Write {
    Write::Booking(Box::new(booking))
}

/// A store whose answers are waited for, in the order of asking.
pub struct Asking {
    pub store: Store<u64>,
    answers: Receiver<Written<u64>>,
    asked: u64,
}

impl Asking {
    pub fn open(directory: &Path) -> (Asking, Opened) {
        Asking::open_at(directory, at(600))
    }

    pub fn open_at(directory: &Path, now: Timestamp) -> (Asking, Opened) {
        let (answer, answers) = channel();
        let (store, opened) =
            Store::open(directory, now, move |written| answer.send(written).unwrap_or(())).unwrap();
        (Asking { store, answers, asked: 0 }, opened)
    }

    /// Asks for all at once, and waits for all answers.
    pub fn write_all(&mut self, writes: Vec<Write>) -> Vec<Result<Stored, NotStored>> {
        let first = self.asked;
        for write in writes {
            self.store.try_write(self.asked, write).unwrap();
            self.asked += 1;
        }
        (first..self.asked).map(|ask| self.answer(ask)).collect()
    }

    fn answer(&self, ask: u64) -> Result<Stored, NotStored> {
        let written = self.answers.recv().unwrap();
        assert_eq!(written.ask, ask, "answered in the order of asking");
        written.result
    }

    pub fn write(&mut self, write: Write) -> Result<Stored, NotStored> {
        self.write_all(vec![write]).pop().unwrap()
    }
}
