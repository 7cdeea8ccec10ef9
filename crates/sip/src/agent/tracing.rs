//! What is told of the messages of a leg: each the first time, and at the end how often it was repeated.
//!
//! Invariant: what is remembered of a leg is bounded by [`Setup::traced`](crate::Setup), however much is said in it.

use std::sync::Arc;
use std::time::Duration;

use super::server::server_key;
use super::{Agent, Arrival};
use crate::message::{self, Message};
use crate::name::{Method, Name};
use crate::notice::{LegId, Notice};
use crate::order::Path;
use crate::trace::{Repeated, Trace};
use crate::vet::{Request, read_cseq};

/// The messages of one leg so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    messages: Vec<Once>,
    left_out: u32,
}

/// One message, however often it was said.
#[derive(Debug)]
struct Once {
    is: Sameness,
    times: u32,
    first: Duration,
    last: Duration,
}

/// What a message and its repetition have in common. Replies of several phones to one call are told apart by what they
/// say, not by who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sameness {
    sent: bool,
    status: Option<u16>,
    cseq: u32,
    /// The first signs of the method.
    method: [u8; 8],
    body: usize,
}

impl Sameness {
    fn of(message: &Message, sent: bool) -> Sameness {
        let (cseq, named) = message.header(Name::CSeq).and_then(read_cseq).unwrap_or((0, ""));
        let name = message.method().map_or(named, Method::as_str);
        let mut method = [0; 8];
        method.iter_mut().zip(name.bytes()).for_each(|(place, sign)| *place = sign);
        Sameness { sent, status: message.status(), cseq, method, body: message.body().len() }
    }
}

impl Agent {
    /// The leg that a request belongs to: by its dialog, or by the INVITE that it repeats, acknowledges or cancels.
    pub(super) fn traced_leg(&self, request: &Request<'_>, dialog: Option<LegId>) -> Option<LegId> {
        let method = match request.method {
            Method::Ack | Method::Cancel => &Method::Invite,
            other => other,
        };
        let invited = || self.servers.get(&server_key(request, method)).and_then(|server| server.about);
        dialog.or_else(|| if self.setup.traced > 0 { invited() } else { None })
    }

    /// The leg of a request of ours; that of a CANCEL is its INVITE's.
    pub(super) fn leg_of_client(&self, key: &str) -> Option<LegId> {
        let invite = key.strip_suffix("\nCANCEL").unwrap_or(key);
        self.clients.get(invite).and_then(|client| client.leg)
    }

    /// Sends what belongs to a leg.
    pub(super) fn send_of(&mut self, leg: Option<LegId>, path: Path, bytes: Vec<u8>) {
        let message = match leg {
            Some(_) if self.setup.traced > 0 => message::parse(&bytes).ok(),
            Some(_) | None => None,
        };
        self.send(path, bytes);
        if let Some(message) = message {
            self.trace(leg, &message, true, path);
        }
    }

    /// The same message of ours again, over and over.
    pub(super) fn send_again(&mut self, key: &Arc<str>, path: Path, bytes: Vec<u8>) {
        let leg = self.leg_of_client(key);
        self.send_of(leg, path, bytes);
    }

    /// Tells what came in for a leg.
    pub(super) fn hear_of(&mut self, arrival: &Arrival, message: &Message) {
        self.trace(arrival.about, message, false, arrival.path);
    }

    pub(super) fn trace(&mut self, leg: Option<LegId>, message: &Message, sent: bool, path: Path) {
        let most = self.setup.traced;
        let Some(id) = leg.filter(|_| most > 0) else { return };
        let now = self.now;
        let Some(told) = self.legs.get_mut(&id).map(|leg| &mut leg.told) else { return };
        let is = Sameness::of(message, sent);
        if let Some(once) = told.messages.iter_mut().find(|once| once.is == is) {
            (once.times, once.last) = (once.times.saturating_add(1), now);
            return;
        }
        if told.messages.len() >= most {
            told.left_out = told.left_out.saturating_add(1);
            return;
        }
        told.messages.push(Once { is, times: 1, first: now, last: now });
        let number = u32::try_from(told.messages.len()).unwrap_or(u32::MAX);
        let trace = Box::new(Trace::of(message, number, sent, path));
        self.tell(Notice::Traced { leg: id, trace });
    }

    /// A leg is over: tells what was said more than once.
    pub(super) fn tell_repeated(&mut self, leg: LegId, told: &Told) {
        let again = (1..).zip(&told.messages).filter(|(_, once)| once.times > 1);
        let repeated: Vec<Repeated> = again
            .map(|(number, once)| Repeated {
                number,
                times: once.times,
                over: once.last.saturating_sub(once.first),
            })
            .collect();
        if !repeated.is_empty() || told.left_out > 0 {
            self.tell(Notice::Repeated { leg, repeated, left_out: told.left_out });
        }
    }
}
