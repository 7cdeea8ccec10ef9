//! Who is taken while the machine is short of a core, and what becomes of the others. Time is given.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod switchroom;

use std::time::Duration;

use desk::business::{Rule, Step, When};
use desk::call::Event as Told;
use desk::explain::explain;
use desk::record::{Outcome, StepResult};
use jiff::tz::TimeZone;
use line::{Event, Habits, Refuses, Setup, WhenLate};
use sip::Refusal;
use switchroom::{DANA, LINE, Switchroom, business, party};

/// The assistant answers; then Dana is rung, and a message is taken.
fn room() -> Switchroom {
    let mut business = business(&[LINE], DANA, 20);
    let plan = business.plans.get_mut("people").unwrap();
    let people = std::mem::take(&mut plan.rules[0].steps);
    let steps = [vec![Step::Assistant], people].concat();
    plan.rules = vec![Rule { when: When::Always, steps }];
    Switchroom::answering(business, Habits::default())
}

/// The share of late looks in so many stretches of time, one after the other.
fn paced(room: &mut Switchroom, late_ratio: f64, stretches: u32) {
    for _ in 0..stretches {
        room.tell(Event::Paced { late_ratio, legs: 40 });
    }
}

fn refusing_calls() -> Switchroom {
    let mut room = room();
    paced(&mut room, 0.05, 4);
    assert_eq!(room.exchange.refuses(), Refuses::Calls);
    room
}

#[test]
fn while_sound_is_late_new_callers_go_to_a_person_and_who_talks_to_the_assistant_is_served_on() {
    let mut room = room();
    let before = room.call(|_| {});
    paced(&mut room, 0.05, 2);
    assert_eq!(room.exchange.refuses(), Refuses::Voices);
    assert!(room.placed.is_empty(), "the first caller is still with the assistant");
    let meanwhile = room.call(|_| {});
    assert_eq!(room.placed.len(), 1, "Dana is rung for the second");
    assert!(room.refused.is_empty());
    for leg in [before, meanwhile] {
        room.caller_hangs_up(leg);
    }
    let results: Vec<_> = room.records.iter().map(|record| record.steps[0].result).collect();
    assert_eq!(results, [StepResult::CallerHungUp, StepResult::StoodBack]);
}

#[test]
fn a_caller_whom_the_carrier_is_to_bring_elsewhere_gets_503_and_a_record_that_says_what_helps() {
    let mut room = refusing_calls();
    let leg = room.call(|call| call.from = party("+13125550199"));
    let retry_after = Some(Duration::from_secs(10));
    assert_eq!(room.refused, [(leg, Refusal::Unavailable { retry_after })]);
    assert!(room.because[0].starts_with("the machine is short of a core"), "{:?}", room.because);
    let record = &room.turned_away[0];
    assert_eq!(record.outcome, Outcome::TurnedAway);
    let story = explain(record, &TimeZone::UTC);
    assert_eq!(
        story[story.len() - 2],
        "Trouble: the machine is short of a core, and one more call would have been heard by everybody on the line; give it a \
         core more, or its trunks fewer channels."
    );
    assert!(room.begun.is_empty(), "no desk was asked, and no channel taken");
}

#[test]
fn who_dials_no_line_is_told_so_and_a_flood_writes_ten_records_a_minute() {
    let mut room = refusing_calls();
    room.call(|call| {
        call.request_user = "+13125550188".to_string();
        call.to = party("+13125550188");
    });
    assert_eq!(room.refused[0].1, Refusal::NotFound);
    for _ in 0..1_000 {
        room.call(|_| {});
    }
    assert_eq!((room.refused.len(), room.turned_away.len()), (1_001, 10));
}

#[test]
fn calls_that_are_up_go_on_and_their_journals_say_when_the_voice_was_refused_and_when_it_was_back() {
    let mut room = room();
    room.call(|_| {});
    let up_to_here = room.journal.len();
    paced(&mut room, 0.05, 5);
    paced(&mut room, 0.0, 6);
    assert_eq!(room.exchange.refuses(), Refuses::Nothing);
    assert_eq!(room.journal[up_to_here..], [Told::VoiceRefused, Told::VoiceBack], "once each");
    assert_eq!((room.exchange.calls_up(), room.records.len()), (1, 0));
    room.call(|_| {});
    let refused: Vec<bool> = room.begun.iter().map(|begun| begun.arrival.voice_refused).collect();
    assert_eq!(refused, [false, false]);
}

#[test]
fn a_desk_that_is_to_take_everybody_does_however_late_sound_is() {
    let business = business(&[LINE], DANA, 20);
    let setup = Setup { when_late: WhenLate::TakeAll, ..switchroom::setup(business, Habits::default()) };
    let mut room = Switchroom::of_setup(setup);
    paced(&mut room, 0.9, 20);
    room.call(|_| {});
    assert_eq!((room.refused.len(), room.begun[0].arrival.voice_refused), (0, false));
}

#[test]
fn once_sound_is_well_again_calls_are_taken_and_go_to_people_before_the_assistant_is_back() {
    let mut room = refusing_calls();
    paced(&mut room, 0.01, 3);
    room.call(|_| {});
    assert_eq!((room.refused.len(), room.placed.len()), (0, 1));
    assert!(room.begun[0].arrival.voice_refused);
    paced(&mut room, 0.01, 3);
    room.call(|_| {});
    assert_eq!((room.refused.len(), room.placed.len()), (0, 1), "the assistant has answered");
}
