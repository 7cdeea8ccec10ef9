//! What one message of a leg said, without whom it names: for the record of a call, so that somebody can see afterwards
//! how it went.
//!
//! Nothing of From, To, a request URI, credentials or a body is kept. Texts that the far end chose (a reason phrase, a
//! warning) are cut, and words that look like a number or an address in them are left out.
//!
//! Invariant: everything in here is bounded, whatever the message holds.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::message::Message;
use crate::name::{Method, Name};
use crate::order::{Path, Transport};
use crate::peer::is_private;
use crate::sdp::{Connection, Direction, Media, Session, parse};
use crate::vet::read_cseq;

/// Signs that are kept of a text that the far end chose.
const TEXT: usize = 64;
/// Digits, with what people write between them, that may be somebody's number.
const NUMBER: usize = 7;
/// Codecs that are kept of one description.
const CODECS: usize = 12;
/// Kinds of media that are kept of one description.
const KINDS: usize = 4;
/// Signs of a name: of a codec, a method or a kind of media.
const NAME: usize = 24;
/// Headers that say why something was refused or ended, or what would help.
const TELLING: [&str; 5] = ["Reason", "Warning", "Retry-After", "Unsupported", "Min-SE"];
/// How many of them are kept.
const SAYS: usize = 4;

/// One message that belongs to a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Its place among the messages of its leg, from 1.
    pub number: u32,
    /// Whether we sent it.
    pub sent: bool,
    /// The method of a request, or of the request that a reply answers.
    pub method: String,
    /// Status and reason phrase of a reply.
    pub reply: Option<(u16, String)>,
    /// Number of the request.
    pub cseq: u32,
    /// How it travelled.
    pub transport: Transport,
    /// The other end.
    pub far: SocketAddr,
    /// Name and value of what tells why: Reason, Warning, Retry-After and the like.
    pub says: Vec<(String, String)>,
    /// What its description offers or takes.
    pub described: Option<Described>,
    /// The type of a body that is no session description.
    pub carries: Option<String>,
}

/// What a session description says, without where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Codecs of the first sound, the one liked best first; telephone events are told by `digits`.
    pub codecs: Vec<String>,
    /// Telephone events are among them.
    pub digits: bool,
    /// Which way the sound flows, seen from who wrote it.
    pub direction: Direction,
    /// What kind of address it wants sound at.
    pub place: Place,
    /// The sound is to be encrypted (SRTP).
    pub is_secure: bool,
    /// Media that are no sound, such as `image` of a fax.
    pub others: Vec<String>,
}

/// What kind of address a description names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Reached from everywhere.
    Public,
    /// Reached by neighbours only: behind a router, sound that is sent there is lost.
    Private,
    /// A host name.
    Name,
    /// None, or one that nothing can be sent to: the sound is held.
    Nowhere,
}

/// A message that went out or came in more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated {
    /// [`Trace::number`] of the message.
    pub number: u32,
    /// How often in all.
    pub times: u32,
    /// From the first to the last.
    pub over: Duration,
}

impl Trace {
    /// Reads what `message` says. `number` is its place in the leg.
    pub(crate) fn of(message: &Message, number: u32, sent: bool, path: Path) -> Trace {
        let (cseq, named) = message.header(Name::CSeq).and_then(read_cseq).unwrap_or((0, ""));
        let method = message.method().map_or(named, Method::as_str);
        let described = description_of(message);
        let carries = (described.is_none() && !message.body().is_empty())
            .then(|| name(message.header(Name::ContentType).unwrap_or("a body")));
        Trace {
            number,
            sent,
            method: name(method),
            reply: message.status().map(|status| (status, plain(message.reason()))),
            cseq,
            transport: path.transport,
            far: path.remote,
            says: told_by(message),
            described,
            carries,
        }
    }
}

fn told_by(message: &Message) -> Vec<(String, String)> {
    let said =
        TELLING.into_iter().flat_map(|name| message.headers_spelled(name).map(move |value| (name, value)));
    let short = |(name, value)| match name {
        "Warning" => (name, warning(value)),
        _ => (name, value.to_owned()),
    };
    said.map(short).map(|(name, value)| (name.to_owned(), plain(&value))).take(SAYS).collect()
}

/// Code and text of a warning, without who gave it. RFC 3261 section 20.43.
fn warning(value: &str) -> String {
    let mut parts = value.splitn(3, ' ');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(code), Some(_agent), Some(text)) => format!("{code} {text}"),
        _ => value.to_owned(),
    }
}

fn description_of(message: &Message) -> Option<Described> {
    let kind = message.header(Name::ContentType).unwrap_or("");
    let is_sdp = kind.get(..15).is_some_and(|kind| kind.eq_ignore_ascii_case("application/sdp"));
    if !is_sdp || message.body().is_empty() {
        return None;
    }
    let session = parse(std::str::from_utf8(message.body()).ok()?).ok()?;
    Some(Described::of(&session))
}

impl Described {
    fn of(session: &Session<'_>) -> Described {
        let sound = session.media.iter().find(|media| media.kind == "audio" && media.port != 0);
        let formats = sound.map(formats).unwrap_or_default();
        let is_events = |name: &String| name.eq_ignore_ascii_case("telephone-event");
        let others = session.media.iter().filter(|media| media.kind != "audio");
        Described {
            digits: formats.iter().any(is_events),
            codecs: formats.into_iter().filter(|name| !is_events(name)).take(CODECS).collect(),
            direction: direction(session, sound),
            place: place(sound.and_then(|media| media.connection.as_ref()).or(session.connection.as_ref())),
            is_secure: sound.is_some_and(|media| media.protocol.contains("SAVP")),
            others: others.take(KINDS).map(|media| name(media.kind)).collect(),
        }
    }
}

