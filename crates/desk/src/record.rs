//! What is kept of a call: one record each, with every step and turn, and the tasks it leaves behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::business::When;
use crate::number::E164;
use crate::private::Private;

/// Names one call, everywhere: in the store, the journal, the console and the log. Copies share the text: every event, order
/// and line of the journal carries one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub Arc<str>);

impl std::fmt::Display for CallId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A visit is stored and the caller heard so.
    Booked,
    /// A person took the call from the assistant.
    Transferred,
    /// A person picked up before the assistant.
    Answered,
    /// The caller left a message.
    Message,
    /// A callback task is stored.
    Callback,
    /// The caller has what they asked for.
    Informed,
    /// The caller was told to dial 911.
    Advised,
    /// The caller wants no calls or texts.
    OptedOut,
    /// The caller dialled something else.
    WrongNumber,
    /// Turned away by the owner's list, or spam that ended itself.
    Refused,
    /// Every channel was taken, or the machine was short of a core, so the caller was told busy, or was sent elsewhere, before anything was tried.
    TurnedAway,
    /// Nobody spoke.
    NoInput,
    /// The caller hung up while being served well.
    Abandoned,
    /// We died; a callback exists.
    Interrupted,
    /// Anything else: tests exist to keep this at zero.
    Lost,
}

impl Outcome {
    /// The word in records and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Booked => "booked",
            Outcome::Transferred => "transferred",
            Outcome::Answered => "answered",
            Outcome::Message => "message",
            Outcome::Callback => "callback",
            Outcome::Informed => "informed",
            Outcome::Advised => "advised",
            Outcome::OptedOut => "opted_out",
            Outcome::WrongNumber => "wrong_number",
            Outcome::Refused => "refused",
            Outcome::TurnedAway => "turned_away",
            Outcome::NoInput => "no_input",
            Outcome::Abandoned => "abandoned",
            Outcome::Interrupted => "interrupted",
            Outcome::Lost => "lost",
        }
    }
}

/// Who ended the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The caller hung up.
    Caller,
    /// The person they talked to hung up.
    Person,
    /// The desk said goodbye.
    Desk,
    /// The line broke: no sound, or no confirmation of our answer.
    Line,
    /// Our own process ended.
    Crash,
}

/// Why a call was forwarded to us, as whoever forwarded it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Diverted {
    /// Every call is.
    Always,
    /// The phone was busy.
    Busy,
    /// Nobody picked up.
    NoAnswer,
    /// The phone is off or out of reach.
    Unreachable,
    /// Somebody sent the call on by hand.
    Deflected,
    /// For a reason of its own.
    Otherwise,
}

impl Diverted {
    /// As told in a sentence: "forwarded by ..., ...".
    pub fn told(self) -> &'static str {
        match self {
            Diverted::Always => "as every call is",
            Diverted::Busy => "because it was busy",
            Diverted::NoAnswer => "because nobody picked up",
            Diverted::Unreachable => "because it was out of reach",
            Diverted::Deflected => "by hand",
            Diverted::Otherwise => "for a reason of its own",
        }
    }
}

/// What the carrier found when it checked the signature that the caller's network puts on a call. ATIS-1000074.
///
/// It tells whether the number may be used by whoever called, never whether the call is welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Signed and sound; attestation A: the caller is known and may use the number.
    PassedA,
    /// Signed and sound; attestation B: the caller is known, the number is not.
    PassedB,
    /// Signed and sound; attestation C: the call only came through that network.
    PassedC,
    /// Signed and sound; the carrier did not say how much is attested.
    Passed,
    /// The signature is false, or cannot be checked.
    Failed,
    /// There is none, or the call was forwarded and none speaks of its caller.
    NotChecked,
}

impl Verification {
    /// As told in a sentence: "the caller's number ...".
    pub fn told(self) -> &'static str {
        match self {
            Verification::PassedA => "is verified: the caller may use it",
            Verification::PassedB | Verification::PassedC => "is signed, but not verified as the caller's",
            Verification::Passed => "is verified",
            Verification::Failed => "failed verification and may be false",
            Verification::NotChecked => "is not verified",
        }
    }
}

