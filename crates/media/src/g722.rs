//! G.722: 7 kHz of sound in 64 kbit/s, a byte for each two samples at 16 kHz.
//!
//! Our own rather than a crate: what there is allocates for every packet. Sound is split into two bands at 4 kHz by a
//! quadrature mirror filter, and each is coded by its difference from what both ends predict: six bits for the lower, two
//! for the higher. Only the 64 kbit/s mode exists in RTP (RFC 3551 section 4.5.2).
//! Source: ITU-T G.722 (09/2012), whose block names stand beside the functions and whose tables stand at the end.

/// Samples at 16 kHz become bytes.
#[derive(Debug, Clone)]
pub struct Encoder {
    split: History,
    low: Band,
    high: Band,
}

/// Bytes become samples at 16 kHz.
#[derive(Debug, Clone)]
pub struct Decoder {
    join: History,
    low: Band,
    high: Band,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { split: [0; TAPS], low: Band::low(), high: Band::high() }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self { join: [0; TAPS], low: Band::low(), high: Band::high() }
    }
}

impl Encoder {
    /// One byte for each two samples, as far as both reach. Gives how many bytes were written.
    pub fn encode(&mut self, wide: &[i16], bytes: &mut [u8]) -> usize {
        let pairs = wide.chunks_exact(2).zip(bytes.iter_mut());
        pairs.map(|(pair, byte)| *byte = self.encode_pair(pair[0], pair[1])).count()
    }

    fn encode_pair(&mut self, first: i16, second: i16) -> u8 {
        let (even, odd) = filtered(&mut self.split, first.into(), second.into());
        let low = self.low.quantise_low((even + odd) >> 14);
        let high = self.high.quantise_high((even - odd) >> 14);
        self.low.follow_low(low >> 2);
        self.high.follow_high(high);
        (high << 6 | low) as u8
    }
}

impl Decoder {
    /// Two samples for each byte, as far as both reach. Gives how many samples were written.
    pub fn decode(&mut self, bytes: &[u8], wide: &mut [i16]) -> usize {
        let pairs = wide.chunks_exact_mut(2).zip(bytes);
        2 * pairs.map(|(pair, byte)| (pair[0], pair[1]) = self.decode_byte(*byte)).count()
    }

    fn decode_byte(&mut self, byte: u8) -> (i16, i16) {
        let (low, high) = (usize::from(byte & 0x3f), usize::from(byte >> 6));
        let heard_low = self.low.restored(QM6[low]);
        let heard_high = self.high.restored(QM2[high]);
        self.low.follow_low(low >> 2);
        self.high.follow_high(high);
        let (even, odd) = filtered(&mut self.join, heard_low + heard_high, heard_low - heard_high);
        (saturated(even >> 11) as i16, saturated(odd >> 11) as i16)
    }
}

const TAPS: usize = 24;
type History = [i32; TAPS];

/// TRANSMIT and RECEIVE QMF: takes two samples in and gives both halves of the filter.
fn filtered(history: &mut History, first: i32, second: i32) -> (i32, i32) {
    history.copy_within(2.., 0);
    (history[TAPS - 2], history[TAPS - 1]) = (first, second);
    let pairs = history.chunks_exact(2);
    let halves = pairs.zip(QMF.iter().zip(QMF.iter().rev()));
    halves.fold((0, 0), |(even, odd), (pair, (forward, backward))| {
        (even + pair[1] * backward, odd + pair[0] * forward)
    })
}

/// One band: the step of its quantiser and the filter that predicts its next sample.
#[derive(Debug, Clone)]
struct Band {
    /// DET: the step.
    step: i32,
    /// NB: its logarithm.
    log_step: i32,
    /// S: the prediction.
    predicted: i32,
    /// SZ: its part from the zeroes of the filter.
    from_zeroes: i32,
    /// A: the two poles.
    poles: [i32; 2],
    /// B: the six zeroes.
    zeroes: [i32; 6],
    /// D: the last differences, the latest first.
    differences: [i32; 6],
    /// R: the last two restored samples, the latest first.
    restored: [i32; 2],
    /// P: the last two partly restored samples, the latest first.
    partial: [i32; 2],
}

impl Band {
    fn low() -> Self {
        Self::with_step(32)
    }

    fn high() -> Self {
        Self::with_step(8)
    }

