//! The promises of the design as checkers: each watches everything that goes into the exchange and comes out of it,
//! and says when it was broken.
//!
//! A checker knows nothing of how callers and engines are imagined; it sees what any shell would see, and two things
//! only this world knows: what was truly stored, and for how long a caller truly heard nothing.

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

/// Every promise. `booked` is how sentences begin that tell of a booking; with `strict`, nothing may be left
/// unanswered at the end.
pub(crate) fn all(business: &Arc<Business>, booked: BTreeSet<String>, strict: bool) -> Vec<Box<dyn Promise>> {
    vec![
        Box::new(ends::DeadlineNamed::default()),
        Box::new(ends::OneRecord::default()),
        Box::new(ends::NeverLost::default()),
        Box::new(ends::NobodyLeftWaiting::default()),
        Box::new(ends::TrueOutcome::default()),
        Box::new(legs::NoLegLeftOpen::default()),
        Box::new(legs::ChannelsComeBack),
        Box::new(legs::LatePersonReleased::default()),
        Box::new(legs::AskedAnsweredOnce::new(strict)),
        Box::new(tapes::RecordedOnlyWhenTold::default()),
        Box::new(words::SlotGivenOnce::default()),
        Box::new(words::BookedOnlyWhenStored::new(booked)),
        Box::new(words::NeverSilent),
        Box::new(words::PromisedOnlyWhenStored::default()),
        Box::new(moving::FailureMovesOn::default()),
        Box::new(moving::HoldsGivenBack::default()),
        Box::new(reference::RungAsLongAsSaid::of(business)),
        Box::new(reference::EndsWhereThePlanAllows::of(business)),
    ]
}
