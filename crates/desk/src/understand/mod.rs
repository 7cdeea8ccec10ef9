//! From words to meaning, by rules: no model, no guess that cannot be explained.
//!
//! [`understand`] reads one utterance, typed or recognised, and says everything it finds in it: a warning sign,
//! a yes or no, a pick, a day and time, digits, a correction. What that means for the open question is
//! decided in [`intake`](crate::intake); which slot it means, only ever among those offered.
//! Invariant: warning signs are looked for in every utterance, whatever was asked.

mod answers;
mod calendar;
pub(crate) mod cards;
mod clock;
mod numbers;
pub mod pattern;
pub mod safety;
mod when;
mod wish;
mod words;

use jiff::Zoned;

pub use answers::{Answer, Pick};
pub use cards::Cards;
pub use safety::{Danger, Request};
pub use wish::{Day, Hours, Visit, When, Wish};
pub use words::Words;

/// Everything found in one utterance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The words themselves.
    pub words: Words,
    /// A danger was mentioned.
    pub danger: Option<Danger>,
    /// Something nobody may be denied was asked for.
    pub request: Option<Request>,
    /// Yes or no.
    pub answer: Option<Answer>,
    /// Which of several.
    pub pick: Option<Pick>,
    /// A day, a time, or both.
    pub wish: Option<Wish>,
    /// Digits, as for a telephone number; empty if none.
    pub digits: String,
    /// The caller takes something back: "no, …", "actually …", "I meant …".
    pub corrects: bool,
}

/// Reads one utterance; `now` is the office's local time.
pub fn understand(text: &str, now: &Zoned) -> Heard {
    let words = Words::of(text);
    Heard {
        danger: safety::danger(&words),
        request: safety::request(&words),
        answer: answers::answer(&words),
        pick: answers::pick(&words),
        wish: when::wish(&words, now),
        digits: numbers::digits(&words),
        corrects: corrects(&words),
        words,
    }
}

fn corrects(words: &Words) -> bool {
    const STARTS: [&str; 6] = ["no", "nope", "actually", "sorry", "wait", "not"];
    const PHRASES: [&[&str]; 10] = [
        &["i", "meant"],
        &["i", "mean"],
        &["i", "said"],
        &["make", "it"],
        &["change"],
        &["instead"],
        &["rather"],
        &["not", "that"],
        &["different"],
        &["actually"],
    ];
    STARTS.contains(&words.at(0))
        || (0..words.len()).any(|at| PHRASES.iter().any(|phrase| words.are(at, phrase)))
}

#[cfg(test)]
mod tests;
