//! Days in words: "the day after tomorrow", "next Tuesday", "December first", "the 24th".

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};

use super::numbers::{cardinal, ordinal};
use super::{Day, Words};

/// Reads a day as seen from `today`, and how many words it took.
pub fn day(words: &Words, at: usize, today: Date) -> Option<(Day, usize)> {
    relative(words, at, today)
        .or_else(|| week(words, at, today))
        .or_else(|| weekday_phrase(words, at, today))
        .or_else(|| date(words, at, today))
}

fn ahead(today: Date, span: Span) -> Date {
    today.checked_add(span).unwrap_or(today)
}

/// The first day of next week.
fn monday_after(today: Date) -> Date {
    ahead(today, (7 - i32::from(Weekday::Monday.until(today.weekday()))).days())
}

fn relative(words: &Words, at: usize, today: Date) -> Option<(Day, usize)> {
    let in_days = |days: i32, used| Some((Day::On(ahead(today, days.days())), used));
    if words.at(at) == "the" {
        return relative(words, at + 1, today)
            .filter(|(_, used)| *used > 1)
            .map(|(day, used)| (day, used + 1));
    }
    if words.are(at, &["day", "after", "tomorrow"]) {
        return in_days(2, 3);
    }
    match words.at(at) {
        "today" => return in_days(0, 1),
        "tomorrow" => return in_days(1, 1),
        "in" => {}
        _ => return None,
    }
    let (count, used) = match (words.at(at + 1), words.at(at + 2)) {
        ("a", "couple") => (2, 2 + usize::from(words.at(at + 3) == "of")),
        ("a", _) => (1, 1),
        _ => cardinal(words, at + 1)?,
    };
    let count = i32::try_from(count).ok()?;
    match words.at(at + 1 + used) {
        "day" | "days" => in_days(count, used + 2),
        "week" | "weeks" => in_days(count * 7, used + 2),
        _ => None,
    }
}

/// "next week", "this week", "the weekend", "later this week".
fn week(words: &Words, at: usize, today: Date) -> Option<(Day, usize)> {
    let (which, used) = match words.at(at) {
        which @ ("next" | "this" | "the" | "coming") => (which, 1),
        _ => ("", 0),
    };
    match (which, words.at(at + used)) {
        ("next", "week") => {
            Some((Day::Span(monday_after(today), ahead(monday_after(today), 6.days())), used + 1))
        }
        ("this", "week") => Some((Day::Span(today, ahead(monday_after(today), (-1).days())), used + 1)),
        (_, "weekend" | "weekends") => {
            let saturday = match today.weekday() {
                Weekday::Sunday => ahead(today, (-1).days()),
                _ => ahead(monday_after(today), (-2).days()),
            };
            let saturday = if which == "next" { ahead(saturday, 7.days()) } else { saturday };
            Some((Day::Span(saturday, ahead(saturday, 1.days())), used + 1))
        }
        _ => None,
    }
}

/// "Tuesday", "next Tuesday", "Tuesday next week", "Tuesday the first", "Tuesday, December first".
fn weekday_phrase(words: &Words, at: usize, today: Date) -> Option<(Day, usize)> {
    let (which, skip) = match words.at(at) {
        which @ ("next" | "this" | "coming") => (which, 1),
        _ => ("", 0),
    };
    let weekday = weekday(words.at(at + skip))?;
    let used = skip + 1;
    if let Some((Day::On(date), more)) =
        date(words, at + used, today).or_else(|| the_ordinal(words, at + used, today))
    {
        let day = if date.weekday() == weekday { Day::On(date) } else { Day::Weekday(weekday) };
        return Some((day, used + more));
    }
    let in_next_week = || ahead(monday_after(today), i32::from(Weekday::Monday.until(weekday)).days());
    if words.are(at + used, &["next", "week"]) {
        return Some((Day::On(in_next_week()), used + 2));
    }
    match which {
        "next" => Some((Day::On(in_next_week()), used)),
        _ => Some((Day::Weekday(weekday), used)),
    }
}

/// A weekday's name, whole, short or in the plural.
pub fn weekday(word: &str) -> Option<Weekday> {
    match word.strip_suffix('s').filter(|stem| stem.ends_with("day")).unwrap_or(word) {
        "monday" | "mon" => Some(Weekday::Monday),
        "tuesday" | "tue" | "tues" => Some(Weekday::Tuesday),
        "wednesday" | "wed" => Some(Weekday::Wednesday),
        "thursday" | "thu" | "thur" | "thurs" => Some(Weekday::Thursday),
        "friday" | "fri" => Some(Weekday::Friday),
        "saturday" | "sat" => Some(Weekday::Saturday),
        "sunday" | "sun" => Some(Weekday::Sunday),
        _ => None,
    }
}

/// "December first", "Dec 1st", "the first of December", "12/1", "the 24th".
fn date(words: &Words, at: usize, today: Date) -> Option<(Day, usize)> {
    if let Some((month, day)) = words.at(at).split_once('/') {
        let day = day.split('/').next()?;
        return Some((on(month.parse().ok()?, day.parse().ok()?, today)?, 1));
    }
    if let Some(month) = month(words.at(at)) {
        let skip = 1 + usize::from(words.at(at + 1) == "the");
        let (day, used) = ordinal(words, at + skip).or_else(|| cardinal(words, at + skip))?;
        return Some((on(month, day, today)?, skip + used));
    }
    let skip = usize::from(words.at(at) == "the");
    if let Some((day, used)) = ordinal(words, at + skip) {
        if words.at(at + skip + used) == "of" {
            let month = month(words.at(at + skip + used + 1))?;
            return Some((on(month, day, today)?, skip + used + 2));
        }
        // "the first" to "the third" are picks; a later ordinal can only be a date.
        if day > 3 && skip == 1 {
            return the_ordinal(words, at, today);
        }
    }
    None
}

/// "the twenty fourth": the next day of a month with that number.
fn the_ordinal(words: &Words, at: usize, today: Date) -> Option<(Day, usize)> {
    let skip = usize::from(words.at(at) == "the");
    let (day, used) = ordinal(words, at + skip).filter(|_| skip == 1)?;
    let months = (0..12).map(|months| today.first_of_month().checked_add(i32::months(months)));
    let day = i8::try_from(day).ok()?;
    let dates = months
        .filter_map(|first| Date::new(first.as_ref().ok()?.year(), first.as_ref().ok()?.month(), day).ok());
    let next = dates.into_iter().find(|date| *date >= today)?;
    Some((Day::On(next), skip + used))
}

/// This year, or the next if it has passed.
fn on(month: i8, day: u32, today: Date) -> Option<Day> {
    let day = i8::try_from(day).ok()?;
    let this_year = Date::new(today.year(), month, day).ok();
    let next_year = || Date::new(today.year().checked_add(1)?, month, day).ok();
    this_year.filter(|date| *date >= today).or_else(next_year).map(Day::On)
}

fn month(word: &str) -> Option<i8> {
    const MONTHS: [(&str, &str); 12] = [
        ("january", "jan"),
        ("february", "feb"),
        ("march", "mar"),
        ("april", "apr"),
        ("may", "may"),
        ("june", "jun"),
        ("july", "jul"),
        ("august", "aug"),
        ("september", "sep"),
        ("october", "oct"),
        ("november", "nov"),
        ("december", "dec"),
    ];
    let index = MONTHS.iter().position(|(long, short)| word == *long || word == *short)?;
    i8::try_from(index + 1).ok()
}
