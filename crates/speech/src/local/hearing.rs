//! PocketSphinx for many calls: a pool of warm workers, one for each call that talks.
//!
//! A worker serves one call and ends with it, so that each call begins with a fresh decoder. A few stand ready with all
//! grammars loaded (30 ms of work), so that a call finds its decoder waiting. When a worker dies in a call, the question
//! it was listening to fails, and the next question gets another worker.
//!
//! Invariant: never more processes than `most`, idle ones included.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::BackOff;
use super::check;
use super::process::{FromWorker, ToWorker, Worker, WorkerCommand, WorkerError};
use crate::engine::{EngineError, Hear, HearSession, HearSpec, Hearing, Later, Partial, Question, Reach};
use crate::grammar::{GrammarError, GrammarSet, ReadyGrammars};
use crate::jsgf::Fit;
use crate::judge::{Evidence, judge, without_variant};
use crate::lexicon::MODEL_DIRECTORY;
use crate::worker::Kind;
use crate::worker::wire::Message;

const ENGINE: &str = "local hearing";
/// Frames on their way to a worker: five seconds of 20 ms.
const QUEUE: usize = 256;
/// How often idle workers are looked at.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// A worker that has not loaded everything by then hangs: a machine that is busy elsewhere has taken five seconds.
const LOADED_WITHIN: Duration = Duration::from_secs(20);

/// How many workers, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HearingSettings {
    /// How to start one.
    pub command: WorkerCommand,
    /// The model of Debian's `pocketsphinx-en-us`, or another in the same layout.
    pub model: PathBuf,
    /// Workers standing ready.
    pub idle: usize,
    /// Most workers at once; about 0.06 of a core for each caller while talking, and 11 MB with five small grammars, 27 MB
    /// with the seven of the plumbing template.
    pub most: usize,
    /// How long a caller waits for a worker that is started for them (it takes 30 ms); then they go on without, and the
    /// worker stands ready for whoever comes next.
    pub start_within: Duration,
    /// How far workers step back for others once they are loaded: `nice(2)`, 0 to 19. A desk with hundreds of legs needs
    /// it for its sound; on a small one it only makes callers wait when the machine is busy elsewhere.
    pub nice: u16,
    /// From [`HearSession::finish`] to the result; then the worker is given up (it takes 15 ms when the sound came in
    /// real time). Raise it only where whole utterances are pushed at once.
    pub result_within: Duration,
}

impl HearingSettings {
    /// Two ready, at most twelve, with Debian's model; three seconds to start, two for a result.
    pub fn new(command: WorkerCommand) -> HearingSettings {
        HearingSettings {
            command,
            model: PathBuf::from(MODEL_DIRECTORY),
            idle: 2,
            most: 12,
            nice: 0,
            start_within: Duration::from_secs(3),
            result_within: Duration::from_secs(2),
        }
    }
}

/// Hearing on this machine.
#[derive(Debug)]
pub struct LocalHearing {
    pool: Arc<Pool>,
    keeper: JoinHandle<()>,
}

impl LocalHearing {
    /// Checks the grammars, tries each in a throw-away decoder, and begins to keep workers warm.
    ///
    /// Call inside a tokio runtime. The errors are complete: all that is wrong with the set. A missing model is one of
    /// them ([`GrammarError::Lexicon`]); the desk can then run on [`NoHearing`].
    pub async fn start(
        settings: HearingSettings,
        grammars: &GrammarSet,
    ) -> Result<LocalHearing, Vec<GrammarError>> {
        let ready = LocalHearing::check(&settings, grammars).await?;
        let pool = Arc::new(Pool::new(settings, ready));
        let keeper = tokio::spawn(keep_warm(Arc::downgrade(&pool)));
        Ok(LocalHearing { pool, keeper })
    }

    /// The checks of [`LocalHearing::start`] alone, for `firstring check` and for a changed configuration.
    pub async fn check(
        settings: &HearingSettings,
        grammars: &GrammarSet,
    ) -> Result<ReadyGrammars, Vec<GrammarError>> {
        let ready = match grammars.prepare(&settings.model) {
            Ok(ready) => ready,
            Err(problems) => return Err(check::with_suggestions(&settings.command, problems).await),
        };
        let problems = check::try_in_decoder(&settings.command, &settings.model, &ready).await;
        if problems.is_empty() { Ok(ready) } else { Err(problems) }
    }

    /// Workers ready at this moment, for health pages and tests.
    pub fn idle(&self) -> usize {
        self.pool.idle().len()
    }

    /// Calls that listen at this moment.
    pub fn listening(&self) -> usize {
        self.pool
            .settings
            .most
            .saturating_sub(self.pool.places.available_permits())
            .saturating_sub(self.idle())
    }
}

