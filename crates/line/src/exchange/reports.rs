//! What the user agent and the sound report, translated for the desk.

use std::time::Duration;

use desk::call::{Event as DeskEvent, Heard, Leg, LineFault, ListenId, SayingId};
use desk::machine::Moment;
use desk::private::Private;
use desk::record::{CallId, Tried};
use desk::sabotage::{Sabotage, is};
use sip::{EndedBy, Notice, sdp};

use super::Exchange;
use super::failover::NotTaken;
use super::holding::what_it_allows;
use crate::contract::{Action, Opening, SoundEvent, SoundId, SoundOrder};
use crate::legs::{CallerState, Confirmed, PersonState};
use crate::live::What;
use crate::sound;

impl Exchange {
    pub(super) fn sip(&mut self, notice: Notice, now: Moment) {
        if let Notice::Invited(invitation) = notice {
            return self.invited(*invitation, now);
        }
        let Some(notice) = self.signalled(notice) else { return };
        let Some(leg) = notice.leg() else { return };
        let Some(&(call, side)) = self.by_sip.get(&leg) else { return };
        match (notice, side) {
            (Notice::Confirmed { sdp, .. }, Leg::Caller) => self.caller_confirmed(call, sdp, now),
            (Notice::Ended { by: EndedBy::Error, .. }, Leg::Caller) => {
                self.caller_left(call, DeskEvent::LineBroke(LineFault::Lost), now);
            }
            (Notice::Cancelled { .. } | Notice::Ended { .. }, Leg::Caller) => {
                self.caller_left(call, DeskEvent::CallerGone, now);
            }
            (Notice::AckNeverCame { .. }, Leg::Caller) => {
                self.caller_left(call, DeskEvent::LineBroke(LineFault::NeverConfirmed), now);
            }
            (Notice::Answered { sdp, .. }, Leg::Person(person)) => {
                self.person_answered(call, person, &sdp, now)
            }
            (Notice::Refused { status, why, retry_after, .. }, Leg::Person(person)) => {
                self.person_refused(call, person, NotTaken { status, why, retry_after }, now);
            }
            (Notice::Ringing { .. }, Leg::Person(person)) => {
                self.target_serves(call, person);
                self.tell_ringing(call);
            }
            (Notice::ReferralWanted { leg, name, to, replaces }, side) => {
                self.referral_wanted(call, side, (leg, name), (&to, replaces), now);
            }
            (Notice::Ended { .. } | Notice::AckNeverCame { .. }, Leg::Person(person)) => {
                self.person_left(call, person, now);
            }
            (Notice::Confirmed { sdp, .. }, side @ Leg::Person(_)) => {
                self.confirmed_anew(call, side, sdp, now);
            }
            (Notice::Offered { leg, sdp }, side) => self.offered(call, side, leg, sdp),
            (Notice::OfferAnswered { sdp, .. }, side) => self.offer_answered(call, side, &sdp),
            (Notice::OfferRefused { .. }, side) => self.offer_refused(call, side),
            (Notice::Referred { name, end, .. }, Leg::Caller) => self.referred(call, name, end, now),
            (Notice::Digit { digit, .. }, side) => {
                self.tell(call, DeskEvent::Digit { leg: side, digit, at: now.mono }, now);
            }
            (Notice::Released { leg }, _) => {
                self.by_sip.remove(&leg);
            }
            _ => {}
        }
    }

