//! The Via header: where a reply goes, and which transaction it belongs to. RFC 3261 section 20.42, RFC 3581.

use std::net::SocketAddr;

use crate::grammar::{is_token, param, params};
use crate::order::Transport;
use crate::uri::split_host_port;

/// What a branch starts with if it was made by the rules of RFC 3261 (section 8.1.1.7).
pub(crate) const COOKIE: &str = "z9hG4bK";

/// One Via entry, borrowed from its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// Transport as written: UDP, TCP, TLS or anything else.
    pub transport: &'a str,
    /// Host of sent-by as written.
    pub host: &'a str,
    /// Port of sent-by if one is written.
    pub port: Option<u16>,
    params: &'a str,
}

impl<'a> Via<'a> {
    /// Reads one Via entry, spaces around the slashes allowed. `None` if it is none.
    pub fn parse(text: &'a str) -> Option<Via<'a>> {
        let version = text.split('/').nth(1)?;
        (version.trim() == "2.0").then(|| Via::of_any_version(text)).flatten()
    }

    /// Reads one Via entry of whatever version of SIP, so that it can be told which one we speak.
    pub(crate) fn of_any_version(text: &'a str) -> Option<Via<'a>> {
        let (protocol, rest) = text.split_once('/')?;
        let (_, rest) = rest.split_once('/')?;
        if !protocol.trim().eq_ignore_ascii_case("SIP") {
            return None;
        }
        let rest = rest.trim_start();
        let (transport, rest) = rest.split_at(rest.find(char::is_whitespace)?);
        let (sent_by, list) = match rest.find(';') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (host, port) = split_host_port(sent_by)?;
        let sound = is_token(transport) && params(list).all(|(name, _)| is_token(name));
        sound.then_some(Via { transport, host, port, params: list })
    }

    /// The branch parameter.
    pub fn branch(&self) -> Option<&'a str> {
        param(self.params, "branch").flatten()
    }

    /// The address at which whoever answered saw the request: `received` and `rport` as filled in. RFC 3581 section 4.
    pub fn seen_as(&self) -> Option<SocketAddr> {
        let port = param(self.params, "rport").flatten()?.parse().ok().filter(|port| *port != 0)?;
        let host = param(self.params, "received").flatten().unwrap_or(self.host);
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
        Some(SocketAddr::new(ip, port))
    }

    /// True if the branch was made to be unique (RFC 3261); false for senders of RFC 2543.
    pub fn has_unique_branch(&self) -> bool {
        self.branch().is_some_and(|branch| {
            branch.len() > COOKIE.len()
                && branch.get(..COOKIE.len()).is_some_and(|cookie| cookie.eq_ignore_ascii_case(COOKIE))
        })
    }

    /// Where a reply goes, given where the request came from: to the source port if `rport` was asked for, else to
    /// the sent-by port at the source address. `maddr` is not followed: a request must not choose a third party.
    pub fn reply_to(&self, source: SocketAddr) -> SocketAddr {
        if param(self.params, "rport").is_some() {
            return source;
        }
        let port = self.port.filter(|port| *port != 0).unwrap_or(5060);
        SocketAddr::new(source.ip(), port)
    }

    /// The port its sender listens at, over this transport. RFC 3261 section 18.2.2.
    pub(crate) fn port_of(&self, transport: Transport) -> u16 {
        self.port.filter(|port| *port != 0).unwrap_or(transport.default_port())
    }

    /// The entry as it is copied into replies: with `received`, and with `rport` if it was asked for.
    /// RFC 3261 section 18.2.1, RFC 3581 section 4.
    pub fn stamped(&self, source: SocketAddr) -> String {
        let mut out = format!("SIP/2.0/{} {}", self.transport, self.host);
        if let Some(port) = self.port {
            out.push_str(&format!(":{port}"));
        }
        let mut asked = false;
        for (name, value) in params(self.params) {
            if name.eq_ignore_ascii_case("rport") {
                asked = true;
                continue;
            }
            if name.eq_ignore_ascii_case("received") {
                continue;
            }
            out.push(';');
            out.push_str(name);
            if let Some(value) = value {
                out.push('=');
                out.push_str(value);
            }
        }
        let named = self.host.trim_start_matches('[').trim_end_matches(']');
        if asked || named.parse() != Ok(source.ip()) {
            out.push_str(&format!(";received={}", source.ip()));
        }
        if asked {
            out.push_str(&format!(";rport={}", source.port()));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> SocketAddr {
        "198.51.100.7:40001".parse().unwrap()
    }

    #[test]
    fn replies_go_where_the_standard_says() {
        for (text, to) in [
            ("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKa", "198.51.100.7:5070"),
            ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa", "198.51.100.7:5060"),
            ("SIP/2.0/UDP 10.0.0.1:5070;rport;branch=z9hG4bKa", "198.51.100.7:40001"),
            ("SIP/2.0/UDP 10.0.0.1;maddr=239.1.1.1;branch=z9hG4bKa", "198.51.100.7:5060"),
        ] {
            assert_eq!(Via::parse(text).expect(text).reply_to(source()), to.parse().unwrap(), "{text}");
        }
    }

    #[test]
    fn a_reply_says_where_the_request_came_from() {
        for (text, stamped) in [
            (
                "SIP/2.0/UDP 10.0.0.1:5070;rport;branch=z9hG4bKa",
                "SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKa;received=198.51.100.7;rport=40001",
            ),
            ("SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa", "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa"),
            (
                "SIP/2.0/UDP host.example.com;received=1.2.3.4;branch=z9hG4bKa",
                "SIP/2.0/UDP host.example.com;branch=z9hG4bKa;received=198.51.100.7",
            ),
        ] {
            assert_eq!(Via::parse(text).expect(text).stamped(source()), stamped);
        }
    }

    #[test]
    fn legal_and_broken_entries_are_told_apart() {
        for text in [
            "SIP / 2.0  / UDP   192.0.2.2;branch=390skdjuw",
            "SIP/2.0/TLS     t4.example.com ;branch=z9hG4bK77",
            "SIP/2.0/UDP [2001:db8::9]:5070;branch=z9hG4bKx",
            "SIP/2.0/UNKNOWN t5.example.com : 5090;branch=z9hG4bK",
        ] {
            assert!(Via::parse(text).is_some(), "{text}");
        }
        for text in
            ["SIP/2.0/UDP 192.0.2.15;;,;,,", "SIP/2.0/UDP", "UDP 1.2.3.4", "SIP/7.0/UDP 192.0.2.1", ""]
        {
            assert!(Via::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_empty_or_foreign_branch_is_not_unique() {
        for (branch, unique) in
            [("z9hG4bK", false), ("z9hG4bKx", true), ("390skdjuw", false), ("Z9HG4BKx", true)]
        {
            let text = format!("SIP/2.0/UDP 192.0.2.2;branch={branch}");
            assert_eq!(Via::parse(&text).unwrap().has_unique_branch(), unique);
        }
    }
}
