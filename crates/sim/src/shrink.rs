//! A failing day made small: as few callers and as few kinds of faults as still break the same promise.
//!
//! Callers have dice of their own, so that leaving one out changes little for the others; what it does change is tried out, not
//! assumed. Invariant: a script breaks the promise it was made for.

use std::collections::BTreeSet;
use std::fmt;

use crate::faults::{Fault, Faults};
use crate::report::{DayReport, Trouble};
use crate::{World, day};

/// A day with some of its callers.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Of the day.
    pub seed: u64,
    /// Who calls, counted from 1 in the order the day was planned.
    pub calls: BTreeSet<u64>,
    /// What may go wrong.
    pub faults: Faults,
    /// The promise that breaks.
    pub promise: &'static str,
}

/// Callers of one day at most, with a storm.
const MOST_CALLERS: u64 = 20_000;

impl World {
    /// One day on which only some call.
    ///
    /// # Errors
    /// The first promise that was broken.
    pub fn script(&self, script: &Script) -> Result<DayReport, Box<Trouble>> {
        self.day_of(script.seed, &script.faults, &script.calls)
    }

    /// One day on which only these call, counted from 1 in the order the day was planned.
    ///
    /// # Errors
    /// The first promise that was broken.
    pub fn day_of(
        &self,
        seed: u64,
        faults: &Faults,
        calls: &BTreeSet<u64>,
    ) -> Result<DayReport, Box<Trouble>> {
        day::run(self, seed, faults, (None, Some(calls.clone())))
    }

    /// The smallest script found that breaks the same promise as a day did, lived through with these faults.
    pub fn shrink(&self, trouble: &Trouble, faults: &Faults) -> Script {
        let (seed, promise) = (trouble.seed, trouble.promise);
        let everybody = (1..=self.callers(faults)).collect();
        let mut script = Script { seed, calls: everybody, faults: *faults, promise };
        self.fewer_calls(&mut script);
        self.fewer_faults(&mut script);
        self.fewer_calls(&mut script);
        script
    }

    fn callers(&self, faults: &Faults) -> u64 {
        let storm = if faults.odds(Fault::Storm) > 0.0 { 40 } else { 0 };
        (self.calls as u64 + storm).min(MOST_CALLERS)
    }

    fn still_breaks(&self, script: &Script) -> bool {
        self.script(script).is_err_and(|trouble| trouble.promise == script.promise)
    }

    /// Leaves out halves, quarters, and in the end single callers, as long as the promise breaks without them.
    fn fewer_calls(&self, script: &mut Script) {
        let mut share = script.calls.len().div_ceil(2);
        while share > 0 {
            let mut begin = 0;
            while begin < script.calls.len() {
                let without = script.calls.iter().enumerate();
                let without = without.filter(|(place, _)| !(begin..begin + share).contains(place));
                let calls: BTreeSet<u64> = without.map(|(_, call)| *call).collect();
                let smaller = Script { calls, ..script.clone() };
                match self.still_breaks(&smaller) {
                    true => *script = smaller,
                    false => begin += share,
                }
            }
            share = if share == 1 { 0 } else { share.div_ceil(2) };
        }
    }

    fn fewer_faults(&self, script: &mut Script) {
        for fault in Fault::ALL {
            let fewer = Script { faults: script.faults.without(fault), ..script.clone() };
            if fewer.faults != script.faults && self.still_breaks(&fewer) {
                *script = fewer;
            }
        }
    }
}

/// As a test with a name, to be kept.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "#[test]")?;
        writeln!(f, "fn seed_{}_never_breaks_{}() {{", self.seed, snake(self.promise))?;
        let faults: Vec<String> = self
            .faults
            .kinds()
            .map(|fault| format!("{}: {:?}", fault.name(), self.faults.odds(fault)))
            .collect();
        match faults.as_slice() {
            [] => writeln!(f, "    let faults = Faults::none();")?,
            some => writeln!(f, "    let faults = Faults {{ {}, ..Faults::none() }};", some.join(", "))?,
        }
        writeln!(
            f,
            "    world().day_of({}, &faults, &{:?}.into()).unwrap();",
            self.seed,
            listed(&self.calls)
        )?;
        write!(f, "}}")
    }
}

fn listed(calls: &BTreeSet<u64>) -> Vec<u64> {
    calls.iter().copied().collect()
}

/// `NeverLost` as `never_lost`.
fn snake(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
