//! Callers whom their trunk puts through by itself: asked for by REFER, told by NOTIFY.
//!
//! When that is wanted is decided by `desk`: for somebody who cannot be rung for want of a channel. Here it is said to the
//! trunk once the caller's side has confirmed our answer, and what comes back is told. Where two who talk both came over one
//! trunk that has become short of channels, it is asked to join them without us, and if it will not, they talk on as before.
//!
//! Invariant: the caller's leg and its channel stay until the trunk has said that the caller is with the person.

use desk::business::{Kept, Reach};
use desk::call::Event as DeskEvent;
use desk::machine::Moment;
use desk::private::Private;
use desk::record::Tried;
use sip::{ReferTo, Referral};

use super::{CallNumber, Exchange};
use crate::contract::Action;
use crate::legs::{CallerState, Confirmed, HandingOver, Legs, PersonLeg, PersonState};
use crate::live::What;
use crate::setup::Way;
use crate::wording;

/// Set in the name of a wish that joins two who talk already.
const JOINS: u32 = 1 << 16;

impl Exchange {
    /// The desk wants the trunk to put the caller through to a person.
    pub(super) fn hand_over(&mut self, call: CallNumber, person: u16, reach: Reach, now: Moment) {
        let Some((Way::Over(_), target)) = self.setup.way_and_target(&reach) else {
            return self.not_handed_over(call, person, Tried::Unreachable, now);
        };
        let Some(legs) = self.calls.get_mut(&call) else { return };
        legs.handing_over = Some(HandingOver { person, to: reach.to.clone(), target, asked: false });
        self.show(call, What::Rings { to: Private::new(reach.to) }, now);
        self.ask_to_hand_over(call);
    }

    /// Asks the trunk, as soon as the caller's side has confirmed our answer.
    pub(super) fn ask_to_hand_over(&mut self, call: CallNumber) {
        let Some(legs) = self.calls.get_mut(&call).filter(|legs| is_confirmed(legs)) else { return };
        let Some(wish) = legs.handing_over.as_mut().filter(|wish| !wish.asked) else { return };
        wish.asked = true;
        let (name, to) = (u32::from(wish.person), ReferTo::Somebody(wish.target.clone()));
        let leg = legs.caller.sip;
        self.out.push_back(Action::Sip(sip::Order::Refer { leg, name, to }));
    }

    /// Nothing of it is waited for any longer. What was said to the trunk cannot be unsaid.
    pub(super) fn keep_caller(&mut self, call: CallNumber, person: u16) {
        if let Some(legs) = self.calls.get_mut(&call) {
            legs.handing_over.take_if(|wish| wish.person == person);
        }
    }

    /// What came of it.
    pub(super) fn referred(&mut self, call: CallNumber, name: u32, end: Referral, now: Moment) {
        let Ok(person) = u16::try_from(name & !JOINS) else { return };
        self.keep_caller(call, person);
        match end {
            Referral::Taken => {
                self.show(call, What::Connected, now);
                self.tell(call, DeskEvent::HandedOver { leg: person }, now);
            }
            // Two who talk go on talking.
            Referral::NotTaken { .. } | Referral::Refused { .. } | Referral::Untold if name & JOINS != 0 => {}
            Referral::NotTaken { why, .. } => self.not_handed_over(call, person, wording::tried(why), now),
            Referral::Refused { .. } => self.not_handed_over(call, person, Tried::HandoverRefused, now),
            Referral::Untold => self.not_handed_over(call, person, Tried::HandoverUntold, now),
        }
    }

    fn not_handed_over(&mut self, call: CallNumber, person: u16, tried: Tried, now: Moment) {
        self.show(call, What::NotReached { tried }, now);
        self.pending.push_back((call, DeskEvent::PersonFailed { leg: person, tried }));
    }

    /// Caller and person have just been bridged: if their trunk is short of channels now, it may have both of theirs back.
    pub(super) fn join_elsewhere(&mut self, call: CallNumber, person: u16) {
        let Some(legs) = self.calls.get(&call).filter(|legs| is_confirmed(legs)) else { return };
        let trunk = &legs.caller.trunk;
        let is_over_it = |leg: &&PersonLeg| {
            leg.reach.via == *trunk && leg.channel.is_some() && leg.state == PersonState::Answered
        };
        let Some(person_leg) = legs.people.get(&person).filter(is_over_it) else { return };
        // What is to be recorded has to stay here.
        let is_kept = self.setup.business.keeping.bridged == Kept::Announced;
        if is_kept || !self.setup.business.hand_over.contains(trunk) || !self.board.is_short(trunk) {
            return;
        }
        let (leg, name) = (legs.caller.sip, JOINS | u32::from(person));
        let to = ReferTo::FarEndOf(person_leg.sip);
        self.out.push_back(Action::Sip(sip::Order::Refer { leg, name, to }));
    }
}

fn is_confirmed(legs: &Legs) -> bool {
    matches!(legs.caller.state, CallerState::Answered { confirmed: Confirmed::Yes })
}
