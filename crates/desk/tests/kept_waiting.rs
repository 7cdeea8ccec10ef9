//! Callers who were kept waiting by something of ours: the filler they heard, and what the record says of it. Time is given.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod evening;

use std::time::Duration;

use desk::business::{Kept, Step};
use desk::call::{Action, Event, Leg, TapeOrder, Tone};
use desk::explain::explain;
use evening::{Evening, ring};
use jiff::tz::TimeZone;

/// The filler plays from now on for as long as this.
fn fills(night: &mut Evening, ms: u64) {
    let at = night.now.mono;
    night.tell(Event::FillerBegan { at });
    night.now = night.now.after(Duration::from_millis(ms));
    night.tell(Event::FillerEnded { at: night.now.mono });
}

/// The sentences about it, of the call that ends now.
fn told(night: &mut Evening) -> Vec<String> {
    let record = night.caller_hangs_up();
    let story = explain(&record, &TimeZone::UTC);
    story.into_iter().filter(|line| line.contains("filler") || line.contains("voice")).collect()
}

fn talking() -> Evening {
    Evening::new(vec![Step::Assistant, ring(), Step::Message])
}

#[test]
fn a_sentence_that_was_not_ready_is_why_a_caller_heard_the_filler() {
    let mut night = talking();
    fills(&mut night, 1_100);
    night.finish_speaking();
    assert_eq!(
        told(&mut night),
        ["Trouble: the caller heard the filler for 1.1 s, because what was to be said was not ready yet."]
    );
}

#[test]
fn words_that_are_not_understood_yet_are_why_and_what_is_heard_again_is_added() {
    let mut night = talking();
    night.finish_speaking();
    let at = night.now.mono;
    night.tell(Event::SpeechStarted { at });
    night.tell(Event::SpeechEnded { at });
    fills(&mut night, 1_100);
    fills(&mut night, 400);
    assert_eq!(
        told(&mut night),
        [
            "Trouble: the caller heard the filler for 1.5 s, because what they had said was not understood yet."
        ]
    );
}

#[test]
fn a_desk_that_stood_still_says_so_itself_whatever_it_waited_for_when_it_went_on() {
    let mut night = talking();
    night.finish_speaking();
    let at = night.now.mono;
    night.now = night.now.after(Duration::from_secs(4));
    night.tell(Event::Digit { leg: Leg::Caller, digit: '1', at });
    night.tell(Event::FillerBegan { at: at + Duration::from_secs(1) });
    night.tell(Event::FillerEnded { at: at + Duration::from_millis(2_100) });
    night.finish_speaking();
    assert_eq!(
        told(&mut night),
        ["Trouble: the caller heard the filler for 1.1 s, because the desk itself stood still."]
    );
}

#[test]
fn a_store_that_does_not_answer_is_why_and_a_caller_who_hangs_up_into_the_filler_heard_it_until_then() {
    let mut night = Evening::new(vec![Step::Message]);
    let ask = night.leave_message();
    let at = night.now.mono;
    night.tell(Event::FillerBegan { at });
    night.now = night.now.after(Duration::from_millis(700));
    night.tell(Event::CallerGone);
    night.tell(Event::Stored { ask, stored: true });
    assert_eq!(
        told(&mut night),
        [
            "Trouble: the caller heard the filler for 0.7 s, because nothing was stored yet that could be promised."
        ]
    );
}

#[test]
fn a_voice_that_had_to_be_replaced_is_named_though_the_caller_heard_every_word() {
    let mut night = talking();
    let greeting = night.sayings()[0];
    night.tell(Event::MadeAgain { saying: greeting });
    night.finish_speaking();
    assert_eq!(
        told(&mut night),
        ["Trouble: the assistant's voice failed while it made a sentence; another voice made it again."]
    );
}

/// Dana talks to the caller.
fn with_dana(mut night: Evening) -> Evening {
    night.finish_speaking();
    night.key(Leg::Caller, '0');
    night.tell(Event::PersonAnswered { leg: 1 });
    night
}

/// What the caller hears while nothing is said, in order, since Dana took the call.
fn tones(night: &Evening) -> Vec<Tone> {
    let taken = night.orders.iter().position(|order| *order == Action::Connect { leg: 1 }).unwrap();
    let tone = |order: &Action| match order {
        Action::Tone { to: Leg::Caller, tone } => Some(*tone),
        _ => None,
    };
    night.orders[taken..].iter().filter_map(tone).collect()
}

#[test]
fn a_caller_whom_a_person_holds_in_silence_hears_music_until_the_person_is_heard_again() {
    let mut night = with_dana(talking());
    for _ in 0..2 {
        night.tell(Event::HeldInSilence { leg: 1 });
        night.pass(Duration::from_secs(6));
        night.tell(Event::HeardAgain { leg: 1 });
        night.tell(Event::HeardAgain { leg: 1 });
    }
    assert_eq!(tones(&night), [Tone::Music, Tone::Silence, Tone::Music, Tone::Silence]);
    let record = night.caller_hangs_up();
    assert_eq!(
        record.troubles,
        ["the caller heard music of ours for 12.0 s, because nothing was heard of whoever they talked to"]
    );
}

#[test]
fn the_music_is_over_when_a_person_hangs_up_on_a_caller_they_hold_and_the_desk_speaks() {
    let mut night = with_dana(talking());
    night.tell(Event::HeldInSilence { leg: 1 });
    night.pass(Duration::from_secs(2));
    night.tell(Event::PersonGone { leg: 1 });
    assert_eq!(tones(&night), [Tone::Music, Tone::Silence]);
    night.tell(Event::HeldInSilence { leg: 1 });
    assert_eq!(tones(&night).len(), 2, "who has gone holds nobody");
    night.caller_hangs_up();
}

#[test]
fn what_a_caller_on_hold_hears_of_ours_is_not_recorded() {
    let mut night = with_dana(Evening::recorded(vec![Step::Assistant, ring()], Kept::Never, Kept::Announced));
    let told = night.said_to_person()[0];
    night.finish_speaking();
    night.tell(Event::Said { saying: told, at: night.now.mono, whole: true });
    let since = night.now.mono;
    night.tell(Event::HeldInSilence { leg: 1 });
    night.pass(Duration::from_secs(6));
    night.tell(Event::HeardAgain { leg: 1 });
    assert_eq!(night.taped()[1..], [TapeOrder::Pause { since }, TapeOrder::Resume]);
    night.key(Leg::Person(1), '*');
    night.tell(Event::HeldInSilence { leg: 1 });
    night.tell(Event::HeardAgain { leg: 1 });
    assert_eq!(night.taped().len(), 4, "who has paused it by hand lets it go on by hand");
    night.caller_hangs_up();
}
