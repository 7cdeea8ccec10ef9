//! What comes out of an agent: messages and notices.

mod diversion;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::order::Path;
use crate::registration::Registration;
use crate::trace::{Repeated, Trace};
use crate::uri::Uri;

pub use diversion::{DivertedBy, DivertedWhy};

/// One side of a call, as long as the agent lives. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

impl LegId {
    const PLACED: u64 = 1 << 63;

    /// The name of a leg that the caller of the API places; `number` is counted by that caller. Legs that arrive are
    /// counted by the agent, from 1, and never meet these.
    pub fn placed(number: u64) -> LegId {
        LegId(number | LegId::PLACED)
    }

    /// True for legs that we placed.
    pub fn is_placed(self) -> bool {
        self.0 & LegId::PLACED != 0
    }
}

impl std::fmt::Display for LegId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = if self.is_placed() { "out" } else { "in" };
        write!(out, "{side}-{}", self.0 & !LegId::PLACED)
    }
}

/// What is to be done for an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Put these bytes on the wire: over the connection that leads there, or over a new one. If there can be none,
    /// [`Event::Unreached`](crate::Event::Unreached) says so.
    Send {
        /// From this socket to that one.
        path: Path,
        /// One datagram, or one message of a connection.
        bytes: Vec<u8>,
    },
    /// Tell the call.
    Tell(Notice),
}

/// What an agent has to tell.
///
/// Every leg gets exactly one of [`Refused`](Notice::Refused), [`Cancelled`](Notice::Cancelled),
/// [`AckNeverCame`](Notice::AckNeverCame) and [`Ended`](Notice::Ended), later (or at once)
/// [`Released`](Notice::Released), and nothing after that.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Somebody who may calls us.
    Invited(Box<Invitation>),
    /// The far phone rings, or plays something (`sdp`). Told again only with another description.
    Ringing {
        /// A placed leg.
        leg: LegId,
        /// 101 to 199: 180 rings, 181 is being forwarded, 182 queued, 183 plays.
        status: u16,
        /// Early session description.
        sdp: Option<String>,
    },
    /// The far end took the placed call; its ACK is on the way.
    Answered {
        /// A placed leg.
        leg: LegId,
        /// The answer to our offer.
        sdp: String,
    },
    /// A placed call was not answered, for whatever reason. An ending.
    Refused {
        /// A placed leg.
        leg: LegId,
        /// Final status, 300 to 699. 408 also for what never replied, 487 also for what we gave up, 503 also where no
        /// connection could be made or the one there was has ended.
        status: u16,
        /// Reason phrase of the far end, or why its question for a password was not answered. For logs only.
        reason: String,
        /// When it may be tried again, if the far end said so.
        retry_after: Option<Duration>,
        /// What that means.
        why: Unanswered,
    },
    /// The caller's ACK arrived: the call is up both ways.
    Confirmed {
        /// An invited leg; also any leg after [`Offered`](Notice::Offered) without a description.
        leg: LegId,
        /// Their answer, if the offer was ours.
        sdp: Option<String>,
    },
    /// Our 200 was not acknowledged within 32 seconds; BYE was sent. An ending.
    AckNeverCame {
        /// The leg.
        leg: LegId,
    },
    /// The far end offers something else inside the call. To be decided at once by
    /// [`AnswerOffer`](crate::Order::AnswerOffer) or [`RefuseOffer`](crate::Order::RefuseOffer).
    Offered {
        /// An answered leg, or a placed one that rings.
        leg: LegId,
        /// Its offer; `None`: it asks for ours, and its answer will come with [`Confirmed`](Notice::Confirmed).
        sdp: Option<String>,
    },
    /// The far end answered our offer inside the call.
    OfferAnswered {
        /// An answered leg.
        leg: LegId,
        /// Its answer.
        sdp: String,
    },
    /// The far end refused our offer inside the call; what was agreed before stays.
    OfferRefused {
        /// An answered leg.
        leg: LegId,
        /// Its status; 491 also if an offer of theirs is being decided here.
        status: u16,
    },
    /// The far end wants somebody else to be called in its place. To be decided at once by
    /// [`TakeReferral`](crate::Order::TakeReferral) or [`RefuseReferral`](crate::Order::RefuseReferral).
    ReferralWanted {
        /// An answered leg.
        leg: LegId,
        /// A name for the decision.
        name: u32,
        /// Whom, in the far end's words: nothing of that may be followed unseen.
        to: Box<Uri>,
        /// The call that is to be replaced there, as a Replaces header says it: the two have talked already.
        replaces: Option<String>,
    },
    /// What came of asking the far end to call somebody else.
    Referred {
        /// An answered leg.
        leg: LegId,
        /// The name in [`Order::Refer`](crate::Order::Refer).
        name: u32,
        /// What came of it.
        end: Referral,
    },
    /// A key was pressed, told by INFO. Digits in the sound are the business of `media`.
    Digit {
        /// An answered leg.
        leg: LegId,
        /// One of `0-9*#A-D`.
        digit: char,
    },
    /// The caller gave up before we answered. An ending.
    Cancelled {
        /// An invited leg.
        leg: LegId,
    },
    /// The call is over. An ending.
    Ended {
        /// The leg.
        leg: LegId,
        /// Who ended it.
        by: EndedBy,
    },
    /// A message of the leg went out or came in for the first time. Told of as many as
    /// [`Setup::traced`](crate::Setup::traced) says.
    Traced {
        /// The leg.
        leg: LegId,
        /// What it said.
        trace: Box<Trace>,
    },
    /// What was said more than once, or not told; before [`Released`](Notice::Released), if there is anything.
    Repeated {
        /// The leg.
        leg: LegId,
        /// Messages that went out or came in again.
        repeated: Vec<Repeated>,
        /// Messages that were not told because there were too many.
        left_out: u32,
    },
    /// Every trace of the leg but tombstones is gone.
    Released {
        /// The leg.
        leg: LegId,
    },
    /// How a registration stands now.
    Registration(Box<Registration>),
    /// A far end was asked whether it is there.
    Probed {
        /// The name the question had.
        name: Arc<str>,
        /// Its final status, whatever it is: it is there. `None`: not a word in 32 seconds, or nothing could be sent, or
        /// no connection be made.
        status: Option<u16>,
    },
    /// A peer called with a wrong user name or password, or several times with none, and was refused.
    Unproved {
        /// The name of the peer.
        peer: Arc<str>,
        /// Where it called from.
        source: SocketAddr,
    },
    /// A new call met nobody, because [`Order::PlayDead`](crate::Order::PlayDead) wants it so; told each time it is sent.
    Missed {
        /// The trunk it came over.
        trunk: Arc<str>,
    },
    /// Somebody nobody knows connected with a certificate that a peer's authority vouches for, for other domains than the
    /// peer's, and was closed unread. Told at most once a minute for each source.
    NearlyProved {
        /// The name of the peer.
        peer: Arc<str>,
        /// Where it came from.
        source: SocketAddr,
        /// What the certificate is for: the first few domains.
        domains: Vec<String>,
    },
    /// Packets of a source that is no peer were dropped. Told for the first packet of a source, and at the end of
    /// the minute if more came.
    Stranger {
        /// The source, with the port of its first packet.
        source: SocketAddr,
        /// How many packets in this minute so far.
        packets: u64,
    },
}

