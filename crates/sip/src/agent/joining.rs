//! Registrations: which there are, and the REGISTER requests they send. What comes back is read in `registered`.
//!
//! Invariant: each registration has either a REGISTER under way or a deadline for the next one.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::client::{Draft, Kind, Sent};
use super::{Agent, Alarm, Arrival};
use crate::address::Address;
use crate::grammar::escape_user;
use crate::order::{Path, PeerName};
use crate::registration::{ALONE, AMONG_SEVERAL, APART, LONGEST, Patience, Registrar, RegistrationState};
use crate::timers::{Ticket, Why};
use crate::uri::Uri;
use crate::vet::{ALLOW, Request};

/// One registration.
#[derive(Debug)]
pub(super) struct Joining {
    pub(super) registrar: Registrar,
    pub(super) call_id: String,
    pub(super) tag: String,
    pub(super) cseq: u32,
    /// The address in our Contact, once one was sent.
    pub(super) here: Option<SocketAddr>,
    /// For how long we ask: as configured, or as the registrar's Min-Expires has it.
    pub(super) asked: Duration,
    /// The try under way obeys a Min-Expires already.
    pub(super) obeyed: bool,
    pub(super) under_way: Option<Arc<str>>,
    /// When the last try went out.
    pub(super) tried: Option<Duration>,
    pub(super) until: Option<Duration>,
    /// Which path is used, and when each may be used again.
    pub(super) target: usize,
    pub(super) not_before: Vec<Duration>,
    /// The path that served last, while a better one is tried again.
    pub(super) served: Option<usize>,
    pub(super) patience: Patience,
    /// Contacts of ours that hold no longer, to be taken back with the next REGISTER.
    pub(super) outdated: Vec<SocketAddr>,
    /// Contacts found at the registrar and taken back already.
    pub(super) taken_back: Vec<SocketAddr>,
    pub(super) service_routes: Vec<String>,
    pub(super) leaving: bool,
    pub(super) timer: Option<Ticket>,
    pub(super) keep_alive: Option<Ticket>,
    pub(super) told: Option<(RegistrationState, Option<SocketAddr>)>,
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

    /// True if calls of this registration come along this connection, and nothing is under way to mend it.
    pub(super) fn is_along(&self, path: Path) -> bool {
        let target = self.registrar.paths.get(self.target);
        let here = path.transport.is_reliable() && target.is_some_and(|target| target.is_along(path));
        here && self.under_way.is_none() && !self.leaving
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
        let transport = self.registrar.paths.get(self.target).map_or("", |path| path.transport.in_uri());
        format!("<sip:{user}@{here}{transport}>;expires={}", expires.as_secs())
    }

    /// The Contact headers of the next REGISTER; the outdated ones first, for those who keep only the last.
    fn contacts(&self, here: SocketAddr) -> Vec<String> {
        let expires = if self.leaving { Duration::ZERO } else { self.asked };
        let outdated = self.outdated.iter().filter(|old| **old != here);
        let mut contacts: Vec<_> = outdated.map(|old| self.contact(*old, Duration::ZERO)).collect();
        contacts.push(self.contact(here, expires));
        contacts
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
            served: None,
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

    /// Leaves a registrar. Without a word if it has no entry of us: one more wrong password could lock an account.
    pub(super) fn unregister(&mut self, name: &PeerName) {
        let Some(joining) = self.joinings.get_mut(name) else { return };
        joining.leaving = true;
        let refused = matches!(joining.told, Some((RegistrationState::Refused, _)));
        let unknown =
            joining.here.is_none() || (refused && joining.until.is_none_or(|until| until <= self.now));
        let (timer, under_way) = (joining.timer.take(), joining.under_way.take());
        self.timers.clear(timer);
        if let Some(key) = under_way {
            self.bury_client(&key);
        }
        if !unknown {
            return self.try_register(name);
        }
        self.tell_registration(name, RegistrationState::Unregistered, None, "", None, None);
        self.drop_joining(name);
    }

    /// Our addresses changed, or one became known: those it concerns register anew.
    pub(super) fn advertise(&mut self, advertised: Vec<(SocketAddr, SocketAddr)>) {
        self.setup.advertised = advertised;
        let names: Vec<_> = self.joinings.keys().cloned().collect();
        for name in names {
            let Some(joining) = self.joinings.get(&name).filter(|joining| !joining.leaving) else { continue };
            let path = joining.registrar.paths.get(joining.target);
            let here = path.and_then(|path| self.setup.advertised(*path));
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
            _ => {
                if let Some(joining) = self.joinings.get_mut(name) {
                    joining.come_back(self.now);
                }
                self.try_register(name);
            }
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
    pub(super) fn register_soon(&mut self, name: &PeerName) {
        let Some(joining) = self.joinings.get_mut(name) else { return };
        let at = joining.tried.map_or(self.now, |tried| (tried + APART).max(self.now));
        if let Some(key) = joining.under_way.take() {
            self.bury_client(&key);
        }
        if at == self.now { self.try_register(name) } else { self.register_at(name, at) }
    }

    pub(super) fn register_at(&mut self, name: &PeerName, at: Duration) {
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

    pub(super) fn send_register(&mut self, name: &PeerName) {
        let Some(joining) = self.joinings.get(name) else { return };
        let path = joining.registrar.paths.get(joining.target).copied();
        let reach = path.and_then(|path| self.setup.advertised(path).map(|here| (path, here)));
        let Some((path, here)) = reach else {
            let sentence = if path.is_none() {
                "no address of the registrar is known: check its name and the DNS"
            } else {
                "no address of our own is known to be called back at: set sip.advertise"
            };
            return self.interrupted(name, None, None, sentence);
        };
        let (branch, via) = self.fresh_via(path.transport, here);
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

    /// Takes a registration out, with its clocks and what is under way.
    pub(super) fn drop_joining(&mut self, name: &PeerName) -> Option<Joining> {
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

    pub(super) fn chance(&mut self) -> f64 {
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
