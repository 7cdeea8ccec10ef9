//! One message to our user agent from an accepted address, and what became of it.
//!
//! The messages come from `sipx-testkit`, bit by bit out of the archives in RFC 4475 and RFC 5118. What each of them gets
//! stands in [`ipv4`] and [`ipv6`], with a reason; a test compares both, and writes `docs/torture.md` from them.
//!
//! Rule: whatever arrives is taken, answered once, or dropped, and the next message is served.

pub mod ipv4;
pub mod ipv6;
mod page;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use sip::{Action, Agent, Counts, Event, Notice, Path, Peer, Setup, message};

pub use page::page;

const IPV4: [&str; 2] = ["203.0.113.5:5060", "192.0.2.10:5060"];
const IPV6: [&str; 2] = ["[2001:db8:2::5]:5060", "[2001:db8::10]:5060"];

/// What is expected of one message.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name in the RFC.
    pub name: &'static str,
    /// What becomes of it.
    pub fate: Fate,
    /// What becomes of it as an OPTIONS, where its own method is not served and nothing else of it was looked at.
    pub as_options: Option<Fate>,
    /// Why that is right.
    pub why: &'static str,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// A caller: told, and 100 sent. It rings from here on.
    Rings,
    /// Answered with this status, and nothing remembered.
    Gets(u16),
    /// No answer, and nothing remembered.
    Dropped,
}

impl fmt::Display for Fate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Rings => write!(out, "rings"),
            Fate::Gets(status) => write!(out, "{status}"),
            Fate::Dropped => write!(out, "dropped"),
        }
    }
}

const fn row(name: &'static str, fate: Fate, why: &'static str) -> Row {
    Row { name, fate, as_options: None, why }
}

/// A row of a message whose method is refused (405) before anything else of it is looked at.
const fn refused(name: &'static str, as_options: Fate, why: &'static str) -> Row {
    Row { name, fate: Fate::Gets(405), as_options: Some(as_options), why }
}

/// The message with OPTIONS in the place of its method.
pub fn as_options(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let method = text.trim_start().split(' ').next().unwrap_or("").to_owned();
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    for (at, line) in lines.iter_mut().enumerate() {
        if at == 0 || line.to_ascii_lowercase().starts_with("cseq") {
            *line = line.replacen(&method, "OPTIONS", 1);
        }
    }
    lines.join("\n").into_bytes()
}

/// Says what becomes of a message that arrives over IPv4, or over IPv6. Panics if we write what we cannot read, answer
/// more than once, or remember something of what we did not take.
pub fn fate(bytes: &[u8], v6: bool) -> Fate {
    let [here, trunk] = if v6 { IPV6 } else { IPV4 }.map(address);
    let path = Path::udp(here, trunk);
    let peer = Peer { name: "trunk".into(), accept_from: vec![trunk.ip().into()], accept_domains: Vec::new() };
    let setup = Setup { product: "Desk/1".into(), peers: vec![peer], ..Setup::default() };
    let mut agent = Agent::new(setup, [7, 9]);
    let (first, invited) = tell(&mut agent, path, bytes);
    let (again, _) = tell(&mut agent, path, bytes);
    assert_eq!(again, first, "a repetition gets the same");
    assert!(first.len() <= 1, "one answer at most: {first:?}");
    let (alive, _) = tell(&mut agent, path, &options(path));
    assert_eq!(alive, [200], "the next one is served");
    if invited {
        assert_eq!(first, [100]);
        return Fate::Rings;
    }
    let counts = agent.counts();
    let nothing = Counts { unreadable_packets: counts.unreadable_packets, ..Counts::default() };
    assert_eq!(counts, nothing, "nothing is remembered");
    first.first().map_or(Fate::Dropped, |status| Fate::Gets(*status))
}

/// The statuses that a message is answered with, and whether it was taken as a call.
fn tell(agent: &mut Agent, path: Path, bytes: &[u8]) -> (Vec<u16>, bool) {
    agent.handle(Event::Received { path, bytes: bytes.to_vec() }, Duration::ZERO);
    let (mut sent, mut invited) = (Vec::new(), false);
    while let Some(action) = agent.poll_action() {
        if let Action::Send { bytes, .. } = &action {
            sent.push(status(bytes));
        }
        invited |= matches!(action, Action::Tell(Notice::Invited(_)));
    }
    (sent, invited)
}

fn status(reply: &[u8]) -> u16 {
    let reply = message::parse(reply).expect("we write messages");
    assert_eq!(reply.fault(), None, "we write them whole");
    reply.status().expect("a reply")
}

fn options(path: Path) -> Vec<u8> {
    format!(
        "OPTIONS sip:desk@{} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKalive\r\nFrom: <sip:a@example.com>;tag=1\r\n\
         To: <sip:desk@example.com>\r\nCall-ID: alive\r\nCSeq: 1 OPTIONS\r\n\r\n",
        path.local, path.remote
    )
    .into_bytes()
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}
