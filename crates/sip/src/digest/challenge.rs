//! Reading WWW-Authenticate and Proxy-Authenticate: what the other side wants to be convinced by.
//!
//! Tolerant in form (several challenges in one line, parameters in any order, quoted or not), strict in meaning: a
//! parameter that stands twice, or an algorithm or protection that we do not know, makes the challenge unusable.

use super::algorithm::Algorithm;
use crate::grammar::{find_unquoted, is_token, list, quotes_close, unquote};
use crate::limits::{CHALLENGE_PARAMS, CHALLENGES};
use crate::message::Message;
use crate::name::Name;

/// One digest challenge that can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub realm: String,
    pub nonce: String,
    pub opaque: Option<String>,
    pub algorithm: Algorithm,
    /// The algorithm as it was written, to be written back; `None` if it was left to the default.
    pub spelling: Option<String>,
    pub protection: Protection,
    /// The nonce was too old, the password not wrong.
    pub stale: bool,
    /// The user name is to be hashed as well. RFC 7616 section 3.4.4.
    pub hides_user: bool,
}

/// What the answer protects: the `qop` that we take of those offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// No `qop`: the form of RFC 2069, without a count.
    Plain,
    /// `auth`.
    Request,
    /// `auth-int`, taken only if nothing else is offered.
    RequestAndBody,
}

/// One answer to a challenge, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authorization {
    pub username: String,
    pub realm: String,
    pub nonce: String,
    pub uri: String,
    pub response: String,
    pub algorithm: Algorithm,
    pub protection: Protection,
    pub cnonce: Option<String>,
    /// `nc` as it was written.
    pub count: Option<String>,
}

/// The answers that a request holds, those that cannot be read left out.
pub(super) fn authorizations(message: &Message) -> Vec<Authorization> {
    let lines = message.headers(Name::Authorization).flat_map(split);
    lines.take(CHALLENGES).filter_map(|raw| raw.authorization()).collect()
}

/// The challenges of one header, in order. The second number says how many stood there that cannot be answered.
pub(super) fn read(message: &Message, name: Name) -> (Vec<Challenge>, usize) {
    let (mut challenges, mut unusable) = (Vec::new(), 0);
    for line in message.headers(name) {
        for raw in split(line) {
            if challenges.len() + unusable == CHALLENGES {
                return (challenges, unusable);
            }
            match raw.challenge() {
                Some(challenge) => challenges.push(challenge),
                None => unusable += 1,
            }
        }
    }
    (challenges, unusable)
}

/// A challenge in the form it was sent.
struct Raw<'a> {
    scheme: &'a str,
    params: Vec<&'a str>,
}

/// Several challenges may share a line: one begins where a word stands before the first parameter.
fn split(line: &str) -> Vec<Raw<'_>> {
    let mut found: Vec<Raw<'_>> = Vec::new();
    for entry in list(line) {
        let (scheme, param) = match entry.split_once(char::is_whitespace) {
            Some((scheme, param)) if is_token(scheme) && !param.trim_start().starts_with('=') => {
                (Some(scheme), param.trim())
            }
            Some(_) | None => (None, entry),
        };
        match (scheme, found.last_mut()) {
            (None, Some(raw)) if raw.params.len() <= CHALLENGE_PARAMS => raw.params.push(param),
            (Some(scheme), _) => found.push(Raw { scheme, params: vec![param] }),
            (None, _) => {}
        }
        if found.len() > CHALLENGES {
            break;
        }
    }
    found
}

impl<'a> Raw<'a> {
    fn is_sound(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
            && self.params.len() <= CHALLENGE_PARAMS
            && self.params.iter().all(|param| param.is_empty() || pair(param).is_some())
    }

    fn authorization(&self) -> Option<Authorization> {
        if !self.is_sound() {
            return None;
        }
        Some(Authorization {
            username: self.text("username")??,
            realm: self.text("realm")??,
            nonce: self.text("nonce")??,
            uri: self.text("uri")??,
            response: self.text("response")??.to_ascii_lowercase(),
            algorithm: Algorithm::read(self.text("algorithm")?.as_deref().unwrap_or("MD5"))?,
            protection: protection(self.text("qop")?.as_deref())?,
            cnonce: self.text("cnonce")?,
            count: self.text("nc")?,
        })
    }

    fn challenge(&self) -> Option<Challenge> {
        if !self.is_sound() {
            return None;
        }
        let spelling = self.text("algorithm")?;
        Some(Challenge {
            realm: self.text("realm")??,
            nonce: self.text("nonce")?.filter(|nonce| !nonce.is_empty())?,
            opaque: self.text("opaque")?,
            algorithm: Algorithm::read(spelling.as_deref().unwrap_or("MD5"))?,
            spelling,
            protection: protection(self.text("qop")?.as_deref())?,
            stale: self.says_true("stale")?,
            hides_user: self.says_true("userhash")?,
        })
    }

    /// The value of a parameter, `Some(None)` if it is missing; `None` if it stands there twice.
    fn text(&self, name: &str) -> Option<Option<String>> {
        let mut named = self
            .params
            .iter()
            .filter_map(|param| pair(param))
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = named.next().map(|(_, value)| unquote(value));
        named.next().is_none().then_some(value)
    }

    fn says_true(&self, name: &str) -> Option<bool> {
        Some(self.text(name)?.is_some_and(|value| value.eq_ignore_ascii_case("true")))
    }
}

