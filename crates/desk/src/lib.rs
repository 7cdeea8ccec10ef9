//! The desk: decides who is tried, what is asked and what is booked, until the caller has an answer.
//!
//! One [`call::Call`] is one caller. It is a machine: an event goes in with its moment, actions are
//! drained, and the next deadline is asked for. Ringing, speaking, hearing and storing are done by others;
//! SIP, sound and files are unknown here.
//!
//! Invariant: a live call always has a named deadline, and a finished call has exactly one
//! [`record::Record`].

pub mod booking;
pub mod business;
pub mod call;
pub mod cascade;
pub mod counting;
pub mod explain;
pub mod greeting;
pub mod hours;
pub mod intake;
pub mod machine;
pub mod number;
pub mod phrase;
pub mod private;
pub mod queue;
pub mod record;
pub mod routing;
pub mod sabotage;
pub mod sayings;
pub mod switchboard;
pub mod talk;
pub mod understand;
