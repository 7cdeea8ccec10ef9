//! Visits: which times can be offered, who holds one, and what a booking is.
//!
//! A [`Diary`] is one calendar's knowledge of its own time. It lives on the control thread, so that two calls
//! never race; storing a booking durably, and telling a remote calendar, is the shell's work.
//! Invariant: one crew is never promised twice for overlapping time, neither by holds, nor by what is being stored, nor by bookings.

mod diary;
mod key;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use diary::{Diary, DiaryRules};
pub use key::booking_key;

pub use crate::understand::Wish;

use crate::number::E164;

/// Open bookings one caller may have, so that nobody fills the calendar.
pub const OPEN_BOOKINGS_PER_CALLER: usize = 2;

/// How long a slot stays with a call that was offered it and has not booked.
pub const HOLD: SignedDuration = SignedDuration::from_secs(180);

/// One visit that could be made: a window of time and the crew that would come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The earliest arrival.
    pub start: Timestamp,
    /// The end of the visit.
    pub end: Timestamp,
    /// Counted from 1.
    pub crew: u16,
    /// The office's clock, by which the slot is spoken.
    #[serde(with = "jiff::fmt::serde::tz::required")]
    pub zone: TimeZone,
}

/// How soon somebody is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// It can wait for the visit.
    #[default]
    Ordinary,
    /// The caller said it cannot wait.
    Urgent,
}

/// Everything the caller agreed to, before it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The slot read back and agreed to.
    pub slot: Slot,
    /// The template's name for what is wrong.
    pub service: String,
    /// How soon.
    pub urgency: Urgency,
    /// Who called, if the carrier said.
    pub caller: Option<E164>,
    /// Where to call back.
    pub callback: E164,
    /// What the caller said about it, in their words.
    pub note: String,
}

/// What became of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Stored here; the remote calendar has not confirmed yet.
    Requested,
    /// Stored where the office looks.
    Confirmed,
    /// Called off; its time is free again.
    Cancelled,
}

/// A visit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// What the office calls it.
    pub id: String,
    /// The same visit always has the same key: see [`booking_key`].
    pub key: String,
    /// The calendar it is in.
    pub calendar: String,
    /// When, by whom.
    pub slot: Slot,
    /// Who called, if the carrier said.
    pub caller: Option<E164>,
    /// Where to call back.
    pub callback: E164,
    /// The template's name for what is wrong.
    pub service: String,
    /// How soon.
    pub urgency: Urgency,
    /// What the caller said about it, in their words.
    pub note: String,
    /// What is kept as sound, by question (name, address): where the clip lies.
    pub clips: BTreeMap<String, String>,
    /// The call it was made in.
    pub call: String,
    /// When it was made.
    pub made: Timestamp,
    /// What became of it.
    pub status: Status,
}

