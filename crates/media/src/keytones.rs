//! Keypad digits as the two tones they are, for far ends that send no telephone events.
//!
//! Blocks of 102 samples are looked at for the eight frequencies of the keypad (Goertzel). Two blocks of the same key in
//! a row begin a press, two without it end it, so that a key of 40 ms counts once, one that is held counts once, and a
//! drop-out of a block does not make two of it. What `digits` hears as events never comes here: a leg listens for tones
//! only where events were not agreed.
//!
//! Speech must not press keys: almost all the power of a block has to lie in one row and one column, loud enough, and
//! neither much louder than the other. Sources: ITU-T Q.23 (frequencies), Q.24 table A-1 (AT&T column: 40 ms, pauses of
//! 40 ms, -25 dBm0, twist of 8 dB and 4 dB).

use crate::digits::Digit;

/// Samples looked at together: 12.75 ms, three of which fit in the shortest key.
const BLOCK: usize = 102;
/// The keypad's rows.
const ROWS_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
/// The keypad's columns.
const COLUMNS_HZ: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// The quietest tone: -25 dBm0 with 3 dB to spare, as the mean square of samples; 3.17 dBm0 is a full sine.
const QUIETEST: f32 = 400_000.0;
/// Of a block's power, so much has to be the two tones. A key that is 1.5 % off keeps three quarters in a block.
const SHARE: f32 = 0.7;
/// Of a block with the key that is being held: a drop-out of 10 ms may fall into it.
const SHARE_HELD: f32 = 0.35;
/// The column may be 4 dB louder than the row, and the row 8 dB louder than the column; two more for what one tone leaks
/// into the other's place in so short a block.
const COLUMN_OVER_ROW: f32 = 3.98;
const ROW_OVER_COLUMN: f32 = 10.0;
/// The amplitude of each tone that we send.
const LOUDNESS: f32 = 11_600.0;
/// Blocks that begin or end a press.
const SURE: u8 = 2;

/// Hears the keys in one stream of sound at 8 kHz.
#[derive(Debug, Clone)]
pub struct KeyTones {
    rows: [Resonator; 4],
    columns: [Resonator; 4],
    power: f32,
    taken: usize,
    /// What the last blocks had in common, and how many there were.
    seen: (Option<Digit>, u8),
    pressed: Option<Digit>,
}

impl Default for KeyTones {
    fn default() -> Self {
        Self {
            rows: ROWS_HZ.map(Resonator::at),
            columns: COLUMNS_HZ.map(Resonator::at),
            power: 0.0,
            taken: 0,
            seen: (None, 0),
            pressed: None,
        }
    }
}

impl KeyTones {
    /// Takes samples in order; each press is told once, at most 26 ms after it began.
    pub fn hear(&mut self, samples: &[i16], pressed: &mut impl FnMut(Digit)) {
        for sample in samples {
            let sample = f32::from(*sample);
            self.power += sample * sample;
            self.rows.iter_mut().chain(&mut self.columns).for_each(|resonator| resonator.take(sample));
            self.taken += 1;
            if self.taken == BLOCK {
                let key = self.key_of_block();
                self.judge(key, pressed);
            }
        }
    }

    /// The key that a whole block sounds like; makes room for the next.
    fn key_of_block(&mut self) -> Option<Digit> {
        let (row, row_power) = loudest(&mut self.rows);
        let (column, column_power) = loudest(&mut self.columns);
        let all = self.power / BLOCK as f32;
        (self.power, self.taken) = (0.0, 0);
        let key = Digit::from_char(KEYS[row][column]);
        let is_held = self.pressed.is_some() && key == self.pressed;
        let (quietest, share) = if is_held { (QUIETEST / 8.0, SHARE_HELD) } else { (QUIETEST, SHARE) };
        let is_loud = row_power.min(column_power) >= quietest;
        let is_alone = row_power + column_power >= share * all;
        let is_even =
            column_power <= COLUMN_OVER_ROW * row_power && row_power <= ROW_OVER_COLUMN * column_power;
        key.filter(|_| is_loud && is_alone && (is_even || is_held))
    }

