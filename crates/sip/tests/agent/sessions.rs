//! Session timers, and UPDATE.

use std::time::Duration;

use sip::{EndedBy, LegId, Notice, Order};

use crate::stage::*;

fn with(text: &str, lines: &[&str]) -> String {
    text.replacen("Max-Forwards", &format!("{}\r\nMax-Forwards", lines.join("\r\n")), 1)
}

/// The trunk calls with these headers and is answered; the leg, our tag and our 200.
fn talking(desk: &mut Desk, lines: &[&str]) -> (LegId, String, String) {
    desk.hear(&with(&invite("c1", OFFER), lines));
    let Some(Notice::Invited(call)) = desk.told().pop() else { panic!("the call came in") };
    desk.order(Order::Answer { leg: call.leg, sdp: ANSWER.into() });
    let answer = desk.sent().pop().expect("the 200");
    let tag = tag(&answer, "To");
    desk.hear(&inside("ACK", "c1", 1, &tag, ""));
    desk.told();
    (call.leg, tag, answer)
}

/// A reply of the trunk, which wants to be reached where it is.
fn trunk_replies(request: &str, status: u16, lines: &[&str], sdp: &str) -> String {
    let there = format!(
        "{}Contact: <sip:trunk@192.0.2.10:5060>",
        lines.iter().map(|line| format!("{line}\r\n")).collect::<String>()
    );
    reply(request, status, "", sdp).replace("Contact: <sip:dana@198.51.100.20:5062>", &there)
}

/// What we say within this time, with when.
fn says(desk: &mut Desk, within: f64) -> Vec<(f64, String)> {
    let (begin, mut said) = (desk.now, Vec::new());
    while desk.now < begin + seconds(within) {
        desk.pass(Duration::from_millis(500));
        said.extend(desk.sent().into_iter().map(|text| ((desk.now - begin).as_secs_f64(), text)));
    }
    said
}

/// The table of RFC 4028 section 9: what the caller says, what we agree to, and when what is heard of us.
#[test]
fn the_timer_a_caller_asks_for_is_agreed_to() {
    for (lines, agreed, required, first, at) in [
        (vec!["Supported: timer", "Session-Expires: 180"], "180;refresher=uac", "timer", "BYE", 148.0),
        (
            vec!["Supported: 100rel, timer", "x: 180;refresher=uac"],
            "180;refresher=uac",
            "timer",
            "BYE",
            148.0,
        ),
        (
            vec!["Supported: timer", "Session-Expires: 180;refresher=uas"],
            "180;refresher=uas",
            "",
            "INVITE",
            90.0,
        ),
        (vec!["Session-Expires: 180"], "180;refresher=uas", "", "INVITE", 90.0),
        (vec!["Session-Expires: 180", "Allow: INVITE, UPDATE"], "180;refresher=uas", "", "UPDATE", 90.0),
        (vec!["Require: timer", "Session-Expires: 90"], "90;refresher=uac", "timer", "BYE", 60.0),
        (vec!["Supported: timer"], "", "", "", 0.0),
        (vec!["Session-Expires: 20"], "", "", "", 0.0),
        (vec!["Supported: timer", "Session-Expires: many"], "", "", "", 0.0),
    ] {
        let mut desk = Desk::new();
        let (_, _, answer) = talking(&mut desk, &lines);
        assert_eq!(header(&answer, "Session-Expires"), agreed, "{lines:?}");
        assert_eq!(header(&answer, "Require"), required, "{lines:?}");
        let said = says(&mut desk, 170.0);
        let heard = said.first().map(|(when, text)| (text.split(' ').next().unwrap_or("").to_owned(), *when));
        assert_eq!(heard, (!first.is_empty()).then(|| (first.to_owned(), at)), "{lines:?}");
    }
}

#[test]
fn an_interval_that_is_too_short_is_refused_with_ours() {
    let short = ["Supported: timer", "Session-Expires: 89"];
    let mut desk = Desk::new();
    desk.hear(&with(&invite("c1", OFFER), &short));
    let refusal = desk.sent().pop().unwrap();
    assert!(refusal.starts_with("SIP/2.0 422 Session Interval Too Small\r\n"));
    assert_eq!(header(&refusal, "Min-SE"), "90");
    assert!(desk.told().is_empty() && desk.agent.is_over());
    let (_, tag) = desk.talking("c2");
    desk.sent();
    for (cseq, sdp) in [(2, ""), (3, OFFER)] {
        desk.hear(&with(&inside("UPDATE", "c2", cseq, &tag, sdp), &short));
        assert_eq!(header(&desk.sent().pop().unwrap(), "Min-SE"), "90");
    }
    desk.hear(&with(&inside("INVITE", "c2", 4, &tag, OFFER), &short));
    assert_eq!(desk.said(), ["422 Session Interval Too Small"]);
    assert!(desk.told().is_empty());
}

