//! Yes, no, and which one.

use std::ops::Range;
use std::sync::LazyLock;

use super::Words;
use super::numbers::{cardinal, ordinal};
use super::pattern::{Pattern, Rules};

/// An answer to a closed question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One word or phrase of agreement, like "yeah" or "that's right". Noise sounds like this, too.
    Yes,
    /// A yes and, besides, a statement that agrees: "yes, that's right", "yes, book it".
    FirmYes,
    /// No.
    No,
    /// Both at once.
    Mixed,
}

/// Which of several offers is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Counted from 1.
    Nth(usize),
    /// The last one.
    Last,
    /// Any of them.
    Any,
    /// None of them.
    None,
    /// Something earlier than offered.
    Earlier,
    /// Something later than offered.
    Later,
}

const YES: [&str; 6] = [
    "(yes | yeah | yep | yup | yah | yea) [please | sir | it is | it does | i do | i am]",
    "(sure | okay | ok | alright | absolutely | definitely | certainly | affirmative | correct)",
    "(of course | you bet | uh huh | mm hmm | please)",
    "i (do | am | would)",
    "it (is | does)",
    "right",
];
const AGREES: [&str; 8] = [
    "(that is | that's | it is | all | sounds | looks) (right | correct | good | fine | great | perfect)",
    "book (it | that | me | please)",
    "(go ahead | please do | do it | do that)",
    "(that works | works for me | that will work)",
    "(perfect | great | wonderful | excellent | exactly)",
    "(i will | i'll) take (it | that)",
    "confirm [it | that]",
    "let us do (it | that)",
];
const NO: [&str; 8] = [
    "(nope | nah | negative | incorrect | wrong)",
    "(no thanks | no thank you)",
    "not (really | right | correct | exactly | that | this | any more | anymore | quite | at the moment | right now)",
    "(that is | it is | i am | i do | it does) not",
    "(do | does | would | should) not [book]",
    "i (do | would | can) not",
    "not [it is] (urgent | bad | leaking | running)",
    "none of your business",
];
/// Ways of not knowing, which are neither yes nor no.
const UNSURE: [&str; 3] = ["not sure", "(i do | i) not know", "no idea"];

const NONE: [&str; 7] = [
    "none [of (those | these | them)]",
    "neither [of (those | these | them)]",
    "(something | anything | some time) else",
    "(other | different | another | more) (time | times | day | days | one | ones | option | options)",
    "(those | these | they) do not work",
    "(can not | can't) (do | make) any [of (those | these | them)]",
    "not any of (those | these | them)",
];
const ANY: [&str; 4] = [
    "(any | either) [one] [of (those | these | them)] [is fine | works | will do]",
    "(whichever | whatever) [one] [is best | works]",
    "(it does not | does not) matter",
    "you (choose | pick)",
];
const LAST: [&str; 2] = ["(the last [one] | last one)", "the (later | latest) [one]"];
const FIRST: [&str; 2] = ["the (earlier | earliest | soonest | sooner) [one]", "(first | next) available"];
const EARLIER: [&str; 2] =
    ["(anything | something | any | nothing) (earlier | sooner)", "(earlier | sooner)"];
const LATER: [&str; 2] = ["(anything | something | any) later", "later"];

struct Lists {
    yes: Vec<Pattern>,
    agrees: Vec<Pattern>,
    no: Vec<Pattern>,
    unsure: Vec<Pattern>,
    picks: Vec<(Pick, Vec<Pattern>)>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let read = |list: &[&str]| {
        let parse = |text: &&str| {
            Pattern::parse(text, &Rules::new()).expect("a test reads every pattern of these lists")
        };
        list.iter().map(parse).collect::<Vec<_>>()
    };
    Lists {
        yes: read(&YES),
        agrees: read(&AGREES),
        no: read(&NO),
        unsure: read(&UNSURE),
        picks: vec![
            (Pick::Nth(1), read(&FIRST)),
            (Pick::Last, read(&LAST)),
            (Pick::None, read(&NONE)),
            (Pick::Any, read(&ANY)),
            (Pick::Earlier, read(&EARLIER)),
            (Pick::Later, read(&LATER)),
        ],
    }
});

/// Reads a yes or no.
pub fn answer(words: &Words) -> Option<Answer> {
    let said = |list: &[Pattern]| list.iter().any(|pattern| pattern.find(words).is_some());
    if said(&LISTS.unsure) {
        return None;
    }
    let affirmed = |list: &[Pattern]| {
        let places = list.iter().flat_map(|pattern| pattern.find_all(words));
        let plain = |place: &Range<usize>| !is_negated(words, place) && !is_right_now(words, place.start);
        let mut places = places;
        places.any(|place| plain(&place))
    };
    let (yes, agrees) = (affirmed(&LISTS.yes), affirmed(&LISTS.agrees));
    let no = said(&LISTS.no) || says_no(words);
    match (yes, agrees, no) {
        (false, false, false) => None,
        (false, false, true) => Some(Answer::No),
        (true, true, false) if is_firm(words) => Some(Answer::FirmYes),
        (_, _, false) => Some(Answer::Yes),
        (_, _, true) => Some(Answer::Mixed),
    }
}

