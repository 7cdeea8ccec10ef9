//! The codecs of a leg, and what some of them remember between packets.
//!
//! Inside, sound is at 8 kHz. How fast a codec's RTP clock counts, and how long a payload lasts, is told here and assumed
//! nowhere else. G.722 carries 16 kHz: what we say is widened for it, what we hear is narrowed, and what is bridged
//! between two legs that both speak it passes untouched.

use std::time::Duration;

use crate::g711::Law;
use crate::resample::{Downsampler, Image, Upsampler};
use crate::{MAX_PACKET_SAMPLES, RATE_HZ, g722, opus};

/// What a payload is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// G.711 mu-law, payload type 0: North America and Japan.
    Pcmu,
    /// G.711 A-law, payload type 8: the rest of the world.
    Pcma,
    /// G.722 at 64 kbit/s, payload type 9; its clock counts 8,000 a second (RFC 3551 section 4.5.2).
    G722,
    /// Opus, with a payload type that is agreed on; its clock counts 48,000 a second whatever it carries (RFC 7587).
    Opus,
}

impl From<Law> for Codec {
    fn from(law: Law) -> Self {
        match law {
            Law::Pcmu => Codec::Pcmu,
            Law::Pcma => Codec::Pcma,
        }
    }
}

impl Codec {
    /// Which law of G.711 it is, if it is one: then a byte stands for itself.
    pub const fn law(self) -> Option<Law> {
        match self {
            Codec::Pcmu => Some(Law::Pcmu),
            Codec::Pcma => Some(Law::Pcma),
            Codec::G722 | Codec::Opus => None,
        }
    }

    /// Ticks of its RTP clock a second. Source: RFC 3551 table 4.
    pub const fn clock_hz(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8_000,
            Codec::Opus => 48_000,
        }
    }

    /// How many samples at 8 kHz a payload holds; 0 for one that is broken.
    pub fn samples_in(self, payload: &[u8]) -> usize {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => payload.len(),
            Codec::Opus => opus::samples_in(payload).unwrap_or(0),
        }
    }

    /// The packet time nearest to this, not above it, that the codec can make: 10 to 60 ms.
    pub fn packet_time(self, wanted: Duration) -> Duration {
        let whole = |ms: &u64| Duration::from_millis(*ms) <= wanted;
        let times: &[u64] = match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => &[10, 20, 30, 40, 50, 60],
            // RFC 6716 section 2.1.4: no frame has 30 or 50 ms.
            Codec::Opus => &[10, 20, 40, 60],
        };
        Duration::from_millis(times.iter().copied().rfind(whole).unwrap_or(10))
    }

    /// How far its clock goes on in so many samples at 8 kHz.
    pub const fn ticks(self, samples: usize) -> u32 {
        (samples as u64 * self.clock_hz() as u64 / RATE_HZ as u64) as u32
    }

    /// How far its clock goes on in a payload.
    pub fn ticks_in(self, payload: &[u8]) -> u32 {
        self.ticks(self.samples_in(payload))
    }

    /// Whether bytes of one codec become those of the other each for itself, at once: then nothing has to wait for anything.
    pub const fn passes_into(self, other: Codec) -> bool {
        matches!((self, other), (Codec::G722, Codec::G722) | (Codec::Opus, Codec::Opus))
            || self.law().is_some() && other.law().is_some()
    }

    /// The payload type: static (RFC 3551 table 4), for Opus the one that nearly everybody offers it with.
    pub const fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::G722 => 9,
            Codec::Opus => 111,
        }
    }

    /// The name in SDP.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
        }
    }
}

/// Samples at 8 kHz become bytes.
#[derive(Debug)]
pub struct Encoder {
    coding: Encoding,
}

#[derive(Debug)]
enum Encoding {
    Law(Law),
    Wide(Box<(Upsampler, g722::Encoder)>),
    /// Built with the first sound of ours: two phones that both speak Opus need none, and it takes hundreds of kilobytes.
    Opus(Option<opus::Encoder>),
}

impl Encoder {
    /// From silence on.
    pub fn new(codec: Codec) -> Self {
        let coding = match codec {
            Codec::Pcmu => Encoding::Law(Law::Pcmu),
            Codec::Pcma => Encoding::Law(Law::Pcma),
            Codec::G722 => {
                Encoding::Wide(Box::new((Upsampler::new(Image::Removed), g722::Encoder::default())))
            }
            Codec::Opus => Encoding::Opus(None),
        };
        Self { coding }
    }

