//! Whole calls at the desk, told as an office would tell them. Time is given; nothing rings.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod evening;

use std::time::Duration;

use desk::business::{Accept, Kept, Step, When, Whom};
use desk::call::{Action, Closing, Event, Heard, Leg, LineFault, TapeOrder, Why};
use desk::explain::explain;
use desk::intake::Words;
use desk::record::{CallbackReason, EndedBy, Outcome, StepResult, Tried, Urgency};
use desk::sayings;
use evening::{DANA, Evening, ring};
use jiff::tz::TimeZone;

#[test]
fn a_burst_pipe_at_night_reaches_the_plumber_before_the_message() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    night.caller_says("a pipe burst");
    assert_eq!(night.rung(), [1]);
    night.tell(Event::PersonAnswered { leg: 1 });
    assert!(night.orders.contains(&Action::Connect { leg: 1 }));
    let record = night.caller_hangs_up();
    assert_eq!((record.outcome, record.ended_by), (Outcome::Transferred, EndedBy::Caller));
    assert_eq!(record.steps[0].result, StepResult::Emergency);
    assert_eq!(record.steps[1].tried, [("Dana".to_string(), Tried::Answered)]);
    assert!(night.hung_up(Leg::Person(1)), "no leg is left open");
    assert_eq!(record.callback, None);
}

#[test]
fn a_plumber_who_sleeps_gives_the_caller_back_who_leaves_an_alerting_message() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    night.caller_says("a pipe burst");
    assert_eq!(night.nothing_happens(), Why::PersonDidNotAnswer);
    assert!(night.hung_up(Leg::Person(1)));
    assert!(night.said(sayings::NOBODY_FREE));
    let (_, reason, urgency) = night.callback().unwrap();
    assert_eq!((reason, urgency), (CallbackReason::Emergency, Urgency::Alert));
    let ask = night.leave_message();
    assert!(!night.said(sayings::MESSAGE_KEPT), "nothing is promised before it is stored");
    night.tell(Event::Stored { ask, stored: true });
    assert!(night.said(sayings::MESSAGE_KEPT));
    night.finish_speaking();
    let record = night.close();
    assert_eq!(record.outcome, Outcome::Message);
    assert_eq!(record.steps[1].tried, [("Dana".to_string(), Tried::NoAnswer)]);
}

#[test]
fn a_person_who_picks_up_too_late_is_released() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    night.caller_says("agent");
    night.nothing_happens();
    let before = night.orders.len();
    night.tell(Event::PersonAnswered { leg: 1 });
    assert_eq!(night.orders[before..], [Action::HangUp { leg: Leg::Person(1) }]);
}

#[test]
fn a_person_must_press_one_so_that_no_voicemail_takes_a_caller() {
    let mut night = Evening::with(vec![ring(), Step::Message], Accept::PressOne, None);
    night.tell(Event::PersonAnswered { leg: 1 });
    assert!(night.said(sayings::PRESS_ONE));
    assert!(!night.orders.contains(&Action::Connect { leg: 1 }));
    let at = night.now.mono;
    night.tell(Event::Digit { leg: Leg::Person(1), digit: '1', at });
    assert!(night.orders.contains(&Action::Connect { leg: 1 }));
    let record = night.caller_hangs_up();
    assert_eq!(record.outcome, Outcome::Answered, "a person took it before the assistant did");
}

#[test]
fn a_voicemail_that_presses_nothing_gives_the_caller_back() {
    let mut night = Evening::with(vec![ring(), Step::Message], Accept::PressOne, None);
    night.tell(Event::PersonAnswered { leg: 1 });
    night.nothing_happens();
    assert!(night.hung_up(Leg::Person(1)));
    assert!(night.said(sayings::LEAVE_MESSAGE));
    let record = night.caller_hangs_up();
    assert_eq!(record.steps[0].tried, [("Dana".to_string(), Tried::Machine)]);
}

