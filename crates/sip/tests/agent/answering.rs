//! Calls that come in.

use std::time::Duration;

use sip::{EndedBy, Notice, Order, Refusal, Why};

use crate::stage::*;

#[test]
fn a_call_is_answered_and_ended_and_leaves_nothing_behind() {
    let mut desk = Desk::new();
    let leg = desk.invited("a");
    desk.order(Order::Ring { leg });
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    let sent = desk.sent();
    let tag = tag(&sent[2], "To");
    assert_eq!(sent.iter().map(|text| &text[8..11]).collect::<Vec<_>>(), ["100", "180", "200"]);
    assert_eq!(header(&sent[2], "Contact"), "<sip:203.0.113.5:5060>");
    assert!(sent[2].ends_with(ANSWER));
    desk.hear(&inside("ACK", "a", 1, &tag, ""));
    assert_eq!(desk.told(), [Notice::Confirmed { leg, sdp: None }]);
    desk.hear(&inside("BYE", "a", 2, &tag, ""));
    assert_eq!(desk.said(), ["200 OK"]);
    assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::FarEnd }, Notice::Released { leg }]);
    assert!(desk.agent.is_over());
    desk.pass(Duration::from_secs(40));
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn what_the_caller_said_is_told_with_the_invitation() {
    let mut desk = Desk::new();
    let extra = "Diversion: <sip:+13125550199@example.com>;reason=no-answer\r\n\
                 P-Asserted-Identity: \"Pat Doe\" <sip:+13125550143@example.com>, <tel:+13125550143>\r\nPrivacy: id\r\nCall-ID: a";
    desk.hear(&invite("a", OFFER).replace("Call-ID: a", extra));
    let Some(Notice::Invited(told)) = desk.told().pop() else { panic!("no invitation") };
    assert_eq!((&*told.peer, told.request_user.as_str()), ("trunk", "+13125550100"));
    assert_eq!((told.from.display.as_str(), told.from.user.as_str()), ("Pat", "+13125550143"));
    assert_eq!((told.to.user.as_str(), told.call_id.as_str()), ("+13125550100", "a"));
    assert_eq!(told.diversion, ["<sip:+13125550199@example.com>;reason=no-answer"]);
    assert_eq!(told.p_asserted_identity.len(), 2);
    assert_eq!((told.privacy.as_deref(), told.offer.as_deref()), (Some("id"), Some(OFFER)));
}

#[test]
fn what_a_caller_offers_anew_before_we_have_answered_is_put_off() {
    let mut desk = Desk::new();
    let leg = desk.invited("a");
    desk.order(Order::Ring { leg });
    let tag = tag(&desk.sent().pop().unwrap(), "To");
    for (cseq, method) in [(2, "UPDATE"), (3, "INVITE")] {
        desk.hear(&inside(method, "a", cseq, &tag, OFFER));
        let reply = desk.sent().pop().unwrap();
        assert!(reply.starts_with("SIP/2.0 500 ") && !header(&reply, "Retry-After").is_empty(), "{reply}");
    }
    assert!(desk.news().is_empty(), "and the call is as it was");
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    assert_eq!(desk.said(), ["200 OK"]);
}

#[test]
fn a_retransmitted_invite_does_not_ring_twice() {
    let mut desk = Desk::new();
    let (again, leg) = (invite("a", OFFER), desk.invited("a"));
    desk.order(Order::Ring { leg });
    desk.sent();
    desk.hear(&again);
    assert_eq!((desk.said(), desk.news()), (vec!["180 Ringing".into()], vec![]));
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    let tag = tag(&desk.sent()[0], "To");
    desk.hear(&again);
    assert!(desk.said().is_empty(), "the 200 is resent by the call, not by the transaction");
    desk.hear(&inside("ACK", "a", 1, &tag, ""));
    desk.hear(&inside("BYE", "a", 2, &tag, ""));
    desk.sent();
    desk.told();
    desk.pass(seconds(31.0));
    desk.hear(&again);
    assert!(desk.said().is_empty() && desk.told().is_empty(), "a late copy of a call that is over");
}

