//! Hearing and speaking: local engines behind traits.
//!
//! Sound becomes words ([`Hear`]) and words become sound ([`Speak`]). The local engines, PocketSphinx and flite, need no
//! account, no key and no network; they are C code and live in worker processes ([`worker`]) that the desk starts,
//! watches and replaces ([`local`]). Texts that are known beforehand are rendered once and kept ([`Prompts`]).
//!
//! Decided elsewhere: what is asked and what an answer means (the desk), when the caller has stopped speaking (media),
//! which engine is tried after which (the binary).
//!
//! Invariant: whatever an engine does, the caller's turn gets an answer: a result or a failure with a name, in bounded
//! time and bounded memory.

mod clip;
mod engine;
mod front_end;
mod grammar;
pub mod jsgf;
mod judge;
mod lexicon;
pub mod local;
mod prompts;
pub mod sound;
pub mod spoken;
mod sys;
pub mod worker;

pub use clip::{Clip, LONGEST_RECORDING, RecordingError};
pub use engine::{
    EngineError, Hear, HearSession, HearSpec, Heard, Hearing, Later, Line, Partial, Question, Reach, Reading,
    Rejected, Rejection, Speak,
};
pub use grammar::{
    Answers, Grammar, GrammarError, GrammarSet, MOST_GRAMMARS, ReadyGrammar, ReadyGrammars, USUAL_THRESHOLD,
};
pub use judge::CONFIDENCE_SPREAD;
pub use lexicon::{LexiconError, MODEL_DIRECTORY, PHONES};
pub use prompts::{Progress, Prompt, PromptError, Prompts};

/// The voices inside the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LocalVoice {
    /// A woman from the United States; the usual voice.
    #[default]
    Slt,
    /// A man from the United States.
    Rms,
    /// A clear, plainly artificial voice; its sound is the same each time.
    Kal16,
}

impl LocalVoice {
    /// All of them.
    pub const ALL: [LocalVoice; 3] = [LocalVoice::Slt, LocalVoice::Rms, LocalVoice::Kal16];

    /// The name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            LocalVoice::Slt => "slt",
            LocalVoice::Rms => "rms",
            LocalVoice::Kal16 => "kal16",
        }
    }

    /// Reads the name in a configuration.
    pub fn from_name(name: &str) -> Option<LocalVoice> {
        LocalVoice::ALL.into_iter().find(|voice| voice.name() == name)
    }
}
