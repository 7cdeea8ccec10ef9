//! One transfer on stage: two user agents with a wire between them, the exchange, and a clock.
//!
//! Ours and the far one are the same [`sip::Agent`]; what they send each other are bytes, late by some milliseconds and
//! now and then lost. The far one plays the caller and every phone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use desk::call::Heard;
use desk::machine::Moment;
use desk::record::Record;
use jiff::{SignedDuration, Timestamp};
use line::{Action, Event, Exchange, Keep, SoundEvent, SoundId, SoundOrder};
use sip::sdp::Direction;
use sip::{Agent, LegId, Order, Path, Peer};

use super::describing::Described;
use super::far_end::{Does, FarEnd};
use super::fate::Fate;
use super::office::Habit;
use crate::chance::Chance;
use crate::shop;
use crate::sound::{Leg, Rendering};

/// A transfer that has not ended after so many changes goes in circles.
const MOST_STEPS: u32 = 20_000;
/// And nothing happens any more after so long.
const LONGEST: Duration = Duration::from_secs(900);

/// What the stage itself does wrong, so that some checker is to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misdeed {
    /// Nobody is ever told goodbye.
    ForgetsGoodbye,
    /// The caller hears ringing whatever happens.
    KeepsRinging,
    /// A channel is taken and never given back.
    KeepsAChannel,
}

/// What comes next.
#[derive(Debug)]
enum Happening {
    /// Bytes arrive: at the far end, or here.
    Arrives { far: bool, bytes: Vec<u8> },
    /// The shell tells the exchange.
    Tell(Event),
    /// Somebody out there does something.
    Does(Does),
}

/// Everything about one transfer.
#[derive(Debug)]
pub(super) struct Stage {
    pub fate: Fate,
    pub habit: Habit,
    pub misdeed: Option<Misdeed>,
    pub chance: Chance,
    pub now: Moment,
    pub exchange: Exchange,
    pub ours: Agent,
    pub far: Agent,
    pub end: FarEnd,
    /// Sound legs of this side, by name.
    pub sounds: BTreeMap<SoundId, Leg>,
    pub caller: Option<SoundId>,
    /// The sound of the person rung last at each number.
    pub phones: BTreeMap<String, SoundId>,
    pub record: Option<Record>,
    /// What a checker objects to at once.
    pub objections: Vec<String>,
    pub bridged: BTreeMap<SoundId, SoundId>,
    pub ringback: BTreeSet<SoundId>,
    /// How often music began.
    pub music: usize,
    /// When the last words to the caller were over.
    pub last_words: Option<Duration>,
    pub placed: usize,
    /// When this side hung up on the caller.
    pub ended_at: Duration,
    described: Described,
    loses: f64,
    opened: Option<SoundId>,
    agenda: BTreeMap<(Duration, u64), Happening>,
    planned: u64,
    soon: VecDeque<Event>,
    began: Timestamp,
}

fn agent(name: &str, peer: &str, seed: u64) -> Agent {
    let accept_from = peer.parse().into_iter().collect();
    let peers = vec![Peer { name: name.into(), accept_from, accept_domains: Vec::new() }];
    Agent::new(sip::Setup { peers, ..sip::Setup::default() }, [seed, seed.rotate_left(17)])
}

/// The path of the far end's agent: ours the other way round.
pub(super) fn far_path() -> Path {
    let path = shop::path();
    Path::udp(path.remote, path.local)
}