#[test]
fn a_person_hears_who_calls_and_why_before_taking_the_call() {
    let mut night = Evening::with(vec![Step::Assistant, ring(), Step::Message], Accept::PressOne, None);
    night.caller_says("a pipe burst");
    night.tell(Event::PersonAnswered { leg: 1 });
    assert_eq!(
        night.whispered(),
        [
            sayings::PRESS_ONE,
            "It is an emergency, about burst pipe. The caller's number is 3 1 2, 5 5 5, 0 1 9 9.",
            sayings::PRESS_ONE,
        ]
    );
    let last = night.said_to_person().last().copied().unwrap();
    night.pass(Duration::from_secs(14));
    night.tell(Event::Said { saying: last, at: night.now.mono, whole: true });
    night.pass(Duration::from_secs(5));
    assert!(!night.hung_up(Leg::Person(1)), "there is time for the key after the last word");
    night.nothing_happens();
    assert!(night.hung_up(Leg::Person(1)), "a machine is not waited for");
}

#[test]
fn a_caller_whom_the_person_has_left_is_asked_what_they_still_need() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    night.caller_says("agent");
    night.tell(Event::PersonAnswered { leg: 1 });
    night.tell(Event::PersonGone { leg: 1 });
    assert!(night.said(sayings::PERSON_LEFT));
    assert!(!night.hung_up(Leg::Caller), "the caller is not dropped");
    night.caller_says("no");
    night.finish_speaking();
    let record = night.close();
    assert_eq!((record.outcome, record.ended_by), (Outcome::Transferred, EndedBy::Desk));
    assert_eq!(record.steps.len(), 3, "{:?}", record.steps);
}

#[test]
fn a_caller_who_was_cut_off_reaches_the_person_again() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    night.caller_says("agent");
    night.tell(Event::PersonAnswered { leg: 1 });
    night.tell(Event::PersonGone { leg: 1 });
    night.caller_says("agent");
    assert_eq!(night.rung(), [1, 2]);
    night.nothing_happens();
    assert!(night.said(sayings::LEAVE_MESSAGE), "nobody picks up now, so a message is taken");
    let record = night.caller_hangs_up();
    assert_eq!(record.outcome, Outcome::Abandoned);
    assert!(record.callback.is_some(), "what they called again for is not forgotten");
}

#[test]
fn a_caller_on_a_plan_without_an_assistant_is_let_go_when_the_person_leaves() {
    let mut night = Evening::new(vec![ring(), Step::Message]);
    night.tell(Event::PersonAnswered { leg: 1 });
    night.tell(Event::PersonGone { leg: 1 });
    let record = night.close();
    assert_eq!((record.outcome, record.ended_by), (Outcome::Answered, EndedBy::Person));
}

#[test]
fn a_caller_whose_person_was_never_heard_goes_on_in_the_plan_as_if_nobody_had_taken_them() {
    for steps in [vec![Step::Assistant, ring(), Step::Message], vec![ring(), Step::Message]] {
        let assisted = steps[0] == Step::Assistant;
        let mut night = Evening::new(steps);
        if assisted {
            night.caller_says("agent");
        }
        night.tell(Event::PersonAnswered { leg: 1 });
        night.tell(Event::PersonUnheard { leg: 1 });
        assert!(!night.said(sayings::PERSON_LEFT), "it was the desk that hung up");
        assert!(night.said(sayings::NOBODY_FREE) && night.said(sayings::LEAVE_MESSAGE));
        let record = night.caller_hangs_up();
        assert_eq!((record.outcome, record.ended_by), (Outcome::Abandoned, EndedBy::Caller));
        assert!(record.callback.is_some(), "what they called for is not forgotten");
        let told = |trouble: &String| trouble.starts_with("no sound came from whoever took the call");
        assert!(record.troubles.iter().any(told), "{:?}", record.troubles);
    }
}

