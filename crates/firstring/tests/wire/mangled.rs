//! Broken messages from a trunk at a running desk, by datagram and by connection: it goes on answering, and nothing of them stays.
//!
//! `make check` sends 1,500, `FIRSTRING_SOAK=1` 100,000; `FIRSTRING_SOAK_SEED` says where the chance begins. What each part of
//! the user agent makes of such messages is tried by the hundred thousand in `sip`, without a socket.

#[path = "../../../sip/tests/mangling/mod.rs"]
mod mangling;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::stage::desk::Desk;
use crate::stage::office::Office;
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, wait_until};
use crate::stage::{CALLER, LINE};
use mangling::{Chance, mutate};

/// Broken messages beside one live call, before the desk has to answer a whole one.
const SCENE: u32 = 50;
/// Equal parts of the whole, the first of which warm up.
const ROUNDS: usize = 6;
const WARM: usize = 2;
/// So long what is said again is known for what it is. Source: RFC 3261, section 17.2.2, timer J, and some more.
const REPETITIONS_END: Duration = Duration::from_secs(36);
/// What is asked of a desk that is up is answered so soon, however busy the machine is.
const ANSWERED: Duration = Duration::from_secs(20);
/// A call whose 200 nobody acknowledges is given up after 32 s. Source: RFC 3261, section 13.3.1.4.
const FORGOTTEN: Duration = Duration::from_secs(60);

#[test]
fn broken_messages_leave_nothing_behind_in_a_running_desk() {
    let _turn = Turn::alone();
    let soak = std::env::var_os("FIRSTRING_SOAK").is_some();
    let scenes = if soak { 100_000 } else { 1_500 } / SCENE;
    let place = Place::of(&Office { channels: 40, ports: 200, ..Office::default() });
    let udp = format!("\"udp:127.0.0.1:{}\"", place.sip);
    place.says(&udp, &format!("{udp}, \"tcp:127.0.0.1:{}\"", place.sip));
    place.takes_all();
    place.bring_prompts();
    let desk = place.open();
    let mut trunk = Trunk::of(&desk);
    // What a first call opens for good, and the memory that as many take, is there before anything is counted.
    let mut round = || {
        trunk.scenes(scenes / ROUNDS as u32);
        is_quiet(&desk);
        if soak {
            std::thread::sleep(REPETITIONS_END);
        }
        (desk.descriptors(), desk.memory_kib())
    };
    let rounds: Vec<(usize, u64)> = (0..ROUNDS).map(|_| round()).collect();
    let ((descriptors, memory), (_, now)) = (rounds[WARM - 1], rounds[ROUNDS - 1]);
    eprintln!("{} broken messages; descriptors and KiB after each round: {rounds:?}", scenes * SCENE);
    wait_until("no descriptor is left open", Duration::from_secs(20), || {
        (desk.descriptors() <= descriptors).then_some(())
    });
    if soak {
        assert!(now * 100 <= memory * 105, "memory grew from {memory} to {now} KiB");
    }
    desk.get("/api/v1/health");
}

fn is_quiet(desk: &Desk) {
    wait_until("every call is over", FORGOTTEN, || (desk.calls_up() == 0).then_some(()));
}

/// A trunk that has lost its mind, and hangs up what it is answered all the same.
struct Trunk {
    socket: UdpSocket,
    desk: SocketAddr,
    chance: Chance,
    scene: u32,
}

impl Trunk {
    fn of(desk: &Desk) -> Trunk {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let seed = std::env::var("FIRSTRING_SOAK_SEED").ok().and_then(|text| text.parse().ok());
        let chance = Chance::seeded(seed.unwrap_or(20_261_121));
        Trunk { socket, desk: ([127, 0, 0, 1], desk.sip).into(), chance, scene: 0 }
    }

    fn scenes(&mut self, scenes: u32) {
        for _ in 0..scenes {
            self.scene += 1;
            self.play();
        }
    }

    /// One call, broken messages about it and beside it, and a whole one that has to be answered.
    fn play(&mut self) {
        let call = format!("up-{}", self.scene);
        self.send(&self.request("INVITE", 1, &call, "", ""));
        let answer = self.hears("our call is answered", &format!("Call-ID: {call}\r\n"), "CSeq: 1 INVITE");
        let to = to_tag(&answer);
        self.send(&self.request("ACK", 1, &call, &to, ""));
        let corpus = self.corpus(&call, &to);
        for _ in 0..SCENE {
            let bytes = mutate(&mut self.chance, &corpus, 3);
            if self.chance.below(10) == 0 {
                self.connect(&bytes)
            } else {
                self.fire(&bytes)
            }
            self.end_what_is_answered();
        }
        let alive = format!("alive-{}", self.scene);
        self.send(&self.request("OPTIONS", 1, &alive, "", ""));
        self.hears("the desk answers after broken messages", &alive, "SIP/2.0 200");
        self.send(&self.request("BYE", 90, &call, &to, ""));
        self.hears("the call is over, whoever ended it", &call, "CSeq: 90 BYE");
    }

