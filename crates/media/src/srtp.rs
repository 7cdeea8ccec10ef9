//! SRTP and SRTCP: packets sealed and opened in place. RFC 3711, RFC 7714.
//!
//! A [`Sealer`] is what we send under, an [`Opener`] what the far end sends under; each stands on one [`MasterKey`], which
//! the two sides told each other in their session descriptions (`sip` reads and writes those, RFC 4568). Keys are drawn by
//! the shell; nothing here is random.
//!
//! Invariants: nothing of a packet is believed before its tag is; an index is opened once and sealed once, so that a
//! replayed packet is refused and no key stream is used twice; nothing is allocated per packet; a key is never printed
//! and is wiped when it is dropped.

mod context;
mod session;
mod window;

use zeroize::Zeroize;

use context::Context;

/// Most bytes that sealing adds: a tag of 16, and the 4 of the index of SRTCP.
pub const MAX_OVERHEAD: usize = 20;
/// Longest datagram that is opened while two keys are in use.
const LONGEST: usize = 2_048;

/// How packets are encrypted and authenticated. RFC 4568 section 6.2, RFC 7714 section 14.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// AES in counter mode, a tag of 10 bytes.
    AesCm128HmacSha1_80,
    /// AES in counter mode, a tag of 4 bytes; 10 for reports.
    AesCm128HmacSha1_32,
    /// AES in Galois counter mode, a tag of 16 bytes.
    AeadAes128Gcm,
}

impl Suite {
    /// Bytes of a master key with its salt.
    pub fn key_len(self) -> usize {
        KEY_LEN + self.salt_len()
    }

    fn salt_len(self) -> usize {
        match self {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 => 14,
            Suite::AeadAes128Gcm => 12,
        }
    }
}

const KEY_LEN: usize = 16;

/// A master key with its salt, for one direction. Prints masked, is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    suite: Suite,
    key: [u8; KEY_LEN],
    /// Filled with zeroes where the suite's is shorter.
    salt: [u8; 14],
}

impl MasterKey {
    /// From the key followed by the salt; nothing if they are not [`Suite::key_len`] bytes together.
    pub fn new(suite: Suite, bytes: &[u8]) -> Option<Self> {
        let (key, salt) = bytes.split_at_checked(KEY_LEN)?;
        let mut padded = [0; 14];
        padded.get_mut(..salt.len())?.copy_from_slice(salt);
        let fits = salt.len() == suite.salt_len();
        fits.then_some(Self { suite, key: key.try_into().ok()?, salt: padded })
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.key.zeroize();
        self.salt.zeroize();
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({:?}, ***)", self.suite)
    }
}

/// The keys of one leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// What we send under.
    pub ours: MasterKey,
    /// What the far end sends under.
    pub theirs: MasterKey,
}

/// Why a packet is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SrtpError {
    /// No room for its own header, index and tag.
    #[error("the datagram is too short to be an encrypted packet")]
    TooShort,
    /// Another key, another packet, or somebody else's.
    #[error("the packet is not authentic")]
    NotAuthentic,
    /// It was opened before, or is older than we remember.
    #[error("the packet was seen before, or is too old to tell")]
    Replayed,
    /// A report that is authentic and not encrypted, which was not agreed.
    #[error("the report is not encrypted")]
    NotEncrypted,
}

/// Seals what we send.
#[derive(Debug)]
pub struct Sealer {
    key: MasterKey,
    context: Context,
    next_report: u32,
}

impl Sealer {
    /// Under this key.
    pub fn new(key: MasterKey) -> Self {
        Self { context: Context::new(&key), key, next_report: 0 }
    }

    /// From now on under this key. The same key again changes nothing.
    pub fn rekey(&mut self, key: MasterKey) {
        if key != self.key {
            *self = Self::new(key);
        }
    }

    /// Seals the RTP packet in the first `length` bytes of `buffer`, which needs [`MAX_OVERHEAD`] more. Gives the new
    /// length; nothing for an index that was sealed before, or is too old to tell.
    pub fn seal(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        self.context.seal(buffer, length)
    }

    /// The same for RTCP. Nothing after 2^31 reports: then the key is used up (RFC 3711 section 9.2).
    pub fn seal_report(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let index = self.next_report;
        let sealed = self.context.seal_report(buffer, length, index)?;
        self.next_report += 1;
        Some(sealed)
    }
}

/// Opens what the far end sends.
#[derive(Debug)]
pub struct Opener {
    key: MasterKey,
    context: Context,
    /// What was agreed before, until the first packet under the new key.
    previous: Option<Box<Context>>,
}

impl Opener {
    /// Under this key.
    pub fn new(key: MasterKey) -> Self {
        Self { context: Context::new(&key), key, previous: None }
    }

    /// From now on under this key; the one before is accepted until the first packet under the new one. The same key
    /// again changes nothing.
    pub fn rekey(&mut self, key: MasterKey) {
        if key != self.key {
            let before = std::mem::replace(&mut self.context, Context::new(&key));
            self.previous = Some(Box::new(before));
            self.key = key;
        }
    }

    /// Opens an RTP packet in place; gives its length without the tag. After an error the bytes mean nothing.
    pub fn open(&mut self, datagram: &mut [u8]) -> Result<usize, SrtpError> {
        let Some(previous) = &mut self.previous else { return self.context.open(datagram) };
        let guess = previous.counted_on(datagram);
        for rollover in [Some(0), guess.filter(|guess| *guess != 0)].into_iter().flatten() {
            let opened = on_a_copy(datagram, |copy| self.context.open_at(copy, rollover));
            if let Ok(length) = opened {
                self.previous = None;
                return Ok(length);
            }
        }
        previous.open(datagram)
    }

    /// The same for RTCP.
    pub fn open_report(&mut self, datagram: &mut [u8]) -> Result<usize, SrtpError> {
        let Some(previous) = &mut self.previous else { return self.context.open_report(datagram) };
        match on_a_copy(datagram, |copy| self.context.open_report(copy)) {
            Ok(length) => {
                self.previous = None;
                Ok(length)
            }
            Err(_) => previous.open_report(datagram),
        }
    }
}

/// Both directions of one leg.
#[derive(Debug)]
pub(crate) struct Guard {
    pub sealer: Sealer,
    pub opener: Opener,
}

impl Guard {
    pub fn new(keys: Keys) -> Self {
        Self { sealer: Sealer::new(keys.ours), opener: Opener::new(keys.theirs) }
    }

    pub fn rekey(&mut self, keys: Keys) {
        self.sealer.rekey(keys.ours);
        self.opener.rekey(keys.theirs);
    }
}

/// A failed attempt may destroy the bytes, so it is made beside them.
fn on_a_copy(
    datagram: &mut [u8],
    open: impl FnOnce(&mut [u8]) -> Result<usize, SrtpError>,
) -> Result<usize, SrtpError> {
    let mut room = [0; LONGEST];
    let copy = room.get_mut(..datagram.len()).ok_or(SrtpError::NotAuthentic)?;
    copy.copy_from_slice(datagram);
    let length = open(copy)?;
    datagram.copy_from_slice(copy);
    Ok(length)
}
