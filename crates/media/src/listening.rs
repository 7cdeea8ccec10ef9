//! From frames to turns: when the caller began to speak, when to fall silent ourselves, and when they are done.
//!
//! Invariant: every start is followed by exactly one end.

use std::time::Duration;

use crate::voice::FRAME;
use crate::{lasting, samples_in};

/// Voiced frames in a row that make a start: 64 ms. Measured: enough against clicks, and no short "no" is missed.
const ONSET_FRAMES: u32 = 4;
/// Voiced frames after which the caller is not just coughing: 224 ms.
const SUSTAINED_FRAMES: u32 = 14;
/// Silence after which a start that led nowhere is forgiven: 300 ms.
const FADED_SAMPLES: u64 = 2_400;

/// What speech over our own does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BargeIn {
    /// Nothing: speech is noticed when our clip is over.
    Never,
    /// Ours is lowered by 12 dB at once, and stops when the speech goes on or a key is pressed.
    DuckThenStop,
}

/// Why a turn of speech ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeechEnd {
    /// The caller has been silent for the hang time.
    Quiet,
    /// The longest turn allowed was reached; the caller still speaks.
    TooLong,
    /// Listening was stopped, or started anew, in the middle.
    Cut,
}

/// What one frame revealed. Positions count samples of the stream; `at` is the shell's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Speech began at `position`.
    Started {
        /// First sample of the first voiced frame.
        position: u64,
        /// When that sample was spoken.
        at: Duration,
    },
    /// It has gone on long enough to be meant.
    Sustained,
    /// It was too short to be meant, and it is quiet again.
    Faded,
    /// The turn is over.
    Ended {
        /// One past the last voiced sample.
        position: u64,
        /// When that sample was heard.
        at: Duration,
        /// Voiced time in the turn.
        voiced: Duration,
        /// Why.
        why: SpeechEnd,
    },
}

impl Notice {
    /// Positions count only what the recogniser got: `missed` samples before never reached it.
    pub(crate) fn moved_back(self, missed: u64) -> Self {
        match self {
            Notice::Started { position, at } => {
                Notice::Started { position: position.saturating_sub(missed), at }
            }
            Notice::Ended { position, at, voiced, why } => {
                Notice::Ended { position: position.saturating_sub(missed), at, voiced, why }
            }
            Notice::Sustained | Notice::Faded => self,
        }
    }
}

/// The turn policy of one question.
#[derive(Debug, Clone)]
pub struct Listening {
    hang: u64,
    max: u64,
    barge_in: BargeIn,
    run: u32,
    speech: Option<Speech>,
}

#[derive(Debug, Clone, Copy)]
struct Speech {
    from: u64,
    until: u64,
    until_at: Duration,
    voiced: u32,
    faded: bool,
}

impl Listening {
    /// `hang` of silence ends a turn (at least 100 ms); `max` is the longest turn (at least a second).
    pub fn new(hang: Duration, max: Duration, barge_in: BargeIn) -> Self {
        let (hang, max) = (hang.max(Duration::from_millis(100)), max.max(Duration::from_secs(1)));
        Self { hang: samples_in(hang), max: samples_in(max), barge_in, run: 0, speech: None }
    }

    /// What speech over ours does.
    pub fn barge_in(&self) -> BargeIn {
        self.barge_in
    }

    /// Whether a turn of speech is under way.
    pub fn is_speaking(&self) -> bool {
        self.speech.is_some()
    }

    /// Takes the verdict of one frame that ends at sample `end`, heard `at`.
    pub fn frame(&mut self, voiced: bool, end: u64, at: Duration) -> Option<Notice> {
        self.run = if voiced { self.run + 1 } else { self.run.saturating_sub(1) };
        let Some(speech) = &mut self.speech else {
            return (voiced && self.run >= ONSET_FRAMES).then(|| self.start(end, at));
        };
        if voiced {
            speech.voiced += 1;
            (speech.until, speech.until_at) = (end, at);
        }
        let Speech { from, until, voiced: voiced_frames, faded, .. } = *speech;
        if end - until >= self.hang {
            return self.end(SpeechEnd::Quiet);
        }
        if end - from >= self.max {
            return self.end(SpeechEnd::TooLong);
        }
        if voiced && voiced_frames == SUSTAINED_FRAMES {
            return Some(Notice::Sustained);
        }
        if !faded && voiced_frames < SUSTAINED_FRAMES && end - until >= FADED_SAMPLES {
            speech.faded = true;
            return Some(Notice::Faded);
        }
        None
    }

    fn start(&mut self, end: u64, at: Duration) -> Notice {
        let length = u64::from(self.run) * FRAME as u64;
        let position = end.saturating_sub(length);
        self.speech =
            Some(Speech { from: position, until: end, until_at: at, voiced: self.run, faded: false });
        Notice::Started { position, at: at.saturating_sub(lasting(length)) }
    }

    /// Ends the turn under way, if there is one.
    pub fn end(&mut self, why: SpeechEnd) -> Option<Notice> {
        let speech = self.speech.take()?;
        self.run = 0;
        let voiced = lasting(u64::from(speech.voiced) * FRAME as u64);
        Some(Notice::Ended { position: speech.until, at: speech.until_at, voiced, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Each letter is one frame of 16 ms: `x` voiced, `.` not.
    fn notices(pattern: &str, hang_ms: u32) -> Vec<Notice> {
        let mut listening = Listening::new(MS * hang_ms, MS * 1_000, BargeIn::DuckThenStop);
        let frames = pattern.chars().enumerate();
        frames
            .filter_map(|(index, frame)| {
                let end = (index as u64 + 1) * FRAME as u64;
                listening.frame(frame == 'x', end, lasting(end))
            })
            .collect()
    }

    #[test]
    fn clicks_are_no_speech() {
        assert_eq!(notices("..x...xx..x.xx...xxx......", 300), []);
    }

    #[test]
    fn a_short_no_has_a_start_and_an_end_where_it_really_was() {
        let noticed = notices(&format!("....xxxxxxxx{}", ".".repeat(30)), 350);
        let start = Notice::Started { position: 512, at: MS * 64 };
        let end = Notice::Ended { position: 1_536, at: MS * 192, voiced: MS * 128, why: SpeechEnd::Quiet };
        assert_eq!(noticed, [start, Notice::Faded, end]);
    }

    #[test]
    fn going_on_for_a_quarter_second_is_meant() {
        let noticed = notices(&format!("{}{}", "x".repeat(20), ".".repeat(40)), 500);
        assert!(matches!(noticed[..], [Notice::Started { .. }, Notice::Sustained, Notice::Ended { .. }]));
    }

    #[test]
    fn a_pause_shorter_than_the_hang_is_one_turn() {
        let noticed = notices(&format!("{0}{1}{0}{1}{1}", "x".repeat(16), ".".repeat(20)), 350);
        assert_eq!(noticed.iter().filter(|notice| matches!(notice, Notice::Ended { .. })).count(), 1);
    }

    #[test]
    fn an_endless_talker_is_cut() {
        let noticed = notices(&"x".repeat(70), 350);
        assert!(matches!(noticed.get(2), Some(Notice::Ended { why: SpeechEnd::TooLong, .. })), "{noticed:?}");
    }
}
