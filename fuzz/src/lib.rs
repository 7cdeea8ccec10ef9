//! What is fed to each parser of foreign bytes, and what must hold whatever the bytes are.
//!
//! Every target is a plain function of bytes, so that an input that was found runs again in a debugger or a test. The
//! seeded mutations that run on every check live with the crates; here a fuzzer with coverage looks further.
//!
//! Rule: a target never fails on purpose for what is merely bad input. It fails when we panic, when we write what we
//! cannot read, or when something grows past its bound.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use media::reorder::{InOrder, Reorder};
use media::rtp::{HEADER_LEN, Packet};
use media::srtp::{MAX_OVERHEAD, MasterKey, Opener, Sealer, Suite};
use sip::sdp::{self, Capabilities, Direction};
use sip::stream::{Piece, READ_AT_ONCE, Stream};
use sip::{Action, Address, Agent, Event, Name, Notice, Order, Path, Peer, Refusal, Setup, Uri, Via};

/// Longest step of time between two datagrams: enough that every timer of a transaction runs out on the way.
const STEP: Duration = Duration::from_secs(8);
/// Actions that one datagram may cause: what it is answered, and what is told of it.
const ACTIONS_PER_CHANGE: usize = 256;

/// One SIP datagram, read down to its last header.
pub fn sip_message(bytes: &[u8]) {
    let Ok(message) = sip::message::parse(bytes) else { return };
    let _ = (message.method(), message.status(), message.fault());
    assert!(message.body().len() <= bytes.len(), "a body comes out of the datagram");
    let _ = Uri::parse(message.uri()).map(|uri| (uri.user_text(), uri.address()));
    for value in message.entries(Name::Via) {
        if let Some(via) = Via::parse(value) {
            let source = SocketAddr::from((Ipv4Addr::LOCALHOST, 5060));
            let _ = (via.branch(), via.reply_to(source));
            assert!(Via::parse(&via.stamped(source)).is_some(), "a Via that we stamped can be read");
        }
    }
    for name in [Name::From, Name::To, Name::Contact] {
        for value in message.entries(name) {
            if let Some(address) = Address::parse(value) {
                let _ = (address.display(), address.tag(), address.parsed_uri());
            }
        }
    }
}

/// One direction of a connection, read in one piece and in parts of the length that the first byte says.
pub fn sip_stream(bytes: &[u8]) {
    let [part, said @ ..] = bytes else { return };
    let whole = pieces(said, READ_AT_ONCE);
    let parts = pieces(said, usize::from(*part).max(1));
    assert_eq!(whole, parts, "where a stream is cut changes no message");
    for message in whole.0 {
        let read = sip::message::parse(&message).expect("a message of a stream is one");
        assert_eq!(
            read.fault().filter(|fault| *fault == sip::message::Fault::BodyMissing),
            None,
            "and it is whole"
        );
    }
}

/// The messages of a stream, and whether it broke.
fn pieces(said: &[u8], part: usize) -> (Vec<Vec<u8>>, bool) {
    let (mut stream, mut messages) = (Stream::new(), Vec::new());
    for part in said.chunks(part) {
        stream.put(part);
        loop {
            match stream.poll() {
                Ok(Some(Piece::Message(message))) => messages.push(message),
                Ok(Some(Piece::Ping | Piece::Pong)) => {}
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}

/// A whole conversation with a peer, and a desk that says yes to whatever it can. Each piece begins with sixteen bits, low
/// byte first: twelve of its length, three of the time that passes before it, and the last set if a stranger sent it.
pub fn sip_agent(bytes: &[u8]) {
    let here = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 5060));
    let accept_from = vec!["192.0.2.7".parse().expect("an address is a network")];
    let trunk = Peer { name: "trunk".into(), accept_from, accept_domains: Vec::new() };
    let setup = Setup { product: "fuzz".to_owned(), peers: vec![trunk], ..Setup::default() };
    let mut agent = Agent::new(setup, [1, 2]);
    let mut now = Duration::ZERO;
    let mut rest = bytes;
    while let [low, high, after @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high & 0x0f])).min(after.len());
        let (datagram, further) = after.split_at(length);
        rest = further;
        let sender = if high & 0x80 == 0 { [192, 0, 2, 7] } else { [203, 0, 113, 9] };
        let path = Path::udp(here, SocketAddr::from((sender, 5060)));
        now = pass(&mut agent, now, now + STEP * u32::from(high >> 4 & 0x07) / 7);
        agent.handle(Event::Received { path, bytes: datagram.to_vec() }, now);
        drain(&mut agent, now);
    }
    // Left alone, everything ends by itself; an answered call at the latest when its longest time is over.
    now = pass(&mut agent, now, now + Duration::from_secs(7 * 24 * 3600));
    assert!(agent.is_over(), "something lives on at {now:?}: {:?}", agent.counts());
}

