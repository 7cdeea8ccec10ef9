//! The same calls without the desk: who would have found the office open and somebody free to pick up.
//!
//! One rule, and nothing about moods: in opening hours a call is taken by whoever of the office is not on the phone already,
//! and takes [`TALK`] of them. Outside of the hours, and while everybody talks, it is missed.

use std::collections::BTreeMap;
use std::time::Duration;

/// How long a person talks with one caller.
pub const TALK: Duration = Duration::from_secs(4 * 60);

/// What would have become of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alone {
    /// Somebody was there and free.
    PickedUp,
    /// The office was closed.
    Closed,
    /// Everybody of the office was on the phone.
    AllBusy,
}

/// The people of each office, and when each of them is free again.
#[derive(Debug, Default)]
pub(crate) struct Team {
    free_at: BTreeMap<String, Vec<Duration>>,
}

impl Team {
    pub fn new(staff: impl Iterator<Item = (String, usize)>) -> Team {
        Team { free_at: staff.map(|(office, people)| (office, vec![Duration::ZERO; people])).collect() }
    }

    /// A call for an office at this time of the day.
    pub fn takes(&mut self, office: &str, is_open: bool, at: Duration) -> Alone {
        if !is_open {
            return Alone::Closed;
        }
        let people = self.free_at.get_mut(office).into_iter().flatten();
        match people.into_iter().find(|free_at| **free_at <= at) {
            Some(free_at) => {
                *free_at = at + TALK;
                Alone::PickedUp
            }
            None => Alone::AllBusy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_caller_of_two_people_is_missed_until_one_of_them_has_hung_up() {
        let mut team = Team::new([("main".to_string(), 2)].into_iter());
        let minute = |minute: u64| Duration::from_secs(60 * minute);
        let taken: Vec<Alone> = [0, 1, 2, 4].map(|at| team.takes("main", true, minute(at))).into();
        assert_eq!(taken, [Alone::PickedUp, Alone::PickedUp, Alone::AllBusy, Alone::PickedUp]);
        assert_eq!(team.takes("main", false, minute(9)), Alone::Closed);
        assert_eq!(team.takes("elsewhere", true, minute(9)), Alone::AllBusy, "nobody works there");
    }
}
