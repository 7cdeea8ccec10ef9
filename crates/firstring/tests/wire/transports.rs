//! SIP over connections, and over IPv6: with kamailio as the carrier and SIPp as the caller, on loopback.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::stage::carrier::{Carrier, PASSWORD, modules, stands};
use crate::stage::certificates::{Authority, fingerprint};
use crate::stage::desk::Desk;
use crate::stage::phone::Phone;
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, free_port, wait_until};
use crate::stage::{CALLER, LINE, peers};

/// A desk that registers over TCP at this carrier; `listens` is what it listens on beside UDP.
fn registers_over_tcp(place: &Place, port: u16, listens: &str) {
    place.registers(port, PASSWORD);
    place.says("registrar =", "transport = \"tcp\"\nregistrar =");
    let udp = format!("\"udp:127.0.0.1:{}\"", place.sip);
    place.says(&udp, &format!("{udp}{listens}"));
    place.bring_prompts();
}

fn both(port: u16) -> String {
    format!("tcp_children=1\nlisten=udp:127.0.0.1:{port}\nlisten=tcp:127.0.0.1:{port}")
}

/// The desk answers who calls the line through the carrier.
fn answers_through(place: &Place, uri: &str) {
    let result = place.call_at(uri, CALLER, "wait 2s\nhang up").result();
    assert!(result["first_word_ms"].as_f64().is_some(), "the caller heard nothing: {result}");
    assert_eq!(place.record(CALLER)["line"], LINE);
}

#[test]
fn calls_come_and_people_are_rung_over_a_connection_to_the_carrier() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules() else { return };
    let (place, port) = (Place::new(), free_port());
    registers_over_tcp(&place, port, &format!(", \"tcp:127.0.0.1:{}\"", place.sip));
    let carrier = Carrier::listening(&place, port, modules, &both(port));
    let mut desk = place.open();
    stands(&desk, "registered");
    assert!(carrier.told().unwrap().contains(&format!("@127.0.0.1:{};transport=tcp", place.sip)));

    let mut person = Phone::at([127, 0, 0, 1], place.person, &place).behind(port);
    let caller = place.call_over(port, CALLER, "press 0\nwait 12s\nhang up");
    let rung = person.receives(Duration::from_secs(30), |message| message.starts_with("INVITE"));
    let rung = rung.expect("the person is rung through the carrier");
    assert!(rung.contains("CSeq: 2 INVITE"), "the carrier asked for the password, and got it:\n{rung}");
    assert!(rung.contains("Via: SIP/2.0/TCP 127.0.0.1:"), "{rung}");
    person.answer(&rung, ";tag=person");
    let bye = person.receives(Duration::from_secs(40), |message| message.starts_with("BYE"));
    person.answer(&bye.expect("the person is told that the call is over"), "");
    caller.result();
    assert_eq!(place.record(CALLER)["outcome"], "transferred");

    desk.terminate();
    assert!(desk.ends_within(Duration::from_secs(20)).success());
    assert_eq!(carrier.contacts(), 0, "a desk that stops takes its contact along");
}

#[test]
fn a_desk_that_no_connection_can_be_made_to_is_called_over_its_own() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules() else { return };
    let (place, port) = (Place::new(), free_port());
    registers_over_tcp(&place, port, "");
    let _carrier = Carrier::listening(&place, port, modules, &both(port));
    let desk = place.open();
    stands(&desk, "registered");
    answers_through(&place, &format!("sip:{LINE}@127.0.0.1:{port}"));
}

#[test]
fn a_carrier_that_goes_and_comes_back_finds_the_desk_registered_again() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules() else { return };
    let (place, port) = (Place::new(), free_port());
    registers_over_tcp(&place, port, &format!(", \"tcp:127.0.0.1:{}\"", place.sip));
    let carrier = Carrier::listening(&place, port, modules, &both(port));
    let desk = place.open();
    stands(&desk, "registered");
    drop(carrier);
    let trouble = stands(&desk, "interrupted");
    assert!(trouble["reason"].as_str().unwrap().contains("no connection"), "{trouble}");
    let carrier = Carrier::listening(&place, port, modules, &both(port));
    stands(&desk, "registered");
    assert_eq!(carrier.contacts(), 1);
}

#[test]
fn ipv6_carries_calls_and_their_sound_over_both_transports() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules() else { return };
    if UdpSocket::bind("[::1]:0").is_err() {
        return eprintln!("skipped: no IPv6 here");
    }
    for transport in ["udp", "tcp"] {
        let (place, port) = (Place::new(), free_port());
        place.registers(port, PASSWORD);
        place.says("registrar = \"127.0.0.1", &format!("transport = \"{transport}\"\nregistrar = \"[::1]"));
        let listen = format!("\"udp:[::1]:{0}\", \"tcp:[::1]:{0}\"", place.sip);
        place.says(&format!("\"udp:127.0.0.1:{}\"", place.sip), &listen);
        place.bring_prompts();
        let listen = format!("tcp_children=1\nlisten=udp:[::1]:{port}\nlisten=tcp:[::1]:{port}");
        let carrier = Carrier::listening(&place, port, modules, &listen);
        let desk = place.open();
        stands(&desk, "registered");
        assert!(carrier.told().unwrap().contains(&format!("@[::1]:{}", place.sip)));
        answers_through(&place, &format!("sip:{LINE}@[::1]:{port}"));
        // Straight to the desk it is a stranger: the carrier is known by its registration only.
        drop(desk);
    }
}

