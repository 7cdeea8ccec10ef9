//! Ringing people, connecting the one who takes the call, and releasing those who pick up too late.

use super::handing_over::may_hand_over;
use super::ringing::Ringing;
use super::{Action, CONNECTED_AT_MOST, Call, Caller, Leg, SayingId, Stage, Tone};
use crate::business::Step;
use crate::intake::Returned;
use crate::machine::Moment;
use crate::number::E164;
use crate::phrase::Phrase;
use crate::record::{EndedBy, Outcome, StepResult, Tried, Urgency};
use crate::sabotage::{Sabotage, is};
use crate::sayings;
use crate::talk::Talk;

impl Call {
    pub(super) fn ring(&mut self, step: Step, now: Moment) {
        let Step::Ring { whom, ring_for, order } = &step else { return };
        let ringing = Ringing::new(&self.business, whom, *ring_for, *order, now.wall);
        self.rung_by = Some(step);
        match self.caller {
            Caller::Ringing => self.out.push(Action::Ringing),
            Caller::Answered => {
                self.say(&[sayings::CONNECTING]);
                self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Ringback });
            }
            Caller::Gone(_) => return,
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
            let times = if is(Sabotage::RingsForTooLong) { 3 } else { 1 };
            let ring_for = ringing.ring_for() * times;
            let reach = candidate.reach.clone();
            self.out.push(Action::RingPerson { leg: self.legs, reach, ring_for });
            ringing.rung(self.legs, candidate, now);
        }
        if let Some(candidate) = ringing.next_handed_over() {
            return self.hand_over(candidate, now);
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
            self.whisper(leg);
        } else {
            self.connect(leg, now);
        }
    }

    /// Tells a person who calls and why, and asks for the key. The prepared words come first and last, so that they
    /// are heard whatever becomes of the others.
    fn whisper(&mut self, leg: u16) {
        let to = Leg::Person(leg);
        let press = || vec![sayings::prepared(sayings::PRESS_ONE)];
        self.out.say(to, press());
        let summary = Phrase { text: self.summary(), prepared: false, guarded: false };
        self.out.say(to, vec![summary]);
        let last = self.out.say(to, press());
        if let Stage::Ringing(ringing) = &mut self.stage {
            ringing.whispers(leg, last);
        }
    }

    /// What a person is to take over, the number and what was learned, in one breath.
    fn summary(&self) -> String {
        let from = self.minutes.arrival.from.as_ref();
        let who = match from {
            Some(number) => format!("The caller's number is {}.", spoken_number(number.reveal())),
            None => "The caller hides their number.".to_string(),
        };
        let what = match (self.urgency, self.away.as_ref().and_then(Talk::subject)) {
            (Urgency::Alert, Some(subject)) => format!("It is an emergency, about {subject}."),
            (Urgency::Alert, None) => "It is an emergency.".to_string(),
            (Urgency::Normal, Some(subject)) => format!("It is about {subject}."),
            (Urgency::Normal, None) => "They have not said what it is about.".to_string(),
        };
        format!("{what} {who}")
    }

    /// The whisper was heard to its end: now the key is awaited.
    pub(super) fn whispered(&mut self, saying: SayingId, now: Moment) {
        if let Stage::Ringing(ringing) = &mut self.stage {
            ringing.whispered(saying, now);
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
        self.cascade.note(&up.candidate.person, Tried::Answered);
        for other in others {
            self.out.push(Action::HangUp { leg: Leg::Person(other.leg) });
            self.cascade.note(&other.candidate.person, other.called_off());
        }
        self.cascade.end(StepResult::PersonTook, now);
        self.leave_line();
        let outcome = match self.caller {
            Caller::Ringing => Outcome::Answered,
            Caller::Answered | Caller::Gone(_) => Outcome::Transferred,
        };
        self.verdict = Some((outcome, EndedBy::Caller));
        self.answer(now);
        self.out.push(Action::StopSaying { to: Leg::Caller });
        self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Silence });
        self.out.push(Action::Connect { leg });
        self.release_who_put_through(Tried::Answered);
        self.stage = Stage::Connected { leg, until: now.mono + CONNECTED_AT_MOST };
        self.tell_of_recording(leg);
    }

    /// Both hear at the same time that what they say is recorded; only then it is.
    fn tell_of_recording(&mut self, leg: u16) {
        self.tell_caller_of_recording();
        self.tell_person_of_recording(leg);
    }

    pub(super) fn tell_caller_of_recording(&mut self) {
        if self.tape.takes_people() {
            let caller = self.say(&[sayings::RECORDED]);
            self.tape.will_tell(Leg::Caller, caller);
        }
    }

    pub(super) fn tell_person_of_recording(&mut self, leg: u16) {
        if !self.tape.takes_people() {
            return;
        }
        let person = Leg::Person(leg);
        let notice = sayings::OF_RECORDINGS.map(sayings::prepared).to_vec();
        let told = self.out.say(person, notice);
        self.tape.will_tell(person, told);
    }

    pub(super) fn person_failed(&mut self, leg: u16, tried: Tried, now: Moment) {
        if let Stage::Ringing(ringing) = &mut self.stage
            && let Some(up) = ringing.remove(leg)
        {
            match tried {
                Tried::ChannelsFull if may_hand_over(&self.business, &self.line, &up) => {
                    ringing.set_aside(up.candidate);
                }
                _ => self.cascade.note(&up.candidate.person, tried),
            }
            self.ring_next(now);
        }
    }

    pub(super) fn person_gone(&mut self, leg: u16, now: Moment) {
        if self.who_put_through_left(leg) {
            return;
        }
        match &self.stage {
            Stage::Connected { leg: connected, .. } if *connected == leg => {
                self.person_left(now);
            }
            Stage::Ringing(_) => self.person_failed(leg, Tried::HungUp, now),
            _ => {}
        }
    }

    /// Nobody knows that the caller was heard, or by whom: whatever came of it, the plan goes on as if nobody had taken them.
    pub(super) fn person_unheard(&mut self, leg: u16, now: Moment) {
        match &self.stage {
            Stage::Connected { leg: connected, .. } if *connected == leg => {}
            Stage::Ringing(_) if self.put_through.is_none() => {
                return self.person_failed(leg, Tried::Machine, now);
            }
            _ => return self.person_gone(leg, now),
        }
        self.minutes
            .trouble("no sound came from whoever took the call for too long, so the desk hung up on them");
        self.hold_is_over(now);
        self.verdict = None;
        if self.stopping {
            return self.finish(EndedBy::Desk, now);
        }
        self.goes_on_without_a_person(now);
    }

    /// The person has hung up and the caller has not: they are asked what they still need, if the plan has an assistant.
    pub(super) fn person_left(&mut self, now: Moment) {
        self.hold_is_over(now);
        let talk = self.assisted.then(|| self.away.take().or_else(|| self.new_talk())).flatten();
        let Some(talk) = talk.filter(|_| !self.stopping) else {
            return self.finish(EndedBy::Person, now);
        };
        if let Some(step) = self.rung_by.take() {
            self.cascade.once_more(step);
        }
        self.cascade.back_to_assistant(now);
        self.stage = Stage::Talking(talk);
        self.talk(now, |talk, now, out| talk.resume(Returned::PersonLeft, now, out));
    }

    /// For a caller whom a person answered before the assistant did.
    fn new_talk(&self) -> Option<Talk> {
        let assistant = self.business.assistants.get(&self.line.assistant)?;
        let calendar = self.business.office_of(&self.line).and_then(|office| office.calendar.clone());
        Some(Talk::after_a_person(self.intake(assistant), calendar))
    }

    pub(super) fn nobody_picked_up(&mut self, now: Moment) {
        let Stage::Ringing(ringing) = &mut self.stage else { return };
        for up in ringing.overdue(now) {
            self.out.push(Action::HangUp { leg: Leg::Person(up.leg) });
            self.cascade.note(&up.candidate.person, up.came_to_nothing());
        }
        self.ring_next(now);
    }

    pub(super) fn nobody_took(&mut self, now: Moment) {
        if let Some(put_through) = self.put_through.take() {
            return self.comes_back(put_through, now);
        }
        if self.waiting.is_some() {
            return self.wait_on(now);
        }
        self.cascade.end(StepResult::NobodyTook, now);
        if self.caller == Caller::Answered {
            self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Silence });
        }
        self.goes_on_without_a_person(now);
    }

    fn goes_on_without_a_person(&mut self, now: Moment) {
        if self.caller == Caller::Answered {
            self.say(&[sayings::NOBODY_FREE]);
        }
        if self.urgency == Urgency::Alert {
            self.leave_callback(now);
        }
        self.advance(now);
    }
}

/// Digit by digit, with a breath between groups: "3 1 2, 5 5 5, 0 1 4 3".
fn spoken_number(number: &E164) -> String {
    let digits = number.digits();
    let national = digits.strip_prefix('1').filter(|rest| rest.len() == 10).unwrap_or(digits);
    let (front, last) = national.split_at(national.len().saturating_sub(4));
    let groups = front.as_bytes().chunks(3).chain([last.as_bytes()]);
    let spoken = |group: &[u8]| group.iter().map(|digit| char::from(*digit).to_string()).collect::<Vec<_>>();
    groups.map(|group| spoken(group).join(" ")).collect::<Vec<_>>().join(", ")
}
