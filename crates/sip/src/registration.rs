//! Being reachable over a trunk that has us register, and when to try again if it will not have us.
//!
//! RFC 3261 section 10, with Path (RFC 3327) and Service-Route (RFC 3608). What goes over the wire is written in
//! `agent::joining`; here stands what the shell says and is told, and the waiting times.
//!
//! Invariants: tries lie at least [`APART`] apart, whatever happens; a registrar that says when to come back is not
//! asked earlier; an account that is refused is tried so rarely that it does not get locked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::order::Path;
use crate::tokens::Tokens;
use crate::uri::Uri;

/// What we register, where, and by which way. The password is that of the [`Account`](crate::Account) of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registrar {
    /// The name of the trunk: of its account, and told as the peer of calls that come over the registration.
    pub name: Arc<str>,
    /// Host of the registrar as the request names it, with a port if it needs one.
    pub registrar: String,
    /// The extension, number or user that is registered: the user of the address of record.
    pub user: String,
    /// Domain of the address of record; often the registrar.
    pub domain: String,
    /// An outbound proxy that requests are routed through (Route), if it is another than the registrar.
    pub proxy: Option<Uri>,
    /// Where requests go, resolved by the shell from proxy or registrar; the next is taken if one does not answer. An
    /// empty list cannot be registered at.
    pub paths: Vec<Path>,
    /// User part of our Contact, that nobody can guess, and that stays the same over restarts, so that one contact
    /// replaces the one before: made by [`contact_user`].
    pub contact_user: String,
    /// For how long we ask to be registered.
    pub expires: Duration,
    /// How often a bare line end is sent so that routers on the way keep their door open (RFC 5626 section 4.4.1);
    /// `None`: never.
    pub keep_alive: Option<Duration>,
}

/// How a registration stands. Told when that changes, and after each try that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The name of the trunk.
    pub name: Arc<str>,
    /// How it stands.
    pub state: RegistrationState,
    /// The last final status; `None` if there was none.
    pub status: Option<u16>,
    /// What happened and what helps, in one sentence; empty while registered.
    pub reason: String,
    /// When the next REGISTER goes out, in time since the shell's origin.
    pub next_try: Option<Duration>,
    /// Until when the registrar sends us calls, as far as it said; may lie ahead although the last try failed.
    pub until: Option<Duration>,
    /// The address the registrar sees us at (received and rport of RFC 3581), if it said so: what to advertise.
    pub seen_as: Option<SocketAddr>,
}

/// How a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationState {
    /// Calls reach us.
    Registered,
    /// The registrar is silent, overloaded or failing; it is tried again soon.
    Interrupted,
    /// The registrar does not want this account. Somebody has to look; it is tried again, rarely.
    Refused,
    /// We left, as ordered, or as far as the registrar let us.
    Unregistered,
}

/// Makes the user part of a Contact from a secret of this desk, which has to be kept over restarts, and a trunk's name:
/// 128 bits as hexadecimal digits.
pub fn contact_user(secret: [u64; 2], name: &str) -> String {
    let tokens = Tokens::new(secret);
    format!("{}{}", tokens.of(&format!("contact 1\n{name}")), tokens.of(&format!("contact 2\n{name}")))
}

/// Two tries of one registration lie at least this far apart; answers to a challenge and resent datagrams do not
/// count as tries.
pub(crate) const APART: Duration = Duration::from_secs(2);
/// How long a try waits for its answer, being resent meanwhile: shorter than the 32 s of RFC 3261, so that an owner
/// is told within 30 s.
pub(crate) const ALONE: Duration = Duration::from_secs(16);
/// The same if there is another path to try.
pub(crate) const AMONG_SEVERAL: Duration = Duration::from_secs(8);
/// The longest registration taken for granted, and the longest Min-Expires obeyed.
pub(crate) const LONGEST: Duration = Duration::from_secs(86_400);

