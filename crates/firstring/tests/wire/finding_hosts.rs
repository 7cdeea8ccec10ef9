//! Hosts with several targets, found by a name server: over real DNS and SIP on loopback.

use std::fs;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::stage::names::{Has, NameServer};
use crate::stage::phone::Phone;
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, free_port, wait_until};
use serde_json::Value;

const CALLER: &str = crate::stage::CALLER;
const SECOND_CALLER: &str = "+13125550144";

#[test]
fn people_are_called_at_the_next_target_when_the_first_refuses_and_still_when_dns_is_out() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    let (first, second) = (Target::that(Does::Says(503)), Target::that(Does::Says(486)));
    let dns = NameServer::of(two_targets(first.port, second.port));
    asks(&place, &dns);
    place.proxy_is("carrier.example");
    place.bring_prompts();
    let desk = place.open();
    wait_until("the carrier is found", Duration::from_secs(10), || (dns.asked() >= 5).then_some(()));

    place.call(CALLER, "press 0\nwait 8s\nhang up").result();
    assert_eq!(place.record(CALLER)["steps"][1]["tried"], tried("busy"), "the second said who is busy");
    assert_eq!((first.heard("INVITE "), second.heard("INVITE ")), (1, 1));
    let invite = second.first("INVITE ");
    assert!(invite.starts_with("INVITE sip:+13125550177@carrier.example SIP/2.0\r\n"), "{invite}");
    assert!(
        desk.logged().contains("A target of the trunk's host refuses calls for now"),
        "{}",
        desk.logged()
    );

    drop(dns);
    wait_until("the desk says that names are gone", Duration::from_secs(60), || {
        let troubles = desk.json("/api/v1/health")["troubles"].to_string();
        troubles
            .contains("carrier.example cannot be looked up now; where it was found last still counts")
            .then_some(())
    });
    place.call(SECOND_CALLER, "press 0\nwait 8s\nhang up").result();
    assert_eq!(place.record(SECOND_CALLER)["steps"][1]["tried"], tried("busy"));
    assert_eq!(second.heard("INVITE "), 2);
    let said = desk.logged().matches("A host is not found").count();
    assert_eq!(said, 1, "once: {}", desk.logged());
}

#[test]
fn a_target_that_does_not_say_a_word_costs_seconds_of_the_ringing_and_no_more() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    let (first, second) = (Target::that(Does::Nothing), Target::that(Does::Says(486)));
    let dns = NameServer::of(two_targets(first.port, second.port));
    asks(&place, &dns);
    place.proxy_is("carrier.example");
    place.bring_prompts();
    let _desk = place.open();
    wait_until("the carrier is found", Duration::from_secs(10), || (dns.asked() >= 5).then_some(()));
    place.call(CALLER, "press 0\nwait 12s\nhang up").result();
    assert_eq!(place.record(CALLER)["steps"][1]["tried"], tried("busy"));
    let waited = second.when("INVITE ").duration_since(first.when("INVITE "));
    assert!((Duration::from_millis(2_900)..Duration::from_secs(6)).contains(&waited), "{waited:?}");
}

#[test]
fn a_registration_goes_to_the_next_target_when_the_first_refuses_or_is_silent() {
    let _turn = Turn::beside_others();
    for does in [Does::Says(503), Does::Nothing] {
        let place = Place::new();
        let (first, second) = (Target::that(does), Target::that(Does::Registers));
        let dns = NameServer::of(two_targets(first.port, second.port));
        asks(&place, &dns);
        place.registers(1, "correct horse");
        let text = fs::read_to_string(place.file()).unwrap();
        fs::write(
            place.file(),
            text.replace("registrar = \"127.0.0.1:1\"", "registrar = \"carrier.example\""),
        )
        .unwrap();
        place.bring_prompts();
        let desk = place.open();
        wait_until("the trunk is registered", Duration::from_secs(30), || {
            let registration = desk.json("/api/v1/trunks")["items"][0]["registration"].take();
            (registration["state"] == "registered").then_some(())
        });
        assert!(first.heard("REGISTER ") > 0 && second.heard("REGISTER ") > 0);
        let register = second.first("REGISTER ");
        assert!(register.starts_with("REGISTER sip:carrier.example SIP/2.0\r\n"), "{register}");
    }
}

