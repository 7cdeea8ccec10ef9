//! Where others see us: asked of a STUN server, from the very socket that calls come in on. RFC 8489.
//!
//! Only the Binding method without credentials is spoken. A [`Finder`] asks, resends, reads the answer, and asks again
//! before a router closes the door; which address is told to whom is decided elsewhere.
//!
//! Invariant: only the server that was asked is listened to, and only with the number that it was asked by, which nobody
//! can guess. Anything else is a stranger's packet and changes nothing.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::order::Path;
use crate::tokens::Tokens;

/// What every message begins with after type and length. RFC 8489 section 5.
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER: usize = 20;
const REQUEST: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const ERROR: u16 = 0x0111;
const ERROR_CODE: u16 = 0x0009;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// Attributes below this must be understood. RFC 8489 section 14.
const OPTIONAL: u16 = 0x8000;
/// Those that are, or may be passed over in an answer that was asked for without credentials.
const KNOWN: [u16; 6] = [0x0001, 0x0006, 0x0008, ERROR_CODE, 0x001c, XOR_MAPPED_ADDRESS];
/// The first pause before a request is sent again; each is twice as long as the last. RFC 8489 section 6.2.1.
const RTO: Duration = Duration::from_millis(500);
/// Requests in all (Rc), and how many RTO the last is waited for (Rm). RFC 8489 section 6.2.1.
const REQUESTS: u32 = 7;
const LAST_WAIT: u32 = 16;
/// Shorter than the 30 seconds after which common routers close a door.
const AGAIN: Duration = Duration::from_secs(25);
/// A server that says nothing, or no, is asked again so much later.
const LATER: Duration = Duration::from_secs(60);

/// The number of a question, which its answer repeats.
pub type Number = [u8; 12];

/// What a server says to a question of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It sees us here.
    Seen(SocketAddr),
    /// It does not say: the error code, 300 to 699.
    Refused(u16),
}

/// The question where we are seen.
pub fn question(number: Number) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend(REQUEST.to_be_bytes());
    bytes.extend(0_u16.to_be_bytes());
    bytes.extend(COOKIE);
    bytes.extend(number);
    bytes
}

/// Reads an answer to the question of this number; `None` if it is none, or holds what must be understood and is not.
/// Never panics.
pub fn answer(bytes: &[u8], number: Number) -> Option<Answer> {
    let (kind, length) = (word(bytes, 0)?, usize::from(word(bytes, 2)?));
    let whole = length.is_multiple_of(4) && bytes.len() == HEADER + length;
    if !whole || bytes[4..8] != COOKIE || bytes[8..HEADER] != number {
        return None;
    }
    let mut said = None;
    let mut rest = &bytes[HEADER..];
    while !rest.is_empty() {
        let (name, length) = (word(rest, 0)?, usize::from(word(rest, 2)?));
        let value = rest.get(4..4 + length)?;
        match name {
            XOR_MAPPED_ADDRESS if kind == SUCCESS => {
                said = said.or(Some(Answer::Seen(address(value, number)?)))
            }
            ERROR_CODE if kind == ERROR => said = said.or(Some(Answer::Refused(code(value)?))),
            _ if name >= OPTIONAL || KNOWN.contains(&name) || kind == ERROR => {}
            _ => return None,
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
    said
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// An address disguised from routers that rewrite what looks like one. RFC 8489 section 14.2.
fn address(value: &[u8], number: Number) -> Option<SocketAddr> {
    let mask: Vec<u8> = COOKIE.into_iter().chain(number).collect();
    let port = word(value, 2)? ^ u16::from_be_bytes([COOKIE[0], COOKIE[1]]);
    let bare: Vec<u8> = value[4..].iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
    let ip = match (value[1], value.len()) {
        (1, 8) => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(bare).ok()?)),
        (2, 20) => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bare).ok()?)),
        _ => return None,
    };
    (port != 0 && !ip.is_unspecified()).then(|| SocketAddr::new(ip, port))
}

/// The class and the rest of an error. RFC 8489 section 14.8.
fn code(value: &[u8]) -> Option<u16> {
    let [_, _, class, rest, ..] = value else { return None };
    let code = u16::from(class & 7) * 100 + u16::from(*rest);
    (300..700).contains(&code).then_some(code)
}

/// What a finder wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Put these bytes on the wire, from this socket to that one.
    Send {
        /// From the socket that calls come in on.
        path: Path,
        /// One datagram.
        bytes: Vec<u8>,
    },
    /// The server sees us here; told when that changes.
    Seen(SocketAddr),
    /// The server said nothing, or no (the code); told when that begins.
    Failed(Option<u16>),
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The question is sent again.
    Resend,
    /// No answer is expected any more.
    NoAnswer,
    /// It is time to ask anew.
    AskAgain,
}

