//! What any memory of the desk has to do, whichever database is behind it.
//!
//! Each rule is a function over a [`Memory`]; a second database is held to all of them by one more line in
//! `every_rule!`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod nouns;

use desk::booking::{Booking, Status};
use desk::record::{CallId, Callback, Message, Outcome, Part, Record, Recording, Urgency};
use jiff::Timestamp;
use nouns::{Asking, at, book, booking, callback, file, message, record, start};
use store::{NotStored, Page, ReadError, Reader, Stored, Write};

/// A database, as the rules see it.
trait Memory {
    fn new() -> Self;
    fn write_all(&mut self, writes: Vec<Write>) -> Vec<Result<Stored, NotStored>>;
    /// Goes down without a word and starts again; gives the callbacks of interrupted calls.
    fn restart(&mut self, now: Timestamp) -> Vec<(Record, Callback)>;
    fn calls(&self, page: Page) -> Result<Vec<Record>, ReadError>;
    fn call(&self, id: &str) -> Result<Record, ReadError>;
    fn under_way(&self) -> Vec<String>;
    fn bookings(&self) -> Vec<Booking>;
    fn live_bookings(&self, calendar: &str, from: Timestamp) -> Vec<Booking>;
    fn callbacks(&self) -> Vec<Callback>;
    fn messages(&self) -> Vec<Message>;

    fn write(&mut self, write: Write) -> Result<Stored, NotStored> {
        self.write_all(vec![write]).pop().unwrap()
    }
}

struct Sqlite {
    home: tempfile::TempDir,
    asking: Option<Asking>,
}

impl Sqlite {
    fn reader(&self) -> Reader {
        Reader::open(self.home.path()).unwrap()
    }
}

impl Memory for Sqlite {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (asking, opened) = Asking::open(home.path());
        assert!(opened.interrupted.is_empty());
        Sqlite { home, asking: Some(asking) }
    }

    fn write_all(&mut self, writes: Vec<Write>) -> Vec<Result<Stored, NotStored>> {
        self.asking.as_mut().unwrap().write_all(writes)
    }

    fn restart(&mut self, now: Timestamp) -> Vec<(Record, Callback)> {
        drop(self.asking.take());
        let (asking, opened) = Asking::open_at(self.home.path(), now);
        self.asking = Some(asking);
        opened.interrupted.into_iter().map(|call| (call.record, call.callback)).collect()
    }

    fn calls(&self, page: Page) -> Result<Vec<Record>, ReadError> {
        self.reader().calls(&page)
    }

    fn call(&self, id: &str) -> Result<Record, ReadError> {
        self.reader().call(id)
    }

    fn under_way(&self) -> Vec<String> {
        self.reader().under_way().unwrap().into_iter().map(|call| call.id.to_string()).collect()
    }

    fn bookings(&self) -> Vec<Booking> {
        self.reader().bookings(&Page::default()).unwrap()
    }

    fn live_bookings(&self, calendar: &str, from: Timestamp) -> Vec<Booking> {
        self.reader().live_bookings(calendar, from).unwrap()
    }

    fn callbacks(&self) -> Vec<Callback> {
        self.reader().callbacks(&Page::default()).unwrap()
    }

    fn messages(&self) -> Vec<Message> {
        self.reader().messages(&Page::default()).unwrap()
    }
}

