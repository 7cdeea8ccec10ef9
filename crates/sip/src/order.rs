//! What goes into an agent: messages, what became of connections, and orders.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::digest::{Asks, Credentials};
use crate::notice::LegId;
use crate::peer::{Peer, Proof};
use crate::registration::Registrar;
use crate::uri::Uri;

/// How messages travel. RFC 3261 section 18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// One datagram, one message; whatever is lost is sent again by the agent.
    Udp,
    /// A connection, cut into messages by a [`Stream`](crate::stream::Stream).
    Tcp,
    /// The same, encrypted.
    Tls,
}

impl Transport {
    /// True if nothing that arrives at all is lost on the way, so that nothing is sent twice.
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }

    /// The port where none is written. RFC 3261 section 19.1.2.
    pub fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
        }
    }

    /// As a Via names it.
    pub(crate) fn in_via(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        }
    }

    /// The parameter by which a URI asks for it; UDP needs none.
    pub fn in_uri(self) -> &'static str {
        match self {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
        }
    }
}

impl std::fmt::Display for Transport {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        })
    }
}

/// From which of our sockets to which far one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// How.
    pub transport: Transport,
    /// Where the far end finds us: the socket we listen on, for a received datagram best the address it was sent to,
    /// not the wildcard. That is so for connections too, whichever side opened them.
    pub local: SocketAddr,
    /// The far socket. One connection leads there at a time, for both directions.
    pub remote: SocketAddr,
}

impl Path {
    /// A path over UDP.
    pub fn udp(local: SocketAddr, remote: SocketAddr) -> Path {
        Path::over(Transport::Udp, local, remote)
    }

    /// A path over any transport.
    pub fn over(transport: Transport, local: SocketAddr, remote: SocketAddr) -> Path {
        Path { transport, local, remote }
    }

    /// True if both are the same connection.
    pub(crate) fn is_along(self, other: Path) -> bool {
        self.transport == other.transport && self.remote == other.remote
    }
}

/// What happens to an agent.
#[derive(Debug, Clone)]
pub enum Event {
    /// A datagram arrived, or one message of a connection.
    Received {
        /// On this socket, from that one.
        path: Path,
        /// As it arrived; anything at all.
        bytes: Vec<u8>,
    },
    /// The same, while more calls wait than can be answered soon: a new call is answered 503 without any state, and
    /// asked to leave us alone for a moment; anything else is as ever.
    Crowded {
        /// On this socket, from that one.
        path: Path,
        /// As it arrived; anything at all.
        bytes: Vec<u8>,
    },
    /// The connection that led there has ended. What was sent last may or may not have arrived.
    Ended {
        /// Any path along it.
        path: Path,
    },
    /// No connection could be made, so what was sent there was lost.
    Unreached {
        /// The path of what was sent.
        path: Path,
    },
    /// The two sides of a connection do not trust each other, so what was sent there was lost.
    Mistrusted {
        /// The path of what was sent.
        path: Path,
        /// A sentence for whoever set up the trunk: what is wrong with which certificate, and what helps.
        why: String,
    },
    /// A connection that was opened to us by TLS is up, and this is what its far end has proved, be it nothing. To be said
    /// before anything that is heard along it; [`Agent::admits`](crate::Agent::admits) tells whether that will be heard.
    Shown {
        /// Any path along it.
        path: Path,
        /// What its certificate is good for.
        proof: Proof,
    },
    /// A connection from somebody whom [`Agent::lets_in`](crate::Agent::lets_in) does not know was closed unread.
    Shut {
        /// From where it came.
        source: SocketAddr,
    },
    /// The call is to take a turn.
    Order(Order),
}

