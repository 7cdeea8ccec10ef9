//! What callers hear: nothing untrue, and never nothing for too long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use desk::booking::Slot;
use desk::machine::Moment;
use desk::record::CallId;
use line::{Action, Event, Keep};

use super::{Broken, Promise, Seen};

/// Two visits never take the same crew's time.
#[derive(Debug, Default)]
pub(super) struct SlotGivenOnce {
    /// By calendar and key.
    visits: BTreeMap<(String, String), Slot>,
}

impl Promise for SlotGivenOnce {
    fn name(&self) -> &'static str {
        "SlotGivenOnce"
    }

    fn sentence(&self) -> &'static str {
        "No crew's time is booked twice."
    }

    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        let Seen::Kept { call, keep: Keep::Booking(booking) } = seen else { return Ok(()) };
        let slot = &booking.slot;
        let clash = self.visits.iter().find(|((calendar, key), other)| {
            *calendar == booking.calendar
                && *key != booking.key
                && other.crew == slot.crew
                && other.start < slot.end
                && slot.start < other.end
        });
        if let Some(((_, key), _)) = clash {
            return Broken::of(call, format!("the visit at {} is that of {key} too", slot.start));
        }
        self.visits.insert((booking.calendar.clone(), booking.key.clone()), slot.clone());
        Ok(())
    }
}

/// "You are booked" is said of what is stored.
#[derive(Debug)]
pub(super) struct BookedOnlyWhenStored {
    sentence: String,
    kept: BTreeSet<CallId>,
    told: BTreeSet<CallId>,
}

impl BookedOnlyWhenStored {
    pub fn new(sentence: String) -> Self {
        BookedOnlyWhenStored { sentence, kept: BTreeSet::new(), told: BTreeSet::new() }
    }
}

impl Promise for BookedOnlyWhenStored {
    fn name(&self) -> &'static str {
        "BookedOnlyWhenStored"
    }

    fn sentence(&self) -> &'static str {
        "A caller hears that a visit is booked only after it is stored."
    }

    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Kept { call, keep: Keep::Booking(_) } => {
                self.kept.insert(call.clone());
            }
            Seen::Told(Event::Stored { call, stored: true, .. }) => {
                self.told.insert(call.clone());
            }
            Seen::Ordered(Action::Say { call, phrases, .. })
                if phrases.iter().any(|phrase| phrase.text.starts_with(&self.sentence)) =>
            {
                if !self.told.contains(call) {
                    return Broken::of(call, "told of a booking before the store answered");
                }
                if !self.kept.contains(call) {
                    return Broken::of(call, "told of a booking that is not stored");
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

    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Quiet { call, longest } if longest >= NEVER => {
                Broken::of(call, format!("nothing was heard for {longest:?}"))
            }
            _ => Ok(()),
        }
    }
}
