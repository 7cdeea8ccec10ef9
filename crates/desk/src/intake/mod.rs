//! What the assistant asks, and what it makes of the answers, until the caller has what they called for.
//!
//! An [`Intake`] is one conversation: deterministic, without clock or chance. Words, keys and silences go in;
//! [`Move`]s come out. A [`Template`] is its data: questions, phrases, sentences. Turn-taking and deadlines are
//! [`talk`](crate::talk)'s work, and carrying out a move is the shell's.
//!
//! A booking is ordered only if a slot is held, everything needed is known, the read-back was given to be
//! spoken, and the caller agreed with more than a lone spoken yes: either key 1, or a yes together with a
//! second, different sign of agreement in words the recogniser was sure of ("yes, book it", "yes, that's
//! right", or a yes that names the very time read back). A recogniser takes noise for a single yes far too
//! often; no number of lone yeses books.
//!
//! Invariant: "you are booked" is said once a booking is stored ([`Intake::booked`], [`Intake::booked_after_all`])
//! and never else; and every question has an answer on the keypad, a shorter second try, a third with keys, and
//! then a person.

mod answers;
mod directory;
mod flow;
mod grammar;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

pub use crate::booking::{Draft, Wish};
pub use crate::phrase::Phrase;
pub use directory::{Directory, DirectoryError, Door};
pub use grammar::Grammar;
pub use template::{ServicesError, Template, TemplateError};

use crate::booking::Slot;
use crate::business::Front;
use crate::number::{Country, E164};
use crate::sayings;

/// One conversation with one caller.
#[derive(Clone, Debug)]
pub struct Intake {
    template: Arc<Template>,
    guest: Guest,
    /// Sentences that need no engine, because they were rendered when the configuration was read.
    prepared: Arc<BTreeSet<String>>,
    /// The offices the caller may choose from, before anything else is asked.
    directory: Option<Arc<Directory>>,
    open: Open,
    known: Known,
    misses: Misses,
}

/// Who is talked to, and in whose name.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The business, as callers know it.
    pub business: String,
    /// Who calls, if the carrier said.
    pub caller: Option<E164>,
    /// The office's clock.
    pub zone: TimeZone,
}

/// What was heard, from a recogniser or a keyboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Words {
    /// The words.
    pub text: String,
    /// How sure the recogniser is, on its own scale; only for records.
    pub confidence: f32,
    /// Whether it is sure by the grammar's threshold. Unsure words never book.
    pub sure: bool,
}

impl Words {
    /// Words that were typed, or that there is no doubt about.
    pub fn typed(text: &str) -> Words {
        Words { text: text.to_string(), confidence: 1.0, sure: true }
    }
}

/// What the conversation wants next. Moves are carried out in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    /// Say a sentence.
    Say(Phrase),
    /// Listen for an answer. The last move while a caller is talked to.
    Ask(Question),
    /// Find free times; answered by [`Intake::slots_found`] or [`Intake::slots_unavailable`].
    FindSlots(Wish),
    /// Hold this slot for the caller; answered by [`Intake::slot_held`] or [`Intake::slot_taken`].
    Hold(Slot),
    /// Give everything held back.
    ReleaseHold,
    /// Store this; answered by [`Intake::booked`] or [`Intake::not_booked`].
    Book(Draft),
    /// Get a person. Ends the conversation, unless the caller comes back.
    HandOver(WhyPerson),
    /// Let the call go on at this office. Ends the conversation.
    GoToOffice(Front),
    /// Take a message. Ends the conversation.
    TakeMessage(WhyMessage),
    /// Hang up when everything is said. Ends the conversation.
    Finish(Ending),
}

/// What is asked, and how to listen for the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The question's name in the template.
    pub id: String,
    /// The grammar to listen with: see [`Template::grammars`].
    pub grammar: String,
    /// The keys that answer it, with what they mean; besides these, 0 is a person and 9 a message.
    pub keypad: Vec<(char, String)>,
    /// Silence after words that ends the answer.
    pub hang: Duration,
    /// Silence from the beginning that means nobody speaks.
    pub no_input_after: Duration,
    /// Its answer is never recorded.
    pub secret: bool,
}

/// Why a person is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyPerson {
    /// The caller asked for one.
    Asked,
    /// A warning sign was heard.
    Emergency {
        /// Which, as records and alerts name it.
        word: String,
    },
    /// The caller was not understood often enough.
    NotUnderstood,
}

/// Why a message is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyMessage {
    /// The caller asked for it.
    Asked,
    /// There is no free time, no calendar, or nowhere to store the booking.
    CouldNotBook,
    /// The caller was not understood, and no person came.
    NotUnderstood,
}

