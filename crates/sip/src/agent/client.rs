//! Requests of ours: sent until something comes back, acknowledged, cancelled, given up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::leg::Dialog;
use super::{Agent, Alarm};
use crate::digest::Attempt;
use crate::grammar::quote;
use crate::limits::{GONE, OFFER_PENDING, T1, T2};
use crate::notice::LegId;
use crate::order::{Path, PeerName, Transport};
use crate::timers::{Ticket, Why};
use crate::vet::{ALLOW, SDP_TYPE};
use crate::via::COOKIE;
use crate::writer::Writer;

/// One request of ours.
#[derive(Debug)]
pub(super) struct Client {
    pub leg: Option<LegId>,
    pub kind: Kind,
    pub stage: ClientStage,
    pub sent: Box<Sent>,
    pub cancel: Cancel,
    /// The ACKs of final replies to an INVITE, one per To tag.
    pub forks: Vec<Fork>,
    /// What the request is made of, kept while it may have to go out again with credentials.
    pub draft: Option<Box<Draft>>,
    /// The highest CSeq given to a request inside a dialog that this INVITE makes.
    pub numbered: u32,
    /// The account, probe or registration it was sent for, if it belongs to no leg.
    pub owner: Option<PeerName>,
    /// What no reply counts as: 408, and 503 if the transport failed. RFC 3261 section 8.1.3.1.
    pub silence: u16,
    /// Why the transport failed, if the two sides did not trust each other.
    pub mistrust: Option<Arc<str>>,
    /// An INVITE was refused, and the refusal acknowledged.
    pub refused: bool,
    /// The way as a datagram, of a request that goes over a connection only because it is long.
    pub narrow: Option<Box<(Path, String)>>,
    /// It went out once more because its connection ended.
    pub again: bool,
    pub bytes: Vec<u8>,
    interval: Duration,
    resend: Option<Ticket>,
    expiry: Option<Ticket>,
}

/// What a request of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The INVITE that places a call.
    Call,
    /// An INVITE inside a call.
    Offer,
    Cancel,
    Bye,
    /// An OPTIONS that asks whether the far end is there.
    Probe,
    Register,
    /// A refresh inside a call.
    Update,
    /// The acknowledgement of reliable ringing.
    Prack,
    /// The wish that the far end calls somebody else.
    Refer,
    /// What came of such a wish of theirs.
    Notify,
}

impl Kind {
    pub(super) fn method(self) -> &'static str {
        match self {
            Kind::Call | Kind::Offer => "INVITE",
            Kind::Cancel => "CANCEL",
            Kind::Bye => "BYE",
            Kind::Probe => "OPTIONS",
            Kind::Register => "REGISTER",
            Kind::Update => "UPDATE",
            Kind::Prack => "PRACK",
            Kind::Refer => "REFER",
            Kind::Notify => "NOTIFY",
        }
    }

    /// True for requests that get an ACK and are no longer resent once they proceed.
    pub(super) fn is_invite(self) -> bool {
        match self {
            Kind::Call | Kind::Offer => true,
            Kind::Cancel
            | Kind::Bye
            | Kind::Probe
            | Kind::Register
            | Kind::Update
            | Kind::Prack
            | Kind::Refer
            | Kind::Notify => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientStage {
    /// Not a single reply.
    Calling,
    /// A provisional reply came.
    Proceeding,
    /// A tombstone: late and repeated replies are still acknowledged.
    Done,
}

/// How an INVITE stands with being cancelled. A CANCEL must wait for a provisional reply (RFC 3261 section 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancel {
    Unwanted,
    Wanted,
    Sent,
}

/// The parts of a request that its ACK and CANCEL repeat.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub path: Path,
    pub uri: String,
    pub via: String,
    pub routes: Vec<String>,
    pub from: String,
    pub to: String,
    pub call_id: String,
    pub cseq: u32,
    /// Authorization and Proxy-Authorization; an ACK repeats them (RFC 3261 section 22.1).
    pub proofs: Vec<(&'static str, String)>,
}

/// The parts of a request beyond its way.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub headers: Vec<(&'static str, String)>,
    pub sdp: Option<String>,
    /// The type of a body that is no session description; empty: it is one.
    pub kind: &'static str,
    /// Who answers if a password is asked for; `None`: nobody, whatever is asked.
    pub account: Option<PeerName>,
    pub attempt: Attempt,
}

