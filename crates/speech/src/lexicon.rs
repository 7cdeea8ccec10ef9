//! How words sound: the few hundred that a configuration uses, picked from the model's dictionary of 130 000.
//!
//! A small dictionary starts a decoder in 10 ms instead of 90 and saves 20 MB for each caller who talks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The sounds of American English that the acoustic model knows.
pub const PHONES: [&str; 39] = [
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY",
    "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y",
    "Z", "ZH",
];

/// Where Debian's package `pocketsphinx-en-us` puts the model.
pub const MODEL_DIRECTORY: &str = "/usr/share/pocketsphinx/model/en-us";

/// Longest pronunciation accepted from a configuration, in phones.
const LONGEST_WORD: usize = 48;

/// Why the dictionary could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LexiconError {
    /// No model on this machine. Hearing is unavailable; the keypad leads.
    #[error("no speech model in {0}; install it with `apt install pocketsphinx-en-us`")]
    NoModel(PathBuf),
    /// The dictionary cannot be read.
    #[error("{path} cannot be read: {problem}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        problem: String,
    },
    /// A configured pronunciation uses something that is no phone.
    #[error(
        "pronunciation of {word:?}: {part:?} is no sound; use some of AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
    )]
    BadPronunciation {
        /// The word.
        word: String,
        /// The part that is wrong.
        part: String,
    },
}

/// Words and their pronunciations.
#[derive(Debug, Clone, Default)]
pub struct Lexicon {
    words: BTreeMap<String, Vec<String>>,
}

impl Lexicon {
    /// Collects the pronunciations of `words` from the model's dictionary in `model` and the configured ones.
    ///
    /// A configured pronunciation replaces the dictionary's. Words found nowhere are simply absent; ask [`Lexicon::knows`].
    pub fn for_words(
        words: &BTreeSet<String>,
        configured: &BTreeMap<String, String>,
        model: &Path,
    ) -> Result<Lexicon, LexiconError> {
        if !model.join("en-us").join("mdef").is_file() {
            return Err(LexiconError::NoModel(model.to_owned()));
        }
        let mut lexicon = Lexicon::default();
        for (word, phones) in configured {
            lexicon.words.insert(word.to_lowercase(), vec![checked_phones(word, phones)?]);
        }
        let path = model.join("cmudict-en-us.dict");
        let text = std::fs::read(&path)
            .map_err(|e| LexiconError::Unreadable { path: path.clone(), problem: e.to_string() })?;
        lexicon.take_from(&String::from_utf8_lossy(&text), words);
        Ok(lexicon)
    }

    /// Adds the wanted words of a dictionary text (`word PH ON ES`, further ways as `word(2)`) not yet known.
    fn take_from(&mut self, dictionary: &str, wanted: &BTreeSet<String>) {
        let configured: BTreeSet<String> = self.words.keys().cloned().collect();
        for line in dictionary.lines() {
            let Some((head, phones)) = line.split_once(' ') else { continue };
            let word = head.split('(').next().unwrap_or(head);
            if wanted.contains(word) && !configured.contains(word) {
                self.words.entry(word.to_owned()).or_default().push(phones.trim().to_owned());
            }
        }
    }

    /// Is there a pronunciation?
    pub fn knows(&self, word: &str) -> bool {
        self.words.contains_key(word)
    }

    /// The fewest phones a sentence can be said with. Unknown words count nothing.
    pub fn phones_in(&self, sentence: &str) -> usize {
        let shortest = |word: &str| {
            self.words
                .get(word)
                .and_then(|ways| ways.iter().map(|way| way.split_whitespace().count()).min())
                .unwrap_or(0)
        };
        sentence.split_whitespace().map(shortest).sum()
    }

    /// The dictionary file's text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (word, ways) in &self.words {
            for (index, way) in ways.iter().enumerate() {
                match index {
                    0 => text.push_str(&format!("{word} {way}\n")),
                    _ => text.push_str(&format!("{word}({}) {way}\n", index + 1)),
                }
            }
        }
        text
    }
}

fn checked_phones(word: &str, phones: &str) -> Result<String, LexiconError> {
    let parts: Vec<String> =
        phones.split_whitespace().map(|p| p.trim_end_matches(['0', '1', '2']).to_ascii_uppercase()).collect();
    let wrong = parts.iter().find(|part| !PHONES.contains(&part.as_str()));
    let bad = |part: &str| LexiconError::BadPronunciation { word: word.to_owned(), part: part.to_owned() };
    match wrong {
        Some(part) => Err(bad(part)),
        None if parts.is_empty() || parts.len() > LONGEST_WORD => Err(bad(phones)),
        None => Ok(parts.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_in_use_are_kept_with_all_their_ways() {
        let mut lexicon = Lexicon::default();
        let wanted = BTreeSet::from(["tomato".to_owned(), "yes".to_owned()]);
        lexicon.take_from("no N OW\ntomato T AH M EY T OW\ntomato(2) T AH M AA T OW\nyes Y EH S\n", &wanted);
        assert_eq!(lexicon.to_text(), "tomato T AH M EY T OW\ntomato(2) T AH M AA T OW\nyes Y EH S\n");
        assert_eq!(lexicon.phones_in("yes tomato"), 9);
        assert!(!lexicon.knows("no"));
    }

    #[test]
    fn a_wrong_pronunciation_names_the_word_and_the_sound() {
        assert_eq!(checked_phones("rivera", "r ih0 v eh1 r ah").unwrap(), "R IH V EH R AH");
        let error = checked_phones("rivera", "R QQ").unwrap_err().to_string();
        assert!(
            error.starts_with("pronunciation of \"rivera\": \"QQ\" is no sound; use some of AA"),
            "{error}"
        );
        assert!(checked_phones("x", " ").is_err());
    }

    #[test]
    fn a_machine_without_the_model_is_told_what_to_install() {
        let error =
            Lexicon::for_words(&BTreeSet::new(), &BTreeMap::new(), Path::new("/nonexistent")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no speech model in /nonexistent; install it with `apt install pocketsphinx-en-us`"
        );
    }
}
