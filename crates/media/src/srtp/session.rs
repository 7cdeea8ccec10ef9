//! The session keys of one kind of packet, and the two ways of using them. RFC 3711 sections 4.1 to 4.3, RFC 7714.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use zeroize::Zeroize;

use super::{MasterKey, SrtpError, Suite};

/// The tag of GCM. RFC 7714 section 13.
const GCM_TAG: usize = 16;
/// Blocks of key stream made at once.
const BLOCKS: usize = 8;

/// What a session is for: the first of its three labels. RFC 3711 section 4.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Sound = 0,
    Reports = 3,
}

/// Session keys.
pub(super) enum Session {
    Counter { aes: Box<Aes128>, salt: [u8; 14], tagged: hmac::Key, tag: usize },
    Galois { key: Box<LessSafeKey>, salt: [u8; 12] },
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(***)")
    }
}

impl Session {
    /// Derived from a master key; the derivation rate is zero, as it always is with RFC 4568.
    pub fn derive(master: &MasterKey, of: Of) -> Self {
        let deriving = Aes128::new(&Array(master.key));
        let derive = |label: u8, out: &mut [u8]| {
            let mut counter = [0; 16];
            counter[..14].copy_from_slice(&master.salt);
            counter[7] ^= of as u8 + label;
            counted(&deriving, counter, out);
        };
        let (mut key, mut salt, mut tagged) = ([0; 16], [0; 14], [0; 20]);
        derive(0, &mut key);
        derive(1, &mut tagged);
        derive(2, &mut salt);
        let session = match master.suite {
            Suite::AeadAes128Gcm => {
                Self::galois(key, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(|at| salt[at]))
            }
            Suite::AesCm128HmacSha1_80 => Self::counter(key, salt, &tagged, 10),
            Suite::AesCm128HmacSha1_32 => {
                Self::counter(key, salt, &tagged, if of == Of::Sound { 4 } else { 10 })
            }
        };
        key.zeroize();
        tagged.zeroize();
        session
    }

