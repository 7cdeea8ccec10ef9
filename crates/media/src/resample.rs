//! Between the telephone's 8 kHz and the 16 kHz of voices and recognisers.
//!
//! One half-band filter of 63 taps serves both ways. State is kept between calls, so a stream may come in pieces of any
//! even length. Delay: 31 samples at 16 kHz (1.9 ms).

use std::sync::LazyLock;

/// Non-zero taps beside the centre, on each side.
const HALF: usize = 16;
/// History at 8 kHz that one output needs.
const SPAN: usize = 2 * HALF;
/// Samples taken at a time, so that the working row stays on the stack.
const ROW: usize = 160;

/// The odd taps of the half-band filter, nearest to the centre first: a sinc under a Blackman window, unit gain.
static TAPS: LazyLock<[f32; HALF]> = LazyLock::new(|| {
    let mut taps = [0.0; HALF];
    for (index, tap) in taps.iter_mut().enumerate() {
        let offset = (2 * index + 1) as f64;
        let angle = std::f64::consts::PI * offset / 64.0;
        let window = 0.42 + 0.5 * angle.cos() + 0.08 * (2.0 * angle).cos();
        let sinc = (std::f64::consts::FRAC_PI_2 * offset).sin() / (std::f64::consts::FRAC_PI_2 * offset);
        *tap = (sinc * window) as f32;
    }
    let sum: f32 = taps.iter().sum::<f32>() * 2.0;
    taps.map(|tap| tap / sum)
});

/// What happens to the mirror image that doubling the rate makes between 4 and 8 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// Filtered away: for people and for voice activity.
    Removed,
    /// Left in at -6 dB: recognisers made for 16 kHz hear digits a little better with it. Measured, see docs/measured.md.
    Folded,
}

/// 8 kHz to 16 kHz.
#[derive(Debug, Clone)]
pub struct Upsampler {
    image: Image,
    row: [f32; SPAN + ROW],
}

impl Upsampler {
    /// Starts in silence.
    pub fn new(image: Image) -> Self {
        Self { image, row: [0.0; SPAN + ROW] }
    }

    /// Writes two samples for each of `input`; gives how many were written. `out` has to hold twice the input.
    pub fn process(&mut self, input: &[i16], out: &mut [i16]) -> usize {
        let taps = &*TAPS;
        let mut written = 0;
        for (piece, out) in input.chunks(ROW).zip(out.chunks_mut(2 * ROW)) {
            let length = piece.len().min(out.len() / 2);
            let fresh = &mut self.row[SPAN..SPAN + length];
            fresh.iter_mut().zip(piece).for_each(|(to, from)| *to = f32::from(*from));
            let mut between = [0.0; ROW];
            for (index, tap) in taps.iter().enumerate() {
                let (before, after) = (&self.row[HALF - index..], &self.row[HALF + 1 + index..]);
                add(*tap, before, after, &mut between[..length]);
            }
            let (centre, beside) = match self.image {
                Image::Removed => (1.0, 1.0),
                Image::Folded => (1.5, 0.5),
            };
            let both = self.row[HALF..].iter().zip(&between);
            for (pair, (at, after)) in out.chunks_exact_mut(2).zip(both).take(length) {
                (pair[0], pair[1]) = (clip(centre * at), clip(beside * after));
            }
            written += 2 * length;
            self.row.copy_within(length..length + SPAN, 0);
        }
        written
    }
}

/// 16 kHz to 8 kHz.
#[derive(Debug, Clone)]
pub struct Downsampler {
    /// Every second sample, and those between.
    even: [f32; SPAN + ROW],
    odd: [f32; SPAN + ROW],
}

impl Default for Downsampler {
    fn default() -> Self {
        Self { even: [0.0; SPAN + ROW], odd: [0.0; SPAN + ROW] }
    }
}

impl Downsampler {
    /// Writes one sample for each two of `input`, whose length has to be even; gives how many were written.
    pub fn process(&mut self, input: &[i16], out: &mut [i16]) -> usize {
        let taps = &*TAPS;
        let mut written = 0;
        for (piece, out) in input.chunks(2 * ROW).zip(out.chunks_mut(ROW)) {
            let length = (piece.len() / 2).min(out.len());
            let fresh = self.even[SPAN..].iter_mut().zip(&mut self.odd[SPAN..]);
            for ((even, odd), pair) in fresh.zip(piece.chunks_exact(2)).take(length) {
                (*even, *odd) = (f32::from(pair[0]), f32::from(pair[1]));
            }
            let mut sides = [0.0; ROW];
            for (index, tap) in taps.iter().enumerate() {
                let (before, after) = (&self.odd[HALF - 1 - index..], &self.odd[HALF + index..]);
                add(*tap, before, after, &mut sides[..length]);
            }
            let both = self.even[HALF..].iter().zip(&sides);
            for (sample, (at, beside)) in out.iter_mut().zip(both).take(length) {
                *sample = clip(0.5 * (at + beside));
            }
            written += length;
            self.even.copy_within(length..length + SPAN, 0);
            self.odd.copy_within(length..length + SPAN, 0);
        }
        written
    }
}

