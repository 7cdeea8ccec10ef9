//! Small, plain sound work on whole clips: another sample rate, no rumble, one loudness.
//!
//! Everything here is a pure function on mono samples. Sound on its way through a call is the `media` room's work;
//! this file only prepares clips before a call needs them.

use std::f64::consts::PI;

/// The rate of every clip and of all sound that is heard: the telephone's.
pub const CLIP_RATE_HZ: u32 = 8_000;

/// Loudness of a prompt, in dB below full scale. Leaves room for peaks, and sits where carriers expect speech.
pub const SPEECH_LEVEL_DBFS: f64 = -19.0;

/// A prompt's highest sample, in dB below full scale: loudness gives way to this.
const PEAK_DBFS: f64 = -1.0;

/// A telephone loses what lies below; left in, it only takes loudness from the rest.
const HIGH_PASS_HZ: f64 = 200.0;

/// Zero crossings of the resampler's kernel on either side: about 60 dB of stop band with the window used.
const KERNEL_ZEROS: f64 = 16.0;

/// Makes a telephone prompt of a voice's or an owner's sound: 8 kHz, without rumble, at [`SPEECH_LEVEL_DBFS`].
pub fn telephone_clip(samples: &[i16], rate_hz: u32) -> Vec<i16> {
    let mut sound = resample(samples, rate_hz, CLIP_RATE_HZ);
    high_pass(&mut sound, f64::from(CLIP_RATE_HZ));
    level(&mut sound);
    trimmed(&sound).iter().map(|&s| to_sample(s)).collect()
}

/// Silence kept before the first and after the last sound: a word keeps its onset, a sentence its breath.
const LEAD_SAMPLES: usize = 8 * 10;
const TAIL_SAMPLES: usize = 8 * 150;
/// Quieter than this is no sound on a telephone line.
const AUDIBLE_DBFS: f64 = -45.0;

/// Without the silence that a voice puts around a sentence: a caller who waits hears every millisecond of it.
fn trimmed(sound: &[f64]) -> &[f64] {
    let audible = full_scale(AUDIBLE_DBFS);
    let is_heard = |s: &f64| s.abs() > audible;
    let (Some(first), Some(last)) = (sound.iter().position(is_heard), sound.iter().rposition(is_heard))
    else {
        return sound;
    };
    &sound[first.saturating_sub(LEAD_SAMPLES)..(last + TAIL_SAMPLES).min(sound.len())]
}

/// Mono sound at another rate, by a windowed sinc that also keeps out what the lower rate cannot carry.
///
/// Empty when a rate is zero. The length is `samples.len() * to / from`, rounded up.
pub fn resample(samples: &[i16], from_hz: u32, to_hz: u32) -> Vec<f64> {
    if from_hz == 0 || to_hz == 0 {
        return Vec::new();
    }
    if from_hz == to_hz {
        return samples.iter().map(|&s| f64::from(s)).collect();
    }
    let common = greatest_common_divisor(from_hz, to_hz);
    let (up, down) = (u64::from(to_hz / common), u64::from(from_hz / common));
    let kernels = Kernels::new(up, down);
    let length = (samples.len() as u64 * up).div_ceil(down);
    (0..length)
        .map(|n| {
            let position = n * down;
            kernels.at(samples, (position / up) as usize, (position % up) as usize)
        })
        .collect()
}

/// One kernel per phase between two input samples.
struct Kernels {
    half: usize,
    phases: Vec<Vec<f64>>,
}

impl Kernels {
    fn new(up: u64, down: u64) -> Kernels {
        // The cut-off as a share of the input's half rate; a little below the edge, so that the slope ends at it.
        let cutoff = (up as f64 / down as f64).min(1.0) * 0.95;
        let half = (KERNEL_ZEROS / cutoff).ceil();
        let phases = (0..up)
            .map(|phase| {
                let offset = phase as f64 / up as f64;
                let taps: Vec<f64> = (0..2 * half as usize)
                    .map(|tap| {
                        let x = tap as f64 - (half - 1.0) - offset;
                        cutoff * sinc(cutoff * x) * hann(x / half)
                    })
                    .collect();
                let sum: f64 = taps.iter().sum();
                taps.iter().map(|t| t / sum).collect()
            })
            .collect();
        Kernels { half: half as usize, phases }
    }