#[test]
fn a_caller_whose_person_was_never_heard_is_promised_a_call_back_where_the_plan_has_nothing_left() {
    let mut night = Evening::new(vec![ring()]);
    night.tell(Event::PersonAnswered { leg: 1 });
    night.tell(Event::PersonUnheard { leg: 1 });
    assert!(night.callback().is_some());
    assert!(!night.hung_up(Leg::Caller), "the caller is told so first");
}

#[test]
fn a_phone_that_picked_up_to_say_nothing_took_no_call() {
    let mut night = Evening::with(vec![ring(), Step::Message], Accept::PressOne, None);
    night.tell(Event::PersonAnswered { leg: 1 });
    night.tell(Event::PersonUnheard { leg: 1 });
    let record = night.caller_hangs_up();
    assert_eq!(record.steps[0].tried, [("Dana".to_string(), Tried::Machine)]);
}

#[test]
fn the_number_a_call_was_forwarded_from_is_never_rung_back() {
    let mut night = Evening::with(vec![ring(), Step::Message], Accept::PickUp, Some(DANA));
    assert!(night.rung().is_empty());
    let record = night.caller_hangs_up();
    assert_eq!(record.steps[0].tried, [("Dana".to_string(), Tried::WouldLoop)]);
}

#[test]
fn a_caller_who_gives_up_while_the_office_rings_is_called_back() {
    let mut night = Evening::new(vec![ring(), Step::Message]);
    let record = night.caller_hangs_up();
    assert_eq!((record.outcome, record.answered), (Outcome::Abandoned, None));
    assert_eq!(night.callback().unwrap().1, CallbackReason::CallerGaveUp);
    assert!(night.hung_up(Leg::Person(1)));
}

#[test]
fn when_nothing_is_left_to_try_a_call_back_is_stored_before_it_is_promised() {
    let mut night = Evening::new(vec![ring()]);
    night.nothing_happens();
    let (ask, ..) = night.callback().expect("the last resort needs nobody");
    assert!(!night.said(sayings::WILL_CALL_BACK));
    night.tell(Event::Stored { ask, stored: true });
    assert!(night.said(sayings::WILL_CALL_BACK));
    night.finish_speaking();
    assert_eq!(night.close().outcome, Outcome::Callback);
}

#[test]
fn a_promise_that_cannot_be_stored_is_not_made() {
    let mut night = Evening::new(vec![ring()]);
    night.nothing_happens();
    assert_eq!(night.nothing_happens(), Why::ErrandTookTooLong);
    assert!(night.said(sayings::COULD_NOT_KEEP));
    assert!(!night.said(sayings::WILL_CALL_BACK));
}

#[test]
fn a_voice_that_fails_moves_the_call_on_to_a_person() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    let greeting = night.sayings()[0];
    night.tell(Event::SayFailed { saying: greeting });
    assert_eq!(night.rung(), [1]);
    let deaf = Action::StopListening { to: Leg::Caller };
    assert!(night.orders.contains(&deaf), "nobody is listened to any more whom nothing is asked");
    let record = night.caller_hangs_up();
    assert_eq!(record.steps[0].result, StepResult::EngineFailed);
    assert!(!record.troubles.is_empty());
}

#[test]
fn a_caller_who_was_answered_and_then_is_turned_away_is_hung_up_on_and_not_left_on_a_dead_line() {
    let mut night = Evening::new(vec![Step::Assistant, Step::Refuse]);
    let greeting = night.sayings()[0];
    night.tell(Event::SayFailed { saying: greeting });
    assert!(night.hung_up(Leg::Caller));
    assert!(!night.orders.contains(&Action::Refuse), "an answered call cannot be refused any more");
    let record = night.close();
    assert_eq!((record.outcome, record.ended_by), (Outcome::Refused, EndedBy::Desk));
    assert_eq!(record.steps[1].result, StepResult::Refused);
}

