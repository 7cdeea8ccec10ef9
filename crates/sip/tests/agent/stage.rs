//! The stage of the tests: an agent, a clock, and ears on what it says.

use std::net::SocketAddr;
use std::time::Duration;

use sip::{Action, Agent, Call, Event, Identity, LegId, Notice, Order, Path, Peer, Setup, message};

/// Where the agent listens.
pub const HERE: &str = "203.0.113.5:5060";
/// Where the trunk speaks from.
pub const TRUNK: &str = "192.0.2.10:5060";
/// Somebody who is nobody's peer.
pub const STRANGER: &str = "198.51.100.66:5060";
/// A person's phone that is no peer either.
pub const PHONE: &str = "198.51.100.20:5062";

/// An offer as a phone makes it.
pub const OFFER: &str = "v=0\r\no=phone 7 7 IN IP4 192.0.2.10\r\ns=call\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n\
                         m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";
/// What we say to it.
pub const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 203.0.113.5\r\ns=-\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\n\
                          m=audio 20000 RTP/AVP 0\r\n";

pub fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

pub fn setup() -> Setup {
    let peer = |name: &str, networks: &[&str]| Peer {
        name: name.into(),
        accept_from: networks.iter().map(|network| network.parse().expect("a network")).collect(),
        accept_domains: Vec::new(),
    };
    let peers = vec![peer("trunk", &["192.0.2.0/24", "2001:db8::/32"]), peer("pbx", &["198.51.100.128/25"])];
    Setup { product: "Desk/1".into(), peers, ..Setup::default() }
}

/// An agent on stage.
pub struct Desk {
    pub agent: Agent,
    pub now: Duration,
    sent: Vec<(Path, String)>,
    told: Vec<Notice>,
}

impl Desk {
    pub fn new() -> Desk {
        Desk::with(setup())
    }

    pub fn with(setup: Setup) -> Desk {
        Desk { agent: Agent::new(setup, [7, 9]), now: Duration::ZERO, sent: Vec::new(), told: Vec::new() }
    }

    /// The trunk says something.
    pub fn hear(&mut self, text: &str) {
        self.hear_from(TRUNK, text);
    }

    pub fn hear_from(&mut self, remote: &str, text: &str) {
        self.hear_bytes(remote, text.as_bytes());
    }

    pub fn hear_bytes(&mut self, remote: &str, bytes: &[u8]) {
        let path = Path::udp(address(HERE), address(remote));
        self.agent.handle(Event::Received { path, bytes: bytes.to_vec() }, self.now);
        self.drain();
    }

    pub fn order(&mut self, order: Order) {
        self.happens(Event::Order(order));
    }

    pub fn happens(&mut self, event: Event) {
        self.agent.handle(event, self.now);
        self.drain();
    }

    /// Lets time pass, waking the agent when it wants to be woken.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.agent.poll_deadline().filter(|deadline| deadline.at <= end) {
            assert!(deadline.at >= self.now, "{deadline:?} lies in the past");
            self.now = deadline.at;
            self.agent.handle_deadline(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(action) = self.agent.poll_action() {
            match action {
                Action::Send { path, bytes } => {
                    // A refusal has to copy every Via, however many too many there are.
                    let fault = message::parse(&bytes).expect("we write messages").fault();
                    assert!(matches!(fault, None | Some(message::Fault::TooManyVias)), "{fault:?}");
                    self.sent.push((path, String::from_utf8(bytes).expect("we write text")));
                }
                Action::Tell(notice) => self.told.push(notice),
            }
        }
        let counts = self.agent.counts();
        assert!(counts.legs == 0 || self.agent.poll_deadline().is_some(), "a live leg has a deadline");
    }

    /// What was sent since the last question.
    pub fn sent(&mut self) -> Vec<String> {
        self.sent_with_paths().into_iter().map(|(_, text)| text).collect()
    }

    pub fn sent_with_paths(&mut self) -> Vec<(Path, String)> {
        std::mem::take(&mut self.sent)
    }

    /// The first lines of what was sent, without the version.
    pub fn said(&mut self) -> Vec<String> {
        self.sent()
            .iter()
            .map(|text| {
                let line = text.lines().next().unwrap_or("");
                line.strip_prefix("SIP/2.0 ")
                    .unwrap_or_else(|| line.split(' ').next().unwrap_or(""))
                    .to_owned()
            })
            .collect()
    }

