//! Callers who wait for somebody to be free: who of the people is on the phone, told to the queues.

use desk::business::{Person, Whom};
use desk::call::{Event as DeskEvent, Why};
use desk::machine::{Deadline, Moment};

use super::{CallNumber, Exchange};
use crate::legs::{PersonLeg, PersonState};
use crate::live::What;

impl Exchange {
    pub(super) fn wait_in_line(&mut self, call: CallNumber, whom: Whom, now: Moment) {
        if let Some(legs) = self.calls.get(&call) {
            self.board.queues_mut().wait(&legs.id, whom, now);
        }
    }

    pub(super) fn leave_line(&mut self, call: CallNumber) {
        if let Some(legs) = self.calls.get(&call) {
            self.board.queues_mut().leave(&legs.id);
        }
    }

    /// Tells whose turn it is, and who stands elsewhere than before. False if there was nothing to tell.
    pub(super) fn serve_queues(&mut self, now: Moment) -> bool {
        if self.board.queues().is_empty() {
            return false;
        }
        let business = std::sync::Arc::clone(&self.setup.business);
        let calls = &self.calls;
        let is_engaged = |name: &str| {
            let person = business.people.get(name);
            person.is_some_and(|person| {
                calls.values().any(|call| call.people.values().any(|leg| has(person, leg)))
            })
        };
        let queues = self.board.queues_mut();
        if let Some((id, person)) = queues.offer(&business, now, is_engaged) {
            let call = self.by_id.get(&id).copied();
            self.pending.extend(call.map(|call| (call, DeskEvent::PersonFree { person })));
            return true;
        }
        let Some((id, ahead)) = queues.news() else { return false };
        if let Some(&call) = self.by_id.get(&id) {
            self.show(call, What::Waits { ahead }, now);
            self.pending.push_back((call, DeskEvent::InLine { ahead }));
        }
        true
    }

    /// When somebody may be rung for a queue again.
    pub(super) fn rest_is_over(&self) -> Option<Deadline<Why>> {
        let at = self.board.queues().poll_deadline()?;
        Some(Deadline { at, why: Why::PersonHasRested })
    }
}

/// True while one of a person's phones rings or is off the hook.
fn has(person: &Person, leg: &PersonLeg) -> bool {
    leg.state != PersonState::Ended && person.reach.contains(&leg.reach)
}
