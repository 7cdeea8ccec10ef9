//! Starting a desk from its configuration, and ending it without leaving a caller behind.
//!
//! Everything that can be wrong is found here, before the first call: sockets are bound, the database opened,
//! grammars tried in a decoder, prompts rendered. What takes a moment to find comes before what takes seconds.
//! What then runs is the control thread, the media threads, and the tasks beside them.

#[cfg(test)]
mod trunk_pages;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::DirBuilder;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use desk::booking::Diary;
use desk::business::Business;
use desk::record::CallId;
use desk::sayings;
use line::{Exchange, Live, SoundId, Trunk};
use media::Filler;
use mio::{Poll, Waker};
use speech::local::{HearingSettings, LocalHearing, LocalSpeaker, NoHearing, WorkerCommand};
use speech::{Answers, Grammar, GrammarError, GrammarSet, Hear, Line, Progress, Prompt, Prompts};
use store::bucket::Bucket;
use store::journal::Journals;
use store::{Opened, Reader, Store};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Notify, broadcast, oneshot};

use crate::config::{self, Advertise, Config, Joining, Listen, TrunkSettings};
use crate::media_thread::{self, MediaThreads};
use crate::shell::addresses::Sockets;
use crate::shell::calendars;
use crate::shell::clock::Clock;
use crate::shell::connections::Connections;
use crate::shell::control::{Control, WAKER};
use crate::shell::finishing::{self, Finishing};
use crate::shell::hearing::Ears;
use crate::shell::inbox::{Inbox, Letter};
use crate::shell::keeping::{Asked, Keeper, written};
use crate::shell::pacing::Pacing;
use crate::shell::queue::Queue;
use crate::shell::recording::Recordings;
use crate::shell::registering;
use crate::shell::saying::Sayings;
use crate::shell::stalls::Stalls;
use crate::shell::standing::{self, Board};
use crate::shell::taping::{self, Tapes};
use crate::shell::throttled;
use crate::shell::tls::Tls;
use crate::web;
use crate::web::metrics::Metrics;
use crate::web::refusals::Refusals;

/// Live events a slow watcher may be behind before it misses some.
const WATCHED: usize = 4_096;
/// From so many channels on, hearing steps back so far for the threads that keep sound flowing. Measured: decision 0001.
const CROWD: (u32, u16) = (100, 10);

/// A desk that is up.
pub struct Desk {
    /// What happens, as it happens.
    pub live: broadcast::Sender<Live>,
    /// Where the console is shown.
    pub console: SocketAddr,
    /// Where SIP is received.
    pub listening: Vec<Listen>,
    inbox: Inbox,
    control: Option<JoinHandle<io::Result<()>>>,
    end_of_web: oneshot::Sender<()>,
}

