//! Calls that we place: rung, answered, refused, given up; and every reply to requests of ours.

use std::sync::Arc;
use std::time::Duration;

use super::client::{Cancel, Client, ClientStage, Fork, Kind, cancel_key};
use super::leg::{Dialog, Leg, Stage, contact, recorded_routes};
use super::login::Retried;
use super::{Agent, sessions};
use crate::address::Address;
use crate::digest::Denied;
use crate::grammar::quote;
use crate::limits::FORKS;
use crate::message::Message;
use crate::name::Name;
use crate::notice::{EndedBy, LegId, Notice, Unanswered};
use crate::order::{Call, Identity, Path, PeerName};
use crate::timers::Why;
use crate::uri::Uri;
use crate::vet::{description, read_cseq, supported};
use crate::via::Via;

impl Agent {
    /// Places a call. A leg that is in use is left alone.
    pub(super) fn call(&mut self, call: Call, account: Option<PeerName>) {
        if self.legs.contains_key(&call.leg) {
            return;
        }
        let routes =
            account.as_ref().and_then(|name| self.joinings.get(name)).map(|joining| joining.routes());
        let dialog = Dialog { routes: routes.unwrap_or_default(), ..self.dialog_of_call(&call) };
        let way = if self.is_full() { None } else { self.way(&dialog, dialog.local_cseq) };
        let Some(way) = way.filter(|_| call.leg.is_placed()) else {
            self.tell_refused(call.leg, 503, "", None, Unanswered::Unusable);
            return self.tell(Notice::Released { leg: call.leg });
        };
        let stage = Stage::Calling { client: way.0.clone(), rings: None, phones: Vec::new() };
        let peer = self.setup.peer_of(call.path.remote.ip()).map(|peer| peer.name.clone());
        let leg = Leg { account, ..Leg::new(peer, dialog, None, stage) };
        self.charge(&leg);
        self.legs.insert(call.leg, leg);
        self.let_in(call.leg);
        self.clock(call.leg, call.ring_for, Why::RangOut);
        let mut extra: Vec<_> = call.extra.into_iter().map(|(name, value)| (name.as_str(), value)).collect();
        extra.push(("Supported", supported()));
        extra.push(("Session-Expires", sessions::ASKED.as_secs().to_string()));
        self.remember_description(call.leg, &call.sdp);
        self.send_invite(Kind::Call, call.leg, way, extra, &call.sdp);
    }

    fn dialog_of_call(&mut self, call: &Call) -> Dialog {
        let here = self.setup.advertised(call.path);
        let tag = self.tokens.fresh();
        let call_id = format!("{}{}", self.tokens.fresh(), self.tokens.fresh());
        Dialog {
            call_id,
            local: format!("{};tag={tag}", from_value(&call.from, here.map(|here| here.ip().to_string()))),
            local_tag: tag,
            remote_tag: String::new(),
            remote: format!("<{}>", call.target),
            local_cseq: 1,
            remote_cseq: None,
            routes: Vec::new(),
            target: call.target.to_string(),
            path: call.path,
        }
    }

    pub(super) fn cancel(&mut self, id: LegId) {
        self.give_up(id, Unanswered::Cancelled);
    }