    /// What was told since the last question.
    pub fn told(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.told)
    }

    /// The names of what was told.
    pub fn news(&mut self) -> Vec<String> {
        self.told()
            .iter()
            .map(|notice| format!("{notice:?}").split([' ', '(']).next().unwrap_or("").to_owned())
            .collect()
    }

    /// The trunk calls; the leg that comes of it.
    pub fn invited(&mut self, call_id: &str) -> LegId {
        self.hear(&invite(call_id, OFFER));
        self.told()
            .iter()
            .find_map(|notice| match notice {
                Notice::Invited(invitation) => Some(invitation.leg),
                _ => None,
            })
            .expect("the call came in")
    }

    /// The trunk calls and is answered; the leg and our tag.
    pub fn talking(&mut self, call_id: &str) -> (LegId, String) {
        let leg = self.invited(call_id);
        self.order(Order::Answer { leg, sdp: ANSWER.into() });
        let answer = self.sent().pop().expect("the 200");
        let tag = tag(&answer, "To");
        self.hear(&inside("ACK", call_id, 1, &tag, ""));
        self.told();
        (leg, tag)
    }

    /// We call the phone; the leg and the INVITE.
    pub fn calls(&mut self) -> (LegId, String) {
        let leg = LegId::placed(1);
        self.order(Order::Call(Box::new(call(leg))));
        (leg, self.sent().pop().expect("the INVITE"))
    }

    /// We call the phone and it answers; the leg and the INVITE.
    pub fn called(&mut self) -> (LegId, String) {
        let (leg, invite) = self.calls();
        self.hear_from(PHONE, &reply(&invite, 200, "p1", OFFER));
        self.sent();
        self.told();
        (leg, invite)
    }
}

pub fn call(leg: LegId) -> Call {
    Call {
        leg,
        target: format!("sip:dana@{PHONE}").parse().expect("a URI"),
        path: Path::udp(address(HERE), address(PHONE)),
        from: Identity {
            display: "Front \"Desk\"".into(),
            user: "+13125550100".into(),
            host: "example.com".into(),
        },
        extra: Vec::new(),
        sdp: ANSWER.into(),
        ring_for: Duration::from_secs(20),
    }
}

/// An INVITE as the trunk writes it.
pub fn invite(call_id: &str, sdp: &str) -> String {
    let body =
        if sdp.is_empty() { "\r\n".into() } else { format!("Content-Type: application/sdp\r\n\r\n{sdp}") };
    format!(
        "INVITE sip:+13125550100@203.0.113.5 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{call_id};rport\r\n\
         Max-Forwards: 70\r\nFrom: \"Pat\" <sip:+13125550143@192.0.2.10>;tag=far\r\nTo: <sip:+13125550100@203.0.113.5>\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:trunk@192.0.2.10:5060>\r\n{body}"
    )
}

/// A request of the trunk inside the call; its ACK has a branch of its own, as for a 2xx.
pub fn inside(method: &str, call_id: &str, cseq: u32, tag: &str, sdp: &str) -> String {
    let body =
        if sdp.is_empty() { "\r\n".into() } else { format!("Content-Type: application/sdp\r\n\r\n{sdp}") };
    format!(
        "{method} sip:203.0.113.5:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{call_id}-{method}-{cseq};rport\r\n\
         Max-Forwards: 70\r\nFrom: \"Pat\" <sip:+13125550143@192.0.2.10>;tag=far\r\nTo: <sip:+13125550100@203.0.113.5>;tag={tag}\r\n\
         Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:trunk@192.0.2.10:5060>\r\n{body}"
    )
}

/// A reply of a far end to a request of ours, with a tag and, if `sdp` is not empty, a description.
pub fn reply(request: &str, status: u16, tag: &str, sdp: &str) -> String {
    let mut text = format!("SIP/2.0 {status} Whatever\r\n");
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        text.push_str(&format!("{name}: {}\r\n", header(request, name)));
    }
    let to = header(request, "To");
    let tag = if to.contains(";tag=") || tag.is_empty() { String::new() } else { format!(";tag={tag}") };
    text.push_str(&format!("To: {to}{tag}\r\nContact: <sip:dana@{PHONE}>\r\n"));
    if !sdp.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    format!("{text}\r\n{sdp}")
}

/// The value of a header, or nothing.
pub fn header(text: &str, name: &str) -> String {
    let begin = format!("{name}: ");
    let lines = text.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.strip_prefix(&begin)).next().unwrap_or("").to_owned()
}

/// The tag of From or To.
pub fn tag(text: &str, name: &str) -> String {
    header(text, name).split(";tag=").nth(1).unwrap_or("").to_owned()
}
