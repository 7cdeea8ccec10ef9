//! The assistant's step: beginning a talk, giving it what happens, and following where it leads.

use std::sync::Arc;
use std::time::Duration;

use super::messaging::Messaging;
use super::{Action, Call, Heard, Leg, ListenId, Out, SayingId, Stage};
use crate::business::{Assistant, Front, Step};
use crate::intake::{Directory, Ending, Guest, Intake, WhyMessage, WhyPerson};
use crate::machine::Moment;
use crate::phrase::Phrase;
use crate::record::{CallbackReason, EndedBy, Outcome, StepResult, Tried, Urgency};
use crate::routing::route_on;
use crate::sayings;
use crate::talk::{Opening, Talk, TalkEnd};

const STOOD_BACK: &str = "the machine was short of a core, so the assistant took no new caller; give it a core more, or its trunks \
                          fewer channels";

impl Call {
    pub(super) fn begin_talk(&mut self, now: Moment) {
        let Some(assistant) = self.business.assistants.get(&self.line.assistant).cloned() else {
            return self.advance(now);
        };
        let intake = self.intake(&assistant);
        self.begin_talk_of(intake, &assistant, now);
    }

    /// The call goes on with the next step. As nobody asks whether it can wait, that may be one for urgent callers.
    pub(super) fn stand_back(&mut self, now: Moment) {
        self.minutes.trouble(STOOD_BACK);
        self.unhelped = CallbackReason::Failure;
        self.cascade.end(StepResult::StoodBack, now);
        self.cascade.take_as_urgent();
        self.advance(now);
    }

    /// The caller is asked which office they would like.
    pub(super) fn ask_for_office(&mut self, directory: Arc<Directory>, now: Moment) {
        let Some(assistant) = self.business.assistants.get(&self.line.assistant).cloned() else {
            return self.advance(now);
        };
        let intake = self.intake(&assistant).choosing_among(directory);
        self.begin_talk_of(intake, &assistant, now);
    }

    fn begin_talk_of(&mut self, intake: Intake, assistant: &Assistant, now: Moment) {
        self.answer(now);
        let calendar = self.business.office_of(&self.line).and_then(|office| office.calendar.clone());
        let first = self.out.mark();
        let opening = match std::mem::replace(&mut self.greeted, true) {
            false => Opening::Greeting(assistant.greeting.phrases().to_vec()),
            true => Opening::Question,
        };
        let (talk, end) = Talk::begin(intake, opening, calendar, now, &mut self.out);
        self.stage = Stage::Talking(talk);
        self.note_sayings(first);
        self.note_notice(first);
        if let Some(end) = end {
            self.talk_ended(end, now);
        }
    }

    /// The greeting says that the call is recorded.
    fn note_notice(&mut self, first: usize) {
        let tells = |phrases: &[Phrase]| phrases.iter().any(|phrase| phrase.text == sayings::RECORDED);
        let telling = self.out.sayings_since(first).find(|(_, phrases)| tells(phrases));
        if let Some((saying, _)) = telling.filter(|_| self.tape.takes_calls()) {
            self.tape.will_tell(Leg::Caller, saying);
        }
    }

    /// The call goes on at the office the caller asked for, by its own plan.
    fn go_to_office(&mut self, front: &Front, now: Moment) {
        self.has_chosen = true;
        self.away = None;
        self.line = front.in_place_of(&self.line);
        let routed = route_on(&self.business, &self.line, &self.minutes.arrival, now.wall);
        self.assisted = routed.steps.contains(&Step::Assistant);
        self.plan = routed.plan;
        self.rule = routed.rule;
        self.because.extend(routed.because);
        self.cascade.end(StepResult::OfficeFound, now);
        self.cascade.go_on_with(routed.steps);
        self.advance(now);
    }

