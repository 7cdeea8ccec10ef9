//! G.711: the two ways a telephone network writes a sample in one byte.
//!
//! Our own tables rather than a crate: eighty lines, built at compile time, against a dependency whose defaults bring
//! G.729 and a second Opus. Transcoding between the two laws is one table look-up a sample.
//! Source: ITU-T G.711 tables 1a to 2b.

/// Which of the two laws a payload is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Law {
    /// mu-law, payload type 0: North America and Japan.
    Pcmu,
    /// A-law, payload type 8: the rest of the world.
    Pcma,
}

impl Law {
    /// The law of a static payload type. Source: RFC 3551 table 4.
    pub const fn from_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Law::Pcmu),
            8 => Some(Law::Pcma),
            _ => None,
        }
    }

    /// The byte that stands for no sound.
    pub const fn silence(self) -> u8 {
        match self {
            Law::Pcmu => 0xff,
            Law::Pcma => 0xd5,
        }
    }

    /// One byte to one 16-bit sample.
    pub fn decode_sample(self, byte: u8) -> i16 {
        match self {
            Law::Pcmu => MU_TO_LINEAR[usize::from(byte)],
            Law::Pcma => A_TO_LINEAR[usize::from(byte)],
        }
    }

    /// One 16-bit sample to one byte.
    pub fn encode_sample(self, sample: i16) -> u8 {
        match self {
            Law::Pcmu => linear_to_mu(sample),
            Law::Pcma => linear_to_a(sample),
        }
    }

    /// Decodes as many bytes as fit. Gives how many samples were written.
    pub fn decode(self, bytes: &[u8], samples: &mut [i16]) -> usize {
        let table = match self {
            Law::Pcmu => &MU_TO_LINEAR,
            Law::Pcma => &A_TO_LINEAR,
        };
        for (sample, byte) in samples.iter_mut().zip(bytes) {
            *sample = table[usize::from(*byte)];
        }
        bytes.len().min(samples.len())
    }

    /// Encodes as many samples as fit. Gives how many bytes were written.
    pub fn encode(self, samples: &[i16], bytes: &mut [u8]) -> usize {
        let pairs = bytes.iter_mut().zip(samples);
        match self {
            Law::Pcmu => pairs.for_each(|(byte, sample)| *byte = linear_to_mu(*sample)),
            Law::Pcma => pairs.for_each(|(byte, sample)| *byte = linear_to_a(*sample)),
        }
        bytes.len().min(samples.len())
    }

    /// Rewrites `bytes`, which are in this law, into the other one. Same law: a plain copy.
    pub fn transcode(self, to: Law, bytes: &[u8], out: &mut [u8]) -> usize {
        let table = match (self, to) {
            (Law::Pcmu, Law::Pcma) => &MU_TO_A,
            (Law::Pcma, Law::Pcmu) => &A_TO_MU,
            (Law::Pcmu, Law::Pcmu) | (Law::Pcma, Law::Pcma) => {
                let length = bytes.len().min(out.len());
                out[..length].copy_from_slice(&bytes[..length]);
                return length;
            }
        };
        for (byte, from) in out.iter_mut().zip(bytes) {
            *byte = table[usize::from(*from)];
        }
        bytes.len().min(out.len())
    }
}

static MU_TO_LINEAR: [i16; 256] = mu_table();
static A_TO_LINEAR: [i16; 256] = a_table();
static MU_TO_A: [u8; 256] = mu_to_a_table();
static A_TO_MU: [u8; 256] = a_to_mu_table();

/// Added before the logarithm so that the first segment starts at a power of two.
const MU_BIAS: i32 = 0x84;
/// The largest magnitude that still fits a mu-law byte.
const MU_CLIP: i32 = 32_635;

/// Which power of two leads a number, counted from `lowest`, and the four bits behind it: a segment and its step. Both stand
/// side by side in a floating-point number, and so are had for several samples at once.
const fn segment_and_step(magnitude: i32, lowest: i32) -> i32 {
    ((magnitude as f32).to_bits() >> 19) as i32 - ((127 + lowest) << 4)
}

const fn linear_to_mu(sample: i16) -> u8 {
    let magnitude = (sample as i32).abs();
    let biased = (if magnitude > MU_CLIP { MU_CLIP } else { magnitude }) + MU_BIAS;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | segment_and_step(biased, 7) as u8) // 0x84..=0x7fff: bit 7..14 leads
}

