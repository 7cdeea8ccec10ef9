//! The offices that share a main number: how callers ask for each, by words and by keys.
//!
//! Choosing one is a question of the [`intake`](crate::intake) like any other; where the call goes on is
//! [`call`](crate::call)'s work.
//!
//! Invariant: every office has words of its own and a key of its own.

use std::collections::BTreeSet;

use crate::business::Front;
use crate::understand::pattern::{Pattern, PatternError, Rules};
use crate::understand::{Words, safety};

use super::template::{Asked, AskedText};

/// Offices to choose from.
#[derive(Clone, Debug)]
pub struct Directory {
    doors: Vec<Door>,
    /// Made of the doors.
    asked: Asked,
    /// Every sentence that can be rendered before the first call.
    prompts: BTreeSet<String>,
}

impl PartialEq for Directory {
    fn eq(&self, other: &Directory) -> bool {
        self.doors == other.doors
    }
}

impl Eq for Directory {}

/// One office, as callers ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// Where the call goes on.
    pub front: Front,
    /// As it is spoken of: the first of the words.
    pub name: String,
    /// The key that chooses it.
    pub key: char,
    words: Vec<Pattern>,
}

/// Why offices cannot be told apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// One office is no choice, and there are eight keys: 0 is a person, 9 a message.
    #[error("callers can choose among 2 to 8 offices, and here are {0}")]
    Count(usize),
    /// An office without words.
    #[error("office {0:?} has no words by which callers ask for it")]
    NoWords(String),
    /// Words that cannot be listened for.
    #[error("office {office:?}: {source}")]
    Words {
        /// Whose words.
        office: String,
        /// What is wrong.
        source: PatternError,
    },
    /// Two offices that are asked for by the same words.
    #[error("{words:?} asks for office {first:?} as well as for {second:?}")]
    Ambiguous {
        /// The words.
        words: String,
        /// One office.
        first: String,
        /// The other.
        second: String,
    },
}

/// Short answers, so little silence ends them.
const HANG_MS: u64 = 500;
/// As for the closed questions of the templates.
const THRESHOLD: f32 = -2.0;

impl Directory {
    /// The question's name.
    pub const QUESTION: &str = "office";

    /// Offices with the words by which callers ask for each, the first of them its name, in the order of their keys.
    ///
    /// # Errors
    /// If callers could not choose among them by words and keys.
    pub fn new(offices: Vec<(Front, Vec<String>)>) -> Result<Directory, DirectoryError> {
        if !(2..=8).contains(&offices.len()) {
            return Err(DirectoryError::Count(offices.len()));
        }
        let doors: Vec<Door> = offices.into_iter().zip('1'..='8').map(door).collect::<Result<_, _>>()?;
        check_apart(&doors)?;
        let asked = asked(&doors);
        let text = &asked.text;
        let questions = [&text.ask, &text.again, &text.menu].map(String::clone);
        let chosen = doors.iter().map(|door| Directory::chosen(&door.name));
        let prompts = questions.into_iter().chain(chosen).collect();
        Ok(Directory { doors, asked, prompts })
    }

    /// The offices, in the order of their keys.
    pub fn doors(&self) -> &[Door] {
        &self.doors
    }

    pub(super) fn asked(&self) -> &Asked {
        &self.asked
    }

    pub(super) fn keypad(&self) -> impl Iterator<Item = (char, String)> {
        self.doors.iter().map(|door| (door.key, door.name.clone()))
    }

    /// Every sentence that can be rendered before the first call.
    pub fn prompts(&self) -> &BTreeSet<String> {
        &self.prompts
    }

    /// What a caller hears who has chosen.
    pub(super) fn chosen(name: &str) -> String {
        format!("All right, {name}.")
    }

    pub(super) fn door_of(&self, key: char) -> Option<&Door> {
        self.doors.iter().find(|door| door.key == key)
    }

    /// The office whose words are the longest in these.
    pub(super) fn door_in(&self, words: &Words) -> Option<&Door> {
        let length = |door: &Door| door.longest_in(words);
        let found = self.doors.iter().filter(|door| length(door) > 0);
        found.rev().max_by_key(|door| length(door))
    }
}

