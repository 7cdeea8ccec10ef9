//! What comes back to a REGISTER, what it means, and when the next one goes out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Agent;
use super::joining::Joining;
use super::outgoing::retry_after;
use crate::address::Address;
use crate::digest::Denied;
use crate::grammar::list;
use crate::limits::ROUTES;
use crate::message::Message;
use crate::name::Name;
use crate::notice::Notice;
use crate::order::PeerName;
use crate::registration::{APART, LONGEST, Patience, Registration, RegistrationState, renewal};
use crate::via::Via;

/// Outdated contacts that are taken back, of one registration at one address of ours.
const TAKEN_BACK: usize = 8;
/// A better path that did not serve when it was tried again is left alone for so long.
const COME_BACK: Duration = Duration::from_secs(900);

impl Joining {
    /// The addresses that the registrar has under our Contact user, with the seconds each has left if it says so.
    fn listed(&self, reply: &Message) -> Vec<(Option<SocketAddr>, Option<u64>)> {
        let ours = |entry: &str| {
            let address = Address::parse(entry)?;
            let uri =
                address.parsed_uri().ok().filter(|uri| uri.user_text() == self.registrar.contact_user)?;
            Some((uri.address(), address.param("expires").and_then(|text| text.parse().ok())))
        };
        reply.entries(Name::Contact).filter_map(ours).collect()
    }

    /// How long the registrar keeps us: as our own Contact says, else the header, else as asked. RFC 3261 section 10.3.
    fn granted(&self, listed: &[(Option<SocketAddr>, Option<u64>)], reply: &Message) -> Duration {
        let exact = listed.iter().find(|(address, _)| *address == self.here);
        // A registrar that sees through our router may list us by another address.
        let ours = exact.or(listed.first()).and_then(|(_, expires)| *expires);
        let seconds = ours.or_else(|| number(reply, "Expires"));
        seconds.map_or(self.asked, Duration::from_secs).min(LONGEST)
    }

    /// A registration that is renewed goes back to the best path that is not spared. If that one does not serve yet,
    /// the registration stays where it is, for which there is time enough.
    pub(super) fn come_back(&mut self, now: Duration) {
        let holds = self.until.is_some_and(|until| until > now) && !self.leaving;
        let best = (0..self.target).find(|path| self.not_before.get(*path).is_some_and(|at| *at <= now));
        if let Some(best) = best.filter(|_| holds && self.served.is_none()) {
            self.served = Some(std::mem::replace(&mut self.target, best));
        }
    }

    /// The better path does not serve yet: goes on where we are registered. False if that was not tried.
    fn stay(&mut self, now: Duration) -> bool {
        let Some(served) = self.served.take() else { return false };
        if let Some(not_before) = self.not_before.get_mut(self.target) {
            *not_before = now + COME_BACK;
        }
        self.target = served;
        true
    }

    /// Chooses where the next try goes, at the earliest at `at`, after the one before failed there.
    fn turn(&mut self, at: Duration) -> Duration {
        let count = self.not_before.len();
        let order = (1..=count).map(|step| (self.target + step) % count);
        let best = order.min_by_key(|path| self.not_before[*path].max(at));
        let Some(best) = best else { return at };
        self.target = best;
        self.not_before[best].max(at)
    }
}

/// Why nothing came from a registrar.
fn silent(unconnected: bool, mistrust: Option<&str>) -> String {
    match (unconnected, mistrust) {
        (_, Some(why)) => format!("no connection to the registrar: {why}"),
        (false, None) => {
            "the registrar does not answer: check its address, the network and the firewall".to_owned()
        }
        (true, None) => "no connection to the registrar can be made or kept: check its address and port, the trunk's transport, and \
                         the firewall"
            .to_owned(),
    }
}

