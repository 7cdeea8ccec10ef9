//! Calls that were turned away, with the reason: what the owner reads when callers say "nobody answers".

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Kinds of refusals that are remembered; the one that was quiet longest makes room.
const KINDS: usize = 200;

/// Refusals since the start, equal ones counted.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    /// The latest first.
    known: VecDeque<Refusal>,
    /// Also those that made room.
    count: u64,
}

/// One kind of refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refusal {
    /// The trunk it came over; none if no trunk was meant.
    pub trunk: Option<String>,
    /// The SIP status it was answered with; none if it was not answered.
    pub status: Option<u16>,
    /// What happened and what would help.
    pub because: String,
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

impl Refusals {
    /// Notes one call that was turned away at `at`.
    pub fn note(&self, at: Timestamp, trunk: Option<&str>, status: Option<u16>, because: &str) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.count += 1;
        let known = &mut book.known;
        let same = |known: &Refusal| {
            known.trunk.as_deref() == trunk && known.status == status && known.because == because
        };
        let refusal = match known.iter().position(same).and_then(|place| known.remove(place)) {
            Some(again) => Refusal { count: again.count + 1, last: at, ..again },
            None => Refusal {
                trunk: trunk.map(str::to_string),
                status,
                because: because.to_string(),
                count: 1,
                first: at,
                last: at,
            },
        };
        known.push_front(refusal);
        known.truncate(KINDS);
    }

    /// All that are remembered, the latest first.
    pub fn all(&self) -> Vec<Refusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).known.iter().cloned().collect()
    }

    /// How many calls were turned away.
    pub fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_refusals_are_one_and_counted_and_the_latest_comes_first() {
        let refusals = Refusals::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        refusals.note(at(1), Some("main"), Some(486), "every channel is taken");
        refusals.note(at(2), None, None, "no trunk expects 192.0.2.1");
        refusals.note(at(3), Some("main"), Some(486), "every channel is taken");
        let all = refusals.all();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].count, all[0].first, all[0].last), (2, at(1), at(3)));
        for stranger in 0..2 * KINDS {
            refusals.note(at(4), None, None, &format!("no trunk expects stranger {stranger}"));
        }
        assert_eq!((refusals.all().len(), refusals.count()), (KINDS, 3 + 2 * KINDS as u64));
    }
}
