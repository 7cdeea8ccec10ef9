//! Whose trunk is this? Sources of signalling that are let in, and how we call ourselves toward them.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use crate::limits::Limits;
use crate::order::{Path, Transport};

/// What an agent needs to know before its first datagram.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Written as User-Agent and Server, for instance `Firstring/0.1`. Empty: neither header is written.
    pub product: String,
    /// Who may send calls. The first whose network holds the source wins.
    pub peers: Vec<Peer>,
    /// What may be held at once.
    pub limits: Limits,
    /// Socket address we listen on, and the address others reach it at. An unlisted one is advertised as it is; a
    /// listed wildcard address (`0.0.0.0:5060`) covers every address of that port. Far ends that are nearer than the listed
    /// address are told our own all the same: see [`told_to`]. One that remains a wildcard
    /// cannot be called back, so calls on it are refused.
    pub advertised: Vec<(SocketAddr, SocketAddr)>,
    /// Where we listen on TCP, if anywhere: then requests too long for one datagram go over a connection.
    pub tcp: Vec<SocketAddr>,
    /// Messages that are told of each leg ([`Notice::Traced`](crate::Notice::Traced)), repetitions not counted; 0: none.
    pub traced: usize,
}

impl Setup {
    /// How the far end of a path reaches us, or `None` if that would be a wildcard.
    pub(crate) fn advertised(&self, path: Path) -> Option<SocketAddr> {
        let local = path.local;
        let exact = self.advertised.iter().find(|(listening, _)| *listening == local);
        let wildcard = || {
            self.advertised
                .iter()
                .find(|(listening, _)| listening.ip().is_unspecified() && listening.port() == local.port())
        };
        let public = exact.or_else(wildcard).map(|(_, public)| *public);
        let from_outside =
            |public: &SocketAddr| told_to(path.remote.ip(), local.ip(), public.ip()) == public.ip();
        let address = public.filter(from_outside).unwrap_or(local);
        (!address.ip().is_unspecified() && address.port() != 0).then_some(address)
    }

    /// The path over TCP beside one over UDP, if we listen there.
    pub(crate) fn tcp_beside(&self, path: Path) -> Option<Path> {
        let ours = self.tcp.iter().find(|ours| ours.is_ipv4() == path.local.is_ipv4())?;
        let ip = if ours.ip().is_unspecified() { path.local.ip() } else { ours.ip() };
        Some(Path::over(Transport::Tcp, SocketAddr::new(ip, ours.port()), path.remote))
    }

    /// Whose connection this is, by what it has proved.
    pub(crate) fn peer_by(&self, proof: &Proof) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.is_proved_by(proof))
    }

    /// Whose connection it would have been with a certificate for another domain.
    pub(crate) fn nearly_by(&self, proof: &Proof) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.is_nearly_proved_by(proof))
    }

    pub(crate) fn peer_of(&self, source: IpAddr) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.accept_from.iter().any(|network| network.holds(source)))
    }
}

/// Which address a far end is told, where we have `own` and others reach us at `public`: a neighbour on our own network has
/// no way to us through the public one, or only around the house.
pub fn told_to(far_end: IpAddr, own: IpAddr, public: IpAddr) -> IpAddr {
    let is_nearer = distance(far_end) < distance(public);
    if is_nearer && !own.is_unspecified() { own } else { public }
}

/// True for addresses that only neighbours reach.
pub fn is_private(address: IpAddr) -> bool {
    distance(address) < 2
}

/// 0 for this machine, 1 for its networks, 2 for everywhere. RFC 1918, RFC 3927, RFC 4193, RFC 4291, RFC 6598.
fn distance(address: IpAddr) -> u8 {
    let private = match address.to_canonical() {
        address if address.is_loopback() => return 0,
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    if private { 1 } else { 2 }
}

/// A trunk or telephone system that may send calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Told with every invitation.
    pub name: Arc<str>,
    /// Addresses its signalling comes from.
    pub accept_from: Vec<Network>,
    /// Domains that the certificates of its connections are for, whatever address those come from.
    pub accept_domains: Vec<Arc<str>>,
}

