//! Peers that have to prove who they are before they may call.
//!
//! A call over a registration of ours needs no proof: it names a Contact that only the registrar knows. What is inside
//! a call is known by the dialog.

use std::time::Duration;

use super::{Agent, Arrival};
use crate::digest::{Asks, Credentials, Guard, Proof};
use crate::notice::Notice;
use crate::order::{Account, Gate, PeerName};
use crate::vet::Request;

/// The realm where the account names none.
const REALM: &str = "firstring";
/// Wrong passwords of one peer are told about at most this often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// After so many challenges that nobody answers, the other side knows no password at all. One may get lost.
const IGNORED: u32 = 3;

/// A peer's guard.
#[derive(Debug)]
pub(super) struct Guarded {
    /// What the guard was made of.
    asked: (Credentials, Asks),
    guard: Guard,
    told: Option<Duration>,
    /// Challenges in a row that nobody has answered.
    ignored: u32,
}

impl Agent {
    /// Takes the guards up; one that is as it was keeps what it knows of nonces that were used.
    pub(super) fn replace_guards(&mut self, gates: Vec<Gate>) {
        let mut old = std::mem::take(&mut self.guards);
        for Gate { account, digest } in gates {
            let Account { name, credentials } = account;
            let asked = (credentials.clone(), digest);
            let known = old.remove(&name).filter(|guarded| guarded.asked == asked);
            let fresh =
                || Guarded { guard: Guard::new(credentials, digest, REALM), asked, told: None, ignored: 0 };
            self.guards.insert(name, known.unwrap_or_else(fresh));
        }
    }

    /// True if a new call may go on. Otherwise it was asked for a password, and nothing of it is remembered.
    pub(super) fn is_proved(&mut self, request: &Request<'_>, arrival: &Arrival) -> bool {
        let name = arrival.peer.as_ref().filter(|_| arrival.over.is_none());
        let Some(guarded) = name.and_then(|name| self.guards.get_mut(name)) else { return true };
        let proof = guarded.guard.check(&self.tokens, self.now, request.message);
        guarded.ignored = if proof == Proof::Missing { guarded.ignored.saturating_add(1) } else { 0 };
        if proof == Proof::Right {
            return true;
        }
        let knows_none = guarded.ignored > IGNORED;
        let header = guarded.guard.challenge(&self.tokens, self.now, proof == Proof::Stale);
        self.reply_without_state(request.message, arrival, (401, "Unauthorized"), &[header], None);
        if let Some(name) = name.filter(|_| proof == Proof::Wrong || knows_none) {
            self.tell_unproved(name, arrival);
        }
        false
    }

    fn tell_unproved(&mut self, name: &PeerName, arrival: &Arrival) {
        let (now, source) = (self.now, arrival.path.remote);
        let Some(guarded) = self.guards.get_mut(name) else { return };
        if guarded.told.is_none_or(|told| now >= told + TOLD_EVERY) {
            guarded.told = Some(now);
            self.tell(Notice::Unproved { peer: name.clone(), source });
        }
    }
}
