//! Numbers in words and digits.

use super::Words;
use crate::counting::{ORDINALS, TENS, UNITS};

fn place(list: &[&str], word: &str) -> Option<u32> {
    list.iter().position(|known| *known == word).and_then(|index| u32::try_from(index).ok())
}

/// "seven", "twenty three", "15": the value below one hundred and how many words it took.
pub fn cardinal(words: &Words, at: usize) -> Option<(u32, usize)> {
    let word = words.at(at);
    if word.bytes().all(|b| b.is_ascii_digit()) && (1..=2).contains(&word.len()) {
        return word.parse().ok().map(|value| (value, 1));
    }
    if let Some(value) = place(&UNITS, word) {
        return Some((value, 1));
    }
    let tens = (place(&TENS, word)? + 2) * 10;
    match place(&UNITS, words.at(at + 1)) {
        Some(ones @ 1..=9) => Some((tens + ones, 2)),
        _ => Some((tens, 1)),
    }
}

/// "first", "twenty fourth", "24th": the value up to thirty one and how many words it took.
pub fn ordinal(words: &Words, at: usize) -> Option<(u32, usize)> {
    let word = words.at(at);
    if let Some(value) = place(&ORDINALS, word).filter(|value| *value > 0) {
        return Some((value, 1));
    }
    for ending in ["st", "nd", "rd", "th"] {
        if let Some(value) = word.strip_suffix(ending).and_then(|digits| digits.parse::<u32>().ok()) {
            return (1..=31).contains(&value).then_some((value, 1));
        }
    }
    match (word, place(&ORDINALS, words.at(at + 1))) {
        ("twentieth", _) => Some((20, 1)),
        ("thirtieth", _) => Some((30, 1)),
        ("twenty", Some(ones @ 1..=9)) => Some((20 + ones, 2)),
        ("thirty", Some(1)) => Some((31, 2)),
        _ => None,
    }
}

/// Digits as people say telephone numbers: "three one two", "double five", "oh", "twenty three", "555".
///
/// Everything that is said counts, so digits among other words are found; at most 20.
pub fn digits(words: &Words) -> String {
    let mut digits = String::new();
    let mut at = 0;
    while at < words.len() && digits.len() < 20 {
        at += take_digits(words, at, &mut digits);
    }
    digits.truncate(20);
    digits
}

fn take_digits(words: &Words, at: usize, digits: &mut String) -> usize {
    let word = words.at(at);
    let times = match word {
        "double" => 2,
        "triple" => 3,
        _ => 0,
    };
    if times > 0 {
        if let Some(digit) = one_digit(words.at(at + 1)) {
            digits.extend(std::iter::repeat_n(digit, times));
            return 2;
        }
        return 1;
    }
    if word.bytes().all(|b| b.is_ascii_digit()) {
        digits.push_str(word);
        return 1;
    }
    if let Some(digit) = one_digit(word) {
        digits.push(digit);
        return 1;
    }
    match cardinal(words, at) {
        Some((value, used)) => {
            digits.push_str(&value.to_string());
            used
        }
        None => 1,
    }
}

fn one_digit(word: &str) -> Option<char> {
    match word {
        "oh" | "o" => Some('0'),
        _ => place(&UNITS[..10], word).and_then(|value| char::from_digit(value, 10)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_words_and_digits() {
        for (text, value) in [
            ("seven", Some((7, 1))),
            ("twenty three", Some((23, 2))),
            ("forty", Some((40, 1))),
            ("15", Some((15, 1))),
            ("twenty ten", Some((20, 1))),
            ("leak", None),
            ("1234", None),
        ] {
            assert_eq!(cardinal(&Words::of(text), 0), value, "{text}");
        }
        for (text, value) in [
            ("first", Some((1, 1))),
            ("twenty fourth", Some((24, 2))),
            ("24th", Some((24, 1))),
            ("thirty first", Some((31, 2))),
            ("45th", None),
            ("one", None),
        ] {
            assert_eq!(ordinal(&Words::of(text), 0), value, "{text}");
        }
    }

    #[test]
    fn telephone_numbers_are_read_as_people_say_them() {
        for (text, read) in [
            ("three one two, five five five, oh one four three", "3125550143"),
            ("312-555-0143", "3125550143"),
            ("(312) 555 0143", "3125550143"),
            ("three twelve triple five oh one forty three", "3125550143"),
            ("it is three one two double five five zero one four three thanks", "3125550143"),
            ("nothing", ""),
        ] {
            assert_eq!(digits(&Words::of(text)), read, "{text}");
        }
    }
}
