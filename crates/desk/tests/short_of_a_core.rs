//! Callers who come in while the machine is short of a core: the assistant takes no new one, and nobody is left on a dead line.
//! Time is given; nothing rings.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod evening;

use std::sync::Arc;

use desk::business::{Accept, Front, Step};
use desk::call::{Action, Event};
use desk::explain::explain;
use desk::intake::Directory;
use desk::record::{CallbackReason, Outcome, Record, StepResult};
use desk::sayings;
use evening::{Evening, plumber, ring};
use jiff::tz::TimeZone;

fn short(steps: Vec<Step>) -> Evening {
    Evening::short_of_a_core(plumber(steps, Accept::PickUp))
}

fn listens(call: &Evening) -> bool {
    call.orders.iter().any(|order| matches!(order, Action::Listen { .. }))
}

fn taken(record: &Record) -> Vec<(&str, StepResult)> {
    record.steps.iter().map(|step| (step.step.as_str(), step.result)).collect()
}

#[test]
fn the_assistant_stands_back_a_person_is_rung_and_a_message_is_taken_after_all() {
    let mut call = short(vec![Step::Assistant, ring(), Step::Message]);
    assert_eq!(call.rung(), [1]);
    call.nothing_happens();
    assert!(call.said(sayings::LEAVE_MESSAGE));
    let ask = call.leave_message();
    call.tell(Event::Stored { ask, stored: true });
    call.finish_speaking();
    assert!(!listens(&call), "nobody was listened to but for the message");
    let record = call.close();
    assert_eq!(record.outcome, Outcome::Message);
    assert_eq!(
        taken(&record),
        [
            ("assistant", StepResult::StoodBack),
            ("ring Dana", StepResult::NobodyTook),
            ("message", StepResult::MessageTaken)
        ]
    );
    let story = explain(&record, &TimeZone::UTC).join("\n");
    for told in [
        "Step 1, assistant, took 0.0 s: It was left out, as the machine was short of a core.",
        "Trouble: the machine was short of a core, so the assistant took no new caller; give it a core more, or its trunks \
         fewer channels.",
    ] {
        assert!(story.contains(told), "{story}");
    }
}

#[test]
fn a_plan_with_nothing_but_the_assistant_promises_to_call_back() {
    let mut call = short(vec![Step::Assistant]);
    let (ask, reason, _) = call.callback().unwrap();
    assert_eq!(reason, CallbackReason::Failure);
    call.tell(Event::Stored { ask, stored: true });
    assert!(call.said(sayings::WILL_CALL_BACK));
    call.finish_speaking();
    assert_eq!(call.close().outcome, Outcome::Callback);
}

#[test]
fn as_nobody_asks_whether_it_can_wait_whoever_is_there_for_urgent_callers_is_rung() {
    let at_night = || vec![Step::Assistant, Step::Urgent(Box::new(ring())), Step::Message];
    assert_eq!(short(at_night()).rung(), [1]);
    let mut well = Evening::new(at_night());
    well.caller_says("agent");
    assert!(well.rung().is_empty(), "who was asked, and can wait, wakes nobody");
}

#[test]
fn nobody_is_asked_for_an_office_either() {
    let front = Front { office: "main".into(), plan: "night".into(), assistant: "Robin".into() };
    let doors = ["downtown", "denver"].map(|words| (front.clone(), vec![words.to_string()]));
    let offices = Directory::new(doors.to_vec()).unwrap();
    let call = short(vec![Step::Offices(Arc::new(offices)), ring(), Step::Message]);
    assert_eq!((call.rung(), listens(&call)), (vec![1], false));
}

#[test]
fn what_counts_is_how_it_is_when_the_step_begins() {
    let steps = || vec![ring(), Step::Assistant, Step::Message];
    let mut call = short(steps());
    call.tell(Event::VoiceBack);
    call.nothing_happens();
    assert!(listens(&call), "the machine copes again");
    let mut call = Evening::new(steps());
    call.tell(Event::VoiceRefused);
    call.nothing_happens();
    assert!(!listens(&call) && call.said(sayings::LEAVE_MESSAGE));
}

#[test]
fn whoever_talks_to_the_assistant_already_is_served_on() {
    let mut call = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    call.tell(Event::VoiceRefused);
    call.caller_says("my sink is clogged");
    assert!(call.rung().is_empty());
    let record = call.caller_hangs_up();
    assert_eq!(taken(&record), [("assistant", StepResult::CallerHungUp)]);
}

#[test]
fn an_arrival_is_written_down_as_before_unless_the_voice_was_refused() {
    let arrival = |voice_refused: &str| {
        format!(
            r#"{{"id":"c-1","line":"+13125550100","from":null,"diverted_by":null,"diverted_because":null,"verification":null,"busy_offices":[]{voice_refused}}}"#
        )
    };
    for (text, is_refused) in [(arrival(""), false), (arrival(r#","voice_refused":true"#), true)] {
        let read: desk::call::Arrival = serde_json::from_str(&text).unwrap();
        assert_eq!(read.voice_refused, is_refused);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
