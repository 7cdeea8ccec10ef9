//! Ringing that arrives for sure, and what phones say before one of them answers.

use sip::{EndedBy, LegId, Notice, Order};

use crate::stage::*;

/// What the phone plays before it answers.
const RINGBACK: &str = "v=0\r\no=phone 7 7 IN IP4 198.51.100.20\r\ns=call\r\nc=IN IP4 198.51.100.20\r\nt=0 0\r\n\
                        m=audio 41000 RTP/AVP 0\r\n";
const MOVED: &str = "v=0\r\no=phone 7 8 IN IP4 198.51.100.20\r\ns=call\r\nc=IN IP4 198.51.100.20\r\nt=0 0\r\n\
                     m=audio 42000 RTP/AVP 0\r\n";

/// A reliable provisional reply of the phone with this tag.
fn rings(invite: &str, status: u16, tag: &str, number: u32, sdp: &str) -> String {
    reply(invite, status, tag, sdp)
        .replace("Contact:", &format!("Require: 100rel\r\nRSeq: {number}\r\nContact:"))
}

/// A request of the phone with this tag, before it has answered.
fn early(method: &str, invite: &str, cseq: u32, remote_tag: &str, sdp: &str) -> String {
    let body =
        if sdp.is_empty() { "\r\n".into() } else { format!("Content-Type: application/sdp\r\n\r\n{sdp}") };
    format!(
        "{method} sip:203.0.113.5:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE};branch=z9hG4bK{method}{cseq}{remote_tag}\r\n\
         Max-Forwards: 70\r\nFrom: {};tag={remote_tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:dana@{PHONE}>\r\n{body}",
        header(invite, "To"),
        header(invite, "From"),
        header(invite, "Call-ID"),
    )
}

fn hear(desk: &mut Desk, text: &str) {
    desk.hear_from(PHONE, text);
}

#[test]
fn ringing_that_wants_to_be_acknowledged_is_acknowledged_in_its_order() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    assert_eq!(header(&invite, "Supported"), "100rel, timer, replaces");
    hear(
        &mut desk,
        &rings(&invite, 180, "p1", 41, "").replace("RSeq", "Record-Route: <sip:198.51.100.9;lr>\r\nRSeq"),
    );
    let (path, prack) = desk.sent_with_paths().pop().expect("the PRACK");
    assert!(prack.starts_with("PRACK sip:dana@198.51.100.20:5062 SIP/2.0\r\n"), "{prack}");
    assert_eq!(header(&prack, "RAck"), "41 1 INVITE");
    assert_eq!((header(&prack, "CSeq").as_str(), tag(&prack, "To").as_str()), ("2 PRACK", "p1"));
    assert_eq!(
        (header(&prack, "Route").as_str(), path.remote),
        ("<sip:198.51.100.9;lr>", address("198.51.100.9:5060"))
    );
    assert_eq!(desk.told(), [Notice::Ringing { leg, status: 180, sdp: None }]);
    hear(&mut desk, &rings(&invite, 180, "p1", 41, ""));
    assert!(desk.sent().is_empty() && desk.told().is_empty(), "a repetition; our PRACK is resent by itself");
    hear(&mut desk, &rings(&invite, 183, "p1", 43, RINGBACK));
    assert!(desk.sent().is_empty() && desk.told().is_empty(), "the one between is missing");
    desk.hear_from("198.51.100.9:5060", &reply(&prack, 200, "", ""));
    hear(&mut desk, &rings(&invite, 183, "p1", 42, RINGBACK));
    let second = desk.sent().pop().expect("the second PRACK");
    assert_eq!(
        (header(&second, "RAck").as_str(), header(&second, "CSeq").as_str()),
        ("42 1 INVITE", "3 PRACK")
    );
    assert_eq!(desk.told(), [Notice::Ringing { leg, status: 183, sdp: Some(RINGBACK.into()) }]);
    desk.pass(seconds(1.0));
    assert_eq!(desk.sent(), std::slice::from_ref(&second), "resent until it is answered");
    hear(&mut desk, &reply(&second, 200, "", ""));
    hear(&mut desk, &reply(&invite, 200, "p1", ""));
    assert_eq!(desk.told(), [Notice::Answered { leg, sdp: RINGBACK.into() }], "the answer came early");
    desk.sent();
    desk.order(Order::HangUp { leg, reason: String::new() });
    assert_eq!(header(&desk.sent()[0], "CSeq"), "4 BYE", "numbers go on from the last PRACK");
}

