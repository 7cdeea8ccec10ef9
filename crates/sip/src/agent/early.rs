//! What the phones that we ring say before one of them answers: each in an early dialog of its own, told by its tag.
//!
//! We take reliable ringing (RFC 3262) from whoever sends it, acknowledge it in its order, and let a phone that
//! answered our offer that way describe itself anew by UPDATE (RFC 3311). A proxy may ring several phones at once.
//!
//! Invariant: of reliable replies only the next in number is heard and acknowledged, and each of them once.

use std::sync::Arc;

use super::client::{Draft, Kind};
use super::leg::{Dialog, Exchange, Leg, Stage, contact};
use super::outgoing::{answered_dialog, to_tag};
use super::reliable::TAG;
use super::server::Says;
use super::{Agent, Arrival};
use crate::limits::FORKS;
use crate::message::Message;
use crate::name::{Method, Name};
use crate::notice::{LegId, Notice};
use crate::vet::{Request, description};

/// Reliable replies that are acknowledged for one INVITE, of all its phones.
const PRACKS: u32 = 100;
const GONE_CALL: &str = "Call/Transaction Does Not Exist";

/// One phone that rings for a placed call.
#[derive(Debug)]
pub(super) struct Phone {
    pub dialog: Dialog,
    /// The number of its last reliable reply.
    last: Option<u32>,
    /// How it described itself last.
    pub sdp: Option<String>,
    /// It answered our offer reliably, so it may make one.
    settled: bool,
    /// The description it asks for by UPDATE, and where it wants to be reached then.
    offered: Option<(String, Option<String>)>,
}

impl Leg {
    /// The phones that ring; none once the call is answered or over.
    pub(super) fn phones(&self) -> &[Phone] {
        match &self.stage {
            Stage::Calling { phones, .. } => phones,
            Stage::Invited { .. } | Stage::TurnedAway | Stage::Up | Stage::Leaving { .. } => &[],
        }
    }

    fn phone_mut(&mut self, tag: &str) -> Option<&mut Phone> {
        match &mut self.stage {
            Stage::Calling { phones, .. } => phones.iter_mut().find(|phone| phone.dialog.remote_tag == tag),
            Stage::Invited { .. } | Stage::TurnedAway | Stage::Up | Stage::Leaving { .. } => None,
        }
    }
}

impl Agent {
    /// A provisional reply to the INVITE of a placed call.
    pub(super) fn rings(&mut self, key: &Arc<str>, message: &Message, status: u16) {
        let Some(id) = self.clients.get(key).and_then(|client| client.leg) else { return };
        if !self.meet_phone(id, key, message) {
            return;
        }
        let number = reliable_number(message);
        if let Some(number) = number {
            if !self.is_next(id, to_tag(message), number) {
                return;
            }
            self.acknowledge_ringing(id, key, to_tag(message), number);
        }
        self.tell_ringing(id, message, status, number.is_some());
    }

    /// Makes the early dialog of a phone that was not heard before. False if nothing of it is to be heard: the call is
    /// not waiting for an answer, or more phones ring than we follow.
    fn meet_phone(&mut self, id: LegId, key: &Arc<str>, message: &Message) -> bool {
        let Some(dialog) = self.clients.get(key).map(|client| answered_dialog(client, message)) else {
            return false;
        };
        let Some(Stage::Calling { phones, .. }) = self.legs.get_mut(&id).map(|leg| &mut leg.stage) else {
            return false;
        };
        if phones.iter().any(|phone| phone.dialog.remote_tag == dialog.remote_tag) {
            return true;
        }
        if phones.len() >= FORKS {
            return false;
        }
        let name = dialog.key();
        let tagged = !dialog.remote_tag.is_empty();
        phones.push(Phone { dialog, last: None, sdp: None, settled: false, offered: None });
        if tagged {
            self.dialogs.insert(name, id);
        }
        self.let_in(id);
        true
    }

    /// True if this number comes next, which is then remembered. The first may be any (RFC 3262 section 4).
    fn is_next(&mut self, id: LegId, tag: &str, number: u32) -> bool {
        let phone = self.legs.get_mut(&id).and_then(|leg| leg.phone_mut(tag));
        let Some(phone) = phone.filter(|_| !tag.is_empty()) else { return false };
        let next = phone.last.is_none_or(|last| last.checked_add(1) == Some(number));
        if next {
            phone.last = Some(number);
        }
        next
    }

    fn acknowledge_ringing(&mut self, id: LegId, key: &Arc<str>, tag: &str, number: u32) {
        let phone = self.legs.get_mut(&id).and_then(|leg| leg.phone_mut(tag));
        let Some(dialog) = phone.map(|phone| phone.dialog.clone()) else { return };
        let Some(invite) = self.clients.get_mut(key) else { return };
        if invite.numbered - invite.sent.cseq >= PRACKS {
            return;
        }
        invite.numbered += 1;
        let (cseq, invited) = (invite.numbered, invite.sent.cseq);
        let Some(way) = self.way(&dialog, cseq) else { return };
        let headers =
            vec![("RAck", format!("{number} {invited} INVITE")), ("User-Agent", self.setup.product.clone())];
        let account = self.account_of(id, way.1.path);
        self.submit(Kind::Prack, Some(id), way, Draft { headers, account, ..Draft::default() });
    }

