//! When offices are open on one day, worked out in one piece. The desk asks its hours anew for every call.

use std::collections::BTreeMap;
use std::sync::Arc;

use desk::business::{Business, Office};
use desk::hours::Openness;
use jiff::{SignedDuration, Timestamp};

/// The clock is set by less than this.
const SPARE: SignedDuration = SignedDuration::from_hours(3);
/// The longest day there is.
const DAY: SignedDuration = SignedDuration::from_hours(25);

/// One day of every office.
#[derive(Debug)]
pub(crate) struct OpenDay {
    business: Arc<Business>,
    from: Timestamp,
    until: Timestamp,
    /// Those whose clocks do not change meanwhile.
    offices: BTreeMap<String, Vec<(Timestamp, Timestamp)>>,
}

impl OpenDay {
    /// The day that begins here.
    pub fn of(business: &Arc<Business>, began: Timestamp) -> OpenDay {
        let (from, until) = (began - SPARE, began + DAY + SPARE);
        let clocks_change = |office: &Office| {
            let next = office.hours.zone().following(from).next();
            next.is_some_and(|change| change.timestamp() <= until)
        };
        let offices = business.offices.iter().filter(|(_, office)| !clocks_change(office));
        let offices =
            offices.map(|(name, office)| (name.clone(), office.hours.open_intervals(from, until))).collect();
        OpenDay { business: Arc::clone(business), from, until, offices }
    }

    /// Whether somebody is at this office then, also on another day.
    pub fn is_open(&self, office: &str, at: Timestamp) -> bool {
        let today = self.offices.get(office).filter(|_| (self.from..self.until).contains(&at));
        match today {
            Some(stretches) => stretches.iter().any(|(from, until)| (*from..*until).contains(&at)),
            None => self.asked(office, at) == Some(Openness::Open),
        }
    }

    /// Whether an office is closed for a holiday.
    pub fn is_holiday(&self, office: &str, at: Timestamp) -> bool {
        !self.is_open(office, at) && self.asked(office, at) == Some(Openness::Holiday)
    }

    fn asked(&self, office: &str, at: Timestamp) -> Option<Openness> {
        self.business.offices.get(office).map(|office| office.hours.openness(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::Shop;

    #[test]
    fn a_day_in_one_piece_is_the_day_that_hours_tell_minute_by_minute() {
        let business = Shop::plumber().business;
        // An ordinary day, a holiday, both changes of the clocks.
        for date in ["2026-01-07", "2026-07-03", "2026-03-08", "2026-11-01"] {
            let date: jiff::civil::Date = date.parse().unwrap();
            let began = date.to_zoned(business.zone.clone()).unwrap().timestamp();
            let day = OpenDay::of(&business, began);
            for minute in -600..2_400 {
                let at = began + SignedDuration::from_mins(minute);
                let told = business.offices["main"].hours.openness(at);
                assert_eq!(day.is_open("main", at), told == Openness::Open, "{at}");
                assert_eq!(day.is_holiday("main", at), told == Openness::Holiday, "{at}");
            }
            assert!(!day.is_open("nowhere", began));
        }
    }
}
