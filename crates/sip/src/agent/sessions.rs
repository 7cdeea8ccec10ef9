//! Session timers: calls that one side repeats its word for, so that a far end that vanished is noticed. RFC 4028.
//!
//! As the called side we do what the caller asks for; as the calling side we ask for half an hour. A refresh of ours is
//! an UPDATE without a description where the far end takes that (RFC 3311), else an INVITE with the one we have.
//!
//! Invariant: an answered call with a session timer ends by our BYE before the time the far end counts to.

use std::sync::Arc;
use std::time::Duration;

use super::client::{Draft, Kind};
use super::leg::{Exchange, Stage, contact};
use super::{Agent, Alarm};
use crate::grammar::param;
use crate::message::Message;
use crate::name::Name;
use crate::notice::{EndedBy, LegId, Notice};
use crate::timers::{Ticket, Why};
use crate::vet::{ALLOW, Rebuff};

/// The option tag.
pub(super) const TAG: &str = "timer";
/// The shortest interval we agree to. RFC 4028 section 4.
const LEAST: Duration = Duration::from_secs(90);
/// What we ask for when we place a call. RFC 4028 section 4 recommends it.
pub(super) const ASKED: Duration = Duration::from_secs(1_800);
/// The longest interval that we ask for because the far end wants it.
const LONGEST: Duration = Duration::from_secs(86_400);
/// A refresh that found something else under way, or was refused for the moment, is tried again after this.
const AGAIN: Duration = Duration::from_secs(10);

/// What a leg remembers of its session timer.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// What is agreed upon, if anything.
    agreed: Option<Terms>,
    /// What the request of theirs that is being decided upon asks for.
    asked: Option<Terms>,
    /// The far end takes UPDATE.
    updates: bool,
    /// Our last description, to be repeated.
    pub description: String,
    /// Our INVITE under way only refreshes.
    pub refreshing: bool,
    refresh: Option<Ticket>,
    expiry: Option<Ticket>,
}

/// How often, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Terms {
    every: Duration,
    by_us: bool,
}

