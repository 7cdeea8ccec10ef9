//! Callers who wait for somebody to be free: whose turn it is, across calls. One exchange, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod switchroom;

use std::time::Duration;

use desk::business::{Step, Whom};
use desk::queue::REST;
use desk::record::{Outcome, StepResult, Tried};
use line::{Event, Habits, SoundEvent, What};
use sip::{LegId, Notice, Unanswered};
use switchroom::{DANA, LINE, Switchroom, business};

/// A desk where callers wait for Dana, two minutes at most, and may then leave a message.
fn queueing() -> Switchroom {
    let mut business = business(&[LINE], DANA, 16);
    let whom = Whom::Person("Dana".to_string());
    let steps = vec![Step::Queue { whom, wait: Duration::from_secs(120) }, Step::Message];
    business.plans.get_mut("people").unwrap().rules[0].steps = steps;
    Switchroom::answering(business, Habits::default())
}

/// Where those who wait were told to stand, last.
fn places(room: &Switchroom) -> Vec<usize> {
    let waits = room.shown.iter().filter_map(|live| match live.what {
        What::Waits { ahead } => Some((live.call.clone(), ahead)),
        _ => None,
    });
    let last: std::collections::BTreeMap<_, _> = waits.collect();
    last.into_values().collect()
}

fn picks_up(room: &mut Switchroom) -> LegId {
    let (leg, sdp) = room.placed.last().map(|call| (call.leg, call.sdp.clone())).unwrap();
    room.tell(Event::Sip(Notice::Answered { leg, sdp }));
    leg
}

fn hangs_up(room: &mut Switchroom, leg: LegId) {
    room.tell(Event::Sip(Notice::Ended { leg, by: sip::EndedBy::FarEnd }));
}

#[test]
fn the_first_caller_is_put_through_at_once_and_the_others_wait_in_their_order() {
    let mut room = queueing();
    room.call(|_| {});
    assert_eq!(room.placed.len(), 1, "Dana is free");
    let dana = picks_up(&mut room);
    room.call(|_| {});
    room.call(|_| {});
    assert_eq!((room.placed.len(), places(&room)), (1, vec![0, 1]));

    hangs_up(&mut room, dana);
    assert_eq!(room.placed.len(), 2, "the phone rings for the next one without anybody asking");
    picks_up(&mut room);
    assert_eq!(places(&room), [0, 0], "and who waits behind is told to be next");
    assert_eq!(room.exchange.board().queues().len(), 1);
}

#[test]
fn who_does_not_pick_up_is_left_alone_for_a_while_and_the_caller_keeps_the_place() {
    let mut room = queueing();
    let first = room.call(|_| {});
    room.phone_refuses(Unanswered::Busy);
    room.call(|_| {});
    assert_eq!((room.placed.len(), places(&room)), (1, vec![0, 1]));

    room.pass(REST);
    assert_eq!(room.placed.len(), 2, "Dana is rung for whoever came first");
    picks_up(&mut room);
    room.caller_hangs_up(first);
    let tried = &room.records[0].steps[0].tried;
    assert_eq!(*tried, [("Dana".to_string(), Tried::Busy), ("Dana".to_string(), Tried::Answered)]);
    assert_eq!(room.records[0].outcome, Outcome::Transferred);
}

#[test]
fn whoever_presses_one_is_called_back_and_waits_no_more() {
    let mut room = queueing();
    room.call(|_| {});
    picks_up(&mut room);
    room.call(|_| {});
    room.call(|_| {});
    let waits = room.sound_of(1);
    room.tell(Event::Sound { sound: waits, event: SoundEvent::Digit { digit: '1', at: room.now.mono } });
    room.store_what_waits();
    let record = room.goodbye(waits);
    assert_eq!((record.outcome, record.steps[0].result), (Outcome::Callback, StepResult::AskedForCallback));
    assert_eq!(places(&room).last(), Some(&0), "the one behind moves up");
    assert_eq!(room.exchange.board().queues().len(), 1);
}

#[test]
fn whoever_has_waited_long_enough_goes_on_to_the_next_step() {
    let mut room = queueing();
    room.call(|_| {});
    picks_up(&mut room);
    let second = room.call(|_| {});
    room.pass(Duration::from_secs(121));
    assert!(room.exchange.board().queues().is_empty());
    room.caller_hangs_up(second);
    let steps: Vec<_> = room.records[0].steps.iter().map(|step| (step.step.as_str(), step.result)).collect();
    assert_eq!(steps, [("queue Dana", StepResult::WaitedLongEnough), ("message", StepResult::CallerHungUp)]);
}

#[test]
fn whoever_hangs_up_while_a_phone_rings_for_them_leaves_it_to_the_next() {
    let mut room = queueing();
    let first = room.call(|_| {});
    room.call(|_| {});
    assert_eq!(room.placed.len(), 1);
    room.caller_hangs_up(first);
    assert_eq!(room.placed.len(), 2, "Dana is rung for the second caller");
    assert_eq!(room.records[0].outcome, Outcome::Abandoned);
    assert!(room.records[0].callback.is_some(), "and the first is called back");
}