impl Notice {
    /// The leg that this notice is about.
    pub fn leg(&self) -> Option<LegId> {
        match self {
            Notice::Invited(invitation) => Some(invitation.leg),
            Notice::Ringing { leg, .. }
            | Notice::Answered { leg, .. }
            | Notice::Refused { leg, .. }
            | Notice::Confirmed { leg, .. }
            | Notice::AckNeverCame { leg }
            | Notice::Offered { leg, .. }
            | Notice::OfferAnswered { leg, .. }
            | Notice::OfferRefused { leg, .. }
            | Notice::ReferralWanted { leg, .. }
            | Notice::Referred { leg, .. }
            | Notice::Digit { leg, .. }
            | Notice::Cancelled { leg }
            | Notice::Ended { leg, .. }
            | Notice::Traced { leg, .. }
            | Notice::Repeated { leg, .. }
            | Notice::Released { leg } => Some(*leg),
            Notice::Registration(_)
            | Notice::Probed { .. }
            | Notice::Unproved { .. }
            | Notice::NearlyProved { .. }
            | Notice::Missed { .. }
            | Notice::Stranger { .. } => None,
        }
    }

    /// True for the one notice that ends a leg.
    pub fn is_ending(&self) -> bool {
        matches!(
            self,
            Notice::Refused { .. }
                | Notice::Cancelled { .. }
                | Notice::AckNeverCame { .. }
                | Notice::Ended { .. }
        )
    }
}

