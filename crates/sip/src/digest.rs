//! Proving a password without saying it: answers to 401 and 407, and in `guard` the asking.
//!
//! RFC 7616 and RFC 8760, with RFC 2617 and RFC 2069 for those who stayed there. Of several challenges of one realm the
//! strongest that we understand is answered. What is sent when, and to whom, is decided in `agent`; randomness
//! (the client nonce) is given.
//!
//! Invariants: one request is answered at most once, and once more if its nonce was called stale, so that a wrong
//! password is never tried in a loop. A realm other than the configured one gets no answer. A password is never
//! printed.

mod algorithm;
mod challenge;
mod guard;

use algorithm::Hash;
use challenge::{Challenge, Protection};

pub use guard::Asks;
pub(crate) use guard::{Guard, Proof};

use crate::grammar::quote;
use crate::limits::REALMS;
use crate::message::Message;
use crate::name::Name;

/// A password. Printed masked.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// Who we are toward a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name of the account: the "authentication user", which may differ from the number or extension.
    pub username: String,
    /// Its password.
    pub password: Password,
    /// The only realm that is answered, in any case of letters; `None`: whichever the trunk names.
    pub realm: Option<String>,
}

/// Why a challenge is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Denied {
    /// What we answered was refused.
    #[error("the user name or password was refused: compare both with the account")]
    Refused,
    /// Nothing but other realms asked.
    #[error(
        "the password was asked for by {asked:?}, which is not the realm of this trunk: correct the realm, or the host"
    )]
    OtherRealm {
        /// The first realm that asked.
        asked: String,
    },
    /// No challenge that we can answer.
    #[error(
        "the way it asks for a password is unknown here: ask the carrier for digest with MD5, SHA-256 or SHA-512-256"
    )]
    Unknown,
}

impl Password {
    /// Keeps a password.
    pub fn new(text: impl Into<String>) -> Password {
        Password(text.into())
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("***")
    }
}

/// A request to be proved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proved<'a> {
    pub method: &'a str,
    /// The request URI as it stands in the first line.
    pub uri: &'a str,
    pub body: &'a str,
}

/// One account: its credentials, and the last nonce of each realm that asked.
#[derive(Debug)]
pub(crate) struct Login {
    credentials: Credentials,
    held: Vec<Held>,
}

/// Who asked: a proxy (407) or the far end itself (401), and its realm.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asker {
    proxy: bool,
    realm: String,
}

#[derive(Debug)]
struct Held {
    asker: Asker,
    challenge: Challenge,
    /// How often the nonce was used.
    count: u32,
    /// The client nonce of a session algorithm, which stays for the session.
    session: Option<String>,
}

/// What one request has tried so far, over all times it went out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempt {
    sent: Vec<Tried>,
}

#[derive(Debug, Clone)]
struct Tried {
    asker: Asker,
    nonce: String,
    standing: Standing,
}

/// How a request came to carry a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// From an earlier request, before it was asked.
    Ahead,
    /// It was asked for it.
    Asked,
    /// Asked again because the nonce was stale.
    Renewed,
}