/// A whole clip at 16 kHz to 8 kHz; the tail inside the filter is flushed.
pub fn clip_to_8k(wide: &[i16]) -> Vec<i16> {
    let mut narrow = vec![0; wide.len() / 2 + HALF];
    let mut down = Downsampler::default();
    let even = &wide[..wide.len() & !1];
    let written = down.process(even, &mut narrow);
    let flushed = down.process(&[0; 2 * HALF], &mut narrow[written..]);
    narrow.truncate(written + flushed);
    narrow.drain(..HALF);
    narrow
}

/// A whole clip at 8 kHz to 16 kHz; the tail inside the filter is flushed.
pub fn clip_to_16k(narrow: &[i16], image: Image) -> Vec<i16> {
    let mut wide = vec![0; 2 * (narrow.len() + HALF)];
    let mut up = Upsampler::new(image);
    let written = up.process(narrow, &mut wide);
    let flushed = up.process(&[0; HALF], &mut wide[written..]);
    wide.truncate(written + flushed);
    wide.drain(..2 * HALF);
    wide
}

/// One tap's part of every output: the taps one after the other, so that outputs are worked out several at once.
fn add(tap: f32, before: &[f32], after: &[f32], sums: &mut [f32]) {
    let around = before.iter().zip(after);
    sums.iter_mut().zip(around).for_each(|(sum, (before, after))| *sum += tap * (before + after));
}

/// To the nearest, half away from zero: `f32::round` is a call of the C library for each sample where processors of any age are
/// compiled for. The cast keeps to what 16 bits hold.
fn clip(value: f32) -> i16 {
    (value + 0.5_f32.copysign(value)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::rms;

    fn sine(frequency: f64, rate: f64, samples: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * frequency / rate;
        (0..samples).map(|at| (10_000.0 * (step * at as f64).sin()) as i16).collect()
    }

    #[test]
    fn speech_frequencies_pass_both_ways_unchanged() {
        for frequency in [300.0, 1_000.0, 3_000.0] {
            let up = clip_to_16k(&sine(frequency, 8_000.0, 4_000), Image::Removed);
            let down = clip_to_8k(&up);
            assert_eq!((up.len(), down.len()), (8_000, 4_000));
            for (name, clip) in [("up", &up), ("down", &down)] {
                let loss = rms(&clip[100..clip.len() - 100]) / 7_071.0;
                assert!((0.98..1.02).contains(&loss), "{frequency} Hz {name}: {loss}");
            }
            let late = sine(frequency, 8_000.0, 4_000);
            let error: Vec<i16> = down.iter().zip(&late).map(|(a, b)| a - b).skip(50).take(3_900).collect();
            assert!(rms(&error) < 150.0, "{frequency} Hz comes back shifted or bent: {}", rms(&error));
        }
    }

    #[test]
    fn what_a_telephone_cannot_carry_is_filtered_before_it_folds() {
        let narrow = clip_to_8k(&sine(5_500.0, 16_000.0, 8_000));
        assert!(rms(&narrow[100..3_900]) < 30.0, "{}", rms(&narrow));
    }

    #[test]
    fn the_image_is_gone_or_six_decibels_down() {
        let tone = sine(1_000.0, 8_000.0, 4_000);
        let image = |mode| {
            let wide = clip_to_16k(&tone, mode);
            let step = std::f64::consts::TAU * 7_000.0 / 16_000.0;
            let (mut re, mut im) = (0.0, 0.0);
            for (at, sample) in wide.iter().enumerate() {
                re += f64::from(*sample) * (step * at as f64).cos();
                im += f64::from(*sample) * (step * at as f64).sin();
            }
            2.0 * re.hypot(im) / wide.len() as f64
        };
        assert!(image(Image::Removed) < 100.0);
        assert!((4_500.0..5_500.0).contains(&image(Image::Folded)), "{}", image(Image::Folded));
    }

    #[test]
    fn samples_are_rounded_to_the_nearest_and_kept_to_16_bits() {
        for (value, rounded) in
            [(0.49, 0), (0.5, 1), (-0.5, -1), (-1.4, -1), (1e9, i16::MAX), (-1e9, i16::MIN)]
        {
            assert_eq!(clip(value), rounded, "{value}");
        }
    }

    #[test]
    fn pieces_of_any_length_give_the_same_as_the_whole() {
        let tone = sine(700.0, 8_000.0, 1_000);
        let mut whole = vec![0; 2_000];
        Upsampler::new(Image::Removed).process(&tone, &mut whole);
        let (mut up, mut pieces) = (Upsampler::new(Image::Removed), Vec::<i16>::new());
        for piece in tone.chunks(37) {
            let mut out = [0; 74];
            let written = up.process(piece, &mut out);
            pieces.extend(&out[..written]);
        }
        assert_eq!(pieces, whole);
    }
}
