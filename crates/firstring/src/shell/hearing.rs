//! Listening to callers: sound from the media thread into an engine, words back to the desk.
//!
//! One task per call. When the caller began and stopped speaking is decided by the media thread and the desk;
//! here the sound of that time, with what came just before, is given to the engine.
//! Invariants: each `Conclude` is answered by exactly one `Heard`; a caller who has said nothing yet takes up no engine.

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

/// How often the sound of somebody who speaks is handed on.
const TICK: Duration = Duration::from_millis(20);
/// How often the sound of somebody who is silent is put by: well before a tap is full.
const SILENT_TICK: Duration = Duration::from_secs(1);
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
    /// Speaks, and no engine is to be had.
    Unheard,
}

impl Listener {
    fn new(call: CallId, engine: Arc<dyn Hear>, inbox: Inbox) -> Self {
        Listener { call, engine, inbox, session: None, open: None }
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Turn>) {
        loop {
            tokio::select! {
                turn = orders.recv() => match turn {
                    Some(turn) => self.take(turn).await,
                    None => break,
                },
                () = tokio::time::sleep(self.tick()), if self.open.is_some() => self.hand_on(),
            }
        }
    }

    fn tick(&self) -> Duration {
        match self.open.as_ref().map(|open| open.caller) {
            Some(Caller::Speaking) => TICK,
            Some(Caller::Silent | Caller::Unheard) | None => SILENT_TICK,
        }
    }

