//! One call's legs: SIP words to desk words and back.
//!
//! The [`Exchange`] stands between the user agent, the sound of each leg and the desk. It decides which line
//! a call came in on, what sound format each leg speaks, which legs hear each other, and what a SIP status
//! means at a front desk. What to do with a call is decided in `desk`; how a message is written, in `sip`.
//!
//! Invariants: every leg that was opened is closed; a channel is given back when its leg ends; a person who
//! picks up too late is released.

mod contract;
mod exchange;
mod habits;
mod legs;
mod live;
mod protection;
mod setup;
mod signal;
mod sound;
mod strain;
mod wording;

pub use contract::{Action, Begun, Event, Keep, Opening, Refusal, SoundEvent, SoundId, SoundOrder};
pub use exchange::Exchange;
pub use habits::{CallerId, Encryption, Full, Habits, NumberForm, VerifiedIn};
pub use live::{Live, What};
pub use setup::{Outbound, Setup, Trunk, WhenLate};
pub use signal::{Message, Said, Sdp, Side, Signal};
pub use strain::{LATE, Refuses};