/// Why an appointment could not be placed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BookingError {
    /// Taken between offer and confirmation. Offer the next slot.
    #[error("the slot at {start} is no longer free")]
    SlotTaken {
        /// Its start.
        start: Timestamp,
    },
    /// It began while the caller thought about it. Offer the next slot.
    #[error("the slot at {start} has begun")]
    SlotPast {
        /// Its start.
        start: Timestamp,
    },
    /// The caller has as many open bookings as one caller may have. Take a message.
    #[error("this caller has {OPEN_BOOKINGS_PER_CALLER} open bookings already")]
    TooManyOpen,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::civil::DateTime;

    use super::*;
    use crate::hours::OfficeHours;
    use crate::number::Country;
    use crate::understand::{Hours, When, Wish};

    fn chicago() -> TimeZone {
        TimeZone::get("America/Chicago").unwrap()
    }

    fn at(local: &str) -> Timestamp {
        local.parse::<DateTime>().unwrap().to_zoned(chicago()).unwrap().timestamp()
    }

    fn diary(crews: u16) -> Diary {
        let hours = OfficeHours::parse("Mo-Fr 08:00-17:00; PH off", &[], Country::US, chicago()).unwrap();
        let hour = |hours: u64| Duration::from_secs(hours * 3600);
        Diary::new(DiaryRules {
            tenant: "Rivera Plumbing".to_string(),
            calendar: "jobs".to_string(),
            hours: Arc::new(hours),
            visit: hour(2),
            lead: hour(2),
            horizon: hour(24 * 14),
            crews,
            offers: 3,
        })
    }

    fn starts(slots: &[Slot]) -> Vec<String> {
        slots.iter().map(|slot| slot.start.to_zoned(chicago()).strftime("%a %d %H:%M").to_string()).collect()
    }

    fn draft(slot: &Slot, caller: &str) -> Draft {
        let number: E164 = caller.parse().unwrap();
        Draft {
            slot: slot.clone(),
            service: "leak".to_string(),
            urgency: Urgency::Ordinary,
            caller: Some(number.clone()),
            callback: number,
            note: String::new(),
        }
    }

    /// A Monday.
    const NOW: &str = "2026-11-30T07:00";

    #[test]
    fn offers_are_the_soonest_then_another_half_of_the_day_then_another_day() {
        let slots = diary(1).find(&Wish::default(), "", at(NOW));
        assert_eq!(starts(&slots), ["Mon 30 10:00", "Mon 30 12:00", "Tue 01 08:00"]);
        let soonest = Wish { soonest: true, ..Wish::default() };
        assert_eq!(
            starts(&diary(1).find(&soonest, "", at(NOW))),
            ["Mon 30 10:00", "Mon 30 12:00", "Mon 30 14:00"]
        );
    }

    #[test]
    fn two_callers_are_never_offered_or_given_the_same_slot() {
        let mut diary = diary(1);
        let (now, until) = (at(NOW), at("2026-11-30T07:03"));
        let first = diary.offer(&Wish::default(), "call-1", until, now);
        let second = diary.offer(&Wish::default(), "call-2", until, now);
        assert!(second.iter().all(|slot| !first.contains(slot)));
        assert_eq!(
            diary.hold(&first[0], "call-2", until, now),
            Err(BookingError::SlotTaken { start: first[0].start })
        );
        assert_eq!(diary.hold(&first[0], "call-1", until, now), Ok(()));

        let booking = diary.prepare(&draft(&first[0], "+13125550143"), "call-1", now).unwrap();
        let race = diary.prepare(&draft(&first[0], "+13125550144"), "call-2", now);
        assert_eq!(race, Err(BookingError::SlotTaken { start: first[0].start }));
        diary.settle(booking, true);
        assert!(diary.hold(&first[0], "call-2", until, now).is_err());
        // What the first caller did not take is free again.
        assert_eq!(diary.hold(&first[1], "call-2", until, now), Ok(()));
    }

    #[test]
    fn a_second_crew_takes_a_second_caller_at_the_same_time() {
        let mut diary = diary(2);
        let (now, until) = (at(NOW), at("2026-11-30T07:03"));
        let first = diary.offer(&Wish::default(), "call-1", until, now);
        let second = diary.offer(&Wish::default(), "call-2", until, now);
        assert_eq!(first[0].start, second[0].start);
        assert_eq!((first[0].crew, second[0].crew), (1, 2));
    }

    #[test]
    fn a_hold_lapses_and_the_slot_is_free_for_the_next_caller() {
        let mut diary = diary(1);
        let slots = diary.offer(&Wish::default(), "call-1", at("2026-11-30T07:03"), at(NOW));
        let later = at("2026-11-30T07:04");
        assert_eq!(diary.hold(&slots[0], "call-2", at("2026-11-30T07:07"), later), Ok(()));
        // The first caller comes back too late, and is told the truth.
        let late = diary.prepare(&draft(&slots[0], "+13125550143"), "call-1", later);
        assert_eq!(late, Err(BookingError::SlotTaken { start: slots[0].start }));
    }

    #[test]
    fn a_time_that_is_being_stored_is_nobody_elses_until_the_store_has_answered() {
        let mut diary = diary(1);
        let (now, until) = (at(NOW), at("2026-11-30T07:03"));
        let slot = diary.offer(&Wish::default(), "call-1", until, now)[0].clone();
        let booking = diary.prepare(&draft(&slot, "+13125550143"), "call-1", now).unwrap();
        // The first caller is gone before the store has answered, and what a hold lasts is over.
        diary.release("call-1");
        let later = at("2026-11-30T07:30");
        let second = diary.offer(&Wish::default(), "call-2", at("2026-11-30T07:33"), later);
        assert!(!second.contains(&slot), "{:?}", starts(&second));
        let race = diary.prepare(&draft(&slot, "+13125550144"), "call-2", later);
        assert_eq!(race, Err(BookingError::SlotTaken { start: slot.start }));

        let mut stored = diary.clone();
        stored.settle(booking.clone(), true);
        assert_ne!(stored.find(&Wish::default(), "call-2", later)[0], slot);
        diary.settle(booking, false);
        assert_eq!(diary.find(&Wish::default(), "call-2", later)[0], slot);
    }

    #[test]
    fn a_caller_who_orders_the_same_again_before_the_store_has_answered_has_one_booking() {
        let mut diary = diary(1);
        let now = at(NOW);
        let slot = diary.find(&Wish::default(), "", now)[0].clone();
        let once = diary.prepare(&draft(&slot, "+13125550143"), "call-1", now).unwrap();
        let again = diary.prepare(&draft(&slot, "+13125550143"), "call-2", now).unwrap();
        assert_eq!(again, once);
        // What one of the two orders came to does not give away the time of the other.
        diary.settle(once, false);
        assert_ne!(diary.find(&Wish::default(), "call-3", now)[0], slot);
        diary.settle(again, true);
        assert_eq!(diary.bookings().len(), 1);
    }

    #[test]
    fn what_is_being_stored_counts_among_the_open_bookings_of_a_caller() {
        let mut diary = diary(1);
        let now = at(NOW);
        for call in ["call-1", "call-2"] {
            let slot = diary.find(&Wish::default(), call, now)[0].clone();
            diary.prepare(&draft(&slot, "+13125550143"), call, now).unwrap();
        }
        let slot = diary.find(&Wish::default(), "call-3", now)[0].clone();
        let third = diary.prepare(&draft(&slot, "+13125550143"), "call-3", now);
        assert_eq!(third, Err(BookingError::TooManyOpen));
    }

    #[test]
    fn a_caller_who_drops_and_books_the_same_again_has_one_booking() {
        let mut diary = diary(1);
        let now = at(NOW);
        let slot = diary.find(&Wish::default(), "", now)[0].clone();
        let once = diary.prepare(&draft(&slot, "+13125550143"), "call-1", now).unwrap();
        diary.settle(once.clone(), true);
        let again = diary.prepare(&draft(&slot, "+13125550143"), "call-2", now).unwrap();
        assert_eq!(again, once);
        assert_eq!(diary.bookings().len(), 1);
    }

    #[test]
    fn a_third_open_booking_of_one_caller_is_refused() {
        let mut diary = diary(1);
        let now = at(NOW);
        for _ in 0..2 {
            let slot = diary.find(&Wish::default(), "", now)[0].clone();
            let booking = diary.prepare(&draft(&slot, "+13125550143"), "call-1", now).unwrap();
            diary.settle(booking, true);
        }
        let slot = diary.find(&Wish::default(), "", now)[0].clone();
        let third = diary.prepare(&draft(&slot, "+13125550143"), "call-1", now);
        assert_eq!(third, Err(BookingError::TooManyOpen));
        assert!(diary.prepare(&draft(&slot, "+13125550199"), "call-2", now).is_ok());
    }

    #[test]
    fn busy_times_lead_horizon_holidays_and_closing_time_are_kept() {
        let mut diary = diary(1);
        diary.set_busy(vec![(at("2026-11-30T11:30"), at("2026-11-30T12:30"))]);
        let now = at("2026-11-30T07:59");
        let all = Wish { soonest: true, ..Wish::default() };
        assert_eq!(starts(&diary.find(&all, "", now)), ["Mon 30 14:00", "Tue 01 08:00", "Tue 01 10:00"]);
        // The Wednesday before Thanksgiving, in the afternoon: the next visit is on Friday.
        assert_eq!(starts(&diary.find(&all, "", at("2026-11-25T13:00")))[0], "Fri 27 08:00");
    }

    #[test]
    fn a_wish_that_cannot_be_met_gets_what_is_nearest() {
        let mut wish = Wish::default();
        wish.any.push(When { day: None, hours: Some(Hours::After(jiff::civil::time(18, 0, 0, 0))) });
        let slots = diary(1).find(&wish, "", at(NOW));
        assert_eq!(starts(&slots), ["Mon 30 14:00", "Tue 01 14:00", "Wed 02 14:00"]);
        assert!(slots.iter().all(|slot| !wish.fits(slot)));
    }

    #[test]
    fn visits_keep_to_the_wall_clock_across_the_change_to_summer_time() {
        let slots = diary(1).find(&Wish { soonest: true, ..Wish::default() }, "", at("2027-03-12T16:00"));
        assert_eq!(starts(&slots), ["Mon 15 08:00", "Mon 15 10:00", "Mon 15 12:00"]);
        assert_eq!(slots[0].start.to_string(), "2027-03-15T13:00:00Z");
    }

    #[test]
    fn a_cancelled_booking_gives_its_time_back() {
        let mut diary = diary(1);
        let now = at(NOW);
        let slot = diary.find(&Wish::default(), "", now)[0].clone();
        let mut booking = diary.prepare(&draft(&slot, "+13125550143"), "call-1", now).unwrap();
        diary.settle(booking.clone(), true);
        assert_ne!(diary.find(&Wish::default(), "", now)[0], slot);
        booking.status = Status::Cancelled;
        diary.keep(booking);
        assert_eq!(diary.find(&Wish::default(), "", now)[0], slot);
    }

    #[test]
    fn a_booking_is_stored_with_the_zone_it_was_spoken_in() {
        let mut diary = diary(1);
        let slot = diary.find(&Wish::default(), "", at(NOW))[0].clone();
        let booking = diary.prepare(&draft(&slot, "+13125550143"), "call-1", at(NOW)).unwrap();
        let text = serde_json::to_string(&booking.slot).unwrap();
        assert!(text.contains("\"zone\":\"America/Chicago\""), "{text}");
        assert_eq!(serde_json::from_str::<Slot>(&text).unwrap(), booking.slot);
    }
}
