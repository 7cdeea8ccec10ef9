//! How packets are marked for the routers on their way: sound must not wait, signalling should not. DSCP, RFC 2474.
//!
//! Whether anything is marked at all is `[sip] dscp`; a router that does not look at marks is no worse for them.

use std::net::SocketAddr;

use socket2::SockRef;

/// What a socket carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Expedited forwarding, EF: what routers let pass first. RFC 4594 section 4.1.
    Sound,
    /// CS3, what routers in offices are set to for SIP. RFC 4594 section 4.2 would have CS5, which few of them know.
    Signalling,
}

impl Class {
    /// The code point in its place: the upper six bits of the byte that IPv4 calls type of service and IPv6 traffic class.
    fn byte(self) -> u32 {
        let code_point = match self {
            Class::Sound => 46,
            Class::Signalling => 24,
        };
        code_point << 2
    }
}

/// Marks whatever leaves this socket, which stands at `address` or leads to it. A system that does not want to is told of in
/// the log, and packets go out as they are.
pub fn mark<'a>(socket: impl Into<SockRef<'a>>, address: SocketAddr, class: Class) {
    let socket = socket.into();
    let marked = match address {
        SocketAddr::V4(_) => socket.set_tos_v4(class.byte()),
        SocketAddr::V6(_) => socket.set_tclass_v6(class.byte()),
    };
    if let Err(error) = marked {
        tracing::debug!(%address, ?class, %error, "Packets go out without priority mark");
    }
}
