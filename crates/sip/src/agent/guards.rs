//! Peers that have to prove who they are before they may call.
//!
//! A call over a registration of ours needs no proof: it names a Contact that only the registrar knows. What is inside
//! a call is known by the dialog.

use std::time::Duration;

use super::{Agent, Arrival};
use crate::digest::{Credentials, Guard, Proof};
use crate::notice::Notice;
use crate::order::{Account, PeerName};
use crate::vet::Request;

/// The realm where the account names none.
const REALM: &str = "firstring";
/// Wrong passwords of one peer are told about at most this often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// A peer's guard.
#[derive(Debug)]
pub(super) struct Guarded {
    credentials: Credentials,
    guard: Guard,
    told: Option<Duration>,
}

impl Agent {
    /// Takes the guards up; one that is as it was keeps what it knows of nonces that were used.
    pub(super) fn replace_guards(&mut self, accounts: Vec<Account>) {
        let mut old = std::mem::take(&mut self.guards);
        for Account { name, credentials } in accounts {
            let known = old.remove(&name).filter(|guarded| guarded.credentials == credentials);
            let fresh = || Guarded {
                guard: Guard::new(credentials.clone(), REALM),
                credentials: credentials.clone(),
                told: None,
            };
            self.guards.insert(name, known.unwrap_or_else(fresh));
        }
    }

    /// True if a new call may go on. Otherwise it was asked for a password, and nothing of it is remembered.
    pub(super) fn is_proved(&mut self, request: &Request<'_>, arrival: &Arrival) -> bool {
        let name = arrival.peer.as_ref().filter(|_| arrival.over.is_none());
        let Some(guarded) = name.and_then(|name| self.guards.get_mut(name)) else { return true };
        let proof = guarded.guard.check(&self.tokens, self.now, request.message);
        if proof == Proof::Right {
            return true;
        }
        let headers = guarded.guard.challenge(&self.tokens, self.now, proof == Proof::Stale);
        self.reply_without_state(request.message, arrival, (401, "Unauthorized"), &headers, None);
        if let (Proof::Wrong, Some(name)) = (proof, name) {
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
