//! Taking a message: the prompt, the recording, and what ends it.

use std::time::Duration;

use crate::call::{SayingId, Why};
use crate::machine::{Ask, Deadline, Moment};

/// Longer messages are cut here; the caller is thanked all the same.
const LONGEST_MESSAGE: Duration = Duration::from_secs(120);
/// Who says nothing for this long after the tone leaves no message.
const WORDS_WITHIN: Duration = Duration::from_secs(8);
/// A pause this long ends a message.
pub(super) const MESSAGE_HANG: Duration = Duration::from_secs(3);
/// Shorter recordings are a hang-up, not a message.
pub(super) const SHORTEST_MESSAGE: f64 = 1.0;
const PROMPT_TAKES_AT_MOST: Duration = Duration::from_secs(30);
const CLOSING_TAKES_AT_MOST: Duration = Duration::from_secs(2);
const STORING_TAKES_AT_MOST: Duration = Duration::from_secs(3);

/// Whether there is anything on a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    Nothing,
    Something,
}

/// How far the taking of a message has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Messaging {
    Prompting {
        saying: SayingId,
        until: Duration,
    },
    /// Recording, and nothing was said yet.
    Awaiting {
        until: Duration,
    },
    Recording {
        until: Duration,
    },
    Ending {
        until: Duration,
        spoken: Spoken,
    },
    Storing {
        ask: Ask,
        until: Duration,
    },
}

impl Messaging {
    pub fn prompting(saying: SayingId, now: Moment) -> Self {
        Messaging::Prompting { saying, until: now.mono + PROMPT_TAKES_AT_MOST }
    }

    pub fn awaiting(now: Moment) -> Self {
        Messaging::Awaiting { until: now.mono + WORDS_WITHIN }
    }

    pub fn recording(now: Moment) -> Self {
        Messaging::Recording { until: now.mono + LONGEST_MESSAGE }
    }

    /// The recording is being closed.
    pub fn ending(self, now: Moment) -> Self {
        let spoken = match self {
            Messaging::Recording { .. } => Spoken::Something,
            Messaging::Prompting { .. }
            | Messaging::Awaiting { .. }
            | Messaging::Ending { .. }
            | Messaging::Storing { .. } => Spoken::Nothing,
        };
        Messaging::Ending { until: now.mono + CLOSING_TAKES_AT_MOST, spoken }
    }

    pub fn storing(ask: Ask, now: Moment) -> Self {
        Messaging::Storing { ask, until: now.mono + STORING_TAKES_AT_MOST }
    }

    pub fn deadline(&self) -> Deadline<Why> {
        let (at, why) = match *self {
            Messaging::Prompting { until, .. } => (until, Why::SayingTookTooLong),
            Messaging::Awaiting { until } => (until, Why::CallerSaidNothing),
            Messaging::Recording { until } => (until, Why::MessageLongEnough),
            Messaging::Ending { until, .. } => (until, Why::RecordingDidNotEnd),
            Messaging::Storing { until, .. } => (until, Why::ErrandTookTooLong),
        };
        Deadline { at, why }
    }
}
