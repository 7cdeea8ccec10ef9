//! From telephone sound to what the acoustic model expects: 16 kHz, never digitally silent, at one loudness.
//!
//! The model was trained on wide-band sound and takes the logarithm of each band's energy. Exact zeros, which G.711
//! produces between words, ruin that; so each sample gets a little noise first. The upper half of the band is unknown
//! to a telephone; a mirror image at -6 dB stands in for it, which measured better than emptiness.
//!
//! One [`FrontEnd`] serves one call: it remembers how loud the caller speaks. Within one utterance the gain never
//! changes, so that both passes of a decoder compare the same sound.

use crate::sound::{full_scale, to_sample};

/// Noise added to each sample, as an effective value in units of the last bit of 16-bit sound.
const DITHER_RMS: f64 = 30.0;

/// Loudness of speech as the decoder gets it, in dB below full scale.
const TARGET_DBFS: f64 = -19.0;

/// The strongest correction in either direction, in dB: beyond it is noise or a broken line, not a quiet caller.
const MOST_GAIN_DB: f64 = 18.0;

/// An utterance is held until this much of it (in 20 ms pieces) is louder than the floor, or it ends.
const PIECES_BEFORE_GAIN: usize = 12;

/// 20 ms at 8 kHz.
const PIECE: usize = 160;

/// Length of the half-band filter; every second tap but the middle one is zero.
const TAPS: usize = 63;

/// Sound of one call on its way to a decoder. Give 8 kHz, get 16 kHz.
#[derive(Debug)]
pub struct FrontEnd {
    noise: Noise,
    filter: [f64; TAPS / 2 + 1],
    history: [f64; TAPS / 2 + 1],
    /// Mean power of this caller's speech so far, over utterances.
    caller_power: Option<f64>,
    gain: Option<f64>,
    held: Vec<f64>,
    floor: f64,
    loud: Vec<f64>,
    powers: Vec<f64>,
    high_pass: HighPass,
}

impl FrontEnd {
    /// `seed` makes the added noise repeatable.
    pub fn new(seed: u64) -> FrontEnd {
        FrontEnd {
            noise: Noise::new(seed),
            filter: half_band(),
            history: [0.0; TAPS / 2 + 1],
            caller_power: None,
            gain: None,
            held: Vec::new(),
            floor: f64::INFINITY,
            loud: Vec::new(),
            powers: Vec::new(),
            high_pass: HighPass::default(),
        }
    }

    /// A new utterance begins. What is known of the caller's loudness stays.
    pub fn start(&mut self) {
        self.history = [0.0; TAPS / 2 + 1];
        self.gain = self.caller_power.map(gain_for);
        self.held.clear();
        self.floor = f64::INFINITY;
        self.loud.clear();
        self.powers.clear();
    }

