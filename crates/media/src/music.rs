//! Music for somebody who waits: quiet broken chords, computed, so that nothing has to be licensed, stored or loaded.
//!
//! Every note is a sine that fades. All of them lie below the rows of a keypad (697 Hz), so that no detector of keys on the
//! way takes music for a key. Invariants: it never ends, and it is never silent.

use crate::RATE_HZ;

/// From one note to the next: 360 ms.
const STEP: u32 = RATE_HZ * 36 / 100;
/// Notes that sound at once: each has faded to a twentieth when its place is taken by the third after it.
const VOICES: usize = 3;
/// What is left of a note after one sample: a tenth after 830 ms.
const FADE: f64 = 0.999_653;
/// Peak of a note as it begins: three of them stay below -16 dBm0, so that our words stand out over what was heard before.
const PEAK: f64 = 1_800.0;
/// A note swells for so long, or it would click: 8 ms.
const SWELL: u32 = RATE_HZ / 125;

const E4: f64 = 329.63;
const F4: f64 = 349.23;
const G4: f64 = 392.00;
const A4: f64 = 440.00;
const B4: f64 = 493.88;
const C5: f64 = 523.25;
const D5: f64 = 587.33;
const E5: f64 = 659.26;

/// Four chords (C, A minor, F, G), each up and down again: 11.5 s until it begins anew.
const NOTES: [f64; 32] = [
    E4, G4, C5, E5, C5, G4, E4, G4, //
    E4, A4, C5, E5, C5, A4, E4, A4, //
    F4, A4, C5, D5, C5, A4, F4, A4, //
    G4, B4, D5, B4, G4, B4, D5, B4,
];

/// Music being played.
#[derive(Debug, Clone, Default)]
pub(crate) struct Music {
    at: u32,
    note: usize,
    voices: [Voice; VOICES],
}

/// A fading sine by recurrence: two multiplications a sample.
#[derive(Debug, Clone, Copy, Default)]
struct Voice {
    turn: f64,
    last: f64,
    before: f64,
    age: u32,
}

impl Music {
    /// The next samples.
    pub fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            if self.at.is_multiple_of(STEP) {
                self.voices[self.note % VOICES] = Voice::of(NOTES[self.note % NOTES.len()]);
                self.note = (self.note + 1) % (NOTES.len() * VOICES);
                self.at = 0;
            }
            self.at += 1;
            *sample = self.voices.iter_mut().map(Voice::next).sum::<f64>() as i16;
        }
    }
}

impl Voice {
    fn of(frequency: f64) -> Voice {
        let step = std::f64::consts::TAU * frequency / f64::from(RATE_HZ);
        Voice { turn: 2.0 * FADE * step.cos(), last: 0.0, before: -PEAK * step.sin() / FADE, age: 0 }
    }

    fn next(&mut self) -> f64 {
        let value = self.last;
        self.last = self.turn * value - FADE * FADE * self.before;
        self.before = value;
        self.age = self.age.saturating_add(1);
        value * f64::from(self.age.min(SWELL)) / f64::from(SWELL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keytones::KeyTones;
    use crate::level::{dbfs, is_audible};

    /// A minute of it, by the packet.
    fn minute() -> Vec<[i16; 160]> {
        let mut music = Music::default();
        let mut packets = vec![[0; 160]; 3_000];
        packets.iter_mut().for_each(|packet| music.fill(packet));
        packets
    }

    #[test]
    fn music_is_heard_all_the_time_and_never_loud() {
        for (index, packet) in minute().iter().enumerate() {
            assert!(is_audible(packet), "silent at packet {index}");
            assert!(dbfs(packet) < -18.0, "{} dBFS at packet {index}", dbfs(packet));
        }
    }

    #[test]
    fn music_does_not_click() {
        let sound = minute().concat();
        let steepest = sound.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max();
        assert!(steepest < Some(2_700), "a step of {steepest:?}");
    }

    #[test]
    fn music_presses_no_key() {
        let (mut tones, mut pressed) = (KeyTones::default(), Vec::new());
        for packet in minute() {
            tones.hear(&packet, &mut |key| pressed.push(key));
        }
        assert_eq!(pressed, []);
    }
}
