//! What is stored, in the form that programs read: stable names, whatever the records look like inside.
//!
//! Whoever may look sees numbers and words whole: this is the owner's own view.

use std::collections::BTreeMap;

use desk::booking::{self, Booking};
use desk::business::When;
use desk::number::E164;
use desk::private::Private;
use desk::record::{
    Arrived, Callback, CallbackReason, Diverted, EndedBy, Message, Outcome, Quality, Record, StepResult,
    StepTaken, Tried, Turn, Urgency, Verification, Who,
};
use jiff::Timestamp;
use serde::Serialize;
use store::CallStarted;
use utoipa::ToSchema;

use super::recordings::ShownRecording;

/// A finished call.
#[derive(Serialize, ToSchema)]
#[schema(as = Call)]
pub(super) struct ShownCall {
    id: String,
    /// The number that was dialled.
    #[schema(value_type = String, examples("+13125550100"))]
    line: E164,
    office: String,
    /// Who called; none if the carrier did not say.
    #[schema(value_type = Option<String>, examples("+13125550143"))]
    from: Option<Private<E164>>,
    /// Who forwarded the call here.
    #[schema(value_type = Option<String>)]
    diverted_by: Option<Private<String>>,
    /// Why it was forwarded: always, busy, no_answer, unreachable, deflected or otherwise.
    #[schema(value_type = Option<String>, examples("no_answer"))]
    diverted_because: Option<Diverted>,
    /// What the carrier says about the caller's number: passed_a, passed_b, passed_c, passed, failed or not_checked.
    #[schema(value_type = Option<String>, examples("passed_a"))]
    verification: Option<Verification>,
    started: Timestamp,
    answered: Option<Timestamp>,
    ended: Timestamp,
    /// Where it ended: booked, transferred, answered, message, callback, informed, advised, opted_out, wrong_number,
    /// refused, turned_away, no_input, abandoned, interrupted or lost.
    #[schema(value_type = String, examples("booked"))]
    outcome: Outcome,
    /// caller, person, desk, line or crash.
    #[schema(value_type = String, examples("caller"))]
    ended_by: EndedBy,
    plan: String,
    /// The rule of the plan that held: open, closed, holiday or always.
    #[schema(value_type = String, examples("open"))]
    rule: When,
    /// Why this rule held, in sentences.
    because: Vec<String>,
    /// Everything tried, in order.
    steps: Vec<Step>,
    /// Who said what.
    turns: Vec<ShownTurn>,
    /// What was learned, by question.
    slots: BTreeMap<String, String>,
    /// The id of the visit that was booked.
    booking: Option<String>,
    /// The id of the message that was left.
    message: Option<String>,
    /// The id of the callback that was stored.
    callback: Option<String>,
    answer_ms: Option<u64>,
    first_word_ms: Option<u64>,
    longest_silence_ms: u64,
    codec: Option<String>,
    quality: Option<ShownQuality>,
    /// What failed and was worked around, in sentences.
    troubles: Vec<String>,
    /// The recording of its sound; none where calls are not recorded.
    recording: Option<ShownRecording>,
}

impl From<Record> for ShownCall {
    fn from(call: Record) -> Self {
        let recording = call.recording.map(|recording| ShownRecording::of(&call.id.0, recording));
        ShownCall {
            id: call.id.to_string(),
            line: call.line,
            office: call.office,
            from: call.from,
            diverted_by: call.diverted_by,
            diverted_because: call.diverted_because,
            verification: call.verification,
            started: call.started,
            answered: call.answered,
            ended: call.ended,
            outcome: call.outcome,
            ended_by: call.ended_by,
            plan: call.plan,
            rule: call.rule,
            because: call.because,
            steps: call.steps.into_iter().map(Step::from).collect(),
            turns: call.turns.into_iter().map(ShownTurn::from).collect(),
            slots: call.slots,
            booking: call.booking,
            message: call.message,
            callback: call.callback,
            answer_ms: call.answer_ms,
            first_word_ms: call.first_word_ms,
            longest_silence_ms: call.longest_silence_ms,
            codec: call.codec,
            quality: call.quality.map(ShownQuality::from),
            troubles: call.troubles,
            recording,
        }
    }
}

/// One step that was tried.
#[derive(Serialize, ToSchema)]
struct Step {
    step: String,
    /// Who was rung, in order.
    tried: Vec<Ring>,
    /// Why the call moved on, or what it ended in.
    #[schema(value_type = String, examples("nobody_took"))]
    result: StepResult,
    started: Timestamp,
    duration_ms: u64,
}

/// What came of ringing one person.
#[derive(Serialize, ToSchema)]
struct Ring {
    who: String,
    #[schema(value_type = String, examples("no_answer"))]
    result: Tried,
}

impl From<StepTaken> for Step {
    fn from(step: StepTaken) -> Self {
        let tried = step.tried.into_iter().map(|(who, result)| Ring { who, result }).collect();
        let StepTaken { step, result, started, duration_ms, .. } = step;
        Step { step, tried, result, started, duration_ms }
    }
}

/// One side's words.
#[derive(Serialize, ToSchema)]
#[schema(as = Turn)]
struct ShownTurn {
    /// caller, keypad or assistant.
    #[schema(value_type = String, examples("caller"))]
    who: Who,
    /// None where the business keeps no words.
    #[schema(value_type = Option<String>)]
    text: Option<Private<String>>,
    /// Since the call started.
    start_ms: u64,
    end_ms: u64,
    /// From the caller's last word to our first sound.
    gap_ms: Option<u64>,
    /// What the desk made of it.
    understood: Option<String>,
}