    /// Takes 8 kHz samples. Gives 16 kHz samples: none while the loudness is not known yet, then all that were held.
    pub fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        for piece in samples.chunks(PIECE) {
            let clean: Vec<f64> = piece.iter().map(|&s| self.high_pass.next(f64::from(s))).collect();
            self.observe(&clean);
            for s in clean {
                let noisy = s + DITHER_RMS * self.noise.gaussian();
                let (first, second) = self.upsample(noisy);
                self.held.extend([first, second]);
            }
        }
        if self.gain.is_none() && self.loud.len() >= PIECES_BEFORE_GAIN {
            self.gain = Some(gain_for(mean(&self.loud)));
        }
        if let Some(gain) = self.gain {
            out.extend(self.held.drain(..).map(|s| to_sample(s * gain)));
        }
    }

    /// The utterance is over: gives what was still held, and remembers how loud the caller was.
    pub fn finish(&mut self, out: &mut Vec<i16>) {
        if !self.loud.is_empty() {
            let power = mean(&self.loud);
            self.caller_power = Some(self.caller_power.map_or(power, |known| 0.5 * known + 0.5 * power));
        }
        let gain = self.gain.or(self.caller_power.map(gain_for)).unwrap_or(1.0);
        out.extend(self.held.drain(..).map(|s| to_sample(s * gain)));
    }

    /// Is there anything in this utterance that stands out of the line's noise for at least 60 ms?
    pub fn has_heard_speech(&self) -> bool {
        self.loud.len() >= 3
    }

    /// How long the caller spoke in this utterance, in frames of 10 ms: the pieces that are neither far below the
    /// loudest nor close to what the line sounds like without the caller.
    ///
    /// Pauses do not count, nor does a car's noise or a faint echo.
    pub fn spoken_frames(&self) -> u32 {
        const FAR_BELOW: f64 = 0.016; // 18 dB
        const CLOSE_TO_FLOOR: f64 = 3.2; // 5 dB
        let mut sorted = self.powers.clone();
        sorted.sort_by(f64::total_cmp);
        let (Some(loudest), Some(floor)) = (sorted.last(), sorted.get(sorted.len() / 8)) else { return 0 };
        let least = (loudest * FAR_BELOW).max(floor * CLOSE_TO_FLOOR);
        let pieces = sorted.iter().filter(|power| **power > least).count();
        u32::try_from(2 * pieces).unwrap_or(u32::MAX)
    }

    /// Notes a piece that stands 10 dB over the quietest so far and is no faint hiss.
    fn observe(&mut self, piece: &[f64]) {
        const FAINT: f64 = 60.0;
        let power = piece.iter().map(|s| s * s).sum::<f64>() / piece.len() as f64;
        self.powers.push(power);
        self.floor = self.floor.min(power.max(DITHER_RMS * DITHER_RMS));
        if power > 10.0 * self.floor && power > FAINT * FAINT {
            self.loud.push(power);
        }
    }

    /// One sample in, two out: half the plain zero-stuffed signal, half of it low-passed. That is the signal itself
    /// below 4 kHz and its mirror image at -6 dB above.
    fn upsample(&mut self, sample: f64) -> (f64, f64) {
        self.history.rotate_right(1);
        self.history[0] = sample;
        let between: f64 = self.filter.iter().zip(&self.history).map(|(h, x)| h * x).sum();
        let middle = self.history[TAPS / 4];
        (between, 1.5 * middle)
    }
}

/// Second-order Butterworth high-pass at 200 Hz: what a telephone hardly carries, and a car is full of.
#[derive(Debug, Default)]
struct HighPass {
    inputs: [f64; 2],
    outputs: [f64; 2],
}

impl HighPass {
    fn next(&mut self, x: f64) -> f64 {
        // Bilinear transform of 1 / (s^2 + 1.414 s + 1) at 200 Hz of 8 kHz.
        const B: f64 = 0.894_858_606;
        const A: [f64; 2] = [-1.778_631_778, 0.800_802_647];
        let y =
            B * (x - 2.0 * self.inputs[0] + self.inputs[1]) - A[0] * self.outputs[0] - A[1] * self.outputs[1];
        self.inputs = [x, self.inputs[0]];
        self.outputs = [y, self.outputs[0]];
        y
    }
}