#[test]
fn a_call_that_no_rule_was_for_is_not_said_to_have_been_decided_by_one() {
    let mut business = evening::plumber(vec![Step::Assistant], Accept::PickUp);
    for plan in business.plans.values_mut() {
        plan.rules.iter_mut().for_each(|rule| rule.when = When::Holiday);
    }
    let mut night = Evening::at_night(business, None);
    night.finish_speaking();
    night.tell(Event::CallerGone);
    night.tell(Event::MessageEnded { seconds: 0.0 });
    let record = night.close();
    let story = explain(&record, &TimeZone::UTC).join(" ");
    assert!(
        story.contains("held, so a message is taken. Plan `night` had no rule for it; the call was answered"),
        "{story}"
    );
    assert!(story.contains("The assistant spoke once, the caller 0 times and pressed 0 keys."), "{story}");
}

#[test]
fn a_time_that_was_offered_is_free_again_once_the_voice_has_failed() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    let greeting = night.sayings()[0];
    night.tell(Event::SayFailed { saying: greeting });
    assert_eq!(night.rung(), [1], "the call goes on");
    assert!(night.orders.contains(&Action::ReleaseHold));
}

#[test]
fn a_caller_who_hangs_up_in_their_message_has_left_it() {
    let mut night = Evening::new(vec![Step::Message]);
    night.finish_speaking();
    let at = night.now.mono;
    night.tell(Event::SpeechStarted { at });
    night.tell(Event::CallerGone);
    night.tell(Event::MessageEnded { seconds: 7.0 });
    let ask = night.orders.iter().rev().find_map(|order| match order {
        Action::StoreMessage { ask, .. } => Some(*ask),
        _ => None,
    });
    night.tell(Event::Stored { ask: ask.unwrap(), stored: true });
    assert_eq!(night.close().outcome, Outcome::Message);
}

#[test]
fn a_tone_answered_with_silence_is_no_message_but_a_call_back() {
    let mut night = Evening::new(vec![Step::Message]);
    night.finish_speaking();
    assert_eq!(night.nothing_happens(), Why::CallerSaidNothing);
    night.tell(Event::MessageEnded { seconds: 8.0 });
    assert!(night.callback().is_some());
}

#[test]
fn a_message_that_is_being_left_when_the_desk_stops_is_kept_as_far_as_it_goes() {
    let leaving = || {
        let mut night = Evening::new(vec![Step::Message, ring()]);
        night.finish_speaking();
        night.tell(Event::SpeechStarted { at: night.now.mono });
        night.pass(Duration::from_secs(5));
        night.tell(Event::Closing(Closing::LetPeopleFinish));
        assert!(night.orders.contains(&Action::EndMessage));
        night
    };
    let mut night = leaving();
    night.tell(Event::MessageEnded { seconds: 5.0 });
    let stores = |order: &Action| matches!(order, Action::StoreMessage { .. });
    let ask = night.orders.iter().find_map(|order| match order {
        Action::StoreMessage { ask, .. } => Some(*ask),
        _ => None,
    });
    night.tell(Event::Stored { ask: ask.unwrap(), stored: true });
    assert!(night.said(sayings::MESSAGE_KEPT));
    night.finish_speaking();
    assert_eq!(night.close().outcome, Outcome::Message);
    // Nothing came of it: nobody is rung any more, and a callback is left.
    let mut night = leaving();
    night.tell(Event::MessageEnded { seconds: 0.2 });
    assert!(!night.orders.iter().any(stores) && night.rung().is_empty());
    assert_eq!(night.close().outcome, Outcome::Callback);
    assert!(night.callback().is_some());
}

#[test]
fn a_queue_for_urgent_callers_is_waited_in_by_them_and_passed_by_others() {
    let queue = || Step::Queue { whom: Whom::Office("main".into()), wait: desk::business::BEFORE_VOICEMAIL };
    let steps = || vec![Step::Assistant, Step::Urgent(Box::new(queue())), Step::Message];
    let mut urgent = Evening::new(steps());
    urgent.caller_says("a pipe burst");
    assert!(!urgent.said(sayings::LEAVE_MESSAGE));
    let mut ordinary = Evening::new(steps());
    ordinary.caller_says("agent");
    assert!(ordinary.said(sayings::LEAVE_MESSAGE));
    let result = |call: &mut Evening| {
        let record = call.caller_hangs_up();
        record.steps.iter().map(|step| (step.step.clone(), step.result)).collect::<Vec<_>>()
    };
    assert_eq!(result(&mut urgent)[1], ("queue main".to_string(), StepResult::CallerHungUp));
    assert_eq!(result(&mut ordinary)[1], ("queue main".to_string(), StepResult::NotUrgent));
}

