//! What callers get where a plan meets a full trunk or a person who will not or cannot talk, on the wire: the program as it
//! ships, SIPp as the telephones. Each story ends with what `explain` tells of it, numbers left out.
//!
//! What `explain` tells where our own program breaks stands in `faults.rs` and `outage.rs`, and where a telephone forwards
//! back to us in `trunks.rs`.

use std::fs;
use std::time::Duration;

use crate::stage::CALLER;
use crate::stage::office::{Office, PERSON};
use crate::stage::peers::{self, Peer};
use crate::stage::phone::Phone;
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, free_port, wait_until};

const SECOND: &str = "+13125550144";
const THIRD: &str = "+13125550145";
/// Asks for a person over the greeting, and stays to hear what comes of it.
const ASKS_FOR_A_PERSON: &str = "barge 500ms press 0\nwait 5s\nlisten\nhang up";

/// The person's telephone rings once, and says no with this status.
fn refuses(place: &Place, status: &str) -> Peer {
    let text = fs::read_to_string(peers::scenario("refuses.xml")).unwrap();
    let plays = place.folder().join("refuses.xml");
    fs::write(&plays, text.replace("[status]", status)).unwrap();
    peers::phone(plays.to_str().unwrap(), place.person, free_port(), place.folder())
}

#[test]
fn on_two_channels_a_third_caller_is_told_busy_and_nobody_is_rung() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.bring_prompts();
    let desk = place.open();
    let first = desk.call(SECOND, "wait 14s\nhang up");
    desk.has_calls(1);
    let second = desk.call(THIRD, ASKS_FOR_A_PERSON);
    desk.has_calls(2);
    let mut third = Phone::at([127, 0, 0, 1], 0, &place);
    assert_eq!(third.invite("third").0, 486);
    let turned_away = wait_until("whoever was told busy is on record", Duration::from_secs(5), || {
        desk.shown(&["calls"]).into_iter().find(|call| call["outcome"] == "turned_away")
    });
    assert_eq!(
        desk.told(&turned_away),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `always` holds for every call.",
            "The caller was turned away before plan `front-door` began.",
            "Trouble: every channel of this trunk is taken; raise `channels` if the carrier gives more.",
            "Nobody answered; the outcome is `turned_away`.",
        ]
    );
    second.result();
    first.result();
    assert_eq!(
        desk.told(&desk.record(THIRD)),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `always` holds for every call.",
            "Plan `front-door` decided by its rule `always`; the call was answered after # ms.",
            "Step #, assistant, took # s: The caller asked for a person.",
            "Step #, ring on-call, took # s: Marigold could not be rung: every channel was taken. Nobody took the call.",
            "Step #, message, took # s: No message was left.",
            "The caller hung up before they had an answer; the outcome is `abandoned`.",
            "A callback task is stored: #.",
        ]
    );
    desk.record(SECOND);
    let calls = desk.shown(&["calls"]);
    assert_eq!(calls.len(), 3, "{calls:?}");
    let told = desk.get("/api/v1/refusals");
    assert!(told.contains("every channel of this trunk is taken; raise `channels`"), "{told}");
}

#[test]
fn a_person_who_declines_is_not_waited_for_and_the_caller_may_leave_a_message() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let place = Place::of(&Office::default());
    place.bring_prompts();
    let desk = place.open();
    let mut dana = refuses(&place, "603 Decline");
    let words = "please call me back about the water heater";
    let script = format!("barge 500ms press 0\nwait 5s\nlisten\nsay {words}\npress #\nexpect-end 30s");
    desk.call(CALLER, &script).result();
    assert!(dana.ends_within(Duration::from_secs(10)).success());
    assert_eq!(
        desk.told(&desk.record(CALLER)),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `always` holds for every call.",
            "Plan `front-door` decided by its rule `always`; the call was answered after # ms.",
            "Step #, assistant, took # s: The caller asked for a person.",
            "Step #, ring on-call, took # s: Dana declined. Nobody took the call.",
            "Step #, message, took # s: A message was left.",
            "The desk ended the call; the outcome is `message`.",
            "A message was left: #.",
        ]
    );
}

#[test]
fn voicemail_that_picks_up_does_not_get_the_caller() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let place = Place::of(&Office { reach: format!(r#"{{ to = "{PERSON}" }}"#), ..Office::default() });
    place.bring_prompts();
    let desk = place.open();
    let mut voicemail = peers::phone("picks_up.xml", place.person, free_port(), place.folder());
    desk.call(CALLER, "barge 500ms press 0\nwait 20s\nlisten\nhang up").result();
    assert!(voicemail.ends_within(Duration::from_secs(10)).success(), "voicemail was hung up on");
    assert_eq!(
        desk.told(&desk.record(CALLER)),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `always` holds for every call.",
            "Plan `front-door` decided by its rule `always`; the call was answered after # ms.",
            "Step #, assistant, took # s: The caller asked for a person.",
            "Step #, ring on-call, took # s: Dana was answered by voicemail, or by nobody who pressed #. Nobody took the call.",
            "Step #, message, took # s: No message was left.",
            "The caller hung up before they had an answer; the outcome is `abandoned`.",
            "A callback task is stored: #.",
        ]
    );
}
