//! Far ends that send a call of ours elsewhere, or want us to call somebody.

use sip::{LegId, Notice, Order, Unanswered, Uri};

use crate::stage::*;

/// A 3xx of the phone with these Contacts.
fn moves(invite: &str, status: u16, contacts: &str) -> String {
    let text = reply(invite, status, "p1", "");
    text.replace(&format!("Contact: <sip:dana@{PHONE}>"), &format!("Contact: {contacts}"))
}

fn ours() -> Vec<Uri> {
    ["sip:lee@198.51.100.20:5062", "sip:+13125550144@192.0.2.10"]
        .map(|uri| uri.parse().expect("a URI"))
        .to_vec()
}

fn is_refused(desk: &mut Desk, leg: LegId, status: u16) {
    let told = desk.told();
    let moved = Unanswered::Moved;
    assert!(
        matches!(&told[..], [Notice::Refused { leg: refused, status: said, why, .. }, Notice::Released { .. }]
            if (*refused, *said, *why) == (leg, status, moved)),
        "{told:?}"
    );
}

#[test]
fn a_call_that_is_sent_elsewhere_is_refused_unless_we_said_where_it_may_go() {
    for order in [None, Some(ours())] {
        let mut desk = Desk::new();
        let (leg, invite) = desk.calls();
        if let Some(targets) = order {
            desk.order(Order::MayFollow { leg, targets });
        }
        desk.hear_from(PHONE, &moves(&invite, 302, "<sip:+19005550199@192.0.2.10>, <sip:lee@203.0.113.77>"));
        assert_eq!(desk.said(), ["ACK"]);
        is_refused(&mut desk, leg, 302);
    }
}

#[test]
fn a_call_is_placed_anew_where_it_may_go_and_in_our_own_words() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    desk.order(Order::MayFollow { leg, targets: ours() });
    let contacts = "<sip:stranger@198.51.100.20:5062>, <sip:lee@198.51.100.20:5062;evil=1?Route=%3Csip:x%3E>;q=0.5, \
                    <tel:+13125550144>;q=0.9";
    desk.hear_from(PHONE, &moves(&invite, 302, contacts));
    let sent = desk.sent();
    assert!(sent[0].starts_with("ACK sip:dana@"), "{}", sent[0]);
    assert!(
        sent[1].starts_with("INVITE sip:+13125550144@192.0.2.10 SIP/2.0\r\n"),
        "the better of both: {}",
        sent[1]
    );
    for name in ["Call-ID", "From", "To"] {
        assert_eq!(header(&sent[1], name), header(&invite, name), "{name}");
    }
    assert_eq!(header(&sent[1], "CSeq"), "2 INVITE");
    assert!(desk.told().is_empty(), "it goes on");
    desk.hear_from(
        PHONE,
        &moves(&sent[1], 301, "<sip:+13125550144@192.0.2.10>, <sip:lee@198.51.100.20:5062>"),
    );
    let third = desk.sent().pop().unwrap();
    assert!(
        third.starts_with("INVITE sip:lee@198.51.100.20:5062 SIP/2.0\r\n"),
        "each once, and no parameter of theirs"
    );
    desk.hear_from(PHONE, &moves(&third, 302, "<sip:lee@198.51.100.20:5062>"));
    assert_eq!(desk.said(), ["ACK"]);
    is_refused(&mut desk, leg, 302);
    assert!(desk.agent.is_over());
}

#[test]
fn a_call_that_was_followed_is_answered_and_hung_up_like_any_other() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    desk.order(Order::MayFollow { leg, targets: ours() });
    desk.hear_from(PHONE, &reply(&invite, 180, "p1", ""));
    desk.hear_from(PHONE, &moves(&invite, 302, "<sip:lee@198.51.100.20:5062>"));
    let again = desk.sent().pop().unwrap();
    desk.hear_from(PHONE, &reply(&again, 200, "p2", OFFER));
    desk.order(Order::HangUp { leg, reason: String::new() });
    let bye = desk.sent().pop().unwrap();
    assert_eq!((header(&bye, "CSeq").as_str(), tag(&bye, "To").as_str()), ("3 BYE", "p2"));
    desk.hear_from(PHONE, &reply(&bye, 200, "", ""));
    assert_eq!(desk.news(), ["Ringing", "Answered", "Ended", "Released"]);
    desk.pass(seconds(70.0));
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn a_telephone_system_may_name_its_own_address_for_what_is_behind_it() {
    for (contact, follows) in [
        ("<sip:102@198.51.100.20>", true),
        ("<sip:102@198.51.100.20:5062;transport=udp>", true),
        ("<sip:102@pbx.example.com>", true),
        ("<sip:102@203.0.113.9>", false),
        ("<sips:102@198.51.100.20>", false),
        ("<sip:103@198.51.100.20>", false),
        ("<sip:198.51.100.20>", false),
        ("<mailto:102@pbx.example.com>", false),
        ("*", false),
    ] {
        let mut desk = Desk::new();
        let (leg, invite) = desk.calls();
        desk.order(Order::MayFollow {
            leg,
            targets: vec!["sip:102@pbx.example.com".parse().expect("a URI")],
        });
        desk.hear_from(PHONE, &moves(&invite, 302, contact));
        let next = desk.sent().pop().unwrap();
        assert_eq!(
            next.starts_with("INVITE sip:102@pbx.example.com SIP/2.0\r\n"),
            follows,
            "{contact}: {next}"
        );
    }
}

#[test]
fn a_call_given_up_is_not_followed() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    desk.order(Order::MayFollow { leg, targets: ours() });
    desk.hear_from(PHONE, &reply(&invite, 100, "", ""));
    desk.order(Order::Cancel { leg });
    desk.sent();
    desk.hear_from(PHONE, &moves(&invite, 302, "<sip:lee@198.51.100.20:5062>"));
    assert_eq!(desk.said(), ["ACK"]);
}

#[test]
fn nobody_makes_us_call_someone() {
    let mut desk = Desk::new();
    let (_, tag) = desk.talking("a");
    desk.sent();
    let refer = |text: String| {
        text.replace("Max-Forwards", "Refer-To: <sip:+19005550199@192.0.2.10>\r\nMax-Forwards")
    };
    desk.hear(&refer(invite("out", "").replace("INVITE", "REFER")));
    assert_eq!(desk.said(), ["403 Forbidden"], "out of the blue");
    desk.hear(&refer(inside("REFER", "a", 2, &tag, "")));
    assert_eq!(desk.said(), Vec::<String>::new(), "inside a call somebody decides");
    desk.pass(seconds(10.1));
    assert_eq!(desk.said(), ["603 Decline"], "or nobody, and nothing is done");
    desk.hear_from(STRANGER, &refer(invite("out", "").replace("INVITE", "REFER")));
    desk.hear_from(STRANGER, &refer(inside("REFER", "a", 2, &tag, "")));
    assert!(desk.sent().is_empty());
    assert_eq!(desk.agent.counts().legs, 1);
}
