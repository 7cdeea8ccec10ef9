//! What is known of a call: while it happens, and when it is over.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// Something a caller of ours notices. Times are since the INVITE was sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Happening {
    /// The far end rings.
    Rings,
    /// It answered.
    Answered {
        /// INVITE to 200.
        #[serde(rename = "answer_ms", serialize_with = "in_ms")]
        answer: Duration,
    },
    /// Its first audible packet came.
    FirstWord {
        /// Since our ACK.
        #[serde(rename = "first_word_ms", serialize_with = "in_ms")]
        after_ack: Duration,
    },
    /// We begin to speak or press.
    Uttering {
        /// What.
        #[serde(rename = "how")]
        what: Uttered,
        /// In words or keys.
        text: String,
    },
    /// The desk was heard again after our words.
    Reply {
        /// From our last sound to its first.
        #[serde(rename = "gap_ms", serialize_with = "in_ms")]
        gap: Duration,
    },
    /// We are done speaking or pressing.
    Uttered,
    /// The call is over.
    Ended {
        /// Who ended it.
        by: CallEnd,
    },
}

/// What we did in a turn of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Uttered {
    /// Spoke.
    Say,
    /// Pressed keys.
    Press,
    /// Spoke or pressed over the desk's words.
    Barge,
    /// Let the desk wait.
    Silence,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallEnd {
    /// The one we called.
    FarEnd,
    /// Our script, or whoever stopped us.
    Us,
    /// The far end no longer knew the call.
    Error,
    /// The call reached its longest time.
    Limit,
}

impl CallEnd {
    /// As told in a sentence.
    pub fn told(self) -> &'static str {
        match self {
            CallEnd::FarEnd => "the far end hung up",
            CallEnd::Us => "we hung up",
            CallEnd::Error => "the far end lost the call",
            CallEnd::Limit => "the call reached its longest time",
        }
    }
}

/// Why nobody answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Nobody {
    /// Final SIP status; nothing if not a single reply came.
    pub status: Option<u16>,
    /// What that means.
    pub why: &'static str,
    /// The far end's own words.
    pub reason: String,
    /// What happened, what was heard, what to change.
    pub told: String,
    /// Whether there was anybody at all: no reply, or the port is closed.
    #[serde(skip)]
    pub nobody_there: bool,
}

/// How the far end gave way when we spoke over it, in milliseconds since our first sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Barge {
    /// Its voice fell by 9 dB.
    pub ducked_ms: Option<u64>,
    /// It was silent.
    pub silent_ms: Option<u64>,
}

/// One turn of ours.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TurnReport {
    /// What we did.
    pub what: Uttered,
    /// In words or keys; empty for silence.
    pub text: String,
    /// Our first sound, in milliseconds since the INVITE.
    pub start_ms: u64,
    /// Our last sound.
    pub end_ms: u64,
    /// From our last sound to the first of the answer; nothing if none came.
    pub gap_ms: Option<u64>,
    /// If we spoke over the desk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub barge: Option<Barge>,
}

/// Packets of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Packets {
    /// Sent by us.
    pub sent: u32,
    /// That should have come, by their numbers.
    pub expected: u32,
    /// That came.
    pub received: u32,
    /// That did not.
    pub lost: u32,
}

/// What the far end's reports (RTCP) say about our sound.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct FarEnd {
    /// Reports that came.
    pub reports: u32,
    /// Our packets it missed, in all.
    pub lost: i32,
    /// Share of our packets it missed lately, 0 to 1.
    pub loss_ratio: f64,
    /// Jitter it saw, in milliseconds.
    pub jitter_ms: f64,
    /// There and back.
    pub round_trip_ms: Option<f64>,
}

/// A call that was answered, as measured from our own sockets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Why nobody answered; everything below is empty then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<Nobody>,
    /// INVITE sent to 200 received.
    pub answer_ms: Option<f64>,
    /// ACK sent to the first audible packet received.
    pub first_word_ms: Option<f64>,
    /// Our turns.
    pub turns: Vec<TurnReport>,
    /// The longest time we heard nothing while it was the desk's turn.
    pub longest_silence_ms: u64,
    /// What was agreed.
    pub codec: Option<&'static str>,
    /// Counted by number, both ways.
    pub packets: Packets,
    /// Of what came (RFC 3550 A.8).
    pub jitter_ms: f64,
    /// Mean opinion score of what came, 1 to 4.5 (E-model).
    pub mos: Option<f64>,
    /// As the far end reports.
    pub far_end: FarEnd,
    /// Who ended the call; nothing if it was not answered.
    pub ended_by: Option<CallEnd>,
    /// Answer to end.
    pub duration_ms: u64,
    /// What did not go by script, in sentences.
    pub notes: Vec<String>,
}

fn in_ms<S: Serializer>(time: &Duration, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_f64(tenths_ms(*time))
}

/// Milliseconds, to the tenth.
pub fn tenths_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
