//! What became of everybody, day by day.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use desk::record::{CallId, Outcome};
use sha2::{Digest, Sha256};

use crate::alone::Alone;
use crate::caller::Goal;
use crate::faults::Thrown;

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct CallReport {
    /// The call.
    pub id: CallId,
    /// What the caller wanted.
    pub goal: Goal,
    /// Where it ended.
    pub outcome: Outcome,
    /// Whether the caller has what they called for.
    pub reached: bool,
    /// For how long at most the caller heard nothing while it was our turn.
    pub longest_silence: Duration,
    /// Who was rung, in order.
    pub rung: Vec<String>,
}

/// One day.
#[derive(Clone, Debug, PartialEq)]
pub struct DayReport {
    /// Its seed.
    pub seed: u64,
    /// Every call that reached the desk.
    pub calls: Vec<CallReport>,
    /// How many came in each hour of the office's day, and what would have become of them without the desk.
    pub arrivals: BTreeMap<(u8, Alone), u64>,
    /// Calls the trunk was sent elsewhere with: every channel taken, the machine short of a core, or the desk being stopped.
    pub turned_away: u64,
    /// The most channels of each trunk that were taken at once.
    pub peaks: BTreeMap<String, u32>,
    /// SIP messages that went as bytes between two user agents: on a sample of days all of them, on others none.
    pub messages: u64,
    /// Which faults were thrown how often.
    pub thrown: Thrown,
    /// SHA-256 over every line of every journal, in order.
    pub hash: [u8; 32],
}

/// Many days.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// How many.
    pub days: u64,
    /// Calls that reached the desk.
    pub calls: u64,
    /// Where they ended, by goal.
    pub outcomes: BTreeMap<(Goal, Outcome), u64>,
    /// Who was lost, with the seed of the day.
    pub lost: Vec<(u64, CallId)>,
    /// How many have what they called for, by goal.
    pub reached: BTreeMap<Goal, u64>,
    /// Calls the trunk was sent elsewhere with.
    pub turned_away: u64,
    /// The most channels of each trunk that were taken at once on any day.
    pub peaks: BTreeMap<String, u32>,
    /// The longest silence of any call.
    pub longest_silence: Duration,
    /// How often each person was rung.
    pub rung: BTreeMap<String, u64>,
    /// SIP messages that went as bytes between two user agents, on every thirty-second day.
    pub messages: u64,
    /// Which faults were thrown how often.
    pub thrown: Thrown,
    /// How many came in each hour of the office's day, and what would have become of them without the desk.
    pub arrivals: BTreeMap<(u8, Alone), u64>,
    /// SHA-256 over the hashes of all days, each over every line of every journal, in order.
    pub hash: [u8; 32],
}

impl Report {
    /// Adds the next day.
    pub fn add(&mut self, day: &DayReport) {
        self.days += 1;
        self.hash = Sha256::new().chain_update(self.hash).chain_update(day.hash).finalize().into();
        for (when, times) in &day.arrivals {
            *self.arrivals.entry(*when).or_insert(0) += times;
        }
        self.turned_away += day.turned_away;
        self.messages += day.messages;
        for (trunk, peak) in &day.peaks {
            let known = self.peaks.entry(trunk.clone()).or_default();
            *known = (*known).max(*peak);
        }
        for call in &day.calls {
            self.calls += 1;
            *self.outcomes.entry((call.goal, call.outcome)).or_insert(0) += 1;
            *self.reached.entry(call.goal).or_insert(0) += u64::from(call.reached);
            self.lost.extend((call.outcome == Outcome::Lost).then(|| (day.seed, call.id.clone())));
            self.longest_silence = self.longest_silence.max(call.longest_silence);
            for person in &call.rung {
                *self.rung.entry(person.clone()).or_insert(0) += 1;
            }
        }
        for (fault, times) in &day.thrown {
            *self.thrown.entry(*fault).or_insert(0) += times;
        }
    }

    /// Calls that ended so.
    pub fn ended(&self, outcome: Outcome) -> u64 {
        self.outcomes.iter().filter(|((_, ended), _)| *ended == outcome).map(|(_, times)| times).sum()
    }

    /// Calls that would have fared so without the desk.
    pub fn alone(&self, alone: Alone) -> u64 {
        self.arrivals.iter().filter(|((_, fared), _)| *fared == alone).map(|(_, times)| times).sum()
    }

    /// The share of cooperative callers who got what they called for, from 0 to 1.
    pub fn satisfied(&self) -> f64 {
        let cooperative = self.outcomes.iter().filter(|((goal, _), _)| goal.is_cooperative());
        let all: u64 = cooperative.map(|(_, times)| times).sum();
        let served = self.reached.iter().filter(|(goal, _)| goal.is_cooperative());
        served.map(|(_, times)| times).sum::<u64>() as f64 / all.max(1) as f64
    }
}

/// A promise was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The day it was found on.
    pub seed: u64,
    /// How far into the day.
    pub at: Duration,
    /// The promise's name.
    pub promise: &'static str,
    /// What it holds.
    pub sentence: &'static str,
    /// What happened instead.
    pub what: String,
    /// In which call, if in one.
    pub call: Option<CallId>,
    /// That call's journal, or the last lines of all.
    pub journal: Vec<String>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} Instead: {}", self.promise, self.sentence, self.what)?;
        let call = self.call.as_ref().map_or_else(|| "no one call".to_string(), ToString::to_string);
        writeln!(f, "seed {}, {:.3} s into the day, {call}", self.seed, self.at.as_secs_f64())?;
        for line in &self.journal {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Trouble {}
