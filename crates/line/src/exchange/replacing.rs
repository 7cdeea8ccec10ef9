//! A call that takes the place of one of a call's legs (Replaces): the far end has put its side through to another telephone.
//!
//! Only the far end changes. What is said on that side, heard, recorded and bridged stays, and so does the address its sound is
//! received at; the packets go to the new telephone from now on. The user agent has seen that the call comes from the same trunk,
//! and hangs the old one up once the new one is answered.
//!
//! Invariant: what cannot be taken over is refused, and the old leg is as it was; of one that was taken over nothing counts any
//! more, whatever is told of it.

use desk::call::{Event as DeskEvent, Leg};
use desk::machine::Moment;
use desk::private::Private;
use sip::sdp::{self, Capabilities, Direction, Protection};
use sip::{Invitation, LegId, Refusal as SipRefusal, Transport};

use super::holding::{is_encrypted, what_it_allows};
use super::{CallNumber, Exchange};
use crate::contract::{Action, Opening, Refusal, SoundId, SoundOrder};
use crate::legs::{CallerState, Confirmed, PersonState};
use crate::protection;
use crate::wording;

/// 487: what comes of a wish is of no matter to who has made it.
const STOPPED: u16 = 487;

/// How far the leg has come whose place is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// They talk, to whomever.
    Up,
    /// A person's phone rings, and another is picked up in its place.
    Rings(u16),
}

/// What is said to the new telephone, and what follows for its sound.
struct Terms {
    text: String,
    agreed: Option<sdp::Agreed>,
    told: Direction,
    allows: Direction,
}

impl Exchange {
    /// Another call of the same trunk wants the place of this leg.
    pub(super) fn wants_place_of(&mut self, old: LegId, invitation: &Invitation, now: Moment) {
        let leg = invitation.leg;
        let place = self.by_sip.get(&old).copied();
        let Some((call, side, place)) =
            place.and_then(|(call, side)| Some((call, side, self.place_to_take(call, side)?)))
        else {
            let refusal = SipRefusal::Declined;
            return self.out.push_back(Action::Sip(sip::Order::Refuse { leg, refusal }));
        };
        match self.terms_for(call, side, invitation) {
            Ok((sound, terms)) => {
                self.becomes(call, side, old, invitation);
                self.take_place(call, (side, place), sound, terms, invitation);
                self.tell_of_place(call, side, place, invitation, now);
            }
            Err(because) => {
                let refusal = SipRefusal::NotAcceptable;
                self.out.push_back(Action::Sip(sip::Order::Refuse { leg, refusal }));
                let trunk = invitation.peer.to_string();
                self.out.push_back(Action::Refused(Refusal { trunk, status: 488, because }));
            }
        }
    }

    /// `None` for a leg that is over, or not yet so far, or that its trunk is about to take from us.
    fn place_to_take(&self, call: CallNumber, side: Leg) -> Option<Place> {
        let legs = self.calls.get(&call)?;
        let confirmed = CallerState::Answered { confirmed: Confirmed::Yes };
        match side {
            Leg::Caller => {
                (legs.caller.state == confirmed && legs.handing_over.is_none()).then_some(Place::Up)
            }
            Leg::Person(person) => match legs.people.get(&person)?.state {
                PersonState::Answered => Some(Place::Up),
                PersonState::Ringing => Some(Place::Rings(person)),
                PersonState::Opening | PersonState::Ended => None,
            },
        }
    }

    /// What can be agreed with the new telephone, or why nothing can.
    fn terms_for(
        &mut self,
        call: CallNumber,
        side: Leg,
        invitation: &Invitation,
    ) -> Result<(SoundId, Terms), String> {
        let wish = self.wish_of(call, side);
        let described = self.described_anew(call, side);
        let (sound, ours) = described.ok_or("the leg it wants to replace has no sound yet")?;
        let ours = kept_private(ours, invitation.path.transport)?;
        let Some(offer) = &invitation.offer else {
            let text = self.offer_of(call, side, ours, wish);
            return Ok((sound, Terms { text, agreed: None, told: wish, allows: Direction::SendRecv }));
        };
        let because = |error| protection::because(error, is_encrypted(&ours));
        let free = sdp::answer(offer, &ours, Direction::SendRecv).map_err(because)?;
        let agreed = sdp::answer(offer, &ours, wish).map_err(because)?;
        if agreed.remote.is_ipv4() != ours.address.is_ipv4() {
            return Err(
                "its sound is of another address family than that of the leg it wants to replace".into()
            );
        }
        let (text, allows) = (agreed.text.clone(), what_it_allows(&free));
        Ok((sound, Terms { text, agreed: Some(agreed), told: wish, allows }))
    }

