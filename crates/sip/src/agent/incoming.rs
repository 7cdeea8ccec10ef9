//! Calls that come in: rung, answered or refused as ordered; and what the far end says inside a call.

use super::leg::{Dialog, Exchange, Leg, Stage, Unacked, contact, recorded_routes, sip_uri};
use super::referred::Wanted;
use super::referring::Asked;
use super::server::{Says, ServerStage, merge_key, server_key};
use super::sessions::{Session, too_brief};
use super::tracing::Told;
use super::{Agent, Arrival};
use crate::address::Address;
use crate::limits::{ORIGINS, OVERLOADED_FOR, RING_AGAIN, T1};
use crate::message::Message;
use crate::name::{Method, Name};
use crate::notice::{EndedBy, Invitation, LegId, Notice, Party};
use crate::order::{PeerName, Refusal};
use crate::timers::Why;
use crate::uri::Uri;
use crate::vet::{ALLOW, Rebuff, Request, SDP_TYPE, description, supported};
use std::time::Duration;

const GONE_CALL: &str = "Call/Transaction Does Not Exist";

impl Agent {
    /// An INVITE outside any dialog: a new call, unless it is one we have, or one too many.
    pub(super) fn invited(&mut self, request: &Request<'_>, arrival: &Arrival) {
        let Some(peer) = arrival.over.clone().or(arrival.peer.clone()) else {
            return self.strange(arrival.path.remote);
        };
        let replaces = match self.welcome(request, arrival) {
            Ok(replaces) => replaces,
            Err(rebuff) => return self.rebuff(request.message, arrival, &rebuff),
        };
        if !self.affords(&peer) {
            return self.rebuff(request.message, arrival, &overloaded());
        }
        let tag = self.tokens.fresh();
        let target = target_of(request).unwrap_or_default();
        let id = LegId(self.invited + 1);
        let Some(server) = self.open_server(request, arrival, Some(id), &tag) else { return };
        self.invited += 1;
        let offer = description(request.message).ok().flatten().map(str::to_owned);
        let dialog = dialog_of_caller(request, arrival, tag, target);
        let key = dialog.key();
        self.dialogs.insert(key.clone(), id);
        let stage = Stage::Invited {
            server: server.clone(),
            offered: offer.is_some(),
            rings: false,
            since: self.now,
        };
        let leg = Leg::new(arrival.peer.clone(), dialog, Some(key), stage);
        let reliable = self.reliability(request.message);
        let account = Some(peer.clone());
        let leg = Leg { account, reliable, invite_cseq: request.cseq, replaces, ..leg };
        self.charge(&leg);
        self.legs.insert(id, leg);
        self.hear_terms(id, request.message);
        self.let_in(id);
        self.clock(id, RING_AGAIN.min(self.setup.limits.longest_ring), Why::KeepRinging);
        let invitation = Invitation { replaces, ..invitation(id, peer, request, arrival, offer) };
        self.tell(Notice::Invited(Box::new(invitation)));
        self.trace(Some(id), request.message, false, arrival.path);
        self.reply_invite(&server, 100, "Trying", Says::default());
    }

    /// Whether a new call can be let in at all, and whose place it wants; nothing is remembered of one that cannot.
    fn welcome(&self, request: &Request<'_>, arrival: &Arrival) -> Result<Option<LegId>, Rebuff> {
        if self.merges.contains_key(&merge_key(request)) {
            return Err(Rebuff::new(482, "Loop Detected"));
        }
        let replaces = self.admit_replacing(request.message, arrival)?;
        if target_of(request).is_none() {
            return Err(Rebuff::new(400, "Broken Contact"));
        }
        if recorded_routes(request.message).is_none() {
            return Err(Rebuff::new(400, "Broken Record-Route"));
        }
        if let Some(rebuff) = too_brief(request.message) {
            return Err(rebuff);
        }
        if self.is_crowded || self.is_full() {
            return Err(overloaded());
        }
        match self.is_closed || self.setup.advertised(arrival.path).is_none() {
            true => Err(Rebuff::new(503, "Service Unavailable")),
            false => Ok(replaces),
        }
    }

    pub(super) fn ring(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let path = leg.dialog.path;
        let Stage::Invited { server, rings, .. } = &mut leg.stage else { return };
        *rings = true;
        let server = server.clone();
        if self.ring_reliably(id) {
            return;
        }
        let says = Says { contact: self.contact_at(path), ..Says::default() };
        self.reply_invite(&server, 180, "Ringing", says);
    }

