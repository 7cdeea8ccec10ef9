//! What far ends are told of where we are, read from our own messages: Via, Contact and session description agree, over
//! every transport, whether the address is our own, written in the configuration, or learned from a registrar or a STUN server.
//!
//! These tests stand in a network of their own with an inner and an outer address, as behind a router: nothing of this
//! machine's network is touched.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::stage::desk::Desk;
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, wait_until};
use crate::stage::{CALLER, LINE};

/// Where the desk is, behind its router.
const INSIDE: &str = "192.168.7.2";
/// Where the carrier is.
const CARRIER: &str = "198.51.100.9";
/// Where others see the desk.
const OUTSIDE: &str = "203.0.113.5";
/// Nobody in this network takes longer.
const SOON: Duration = Duration::from_secs(60);

/// Runs the test of this name again in a network of its own. True in there; false if that was done, or cannot be here.
fn is_in_a_network_of_its_own(test: &str) -> bool {
    const INSIDE_IT: &str = "FIRSTRING_TEST_NETWORK";
    if std::env::var_os(INSIDE_IT).is_some() {
        return true;
    }
    let network = ["--user", "--map-root-user", "--net"];
    let addresses =
        format!("ip addr add {INSIDE}/24 dev lo && ip addr add {CARRIER}/32 dev lo && ip link set lo up");
    let can =
        Command::new("unshare").args(network).args(["sh", "-c", &addresses]).stderr(Stdio::null()).status();
    if !can.is_ok_and(|status| status.success()) {
        eprintln!(
            "skipped: no network of its own can be had here; apt install iproute2, and allow user namespaces"
        );
        return false;
    }
    let again = std::env::current_exe().unwrap();
    let status = Command::new("unshare")
        .args(network)
        .args(["sh", "-c", &format!("{addresses} && exec \"$0\" \"$@\"")])
        .arg(again)
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE_IT, "1")
        .status();
    assert!(status.unwrap().success(), "{test} fails in a network of its own");
    false
}

/// A far end at the carrier's address, over any transport.
enum Peer {
    Udp(UdpSocket, SocketAddr),
    Tcp(TcpStream),
    Tls(Child, ChildStdin, Receiver<Vec<u8>>),
}

impl Peer {
    fn udp(desk: SocketAddr) -> Peer {
        Peer::Udp(UdpSocket::bind((CARRIER, 0)).unwrap(), desk)
    }

