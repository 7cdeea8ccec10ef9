//! A far end that is asked to call somebody else in our place: what is sent, and what is told of it.

use sip::{Account, Credentials, EndedBy, LegId, Notice, Order, Password, ReferTo, Referral, Unanswered};

use crate::stage::*;

const DANA: &str = "sip:+13125550143@sip.example.com";

fn asks(desk: &mut Desk, leg: LegId, name: u32) -> String {
    desk.order(Order::Refer { leg, name, to: ReferTo::Somebody(DANA.parse().expect("a URI")) });
    desk.sent().pop().expect("the REFER")
}

/// What the trunk tells of a call it was asked to place; `state` and `fragment` as they stand on the wire.
fn notify(call_id: &str, cseq: u32, tag: &str, event: &str, state: &str, fragment: &str) -> String {
    let head = format!(
        "Event: {event}\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\nMax-Forwards"
    );
    format!("{}{fragment}\r\n", inside("NOTIFY", call_id, cseq, tag, "").replace("Max-Forwards", &head))
}

fn told(leg: LegId, name: u32, end: Referral) -> Notice {
    Notice::Referred { leg, name, end }
}

#[test]
fn a_trunk_that_is_asked_to_put_a_caller_through_tells_when_they_are() {
    let mut desk = Desk::new();
    let (leg, tag) = desk.talking("a");
    let refer = asks(&mut desk, leg, 1);
    assert!(refer.starts_with("REFER sip:trunk@192.0.2.10:5060 SIP/2.0\r\n"), "{refer}");
    for (name, value) in [
        ("Refer-To", format!("<{DANA}>").as_str()),
        ("Referred-By", "<sip:+13125550100@203.0.113.5>"),
        ("Contact", "<sip:203.0.113.5:5060>"),
        ("CSeq", "1 REFER"),
    ] {
        assert_eq!(header(&refer, name), value, "{name}");
    }
    desk.hear(&reply(&refer, 202, "", ""));
    for (cseq, fragment) in [(2, "SIP/2.0 100 Trying"), (3, "SIP/2.0 180 Ringing")] {
        desk.hear(&notify("a", cseq, &tag, "refer", "active;expires=60", fragment));
        assert_eq!(desk.said(), ["200 OK"]);
    }
    assert_eq!(desk.told(), [], "nothing has come of it yet");
    desk.hear(&notify("a", 4, &tag, "refer;id=1", "terminated;reason=noresource", "SIP/2.0 200 OK"));
    assert_eq!(desk.told(), [told(leg, 1, Referral::Taken)]);
    desk.order(Order::HangUp { leg, reason: String::new() });
    let said = desk.sent();
    assert!(said[1].starts_with("BYE ") && header(&said[1], "CSeq") == "2 BYE", "{said:?}");
    desk.hear(&reply(&said[1], 200, "", ""));
    assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::Us }, Notice::Released { leg }]);
}

#[test]
fn whatever_comes_of_it_is_told_once_and_the_call_goes_on() {
    let not_taken = |status, why| Referral::NotTaken { status, why };
    let cases = [
        ("SIP/2.0 486 Busy Here", "terminated", not_taken(486, Unanswered::Busy)),
        ("SIP/2.0 603 Decline", "terminated;reason=noresource", not_taken(603, Unanswered::Declined)),
        ("SIP/2.0 480 Gone", "active;expires=20", not_taken(480, Unanswered::Absent)),
        ("SIP/2.0 404 Not Found", "terminated", not_taken(404, Unanswered::NotFound)),
        ("SIP/2.0 100 Trying", "terminated;reason=timeout", Referral::Untold),
        ("nonsense", "TERMINATED", Referral::Untold),
        ("SIP/2.0 200 OK", "active", Referral::Taken),
    ];
    for (fragment, state, end) in cases {
        let mut desk = Desk::new();
        let (leg, tag) = desk.talking("a");
        let refer = asks(&mut desk, leg, 7);
        // The word may overtake the reply (RFC 3515 section 2.4.4).
        desk.hear(&notify("a", 2, &tag, "refer", state, fragment));
        assert_eq!(desk.told(), [told(leg, 7, end)], "{fragment}");
        desk.hear(&reply(&refer, 202, "", ""));
        desk.hear(&notify("a", 3, &tag, "refer", state, fragment));
        assert_eq!(desk.said(), ["200 OK", "481 Subscription Does Not Exist"], "{fragment}");
        assert_eq!(desk.told(), []);
        desk.hear(&inside("BYE", "a", 4, &tag, ""));
        assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::FarEnd }, Notice::Released { leg }]);
    }
}