/// A yes-word and a different agreeing phrase: "that is right" alone contains "right", which is no second sign.
fn is_firm(words: &Words) -> bool {
    let places =
        |list: &[Pattern]| list.iter().flat_map(|pattern| pattern.find_all(words)).collect::<Vec<_>>();
    let (yes, agrees) = (places(&LISTS.yes), places(&LISTS.agrees));
    let apart = |a: &Range<usize>, b: &Range<usize>| a.end <= b.start || b.end <= a.start;
    // "yes it is right": the yes reaches into the statement; its first word is what counts.
    yes.iter().any(|yes| agrees.iter().any(|agrees| apart(&(yes.start..yes.start + 1), agrees)))
}

fn is_negated(words: &Words, place: &Range<usize>) -> bool {
    let start = place.start;
    if words.at(place.end) == "not" && !words.pauses_before(place.end) {
        return true;
    }
    let before = start.checked_sub(1).map_or("", |at| words.at(at));
    matches!(before, "not" | "no" | "never") && !words.pauses_before(start) && !(before == "no" && start == 1)
}

/// "right now", "right away" and "the right side" agree to nothing.
fn is_right_now(words: &Words, start: usize) -> bool {
    words.at(start) == "right"
        && matches!(words.at(start + 1), "now" | "away" | "side" | "there" | "here" | "after")
}

/// A "no" that answers, not one that counts something: "no hot water".
fn says_no(words: &Words) -> bool {
    (0..words.len()).any(|at| {
        let counts = matches!(
            words.at(at + 1),
            "hot"
                | "water"
                | "heat"
                | "pressure"
                | "idea"
                | "problem"
                | "longer"
                | "later"
                | "earlier"
                | "sooner"
                | "good"
                | "one"
                | "flow"
        );
        words.at(at) == "no"
            && (at == 0 || at + 1 == words.len() || words.pauses_before(at) || words.pauses_before(at + 1))
            && (!counts || words.pauses_before(at + 1))
    }) || words.all() == ["no"]
        || (words.len() > 1 && words.at(0) == "well" && words.at(1) == "no")
}

/// Reads which of several offers is meant.
pub fn pick(words: &Words) -> Option<Pick> {
    if let Some(nth) = nth(words) {
        return Some(Pick::Nth(nth));
    }
    let said = |list: &[Pattern]| list.iter().any(|pattern| pattern.find(words).is_some());
    LISTS.picks.iter().find(|(_, list)| said(list)).map(|(pick, _)| *pick)
}

fn nth(words: &Words) -> Option<usize> {
    for at in 0..words.len() {
        if matches!(words.at(at), "number" | "option" | "choice")
            && let Some((value @ 1..=9, _)) = cardinal(words, at + 1)
        {
            return usize::try_from(value).ok();
        }
        let Some((value, used)) = ordinal(words, at).filter(|(value, _)| *value <= 9) else { continue };
        let one =
            words.at(at + used) == "one" || words.at(at + used) == "option" || words.at(at + used) == "time";
        let alone =
            at + used == words.len() && at.checked_sub(1).is_none_or(|at| !names_month_or_day(words, at));
        let thing = matches!(words.at(at + used), "thing" | "of" | "available");
        if (one || alone || words.pauses_before(at + used) || words.at(at + used) == "please") && !thing {
            return usize::try_from(value).ok();
        }
    }
    bare_number(words)
}

/// "two", "i'll take two please": a number and nothing that could make it a time.
fn bare_number(words: &Words) -> Option<usize> {
    const FILLER: [&str; 14] =
        ["i", "will", "take", "the", "please", "go", "with", "let", "us", "do", "want", "yes", "okay", "one"];
    let mut found = None;
    for at in 0..words.len() {
        if words.at(at) == "one" && words.len() > 1 && found.is_some() {
            continue;
        }
        match cardinal(words, at) {
            Some((value @ 1..=9, 1)) if found.is_none() => found = usize::try_from(value).ok(),
            _ if FILLER.contains(&words.at(at)) => {}
            _ => return None,
        }
    }
    found
}

fn names_month_or_day(words: &Words, at: usize) -> bool {
    let word =
        if words.at(at) == "the" { at.checked_sub(1).map_or("", |at| words.at(at)) } else { words.at(at) };
    let is_month = matches!(
        word,
        "january"
            | "february"
            | "march"
            | "april"
            | "may"
            | "june"
            | "july"
            | "august"
            | "september"
            | "october"
            | "november"
            | "december"
    );
    is_month || super::calendar::weekday(word).is_some()
}