/// One call, whole. Times are wall time; durations are milliseconds on the clock that never jumps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The call.
    pub id: CallId,
    /// The number that was dialled.
    pub line: E164,
    /// The office it belongs to.
    pub office: String,
    /// Who called, if the carrier said.
    pub from: Option<Private<E164>>,
    /// Who forwarded the call here, if it was forwarded.
    pub diverted_by: Option<Private<String>>,
    /// Why it was forwarded, if that was said.
    #[serde(default)]
    pub diverted_because: Option<Diverted>,
    /// What the caller's own network says about the number, if the carrier passed that on.
    #[serde(default)]
    pub verification: Option<Verification>,
    /// The INVITE arrived.
    pub started: Timestamp,
    /// We answered, or a person did.
    pub answered: Option<Timestamp>,
    /// It was over.
    pub ended: Timestamp,
    /// Where it ended.
    pub outcome: Outcome,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// The plan that decided.
    pub plan: String,
    /// The rule of that plan that held.
    pub rule: When,
    /// Why this rule held and those before it did not, in sentences.
    pub because: Vec<String>,
    /// Everything tried, in order.
    pub steps: Vec<StepTaken>,
    /// Who said what. Words are missing where the business keeps none.
    pub turns: Vec<Turn>,
    /// What the intake learned, by question.
    pub slots: BTreeMap<String, String>,
    /// The visit, if one was booked.
    pub booking: Option<String>,
    /// The message, if one was left.
    pub message: Option<String>,
    /// The callback task, if one was stored.
    pub callback: Option<String>,
    /// Arrival to our answer.
    pub answer_ms: Option<u64>,
    /// The caller's confirmation of the answer to our first audible word.
    pub first_word_ms: Option<u64>,
    /// The longest time the caller heard nothing while it was our turn.
    pub longest_silence_ms: u64,
    /// The sound format agreed with the caller.
    pub codec: Option<String>,
    /// How the line sounded.
    pub quality: Option<Quality>,
    /// What failed and was worked around, in sentences.
    pub troubles: Vec<String>,
    /// The recording of its sound; nothing where no call is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recording>,
}

impl Record {
    /// The callback task of this call is stored, though its caller was told that nothing could be: then the call is
    /// not lost after all. True if that changes the record.
    pub fn put_right(&mut self, callback: &str) -> bool {
        let is_news = self.callback.is_none() && self.outcome == Outcome::Lost;
        if is_news {
            self.callback = Some(callback.to_string());
            self.outcome = Outcome::Callback;
            self.troubles.push("the callback task was stored after all".to_string());
        }
        is_news
    }
}

/// The recording of a call's sound: what is on it, and where it lies, or why there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// What was recorded; on the recording, each part begins where the one before ends.
    pub parts: Vec<Part>,
    /// Where it lies: a path below the data directory, or `s3://BUCKET/KEY`. Nothing until it is finished.
    pub place: Option<String>,
    /// Why there is no recording, or not all of it, in sentences.
    pub troubles: Vec<String>,
}

/// A part of a call, in milliseconds since it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Where it begins.
    pub from_ms: u64,
    /// Where it ends.
    pub to_ms: u64,
}

impl Recording {
    /// Its length.
    pub fn ms(&self) -> u64 {
        self.parts.iter().map(|part| part.to_ms.saturating_sub(part.from_ms)).sum()
    }

    /// More is known of it: what is on it, where it lies now, or what went wrong besides.
    pub fn put_right(&mut self, news: Recording) {
        if !news.parts.is_empty() {
            self.parts = news.parts;
        }
        self.place = news.place.or(self.place.take());
        for trouble in news.troubles {
            if !self.troubles.contains(&trouble) {
                self.troubles.push(trouble);
            }
        }
    }
}

