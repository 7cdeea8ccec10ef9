//! A caller whom the trunk puts through by itself, because no channel is free to ring a person on.
//!
//! Ringing people here and bridging them is the rule; this is for when that is not possible, for people whose picking up
//! is enough: nobody could ask them to press 1. The caller stays here until the trunk says that they talk to the person,
//! and goes on here if it says anything else, or nothing.
//!
//! Invariant: while the trunk puts the caller through, nobody else is rung for them.

use super::ringing::{Answer, Candidate, Up};
use super::{Action, Call, Caller, Leg, Stage, Tone};
use crate::business::{Accept, Business, Line};
use crate::machine::Moment;
use crate::record::{EndedBy, Outcome, StepResult, Tried};

/// True for somebody who could not be rung for want of a channel, and whom the caller's own trunk can reach by itself.
pub(super) fn may_hand_over(business: &Business, line: &Line, up: &Up) -> bool {
    let reach = &up.candidate.reach;
    let is_callers_trunk = reach.via == line.trunk && business.hand_over.contains(&line.trunk);
    is_callers_trunk && reach.accept == Accept::PickUp && up.answer == Answer::Awaited
}

impl Call {
    /// Has the trunk put the caller through. For that they have to be answered, and so they hear our ringing.
    pub(super) fn hand_over(&mut self, candidate: Candidate, now: Moment) {
        let Stage::Ringing(ringing) = &mut self.stage else { return };
        self.legs += 1;
        let (leg, reach) = (self.legs, candidate.reach.clone());
        self.handed_to.insert(leg, candidate.person.clone());
        ringing.handed_over(leg, candidate, now);
        if self.caller == Caller::Ringing {
            self.answer(now);
            self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Ringback });
        }
        self.out.push(Action::HandOver { leg, reach });
    }

    /// The caller is with a person, whatever they were doing here: only our side is left to be hung up.
    pub(super) fn handed_over(&mut self, leg: u16, now: Moment) {
        if self.caller.is_gone() {
            return;
        }
        if let Stage::Ringing(ringing) = &mut self.stage {
            ringing.remove(leg);
        }
        if let Some(person) = self.handed_to.remove(&leg) {
            self.cascade.note(&person, Tried::HandedOver);
        }
        self.release_who_put_through(Tried::HandedOver);
        self.verdict.get_or_insert((Outcome::Transferred, EndedBy::Desk));
        self.out.push(Action::StopSaying { to: Leg::Caller });
        self.out.push(Action::HangUp { leg: Leg::Caller });
        self.caller_gone(StepResult::PersonTook, EndedBy::Desk, now);
    }
}