/// When a finder is to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// Since the origin of the shell's clock.
    pub at: Duration,
    /// What for.
    pub why: Why,
}

/// How the last answer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Seen(SocketAddr),
    Failed,
}

/// Asks one server where it sees one socket of ours, for as long as it lives. The machine contract.
#[derive(Debug)]
pub struct Finder {
    path: Path,
    tokens: Tokens,
    /// The question that is open.
    open: Option<Number>,
    /// The last one that is not: its answer may come late, or twice.
    closed: Option<Number>,
    sent: u32,
    deadline: Deadline,
    last: Last,
    actions: VecDeque<Action>,
}

impl Finder {
    /// Asks at once along this path. `seed` must be secret and random: the numbers of questions come from it.
    pub fn new(path: Path, seed: [u64; 2], now: Duration) -> Finder {
        let deadline = Deadline { at: now, why: Why::AskAgain };
        let (tokens, actions) = (Tokens::new(seed), VecDeque::new());
        let mut finder = Finder {
            path,
            tokens,
            open: None,
            closed: None,
            sent: 0,
            deadline,
            last: Last::Nothing,
            actions,
        };
        finder.ask(now);
        finder
    }

    /// The way to the server.
    pub fn path(&self) -> Path {
        self.path
    }

    /// Takes a packet that came along `path`. False if it is no answer of this server's to our question: a stranger's packet.
    pub fn handle(&mut self, path: Path, bytes: &[u8], now: Duration) -> bool {
        if path.remote != self.path.remote {
            return false;
        }
        match self.open.and_then(|number| answer(bytes, number)) {
            None => return self.closed.is_some_and(|number| answer(bytes, number).is_some()),
            Some(Answer::Seen(seen)) => {
                self.rest(AGAIN, now);
                if std::mem::replace(&mut self.last, Last::Seen(seen)) != Last::Seen(seen) {
                    self.actions.push_back(Action::Seen(seen));
                }
            }
            Some(Answer::Refused(code)) => self.fail(Some(code), now),
        }
        true
    }

