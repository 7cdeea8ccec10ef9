//! What is asked, what may be answered, and what callers say instead.

use crate::Scope;
use speech::jsgf::{Fit, Jsgf};
use speech::{Answers, Grammar, GrammarSet};

/// One kind of closed question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Confirm,
    Pick,
    Problem,
    When,
}

type Slots = &'static [(&'static str, &'static [&'static str])];

const CONFIRM: Slots = &[
    ("yes", &["yes [ please ]", "yes that is right", "that is right", "that is correct", "yes that works"]),
    ("no", &["no [ thank you ]", "no that is wrong", "that is wrong", "no that does not work"]),
];
const PICK: Slots = &[
    ("1", &["[ the ] first one", "number one", "the first"]),
    ("2", &["[ the ] second one", "number two", "the second"]),
    ("3", &["[ the ] third one", "number three", "the third"]),
    ("none", &["none of them", "none of those work"]),
];
const PROBLEM: Slots = &[
    (
        "drain",
        &[
            "[ i have ] a clogged drain",
            "[ my | the ] [ kitchen ] sink is backed up",
            "[ the ] drain is clogged",
            "slow drain",
        ],
    ),
    (
        "leak",
        &[
            "[ i have | there is ] a leak",
            "[ my | the ] faucet is leaking",
            "leaking faucet",
            "dripping faucet",
        ],
    ),
    (
        "burst",
        &[
            "[ a | the ] pipe burst",
            "[ i have ] a burst pipe",
            "water is coming through the ceiling",
            "[ my ] basement is flooding",
        ],
    ),
    (
        "heater",
        &[
            "[ i have | there is ] no hot water",
            "[ my | the ] water heater is leaking",
            "[ my ] water heater is broken",
        ],
    ),
    (
        "toilet",
        &[
            "[ my | the ] toilet is running",
            "[ my | the ] toilet is clogged",
            "[ my | the ] toilet is overflowing",
        ],
    ),
    ("gas", &["i smell gas", "gas leak"]),
];
const WHEN: Slots = &[
    ("mon am", &["[ on ] monday morning"]),
    ("mon pm", &["[ on ] monday afternoon"]),
    ("tue am", &["[ on ] tuesday morning"]),
    ("tue pm", &["[ on ] tuesday afternoon"]),
    ("wed am", &["[ on ] wednesday morning"]),
    ("wed pm", &["[ on ] wednesday afternoon"]),
    ("thu am", &["[ on ] thursday morning"]),
    ("thu pm", &["[ on ] thursday afternoon"]),
    ("fri am", &["[ on ] friday morning"]),
    ("fri pm", &["[ on ] friday afternoon"]),
    ("tomorrow", &["tomorrow", "tomorrow morning", "tomorrow afternoon"]),
    ("any", &["as soon as possible", "any time"]),
    ("at ten", &["at ten [ o'clock ]", "ten in the morning"]),
    ("at two", &["at two [ o'clock ]", "two in the afternoon"]),
    ("at four", &["at four [ o'clock ]", "four in the afternoon"]),
];
/// In every grammar, as at a real desk.
const ALWAYS: Slots = &[
    ("person", &["agent", "representative", "[ i want to ] speak to a person", "a real person"]),
    ("emergency", &["[ it is | this is ] an emergency"]),
    ("repeat", &["say that again", "repeat that"]),
];