    fn at(&self, samples: &[i16], base: usize, phase: usize) -> f64 {
        let first = base as isize - (self.half as isize - 1);
        self.phases[phase]
            .iter()
            .enumerate()
            .map(|(tap, weight)| {
                let index = first + tap as isize;
                let sample = usize::try_from(index).ok().and_then(|i| samples.get(i)).copied().unwrap_or(0);
                weight * f64::from(sample)
            })
            .sum()
    }
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

fn hann(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { 0.5 + 0.5 * (PI * x).cos() }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Fourth-order Butterworth high-pass, as two sections of second order.
fn high_pass(sound: &mut [f64], rate_hz: f64) {
    const SECTION_Q: [f64; 2] = [0.541_196_1, 1.306_563];
    for q in SECTION_Q {
        let w = 2.0 * PI * HIGH_PASS_HZ / rate_hz;
        let alpha = w.sin() / (2.0 * q);
        let a0 = 1.0 + alpha;
        let (b0, b1) = ((1.0 + w.cos()) / 2.0 / a0, -(1.0 + w.cos()) / a0);
        let (a1, a2) = (-2.0 * w.cos() / a0, (1.0 - alpha) / a0);
        let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
        for s in sound.iter_mut() {
            let y = b0 * *s + b1 * x1 + b0 * x2 - a1 * y1 - a2 * y2;
            (x2, x1, y2, y1) = (x1, *s, y1, y);
            *s = y;
        }
    }
}

/// One gain for the whole clip: speech at the wanted loudness, no sample over the peak. Silence stays silence.
fn level(sound: &mut [f64]) {
    let Some(rms) = speech_rms(sound) else { return };
    let peak = sound.iter().fold(0.0_f64, |most, s| most.max(s.abs()));
    let wanted = full_scale(SPEECH_LEVEL_DBFS) / rms;
    let gain = wanted.min(full_scale(PEAK_DBFS) / peak);
    for s in sound.iter_mut() {
        *s *= gain;
    }
}

/// Loudness of the parts that are speech: 20 ms pieces within 30 dB of the loudest. `None` for silence.
pub fn speech_rms(sound: &[f64]) -> Option<f64> {
    const QUIETEST_PIECE: f64 = 4.0;
    let powers: Vec<f64> = sound
        .chunks(160)
        .map(|piece| piece.iter().map(|s| s * s).sum::<f64>() / piece.len() as f64)
        .collect();
    let loudest = powers.iter().fold(0.0_f64, |most, p| most.max(*p));
    if loudest < QUIETEST_PIECE * QUIETEST_PIECE {
        return None;
    }
    let spoken: Vec<f64> = powers.into_iter().filter(|p| *p > loudest * 1e-3).collect();
    Some((spoken.iter().sum::<f64>() / spoken.len() as f64).sqrt())
}

/// A level in dB below full scale as an amplitude of 16-bit samples.
pub fn full_scale(dbfs: f64) -> f64 {
    32_768.0 * 10.0_f64.powf(dbfs / 20.0)
}

/// Rounds and limits to 16 bit.
pub fn to_sample(s: f64) -> i16 {
    s.round().clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate_hz: u32, seconds: f64, amplitude: f64) -> Vec<i16> {
        let count = (f64::from(rate_hz) * seconds) as usize;
        (0..count)
            .map(|n| to_sample(amplitude * (2.0 * PI * hz * n as f64 / f64::from(rate_hz)).sin()))
            .collect()
    }

    fn rms(sound: &[f64]) -> f64 {
        (sound.iter().map(|s| s * s).sum::<f64>() / sound.len() as f64).sqrt()
    }

    #[test]
    fn a_tone_keeps_its_strength_at_any_rate() {
        for rate_hz in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000] {
            let out = resample(&tone(1_000.0, rate_hz, 0.5, 8_000.0), rate_hz, CLIP_RATE_HZ);
            let middle = &out[400..out.len() - 400];
            assert_eq!(out.len(), 4_000, "{rate_hz}");
            let ratio = rms(middle) / (8_000.0 / 2.0_f64.sqrt());
            assert!((0.97..1.03).contains(&ratio), "{rate_hz}: {ratio}");
        }
    }

    #[test]
    fn what_the_telephone_cannot_carry_does_not_fold_back() {
        let out = resample(&tone(5_000.0, 16_000, 0.5, 8_000.0), 16_000, CLIP_RATE_HZ);
        assert!(rms(&out[400..out.len() - 400]) < 20.0, "{}", rms(&out[400..3_600]));
    }

    #[test]
    fn every_prompt_has_the_same_loudness() {
        for amplitude in [300.0, 3_000.0, 30_000.0] {
            let clip = telephone_clip(&tone(800.0, 16_000, 1.0, amplitude), 16_000);
            let loud = speech_rms(&clip.iter().map(|&s| f64::from(s)).collect::<Vec<_>>()).unwrap();
            let off_db = 20.0 * (loud / full_scale(SPEECH_LEVEL_DBFS)).log10();
            assert!(off_db.abs() < 0.5, "{amplitude}: {off_db} dB");
        }
    }

    #[test]
    fn rumble_is_gone_and_silence_stays_silent() {
        let mut rumble: Vec<f64> = resample(&tone(60.0, 8_000, 1.0, 8_000.0), 8_000, 8_000);
        high_pass(&mut rumble, 8_000.0);
        assert!(rms(&rumble[2_000..]) < 100.0);
        assert!(telephone_clip(&[0; 1_600], 16_000).iter().all(|&s| s == 0));
        assert!(telephone_clip(&[], 16_000).is_empty());
        assert!(resample(&[1, 2, 3], 0, 8_000).is_empty());
    }
}