macro_rules! every_rule {
    ($memory:ident: $($rule:ident)*) => {
        mod on_sqlite {
            $(#[test] fn $rule() { super::$rule(<super::$memory as super::Memory>::new()); })*
        }
    };
}

every_rule!(Sqlite:
    a_call_is_under_way_until_its_record_is_stored
    a_record_written_twice_is_one_record
    a_call_that_starts_late_on_disk_does_not_undo_its_record
    two_callers_never_get_one_slot
    visits_of_one_crew_never_overlap
    the_same_key_gives_the_booking_that_is_there
    a_cancelled_visit_frees_its_slot_and_its_key
    a_refused_booking_takes_no_other_write_down
    an_interrupted_call_is_called_back_once
    an_interrupted_call_that_had_left_a_callback_keeps_that_one
    a_second_callback_of_a_call_counts_only_if_it_is_more_urgent
    a_callback_that_had_to_wait_puts_right_a_call_that_was_given_up
    a_record_knows_its_recording_whichever_was_stored_first
    a_caller_who_was_left_in_silence_stays_lost
    lists_are_newest_first_and_pages_neither_repeat_nor_skip
    a_call_is_found_by_the_beginning_of_its_id
    a_diary_starts_with_what_is_still_to_come
    what_is_forgotten_is_gone_and_what_is_under_way_stays
    everything_is_read_back_as_it_was_written
);

fn a_call_is_under_way_until_its_record_is_stored(mut memory: impl Memory) {
    assert_eq!(memory.write(start("c-1", 0)), Ok(Stored::Done));
    assert_eq!(memory.under_way(), ["c-1"]);
    assert!(memory.calls(Page::default()).unwrap().is_empty());
    assert_eq!(memory.write(file(record("c-1", 0))), Ok(Stored::Done));
    assert!(memory.under_way().is_empty());
    assert_eq!(memory.calls(Page::default()).unwrap(), [record("c-1", 0)]);
}

fn a_record_written_twice_is_one_record(mut memory: impl Memory) {
    memory.write(file(record("c-1", 0))).unwrap();
    let mut again = record("c-1", 0);
    again.outcome = Outcome::Message;
    memory.write(file(again.clone())).unwrap();
    assert_eq!(memory.calls(Page::default()).unwrap(), [again]);
}

fn a_call_that_starts_late_on_disk_does_not_undo_its_record(mut memory: impl Memory) {
    memory.write_all(vec![file(record("c-1", 0)), start("c-1", 0)]);
    assert!(memory.under_way().is_empty());
    assert_eq!(memory.call("c-1").unwrap().outcome, Outcome::Informed);
}

fn two_callers_never_get_one_slot(mut memory: impl Memory) {
    let results = memory.write_all((0..20).map(|n| book(booking(&format!("b-{n}"), 60, 1))).collect());
    assert_eq!(results[0], Ok(Stored::Booked(Box::new(booking("b-0", 60, 1)))));
    for late in &results[1..] {
        assert_eq!(*late, Err(NotStored::SlotTaken { start: at(60) }));
    }
    assert_eq!(memory.bookings().len(), 1);
    memory.write(book(booking("other-crew", 60, 2))).unwrap();
    let mut elsewhere = booking("elsewhere", 60, 1);
    elsewhere.calendar = "inspections".to_string();
    memory.write(book(elsewhere)).unwrap();
}

fn visits_of_one_crew_never_overlap(mut memory: impl Memory) {
    memory.write(book(booking("b-1", 60, 1))).unwrap();
    for (minute, free) in [(-60, true), (-59, false), (0, false), (179, false), (180, true)] {
        let result = memory.write(book(booking(&format!("at-{minute}"), minute, 1)));
        assert_eq!(result.is_ok(), free, "{minute}");
    }
}

fn the_same_key_gives_the_booking_that_is_there(mut memory: impl Memory) {
    let first = booking("b-1", 60, 1);
    memory.write(book(first.clone())).unwrap();
    let mut again = booking("b-2", 60, 1);
    again.key.clone_from(&first.key);
    assert_eq!(memory.write(book(again)), Ok(Stored::AlreadyBooked(Box::new(first.clone()))));
    assert_eq!(memory.bookings(), [first]);
}

fn a_cancelled_visit_frees_its_slot_and_its_key(mut memory: impl Memory) {
    let mut off = booking("b-1", 60, 1);
    off.status = Status::Cancelled;
    memory.write(book(off)).unwrap();
    assert!(memory.live_bookings("jobs", at(0)).is_empty());
    let visit = booking("b-1", 60, 1);
    assert_eq!(memory.write(book(visit.clone())), Ok(Stored::Booked(Box::new(visit.clone()))));
    assert_eq!(memory.bookings(), [visit]);
}

fn a_refused_booking_takes_no_other_write_down(mut memory: impl Memory) {
    memory.write(book(booking("b-1", 60, 1))).unwrap();
    let results = memory.write_all(vec![
        start("c-1", 0),
        book(booking("b-2", 60, 1)),
        file(record("c-2", 0)),
        book(booking("b-3", 60, 2)),
    ]);
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, true]);
    assert_eq!(memory.under_way(), ["c-1"]);
    assert_eq!(memory.calls(Page::default()).unwrap().len(), 1);
    assert_eq!(memory.bookings().len(), 2);
}

fn an_interrupted_call_is_called_back_once(mut memory: impl Memory) {
    memory.write_all(vec![start("c-1", 0), start("c-2", 1), start("c-3", 2), file(record("c-2", 1))]);
    let mut visit = booking("b-1", 60, 1);
    visit.call = "c-3".to_string();
    memory.write(book(visit)).unwrap();
    let ended = memory.restart(at(10));
    assert_eq!(ended.len(), 2);
    for (index, (record, callback)) in ended.iter().enumerate() {
        assert_eq!(record.outcome, Outcome::Interrupted);
        assert_eq!((record.ended, callback.created), (at(10), at(10)));
        assert_eq!((callback.urgency, &callback.call), (Urgency::Alert, &record.id));
        assert_eq!(callback.number, Some(desk::private::Private::new(nouns::number(43))));
        assert_eq!(record.callback.as_ref(), Some(&callback.id));
        assert_eq!(record.booking.as_deref(), [None, Some("b-1")][index]);
    }
    assert_eq!(memory.call("c-1").unwrap(), ended[0].0);
    assert!(memory.under_way().is_empty());
    assert!(memory.restart(at(20)).is_empty());
    assert_eq!(memory.callbacks().len(), 2);
}

