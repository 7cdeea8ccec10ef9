//! Offers inside a call: other formats, hold and resume, and what one side's hold means to the other.
//!
//! Where two people talk, each side is told who may send on the other: who is held hears what the holder sends, music or
//! nothing, and is not taken for gone when they are asked to be silent. RFC 3264 section 8.4, RFC 6337 section 5.3. A caller
//! is never told that nothing will come: where nothing does, they hear music of ours.
//!
//! Invariant: what a leg was told last is what the other side allows, or an offer that says so is on its way, or it was
//! refused.

use desk::call::Leg;
use desk::machine::Moment;
use sip::LegId;
use sip::sdp::{self, Agreed, Capabilities, Direction};

use super::{CallNumber, Exchange};
use crate::contract::{Action, Refusal, SoundId, SoundOrder};
use crate::legs::PersonState;
use crate::protection;
use crate::sound;

impl Exchange {
    /// The far end wants other formats, or holds the call, or takes it up again.
    pub(super) fn offered(&mut self, call: CallNumber, side: Leg, leg: LegId, offer: Option<String>) {
        let Some((sound, ours)) = self.described_anew(call, side) else {
            return self.out.push_back(Action::Sip(sip::Order::RefuseOffer { leg }));
        };
        let wish = self.wish_of(call, side);
        let Some(offer) = offer else {
            let sdp = self.offer_of(call, side, ours, wish);
            self.note_told(call, side, wish);
            return self.out.push_back(Action::Sip(sip::Order::AnswerOffer { leg, sdp }));
        };
        let free = sdp::answer(&offer, &ours, Direction::SendRecv);
        let (free, agreed) = match (free, sdp::answer(&offer, &ours, wish)) {
            (Ok(free), Ok(agreed)) => (free, agreed),
            (Err(error), _) | (_, Err(error)) => {
                return self.offer_not_taken(
                    call,
                    side,
                    leg,
                    protection::because(error, is_encrypted(&ours)),
                );
            }
        };
        if let Some(legs) = self.calls.get_mut(&call) {
            legs.settle(side, &agreed);
        }
        let sdp = agreed.text.clone();
        self.out.push_back(Action::Sip(sip::Order::AnswerOffer { leg, sdp }));
        // A phone that still rings may describe itself anew; nothing of it is heard before it is picked up.
        if self.rings(call, side) {
            return;
        }
        self.out.push_back(Action::Sound { sound, order: SoundOrder::Change(Box::new(agreed)) });
        self.note_told(call, side, wish);
        self.allows(call, side, what_it_allows(&free));
        self.renew_offer(call, side);
    }

    /// An offer of ours that met theirs is made again in a moment; with what is said now, and not with what was said
    /// before their answer.
    fn renew_offer(&mut self, call: CallNumber, side: Leg) {
        let wish = self.wish_of(call, side);
        let Some(legs) = self.calls.get_mut(&call) else { return };
        let Some(leg) = legs.up(side) else { return };
        if legs.terms_of(side).is_some_and(|terms| terms.offering.is_some())
            && let Some((_, ours)) = self.described_anew(call, side)
        {
            let sdp = self.offer_of(call, side, ours, wish);
            self.out.push_back(Action::Sip(sip::Order::Offer { leg, sdp }));
        }
    }

    /// An offer of ours inside a call: encrypted if the leg is, and asking for no more. What is spoken comes first, so that
    /// nobody changes their codec only because they are held.
    pub(super) fn offer_of(
        &mut self,
        call: CallNumber,
        side: Leg,
        mut ours: Capabilities,
        wish: Direction,
    ) -> String {
        let spoken = self.calls.get_mut(&call).and_then(|legs| legs.terms_of(side)?.spoken);
        ours.codecs.sort_by_key(|codec| Some(*codec) != spoken);
        sdp::offer(&not_risking_the_call(ours), wish)
    }

    /// The call goes on as it was.
    fn offer_not_taken(&mut self, call: CallNumber, side: Leg, leg: LegId, because: String) {
        let trunk =
            self.calls.get(&call).and_then(|legs| legs.trunk_of(side)).unwrap_or_default().to_string();
        self.out.push_back(Action::Sip(sip::Order::RefuseOffer { leg }));
        self.out.push_back(Action::Refused(Refusal { trunk, status: 488, because }));
    }

    /// The far end's answer to an offer of ours that it asked for. A telephone that has taken a place and says nothing of its
    /// sound is heard by nobody.
    pub(super) fn confirmed_anew(
        &mut self,
        call: CallNumber,
        side: Leg,
        answer: Option<String>,
        now: Moment,
    ) {
        if let Some(answer) = answer {
            self.take_answer(call, side, &answer);
        }
        let terms = self.calls.get_mut(&call).and_then(|legs| legs.terms_of(side));
        if terms.is_some_and(|terms| terms.taken_over_by.is_some()) {
            return self.has_no_sound(call, side, now);
        }
        self.reconcile(call, side);
    }

    /// The far end's answer to an offer of ours.
    pub(super) fn offer_answered(&mut self, call: CallNumber, side: Leg, answer: &str) {
        if let Some(terms) = self.calls.get_mut(&call).and_then(|legs| legs.terms_of(side)) {
            terms.offering = None;
        }
        self.take_answer(call, side, answer);
        self.reconcile(call, side);
    }

    /// What was agreed before stays. It is tried again with the next change on that leg: most often it was one that was
    /// not done yet.
    pub(super) fn offer_refused(&mut self, call: CallNumber, side: Leg) {
        let terms = self.calls.get_mut(&call).and_then(|legs| legs.terms_of(side));
        if let Some((terms, before)) =
            terms.and_then(|terms| terms.offering.take().map(|before| (terms, before)))
        {
            terms.told = before;
        }
    }