    pub(super) fn intake(&self, assistant: &Assistant) -> Intake {
        let office = self.business.offices.get(&self.line.office);
        let zone = office.map_or_else(|| self.business.zone.clone(), |office| office.hours.zone().clone());
        let guest = Guest {
            business: self.business.name.clone(),
            caller: self.minutes.arrival.from.as_ref().map(|number| number.reveal().clone()),
            zone,
        };
        Intake::new(assistant.intake.clone(), guest)
    }

    /// Gives one change to the talk and follows where it leads.
    pub(super) fn talk(
        &mut self,
        now: Moment,
        change: impl FnOnce(&mut Talk, Moment, &mut Out) -> Option<TalkEnd>,
    ) {
        let first = self.out.mark();
        let Stage::Talking(talk) = &mut self.stage else { return };
        let end = change(talk, now, &mut self.out);
        self.note_sayings(first);
        if let Some(end) = end {
            self.talk_ended(end, now);
        }
    }

    pub(super) fn note_sayings(&mut self, first: usize) {
        for (saying, phrases) in self.out.sayings_since(first) {
            self.minutes.will_say(saying, phrases);
        }
    }

    pub(super) fn talk_ended(&mut self, end: TalkEnd, now: Moment) {
        let Stage::Talking(talk) = std::mem::replace(&mut self.stage, Stage::Begun) else { return };
        self.slots = talk.learned();
        let last = talk.last_saying();
        self.away = Some(talk);
        match end {
            TalkEnd::Person(why) => self.seek_person(why, now),
            TalkEnd::Message(why) => self.seek_message(why, now),
            TalkEnd::Office(front) => self.go_to_office(&front, now),
            TalkEnd::Done(ending) => self.conversation_over(ending, last, now),
            TalkEnd::VoiceFailed => {
                self.minutes.trouble("the assistant's voice failed; the call moved on to the next step");
                self.unhelped = CallbackReason::Failure;
                self.out.push(Action::StopListening { to: Leg::Caller });
                self.out.push(Action::ReleaseHold);
                self.cascade.end(StepResult::EngineFailed, now);
                self.advance(now);
            }
        }
    }

    pub(super) fn seek_person(&mut self, why: WhyPerson, now: Moment) {
        let (result, reason) = match why {
            WhyPerson::Asked => (StepResult::AskedForPerson, CallbackReason::AskedForPerson),
            WhyPerson::Emergency { .. } => (StepResult::Emergency, CallbackReason::Emergency),
            WhyPerson::NotUnderstood => (StepResult::NotUnderstood, CallbackReason::NotUnderstood),
        };
        if result == StepResult::Emergency {
            self.urgency = Urgency::Alert;
        }
        self.unhelped = reason;
        self.verdict = None;
        self.out.push(Action::ReleaseHold);
        self.cascade.end(result, now);
        if !self.cascade.skip_to_person(self.urgency) {
            self.say(&[sayings::NOBODY_FREE]);
        }
        self.advance(now);
    }

    pub(super) fn seek_message(&mut self, why: WhyMessage, now: Moment) {
        let (result, reason) = match why {
            WhyMessage::Asked => (StepResult::AskedForMessage, CallbackReason::AskedForPerson),
            WhyMessage::CouldNotBook => (StepResult::CouldNotBook, CallbackReason::CouldNotBook),
            WhyMessage::NotUnderstood => (StepResult::NotUnderstood, CallbackReason::NotUnderstood),
        };
        self.unhelped = reason;
        self.verdict = None;
        self.out.push(Action::ReleaseHold);
        self.cascade.end(result, now);
        self.cascade.skip_to_message();
        self.advance(now);
    }

    pub(super) fn conversation_over(&mut self, ending: Ending, saying: Option<SayingId>, now: Moment) {
        let (result, outcome) = match ending {
            Ending::Booked => (StepResult::Booked, Outcome::Booked),
            Ending::Informed => (StepResult::Informed, Outcome::Informed),
            Ending::Advised => (StepResult::Emergency, Outcome::Advised),
            Ending::OptedOut => (StepResult::Informed, Outcome::OptedOut),
            Ending::WrongNumber => (StepResult::Informed, Outcome::WrongNumber),
            Ending::NoInput => (StepResult::NoInput, Outcome::NoInput),
        };
        self.cascade.end(result, now);
        self.close(outcome, saying, now);
    }