/// What is wanted of an agent. An order for a leg that is over, or that does not fit its state (both sides may move
/// at once), changes nothing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Order {
    /// Tell the caller that it rings (180).
    Ring {
        /// An invited leg.
        leg: LegId,
    },
    /// Take the call (200), with our answer, or with our offer if the invitation held none.
    Answer {
        /// An invited leg.
        leg: LegId,
        /// The session description.
        sdp: String,
    },
    /// Do not take the call.
    Refuse {
        /// An invited leg.
        leg: LegId,
        /// Why, as the caller is told.
        refusal: Refusal,
    },
    /// Place a call.
    Call(Box<Call>),
    /// Place a call over an account: if the far end asks for a password, this one is given. What is sent elsewhere than
    /// to the address the call goes to, or to a peer of the account's name, is never proved.
    CallOver {
        /// The name of an account.
        account: Arc<str>,
        /// The call.
        call: Box<Call>,
    },
    /// Ask whether a far end is there (OPTIONS); [`Notice::Probed`](crate::Notice::Probed) says so, once.
    Probe {
        /// A name for the answer; also that of the account, if a password is asked for.
        name: Arc<str>,
        /// Whom.
        target: Uri,
        /// From where to where.
        path: Path,
    },
    /// Register at a trunk and stay registered, or go on so with another path or duration. How that goes is told by
    /// [`Notice::Registration`](crate::Notice::Registration).
    Register(Box<Registrar>),
    /// End a registration; the last notice of it says how that went.
    Unregister {
        /// The name of the registration.
        name: Arc<str>,
    },
    /// Others reach us at these addresses from now on, see [`Setup`](crate::Setup). Registrations
    /// whose address changed are renewed at once.
    Advertise(Vec<(SocketAddr, SocketAddr)>),
    /// A placed call may be sent on (3xx) to these targets, each once, by the path it was placed on. Without this order, and
    /// for any other target, a 3xx is a refusal.
    MayFollow {
        /// A placed leg that is not answered yet.
        leg: LegId,
        /// Whom it would be right to call as well.
        targets: Vec<Uri>,
    },
    /// A placed call that gets no reply at all for so long from now, not even a provisional one, is told as
    /// [`Unanswered::Silent`](crate::Unanswered::Silent): for whoever can call by another path. Otherwise that takes 32 seconds.
    ExpectReply {
        /// A placed leg.
        leg: LegId,
        /// How long.
        within: Duration,
    },
    /// Give up a placed call that is not answered yet. [`Notice::Refused`](crate::Notice::Refused) comes at once,
    /// and an answer that crosses is acknowledged and hung up.
    Cancel {
        /// A placed leg.
        leg: LegId,
    },
    /// End the call, whatever its state. An invitation that was not decided upon is refused as unavailable.
    HangUp {
        /// Any leg.
        leg: LegId,
        /// Written into the Reason header (RFC 3326) for whoever reads the far end's log; may be empty.
        reason: String,
    },
    /// Make an offer inside an answered call (hold, resume, another address). One that waits to be made again, because it
    /// met theirs, is made with this description instead.
    Offer {
        /// An answered leg.
        leg: LegId,
        /// The session description.
        sdp: String,
    },
    /// Ask the far end of an answered call to call somebody else in our place (REFER, RFC 3515).
    /// [`Notice::Referred`](crate::Notice::Referred) tells what came of it, once, unless the call ends before. The call goes on
    /// until somebody hangs up.
    Refer {
        /// An answered leg.
        leg: LegId,
        /// A name for the answer, not used before on this leg.
        name: u32,
        /// Whom to call.
        to: ReferTo,
    },
    /// Say that somebody else will be called as the far end wants it (202); what comes of it has to be told.
    TakeReferral {
        /// The leg of [`Notice::ReferralWanted`](crate::Notice::ReferralWanted).
        leg: LegId,
        /// Its name.
        name: u32,
    },
    /// Say that nobody will be called; the call goes on as it was.
    RefuseReferral {
        /// The leg of [`Notice::ReferralWanted`](crate::Notice::ReferralWanted).
        leg: LegId,
        /// Its name.
        name: u32,
        /// Why, as the far end is told.
        refusal: Refusal,
    },
    /// Tell the far end what comes of what it wanted, which was taken. A final status is told once and ends that.
    TellReferral {
        /// The leg of [`Notice::ReferralWanted`](crate::Notice::ReferralWanted).
        leg: LegId,
        /// Its name.
        name: u32,
        /// As if it had called itself: 180, 200, 486 and the like.
        status: u16,
    },
    /// Answer the far end's offer inside the call, or give our offer if it asked for one.
    AnswerOffer {
        /// The leg of [`Notice::Offered`](crate::Notice::Offered).
        leg: LegId,
        /// The session description.
        sdp: String,
    },
    /// Refuse the far end's offer inside the call (488); the call goes on as it was.
    RefuseOffer {
        /// The leg of [`Notice::Offered`](crate::Notice::Offered).
        leg: LegId,
    },
    /// From now on new invitations and OPTIONS are answered 503, so that the trunk goes elsewhere.
    StopAccepting,
    /// These are the accounts from now on. Placed calls choose theirs by [`CallOver`](Order::CallOver); in a call that
    /// came in, requests of ours are proved by the account that has the name of its peer.
    ReplaceAccounts(Vec<Account>),
    /// From now on a new call from the peer of one of these names has to prove that it knows the password (401), and a
    /// peer without one need not. Realms that are left open are `firstring`. A wrong password, or none after several
    /// tries, is told, at most once a minute for each name, by [`Notice::Unproved`](crate::Notice::Unproved).
    ReplaceGuards(Vec<Gate>),
    /// From now on new calls of a trunk, and its questions whether we are there, meet what they would meet without us; each
    /// such call is told by [`Notice::Missed`](crate::Notice::Missed). `None` ends it. Calls that are up go on.
    PlayDead {
        /// The name of a peer or a registration.
        trunk: Arc<str>,
        /// What is met instead of us.
        how: Option<Absence>,
    },
    /// Other sources are let in from now on. Calls that are up keep their source.
    ReplacePeers(Vec<Peer>),
}

