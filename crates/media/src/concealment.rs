//! Makes up what a path has lost, for people's ears: a voice goes on as it just was, and fades.
//!
//! A hole of 20 ms in a vowel is not heard if its pitch goes on; made up for longer it sounds like a machine, so it fades to
//! the noise of the line within 120 ms. What the recogniser hears is not made up here, see
//! [`hearing`](crate::hearing). Method: after ITU-T G.711 appendix I (pitch periods repeated, one, then two, then three, and
//! a cross-fade to what comes), without the delay it needs: here the seam is smoothed behind it, not before.

use crate::level::rms;
use crate::pitch::{PERIODS, period_before};

/// What is remembered: three of the longest periods, and what they are compared with.
const PAST: usize = 3 * *PERIODS.end() + 96;
/// Unlike this, there is no voice that could go on: a long piece is repeated, so that noise does not begin to hum.
const NO_VOICE: f32 = 0.3;
/// At full loudness for so many samples: 20 ms.
const WHOLE: usize = 160;
/// Gone after so many: 120 ms.
const GONE: usize = 960;
/// A seam is smoothed over so many: 4 ms.
const SEAM: i32 = 32;
/// The cross-fade to what comes: 5 to 10 ms.
const MEETING: std::ops::RangeInclusive<usize> = 40..=80;
/// The noise of a line is taken to lie between these, as root mean square of samples: -78 and -50 dBFS.
const NOISE: (f32, f32) = (4.0, 100.0);

/// Goes on where sound breaks off.
#[derive(Debug, Clone)]
pub(crate) struct Concealer {
    past: [i16; PAST],
    /// Samples made up since the last that came.
    made_up: usize,
    period: usize,
    /// Where in the past we are, counted from its end; 0 for nowhere yet.
    back: usize,
    /// What the next sample is off, and how much of the seam is left.
    seam: (i32, i32),
    last: i16,
    noise: Noise,
}

/// The noise of a line on which nobody speaks.
#[derive(Debug, Clone)]
pub(crate) struct Noise {
    loudness: f32,
    chance: u32,
}

impl Default for Noise {
    fn default() -> Self {
        Self { loudness: NOISE.0, chance: 1 }
    }
}

impl Noise {
    /// As loud as its sender says it is, in decibels below overload, but never loud. Source: RFC 3389 section 3.1.
    pub fn said_to_be(below_overload_db: u8) -> Self {
        let loudness = 32_768.0 * 10f32.powf(-f32::from(below_overload_db) / 20.0);
        Self { loudness: loudness.clamp(NOISE.0, NOISE.1), ..Self::default() }
    }

    /// Learns from what came: falls at once to the quietest there is, and rises by a decibel in two seconds.
    fn learn(&mut self, samples: &[i16]) {
        let loudness = rms(samples).clamp(NOISE.0, NOISE.1);
        self.loudness = loudness.min(self.loudness * 1.001);
    }

    /// So much of it.
    pub fn fill(&mut self, out: &mut [i16]) {
        out.fill_with(|| self.next() as i16);
    }

    fn next(&mut self) -> f32 {
        self.chance = self.chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // What is spread evenly between -1 and 1 has a root mean square of 1 / sqrt(3).
        let even = (self.chance >> 8) as f32 / 8_388_608.0 - 1.0;
        even * 3f32.sqrt() * self.loudness
    }
}

impl Default for Concealer {
    fn default() -> Self {
        Self {
            past: [0; PAST],
            made_up: 0,
            period: *PERIODS.end(),
            back: 0,
            seam: (0, 0),
            last: 0,
            noise: Noise::default(),
        }
    }
}

impl Concealer {
    /// Samples that came. After something made up, their beginning is faded in.
    pub fn came(&mut self, samples: &mut [i16]) {
        self.noise.learn(samples);
        if self.made_up > 0 {
            let meeting = (self.made_up / 4).clamp(*MEETING.start(), *MEETING.end()).min(samples.len());
            for (at, sample) in samples[..meeting].iter_mut().enumerate() {
                let (gone, left) = (at as i32, (meeting - at) as i32);
                let before = i32::from(self.next());
                *sample = ((before * left + i32::from(*sample) * gone) / meeting as i32) as i16;
            }
        }
        self.remember(samples);
        (self.made_up, self.back) = (0, 0);
    }

    fn remember(&mut self, samples: &[i16]) {
        let kept = &samples[samples.len().saturating_sub(PAST)..];
        self.past.copy_within(kept.len().., 0);
        self.past[PAST - kept.len()..].copy_from_slice(kept);
        self.last = kept.last().copied().unwrap_or(self.last);
    }

    /// Samples that did not come.
    pub fn make_up(&mut self, out: &mut [i16]) {
        if self.made_up == 0 {
            let (period, alike) = period_before(&self.past, PAST - 80);
            self.period = if alike < NO_VOICE { *PERIODS.end() } else { period };
        }
        out.fill_with(|| self.next());
    }

    /// The sender keeps quiet: the noise of the line.
    pub fn be_quiet(&mut self, out: &mut [i16]) {
        self.made_up = self.made_up.max(GONE);
        out.fill_with(|| self.next());
    }

