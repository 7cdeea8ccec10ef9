//! What an offer and its answer agree upon, for one audio stream. RFC 3264.

use std::net::{IpAddr, SocketAddr};

use super::codec::Codec;
use super::crypto::{self, AgreedKeys, Protection};
use super::grammar::{Connection, Media, SdpError, Session, parse};
use super::writing::write_answer;

/// The packet time of RTP/AVP if nobody says otherwise. RFC 3551 section 4.5.
const PTIME_MS: u16 = 20;
/// Who sends, as one side sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    fn new(send: bool, receive: bool) -> Direction {
        match (send, receive) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// True if this side sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// True if this side receives.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Direction {
        Direction::new(self.receives(), self.sends())
    }

    /// What both allow.
    pub fn and(self, other: Direction) -> Direction {
        Direction::new(self.sends() && other.sends(), self.receives() && other.receives())
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    const ALL: [Direction; 4] =
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
}

/// What we can do on one leg, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// In the order that offers of ours name them. An answer follows the order of the offer (RFC 3264 section 6.1), but a
    /// wideband codec that stands first here is taken wherever it is offered.
    pub codecs: Vec<Codec>,
    /// Digits by RFC 4733.
    pub telephone_event: bool,
    /// RTCP on the RTP port if the other side can (RFC 5761).
    pub rtcp_mux: bool,
    /// Where we receive: the address others reach us at.
    pub address: IpAddr,
    /// RTP port; RTCP is received on the next one unless multiplexed.
    pub port: u16,
    /// Number of the session, the same in every description of one leg.
    pub session_id: u64,
    /// To be raised by one for every description of the leg that differs from the one before.
    pub version: u64,
    /// Packet time that we want to receive, in milliseconds.
    pub ptime_ms: u16,
    /// Whether sound is encrypted.
    pub protection: Protection,
}

/// Where reports go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rtcp {
    /// With the sound, on its port.
    Muxed,
    /// There.
    At(SocketAddr),
}

/// What both sides agreed upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Our answer, ready to be sent; empty if the answer was theirs.
    pub text: String,
    /// The codec of both directions.
    pub codec: Codec,
    /// Payload number of the packets we send.
    pub payload_type: u8,
    /// Payload number of the packets we receive.
    pub receive_payload_type: u8,
    /// Payload number of the digits we send; `None`: no digits by RFC 4733.
    pub dtmf: Option<u8>,
    /// Payload number of the digits we receive.
    pub receive_dtmf: Option<u8>,
    /// Packet time we send at, in milliseconds: what they asked for.
    pub send_ptime_ms: u16,
    /// Packet time we asked to receive, in milliseconds. Other packet times may come all the same.
    pub receive_ptime_ms: u16,
    /// Where our packets go. Unspecified (`0.0.0.0`) if they are on hold the old way: then nothing is sent.
    pub remote: SocketAddr,
    /// Who sends, as we see it.
    pub direction: Direction,
    /// Where our reports go.
    pub rtcp: Rtcp,
    /// What sound and reports are encrypted under; `None`: they are not.
    pub keys: Option<AgreedKeys>,
}

/// Why there is no agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// Answer 400, or end the call if it was an answer.
    #[error(transparent)]
    Unreadable(#[from] SdpError),
    /// No audio over RTP is offered. Answer 488.
    #[error("no audio over RTP/AVP or RTP/SAVP is offered")]
    NoAudio,
    /// Only encrypted sound is offered, and we are not to. Answer 488.
    #[error("only encrypted sound (RTP/SAVP) is offered")]
    Encrypted,
    /// Only sound in the clear is offered, and we are not to. Answer 488.
    #[error("only sound in the clear (RTP/AVP) is offered")]
    InTheClear,
    /// None of the ways to encrypt is one of ours, as its parameters say. Answer 488.
    #[error("no way to encrypt sound in common")]
    NoSuite,
    /// Answer 488.
    #[error("no codec in common")]
    NoCodec,
    /// A host name, or an address no sound may go to (multicast, broadcast, port below 1). Answer 488.
    #[error("the address for sound is none that sound may be sent to")]
    Address,
    /// The answer does not fit our offer.
    #[error("the answer does not fit the offer")]
    Mismatch,
}

