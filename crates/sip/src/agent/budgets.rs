//! What one trunk may take of what we hold: an equal share, so that none uses up another's.
//!
//! Each has its part of the legs, and as many new calls a second as its part of the transactions lets go by. What is beyond
//! is answered without state.

use std::time::Duration;

use super::{Agent, Leg};
use crate::limits::GONE;
use crate::order::PeerName;

/// A call that comes and goes leaves so many transactions, each remembered for [`GONE`].
const TRANSACTIONS_A_CALL: f64 = 3.0;
/// However small its share, this many calls may come at once.
const LEAST_AT_ONCE: f64 = 32.0;

/// What a trunk has taken.
#[derive(Debug)]
pub(super) struct Budget {
    legs: usize,
    /// New calls that may come at once.
    left: f64,
    /// When that was counted.
    at: Duration,
}

impl Agent {
    /// True if a new call of this trunk is within its share; it counts from now on.
    pub(super) fn affords(&mut self, trunk: &PeerName) -> bool {
        let shares = self.trunks();
        let legs = (self.setup.limits.legs / shares).max(1);
        let a_second =
            self.setup.limits.transactions as f64 / shares as f64 / TRANSACTIONS_A_CALL / GONE.as_secs_f64();
        let at_once = a_second.max(LEAST_AT_ONCE);
        let now = self.now;
        let budget = self.budget(trunk);
        let earned = now.saturating_sub(budget.at).as_secs_f64() * a_second;
        (budget.left, budget.at) = ((budget.left + earned).min(at_once), now);
        if budget.legs >= legs || budget.left < 1.0 {
            return false;
        }
        budget.left -= 1.0;
        true
    }

    /// A leg was taken up.
    pub(super) fn charge(&mut self, leg: &Leg) {
        if let Some(trunk) = trunk_of(leg).cloned() {
            self.budget(&trunk).legs += 1;
        }
    }

    /// A leg is released.
    pub(super) fn give_back(&mut self, leg: &Leg) {
        if let Some(budget) = trunk_of(leg).and_then(|trunk| self.budgets.get_mut(trunk)) {
            budget.legs = budget.legs.saturating_sub(1);
        }
    }

    fn budget(&mut self, trunk: &PeerName) -> &mut Budget {
        let full = || Budget { legs: 0, left: f64::MAX, at: Duration::ZERO };
        self.budgets.entry(trunk.clone()).or_insert_with(full)
    }

    /// How many share.
    fn trunks(&self) -> usize {
        let peers = &self.setup.peers;
        let others = self.joinings.keys().filter(|name| peers.iter().all(|peer| peer.name != **name));
        (peers.len() + others.count()).max(1)
    }
}

/// Whose share a leg is part of; that of a person's own phone is nobody's.
fn trunk_of(leg: &Leg) -> Option<&PeerName> {
    leg.account.as_ref().or(leg.peer.as_ref())
}
