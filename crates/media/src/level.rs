//! How loud something is, and bringing a clip to the loudness of a telephone voice.

/// Full scale of a 16-bit sample.
const FULL: f32 = 32_768.0;
/// What silence measures; nothing is quieter.
pub const SILENCE_DBFS: f32 = -96.0;
/// A packet at least this loud is something a caller hears. Line noise and comfort noise lie below, speech 20 dB above.
pub const AUDIBLE_DBFS: f32 = -45.0;
/// Clips are brought to this: the level recorded US telephone speech has. Full-scale square wave = 0.
pub const SPEECH_DBFS: f32 = -19.0;
/// Nothing in a clip rises above this after levelling.
const PEAK_DBFS: f32 = -1.0;
/// Most that levelling amplifies; a clip of mere noise stays noise.
const MAX_GAIN_DB: f32 = 30.0;
/// Below this a telephone carries hum, not speech.
const HIGH_PASS_HZ: f32 = 200.0;

/// Root mean square of samples; 0 for none.
pub fn rms(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    (energy(samples) as f32 / samples.len() as f32).sqrt()
}

/// The sum of squares. Whole numbers may be added in any order, and so several at once.
fn energy(samples: &[i16]) -> i64 {
    samples.iter().map(|sample| i64::from(i32::from(*sample) * i32::from(*sample))).sum()
}

/// Level in decibels against full scale, not below [`SILENCE_DBFS`].
pub fn dbfs(samples: &[i16]) -> f32 {
    (20.0 * (rms(samples) / FULL).max(1e-9).log10()).max(SILENCE_DBFS)
}

/// Whether a caller hears these samples (about one packet of them) as something.
pub fn is_audible(samples: &[i16]) -> bool {
    // Without the logarithm: this is asked for every packet that goes out.
    const LEAST_RMS: f32 = 184.3; // -45 dBFS
    energy(samples) as f32 >= LEAST_RMS * LEAST_RMS * samples.len().max(1) as f32 && !samples.is_empty()
}

/// A clip at 8 kHz as the telephone should carry it: nothing below 200 Hz, speech at -19 dBFS, no clipping.
///
/// The level is measured where the clip speaks, so pauses do not make it louder. A silent clip stays silent.
pub fn level_clip(clip: &[i16]) -> Vec<i16> {
    let passed = high_pass(clip);
    let speech = speech_rms(&passed);
    if speech < 1.0 {
        return vec![0; clip.len()];
    }
    let wanted = FULL * 10f32.powf(SPEECH_DBFS / 20.0);
    let gain = (wanted / speech).min(10f32.powf(MAX_GAIN_DB / 20.0));
    let ceiling = FULL * 10f32.powf(PEAK_DBFS / 20.0);
    passed.iter().map(|sample| soft(sample * gain, ceiling) as i16).collect()
}

/// Bends what would rise above the ceiling instead of cutting it.
fn soft(value: f32, ceiling: f32) -> f32 {
    let knee = ceiling * 0.8;
    let over = value.abs() - knee;
    if over <= 0.0 {
        return value;
    }
    let room = ceiling - knee;
    (knee + room * (over / (over + room))).copysign(value)
}

/// Loudness of the 20 ms pieces that lie within 25 dB of the loudest one.
fn speech_rms(clip: &[f32]) -> f32 {
    let energy = |piece: &[f32]| piece.iter().map(|sample| sample * sample).sum::<f32>() / piece.len() as f32;
    let loudest = clip.chunks(160).map(energy).fold(0.0, f32::max);
    let speaking = clip.chunks(160).map(energy).filter(|energy| *energy >= loudest / 316.0);
    let (sum, count) = speaking.fold((0.0, 0), |(sum, count), energy| (sum + energy, count + 1));
    if count == 0 { 0.0 } else { (sum / count as f32).sqrt() }
}

/// Second-order Butterworth high-pass at 8 kHz.
fn high_pass(clip: &[i16]) -> Vec<f32> {
    let omega = std::f32::consts::TAU * HIGH_PASS_HZ / 8_000.0;
    let alpha = omega.sin() / std::f32::consts::SQRT_2;
    let (a0, a1, a2) = (1.0 + alpha, -2.0 * omega.cos(), 1.0 - alpha);
    let b0 = (1.0 + omega.cos()) / 2.0 / a0;
    let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
    clip.iter()
        .map(|sample| {
            let x = f32::from(*sample);
            let y = b0 * (x - 2.0 * x1 + x2) - (a1 * y1 + a2 * y2) / a0;
            (x2, x1, y2, y1) = (x1, x, y1, y);
            y
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(frequency: f32, amplitude: f32, samples: usize) -> Vec<i16> {
        let step = std::f32::consts::TAU * frequency / 8_000.0;
        (0..samples).map(|at| (amplitude * (step * at as f32).sin()) as i16).collect()
    }

    #[test]
    fn quiet_and_loud_voices_come_out_alike() {
        for amplitude in [500.0, 3_000.0, 30_000.0] {
            let mut clip = sine(800.0, amplitude, 8_000);
            clip.extend([0; 16_000]); // a long pause must not count
            let level = dbfs(&level_clip(&clip)[400..8_000]);
            assert!((level - SPEECH_DBFS).abs() < 0.5, "{amplitude}: {level} dBFS");
        }
    }

    #[test]
    fn hum_is_taken_out() {
        let before = sine(50.0, 8_000.0, 8_000);
        let voice = sine(1_000.0, 8_000.0, 8_000);
        let mixed: Vec<i16> = before.iter().zip(&voice).map(|(a, b)| a + b).collect();
        let difference: Vec<i16> =
            level_clip(&mixed).iter().zip(level_clip(&voice)).map(|(a, b)| a - b).skip(2_000).collect();
        assert!(dbfs(&difference) < SPEECH_DBFS - 15.0, "{}", dbfs(&difference));
    }

    #[test]
    fn peaks_stay_below_the_ceiling_and_silence_stays_silent() {
        let mut clip = sine(500.0, 1_000.0, 8_000);
        clip[4_000..4_010].fill(30_000);
        assert!(level_clip(&clip).iter().all(|sample| sample.unsigned_abs() < 29_300));
        assert_eq!(level_clip(&[0; 800]), vec![0; 800]);
        assert!(level_clip(&[]).is_empty());
    }

    #[test]
    fn line_noise_is_not_audible_and_a_low_voice_is() {
        assert!(!is_audible(&sine(300.0, 150.0, 160)));
        assert!(is_audible(&sine(300.0, 400.0, 160)));
        assert!(!is_audible(&[]));
    }
}
