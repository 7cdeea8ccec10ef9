//! The edges of the desk: sockets, threads and the clock, around machines that decide everything.
//!
//! One control thread owns the user agent and the exchange ([`control`]); sound belongs to the media threads;
//! hearing, speaking and writing messages are tasks beside it. Every way back is a [`inbox::Letter`].

pub mod addresses;
pub mod asking;
pub mod calendars;
pub mod certificate;
pub mod clock;
pub mod connections;
pub mod control;
pub mod drilling;
pub mod encrypting;
pub mod finishing;
pub mod hearing;
pub mod inbox;
pub mod keeping;
pub mod outside;
pub mod pacing;
pub mod queue;
pub mod recording;
pub mod registering;
pub mod resolving;
pub mod saying;
mod signalling;
pub mod stalls;
pub mod standing;
pub mod taping;
pub mod telling;
pub mod throttled;
pub mod tls;
pub mod trusting;
pub mod wire;