/// An authority, and a certificate of its for the host `localhost`, in this folder: `authority.pem`, `host.pem`, `host.key`.
fn issue_certificates(folder: &Path) {
    Authority::founded(folder, "authority").issues("host", "DNS:localhost");
}

/// A desk that registers by TLS at `host`, believing this, and takes calls by TLS if it listens so.
fn registers_over_tls(place: &Place, port: u16, host: &str, trust: &str, listens: bool) {
    place.registers(port, PASSWORD);
    let trunk = format!("transport = \"tls\"\ntrust = \"{trust}\"\nregistrar = \"{host}:");
    place.says("registrar = \"127.0.0.1:", &trunk);
    if listens {
        let listen = format!("\"udp:127.0.0.1:{0}\"", place.sip);
        place.says(
            &format!("listen = [{listen}]"),
            &format!("listen = [{listen}, \"tls:127.0.0.1:{}\"]", place.sip),
        );
        place.says("[web]", "[sip.tls]\ncertificate = \"host.pem\"\nkey = \"host.key\"\n[web]");
    }
    place.bring_prompts();
}

fn tls(place: &Place, port: u16, modules: &str) -> String {
    let folder = place.folder().display();
    format!(
        "enable_tls=yes\ntcp_children=1\nlisten=udp:127.0.0.1:{port}\nlisten=tls:127.0.0.1:{port}\nloadmodule \"{modules}tls.so\"\n\
         modparam(\"tls\", \"certificate\", \"{folder}/host.pem\")\nmodparam(\"tls\", \"private_key\", \"{folder}/host.key\")\n\
         modparam(\"tls\", \"tls_method\", \"TLSv1.2+\")"
    )
}

fn has_tls(modules: &str) -> bool {
    let there = Path::new(modules).join("tls.so").exists();
    if !there {
        eprintln!("skipped: no kamailio with TLS; apt install kamailio-tls-modules");
    }
    there
}

#[test]
fn calls_come_over_tls_from_a_carrier_that_an_authority_or_a_fingerprint_vouches_for() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules().filter(|modules| has_tls(modules)) else { return };
    for (host, pinned, listens) in [("localhost", false, true), ("127.0.0.1", true, false)] {
        let (place, port) = (Place::new(), free_port());
        issue_certificates(place.folder());
        let print = fingerprint(place.folder(), "host");
        let trust = if pinned { format!("sha256:{print}") } else { "authority.pem".to_owned() };
        registers_over_tls(&place, port, host, &trust, listens);
        let carrier = Carrier::listening(&place, port, modules, &tls(&place, port, modules));
        let desk = place.open();
        stands(&desk, "registered");
        assert!(carrier.told().unwrap().contains(&format!("@127.0.0.1:{};transport=tls", place.sip)));
        answers_through(&place, &format!("sip:{LINE}@127.0.0.1:{port}"));
    }
}

#[test]
fn nothing_is_said_to_a_carrier_that_shows_the_wrong_certificate() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules().filter(|modules| has_tls(modules)) else { return };
    let (place, port) = (Place::new(), free_port());
    issue_certificates(place.folder());
    registers_over_tls(&place, port, "localhost", &format!("sha256:{}", "ab".repeat(32)), false);
    let carrier = Carrier::listening(&place, port, modules, &tls(&place, port, modules));
    let desk = place.open();
    let trouble = stands(&desk, "interrupted");
    assert_eq!(
        trouble["reason"],
        "no connection to the registrar: the certificate of localhost is not the one that trust names; if it was renewed, \
         write the new fingerprint"
    );
    assert_eq!(carrier.contacts(), 0);
}

/// A desk that takes calls over TCP as well.
fn desk_with_tcp() -> Desk {
    let place = Place::new();
    place.says(
        &format!("\"udp:127.0.0.1:{}\"", place.sip),
        &format!("\"udp:127.0.0.1:{0}\", \"tcp:127.0.0.1:{0}\"", place.sip),
    );
    place.says("channels = 2", "channels = 20");
    place.takes_all();
    place.bring_prompts();
    place.open()
}

