//! The codecs that we speak, and how a description names them. RFC 3551, RFC 7587.

use super::grammar::Media;

/// The payload numbers of telephone-event in offers of ours, by the rate of the clock; theirs may differ. Each clock needs its
/// own (RFC 4733 section 2.1).
pub(super) const EVENT_PAYLOADS: [(u32, u8); 2] = [(8_000, 101), (48_000, 110)];

/// A codec that we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// G.711 mu-law, payload number 0.
    Pcmu,
    /// G.711 A-law, payload number 8.
    Pcma,
    /// G.722, payload number 9: 16 kHz, though its clock counts 8,000 a second (RFC 3551 section 4.5.2).
    G722,
    /// Opus, with a payload number of each description's own: its clock counts 48,000 a second (RFC 7587).
    Opus,
}

impl Codec {
    const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

    /// The payload number in offers of ours: RFC 3551 table 4, and for Opus what nearly everybody takes.
    pub fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::G722 => 9,
            Codec::Opus => 111,
        }
    }

    /// The payload number of telephone-event beside it in offers of ours.
    pub(super) fn event_payload_type(self) -> u8 {
        let [(_, narrow), (rate, other)] = EVENT_PAYLOADS;
        if self.clock_rate_hz() == rate { other } else { narrow }
    }

    /// Ticks of the RTP clock per second.
    pub fn clock_rate_hz(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8_000,
            Codec::Opus => 48_000,
        }
    }

    pub(super) fn is_wide(self) -> bool {
        match self {
            Codec::G722 | Codec::Opus => true,
            Codec::Pcmu | Codec::Pcma => false,
        }
    }

    /// As an rtpmap has it: one channel, though Opus says two of every stream (RFC 7587 section 4.1).
    pub(super) fn channels(self) -> &'static str {
        match self {
            Codec::Opus => "2",
            Codec::Pcmu | Codec::Pcma | Codec::G722 => "1",
        }
    }

    pub(super) fn encoding(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
        }
    }

    /// What a payload number means in a media line: by its rtpmap, else by the static table.
    pub(super) fn of(media: &Media<'_>, payload: u8) -> Option<Codec> {
        match media.rtpmap(payload) {
            Some(map) => Codec::ALL.into_iter().find(|codec| codec.is_mapped_by(map)),
            None => Codec::ALL
                .into_iter()
                .filter(|codec| *codec != Codec::Opus)
                .find(|codec| codec.payload_type() == payload),
        }
    }

    fn is_mapped_by(self, map: &str) -> bool {
        let mut parts = map.split('/');
        let named = parts.next().is_some_and(|name| name.trim().eq_ignore_ascii_case(self.encoding()));
        let rated = parts.next().is_some_and(|rate| rate.trim().parse() == Ok(self.clock_rate_hz()));
        named && rated && parts.next().is_none_or(|channels| channels.trim() == self.channels())
    }
}
