//! What the plans of an office make of a call, on the wire: the program as it ships, callers of ours, SIPp as the telephones.
//! Each story ends with what `explain` tells of it, numbers left out.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::stage::CALLER;
use crate::stage::caller::{BOOK_BY_KEYS, Caller};
use crate::stage::desk::Desk;
use crate::stage::office::Office;
use crate::stage::peers::{self, Peer};
use crate::stage::phone::Phone;
use crate::stage::place::{Place, line_at};
use crate::stage::waiting::{Turn, free_port};
use serde_json::Value;

const SECOND: &str = "+13125550144";
const THIRD: &str = "+13125550145";
/// What is told of a call with one of these telephones, which send no sound.
const NOT_A_WORD: &str =
    "Trouble: the caller heard music of ours for # s, because nothing was heard of whoever they talked to.";

/// A desk where Dana has a telephone at an extension, and whose line has this plan; `more` is written below.
fn open(plan: &str, more: &str) -> Desk {
    let place = Place::of(&Office::default());
    place.says("plan = \"front-door\"\n", &format!("plan = \"{plan}\"\noffice = \"main\"\n"));
    place.says("calendar = \"jobs\"", "");
    place.says("kind = \"local\"", "kind = \"local\"\noffice = \"main\"");
    place.says("reach = [{ to = \"101\" }]", "office = \"main\"\nreach = [{ to = \"101\" }]");
    let text = fs::read_to_string(place.file()).unwrap();
    place.is_told(&(text + more));
    place.bring_prompts();
    place.open()
}

/// Dana's telephone does this, so many times.
fn telephone(desk: &Desk, scenario: &Path, times: usize) -> Peer {
    let mut sipp = peers::sipp(scenario.to_str().unwrap(), desk.folder());
    sipp.args(["-m", &times.to_string(), "-p", &desk.person.to_string()]);
    sipp.args(["-key", "sound_port", &free_port().to_string()]);
    Peer::start(&mut sipp, desk.folder(), "telephone")
}

/// A scenario with a status that it says no with.
fn refusing(desk: &Desk, status: &str) -> std::path::PathBuf {
    let text = fs::read_to_string(peers::scenario("refuses.xml")).unwrap();
    let plays = desk.folder().join("refuses.xml");
    fs::write(&plays, text.replace("[status]", status)).unwrap();
    plays
}

/// Dana takes the next call that rings.
fn picks_up(dana: &mut Phone, tag: &str) {
    let rung = dana.receives(Duration::from_secs(30), |message| message.starts_with("INVITE"));
    dana.answer(&rung.expect("Dana is rung"), tag);
    let taken = dana.receives(Duration::from_secs(5), |message| message.starts_with("ACK"));
    assert!(taken.is_some_and(|ack| ack.contains(tag)), "Dana has the call");
}

/// The caller has hung up.
fn puts_down(dana: &mut Phone, tag: &str) {
    let over =
        dana.receives(Duration::from_secs(40), |message| message.starts_with("BYE") && message.contains(tag));
    dana.answer(&over.expect("Dana is told that the call is over"), "");
}

/// What the desk said.
fn said(record: &Value) -> Vec<&str> {
    let turns = record["turns"].as_array().unwrap().iter();
    turns.filter(|turn| turn["who"] == "assistant").filter_map(|turn| turn["text"].as_str()).collect()
}

fn calls(desk: &Desk, from: &str, script: &str) -> Caller {
    desk.call_at(&line_at(desk.sip), from, script)
}

