//! Offers inside a call: hold, resume, and what happens when both sides offer at once.

use sip::{EndedBy, LegId, Notice, Order, Why};

use crate::stage::*;

const HOLD: &str = "v=0\r\no=phone 7 8 IN IP4 192.0.2.10\r\ns=call\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n\
                    m=audio 40000 RTP/AVP 0\r\na=sendonly\r\n";

/// The branch of a request of the trunk, given to its ACK: the ACK of a refusal.
fn ack_of_refusal(cseq: u32, tag: &str) -> String {
    inside("ACK", "a", cseq, tag, "")
        .replace(&format!("z9hG4bKa-ACK-{cseq}"), &format!("z9hG4bKa-INVITE-{cseq}"))
}

fn talking() -> (Desk, LegId, String) {
    let mut desk = Desk::new();
    let (leg, tag) = desk.talking("a");
    desk.sent();
    (desk, leg, tag)
}

#[test]
fn a_caller_puts_us_on_hold_and_is_answered() {
    let (mut desk, leg, tag) = talking();
    let moved =
        inside("INVITE", "a", 2, &tag, HOLD).replace("trunk@192.0.2.10:5060>", "trunk@192.0.2.11:5080>");
    desk.hear(&moved);
    assert_eq!(desk.told(), [Notice::Offered { leg, sdp: Some(HOLD.into()) }]);
    desk.order(Order::AnswerOffer { leg, sdp: ANSWER.into() });
    assert_eq!(desk.said(), ["100 Trying", "200 OK"]);
    desk.hear(&moved);
    assert!(desk.said().is_empty() && desk.told().is_empty(), "a repeated offer is no new one");
    desk.hear(&inside("ACK", "a", 2, &tag, ""));
    desk.pass(seconds(40.0));
    assert!(desk.said().is_empty() && desk.told().is_empty());
    desk.order(Order::HangUp { leg, reason: String::new() });
    let (path, bye) = desk.sent_with_paths().pop().unwrap();
    assert!(bye.starts_with("BYE sip:trunk@192.0.2.11:5080 "), "the new target counts");
    assert_eq!(path.remote, address("192.0.2.11:5080"));
}

#[test]
fn an_offer_that_is_refused_leaves_the_call_as_it_was() {
    let (mut desk, leg, tag) = talking();
    desk.hear(&inside("INVITE", "a", 2, &tag, HOLD));
    desk.order(Order::RefuseOffer { leg });
    assert_eq!(desk.said(), ["100 Trying", "488 Not Acceptable Here"]);
    desk.hear(&ack_of_refusal(2, &tag));
    desk.pass(seconds(60.0));
    assert!(desk.said().is_empty());
    assert_eq!(desk.agent.counts().legs, 1);
    assert_eq!(desk.news(), ["Offered"]);
}

#[test]
fn an_offer_nobody_decides_upon_is_refused_by_itself() {
    let (mut desk, _, tag) = talking();
    desk.hear(&inside("INVITE", "a", 2, &tag, HOLD));
    assert_eq!(desk.agent.poll_deadline().map(|deadline| deadline.why), Some(Why::OfferUndecided));
    desk.pass(seconds(10.1));
    assert_eq!(desk.said(), ["100 Trying", "488 Not Acceptable Here"]);
}

#[test]
fn a_far_end_may_ask_for_our_offer() {
    let (mut desk, leg, tag) = talking();
    desk.hear(&inside("INVITE", "a", 2, &tag, ""));
    assert_eq!(desk.told(), [Notice::Offered { leg, sdp: None }]);
    desk.order(Order::AnswerOffer { leg, sdp: ANSWER.into() });
    desk.hear(&inside("ACK", "a", 2, &tag, OFFER));
    assert_eq!(desk.told(), [Notice::Confirmed { leg, sdp: Some(OFFER.into()) }]);
}

#[test]
fn one_offer_at_a_time() {
    let (mut desk, leg, tag) = talking();
    desk.hear(&inside("INVITE", "a", 2, &tag, HOLD));
    desk.hear(&inside("INVITE", "a", 3, &tag, HOLD));
    let refused = desk.sent().pop().unwrap();
    assert!(refused.starts_with("SIP/2.0 500 ") && !header(&refused, "Retry-After").is_empty());
    desk.order(Order::Offer { leg, sdp: ANSWER.into() });
    assert_eq!(desk.told().last(), Some(&Notice::OfferRefused { leg, status: 491 }));
    desk.order(Order::AnswerOffer { leg, sdp: ANSWER.into() });
    desk.hear(&inside("INVITE", "a", 4, &tag, HOLD));
    assert_eq!(desk.said(), ["200 OK", "491 Request Pending"], "the ACK is still outstanding");
}

