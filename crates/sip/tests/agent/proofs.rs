//! Peers that are known by the certificates of their connections, whatever address they come from.

use sip::{Event, LegId, Notice, Path, Peer, Proof, Setup, Transport};

use crate::stage::*;

/// Somebody whose address is in nobody's network.
const SOMEWHERE: &str = "198.51.100.66:40001";

/// A desk whose `carrier` is known by a certificate for `sip.carrier.example`, and whose `trunk` by its addresses.
fn desk() -> Desk {
    let mut setup = setup();
    setup.peers.push(Peer {
        name: "carrier".into(),
        accept_from: Vec::new(),
        accept_domains: vec!["sip.carrier.example".into()],
    });
    Desk::with(setup)
}

fn tls(remote: &str) -> Path {
    Path::over(Transport::Tls, address(HERE), address(remote))
}

fn proof(vouched: &[&str], domains: &[&str]) -> Proof {
    Proof {
        vouched: vouched.iter().map(|name| (*name).into()).collect(),
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
    }
}

fn shows(desk: &mut Desk, remote: &str, proof: Proof) {
    desk.happens(Event::Shown { path: tls(remote), proof });
}

fn hear(desk: &mut Desk, path: Path, text: &str) {
    desk.happens(Event::Received { path, bytes: text.replace("SIP/2.0/UDP", "SIP/2.0/TLS").into_bytes() });
}

/// Whose call it was, if it was one.
fn invited_over(desk: &mut Desk) -> Option<(LegId, String)> {
    desk.told().into_iter().find_map(|notice| match notice {
        Notice::Invited(invitation) => Some((invitation.leg, invitation.peer.to_string())),
        _ => None,
    })
}

#[test]
fn whoever_proves_to_be_the_carrier_is_the_carrier_wherever_it_calls_from() {
    // Its own address, that of another peer, and any case of its name.
    for (remote, domain) in [(SOMEWHERE, "sip.carrier.example"), ("192.0.2.10:40001", "SIP.Carrier.Example")]
    {
        let mut desk = desk();
        assert!(desk.agent.asks_for_proof());
        shows(&mut desk, remote, proof(&["carrier"], &["other.example", domain]));
        assert!(desk.agent.admits(tls(remote)));
        hear(&mut desk, tls(remote), &invite("c1", OFFER));
        let (leg, peer) = invited_over(&mut desk).expect("a call");
        assert_eq!(peer, "carrier");
        desk.order(sip::Order::Answer { leg, sdp: ANSWER.into() });
        let answer = desk.sent().pop().expect("the 200");
        let tag = tag(&answer, "To");
        hear(&mut desk, tls(remote), &inside("ACK", "c1", 1, &tag, ""));
        hear(&mut desk, tls(remote), &inside("BYE", "c1", 2, &tag, ""));
        assert!(desk.news().contains(&"Ended".to_owned()));
    }
}

#[test]
fn nobody_else_is_let_in_by_a_certificate_and_nothing_is_kept_of_them() {
    for (vouched, domains) in [
        (&[][..], &["sip.carrier.example"][..]),
        (&["trunk"], &["sip.carrier.example"]),
        (&["carrier"], &["carrier.example"]),
        (&["carrier"], &["*.carrier.example"]),
        (&["carrier"], &[]),
        (&[], &[]),
    ] {
        let mut desk = desk();
        shows(&mut desk, SOMEWHERE, proof(vouched, domains));
        assert!(!desk.agent.admits(tls(SOMEWHERE)), "{vouched:?} {domains:?}");
        hear(&mut desk, tls(SOMEWHERE), &invite("c1", OFFER));
        assert_eq!(invited_over(&mut desk), None, "{vouched:?} {domains:?}");
        assert!(desk.sent().is_empty());
        assert_eq!(desk.agent.counts().proved, 0);
    }
}

#[test]
fn a_near_thing_is_told_once_a_minute_and_a_stranger_as_a_stranger() {
    let mut desk = desk();
    for _ in 0..3 {
        shows(
            &mut desk,
            SOMEWHERE,
            proof(&["carrier"], &["a.example", "b.example", "c.example", "d.example", "e.example"]),
        );
    }
    let near = Notice::NearlyProved {
        peer: "carrier".into(),
        source: address(SOMEWHERE),
        domains: ["a", "b", "c", "d"].map(|one| format!("{one}.example")).to_vec(),
    };
    assert_eq!(desk.told(), [near]);
    shows(&mut desk, "198.51.100.67:40001", proof(&[], &["sip.carrier.example"]));
    assert_eq!(desk.news(), ["Stranger"]);
    // Who is let in by its address has nothing to prove.
    shows(&mut desk, "192.0.2.10:40001", proof(&["carrier"], &["a.example"]));
    assert_eq!(desk.news(), [""; 0]);
}

#[test]
fn what_was_proved_holds_for_that_connection_only_and_as_long_as_it_is_up() {
    let mut desk = desk();
    shows(&mut desk, SOMEWHERE, proof(&["carrier"], &["sip.carrier.example"]));
    let elsewhere = "198.51.100.66:40002";
    let bare = Path::over(Transport::Tcp, address(HERE), address(SOMEWHERE));
    assert!(!desk.agent.admits(tls(elsewhere)) && !desk.agent.admits(bare));
    assert!(!desk.agent.lets_in(address(SOMEWHERE).ip()));
    desk.happens(Event::Ended { path: bare });
    assert!(desk.agent.admits(tls(SOMEWHERE)), "another connection has ended");
    desk.happens(Event::Ended { path: tls(SOMEWHERE) });
    assert!(!desk.agent.admits(tls(SOMEWHERE)));
    assert_eq!(desk.agent.counts().proved, 0);
    // The next one from the same port shows nothing.
    shows(&mut desk, SOMEWHERE, proof(&["carrier"], &["sip.carrier.example"]));
    shows(&mut desk, SOMEWHERE, Proof::default());
    assert!(!desk.agent.admits(tls(SOMEWHERE)));
}

#[test]
fn without_such_a_peer_no_certificate_is_asked_for() {
    let mut desk = Desk::with(Setup::default());
    assert!(!desk.agent.asks_for_proof());
    shows(&mut desk, SOMEWHERE, proof(&["trunk"], &["sip.carrier.example"]));
    assert!(!desk.agent.admits(tls(SOMEWHERE)));
}
