//! A person who puts the caller through by the transfer key of their own phone (REFER), and what they are told of it.
//!
//! Who may be asked for stands here, and nowhere else: a person who talks to a caller may name another person of ours, by a
//! number or extension that is configured. Everybody else, and everything else, is refused. The one who is named is called
//! in our own words; of the phone's only the call it wants replaced is passed on, which it could have ended itself.

use desk::business::Reach;
use desk::call::{Event as DeskEvent, Leg};
use desk::machine::Moment;
use desk::number::E164;
use desk::record::Tried;
use sip::{LegId, Refusal, Uri};

use super::{CallNumber, Exchange};
use crate::contract::{Action, SoundOrder};
use crate::legs::PutThrough;
use crate::wording;

impl Exchange {
    /// A far end wants somebody else to be called in its place.
    pub(super) fn referral_wanted(
        &mut self,
        call: CallNumber,
        side: Leg,
        (leg, name): (LegId, u32),
        (to, replaces): (&Uri, Option<String>),
        now: Moment,
    ) {
        let (by, person, way) = match self.whom_to_ring(call, side, to) {
            Ok(found) => found,
            Err(refusal) => {
                return self.out.push_back(Action::Sip(sip::Order::RefuseReferral { leg, name, refusal }));
            }
        };
        self.out.push_back(Action::Sip(sip::Order::TakeReferral { leg, name }));
        let attended = replaces.is_some();
        if let Some(legs) = self.calls.get_mut(&call) {
            legs.put_through = Some(PutThrough { by, name, replaces, rings: false });
        }
        self.tell(call, DeskEvent::PutThrough { leg: by, person, way, attended }, now);
    }

    /// Who wants it, whom they named, and by which of their phones; or why nobody is called.
    fn whom_to_ring(&self, call: CallNumber, side: Leg, to: &Uri) -> Result<(u16, String, usize), Refusal> {
        let legs = self.calls.get(&call).ok_or(Refusal::Forbidden)?;
        let by = match side {
            // Callers put nobody through.
            Leg::Caller => return Err(Refusal::Forbidden),
            Leg::Person(by) if legs.bridged != Some(by) || legs.put_through.is_some() => {
                return Err(Refusal::Declined);
            }
            Leg::Person(by) => by,
        };
        let own = legs.people.get(&by).map(|leg| &leg.reach).ok_or(Refusal::Forbidden)?;
        let people = self.setup.business.people.iter();
        let ways = people.flat_map(|(name, person)| {
            person.reach.iter().enumerate().map(move |(way, reach)| (name, way, reach))
        });
        let mut named = ways.filter(|(_, _, reach)| *reach != own && self.names(to, reach, &own.via));
        let (name, way, _) = named.next().ok_or(Refusal::Forbidden)?;
        Ok((by, name.clone(), way))
    }

    /// True if a phone of trunk `via` means this reach: by a number, in whatever form; by an extension of its own system; or by a
    /// whole SIP address.
    fn names(&self, to: &Uri, reach: &Reach, via: &str) -> bool {
        let user = to.user_text();
        if let Ok(address) = Uri::parse(&reach.to) {
            let port = |uri: &Uri| uri.port.unwrap_or(5060);
            let host = address.host.eq_ignore_ascii_case(&to.host) && port(&address) == port(to);
            return host && address.user_text() == user;
        }
        let bare = self.setup.habits(via).map_or(user.as_str(), |habits| habits.bare(&user));
        match reach.to.parse::<E164>() {
            Ok(number) => E164::parse(bare, self.setup.country).is_ok_and(|named| named == number),
            Err(_) => reach.via == via && reach.to == user,
        }
    }

    /// The other phone rings: whoever put the caller through hears of it once.
    pub(super) fn tell_ringing(&mut self, call: CallNumber) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        let Some(wish) = legs.put_through.as_mut().filter(|wish| !wish.rings) else { return };
        wish.rings = true;
        let (by, name) = (wish.by, wish.name);
        if let Some(leg) = legs.people.get(&by).map(|leg| leg.sip) {
            self.out.push_back(Action::Sip(sip::Order::TellReferral { leg, name, status: 180 }));
        }
    }

    /// What came of it.
    pub(super) fn tell_person(&mut self, call: CallNumber, person: u16, came: Tried) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        let Some(wish) = legs.put_through.take_if(|wish| wish.by == person) else { return };
        if let Some(leg) = legs.people.get(&person).map(|leg| leg.sip) {
            let (name, status) = (wish.name, wording::told_to_person(came));
            self.out.push_back(Action::Sip(sip::Order::TellReferral { leg, name, status }));
        }
    }

    /// A person's leg is over: nobody is left to tell.
    pub(super) fn forget_wish(&mut self, call: CallNumber, person: u16) {
        if let Some(legs) = self.calls.get_mut(&call) {
            legs.put_through.take_if(|wish| wish.by == person);
        }
    }

    /// Caller and person hear each other no longer. A hold that was passed on to the caller ends with that.
    pub(super) fn part(&mut self, call: CallNumber, person: u16) {
        if let Some((_, sound)) = self.place(call, Leg::Caller) {
            self.out.push_back(Action::Sound { sound, order: SoundOrder::Unbridge });
        }
        self.person_unbridged(call, person);
    }
}
