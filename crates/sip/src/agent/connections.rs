//! What becomes of requests, replies and calls when a connection ends or cannot be made; and which requests are too long
//! for a datagram. RFC 3261 sections 8.1.3.1, 18.1.1 and 18.2.2.
//!
//! Which connections there are is the shell's knowledge: here a path says which one is meant.
//!
//! Invariant: a request that waits for a reply over a connection that is gone waits no longer. A call that is up stays up:
//! its next request makes a connection of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Agent;
use super::client::{ClientStage, Sent, via};
use super::leg::Dialog;
use crate::limits::{CONNECTIONLESS, CONNECTIONLESS_FOR, PROVED, WHOLE_BYTES};
use crate::notice::Notice;
use crate::order::{Path, Transport};
use crate::peer::{Peer, Proof};

/// Domains of a certificate that are told: whoever has more says no more by them.
const DOMAINS_TOLD: usize = 4;

impl Agent {
    /// True if somebody at this address may say something: a peer, a registrar, the far end of a call. A shell asks
    /// before it reads from a connection.
    pub fn lets_in(&self, source: std::net::IpAddr) -> bool {
        let source = source.to_canonical();
        self.setup.peer_of(source).is_some() || self.guests.contains_key(&source)
    }

    /// True if some peer is known by its certificate: then whoever connects by TLS may show one.
    pub fn asks_for_proof(&self) -> bool {
        self.setup.peers.iter().any(|peer| !peer.accept_domains.is_empty())
    }

    /// True if what comes along this connection will be heard, for the address it comes from or for its certificate.
    pub fn admits(&self, path: Path) -> bool {
        self.lets_in(path.remote.ip()) || self.peer_along(path).is_some()
    }

    /// Whose a packet is: its connection's, by certificate, else its address's.
    pub(super) fn peer_along(&self, path: Path) -> Option<&Peer> {
        let proof = self.proved.get(&path.remote).filter(|_| path.transport == Transport::Tls);
        let by_proof = proof.and_then(|proof| self.setup.peer_by(proof));
        by_proof.or_else(|| self.setup.peer_of(path.remote.ip().to_canonical()))
    }

    /// A connection is up, and its far end has proved this.
    pub(super) fn shown(&mut self, path: Path, proof: Proof) {
        self.proved.remove(&path.remote);
        if path.transport != Transport::Tls {
            return;
        }
        if self.setup.peer_by(&proof).is_some() && self.proved.len() < PROVED {
            self.proved.insert(path.remote, proof);
        } else if !self.lets_in(path.remote.ip()) {
            self.unproved(path.remote, &proof);
        }
    }

    /// A stranger, even if it was a near thing.
    fn unproved(&mut self, source: SocketAddr, proof: &Proof) {
        match self.setup.nearly_by(proof).map(|peer| peer.name.clone()) {
            Some(peer) => {
                let domains = proof.domains.iter().take(DOMAINS_TOLD).cloned().collect();
                self.strange_for(source, Notice::NearlyProved { peer, source, domains });
            }
            None => self.strange(source),
        }
    }

    /// A connection was up and is no more.
    pub(super) fn ended(&mut self, path: Path) {
        self.disprove(path);
        self.leave(path);
        for key in self.waiting_along(path) {
            self.go_on_without(&key, true);
        }
        for server in self.servers.values_mut().filter(|server| server.path.is_along(path)) {
            server.path.remote = server.instead;
        }
        self.registered_along(path);
    }

    /// A connection could not be made.
    pub(super) fn unreached(&mut self, path: Path) {
        for key in self.waiting_along(path) {
            self.go_on_without(&key, false);
        }
    }

    /// The same, and what to do about it is known.
    pub(super) fn mistrusted(&mut self, path: Path, why: &str) {
        let why: Arc<str> = why.into();
        for key in self.waiting_along(path) {
            if let Some(client) = self.clients.get_mut(&key) {
                client.mistrust = Some(why.clone());
            }
        }
        self.unreached(path);
    }

    fn disprove(&mut self, path: Path) {
        if path.transport == Transport::Tls {
            self.proved.remove(&path.remote);
        }
    }