#[test]
fn a_host_in_accept_from_lets_in_its_addresses_and_nobody_else() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    let at = |last| vec![("pbx.example.com", Has::Address([127, 0, 0, last]))];
    let dns = NameServer::of(at(2));
    asks(&place, &dns);
    let text = fs::read_to_string(place.file()).unwrap();
    fs::write(
        place.file(),
        text.replace("accept_from = [\"127.0.0.1\"]", "accept_from = [\"pbx.example.com\"]"),
    )
    .unwrap();
    place.bring_prompts();
    let desk = place.open();
    let mut calls = 0;
    let mut may = |last| {
        calls += 1;
        let mut phone = Phone::at([127, 0, 0, last], 0, &place);
        let call = format!("call-{calls}");
        phone.send("OPTIONS", 1, &call, "");
        phone.receives(Duration::from_millis(500), |message| message.starts_with("SIP/2.0 200")).is_some()
    };
    wait_until("the first address is let in", Duration::from_secs(20), || may(2).then_some(()));
    assert!(!may(1) && !may(3), "nobody else");
    dns.knows(at(3));
    wait_until("the new address is let in", Duration::from_secs(20), || may(3).then_some(()));
    assert!(!may(2) && !may(1), "and the old one no more");
    drop(dns);
    wait_until("the desk says that names are gone", Duration::from_secs(60), || {
        desk.json("/api/v1/health")["troubles"].to_string().contains("pbx.example.com").then_some(())
    });
    assert!(may(3) && !may(2) && !may(1), "what was found last counts");
    assert_eq!(
        desk.json("/api/v1/trunks")["items"][0]["accept_from"],
        serde_json::json!(["pbx.example.com"])
    );
}

fn tried(how: &str) -> Value {
    serde_json::json!([["Marigold", how]])
}

/// `carrier.example`, by NAPTR and SRV: one target first, another if it fails.
fn two_targets(first: u16, second: u16) -> Vec<(&'static str, Has)> {
    vec![
        ("carrier.example", Has::Service("_sip._udp.carrier.example")),
        ("_sip._udp.carrier.example", Has::Host(20, 0, second, "b.carrier.example")),
        ("_sip._udp.carrier.example", Has::Host(10, 0, first, "a.carrier.example")),
        ("a.carrier.example", Has::Address([127, 0, 0, 1])),
        ("b.carrier.example", Has::Address([127, 0, 0, 1])),
    ]
}

/// The desk asks this name server.
fn asks(place: &Place, dns: &NameServer) {
    let text = fs::read_to_string(place.file()).unwrap();
    let asking = text.replace("[sip]\n", &format!("[sip]\nname_servers = [\"127.0.0.1:{}\"]\n", dns.port));
    assert_ne!(asking, text);
    fs::write(place.file(), asking).unwrap();
}

/// What a target does with a request.
#[derive(Clone, Copy)]
enum Does {
    Nothing,
    Says(u16),
    /// Takes registrations.
    Registers,
}

type Heard = Arc<Mutex<Vec<(Instant, String)>>>;

/// One machine of the carrier's. It ends when dropped.
struct Target {
    port: u16,
    heard: Heard,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Target {
    fn that(does: Does) -> Target {
        let port = free_port();
        let socket = UdpSocket::bind(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let (heard, over) = (Heard::default(), Arc::new(AtomicBool::new(false)));
        let (hears, ends) = (Arc::clone(&heard), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 8_192];
            while !ends.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if let Some(reply) = reply(&request, does) {
                    socket.send_to(reply.as_bytes(), from).unwrap();
                }
                hears.lock().unwrap().push((Instant::now(), request));
            }
        });
        Target { port, heard, over, thread: Some(thread) }
    }

    /// How many calls or registrations began here, whatever was repeated.
    fn heard(&self, begins: &str) -> usize {
        let heard = self.heard.lock().unwrap();
        let requests = heard.iter().filter(|(_, request)| request.starts_with(begins));
        requests.map(|(_, request)| line(request, "Via:")).collect::<std::collections::BTreeSet<_>>().len()
    }

    fn first(&self, begins: &str) -> String {
        self.heard.lock().unwrap().iter().find(|(_, request)| request.starts_with(begins)).unwrap().1.clone()
    }

    fn when(&self, begins: &str) -> Instant {
        self.heard.lock().unwrap().iter().find(|(_, request)| request.starts_with(begins)).unwrap().0
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn line(request: &str, name: &str) -> String {
    request.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned()
}

fn reply(request: &str, does: Does) -> Option<String> {
    let (status, contact) = match does {
        _ if request.starts_with("ACK ") => return None,
        Does::Nothing => return None,
        Does::Says(status) => (status, String::new()),
        Does::Registers => (200, format!("{}\r\n", line(request, "Contact:"))),
    };
    let [via, from, to, id, number] =
        ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].map(|name| line(request, name));
    Some(format!(
        "SIP/2.0 {status} So\r\n{via}\r\n{from}\r\n{to};tag=target\r\n{id}\r\n{number}\r\n{contact}Content-Length: 0\r\n\r\n"
    ))
}
