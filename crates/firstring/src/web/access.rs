//! Who may look. On this very machine everybody; from anywhere else whoever knows the token.
//!
//! A web page from anywhere can make the browser on this machine ask a loopback address, under a name that leads
//! here (DNS rebinding). So without a token, the name that was asked for must be one of this machine's own.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use desk::private::Private;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::problem::{Kind, Problem};

/// The shortest token: 16 signs of any kind take longer to guess than the desk lives.
const SHORTEST: usize = 16;

/// Who may look, decided once at the start.
#[derive(Debug)]
pub struct Access(Rule);

enum Rule {
    /// Loopback without a token: anybody who asks for this machine by one of its own names.
    OwnName,
    /// Whoever knows the token. Only its digest is kept.
    Token([u8; 32]),
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Rule::OwnName => "OwnName",
            Rule::Token(_) => "Token(•••)",
        })
    }
}

/// Why the console does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// Anybody on the network could listen to callers' messages.
    #[error(
        "[web] listen = \"{listen}\" can be reached from other machines; add a token, or listen on 127.0.0.1"
    )]
    Open {
        /// Where it would have listened.
        listen: SocketAddr,
    },
    /// It could be guessed.
    #[error("[web] token is shorter than {SHORTEST} signs; make one with: openssl rand -hex 32")]
    Short,
}

impl Access {
    /// Who may look at a desk that listens there. A token counts on loopback, too.
    pub fn decide(listen: SocketAddr, token: Option<&Private<String>>) -> Result<Access, AccessError> {
        match token {
            Some(token) if token.reveal().chars().count() < SHORTEST => Err(AccessError::Short),
            Some(token) => Ok(Access(Rule::Token(Sha256::digest(token.reveal().as_bytes()).into()))),
            None if listen.ip().is_loopback() => Ok(Access(Rule::OwnName)),
            None => Err(AccessError::Open { listen }),
        }
    }

    fn admit(&self, headers: &HeaderMap) -> Result<(), Problem> {
        match &self.0 {
            Rule::OwnName => match headers.get(header::HOST).and_then(|host| host.to_str().ok()) {
                Some(host) if is_own_name(host) => Ok(()),
                Some(_) | None => Err(Kind::WrongHost.because("ask for localhost or 127.0.0.1, or set a token")),
            },
            Rule::Token(known) => match token(headers) {
                Some(shown) if bool::from(Sha256::digest(&shown).as_slice().ct_eq(known)) => Ok(()),
                Some(_) => Err(Kind::NotAllowedIn.because("the token is not the one under [web]")),
                None => Err(Kind::NotAllowedIn.because(
                    "send the token under [web] as Authorization: Bearer TOKEN, or as the password of any user",
                )),
            },
        }
    }
}

/// `localhost` and loopback addresses, with or without a port.
fn is_own_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Shown as a bearer's, or as a password: browsers ask for one.
fn token(headers: &HeaderMap) -> Option<Vec<u8>> {
    let (scheme, shown) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(shown.trim().as_bytes().to_vec()),
        "basic" => {
            let pair = BASE64_STANDARD.decode(shown.trim()).ok()?;
            let colon = pair.iter().position(|sign| *sign == b':')?;
            Some(pair[colon + 1..].to_vec())
        }
        _ => None,
    }
}

/// Stands before every page.
pub(super) async fn check(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let mut response = match access.admit(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            let mut response = problem.into_response();
            if response.status() == axum::http::StatusCode::UNAUTHORIZED {
                let challenge = "Basic realm=\"firstring\", charset=\"UTF-8\", Bearer realm=\"firstring\"";
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            response
        }
    };
    let guards: [(HeaderName, &str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'self'; frame-ancestors 'none'"),
    ];
    for (name, value) in guards {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_others_can_reach_does_not_start_without_a_token() {
        let decide = |listen: &str, token: Option<&str>| {
            let token = token.map(|token| Private::new(token.to_string()));
            Access::decide(listen.parse().unwrap(), token.as_ref())
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        let open = |listen: &str| {
            let says = "can be reached from other machines; add a token, or listen on 127.0.0.1";
            Err(format!("[web] listen = \"{listen}\" {says}"))
        };
        assert_eq!(decide("127.0.0.1:8080", None), Ok(()));
        assert_eq!(decide("[::1]:8080", None), Ok(()));
        assert_eq!(decide("0.0.0.0:8080", None), open("0.0.0.0:8080"));
        assert_eq!(decide("[::]:8080", None), open("[::]:8080"));
        assert_eq!(decide("192.0.2.1:8080", None), open("192.0.2.1:8080"));
        assert_eq!(decide("0.0.0.0:8080", Some("0123456789abcdef")), Ok(()));
        let short = "[web] token is shorter than 16 signs; make one with: openssl rand -hex 32";
        assert_eq!(decide("127.0.0.1:8080", Some("0123456789abcde")), Err(short.to_string()));
    }

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        for own in
            ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "127.8.8.8", "[::1]:8080", "[::1]"]
        {
            assert!(is_own_name(own), "{own}");
        }
        for foreign in [
            "",
            "desk.example.com",
            "desk.example.com:8080",
            "localhost.example.com",
            "192.0.2.1",
            "[::2]:80",
        ] {
            assert!(!is_own_name(foreign), "{foreign}");
        }
    }

    #[test]
    fn the_token_does_not_appear_in_logs() {
        let token = Private::new("0123456789abcdef".to_string());
        let access = Access::decide("0.0.0.0:1".parse().unwrap(), Some(&token)).unwrap();
        assert_eq!(format!("{access:?}"), "Access(Token(•••))");
    }
}
