//! SIP, SIPS and tel URIs, read for their parts and written back safely. RFC 3261 section 19.1, RFC 3966.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::grammar::{escape_user, param, unescape};
use crate::order::Transport;

/// The scheme of a [`Uri`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
        }
    }
}

/// Why a text is no URI we can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// Well formed, but not ours to follow. Answered 416.
    #[error("the scheme is neither sip, sips nor tel")]
    Scheme,
    /// Not a URI. Answered 400.
    #[error("not a URI: {0}")]
    Malformed(&'static str),
}

/// A URI that names a person or a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// sip, sips or tel.
    pub scheme: Scheme,
    /// User part, or the number of a tel URI, as it stands on the wire (escapes kept).
    pub user: Option<String>,
    /// Host name or address, IPv6 in brackets; empty for tel.
    pub host: String,
    /// Port if one is written.
    pub port: Option<u16>,
    /// Parameters with their leading semicolon, as they stand on the wire.
    pub params: String,
}

impl Uri {
    /// A `sip:` URI made of a user in plain text and a host; what cannot stand in a user part is escaped, and
    /// what cannot stand in a host is dropped. An IPv6 address gets its brackets.
    pub fn sip(user: Option<&str>, host: &str, port: Option<u16>) -> Uri {
        let host: String = host.chars().filter(|char| is_host_char(*char)).collect();
        let host = if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { host };
        Uri { scheme: Scheme::Sip, user: user.map(escape_user), host, port, params: String::new() }
    }

    /// Reads a URI without angle brackets. Headers after `?` are dropped: nothing of them is ever followed.
    pub fn parse(text: &str) -> Result<Uri, UriError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Malformed("no scheme"))?;
        let scheme = match scheme {
            sip if sip.eq_ignore_ascii_case("sip") => Scheme::Sip,
            sips if sips.eq_ignore_ascii_case("sips") => Scheme::Sips,
            tel if tel.eq_ignore_ascii_case("tel") => Scheme::Tel,
            other if is_scheme(other) => return Err(UriError::Scheme),
            _ => return Err(UriError::Malformed("scheme")),
        };
        if rest.bytes().any(|byte| byte <= b' ' || byte == 0x7f || b"<>\"".contains(&byte)) {
            return Err(UriError::Malformed("a character that must be escaped"));
        }
        match scheme {
            Scheme::Tel => Self::parse_tel(rest),
            Scheme::Sip | Scheme::Sips => Self::parse_sip(scheme, rest),
        }
    }

    fn parse_tel(rest: &str) -> Result<Uri, UriError> {
        let (number, params) = split_params(rest);
        if number.is_empty() {
            return Err(UriError::Malformed("no number"));
        }
        Ok(Uri {
            scheme: Scheme::Tel,
            user: Some(number.to_owned()),
            host: String::new(),
            port: None,
            params: params.to_owned(),
        })
    }

    fn parse_sip(scheme: Scheme, rest: &str) -> Result<Uri, UriError> {
        // A user part may hold ';' and '?' (RFC 3261 section 25.1), so the '@' is looked for first.
        let (user, host_on) = match rest.find('@') {
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        if user.is_some_and(str::is_empty) {
            return Err(UriError::Malformed("empty user"));
        }
        let host_on = host_on.split('?').next().unwrap_or("");
        let (host_port, params) = split_params(host_on);
        let (host, port) = split_host_port(host_port).ok_or(UriError::Malformed("host or port"))?;
        // A password is never of use to us and must not be written anywhere.
        let user = user.map(|user| user.split(':').next().unwrap_or("").to_owned());
        Ok(Uri { scheme, user, host: host.to_owned(), port, params: params.to_owned() })
    }

    /// The user part with its escapes undone and its own parameters (`;phone-context=…`) cut off. Escaped control
    /// characters become the replacement character.
    pub fn user_text(&self) -> String {
        let user = self.user.as_deref().unwrap_or("");
        let text = unescape(user.split(';').next().unwrap_or(""));
        text.replace(char::is_control, "\u{fffd}")
    }

    /// The value of a URI parameter; `Some("")` if it stands there without one.
    pub fn param(&self, name: &str) -> Option<&str> {
        param(&self.params, name).map(|value| value.unwrap_or(""))
    }

    /// The value of a parameter of the user part, as a telephone number in a SIP URI has them
    /// (RFC 3261 section 19.1.6); `Some("")` if it stands there without one.
    pub fn user_param(&self, name: &str) -> Option<&str> {
        let (_, params) = self.user.as_deref()?.split_once(';')?;
        param(params, name).map(|value| value.unwrap_or(""))
    }

    /// The transport it asks for, by its parameter or its scheme; UDP if it does not say.
    pub fn transport(&self) -> Transport {
        match self.param("transport") {
            Some(tls) if tls.eq_ignore_ascii_case("tls") => Transport::Tls,
            _ if self.scheme == Scheme::Sips => Transport::Tls,
            Some(tcp) if tcp.eq_ignore_ascii_case("tcp") => Transport::Tcp,
            Some(_) | None => Transport::Udp,
        }
    }

    /// The socket address, if the host is written as an address.
    pub fn address(&self) -> Option<SocketAddr> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let ip: IpAddr = host.parse().ok()?;
        Some(SocketAddr::new(ip, self.port.unwrap_or(self.transport().default_port())))
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", self.scheme.as_str())?;
        match (&self.user, self.scheme) {
            (Some(user), Scheme::Tel) => write!(out, "{user}")?,
            (Some(user), Scheme::Sip | Scheme::Sips) => write!(out, "{user}@{}", self.host)?,
            (None, Scheme::Sip | Scheme::Sips | Scheme::Tel) => write!(out, "{}", self.host)?,
        }
        if let Some(port) = self.port {
            write!(out, ":{port}")?;
        }
        out.write_str(&self.params)
    }
}