fn an_interrupted_call_that_had_left_a_callback_keeps_that_one(mut memory: impl Memory) {
    memory.write_all(vec![start("c-1", 0), Write::Callback(Box::new(callback("cb-7", "c-1", 1)))]);
    let ended = memory.restart(at(10));
    assert_eq!(ended[0].0.callback.as_deref(), Some("cb-7"));
    assert_eq!(memory.callbacks(), [callback("cb-7", "c-1", 1)]);
}

fn a_second_callback_of_a_call_counts_only_if_it_is_more_urgent(mut memory: impl Memory) {
    memory.write(Write::Callback(Box::new(callback("cb-1", "c-1", 0)))).unwrap();
    memory.write(Write::Callback(Box::new(callback("cb-2", "c-1", 1)))).unwrap();
    assert_eq!(memory.callbacks(), [callback("cb-1", "c-1", 0)]);
    let mut alert = callback("cb-3", "c-1", 2);
    alert.urgency = Urgency::Alert;
    memory.write(Write::Callback(Box::new(alert.clone()))).unwrap();
    memory.write(Write::Callback(Box::new(callback("cb-4", "c-1", 3)))).unwrap();
    assert_eq!(memory.callbacks(), [alert]);
}

fn a_callback_that_had_to_wait_puts_right_a_call_that_was_given_up(mut memory: impl Memory) {
    let task = |call: &str| Write::Callback(Box::new(callback(&format!("cb-of-{call}"), call, 1)));
    let lost = |call: &str| file(Record { outcome: Outcome::Lost, ..record(call, 0) });
    // Whichever of the two the disk takes first.
    for writes in [[lost("c-1"), task("c-1")], [task("c-2"), lost("c-2")]] {
        memory.write_all(writes.into());
    }
    for id in ["c-1", "c-2"] {
        let call = memory.call(id).unwrap();
        assert_eq!(call.outcome, Outcome::Callback, "{id}");
        assert_eq!(call.callback, Some(format!("cb-of-{id}")));
        assert_eq!(call.troubles, ["the callback task was stored after all"]);
    }
}

fn a_record_knows_its_recording_whichever_was_stored_first(mut memory: impl Memory) {
    let parts = vec![Part { from_ms: 4_000, to_ms: 9_000 }];
    let place = |place: &str| Some(format!("{place}/c-1.wav"));
    let told = |id: &str, recording: &Recording| Write::Recording {
        call: CallId(id.into()),
        started: at(0),
        recording: recording.clone(),
    };
    let finished = Recording { parts, place: place("here"), troubles: vec!["it breaks off".to_string()] };
    let brought = Recording { place: place("there"), ..Recording::default() };
    let of_the_call = Recording { troubles: vec!["known before".to_string()], ..Recording::default() };
    let filed = |id: &str| file(Record { recording: Some(of_the_call.clone()), ..record(id, 0) });
    memory.write_all(vec![told("c-1", &finished), filed("c-1"), told("c-1", &brought)]);
    memory.write_all(vec![filed("c-2"), told("c-2", &finished), told("c-2", &brought)]);
    memory.write_all(vec![told("c-3", &finished), told("c-3", &brought), filed("c-3")]);
    for id in ["c-1", "c-2", "c-3"] {
        let recording = memory.call(id).unwrap().recording.unwrap();
        assert_eq!((recording.place, recording.parts), (place("there"), finished.parts.clone()), "{id}");
        assert_eq!(recording.troubles, ["known before", "it breaks off"], "{id}");
    }
}

fn a_caller_who_was_left_in_silence_stays_lost(mut memory: impl Memory) {
    let call = Record { outcome: Outcome::Lost, callback: Some("cb-1".to_string()), ..record("c-1", 0) };
    memory.write_all(vec![file(call.clone()), Write::Callback(Box::new(callback("cb-1", "c-1", 1)))]);
    assert_eq!(memory.call("c-1").unwrap(), call);
}