#[test]
fn our_offer_is_answered_and_acknowledged() {
    let mut desk = Desk::new();
    let (leg, _) = desk.called();
    desk.order(Order::Offer { leg, sdp: HOLD.into() });
    let offer = desk.sent().pop().unwrap();
    assert!(offer.starts_with("INVITE ") && offer.ends_with(HOLD) && header(&offer, "CSeq") == "2 INVITE");
    desk.hear_from(PHONE, &reply(&offer, 200, "", OFFER));
    desk.hear_from(PHONE, &reply(&offer, 200, "", OFFER));
    assert_eq!(desk.told(), [Notice::OfferAnswered { leg, sdp: OFFER.into() }]);
    let acks = desk.sent();
    assert_eq!((acks.len(), header(&acks[0], "CSeq").as_str(), &acks[0]), (2, "2 ACK", &acks[1]));
    desk.order(Order::HangUp { leg, reason: String::new() });
    assert_eq!(header(&desk.sent()[0], "CSeq"), "3 BYE");
}

#[test]
fn a_far_end_may_think_about_our_offer_but_not_for_ever() {
    let mut desk = Desk::new();
    let (leg, _) = desk.called();
    desk.order(Order::Offer { leg, sdp: HOLD.into() });
    let offer = desk.sent().pop().unwrap();
    for _ in 0..17 {
        desk.hear_from(PHONE, &reply(&offer, 180, "", ""));
        desk.pass(seconds(10.0));
    }
    assert!(desk.said().is_empty() && desk.told().is_empty());
    desk.hear_from(PHONE, &reply(&offer, 180, "", ""));
    desk.pass(seconds(11.0));
    assert_eq!(desk.said()[0], "BYE");
}

#[test]
fn an_offer_of_ours_does_not_outlive_its_call() {
    let mut desk = Desk::new();
    let (leg, _) = desk.called();
    desk.order(Order::Offer { leg, sdp: HOLD.into() });
    let offer = desk.sent().pop().unwrap();
    desk.hear_from(PHONE, &reply(&offer, 100, "", ""));
    desk.order(Order::HangUp { leg, reason: String::new() });
    let bye = desk.sent().pop().unwrap();
    desk.hear_from(PHONE, &reply(&bye, 200, "", ""));
    desk.pass(seconds(32.1));
    assert!(desk.agent.is_over(), "{:?}", desk.agent.counts());
    desk.pass(seconds(32.0));
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn our_offer_that_is_refused_is_told_and_the_call_goes_on() {
    let mut desk = Desk::new();
    let (leg, _) = desk.called();
    desk.order(Order::Offer { leg, sdp: HOLD.into() });
    let offer = desk.sent().pop().unwrap();
    desk.hear_from(PHONE, &reply(&offer, 488, "", ""));
    assert_eq!(desk.said(), ["ACK"]);
    assert_eq!(desk.told(), [Notice::OfferRefused { leg, status: 488 }]);
    assert_eq!(desk.agent.counts().legs, 1);
}

#[test]
fn offers_that_cross_are_made_again_a_little_later() {
    for placed in [true, false] {
        let (mut desk, leg, remote) = if placed {
            let mut desk = Desk::new();
            let (leg, _) = desk.called();
            (desk, leg, PHONE)
        } else {
            let (desk, leg, _) = talking();
            (desk, leg, TRUNK)
        };
        desk.order(Order::Offer { leg, sdp: HOLD.into() });
        let offer = desk.sent().pop().unwrap();
        desk.hear_from(remote, &reply(&offer, 491, "", ""));
        assert_eq!(desk.said(), ["ACK"]);
        desk.pass(seconds(if placed { 2.05 } else { 0.0 }));
        assert_eq!(desk.said().len(), 0, "who made the Call-ID waits at least 2.1 seconds");
        desk.pass(seconds(if placed { 2.0 } else { 2.05 }));
        let again = desk.sent();
        assert!(again[0].starts_with("INVITE ") && again[0].ends_with(HOLD));
        assert_ne!(header(&again[0], "CSeq"), header(&offer, "CSeq"));
        assert!(desk.told().is_empty());
    }
}

#[test]
fn an_offer_that_is_made_again_says_what_is_wanted_by_then() {
    let mut desk = Desk::new();
    let (leg, _) = desk.called();
    desk.order(Order::Offer { leg, sdp: HOLD.into() });
    let offer = desk.sent().pop().unwrap();
    desk.hear_from(PHONE, &reply(&offer, 491, "", ""));
    desk.order(Order::Offer { leg, sdp: ANSWER.into() });
    assert_eq!(desk.said(), ["ACK"], "it is not made at once");
    desk.pass(seconds(4.1));
    let again = desk.sent();
    assert!(again[0].starts_with("INVITE ") && again[0].ends_with(ANSWER), "{again:?}");
    assert!(desk.told().is_empty());
}

#[test]
fn their_offer_that_meets_ours_waits() {
    let (mut desk, leg, tag) = talking();
    desk.order(Order::Offer { leg, sdp: HOLD.into() });
    desk.hear(&inside("INVITE", "a", 2, &tag, HOLD));
    assert_eq!(desk.said(), ["INVITE", "491 Request Pending"]);
    assert!(desk.told().is_empty());
}

#[test]
fn a_far_end_that_lost_the_call_is_hung_up_on() {
    for silent in [false, true] {
        let mut desk = Desk::new();
        let (leg, _) = desk.called();
        desk.order(Order::Offer { leg, sdp: HOLD.into() });
        let offer = desk.sent().pop().unwrap();
        if silent {
            desk.pass(seconds(32.1));
        } else {
            desk.hear_from(PHONE, &reply(&offer, 481, "", ""));
        }
        let bye = desk.sent().pop().unwrap();
        assert!(bye.starts_with("BYE "));
        assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::Error }], "nobody waits for the BYE");
        desk.hear_from(PHONE, &reply(&bye, 481, "", ""));
        assert_eq!(desk.told(), [Notice::Released { leg }]);
    }
}

