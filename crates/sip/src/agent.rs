//! One SIP endpoint: every transaction and dialog of it, resent, timed out and buried here.
//!
//! This file is the way in: whose message is it, is it whole, to which part does it go. Answering calls lives in
//! `incoming`, placing them in `outgoing` (`early`: until they are answered), offers inside a call in `offers`, handing a call
//! over to somebody else in `referring`, who asks us for that in `referred`; `server` and `client` hold the transactions of RFC 3261 section 17 (with RFC 6026), `connections` what a lost connection
//! means to them, `leg` what a call side remembers.
//!
//! What a call means, whether it is taken, and which sound is agreed upon is decided by whoever reads the notices.
//!
//! Invariants: a source that is neither a peer nor the far end of a live leg leaves nothing behind but a count.
//! Errors outside a dialog are answered without state, with a tag computed from the request, so that broken or shed
//! requests cost no memory. A leg is told to have ended exactly once, and released exactly once.

mod absence;
mod budgets;
mod client;
mod connections;
mod early;
mod guards;
mod incoming;
mod joining;
mod leg;
mod login;
mod moved;
mod offers;
mod outgoing;
mod referred;
mod referring;
mod registered;
mod reliable;
mod replaces;
mod server;
mod sessions;
mod silence;
mod strangers;
mod tracing;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use budgets::Budget;
use client::Client;
use guards::Guarded;
use joining::Joining;
use leg::Leg;
use server::Server;
use strangers::Strangers;

use crate::digest::Login;
use crate::limits::GONE;
use crate::message::{self, Message};
use crate::name::Method;
use crate::notice::{Action, LegId, Notice};
use crate::order::{Absence, Event, Order, Path, PeerName};
use crate::peer::{Proof, Setup};
use crate::timers::{Deadline, Ticket, Timers, Why};
use crate::tokens::Tokens;
use crate::vet::{self, Rebuff};

/// A SIP endpoint. Driven by the machine contract; `now` is the time since an origin the shell chose and never
/// goes back.
#[derive(Debug)]
pub struct Agent {
    setup: Setup,
    tokens: Tokens,
    /// The moment being handled.
    now: Duration,
    actions: VecDeque<Action>,
    timers: Timers<Alarm>,
    legs: BTreeMap<LegId, Leg>,
    /// Dialogs by their key, see [`leg::dialog_key`].
    dialogs: BTreeMap<String, LegId>,
    servers: BTreeMap<Arc<str>, Server>,
    clients: BTreeMap<Arc<str>, Client>,
    /// INVITEs by Call-ID, From tag and CSeq, to tell one that came by two ways (RFC 3261 section 8.2.2.2).
    merges: BTreeMap<String, Arc<str>>,
    /// Far ends of legs, and until 64*T1 after, with how many hold them: let in for their own dialogs only.
    guests: BTreeMap<IpAddr, usize>,
    strangers: Strangers,
    /// Transactions that are not tombstones.
    live: usize,
    invited: u64,
    /// Set once no more calls are wanted.
    is_closed: bool,
    /// More calls wait than can be answered soon.
    is_crowded: bool,
    accounts: BTreeMap<PeerName, Login>,
    joinings: BTreeMap<PeerName, Joining>,
    guards: BTreeMap<PeerName, Guarded>,
    budgets: BTreeMap<PeerName, Budget>,
    /// Trunks for which we play dead.
    absences: BTreeMap<PeerName, Absence>,
    /// Connections by TLS that a peer is at the other end of, by its certificate.
    proved: BTreeMap<SocketAddr, Proof>,
    /// Far ends that took no connection, and until when they are not asked to again.
    connectionless: BTreeMap<SocketAddr, Duration>,
    unreadable: u64,
}

/// What an entry of the queue wakes.
#[derive(Debug, Clone)]
enum Alarm {
    Client(Arc<str>),
    Server(Arc<str>),
    Leg(LegId),
    Guest(IpAddr),
    Registration(PeerName),
    Strangers,
}

/// How much an agent holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Legs that are not released.
    pub legs: usize,
    /// Dialogs, early ones of callers included.
    pub dialogs: usize,
    /// Transactions that still wait for something.
    pub transactions: usize,
    /// Finished transactions, kept 64*T1 to recognise what is repeated.
    pub tombstones: usize,
    /// Entries of the timer queue.
    pub timers: usize,
    /// Addresses let in only because a leg leads or led there.
    pub guests: usize,
    /// Connections let in for the certificate of their far end.
    pub proved: usize,
    /// Sources of dropped packets remembered in this minute.
    pub strangers: usize,
    /// Packets of strangers dropped so far.
    pub strange_packets: u64,
    /// Packets of peers dropped so far because they were no SIP or too broken to answer.
    pub unreadable_packets: u64,
}