/// The interval a message names, and the side of its transaction that refreshes.
fn named(message: &Message) -> Option<(Duration, Option<Refresher>)> {
    let value = message.header(Name::SessionExpires)?;
    let (seconds, params) = value.split_once(';').unwrap_or((value, ""));
    let seconds: u32 = seconds.trim().parse().ok()?;
    let refresher = match param(params, "refresher").flatten() {
        Some(side) if side.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
        Some(side) if side.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
        Some(_) | None => None,
    };
    Some((Duration::from_secs(u64::from(seconds)), refresher))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refresher {
    Uac,
    Uas,
}

fn supports(message: &Message) -> bool {
    let mut tags = message.entries(Name::Supported).chain(message.entries(Name::Require));
    tags.any(|tag| tag.eq_ignore_ascii_case(TAG))
}

/// What a request of theirs asks for; the table of section 9.
fn asked(request: &Message) -> Option<Terms> {
    let (every, refresher) = named(request)?;
    let by_us = match refresher {
        Some(Refresher::Uas) => true,
        Some(Refresher::Uac) | None => !supports(request),
    };
    (every >= LEAST).then_some(Terms { every, by_us })
}

/// The refusal of a request whose interval is too short. Section 8.1.
pub(super) fn too_brief(request: &Message) -> Option<Rebuff> {
    let (every, _) = named(request).filter(|_| supports(request))?;
    let rebuff =
        || Rebuff::new(422, "Session Interval Too Small").hint("Min-SE", LEAST.as_secs().to_string());
    (every < LEAST).then(rebuff)
}

/// The headers of a longer interval, if a 422 wants one that we can ask for. Section 7.3.
pub(super) fn longer(reply: &Message, draft: &mut Draft) -> bool {
    let least =
        reply.headers_spelled("Min-SE").next().and_then(|text| text.split(';').next()?.trim().parse().ok());
    let Some(least) = least.map(|seconds: u32| Duration::from_secs(u64::from(seconds))) else { return false };
    let again = draft.headers.iter().any(|(name, _)| *name == "Min-SE");
    let Some((_, expires)) = draft.headers.iter_mut().find(|(name, _)| *name == "Session-Expires") else {
        return false;
    };
    if again || least > LONGEST {
        return false;
    }
    let side = expires.split_once(';').map(|(_, side)| format!(";{side}")).unwrap_or_default();
    *expires = format!("{}{side}", least.as_secs());
    draft.headers.push(("Min-SE", least.as_secs().to_string()));
    true
}

impl Agent {
    /// Remembers what a request of theirs asks for, until it is answered.
    pub(super) fn hear_terms(&mut self, id: LegId, request: &Message) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.session.asked = asked(request);
        leg.session.updates |= allows_update(request);
    }

    /// Agrees to what was asked for, from now on. Gives the headers of our 2xx.
    pub(super) fn accept_terms(&mut self, id: LegId) -> Vec<(&'static str, String)> {
        let Some(leg) = self.legs.get_mut(&id) else { return Vec::new() };
        let terms = leg.session.asked.take();
        self.start_session(id, terms);
        let Some(Terms { every, by_us }) = terms else { return Vec::new() };
        let side = if by_us { "uas" } else { "uac" };
        let mut headers = vec![("Session-Expires", format!("{};refresher={side}", every.as_secs()))];
        if !by_us {
            headers.push(("Require", TAG.to_owned()));
        }
        headers
    }

    /// Takes up what their 2xx to a request of ours agreed to.
    pub(super) fn terms_answered(&mut self, id: LegId, reply: &Message) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.session.updates |= allows_update(reply);
        let terms = named(reply).map(|(every, refresher)| Terms {
            every: every.max(LEAST),
            by_us: refresher != Some(Refresher::Uas),
        });
        self.start_session(id, terms);
    }

    /// The headers of a request of ours inside the call.
    pub(super) fn terms_of_request(&self, id: LegId) -> Vec<(&'static str, String)> {
        let mut headers = vec![("Supported", TAG.to_owned())];
        if let Some(terms) = self.legs.get(&id).and_then(|leg| leg.session.agreed) {
            let side = if terms.by_us { "uac" } else { "uas" };
            headers.push(("Session-Expires", format!("{};refresher={side}", terms.every.as_secs())));
        }
        headers
    }

    fn start_session(&mut self, id: LegId, terms: Option<Terms>) {
        self.stop_session(id);
        let Some(Terms { every, by_us }) = terms else { return };
        // Section 10: BYE a third of the interval early, at most 32 seconds.
        let end = every - (every / 3).min(Duration::from_secs(32));
        let expiry = self.set(end, Why::SessionExpired, Alarm::Leg(id));
        let refresh = by_us.then(|| self.set(every / 2, Why::RefreshSession, Alarm::Leg(id)));
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.session.agreed = terms;
        (leg.session.expiry, leg.session.refresh) = (Some(expiry), refresh);
    }

    pub(super) fn stop_session(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let session = &mut leg.session;
        session.agreed = None;
        for ticket in [session.refresh.take(), session.expiry.take()] {
            self.timers.clear(ticket);
        }
    }

    pub(super) fn session_expired(&mut self, id: LegId) {
        self.say_bye(id, "session expired", None);
        self.tell(Notice::Ended { leg: id, by: EndedBy::Error });
    }

    pub(super) fn refresh_session(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let free = matches!(leg.exchange, Exchange::Settled) && leg.unacked.is_none();
        if !matches!(leg.stage, Stage::Up) {
            return;
        }
        if !free {
            return self.refresh_later(id);
        }
        if leg.session.updates {
            return self.send_update(id);
        }
        leg.session.refreshing = true;
        let description = leg.session.description.clone();
        self.make_offer(id, description);
    }

    pub(super) fn refresh_later(&mut self, id: LegId) {
        let ticket = self.set(AGAIN, Why::RefreshSession, Alarm::Leg(id));
        let old = match self.legs.get_mut(&id) {
            Some(leg) => leg.session.refresh.replace(ticket),
            None => Some(ticket),
        };
        self.timers.clear(old);
    }

    fn send_update(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.dialog.local_cseq += 1;
        let dialog = leg.dialog.clone();
        let Some(way) = self.way(&dialog, dialog.local_cseq) else { return self.refresh_later(id) };
        let contact = self.contact_at(way.1.path).unwrap_or_default();
        let mut headers = vec![("Contact", contact), ("Allow", ALLOW.to_owned())];
        headers.extend(self.terms_of_request(id));
        headers.push(("User-Agent", self.setup.product.clone()));
        let account = self.account_of(id, way.1.path);
        self.submit(Kind::Update, Some(id), way, Draft { headers, account, ..Draft::default() });
    }

    /// A final reply to our UPDATE, or `None` if none came.
    pub(super) fn update_replied(&mut self, key: &Arc<str>, reply: Option<&Message>) {
        let leg = self.clients.get(key).and_then(|client| client.leg);
        let silence = self.clients.get(key).map_or(408, |client| client.silence);
        self.bury_client(key);
        let Some(id) = leg else { return };
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| matches!(leg.stage, Stage::Up)) else { return };
        match (reply.and_then(Message::status).unwrap_or(silence), reply) {
            (200..=299, Some(reply)) => {
                if let Some(target) = contact(reply) {
                    leg.dialog.target = target;
                    self.let_in(id);
                }
                self.terms_answered(id, reply);
            }
            (408 | 481, _) => self.call_lost(id),
            (405 | 501, _) => {
                leg.session.updates = false;
                self.refresh_session(id);
            }
            _ => self.refresh_later(id),
        }
    }
}

fn allows_update(message: &Message) -> bool {
    message.entries(Name::Allow).any(|method| method == "UPDATE")
}
