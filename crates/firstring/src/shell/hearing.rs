//! Listening to callers: sound from the media thread into an engine, words back to the desk.
//!
//! One task per call. When the caller began and stopped speaking is decided by the media thread and the desk;
//! here the sound of that time, with what came just before, is given to the engine.
//! Invariant: each `Conclude` is answered by exactly one `Heard`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use desk::call::{Heard, ListenId};
use desk::intake::Words;
use desk::record::CallId;
use line::Event;
use rtrb::Consumer;
use speech::{Hear, HearSession, HearSpec, Hearing, Question, Rejection};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::shell::inbox::Inbox;

/// How often the sound is handed on.
const TICK: Duration = Duration::from_millis(20);
/// Sound kept from before speech was noticed: its onset takes 60 to 250 ms to be sure of.
const PRE_ROLL: usize = 8 * 500;
/// Samples a tap holds: five seconds. The media thread drops what does not fit.
pub const TAP: usize = 8_000 * 5;
/// Orders waiting for one call's task.
const ORDERS: usize = 64;

/// Words surer than this may book. Measured: see `docs/decisions/0002-local-hearing.md`.
const SURE: f32 = 0.66;

/// What a call's task is told.
enum Turn {
    Listen { listen: ListenId, grammar: String, tap: Consumer<i16> },
    Speaking,
    Conclude { listen: ListenId },
    Stop,
}

/// The listening tasks of every call.
pub struct Ears {
    engine: Arc<dyn Hear>,
    runtime: Handle,
    inbox: Inbox,
    calls: BTreeMap<CallId, mpsc::Sender<Turn>>,
}

impl Ears {
    /// No call is listened to yet.
    pub fn new(engine: Arc<dyn Hear>, runtime: Handle, inbox: Inbox) -> Self {
        Ears { engine, runtime, inbox, calls: BTreeMap::new() }
    }

    /// Begins to listen for an answer within one grammar.
    pub fn listen(&mut self, call: &CallId, listen: ListenId, grammar: String, tap: Consumer<i16>) {
        self.tell(call, Turn::Listen { listen, grammar, tap });
    }

    /// The caller has begun to speak.
    pub fn speaking(&mut self, call: &CallId) {
        if self.calls.contains_key(call) {
            self.tell(call, Turn::Speaking);
        }
    }

    /// The caller has stopped: what was heard is told.
    pub fn conclude(&mut self, call: &CallId, listen: ListenId) {
        if !self.tell(call, Turn::Conclude { listen }) {
            self.inbox.send(Event::Heard { call: call.clone(), listen, heard: Heard::Failed });
        }
    }

    /// Nothing is asked any more.
    pub fn stop(&mut self, call: &CallId) {
        if self.calls.contains_key(call) {
            self.tell(call, Turn::Stop);
        }
    }

    /// The call is over.
    pub fn forget(&mut self, call: &CallId) {
        self.calls.remove(call);
    }

    fn tell(&mut self, call: &CallId, turn: Turn) -> bool {
        let sender = self.calls.entry(call.clone()).or_insert_with(|| {
            let (sender, orders) = mpsc::channel(ORDERS);
            let listener = Listener::new(call.clone(), Arc::clone(&self.engine), self.inbox.clone());
            self.runtime.spawn(listener.run(orders));
            sender
        });
        sender.try_send(turn).is_ok()
    }
}

/// One call's task.
struct Listener {
    call: CallId,
    engine: Arc<dyn Hear>,
    inbox: Inbox,
    session: Option<Box<dyn HearSession>>,
    open: Option<Open>,
}

/// The question that is open.
struct Open {
    listen: ListenId,
    question: Question,
    tap: Consumer<i16>,
    before: VecDeque<i16>,
    caller: Caller,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    Silent,
    Speaking,
}

impl Listener {
    fn new(call: CallId, engine: Arc<dyn Hear>, inbox: Inbox) -> Self {
        Listener { call, engine, inbox, session: None, open: None }
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Turn>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                turn = orders.recv() => match turn {
                    Some(turn) => self.take(turn).await,
                    None => break,
                },
                _ = tick.tick(), if self.open.is_some() => self.hand_on(),
            }
        }
    }

    async fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Listen { listen, grammar, tap } => {
                let question = Question::of(&grammar);
                let before = VecDeque::with_capacity(PRE_ROLL);
                self.open = Some(Open { listen, question, tap, before, caller: Caller::Silent });
                self.ask().await;
            }
            Turn::Speaking => {
                self.hand_on();
                self.speaking();
            }
            Turn::Conclude { listen } => self.conclude(listen).await,
            Turn::Stop => {
                self.open = None;
                if let Some(session) = &mut self.session {
                    session.abandon();
                }
            }
        }
    }

    /// Puts the open question to the engine, opening it first if need be. Without one, the keypad leads.
    async fn ask(&mut self) {
        if self.session.is_none() {
            self.session = match self.engine.open(&HearSpec::default()).await {
                Ok(session) => Some(session),
                Err(error) => {
                    tracing::warn!(call = %self.call, %error, "Cannot hear this caller, the keypad leads");
                    None
                }
            };
        }
        let (Some(session), Some(open)) = (&mut self.session, &self.open) else { return };
        if let Err(error) = session.listen(&open.question).await {
            tracing::warn!(call = %self.call, %error, "Hearing failed, the keypad takes this turn");
            self.session = None;
        }
    }

    fn hand_on(&mut self) {
        let Some(open) = &mut self.open else { return };
        while let Ok(chunk) = open.tap.read_chunk(open.tap.slots().min(1_600)) {
            if chunk.is_empty() {
                break;
            }
            let (first, second) = chunk.as_slices();
            for samples in [first, second] {
                match (open.caller, &mut self.session) {
                    (Caller::Speaking, Some(session)) => session.push(samples),
                    _ => keep_last(&mut open.before, samples),
                }
            }
            chunk.commit_all();
        }
    }

    fn speaking(&mut self) {
        let (Some(open), Some(session)) = (&mut self.open, &mut self.session) else { return };
        if open.caller == Caller::Silent {
            open.caller = Caller::Speaking;
            session.push(open.before.make_contiguous());
            open.before.clear();
        }
    }

    async fn conclude(&mut self, listen: ListenId) {
        self.hand_on();
        let current = self.open.as_ref().is_some_and(|open| open.listen == listen);
        let heard = match (&mut self.session, current) {
            (Some(session), true) => words(session.finish().await),
            (None, true) => Heard::Failed,
            (_, false) => Heard::Nothing,
        };
        self.inbox.send(Event::Heard { call: self.call.clone(), listen, heard });
        if current {
            self.open = None;
        }
    }
}

fn keep_last(before: &mut VecDeque<i16>, samples: &[i16]) {
    let excess = (before.len() + samples.len()).saturating_sub(PRE_ROLL);
    before.drain(..excess.min(before.len()));
    before.extend(samples);
}

fn words(hearing: Hearing) -> Heard {
    match hearing {
        Hearing::Heard(heard) => {
            let sure = heard.confidence >= SURE;
            Heard::Words(Words { text: heard.text, confidence: heard.confidence, sure })
        }
        Hearing::Rejected(rejected) => match rejected.why {
            Rejection::Silence => Heard::Nothing,
            Rejection::NoAnswer | Rejection::Unsure | Rejection::TooLong => Heard::NotUnderstood,
        },
        Hearing::Failed(error) => {
            tracing::warn!(%error, "Hearing failed, the keypad takes this turn");
            Heard::Failed
        }
    }
}
