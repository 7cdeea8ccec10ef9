//! Whether a far end that holds the call lets anything be heard: music of its own, or nothing. And whether anything comes at all
//! from one that has just been joined with somebody who waits for its first word.
//!
//! Packets that carry silence count as nothing, whatever there are of them. What is done about it is decided elsewhere; here it
//! is only told, once for each change, and for the first time as soon as it is known.

use std::time::Duration;

use crate::MAX_PACKET_SAMPLES;
use crate::codec::{Codec, Decoder};
use crate::level::is_audible;

/// Without a packet for so long, nothing is going to come.
const NOTHING_COMES: Duration = Duration::from_secs(1);
/// Packets without anything audible: longer than announcements and music pause, shorter than the 4 s of a dead line.
const NOTHING_IS_HEARD: Duration = Duration::from_secs(3);

/// Why a far end is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Because {
    /// It holds the call.
    Holds,
    /// Not one packet has come from it. The first ends that, whatever is in it: silence is somebody who says nothing.
    Unheard,
}

/// What comes from somebody who holds the call, or has not been heard at all.
#[derive(Debug)]
pub(crate) struct Held {
    because: Because,
    decoder: Decoder,
    last_packet: Duration,
    last_sound: Duration,
    /// Whether anything is heard, as it was told last.
    told: Option<bool>,
}

impl Held {
    /// From now on the call is held, or the first word waited for.
    pub fn since(now: Duration, because: Because) -> Self {
        Held { because, decoder: Decoder::default(), last_packet: now, last_sound: now, told: None }
    }

    pub fn because(&self) -> Because {
        self.because
    }

    /// True if it counts as silent, as it was told last.
    pub fn was_silent(&self) -> bool {
        self.told == Some(false)
    }

    /// A packet of sound came. True if something is heard again, or for the first time.
    pub fn sounds(&mut self, codec: Codec, payload: &[u8], now: Duration) -> bool {
        self.last_packet = now;
        let mut samples = [0; MAX_PACKET_SAMPLES];
        let length = self.decoder.decode(codec, payload, &mut samples);
        if !is_audible(&samples[..length]) {
            return false;
        }
        self.last_sound = now;
        self.told.replace(true) != Some(true)
    }

    /// The far end said that it keeps quiet.
    pub fn keeps_quiet(&mut self, now: Duration) {
        self.last_packet = now;
    }

    /// When it counts as silent, unless something comes before.
    pub fn deadline(&self) -> Option<Duration> {
        let silent_at = match self.because {
            Because::Holds => (self.last_packet + NOTHING_COMES).min(self.last_sound + NOTHING_IS_HEARD),
            // A phone that picks up may take a moment to find its path.
            Because::Unheard => self.last_sound + NOTHING_IS_HEARD,
        };
        (self.told != Some(false)).then_some(silent_at)
    }

    /// True if it counts as silent since now.
    pub fn is_silent(&mut self, now: Duration) -> bool {
        let silent = self.deadline().is_some_and(|at| at <= now);
        if silent {
            self.told = Some(false);
        }
        silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Duration = Duration::from_millis(20);
    /// A square wave that everybody hears, and the silence of G.711.
    const LOUD: [u8; 160] = [0x90; 160];
    const SILENT: [u8; 160] = [0xff; 160];

    /// What was told by when, in milliseconds, while packets come for so many milliseconds each.
    fn told(heard: &mut Held, from: Duration, packets: &[(&[u8], u32)]) -> Vec<(u128, bool)> {
        let (mut now, mut told) = (from, Vec::new());
        for (payload, ms) in packets {
            for _ in 0..ms / 20 {
                now += PACKET;
                if !payload.is_empty() && heard.sounds(Codec::Pcmu, payload, now) {
                    told.push((now.as_millis(), true));
                }
                if heard.is_silent(now) {
                    told.push((now.as_millis(), false));
                }
            }
        }
        told
    }

    #[test]
    fn nobody_who_sends_nothing_is_waited_for_longer_than_a_second() {
        let mut held = Held::since(Duration::ZERO, Because::Holds);
        assert_eq!(told(&mut held, Duration::ZERO, &[(&[], 5_000)]), [(1_000, false)]);
        assert_eq!(held.deadline(), None, "it is told once");
    }

    #[test]
    fn packets_of_silence_are_no_music() {
        let mut held = Held::since(Duration::ZERO, Because::Holds);
        assert_eq!(told(&mut held, Duration::ZERO, &[(&SILENT, 9_000)]), [(3_000, false)]);
    }

    #[test]
    fn music_that_pauses_for_a_breath_is_music_and_one_that_begins_late_is_told_at_once() {
        let mut held = Held::since(Duration::ZERO, Because::Holds);
        let bars = [(&LOUD[..], 4_000), (&SILENT, 2_000), (&LOUD, 4_000)];
        assert_eq!(told(&mut held, Duration::ZERO, &bars), [(20, true)]);
        let from = Duration::from_secs(10);
        let late = [(&[][..], 2_000), (&SILENT, 1_000), (&LOUD, 40)];
        assert_eq!(told(&mut held, from, &late), [(11_000, false), (13_020, true)]);
    }
}
