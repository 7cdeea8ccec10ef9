//! Calls that we place.

use std::time::Duration;

use sip::{EndedBy, Extra, LegId, Notice, Order, Setup, Unanswered};

use crate::stage::*;

fn refused(leg: LegId, status: u16, why: Unanswered) -> Notice {
    let reason = if matches!(why, Unanswered::Silent | Unanswered::RangOut | Unanswered::Cancelled) {
        ""
    } else {
        "Whatever"
    };
    Notice::Refused { leg, status, reason: reason.into(), retry_after: None, why }
}

#[test]
fn a_person_is_called_answers_and_is_hung_up_on() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    assert!(invite.starts_with("INVITE sip:dana@198.51.100.20:5062 SIP/2.0\r\n"));
    assert!(
        header(&invite, "From").starts_with("\"Front \\\"Desk\\\"\" <sip:+13125550100@example.com>;tag=")
    );
    assert_eq!(header(&invite, "To"), "<sip:dana@198.51.100.20:5062>");
    assert_eq!(header(&invite, "Contact"), "<sip:203.0.113.5:5060>");
    desk.hear_from(PHONE, &reply(&invite, 100, "", ""));
    desk.hear_from(PHONE, &reply(&invite, 180, "p1", ""));
    desk.hear_from(PHONE, &reply(&invite, 180, "p1", ""));
    assert_eq!(desk.told(), [Notice::Ringing { leg, status: 180, sdp: None }]);
    desk.hear_from(PHONE, &reply(&invite, 200, "p1", OFFER));
    assert_eq!(desk.told(), [Notice::Answered { leg, sdp: OFFER.into() }]);
    let ack = desk.sent().pop().unwrap();
    assert!(ack.starts_with("ACK sip:dana@198.51.100.20:5062 SIP/2.0\r\n"));
    assert_eq!((header(&ack, "CSeq").as_str(), tag(&ack, "To").as_str()), ("1 ACK", "p1"));
    assert_ne!(header(&ack, "Via"), header(&invite, "Via"), "the ACK of a 200 is a transaction of its own");
    desk.hear_from(PHONE, &reply(&invite, 200, "p1", OFFER));
    assert_eq!(desk.sent(), [ack], "a repeated 200 gets the same ACK");
    desk.order(Order::HangUp { leg, reason: "caller left".into() });
    let bye = desk.sent().pop().unwrap();
    assert_eq!((header(&bye, "CSeq").as_str(), tag(&bye, "To").as_str()), ("2 BYE", "p1"));
    desk.hear_from(PHONE, &reply(&bye, 200, "", ""));
    assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::Us }, Notice::Released { leg }]);
    assert!(desk.agent.is_over());
    desk.pass(seconds(65.0));
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn a_refusal_is_acknowledged_by_its_own_way_and_told_for_what_it_is() {
    for (status, why) in [
        (302, Unanswered::Moved),
        (401, Unanswered::Unauthorized),
        (404, Unanswered::NotFound),
        (480, Unanswered::Absent),
        (486, Unanswered::Busy),
        (488, Unanswered::NotAcceptable),
        (503, Unanswered::Failed),
        (600, Unanswered::Busy),
        (603, Unanswered::Declined),
    ] {
        let mut desk = Desk::new();
        let (leg, invite) = desk.calls();
        desk.hear_from(PHONE, &reply(&invite, status, "p1", ""));
        let ack = desk.sent().pop().unwrap();
        assert_eq!(header(&ack, "Via"), header(&invite, "Via"));
        assert_eq!((header(&ack, "CSeq").as_str(), tag(&ack, "To").as_str()), ("1 ACK", "p1"));
        assert_eq!(desk.told(), [refused(leg, status, why), Notice::Released { leg }]);
        assert!(desk.agent.is_over(), "the dialog of a failed call is freed");
        desk.hear_from(PHONE, &reply(&invite, status, "p1", ""));
        assert_eq!(desk.sent(), [ack], "a repeated refusal gets its ACK again");
        desk.pass(seconds(33.0));
        assert_eq!(desk.agent.counts(), Default::default());
    }
}

