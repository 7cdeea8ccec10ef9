//! The loop of one media thread: readiness, orders, the wheel.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use media::{Event, Leg, LegId, MAX_DATAGRAM, Order, Port, Quality};
use mio::{Events, Interest, Poll, Token};

use super::bell::Bell;
use super::pairs::Pair;
use super::pulse::Counters;
use super::seat::Seat;
use super::wheel::Wheel;

/// The token that says "orders are waiting".
const ORDERS: Token = Token(usize::MAX);
/// Readiness taken from the system at once.
const READY_AT_ONCE: usize = 1_024;
/// Datagrams taken from one socket before the others get their turn.
const DRAINED_AT_ONCE: u32 = 64;
/// Milliseconds over which legs are spread.
const PHASES: usize = 20;
/// Orders taken before packets get their turn again.
const ORDERS_AT_ONCE: u32 = 256;
/// Milliseconds of the wheel before packets and orders get their turn again. A thread with more legs than it can hold is never
/// through with its wheel, and must hear all the same that some of them are over.
const TICKS_AT_ONCE: u32 = 20;

/// Sent to a thread.
pub enum Command {
    /// A new leg with its sockets.
    Open { leg: LegId, pair: Pair, chance: u64 },
    /// An order for a leg.
    Order { leg: LegId, order: Order },
    /// Say goodbye on every leg and end.
    Stop,
}

/// All that one thread owns.
pub struct Worker<F> {
    origin: Instant,
    poll: Poll,
    bell: Arc<Bell>,
    waiting: Receiver<Command>,
    events: F,
    pulse: Arc<Counters>,
    seats: Vec<Option<Box<Seat>>>,
    free: Vec<u32>,
    by_id: HashMap<LegId, u32>,
    wheel: Wheel,
    phases: [u32; PHASES],
    due: Vec<u32>,
    /// Sockets that had more than their turn allowed.
    unfinished: Vec<(u32, Port)>,
    inbox: Box<[u8; 2_048]>,
    outbox: Box<[u8; MAX_DATAGRAM]>,
    stopping: bool,
}

impl<F: Fn(LegId, Event)> Worker<F> {
    pub fn new(
        origin: Instant,
        waiting: Receiver<Command>,
        pulse: Arc<Counters>,
        events: F,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let bell = Arc::new(Bell::new(poll.registry(), ORDERS)?);
        Ok(Self {
            origin,
            poll,
            bell,
            waiting,
            events,
            pulse,
            seats: Vec::with_capacity(1_024),
            free: Vec::with_capacity(1_024),
            by_id: HashMap::with_capacity(1_024),
            wheel: Wheel::new(),
            phases: [0; PHASES],
            due: Vec::with_capacity(256),
            unfinished: Vec::with_capacity(64),
            inbox: Box::new([0; 2_048]),
            outbox: Box::new([0; MAX_DATAGRAM]),
            stopping: false,
        })
    }

    pub fn bell(&self) -> Arc<Bell> {
        self.bell.clone()
    }

