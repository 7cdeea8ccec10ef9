//! One calendar's time: what is open, taken, held and free.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Booking, BookingError, Draft, OPEN_BOOKINGS_PER_CALLER, Slot, Status, booking_key};
use crate::hours::OfficeHours;
use crate::number::E164;
use crate::understand::{Visit, Wish};

/// What the owner configured for a calendar.
#[derive(Clone, Debug)]
pub struct DiaryRules {
    /// Whose bookings these are; part of every booking's key.
    pub tenant: String,
    /// The calendar's name.
    pub calendar: String,
    /// When visits can be made.
    pub hours: Arc<OfficeHours>,
    /// How long one takes; at least five minutes.
    pub visit: Duration,
    /// The least time between the call and the visit.
    pub lead: Duration,
    /// How far ahead visits are booked.
    pub horizon: Duration,
    /// How many visits can run at once; at least one.
    pub crews: u16,
    /// How many slots are offered at a time, at most nine (each has a key).
    pub offers: usize,
}

/// The most days looked ahead, whatever the horizon says: a bound on the work of one search.
const MOST_DAYS: i64 = 120;

#[derive(Clone, Debug)]
struct Held {
    slots: Vec<Slot>,
    until: Timestamp,
}

/// One calendar, as the calls of this moment see it.
#[derive(Clone, Debug)]
pub struct Diary {
    rules: DiaryRules,
    busy: Vec<(Timestamp, Timestamp)>,
    /// By key, without those that were called off.
    bookings: BTreeMap<String, Booking>,
    /// By call.
    holds: BTreeMap<String, Held>,
    /// Being stored: the answer is still to come, whatever has become of the call.
    ordered: Vec<Booking>,
    /// The grid of visits as it was laid out last.
    grid: Option<Grid>,
}

/// Every visit that the opening hours allow from the dawn of a day on, free or not. It is the same all day long.
#[derive(Clone, Debug)]
struct Grid {
    dawn: Timestamp,
    visits: Vec<Visit>,
}

/// A visit that this crew could make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Free {
    visit: Visit,
    crew: u16,
}

/// Time that is gone: for one crew, or for all.
#[derive(Clone, Copy, Debug)]
struct Taken {
    start: Timestamp,
    end: Timestamp,
    crew: Option<u16>,
}

impl Taken {
    fn clashes(&self, start: Timestamp, end: Timestamp, crew: u16) -> bool {
        self.start < end && start < self.end && self.crew.is_none_or(|taken| taken == crew)
    }
}

/// All of it, in order. Visits are asked about in order as well, so that each is held only against what is near.
#[derive(Debug)]
struct Gone {
    taken: Vec<Taken>,
    longest: SignedDuration,
    /// So much of it is over before the visit that was asked about last.
    passed: usize,
}

impl Gone {
    fn of(mut taken: Vec<Taken>) -> Gone {
        taken.sort_unstable_by_key(|taken| taken.start);
        let longest = taken.iter().map(|taken| taken.end.duration_since(taken.start)).max();
        Gone { taken, longest: longest.unwrap_or_default(), passed: 0 }
    }

    /// The first crew that could make this visit.
    fn leaves(&mut self, visit: &Visit, crews: u16) -> Option<u16> {
        let is_over = |taken: &&Taken| visit.start.duration_since(taken.start) >= self.longest;
        self.passed += self.taken[self.passed..].iter().take_while(is_over).count();
        let near = self.taken[self.passed..].iter().take_while(|taken| taken.start < visit.end);
        (1..=crews).find(|crew| !near.clone().any(|taken| taken.clashes(visit.start, visit.end, *crew)))
    }
}

impl Diary {
    /// An empty diary.
    pub fn new(mut rules: DiaryRules) -> Diary {
        rules.crews = rules.crews.max(1);
        rules.offers = rules.offers.clamp(1, 9);
        rules.visit = rules.visit.max(Duration::from_secs(300));
        Diary {
            rules,
            busy: Vec::new(),
            bookings: BTreeMap::new(),
            holds: BTreeMap::new(),
            ordered: Vec::new(),
            grid: None,
        }
    }

