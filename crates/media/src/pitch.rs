//! After how many samples a voice repeats itself, and making its sound a period shorter or longer.
//!
//! A voice that is a few periods longer or shorter sounds the same; that is how a cushion of sound grows and shrinks
//! unheard. When it has to is decided in [`smoothing`](crate::smoothing).

/// Shortest and longest period of a voice: 200 to 62 Hz. ITU-T G.711 appendix I searches 200 to 66 Hz.
pub(crate) const PERIODS: std::ops::RangeInclusive<usize> = 40..=128;
/// Samples that are compared: 10 ms.
const COMPARED: usize = 80;
/// From this likeness on (1 is the same) one period may stand for another.
const ALIKE: f32 = 0.6;
/// Below this mean power nobody hears what is done to the sound: -55 dBFS.
const QUIET_POWER: f32 = 58.0 * 58.0;

/// The period of a voice and how alike two of them are, 0 to 1: `samples[at..]` against what came so many samples before.
/// `at` is at least the longest period, and [`COMPARED`] samples follow it.
pub(crate) fn period_before(samples: &[i16], at: usize) -> (usize, f32) {
    let power = |from: usize| energy(&samples[from..from + COMPARED]);
    let own = power(at);
    let likeness = |period: usize| {
        let before = at - period;
        let both: f32 = (0..COMPARED)
            .map(|index| f32::from(samples[at + index]) * f32::from(samples[before + index]))
            .sum();
        let norm = (own * power(before)).sqrt();
        if norm > 0.0 { both / norm } else { 0.0 }
    };
    let all = PERIODS.map(|period| (period, likeness(period)));
    all.fold((*PERIODS.end(), 0.0), |best, found| if found.1 > best.1 { found } else { best })
}

fn energy(samples: &[i16]) -> f32 {
    samples.iter().map(|sample| f32::from(*sample) * f32::from(*sample)).sum()
}

/// Samples that [`shorten`] and [`lengthen`] want to see.
pub(crate) const SCALED: usize = 2 * *PERIODS.end() + COMPARED;

/// Takes one period out of the first [`SCALED`] samples, where that is not heard. Gives how many samples there are now.
pub(crate) fn shorten(samples: &mut [i16]) -> usize {
    let length = samples.len();
    let Some(period) = period_to_change(samples) else { return length };
    for at in 0..period {
        samples[at] = faded(samples[at], samples[at + period], at, period);
    }
    samples.copy_within(2 * period.., period);
    length - period
}

/// Puts one period more into the first `length` samples; there is room for it behind them. Gives how many there are now.
pub(crate) fn lengthen(samples: &mut [i16], length: usize) -> usize {
    let Some(period) = period_to_change(&samples[..length]) else { return length };
    if length + period > samples.len() {
        return length;
    }
    samples.copy_within(period..length, 2 * period);
    // The second period is the same again, and ends as the first one did.
    for at in 0..period {
        let (first, second) = (samples[at], samples[(2 * period + at).min(length + period - 1)]);
        samples[period + at] = faded(second, first, at, period);
    }
    length + period
}

/// From the first to the second, as far as `at` is of `length`.
fn faded(from: i16, to: i16, at: usize, length: usize) -> i16 {
    let (at, length) = (at as i32, length as i32);
    ((i32::from(from) * (length - at) + i32::from(to) * at) / length) as i16
}

fn period_to_change(samples: &[i16]) -> Option<usize> {
    if samples.len() < SCALED {
        return None;
    }
    let at = *PERIODS.end();
    let (period, alike) = period_before(samples, at);
    let is_quiet = energy(&samples[..SCALED]) < QUIET_POWER * SCALED as f32;
    (alike >= ALIKE || is_quiet).then_some(period)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::dbfs;
    use crate::voice::sounds;

    fn steepest(samples: &[i16]) -> i32 {
        samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap()
    }

    #[test]
    fn a_period_is_found_whatever_the_voice() {
        for period in [40, 57, 80, 100, 128] {
            let wave = |at: usize| if at % period < period / 3 { 4_000 } else { -2_000 };
            let samples: Vec<i16> = (0..400).map(wave).collect();
            let (found, alike) = period_before(&samples, 200);
            assert!(found % period == 0 && alike > 0.99, "{period}: {found} {alike}");
        }
    }

    #[test]
    fn a_voice_is_shortened_and_lengthened_by_a_period_without_a_click() {
        let voice = sounds::voice(8_000, 8_000.0);
        let natural = steepest(&voice);
        let (mut shorter, mut longer) = (0, 0);
        for from in (0..7_000).step_by(160) {
            let mut samples = [0; 640];
            samples[..480].copy_from_slice(&voice[from..from + 480]);
            let length = shorten(&mut samples[..480]);
            shorter += usize::from(length < 480);
            assert!(steepest(&samples[..length]) <= natural * 5 / 4, "{from}: a click");
            assert!((dbfs(&samples[..length]) - dbfs(&voice[from..from + 480])).abs() < 2.0, "{from}");
            samples[..480].copy_from_slice(&voice[from..from + 480]);
            let length = lengthen(&mut samples, 480);
            longer += usize::from(length > 480);
            assert!(steepest(&samples[..length]) <= natural * 5 / 4, "{from}: a click");
        }
        assert!(shorter > 30 && longer > 30, "of 44: {shorter} {longer}");
    }

    #[test]
    fn noise_that_is_heard_is_left_alone_and_silence_gives_way() {
        let noise = sounds::noise(480, 8_000);
        let mut samples = noise.clone();
        assert_eq!(shorten(&mut samples), 480);
        assert_eq!(samples, noise);
        assert!(shorten(&mut [0; 480]) < 480);
        assert_eq!(shorten(&mut [0; 200]), 200, "too short to look at");
    }
}