impl Door {
    fn longest_in(&self, words: &Words) -> usize {
        let said = self.words.iter().filter(|pattern| safety::is_said(pattern, words));
        said.flat_map(|pattern| pattern.find_all(words)).map(|place| place.len()).max().unwrap_or(0)
    }
}

fn door(((front, words), key): ((Front, Vec<String>), char)) -> Result<Door, DirectoryError> {
    let office = front.office.clone();
    let Some(name) = words.first().cloned() else { return Err(DirectoryError::NoWords(office)) };
    let read = |text: &String| Pattern::parse(text, &Rules::new());
    let words = words.iter().map(read).collect::<Result<_, _>>();
    let words = words.map_err(|source| DirectoryError::Words { office, source })?;
    Ok(Door { front, name, key, words })
}

/// What asks for one office asks for no other.
fn check_apart(doors: &[Door]) -> Result<(), DirectoryError> {
    for (place, first) in doors.iter().enumerate() {
        for second in &doors[place + 1..] {
            let phrases = |door: &Door| door.words.iter().flat_map(|pattern| pattern.phrases(100)).collect();
            let (ours, theirs): (Vec<String>, Vec<String>) = (phrases(first), phrases(second));
            if let Some(words) = ours.into_iter().find(|phrase| theirs.contains(phrase)) {
                let (first, second) = (first.front.office.clone(), second.front.office.clone());
                return Err(DirectoryError::Ambiguous { words, first, second });
            }
        }
    }
    Ok(())
}

fn asked(doors: &[Door]) -> Asked {
    let names: Vec<&str> = doors.iter().map(|door| door.name.as_str()).collect();
    let listed = match names.split_last() {
        Some((last, before)) => format!("{}, or {last}", before.join(", ")),
        None => String::new(),
    };
    let keys: Vec<String> =
        doors.iter().map(|door| format!("For {}, press {}.", door.name, door.key)).collect();
    let text = AskedText {
        ask: format!("Which office would you like: {listed}?"),
        example: String::new(),
        again: format!(
            "Please say the name of the office, like: {}.",
            names.first().copied().unwrap_or_default()
        ),
        menu: format!("{} For a person, press 0.", keys.join(" ")),
        hang_ms: HANG_MS,
        threshold: THRESHOLD,
        secret: false,
        words: Vec::new(),
    };
    Asked { text, words: doors.iter().flat_map(|door| door.words.clone()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front(office: &str) -> Front {
        Front { office: office.to_string(), plan: "overflow".to_string(), assistant: "Robin".to_string() }
    }

    fn directory(offices: &[(&str, &[&str])]) -> Result<Directory, DirectoryError> {
        let words = |words: &[&str]| words.iter().map(|text| (*text).to_string()).collect();
        let offices = offices.iter().map(|(office, known_as)| (front(office), words(known_as))).collect();
        Directory::new(offices)
    }

    #[test]
    fn an_office_is_found_by_its_name_and_by_what_it_is_known_for() {
        let two: [(&str, &[&str]); 2] =
            [("north", &["north side", "immigration"]), ("town", &["downtown", "(down town | the center)"])];
        let two = directory(&two).unwrap();
        let found = |text: &str| two.door_in(&Words::of(text)).map(|door| door.front.office.as_str());
        assert_eq!(found("the north side office please"), Some("north"));
        assert_eq!(found("I need an immigration lawyer"), Some("north"));
        assert_eq!(found("in the center"), Some("town"));
        assert_eq!(found("the moon"), None);
        assert_eq!(two.asked().text.ask, "Which office would you like: north side, or downtown?");
        assert_eq!(
            two.asked().text.menu,
            "For north side, press 1. For downtown, press 2. For a person, press 0."
        );
    }

    #[test]
    fn offices_that_cannot_be_told_apart_are_refused() {
        assert_eq!(directory(&[("a", &["alpha"])]), Err(DirectoryError::Count(1)));
        assert!(matches!(directory(&[("a", &[]), ("b", &["beta"])]), Err(DirectoryError::NoWords(_))));
        assert!(matches!(directory(&[("a", &["A"]), ("b", &["beta"])]), Err(DirectoryError::Words { .. })));
        let same = directory(&[("a", &["alpha", "the lake"]), ("b", &["(the lake | beta)"])]);
        assert!(matches!(same, Err(DirectoryError::Ambiguous { .. })), "{same:?}");
    }
}
