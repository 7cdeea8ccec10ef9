//! The threads that own the sound: sockets, the slot wheel, and every leg's [`media::Leg`].
//!
//! What is played, when to listen and who is bridged is ordered by the control thread; it never waits for us, nor we for
//! it. Orders come through a bounded channel; what happens goes out through the function given at start.
//!
//! Invariants: no lock and no allocation per packet; a packet to be bridged leaves on arrival; a leg that panics is
//! closed alone.

mod bell;
mod pairs;
mod pulse;
mod seat;
mod wheel;
mod worker;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use media::{Event, LegId, Order, Tap};
pub use pulse::Pulse;

use bell::Bell;
use worker::{Command, Worker};

/// Orders waiting for one thread, at most. A thread takes all of them every few milliseconds.
const WAITING_ORDERS: usize = 8_192;

/// How the media threads are set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Threads, one per core at most; at least one is started.
    pub threads: usize,
    /// Ports for sound; even ones are used, with the odd one above for reports.
    pub rtp_ports: RangeInclusive<u16>,
    /// Packets are marked for the routers on their way.
    pub marked: bool,
    /// Moments in events count from here.
    pub origin: Instant,
}

/// Why an order did not reach its leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// No such leg, or it has been closed.
    #[error("leg {0:?} is not open")]
    NoSuchLeg(LegId),
    /// The thread has 8,192 orders waiting: it is stuck, or the machine is far beyond its load.
    #[error("the media thread of leg {0:?} takes no more orders")]
    Full(LegId),
    /// Only legs on one thread can be bridged: open the second beside the first.
    #[error("legs {0:?} and {1:?} are on different threads")]
    Apart(LegId, LegId),
}

/// All media threads. Dropping it ends them; open legs say goodbye.
pub struct MediaThreads {
    config: Config,
    threads: Vec<Thread>,
    homes: Mutex<HashMap<LegId, usize>>,
}

struct Thread {
    orders: SyncSender<Command>,
    bell: Arc<Bell>,
    pulse: Arc<pulse::Counters>,
    handle: Option<JoinHandle<()>>,
}

impl MediaThreads {
    /// Starts the threads. `events` is called on them and must not wait.
    pub fn start<F>(config: Config, events: F) -> io::Result<Self>
    where
        F: Fn(LegId, Event) + Send + Clone + 'static,
    {
        let threads = (0..config.threads.max(1))
            .map(|number| Thread::start(number, config.origin, events.clone()))
            .collect::<io::Result<_>>()?;
        Ok(Self { config, threads, homes: Mutex::default() })
    }

    /// Binds a pair of ports for a new leg, on the caller's thread, and gives the address for the SDP (its port; its IP
    /// is `bind_ip`). A leg that will be bridged is opened `beside` the one it will be bridged with.
    ///
    /// # Errors
    /// No pair is free, or the address is not ours. The call should then be refused with 503, or forwarded.
    pub fn open(&self, leg: LegId, bind_ip: IpAddr, beside: Option<LegId>) -> io::Result<SocketAddr> {
        let pair = pairs::bind(bind_ip, &self.config.rtp_ports, self.config.marked, chance())?;
        let address = pair.rtp.local_addr()?;
        let home = {
            let mut homes = self.homes.lock().unwrap_or_else(PoisonError::into_inner);
            if homes.contains_key(&leg) {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "this leg is open already"));
            }
            let neighbour = beside.and_then(|neighbour| homes.get(&neighbour).copied());
            let home = neighbour.unwrap_or_else(|| self.emptiest(&homes));
            homes.insert(leg, home);
            home
        };
        let command = Command::Open { leg, pair, chance: chance() };
        self.threads[home].send(leg, command).map_err(|full| {
            self.homes.lock().unwrap_or_else(PoisonError::into_inner).remove(&leg);
            io::Error::new(io::ErrorKind::WouldBlock, full)
        })?;
        Ok(address)
    }

    /// Gives an order to a leg. After [`Order::Close`] the leg is unknown here; its last event is still to come.
    pub fn order(&self, leg: LegId, order: Order) -> Result<(), OrderError> {
        let mut homes = self.homes.lock().unwrap_or_else(PoisonError::into_inner);
        let home = *homes.get(&leg).ok_or(OrderError::NoSuchLeg(leg))?;
        if let Order::Bridge { with } = order {
            let other = *homes.get(&with).ok_or(OrderError::NoSuchLeg(with))?;
            if other != home {
                return Err(OrderError::Apart(leg, with));
            }
        }
        let closes = matches!(order, Order::Close);
        self.threads[home].send(leg, Command::Order { leg, order })?;
        if closes {
            homes.remove(&leg);
        }
        Ok(())
    }

    /// How late packets have left since the start, over all threads.
    pub fn pulse(&self) -> Pulse {
        self.threads.iter().map(|thread| thread.pulse.read()).fold(Pulse::default(), Pulse::plus)
    }

    /// Legs that are open.
    pub fn legs(&self) -> usize {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn emptiest(&self, homes: &HashMap<LegId, usize>) -> usize {
        let legs = |thread: usize| homes.values().filter(|home| **home == thread).count();
        (0..self.threads.len()).min_by_key(|thread| legs(*thread)).unwrap_or(0)
    }
}

impl Thread {
    fn start<F>(number: usize, origin: Instant, events: F) -> io::Result<Self>
    where
        F: Fn(LegId, Event) + Send + 'static,
    {
        let (orders, waiting) = sync_channel(WAITING_ORDERS);
        let pulse = Arc::new(pulse::Counters::default());
        let worker = Worker::new(origin, waiting, pulse.clone(), events)?;
        let bell = worker.bell();
        let handle =
            std::thread::Builder::new().name(format!("media-{number}")).spawn(move || worker.run())?;
        Ok(Self { orders, bell, pulse, handle: Some(handle) })
    }

    fn send(&self, leg: LegId, command: Command) -> Result<(), OrderError> {
        self.orders.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => OrderError::Full(leg),
            TrySendError::Disconnected(_) => OrderError::NoSuchLeg(leg),
        })?;
        if let Err(error) = self.bell.ring() {
            tracing::warn!(%error, "Media thread could not be woken; it will look at its next packet");
        }
        Ok(())
    }
}

impl Drop for MediaThreads {
    fn drop(&mut self) {
        for thread in &mut self.threads {
            // A full channel still ends: the worker stops when the sending side is gone.
            let _full = thread.orders.try_send(Command::Stop);
            let (nothing, _) = sync_channel(0);
            drop(std::mem::replace(&mut thread.orders, nothing));
            let _asleep = thread.bell.ring();
            if let Some(handle) = thread.handle.take()
                && handle.join().is_err()
            {
                tracing::error!("A media thread had panicked");
            }
        }
    }
}

/// Where a leg's sound goes toward a recogniser: a bounded queue without locks.
///
/// Drop rule: a packet that does not fit as a whole is not taken, and counted in `Quality::tap_dropped`; positions count
/// only what was taken.
pub struct RingTap(rtrb::Producer<i16>);

impl RingTap {
    /// A queue for `capacity` samples (8,000 a second), and its reading end.
    pub fn with_room(capacity: usize) -> (Box<dyn Tap>, rtrb::Consumer<i16>) {
        let (producer, consumer) = rtrb::RingBuffer::new(capacity);
        (Box::new(Self(producer)), consumer)
    }
}

impl Tap for RingTap {
    fn write(&mut self, samples: &[i16]) -> bool {
        self.0.push_entire_slice(samples).is_ok()
    }
}

/// A number nobody outside can guess: the standard library's randomly keyed hash of nothing.
fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}
