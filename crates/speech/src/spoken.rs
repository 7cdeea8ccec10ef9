//! Text as a person writes it, made into text as a person says it.
//!
//! The local voice reads letters and plain words well, and figures badly. Money, times, dates, telephone numbers and the
//! abbreviations of a front desk are spelled out here first. American English. A pure function; the table at the end
//! is its specification.

mod numbers;

use desk::counting::{MONTHS, cardinal, ordinal};
use numbers::{digits, year};

/// The text in words. Markup, emoji and other signs nobody says are left out.
pub fn spoken(text: &str) -> String {
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let mut words: Vec<String> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let (said, used) = expand(&tokens[at..]);
        if !said.is_empty() {
            words.push(said);
        }
        at += used;
    }
    words.join(" ").replace(" ,", ",").replace(" .", ".")
}

/// The text cut at the ends of sentences and, when those are long, at commas: pieces that can be rendered one by one.
pub fn clauses(text: &str) -> Vec<String> {
    const LONG: usize = 90;
    let mut clauses = Vec::new();
    let mut clause = String::new();
    for word in text.split_whitespace() {
        if !clause.is_empty() {
            clause.push(' ');
        }
        clause.push_str(word);
        let sentence_ends = word.ends_with(['.', '?', '!', ';', ':']) && !is_abbreviation(word);
        if sentence_ends || (word.ends_with(',') && clause.len() > LONG) {
            clauses.push(std::mem::take(&mut clause));
        }
    }
    if !clause.is_empty() {
        clauses.push(clause);
    }
    clauses
}

/// What the first of these tokens is said as, and how many it takes (at least one).
fn expand(tokens: &[&str]) -> (String, usize) {
    let (core, closing) = peel(tokens[0]);
    let joined = |said: String| format!("{said}{}", pause(closing));
    if pause(closing).is_empty()
        && let Some((said, used)) = over_several(core, &tokens[1..])
    {
        return (said, used);
    }
    if let Some(said) = abbreviation(tokens[0].trim_end_matches([',', ';', ':', '?', '!'])) {
        let ending = if tokens[0].ends_with('.') { "" } else { pause(closing) };
        return (format!("{said}{ending}"), 1);
    }
    let said = phone_number(core)
        .or_else(|| money(core))
        .or_else(|| iso_date(core))
        .or_else(|| slash_date(core))
        .or_else(|| clock(core))
        .or_else(|| percent(core))
        .or_else(|| special(core))
        .or_else(|| ordinal_figure(core))
        .or_else(|| number(core))
        .unwrap_or_else(|| plain(core));
    (joined(said), 1)
}

/// Drops brackets and quotes before, and splits off the punctuation after.
fn peel(token: &str) -> (&str, &str) {
    let start = token
        .find(|c: char| c.is_alphanumeric() || matches!(c, '$' | '+' | '#' | '&' | '@' | '-'))
        .unwrap_or(token.len());
    let rest = &token[start..];
    let end = rest
        .rfind(|c: char| c.is_alphanumeric() || matches!(c, '%' | '&' | '@' | '+'))
        .map_or(0, |i| i + rest[i..].chars().next().map_or(0, char::len_utf8));
    rest.split_at(end)
}

/// The pause a sign makes.
fn pause(closing: &str) -> &'static str {
    for (sign, pause) in [('?', "?"), ('!', "."), ('.', "."), (';', ","), (':', ","), (',', ",")] {
        if closing.contains(sign) {
            return pause;
        }
    }
    ""
}

/// Things written as two or three tokens: "3:30 pm", "Jan 17, 2026", "(312) 555-0143".
fn over_several(first: &str, rest: &[&str]) -> Option<(String, usize)> {
    let (next, next_closing) = peel(rest.first()?);
    if let Some(half) = half_of_day(next)
        && let Some(time) = clock_figures(first)
            .or_else(|| small_number(first).filter(|h| (1..=12).contains(h)).map(|h| (h, 0)))
    {
        return Some((format!("{} {half}{}", say_clock(time), after_half(rest[0])), 2));
    }
    if let Some(month) = month(first)
        && let Some(day) = day_figure(next)
    {
        let mut said = format!("{month} {}", ordinal(day));
        let follows = rest.get(1).map(|t| peel(t));
        if let Some((figures, closing)) = follows
            && let Some(y) =
                small_number(figures).filter(|y| (1_900..2_100).contains(y) && figures.len() == 4)
        {
            said.push_str(&format!(", {}{}", year(y), pause(closing)));
            return Some((said, 3));
        }
        return Some((format!("{said}{}", pause(next_closing)), 2));
    }
    if first.len() == 3 && first.bytes().all(|b| b.is_ascii_digit()) && rest[0].contains('-') {
        let said = phone_number(&format!("{first}-{next}"))?;
        return Some((format!("{said}{}", pause(next_closing)), 2));
    }
    None
}

