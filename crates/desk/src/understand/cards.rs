//! A payment card as it is read out: what is never to be found on a recording.
//!
//! In doubt it is one: a pause too many costs a sentence on a recording, one too few keeps what may not be kept
//! (PCI DSS 4.0, requirement 3.3.1).

use super::Words;
use crate::counting::UNITS;

/// So many figures in a row are more than a telephone number of North America has with its country (11); a card has
/// 12 to 19 (ISO/IEC 7812-1).
const FIGURES_OF_A_CARD: usize = 12;

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
    let words = Words::of(&text.replace('-', " "));
    let is_sign = |at: usize| SIGNS.iter().any(|sign| words.are(at, sign));
    (0..words.len()).any(is_sign) || longest_number(words.all()) >= FIGURES_OF_A_CARD
}

/// Figures that follow each other, as digits or as words, with nothing between them.
fn longest_number(words: &[String]) -> usize {
    let (mut longest, mut current) = (0, 0);
    for word in words {
        current = match figures(word) {
            0 => 0,
            more => current + more,
        };
        longest = longest.max(current);
    }
    longest
}

fn figures(word: &str) -> usize {
    match word.bytes().all(|sign| sign.is_ascii_digit()) {
        true => word.len(),
        false => usize::from(word == "oh" || UNITS[..10].contains(&word)),
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
        ] {
            assert!(tells_of_card(told), "{told}");
        }
        for other in [
            "my kitchen sink is clogged",
            "my number is three one two five five five oh one four three",
            "call me at 1 312 555 0143",
            "between 8 and 10 on the 3rd",
            "the wild card of the kitchen",
            "",
        ] {
            assert!(!tells_of_card(other), "{other}");
        }
    }
}
