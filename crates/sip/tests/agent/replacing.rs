//! Calls that want to take another's place (Replaces): which they may, and what becomes of the other.

use sip::{Call, EndedBy, LegId, Notice, Order, Path, Refusal, Registrar, Unanswered, contact_user};

use crate::stage::*;

/// An INVITE of another call that wants to take this one's place.
fn replacing(value: &str) -> String {
    invite("new", OFFER).replace("Max-Forwards", &format!("Replaces: {value}\r\nMax-Forwards"))
}

/// The new leg, and the one whose place it wants.
fn invited(desk: &mut Desk) -> (LegId, Option<LegId>) {
    let told = desk.told();
    let invited = told.iter().find_map(|notice| match notice {
        Notice::Invited(invitation) => Some((invitation.leg, invitation.replaces)),
        _ => None,
    });
    invited.unwrap_or_else(|| panic!("{told:?}"))
}

/// The trunk talks to us, and another call wants its place: the old leg, our tag in it, and the new leg.
fn taken_over(desk: &mut Desk) -> (LegId, String, LegId) {
    let (old, tag) = desk.talking("old");
    desk.hear(&replacing(&format!("old;to-tag={tag};from-tag=far")));
    let (new, replaces) = invited(desk);
    assert_eq!(replaces, Some(old));
    assert_eq!(desk.said(), ["100 Trying"]);
    (old, tag, new)
}

fn answer(desk: &mut Desk, leg: LegId) -> Vec<String> {
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    desk.sent()
}

/// We call a phone at the trunk, which rings.
fn ringing(desk: &mut Desk) -> (LegId, String) {
    let leg = LegId::placed(1);
    let target = "sip:dana@192.0.2.10:5060".parse().expect("a URI");
    desk.order(Order::Call(Box::new(Call {
        target,
        path: Path::udp(address(HERE), address(TRUNK)),
        ..call(leg)
    })));
    let invite = desk.sent().pop().expect("the INVITE");
    desk.hear(&reply(&invite, 180, "p1", ""));
    desk.told();
    (leg, invite)
}

#[test]
fn a_call_of_the_same_trunk_takes_the_place_of_one_that_is_up() {
    let mut desk = Desk::new();
    let (old, _, new) = taken_over(&mut desk);
    let sent = answer(&mut desk, new);
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent[0].starts_with("SIP/2.0 200 OK\r\n") && header(&sent[0], "Call-ID") == "new", "{}", sent[0]);
    assert!(sent[1].starts_with("BYE sip:trunk@") && header(&sent[1], "Call-ID") == "old", "{}", sent[1]);
    desk.hear(&reply(&sent[1], 200, "", ""));
    desk.hear(&inside("ACK", "new", 1, &tag(&sent[0], "To"), ""));
    let ended = Notice::Ended { leg: old, by: EndedBy::Us };
    let told: Vec<_> =
        desk.told().into_iter().filter(|notice| !matches!(notice, Notice::Repeated { .. })).collect();
    assert_eq!(told, [ended, Notice::Released { leg: old }, Notice::Confirmed { leg: new, sdp: None }]);
    assert_eq!(desk.agent.counts().legs, 1);
    // It may be taken over in its turn; the one before is long unknown.
    let tag = tag(&sent[0], "To");
    let third =
        replacing(&format!("new;to-tag={tag};from-tag=far")).replace("Call-ID: new", "Call-ID: third");
    desk.hear(&third.replace("z9hG4bKnew", "z9hG4bKthird"));
    assert_eq!(invited(&mut desk).1, Some(new));
}

#[test]
fn a_call_that_does_not_come_to_be_leaves_the_other_as_it_was() {
    let mut desk = Desk::new();
    let (old, tag, new) = taken_over(&mut desk);
    desk.order(Order::Refuse { leg: new, refusal: Refusal::NotAcceptable });
    assert_eq!(desk.said(), ["488 Not Acceptable Here"]);
    desk.hear(&inside("INVITE", "old", 2, &tag, OFFER));
    assert!(
        matches!(&desk.told()[..], [Notice::Ended { leg, .. }, Notice::Offered { leg: offered, .. }] if *leg == new && *offered == old)
    );

    let mut desk = Desk::new();
    let (_, _, new) = taken_over(&mut desk);
    let cancel = invite("new", "").replace("INVITE", "CANCEL");
    desk.hear(&cancel);
    assert_eq!(desk.said(), ["200 OK", "487 Request Terminated"]);
    assert_eq!(desk.told(), [Notice::Cancelled { leg: new }]);
    assert_eq!(answer(&mut desk, new), Vec::<String>::new(), "it is too late for it");
    assert_eq!(desk.agent.counts().legs, 2, "the old one, and a refusal without its ACK");
}

