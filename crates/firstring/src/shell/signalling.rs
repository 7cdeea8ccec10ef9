//! The SIP side of the control thread: datagrams in and out, orders to the user agent, and what it has to tell.
//!
//! What a notice means for a call is decided in the exchange; names are looked up beside the thread.
//!
//! Invariant: nothing here waits.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use line::Event;
use media::{Connect, DigitTypes};

use crate::shell::control::Control;
use crate::shell::registering;
use crate::shell::telling::{self, Name};

/// Datagrams read from one socket before the calls are looked after.
const BATCH: usize = 64;

impl Control {
    /// Every socket is read on every turn: a batch that was cut short has no second readiness event.
    pub(super) fn read_sockets(&mut self, buffer: &mut [u8]) {
        let mut more = true;
        while more {
            more = false;
            for index in 0..self.sockets.len() {
                more |= self.read_socket(index, buffer);
            }
            self.read_letters();
            self.meet_deadlines();
        }
    }

    /// True if the socket may hold more than was read.
    fn read_socket(&mut self, index: usize, buffer: &mut [u8]) -> bool {
        for _ in 0..BATCH {
            match self.sockets.receive(index, buffer) {
                Ok((length, path)) => {
                    let bytes = buffer[..length].to_vec();
                    tracing::trace!(target: "firstring::sip", from = %path.remote, kind = telling::kind(&bytes), length, "Datagram in");
                    self.agent.handle(sip::Event::Received { path, bytes }, self.clock.now().mono);
                    self.drain();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // An ICMP error for something sent earlier; the socket itself is well.
                Err(_) => {}
            }
        }
        true
    }

    pub(super) fn register(&mut self, trunk: &Arc<str>, addresses: Vec<SocketAddr>) {
        let Some(joining) = self.joining.get(trunk) else { return };
        let registrar =
            registering::registrar(trunk, joining, self.contact_secret, addresses, &mut self.sockets);
        self.order_sip(sip::Order::Register(Box::new(registrar)));
    }

    pub(super) fn order_sip(&mut self, order: sip::Order) {
        self.agent.handle(sip::Event::Order(order), self.clock.now().mono);
        self.drain();
    }

    pub(super) fn perform_sip(&mut self, action: sip::Action) {
        match action {
            sip::Action::Send { path, bytes } => {
                tracing::trace!(target: "firstring::sip", to = %path.remote, kind = telling::kind(&bytes), length = bytes.len(), "Datagram out");
                self.sockets.send(path, &bytes);
            }
            sip::Action::Tell(sip::Notice::Stranger { source, packets: _ }) => {
                let because =
                    format!("{} is in no trunk's accept_from; its packets are not answered", source.ip());
                self.refusals.note(self.clock.now().wall, None, None, &because);
            }
            sip::Action::Tell(sip::Notice::Registration(registration)) => {
                self.board.registered(&registration)
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
        digits: digits.map(|(send, receive)| DigitTypes { send, receive }),
        packet_time: Duration::from_millis(agreed.send_ptime_ms.into()),
        latch: Vec::new(),
        direction: match agreed.direction {
            sip::sdp::Direction::SendRecv => media::Direction::SendReceive,
            sip::sdp::Direction::SendOnly => media::Direction::SendOnly,
            sip::sdp::Direction::RecvOnly => media::Direction::ReceiveOnly,
            sip::sdp::Direction::Inactive => media::Direction::Inactive,
        },
        greeting: None,
        filler: None,
    }
}