/// How a conversation ended without anybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a booking.
    Booked,
    /// The caller has what they wanted, or wants nothing any more.
    Informed,
    /// The caller was told to get help elsewhere.
    Advised,
    /// The caller wants never to be contacted.
    OptedOut,
    /// The caller meant somebody else.
    WrongNumber,
    /// Nobody spoke.
    NoInput,
}

/// Why a caller is back from being handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Everybody is on the phone.
    PersonBusy,
    /// Nobody picked up.
    NoAnswer,
    /// Somebody turned the call down.
    Declined,
    /// They talked with a person, who has hung up.
    PersonLeft,
}

/// One thing learned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// What it means, by the template's names.
    pub value: String,
    /// How it was learned.
    pub how: How,
}

impl fmt::Display for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}

/// How something was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// In words.
    Heard,
    /// By a key.
    Pressed,
    /// From the carrier.
    CallerId,
}

/// Which answer is awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Open {
    /// Which office the caller would like.
    Office,
    Service,
    Urgent,
    Slot,
    Number {
        typed: String,
    },
    Confirm,
    Change,
    /// The caller is back from a person who did not come.
    Returned,
    /// The caller has spoken with a person, who left: is there anything else?
    Served,
    Waiting(Errand),
    Over {
        why: Option<WhyPerson>,
    },
}

/// What the shell was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    Slots,
    Hold,
    Book,
}

/// What the conversation knows so far.
#[derive(Clone, Debug, Default)]
struct Known {
    service: Option<String>,
    urgent: Option<bool>,
    wish: Wish,
    /// How often the caller has turned down all that was offered.
    pages: u8,
    offered: Vec<Slot>,
    slot: Option<Slot>,
    /// What the store was asked for and has not answered in time.
    unsettled: Option<Slot>,
    callback: Option<E164>,
    booking: Option<String>,
    /// What the caller said about the problem, in their words.
    note: String,
    filled: BTreeMap<String, Filled>,
}

/// How often it went wrong.
#[derive(Clone, Copy, Debug, Default)]
struct Misses {
    /// Answers to the open question that were not understood.
    here: u8,
    /// The same, in the whole conversation.
    ever: u8,
    /// Silences in a row.
    silent: u8,
    /// Sentences said again on request, and asides answered.
    repeats: u8,
}

/// Misunderstandings in one conversation after which a person is better, whatever the question.
const MOST_MISSES: u8 = 5;
/// How often the next page of free times is offered.
const MOST_PAGES: u8 = 4;
/// How often something is repeated or an aside is answered before it counts as a misunderstanding.
const MOST_REPEATS: u8 = 8;

impl Intake {
    /// A conversation that has not begun.
    pub fn new(template: Arc<Template>, guest: Guest) -> Intake {
        let mut known = Known::default();
        if let Some(caller) = &guest.caller {
            known.callback = Some(caller.clone());
            known
                .filled
                .insert("callback".to_string(), Filled { value: caller.to_string(), how: How::CallerId });
        }
        let prepared = template.prompts(&guest.business);
        let misses = Misses::default();
        Intake { template, guest, prepared, directory: None, open: Open::Service, known, misses }
    }

    /// The same conversation, to find out which office the caller would like.
    #[must_use]
    pub fn choosing_among(mut self, directory: Arc<Directory>) -> Intake {
        self.open = Open::Office;
        self.directory = Some(directory);
        self
    }

    /// Opens the first question. If a greeting has just asked how to help, nothing is said.
    pub fn open(&mut self, now: Timestamp) -> Vec<Move> {
        match self.directory {
            Some(_) => self.open_asking(now),
            None => {
                self.open = Open::Service;
                vec![self.listen()]
            }
        }
    }

    /// Asks the first question.
    pub fn open_asking(&mut self, _now: Timestamp) -> Vec<Move> {
        let first = if self.directory.is_some() { Open::Office } else { Open::Service };
        self.ask(first, Vec::new())
    }

    /// Words were heard.
    pub fn hear(&mut self, words: &Words, now: Timestamp) -> Vec<Move> {
        self.misses.silent = 0;
        answers::hear(self, words, now)
    }

    /// A key was pressed. No moves at all: more keys are awaited.
    pub fn press(&mut self, digit: char, now: Timestamp) -> Vec<Move> {
        self.misses.silent = 0;
        answers::press(self, digit, now)
    }

    /// The caller was silent for as long as the question allows.
    pub fn nothing_heard(&mut self, _now: Timestamp) -> Vec<Move> {
        self.silence()
    }

    /// The caller said something that fits no grammar.
    pub fn not_understood(&mut self, _now: Timestamp) -> Vec<Move> {
        self.misses.silent = 0;
        self.miss()
    }