/// Whom the far end of a call is asked to call in our place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferTo {
    /// Somebody new. RFC 5589 section 6.
    Somebody(Uri),
    /// The far end of another answered leg, where it takes our place (Replaces, RFC 3891). RFC 5589 section 7.
    FarEndOf(LegId),
}

/// What a peer has to prove before its calls are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// The peer, and what it has to know.
    pub account: Account,
    /// How it proves that.
    pub digest: Asks,
}

/// How somebody is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Nothing answers: no power, no network.
    Silent,
    /// 486 to new calls.
    Busy,
    /// 503 to new calls and to OPTIONS.
    Unavailable,
}

/// Who we are toward one trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name of the trunk.
    pub name: Arc<str>,
    /// What is answered when a password is asked for.
    pub credentials: Credentials,
}

/// A call to place.
#[derive(Debug, Clone)]
pub struct Call {
    /// A name for the leg, of [`LegId::placed`], not used before.
    pub leg: LegId,
    /// Whom.
    pub target: Uri,
    /// From where to where the INVITE goes. The names were resolved by the shell.
    pub path: Path,
    /// Who calls, as the far end sees it.
    pub from: Identity,
    /// Further headers about who calls and how the call got here.
    pub extra: Vec<(Extra, String)>,
    /// Our offer.
    pub sdp: String,
    /// How long it may take until it is answered.
    pub ring_for: Duration,
}

/// The From of a placed call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Shown name; may be empty.
    pub display: String,
    /// Number or user in plain text; may be empty.
    pub user: String,
    /// Domain or address; empty: our own address.
    pub host: String,
}

/// Headers that a placed call may carry beside the plain ones. Control characters in values become spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Extra {
    PAssertedIdentity,
    PPreferredIdentity,
    Diversion,
    HistoryInfo,
    Privacy,
    /// The call that this one takes the place of. RFC 3891.
    Replaces,
}

impl Extra {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Extra::PAssertedIdentity => "P-Asserted-Identity",
            Extra::PPreferredIdentity => "P-Preferred-Identity",
            Extra::Diversion => "Diversion",
            Extra::HistoryInfo => "History-Info",
            Extra::Privacy => "Privacy",
            Extra::Replaces => "Replaces",
        }
    }
}

/// Why a caller is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// 403: this source may call, but not this.
    Forbidden,
    /// 404: nobody has this number here.
    NotFound,
    /// 480: nobody there now.
    Absent,
    /// 486: every channel is taken.
    Busy,
    /// 488: no codec in common.
    NotAcceptable,
    /// 500: our fault.
    Failed,
    /// 503: a carrier then takes its next route.
    Unavailable {
        /// When it may try again.
        retry_after: Option<Duration>,
    },
    /// 603.
    Declined,
    /// 607: this caller is not wanted (RFC 8197).
    Unwanted,
    /// 608: blocked by a list, not by a person (RFC 8688).
    Blocked,
}

impl Refusal {
    pub(crate) fn status(&self) -> (u16, &'static str) {
        match self {
            Refusal::Forbidden => (403, "Forbidden"),
            Refusal::NotFound => (404, "Not Found"),
            Refusal::Absent => (480, "Temporarily Unavailable"),
            Refusal::Busy => (486, "Busy Here"),
            Refusal::NotAcceptable => (488, "Not Acceptable Here"),
            Refusal::Failed => (500, "Server Internal Error"),
            Refusal::Unavailable { .. } => (503, "Service Unavailable"),
            Refusal::Declined => (603, "Decline"),
            Refusal::Unwanted => (607, "Unwanted"),
            Refusal::Blocked => (608, "Rejected"),
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Refusal::Unavailable { retry_after } => *retry_after,
            Refusal::Forbidden
            | Refusal::NotFound
            | Refusal::Absent
            | Refusal::Busy
            | Refusal::NotAcceptable
            | Refusal::Failed
            | Refusal::Declined
            | Refusal::Unwanted
            | Refusal::Blocked => None,
        }
    }
}

/// The name of a peer, shared so that a call costs no copy of it.
pub(crate) type PeerName = Arc<str>;
