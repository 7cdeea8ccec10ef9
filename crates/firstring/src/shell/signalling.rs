//! The SIP side of the control thread: messages in and out, orders to the user agent, and what it has to tell.
//!
//! What a notice means for a call is decided in the exchange; names are looked up beside the thread.
//!
//! Invariant: nothing here waits.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use line::Event;
use media::{Connect, DigitTypes};

use crate::shell::addresses::Witness;
use crate::shell::connections::Welcome;
use crate::shell::control::Control;
use crate::shell::encrypting;
use crate::shell::queue::Turn;
use crate::shell::registering::{self, Reaching};
use crate::shell::telling::{self, Name};
use crate::shell::wire::{Admitted, Report};

/// Datagrams read from one socket before the calls are looked after.
const BATCH: usize = 128;
/// For so long those who wait have their turn before the sockets are read again: one or two calls' worth of work.
const TURN_TAKES: Duration = Duration::from_micros(500);
/// What an owner is told of calls for which there was no time.
const TOO_MANY: &str = "more calls came in one moment than this machine answers soon, so the carrier was asked to send \
                        them elsewhere; give the desk a faster machine if this happens again";

impl Control {
    /// Every socket is read on every turn: a batch that was cut short has no second readiness event.
    pub(super) fn read_sockets(&mut self, buffer: &mut [u8]) {
        let mut more = true;
        while more || !self.queue.is_empty() {
            more = false;
            for index in 0..self.sockets.len() {
                more |= self.read_socket(index, buffer);
            }
            more |= self.let_in();
            // What was ordered before an invitation was sent counts for it: whoever began a drill has been told that it goes on.
            self.read_letters();
            self.take_turns();
            self.meet_deadlines();
            // A crowd that does not end is no thread that hangs.
            self.tell_how_it_stands();
        }
    }

    /// At least one of those who wait has its turn.
    fn take_turns(&mut self) {
        let until = self.clock.now().mono + TURN_TAKES;
        while let Some((path, bytes)) = self.queue.next() {
            self.happens(sip::Event::Received { path, bytes });
            if self.clock.now().mono >= until {
                return;
            }
        }
    }

    /// Lets connections in from those who may call. True if more may be waiting.
    fn let_in(&mut self) -> bool {
        let mut strangers = Vec::new();
        let agent = &self.agent;
        let welcome = |ip| match (agent.lets_in(ip), agent.asks_for_proof()) {
            (true, _) => Welcome::Known,
            (false, true) => Welcome::WithProof,
            (false, false) => Welcome::No,
        };
        let more = self.connections.accept(welcome, |source| strangers.push(source));
        for source in strangers {
            self.happens(sip::Event::Shut { source });
        }
        more
    }

    /// A connection reports.
    pub(super) fn wired(&mut self, number: u64, report: Report) {
        match report {
            Report::Heard(path, bytes, _leave_to_read_on) => {
                tracing::trace!(target: "firstring::sip", from = %path.remote, transport = %path.transport, kind = telling::kind(&bytes), length = bytes.len(), "Message in");
                self.connections.trusts(path.remote.ip());
                self.happens(sip::Event::Received { path, bytes });
            }
            Report::Shown(path, proof, answer) => {
                self.happens(sip::Event::Shown { path, proof });
                if self.agent.admits(path) {
                    self.connections.admit(number, path);
                    // Whoever waits no longer has gone.
                    let _ = answer.send(Admitted);
                }
            }
            Report::Ended(path) if self.connections.has_ended(number, path) => {
                self.happens(sip::Event::Ended { path });
            }
            Report::Unreached(path) if number == 0 || self.connections.has_ended(number, path) => {
                self.happens(sip::Event::Unreached { path });
            }
            Report::Mistrusted(path, why) if self.connections.has_ended(number, path) => {
                self.connections.mistrusts(path.remote.ip(), &why);
                self.happens(sip::Event::Mistrusted { path, why });
            }
            // Another connection leads there by now.
            Report::Ended(_) | Report::Unreached(_) | Report::Mistrusted(..) => {}
        }
    }