impl Drop for LocalHearing {
    fn drop(&mut self) {
        self.keeper.abort();
        self.pool.idle().clear();
    }
}

impl Hear for LocalHearing {
    fn name(&self) -> &'static str {
        "local"
    }

    fn open(&self, call: &HearSpec) -> Later<'_, Result<Box<dyn HearSession>, EngineError>> {
        let seed = call.seed;
        Box::pin(async move {
            let link = Link::new(self.pool.acquire().await?, &self.pool);
            let session = LocalSession {
                pool: Arc::clone(&self.pool),
                partials: link.partials.clone(),
                link: Some(link),
                seed,
                turn: 0,
                asked: Asked::Nothing,
            };
            Ok(Box::new(session) as Box<dyn HearSession>)
        })
    }
}

/// Hearing that cannot be had on this machine: says why, each time. The keypad leads.
#[derive(Debug, Clone)]
pub struct NoHearing {
    reason: String,
}

impl NoHearing {
    /// `reason` is for the owner: what is missing and how to get it.
    pub fn because(reason: impl Into<String>) -> NoHearing {
        NoHearing { reason: reason.into() }
    }
}

impl Hear for NoHearing {
    fn name(&self) -> &'static str {
        "none"
    }

    fn open(&self, _call: &HearSpec) -> Later<'_, Result<Box<dyn HearSession>, EngineError>> {
        Box::pin(async { Err(EngineError::Unavailable(self.reason.clone())) })
    }
}

// ------------------------------------------------------------------------------------------- the pool

#[derive(Debug)]
struct Pool {
    settings: HearingSettings,
    grammars: ReadyGrammars,
    places: Arc<Semaphore>,
    idle: Mutex<VecDeque<Warm>>,
    back_off: Mutex<BackOff>,
    changed: Notify,
}

/// A worker with all grammars loaded, and the place it takes.
#[derive(Debug)]
struct Warm {
    worker: Worker,
    place: OwnedSemaphorePermit,
}

impl Pool {
    fn new(settings: HearingSettings, grammars: ReadyGrammars) -> Pool {
        let places = Arc::new(Semaphore::new(settings.most));
        Pool {
            settings,
            grammars,
            places,
            idle: Mutex::default(),
            back_off: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Warm>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn back_off(&self) -> MutexGuard<'_, BackOff> {
        self.back_off.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker for a call: one that stands ready, or a new one if there is a place.
    async fn acquire(self: &Arc<Self>) -> Result<Warm, EngineError> {
        loop {
            let Some(mut warm) = self.idle().pop_front() else { break };
            self.changed.notify_one();
            if warm.worker.is_alive() {
                return Ok(warm);
            }
        }
        if self.back_off().remaining(Instant::now()).is_some() {
            return Err(EngineError::Failed { engine: ENGINE, problem: "its workers keep dying".into() });
        }
        let busy = EngineError::Busy { engine: ENGINE, places: self.settings.most };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy)?;
        self.warm_for_a_caller(place)
            .await
            .map_err(|e| EngineError::Failed { engine: ENGINE, problem: e.to_string() })
    }

    /// A caller does not wait as long as a worker may take; what was begun for them is not wasted.
    async fn warm_for_a_caller(self: &Arc<Self>, place: OwnedSemaphorePermit) -> Result<Warm, WorkerError> {
        let (give, taken) = oneshot::channel();
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            let warm = pool.warm(place).await;
            if let Err(Ok(warm)) = give.send(warm) {
                pool.stand_by(warm);
            }
        });
        match timeout(self.settings.start_within, taken).await {
            Ok(Ok(warm)) => warm,
            Ok(Err(_)) | Err(_) => Err(WorkerError::Silent(self.settings.start_within)),
        }
    }

    fn stand_by(&self, warm: Warm) {
        let mut idle = self.idle();
        if idle.len() < self.settings.idle {
            idle.push_back(warm);
        }
    }

    /// Starts a worker and loads everything. A failure lengthens the wait before the next one.
    async fn warm(&self, place: OwnedSemaphorePermit) -> Result<Warm, WorkerError> {
        let result = match timeout(LOADED_WITHIN, self.load()).await {
            Ok(result) => result,
            Err(_) => Err(WorkerError::Silent(LOADED_WITHIN)),
        };
        match result {
            Ok(worker) => {
                self.back_off().worked();
                Ok(Warm { worker, place })
            }
            Err(problem) => {
                let wait = self.back_off().failed(Instant::now());
                tracing::warn!(%problem, ?wait, "A hearing worker did not start; callers are offered the keypad");
                Err(problem)
            }
        }
    }

    async fn load(&self) -> Result<Worker, WorkerError> {
        let mut worker = Worker::start(&self.settings.command, Kind::Hear).await?;
        worker.order(&check::open_message(&self.settings.model, &self.grammars), LOADED_WITHIN).await?;
        for grammar in self.grammars.iter() {
            let define = Message::Define { name: grammar.name.clone(), jsgf: grammar.text() };
            worker.order(&define, LOADED_WITHIN).await?;
        }
        if self.settings.nice > 0 {
            worker.order(&Message::GiveWay { nice: self.settings.nice }, LOADED_WITHIN).await?;
        }
        Ok(worker)
    }

    fn drop_the_dead(&self) {
        let mut idle = self.idle();
        let before = idle.len();
        idle.retain_mut(|warm| warm.worker.is_alive());
        let died = before - idle.len();
        drop(idle);
        if died > 0 {
            tracing::warn!(died, "Idle hearing workers died and are replaced");
        }
    }
}