/// What came of asking a far end to call somebody else in our place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referral {
    /// Whom we named took the call: only our own side is left to hang up.
    Taken,
    /// Whom we named did not take it; the call with us goes on.
    NotTaken {
        /// As the far end told it, 300 to 699.
        status: u16,
        /// What that means.
        why: Unanswered,
    },
    /// The far end does not do it: its status, 408 also if it did not answer.
    Refused {
        /// 300 to 699.
        status: u16,
    },
    /// It was to be done, and what came of it was not told.
    Untold,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// The far end hung up.
    FarEnd,
    /// We hung up, or refused the invitation.
    Us,
    /// The far end no longer knows the call, or lets requests inside it unanswered.
    Error,
    /// A stated limit ran out: nobody decided upon the invitation, or the call reached its longest time.
    Limit,
}

/// Why a placed call was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// 486, 600: in another call.
    Busy,
    /// 603, 607, 608, 403: somebody or something said no.
    Declined,
    /// 404, 410, 484, 485, 604: no such number there.
    NotFound,
    /// 415, 488, 606: no way of talking in common.
    NotAcceptable,
    /// 480: nobody there now.
    Absent,
    /// 401, 407: it wants a password, and we have none or not the right one. Where the call was placed over an account,
    /// the reason says what is wrong with it.
    Unauthorized,
    /// 3xx: it wants us to call elsewhere. Never followed here.
    Moved,
    /// 408 or any 5xx: the far system failed.
    Failed,
    /// It rang as long as was ordered.
    RangOut,
    /// Not a single reply, or no connection: the far system is gone.
    Silent,
    /// We gave up.
    Cancelled,
    /// Its answer could not be used, or we have no address to be called back at.
    Unusable,
    /// Any other refusal.
    Other,
}

impl Unanswered {
    pub(crate) fn from_status(status: u16) -> Unanswered {
        match status {
            300..=399 => Unanswered::Moved,
            401 | 407 => Unanswered::Unauthorized,
            404 | 410 | 484 | 485 | 604 => Unanswered::NotFound,
            415 | 488 | 606 => Unanswered::NotAcceptable,
            480 => Unanswered::Absent,
            486 | 600 => Unanswered::Busy,
            403 | 603 | 607 | 608 => Unanswered::Declined,
            408 | 500..=599 => Unanswered::Failed,
            _ => Unanswered::Other,
        }
    }
}

/// A call that wants to come in. Texts are as the caller wrote them: nothing in here was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The name of the new leg.
    pub leg: LegId,
    /// Whose trunk it came by: the name of the registration whose Contact was called, else of the peer.
    pub peer: Arc<str>,
    /// The sockets it came by.
    pub path: Path,
    /// The number that was dialled: user part of the request URI, as most carriers write it; over a registration, where
    /// that is our own Contact, of P-Called-Party-ID or else To.
    pub request_user: String,
    /// Whom the network says was called: user part of P-Called-Party-ID (RFC 7315 section 4.2).
    pub called_party: Option<String>,
    /// The To header.
    pub to: Party,
    /// The From header.
    pub from: Party,
    /// Call-ID, for logs and for finding the call at the carrier.
    pub call_id: String,
    /// Diversion headers (RFC 5806), as written, the last diversion first, at most 16.
    pub diversion: Vec<String>,
    /// History-Info entries (RFC 7044), as written, at most 16.
    pub history_info: Vec<String>,
    /// P-Asserted-Identity entries (RFC 3325), as written, at most 16.
    pub p_asserted_identity: Vec<String>,
    /// Privacy header (RFC 3323), as written.
    pub privacy: Option<String>,
    /// Headers whose names begin with `X-`, as written, at most 16: what a network adds of its own.
    pub extensions: Vec<(String, String)>,
    /// The leg of the same trunk whose place it wants: answered, or placed and not answered yet. When this call is answered, that
    /// one is hung up, and its ending is told. RFC 3891.
    pub replaces: Option<LegId>,
    /// The caller's offer; `None` if it wants ours.
    pub offer: Option<String>,
}

/// A name and number out of a header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// Display name without quotes; may be empty.
    pub display: String,
    /// User part with escapes undone, or the number of a tel URI; may be empty.
    pub user: String,
    /// Host; empty for a tel URI.
    pub host: String,
}
