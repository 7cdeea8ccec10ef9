//! The signalling of one call as a ladder: who said what to whom, when, and in plain words what went wrong.
//!
//! Read from the call's journal, where [`line::Signal`]s stand; drawn in `drawing`, put into words in `words`.

mod drawing;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use desk::machine::Moment;
use line::{Message, Said, Side, Signal};
use serde::{Deserialize, Serialize};

pub use drawing::{Paper, draw};

/// Everything that was said on the legs of one call.
#[derive(Debug, Default, PartialEq)]
pub struct Ladder {
    /// In the order in which it was said.
    pub rungs: Vec<Rung>,
    /// Messages of which only the number is known.
    pub left_out: u32,
}

/// One message, however often it was said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rung {
    /// Since the first message of the call.
    pub at_ms: f64,
    /// One attempt to reach somebody.
    pub leg: String,
    /// Whose leg it is.
    pub side: Side,
    /// The trunk a caller came by; the person who is rung.
    pub name: String,
    /// What was said.
    #[serde(flatten)]
    pub message: Message,
    /// How often.
    pub times: u32,
    /// From the first time to the last.
    pub over_ms: u64,
    /// What went wrong, and what to look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// A line of a journal that tells of a message.
#[derive(Deserialize)]
struct Entry {
    moment: Moment,
    #[serde(flatten)]
    signal: Signal,
}

impl Ladder {
    /// Reads a journal. Lines that tell of something else are passed over.
    pub fn read(journal: &[String]) -> Ladder {
        let mut ladder = Ladder::default();
        let mut began = None;
        let entries = journal.iter().filter(|line| line.contains(r#""event":"sip""#));
        for entry in entries.filter_map(|line| serde_json::from_str::<Entry>(line).ok()) {
            let began = *began.get_or_insert(entry.moment);
            ladder.take(entry.signal, entry.moment.since(began));
        }
        let troubles: Vec<_> = ladder.rungs.iter().map(|rung| words::trouble(rung, &ladder)).collect();
        for (rung, trouble) in ladder.rungs.iter_mut().zip(troubles) {
            rung.trouble = trouble;
        }
        ladder
    }

    fn take(&mut self, signal: Signal, at: Duration) {
        let Signal { leg, side, name, said } = signal;
        match said {
            Said::Message(message) => {
                let at_ms = (at.as_secs_f64() * 1e6).round() / 1e3;
                let (times, over_ms, trouble) = (1, 0, None);
                self.rungs.push(Rung { at_ms, leg, side, name, message, times, over_ms, trouble });
            }
            Said::Again { number, times, over_ms } => {
                let same = |rung: &&mut Rung| rung.leg == leg && rung.message.number == number;
                if let Some(rung) = self.rungs.iter_mut().find(same) {
                    (rung.times, rung.over_ms) = (times, over_ms);
                }
            }
            Said::LeftOut { messages } => self.left_out += messages,
        }
    }

    /// Messages of the leg of this one.
    fn leg_of<'a>(&'a self, rung: &'a Rung) -> impl Iterator<Item = &'a Rung> {
        self.rungs.iter().filter(|other| other.leg == rung.leg)
    }
}