#[test]
fn a_bye_that_is_repeated_gets_its_answer_again() {
    let mut desk = Desk::new();
    let (_, tag) = desk.talking("a");
    for told in [2, 0] {
        desk.hear(&inside("BYE", "a", 2, &tag, ""));
        assert_eq!((desk.said().len(), desk.told().len()), (1, told));
    }
}

#[test]
fn the_200_is_resent_ever_more_slowly_until_the_ack() {
    let mut desk = Desk::new();
    let leg = desk.invited("a");
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    let first = desk.sent().pop().unwrap();
    for pause in [0.5, 1.0, 2.0, 4.0, 4.0] {
        desk.pass(seconds(pause - 0.001));
        assert!(desk.sent().is_empty());
        desk.pass(seconds(0.001));
        assert_eq!(desk.sent(), std::slice::from_ref(&first));
    }
    desk.hear(&inside("ACK", "a", 1, &tag(&first, "To"), ""));
    desk.pass(seconds(60.0));
    assert!(desk.sent().is_empty());
    assert_eq!(desk.news(), ["Confirmed"]);
}

#[test]
fn a_call_whose_ack_never_comes_is_hung_up_after_32_seconds() {
    let mut desk = Desk::new();
    let leg = desk.invited("a");
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    desk.pass(seconds(31.9));
    assert!(desk.told().is_empty());
    desk.sent();
    desk.pass(seconds(0.2));
    assert_eq!(desk.told(), [Notice::AckNeverCame { leg }]);
    let bye = desk.sent().pop().unwrap();
    assert!(bye.starts_with("BYE sip:trunk@192.0.2.10:5060 SIP/2.0\r\n"), "{bye}");
    desk.hear(&reply(&bye, 200, "", ""));
    assert_eq!(desk.told(), [Notice::Released { leg }]);
    assert!(desk.agent.is_over());
}

#[test]
fn a_refusal_is_resent_until_its_ack_and_then_forgotten() {
    let retry_after = Some(Duration::from_secs(30));
    for (refusal, line) in [
        (Refusal::Busy, "486 Busy Here"),
        (Refusal::NotAcceptable, "488 Not Acceptable Here"),
        (Refusal::NotFound, "404 Not Found"),
        (Refusal::Forbidden, "403 Forbidden"),
        (Refusal::Declined, "603 Decline"),
        (Refusal::Unwanted, "607 Unwanted"),
        (Refusal::Unavailable { retry_after }, "503 Service Unavailable"),
    ] {
        let mut desk = Desk::new();
        let leg = desk.invited("a");
        desk.sent();
        let retries = matches!(refusal, Refusal::Unavailable { .. });
        desk.order(Order::Refuse { leg, refusal });
        assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::Us }]);
        let sent = desk.sent();
        assert!(sent[0].starts_with(&format!("SIP/2.0 {line}\r\n")));
        assert_eq!(header(&sent[0], "Retry-After"), if retries { "30" } else { "" });
        desk.pass(seconds(1.6));
        assert_eq!(desk.sent().len(), 2, "at 0.5 and 1.5 seconds");
        let ack = inside("ACK", "a", 1, &tag(&sent[0], "To"), "").replace("z9hG4bKa-ACK-1", "z9hG4bKa");
        desk.hear(&ack);
        assert_eq!(desk.told(), [Notice::Released { leg }]);
        assert!(desk.agent.is_over());
        desk.pass(seconds(33.0));
        assert!(desk.sent().is_empty());
        assert_eq!(desk.agent.counts(), Default::default());
    }
}

