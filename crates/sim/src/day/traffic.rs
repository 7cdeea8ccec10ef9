//! Who calls when, and what befalls the whole desk: planned at the beginning of a day with the day's own dice.

use std::time::Duration;

use desk::call::Closing;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::dice::{DAY, Owner, of_upset};
use super::{Day, Happening};
use crate::caller::Goal;
use crate::chance::Chance;
use crate::faults::{Fault, Faults};
use crate::sabotage::Sabotage;

/// The year that days are taken from.
const FIRST_DAY: Date = Date::constant(2026, 1, 1);

/// A day's seed gives its date as well: the first moment of some day of the year, where the business is. True if it is one
/// on which clocks change because the faults say so.
pub(super) fn morning(chance: &mut Chance, zone: &TimeZone, faults: &Faults) -> (Timestamp, bool) {
    let date = FIRST_DAY.saturating_add(SignedDuration::from_hours(24 * chance.below(365) as i64));
    let night = chance.hits(faults.odds(Fault::DstNight));
    let nights = dst_nights(zone);
    let (date, changes) = match chance.pick(&nights).filter(|_| night) {
        Some(night) => (*night, true),
        None => (date, false),
    };
    // A day that begins with a gap begins after it.
    (date.to_zoned(zone.clone()).map_or(Timestamp::UNIX_EPOCH, |midnight| midnight.timestamp()), changes)
}

/// The days of the year on which the clocks of a zone change.
fn dst_nights(zone: &TimeZone) -> Vec<Date> {
    let Ok(from) = FIRST_DAY.to_zoned(zone.clone()) else { return Vec::new() };
    let changes =
        zone.following(from.timestamp()).map(|change| change.timestamp().to_zoned(zone.clone()).date());
    changes.take_while(|date| date.year() == FIRST_DAY.year()).collect()
}

/// How many calls of a hundred or so come in each hour: most in the morning and after work.
const BY_HOUR: [(u64, u32); 24] = [
    (0, 1),
    (1, 1),
    (2, 1),
    (3, 1),
    (4, 1),
    (5, 1),
    (6, 2),
    (7, 5),
    (8, 9),
    (9, 10),
    (10, 9),
    (11, 8),
    (12, 6),
    (13, 7),
    (14, 7),
    (15, 7),
    (16, 8),
    (17, 8),
    (18, 6),
    (19, 4),
    (20, 3),
    (21, 2),
    (22, 1),
    (23, 1),
];
/// So many stretches of time after which everybody is taken again for certain.
const UNTIL_WELL: usize = 10;
/// How many of a hundred callers are known to the business, if it tells of any.
const KNOWN: f64 = 0.05;

impl Day<'_> {
    pub(super) fn plan(&mut self) {
        let mut who: Owner = DAY;
        for _ in 0..self.world.calls {
            let hour = self.chance.weighed(&BY_HOUR).unwrap_or(12);
            let at = Duration::from_secs(hour * 3_600) + self.chance.millis(0, 3_599_999);
            who += 1;
            self.somebody_calls(who, at);
        }
        if self.befalls(Fault::Storm) {
            let begins = self.chance.millis(8 * 3_600_000, 18 * 3_600_000);
            for _ in 0..40 {
                let at = begins + self.chance.millis(0, 60_000);
                who += 1;
                self.somebody_calls(who, at);
            }
        }
        self.chance.of(DAY);
        self.plan_upsets();
        self.chance.of(DAY);
        if self.sabotage == Some(Sabotage::TakesAChannel) {
            let trunk = self.world.shop.business.channels.keys().next().cloned();
            let taken = trunk.and_then(|trunk| self.exchange.board_mut().take(&trunk));
            drop(taken);
        }
    }

    /// Whether this befalls everybody on this day; from then on its own dice are thrown.
    fn befalls(&mut self, fault: Fault) -> bool {
        self.chance.of(of_upset(fault));
        self.throw(fault)
    }

    /// What befalls everybody at once.
    fn plan_upsets(&mut self) {
        if self.befalls(Fault::DeskStops) {
            let at = self.chance.millis(6 * 3_600_000, 22 * 3_600_000);
            // Half of those who stop a desk have no patience for people who talk.
            self.at(at, Happening::DeskStops(Closing::LetPeopleFinish));
            if self.chance.hits(0.5) {
                let at = at + self.chance.millis(0, 60_000);
                self.at(at, Happening::DeskStops(Closing::AtOnce));
            }
        }
        if self.befalls(Fault::DeskDies) {
            let at = self.chance.millis(7 * 3_600_000, 20 * 3_600_000);
            self.at(at, Happening::DeskDies);
        }
        if self.befalls(Fault::ClockSteps) {
            let at = self.chance.millis(0, 24 * 3_600_000);
            let step = self.chance.millis(1_000, 7_200_000);
            let step = SignedDuration::try_from(step).unwrap_or_default();
            let step = if self.chance.hits(0.5) { step } else { -step };
            self.at(at, Happening::ClockSteps(step));
        }
        self.plan_trunk_troubles();
        if self.befalls(Fault::CoreShort) {
            self.plan_late_sound();
        }
    }

    /// For one to fifteen minutes sound leaves late: all the time, or just until no talk begins any more.
    fn plan_late_sound(&mut self) {
        let mut at = self.chance.millis(7 * 3_600_000, 20 * 3_600_000);
        let stretches = 30 + self.chance.below(420);
        let (late, less, well) = (0.05, 0.02, 0.0);
        let then = if self.chance.hits(0.5) { late } else { less };
        for nth in 0..stretches + UNTIL_WELL {
            let share = match nth {
                0 | 1 => late,
                nth if nth < stretches => then,
                _ => well,
            };
            self.at(at, Happening::SoundPaced(share));
            at += Duration::from_secs(2);
        }
    }

    fn plan_trunk_troubles(&mut self) {
        let trunks: Vec<String> = self.world.shop.business.channels.keys().cloned().collect();
        if self.befalls(Fault::TrunkDrops) {
            let trunk = self.chance.pick(&trunks).cloned().unwrap_or_default();
            let at = self.chance.millis(7 * 3_600_000, 20 * 3_600_000);
            // Once, or again and again within minutes.
            for flap in 0..=self.chance.below(3) as u32 {
                let at = at + self.chance.millis(10_000, 90_000) * flap;
                self.at(at, Happening::TrunkDrops(trunk.clone()));
            }
        }
        if self.befalls(Fault::TrunkDown) {
            let trunk = self.chance.pick(&trunks).cloned().unwrap_or_default();
            let from = self.chance.millis(7 * 3_600_000, 20 * 3_600_000);
            let until = from + self.chance.millis(60_000, 1_800_000);
            self.down.insert(trunk, (from, until));
        }
    }

    fn somebody_calls(&mut self, who: Owner, at: Duration) {
        let goal = Goal::any(self.chance.now());
        // Fictional numbers: 555-0100 to 555-0199, in area codes that begin with 2 to 9.
        let area = 201 + self.chance.below(700);
        let area = if area % 100 == 11 { area + 1 } else { area };
        let number = format!("{area}55501{:02}", self.chance.below(100));
        let world = self.world;
        let known = self.chance.hits(KNOWN);
        let known = self.chance.pick(&world.known).filter(|_| known);
        let number = known.cloned().unwrap_or(number);
        if self.only.as_ref().is_none_or(|only| only.contains(&who)) {
            let planning = self.chance.owner();
            self.chance.of(who);
            self.at(at, Happening::Arrives { goal, number });
            self.chance.of(planning);
        }
    }
}
