//! How a call ends: everything is let go, and one record is kept.

use super::messaging::Messaging;
use super::minutes::millis;
use super::{
    Action, Call, Caller, Closing, DEAD_LINE, GOODBYE_TAKES_AT_MOST, Leg, LineFault, REPORT_TAKES_AT_MOST,
};
use super::{SayingId, Sound, Stage, Tone};
use crate::machine::Moment;
use crate::record::{CallbackReason, EndedBy, Outcome, Record, StepResult, Tried};
use crate::sabotage::{Sabotage, is};

impl Call {
    pub(super) fn line_broke(&mut self, fault: LineFault, now: Moment) {
        let sentence = match fault {
            LineFault::NeverConfirmed => "the caller's side never confirmed our answer",
            LineFault::NoSound => "no sound came from the caller for too long",
            LineFault::NoMedia => "no sound format or socket was to be had for this call",
            LineFault::Lost => "the caller's side answered nothing more, or no longer knew the call",
        };
        self.minutes.trouble(sentence);
        self.caller_gone(StepResult::LineBroke, EndedBy::Line, now);
    }

    pub(super) fn caller_gone(&mut self, result: StepResult, by: EndedBy, now: Moment) {
        if self.caller.is_gone() {
            return;
        }
        self.caller = Caller::Gone(by);
        if let Stage::Messaging(messaging) = &self.stage {
            match messaging {
                Messaging::Awaiting { .. } | Messaging::Recording { .. } => return self.end_recording(now),
                Messaging::Ending { .. } | Messaging::Storing { .. } => return,
                Messaging::Prompting { .. } => {}
            }
        }
        self.stop_ringing();
        self.cascade.end(result, now);
        self.finish(by, now);
    }

    pub(super) fn close(&mut self, outcome: Outcome, saying: Option<SayingId>, now: Moment) {
        let outcome = self.verdict.map_or(outcome, |(before, _)| after(before, outcome));
        self.verdict = Some((outcome, EndedBy::Desk));
        self.stage = Stage::Closing { saying, until: now.mono + GOODBYE_TAKES_AT_MOST };
        if saying.is_none() {
            self.finish(EndedBy::Desk, now);
        }
    }

    pub(super) fn close_down(&mut self, closing: Closing, now: Moment) {
        self.stopping = true;
        match (&self.stage, closing) {
            (Stage::Filing { .. } | Stage::Over, _) => return,
            (Stage::Connected { .. }, Closing::LetPeopleFinish) => return,
            // What was said so far is kept, which takes a moment; then the caller is told so, and that is the end.
            (Stage::Messaging(Messaging::Recording { .. }), Closing::LetPeopleFinish) => {
                self.minutes.trouble("the desk was stopped while a message was being left");
                return self.end_recording(now);
            }
            (
                Stage::Messaging(Messaging::Ending { .. } | Messaging::Storing { .. }),
                Closing::LetPeopleFinish,
            ) => return,
            _ => {}
        }
        self.minutes.trouble("the desk was stopped during this call");
        self.unhelped = CallbackReason::Interrupted;
        self.stop_ringing();
        self.cascade.end(StepResult::DeskStopped, now);
        self.finish(EndedBy::Desk, now);
    }

    /// A fault of ours that would keep everybody else waiting too: whatever the call was about is left, and the caller is
    /// promised a call back, if they are there and that is not what went in circles.
    pub(super) fn went_in_circles(&mut self, now: Moment) {
        if matches!(self.stage, Stage::Over) {
            return;
        }
        self.minutes.trouble("the desk went in circles in this call, and gave it up");
        self.unhelped = CallbackReason::Failure;
        self.stop_ringing();
        self.cascade.end(StepResult::EngineFailed, now);
        match (&self.stage, self.caller) {
            (Stage::Filing { .. }, _) => self.file(now),
            (Stage::Promising { .. } | Stage::Closing { .. } | Stage::Connected { .. }, _)
            | (_, Caller::Gone(_)) => self.finish(EndedBy::Desk, now),
            _ => self.promise_instead(now),
        }
    }