#[test]
fn a_refusal_without_ack_ends_by_itself() {
    let mut desk = Desk::new();
    let leg = desk.invited("a");
    desk.order(Order::Refuse { leg, refusal: Refusal::Busy });
    desk.pass(seconds(32.1));
    assert_eq!(desk.news(), ["Ended", "Released"]);
    assert!(desk.agent.is_over());
    desk.pass(seconds(32.1));
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn a_caller_who_gives_up_gets_487_and_the_call_is_gone() {
    let mut desk = Desk::new();
    let leg = desk.invited("a");
    desk.order(Order::Ring { leg });
    let our_tag = tag(&desk.sent()[1], "To");
    let cancel = invite("a", "").replace("INVITE", "CANCEL");
    desk.hear(&cancel);
    let sent = desk.sent();
    assert!(sent[0].starts_with("SIP/2.0 200") && header(&sent[0], "CSeq") == "1 CANCEL");
    assert!(sent[1].starts_with("SIP/2.0 487") && header(&sent[1], "CSeq") == "1 INVITE");
    assert_eq!([tag(&sent[0], "To"), tag(&sent[1], "To")], [our_tag.clone(), our_tag.clone()]);
    assert_eq!(desk.told(), [Notice::Cancelled { leg }]);
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    assert!(desk.sent().is_empty(), "too late to answer");
    desk.hear(&inside("ACK", "a", 1, &our_tag, "").replace("z9hG4bKa-ACK-1", "z9hG4bKa"));
    assert_eq!(desk.told(), [Notice::Released { leg }]);
}

#[test]
fn a_cancel_that_comes_too_late_or_for_nothing_changes_nothing() {
    let mut desk = Desk::new();
    let (_, _) = desk.talking("a");
    desk.hear(&invite("a", "").replace("INVITE", "CANCEL"));
    desk.hear(&invite("unknown", "").replace("INVITE", "CANCEL"));
    assert_eq!(desk.said(), ["200 OK", "481 Call/Transaction Does Not Exist"]);
    assert!(desk.told().is_empty());
    assert_eq!(desk.agent.counts().legs, 1);
}

#[test]
fn a_call_that_arrives_by_two_ways_rings_once() {
    let mut desk = Desk::new();
    desk.invited("a");
    desk.sent();
    desk.hear(&invite("a", OFFER).replace("z9hG4bKa", "z9hG4bKother"));
    assert_eq!((desk.said(), desk.news()), (vec!["482 Loop Detected".into()], vec![]));
}

#[test]
fn strangers_get_no_answer_no_state_and_one_line_a_minute() {
    let mut desk = Desk::new();
    for _ in 0..100 {
        desk.hear_from(STRANGER, &invite("a", OFFER));
        desk.hear_from(STRANGER, "OPTIONS sip:x SIP/2.0\r\n\r\n");
        desk.hear_from(STRANGER, "nonsense");
    }
    assert!(desk.sent().is_empty());
    let source = address(STRANGER);
    assert_eq!(desk.told(), [Notice::Stranger { source, packets: 1 }]);
    let counts = desk.agent.counts();
    assert_eq!((counts.legs, counts.transactions, counts.tombstones, counts.strangers), (0, 0, 0, 1));
    desk.pass(seconds(61.0));
    assert_eq!(desk.told(), [Notice::Stranger { source, packets: 300 }]);
    assert_eq!(desk.agent.counts().timers, 0);
}

#[test]
fn ten_thousand_strangers_are_not_remembered() {
    let mut desk = Desk::new();
    for number in 0..10_000u32 {
        desk.hear_from(&format!("100.64.{}.{}:5060", number / 256, number % 256), "x");
    }
    assert_eq!(desk.told().len(), 64);
    assert_eq!(desk.agent.counts().strangers, 64);
    assert_eq!(desk.agent.counts().strange_packets, 10_000);
}

#[test]
fn right_ids_from_a_wrong_source_end_no_call() {
    let mut desk = Desk::new();
    let (_, tag) = desk.talking("a");
    let bye = inside("BYE", "a", 2, &tag, "");
    desk.hear_from(STRANGER, &bye);
    assert!(desk.said().is_empty());
    desk.hear_from("198.51.100.200:5060", &bye);
    assert_eq!(desk.said(), ["481 Call/Transaction Does Not Exist"]);
    desk.hear_from("192.0.2.77:5060", &bye);
    assert_eq!(desk.said(), ["200 OK"], "another address of the same trunk");
}

#[test]
fn a_request_for_a_dead_dialog_opens_no_call() {
    let mut desk = Desk::new();
    let (_, tag) = desk.talking("a");
    desk.hear(&inside("BYE", "a", 2, &tag, ""));
    desk.told();
    desk.sent();
    for method in ["INVITE", "BYE", "INFO"] {
        desk.hear(&inside(method, "a", 3, &tag, ""));
        assert_eq!(desk.said(), ["481 Call/Transaction Does Not Exist"], "{method}");
    }
    desk.hear(&inside("ACK", "a", 3, &tag, ""));
    assert!(desk.said().is_empty() && desk.told().is_empty());
}

#[test]
fn a_tag_inside_the_uri_does_not_make_a_dialog() {
    for to in ["<sip:+13125550100@203.0.113.5;tag=1>", "<sip:+13125550100@203.0.113.5>;mytag=1"] {
        let mut desk = Desk::new();
        desk.hear(&invite("a", OFFER).replace("<sip:+13125550100@203.0.113.5>", to));
        assert_eq!(desk.news(), ["Invited"], "{to}");
    }
}

#[test]
fn an_invitation_without_an_offer_gets_ours_and_its_answer_is_told() {
    let mut desk = Desk::new();
    desk.hear(&invite("a", ""));
    let Some(Notice::Invited(invitation)) = desk.told().pop() else { panic!("no invitation") };
    assert_eq!(invitation.offer, None);
    let leg = invitation.leg;
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    let tag = tag(&desk.sent()[1], "To");
    desk.hear(&inside("ACK", "a", 1, &tag, OFFER));
    assert_eq!(desk.told(), [Notice::Confirmed { leg, sdp: Some(OFFER.into()) }]);
}

#[test]
fn a_caller_may_leave_by_bye_before_the_answer() {
    let mut desk = Desk::new();
    let leg = desk.invited("a");
    desk.order(Order::Ring { leg });
    let tag = tag(&desk.sent()[1], "To");
    desk.hear(&inside("BYE", "a", 2, &tag, ""));
    assert_eq!(desk.said(), ["200 OK", "487 Request Terminated"]);
    assert_eq!(desk.told(), [Notice::Cancelled { leg }]);
}

#[test]
fn hanging_up_waits_for_the_ack() {
    let mut desk = Desk::new();
    let leg = desk.invited("a");
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    let our_tag = tag(&desk.sent()[1], "To");
    desk.order(Order::HangUp { leg, reason: "done".into() });
    assert!(desk.sent().is_empty());
    desk.hear(&inside("ACK", "a", 1, &our_tag, ""));
    let bye = desk.sent().pop().unwrap();
    assert!(bye.starts_with("BYE ") && header(&bye, "Reason") == "Q.850;cause=16;text=\"done\"");
    desk.hear(&reply(&bye, 200, "", ""));
    assert_eq!(desk.news(), ["Confirmed", "Ended", "Released"]);
}

#[test]
fn a_bye_of_ours_that_is_lost_ends_the_call_all_the_same() {
    let mut desk = Desk::new();
    let (leg, _) = desk.talking("a");
    desk.order(Order::HangUp { leg, reason: String::new() });
    desk.pass(seconds(33.0));
    assert_eq!(desk.said().len(), 11, "one BYE and ten more");
    assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::Us }, Notice::Released { leg }]);
    assert!(desk.agent.is_over());
}