    pub(super) fn answer(&mut self, id: LegId, sdp: &str) {
        let Some(leg) = self.legs.get(&id) else { return };
        let Stage::Invited { server, offered, .. } = &leg.stage else { return };
        let (server, ours_offered) = (server.clone(), !*offered);
        let (path, cseq) = (leg.dialog.path, leg.invite_cseq);
        let mut headers = self.accept_terms(id);
        headers.push(("Supported", supported()));
        let says = Says { contact: self.contact_at(path), headers, sdp: Some(sdp) };
        let Some((path, bytes)) = self.reply_invite(&server, 200, "OK", says) else { return };
        self.remember_description(id, sdp);
        self.stop_ringing(id);
        self.up(id);
        self.await_ack(id, Unacked::new(cseq, path, bytes, true, ours_offered));
        self.end_replaced(id);
    }

    pub(super) fn refuse(&mut self, id: LegId, refusal: &Refusal) {
        if self.turn_away(id, refusal.status(), refusal.retry_after()) {
            self.tell(Notice::Ended { leg: id, by: EndedBy::Us });
        }
    }

    /// Refuses an invitation; the leg stays until the refusal is acknowledged. False if there is none to refuse.
    pub(super) fn turn_away(
        &mut self,
        id: LegId,
        (status, reason): (u16, &str),
        retry_after: Option<Duration>,
    ) -> bool {
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let Stage::Invited { server, .. } = &leg.stage else { return false };
        let server = server.clone();
        leg.stage = Stage::TurnedAway;
        let clock = leg.clock.take();
        self.timers.clear(clock);
        self.stop_ringing(id);
        let headers = retry_after.map(|after| ("Retry-After", after.as_secs().to_string()));
        let headers = headers.into_iter().collect();
        self.reply_invite(&server, status, reason, Says { headers, ..Says::default() });
        true
    }

    /// The ACK of a refusal ends its resending; the ACK of a 200 confirms the call.
    pub(super) fn ack(&mut self, request: &Request<'_>, leg: Option<LegId>) {
        let key = server_key(request, &Method::Invite);
        if let Some(server) = self.servers.get_mut(&key)
            && server.stage == ServerStage::Refused
        {
            let leg = server.leg.take();
            self.bury_server(&key);
            if let Some(leg) = leg {
                self.finish_if_turned_away(leg);
            }
            return;
        }
        let Some(id) = leg else { return };
        let awaited = self.legs.get(&id).and_then(|leg| leg.unacked.as_ref()).map(|unacked| unacked.cseq);
        if awaited != Some(request.cseq) {
            return;
        }
        let Some(unacked) = self.take_unacked(id) else { return };
        if unacked.first || unacked.ours_offered {
            let sdp = description(request.message).ok().flatten().filter(|_| unacked.ours_offered);
            self.tell(Notice::Confirmed { leg: id, sdp: sdp.map(str::to_owned) });
        }
        if let Some(reason) = self.legs.get_mut(&id).and_then(|leg| leg.hang_up.take()) {
            self.say_bye(id, &reason, Some(EndedBy::Us));
        }
    }

    /// Lets a leg go whose refusal was acknowledged, or will never be.
    pub(super) fn finish_if_turned_away(&mut self, id: LegId) {
        if matches!(self.legs.get(&id).map(|leg| &leg.stage), Some(Stage::TurnedAway)) {
            self.finish(id);
        }
    }

    pub(super) fn cancelled(&mut self, request: &Request<'_>, arrival: &Arrival) {
        let key = server_key(request, &Method::Invite);
        let from_there =
            self.servers.get(&key).filter(|server| server.path.remote.ip() == arrival.path.remote.ip());
        let Some(server) = from_there else {
            return self.rebuff(request.message, arrival, &Rebuff::new(481, GONE_CALL));
        };
        let pending = server.leg.filter(|_| server.stage == ServerStage::Proceeding);
        // The same tag as in the replies to the INVITE (RFC 3261 section 9.2).
        let leg = server.leg.and_then(|id| self.legs.get(&id));
        let tag = leg.map(|leg| leg.dialog.local_tag.clone());
        self.reply_without_state(request.message, arrival, (200, "OK"), &[], tag);
        let Some(id) = pending else { return };
        if self.turn_away(id, (487, "Request Terminated"), None) {
            self.tell(Notice::Cancelled { leg: id });
        } else {
            self.settle(id, Some((487, "Request Terminated")));
        }
    }

