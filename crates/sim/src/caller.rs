//! Imagined callers: what they want, how they answer a question, and when they have had enough.
//!
//! A caller understands the question by its name and its keys, as the desk describes it to whoever listens, and
//! answers with the template's own phrases. What the desk makes of the answer is not decided here.

use std::time::Duration;

use desk::intake::Question;
use desk::record::Outcome;

use crate::chance::Chance;
use crate::phrasebook::{Meaning, Phrasebook};

/// What somebody calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goal {
    /// A visit, by voice.
    BookByVoice,
    /// A visit, by keys only.
    BookByKeys,
    /// A visit, but another day than the one chosen first.
    ChangeOfMind,
    /// Something that cannot wait.
    Emergency,
    /// A person.
    Agent,
    /// To leave a message.
    LeaveMessage,
    /// Somebody else.
    WrongNumber,
    /// Nothing: a pocket, a robot waiting for a voice.
    Silent,
    /// Something that no grammar knows.
    Mumbles,
    /// A visit, until they hang up in the middle of it.
    HangsUp,
}

impl Goal {
    /// How many of a hundred callers want it.
    const SHARE: [(Goal, u32); 10] = [
        (Goal::BookByVoice, 30),
        (Goal::BookByKeys, 15),
        (Goal::ChangeOfMind, 10),
        (Goal::Emergency, 10),
        (Goal::Agent, 8),
        (Goal::LeaveMessage, 7),
        (Goal::WrongNumber, 4),
        (Goal::Silent, 4),
        (Goal::Mumbles, 4),
        (Goal::HangsUp, 8),
    ];

    /// One goal, as often as they come.
    pub(crate) fn any(chance: &mut Chance) -> Goal {
        chance.weighed(&Goal::SHARE).unwrap_or(Goal::BookByVoice)
    }

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Goal::BookByVoice => "book_by_voice",
            Goal::BookByKeys => "book_by_keys",
            Goal::ChangeOfMind => "change_of_mind",
            Goal::Emergency => "emergency",
            Goal::Agent => "agent",
            Goal::LeaveMessage => "leave_message",
            Goal::WrongNumber => "wrong_number",
            Goal::Silent => "silent",
            Goal::Mumbles => "mumbles",
            Goal::HangsUp => "hangs_up",
        }
    }

    /// Whether this caller helps the call to its end.
    pub fn is_cooperative(self) -> bool {
        !matches!(self, Goal::Silent | Goal::Mumbles | Goal::HangsUp)
    }

    /// Whether a call that ended so gave this caller what they called for. A person who picks up gives everything. Whoever
    /// wants one at an hour when the plan lets nobody be rung but for what cannot wait has a message instead.
    pub fn is_reached(self, outcome: Outcome, rings_for_an_agent: bool) -> bool {
        match self {
            Goal::Agent if !rings_for_an_agent => matches!(outcome, Outcome::Message | Outcome::Answered),
            Goal::BookByVoice | Goal::BookByKeys | Goal::ChangeOfMind => {
                matches!(outcome, Outcome::Booked | Outcome::Answered)
            }
            Goal::Emergency | Goal::Agent => matches!(outcome, Outcome::Transferred | Outcome::Answered),
            Goal::LeaveMessage => matches!(outcome, Outcome::Message | Outcome::Answered),
            Goal::WrongNumber => matches!(outcome, Outcome::WrongNumber | Outcome::Answered),
            Goal::Silent => matches!(outcome, Outcome::NoInput | Outcome::Answered),
            Goal::Mumbles | Goal::HangsUp => true,
        }
    }
}

/// One imagined caller in one call.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub goal: Goal,
    /// Ten digits, typed when the carrier shows none.
    pub number: String,
    /// Whether the carrier shows it.
    pub shows_number: bool,
    /// Talks over questions it knows already.
    pub hasty: bool,
    asked_last: String,
    asked_again: u8,
    changed: u8,
    chance: Chance,
}

/// What a caller does about a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Says something the desk may understand.
    Says(String),
    /// Makes sounds for a while.
    Mumbles(Duration),
    /// Presses keys.
    Presses(String),
    Nothing,
    HangsUp,
}

impl Caller {
    pub fn new(goal: Goal, number: String, mut chance: Chance) -> Caller {
        let shows_number = !chance.hits(0.15);
        let hasty = chance.hits(0.25);
        Caller {
            goal,
            number,
            shows_number,
            hasty,
            asked_last: String::new(),
            asked_again: 0,
            changed: 0,
            chance,
        }
    }

    /// How long they think before they answer.
    pub fn thinks(&mut self) -> Duration {
        self.chance.millis(300, 2_500)
    }

    /// When they have had enough, counted from the first ring.
    pub fn patience(&mut self) -> Duration {
        match self.goal {
            Goal::HangsUp => self.chance.millis(200, 60_000),
            _ => self.chance.millis(240_000, 600_000),
        }
    }

