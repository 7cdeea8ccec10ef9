//! Clips waiting to be heard, one after the other, as loud as the moment allows.
//!
//! What is said is decided in `desk`; when nothing is said and it is our turn, in [`turn`](crate::turn).
//! Invariant: every clip that was taken is answered by exactly one [`Done`], with the samples that really went out.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::level::is_audible;

/// Sound at 8 kHz, one channel. Shared: the same greeting plays on many legs.
pub type Clip = Arc<[i16]>;

/// Names one playing of a clip, chosen by who ordered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClipId(pub u64);

impl ClipId {
    /// The clip a leg plays by itself when nobody tells it anything.
    pub const FILLER: ClipId = ClipId(u64::MAX);
}

/// Whether a caller may talk over a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruptible {
    /// Speech ducks and stops it where listening says so.
    Yes,
    /// Heard to its end (a disclosure); digits are still reported.
    No,
}

/// The end of one playing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Which playing.
    pub id: ClipId,
    /// Whether it was heard to its end.
    pub complete: bool,
    /// Samples that went out.
    pub samples: u64,
}

/// Clips waiting at once, at most.
pub const MAX_WAITING: usize = 64;
/// Full loudness.
const FULL: i32 = 1 << 15;
/// 12 dB lower.
const DUCKED: i32 = FULL / 4;
/// Gain moves from one to the other within 10 ms.
const GAIN_STEP: i32 = (FULL - DUCKED) / 80;
/// A stopped clip fades out within 5 ms, inside the very next packet.
const FADE_SAMPLES: usize = 40;

/// The queue of one leg.
#[derive(Debug, Clone)]
pub struct Playout {
    waiting: VecDeque<Playing>,
    gain: i32,
    ducked: bool,
    fading: bool,
}

#[derive(Debug, Clone)]
struct Playing {
    id: ClipId,
    clip: Clip,
    at: usize,
    interruptible: Interruptible,
    heard: bool,
}

/// What one packet held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filled {
    /// A clip the caller begins to hear in this packet.
    pub began: Option<ClipId>,
    /// Whether any clip was in it.
    pub any: bool,
}

impl Default for Playout {
    fn default() -> Self {
        Self { waiting: VecDeque::with_capacity(8), gain: FULL, ducked: false, fading: false }
    }
}

impl Playout {
    /// Puts a clip at the end; it is given back when 64 wait already.
    pub fn push(&mut self, id: ClipId, clip: Clip, interruptible: Interruptible) -> Result<(), Clip> {
        if self.waiting.len() >= MAX_WAITING {
            return Err(clip);
        }
        self.waiting.push_back(Playing { id, clip, at: 0, interruptible, heard: false });
        Ok(())
    }

    /// Nothing plays and nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The clip at the front, how much of it went out, and whether it may be talked over.
    pub fn front(&self) -> Option<(ClipId, u64, Interruptible)> {
        self.waiting.front().map(|playing| (playing.id, playing.at as u64, playing.interruptible))
    }

    /// Lowers everything by 12 dB, or brings it back.
    pub fn duck(&mut self, ducked: bool) {
        self.ducked = ducked;
    }

    /// Ends what plays (fading within the next packet) and drops what waits.
    pub fn stop(&mut self, done: &mut impl FnMut(Done)) {
        for dropped in self.waiting.drain(1.min(self.waiting.len())..) {
            done(Done { id: dropped.id, complete: false, samples: 0 });
        }
        match self.waiting.front() {
            Some(playing) if playing.at == 0 => {
                done(Done { id: playing.id, complete: false, samples: 0 });
                self.waiting.clear();
            }
            Some(_) => self.fading = true,
            None => {}
        }
    }

    /// Fills one packet, silence where nothing plays.
    pub fn fill(&mut self, out: &mut [i16], done: &mut impl FnMut(Done)) -> Filled {
        let mut filled = Filled::default();
        let mut written = 0;
        while written < out.len() {
            let Some(playing) = self.waiting.front_mut() else { break };
            filled.any = true;
            let rest = &playing.clip[playing.at..];
            let wanted = out.len() - written;
            let taken = rest.len().min(if self.fading { wanted.min(FADE_SAMPLES) } else { wanted });
            let piece = &mut out[written..written + taken];
            piece.copy_from_slice(&rest[..taken]);
            if !playing.heard && is_audible(piece) {
                playing.heard = true;
                filled.began = filled.began.or(Some(playing.id));
            }
            if self.fading {
                fade_out(piece);
            } else {
                self.gain = turned(piece, self.gain, if self.ducked { DUCKED } else { FULL });
            }
            playing.at += taken;
            written += taken;
            let complete = playing.at == playing.clip.len();
            if complete || self.fading {
                done(Done { id: playing.id, complete, samples: playing.at as u64 });
                self.waiting.pop_front();
                self.fading = false;
            }
        }
        out[written..].fill(0);
        filled
    }
}