/// The full stop of "p.m." ends the sentence only when nothing shows that it does not; we leave it out.
fn after_half(token: &str) -> &'static str {
    if token.ends_with(',') {
        ","
    } else if token.ends_with('?') {
        "?"
    } else if token.ends_with("m.") && !token.ends_with(".m.") {
        "."
    } else {
        ""
    }
}

fn half_of_day(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().replace('.', "").as_str() {
        "am" => Some("ay em"),
        "pm" => Some("pee em"),
        _ => None,
    }
}

/// "3:30pm", "9am", "14:00", "10:05".
fn clock(core: &str) -> Option<String> {
    let lower = core.to_ascii_lowercase();
    for (suffix, half) in [("am", "ay em"), ("pm", "pee em"), ("a.m", "ay em"), ("p.m", "pee em")] {
        if let Some(figures) = lower.strip_suffix(suffix) {
            let time = clock_figures(figures)
                .or_else(|| small_number(figures).filter(|h| (1..=12).contains(h)).map(|h| (h, 0)))?;
            return Some(format!("{} {half}", say_clock(time)));
        }
    }
    let (hour, minute) = clock_figures(core)?;
    Some(match hour {
        0 => format!("{} ay em", say_clock((12, minute))),
        13..=23 => format!("{} pee em", say_clock((hour - 12, minute))),
        _ => say_clock_alone((hour, minute)),
    })
}

fn clock_figures(text: &str) -> Option<(u64, u64)> {
    let (hour, minute) = text.split_once(':')?;
    if minute.len() != 2 || hour.len() > 2 {
        return None;
    }
    let (hour, minute) = (small_number(hour)?, small_number(minute)?);
    (hour < 24 && minute < 60).then_some((hour, minute))
}

fn say_clock((hour, minute): (u64, u64)) -> String {
    match minute {
        0 => cardinal(hour),
        1..=9 => format!("{} oh {}", cardinal(hour), cardinal(minute)),
        _ => format!("{} {}", cardinal(hour), cardinal(minute)),
    }
}

fn say_clock_alone(time: (u64, u64)) -> String {
    if time.1 == 0 { format!("{} o'clock", cardinal(time.0)) } else { say_clock(time) }
}

fn money(core: &str) -> Option<String> {
    let amount = core.strip_prefix('$')?.replace(',', "");
    let (whole, cents) = match amount.split_once('.') {
        Some((whole, cents)) if cents.len() == 2 => (small_number(whole)?, small_number(cents)?),
        Some(_) => return None,
        None => (small_number(&amount)?, 0),
    };
    let dollars = format!("{} {}", cardinal(whole), if whole == 1 { "dollar" } else { "dollars" });
    let coins = format!("{} {}", cardinal(cents), if cents == 1 { "cent" } else { "cents" });
    Some(match (whole, cents) {
        (_, 0) => dollars,
        (0, _) => coins,
        _ => format!("{dollars} and {coins}"),
    })
}

/// Digits in the groups people use: three, three and four after an optional country code.
fn phone_number(core: &str) -> Option<String> {
    let allowed = core.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'(' | b')' | b'.'));
    let figures: String = core.chars().filter(char::is_ascii_digit).collect();
    let written_as_one = core.starts_with('+')
        || core.contains('-')
        || core.contains('(')
        || core.matches('.').count() == 2
        || figures.len() >= 10;
    if !allowed || !written_as_one {
        return None;
    }
    let national = match figures.len() {
        11 if figures.starts_with('1') => &figures[1..],
        10 => &figures[..],
        7 if core.contains('-') => {
            return Some(format!("{}, {}", digits(&figures[..3]), digits(&figures[3..])));
        }
        8..=15 if core.starts_with('+') => {
            let groups: Vec<String> =
                figures.as_bytes().chunks(3).map(|g| digits(&String::from_utf8_lossy(g))).collect();
            return Some(groups.join(", "));
        }
        _ => return None,
    };
    Some(format!("{}, {}, {}", digits(&national[..3]), digits(&national[3..6]), digits(&national[6..])))
}

fn iso_date(core: &str) -> Option<String> {
    let parts: Vec<&str> = core.split('-').collect();
    let [y, m, d] = parts[..] else { return None };
    if (y.len(), m.len(), d.len()) != (4, 2, 2) {
        return None;
    }
    Some(format!(
        "{} {}, {}",
        month_number(small_number(m)?)?,
        ordinal(day_figure(d)?),
        year(small_number(y)?)
    ))
}

