//! Offers inside a call, theirs and ours: hold, resume, another address. RFC 3261 section 14, RFC 6337.

use std::sync::Arc;
use std::time::Duration;

use super::client::{Client, Kind};
use super::leg::{Exchange, Stage, Unacked, contact};
use super::server::Says;
use super::sessions::too_brief;
use super::{Agent, Alarm, Arrival};
use crate::limits::OFFER_UNDECIDED;
use crate::message::Message;
use crate::notice::{LegId, Notice};
use crate::timers::Why;
use crate::vet::{Request, description};

/// When an offer that met a request of ours is tried again.
const REFRESHED_SOON: Duration = Duration::from_millis(500);

/// Status, reason and headers of a refusal.
type Refusal = (u16, &'static str, Vec<(&'static str, String)>);

/// How often an offer of ours that crosses theirs is made again.
const CROSSINGS: u8 = 4;

impl Agent {
    /// An INVITE inside the call. Refused for the moment if anything else of that kind is under way.
    pub(super) fn reinvited(&mut self, id: LegId, request: &Request<'_>, arrival: &Arrival) {
        let Some(key) = self.open_server(request, arrival, Some(id), "") else { return };
        if let Some((status, reason, headers)) = self.unwelcome_offer(id, request) {
            self.disown(&key);
            self.reply_invite(&key, status, reason, Says { headers, ..Says::default() });
            return;
        }
        self.reply_invite(&key, 100, "Trying", Says::default());
        self.consider(id, request, key, false);
    }

    /// An UPDATE (RFC 3311): with an offer much like an INVITE, without one a refresh (RFC 4028).
    pub(super) fn updated(&mut self, id: LegId, request: &Request<'_>, arrival: &Arrival) {
        let Some(key) = self.open_server(request, arrival, None, "") else { return };
        let offers = description(request.message).is_ok_and(|sdp| sdp.is_some());
        let refusal =
            if offers { self.unwelcome_offer(id, request) } else { self.unwelcome_refresh(id, request) };
        if let Some((status, reason, headers)) = refusal {
            return self.reply(&key, status, reason, Says { headers, ..Says::default() });
        }
        if offers {
            return self.consider(id, request, key, true);
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Some(target) = contact(request.message) {
            leg.dialog.target = target;
        }
        let (path, up) = (leg.dialog.path, matches!(leg.stage, Stage::Up));
        self.let_in(id);
        let mut headers = Vec::new();
        if up {
            self.hear_terms(id, request.message);
            headers = self.accept_terms(id);
        }
        self.reply(&key, 200, "OK", Says { contact: self.contact_at(path), headers, sdp: None });
    }

    /// Why an offer of theirs cannot be considered now. RFC 3261 section 14.2, RFC 3311 section 5.2.
    fn unwelcome_offer(&mut self, id: LegId, request: &Request<'_>) -> Option<Refusal> {
        let leg = self.legs.get(&id)?;
        let (status, reason) = match (&leg.stage, &leg.exchange) {
            (Stage::Leaving { .. } | Stage::TurnedAway, _) => (481, "Call/Transaction Does Not Exist"),
            // What they want already is not answered yet.
            (Stage::Invited { .. }, _) | (Stage::Up, Exchange::Theirs { .. }) => (500, "Request Pending"),
            (Stage::Calling { .. }, _) => (491, "Request Pending"),
            (Stage::Up, Exchange::Ours { .. }) => (491, "Request Pending"),
            (Stage::Up, Exchange::Settled) if leg.unacked.is_some() => (491, "Request Pending"),
            (Stage::Up, Exchange::Settled) => return brief(request),
        };
        let headers = if status == 500 { self.in_a_moment() } else { Vec::new() };
        Some((status, reason, headers))
    }

    /// When an offer may be tried again that met one of theirs: up to ten seconds, by chance.
    pub(super) fn in_a_moment(&mut self) -> Vec<(&'static str, String)> {
        vec![("Retry-After", (1 + self.tokens.number() % 9).to_string())]
    }

    fn unwelcome_refresh(&self, id: LegId, request: &Request<'_>) -> Option<Refusal> {
        match self.legs.get(&id)?.stage {
            Stage::Leaving { .. } | Stage::TurnedAway => {
                Some((481, "Call/Transaction Does Not Exist", Vec::new()))
            }
            Stage::Invited { .. } | Stage::Calling { .. } | Stage::Up => brief(request),
        }
    }

    /// Hands their offer over to be decided upon.
    pub(super) fn consider(&mut self, id: LegId, request: &Request<'_>, server: Arc<str>, update: bool) {
        let sdp = description(request.message).ok().flatten().map(str::to_owned);
        let target = contact(request.message);
        self.hear_terms(id, request.message);
        let ticket = self.set(OFFER_UNDECIDED, Why::OfferUndecided, Alarm::Leg(id));
        if let Some(leg) = self.legs.get_mut(&id) {
            let (cseq, offered) = (request.cseq, sdp.is_some());
            leg.exchange = Exchange::Theirs { server, update, cseq, offered, target };
            leg.offer_clock = Some(ticket);
        }
        self.tell(Notice::Offered { leg: id, sdp });
    }

    pub(super) fn answer_offer(&mut self, id: LegId, sdp: &str) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Exchange::Theirs { server, update, cseq, offered, target } = &leg.exchange else { return };
        let (server, update, cseq) = (server.clone(), *update, *cseq);
        if matches!(leg.stage, Stage::Calling { .. }) {
            return self.answer_early(id, &server, sdp);
        }
        let (ours_offered, target) = (!*offered, target.clone());
        leg.exchange = Exchange::Settled;
        if let Some(target) = target {
            leg.dialog.target = target;
        }
        let path = leg.dialog.path;
        let clock = leg.offer_clock.take();
        self.timers.clear(clock);
        self.let_in(id);
        self.remember_description(id, sdp);
        let headers = self.accept_terms(id);
        let says = Says { contact: self.contact_at(path), headers, sdp: Some(sdp) };
        if update {
            return self.reply(&server, 200, "OK", says);
        }
        if let Some((path, bytes)) = self.reply_invite(&server, 200, "OK", says) {
            self.await_ack(id, Unacked::new(cseq, path, bytes, false, ours_offered));
        }
    }