    /// Until told to stop, or the handle is gone.
    pub fn run(mut self) {
        let mut ready = Events::with_capacity(READY_AT_ONCE);
        while !self.stopping {
            let sleep =
                if self.unfinished.is_empty() { self.wheel.sleep(self.now()) } else { Some(Duration::ZERO) };
            if let Err(error) = self.poll.poll(&mut ready, sleep)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "Media thread cannot wait for its sockets");
                std::thread::sleep(Duration::from_millis(1)); // no spinning; the wheel goes on turning
            }
            for (index, port) in std::mem::take(&mut self.unfinished) {
                self.drain(index, port);
            }
            let mut orders = false;
            for readiness in &ready {
                match readiness.token() {
                    ORDERS => orders = true,
                    Token(token) => {
                        self.drain((token / 2) as u32, if token % 2 == 0 { Port::Rtp } else { Port::Rtcp })
                    }
                }
            }
            if orders {
                self.take_orders();
            }
            self.turn_wheel();
        }
        self.close_all();
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Takes what has come on one socket. Readiness is told once, so it is drained, or remembered as unfinished.
    fn drain(&mut self, index: u32, port: Port) {
        for _ in 0..DRAINED_AT_ONCE {
            let Some(Some(seat)) = self.seats.get_mut(index as usize) else { return };
            let Some((length, from)) = seat.next_datagram(port, &mut self.inbox[..]) else {
                return self.settle(index);
            };
            let now = self.origin.elapsed();
            let datagram = &mut self.inbox[..length];
            let partner = seat.partner;
            let leg = &mut seat.leg;
            let received = apart(move || match port {
                Port::Rtp => leg.receive(datagram, from, now),
                Port::Rtcp => {
                    leg.receive_report(datagram, from, now);
                    None
                }
            });
            match received {
                Ok(None) => {}
                Ok(Some(relay)) => {
                    if let Some(Some(Some(other))) = partner.map(|other| self.seats.get_mut(other as usize)) {
                        other.relay(&relay, now, &mut self.outbox[..], &self.pulse);
                    }
                }
                Err(_) => return self.broken(index),
            }
        }
        self.unfinished.push((index, port));
        self.settle(index);
    }

    fn take_orders(&mut self) {
        self.bell.is_heard();
        for _ in 0..ORDERS_AT_ONCE {
            match self.waiting.try_recv() {
                Ok(Command::Open { leg, pair, chance }) => self.open(leg, pair, chance),
                Ok(Command::Order { leg, order }) => self.obey(leg, order),
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => {
                    self.stopping = true;
                    return;
                }
                Err(TryRecvError::Empty) => return,
            }
        }
        if let Err(error) = self.bell.ring() {
            tracing::warn!(%error, "Media thread could not remind itself of waiting orders");
        }
    }

    fn open(&mut self, id: LegId, mut pair: Pair, chance: u64) {
        let index = self.free.pop().unwrap_or(self.seats.len() as u32);
        let registry = self.poll.registry();
        let token = 2 * index as usize;
        let registered = registry
            .register(&mut pair.rtp, Token(token), Interest::READABLE)
            .and_then(|()| registry.register(&mut pair.rtcp, Token(token + 1), Interest::READABLE));
        if let Err(error) = registered {
            tracing::error!(leg = id.0, %error, "A leg's sockets cannot be watched; the leg is closed");
            self.free.push(index);
            return (self.events)(id, Event::Closed { quality: Quality::default(), at: self.now() });
        }
        let phase = (0..PHASES).min_by_key(|phase| self.phases[*phase]).unwrap_or(0);
        self.phases[phase] += 1;
        let mut leg = Leg::new(chance);
        leg.set_phase(Duration::from_millis(phase as u64));
        let seat = Some(Box::new(Seat::new(id, leg, pair, phase)));
        match self.seats.get_mut(index as usize) {
            Some(place) => *place = seat,
            None => self.seats.push(seat),
        }
        self.by_id.insert(id, index);
    }

    fn obey(&mut self, id: LegId, order: Order) {
        let Some(&index) = self.by_id.get(&id) else {
            tracing::debug!(leg = id.0, ?order, "Order for a leg that is gone");
            return;
        };
        match order {
            Order::Bridge { with } => return self.bridge(index, with),
            Order::Unbridge | Order::Close => self.unbridge(index),
            Order::Connect(_)
            | Order::Acked
            | Order::Play(_)
            | Order::StopPlaying
            | Order::Listen(_)
            | Order::StopListening
            | Order::Tone(_)
            | Order::Direct(_)
            | Order::SendDigit(_)
            | Order::Record(_) => {}
        }
        self.tell_leg(index, order);
    }

    fn bridge(&mut self, index: u32, with: LegId) {
        let Some(&other) = self.by_id.get(&with).filter(|other| **other != index) else {
            tracing::warn!(leg = with.0, "Leg to bridge with is gone");
            return;
        };
        self.unbridge(index);
        self.unbridge(other);
        for (one, two) in [(index, other), (other, index)] {
            let partner = self.seats[two as usize].as_ref().map(|seat| seat.id);
            if let (Some(with), Some(seat)) = (partner, self.seats[one as usize].as_mut()) {
                seat.partner = Some(two);
                self.tell_leg(one, Order::Bridge { with });
            }
        }
    }

    fn unbridge(&mut self, index: u32) {
        let partner = self.seats[index as usize].as_mut().and_then(|seat| seat.partner.take());
        if let Some(other) = partner {
            if let Some(seat) = self.seats[other as usize].as_mut() {
                seat.partner = None;
            }
            self.tell_leg(other, Order::Unbridge);
            self.tell_leg(index, Order::Unbridge);
        }
    }

    fn tell_leg(&mut self, index: u32, order: Order) {
        let now = self.now();
        let Some(Some(seat)) = self.seats.get_mut(index as usize) else { return };
        let obeyed = apart(|| seat.leg.handle(order, now));
        match obeyed {
            Ok(()) => self.look_at(index),
            Err(_) => self.broken(index),
        }
    }

    fn turn_wheel(&mut self) {
        let mut due = std::mem::take(&mut self.due);
        for _ in 0..TICKS_AT_ONCE {
            let Some(tick) = self.wheel.turn(self.now(), &mut due) else { break };
            for index in due.drain(..) {
                let Some(Some(seat)) = self.seats.get(index as usize) else { continue };
                if seat.due == tick {
                    self.pulse.note_late(self.now().saturating_sub(seat.wanted));
                    self.look_at(index);
                }
            }
        }
        self.due = due;
    }

    /// Lets a leg do and send what is due.
    fn look_at(&mut self, index: u32) {
        let now = self.now();
        let Some(Some(seat)) = self.seats.get_mut(index as usize) else { return };
        let (outbox, pulse) = (&mut self.outbox[..], &self.pulse);
        let looked = apart(|| {
            seat.leg.handle_deadline(now);
            seat.send_due(now, outbox, pulse);
        });
        match looked {
            Ok(()) => self.settle(index),
            Err(_) => self.broken(index),
        }
    }

    /// Tells what happened and puts the leg where it is looked at next, or lets it go.
    fn settle(&mut self, index: u32) {
        let Some(Some(seat)) = self.seats.get_mut(index as usize) else { return };
        while let Some(event) = seat.leg.poll_event() {
            let id = seat.id;
            if seat.leg.is_over() {
                self.forget(index); // before it is told: the ports are free again when it is known
                return (self.events)(id, event);
            }
            (self.events)(id, event);
        }
        let Some(deadline) = seat.leg.poll_deadline() else { return };
        let tick = self.wheel.tick_for(deadline.at);
        if seat.due != tick {
            seat.due = tick;
            seat.wanted = deadline.at;
            self.wheel.put(index, tick);
        }
    }

    fn forget(&mut self, index: u32) {
        let Some(mut seat) = self.seats.get_mut(index as usize).and_then(Option::take) else { return };
        let id = seat.id;
        let pair = seat.pair_mut();
        for socket in [&mut pair.rtp, &mut pair.rtcp] {
            if let Err(error) = self.poll.registry().deregister(socket) {
                tracing::debug!(leg = id.0, %error, "Socket was not watched");
            }
        }
        self.phases[seat.phase] -= 1;
        self.by_id.remove(&id);
        self.free.push(index);
    }

    /// A leg that panicked is closed alone; its call goes to the cascade, every other call goes on.
    fn broken(&mut self, index: u32) {
        let Some(Some(seat)) = self.seats.get_mut(index as usize) else { return };
        tracing::error!(leg = seat.id.0, "A leg's machine panicked; it is closed, every other leg goes on");
        let (id, partner) = (seat.id, seat.partner.take());
        self.forget(index);
        (self.events)(id, Event::Closed { quality: Quality::default(), at: self.now() });
        if let Some(other) = partner {
            if let Some(Some(seat)) = self.seats.get_mut(other as usize) {
                seat.partner = None;
            }
            self.tell_leg(other, Order::Unbridge);
        }
    }

    fn close_all(&mut self) {
        let open: Vec<u32> = self.by_id.values().copied().collect();
        for index in open {
            self.tell_leg(index, Order::Close);
        }
    }
}

/// Does something with one leg; its panic is no other leg's.
fn apart<R>(work: impl FnOnce() -> R) -> std::thread::Result<R> {
    catch_unwind(AssertUnwindSafe(work))
}
