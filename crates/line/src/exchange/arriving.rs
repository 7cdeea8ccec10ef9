//! A call comes in: which line it is for, whether a channel is free, and what sound format it speaks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use desk::business::Person;
use desk::call::{Arrival, Leg, LineFault};
use desk::machine::Moment;
use desk::number::E164;
use desk::private::Private;
use desk::record::CallId;
use desk::sabotage::{Sabotage, is};
use desk::understand::Cards;
use sip::sdp::{Protection, Secrets};
use sip::{Invitation, Refusal as SipRefusal, sdp};

use super::Exchange;
use super::holding::what_it_allows;
use crate::contract::{Action, Begun, Keep, Refusal, SoundId, SoundOrder};
use crate::habits::Habits;
use crate::legs::{CallerLeg, CallerState, Legs, PersonLeg, PersonState, Terms};
use crate::live::What;
use crate::protection::{self, InTheOpen};
use crate::sound;
use crate::strain::Refuses;
use crate::wording;

/// Whom our address for sound has to face: who signals, unless their sound is of the other address family. A proxy that
/// speaks IPv6 may bring the call of a phone that has IPv4 only.
fn sound_faces(invitation: &Invitation) -> IpAddr {
    let signals = invitation.path.remote.ip();
    let described = invitation.offer.as_deref().and_then(|offer| sdp::parse(offer).ok());
    let sounds = described.and_then(|session| session.sound_goes_to());
    sounds.filter(|sounds| sounds.is_ipv4() != signals.is_ipv4()).unwrap_or(signals)
}

impl Exchange {
    /// Somebody whom a trunk lets in calls.
    pub(super) fn invited(&mut self, invitation: Invitation, now: Moment) {
        let trunk = invitation.peer.to_string();
        if let Some(old) = invitation.replaces {
            return self.wants_place_of(old, &invitation, now);
        }
        if self.closing {
            let refusal = SipRefusal::Unavailable { retry_after: None };
            return self.turn_away(invitation.leg, trunk, refusal, 503, "the desk is being stopped");
        }
        let Some(line) = self.setup.line_called(&invitation) else {
            let because =
                "the number dialled is none of this trunk's lines; add a [[line]] for it, with this trunk";
            return self.turn_away(invitation.leg, trunk, SipRefusal::NotFound, 404, because);
        };
        if self.is_a_ringing_call_coming_back(&invitation) {
            let because = "a phone that is being rung forwards its calls back to this desk, which counts as busy; \
                           let it ring longer before it forwards, or turn its forwarding off";
            return self.turn_away(invitation.leg, trunk, SipRefusal::Busy, 486, because);
        }
        if self.refuses() == Refuses::Calls {
            return self.refuse_for_strain(line, &invitation, now);
        }
        let Some(channel) = self.board.take(&trunk) else {
            let full = self.setup.habits(&trunk).map(|habits| habits.full).unwrap_or_default();
            let (refusal, status) = full.refusal();
            let because = "every channel of this trunk is taken; raise `channels` if the carrier gives more";
            self.keep_turned_away(line, &invitation, because, now);
            return self.turn_away(invitation.leg, trunk, refusal, status, because);
        };
        let sound = self.new_sound();
        let caller = CallerLeg {
            sip: invitation.leg,
            sound,
            path: invitation.path,
            channel: Some(channel),
            address: None,
            codecs: self.setup.codecs(&invitation.peer),
            protection: Protection::Off,
            trunk: trunk.clone(),
            offer: invitation.offer.clone(),
            terms: Terms::new(self.counted + 1),
            state: CallerState::Opening,
        };
        self.admit(line, &invitation, caller, now);
    }

    /// True for a call that we place ourselves at this moment, and that the phone we ring sends back to one of our
    /// lines: somebody would be put through to the desk that is looking for them.
    ///
    /// It shows our own number as its caller, as we showed it. Where forwarding hides that, it names the number being
    /// rung as the one it was forwarded from, and no caller but that one. A forwarded call with a caller of its own is
    /// somebody else, who dialled that number meanwhile.
    fn is_a_ringing_call_coming_back(&self, invitation: &Invitation) -> bool {
        let country = self.setup.country;
        let number = |user: &str| E164::parse(user, country).ok();
        let named: Vec<E164> = wording::named(invitation, country).collect();
        let forwarders: Vec<String> = invitation.diversions().into_iter().map(|by| by.user).collect();
        let forwards = |to: &str| {
            forwarders.iter().any(|user| user == to || (number(user).is_some() && number(user) == number(to)))
        };
        let is_account =
            |via: &str| self.setup.habits(via).and_then(Habits::account) == Some(&invitation.from.user);
        // Whom the trunk puts through keeps their own number, or shows ours.
        let put_through = |call: &Legs| call.handing_over.as_ref().is_some_and(|wish| forwards(&wish.to));
        self.calls.values().any(|call| {
            let shown = call.desk.line_number();
            call.people.values().filter(|leg| leg.state == PersonState::Ringing).any(|leg| {
                let to = &leg.reach.to;
                let is_hidden = named.iter().all(|caller| number(to).as_ref() == Some(caller));
                named.contains(shown) || is_account(&leg.reach.via) || (is_hidden && forwards(to))
            }) || put_through(call)
        })
    }