#[test]
fn a_trunk_that_does_not_put_callers_through_keeps_them_with_us() {
    for status in [400, 403, 405, 408, 481, 500, 501, 503, 603] {
        let mut desk = Desk::new();
        let (leg, _) = desk.talking("a");
        let refer = asks(&mut desk, leg, 1);
        desk.hear(&reply(&refer, status, "", ""));
        assert_eq!(desk.told(), [told(leg, 1, Referral::Refused { status })]);
        desk.pass(seconds(100.0));
        assert_eq!((desk.said(), desk.told()), (vec![], vec![]), "the call with us goes on");
        assert_eq!(desk.agent.counts().legs, 1);
    }
    let mut desk = Desk::new();
    let (leg, _) = desk.talking("a");
    asks(&mut desk, leg, 1);
    desk.pass(seconds(31.9));
    assert_eq!(desk.told(), []);
    desk.pass(seconds(0.2));
    assert_eq!(desk.told(), [told(leg, 1, Referral::Refused { status: 408 })]);
}

#[test]
fn a_trunk_that_says_nothing_more_is_not_waited_for_longer_than_a_phone_may_ring() {
    let mut desk = Desk::new();
    let (leg, tag) = desk.talking("a");
    let refer = asks(&mut desk, leg, 1);
    desk.hear(&reply(&refer, 202, "", ""));
    desk.hear(&notify("a", 2, &tag, "refer", "active", "SIP/2.0 180 Ringing"));
    desk.pass(seconds(179.9));
    assert_eq!(desk.told(), []);
    desk.pass(seconds(0.2));
    assert_eq!(desk.told(), [told(leg, 1, Referral::Untold)]);
}

#[test]
fn a_goodbye_waits_a_moment_for_the_word_that_explains_it() {
    let ended = |leg| [Notice::Ended { leg, by: EndedBy::FarEnd }, Notice::Released { leg }];
    for word in [true, false] {
        let mut desk = Desk::new();
        let (leg, tag) = desk.talking("a");
        let refer = asks(&mut desk, leg, 1);
        desk.hear(&reply(&refer, 202, "", ""));
        desk.hear(&inside("BYE", "a", 2, &tag, ""));
        assert_eq!(desk.said(), ["200 OK"]);
        assert_eq!(desk.told(), [], "the goodbye is answered, and not told yet");
        if word {
            desk.pass(seconds(1.9));
            desk.hear(&notify("a", 3, &tag, "refer", "terminated", "SIP/2.0 200 OK"));
            let mut all = vec![told(leg, 1, Referral::Taken)];
            all.extend(ended(leg));
            assert_eq!(desk.told(), all);
        } else {
            desk.pass(seconds(2.1));
            assert_eq!(desk.told(), ended(leg));
            desk.hear(&notify("a", 3, &tag, "refer", "terminated", "SIP/2.0 200 OK"));
            assert_eq!(desk.told(), []);
        }
        desk.pass(seconds(40.0));
        assert_eq!(desk.agent.counts(), sip::Counts::default(), "nothing is left");
    }
}

#[test]
fn a_caller_is_joined_with_the_person_in_our_place() {
    let mut desk = Desk::new();
    let (caller, tag) = desk.talking("a");
    let (person, invite) = desk.called();
    desk.order(Order::Refer { leg: caller, name: 1, to: ReferTo::FarEndOf(person) });
    let refer = desk.sent().pop().expect("the REFER");
    let (id, ours) = (header(&invite, "Call-ID"), super::stage::tag(&invite, "From"));
    // As the person's phone knows the dialog: its own tag is `to`, ours is `from`.
    let expected = format!("<sip:dana@{PHONE}?Replaces={id}%3Bto-tag%3Dp1%3Bfrom-tag%3D{ours}>");
    assert_eq!(header(&refer, "Refer-To"), expected);
    desk.hear(&reply(&refer, 202, "", ""));
    // The phone that was replaced hangs up before the trunk tells why.
    let bye = format!(
        "BYE sip:203.0.113.5:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE};branch=z9hG4bKp\r\nMax-Forwards: 70\r\n\
         From: <sip:dana@{PHONE}>;tag=p1\r\nTo: <sip:us@example.com>;tag={ours}\r\nCall-ID: {id}\r\nCSeq: 1 BYE\r\n\r\n"
    );
    desk.hear_from(PHONE, &bye);
    assert_eq!(desk.told(), []);
    desk.hear(&notify("a", 2, &tag, "refer", "terminated", "SIP/2.0 200 OK"));
    let gone = [
        told(caller, 1, Referral::Taken),
        Notice::Ended { leg: person, by: EndedBy::FarEnd },
        Notice::Released { leg: person },
    ];
    assert_eq!(desk.told(), gone);
    desk.hear(&inside("BYE", "a", 3, &tag, ""));
    assert_eq!(desk.news(), ["Ended", "Released"]);
}