impl From<Turn> for ShownTurn {
    fn from(turn: Turn) -> Self {
        let Turn { who, text, start_ms, end_ms, gap_ms, understood } = turn;
        ShownTurn { who, text, start_ms, end_ms, gap_ms, understood }
    }
}

/// How the line sounded.
#[derive(Serialize, ToSchema)]
#[schema(as = Quality)]
struct ShownQuality {
    jitter_ms: f64,
    /// 0 to 1.
    loss_ratio: f64,
    /// 1 to 4.5.
    mos: f64,
    /// Our own stretch of the way from mouth to ear, of the 150 ms that ITU-T G.114 allows the whole. Known where the far
    /// end reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_trunk_ms: Option<f64>,
    /// How our sound arrived at the far end, where it reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    there: Option<ShownArrived>,
}

/// How our sound arrived at the far end, by its own reports.
#[derive(Serialize, ToSchema)]
#[schema(as = Arrived)]
struct ShownArrived {
    jitter_ms: f64,
    /// 0 to 1.
    loss_ratio: f64,
    /// 1 to 4.5.
    mos: f64,
}

impl From<Arrived> for ShownArrived {
    fn from(arrived: Arrived) -> Self {
        let Arrived { jitter_ms, loss_ratio, mos } = arrived;
        ShownArrived { jitter_ms, loss_ratio, mos }
    }
}

impl From<Quality> for ShownQuality {
    fn from(quality: Quality) -> Self {
        let Quality { jitter_ms, loss_ratio, mos, to_trunk_ms, there } = quality;
        ShownQuality { jitter_ms, loss_ratio, mos, to_trunk_ms, there: there.map(ShownArrived::from) }
    }
}

/// A call at this moment.
#[derive(Serialize, ToSchema)]
pub(super) struct CallUnderWay {
    id: String,
    #[schema(value_type = String, examples("+13125550100"))]
    line: E164,
    office: String,
    #[schema(value_type = Option<String>)]
    from: Option<Private<E164>>,
    started: Timestamp,
    plan: String,
}

impl From<CallStarted> for CallUnderWay {
    fn from(call: CallStarted) -> Self {
        let CallStarted { id, line, office, from, started, plan, .. } = call;
        CallUnderWay { id: id.to_string(), line, office, from, started, plan }
    }
}

/// A visit.
#[derive(Serialize, ToSchema)]
#[schema(as = Booking)]
pub(super) struct ShownBooking {
    pub id: String,
    calendar: String,
    start: Timestamp,
    end: Timestamp,
    /// The office's time zone.
    #[schema(examples("America/Chicago"))]
    zone: Option<String>,
    /// Counted from 1.
    crew: u16,
    #[schema(value_type = Option<String>)]
    caller: Option<E164>,
    /// Where to call back.
    #[schema(value_type = String)]
    callback: E164,
    service: String,
    /// ordinary or urgent.
    #[schema(value_type = String)]
    urgency: booking::Urgency,
    note: String,
    /// The call it was made in.
    call: String,
    made: Timestamp,
    /// requested, confirmed or cancelled.
    #[schema(value_type = String)]
    status: booking::Status,
}

impl From<Booking> for ShownBooking {
    fn from(visit: Booking) -> Self {
        ShownBooking {
            id: visit.id,
            calendar: visit.calendar,
            start: visit.slot.start,
            end: visit.slot.end,
            zone: visit.slot.zone.iana_name().map(str::to_string),
            crew: visit.slot.crew,
            caller: visit.caller,
            callback: visit.callback,
            service: visit.service,
            urgency: visit.urgency,
            note: visit.note,
            call: visit.call,
            made: visit.made,
            status: visit.status,
        }
    }
}

/// A message a caller left.
#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
pub(super) struct ShownMessage {
    pub id: String,
    call: String,
    #[schema(value_type = Option<String>)]
    from: Option<Private<E164>>,
    #[schema(value_type = String)]
    line: E164,
    seconds: f64,
    /// normal or alert.
    #[schema(value_type = String)]
    urgency: Urgency,
    created: Timestamp,
    /// Where its sound can be heard.
    #[schema(examples("/api/v1/messages/m-1/sound"))]
    sound: String,
}

impl From<Message> for ShownMessage {
    fn from(message: Message) -> Self {
        let Message { id, call, from, line, seconds, urgency, created } = message;
        let sound = format!("/api/v1/messages/{id}/sound");
        ShownMessage { id, call: call.to_string(), from, line, seconds, urgency, created, sound }
    }
}

/// Somebody is to be called back.
#[derive(Serialize, ToSchema)]
#[schema(as = Callback)]
pub(super) struct ShownCallback {
    pub id: String,
    call: String,
    #[schema(value_type = Option<String>)]
    number: Option<Private<E164>>,
    #[schema(value_type = String)]
    line: E164,
    /// caller_gave_up, emergency, asked_for_person, not_understood, could_not_book, failure or interrupted.
    #[schema(value_type = String)]
    reason: CallbackReason,
    /// normal or alert.
    #[schema(value_type = String)]
    urgency: Urgency,
    /// What is known so far, by question.
    slots: BTreeMap<String, String>,
    created: Timestamp,
}

impl From<Callback> for ShownCallback {
    fn from(task: Callback) -> Self {
        let Callback { id, call, number, line, reason, urgency, slots, created } = task;
        ShownCallback { id, call: call.to_string(), number, line, reason, urgency, slots, created }
    }
}
