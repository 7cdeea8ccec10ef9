//! What callers hear when the voice dies: the process that speaks is killed, or hangs, in the middle of a call.
//!
//! Real processes on loopback. A sentence is made whole before it plays, in milliseconds. So a voice that dies while its
//! sentence plays is not heard to die; one that dies while it makes a sentence costs that sentence, unless another makes it.

use std::time::Duration;

use crate::stage::CALLER;
use crate::stage::caller::{BOOK_BY_KEYS, Caller};
use crate::stage::desk::{Desk, signal};
use crate::stage::phone::Phone;
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, wait_until};
use serde_json::Value;

/// Somebody who books before, so that a voice is there.
const BEFORE: &str = "+13125550144";
const SOON: Duration = Duration::from_secs(20);

/// Books the first time that is offered, and hears every sentence to its end.
const BOOK_PATIENTLY: &str = "press 1\npress 1\npress 1\nexpect-end 60s";

/// A desk that tells what its calls are told, and whose voice has spoken before.
fn open(place: &Place) -> (Desk, u32) {
    place.bring_prompts();
    let desk = place.open_logging("info,firstring::desk=debug");
    place.call(BEFORE, BOOK_BY_KEYS).result();
    let voice = wait_until("a voice is there", SOON, || desk.workers("speak").pop());
    (desk, voice)
}

/// Waits until the desk has told of this so often.
fn tells(desk: &Desk, what: &str, times: usize) {
    wait_until(what, SOON, || (desk.logged().matches(what).count() >= times).then_some(()));
}

/// What the caller heard, who was never left in silence.
fn is_served(caller: Caller) -> Value {
    let heard = caller.result();
    assert!(heard["longest_silence_ms"].as_u64().unwrap() < 4_000, "a dead line: {heard}");
    heard
}

#[test]
fn a_voice_killed_while_its_sentence_plays_is_not_heard_to_die() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    let (desk, voice) = open(&place);
    let spoken = desk.logged().matches("Spoke").count();
    let caller = place.call(CALLER, BOOK_PATIENTLY);
    // Two sentences of the greeting, what was understood, and the offer that arose in this call.
    tells(&desk, "Spoke", spoken + 4);
    signal("KILL", voice);
    is_served(caller);
    let record = place.record(CALLER);
    assert_eq!(record["outcome"], "booked", "{record}");
    assert_eq!(record["troubles"], serde_json::json!([]), "nothing was kept from the caller: {record}");
    wait_until("another voice speaks", SOON, || {
        desk.workers("speak").iter().any(|pid| *pid != voice).then_some(())
    });
}

#[test]
fn a_sentence_whose_voice_is_killed_while_making_it_is_made_again_by_another() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    let (desk, voice) = open(&place);
    signal("STOP", voice);
    let caller = place.call(CALLER, "press 1\nwait 5s\npress 1\npress 1\nexpect-end 60s");
    // By then the sentence is with the voice, and the caller has waited for it.
    tells(&desk, "FillerBegan", 1);
    signal("KILL", voice);
    is_served(caller);
    let record = place.record(CALLER);
    assert_eq!(record["outcome"], "booked", "{record}");
    assert_eq!(
        place.told(&record),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `always` holds for every call.",
            "Plan `front-door` decided by its rule `always`; the call was answered after # ms.",
            "Step #, assistant, took # s: A visit was booked.",
            "Trouble: the assistant's voice failed while it made a sentence; another voice made it again.",
            "Trouble: the caller heard the filler for # s, because what was to be said was not ready yet.",
            "The desk ended the call; the outcome is `booked`.",
            "A visit is booked: #.",
        ]
    );
}

#[test]
fn a_voice_that_hangs_is_given_up_and_the_caller_goes_on_to_the_next_step() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    let (desk, voice) = open(&place);
    let mut person = Phone::at([127, 0, 0, 1], place.person, &place);
    signal("STOP", voice);
    let caller = place.call(CALLER, "press 1\nwait 8s\nlisten\nhang up");
    let invite = person.receives(SOON, |message| message.starts_with("INVITE "));
    person.refuse("603 Decline", &invite.expect("the person is rung"), ";tag=person", "");
    is_served(caller);
    let record = place.record(CALLER);
    assert_eq!(
        place.told(&record),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `always` holds for every call.",
            "Plan `front-door` decided by its rule `always`; the call was answered after # ms.",
            "Step #, assistant, took # s: The assistant could not speak or hear.",
            "Step #, ring on-call, took # s: Marigold declined. Nobody took the call.",
            "Step #, message, took # s: No message was left.",
            "Trouble: a sentence could not be spoken.",
            "Trouble: the assistant's voice failed; the call moved on to the next step.",
            "Trouble: the caller heard the filler for # s, because what was to be said was not ready yet.",
            "The caller hung up before they had an answer; the outcome is `abandoned`.",
            "A callback task is stored: #.",
        ]
    );
    assert!(desk.logged().contains("The speaking worker failed"), "{}", desk.logged());
}
