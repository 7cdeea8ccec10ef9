//! SIP bytes on a sample of days: two user agents and the wire between them, where other days imagine what they would tell.
//!
//! Ours is the agent that ships, and takes the exchange's very orders; the far one stands for every trunk and plays callers and
//! phones. What a day decides of somebody out there becomes an order for the far agent, and what the exchange is told comes from
//! ours alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use line::Event;
use sip::sdp::Direction;
use sip::{Agent, EndedBy, Invitation, LegId, Notice, Order, Path, Peer, Refusal, Unanswered};

use super::callers::Visit;
use super::dice::{Owner, WIRE};
use super::trunk::{State, capabilities};
use super::{Day, Happening};
use crate::caller::Caller;
use crate::chance::Chance;
use crate::shop;

/// Somebody whose invitation is on its way.
#[derive(Debug)]
pub(super) struct Coming {
    pub caller: Caller,
    pub owner: Owner,
    pub trunk: String,
}

/// Two user agents.
#[derive(Debug)]
pub(super) struct Wire {
    ours: Agent,
    far: Agent,
    trunks: Vec<String>,
    /// By Call-ID.
    coming: BTreeMap<String, Coming>,
    /// The far end's leg of each of ours, and our leg of each call on its way there, by Call-ID.
    far_of: BTreeMap<LegId, LegId>,
    placed: BTreeMap<String, LegId>,
    call_ids: BTreeMap<LegId, String>,
    /// Calls whose answer is never acknowledged.
    mute: BTreeSet<String>,
}

/// Longer than anybody lets it ring.
const LONGEST: Duration = Duration::from_secs(900);

fn far_address(trunk: usize) -> SocketAddr {
    let last = 10 + u8::try_from(trunk % 200).unwrap_or(0);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)), 5060)
}

fn agent(peers: Vec<Peer>, seed: u64) -> Agent {
    Agent::new(sip::Setup { peers, ..sip::Setup::default() }, [seed, seed.rotate_left(17)])
}

fn peer(name: &str, address: IpAddr) -> Peer {
    let accept_from = address.to_string().parse().into_iter().collect();
    Peer { name: name.into(), accept_from, accept_domains: Vec::new() }
}

impl Wire {
    pub fn new(trunks: Vec<String>, seed: u64) -> Wire {
        let mut chance = Chance::new(seed);
        let theirs = trunks.iter().enumerate().map(|(place, name)| peer(name, far_address(place).ip()));
        let ours = agent(theirs.collect(), chance.word());
        let far = agent(vec![peer("desk", shop::path().local.ip())], chance.word());
        Wire {
            ours,
            far,
            trunks,
            coming: BTreeMap::new(),
            far_of: BTreeMap::new(),
            placed: BTreeMap::new(),
            call_ids: BTreeMap::new(),
            mute: BTreeSet::new(),
        }
    }

    pub fn deadline(&self) -> Option<Duration> {
        let due = [&self.ours, &self.far].map(|agent| agent.poll_deadline().map(|due| due.at));
        due.into_iter().flatten().min()
    }

    fn path_of(&self, trunk: &str) -> Path {
        let place = self.trunks.iter().position(|name| name == trunk).unwrap_or_default();
        Path::udp(far_address(place), shop::path().local)
    }
}

/// One header of a message.
fn header(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_string())
}