    /// Whole messages of the live call, and of new ones.
    fn corpus(&self, call: &str, to: &str) -> Vec<Vec<u8>> {
        let inside = |method: &str, number: u32, line: &str| self.request(method, number, call, to, line);
        let replaces = format!("Replaces: {call};to-tag=x;from-tag=y\r\n");
        let texts = [
            inside("INVITE", 2, ""),
            inside("ACK", 2, ""),
            inside("UPDATE", 3, "Session-Expires: 90\r\nSupported: timer\r\n"),
            inside("INFO", 4, "Content-Type: application/dtmf-relay\r\n"),
            inside("PRACK", 5, "RAck: 1 1 INVITE\r\n"),
            inside("REFER", 6, "Refer-To: <sip:a@b>\r\n"),
            inside("OPTIONS", 7, ""),
            inside("BYE", 8, ""),
            self.request("INVITE", 1, &format!("new-{}", self.scene), "", ""),
            self.request("INVITE", 1, &format!("replacing-{}", self.scene), "", &replaces),
            self.request("CANCEL", 1, call, "", ""),
            self.request("REGISTER", 1, call, "", "Contact: *\r\nExpires: 0\r\n"),
        ];
        texts.into_iter().map(String::into_bytes).collect()
    }

    fn request(&self, method: &str, number: u32, call: &str, to: &str, line: &str) -> String {
        let (us, desk) = (self.socket.local_addr().unwrap(), self.desk);
        let has_offer = ["INVITE", "UPDATE"].contains(&method);
        let offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0 101\r\n\
                     a=rtpmap:101 telephone-event/8000\r\n";
        let (kind, body) =
            if has_offer { ("Content-Type: application/sdp\r\n", offer) } else { ("", "Signal=5\r\n") };
        format!(
            "{method} sip:{LINE}@{desk} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK-{call}-{number}-{method};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{CALLER}@{us}>;tag=far\r\nTo: <sip:{LINE}@{desk}>{to}\r\n\
             Call-ID: {call}\r\nCSeq: {number} {method}\r\nContact: <sip:{us}>\r\n{line}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn send(&self, text: &str) {
        self.fire(text.as_bytes());
    }

    fn fire(&self, bytes: &[u8]) {
        // What is too long for a datagram, or finds the queue full, is a packet lost.
        let _ = self.socket.send_to(bytes, self.desk);
    }

    /// The same over a connection that nobody closes politely.
    fn connect(&self, bytes: &[u8]) {
        let Ok(mut stream) = TcpStream::connect(self.desk) else { return };
        let _ = stream.write_all(bytes);
    }

    /// The next message, if there is one already.
    fn heard(&self) -> Option<String> {
        let mut buffer = [0; 8_192];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// The next message, waited for.
    fn hears_next(&self, what: &str, until: Instant) -> String {
        self.socket.set_nonblocking(false).unwrap();
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(left)).unwrap();
        let message = self.heard();
        self.socket.set_nonblocking(true).unwrap();
        message.unwrap_or_else(|| panic!("waited {ANSWERED:?} in vain until {what}"))
    }

    /// Waits for a message with both pieces; other calls that are answered meanwhile are hung up.
    fn hears(&self, what: &str, piece: &str, other: &str) -> String {
        let until = Instant::now() + ANSWERED;
        loop {
            let message = self.hears_next(what, until);
            let is_it = message.contains(piece) && message.contains(other);
            if is_it && !message.starts_with("SIP/2.0 1") {
                return message;
            }
            self.end(&message);
        }
    }

    fn end_what_is_answered(&self) {
        while let Some(message) = self.heard() {
            self.end(&message);
        }
    }

    /// Acknowledges an answer to an INVITE and hangs up, unless it is the scene's own call; says yes to requests.
    fn end(&self, message: &str) {
        let line = |name: &str| message.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        if !message.starts_with("SIP/2.0 ") {
            let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].map(line).join("\r\n");
            return self.send(&format!("SIP/2.0 200 OK\r\n{copied}\r\nContent-Length: 0\r\n\r\n"));
        }
        let is_answer = message.starts_with("SIP/2.0 2") && line("CSeq:").ends_with("INVITE");
        if !is_answer || line("Call-ID:") == format!("Call-ID: up-{}", self.scene) {
            return;
        }
        let (us, desk) = (self.socket.local_addr().unwrap(), self.desk);
        let number = line("CSeq:").split(' ').nth(1).unwrap_or("1").to_owned();
        for (method, number) in [("ACK", number), ("BYE", "2000000000".to_owned())] {
            let branch = to_tag(message).replace(";tag=", "");
            self.send(&format!(
                "{method} sip:{LINE}@{desk} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK-end-{branch}-{method};rport\r\n\
                 Max-Forwards: 70\r\n{}\r\n{}\r\n{}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n",
                line("From:"),
                line("To:"),
                line("Call-ID:")
            ));
        }
    }
}

fn to_tag(answer: &str) -> String {
    let to = answer.lines().find(|line| line.starts_with("To:")).unwrap_or_default();
    to.split_once(";tag=").map(|(_, tag)| format!(";tag={tag}")).unwrap_or_default()
}