impl Login {
    pub(crate) fn new(credentials: Credentials) -> Login {
        Login { credentials, held: Vec::new() }
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Learns from a 401 or 407. If it is `Ok`, the request may go out again with what [`prove`](Login::prove)
    /// gives; an error is final for this request.
    pub(crate) fn challenged(&mut self, attempt: &mut Attempt, reply: &Message) -> Result<(), Denied> {
        let asked = self.chosen(reply)?;
        for (asker, challenge) in asked {
            match attempt.sent.iter_mut().find(|tried| tried.asker == asker) {
                Some(tried) => {
                    let another = tried.nonce != challenge.nonce;
                    tried.standing = match tried.standing {
                        Standing::Ahead if another => Standing::Asked,
                        Standing::Asked if another && challenge.stale => Standing::Renewed,
                        Standing::Ahead | Standing::Asked | Standing::Renewed => {
                            self.held.retain(|held| held.asker != asker);
                            return Err(Denied::Refused);
                        }
                    };
                    tried.nonce = challenge.nonce.clone();
                }
                None => attempt.sent.push(Tried {
                    asker: asker.clone(),
                    nonce: challenge.nonce.clone(),
                    standing: Standing::Asked,
                }),
            }
            self.held.retain(|held| held.asker != asker);
            if self.held.len() == REALMS {
                return Err(Denied::Unknown);
            }
            self.held.push(Held { asker, challenge, count: 0, session: None });
        }
        Ok(())
    }

    /// The strongest challenge of each realm that may be answered.
    fn chosen(&self, reply: &Message) -> Result<Vec<(Asker, Challenge)>, Denied> {
        let mut chosen: Vec<(Asker, Challenge)> = Vec::new();
        let mut other = None;
        for (proxy, name) in [(false, Name::WwwAuthenticate), (true, Name::ProxyAuthenticate)] {
            let (challenges, _) = challenge::read(reply, name);
            for challenge in challenges {
                let ours = self.credentials.realm.as_ref();
                if ours.is_some_and(|realm| !realm.eq_ignore_ascii_case(&challenge.realm)) {
                    other.get_or_insert(challenge.realm);
                    continue;
                }
                let asker = Asker { proxy, realm: challenge.realm.clone() };
                match chosen.iter_mut().find(|(known, _)| *known == asker) {
                    Some((_, best)) if best.algorithm.hash >= challenge.algorithm.hash => {}
                    Some((_, best)) => *best = challenge,
                    None => chosen.push((asker, challenge)),
                }
            }
        }
        match (chosen.is_empty(), other) {
            (false, _) => Ok(chosen),
            (true, Some(asked)) => Err(Denied::OtherRealm { asked }),
            (true, None) => Err(Denied::Unknown),
        }
    }

    /// The Authorization and Proxy-Authorization headers of a request about to go out; none before the first
    /// challenge of this account. `cnonce` must be unguessable and new.
    pub(crate) fn prove(
        &mut self,
        attempt: &mut Attempt,
        request: Proved<'_>,
        cnonce: &str,
    ) -> Vec<(&'static str, String)> {
        let Login { credentials, held } = self;
        held.iter_mut()
            .map(|held| {
                if !attempt.sent.iter().any(|tried| tried.asker == held.asker) {
                    attempt.sent.push(Tried {
                        asker: held.asker.clone(),
                        nonce: held.challenge.nonce.clone(),
                        standing: Standing::Ahead,
                    });
                }
                let name = if held.asker.proxy { "Proxy-Authorization" } else { "Authorization" };
                (name, held.answer(credentials, request, cnonce))
            })
            .collect()
    }
}

impl Held {
    /// The value of the header. RFC 7616 section 3.4; without `qop`, RFC 2069 section 2.1.2.
    fn answer(&mut self, credentials: &Credentials, request: Proved<'_>, cnonce: &str) -> String {
        self.count = self.count.wrapping_add(1);
        let count = format!("{:08x}", self.count);
        let challenge = &self.challenge;
        let cnonce = match challenge.algorithm.session {
            true => self.session.get_or_insert_with(|| cnonce.to_owned()).as_str(),
            false => cnonce,
        };
        let hash = challenge.algorithm.hash;
        let (realm, nonce) = (challenge.realm.as_str(), challenge.nonce.as_str());
        let username = credentials.username.as_str();
        let secret = hash.of(&[username, realm, &credentials.password.0]);
        let secret = if challenge.algorithm.session { hash.of(&[&secret, nonce, cnonce]) } else { secret };
        let said = said(hash, challenge.protection, request);
        let qop = match challenge.protection {
            Protection::Plain => None,
            Protection::Request => Some("auth"),
            Protection::RequestAndBody => Some("auth-int"),
        };
        let response = match qop {
            Some(qop) => hash.of(&[&secret, nonce, &count, cnonce, qop, &said]),
            None => hash.of(&[&secret, nonce, &said]),
        };
        let shown = if challenge.hides_user { hash.of(&[username, realm]) } else { username.to_owned() };
        let mut out = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
            quote(&shown),
            quote(realm),
            quote(nonce),
            quote(request.uri)
        );
        if let Some(spelling) = &challenge.spelling {
            out.push_str(&format!(", algorithm={spelling}"));
        }
        if let Some(opaque) = &challenge.opaque {
            out.push_str(&format!(", opaque={}", quote(opaque)));
        }
        if qop.is_some() || challenge.algorithm.session {
            out.push_str(&format!(", cnonce={}", quote(cnonce)));
        }
        if let Some(qop) = qop {
            out.push_str(&format!(", qop={qop}, nc={count}"));
        }
        if challenge.hides_user {
            out.push_str(", userhash=true");
        }
        out
    }
}

/// The hash of the request itself, `A2` of RFC 7616 section 3.4.3.
fn said(hash: Hash, protection: Protection, request: Proved<'_>) -> String {
    match protection {
        Protection::Plain | Protection::Request => hash.of(&[request.method, request.uri]),
        Protection::RequestAndBody => hash.of(&[request.method, request.uri, &hash.of(&[request.body])]),
    }
}

#[cfg(test)]
mod tests;
