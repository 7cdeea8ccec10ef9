//! From whom a leg takes sound, and where it sends its own.
//!
//! The signalled address is always right. Where the trunk allows it, a caller behind a NAT is followed: once, at the
//! beginning, and later only when the very same stream goes on from another port. Source ranges are decided by
//! configuration. Invariant: a packet from elsewhere changes nothing and gets nothing, and nothing is ever sent to
//! anything but a unicast address.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The first source may be corrected by the signalled one for this long...
const SETTLING: Duration = Duration::from_millis(500);
/// ...or this many packets, whichever is first.
const SETTLING_PACKETS: u8 = 5;
/// A stream must have been silent for this long before it may go on from elsewhere.
const SILENT_BEFORE_MOVING: Duration = Duration::from_secs(1);

/// A network from which media may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    /// Any address inside.
    pub address: IpAddr,
    /// Leading bits that must agree; more than the family has means all.
    pub prefix: u8,
}

impl AddressRange {
    /// Exactly one address.
    pub fn only(address: IpAddr) -> Self {
        Self { address, prefix: 128 }
    }

    /// Whether `address` lies inside. IPv4 and IPv6 never match each other.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(range), IpAddr::V4(address)) => {
                let differing = u32::from(range) ^ u32::from(address);
                differing.leading_zeros() >= u32::from(self.prefix.min(32))
            }
            (IpAddr::V6(range), IpAddr::V6(address)) => {
                let differing = u128::from(range) ^ u128::from(address);
                differing.leading_zeros() >= u32::from(self.prefix.min(128))
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Whether sound may be sent there at all.
pub fn is_sendable(to: SocketAddr) -> bool {
    let address_ok = match to.ip() {
        IpAddr::V4(v4) => {
            !(v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified() || v4.octets()[0] == 0)
        }
        IpAddr::V6(v6) => !(v6.is_multicast() || v6.is_unspecified()),
    };
    address_ok && to.port() != 0
}

/// What the latch looks at in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Synchronisation source.
    pub ssrc: u32,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP time stamp.
    pub timestamp: u32,
    /// Ticks of the stream's clock a second.
    pub clock_hz: u32,
}

/// The latch of one leg.
#[derive(Debug, Clone)]
pub struct Latch {
    signalled: SocketAddr,
    allowed: Vec<AddressRange>,
    hold: Hold,
    last: Option<(Stamp, Duration)>,
}

#[derive(Debug, Clone, Copy)]
enum Hold {
    Waiting,
    Settling { source: SocketAddr, since: Duration, packets: u8 },
    Settled { source: SocketAddr },
}

impl Latch {
    /// `signalled` is the address of the SDP; `allowed` is empty where NAT latching is off.
    pub fn new(signalled: SocketAddr, allowed: Vec<AddressRange>) -> Self {
        Self { signalled, allowed, hold: Hold::Waiting, last: None }
    }

    /// The address of the SDP.
    pub fn signalled(&self) -> SocketAddr {
        self.signalled
    }

    /// Where to send: the source that is heard, until then the signalled address.
    pub fn target(&self) -> SocketAddr {
        match self.hold {
            Hold::Waiting => self.signalled,
            Hold::Settling { source, .. } | Hold::Settled { source } => source,
        }
    }

    /// Whether anything has been accepted yet.
    pub fn is_waiting(&self) -> bool {
        matches!(self.hold, Hold::Waiting)
    }

    /// Judges one well-formed packet; true when it may be listened to. This may move the latch.
    pub fn accepts(&mut self, from: SocketAddr, stamp: Stamp, now: Duration) -> bool {
        let verdict = self.next_hold(from, stamp, now);
        if let Some(hold) = verdict {
            self.hold = hold;
            self.last = Some((stamp, now));
        }
        verdict.is_some()
    }

    fn next_hold(&self, from: SocketAddr, stamp: Stamp, now: Duration) -> Option<Hold> {
        match self.hold {
            Hold::Waiting if from == self.signalled => Some(Hold::Settled { source: from }),
            Hold::Waiting if self.may_come_from(from) => {
                Some(Hold::Settling { source: from, since: now, packets: 1 })
            }
            Hold::Waiting => None,
            Hold::Settling { source, since, packets } => {
                let over = packets >= SETTLING_PACKETS || now.saturating_sub(since) >= SETTLING;
                match (from == source, from == self.signalled) {
                    (true, _) if over => Some(Hold::Settled { source }),
                    (true, _) => Some(Hold::Settling { source, since, packets: packets + 1 }),
                    (false, true) if !over => Some(Hold::Settled { source: from }),
                    (false, _) => self.moved(from, stamp, now),
                }
            }
            Hold::Settled { source } if from == source => Some(self.hold),
            Hold::Settled { .. } => self.moved(from, stamp, now),
        }
    }

