//! What a person watching sees of a call, as it happens.

use desk::number::E164;
use desk::private::Private;
use desk::record::{CallId, Outcome, Tried};
use jiff::Timestamp;
use serde::Serialize;

/// One thing that happened in one call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Live {
    /// The call.
    pub call: CallId,
    /// When.
    pub at: Timestamp,
    /// Milliseconds since the call arrived.
    pub ms: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// A call came in.
    Arrived {
        /// The number dialled.
        line: E164,
        /// Who calls.
        from: Option<Private<E164>>,
        /// The plan and the rule that decide.
        plan: String,
    },
    /// We answered.
    Answered {
        /// Since the call arrived.
        answer_ms: u64,
    },
    /// We speak.
    Speaks {
        /// The words.
        text: Private<String>,
        /// Since the caller's last word.
        gap_ms: Option<u64>,
    },
    /// The caller spoke.
    Heard {
        /// The words, as far as they were understood.
        text: Option<Private<String>>,
        /// Between 0 and 1, if the engine says.
        sure: Option<f32>,
    },
    /// The caller pressed a key.
    Pressed {
        /// Which.
        digit: char,
    },
    /// The filler played: our side was silent too long.
    Filler,
    /// Free times were looked up.
    SlotsFound {
        /// How many.
        count: usize,
    },
    /// The caller waits in a queue.
    Waits {
        /// Callers before this one.
        ahead: usize,
    },
    /// A person is rung.
    Rings {
        /// Who, by where they are reached.
        to: Private<String>,
    },
    /// Ringing came to nothing.
    NotReached {
        /// What came of it.
        tried: Tried,
    },
    /// A person has the call.
    Connected,
    /// A visit is stored.
    Booked {
        /// Its id.
        id: String,
        /// When the visit starts.
        start: Timestamp,
    },
    /// A message is being left.
    TakingMessage,
    /// A callback task was left.
    CallbackLeft,
    /// The call is over.
    Ended {
        /// Where it ended.
        outcome: Outcome,
    },
}
