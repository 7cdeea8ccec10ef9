//! The keys of encrypted sound, as two sides tell each other: `a=crypto`. RFC 4568.
//!
//! Encrypting is the business of `media`. Whoever reads a description knows its keys, so they are only written where the
//! signalling is encrypted itself; that is decided in `line`.
//!
//! Invariant: a line with anything that we would not do exactly as it says is not taken; a key is never printed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::grammar::Media;

/// Lines read of one media line.
const LINES: usize = 16;
/// Packets that a key has to last for: nearly six hours of 20 ms each, and what RFC 4568 writes in its examples.
const LIFETIME: u128 = 1 << 20;

/// How packets are encrypted and authenticated. RFC 4568 section 6.2, RFC 7714 section 14.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Suite {
    AesCm128HmacSha1_80,
    AesCm128HmacSha1_32,
    AeadAes128Gcm,
}

impl Suite {
    const ALL: [Suite; 3] = [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32, Suite::AeadAes128Gcm];

    /// As a description names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Suite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Suite::AeadAes128Gcm => "AEAD_AES_128_GCM",
        }
    }

    /// Bytes of a master key with its salt.
    fn key_len(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 => 30,
            Suite::AeadAes128Gcm => 28,
        }
    }
}

/// A master key followed by its salt, for one direction. Prints masked.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    suite: Suite,
    bytes: [u8; 30],
}

impl MasterKey {
    /// What it is for.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// 30 bytes, 28 for GCM.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.suite.key_len()]
    }

    fn read(suite: Suite, text: &str) -> Option<Self> {
        let mut bytes = [0; 30];
        let mut room = [0; 33]; // the decoder counts in threes
        let length =
            STANDARD.decode_slice(text, &mut room).ok().filter(|length| *length == suite.key_len())?;
        bytes[..length].copy_from_slice(&room[..length]);
        Some(Self { suite, bytes })
    }

    fn written(&self) -> String {
        STANDARD.encode(self.bytes())
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({}, ***)", self.suite.as_str())
    }
}

/// What the keys of one leg are taken from: random bytes that nobody else knows. Prints masked.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets([u8; Secrets::LEN]);

impl Secrets {
    /// Bytes needed: a key and a salt for each suite, so that none serves two of them.
    pub const LEN: usize = 90;

    /// From bytes of a generator that cannot be guessed.
    pub fn new(random: [u8; Self::LEN]) -> Self {
        Self(random)
    }

    /// Our key under a suite, the same for the whole leg.
    pub fn key(&self, suite: Suite) -> MasterKey {
        let own = self.0.chunks_exact(30).nth(suite as usize).expect("thirty bytes for each of three suites");
        MasterKey { suite, bytes: own.try_into().expect("a chunk of thirty is thirty bytes") }
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(***)")
    }
}

/// Whether the sound of a leg is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Protection {
    /// Never: only RTP/AVP is offered and taken.
    #[default]
    Off,
    /// As it is offered, encrypted where both are; offers of ours are encrypted.
    Preferred(Keyring),
    /// Always: only RTP/SAVP is offered and taken.
    Required(Keyring),
}

impl Protection {
    pub(super) fn keyring(&self) -> Option<&Keyring> {
        match self {
            Protection::Off => None,
            Protection::Preferred(keyring) | Protection::Required(keyring) => Some(keyring),
        }
    }
}

/// What we encrypt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring {
    /// In the order that offers of ours name them. An answer follows the order of the offer (RFC 4568 section 5.1.2).
    pub suites: Vec<Suite>,
    /// What our keys are taken from.
    pub secrets: Secrets,
}

/// The keys of both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreedKeys {
    /// What we send under.
    pub ours: MasterKey,
    /// What they send under.
    pub theirs: MasterKey,
    /// The line that was chosen.
    pub(super) tag: u32,
}

/// The first of their lines that we can do as it says.
pub(super) fn choose(media: &Media<'_>, keyring: &Keyring) -> Option<AgreedKeys> {
    media.values("crypto").take(LINES).find_map(|value| {
        let line = Line::read(value)?;
        let suite = line.key.suite;
        let ours = keyring.suites.contains(&suite).then(|| keyring.secrets.key(suite))?;
        Some(AgreedKeys { ours, theirs: line.key, tag: line.tag })
    })
}

