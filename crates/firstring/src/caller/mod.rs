//! A caller of our own: one real call over SIP and RTP, spoken by script and measured from its own sockets.
//!
//! It knows nothing of the desk it calls: it stands where a telephone stands, so what it measures is what a caller
//! gets. [`script`] is what it says, [`stage`] decides when, [`ear`] measures what comes back, [`drive`] owns the sockets
//! and the clock, [`report`] is what is known afterwards. [`phone`] is the other side: a telephone that somebody may pick
//! up, for calls that the desk places. `firstring test-call` ([`command`]) and `firstring demo` use it.
//!
//! Invariant: every call ends in bounded time, with a report or with a sentence that says why there is none.

pub mod command;
mod drive;
mod ear;
mod phone;
pub mod report;
mod script;
mod stage;
pub mod told;
mod voice;
mod wave;
mod wires;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use desk::private::Private;
pub use drive::place;
pub use phone::{Phone, PhonePlan};
pub use report::{Happening, Report};
pub use script::Script;
pub use voice::{Lines, render};

/// The voice that callers of ours have: not the desk's, so that a recording tells them apart.
pub const VOICE: speech::LocalVoice = speech::LocalVoice::Rms;

/// One call to place.
#[derive(Clone)]
pub struct Plan {
    /// Whom to call.
    pub target: sip::Uri,
    /// Where the INVITE goes.
    pub remote: SocketAddr,
    /// The number shown; empty for none.
    pub from: String,
    /// Account and password, for whoever asks for one.
    pub login: Option<(String, Private<String>)>,
    /// The only codec offered.
    pub codec: sip::sdp::Codec,
    /// What is said and when.
    pub script: Script,
    /// The sound of everything the script says.
    pub lines: Lines,
    /// Where to write what was heard, as WAV.
    pub record: Option<PathBuf>,
    /// How long it may ring.
    pub ring_for: Duration,
    /// The call is hung up after this.
    pub longest: Duration,
    /// Set from outside to hang up at once.
    pub stop: Arc<AtomicBool>,
}

/// Why a call could not even be placed, or its recording not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Sockets of ours.
    #[error("no sockets for a call to {remote}: {problem}. Is there a route to that address?")]
    Sockets {
        /// Where to.
        remote: SocketAddr,
        /// The system's words.
        problem: std::io::Error,
    },
    /// The recording.
    #[error("{path} cannot be written: {problem}. The call itself was placed and is over.")]
    Recording {
        /// The file.
        path: PathBuf,
        /// The system's words.
        problem: std::io::Error,
    },
}
