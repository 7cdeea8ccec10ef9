//! What the exchange wants kept, as the store and the journals take it.
//!
//! That storing fails is told once, by the store; what it meant for a single call is in that call's record.

use std::cell::Cell;
use std::time::{Duration, Instant};

use desk::call::{Arrival, Why};
use desk::machine::{Ask, Deadline, Moment};
use desk::record::{CallId, Recording};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use line::{Begun, Event, Keep, Signal};
use store::journal::Journals;
use store::{CallStarted, Store, Stored, Write, Written};
use tokio::sync::oneshot;

use crate::shell::inbox::Inbox;
use crate::shell::telling::{self, Name};

/// What the store's answer is about.
pub struct Asked {
    /// Whose call, unless it is the desk's own housekeeping.
    call: Option<CallId>,
    /// What its desk waits for, if it waits.
    ask: Option<Ask>,
    /// Who wants to know that it is on disk.
    kept: Option<oneshot::Sender<()>>,
    /// When it was asked.
    at: Instant,
}

/// The store and the journals, as the control thread uses them.
pub struct Keeper {
    store: Store<Asked>,
    journals: Journals,
    inbox: Inbox,
    /// The store takes no more; the log is told when that begins.
    overfull: Cell<bool>,
}

/// One line of a journal.
#[derive(serde::Serialize)]
struct Entry<'a> {
    moment: Moment,
    #[serde(flatten)]
    event: &'a desk::call::Event,
}

/// One line of a journal that tells of a deadline that passed.
#[derive(serde::Serialize)]
struct Woken {
    moment: Moment,
    event: &'static str,
    due: Duration,
    why: Why,
}

/// One line of a journal that tells of a desk that was kept from its work.
#[derive(serde::Serialize)]
struct StoodStill {
    moment: Moment,
    event: &'static str,
    from: Duration,
}

/// One line of a journal that tells what was said in SIP.
#[derive(serde::Serialize)]
struct Signalled<'a> {
    moment: Moment,
    event: &'static str,
    #[serde(flatten)]
    signal: &'a Signal,
}

/// The first line of a journal.
#[derive(serde::Serialize)]
struct Beginning<'a> {
    wall: Timestamp,
    event: &'static str,
    #[serde(flatten)]
    arrival: &'a Arrival,
}

impl Keeper {
    /// Over an open store and its journals.
    pub fn new(store: Store<Asked>, journals: Journals, inbox: Inbox) -> Self {
        Keeper { store, journals, inbox, overfull: Cell::new(false) }
    }

    /// Asks the store; it answers through the inbox, at once if its queue is full.
    pub fn keep(&self, call: CallId, ask: Option<Ask>, keep: Keep) {
        match &keep {
            Keep::Arrival(begun) => self.begin_journal(begun),
            Keep::Record(record) => self.journals.try_finish(&record.id),
            Keep::Booking(_) | Keep::Callback(_) | Keep::Message(_) | Keep::TurnedAway(_) => {}
        }
        let (write, at) = (write(keep), Instant::now());
        tracing::debug!(target: "firstring::store", %call, what = %Name(&write), "To be stored");
        match self.store.try_write(Asked { call: Some(call), ask, kept: None, at }, write) {
            Ok(()) => self.overfull.set(false),
            Err(full) => {
                if !self.overfull.replace(true) {
                    tracing::error!("The store's queue is full, nothing can be promised");
                }
                answer(&self.inbox, full.ask, false);
            }
        }
    }

    /// Writes one line of a call's journal.
    pub fn note(&self, call: &CallId, event: &desk::call::Event, now: Moment) {
        if let Ok(line) = serde_json::to_string(&Entry { moment: now, event }) {
            self.journals.try_note(call, now.wall.to_zoned(TimeZone::UTC).date(), line);
        }
    }

    /// Writes down that a call's desk was told only now that this deadline has passed: a busy machine is late, and what the
    /// desk was told meanwhile came first.
    pub fn note_wake(&self, call: &CallId, deadline: Deadline<Why>, now: Moment) {
        let Deadline { at: due, why } = deadline;
        if let Ok(line) = serde_json::to_string(&Woken { moment: now, event: "woken", due, why }) {
            self.journals.try_note(call, now.wall.to_zoned(TimeZone::UTC).date(), line);
        }
    }