    /// The next thing to do; to be asked until none is left.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to come back, and why.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        Some(self.deadline)
    }

    /// Does what is due at `now`.
    pub fn handle_deadline(&mut self, now: Duration) {
        if self.deadline.at > now {
            return;
        }
        match self.deadline.why {
            Why::Resend => self.send(now),
            Why::NoAnswer => self.fail(None, now),
            Why::AskAgain => self.ask(now),
        }
    }

    /// A finder asks for ever.
    pub fn is_over(&self) -> bool {
        false
    }

    fn ask(&mut self, now: Duration) {
        let (high, low) = (self.tokens.number().to_be_bytes(), self.tokens.number().to_be_bytes());
        let mut number = [0; 12];
        number.iter_mut().zip(high.into_iter().chain(low)).for_each(|(place, byte)| *place = byte);
        (self.open, self.sent) = (Some(number), 0);
        self.send(now);
    }

    fn send(&mut self, now: Duration) {
        let Some(number) = self.open else { return };
        self.actions.push_back(Action::Send { path: self.path, bytes: question(number) });
        self.sent += 1;
        self.deadline = match self.sent {
            REQUESTS.. => Deadline { at: now + RTO * LAST_WAIT, why: Why::NoAnswer },
            sent => Deadline { at: now + RTO * (1 << (sent - 1)), why: Why::Resend },
        };
    }

    fn fail(&mut self, code: Option<u16>, now: Duration) {
        self.rest(LATER, now);
        if std::mem::replace(&mut self.last, Last::Failed) != Last::Failed {
            self.actions.push_back(Action::Failed(code));
        }
    }

    fn rest(&mut self, pause: Duration, now: Duration) {
        self.closed = self.open.take();
        self.deadline = Deadline { at: now + pause, why: Why::AskAgain };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of every example of RFC 5769.
    const NUMBER: Number = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|sign| sign.to_digit(16)).collect();
        digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
    }

    /// RFC 5769 section 2.2.
    fn answer_of_v4() -> Vec<u8> {
        bytes(
            "0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200008 0001a147
             e112a643 00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96",
        )
    }

    /// RFC 5769 section 2.3.
    fn answer_of_v6() -> Vec<u8> {
        bytes(
            "01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200014 0002a147
             0113a9fa a5d3f179 bc25f4b5 bed2b9d9 00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41 80280004
             c8fb0b4c",
        )
    }

    fn seen(text: &str) -> Option<Answer> {
        Some(Answer::Seen(text.parse().unwrap()))
    }

    #[test]
    fn the_examples_of_rfc_5769_are_read() {
        assert_eq!(answer(&answer_of_v4(), NUMBER), seen("192.0.2.1:32853"));
        assert_eq!(answer(&answer_of_v6(), NUMBER), seen("[2001:db8:1234:5678:11:2233:4455:6677]:32853"));
    }

    #[test]
    fn what_is_no_answer_to_our_question_says_nothing() {
        let good = answer_of_v4();
        for at in 0..HEADER {
            let mut other = good.clone();
            other[at] ^= 0x40;
            assert_eq!(answer(&other, NUMBER), None, "another byte {at}");
        }
        for length in 0..good.len() {
            assert_eq!(answer(&good[..length], NUMBER), None, "cut at {length}");
        }
        assert_eq!(answer(&question(NUMBER), NUMBER), None, "a question");
        let mut strange = good.clone();
        strange[HEADER] = 0x00;
        assert_eq!(answer(&strange, NUMBER), None, "an attribute that must be understood, and is not");
        let nowhere = bytes("0101000c 2112a442 b7e7a701 bc34d686 fa87dfae 00200008 0001a147 2112a442");
        assert_eq!(answer(&nowhere, NUMBER), None, "0.0.0.0");
        let refused = bytes("01110008 2112a442 b7e7a701 bc34d686 fa87dfae 00090004 00000414");
        assert_eq!(answer(&refused, NUMBER), Some(Answer::Refused(420)));
    }

    fn path() -> Path {
        Path::udp("192.168.1.5:5060".parse().unwrap(), "192.0.2.9:3478".parse().unwrap())
    }

    /// Lets time pass until `end`; gives when something was sent, and all else that was wanted.
    fn pass(finder: &mut Finder, end: Duration) -> (Vec<Duration>, Vec<Action>) {
        let (mut sent, mut told, mut now) = (Vec::new(), Vec::new(), Duration::ZERO);
        loop {
            while let Some(action) = finder.poll_action() {
                match action {
                    Action::Send { .. } => sent.push(now),
                    other => told.push(other),
                }
            }
            let Some(next) = finder.poll_deadline().filter(|next| next.at <= end) else {
                return (sent, told);
            };
            now = next.at;
            finder.handle_deadline(now);
        }
    }

    fn asked(finder: &mut Finder) -> Number {
        let Some(Action::Send { bytes, path: along }) = finder.poll_action() else { panic!("it asks") };
        assert_eq!(along, path());
        bytes[8..].try_into().unwrap()
    }

    fn says(number: Number) -> Vec<u8> {
        let mut bytes = bytes("0101000c 2112a442");
        bytes.extend(number);
        bytes.extend(self::bytes("00200008 0001a147 e112a643"));
        bytes
    }

    #[test]
    fn a_server_that_is_silent_is_asked_seven_times_and_again_a_minute_after_it_was_given_up() {
        let mut finder = Finder::new(path(), [1, 2], Duration::ZERO);
        let (sent, told) = pass(&mut finder, Duration::from_secs(100));
        let sent: Vec<u64> = sent.iter().map(|at| u64::try_from(at.as_millis()).unwrap()).collect();
        assert_eq!(sent[..8], [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500, 99_500]);
        assert_eq!(told, [Action::Failed(None)]);
        let (_, told) = pass(&mut finder, Duration::from_secs(1_000));
        assert_eq!(told, [], "the same again is no news");
    }

    #[test]
    fn only_the_server_s_own_answer_to_the_open_question_counts() {
        let mut finder = Finder::new(path(), [1, 2], Duration::ZERO);
        let number = asked(&mut finder);
        let now = Duration::from_millis(20);
        let elsewhere = Path::udp(path().local, "192.0.2.66:3478".parse().unwrap());
        assert!(!finder.handle(elsewhere, &says(number), now), "somebody else");
        assert!(!finder.handle(path(), &says([7; 12]), now), "another number");
        assert_eq!(finder.poll_action(), None);
        assert!(finder.handle(path(), &says(number), now));
        assert_eq!(finder.poll_action(), Some(Action::Seen("192.0.2.1:32853".parse().unwrap())));
        assert!(finder.handle(path(), &says(number), now), "the same again");
        assert_eq!(finder.poll_action(), None, "the question has its answer");
        let deadline = Deadline { at: now + AGAIN, why: Why::AskAgain };
        assert_eq!(finder.poll_deadline(), Some(deadline));
        finder.handle_deadline(deadline.at);
        let next = asked(&mut finder);
        assert_ne!(next, number, "each question has a number of its own");
        assert!(finder.handle(path(), &says(next), deadline.at));
        assert_eq!(finder.poll_action(), None, "the same address is no news");
    }
}
