//! One message of a call's signalling, as the call's journal keeps it.
//!
//! The journal is the owner's own record: it holds who called, and here also where a far end was. Numbers, names and
//! credentials of a message are left out by `sip` before they come here.

use serde::{Deserialize, Serialize};
use sip::sdp::{Codec, Direction};
use sip::{Described, LegId, Place, Repeated, Trace};

use crate::sound;

/// Something that was said on one leg.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// The leg: one attempt to reach somebody.
    pub leg: String,
    /// Whose leg it is.
    pub side: Side,
    /// The trunk a caller came by; the person who is rung.
    pub name: String,
    /// What was said.
    #[serde(flatten)]
    pub said: Said,
}

/// Whose leg it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Who called.
    Caller,
    /// Who is rung.
    Person,
}

/// What was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Said {
    /// A message, the first time.
    Message(Message),
    /// A message that was said again; told when the leg is over.
    Again {
        /// The number of the message in its leg.
        number: u32,
        /// How often in all.
        times: u32,
        /// From the first to the last.
        over_ms: u64,
    },
    /// There were more than are kept.
    LeftOut {
        /// How many.
        messages: u32,
    },
}

/// A SIP message, without whom it names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its number in its leg.
    pub number: u32,
    /// We sent it.
    pub sent: bool,
    /// The method of a request, or of the request that a reply answers.
    pub method: String,
    /// The number of the request.
    pub cseq: u32,
    /// Of a reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The reason phrase of a reply.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// How it travelled: `udp`, `tcp` or `tls`.
    pub transport: String,
    /// The other end.
    pub far: String,
    /// Headers that tell why: name and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// What it offers or takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp: Option<Sdp>,
    /// The type of another body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carries: Option<String>,
    /// The formats that this trunk is to speak, where there was none in common.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub we_have: Vec<String>,
}

/// What a session description says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sdp {
    /// Sound formats, the one liked best first.
    pub codecs: Vec<String>,
    /// Keys are sent as events.
    pub digits: bool,
    /// `sendrecv`, `sendonly`, `recvonly` or `inactive`, seen from who wrote it.
    pub direction: String,
    /// Where sound is wanted: `public`, `private`, `name` or `nowhere`.
    pub place: String,
    /// It is to be encrypted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub srtp: bool,
    /// Media that are no sound.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
}

/// Whose leg it is, kept from its first message to its last.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    pub call: desk::record::CallId,
    pub side: Side,
    pub name: String,
    pub codecs: Vec<Codec>,
}

impl Party {
    pub fn signal(&self, leg: LegId, said: Said) -> Signal {
        Signal { leg: leg.to_string(), side: self.side, name: self.name.clone(), said }
    }

    /// A message as it is kept. No format in common is told with those that there are here.
    pub fn message(&self, trace: Trace) -> Said {
        let (status, reason) = trace.reply.unzip();
        let none_in_common = matches!(status, Some(415 | 488 | 606));
        let ours = self.codecs.iter().filter(|_| none_in_common);
        Said::Message(Message {
            number: trace.number,
            sent: trace.sent,
            method: trace.method,
            cseq: trace.cseq,
            status,
            reason: reason.unwrap_or_default(),
            transport: trace.transport.to_string(),
            far: trace.far.to_string(),
            headers: trace.says,
            sdp: trace.described.map(Sdp::from),
            carries: trace.carries,
            we_have: ours.map(|codec| sound::name(*codec).to_string()).collect(),
        })
    }
}

impl From<Repeated> for Said {
    fn from(again: Repeated) -> Said {
        let over_ms = u64::try_from(again.over.as_millis()).unwrap_or(u64::MAX);
        Said::Again { number: again.number, times: again.times, over_ms }
    }
}

impl From<Described> for Sdp {
    fn from(described: Described) -> Sdp {
        let direction = match described.direction {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        };
        let place = match described.place {
            Place::Public => "public",
            Place::Private => "private",
            Place::Name => "name",
            Place::Nowhere => "nowhere",
        };
        Sdp {
            codecs: described.codecs,
            digits: described.digits,
            direction: direction.to_string(),
            place: place.to_string(),
            srtp: described.is_secure,
            others: described.others,
        }
    }
}
