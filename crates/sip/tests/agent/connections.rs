//! Calls, requests and registrations over connections, and what happens when one is gone.

use std::time::Duration;

use sip::{
    Call, Event, Extra, LegId, Notice, Order, Path, Registrar, RegistrationState, Setup, Transport,
    Unanswered, contact_user,
};

use crate::stage::*;

/// Where the trunk's connections to us come from.
const CALLING: &str = "192.0.2.10:40001";

fn over(transport: Transport, remote: &str) -> Path {
    Path::over(transport, address(HERE), address(remote))
}

fn hear(desk: &mut Desk, path: Path, text: &str) {
    desk.happens(Event::Received { path, bytes: text.as_bytes().to_vec() });
}

/// What the trunk would say over TCP, behind a router or not.
fn tcp(text: &str) -> String {
    text.replace("SIP/2.0/UDP", "SIP/2.0/TCP")
        .replace(";rport", "")
        .replace("<sip:trunk@192.0.2.10:5060>", "<sip:trunk@192.0.2.10:5060;transport=tcp>")
}

fn call_over(transport: Transport) -> Call {
    Call { path: over(transport, PHONE), ..call(LegId::placed(1)) }
}

fn calls(desk: &mut Desk, call: Call) -> (Path, String) {
    desk.order(Order::Call(Box::new(call)));
    desk.sent_with_paths().pop().expect("the INVITE")
}

/// The trunk calls along this connection and talks; our tag.
fn talks(desk: &mut Desk, path: Path) -> (LegId, String) {
    hear(desk, path, &tcp(&invite("c1", OFFER)));
    let leg = desk.told().iter().find_map(Notice::leg).expect("an invitation");
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    let answer = desk.sent().pop().expect("the 200");
    let tag = tag(&answer, "To");
    hear(desk, path, &tcp(&inside("ACK", "c1", 1, &tag, "")));
    desk.told();
    (leg, tag)
}

fn refused(desk: &mut Desk) -> Vec<(u16, Unanswered)> {
    let told = desk.told();
    let one = |notice: &Notice| match notice {
        Notice::Refused { status, why, .. } => Some((*status, *why)),
        _ => None,
    };
    told.iter().filter_map(one).collect()
}

#[test]
fn a_caller_is_answered_along_the_connection_it_came_by() {
    for (transport, via, contact) in [
        (
            Transport::Tcp,
            "SIP/2.0/TCP 192.0.2.10:5060;branch=z9hG4bKc1",
            "<sip:203.0.113.5:5060;transport=tcp>",
        ),
        (
            Transport::Tls,
            "SIP/2.0/TLS 192.0.2.10:5060;branch=z9hG4bKc1",
            "<sip:203.0.113.5:5060;transport=tls>",
        ),
    ] {
        let (mut desk, path) = (Desk::new(), over(transport, CALLING));
        hear(&mut desk, path, &tcp(&invite("c1", OFFER)).replace("/TCP", &via[7..11]));
        let leg = desk.told().iter().find_map(Notice::leg).expect("an invitation");
        desk.order(Order::Answer { leg, sdp: ANSWER.into() });
        let (sent_along, answer) = desk.sent_with_paths().pop().expect("the 200");
        assert_eq!(sent_along, path);
        assert_eq!((header(&answer, "Via").as_str(), header(&answer, "Contact").as_str()), (via, contact));
        desk.pass(seconds(1.2));
        assert_eq!(desk.said(), ["200 OK"], "an answer is repeated until its ACK over every transport");
    }
}

#[test]
fn a_refusal_over_a_connection_is_said_once_and_forgotten_with_its_ack() {
    let (mut desk, path) = (Desk::new(), over(Transport::Tcp, CALLING));
    hear(&mut desk, path, &tcp(&invite("c1", OFFER)));
    let leg = desk.told().iter().find_map(Notice::leg).expect("an invitation");
    desk.sent();
    desk.order(Order::Refuse { leg, refusal: sip::Refusal::Busy });
    let refusal = desk.sent().pop().expect("the 486");
    desk.pass(seconds(10.0));
    assert_eq!(desk.said(), [""; 0]);
    let ack = inside("ACK", "c1", 1, &tag(&refusal, "To"), "").replace("c1-ACK-1", "c1");
    hear(&mut desk, path, &tcp(&ack));
    assert_eq!(desk.news(), ["Ended", "Released"]);
    desk.pass(Duration::ZERO);
    assert_eq!(desk.agent.counts().tombstones, 0);
}

