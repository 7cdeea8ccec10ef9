//! Numbers in English words.

const UNITS: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [(u64, &str); 4] =
    [(1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand"), (100, "hundred")];

/// "one thousand two hundred fifty".
pub(super) fn cardinal(number: u64) -> String {
    if number < 20 {
        return UNITS[number as usize].to_owned();
    }
    if number < 100 {
        return and_rest(TENS[(number / 10) as usize].to_owned(), number % 10);
    }
    let (scale, name) = SCALES.into_iter().find(|(scale, _)| number >= *scale).unwrap_or((100, "hundred"));
    and_rest(format!("{} {name}", cardinal(number / scale)), number % scale)
}

fn and_rest(said: String, rest: u64) -> String {
    if rest == 0 { said } else { format!("{said} {}", cardinal(rest)) }
}

/// "twenty second".
pub(super) fn ordinal(number: u64) -> String {
    let said = cardinal(number);
    let (before, last) = said.rsplit_once(' ').map_or(("", said.as_str()), |(before, last)| (before, last));
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        tens if tens.ends_with('y') => format!("{}ieth", tens.trim_end_matches('y')),
        other => format!("{other}th"),
    };
    if before.is_empty() { last } else { format!("{before} {last}") }
}

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
