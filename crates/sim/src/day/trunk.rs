//! The user agent and the phones behind it, as far as the exchange can tell: invitations, answers, endings.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use line::{Event, SoundId};
use sip::sdp::{Capabilities, Codec, Direction};
use sip::{EndedBy, Invitation, LegId, Notice, Order, Party, Unanswered};

use super::callers::Visit;
use super::dice::Owner;
use super::wire::Coming;
use super::{Day, Happening};
use crate::caller::{Caller, Goal};
use crate::faults::Fault;
use crate::shop;

/// How far a leg has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ringing,
    Answered,
    Over,
}

/// A person's phone that is rung.
#[derive(Debug)]
pub(super) struct Phone {
    pub state: State,
    offer: String,
    /// The trunk it is rung over, if over one.
    pub via: Option<String>,
    /// Whose call it is rung for.
    pub owner: Owner,
    /// What it is heard by.
    sound: Option<SoundId>,
    /// Picks up in the very moment we give up.
    late: bool,
    /// Picked up by something that presses nothing.
    machine: bool,
}

/// What every caller offers.
static OFFER: LazyLock<String> =
    LazyLock::new(|| sip::sdp::offer(&capabilities(30_000), Direction::SendRecv));

pub(super) fn capabilities(port: u16) -> Capabilities {
    Capabilities {
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        telephone_event: true,
        rtcp_mux: false,
        address: shop::path().remote.ip(),
        port,
        session_id: 1,
        version: 1,
        ptime_ms: 20,
        protection: sip::sdp::Protection::Off,
    }
}