fn fade_out(piece: &mut [i16]) {
    let length = piece.len().max(1) as i32;
    for (at, sample) in piece.iter_mut().enumerate() {
        *sample = (i32::from(*sample) * (length - at as i32) / length) as i16;
    }
}

/// Applies gain, moving it step by step towards `wanted`. Gives the gain reached.
fn turned(piece: &mut [i16], mut gain: i32, wanted: i32) -> i32 {
    if gain == wanted && gain == FULL {
        return gain;
    }
    for sample in piece {
        gain += (wanted - gain).clamp(-GAIN_STEP, GAIN_STEP);
        *sample = ((i32::from(*sample) * gain) >> 15) as i16;
    }
    gain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::dbfs;

    fn clip(samples: usize) -> Clip {
        (0..samples).map(|at| if at % 2 == 0 { 8_000 } else { -8_000 }).collect()
    }

    struct Phone {
        playout: Playout,
        done: Vec<Done>,
    }

    impl Phone {
        fn new() -> Self {
            Self { playout: Playout::default(), done: Vec::new() }
        }

        fn packet(&mut self) -> ([i16; 160], Filled) {
            let mut out = [7; 160];
            let filled = self.playout.fill(&mut out, &mut |done| self.done.push(done));
            (out, filled)
        }

        fn play(&mut self, id: u64, samples: usize) {
            self.playout.push(ClipId(id), clip(samples), Interruptible::Yes).unwrap();
        }
    }

    #[test]
    fn clips_follow_each_other_without_a_hole() {
        let mut phone = Phone::new();
        phone.play(1, 200);
        phone.play(2, 100);
        let (first, filled) = phone.packet();
        assert_eq!((filled.began, filled.any), (Some(ClipId(1)), true));
        assert!(first.iter().all(|sample| *sample != 0));
        let (second, filled) = phone.packet();
        assert_eq!(filled.began, Some(ClipId(2)));
        assert!(second[..140].iter().all(|sample| *sample != 0) && second[140..] == [0; 20]);
        assert_eq!(phone.packet().1, Filled::default());
        let complete = |id, samples| Done { id: ClipId(id), complete: true, samples };
        assert_eq!(phone.done, [complete(1, 200), complete(2, 100)]);
    }

    #[test]
    fn a_clip_is_heard_from_its_first_audible_packet_not_from_its_leading_silence() {
        let mut phone = Phone::new();
        let late: Clip = [0; 320].into_iter().chain(clip(160).iter().copied()).collect();
        phone.playout.push(ClipId(1), late, Interruptible::Yes).unwrap();
        let began: Vec<_> = (0..3).map(|_| phone.packet().1.began).collect();
        assert_eq!(began, [None, None, Some(ClipId(1))]);
    }

    #[test]
    fn a_ducked_clip_is_twelve_decibels_lower_without_a_click() {
        let mut phone = Phone::new();
        phone.play(1, 8_000);
        let loud = dbfs(&phone.packet().0);
        phone.playout.duck(true);
        let (ramp, _) = phone.packet();
        let jumps =
            ramp.windows(2).map(|pair| (i32::from(pair[0].abs()) - i32::from(pair[1].abs())).abs()).max();
        assert!(jumps.unwrap() < 120, "the gain jumped");
        let low = dbfs(&phone.packet().0);
        assert!((loud - low - 12.0).abs() < 0.2, "{loud} {low}");
        phone.playout.duck(false);
        phone.packet();
        assert!((dbfs(&phone.packet().0) - loud).abs() < 0.1);
    }

    #[test]
    fn stopping_is_silent_within_one_packet_and_everything_is_accounted_for() {
        let mut phone = Phone::new();
        phone.play(1, 8_000);
        phone.play(2, 8_000);
        phone.packet();
        let Phone { playout, done } = &mut phone;
        playout.stop(&mut |ended| done.push(ended));
        let (last, _) = phone.packet();
        assert!(last[40..].iter().all(|sample| *sample == 0));
        assert!(phone.playout.is_empty());
        let ended = |id, samples| Done { id: ClipId(id), complete: false, samples };
        assert_eq!(phone.done, [ended(2, 0), ended(1, 200)]);
    }

    #[test]
    fn an_empty_clip_is_answered_too_and_a_full_queue_says_so() {
        let mut phone = Phone::new();
        phone.play(1, 0);
        phone.packet();
        assert_eq!(phone.done, [Done { id: ClipId(1), complete: true, samples: 0 }]);
        (0..64).for_each(|id| phone.play(id, 10));
        assert!(phone.playout.push(ClipId(99), clip(1), Interruptible::Yes).is_err());
    }
}