#[test]
fn a_caller_who_keeps_its_word_keeps_the_call_and_one_who_vanishes_loses_it() {
    let mut desk = Desk::new();
    let timer = ["Supported: timer", "Session-Expires: 180;refresher=uac"];
    let (leg, tag, _) = talking(&mut desk, &timer);
    for round in 0..5 {
        desk.pass(seconds(90.0));
        let (method, sdp) = if round % 2 == 0 { ("UPDATE", "") } else { ("INVITE", OFFER) };
        desk.hear(&with(&inside(method, "c1", 2 + round, &tag, sdp), &timer));
        if round % 2 == 1 {
            assert_eq!(desk.told(), [Notice::Offered { leg, sdp: Some(OFFER.into()) }]);
            desk.order(Order::AnswerOffer { leg, sdp: ANSWER.into() });
        }
        let reply = desk.sent().pop().unwrap();
        assert!(reply.starts_with("SIP/2.0 200 OK\r\n"));
        assert_eq!(header(&reply, "Session-Expires"), "180;refresher=uac");
        assert_eq!(header(&reply, "Require"), "timer");
        desk.hear(&inside("ACK", "c1", 2 + round, &tag, ""));
    }
    assert!(desk.told().is_empty());
    desk.pass(seconds(147.0));
    assert!(desk.sent().is_empty());
    desk.pass(seconds(1.1));
    assert_eq!(desk.said(), ["BYE"]);
    assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::Error }]);
    desk.pass(seconds(70.0));
    assert_eq!(desk.told(), [Notice::Released { leg }]);
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn a_caller_who_no_longer_asks_for_a_timer_has_none() {
    let mut desk = Desk::new();
    let (_, tag, _) = talking(&mut desk, &["Supported: timer", "Session-Expires: 180;refresher=uas"]);
    desk.hear(&inside("UPDATE", "c1", 2, &tag, ""));
    assert_eq!(header(&desk.sent().pop().unwrap(), "Session-Expires"), "");
    desk.pass(seconds(3_600.0));
    assert!(desk.sent().is_empty());
}

#[test]
fn we_repeat_our_word_by_update_or_by_what_we_said_last() {
    for updates in [true, false] {
        let mut desk = Desk::new();
        let allow = if updates { "Allow: INVITE, UPDATE" } else { "Allow: INVITE" };
        let (leg, _, _) =
            talking(&mut desk, &["Supported: timer", "Session-Expires: 180;refresher=uas", allow]);
        for round in 0..3 {
            desk.pass(seconds(90.0));
            let refresh = desk.sent().pop().expect("a refresh");
            assert_eq!(
                header(&refresh, "Session-Expires"),
                "180;refresher=uac",
                "now we are the asking side"
            );
            assert_eq!(
                header(&refresh, "CSeq"),
                format!("{} {}", round + 1, if updates { "UPDATE" } else { "INVITE" })
            );
            assert_eq!(
                (refresh.ends_with(ANSWER), header(&refresh, "Supported").as_str()),
                (!updates, "timer")
            );
            let sdp = if updates { "" } else { OFFER };
            desk.hear(&trunk_replies(&refresh, 200, &["Session-Expires: 180;refresher=uac"], sdp));
            assert_eq!(desk.said(), if updates { vec![] } else { vec!["ACK".to_owned()] });
        }
        let answered = Notice::OfferAnswered { leg, sdp: OFFER.into() };
        assert_eq!(desk.told(), if updates { vec![] } else { vec![answered; 3] });
    }
}