    /// Nobody hears the caller any more but the desk: a hold that was passed on to them ends.
    pub(super) fn person_unbridged(&mut self, call: CallNumber, person: u16) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        if legs.bridged == Some(person) {
            legs.bridged = None;
            self.forget_hold(call, person);
            self.reconcile(call, Leg::Caller);
        }
    }

    /// Tells a leg what the other side allows, unless it knows.
    pub(super) fn reconcile(&mut self, call: CallNumber, side: Leg) {
        let wish = self.wish_of(call, side);
        let Some(legs) = self.calls.get_mut(&call) else { return };
        let Some(leg) = legs.up(side) else { return };
        let Some(terms) = legs.terms_of(side).filter(|terms| terms.told != wish && terms.offering.is_none())
        else {
            return;
        };
        terms.offering = Some(std::mem::replace(&mut terms.told, wish));
        if let Some((_, ours)) = self.described_anew(call, side) {
            let sdp = self.offer_of(call, side, ours, wish);
            self.out.push_back(Action::Sip(sip::Order::Offer { leg, sdp }));
        }
    }

    /// What we want on a leg: what the leg that hears it allows.
    pub(super) fn wish_of(&mut self, call: CallNumber, side: Leg) -> Direction {
        let allowed = self.calls.get_mut(&call).and_then(|legs| {
            let other = legs.other_of(side)?;
            legs.terms_of(other).map(|terms| terms.allows)
        });
        match (side, allowed.map_or(Direction::SendRecv, Direction::reversed)) {
            (Leg::Caller, Direction::Inactive) => Direction::SendOnly,
            (Leg::Caller | Leg::Person(_), wish) => wish,
        }
    }

    pub(super) fn allows(&mut self, call: CallNumber, side: Leg, direction: Direction) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        if let Some(terms) = legs.terms_of(side) {
            terms.allows = direction;
        }
        if let Some(other) = legs.other_of(side) {
            self.reconcile(call, other);
            self.mind_hold(call);
        }
    }

    fn take_answer(&mut self, call: CallNumber, side: Leg, answer: &str) {
        let Some((sound, ours)) = self.described(call, side) else { return };
        let ours = not_risking_the_call(ours);
        let Some(legs) = self.calls.get_mut(&call) else { return };
        let Some((told, before)) = legs.terms_of(side).map(|terms| (terms.told, terms.allows)) else {
            return;
        };
        let Ok(agreed) = sdp::accept(answer, &ours, told) else { return };
        legs.settle(side, &agreed);
        let allows = allowed_by_answer(&agreed, told, before);
        let agreed = Box::new(agreed);
        let taken_over_by = legs.terms_of(side).and_then(|terms| terms.taken_over_by.take());
        let order = match taken_over_by {
            Some(signalled_by) => SoundOrder::TakenOver { agreed, signalled_by },
            None => SoundOrder::Change(agreed),
        };
        self.out.push_back(Action::Sound { sound, order });
        self.allows(call, side, allows);
    }

    fn note_told(&mut self, call: CallNumber, side: Leg, told: Direction) {
        if let Some(terms) = self.calls.get_mut(&call).and_then(|legs| legs.terms_of(side)) {
            terms.told = told;
        }
    }

    fn rings(&self, call: CallNumber, side: Leg) -> bool {
        let Leg::Person(person) = side else { return false };
        let leg = self.calls.get(&call).and_then(|legs| legs.people.get(&person));
        leg.is_some_and(|leg| leg.state == PersonState::Ringing)
    }

    fn described(&mut self, call: CallNumber, side: Leg) -> Option<(SoundId, Capabilities)> {
        let legs = self.calls.get_mut(&call)?;
        let (sound, address) = legs.place_of(side)?;
        let ours = legs.ours_on(side);
        Some((sound, sound::described(address, *legs.terms_of(side)?, ours)))
    }

    pub(super) fn described_anew(&mut self, call: CallNumber, side: Leg) -> Option<(SoundId, Capabilities)> {
        let legs = self.calls.get_mut(&call)?;
        let (sound, address) = legs.place_of(side)?;
        let ours = legs.ours_on(side);
        Some((sound, sound::described_anew(address, legs.terms_of(side)?, ours)))
    }
}

/// What we can do, encrypted if the leg is.
fn not_risking_the_call(ours: Capabilities) -> Capabilities {
    Capabilities { protection: protection::not_risking_the_call(ours.protection), ..ours }
}

pub(super) fn is_encrypted(ours: &Capabilities) -> bool {
    matches!(ours.protection, sdp::Protection::Required(_))
}

/// What a far end wants of us; one that hides its address the old way (RFC 3264 section 8.4) wants nothing sent.
pub(super) fn what_it_allows(agreed: &Agreed) -> Direction {
    match agreed.remote.ip().is_unspecified() {
        true => agreed.direction.and(Direction::RecvOnly),
        false => agreed.direction,
    }
}

/// An answer tells of that only which we asked for; of the rest, what was known before holds.
fn allowed_by_answer(agreed: &Agreed, asked: Direction, before: Direction) -> Direction {
    let now = what_it_allows(agreed);
    let sends = if asked.sends() { now.sends() } else { before.sends() };
    let receives = if asked.receives() { now.receives() } else { before.receives() };
    match (sends, receives) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::RecvOnly,
        (false, false) => Direction::Inactive,
    }
}