fn lists_are_newest_first_and_pages_neither_repeat_nor_skip(mut memory: impl Memory) {
    // Seven calls, three of them in the same moment.
    let calls: Vec<_> =
        [0, 1, 1, 1, 2, 3, 4].iter().enumerate().map(|(n, &m)| record(&format!("c-{n}"), m)).collect();
    memory.write_all(calls.iter().cloned().map(file).collect());
    let mut seen = Vec::new();
    let mut page = Page { limit: 2, before: None };
    loop {
        let some = memory.calls(page.clone()).unwrap();
        let Some(last) = some.last() else { break };
        page.before = Some(last.id.to_string());
        seen.extend(some);
    }
    assert_eq!(seen, calls.into_iter().rev().collect::<Vec<_>>());
    let nowhere = Page { limit: 2, before: Some("c-9".to_string()) };
    assert_eq!(memory.calls(nowhere).unwrap_err().to_string(), "there is nothing with the id c-9");
}

fn a_call_is_found_by_the_beginning_of_its_id(mut memory: impl Memory) {
    memory.write_all(["c-ab1", "c-ab", "c-b_1", "c-bx1"].iter().map(|id| file(record(id, 0))).collect());
    for (asked, found) in [("c-ab", "c-ab"), ("c-ab1", "c-ab1"), ("c-b_", "c-b_1"), ("c-bx", "c-bx1")] {
        assert_eq!(memory.call(asked).unwrap().id.to_string(), found);
    }
    for (asked, why) in [
        ("c-a", "more than one id begins with c-a; write more of it"),
        ("c-%", "there is nothing with the id c-%"),
        ("", "there is nothing with the id "),
    ] {
        let error = memory.call(asked).unwrap_err().to_string();
        assert!(error == why || asked.is_empty(), "{asked}: {error}");
    }
}

fn a_diary_starts_with_what_is_still_to_come(mut memory: impl Memory) {
    let mut off = booking("off", 600, 1);
    off.status = Status::Cancelled;
    let mut elsewhere = booking("elsewhere", 600, 1);
    elsewhere.calendar = "inspections".to_string();
    let visits =
        vec![booking("later", 300, 1), booking("past", -120, 1), booking("now", -60, 2), off, elsewhere];
    memory.write_all(visits.into_iter().map(book).collect());
    let live = memory.live_bookings("jobs", at(0));
    assert_eq!(live.iter().map(|visit| visit.id.as_str()).collect::<Vec<_>>(), ["now", "later"]);
}

fn what_is_forgotten_is_gone_and_what_is_under_way_stays(mut memory: impl Memory) {
    memory.write_all(vec![
        file(record("old", 0)),
        file(record("new", 90)),
        start("long", 0),
        Write::Callback(Box::new(callback("cb-old", "old", 1))),
        Write::Callback(Box::new(callback("cb-new", "new", 91))),
        Write::Message(Box::new(message("m-old", 2))),
        Write::Message(Box::new(message("m-new", 92))),
        book(booking("b-old", -120, 1)),
        book(booking("b-new", 0, 1)),
    ]);
    assert_eq!(memory.write(Write::Forget { before: at(60) }), Ok(Stored::Forgotten(4)));
    assert_eq!(memory.calls(Page::default()).unwrap(), [record("new", 90)]);
    assert_eq!(memory.under_way(), ["long"]);
    assert_eq!(memory.callbacks(), [callback("cb-new", "new", 91)]);
    assert_eq!(memory.messages(), [message("m-new", 92)]);
    assert_eq!(memory.bookings(), [booking("b-new", 0, 1)]);
}

fn everything_is_read_back_as_it_was_written(mut memory: impl Memory) {
    let mut alert = callback("cb-1", "c-1", 1);
    alert.number = None;
    alert.slots.insert("service".to_string(), "leak".to_string());
    let mut anonymous = record("c-1", 0);
    anonymous.from = None;
    anonymous.turns.push(desk::record::Turn {
        who: desk::record::Who::Caller,
        text: Some(desk::private::Private::new("water \u{1F4A7} \"everywhere\"".to_string())),
        start_ms: 1,
        end_ms: 2,
        gap_ms: None,
        understood: None,
    });
    memory.write_all(vec![
        file(anonymous.clone()),
        Write::Callback(Box::new(alert.clone())),
        Write::Message(Box::new(message("m-1", 2))),
        book(booking("b-1", 60, 1)),
    ]);
    memory.restart(at(5));
    assert_eq!(memory.call("c-1").unwrap(), anonymous);
    assert_eq!(memory.callbacks(), [alert]);
    assert_eq!(memory.messages(), [message("m-1", 2)]);
    assert_eq!(memory.bookings(), [booking("b-1", 60, 1)]);
}