/// One far end that answered.
#[derive(Debug)]
pub(super) struct Fork {
    pub tag: String,
    pub path: Path,
    pub ack: Vec<u8>,
}

impl Sent {
    fn write(&self, method: &str) -> Writer {
        let mut writer = Writer::request(method, &self.uri);
        writer.header("Via", &self.via);
        for route in &self.routes {
            writer.header("Route", route);
        }
        writer.header("Max-Forwards", "70").header("From", &self.from).header("To", &self.to);
        writer.header("Call-ID", &self.call_id).header("CSeq", &format!("{} {method}", self.cseq));
        if method != "CANCEL" {
            for (name, value) in &self.proofs {
                writer.header(name, value);
            }
        }
        writer
    }

    /// The ACK of a refusal: a copy of the INVITE's way, with the To of the reply. RFC 3261 section 17.1.1.3.
    pub(super) fn ack_refusal(&self, to: &str) -> Vec<u8> {
        Sent { to: to.to_owned(), ..self.clone() }.write("ACK").finish(None)
    }
}

impl Agent {
    /// Makes the way of a new request inside a dialog, with a branch of its own. `None` without an address of ours.
    pub(super) fn way(&mut self, dialog: &Dialog, cseq: u32) -> Option<(Arc<str>, Sent)> {
        let path = dialog.next_hop();
        let here = self.setup.advertised(path)?;
        let (branch, via) = self.fresh_via(path.transport, here);
        let (uri, routes) = dialog.request_line();
        let sent = Sent {
            path,
            uri,
            via,
            routes,
            from: dialog.local.clone(),
            to: dialog.remote.clone(),
            call_id: dialog.call_id.clone(),
            cseq,
            proofs: Vec::new(),
        };
        Some((branch, sent))
    }

    /// A branch that no request had before, and the Via with it.
    pub(super) fn fresh_via(&mut self, transport: Transport, here: SocketAddr) -> (Arc<str>, String) {
        let branch: Arc<str> = format!("{COOKIE}{}", self.tokens.fresh()).into();
        let via = via(transport, here, &branch);
        (branch, via)
    }

    /// How the far end reaches us.
    pub(super) fn contact_at(&self, path: Path) -> Option<String> {
        self.setup.advertised(path).map(|here| format!("<sip:{here}{}>", path.transport.in_uri()))
    }

