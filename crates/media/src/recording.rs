//! A leg's packets as they came and went, for whoever writes them down.
//!
//! Nothing is put in order, decoded or waited for here: that is done afterwards, by a [`Timeline`](crate::Timeline).
//! When a recording begins, pauses and ends is decided in `desk`.
//!
//! Keys that travel as events are no sound and never reach a recording.

use std::time::Duration;

use crate::codec::Codec;
use crate::latch::Stamp;

/// Which way sound went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Track {
    /// From the far end.
    Came,
    /// To the far end.
    Went,
}

/// One packet of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded<'a> {
    /// Which way.
    pub track: Track,
    /// When it came or went, since the shell's origin.
    pub at: Duration,
    /// Its number and its place in the stream.
    pub stamp: Stamp,
    /// What it is written in.
    pub codec: Codec,
    /// The sound.
    pub payload: &'a [u8],
}

/// Where recorded packets go.
pub trait Recorder: Send {
    /// Takes one packet, or leaves it out when there is no room. Must not wait.
    fn take(&mut self, packet: &Recorded<'_>);
}

/// What the recording of a leg is to do.
pub enum Recording {
    /// Begin.
    To(Box<dyn Recorder>),
    /// Leave out what comes.
    Pause,
    /// Go on.
    Resume,
    /// Come to an end.
    End,
}

/// The recording of one leg.
#[derive(Default)]
pub(crate) struct Tape {
    recorder: Option<Box<dyn Recorder>>,
    pauses: bool,
}

impl Tape {
    pub fn obey(&mut self, order: Recording) {
        match order {
            Recording::To(recorder) => *self = Tape { recorder: Some(recorder), pauses: false },
            Recording::Pause => self.pauses = true,
            Recording::Resume => self.pauses = false,
            Recording::End => *self = Tape::default(),
        }
    }

    pub fn runs(&self) -> bool {
        self.recorder.is_some() && !self.pauses
    }

    pub fn take(&mut self, packet: &Recorded<'_>) {
        if let Some(recorder) = self.recorder.as_mut().filter(|_| !self.pauses) {
            recorder.take(packet);
        }
    }
}

impl std::fmt::Debug for Tape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tape").field("runs", &self.runs()).finish_non_exhaustive()
    }
}
