//! Who believes whom over TLS: with kamailio as the carrier, on loopback.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::stage::carrier::{Carrier, PASSWORD, modules, stands};
use crate::stage::certificates::Authority;
use crate::stage::desk::Desk;
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, free_port, wait_until};
use crate::stage::{CALLER, LINE};

const RELAY: &str = include_str!("scripts/relay.cfg");

/// Kamailio's configuration of a listener by TLS that shows `host.pem` of this folder; `wants` is what it asks of others.
fn tls(folder: &Path, port: u16, modules: &str, wants: &str) -> String {
    let folder = folder.display();
    format!(
        "enable_tls=yes\ntcp_children=1\nlisten=udp:127.0.0.1:{port}\nlisten=tls:127.0.0.1:{port}\nloadmodule \"{modules}tls.so\"\n\
         modparam(\"tls\", \"certificate\", \"{folder}/host.pem\")\nmodparam(\"tls\", \"private_key\", \"{folder}/host.key\")\n\
         modparam(\"tls\", \"tls_method\", \"TLSv1.2+\")\n{wants}"
    )
}

fn modules_with_tls() -> Option<&'static str> {
    let there = modules().filter(|modules| Path::new(modules).join("tls.so").exists());
    if there.is_none() {
        eprintln!("skipped: no kamailio with TLS; apt install kamailio-tls-modules");
    }
    there
}

/// A trunk that registers by TLS at this machine's name, with further keys of its own.
fn registers(place: &Place, port: u16, keys: &str) {
    place.registers(port, PASSWORD);
    place.says("registrar = \"127.0.0.1:", &format!("transport = \"tls\"\n{keys}registrar = \"localhost:"));
    place.bring_prompts();
}

/// Registers, takes a call that comes through the carrier.
fn serves(desk: &Desk, carrier: &Carrier, port: u16) {
    stands(desk, "registered");
    assert_eq!(carrier.contacts(), 1);
    let uri = format!("sip:{LINE}@127.0.0.1:{port}");
    let result = desk.call_at(&uri, CALLER, "wait 2s\nhang up").result();
    assert!(result["first_word_ms"].as_f64().is_some(), "the caller heard nothing: {result}");
    assert_eq!(desk.record(CALLER)["line"], LINE);
}

#[test]
fn an_authority_of_this_machine_vouches_for_the_host_that_was_named_and_for_no_other() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules_with_tls() else { return };
    for (subjects, trusted) in [("DNS:localhost", true), ("DNS:sip.example.com", false)] {
        let (place, port) = (Place::new(), free_port());
        Authority::founded(place.folder(), "authority").issues("host", subjects);
        registers(&place, port, "");
        let carrier = Carrier::listening(&place, port, modules, &tls(place.folder(), port, modules, ""));
        // What the machine trusts: the one file, and no folder of others.
        let roots = place.folder().join("authority.pem");
        let desk = place.open_with("SSL_CERT_FILE", &roots);
        if trusted {
            serves(&desk, &carrier, port);
            continue;
        }
        let trouble = stands(&desk, "interrupted");
        assert_eq!(
            trouble["reason"],
            "no connection to the registrar: the certificate of localhost is for sip.example.com and not for localhost; write the \
             host that it is for, or name this very certificate in trust"
        );
        assert_eq!(carrier.contacts(), 0);
    }
}

#[test]
fn a_machine_that_does_not_know_the_authority_is_told_to_name_it() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules_with_tls() else { return };
    let (place, port) = (Place::new(), free_port());
    Authority::founded(place.folder(), "authority").issues("host", "DNS:localhost");
    Authority::founded(place.folder(), "other");
    registers(&place, port, "");
    let carrier = Carrier::listening(&place, port, modules, &tls(place.folder(), port, modules, ""));
    let desk = place.open_with("SSL_CERT_FILE", &place.folder().join("other.pem"));
    let trouble = stands(&desk, "interrupted");
    assert_eq!(
        trouble["reason"],
        "no connection to the registrar: the certificate of localhost is from an authority that is not trusted; name that \
         authority's file in trust"
    );
    assert_eq!(carrier.contacts(), 0);
}