    fn caller_confirmed(&mut self, call: u64, answer: Option<String>, now: Moment) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        let CallerState::Answered { confirmed } = &mut legs.caller.state else { return };
        let first = *confirmed == Confirmed::No;
        *confirmed = Confirmed::Yes;
        if !first {
            return self.confirmed_anew(call, Leg::Caller, answer, now);
        }
        let sound = legs.caller.sound;
        if legs.caller.offer.is_none() && !self.callers_sound_is_agreed(call, answer) {
            return self.has_no_sound(call, Leg::Caller, now);
        }
        self.out.push_back(Action::Sound { sound, order: SoundOrder::Confirmed });
        self.tell(call, DeskEvent::CallerReady, now);
        self.reconcile(call, Leg::Caller);
        self.ask_to_hand_over(call);
        if let Some(person) = self.calls.get(&call).and_then(|legs| legs.bridged) {
            self.join_elsewhere(call, person);
        }
    }

    /// Connects a caller to whom we made the offer. RFC 3261 section 13.2.1: it is answered in the ACK.
    fn callers_sound_is_agreed(&mut self, call: u64, answer: Option<String>) -> bool {
        let Some(legs) = self.calls.get_mut(&call) else { return false };
        let ours = legs.ours_on(Leg::Caller);
        let ours = legs.caller.address.map(|address| sound::capabilities(address, call, ours));
        let agreed = answer
            .zip(ours)
            .and_then(|(answer, ours)| sdp::accept(&answer, &ours, sdp::Direction::SendRecv).ok());
        let Some(agreed) = agreed else { return false };
        legs.codec = Some(sound::codec_name(&agreed));
        legs.settle(Leg::Caller, &agreed);
        legs.caller.terms.allows = what_it_allows(&agreed);
        let (sound, signalled_by) = (legs.caller.sound, legs.caller.path.remote.ip());
        let order = SoundOrder::Connect { agreed: Box::new(agreed), signalled_by, opening: Opening::WeSpeak };
        self.out.push_back(Action::Sound { sound, order });
        true
    }

    /// A far end has not said where its sound is, in a format of ours: nobody would ever hear anything.
    pub(super) fn has_no_sound(&mut self, call: u64, side: Leg, now: Moment) {
        let Some(leg) = self.calls.get(&call).and_then(|legs| legs.up(side)) else { return };
        let reason = "no sound format in common".to_string();
        self.out.push_back(Action::Sip(sip::Order::HangUp { leg, reason }));
        match side {
            Leg::Caller => self.caller_left(call, DeskEvent::LineBroke(LineFault::NoMedia), now),
            Leg::Person(person) => self.person_left(call, person, now),
        }
    }

    fn caller_left(&mut self, call: u64, event: DeskEvent, now: Moment) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        if legs.caller.state == CallerState::Ended {
            return;
        }
        let sound = legs.caller.sound;
        self.caller_ended(call);
        self.tell(call, event, now);
        if !is(Sabotage::LeavesASocketOpen) {
            self.out.push_back(Action::Sound { sound, order: SoundOrder::Close });
        }
    }

    fn person_answered(&mut self, call: u64, person: u16, answer: &str, now: Moment) {
        let Some(legs) = self.calls.get_mut(&call) else { return };
        let Some(leg) = legs.people.get_mut(&person).filter(|leg| leg.state == PersonState::Ringing) else {
            return;
        };
        let agreed = leg
            .offer
            .as_ref()
            .and_then(|offered| sdp::accept(answer, offered, sdp::Direction::SendRecv).ok());
        let (sip, sound) = (leg.sip, leg.sound);
        let Some(agreed) = agreed else {
            let reason = "no sound format in common".to_string();
            self.out.push_back(Action::Sip(sip::Order::HangUp { leg: sip, reason }));
            return self.person_failed(call, person, Tried::Unreachable, now);
        };
        leg.state = PersonState::Answered;
        leg.terms.allows = what_it_allows(&agreed);
        let signalled_by = leg.paths.front().map_or(agreed.remote.ip(), |path| path.remote.ip());
        legs.settle(Leg::Person(person), &agreed);
        let order =
            SoundOrder::Connect { agreed: Box::new(agreed), signalled_by, opening: Opening::NobodySpeaks };
        self.out.push_back(Action::Sound { sound, order });
        self.out.push_back(Action::Sound { sound, order: SoundOrder::Confirmed });
        self.target_serves(call, person);
        self.tell(call, DeskEvent::PersonAnswered { leg: person }, now);
    }

    pub(super) fn person_failed(&mut self, call: u64, person: u16, tried: Tried, now: Moment) {
        if self.person_ended(call, person) {
            self.show(call, What::NotReached { tried }, now);
            self.tell(call, DeskEvent::PersonFailed { leg: person, tried }, now);
        }
    }

    fn person_left(&mut self, call: u64, person: u16, now: Moment) {
        if self.person_ended(call, person) {
            self.tell(call, DeskEvent::PersonGone { leg: person }, now);
        }
    }

    /// A person's leg is over: its sound is closed and its channel is free. False if it was over before.
    pub(super) fn person_ended(&mut self, call: u64, person: u16) -> bool {
        let Some(leg) = self.calls.get_mut(&call).and_then(|legs| legs.people.get_mut(&person)) else {
            return false;
        };
        if leg.state == PersonState::Ended {
            return false;
        }
        leg.state = PersonState::Ended;
        let sound = leg.sound;
        self.forget_wish(call, person);
        let Some(leg) = self.calls.get_mut(&call).and_then(|legs| legs.people.get_mut(&person)) else {
            return false;
        };
        if let Some(channel) = leg.channel.take() {
            self.board.give_back(channel);
        }
        self.out.push_back(Action::Sound { sound, order: SoundOrder::Close });
        self.person_unbridged(call, person);
        true
    }

    pub(super) fn sound(&mut self, sound: SoundId, event: SoundEvent, now: Moment) {
        let Some(&(call, side)) = self.by_sound.get(&sound) else { return };
        match side {
            Leg::Caller => self.caller_sounds(call, event, now),
            Leg::Person(person) => self.person_sounds(call, person, event, now),
        }
    }

    fn caller_sounds(&mut self, call: u64, event: SoundEvent, now: Moment) {
        let told = match event {
            SoundEvent::Spoke { saying, at, gap } => {
                self.show_words(call, saying, gap, now);
                DeskEvent::Spoke { saying, at, gap }
            }
            SoundEvent::Said { saying, at, whole } => {
                self.forget_words(call, saying);
                DeskEvent::Said { saying, at, whole }
            }
            SoundEvent::SayFailed { saying } => {
                self.forget_words(call, saying);
                DeskEvent::SayFailed { saying }
            }
            SoundEvent::MadeAgain { saying } => DeskEvent::MadeAgain { saying },
            SoundEvent::SpeechStarted { at } => DeskEvent::SpeechStarted { at },
            SoundEvent::SpeechEnded { at } => DeskEvent::SpeechEnded { at },
            SoundEvent::Digit { digit, at } => {
                self.show(call, What::Pressed { digit }, now);
                DeskEvent::Digit { leg: Leg::Caller, digit, at }
            }
            SoundEvent::FillerBegan { at } => {
                self.show(call, What::Filler, now);
                DeskEvent::FillerBegan { at }
            }
            SoundEvent::FillerEnded { at } => DeskEvent::FillerEnded { at },
            SoundEvent::Silent if self.holds(call, Leg::Caller) => return,
            SoundEvent::Silent => return self.caller_silent(call, now),
            // Who holds a person knows it, and is not waiting for us.
            SoundEvent::HeldInSilence | SoundEvent::HoldIsHeard => return,
            SoundEvent::Closed { first_word, longest_silence, quality } => {
                DeskEvent::Sounded(desk::call::Sound { first_word, longest_silence, quality })
            }
        };
        self.tell(call, told, now);
    }

    fn show_words(&mut self, call: u64, saying: SayingId, gap: Option<Duration>, now: Moment) {
        if let Some(text) = self.forget_words(call, saying) {
            let gap_ms = gap.map(|gap| u64::try_from(gap.as_millis()).unwrap_or(u64::MAX));
            self.show(call, What::Speaks { text: Private::new(text), gap_ms }, now);
        }
    }

    /// Words that have begun, or never will, wait no longer.
    fn forget_words(&mut self, call: u64, saying: SayingId) -> Option<String> {
        self.calls.get_mut(&call).and_then(|legs| legs.unspoken.remove(&saying))
    }

    /// The recogniser is done: whoever watches sees what was understood. The figures of a card are seen by nobody: what is
    /// written down is then what the desk went by, and a journal replays to the same call.
    pub(super) fn heard(&mut self, call: &CallId, listen: ListenId, mut heard: Heard, now: Moment) {
        let Some(&number) = self.by_id.get(call) else { return };
        if let (Heard::Words(words), Some(legs)) = (&mut heard, self.calls.get_mut(&number)) {
            words.text = legs.cards.left_out_of(&words.text);
        }
        match &heard {
            Heard::Words(words) => {
                // The recogniser's own scale is no share of anything.
                let text = Some(Private::new(words.text.clone()));
                self.show(number, What::Heard { text, sure: None }, now);
            }
            Heard::NotUnderstood | Heard::Failed => {
                self.show(number, What::Heard { text: None, sure: None }, now);
            }
            Heard::Nothing => {}
        }
        self.tell(number, DeskEvent::Heard { listen, heard }, now);
    }

    /// Whoever holds a call is not gone for sending nothing.
    fn holds(&mut self, call: u64, side: Leg) -> bool {
        let terms = self.calls.get_mut(&call).and_then(|legs| legs.terms_of(side));
        terms.is_some_and(|terms| terms.holds())
    }

    /// No packet has come for too long: the line is dead, whatever SIP says.
    fn caller_silent(&mut self, call: u64, now: Moment) {
        let Some(legs) = self.calls.get(&call) else { return };
        let leg = legs.caller.sip;
        let reason = "no sound from the far end".to_string();
        self.out.push_back(Action::Sip(sip::Order::HangUp { leg, reason }));
        self.caller_left(call, DeskEvent::LineBroke(LineFault::NoSound), now);
    }

    fn person_sounds(&mut self, call: u64, person: u16, event: SoundEvent, now: Moment) {
        match event {
            SoundEvent::Digit { digit, at } => {
                self.tell(call, DeskEvent::Digit { leg: Leg::Person(person), digit, at }, now);
            }
            SoundEvent::HeldInSilence => self.hold_sounds(call, person, true),
            SoundEvent::HoldIsHeard => self.hold_sounds(call, person, false),
            SoundEvent::Silent if self.holds(call, Leg::Person(person)) => {}
            SoundEvent::Silent => {
                let leg = self.calls.get(&call).and_then(|legs| legs.people.get(&person)).map(|leg| leg.sip);
                if let Some(leg) = leg {
                    let reason = "no sound from the far end".to_string();
                    self.out.push_back(Action::Sip(sip::Order::HangUp { leg, reason }));
                }
                if self.person_ended(call, person) {
                    self.tell(call, DeskEvent::PersonUnheard { leg: person }, now);
                }
            }
            SoundEvent::Said { saying, at, whole } => {
                self.tell(call, DeskEvent::Said { saying, at, whole }, now);
            }
            SoundEvent::MadeAgain { saying } => self.tell(call, DeskEvent::MadeAgain { saying }, now),
            SoundEvent::SayFailed { saying } => self.tell(call, DeskEvent::SayFailed { saying }, now),
            SoundEvent::Spoke { .. }
            | SoundEvent::SpeechStarted { .. }
            | SoundEvent::SpeechEnded { .. }
            | SoundEvent::FillerBegan { .. }
            | SoundEvent::FillerEnded { .. }
            | SoundEvent::Closed { .. } => {}
        }
    }
}