#[test]
fn callers_come_over_one_connection_or_over_one_each() {
    let _turn = Turn::beside_others();
    if !peers::are_here() {
        return;
    }
    let desk = desk_with_tcp();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fs::write(desk.folder().join("ports.csv"), format!("SEQUENTIAL\n{silent}\n")).unwrap();
    for mode in ["t1", "tn"] {
        let mut sipp = peers::sipp("load.xml", desk.folder());
        sipp.args([&format!("127.0.0.1:{}", desk.sip), "-inf", "ports.csv", "-p", &free_port().to_string()]);
        sipp.args(["-t", mode, "-r", "10", "-m", "20", "-l", "20", "-max_socket", "50"]);
        let ended = peers::Peer::start(&mut sipp, desk.folder(), mode).ends_within(Duration::from_secs(60));
        let errors = fs::read_to_string(desk.folder().join("sipp-errors.log")).unwrap_or_default();
        assert!(ended.success() && errors.is_empty(), "SIPp {mode}: {ended}; {errors}");
    }
    // The last record is kept a moment after its caller was answered for the last time.
    wait_until("every call has its record", Duration::from_secs(20), || {
        (desk.shown(&["calls"]).len() == 40).then_some(())
    });
}

const OPTIONS: &str = "OPTIONS sip:desk@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:PORT;branch=z9hG4bK-NUMBER\r\nMax-Forwards: 70\r\n\
    From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:desk@127.0.0.1>\r\nCall-ID: options-NUMBER\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

/// How long the desk takes to answer OPTIONS over UDP.
fn asks(desk: &Desk, socket: &UdpSocket, number: usize) -> Duration {
    let port = socket.local_addr().unwrap().port().to_string();
    let text = OPTIONS.replace("PORT", &port).replace("NUMBER", &number.to_string());
    let began = Instant::now();
    socket.send_to(text.as_bytes(), ("127.0.0.1", desk.sip)).unwrap();
    let mut answer = [0; 2_048];
    let length = socket.recv(&mut answer).expect("an answer");
    assert!(answer[..length].starts_with(b"SIP/2.0 200"));
    began.elapsed()
}

#[test]
fn five_hundred_slow_senders_keep_nobody_waiting_and_are_gone_soon() {
    let _turn = Turn::beside_others();
    let desk = desk_with_tcp();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut slow: Vec<TcpStream> =
        (0..500).map(|_| TcpStream::connect(("127.0.0.1", desk.sip)).unwrap()).collect();
    let mut took = Vec::new();
    for (second, byte) in b"OPTIONS ".iter().enumerate() {
        // Most are closed already: only so many of one address are let in.
        slow.retain_mut(|stream| stream.write_all(&[*byte]).is_ok());
        for quarter in 0..4 {
            took.push(asks(&desk, &socket, second * 4 + quarter));
            std::thread::sleep(Duration::from_millis(250));
        }
        if second == 1 {
            assert!((1..=32).contains(&slow.len()), "{} are let in", slow.len());
        }
    }
    assert!(took.iter().all(|took| *took < Duration::from_millis(500)), "{took:?}");
    wait_until("those who take too long are gone", Duration::from_secs(10), || {
        slow.retain_mut(|stream| stream.write_all(b"\r").is_ok());
        slow.is_empty().then_some(())
    });
}

#[test]
fn a_stranger_is_closed_unread_and_a_question_is_answered_along_its_connection() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.says(
        &format!("\"udp:127.0.0.1:{}\"", place.sip),
        &format!("\"udp:127.0.0.1:{0}\", \"tcp:127.0.0.1:{0}\"", place.sip),
    );
    place.says("accept_from = [\"127.0.0.1\"]", "accept_from = [\"127.0.0.9\"]");
    place.bring_prompts();
    let desk = place.open();
    for (from, answered) in [("127.0.0.9:0", true), ("127.0.0.1:0", false)] {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&from.parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
        let desk_at: std::net::SocketAddr = ([127, 0, 0, 1], desk.sip).into();
        socket.connect(&desk_at.into()).unwrap();
        let mut stream: TcpStream = socket.into();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let text =
            OPTIONS.replace("SIP/2.0/UDP", "SIP/2.0/TCP").replace("PORT", "5060").replace("NUMBER", "1");
        // Cut anywhere, and a ping after it.
        let said = format!("{text}\r\n\r\n");
        let sent = said.as_bytes().chunks(100).try_for_each(|part| stream.write_all(part));
        let mut heard = Vec::new();
        let mut buffer = [0; 2_048];
        // The ping may be answered before the question is.
        while !(heard.ends_with(b"\r\n\r\n\r\n")
            || (heard.starts_with(b"\r\n") && heard.ends_with(b"\r\n\r\n")))
        {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => heard.extend(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&heard)),
            }
        }
        let heard = String::from_utf8(heard).unwrap();
        assert_eq!(heard.contains("SIP/2.0 200"), answered, "from {from}: {heard}");
        assert!(sent.is_ok() || !answered);
        assert!(answered || heard.is_empty(), "a stranger gets nothing");
    }
    wait_until("the stranger is told of", Duration::from_secs(10), || {
        desk.get("/api/v1/refusals").contains("127.0.0.1 is in no trunk's accept_from").then_some(())
    });
}
