//! What nobody may read in the log and the figures of a desk: who called, what was said, who was rung, the keys.
//!
//! Whole calls with everything told that can be told (`FIRSTRING_LOG=trace`): a booking by voice and keys, and a
//! transfer to a person who picks up.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod trial;

use std::time::Duration;

use trial::{CALLER, Phone, Place, TOKEN};

/// Who is transferred.
const OTHER: &str = "+13125550158";

#[test]
fn the_log_of_whole_calls_tells_no_number_no_name_no_word_and_no_key() {
    let place = Place::new();
    place.bring_prompts();
    let mut person = Phone::at([127, 0, 0, 1], place.person, &place);
    let desk = place.open_logging("trace");
    let script = "say my kitchen sink is clogged\npress 1\nbarge 900ms press 1\nexpect-end 60s";
    place.call(CALLER, script).result();
    let booked = place.record(CALLER);
    assert_eq!(booked["outcome"], "booked", "{booked}");

    let caller = place.call(OTHER, "barge 500ms press 0\nwait 6s\nhang up");
    let invite = person.receives(Duration::from_secs(20), |message| message.starts_with("INVITE "));
    person.answer(&invite.expect("the person is rung"), ";tag=person");
    let bye = person.receives(Duration::from_secs(30), |message| message.starts_with("BYE "));
    person.answer(&bye.expect("the person is told that the call is over"), "");
    caller.result();
    let transferred = place.record(OTHER);
    assert_eq!(transferred["outcome"], "transferred", "{transferred}");

    let figures = desk.get("/metrics");
    assert!(figures.contains("firstring_"), "{figures}");
    let logged = desk.logged();
    assert!(logged.contains("Answering calls"), "the log is the one that was asked for: {logged}");
    let secrets = [
        ("the caller's number", "3125550143"),
        ("the other caller's number", "3125550158"),
        ("the person's number", "3125550177"),
        ("the person's name", "Marigold"),
        ("spoken words", "kitchen sink"),
        ("the console's token", TOKEN),
    ];
    let mut told = Vec::new();
    for (what, secret) in secrets {
        let lines = logged.lines().chain(figures.lines());
        told.extend(lines.filter(|line| line.contains(secret)).take(3).map(|line| format!("{what}: {line}")));
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}
