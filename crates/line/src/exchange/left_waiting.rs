//! A caller whom a person holds without a sound, or who has been joined with a phone from which nothing comes: silence is a dead
//! line to them, so the desk is told.
//!
//! Music of the person's own passes through; whether there is any, the sound of their leg tells. What the caller hears instead
//! is the desk's to say. A caller who holds a person is not waiting for us.

use desk::call::Event as DeskEvent;

use super::{CallNumber, Exchange};

impl Exchange {
    /// Tells the desk when a caller who is held, or waits for a person's first sound, begins to hear nothing, and when that is over.
    pub(super) fn mind_hold(&mut self, call: CallNumber) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        let Some(leg) = legs.bridged else { return };
        let Some(person) = legs.people.get_mut(&leg) else { return };
        person.has_held |= person.holds();
        person.is_mute &= person.holds() || !person.has_held;
        let in_silence = person.leaves_in_silence();
        if std::mem::replace(&mut legs.in_silence, in_silence) != in_silence {
            let told = match in_silence {
                true => DeskEvent::HeldInSilence { leg },
                false => DeskEvent::HeardAgain { leg },
            };
            self.pending.push_back((call, told));
        }
    }

    /// The sound of a person tells whether anything is heard of them.
    pub(super) fn hold_sounds(&mut self, call: CallNumber, person: u16, is_mute: bool) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        if let Some(leg) = legs.people.get_mut(&person) {
            leg.is_mute = is_mute;
        }
        self.mind_hold(call);
    }

    /// The caller does not hear this person any more, and the desk knows.
    pub(super) fn forget_hold(&mut self, call: CallNumber, person: u16) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        legs.in_silence = false;
        if let Some(leg) = legs.people.get_mut(&person) {
            leg.is_mute = false;
        }
    }
}