const fn linear_to_a(sample: i16) -> u8 {
    let sample = sample as i32;
    let magnitude = (sample ^ (sample >> 31)) >> 4; // 0..=2047
    let curved = segment_and_step(magnitude, 3);
    // The first two segments are one straight line.
    let code = if magnitude < 32 { magnitude } else { curved };
    let sign = !(sample >> 31) & 0x80;
    ((sign | code) ^ 0x55) as u8
}

const fn mu_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let byte = !(index as u8);
        let segment = (byte >> 4) & 7;
        let magnitude = ((((byte & 0x0f) as i32) << 3) + MU_BIAS) << segment;
        let linear = magnitude - MU_BIAS;
        table[index] = (if byte & 0x80 != 0 { -linear } else { linear }) as i16;
        index += 1;
    }
    table
}

const fn a_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let byte = (index as u8) ^ 0x55;
        let segment = (byte >> 4) & 7;
        let step = ((byte & 0x0f) as i32) << 4;
        let linear = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
        table[index] = (if byte & 0x80 != 0 { linear } else { -linear }) as i16;
        index += 1;
    }
    table
}

const fn mu_to_a_table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        table[index] = linear_to_a(MU_TO_LINEAR[index]);
        index += 1;
    }
    table
}

const fn a_to_mu_table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        table[index] = linear_to_mu(A_TO_LINEAR[index]);
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Law; 2] = [Law::Pcmu, Law::Pcma];

    #[test]
    fn every_byte_survives_decoding_and_encoding() {
        for codec in BOTH {
            for byte in 0..=255u8 {
                let again = codec.encode_sample(codec.decode_sample(byte));
                let negative_zero = codec == Law::Pcmu && byte == 0x7f;
                assert!(
                    again == byte || (negative_zero && again == 0xff),
                    "{codec:?} {byte:#x} -> {again:#x}"
                );
            }
        }
    }

    #[test]
    fn the_corner_values_are_those_of_the_recommendation() {
        // G.711 tables: decoder output values scaled to 16 bits.
        assert_eq!(Law::Pcmu.decode_sample(0x00), -32_124);
        assert_eq!(Law::Pcmu.decode_sample(0x80), 32_124);
        assert_eq!(Law::Pcmu.decode_sample(0xff), 0);
        assert_eq!(Law::Pcma.decode_sample(0xaa), 32_256);
        assert_eq!(Law::Pcma.decode_sample(0x2a), -32_256);
        assert_eq!(Law::Pcma.decode_sample(0xd5), 8);
        assert_eq!(Law::Pcma.encode_sample(i16::MIN), 0x2a);
        assert_eq!(Law::Pcmu.encode_sample(i16::MIN), 0x00);
        assert_eq!(Law::Pcmu.encode_sample(0), Law::Pcmu.silence());
        assert_eq!(Law::Pcma.encode_sample(0), Law::Pcma.silence());
    }

    #[test]
    fn coding_error_stays_within_half_a_step() {
        for codec in BOTH {
            for sample in i16::MIN..=i16::MAX {
                let error =
                    (i32::from(codec.decode_sample(codec.encode_sample(sample))) - i32::from(sample)).abs();
                let allowed = (i32::from(sample).abs() / 16).max(16) + 8;
                let clipped = i32::from(sample).abs() > 32_000;
                assert!(error <= allowed || clipped && error < 700, "{codec:?} {sample} off by {error}");
            }
        }
    }

    #[test]
    fn transcoding_equals_decoding_and_encoding() {
        let all: Vec<u8> = (0..=255).collect();
        let mut out = [0u8; 256];
        for (from, to) in [(Law::Pcmu, Law::Pcma), (Law::Pcma, Law::Pcmu), (Law::Pcmu, Law::Pcmu)] {
            assert_eq!(from.transcode(to, &all, &mut out), 256);
            for (byte, rewritten) in all.iter().zip(&out) {
                if from != to {
                    assert_eq!(*rewritten, to.encode_sample(from.decode_sample(*byte)));
                } else {
                    assert_eq!(rewritten, byte);
                }
            }
        }
    }
}
