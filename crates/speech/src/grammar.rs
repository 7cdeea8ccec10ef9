//! What a caller may answer: grammars by name, checked and made ready for the decoder when the configuration loads.
//!
//! The sentences themselves come from the intake templates; this file turns them into text a decoder takes, makes sure
//! that each word has a pronunciation, and keeps what is needed later to judge a result: the threshold of each grammar
//! and how long its words take to say. Trying each grammar in a real decoder is [`local::check`](crate::local)'s work.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::jsgf::{Fit, Jsgf, JsgfError};
use crate::lexicon::{Lexicon, LexiconError, PHONES};

/// Most grammars in one configuration.
pub const MOST_GRAMMARS: usize = 256;

/// The acceptance threshold that suits most closed questions; see `docs/decisions/0002-local-hearing.md`.
pub const USUAL_THRESHOLD: f32 = -2.0;

/// One question's possible answers, as data.
#[derive(Debug, Clone, PartialEq)]
pub struct Grammar {
    /// What a question refers to: letters, digits, `-` and `_`.
    pub name: String,
    /// The answers.
    pub answers: Answers,
    /// How much better than arbitrary speech an answer must sound, in the decoder's log units per frame.
    /// Higher refuses more: [`USUAL_THRESHOLD`] for most questions, 0 is strict, 4 keeps only the clearest half.
    pub threshold: f32,
}

/// Answers as a list or as a grammar text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answers {
    /// Each is a whole answer; `[optional]` words and `(this | that)` are understood.
    Phrases(Vec<String>),
    /// A JSGF text with one public rule.
    Jsgf(String),
}

/// All grammars of a configuration, and how to say words no dictionary knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GrammarSet {
    /// In no particular order; names are unique.
    pub grammars: Vec<Grammar>,
    /// Word to phones (`"rivera" -> "R IH V EH R AH"`), for names of people, streets and firms.
    pub pronunciations: BTreeMap<String, String>,
}

/// Why a set of grammars cannot be used. Each names the grammar and, where there is one, the word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrammarError {
    /// A name is empty or holds characters other than letters, digits, `-` and `_`.
    #[error("{0:?} is no name for a grammar; use letters, digits, `-` and `_`")]
    BadName(String),
    /// The same name twice.
    #[error("grammar {0} is defined twice")]
    DefinedTwice(String),
    /// More than [`MOST_GRAMMARS`].
    #[error("more than 256 grammars")]
    TooMany,
    /// The text does not parse.
    #[error("grammar {grammar}: {problem}")]
    Text {
        /// Which grammar.
        grammar: String,
        /// What is wrong.
        problem: JsgfError,
    },
    /// A word nobody knows how to say.
    #[error("grammar {grammar}: no pronunciation is known for {word:?}; add it to the pronunciations{}", suggested(.suggestion))]
    UnknownWord {
        /// Which grammar.
        grammar: String,
        /// The word.
        word: String,
        /// A guess by rule, in phones.
        suggestion: Option<String>,
    },
    /// The dictionary is missing, or a configured pronunciation is wrong.
    #[error(transparent)]
    Lexicon(#[from] LexiconError),
    /// The decoder itself refused it, or crashed on it.
    #[error("grammar {grammar}: the decoder refuses it ({problem})")]
    Refused {
        /// Which grammar.
        grammar: String,
        /// What happened.
        problem: String,
    },
    /// The grammars could not be tried at all.
    #[error("the grammars could not be tried: {0}")]
    Untried(String),
    /// The private directory for the trimmed dictionary could not be written.
    #[error("the trimmed dictionary could not be written: {0}")]
    NoPlace(String),
}

fn suggested(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|phones| format!(", for instance \"{phones}\"")).unwrap_or_default()
}

/// A grammar ready for use.
#[derive(Debug, Clone)]
pub struct ReadyGrammar {
    /// Its name.
    pub name: String,
    /// See [`Grammar::threshold`].
    pub threshold: f32,
    jsgf: Jsgf,
}

impl ReadyGrammar {
    /// How far these words get in this grammar.
    pub fn fit(&self, words: &str) -> Fit {
        self.jsgf.fit(words)
    }

    /// The text for the decoder.
    pub fn text(&self) -> String {
        self.jsgf.to_text()
    }
}

/// Checked grammars with their own small dictionary on disk, shared by all workers; removed with the last user.
#[derive(Debug, Clone)]
pub struct ReadyGrammars {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    grammars: BTreeMap<String, ReadyGrammar>,
    lexicon: Lexicon,
    directory: tempfile::TempDir,
}

