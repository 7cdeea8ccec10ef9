//! Which sound formats we speak, and how they are written down.

use std::net::SocketAddr;

use sip::sdp::{Agreed, Capabilities, Codec, Protection};

use crate::legs::Terms;

/// Sound per packet that we ask for, in milliseconds. RFC 3551 section 4.5.
const PACKET_MS: u16 = 20;

/// What we offer and accept on one leg.
pub(crate) type Ours = (Vec<Codec>, Protection);

/// What we offer and accept, received at `address`.
pub(crate) fn capabilities(address: SocketAddr, session: u64, (codecs, protection): Ours) -> Capabilities {
    Capabilities {
        codecs,
        telephone_event: true,
        rtcp_mux: true,
        address: address.ip(),
        port: address.port(),
        session_id: session,
        version: 1,
        ptime_ms: PACKET_MS,
        protection,
    }
}

/// The same described anew, later in the call: as the next version.
pub(crate) fn described_anew(address: SocketAddr, terms: &mut Terms, ours: Ours) -> Capabilities {
    terms.version += 1;
    described(address, *terms, ours)
}

/// What was said last.
pub(crate) fn described(address: SocketAddr, terms: Terms, ours: Ours) -> Capabilities {
    Capabilities { version: terms.version, ..capabilities(address, terms.session, ours) }
}

/// As the record names it.
pub(crate) fn codec_name(agreed: &Agreed) -> String {
    name(agreed.codec).to_string()
}

/// A format by its name. RFC 3551 section 6.
pub(crate) fn name(codec: Codec) -> &'static str {
    match codec {
        Codec::Pcmu => "PCMU",
        Codec::Pcma => "PCMA",
        Codec::G722 => "G722",
        Codec::Opus => "opus",
        _ => "other",
    }
}