    /// Calls that came or went along this connection go on by the address their far end named.
    fn leave(&mut self, path: Path) {
        for leg in self.legs.values_mut().filter(|leg| leg.dialog.path.is_along(path)) {
            leg.dialog.leave_connection();
            let remote = leg.dialog.path.remote;
            if let Some(unacked) = leg.unacked.as_mut().filter(|unacked| unacked.path.is_along(path)) {
                unacked.path.remote = remote;
            }
        }
    }

    fn waiting_along(&self, path: Path) -> Vec<Arc<str>> {
        let waits = |stage| match stage {
            ClientStage::Calling | ClientStage::Proceeding => true,
            ClientStage::Done => false,
        };
        let along = self.clients.iter().filter(|(_, one)| waits(one.stage) && one.sent.path.is_along(path));
        along.map(|(key, _)| key.clone()).collect()
    }

    /// A request whose connection is gone. What nobody has replied to yet may have crossed the end of an idle connection
    /// and goes out once more; the far end tells a repetition by its branch.
    fn go_on_without(&mut self, key: &Arc<str>, was_up: bool) {
        if self.narrowed(key) {
            return;
        }
        let Some(client) = self.clients.get_mut(key) else { return };
        if was_up && client.stage == ClientStage::Calling && !client.again {
            client.again = true;
            let (path, bytes) = (client.sent.path, client.bytes.clone());
            return self.send_again(key, path, bytes);
        }
        client.silence = 503;
        self.no_reply(key);
    }

    /// Calls over a registration come along its connection: a new one is made at once.
    fn registered_along(&mut self, path: Path) {
        let along = self.joinings.iter().filter(|(_, one)| one.is_along(path));
        let names: Vec<_> = along.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.register_soon(&name);
        }
    }

    /// Sends a request that may be cut up as a datagram over a connection, if we have any. Gives its way as a datagram.
    pub(super) fn widen(&self, branch: &str, sent: &mut Sent, bytes: &mut Vec<u8>) -> Option<(Path, String)> {
        if sent.path.transport != Transport::Udp || bytes.len() <= WHOLE_BYTES {
            return None;
        }
        if self.connectionless.get(&sent.path.remote).is_some_and(|until| *until > self.now) {
            return None;
        }
        let path = self.setup.tcp_beside(sent.path)?;
        let here = self.setup.advertised(path)?;
        let narrow = (sent.path, sent.via.clone());
        reroute(sent, bytes, path, via(Transport::Tcp, here, branch));
        Some(narrow)
    }

    /// Sends a long request as a datagram after all. True if it is one, and nobody has replied to it yet.
    fn narrowed(&mut self, key: &Arc<str>) -> bool {
        let Some(client) = self.clients.get_mut(key) else { return false };
        if client.stage != ClientStage::Calling {
            return false;
        }
        let Some(narrow) = client.narrow.take() else { return false };
        let (path, via) = *narrow;
        reroute(&mut client.sent, &mut client.bytes, path, via);
        let bytes = client.bytes.clone();
        self.send_again(key, path, bytes);
        self.resend_client(key);
        self.takes_no_connection(path.remote);
        true
    }

    fn takes_no_connection(&mut self, remote: SocketAddr) {
        let now = self.now;
        self.connectionless.retain(|_, until: &mut Duration| *until > now);
        if self.connectionless.len() < CONNECTIONLESS {
            self.connectionless.insert(remote, now + CONNECTIONLESS_FOR);
        }
    }
}

impl Dialog {
    /// The connection the dialog began on has ended. Without a usable address in it, the far end is left where it was.
    fn leave_connection(&mut self) {
        if let Some(named) = self.named_hop() {
            self.path.remote = named;
        }
    }
}

/// Gives a request another way: its path and its Via, which stands in its bytes as the first of its kind.
fn reroute(sent: &mut Sent, bytes: &mut Vec<u8>, path: Path, via: String) {
    let old = sent.via.as_bytes();
    if let Some(at) = bytes.windows(old.len()).position(|window| window == old) {
        bytes.splice(at..at + old.len(), via.bytes());
    }
    (sent.path, sent.via) = (path, via);
}
