//! The way to the control thread, from every other thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use mio::Waker;
use tokio::sync::oneshot;

use crate::shell::wire::Report;

/// What the control thread is told by other threads.
#[derive(Debug)]
pub enum Letter {
    /// For the exchange.
    Line(line::Event),
    /// From the media thread, to be told apart by leg.
    Media(line::SoundId, media::Event),
    /// From a SIP connection.
    Wire {
        /// Which of those that lead there; 0 for one that was not even tried.
        number: u64,
        /// What became of it.
        report: Report,
    },
    /// Sentences that were rendered.
    Rendered(crate::shell::saying::Rendered),
    /// The desk is to stop.
    Stop,
    /// A drill was asked for, or ended.
    Drill,
    /// Where a trunk's registrar is, for the first time or anew.
    RegistrarFound {
        /// The trunk.
        trunk: Arc<str>,
        /// Not empty.
        targets: sip::Targets<std::net::SocketAddr>,
    },
    /// Where calls to people over a trunk go, for the first time or anew.
    ProxyFound {
        /// The trunk.
        trunk: Arc<str>,
        /// Not empty.
        targets: sip::Targets<std::net::SocketAddr>,
    },
    /// Where a person's own SIP address is, for the first time or anew.
    PersonFound {
        /// The trunk it is reached by.
        trunk: Arc<str>,
        /// The SIP address.
        address: Arc<str>,
        /// Not empty.
        targets: sip::Targets<std::net::SocketAddr>,
    },
    /// The addresses of a host that may send calls, for the first time or anew.
    CallersFound {
        /// The trunk.
        trunk: Arc<str>,
        /// The host.
        host: Arc<str>,
        /// Not empty.
        addresses: Vec<std::net::IpAddr>,
    },
    /// Where the STUN server is, for the first time or anew.
    StunFound {
        /// Not empty.
        targets: sip::Targets<std::net::SocketAddr>,
    },
    /// What became of the recording of a call.
    Recorded {
        /// The call.
        call: desk::record::CallId,
        /// When it started, or at least the day.
        started: jiff::Timestamp,
        /// What is known of it.
        recording: desk::record::Recording,
        /// Told once the store has that; dropped if it has not.
        kept: Option<oneshot::Sender<()>>,
    },
    /// What was kept longer than the owner wants is to be deleted.
    Forget {
        /// The oldest moment that is kept.
        before: jiff::Timestamp,
    },
    /// The busy times of a calendar were read anew.
    Busy {
        /// Which calendar.
        calendar: String,
        /// When nobody can come.
        busy: Vec<(jiff::Timestamp, jiff::Timestamp)>,
    },
}

/// Letters that may wait; 2,000 calls bring a few hundred a second each way.
const LETTERS: usize = 65_536;

/// Sends to the control thread. Never waits: what does not fit is dropped and counted, and the deadline of
/// whoever waits for it puts it right.
#[derive(Clone, Debug)]
pub struct Inbox {
    sender: SyncSender<Letter>,
    waker: Arc<Waker>,
    dropped: Arc<AtomicU64>,
}

impl Inbox {
    /// The two ends.
    pub fn new(waker: Arc<Waker>) -> (Inbox, Receiver<Letter>) {
        let (sender, letters) = sync_channel(LETTERS);
        (Inbox { sender, waker, dropped: Arc::default() }, letters)
    }

    /// Tells the exchange something.
    pub fn send(&self, event: line::Event) {
        self.post(Letter::Line(event));
    }

    /// Tells what became of a SIP connection.
    pub fn post_wire(&self, number: u64, report: Report) {
        self.post(Letter::Wire { number, report });
    }

    /// Sends any letter, and wakes the control thread.
    pub fn post(&self, letter: Letter) {
        match self.sender.try_send(letter) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            // The control thread has ended; the process is ending.
            Err(TrySendError::Disconnected(_)) => {}
        }
        // Waking fails only when the poll is gone, and then nobody is left to wake.
        let _ = self.waker.wake();
    }

    /// Letters that did not fit.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
