//! A far end that wants somebody else to be called in its place: what it is answered, and told.

use sip::{Call, EndedBy, Extra, LegId, Notice, Order, Refusal};

use crate::stage::*;

/// A request of the phone we called, in that call.
fn of_phone(method: &str, invite: &str, cseq: u32, lines: &str) -> String {
    let (id, ours) = (header(invite, "Call-ID"), tag(invite, "From"));
    format!(
        "{method} sip:203.0.113.5:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE};branch=z9hG4bKp{cseq}\r\nMax-Forwards: 70\r\n\
         From: <sip:dana@{PHONE}>;tag=p1\r\nTo: <sip:us@example.com>;tag={ours}\r\nCall-ID: {id}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:dana@{PHONE}>\r\n{lines}\r\n"
    )
}

/// Dana's phone, in a call of ours, wants this; gives the leg, the INVITE and what is told.
fn wanting(desk: &mut Desk, lines: &str) -> (LegId, String, Vec<Notice>) {
    let (leg, invite) = desk.called();
    desk.hear_from(PHONE, &of_phone("REFER", &invite, 1, lines));
    let told = desk.told();
    (leg, invite, told)
}

#[test]
fn a_phone_that_wants_somebody_else_called_is_told_what_comes_of_it() {
    let mut desk = Desk::new();
    let (leg, _, told) = wanting(&mut desk, "r: <sip:102@192.0.2.10>\r\n");
    let to = Box::new("sip:102@192.0.2.10".parse().expect("a URI"));
    assert_eq!(told, [Notice::ReferralWanted { leg, name: 1, to, replaces: None }]);
    desk.order(Order::TakeReferral { leg, name: 1 });
    let said = desk.sent();
    assert!(
        said[0].starts_with("SIP/2.0 202 Accepted\r\n")
            && header(&said[0], "Contact").contains("203.0.113.5")
    );
    let mut notices = vec![said[1].clone()];
    for status in [180, 200] {
        desk.order(Order::TellReferral { leg, name: 1, status });
        notices.extend(desk.sent());
    }
    for (notice, (body, state)) in notices.iter().zip([
        ("SIP/2.0 100 Trying\r\n", "active;expires=180"),
        ("SIP/2.0 180 Ringing\r\n", "active;expires=180"),
        ("SIP/2.0 200 OK\r\n", "terminated;reason=noresource"),
    ]) {
        assert!(notice.starts_with(&format!("NOTIFY sip:dana@{PHONE} SIP/2.0\r\n")), "{notice}");
        assert!(notice.ends_with(&format!("\r\n\r\n{body}")), "{notice}");
        for (name, value) in [
            ("Event", "refer;id=1"),
            ("Subscription-State", state),
            ("Content-Type", "message/sipfrag;version=2.0"),
        ] {
            assert_eq!(header(notice, name), value);
        }
    }
    desk.order(Order::TellReferral { leg, name: 1, status: 486 });
    assert!(desk.sent().is_empty(), "it is final once");
    desk.order(Order::HangUp { leg, reason: String::new() });
    assert!(desk.sent().is_empty(), "the phone has not heard yet why it will be hung up on");
    for notice in &notices {
        desk.hear_from(PHONE, &reply(notice, 200, "", ""));
    }
    let bye = desk.sent().pop().expect("the BYE");
    assert!(bye.starts_with("BYE "), "{bye}");
    desk.hear_from(PHONE, &reply(&bye, 200, "", ""));
    assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::Us }, Notice::Released { leg }]);
}

#[test]
fn a_wish_that_is_refused_changes_nothing() {
    for (refusal, said) in [(Refusal::Forbidden, "403 Forbidden"), (Refusal::Declined, "603 Decline")] {
        let mut desk = Desk::new();
        let (leg, invite, _) = wanting(&mut desk, "Refer-To: <tel:+19005550199>\r\n");
        desk.order(Order::RefuseReferral { leg, name: 1, refusal });
        assert_eq!(desk.said(), [said]);
        desk.order(Order::TakeReferral { leg, name: 1 });
        desk.order(Order::TellReferral { leg, name: 1, status: 200 });
        assert!(desk.sent().is_empty(), "it is decided");
        desk.hear_from(PHONE, &of_phone("BYE", &invite, 2, ""));
        assert_eq!(desk.news(), ["Ended", "Released"]);
        desk.pass(seconds(40.0));
        assert_eq!(desk.agent.counts(), sip::Counts::default());
    }
}

#[test]
fn a_phone_that_hangs_up_before_anybody_decides_is_told_that_its_call_is_over() {
    let mut desk = Desk::new();
    let (leg, invite, _) = wanting(&mut desk, "Refer-To: <sip:102@192.0.2.10>\r\n");
    desk.hear_from(PHONE, &of_phone("BYE", &invite, 2, ""));
    assert_eq!(desk.said(), ["200 OK", "481 Call/Transaction Does Not Exist"]);
    desk.order(Order::TakeReferral { leg, name: 1 });
    assert!(desk.sent().is_empty());
    desk.pass(seconds(40.0));
    assert_eq!(desk.agent.counts(), sip::Counts::default());
}

#[test]
fn what_is_no_wish_that_can_be_read_is_refused() {
    for (lines, said) in [
        ("X: y\r\n", "400 Broken Refer-To"),
        ("Refer-To: <sip:102@192.0.2.10>\r\nRefer-To: <sip:103@192.0.2.10>\r\n", "400 Broken Refer-To"),
        ("Refer-To: <sip:102@192.0.2.10>, <sip:103@192.0.2.10>\r\n", "400 Broken Refer-To"),
        ("Refer-To: \"Lee\r\n", "400 Broken Refer-To"),
        ("Refer-To: <http://example.com/>\r\n", "400 Broken Refer-To"),
        ("Refer-To: <sip:102@192.0.2.10?Replaces=nonsense>\r\n", "400 Broken Refer-To"),
        ("Refer-To: <sip:102@192.0.2.10;method=BYE>\r\n", "603 Decline"),
    ] {
        let mut desk = Desk::new();
        let (_, _, told) = wanting(&mut desk, lines);
        assert_eq!((desk.said(), told), (vec![said.to_owned()], vec![]), "{lines}");
    }
}

#[test]
fn a_call_that_is_to_be_replaced_there_is_named_in_ours() {
    let mut desk = Desk::new();
    let lines = "Refer-To: <sip:102@192.0.2.10?Replaces=a%40b%3Bto-tag%3D7%3Bfrom-tag%3D9&X=y>\r\n";
    let (_, _, told) = wanting(&mut desk, lines);
    let Some(Notice::ReferralWanted { replaces: Some(value), .. }) = told.first() else { panic!("{told:?}") };
    assert_eq!(value, "a@b;to-tag=7;from-tag=9");
    let second = call(LegId::placed(2));
    let extra = vec![(Extra::Replaces, value.clone())];
    desk.order(Order::Call(Box::new(Call { extra, ..second })));
    let invite = desk.sent().pop().expect("the INVITE");
    assert_eq!(header(&invite, "Replaces"), "a@b;to-tag=7;from-tag=9");
}
