//! What one side of a call remembers, and how it ends.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::early::Phone;
use super::referred::Wanted;
use super::referring::Asked;
use super::reliable::Reliable;
use super::sessions::Session;
use super::tracing::Told;
use super::{Agent, Alarm, Arrival};
use crate::address::Address;
use crate::limits::{GONE, RING_AGAIN, T1, T2};
use crate::message::Message;
use crate::name::Name;
use crate::notice::{EndedBy, LegId, Notice, Unanswered};
use crate::order::{Path, PeerName};
use crate::timers::{Ticket, Why};
use crate::uri::{Scheme, Uri};
use crate::vet::{Rebuff, Request};

/// One leg, from its INVITE until it is released.
#[derive(Debug)]
pub(super) struct Leg {
    /// The trunk it came by, or was placed to.
    pub peer: Option<PeerName>,
    /// Who proves our requests, if a password is asked for.
    pub account: Option<PeerName>,
    pub dialog: Dialog,
    /// Under which key the dialog is registered; `None` while a placed call has no answer.
    pub key: Option<String>,
    pub stage: Stage,
    /// CSeq of the INVITE that arrived, which its ACK and PRACK repeat.
    pub invite_cseq: u32,
    pub session: Session,
    /// Set if the caller requires ringing to arrive.
    pub reliable: Option<Reliable>,
    pub unacked: Option<Unacked>,
    pub exchange: Exchange,
    /// Our offer that crossed theirs, waiting to be made again, and how often it was.
    pub again: Option<(String, Ticket)>,
    pub crossings: u8,
    /// Set if the call is to end as soon as the caller's ACK allows it (RFC 3261 section 15).
    pub hang_up: Option<String>,
    /// The deadline of the stage.
    pub clock: Option<Ticket>,
    /// The deadline of [`Exchange::Theirs`].
    pub offer_clock: Option<Ticket>,
    /// Where a 3xx may send the call.
    pub may_follow: Vec<Uri>,
    /// Calls that its far end was asked to place.
    pub asked: Asked,
    /// Calls that its far end wants to be placed.
    pub wanted: Wanted,
    /// Addresses let in on behalf of this leg.
    pub guests: Vec<IpAddr>,
    /// What was told of its messages.
    pub told: Told,
    /// The leg that ends when this one is answered.
    pub replaces: Option<LegId>,
}

/// How far a leg has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// A caller waits for our decision.
    Invited { server: Arc<str>, offered: bool, rings: bool, since: Duration },
    /// We wait for the far end's decision. `rings`: the last status that was told.
    Calling { client: Arc<str>, rings: Option<u16>, phones: Vec<Phone> },
    /// An invitation was refused or cancelled; the ACK is outstanding.
    TurnedAway,
    /// Answered.
    Up,
    /// Over but for our BYE or CANCEL; `untold` is what will be told then, if nothing was told yet.
    Leaving { untold: Option<EndedBy> },
}

/// A 200 of ours without its ACK.
#[derive(Debug)]
pub(super) struct Unacked {
    pub cseq: u32,
    pub path: Path,
    pub bytes: Vec<u8>,
    pub interval: Duration,
    /// The answer to the first INVITE, not to one inside the call.
    pub first: bool,
    /// The 200 held our offer, so the ACK holds their answer.
    pub ours_offered: bool,
    pub resend: Option<Ticket>,
    pub give_up: Option<Ticket>,
}

/// The INVITE inside the call that is under way.
#[derive(Debug)]
pub(super) enum Exchange {
    Settled,
    /// Theirs, not decided upon here; `target` is where they want to be reached after it. An UPDATE has no ACK.
    Theirs {
        server: Arc<str>,
        update: bool,
        cseq: u32,
        offered: bool,
        target: Option<String>,
    },
    /// Ours, not decided upon there.
    Ours {
        client: Arc<str>,
        sdp: String,
    },
}

/// A dialog, RFC 3261 section 12, seen from us.
#[derive(Debug, Clone)]
pub(super) struct Dialog {
    pub call_id: String,
    pub local_tag: String,
    pub remote_tag: String,
    /// From of our requests, tag included.
    pub local: String,
    /// To of our requests, tag included.
    pub remote: String,
    pub local_cseq: u32,
    pub remote_cseq: Option<u32>,
    /// Route set in the order our requests carry it.
    pub routes: Vec<String>,
    /// Remote target.
    pub target: String,
    /// Where the first INVITE came from or went to.
    pub path: Path,
}

