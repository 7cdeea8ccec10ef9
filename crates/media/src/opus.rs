//! Opus as a telephone needs it: one channel, 8 kHz inside, and what a packet says of the one before it that was lost.
//!
//! Why this engine and no other: `docs/decisions/0006-opus.md`. Bounds: packets of 480 bytes and 60 ms; what is longer is not
//! understood. What goes out is narrowband, as everything we say and translate is; what two phones that both speak Opus say to
//! each other passes untouched, as wide as they like. Source: RFC 6716 (codec), RFC 7587 (payload).

use opus_rs::{Application, OpusDecoder, OpusEncoder};

use crate::{MAX_PACKET_SAMPLES, RATE_HZ};

/// Bits a second of what we send, on the average: RFC 7587 section 3.1.1 has 8 to 12 for narrowband speech, and what is said
/// twice against loss comes on top.
const BITRATE: i32 = 20_000;
/// Of 10. What is saved beyond is not heard in narrowband, and costs a core its calls; measured, see the decision.
const COMPLEXITY: i32 = 5;
/// The loss that what is said twice is meant for, in percent.
const EXPECTED_LOSS: i32 = 10;
/// Samples at 8 kHz of 2.5 ms, the shortest frame and the step of all others. RFC 6716 section 2.1.4.
const STEP: usize = 20;

