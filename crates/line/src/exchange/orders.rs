//! What the desk orders, carried out on legs: SIP for the far end, sound for the ear.

use std::net::SocketAddr;
use std::time::Duration;

use desk::business::Reach;
use desk::call::{Action as DeskAction, Event as DeskEvent, Leg};
use desk::machine::Moment;
use desk::private::Private;
use desk::record::Tried;
use desk::sabotage::{Sabotage, is};
use sip::sdp::{Protection, Secrets};
use sip::{LegId, Refusal, sdp};

use super::failover::NO_WORD;
use super::{CallNumber, Exchange};
use crate::contract::{Action, Keep, Opening, SoundOrder};
use crate::habits::Encryption;
use crate::legs::{CallerState, Confirmed, PersonLeg, PersonState, Terms};
use crate::live::What;
use crate::protection::{self, InTheOpen};
use crate::setup::{Outbound, Way};
use crate::sound;

impl Exchange {
    pub(super) fn perform(&mut self, call: CallNumber, action: DeskAction, now: Moment) {
        match action {
            DeskAction::Ringing => self.order_caller(call, |leg| sip::Order::Ring { leg }),
            DeskAction::Answer => self.answer(call, now),
            DeskAction::Refuse => self.refuse(call),
            DeskAction::Say { saying, to, phrases } => self.say(call, saying, to, phrases),
            DeskAction::StopSaying { to } => self.order_sound(call, to, SoundOrder::StopSaying),
            DeskAction::Tone { to, tone } => self.order_sound(call, to, SoundOrder::Tone(tone)),
            DeskAction::Listen { listen, to, question } => {
                if let Some((id, sound)) = self.place(call, to) {
                    self.out.push_back(Action::Listen { call: id, sound, listen, question });
                }
            }
            DeskAction::Conclude { listen } => {
                if let Some((id, _)) = self.place(call, Leg::Caller) {
                    self.out.push_back(Action::Conclude { call: id, listen });
                }
            }
            DeskAction::StopListening { to } => {
                if let Some((id, sound)) = self.place(call, to) {
                    self.out.push_back(Action::StopListening { call: id, sound });
                }
            }
            DeskAction::RingPerson { leg, reach, ring_for } => self.ring(call, leg, reach, ring_for, now),
            DeskAction::WaitInLine { whom } => self.wait_in_line(call, whom, now),
            DeskAction::LeaveLine => self.leave_line(call),
            DeskAction::HandOver { leg, reach } => self.hand_over(call, leg, reach, now),
            DeskAction::Part { leg } => self.part(call, leg),
            DeskAction::TellPerson { leg, came } => self.tell_person(call, leg, came),
            DeskAction::Connect { leg } => self.connect(call, leg, now),
            DeskAction::HangUp { leg: Leg::Caller } => self.hang_up_caller(call),
            DeskAction::HangUp { leg: Leg::Person(person) } => self.hang_up_person(call, person),
            DeskAction::FindSlots { ask, calendar, wish } => self.find_slots(call, ask, calendar, wish, now),
            DeskAction::HoldSlot { ask, calendar, slot } => self.hold_slot(call, ask, calendar, &slot, now),
            DeskAction::ReleaseHold => self.release_hold(call),
            DeskAction::Book { ask, calendar, draft } => self.book(call, ask, calendar, &draft, now),
            DeskAction::StoreCallback { ask, callback } => {
                self.show(call, What::CallbackLeft, now);
                self.keep(call, Some(ask), Keep::Callback(Box::new(callback)));
            }
            DeskAction::StoreMessage { ask, message } => {
                self.keep(call, Some(ask), Keep::Message(Box::new(message)));
            }
            DeskAction::TakeMessage { id, hang } => self.take_message(call, id, hang, now),
            DeskAction::EndMessage => {
                if let Some((id, _)) = self.place(call, Leg::Caller) {
                    self.out.push_back(Action::EndMessage { call: id });
                }
            }
            DeskAction::Tape(order) => {
                if let Some((id, sound)) = self.place(call, Leg::Caller) {
                    self.out.push_back(Action::Tape { call: id, sound, order });
                }
            }
            DeskAction::File(record) => self.file(call, record, now),
        }
    }

    pub(super) fn place(
        &self,
        call: CallNumber,
        leg: Leg,
    ) -> Option<(desk::record::CallId, crate::contract::SoundId)> {
        let legs = self.calls.get(&call)?;
        Some((legs.id.clone(), legs.sound_of(leg)?))
    }

