//! Playing dead for a drill.

use sip::{Absence, Notice, Order};

use crate::stage::{Desk, OFFER, inside, invite};

const OPTIONS: &str = "OPTIONS sip:desk@203.0.113.5 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKo\r\nFrom: <sip:trunk@192.0.2.10>;tag=o\r\n\
                       To: <sip:desk@203.0.113.5>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_trunk_meets_what_it_would_meet_without_us_and_we_learn_that_it_tried() {
    for (how, to_a_call, to_a_question) in [
        (Absence::Silent, vec![], vec![]),
        (Absence::Busy, vec!["486 Busy Here"], vec!["200 OK"]),
        (Absence::Unavailable, vec!["503 Service Unavailable"], vec!["503 Service Unavailable"]),
    ] {
        let mut desk = Desk::new();
        desk.order(Order::PlayDead { trunk: "trunk".into(), how: Some(how) });
        desk.hear(&invite("a", OFFER));
        assert_eq!(desk.said(), to_a_call, "{how:?}");
        assert_eq!(desk.told(), [Notice::Missed { trunk: "trunk".into() }], "{how:?}");
        desk.hear(OPTIONS);
        assert_eq!(desk.said(), to_a_question, "{how:?}");
        let counts = desk.agent.counts();
        assert_eq!((counts.legs, counts.transactions, counts.tombstones), (0, 0, 0), "{how:?}");
        desk.order(Order::PlayDead { trunk: "trunk".into(), how: None });
        desk.hear(&invite("a", OFFER));
        assert_eq!(desk.news(), ["Invited"], "the desk is back: {how:?}");
    }
}

#[test]
fn another_trunk_and_calls_that_are_up_notice_nothing() {
    let mut desk = Desk::new();
    let (_, tag) = desk.talking("a");
    desk.order(Order::PlayDead { trunk: "trunk".into(), how: Some(Absence::Silent) });
    desk.hear(&inside("BYE", "a", 2, &tag, ""));
    assert_eq!(desk.said(), ["200 OK"]);
    desk.told();
    desk.hear_from("198.51.100.130:5060", &invite("b", OFFER));
    assert_eq!(desk.news(), ["Invited"]);
}