    /// Keeps what we said last, for refreshing by an INVITE.
    pub(super) fn remember_description(&mut self, id: LegId, sdp: &str) {
        if let Some(leg) = self.legs.get_mut(&id) {
            sdp.clone_into(&mut leg.session.description);
        }
    }

    pub(super) fn refuse_offer(&mut self, id: LegId) {
        self.settle(id, Some((488, "Not Acceptable Here")));
    }

    /// Ends what offer is under way; theirs is refused with `refusal`.
    pub(super) fn settle(&mut self, id: LegId, refusal: Option<(u16, &str)>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let clock = leg.offer_clock.take();
        let exchange = std::mem::replace(&mut leg.exchange, Exchange::Settled);
        self.timers.clear(clock);
        match (exchange, refusal) {
            (Exchange::Theirs { server, update: true, .. }, Some((status, reason))) => {
                self.reply(&server, status, reason, Says::default());
            }
            (Exchange::Theirs { server, .. }, Some((status, reason))) => {
                self.disown(&server);
                self.reply_invite(&server, status, reason, Says::default());
            }
            // Ours is not waited for any longer than a far end may take that is gone.
            (Exchange::Ours { client, .. }, _) => self.expire_pending(&client),
            (Exchange::Settled | Exchange::Theirs { .. }, None) | (Exchange::Settled, Some(_)) => {}
        }
    }

    /// The call ends: nothing more is offered, and what they offered is terminated.
    pub(super) fn drop_offers(&mut self, id: LegId) {
        self.settle(id, Some((487, "Request Terminated")));
        if let Some((_, ticket)) = self.legs.get_mut(&id).and_then(|leg| leg.again.take()) {
            self.timers.clear(Some(ticket));
        }
    }

    /// The refusal of an INVITE inside a call is acknowledged or not without the leg caring.
    fn disown(&mut self, server: &Arc<str>) {
        if let Some(server) = self.servers.get_mut(server) {
            server.leg = None;
        }
    }