/// "1/17" and "1/17/2026": month first, as in the United States.
fn slash_date(core: &str) -> Option<String> {
    let parts: Vec<&str> = core.split('/').collect();
    let named =
        |m: &str, d: &str| Some(format!("{} {}", month_number(small_number(m)?)?, ordinal(day_figure(d)?)));
    match parts[..] {
        ["24", "7"] => Some("twenty four seven".to_owned()),
        [m, d] => named(m, d),
        [m, d, y] if y.len() == 4 => Some(format!("{}, {}", named(m, d)?, year(small_number(y)?))),
        _ => None,
    }
}

fn percent(core: &str) -> Option<String> {
    Some(format!("{} percent", number(core.strip_suffix('%')?)?))
}

/// Numbers with a way of their own.
fn special(core: &str) -> Option<String> {
    match core {
        "911" | "411" | "311" | "811" => Some(digits(core)),
        "&" => Some("and".to_owned()),
        "@" => Some("at".to_owned()),
        "+" => Some("plus".to_owned()),
        _ => core.strip_prefix('#').and_then(small_number).map(|n| format!("number {}", cardinal(n))),
    }
}

fn ordinal_figure(core: &str) -> Option<String> {
    let lower = core.to_ascii_lowercase();
    let figures = ["st", "nd", "rd", "th"].iter().find_map(|ending| lower.strip_suffix(ending))?;
    small_number(figures).filter(|n| *n < 1_000).map(ordinal)
}

/// "1,250", "3.5", "-4", "007" (digit by digit), "9-5" (to).
fn number(core: &str) -> Option<String> {
    if let Some((from, to)) = core.split_once('-')
        && let (Some(from), Some(to)) = (small_number(from), small_number(to))
    {
        return Some(format!("{} to {}", cardinal(from), cardinal(to)));
    }
    if let Some(positive) = core.strip_prefix('-') {
        return Some(format!("minus {}", number(positive)?));
    }
    let bare = core.replace(',', "");
    if let Some((whole, part)) = bare.split_once('.') {
        let whole = small_number(whole)?;
        return part
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| format!("{} point {}", cardinal(whole), digits(part)));
    }
    let value = small_number(&bare)?;
    let by_digit = bare.len() > 1 && bare.starts_with('0') || bare.len() > 9;
    Some(if by_digit { digits(&bare) } else { cardinal(value) })
}

fn small_number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

fn day_figure(text: &str) -> Option<u64> {
    let figures = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let ending = &text[figures.len()..];
    let fits = ending.is_empty() || ["st", "nd", "rd", "th"].contains(&ending);
    small_number(figures).filter(|day| fits && (1..=31).contains(day))
}

fn month_number(number: u64) -> Option<&'static str> {
    usize::try_from(number).ok()?.checked_sub(1).and_then(|index| MONTHS.get(index)).copied()
}

/// A month's name or its first three letters ("Sept" too).
fn month(word: &str) -> Option<&'static str> {
    let bare = word.trim_end_matches('.');
    let full = MONTHS.into_iter().find(|name| bare.eq_ignore_ascii_case(name));
    let short = || {
        let three = bare.get(..3).filter(|_| bare.len() == 3 || bare.eq_ignore_ascii_case("sept"))?;
        MONTHS.into_iter().find(|name| name[..3].eq_ignore_ascii_case(three))
    };
    full.or_else(short)
}

/// Short forms as they stand at a front desk. Capital letters and full stops as written.
const ABBREVIATIONS: [(&str, &str); 28] = [
    ("Dr.", "Doctor"),
    ("Mr.", "Mister"),
    ("Mrs.", "Missus"),
    ("Ms.", "Miz"),
    ("St.", "Street"),
    ("Ave.", "Avenue"),
    ("Ave", "Avenue"),
    ("Blvd.", "Boulevard"),
    ("Blvd", "Boulevard"),
    ("Rd.", "Road"),
    ("Apt.", "apartment"),
    ("Apt", "apartment"),
    ("Ste.", "suite"),
    ("appt.", "appointment"),
    ("approx.", "approximately"),
    ("Inc.", "Incorporated"),
    ("Co.", "Company"),
    ("Mon", "Monday"),
    ("Tue", "Tuesday"),
    ("Wed", "Wednesday"),
    ("Thu", "Thursday"),
    ("Fri", "Friday"),
    ("hrs", "hours"),
    ("hr", "hour"),
    ("min.", "minutes"),
    ("vs.", "versus"),
    ("e.g.", "for example"),
    ("etc.", "and so on"),
];

