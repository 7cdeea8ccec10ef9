//! How descriptions of ours are written down: every line from our own [`Capabilities`], in one order. RFC 4566.

use std::fmt::Write;

use super::codec::{Codec, EVENT_PAYLOADS};
use super::crypto;
use super::grammar::Session;
use super::negotiate::{Agreed, Capabilities, Direction, Rtcp};

/// The longest packets that we hear whole.
const MAX_PTIME_MS: u16 = 60;
/// What we like Opus to be like (RFC 7587 section 6.1): as wide as speech is, and each packet telling of the one before it.
const OPUS_WISHES: &str =
    "maxplaybackrate=16000;sprop-maxcapturerate=16000;maxaveragebitrate=40000;useinbandfec=1";

/// Writes an offer of everything we can do.
pub fn offer(ours: &Capabilities, direction: Direction) -> String {
    let mut text = write_session(ours);
    let mut payloads: Vec<u8> = ours.codecs.iter().map(|codec| codec.payload_type()).collect();
    let clocks = ours.codecs.iter().map(|codec| codec.clock_rate_hz());
    let events = EVENT_PAYLOADS
        .into_iter()
        .filter(|(rate, _)| ours.telephone_event && clocks.clone().any(|of| of == *rate));
    payloads.extend(events.clone().map(|(_, payload)| payload));
    write_media(&mut text, ours, &payloads);
    for codec in &ours.codecs {
        write_codec(&mut text, *codec, codec.payload_type());
    }
    events.for_each(|(rate, payload)| write_events(&mut text, payload, rate));
    write_keys(&mut text, ours.protection.keyring().into_iter().flat_map(crypto::offered));
    write_tail(&mut text, ours, direction, ours.rtcp_mux);
    text
}

/// An answer that serves one of their media lines, and refuses every other by port 0.
pub(super) fn write_answer(
    session: &Session<'_>,
    served: usize,
    agreed: &Agreed,
    ours: &Capabilities,
) -> String {
    let mut text = write_session(ours);
    for (at, media) in session.media.iter().enumerate() {
        if at != served {
            let formats = media.formats.join(" ");
            line(&mut text, format_args!("m={} 0 {} {formats}", media.kind, media.protocol));
            continue;
        }
        let mut payloads = vec![agreed.payload_type];
        payloads.extend(agreed.dtmf);
        let protocol = &media.protocol;
        let list = payloads.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
        line(&mut text, format_args!("m=audio {} {protocol} {list}", ours.port));
        write_codec(&mut text, agreed.codec, agreed.payload_type);
        if let Some(payload) = agreed.dtmf {
            write_events(&mut text, payload, agreed.codec.clock_rate_hz());
        }
        let keys = agreed.keys.iter().map(crypto::answered);
        write_keys(&mut text, keys);
        write_tail(&mut text, ours, agreed.direction, agreed.rtcp == Rtcp::Muxed);
    }
    text
}

fn write_session(ours: &Capabilities) -> String {
    let mut text = String::with_capacity(512);
    let family = if ours.address.is_ipv4() { "IP4" } else { "IP6" };
    let (id, version, address) = (ours.session_id, ours.version, ours.address);
    line(&mut text, format_args!("v=0"));
    line(&mut text, format_args!("o=- {id} {version} IN {family} {address}"));
    line(&mut text, format_args!("s=-"));
    line(&mut text, format_args!("c=IN {family} {address}"));
    line(&mut text, format_args!("t=0 0"));
    text
}

fn write_media(text: &mut String, ours: &Capabilities, payloads: &[u8]) {
    let list = payloads.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
    let profile = if ours.protection.keyring().is_some() { "RTP/SAVP" } else { "RTP/AVP" };
    line(text, format_args!("m=audio {} {profile} {list}", ours.port));
}

fn write_codec(text: &mut String, codec: Codec, payload: u8) {
    let (name, rate) = (codec.encoding(), codec.clock_rate_hz());
    match codec {
        Codec::Pcmu | Codec::Pcma | Codec::G722 => {
            line(text, format_args!("a=rtpmap:{payload} {name}/{rate}"))
        }
        Codec::Opus => {
            line(text, format_args!("a=rtpmap:{payload} {name}/{rate}/{}", codec.channels()));
            line(text, format_args!("a=fmtp:{payload} {OPUS_WISHES}"));
        }
    }
}

fn write_events(text: &mut String, payload: u8, rate: u32) {
    line(text, format_args!("a=rtpmap:{payload} telephone-event/{rate}"));
    line(text, format_args!("a=fmtp:{payload} 0-15"));
}

fn write_keys(text: &mut String, values: impl Iterator<Item = String>) {
    values.for_each(|value| line(text, format_args!("a=crypto:{value}")));
}

fn write_tail(text: &mut String, ours: &Capabilities, direction: Direction, mux: bool) {
    line(text, format_args!("a=ptime:{}", ours.ptime_ms));
    line(text, format_args!("a=maxptime:{MAX_PTIME_MS}"));
    line(text, format_args!("a={}", direction.as_str()));
    if mux {
        line(text, format_args!("a=rtcp-mux"));
    }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    text.write_fmt(content).expect("writing into a String cannot fail");
    text.push_str("\r\n");
}