#[test]
fn a_call_that_ends_while_it_is_being_replaced_leaves_its_place_all_the_same() {
    let mut desk = Desk::new();
    let (old, tag, new) = taken_over(&mut desk);
    desk.hear(&inside("BYE", "old", 2, &tag, ""));
    assert_eq!(desk.said(), ["200 OK"]);
    assert!(desk.told().contains(&Notice::Ended { leg: old, by: EndedBy::FarEnd }));
    let sent = answer(&mut desk, new);
    assert!(sent.len() == 1 && sent[0].starts_with("SIP/2.0 200 OK\r\n"), "{sent:?}");

    // Both hang up at once.
    let mut desk = Desk::new();
    let (old, tag, new) = taken_over(&mut desk);
    let bye = answer(&mut desk, new).pop().expect("our BYE");
    desk.hear(&inside("BYE", "old", 2, &tag, ""));
    desk.hear(&reply(&bye, 481, "", ""));
    let told = desk.told();
    let ended = told.iter().filter(|notice| notice.is_ending() && notice.leg() == Some(old)).count();
    assert_eq!((ended, told.contains(&Notice::Released { leg: old })), (1, true), "{told:?}");
    assert_eq!(desk.agent.counts().legs, 1);
}

#[test]
fn a_call_that_is_over_is_not_taken_over() {
    let mut desk = Desk::new();
    let (old, tag) = desk.talking("old");
    desk.order(Order::HangUp { leg: old, reason: String::new() });
    let bye = desk.sent().pop().expect("our BYE");
    let value = format!("old;to-tag={tag};from-tag=far");
    desk.hear(&replacing(&value));
    assert_eq!(desk.said(), ["603 Decline"], "its BYE is not answered yet");
    desk.hear(&reply(&bye, 200, "", ""));
    desk.hear(
        &replacing(&value).replace("z9hG4bKnew", "z9hG4bKlater").replace("Call-ID: new", "Call-ID: later"),
    );
    assert_eq!(desk.said(), ["481 Call/Transaction Does Not Exist"], "and now it is forgotten");
    assert_eq!(desk.agent.counts().legs, 0);
}

#[test]
fn a_phone_that_rings_is_let_go_when_another_takes_the_call() {
    for early_only in ["", ";early-only"] {
        let mut desk = Desk::new();
        let (old, placed) = ringing(&mut desk);
        let (id, ours) = (header(&placed, "Call-ID"), tag(&placed, "From"));
        desk.hear(&replacing(&format!("{id};from-tag=p1;to-tag={ours}{early_only}")));
        let (new, replaces) = invited(&mut desk);
        assert_eq!(replaces, Some(old));
        desk.sent();
        let sent = answer(&mut desk, new);
        assert!(sent[0].starts_with("SIP/2.0 200 OK\r\n") && sent[1].starts_with("CANCEL "), "{sent:?}");
        assert!(
            matches!(&desk.told()[..], [Notice::Refused { leg, why: Unanswered::Cancelled, .. }] if *leg == old)
        );
        // It is picked up in the same moment.
        desk.hear(&reply(&placed, 200, "p1", OFFER));
        assert_eq!(desk.said(), ["ACK", "BYE"]);
    }
}

#[test]
fn a_call_that_is_not_acknowledged_yet_is_hung_up_once_it_is() {
    let mut desk = Desk::new();
    let old = desk.invited("old");
    let tag = tag(&answer(&mut desk, old).pop().expect("the 200"), "To");
    desk.hear(&replacing(&format!("old;to-tag={tag};from-tag=far")));
    let (new, replaces) = invited(&mut desk);
    assert_eq!(replaces, Some(old));
    desk.sent();
    assert_eq!(answer(&mut desk, new).len(), 1, "no BYE before the ACK (RFC 3261 section 15)");
    desk.hear(&inside("ACK", "old", 1, &tag, ""));
    assert_eq!(desk.said(), ["BYE"]);
}

#[test]
fn nobody_else_takes_a_callers_place_and_nothing_that_is_not_there_is_taken() {
    let mut desk = Desk::new();
    let (_, tag) = desk.talking("old");
    let ringing = desk.invited("early");
    desk.order(Order::Ring { leg: ringing });
    let early_tag = crate::stage::tag(&desk.sent().pop().expect("the 180"), "To");
    let unknown = "481 Call/Transaction Does Not Exist";
    let own = format!("old;to-tag={tag};from-tag=far");
    for (from, value, said) in [
        (TRUNK, format!("old;from-tag=far;to-tag={tag};early-only"), "486 Busy Here"),
        (TRUNK, format!("early;to-tag={early_tag};from-tag=far"), unknown),
        (TRUNK, format!("old;to-tag={tag};from-tag=near"), unknown),
        (TRUNK, format!("old;to-tag={tag};from-tag=0"), unknown),
        (TRUNK, format!("older;to-tag={tag};from-tag=far"), unknown),
        ("198.51.100.130:5060", own.clone(), unknown),
        (TRUNK, format!("old;to-tag={tag}"), "400 Broken Replaces"),
        (TRUNK, format!("{own};from-tag=x"), "400 Broken Replaces"),
        (TRUNK, format!("{own}\r\nReplaces: x;to-tag=1;from-tag=2"), "400 Broken Replaces"),
        (TRUNK, format!("{own}\r\nJoin: {own}"), "400 Broken Replaces"),
    ] {
        desk.hear_from(from, &replacing(&value));
        assert_eq!(desk.said(), [said], "{from} {value}");
        assert!(desk.told().is_empty() && desk.agent.counts().legs == 2, "nothing is remembered of it");
    }
    desk.hear_from(STRANGER, &replacing(&own));
    assert!(desk.said().is_empty());
}

