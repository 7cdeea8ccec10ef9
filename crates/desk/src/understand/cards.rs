//! A payment card as it is read out: what is never to be found on a recording, in a record or in a journal.
//!
//! In doubt it is one: a pause too many costs a sentence on a recording, one too few keeps what may not be kept
//! (PCI DSS 4.0, requirement 3.3.1). Where figures can as well be what a conversation is about, a telephone number or a house
//! on its street, they stay. Nothing here is known of a language other than English.

use std::ops::Range;

use super::Words;
use crate::counting::{TENS, UNITS};

/// So many figures in a row are more than a telephone number of North America has with its country (11); a card has
/// 12 to 19 (ISO/IEC 7812-1).
const FIGURES_OF_A_CARD: usize = 12;

/// Telephone numbers of North America have as many: without the area, with it, and with the country.
const FIGURES_OF_A_TELEPHONE: [usize; 3] = [7, 10, 11];
/// A security code has three or four (PCI DSS glossary); two are a day or an hour.
const FIGURES_OF_A_CODE: usize = 3;
/// What stands for figures that are left out. It tells of a card itself, to whoever reads the words after this.
const LEFT_OUT: &str = "(card number)";
/// Said between figures, and no end of them.
const BETWEEN: [&str; 5] = ["dash", "hyphen", "space", "uh", "um"];

const SIGNS: [&[&str]; 13] = [
    &["credit", "card"],
    &["debit", "card"],
    &["card", "number"],
    &["card", "is"],
    &["my", "card"],
    &["security", "code"],
    &["expiration", "date"],
    &["expires"],
    &["cvv"],
    &["visa"],
    &["mastercard"],
    &["master", "card"],
    &["american", "express"],
];

/// Whether these words tell of a payment card, or are so many figures that they can be its number.
pub fn tells_of_card(text: &str) -> bool {
    let pieces: Vec<&str> = text.split_whitespace().collect();
    first_sign(&pieces).is_some() || runs(&pieces).iter().any(|run| run.figures >= FIGURES_OF_A_CARD)
}

/// What a caller says, without the figures of a card. One for each call: who has said that a card follows may read it out
/// after a breath.
#[derive(Clone, Debug, Default)]
pub struct Cards {
    /// The last words were of a card.
    follows: bool,
}

impl Cards {
    /// The same words, with what is a card's left out.
    pub fn left_out_of(&mut self, text: &str) -> String {
        if !may_be_of_card(text) {
            self.follows = false;
            return text.to_owned();
        }
        let pieces: Vec<&str> = text.split_whitespace().collect();
        let (runs, sign) = (runs(&pieces), first_sign(&pieces));
        let only_figures = runs.iter().map(|run| run.pieces.len()).sum::<usize>() == pieces.len();
        let goes_on = self.follows && (only_figures || sign.is_some());
        let is_of_card = |run: &&Run| {
            let is_told = goes_on || sign.is_some_and(|sign| sign <= run.pieces.start);
            let is_telephone = FIGURES_OF_A_TELEPHONE.contains(&run.figures);
            run.figures >= FIGURES_OF_A_CARD || is_told && run.figures >= FIGURES_OF_A_CODE && !is_telephone
        };
        let left_out: Vec<&Run> = runs.iter().filter(is_of_card).collect();
        self.follows = sign.is_some() || !left_out.is_empty();
        if left_out.is_empty() {
            return text.to_owned();
        }
        let kept = pieces.iter().enumerate().filter_map(|(at, piece)| {
            match left_out.iter().find(|run| run.pieces.contains(&at)) {
                Some(run) => (run.pieces.start == at).then_some(LEFT_OUT),
                None => Some(*piece),
            }
        });
        kept.collect::<Vec<_>>().join(" ")
    }
}

/// Whether anything here is worth a closer look: most of what callers say has neither figures nor a word of cards in it.
fn may_be_of_card(text: &str) -> bool {
    let words = if text.contains('-') { Words::of(&text.replace('-', " ")) } else { Words::of(text) };
    let is_sign = |at: usize| SIGNS.iter().any(|sign| words.are(at, sign));
    words.all().iter().any(|word| Said::word(word) != Said::Else) || (0..words.len()).any(is_sign)
}

/// Figures that follow each other, as digits or as words.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    pieces: Range<usize>,
    figures: usize,
}

/// Before which piece a card is first spoken of.
fn first_sign(pieces: &[&str]) -> Option<usize> {
    (0..pieces.len()).find(|at| {
        let words = Words::of(&pieces[*at..pieces.len().min(at + 2)].join(" "));
        SIGNS.iter().any(|sign| words.are(0, sign))
    })
}

