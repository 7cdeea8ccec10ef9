//! Transfers in virtual time: a caller is put through to a person, and everything that can go wrong does.
//!
//! Each transfer drives the very `sip`, `line` and `desk` that ship, with SIP bytes at both sides. What befalls it is its
//! [`Fate`]; what has to hold at its end is `verdict`'s: the caller is served, nothing is left open, and the record
//! explains what came of every phone.
//!
//! Invariant: the same fate and seed give the same transfer, byte for byte.

mod describing;
mod far_end;
mod fate;
mod office;
mod referrals;
mod stage;
mod verdict;

use line::Exchange;

use crate::chance::Chance;
pub use fate::{Fate, Handing, Passing, Refused, Side, State};
use office::{Habit, Offices};
pub use stage::Misdeed;
use stage::Stage;
pub use verdict::Told;

/// What every transfer shares.
#[derive(Clone, Debug)]
pub struct Transfers {
    offices: Offices,
}

impl Transfers {
    /// `None` if the built-in tables of time zones are missing.
    pub fn new() -> Option<Transfers> {
        Some(Transfers { offices: Offices::new()? })
    }

    /// One transfer, from the first ring until nothing of it is left.
    ///
    /// # Errors
    /// What was wrong with it, and its story.
    pub fn one(&self, fate: Fate, seed: u64) -> Result<Told, Vec<String>> {
        self.play(fate, seed, None)
    }

    /// The same, where the stage itself does something wrong.
    ///
    /// # Errors
    /// What was found of it.
    pub fn misplayed(&self, fate: Fate, seed: u64, misdeed: Misdeed) -> Result<Told, Vec<String>> {
        self.play(fate, seed, Some(misdeed))
    }

    fn play(&self, fate: Fate, seed: u64, misdeed: Option<Misdeed>) -> Result<Told, Vec<String>> {
        let mut chance = Chance::new(seed);
        let habit = Habit::of(fate, &mut chance);
        let exchange = Exchange::new(self.offices.setup(fate, habit));
        let mut stage = Stage::new(fate, habit, exchange, chance);
        stage.misdeed = misdeed;
        stage.play();
        verdict::judge(&stage)
    }
}