    /// Writes down that a call's desk was kept from its work since this moment.
    pub fn note_stall(&self, call: &CallId, from: Duration, now: Moment) {
        if let Ok(line) = serde_json::to_string(&StoodStill { moment: now, event: "stood_still", from }) {
            self.journals.try_note(call, now.wall.to_zoned(TimeZone::UTC).date(), line);
        }
    }

    /// Writes down what was said on one of a call's legs. The journal of a call that is over is closed again.
    pub fn note_signal(&self, call: &CallId, signal: &Signal, is_late: bool, now: Moment) {
        if let Ok(line) = serde_json::to_string(&Signalled { moment: now, event: "sip", signal }) {
            self.journals.try_note(call, now.wall.to_zoned(TimeZone::UTC).date(), line);
        }
        if is_late {
            self.journals.try_finish(call);
        }
    }

    /// Who called and how the call came here: all that the call's desk knew at first.
    fn begin_journal(&self, begun: &Begun) {
        let (wall, arrival) = (begun.started, &begun.arrival);
        if let Ok(line) = serde_json::to_string(&Beginning { wall, event: "came_in", arrival }) {
            self.journals.try_note(&arrival.id, wall.to_zoned(TimeZone::UTC).date(), line);
        }
    }

    /// Puts what became of a recording into the record of its call.
    pub fn recorded(
        &self,
        call: CallId,
        started: Timestamp,
        recording: Recording,
        kept: Option<oneshot::Sender<()>>,
    ) {
        let asked = Asked { call: Some(call.clone()), ask: None, kept, at: Instant::now() };
        if self.store.try_write(asked, Write::Recording { call, started, recording }).is_err() {
            tracing::warn!("The store is too busy; a record does not say yet where its recording lies");
        }
    }

    /// Deletes what was kept long enough.
    pub fn forget(&self, before: jiff::Timestamp) {
        let asked = Asked { call: None, ask: None, kept: None, at: Instant::now() };
        if self.store.try_write(asked, Write::Forget { before }).is_err() {
            tracing::warn!("The store is too busy to forget what is old; it is tried again in an hour");
        }
    }

    /// Journal lines that did not fit, since the start.
    pub fn journal_lines_dropped(&self) -> u64 {
        self.journals.dropped()
    }

    /// How the store is doing.
    pub fn health(&self) -> store::Health {
        self.store.health()
    }
}

/// Tells whoever asked what came of a write.
pub fn written(inbox: &Inbox, written: Written<Asked>) {
    let stored = match &written.result {
        Ok(Stored::Done | Stored::Booked(_) | Stored::AlreadyBooked(_) | Stored::Forgotten(_)) => true,
        Err(error) => {
            tracing::debug!(target: "firstring::store", %error, "Not stored, nothing is promised on it");
            false
        }
    };
    telling::stored(written.ask.call.as_ref(), stored, written.ask.at.elapsed());
    answer(inbox, written.ask, stored);
}

fn answer(inbox: &Inbox, asked: Asked, stored: bool) {
    if let Some(kept) = asked.kept.filter(|_| stored) {
        // Who has ended meanwhile finds it again at the next start.
        let _ = kept.send(());
    }
    if let (Some(call), Some(ask)) = (asked.call, asked.ask) {
        inbox.send(Event::Stored { call, ask, stored });
    }
}

fn write(keep: Keep) -> Write {
    match keep {
        Keep::Arrival(begun) => Write::CallStarted(Box::new(CallStarted {
            id: begun.arrival.id,
            line: begun.arrival.line,
            office: begun.office,
            from: begun.arrival.from,
            diverted_by: begun.arrival.diverted_by,
            diverted_because: begun.arrival.diverted_because,
            verification: begun.arrival.verification,
            started: begun.started,
            plan: begun.plan,
            rule: begun.rule,
            because: begun.because,
        })),
        Keep::Booking(booking) => Write::Booking(booking),
        Keep::Callback(callback) => Write::Callback(callback),
        Keep::Message(message) => Write::Message(message),
        Keep::Record(record) | Keep::TurnedAway(record) => Write::Record(record),
    }
}
