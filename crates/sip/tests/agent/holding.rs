//! What a call sounds like may change while it is up: hold, resume, another codec, another address.

use sip::sdp::{self, Capabilities, Codec, Direction};
use sip::{EndedBy, LegId, Notice, Order};

use crate::stage::*;

fn ours() -> Capabilities {
    Capabilities {
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        telephone_event: true,
        rtcp_mux: false,
        address: "203.0.113.5".parse().expect("an address"),
        port: 20_000,
        session_id: 1,
        version: 1,
        ptime_ms: 20,
        protection: sdp::Protection::Off,
    }
}

/// A description of the far end: its address, its formats, and any further lines of its sound.
fn theirs(address: &str, formats: &str, lines: &str) -> String {
    format!(
        "v=0\r\no=phone 7 8 IN IP4 192.0.2.10\r\ns=call\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio 40000 RTP/AVP {formats}\r\n{lines}"
    )
}

/// The far end offers something inside its call, and a desk answers as far as it can. Gives what it is told.
fn offers(desk: &mut Desk, leg: LegId, tag: &str, cseq: u32, sdp: &str) -> String {
    desk.hear(&inside("INVITE", "a", cseq, tag, sdp));
    let told = desk.told();
    assert!(matches!(&told[..], [Notice::Offered { .. }]), "{told:?}");
    let order = match sdp::answer(sdp, &ours(), Direction::SendRecv) {
        Ok(agreed) => Order::AnswerOffer { leg, sdp: agreed.text },
        Err(_) => Order::RefuseOffer { leg },
    };
    desk.order(order);
    let reply = desk.sent().pop().expect("a final reply");
    let mut ack = inside("ACK", "a", cseq, tag, "");
    if !reply.starts_with("SIP/2.0 200 ") {
        ack = ack.replace(&format!("z9hG4bKa-ACK-{cseq}"), &format!("z9hG4bKa-INVITE-{cseq}"));
    }
    desk.hear(&ack);
    reply
}

#[test]
fn a_call_is_held_resumed_moved_and_given_another_codec() {
    let mut desk = Desk::new();
    let (leg, tag) = desk.talking("a");
    desk.sent();
    for (cseq, (what, sdp, says)) in (2..).zip([
        ("held with music", theirs("192.0.2.10", "0", "a=sendonly\r\n"), "a=recvonly\r\n"),
        ("resumed", theirs("192.0.2.10", "0", "a=sendrecv\r\n"), "a=sendrecv\r\n"),
        ("held in silence", theirs("192.0.2.10", "0", "a=inactive\r\n"), "a=inactive\r\n"),
        ("resumed without a word of it", theirs("192.0.2.10", "0", ""), "a=sendrecv\r\n"),
        ("held as RFC 2543 does", theirs("0.0.0.0", "0", ""), "a=recvonly\r\n"),
        ("moved to another machine", theirs("192.0.2.99", "0", ""), "a=sendrecv\r\n"),
        (
            "another codec",
            theirs("192.0.2.10", "8 101", "a=rtpmap:101 telephone-event/8000\r\n"),
            "RTP/AVP 8 101\r\n",
        ),
    ]) {
        let reply = offers(&mut desk, leg, &tag, cseq, &sdp);
        assert!(reply.starts_with("SIP/2.0 200 OK\r\n") && reply.contains(says), "{what}: {reply}");
        assert_eq!(header(&reply, "Content-Type"), "application/sdp");
    }
    let refused = offers(&mut desk, leg, &tag, 20, &theirs("192.0.2.10", "18", ""));
    assert!(refused.starts_with("SIP/2.0 488 "), "no codec in common: {refused}");
    assert!(desk.told().is_empty());
    let again = offers(&mut desk, leg, &tag, 21, &theirs("192.0.2.10", "8", ""));
    assert!(again.starts_with("SIP/2.0 200 "), "the call is up as it was");
    desk.pass(seconds(100.0));
    desk.hear(&inside("BYE", "a", 22, &tag, ""));
    assert_eq!(desk.said(), ["200 OK"]);
    assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::FarEnd }, Notice::Released { leg }]);
}

#[test]
fn a_far_end_may_let_us_offer_first_before_and_inside_the_call() {
    let mut desk = Desk::new();
    desk.hear(&invite("a", ""));
    let told = desk.told();
    let Some(Notice::Invited(call)) = told.first() else { panic!("{told:?}") };
    let leg = call.leg;
    assert_eq!(call.offer, None);
    desk.order(Order::Answer { leg, sdp: sdp::offer(&ours(), Direction::SendRecv) });
    let ours_first = desk.sent().pop().expect("the 200");
    assert!(ours_first.contains("m=audio 20000 RTP/AVP 0 8 101\r\n"), "{ours_first}");
    let tag = tag(&ours_first, "To");
    let answer = theirs("192.0.2.10", "8", "");
    desk.hear(&inside("ACK", "a", 1, &tag, &answer));
    assert_eq!(desk.told(), [Notice::Confirmed { leg, sdp: Some(answer.clone()) }]);
    assert!(sdp::accept(&answer, &ours(), Direction::SendRecv).is_ok());
    desk.hear(&inside("INVITE", "a", 2, &tag, ""));
    assert_eq!(desk.told(), [Notice::Offered { leg, sdp: None }]);
    desk.order(Order::AnswerOffer { leg, sdp: sdp::offer(&ours(), Direction::SendRecv) });
    assert!(desk.sent().pop().expect("the 200").contains("m=audio 20000 RTP/AVP 0 8 101\r\n"));
    desk.hear(&inside("ACK", "a", 2, &tag, &answer));
    assert_eq!(desk.told(), [Notice::Confirmed { leg, sdp: Some(answer) }]);
}

#[test]
fn offers_that_cross_are_told_apart_by_who_made_the_call() {
    // RFC 3261 section 14.1: 2.1 to 4 seconds for who made the Call-ID, up to 2 for the other, in steps of 10 ms.
    for (placed, least, most) in [(true, 2.1, 4.0), (false, 0.0, 2.0)] {
        for seed in 0..20 {
            let mut desk = Desk::new();
            let (leg, remote) = if placed {
                (desk.called().0, PHONE)
            } else {
                let (leg, _) = desk.talking(&format!("c{seed}"));
                desk.sent();
                (leg, TRUNK)
            };
            for _ in 0..seed {
                // Chance moves on with every request.
                let path = sip::Path::udp(address(HERE), address(TRUNK));
                let target = "sip:x@192.0.2.10".parse().expect("a URI");
                desk.order(Order::Probe { name: "x".into(), target, path });
            }
            desk.sent();
            desk.order(Order::Offer { leg, sdp: ANSWER.into() });
            let offer = desk.sent().pop().expect("the offer");
            desk.hear_from(remote, &reply(&offer, 491, "", ""));
            let began = desk.now;
            desk.sent();
            while !desk.sent().iter().any(|text| text.starts_with("INVITE ")) {
                desk.pass(seconds(0.01));
                assert!(desk.now < began + seconds(4.1), "it is made again");
            }
            let waited = (desk.now - began).as_secs_f64();
            assert!((least..=most + 0.011).contains(&waited), "{placed}: {waited}");
        }
    }
}
