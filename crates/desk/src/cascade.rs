//! Who is tried, in which order, until the caller has an answer.
//!
//! A [`Cascade`] walks the steps of a plan and keeps what came of each. Choosing the plan happens in
//! [`routing`](crate::routing); ringing and talking are [`call`](crate::call)'s work.
//!
//! Invariant: a step that was begun is ended exactly once, and when the steps are exhausted the caller is
//! to be called back, which needs no one to pick up.

use std::collections::VecDeque;

use crate::business::{Step, Whom};
use crate::machine::Moment;
use crate::record::{StepResult, StepTaken, Tried, Urgency};
use crate::sabotage::{Sabotage, is};

/// The walk through one plan's steps.
#[derive(Debug)]
pub struct Cascade {
    ahead: VecDeque<Step>,
    open: Option<Open>,
    /// How often a step was taken up again.
    again: u8,
    taken: Vec<StepTaken>,
}

/// A caller who was cut off from a person is put through again so often.
const MOST_AGAIN: u8 = 2;

#[derive(Debug)]
struct Open {
    step: StepTaken,
    since: Moment,
}

impl Cascade {
    /// A walk that has not begun.
    pub fn new(steps: Vec<Step>) -> Self {
        Cascade { ahead: steps.into(), open: None, again: 0, taken: Vec::new() }
    }

    /// Begins the next step for a caller whose matter is as urgent as that, or gives `None` when all were tried.
    pub fn begin_next(&mut self, urgency: Urgency, now: Moment) -> Option<Step> {
        self.end(StepResult::NobodyTook, now);
        if is(Sabotage::SkipsAStep) && !self.taken.is_empty() {
            self.ahead.pop_front();
        }
        loop {
            let step = self.ahead.pop_front()?;
            self.open(step.done(), now);
            match step.for_urgency(urgency) {
                Some(step) => return Some(step.clone()),
                None => self.end(StepResult::NotUrgent, now),
            }
        }
    }

    /// The call goes on at another office: its steps take the place of those that were to come.
    pub fn go_on_with(&mut self, steps: Vec<Step>) {
        self.ahead = steps.into();
    }

    /// Nobody asks whether this caller's matter can wait, so that what is ahead for urgent callers is for this one as well.
    pub fn take_as_urgent(&mut self) {
        for step in &mut self.ahead {
            *step = step.done().clone();
        }
    }

    /// Opens the assistant's step once more: a caller is back from a person.
    pub fn back_to_assistant(&mut self, now: Moment) {
        self.begin(&Step::Assistant, now);
    }

    /// Begins a step that is not in the plan.
    pub fn begin(&mut self, step: &Step, now: Moment) {
        self.end(StepResult::NobodyTook, now);
        self.open(step, now);
    }

    /// What came last of ringing somebody in the open step.
    pub fn came_last(&self) -> Option<Tried> {
        self.open.as_ref()?.step.tried.last().map(|(_, tried)| *tried)
    }

    /// Puts a step in front of those to come, so that who was cut off reaches the person again: twice at most.
    pub fn once_more(&mut self, step: Step) {
        if self.again < MOST_AGAIN {
            self.again += 1;
            self.ahead.push_front(step);
        }
    }

    fn open(&mut self, step: &Step, now: Moment) {
        let taken = StepTaken {
            step: title(step),
            tried: Vec::new(),
            result: StepResult::NobodyTook,
            started: now.wall,
            duration_ms: 0,
        };
        self.open = Some(Open { step: taken, since: now });
    }

    /// Notes what came of ringing one person in the open step.
    pub fn note(&mut self, person: &str, tried: Tried) {
        if let Some(open) = &mut self.open {
            open.step.tried.push((person.to_string(), tried));
        }
    }

    /// Ends the open step; nothing if none is open.
    pub fn end(&mut self, result: StepResult, now: Moment) {
        if let Some(Open { mut step, since }) = self.open.take() {
            step.result = result;
            step.duration_ms = millis(now, since);
            self.taken.push(step);
        }
    }

    /// Leaves out what stands before the next ringing of people; false if for this caller nobody is to be rung any more.
    pub fn skip_to_person(&mut self, urgency: Urgency) -> bool {
        self.skip_to(|step| matches!(step.for_urgency(urgency), Some(Step::Ring { .. } | Step::Queue { .. })))
    }

    /// Leaves out what stands before the next message, if a message is still to come.
    pub fn skip_to_message(&mut self) {
        self.skip_to(|step| matches!(step, Step::Message));
    }

    fn skip_to(&mut self, wanted: impl Fn(&Step) -> bool) -> bool {
        let position = self.ahead.iter().position(wanted);
        if let Some(position) = position {
            self.ahead.drain(..position);
        }
        position.is_some()
    }

    /// Everything tried so far, for the record.
    pub fn taken(&self) -> &[StepTaken] {
        &self.taken
    }
}

fn title(step: &Step) -> String {
    match step {
        Step::Ring { whom: Whom::Target(name), .. } => format!("forward {name}"),
        Step::Ring { whom, .. } => format!("ring {}", whom.name()),
        Step::Queue { whom, .. } => format!("queue {}", whom.name()),
        Step::Urgent(step) => title(step),
        Step::Offices(_) => "offices".to_string(),
        Step::Assistant => "assistant".to_string(),
        Step::Message => "message".to_string(),
        Step::Refuse => "refuse".to_string(),
    }
}

fn millis(now: Moment, since: Moment) -> u64 {
    u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX)
}