/// Answers an offer: the first audio line that we can serve, encrypted ones before others; every other media line is refused by port 0.
/// `wish` is who is to send, as we see it; the answer allows no more than the offer.
pub fn answer(offer: &str, ours: &Capabilities, wish: Direction) -> Result<Agreed, OfferError> {
    let session = parse(offer)?;
    let mut failure = OfferError::NoAudio;
    let audio = |wanted: Profile| {
        let lines = session.media.iter().enumerate();
        lines.filter(move |(_, media)| audio_profile(media) == Some(wanted))
    };
    // Where both are offered, the encrypted line is the better one.
    for (at, media) in audio(Profile::Encrypted).chain(audio(Profile::InTheClear)) {
        match agree(&session, media, ours, Side::Answering) {
            Ok(mut agreed) => {
                agreed.direction = agreed.direction.and(wish);
                agreed.text = write_answer(&session, at, &agreed, ours);
                return Ok(agreed);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Reads the answer to our [`offer`](super::offer). `direction` of the result is as we see it.
pub fn accept(answer: &str, offered: &Capabilities, direction: Direction) -> Result<Agreed, OfferError> {
    let session = parse(answer)?;
    // We offered one media line; RFC 3264 section 6 wants as many back. More of them mean nothing to us.
    let media = session.media.first().ok_or(OfferError::Mismatch)?;
    if !media.kind.eq_ignore_ascii_case("audio") {
        return Err(OfferError::Mismatch);
    }
    audio_profile(media).ok_or(OfferError::NoAudio)?;
    let mut agreed = agree(&session, media, offered, Side::Offering)?;
    agreed.direction = agreed.direction.and(direction);
    Ok(agreed)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Answering,
    Offering,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Profile {
    InTheClear,
    Encrypted,
}

/// How sound of an audio line travels; nothing for other lines, refused ones, and other ways to travel.
fn audio_profile(media: &Media<'_>) -> Option<Profile> {
    let is = |known: [&str; 2]| known.iter().any(|known| media.protocol.eq_ignore_ascii_case(known));
    if !media.kind.eq_ignore_ascii_case("audio") || media.port == 0 {
        None
    } else if is(["RTP/AVP", "RTP/AVPF"]) {
        Some(Profile::InTheClear)
    } else {
        is(["RTP/SAVP", "RTP/SAVPF"]).then_some(Profile::Encrypted)
    }
}

/// The keys of a line, where it has to have any. What we offered encrypted is not answered in the clear.
fn agree_on_keys(
    media: &Media<'_>,
    protection: &Protection,
    side: Side,
) -> Result<Option<AgreedKeys>, OfferError> {
    let encrypted = audio_profile(media) == Some(Profile::Encrypted);
    match (protection, encrypted, side) {
        (Protection::Off, true, _) => Err(OfferError::Encrypted),
        (Protection::Off, false, _) | (Protection::Preferred(_), false, Side::Answering) => Ok(None),
        (Protection::Preferred(_) | Protection::Required(_), false, _) => Err(OfferError::InTheClear),
        (Protection::Preferred(keyring) | Protection::Required(keyring), true, side) => {
            let keys = match side {
                Side::Answering => crypto::choose(media, keyring),
                Side::Offering => crypto::chosen(media, keyring),
            };
            keys.map(Some).ok_or(OfferError::NoSuite)
        }
    }
}

fn agree(
    session: &Session<'_>,
    media: &Media<'_>,
    ours: &Capabilities,
    side: Side,
) -> Result<Agreed, OfferError> {
    let keys = agree_on_keys(media, &ours.protection, side)?;
    let (codec, payload_type) = choose(media, ours, side).ok_or(OfferError::NoCodec)?;
    let remote = destination(session, media)?;
    let dtmf = if ours.telephone_event { event_payload(media, codec) } else { None };
    let mut direction = direction_of(session, media).reversed();
    // The old way to hold: nobody may send to 0.0.0.0 (RFC 3264 section 8.4).
    if remote.ip().is_unspecified() {
        direction = direction.and(Direction::RecvOnly);
    }
    let (receive_payload_type, receive_dtmf) = match side {
        Side::Answering => (payload_type, dtmf),
        Side::Offering => (codec.payload_type(), dtmf.map(|_| codec.event_payload_type())),
    };
    Ok(Agreed {
        text: String::new(),
        codec,
        payload_type,
        receive_payload_type,
        dtmf,
        receive_dtmf,
        send_ptime_ms: packet_time(media),
        receive_ptime_ms: ours.ptime_ms,
        remote,
        direction,
        rtcp: reports(media, remote, ours)?,
        keys,
    })
}

/// The payload numbers of a media line, as far as they are numbers.
fn payloads(media: &Media<'_>) -> impl Iterator<Item = u8> {
    media.formats.iter().filter_map(|format| {
        let is_plain = format.bytes().all(|byte| byte.is_ascii_digit());
        let has_zeros = format.starts_with('0') && format.len() > 1;
        format.parse().ok().filter(|number| *number < 128 && is_plain && !has_zeros)
    })
}

/// The first codec of theirs that is ours as well, or the wideband one that we like best.
fn choose(media: &Media<'_>, ours: &Capabilities, side: Side) -> Option<(Codec, u8)> {
    let common = || {
        payloads(media).filter_map(|payload| {
            let codec = Codec::of(media, payload).filter(|codec| ours.codecs.contains(codec))?;
            Some((codec, payload))
        })
    };
    let mut liked = ours.codecs.iter().take_while(|codec| codec.is_wide() && side == Side::Answering);
    let wide = liked.find_map(|liked| common().find(|(codec, _)| codec == liked));
    wide.or_else(|| common().next())
}

/// The payload number of telephone-event at the clock rate of the codec.
fn event_payload(media: &Media<'_>, codec: Codec) -> Option<u8> {
    payloads(media).find(|number| {
        media.rtpmap(*number).is_some_and(|map| {
            let mut parts = map.split('/');
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("telephone-event"));
            named && parts.next().is_some_and(|rate| rate.trim().parse() == Ok(codec.clock_rate_hz()))
        })
    })
}

/// The address of the media line, or of the session.
fn destination(session: &Session<'_>, media: &Media<'_>) -> Result<SocketAddr, OfferError> {
    let connection = media.connection.as_ref().or(session.connection.as_ref());
    let Some(Connection::Address(ip)) = connection else { return Err(OfferError::Address) };
    may_receive(SocketAddr::new(*ip, media.port))
}

fn may_receive(address: SocketAddr) -> Result<SocketAddr, OfferError> {
    let broadcast = matches!(address.ip(), IpAddr::V4(v4) if v4.is_broadcast());
    if address.port() == 0 || address.ip().is_multicast() || broadcast {
        return Err(OfferError::Address);
    }
    Ok(address)
}

fn direction_of(session: &Session<'_>, media: &Media<'_>) -> Direction {
    let find =
        |has: &dyn Fn(&str) -> bool| Direction::ALL.into_iter().find(|direction| has(direction.as_str()));
    find(&|name| media.attribute(name).is_some())
        .or_else(|| find(&|name| session.attribute(name).is_some()))
        .unwrap_or(Direction::SendRecv)
}

/// What they want to receive, within what they can.
fn packet_time(media: &Media<'_>) -> u16 {
    let read = |name| {
        let value: Option<f32> = media.attribute(name).and_then(|value| value.parse().ok());
        value.filter(|ms| (10.0..=60.0).contains(ms)).map(|ms| ms as u16 / 10 * 10)
    };
    read("ptime").unwrap_or(PTIME_MS).min(read("maxptime").unwrap_or(60))
}

/// RFC 3605, RFC 5761.
fn reports(media: &Media<'_>, remote: SocketAddr, ours: &Capabilities) -> Result<Rtcp, OfferError> {
    if ours.rtcp_mux && media.attribute("rtcp-mux").is_some() {
        return Ok(Rtcp::Muxed);
    }
    let next = SocketAddr::new(remote.ip(), remote.port().checked_add(1).unwrap_or(remote.port()));
    let Some(value) = media.attribute("rtcp") else { return Ok(Rtcp::At(next)) };
    let mut words = value.split_ascii_whitespace();
    let Some(port) = words.next().and_then(|port| port.parse::<u16>().ok()).filter(|port| *port != 0) else {
        return Ok(Rtcp::At(next));
    };
    let ip = words.nth(2).and_then(|ip| ip.parse().ok()).unwrap_or(remote.ip());
    may_receive(SocketAddr::new(ip, port)).map(Rtcp::At)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::offer;

    fn ours() -> Capabilities {
        Capabilities {
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            telephone_event: true,
            rtcp_mux: true,
            address: "203.0.113.5".parse().unwrap(),
            port: 20_000,
            session_id: 42,
            version: 3,
            ptime_ms: 20,
            protection: Protection::Off,
        }
    }

    fn theirs(lines: &str) -> String {
        let head = "v=0\r\no=evil 99 1 IN IP4 192.0.2.1\r\ns=their name\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
        format!("{head}{}", lines.replace('\n', "\r\n"))
    }

    fn answered(lines: &str) -> Agreed {
        answer(&theirs(lines), &ours(), Direction::SendRecv).expect(lines)
    }

    #[test]
    fn an_answer_is_our_own_text_and_keeps_the_digits() {
        let agreed = answered(
            "m=audio 4000 RTP/AVP 18 8 0 96\na=rtpmap:18 G729/8000\na=rtpmap:96 telephone-event/8000\na=fmtp:96 0-16\n\
             a=ssrc:1 cname:x\na=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\na=rtcp-mux\na=ptime:30\n",
        );
        assert_eq!(
            agreed.text,
            "v=0\r\no=- 42 3 IN IP4 203.0.113.5\r\ns=-\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\n\
             m=audio 20000 RTP/AVP 8 96\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:96 telephone-event/8000\r\n\
             a=fmtp:96 0-15\r\na=ptime:20\r\na=maxptime:60\r\na=sendrecv\r\na=rtcp-mux\r\n"
        );
        assert_eq!((agreed.codec, agreed.payload_type, agreed.dtmf), (Codec::Pcma, 8, Some(96)));
        assert_eq!((agreed.send_ptime_ms, agreed.receive_ptime_ms), (30, 20));
        assert_eq!((agreed.remote, agreed.rtcp), ("192.0.2.1:4000".parse().unwrap(), Rtcp::Muxed));
    }

    #[test]
    fn the_offerer_chooses_but_a_wideband_codec_that_we_want_first_is_taken() {
        let lines = "m=audio 4000 RTP/AVP 0 9 8\n";
        let chosen = |codecs: &[Codec]| {
            let ours = Capabilities { codecs: codecs.to_vec(), ..ours() };
            let agreed = answer(&theirs(lines), &ours, Direction::SendRecv).unwrap();
            (agreed.codec, agreed.payload_type)
        };
        assert_eq!(chosen(&[Codec::Pcma, Codec::Pcmu, Codec::G722]), (Codec::Pcmu, 0));
        assert_eq!(chosen(&[Codec::G722, Codec::Pcma, Codec::Pcmu]), (Codec::G722, 9));
        assert_eq!(chosen(&[Codec::Pcma]), (Codec::Pcma, 8));
        let ours = Capabilities { codecs: vec![Codec::G722, Codec::Pcmu], ..ours() };
        let text = offer(&ours, Direction::SendRecv);
        assert!(text.contains("RTP/AVP 9 0 101\r\n") && text.contains("a=rtpmap:9 G722/8000\r\n"), "{text}");
        let accepted = accept(&theirs("m=audio 4000 RTP/AVP 0 9\n"), &ours, Direction::SendRecv).unwrap();
        assert_eq!(accepted.codec, Codec::Pcmu, "what an answer names first is what they send");
    }

    #[test]
    fn opus_is_agreed_on_with_its_own_clock_for_digits_and_numbers_that_differ() {
        let ours = Capabilities { codecs: vec![Codec::Opus, Codec::G722, Codec::Pcmu], ..ours() };
        let text = offer(&ours, Direction::SendRecv);
        assert!(
            text.contains(
                "RTP/AVP 111 9 0 101 110\r\na=rtpmap:111 opus/48000/2\r\n\
                 a=fmtp:111 maxplaybackrate=16000;sprop-maxcapturerate=16000;maxaveragebitrate=40000;useinbandfec=1\r\n"
            ),
            "{text}"
        );
        assert!(text.contains(
            "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtpmap:110 telephone-event/48000\r\n"
        ));
        let lines = "m=audio 4000 RTP/AVP 96 97 98\na=rtpmap:96 opus/48000/2\na=rtpmap:97 telephone-event/48000\n\
                     a=rtpmap:98 telephone-event/8000\n";
        let accepted = accept(&theirs(lines), &ours, Direction::SendRecv).unwrap();
        assert_eq!(
            (accepted.codec, accepted.payload_type, accepted.receive_payload_type),
            (Codec::Opus, 96, 111)
        );
        assert_eq!((accepted.dtmf, accepted.receive_dtmf), (Some(97), Some(110)));
        let answered = answer(&theirs(lines), &ours, Direction::SendRecv).unwrap();
        assert_eq!((answered.payload_type, answered.receive_payload_type, answered.dtmf), (96, 96, Some(97)));
        assert!(
            answered.text.contains("RTP/AVP 96 97\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 maxplaybackrate")
        );
        assert!(answered.text.contains("a=rtpmap:97 telephone-event/48000\r\n"), "{}", answered.text);
        // Wideband that we like comes before what is offered first, the better liked before the other.
        for (lines, codec) in [
            ("m=audio 4000 RTP/AVP 0 9 111\na=rtpmap:111 opus/48000/2\n", Codec::Opus),
            ("m=audio 4000 RTP/AVP 0 9\n", Codec::G722),
            ("m=audio 4000 RTP/AVP 0 111\n", Codec::Pcmu), // a number without a meaning is none
            ("m=audio 4000 RTP/AVP 0 111\na=rtpmap:111 opus/16000\n", Codec::Pcmu),
        ] {
            assert_eq!(answer(&theirs(lines), &ours, Direction::SendRecv).unwrap().codec, codec, "{lines}");
        }
    }

    #[test]
    fn packets_are_as_long_as_they_are_asked_for_and_no_longer_than_the_far_end_can() {
        for (asked, ms) in [
            ("a=ptime:10\n", 10),
            ("a=ptime:20\n", 20),
            ("a=ptime:30\n", 30),
            ("a=ptime:60\n", 60),
            ("a=ptime:60\na=maxptime:40\n", 40),
            ("a=maxptime:10\n", 10),
            ("a=ptime:5\n", 20),
            ("a=ptime:200\n", 20),
            ("a=ptime:soon\n", 20),
            ("", 20),
        ] {
            let agreed = answered(&format!("m=audio 4000 RTP/AVP 0\n{asked}"));
            assert_eq!(agreed.send_ptime_ms, ms, "{asked}");
            assert!(agreed.text.contains("a=ptime:20\r\na=maxptime:60\r\n"), "ours: {}", agreed.text);
        }
    }

    #[test]
    fn dynamic_payload_numbers_stay_as_they_were_offered() {
        let agreed = answered(
            "m=audio 4000 RTP/AVP 97 98\na=rtpmap:97 pcmu/8000/1\na=rtpmap:98 TELEPHONE-EVENT/8000\n",
        );
        assert_eq!((agreed.codec, agreed.payload_type, agreed.dtmf), (Codec::Pcmu, 97, Some(98)));
        assert!(agreed.text.contains("m=audio 20000 RTP/AVP 97 98\r\n"));
    }

    #[test]
    fn a_codec_that_was_not_offered_is_never_named() {
        for (lines, error) in [
            ("m=audio 4000 RTP/AVP 111\na=rtpmap:111 opus/48000/2\n", OfferError::NoCodec),
            ("m=audio 4000 RTP/AVP 0\na=rtpmap:0 G723/8000\n", OfferError::NoCodec),
            ("m=audio 4000 RTP/AVP 96\na=rtpmap:96 PCMU/16000\n", OfferError::NoCodec),
            ("m=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n", OfferError::NoCodec),
            ("m=audio 4000 RTP/SAVP 0\n", OfferError::Encrypted),
            ("m=audio 0 RTP/AVP 0\n", OfferError::NoAudio),
            ("m=video 4000 RTP/AVP 0\n", OfferError::NoAudio),
            ("", OfferError::NoAudio),
        ] {
            assert_eq!(answer(&theirs(lines), &ours(), Direction::SendRecv), Err(error), "{lines}");
        }
        assert_eq!(answered("m=audio 4000 RTP/AVP 0\n").dtmf, None, "no digits unless offered");
        let wide = "m=audio 4000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/48000\n";
        assert_eq!(answered(wide).dtmf, None, "digits of another clock are of no use");
    }

    #[test]
    fn every_other_media_line_is_refused_in_its_place() {
        let agreed = answered(
            "m=video 5000 RTP/AVP 96 97\na=rtpmap:96 H264/90000\nm=audio 5002 RTP/SAVP 0\nm=audio 4000 RTP/AVP 0\n\
             m=image 6000 udptl t38\n",
        );
        let media: Vec<_> = agreed.text.lines().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(
            media,
            [
                "m=video 0 RTP/AVP 96 97",
                "m=audio 0 RTP/SAVP 0",
                "m=audio 20000 RTP/AVP 0",
                "m=image 0 udptl t38"
            ]
        );
        assert_eq!(agreed.remote.port(), 4_000);
    }

    #[test]
    fn the_address_of_the_media_line_wins_over_that_of_the_session() {
        let agreed = answered("m=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.99\na=rtcp:4009 IN IP4 192.0.2.98\n");
        assert_eq!(agreed.remote, "192.0.2.99:4000".parse().unwrap());
        assert_eq!(agreed.rtcp, Rtcp::At("192.0.2.98:4009".parse().unwrap()));
        assert_eq!(answered("m=audio 4000 RTP/AVP 0\n").rtcp, Rtcp::At("192.0.2.1:4001".parse().unwrap()));
    }

    #[test]
    fn sound_goes_only_where_sound_may_go() {
        for address in
            ["IN IP4 239.1.1.1/127", "IN IP4 255.255.255.255", "IN IP6 ff02::1", "IN IP4 phone.example.com"]
        {
            let lines = format!("m=audio 4000 RTP/AVP 0\nc={address}\n");
            assert_eq!(
                answer(&theirs(&lines), &ours(), Direction::SendRecv),
                Err(OfferError::Address),
                "{address}"
            );
        }
        let reports = "m=audio 4000 RTP/AVP 0\na=rtcp:5000 IN IP4 239.1.1.1\n";
        assert_eq!(answer(&theirs(reports), &ours(), Direction::SendRecv), Err(OfferError::Address));
        let bare = "v=0\r\nm=audio 4000 RTP/AVP 0\r\n";
        assert_eq!(answer(bare, &ours(), Direction::SendRecv), Err(OfferError::Address));
    }

    #[test]
    fn hold_is_understood_in_every_dialect() {
        for (lines, direction, said) in [
            ("m=audio 4000 RTP/AVP 0\n", Direction::SendRecv, "sendrecv"),
            ("m=audio 4000 RTP/AVP 0\na=sendonly\n", Direction::RecvOnly, "recvonly"),
            ("m=audio 4000 RTP/AVP 0\na=recvonly\n", Direction::SendOnly, "sendonly"),
            ("m=audio 4000 RTP/AVP 0\na=inactive\n", Direction::Inactive, "inactive"),
            ("a=sendonly\nm=audio 4000 RTP/AVP 0\n", Direction::RecvOnly, "recvonly"),
            ("a=sendonly\nm=audio 4000 RTP/AVP 0\na=sendrecv\n", Direction::SendRecv, "sendrecv"),
            ("m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n", Direction::RecvOnly, "recvonly"),
            ("m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\na=recvonly\n", Direction::Inactive, "inactive"),
        ] {
            let agreed = answered(lines);
            assert_eq!(agreed.direction, direction, "{lines}");
            assert!(agreed.text.contains(&format!("a={said}\r\n")), "{lines}");
        }
        let held = answer(&theirs("m=audio 4000 RTP/AVP 0\n"), &ours(), Direction::SendOnly).unwrap();
        assert_eq!(held.direction, Direction::SendOnly, "our own hold");
    }

    #[test]
    fn the_newer_address_family_is_spoken_as_well() {
        let ours = Capabilities { address: "2001:db8::5".parse().unwrap(), ..ours() };
        let text = "v=0\r\no=- 1 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
        let agreed = answer(text, &ours, Direction::SendRecv).unwrap();
        assert_eq!(agreed.remote, "[2001:db8::1]:4000".parse().unwrap());
        assert!(
            agreed.text.contains("o=- 42 3 IN IP6 2001:db8::5\r\n")
                && agreed.text.contains("c=IN IP6 2001:db8::5\r\n")
        );
    }

    #[test]
    fn packet_times_stay_within_what_is_usual() {
        for (lines, ms) in [
            ("", 20),
            ("a=ptime:10\n", 10),
            ("a=ptime:60\n", 60),
            ("a=ptime:200\n", 20),
            ("a=ptime:0\n", 20),
            ("a=ptime:x\n", 20),
            ("a=ptime:40\na=maxptime:20\n", 20),
        ] {
            assert_eq!(answered(&format!("m=audio 4000 RTP/AVP 0\n{lines}")).send_ptime_ms, ms, "{lines}");
        }
    }

    #[test]
    fn our_offer_is_answered_by_ourselves_and_accepted() {
        let text = offer(&ours(), Direction::SendRecv);
        assert!(text.contains("m=audio 20000 RTP/AVP 0 8 101\r\n"));
        let there = Capabilities {
            address: "192.0.2.7".parse().unwrap(),
            port: 30_000,
            codecs: vec![Codec::Pcma],
            ..ours()
        };
        let agreed = answer(&text, &there, Direction::SendRecv).unwrap();
        let accepted = accept(&agreed.text, &ours(), Direction::SendRecv).unwrap();
        assert_eq!((accepted.codec, accepted.payload_type, accepted.dtmf), (Codec::Pcma, 8, Some(101)));
        assert_eq!((accepted.remote, accepted.rtcp), ("192.0.2.7:30000".parse().unwrap(), Rtcp::Muxed));
        let held = accept(&agreed.text, &ours(), Direction::SendOnly).unwrap();
        assert_eq!(held.direction, Direction::SendOnly);
    }

    #[test]
    fn an_answer_may_number_the_payloads_its_own_way() {
        let text = theirs("m=audio 4000 RTP/AVP 0 120\na=rtpmap:120 telephone-event/8000\n");
        let accepted = accept(&text, &ours(), Direction::SendRecv).unwrap();
        assert_eq!((accepted.dtmf, accepted.receive_dtmf), (Some(120), Some(101)));
    }

    #[test]
    fn an_answer_that_does_not_fit_is_told_apart() {
        for (lines, error) in [
            ("", OfferError::Mismatch),
            ("m=video 4000 RTP/AVP 0\n", OfferError::Mismatch),
            ("m=audio 0 RTP/AVP 0\n", OfferError::NoAudio),
            ("m=audio 4000 RTP/AVP 18\n", OfferError::NoCodec),
        ] {
            assert_eq!(accept(&theirs(lines), &ours(), Direction::SendRecv), Err(error), "{lines}");
        }
    }
}