#[test]
fn when_to_try_again_is_told() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calls();
    let busy = reply(&invite, 503, "p1", "")
        .replace("Contact:", "Retry-After: 18000 (in a meeting);duration=3600\r\nContact:");
    desk.hear_from(PHONE, &busy);
    let told = desk.told();
    assert!(
        matches!(&told[0], Notice::Refused { retry_after: Some(after), .. } if *after == Duration::from_secs(18_000))
    );
}

#[test]
fn a_cancel_waits_for_the_first_reply() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    desk.order(Order::Cancel { leg });
    assert_eq!(desk.told(), [refused(leg, 487, Unanswered::Cancelled)]);
    assert!(desk.sent().is_empty());
    desk.hear_from(PHONE, &reply(&invite, 100, "", ""));
    let cancel = desk.sent().pop().unwrap();
    assert!(cancel.starts_with("CANCEL sip:dana@198.51.100.20:5062 SIP/2.0\r\n"));
    for name in ["Via", "From", "To", "Call-ID"] {
        assert_eq!(header(&cancel, name), header(&invite, name));
    }
    assert_eq!(header(&cancel, "CSeq"), "1 CANCEL");
    desk.hear_from(PHONE, &reply(&cancel, 200, "p1", ""));
    desk.hear_from(PHONE, &reply(&invite, 487, "p1", ""));
    assert_eq!(desk.said(), ["ACK"]);
    assert_eq!(desk.told(), [Notice::Released { leg }]);
    assert!(desk.agent.is_over());
}

#[test]
fn an_answer_that_crosses_the_cancel_is_taken_and_hung_up() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    desk.hear_from(PHONE, &reply(&invite, 180, "p1", ""));
    desk.order(Order::Cancel { leg });
    let cancel = desk.sent().pop().unwrap();
    desk.told();
    desk.hear_from(PHONE, &reply(&invite, 200, "p1", OFFER));
    let sent = desk.sent();
    assert!(sent[0].starts_with("ACK ") && sent[1].starts_with("BYE "));
    desk.hear_from(PHONE, &reply(&cancel, 481, "p1", ""));
    desk.hear_from(PHONE, &reply(&sent[1], 200, "", ""));
    assert_eq!(desk.told(), [Notice::Released { leg }], "the end was told when it was cancelled");
    assert!(desk.agent.is_over());
}

#[test]
fn a_cancelled_call_that_says_nothing_more_is_let_go() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    desk.hear_from(PHONE, &reply(&invite, 180, "p1", ""));
    desk.order(Order::Cancel { leg });
    for _ in 0..10 {
        desk.hear_from(PHONE, &reply(&invite, 180, "p1", ""));
        desk.pass(seconds(3.3));
    }
    assert_eq!(desk.news(), ["Ringing", "Refused", "Released"]);
    assert!(desk.agent.is_over());
}

#[test]
fn a_phone_rings_as_long_as_ordered() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    desk.hear_from(PHONE, &reply(&invite, 180, "p1", ""));
    desk.sent();
    desk.pass(seconds(19.9));
    assert!(desk.said().is_empty());
    desk.pass(seconds(0.2));
    assert_eq!(desk.said(), ["CANCEL"]);
    assert_eq!(desk.told().last(), Some(&refused(leg, 487, Unanswered::RangOut)));
}

#[test]
fn a_far_end_that_is_not_there_is_told_apart_from_one_that_does_not_pick_up() {
    let mut desk = Desk::new();
    let (leg, _) = desk.calls();
    desk.pass(seconds(20.1));
    assert_eq!(desk.told(), [refused(leg, 408, Unanswered::Silent)]);
    desk.pass(seconds(13.0));
    assert_eq!(desk.told(), [Notice::Released { leg }]);
    assert_eq!(desk.said().len(), 6, "resent at 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 seconds");
}

#[test]
fn a_call_without_any_reply_ends_after_32_seconds() {
    let mut desk = Desk::new();
    let leg = LegId::placed(1);
    desk.order(Order::Call(Box::new(sip::Call { ring_for: Duration::from_secs(90), ..call(leg) })));
    desk.pass(seconds(32.1));
    assert_eq!(desk.told(), [refused(leg, 408, Unanswered::Silent), Notice::Released { leg }]);
}

