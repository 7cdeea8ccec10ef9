//! A caller whom a person holds without music of their own: they hear ours, until the person is heard again or has gone.
//!
//! Whether anything is heard of the person is told by the [`Event`](super::Event)s of the call. Invariant: the music never plays
//! over a person who is heard, and it is over when the caller is with nobody.

use super::filler::Late;
use super::{Action, Call, Leg, Stage, Tone};
use crate::machine::Moment;

impl Call {
    pub(super) fn held_in_silence(&mut self, leg: u16, now: Moment) {
        let with_them = matches!(self.stage, Stage::Connected { leg: connected, .. } if connected == leg);
        if with_them && !self.held {
            self.held = true;
            self.fillers.began(Late::Person, now.mono);
            self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Music });
        }
    }

    pub(super) fn hold_is_over(&mut self, now: Moment) {
        if std::mem::take(&mut self.held) {
            self.fillers.ended(now.mono);
            self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Silence });
        }
    }
}