    fn judge(&mut self, key: Option<Digit>, pressed: &mut impl FnMut(Digit)) {
        let times = if self.seen.0 == key { self.seen.1.saturating_add(1) } else { 1 };
        self.seen = (key, times);
        if times < SURE || self.pressed == key {
            return;
        }
        self.pressed = key;
        key.into_iter().for_each(pressed);
    }
}

/// One frequency's share of what was taken.
#[derive(Debug, Clone, Copy)]
struct Resonator {
    turn: f32,
    last: f32,
    before: f32,
}

impl Resonator {
    fn at(frequency_hz: f32) -> Self {
        let turn = 2.0 * (std::f32::consts::TAU * frequency_hz / crate::RATE_HZ as f32).cos();
        Self { turn, last: 0.0, before: 0.0 }
    }

    fn take(&mut self, sample: f32) {
        (self.last, self.before) = (sample + self.turn * self.last - self.before, self.last);
    }

    /// Mean square of a sine of this frequency in the block; starts the next.
    fn finish(&mut self) -> f32 {
        let Self { turn, last, before } = *self;
        (self.last, self.before) = (0.0, 0.0);
        2.0 * (last * last + before * before - turn * last * before) / (BLOCK * BLOCK) as f32
    }
}

fn loudest(resonators: &mut [Resonator; 4]) -> (usize, f32) {
    let powers = resonators.each_mut().map(Resonator::finish);
    (0..4).map(|at| (at, powers[at])).max_by(|one, other| one.1.total_cmp(&other.1)).unwrap_or((0, 0.0))
}

