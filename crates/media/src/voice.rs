//! Whether a piece of sound is somebody speaking.
//!
//! A gate of energy over a tracked noise floor stands before a small network (earshot), so a quiet line costs nothing.
//! What follows from speech is decided in [`listening`](crate::listening).
//! Measured on phone-like sound with noise: network at 0.5 and energy 9 dB over the floor gave no false start in quiet,
//! pink noise down to 10 dB and music, and starts within 72-120 ms.

use crate::level::{SILENCE_DBFS, dbfs};
use crate::resample::{Image, Upsampler};

/// Samples of one verdict: 16 ms.
pub const FRAME: usize = 128;
/// The network's score from which a frame is speech.
const SCORE: f32 = 0.5;
/// Energy over the floor that opens the gate.
const GATE_DB: f32 = 9.0;
/// A start of speech has to come within this of how loud the caller usually is: voices in the background do not.
const BELOW_CALLER_DB: f32 = 12.0;
/// What the telephone network takes off our own sound before it comes back. ITU-T G.168 assumes at least 6 dB from a
/// hybrid; calls with working echo control lose far more. Sound of ours is never taken for the caller's above this.
const ECHO_LOSS_DB: f32 = 18.0;
/// Our own sound above this may come back as echo, and must not raise the floor.
const PLAYING_DBFS: f32 = -50.0;
/// Bounds of the floor.
const FLOOR_DBFS: (f32, f32) = (-65.0, -25.0);
/// The floor of a line not heard yet: above what telephone lines have, so that the first sound of one is no false start.
/// It falls to the real one within a tenth of a second.
const FIRST_FLOOR_DBFS: f32 = -48.0;
/// How fast the floor rises in a frame without speech: about 15 dB a second.
const RISE_DB: f32 = 0.25;
/// How fast it rises while somebody speaks.
const RISE_SPEAKING_DB: f32 = 0.01;
/// Frames the network hears before the one that opened the gate: it remembers, and must not start cold.
const WARM_FRAMES: usize = 3;
/// Frames the gate stays open after the last loud one.
const OPEN_FRAMES: u8 = 6;

/// One verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Somebody speaks.
    pub voiced: bool,
    /// The network was asked. Quiet frames are judged without it.
    pub asked: bool,
}

/// Hears speech in one stream of 8 kHz samples. About 12 KiB.
pub struct Voice {
    network: Box<earshot::Detector>,
    upsampler: Upsampler,
    frame: [i16; FRAME],
    filled: usize,
    before: [[i16; FRAME]; WARM_FRAMES],
    open_for: u8,
    floor: f32,
    caller: f32,
}

impl Default for Voice {
    fn default() -> Self {
        Self {
            network: earshot::Detector::default_boxed(),
            upsampler: Upsampler::new(Image::Removed),
            frame: [0; FRAME],
            filled: 0,
            before: [[0; FRAME]; WARM_FRAMES],
            open_for: 0,
            floor: FIRST_FLOOR_DBFS,
            caller: SILENCE_DBFS,
        }
    }
}

impl std::fmt::Debug for Voice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Voice")
            .field("floor", &self.floor)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

impl Voice {
    /// Takes samples and gives a verdict for each full frame, with the count of samples that came after it.
    ///
    /// `own` is how loud we are in the caller's ear right now (dBFS); `speaking` is whether a turn of speech is under way.
    pub fn hear(
        &mut self,
        mut samples: &[i16],
        own: f32,
        speaking: bool,
        verdict: &mut impl FnMut(Frame, usize),
    ) {
        while !samples.is_empty() {
            let taken = samples.len().min(FRAME - self.filled);
            self.frame[self.filled..self.filled + taken].copy_from_slice(&samples[..taken]);
            self.filled += taken;
            samples = &samples[taken..];
            if self.filled == FRAME {
                self.filled = 0;
                verdict(self.judge(own, speaking), samples.len());
            }
        }
    }

    fn judge(&mut self, own: f32, speaking: bool) -> Frame {
        let energy = dbfs(&self.frame);
        let mut gate = (self.floor + GATE_DB).max(own - ECHO_LOSS_DB);
        if !speaking {
            gate = gate.max(self.caller - BELOW_CALLER_DB);
        }
        let loud = energy > gate;
        let asked = loud || self.open_for > 0;
        let score = if asked { self.ask() } else { 0.0 };
        self.open_for = if loud { OPEN_FRAMES } else { self.open_for.saturating_sub(1) };
        let voiced = loud && score >= SCORE;
        self.follow(energy, own, voiced);
        self.before.rotate_left(1);
        self.before[WARM_FRAMES - 1] = self.frame;
        Frame { voiced, asked }
    }

    fn ask(&mut self) -> f32 {
        if self.open_for == 0 {
            for index in 0..WARM_FRAMES {
                let frame = self.before[index];
                self.score(&frame);
            }
        }
        let frame = self.frame;
        self.score(&frame)
    }