    /// Takes up a changed configuration; bookings, orders, holds and busy times stay.
    pub fn set_rules(&mut self, rules: DiaryRules) {
        self.rules = Diary::new(rules).rules;
        self.grid = None;
    }

    /// Replaces the times that are taken for every crew, as another calendar shows them.
    pub fn set_busy(&mut self, busy: Vec<(Timestamp, Timestamp)>) {
        self.busy = busy;
    }

    /// The calendar's name.
    pub fn calendar(&self) -> &str {
        &self.rules.calendar
    }

    /// Up to three (or as configured) free slots, all held for `call` until `until` in place of whatever it held: those that fit
    /// the wish, soonest first and spread over parts of the day and days, or, if none fits, those nearest to it. Empty if nothing
    /// is free at all.
    ///
    /// A slot held for another call is not free.
    pub fn offer(&mut self, wish: &Wish, call: &str, until: Timestamp, now: Timestamp) -> Vec<Slot> {
        self.forget_lapsed(now);
        let slots = self.find(wish, call, now);
        self.holds.insert(call.to_string(), Held { slots: slots.clone(), until });
        slots
    }

    /// Holds one slot for `call` until `until`, and gives its others back.
    pub fn hold(
        &mut self,
        slot: &Slot,
        call: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), BookingError> {
        self.forget_lapsed(now);
        self.check_free(slot, call, now)?;
        self.holds.insert(call.to_string(), Held { slots: vec![slot.clone()], until });
        Ok(())
    }

    /// Gives back everything `call` holds.
    pub fn release(&mut self, call: &str) {
        self.holds.remove(call);
    }

    /// Whether any time is held for `call`, lapsed or not.
    pub fn holds_for(&self, call: &str) -> bool {
        self.holds.contains_key(call)
    }

    /// Whether this caller may book one more visit.
    pub fn may_book(&self, caller: &E164, now: Timestamp) -> bool {
        let open = self.bookings.values().chain(&self.ordered).filter(|booking| booking.slot.end > now);
        open.filter(|b| b.caller.as_ref() == Some(caller) || b.callback == *caller).count()
            < OPEN_BOOKINGS_PER_CALLER
    }

    /// Makes the booking that is to be stored, in place of whatever `call` held. Nothing is promised yet.
    ///
    /// Its time is taken until the store has answered and it is [settled](Diary::settle), also if the call ends before.
    /// Asking again for what the same caller has booked, or ordered, gives that booking.
    pub fn prepare(&mut self, draft: &Draft, call: &str, now: Timestamp) -> Result<Booking, BookingError> {
        let booking = self.write_out(draft, call, now);
        if let Some(known) = self.known(&booking.key) {
            self.ordered.push(known.clone());
            return Ok(known);
        }
        if draft.slot.start <= now {
            return Err(BookingError::SlotPast { start: draft.slot.start });
        }
        if !self.may_book(draft.caller.as_ref().unwrap_or(&draft.callback), now)
            || !self.may_book(&draft.callback, now)
        {
            return Err(BookingError::TooManyOpen);
        }
        self.check_free(&draft.slot, call, now)?;
        self.release(call);
        self.ordered.push(booking.clone());
        Ok(booking)
    }

    /// The store has answered an order: the booking is [kept](Diary::keep), or its time is free again.
    pub fn settle(&mut self, booking: Booking, stored: bool) {
        if let Some(at) = self.ordered.iter().position(|ordered| ordered.key == booking.key) {
            self.ordered.swap_remove(at);
        }
        if stored {
            self.keep(booking);
        }
    }

    /// Takes a stored booking into account: at start for every one there is, and after each new one is stored.
    /// Twice is the same as once; a cancelled one frees its time.
    pub fn keep(&mut self, booking: Booking) {
        match booking.status {
            Status::Requested | Status::Confirmed => {
                self.bookings.insert(booking.key.clone(), booking);
            }
            Status::Cancelled => {
                self.bookings.remove(&booking.key);
            }
        }
    }

