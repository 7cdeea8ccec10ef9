//! Every call of this node, between the user agent, the sound and the desk.
//!
//! Invariants: each leg belongs to one call; events for legs that are gone change nothing, but whoever
//! waits on them is released.

mod admission;
mod arriving;
mod errands;
mod failover;
mod handing_over;
mod holding;
mod left_waiting;
mod orders;
mod putting_through;
mod queueing;
mod replacing;
mod reports;
mod signalling;
mod turning_away;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use desk::booking::Booking;
use desk::call::{Closing, Leg, Why};
use desk::machine::{Ask, Deadline, Moment};
use desk::record::CallId;
use desk::switchboard::Switchboard;

use crate::contract::{Action, Event, SoundId};
use crate::legs::{Legs, PersonState};
use crate::live::{Live, What};
use crate::setup::{Outbound, Setup};
use crate::signal::Party;
use crate::strain::Strain;
use failover::Luck;
use turning_away::TurnedAway;

/// A call has no business with more deadlines than this at one moment.
const MOST_WAKES: u32 = 64;

/// Names a call inside the exchange.
pub(crate) type CallNumber = u64;

/// Every call of this node.
#[derive(Debug)]
pub struct Exchange {
    setup: Setup,
    board: Switchboard,
    calls: BTreeMap<CallNumber, Legs>,
    by_id: BTreeMap<CallId, CallNumber>,
    by_sip: BTreeMap<sip::LegId, (CallNumber, Leg)>,
    by_sound: BTreeMap<SoundId, (CallNumber, Leg)>,
    /// Whose every leg of the user agent is, until it is released.
    parties: BTreeMap<sip::LegId, Party>,
    deadlines: BTreeSet<(Duration, CallNumber)>,
    wake: BTreeMap<CallNumber, Duration>,
    /// Told to a desk once its present change is drained.
    pending: VecDeque<(CallNumber, desk::call::Event)>,
    /// On their way to the store.
    bookings: BTreeMap<(CallId, Ask), Booking>,
    out: VecDeque<Action>,
    counted: u64,
    placed: u64,
    sounds: u64,
    /// Targets that failed lately, of every trunk.
    penalties: sip::Penalties,
    luck: Luck,
    turned_away: TurnedAway,
    strain: Strain,
    closing: bool,
}

impl Exchange {
    /// An exchange with no calls.
    pub fn new(mut setup: Setup) -> Self {
        let diaries = std::mem::take(&mut setup.diaries);
        let mut board = Switchboard::new(&setup.business.channels, diaries);
        for (name, trunk) in &setup.trunks {
            board.reserve(name, trunk.habits.reserved);
        }
        let luck = Luck(setup.salt);
        Exchange {
            setup,
            board,
            calls: BTreeMap::new(),
            by_id: BTreeMap::new(),
            by_sip: BTreeMap::new(),
            by_sound: BTreeMap::new(),
            parties: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            wake: BTreeMap::new(),
            pending: VecDeque::new(),
            bookings: BTreeMap::new(),
            out: VecDeque::new(),
            counted: 0,
            placed: 0,
            sounds: 0,
            penalties: sip::Penalties::default(),
            luck,
            turned_away: TurnedAway::default(),
            strain: Strain::default(),
            closing: false,
        }
    }

    /// Takes one change; drain [`Exchange::poll_action`] afterwards.
    pub fn handle(&mut self, event: Event, now: Moment) {
        match event {
            Event::Sip(notice) => self.sip(notice, now),
            Event::SoundOpened { sound, address, secrets } => {
                self.sound_opened(sound, address, secrets, now);
            }
            Event::SoundRefused { sound } => self.sound_refused(sound, now),
            Event::Sound { sound, event } => self.sound(sound, event, now),
            Event::Heard { call, listen, heard } => self.heard(&call, listen, heard, now),
            Event::Stored { call, ask, stored } => self.stored(&call, ask, stored, now),
            Event::MessageEnded { call, seconds } => {
                self.tell_by_id(&call, desk::call::Event::MessageEnded { seconds }, now);
            }
            Event::Paced { late_ratio, legs } => self.paced(late_ratio, legs, now),
            Event::Closing(closing) => self.close_down(closing, now),
        }
        self.settle(now);
    }

