//! The codecs of a leg, and what some of them remember between packets.
//!
//! Inside, sound is at 8 kHz. How fast a codec's RTP clock counts, and how long a payload lasts, is told here and assumed
//! nowhere else. G.722 carries 16 kHz: what we say is widened for it, what we hear is narrowed, and what is bridged
//! between two legs that both speak it passes untouched.

use crate::g711::Law;
use crate::resample::{Downsampler, Image, Upsampler};
use crate::{MAX_PACKET_SAMPLES, RATE_HZ, g722};

/// What a payload is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// G.711 mu-law, payload type 0: North America and Japan.
    Pcmu,
    /// G.711 A-law, payload type 8: the rest of the world.
    Pcma,
    /// G.722 at 64 kbit/s, payload type 9; its clock counts 8,000 a second (RFC 3551 section 4.5.2).
    G722,
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
            Codec::G722 => None,
        }
    }

    /// Ticks of its RTP clock a second. Source: RFC 3551 table 4.
    pub const fn clock_hz(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8_000,
        }
    }

    /// How many samples at 8 kHz a payload holds.
    pub fn samples_in(self, payload: &[u8]) -> usize {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => payload.len(),
        }
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
        matches!((self, other), (Codec::G722, Codec::G722)) || self.law().is_some() && other.law().is_some()
    }

    /// The static payload type. Source: RFC 3551 table 4.
    pub const fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::G722 => 9,
        }
    }

    /// The name in SDP.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
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
}

impl Encoder {
    /// From silence on.
    pub fn new(codec: Codec) -> Self {
        let wide = || Box::new((Upsampler::new(Image::Removed), g722::Encoder::default()));
        Self { coding: codec.law().map_or_else(|| Encoding::Wide(wide()), Encoding::Law) }
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
            Encoding::Wide(_) => self.encode(&[0; MAX_PACKET_SAMPLES][..samples], bytes),
        }
    }
}

/// Bytes become samples at 8 kHz.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Built with the first packet that needs it.
    wide: Option<Box<(g722::Decoder, Downsampler)>>,
}

impl Decoder {
    /// The samples of a payload, as far as there is room. Gives how many were written.
    pub fn decode(&mut self, codec: Codec, bytes: &[u8], samples: &mut [i16]) -> usize {
        if let Some(law) = codec.law() {
            return law.decode(bytes, samples);
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
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
            for packet in [80, 160, 240, 320, 400, 480] {
                let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::default());
                let mut heard = Vec::new();
                for piece in tone(9_600).chunks(packet) {
                    let (mut bytes, mut samples) = ([0; 480], [0; 480]);
                    assert_eq!(encoder.encode(piece, &mut bytes), piece.len());
                    assert_eq!(decoder.decode(codec, &bytes[..piece.len()], &mut samples), piece.len());
                    heard.extend(&samples[..piece.len()]);
                }
                let level = rms(&heard[800..]) / rms(&tone(9_600));
                assert!((0.97..1.03).contains(&level), "{codec:?} {packet}: {level}");
                let steepest =
                    heard[800..].windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max();
                assert!(steepest < Some(4_000), "{codec:?} {packet}: a click of {steepest:?}");
            }
        }
    }

    #[test]
    fn silence_is_silent_in_every_codec() {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
            let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::default());
            for _ in 0..20 {
                let (mut bytes, mut samples) = ([7; 160], [7; 160]);
                assert_eq!(encoder.be_silent(160, &mut bytes), 160);
                decoder.decode(codec, &bytes, &mut samples);
                assert!(rms(&samples) < 12.0, "{codec:?}: {}", rms(&samples));
            }
        }
    }
}
