//! What every engine that hears or speaks can do, local or a provider.
//!
//! An engine never decides what an answer means; it turns sound into words and words into sound, says how sure it is, and
//! fails in a way the caller's turn survives. Each `Failed` has a keypad twin elsewhere.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;

use crate::clip::Clip;

/// An answer that takes time, from an engine behind a trait object.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why an engine did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The engine cannot be used on this machine or with this configuration. The text says what to change.
    #[error("{0}")]
    Unavailable(String),
    /// All of its places are taken. Let the keypad take this call.
    #[error("{engine} is busy: all {places} places are taken")]
    Busy {
        /// Which engine.
        engine: &'static str,
        /// How many there are.
        places: usize,
    },
    /// It crashed or hung up in the middle. This turn is lost, the next one works again.
    #[error("{engine} failed: {problem}")]
    Failed {
        /// Which engine.
        engine: &'static str,
        /// What is known about it.
        problem: String,
    },
    /// It did not answer in time.
    #[error("{engine} did not answer within {waited:?}")]
    Slow {
        /// Which engine.
        engine: &'static str,
        /// How long we waited.
        waited: Duration,
    },
    /// The request itself was wrong (an unknown voice or grammar, a text too long). Retrying does not help.
    #[error("{0}")]
    Wrong(String),
}

/// Turns a caller's sound into words.
pub trait Hear: Send + Sync {
    /// The engine's name in records and logs.
    fn name(&self) -> &'static str;

    /// Opens hearing for one call. Fails at once when no place is free.
    fn open(&self, call: &HearSpec) -> Later<'_, Result<Box<dyn HearSession>, EngineError>>;
}

/// What is known when a call's hearing is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HearSpec {
    /// Makes whatever an engine draws at random (the local one: a little noise) repeatable.
    pub seed: u64,
}

/// What the caller was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The grammars an answer may come from, by name; the likeliest first. At most four.
    pub grammars: Vec<String>,
}

impl Question {
    /// A question with one grammar.
    pub fn of(grammar: &str) -> Question {
        Question { grammars: vec![grammar.to_owned()] }
    }
}

/// The hearing of one call. Dropping it gives its place back.
pub trait HearSession: Send {
    /// Begins to listen for an answer. A question still open is dropped without a result.
    ///
    /// Waits only when the engine has to be started anew after a failure.
    fn listen<'a>(&'a mut self, question: &'a Question) -> Later<'a, Result<(), EngineError>>;

    /// Adds the caller's sound: 8 kHz mono, any number of samples, in order. Never waits.
    ///
    /// When the engine does not keep up (its queue holds five seconds), or after the longest answer (30 s), sound is
    /// dropped, and [`Heard::sound_lost`] says so. Without an open question it is ignored.
    fn push(&mut self, samples: &[i16]);

    /// What has been understood so far, as it changes; empty for engines that only answer at the end.
    ///
    /// Ask anew for each question, after [`HearSession::listen`].
    fn partials(&self) -> watch::Receiver<Partial>;

    /// The caller has stopped: gives the result. Ends the question.
    fn finish(&mut self) -> Later<'_, Hearing>;

    /// Stops listening without a result.
    fn abandon(&mut self);
}

/// An answer in the making.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Partial {
    /// The words so far.
    pub text: String,
    /// Whether they are an answer already.
    pub reach: Reach,
}

/// How far a partial answer has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Not an answer yet.
    #[default]
    Unfinished,
    /// An answer, though more words could follow.
    Answer,
    /// An answer to which nothing can be added: the turn may end early.
    WholeAnswer,
}

/// The result of one question.
#[derive(Debug, Clone, PartialEq)]
pub enum Hearing {
    /// An answer to act on.
    Heard(Heard),
    /// The caller said something that is no answer, or nothing at all.
    Rejected(Rejected),
    /// The engine failed; offer the keypad.
    Failed(EngineError),
}

/// Words and how sure the engine is of them.
#[derive(Clone, PartialEq)]
pub struct Heard {
    /// The words, lower case, single spaces.
    pub text: String,
    /// The grammar they come from.
    pub grammar: String,
    /// 0 to 1; 0.5 is the grammar's threshold. Comparable between questions of one engine, not between engines.
    pub confidence: f32,
    /// Other readings, the likelier first; may be empty.
    pub alternatives: Vec<Reading>,
    /// Some of the caller's sound did not reach the engine.
    pub sound_lost: bool,
}

/// Another way to read what was said.
#[derive(Clone, PartialEq)]
pub struct Reading {
    /// The words.
    pub text: String,
    /// The grammar they come from.
    pub grammar: String,
    /// See [`Heard::confidence`].
    pub confidence: f32,
}

/// Why nothing was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    /// What it was like.
    pub why: Rejection,
    /// The nearest answer, if there was one: for "did you say ...?", never to act upon.
    pub nearest: Option<Reading>,
}

/// What a rejected answer was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// No speech in it.
    Silence,
    /// Speech that no answer of the grammar explains.
    NoAnswer,
    /// An answer that fits, but hardly better than any speech would.
    Unsure,
    /// Far longer than the words it would be.
    TooLong,
}

/// Turns words into sound.
pub trait Speak: Send + Sync {
    /// The engine's name in records, logs and cache keys.
    fn name(&self) -> &'static str;

    /// Changes whenever the same text would sound different: part of the cache key.
    fn version(&self) -> &str;

    /// Renders one text.
    fn render(&self, line: &Line) -> Later<'_, Result<Clip, EngineError>>;
}

/// One text to be spoken, and by which voice.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// The engine's name for the voice.
    pub voice: String,
    /// The text as a person would write it; the engine expands numbers, times and money.
    pub text: String,
}

impl Line {
    /// A text in a voice.
    pub fn new(voice: &str, text: &str) -> Line {
        Line { voice: voice.to_owned(), text: text.to_owned() }
    }

    /// The text in clauses that can be rendered one by one, so that the first is heard while the second is made.
    pub fn clauses(&self) -> Vec<Line> {
        crate::spoken::clauses(&self.text)
            .into_iter()
            .map(|text| Line { voice: self.voice.clone(), text })
            .collect()
    }
}

// What callers say, and what is said to them by name, is private: it never reaches a log by `{:?}`.

impl fmt::Debug for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partial {{ {}, {:?} }}", Masked(&self.text), self.reach)
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Heard {{ {}, grammar: {}, confidence: {:.2} }}",
            Masked(&self.text),
            self.grammar,
            self.confidence
        )
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Reading {{ {}, grammar: {}, confidence: {:.2} }}",
            Masked(&self.text),
            self.grammar,
            self.confidence
        )
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line {{ {}, voice: {} }}", Masked(&self.text), self.voice)
    }
}

/// Shows how many words there are, and none of them.
struct Masked<'a>(&'a str);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} words", self.0.split_whitespace().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_never_shows_in_a_debug_print() {
        let heard = Heard {
            text: "my secret words".into(),
            grammar: "problem".into(),
            confidence: 0.5,
            alternatives: vec![Reading { text: "secret".into(), grammar: "problem".into(), confidence: 0.1 }],
            sound_lost: false,
        };
        let partial = Partial { text: "secret".into(), reach: Reach::Answer };
        let shown =
            format!("{heard:?} {partial:?} {:?} {:?}", heard.alternatives, Line::new("slt", "secret"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
