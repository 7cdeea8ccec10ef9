//! Keys of encrypted sound: drawn here, agreed upon by SDP, used on the media threads.

use std::io;

use media::srtp;
use sip::sdp;

/// New secrets for one leg, from the generator that TLS uses.
pub fn secrets() -> io::Result<sdp::Secrets> {
    let mut random = [0; sdp::Secrets::LEN];
    let provider = rustls::crypto::ring::default_provider();
    let drawn = provider.secure_random.fill(&mut random);
    drawn.map_err(|_| io::Error::other("the system gives no random numbers for keys"))?;
    Ok(sdp::Secrets::new(random))
}

/// What was agreed by SDP, as a leg takes it.
pub fn keys(agreed: &sdp::AgreedKeys) -> Option<srtp::Keys> {
    Some(srtp::Keys { ours: key(&agreed.ours)?, theirs: key(&agreed.theirs)? })
}

fn key(agreed: &sdp::MasterKey) -> Option<srtp::MasterKey> {
    let suite = match agreed.suite() {
        sdp::Suite::AesCm128HmacSha1_80 => srtp::Suite::AesCm128HmacSha1_80,
        sdp::Suite::AesCm128HmacSha1_32 => srtp::Suite::AesCm128HmacSha1_32,
        sdp::Suite::AeadAes128Gcm => srtp::Suite::AeadAes128Gcm,
    };
    srtp::MasterKey::new(suite, agreed.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_every_suite_reaches_the_leg_and_no_two_legs_share_one() {
        let (one, other) = (secrets().unwrap(), secrets().unwrap());
        for suite in
            [sdp::Suite::AesCm128HmacSha1_80, sdp::Suite::AesCm128HmacSha1_32, sdp::Suite::AeadAes128Gcm]
        {
            let keys =
                [&one, &other].map(|secrets| key(&secrets.key(suite)).expect("a key of the right length"));
            assert_ne!(keys[0], keys[1]);
        }
    }
}