#[test]
fn a_call_over_a_registration_is_taken_over_from_where_it_speaks_and_from_nowhere_else() {
    let mut desk = Desk::new();
    let registrar = Registrar {
        name: "carrier".into(),
        registrar: "sip.carrier.example".into(),
        user: "100".into(),
        domain: "carrier.example".into(),
        proxy: None,
        paths: vec![Path::udp(address(HERE), address(PHONE))],
        contact_user: contact_user([1, 2], "carrier"),
        expires: seconds(3_600.0),
        keep_alive: None,
    };
    let ours = registrar.contact_user.clone();
    desk.order(Order::Register(Box::new(registrar)));
    desk.hear_from(
        PHONE,
        &invite("old", OFFER).replace("INVITE sip:+13125550100", &format!("INVITE sip:{ours}")),
    );
    let (old, _) = invited(&mut desk);
    desk.sent();
    let tag = tag(&answer(&mut desk, old).pop().expect("the 200"), "To");
    desk.hear_from(PHONE, &inside("ACK", "old", 1, &tag, ""));
    // What our Contact inside a call says, and so the far end's Refer-To: no user.
    let wanted = replacing(&format!("old;to-tag={tag};from-tag=far"))
        .replace("sip:+13125550100@203.0.113.5 SIP", "sip:203.0.113.5:5060 SIP");
    desk.told();
    desk.sent();
    desk.hear(&wanted);
    assert_eq!(desk.said(), ["481 Call/Transaction Does Not Exist"], "another trunk");
    desk.hear_from(STRANGER, &wanted);
    desk.hear_from(PHONE, &wanted.replace("from-tag=far", "from-tag=near"));
    assert_eq!(desk.said(), Vec::<String>::new(), "whoever knows of no call of ours is a stranger");
    desk.hear_from(PHONE, &wanted.replace("z9hG4bKnew", "z9hG4bKagain"));
    let told = desk.told();
    let invited = told.iter().find_map(|notice| match notice {
        Notice::Invited(invitation) => Some((invitation.replaces, invitation.peer.to_string())),
        _ => None,
    });
    assert_eq!(invited, Some((Some(old), "carrier".to_string())), "{told:?}");
}

#[test]
fn a_caller_whose_phone_knows_no_tags_may_be_replaced() {
    let mut desk = Desk::new();
    desk.hear(&invite("old", OFFER).replace(";tag=far", ""));
    let (old, _) = invited(&mut desk);
    desk.sent();
    let tag = tag(&answer(&mut desk, old).pop().expect("the 200"), "To");
    desk.hear(&replacing(&format!("old;to-tag={tag};from-tag=0")));
    assert_eq!(invited(&mut desk).1, Some(old));
}

#[test]
fn nothing_but_a_call_takes_a_place() {
    let mut desk = Desk::new();
    let (_, tag) = desk.talking("old");
    for method in ["BYE", "INFO", "OPTIONS", "UPDATE"] {
        let request = inside(method, "old", 2, &tag, "");
        let value = format!("Replaces: old;to-tag={tag};from-tag=far\r\nMax-Forwards");
        desk.hear(&request.replace("Max-Forwards", &value));
        assert_eq!(desk.said(), ["400 Replaces Outside An INVITE"], "{method}");
    }
    assert_eq!((desk.news(), desk.agent.counts().legs), (Vec::<String>::new(), 1));
}

#[test]
fn it_is_told_that_places_may_be_taken() {
    let mut desk = Desk::new();
    let all = "100rel, timer, replaces";
    let leg = desk.invited("a");
    desk.sent();
    assert_eq!(header(&answer(&mut desk, leg)[0], "Supported"), all);
    desk.hear(&invite("b", "").replace("INVITE", "OPTIONS"));
    assert_eq!(header(&desk.sent()[0], "Supported"), all);
    let (_, invite) = desk.calls();
    assert_eq!(header(&invite, "Supported"), all);
    let (_, tag) = desk.talking("old");
    let value = format!("old;to-tag={tag};from-tag=far\r\nRequire: replaces");
    desk.sent();
    desk.hear(&replacing(&value));
    assert_eq!(desk.said(), ["100 Trying"]);
}
