//! One day: what happens next, told to the exchange, and what the exchange orders, carried out in an imagined way.

mod agenda;
mod callers;
mod dice;
mod services;
mod traffic;
mod trunk;
mod upsets;
mod wire;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use desk::booking::Booking;
use desk::call::{Closing, Heard};
use desk::machine::{Ask, Moment};
use desk::record::{CallId, Record};
use jiff::{SignedDuration, Timestamp};
use line::{Action, Event, Exchange, Keep, SoundEvent, SoundId, SoundOrder, What};
use sha2::{Digest, Sha256};
use sip::{LegId, Notice};

use crate::World;
use crate::alone::{Alone, Team};
use crate::caller::{Goal, Reply};
use crate::faults::{Fault, Faults, Thrown};
use crate::hashed::Hashed;
use crate::opening::OpenDay;
use crate::promises::{Objection, Promises, Seen};
use crate::report::{CallReport, DayReport, Trouble};
use crate::sabotage::Sabotage;
use crate::sound::{Leg, Rendering};
use agenda::{Agenda, Wakes};
use callers::Visit;
use dice::{DAY, Dice};
use trunk::Phone;
use wire::Wire;

pub(crate) use dice::Owner;

/// A day that has not ended after so many events goes in circles.
const MOST_STEPS: u64 = 3_000_000;
/// Lines of the journal shown with trouble that belongs to no one call.
const SHOWN: usize = 40;

/// What will happen at some time.
#[derive(Debug)]
enum Happening {
    /// Somebody calls; a number is kept by who calls again.
    Arrives {
        goal: Goal,
        number: String,
    },
    /// An engine, a socket or the store answers.
    Tell(Event),
    /// The same once more, although it was answered: no checker is shown it.
    TellAgain(Event),
    /// The user agent tells, if the leg still lives.
    Notice(Notice),
    /// The last trace of a leg is gone.
    Released(LegId),
    /// The store is done.
    Stores {
        call: CallId,
        ask: Option<Ask>,
        keep: Keep,
        stored: bool,
    },
    /// The store has room again.
    KeptAtLast {
        call: CallId,
        keep: Keep,
    },
    CallerDoes {
        leg: LegId,
        reply: Reply,
    },
    CallerPresses {
        leg: LegId,
        digit: char,
    },
    CallerHangsUp(LegId),
    LineDies(LegId),
    PersonPresses {
        leg: LegId,
        digit: char,
    },
    PersonHangsUp(LegId),
    DeskStops(Closing),
    /// The process ends without a word, and another takes its place.
    DeskDies,
    /// Somebody sets the clock, or it sets itself.
    ClockSteps(SignedDuration),
    /// Bytes reach the other end of the wire.
    Bytes {
        to_far: bool,
        path: sip::Path,
        bytes: Vec<u8>,
    },
    /// Every call on a trunk is cut off.
    TrunkDrops(String),
    /// The machine tells what share of sound left late.
    SoundPaced(f64),
}

