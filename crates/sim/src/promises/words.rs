//! What callers hear: nothing untrue, and never nothing for too long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use desk::booking::{Booking, Slot};
use desk::machine::{Ask, Moment};
use desk::record::CallId;
use desk::sayings;
use line::{Action, Event, Keep};

use super::{Broken, Promise, Seen};
use crate::hashed::Calls;

/// Two visits never take the same crew's time, and none is asked for that is known to be taken.
#[derive(Debug, Default)]
pub(super) struct SlotGivenOnce {
    visits: Visits,
    asked: BTreeMap<(CallId, Ask), Booking>,
    known: Visits,
}

/// By calendar and key.
#[derive(Debug, Default)]
struct Visits(BTreeMap<(String, String), Slot>);

impl Visits {
    /// The key of another visit that takes some of the same time.
    fn clash(&self, booking: &Booking) -> Option<&str> {
        let slot = &booking.slot;
        let mut clashes = self.0.iter().filter(|((calendar, key), other)| {
            *calendar == booking.calendar
                && *key != booking.key
                && other.crew == slot.crew
                && other.start < slot.end
                && slot.start < other.end
        });
        clashes.next().map(|((_, key), _)| key.as_str())
    }

    fn add(&mut self, booking: &Booking) {
        self.0.insert((booking.calendar.clone(), booking.key.clone()), booking.slot.clone());
    }
}

impl Promise for SlotGivenOnce {
    fn name(&self) -> &'static str {
        "SlotGivenOnce"
    }

    fn sentence(&self) -> &'static str {
        "No crew's time is booked twice, nor asked for again once it is known to be taken."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Kept { call, keep: Keep::Booking(booking) } => {
                if let Some(key) = self.visits.clash(booking) {
                    let start = booking.slot.start;
                    return Broken::of(call, format!("the visit at {start} is that of {key} too"));
                }
                self.visits.add(booking);
            }
            Seen::Ordered(Action::Store { call, ask: Some(ask), keep: Keep::Booking(booking) }) => {
                if let Some(key) = self.known.clash(booking) {
                    let start = booking.slot.start;
                    return Broken::of(call, format!("{start} is asked for, which {key} is known to have"));
                }
                self.asked.insert((call.clone(), *ask), Booking::clone(booking));
            }
            Seen::Told(Event::Stored { call, ask, stored }) => {
                let answered = self.asked.remove(&(call.clone(), *ask)).filter(|_| *stored);
                if let Some(booking) = answered {
                    self.known.add(&booking);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// "You are booked" is said of what is stored.
#[derive(Debug)]
pub(super) struct BookedOnlyWhenStored {
    sentences: BTreeSet<String>,
    kept: Calls,
    told: Calls,
}

impl BookedOnlyWhenStored {
    pub fn new(sentences: BTreeSet<String>) -> Self {
        BookedOnlyWhenStored { sentences, kept: Calls::default(), told: Calls::default() }
    }
}

impl Promise for BookedOnlyWhenStored {
    fn name(&self) -> &'static str {
        "BookedOnlyWhenStored"
    }

    fn sentence(&self) -> &'static str {
        "A caller hears that a visit is booked only after it is stored."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Kept { call, keep: Keep::Booking(_) } => {
                self.kept.note(call);
            }
            Seen::Told(Event::Stored { call, stored: true, .. }) => {
                self.told.note(call);
            }
            Seen::Ordered(Action::Say { call, phrases, .. })
                if phrases.iter().any(|phrase| {
                    self.sentences.iter().any(|sentence| phrase.text.starts_with(sentence))
                }) =>
            {
                if !self.told.hold(call) {
                    return Broken::of(call, "told of a booking before the store answered");
                }
                if !self.kept.hold(call) {
                    return Broken::of(call, "told of a booking that is not stored");
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// "We will call you back" and "your message is stored" are said of what is stored.
#[derive(Debug, Default)]
pub(super) struct PromisedOnlyWhenStored {
    callbacks: Calls,
    messages: Calls,
}

impl Promise for PromisedOnlyWhenStored {
    fn name(&self) -> &'static str {
        "PromisedOnlyWhenStored"
    }

    fn sentence(&self) -> &'static str {
        "A caller is promised a call back, or that a message is kept, only after it is stored."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Kept { call, keep: Keep::Callback(_) } => {
                self.callbacks.note(call);
            }
            Seen::Kept { call, keep: Keep::Message(_) } => {
                self.messages.note(call);
            }
            Seen::Ordered(Action::Say { call, phrases, .. }) => {
                let says = |sentence: &str| phrases.iter().any(|phrase| phrase.text == sentence);
                if says(sayings::WILL_CALL_BACK) && !self.callbacks.hold(call) {
                    return Broken::of(call, "promised a call back that is not stored");
                }
                if says(sayings::MESSAGE_KEPT) && !self.messages.hold(call) {
                    return Broken::of(call, "told that a message is kept that is not stored");
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// DESIGN's budget: silence toward a caller while it is our turn.
const NEVER: Duration = Duration::from_secs(4);

/// While it is our turn, the caller hears something.
#[derive(Debug)]
pub(super) struct NeverSilent;

impl Promise for NeverSilent {
    fn name(&self) -> &'static str {
        "NeverSilent"
    }

    fn sentence(&self) -> &'static str {
        "While it is our turn, a caller never hears nothing for 4 s."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Quiet { call, longest } if longest >= NEVER => {
                Broken::of(call, format!("nothing was heard for {longest:?}"))
            }
            _ => Ok(()),
        }
    }
}
