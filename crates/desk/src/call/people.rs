//! Ringing people, connecting the one who takes the call, and releasing those who pick up too late.

use std::time::Duration;

use super::ringing::Ringing;
use super::{Action, CONNECTED_AT_MOST, Call, Caller, Leg, Stage, Tone};
use crate::business::{RingOrder, Whom};
use crate::machine::Moment;
use crate::record::{EndedBy, Outcome, StepResult, Tried, Urgency};
use crate::sayings;

impl Call {
    pub(super) fn ring(&mut self, whom: &Whom, ring_for: Duration, order: RingOrder, now: Moment) {
        let ringing = Ringing::new(&self.business, whom, ring_for, order, now.wall);
        match self.caller {
            Caller::Ringing => self.out.push(Action::Ringing),
            Caller::Answered => {
                self.say(&[sayings::CONNECTING]);
                self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Ringback });
            }
            Caller::Gone => return,
        }
        self.stage = Stage::Ringing(ringing);
        self.ring_next(now);
    }

    pub(super) fn ring_next(&mut self, now: Moment) {
        let Stage::Ringing(ringing) = &mut self.stage else { return };
        while let Some(candidate) = ringing.next() {
            let forwarder = self.minutes.arrival.diverted_by.as_ref();
            if forwarder.is_some_and(|number| *number.reveal() == candidate.reach.to) {
                self.cascade.note(&candidate.person, Tried::WouldLoop);
                continue;
            }
            self.legs += 1;
            let ring_for = ringing.ring_for();
            let reach = candidate.reach.clone();
            self.out.push(Action::RingPerson { leg: self.legs, reach, ring_for });
            ringing.rung(self.legs, candidate, now);
        }
        if ringing.is_spent() {
            self.nobody_took(now);
        }
    }

    pub(super) fn person_answered(&mut self, leg: u16, now: Moment) {
        let Stage::Ringing(ringing) = &mut self.stage else {
            return self.release_late(leg);
        };
        if !ringing.is_up(leg) {
            return self.release_late(leg);
        }
        if ringing.must_press_one(leg, now) {
            let phrase = sayings::prepared(sayings::PRESS_ONE);
            self.out.say(Leg::Person(leg), vec![phrase]);
        } else {
            self.connect(leg, now);
        }
    }

    /// Somebody picked up after the call had moved on.
    pub(super) fn release_late(&mut self, leg: u16) {
        if !matches!(self.stage, Stage::Connected { leg: connected, .. } if connected == leg) {
            self.out.push(Action::HangUp { leg: Leg::Person(leg) });
        }
    }

    pub(super) fn connect(&mut self, leg: u16, now: Moment) {
        let Stage::Ringing(ringing) = &mut self.stage else { return };
        let Some(up) = ringing.remove(leg) else { return };
        let others = ringing.take_all();
        for other in others {
            self.out.push(Action::HangUp { leg: Leg::Person(other.leg) });
        }
        self.cascade.note(&up.candidate.person, Tried::Answered);
        self.cascade.end(StepResult::PersonTook, now);
        let outcome = match self.caller {
            Caller::Ringing => Outcome::Answered,
            Caller::Answered | Caller::Gone => Outcome::Transferred,
        };
        self.verdict = Some((outcome, EndedBy::Caller));
        self.answer(now);
        self.out.push(Action::StopSaying { to: Leg::Caller });
        self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Silence });
        self.out.push(Action::Connect { leg });
        self.stage = Stage::Connected { leg, until: now.mono + CONNECTED_AT_MOST };
    }

    pub(super) fn person_failed(&mut self, leg: u16, tried: Tried, now: Moment) {
        if let Stage::Ringing(ringing) = &mut self.stage
            && let Some(up) = ringing.remove(leg)
        {
            self.cascade.note(&up.candidate.person, tried);
            self.ring_next(now);
        }
    }

    pub(super) fn person_gone(&mut self, leg: u16, now: Moment) {
        match &self.stage {
            Stage::Connected { leg: connected, .. } if *connected == leg => {
                self.finish(EndedBy::Person, now);
            }
            Stage::Ringing(_) => self.person_failed(leg, Tried::Declined, now),
            _ => {}
        }
    }

    pub(super) fn nobody_picked_up(&mut self, now: Moment) {
        let Stage::Ringing(ringing) = &mut self.stage else { return };
        for up in ringing.overdue(now) {
            self.out.push(Action::HangUp { leg: Leg::Person(up.leg) });
            self.cascade.note(&up.candidate.person, Tried::NoAnswer);
        }
        self.ring_next(now);
    }

    pub(super) fn nobody_took(&mut self, now: Moment) {
        self.cascade.end(StepResult::NobodyTook, now);
        if self.caller == Caller::Answered {
            self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Silence });
            self.say(&[sayings::NOBODY_FREE]);
        }
        if self.urgency == Urgency::Alert {
            self.leave_callback(now);
        }
        self.advance(now);
    }
}
