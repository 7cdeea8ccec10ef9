//! Slots, bookings, messages and records: what calls ask of the switchboard and the store.

use std::time::Duration;

use desk::booking::{Booking, Draft, HOLD, Slot};
use desk::call::{Event as DeskEvent, Leg};
use desk::machine::{Ask, Moment};
use desk::record::{CallId, Record};
use desk::sabotage::{Sabotage, is};
use desk::understand::Wish;

use super::{CallNumber, Exchange};
use crate::contract::{Action, Keep};
use crate::live::What;

impl Exchange {
    pub(super) fn find_slots(
        &mut self,
        call: CallNumber,
        ask: Ask,
        calendar: Option<String>,
        wish: Wish,
        now: Moment,
    ) {
        let Some(id) = self.id_of(call) else { return };
        let until = now.wall.saturating_add(HOLD).unwrap_or(now.wall);
        let diary = calendar.and_then(|name| self.board.diary(&name));
        let slots = diary.map(|diary| diary.offer(&wish, &id.0, until, now.wall));
        let count = slots.as_ref().map_or(0, Vec::len);
        self.show(call, What::SlotsFound { count }, now);
        self.pending.push_back((call, DeskEvent::SlotsFound { ask, slots }));
    }

    pub(super) fn hold_slot(
        &mut self,
        call: CallNumber,
        ask: Ask,
        calendar: Option<String>,
        slot: &Slot,
        now: Moment,
    ) {
        let Some(id) = self.id_of(call) else { return };
        let until = now.wall.saturating_add(HOLD).unwrap_or(now.wall);
        let diary = calendar.and_then(|name| self.board.diary(&name));
        let held = diary.is_some_and(|diary| diary.hold(slot, &id.0, until, now.wall).is_ok());
        self.pending.push_back((call, DeskEvent::SlotHeld { ask, held }));
    }

    pub(super) fn release_hold(&mut self, call: CallNumber) {
        if let Some(id) = self.id_of(call) {
            self.board.release_holds(&id.0);
        }
    }

    pub(super) fn book(
        &mut self,
        call: CallNumber,
        ask: Ask,
        calendar: Option<String>,
        draft: &Draft,
        now: Moment,
    ) {
        let Some(id) = self.id_of(call) else { return };
        let diary = calendar.and_then(|name| self.board.diary(&name));
        match diary.and_then(|diary| diary.prepare(draft, &id.0, now.wall).ok()) {
            Some(booking) => {
                self.bookings.insert((id, ask), booking.clone());
                self.keep(call, Some(ask), Keep::Booking(Box::new(booking)));
            }
            None => self.pending.push_back((call, DeskEvent::Booked { ask, id: None })),
        }
    }

    /// The store has answered: a booking keeps its place in the diary, and the desk may promise.
    pub(super) fn stored(&mut self, id: &CallId, ask: Ask, stored: bool, now: Moment) {
        let call = self.by_id.get(id).copied();
        match (self.bookings.remove(&(id.clone(), ask)), call) {
            (Some(booking), call) => self.booking_stored(call, ask, booking, stored, now),
            (None, Some(call)) => self.tell(call, DeskEvent::Stored { ask, stored }, now),
            (None, None) => {}
        }
    }

    /// Also for a call that has ended meanwhile: what is stored keeps its time in the diary, what is not gives it back.
    fn booking_stored(
        &mut self,
        call: Option<CallNumber>,
        ask: Ask,
        booking: Booking,
        stored: bool,
        now: Moment,
    ) {
        let (id, start) = (booking.id.clone(), booking.slot.start);
        let calendar = booking.calendar.clone();
        if let Some(diary) = self.board.diary(&calendar) {
            diary.settle(booking, stored && !is(Sabotage::ForgetsABooking));
        }
        let Some(call) = call else { return };
        if stored {
            self.show(call, What::Booked { id: id.clone(), start }, now);
        }
        self.tell(call, DeskEvent::Booked { ask, id: stored.then_some(id) }, now);
    }

    pub(super) fn keep(&mut self, call: CallNumber, ask: Option<Ask>, keep: Keep) {
        if let Some(id) = self.id_of(call) {
            self.out.push_back(Action::Store { call: id, ask, keep });
        }
    }

    pub(super) fn take_message(&mut self, call: CallNumber, id: String, hang: Duration, now: Moment) {
        if let Some((name, sound)) = self.place(call, Leg::Caller) {
            self.out.push_back(Action::TakeMessage { call: name, sound, id, hang });
            self.show(call, What::TakingMessage, now);
        }
    }

    pub(super) fn file(&mut self, call: CallNumber, mut record: Box<Record>, now: Moment) {
        record.codec = self.calls.get(&call).and_then(|legs| legs.codec.clone());
        self.show(call, What::Ended { outcome: record.outcome }, now);
        self.keep(call, None, Keep::Record(record));
    }

    fn id_of(&self, call: CallNumber) -> Option<CallId> {
        self.calls.get(&call).map(|legs| legs.id.clone())
    }
}