impl Day<'_> {
    /// Somebody dials: their trunk sends an INVITE.
    pub(super) fn dial(&mut self, coming: Coming, line: &desk::number::E164, user: String) {
        let offer = sip::sdp::offer(&capabilities(30_000), Direction::SendRecv);
        let Some(wire) = &mut self.wire else { return };
        let Ok(target) = format!("sip:{line}@192.0.2.1").parse() else { return };
        let call = sip::Call {
            leg: LegId::placed(self.legs),
            target,
            path: wire.path_of(&coming.trunk),
            from: sip::Identity { display: String::new(), user, host: "192.0.2.2".to_string() },
            extra: Vec::new(),
            sdp: offer,
            ring_for: LONGEST,
        };
        let far = call.leg;
        wire.far.handle(sip::Event::Order(Order::Call(Box::new(call))), self.now.mono);
        let sent = self.send_far();
        let call_id = sent.iter().find_map(|text| header(text, "Call-ID:")).unwrap_or_default();
        if let Some(wire) = &mut self.wire {
            wire.call_ids.insert(far, call_id.clone());
            wire.coming.insert(call_id, coming);
        }
    }

    /// Our agent takes an order of the exchange.
    pub(super) fn order_by_wire(&mut self, order: Order) {
        let placed = match &order {
            Order::Call(call) | Order::CallOver { call, .. } => Some(call.leg),
            _ => None,
        };
        let Some(wire) = &mut self.wire else { return };
        wire.ours.handle(sip::Event::Order(order), self.now.mono);
        let sent = self.send_ours();
        if let (Some(leg), Some(wire)) = (placed, &mut self.wire) {
            let call_id = sent.iter().find_map(|text| header(text, "Call-ID:"));
            wire.placed.extend(call_id.map(|call_id| (call_id, leg)));
        }
        self.hear_ours();
    }

    /// What the day decided of somebody out there. Whoever has not heard of a call yet does it a little later.
    pub(super) fn by_wire(&mut self, notice: Notice) {
        let Some(leg) = notice.leg() else { return };
        let far = self.wire.as_ref().and_then(|wire| wire.far_of.get(&leg).copied());
        let order = |far: LegId| match &notice {
            Notice::Answered { sdp, .. } => Some(Order::Answer { leg: far, sdp: sdp.clone() }),
            Notice::Cancelled { .. } | Notice::Ended { by: EndedBy::FarEnd, .. } => {
                Some(Order::HangUp { leg: far, reason: String::new() })
            }
            Notice::Refused { why, .. } => refusal(*why).map(|refusal| Order::Refuse { leg: far, refusal }),
            // What our agent finds out for itself.
            _ => None,
        };
        match far {
            Some(far) => {
                let Some((order, wire)) = order(far).zip(self.wire.as_mut()) else { return };
                wire.far.handle(sip::Event::Order(order), self.now.mono);
                self.send_far();
            }
            None if self.is_ringing(leg) => self.later(50, 50, Happening::Notice(notice)),
            None => {}
        }
    }

    fn is_ringing(&self, leg: LegId) -> bool {
        self.phones.get(&leg).is_some_and(|phone| phone.state == State::Ringing)
    }

    /// The answer to this caller is never acknowledged.
    pub(super) fn loses_acknowledgements(&mut self, leg: LegId) {
        if let Some(wire) = &mut self.wire
            && let Some(call_id) = wire.far_of.get(&leg).and_then(|far| wire.call_ids.get(far))
        {
            wire.mute.insert(call_id.clone());
        }
    }

    pub(super) fn bytes_arrive(&mut self, at_far: bool, path: Path, bytes: Vec<u8>) {
        let Some(wire) = &mut self.wire else { return };
        let agent = if at_far { &mut wire.far } else { &mut wire.ours };
        agent.handle(sip::Event::Received { path, bytes }, self.now.mono);
        self.let_agents_act();
    }

    pub(super) fn wire_deadlines(&mut self) {
        let now = self.now.mono;
        let Some(wire) = &mut self.wire else { return };
        for agent in [&mut wire.ours, &mut wire.far] {
            if agent.poll_deadline().is_some_and(|due| due.at <= now) {
                agent.handle_deadline(now);
            }
        }
        self.let_agents_act();
    }

    fn let_agents_act(&mut self) {
        self.send_far();
        self.send_ours();
        self.hear_ours();
    }

    /// Puts what the far agent sends on the wire, and does what it is told. Gives the texts.
    fn send_far(&mut self) -> Vec<String> {
        let mut sent = Vec::new();
        while let Some(action) = self.wire.as_mut().and_then(|wire| wire.far.poll_action()) {
            match action {
                sip::Action::Send { path, bytes } => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let is_mute = text.starts_with("ACK ")
                        && self
                            .wire
                            .as_ref()
                            .zip(header(&text, "Call-ID:"))
                            .is_some_and(|(wire, call_id)| wire.mute.contains(&call_id));
                    if !is_mute {
                        self.put_on_wire(false, path, bytes);
                    }
                    sent.push(text);
                }
                sip::Action::Tell(notice) => self.far_told(notice),
            }
        }
        sent
    }

    fn send_ours(&mut self) -> Vec<String> {
        let mut sent = Vec::new();
        let mut told = Vec::new();
        while let Some(action) = self.wire.as_mut().and_then(|wire| wire.ours.poll_action()) {
            match action {
                sip::Action::Send { path, bytes } => {
                    sent.push(String::from_utf8_lossy(&bytes).into_owned());
                    self.put_on_wire(true, path, bytes);
                }
                sip::Action::Tell(notice) => told.push(notice),
            }
        }
        self.told.extend(told);
        sent
    }

    fn put_on_wire(&mut self, to_far: bool, path: Path, bytes: Vec<u8>) {
        self.messages += 1;
        let owner = self.chance.owner();
        self.chance.of(WIRE);
        let path = Path { local: path.remote, remote: path.local, ..path };
        self.later(5, 40, Happening::Bytes { to_far, path, bytes });
        self.chance.of(owner);
    }

    /// What a phone or a caller's trunk is told.
    fn far_told(&mut self, notice: Notice) {
        let order = match notice {
            Notice::Invited(invitation) => return self.phone_rings(&invitation),
            Notice::Refused { leg, .. } => return self.never_came_in(leg),
            Notice::Offered { leg, sdp } => {
                let answer = match &sdp {
                    Some(sdp) => sip::sdp::answer(sdp, &capabilities(31_000), Direction::SendRecv)
                        .map(|agreed| agreed.text)
                        .unwrap_or_default(),
                    None => sip::sdp::offer(&capabilities(31_000), Direction::SendRecv),
                };
                Order::AnswerOffer { leg, sdp: answer }
            }
            _ => return,
        };
        if let Some(wire) = &mut self.wire {
            wire.far.handle(sip::Event::Order(order), self.now.mono);
        }
    }

    /// Our agent, once it was told to stop, turns callers away without a word to the exchange.
    fn never_came_in(&mut self, far: LegId) {
        let Some(wire) = &mut self.wire else { return };
        let call_id = wire.call_ids.get(&far);
        if call_id.and_then(|call_id| wire.coming.remove(call_id)).is_some() {
            self.turned_away += 1;
        }
    }

    fn phone_rings(&mut self, invitation: &Invitation) {
        let Some(wire) = &mut self.wire else { return };
        if let Some(ours) = wire.placed.remove(&invitation.call_id) {
            wire.far_of.insert(ours, invitation.leg);
            wire.far.handle(sip::Event::Order(Order::Ring { leg: invitation.leg }), self.now.mono);
        }
    }

    /// What our agent told, on to the exchange.
    fn hear_ours(&mut self) {
        while let Some(notice) = self.told.pop_front() {
            match notice {
                Notice::Invited(invitation) => self.invited_by_wire(invitation),
                notice => self.told_by_wire(notice),
            }
        }
    }

    fn invited_by_wire(&mut self, invitation: Box<Invitation>) {
        let leg = invitation.leg;
        let Some(wire) = &mut self.wire else { return };
        let Some(coming) = wire.coming.remove(&invitation.call_id) else { return };
        let far = wire.call_ids.iter().find(|(_, id)| **id == invitation.call_id).map(|(far, _)| *far);
        wire.far_of.extend(far.map(|far| (leg, far)));
        let Coming { caller, owner, trunk } = coming;
        self.chance.of(owner);
        self.comes_in(leg, Visit::new(caller, (owner, trunk), true), *invitation);
    }

    fn told_by_wire(&mut self, notice: Notice) {
        let Some(leg) = notice.leg() else { return };
        let phone = self.phones.get_mut(&leg);
        let (owner, state) = match (phone, self.visits.get_mut(&leg)) {
            (Some(phone), _) => (Some(phone.owner), Some(&mut phone.state)),
            (None, Some(visit)) => (Some(visit.owner), Some(&mut visit.state)),
            (None, None) => (None, None),
        };
        if let Some(state) = state {
            match &notice {
                Notice::Answered { .. } => *state = State::Answered,
                ending if ending.is_ending() => *state = State::Over,
                _ => {}
            }
        }
        self.takes_dice_of(owner);
        self.tell(Event::Sip(notice));
    }
}

/// What the far end says; nothing where it says nothing.
fn refusal(why: Unanswered) -> Option<Refusal> {
    match why {
        Unanswered::Busy => Some(Refusal::Busy),
        Unanswered::Declined => Some(Refusal::Declined),
        Unanswered::Failed => Some(Refusal::Unavailable { retry_after: None }),
        _ => None,
    }
}
