//! The hashes that digest knows, and how strong each is.

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

/// A hash of RFC 7616 section 6.1. The later one in this list is the stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hash {
    Md5,
    Sha256,
    Sha512_256,
}

/// What `algorithm` names: a hash, and whether the password is hashed once for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Algorithm {
    pub hash: Hash,
    /// The `-sess` form, RFC 7616 section 3.4.2.
    pub session: bool,
}

impl Algorithm {
    /// Reads the value of `algorithm`, in any case; `None` if we do not know it.
    pub fn read(text: &str) -> Option<Algorithm> {
        const SESSION: &str = "-sess";
        let begin = text.len().saturating_sub(SESSION.len());
        let session = text.get(begin..).is_some_and(|end| end.eq_ignore_ascii_case(SESSION));
        let name = if session { &text[..begin] } else { text };
        let known = [("MD5", Hash::Md5), ("SHA-256", Hash::Sha256), ("SHA-512-256", Hash::Sha512_256)];
        let (_, hash) = known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(Algorithm { hash, session })
    }
}

impl Hash {
    /// The hash of the parts with colons between them, in hexadecimal digits of lower case.
    pub fn of(self, parts: &[&str]) -> String {
        let text = parts.join(":");
        match self {
            Hash::Md5 => hexadecimal(&Md5::digest(text)),
            Hash::Sha256 => hexadecimal(&Sha256::digest(text)),
            Hash::Sha512_256 => hexadecimal(&Sha512_256::digest(text)),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_are_known_in_any_case_and_others_are_not() {
        let known = |hash, session| Some(Algorithm { hash, session });
        for (text, algorithm) in [
            ("MD5", known(Hash::Md5, false)),
            ("md5-SESS", known(Hash::Md5, true)),
            ("sha-256", known(Hash::Sha256, false)),
            ("SHA-256-sess", known(Hash::Sha256, true)),
            ("SHA-512-256", known(Hash::Sha512_256, false)),
            ("SHA-512", None),
            ("-sess", None),
            ("é-sess", None),
            ("", None),
        ] {
            assert_eq!(Algorithm::read(text), algorithm, "{text}");
        }
    }

    #[test]
    fn the_hashes_are_the_published_ones() {
        // RFC 1321 appendix A.5; FIPS 180-4, examples for "abc".
        assert_eq!(Hash::Md5.of(&["abc"]), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            Hash::Sha256.of(&["abc"]),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            Hash::Sha512_256.of(&["abc"]),
            "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
        );
    }
}
