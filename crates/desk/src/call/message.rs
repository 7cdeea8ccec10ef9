//! The message step, and the promise of a call back when nothing else is left.

use super::messaging::{MESSAGE_HANG, Messaging, SHORTEST_MESSAGE, Spoken};
use super::{Action, Call, Caller, Leg, PROMISE_TAKES_AT_MOST, Stage};
use crate::machine::{Ask, Moment};
use crate::record::{Callback, CallbackReason, EndedBy, Message, Outcome, StepResult};
use crate::sabotage::{Sabotage, is};
use crate::sayings;

const BOOKED_TOO_LATE: &str =
    "the visit was stored too late for the caller to hear of it; tell them that it is booked";

impl Call {
    pub(super) fn begin_message(&mut self, now: Moment) {
        self.answer(now);
        let saying = self.say(&[sayings::LEAVE_MESSAGE]);
        self.stage = Stage::Messaging(Messaging::prompting(saying, now));
    }

    pub(super) fn start_recording(&mut self, now: Moment) {
        let id = format!("m-{}", self.minutes.arrival.id);
        self.out.push(Action::TakeMessage { id, hang: MESSAGE_HANG });
        self.stage = Stage::Messaging(Messaging::awaiting(now));
    }

    pub(super) fn end_recording(&mut self, now: Moment) {
        let Stage::Messaging(messaging) = &self.stage else { return };
        let ending = messaging.ending(now);
        self.out.push(Action::EndMessage);
        // The silence that follows is ours to fill, whoever ended the message.
        self.out.push(Action::StopListening { to: Leg::Caller });
        self.stage = Stage::Messaging(ending);
    }

    pub(super) fn message_ended(&mut self, seconds: f64, now: Moment) {
        if let Stage::Messaging(Messaging::Awaiting { .. } | Messaging::Recording { .. }) = self.stage {
            return self.recording_broke_off(now);
        }
        let Stage::Messaging(Messaging::Ending { spoken, .. }) = self.stage else { return };
        if spoken == Spoken::Nothing || seconds < SHORTEST_MESSAGE {
            self.cascade.end(StepResult::NoMessage, now);
            return self.unanswered(now);
        }
        let arrival = &self.minutes.arrival;
        let message = Message {
            id: format!("m-{}", arrival.id),
            call: arrival.id.clone(),
            from: arrival.from.clone(),
            line: arrival.line.clone(),
            seconds,
            urgency: self.urgency,
            created: now.wall,
        };
        let ask = self.out.ask();
        self.out.push(Action::StoreMessage { ask, message });
        self.stage = Stage::Messaging(Messaging::storing(ask, now));
    }

    /// Nobody keeps what the caller says from here on, so they are not left talking to nobody.
    fn recording_broke_off(&mut self, now: Moment) {
        self.end_recording(now);
        self.minutes.trouble("a message could not be recorded");
        self.unhelped = CallbackReason::Failure;
        self.cascade.end(StepResult::NoMessage, now);
        self.unanswered(now);
    }

    /// No step is left: the caller is promised a call back if they are still there.
    pub(super) fn unanswered(&mut self, now: Moment) {
        match self.caller {
            Caller::Gone(by) => self.finish(by, now),
            Caller::Ringing | Caller::Answered if self.stopping => {
                self.unhelped = CallbackReason::Interrupted;
                self.finish(EndedBy::Desk, now);
            }
            Caller::Ringing | Caller::Answered => self.advance(now),
        }
    }

    pub(super) fn promise(&mut self, now: Moment) {
        self.answer(now);
        let ask = self.leave_callback(now);
        self.stage = Stage::Promising { ask, until: now.mono + PROMISE_TAKES_AT_MOST };
    }