/// A key as sound, from so many samples into the press: each of its tones 9 dB below a full sine.
pub(crate) fn write(key: Digit, from: u32, samples: &mut [i16]) {
    let at = KEYS.iter().flatten().position(|known| *known == key.as_char()).unwrap_or(0);
    let step = |hz: f32| std::f32::consts::TAU * hz / crate::RATE_HZ as f32;
    let (row, column) = (step(ROWS_HZ[at / 4]), step(COLUMNS_HZ[at % 4]));
    for (sample, at) in samples.iter_mut().zip(from..) {
        let (row, column) = ((row * at as f32).sin(), (column * at as f32).sin());
        *sample = (LOUDNESS * (row + column)) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key for so many milliseconds: how far off its frequencies are, and how loud each tone is.
    fn key(key: char, ms: usize, off: f64, row_dbm0: f64, column_dbm0: f64) -> Vec<i16> {
        let (row, column) = (0..16)
            .map(|at| (at / 4, at % 4))
            .find(|(row, column)| KEYS[*row][*column] == key)
            .expect("a key of the keypad");
        let amplitude = |dbm0: f64| 32_767.0 * 10f64.powf((dbm0 - 3.17) / 20.0);
        let wave =
            |hz: f32, at: usize| (std::f64::consts::TAU * f64::from(hz) * off * at as f64 / 8_000.0).sin();
        let sample = |at: usize| {
            amplitude(row_dbm0) * wave(ROWS_HZ[row], at)
                + amplitude(column_dbm0) * wave(COLUMNS_HZ[column], at)
        };
        (0..ms * 8).map(|at| sample(at) as i16).collect()
    }

    fn plain(one: char, ms: usize) -> Vec<i16> {
        key(one, ms, 1.0, -10.0, -10.0)
    }

    fn quiet(ms: usize) -> Vec<i16> {
        vec![0; ms * 8]
    }

    fn noise(ms: usize, amplitude: f64) -> Vec<i16> {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1u32 << 31) * 2.0 - 1.0
        };
        (0..ms * 8).map(|_| (amplitude * next()) as i16).collect()
    }

    /// What is heard, whatever the packets are and wherever a block begins.
    fn heard(sound: &[i16]) -> String {
        let mut all = Vec::new();
        for (shift, packet) in [(0, 80), (17, 160), (51, 240), (88, 480)] {
            let (mut tones, mut keys) = (KeyTones::default(), String::new());
            tones.hear(&vec![0; shift], &mut |digit| keys.push(digit.as_char()));
            for piece in sound.chunks(packet) {
                tones.hear(piece, &mut |digit| keys.push(digit.as_char()));
            }
            all.push(keys);
        }
        assert!(all.iter().all(|keys| *keys == all[0]), "{all:?}");
        all.remove(0)
    }

    #[test]
    fn every_key_is_heard_once_as_short_as_it_may_be_and_as_long_as_it_is_held() {
        let keys = "1234567890*#ABCD";
        for (ms, pause) in [(40, 40), (100, 60), (3_000, 50)] {
            let sound: Vec<i16> =
                keys.chars().flat_map(|one| [plain(one, ms), quiet(pause)].concat()).collect();
            assert_eq!(heard(&sound), keys, "{ms} ms");
        }
    }

    #[test]
    fn what_we_send_as_sound_is_heard() {
        for one in KEYS.iter().flatten() {
            let mut sound = vec![0; 1_600];
            for (packet, piece) in (0..).zip(sound[..800].chunks_mut(160)) {
                write(Digit::from_char(*one).unwrap(), packet * 160, piece);
            }
            assert_eq!(heard(&sound), one.to_string());
        }
    }

    #[test]
    fn the_same_key_twice_is_two_and_a_drop_out_does_not_make_two_of_one() {
        assert_eq!(heard(&[plain('5', 60), quiet(40), plain('5', 60), quiet(40)].concat()), "55");
        assert_eq!(heard(&[plain('5', 60), quiet(10), plain('5', 60), quiet(40)].concat()), "5");
    }

    #[test]
    fn telephones_may_be_off_loud_quiet_and_uneven() {
        for (off, row, column) in [
            (1.015, -10.0, -10.0),
            (0.985, -10.0, -10.0),
            (1.0, -3.0, -3.0),
            (1.0, -25.0, -25.0),
            (1.0, -14.0, -10.5),
            (1.0, -8.0, -15.5),
        ] {
            for one in "1590*D".chars() {
                let sound = [quiet(30), key(one, 60, off, row, column), quiet(60)].concat();
                assert_eq!(heard(&sound), one.to_string(), "{off} {row} {column}");
            }
        }
    }

    #[test]
    fn a_noisy_line_presses_no_key_and_hides_none() {
        assert_eq!(heard(&noise(60_000, 8_000.0)), "");
        let mut sound = [plain('7', 80), quiet(80), plain('8', 80), quiet(80)].concat();
        sound.iter_mut().zip(noise(320, 1_200.0)).for_each(|(sample, noise)| *sample += noise);
        assert_eq!(heard(&sound), "78");
    }

    #[test]
    fn single_tones_and_what_is_too_short_or_too_uneven_are_no_keys() {
        let sine = |hz: f64| -> Vec<i16> {
            (0..8_000)
                .map(|at| (9_000.0 * (std::f64::consts::TAU * hz * f64::from(at) / 8_000.0).sin()) as i16)
                .collect()
        };
        for hz in (300..3_400).step_by(7) {
            assert_eq!(heard(&sine(f64::from(hz))), "", "{hz} Hz");
        }
        assert_eq!(heard(&[quiet(50), plain('5', 12), quiet(50)].concat()), "");
        assert_eq!(heard(&[quiet(50), key('5', 80, 1.0, -22.0, -10.0), quiet(50)].concat()), "");
        assert_eq!(heard(&[quiet(50), key('5', 80, 1.0, -40.0, -40.0), quiet(50)].concat()), "");
    }
}