#[test]
fn an_office_that_does_not_pick_up_leaves_its_caller_to_the_assistant_after_fifteen_seconds() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let desk = open("overflow", "");
    let mut dana = telephone(&desk, &peers::scenario("rings.xml"), 1);
    calls(&desk, CALLER, BOOK_BY_KEYS).result();
    assert!(dana.ends_within(Duration::from_secs(10)).success(), "the telephone stopped ringing");
    let record = desk.record(CALLER);
    let rang = record["steps"][0]["duration_ms"].as_u64().unwrap();
    assert!((15_000..16_000).contains(&rang), "{record}");
    assert_eq!(
        desk.told(&record),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `team-busy` did not hold: of office `main` somebody is free.",
            "Rule `open` held: office `main` is open.",
            "Plan `overflow` decided by its rule `open`; the call was answered after # ms.",
            "Step #, ring main, took # s: Dana did not pick up in time. Nobody took the call.",
            "Step #, assistant, took # s: A visit was booked.",
            "The desk ended the call; the outcome is `booked`.",
            "A visit is booked: #.",
        ]
    );
}

#[test]
fn while_everybody_of_the_office_talks_the_assistant_answers_at_once() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let desk = open("overflow", "");
    let mut dana = Phone::at([127, 0, 0, 1], desk.person, &desk);
    let first = calls(&desk, SECOND, "wait 15s\nhang up");
    picks_up(&mut dana, ";tag=one");
    calls(&desk, CALLER, BOOK_BY_KEYS).result();
    let record = desk.record(CALLER);
    assert!(record["answer_ms"].as_u64().unwrap() < 1_000, "{record}");
    assert_eq!(
        desk.told(&record),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `team-busy` held: of office `main` everybody is talking to a caller.",
            "Plan `overflow` decided by its rule `team-busy`; the call was answered after # ms.",
            "Step #, assistant, took # s: A visit was booked.",
            "The desk ended the call; the outcome is `booked`.",
            "A visit is booked: #.",
        ]
    );
    first.result();
    assert_eq!(desk.record(SECOND)["outcome"], "answered");
}

#[test]
fn after_hours_and_on_a_holiday_nobody_is_rung_in_vain() {
    let _turn = Turn::beside_others();
    let night = "+13125550121";
    let holiday = "+13125550122";
    let more = format!(
        r#"
[[office]]
name = "night"
hours = "Mo-Fr 17:00-19:00"
calendar = "jobs"
[[person]]
name = "Lee"
office = "night"
reach = [{{ to = "102" }}]
[[office]]
name = "holiday"
hours = "Mo-Fr 08:00-17:00"
except = ["2026 Jun 2 off"]
[[line]]
number = "{night}"
office = "night"
plan = "after-hours"
[[line]]
number = "{holiday}"
office = "holiday"
plan = "days"
[[plan]]
name = "days"
[[plan.rule]]
when = "open"
steps = [{{ ring = "Dana", for = "20s" }}, "message"]
[[plan.rule]]
when = "holiday"
steps = ["message"]
"#
    );
    let desk = open("always", &more);
    let at = |number: &str| format!("sip:{number}@127.0.0.1:{}", desk.sip);
    let after_hours = desk.call_at(&at(night), SECOND, BOOK_BY_KEYS);
    let words = "listen\nsay please call me back about the water heater\npress #\nexpect-end 30s";
    let on_a_holiday = desk.call_at(&at(holiday), THIRD, words);
    for call in [after_hours, on_a_holiday] {
        call.result();
    }
    assert_eq!(
        desk.told(&desk.record(SECOND)),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `night`.",
            "Rule `open` did not hold: office `night` is closed.",
            "Rule `always` holds for every call.",
            "Plan `after-hours at night` decided by its rule `always`; the call was answered after # ms.",
            "Step #, assistant, took # s: A visit was booked.",
            "The desk ended the call; the outcome is `booked`.",
            "A visit is booked: #.",
        ]
    );
    assert_eq!(
        desk.told(&desk.record(THIRD)),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `holiday`.",
            "Rule `open` did not hold: office `holiday` is closed for a holiday.",
            "Rule `holiday` held: office `holiday` is closed for a holiday.",
            "Plan `days` decided by its rule `holiday`; the call was answered after # ms.",
            "Step #, message, took # s: A message was left.",
            "The desk ended the call; the outcome is `message`.",
            "A message was left: #.",
        ]
    );
}