/// Lets the deadlines up to `until` come, each at its time.
fn pass(agent: &mut Agent, mut now: Duration, until: Duration) -> Duration {
    while let Some(deadline) = agent.poll_deadline().filter(|deadline| deadline.at <= until) {
        now = now.max(deadline.at);
        agent.handle_deadline(now);
        drain(agent, now);
        assert!(
            agent.poll_deadline().is_none_or(|next| next.at > now),
            "a deadline that was handled is over"
        );
    }
    assert!(agent.is_over() || agent.poll_deadline().is_some(), "what lives has a deadline");
    until
}

/// Does what an agreeable desk would: answers, accepts, and refuses what it cannot read.
fn drain(agent: &mut Agent, now: Duration) {
    let mut drained = 0;
    while let Some(action) = agent.poll_action() {
        drained += 1;
        assert!(drained < ACTIONS_PER_CHANGE, "one change causes a bounded number of actions");
        let order = match action {
            Action::Send { bytes, .. } => {
                let sent = sip::message::parse(&bytes);
                assert!(
                    sent.as_ref().is_ok_and(|message| message.fault().is_none()),
                    "we sent: {}",
                    String::from_utf8_lossy(&bytes)
                );
                continue;
            }
            Action::Tell(Notice::Invited(invitation)) => take(&invitation),
            Action::Tell(Notice::Offered { leg, .. }) => Order::RefuseOffer { leg },
            Action::Tell(_) => continue,
        };
        agent.handle(Event::Order(order), now);
    }
}

fn take(invitation: &sip::Invitation) -> Order {
    let leg = invitation.leg;
    let ours = capabilities();
    assert!(invitation.diversions().len() <= 16, "those who forwarded are bounded");
    match invitation.offer.as_deref().map(|offer| sdp::answer(offer, &ours, Direction::SendRecv)) {
        Some(Ok(agreed)) => Order::Answer { leg, sdp: agreed.text },
        Some(Err(_)) => Order::Refuse { leg, refusal: Refusal::Busy },
        None => Order::Answer { leg, sdp: sdp::offer(&ours, Direction::SendRecv) },
    }
}

/// One session description: as an offer that we answer, and as the answer to an offer of ours.
pub fn sdp(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let ours = capabilities();
    let session = sdp::parse(text);
    if let Ok(agreed) = sdp::answer(text, &ours, Direction::SendRecv) {
        let answer = sdp::parse(&agreed.text).expect("we can read what we wrote");
        let offered = session.expect("what was answered could be read");
        assert_eq!(
            answer.media.len(),
            offered.media.len(),
            "every media line is answered (RFC 3264 section 6)"
        );
        assert!(!agreed.remote.ip().is_multicast(), "sound goes to one place");
    }
    let _ = sdp::accept(text, &ours, Direction::SendRecv);
}

fn capabilities() -> Capabilities {
    Capabilities {
        codecs: vec![sdp::Codec::Pcmu, sdp::Codec::Pcma],
        telephone_event: true,
        rtcp_mux: true,
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        port: 20_000,
        session_id: 1,
        version: 1,
        ptime_ms: 20,
        protection: sdp::Protection::Preferred(sdp::Keyring {
            suites: vec![sdp::Suite::AesCm128HmacSha1_80, sdp::Suite::AeadAes128Gcm],
            secrets: sdp::Secrets::new([7; sdp::Secrets::LEN]),
        }),
    }
}

/// One datagram of a STUN server; its number is the one that is asked by.
pub fn stun(bytes: &[u8]) {
    let number = bytes.get(8..20).and_then(|number| number.try_into().ok()).unwrap_or_default();
    if let Some(sip::stun::Answer::Seen(seen)) = sip::stun::answer(bytes, number) {
        assert!(seen.port() != 0 && !seen.ip().is_unspecified(), "we are seen somewhere");
    }
    let path = Path::udp(
        SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 5060)),
        SocketAddr::from((Ipv4Addr::new(192, 0, 2, 7), 3478)),
    );
    let mut finder = sip::stun::Finder::new(path, [1, 2], Duration::ZERO);
    assert!(!finder.handle(path, bytes, Duration::ZERO), "nobody guesses a number of ours");
}

