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
            let fresh = &mut self.row[SPAN..SPAN + piece.len()];
            fresh.iter_mut().zip(piece).for_each(|(to, from)| *to = f32::from(*from));
            for (at, pair) in out.chunks_exact_mut(2).take(piece.len()).enumerate() {
                let window = &self.row[at..=at + SPAN];
                let centre = window[HALF];
                let between: f32 = taps
                    .iter()
                    .enumerate()
                    .map(|(index, tap)| tap * (window[HALF - index] + window[HALF + 1 + index]))
                    .sum();
                (pair[0], pair[1]) = match self.image {
                    Image::Removed => (clip(centre), clip(between)),
                    Image::Folded => (clip(1.5 * centre), clip(0.5 * between)),
                };
                written += 2;
            }
            self.row.copy_within(piece.len()..piece.len() + SPAN, 0);
        }
        written
    }
}

/// 16 kHz to 8 kHz.
#[derive(Debug, Clone)]
pub struct Downsampler {
    row: [f32; 2 * SPAN + 2 * ROW],
}

impl Default for Downsampler {
    fn default() -> Self {
        Self { row: [0.0; 2 * SPAN + 2 * ROW] }
    }
}

impl Downsampler {
    /// Writes one sample for each two of `input`, whose length has to be even; gives how many were written.
    pub fn process(&mut self, input: &[i16], out: &mut [i16]) -> usize {
        let taps = &*TAPS;
        let mut written = 0;
        for (piece, out) in input.chunks(2 * ROW).zip(out.chunks_mut(ROW)) {
            let fresh = &mut self.row[2 * SPAN..2 * SPAN + piece.len()];
            fresh.iter_mut().zip(piece).for_each(|(to, from)| *to = f32::from(*from));
            for (at, sample) in out.iter_mut().take(piece.len() / 2).enumerate() {
                let middle = 2 * at + 2 * HALF;
                let around =
                    |index: usize| self.row[middle - 2 * index - 1] + self.row[middle + 2 * index + 1];
                let sides: f32 = taps.iter().enumerate().map(|(index, tap)| tap * around(index)).sum();
                *sample = clip(0.5 * (self.row[middle] + sides));
                written += 1;
            }
            self.row.copy_within(piece.len()..piece.len() + 2 * SPAN, 0);
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

fn clip(value: f32) -> i16 {
    value.round().clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16
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