    /// From now on the new leg is this side of the call, and the old one is nobody's.
    fn becomes(&mut self, call: CallNumber, side: Leg, old: LegId, invitation: &Invitation) {
        let new = invitation.leg;
        self.by_sip.remove(&old);
        self.by_sip.insert(new, (call, side));
        if let Some(party) = self.parties.get(&old).cloned() {
            self.parties.insert(new, party);
        }
        let Some(legs) = self.calls.get_mut(&call) else { return };
        // The old telephone hears no more of what it wished for, and waits for nothing: the new one never asked.
        if let Some(wish) = legs.put_through.take_if(|wish| side == Leg::Person(wish.by)) {
            let told = sip::Order::TellReferral { leg: old, name: wish.name, status: STOPPED };
            self.out.push_back(Action::Sip(told));
        }
        match side {
            Leg::Caller => {
                legs.caller.sip = new;
                legs.caller.path = invitation.path;
            }
            Leg::Person(person) => {
                if let Some(leg) = legs.people.get_mut(&person) {
                    leg.sip = new;
                    leg.state = PersonState::Answered;
                }
            }
        }
    }

    fn take_place(
        &mut self,
        call: CallNumber,
        (side, place): (Leg, Place),
        sound: SoundId,
        terms: Terms,
        invitation: &Invitation,
    ) {
        let signalled_by = invitation.path.remote.ip();
        let Terms { text, agreed, told, allows } = terms;
        self.out.push_back(Action::Sip(sip::Order::Answer { leg: invitation.leg, sdp: text }));
        let Some(legs) = self.calls.get_mut(&call) else { return };
        if let Some(own) = legs.terms_of(side) {
            own.offering = None;
            own.told = told;
            own.taken_over_by = agreed.is_none().then_some(signalled_by);
        }
        if let Some(agreed) = agreed {
            legs.settle(side, &agreed);
            let agreed = Box::new(agreed);
            let order = match place {
                Place::Up => SoundOrder::TakenOver { agreed, signalled_by },
                Place::Rings(_) => {
                    SoundOrder::Connect { agreed, signalled_by, opening: Opening::NobodySpeaks }
                }
            };
            self.out.push_back(Action::Sound { sound, order });
        }
        if place != Place::Up {
            self.out.push_back(Action::Sound { sound, order: SoundOrder::Confirmed });
        }
        self.allows(call, side, allows);
    }

    fn tell_of_place(
        &mut self,
        call: CallNumber,
        side: Leg,
        place: Place,
        invitation: &Invitation,
        now: Moment,
    ) {
        let from = wording::caller(invitation, self.setup.country).map(Private::new);
        self.tell(call, DeskEvent::Replaced { leg: side, from }, now);
        if let Place::Rings(leg) = place {
            self.tell(call, DeskEvent::PersonAnswered { leg }, now);
        }
    }
}

/// What we have to offer over this way of signalling: no key is told where anybody can read it.
fn kept_private(ours: Capabilities, transport: Transport) -> Result<Capabilities, String> {
    match (&ours.protection, transport) {
        (Protection::Off, _) | (_, Transport::Tls) => Ok(ours),
        (Protection::Preferred(_), Transport::Udp | Transport::Tcp) => {
            Ok(Capabilities { protection: Protection::Off, ..ours })
        }
        (Protection::Required(_), Transport::Udp | Transport::Tcp) => {
            Err("the sound of the leg it wants to replace is encrypted, and it came without TLS".to_string())
        }
    }
}