#[test]
fn a_request_over_a_connection_goes_out_once() {
    let mut desk = Desk::new();
    let (path, invite) = calls(&mut desk, Call { ring_for: seconds(60.0), ..call_over(Transport::Tcp) });
    assert_eq!(path, over(Transport::Tcp, PHONE));
    assert!(header(&invite, "Via").starts_with("SIP/2.0/TCP 203.0.113.5:5060;branch="), "{invite}");
    assert_eq!(header(&invite, "Contact"), "<sip:203.0.113.5:5060;transport=tcp>");
    desk.pass(seconds(31.0));
    assert_eq!(desk.said(), [""; 0]);
    desk.pass(seconds(2.0));
    assert_eq!(refused(&mut desk), [(408, Unanswered::Silent)]);
}

#[test]
fn a_refused_call_over_a_connection_leaves_nothing_behind() {
    let mut desk = Desk::new();
    let (path, invite) = calls(&mut desk, call_over(Transport::Tcp));
    hear(&mut desk, path, &reply(&invite, 486, "p1", ""));
    assert_eq!(desk.said(), ["ACK"]);
    desk.pass(Duration::ZERO);
    assert_eq!(desk.agent.counts().tombstones, 0);
}

#[test]
fn a_call_whose_connection_cannot_be_made_fails_at_once() {
    let mut desk = Desk::new();
    let (path, _) = calls(&mut desk, call_over(Transport::Tls));
    desk.happens(Event::Unreached { path });
    assert_eq!(desk.news(), ["Refused", "Released"]);
    desk.pass(seconds(40.0));
    assert_eq!(desk.said(), [""; 0]);
    assert!(desk.agent.is_over());
}

#[test]
fn a_request_that_crossed_the_end_of_an_idle_connection_goes_out_once_more() {
    let mut desk = Desk::new();
    let (path, invite) = calls(&mut desk, call_over(Transport::Tcp));
    desk.happens(Event::Ended { path });
    assert_eq!(desk.sent(), [invite]);
    desk.happens(Event::Ended { path });
    assert_eq!(desk.said(), [""; 0]);
    assert_eq!(refused(&mut desk), [(503, Unanswered::Silent)]);
}

#[test]
fn a_phone_that_rings_is_given_up_with_its_connection_and_hung_up_if_it_is_answered_later() {
    let mut desk = Desk::new();
    let (path, invite) = calls(&mut desk, call_over(Transport::Tcp));
    hear(&mut desk, path, &reply(&invite, 180, "p1", ""));
    desk.happens(Event::Ended { path });
    assert_eq!(refused(&mut desk), [(503, Unanswered::Silent)]);
    assert_eq!(desk.said(), [""; 0]);
    hear(&mut desk, over(Transport::Tcp, "198.51.100.20:41000"), &reply(&invite, 200, "p1", OFFER));
    assert_eq!(desk.said(), ["ACK", "BYE"]);
}

#[test]
fn a_call_that_is_up_outlives_its_connection() {
    for (ends, remote) in [(false, CALLING), (true, "192.0.2.10:5060")] {
        let (mut desk, path) = (Desk::new(), over(Transport::Tcp, CALLING));
        let (leg, _) = talks(&mut desk, path);
        if ends {
            desk.happens(Event::Ended { path });
        }
        assert_eq!(desk.news(), [""; 0]);
        desk.order(Order::HangUp { leg, reason: String::new() });
        let (along, bye) = desk.sent_with_paths().pop().expect("the BYE");
        assert_eq!(along, over(Transport::Tcp, remote), "{bye}");
        assert!(bye.starts_with("BYE sip:trunk@192.0.2.10:5060;transport=tcp "), "{bye}");
    }
}

#[test]
fn a_reply_whose_connection_has_ended_goes_to_where_its_asker_listens() {
    let (mut desk, path) = (Desk::new(), over(Transport::Tcp, CALLING));
    hear(&mut desk, path, &tcp(&invite("c1", OFFER)));
    let leg = desk.told().iter().find_map(Notice::leg).expect("an invitation");
    desk.happens(Event::Ended { path });
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    desk.pass(seconds(0.6));
    let all: Vec<_> = desk.sent_with_paths().into_iter().map(|(path, _)| path.remote).collect();
    assert_eq!(all[1..], [address("192.0.2.10:5060"); 2]);
}

