//! What befalls everybody at once: a desk that dies and is started anew, a trunk that drops its calls or is down, a machine that
//! is short of a core.

use std::time::Duration;

use desk::record::Outcome;
use line::{Event, Exchange};
use sip::{EndedBy, LegId, Notice};

use super::trunk::State;
use super::wire::Wire;
use super::{Day, Happening};
use crate::promises::Seen;
use crate::report::CallReport;

impl Day<'_> {
    /// Nothing that the desk knew is left but what the store holds; whoever was on the line hears it break off.
    ///
    /// Of every call without a record the next start makes one, `interrupted` with a callback task. That is the store's own
    /// work and tested there.
    pub(super) fn desk_dies(&mut self) {
        let mut setup = self.world.shop.setup();
        setup.salt = self.starts << 20;
        self.starts += 1;
        for booking in &self.bookings {
            if let Some(diary) = setup.diaries.get_mut(&booking.calendar) {
                diary.keep(booking.clone());
            }
        }
        self.exchange = Exchange::new(setup);
        self.agenda.retain(|(_, happening)| outlives_the_desk(happening));
        self.soon.clear();
        let shop = &self.world.shop;
        for (_, visit) in self.visits.in_order_mut().filter(|(_, visit)| visit.state != State::Over) {
            visit.state = State::Over;
            if let Some(id) = visit.id.clone() {
                let (goal, longest_silence) = (visit.caller.goal, visit.longest_silence);
                let rung = std::mem::take(&mut visit.rung).iter().map(|to| shop.who_is_at(to)).collect();
                let outcome = Outcome::Interrupted;
                let reached = true;
                self.calls.push(CallReport { id, goal, outcome, reached, longest_silence, rung });
            }
        }
        self.phones.clear();
        self.sounds.clear();
        self.wakes.clear();
        self.sound_of.clear();
        self.caller_of.clear();
        self.phone_of.clear();
        self.bridged.clear();
        self.by_id.clear();
        (self.inviting, self.invited, self.opened) = (None, None, None);
        self.told.clear();
        if self.wire.is_some() {
            self.wire = Some(Wire::new(self.world.trunks(), self.seed ^ self.starts.rotate_left(32)));
        }
        let broken = self.promises.see(Seen::Died, self.now);
        self.note(broken);
    }

    /// Both sides of every call on the trunk end, as its carrier tells.
    pub(super) fn trunk_drops(&mut self, trunk: &str) {
        let is_up = |state: State| state != State::Over;
        let callers: Vec<LegId> = self
            .visits
            .in_order()
            .filter(|(_, visit)| visit.trunk == trunk && is_up(visit.state))
            .map(|(leg, _)| *leg)
            .collect();
        for leg in callers {
            self.takes_dice_of(self.visits.get(&leg).map(|visit| visit.owner));
            match self.visits.get(&leg).map(|visit| visit.state) {
                Some(State::Ringing) => self.notice(Notice::Cancelled { leg }),
                Some(State::Answered) => self.notice(Notice::Ended { leg, by: EndedBy::FarEnd }),
                Some(State::Over) | None => {}
            }
        }
        let phones: Vec<LegId> = self
            .phones
            .in_order()
            .filter(|(_, phone)| phone.via.as_deref() == Some(trunk) && phone.state == State::Answered)
            .map(|(leg, _)| *leg)
            .collect();
        for leg in phones {
            self.notice(Notice::Ended { leg, by: EndedBy::FarEnd });
        }
    }

    /// Whether nothing passes over a trunk now.
    pub(super) fn is_down(&self, trunk: &str) -> bool {
        let at: Duration = self.now.mono;
        self.down.get(trunk).is_some_and(|(from, until)| (*from..*until).contains(&at))
    }
}

/// What the media threads tell of a stretch of time. The shop's own callers would seldom be a load: the machine looks after
/// others as well.
pub(super) fn paced(late_ratio: f64) -> Event {
    Event::Paced { late_ratio, legs: 50 }
}

/// What does not depend on the process that was.
fn outlives_the_desk(happening: &Happening) -> bool {
    match happening {
        Happening::Arrives { .. }
        | Happening::DeskStops(_)
        | Happening::DeskDies
        | Happening::ClockSteps(_)
        | Happening::TrunkDrops(_)
        | Happening::SoundPaced(_) => true,
        // What found no room waits for it in memory, and goes with the process.
        Happening::KeptAtLast { .. }
        | Happening::Tell(_)
        | Happening::TellAgain(_)
        | Happening::Notice(_)
        | Happening::Bytes { .. }
        | Happening::Released(_)
        | Happening::Stores { .. }
        | Happening::CallerDoes { .. }
        | Happening::CallerPresses { .. }
        | Happening::CallerHangsUp(_)
        | Happening::LineDies(_)
        | Happening::PersonPresses { .. }
        | Happening::PersonHangsUp(_) => false,
    }
}