#[test]
fn ringing_without_a_number_or_a_tag_is_only_heard_or_not_at_all() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    hear(&mut desk, &rings(&invite, 180, "p1", 0, ""));
    assert_eq!(desk.told(), [Notice::Ringing { leg, status: 180, sdp: None }]);
    hear(&mut desk, &rings(&invite, 183, "", 5, RINGBACK));
    assert!(desk.told().is_empty(), "it has no dialog to acknowledge it in");
    assert!(desk.sent().is_empty());
}

#[test]
fn phones_that_ring_at_once_are_acknowledged_each_in_its_dialog() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    hear(&mut desk, &rings(&invite, 183, "p1", 7, RINGBACK));
    hear(&mut desk, &rings(&invite, 183, "p2", 7, MOVED));
    let pracks = desk.sent();
    let tags: Vec<_> = pracks.iter().map(|prack| tag(prack, "To")).collect();
    assert_eq!(tags, ["p1", "p2"]);
    for prack in &pracks {
        hear(&mut desk, &reply(prack, 200, "", ""));
    }
    hear(&mut desk, &reply(&invite, 200, "p2", ""));
    assert_eq!(
        desk.told().last(),
        Some(&Notice::Answered { leg, sdp: MOVED.into() }),
        "its own description counts"
    );
    desk.sent();
    hear(&mut desk, &reply(&invite, 200, "p1", RINGBACK));
    let sent = desk.sent();
    assert!(sent[0].starts_with("ACK ") && sent[1].starts_with("BYE "), "the other picked up as well");
    let number: u32 = header(&sent[1], "CSeq").split(' ').next().unwrap().parse().unwrap();
    assert!(number > 3, "{number}: higher than that of any PRACK");
    assert_eq!(desk.agent.counts().dialogs, 1);
}

#[test]
fn more_phones_than_we_follow_are_not_remembered() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    for phone in 0..100 {
        hear(&mut desk, &rings(&invite, 180, &format!("p{phone}"), 1, ""));
    }
    assert_eq!(desk.agent.counts().dialogs, 8);
    desk.order(Order::Cancel { leg });
    assert_eq!(desk.agent.counts().dialogs, 0);
    desk.pass(seconds(100.0));
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn ringing_without_end_is_acknowledged_no_further_than_stated() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calls();
    for number in 1..500 {
        hear(&mut desk, &rings(&invite, 180, "p1", number, ""));
    }
    assert_eq!(desk.said().len(), 100);
    hear(&mut desk, &reply(&invite, 486, "p1", ""));
    desk.pass(seconds(65.0));
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn a_call_placed_again_after_ringing_starts_its_numbers_anew() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    desk.order(Order::MayFollow { leg, targets: vec!["sip:lee@198.51.100.20".parse().expect("a URI")] });
    hear(&mut desk, &rings(&invite, 180, "p1", 7, ""));
    desk.sent();
    let moved =
        reply(&invite, 302, "p1", "").replace("<sip:dana@198.51.100.20:5062>", "<sip:lee@198.51.100.20>");
    hear(&mut desk, &moved);
    let again = desk.sent().pop().expect("the next INVITE");
    assert_eq!(header(&again, "CSeq"), "3 INVITE", "2 was the PRACK's");
    hear(&mut desk, &rings(&again, 180, "p1", 3, ""));
    let prack = desk.sent().pop().expect("the PRACK");
    assert_eq!((header(&prack, "RAck").as_str(), header(&prack, "CSeq").as_str()), ("3 3 INVITE", "4 PRACK"));
    assert_eq!(desk.agent.counts().dialogs, 1);
}

#[test]
fn an_answer_that_overtakes_the_ringing_needs_no_acknowledgement_of_it() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    hear(&mut desk, &reply(&invite, 200, "p1", OFFER));
    assert_eq!(desk.said(), ["ACK"]);
    hear(&mut desk, &rings(&invite, 180, "p1", 9, ""));
    assert!(desk.said().is_empty());
    assert_eq!(desk.told(), [Notice::Answered { leg, sdp: OFFER.into() }]);
}

#[test]
fn an_acknowledgement_that_is_refused_or_lost_does_not_end_the_call() {
    for status in [Some(481), None] {
        let mut desk = Desk::new();
        let leg = LegId::placed(1);
        desk.order(Order::Call(Box::new(sip::Call { ring_for: seconds(90.0), ..call(leg) })));
        let invite = desk.sent().pop().unwrap();
        hear(&mut desk, &rings(&invite, 180, "p1", 9, ""));
        let prack = desk.sent().pop().unwrap();
        match status {
            Some(status) => hear(&mut desk, &reply(&prack, status, "", "")),
            None => desk.pass(seconds(33.0)),
        }
        hear(&mut desk, &reply(&invite, 200, "p1", OFFER));
        assert_eq!(desk.news(), ["Ringing", "Answered"]);
    }
}