    /// What the sender's quiet sounds like.
    pub fn quiet_is(&mut self, noise: Noise) {
        self.noise = noise;
    }

    fn next(&mut self) -> i16 {
        let gain = match self.made_up {
            0..WHOLE => 1.0,
            WHOLE..GONE => (GONE - self.made_up) as f32 / (GONE - WHOLE) as f32,
            GONE.. => 0.0,
        };
        let repeated = if gain > 0.0 { gain * self.repeated() } else { 0.0 };
        self.made_up = self.made_up.saturating_add(1);
        (repeated + (1.0 - gain) * self.noise.next()) as i16
    }

    /// The next sample of the periods that go on.
    fn repeated(&mut self) -> f32 {
        if self.back == 0 {
            let periods = (1 + self.made_up / 80).min(3);
            self.back = periods * self.period;
            let before = self.past[PAST - self.back - 1];
            self.seam = (i32::from(self.last) - i32::from(before), SEAM);
        }
        let sample = i32::from(self.past[PAST - self.back]) + self.seam.0 * self.seam.1 / SEAM;
        self.seam.1 = (self.seam.1 - 1).max(0);
        self.back -= 1;
        self.last = sample.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        f32::from(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::dbfs;
    use crate::voice::sounds;

    /// The voice with these packets of 20 ms lost and made up.
    fn with_lost(voice: &[i16], lost: impl Fn(usize) -> bool) -> Vec<i16> {
        let mut concealer = Concealer::default();
        let mut heard = Vec::new();
        for (number, packet) in voice.chunks_exact(160).enumerate() {
            let mut packet: [i16; 160] = packet.try_into().unwrap();
            match lost(number) {
                true => concealer.make_up(&mut packet),
                false => concealer.came(&mut packet),
            }
            heard.extend(packet);
        }
        heard
    }

    fn off(heard: &[i16], voice: &[i16]) -> f32 {
        let difference: Vec<i16> = heard.iter().zip(voice).map(|(a, b)| a.wrapping_sub(*b)).collect();
        dbfs(&difference) - dbfs(voice)
    }

    #[test]
    fn nothing_lost_is_nothing_changed() {
        let voice = sounds::voice(8_000, 8_000.0);
        assert_eq!(with_lost(&voice, |_| false), voice);
    }

    #[test]
    fn a_lost_packet_sounds_much_like_what_was_lost() {
        let voice = sounds::voice(40_000, 8_000.0);
        let lost = |number: usize| number % 20 == 7;
        let made_up = with_lost(&voice, lost);
        let piece = |samples: &[i16]| -> Vec<i16> {
            samples
                .chunks(160)
                .enumerate()
                .filter(|(at, _)| lost(*at))
                .flat_map(|(_, piece)| piece.to_vec())
                .collect()
        };
        // The packet before, once more: what a telephone without concealment at least does.
        let again: Vec<i16> =
            (1..250).filter(|at| lost(*at)).flat_map(|at| voice[(at - 1) * 160..at * 160].to_vec()).collect();
        let (off, naive) = (off(&piece(&made_up), &piece(&voice)), off(&again, &piece(&voice)));
        assert!(off < naive - 3.0, "{off} dB off, {naive} with the packet before");
        let level = dbfs(&piece(&made_up)) - dbfs(&piece(&voice));
        assert!(level.abs() < 1.0, "{level} dB");
    }

    #[test]
    fn what_is_made_up_has_no_click_at_either_end_and_is_gone_after_an_eighth_of_a_second() {
        let voice = sounds::voice(16_000, 8_000.0);
        let natural = voice.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max();
        for first in 10..40 {
            for count in [1, 2, 3, 10] {
                let heard = with_lost(&voice, |number| (first..first + count).contains(&number));
                let steepest =
                    heard.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max();
                assert!(
                    steepest <= natural.map(|steep| steep * 5 / 4),
                    "{first} {count}: {steepest:?} {natural:?}"
                );
                let level = |number: usize| dbfs(&heard[number * 160..(number + 1) * 160]);
                let missing = dbfs(&voice[first * 160..(first + 1) * 160]);
                assert!(
                    (level(first) - missing).abs() < 6.0,
                    "{first} {count}: {} for {missing}",
                    level(first)
                );
                if count == 10 {
                    assert!(level(first + 3) > -45.0, "60 to 80 ms: {}", level(first + 3));
                    assert!(level(first + 6) < -50.0, "gone: {}", level(first + 6));
                }
            }
        }
    }

    #[test]
    fn the_quiet_of_a_line_is_as_loud_as_its_sender_says_and_never_a_burst() {
        let mut concealer = Concealer::default();
        let mut quiet = [0; 1_600];
        for (below, level) in [(70, -70.0), (60, -60.0), (55, -55.0), (0, -50.3), (127, -78.3)] {
            concealer.quiet_is(Noise::said_to_be(below));
            concealer.be_quiet(&mut quiet);
            // Small numbers are coarse.
            assert!((dbfs(&quiet) - level).abs() < 1.5, "{below}: {}", dbfs(&quiet));
        }
    }
}