    /// Sends an INVITE with our offer.
    pub(super) fn send_invite(
        &mut self,
        kind: Kind,
        leg: LegId,
        way: (Arc<str>, Sent),
        extra: Vec<(&'static str, String)>,
        sdp: &str,
    ) {
        let contact = self.contact_at(way.1.path).unwrap_or_default();
        let mut headers = vec![("Contact", contact), ("Allow", ALLOW.to_owned())];
        headers.extend(extra);
        headers.push(("User-Agent", self.setup.product.clone()));
        let account = self.account_of(leg, way.1.path);
        let draft = Draft { headers, sdp: Some(sdp.to_owned()), account, ..Draft::default() };
        self.submit(kind, Some(leg), way, draft);
    }

    /// Sends the BYE of a dialog, numbered by its `local_cseq`.
    pub(super) fn send_bye(&mut self, dialog: &Dialog, leg: Option<LegId>, reason: &str) {
        let Some(way) = self.way(dialog, dialog.local_cseq) else {
            if let Some(leg) = leg {
                self.finish(leg);
            }
            return;
        };
        let mut headers = Vec::new();
        if !reason.is_empty() {
            // 16: normal clearing.
            headers.push(("Reason", format!("Q.850;cause=16;text={}", quote(reason))));
        }
        headers.push(("User-Agent", self.setup.product.clone()));
        let account = leg.and_then(|leg| self.account_of(leg, way.1.path));
        self.submit(Kind::Bye, leg, way, Draft { headers, account, ..Draft::default() });
    }

    /// Sends a request, with what its account already knows to prove itself by.
    pub(super) fn submit(
        &mut self,
        kind: Kind,
        leg: Option<LegId>,
        (branch, mut sent): (Arc<str>, Sent),
        mut draft: Draft,
    ) {
        sent.proofs = self.proofs(kind, &sent.uri, &mut draft);
        let mut writer = sent.write(kind.method());
        for (name, value) in &draft.headers {
            writer.header(name, value);
        }
        let body_type = if draft.kind.is_empty() { SDP_TYPE } else { draft.kind };
        let bytes = writer.finish_with(body_type, draft.sdp.as_deref());
        self.open_client(branch.clone(), kind, leg, sent, bytes);
        if let Some(client) =
            self.clients.get_mut(&branch).filter(|_| draft.account.is_some() || kind.is_invite())
        {
            client.draft = Some(Box::new(draft));
        }
    }

    /// Sends the CANCEL of an INVITE that a provisional reply came for, or keeps it for that reply.
    pub(super) fn send_cancel(&mut self, key: &Arc<str>) {
        let Some(client) = self.clients.get_mut(key) else { return };
        match (client.stage, client.cancel) {
            (ClientStage::Calling, _) => client.cancel = Cancel::Wanted,
            (ClientStage::Proceeding, Cancel::Unwanted | Cancel::Wanted) => {
                client.cancel = Cancel::Sent;
                let sent = (*client.sent).clone();
                let bytes = sent.write("CANCEL").finish(None);
                self.expire_client(key, GONE, Why::NoReply);
                self.open_client(cancel_key(key), Kind::Cancel, None, sent, bytes);
            }
            (ClientStage::Proceeding, Cancel::Sent) | (ClientStage::Done, _) => {}
        }
    }

    fn open_client(
        &mut self,
        key: Arc<str>,
        kind: Kind,
        leg: Option<LegId>,
        mut sent: Sent,
        mut bytes: Vec<u8>,
    ) {
        let narrow = self.widen(&key, &mut sent, &mut bytes);
        let about = leg.or_else(|| self.leg_of_client(&key));
        self.send_of(about, sent.path, bytes.clone());
        // Timers A and E are for what may get lost (RFC 3261 section 17.1).
        let lossy = !sent.path.transport.is_reliable();
        let resend = lossy.then(|| self.set(T1, Why::ResendRequest, Alarm::Client(key.clone())));
        let expiry = self.set(GONE, Why::NoReply, Alarm::Client(key.clone()));
        let client = Client {
            leg,
            kind,
            stage: ClientStage::Calling,
            numbered: sent.cseq,
            sent: Box::new(sent),
            cancel: Cancel::Unwanted,
            forks: Vec::new(),
            draft: None,
            owner: None,
            silence: 408,
            mistrust: None,
            refused: false,
            narrow: narrow.map(Box::new),
            again: false,
            bytes,
            interval: T1,
            resend,
            expiry: Some(expiry),
        };
        self.live += 1;
        self.clients.insert(key, client);
    }

    /// Nobody waits for the decision about an INVITE any longer: 64*T1 for a far end that has begun to think, no more.
    pub(super) fn expire_pending(&mut self, key: &Arc<str>) {
        let stage = self.clients.get(key).map(|client| client.stage);
        if stage == Some(ClientStage::Proceeding) {
            self.expire_client(key, GONE, Why::NoReply);
        }
    }

    /// A provisional reply: an INVITE is no longer resent, anything else more slowly (RFC 3261 section 17.1).
    pub(super) fn client_proceeds(&mut self, key: &Arc<str>) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if client.stage == ClientStage::Done {
            return;
        }
        let first = client.stage == ClientStage::Calling;
        client.stage = ClientStage::Proceeding;
        if !client.kind.is_invite() {
            client.interval = T2;
            return;
        }
        let (kind, cancel, resend) = (client.kind, client.cancel, client.resend.take());
        self.timers.clear(resend);
        // However often the far end says that it is still ringing, a wait that has an end keeps it.
        match kind {
            Kind::Offer if first => self.expire_client(key, OFFER_PENDING, Why::NoReply),
            Kind::Call if cancel == Cancel::Wanted => self.send_cancel(key),
            Kind::Call if cancel == Cancel::Unwanted => {
                // How long it may ring is a matter of the leg.
                let expiry = self.clients.get_mut(key).and_then(|client| client.expiry.take());
                self.timers.clear(expiry);
            }
            Kind::Call
            | Kind::Offer
            | Kind::Cancel
            | Kind::Bye
            | Kind::Probe
            | Kind::Register
            | Kind::Update
            | Kind::Prack
            | Kind::Refer
            | Kind::Notify => {}
        }
    }

