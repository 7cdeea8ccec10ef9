//! Chance, from a seed: the same seed throws the same dice on every machine.
//!
//! SplitMix64 (Steele, Lea, Flood 2014): one word of state, every seed as good as another. Nothing here keeps a
//! secret.

use std::time::Duration;

/// Dice.
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// Dice for a seed.
    pub fn new(seed: u64) -> Chance {
        Chance { state: seed }
    }

    /// Dice of their own for one part of the world, so that more throws there change nothing elsewhere.
    pub fn fork(&mut self) -> Chance {
        Chance { state: self.word() }
    }

    /// Any number.
    pub fn word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `most`; zero if there is none.
    pub fn below(&mut self, most: usize) -> usize {
        let wide = u128::from(self.word()) * (most as u128);
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// True in this share of all throws, from 0 to 1. Thrown also where nothing can come of it, so that odds change nothing
    /// else.
    pub fn hits(&mut self, odds: f64) -> bool {
        let thrown = (self.word() >> 11) as f64 / (1_u64 << 53) as f64;
        odds > 0.0 && thrown <= odds
    }

    /// Milliseconds from `least` to `most`.
    pub fn millis(&mut self, least: u64, most: u64) -> Duration {
        let span = usize::try_from(most.saturating_sub(least)).unwrap_or(0) + 1;
        Duration::from_millis(least + self.below(span) as u64)
    }

    /// One of these; `None` if there are none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    /// One of these, each as likely as its weight says; `None` if there are none.
    pub fn weighed<T: Copy>(&mut self, from: &[(T, u32)]) -> Option<T> {
        let all: u32 = from.iter().map(|(_, weight)| weight).sum();
        let mut left = self.below(all as usize);
        for (what, weight) in from {
            match left.checked_sub(*weight as usize) {
                Some(rest) => left = rest,
                None => return Some(*what),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_are_the_published_ones() {
        let mut dice = Chance::new(1_234_567);
        assert_eq!([dice.word(), dice.word()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn what_cannot_happen_does_not_and_what_must_does() {
        let mut dice = Chance::new(7);
        assert!((0..1_000).all(|_| !dice.hits(0.0)));
        assert!((0..1_000).all(|_| dice.hits(1.0)));
        let rare = (0..10_000).filter(|_| dice.hits(0.1)).count();
        assert!((800..1_200).contains(&rare), "{rare}");
    }
}
