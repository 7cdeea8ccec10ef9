//! The sockets of one caller: one for signalling, a pair for sound, and one that notices a closed port.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use mio::{Interest, Poll, Token};

/// Signalling.
pub const SIP: Token = Token(0);
/// Sound.
pub const RTP: Token = Token(1);
/// Reports.
pub const RTCP: Token = Token(2);
/// Nothing but errors.
pub const PROBE: Token = Token(3);

/// Pairs tried before giving up.
const TRIES: u32 = 64;
/// Asks for nothing and is answered by nobody; a keep-alive of RFC 5626 section 3.5.1. It makes a machine that has
/// closed the port say so.
const KEEP_ALIVE: &[u8] = b"\r\n\r\n";

/// All of them.
pub struct Wires {
    pub poll: Poll,
    pub sip: UdpSocket,
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    probe: Option<UdpSocket>,
}

impl Wires {
    /// Sockets on the address from which `remote` is reached.
    pub fn toward(remote: SocketAddr) -> io::Result<Wires> {
        let own = local_address(remote)?;
        let mut wires = Wires::on(own)?;
        let mut probe = UdpSocket::bind(SocketAddr::new(own, 0))?;
        probe.connect(remote)?;
        wires.poll.registry().register(&mut probe, PROBE, Interest::READABLE)?;
        wires.probe = Some(probe);
        Ok(wires)
    }

    /// Sockets on an address of this machine, for whoever calls there.
    pub fn on(own: IpAddr) -> io::Result<Wires> {
        let poll = Poll::new()?;
        let (mut rtp, mut rtcp) = pair(own)?;
        let mut sip = UdpSocket::bind(SocketAddr::new(own, 0))?;
        for (socket, token) in [(&mut sip, SIP), (&mut rtp, RTP), (&mut rtcp, RTCP)] {
            poll.registry().register(socket, token, Interest::READABLE)?;
        }
        Ok(Wires { poll, sip, rtp, rtcp, probe: None })
    }

    /// Knocks: a closed port is noticed by [`Wires::is_closed`] later.
    pub fn knock(&self) {
        // Whether it could be sent is found out by the INVITE itself.
        let _ = self.probe.as_ref().map(|probe| probe.send(KEEP_ALIVE));
    }

    /// Whether the far machine said that nobody listens there. Told once.
    pub fn is_closed(&self) -> bool {
        let mut rest = [0; 64];
        let heard = self.probe.as_ref().map(|probe| probe.recv(&mut rest));
        matches!(heard, Some(Err(error)) if error.kind() == ErrorKind::ConnectionRefused)
    }
}

fn local_address(remote: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = if remote.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.connect(remote)?;
    Ok(socket.local_addr()?.ip())
}

/// An even port and the odd one above.
fn pair(own: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    let mut refused = io::Error::from(ErrorKind::AddrInUse);
    for _ in 0..TRIES {
        let first = UdpSocket::bind(SocketAddr::new(own, 0))?;
        let port = first.local_addr()?.port();
        let other = if port.is_multiple_of(2) { port + 1 } else { port - 1 };
        match UdpSocket::bind(SocketAddr::new(own, other)) {
            Ok(second) if port < other => return Ok((first, second)),
            Ok(second) => return Ok((second, first)),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Numbers that cannot be guessed: the keys that the standard library draws for its hash maps.
pub fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}