#[test]
fn a_refresh_that_is_refused_for_the_moment_is_tried_again_and_one_nobody_knows_ends_the_call() {
    let timer = ["Session-Expires: 180;refresher=uas", "Allow: INVITE, UPDATE"];
    let mut desk = Desk::new();
    talking(&mut desk, &timer);
    desk.pass(seconds(90.0));
    let refresh = desk.sent().pop().unwrap();
    desk.hear(&trunk_replies(&refresh, 501, &[], ""));
    let by_invite = desk.sent().pop().expect("at once");
    assert!(by_invite.starts_with("INVITE ") && by_invite.ends_with(ANSWER));
    desk.hear(&trunk_replies(&by_invite, 491, &[], ""));
    assert_eq!(desk.said(), ["ACK"]);
    desk.pass(seconds(10.0));
    let again = desk.sent().pop().expect("ten seconds later");
    assert!(desk.told().is_empty(), "nobody has to know");
    desk.hear(&trunk_replies(&again, 481, &[], ""));
    assert_eq!(desk.said(), ["ACK", "BYE"]);
    for status in [Some(481), None] {
        let mut desk = Desk::new();
        let (leg, _, _) = talking(&mut desk, &timer);
        desk.pass(seconds(90.0));
        let refresh = desk.sent().pop().unwrap();
        match status {
            Some(status) => desk.hear(&trunk_replies(&refresh, status, &[], "")),
            None => desk.pass(seconds(32.1)),
        }
        assert_eq!(desk.said().last().map(String::as_str), Some("BYE"));
        desk.pass(seconds(40.0));
        assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::Error }, Notice::Released { leg }]);
    }
}

#[test]
fn a_refresh_that_is_never_accepted_ends_the_call_in_time() {
    let mut desk = Desk::new();
    let (leg, _, _) = talking(&mut desk, &["Session-Expires: 180;refresher=uas", "Allow: UPDATE"]);
    while desk.told().is_empty() {
        desk.pass(Duration::from_millis(500));
        for request in desk.sent() {
            if request.starts_with("UPDATE") {
                desk.hear(&trunk_replies(&request, 500, &[], ""));
            }
        }
        assert!(desk.now <= seconds(148.5), "the far end counts to 180 seconds");
    }
    assert!(desk.now >= seconds(148.0), "{leg}");
}

#[test]
fn an_offer_of_ours_that_meets_a_refresh_goes_out_after_it() {
    let mut desk = Desk::new();
    let (leg, _, _) = talking(&mut desk, &["Session-Expires: 180;refresher=uas"]);
    desk.pass(seconds(90.0));
    let refresh = desk.sent().pop().unwrap();
    let hold = ANSWER.replace("m=audio", "a=sendonly\r\nm=audio");
    desk.order(Order::Offer { leg, sdp: hold.clone() });
    assert!(desk.sent().is_empty() && desk.told().is_empty());
    desk.hear(&trunk_replies(&refresh, 200, &["Session-Expires: 180;refresher=uac"], OFFER));
    desk.pass(seconds(0.5));
    let offer = desk.sent().pop().expect("the offer");
    assert!(offer.ends_with(&hold));
    assert_eq!(header(&offer, "Session-Expires"), "180;refresher=uac");
    desk.hear(&trunk_replies(&offer, 200, &["Session-Expires: 180;refresher=uac"], OFFER));
    desk.pass(seconds(89.5));
    assert!(!desk.sent().iter().any(|text| text.starts_with("INVITE")), "the offer was a refresh as well");
    desk.pass(seconds(1.0));
    let next = desk.sent().pop().expect("the next refresh");
    assert!(next.starts_with("INVITE ") && next.ends_with(&hold), "with what was said last");
}

#[test]
fn a_call_we_place_asks_for_half_an_hour_and_takes_what_is_agreed() {
    for (line, first, at) in [
        ("Session-Expires: 1800;refresher=uac\r\nAllow: UPDATE", "UPDATE", 900.0),
        ("Session-Expires: 600;refresher=uac", "INVITE", 300.0),
        ("Session-Expires: 600", "INVITE", 300.0),
        ("Session-Expires: 600;refresher=uas", "BYE", 568.0),
        ("X: y", "", 0.0),
    ] {
        let mut desk = Desk::new();
        let (_, invite) = desk.calls();
        assert_eq!(
            (header(&invite, "Supported").as_str(), header(&invite, "Session-Expires").as_str()),
            ("100rel, timer, replaces", "1800")
        );
        desk.hear_from(
            PHONE,
            &reply(&invite, 200, "p1", OFFER).replace("Contact:", &format!("{line}\r\nContact:")),
        );
        desk.sent();
        let said = says(&mut desk, 920.0);
        let heard = said.first().map(|(when, text)| (text.split(' ').next().unwrap_or("").to_owned(), *when));
        assert_eq!(heard, (!first.is_empty()).then(|| (first.to_owned(), at)), "{line}");
    }
}

