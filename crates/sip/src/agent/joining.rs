//! Registrations: REGISTER requests, what comes back, and when the next one goes out.
//!
//! Invariant: each registration has either a REGISTER under way or a deadline for the next one.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::client::{Draft, Kind, Sent};
use super::outgoing::retry_after;
use super::{Agent, Alarm, Arrival};
use crate::address::Address;
use crate::digest::Denied;
use crate::grammar::{escape_user, list};
use crate::message::Message;
use crate::name::Name;
use crate::notice::Notice;
use crate::order::PeerName;
use crate::registration::{
    ALONE, AMONG_SEVERAL, APART, LONGEST, Patience, Registrar, Registration, RegistrationState, renewal,
};
use crate::timers::{Ticket, Why};
use crate::uri::Uri;
use crate::vet::{ALLOW, Request};
use crate::via::Via;

/// Outdated contacts that are taken back, of one registration at one address of ours.
const TAKEN_BACK: usize = 8;

/// One registration.
#[derive(Debug)]
pub(super) struct Joining {
    registrar: Registrar,
    call_id: String,
    tag: String,
    cseq: u32,
    /// The address in our Contact, once one was sent.
    here: Option<SocketAddr>,
    /// For how long we ask: as configured, or as the registrar's Min-Expires has it.
    asked: Duration,
    /// The try under way obeys a Min-Expires already.
    obeyed: bool,
    under_way: Option<Arc<str>>,
    /// When the last try went out.
    tried: Option<Duration>,
    until: Option<Duration>,
    /// Which path is used, and when each may be used again.
    target: usize,
    not_before: Vec<Duration>,
    patience: Patience,
    /// Contacts of ours that hold no longer, to be taken back with the next REGISTER.
    outdated: Vec<SocketAddr>,
    /// Contacts found at the registrar and taken back already.
    taken_back: Vec<SocketAddr>,
    service_routes: Vec<String>,
    leaving: bool,
    timer: Option<Ticket>,
    keep_alive: Option<Ticket>,
    told: Option<(RegistrationState, Option<SocketAddr>)>,
}

impl Joining {
    pub(super) fn is_target(&self, key: &Arc<str>) -> bool {
        self.under_way.as_ref() == Some(key)
    }

    /// The REGISTER under way was replaced by one with credentials.
    pub(super) fn went_on(&mut self, key: &Arc<str>, cseq: u32) {
        self.under_way = Some(key.clone());
        self.cseq = cseq;
    }

    pub(super) fn leads_to(&self, ip: IpAddr) -> bool {
        let routed =
            |route: &String| Address::parse(route).and_then(|route| route.parsed_uri().ok()?.address());
        let mut routes = self.service_routes.iter().filter_map(routed);
        self.registrar.paths.iter().any(|path| path.remote.ip().to_canonical() == ip)
            || routes.any(|address| address.ip() == ip)
    }

    /// The Route values of a request outside any dialog: what the registrar asked for, else the proxy.
    pub(super) fn routes(&self) -> Vec<String> {
        if self.service_routes.is_empty() { self.proxy_route() } else { self.service_routes.clone() }
    }

    fn proxy_route(&self) -> Vec<String> {
        let loose = |proxy: &Uri| match proxy.param("lr") {
            Some(_) => format!("<{proxy}>"),
            None => format!("<{proxy};lr>"),
        };
        self.registrar.proxy.iter().map(loose).collect()
    }

    pub(super) fn patience(&self) -> Duration {
        if self.registrar.paths.len() > 1 { AMONG_SEVERAL } else { ALONE }
    }

    fn contact(&self, here: SocketAddr, expires: Duration) -> String {
        let user = escape_user(&self.registrar.contact_user);
        format!("<sip:{user}@{here}>;expires={}", expires.as_secs())
    }

    /// The Contact headers of the next REGISTER; the outdated ones first, for those who keep only the last.
    fn contacts(&self, here: SocketAddr) -> Vec<String> {
        let expires = if self.leaving { Duration::ZERO } else { self.asked };
        let outdated = self.outdated.iter().filter(|old| **old != here);
        let mut contacts: Vec<_> = outdated.map(|old| self.contact(*old, Duration::ZERO)).collect();
        contacts.push(self.contact(here, expires));
        contacts
    }

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

impl Agent {
    /// Registers, or goes on under other circumstances: another path, another duration.
    pub(super) fn register(&mut self, registrar: Registrar) {
        let name = registrar.name.clone();
        for path in &registrar.paths {
            self.greet_guest(path.remote.ip());
        }
        let not_before = vec![Duration::ZERO; registrar.paths.len()];
        let asked = registrar.expires.min(LONGEST);
        let call_id = format!("{}{}", self.tokens.fresh(), self.tokens.fresh());
        let tag = self.tokens.fresh();
        let fresh = Joining {
            registrar,
            call_id,
            tag,
            cseq: 0,
            here: None,
            asked,
            obeyed: false,
            under_way: None,
            tried: None,
            until: None,
            target: 0,
            not_before,
            patience: Patience::default(),
            outdated: Vec::new(),
            taken_back: Vec::new(),
            service_routes: Vec::new(),
            leaving: false,
            timer: None,
            keep_alive: None,
            told: None,
        };
        let joining = match self.drop_joining(&name) {
            Some(old) if old.is_same_contact(&fresh) => Joining {
                call_id: old.call_id,
                tag: old.tag,
                cseq: old.cseq,
                here: old.here,
                tried: old.tried,
                until: old.until,
                outdated: old.outdated,
                taken_back: old.taken_back,
                service_routes: old.service_routes,
                told: old.told,
                ..fresh
            },
            Some(old) => Joining { tried: old.tried, ..fresh },
            None => fresh,
        };
        self.joinings.insert(name.clone(), joining);
        self.keep_door_open(&name);
        self.register_soon(&name);
    }

