//! Somebody holds a bridged call: what is told of their sound, and that ours fills in on the other side without a seam.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod imagined;

use std::time::Duration;

use imagined::{Call, MS, connect, voice};
use media::{Direction, Event, LegId, Order, tones::Tone};

/// A person who talks to a caller.
fn bridged() -> Call {
    let mut person = Call::answered(connect());
    person.says(voice(60_000)).run_ms(1_000).order(Order::Bridge { with: LegId(1) });
    person
}

/// What was told of the hold, and how many milliseconds after it began.
fn told(person: &Call, held: Duration) -> Vec<(&'static str, u64)> {
    let told = |event: &Event| match event {
        Event::HeldInSilence { at } => Some(("silence", *at)),
        Event::HoldIsHeard { at } => Some(("sound", *at)),
        _ => None,
    };
    let since = |at: Duration| at.saturating_sub(held).as_millis() as u64;
    person.events.iter().filter_map(told).map(|(what, at)| (what, since(at))).collect()
}

fn holds(person: &mut Call) -> Duration {
    person.order(Order::Direct(Direction::ReceiveOnly));
    person.now
}

#[test]
fn a_hold_without_packets_is_silent_after_a_second_and_over_with_the_first_that_is_heard() {
    let mut person = bridged();
    person.sends = false;
    let held = holds(&mut person);
    person.run_ms(5_000);
    assert_eq!(told(&person, held), [("silence", 1_000)]);
    person.sends = true;
    person.run_ms(100);
    assert!(matches!(told(&person, held)[1..], [("sound", 5_000..=5_040)]), "{:?}", told(&person, held));
}

#[test]
fn a_hold_with_packets_of_silence_is_silent_after_three_and_one_with_music_never() {
    let mut person = bridged();
    person.says(vec![]);
    let held = holds(&mut person);
    person.run_ms(10_000);
    assert!(matches!(told(&person, held)[..], [("silence", 3_000..=3_020)]), "{:?}", told(&person, held));
    let mut person = bridged();
    let held = holds(&mut person);
    person.run_ms(10_000);
    assert!(matches!(told(&person, held)[..], [("sound", 0..=40)]), "{:?}", told(&person, held));
}

#[test]
fn a_phone_from_which_nothing_comes_is_told_after_three_seconds_and_its_first_packet_at_once() {
    let mut person = Call::answered(connect());
    person.says(vec![]).sends = false;
    person.run_ms(1_000).order(Order::Bridge { with: LegId(1) });
    let joined = person.now;
    person.run_ms(5_000);
    assert_eq!(told(&person, joined), [("silence", 3_000)]);
    person.sends = true;
    person.run_ms(5_000);
    assert!(matches!(told(&person, joined)[1..], [("sound", 5_000..=5_040)]), "{:?}", told(&person, joined));
    person.sends = false;
    person.run_ms(5_000);
    assert_eq!(told(&person, joined).len(), 2, "who has been heard once may be silent");
}

#[test]
fn a_phone_that_takes_a_moment_to_send_its_first_packet_is_not_told() {
    let mut person = Call::answered(connect());
    person.says(vec![]).sends = false;
    person.order(Order::Bridge { with: LegId(1) });
    person.run_ms(2_500);
    person.sends = true;
    person.run_ms(10_000);
    assert_eq!(told(&person, MS), []);
}

#[test]
fn nothing_is_told_of_who_does_not_hold_or_talks_to_the_desk() {
    let mut person = bridged();
    person.sends = false;
    person.run_ms(5_000);
    assert_eq!(told(&person, MS), []);
    holds(&mut person);
    person.order(Order::Unbridge).run_ms(5_000);
    assert_eq!(told(&person, MS), []);
}

#[test]
fn a_caller_on_hold_hears_music_as_part_of_the_stream_they_hear_anyway() {
    let mut caller = bridged();
    caller.order(Order::Tone(Some(Tone::Music)));
    let began = caller.now;
    caller.run_ms(4_000);
    let over = caller.now;
    assert!(caller.longest_silence(began, over) < MS * 60);
    caller.order(Order::Tone(None));
    caller.run_ms(200);
    assert!(caller.first_audible(over + MS * 40).is_none(), "it stops at once");
    assert!(caller.heard.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
}