    /// Free times, soonest first: those that fit the wish, or else the nearest. Empty: there are none.
    pub fn slots_found(&mut self, slots: Vec<Slot>, now: Timestamp) -> Vec<Move> {
        match self.open {
            Open::Waiting(Errand::Slots) => self.offer(slots, now),
            _ => Vec::new(),
        }
    }

    /// The calendar could not say what is free.
    pub fn slots_unavailable(&mut self, _now: Timestamp) -> Vec<Move> {
        match self.open {
            Open::Waiting(Errand::Slots) => {
                let sorry = self.template.say.no_calendar.clone();
                self.leave_message(&sorry, WhyMessage::CouldNotBook)
            }
            _ => Vec::new(),
        }
    }

    /// The slot asked for is held for this caller.
    pub fn slot_held(&mut self, now: Timestamp) -> Vec<Move> {
        match self.open {
            Open::Waiting(Errand::Hold) => self.go_on(Vec::new(), now),
            _ => Vec::new(),
        }
    }

    /// Somebody else was faster.
    pub fn slot_taken(&mut self, _now: Timestamp) -> Vec<Move> {
        match self.open {
            Open::Waiting(Errand::Hold) => {
                let gone = self.say(&self.template.say.gone.clone());
                self.find_again(vec![gone])
            }
            _ => Vec::new(),
        }
    }

    /// The booking is stored.
    pub fn booked(&mut self, booking: &str, now: Timestamp) -> Vec<Move> {
        self.known.booking = Some(booking.to_string());
        match self.open {
            Open::Waiting(Errand::Book) => self.confirm_booked(now),
            _ => Vec::new(),
        }
    }

    /// The booking is stored, and the caller was told that it could not be.
    pub fn booked_after_all(&mut self, booking: &str, now: Timestamp) -> Vec<Move> {
        self.known.booking = Some(booking.to_string());
        self.known.slot = self.known.unsettled.take();
        let after_all =
            Phrase { text: sayings::BOOKED_AFTER_ALL.to_string(), prepared: true, guarded: false };
        [Move::Say(after_all)].into_iter().chain(self.confirm_booked(now)).collect()
    }

    /// The booking could not be stored, or nobody knows.
    pub fn not_booked(&mut self, _now: Timestamp) -> Vec<Move> {
        match self.open {
            Open::Waiting(Errand::Book) => {
                let sorry = self.template.say.not_booked.clone();
                self.known.unsettled.clone_from(&self.known.slot);
                self.leave_message(&sorry, WhyMessage::CouldNotBook)
            }
            _ => Vec::new(),
        }
    }

    /// The caller is back: no person took the call, or the one who did has left.
    pub fn resume(&mut self, reason: Returned, _now: Timestamp) -> Vec<Move> {
        if reason == Returned::PersonLeft {
            self.misses = Misses::default();
            let left = Phrase { text: sayings::PERSON_LEFT.to_string(), prepared: true, guarded: false };
            return self.ask(Open::Served, vec![Move::Say(left)]);
        }
        let sorry = self.template.say.nobody_free.clone();
        match &self.open {
            Open::Over { why: Some(WhyPerson::Emergency { .. }) } => {
                self.leave_message(&sorry, WhyMessage::Asked)
            }
            Open::Over { why: Some(WhyPerson::NotUnderstood) } => {
                self.leave_message(&sorry, WhyMessage::NotUnderstood)
            }
            _ if self.known.booking.is_some() => self.leave_message(&sorry, WhyMessage::Asked),
            _ => {
                self.misses = Misses::default();
                let sorry = self.say(&sorry);
                self.ask(Open::Returned, vec![sorry])
            }
        }
    }

    /// What has been learned, by name: service, urgent, slot, callback, emergency.
    pub fn filled(&self) -> &BTreeMap<String, Filled> {
        &self.known.filled
    }

    /// What the call is about, for a person who is to take it: the emergency, else the service, as they are spoken of.
    pub fn subject(&self) -> Option<String> {
        let emergency = self.known.filled.get("emergency").map(|filled| filled.value.clone());
        let service = || Some(self.template.service(self.known.service.as_deref()?)?.say.clone());
        emergency.or_else(service)
    }

    /// The booking, once it is stored.
    pub fn booking(&self) -> Option<&str> {
        self.known.booking.as_deref()
    }

    /// Whether the conversation has come to an end.
    pub fn is_over(&self) -> bool {
        matches!(self.open, Open::Over { .. })
    }

    fn country(&self) -> Country {
        self.template.country
    }
}

#[cfg(test)]
mod tests;