    pub(super) fn options(&mut self, request: &Request<'_>, arrival: &Arrival) {
        let (status, headers) = match self.is_closed {
            true => ((503, "Service Unavailable"), Vec::new()),
            false => ((200, "OK"), abilities()),
        };
        self.reply_without_state(request.message, arrival, status, &headers, None);
    }

    /// Within a call the same is asked in the order of its requests, and a call that is up is served also when no new one is.
    pub(super) fn options_inside(&mut self, request: &Request<'_>, arrival: &Arrival) {
        let Some(key) = self.open_server(request, arrival, None, "") else { return };
        self.reply(&key, 200, "OK", Says { headers: abilities(), ..Says::default() });
    }

    /// A request inside a dialog, in its order (RFC 3261 section 12.2.2).
    pub(super) fn inside(&mut self, id: LegId, request: &Request<'_>, arrival: &Arrival) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if matches!(leg.stage, Stage::Calling { .. }) {
            return self.inside_early(id, request, arrival);
        }
        if let Some(rebuff) = leg.dialog.in_order(request.cseq) {
            return self.rebuff(request.message, arrival, &rebuff);
        }
        match request.method {
            Method::Invite => self.reinvited(id, request, arrival),
            Method::Bye => self.bye(id, request, arrival),
            Method::Info => self.info(id, request, arrival),
            Method::Options => self.options_inside(request, arrival),
            Method::Prack => self.prack(id, request, arrival),
            Method::Update => self.updated(id, request, arrival),
            Method::Notify => self.notified(id, request, arrival),
            Method::Refer => self.referred(id, request, arrival),
            _ => self.rebuff(
                request.message,
                arrival,
                &Rebuff::new(405, "Method Not Allowed").hint("Allow", ALLOW),
            ),
        }
    }

    fn bye(&mut self, id: LegId, request: &Request<'_>, arrival: &Arrival) {
        if let Some(key) = self.open_server(request, arrival, None, "") {
            self.reply(&key, 200, "OK", Says::default());
        }
        // A caller may end an early dialog by BYE instead of CANCEL (RFC 3261 section 15.1.2).
        if self.turn_away(id, (487, "Request Terminated"), None) {
            self.tell(Notice::Cancelled { leg: id });
            return;
        }
        if !self.waits_for_word(id) {
            self.far_end_left(id, EndedBy::FarEnd);
        }
    }

    pub(super) fn info(&mut self, id: LegId, request: &Request<'_>, arrival: &Arrival) {
        let digit = digit_of(request.message);
        let Some(key) = self.open_server(request, arrival, None, "") else { return };
        if digit.is_none() && !request.message.body().is_empty() {
            let headers = vec![("Accept", "application/dtmf-relay, application/dtmf".to_owned())];
            return self.reply(&key, 415, "Unsupported Media Type", Says { headers, ..Says::default() });
        }
        self.reply(&key, 200, "OK", Says::default());
        let up = matches!(self.legs.get(&id).map(|leg| &leg.stage), Some(Stage::Up));
        if let Some(digit) = digit.filter(|_| up) {
            self.tell(Notice::Digit { leg: id, digit });
        }
    }
}

/// What we can do, as the answer to OPTIONS says it. RFC 3261 section 11.2.
fn abilities() -> Vec<(&'static str, String)> {
    vec![("Allow", ALLOW.to_owned()), ("Accept", SDP_TYPE.to_owned()), ("Supported", supported())]
}

/// A carrier that is told when to try again sends nothing at all until then: only at overload is that meant.
fn overloaded() -> Rebuff {
    Rebuff::new(503, "Service Unavailable").hint("Retry-After", OVERLOADED_FOR.as_secs().to_string())
}

impl Leg {
    pub(super) fn new(peer: Option<PeerName>, dialog: Dialog, key: Option<String>, stage: Stage) -> Leg {
        Leg {
            account: peer.clone(),
            peer,
            dialog,
            key,
            stage,
            unacked: None,
            exchange: Exchange::Settled,
            again: None,
            crossings: 0,
            hang_up: None,
            invite_cseq: 0,
            session: Session::default(),
            reliable: None,
            clock: None,
            offer_clock: None,
            may_follow: Vec::new(),
            asked: Asked::default(),
            wanted: Wanted::default(),
            guests: Vec::new(),
            told: Told::default(),
            replaces: None,
        }
    }
}