/// How many samples at 8 kHz a packet lasts; nothing for what is no packet, and for more than 120 ms. RFC 6716 section 3.
pub(crate) fn samples_in(packet: &[u8]) -> Option<usize> {
    let toc = *packet.first()?;
    let frame = match toc >> 3 {
        silk @ 0..12 => [4, 8, 16, 24][usize::from(silk & 3)],
        hybrid @ 12..16 => [4, 8][usize::from(hybrid & 1)],
        celt => [1, 2, 4, 8][usize::from(celt & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => usize::from(packet.get(1)? & 0x3f),
    };
    let steps = frame * frames;
    (1..=48).contains(&steps).then_some(steps * STEP)
}

/// Samples become packets.
pub(crate) struct Encoder(Box<OpusEncoder>);

impl Default for Encoder {
    fn default() -> Self {
        let encoder = OpusEncoder::new(RATE_HZ as i32, 1, Application::Voip);
        let mut encoder = encoder.expect("8 kHz and one channel are among what Opus takes");
        encoder.bitrate_bps = BITRATE;
        encoder.complexity = COMPLEXITY;
        encoder.use_inband_fec = true;
        encoder.packet_loss_perc = EXPECTED_LOSS;
        Self(Box::new(encoder))
    }
}

impl Encoder {
    /// 10, 20, 40 or 60 ms become one packet. Gives its length, 0 where Opus cannot make one of it.
    pub fn encode(&mut self, samples: &[i16], bytes: &mut [u8]) -> usize {
        let room = bytes.len().min(MAX_PACKET_SAMPLES);
        self.0.encode_i16(samples, samples.len(), &mut bytes[..room]).unwrap_or(0)
    }
}

/// Packets become samples.
pub(crate) struct Decoder(Box<OpusDecoder>);

impl Default for Decoder {
    fn default() -> Self {
        let decoder = OpusDecoder::new(RATE_HZ as i32, 1);
        Self(Box::new(decoder.expect("8 kHz and one channel are among what Opus makes")))
    }
}

impl Decoder {
    /// Gives how many samples were written; none where the packet is broken or longer than there is room.
    pub fn decode(&mut self, packet: &[u8], samples: &mut [i16]) -> usize {
        let length = samples_in(packet).unwrap_or(0);
        self.written(length, samples, |decoder, out| decoder.decode(packet, out.len(), out))
    }

    /// What was lost just before this packet, as far as the packet tells of it. False, and nothing written, where so many
    /// samples cannot be.
    pub fn recover(&mut self, packet: &[u8], samples: &mut [i16]) -> bool {
        let length = samples.len();
        let whole = length.is_multiple_of(STEP) && samples_in(packet).is_some();
        whole
            && self.written(length, samples, |decoder, out| decoder.decode_fec(packet, out.len(), out))
                == length
    }

    /// What was lost and nobody tells of, made up. False, and nothing written, where so many samples cannot be.
    pub fn make_up(&mut self, samples: &mut [i16]) -> bool {
        let length = samples.len();
        length.is_multiple_of(STEP)
            && self.written(length, samples, |decoder, out| decoder.decode(&[], out.len(), out)) == length
    }

    fn written(
        &mut self,
        length: usize,
        samples: &mut [i16],
        make: impl FnOnce(&mut OpusDecoder, &mut [f32]) -> Result<usize, &'static str>,
    ) -> usize {
        let mut floats = [0.0; MAX_PACKET_SAMPLES];
        let Some(out) = floats.get_mut(..length).filter(|out| (1..=samples.len()).contains(&out.len()))
        else {
            return 0;
        };
        let made = make(&mut self.0, out).unwrap_or(0).min(length);
        // A number beyond full scale saturates, and one that is none is silence.
        samples.iter_mut().zip(&out[..made]).for_each(|(to, from)| *to = (from * 32_768.0) as i16);
        made
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("opus::Encoder")
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("opus::Decoder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::dbfs;
    use crate::voice::sounds;

    #[test]
    fn a_packet_tells_how_long_it_lasts() {
        let lasting = |packet: &[u8]| samples_in(packet).map(|samples| samples as f64 / 8.0);
        assert_eq!(lasting(&[0b0000_1000, 1]), Some(20.0), "SILK narrowband, 20 ms");
        assert_eq!(lasting(&[0b0001_1000, 1]), Some(60.0));
        assert_eq!(lasting(&[0b0110_1000, 1]), Some(20.0), "hybrid");
        assert_eq!(lasting(&[0b1000_0000, 1]), Some(2.5), "CELT");
        assert_eq!(lasting(&[0b1111_1001, 1]), Some(40.0), "two frames of 20 ms");
        assert_eq!(lasting(&[0b1111_1011, 3, 1]), Some(60.0), "three of them");
        assert_eq!(lasting(&[0b1111_1011, 7, 1]), None, "140 ms are against the rules");
        assert_eq!(lasting(&[0b1111_1011, 0]), None);
        assert_eq!(lasting(&[0b1111_1011]), None);
        assert_eq!(lasting(&[]), None);
    }

    #[test]
    fn what_was_lost_comes_back_with_the_packet_after_it() {
        let voice = sounds::voice(40_000, 8_000.0);
        let mut encoder = Encoder::default();
        let packets: Vec<Vec<u8>> = voice
            .chunks_exact(160)
            .map(|piece| {
                let mut bytes = vec![0; 480];
                let length = encoder.encode(piece, &mut bytes);
                bytes.truncate(length);
                bytes
            })
            .collect();
        let mean = packets.iter().map(Vec::len).sum::<usize>() * 8 * 50 / packets.len();
        assert!((10_000..30_000).contains(&mean), "{mean} bits a second");
        let heard = |told: &dyn Fn(&mut Decoder, usize, &mut [i16])| -> Vec<i16> {
            let (mut decoder, mut heard) = (Decoder::default(), Vec::new());
            for (number, packet) in packets.iter().enumerate() {
                let mut samples = [0; 160];
                match number % 10 == 5 {
                    true => told(&mut decoder, number, &mut samples),
                    false => assert_eq!(decoder.decode(packet, &mut samples), 160),
                }
                heard.extend(samples);
            }
            heard
        };
        let whole = heard(&|decoder, number, samples| {
            decoder.decode(&packets[number], samples);
        });
        let off = |other: &[i16]| {
            let lost = (0..packets.len()).filter(|number| number % 10 == 5);
            let difference: Vec<i16> = lost
                .flat_map(|number| number * 160..(number + 1) * 160)
                .map(|at| whole[at].wrapping_sub(other[at]))
                .collect();
            dbfs(&difference)
        };
        let recovered =
            off(&heard(&|decoder, number, samples| assert!(decoder.recover(&packets[number + 1], samples))));
        let made_up = off(&heard(&|decoder, _, samples| assert!(decoder.make_up(samples))));
        assert!(recovered < made_up - 2.0, "told: {recovered} dBFS off, made up: {made_up}");
    }

    #[test]
    fn broken_packets_are_no_sound_and_break_nothing() {
        let mut decoder = Decoder::default();
        let mut chance = 1u32;
        let mut next = || {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            chance >> 16
        };
        for _ in 0..3_000 {
            let length = next() as usize % 481;
            let packet: Vec<u8> = (0..length).map(|_| next() as u8).collect();
            let mut samples = [0; MAX_PACKET_SAMPLES];
            match next() % 3 {
                0 => assert!(!decoder.recover(&packet, &mut samples[..150]), "no whole frame"),
                1 => assert!(!decoder.make_up(&mut samples[..next() as usize % 24 * 20 + 1])),
                _ => assert!(decoder.decode(&packet, &mut samples) <= 480),
            }
            decoder.recover(&packet, &mut samples[..160]);
            decoder.make_up(&mut samples[..next() as usize % 25 * 20]);
        }
        assert_eq!(decoder.decode(&[0b0001_1000; 40], &mut [0; 160]), 0, "60 ms do not fit into 20");
        assert_eq!(decoder.decode(&[], &mut [0; 160]), 0);
    }
}
