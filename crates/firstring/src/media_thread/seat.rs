//! One leg on a media thread: its machine, its sockets, its neighbour.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use media::{Leg, LegId, Outgoing, Port, Relay};

use super::pairs::Pair;
use super::pulse::Counters;

/// A leg with its sockets.
pub struct Seat {
    pub id: LegId,
    pub leg: Leg,
    pair: Pair,
    /// Slab index of the bridged leg.
    pub partner: Option<u32>,
    /// The wheel's tick at which this leg is looked at next; 0 for never.
    pub due: u64,
    /// When it wanted to be looked at.
    pub wanted: Duration,
    /// Which millisecond of the packet time it sends in.
    pub phase: usize,
}

impl Seat {
    pub fn new(id: LegId, leg: Leg, pair: Pair, phase: usize) -> Self {
        Self { id, leg, pair, partner: None, due: 0, wanted: Duration::ZERO, phase }
    }

    pub fn pair_mut(&mut self) -> &mut Pair {
        &mut self.pair
    }

    /// Sends everything the leg has to send.
    pub fn send_due(&mut self, now: Duration, out: &mut [u8], pulse: &Counters) {
        while let Some(outgoing) = self.leg.write(now, out) {
            self.send(outgoing, out, pulse);
        }
    }

    /// Passes on a packet of the bridged leg.
    pub fn relay(&mut self, relay: &Relay<'_>, now: Duration, out: &mut [u8], pulse: &Counters) {
        if let Some(outgoing) = self.leg.relay(relay, now, out) {
            self.send(outgoing, out, pulse);
        }
    }

    fn send(&self, outgoing: Outgoing, out: &[u8], pulse: &Counters) {
        let socket = match outgoing.from {
            Port::Rtp => &self.pair.rtp,
            Port::Rtcp => &self.pair.rtcp,
        };
        if let Err(error) = socket.send_to(&out[..outgoing.length], outgoing.to) {
            // A lost packet to one far end; the next one is tried all the same.
            tracing::trace!(leg = self.id.0, %error, "Packet not sent");
            pulse.note_unsent();
        }
    }

    /// The next datagram on one of the ports, if there is one. Errors the far end caused are stepped over.
    pub fn next_datagram(&self, port: Port, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let socket = match port {
            Port::Rtp => &self.pair.rtp,
            Port::Rtcp => &self.pair.rtcp,
        };
        for _ in 0..ERRORS_STEPPED_OVER {
            match socket.recv_from(buffer) {
                Ok(received) => return Some(received),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => tracing::trace!(leg = self.id.0, %error, "Receiving failed"),
            }
        }
        None
    }
}

/// Errors in a row (ICMP unreachable, interrupted) before waiting for the next readiness.
const ERRORS_STEPPED_OVER: u32 = 8;
