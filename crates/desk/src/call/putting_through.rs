//! A person who has the caller puts them through to somebody else, by the transfer key of their own phone.
//!
//! Whom that may be is looked up where the wish comes in: people of ours, nobody else. The person's side stays until the other
//! has taken the call, and has the caller back if nobody does; a person who has gone meanwhile leaves the caller to the desk.
//!
//! Invariant: each wish is answered by exactly one [`Action::TellPerson`] that is final, unless the person has gone.

use super::ringing::Ringing;
use super::{Action, CONNECTED_AT_MOST, Call, Leg, Stage, Tone};
use crate::business::{Accept, BEFORE_VOICEMAIL, Reach, RingOrder, Step, Whom};
use crate::machine::Moment;
use crate::record::{StepResult, Tried};
use crate::sayings;

/// A caller who is being put through by a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PutThrough {
    /// The leg of who did it, until they hang up.
    by: Option<u16>,
}

impl Call {
    /// The person whom the caller talks to wants them put through to this one; `attended` if the two have talked already.
    pub(super) fn put_through(&mut self, by: u16, person: &str, way: usize, attended: bool, now: Moment) {
        let talking = matches!(self.stage, Stage::Connected { leg, .. } if leg == by);
        let reach = self.business.people.get(person).and_then(|one| one.reach.get(way)).cloned();
        let Some(reach) = reach.filter(|_| talking && !self.stopping) else {
            return self.out.push(Action::TellPerson { leg: by, came: Tried::Unreachable });
        };
        let accept = if attended { Accept::PickUp } else { reach.accept };
        let ring_for = match self.rung_by {
            Some(Step::Ring { ring_for, .. }) => ring_for,
            Some(_) | None => BEFORE_VOICEMAIL,
        };
        let whom = Whom::Person(person.to_string());
        let step = Step::Ring { whom, ring_for, order: RingOrder::InTurn };
        self.cascade.begin(&step, now);
        self.rung_by = Some(step);
        self.put_through = Some(PutThrough { by: Some(by) });
        self.hold_is_over(now);
        self.out.push(Action::Part { leg: by });
        self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Ringback });
        self.stage = Stage::Ringing(Ringing::of_one(person, Reach { accept, ..reach }, ring_for));
        self.ring_next(now);
    }

    /// Nobody took the call that a person put through: they have the caller back, or the desk has.
    pub(super) fn comes_back(&mut self, put_through: PutThrough, now: Moment) {
        let came = self.cascade.came_last().unwrap_or(Tried::NoAnswer);
        self.cascade.end(StepResult::NobodyTook, now);
        self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Silence });
        if let Some(leg) = put_through.by {
            self.out.push(Action::TellPerson { leg, came });
            self.out.push(Action::Connect { leg });
            self.stage = Stage::Connected { leg, until: now.mono + CONNECTED_AT_MOST };
        } else if self.assisted {
            self.person_left(now);
        } else {
            self.say(&[sayings::NOBODY_FREE]);
            self.advance(now);
        }
    }

    /// Somebody has taken the call that a person put through, or nobody waits for that any more.
    pub(super) fn release_who_put_through(&mut self, came: Tried) {
        if let Some(leg) = self.put_through.take().and_then(|put_through| put_through.by) {
            self.out.push(Action::TellPerson { leg, came });
            self.out.push(Action::HangUp { leg: Leg::Person(leg) });
        }
    }

    /// True if this was the leg of who put the caller through: they have gone, and the other phone rings on.
    pub(super) fn who_put_through_left(&mut self, leg: u16) -> bool {
        let Some(put_through) = self.put_through.as_mut().filter(|one| one.by == Some(leg)) else {
            return false;
        };
        put_through.by = None;
        true
    }
}
