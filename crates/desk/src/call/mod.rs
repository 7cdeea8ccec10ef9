//! One caller, from the first ring to the record.
//!
//! A [`Call`] routes the call, walks its [`cascade`](crate::cascade), lets the assistant
//! [`talk`](crate::talk), rings people, takes a message, and in the end keeps one
//! [`Record`](crate::record::Record). It knows no SIP and no sound: `line` translates.
//!
//! Invariants: a live call has a named deadline; a call ends with exactly one record; a caller who was not
//! helped leaves a callback task; nothing is promised before it is stored.

mod contract;
mod conversation;
mod ending;
mod filler;
mod handing_over;
mod holding;
mod message;
mod messaging;
mod minutes;
mod people;
mod putting_through;
mod replaced;
mod ringing;
mod tape;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use contract::{
    Action, Arrival, Closing, Event, Heard, Leg, LineFault, ListenId, Out, SayingId, Sound, TapeOrder, Tone,
    Why,
};

use crate::business::{Business, Line, Step, When};
use crate::cascade::Cascade;
use crate::machine::{Ask, Deadline, Moment};
use crate::phrase::Phrase;
use crate::record::{CallbackReason, EndedBy, Outcome, StepResult, Urgency};
use crate::routing::{Received, receive};
use crate::sabotage::{Sabotage, is};
use crate::sayings;
use crate::talk::Talk;
use filler::Fillers;
use messaging::Messaging;
use minutes::Minutes;
use putting_through::PutThrough;
use ringing::Ringing;
use tape::{Scene, Tape};
use waiting::Waiting;

/// A connected call longer than this is a phone left off the hook.
const CONNECTED_AT_MOST: Duration = Duration::from_secs(4 * 3600);
const GOODBYE_TAKES_AT_MOST: Duration = Duration::from_secs(30);
const PROMISE_TAKES_AT_MOST: Duration = Duration::from_secs(3);
const REPORT_TAKES_AT_MOST: Duration = Duration::from_secs(2);
const MADE_AGAIN: &str = "the assistant's voice failed while it made a sentence; another voice made it again";
/// Silence longer than this while it is our turn is a dead line. DESIGN, promise 1.
const DEAD_LINE: Duration = Duration::from_secs(4);

/// One call and everything decided about it.
#[derive(Debug)]
pub struct Call {
    business: Arc<Business>,
    line: Line,
    plan: String,
    rule: When,
    because: Vec<String>,
    cascade: Cascade,
    /// The plan has an assistant, who asks on when a person has left.
    assisted: bool,
    /// The caller has heard who speaks, and that it is a machine.
    greeted: bool,
    /// The caller has asked for an office. They are not asked twice, wherever plans lead.
    has_chosen: bool,
    /// The talk of a caller who was handed over.
    away: Option<Talk>,
    /// The step by which people are or were rung last.
    rung_by: Option<Step>,
    /// The caller stands in a queue.
    waiting: Option<Waiting>,
    /// The machine is short of a core, so that no talk may begin.
    voice_refused: bool,
    /// The desk is being stopped.
    stopping: bool,
    stage: Stage,
    out: Out,
    minutes: Minutes,
    fillers: Fillers,
    tape: Tape,
    caller: Caller,
    legs: u16,
    /// Whom the trunk was asked to put the caller through to, by leg: it may tell of it late.
    handed_to: BTreeMap<u16, String>,
    /// The person holds the caller, who hears music of ours instead of nothing.
    held: bool,
    /// A person is putting the caller through.
    put_through: Option<PutThrough>,
    urgency: Urgency,
    unhelped: CallbackReason,
    slots: BTreeMap<String, String>,
    booking: Option<String>,
    message: Option<String>,
    callback: Option<String>,
    /// What was asked of the store for the callback task; a late answer is put right.
    callback_asks: Vec<Ask>,
    callback_kept: bool,
    verdict: Option<(Outcome, EndedBy)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// Hears ringing.
    Ringing,
    /// Was answered.
    Answered,
    /// Hung up, was hung up on, was turned away, or lost the line.
    Gone(EndedBy),
}

impl Caller {
    fn is_gone(self) -> bool {
        matches!(self, Caller::Gone(_))
    }
}

#[derive(Debug)]
enum Stage {
    Begun,
    Ringing(Ringing),
    Waiting,
    Talking(Talk),
    Messaging(Messaging),
    Connected { leg: u16, until: Duration },
    Promising { ask: Ask, until: Duration },
    Closing { saying: Option<SayingId>, until: Duration },
    Filing { until: Duration },
    Over,
}