impl GrammarSet {
    /// Checks names, texts and words, and writes the trimmed dictionary into a private directory.
    ///
    /// Returns every problem found, not just the first: an owner corrects them in one go.
    pub fn prepare(&self, model: &Path) -> Result<ReadyGrammars, Vec<GrammarError>> {
        let grammars = self.parse_all()?;
        let words: BTreeSet<String> = grammars.values().flat_map(|g| g.jsgf.words()).collect();
        let lexicon = Lexicon::for_words(&words, &self.pronunciations, model).map_err(|e| vec![e.into()])?;
        let unknown = unknown_words(&grammars, &lexicon);
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let directory =
            write_dictionaries(&lexicon).map_err(|e| vec![GrammarError::NoPlace(e.to_string())])?;
        Ok(ReadyGrammars { shared: Arc::new(Shared { grammars, lexicon, directory }) })
    }

    fn parse_all(&self) -> Result<BTreeMap<String, ReadyGrammar>, Vec<GrammarError>> {
        let mut problems = Vec::new();
        let mut ready = BTreeMap::new();
        if self.grammars.len() > MOST_GRAMMARS {
            return Err(vec![GrammarError::TooMany]);
        }
        for grammar in &self.grammars {
            let name = grammar.name.clone();
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
                problems.push(GrammarError::BadName(name));
                continue;
            }
            let parsed = match &grammar.answers {
                Answers::Phrases(phrases) => Jsgf::from_phrases(phrases.iter().map(String::as_str)),
                Answers::Jsgf(text) => Jsgf::parse(text),
            };
            match parsed {
                Err(problem) => problems.push(GrammarError::Text { grammar: name, problem }),
                Ok(jsgf) => {
                    let entry = ReadyGrammar { name: name.clone(), threshold: grammar.threshold, jsgf };
                    if ready.insert(name.clone(), entry).is_some() {
                        problems.push(GrammarError::DefinedTwice(name));
                    }
                }
            }
        }
        if problems.is_empty() { Ok(ready) } else { Err(problems) }
    }
}

fn unknown_words(grammars: &BTreeMap<String, ReadyGrammar>, lexicon: &Lexicon) -> Vec<GrammarError> {
    let mut unknown = Vec::new();
    for grammar in grammars.values() {
        for word in grammar.jsgf.words() {
            if !lexicon.knows(&word) {
                unknown.push(GrammarError::UnknownWord {
                    grammar: grammar.name.clone(),
                    word,
                    suggestion: None,
                });
            }
        }
    }
    unknown
}

fn write_dictionaries(lexicon: &Lexicon) -> std::io::Result<tempfile::TempDir> {
    let directory = tempfile::Builder::new().prefix("firstring-hearing-").tempdir()?;
    std::fs::File::create(directory.path().join("words.dict"))?.write_all(lexicon.to_text().as_bytes())?;
    let phones: String = PHONES.iter().map(|phone| format!("{} {phone}\n", phone_word(phone))).collect();
    std::fs::File::create(directory.path().join("phones.dict"))?.write_all(phones.as_bytes())?;
    Ok(directory)
}

fn phone_word(phone: &str) -> String {
    format!("ph{}", phone.to_ascii_lowercase())
}

/// The grammar that accepts any speech: each phone, any number of times. What a real answer must sound better than.
pub fn phone_loop() -> String {
    let words: Vec<String> = PHONES.iter().map(|phone| phone_word(phone)).collect();
    format!("#JSGF V1.0;\ngrammar speech;\npublic <speech> = ( {} )+ ;\n", words.join(" | "))
}

impl ReadyGrammars {
    /// One grammar by name.
    pub fn get(&self, name: &str) -> Option<&ReadyGrammar> {
        self.shared.grammars.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &ReadyGrammar> {
        self.shared.grammars.values()
    }

    /// The fewest sounds these words can be said with.
    pub fn phones_in(&self, words: &str) -> usize {
        self.shared.lexicon.phones_in(words)
    }

    /// The words of all grammars with their pronunciations.
    pub fn dictionary(&self) -> PathBuf {
        self.shared.directory.path().join("words.dict")
    }

    /// The 39 phones as words, for the loop.
    pub fn phone_dictionary(&self) -> PathBuf {
        self.shared.directory.path().join("phones.dict")
    }
}
