//! Ringing the people of one step: who is next, who is up, and who took the call.
//!
//! Invariant: every phone that was rung is answered by exactly one of picked up, failed or stopped.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::business::{Accept, Business, Reach, RingOrder, Whom};
use crate::call::{SayingId, Why};
use crate::machine::{Deadline, Moment};
use crate::record::Tried;

/// A phone that may be rung for a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub person: String,
    pub reach: Reach,
}

/// A phone that is being rung.
#[derive(Clone, Debug)]
pub(super) struct Up {
    pub leg: u16,
    pub candidate: Candidate,
    pub until: Duration,
    pub answer: Answer,
}

impl Up {
    /// What is noted when its time is up.
    pub fn came_to_nothing(&self) -> Tried {
        match self.answer {
            Answer::Awaited => Tried::NoAnswer,
            Answer::PressOneAwaited { .. } => Tried::Machine,
            Answer::HandedOver => Tried::HandoverUntold,
        }
    }

    /// What is noted when it is not waited for any longer. Nobody can call off what the trunk does.
    pub fn called_off(&self) -> Tried {
        match self.answer {
            Answer::Awaited | Answer::PressOneAwaited { .. } => Tried::Stopped,
            Answer::HandedOver => Tried::HandoverUntold,
        }
    }
}

/// How far a rung phone is from taking the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Awaited,
    /// Picked up, and asked to press 1; the last words of that are these.
    PressOneAwaited {
        last: Option<SayingId>,
    },
    /// The trunk puts the caller through by itself, and is to tell what came of it.
    HandedOver,
}

/// Who heard everything and takes this long to press 1 is a machine.
pub(super) const PRESS_ONE_WITHIN: Duration = Duration::from_secs(6);
/// The same, from picking up, whatever became of our words: a greeting of voicemail rarely ends sooner.
pub(super) const WHISPER_TAKES_AT_MOST: Duration = Duration::from_secs(25);

/// So much longer than a phone of ours a trunk may take to ring one and to tell of it.
pub(super) const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// More phones than this are not rung for one step.
const MOST_PHONES: usize = 16;

/// One step's ringing.
#[derive(Debug)]
pub(super) struct Ringing {
    waiting: VecDeque<Candidate>,
    up: Vec<Up>,
    /// No channel was free for them; the trunk may put the caller through by itself once nobody else is left to ring.
    set_aside: VecDeque<Candidate>,
    ring_for: Duration,
    order: RingOrder,
}

impl Ringing {
    pub fn new(
        business: &Business,
        whom: &Whom,
        ring_for: Duration,
        order: RingOrder,
        at: Timestamp,
    ) -> Self {
        let phones = business.phones_of(whom, at).into_iter();
        let waiting = phones
            .map(|(name, reach)| Candidate { person: name.to_string(), reach: reach.clone() })
            .take(MOST_PHONES)
            .collect();
        Ringing { waiting, up: Vec::new(), set_aside: VecDeque::new(), ring_for, order }
    }

    /// One phone of one person.
    pub fn of_one(person: &str, reach: Reach, ring_for: Duration) -> Self {
        let candidate = Candidate { person: person.to_string(), reach };
        let (up, set_aside) = (Vec::new(), VecDeque::new());
        Ringing { waiting: [candidate].into(), up, set_aside, ring_for, order: RingOrder::InTurn }
    }

    /// Who is to be rung now; to be called until it gives `None`.
    pub fn next(&mut self) -> Option<Candidate> {
        match self.order {
            RingOrder::InTurn if !self.up.is_empty() => None,
            RingOrder::InTurn | RingOrder::Together => self.waiting.pop_front(),
        }
    }

    pub fn rung(&mut self, leg: u16, candidate: Candidate, now: Moment) {
        let until = now.mono + self.ring_for;
        self.up.push(Up { leg, candidate, until, answer: Answer::Awaited });
    }

    /// Keeps somebody for [`Ringing::next_handed_over`].
    pub fn set_aside(&mut self, candidate: Candidate) {
        self.set_aside.push_back(candidate);
    }

    /// To whom the trunk is to put the caller through now: a caller can go one way only, so nobody else is rung meanwhile.
    pub fn next_handed_over(&mut self) -> Option<Candidate> {
        let alone = self.up.is_empty() && self.waiting.is_empty();
        if alone { self.set_aside.pop_front() } else { None }
    }

    pub fn handed_over(&mut self, leg: u16, candidate: Candidate, now: Moment) {
        let until = now.mono + self.ring_for + TOLD_WITHIN;
        self.up.push(Up { leg, candidate, until, answer: Answer::HandedOver });
    }

    /// A phone was picked up. True if the person is still to press 1.
    pub fn must_press_one(&mut self, leg: u16, now: Moment) -> bool {
        let Some(up) = self.up.iter_mut().find(|up| up.leg == leg) else { return false };
        match up.candidate.reach.accept {
            Accept::PickUp => false,
            Accept::PressOne => {
                up.answer = Answer::PressOneAwaited { last: None };
                up.until = now.mono + WHISPER_TAKES_AT_MOST;
                true
            }
        }
    }

    /// The last words of what a person is told before the key is awaited.
    pub fn whispers(&mut self, leg: u16, last: SayingId) {
        if let Some(up) = self.up.iter_mut().find(|up| up.leg == leg) {
            up.answer = Answer::PressOneAwaited { last: Some(last) };
        }
    }

    /// Those words came to their end.
    pub fn whispered(&mut self, saying: SayingId, now: Moment) {
        let told = Answer::PressOneAwaited { last: Some(saying) };
        if let Some(up) = self.up.iter_mut().find(|up| up.answer == told) {
            up.until = up.until.min(now.mono + PRESS_ONE_WITHIN);
        }
    }

    pub fn ring_for(&self) -> Duration {
        self.ring_for
    }

    pub fn is_up(&self, leg: u16) -> bool {
        self.up.iter().any(|up| up.leg == leg)
    }

    pub fn awaits_press(&self, leg: u16) -> bool {
        self.up.iter().any(|up| up.leg == leg && matches!(up.answer, Answer::PressOneAwaited { .. }))
    }

    /// Takes a phone off the list, whatever came of it.
    pub fn remove(&mut self, leg: u16) -> Option<Up> {
        let at = self.up.iter().position(|up| up.leg == leg)?;
        Some(self.up.remove(at))
    }

    /// Phones whose time is up, taken off the list.
    pub fn overdue(&mut self, now: Moment) -> Vec<Up> {
        self.up.extract_if(.., |up| up.until <= now.mono).collect()
    }

    /// Every phone still up, taken off the list.
    pub fn take_all(&mut self) -> Vec<Up> {
        std::mem::take(&mut self.up)
    }

    pub fn deadline(&self) -> Option<Deadline<Why>> {
        let first = self.up.iter().min_by_key(|up| up.until)?;
        let why = match first.answer {
            Answer::Awaited | Answer::PressOneAwaited { .. } => Why::PersonDidNotAnswer,
            Answer::HandedOver => Why::HandoverUntold,
        };
        Some(Deadline { at: first.until, why })
    }

    pub fn is_spent(&self) -> bool {
        self.up.is_empty() && self.waiting.is_empty() && self.set_aside.is_empty()
    }
}