    fn counter(key: [u8; 16], salt: [u8; 14], tagged: &[u8], tag: usize) -> Self {
        let tagged = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, tagged);
        Session::Counter { aes: Box::new(Aes128::new(&Array(key))), salt, tagged, tag }
    }

    pub(super) fn galois(key: [u8; 16], salt: [u8; 12]) -> Self {
        let key = UnboundKey::new(&AES_128_GCM, &key).expect("sixteen bytes are a key of AES-128");
        Session::Galois { key: Box::new(LessSafeKey::new(key)), salt }
    }

    /// Bytes of a tag.
    pub fn tag_len(&self) -> usize {
        match self {
            Session::Counter { tag, .. } => *tag,
            Session::Galois { .. } => GCM_TAG,
        }
    }

    /// Encrypts what follows the first `clear` bytes of a sound packet and writes its tag.
    pub fn seal(&self, packet: &mut [u8], clear: usize, tag: &mut [u8], ssrc: u32, index: u64) {
        match self {
            Session::Counter { aes, salt, tagged, .. } => {
                counted(aes, counter_start(salt, ssrc, index), &mut packet[clear..]);
                sign(tagged, &[packet, &rollover(index)], tag);
            }
            Session::Galois { key, salt } => {
                let (header, payload) = packet.split_at_mut(clear);
                galois_seal(key, nonce(salt, ssrc, index), header, payload, tag);
            }
        }
    }

    /// Checks the tag, and only then decrypts.
    pub fn open(&self, packet: &mut [u8], clear: usize, ssrc: u32, index: u64) -> Result<usize, SrtpError> {
        let length = packet.len().checked_sub(self.tag_len()).filter(|length| *length >= clear);
        let length = length.ok_or(SrtpError::TooShort)?;
        match self {
            Session::Counter { aes, salt, tagged, .. } => {
                let (packet, tag) = packet.split_at_mut(length);
                check(tagged, &[packet, &rollover(index)], tag)?;
                counted(aes, counter_start(salt, ssrc, index), &mut packet[clear..]);
            }
            Session::Galois { key, salt } => {
                let (header, payload) = packet.split_at_mut(clear);
                galois_open(key, nonce(salt, ssrc, index), header, payload)?;
            }
        }
        Ok(length)
    }

    /// Encrypts a report after its first 8 bytes. `room` is what follows it: index and tag, in the suite's order.
    pub fn seal_report(&self, report: &mut [u8], room: &mut [u8], ssrc: u32, word: u32) {
        let index = u64::from(word & !ENCRYPTED);
        match self {
            Session::Counter { aes, salt, tagged, .. } => {
                counted(aes, counter_start(salt, ssrc, index), &mut report[REPORT_HEADER..]);
                let (place, tag) = room.split_at_mut(4);
                place.copy_from_slice(&word.to_be_bytes());
                sign(tagged, &[report, place], tag);
            }
            Session::Galois { key, salt } => {
                let (tag, place) = room.split_at_mut(GCM_TAG);
                place.copy_from_slice(&word.to_be_bytes());
                let (header, payload) = report.split_at_mut(REPORT_HEADER);
                galois_seal(key, nonce(salt, ssrc, index), &report_bound(header, word), payload, tag);
            }
        }
    }

    /// The index of a report with its first bit, which stands before the tag or after it.
    pub fn report_word(&self, report: &[u8]) -> Option<u32> {
        let at = match self {
            Session::Counter { tag, .. } => report.len().checked_sub(4 + tag)?,
            Session::Galois { .. } => report.len().checked_sub(4)?,
        };
        Some(u32::from_be_bytes(report.get(at..at + 4)?.try_into().ok()?))
    }

    /// Checks a report's tag, and only then decrypts. Gives its length.
    pub fn open_report(&self, report: &mut [u8], ssrc: u32, word: u32) -> Result<usize, SrtpError> {
        let index = u64::from(word & !ENCRYPTED);
        let length = report.len().checked_sub(self.tag_len() + 4).filter(|length| *length >= REPORT_HEADER);
        let length = length.ok_or(SrtpError::TooShort)?;
        match self {
            Session::Counter { aes, salt, tagged, .. } => {
                let (signed, tag) = report.split_at_mut(length + 4);
                check(tagged, &[signed], tag)?;
                if word & ENCRYPTED == 0 {
                    return Err(SrtpError::NotEncrypted);
                }
                counted(aes, counter_start(salt, ssrc, index), &mut signed[REPORT_HEADER..length]);
            }
            Session::Galois { key, salt } => {
                if word & ENCRYPTED == 0 {
                    return Err(SrtpError::NotEncrypted);
                }
                let (header, payload) = report[..length + GCM_TAG].split_at_mut(REPORT_HEADER);
                galois_open(key, nonce(salt, ssrc, index), &report_bound(header, word), payload)?;
            }
        }
        Ok(length)
    }
}

/// The first bit of a report's index: it is encrypted. RFC 3711 section 3.4.
pub(super) const ENCRYPTED: u32 = 1 << 31;
/// What of a report is never encrypted.
pub(super) const REPORT_HEADER: usize = 8;

fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// What the tag of an encrypted report covers beside its text. RFC 7714 section 9.2.
fn report_bound(header: &[u8], word: u32) -> [u8; REPORT_HEADER + 4] {
    let mut bound = [0; REPORT_HEADER + 4];
    bound[..REPORT_HEADER].copy_from_slice(header);
    bound[REPORT_HEADER..].copy_from_slice(&word.to_be_bytes());
    bound
}

/// RFC 3711 section 4.1.1.
fn counter_start(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut start = [0; 16];
    start[4..8].copy_from_slice(&ssrc.to_be_bytes());
    start[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
    start.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    start
}

/// RFC 7714 sections 8.1 and 9.1.
fn nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
    nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
    nonce.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    Nonce::assume_unique_for_key(nonce)
}