#[test]
fn a_phone_that_rings_may_describe_itself_anew_once_our_offer_is_answered() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    hear(&mut desk, &reply(&invite, 183, "p1", RINGBACK));
    hear(&mut desk, &early("UPDATE", &invite, 5, "p1", MOVED));
    assert_eq!(desk.said(), ["491 Request Pending"], "not reliably said, so not answered");
    hear(&mut desk, &rings(&invite, 183, "p1", 1, RINGBACK));
    desk.told();
    desk.sent();
    hear(&mut desk, &early("UPDATE", &invite, 6, "p1", MOVED));
    assert_eq!(desk.told(), [Notice::Offered { leg, sdp: Some(MOVED.into()) }]);
    hear(&mut desk, &early("UPDATE", &invite, 7, "p1", MOVED));
    assert_eq!(desk.said(), ["500 Request Pending"], "one at a time");
    desk.order(Order::AnswerOffer { leg, sdp: ANSWER.into() });
    let answer = desk.sent().pop().expect("the 200");
    assert!(answer.starts_with("SIP/2.0 200 OK\r\n") && answer.ends_with(ANSWER), "{answer}");
    assert_eq!(header(&answer, "CSeq"), "6 UPDATE");
    hear(&mut desk, &reply(&invite, 200, "p1", ""));
    assert_eq!(desk.told(), [Notice::Answered { leg, sdp: MOVED.into() }]);
}

#[test]
fn an_early_offer_that_is_refused_or_left_over_changes_nothing() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    hear(&mut desk, &rings(&invite, 183, "p1", 1, RINGBACK));
    hear(&mut desk, &early("UPDATE", &invite, 6, "p1", MOVED));
    desk.order(Order::RefuseOffer { leg });
    hear(&mut desk, &early("UPDATE", &invite, 7, "p1", MOVED));
    desk.told();
    assert_eq!(desk.said()[1..], ["488 Not Acceptable Here"]);
    hear(&mut desk, &reply(&invite, 200, "p1", ""));
    assert_eq!(desk.said(), ["ACK", "487 Request Terminated"], "nobody waits for it any longer");
    assert_eq!(desk.told(), [Notice::Answered { leg, sdp: RINGBACK.into() }]);
}

#[test]
fn a_phone_that_rings_cannot_do_much_else() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    hear(&mut desk, &reply(&invite, 180, "p1", ""));
    desk.told();
    for (cseq, method, sdp, said) in [
        (3, "BYE", "", "481 Call/Transaction Does Not Exist"),
        (4, "INVITE", OFFER, "491 Request Pending"),
        (5, "UPDATE", "", "200 OK"),
        (6, "INFO", "", "200 OK"),
        (6, "UPDATE", "", "482 Loop Detected"),
        (5, "INFO", "", "500 CSeq Out Of Order"),
    ] {
        hear(
            &mut desk,
            &early(method, &invite, cseq, "p1", sdp).replace("z9hG4bK", &format!("z9hG4bK{said:.3}")),
        );
        assert_eq!(desk.said(), [said], "{method}");
    }
    hear(&mut desk, &early("UPDATE", &invite, 9, "p9", ""));
    assert!(desk.said().is_empty(), "whoever does not ring is a stranger");
    hear(&mut desk, &reply(&invite, 200, "p1", OFFER));
    desk.sent();
    hear(&mut desk, &early("BYE", &invite, 9, "p1", ""));
    assert_eq!(desk.said(), ["200 OK"]);
    assert_eq!(desk.told()[2..], [Notice::Ended { leg, by: EndedBy::FarEnd }, Notice::Released { leg }]);
}

#[test]
fn a_trunk_may_hang_up_a_call_we_placed_from_another_of_its_addresses() {
    let mut desk = Desk::new();
    let leg = LegId::placed(1);
    let path = sip::Path::udp(address(HERE), address(TRUNK));
    desk.order(Order::Call(Box::new(sip::Call { path, ..call(leg) })));
    let invite = desk.sent().pop().unwrap();
    desk.hear(&reply(&invite, 200, "p1", OFFER).replace(PHONE, TRUNK));
    desk.sent();
    desk.hear_from("192.0.2.77:5060", &early("BYE", &invite, 9, "p1", "").replace(PHONE, "192.0.2.77:5060"));
    assert_eq!(desk.said(), ["200 OK"]);
    assert_eq!(desk.told()[1..], [Notice::Ended { leg, by: EndedBy::FarEnd }, Notice::Released { leg }]);
}