    /// Bookings that have not been called off, by time.
    pub fn bookings(&self) -> Vec<&Booking> {
        let mut all: Vec<_> = self.bookings.values().collect();
        all.sort_by_key(|booking| (booking.slot.start, booking.slot.crew));
        all
    }

    /// What has been booked, or is being stored, by this key.
    fn known(&self, key: &str) -> Option<Booking> {
        let ordered = || self.ordered.iter().find(|booking| booking.key == key);
        self.bookings.get(key).or_else(ordered).cloned()
    }

    fn write_out(&self, draft: &Draft, call: &str, now: Timestamp) -> Booking {
        let who = draft.caller.as_ref().unwrap_or(&draft.callback);
        let resource = format!("{}/crew{}", self.rules.calendar, draft.slot.crew);
        let key = booking_key(&self.rules.tenant, Some(who), draft.slot.start, &resource);
        Booking {
            id: format!("b-{}", &key[..10]),
            key,
            calendar: self.rules.calendar.clone(),
            slot: draft.slot.clone(),
            caller: draft.caller.clone(),
            callback: draft.callback.clone(),
            service: draft.service.clone(),
            urgency: draft.urgency,
            note: draft.note.clone(),
            clips: BTreeMap::new(),
            call: call.to_string(),
            made: now,
            status: Status::Confirmed,
        }
    }

    fn forget_lapsed(&mut self, now: Timestamp) {
        self.holds.retain(|_, held| held.until > now);
    }

    fn check_free(&self, slot: &Slot, call: &str, now: Timestamp) -> Result<(), BookingError> {
        if slot.start <= now {
            return Err(BookingError::SlotPast { start: slot.start });
        }
        match slot.crew <= self.rules.crews && self.is_free(slot, call, now) {
            true => Ok(()),
            false => Err(BookingError::SlotTaken { start: slot.start }),
        }
    }

    fn is_free(&self, slot: &Slot, call: &str, now: Timestamp) -> bool {
        !self.taken(call, now).any(|taken| taken.clashes(slot.start, slot.end, slot.crew))
    }

    /// Everything that is not free for `call`.
    fn taken(&self, call: &str, now: Timestamp) -> impl Iterator<Item = Taken> {
        let of_slot = |slot: &Slot| Taken { start: slot.start, end: slot.end, crew: Some(slot.crew) };
        let others = self.holds.iter().filter(move |(holder, held)| *holder != call && held.until > now);
        let busy = self.busy.iter().map(|&(start, end)| Taken { start, end, crew: None });
        let booked = self.bookings.values().chain(&self.ordered).map(move |booking| of_slot(&booking.slot));
        busy.chain(booked).chain(others.flat_map(|(_, held)| &held.slots).map(of_slot))
    }

    /// What would be offered to `call`; nothing is held.
    pub fn find(&mut self, wish: &Wish, call: &str, now: Timestamp) -> Vec<Slot> {
        let (free, many) = (self.free(call, now), self.rules.offers);
        let mut fitting = free.iter().filter(|free| wish.suits(&free.visit)).copied().peekable();
        let chosen = match (fitting.peek().is_some(), wish.soonest) {
            (false, _) => nearest(free, wish, many),
            (true, true) => fitting.take(many).collect(),
            (true, false) => spread(&fitting.collect::<Vec<_>>(), many),
        };
        chosen.into_iter().map(|free| self.slot(free)).collect()
    }

    fn slot(&self, Free { visit: Visit { start, end, .. }, crew }: Free) -> Slot {
        Slot { start, end, crew, zone: self.rules.hours.zone().clone() }
    }

