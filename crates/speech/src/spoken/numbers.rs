//! Years and digits in English words.

use desk::counting::{UNITS, cardinal};

/// "twenty twenty six", "two thousand five", "nineteen oh one".
pub(super) fn year(number: u64) -> String {
    match (number / 100, number % 100) {
        (20, 0..=9) => cardinal(number),
        (century, 0) => format!("{} hundred", cardinal(century)),
        (century, rest @ 1..=9) => format!("{} oh {}", cardinal(century), cardinal(rest)),
        (century, rest) => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

/// Each digit for itself; other signs are left out.
pub(super) fn digits(figures: &str) -> String {
    let words: Vec<&str> =
        figures.chars().filter_map(|c| c.to_digit(10)).map(|d| UNITS[d as usize]).collect();
    words.join(" ")
}
