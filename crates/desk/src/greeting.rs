//! The first words: which of them may not be talked over.
//!
//! What must be in a greeting is checked where the configuration is read.

use crate::phrase::Phrase;

/// Words that tell a caller they talk to a machine.
const DISCLOSING: [&str; 8] =
    ["automated", "virtual", "artificial", "robot", "machine", "computer", "digital", " ai "];

/// True if these words tell a caller that they talk to a machine.
pub fn discloses(text: &str) -> bool {
    let text = format!(" {} ", text.to_lowercase().replace(['.', ',', '!', '?'], " "));
    DISCLOSING.iter().any(|word| text.contains(word))
}

/// True if these words tell a caller that something of the call is kept.
fn announces(text: &str) -> bool {
    let text = text.to_lowercase();
    ["record", "transcript", "transcribed", "written down"].iter().any(|word| text.contains(word))
}

/// A greeting, read once when the configuration loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    text: String,
    phrases: Vec<Phrase>,
}

impl Greeting {
    /// In sentences: those that disclose or announce, and all before them, are heard to their end.
    pub fn of(text: &str) -> Greeting {
        let sentences = sentences(text);
        let must_hear = sentences.iter().rposition(|s| discloses(s) || announces(s));
        let phrase = |(index, text): (usize, &str)| Phrase {
            text: text.to_string(),
            prepared: true,
            guarded: must_hear.is_some_and(|last| index <= last),
        };
        Greeting { text: text.to_string(), phrases: sentences.into_iter().enumerate().map(phrase).collect() }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// One sentence after the other.
    pub fn phrases(&self) -> &[Phrase] {
        &self.phrases
    }
}

fn sentences(text: &str) -> Vec<&str> {
    let mut rest = text.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let end = rest
            .char_indices()
            .find(|&(at, c)| matches!(c, '.' | '!' | '?') && rest[at + 1..].starts_with(char::is_whitespace))
            .map_or(rest.len(), |(at, _)| at + 1);
        found.push(rest[..end].trim());
        rest = rest[end..].trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_can_talk_over_the_question_but_not_over_the_disclosure() {
        let spoken = Greeting::of(
            "Thanks for calling Rivera Plumbing. This is Robin, the automated assistant. How can I help?",
        );
        let guarded: Vec<_> = spoken.phrases().iter().map(|p| (p.text.as_str(), p.guarded)).collect();
        assert_eq!(
            guarded,
            [
                ("Thanks for calling Rivera Plumbing.", true),
                ("This is Robin, the automated assistant.", true),
                ("How can I help?", false),
            ]
        );
    }

    #[test]
    fn a_name_that_merely_contains_the_letters_discloses_nothing() {
        assert!(!discloses("Thanks for calling Maine Plumbing."));
        assert!(discloses("I am an AI assistant."));
    }
}