    pub(super) fn expire_client(&mut self, key: &Arc<str>, after: Duration, why: Why) {
        let ticket = self.set(after, why, Alarm::Client(key.clone()));
        let old = match self.clients.get_mut(key) {
            Some(client) => client.expiry.replace(ticket),
            None => Some(ticket),
        };
        self.timers.clear(old);
    }

    /// A final reply or none at all: an INVITE becomes a tombstone, anything else is forgotten.
    pub(super) fn bury_client(&mut self, key: &Arc<str>) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if client.stage == ClientStage::Done {
            return;
        }
        self.live -= 1;
        client.stage = ClientStage::Done;
        client.bytes = Vec::new();
        client.draft = None;
        let (kind, resend) = (client.kind, client.resend.take());
        // Timer D is zero where nothing is repeated (RFC 3261 section 17.1.1.2); an answer may be one of several.
        let final_once = client.refused && client.sent.path.transport.is_reliable();
        self.timers.clear(resend);
        if kind.is_invite() {
            let wait = if final_once { Duration::ZERO } else { GONE };
            self.expire_client(key, wait, Why::ForgetTransaction);
        } else {
            self.forget_client(key);
        }
    }

    fn forget_client(&mut self, key: &Arc<str>) {
        let Some(client) = self.clients.remove(key) else { return };
        self.timers.clear(client.resend);
        self.timers.clear(client.expiry);
        if client.stage != ClientStage::Done {
            self.live -= 1;
        }
    }

    pub(super) fn client_alarm(&mut self, key: &Arc<str>, why: Why) {
        match why {
            Why::ResendRequest => self.resend_request(key),
            Why::NoReply => self.no_reply(key),
            _ => self.forget_client(key),
        }
    }

    /// Begins to resend a request that was taken off its connection. Timers A and E.
    pub(super) fn resend_client(&mut self, key: &Arc<str>) {
        let ticket = self.set(T1, Why::ResendRequest, Alarm::Client(key.clone()));
        let old = match self.clients.get_mut(key) {
            Some(client) => client.resend.replace(ticket),
            None => Some(ticket),
        };
        self.timers.clear(old);
    }

    fn resend_request(&mut self, key: &Arc<str>) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let longer = client.interval * 2;
        client.interval = if client.kind.is_invite() { longer } else { longer.min(T2) };
        let (path, bytes, interval) = (client.sent.path, client.bytes.clone(), client.interval);
        self.send_again(key, path, bytes);
        let ticket = self.set(interval, Why::ResendRequest, Alarm::Client(key.clone()));
        if let Some(client) = self.clients.get_mut(key) {
            client.resend = Some(ticket);
        }
    }
}

/// The Via of a request of ours. On a connection replies come back without being asked to (RFC 3261 section 18.2.2).
pub(super) fn via(transport: Transport, here: SocketAddr, branch: &str) -> String {
    let rport = if transport.is_reliable() { "" } else { ";rport" };
    format!("SIP/2.0/{} {here};branch={branch}{rport}", transport.in_via())
}

/// A CANCEL has the branch of its INVITE, and is told apart by its method.
pub(super) fn cancel_key(invite: &str) -> Arc<str> {
    format!("{invite}\nCANCEL").into()
}
