//! Dice of their own for every caller of a day, and some for the day itself.
//!
//! Whatever befalls one caller is thrown with that caller's dice. So a day without some of its callers goes on for the others
//! nearly as before, and a failing day can be made small.

use std::time::Duration;

use crate::chance::Chance;
use crate::faults::Fault;
use crate::hashed::Hashed;

/// Who calls first on a day is 1, who calls next is 2; 0 is the day itself.
pub(crate) type Owner = u64;

/// The day's own dice.
pub(super) const DAY: Owner = 0;

/// The wire's.
pub(super) const WIRE: Owner = 1 << 40;

/// The dice of what befalls everybody: each kind has its own, so that leaving one out changes none of the others.
pub(super) fn of_upset(fault: Fault) -> Owner {
    Owner::MAX - fault as Owner
}

/// All dice of a day, and whose are thrown now.
#[derive(Debug)]
pub(super) struct Dice {
    seed: u64,
    owner: Owner,
    all: Hashed<Owner, Chance>,
}

impl Dice {
    pub fn new(seed: u64) -> Dice {
        let mut all = Hashed::default();
        all.insert(DAY, Chance::new(seed));
        Dice { seed, owner: DAY, all }
    }

    /// From now on these are thrown.
    pub fn of(&mut self, owner: Owner) {
        self.owner = owner;
    }

    /// Whose are thrown.
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// The dice thrown now.
    pub fn now(&mut self) -> &mut Chance {
        let (seed, owner) = (self.seed, self.owner);
        // Far apart, however close the seeds are.
        self.all.get_or_insert_with(owner, || Chance::new(Chance::new(seed ^ owner.rotate_left(40)).word()))
    }

    pub fn hits(&mut self, odds: f64) -> bool {
        self.now().hits(odds)
    }

    pub fn millis(&mut self, least: u64, most: u64) -> Duration {
        self.now().millis(least, most)
    }

    pub fn below(&mut self, most: usize) -> usize {
        self.now().below(most)
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        self.now().pick(from)
    }

    pub fn weighed<T: Copy>(&mut self, from: &[(T, u32)]) -> Option<T> {
        self.now().weighed(from)
    }

    pub fn fork(&mut self) -> Chance {
        self.now().fork()
    }
}