    fn promise_instead(&mut self, now: Moment) {
        self.keep_what_was_learned();
        self.leave_line();
        self.out.push(Action::StopListening { to: Leg::Caller });
        self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Silence });
        self.promise(now);
    }

    /// Lets go of everything, and waits for the caller's leg to tell how it sounded.
    pub(super) fn finish(&mut self, by: EndedBy, now: Moment) {
        self.hold_is_over(now);
        self.keep_what_was_learned();
        let outcome = match self.verdict {
            Some((outcome, _)) => outcome,
            None => self.outcome_of_an_unfinished_call(by, now),
        };
        self.verdict = Some((outcome, by));
        self.leave_line();
        self.hang_up_everyone();
        if !is(Sabotage::KeepsAHold) {
            self.out.push(Action::ReleaseHold);
        }
        self.stage = Stage::Filing { until: now.mono + REPORT_TAKES_AT_MOST };
        if self.minutes.answered.is_none() {
            self.file(now);
        }
    }

    pub(super) fn keep_what_was_learned(&mut self) {
        if let Stage::Talking(talk) = &self.stage {
            self.slots = talk.learned();
        }
    }

    /// Phones that ring, or were picked up and did not take the call, are let go.
    pub(super) fn stop_ringing(&mut self) {
        let Stage::Ringing(ringing) = &mut self.stage else { return };
        for up in ringing.take_all() {
            self.cascade.note(&up.candidate.person, up.called_off());
            self.out.push(Action::HangUp { leg: Leg::Person(up.leg) });
        }
    }

    pub(super) fn hang_up_everyone(&mut self) {
        self.stop_ringing();
        self.release_who_put_through(Tried::Stopped);
        if let Stage::Connected { leg, .. } = self.stage {
            self.out.push(Action::HangUp { leg: Leg::Person(leg) });
        }
        if !self.caller.is_gone() {
            self.caller = Caller::Gone(EndedBy::Desk);
            self.out.push(Action::HangUp { leg: Leg::Caller });
        }
    }

    /// The caller went before the desk was done with them.
    pub(super) fn outcome_of_an_unfinished_call(&mut self, by: EndedBy, now: Moment) -> Outcome {
        if self.callback.is_none() && !is(Sabotage::ForgetsTheCallback) {
            self.leave_callback(now);
        }
        match by {
            EndedBy::Caller if is(Sabotage::CallsItLost) => Outcome::Lost,
            EndedBy::Caller => Outcome::Abandoned,
            EndedBy::Person | EndedBy::Desk | EndedBy::Line | EndedBy::Crash => Outcome::Callback,
        }
    }

    pub(super) fn sounded(&mut self, sound: Sound, now: Moment) {
        self.minutes.sound = sound;
        if matches!(self.stage, Stage::Filing { .. }) {
            self.file(now);
        }
    }

    /// The record of a call for which there was no channel, or no core: it was turned away before anything was tried. `because` says
    /// what would help.
    pub fn turned_away(mut self, because: &str, now: Moment) -> Record {
        self.minutes.trouble(because);
        self.record(Outcome::TurnedAway, EndedBy::Desk, now)
    }

    pub(super) fn file(&mut self, now: Moment) {
        let (mut outcome, ended_by) = self.verdict.unwrap_or((Outcome::Lost, EndedBy::Desk));
        if outcome == Outcome::Abandoned && self.minutes.sound.longest_silence > DEAD_LINE {
            outcome = Outcome::Lost;
        }
        if is(Sabotage::OverwritesTheOutcome) {
            outcome = Outcome::Booked;
        }
        for sentence in self.fillers.told(now.mono) {
            self.minutes.trouble(sentence);
        }
        let record = self.record(outcome, ended_by, now);
        if is(Sabotage::FilesTwice) {
            self.out.push(Action::File(Box::new(record.clone())));
        }
        self.out.push(Action::File(Box::new(record)));
        self.stage = Stage::Over;
    }

    fn record(&mut self, outcome: Outcome, ended_by: EndedBy, now: Moment) -> Record {
        let sound = self.minutes.sound;
        Record {
            id: self.minutes.arrival.id.clone(),
            line: self.minutes.arrival.line.clone(),
            office: self.line.office.clone(),
            from: self.minutes.arrival.from.clone(),
            diverted_by: self.minutes.arrival.diverted_by.clone(),
            diverted_because: self.minutes.arrival.diverted_because,
            verification: self.minutes.arrival.verification,
            started: self.minutes.started.wall,
            answered: self.minutes.answered_at(),
            ended: now.wall,
            outcome,
            ended_by,
            plan: self.plan.clone(),
            rule: self.rule,
            because: self.because.clone(),
            steps: self.cascade.taken().to_vec(),
            turns: self.minutes.take_turns(),
            slots: std::mem::take(&mut self.slots),
            booking: self.booking.clone(),
            message: self.message.clone(),
            callback: self.callback.clone(),
            answer_ms: self.minutes.answer_ms(),
            first_word_ms: sound.first_word.map(millis),
            longest_silence_ms: millis(sound.longest_silence),
            codec: None,
            quality: sound.quality,
            troubles: std::mem::take(&mut self.minutes.troubles),
            recording: self.tape.filed(),
        }
    }
}

/// Where a call ended that a person had taken and that went on at the desk: it stays theirs, unless something was left or
/// agreed after them.
fn after(person: Outcome, desk: Outcome) -> Outcome {
    let is_theirs = matches!(person, Outcome::Transferred | Outcome::Answered);
    match desk {
        Outcome::NoInput | Outcome::Informed | Outcome::WrongNumber if is_theirs => person,
        _ => desk,
    }
}