/// What callers say, one of each wording that matters.
const ANSWERS: [(Kind, &str, &str); 38] = [
    (Kind::Problem, "i have a clogged drain", "drain"),
    (Kind::Confirm, "yes", "yes"),
    (Kind::Pick, "the second one", "2"),
    (Kind::When, "tuesday morning", "tue am"),
    (Kind::Confirm, "no", "no"),
    (Kind::Problem, "there is a leak", "leak"),
    (Kind::When, "thursday afternoon", "thu pm"),
    (Kind::Pick, "the first one", "1"),
    (Kind::Confirm, "yes please", "yes"),
    (Kind::Problem, "a pipe burst", "burst"),
    (Kind::Pick, "third one", "3"),
    (Kind::When, "tomorrow morning", "tomorrow"),
    (Kind::Confirm, "no thank you", "no"),
    (Kind::Problem, "there is no hot water", "heater"),
    (Kind::When, "at ten o'clock", "at ten"),
    (Kind::Pick, "none of them", "none"),
    (Kind::Confirm, "that is right", "yes"),
    (Kind::Problem, "my toilet is overflowing", "toilet"),
    (Kind::When, "friday morning", "fri am"),
    (Kind::Pick, "number two", "2"),
    (Kind::Confirm, "no that is wrong", "no"),
    (Kind::Problem, "i smell gas", "gas"),
    (Kind::When, "monday afternoon", "mon pm"),
    (Kind::Pick, "number one", "1"),
    (Kind::Confirm, "agent", "person"),
    (Kind::Problem, "my basement is flooding", "burst"),
    (Kind::When, "as soon as possible", "any"),
    (Kind::Pick, "none of those work", "none"),
    (Kind::Confirm, "yes that works", "yes"),
    (Kind::Problem, "my water heater is broken", "heater"),
    (Kind::When, "two in the afternoon", "at two"),
    (Kind::Pick, "speak to a person", "person"),
    (Kind::Confirm, "that is wrong", "no"),
    (Kind::Problem, "the kitchen sink is backed up", "drain"),
    (Kind::When, "wednesday morning", "wed am"),
    (Kind::Problem, "this is an emergency", "emergency"),
    (Kind::Pick, "the third one", "3"),
    (Kind::When, "any time", "any"),
];

/// Talk that answers nothing. Long and short, near and far from the questions.
const OFF_TOPIC: [&str; 16] = [
    "what's the weather like today",
    "hold on a second please my dog is barking",
    "i would like to order a large pizza with mushrooms",
    "who is this",
    "can you hear me",
    "how much does a service call cost",
    "honey where did you put the keys",
    "i am calling about my car insurance",
    "let me think about it",
    "do you do roofing as well",
    "sorry what",
    "is this a robot",
    "my husband usually takes care of these things",
    "turn the television down",
    "i got your number from my neighbor",
    "well you know how it is",
];

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Confirm, Kind::Pick, Kind::Problem, Kind::When];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Confirm => "confirm",
            Kind::Pick => "pick",
            Kind::Problem => "problem",
            Kind::When => "when",
        }
    }

    fn slots(self) -> Slots {
        match self {
            Kind::Confirm => CONFIRM,
            Kind::Pick => PICK,
            Kind::Problem => PROBLEM,
            Kind::When => WHEN,
        }
    }

    pub fn threshold(self) -> f32 {
        speech::USUAL_THRESHOLD
    }
}

/// What is said as an answer, with the slot it fills.
pub fn answers(scope: Scope) -> impl Iterator<Item = (Kind, &'static str, &'static str)> {
    ANSWERS
        .into_iter()
        .enumerate()
        .filter(move |(index, _)| scope == Scope::Long || index % 3 != 2)
        .map(|(_, answer)| answer)
}

/// What is said instead of an answer.
pub fn off_topic(scope: Scope) -> impl Iterator<Item = &'static str> {
    OFF_TOPIC.into_iter().take(if scope == Scope::Long { OFF_TOPIC.len() } else { 12 })
}

/// The slot these words fill.
pub fn slot(kind: Kind, words: &str) -> &'static str {
    let fits = |phrases: &[&str]| {
        let grammar = Jsgf::from_phrases(phrases.iter().copied()).expect("the phrases above are well formed");
        matches!(grammar.fit(words), Fit::Whole | Fit::WholeSoFar)
    };
    kind.slots().iter().chain(ALWAYS).find(|(_, phrases)| fits(phrases)).map_or("?", |(slot, _)| slot)
}

pub fn grammars() -> GrammarSet {
    let grammar = |kind: Kind| Grammar {
        name: kind.name().to_owned(),
        answers: Answers::Phrases(
            kind.slots()
                .iter()
                .chain(ALWAYS)
                .flat_map(|(_, phrases)| phrases.iter().map(|p| (*p).to_owned()))
                .collect(),
        ),
        threshold: kind.threshold(),
    };
    GrammarSet { grammars: Kind::ALL.map(grammar).into(), ..GrammarSet::default() }
}