#[test]
fn a_line_that_breaks_while_a_message_is_left_did_not_hang_up() {
    let line_breaks = Event::LineBroke(LineFault::NoSound);
    for (fault, ended_by) in [(Event::CallerGone, EndedBy::Caller), (line_breaks, EndedBy::Line)] {
        let mut night = Evening::new(vec![Step::Message]);
        night.finish_speaking();
        night.tell(Event::SpeechStarted { at: night.now.mono });
        night.pass(Duration::from_secs(5));
        night.tell(fault);
        night.tell(Event::MessageEnded { seconds: 5.0 });
        let asks = |order: &Action| match order {
            Action::StoreMessage { ask, .. } => Some(*ask),
            _ => None,
        };
        let ask = night.orders.iter().find_map(asks).expect("what was said is kept");
        night.tell(Event::Stored { ask, stored: true });
        let record = night.close();
        assert_eq!((record.outcome, record.ended_by), (Outcome::Message, ended_by));
    }
}

#[test]
fn nobody_is_left_talking_when_a_message_can_not_be_recorded() {
    for words_begun in [false, true] {
        let mut night = Evening::new(vec![Step::Message]);
        night.finish_speaking();
        if words_begun {
            let at = night.now.mono;
            night.tell(Event::SpeechStarted { at });
        }
        night.tell(Event::MessageEnded { seconds: 0.0 });
        assert!(night.orders.contains(&Action::EndMessage), "the recorder lets go");
        let (ask, reason, _) = night.callback().expect("a call back is tried at once");
        assert_eq!(reason, CallbackReason::Failure);
        night.tell(Event::Stored { ask, stored: true });
        assert!(night.said(sayings::WILL_CALL_BACK) && !night.said(sayings::MESSAGE_KEPT));
        night.finish_speaking();
        let record = night.close();
        assert_eq!((record.outcome, record.steps[0].result), (Outcome::Callback, StepResult::NoMessage));
        assert_eq!(record.troubles, ["a message could not be recorded"]);
    }
}

#[test]
fn a_call_back_that_is_stored_after_the_call_puts_its_record_right() {
    let mut night = Evening::new(vec![ring()]);
    night.nothing_happens();
    let (ask, ..) = night.callback().unwrap();
    night.tell(Event::Stored { ask, stored: false });
    assert!(night.said(sayings::COULD_NOT_KEEP), "nothing is promised meanwhile");
    night.finish_speaking();
    let mut record = night.close();
    assert_eq!((record.outcome, &record.callback), (Outcome::Lost, &None), "so far nothing is stored");
    assert!(record.put_right("b-c-1"));
    assert_eq!((record.outcome, record.callback.as_deref()), (Outcome::Callback, Some("b-c-1")));
    let before = record.clone();
    assert!(!record.put_right("b-c-1") && record == before, "once");
}

#[test]
fn an_answer_that_is_never_confirmed_still_leaves_a_record_and_a_call_back() {
    let mut night = Evening::new(vec![Step::Assistant]);
    night.tell(Event::LineBroke(LineFault::NeverConfirmed));
    let record = night.close();
    assert_eq!(record.ended_by, EndedBy::Line);
    assert!(night.callback().is_some());
}

#[test]
fn a_line_that_reports_nothing_back_is_filed_all_the_same() {
    let mut night = Evening::new(vec![Step::Assistant]);
    night.tell(Event::CallerGone);
    assert_eq!(night.nothing_happens(), Why::NoFinalReport);
    assert!(night.record.is_some());
}