impl Peer {
    /// RFC 5922 section 7.2: the whole domain, whatever its case; a wildcard in a certificate stands for nobody.
    fn is_proved_by(&self, proof: &Proof) -> bool {
        let is_for = |domain: &Arc<str>| proof.domains.iter().any(|shown| shown.eq_ignore_ascii_case(domain));
        proof.vouched.contains(&self.name) && self.accept_domains.iter().any(is_for)
    }

    /// Its own authority vouches, and it is somebody else.
    fn is_nearly_proved_by(&self, proof: &Proof) -> bool {
        !self.accept_domains.is_empty() && proof.vouched.contains(&self.name)
    }
}

/// What the far end of a connection by TLS has shown of itself, and proved to own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proof {
    /// Peers whose authority vouches for its certificate.
    pub vouched: Vec<Arc<str>>,
    /// The domains that the certificate is for, as it writes them. RFC 5922 section 7.1.
    pub domains: Vec<String>,
}

/// An address with the number of leading bits that count: `192.0.2.0/24`, `2001:db8::/32` or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text names no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an IP address such as 192.0.2.10, or a range such as 192.0.2.0/24")]
pub struct NetworkError;

impl Network {
    /// True if the address lies inside. IPv4 addresses mapped into IPv6 count as IPv4.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                u32::from(network) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                u128::from(network) & mask == u128::from(address) & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Network {
        let address = address.to_canonical();
        Network { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| NetworkError)?)),
            None => (text.trim(), None),
        };
        let whole = Network::from(address.parse::<IpAddr>().map_err(|_| NetworkError)?);
        match bits {
            None => Ok(whole),
            Some(bits) if bits <= whole.bits => Ok(Network { bits, ..whole }),
            Some(_) => Err(NetworkError),
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        for (network, address, held) in [
            ("192.0.2.10", "192.0.2.10", true),
            ("192.0.2.10", "192.0.2.11", false),
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/30", "192.0.2.4", false),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("192.0.2.0/24", "::ffff:192.0.2.9", true),
            ("2001:db8::/32", "2001:db8:1::9", true),
            ("2001:db8::/32", "2001:db9::", false),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert_eq!(parsed.holds(address.parse().unwrap()), held, "{network} {address}");
        }
    }

    #[test]
    fn nonsense_is_no_network() {
        for text in ["", "example.com", "192.0.2.0/33", "192.0.2.0/x", "::/129"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_wildcard_address_is_never_advertised() {
        let listed = ("0.0.0.0:5060".parse().unwrap(), "203.0.113.5:5060".parse().unwrap());
        let setup = Setup { advertised: vec![listed], ..Setup::default() };
        let far = "198.51.100.9:5060".parse().unwrap();
        let at = |text: &str| setup.advertised(Path::udp(text.parse().unwrap(), far));
        assert_eq!(at("10.0.0.5:5060"), Some(listed.1));
        assert_eq!(at("0.0.0.0:5060"), Some(listed.1));
        assert_eq!(at("10.0.0.5:5070"), Some("10.0.0.5:5070".parse().unwrap()));
        assert_eq!(at("0.0.0.0:5070"), None);
    }

    #[test]
    fn neighbours_are_told_our_own_address_and_everybody_else_the_public_one() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (far_end, own, public, told) in [
            ("198.51.100.9", "192.168.1.5", "203.0.113.5", "203.0.113.5"),
            ("192.168.1.20", "192.168.1.5", "203.0.113.5", "192.168.1.5"),
            ("10.0.0.20", "192.168.1.5", "203.0.113.5", "192.168.1.5"),
            ("100.64.0.20", "100.64.0.5", "203.0.113.5", "100.64.0.5"),
            ("127.0.0.1", "127.0.0.1", "203.0.113.5", "127.0.0.1"),
            // Inside a container the network of the house is the outside.
            ("192.168.1.20", "172.17.0.2", "192.168.1.5", "192.168.1.5"),
            ("2001:db8::9", "fd00::5", "2001:db8::5", "2001:db8::5"),
            ("fd00::9", "fd00::5", "2001:db8::5", "fd00::5"),
            ("192.168.1.20", "0.0.0.0", "203.0.113.5", "203.0.113.5"),
        ] {
            assert_eq!(told_to(ip(far_end), ip(own), ip(public)), ip(told), "{far_end}");
        }
    }
}