    /// Every time that is free for some crew, in order, each with the first crew that is.
    fn free(&mut self, call: &str, now: Timestamp) -> Vec<Free> {
        let first = now.checked_add(far(self.rules.lead)).unwrap_or(Timestamp::MAX);
        let last = now.checked_add(self.horizon()).unwrap_or(Timestamp::MAX);
        let grid = self.grid_of(first);
        let mut taken = Vec::with_capacity(
            self.busy.len() + self.bookings.len() + self.ordered.len() + self.rules.offers * self.holds.len(),
        );
        taken.extend(self.taken(call, now).filter(|taken| taken.end > first));
        let mut gone = Gone::of(taken);
        let visits = grid.visits.iter().filter(|visit| visit.start >= first && visit.end <= last);
        let mut free = Vec::with_capacity(grid.visits.len());
        free.extend(visits.filter_map(|visit| {
            let crew = gone.leaves(visit, self.rules.crews)?;
            Some(Free { visit: *visit, crew })
        }));
        self.grid = Some(grid);
        free
    }

    fn horizon(&self) -> SignedDuration {
        far(self.rules.horizon).min(SignedDuration::from_hours(24 * MOST_DAYS))
    }

    /// The grid of the day in which this moment lies, laid out anew only when the day is another.
    fn grid_of(&mut self, first: Timestamp) -> Grid {
        let zone = self.rules.hours.zone();
        let dawn = first.to_zoned(zone.clone()).start_of_day().map_or(first, |zoned| zoned.timestamp());
        match self.grid.take() {
            Some(grid) if grid.dawn == dawn => grid,
            _ => Grid { dawn, visits: self.windows(dawn) },
        }
    }

    /// From each opening, and from each midnight, one visit after another until closing, for as far ahead as is looked on that
    /// day.
    fn windows(&self, dawn: Timestamp) -> Vec<Visit> {
        let zone = self.rules.hours.zone();
        let visit = far(self.rules.visit);
        // A day has at most 25 hours.
        let ahead = self.horizon().saturating_add(SignedDuration::from_hours(25));
        let last = dawn.checked_add(ahead).unwrap_or(Timestamp::MAX);
        let mut windows = Vec::new();
        for (open, close) in self.rules.hours.open_intervals(dawn, last) {
            let (mut start, mut midnight) = (open, midnight_after(open, zone));
            while let Ok(end) = start.checked_add(visit) {
                if end > close {
                    break;
                }
                windows.push(Visit::between(start, end, zone));
                start = end.min(midnight);
                if start == midnight {
                    midnight = midnight_after(start, zone);
                }
            }
        }
        windows
    }
}

/// The beginning of the next day.
fn midnight_after(at: Timestamp, zone: &TimeZone) -> Timestamp {
    let midnight = at.to_zoned(zone.clone()).tomorrow().and_then(|next| next.start_of_day());
    midnight.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
}

fn far(by: Duration) -> SignedDuration {
    SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX)
}

/// The soonest; then the soonest of another half of a day; then the soonest of another day; then whatever is left.
fn spread(fitting: &[Free], many: usize) -> Vec<Free> {
    let day = |free: &Free| free.visit.day();
    let half = |free: &Free| (free.visit.day(), free.visit.is_after_noon());
    let mut chosen: Vec<&Free> = fitting.iter().take(1).collect();
    while chosen.len() < many.min(fitting.len()) {
        let left = || fitting.iter().filter(|free| !chosen.contains(free));
        let other_day = left().find(|free| chosen.len() >= 2 && !chosen.iter().any(|c| day(c) == day(free)));
        let other_half = || left().find(|free| !chosen.iter().any(|c| half(c) == half(free)));
        match other_day.or_else(other_half).or_else(|| left().next()) {
            Some(next) => chosen.push(next),
            None => break,
        }
    }
    chosen.sort_by_key(|free| free.visit.start);
    chosen.into_iter().copied().collect()
}

/// Those least far from the wish, in order of time.
fn nearest(mut free: Vec<Free>, wish: &Wish, many: usize) -> Vec<Free> {
    free.sort_by_cached_key(|free| (wish.distance(&free.visit), free.visit.start));
    free.truncate(many);
    free.sort_by_key(|free| free.visit.start);
    free
}