/// Keeps `idle` workers ready until the pool is gone.
async fn keep_warm(pool: Weak<Pool>) {
    loop {
        let Some(pool) = pool.upgrade() else { return };
        pool.drop_the_dead();
        let waiting = pool.back_off().remaining(Instant::now());
        let wanted = pool.idle().len() < pool.settings.idle;
        if wanted
            && waiting.is_none()
            && let Ok(place) = Arc::clone(&pool.places).try_acquire_owned()
        {
            if let Ok(warm) = pool.warm(place).await {
                pool.stand_by(warm);
            }
            continue;
        }
        let _ = timeout(waiting.unwrap_or(LOOK_AFTER).min(LOOK_AFTER), pool.changed.notified()).await;
    }
}

// ---------------------------------------------------------------------------------------- one session

struct LocalSession {
    pool: Arc<Pool>,
    partials: watch::Receiver<Partial>,
    /// Gone after the worker died, until the next question.
    link: Option<Link>,
    seed: u64,
    turn: u32,
    asked: Asked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    Question,
    /// A question of which some sound was dropped.
    QuestionWithHoles,
}

impl LocalSession {
    async fn begin(&mut self, question: &Question) -> Result<(), EngineError> {
        self.check(question)?;
        if self.link.as_ref().is_none_or(Link::is_broken) {
            self.link = None;
            self.link = Some(Link::new(self.pool.acquire().await?, &self.pool));
        }
        self.turn = self.turn.wrapping_add(1);
        let link = self.link.as_mut().ok_or_else(broken)?;
        self.partials = link.partials.clone();
        link.turn.store(self.turn, Ordering::Relaxed);
        self.asked = Asked::Question;
        link.say(Message::Listen { turn: self.turn, seed: self.seed, grammars: question.grammars.clone() })
    }

    fn check(&self, question: &Question) -> Result<(), EngineError> {
        let wrong = |sentence: String| Err(EngineError::Wrong(sentence));
        if question.grammars.is_empty() || question.grammars.len() > crate::worker::MOST_GRAMMARS_ASKED {
            return wrong(format!("a question names one to four grammars, not {}", question.grammars.len()));
        }
        match question.grammars.iter().find(|name| self.pool.grammars.get(name).is_none()) {
            Some(unknown) => wrong(format!("there is no grammar {unknown:?}")),
            None => Ok(()),
        }
    }

    async fn result(&mut self) -> Hearing {
        let asked = std::mem::replace(&mut self.asked, Asked::Nothing);
        if asked == Asked::Nothing {
            return Hearing::Failed(EngineError::Wrong("nothing was asked".into()));
        }
        let turn = self.turn;
        let waited = self.pool.settings.result_within;
        let Some(link) = &mut self.link else { return Hearing::Failed(broken()) };
        match timeout(waited, link.finish(turn)).await {
            Ok(Ok((speech, spoken, readings))) => {
                let sound_lost = asked == Asked::QuestionWithHoles;
                judge(Evidence { speech, spoken, readings, sound_lost }, &self.pool.grammars)
            }
            Ok(Err(problem)) => {
                self.link = None;
                tracing::warn!(%problem, "A hearing worker failed in a call; its keypad twin takes the turn");
                Hearing::Failed(problem)
            }
            Err(_) => {
                self.link = None;
                tracing::warn!(?waited, "A hearing worker was too slow and is replaced");
                Hearing::Failed(EngineError::Slow { engine: ENGINE, waited })
            }
        }
    }
}

impl HearSession for LocalSession {
    fn listen<'a>(&'a mut self, question: &'a Question) -> Later<'a, Result<(), EngineError>> {
        Box::pin(self.begin(question))
    }

