//! Pairs of ports: an even one for sound, the odd one above for reports.
//!
//! Bound when a leg is opened: two sockets take some tens of microseconds, so a pool would only add a way to run dry.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

use crate::marking::{self, Class};

/// Both sockets of one leg.
pub struct Pair {
    /// Sound.
    pub rtp: UdpSocket,
    /// Reports.
    pub rtcp: UdpSocket,
}

/// Pairs looked at before giving up: with half of a range taken, the chance of missing every free one is 1 in 2^256.
const TRIES: u32 = 256;

/// Binds a random free pair, `marked` for routers or not. `chance` has to be random: ports must not be guessed.
pub fn bind(ip: IpAddr, ports: &RangeInclusive<u16>, marked: bool, chance: u64) -> io::Result<Pair> {
    let first = u32::from(*ports.start()).next_multiple_of(2);
    let pairs = (u32::from(*ports.end()) + 1).saturating_sub(first) / 2;
    if pairs == 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the range of RTP ports holds no even port with an odd one above",
        ));
    }
    let start = (chance % u64::from(pairs)) as u32;
    let mut refused = io::Error::from(io::ErrorKind::AddrInUse);
    for step in 0..pairs.min(TRIES) {
        let port = first + 2 * ((start + step) % pairs);
        match bind_at(ip, port as u16, marked) {
            Ok(pair) => return Ok(pair),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => refused = error,
            Err(error) => return Err(error),
        }
    }
    Err(refused)
}

fn bind_at(ip: IpAddr, port: u16, marked: bool) -> io::Result<Pair> {
    let socket = |port| socket(SocketAddr::new(ip, port), marked);
    Ok(Pair { rtp: socket(port)?, rtcp: socket(port + 1)? })
}

fn socket(address: SocketAddr, marked: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if marked {
        marking::mark(&socket, address, Class::Sound);
    }
    socket.bind(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_that_is_full_says_so_and_each_pair_is_even_and_odd() {
        let home: IpAddr = "127.0.0.1".parse().unwrap();
        let range = 41_001..=41_008; // three whole pairs: 41002, 41004, 41006
        let taken: Vec<Pair> = (0..3).map(|chance| bind(home, &range, true, chance).unwrap()).collect();
        for pair in &taken {
            let (rtp, rtcp) = (pair.rtp.local_addr().unwrap().port(), pair.rtcp.local_addr().unwrap().port());
            assert!(rtp % 2 == 0 && rtcp == rtp + 1 && range.contains(&rtcp));
        }
        assert_eq!(bind(home, &range, true, 0).err().unwrap().kind(), io::ErrorKind::AddrInUse);
        assert!(bind(home, &(41_003..=41_004), true, 0).is_err());
    }

    #[test]
    fn sound_is_marked_on_either_family_and_only_where_it_is_to_be() {
        for (home, marked, byte) in
            [("127.0.0.1", true, 46 << 2), ("127.0.0.1", false, 0), ("::1", true, 46 << 2)]
        {
            let home: IpAddr = home.parse().unwrap();
            let Ok(pair) = bind(home, &(41_011..=41_030), marked, 3) else {
                assert!(home.is_ipv6(), "only a machine without IPv6 has no such address");
                continue;
            };
            let socket = socket2::SockRef::from(&pair.rtp);
            let found = if home.is_ipv4() { socket.tos_v4() } else { socket.tclass_v6() };
            assert_eq!(found.unwrap(), byte, "{home} {marked}");
        }
    }
}