fn abbreviation(token: &str) -> Option<&'static str> {
    ABBREVIATIONS.iter().find(|(short, _)| *short == token).map(|(_, long)| *long)
}

fn is_abbreviation(word: &str) -> bool {
    abbreviation(word).is_some() || half_of_day(word).is_some() && word.contains('.')
}

/// Letters as they are; capital letters only are spelled; signs become spaces.
fn plain(core: &str) -> String {
    let all_capitals = (2..=4).contains(&core.len()) && core.bytes().all(|b| b.is_ascii_uppercase());
    if all_capitals && !core.bytes().any(|b| b"AEIOU".contains(&b))
        || ["AI", "AC", "US", "IRS"].contains(&core)
    {
        return core.chars().map(String::from).collect::<Vec<_>>().join(" ");
    }
    let kept: String =
        core.chars().map(|c| if c.is_ascii_alphanumeric() || c == '\'' { c } else { folded(c) }).collect();
    kept.split_whitespace()
        .map(|part| small_number(part).map_or_else(|| part.to_owned(), cardinal))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Letters the voice has no sound for are said as their nearest plain letter; typographic signs as plain ones.
fn folded(c: char) -> char {
    match c {
        '\u{2019}' | '\u{2018}' => '\'',
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'ø' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ñ' => 'n',
        'ç' => 'c',
        _ => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_hears_words_where_the_owner_wrote_figures() {
        let table = [
            ("A service call is $89.", "A service call is eighty nine dollars."),
            ("$89.50 or $1, $0.99", "eighty nine dollars and fifty cents or one dollar, ninety nine cents"),
            ("$1,250", "one thousand two hundred fifty dollars"),
            ("at 3:30 pm.", "at three thirty pee em."),
            ("at 3:30 p.m. on Tue, or 9am?", "at three thirty pee em on Tuesday, or nine ay em?"),
            ("10:05, 14:00 and 8:00", "ten oh five, two pee em and eight o'clock"),
            ("between 8 AM and 12 PM", "between eight ay em and twelve pee em"),
            ("on 2026-01-17", "on January seventeenth, twenty twenty six"),
            ("on Jan 17, 2026.", "on January seventeenth, twenty twenty six."),
            ("Wednesday, March 3rd, at 9:15 am", "Wednesday, March third, at nine fifteen ay em"),
            ("by 12/24", "by December twenty fourth"),
            ("Call (312) 555-0143.", "Call three one two, five five five, zero one four three."),
            ("+13125550143", "three one two, five five five, zero one four three"),
            (
                "312.555.0143 or 555-0143",
                "three one two, five five five, zero one four three or five five five, zero one four three",
            ),
            ("dial 911 or 0", "dial nine one one or zero"),
            ("the 1st, 2nd and 22nd", "the first, second and twenty second"),
            ("15% of 1,000,001", "fifteen percent of one million one"),
            ("3.5 hours, 2-3 hrs", "three point five hours, two to three hours"),
            ("Dr. Lee & Sons, 12 Main St.", "Doctor Lee and Sons, twelve Main Street"),
            ("we're open 24/7!", "we're open twenty four seven."),
            ("code 007", "code zero zero seven"),
            ("HVAC, A/C and #4", "HVAC, A C and number four"),
            ("unit 4B", "unit 4B"),
            ("José’s café 🔧 (urgent)", "Jose's cafe urgent"),
            ("", ""),
            ("¿?", ""),
        ];
        for (written, said) in table {
            assert_eq!(spoken(written), said, "{written}");
        }
    }

    #[test]
    fn no_text_makes_it_panic() {
        let mut state = 7_u64;
        let parts = [
            "$",
            "1",
            "é",
            ":",
            "-",
            "/",
            ".",
            ",",
            "pm",
            "Jan",
            " ",
            "(",
            "99999999999999",
            "🔧",
            "#",
            "%",
            "th",
            "00",
            "+",
        ];
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..8 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
                text.push_str(parts[(state >> 33) as usize % parts.len()]);
            }
            let said = spoken(&text);
            assert!(!said.contains('$'), "{text} -> {said}");
        }
    }

    #[test]
    fn a_long_text_is_cut_where_a_speaker_breathes() {
        let text = "Thanks for calling. Dr. Lee is in at 9 a.m. today; what is wrong?";
        assert_eq!(
            clauses(text),
            ["Thanks for calling.", "Dr. Lee is in at 9 a.m. today;", "what is wrong?"]
        );
        assert!(clauses("  ").is_empty());
    }
}
