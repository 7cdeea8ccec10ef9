//! How numbers, days and months are called in English: said by `phrase`, found by `understand`, spelled out for voices.

/// "zero" to "nineteen".
pub const UNITS: [&str; 20] = [
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
/// "twenty" to "ninety".
pub const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
/// "zeroth" to "nineteenth".
pub const ORDINALS: [&str; 20] = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];
/// "January" to "December".
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const SCALES: [(u64, &str); 4] =
    [(1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand"), (100, "hundred")];

/// "one thousand two hundred fifty".
pub fn cardinal(number: u64) -> String {
    if let Some(unit) = usize::try_from(number).ok().and_then(|index| UNITS.get(index)) {
        return (*unit).to_string();
    }
    if number < 100 {
        return and_rest(TENS[(number / 10) as usize - 2], number % 10);
    }
    let (scale, name) = SCALES.into_iter().find(|(scale, _)| number >= *scale).unwrap_or((100, "hundred"));
    and_rest(&format!("{} {name}", cardinal(number / scale)), number % scale)
}

fn and_rest(said: &str, rest: u64) -> String {
    if rest == 0 { said.to_string() } else { format!("{said} {}", cardinal(rest)) }
}

/// "twenty second".
pub fn ordinal(number: u64) -> String {
    let said = cardinal(number);
    let (before, last) = said.rsplit_once(' ').map_or(("", said.as_str()), |(before, last)| (before, last));
    let last = match UNITS.iter().position(|unit| *unit == last) {
        Some(unit) => ORDINALS[unit].to_string(),
        None if last.ends_with('y') => format!("{}ieth", last.trim_end_matches('y')),
        None => format!("{last}th"),
    };
    if before.is_empty() { last } else { format!("{before} {last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_called_as_people_call_them() {
        for (number, counted, placed) in [
            (0, "zero", "zeroth"),
            (12, "twelve", "twelfth"),
            (20, "twenty", "twentieth"),
            (31, "thirty one", "thirty first"),
            (100, "one hundred", "one hundredth"),
            (1_250, "one thousand two hundred fifty", "one thousand two hundred fiftieth"),
        ] {
            assert_eq!((cardinal(number).as_str(), ordinal(number).as_str()), (counted, placed));
        }
    }
}