/// A stream of RTP packets through the digits and the reordering. Each piece begins with a byte of its length and a byte
/// of the milliseconds that pass before it.
pub fn rtp(bytes: &[u8]) {
    let mut ear = media::digits::DigitEar::new();
    let mut reorder = Reorder::default();
    let mut now = Duration::ZERO;
    let mut rest = bytes;
    while let [length, pause_ms, after @ ..] = rest {
        let (datagram, further) = after.split_at(usize::from(*length).min(after.len()));
        rest = further;
        now += Duration::from_millis(u64::from(*pause_ms));
        let mut heard = |part: InOrder<'_>| {
            if let InOrder::Sound(_, sound) = part {
                assert!(sound.len() <= usize::from(u8::MAX), "sound comes out of a datagram");
            }
        };
        reorder.tick(now, &mut heard);
        let Ok(packet) = Packet::parse(datagram) else { continue };
        assert_eq!(written(&packet), Some(packet.payload.len() + HEADER_LEN), "what was read can be written");
        let _ = ear.hear(&packet);
        let Packet { ssrc, sequence, timestamp, .. } = packet;
        let at = media::latch::Stamp { ssrc, sequence, timestamp, clock_hz: 8_000 };
        reorder.offer(at, media::Codec::Pcmu, packet.payload, now, &mut heard);
        assert!(
            reorder.deadline().is_none_or(|deadline| deadline + Duration::from_secs(1) > now),
            "waiting ends"
        );
    }
}

/// Packets of Opus, some of them lost. Each piece begins with a byte of its length and one of what becomes of it.
pub fn opus(bytes: &[u8]) {
    let mut decoder = media::codec::Decoder::default();
    let mut rest = bytes;
    while let [length, fate, after @ ..] = rest {
        let (packet, further) = after.split_at(usize::from(*length).min(after.len()));
        rest = further;
        let mut samples = [0; media::MAX_PACKET_SAMPLES];
        let lost = usize::from(*fate) * 2;
        match fate % 4 {
            0 => drop(decoder.make_up(media::Codec::Opus, &mut samples[..lost.min(480)])),
            1 => drop(decoder.recover(media::Codec::Opus, packet, &mut samples[..lost.min(480)])),
            _ => {
                let written = decoder.decode(media::Codec::Opus, packet, &mut samples);
                let lasts = media::Codec::Opus.samples_in(packet);
                assert!(written == 0 || written == lasts, "a packet is heard whole or not at all");
            }
        }
    }
}

fn written(packet: &Packet<'_>) -> Option<usize> {
    let mut out = [0; 2048];
    let length = packet.write(&mut out)?;
    let again = Packet::parse(&out[..length]).expect("we can read what we wrote");
    (again == *packet).then_some(length)
}

/// One datagram under an encrypted leg's key: as it is, which nobody without the key can make, and sealed by us.
pub fn srtp(bytes: &[u8]) {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32, Suite::AeadAes128Gcm] {
        let key = MasterKey::new(suite, &vec![7; suite.key_len()]).expect("a key of the right length");
        let (mut sealer, mut opener) = (Sealer::new(key.clone()), Opener::new(key));
        let mut forged = bytes.to_vec();
        assert!(opener.open(&mut forged).is_err(), "nobody guesses a tag");
        let mut wire = bytes.to_vec();
        wire.resize(bytes.len() + MAX_OVERHEAD, 0);
        if let Some(length) = sealer.seal(&mut wire, bytes.len()) {
            assert_eq!(opener.open(&mut wire[..length]), Ok(bytes.len()), "what we sealed opens");
            assert_eq!(&wire[..bytes.len()], bytes);
        }
        let mut forged = bytes.to_vec();
        assert!(opener.open_report(&mut forged).is_err());
        let mut wire = bytes.to_vec();
        wire.resize(bytes.len() + MAX_OVERHEAD, 0);
        if let Some(length) = sealer.seal_report(&mut wire, bytes.len()) {
            assert_eq!(opener.open_report(&mut wire[..length]), Ok(bytes.len()));
            assert_eq!(&wire[..bytes.len()], bytes);
        }
    }
}

/// One RTCP datagram.
pub fn rtcp(bytes: &[u8]) {
    let mut parts = 0;
    let judged = media::rtcp::read(bytes, |_| parts += 1);
    assert!(judged.is_ok() || parts == 0, "nothing is taken from a packet that is refused");
    assert!(parts <= bytes.len(), "a part takes room");
    let _ = media::rtp::is_rtcp(bytes);
}