#[test]
fn nobody_can_be_joined_with_whoever_is_not_there() {
    let mut desk = Desk::new();
    let (caller, _) = desk.talking("a");
    for other in [LegId::placed(9), desk.calls().0] {
        desk.order(Order::Refer { leg: caller, name: 1, to: ReferTo::FarEndOf(other) });
        assert_eq!(desk.sent(), Vec::<String>::new());
        assert_eq!(desk.told(), [told(caller, 1, Referral::Refused { status: 481 })]);
    }
}

#[test]
fn several_wishes_are_told_apart_by_the_number_of_their_request() {
    let mut desk = Desk::new();
    let (leg, tag) = desk.talking("a");
    let refers = [1, 2].map(|name| asks(&mut desk, leg, name));
    for refer in &refers {
        desk.hear(&reply(refer, 202, "", ""));
    }
    desk.hear(&notify("a", 2, &tag, "refer;id=2", "terminated", "SIP/2.0 486 Busy Here"));
    desk.hear(&notify("a", 3, &tag, "refer;id=9", "terminated", "SIP/2.0 200 OK"));
    desk.hear(&notify("a", 4, &tag, "refer", "terminated", "SIP/2.0 200 OK"));
    assert_eq!(desk.said(), ["200 OK", "481 Subscription Does Not Exist", "200 OK"]);
    let busy = Referral::NotTaken { status: 486, why: Unanswered::Busy };
    assert_eq!(desk.told(), [told(leg, 2, busy), told(leg, 1, Referral::Taken)]);
    for name in 3..11 {
        asks(&mut desk, leg, name);
    }
    desk.order(Order::Refer { leg, name: 11, to: ReferTo::Somebody(DANA.parse().expect("a URI")) });
    assert_eq!(
        desk.told(),
        [told(leg, 11, Referral::Refused { status: 503 })],
        "more are not asked for at once"
    );
}

#[test]
fn a_trunk_that_asks_for_a_password_first_gets_it() {
    let mut desk = Desk::new();
    let credentials =
        Credentials { username: "rivera".into(), password: Password::new("correct horse"), realm: None };
    desk.order(Order::ReplaceAccounts(vec![Account { name: "trunk".into(), credentials }]));
    let (leg, tag) = desk.talking("a");
    let refer = asks(&mut desk, leg, 1);
    let question =
        "Proxy-Authenticate: Digest realm=\"carrier.example\", nonce=\"n\", qop=\"auth\"\r\nContact:";
    desk.hear(&reply(&refer, 407, "asks", "").replace("Contact:", question));
    let again = desk.sent().pop().expect("the REFER once more");
    assert!(again.starts_with("REFER ") && again.contains("\r\nProxy-Authorization: Digest "), "{again}");
    assert_eq!(header(&again, "Refer-To"), format!("<{DANA}>"));
    desk.hear(&reply(&again, 202, "", ""));
    desk.hear(&notify("a", 2, &tag, "refer;id=2", "terminated", "SIP/2.0 200 OK"));
    assert_eq!(desk.told(), [told(leg, 1, Referral::Taken)]);
}

#[test]
fn words_that_nobody_asked_for_change_nothing() {
    let mut desk = Desk::new();
    let (_, tag) = desk.talking("a");
    let unasked = notify("a", 2, &tag, "refer", "terminated", "SIP/2.0 200 OK");
    desk.hear(&unasked);
    desk.hear(&notify("a", 3, &tag, "message-summary", "active", "Messages-Waiting: yes"));
    desk.hear(&notify("nowhere", 4, &tag, "refer", "terminated", "SIP/2.0 200 OK"));
    assert_eq!(
        desk.said(),
        ["481 Subscription Does Not Exist", "489 Bad Event", "481 Call/Transaction Does Not Exist"]
    );
    desk.hear_from(STRANGER, &unasked.replace("NOTIFY-2", "other"));
    assert_eq!(desk.said(), Vec::<String>::new());
    assert_eq!(desk.agent.counts().legs, 1);
}