/// `name=value`; the value is a token or one whole quoted string.
fn pair(param: &str) -> Option<(&str, &str)> {
    let (name, value) = param.split_at(find_unquoted(param, b'=')?);
    let (name, value) = (name.trim(), value[1..].trim());
    let whole = match value.strip_prefix('"') {
        Some(rest) => quotes_close(value) && find_unquoted(value, b'"') == Some(0) && closes_at_end(rest),
        None => !value.contains(['"', ' ', '\t']),
    };
    (is_token(name) && whole).then_some((name, value))
}

/// True if the text, which follows an opening quote, holds its closing quote as its last character.
fn closes_at_end(text: &str) -> bool {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1 == text.len(),
            _ => {}
        }
    }
    false
}

/// Chooses of a `qop` list; `None` if it holds nothing that we know.
fn protection(offered: Option<&str>) -> Option<Protection> {
    let Some(offered) = offered.filter(|offered| !offered.trim().is_empty()) else {
        return Some(Protection::Plain);
    };
    let has = |wanted: &str| offered.split(',').any(|one| one.trim().eq_ignore_ascii_case(wanted));
    if has("auth") {
        return Some(Protection::Request);
    }
    has("auth-int").then_some(Protection::RequestAndBody)
}

#[cfg(test)]
mod tests {
    use super::super::algorithm::Hash;
    use super::*;
    use crate::message::parse;

    fn read_lines(lines: &[&str]) -> (Vec<Challenge>, usize) {
        let lines: Vec<_> = lines.iter().map(|line| format!("WWW-Authenticate: {line}\r\n")).collect();
        let text = format!("SIP/2.0 401 Unauthorized\r\n{}\r\n", lines.concat());
        read(&parse(text.as_bytes()).expect("framed"), Name::WwwAuthenticate)
    }

    #[test]
    fn a_challenge_is_read_for_its_parts() {
        let line = r#"Digest realm="Rivera \"East\", Ltd", nonce="a,b=\\", opaque="o", stale=TRUE, algorithm=sha-256, qop="auth-int, auth""#;
        let (challenges, unusable) = read_lines(&[line]);
        assert_eq!((challenges.len(), unusable), (1, 0));
        let challenge = &challenges[0];
        assert_eq!((challenge.realm.as_str(), challenge.nonce.as_str()), (r#"Rivera "East", Ltd"#, r"a,b=\"));
        assert_eq!(challenge.opaque.as_deref(), Some("o"));
        assert_eq!(challenge.algorithm, Algorithm { hash: Hash::Sha256, session: false });
        assert_eq!(challenge.spelling.as_deref(), Some("sha-256"));
        assert_eq!(challenge.protection, Protection::Request);
        assert!(challenge.stale && !challenge.hides_user);
    }

    #[test]
    fn what_is_protected_follows_the_offer() {
        for (qop, protection) in [
            ("", Some(Protection::Plain)),
            (r#", qop="""#, Some(Protection::Plain)),
            (", qop=auth", Some(Protection::Request)),
            (r#", qop="AUTH,auth-int""#, Some(Protection::Request)),
            (r#", qop="auth-int,token""#, Some(Protection::RequestAndBody)),
            (r#", qop="token""#, None),
        ] {
            let (challenges, _) = read_lines(&[&format!(r#"Digest realm="r", nonce="n"{qop}"#)]);
            assert_eq!(challenges.first().map(|challenge| challenge.protection), protection, "{qop}");
        }
    }

    #[test]
    fn several_challenges_are_told_apart_in_one_line_and_in_several() {
        let one = r#"Digest realm="a", nonce="1", algorithm=SHA-256"#;
        let two = r#"Digest  realm = "b" , nonce="2""#;
        for lines in
            [vec![one, two], vec![&*format!("{one}, {two}")], vec![&*format!("Basic realm=x, {one},{two}")]]
        {
            let (challenges, _) = read_lines(&lines);
            let realms: Vec<_> = challenges.iter().map(|challenge| challenge.realm.as_str()).collect();
            assert_eq!(realms, ["a", "b"], "{lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_answered_is_counted_and_nothing_of_it_used() {
        for line in [
            r#"Basic realm="r""#,
            "Digest",
            r#"Digest realm="r""#,
            r#"Digest nonce="n""#,
            r#"Digest realm="r", nonce="""#,
            r#"Digest realm="r", nonce="n", algorithm=AKAv1-MD5"#,
            r#"Digest realm="r", nonce="n", nonce="m""#,
            r#"Digest realm="r", nonce="n", Realm="s""#,
            r#"Digest realm="r" x, nonce="n""#,
            r#"Digest realm="r"x", nonce="n""#,
            r#"Digest realm=r r, nonce="n""#,
            r#"Digest realm="r", nonce="n"#,
        ] {
            let (challenges, unusable) = read_lines(&[line]);
            assert!(challenges.is_empty(), "{line}: {challenges:?}");
            assert!(unusable <= 1);
        }
    }

    #[test]
    fn a_flood_of_challenges_is_read_no_further_than_stated() {
        let one = r#"Digest realm="r", nonce="n""#;
        let (challenges, unusable) = read_lines(&vec![one; 40]);
        assert_eq!((challenges.len(), unusable), (CHALLENGES, 0));
        let (challenges, _) = read_lines(&[&vec![one; 40].join(", ")]);
        assert_eq!(challenges.len(), CHALLENGES);
        let params = "x=y, ".repeat(CHALLENGE_PARAMS);
        assert_eq!(read_lines(&[&format!(r#"Digest {params}realm="r", nonce="n""#)]).0, []);
    }
}
