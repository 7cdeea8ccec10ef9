//! Sound: RTP, RTCP, codecs, reordering, digits, voice activity, playout. Frames in, frames out. Pure.
//!
//! One [`Leg`] is one side of a call as far as it can be heard. It is driven like every machine of the house: orders and
//! packets go in with their moment, events and packets are drained, and the next deadline is asked for. The moment is a
//! [`std::time::Duration`] since an origin the shell chose.
//!
//! What is said and when to listen is decided in `desk`; which address and codec in `line`; sockets and threads belong to
//! the shell. The one thing a leg decides alone is that it never stays silent: when it is our turn and nothing audible
//! goes out, it plays the filler it was given (see [`turn`]).
//!
//! Invariants: bytes from the network never panic; nothing is allocated per packet; a packet from the wrong place changes
//! nothing and gets nothing.

pub mod codec;
mod concealment;
pub mod digits;
pub mod g711;
pub mod g722;
pub mod keytones;
pub mod latch;
pub mod leg;
pub mod level;
pub mod listening;
mod opus;
mod pitch;
pub mod playout;
pub mod quality;
pub mod reception;
pub mod recording;
pub mod relay;
pub mod reorder;
pub mod resample;
pub mod rtcp;
pub mod rtp;
mod smoothing;
pub mod srtp;
pub mod timeline;
pub mod tones;
pub mod trim;
pub mod turn;
pub mod voice;

mod hearing;
mod holding;
mod music;

pub use codec::{Codec, Encoder};
pub use digits::Digit;
pub use g711::Law;
pub use hearing::Tap;
pub use latch::AddressRange;
pub use leg::{
    Connect, Deadline, DigitTypes, Direction, Event, Filler, Leg, LegId, Listen, Order, OursFrom, Outgoing,
    Play, Port, Why,
};
pub use listening::{BargeIn, SpeechEnd};
pub use playout::{Clip, ClipId, Interruptible};
pub use quality::{FarEnd, Quality};
pub use recording::{Recorded, Recorder, Recording, Track};
pub use relay::Relay;
pub use timeline::Timeline;
pub use tones::Tone;
pub use trim::Trim;

use std::time::Duration;

/// Samples a second of everything on a telephone line.
pub const RATE_HZ: u32 = 8_000;
/// Samples of the longest packet we send or listen to: 60 ms.
pub const MAX_PACKET_SAMPLES: usize = 480;
/// Longest datagram a leg writes; give it at least this much room.
pub const MAX_DATAGRAM: usize = 1_500;

/// A moment in ticks of an RTP clock of so many a second, wrapping.
fn ticks(at: Duration, clock_hz: u32) -> u32 {
    (at.as_micros() * u128::from(clock_hz) / 1_000_000) as u32
}

/// How long so many samples last.
fn lasting(samples: u64) -> Duration {
    Duration::from_micros(samples * 1_000_000 / u64::from(RATE_HZ))
}

/// How many samples so long a time has; at most a day.
fn samples_in(time: Duration) -> u64 {
    time.min(Duration::from_secs(86_400)).as_micros() as u64 * u64::from(RATE_HZ) / 1_000_000
}