#[test]
fn both_sides_may_hang_up_at_once() {
    let mut desk = Desk::new();
    let (leg, tag) = desk.talking("a");
    desk.order(Order::HangUp { leg, reason: String::new() });
    let bye = desk.sent().pop().unwrap();
    desk.hear(&inside("BYE", "a", 2, &tag, ""));
    desk.hear(&reply(&bye, 481, "", ""));
    assert_eq!(desk.said(), ["200 OK"]);
    assert_eq!(desk.news(), ["Ended", "Released"]);
    assert!(desk.agent.is_over());
}

#[test]
fn a_caller_nobody_decides_about_hears_ringing_for_ten_minutes_and_no_longer() {
    let mut desk = Desk::new();
    let leg = desk.invited("a");
    desk.order(Order::Ring { leg });
    assert_eq!(desk.agent.poll_deadline().map(|deadline| deadline.why), Some(Why::KeepRinging));
    desk.sent();
    desk.pass(seconds(599.0));
    assert_eq!(desk.said(), vec!["180 Ringing"; 9]);
    desk.pass(seconds(2.0));
    assert_eq!(desk.said()[0], "480 Temporarily Unavailable");
    assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::Limit }]);
}

#[test]
fn a_call_whose_end_got_lost_is_ended_by_the_longest_call() {
    let mut desk = Desk::new();
    let (leg, _) = desk.talking("a");
    desk.pass(seconds(5.0 * 3600.0 + 33.0));
    assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::Limit }, Notice::Released { leg }]);
    assert!(desk.agent.is_over());
}