/// How a leg's sound arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Arrival jitter, RFC 3550 A.8.
    pub jitter_ms: f64,
    /// Share of packets that never came, 0 to 1.
    pub loss_ratio: f64,
    /// Mean opinion score by the E-model, 1 to 4.5.
    pub mos: f64,
    /// Our own stretch of the way from the caller's mouth to an ear: to the trunk, and the packet that is filled meanwhile.
    /// Known where the far end reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_trunk_ms: Option<f64>,
    /// How our sound arrived at the far end, where it reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub there: Option<Arrived>,
}

/// What the whole way from mouth to ear may take for nearly everybody to talk at ease, in milliseconds. ITU-T G.114 section 4.
pub const AT_EASE_MS: f64 = 150.0;

/// How our sound arrived at the far end, by its own reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Arrived {
    /// Arrival jitter, RFC 3550 A.8.
    pub jitter_ms: f64,
    /// Share of packets that never came, 0 to 1.
    pub loss_ratio: f64,
    /// Mean opinion score by the E-model, 1 to 4.5.
    pub mos: f64,
}

/// One step that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepTaken {
    /// What it was: `assistant`, `ring on-call`, `message`.
    pub step: String,
    /// Who was rung, in order, with what came of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<(String, Tried)>,
    /// Why the call moved on, or what it ended in.
    pub result: StepResult,
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    pub duration_ms: u64,
}

/// What came of ringing one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tried {
    /// Picked up, and took the call.
    Answered,
    /// The phone was busy.
    Busy,
    /// Declined on the phone, or by another key than 1.
    Declined,
    /// Nobody picked up in time.
    NoAnswer,
    /// Something picked up and did not press 1: voicemail, a screening service, or nobody who listened.
    Machine,
    /// Picked up, and hung up without taking the call.
    HungUp,
    /// Somebody else was faster, or the caller had gone: the phone was told to stop.
    Stopped,
    /// The phone or its trunk could not be reached.
    Unreachable,
    /// No channel was free to ring on.
    ChannelsFull,
    /// Ringing would have called back the number this call was forwarded from.
    WouldLoop,
    /// No channel was free, so the trunk put the caller through itself; this person took the call.
    HandedOver,
    /// No channel was free, and the trunk would not put the caller through.
    HandoverRefused,
    /// No channel was free, and the trunk did not tell what came of putting the caller through.
    HandoverUntold,
}

impl Tried {
    /// As told in a sentence: "Dana ...".
    pub fn told(self) -> &'static str {
        match self {
            Tried::Answered => "took the call",
            Tried::Busy => "was busy",
            Tried::Declined => "declined",
            Tried::NoAnswer => "did not pick up in time",
            Tried::Machine => "was answered by voicemail, or by nobody who pressed 1",
            Tried::HungUp => "picked up and hung up without taking the call",
            Tried::Stopped => "was not needed any more",
            Tried::Unreachable => "could not be reached",
            Tried::ChannelsFull => "could not be rung: every channel was taken",
            Tried::WouldLoop => "was not rung: this call was forwarded from that very number",
            Tried::HandedOver => "took the call, which the trunk handed over because no channel was free",
            Tried::HandoverRefused => {
                "could not be rung: every channel was taken, and the trunk would not hand the caller over"
            }
            Tried::HandoverUntold => "was rung by the trunk, which did not say what came of it",
        }
    }
}

/// Why a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// A person took the call.
    PersonTook,
    /// Nobody who was rung took it.
    NobodyTook,
    /// The caller asked for a person.
    AskedForPerson,
    /// The caller asked to leave a message.
    AskedForMessage,
    /// An emergency word was heard.
    Emergency,
    /// The caller was not understood twice.
    NotUnderstood,
    /// A booking could not be made.
    CouldNotBook,
    /// The assistant could not speak or hear.
    EngineFailed,
    /// The visit is booked.
    Booked,
    /// The caller has what they wanted.
    Informed,
    /// Nobody spoke.
    NoInput,
    /// The caller waited in a queue for as long as the plan allows.
    WaitedLongEnough,
    /// The caller would rather be called back than wait.
    AskedForCallback,
    /// The call went on at the office the caller asked for.
    OfficeFound,
    /// Left out: it is only for callers whose matter cannot wait.
    NotUrgent,
    /// Left out: the machine is short of a core, and one more talk would have been heard by everybody on the line.
    StoodBack,
    /// A message was left.
    MessageTaken,
    /// No message was left.
    NoMessage,
    /// The call was turned away.
    Refused,
    /// The caller hung up.
    CallerHungUp,
    /// The line broke.
    LineBroke,
    /// The desk was stopped.
    DeskStopped,
}