struct Day<'w> {
    world: &'w World,
    seed: u64,
    faults: Faults,
    sabotage: Option<Sabotage>,
    chance: Dice,
    /// If not everybody calls: who does.
    only: Option<BTreeSet<Owner>>,
    began: Timestamp,
    /// When each office is open today.
    open: Arc<OpenDay>,
    /// What the clock was set by since.
    clock_stepped: SignedDuration,
    now: Moment,
    exchange: Exchange,
    agenda: Agenda<(Owner, Happening)>,
    soon: VecDeque<Event>,
    draining: bool,
    sounds: Hashed<SoundId, Leg>,
    wakes: Wakes,
    visits: Hashed<LegId, Visit>,
    phones: Hashed<LegId, Phone>,
    /// The caller whose socket is opened, or the socket whose call is placed, in this very change.
    inviting: Option<LegId>,
    invited: Option<LegId>,
    /// On a sample of days SIP goes as bytes.
    wire: Option<Wire>,
    /// What our user agent told on such a day.
    told: VecDeque<Notice>,
    opened: Option<SoundId>,
    caller_of: Hashed<SoundId, LegId>,
    /// Who hears whom, both ways.
    bridged: Hashed<SoundId, SoundId>,
    phone_of: Hashed<SoundId, LegId>,
    by_id: Hashed<CallId, LegId>,
    /// Whose dice a leg's sound takes.
    sound_of: Hashed<SoundId, Owner>,
    /// When each trunk is down.
    down: BTreeMap<String, (Duration, Duration)>,
    /// What the store holds, for whoever starts after this desk.
    bookings: Vec<Booking>,
    /// Callback tasks the store holds, by call.
    tasks: BTreeMap<CallId, String>,
    /// How often the desk was started.
    starts: u64,
    legs: u64,
    promises: Promises,
    trouble: Option<Box<Trouble>>,
    /// Every line of every journal, as it was written.
    journal: Vec<u8>,
    calls: Vec<CallReport>,
    /// Records of calls whose callback task has not found room yet.
    unkept: BTreeMap<CallId, Record>,
    arrivals: BTreeMap<(u8, Alone), u64>,
    team: Team,
    thrown: Thrown,
    turned_away: u64,
    messages: u64,
    /// The most channels of each trunk that were taken at once, in the order of trunks.
    peaks: Vec<u32>,
}

/// Whether the SIP of a day goes as bytes between two user agents: of every thirty-second, which costs about twice as much as another.
pub(crate) fn on_the_wire(seed: u64) -> bool {
    seed % 32 == 8
}

/// Runs one day.
pub(crate) fn run(
    world: &World,
    seed: u64,
    faults: &Faults,
    (sabotage, only): (Option<Sabotage>, Option<BTreeSet<Owner>>),
) -> Result<DayReport, Box<Trouble>> {
    let mut chance = Dice::new(seed);
    let (began, clocks_change) = traffic::morning(chance.now(), &world.shop.business.zone, faults);
    let booked = world.books.values().map(|book| book.booked.clone()).collect();
    let strict = *faults == Faults::none();
    let open = Arc::new(OpenDay::of(&world.shop.business, began));
    let mut day = Day {
        world,
        seed,
        faults: *faults,
        sabotage,
        chance,
        only,
        began,
        open: Arc::clone(&open),
        clock_stepped: SignedDuration::ZERO,
        now: Moment { mono: Duration::ZERO, wall: began },
        exchange: Exchange::new(world.shop.setup()),
        agenda: Agenda::new(),
        soon: VecDeque::new(),
        draining: false,
        sounds: Hashed::default(),
        wakes: Wakes::default(),
        visits: Hashed::default(),
        phones: Hashed::default(),
        inviting: None,
        invited: None,
        wire: on_the_wire(seed).then(|| Wire::new(world.trunks(), seed)),
        told: VecDeque::new(),
        opened: None,
        caller_of: Hashed::default(),
        bridged: Hashed::default(),
        phone_of: Hashed::default(),
        by_id: Hashed::default(),
        sound_of: Hashed::default(),
        down: BTreeMap::new(),
        bookings: Vec::new(),
        tasks: BTreeMap::new(),
        starts: 1,
        legs: 0,
        promises: Promises::new(&world.shop.business, open, booked, strict),
        trouble: None,
        journal: Vec::new(),
        calls: Vec::new(),
        unkept: BTreeMap::new(),
        arrivals: BTreeMap::new(),
        team: Team::new(world.shop.staff()),
        thrown: Thrown::new(),
        turned_away: 0,
        messages: 0,
        peaks: vec![0; world.shop.business.channels.len()],
    };
    if clocks_change {
        day.thrown.insert(Fault::DstNight, 1);
    }
    day.plan();
    day.live();
    day.report()
}

