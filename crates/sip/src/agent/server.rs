//! Requests of others: each answered once, and the same again when it is repeated.
//!
//! INVITE: proceeding, then accepted (RFC 6026: repetitions are swallowed, the leg resends its 200) or refused
//! (resent here until its ACK). Any other method: its reply is kept. All end as a tombstone of 64*T1.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Agent, Alarm, Arrival};
use crate::address::Address;
use crate::limits::{GONE, T1, T2};
use crate::message::Message;
use crate::name::{Method, Name};
use crate::notice::LegId;
use crate::order::Path;
use crate::timers::{Ticket, Why};
use crate::vet::{ALLOW, Rebuff, Request};
use crate::via::Via;
use crate::writer::Writer;

/// One request of the far end.
#[derive(Debug)]
pub(super) struct Server {
    pub path: Path,
    /// Where replies go once the connection has ended: to where the request says its sender listens.
    pub instead: SocketAddr,
    pub leg: Option<LegId>,
    /// The leg whose messages its replies are.
    pub about: Option<LegId>,
    pub stage: ServerStage,
    /// What a repetition gets; empty: nothing.
    reply: Vec<u8>,
    /// What replies copy; gone after the final one.
    head: Option<Box<ReplyHead>>,
    merge: Option<String>,
    interval: Duration,
    resend: Option<Ticket>,
    expiry: Option<Ticket>,
}

/// How far a request has been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerStage {
    /// No final reply yet.
    Proceeding,
    /// An INVITE was refused and the ACK is outstanding.
    Refused,
    /// A tombstone.
    Done,
}

/// What a reply copies from its request. RFC 3261 section 8.2.6.2.
#[derive(Debug)]
struct ReplyHead {
    vias: Vec<String>,
    from: String,
    to: String,
    call_id: String,
    cseq: String,
    record_routes: Vec<String>,
}

impl ReplyHead {
    /// `None` if there is no Via to send a reply by. The tag is added unless To holds one.
    fn new(message: &Message, path: Path, tag: &str) -> Option<(ReplyHead, Ways)> {
        let mut entries = message.entries(Name::Via);
        let top = Via::of_any_version(entries.next()?)?;
        let mut vias = vec![top.stamped(path.remote)];
        vias.extend(entries.map(str::to_owned));
        let text = |name| message.header(name).unwrap_or("").to_owned();
        let mut to = text(Name::To);
        if !tag.is_empty() && Address::parse(&to).is_some_and(|address| address.tag().is_none()) {
            to.push_str(";tag=");
            to.push_str(tag);
        }
        let record_routes = message.entries(Name::RecordRoute).map(str::to_owned).collect();
        let head = ReplyHead {
            vias,
            from: text(Name::From),
            to,
            call_id: text(Name::CallId),
            cseq: text(Name::CSeq),
            record_routes,
        };
        let listening = SocketAddr::new(path.remote.ip(), top.port_of(path.transport));
        let remote = if path.transport.is_reliable() { path.remote } else { top.reply_to(path.remote) };
        Some((head, Ways { path: Path { remote, ..path }, instead: listening }))
    }

    fn write(&self, status: u16, reason: &str, product: &str) -> Writer {
        let mut writer = Writer::response(status, reason);
        for via in &self.vias {
            writer.header("Via", via);
        }
        if (101..300).contains(&status) {
            for route in &self.record_routes {
                writer.header("Record-Route", route);
            }
        }
        writer.header("From", &self.from).header("To", &self.to);
        writer.header("Call-ID", &self.call_id).header("CSeq", &self.cseq);
        writer.header("Server", product);
        writer
    }
}

/// Where replies go. RFC 3261 section 18.2.2.
struct Ways {
    path: Path,
    instead: SocketAddr,
}

/// What a reply says beyond its status.
#[derive(Debug, Default)]
pub(super) struct Says<'a> {
    pub contact: Option<String>,
    pub headers: Vec<(&'static str, String)>,
    pub sdp: Option<&'a str>,
}