    fn score(&mut self, frame: &[i16; FRAME]) -> f32 {
        let mut wide = [0; 2 * FRAME];
        self.upsampler.process(frame, &mut wide);
        self.network.predict_i16(&wide)
    }

    fn follow(&mut self, energy: f32, own: f32, voiced: bool) {
        if energy < self.floor {
            self.floor += 0.3 * (energy - self.floor);
        } else if own < PLAYING_DBFS {
            self.floor += if voiced { RISE_SPEAKING_DB } else { RISE_DB.min(energy - self.floor) };
        }
        self.floor = self.floor.clamp(FLOOR_DBFS.0, FLOOR_DBFS.1);
        if voiced {
            let weight = if self.caller <= SILENCE_DBFS { 1.0 } else { 0.02 };
            self.caller += weight * (energy - self.caller);
        }
    }
}

/// What the tests of this crate use for a voice: nobody's, but spoken as far as the network is concerned.
#[cfg(test)]
pub(crate) mod sounds {
    /// Vowel-like sound: harmonics of a gliding pitch through moving formants, in syllables of about a quarter second.
    pub fn voice(samples: usize, peak: f64) -> Vec<i16> {
        let mut phase = 0.0f64;
        let wave = |at: usize| {
            let time = at as f64 / 8_000.0;
            let pitch = 120.0 + 20.0 * (std::f64::consts::TAU * 1.3 * time).sin();
            phase += std::f64::consts::TAU * pitch / 8_000.0;
            let first = 500.0 + 250.0 * (std::f64::consts::TAU * 2.1 * time).sin();
            let second = 1_500.0 + 600.0 * (std::f64::consts::TAU * 1.7 * time).cos();
            let harmonics = (1..=24).map(|number| {
                let frequency = pitch * f64::from(number);
                let near = |formant: f64, width: f64| 1.0 / (1.0 + ((frequency - formant) / width).powi(2));
                (phase * f64::from(number)).sin() * (near(first, 90.0) + 0.6 * near(second, 140.0) + 0.02)
            });
            let syllable = 0.65 + 0.35 * (std::f64::consts::TAU * 4.0 * time).sin();
            (harmonics.sum::<f64>() * syllable * peak / 2.5) as i16
        };
        (0..samples).map(wave).collect()
    }

    /// White noise, the same each time.
    pub fn noise(samples: usize, peak: i32) -> Vec<i16> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i32 % (2 * peak + 1) - peak
        };
        (0..samples).map(|_| next() as i16).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(voice: &mut Voice, samples: &[i16], own: f32) -> Vec<Frame> {
        let mut frames = Vec::new();
        samples
            .chunks(160)
            .for_each(|packet| voice.hear(packet, own, false, &mut |frame, _| frames.push(frame)));
        frames
    }

    fn voiced(frames: &[Frame]) -> usize {
        frames.iter().filter(|frame| frame.voiced).count()
    }

    #[test]
    fn a_voice_is_heard_within_a_tenth_of_a_second() {
        let mut voice = Voice::default();
        verdicts(&mut voice, &sounds::noise(8_000, 30), SILENCE_DBFS);
        let frames = verdicts(&mut voice, &sounds::voice(8_000, 8_000.0), SILENCE_DBFS);
        let first = frames.iter().position(|frame| frame.voiced).unwrap();
        assert!(first <= 6, "first voiced frame {first}");
        assert!(voiced(&frames) > 40, "{} of {}", voiced(&frames), frames.len());
    }

    #[test]
    fn a_quiet_line_costs_nothing_and_noise_is_no_voice() {
        let mut voice = Voice::default();
        let quiet = verdicts(&mut voice, &sounds::noise(16_000, 20), SILENCE_DBFS);
        assert!(quiet.iter().all(|frame| !frame.asked && !frame.voiced));
        let loud = verdicts(&mut voice, &sounds::noise(40_000, 1_500), SILENCE_DBFS);
        let (sudden, going_on) = loud.split_at(25);
        assert!(voiced(sudden) < 25, "a sudden rush may be a consonant, for less than half a second");
        assert_eq!(voiced(going_on), 0, "but noise that goes on is noise");
        assert!(!loud.last().unwrap().asked, "the floor has risen to the noise");
        for peak in [100, 300, 600] {
            let mut voice = Voice::default();
            let noise = verdicts(&mut voice, &sounds::noise(40_000, peak), SILENCE_DBFS);
            assert!(voiced(&noise) < 10, "peak {peak}: {} frames", voiced(&noise));
        }
    }

    #[test]
    fn our_own_echo_is_not_the_caller() {
        let mut voice = Voice::default();
        let echo: Vec<i16> = sounds::voice(16_000, 8_000.0).iter().map(|sample| sample / 12).collect();
        assert_eq!(voiced(&verdicts(&mut voice, &echo, -19.0)), 0);
        let over_it = verdicts(&mut voice, &sounds::voice(8_000, 8_000.0), -19.0);
        assert!(voiced(&over_it) > 25, "a caller is heard over our own voice: {}", voiced(&over_it));
    }
}