impl Desk {
    /// Starts everything. `progress` is told how far the prompts have come.
    ///
    /// # Errors
    /// Whatever keeps this configuration from working on this machine, in a sentence with its remedy.
    pub async fn start(
        config: &Config,
        clock: Clock,
        progress: impl FnMut(Progress),
    ) -> anyhow::Result<Desk> {
        let access = web::Access::decide(config.web.listen, config.web.token.as_ref())?;
        let poll = Poll::new().context("the system gives no readiness queue")?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (inbox, letters) = Inbox::new(waker);
        let public = match config.sip.advertise {
            Advertise::Auto => None,
            Advertise::Address(address) => Some(address),
        };
        if let Some(hidden) = config::hidden(config) {
            tracing::warn!("{}", config::warning(&hidden));
        }
        let mut sockets = Sockets::bind(&config.sip.listen, public, poll.registry())?;
        let runtime = Handle::current();
        let first = sockets.len();
        let tls = Arc::new(Tls::load(config)?);
        tls.watch();
        let registry = poll.registry();
        let mut connections =
            Connections::bind(&config.sip.listen, first, registry, tls, runtime.clone(), inbox.clone())?;
        if config.sip.dscp {
            sockets.mark();
            connections.mark();
        }
        sockets.know(connections.listening());
        let listener = bind_console(config.web.listen).await?;
        let console = listener.local_addr()?;
        let bucket = config.recordings.as_ref().map(Bucket::open).transpose()?.map(Arc::new);
        let keeper = open_store(&config.data_directory, clock, &inbox)?;
        let exchange = exchange(config, clock)?;
        let (prompts, ears) = voices(config, &inbox, progress).await?;
        let media = media_threads(config, clock, &inbox)?;
        let live = broadcast::channel(WATCHED).0;
        let board = Arc::new(Board::new(config));
        let changed = inbox.clone();
        let drills = web::Drills::new(move || changed.post(Letter::Drill));
        let (refusals, metrics) = (Arc::<Refusals>::default(), Arc::<Metrics>::default());
        calendars::watch(config, &inbox);
        calendars::forget_old(config, clock, &inbox, bucket.clone());
        let tapes = tapes(config, &inbox, board.taping(), bucket.clone())?;
        registering::watch(config, &inbox, &board.lost());
        throttled::watch(Arc::clone(&board));
        let filler = filler(&config.business, &prompts)?;
        let control = Control {
            clock,
            poll,
            agent: agent(config, &sockets, clock)?,
            exchange,
            letters,
            media,
            sayings: Sayings::new(prompts, runtime.clone(), inbox.clone()),
            ears,
            recordings: Recordings::new(&config.data_directory, runtime, inbox.clone()),
            tapes,
            keeper,
            live: live.clone(),
            refusals: Arc::clone(&refusals),
            metrics: Arc::clone(&metrics),
            board: Arc::clone(&board),
            inbox: inbox.clone(),
            filler,
            calls: BTreeMap::new(),
            unfinished: BTreeSet::new(),
            listens: BTreeMap::new(),
            reaching: registering::reaching(config),
            joining: joining(config),
            registrars: BTreeMap::new(),
            registrars_at: BTreeMap::new(),
            drills: drills.clone(),
            absent: None,
            peers: peers(config)?,
            callers: BTreeMap::new(),
            finder: None,
            contact_secret: registering::secret(&config.data_directory, seed()),
            end_by: None,
            over_by: None,
            pacing: Pacing::default(),
            stalls: Stalls::default(),
            opening: BTreeMap::new(),
            sockets,
            queue: Queue::default(),
            connections,
        };
        let listening = control.sockets.listening().collect();
        let control = std::thread::Builder::new().name("control".to_string()).spawn(move || control.run())?;
        let (end_of_web, ended) = oneshot::channel();
        let standing = standing(config, clock, board, drills.clone());
        let directory = config.data_directory.clone();
        let feed = web::Feed::of(live.clone());
        let view = web::View { directory, bucket, live: feed, standing, drills, refusals, metrics };
        tokio::spawn(show_console(listener, view, access, ended));
        Ok(Desk { live, console, listening, inbox, control: Some(control), end_of_web })
    }

    /// Takes no more calls, brings those that are up to an end, and waits for that.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.inbox.post(Letter::Stop);
        // Nobody listens any more if the console has ended by itself.
        let _ = self.end_of_web.send(());
        let Some(control) = self.control.take() else { return Ok(()) };
        match tokio::task::spawn_blocking(move || control.join()).await? {
            Ok(result) => result.context("the control thread lost its sockets"),
            Err(_) => bail!("the control thread has panicked; see the log"),
        }
    }

    /// True while calls are answered.
    pub fn is_up(&self) -> bool {
        self.control.as_ref().is_some_and(|control| !control.is_finished())
    }
}

/// Recordings go on where a desk that went down left them. What keeps them from being written keeps nobody from calling.
fn tapes(
    config: &Config,
    inbox: &Inbox,
    health: Arc<taping::Health>,
    bucket: Option<Arc<Bucket>>,
) -> anyhow::Result<Tapes> {
    let directory = config.data_directory.clone();
    finishing::go_on(&directory, &health);
    let ended = Arc::new(Notify::new());
    let tapes = Tapes::start(&directory, inbox.clone(), Arc::clone(&ended), Arc::clone(&health))
        .context("the thread that writes recordings could not be started")?;
    tokio::spawn(Finishing { directory, bucket, ended, health, inbox: inbox.clone() }.run());
    Ok(tapes)
}