    /// What they do about a question.
    pub fn reply(&mut self, question: &Question, book: &Phrasebook) -> Reply {
        self.asked_again = match question.id == self.asked_last {
            true => self.asked_again.saturating_add(1),
            false => 0,
        };
        self.asked_last.clone_from(&question.id);
        match self.goal {
            Goal::Silent => Reply::Nothing,
            Goal::Mumbles => Reply::Mumbles(self.chance.millis(400, 18_000)),
            Goal::BookByKeys => self.by_keys(question),
            // Who is not understood twice takes the keys the menu names.
            Goal::BookByVoice | Goal::ChangeOfMind | Goal::HangsUp if self.asked_again >= 2 => {
                self.by_keys(question)
            }
            Goal::BookByVoice | Goal::HangsUp => self.books(question, book),
            Goal::ChangeOfMind => self.changes(question, book),
            Goal::Emergency => self.wants(question, book, Meaning::Emergency, '0'),
            Goal::Agent => self.wants(question, book, Meaning::Agent, '0'),
            Goal::LeaveMessage => self.wants(question, book, Meaning::Message, '9'),
            Goal::WrongNumber if self.asked_again > 3 => Reply::HangsUp,
            Goal::WrongNumber => self.says(question, book, &[Meaning::WrongNumber]),
        }
    }

    fn wants(&mut self, question: &Question, book: &Phrasebook, what: Meaning, key: char) -> Reply {
        match question.id.as_str() {
            "returned" => self.says(question, book, &[Meaning::Message]),
            // Most find their office first.
            "office" if self.chance.hits(0.7) => self.says(question, book, &[Meaning::Onward]),
            _ if self.asked_again >= 1 && self.chance.hits(0.5) => Reply::Presses(key.to_string()),
            _ => self.says(question, book, &[what, Meaning::Agent]),
        }
    }

    fn books(&mut self, question: &Question, book: &Phrasebook) -> Reply {
        match question.id.as_str() {
            "office" => self.says(question, book, &[Meaning::Onward]),
            "service" => self.says(question, book, &[Meaning::Times, Meaning::Onward]),
            "urgent" => self.says(question, book, &[Meaning::Times]),
            "slot" => self.says(question, book, &[Meaning::Pick]),
            "confirm" => self.says(question, book, &[Meaning::Book]),
            "change" => self.says(question, book, &[Meaning::Times]),
            "returned" => self.says(question, book, &[Meaning::Message]),
            _ => self.by_keys(question),
        }
    }

    fn changes(&mut self, question: &Question, book: &Phrasebook) -> Reply {
        let wants_other = matches!(question.id.as_str(), "slot" | "confirm" | "change");
        if wants_other && self.changed < 2 && self.chance.hits(0.6) {
            self.changed += 1;
            let meanings: &[Meaning] = match self.chance.hits(0.3) {
                true => &[Meaning::Change, Meaning::Times],
                false => &[Meaning::Times],
            };
            return self.says(question, book, meanings);
        }
        self.books(question, book)
    }

    /// The first of these meanings that has words here, else keys.
    fn says(&mut self, question: &Question, book: &Phrasebook, meanings: &[Meaning]) -> Reply {
        let order = match meanings {
            // Half of those who book have a leak, which asks whether it is urgent.
            [Meaning::Times, Meaning::Onward] if self.chance.hits(0.3) => &[Meaning::Onward, Meaning::Times],
            _ => meanings,
        };
        let known =
            order.iter().map(|meaning| book.phrases(&question.id, *meaning)).find(|found| !found.is_empty());
        match known.and_then(|phrases| self.chance.pick(phrases)) {
            Some(phrase) => Reply::Says(phrase.clone()),
            None => self.by_keys(question),
        }
    }

    fn by_keys(&mut self, question: &Question) -> Reply {
        let keys = match question.id.as_str() {
            "number" => {
                let pound = if self.chance.hits(0.5) { "#" } else { "" };
                format!("{}{pound}", self.number)
            }
            "office" | "service" => {
                let keys: Vec<char> = question.keypad.iter().map(|(key, _)| *key).collect();
                self.chance.pick(&keys).copied().unwrap_or('0').to_string()
            }
            "urgent" => "2".to_string(),
            _ => question.keypad.first().map_or('0', |(key, _)| *key).to_string(),
        };
        Reply::Presses(keys)
    }

    /// What they leave after the tone: how long they wait, how long they speak, and whether they end it by a key.
    pub fn message(&mut self) -> Message {
        let speaks = match self.goal {
            Goal::Silent => Duration::ZERO,
            Goal::LeaveMessage => self.chance.millis(2_000, 25_000),
            _ if self.chance.hits(0.1) => Duration::ZERO,
            _ if self.chance.hits(0.02) => Duration::from_secs(130),
            _ => self.chance.millis(800, 25_000),
        };
        let then = match self.chance.below(3) {
            0 => Then::Pound,
            1 => Then::HangsUp,
            _ => Then::Waits,
        };
        Message { waits: self.chance.millis(300, 3_000), speaks, then }
    }
}

/// A message as it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub waits: Duration,
    /// Zero: nothing is said.
    pub speaks: Duration,
    pub then: Then,
}

/// How a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Pound,
    HangsUp,
    Waits,
}
