//! `[[plan]]` and `[[target]]`: what is tried for a caller, when, and who else may take the call.

// What is written here is read by owners, in the reference page; `[[line]]` is a table, not a link.
#![allow(rustdoc::broken_intra_doc_links)]

use schemars::JsonSchema;
use serde::Deserialize;

use super::AcceptForm;

/// What is tried for a caller, and when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanForm {
    /// What a line's `plan` calls it.
    #[schemars(example = &"front-door")]
    pub name: String,
    /// The first rule that holds decides. If none does, a message is taken.
    pub rule: Vec<RuleForm>,
}

/// One rule of a plan.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleForm {
    /// When the rule holds.
    #[schemars(example = &"always")]
    pub when: WhenForm,
    /// Tried in order until the caller has an answer: `"assistant"`, `"offices"`, `"message"`, `"refuse"`,
    /// `{ ring = WHOM, for = "20s", order = "in-turn", only = "urgent" }`, `{ queue = WHOM, for = "10m" }` or
    /// `{ forward = TARGET, for = "20s" }`. When all are exhausted, a callback is stored.
    #[schemars(extend("examples" = [["assistant", {"ring": "on-call", "for": "20s"}, "message"]]))]
    pub steps: Vec<StepForm>,
    /// What comes once a caller has gone without help: `"callback"`, a task to call them back. It always comes, and last, so it
    /// need not be written.
    #[serde(default)]
    #[schemars(extend("examples" = [["callback"]]))]
    pub afterwards: Vec<AfterwardsForm>,
}

/// What comes once a caller has gone without help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("x-later" = ["text-back"]))]
pub enum AfterwardsForm {
    /// The office has a task to call them back.
    Callback,
}

/// When a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenForm {
    /// The line's office is open.
    Open,
    /// It is outside the hours, or a holiday.
    Closed,
    /// A public holiday, or a time the owner excepted.
    Holiday,
    /// Everybody of the line's office talks to a caller of this desk.
    TeamBusy,
    /// A [[caller]] who is not blocked.
    KnownCaller,
    /// A [[caller]] with `blocked`. Such callers meet no other rule, and without this one they are turned away.
    Blocked,
    /// The carrier has checked the caller's number and says that it is not theirs.
    Suspect,
    /// In every case.
    Always,
}

/// One thing to try.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StepForm {
    /// A step that needs nothing more said.
    Word(StepWord),
    /// People are rung.
    Ring(RingForm),
    /// The caller waits until somebody is free.
    Queue(QueueForm),
    /// The call is sent on.
    Forward(ForwardForm),
}

/// A step that needs nothing more said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("x-later" = ["bot"]))]
pub enum StepWord {
    /// The line's assistant talks to the caller.
    Assistant,
    /// The line's assistant asks which of the offices with `known_as` the caller would like, and the call goes on there, by that
    /// office's hours, plan and people.
    Offices,
    /// The caller leaves a message.
    Message,
    /// The call is turned away.
    Refuse,
}

/// People are rung.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-kind" = ["ring", "bot", "queue", "forward"], "x-later" = {
    "bot": "other people's bots are not available yet; the step \"assistant\" works",
}))]
pub struct RingForm {
    /// A person, an office (everybody there) or a rota.
    pub ring: String,
    /// How long each is rung, 5s to 120s. Voicemail of a cell picks up after 25 to 30 s: longer than 20s, and it may take the
    /// caller where `accept = "pick-up"`.
    #[serde(rename = "for", default = "super::ring_time")]
    pub ring_for: String,
    /// `together` (the default for an office) or `in-turn` (the default for a rota).
    pub order: Option<OrderForm>,
    /// Whom it is for; without it everybody.
    pub only: Option<OnlyForm>,
}

/// Whom a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnlyForm {
    /// Callers who told of something that cannot wait, an emergency of the intake or any, or were not asked (`[sip] when_late`).
    Urgent,
}

/// The caller waits, hears music and where they stand, and is put through in turn; 1 is for being called back instead.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueForm {
    /// For whom: a person, an office (anybody there) or a rota. Whoever is free, and not in a call of this desk, is rung for
    /// the caller who has waited longest.
    pub queue: String,
    /// How long a caller waits at most, 30s to 60m; then the next step is taken.
    #[serde(rename = "for", default = "super::wait_time")]
    pub wait: String,
    /// Whom it is for; without it everybody.
    pub only: Option<OnlyForm>,
}

/// The call is sent on to somebody who is none of the business's people.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForwardForm {
    /// The name of a [[target]].
    pub forward: String,
    /// How long it rings, 5s to 120s; then the next step is taken.
    #[serde(rename = "for", default = "super::ring_time")]
    pub ring_for: String,
    /// Whom it is for; without it everybody.
    pub only: Option<OnlyForm>,
}

/// Where a call can be sent on: an answering service, another company. It is bridged here, so that a caller whom nobody takes
/// there comes back to the plan.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetForm {
    /// What steps call it.
    #[schemars(example = &"answering-service")]
    pub name: String,
    /// A telephone number, an extension of 2 to 6 digits, or a SIP address like `sip:desk@example.com`.
    #[schemars(example = &"+13125550188")]
    pub to: String,
    /// The trunk it is dialled over; needed when there are several.
    pub via: Option<String>,
    /// What counts as an answer: `pick-up`, or `press-1` where voicemail could pick up.
    #[serde(default = "super::picking_up")]
    pub accept: AcceptForm,
}

/// In which order several people are rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrderForm {
    /// All at once; the first to pick up has the call.
    Together,
    /// One after the other.
    InTurn,
}