/// Adds the key stream from this counter on; its last 16 bits count blocks.
fn counted(aes: &Aes128, start: [u8; 16], bytes: &mut [u8]) {
    let mut counter = 0u16;
    for piece in bytes.chunks_mut(16 * BLOCKS) {
        let mut stream = [Array(start); BLOCKS];
        let blocks = &mut stream[..piece.len().div_ceil(16)];
        for block in &mut *blocks {
            block[14..].copy_from_slice(&counter.to_be_bytes());
            counter = counter.wrapping_add(1);
        }
        aes.encrypt_blocks(blocks);
        let stream = blocks.iter().flatten();
        piece.iter_mut().zip(stream).for_each(|(byte, stream)| *byte ^= stream);
    }
}

fn signature(key: &hmac::Key, parts: &[&[u8]]) -> hmac::Tag {
    let mut signing = hmac::Context::with_key(key);
    parts.iter().for_each(|part| signing.update(part));
    signing.sign()
}

fn sign(key: &hmac::Key, parts: &[&[u8]], tag: &mut [u8]) {
    let whole = signature(key, parts);
    tag.iter_mut().zip(whole.as_ref()).for_each(|(to, from)| *to = *from);
}

/// Every byte is compared, whatever the others are.
fn check(key: &hmac::Key, parts: &[&[u8]], tag: &[u8]) -> Result<(), SrtpError> {
    let whole = signature(key, parts);
    let differs = tag.iter().zip(whole.as_ref()).fold(0, |differs, (one, other)| differs | (one ^ other));
    if std::hint::black_box(differs) == 0 { Ok(()) } else { Err(SrtpError::NotAuthentic) }
}

fn galois_seal(key: &LessSafeKey, nonce: Nonce, bound: &[u8], text: &mut [u8], tag: &mut [u8]) {
    let whole = key
        .seal_in_place_separate_tag(nonce, Aad::from(bound), text)
        .expect("a datagram is far shorter than what one nonce may encrypt");
    tag.copy_from_slice(whole.as_ref());
}

fn galois_open(key: &LessSafeKey, nonce: Nonce, bound: &[u8], text: &mut [u8]) -> Result<(), SrtpError> {
    key.open_in_place(nonce, Aad::from(bound), text).map(drop).map_err(|_| SrtpError::NotAuthentic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 3711 appendix B.2.
    #[test]
    fn the_key_stream_is_that_of_the_standard_to_its_last_block() {
        let aes = Aes128::new(&Array(0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes()));
        let start = 0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_0000_u128.to_be_bytes();
        let mut stream = vec![0; 0xff02 * 16];
        counted(&aes, start, &mut stream);
        assert_eq!(
            hex(&stream[..48]),
            "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0"
        );
        assert_eq!(
            hex(&stream[0xfeff * 16..]),
            "ec8cdf7398607cb0f2d21675ea9ea1e4362b7c3c6773516318a077d7fc5073ae6a2cc3787889374fbeb4c81b17ba6c44"
        );
    }

    /// RFC 3711 appendix B.3.
    #[test]
    fn session_keys_are_derived_as_the_standard_does() {
        let deriving = Aes128::new(&Array(0xe1f9_7a0d_3e01_8be0_d64f_a32c_06de_4139_u128.to_be_bytes()));
        let derived = |label: u8, length: usize| {
            let mut counter = 0x0ec6_75ad_498a_feeb_b696_0b3a_abe6_0000_u128.to_be_bytes();
            counter[7] ^= label;
            let mut out = vec![0; length];
            counted(&deriving, counter, &mut out);
            hex(&out)
        };
        assert_eq!(derived(0, 16), "c61e7a93744f39ee10734afe3ff7a087");
        assert_eq!(derived(2, 14), "30cbbc08863d8c85d49db34a9ae1");
        assert_eq!(derived(1, 20), "cebe321f6ff7716b6fd4ab49af256a156d38baa4");
    }
}