    /// Ends a leg in whatever state it is.
    pub(super) fn hang_up(&mut self, id: LegId, reason: String) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match &leg.stage {
            Stage::Invited { .. } => {
                self.turn_away(id, (480, "Temporarily Unavailable"), None);
                self.tell(Notice::Ended { leg: id, by: EndedBy::Us });
            }
            Stage::Calling { .. } => self.give_up(id, Unanswered::Cancelled),
            // The answering side waits for the ACK with its BYE (RFC 3261 section 15).
            Stage::Up if leg.unacked.as_ref().is_some_and(|unacked| unacked.first) => {
                leg.hang_up = Some(reason);
            }
            // So does one whose far end is being told what came of its wish.
            Stage::Up if leg.is_telling() => leg.hang_up = Some(reason),
            Stage::Up => self.say_bye(id, &reason, Some(EndedBy::Us)),
            Stage::Leaving { .. } | Stage::TurnedAway => {}
        }
    }

    /// Tells that the call was not answered, and makes sure that it stops ringing and is hung up if it is answered
    /// all the same.
    pub(super) fn give_up(&mut self, id: LegId, why: Unanswered) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Stage::Calling { client, .. } = &leg.stage else { return };
        let client = client.clone();
        self.forget_phones(id);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.stage = Stage::Leaving { untold: None };
        let clock = leg.clock.take();
        self.timers.clear(clock);
        let silent = self.clients.get(&client).is_some_and(|client| client.stage == ClientStage::Calling);
        match (why, silent) {
            (Unanswered::RangOut, true) => self.tell_refused(id, 408, "", None, Unanswered::Silent),
            _ => self.tell_refused(id, 487, "", None, why),
        }
        self.send_cancel(&client);
    }

    fn tell_refused(
        &mut self,
        leg: LegId,
        status: u16,
        reason: &str,
        retry_after: Option<Duration>,
        why: Unanswered,
    ) {
        self.tell(Notice::Refused { leg, status, reason: reason.to_owned(), retry_after, why });
    }

    /// A reply to some request of ours, or to none: then it is dropped.
    pub(super) fn response(&mut self, message: &Message, path: Path) {
        let Some((key, status)) = self.replied(message) else {
            self.unreadable += 1;
            return;
        };
        self.trace(self.leg_of_client(&key), message, false, path);
        let Some(client) = self.clients.get(&key) else { return };
        let kind = client.kind;
        if status < 200 {
            self.client_proceeds(&key);
            if kind == Kind::Call && status > 100 {
                self.rings(&key, message, status);
            }
            return;
        }
        if client.stage == ClientStage::Done {
            return self.repeated_final(&key, message, status);
        }
        let denied = match status {
            401 | 407 => match self.log_in(&key, message) {
                Retried::Yes => return,
                Retried::No(denied) => denied,
            },
            422 if self.ask_for_longer(&key, message) => return,
            300..=399 if kind == Kind::Call && self.follow(&key, message) => return,
            _ => None,
        };
        match kind {
            Kind::Call if status < 300 => self.call_answered(&key, message),
            Kind::Call => self.call_refused(&key, message, status, denied),
            Kind::Offer => self.offer_replied(&key, Some(message)),
            Kind::Cancel | Kind::Prack => self.bury_client(&key),
            Kind::Bye => self.bye_done(&key),
            Kind::Probe => self.probed(&key, Some(status)),
            Kind::Register => self.registered(&key, Some(message), denied),
            Kind::Update => self.update_replied(&key, Some(message)),
            Kind::Refer => self.refer_replied(&key, Some(message)),
            Kind::Notify => self.notify_replied(&key),
        }
    }

    /// Which request a whole reply belongs to, by branch and method (RFC 3261 section 17.1.3).
    fn replied(&self, message: &Message) -> Option<(Arc<str>, u16)> {
        let status = message.status().filter(|_| message.fault().is_none())?;
        let mut vias = message.entries(Name::Via);
        let branch = Via::parse(vias.next()?)?.branch()?;
        let (_, method) = message.header(Name::CSeq).and_then(read_cseq)?;
        // A second Via: it was meant for somebody behind us, and nobody is.
        if vias.next().is_some() {
            return None;
        }
        let key: Arc<str> = if method == "CANCEL" { cancel_key(branch) } else { branch.into() };
        Some((key, status))
    }

    /// The first 2xx: ours if we still want it.
    fn call_answered(&mut self, key: &Arc<str>, message: &Message) {
        let leg = self.clients.get(key).and_then(|client| client.leg);
        self.acknowledge(key, message);
        self.bury_client(key);
        let Some(dialog) = self.clients.get(key).map(|client| answered_dialog(client, message)) else {
            return;
        };
        let Some(id) = leg.filter(|id| self.legs.contains_key(id)) else {
            return self.hang_up_fork(dialog);
        };
        self.adopt(id, dialog, message);
    }

    fn adopt(&mut self, id: LegId, dialog: Dialog, message: &Message) {
        let phones = self.forget_phones(id);
        let registered = dialog.key();
        self.dialogs.insert(registered.clone(), id);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.dialog = Dialog { local_tag: leg.dialog.local_tag.clone(), path: leg.dialog.path, ..dialog };
        leg.key = Some(registered);
        match &leg.stage {
            Stage::Calling { .. } => {}
            // It was given up, and the answer crossed.
            Stage::Leaving { .. } => {
                self.let_in(id);
                return self.say_bye(id, "given up", None);
            }
            Stage::Invited { .. } | Stage::TurnedAway | Stage::Up => return,
        }
        self.let_in(id);
        // Some answer in the provisional reply and leave the final one bare.
        let phone = phones.into_iter().find(|phone| phone.dialog.remote_tag == to_tag(message));
        let early = phone.and_then(|phone| phone.sdp);
        match description(message).ok().flatten().map(str::to_owned).or(early) {
            Some(sdp) => {
                self.up(id);
                self.terms_answered(id, message);
                self.tell(Notice::Answered { leg: id, sdp });
            }
            None => {
                self.say_bye(id, "no answer in 200", None);
                self.tell_refused(id, 488, "", None, Unanswered::Unusable);
            }
        }
    }

    fn call_refused(&mut self, key: &Arc<str>, message: &Message, status: u16, denied: Option<Denied>) {
        self.acknowledge_refusal(key, message);
        self.bury_client(key);
        let Some(id) = self.clients.get(key).and_then(|client| client.leg) else { return };
        match self.legs.get(&id).map(|leg| &leg.stage) {
            Some(Stage::Calling { .. }) => {
                let retry_after = retry_after(message);
                let reason = denied.map_or_else(|| message.reason().to_owned(), |denied| denied.to_string());
                self.tell_refused(id, status, &reason, retry_after, Unanswered::from_status(status));
                self.release(id);
            }
            Some(Stage::Leaving { .. }) => self.release(id),
            Some(Stage::Invited { .. } | Stage::TurnedAway | Stage::Up) | None => {}
        }
    }

    /// A final reply after the first: repeated, or of another phone that was rung by a proxy.
    fn repeated_final(&mut self, key: &Arc<str>, message: &Message, status: u16) {
        let Some(client) = self.clients.get(key) else { return };
        let tag = to_tag(message);
        if let Some(fork) = client.forks.iter().find(|fork| fork.tag == tag) {
            let (path, ack) = (fork.path, fork.ack.clone());
            return self.send_again(key, path, ack);
        }
        if status >= 300 || client.kind != Kind::Call || client.forks.len() >= FORKS {
            return;
        }
        let dialog = answered_dialog(client, message);
        self.acknowledge(key, message);
        self.hang_up_fork(dialog);
    }

    /// Another phone answered a call that has its answer, or that we gave up.
    fn hang_up_fork(&mut self, mut dialog: Dialog) {
        dialog.local_cseq += 1;
        self.send_bye(&dialog, None, "answered elsewhere");
    }

    /// Sends the ACK of a 2xx, by the route set that the reply or the call has made, and keeps it for repetitions.
    pub(super) fn acknowledge(&mut self, key: &Arc<str>, message: &Message) {
        let Some(client) = self.clients.get(key) else { return };
        let dialog = match client.kind {
            Kind::Offer => client.leg.and_then(|id| self.legs.get(&id)).map(|leg| Dialog {
                target: contact(message).unwrap_or_else(|| leg.dialog.target.clone()),
                ..leg.dialog.clone()
            }),
            Kind::Call
            | Kind::Cancel
            | Kind::Bye
            | Kind::Probe
            | Kind::Register
            | Kind::Update
            | Kind::Prack
            | Kind::Refer
            | Kind::Notify => None,
        };
        let dialog = dialog.unwrap_or_else(|| answered_dialog(client, message));
        let (cseq, proved_to) = (client.sent.cseq, client.sent.path);
        let proofs = client.sent.proofs.clone();
        let Some((_, mut sent)) = self.way(&dialog, cseq) else { return };
        if sent.path.remote == proved_to.remote {
            sent.proofs = proofs;
        }
        let to = message.header(Name::To).unwrap_or(&sent.to);
        let ack = sent.ack_refusal(to);
        self.keep_ack(key, message, sent.path, ack);
    }

    /// Sends the ACK of a refusal by the way of its INVITE.
    pub(super) fn acknowledge_refusal(&mut self, key: &Arc<str>, message: &Message) {
        let Some(client) = self.clients.get(key) else { return };
        let ack = client.sent.ack_refusal(message.header(Name::To).unwrap_or(&client.sent.to));
        self.keep_ack(key, message, client.sent.path, ack);
        if let Some(client) = self.clients.get_mut(key) {
            client.refused = true;
        }
    }

    fn keep_ack(&mut self, key: &Arc<str>, message: &Message, path: Path, ack: Vec<u8>) {
        self.send_again(key, path, ack.clone());
        if let Some(client) = self.clients.get_mut(key) {
            client.forks.push(Fork { tag: to_tag(message).to_owned(), path, ack });
        }
    }

    fn bye_done(&mut self, key: &Arc<str>) {
        let leg = self.clients.get(key).and_then(|client| client.leg);
        self.bury_client(key);
        if let Some(leg) = leg {
            self.finish(leg);
        }
    }

    /// Nothing final came back in 64*T1, or nothing can come any more.
    pub(super) fn no_reply(&mut self, key: &Arc<str>) {
        let Some(client) = self.clients.get(key) else { return };
        match client.kind {
            Kind::Cancel | Kind::Prack => self.bury_client(key),
            Kind::Bye => self.bye_done(key),
            Kind::Offer => self.offer_replied(key, None),
            Kind::Probe => self.probed(key, None),
            Kind::Register => self.registered(key, None, None),
            Kind::Update => self.update_replied(key, None),
            Kind::Refer => self.refer_replied(key, None),
            Kind::Notify => self.notify_replied(key),
            Kind::Call => {
                let (leg, given_up, status) = (client.leg, client.cancel != Cancel::Unwanted, client.silence);
                self.bury_client(key);
                let Some(id) = leg.filter(|id| self.legs.contains_key(id)) else { return };
                if !given_up {
                    self.tell_refused(id, status, "", None, Unanswered::Silent);
                }
                self.release(id);
            }
        }
    }
}