/// Callers wait for Dana, and may leave a message after that.
const QUEUE: &str = r#"
[[plan]]
name = "line-up"
[[plan.rule]]
when = "always"
steps = [{ queue = "Dana", for = "60s" }, "message"]
"#;

#[test]
fn callers_wait_in_their_order_and_whoever_would_rather_be_called_back_is() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let desk = open("line-up", QUEUE);
    let mut dana = Phone::at([127, 0, 0, 1], desk.person, &desk);
    let first = calls(&desk, SECOND, "wait 15s\nhang up");
    picks_up(&mut dana, ";tag=one");
    let second = calls(&desk, CALLER, "wait 4s\nbarge 500ms press 1\nexpect-end 30s");
    desk.has_calls(3);
    let third = calls(&desk, THIRD, "wait 20s\nhang up");
    let heard = second.result();
    assert!(heard["longest_silence_ms"].as_u64().unwrap() < 4_000, "music all the while: {heard}");
    let record = desk.record(CALLER);
    assert_eq!(
        said(&record),
        [
            "Nobody is free to take your call right now. You are next in line. Press 1 at any time, and we will call you \
             back instead.",
            "I have made a note, and the office will call you back. Goodbye.",
        ]
    );
    assert_eq!(
        desk.told(&record),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `always` holds for every call.",
            "Plan `line-up` decided by its rule `always`; the call was answered after # ms.",
            "Step #, queue Dana, took # s: The caller would rather be called back than wait.",
            "The desk ended the call; the outcome is `callback`.",
            "A callback task is stored: #.",
        ]
    );
    first.result();
    puts_down(&mut dana, ";tag=one");
    picks_up(&mut dana, ";tag=two");
    third.result();
    puts_down(&mut dana, ";tag=two");
    let record = desk.record(THIRD);
    assert_eq!(
        said(&record),
        [
            "Nobody is free to take your call right now. You are number 2 in line. Press 1 at any time, and we will call \
             you back instead."
        ]
    );
    assert_eq!(
        desk.told(&record),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `always` holds for every call.",
            "Plan `line-up` decided by its rule `always`; the call was answered after # ms.",
            "Step #, queue Dana, took # s: Dana took the call. A person took the call.",
            NOT_A_WORD,
            "The caller hung up; the outcome is `transferred`.",
        ]
    );
}

#[test]
fn a_call_is_sent_on_to_whom_the_plan_names_and_comes_back_if_nobody_takes_it() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let more = r#"
[[target]]
name = "answering-service"
to = "+13125550188"
[[plan]]
name = "away"
[[plan.rule]]
when = "always"
steps = [{ forward = "answering-service", for = "10s" }, "message"]
"#;
    let desk = open("away", more);
    let mut service = telephone(&desk, &peers::scenario("picks_up.xml"), 1);
    calls(&desk, CALLER, "wait 6s\nhang up").result();
    assert!(service.ends_within(Duration::from_secs(10)).success());
    assert_eq!(
        desk.told(&desk.record(CALLER)),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `always` holds for every call.",
            "Plan `away` decided by its rule `always`; the call was answered after # ms.",
            "Step #, forward answering-service, took # s: answering-service took the call. A person took the call.",
            NOT_A_WORD,
            "The caller hung up; the outcome is `answered`.",
        ]
    );

    let mut service = telephone(&desk, &refusing(&desk, "480 Temporarily Unavailable"), 1);
    calls(&desk, SECOND, "listen\nhang up").result();
    assert!(service.ends_within(Duration::from_secs(10)).success());
    assert_eq!(
        desk.told(&desk.record(SECOND)),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `always` holds for every call.",
            "Plan `away` decided by its rule `always`; the call was answered after # ms.",
            "Step #, forward answering-service, took # s: answering-service did not pick up in time. Nobody took the call.",
            "Step #, message, took # s: No message was left.",
            "The caller hung up before they had an answer; the outcome is `abandoned`.",
            "A callback task is stored: #.",
        ]
    );
}