#[test]
fn a_connection_that_ends_means_nothing_to_datagrams() {
    let mut desk = Desk::new();
    let (leg, _) = desk.talking("c1");
    desk.order(Order::Call(Box::new(call(LegId::placed(7)))));
    desk.sent();
    for remote in [TRUNK, PHONE] {
        desk.happens(Event::Ended { path: over(Transport::Tcp, remote) });
        desk.happens(Event::Unreached { path: over(Transport::Tls, remote) });
    }
    assert_eq!((desk.news(), desk.said()), (vec![], vec![]));
    desk.order(Order::HangUp { leg, reason: String::new() });
    assert_eq!(desk.said(), ["BYE"]);
}

#[test]
fn nobody_but_who_may_speak_is_let_in_and_a_connection_shut_unread_is_counted() {
    let mut desk = Desk::new();
    assert!(desk.agent.lets_in(address(CALLING).ip()));
    assert!(!desk.agent.lets_in(address(PHONE).ip()));
    for port in 1..=3 {
        desk.happens(Event::Shut { source: format!("198.51.100.66:{port}").parse().expect("an address") });
    }
    assert_eq!((desk.news(), desk.agent.counts().strange_packets), (vec!["Stranger".to_owned()], 3));
    calls(&mut desk, call_over(Transport::Tcp));
    assert!(desk.agent.lets_in(address(PHONE).ip()), "whom we call may call back along its dialog");
}

/// A desk that listens on TCP as well, and a call with so much to say that no datagram holds it.
fn desk_with_tcp() -> Desk {
    Desk::with(Setup { tcp: vec![address("0.0.0.0:5062")], ..setup() })
}

fn long_call(leg: u64) -> Call {
    let extra =
        vec![(Extra::HistoryInfo, "<sip:+13125550100@example.com>;index=1, ".repeat(30) + "<sip:a@b>")];
    Call { extra, ..call(LegId::placed(leg)) }
}

#[test]
fn a_request_too_long_for_a_datagram_goes_over_a_connection_where_we_have_any() {
    let mut desk = desk_with_tcp();
    let (path, invite) = calls(&mut desk, long_call(1));
    assert_eq!(path, Path::over(Transport::Tcp, address("203.0.113.5:5062"), address(PHONE)));
    assert!(header(&invite, "Via").starts_with("SIP/2.0/TCP 203.0.113.5:5062;"), "{invite}");
    hear(&mut desk, path, &reply(&invite, 180, "p1", ""));
    desk.order(Order::Cancel { leg: LegId::placed(1) });
    let (along, cancel) = desk.sent_with_paths().pop().expect("the CANCEL");
    assert_eq!((along, header(&cancel, "Via")), (path, header(&invite, "Via")), "by the way of its INVITE");
    assert_eq!(
        calls(&mut desk, call(LegId::placed(2))).0.transport,
        Transport::Udp,
        "a short one needs none"
    );
    assert_eq!(calls(&mut Desk::new(), long_call(1)).0.transport, Transport::Udp, "there is none");
}

#[test]
fn a_long_request_goes_as_a_datagram_where_no_connection_is_taken() {
    let mut desk = desk_with_tcp();
    let (path, invite) = calls(&mut desk, long_call(1));
    desk.happens(Event::Unreached { path });
    let (along, again) = desk.sent_with_paths().pop().expect("the INVITE as a datagram");
    assert_eq!(along, Path::udp(address(HERE), address(PHONE)));
    let wide = header(&invite, "Via").replace("SIP/2.0/TCP 203.0.113.5:5062", "SIP/2.0/UDP 203.0.113.5:5060");
    assert_eq!(header(&again, "Via"), format!("{wide};rport"));
    desk.pass(seconds(0.6));
    assert_eq!(desk.sent(), std::slice::from_ref(&again), "and is resent like one");
    desk.hear_from(PHONE, &reply(&again, 486, "p1", ""));
    assert_eq!(refused(&mut desk), [(486, Unanswered::Busy)]);
    desk.sent();
    assert_eq!(
        calls(&mut desk, long_call(2)).0.transport,
        Transport::Udp,
        "nobody waits for that again soon"
    );
    desk.pass(seconds(601.0));
    assert_eq!(calls(&mut desk, long_call(3)).0.transport, Transport::Tcp);
}