fn runs(pieces: &[&str]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut before = Said::Else;
    for (at, piece) in pieces.iter().enumerate() {
        let goes_on = runs.last().is_some_and(|run| run.pieces.end == at);
        let mut figures = None;
        for part in piece.to_lowercase().split('-').flat_map(|part| Words::of(part).all().to_vec()) {
            let said = Said::word(&part);
            figures = match said.figures(before) {
                Some(more) => Some(figures.unwrap_or(0) + more),
                None if said == Said::Between && (goes_on || figures.is_some()) => figures.or(Some(0)),
                None => None,
            };
            before = said;
            if figures.is_none() {
                break;
            }
        }
        match (figures, runs.last_mut().filter(|_| goes_on)) {
            (Some(more), Some(run)) => {
                run.pieces.end = at + 1;
                run.figures += more;
            }
            (Some(figures), None) => runs.push(Run { pieces: at..at + 1, figures }),
            (None, _) => before = Said::Else,
        }
    }
    runs
}

/// What a word is in a number that is read out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// So many figures.
    Figures(usize),
    /// "Forty": two figures, the second of which the next word may be.
    Tens,
    /// "Double", "triple": the next figure so many times.
    Times(usize),
    /// Nothing, and the number goes on.
    Between,
    Else,
}

impl Said {
    fn word(word: &str) -> Said {
        match word {
            _ if !word.is_empty() && word.bytes().all(|sign| sign.is_ascii_digit()) => {
                Said::Figures(word.len())
            }
            "oh" | "o" => Said::Figures(1),
            "double" => Said::Times(2),
            "triple" => Said::Times(3),
            "hundred" => Said::Figures(2),
            _ if BETWEEN.contains(&word) => Said::Between,
            _ if UNITS[..10].contains(&word) => Said::Figures(1),
            _ if UNITS[10..].contains(&word) => Said::Figures(2),
            _ if TENS.contains(&word) => Said::Tens,
            _ => Said::Else,
        }
    }

    /// How many figures it adds to what stands before it; nothing for what is no part of a number.
    fn figures(self, before: Said) -> Option<usize> {
        match (self, before) {
            (Said::Figures(1), Said::Tens) => Some(0),
            (Said::Figures(1), Said::Times(times)) => Some(times),
            (Said::Figures(more), _) => Some(more),
            (Said::Tens, _) => Some(2),
            (Said::Times(_), _) => Some(0),
            (Said::Between | Said::Else, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_known_by_its_name_and_by_its_length() {
        for told in [
            "my credit card is declined",
            "the card number is four two",
            "it expires in may",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111.",
            "four one one one one one one one one one one one one one one one",
            "oh four one one, one one one one one one one one",
            "forty one eleven eleven eleven eleven eleven eleven eleven",
            "four triple one, double one double one, eleven eleven",
            "(card number)",
        ] {
            assert!(tells_of_card(told), "{told}");
        }
        for other in [
            "my kitchen sink is clogged",
            "my number is three one two five five five oh one four three",
            "three one two, five fifty five, oh one forty three",
            "three one two triple five oh one double three",
            "call me at 1 312 555 0143",
            "between 8 and 10 on the 3rd",
            "the wild card of the kitchen",
            "",
        ] {
            assert!(!tells_of_card(other), "{other}");
        }
    }

    /// What is kept of words that follow each other in one call.
    fn kept(said: &[&str]) -> Vec<String> {
        let mut cards = Cards::default();
        said.iter().map(|text| cards.left_out_of(text)).collect()
    }

    #[test]
    fn the_figures_of_a_card_are_left_out_and_everything_else_stays() {
        for (said, left) in [
            ("4111 1111 1111 1111", "(card number)"),
            ("it is 4111-1111-1111-1111, okay?", "it is (card number) okay?"),
            (
                "put it on four one one one one one one one one one one one one one one one please",
                "put it on (card number) please",
            ),
            ("forty one eleven eleven eleven dash eleven eleven eleven eleven", "(card number)"),
            (
                "my Visa is 4111 1111, the security code is 123",
                "my Visa is (card number) the security code is (card number)",
            ),
            (
                "4111 1111 1111 1111 expires 05 27 and call me at 312 555 0143",
                "(card number) expires (card number) and call me at 312 555 0143",
            ),
        ] {
            assert_eq!(kept(&[said]), [left]);
            assert!(tells_of_card(left), "{left}: a recording is cut by it as well");
        }
    }

    #[test]
    fn a_card_that_is_read_out_with_pauses_is_left_out_to_its_end() {
        let said =
            ["my card number is", "4111 1111", "one one one one", "1111.", "and I live at 1234 Elm Street"];
        let left = ["my card number is", "(card number)", "(card number)", "(card number)", said[4]];
        assert_eq!(kept(&said), left);
    }

    #[test]
    fn numbers_that_a_conversation_is_about_stay_where_a_card_was_spoken_of() {
        for said in [
            ["my credit card was declined", "312 555 0143"],
            ["my credit card was declined", "five five five oh one four three"],
            ["do you take American Express?", "1234 Elm Street"],
            ["call me at 312 555 0143", "tomorrow at 10"],
            ["I live at 1234 Elm Street and my credit card is declined", "at two"],
        ] {
            assert_eq!(kept(&said), said);
        }
    }
}