#[test]
fn a_key_pressed_during_the_disclosure_counts_once_it_was_heard() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    let greeting = night.sayings()[0];
    let at = night.now.mono;
    night.tell(Event::Digit { leg: Leg::Caller, digit: '9', at });
    assert!(!night.said(sayings::LEAVE_MESSAGE), "the disclosure is heard to its end");
    night.tell(Event::Said { saying: greeting, at, whole: true });
    assert!(night.said(sayings::LEAVE_MESSAGE), "and then the key counts");
}

#[test]
fn a_person_asked_for_over_the_disclosure_is_rung_at_once() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    night.caller_says_over_ours("agent");
    assert_eq!(night.rung(), [1]);
    assert!(night.orders.contains(&Action::StopSaying { to: Leg::Caller }));
}

#[test]
fn a_need_told_over_the_disclosure_counts_when_it_is_over_and_not_after_the_question() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    let [disclosure, _question] = night.sayings()[..] else { panic!("the greeting is two sayings") };
    night.caller_says_over_ours("my kitchen drain is clogged");
    assert_eq!(night.sayings().len(), 2, "the disclosure is heard to its end");
    let at = night.now.mono;
    night.tell(Event::Said { saying: disclosure, at, whole: true });
    assert!(night.sayings().len() > 2, "and nothing more has to be");
    assert!(night.orders.contains(&Action::StopSaying { to: Leg::Caller }));
}

#[test]
fn a_need_told_over_the_disclosure_is_kept_though_its_hearing_is_told_twice() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    let [disclosure, _question] = night.sayings()[..] else { panic!("the greeting is two sayings") };
    let listen = night.hears_over_ours(Heard::Words(Words::typed("my kitchen drain is clogged")));
    let at = night.now.mono;
    for heard in [Heard::Words(Words::typed("my kitchen drain is clogged")), Heard::Failed] {
        night.tell(Event::Heard { listen, heard });
    }
    night.tell(Event::SpeechStarted { at });
    night.tell(Event::SpeechEnded { at });
    night.tell(Event::Said { saying: disclosure, at, whole: true });
    assert!(night.sayings().len() > 2, "the need is answered");
    // Each wait that comes to nothing leads somewhere else, until the call is over.
    for _ in 0..50 {
        if night.call.poll_deadline().is_none() {
            break;
        }
        night.nothing_happens();
        let next = night.call.poll_deadline();
        assert!(next.is_none_or(|deadline| deadline.at > night.now.mono), "no wait is over before it begins");
    }
    assert!(night.record.is_some());
}

#[test]
fn a_caller_whose_call_went_in_circles_is_promised_a_call_back() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    night.tell(Event::WentInCircles);
    let (ask, reason, _) = night.callback().expect("a callback task");
    assert_eq!(reason, CallbackReason::Failure);
    assert!(!night.said(sayings::WILL_CALL_BACK), "not before it is stored");
    night.tell(Event::Stored { ask, stored: true });
    assert!(night.said(sayings::WILL_CALL_BACK));
    night.tell(Event::WentInCircles);
    assert!(night.orders.contains(&Action::HangUp { leg: Leg::Caller }), "a second time ends it");
    assert!(night.close().troubles.iter().any(|trouble| trouble.contains("went in circles")));
}

#[test]
fn a_hello_into_the_greeting_is_no_misunderstanding() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    let greeting = night.sayings();
    let listen = night.hears_over_ours(Heard::NotUnderstood);
    assert_ne!(night.listening(), listen, "the desk listens on");
    night.finish_speaking();
    assert_eq!(night.sayings(), greeting, "and says nothing about it");
    assert_eq!(night.nothing_happens(), Why::CallerSaidNothing);
}

#[test]
fn a_disclosure_that_cannot_be_spoken_moves_the_call_on_to_a_person() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    let disclosure = night.sayings()[0];
    night.tell(Event::SayFailed { saying: disclosure });
    assert_eq!(night.rung(), [1]);
}