#[test]
fn a_desk_that_closes_sends_new_calls_elsewhere_and_keeps_the_old_ones() {
    let mut desk = Desk::new();
    let (_, tag) = desk.talking("a");
    desk.order(Order::StopAccepting);
    desk.hear(&invite("b", OFFER));
    desk.hear(&invite("b", "").replace("INVITE", "OPTIONS"));
    let sent = desk.sent();
    for refusal in &sent {
        assert!(refusal.starts_with("SIP/2.0 503 "));
        assert_eq!(
            header(refusal, "Retry-After"),
            "",
            "the carrier goes on to its next route, and asks us again"
        );
    }
    desk.hear(&inside("BYE", "a", 2, &tag, ""));
    assert_eq!((sent.len(), desk.said()), (2, vec!["200 OK".to_owned()]));
}

#[test]
fn a_call_too_many_is_shed_without_any_state() {
    let mut setup = setup();
    setup.limits.legs = 1;
    let mut desk = Desk::with(setup);
    desk.invited("a");
    let before = desk.agent.counts();
    desk.sent();
    desk.hear(&invite("b", OFFER));
    let once = desk.sent();
    assert!(once[0].starts_with("SIP/2.0 503 "));
    assert_eq!(header(&once[0], "Retry-After"), "2");
    desk.hear(&invite("b", OFFER));
    assert_eq!(desk.sent(), once, "the same answer with the same tag");
    assert_eq!((desk.agent.counts(), desk.told().len()), (before, 0));
}

#[test]
fn in_a_crowd_new_calls_are_shed_without_any_state_and_calls_that_are_up_go_on() {
    let mut desk = Desk::new();
    let (_, tag) = desk.talking("a");
    let path = sip::Path::udp(address(HERE), address(TRUNK));
    let crowded = |text: String| sip::Event::Crowded { path, bytes: text.into() };
    let before = desk.agent.counts();
    desk.happens(crowded(invite("b", OFFER)));
    let sent = desk.sent();
    assert!(sent[0].starts_with("SIP/2.0 503 "), "{sent:?}");
    assert_eq!(header(&sent[0], "Retry-After"), "2");
    assert_eq!((desk.agent.counts(), desk.told().len()), (before, 0));
    desk.happens(crowded(inside("BYE", "a", 2, &tag, "")));
    assert_eq!(desk.said(), ["200 OK"]);
    desk.hear(&invite("b", OFFER));
    assert_eq!(desk.news().last().map(String::as_str), Some("Invited"), "once there is room again");
}

#[test]
fn a_trunk_that_calls_without_end_leaves_the_other_its_share() {
    let mut setup = setup();
    // Two trunks: half of the legs each, and ten new calls a second.
    (setup.limits.legs, setup.limits.transactions) = (400, 2 * 10 * 96);
    let mut desk = Desk::with(setup);
    let calls = |desk: &mut Desk, from: &str, name: &str, count: usize| {
        let before = desk.agent.counts().legs;
        (0..count).for_each(|nth| desk.hear_from(from, &invite(&format!("{name}-{nth}"), OFFER)));
        desk.agent.counts().legs - before
    };
    assert_eq!(calls(&mut desk, TRUNK, "a", 500), 32, "as many as may come at once");
    desk.pass(seconds(1.0));
    assert_eq!(calls(&mut desk, TRUNK, "b", 500), 10, "then ten a second");
    let refusal = desk.sent().pop().unwrap();
    assert_eq!(header(&refusal, "Retry-After"), "2", "{refusal}");
    desk.pass(seconds(30.0));
    let mut taken = 42;
    for second in 0..30 {
        taken += calls(&mut desk, TRUNK, &format!("c{second}"), 500);
        desk.pass(seconds(1.0));
    }
    assert_eq!(taken, 200, "half of all legs");
    assert_eq!(calls(&mut desk, "198.51.100.130:5060", "other", 20), 20, "the other has its own");
}