    pub(super) fn leave_callback(&mut self, now: Moment) -> Ask {
        let arrival = &self.minutes.arrival;
        let callback = Callback {
            id: format!("b-{}", arrival.id),
            call: arrival.id.clone(),
            number: arrival.from.clone(),
            line: arrival.line.clone(),
            reason: self.unhelped,
            urgency: self.urgency,
            slots: self.slots.clone(),
            created: now.wall,
        };
        let ask = self.out.ask();
        self.callback = Some(callback.id.clone());
        self.callback_asks.push(ask);
        self.out.push(Action::StoreCallback { ask, callback });
        ask
    }

    pub(super) fn stored(&mut self, answered: Ask, stored: bool, now: Moment) {
        if stored && self.callback_asks.contains(&answered) {
            self.callback_stored();
        }
        match self.stage {
            Stage::Promising { ask, .. } if ask == answered => self.promised(stored, now),
            Stage::Messaging(Messaging::Storing { ask, .. }) if ask == answered => {
                self.message_stored(stored, now);
            }
            _ => {
                if !stored {
                    self.minutes.trouble("a callback task could not be stored at once");
                }
            }
        }
    }

    /// The task is safe, perhaps later than it was waited for: then the call is not lost after all.
    fn callback_stored(&mut self) {
        self.callback_kept = true;
        self.callback = Some(format!("b-{}", self.minutes.arrival.id));
        if let Some((outcome @ Outcome::Lost, _)) = &mut self.verdict {
            *outcome = Outcome::Callback;
            self.minutes.trouble("the callback task was stored after all");
        }
    }

    pub(super) fn promised(&mut self, stored: bool, now: Moment) {
        if stored || self.callback_kept || is(Sabotage::PromisesWhatIsNotStored) {
            let saying = self.say(&[sayings::WILL_CALL_BACK]);
            return self.close(Outcome::Callback, Some(saying), now);
        }
        self.callback = None;
        self.minutes.trouble("a callback task could not be stored; the caller was asked to call again");
        let saying = self.say(&[sayings::COULD_NOT_KEEP]);
        self.close(Outcome::Lost, Some(saying), now);
    }

    pub(super) fn message_stored(&mut self, stored: bool, now: Moment) {
        if !stored {
            self.minutes.trouble("a message could not be stored");
            self.unhelped = CallbackReason::Failure;
            self.cascade.end(StepResult::NoMessage, now);
            return self.unanswered(now);
        }
        self.message = Some(format!("m-{}", self.minutes.arrival.id));
        self.cascade.end(StepResult::MessageTaken, now);
        match self.caller {
            Caller::Gone(by) => {
                self.verdict = Some((Outcome::Message, by));
                self.finish(by, now);
            }
            Caller::Ringing | Caller::Answered => {
                let saying = self.say(&[sayings::MESSAGE_KEPT]);
                self.close(Outcome::Message, Some(saying), now);
            }
        }
    }

    /// The visit is stored under `id`, or is not. Whoever was told meanwhile that it could not be hears that it is, while they are
    /// still asked for a message; later the office has to tell them, from the message or the callback task that is left.
    pub(super) fn booked(&mut self, ask: Ask, id: Option<String>, now: Moment) {
        match (&self.stage, id) {
            (Stage::Talking(talk), id) if talk.awaits_booking(ask) => {
                self.booking.clone_from(&id);
                self.talk(now, |talk, now, out| talk.booked(ask, id.as_deref(), now, out));
            }
            (Stage::Messaging(Messaging::Prompting { .. }), Some(id)) if self.caller == Caller::Answered => {
                self.booking = Some(id.clone());
                self.tell_of_late_booking(&id, now);
            }
            (_, Some(id)) => {
                self.booking = Some(id);
                self.minutes.trouble(BOOKED_TOO_LATE);
            }
            (_, None) => {}
        }
    }

    fn tell_of_late_booking(&mut self, id: &str, now: Moment) {
        let Some(talk) = self.away.take() else { return self.minutes.trouble(BOOKED_TOO_LATE) };
        self.out.push(Action::StopSaying { to: Leg::Caller });
        self.stage = Stage::Talking(talk);
        self.talk(now, |talk, now, out| talk.booked_after_all(id, now, out));
    }
}