impl Stage {
    pub fn new(fate: Fate, habit: Habit, exchange: Exchange, mut chance: Chance) -> Stage {
        let began: Timestamp = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 20_600 + 15);
        let (one, other) = (chance.word(), chance.word());
        let loses = if chance.hits(0.25) { 0.03 } else { 0.0 };
        Stage {
            fate,
            habit,
            misdeed: None,
            now: Moment { mono: Duration::ZERO, wall: began },
            exchange,
            ours: agent("main", "192.0.2.2", one),
            far: agent("desk", "192.0.2.1", other),
            end: FarEnd::default(),
            chance,
            sounds: BTreeMap::new(),
            caller: None,
            phones: BTreeMap::new(),
            record: None,
            objections: Vec::new(),
            bridged: BTreeMap::new(),
            ringback: BTreeSet::new(),
            music: 0,
            last_words: None,
            placed: 0,
            ended_at: Duration::ZERO,
            described: Described::default(),
            loses,
            opened: None,
            agenda: BTreeMap::new(),
            planned: 0,
            soon: VecDeque::new(),
            began,
        }
    }

    /// Until nothing will happen any more.
    pub fn play(&mut self) {
        if self.misdeed == Some(Misdeed::KeepsAChannel) {
            drop(self.exchange.board_mut().take("main"));
        }
        self.end_does(Does::CallerCalls);
        for _ in 0..MOST_STEPS {
            let Some(next) = self.next() else { return };
            if matches!(self.fate, Fate::Vanishes(_)) && self.agenda.is_empty() && self.is_done_here() {
                return;
            }
            if next > LONGEST {
                return self.objections.push("it does not end".to_string());
            }
            let passed = SignedDuration::try_from(next).unwrap_or_default();
            self.now = Moment { mono: next, wall: self.began.saturating_add(passed).unwrap_or(self.began) };
            self.step(next);
        }
        self.objections.push("it goes in circles".to_string());
    }

    /// Nothing of the call is left on this side.
    fn is_done_here(&self) -> bool {
        self.exchange.calls_up() == 0 && self.ours.counts().legs == 0 && self.record.is_some()
    }

    fn next(&self) -> Option<Duration> {
        let agenda = self.agenda.first_key_value().map(|(at, _)| at.0);
        let agents = [&self.ours, &self.far].map(|agent| agent.poll_deadline().map(|due| due.at));
        let desk = self.exchange.poll_deadline().map(|due| due.at);
        let sounds = self.sounds.values().filter_map(Leg::next_wake).min();
        let now = self.now.mono;
        [agenda, agents[0], agents[1], desk, sounds].into_iter().flatten().map(|at| at.max(now)).min()
    }

    /// Everything that is due by now, one thing of each kind.
    fn step(&mut self, now: Duration) {
        if self.agenda.first_key_value().is_some_and(|(at, _)| at.0 <= now)
            && let Some((_, happening)) = self.agenda.pop_first()
        {
            match happening {
                Happening::Arrives { far, bytes } => self.arrives(far, bytes),
                Happening::Tell(event) => self.tell(event),
                Happening::Does(does) => self.end_does(does),
            }
        }
        if self.ours.poll_deadline().is_some_and(|due| due.at <= now) {
            self.ours.handle_deadline(now);
        }
        if self.far.poll_deadline().is_some_and(|due| due.at <= now) {
            self.far.handle_deadline(now);
        }
        if self.exchange.poll_deadline().is_some_and(|due| due.at <= now) {
            self.exchange.handle_deadline(self.now);
        }
        self.drain();
    }

    fn arrives(&mut self, far: bool, bytes: Vec<u8>) {
        let (agent, path) = if far { (&mut self.far, far_path()) } else { (&mut self.ours, shop::path()) };
        agent.handle(sip::Event::Received { path, bytes }, self.now.mono);
        self.drain();
    }

    pub fn tell(&mut self, event: Event) {
        self.soon.push_back(event);
    }

    pub fn far_order(&mut self, order: Order) {
        self.far.handle(sip::Event::Order(order), self.now.mono);
    }

    pub fn plan(&mut self, least: u64, most: u64, does: Does) {
        let at = self.now.mono + self.chance.millis(least, most);
        self.put(at, Happening::Does(does));
    }

    pub fn plan_at(&mut self, at: Duration, does: Does) {
        self.put(at, Happening::Does(does));
    }

    fn put(&mut self, at: Duration, happening: Happening) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), happening);
    }

    fn later(&mut self, least: u64, most: u64, event: Event) {
        let at = self.now.mono + self.chance.millis(least, most);
        self.put(at, Happening::Tell(event));
    }

    /// Lets every machine say what it has to, until none has anything more.
    pub fn drain(&mut self) {
        loop {
            if let Some(action) = self.ours.poll_action() {
                self.agent_acts(false, action);
            } else if let Some(action) = self.far.poll_action() {
                self.agent_acts(true, action);
            } else if let Some(action) = self.exchange.poll_action() {
                self.perform(action);
            } else if self.hear_sounds() {
            } else if let Some(event) = self.soon.pop_front() {
                if let Event::SoundOpened { sound, .. } = &event {
                    self.opened = Some(*sound);
                }
                self.exchange.handle(event, self.now);
            } else {
                return;
            }
        }
    }

    fn agent_acts(&mut self, far: bool, action: sip::Action) {
        match action {
            sip::Action::Send { bytes, .. } => self.wire(far, bytes),
            sip::Action::Tell(notice) if far => self.far_told(notice),
            sip::Action::Tell(notice) => {
                self.tell(Event::Sip(notice));
            }
        }
    }

    /// Bytes on their way. A network that plays something is one whose ringing is written anew.
    fn wire(&mut self, from_far: bool, bytes: Vec<u8>) {
        if !from_far {
            self.objections.extend(self.described.says(&bytes));
        }
        let Some(bytes) = self.end.carries(self.fate, from_far, bytes) else { return };
        if self.chance.hits(self.loses) {
            return;
        }
        let at = self.now.mono + self.chance.millis(5, 40);
        self.put(at, Happening::Arrives { far: !from_far, bytes });
    }

    /// What the sounds of this side tell. True if there was anything.
    fn hear_sounds(&mut self) -> bool {
        let now = self.now.mono;
        let mut heard = Vec::new();
        for (sound, leg) in &mut self.sounds {
            if leg.next_wake().is_some_and(|at| at <= now) {
                leg.advance(now);
            }
            while let Some(event) = leg.poll() {
                heard.push((*sound, event));
            }
        }
        let any = !heard.is_empty();
        for (sound, event) in heard {
            if self.caller == Some(sound) && matches!(event, SoundEvent::Said { whole: true, .. }) {
                self.last_words = Some(now);
            }
            self.end_hears(sound, &event);
            self.tell(Event::Sound { sound, event });
        }
        any
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Sip(order) => self.sip(order),
            Action::OpenSound { sound, beside, .. } => self.open(sound, beside),
            Action::Sound { sound, order } => self.order_sound(sound, order),
            Action::Say { sound, saying, phrases, .. } => {
                let prepared = phrases.iter().all(|phrase| phrase.prepared);
                let rendering = self.rendering(prepared);
                if self.caller == Some(sound)
                    && self.ringback.contains(&sound)
                    && !self.end.is_connecting(&phrases)
                {
                    self.objections.push("the caller is spoken to over ringing".to_string());
                }
                self.on(sound, |leg, now| leg.say(saying, &phrases, rendering, now));
                self.end_is_told(sound, saying);
            }
            Action::Listen { sound, listen, question, .. } => {
                self.on(sound, |leg, now| leg.listen(listen, question, now));
            }
            Action::Conclude { call, listen } => {
                let heard = Heard::NotUnderstood;
                self.later(100, 300, Event::Heard { call, listen, heard });
            }
            Action::StopListening { sound, .. } => self.on(sound, Leg::stop_listening),
            Action::TakeMessage { sound, hang, .. } => {
                self.on(sound, |leg, now| leg.record(hang, now));
                self.plan(500, 2_000, Does::CallerSpeaks);
            }
            Action::EndMessage { call } => {
                if let Some(sound) = self.caller {
                    self.on(sound, Leg::recorded);
                }
                self.later(1, 20, Event::MessageEnded { call, seconds: 4.0 });
            }
            Action::Store { call, ask, keep } => {
                if let Keep::Record(record) = keep {
                    if self.record.is_some() {
                        self.objections.push("two records".to_string());
                    }
                    self.record = Some(*record);
                }
                if let Some(ask) = ask {
                    self.later(2, 60, Event::Stored { call, ask, stored: true });
                }
            }
            Action::Journal { .. }
            | Action::Show(_)
            | Action::Refused(_)
            | Action::TargetFailed { .. }
            | Action::Signalled { .. }
            | Action::Tape { .. }
            | Action::TargetServes { .. } => {}
        }
    }

    fn rendering(&mut self, prepared: bool) -> Rendering {
        let now = self.now.mono;
        match prepared {
            true => Rendering::ReadyAt(now),
            // A voice that fails costs the person a summary, never the caller the person.
            false if self.chance.hits(0.1) => Rendering::FailsAt(now + self.chance.millis(50, 900)),
            false => Rendering::ReadyAt(now + self.chance.millis(80, 600)),
        }
    }

    fn sip(&mut self, order: Order) {
        if self.misdeed == Some(Misdeed::ForgetsGoodbye) && matches!(order, Order::HangUp { .. }) {
            return;
        }
        if let Order::Call(call) | Order::CallOver { call, .. } = &order {
            self.placed += 1;
            if let (Some(sound), Some(user)) = (self.opened.take(), self.end.rung(call)) {
                self.phones.insert(user, sound);
            }
        }
        self.ours.handle(sip::Event::Order(order), self.now.mono);
    }

    fn open(&mut self, sound: SoundId, beside: Option<SoundId>) {
        let leg = match beside {
            None => Leg::new(true).of_caller(),
            Some(_) => Leg::new(true),
        };
        if beside.is_none() {
            self.caller = Some(sound);
        }
        self.sounds.insert(sound, leg);
        let port = 20_000 + u16::try_from(sound.0 % 20_000).unwrap_or(0) * 2;
        let address = std::net::SocketAddr::new(shop::path().local.ip(), port);
        self.later(0, 3, Event::SoundOpened { sound, address, secrets: crate::shop::secrets() });
    }

    fn order_sound(&mut self, sound: SoundId, order: SoundOrder) {
        match order {
            SoundOrder::Connect { opening, .. } => self.on(sound, |leg, now| leg.connect(opening, now)),
            SoundOrder::Confirmed => {
                let opens_in = self.chance.millis(80, 250);
                self.on(sound, |leg, now| leg.confirmed(opens_in, now));
            }
            SoundOrder::Change(agreed) | SoundOrder::TakenOver { agreed, .. } => {
                self.end.agrees(sound, &agreed);
                self.may_be_held(sound, agreed.direction);
            }
            SoundOrder::StopSaying => self.on(sound, Leg::stop_saying),
            SoundOrder::Tone(tone) => {
                self.music += usize::from(tone == desk::call::Tone::Music);
                self.tone(sound, tone != desk::call::Tone::Silence);
            }
            SoundOrder::Bridge { with } => self.bridge(sound, with),
            SoundOrder::Unbridge => self.unbridge(sound),
            SoundOrder::Close => self.close(sound),
        }
    }

    fn tone(&mut self, sound: SoundId, sounds: bool) {
        match sounds {
            true => self.ringback.insert(sound),
            false if self.misdeed == Some(Misdeed::KeepsRinging) => return,
            false => self.ringback.remove(&sound),
        };
        self.on(sound, |leg, now| leg.tone(sounds, now));
    }

    /// Who is held by the other side hears music of theirs, or a second of nothing, of which their sound then tells.
    fn may_be_held(&mut self, sound: SoundId, direction: Direction) {
        if direction == Direction::RecvOnly && self.bridged.contains_key(&sound) {
            match self.chance.hits(0.5) {
                true => self.later(1_000, 1_020, Event::Sound { sound, event: SoundEvent::HeldInSilence }),
                false => self.later(20, 60, Event::Sound { sound, event: SoundEvent::HoldIsHeard }),
            }
        }
    }

    /// Two who are about to part, whatever they did before.
    pub fn music_is_over(&mut self) {
        let held = self.end.took_by().is_some_and(|leg| self.end.holds(leg));
        if self
            .caller
            .is_some_and(|sound| self.ringback.contains(&sound) && self.bridged.contains_key(&sound))
            && !held
        {
            self.objections.push("the caller hears music although nobody holds them".to_string());
        }
    }

    fn bridge(&mut self, sound: SoundId, with: SoundId) {
        if self.ringback.contains(&sound) {
            self.objections.push("ringing goes on although somebody took the call".to_string());
        }
        self.on(sound, Leg::bridge);
        self.on(with, Leg::bridge);
        self.bridged.insert(sound, with);
        self.bridged.insert(with, sound);
        self.end_is_bridged();
    }

    fn unbridge(&mut self, sound: SoundId) {
        if let Some(other) = self.bridged.remove(&sound) {
            self.bridged.remove(&other);
            self.on(sound, Leg::unbridge);
            self.on(other, Leg::unbridge);
        }
    }

    fn close(&mut self, sound: SoundId) {
        if let Some(other) = self.bridged.remove(&sound) {
            self.bridged.remove(&other);
            self.on(other, Leg::unbridge);
        }
        if self.caller == Some(sound) {
            self.ended_at = self.now.mono;
        }
        let Some(leg) = self.sounds.get_mut(&sound).filter(|leg| !leg.is_closed()) else { return };
        let (first_word, longest_silence) = leg.close(self.now.mono);
        let event = SoundEvent::Closed { first_word, longest_silence, quality: None };
        self.later(0, 25, Event::Sound { sound, event });
    }

    pub fn on(&mut self, sound: SoundId, change: impl FnOnce(&mut Leg, Duration)) {
        if let Some(leg) = self.sounds.get_mut(&sound) {
            change(leg, self.now.mono);
        }
    }

    /// Nothing comes from this side any more; its sound notices after a while.
    pub fn falls_silent(&mut self, sound: SoundId) {
        self.later(20_000, 21_000, Event::Sound { sound, event: SoundEvent::Silent });
    }

    /// The far leg of the caller.
    pub fn caller_leg() -> LegId {
        LegId::placed(1)
    }
}
