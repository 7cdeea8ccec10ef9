//! The first words: who speaks, and what is kept, said before anything is asked.
//!
//! Invariant: a greeting that leaves here says that an automated assistant speaks, and, if what is said is recorded or
//! written down, says that too. Law and courtesy both want it in the first words (Utah SB 149, California PUC 2874).

use desk::business::{Keeping, Kept};
use desk::sayings::RECORDED;

/// Said when the owner's own words do not.
pub(super) const DISCLOSURE: &str = "You are speaking with an automated assistant.";
/// Said when the words of the talk are kept.
pub(super) const TRANSCRIPT_NOTICE: &str = "What we say is written down for the office.";

/// The first words of an assistant nobody wrote a greeting for.
pub(super) fn usual(business: &str, assistant: &str) -> String {
    format!("Thanks for calling {business}. This is {assistant}, the automated assistant. How can I help?")
}

/// The owner's words with what must be said added: before a closing question, else at the end.
pub(super) fn complete(greeting: &str, keeping: Keeping) -> String {
    let mut sentences = sentences(greeting);
    let closing_question = sentences.last().is_some_and(|last| last.ends_with('?'));
    let mut place = if closing_question { sentences.len() - 1 } else { sentences.len() };
    if !sentences.iter().any(|sentence| discloses(sentence)) {
        sentences.insert(place, DISCLOSURE.to_string());
        place += 1;
    }
    for (kept, notice) in [(keeping.calls, RECORDED), (keeping.transcripts, TRANSCRIPT_NOTICE)] {
        if kept == Kept::Announced && !sentences.iter().any(|sentence| sentence == notice) {
            sentences.insert(place, notice.to_string());
            place += 1;
        }
    }
    sentences.join(" ")
}

/// Whether a sentence says that a machine speaks. In doubt it does not: saying it twice harms nobody.
fn discloses(sentence: &str) -> bool {
    const SAYS_SO: [&str; 9] = [
        "automated assistant",
        "automated voice",
        "automated system",
        "automated receptionist",
        "virtual assistant",
        "virtual receptionist",
        "digital assistant",
        "ai assistant",
        "ai receptionist",
    ];
    const TURNS_IT_ROUND: [&str; 8] = ["not", "no", "never", "without", "isn't", "skip", "instead", "if"];
    let words: Vec<String> = sentence.to_lowercase().split_whitespace().map(bare).collect();
    let joined = format!(" {} ", words.join(" "));
    SAYS_SO.iter().any(|phrase| joined.contains(&format!(" {phrase} ")))
        && !words.iter().any(|word| TURNS_IT_ROUND.contains(&word.as_str()))
        && !sentence.ends_with('?')
}

fn bare(word: &str) -> String {
    word.trim_matches(|sign: char| !sign.is_alphanumeric()).replace("a.i", "ai")
}

/// Text cut after each `.`, `!` or `?` that a space or the end follows.
fn sentences(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut sentences = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    for word in words {
        open.push(word);
        if word.ends_with(['.', '!', '?']) && !TITLES.contains(&word) {
            sentences.push(open.join(" "));
            open.clear();
        }
    }
    if !open.is_empty() {
        let last = open.join(" ");
        sentences.push(if last.ends_with(|sign: char| sign.is_alphanumeric()) {
            format!("{last}.")
        } else {
            last
        });
    }
    sentences
}

/// A point after these ends no sentence.
const TITLES: [&str; 8] = ["Mr.", "Mrs.", "Ms.", "Dr.", "St.", "Co.", "Inc.", "Bros."];

#[cfg(test)]
mod tests {
    use desk::greeting::Greeting;

    use super::*;

    fn kept(transcribed: bool) -> Keeping {
        let transcripts = if transcribed { Kept::Announced } else { Kept::Never };
        Keeping { transcripts, calls: Kept::Never, bridged: Kept::Never }
    }

    #[test]
    fn a_recorded_call_says_so_in_a_sentence_of_its_own_that_is_heard_to_its_end() {
        let keeping = Keeping { calls: Kept::Announced, ..kept(true) };
        let greeting = complete("Hello. How can I help?", keeping);
        let read = Greeting::of(&greeting);
        let phrases = read.phrases();
        let notice = phrases.iter().find(|phrase| phrase.text == RECORDED);
        assert!(notice.is_some_and(|phrase| phrase.guarded), "{greeting}");
        assert!(phrases.last().is_some_and(|phrase| !phrase.guarded), "the question may be talked over");
    }

    #[test]
    fn a_greeting_that_says_what_it_is_stays_as_written() {
        let own =
            "Thanks for calling Rivera Plumbing. This is Robin, the automated assistant. How can I help?";
        assert_eq!(complete(own, kept(false)), own);
        assert_eq!(usual("Rivera Plumbing", "Robin"), own);
    }

    #[test]
    fn what_must_be_said_comes_before_the_closing_question() {
        for (own, transcribed, said) in [
            (
                "Hello. How can I help?",
                false,
                "Hello. You are speaking with an automated assistant. How can I help?",
            ),
            (
                "Hi, this is Robin, your virtual assistant. What is wrong?",
                true,
                "Hi, this is Robin, your virtual assistant. What we say is written down for the office. What is wrong?",
            ),
            (
                "Rivera Bros. Plumbing",
                true,
                "Rivera Bros. Plumbing. You are speaking with an automated assistant. What we say is written down for \
                 the office.",
            ),
            (
                "Here you never talk to an automated system. How can I help?",
                false,
                "Here you never talk to an automated system. You are speaking with an automated assistant. How can I \
                 help?",
            ),
            (
                "Looking for an automated assistant? We have people.",
                false,
                "Looking for an automated assistant? We have people. You are speaking with an automated assistant.",
            ),
        ] {
            assert_eq!(complete(own, kept(transcribed)), said);
        }
    }

    #[test]
    fn completing_twice_adds_nothing() {
        let keeping = Keeping { calls: Kept::Announced, ..kept(true) };
        let once = complete("Hello. How can I help?", keeping);
        assert_eq!(complete(&once, keeping), once);
    }
}
