//! A store that answers after the caller was told that their visit could not be booked. Time is given; nothing rings.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod evening;

use desk::booking::Slot;
use desk::business::{Accept, Step};
use desk::call::{Action, Closing, Event, LineFault, Why};
use desk::machine::Ask;
use desk::record::{CallbackReason, EndedBy, Outcome, StepResult};
use desk::sayings;
use evening::{Evening, plumber, ring};
use jiff::tz::TimeZone;

const NOT_BOOKED: &str = "I am sorry, I could not put that into the calendar, so nothing is booked yet.";
const BOOKED: &str = "You are booked: Monday, January nineteenth, between 9 and 10 in the morning.";
const TELL_THEM: &str =
    "the visit was stored too late for the caller to hear of it; tell them that it is booked";

fn asked(evening: &Evening) -> Ask {
    let ask = evening.orders.iter().rev().find_map(|order| match order {
        Action::FindSlots { ask, .. } | Action::HoldSlot { ask, .. } | Action::Book { ask, .. } => Some(*ask),
        _ => None,
    });
    ask.unwrap()
}

/// A caller who has agreed to a visit.
fn waiting_for_the_store(steps: Vec<Step>) -> Evening {
    let mut evening = Evening::at_night(plumber(steps, Accept::PickUp), None);
    evening.caller_says("clogged drain");
    let slot = Slot {
        start: "2026-01-19T15:00:00Z".parse().unwrap(),
        end: "2026-01-19T16:00:00Z".parse().unwrap(),
        crew: 1,
        zone: TimeZone::get("America/Chicago").unwrap(),
    };
    evening.tell(Event::SlotsFound { ask: asked(&evening), slots: Some(vec![slot]) });
    evening.caller_says("one");
    evening.tell(Event::SlotHeld { ask: asked(&evening), held: true });
    evening.caller_says("yes, book it");
    evening
}

/// A caller who was just told that nothing is booked, and what the store was asked.
fn told_that_nothing_is_booked(steps: Vec<Step>) -> (Evening, Ask) {
    let mut evening = waiting_for_the_store(steps);
    let ask = asked(&evening);
    assert_eq!(evening.nothing_happens(), Why::ErrandTookTooLong);
    assert!(evening.said(NOT_BOOKED));
    (evening, ask)
}

fn booked(ask: Ask) -> Event {
    Event::Booked { ask, id: Some("b-1".into()) }
}

#[test]
fn a_caller_who_is_still_asked_for_a_message_hears_that_the_visit_is_booked_after_all() {
    let (mut evening, ask) = told_that_nothing_is_booked(vec![Step::Assistant, Step::Message]);
    assert!(evening.said(sayings::LEAVE_MESSAGE));
    evening.tell(booked(ask));
    assert!(evening.said(sayings::BOOKED_AFTER_ALL) && evening.said(BOOKED));
    evening.finish_speaking();
    let record = evening.close();
    assert_eq!((record.outcome, record.ended_by), (Outcome::Booked, EndedBy::Desk));
    assert_eq!(record.booking.as_deref(), Some("b-1"));
    let results = record.steps.iter().map(|step| step.result).collect::<Vec<_>>();
    assert_eq!(results, [StepResult::CouldNotBook, StepResult::Booked]);
    assert_eq!(record.callback, None);
}

#[test]
fn a_caller_who_is_leaving_a_message_is_not_interrupted_and_the_office_reads_that_it_is_to_tell_them() {
    let (mut evening, ask) = told_that_nothing_is_booked(vec![Step::Assistant, Step::Message]);
    evening.finish_speaking();
    evening.tell(booked(ask));
    assert!(!evening.said(sayings::BOOKED_AFTER_ALL));
    let message = evening.leave_message();
    evening.tell(Event::Stored { ask: message, stored: true });
    evening.finish_speaking();
    let record = evening.close();
    assert_eq!((record.outcome, record.booking.as_deref()), (Outcome::Message, Some("b-1")));
    assert_eq!(record.troubles, [TELL_THEM]);
}

#[test]
fn a_caller_who_never_heard_that_it_is_booked_is_called_back_however_the_call_ends() {
    type End = fn(&mut Evening);
    let ends: [(End, Outcome); 3] = [
        (|evening| evening.tell(Event::CallerGone), Outcome::Abandoned),
        (|evening| evening.tell(Event::Closing(Closing::AtOnce)), Outcome::Callback),
        (|evening| evening.tell(Event::LineBroke(LineFault::NoSound)), Outcome::Callback),
    ];
    for (end, outcome) in ends {
        let (mut evening, ask) = told_that_nothing_is_booked(vec![Step::Assistant, ring(), Step::Message]);
        evening.finish_speaking();
        evening.tell(booked(ask));
        end(&mut evening);
        evening.tell(Event::MessageEnded { seconds: 0.0 });
        let record = evening.close();
        assert_eq!((record.outcome, record.booking.as_deref()), (outcome, Some("b-1")));
        assert!(record.callback.is_some(), "{record:?}");
        let (_, reason, _) = evening.callback().unwrap();
        assert!(matches!(reason, CallbackReason::CouldNotBook | CallbackReason::Interrupted));
    }
}

#[test]
fn who_hangs_up_before_the_store_has_answered_was_told_nothing_and_the_record_says_no_more() {
    let mut evening = waiting_for_the_store(vec![Step::Assistant, Step::Message]);
    let ask = asked(&evening);
    evening.tell(Event::CallerGone);
    evening.tell(booked(ask));
    let record = evening.close();
    assert_eq!((record.outcome, record.booking.as_deref()), (Outcome::Abandoned, Some("b-1")));
    assert_eq!(record.troubles, [TELL_THEM]);
    assert!(record.callback.is_some());
}

#[test]
fn a_store_that_answers_late_that_it_refused_changes_nothing() {
    let (mut evening, ask) = told_that_nothing_is_booked(vec![Step::Assistant, Step::Message]);
    evening.tell(Event::Booked { ask, id: None });
    assert!(!evening.said(sayings::BOOKED_AFTER_ALL));
    let message = evening.leave_message();
    evening.tell(Event::Stored { ask: message, stored: true });
    evening.finish_speaking();
    let record = evening.close();
    assert_eq!((record.outcome, record.booking), (Outcome::Message, None));
}