impl Call {
    /// A call to `line` that has just come in; give it [`Event::Arrived`] next.
    pub fn new(business: Arc<Business>, line: Line, arrival: Arrival, now: Moment) -> Self {
        let Received { line, routed } = receive(&business, &line, &arrival, now.wall);
        let keeping = business.keeping;
        Call {
            business,
            line,
            plan: routed.plan,
            rule: routed.rule,
            because: routed.because,
            assisted: routed.steps.contains(&Step::Assistant),
            cascade: Cascade::new(routed.steps),
            greeted: false,
            has_chosen: false,
            away: None,
            rung_by: None,
            waiting: None,
            voice_refused: arrival.voice_refused,
            stopping: false,
            stage: Stage::Begun,
            out: Out::default(),
            minutes: Minutes::new(arrival, now, keeping.transcripts),
            fillers: Fillers::default(),
            tape: Tape::new(keeping),
            caller: Caller::Ringing,
            legs: 0,
            handed_to: BTreeMap::new(),
            held: false,
            put_through: None,
            urgency: Urgency::Normal,
            unhelped: CallbackReason::CallerGaveUp,
            slots: BTreeMap::new(),
            booking: None,
            message: None,
            callback: None,
            callback_asks: Vec::new(),
            callback_kept: false,
            verdict: None,
        }
    }