#[test]
fn zero_reaches_a_person_in_the_middle_of_any_sentence() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    let at = night.now.mono;
    night.tell(Event::Digit { leg: Leg::Caller, digit: '0', at });
    assert_eq!(night.rung(), [1]);
}

#[test]
fn nothing_is_recorded_where_nobody_switched_it_on() {
    let mut night = Evening::new(vec![Step::Assistant, ring(), Step::Message]);
    night.caller_says("a pipe burst");
    night.tell(Event::PersonAnswered { leg: 1 });
    night.finish_speaking();
    assert_eq!(night.caller_hangs_up().recording, None);
    assert_eq!(night.taped(), []);
}

#[test]
fn a_recording_begins_when_the_caller_has_heard_that_it_does_and_not_before() {
    let mut night = Evening::recorded(vec![Step::Assistant], Kept::Announced, Kept::Never);
    let at = night.now.mono;
    let notice = night.sayings()[0];
    night.tell(Event::Spoke { saying: notice, at, gap: None });
    night.pass(Duration::from_secs(5));
    assert_eq!(night.taped(), [], "while it is being said");
    night.tell(Event::Said { saying: notice, at: night.now.mono, whole: true });
    let started = "2026-01-18T05:40:00Z".parse().unwrap();
    assert_eq!(night.taped(), [TapeOrder::Begin { started, since_start: Duration::from_secs(5) }]);
    let record = night.caller_hangs_up();
    assert_eq!(night.taped()[1..], [TapeOrder::Pause { since: night.now.mono }, TapeOrder::End]);
    assert_eq!(record.recording.map(|recording| recording.troubles), Some(Vec::new()));
}

#[test]
fn a_caller_who_asks_for_a_person_over_the_notice_is_not_recorded() {
    let mut night = Evening::recorded(vec![Step::Assistant, ring()], Kept::Announced, Kept::Never);
    let (at, notice) = (night.now.mono, night.sayings()[0]);
    night.key(Leg::Caller, '0');
    night.tell(Event::Said { saying: notice, at, whole: false });
    let record = night.caller_hangs_up();
    assert_eq!(night.taped(), []);
    let why = record.recording.unwrap().troubles;
    assert!(why[0].contains("did not hear to its end"), "{why:?}");
}

#[test]
fn what_is_said_with_a_person_is_left_out_and_what_follows_is_recorded_again() {
    let mut night = Evening::recorded(vec![Step::Assistant, ring()], Kept::Announced, Kept::Never);
    night.caller_says("a pipe burst");
    night.tell(Event::PersonAnswered { leg: 1 });
    let put_through = night.now.mono;
    assert_eq!(night.taped().last(), Some(&TapeOrder::Pause { since: put_through }));
    assert!(night.said_to_person().is_empty(), "there is nothing to tell the person");
    night.pass(Duration::from_secs(60));
    night.tell(Event::PersonGone { leg: 1 });
    assert_eq!(night.taped().last(), Some(&TapeOrder::Resume));
}

#[test]
fn a_talk_with_a_person_is_recorded_once_both_have_heard_so() {
    let mut night = Evening::recorded(vec![ring()], Kept::Never, Kept::Announced);
    night.tell(Event::PersonAnswered { leg: 1 });
    assert_eq!(night.whispered(), sayings::OF_RECORDINGS);
    assert!(night.said(sayings::RECORDED));
    night.finish_speaking();
    assert_eq!(night.taped(), [], "the person has not heard it yet");
    let told = night.said_to_person()[0];
    night.tell(Event::Said { saying: told, at: night.now.mono, whole: true });
    assert_eq!(night.taped().len(), 1);
    for expected in [TapeOrder::Pause { since: night.now.mono }, TapeOrder::Resume] {
        night.key(Leg::Person(1), '*');
        assert_eq!(night.taped().last(), Some(&expected), "by the person's star");
    }
    night.caller_hangs_up();
}