/// The key of a request's transaction: branch, sent-by and method (RFC 3261 section 17.2.3); an ACK or CANCEL
/// asks for the key of its INVITE. For senders of RFC 2543 what those had instead.
pub(super) fn server_key(request: &Request<'_>, method: &Method) -> Arc<str> {
    let (via, method) = (&request.via, method.as_str());
    let (host, port) = (via.host.to_ascii_lowercase(), via.port.unwrap_or(5060));
    let branch = via.branch().unwrap_or("");
    if via.has_unique_branch() {
        return format!("{branch}\n{host}:{port}\n{method}").into();
    }
    let (from_tag, cseq) = (request.from.tag().unwrap_or(""), request.cseq);
    format!("{}\n{from_tag}\n{cseq}\n{branch}\n{host}:{port}\n{method}", request.call_id).into()
}

pub(super) fn merge_key(request: &Request<'_>) -> String {
    format!("{}\n{}\n{}", request.call_id, request.from.tag().unwrap_or(""), request.cseq)
}

impl Agent {
    /// Opens a transaction. `tag` is what our replies add to To.
    pub(super) fn open_server(
        &mut self,
        request: &Request<'_>,
        arrival: &Arrival,
        leg: Option<LegId>,
        tag: &str,
    ) -> Option<Arc<str>> {
        let (head, Ways { path, instead }) = ReplyHead::new(request.message, arrival.path, tag)?;
        let key = server_key(request, request.method);
        let merge = (*request.method == Method::Invite).then(|| merge_key(request));
        if let Some(merge) = &merge {
            self.merges.insert(merge.clone(), key.clone());
        }
        let server = Server {
            path,
            instead,
            leg,
            about: leg.or(arrival.about),
            stage: ServerStage::Proceeding,
            reply: Vec::new(),
            head: Some(Box::new(head)),
            merge,
            interval: T1,
            resend: None,
            expiry: None,
        };
        self.live += 1;
        self.servers.insert(key.clone(), server);
        Some(key)
    }

    /// Replies to an INVITE. A 2xx is not resent here but returned, for the leg to resend until its ACK.
    pub(super) fn reply_invite(
        &mut self,
        key: &Arc<str>,
        status: u16,
        reason: &str,
        says: Says<'_>,
    ) -> Option<(Path, Vec<u8>)> {
        let (path, bytes) = self.write_reply(key, status, reason, says)?;
        self.send_of(self.servers.get(key)?.about, path, bytes.clone());
        match status {
            100..=199 => {
                self.servers.get_mut(key)?.reply = bytes;
                None
            }
            200..=299 => {
                self.bury_server(key);
                Some((path, bytes))
            }
            _ => {
                // Timer G is for what may get lost (RFC 3261 section 17.2.1).
                let lossy = !path.transport.is_reliable();
                let resend = lossy.then(|| self.set(T1, Why::ResendRefusal, Alarm::Server(key.clone())));
                let expiry = self.set(GONE, Why::ForgetTransaction, Alarm::Server(key.clone()));
                let server = self.servers.get_mut(key)?;
                server.reply = bytes;
                server.stage = ServerStage::Refused;
                server.head = None;
                (server.resend, server.expiry) = (resend, Some(expiry));
                None
            }
        }
    }

    /// Replies to an INVITE provisionally, and gives back what was sent.
    pub(super) fn reply_provisional(
        &mut self,
        key: &Arc<str>,
        status: u16,
        reason: &str,
        says: Says<'_>,
    ) -> Option<(Path, Vec<u8>)> {
        let (path, bytes) = self.write_reply(key, status, reason, says)?;
        self.send_of(self.servers.get(key)?.about, path, bytes.clone());
        self.servers.get_mut(key)?.reply.clone_from(&bytes);
        Some((path, bytes))
    }

    /// Replies to anything but INVITE, finally.
    pub(super) fn reply(&mut self, key: &Arc<str>, status: u16, reason: &str, says: Says<'_>) {
        let Some((path, bytes)) = self.write_reply(key, status, reason, says) else { return };
        let about = self.servers.get(key).and_then(|server| server.about);
        self.send_of(about, path, bytes.clone());
        self.bury_server(key);
        if let Some(server) = self.servers.get_mut(key) {
            server.reply = bytes;
        }
    }

    fn write_reply(
        &self,
        key: &Arc<str>,
        status: u16,
        reason: &str,
        says: Says<'_>,
    ) -> Option<(Path, Vec<u8>)> {
        let server = self.servers.get(key)?;
        let mut writer = server.head.as_ref()?.write(status, reason, &self.setup.product);
        if let Some(contact) = &says.contact {
            writer.header("Contact", contact);
            writer.header("Allow", ALLOW);
        }
        for (name, value) in &says.headers {
            writer.header(name, value);
        }
        Some((server.path, writer.finish(says.sdp)))
    }