    /// Every office of which nobody is free.
    fn busy_offices(&self) -> BTreeSet<String> {
        let offices = self.setup.business.offices.keys();
        offices.filter(|office| self.is_busy(office)).cloned().collect()
    }

    /// True while everybody of an office who can be rung talks to a caller.
    fn is_busy(&self, office: &str) -> bool {
        let business = &self.setup.business;
        let talks = |name: &&str| business.people.get(*name).is_some_and(|person| self.is_talking(person));
        let staff = business.staff(office);
        !staff.is_empty() && staff.iter().all(talks)
    }

    fn is_talking(&self, person: &Person) -> bool {
        let on_the_phone =
            |leg: &PersonLeg| leg.state == PersonState::Answered && person.reach.contains(&leg.reach);
        self.calls.values().any(|call| call.people.values().any(on_the_phone))
    }

    pub(super) fn turn_away(
        &mut self,
        leg: sip::LegId,
        trunk: String,
        refusal: SipRefusal,
        status: u16,
        because: &str,
    ) {
        self.out.push_back(Action::Sip(sip::Order::Refuse { leg, refusal }));
        self.out.push_back(Action::Refused(Refusal { trunk, status, because: because.to_string() }));
    }

    fn admit(&mut self, number: E164, invitation: &Invitation, caller: CallerLeg, now: Moment) {
        let Some(line) = self.setup.business.lines.get(&number).cloned() else { return };
        self.counted += 1;
        let call = self.counted;
        let id = self.name(now);
        let arrival = self.arrival(id.clone(), number.clone(), invitation);
        self.by_id.insert(id.clone(), call);
        self.by_sip.insert(caller.sip, (call, Leg::Caller));
        self.caller_signals(caller.sip, id.clone(), &invitation.peer);
        self.by_sound.insert(caller.sound, (call, Leg::Caller));
        let (sound, path) = (caller.sound, caller.path);
        let (bind, toward) = (path.local.ip(), sound_faces(invitation));
        self.out.push_back(Action::OpenSound { sound, bind, toward, beside: None });
        let desk = desk::call::Call::new(Arc::clone(&self.setup.business), line, arrival.clone(), now);
        let plan = desk.routed().0.to_string();
        let from = arrival.from.clone();
        let begun = begun(&desk, arrival, now);
        self.out.push_back(Action::Store {
            call: id.clone(),
            ask: None,
            keep: Keep::Arrival(Box::new(begun)),
        });
        let (people, unspoken) = (BTreeMap::new(), BTreeMap::new());
        let legs = Legs {
            id,
            desk,
            started: now,
            caller,
            people,
            codec: None,
            bridged: None,
            in_silence: false,
            handing_over: None,
            put_through: None,
            unspoken,
            cards: Cards::default(),
        };
        self.calls.insert(call, legs);
        self.show(call, What::Arrived { line: number, from, plan }, now);
    }

    /// What is known of a call when it comes in.
    pub(super) fn arrival(&self, id: CallId, line: E164, invitation: &Invitation) -> Arrival {
        let from = wording::caller(invitation, self.setup.country);
        let (diverted_by, diverted_because) = wording::diverted(invitation, self.setup.country).unzip();
        let habits = self.setup.habits(&invitation.peer);
        let verified_in = habits.and_then(|habits| habits.verification.as_ref());
        let verification = verified_in.and_then(|stands_in| wording::verification(invitation, stands_in));
        Arrival {
            id,
            line,
            from: from.map(Private::new),
            diverted_by: diverted_by.map(Private::new),
            diverted_because: diverted_because.flatten(),
            verification,
            busy_offices: self.busy_offices(),
            voice_refused: self.refuses() >= Refuses::Voices,
        }
    }