fn gain_for(power: f64) -> f64 {
    let wanted = full_scale(TARGET_DBFS) / power.sqrt().max(1.0);
    let most = 10.0_f64.powf(MOST_GAIN_DB / 20.0);
    wanted.clamp(1.0 / most, most)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The odd taps of a 63-tap half-band low-pass (Hamming window), already scaled for one branch of [`FrontEnd::upsample`].
fn half_band() -> [f64; TAPS / 2 + 1] {
    use std::f64::consts::PI;
    let centre = (TAPS / 2) as f64;
    let mut taps = [0.0; TAPS / 2 + 1];
    for (index, tap) in taps.iter_mut().enumerate() {
        let n = 2.0 * index as f64;
        let x = (n - centre) / 2.0;
        let window = 0.54 - 0.46 * (2.0 * PI * n / (TAPS - 1) as f64).cos();
        *tap = (PI * x).sin() / (PI * x) * window;
    }
    let sum: f64 = taps.iter().sum();
    // Unit gain for the signal in this branch, times one half for the image at -6 dB.
    taps.map(|t| t / sum * 0.5)
}

/// A small repeatable noise source: xorshift, summed to be nearly Gaussian with variance 1.
#[derive(Debug)]
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Noise {
        Noise(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn gaussian(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // Four 16-bit uniforms: their sum has mean 2 and variance 1/3.
        let bits = self.0;
        let sum: f64 = (0..4).map(|i| ((bits >> (16 * i)) & 0xFFFF) as f64 / 65_536.0).sum();
        (sum - 2.0) * 3.0_f64.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(front: &mut FrontEnd, samples: &[i16]) -> Vec<i16> {
        let mut out = Vec::new();
        front.start();
        for frame in samples.chunks(160) {
            front.push(frame, &mut out);
        }
        front.finish(&mut out);
        out
    }

    fn tone(amplitude: f64, seconds: f64) -> Vec<i16> {
        let count = (8_000.0 * seconds) as usize;
        (0..count)
            .map(|n| to_sample(amplitude * (2.0 * std::f64::consts::PI * 1_000.0 * n as f64 / 8_000.0).sin()))
            .collect()
    }

    fn speech_after_silence(amplitude: f64) -> Vec<i16> {
        let mut sound = vec![0; 1_600];
        sound.extend(tone(amplitude, 1.0));
        sound
    }

    /// Strength of one frequency, by correlation.
    fn strength(sound: &[i16], hz: f64) -> f64 {
        let (mut c, mut s) = (0.0, 0.0);
        for (n, &x) in sound.iter().enumerate() {
            let angle = 2.0 * std::f64::consts::PI * hz * n as f64 / 16_000.0;
            c += f64::from(x) * angle.cos();
            s += f64::from(x) * angle.sin();
        }
        (c * c + s * s).sqrt() * 2.0 / sound.len() as f64
    }

    #[test]
    fn the_image_above_the_telephone_band_is_half_as_strong() {
        let out = through(&mut FrontEnd::new(1), &speech_after_silence(3_000.0));
        let spoken = &out[6_000..16_000];
        let (signal, image) = (strength(spoken, 1_000.0), strength(spoken, 7_000.0));
        let db = 20.0 * (image / signal).log10();
        assert!((-6.6..-5.4).contains(&db), "{db} dB");
    }

    #[test]
    fn a_quiet_and_a_loud_caller_are_heard_at_one_loudness() {
        for amplitude in [700.0, 3_000.0, 20_000.0] {
            let out = through(&mut FrontEnd::new(1), &speech_after_silence(amplitude));
            let rms = strength(&out[6_000..16_000], 1_000.0) / 2.0_f64.sqrt();
            let off_db = 20.0 * (rms / full_scale(TARGET_DBFS)).log10();
            assert!(off_db.abs() < 1.0, "{amplitude}: {off_db} dB");
        }
    }

    #[test]
    fn silence_becomes_faint_noise_and_nothing_is_lost_or_added() {
        let out = through(&mut FrontEnd::new(7), &[0; 1_600]);
        assert_eq!(out.len(), 3_200);
        let rms = (out.iter().map(|&s| f64::from(s) * f64::from(s)).sum::<f64>() / 3_200.0).sqrt();
        assert!((20.0..45.0).contains(&rms), "{rms}");
    }

    #[test]
    fn the_same_seed_gives_the_same_sound() {
        let sound = speech_after_silence(2_000.0);
        assert_eq!(through(&mut FrontEnd::new(3), &sound), through(&mut FrontEnd::new(3), &sound));
        assert_ne!(through(&mut FrontEnd::new(3), &sound), through(&mut FrontEnd::new(4), &sound));
    }

    #[test]
    fn only_the_words_count_as_spoken_whatever_the_line_sounds_like() {
        for noise in [0.0, 400.0, 1_000.0] {
            let mut front = FrontEnd::new(1);
            let mut hiss = Noise::new(9);
            let mut sound = speech_after_silence(6_000.0);
            sound.extend([0; 3_200]);
            sound.iter_mut().for_each(|s| *s = to_sample(f64::from(*s) + noise * hiss.gaussian()));
            front.start();
            front.push(&sound, &mut Vec::new());
            assert!((98..=104).contains(&front.spoken_frames()), "{noise}: {}", front.spoken_frames());
        }
        let mut front = FrontEnd::new(1);
        front.start();
        front.push(&[0; 8_000], &mut Vec::new());
        assert!(!front.has_heard_speech());
    }
}