#[test]
fn replies_take_the_way_back_that_the_request_came() {
    let mut desk = Desk::new();
    let behind_router = invite("a", OFFER).replace("192.0.2.10:5060;branch", "10.0.0.8:5060;branch").replace(
        "Max-Forwards",
        "Via: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKfirst\r\nRecord-Route: <sip:192.0.2.10;lr>\r\nMax-Forwards",
    );
    desk.hear_from("192.0.2.10:31000", &behind_router);
    let leg = desk.agent.counts().legs as u64;
    desk.order(Order::Ring { leg: sip::LegId(leg) });
    for (path, text) in desk.sent_with_paths() {
        assert_eq!(path.remote, address("192.0.2.10:31000"));
        assert_eq!(
            header(&text, "Via"),
            "SIP/2.0/UDP 10.0.0.8:5060;branch=z9hG4bKa;received=192.0.2.10;rport=31000"
        );
        assert!(text.contains("\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKfirst\r\n"));
        assert_eq!(text.contains("Record-Route: <sip:192.0.2.10;lr>\r\n"), text.contains(" 180 "));
    }
    let plain =
        invite("b", OFFER).replace(";rport", "").replace("192.0.2.10:5060;branch", "192.0.2.10:5099;branch");
    desk.hear_from("192.0.2.10:31000", &plain);
    assert_eq!(desk.sent_with_paths()[0].0.remote, address("192.0.2.10:5099"));
}

#[test]
fn our_bye_follows_the_route_the_call_came_by() {
    for (route, uri, routes, hop) in [
        (
            "<sip:192.0.2.99:5070;lr>",
            "sip:trunk@192.0.2.10:5060",
            "<sip:192.0.2.99:5070;lr>",
            "192.0.2.99:5070",
        ),
        ("<sip:192.0.2.99:5070>", "sip:192.0.2.99:5070", "<sip:trunk@192.0.2.10:5060>", "192.0.2.99:5070"),
        ("<sip:edge.example.com;lr>", "sip:trunk@192.0.2.10:5060", "<sip:edge.example.com;lr>", TRUNK),
        ("<sip:10.1.1.1;lr>", "sip:trunk@192.0.2.10:5060", "<sip:10.1.1.1;lr>", TRUNK),
        ("<sip:239.1.1.1;lr>", "sip:trunk@192.0.2.10:5060", "<sip:239.1.1.1;lr>", TRUNK),
    ] {
        let mut desk = Desk::new();
        desk.hear(
            &invite("a", OFFER).replace("Max-Forwards", &format!("Record-Route: {route}\r\nMax-Forwards")),
        );
        let leg = sip::LegId(1);
        desk.order(Order::Answer { leg, sdp: ANSWER.into() });
        let tag = tag(&desk.sent()[1], "To");
        desk.hear(&inside("ACK", "a", 1, &tag, ""));
        desk.order(Order::HangUp { leg, reason: String::new() });
        let (path, bye) = desk.sent_with_paths().pop().unwrap();
        assert!(bye.starts_with(&format!("BYE {uri} SIP/2.0\r\n")), "{bye}");
        assert_eq!((header(&bye, "Route").as_str(), path.remote), (routes, address(hop)), "{route}");
        assert!(header(&bye, "Via").starts_with("SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK"));
    }
}

#[test]
fn nobody_is_told_to_call_back_at_a_wildcard_address() {
    let mut desk = Desk::new();
    let path = sip::Path::udp(address("0.0.0.0:5060"), address(TRUNK));
    desk.agent.handle(sip::Event::Received { path, bytes: invite("a", OFFER).into() }, desk.now);
    desk.pass(seconds(0.0));
    desk.hear("\r\n");
    assert_eq!(desk.said(), ["503 Service Unavailable"]);
}

#[test]
fn behind_a_router_we_are_called_back_at_its_address() {
    let public = "198.51.100.200:5062";
    let advertised = vec![(address(HERE), address(public))];
    let mut desk = Desk::with(sip::Setup { advertised, ..setup() });
    let leg = desk.invited("a");
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    let answer = desk.sent().pop().unwrap();
    assert_eq!(header(&answer, "Contact"), format!("<sip:{public}>"));
    desk.hear(&inside("ACK", "a", 1, &tag(&answer, "To"), ""));
    desk.order(Order::Offer { leg, sdp: ANSWER.into() });
    desk.order(Order::HangUp { leg, reason: String::new() });
    desk.order(Order::Call(Box::new(call(sip::LegId::placed(1)))));
    for text in desk.sent() {
        let via = header(&text, "Via");
        assert!(via.starts_with(&format!("SIP/2.0/UDP {public};branch=")), "{text}");
        if text.starts_with("INVITE") {
            assert_eq!(header(&text, "Contact"), format!("<sip:{public}>"));
        }
    }
}