/// The one line of an answer, which names one of those we offered. RFC 4568 section 5.1.3.
pub(super) fn chosen(media: &Media<'_>, keyring: &Keyring) -> Option<AgreedKeys> {
    let mut values = media.values("crypto");
    let line = Line::read(values.next()?)?;
    if values.next().is_some() {
        return None;
    }
    let (_, suite) = tagged(keyring).find(|(tag, suite)| *tag == line.tag && *suite == line.key.suite)?;
    Some(AgreedKeys { ours: keyring.secrets.key(suite), theirs: line.key, tag: line.tag })
}

/// The values of our lines in an offer.
pub(super) fn offered(keyring: &Keyring) -> impl Iterator<Item = String> {
    tagged(keyring).map(|(tag, suite)| written(tag, &keyring.secrets.key(suite)))
}

/// The value of our line in an answer.
pub(super) fn answered(agreed: &AgreedKeys) -> String {
    written(agreed.tag, &agreed.ours)
}

fn tagged(keyring: &Keyring) -> impl Iterator<Item = (u32, Suite)> {
    (1..).zip(keyring.suites.iter().copied())
}

fn written(tag: u32, key: &MasterKey) -> String {
    format!("{tag} {} inline:{}", key.suite.as_str(), key.written())
}

/// One `a=crypto` that we could do as it says.
struct Line {
    tag: u32,
    key: MasterKey,
}

impl Line {
    /// `1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20 WSH=128`.
    fn read(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag =
            words.next().filter(|tag| tag.len() <= 9 && tag.bytes().all(|sign| sign.is_ascii_digit()))?;
        let name = words.next()?;
        let suite = Suite::ALL.into_iter().find(|suite| suite.as_str() == name)?;
        let key = key_of(suite, words.next()?)?;
        words.all(is_harmless).then_some(Self { tag: tag.parse().ok()?, key })
    }
}

/// One key without a name of its own (MKI), which would stand in every packet, and that lasts for a call.
fn key_of(suite: Suite, parameter: &str) -> Option<MasterKey> {
    let (method, rest) = parameter.split_once(':')?;
    let mut parts = rest.split('|');
    let key = MasterKey::read(suite, parts.next()?)?;
    let lasts = parts.next().is_none_or(lasts_for_a_call);
    (method.eq_ignore_ascii_case("inline") && lasts && parts.next().is_none()).then_some(key)
}

fn lasts_for_a_call(lifetime: &str) -> bool {
    let packets = match lifetime.split_once('^') {
        Some(("2", power)) => power.parse().ok().and_then(|power| 1u128.checked_shl(power)),
        Some(_) => None,
        None => lifetime.parse().ok(),
    };
    packets.is_some_and(|packets| packets >= LIFETIME)
}

/// A session parameter that changes nothing for us: a wish about the replay window, or one that may be ignored
/// (RFC 4568 section 6.3.7). Anything else would have to be done.
fn is_harmless(parameter: &str) -> bool {
    parameter.starts_with("WSH=") || parameter.starts_with('-') || parameter == "KDR=0"
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    #[test]
    fn a_line_is_taken_with_whatever_changes_nothing() {
        for value in [
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("123456789 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^31"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1048576 WSH=64 -FUTURE=1 KDR=0"),
            "2 AEAD_AES_128_GCM INLINE:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubA==".to_owned(),
        ] {
            assert!(Line::read(&value).is_some(), "{value}");
        }
    }

    #[test]
    fn what_we_would_not_do_as_it_says_is_left() {
        for value in [
            String::new(),
            "1".to_owned(),
            "1 AES_CM_128_HMAC_SHA1_80".to_owned(),
            format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1234567890 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 uri:{KEY}"),
            "1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=".to_owned(),
            format!("1 AEAD_AES_128_GCM inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^8"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} FEC_ORDER=SRTP_FEC"),
        ] {
            assert!(Line::read(&value).is_none(), "{value}");
        }
    }

    #[test]
    fn a_key_is_never_printed_and_none_serves_two_suites() {
        let secrets = Secrets::new(std::array::from_fn(|at| at as u8));
        let keys = Suite::ALL.map(|suite| secrets.key(suite));
        assert_eq!(keys.each_ref().map(|key| key.bytes().len()), [30, 30, 28]);
        assert!(keys[0].bytes()[0] == 0 && keys[1].bytes()[0] == 30 && keys[2].bytes()[0] == 60);
        assert_eq!(format!("{:?} {secrets:?}", keys[2]), "MasterKey(AEAD_AES_128_GCM, ***) Secrets(***)");
    }
}