fn formats(media: &Media<'_>) -> Vec<String> {
    let named = |format: &&str| match format.parse().ok() {
        Some(payload) => {
            let mapped = media.rtpmap(payload).and_then(|map| map.split('/').next());
            name(mapped.or_else(|| usual(payload)).unwrap_or(format))
        }
        None => name(format),
    };
    media.formats.iter().map(named).collect()
}

/// Payload numbers that mean something by themselves. RFC 3551 table 4.
fn usual(payload: u8) -> Option<&'static str> {
    Some(match payload {
        0 => "PCMU",
        3 => "GSM",
        4 => "G723",
        8 => "PCMA",
        9 => "G722",
        13 => "CN",
        15 => "G728",
        18 => "G729",
        _ => return None,
    })
}

fn direction(session: &Session<'_>, media: Option<&Media<'_>>) -> Direction {
    let says = |name: &str| {
        let here = media.and_then(|media| media.attribute(name));
        here.or_else(|| session.attribute(name)).is_some()
    };
    match () {
        () if says("inactive") => Direction::Inactive,
        () if says("sendonly") => Direction::SendOnly,
        () if says("recvonly") => Direction::RecvOnly,
        () => Direction::SendRecv,
    }
}

fn place(connection: Option<&Connection>) -> Place {
    match connection {
        Some(Connection::Address(ip)) if ip.is_unspecified() => Place::Nowhere,
        Some(Connection::Address(ip)) => of_address(*ip),
        Some(Connection::Name(_)) => Place::Name,
        None => Place::Nowhere,
    }
}

fn of_address(ip: IpAddr) -> Place {
    if is_private(ip) { Place::Private } else { Place::Public }
}

fn name(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(NAME).collect()
}

/// A text of the far end, short, on one line, without addresses of people and without what may be a number.
fn plain(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.contains('@') { "…" } else { word });
    let mut kept = String::new();
    let mut run = String::new();
    for sign in words.collect::<Vec<_>>().join(" ").chars().filter(|sign| !sign.is_control()) {
        if sign.is_ascii_digit() || (!run.is_empty() && " -.()/".contains(sign)) {
            run.push(sign);
        } else {
            keep_run(&mut kept, &mut run);
            kept.push(sign);
        }
    }
    keep_run(&mut kept, &mut run);
    kept.chars().take(TEXT).collect()
}

/// Ends a run of digits: one that is long enough for a number is left out.
fn keep_run(kept: &mut String, run: &mut String) {
    let digits = run.chars().filter(char::is_ascii_digit).count();
    if digits < NUMBER {
        kept.push_str(run);
    } else {
        kept.push('…');
        kept.extend(run.chars().rev().take_while(|sign| *sign == ' '));
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message;

    fn trace(text: &str) -> Trace {
        let path = Path::udp("192.0.2.1:5060".parse().unwrap(), "192.0.2.2:5060".parse().unwrap());
        Trace::of(&message::parse(text.as_bytes()).unwrap(), 1, false, path)
    }

    #[test]
    fn an_offer_is_told_by_its_codecs_and_the_kind_of_its_address() {
        let told = trace(
            "INVITE sip:+13125550100@example.com SIP/2.0\r\nCSeq: 7 INVITE\r\nContent-Type: application/sdp\r\n\r\n\
             v=0\r\nc=IN IP4 10.0.0.7\r\nm=audio 4000 RTP/SAVP 18 96 101\r\na=rtpmap:96 opus/48000/2\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=sendonly\r\nm=image 5000 udptl t38\r\n",
        );
        assert_eq!((told.method.as_str(), told.cseq, &told.reply), ("INVITE", 7, &None));
        let described = told.described.unwrap();
        assert_eq!(described.codecs, ["G729", "opus"]);
        assert!(described.digits && described.is_secure);
        assert_eq!((described.direction, described.place), (Direction::SendOnly, Place::Private));
        assert_eq!(described.others, ["image"]);
    }

    #[test]
    fn a_refusal_is_told_with_what_says_why_and_without_whom_it_names() {
        let told = trace(
            "SIP/2.0 488 No codec for (312) 555-0143 sip:pat@example.com here\r\nCSeq: 1 INVITE\r\nTo: \"Pat\" <sip:pat@example.com>\r\n\
             Warning: 305 pbx.example.com \"Incompatible media format\"\r\nRetry-After: 30\r\nReason: Q.850;cause=65\r\n\r\n",
        );
        assert_eq!(told.reply, Some((488, "No codec for (… … here".to_owned())));
        let says: Vec<String> = told.says.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            says,
            ["Reason: Q.850;cause=65", "Warning: 305 \"Incompatible media format\"", "Retry-After: 30"]
        );
        assert!(!format!("{told:?}").contains("Pat"));
    }

    #[test]
    fn whatever_a_message_holds_little_of_it_is_kept() {
        let long = "x".repeat(1_000);
        let formats = (0..64).map(|number| format!(" {number}")).collect::<String>();
        let warnings = format!("Warning: {long}\r\n").repeat(50);
        let told = trace(&format!(
            "{long} sip:a@b SIP/2.0\r\nCSeq: 1 {long}\r\n{warnings}Content-Type: application/sdp\r\n\r\nv=0\r\nm=audio 4000 RTP/AVP{formats}\r\n"
        ));
        assert_eq!((told.method.len(), told.says.len()), (NAME, SAYS));
        assert!(told.says.iter().all(|(_, value)| value.len() == TEXT));
        assert_eq!(told.described.unwrap().codecs.len(), CODECS);
        assert_eq!(
            trace("INFO sip:a@b SIP/2.0\r\nContent-Type: application/dtmf\r\n\r\n5").carries.unwrap(),
            "application/dtmf"
        );
    }
}
