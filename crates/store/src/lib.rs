//! Memory: records, bookings, messages and callbacks, in one SQLite database beside journals and recordings.
//!
//! One thread writes ([`Store`]); anybody reads ([`Reader`]), also from another process. Nothing here is asked
//! before a call is answered: every way in is a `try_` that never waits, and that a write is durable is an
//! event, [`Written`]. What is stored and what is promised on it is decided in `desk`; how long things are kept
//! is decided by configuration and carried out in [`retention`].
//!
//! In the data directory: `firstring.db`, `journals/YYYY-MM-DD/CALL.jsonl`, `messages/ID.wav`,
//! `recordings/YYYY-MM-DD/CALL.wav`, and `lock`, held by the one desk that writes.
//!
//! Invariant: what was answered with `Ok` is there after a crash or a power cut, and a call that had started
//! when the desk went down has a record and a callback after the next start.

pub mod bucket;
mod crash;
pub mod journal;
mod reader;
pub mod recording;
pub mod retention;
mod rows;
mod schema;
pub mod sound;
mod write;
mod writer;

pub use crash::Interrupted;
pub use reader::{Page, ReadError, Reader};
pub use write::{CallStarted, NotStored, Stored, Write, Written};
pub use writer::{Health, OpenError, Opened, QUEUE, QueueFull, Store};