    fn tcp(desk: SocketAddr) -> Peer {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(CARRIER.parse().unwrap(), 0).into()).unwrap();
        socket.connect(&desk.into()).unwrap();
        Peer::Tcp(socket.into())
    }

    fn tls(desk: SocketAddr) -> Peer {
        let mut child = Command::new("openssl")
            .args(["s_client", "-quiet", "-connect", &desk.to_string(), "-bind", &format!("{CARRIER}:0")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (said, mut heard) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (tell, told) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 8_192];
            while let Ok(length @ 1..) = heard.read(&mut buffer) {
                if tell.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Peer::Tls(child, said, told)
    }

    /// A phone answers to where it was called from.
    fn toward(mut self, desk: SocketAddr) -> Peer {
        if let Peer::Udp(_, to) = &mut self {
            *to = desk;
        }
        self
    }

    fn us(&self) -> SocketAddr {
        match self {
            Peer::Udp(socket, _) => socket.local_addr().unwrap(),
            Peer::Tcp(stream) => stream.local_addr().unwrap(),
            Peer::Tls(..) => SocketAddr::new(CARRIER.parse().unwrap(), 5061),
        }
    }

    fn transport(&self) -> &'static str {
        match self {
            Peer::Udp(..) => "UDP",
            Peer::Tcp(_) => "TCP",
            Peer::Tls(..) => "TLS",
        }
    }

    fn say(&mut self, text: &str) {
        match self {
            Peer::Udp(socket, desk) => drop(socket.send_to(text.as_bytes(), *desk).unwrap()),
            Peer::Tcp(stream) => stream.write_all(text.as_bytes()).unwrap(),
            Peer::Tls(_, said, _) => said.write_all(text.as_bytes()).and_then(|()| said.flush()).unwrap(),
        }
    }

    /// What comes in next, if anything does before this moment.
    fn next(&mut self, until: Instant) -> Option<Vec<u8>> {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let mut buffer = vec![0; 8_192];
        let read = match self {
            Peer::Udp(socket, _) => {
                socket.set_read_timeout(Some(left)).unwrap();
                socket.recv(&mut buffer)
            }
            Peer::Tcp(stream) => {
                stream.set_read_timeout(Some(left)).unwrap();
                stream.read(&mut buffer)
            }
            Peer::Tls(_, _, told) => {
                return match told.recv_timeout(left) {
                    Ok(bytes) => Some(bytes),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => panic!("the desk has closed the connection"),
                };
            }
        };
        match read {
            Ok(length) => Some(buffer[..length].to_vec()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// The first whole message that begins so; others are passed over.
    fn hears(&mut self, begins: &str) -> String {
        let until = Instant::now() + SOON;
        let mut heard = String::new();
        loop {
            while let Some((message, rest)) = cut(&heard) {
                if message.starts_with(begins) {
                    return message;
                }
                if message.starts_with("REGISTER ") {
                    self.grants(&message);
                }
                heard = rest;
            }
            assert!(Instant::now() < until, "waited in vain for {begins}");
            if let Some(bytes) = self.next(until) {
                heard.push_str(std::str::from_utf8(&bytes).unwrap());
            }
        }
    }

    /// Calls the line, and gives the desk's 200.
    fn calls(&mut self, desk: SocketAddr, name: &str) {
        let (us, transport) = (self.us(), self.transport());
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 {CARRIER}\r\ns=-\r\nc=IN IP4 {CARRIER}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
        );
        self.say(&format!(
            "INVITE sip:{LINE}@{desk} SIP/2.0\r\nVia: SIP/2.0/{transport} {us};branch=z9hG4bK{name}\r\nMax-Forwards: 70\r\n\
             From: <sip:{CALLER}@{CARRIER}>;tag={name}\r\nTo: <sip:{LINE}@{desk}>\r\nCall-ID: {name}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:{us};transport={}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            transport.to_lowercase(),
            body.len()
        ));
    }

    /// Takes the answer, and hangs up.
    fn is_done(&mut self, answer: &str) {
        let (us, transport) = (self.us(), self.transport());
        let name = header(answer, "Call-ID");
        for (method, number) in [("ACK", 1), ("BYE", 2)] {
            self.say(&format!(
                "{method} {contact} SIP/2.0\r\nVia: SIP/2.0/{transport} {us};branch=z9hG4bK{name}{method}\r\nMax-Forwards: 70\r\n\
                 From: {from}\r\nTo: {to}\r\nCall-ID: {name}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n",
                contact = header(answer, "Contact").trim_matches(['<', '>']),
                from = header(answer, "From"),
                to = header(answer, "To"),
            ));
        }
        self.hears("SIP/2.0 200");
    }

    /// Grants a registration, and says where it came from as a router makes it look. RFC 3581 section 4.
    fn grants(&mut self, asked: &str) {
        let seen = header(asked, "Via").replace(";rport", &format!(";rport=40001;received={OUTSIDE}"));
        let kept =
            ["From", "Call-ID", "CSeq", "Contact"].map(|name| format!("{name}: {}\r\n", header(asked, name)));
        self.say(&format!(
            "SIP/2.0 200 OK\r\nVia: {seen}\r\n{}To: {};tag=granted\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n",
            kept.concat(),
            header(asked, "To")
        ));
    }

    /// Says no to a call.
    fn is_busy(&mut self, invite: &str) {
        let kept =
            ["Via", "From", "Call-ID", "CSeq"].map(|name| format!("{name}: {}\r\n", header(invite, name)));
        let to = header(invite, "To");
        self.say(&format!(
            "SIP/2.0 486 Busy Here\r\n{}To: {to};tag=phone\r\nContent-Length: 0\r\n\r\n",
            kept.concat()
        ));
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Peer::Tls(child, ..) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The first whole message, and what comes after it.
fn cut(heard: &str) -> Option<(String, String)> {
    let heard = heard.trim_start_matches(['\r', '\n']);
    let head = heard.find("\r\n\r\n")? + 4;
    let length: usize = header(heard, "Content-Length").parse().unwrap();
    let whole = heard.get(..head + length)?;
    Some((whole.to_owned(), heard[head + length..].to_owned()))
}

fn header(message: &str, name: &str) -> String {
    let begin = format!("{name}: ");
    message.lines().find_map(|line| line.strip_prefix(&begin)).unwrap_or_default().to_owned()
}

/// The host part of `<sip:HOST:PORT;transport=tcp>` or `SIP/2.0/UDP HOST:PORT;branch=…`.
fn host(value: &str) -> &str {
    let after = value.rsplit_once("sip:").or_else(|| value.split_once(' ')).map_or(value, |(_, after)| after);
    after.split([':', ';', '>']).next().unwrap()
}

/// Every place of a message of ours that says where we are.
fn places(message: &str) -> Vec<(&'static str, String)> {
    let mut places = vec![("Contact", host(&header(message, "Contact")).to_owned())];
    if !message.starts_with("SIP/2.0") {
        places.push(("Via", host(&header(message, "Via")).to_owned()));
    }
    for (name, begin) in [("c=", "c=IN IP4 "), ("o=", "o=")] {
        let line = message
            .lines()
            .find(|line| line.starts_with(begin))
            .unwrap_or_else(|| panic!("no {name} in {message}"));
        places.push((name, line.rsplit(' ').next().unwrap().to_owned()));
    }
    places
}

fn says_where(message: &str, wanted: &str) {
    for (place, told) in places(message) {
        assert_eq!(told, wanted, "{place} of\n{message}");
    }
}

/// A place whose desk listens behind a router, on every transport; people are rung at this address, over that transport.
fn place_inside(sip: &str, trunk: &str, person: SocketAddr) -> Place {
    let place = Place::new();
    issue_certificate(place.folder());
    let port = place.sip;
    let listen =
        format!("\"udp:{INSIDE}:{port}\", \"tcp:{INSIDE}:{port}\", \"tls:{INSIDE}:{}\"", tls_port(&place));
    place.says(&format!("\"udp:127.0.0.1:{port}\""), &listen);
    place.says("rtp_ports", &format!("{sip}\nrtp_ports"));
    place.says("[web]", "[sip.tls]\ncertificate = \"host.pem\"\nkey = \"host.key\"\n[web]");
    place.says("accept_from = [\"127.0.0.1\"]", &format!("accept_from = [\"{CARRIER}\"]\n{trunk}"));
    place.proxy_is(&person.to_string());
    place.says("steps = [\"assistant\", { ring", "steps = [{ ring");
    place.bring_prompts();
    place
}

fn tls_port(place: &Place) -> u16 {
    // The console's port is free for anything but the console's own address.
    place.web
}

fn issue_certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "3",
        ])
        .args(["-subj", "/CN=desk.example.com", "-keyout", "host.key", "-out", "host.pem"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Calls over UDP, TCP and TLS; each rings the person first. What we say to either tells one address.
fn every_message_tells(place: &Place, person: &mut Peer, wanted: &str) {
    let inside: IpAddr = INSIDE.parse().unwrap();
    let (plain, secret) = (SocketAddr::new(inside, place.sip), SocketAddr::new(inside, tls_port(place)));
    for (mut peer, desk) in
        [(Peer::udp(plain), plain), (Peer::tcp(plain), plain), (Peer::tls(secret), secret)]
    {
        let name = format!("call-{}", peer.transport());
        peer.calls(desk, &name);
        let rung = person.hears("INVITE ");
        says_where(&rung, wanted);
        person.is_busy(&rung);
        let answer = peer.hears("SIP/2.0 200");
        says_where(&answer, wanted);
        peer.is_done(&answer);
    }
}

fn person_over_udp() -> (Peer, SocketAddr) {
    let socket = UdpSocket::bind((CARRIER, 0)).unwrap();
    let at = socket.local_addr().unwrap();
    (Peer::Udp(socket, at), at)
}

fn desk_of(place: &Place) -> SocketAddr {
    SocketAddr::new(INSIDE.parse().unwrap(), place.sip)
}

fn has_logged(desk: &Desk, what: &str) {
    wait_until(what, SOON, || desk.logged().contains(what).then_some(()));
}

#[test]
fn our_messages_tell_one_address_whether_it_is_our_own_or_a_written_one() {
    let _turn = Turn::beside_others();
    if !is_in_a_network_of_its_own("our_messages_tell_one_address_whether_it_is_our_own_or_a_written_one") {
        return;
    }
    for (sip, wanted) in [("", INSIDE), ("advertise = \"203.0.113.5\"", OUTSIDE)] {
        let (person, at) = person_over_udp();
        let place = place_inside(sip, "", at);
        let desk = place.open();
        every_message_tells(&place, &mut person.toward(desk_of(&place)), wanted);
        let is_hidden = desk.logged().contains("nobody says where it is reached from outside");
        assert_eq!(is_hidden, sip.is_empty(), "{}", desk.logged());
    }
}

#[test]
fn over_tcp_a_person_is_told_the_same_address_everywhere() {
    let _turn = Turn::beside_others();
    if !is_in_a_network_of_its_own("over_tcp_a_person_is_told_the_same_address_everywhere") {
        return;
    }
    let listener = TcpListener::bind((CARRIER, 0)).unwrap();
    let place =
        place_inside("advertise = \"203.0.113.5\"", "transport = \"tcp\"", listener.local_addr().unwrap());
    let _desk = place.open();
    let mut caller = Peer::udp(desk_of(&place));
    caller.calls(desk_of(&place), "tcp");
    let mut person = Peer::Tcp(listener.accept().unwrap().0);
    let rung = person.hears("INVITE ");
    assert!(header(&rung, "Via").starts_with("SIP/2.0/TCP "), "{rung}");
    says_where(&rung, OUTSIDE);
    person.is_busy(&rung);
    let answer = caller.hears("SIP/2.0 200");
    caller.is_done(&answer);
}

#[test]
fn our_messages_tell_the_address_at_which_a_registrar_sees_us() {
    let _turn = Turn::beside_others();
    if !is_in_a_network_of_its_own("our_messages_tell_the_address_at_which_a_registrar_sees_us") {
        return;
    }
    // The trunk's proxy is the registrar as well.
    let (person, at) = person_over_udp();
    let trunk =
        "register = true\nusername = \"rivera\"\npassword = \"file:password\"\nregistrar = \"example.com\"";
    let place = place_inside("", trunk, at);
    std::fs::write(place.folder().join("password"), "correct horse").unwrap();
    let desk = place.open();
    let mut person = person.toward(desk_of(&place));
    let asked = person.hears("REGISTER ");
    person.grants(&asked);
    has_logged(&desk, "A registrar sees us at a public address");
    every_message_tells(&place, &mut person, OUTSIDE);
}

/// An answer to the question of this number that sees us at the outer address. RFC 8489 section 14.2.
fn seen_outside(number: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x01, 0x01, 0, 12, 0x21, 0x12, 0xa4, 0x42];
    bytes.extend(number);
    bytes.extend([0, 0x20, 0, 8, 0, 1]);
    bytes.extend((40_001_u16 ^ 0x2112).to_be_bytes());
    let IpAddr::V4(outside) = OUTSIDE.parse().unwrap() else { panic!("{OUTSIDE} is of the older kind") };
    bytes.extend((u32::from(outside) ^ 0x2112_a442).to_be_bytes());
    bytes
}

/// The number of the next question, and where it came from.
fn asked(server: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 100];
    server.set_read_timeout(Some(SOON)).unwrap();
    let (length, from) = server.recv_from(&mut buffer).unwrap();
    assert_eq!((length, &buffer[..8]), (20, &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..]));
    (buffer[8..20].to_vec(), from)
}

/// What was sent to the desk before this was read by it.
fn is_there(desk: SocketAddr) {
    let mut peer = Peer::udp(desk);
    let us = peer.us();
    peer.say(&format!(
        "OPTIONS sip:{desk} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bKthere\r\nMax-Forwards: 70\r\n\
         From: <sip:{us}>;tag=there\r\nTo: <sip:{desk}>\r\nCall-ID: there\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ));
    peer.hears("SIP/2.0 200");
}

#[test]
fn a_stun_server_is_asked_from_the_socket_of_our_calls_and_only_its_own_answer_counts() {
    let _turn = Turn::beside_others();
    if !is_in_a_network_of_its_own(
        "a_stun_server_is_asked_from_the_socket_of_our_calls_and_only_its_own_answer_counts",
    ) {
        return;
    }
    let server = UdpSocket::bind((CARRIER, 0)).unwrap();
    let (person, at) = person_over_udp();
    let place = place_inside(&format!("stun = \"{}\"", server.local_addr().unwrap()), "", at);
    let desk = place.open();
    let (number, from) = asked(&server);
    assert_eq!(from, desk_of(&place), "asked from the very socket that calls come in on");
    // Silence: the same question again. Then a wrong number, and the right one from elsewhere.
    assert_eq!(asked(&server), (number.clone(), from));
    server.send_to(&seen_outside(&[7; 12]), from).unwrap();
    UdpSocket::bind((CARRIER, 0)).unwrap().send_to(&seen_outside(&number), from).unwrap();
    is_there(from);
    assert!(!desk.logged().contains("A STUN server sees us"), "neither was an answer: {}", desk.logged());
    server.send_to(&seen_outside(&number), from).unwrap();
    has_logged(&desk, "A STUN server sees us at a public address");
    every_message_tells(&place, &mut person.toward(desk_of(&place)), OUTSIDE);
}