fn registrar(transport: Transport) -> Registrar {
    Registrar {
        name: "carrier".into(),
        registrar: "sip.carrier.example".into(),
        user: "100".into(),
        domain: "carrier.example".into(),
        proxy: None,
        paths: vec![over(transport, PHONE)],
        contact_user: contact_user([1, 2], "carrier"),
        expires: Duration::from_secs(3_600),
        keep_alive: None,
    }
}

fn registers(desk: &mut Desk, transport: Transport) -> (Path, String) {
    desk.order(Order::Register(Box::new(registrar(transport))));
    let (path, register) = desk.sent_with_paths().pop().expect("the REGISTER");
    let contact = header(&register, "Contact");
    let ok = reply(&register, 200, "r1", "").replace("<sip:dana@198.51.100.20:5062>", &contact);
    hear(desk, path, &ok);
    assert_eq!(desk.news(), ["Registration"]);
    (path, contact)
}

#[test]
fn a_registration_names_its_transport() {
    for (transport, ends) in [
        (Transport::Udp, ":5060>"),
        (Transport::Tcp, ":5060;transport=tcp>"),
        (Transport::Tls, ":5060;transport=tls>"),
    ] {
        let (_, contact) = registers(&mut Desk::new(), transport);
        assert!(contact.split(";expires").next().unwrap().ends_with(ends), "{contact}");
    }
}

#[test]
fn a_registration_whose_connection_ends_is_made_anew_at_once() {
    let mut desk = Desk::new();
    let (path, _) = registers(&mut desk, Transport::Tcp);
    desk.pass(seconds(60.0));
    desk.happens(Event::Ended { path });
    assert_eq!(desk.said(), ["REGISTER"]);
    desk.happens(Event::Unreached { path });
    let Some(Notice::Registration(told)) = desk.told().pop() else { panic!("it was told") };
    assert_eq!(told.state, RegistrationState::Interrupted);
    assert!(told.reason.starts_with("no connection to the registrar"), "{}", told.reason);
    desk.pass(seconds(5.0));
    assert_eq!(desk.said(), ["REGISTER"], "and tried again soon");
}

#[test]
fn a_registrar_that_is_not_trusted_is_told_with_what_helps_and_asked_again() {
    let mut desk = Desk::new();
    let (path, _) = registers(&mut desk, Transport::Tls);
    desk.pass(seconds(60.0));
    desk.happens(Event::Ended { path });
    assert_eq!(desk.said(), ["REGISTER"]);
    desk.happens(Event::Mistrusted {
        path,
        why: "its certificate has expired: ask for a new one".to_owned(),
    });
    let Some(Notice::Registration(told)) = desk.told().pop() else { panic!("it was told") };
    assert_eq!(told.state, RegistrationState::Interrupted);
    assert_eq!(told.reason, "no connection to the registrar: its certificate has expired: ask for a new one");
    desk.pass(seconds(5.0));
    assert_eq!(desk.said(), ["REGISTER"], "and tried again soon");
}

#[test]
fn a_connection_that_ends_again_and_again_is_not_renewed_faster_than_others() {
    let mut desk = Desk::new();
    let (path, _) = registers(&mut desk, Transport::Tcp);
    let mut sent = 0;
    for _ in 0..100 {
        desk.pass(seconds(0.1));
        desk.happens(Event::Ended { path });
        sent += desk.sent().len();
    }
    assert!(sent <= 12, "{sent} requests within ten seconds");
}

#[test]
fn an_address_of_the_new_kind_is_written_with_its_brackets() {
    let (far, here) = ("[2001:db8::10]:5060", "[2001:db8:5::1]:5060");
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut desk = Desk::new();
        let path = Path::over(transport, address(here), address(far));
        let text = invite("c1", OFFER).replace("192.0.2.10:5060", far);
        hear(&mut desk, path, &if transport == Transport::Tcp { tcp(&text) } else { text });
        let leg = desk.told().iter().find_map(Notice::leg).expect("an invitation");
        desk.order(Order::Answer { leg, sdp: ANSWER.into() });
        let (along, answer) = desk.sent_with_paths().pop().expect("the 200");
        assert_eq!(along.remote, address(far));
        assert!(header(&answer, "Contact").starts_with("<sip:[2001:db8:5::1]:5060"), "{answer}");
        desk.order(Order::Call(Box::new(Call { path, ..call(LegId::placed(1)) })));
        let invite = desk.sent().pop().expect("the INVITE");
        assert!(header(&invite, "Via").contains(" [2001:db8:5::1]:5060;branch="), "{invite}");
    }
}
