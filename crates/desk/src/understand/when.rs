//! From words to a [`Wish`]: days and times, alternatives, refusals.
//!
//! Words are read once, left to right. A mention of a day or of hours is added to the alternative being built;
//! "or" begins another one; "not" turns the next one into a refusal, and so does "doesn't work" after it.

use jiff::Zoned;
use jiff::civil::{Date, Time};
use jiff::{SignedDuration, ToSpan};

use super::calendar::day;
use super::clock::{self, Said};
use super::{Day, Hours, When, Wish, Words};

/// Reads a wish; `now` is the office's local time. Nothing if no day and no time was mentioned.
pub fn wish(words: &Words, now: &Zoned) -> Option<Wish> {
    let mut reader = Reader {
        words,
        now,
        today: now.date(),
        wish: Wish::default(),
        open: Open::default(),
        not: false,
        last: None,
    };
    let mut at = 0;
    while at < words.len() {
        at += reader.step(at).max(1);
    }
    reader.close();
    reader.share();
    let wish = reader.wish;
    (!wish.is_empty()).then_some(wish)
}

/// The alternative being built.
#[derive(Default)]
struct Open {
    when: When,
    /// The time among its hours that "in the evening" may still move.
    loose: Option<Time>,
}

struct Reader<'a> {
    words: &'a Words,
    now: &'a Zoned,
    today: Date,
    wish: Wish,
    open: Open,
    /// The next mention is a refusal.
    not: bool,
    /// Where the last mention ended.
    last: Option<usize>,
}