impl Day<'_> {
    pub(super) fn arrives(&mut self, goal: Goal, number: String) {
        let lines = &self.world.shop.business.lines;
        let Some((number_called, line)) = lines.iter().nth(self.chance.below(lines.len())) else { return };
        if self.is_down(&line.trunk) {
            return; // the carrier sends them elsewhere, and nobody here hears of it
        }
        self.arrives_alone(&line.office);
        self.legs += 1;
        let leg = LegId(self.legs);
        let caller = Caller::new(goal, number.clone(), self.chance.fork());
        let user = if caller.shows_number { format!("+1{number}") } else { "anonymous".to_string() };
        if self.wire.is_some() {
            let owner = self.chance.owner();
            return self.dial(Coming { caller, owner, trunk: line.trunk.clone() }, number_called, user);
        }
        let party = |user: String| Party { display: String::new(), user, host: "192.0.2.2".to_string() };
        // One in fifty leaves the offer to us.
        let offer = (!self.chance.hits(0.02)).then(|| OFFER.clone());
        let invitation = Invitation {
            leg,
            peer: Arc::from(line.trunk.as_str()),
            path: shop::path(),
            request_user: number_called.to_string(),
            called_party: None,
            to: party(number_called.to_string()),
            from: party(user),
            call_id: format!("{}@192.0.2.2", self.legs),
            diversion: Vec::new(),
            history_info: Vec::new(),
            p_asserted_identity: Vec::new(),
            privacy: None,
            extensions: Vec::new(),
            replaces: None,
            offer: offer.clone(),
        };
        let visit = Visit::new(caller, (self.chance.owner(), line.trunk.clone()), offer.is_some());
        self.comes_in(leg, visit, invitation);
    }

    /// The invitation is here.
    pub(super) fn comes_in(&mut self, leg: LegId, mut visit: Visit, invitation: Invitation) {
        let gives_up = visit.caller.patience();
        self.at(self.now.mono + gives_up, Happening::CallerHangsUp(leg));
        if self.throw(Fault::CallerDrops) {
            self.later(200, 60_000, Happening::CallerHangsUp(leg));
        }
        self.visits.insert(leg, visit);
        (self.inviting, self.invited) = (Some(leg), Some(leg));
        self.tell(Event::Sip(Notice::Invited(Box::new(invitation))));
        self.inviting = None;
    }

    /// What would become of the call if there were no desk.
    fn arrives_alone(&mut self, office: &str) {
        let now = self.now.wall;
        let alone = self.team.takes(office, self.open.is_open(office, now), self.now.mono);
        let hour = now.to_zoned(self.world.shop.business.zone.clone()).hour();
        *self.arrivals.entry((hour.unsigned_abs(), alone)).or_insert(0) += 1;
    }

    pub(super) fn owner_of_order(&self, order: &Order) -> Option<Owner> {
        let leg = match order {
            Order::Answer { leg, .. }
            | Order::Refuse { leg, .. }
            | Order::Cancel { leg }
            | Order::HangUp { leg, .. } => leg,
            _ => return None,
        };
        let of_person = self.phones.get(leg).map(|phone| phone.owner);
        of_person.or_else(|| self.visits.get(leg).map(|visit| visit.owner))
    }

    /// The user agent takes an order.
    pub(super) fn sip(&mut self, order: Order) {
        if self.wire.is_some() {
            self.order_by_wire(order.clone());
            if matches!(order, Order::Refuse { .. } | Order::Cancel { .. } | Order::HangUp { .. }) {
                return; // our agent tells what comes of it
            }
        }
        match order {
            Order::Answer { leg, sdp } => self.answered(leg, &sdp),
            Order::Refuse { leg, .. } => self.refused(leg),
            Order::Call(call) | Order::CallOver { call, .. } => self.place(*call),
            Order::Cancel { leg } | Order::HangUp { leg, .. } => match self.phones.contains_key(&leg) {
                true => self.give_up(leg),
                false => self.end(leg, EndedBy::Us),
            },
            _ => {}
        }
    }

    /// The user agent refuses what was not answered yet, and nothing else.
    fn refused(&mut self, leg: LegId) {
        if self.visits.get(&leg).is_some_and(|visit| visit.state == State::Ringing) {
            self.end(leg, EndedBy::Us);
        }
    }

    fn answered(&mut self, leg: LegId, sdp: &str) {
        let Some(visit) = self.visits.get_mut(&leg).filter(|visit| visit.state == State::Ringing) else {
            return;
        };
        visit.state = State::Answered;
        let offered = visit.offered;
        if self.throw(Fault::AckLost) {
            self.loses_acknowledgements(leg);
            let at = self.now.mono + Duration::from_secs(32);
            return self.at(at, Happening::Notice(Notice::AckNeverCame { leg }));
        }
        let answer = || sip::sdp::answer(sdp, &capabilities(30_000), Direction::SendRecv).ok();
        let theirs = if offered { None } else { answer().map(|agreed| agreed.text) };
        self.later(20, 90, Happening::Notice(Notice::Confirmed { leg, sdp: theirs }));
        if self.throw(Fault::LineDies) {
            self.later(500, 60_000, Happening::LineDies(leg));
        }
    }

    /// The user agent tells of a leg that still lives.
    pub(super) fn notice(&mut self, notice: Notice) {
        if self.wire.is_some() {
            return self.by_wire(notice);
        }
        let Some(leg) = notice.leg() else { return };
        let phone = self.phones.get_mut(&leg).map(|phone| &mut phone.state);
        let state = phone.or_else(|| self.visits.get_mut(&leg).map(|visit| &mut visit.state));
        let Some(state) = state.filter(|state| **state != State::Over) else { return };
        if let Notice::Answered { .. } = notice {
            if *state != State::Ringing {
                return;
            }
            *state = State::Answered;
        }
        if notice.is_ending() {
            *state = State::Over;
            self.later(1, 32_000, Happening::Released(leg));
        }
        self.tell(Event::Sip(notice));
    }

    fn end(&mut self, leg: LegId, by: EndedBy) {
        self.notice(Notice::Ended { leg, by });
    }

    pub(super) fn caller_hangs_up(&mut self, leg: LegId) {
        let Some(visit) = self.visits.get(&leg) else { return };
        let (state, goal, number) = (visit.state, visit.caller.goal, visit.caller.number.clone());
        match state {
            State::Ringing => self.notice(Notice::Cancelled { leg }),
            State::Answered => self.end(leg, EndedBy::FarEnd),
            State::Over => return,
        }
        if goal != Goal::Silent && self.throw(Fault::CallsAgain) {
            self.later(1_000, 15_000, Happening::Arrives { goal: Goal::BookByVoice, number });
        }
    }

    /// Nothing comes from the caller any more; after a while their leg tells so.
    pub(super) fn line_dies(&mut self, leg: LegId) {
        let Some(visit) = self.visits.get_mut(&leg).filter(|visit| visit.state == State::Answered) else {
            return;
        };
        visit.gone = true;
        if let Some(sound) = visit.sound {
            let event = line::SoundEvent::Silent;
            self.later(20_000, 30_000, Happening::Tell(Event::Sound { sound, event }));
        }
    }

    fn place(&mut self, call: sip::Call) {
        let leg = call.leg;
        let sound = self.opened.take();
        if let Some(sound) = sound {
            self.takes_dice_of(self.sound_of.get(&sound).copied());
            self.phone_of.insert(sound, leg);
        }
        let ring_for = call.ring_for;
        let rings_until = self.now.mono + ring_for;
        let refused = |status: u16, why: Unanswered| {
            Happening::Notice(Notice::Refused { leg, status, reason: String::new(), retry_after: None, why })
        };
        let (mut late, mut machine) = (false, false);
        let via = self.world.shop.trunk_at(&call.target.host);
        if via.as_deref().is_some_and(|trunk| self.is_down(trunk)) || self.throw(Fault::PersonUnreachable) {
            match self.chance.hits(0.5) {
                true => self.later(30, 900, refused(503, Unanswered::Failed)),
                false => self.later(4_000, 32_000, refused(408, Unanswered::Silent)),
            }
        } else if self.throw(Fault::PersonBusy) {
            self.later(100, 1_500, refused(486, Unanswered::Busy));
        } else if self.throw(Fault::PersonDeclines) {
            self.later(1_000, 8_000, refused(603, Unanswered::Declined));
        } else if self.throw(Fault::PersonAbsent) {
            self.at(rings_until, refused(408, Unanswered::RangOut));
        } else if self.throw(Fault::PersonLate) {
            late = true;
            self.at(rings_until, Happening::Notice(answer_of(leg, &call.sdp)));
        } else {
            machine = self.throw(Fault::PersonMachine);
            let most = u64::try_from(ring_for.as_millis()).unwrap_or(12_000).clamp(2_000, 12_000) - 500;
            self.later(1_000, most, Happening::Notice(answer_of(leg, &call.sdp)));
        }
        let owner = self.chance.owner();
        let state = State::Ringing;
        self.phones.insert(leg, Phone { state, offer: call.sdp, via, owner, sound, late, machine });
    }

    /// We stop ringing a phone, or hang up on it. Who picks up in that moment crosses it.
    fn give_up(&mut self, leg: LegId) {
        let Some(phone) = self.phones.get(&leg) else { return };
        match phone.state {
            State::Ringing if phone.late => {
                let answer = answer_of(leg, &phone.offer);
                self.notice(answer);
                self.end(leg, EndedBy::Us);
            }
            State::Ringing => {
                let why = Unanswered::Cancelled;
                let reason = String::new();
                self.notice(Notice::Refused { leg, status: 487, reason, retry_after: None, why });
            }
            State::Answered => self.end(leg, EndedBy::Us),
            State::Over => {}
        }
    }

    /// Most callers hang up as well; some hear what the desk asks them then.
    pub(super) fn person_hangs_up(&mut self, leg: LegId) {
        let sound = self.phones.get(&leg).and_then(|phone| phone.sound);
        let other = sound.and_then(|sound| self.bridged.get(&sound));
        let caller = other.and_then(|sound| self.caller_of.get(sound)).copied();
        self.end(leg, EndedBy::FarEnd);
        if let Some(caller) = caller.filter(|_| self.chance.hits(0.8)) {
            self.later(200, 3_000, Happening::CallerHangsUp(caller));
        }
    }

    /// A person who is asked to press 1 does, unless it is a machine.
    pub(super) fn say_to_person(&mut self, sound: SoundId, phrases: &[desk::phrase::Phrase]) {
        let Some(&leg) = self.phone_of.get(&sound) else { return };
        if self.phones.get(&leg).is_some_and(|phone| phone.machine) {
            return;
        }
        let lasts: Duration = phrases.iter().map(|phrase| crate::sound::spoken(&phrase.text)).sum();
        let at = self.now.mono + lasts + self.chance.millis(200, 3_000);
        self.at(at, Happening::PersonPresses { leg, digit: '1' });
    }

    pub(super) fn person_presses(&mut self, leg: LegId, digit: char) {
        let phone = self.phones.get(&leg).filter(|phone| phone.state == State::Answered);
        if let Some(sound) = phone.and_then(|phone| phone.sound) {
            self.on_leg(sound, |person, now| person.key(digit, now));
            self.drain();
        }
    }

    /// They talk, and then one of them hangs up.
    pub(super) fn bridge(&mut self, sound: SoundId, with: SoundId) {
        self.on_leg(sound, crate::sound::Leg::bridge);
        self.on_leg(with, crate::sound::Leg::bridge);
        self.bridged.insert(sound, with);
        self.bridged.insert(with, sound);
        let (caller, person) = (self.caller_of.get(&sound).copied(), self.phone_of.get(&with).copied());
        let (Some(caller), Some(person)) = (caller, person) else { return };
        if let Some(visit) = self.visits.get_mut(&caller) {
            visit.served = true;
        }
        match self.chance.hits(0.5) {
            true => self.later(3_000, 180_000, Happening::CallerHangsUp(caller)),
            false => self.later(3_000, 180_000, Happening::PersonHangsUp(person)),
        }
    }
}

fn answer_of(leg: LegId, offer: &str) -> Notice {
    let agreed = sip::sdp::answer(offer, &capabilities(31_000), Direction::SendRecv);
    Notice::Answered { leg, sdp: agreed.map(|agreed| agreed.text).unwrap_or_default() }
}
