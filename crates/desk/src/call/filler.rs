//! The filler, told: for how long the caller heard it, and what they would have heard instead. Music on hold is told with it.
//!
//! When it plays is decided where the sound is, so that it plays even while nobody decides anything. Here it changes
//! nothing; it is written down, because a caller who heard "one moment, please" was kept waiting by something of ours.

use std::collections::BTreeMap;
use std::time::Duration;

use super::messaging::Messaging;
use super::{Call, Stage};
use crate::call::Why;
use crate::machine::Moment;

/// What happens to the sound is told within milliseconds. What is told later than this was told to a desk that stood still.
const TOLD_WITHIN: Duration = Duration::from_millis(200);

/// What the caller waited for when the filler began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Late {
    Desk,
    Sentence,
    Words,
    Calendar,
    Store,
    Recording,
    Person,
    Something,
}

impl Late {
    /// As told in a sentence: what was heard, and "because ...".
    fn told(self) -> (&'static str, &'static str) {
        let because = match self {
            Late::Desk => "the desk itself stood still",
            Late::Sentence => "what was to be said was not ready yet",
            Late::Words => "what they had said was not understood yet",
            Late::Calendar => "the calendar had not answered yet",
            Late::Store => "nothing was stored yet that could be promised",
            Late::Recording => "their message was not closed yet",
            Late::Person => "nothing was heard of whoever they talked to",
            Late::Something => "nothing else was said in time",
        };
        let heard = if self == Late::Person { "music of ours" } else { "the filler" };
        (heard, because)
    }
}

/// For how long the filler was heard, by what was late.
#[derive(Debug, Default)]
pub(super) struct Fillers {
    playing: Option<(Late, Duration)>,
    heard: BTreeMap<Late, Duration>,
}

impl Fillers {
    pub fn began(&mut self, late: Late, at: Duration) {
        self.ended(at);
        self.playing = Some((late, at));
    }

    pub fn ended(&mut self, at: Duration) {
        if let Some((late, since)) = self.playing.take() {
            *self.heard.entry(late).or_default() += at.saturating_sub(since);
        }
    }

    /// A sentence for each cause, of a call that was over at this moment.
    pub fn told(&mut self, over: Duration) -> Vec<String> {
        self.ended(over);
        let tell = |(late, heard): (&Late, &Duration)| {
            let (what, because) = late.told();
            format!("the caller heard {what} for {:.1} s, because {because}", heard.as_secs_f64())
        };
        self.heard.iter().map(tell).collect()
    }
}

impl Call {
    pub(super) fn filler_began(&mut self, at: Duration, now: Moment) {
        let late = match now.mono.saturating_sub(at) > TOLD_WITHIN {
            true => Late::Desk,
            false => self.what_is_late(),
        };
        self.fillers.began(late, at);
    }

    fn what_is_late(&self) -> Late {
        if self.minutes.has_more_to_say() {
            return Late::Sentence;
        }
        match &self.stage {
            Stage::Talking(talk) if talk.is_booking() => Late::Store,
            Stage::Talking(talk) => match talk.deadline().map(|deadline| deadline.why) {
                Some(Why::HearingTookTooLong) => Late::Words,
                Some(Why::ErrandTookTooLong) => Late::Calendar,
                _ => Late::Something,
            },
            Stage::Messaging(Messaging::Ending { .. }) => Late::Recording,
            Stage::Messaging(Messaging::Storing { .. }) | Stage::Promising { .. } => Late::Store,
            Stage::Messaging(
                Messaging::Prompting { .. } | Messaging::Awaiting { .. } | Messaging::Recording { .. },
            )
            | Stage::Begun
            | Stage::Ringing(_)
            | Stage::Waiting
            | Stage::Connected { .. }
            | Stage::Closing { .. }
            | Stage::Filing { .. }
            | Stage::Over => Late::Something,
        }
    }
}