    fn happens(&mut self, event: sip::Event) {
        self.agent.handle(event, self.clock.now().mono);
        self.drain();
    }

    /// True if the socket may hold more than was read.
    fn read_socket(&mut self, index: usize, buffer: &mut [u8]) -> bool {
        for _ in 0..BATCH {
            match self.sockets.receive(index, buffer) {
                Ok((length, path)) if self.is_from_stun(path, &buffer[..length]) => {
                    tracing::trace!(target: "firstring::sip", from = %path.remote, length, "STUN in");
                }
                Ok((length, path)) => {
                    let bytes = buffer[..length].to_vec();
                    tracing::trace!(target: "firstring::sip", from = %path.remote, kind = telling::kind(&bytes), length, "Datagram in");
                    self.line_up(path, bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // An ICMP error for something sent earlier; the socket itself is well.
                Err(_) => {}
            }
        }
        true
    }

    /// Strangers do not stand in line: what they send is ignored where it comes.
    fn line_up(&mut self, path: sip::Path, bytes: Vec<u8>) {
        if !self.agent.lets_in(path.remote.ip()) {
            return self.happens(sip::Event::Received { path, bytes });
        }
        match self.queue.line_up(path, bytes) {
            Turn::Later => {}
            Turn::Now(path, bytes) => self.happens(sip::Event::Received { path, bytes }),
            Turn::Never(path, bytes) => {
                self.refusals.note(self.clock.now().wall, None, Some(503), TOO_MANY);
                self.happens(sip::Event::Crowded { path, bytes });
            }
        }
    }

    pub(super) fn register(&mut self, trunk: &Arc<str>, targets: &sip::Targets<SocketAddr>) {
        self.registrars_at.insert(Arc::clone(trunk), targets.clone());
        let Some(joining) = self.joining.get(trunk).cloned() else { return };
        for place in targets.iter() {
            self.registrars.insert(place.ip().to_canonical(), Arc::clone(trunk));
        }
        let hop = joining.next_hop();
        let paths = self.paths_to(trunk, hop, hop.transport, targets);
        let chance = RandomState::new();
        let mut drawn = 0_u64;
        let order = paths.in_order(|most| {
            drawn += 1;
            u32::try_from(chance.hash_one(drawn) % (u64::from(most) + 1)).unwrap_or(0)
        });
        let registrar = registering::registrar(trunk, &joining, self.contact_secret, order);
        self.order_sip(sip::Order::Register(Box::new(registrar)));
    }

    /// After a while without: where the registrar was found last.
    pub(super) fn register_again(&mut self, trunk: &Arc<str>) {
        if let Some(targets) = self.registrars_at.get(trunk).cloned() {
            self.register(trunk, &targets);
        }
    }

    pub(super) fn reach_people(&mut self, trunk: &Arc<str>, targets: &sip::Targets<SocketAddr>) {
        let Some(reaching) = self.reaching.get(trunk).cloned() else { return };
        let Reaching { domain, transport, account } = reaching;
        let paths = self.paths_to(trunk, &domain, transport, targets);
        if paths.is_empty() {
            return tracing::warn!(%trunk, "So nobody is rung over the trunk");
        }
        self.exchange.reach_people(trunk, line::Outbound { paths, domain, account });
    }

    pub(super) fn reach_address(&mut self, trunk: &str, address: &str, targets: &sip::Targets<SocketAddr>) {
        let paths = self.paths_to(trunk, "a person's SIP address", sip::Transport::Udp, targets);
        if !paths.is_empty() {
            self.exchange.reach_address(trunk, address, paths);
        }
    }

    /// A host that may send calls was found: its addresses are let in, and no others.
    pub(super) fn callers_found(&mut self, trunk: Arc<str>, host: Arc<str>, addresses: &[IpAddr]) {
        for address in addresses {
            let holds = |peer: &&sip::Peer| {
                peer.name != trunk && peer.accept_from.iter().any(|network| network.holds(*address))
            };
            if let Some(other) = self.peers.iter().find(holds) {
                let other = &other.name;
                tracing::warn!(%trunk, %host, %address, %other, "An address of a host in accept_from is in that of another trunk too, whose its calls are; make one trunk of both");
            }
        }
        let networks = addresses.iter().map(|address| sip::Network::from(*address)).collect();
        self.callers.insert((trunk, host), networks);
        let mut peers = self.peers.clone();
        for ((trunk, _), networks) in &self.callers {
            if let Some(peer) = peers.iter_mut().find(|peer| peer.name == *trunk) {
                peer.accept_from.extend(networks);
            }
        }
        self.order_sip(sip::Order::ReplacePeers(peers));
    }

    /// The ways from our sockets to where a host was found. What none of them reaches is left out, and told.
    fn paths_to(
        &mut self,
        trunk: &str,
        host: impl std::fmt::Display,
        transport: sip::Transport,
        targets: &sip::Targets<SocketAddr>,
    ) -> sip::Targets<sip::Path> {
        let mut left_out = Vec::new();
        let paths = targets.filter_map(|remote| {
            if transport == sip::Transport::Tls {
                self.connections.leads_to(remote.ip(), trunk);
            }
            let path = self.sockets.path_over(transport, remote);
            if path.is_none() {
                left_out.push(remote);
            }
            path
        });
        if !left_out.is_empty() {
            tracing::warn!(%trunk, %host, ?left_out, "No [sip] listen address reaches these addresses, so they are left out; listen on one of their kind (IPv4 or IPv6)");
        }
        paths
    }

    /// Our contacts are taken back everywhere, for good.
    pub(super) fn unregister(&mut self) {
        for name in std::mem::take(&mut self.joining).into_keys() {
            self.order_sip(sip::Order::Unregister { name });
        }
    }

    pub(super) fn order_sip(&mut self, order: sip::Order) {
        self.happens(sip::Event::Order(order));
    }

    /// A registrar says from where we reach it: behind a router that is how others reach us.
    fn seen_as(&mut self, trunk: &Arc<str>, seen: SocketAddr) {
        let Some(joining) = self.joining.get(trunk) else { return };
        let transport = joining.next_hop().transport;
        let remote = self.registrars_at.get(trunk).and_then(|targets| targets.iter().next());
        let Some(path) = remote.and_then(|remote| self.sockets.path_over(transport, remote)) else { return };
        if self.sockets.seen_at(path, seen, Witness::Registrar) {
            tracing::info!(%trunk, ours = %path.local, public = %seen.ip(), "A registrar sees us at a public address, which far ends outside are told from now on");
            let advertise = sip::Order::Advertise(self.sockets.advertised());
            self.agent.handle(sip::Event::Order(advertise), self.clock.now().mono);
        }
    }

    pub(super) fn perform_sip(&mut self, action: sip::Action) {
        match action {
            sip::Action::Send { path, bytes } => {
                tracing::trace!(target: "firstring::sip", to = %path.remote, transport = %path.transport, kind = telling::kind(&bytes), length = bytes.len(), "Message out");
                match path.transport {
                    sip::Transport::Udp => self.sockets.send(path, &bytes),
                    sip::Transport::Tcp | sip::Transport::Tls => self.connections.send(path, bytes),
                }
            }
            sip::Action::Tell(sip::Notice::Stranger { source, packets: _ }) => {
                let source = source.ip().to_canonical();
                let trunk = self.registrars.get(&source).map(|trunk| &**trunk);
                let because = not_let_in(source, trunk);
                self.refusals.note(self.clock.now().wall, trunk, None, &because);
            }
            sip::Action::Tell(sip::Notice::Unproved { peer, source }) => {
                let because = unproved(&peer, source.ip().to_canonical());
                self.refusals.note(self.clock.now().wall, Some(&peer), Some(401), &because);
            }
            sip::Action::Tell(sip::Notice::NearlyProved { peer, source, domains }) => {
                let because = nearly_proved(&peer, source.ip().to_canonical(), &domains);
                self.refusals.note(self.clock.now().wall, Some(&peer), None, &because);
            }
            sip::Action::Tell(sip::Notice::Missed { trunk }) => {
                self.drills.missed(&trunk, self.clock.now().wall);
            }
            sip::Action::Tell(sip::Notice::Registration(registration)) => {
                self.board.registered(&registration);
                if let Some(seen) = registration.seen_as {
                    self.seen_as(&registration.name, seen);
                }
            }
            sip::Action::Tell(notice) => {
                tracing::trace!(target: "firstring::sip", notice = %Name(&notice), "Notice");
                self.exchange.handle(Event::Sip(notice), self.clock.now());
            }
        }
    }
}

/// What was agreed by SDP, as the sound of a leg takes it.
pub(super) fn connection(agreed: &sip::sdp::Agreed) -> Connect {
    let codec = match agreed.codec {
        sip::sdp::Codec::Pcma => media::Codec::Pcma,
        sip::sdp::Codec::G722 => media::Codec::G722,
        sip::sdp::Codec::Opus => media::Codec::Opus,
        // PCMU, and whatever is not offered yet.
        _ => media::Codec::Pcmu,
    };
    let (remote_reports, reports_share_port) = match agreed.rtcp {
        sip::sdp::Rtcp::Muxed => (None, true),
        sip::sdp::Rtcp::At(address) => (Some(address), false),
    };
    let digits = agreed.dtmf.zip(agreed.receive_dtmf);
    Connect {
        remote: agreed.remote,
        remote_reports,
        reports_share_port,
        codec,
        payload_type: agreed.payload_type,
        receive_payload_type: agreed.receive_payload_type,
        digits: digits.map(|(send, receive)| DigitTypes { send, receive }),
        packet_time: Duration::from_millis(agreed.send_ptime_ms.into()),
        keys: agreed.keys.as_ref().and_then(encrypting::keys),
        latch: Vec::new(),
        direction: match agreed.direction {
            sip::sdp::Direction::SendRecv => media::Direction::SendReceive,
            sip::sdp::Direction::SendOnly => media::Direction::SendOnly,
            sip::sdp::Direction::RecvOnly => media::Direction::ReceiveOnly,
            sip::sdp::Direction::Inactive => media::Direction::Inactive,
        },
        is_another: false,
        greeting: None,
        filler: None,
    }
}

/// Why packets of this source are not answered, and what helps; `registered_at` is the trunk whose registrar it is.
fn not_let_in(source: IpAddr, registered_at: Option<&str>) -> String {
    match registered_at {
        None => format!("{source} is in no trunk's accept_from; its packets are not answered"),
        Some(trunk) => format!(
            "{source} is where trunk {trunk} registers, and sent something that was not for our registered contact, \
             which is not answered; if calls are meant to come that way, add its addresses to accept_from of trunk {trunk}"
        ),
    }
}

/// Why calls of this trunk are not taken, and what helps.
fn unproved(trunk: &str, source: IpAddr) -> String {
    format!(
        "{source} calls over trunk {trunk} and does not know the password, so its calls are not taken; give it \
         their_username and their_password of trunk {trunk}"
    )
}

/// Why a connection that shows a good certificate is closed, and what helps.
fn nearly_proved(trunk: &str, source: IpAddr, domains: &[String]) -> String {
    let Some(first) = domains.first() else {
        return format!(
            "{source} connects with a certificate that trunk {trunk} believes and that is for no domain, so it is not let in; \
             ask for one with a DNS name"
        );
    };
    let all = domains.join(", ");
    format!(
        "{source} connects with a certificate that trunk {trunk} believes, but for {all}, so it is not let in; if calls are meant \
         to come that way, add \"tls:{first}\" to accept_from of trunk {trunk}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_and_a_registrar_that_calls_past_our_contact_are_told_apart() {
        let source = IpAddr::from([192, 0, 2, 10]);
        assert_eq!(
            not_let_in(source, None),
            "192.0.2.10 is in no trunk's accept_from; its packets are not answered"
        );
        assert_eq!(
            not_let_in(source, Some("main")),
            "192.0.2.10 is where trunk main registers, and sent something that was not for our registered contact, \
             which is not answered; if calls are meant to come that way, add its addresses to accept_from of trunk main"
        );
    }
}