#[test]
fn whoever_takes_the_callers_place_at_the_desk_has_not_heard_the_notice_and_is_not_recorded() {
    let mut night = Evening::recorded(vec![Step::Assistant, ring()], Kept::Announced, Kept::Never);
    night.finish_speaking();
    assert_eq!(night.taped().len(), 1);
    night.tell(Event::Replaced { leg: Leg::Caller, from: None });
    assert_eq!(night.taped().last(), Some(&TapeOrder::Pause { since: night.now.mono }));
    night.caller_says("a pipe burst");
    let record = night.caller_hangs_up();
    assert!(!night.taped().contains(&TapeOrder::Resume), "{:?}", night.taped());
    assert_eq!(record.troubles, ["another telephone took the place of the caller's in this call"]);
}

#[test]
fn a_person_who_hung_up_into_the_notice_is_not_recorded() {
    let mut night = Evening::recorded(vec![ring()], Kept::Never, Kept::Announced);
    night.tell(Event::PersonAnswered { leg: 1 });
    night.finish_speaking();
    let told = night.said_to_person()[0];
    night.tell(Event::Said { saying: told, at: night.now.mono, whole: false });
    night.tell(Event::PersonGone { leg: 1 });
    let record = night.close();
    assert_eq!(night.taped(), []);
    assert_eq!(record.recording.unwrap().troubles, ["nothing happened in this call that is recorded"]);
}

#[test]
fn a_card_that_is_read_out_is_cut_from_its_first_word_and_recording_goes_on_after_it() {
    let mut night = Evening::recorded(vec![Step::Assistant], Kept::Announced, Kept::Never);
    night.finish_speaking();
    let (began, listen) = (night.now.mono, night.listening());
    night.tell(Event::SpeechStarted { at: began });
    night.pass(Duration::from_secs(6));
    night.tell(Event::SpeechEnded { at: night.now.mono });
    let words = Words::typed("my card number is four one one one");
    night.tell(Event::Heard { listen, heard: Heard::Words(words) });
    assert_eq!(night.taped().last(), Some(&TapeOrder::Pause { since: began }));
    night.caller_says("my kitchen drain is clogged");
    assert_eq!(night.taped().last(), Some(&TapeOrder::Resume));
}

#[test]
fn more_keys_than_a_telephone_number_has_are_cut_from_the_first_and_recording_goes_on_half_a_minute_later() {
    let mut night = Evening::recorded(vec![ring()], Kept::Never, Kept::Announced);
    night.tell(Event::PersonAnswered { leg: 1 });
    for saying in [night.sayings(), night.said_to_person()].concat() {
        night.tell(Event::Said { saying, at: night.now.mono, whole: true });
    }
    let first = night.now.mono;
    for digit in "41111111111".chars() {
        night.key(Leg::Caller, digit);
        night.pass(Duration::from_secs(1));
    }
    assert_eq!(night.taped().len(), 1, "eleven keys may be a number to call back");
    night.key(Leg::Caller, '1');
    let since = first - Duration::from_millis(300);
    assert_eq!(night.taped().last(), Some(&TapeOrder::Pause { since }));
    assert_eq!(night.nothing_happens(), Why::CardWasTold);
    assert_eq!(night.taped().last(), Some(&TapeOrder::Resume));
    night.caller_hangs_up();
}

#[test]
fn a_caller_who_does_not_want_to_be_recorded_is_told_so_and_nothing_is_kept() {
    let mut night = Evening::recorded(vec![Step::Assistant], Kept::Announced, Kept::Never);
    night.caller_says("please do not record this");
    assert_eq!(night.taped().last(), Some(&TapeOrder::Destroy));
    assert!(night.said(sayings::NOT_RECORDED));
    night.caller_says("my kitchen drain is clogged");
    let record = night.caller_hangs_up();
    assert_eq!(night.taped().last(), Some(&TapeOrder::Destroy), "and never again in this call");
    assert_eq!(record.recording.unwrap().troubles, ["the caller did not want to be recorded"]);
}