impl Reader<'_> {
    /// Reads what stands at `at`; gives how many words that were.
    fn step(&mut self, at: usize) -> usize {
        if self.words.pauses_before(at) && self.not && self.has_open() {
            self.close();
            self.not = false;
        }
        let used = self.mention(at);
        if used > 0 {
            self.last = Some(at + used);
            return used;
        }
        self.join(at)
    }

    fn mention(&mut self, at: usize) -> usize {
        if let Some(used) = self.soonest(at) {
            return used;
        }
        if let Some(used) = self.limit(at) {
            return used;
        }
        if let Some((hours, used)) = clock::between(self.words, at) {
            self.add_hours(hours, None);
            return used;
        }
        if let Some(used) = self.hours_ahead(at) {
            return used;
        }
        if let Some((day, used)) = day(self.words, at, self.today) {
            self.add_day(day);
            return used;
        }
        if self.words.at(at) == "tonight" {
            self.add_day(Day::On(self.today));
            self.add_hours(Hours::Within(clock::time(17, 0), clock::time(22, 0)), None);
            return 1;
        }
        self.part_of_day(at).or_else(|| self.time_of_day(at)).unwrap_or(0)
    }

    fn soonest(&mut self, at: usize) -> Option<usize> {
        const PHRASES: [&[&str]; 14] = [
            &["as", "soon", "as", "possible"],
            &["as", "soon", "as", "you", "can"],
            &["as", "early", "as", "possible"],
            &["right", "away"],
            &["right", "now"],
            &["first", "available"],
            &["next", "available"],
            &["any", "time"],
            &["any", "day"],
            &["anytime"],
            &["whenever"],
            &["immediately"],
            &["soonest"],
            &["earliest"],
        ];
        let phrase = PHRASES.iter().find(|phrase| self.words.are(at, phrase))?;
        // "any day but Monday", "any time after four" go on to say what is meant.
        self.wish.soonest = true;
        Some(phrase.len())
    }

    /// "before five", "no earlier than ten", "by Friday", "around noon", "after work".
    fn limit(&mut self, at: usize) -> Option<usize> {
        let (limit, skip) = limit_word(self.words, at)?;
        let start = at + skip;
        if let Some(said) = clock::clock(self.words, start) {
            self.add_limited(limit, said);
            return Some(skip + said.used);
        }
        if let Some(hours) = mealtime(limit, self.words.at(start)) {
            self.add_hours(hours, None);
            return Some(skip + 1);
        }
        if matches!(limit, Limit::Before | Limit::By | Limit::After)
            && let Some((day, used)) = day(self.words, start, self.today)
        {
            self.add_day(self.limited_day(limit, day));
            return Some(skip + used);
        }
        None
    }

    fn add_limited(&mut self, limit: Limit, said: Said) {
        let hours = match (limit, self.not) {
            (Limit::Before | Limit::By, false) | (Limit::After, true) => Hours::Before(said.time),
            (Limit::After, false) | (Limit::Before | Limit::By, true) => Hours::After(said.time),
            (Limit::Around, _) => Hours::Around(said.time),
            (Limit::At, _) => Hours::At(said.time),
        };
        if !matches!(limit, Limit::Around | Limit::At) {
            self.not = false; // "not before ten" is "after ten", nothing is refused
        }
        self.add_hours(hours, said.loose.then_some(said.time));
    }

    fn limited_day(&self, limit: Limit, day: Day) -> Day {
        let (first, last) = match day {
            Day::On(date) => (date, date),
            Day::Span(from, to) => (from, to),
            Day::Weekday(weekday) => {
                let date = self.today.nth_weekday(1, weekday).unwrap_or(self.today);
                (date, date)
            }
        };
        let shift = |date: Date, days: i64| date.checked_add(days.days()).unwrap_or(date);
        match limit {
            Limit::Before => Day::Span(self.today, shift(first, -1)),
            Limit::By => Day::Span(self.today, last),
            Limit::After | Limit::Around | Limit::At => Day::Span(shift(last, 1), shift(last, 90)),
        }
    }

    /// "in two hours", "in half an hour".
    fn hours_ahead(&mut self, at: usize) -> Option<usize> {
        if self.words.at(at) != "in" {
            return None;
        }
        let (hours, used) = match (self.words.at(at + 1), self.words.at(at + 2)) {
            ("an", "hour") => (1, 3),
            ("a", "couple") if self.words.are(at + 3, &["of", "hours"]) => (2, 5),
            _ => {
                let (count, used) = super::numbers::cardinal(self.words, at + 1)?;
                matches!(self.words.at(at + 1 + used), "hour" | "hours").then_some((count, used + 2))?
            }
        };
        let then = self.now.checked_add(SignedDuration::from_hours(i64::from(hours))).ok()?;
        self.add_day(Day::On(then.date()));
        self.add_hours(Hours::Around(clock::time(then.hour(), then.minute())), None);
        Some(used)
    }

    fn part_of_day(&mut self, at: usize) -> Option<usize> {
        let today = usize::from(self.words.at(at) == "this");
        let (hours, part, used) = clock::part(self.words, at + today)?;
        if today == 1 {
            self.add_day(Day::On(self.today));
        }
        match (self.open.loose.take(), part) {
            (Some(time), Some(part)) => self.move_hours(clock::move_to(time, part)),
            _ => self.add_hours(hours, None),
        }
        Some(today + used)
    }

    fn time_of_day(&mut self, at: usize) -> Option<usize> {
        let said = clock::clock(self.words, at)?;
        let after_day = self.open.when.day.is_some() && self.last == Some(at);
        if said.bare && !after_day {
            return None;
        }
        self.add_hours(Hours::At(said.time), said.loose.then_some(said.time));
        Some(said.used)
    }

    fn add_day(&mut self, day: Day) {
        if self.open.when.day.is_some() {
            self.close();
        }
        self.open.when.day = Some(day);
    }

    fn add_hours(&mut self, hours: Hours, loose: Option<Time>) {
        self.open.when.hours = match (self.open.when.hours, hours) {
            (None, hours) => Some(hours),
            (Some(Hours::After(from)), Hours::Before(to)) | (Some(Hours::Before(to)), Hours::After(from))
                if from < to =>
            {
                Some(Hours::Within(from, to))
            }
            // "in the morning, at ten": the exact time is what counts.
            (Some(Hours::Within(..)), exact @ (Hours::At(_) | Hours::Around(_))) => Some(exact),
            (Some(exact @ (Hours::At(_) | Hours::Around(_))), Hours::Within(..)) => Some(exact),
            (Some(_), hours) => {
                self.close();
                Some(hours)
            }
        };
        self.open.loose = loose;
    }

    fn move_hours(&mut self, time: Time) {
        self.open.when.hours = self.open.when.hours.map(|hours| match hours {
            Hours::At(_) => Hours::At(time),
            Hours::Around(_) => Hours::Around(time),
            Hours::Before(_) => Hours::Before(time),
            Hours::After(_) => Hours::After(time),
            within @ Hours::Within(..) => within,
        });
    }

    /// Words between mentions: "or", "not", "but", "doesn't work".
    fn join(&mut self, at: usize) -> usize {
        match self.words.at(at) {
            "or" | "and" | "nor" => {
                // "after two and before four" is one stretch of time.
                let bounded = matches!(self.open.when.hours, Some(Hours::After(_) | Hours::Before(_)));
                let goes_on = bounded && limit_word(self.words, at + 1).is_some();
                if self.has_open() && !goes_on {
                    let not = self.not;
                    self.close();
                    self.not = not;
                }
                1
            }
            "but" | "except" | "excluding" | "besides" if self.wish.soonest && !self.has_open() => {
                self.not = true;
                1
            }
            "except" | "without" | "never" | "avoid" => self.turn(true),
            "but" | "instead" | "rather" => self.turn(false),
            "not" | "no" | "bad" => self.negate(at),
            word => {
                // "my heater is not working, can you come Tuesday" refuses nothing.
                if self.not && !self.has_open() && !is_filler(word) {
                    self.not = false;
                }
                1
            }
        }
    }

    fn turn(&mut self, not: bool) -> usize {
        self.close();
        self.not = not;
        1
    }

    /// "not" before a day refuses it; "Monday is no good", "Monday does not work" refuse what was just said.
    fn negate(&mut self, at: usize) -> usize {
        let fresh = self.last.is_some_and(|last| at - last <= 2) && self.has_open();
        let verdict = matches!(
            self.words.at(at + 1),
            "work" | "possible" | "good" | "great" | "suit" | "going" | "ok" | "okay" | "convenient" | "an"
        );
        if fresh && (verdict || self.words.at(at) == "bad") {
            self.not = true;
            self.close();
            self.not = false;
            return 2;
        }
        match self.words.at(at) {
            "not" => self.turn(true),
            // "no, Wednesday" is a correction, "but no Mondays" a refusal.
            "no" if at > 0 && !self.words.pauses_before(at + 1) => self.turn(true),
            _ => 1,
        }
    }

    fn has_open(&self) -> bool {
        self.open.when != When::default()
    }

    fn close(&mut self) {
        let when = std::mem::take(&mut self.open).when;
        if when == When::default() {
            return;
        }
        match self.not {
            true => self.wish.not.push(when),
            false => self.wish.any.push(when),
        }
        self.not = false;
    }

    /// "Tuesday or Wednesday morning" means both mornings; "tomorrow morning or afternoon" means tomorrow.
    fn share(&mut self) {
        let any = &mut self.wish.any;
        let bare_days = any.iter().take_while(|when| when.hours.is_none()).count();
        if bare_days > 0 && any.len() == bare_days + 1 && any[bare_days].day.is_some() {
            let hours = any[bare_days].hours;
            any.iter_mut().for_each(|when| when.hours = hours);
        }
        if let Some(day) = any.first().and_then(|when| when.day).filter(|_| any[0].hours.is_some()) {
            any.iter_mut().filter(|when| when.day.is_none()).for_each(|when| when.day = Some(day));
        }
        if !any.is_empty() {
            self.wish.soonest = false;
        }
    }
}

fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "on" | "in"
            | "at"
            | "the"
            | "any"
            | "do"
            | "make"
            | "a"
            | "available"
            | "home"
            | "there"
            | "free"
            | "here"
            | "be"
            | "it"
            | "for"
            | "this"
            | "really"
            | "around"
    )
}

/// What a preposition says about the time after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Before,
    By,
    After,
    Around,
    At,
}

fn limit_word(words: &Words, at: usize) -> Option<(Limit, usize)> {
    const LIMITS: [(&[&str], Limit); 19] = [
        (&["no", "earlier", "than"], Limit::After),
        (&["no", "sooner", "than"], Limit::After),
        (&["no", "later", "than"], Limit::By),
        (&["not", "earlier", "than"], Limit::After),
        (&["not", "later", "than"], Limit::By),
        (&["earlier", "than"], Limit::Before),
        (&["later", "than"], Limit::After),
        (&["before"], Limit::Before),
        (&["by"], Limit::By),
        (&["until"], Limit::By),
        (&["after"], Limit::After),
        (&["past"], Limit::After),
        (&["since"], Limit::After),
        (&["from"], Limit::After),
        (&["around"], Limit::Around),
        (&["about"], Limit::Around),
        (&["near"], Limit::Around),
        (&["roughly"], Limit::Around),
        (&["at"], Limit::At),
    ];
    // "between" and "from … to" are read whole, before the words inside them.
    if clock::between(words, at).is_some() {
        return None;
    }
    let (words, limit) = LIMITS.iter().find(|(phrase, _)| words.are(at, phrase))?;
    Some((*limit, words.len()))
}

fn mealtime(limit: Limit, word: &str) -> Option<Hours> {
    match (limit, word) {
        (Limit::After, "work" | "school") => Some(Hours::After(clock::time(16, 0))),
        (Limit::Before, "work" | "school") => Some(Hours::Before(clock::time(10, 0))),
        (Limit::After, "lunch") => Some(Hours::After(clock::time(13, 0))),
        (Limit::Before | Limit::By, "lunch") => Some(Hours::Before(clock::time(12, 0))),
        (Limit::Around | Limit::At, "lunch") => Some(Hours::Around(clock::time(12, 0))),
        _ => None,
    }
}