/// The dialog that a reply to an INVITE makes with the placing side. RFC 3261 section 12.1.2.
pub(super) fn answered_dialog(client: &Client, message: &Message) -> Dialog {
    let sent = &client.sent;
    let mut routes = recorded_routes(message).unwrap_or_default();
    routes.reverse();
    let local_tag = Address::parse(&sent.from).and_then(|from| from.tag()).unwrap_or("").to_owned();
    Dialog {
        call_id: sent.call_id.clone(),
        local_tag,
        remote_tag: to_tag(message).to_owned(),
        local: sent.from.clone(),
        remote: message.header(Name::To).unwrap_or(&sent.to).to_owned(),
        local_cseq: client.numbered,
        remote_cseq: None,
        routes,
        target: contact(message).unwrap_or_else(|| sent.uri.clone()),
        path: sent.path,
    }
}

pub(super) fn to_tag(message: &Message) -> &str {
    message.header(Name::To).and_then(Address::parse).and_then(|to| to.tag()).unwrap_or("")
}

pub(super) fn retry_after(message: &Message) -> Option<Duration> {
    let value = message.header(Name::RetryAfter)?;
    let digits = value.split(|char: char| !char.is_ascii_digit()).next()?;
    Some(Duration::from_secs(u64::from(digits.parse::<u32>().ok()?)))
}

/// The From of a call without its tag.
fn from_value(from: &Identity, here: Option<String>) -> String {
    let host = if from.host.is_empty() { here.unwrap_or_default() } else { from.host.clone() };
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
    let user = (!from.user.is_empty()).then_some(from.user.as_str());
    let uri = Uri::sip(user, &host, None);
    let display = if from.display.is_empty() { String::new() } else { format!("{} ", quote(&from.display)) };
    format!("{display}<{uri}>")
}
