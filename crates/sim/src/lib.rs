//! The imagined world: callers, trunk, people and faults in virtual time.
//!
//! A [`World`] runs days of calls through the very [`line::Exchange`] and `desk` that ship. It stands where the user
//! agent, the media threads, the engines and the store stand in the shell: SIP notices in and orders out, sound as
//! spans of time, words as text. After every change each promise of the design is checked by its own checker.
//! RTP and real engines are absent from here; what a call does is decided in `desk`, never here. SIP bytes are met by
//! [`Transfers`] only, which play with two user agents.
//!
//! Invariant: the same seed, shop and faults give the same day, to the last journal line.

mod alone;
mod caller;
mod chance;
mod conversation;
mod day;
mod faults;
mod hashed;
mod opening;
mod phrasebook;
mod promises;
mod replay;
mod report;
mod sabotage;
mod shop;
mod shrink;
mod sound;
mod transfers;

use std::collections::BTreeMap;
use std::sync::Arc;

use desk::business::{Plan, Step};
use desk::intake::Question;
use desk::record::Record;

pub use alone::{Alone, TALK};
pub use caller::Goal;
pub use chance::Chance;
pub use conversation::{CallerDoes, Conversation, NoSuchLine, People, Reply, Shown};
pub use faults::{Fault, Faults, Thrown};
pub use replay::{NotReplayed, Replayed, differences, replay};
pub use report::{CallReport, DayReport, Report, Trouble};
pub use sabotage::Sabotage;
pub use shop::Shop;
pub use shrink::Script;
pub use transfers::{Fate, Handing, Misdeed, Passing, Refused, Side, State, Told, Transfers};

use phrasebook::Phrasebook;

/// A business and everything its callers can say.
#[derive(Clone, Debug)]
pub struct World {
    shop: Shop,
    /// By the name of the intake.
    books: BTreeMap<String, Phrasebook>,
    /// Calls a day, but for storms and those who call again.
    calls: usize,
    /// Numbers the owner has told of, as they are dialled nationally.
    known: Vec<String>,
}

/// Channels where nobody is turned away.
const ROOM: u32 = 10_000;
/// Calls a day that one office gets, but for storms and those who call again.
const CALLS: usize = 60;
/// An office that shares its callers with others gets so many.
const SHARED_CALLS: usize = 50;

impl World {
    /// A world around one shop. Trying out every phrase takes a while: keep it for many days.
    pub fn new(shop: Shop) -> World {
        let mut books: BTreeMap<String, Phrasebook> = BTreeMap::new();
        for assistant in shop.business.assistants.values() {
            let intake = &assistant.intake;
            let book = || Phrasebook::of(intake, shop.business.directory());
            books.entry(intake.name.clone()).or_insert_with(book);
        }
        let calls = match shop.business.offices.len() {
            0 | 1 => CALLS,
            offices => SHARED_CALLS * offices,
        };
        let known = known_to(&shop);
        World { shop, books, calls, known }
    }

    /// The same callers at another shop, whose intakes and offices to choose from are those of this one: what is said there
    /// is not tried out anew.
    pub fn moved_to(&self, shop: Shop) -> World {
        let known = known_to(&shop);
        World { shop, books: self.books.clone(), calls: self.calls, known }
    }

    /// The same world with so many calls a day.
    pub fn calling(self, calls: usize) -> World {
        World { calls, ..self }
    }

    /// The same world with more channels than its callers can take, to see how many they would.
    pub fn roomy(&self) -> World {
        let mut business = desk::business::Business::clone(&self.shop.business);
        for channels in business.channels.values_mut() {
            *channels = ROOM;
        }
        self.moved_to(Shop { business: Arc::new(business), ..self.shop.clone() })
    }

    /// The same world by other plans; what its callers say is not tried out anew.
    pub fn planned(&self, plans: BTreeMap<String, Plan>) -> World {
        let business =
            desk::business::Business { plans, ..desk::business::Business::clone(&self.shop.business) };
        self.moved_to(Shop { business: Arc::new(business), ..self.shop.clone() })
    }

    /// One day from its first call to the end of its last.
    ///
    /// # Errors
    /// The first promise that was broken.
    pub fn day(&self, seed: u64, faults: &Faults) -> Result<DayReport, Box<Trouble>> {
        day::run(self, seed, faults, (None, None))
    }

    /// A day on which the driver itself misbehaves: some checker is to find it.
    ///
    /// # Errors
    /// What it found.
    pub fn sabotaged_day(
        &self,
        seed: u64,
        faults: &Faults,
        sabotage: Sabotage,
    ) -> Result<DayReport, Box<Trouble>> {
        day::run(self, seed, faults, (Some(sabotage), None))
    }

    fn trunks(&self) -> Vec<String> {
        self.shop.business.channels.keys().cloned().collect()
    }

    /// Whether the rule a call fell under rings people for callers who only ask for one.
    fn rings_for_an_agent(&self, record: &Record) -> bool {
        let plan = self.shop.business.plans.get(&record.plan);
        let rules = plan.map(|plan| plan.rules.as_slice()).unwrap_or_default();
        let rule = rules.iter().find(|rule| rule.when == record.rule);
        rule.is_none_or(|rule| {
            rule.steps.iter().any(|step| matches!(step, Step::Ring { .. } | Step::Queue { .. }))
        })
    }

    /// What can be said to whoever asks this.
    fn book(&self, question: &Question) -> Option<&Phrasebook> {
        let intake = question.grammar.strip_suffix(&question.id)?.strip_suffix('_')?;
        self.books.get(intake)
    }
}

/// The callers whom the owner has told of, as they are dialled nationally.
fn known_to(shop: &Shop) -> Vec<String> {
    let known = shop.business.callers.keys().filter_map(|number| number.digits().strip_prefix('1'));
    known.filter(|national| national.len() == 10).map(str::to_string).collect()
}
