//! Whether the sound of a leg is encrypted, and what is said when it cannot be as it has to.
//!
//! Keys stand in session descriptions (RFC 4568), so sound is encrypted only where signalling is: keys that anybody on the
//! way can read protect nothing.
//!
//! Invariant: a leg that is encrypted stays so; no later offer of either side gives it up.

use sip::Transport;
use sip::sdp::{Agreed, Keyring, OfferError, Protection, Secrets};

use crate::habits::Encryption;

/// Why a leg cannot be encrypted though it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InTheOpen;

impl InTheOpen {
    /// For the owner.
    pub const BECAUSE: &'static str = "the sound of this trunk has to be encrypted (media = \"required\"), and the call came without TLS, where \
                                       anybody on the way could read its keys; let the carrier send calls over TLS";
}

/// What holds for a leg over this way of signalling.
pub(crate) fn over(
    transport: Transport,
    encryption: &Encryption,
    secrets: Secrets,
) -> Result<Protection, InTheOpen> {
    let keyring = |suites: &[_]| Keyring { suites: suites.to_vec(), secrets };
    match (encryption, transport) {
        (Encryption::Off, _) => Ok(Protection::Off),
        (Encryption::Preferred(suites), Transport::Tls) => Ok(Protection::Preferred(keyring(suites))),
        (Encryption::Preferred(_), Transport::Udp | Transport::Tcp) => Ok(Protection::Off),
        (Encryption::Required(suites), Transport::Tls) => Ok(Protection::Required(keyring(suites))),
        (Encryption::Required(_), Transport::Udp | Transport::Tcp) => Err(InTheOpen),
    }
}

/// What is offered where a refusal would end the call: encrypted only if it has to be.
pub(crate) fn not_risking_the_call(protection: Protection) -> Protection {
    match protection {
        Protection::Off | Protection::Preferred(_) => Protection::Off,
        Protection::Required(keyring) => Protection::Required(keyring),
    }
}

/// What holds from an agreement on.
pub(crate) fn settled(protection: Protection, agreed: &Agreed) -> Protection {
    match (protection, &agreed.keys) {
        (Protection::Preferred(keyring) | Protection::Required(keyring), Some(_)) => {
            Protection::Required(keyring)
        }
        (protection, _) => protection,
    }
}

/// Why an offer is refused, for the owner. `encrypted`: in a call whose sound is encrypted already.
pub(crate) fn because(error: OfferError, encrypted: bool) -> String {
    let remedy = match (error, encrypted) {
        (OfferError::InTheClear, true) => {
            ", in a call that is encrypted; the call goes on as it was, and nothing has to be changed here"
        }
        (OfferError::InTheClear, false) => {
            ", and the sound of this trunk has to be encrypted; let the carrier encrypt it (SRTP), or write \
             media = \"preferred\""
        }
        (OfferError::Encrypted, _) => {
            ", and none is taken here; let the carrier send plain RTP, or write media = \"preferred\" and let its calls \
             come over TLS"
        }
        (OfferError::NoSuite, _) => {
            "; let the carrier offer AES_CM_128_HMAC_SHA1_80 with one key, and no MKI"
        }
        (_, _) => "; let the carrier offer what `firstring check` lists for this trunk",
    };
    format!("{error}{remedy}")
}