    /// The same stream going on from elsewhere, after the old source fell silent.
    fn moved(&self, from: SocketAddr, stamp: Stamp, now: Duration) -> Option<Hold> {
        let (last, at) = self.last?;
        let silent = now.saturating_sub(at);
        let allowed = from == self.signalled || self.may_come_from(from);
        let same = allowed && silent >= SILENT_BEFORE_MOVING && last.ssrc == stamp.ssrc;
        // At least 5 ms a packet, and the sender's clock within a second of ours.
        let packets = u32::from(stamp.sequence.wrapping_sub(last.sequence));
        let elapsed_ms = silent.as_millis().min(3_600_000) as u32;
        let ticks = u64::from(stamp.timestamp.wrapping_sub(last.timestamp));
        let continuous = (1..=elapsed_ms / 5 + 100).contains(&packets)
            && packets < 0x8000
            && ticks <= (u64::from(elapsed_ms) + 1_000) * u64::from(stamp.clock_hz) / 1_000;
        (same && continuous).then_some(Hold::Settled { source: from })
    }

    fn may_come_from(&self, from: SocketAddr) -> bool {
        is_sendable(from) && self.allowed.iter().any(|range| range.contains(from.ip()))
    }

    /// Whether a report (RTCP) from this address may be believed: the same host the sound comes from.
    pub fn believes_reports_of(&self, from: SocketAddr) -> bool {
        from.ip() == self.target().ip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn carrier() -> Latch {
        Latch::new(
            at("192.0.2.10:4000"),
            vec![AddressRange { address: "192.0.2.0".parse().unwrap(), prefix: 28 }],
        )
    }

    fn stamp(packet: u32) -> Stamp {
        Stamp { ssrc: 7, sequence: packet as u16, timestamp: packet * 160, clock_hz: 8_000 }
    }

    #[test]
    fn the_signalled_address_is_taken_and_a_second_voice_is_not() {
        let mut latch = carrier();
        assert!(latch.accepts(at("192.0.2.10:4000"), stamp(1), MS));
        assert!(
            !latch.accepts(at("192.0.2.11:4000"), stamp(2), MS * 20),
            "an allowed neighbour comes too late"
        );
        assert_eq!(latch.target(), at("192.0.2.10:4000"));
    }

    #[test]
    fn a_caller_behind_a_nat_is_followed_once() {
        let mut latch = carrier();
        assert!(latch.accepts(at("192.0.2.10:61000"), stamp(1), MS));
        assert_eq!(latch.target(), at("192.0.2.10:61000"));
        assert!(!latch.accepts(at("192.0.2.10:61001"), stamp(2), MS * 20));
        for packet in 2..9 {
            assert!(latch.accepts(at("192.0.2.10:61000"), stamp(packet), MS * 20 * packet));
        }
        assert!(
            !latch.accepts(at("192.0.2.10:4000"), stamp(9), MS * 180),
            "the window for correction is over"
        );
    }

    #[test]
    fn the_signalled_address_corrects_a_first_guess() {
        let mut latch = carrier();
        assert!(latch.accepts(at("192.0.2.12:5000"), stamp(1), MS));
        assert!(latch.accepts(at("192.0.2.10:4000"), stamp(2), MS * 100));
        assert_eq!(latch.target(), at("192.0.2.10:4000"));
    }

    #[test]
    fn strangers_are_never_heard() {
        let mut latch = carrier();
        assert!(!latch.accepts(at("203.0.113.5:4000"), stamp(1), MS));
        assert!(!Latch::new(at("192.0.2.10:4000"), vec![]).accepts(at("192.0.2.10:4001"), stamp(1), MS));
        assert!(latch.is_waiting());
    }

    #[test]
    fn a_moved_nat_is_followed_only_by_the_same_stream_after_a_second_of_silence() {
        let mut latch = carrier();
        let (home, moved) = (at("192.0.2.10:4000"), at("192.0.2.10:4999"));
        assert!(latch.accepts(home, stamp(1), MS * 20));
        assert!(!latch.accepts(moved, stamp(2), MS * 900), "the old source was heard just now");
        let later = MS * 1_220;
        assert!(!latch.accepts(moved, Stamp { ssrc: 8, ..stamp(61) }, later), "another source");
        assert!(
            !latch.accepts(moved, Stamp { sequence: 9_000, ..stamp(61) }, later),
            "a jump in the numbers"
        );
        assert!(!latch.accepts(moved, Stamp { timestamp: 9_000_000, ..stamp(61) }, later), "a jump in time");
        assert!(!latch.accepts(moved, stamp(1), later), "a replay");
        assert!(
            !latch.accepts(at("203.0.113.5:4000"), stamp(61), later),
            "a stranger who guessed everything"
        );
        assert!(latch.accepts(moved, stamp(61), later));
        assert_eq!(latch.target(), moved);
    }

    #[test]
    fn nothing_is_sent_to_many() {
        for refused in
            ["224.0.0.1:4000", "255.255.255.255:4000", "0.0.0.0:4000", "192.0.2.1:0", "[ff02::1]:4000"]
        {
            assert!(!is_sendable(at(refused)), "{refused}");
        }
        assert!(is_sendable(at("192.0.2.1:4000")));
    }

    #[test]
    fn ranges_end_where_they_say() {
        let range = AddressRange { address: "192.0.2.0".parse().unwrap(), prefix: 28 };
        assert!(
            range.contains("192.0.2.15".parse().unwrap()) && !range.contains("192.0.2.16".parse().unwrap())
        );
        assert!(AddressRange { prefix: 0, ..range }.contains("8.8.8.8".parse().unwrap()));
        assert!(!range.contains("::1".parse().unwrap()));
    }
}