impl Day<'_> {
    fn at(&mut self, at: Duration, happening: Happening) {
        self.agenda.add(at, (self.chance.owner(), happening));
    }

    fn later(&mut self, least: u64, most: u64, happening: Happening) {
        let at = self.now.mono + self.chance.millis(least, most);
        self.at(at, happening);
    }

    fn throw(&mut self, fault: Fault) -> bool {
        let hit = self.chance.hits(self.faults.odds(fault));
        if hit {
            *self.thrown.entry(fault).or_insert(0) += 1;
        }
        hit
    }

    /// One thing after the other, until nothing will happen any more or a promise is broken.
    fn live(&mut self) {
        for _ in 0..MOST_STEPS {
            if self.trouble.is_some() {
                return;
            }
            let (planned, wake) = (self.agenda.next(), self.wakes.next());
            let deadline = self.exchange.poll_deadline().map(|deadline| deadline.at);
            let deadline = deadline.filter(|_| self.sabotage != Some(Sabotage::SleepsThroughDeadlines));
            let wire = self.wire.as_ref().and_then(Wire::deadline);
            let Some(next) = [planned, wake, deadline, wire].into_iter().flatten().min() else { break };
            self.pass_to(next.max(self.now.mono));
            self.chance.of(DAY);
            if wire == Some(next) {
                self.wire_deadlines();
                continue;
            }
            match (planned == Some(next), wake == Some(next), deadline == Some(next)) {
                // Which of two things at the same moment comes first is chance.
                (true, _, true) | (_, true, true) if self.chance.hits(0.5) => self.meet_deadlines(),
                (true, _, _) => self.happen(),
                (false, true, _) => self.wake_sound(),
                (false, false, _) => self.meet_deadlines(),
            }
        }
        let broken = self.promises.see(Seen::Over(&self.exchange), self.now);
        self.note(broken);
    }

    fn pass_to(&mut self, next: Duration) {
        let passed = SignedDuration::try_from(next).unwrap_or_default();
        let shown = passed.saturating_add(self.clock_stepped);
        let wall = self.began.checked_add(shown).unwrap_or(self.began);
        self.now = Moment { mono: next, wall };
    }

    fn meet_deadlines(&mut self) {
        self.exchange.handle_deadline(self.now);
        self.drain();
    }

    fn wake_sound(&mut self) {
        let Some(sound) = self.wakes.take_first() else { return };
        self.takes_dice_of(self.sound_of.get(&sound).copied());
        if let Some(leg) = self.sounds.get_mut(&sound) {
            leg.advance(self.now.mono);
        }
        self.listen_in(sound);
        self.drain();
    }

    fn happen(&mut self) {
        let Some((owner, happening)) = self.agenda.take_first() else { return };
        self.chance.of(owner);
        match happening {
            Happening::Arrives { goal, number } => self.arrives(goal, number),
            Happening::Tell(event) => self.tell(event),
            Happening::TellAgain(event) => {
                self.exchange.handle(event, self.now);
                self.drain();
            }
            Happening::Notice(notice) => self.notice(notice),
            Happening::Released(leg) => self.tell(Event::Sip(Notice::Released { leg })),
            Happening::Stores { call, ask, keep, stored } => self.stores(&call, ask, &keep, stored),
            Happening::KeptAtLast { call, keep } => self.kept(&call, &keep),
            Happening::CallerDoes { leg, reply } => self.caller_does(leg, reply),
            Happening::CallerPresses { leg, digit } => self.caller_presses(leg, digit),
            Happening::CallerHangsUp(leg) => self.caller_hangs_up(leg),
            Happening::LineDies(leg) => self.line_dies(leg),
            Happening::PersonPresses { leg, digit } => self.person_presses(leg, digit),
            Happening::PersonHangsUp(leg) => self.person_hangs_up(leg),
            Happening::DeskStops(closing) => self.tell(Event::Closing(closing)),
            Happening::DeskDies => self.desk_dies(),
            Happening::ClockSteps(step) => self.clock_stepped += step,
            Happening::Bytes { to_far, path, bytes } => self.bytes_arrive(to_far, path, bytes),
            Happening::TrunkDrops(trunk) => self.trunk_drops(&trunk),
            Happening::SoundPaced(late_ratio) => self.tell(upsets::paced(late_ratio)),
        }
    }

    /// Tells the exchange, and carries out what it orders, until it wants nothing more.
    fn tell(&mut self, event: Event) {
        self.soon.push_back(event);
        self.drain();
    }

    fn drain(&mut self) {
        if std::mem::replace(&mut self.draining, true) {
            return; // what waits is told by whoever drains already
        }
        self.drain_completely();
        self.draining = false;
    }

    fn drain_completely(&mut self) {
        loop {
            while let Some(action) = self.exchange.poll_action() {
                self.perform(action);
            }
            self.keep_peaks();
            self.settled();
            let Some(event) = self.soon.pop_front() else { return };
            if self.trouble.is_some() {
                return;
            }
            let again = self.sabotage.and_then(|sabotage| sabotage.repeats(&event));
            self.soon.extend(again.filter(|_| self.chance.hits(0.5)));
            if let Event::SoundOpened { sound, .. } = &event {
                self.opened = Some(*sound);
            }
            let broken = self.promises.see(Seen::Told(&event), self.now);
            self.note(broken);
            self.exchange.handle(event, self.now);
        }
    }

    fn keep_peaks(&mut self) {
        for (peak, (_, taken, _)) in self.peaks.iter_mut().zip(self.exchange.board().channels()) {
            *peak = taken.max(*peak);
        }
    }

    fn settled(&mut self) {
        let broken = self.promises.see(Seen::Settled(&self.exchange), self.now);
        self.note(broken);
    }

    fn note(&mut self, broken: Option<Objection>) {
        let Some((broken, promise, sentence)) = broken else { return };
        let lines = self.lines_of(broken.call.as_ref());
        let (seed, at) = (self.seed, self.now.mono);
        let trouble =
            Trouble { seed, at, promise, sentence, what: broken.what, call: broken.call, journal: lines };
        self.trouble.get_or_insert(Box::new(trouble));
    }

    fn ordered(&mut self, action: &Action) {
        let broken = self.promises.see(Seen::Ordered(action), self.now);
        self.note(broken);
    }

    fn perform(&mut self, action: Action) {
        let Some(action) = (match self.sabotage {
            Some(sabotage) => sabotage.bend(action),
            None => Some(action),
        }) else {
            return;
        };
        self.ordered(&action);
        self.takes_dice_of(self.owner_of(&action));
        match action {
            Action::Sip(order) => self.sip(order),
            Action::OpenSound { sound, beside, .. } => self.open_sound(sound, beside),
            Action::Sound { sound, order } => self.order_sound(sound, order),
            Action::Say { sound, saying, phrases, .. } => {
                let rendering = self.rendering(phrases.iter().all(|phrase| phrase.prepared));
                self.say_to_person(sound, &phrases);
                self.on_leg(sound, |leg, now| leg.say(saying, &phrases, rendering, now));
            }
            Action::Listen { call, sound, listen, question } => self.listen(&call, sound, listen, question),
            Action::Conclude { call, listen } => self.conclude(&call, listen),
            Action::StopListening { call, sound } => {
                if let Some(visit) = self.visit(&call) {
                    visit.stop_listening();
                }
                self.on_leg(sound, |leg, now| leg.stop_listening(now));
            }
            Action::TakeMessage { call, sound, hang, .. } => self.take_message(&call, sound, hang),
            Action::EndMessage { call } => self.end_message(&call),
            Action::Store { call, ask, keep } => self.store(call, ask, keep),
            Action::Journal { call, event } => self.journal(&call, &event),
            Action::Show(live) => {
                if let What::Rings { to } = &live.what
                    && let Some(visit) = self.visit(&live.call)
                {
                    visit.rung.push(to.reveal().clone());
                }
            }
            Action::Refused(_) => self.turned_away += 1,
            // A trunk here has one target, and what became of its calls is on record.
            Action::TargetFailed { .. } | Action::TargetServes { .. } => {}
            // No messages travel here: the line is told what they would mean. What is recorded is looked at by a promise.
            Action::Signalled { .. } | Action::Tape { .. } => {}
        }
    }

    fn journal(&mut self, call: &CallId, event: &desk::call::Event) {
        digits(&mut self.journal, self.now.mono.as_secs(), 5);
        self.journal.push(b'.');
        digits(&mut self.journal, self.now.mono.subsec_micros().into(), 6);
        self.journal.push(b' ');
        self.journal.extend_from_slice(call.0.as_bytes());
        self.journal.push(b' ');
        let written = serde_json::to_writer(&mut self.journal, event);
        debug_assert!(written.is_ok(), "memory takes every line");
        self.journal.push(b'\n');
    }

    /// The lines of one call, or else the last ones of all.
    fn lines_of(&self, call: Option<&CallId>) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.journal);
        let is_of = |line: &&str| call.is_none_or(|call| line.split(' ').nth(1) == Some(&call.0));
        let mut lines: Vec<String> = text.lines().filter(is_of).map(str::to_string).collect();
        let shown = if call.is_some() { lines.len() } else { SHOWN };
        lines.split_off(lines.len().saturating_sub(shown))
    }

    fn open_sound(&mut self, sound: SoundId, beside: Option<SoundId>) {
        let owner = beside.and_then(|other| self.sound_of.get(&other).copied());
        self.takes_dice_of(owner);
        self.sound_of.insert(sound, self.chance.owner());
        if let Some(leg) = self.inviting.take() {
            self.caller_of.insert(sound, leg);
            if let Some(visit) = self.visits.get_mut(&leg) {
                visit.sound = Some(sound);
            }
        }
        if self.throw(Fault::SocketRefused) {
            return self.later(0, 3, Happening::Tell(Event::SoundRefused { sound }));
        }
        let has_filler = self.sabotage != Some(Sabotage::PlaysNoFiller);
        let leg = Leg::new(has_filler);
        let is_callers = self.caller_of.contains_key(&sound);
        self.sounds.insert(sound, if is_callers { leg.of_caller() } else { leg });
        let port = 20_000 + u16::try_from(sound.0 % 20_000).unwrap_or(0);
        let address = std::net::SocketAddr::new(crate::shop::path().local.ip(), port);
        self.later(
            0,
            3,
            Happening::Tell(Event::SoundOpened { sound, address, secrets: crate::shop::secrets() }),
        );
    }

    fn order_sound(&mut self, sound: SoundId, order: SoundOrder) {
        match order {
            SoundOrder::Connect { opening, .. } => self.on_leg(sound, |leg, now| leg.connect(opening, now)),
            SoundOrder::Confirmed => {
                let opens_in = self.chance.millis(80, 250);
                self.on_leg(sound, |leg, now| leg.confirmed(opens_in, now));
            }
            SoundOrder::Change(_) | SoundOrder::TakenOver { .. } => {}
            SoundOrder::StopSaying => self.on_leg(sound, Leg::stop_saying),
            SoundOrder::Tone(tone) => {
                let sounds = tone != desk::call::Tone::Silence;
                self.on_leg(sound, |leg, now| leg.tone(sounds, now));
            }
            SoundOrder::Bridge { with } => self.bridge(sound, with),
            SoundOrder::Unbridge => self.unbridge(sound),
            SoundOrder::Close => self.close_sound(sound),
        }
    }

    fn unbridge(&mut self, sound: SoundId) {
        if let Some(other) = self.bridged.remove(&sound) {
            self.bridged.remove(&other);
            self.on_leg(sound, Leg::unbridge);
            self.on_leg(other, Leg::unbridge);
        }
    }

    fn close_sound(&mut self, sound: SoundId) {
        self.end_unfinished_message(sound);
        if let Some(other) = self.bridged.remove(&sound) {
            self.bridged.remove(&other);
            self.on_leg(other, Leg::unbridge);
        }
        let Some(leg) = self.sounds.get_mut(&sound).filter(|leg| !leg.is_closed()) else { return };
        let (first_word, longest_silence) = leg.close(self.now.mono);
        self.listen_in(sound);
        if !self.throw(Fault::ReportLost) {
            let event = SoundEvent::Closed { first_word, longest_silence, quality: None };
            self.later(0, 25, Happening::Tell(Event::Sound { sound, event }));
        }
    }

    fn on_leg(&mut self, sound: SoundId, change: impl FnOnce(&mut Leg, Duration)) {
        if let Some(leg) = self.sounds.get_mut(&sound) {
            change(leg, self.now.mono);
        }
        self.listen_in(sound);
    }

    /// Takes what a leg tells, keeps its next wake, and lets its caller answer.
    fn listen_in(&mut self, sound: SoundId) {
        let Some(leg) = self.sounds.get_mut(&sound) else { return };
        while let Some(event) = leg.poll() {
            self.soon.push_back(Event::Sound { sound, event });
        }
        let wake = leg.next_wake().map(|at| at.max(self.now.mono));
        let longest = leg.longest_silence(self.now.mono);
        let asked = leg.poll_question();
        self.wakes.set(sound, wake);
        let Some(visit) = self.caller_of.get(&sound).and_then(|leg| self.visits.get_mut(leg)) else { return };
        visit.longest_silence = longest;
        if let Some(call) = &visit.id {
            let broken = self.promises.see(Seen::Quiet { call, longest }, self.now);
            self.note(broken);
        }
        if let (Some(asked), Some(&leg)) = (asked, self.caller_of.get(&sound)) {
            self.asked(leg, asked);
        }
    }

    fn rendering(&mut self, prepared: bool) -> Rendering {
        let now = self.now.mono;
        if self.throw(Fault::SpeakingFails) {
            return Rendering::FailsAt(now + self.chance.millis(0, 800));
        }
        if prepared {
            return Rendering::ReadyAt(now);
        }
        if self.throw(Fault::SpeakingSlow) || self.sabotage == Some(Sabotage::PlaysNoFiller) {
            return Rendering::ReadyAt(now + self.chance.millis(1_500, 8_000));
        }
        Rendering::ReadyAt(now + self.chance.millis(120, 400))
    }

    fn takes_dice_of(&mut self, owner: Option<Owner>) {
        if let Some(owner) = owner {
            self.chance.of(owner);
        }
    }

    /// Whom an order is about.
    fn owner_of(&self, action: &Action) -> Option<Owner> {
        let of_call = |call: &CallId| Some(self.visits.get(self.by_id.get(call)?)?.owner);
        match action {
            Action::Sip(order) => self.owner_of_order(order),
            Action::Sound { sound, .. } => self.sound_of.get(sound).copied(),
            Action::Say { call, .. }
            | Action::Listen { call, .. }
            | Action::Conclude { call, .. }
            | Action::StopListening { call, .. }
            | Action::TakeMessage { call, .. }
            | Action::EndMessage { call }
            | Action::Store { call, .. }
            | Action::Journal { call, .. } => of_call(call),
            _ => None,
        }
    }

    fn visit(&mut self, call: &CallId) -> Option<&mut Visit> {
        let leg = self.by_id.get(call)?;
        self.visits.get_mut(leg)
    }

    fn heard_later(
        &mut self,
        least: u64,
        most: u64,
        call: &CallId,
        listen: desk::call::ListenId,
        heard: Heard,
    ) {
        self.later(least, most, Happening::Tell(Event::Heard { call: call.clone(), listen, heard }));
    }

    fn report(self) -> Result<DayReport, Box<Trouble>> {
        if let Some(trouble) = self.trouble {
            return Err(trouble);
        }
        let trunks = self.world.shop.business.channels.keys().cloned();
        let peaks = trunks.zip(self.peaks).filter(|(_, peak)| *peak > 0).collect();
        Ok(DayReport {
            seed: self.seed,
            calls: self.calls,
            arrivals: self.arrivals,
            turned_away: self.turned_away,
            messages: self.messages,
            peaks,
            thrown: self.thrown,
            hash: Sha256::digest(&self.journal).into(),
        })
    }
}

/// Writes a number in as many digits as it takes, and at least so many: a day's journal has a hundred thousand of them.
fn digits(into: &mut Vec<u8>, number: u64, least: usize) {
    let (mut left, from) = (number, into.len());
    while left > 0 || into.len() < from + least {
        into.push(b'0' + (left % 10) as u8);
        left /= 10;
    }
    into[from..].reverse();
}