    fn push(&mut self, samples: &[i16]) {
        if self.asked == Asked::Nothing {
            return;
        }
        let Some(link) = &mut self.link else { return };
        if link.say(Message::Sound { samples: samples.to_vec() }).is_err() {
            self.asked = Asked::QuestionWithHoles;
        }
    }

    fn partials(&self) -> watch::Receiver<Partial> {
        self.partials.clone()
    }

    fn finish(&mut self) -> Later<'_, Hearing> {
        Box::pin(self.result())
    }

    fn abandon(&mut self) {
        self.asked = Asked::Nothing;
        // A full queue means a worker that hangs: it is replaced with the next question.
        if self.link.as_mut().is_some_and(|link| link.say(Message::Abandon).is_err()) {
            self.link = None;
        }
    }
}

fn broken() -> EngineError {
    EngineError::Failed { engine: ENGINE, problem: "the worker died".into() }
}

/// A session's worker with its two pumps.
struct Link {
    to: mpsc::Sender<Message>,
    results: mpsc::Receiver<Message>,
    partials: watch::Receiver<Partial>,
    turn: Arc<AtomicU32>,
    pumps: [JoinHandle<()>; 2],
    _child: tokio::process::Child,
    _place: OwnedSemaphorePermit,
    pool: Weak<Pool>,
}

impl Link {
    fn new(warm: Warm, pool: &Arc<Pool>) -> Link {
        let Warm { worker: Worker { child, from, to }, place } = warm;
        let (to_worker, outgoing) = mpsc::channel(QUEUE);
        let (incoming, results) = mpsc::channel(QUEUE);
        let (show, partials) = watch::channel(Partial::default());
        let turn = Arc::new(AtomicU32::new(0));
        let reading =
            Inbound { from, incoming, show, turn: Arc::clone(&turn), grammars: pool.grammars.clone() };
        let pumps = [tokio::spawn(write_all(to, outgoing)), tokio::spawn(reading.run())];
        Link {
            to: to_worker,
            results,
            partials,
            turn,
            pumps,
            _child: child,
            _place: place,
            pool: Arc::downgrade(pool),
        }
    }

    fn is_broken(&self) -> bool {
        self.to.is_closed() || self.pumps.iter().any(JoinHandle::is_finished)
    }

    fn say(&mut self, message: Message) -> Result<(), EngineError> {
        self.to.try_send(message).map_err(|_| broken())
    }

    /// Speech score, frames spoken, readings of this turn.
    async fn finish(
        &mut self,
        turn: u32,
    ) -> Result<(i32, u32, Vec<crate::worker::wire::Scored>), EngineError> {
        self.to.send(Message::Finish { turn }).await.map_err(|_| broken())?;
        loop {
            match self.results.recv().await {
                Some(Message::Scores { turn: of, speech, spoken, readings }) if of == turn => {
                    return Ok((speech, spoken, readings));
                }
                Some(Message::Refused { problem }) => {
                    return Err(EngineError::Failed { engine: ENGINE, problem });
                }
                // An answer to a question that was dropped meanwhile.
                Some(_) => {}
                None => return Err(broken()),
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.pumps.iter().for_each(JoinHandle::abort);
        if let Some(pool) = self.pool.upgrade() {
            pool.changed.notify_one();
        }
    }
}

async fn write_all(mut to: ToWorker, mut outgoing: mpsc::Receiver<Message>) {
    while let Some(message) = outgoing.recv().await {
        if to.tell(&message).await.is_err() {
            return;
        }
    }
}

/// What a worker says during a call, sorted into partials and results.
struct Inbound {
    from: FromWorker,
    incoming: mpsc::Sender<Message>,
    show: watch::Sender<Partial>,
    turn: Arc<AtomicU32>,
    grammars: ReadyGrammars,
}

impl Inbound {
    async fn run(mut self) {
        while let Ok(message) = self.from.next().await {
            if let Message::Partial { turn, grammar, text } = message {
                if turn == self.turn.load(Ordering::Relaxed) {
                    let partial = self.partial(&grammar, &text);
                    self.show.send_replace(partial);
                }
            } else if self.incoming.try_send(message).is_err() {
                return;
            }
        }
    }

    fn partial(&self, grammar: &str, text: &str) -> Partial {
        let text = text.split_whitespace().map(without_variant).collect::<Vec<_>>().join(" ");
        let fit = self.grammars.get(grammar).map_or(Fit::None, |g| g.fit(&text));
        let reach = match fit {
            Fit::Whole => Reach::WholeAnswer,
            Fit::WholeSoFar => Reach::Answer,
            Fit::Beginning | Fit::None => Reach::Unfinished,
        };
        Partial { text, reach }
    }
}