    /// The oldest order not carried out yet.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.pop()
    }

    /// The number that was dialled.
    pub fn line_number(&self) -> &crate::number::E164 {
        &self.minutes.arrival.line
    }

    /// The office that receives the caller.
    pub fn office(&self) -> &str {
        &self.line.office
    }

    /// The voice in which the caller is spoken to.
    pub fn voice(&self) -> &str {
        self.business.assistants.get(&self.line.assistant).map_or("", |assistant| assistant.voice.as_str())
    }

    /// The plan, the rule that held, and why.
    pub fn routed(&self) -> (&str, When, &[String]) {
        (&self.plan, self.rule, &self.because)
    }

    /// What was learned so far, by question.
    pub fn learned(&self) -> BTreeMap<String, String> {
        match &self.stage {
            Stage::Talking(talk) => talk.learned(),
            _ => self.slots.clone(),
        }
    }

    /// True once the record is filed and every order taken.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over) && self.out.is_empty()
    }

    /// When this call must be woken, and why.
    pub fn poll_deadline(&self) -> Option<Deadline<Why>> {
        let tape = self.tape.deadline().map(|at| Deadline { at, why: Why::CardWasTold });
        self.stage_deadline().into_iter().chain(tape).min_by_key(|deadline| deadline.at)
    }

    fn stage_deadline(&self) -> Option<Deadline<Why>> {
        match &self.stage {
            Stage::Begun | Stage::Over => None,
            Stage::Ringing(_) if is(Sabotage::ForgetsADeadline) => None,
            Stage::Ringing(ringing) => ringing.deadline(),
            Stage::Waiting => self.waiting.as_ref().map(Waiting::deadline),
            Stage::Talking(talk) => talk.deadline(),
            Stage::Messaging(messaging) => Some(messaging.deadline()),
            Stage::Connected { until, .. } => Some(Deadline { at: *until, why: Why::CallTookTooLong }),
            Stage::Promising { until, .. } => Some(Deadline { at: *until, why: Why::ErrandTookTooLong }),
            Stage::Closing { until, .. } => Some(Deadline { at: *until, why: Why::GoodbyeTookTooLong }),
            Stage::Filing { until } => Some(Deadline { at: *until, why: Why::NoFinalReport }),
        }
    }

    /// Takes one change; drain [`Call::poll_action`] afterwards.
    pub fn handle(&mut self, event: Event, now: Moment) {
        self.tape.watch(&event, self.scene(), now);
        self.happened(event, now);
        self.settle_tape(now);
    }

    fn happened(&mut self, event: Event, now: Moment) {
        match event {
            Event::Arrived => self.advance(now),
            Event::CallerReady => {}
            Event::CallerGone => self.caller_gone(StepResult::CallerHungUp, EndedBy::Caller, now),
            Event::LineBroke(fault) => self.line_broke(fault, now),
            Event::PersonAnswered { leg } => self.person_answered(leg, now),
            Event::PersonFailed { leg, tried } => self.person_failed(leg, tried, now),
            Event::PersonGone { leg } => self.person_gone(leg, now),
            Event::PersonUnheard { leg } => self.person_unheard(leg, now),
            Event::HeldInSilence { leg } => self.held_in_silence(leg, now),
            Event::HeardAgain { leg: _ } => self.hold_is_over(now),
            Event::Replaced { leg, from } => self.replaced(leg, from.as_ref()),
            Event::InLine { ahead } => self.in_line(ahead, now),
            Event::PersonFree { person } => self.person_free(&person, now),
            Event::HandedOver { leg } => self.handed_over(leg, now),
            Event::PutThrough { leg, person, way, attended } => {
                self.put_through(leg, &person, way, attended, now);
            }
            Event::Spoke { saying, at, gap } => self.minutes.spoke(saying, at, gap),
            Event::Said { saying, at, whole: _ } => self.said(saying, at, now),
            Event::MadeAgain { saying: _ } => self.minutes.trouble(MADE_AGAIN),
            Event::SayFailed { saying } => self.say_failed(saying, now),
            Event::FillerBegan { at } => self.filler_began(at, now),
            Event::FillerEnded { at } => self.fillers.ended(at),
            Event::SpeechStarted { at } => self.speech_started(at, now),
            Event::SpeechEnded { at } => self.speech_ended(at, now),
            Event::Heard { listen, heard } => self.heard(listen, heard, now),
            Event::Digit { leg, digit, at } => self.digit(leg, digit, at, now),
            Event::SlotsFound { ask, slots } => {
                self.talk(now, |talk, now, out| talk.slots_found(ask, slots, now, out))
            }
            Event::SlotHeld { ask, held } => {
                self.talk(now, |talk, now, out| talk.slot_held(ask, held, now, out))
            }
            Event::Booked { ask, id } => self.booked(ask, id, now),
            Event::Stored { ask, stored } => self.stored(ask, stored, now),
            Event::MessageEnded { seconds } => self.message_ended(seconds, now),
            Event::Sounded(sound) => self.sounded(sound, now),
            Event::VoiceRefused => self.voice_refused = true,
            Event::VoiceBack => self.voice_refused = false,
            Event::Closing(closing) => self.close_down(closing, now),
            Event::WentInCircles => self.went_in_circles(now),
        }
    }

    /// Something did not happen in time.
    pub fn handle_deadline(&mut self, now: Moment) {
        if self.stage_deadline().is_some_and(|deadline| deadline.at <= now.mono) {
            self.overdue(now);
        }
        self.settle_tape(now);
    }

    fn overdue(&mut self, now: Moment) {
        match &mut self.stage {
            Stage::Begun | Stage::Over => {}
            Stage::Ringing(_) => self.nobody_picked_up(now),
            Stage::Waiting => self.waiting_overdue(now),
            Stage::Talking(_) => self.talk(now, |talk, now, out| talk.overdue(now, out)),
            Stage::Messaging(messaging) => match *messaging {
                Messaging::Prompting { .. } => self.start_recording(now),
                Messaging::Awaiting { .. } | Messaging::Recording { .. } => self.end_recording(now),
                Messaging::Ending { .. } => self.message_ended(0.0, now),
                Messaging::Storing { ask, .. } => self.stored(ask, false, now),
            },
            Stage::Connected { .. } => self.finish(EndedBy::Desk, now),
            Stage::Promising { ask, .. } => {
                let ask = *ask;
                self.stored(ask, false, now);
            }
            Stage::Closing { .. } => self.finish(EndedBy::Desk, now),
            Stage::Filing { .. } => self.file(now),
        }
    }

    /// Who is heard at this moment.
    fn scene(&self) -> Scene {
        match (&self.stage, self.caller) {
            (_, Caller::Gone(_)) | (Stage::Filing { .. } | Stage::Over, _) => Scene::Over,
            (Stage::Connected { .. }, _) if self.held => Scene::OnHold,
            (Stage::Connected { leg, .. }, _) => Scene::With(*leg),
            (Stage::Talking(talk), _) if talk.asks_for_secret() => Scene::AskedForSecret,
            _ => Scene::AtTheDesk,
        }
    }

    fn settle_tape(&mut self, now: Moment) {
        let (scene, started) = (self.scene(), self.minutes.started);
        self.tape.settle(scene, started, now, &mut self.out);
    }

    /// Begins the next step that can be begun; when there is none, the caller is promised a call back.
    pub(super) fn advance(&mut self, now: Moment) {
        match self.cascade.begin_next(self.urgency, now) {
            Some(Step::Assistant | Step::Offices(_))
                if self.voice_refused && !is(Sabotage::TalksAllTheSame) =>
            {
                self.stand_back(now);
            }
            Some(step @ Step::Ring { .. }) => self.ring(step, now),
            Some(step @ Step::Queue { .. }) => self.begin_waiting(step, now),
            Some(Step::Offices(directory)) if !self.has_chosen => self.ask_for_office(directory, now),
            Some(Step::Assistant) => self.begin_talk(now),
            // Asked already; and what is for urgent callers was taken out of its wrapping.
            Some(Step::Offices(_) | Step::Urgent(_)) => self.advance(now),
            Some(Step::Message) => self.begin_message(now),
            Some(Step::Refuse) => self.refuse(now),
            None => self.promise(now),
        }
    }

    pub(super) fn answer(&mut self, now: Moment) {
        if self.caller == Caller::Ringing {
            self.caller = Caller::Answered;
            self.minutes.answered(now);
            self.out.push(Action::Answer);
        }
    }

    pub(super) fn say(&mut self, texts: &[&str]) -> SayingId {
        let phrases: Vec<Phrase> = texts.iter().map(|text| sayings::prepared(text)).collect();
        let saying = self.out.say(Leg::Caller, phrases.clone());
        self.minutes.will_say(saying, &phrases);
        saying
    }

    /// The caller is turned away or, once their call was answered, hung up on.
    pub(super) fn refuse(&mut self, now: Moment) {
        if self.caller == Caller::Ringing {
            self.caller = Caller::Gone(EndedBy::Desk);
            self.out.push(Action::Refuse);
        }
        self.cascade.end(StepResult::Refused, now);
        self.verdict = Some((Outcome::Refused, EndedBy::Desk));
        self.finish(EndedBy::Desk, now);
    }
}