#[test]
fn keys_pressed_are_told_once_each() {
    let mut desk = Desk::new();
    let (leg, tag) = desk.talking("a");
    for (cseq, kind, body, digit) in [
        (2, "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", Some('5')),
        (3, "application/dtmf-relay", "Signal= 10\r\n", Some('*')),
        (4, "application/dtmf", "#", Some('#')),
        (5, "application/dtmf", "12", None),
        (6, "text/plain", "5", None),
    ] {
        let request = inside("INFO", "a", cseq, &tag, "");
        let request = request.replace("\r\n\r\n", &format!("\r\nContent-Type: {kind}\r\n\r\n{body}"));
        desk.hear(&request);
        desk.hear(&request);
        let status = if digit.is_some() { "200 OK" } else { "415 Unsupported Media Type" };
        assert_eq!(desk.said(), [status; 2], "{kind} {body}");
        let told: Vec<_> = digit.into_iter().map(|digit| Notice::Digit { leg, digit }).collect();
        assert_eq!(desk.told(), told);
    }
}

#[test]
fn options_are_answered_as_long_as_we_live_and_cost_nothing() {
    let mut desk = Desk::new();
    let options = invite("a", "").replace("INVITE", "OPTIONS");
    for _ in 0..50 {
        desk.hear(&options);
    }
    let sent = desk.sent();
    assert!(sent.iter().all(|reply| reply == &sent[0]));
    assert!(sent[0].starts_with("SIP/2.0 200 OK\r\n") && !tag(&sent[0], "To").is_empty());
    assert_eq!(
        header(&sent[0], "Allow"),
        "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, UPDATE, NOTIFY, REFER"
    );
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn options_within_a_call_keep_the_order_of_its_requests() {
    let mut desk = Desk::new();
    let (_, tag) = desk.talking("a");
    let asked = inside("OPTIONS", "a", 4, &tag, "");
    desk.hear(&asked);
    desk.hear(&asked);
    let sent = desk.sent();
    assert!(sent[0].starts_with("SIP/2.0 200 OK\r\n") && sent[0] == sent[1], "repeated: {}", sent[1]);
    assert!(header(&sent[0], "Allow").contains("OPTIONS"));
    desk.hear(&inside("OPTIONS", "a", 3, &tag, ""));
    assert_eq!(desk.said(), ["500 CSeq Out Of Order"]);
    desk.order(Order::StopAccepting);
    desk.hear(&inside("OPTIONS", "a", 5, &tag, ""));
    assert_eq!(desk.said(), ["200 OK"], "a call that is up is served to its end");
    desk.hear(&inside("BYE", "a", 4, &tag, ""));
    assert_eq!(desk.said(), ["500 CSeq Out Of Order"], "what was asked counts among the requests");
    desk.hear(&inside("BYE", "a", 6, &tag, ""));
    assert_eq!(desk.said(), ["200 OK"]);
    desk.hear(&inside("OPTIONS", "a", 7, &tag, ""));
    assert_eq!(desk.said(), ["481 Call/Transaction Does Not Exist"], "a call that is over does not live on");
}

#[test]
fn a_trunk_that_was_taken_out_keeps_its_calls_and_gets_no_new_ones() {
    let mut desk = Desk::new();
    let (_, tag) = desk.talking("a");
    desk.order(Order::ReplacePeers(Vec::new()));
    desk.hear(&invite("b", OFFER));
    assert_eq!((desk.said(), desk.news()), (vec![], vec!["Stranger".to_owned()]));
    desk.hear(&inside("BYE", "a", 2, &tag, ""));
    assert_eq!(desk.said(), ["200 OK"]);
    desk.hear(&inside("BYE", "a", 2, &tag, ""));
    assert_eq!(desk.said(), ["200 OK"], "repeated, after the call is gone");
}

#[test]
fn no_order_can_write_a_header_of_its_own() {
    let mut desk = Desk::new();
    let (leg, _) = desk.talking("a");
    desk.order(Order::HangUp { leg, reason: "x\"\r\nX-Evil: 1\r\n\r\nBYE".into() });
    let bye = desk.sent().pop().unwrap();
    assert!(!bye.contains("\nX-Evil") && bye.matches("\r\n\r\n").count() == 1, "{bye}");
}

#[test]
fn a_caller_of_the_older_standard_is_served_too() {
    let mut desk = Desk::new();
    let old = |text: String| text.replace(";branch=z9hG4bKa", "").replace(";branch=z9hG4bKa-ACK-1", "");
    desk.hear(&old(invite("a", OFFER)));
    desk.hear(&old(invite("a", OFFER)));
    assert_eq!(desk.news(), ["Invited"]);
    desk.order(Order::Refuse { leg: sip::LegId(1), refusal: Refusal::Busy });
    let our_tag = tag(desk.sent().last().unwrap(), "To");
    let ack = invite("a", "")
        .replace("INVITE", "ACK")
        .replace("203.0.113.5>\r\n", &format!("203.0.113.5>;tag={our_tag}\r\n"));
    desk.hear(&old(ack));
    assert_eq!(desk.news(), ["Ended", "Released"]);
}

#[test]
fn a_caller_of_the_older_standard_need_not_say_where_it_is_reached() {
    let bare = |text: String| text.replace("Contact:", "X-Contact:");
    let old = |text: String| text.replace(";branch=z9hG4bKa-ACK-1", "").replace(";branch=z9hG4bKa", "");
    let mut desk = Desk::new();
    desk.hear(&bare(invite("a", OFFER)));
    assert_eq!(desk.said(), ["400 Broken Contact"]);
    desk.hear(&old(bare(invite("a", OFFER))));
    let leg = sip::LegId(1);
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    let our_tag = tag(desk.sent().last().unwrap(), "To");
    desk.hear(&old(inside("ACK", "a", 1, &our_tag, "")));
    desk.order(Order::HangUp { leg, reason: String::new() });
    let (path, bye) = desk.sent_with_paths().pop().unwrap();
    assert!(bye.starts_with("BYE sip:+13125550143@192.0.2.10 "), "who it is: {bye}");
    assert_eq!(path.remote, address(TRUNK));
}

#[test]
fn two_senders_that_chose_one_branch_are_told_apart() {
    let mut desk = Desk::new();
    let other = invite("b", OFFER)
        .replace("branch=z9hG4bKb", "branch=z9hG4bKa")
        .replace("192.0.2.10:5060;branch", "192.0.2.11:5060;branch");
    desk.hear(&invite("a", OFFER));
    desk.hear_from("192.0.2.11:5060", &other);
    assert_eq!(desk.news(), ["Invited", "Invited"]);
    desk.hear_from("192.0.2.11:5060", &other.replace("INVITE", "CANCEL"));
    assert_eq!(desk.told(), [Notice::Cancelled { leg: sip::LegId(2) }], "the call of the one who cancelled");
}

#[test]
fn a_key_pressed_before_the_answer_does_not_lose_its_ack() {
    let mut desk = Desk::new();
    let leg = desk.invited("c1");
    desk.order(Order::Ring { leg });
    let tag = tag(&desk.sent().pop().unwrap(), "To");
    desk.hear(&inside("INFO", "c1", 2, &tag, ""));
    assert_eq!(desk.said(), ["200 OK"]);
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    desk.hear(&inside("ACK", "c1", 1, &tag, ""));
    assert_eq!(desk.told(), [Notice::Confirmed { leg, sdp: None }]);
}

#[test]
fn a_key_pressed_while_an_offer_is_decided_does_not_lose_its_ack() {
    let mut desk = Desk::new();
    let (leg, tag) = desk.talking("c1");
    desk.hear(&inside("INVITE", "c1", 2, &tag, OFFER));
    desk.hear(&inside("INFO", "c1", 3, &tag, ""));
    desk.order(Order::AnswerOffer { leg, sdp: ANSWER.into() });
    desk.sent();
    desk.hear(&inside("ACK", "c1", 2, &tag, ""));
    desk.pass(seconds(33.0));
    assert!(desk.said().is_empty(), "the answer was acknowledged, and nobody hung up");
}
