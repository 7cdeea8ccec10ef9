//! The SIP sockets for datagrams, and how others reach this machine, over whatever transport.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use sip::Transport;

use crate::config::Listen;
use crate::marking::{self, Class};

/// Routes remembered; there are as many far ends as trunks, but strangers knock as well.
const ROUTES: usize = 1_024;
/// A port to ask for a route with. Nothing is sent.
const DISCARD: u16 = 9;
/// Room for a burst of datagrams while the control thread is at work: 4 MiB, about 3,000 INVITEs.
const BURST: usize = 4 << 20;

/// The SIP sockets of this node.
#[derive(Debug)]
pub struct Sockets {
    sockets: Vec<(UdpSocket, SocketAddr)>,
    /// Where connections come in.
    beside: Vec<Listen>,
    public: Option<IpAddr>,
    /// Where others see a socket of ours, if we were not told: who is believed first stands first.
    seen: BTreeMap<Witness, (SocketAddr, SocketAddr)>,
    routes: BTreeMap<IpAddr, IpAddr>,
}

/// Who says where others see us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Witness {
    /// A registrar, of the socket that it is asked from.
    Registrar,
    /// A STUN server.
    Stun,
}

impl Sockets {
    /// Binds and registers every address for datagrams; `public` is what others are told, if it is not this machine's own.
    pub fn bind(listen: &[Listen], public: Option<IpAddr>, registry: &Registry) -> io::Result<Sockets> {
        let mut sockets = Vec::with_capacity(listen.len());
        for Listen { transport: _, address } in listen.iter().filter(|one| !one.transport.is_reliable()) {
            let mut socket = bind(*address).map_err(|why| {
                io::Error::new(why.kind(), format!("SIP cannot listen on udp:{address}; change [sip] listen, or end what listens there: {why}"))
            })?;
            registry.register(&mut socket, Token(sockets.len()), Interest::READABLE)?;
            let local = socket.local_addr()?;
            sockets.push((socket, local));
        }
        Ok(Sockets { sockets, beside: Vec::new(), public, seen: BTreeMap::new(), routes: BTreeMap::new() })
    }

    /// What leaves is marked for the routers on its way.
    pub fn mark(&self) {
        for (socket, local) in &self.sockets {
            marking::mark(socket, *local, Class::Signalling);
        }
    }