/// A packet that was let in.
struct Arrival {
    path: Path,
    /// The peer whose network it came from; `None` for a registrar and the far end of a placed call.
    peer: Option<PeerName>,
    /// The registration it came over.
    over: Option<PeerName>,
    /// The leg it belongs to, as far as anything is told of that.
    about: Option<LegId>,
}

impl Agent {
    /// An endpoint that knows nobody but its peers. `seed` must be secret and random: tags and branches come from it.
    pub fn new(setup: Setup, seed: [u64; 2]) -> Agent {
        Agent {
            setup,
            tokens: Tokens::new(seed),
            now: Duration::ZERO,
            actions: VecDeque::new(),
            timers: Timers::new(),
            legs: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            servers: BTreeMap::new(),
            clients: BTreeMap::new(),
            merges: BTreeMap::new(),
            guests: BTreeMap::new(),
            proved: BTreeMap::new(),
            strangers: Strangers::default(),
            live: 0,
            invited: 0,
            is_closed: false,
            is_crowded: false,
            accounts: BTreeMap::new(),
            joinings: BTreeMap::new(),
            guards: BTreeMap::new(),
            budgets: BTreeMap::new(),
            absences: BTreeMap::new(),
            connectionless: BTreeMap::new(),
            unreadable: 0,
        }
    }

    /// Takes in what happened at `now`.
    pub fn handle(&mut self, event: Event, now: Duration) {
        self.now = now;
        match event {
            Event::Received { path, bytes } => self.received(path, &bytes),
            Event::Crowded { path, bytes } => {
                self.is_crowded = true;
                self.received(path, &bytes);
                self.is_crowded = false;
            }
            Event::Ended { path } => self.ended(path),
            Event::Unreached { path } => self.unreached(path),
            Event::Mistrusted { path, why } => self.mistrusted(path, &why),
            Event::Shown { path, proof } => self.shown(path, proof),
            Event::Shut { source } => self.strange(source),
            Event::Order(order) => self.order(order),
        }
    }