    pub(super) fn said(&mut self, saying: SayingId, at: Duration, now: Moment) {
        self.minutes.said(saying, at);
        self.whispered(saying, now);
        match &self.stage {
            Stage::Talking(_) => self.talk(now, |talk, now, out| talk.said(saying, now, out)),
            Stage::Messaging(Messaging::Prompting { saying: prompt, .. }) if *prompt == saying => {
                self.start_recording(now);
            }
            Stage::Closing { saying: Some(last), .. } if *last == saying => self.finish(EndedBy::Desk, now),
            _ => {}
        }
    }

    pub(super) fn say_failed(&mut self, saying: SayingId, now: Moment) {
        self.minutes.trouble("a sentence could not be spoken");
        self.minutes.said(saying, now.mono);
        match &self.stage {
            Stage::Talking(_) => self.talk(now, |talk, _, _| talk.say_failed(saying)),
            _ => self.said(saying, now.mono, now),
        }
    }

    pub(super) fn speech_started(&mut self, at: Duration, now: Moment) {
        self.minutes.speech_started(at);
        match &mut self.stage {
            Stage::Talking(talk) => talk.speech_started(now),
            Stage::Messaging(messaging @ Messaging::Awaiting { .. }) => {
                *messaging = Messaging::recording(now)
            }
            _ => {}
        }
    }

    pub(super) fn speech_ended(&mut self, at: Duration, now: Moment) {
        self.minutes.speech_ended(at);
        match &mut self.stage {
            Stage::Talking(talk) => talk.speech_ended(now, &mut self.out),
            Stage::Messaging(Messaging::Awaiting { .. } | Messaging::Recording { .. }) => {
                self.end_recording(now);
            }
            _ => {}
        }
    }

    pub(super) fn heard(&mut self, listen: ListenId, heard: Heard, now: Moment) {
        match &heard {
            Heard::Words(words) => self.minutes.heard(Some(&words.text), "words", now),
            Heard::NotUnderstood => self.minutes.heard(None, "not understood", now),
            Heard::Nothing => {}
            Heard::Failed => self.minutes.trouble("hearing failed for one turn; the keypad took it"),
        }
        self.talk(now, |talk, now, out| talk.heard(listen, heard, now, out));
    }

    pub(super) fn digit(&mut self, leg: Leg, digit: char, at: Duration, now: Moment) {
        match leg {
            Leg::Person(leg) => self.person_pressed(leg, digit, now),
            Leg::Caller => {
                self.minutes.pressed(digit, at);
                if self.waiting.is_some() {
                    return self.pressed_in_line(digit, now);
                }
                match &self.stage {
                    Stage::Talking(_) => self.talk(now, |talk, now, out| talk.pressed(digit, now, out)),
                    Stage::Messaging(Messaging::Awaiting { .. } | Messaging::Recording { .. }) => {
                        self.end_recording(now);
                    }
                    Stage::Messaging(Messaging::Prompting { .. }) => {
                        self.out.push(Action::StopSaying { to: Leg::Caller });
                        self.start_recording(now);
                    }
                    _ => {}
                }
            }
        }
    }

    pub(super) fn person_pressed(&mut self, leg: u16, digit: char, now: Moment) {
        let Stage::Ringing(ringing) = &self.stage else { return };
        if !ringing.awaits_press(leg) {
            return;
        }
        if digit == '1' {
            self.out.push(Action::StopSaying { to: Leg::Person(leg) });
            return self.connect(leg, now);
        }
        self.out.push(Action::HangUp { leg: Leg::Person(leg) });
        self.person_failed(leg, Tried::Declined, now);
    }
}
