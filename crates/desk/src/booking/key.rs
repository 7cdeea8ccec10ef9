//! The key that makes booking twice impossible: the same visit always has the same one.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::number::E164;

/// The key of one visit: `base32hex(sha256("tenant|caller|start|resource"))`, lower case, without padding,
/// 52 characters. Its first 32 are those of 20 bytes, which a Google event id wants.
///
/// The call is not part of it, so a caller who drops and calls again cannot book the same visit twice.
/// `start` is written as `20261201T150000Z`; a caller without a number is written as nothing.
pub fn booking_key(tenant: &str, caller: Option<&E164>, start: Timestamp, resource: &str) -> String {
    let start = start.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let caller = caller.map_or("", E164::as_str);
    base32hex(&Sha256::digest(format!("{tenant}|{caller}|{start}|{resource}")))
}

/// RFC 4648 section 7, lower case, without padding.
fn base32hex(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut waiting, mut bits) = (0_u32, 0);
    for byte in bytes {
        waiting = (waiting << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(SIGNS[(waiting >> bits) as usize & 31]));
        }
        waiting &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(SIGNS[(waiting << (5 - bits)) as usize & 31]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32hex_is_that_of_rfc_4648_section_10() {
        let vectors = [
            ("", ""),
            ("f", "co"),
            ("fo", "cpng"),
            ("foo", "cpnmu"),
            ("foob", "cpnmuog"),
            ("fooba", "cpnmuoj1"),
            ("foobar", "cpnmuoj1e8"),
        ];
        for (bytes, text) in vectors {
            assert_eq!(base32hex(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_key_begins_like_the_known_event_id() {
        let caller: E164 = "+14155550123".parse().unwrap();
        let start = "2026-12-01T15:00:00Z".parse().unwrap();
        let key = booking_key("tenant1", Some(&caller), start, "crew1");
        assert_eq!(&key[..32], "dillt84m3gvnpq3euj5sjfibc3a14di2");
        assert_eq!(key.len(), 52);
    }
}