    /// Tells what is new: another status, or another description of this phone.
    fn tell_ringing(&mut self, id: LegId, message: &Message, status: u16, reliable: bool) {
        let sdp = description(message).ok().flatten();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(phone) = leg.phone_mut(to_tag(message)) else { return };
        let plays = sdp.is_some() && phone.sdp.as_deref() != sdp;
        if let Some(sdp) = sdp {
            phone.sdp = Some(sdp.to_owned());
            phone.settled |= reliable;
        }
        let Stage::Calling { rings, .. } = &mut leg.stage else { return };
        let news = rings.replace(status) != Some(status) || plays;
        if news {
            self.tell(Notice::Ringing { leg: id, status, sdp: sdp.map(str::to_owned) });
        }
    }

    /// The call is answered, refused or given up: nobody rings any longer.
    pub(super) fn forget_phones(&mut self, id: LegId) -> Vec<Phone> {
        let Some(Stage::Calling { phones, .. }) = self.legs.get_mut(&id).map(|leg| &mut leg.stage) else {
            return Vec::new();
        };
        let phones = std::mem::take(phones);
        // An offer that none of them waits for any longer.
        self.settle(id, Some((487, "Request Terminated")));
        for phone in &phones {
            self.dialogs.remove(&phone.dialog.key());
        }
        phones
    }

    /// A request of a phone that rings. An early dialog knows few: it cannot be left by BYE (RFC 3261 section 15.1.1), and
    /// its INVITE is still open.
    pub(super) fn inside_early(&mut self, id: LegId, request: &Request<'_>, arrival: &Arrival) {
        let tag = request.from.tag().unwrap_or("");
        let Some(phone) = self.legs.get_mut(&id).and_then(|leg| leg.phone_mut(tag)) else { return };
        if let Some(rebuff) = phone.dialog.in_order(request.cseq) {
            return self.rebuff(request.message, arrival, &rebuff);
        }
        match request.method {
            Method::Update => self.updated_early(id, tag, request, arrival),
            Method::Info => self.info(id, request, arrival),
            Method::Options => self.options_inside(request, arrival),
            Method::Invite => {
                let Some(key) = self.open_server(request, arrival, None, "") else { return };
                self.reply_invite(&key, 491, "Request Pending", Says::default());
            }
            _ => {
                let Some(key) = self.open_server(request, arrival, None, "") else { return };
                self.reply(&key, 481, GONE_CALL, Says::default());
            }
        }
    }

    fn updated_early(&mut self, id: LegId, tag: &str, request: &Request<'_>, arrival: &Arrival) {
        let Some(key) = self.open_server(request, arrival, None, "") else { return };
        let sdp = description(request.message).ok().flatten();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let path = leg.dialog.path;
        let pending = !matches!(leg.exchange, Exchange::Settled);
        if !pending && let Stage::Calling { phones, .. } = &mut leg.stage {
            // What was refused is not asked for any longer.
            phones.iter_mut().for_each(|phone| phone.offered = None);
        }
        let Some(phone) = leg.phone_mut(tag) else { return };
        let Some(sdp) = sdp else {
            if let Some(target) = contact(request.message) {
                phone.dialog.target = target;
            }
            self.let_in(id);
            let contact = self.contact_at(path);
            return self.reply(&key, 200, "OK", Says { contact, ..Says::default() });
        };
        if !phone.settled {
            return self.reply(&key, 491, "Request Pending", Says::default());
        }
        if pending {
            let headers = self.in_a_moment();
            return self.reply(&key, 500, "Request Pending", Says { headers, ..Says::default() });
        }
        phone.offered = Some((sdp.to_owned(), contact(request.message)));
        self.consider(id, request, key, true);
    }

    /// Answers the offer of a phone that rings: how it described itself now counts.
    pub(super) fn answer_early(&mut self, id: LegId, server: &Arc<str>, sdp: &str) {
        self.settle(id, None);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let path = leg.dialog.path;
        if let Stage::Calling { phones, .. } = &mut leg.stage {
            for phone in phones {
                let Some((theirs, target)) = phone.offered.take() else { continue };
                phone.sdp = Some(theirs);
                phone.dialog.target = target.unwrap_or_else(|| phone.dialog.target.clone());
            }
        }
        self.let_in(id);
        self.remember_description(id, sdp);
        let says = Says { contact: self.contact_at(path), sdp: Some(sdp), ..Says::default() };
        self.reply(server, 200, "OK", says);
    }
}

/// The number of a reply that is to be acknowledged; `None` if it is a plain one.
fn reliable_number(message: &Message) -> Option<u32> {
    if !message.entries(Name::Require).any(|tag| tag.eq_ignore_ascii_case(TAG)) {
        return None;
    }
    let number = message.headers_spelled("RSeq").next()?.trim().parse().ok()?;
    (number > 0).then_some(number)
}