/// Opens the store; where that is not possible for now, calls are answered all the same.
fn open_store(directory: &Path, clock: Clock, inbox: &Inbox) -> anyhow::Result<Keeper> {
    let answers = inbox.clone();
    let answer = move |result| written(&answers, result);
    let store = match Store::<Asked>::open(directory, clock.now().wall, answer.clone()) {
        Ok((store, opened)) => {
            tell_interrupted(&opened);
            store
        }
        Err(error) if error.may_pass() => {
            let now = move || clock.now().wall;
            Store::open_when_possible(directory, &error, now, |opened| tell_interrupted(&opened), answer)?
        }
        Err(error) => return Err(error.into()),
    };
    let journals = Journals::open(directory)
        .with_context(|| format!("journals cannot be written in {}", directory.display()))?;
    Ok(Keeper::new(store, journals, inbox.clone()))
}

fn tell_interrupted(opened: &Opened) {
    for interrupted in &opened.interrupted {
        tracing::warn!(call = %interrupted.record.id, "A call was interrupted when the desk went down, a callback is stored");
    }
}

async fn bind_console(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = web::bind(listen).await;
    listener.with_context(|| format!("the console cannot listen on {listen}; change [web] listen"))
}

/// Shows the console until the desk has ended. A console that fails keeps nobody from being answered.
async fn show_console(
    listener: TcpListener,
    view: web::View,
    access: web::Access,
    ended: oneshot::Receiver<()>,
) {
    let until = async move { drop(ended.await) };
    if let Err(error) = web::serve(listener, view, access, until).await {
        tracing::error!(%error, "The console has ended, calls are answered all the same");
    }
}

fn standing(
    config: &Config,
    clock: Clock,
    board: Arc<Board>,
    drills: web::Drills,
) -> Arc<dyn Fn() -> web::Standing + Send + Sync> {
    let (config, started) = (config.clone(), clock.now().wall);
    Arc::new(move || standing::standing(&config, clock, started, &board, &drills))
}

/// Renders every prompt, and makes ready to hear. Without a model the keypad leads.
async fn voices(
    config: &Config,
    inbox: &Inbox,
    progress: impl FnMut(Progress),
) -> anyhow::Result<(Arc<Prompts>, Ears)> {
    let command = WorkerCommand::this_program()?;
    let speaker = Arc::new(LocalSpeaker::start(command.clone()));
    let place = PromptPlace::make(&config.data_directory)?;
    let prompts = Arc::new(Prompts::new(speaker, place.directory()));
    prompts.render_all(&prompt_list(&config.business), progress).await?;
    drop(place);
    let hear = hearing(config, command).await?;
    Ok((prompts, Ears::new(hear, Handle::current(), inbox.clone())))
}

/// Where prompts lie: from start to start, or where that cannot be written, only until they are in memory.
enum PromptPlace {
    Kept(PathBuf),
    Scratch(PathBuf),
}

impl PromptPlace {
    /// A data directory that cannot be written keeps nobody from being answered.
    fn make(data: &Path) -> anyhow::Result<PromptPlace> {
        let kept = data.join("prompts");
        let Err(error) = std::fs::create_dir_all(&kept) else { return Ok(PromptPlace::Kept(kept)) };
        let scratch = std::env::temp_dir().join(format!("firstring-prompts-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&scratch).with_context(|| {
            format!(
                "prompts can be rendered neither in {} ({error}) nor in {}; give this user a directory it can write",
                kept.display(),
                scratch.display()
            )
        })?;
        tracing::warn!(%error, directory = %kept.display(), "Prompts cannot be kept, each start renders them anew");
        Ok(PromptPlace::Scratch(scratch))
    }

    fn directory(&self) -> &Path {
        match self {
            PromptPlace::Kept(path) | PromptPlace::Scratch(path) => path,
        }
    }
}

