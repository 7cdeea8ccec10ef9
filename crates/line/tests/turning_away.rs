//! Callers for whom there is no channel: what they are told, and what is left of them. Time is given.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod switchroom;

use std::time::Duration;

use desk::explain::explain;
use desk::record::Outcome;
use jiff::tz::TimeZone;
use line::{Full, Habits};
use sip::Refusal;
use switchroom::{DANA, LINE, Switchroom, party};

/// One channel, which somebody has.
fn full(habits: Habits) -> Switchroom {
    let mut room = Switchroom::of(habits, DANA, 1);
    room.call(|_| {});
    room
}

#[test]
fn a_caller_who_is_told_busy_leaves_a_record_that_says_why() {
    let mut room = full(Habits::default());
    let leg = room.call(|call| call.from = party("+13125550199"));
    assert_eq!(room.refused, [(leg, Refusal::Busy)]);
    let record = &room.turned_away[0];
    assert_eq!(record.outcome, Outcome::TurnedAway);
    assert_eq!(record.from.as_ref().unwrap().reveal().as_str(), "+13125550199");
    assert_eq!(record.line.as_str(), LINE);
    assert_ne!(record.id, room.begun[0].arrival.id, "a record of its own");
    assert_eq!((record.answered, &record.callback, record.steps.len()), (None, &None, 0));
    let story = explain(record, &TimeZone::UTC);
    let told = &story[story.len() - 3..];
    assert_eq!(
        told,
        [
            "The caller was turned away before plan `people` began.",
            "Trouble: every channel of this trunk is taken; raise `channels` if the carrier gives more.",
            "Nobody answered; the outcome is `turned_away`.",
        ]
    );
}

#[test]
fn a_caller_who_is_sent_to_the_carriers_next_route_leaves_one_too() {
    let mut room = full(Habits { full: Full::Unavailable, ..Habits::default() });
    room.call(|_| {});
    assert_eq!(room.turned_away.len(), 1);
}

#[test]
fn nobody_who_dials_a_number_that_is_no_line_is_written_down() {
    let mut room = full(Habits::default());
    room.call(|call| {
        call.request_user = "+13125550188".to_string();
        call.to = party("+13125550188");
    });
    assert_eq!((room.refused.len(), room.turned_away.len()), (1, 0));
}

#[test]
fn a_flood_of_callers_is_told_busy_and_writes_ten_records_a_minute() {
    let mut room = full(Habits::default());
    for _ in 0..1_000 {
        room.call(|_| {});
    }
    assert_eq!((room.refused.len(), room.turned_away.len()), (1_000, 10));
    room.pass(Duration::from_secs(61));
    room.call(|_| {});
    assert_eq!(room.turned_away.len(), 11, "a minute later there is room again");
}