    /// The oldest order not carried out yet.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.pop_front()
    }

    /// The earliest deadline of all calls and of the queues, by the desk's name.
    pub fn poll_deadline(&self) -> Option<Deadline<Why>> {
        let of_call = self.deadlines.first().and_then(|(at, number)| {
            let why = self.calls.get(number)?.desk.poll_deadline()?.why;
            Some(Deadline { at: *at, why })
        });
        [of_call, self.rest_is_over()].into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    /// What was learned so far in a call that is up, by question.
    pub fn learned(&self, call: &CallId) -> Option<BTreeMap<String, String>> {
        let number = self.by_id.get(call)?;
        Some(self.calls.get(number)?.desk.learned())
    }

    /// What each call that is up waits for, by its desk's name; `None` only while the socket for a new call is
    /// being opened.
    pub fn deadlines(&self) -> impl Iterator<Item = (&CallId, Option<Deadline<Why>>)> {
        self.calls.values().map(|call| (&call.id, call.desk.poll_deadline()))
    }

    /// Calls that [`Exchange::handle_deadline`] wakes at this moment, and what each has waited for.
    pub fn due(&self, now: Moment) -> impl Iterator<Item = (&CallId, Deadline<Why>)> {
        let due = self.deadlines.iter().take_while(move |(at, _)| *at <= now.mono);
        let calls = due.filter_map(|(_, number)| self.calls.get(number));
        calls.filter_map(|call| Some((&call.id, call.desk.poll_deadline()?)))
    }

    /// Wakes every call whose deadline has passed.
    ///
    /// A call whose deadlines are over before they begin would keep every other call waiting for ever: it is given up.
    pub fn handle_deadline(&mut self, now: Moment) {
        let mut woken: BTreeMap<CallNumber, u32> = BTreeMap::new();
        while let Some(&(at, number)) = self.deadlines.first() {
            if at > now.mono {
                break;
            }
            self.deadlines.pop_first();
            self.wake.remove(&number);
            let times = woken.entry(number).or_insert(0);
            *times += 1;
            if *times > MOST_WAKES {
                self.tell(number, desk::call::Event::WentInCircles, now);
            } else if let Some(call) = self.calls.get_mut(&number) {
                call.desk.handle_deadline(now);
                self.carry_out(number, now);
            }
            self.settle(now);
        }
        self.settle(now);
    }

    /// True when the desk is closing and no call is left.
    pub fn is_over(&self) -> bool {
        self.closing && self.calls.is_empty() && self.out.is_empty()
    }

    /// Calls that are up.
    pub fn calls_up(&self) -> usize {
        self.calls.len()
    }

    /// What calls share, for the console.
    pub fn board(&self) -> &Switchboard {
        &self.board
    }

    /// What calls share: for the calendar's busy times, which the shell reads anew.
    pub fn board_mut(&mut self) -> &mut Switchboard {
        &mut self.board
    }

    /// From now on calls to people over this trunk go there.
    pub fn reach_people(&mut self, trunk: &str, outbound: Outbound) {
        if let Some(trunk) = self.setup.trunks.get_mut(trunk) {
            trunk.outbound = Some(outbound);
        }
    }

    /// From now on a person whose SIP address this is, reached by this trunk, is called there without the trunk.
    pub fn reach_address(&mut self, trunk: &str, address: &str, paths: sip::Targets<sip::Path>) {
        if let Some(trunk) = self.setup.trunks.get_mut(trunk) {
            trunk.addresses.insert(address.to_string(), Some(paths));
        }
    }

    /// What was given at start.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    fn close_down(&mut self, closing: Closing, now: Moment) {
        self.closing = true;
        self.out.push_back(Action::Sip(sip::Order::StopAccepting));
        for number in self.calls.keys().copied().collect::<Vec<_>>() {
            self.tell(number, desk::call::Event::Closing(closing), now);
        }
    }

    /// Gives one event to the call's desk, writes it down, and carries out what it orders.
    fn tell(&mut self, number: CallNumber, event: desk::call::Event, now: Moment) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        self.out.push_back(Action::Journal { call: call.id.clone(), event: event.clone() });
        call.desk.handle(event, now);
        self.carry_out(number, now);
    }

    fn tell_by_id(&mut self, id: &CallId, event: desk::call::Event, now: Moment) {
        if let Some(&number) = self.by_id.get(id) {
            self.tell(number, event, now);
        }
    }

    fn carry_out(&mut self, number: CallNumber, now: Moment) {
        while let Some(action) = self.calls.get_mut(&number).and_then(|call| call.desk.poll_action()) {
            self.perform(number, action, now);
        }
        self.mind(number);
    }

    /// Lets the calls hear what was found out while they were being carried out, and buries those that ended.
    fn settle(&mut self, now: Moment) {
        loop {
            while let Some((number, event)) = self.pending.pop_front() {
                self.tell(number, event, now);
            }
            if !self.serve_queues(now) {
                return;
            }
        }
    }

    /// Keeps the call's next deadline in order, and lets go of a call that is over.
    fn mind(&mut self, number: CallNumber) {
        let call = self.calls.get(&number);
        let is_over = call.is_some_and(Legs::is_over);
        let next = call.filter(|_| !is_over).and_then(|call| call.desk.poll_deadline());
        self.wakes_at(number, next.map(|deadline| deadline.at));
        if is_over {
            self.bury(number);
        }
    }

    /// Most changes leave the next deadline where it was.
    fn wakes_at(&mut self, number: CallNumber, next: Option<Duration>) {
        let before = self.wake.get(&number).copied();
        if before == next {
            return;
        }
        if let Some(at) = before {
            self.deadlines.remove(&(at, number));
        }
        match next {
            Some(at) => {
                self.deadlines.insert((at, number));
                self.wake.insert(number, at);
            }
            None => drop(self.wake.remove(&number)),
        }
    }

    fn bury(&mut self, number: CallNumber) {
        let Some(call) = self.calls.remove(&number) else { return };
        self.by_id.remove(&call.id);
        self.board.queues_mut().leave(&call.id);
        self.by_sound.remove(&call.caller.sound);
        for person in call.people.values() {
            debug_assert_eq!(person.state, PersonState::Ended);
            self.by_sound.remove(&person.sound);
        }
    }

    fn show(&mut self, number: CallNumber, what: What, now: Moment) {
        if let Some(call) = self.calls.get(&number) {
            let ms = u64::try_from(now.since(call.started).as_millis()).unwrap_or(u64::MAX);
            self.out.push_back(Action::Show(Live { call: call.id.clone(), at: now.wall, ms, what }));
        }
    }

    fn new_sound(&mut self) -> SoundId {
        self.sounds += 1;
        SoundId(self.sounds)
    }
}