impl Drop for PromptPlace {
    fn drop(&mut self) {
        if let PromptPlace::Scratch(path) = self {
            // What is left behind is the system's to clear, as everything in this directory.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

/// Everything that is said in words known beforehand, in each voice that says it.
fn prompt_list(business: &Business) -> Vec<Prompt> {
    let mut lines = BTreeSet::new();
    for assistant in business.assistants.values() {
        let greeting = assistant.greeting.phrases().iter().map(|phrase| phrase.text.clone());
        let in_line = business.has_queue().then(sayings::of_queues).into_iter().flatten();
        let recordings = business.keeping.records().then_some(sayings::OF_RECORDINGS).into_iter().flatten();
        let fixed = sayings::ALL.into_iter().chain(in_line).chain(recordings).map(str::to_string);
        let asked = assistant.intake.prompts(&business.name);
        let offices = business.directory().into_iter().flat_map(|directory| directory.prompts());
        let asked = asked.iter().chain(offices).cloned();
        lines.extend(greeting.chain(fixed).chain(asked).map(|text| Line::new(&assistant.voice, &text)));
    }
    lines.into_iter().map(|line| Prompt { line, recording: None }).collect()
}

async fn hearing(config: &Config, command: WorkerCommand) -> anyhow::Result<Arc<dyn Hear>> {
    let grammars = grammars(&config.business);
    let channels: u32 = config.trunks.iter().map(|trunk| trunk.channels).fold(0, u32::saturating_add);
    let nice = if channels > CROWD.0 { CROWD.1 } else { 0 };
    match LocalHearing::start(HearingSettings { nice, ..HearingSettings::new(command) }, &grammars).await {
        Ok(hearing) => Ok(Arc::new(hearing)),
        Err(problems) if problems.iter().all(|p| matches!(p, GrammarError::Lexicon(_))) => {
            let why = sentence(&problems);
            tracing::warn!(%why, "Callers cannot be heard, the keypad leads");
            Ok(Arc::new(NoHearing::because(why)))
        }
        Err(problems) => bail!("{}", sentence(&problems)),
    }
}

/// Every grammar of every intake, as the recogniser takes them.
pub fn grammars(business: &Business) -> GrammarSet {
    let mut set = GrammarSet::default();
    for assistant in business.assistants.values() {
        let offices = business.directory().map(|directory| assistant.intake.directory_grammar(directory));
        for grammar in assistant.intake.grammars().into_iter().chain(offices) {
            if set.grammars.iter().all(|known| known.name != grammar.id) {
                let answers = Answers::Jsgf(grammar.jsgf);
                set.grammars.push(Grammar { name: grammar.id, answers, threshold: grammar.threshold });
            }
        }
        set.pronunciations.extend(assistant.intake.pronunciations().clone());
    }
    set
}

fn sentence(problems: &[GrammarError]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn filler(business: &Business, prompts: &Prompts) -> anyhow::Result<Filler> {
    let voice = business.assistants.values().next().map(|assistant| assistant.voice.as_str());
    let line = Line::new(voice.unwrap_or_default(), sayings::FILLER);
    let clip = prompts.ready(&line).context("no [[assistant]] is configured, so nothing could be said")?;
    Ok(Filler { clip: clip.samples().clone(), patience: media::turn::Patience::default() })
}

fn exchange(config: &Config, clock: Clock) -> anyhow::Result<Exchange> {
    // Where people are called is looked up beside the calls.
    let mut trunks: BTreeMap<String, Trunk> =
        config.trunks.iter().map(|trunk| (trunk.name.clone(), habitual(trunk))).collect();
    for (_, reach, _) in config.addresses() {
        trunks.entry(reach.via.clone()).or_default().addresses.insert(reach.to.clone(), None);
    }
    Ok(Exchange::new(line::Setup {
        business: Arc::clone(&config.business),
        country: config.country,
        trunks,
        diaries: diaries(config, clock)?,
        salt: seed()[0],
        when_late: config.sip.when_late,
    }))
}

/// A trunk before it is known where its host is.
fn habitual(trunk: &TrunkSettings) -> Trunk {
    Trunk { habits: trunk.habits.clone(), ..Trunk::default() }
}

fn diaries(config: &Config, clock: Clock) -> anyhow::Result<BTreeMap<String, Diary>> {
    let mut diaries = BTreeMap::new();
    let now = clock.now().wall;
    for calendar in &config.calendars {
        let name = calendar.rules.calendar.clone();
        let mut diary = Diary::new(calendar.rules.clone());
        for booking in stored_bookings(&config.data_directory, &name, now) {
            diary.keep(booking);
        }
        diary.set_busy(calendars::read(calendar, now)?);
        diaries.insert(name, diary);
    }
    Ok(diaries)
}

/// The visits that are booked. A database that cannot be read gives none: the store itself guards each slot.
fn stored_bookings(directory: &Path, calendar: &str, now: jiff::Timestamp) -> Vec<desk::booking::Booking> {
    let read = Reader::open(directory).and_then(|reader| reader.live_bookings(calendar, now));
    read.unwrap_or_else(|error| {
        tracing::error!(calendar, %error, "Stored visits cannot be read, only the store keeps slots apart");
        Vec::new()
    })
}

fn agent(config: &Config, sockets: &Sockets, clock: Clock) -> anyhow::Result<sip::Agent> {
    let mut agent = sip::Agent::new(agent_setup(config, sockets)?, seed());
    let accounts = sip::Order::ReplaceAccounts(registering::accounts(config));
    let guards = sip::Order::ReplaceGuards(registering::guards(config));
    for order in [accounts, guards] {
        agent.handle(sip::Event::Order(order), clock.now().mono);
    }
    Ok(agent)
}

fn joining(config: &Config) -> BTreeMap<Arc<str>, Joining> {
    let joining = config.trunks.iter().filter_map(|t| Some((t.name.as_str().into(), t.joining.clone()?)));
    joining.collect()
}

/// Who may send calls, as far as the configuration says it by addresses.
fn peers(config: &Config) -> anyhow::Result<Vec<sip::Peer>> {
    let mut peers = Vec::new();
    for trunk in &config.trunks {
        let mut accept_from = Vec::new();
        for range in &trunk.accept_from {
            accept_from.push(range.to_string().parse().context("a range of accept_from")?);
        }
        let accept_domains = trunk.accept_certificates.iter().map(|domain| domain.as_str().into()).collect();
        peers.push(sip::Peer { name: trunk.name.as_str().into(), accept_from, accept_domains });
    }
    Ok(peers)
}

/// Messages of each leg that its journal keeps: a call of ten minutes with a session refreshed and a hold has some twenty.
const MESSAGES_KEPT: usize = 64;

fn agent_setup(config: &Config, sockets: &Sockets) -> anyhow::Result<sip::Setup> {
    let peers = peers(config)?;
    let product = concat!("Firstring/", env!("CARGO_PKG_VERSION")).to_string();
    Ok(sip::Setup {
        product,
        peers,
        limits: sip::Limits::default(),
        advertised: sockets.advertised(),
        tcp: sockets.tcp(),
        traced: MESSAGES_KEPT,
    })
}

fn media_threads(config: &Config, clock: Clock, inbox: &Inbox) -> anyhow::Result<MediaThreads> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let rtp_ports = config.sip.rtp_ports.clone();
    let (marked, origin) = (config.sip.dscp, clock.origin());
    let settings = media_thread::Config { threads, rtp_ports, marked, origin };
    let inbox = inbox.clone();
    let report = move |leg: media::LegId, event| inbox.post(Letter::Media(SoundId(leg.0), event));
    MediaThreads::start(settings, report).context("the media threads could not be started")
}

/// Unguessable numbers for tags, branches and call ids.
pub fn seed() -> [u64; 2] {
    use std::hash::{BuildHasher, RandomState};
    [0, 1].map(|number: u64| RandomState::new().hash_one(number))
}

/// Ends a run: on ctrl-c, on SIGTERM, or when the control thread is gone.
pub async fn until_stopped(desk: &Desk) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut look = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            result = tokio::signal::ctrl_c() => return result,
            _ = terminate.recv() => return Ok(()),
            _ = look.tick() => if !desk.is_up() { return Ok(()) },
        }
    }
}

/// The record of a call that has ended, as soon as it is stored.
pub async fn record_of(directory: PathBuf, call: CallId) -> anyhow::Result<desk::record::Record> {
    for _ in 0..50 {
        let (directory, id) = (directory.clone(), call.0.clone());
        let read = tokio::task::spawn_blocking(move || Reader::open(&directory)?.call(&id)).await?;
        if let Ok(record) = read {
            return Ok(record);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the record of {call} was not stored within 2.5 s; see `firstring calls`")
}