    /// The next thing to do; to be asked until none is left.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to come back, and why.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        self.timers.next()
    }

    /// Does what is due at `now`.
    pub fn handle_deadline(&mut self, now: Duration) {
        self.now = now;
        while let Some((why, alarm)) = self.timers.take_due(now) {
            match alarm {
                Alarm::Client(key) => self.client_alarm(&key, why),
                Alarm::Server(key) => self.server_alarm(&key, why),
                Alarm::Leg(leg) => self.leg_alarm(leg, why),
                Alarm::Guest(ip) => self.forget_guest(ip),
                Alarm::Registration(name) => self.registration_alarm(&name, why),
                Alarm::Strangers => self.count_strangers(),
            }
        }
    }

    /// True if no leg, no registration and no transaction is left; only tombstones may be.
    pub fn is_over(&self) -> bool {
        self.legs.is_empty() && self.joinings.is_empty() && self.live == 0
    }

    /// What is held right now. All but free of cost.
    pub fn counts(&self) -> Counts {
        Counts {
            legs: self.legs.len(),
            dialogs: self.dialogs.len(),
            transactions: self.live,
            tombstones: self.servers.len() + self.clients.len() - self.live,
            timers: self.timers.len(),
            guests: self.guests.len(),
            proved: self.proved.len(),
            strangers: self.strangers.len(),
            strange_packets: self.strangers.packets(),
            unreadable_packets: self.unreadable,
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Ring { leg } => self.ring(leg),
            Order::Answer { leg, sdp } => self.answer(leg, &sdp),
            Order::Refuse { leg, refusal } => self.refuse(leg, &refusal),
            Order::Call(call) => self.call(*call, None),
            Order::CallOver { account, call } => self.call(*call, Some(account)),
            Order::Probe { name, target, path } => self.probe(name, &target, path),
            Order::Register(registrar) => self.register(*registrar),
            Order::Unregister { name } => self.unregister(&name),
            Order::Advertise(advertised) => self.advertise(advertised),
            Order::MayFollow { leg, targets } => self.may_follow(leg, targets),
            Order::ExpectReply { leg, within } => self.expect_reply(leg, within),
            Order::Cancel { leg } => self.cancel(leg),
            Order::HangUp { leg, reason } => self.hang_up(leg, reason),
            Order::Offer { leg, sdp } => self.offer(leg, sdp),
            Order::AnswerOffer { leg, sdp } => self.answer_offer(leg, &sdp),
            Order::RefuseOffer { leg } => self.refuse_offer(leg),
            Order::Refer { leg, name, to } => self.refer(leg, name, &to),
            Order::TakeReferral { leg, name } => self.take_referral(leg, name),
            Order::RefuseReferral { leg, name, refusal } => self.refuse_referral(leg, name, &refusal),
            Order::TellReferral { leg, name, status } => self.tell_referral(leg, name, status),
            Order::StopAccepting => self.is_closed = true,
            Order::ReplaceAccounts(accounts) => self.replace_accounts(accounts),
            Order::ReplaceGuards(guards) => self.replace_guards(guards),
            Order::PlayDead { trunk, how } => self.play_dead(trunk, how),
            Order::ReplacePeers(peers) => self.setup.peers = peers,
        }
    }

    /// Lets a packet in, or not, before anything of it is read.
    fn received(&mut self, path: Path, bytes: &[u8]) {
        let source = path.remote.ip().to_canonical();
        let peer = self.peer_along(path).map(|peer| peer.name.clone());
        if (peer.is_none() && !self.guests.contains_key(&source)) || path.remote.port() == 0 {
            self.strange(path.remote);
            return;
        }
        let message = match message::parse(bytes) {
            Ok(message) => message,
            Err(message::Unreadable::KeepAlive) => return,
            Err(message::Unreadable::TooLong | message::Unreadable::NotSip) => {
                self.unreadable += 1;
                return;
            }
        };
        let arrival = Arrival { path, peer, over: None, about: None };
        if message.method().is_some() {
            self.request(&message, &arrival);
        } else {
            self.response(&message, path);
        }
    }

    fn request(&mut self, message: &Message, arrival: &Arrival) {
        let is_ack = message.method() == Some(&Method::Ack);
        let request = match vet::read(message) {
            Ok(request) => request,
            // A guest is a peer only inside its dialogs, and an ACK is never answered.
            Err(_) if is_ack || arrival.peer.is_none() => {
                self.unreadable += 1;
                return;
            }
            Err(rebuff) => return self.rebuff(message, arrival, &rebuff),
        };
        let over = self.registration_of(&request, arrival);
        let over = over.or_else(|| self.account_replaced(&request, arrival));
        let mut arrival = Arrival { path: arrival.path, peer: arrival.peer.clone(), over, about: None };
        let leg = self.leg_of(&request, &arrival);
        arrival.about = self.traced_leg(&request, leg);
        let arrival = &arrival;
        if arrival.peer.is_none() && arrival.over.is_none() && leg.is_none() && !self.is_repeated(&request) {
            return self.strange(arrival.path.remote);
        }
        self.hear_of(arrival, message);
        if is_ack {
            return self.ack(&request, leg);
        }
        if self.repeat_reply(&request) {
            return;
        }
        if let Err(rebuff) = vet::admit(&request) {
            return self.rebuff(message, arrival, &rebuff);
        }
        if leg.is_none() && self.is_turned_away(&request, arrival) {
            return;
        }
        match request.method {
            Method::Cancel => self.cancelled(&request, arrival),
            Method::Options if request.to.tag().is_none() => self.options(&request, arrival),
            // Nobody makes us call somebody out of the blue.
            Method::Refer if request.to.tag().is_none() => {
                self.rebuff(message, arrival, &Rebuff::new(403, "Forbidden"));
            }
            Method::Invite if request.to.tag().is_none() => {
                if self.is_proved(&request, arrival) {
                    self.invited(&request, arrival);
                }
            }
            _ => match leg {
                Some(leg) => self.inside(leg, &request, arrival),
                None => {
                    let rebuff = Rebuff::new(481, "Call/Transaction Does Not Exist");
                    self.rebuff(message, arrival, &rebuff);
                }
            },
        }
    }

    fn send(&mut self, path: Path, bytes: Vec<u8>) {
        self.actions.push_back(Action::Send { path, bytes });
    }

    fn tell(&mut self, notice: Notice) {
        self.actions.push_back(Action::Tell(notice));
    }

    fn set(&mut self, after: Duration, why: Why, alarm: Alarm) -> Ticket {
        self.timers.set(self.now + after, why, alarm)
    }

    fn is_full(&self) -> bool {
        self.legs.len() >= self.setup.limits.legs
            || self.servers.len() + self.clients.len() >= self.setup.limits.transactions
    }

    /// True for addresses that the peer or registrar of this name speaks from.
    fn is_trunk(&self, name: &PeerName, ip: IpAddr) -> bool {
        let registered = self.joinings.get(name).is_some_and(|joining| joining.leads_to(ip));
        let networks = self.setup.peers.iter().filter(|peer| peer.name == *name);
        registered || networks.flat_map(|peer| &peer.accept_from).any(|network| network.holds(ip))
    }

    fn greet_guest(&mut self, ip: IpAddr) {
        *self.guests.entry(ip.to_canonical()).or_insert(0) += 1;
    }

    /// The far end may still repeat itself for a while; only then it is a stranger again.
    fn see_guest_off(&mut self, ip: IpAddr) {
        self.set(GONE, Why::ForgetGuest, Alarm::Guest(ip.to_canonical()));
    }

    fn forget_guest(&mut self, ip: IpAddr) {
        if let Some(holders) = self.guests.get_mut(&ip) {
            *holders -= 1;
            if *holders == 0 {
                self.guests.remove(&ip);
            }
        }
    }
}