#[test]
fn a_person_whose_phone_wants_a_longer_session_gets_it_once() {
    let mut desk = Desk::new();
    let (leg, invite) = desk.calls();
    let wants = |request: &str, seconds: &str| {
        reply(request, 422, "p1", "").replace("Contact:", &format!("Min-SE: {seconds}\r\nContact:"))
    };
    desk.hear_from(PHONE, &wants(&invite, "3600"));
    let sent = desk.sent();
    assert!(sent[0].starts_with("ACK ") && sent[1].starts_with("INVITE "), "{sent:?}");
    assert_eq!(header(&sent[1], "Session-Expires"), "3600");
    assert_eq!(
        (header(&sent[1], "Min-SE").as_str(), header(&sent[1], "CSeq").as_str()),
        ("3600", "2 INVITE")
    );
    desk.hear_from(PHONE, &wants(&sent[1], "7200"));
    assert_eq!(desk.said(), ["ACK"]);
    assert!(matches!(desk.told()[0], Notice::Refused { leg: refused, status: 422, .. } if refused == leg));
}

#[test]
fn an_offer_by_update_is_decided_like_any_other() {
    let mut desk = Desk::new();
    let (leg, tag) = desk.talking("c1");
    desk.sent();
    desk.hear(&inside("UPDATE", "c1", 2, &tag, OFFER));
    assert!(desk.sent().is_empty(), "an UPDATE has no 100");
    assert_eq!(desk.told(), [Notice::Offered { leg, sdp: Some(OFFER.into()) }]);
    desk.hear(&inside("UPDATE", "c1", 3, &tag, OFFER));
    let busy = desk.sent().pop().unwrap();
    assert!(busy.starts_with("SIP/2.0 500 ") && !header(&busy, "Retry-After").is_empty());
    desk.order(Order::AnswerOffer { leg, sdp: ANSWER.into() });
    let answer = desk.sent().pop().unwrap();
    assert!(answer.starts_with("SIP/2.0 200 OK\r\n") && answer.ends_with(ANSWER));
    assert_eq!(header(&answer, "CSeq"), "2 UPDATE");
    desk.pass(seconds(40.0));
    assert!(desk.sent().is_empty(), "it has no ACK to wait for");
    desk.hear(&inside("UPDATE", "c1", 4, &tag, OFFER));
    desk.order(Order::RefuseOffer { leg });
    assert_eq!(desk.said(), ["488 Not Acceptable Here"]);
    desk.hear(&inside("UPDATE", "c1", 5, &tag, OFFER));
    desk.pass(seconds(10.1));
    assert_eq!(desk.said(), ["488 Not Acceptable Here"], "nobody decided");
    desk.order(Order::Offer { leg, sdp: ANSWER.into() });
    desk.sent();
    desk.hear(&inside("UPDATE", "c1", 6, &tag, OFFER));
    assert_eq!(desk.said(), ["491 Request Pending"]);
    desk.hear(&inside("BYE", "c1", 7, &tag, ""));
    desk.hear(&inside("UPDATE", "c1", 8, &tag, OFFER));
    assert_eq!(desk.said(), ["200 OK", "481 Call/Transaction Does Not Exist"]);
}

#[test]
fn an_update_moves_where_the_far_end_is_reached() {
    let mut desk = Desk::new();
    let (leg, tag) = desk.talking("c1");
    desk.sent();
    desk.hear(
        &inside("UPDATE", "c1", 2, &tag, "").replace("trunk@192.0.2.10:5060>", "moved@192.0.2.44:5070>"),
    );
    let reply = desk.sent().pop().unwrap();
    assert_eq!(header(&reply, "Contact"), "<sip:203.0.113.5:5060>");
    desk.order(Order::HangUp { leg, reason: String::new() });
    let (path, bye) = desk.sent_with_paths().pop().unwrap();
    assert!(bye.starts_with("BYE sip:moved@192.0.2.44:5070 "));
    assert_eq!(path.remote, address("192.0.2.44:5070"));
}