    /// Makes an offer of ours.
    pub(super) fn offer(&mut self, id: LegId, sdp: String) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if !matches!(leg.stage, Stage::Up) {
            return;
        }
        // What is to be offered again would be out of date.
        if let Some((waiting, _)) = leg.again.as_mut() {
            *waiting = sdp;
            return;
        }
        // A refresh of ours is over in a moment, and nobody else knows of it.
        if leg.session.refreshing {
            leg.crossings = 0;
            return self.wait_again(id, sdp, REFRESHED_SOON);
        }
        let free = matches!(leg.exchange, Exchange::Settled) && leg.unacked.is_none();
        if !free {
            return self.tell(Notice::OfferRefused { leg: id, status: 491 });
        }
        leg.crossings = 0;
        self.make_offer(id, sdp);
    }

    pub(super) fn make_offer(&mut self, id: LegId, sdp: String) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.dialog.local_cseq += 1;
        let dialog = leg.dialog.clone();
        match self.way(&dialog, dialog.local_cseq) {
            Some(way) => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.exchange = Exchange::Ours { client: way.0.clone(), sdp: sdp.clone() };
                }
                let terms = self.terms_of_request(id);
                self.send_invite(Kind::Offer, id, way, terms, &sdp);
            }
            None => {
                self.settle(id, None);
                if self.refresh_failed(id) {
                    return;
                }
                self.tell(Notice::OfferRefused { leg: id, status: 503 });
            }
        }
    }

    pub(super) fn offer_again(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some((sdp, _)) = leg.again.take() else { return };
        if !matches!(leg.stage, Stage::Up) {
            return;
        }
        if matches!(leg.exchange, Exchange::Settled) && leg.unacked.is_none() {
            return self.make_offer(id, sdp);
        }
        self.wait_again(id, sdp, REFRESHED_SOON);
    }

    fn wait_again(&mut self, id: LegId, sdp: String, after: Duration) {
        let ticket = self.set(after, Why::OfferAgain, Alarm::Leg(id));
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.again = Some((sdp, ticket));
        }
    }

    /// Ours met theirs on the way (491). Who made the Call-ID waits longer, so that one of both gets through.
    fn offer_crossed(&mut self, id: LegId, sdp: String) {
        let chance = self.tokens.number();
        let after = if id.is_placed() { 2_100 + chance % 191 * 10 } else { chance % 200 * 10 };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.crossings += 1;
        if leg.crossings > CROSSINGS {
            return self.tell(Notice::OfferRefused { leg: id, status: 491 });
        }
        self.wait_again(id, sdp, Duration::from_millis(after));
    }

    /// A final reply to our offer, or `None` if none came.
    pub(super) fn offer_replied(&mut self, key: &Arc<str>, reply: Option<&Message>) {
        let silence = self.clients.get(key).map_or(408, |client| client.silence);
        let status = reply.and_then(Message::status).unwrap_or(silence);
        let leg = self.clients.get(key).and_then(|client: &Client| client.leg);
        match reply {
            Some(reply) if status < 300 => self.acknowledge(key, reply),
            Some(reply) => self.acknowledge_refusal(key, reply),
            None => {}
        }
        self.bury_client(key);
        let Some(id) = leg else { return };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Exchange::Ours { sdp: offered, .. } = &mut leg.exchange else { return };
        let offered = std::mem::take(offered);
        leg.exchange = Exchange::Settled;
        if status >= 300 && status != 408 && status != 481 && self.refresh_failed(id) {
            return;
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.session.refreshing = false;
        match (status, reply) {
            (200..=299, Some(reply)) => {
                leg.session.description = offered;
                self.terms_answered(id, reply);
                let Some(leg) = self.legs.get_mut(&id) else { return };
                if let Some(target) = contact(reply) {
                    leg.dialog.target = target;
                    self.let_in(id);
                }
                self.tell(match description(reply) {
                    Ok(Some(sdp)) => Notice::OfferAnswered { leg: id, sdp: sdp.to_owned() },
                    Ok(None) | Err(_) => Notice::OfferRefused { leg: id, status: 488 },
                });
            }
            (491, _) => self.offer_crossed(id, offered),
            // The far end has lost the dialog, or is gone (RFC 3261 section 12.2.1.2).
            (408 | 481, _) => self.call_lost(id),
            _ => self.tell(Notice::OfferRefused { leg: id, status }),
        }
    }

    /// If the INVITE that failed was only a refresh, nobody is told and it is tried again. True if it was.
    fn refresh_failed(&mut self, id: LegId) -> bool {
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let refreshing = std::mem::replace(&mut leg.session.refreshing, false);
        if refreshing {
            self.refresh_later(id);
        }
        refreshing
    }
}

/// The refusal of a session interval that is too short.
fn brief(request: &Request<'_>) -> Option<Refusal> {
    let rebuff = too_brief(request.message)?;
    Some((rebuff.status, "Session Interval Too Small", rebuff.hint.into_iter().collect()))
}
