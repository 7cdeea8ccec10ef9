//! Which callers are taken while the machine is short of a core.
//!
//! How short it is, and since when, is judged in [`strain`](crate::strain). Calls that are up learn when the voice is refused and
//! when it is back, by events that their journals keep, so that each of them can be lived through again.

use std::time::Duration;

use desk::call::Event;
use desk::machine::Moment;
use desk::number::E164;
use sip::{Invitation, Refusal};

use super::{CallNumber, Exchange};
use crate::setup::WhenLate;
use crate::strain::Refuses;

const BECAUSE: &str = "the machine is short of a core, and one more call would have been heard by everybody on the line; give it \
                       a core more, or its trunks fewer channels";
/// Whoever is refused is not to come back sooner; a carrier may keep every call away for as long (RFC 3261 section 21.5.4). Less
/// has hardly a chance: sound has to be well for some seconds first.
const COME_BACK_AFTER: Duration = Duration::from_secs(10);

impl Exchange {
    /// What is refused to new callers now.
    pub fn refuses(&self) -> Refuses {
        self.strain.refuses()
    }

    pub(super) fn paced(&mut self, late_ratio: f64, legs: usize, now: Moment) {
        if self.setup.when_late == WhenLate::TakeAll {
            return;
        }
        let had_voice = self.refuses() == Refuses::Nothing;
        self.strain.measured(late_ratio, legs);
        let has_voice = self.refuses() == Refuses::Nothing;
        match (had_voice, has_voice) {
            (true, false) => self.tell_everybody(&Event::VoiceRefused, now),
            (false, true) => self.tell_everybody(&Event::VoiceBack, now),
            (true, true) | (false, false) => {}
        }
    }

    fn tell_everybody(&mut self, event: &Event, now: Moment) {
        for number in self.calls.keys().copied().collect::<Vec<CallNumber>>() {
            self.tell(number, event.clone(), now);
        }
    }

    /// Their carrier takes its next route, and the owner sees who it was.
    pub(super) fn refuse_for_strain(&mut self, line: E164, invitation: &Invitation, now: Moment) {
        self.keep_turned_away(line, invitation, BECAUSE, now);
        let refusal = Refusal::Unavailable { retry_after: Some(COME_BACK_AFTER) };
        self.turn_away(invitation.leg, invitation.peer.to_string(), refusal, 503, BECAUSE);
    }
}
