//! Ringing that has to arrive: reliable provisional replies to callers who require them. RFC 3262.
//!
//! Only who requires it gets it: our ringing says nothing that the answer does not, and the answer does not wait for
//! anything. What those we call send that way is heard in [`early`](super::early).

use std::time::Duration;

use super::leg::Stage;
use super::server::Says;
use super::{Agent, Alarm, Arrival};
use crate::limits::{GONE, T1};
use crate::message::Message;
use crate::name::Name;
use crate::notice::{EndedBy, LegId, Notice};
use crate::order::Path;
use crate::timers::{Ticket, Why};
use crate::vet::Request;

/// The option tag.
pub(super) const TAG: &str = "100rel";

/// What a leg remembers of its reliable ringing.
#[derive(Debug)]
pub(super) struct Reliable {
    /// RSeq of the last one that was sent, or the number before the first.
    number: u32,
    open: Option<Open>,
}

/// One that was not acknowledged yet.
#[derive(Debug)]
struct Open {
    path: Path,
    bytes: Vec<u8>,
    interval: Duration,
    resend: Ticket,
    give_up: Ticket,
}

impl Agent {
    /// What a new leg needs if its INVITE requires reliability. The first number is chance (section 3).
    pub(super) fn reliability(&mut self, invite: &Message) -> Option<Reliable> {
        let required = invite.entries(Name::Require).any(|tag| tag.eq_ignore_ascii_case(TAG));
        let number = (self.tokens.number() % (1 << 30)) as u32;
        required.then_some(Reliable { number, open: None })
    }

    /// Rings so that it arrives; false if the caller does not require that.
    pub(super) fn ring_reliably(&mut self, id: LegId) -> bool {
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let Some(reliable) = leg.reliable.as_mut() else { return false };
        let Stage::Invited { server, offered, .. } = &leg.stage else { return true };
        // The first reliable reply to an INVITE without an offer must hold ours (RFC 3261 section 13.2.1), which is
        // made when the call is answered; and one at a time.
        if !offered || reliable.open.is_some() {
            return true;
        }
        reliable.number += 1;
        let headers = vec![("Require", TAG.to_owned()), ("RSeq", reliable.number.to_string())];
        let (server, path) = (server.clone(), leg.dialog.path);
        let says = Says { contact: self.contact_at(path), headers, sdp: None };
        let Some((path, bytes)) = self.reply_provisional(&server, 180, "Ringing", says) else { return true };
        let resend = self.set(T1, Why::ResendRinging, Alarm::Leg(id));
        let give_up = self.set(GONE, Why::RingingUnheard, Alarm::Leg(id));
        if let Some(reliable) = self.legs.get_mut(&id).and_then(|leg| leg.reliable.as_mut()) {
            reliable.open = Some(Open { path, bytes, interval: T1, resend, give_up });
        }
        true
    }

    pub(super) fn resend_ringing(&mut self, id: LegId) {
        let Some(open) = self.open_ringing(id) else { return };
        open.interval *= 2;
        let (path, bytes, interval) = (open.path, open.bytes.clone(), open.interval);
        self.send_of(Some(id), path, bytes);
        let ticket = self.set(interval, Why::ResendRinging, Alarm::Leg(id));
        if let Some(open) = self.open_ringing(id) {
            open.resend = ticket;
        }
    }

    fn open_ringing(&mut self, id: LegId) -> Option<&mut Open> {
        self.legs.get_mut(&id)?.reliable.as_mut()?.open.as_mut()
    }

    /// Nobody acknowledged it in 64*T1: the INVITE is refused (section 3).
    pub(super) fn ringing_unheard(&mut self, id: LegId) {
        if self.turn_away(id, (504, "Server Time-out"), None) {
            self.tell(Notice::Ended { leg: id, by: EndedBy::Error });
        }
    }

    /// It was acknowledged, or a final reply took its place.
    pub(super) fn stop_ringing(&mut self, id: LegId) {
        let reliable = self.legs.get_mut(&id).and_then(|leg| leg.reliable.as_mut());
        if let Some(open) = reliable.and_then(|reliable| reliable.open.take()) {
            self.timers.clear(Some(open.resend));
            self.timers.clear(Some(open.give_up));
        }
    }

    /// The acknowledgement of a provisional reply; also after the final one, which it may have crossed.
    pub(super) fn prack(&mut self, id: LegId, request: &Request<'_>, arrival: &Arrival) {
        let named = request.message.headers_spelled("RAck").next().and_then(read_rack);
        let Some(leg) = self.legs.get(&id) else { return };
        let sent = leg.reliable.as_ref().map(|reliable| reliable.number);
        let matches = named.is_some_and(|(number, cseq)| Some(number) == sent && cseq == leg.invite_cseq);
        let Some(key) = self.open_server(request, arrival, None, "") else { return };
        if named.is_none() {
            return self.reply(&key, 400, "Broken RAck", Says::default());
        }
        if !matches {
            return self.reply(&key, 481, "Call/Transaction Does Not Exist", Says::default());
        }
        self.stop_ringing(id);
        self.reply(&key, 200, "OK", Says::default());
    }
}

/// Number and CSeq that a RAck names; `None` unless it is one of an INVITE.
fn read_rack(value: &str) -> Option<(u32, u32)> {
    let mut parts = value.split_whitespace();
    let number = parts.next()?.parse().ok()?;
    let cseq = parts.next()?.parse().ok()?;
    (parts.next()? == "INVITE" && parts.next().is_none()).then_some((number, cseq))
}