impl Agent {
    /// A final reply to a REGISTER, or `None` if none came.
    pub(super) fn registered(&mut self, key: &Arc<str>, reply: Option<&Message>, denied: Option<Denied>) {
        let owner = self.clients.get(key).and_then(|client| client.owner.clone());
        let client = self.clients.get(key);
        let unconnected = client.is_some_and(|client| client.silence == 503);
        let mistrust = client.and_then(|client| client.mistrust.clone());
        self.bury_client(key);
        let Some(name) = owner else { return };
        let Some(joining) = self.joinings.get_mut(&name).filter(|joining| joining.is_target(key)) else {
            return;
        };
        joining.under_way = None;
        let status = reply.and_then(Message::status);
        if joining.leaving {
            return self.left(&name, status);
        }
        let (Some(reply), Some(status)) = (reply, status) else {
            return self.interrupted(&name, None, None, &silent(unconnected, mistrust.as_deref()));
        };
        match status {
            200..=299 => self.granted(&name, reply, status),
            423 if self.obey(&name, reply) => {}
            501 | 505 | 513 => self.refused(&name, reply, status, denied),
            408 | 429 | 430 | 480 | 500..=599 => {
                let sentence = format!("the registrar answered {}, and is tried again", shown(reply, status));
                self.interrupted(&name, Some(status), retry_after(reply), &sentence);
            }
            _ => self.refused(&name, reply, status, denied),
        }
    }

    fn granted(&mut self, name: &PeerName, reply: &Message, status: u16) {
        let chance = self.chance();
        let Some(joining) = self.joinings.get_mut(name) else { return };
        let listed = joining.listed(reply);
        let granted = joining.granted(&listed, reply);
        if granted.is_zero() {
            return self.interrupted(
                name,
                Some(status),
                None,
                "the registrar answered 200 but did not keep our address",
            );
        }
        joining.until = Some(self.now + granted);
        joining.served = None;
        joining.patience = Patience::default();
        joining.service_routes = service_routes(reply);
        joining.outdated.clear();
        let exact = listed.iter().any(|(address, _)| *address == joining.here);
        for old in listed.iter().filter_map(|(address, _)| *address).filter(|_| exact) {
            let known = Some(old) == joining.here || joining.taken_back.contains(&old);
            if !known && joining.taken_back.len() < TAKEN_BACK {
                joining.taken_back.push(old);
                joining.outdated.push(old);
            }
        }
        let after = if joining.outdated.is_empty() { renewal(granted, chance) } else { APART };
        let next = joining.tried.map_or(self.now + after, |tried| (self.now + after).max(tried + APART));
        self.register_at(name, next);
        let seen_as = reply.entries(Name::Via).next().and_then(Via::parse).and_then(|via| via.seen_as());
        self.tell_registration(name, RegistrationState::Registered, Some(status), "", Some(next), seen_as);
    }

    /// Asks for longer, as the registrar wants it, at once but only once. RFC 3261 section 10.2.8.
    fn obey(&mut self, name: &PeerName, reply: &Message) -> bool {
        let Some(joining) = self.joinings.get_mut(name) else { return false };
        let least = number(reply, "Min-Expires").map(Duration::from_secs);
        let Some(least) = least.filter(|least| *least > joining.asked && *least <= LONGEST) else {
            return false;
        };
        if std::mem::replace(&mut joining.obeyed, true) {
            return false;
        }
        joining.asked = least;
        self.send_register(name);
        true
    }

    /// The far end is away. Another path is tried at once; when none is left, after a pause.
    pub(super) fn interrupted(
        &mut self,
        name: &PeerName,
        status: Option<u16>,
        retry_after: Option<Duration>,
        sentence: &str,
    ) {
        if self.joinings.get(name).is_some_and(|joining| joining.leaving) {
            return self.left(name, status);
        }
        let (chance, now) = (self.chance(), self.now);
        let Some(joining) = self.joinings.get_mut(name) else { return };
        let tried = joining.tried.unwrap_or(now);
        if joining.stay(now) {
            return self.register_at(name, (tried + APART).max(now));
        }
        let pause = joining.patience.failed(tried, now, chance);
        // Another path need not wait for what this one asked for, nor for this one to come back.
        let soonest = (tried + APART).max(now);
        let next = match joining.not_before.get_mut(joining.target) {
            Some(not_before) => {
                *not_before = now + retry_after.map_or(pause, |after| after.max(APART));
                joining.turn(soonest)
            }
            None => now + pause,
        };
        self.register_at(name, next);
        self.tell_registration(name, RegistrationState::Interrupted, status, sentence, Some(next), None);
    }

