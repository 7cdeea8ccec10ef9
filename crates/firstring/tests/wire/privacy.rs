//! What nobody may read in the log and the figures of a desk: who called, what was said, who was rung, the keys.
//!
//! Whole calls with everything told that can be told (`FIRSTRING_LOG=trace`): a booking by voice and keys, a transfer to
//! a person who picks up, and a call by a bare phone that shows an address as its name.

use std::time::Duration;

use crate::stage::desk::TOKEN;
use crate::stage::phone::{Phone, SHOWN_AS};
use crate::stage::place::Place;
use crate::stage::waiting::Turn;
use crate::stage::{CALLER, LINE};

/// Who is transferred.
const OTHER: &str = "+13125550158";

/// What is logged of these calls at the least, one line of each room: so that there is something to betray.
const TOLD: [&str; 10] = [
    "firstring::sip: Datagram in from=127.0.0.1:",
    "kind=\"INVITE\"",
    "firstring::sip: Notice notice=Invited",
    "firstring::sip: Order order=Call",
    "firstring::line: Order order=Listen",
    "event=SpeechEnded",
    "event=Heard",
    "event=PersonAnswered",
    "outcome=\"booked\"",
    "what=Booking",
];

#[test]
fn the_log_of_whole_calls_tells_no_number_no_name_no_word_and_no_key() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.bring_prompts();
    let mut person = Phone::at([127, 0, 0, 1], place.person, &place);
    let desk = place.open_logging("trace");
    let script = "say my kitchen sink is clogged\npress 1\nbarge 900ms press 1\nexpect-end 60s";
    place.call(CALLER, script).result();
    let booked = place.record(CALLER);
    assert_eq!(booked["outcome"], "booked", "{booked}");
    let turns = booked["turns"].to_string();
    assert!(turns.contains("kitchen sink") && turns.contains("You are booked"), "the desk knows: {turns}");

    let caller = place.call(OTHER, "barge 500ms press 0\nwait 6s\nhang up");
    let invite = person.receives(Duration::from_secs(20), |message| message.starts_with("INVITE "));
    person.answer(&invite.expect("the person is rung"), ";tag=person");
    let bye = person.receives(Duration::from_secs(30), |message| message.starts_with("BYE "));
    person.answer(&bye.expect("the person is told that the call is over"), "");
    caller.result();
    let transferred = place.record(OTHER);
    assert_eq!(transferred["outcome"], "transferred", "{transferred}");

    let mut phone = Phone::at([127, 0, 0, 1], 0, &place);
    let (status, tag) = phone.invite("from-maple-street");
    assert_eq!(status, 200);
    phone.send("BYE", 2, "from-maple-street", &tag);
    assert_eq!(phone.final_status("BYE", 2, "from-maple-street").0, 200);

    let figures = desk.get("/metrics");
    assert!(figures.contains("firstring_"), "{figures}");
    let logged = desk.logged();
    for told in TOLD {
        assert!(logged.contains(told), "the log tells of {told}: {logged}");
    }
    let secrets = [
        ("the caller's number", &CALLER[1..]),
        ("the other caller's number", &OTHER[1..]),
        ("the number that was called", &LINE[1..]),
        ("the person's number", "3125550177"),
        ("the person's name", "Marigold"),
        ("an address", SHOWN_AS),
        ("spoken words", "kitchen sink"),
        ("what the desk said", "You are booked"),
        ("a SIP URI", "sip:+"),
        ("a SIP URI", "<sip:"),
        ("a SIP URI", "@127.0.0.1"),
        ("the far end's name of a call", "from-maple-street"),
        ("a tag", "tag="),
        ("the console's token", TOKEN),
    ];
    let mut told = Vec::new();
    for (what, secret) in secrets {
        let lines = logged.lines().chain(figures.lines());
        told.extend(lines.filter(|line| line.contains(secret)).take(3).map(|line| format!("{what}: {line}")));
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}
