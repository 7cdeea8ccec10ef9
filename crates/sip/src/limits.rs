//! How much of anything the outside world can make this crate hold. Nothing here grows past these numbers.

use std::time::Duration;

/// A UDP datagram cannot be longer; a longer input is not looked at, nor a longer message on a stream.
pub const DATAGRAM_BYTES: usize = 65_535;
/// A longer request may be cut up on the way as a datagram. RFC 3261 section 18.1.1.
pub const WHOLE_BYTES: usize = 1_300;
/// Connections that are let in for what they have proved. A shell holds fewer.
pub const PROVED: usize = 1_024;
/// Far ends that are remembered to take no connection.
pub const CONNECTIONLESS: usize = 64;
/// Header lines in one message; the rest makes it a bad request.
pub const HEADERS: usize = 256;
/// Via entries in one message: as many hops as a request may make by the usual Max-Forwards. RFC 3261 section 8.1.1.6.
pub const VIAS: usize = 70;
/// Route or Record-Route entries in one message.
pub const ROUTES: usize = 64;
/// A request URI that is read. A longer one names nobody here.
pub const URI_BYTES: usize = 2 * 1024;
/// Body that is read: one session description.
pub const BODY_BYTES: usize = 16 * 1024;
/// Diversion, History-Info and P-Asserted-Identity values passed on with an invitation, of each.
pub const ORIGINS: usize = 16;
/// Challenges that are read in one refusal.
pub const CHALLENGES: usize = 8;
/// Parameters that are read in one challenge.
pub const CHALLENGE_PARAMS: usize = 32;
/// Realms that one account answers, proxies and registrar together; of one realm the nonce is kept.
pub const REALMS: usize = 4;
/// Answers of forked calls that one INVITE of ours acknowledges and hangs up.
pub const FORKS: usize = 8;
/// Calls that one far end is asked to place in our stead, and has not told the end of.
pub const REFERRALS: usize = 8;
/// Sources of ignored packets told apart within one minute.
pub const STRANGERS: usize = 64;

/// Round-trip estimate. RFC 3261 section 17.1.1.1.
pub const T1: Duration = Duration::from_millis(500);
/// Longest pause between resent requests and answers. RFC 3261 section 17.1.2.2.
pub const T2: Duration = Duration::from_secs(4);
/// After this the other side is taken to be gone, and what was remembered is forgotten. RFC 3261 appendix A.
pub const GONE: Duration = Duration::from_millis(64 * 500);
/// A ringing phone repeats its 180 so that proxies on the way do not give up. RFC 3261 section 13.3.1.1.
pub const RING_AGAIN: Duration = Duration::from_secs(60);
/// A far end that was asked to place a call has told of its end by then. Timer C of RFC 3261 section 16.6.
pub const REFERRAL_LASTS: Duration = Duration::from_secs(180);
/// Whoever is handed over may hang up before telling how it went; the word is waited for so long.
pub const WORD_AFTER_BYE: Duration = Duration::from_secs(2);
/// An offer inside a call that nobody here decided upon is refused after this.
pub const OFFER_UNDECIDED: Duration = Duration::from_secs(10);
/// How long a far end that has said something may think about our offer. Timer C of RFC 3261 section 16.6.
pub const OFFER_PENDING: Duration = Duration::from_secs(180);
/// For how long a far end that took no connection gets long requests as datagrams without being tried.
pub const CONNECTIONLESS_FOR: Duration = Duration::from_secs(600);
/// When we are full, a carrier is asked to leave us alone for so long (Retry-After, RFC 3261 section 20.33).
pub const OVERLOADED_FOR: Duration = Duration::from_secs(2);
/// Ignored packets of one source are told about at most this often.
pub const STRANGERS_EVERY: Duration = Duration::from_secs(60);

/// What an [`Agent`](crate::Agent) may hold at once. Past a limit new calls are answered 503 without any state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Legs that are not over.
    pub legs: usize,
    /// Transactions, tombstones included: about three per call of the last 32 seconds.
    pub transactions: usize,
    /// How long a caller may be left ringing without an answer or refusal from us.
    pub longest_ring: Duration,
    /// How long an answered call may last: the backstop for a far end that vanished without BYE. Longer than whoever decides
    /// upon the call lets it last, so that it is on record as theirs to end.
    pub longest_call: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            legs: 8_000,
            transactions: 400_000,
            longest_ring: Duration::from_secs(600),
            longest_call: Duration::from_secs(5 * 3600),
        }
    }
}
