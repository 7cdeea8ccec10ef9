//! Engines, store and recordings: what answers beside a call, late, wrong, or never.

use std::borrow::Cow;
use std::time::Duration;

use desk::booking::Booking;
use desk::call::{Heard, ListenId};
use desk::intake::Words;
use desk::machine::Ask;
use desk::record::{CallId, Outcome, Record};
use line::{Event, Keep, SoundId};

use super::callers::{Captured, Recording};
use super::{Day, Happening};
use crate::faults::Fault;
use crate::promises::Seen;
use crate::report::CallReport;
use crate::sabotage::Sabotage;

impl Day<'_> {
    /// The engine makes words of what was captured.
    pub(super) fn conclude(&mut self, call: &CallId, listen: ListenId) {
        let captured = match self.visit(call) {
            Some(visit) if visit.listen == Some(listen) => visit.captured.take(),
            _ => None,
        };
        let Some(captured) = captured else {
            return self.heard_later(0, 5, call, listen, Heard::Nothing);
        };
        let right = match captured {
            Captured::Phrase(text) => Heard::Words(Words { text, confidence: 5.0, sure: true }),
            Captured::Noise => Heard::NotUnderstood,
        };
        if self.throw(Fault::HearingSilent) {
            return;
        }
        if self.throw(Fault::HearingLate) {
            return self.heard_later(1_900, 6_000, call, listen, right);
        }
        let heard = if self.throw(Fault::HearingFails) {
            Heard::Failed
        } else if self.throw(Fault::HearingEmpty) {
            Heard::Words(Words { text: String::new(), confidence: 0.0, sure: false })
        } else if self.throw(Fault::Misheard) {
            Heard::NotUnderstood
        } else if self.throw(Fault::Unheard) {
            Heard::Nothing
        } else {
            right
        };
        if self.throw(Fault::HearingAgain) {
            let again = Event::Heard { call: call.clone(), listen, heard: heard.clone() };
            self.later(400, 5_000, Happening::TellAgain(again));
        }
        self.heard_later(60, 350, call, listen, heard);
    }

    /// Something is to be kept.
    pub(super) fn store(&mut self, call: CallId, ask: Option<Ask>, keep: Keep) {
        match &keep {
            Keep::Arrival(_) => return self.begun(&call),
            Keep::Record(record) => self.filed(record),
            // Counted where it was turned away.
            Keep::TurnedAway(_) => return,
            Keep::Booking(_) | Keep::Callback(_) | Keep::Message(_) => {}
        }
        if self.throw(Fault::StoreSilent) {
            return self.keep_at_last(call, keep);
        }
        if self.throw(Fault::StoreReplyLost) {
            return self.later(1, 30, Happening::Stores { call, ask: None, keep, stored: true });
        }
        let (least, most, stored) = if self.throw(Fault::StoreLate) {
            (2_900, 9_000, true)
        } else {
            (1, 30, !self.throw(Fault::StoreRefuses))
        };
        if self.sabotage == Some(Sabotage::KeepsRecordsTwice) && matches!(keep, Keep::Record(_)) {
            let again = line::Action::Store { call: call.clone(), ask, keep: keep.clone() };
            self.ordered(&again);
        }
        self.later(least, most, Happening::Stores { call, ask, keep, stored });
    }

    /// The store is done, and answers if anything waits.
    pub(super) fn stores(&mut self, call: &CallId, ask: Option<Ask>, keep: &Keep, stored: bool) {
        let stored = stored && !self.is_taken(keep);
        let claims = self.sabotage == Some(Sabotage::ClaimsToHaveStored);
        match stored {
            true if claims => {}
            true => self.kept(call, keep),
            false => self.keep_at_last(call.clone(), keep.clone()),
        }
        if let (Keep::Booking(booking), Some(Sabotage::GivesASlotTwice)) = (keep, self.sabotage) {
            let other = Booking { key: format!("{}-again", booking.key), ..Booking::clone(booking) };
            self.kept(call, &Keep::Booking(Box::new(other)));
        }
        if let Some(ask) = ask {
            self.tell(Event::Stored { call: call.clone(), ask, stored: stored || claims });
        }
    }

    /// The store that ships gives a crew's time to one visit only, whatever it is told.
    fn is_taken(&self, keep: &Keep) -> bool {
        let Keep::Booking(new) = keep else { return false };
        let clashes = |old: &Booking| {
            (&old.calendar, old.slot.crew) == (&new.calendar, new.slot.crew)
                && old.slot.start < new.slot.end
                && new.slot.start < old.slot.end
        };
        self.bookings.iter().any(|old| clashes(old) && old.key != new.key)
    }

    /// A callback task that finds no room waits for it in memory, as the store that ships lets it.
    fn keep_at_last(&mut self, call: CallId, keep: Keep) {
        if matches!(keep, Keep::Callback(_)) {
            self.later(20_000, 3_600_000, Happening::KeptAtLast { call, keep });
        }
    }

    /// A call that was lost because its task waited for room is not lost after all.
    fn put_right(&mut self, call: &CallId, keep: &Keep) {
        let Keep::Callback(task) = keep else { return };
        let Some(mut record) = self.unkept.remove(call) else { return };
        if record.put_right(&task.id)
            && let Some(report) = self.calls.iter_mut().find(|report| report.id == *call)
        {
            report.outcome = record.outcome;
        }
    }

    pub(super) fn kept(&mut self, call: &CallId, keep: &Keep) {
        match keep {
            Keep::Booking(booking) => self.bookings.push(Booking::clone(booking)),
            Keep::Callback(task) => drop(self.tasks.insert(call.clone(), task.id.clone())),
            Keep::Arrival(_) | Keep::Message(_) | Keep::TurnedAway(_) | Keep::Record(_) => {}
        }
        let broken = self.promises.see(Seen::Kept { call, keep }, self.now);
        self.note(broken);
        self.put_right(call, keep);
    }

    /// The desk knows of the call whose invitation is being taken.
    fn begun(&mut self, call: &CallId) {
        let Some(leg) = self.invited.take() else { return };
        self.by_id.insert(call.clone(), leg);
        if let Some(visit) = self.visits.get_mut(&leg) {
            visit.id = Some(call.clone());
        }
    }

    fn filed(&mut self, record: &Record) {
        let Some(visit) = self.visit(&record.id) else { return };
        let goal = visit.caller.goal;
        let longest_silence = visit.longest_silence;
        let rung = std::mem::take(&mut visit.rung);
        let rung = rung.iter().map(|to| self.world.shop.who_is_at(to)).collect();
        let mut record = Cow::Borrowed(record);
        if let Some(task) = self.tasks.get(&record.id) {
            record.to_mut().put_right(task);
        }
        let (id, outcome) = (record.id.clone(), record.outcome);
        let reached = goal.is_reached(fared(&record), self.world.rings_for_an_agent(&record));
        if outcome == Outcome::Lost {
            self.unkept.insert(id.clone(), record.into_owned());
        }
        self.calls.push(CallReport { id, goal, outcome, reached, longest_silence, rung });
    }

    pub(super) fn take_message(&mut self, call: &CallId, sound: SoundId, hang: Duration) {
        let fails = self.throw(Fault::RecordingFails);
        let now = self.now.mono;
        if let Some(visit) = self.visit(call) {
            visit.recording = if fails { Recording::Failed } else { Recording::Since(now) };
        }
        if fails {
            self.later(5, 50, Happening::Tell(Event::MessageEnded { call: call.clone(), seconds: 0.0 }));
        }
        self.on_leg(sound, |leg, now| leg.record(hang, now));
    }

    pub(super) fn end_message(&mut self, call: &CallId) {
        let now = self.now.mono;
        let Some(visit) = self.visit(call) else { return };
        let (recording, sound) = (std::mem::replace(&mut visit.recording, Recording::None), visit.sound);
        let seconds = match recording {
            Recording::Since(began) => now.saturating_sub(began).as_secs_f64(),
            // Its end was told when it failed.
            Recording::Failed => return,
            Recording::None => 0.0,
        };
        if !self.throw(Fault::RecordingSilent) {
            self.later(10, 120, Happening::Tell(Event::MessageEnded { call: call.clone(), seconds }));
        }
        if let Some(sound) = sound {
            self.on_leg(sound, crate::sound::Leg::recorded);
        }
    }

    /// A recording ends with the sound it is made of.
    pub(super) fn end_unfinished_message(&mut self, sound: SoundId) {
        let Some(leg) = self.caller_of.get(&sound) else { return };
        let Some(visit) = self.visits.get_mut(leg) else { return };
        let recording = std::mem::replace(&mut visit.recording, Recording::None);
        if let (Recording::Since(began), Some(call)) = (recording, visit.id.clone()) {
            let seconds = self.now.mono.saturating_sub(began).as_secs_f64();
            self.later(10, 120, Happening::Tell(Event::MessageEnded { call, seconds }));
        }
    }
}

/// Whoever takes a call that no assistant had before, as at an office the caller has chosen, gives as much as who picks up first.
fn fared(record: &Record) -> Outcome {
    let had_assistant = record.steps.iter().any(|taken| taken.step == "assistant");
    match record.outcome {
        Outcome::Transferred if !had_assistant => Outcome::Answered,
        outcome => outcome,
    }
}