    fn with_step(step: i32) -> Self {
        Self {
            step,
            log_step: 0,
            predicted: 0,
            from_zeroes: 0,
            poles: [0; 2],
            zeroes: [0; 6],
            differences: [0; 6],
            restored: [0; 2],
            partial: [0; 2],
        }
    }

    /// SUBTRA, QUANTL.
    fn quantise_low(&self, sample: i32) -> usize {
        let (below, size) = self.off(sample);
        let levels = Q6.iter().take_while(|level| size >= (**level * self.step) >> 12).count();
        match (below, levels) {
            (true, 0) => 63,
            (true, 1) => 62,
            (true, levels) => 33 - levels,
            (false, levels) => 61 - levels,
        }
    }

    /// SUBTRA, QUANTH.
    fn quantise_high(&self, sample: i32) -> usize {
        let (below, size) = self.off(sample);
        let is_far = size >= (564 * self.step) >> 12;
        match (below, is_far) {
            (true, false) => 1,
            (true, true) => 0,
            (false, false) => 3,
            (false, true) => 2,
        }
    }

    /// How far a sample is from the prediction; a negative difference counts from minus one.
    fn off(&self, sample: i32) -> (bool, i32) {
        let off = saturated(sample - self.predicted);
        if off < 0 { (true, -(off + 1)) } else { (false, off) }
    }

    /// INVQBL, INVQAH, LIMIT: what is heard of this band.
    fn restored(&self, share: i32) -> i32 {
        (self.predicted + scaled(self.step, share)).clamp(-16_384, 16_383)
    }

    /// INVQAL, LOGSCL, SCALEL, and the prediction: by four of the six bits.
    fn follow_low(&mut self, code: usize) {
        let difference = scaled(self.step, QM4[code]);
        self.log_step = (((self.log_step * 127) >> 7) + WL[code]).clamp(0, 18_432);
        self.step = step_of(self.log_step, 8);
        self.predict(difference);
    }

    /// INVQAH, LOGSCH, SCALEH, and the prediction.
    fn follow_high(&mut self, code: usize) {
        let difference = scaled(self.step, QM2[code]);
        self.log_step = (((self.log_step * 127) >> 7) + WH[code]).clamp(0, 22_528);
        self.step = step_of(self.log_step, 10);
        self.predict(difference);
    }

    /// Block 4: what was right of the prediction is strengthened, and the next one made.
    fn predict(&mut self, difference: i32) {
        let restored = saturated(self.predicted + difference);
        let partial = saturated(self.from_zeroes + difference);
        self.adapt_poles(partial);
        self.adapt_zeroes(difference);
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        self.restored = [restored, self.restored[0]];
        self.partial = [partial, self.partial[0]];
        let from_poles = (0..2).map(|at| scaled(self.poles[at], saturated(2 * self.restored[at]))).sum();
        let terms = self.zeroes.iter().zip(&self.differences);
        self.from_zeroes = saturated(terms.map(|(zero, past)| scaled(*zero, saturated(2 * past))).sum());
        self.predicted = saturated(saturated(from_poles) + self.from_zeroes);
    }

    /// UPPOL2, UPPOL1.
    fn adapt_poles(&mut self, partial: i32) {
        let [first, second] = self.poles;
        let is_like = |past: i32| (partial < 0) == (past < 0);
        let quadrupled = saturated(4 * first);
        let pull = if is_like(self.partial[0]) { (-quadrupled).min(32_767) } else { quadrupled };
        let push = if is_like(self.partial[1]) { 128 } else { -128 };
        let second = (push + (pull >> 7) + scaled(second, 32_512)).clamp(-12_288, 12_288);
        let push = if is_like(self.partial[0]) { 192 } else { -192 };
        let bound = saturated(15_360 - second);
        let first = saturated(push + scaled(first, 32_640)).clamp(-bound, bound);
        self.poles = [first, second];
    }

    /// UPZERO.
    fn adapt_zeroes(&mut self, difference: i32) {
        let push = if difference == 0 { 0 } else { 128 };
        for (zero, past) in self.zeroes.iter_mut().zip(&self.differences) {
            let push = if (*past < 0) == (difference < 0) { push } else { -push };
            *zero = saturated(push + scaled(*zero, 32_640));
        }
    }
}

/// A product of two fractions of 15 bits.
fn scaled(value: i32, share: i32) -> i32 {
    (value * share) >> 15
}

fn saturated(value: i32) -> i32 {
    value.clamp(i16::MIN.into(), i16::MAX.into())
}

