//! The promises of the design as checkers: each watches everything that goes into the exchange and comes out of it,
//! and says when it was broken.
//!
//! A checker knows nothing of how callers and engines are imagined; it sees what any shell would see, and two things
//! only this world knows: what was truly stored, and for how long a caller truly heard nothing.

mod admission;
mod ends;
mod legs;
mod moving;
mod reference;
mod tapes;
mod words;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use desk::business::Business;
use desk::machine::Moment;
use desk::record::CallId;
use line::{Action, Event, Exchange, Keep};

use crate::opening::OpenDay;

/// One thing that happened at the exchange's edge.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen<'a> {
    /// The exchange is told something.
    Told(&'a Event),
    /// The exchange orders something.
    Ordered(&'a Action),
    /// The imagined store has it safe.
    Kept { call: &'a CallId, keep: &'a Keep },
    /// For so long a caller has heard nothing while it was our turn.
    Quiet { call: &'a CallId, longest: Duration },
    /// The process has ended in the middle of everything, and another begins.
    Died,
    /// One change has been drained.
    Settled(&'a Exchange),
    /// Nothing will happen any more.
    Over(&'a Exchange),
}

/// What broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub call: Option<CallId>,
    pub what: String,
}

impl Broken {
    fn of(call: &CallId, what: impl Into<String>) -> Result<(), Broken> {
        Err(Broken { call: Some(call.clone()), what: what.into() })
    }

    fn everywhere(what: impl Into<String>) -> Result<(), Broken> {
        Err(Broken { call: None, what: what.into() })
    }
}

/// A checker.
pub(crate) trait Promise {
    /// Its name.
    fn name(&self) -> &'static str;
    /// What it holds, in a sentence.
    fn sentence(&self) -> &'static str;
    /// Looks at one thing that happened.
    fn see(&mut self, seen: Seen<'_>, now: Moment) -> Result<(), Broken>;
}

/// What broke, with the name of the promise and what it holds.
pub(crate) type Objection = (Broken, &'static str, &'static str);

/// Makes the list of promises, each of its own type: what a checker does not look at costs nothing then, and that is most of
/// what it is shown.
macro_rules! promises {
    ($($promise:ident: $of:ty = $new:expr),* $(,)?) => {
        /// Every promise.
        #[derive(Debug)]
        pub(crate) struct Promises {
            $($promise: $of,)*
        }

        impl Promises {
            /// `booked` is how sentences begin that tell of a booking; with `strict`, nothing may be left unanswered at the end.
            pub fn new(
                business: &Arc<Business>,
                open: Arc<OpenDay>,
                booked: BTreeSet<String>,
                strict: bool,
            ) -> Promises {
                let given = Given { business, open, booked, strict };
                Promises { $($promise: ($new)(&given),)* }
            }

            /// Shows one thing to every checker; gives what the first of them objects to.
            #[inline(always)]
            pub fn see(&mut self, seen: Seen<'_>, now: Moment) -> Option<Objection> {
                $(
                    if let Err(broken) = self.$promise.see(seen, now) {
                        return Some((broken, self.$promise.name(), self.$promise.sentence()));
                    }
                )*
                None
            }
        }
    };
}

/// What promises are made of.
struct Given<'a> {
    business: &'a Arc<Business>,
    open: Arc<OpenDay>,
    booked: BTreeSet<String>,
    strict: bool,
}

promises! {
    deadline_named: ends::DeadlineNamed = |_: &Given| Default::default(),
    one_record: ends::OneRecord = |_: &Given| Default::default(),
    never_lost: ends::NeverLost = |_: &Given| Default::default(),
    nobody_left_waiting: ends::NobodyLeftWaiting = |_: &Given| Default::default(),
    true_outcome: ends::TrueOutcome = |_: &Given| Default::default(),
    no_leg_left_open: legs::NoLegLeftOpen = |_: &Given| Default::default(),
    channels_come_back: legs::ChannelsComeBack = |_: &Given| legs::ChannelsComeBack,
    late_person_released: legs::LatePersonReleased = |_: &Given| Default::default(),
    asked_answered_once: legs::AskedAnsweredOnce = |given: &Given| legs::AskedAnsweredOnce::new(given.strict),
    recorded_only_when_told: tapes::RecordedOnlyWhenTold = |_: &Given| Default::default(),
    slot_given_once: words::SlotGivenOnce = |_: &Given| Default::default(),
    booked_only_when_stored: words::BookedOnlyWhenStored =
        |given: &Given| words::BookedOnlyWhenStored::new(given.booked.clone()),
    never_silent: words::NeverSilent = |_: &Given| words::NeverSilent,
    promised_only_when_stored: words::PromisedOnlyWhenStored = |_: &Given| Default::default(),
    failure_moves_on: moving::FailureMovesOn = |_: &Given| Default::default(),
    holds_given_back: moving::HoldsGivenBack = |_: &Given| Default::default(),
    nobody_new_under_strain: admission::NobodyNewUnderStrain = |_: &Given| Default::default(),
    rung_as_long_as_said: reference::RungAsLongAsSaid = |given: &Given| reference::RungAsLongAsSaid::of(given.business),
    ends_where_the_plan_allows: reference::EndsWhereThePlanAllows =
        |given: &Given| reference::EndsWhereThePlanAllows::of(given.business, &given.open),
}