#[test]
fn a_cancelled_offer_leaves_the_call_as_it_was() {
    let (mut desk, leg, tag) = talking();
    desk.hear(&inside("INVITE", "a", 2, &tag, HOLD));
    let cancel = inside("CANCEL", "a", 2, &tag, "").replace("z9hG4bKa-CANCEL-2", "z9hG4bKa-INVITE-2");
    desk.hear(&cancel);
    assert_eq!(desk.said(), ["100 Trying", "200 OK", "487 Request Terminated"]);
    desk.order(Order::AnswerOffer { leg, sdp: ANSWER.into() });
    assert!(desk.said().is_empty());
    assert_eq!((desk.news(), desk.agent.counts().legs), (vec!["Offered".to_owned()], 1));
}

#[test]
fn requests_out_of_order_are_refused() {
    let (mut desk, _, tag) = talking();
    desk.hear(&inside("INVITE", "a", 5, &tag, HOLD));
    desk.told();
    desk.sent();
    desk.hear(&inside("BYE", "a", 4, &tag, ""));
    assert_eq!(desk.said(), ["500 CSeq Out Of Order"]);
    assert!(desk.told().is_empty());
}

#[test]
fn a_bye_takes_the_open_offer_with_it() {
    let (mut desk, leg, tag) = talking();
    desk.hear(&inside("INVITE", "a", 2, &tag, HOLD));
    desk.sent();
    desk.told();
    desk.hear(&inside("BYE", "a", 3, &tag, ""));
    assert_eq!(desk.said(), ["200 OK", "487 Request Terminated"]);
    assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::FarEnd }, Notice::Released { leg }]);
    desk.pass(seconds(70.0));
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn an_offer_whose_ack_never_comes_ends_the_call() {
    let (mut desk, leg, tag) = talking();
    desk.hear(&inside("INVITE", "a", 2, &tag, HOLD));
    desk.order(Order::AnswerOffer { leg, sdp: ANSWER.into() });
    desk.pass(seconds(33.0));
    assert_eq!(desk.told().last(), Some(&Notice::AckNeverCame { leg }));
    assert_eq!(desk.said().last().map(String::as_str), Some("BYE"));
}
