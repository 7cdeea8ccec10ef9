//! Session descriptions: what sound is sent where, in which codec. RFC 4566, RFC 3264, RFC 4568.
//!
//! [`parse`] reads what is needed of a description and keeps every media line, so that each can be answered.
//! [`answer`], [`offer`] and [`accept`] negotiate one audio stream for one leg. Which codecs and which direction are
//! wanted is decided by `line`; sound itself is the business of `media`.
//!
//! Invariants: a description of ours is written from our own [`Capabilities`] and never copied from theirs, except
//! the refused media lines and the payload numbers, which RFC 3264 makes theirs to choose. A codec that was not
//! offered is never named. A leg that has to be encrypted is never agreed upon in the clear, and the other way round.

mod codec;
mod crypto;
mod grammar;
mod negotiate;
mod writing;

pub use codec::Codec;
pub use crypto::{AgreedKeys, Keyring, MasterKey, Protection, Secrets, Suite};
pub use grammar::{Attribute, Connection, Media, SdpError, Session, parse};
pub use negotiate::{Agreed, Capabilities, Direction, OfferError, Rtcp, accept, answer};
pub use writing::offer;