/// The key of a dialog. The parts hold no line ends, so that they cannot be shifted against each other.
pub(super) fn dialog_key(call_id: &str, local_tag: &str, remote_tag: &str) -> String {
    format!("{call_id}\n{local_tag}\n{remote_tag}")
}

impl Dialog {
    pub(super) fn key(&self) -> String {
        dialog_key(&self.call_id, &self.local_tag, &self.remote_tag)
    }

    /// Takes the number of their next request, or says why it cannot be that. RFC 3261 section 12.2.2.
    pub(super) fn in_order(&mut self, cseq: u32) -> Option<Rebuff> {
        match self.remote_cseq {
            Some(last) if cseq < last => return Some(Rebuff::new(500, "CSeq Out Of Order")),
            Some(last) if cseq == last => return Some(Rebuff::new(482, "Loop Detected")),
            Some(_) | None => {}
        }
        self.remote_cseq = Some(cseq);
        None
    }

    /// Request URI and Route values of a request inside the dialog, loose or strict. RFC 3261 section 12.2.1.1.
    pub(super) fn request_line(&self) -> (String, Vec<String>) {
        let Some(first) = self.routes.first().and_then(|route| Address::parse(route)) else {
            return (self.target.clone(), Vec::new());
        };
        let loose = first.parsed_uri().is_ok_and(|uri| uri.param("lr").is_some());
        if loose {
            return (self.target.clone(), self.routes.clone());
        }
        let mut routes = self.routes[1..].to_vec();
        routes.push(format!("<{}>", self.target));
        (first.uri.to_owned(), routes)
    }

    /// Where requests inside the dialog go: to the first route or the target if that is an address that can be
    /// reached, else where the call came from. Names are not resolved here, and a far end behind a router that
    /// announces its private address is reached by the way its packets came. A connection to the right machine is used
    /// while it is there: whoever opened it need not listen.
    pub(super) fn next_hop(&self) -> Path {
        let same_machine =
            |named: &SocketAddr| named.ip().to_canonical() == self.path.remote.ip().to_canonical();
        let connected = self.path.transport.is_reliable();
        let named = self.named_hop().filter(|named| !(connected && same_machine(named)));
        Path { remote: named.unwrap_or(self.path.remote), ..self.path }
    }

    /// The address that the first route or the target names, if it is one that can be reached.
    pub(super) fn named_hop(&self) -> Option<SocketAddr> {
        let first = self.routes.first().and_then(|route| Address::parse(route)).map(|route| route.uri);
        let named = Uri::parse(first.unwrap_or(&self.target)).ok().and_then(|uri| uri.address());
        named.filter(|address| is_reachable(*address, self.path))
    }
}

/// True if packets for `address` may be sent there instead of to where the call came from.
fn is_reachable(address: SocketAddr, path: Path) -> bool {
    let (ip, origin) = (address.ip(), path.remote.ip().to_canonical());
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    let sound = !ip.is_unspecified() && !ip.is_multicast() && !broadcast && address.port() != 0;
    sound && ip.is_ipv4() == origin.is_ipv4() && (!is_inner(ip) || is_inner(origin)) && address != path.local
}

