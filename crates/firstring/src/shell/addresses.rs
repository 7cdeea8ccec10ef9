//! The SIP sockets, and how others reach this machine through them.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

/// Routes remembered; there are as many far ends as trunks, but strangers knock as well.
const ROUTES: usize = 1_024;
/// Room for a burst of datagrams while the control thread is at work: 4 MiB, about 3,000 INVITEs.
const BURST: usize = 4 << 20;

/// The SIP sockets of this node.
#[derive(Debug)]
pub struct Sockets {
    sockets: Vec<(UdpSocket, SocketAddr)>,
    public: Option<IpAddr>,
    routes: BTreeMap<IpAddr, IpAddr>,
}

impl Sockets {
    /// Binds and registers every address; `public` is what others are told, if it is not this machine's own.
    pub fn bind(listen: &[SocketAddr], public: Option<IpAddr>, registry: &Registry) -> io::Result<Sockets> {
        let mut sockets = Vec::with_capacity(listen.len());
        for (index, address) in listen.iter().enumerate() {
            let mut socket = bind(*address).map_err(|why| {
                io::Error::new(why.kind(), format!("SIP cannot listen on udp:{address}; change [sip] listen, or end what listens there: {why}"))
            })?;
            registry.register(&mut socket, Token(index), Interest::READABLE)?;
            let local = socket.local_addr()?;
            sockets.push((socket, local));
        }
        Ok(Sockets { sockets, public, routes: BTreeMap::new() })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Where each listens, with the port the system chose.
    pub fn listening(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().map(|(_, local)| *local)
    }

    /// The addresses the user agent is told to advertise.
    pub fn advertised(&self) -> Vec<(SocketAddr, SocketAddr)> {
        let Some(public) = self.public else { return Vec::new() };
        self.listening().map(|local| (local, SocketAddr::new(public, local.port()))).collect()
    }

    /// One datagram, with the path it came by. The local end is the address it was sent to, as far as routes tell.
    pub fn receive(&mut self, index: usize, buffer: &mut [u8]) -> io::Result<(usize, sip::Path)> {
        let (socket, local) = &self.sockets[index];
        let (length, remote) = socket.recv_from(buffer)?;
        let local = *local;
        Ok((length, self.path(local, remote)))
    }

    /// The path from the socket that suits `remote` best.
    pub fn path_to(&mut self, remote: SocketAddr) -> Option<sip::Path> {
        let same_family = |local: &SocketAddr| local.is_ipv4() == remote.is_ipv4();
        let local = self.listening().find(same_family)?;
        Some(self.path(local, remote))
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
    pub fn as_others_see(&self, address: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.public.unwrap_or(address.ip()), address.port())
    }

    fn path(&mut self, local: SocketAddr, remote: SocketAddr) -> sip::Path {
        if !local.ip().is_unspecified() {
            return sip::Path::udp(local, remote);
        }
        let known = self.routes.get(&remote.ip()).copied();
        let ours = known.or_else(|| self.learn_route(remote)).unwrap_or(local.ip());
        sip::Path::udp(SocketAddr::new(ours, local.port()), remote)
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
    // More than the system allows is cut to what it allows, without an error.
    socket.set_recv_buffer_size(BURST)?;
    socket.bind(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}
