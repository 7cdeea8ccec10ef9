//! The queue step: where the caller stands, what they hear meanwhile, and how it ends.
//!
//! Whose turn it is is decided in [`queue`](crate::queue), across calls. A person who is free is rung as in any other step;
//! the caller hears the music on, and keeps their place if nobody picks up.
//!
//! Invariant: who leaves a queue, however, is told to have left it.

use std::time::Duration;

use super::ringing::Ringing;
use super::{Action, Call, Leg, Stage, Tone, Why};
use crate::business::{BEFORE_VOICEMAIL, RingOrder, Step, Whom};
use crate::machine::{Deadline, Moment};
use crate::record::{CallbackReason, StepResult};
use crate::sayings;

/// A caller who waits is told where they stand at least so often.
const WORD_EVERY: Duration = Duration::from_secs(60);
/// Who moves up is told so, but not sooner than this after the last words.
const WORD_AGAIN_AFTER: Duration = Duration::from_secs(15);

/// A caller in a queue, also while a person is rung for them.
#[derive(Debug)]
pub(super) struct Waiting {
    whom: Whom,
    until: Duration,
    /// Callers before this one.
    ahead: Option<usize>,
    /// When they are told next.
    word_at: Duration,
    last_word: Option<Duration>,
}

impl Waiting {
    pub fn deadline(&self) -> Deadline<Why> {
        match self.ahead {
            Some(_) if self.word_at < self.until => Deadline { at: self.word_at, why: Why::PlaceToBeTold },
            _ => Deadline { at: self.until, why: Why::WaitedLongEnough },
        }
    }
}

impl Call {
    pub(super) fn begin_waiting(&mut self, step: Step, now: Moment) {
        let Step::Queue { whom, wait } = &step else { return };
        let (whom, until) = (whom.clone(), now.mono + *wait);
        self.rung_by = Some(step);
        self.answer(now);
        self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Music });
        self.out.push(Action::WaitInLine { whom: whom.clone() });
        self.waiting = Some(Waiting { whom, until, ahead: None, word_at: until, last_word: None });
        self.stage = Stage::Waiting;
    }

    /// So many callers stand before this one now.
    pub(super) fn in_line(&mut self, ahead: usize, now: Moment) {
        let Some(waiting) = &mut self.waiting else { return };
        waiting.ahead = Some(ahead);
        let soonest = waiting.last_word.map_or(now.mono, |last| last + WORD_AGAIN_AFTER);
        waiting.word_at = soonest.max(now.mono);
        if waiting.word_at <= now.mono && matches!(self.stage, Stage::Waiting) {
            self.tell_place(now);
        }
    }

    fn tell_place(&mut self, now: Moment) {
        let Some(waiting) = &mut self.waiting else { return };
        let first = waiting.last_word.is_none();
        (waiting.last_word, waiting.word_at) = (Some(now.mono), now.mono + WORD_EVERY);
        let place = sayings::place_in_line(waiting.ahead.unwrap_or_default());
        let why = first.then_some(sayings::NOBODY_FREE_YET);
        // Who hides their number cannot be called back.
        let offer = self.minutes.arrival.from.is_some().then_some(sayings::PRESS_ONE_FOR_CALLBACK);
        let words: Vec<&str> = [why, Some(place), offer].into_iter().flatten().collect();
        self.say(&words);
    }

    /// Somebody is free, and it is this caller's turn.
    pub(super) fn person_free(&mut self, person: &str, now: Moment) {
        if !matches!(self.stage, Stage::Waiting) {
            return;
        }
        let whom = Whom::Person(person.to_string());
        let ringing = Ringing::new(&self.business, &whom, BEFORE_VOICEMAIL, RingOrder::InTurn, now.wall);
        self.stage = Stage::Ringing(ringing);
        self.ring_next(now);
    }

    /// The person who was free did not take the call: the caller waits on, unless they have waited long enough.
    pub(super) fn wait_on(&mut self, now: Moment) {
        let Some(waiting) = &mut self.waiting else { return };
        self.out.push(Action::WaitInLine { whom: waiting.whom.clone() });
        self.stage = Stage::Waiting;
        // What was due while somebody was rung is due now.
        waiting.word_at = waiting.word_at.max(now.mono);
        if waiting.until <= now.mono {
            self.waited_long_enough(now);
        }
    }

    pub(super) fn waiting_overdue(&mut self, now: Moment) {
        match self.waiting.as_ref().map(Waiting::deadline) {
            Some(Deadline { why: Why::PlaceToBeTold, .. }) => self.tell_place(now),
            Some(_) | None => self.waited_long_enough(now),
        }
    }

    fn waited_long_enough(&mut self, now: Moment) {
        self.leave_line();
        self.cascade.end(StepResult::WaitedLongEnough, now);
        self.unhelped = CallbackReason::AskedForPerson;
        self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Silence });
        self.say(&[sayings::NOBODY_FREE]);
        self.advance(now);
    }

    /// A key that the caller presses while they wait: 1 is for being called back.
    pub(super) fn pressed_in_line(&mut self, digit: char, now: Moment) {
        if digit != '1' || self.minutes.arrival.from.is_none() {
            return;
        }
        self.stop_ringing();
        self.leave_line();
        self.cascade.end(StepResult::AskedForCallback, now);
        self.unhelped = CallbackReason::AskedForCallback;
        self.out.push(Action::StopSaying { to: Leg::Caller });
        self.out.push(Action::Tone { to: Leg::Caller, tone: Tone::Silence });
        self.promise(now);
    }

    pub(super) fn leave_line(&mut self) {
        if self.waiting.take().is_some() {
            self.out.push(Action::LeaveLine);
        }
    }
}