#[test]
fn a_carrier_that_asks_for_a_certificate_is_shown_ours_and_is_missed_without() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules_with_tls() else { return };
    for shown in [true, false] {
        let (place, port) = (Place::new(), free_port());
        let authority = Authority::founded(place.folder(), "authority");
        authority.issues("host", "DNS:localhost");
        authority.issues("desk", "DNS:desk.example.com");
        let ours = if shown { "client_certificate = \"desk.pem\"\nclient_key = \"desk.key\"\n" } else { "" };
        registers(&place, port, &format!("trust = \"authority.pem\"\n{ours}"));
        let wants = format!(
            "modparam(\"tls\", \"verify_certificate\", 1)\nmodparam(\"tls\", \"require_certificate\", 1)\n\
             modparam(\"tls\", \"ca_list\", \"{}/authority.pem\")",
            place.folder().display()
        );
        let carrier = Carrier::listening(&place, port, modules, &tls(place.folder(), port, modules, &wants));
        let desk = place.open();
        if shown {
            serves(&desk, &carrier, port);
            continue;
        }
        let trouble = stands(&desk, "interrupted");
        assert_eq!(
            trouble["reason"],
            "no connection to the registrar: localhost asks for a certificate of ours and the trunk has none; add \
             client_certificate and client_key"
        );
        assert_eq!(desk.logged().matches("No connection by TLS").count(), 1, "told once: {}", desk.logged());
        assert_eq!(carrier.contacts(), 0);
    }
}

/// A desk that knows its carrier by a certificate for `sip.carrier.example`, and by no address.
fn knows_by_certificate(place: &Place) {
    let listen = format!("\"udp:127.0.0.1:{0}\"", place.sip);
    place.says(&listen, &format!("{listen}, \"tls:127.0.0.1:{}\"", place.sip));
    place.says("[web]", "[sip.tls]\ncertificate = \"desk.pem\"\nkey = \"desk.key\"\n[web]");
    let known = "accept_from = [\"tls:sip.carrier.example\"]\ntransport = \"tls\"\ntrust = \"authority.pem\"";
    place.says("accept_from = [\"127.0.0.1\"]", known);
    place.bring_prompts();
}

/// A carrier that takes calls to the desk, showing `host.pem`.
fn relay(place: &Place, port: u16, modules: &str) -> Carrier {
    let folder = place.folder();
    let shown = format!("certificate = {0}/host.pem\nprivate_key = {0}/host.key\n", folder.display());
    let method = "method = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n";
    let certificates = folder.join("certificates.cfg");
    let both = format!("[server:default]\n{method}{shown}[client:default]\n{method}{shown}");
    fs::write(&certificates, both).unwrap();
    let filled = RELAY
        .replace("CERTIFICATES", certificates.to_str().unwrap())
        .replace("PORT", &port.to_string())
        .replace("DESK", &place.sip.to_string());
    Carrier::told_to(&filled, folder, modules)
}

#[test]
fn a_carrier_that_shows_its_certificate_may_call_from_anywhere() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules_with_tls() else { return };
    let (place, port) = (Place::new(), free_port());
    let authority = Authority::founded(place.folder(), "authority");
    authority.issues("host", "DNS:sip.carrier.example");
    authority.issues("desk", "DNS:desk.example.com");
    knows_by_certificate(&place);
    let _carrier = relay(&place, port, modules);
    let _desk = place.open();
    let uri = format!("sip:{LINE}@127.0.0.1:{port}");
    let result = place.call_at(&uri, CALLER, "wait 2s\nhang up").result();
    assert!(result["first_word_ms"].as_f64().is_some(), "the caller heard nothing: {result}");
    assert_eq!(place.record(CALLER)["line"], LINE);
}

#[test]
fn a_certificate_for_somebody_else_or_of_somebody_else_lets_nobody_in() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules_with_tls() else { return };
    for (by, subjects, because) in [
        (
            "authority",
            "DNS:other.example",
            "127.0.0.1 connects with a certificate that trunk main believes, but for other.example, so it is not let in; if calls \
             are meant to come that way, add \"tls:other.example\" to accept_from of trunk main",
        ),
        (
            "nobody",
            "DNS:sip.carrier.example",
            "127.0.0.1 is in no trunk's accept_from; its packets are not answered",
        ),
    ] {
        let (place, port) = (Place::new(), free_port());
        let authority = Authority::founded(place.folder(), "authority");
        authority.issues("desk", "DNS:desk.example.com");
        let issuer = if by == "authority" { authority } else { Authority::founded(place.folder(), by) };
        issuer.issues("host", subjects);
        knows_by_certificate(&place);
        let _carrier = relay(&place, port, modules);
        let desk = place.open();
        let _caller = place.call_at(&format!("sip:{LINE}@127.0.0.1:{port}"), CALLER, "wait 2s\nhang up");
        let refused = wait_until("the desk says why it does not answer", Duration::from_secs(30), || {
            let refusals = desk.json("/api/v1/refusals");
            refusals["items"][0]["because"].as_str().map(str::to_owned)
        });
        assert_eq!(refused, because);
        assert!(place.shown(&["calls"]).is_empty(), "nobody has called");
    }
}