    /// Others reach this machine here as well.
    pub fn know(&mut self, connections: impl Iterator<Item = Listen>) {
        self.beside.extend(connections);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Where this machine listens, connections included, with the ports the system chose.
    pub fn listening(&self) -> impl Iterator<Item = Listen> {
        let datagrams =
            self.sockets.iter().map(|(_, local)| Listen { transport: Transport::Udp, address: *local });
        datagrams.chain(self.beside.iter().copied())
    }

    /// The addresses the user agent is told to advertise.
    pub fn advertised(&self) -> Vec<(SocketAddr, SocketAddr)> {
        let Some(public) = self.told_outside() else { return Vec::new() };
        let ours = self.listening().map(|one| one.address).filter(|ours| ours.is_ipv4() == public.is_ipv4());
        let others = ours.map(|local| (local, SocketAddr::new(public, local.port())));
        self.seen().into_iter().chain(others).collect()
    }

    /// Where others see a socket of ours.
    fn seen(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.seen.values().next().copied()
    }

    /// The address that far ends outside are told, if it is not our own.
    fn told_outside(&self) -> Option<IpAddr> {
        self.public.or(self.seen().map(|(_, seen)| seen.ip()))
    }

    /// Somebody sees the socket of this path at another address. Where the configuration says nothing else, that is what
    /// far ends outside our networks are told from now on; true if that changes something. An address of our own that is
    /// public needs no other, and a private one is no news to anybody.
    pub fn seen_at(&mut self, path: sip::Path, seen: SocketAddr, witness: Witness) -> bool {
        let hidden = sip::is_private(path.local.ip()) && !sip::is_private(seen.ip());
        if self.public.is_some() || !hidden || path.local.is_ipv4() != seen.is_ipv4() {
            return false;
        }
        // A connection's far port is its own, and nobody else's way in.
        let port = if path.transport == sip::Transport::Udp { seen.port() } else { path.local.port() };
        let known = self.seen();
        self.seen.insert(witness, (path.local, SocketAddr::new(seen.ip(), port)));
        known != self.seen()
    }

    /// Where requests too long for a datagram may go out.
    pub fn tcp(&self) -> Vec<SocketAddr> {
        let tcp = self.beside.iter().filter(|one| one.transport == Transport::Tcp);
        tcp.map(|one| one.address).collect()
    }

    /// One datagram, with the path it came by. The local end is the address it was sent to, as far as routes tell.
    pub fn receive(&mut self, index: usize, buffer: &mut [u8]) -> io::Result<(usize, sip::Path)> {
        let (socket, local) = &self.sockets[index];
        let (length, remote) = socket.recv_from(buffer)?;
        let local = *local;
        Ok((length, self.path(Transport::Udp, local, remote)))
    }

    /// The path from the socket that suits `remote` best. Where connections go out and none come in, the port is that of
    /// another transport: nobody listens there, but whoever knows the connection knows it by that.
    pub fn path_over(&mut self, transport: Transport, remote: SocketAddr) -> Option<sip::Path> {
        let same_family = |one: &Listen| one.address.is_ipv4() == remote.is_ipv4();
        let same = self.listening().filter(same_family).find(|one| one.transport == transport);
        let any = || self.listening().find(same_family).filter(|_| transport.is_reliable());
        let local = same.or_else(any)?.address;
        Some(self.path(transport, local, remote))
    }

    /// Sends one datagram. One that is lost here is sent again like one lost on the way.
    pub fn send(&self, path: sip::Path, bytes: &[u8]) {
        let serves = |local: &SocketAddr| {
            *local == path.local || (local.ip().is_unspecified() && local.port() == path.local.port())
        };
        if let Some((socket, _)) = self.sockets.iter().find(|(_, local)| serves(local))
            && let Err(error) = socket.send_to(bytes, path.remote)
        {
            tracing::debug!(%error, "A datagram could not be sent");
        }
    }

    /// A local address for sound, as the far end is to use it.
    pub fn as_others_see(&self, address: SocketAddr, toward: IpAddr) -> SocketAddr {
        let (own, public) = (address.ip(), self.told_outside());
        let public = public.filter(|public| public.is_ipv4() == address.is_ipv4());
        let told = public.map_or(own, |public| sip::told_to(toward, own, public));
        SocketAddr::new(told, address.port())
    }

    /// The local address for sound: `bind`, or the one that faces `toward` where the two are of different families.
    pub fn facing(&mut self, bind: IpAddr, toward: IpAddr) -> IpAddr {
        if bind.is_ipv4() == toward.is_ipv4() {
            return bind;
        }
        let known = self.routes.get(&toward).copied();
        known.or_else(|| self.learn_route(SocketAddr::new(toward, DISCARD))).unwrap_or(bind)
    }

    fn path(&mut self, transport: Transport, local: SocketAddr, remote: SocketAddr) -> sip::Path {
        if !local.ip().is_unspecified() {
            return sip::Path::over(transport, local, remote);
        }
        let known = self.routes.get(&remote.ip()).copied();
        let ours = known.or_else(|| self.learn_route(remote)).unwrap_or(local.ip());
        sip::Path::over(transport, SocketAddr::new(ours, local.port()), remote)
    }

    /// Asks the system which of our addresses faces `remote`; nothing is sent.
    fn learn_route(&mut self, remote: SocketAddr) -> Option<IpAddr> {
        let any: IpAddr = match remote {
            SocketAddr::V4(_) => IpAddr::from([0, 0, 0, 0]),
            SocketAddr::V6(_) => IpAddr::from([0; 16]),
        };
        let probe = StdSocket::bind((any, 0)).ok()?;
        probe.connect(remote).ok()?;
        let ours = probe.local_addr().ok()?.ip();
        if self.routes.len() >= ROUTES {
            self.routes.clear();
        }
        self.routes.insert(remote.ip(), ours);
        Some(ours)
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let kind = socket2::Type::DGRAM.nonblocking();
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), kind, None)?;
    if address.is_ipv6() {
        // An IPv4 address in the dress of an IPv6 one could be written nowhere, so IPv4 has sockets of its own.
        socket.set_only_v6(true)?;
    }
    // More than the system allows is cut to what it allows, without an error.
    socket.set_recv_buffer_size(BURST)?;
    socket.bind(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn sound_of_the_other_address_family_gets_an_address_that_faces_it() {
        let poll = mio::Poll::new().unwrap();
        let mut sockets = Sockets::bind(&[], None, poll.registry()).unwrap();
        let (four, six) = (at("127.0.0.1:9").ip(), at("[::1]:9").ip());
        assert_eq!(sockets.facing(six, four), four);
        assert_eq!(sockets.facing(four, at("127.0.0.2:9").ip()), four);
    }

    #[test]
    fn behind_a_router_far_ends_outside_are_told_what_a_registrar_sees_and_neighbours_are_not() {
        let poll = mio::Poll::new().unwrap();
        let mut sockets = Sockets::bind(&[], None, poll.registry()).unwrap();
        let (ours, sound) = (at("192.168.1.5:5060"), at("192.168.1.5:20000"));
        let path = sip::Path::udp(ours, at("198.51.100.9:5060"));
        let (registrar, stun) = (Witness::Registrar, Witness::Stun);
        let told =
            |sockets: &Sockets, far: &str| sockets.as_others_see(sound, far.parse().unwrap()).to_string();
        assert_eq!(told(&sockets, "198.51.100.9"), "192.168.1.5:20000", "nothing is known yet");
        assert!(sockets.seen_at(path, at("203.0.113.4:40004"), stun));
        assert_eq!(told(&sockets, "198.51.100.9"), "203.0.113.4:20000", "until a registrar says otherwise");
        assert!(!sockets.seen_at(path, at("192.168.1.5:5060"), registrar), "no news");
        assert!(!sockets.seen_at(path, at("10.0.0.1:5060"), registrar), "not reachable from everywhere");
        assert!(sockets.seen_at(path, at("203.0.113.5:40001"), registrar));
        assert!(!sockets.seen_at(path, at("203.0.113.5:40001"), registrar), "known");
        assert!(!sockets.seen_at(path, at("203.0.113.4:40009"), stun), "a registrar is believed first");
        assert_eq!(told(&sockets, "198.51.100.9"), "203.0.113.5:20000");
        assert_eq!(told(&sockets, "192.168.1.20"), "192.168.1.5:20000", "a neighbour");
        assert_eq!(
            sockets.advertised(),
            [(ours, at("203.0.113.5:40001"))],
            "the router's port is the way in"
        );
        let public = sip::Path::udp(at("203.0.113.7:5060"), at("198.51.100.9:5060"));
        assert!(
            !sockets.seen_at(public, at("203.0.113.8:5060"), registrar),
            "our own public address needs no other"
        );
        let mut named = Sockets::bind(&[], Some("203.0.113.9".parse().unwrap()), poll.registry()).unwrap();
        assert!(!named.seen_at(path, at("203.0.113.5:40001"), registrar), "what the configuration says wins");
        assert_eq!(told(&named, "198.51.100.9"), "203.0.113.9:20000");
    }
}