    /// Leaves a registrar. Without a word if it never heard of us.
    pub(super) fn unregister(&mut self, name: &PeerName) {
        let Some(joining) = self.joinings.get_mut(name) else { return };
        joining.leaving = true;
        let unknown = joining.here.is_none();
        let (timer, under_way) = (joining.timer.take(), joining.under_way.take());
        self.timers.clear(timer);
        if let Some(key) = under_way {
            self.bury_client(&key);
        }
        if unknown { self.left(name, None) } else { self.try_register(name) }
    }

    /// Our addresses changed, or one became known: those it concerns register anew.
    pub(super) fn advertise(&mut self, advertised: Vec<(SocketAddr, SocketAddr)>) {
        self.setup.advertised = advertised;
        let names: Vec<_> = self.joinings.keys().cloned().collect();
        for name in names {
            let Some(joining) = self.joinings.get(&name).filter(|joining| !joining.leaving) else { continue };
            let path = joining.registrar.paths.get(joining.target);
            let here = path.and_then(|path| self.setup.advertised(path.local));
            if here.is_some() && here != joining.here {
                self.register_soon(&name);
            }
        }
    }

    pub(super) fn registration_alarm(&mut self, name: &PeerName, why: Why) {
        match why {
            Why::KeepAlive => {
                let joining = self.joinings.get(name);
                if let Some(path) = joining.and_then(|joining| joining.registrar.paths.get(joining.target)) {
                    self.send(*path, b"\r\n\r\n".to_vec());
                }
                self.keep_door_open(name);
            }
            _ => self.try_register(name),
        }
    }

    fn keep_door_open(&mut self, name: &PeerName) {
        let every = self.joinings.get(name).and_then(|joining| joining.registrar.keep_alive);
        let Some(every) = every.filter(|every| !every.is_zero()) else { return };
        let ticket = self.set(every, Why::KeepAlive, Alarm::Registration(name.clone()));
        if let Some(joining) = self.joinings.get_mut(name) {
            joining.keep_alive = Some(ticket);
        }
    }

    /// Tries as soon as two tries may follow each other; one that is under way no longer counts.
    fn register_soon(&mut self, name: &PeerName) {
        let Some(joining) = self.joinings.get_mut(name) else { return };
        let at = joining.tried.map_or(self.now, |tried| (tried + APART).max(self.now));
        if let Some(key) = joining.under_way.take() {
            self.bury_client(&key);
        }
        if at == self.now { self.try_register(name) } else { self.register_at(name, at) }
    }

    fn register_at(&mut self, name: &PeerName, at: Duration) {
        let ticket = self.timers.set(at, Why::RegisterAgain, Alarm::Registration(name.clone()));
        let old = self.joinings.get_mut(name).and_then(|joining| joining.timer.replace(ticket));
        self.timers.clear(old);
    }

    fn try_register(&mut self, name: &PeerName) {
        let Some(joining) = self.joinings.get_mut(name) else { return };
        let timer = joining.timer.take();
        self.timers.clear(timer);
        joining.tried = Some(self.now);
        joining.obeyed = false;
        self.send_register(name);
    }