impl Unacked {
    pub(super) fn new(
        cseq: u32,
        path: crate::order::Path,
        bytes: Vec<u8>,
        first: bool,
        ours_offered: bool,
    ) -> Unacked {
        Unacked { cseq, path, bytes, interval: T1, first, ours_offered, resend: None, give_up: None }
    }
}

/// Where a caller is reached. Callers of RFC 2543 need not say so; then it is who they are.
fn target_of(request: &Request<'_>) -> Option<String> {
    let old = !request.via.has_unique_branch() && request.message.header(Name::Contact).is_none();
    contact(request.message).or_else(|| old.then(|| sip_uri(&request.from)).flatten())
}

/// The dialog as the answering side makes it. RFC 3261 section 12.1.1.
fn dialog_of_caller(request: &Request<'_>, arrival: &Arrival, tag: String, target: String) -> Dialog {
    let text = |name| request.message.header(name).unwrap_or("").to_owned();
    Dialog {
        call_id: request.call_id.to_owned(),
        remote_tag: request.from.tag().unwrap_or("").to_owned(),
        local: format!("{};tag={tag}", text(Name::To)),
        remote: text(Name::From),
        local_tag: tag,
        local_cseq: 0,
        remote_cseq: Some(request.cseq),
        routes: recorded_routes(request.message).unwrap_or_default(),
        target,
        path: arrival.path,
    }
}

fn invitation(
    leg: LegId,
    peer: PeerName,
    request: &Request<'_>,
    arrival: &Arrival,
    offer: Option<String>,
) -> Invitation {
    let message = request.message;
    let all = |name| message.entries(name).take(ORIGINS).map(str::to_owned).collect();
    Invitation {
        leg,
        peer,
        path: arrival.path,
        request_user: dialled(request, arrival),
        called_party: called_party(request),
        to: party(&request.to),
        from: party(&request.from),
        call_id: request.call_id.to_owned(),
        diversion: all(Name::Diversion),
        history_info: all(Name::HistoryInfo),
        p_asserted_identity: all(Name::PAssertedIdentity),
        privacy: message.header(Name::Privacy).map(str::to_owned),
        extensions: extensions(message),
        replaces: None,
        offer,
    }
}

/// The number that was dialled. Over a registration the request URI is our own Contact, and the number stands in
/// P-Called-Party-ID (RFC 7315 section 4.2) or in To.
fn dialled(request: &Request<'_>, arrival: &Arrival) -> String {
    let user = |uri: Result<Uri, _>| uri.map(|uri| uri.user_text()).unwrap_or_default();
    if arrival.over.is_none() {
        return user(Uri::parse(request.message.uri()));
    }
    called_party(request).unwrap_or_else(|| user(request.to.parsed_uri()))
}

fn called_party(request: &Request<'_>) -> Option<String> {
    let called = request.message.headers_spelled("P-Called-Party-ID").next().and_then(Address::parse)?;
    called.parsed_uri().ok().map(|uri| uri.user_text())
}

fn extensions(message: &Message) -> Vec<(String, String)> {
    let own = |(name, _): &(&str, &str)| name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("X-"));
    let all = message.headers_as_spelled().filter(own).take(ORIGINS);
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn party(address: &Address<'_>) -> Party {
    match address.parsed_uri() {
        Ok(uri) => Party { display: address.display(), user: uri.user_text(), host: uri.host },
        Err(_) => Party { display: address.display(), ..Party::default() },
    }
}

/// The key told by an INFO: `Signal=5` of application/dtmf-relay, or the bare key of application/dtmf.
fn digit_of(message: &Message) -> Option<char> {
    let kind = message.header(Name::ContentType)?.split(';').next()?.trim();
    let text = std::str::from_utf8(message.body()).ok()?;
    let key = if kind.eq_ignore_ascii_case("application/dtmf-relay") {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("Signal").then_some(value.trim())
        })?
    } else if kind.eq_ignore_ascii_case("application/dtmf") {
        text.trim()
    } else {
        return None;
    };
    match key {
        "10" => return Some('*'),
        "11" => return Some('#'),
        _ => {}
    }
    let mut chars = key.chars();
    let digit = chars.next()?.to_ascii_uppercase();
    (chars.next().is_none() && "0123456789*#ABCD".contains(digit)).then_some(digit)
}