    async fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Listen { listen, grammar, tap } => {
                let question = Question::of(&grammar);
                let before = VecDeque::with_capacity(PRE_ROLL);
                self.open = Some(Open { listen, question, tap, before, caller: Caller::Silent });
            }
            Turn::Speaking => self.speaking().await,
            Turn::Conclude { listen } => self.conclude(listen).await,
            Turn::Stop => {
                self.open = None;
                if let Some(session) = &mut self.session {
                    session.abandon();
                }
            }
        }
    }

    /// The first sound of an answer: the engine gets the question, and what came just before.
    async fn speaking(&mut self) {
        self.hand_on();
        let Some(mut open) = self.open.take_if(|open| open.caller == Caller::Silent) else { return };
        open.caller = Caller::Unheard;
        if self.ask(&open.question).await
            && let Some(session) = &mut self.session
        {
            open.caller = Caller::Speaking;
            session.push(open.before.make_contiguous());
            open.before.clear();
        }
        self.open = Some(open);
    }

    /// Puts a question to the engine, opening it first if need be. Without one, the keypad leads.
    async fn ask(&mut self, question: &Question) -> bool {
        if self.session.is_none() {
            self.session = match self.engine.open(&HearSpec::default()).await {
                Ok(session) => Some(session),
                Err(error) => {
                    tracing::warn!(call = %self.call, %error, "Cannot hear this caller, the keypad leads");
                    None
                }
            };
        }
        let Some(session) = &mut self.session else { return false };
        match session.listen(question).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(call = %self.call, %error, "Hearing failed, the keypad takes this turn");
                self.session = None;
                false
            }
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

    async fn conclude(&mut self, listen: ListenId) {
        self.hand_on();
        let caller = self.open.as_ref().filter(|open| open.listen == listen).map(|open| open.caller);
        let heard = match (caller, &mut self.session) {
            (Some(Caller::Speaking), Some(session)) => words(session.finish().await),
            (Some(Caller::Speaking | Caller::Unheard), _) => Heard::Failed,
            (Some(Caller::Silent) | None, _) => Heard::Nothing,
        };
        self.inbox.send(Event::Heard { call: self.call.clone(), listen, heard });
        if caller.is_some() {
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;
    use std::sync::{Mutex, MutexGuard};

    use speech::{EngineError, Later, Partial, Rejected};
    use tokio::sync::watch;

    use super::*;
    use crate::media_thread::RingTap;
    use crate::shell::inbox::Letter;

    const SECOND: usize = 8_000;

    /// An engine that understands nobody, and notes what it is given.
    #[derive(Clone, Default)]
    struct Engine {
        places: usize,
        noted: Arc<Mutex<Noted>>,
    }

    #[derive(Default)]
    struct Noted {
        opened: usize,
        samples: usize,
    }

    impl Engine {
        fn noted(&self) -> MutexGuard<'_, Noted> {
            self.noted.lock().unwrap()
        }
    }

    impl Hear for Engine {
        fn name(&self) -> &'static str {
            "test"
        }

        fn open(&self, _call: &HearSpec) -> Later<'_, Result<Box<dyn HearSession>, EngineError>> {
            let mut noted = self.noted();
            let opened = if noted.opened < self.places {
                noted.opened += 1;
                Ok(Box::new(Session(self.clone())) as Box<dyn HearSession>)
            } else {
                Err(EngineError::Busy { engine: "test", places: self.places })
            };
            Box::pin(async move { opened })
        }
    }

    struct Session(Engine);

    impl HearSession for Session {
        fn listen<'a>(&'a mut self, _question: &'a Question) -> Later<'a, Result<(), EngineError>> {
            Box::pin(async { Ok(()) })
        }

        fn push(&mut self, samples: &[i16]) {
            self.0.noted().samples += samples.len();
        }

        fn partials(&self) -> watch::Receiver<Partial> {
            watch::channel(Partial::default()).1
        }

        fn finish(&mut self) -> Later<'_, Hearing> {
            Box::pin(async { Hearing::Rejected(Rejected { why: Rejection::NoAnswer, nearest: None }) })
        }

        fn abandon(&mut self) {}
    }

    /// The ears of a desk with so many places for talkers, and what they tell.
    struct Stage {
        ears: Ears,
        engine: Engine,
        letters: Receiver<Letter>,
        _poll: mio::Poll,
    }

    fn stage(places: usize) -> Stage {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let (inbox, letters) = Inbox::new(waker);
        let engine = Engine { places, ..Engine::default() };
        let ears = Ears::new(Arc::new(engine.clone()), Handle::current(), inbox);
        Stage { ears, engine, letters, _poll: poll }
    }

    impl Stage {
        fn asks(&mut self, call: &CallId, listen: u32) -> Box<dyn media::Tap> {
            let (tap, heard) = RingTap::with_room(TAP);
            self.ears.listen(call, ListenId(listen), "problem".to_owned(), heard);
            tap
        }

        /// What was heard, once everybody who has something to do has done it.
        async fn heard(&self) -> Vec<Heard> {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let heard = |letter| match letter {
                Letter::Line(Event::Heard { heard, .. }) => heard,
                other => panic!("{other:?}"),
            };
            self.letters.try_iter().map(heard).collect()
        }
    }

    fn call(name: &str) -> CallId {
        CallId(name.into())
    }

    #[tokio::test(start_paused = true)]
    async fn callers_who_say_nothing_leave_the_engines_to_those_who_speak() {
        let mut stage = stage(1);
        let (silent, speaking) = (call("silent"), call("speaking"));
        let _open = stage.asks(&silent, 1);
        stage.heard().await;
        let _speech = stage.asks(&speaking, 1);
        stage.ears.speaking(&speaking);
        stage.ears.conclude(&speaking, ListenId(1));
        assert_eq!(stage.heard().await, [Heard::NotUnderstood]);
        assert_eq!(stage.engine.noted().opened, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_said_just_before_speech_was_noticed_is_heard_after_any_silence() {
        let mut stage = stage(1);
        let caller = call("caller");
        let mut tap = stage.asks(&caller, 1);
        for _ in 0..200 {
            assert!(tap.write(&[0; SECOND / 10]), "no sound is lost in twenty seconds of silence");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        stage.ears.speaking(&caller);
        stage.heard().await;
        assert_eq!(stage.engine.noted().samples, PRE_ROLL);
        assert!(tap.write(&[0; SECOND / 10]));
        stage.ears.conclude(&caller, ListenId(1));
        assert_eq!(stage.heard().await, [Heard::NotUnderstood]);
        assert_eq!(stage.engine.noted().samples, PRE_ROLL + SECOND / 10);
    }

    #[tokio::test(start_paused = true)]
    async fn who_speaks_when_no_engine_is_free_is_told_to_use_the_keypad() {
        let mut stage = stage(0);
        let caller = call("caller");
        let _tap = stage.asks(&caller, 1);
        stage.ears.speaking(&caller);
        stage.ears.conclude(&caller, ListenId(1));
        assert_eq!(stage.heard().await, [Heard::Failed]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_met_silence_was_answered_with_nothing() {
        let mut stage = stage(1);
        let caller = call("caller");
        let _tap = stage.asks(&caller, 1);
        stage.ears.conclude(&caller, ListenId(1));
        stage.ears.conclude(&caller, ListenId(2));
        assert_eq!(stage.heard().await, [Heard::Nothing, Heard::Nothing]);
    }
}