    fn order_caller(&mut self, call: CallNumber, order: impl FnOnce(LegId) -> sip::Order) {
        if let Some(legs) = self.calls.get(&call) {
            self.out.push_back(Action::Sip(order(legs.caller.sip)));
        }
    }

    fn order_sound(&mut self, call: CallNumber, leg: Leg, order: SoundOrder) {
        if let Some((_, sound)) = self.place(call, leg) {
            self.out.push_back(Action::Sound { sound, order });
        }
    }

    fn answer(&mut self, call: CallNumber, now: Moment) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        let CallerState::Ready { answer, agreed } = &mut legs.caller.state else { return };
        let (sdp, agreed) = (std::mem::take(answer), agreed.take());
        legs.caller.state = CallerState::Answered { confirmed: Confirmed::No };
        let (leg, sound) = (legs.caller.sip, legs.caller.sound);
        let answer_ms = u64::try_from(now.since(legs.started).as_millis()).unwrap_or(u64::MAX);
        self.out.push_back(Action::Sip(sip::Order::Answer { leg, sdp }));
        if let Some(agreed) = agreed {
            legs.codec = Some(sound::codec_name(&agreed));
            let signalled_by = legs.caller.path.remote.ip();
            let opening = if is(Sabotage::ArmsNoFiller) { Opening::NobodySpeaks } else { Opening::WeSpeak };
            let order = SoundOrder::Connect { agreed: Box::new(agreed), signalled_by, opening };
            self.out.push_back(Action::Sound { sound, order });
        }
        self.show(call, What::Answered { answer_ms }, now);
    }

    fn refuse(&mut self, call: CallNumber) {
        self.order_caller(call, |leg| sip::Order::Refuse { leg, refusal: Refusal::Unwanted });
        self.order_sound(call, Leg::Caller, SoundOrder::Close);
        self.caller_ended(call);
    }

    fn say(
        &mut self,
        call: CallNumber,
        saying: desk::call::SayingId,
        to: Leg,
        phrases: Vec<desk::phrase::Phrase>,
    ) {
        let Some((id, sound)) = self.place(call, to) else { return };
        let Some(legs) = self.calls.get_mut(&call) else { return };
        let voice = legs.desk.voice().to_string();
        if to == Leg::Caller {
            let text = phrases.iter().map(|phrase| phrase.text.as_str()).collect::<Vec<_>>().join(" ");
            legs.unspoken.insert(saying, text);
        }
        self.out.push_back(Action::Say { call: id, sound, saying, voice, phrases });
    }

    fn hang_up_caller(&mut self, call: CallNumber) {
        self.order_caller(call, |leg| sip::Order::HangUp { leg, reason: String::new() });
        self.order_sound(call, Leg::Caller, SoundOrder::Close);
        self.caller_ended(call);
    }

    // --- people ---

    fn ring(&mut self, call: CallNumber, person: u16, reach: Reach, ring_for: Duration, now: Moment) {
        let way = self.setup.way_to(&reach);
        let paths = way.as_ref().map(|way| self.paths_by(way, now)).unwrap_or_default();
        let ends = paths.front().map(|path| (path.local.ip(), path.remote.ip()));
        let (channel, failed) = match way.filter(|_| ends.is_some()) {
            None => (None, Some(Tried::Unreachable)),
            Some(Way::Straight(_)) => (None, None),
            Some(Way::Over(_)) => match self.board.take_for_person(&reach.via) {
                None => (None, Some(Tried::ChannelsFull)),
                channel => (channel, None),
            },
        };
        let sound = self.new_sound();
        self.placed += 1;
        let sip = LegId::placed(self.placed);
        let to = Private::new(reach.to.clone());
        let state = PersonState::Opening;
        let ring_until = now.mono + ring_for;
        let leg = PersonLeg {
            sip,
            sound,
            channel,
            offer: None,
            address: None,
            terms: Terms::new(self.placed),
            state,
            reach,
            paths,
            ring_until,
            in_the_clear: false,
            replaces: None,
            is_mute: false,
            has_held: false,
        };
        let Some(legs) = self.calls.get_mut(&call) else { return };
        let replaces = legs.put_through.as_mut().and_then(|wish| wish.replaces.take());
        let leg = PersonLeg { replaces, ..leg };
        let beside = legs.caller.sound;
        legs.people.insert(person, leg);
        if let Some(tried) = failed {
            self.pending.push_back((call, DeskEvent::PersonFailed { leg: person, tried }));
            self.forget_person(call, person);
            return self.show(call, What::NotReached { tried }, now);
        }
        self.by_sip.insert(sip, (call, Leg::Person(person)));
        self.by_sound.insert(sound, (call, Leg::Person(person)));
        if let Some((bind, toward)) = ends {
            self.out.push_back(Action::OpenSound { sound, bind, toward, beside: Some(beside) });
        }
        self.show(call, What::Rings { to }, now);
    }

    /// A leg that never began: nothing was opened for it.
    fn forget_person(&mut self, call: CallNumber, person: u16) {
        let leg = self.calls.get_mut(&call).and_then(|legs| legs.people.remove(&person));
        if let Some(channel) = leg.and_then(|leg| leg.channel) {
            self.board.give_back(channel);
        }
    }

    /// The socket for a person's sound is open: call them.
    pub(super) fn person_sound_opened(
        &mut self,
        call: CallNumber,
        person: u16,
        (address, secrets): (SocketAddr, Secrets),
        now: Moment,
    ) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        let from = legs.desk.line_number().clone();
        let Some(leg) = legs.people.get_mut(&person).filter(|leg| leg.state == PersonState::Opening) else {
            return;
        };
        let path = leg.paths.front().copied();
        let way = self.setup.way_and_target(&leg.reach);
        let Some((path, (way, target))) = path.zip(way) else {
            return self.person_failed(call, person, Tried::Unreachable, now);
        };
        let encryption = match way {
            Way::Over(_) => self.setup.encryption(&leg.reach.via),
            Way::Straight(_) => Encryption::Off,
        };
        let protection = match protection::over(path.transport, &encryption, secrets) {
            Ok(Protection::Preferred(_)) if leg.in_the_clear => Protection::Off,
            Ok(protection) => protection,
            Err(InTheOpen) => return self.person_failed(call, person, Tried::Unreachable, now),
        };
        let ours = (self.setup.codecs(&leg.reach.via), protection);
        let offered = sound::described(address, leg.terms, ours);
        let sdp = sdp::offer(&offered, sdp::Direction::SendRecv);
        leg.state = PersonState::Ringing;
        leg.offer = Some(offered);
        leg.address = Some(address);
        let (from, mut extra) = self.setup.identity(&leg.reach.via, &from, &way);
        extra.extend(leg.replaces.iter().map(|call| (sip::Extra::Replaces, call.clone())));
        let ring_for = leg.ring_until.saturating_sub(now.mono);
        let sip = leg.sip;
        let others = leg.paths.len() > 1;
        let followed = match way {
            Way::Over(_) => self.setup.may_follow(&leg.reach),
            Way::Straight(_) => Vec::new(),
        };
        let (id, reach) = (legs.id.clone(), leg.reach.clone());
        self.person_signals(sip, id, &reach);
        let call = Box::new(sip::Call { leg: sip, target, path, from, extra, sdp, ring_for });
        let order = match way {
            Way::Over(Outbound { account: Some(account), .. }) => sip::Order::CallOver { account, call },
            Way::Over(Outbound { account: None, .. }) | Way::Straight(_) => sip::Order::Call(call),
        };
        self.out.push_back(Action::Sip(order));
        if !followed.is_empty() {
            self.out.push_back(Action::Sip(sip::Order::MayFollow { leg: sip, targets: followed }));
        }
        if others {
            let order = sip::Order::ExpectReply { leg: sip, within: NO_WORD };
            self.out.push_back(Action::Sip(order));
        }
    }

    fn connect(&mut self, call: CallNumber, person: u16, now: Moment) {
        let Some((_, theirs)) = self.place(call, Leg::Person(person)) else { return };
        self.order_sound(call, Leg::Caller, SoundOrder::Bridge { with: theirs });
        if let Some(legs) = self.calls.get_mut(&call) {
            legs.bridged = Some(person);
        }
        self.reconcile(call, Leg::Caller);
        self.reconcile(call, Leg::Person(person));
        self.mind_hold(call);
        self.show(call, What::Connected, now);
        self.join_elsewhere(call, person);
    }

    fn hang_up_person(&mut self, call: CallNumber, person: u16) {
        self.keep_caller(call, person);
        let leg = self.calls.get(&call).and_then(|legs| legs.people.get(&person)).map(|leg| leg.sip);
        if let Some(leg) = leg
            && !is(Sabotage::KeepsLatePeople)
        {
            self.out.push_back(Action::Sip(sip::Order::HangUp { leg, reason: String::new() }));
        }
        self.person_ended(call, person);
    }
}