    /// Answers without remembering anything. The tag is computed from the request, so that a repetition gets the same.
    pub(super) fn rebuff(&mut self, message: &Message, arrival: &Arrival, rebuff: &Rebuff) {
        let hint = rebuff.hint.as_slice();
        self.reply_without_state(message, arrival, (rebuff.status, &rebuff.reason), hint, None);
    }

    pub(super) fn reply_without_state(
        &mut self,
        message: &Message,
        arrival: &Arrival,
        (status, reason): (u16, &str),
        headers: &[(&'static str, String)],
        tag: Option<String>,
    ) {
        let tag = tag.unwrap_or_else(|| {
            let seen = [Name::Via, Name::CallId, Name::CSeq].map(|name| message.header(name).unwrap_or(""));
            self.tokens.of(&seen.join("\n"))
        });
        let Some((head, Ways { path, instead: _ })) = ReplyHead::new(message, arrival.path, &tag) else {
            self.unreadable += 1;
            return;
        };
        let mut writer = head.write(status, reason, &self.setup.product);
        for (name, value) in headers {
            writer.header(name, value);
        }
        let bytes = writer.finish(None);
        self.send_of(arrival.about, path, bytes);
    }

    /// True if the request is the repetition of one we know.
    pub(super) fn is_repeated(&self, request: &Request<'_>) -> bool {
        let method = if *request.method == Method::Ack { &Method::Invite } else { request.method };
        self.servers.contains_key(&server_key(request, method))
    }

    /// Answers a repetition with what it got before. True if it was one.
    pub(super) fn repeat_reply(&mut self, request: &Request<'_>) -> bool {
        let Some(server) = self.servers.get(&server_key(request, request.method)) else { return false };
        if !server.reply.is_empty() {
            let (about, path, bytes) = (server.about, server.path, server.reply.clone());
            self.send_of(about, path, bytes);
        }
        true
    }

    /// Makes the transaction a tombstone: repetitions are recognised for 64*T1, and swallowed unless a reply is set. On a
    /// connection there are none (timers I and J are zero), but for INVITEs that were accepted (RFC 6026 section 7.1).
    pub(super) fn bury_server(&mut self, key: &Arc<str>) {
        let Some(server) = self.servers.get(key) else { return };
        let accepted = server.merge.is_some() && server.stage == ServerStage::Proceeding;
        let wait = if server.path.transport.is_reliable() && !accepted { Duration::ZERO } else { GONE };
        let expiry = self.set(wait, Why::ForgetTransaction, Alarm::Server(key.clone()));
        let Some(server) = self.servers.get_mut(key) else { return self.timers.clear(Some(expiry)) };
        if server.stage != ServerStage::Done {
            self.live -= 1;
        }
        server.stage = ServerStage::Done;
        server.head = None;
        server.reply = Vec::new();
        server.leg = None;
        let old = [server.resend.take(), server.expiry.replace(expiry)];
        old.into_iter().for_each(|ticket| self.timers.clear(ticket));
    }

    pub(super) fn server_alarm(&mut self, key: &Arc<str>, why: Why) {
        let Some(server) = self.servers.get_mut(key) else { return };
        if why == Why::ResendRefusal {
            server.interval = (server.interval * 2).min(T2);
            let (about, path, bytes) = (server.about, server.path, server.reply.clone());
            let interval = server.interval;
            self.send_of(about, path, bytes);
            let ticket = self.set(interval, Why::ResendRefusal, Alarm::Server(key.clone()));
            if let Some(server) = self.servers.get_mut(key) {
                server.resend = Some(ticket);
            }
            return;
        }
        // A refusal that nobody acknowledged in 64*T1 has waited long enough: it is no tombstone, it goes.
        let Some(server) = self.servers.remove(key) else { return };
        self.timers.clear(server.resend);
        if server.stage != ServerStage::Done {
            self.live -= 1;
        }
        if let Some(merge) = server.merge
            && self.merges.get(&merge) == Some(key)
        {
            self.merges.remove(&merge);
        }
        if let Some(leg) = server.leg {
            self.finish_if_turned_away(leg);
        }
    }
}
