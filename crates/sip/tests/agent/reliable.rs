//! Callers who require ringing to arrive.

use sip::{EndedBy, LegId, Notice, Order};

use crate::stage::*;

fn strict(call_id: &str, sdp: &str) -> String {
    invite(call_id, sdp).replace("Max-Forwards", "Require: 100rel\r\nMax-Forwards")
}

/// A caller who requires reliability is rung; the leg and the 180.
fn rung(desk: &mut Desk) -> (LegId, String) {
    desk.hear(&strict("c1", OFFER));
    let Some(Notice::Invited(call)) = desk.told().pop() else { panic!("the call came in") };
    desk.order(Order::Ring { leg: call.leg });
    (call.leg, desk.sent().pop().expect("the 180"))
}

fn prack(ringing: &str, cseq: u32, rack: &str) -> String {
    let tag = tag(ringing, "To");
    inside("PRACK", "c1", cseq, &tag, "").replace("Max-Forwards", &format!("RAck: {rack}\r\nMax-Forwards"))
}

fn acknowledges(ringing: &str, cseq: u32) -> String {
    prack(ringing, cseq, &format!("{} 1 INVITE", header(ringing, "RSeq")))
}

#[test]
fn ringing_is_repeated_until_it_is_acknowledged_and_the_call_then_answered() {
    let mut desk = Desk::new();
    let (leg, ringing) = rung(&mut desk);
    assert!(ringing.starts_with("SIP/2.0 180 Ringing\r\n"));
    assert_eq!(header(&ringing, "Require"), "100rel");
    assert!((1..1 << 31).contains(&header(&ringing, "RSeq").parse::<u32>().unwrap()));
    assert_eq!(header(&ringing, "Contact"), "<sip:203.0.113.5:5060>");
    desk.pass(seconds(3.6));
    let again = desk.sent();
    assert_eq!(again, [ringing.clone(), ringing.clone(), ringing.clone()], "at 0.5, 1.5 and 3.5 seconds");
    desk.order(Order::Ring { leg });
    assert!(desk.sent().is_empty(), "one at a time");
    desk.hear(&acknowledges(&ringing, 2));
    assert_eq!(desk.said(), ["200 OK"]);
    desk.hear(&acknowledges(&ringing, 2));
    assert_eq!(desk.said(), ["200 OK"], "our reply was lost");
    desk.pass(seconds(40.0));
    assert!(desk.sent().is_empty() && desk.told().is_empty());
    desk.order(Order::Ring { leg });
    let second = desk.sent().pop().expect("rung again");
    let number = |text: &str| header(text, "RSeq").parse::<u32>().unwrap();
    assert_eq!(number(&second), number(&ringing) + 1);
    desk.hear(&acknowledges(&second, 3));
    desk.sent();
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    let answer = desk.sent().pop().unwrap();
    desk.hear(&inside("ACK", "c1", 1, &tag(&answer, "To"), ""));
    assert_eq!(desk.told(), [Notice::Confirmed { leg, sdp: None }]);
}

#[test]
fn an_answer_does_not_wait_for_the_acknowledgement_of_ringing() {
    let mut desk = Desk::new();
    let (leg, ringing) = rung(&mut desk);
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    assert_eq!(desk.said(), ["200 OK"]);
    desk.hear(&acknowledges(&ringing, 2));
    assert_eq!(desk.said(), ["200 OK"], "that of the PRACK");
    desk.hear(&inside("ACK", "c1", 1, &tag(&ringing, "To"), ""));
    desk.pass(seconds(40.0));
    assert!(desk.sent().is_empty());
    assert_eq!(desk.told(), [Notice::Confirmed { leg, sdp: None }]);
}

#[test]
fn a_caller_who_never_acknowledges_ringing_is_let_go() {
    let mut desk = Desk::new();
    let (leg, _) = rung(&mut desk);
    desk.pass(seconds(32.1));
    assert_eq!(desk.said().last().map(String::as_str), Some("504 Server Time-out"));
    assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::Error }]);
    desk.pass(seconds(100.0));
    assert_eq!(desk.told(), [Notice::Released { leg }]);
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn an_acknowledgement_of_something_else_is_none() {
    let mut desk = Desk::new();
    let (_, ringing) = rung(&mut desk);
    let number = header(&ringing, "RSeq").parse::<u32>().unwrap();
    let racks = [
        (format!("{} 1 INVITE", number + 1), "481 Call/Transaction Does Not Exist"),
        (format!("{number} 2 INVITE"), "481 Call/Transaction Does Not Exist"),
        (format!("{number} 1 UPDATE"), "400 Broken RAck"),
        ("x".to_owned(), "400 Broken RAck"),
        (format!("{number} 1 INVITE x"), "400 Broken RAck"),
    ];
    for (cseq, (rack, said)) in (2..).zip(racks) {
        desk.hear(&prack(&ringing, cseq, &rack));
        assert_eq!(desk.said(), [said], "{rack}");
    }
    desk.pass(seconds(1.0));
    assert_eq!(desk.said(), ["180 Ringing"], "still waiting");
    let (leg, tag) = desk.talking("plain");
    desk.hear(
        &inside("PRACK", "plain", 2, &tag, "").replace("Max-Forwards", "RAck: 1 1 INVITE\r\nMax-Forwards"),
    );
    assert!(
        desk.said().contains(&"481 Call/Transaction Does Not Exist".to_owned()),
        "{leg} required nothing"
    );
}

#[test]
fn a_caller_who_requires_it_and_wants_our_offer_is_not_rung_without_one() {
    let mut desk = Desk::new();
    desk.hear(&strict("c1", ""));
    let Some(Notice::Invited(call)) = desk.told().pop() else { panic!("the call came in") };
    desk.sent();
    desk.order(Order::Ring { leg: call.leg });
    assert!(desk.sent().is_empty());
    desk.order(Order::Answer { leg: call.leg, sdp: ANSWER.into() });
    assert_eq!(desk.said(), ["200 OK"]);
}

#[test]
fn a_cancelled_call_rings_no_more() {
    let mut desk = Desk::new();
    let (leg, _) = rung(&mut desk);
    desk.hear(&strict("c1", "").replace("INVITE", "CANCEL"));
    assert_eq!(desk.said(), ["200 OK", "487 Request Terminated"]);
    assert_eq!(desk.told(), [Notice::Cancelled { leg }]);
    desk.pass(seconds(100.0));
    assert!(!desk.said().contains(&"180 Ringing".to_owned()));
    assert_eq!(desk.agent.counts(), Default::default());
}