    fn refused(&mut self, name: &PeerName, reply: &Message, status: u16, denied: Option<Denied>) {
        let (chance, now) = (self.chance(), self.now);
        let Some(joining) = self.joinings.get_mut(name) else { return };
        if joining.stay(now) {
            return self.register_at(name, now + APART);
        }
        let pause = joining.patience.refused(chance).max(retry_after(reply).unwrap_or_default());
        let next = self.now + pause;
        let sentence = match (status, denied) {
            (_, Some(denied)) => denied.to_string(),
            (401 | 407, None) => "the registrar asks for a password and the trunk has none: set username and password".to_owned(),
            (403, None) => "the registrar forbids this account (403): check username and password, then ask the carrier; it is \
                            tried rarely so that it is not locked"
                .to_owned(),
            (404, None) => "the registrar does not know this user (404): check username and domain".to_owned(),
            (423, None) => "the registrar wants another duration than the one it named (423): set expires".to_owned(),
            (_, None) => format!("the registrar answered {}: check registrar, domain and user", shown(reply, status)),
        };
        self.register_at(name, next);
        self.tell_registration(name, RegistrationState::Refused, Some(status), &sentence, Some(next), None);
    }

    pub(super) fn left(&mut self, name: &PeerName, status: Option<u16>) {
        if let Some(joining) = self.joinings.get_mut(name) {
            joining.until = joining.until.filter(|_| status.is_none_or(|status| status >= 300));
        }
        let sentence = match status {
            Some(200..=299) => String::new(),
            Some(status) => {
                format!("the registrar answered {status} to our leaving: its entry ends by itself")
            }
            None => "the registrar did not confirm our leaving: its entry, if any, ends by itself".to_owned(),
        };
        self.tell_registration(name, RegistrationState::Unregistered, status, &sentence, None, None);
        self.drop_joining(name);
    }

    pub(super) fn tell_registration(
        &mut self,
        name: &PeerName,
        state: RegistrationState,
        status: Option<u16>,
        reason: &str,
        next_try: Option<Duration>,
        seen_as: Option<SocketAddr>,
    ) {
        let now = self.now;
        let Some(joining) = self.joinings.get_mut(name) else { return };
        let news = joining.told != Some((state, seen_as)) || state != RegistrationState::Registered;
        joining.told = Some((state, seen_as));
        let until = joining.until.filter(|until| *until > now);
        if news {
            let (name, reason) = (name.clone(), reason.to_owned());
            let told = Registration { name, state, status, reason, next_try, until, seen_as };
            self.tell(Notice::Registration(Box::new(told)));
        }
    }
}

/// The Service-Route entries, if each of them is an address. RFC 3608 section 6.
fn service_routes(reply: &Message) -> Vec<String> {
    let entries = reply.headers_spelled("Service-Route").flat_map(list);
    let sound = |entry: &str| {
        Address::parse(entry).filter(|route| route.parsed_uri().is_ok()).map(|_| entry.to_owned())
    };
    let routes: Option<Vec<_>> = entries.take(ROUTES).map(sound).collect();
    routes.unwrap_or_default()
}

fn number(message: &Message, spelling: &str) -> Option<u64> {
    message.headers_spelled(spelling).next()?.trim().parse::<u32>().ok().map(u64::from)
}

/// Status and reason phrase, the latter cut to what a line holds.
fn shown(reply: &Message, status: u16) -> String {
    let phrase: String = reply.reason().chars().take(80).collect();
    format!("{status} {phrase}").trim_end().to_owned()
}