/// True for addresses that mean something only near their owner.
fn is_inner(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// The URI of the first Contact, if it is one that requests can be sent to. Kept as it was written, but for headers,
/// which a request URI must not hold (RFC 3261 section 19.1.1).
pub(super) fn contact(message: &Message) -> Option<String> {
    sip_uri(&Address::parse(message.entries(Name::Contact).next()?)?)
}

/// The URI of an address without its headers; `None` if it is no SIP URI.
pub(super) fn sip_uri(address: &Address<'_>) -> Option<String> {
    if !is_sip(address) {
        return None;
    }
    let host = address.uri.find('@').unwrap_or(0);
    let end = address.uri[host..].find('?').map_or(address.uri.len(), |at| host + at);
    Some(address.uri[..end].to_owned())
}

/// The Record-Route entries as written, in order; `None` if one of them is no SIP address.
pub(super) fn recorded_routes(message: &Message) -> Option<Vec<String>> {
    let entries = message.entries(Name::RecordRoute);
    entries.map(|entry| Address::parse(entry).filter(is_sip).map(|_| entry.to_owned())).collect()
}

fn is_sip(address: &Address<'_>) -> bool {
    address.parsed_uri().is_ok_and(|uri| matches!(uri.scheme, Scheme::Sip | Scheme::Sips))
}

impl Agent {
    /// The leg that a request belongs to by Call-ID and both tags. Right ids from a wrong source are wrong.
    pub(super) fn leg_of(&self, request: &Request<'_>, arrival: &Arrival) -> Option<LegId> {
        let key = dialog_key(request.call_id, request.to.tag()?, request.from.tag().unwrap_or(""));
        let id = *self.dialogs.get(&key)?;
        let leg = self.legs.get(&id)?;
        let source = arrival.path.remote.ip().to_canonical();
        let known = leg.guests.contains(&source) || (arrival.peer.is_some() && arrival.peer == leg.peer);
        known.then_some(id)
    }

    /// Lets the addresses in that the far end of a leg speaks from.
    pub(super) fn let_in(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let hops = leg.phones().iter().map(|phone| &phone.dialog).chain([&leg.dialog]);
        let mut new = vec![leg.dialog.path.remote.ip().to_canonical()];
        for hop in hops.map(|dialog| dialog.next_hop().remote.ip().to_canonical()) {
            if !new.contains(&hop) {
                new.push(hop);
            }
        }
        for ip in &new {
            self.greet_guest(*ip);
        }
        let old = self.legs.get_mut(&id).map(|leg| std::mem::replace(&mut leg.guests, new));
        for ip in old.unwrap_or_default() {
            self.see_guest_off(ip);
        }
    }

    /// Sets the deadline of the stage, in place of the one before.
    pub(super) fn clock(&mut self, id: LegId, after: Duration, why: Why) {
        let ticket = self.set(after, why, Alarm::Leg(id));
        let old = match self.legs.get_mut(&id) {
            Some(leg) => leg.clock.replace(ticket),
            None => Some(ticket),
        };
        self.timers.clear(old);
    }

    /// Takes a leg into the answered stage.
    pub(super) fn up(&mut self, id: LegId) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.stage = Stage::Up;
        }
        self.clock(id, self.setup.limits.longest_call, Why::CallTooLong);
    }

    /// Remembers a 200 until its ACK comes.
    pub(super) fn await_ack(&mut self, id: LegId, mut unacked: Unacked) {
        unacked.resend = Some(self.set(T1, Why::ResendAnswer, Alarm::Leg(id)));
        unacked.give_up = Some(self.set(GONE, Why::AckNeverCame, Alarm::Leg(id)));
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.unacked = Some(unacked);
        }
    }

    /// Stops resending the 200.
    pub(super) fn take_unacked(&mut self, id: LegId) -> Option<Unacked> {
        let unacked = self.legs.get_mut(&id)?.unacked.take()?;
        self.timers.clear(unacked.resend);
        self.timers.clear(unacked.give_up);
        Some(unacked)
    }

    pub(super) fn leg_alarm(&mut self, id: LegId, why: Why) {
        match why {
            Why::ResendAnswer => self.resend_answer(id),
            Why::AckNeverCame => self.ack_never_came(id),
            Why::RangOut => self.give_up(id, Unanswered::RangOut),
            Why::KeepRinging => self.keep_ringing(id),
            Why::CallTooLong => self.call_too_long(id),
            Why::ResendRinging => self.resend_ringing(id),
            Why::RingingUnheard => self.ringing_unheard(id),
            Why::RefreshSession => self.refresh_session(id),
            Why::SessionExpired => self.session_expired(id),
            Why::OfferUndecided => self.refuse_offer(id),
            Why::OfferAgain => self.offer_again(id),
            Why::ReferralUndecided => self.referral_undecided(id),
            Why::HandoverUntold => self.handover_untold(id),
            Why::LeftWithoutWord => self.finish(id),
            // The rest belongs to transactions, registrations, guests and strangers.
            Why::ResendRequest
            | Why::NoReply
            | Why::ResendRefusal
            | Why::ForgetTransaction
            | Why::ForgetGuest
            | Why::RegisterAgain
            | Why::KeepAlive
            | Why::CountStrangers => {}
        }
    }

    fn resend_answer(&mut self, id: LegId) {
        let Some(unacked) = self.legs.get_mut(&id).and_then(|leg| leg.unacked.as_mut()) else { return };
        unacked.interval = (unacked.interval * 2).min(T2);
        let (path, bytes, interval) = (unacked.path, unacked.bytes.clone(), unacked.interval);
        self.send_of(Some(id), path, bytes);
        let ticket = self.set(interval, Why::ResendAnswer, Alarm::Leg(id));
        if let Some(unacked) = self.legs.get_mut(&id).and_then(|leg| leg.unacked.as_mut()) {
            unacked.resend = Some(ticket);
        }
    }

    fn ack_never_came(&mut self, id: LegId) {
        self.take_unacked(id);
        self.say_bye(id, "no ACK", None);
        self.tell(Notice::AckNeverCame { leg: id });
    }

    fn keep_ringing(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let Stage::Invited { rings, since, .. } = leg.stage else { return };
        let left = self.setup.limits.longest_ring.saturating_sub(self.now - since);
        if left.is_zero() {
            self.turn_away(id, (480, "Temporarily Unavailable"), None);
            self.tell(Notice::Ended { leg: id, by: EndedBy::Limit });
            return;
        }
        if rings {
            self.ring(id);
        }
        self.clock(id, RING_AGAIN.min(left), Why::KeepRinging);
    }

    fn call_too_long(&mut self, id: LegId) {
        self.say_bye(id, "longest call", None);
        self.tell(Notice::Ended { leg: id, by: EndedBy::Limit });
    }

    /// Ends the leg by our BYE. What `untold` holds is told once the BYE is done.
    pub(super) fn say_bye(&mut self, id: LegId, reason: &str, untold: Option<EndedBy>) {
        self.drop_referrals(id);
        self.take_unacked(id);
        self.drop_offers(id);
        self.stop_session(id);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.stage = Stage::Leaving { untold };
        leg.dialog.local_cseq += 1;
        let clock = leg.clock.take();
        let dialog = leg.dialog.clone();
        self.timers.clear(clock);
        self.send_bye(&dialog, Some(id), reason);
    }

    /// The far end no longer knows the call, or answers nothing in it: whoever it was joined with does not wait for our BYE.
    pub(super) fn call_lost(&mut self, id: LegId) {
        self.say_bye(id, "call lost", None);
        self.tell(Notice::Ended { leg: id, by: EndedBy::Error });
    }

    /// The far end hung up, or no longer knows the call: tells it once and lets the leg go.
    pub(super) fn far_end_left(&mut self, id: LegId, by: EndedBy) {
        self.take_unacked(id);
        self.drop_offers(id);
        let told = match self.legs.get(&id).map(|leg| &leg.stage) {
            Some(Stage::Leaving { untold }) => untold.is_none(),
            Some(Stage::Invited { .. } | Stage::Calling { .. } | Stage::Up) => false,
            Some(Stage::TurnedAway) | None => return,
        };
        if !told {
            self.tell(Notice::Ended { leg: id, by });
        }
        self.release(id);
    }

    /// Tells what is still untold, and forgets the leg.
    pub(super) fn finish(&mut self, id: LegId) {
        if let Some(Stage::Leaving { untold: Some(by) }) = self.legs.get(&id).map(|leg| &leg.stage) {
            let by = *by;
            self.tell(Notice::Ended { leg: id, by });
        }
        self.release(id);
    }

    /// Forgets the leg. Its transactions live on as tombstones.
    pub(super) fn release(&mut self, id: LegId) {
        self.take_unacked(id);
        self.drop_offers(id);
        self.stop_ringing(id);
        self.stop_session(id);
        self.forget_phones(id);
        self.drop_referrals(id);
        self.drop_wanted(id);
        let Some(leg) = self.legs.remove(&id) else { return };
        self.give_back(&leg);
        self.timers.clear(leg.clock);
        if let Some(key) = &leg.key {
            self.dialogs.remove(key);
        }
        for ip in leg.guests {
            self.see_guest_off(ip);
        }
        self.tell_repeated(id, &leg.told);
        self.tell(Notice::Released { leg: id });
    }
}
