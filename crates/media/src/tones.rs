//! The sounds a telephone network makes by itself, and the music of ours.
//!
//! Frequencies after the North American precise tone plan. Invariant: no tone is silent for as long as four seconds.

use crate::RATE_HZ;
use crate::music::Music;

/// What plays for as long as nothing else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// 440 + 480 Hz, two seconds on. The pause is three seconds, not the network's four: a caller who waits for a
    /// person never hears four seconds of nothing.
    Ringback,
    /// 480 + 620 Hz, half a second on, half a second off.
    Busy,
    /// 1 kHz for half a second, once: leave your message now.
    Beep,
    /// Music, for as long as somebody waits.
    Music,
}

/// Peak of each of two frequencies: -19 dBm0. Digital full scale is +3.17 dBm0.
const EACH: f64 = 2_500.0;
/// Peak of the one frequency of the beep: -13 dBm0.
const ALONE: f64 = 5_000.0;

#[derive(Debug, Clone, Copy)]
struct Plan {
    frequencies: [f64; 2],
    amplitudes: [f64; 2],
    on: u32,
    off: u32,
    again: bool,
}

impl Tone {
    /// What makes up a tone of the network; music is none.
    fn plan(self) -> Option<Plan> {
        let second = RATE_HZ;
        let plan = match self {
            Tone::Music => return None,
            Tone::Ringback => Plan {
                frequencies: [440.0, 480.0],
                amplitudes: [EACH; 2],
                on: 2 * second,
                off: 3 * second,
                again: true,
            },
            Tone::Busy => Plan {
                frequencies: [480.0, 620.0],
                amplitudes: [EACH; 2],
                on: second / 2,
                off: second / 2,
                again: true,
            },
            Tone::Beep => Plan {
                frequencies: [1_000.0, 0.0],
                amplitudes: [ALONE, 0.0],
                on: second / 2,
                off: 0,
                again: false,
            },
        };
        Some(plan)
    }
}

/// A tone being played.
#[derive(Debug, Clone)]
pub struct Player(Playing);

#[derive(Debug, Clone)]
enum Playing {
    Network(Network),
    Music(Music),
}

/// A tone of the network.
#[derive(Debug, Clone)]
struct Network {
    plan: Plan,
    at: u32,
    waves: [Wave; 2],
}

/// A sine by recurrence: two multiplications a sample.
#[derive(Debug, Clone, Copy)]
struct Wave {
    turn: f64,
    last: f64,
    before: f64,
}

impl Wave {
    fn new(frequency: f64, amplitude: f64) -> Self {
        let step = std::f64::consts::TAU * frequency / f64::from(RATE_HZ);
        Self { turn: 2.0 * step.cos(), last: 0.0, before: -amplitude * step.sin() }
    }

    fn next(&mut self) -> f64 {
        let value = self.last;
        self.last = self.turn * value - self.before;
        self.before = value;
        value
    }
}

impl Player {
    /// Begins with the sounding part.
    pub fn new(tone: Tone) -> Self {
        Self(
            tone.plan()
                .map_or_else(|| Playing::Music(Music::default()), |plan| Playing::Network(plan.into())),
        )
    }

    /// Fills `out`; false when the tone has ended (only a beep ends).
    pub fn fill(&mut self, out: &mut [i16]) -> bool {
        match &mut self.0 {
            Playing::Network(network) => network.fill(out),
            Playing::Music(music) => {
                music.fill(out);
                true
            }
        }
    }
}

impl From<Plan> for Network {
    fn from(plan: Plan) -> Self {
        let waves = [0, 1].map(|index| Wave::new(plan.frequencies[index], plan.amplitudes[index]));
        Self { plan, at: 0, waves }
    }
}

impl Network {
    fn fill(&mut self, out: &mut [i16]) -> bool {
        let plan = self.plan;
        for sample in out.iter_mut() {
            *sample = 0;
            if self.at < plan.on {
                *sample = self.waves.iter_mut().map(Wave::next).sum::<f64>() as i16;
            }
            self.at = self.at.saturating_add(1);
            if plan.again && self.at == plan.on + plan.off {
                *self = Self::from(plan);
            }
        }
        plan.again || self.at < plan.on
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::is_audible;

    #[test]
    fn ringback_sounds_for_two_seconds_and_pauses_for_less_than_four() {
        let mut player = Player::new(Tone::Ringback);
        let mut audible = String::new();
        for _ in 0..600 {
            let mut packet = [0; 160];
            assert!(player.fill(&mut packet));
            audible.push(if is_audible(&packet) { 'x' } else { '.' });
        }
        let runs: Vec<usize> = audible.split('.').map(str::len).filter(|length| *length > 0).collect();
        assert_eq!(runs, [100, 100, 100]);
        assert!(audible.split('x').all(|pause| pause.len() < 200), "four seconds are 200 packets");
    }

    #[test]
    fn a_beep_ends_by_itself_and_is_no_louder_than_speech() {
        let mut player = Player::new(Tone::Beep);
        let mut sounding = 0;
        let mut packet = [0; 160];
        while player.fill(&mut packet) {
            sounding += 1;
            assert!(packet.iter().all(|sample| sample.unsigned_abs() <= 5_001));
        }
        assert_eq!(sounding, 24);
    }
}