    fn send_register(&mut self, name: &PeerName) {
        let Some(joining) = self.joinings.get(name) else { return };
        let path = joining.registrar.paths.get(joining.target).copied();
        let reach = path.and_then(|path| self.setup.advertised(path.local).map(|here| (path, here)));
        let Some((path, here)) = reach else {
            let sentence = if path.is_none() {
                "no address of the registrar is known: check its name and the DNS"
            } else {
                "no address of our own is known to be called back at: set sip.advertise"
            };
            return self.interrupted(name, None, None, sentence);
        };
        let (branch, via) = self.fresh_via(here);
        let Some(joining) = self.joinings.get_mut(name) else { return };
        if let Some(old) = joining.here.replace(here).filter(|old| *old != here) {
            joining.outdated.push(old);
            joining.taken_back.clear();
        }
        joining.cseq += 1;
        joining.under_way = Some(branch.clone());
        let record = Uri::sip(Some(&joining.registrar.user), &joining.registrar.domain, None);
        let mut headers: Vec<_> =
            joining.contacts(here).into_iter().map(|value| ("Contact", value)).collect();
        let expires = if joining.leaving { 0 } else { joining.asked.as_secs() };
        headers.push(("Expires", expires.to_string()));
        headers.push(("Allow", ALLOW.to_owned()));
        headers.push(("Supported", "path".to_owned()));
        headers.push(("User-Agent", self.setup.product.clone()));
        let sent = Sent {
            path,
            uri: Uri::sip(None, &joining.registrar.registrar, None).to_string(),
            via,
            routes: joining.proxy_route(),
            from: format!("<{record}>;tag={}", joining.tag),
            to: format!("<{record}>"),
            call_id: joining.call_id.clone(),
            cseq: joining.cseq,
            proofs: Vec::new(),
        };
        let patience = joining.patience();
        let account = Some(name.clone()).filter(|name| self.accounts.contains_key(name));
        self.submit(
            Kind::Register,
            None,
            (branch.clone(), sent),
            Draft { headers, account, ..Draft::default() },
        );
        self.expire_client(&branch, patience, Why::NoReply);
        if let Some(client) = self.clients.get_mut(&branch) {
            client.owner = Some(name.clone());
        }
    }

    /// A final reply to a REGISTER, or `None` if none came.
    pub(super) fn registered(&mut self, key: &Arc<str>, reply: Option<&Message>, denied: Option<Denied>) {
        let owner = self.clients.get(key).and_then(|client| client.owner.clone());
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
            return self.interrupted(
                &name,
                None,
                None,
                "the registrar does not answer: check its address, the network and the firewall",
            );
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
    fn interrupted(
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
        let chance = self.chance();
        let Some(joining) = self.joinings.get_mut(name) else { return };
        let pause = joining.patience.refused(chance).max(retry_after(reply).unwrap_or_default());
        let next = self.now + pause;
        let sentence = match (status, denied) {
            (_, Some(denied)) => denied.to_string(),
            (401 | 407, None) => "the registrar asks for a password and the trunk has none: set username and password".to_owned(),
            (403, None) => "the registrar forbids this account (403): ask the carrier; it is tried rarely so that it is not locked".to_owned(),
            (404, None) => "the registrar does not know this user (404): check username and domain".to_owned(),
            (423, None) => "the registrar wants another duration than the one it named (423): set expires".to_owned(),
            (_, None) => format!("the registrar answered {}: check registrar, domain and user", shown(reply, status)),
        };
        self.register_at(name, next);
        self.tell_registration(name, RegistrationState::Refused, Some(status), &sentence, Some(next), None);
    }

    fn left(&mut self, name: &PeerName, status: Option<u16>) {
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

    /// Takes a registration out, with its clocks and what is under way.
    fn drop_joining(&mut self, name: &PeerName) -> Option<Joining> {
        let mut joining = self.joinings.remove(name)?;
        self.timers.clear(joining.timer.take());
        self.timers.clear(joining.keep_alive.take());
        if let Some(key) = joining.under_way.take() {
            self.bury_client(&key);
        }
        for path in &joining.registrar.paths {
            self.see_guest_off(path.remote.ip());
        }
        Some(joining)
    }

    fn tell_registration(
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

    /// The registration a request came over: it names our Contact, and comes from the registrar or a peer.
    pub(super) fn registration_of(&self, request: &Request<'_>, arrival: &Arrival) -> Option<PeerName> {
        let ip = arrival.path.remote.ip().to_canonical();
        let mut near =
            self.joinings.values().filter(|one| arrival.peer.is_some() || one.leads_to(ip)).peekable();
        near.peek()?;
        let user = Uri::parse(request.message.uri()).ok()?.user_text();
        let joining = near.find(|joining| !user.is_empty() && joining.registrar.contact_user == user)?;
        Some(joining.registrar.name.clone())
    }

    fn chance(&mut self) -> f64 {
        (self.tokens.number() % 1_001) as f64 / 1_000.0
    }
}

impl Joining {
    fn is_same_contact(&self, other: &Joining) -> bool {
        let parts = |one: &Joining| {
            let registrar = &one.registrar;
            [&registrar.user, &registrar.domain, &registrar.registrar, &registrar.contact_user]
                .map(String::clone)
        };
        parts(self) == parts(other)
    }
}

/// The Service-Route entries, if each of them is an address. RFC 3608 section 6.
fn service_routes(reply: &Message) -> Vec<String> {
    let entries = reply.headers_spelled("Service-Route").flat_map(list);
    let sound = |entry: &str| {
        Address::parse(entry).filter(|route| route.parsed_uri().is_ok()).map(|_| entry.to_owned())
    };
    let routes: Option<Vec<_>> = entries.take(crate::limits::ROUTES).map(sound).collect();
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