/// SCALEL and SCALEH: two to the power of the logarithm.
fn step_of(log_step: i32, shift: i32) -> i32 {
    let fraction = ILB[(log_step >> 6 & 31) as usize];
    let down = shift - (log_step >> 11);
    (if down < 0 { fraction << -down } else { fraction >> down }) << 2
}

/// The filter's coefficients. Table 11.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// Decision levels of the lower band. Table 14.
const Q6: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121,
    1_219, 1_339, 1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];

/// Fractions of powers of two. Table 13.
const ILB: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774,
    2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838,
    3_922, 4_008,
];

/// How a code of four bits moves the lower band's step: W(RL42(code)). Tables 13 and 15.
const WL: [i32; 16] = [-60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60];

/// How a code of two bits moves the higher band's step. Table 16.
const WH: [i32; 4] = [798, -214, 798, -214];

/// Restored differences of the higher band. Table 18.
const QM2: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];

/// Restored differences of the lower band, by four bits. Table 17.
const QM4: [i32; 16] = [
    0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584,
    1_200, 0,
];

/// The same by six bits. Table 17.
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232,
    -9_360, -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776,
    -2_400, -2_032, -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280,
    11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168,
    2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432, 136, -432, -136,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn tones(frequencies: &[f64], amplitude: f64, samples: usize) -> Vec<i16> {
        let wave = |at: usize| -> f64 {
            let turns = |frequency: &f64| std::f64::consts::TAU * frequency * at as f64 / 16_000.0;
            frequencies.iter().map(|frequency| turns(frequency).sin()).sum()
        };
        (0..samples).map(|at| (amplitude * wave(at)) as i16).collect()
    }

    fn there_and_back(wide: &[i16]) -> Vec<i16> {
        let (mut bytes, mut heard) = (vec![0; wide.len() / 2], vec![0; wide.len()]);
        assert_eq!(Encoder::default().encode(wide, &mut bytes), wide.len() / 2);
        assert_eq!(Decoder::default().decode(&bytes, &mut heard), wide.len());
        heard
    }

    /// Signal to noise in dB, with the 22 samples that both filters take together.
    fn clarity(wide: &[i16]) -> f64 {
        let heard = there_and_back(wide);
        let (mut signal, mut noise) = (0.0, 0.0);
        for (said, heard) in wide[1_000..].iter().zip(&heard[1_022..]) {
            signal += f64::from(*said).powi(2);
            noise += (f64::from(*said) - f64::from(*heard)).powi(2);
        }
        10.0 * (signal / noise).log10()
    }

    /// Made with integers only, so that it is the same everywhere: a saw that grows, under noise.
    fn reference() -> Vec<i16> {
        let mut state = 1u32;
        let sample = |at: i32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 20) as i32 - 2_048;
            ((at * 37 % 800 - 400) * (at % 6_000)).div_euclid(200) + noise
        };
        (0..32_000).map(sample).map(|sample| sample as i16).collect()
    }

    /// FNV-1a.
    fn fingerprint(bytes: impl Iterator<Item = u8>) -> u64 {
        bytes.fold(0xcbf2_9ce4_8422_2325, |print, byte| {
            (print ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// The fingerprints are those of what spandsp 0.0.6, which phones of others speak with, makes of the same sound.
    #[test]
    fn every_bit_is_what_another_implementation_makes_of_it() {
        let wide = reference();
        let (mut bytes, mut heard) = (vec![0; wide.len() / 2], vec![0; wide.len()]);
        let mut encoder = Encoder::default();
        for (wide, bytes) in wide.chunks(320).zip(bytes.chunks_mut(160)) {
            encoder.encode(wide, bytes);
        }
        assert_eq!(fingerprint(bytes.iter().copied()), 0xa1f6_bdae_e360_483f);
        Decoder::default().decode(&bytes, &mut heard);
        assert_eq!(fingerprint(heard.iter().flat_map(|sample| sample.to_le_bytes())), 0x13ae_4c4a_6eea_fe88);
    }

    #[test]
    fn tones_up_to_seven_kilohertz_come_back() {
        for (frequency, least) in
            [(200.0, 40.0), (1_000.0, 40.0), (3_000.0, 35.0), (5_000.0, 15.0), (6_500.0, 15.0)]
        {
            let clarity = clarity(&tones(&[frequency], 8_000.0, 16_000));
            assert!(clarity > least, "{frequency} Hz: {clarity} dB");
        }
    }
}
