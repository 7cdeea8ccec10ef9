//! Where far ends outside reach us, asked of a STUN server; how it is asked is [`sip::stun`]'s.
//!
//! The question goes out from the socket that calls come in on: a router has a door for each.

use std::net::SocketAddr;

use sip::stun::{Action, Finder};
use sip::{Transport, stun};

use crate::run::seed;
use crate::shell::addresses::Witness;
use crate::shell::control::Control;

impl Control {
    /// The server was found, for the first time or at another address. A socket with a public address asks nobody.
    pub(super) fn stun_found(&mut self, targets: &sip::Targets<SocketAddr>) {
        let paths = targets.iter().filter_map(|remote| self.sockets.path_over(Transport::Udp, remote));
        let Some(path) = paths.into_iter().next() else {
            return tracing::warn!(
                "No [sip] listen address reaches the STUN server; listen on udp: of its kind (IPv4 or IPv6)"
            );
        };
        if sip::is_private(path.local.ip()) {
            self.finder = Some(Finder::new(path, seed(), self.clock.now().mono));
            self.look_outside();
        }
    }

    /// True if the packet is an answer of the server that is asked. Anything else is for the user agent to judge.
    pub(super) fn is_from_stun(&mut self, path: sip::Path, bytes: &[u8]) -> bool {
        let now = self.clock.now().mono;
        let taken = self.finder.as_mut().is_some_and(|finder| finder.handle(path, bytes, now));
        if taken {
            self.look_outside();
        }
        taken
    }

    pub(super) fn stun_deadline(&self) -> Option<stun::Deadline> {
        self.finder.as_ref().and_then(Finder::poll_deadline)
    }

    pub(super) fn stun_is_due(&mut self) {
        let now = self.clock.now().mono;
        if let Some(finder) = &mut self.finder {
            finder.handle_deadline(now);
        }
        self.look_outside();
    }

    fn look_outside(&mut self) {
        while let Some(action) = self.finder.as_mut().and_then(Finder::poll_action) {
            match action {
                Action::Send { path, bytes } => self.sockets.send(path, &bytes),
                Action::Seen(seen) => self.is_seen(seen),
                Action::Failed(code) => {
                    tracing::warn!(
                        code,
                        "The STUN server does not say where it sees us; name another in [sip] stun, or write the public address into [sip] advertise"
                    );
                }
            }
        }
    }

    fn is_seen(&mut self, seen: SocketAddr) {
        let Some(path) = self.finder.as_ref().map(Finder::path) else { return };
        if self.sockets.seen_at(path, seen, Witness::Stun) {
            tracing::info!(ours = %path.local, public = %seen.ip(), "A STUN server sees us at a public address, which far ends outside are told from now on");
            self.order_sip(sip::Order::Advertise(self.sockets.advertised()));
        }
    }
}