    /// `20261121-143005-00a1`: readable, sortable, unique within a store.
    pub(super) fn name(&self, now: Moment) -> CallId {
        let stamp = now.wall.strftime("%Y%m%d-%H%M%S");
        let count = self.counted.wrapping_add(self.setup.salt) & 0xffff_ffff;
        CallId(format!("{stamp}-{count:08x}").into())
    }

    /// The caller's socket is open: agree on a format, and let the desk decide.
    fn caller_sound_opened(&mut self, call: u64, address: SocketAddr, secrets: Secrets, now: Moment) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        if legs.caller.state != CallerState::Opening {
            return;
        }
        legs.caller.address = Some(address);
        let encryption = self.setup.encryption(&legs.caller.trunk);
        let protection = protection::over(legs.caller.path.transport, &encryption, secrets);
        let ready = match protection {
            Ok(protection) => ready(legs, call, address, protection),
            Err(InTheOpen) => Err(InTheOpen::BECAUSE.to_string()),
        };
        match ready {
            Ok(state) => {
                legs.caller.state = state;
                self.tell(call, desk::call::Event::Arrived, now);
            }
            Err(because) => {
                let trunk = legs.caller.trunk.clone();
                self.out.push_back(Action::Refused(Refusal { trunk, status: 488, because }));
                self.no_media(call, SipRefusal::NotAcceptable, now);
            }
        }
    }

    /// No sound can be had for this caller: the trunk is told to go elsewhere.
    pub(super) fn no_media(&mut self, call: u64, refusal: SipRefusal, now: Moment) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        let (leg, sound) = (legs.caller.sip, legs.caller.sound);
        self.out.push_back(Action::Sip(sip::Order::Refuse { leg, refusal }));
        self.out.push_back(Action::Sound { sound, order: SoundOrder::Close });
        self.caller_ended(call);
        self.tell(call, desk::call::Event::LineBroke(LineFault::NoMedia), now);
    }

    /// The caller's leg is over for SIP: its channel is free again.
    pub(super) fn caller_ended(&mut self, call: u64) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        legs.caller.state = CallerState::Ended;
        if let Some(channel) = legs.caller.channel.take()
            && !is(Sabotage::KeepsAChannel)
        {
            self.board.give_back(channel);
        }
    }

    pub(super) fn sound_opened(
        &mut self,
        sound: SoundId,
        address: SocketAddr,
        secrets: Secrets,
        now: Moment,
    ) {
        match self.by_sound.get(&sound) {
            Some(&(call, Leg::Caller)) => self.caller_sound_opened(call, address, secrets, now),
            Some(&(call, Leg::Person(person))) => {
                self.person_sound_opened(call, person, (address, secrets), now)
            }
            None => self.out.push_back(Action::Sound { sound, order: SoundOrder::Close }),
        }
    }

    pub(super) fn sound_refused(&mut self, sound: SoundId, now: Moment) {
        match self.by_sound.get(&sound) {
            Some(&(call, Leg::Caller)) => {
                self.no_media(call, SipRefusal::Unavailable { retry_after: None }, now);
            }
            Some(&(call, Leg::Person(person))) => {
                self.person_failed(call, person, desk::record::Tried::Unreachable, now);
            }
            None => {}
        }
    }
}

/// What is answered to the caller's offer, or offered where there is none.
fn ready(
    legs: &mut Legs,
    call: u64,
    address: SocketAddr,
    protection: Protection,
) -> Result<CallerState, String> {
    let Some(offer) = legs.caller.offer.clone() else {
        legs.caller.protection = protection::not_risking_the_call(protection);
        let ours = sound::capabilities(address, call, legs.ours_on(Leg::Caller));
        let answer = sip::sdp::offer(&ours, sip::sdp::Direction::SendRecv);
        return Ok(CallerState::Ready { answer, agreed: None });
    };
    legs.caller.protection = protection;
    let ours = sound::capabilities(address, call, legs.ours_on(Leg::Caller));
    let agreed = sip::sdp::answer(&offer, &ours, sip::sdp::Direction::SendRecv)
        .map_err(|error| protection::because(error, false))?;
    legs.settle(Leg::Caller, &agreed);
    legs.caller.terms.allows = what_it_allows(&agreed);
    Ok(CallerState::Ready { answer: agreed.text.clone(), agreed: Some(agreed) })
}

fn begun(desk: &desk::call::Call, arrival: Arrival, now: Moment) -> Begun {
    let (plan, rule, because) = desk.routed();
    let (plan, because, office) = (plan.to_string(), because.to_vec(), desk.office().to_string());
    Begun { arrival, office, started: now.wall, plan, rule, because }
}
