//! A message without the silence around it: what nobody said is not stored, and nobody has to listen to it.
//!
//! Sound goes in as it is heard and comes out as soon as it is known to belong to the message; what may be the silence
//! after it is held back. When a message begins and ends is decided in `desk`.
//!
//! Invariant: nothing that anybody said is left out. A piece counts as something where it is speech or merely audible; what
//! lies between two such pieces stays, and so does [`MARGIN`] on either side, for soft first and last sounds.

use std::collections::VecDeque;
use std::time::Duration;

use crate::level::{SILENCE_DBFS, is_audible};
use crate::samples_in;
use crate::voice::{FRAME, Voice};

/// What stays of the silence before the first word and after the last one.
pub const MARGIN: Duration = Duration::from_millis(500);
/// The longest pause that is held back; the rest of a longer one is let go as it comes. The desk ends a message before.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The silence around one message.
#[derive(Debug, Default)]
pub struct Trim {
    voice: Voice,
    piece: Vec<i16>,
    /// Silence that may be the message's own.
    held: VecDeque<i16>,
    begun: bool,
}

impl Trim {
    /// Takes sound (8 kHz), and adds to `kept` what is known to belong to the message.
    pub fn push(&mut self, samples: &[i16], kept: &mut Vec<i16>) {
        for sample in samples {
            self.piece.push(*sample);
            if self.piece.len() == FRAME {
                self.judge(kept);
                self.piece.clear();
            }
        }
    }

    /// The message is over: adds what is left of it. Nothing, if nobody ever said anything.
    pub fn finish(mut self, kept: &mut Vec<i16>) {
        if self.begun {
            self.held.extend(&self.piece);
            kept.extend(self.held.iter().take(samples(MARGIN)));
        }
    }

    fn judge(&mut self, kept: &mut Vec<i16>) {
        let mut is_something = is_audible(&self.piece);
        self.voice.hear(&self.piece, SILENCE_DBFS, self.begun, &mut |frame, _| is_something |= frame.voiced);
        self.held.extend(&self.piece);
        let room = if self.begun { samples(LONGEST_PAUSE) } else { samples(MARGIN) + FRAME };
        if is_something {
            self.begun = true;
            kept.extend(self.held.drain(..));
        } else if self.held.len() > room {
            let oldest = self.held.drain(..self.held.len() - room);
            if self.begun { kept.extend(oldest) } else { drop(oldest) }
        }
    }
}

fn samples(time: Duration) -> usize {
    samples_in(time) as usize
}