/// The pause after the first failures. Together with the half second after which an unanswered request is resent it
/// stays below five, so that a registrar that is back is found within five seconds.
const SOON: (Duration, Duration) = (Duration::from_millis(2_000), Duration::from_millis(4_400));
/// For how long failures count as the first.
const SOON_FOR: Duration = Duration::from_secs(60);
/// The longest pause between tries of a registrar that is away.
const LATER: Duration = Duration::from_secs(60);
/// Pauses after refusals. Firewalls and carriers commonly lock what fails five times in ten minutes.
const REFUSED: [u64; 6] = [60, 300, 600, 1_200, 2_400, 3_600];

/// What was learned about waiting since the last success.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// When the first of the failing tries went out.
    failing_since: Option<Duration>,
    late: u32,
    refusals: usize,
}

impl Patience {
    /// The pause after a failure noticed at `now` of a try that went out at `tried`. `chance` is 0 to 1.
    pub(crate) fn failed(&mut self, tried: Duration, now: Duration, chance: f64) -> Duration {
        self.refusals = 0;
        let since = *self.failing_since.get_or_insert(tried);
        if now.saturating_sub(since) < SOON_FOR {
            return between(SOON.0, SOON.1, chance);
        }
        self.late = (self.late + 1).min(4);
        let longest = (Duration::from_secs(5) * 2u32.pow(self.late)).min(LATER);
        between(longest / 2, longest, chance)
    }

    /// The pause after a refusal.
    pub(crate) fn refused(&mut self, chance: f64) -> Duration {
        (self.failing_since, self.late) = (None, 0);
        let pause = Duration::from_secs(REFUSED[self.refusals.min(REFUSED.len() - 1)]);
        self.refusals += 1;
        between(pause, pause + pause / 10, chance)
    }
}

/// When a registration that was granted for so long is renewed: early enough for the far end to be away for a moment.
pub(crate) fn renewal(granted: Duration, chance: f64) -> Duration {
    let after = if granted >= Duration::from_secs(120) {
        between(granted * 3 / 4, granted * 17 / 20, chance)
    } else {
        granted / 2
    };
    after.max(APART)
}

fn between(least: Duration, most: Duration, chance: f64) -> Duration {
    least + (most - least).mul_f64(chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_registrar_that_is_away_is_tried_soon_for_a_minute_and_then_up_to_a_minute_apart() {
        for (chance, first, later) in
            [(0.0, 2.0, [5.0, 10.0, 20.0, 30.0, 30.0]), (1.0, 4.4, [10.0, 20.0, 40.0, 60.0, 60.0])]
        {
            let mut patience = Patience::default();
            for now in [0, 16, 40, 59] {
                assert_eq!(patience.failed(seconds(0), seconds(now), chance).as_secs_f64(), first);
            }
            for pause in later {
                assert_eq!(patience.failed(seconds(80), seconds(100), chance).as_secs_f64(), pause);
            }
        }
    }

    #[test]
    fn a_refused_account_is_tried_too_rarely_to_be_locked() {
        let (mut patience, mut at) = (Patience::default(), vec![Duration::ZERO]);
        for _ in 0..20 {
            at.push(at[at.len() - 1] + patience.refused(0.0));
        }
        let most = at
            .iter()
            .map(|from| at.iter().filter(|one| **one >= *from && **one < *from + seconds(600)).count());
        assert_eq!(most.max(), Some(3), "tries within any ten minutes: {at:?}");
        assert_eq!(at[20] - at[19], seconds(3_600));
        assert_eq!(Patience::default().refused(1.0), seconds(66));
    }

    #[test]
    fn a_registration_is_renewed_well_before_it_ends() {
        for (granted, least, most) in [(3_600, 2_700, 3_060), (120, 90, 102), (60, 30, 30), (1, 2, 2)] {
            assert_eq!(renewal(seconds(granted), 0.0), seconds(least));
            assert_eq!(renewal(seconds(granted), 1.0), seconds(most));
        }
    }

    #[test]
    fn a_contact_is_the_same_after_a_restart_and_another_for_each_trunk() {
        let user = contact_user([1, 2], "main");
        assert_eq!(user, contact_user([1, 2], "main"));
        assert_eq!(user.len(), 32);
        assert_ne!(user, contact_user([1, 2], "pbx"));
        assert_ne!(user, contact_user([1, 3], "main"));
        assert_ne!(user[..16], user[16..]);
    }
}