impl std::str::FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Uri, UriError> {
        Uri::parse(text)
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_host_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || ".-_[]:".contains(char)
}

fn split_params(text: &str) -> (&str, &str) {
    match text.find(';') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    }
}

/// Splits `host`, `host:port` or `[v6]:port`. Spaces around the colon are let through (RFC 3261 `sent-by`).
pub(crate) fn split_host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let text = text.trim();
    let end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, rest) = text.split_at(end);
    let (host, rest) = (host.trim(), rest.trim());
    let inside = host.trim_start_matches('[').trim_end_matches(']');
    if inside.is_empty() || !inside.chars().all(is_host_char) {
        return None;
    }
    if rest.is_empty() {
        return Some((host, None));
    }
    let port = rest.strip_prefix(':')?.trim();
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((host, Some(port.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_uris_are_read_for_their_parts() {
        for (text, user, host, port) in [
            ("sip:+13125550143@203.0.113.9:5080;user=phone", "+13125550143", "203.0.113.9", Some(5080)),
            ("sip:user;par=u%40example.net@example.com", "user", "example.com", None),
            ("SIP:sips%3Auser%40example.com@example.net", "sips:user@example.com", "example.net", None),
            ("sip:null-%00-null@example.com", "null-\u{fffd}-null", "example.com", None),
            ("sip:user:secret@example.com?Route=%3Csip:x%3E", "user", "example.com", None),
            ("sip:[2001:db8::1]:5062;lr", "", "[2001:db8::1]", Some(5062)),
            ("tel:+1-312-555-0143;phone-context=x", "+1-312-555-0143", "", None),
        ] {
            let uri = Uri::parse(text).expect(text);
            assert_eq!((uri.user_text().as_str(), uri.host.as_str(), uri.port), (user, host, port), "{text}");
        }
    }

    #[test]
    fn a_number_in_a_user_part_keeps_its_parameters() {
        let uri = Uri::parse("sip:+13125550143;verstat=TN-Validation-Passed;x@192.0.2.9;user=phone").unwrap();
        assert_eq!(uri.user_text(), "+13125550143");
        assert_eq!(uri.user_param("verstat"), Some("TN-Validation-Passed"));
        assert_eq!(uri.user_param("x"), Some(""));
        assert_eq!((uri.user_param("user"), uri.param("user")), (None, Some("phone")));
    }

    #[test]
    fn an_unknown_scheme_is_told_apart_from_nonsense() {
        for (text, error) in [
            ("nobodyKnowsThisScheme:totallyopaquecontent", UriError::Scheme),
            ("soap.beep://192.0.2.103:3002", UriError::Scheme),
            ("sip:user@example.com:99999", UriError::Malformed("host or port")),
            ("sip:us er@example.com", UriError::Malformed("a character that must be escaped")),
            ("sip:user@", UriError::Malformed("host or port")),
            ("just text", UriError::Malformed("no scheme")),
        ] {
            assert_eq!(Uri::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_written_back() {
        assert_eq!(Uri::parse("sip:user:secret@example.com").unwrap().to_string(), "sip:user@example.com");
    }

    #[test]
    fn a_host_that_is_an_address_is_one() {
        assert_eq!(Uri::parse("sip:[::1];lr").unwrap().address(), Some("[::1]:5060".parse().unwrap()));
        assert_eq!(Uri::parse("sip:example.com").unwrap().address(), None);
        for (text, port) in [
            ("sip:192.0.2.1;transport=TLS", 5061),
            ("sips:192.0.2.1", 5061),
            ("sip:192.0.2.1;transport=tcp", 5060),
            ("sips:192.0.2.1:5070", 5070),
        ] {
            assert_eq!(Uri::parse(text).unwrap().address().unwrap().port(), port, "{text}");
        }
    }

    #[test]
    fn an_address_of_the_new_kind_stands_in_brackets() {
        for host in ["2001:db8::1", "[2001:db8::1]"] {
            assert_eq!(Uri::sip(Some("desk"), host, Some(5062)).to_string(), "sip:desk@[2001:db8::1]:5062");
        }
        assert_eq!(Uri::sip(None, "example.com:5070", None).to_string(), "sip:example.com:5070");
    }
}
