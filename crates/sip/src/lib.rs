//! The phone protocol as machines: messages, transactions, dialogs, session descriptions. Bytes in, bytes out.
//!
//! An [`Agent`] is one SIP endpoint. Messages and [`Order`]s go in with the time, messages and [`Notice`]s
//! come out; it holds every transaction and dialog of the endpoint and resends, times out and buries them by
//! itself. [`sdp`] answers and makes session descriptions. What a call *means* is decided elsewhere (`line` and
//! `desk`), and sockets, clocks and names belong to the shell.
//!
//! It joins a trunk by [`Order::Register`], proves itself by the [`Account`] of the trunk's name, and lets a peer with a
//! guard ([`Order::ReplaceGuards`]) in only if it does the same.
//!
//! Invariants: bytes from the network never panic and never grow anything past a stated bound; a stranger costs
//! one table entry a minute and gets no answer; whatever lives has a named [`Deadline`]; every [`LegId`] that was
//! announced ends in exactly one ending notice and one [`Notice::Released`].
//!
//! Connections are the shell's, like sockets: it cuts them into messages by a [`stream::Stream`] and says when one has
//! ended, and a [`Path`] says which is meant.
//!
//! Absent on purpose, room left: being a registrar for others.

mod address;
mod agent;
mod digest;
mod grammar;
mod limits;
mod locate;
pub mod message;
mod name;
mod notice;
mod order;
mod peer;
mod registration;
pub mod sdp;
pub mod stream;
pub mod stun;
mod timers;
mod tokens;
mod trace;
mod uri;
mod vet;
mod via;
mod writer;

pub use address::Address;
pub use agent::{Agent, Counts};
pub use digest::{Asks, Credentials, Password};
pub use limits::Limits;
pub use locate::{Answer, Found, Penalties, Question, Record, RecordKind, Search, Targets};
pub use message::Message;
pub use name::{Method, Name};
pub use notice::{
    Action, DivertedBy, DivertedWhy, EndedBy, Invitation, LegId, Notice, Party, Referral, Unanswered,
};
pub use order::{
    Absence, Account, Call, Event, Extra, Gate, Identity, Order, Path, ReferTo, Refusal, Transport,
};
pub use peer::{Network, NetworkError, Peer, Proof, Setup, is_private, told_to};
pub use registration::{Registrar, Registration, RegistrationState, contact_user};
pub use timers::{Deadline, Why};
pub use trace::{Described, Place, Repeated, Trace};
pub use uri::{Scheme, Uri, UriError};
pub use via::Via;