#[test]
fn a_far_end_without_a_word_is_given_up_early_where_that_is_ordered() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    desk.order(Order::ExpectReply { leg, within: seconds(3.0) });
    desk.pass(seconds(3.1));
    assert_eq!(desk.told(), [refused(leg, 408, Unanswered::Silent), Notice::Released { leg }]);
    desk.sent();
    desk.hear_from(PHONE, &reply(&invite, 200, "late", OFFER));
    assert_eq!(desk.said(), ["ACK", "BYE"], "nobody is left with two calls");
}

#[test]
fn a_far_end_that_says_it_tries_has_all_its_time() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    desk.order(Order::ExpectReply { leg, within: seconds(3.0) });
    desk.hear_from(PHONE, &reply(&invite, 100, "", ""));
    desk.order(Order::ExpectReply { leg, within: seconds(3.0) });
    desk.pass(seconds(10.0));
    assert!(desk.told().is_empty());
    desk.hear_from(PHONE, &reply(&invite, 200, "p1", OFFER));
    assert_eq!(desk.news(), ["Answered"]);
}

#[test]
fn a_late_answer_to_a_call_long_given_up_is_hung_up() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calls();
    desk.pass(seconds(40.0));
    desk.told();
    desk.sent();
    desk.hear_from(PHONE, &reply(&invite, 200, "late", OFFER));
    assert_eq!(desk.said(), ["ACK", "BYE"]);
    assert!(desk.told().is_empty());
}

#[test]
fn a_second_phone_that_answers_is_acknowledged_and_hung_up() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    desk.hear_from(PHONE, &reply(&invite, 200, "p1", OFFER));
    desk.sent();
    for round in 0..2 {
        desk.hear_from(PHONE, &reply(&invite, 200, "p2", OFFER));
        let sent = desk.sent();
        assert!(sent.iter().all(|text| tag(text, "To") == "p2"));
        let methods: Vec<_> = sent.iter().map(|text| &text[..3]).collect();
        assert_eq!(methods, if round == 0 { vec!["ACK", "BYE"] } else { vec!["ACK"] });
    }
    assert_eq!(desk.told(), [Notice::Answered { leg, sdp: OFFER.into() }]);
    for number in 3..100 {
        desk.hear_from(PHONE, &reply(&invite, 200, &format!("p{number}"), OFFER));
    }
    assert!(desk.agent.counts().transactions <= 8, "a flood of answers is not followed");
}

#[test]
fn requests_inside_a_placed_call_take_the_recorded_route_backwards() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    let routed = reply(&invite, 200, "p1", OFFER)
        .replace("Contact:", "Record-Route: <sip:198.51.100.31;lr>, <sip:198.51.100.30;lr>\r\nContact:");
    desk.hear_from(PHONE, &routed);
    desk.order(Order::HangUp { leg, reason: String::new() });
    let sent = desk.sent_with_paths();
    assert_eq!(sent.len(), 2);
    for (path, text) in sent {
        let routes: Vec<_> = text.lines().filter(|line| line.starts_with("Route: ")).collect();
        assert_eq!(routes, ["Route: <sip:198.51.100.30;lr>", "Route: <sip:198.51.100.31;lr>"]);
        assert_eq!(path.remote, address("198.51.100.30:5060"));
        assert!(text.contains(" sip:dana@198.51.100.20:5062 SIP/2.0\r\n"));
    }
}

#[test]
fn an_answer_given_early_counts_if_the_200_is_bare() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    desk.hear_from(PHONE, &reply(&invite, 183, "p1", OFFER));
    assert_eq!(desk.told(), [Notice::Ringing { leg, status: 183, sdp: Some(OFFER.into()) }]);
    desk.hear_from(PHONE, &reply(&invite, 200, "p1", ""));
    assert_eq!(desk.told(), [Notice::Answered { leg, sdp: OFFER.into() }]);
}

