//! Asking others for a password: who may call over a trunk that is not known by its addresses alone.
//!
//! Nothing is remembered of a challenge: its nonce says when it was made, and proves that we made it. Only a nonce
//! that was answered rightly is remembered, with the highest count it was used with, so that nothing that was sent
//! once can be sent again by somebody who listened.
//!
//! Invariant: at most [`NONCES`] are remembered; what makes room takes every nonce as old with it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::algorithm::{Algorithm, Hash};
use super::challenge::{Authorization, authorizations};
use super::{Credentials, Protection, Proved, said};
use crate::grammar::quote;
use crate::message::Message;
use crate::tokens::Tokens;
use crate::uri::Uri;

/// How long a nonce may be used.
const FRESH_FOR: Duration = Duration::from_secs(300);
/// Nonces in use that are remembered.
const NONCES: usize = 1_024;

/// What a guard asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Asks {
    /// MD5 alone: much equipment in use (SIPp among it) gives up at the first challenge that names another digest.
    #[default]
    Md5,
    /// SHA-256 alone.
    Sha256,
}

impl Asks {
    fn name(self) -> &'static str {
        match self {
            Asks::Md5 => "MD5",
            Asks::Sha256 => "SHA-256",
        }
    }

    fn hash(self) -> Hash {
        match self {
            Asks::Md5 => Hash::Md5,
            Asks::Sha256 => Hash::Sha256,
        }
    }
}

/// One account that others log in to us with.
#[derive(Debug)]
pub(crate) struct Guard {
    realm: String,
    credentials: Credentials,
    digest: Asks,
    /// Nonces that were answered rightly: when each was made, and the highest count so far.
    used: BTreeMap<(Duration, u64), u32>,
    /// Nonces made up to this moment are stale.
    closed: Option<Duration>,
    made: u64,
}

/// What a request proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It knows the password, and was not sent before.
    Right,
    /// Nothing yet, or nothing that concerns us.
    Missing,
    /// The password was right, its nonce too old or used before.
    Stale,
    /// Wrong user name or password, or broken.
    Wrong,
}

impl Guard {
    /// The realm is what the credentials name, else `otherwise`.
    pub(crate) fn new(credentials: Credentials, digest: Asks, otherwise: &str) -> Guard {
        let realm = credentials.realm.clone().unwrap_or_else(|| otherwise.to_owned());
        Guard { realm, credentials, digest, used: BTreeMap::new(), closed: None, made: 0 }
    }

    /// The challenge of a 401.
    pub(crate) fn challenge(
        &mut self,
        tokens: &Tokens,
        now: Duration,
        stale: bool,
    ) -> (&'static str, String) {
        self.made = self.made.wrapping_add(1);
        let nonce = nonce(tokens, &self.realm, now, self.made);
        let stale = if stale { ", stale=true" } else { "" };
        let (realm, algorithm) = (quote(&self.realm), self.digest.name());
        let ask =
            format!("Digest realm={realm}, nonce=\"{nonce}\", qop=\"auth\", algorithm={algorithm}{stale}");
        ("WWW-Authenticate", ask)
    }

    /// What a request proves at `now`.
    pub(crate) fn check(&mut self, tokens: &Tokens, now: Duration, request: &Message) -> Proof {
        let mut found = authorizations(request).into_iter().filter(|one| one.realm == self.realm).peekable();
        if found.peek().is_none() {
            return Proof::Missing;
        }
        let Some((answer, count)) =
            found.find_map(|one| self.is_right(&one, request).map(|count| (one, count)))
        else {
            return Proof::Wrong;
        };
        let made = read_nonce(tokens, &self.realm, &answer.nonce);
        match made.filter(|made| self.is_fresh(made.0, now)) {
            Some(made) if self.is_new(made, count) => Proof::Right,
            Some(_) | None => Proof::Stale,
        }
    }

    /// The count of an answer that was made with the password, for this request.
    fn is_right(&self, answer: &Authorization, request: &Message) -> Option<u32> {
        let method = request.method()?.as_str();
        let known =
            answer.username == self.credentials.username && names_the_same(&answer.uri, request.uri());
        let plain = answer.algorithm == Algorithm { hash: answer.algorithm.hash, session: false };
        let asked = answer.algorithm.hash == self.digest.hash();
        let (count, cnonce) = (answer.count.as_deref()?, answer.cnonce.as_deref()?);
        let sound = count.len() == 8 && answer.protection == Protection::Request;
        if !(known && plain && asked && sound) {
            return None;
        }
        let hash = answer.algorithm.hash;
        let secret = hash.of(&[&answer.username, &self.realm, &self.credentials.password.0]);
        let said = said(hash, Protection::Request, Proved { method, uri: &answer.uri, body: "" });
        let right = hash.of(&[&secret, &answer.nonce, count, cnonce, "auth", &said]);
        same(right.as_bytes(), answer.response.as_bytes()).then(|| u32::from_str_radix(count, 16).ok())?
    }

    fn is_fresh(&self, made: Duration, now: Duration) -> bool {
        made <= now && now - made <= FRESH_FOR && self.closed.is_none_or(|closed| made > closed)
    }

    /// Remembers the use of a nonce. False if it was used with this count before, or a higher one.
    fn is_new(&mut self, made: (Duration, u64), count: u32) -> bool {
        let highest = self.used.entry(made).or_insert(0);
        if count <= *highest {
            return false;
        }
        *highest = count;
        if self.used.len() > NONCES
            && let Some(((oldest, _), _)) = self.used.pop_first()
        {
            self.closed = Some(oldest);
            self.used.retain(|(made, _), _| *made > oldest);
        }
        true
    }
}

/// When it was made, a number of its own, and our mark over both.
fn nonce(tokens: &Tokens, realm: &str, now: Duration, number: u64) -> String {
    let plain = format!("{:x}.{number:x}", now.as_millis());
    let mark = tokens.of(&format!("nonce\n{realm}\n{plain}"));
    format!("{plain}.{mark}")
}

/// When a nonce was made, and its number; `None` if it is not ours.
fn read_nonce(tokens: &Tokens, realm: &str, nonce: &str) -> Option<(Duration, u64)> {
    let (plain, mark) = nonce.rsplit_once('.')?;
    let ours = tokens.of(&format!("nonce\n{realm}\n{plain}"));
    if !same(ours.as_bytes(), mark.as_bytes()) {
        return None;
    }
    let (made, number) = plain.split_once('.')?;
    let made = u64::from_str_radix(made, 16).ok()?;
    Some((Duration::from_millis(made), u64::from_str_radix(number, 16).ok()?))
}

/// Compares without telling by the time it takes where the first difference is.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |seen, (one, other)| seen | (one ^ other)) == 0
}

/// True if the answer was made for the one who is called: its URI is that of the request, or names the same user.
fn names_the_same(proved: &str, requested: &str) -> bool {
    let user = |uri: &str| Uri::parse(uri).ok().map(|uri| uri.user_text());
    proved == requested || (user(proved).is_some() && user(proved) == user(requested))
}