    /// As many bytes as the codec makes of the samples, as far as both reach. Gives how many were written.
    pub fn encode(&mut self, samples: &[i16], bytes: &mut [u8]) -> usize {
        match &mut self.coding {
            Encoding::Law(law) => law.encode(samples, bytes),
            Encoding::Wide(both) => {
                let (up, encoder) = &mut **both;
                let pieces = samples.chunks(MAX_PACKET_SAMPLES).zip(bytes.chunks_mut(MAX_PACKET_SAMPLES));
                pieces
                    .map(|(samples, bytes)| {
                        let mut wide = [0; 2 * MAX_PACKET_SAMPLES];
                        let length = up.process(samples, &mut wide);
                        encoder.encode(&wide[..length], bytes)
                    })
                    .sum()
            }
            Encoding::Opus(encoder) => encoder.get_or_insert_default().encode(samples, bytes),
        }
    }

    /// The bytes of so many samples of no sound, at most 480. Gives how many were written.
    pub fn be_silent(&mut self, samples: usize, bytes: &mut [u8]) -> usize {
        let samples = samples.min(MAX_PACKET_SAMPLES);
        match &mut self.coding {
            Encoding::Law(law) => {
                let length = samples.min(bytes.len());
                bytes[..length].fill(law.silence());
                length
            }
            Encoding::Wide(_) | Encoding::Opus(_) => self.encode(&[0; MAX_PACKET_SAMPLES][..samples], bytes),
        }
    }

    /// Gives back what takes hundreds of kilobytes. What is encoded next stands at the beginning of a sound.
    pub fn rest(&mut self) {
        match &mut self.coding {
            Encoding::Opus(encoder) => *encoder = None,
            Encoding::Law(_) | Encoding::Wide(_) => {}
        }
    }
}

/// Bytes become samples at 8 kHz.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Built with the first packet that needs it.
    wide: Option<Box<(g722::Decoder, Downsampler)>>,
    /// As well.
    opus: Option<opus::Decoder>,
}

impl Decoder {
    /// The samples of a payload, as far as there is room. Gives how many were written.
    pub fn decode(&mut self, codec: Codec, bytes: &[u8], samples: &mut [i16]) -> usize {
        if let Some(law) = codec.law() {
            return law.decode(bytes, samples);
        }
        if codec == Codec::Opus {
            return self.opus.get_or_insert_default().decode(bytes, samples);
        }
        let (decoder, down) = &mut **self.wide.get_or_insert_default();
        let pieces = bytes.chunks(MAX_PACKET_SAMPLES).zip(samples.chunks_mut(MAX_PACKET_SAMPLES));
        pieces
            .map(|(bytes, samples)| {
                let mut wide = [0; 2 * MAX_PACKET_SAMPLES];
                let length = decoder.decode(bytes, &mut wide);
                down.process(&wide[..length], samples)
            })
            .sum()
    }

    /// What was lost just before this packet, as far as its codec tells of that. False, and nothing written, where it does not.
    pub fn recover(&mut self, codec: Codec, next: &[u8], samples: &mut [i16]) -> bool {
        codec == Codec::Opus && self.opus.as_mut().is_some_and(|opus| opus.recover(next, samples))
    }

    /// What was lost, made up by a codec that knows how. False, and nothing written, for one that does not.
    pub fn make_up(&mut self, codec: Codec, samples: &mut [i16]) -> bool {
        codec == Codec::Opus && self.opus.as_mut().is_some_and(|opus| opus.make_up(samples))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::rms;

    fn tone(samples: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * 440.0 / 8_000.0;
        (0..samples).map(|at| (9_000.0 * (step * at as f64).sin()) as i16).collect()
    }

    #[test]
    fn whatever_the_packet_time_sound_comes_back_as_loud_as_it_was() {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
            for packet in (1..=6)
                .map(|tens| codec.packet_time(Duration::from_millis(10 * tens)).as_millis() as usize * 8)
            {
                let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::default());
                let mut heard = Vec::new();
                for piece in tone(9_600).chunks(packet) {
                    let (mut bytes, mut samples) = ([0; 480], [0; 480]);
                    let length = encoder.encode(piece, &mut bytes);
                    assert_eq!(codec.samples_in(&bytes[..length]), piece.len(), "{codec:?} {packet}");
                    assert_eq!(decoder.decode(codec, &bytes[..length], &mut samples), piece.len());
                    heard.extend(&samples[..piece.len()]);
                }
                let level = rms(&heard[800..]) / rms(&tone(9_600));
                let near = if codec == Codec::Opus { 0.9..1.1 } else { 0.97..1.03 };
                assert!(near.contains(&level), "{codec:?} {packet}: {level}");
                let steepest =
                    heard[800..].windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max();
                assert!(steepest < Some(4_000), "{codec:?} {packet}: a click of {steepest:?}");
            }
        }
    }

    #[test]
    fn silence_is_silent_in_every_codec() {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
            let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::default());
            for _ in 0..20 {
                let (mut bytes, mut samples) = ([7; 160], [7; 160]);
                let length = encoder.be_silent(160, &mut bytes);
                assert_eq!(decoder.decode(codec, &bytes[..length], &mut samples), 160);
                assert!(rms(&samples) < 12.0, "{codec:?}: {}", rms(&samples));
            }
        }
    }
}