#[test]
fn a_200_without_any_answer_is_hung_up() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calls();
    desk.hear_from(PHONE, &reply(&invite, 200, "p1", ""));
    let sent = desk.sent();
    assert!(sent[0].starts_with("ACK ") && sent[1].starts_with("BYE "));
    desk.hear_from(PHONE, &reply(&sent[1], 200, "", ""));
    assert_eq!(desk.news(), ["Refused", "Released"]);
}

#[test]
fn the_person_may_hang_up_and_is_then_a_stranger_again() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.called();
    let (ours, call_id) = (tag(&invite, "From"), header(&invite, "Call-ID"));
    let bye = format!(
        "BYE sip:203.0.113.5 SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE};branch=z9hG4bKbye\r\nFrom: <sip:dana@x>;tag=p1\r\n\
         To: <sip:y>;tag={ours}\r\nCall-ID: {call_id}\r\nCSeq: 1 BYE\r\n\r\n"
    );
    desk.hear_from(STRANGER, &bye);
    assert!(desk.said().is_empty());
    desk.told();
    desk.hear_from(PHONE, &bye);
    assert_eq!(desk.said(), ["200 OK"]);
    assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::FarEnd }, Notice::Released { leg }]);
    desk.pass(seconds(10.0));
    desk.hear_from(PHONE, &bye);
    assert_eq!(desk.said(), ["200 OK"], "our reply was lost");
    desk.pass(seconds(30.0));
    desk.hear_from(PHONE, &bye);
    assert_eq!((desk.said(), desk.agent.counts().guests), (vec![], 0));
}

#[test]
fn whom_we_call_may_not_call_us() {
    let mut desk = Desk::new();
    desk.called();
    desk.hear_from(PHONE, &invite("x", OFFER));
    desk.hear_from(PHONE, &invite("x", OFFER).replace("INVITE", "OPTIONS"));
    desk.hear_from(PHONE, "INVITE broken SIP/2.0\r\nVia: SIP/2.0/UDP 1.2.3.4\r\n\r\n");
    assert!(desk.said().is_empty());
    assert_eq!(desk.news(), ["Stranger"]);
}

#[test]
fn a_call_that_cannot_be_placed_is_refused_at_once() {
    let local = address("0.0.0.0:5060");
    let mut desk = Desk::with(Setup::default());
    let leg = LegId::placed(1);
    desk.order(Order::Call(Box::new(sip::Call { path: sip::Path::udp(local, address(PHONE)), ..call(leg) })));
    assert_eq!((desk.said(), desk.news()), (vec![], vec!["Refused".to_owned(), "Released".to_owned()]));
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn we_say_who_calls_and_nothing_else() {
    let mut desk = Desk::new();
    let leg = LegId::placed(1);
    let evil = "<sip:+13125550143@example.com>\r\nX-Evil: 1".to_owned();
    let mut call = call(leg);
    call.extra = vec![(Extra::Diversion, evil)];
    call.from.display = "a\r\nX-Evil: 2".into();
    call.from.user = "b\r\nX-Evil: 3".into();
    call.from.host = "example.com>\r\nX-Evil: 4".into();
    desk.order(Order::Call(Box::new(call)));
    let invite = desk.sent().pop().unwrap();
    assert_eq!(header(&invite, "Diversion"), "<sip:+13125550143@example.com>  X-Evil: 1");
    assert!(!invite.contains("\nX-Evil"), "{invite}");
}

#[test]
fn replies_to_nothing_are_dropped() {
    let mut desk = Desk::new();
    let (_, invite) = desk.calls();
    let two_vias = reply(&invite, 200, "p1", OFFER)
        .replace("From:", "Via: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKx\r\nFrom:");
    desk.hear_from(PHONE, &two_vias);
    desk.hear_from(PHONE, &reply(&invite, 200, "p1", OFFER).replace("branch=z9hG4bK", "branch=z9hG4bKno"));
    desk.hear_from(
        PHONE,
        &reply(&invite, 200, "p1", OFFER).replace("\r\n\r\n", "\r\nContent-Length: 9999\r\n\r\n"),
    );
    assert!(desk.said().is_empty() && desk.told().is_empty());
}