impl StepResult {
    /// As told in a sentence.
    pub fn told(self) -> &'static str {
        match self {
            StepResult::PersonTook => "a person took the call",
            StepResult::NobodyTook => "nobody took the call",
            StepResult::AskedForPerson => "the caller asked for a person",
            StepResult::AskedForMessage => "the caller asked to leave a message",
            StepResult::Emergency => "the caller told of an emergency",
            StepResult::NotUnderstood => "the caller was not understood twice",
            StepResult::CouldNotBook => "no visit could be booked",
            StepResult::EngineFailed => "the assistant could not speak or hear",
            StepResult::Booked => "a visit was booked",
            StepResult::Informed => "the caller had what they wanted",
            StepResult::NoInput => "nobody spoke",
            StepResult::WaitedLongEnough => "the caller waited long enough, and nobody was free",
            StepResult::AskedForCallback => "the caller would rather be called back than wait",
            StepResult::OfficeFound => "the call went on at the office the caller asked for",
            StepResult::NotUrgent => "it was left out, as it is for urgent callers only",
            StepResult::StoodBack => "it was left out, as the machine was short of a core",
            StepResult::MessageTaken => "a message was left",
            StepResult::NoMessage => "no message was left",
            StepResult::Refused => "the call was turned away",
            StepResult::CallerHungUp => "the caller hung up",
            StepResult::LineBroke => "the line broke",
            StepResult::DeskStopped => "the desk was stopped",
        }
    }
}

/// One side's words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Who spoke.
    pub who: Who,
    /// The words, if the business keeps them.
    pub text: Option<Private<String>>,
    /// First sound, in milliseconds since the call started.
    pub start_ms: u64,
    /// Last sound.
    pub end_ms: u64,
    /// From the end of the caller's words to our first sound after them.
    pub gap_ms: Option<u64>,
    /// What the desk made of it, for a caller's turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub understood: Option<String>,
}

/// A side of the talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The caller spoke.
    Caller,
    /// The caller pressed a key.
    Keypad,
    /// Our voice.
    Assistant,
}

/// Somebody is to be called back. The last resort of every call: it needs nobody and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Callback {
    /// Unique; one call leaves at most one.
    pub id: String,
    /// The call it came from.
    pub call: CallId,
    /// The number to call, if the caller showed or gave one.
    pub number: Option<Private<E164>>,
    /// The line they had dialled.
    pub line: E164,
    /// Why.
    pub reason: CallbackReason,
    /// Whether somebody should look at once.
    pub urgency: Urgency,
    /// What is known so far, by question.
    pub slots: BTreeMap<String, String>,
    /// When the task was made.
    pub created: Timestamp,
}

/// Why somebody is to be called back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackReason {
    /// The caller hung up before having an answer.
    CallerGaveUp,
    /// Nobody took an emergency call.
    Emergency,
    /// The caller asked for a person and got none.
    AskedForPerson,
    /// The caller would rather be called back than wait.
    AskedForCallback,
    /// The caller was not understood.
    NotUnderstood,
    /// A visit could not be booked.
    CouldNotBook,
    /// Something of ours failed.
    Failure,
    /// The desk went down in the middle of the call.
    Interrupted,
}

/// How fast somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// In the course of the day.
    Normal,
    /// At once: the owner is alerted.
    Alert,
}

/// A message a caller left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Unique; the sound file carries this name.
    pub id: String,
    /// The call it came from.
    pub call: CallId,
    /// Who left it, if the carrier said.
    pub from: Option<Private<E164>>,
    /// The line they had dialled.
    pub line: E164,
    /// Length of the recording.
    pub seconds: f64,
    /// How fast somebody should listen.
    pub urgency: Urgency,
    /// When it was left.
    pub created: Timestamp,
}
