//! Values with rules, read once: durations, addresses, ranges, ports, secrets.
//!
//! Each reader says in one sentence what is wrong and what would be right. Telephone numbers and hours are read by
//! the desk.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use sip::Transport;

/// What is wrong with a value, and what would be right.
pub(super) type Says = String;

/// A duration like `15s`, `2h`, `90d`, `500ms` or `1h30m`; a day is 24 hours.
pub(super) fn duration(text: &str) -> Result<Duration, Says> {
    let wrong =
        || format!("{text:?} is no duration; write a number and its unit, like \"15s\", \"2h\" or \"90d\"");
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|sign: char| !sign.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let amount: u64 = number.parse().map_err(|_| wrong())?;
        let millis = amount.checked_mul(unit_ms(unit).ok_or_else(wrong)?).ok_or_else(wrong)?;
        total = total.checked_add(Duration::from_millis(millis)).ok_or_else(wrong)?;
        rest = after.trim_start();
    }
    Ok(total)
}

fn unit_ms(unit: &str) -> Option<u64> {
    match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" | "min" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        "w" => Some(7 * 86_400_000),
        _ => None,
    }
}

/// A duration within bounds, which are given as they are written.
pub(super) fn duration_within(text: &str, least: &str, most: &str) -> Result<Duration, Says> {
    let read = duration(text)?;
    match (duration(least), duration(most)) {
        (Ok(low), Ok(high)) if read < low || read > high => {
            Err(format!("{text:?} is out of bounds; it can be from {least} to {most}"))
        }
        _ => Ok(read),
    }
}

/// A place where SIP is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// How.
    pub transport: Transport,
    /// The address and port; IPv6 addresses take no IPv4.
    pub address: SocketAddr,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.address)
    }
}

/// Where SIP is received: `udp:0.0.0.0:5060`.
pub(super) fn sip_listen(text: &str) -> Result<Listen, Says> {
    let Some((transport, address)) = text.split_once(':') else {
        return Err(format!("{text:?} is no place to listen; write it like \"udp:0.0.0.0:5060\""));
    };
    let transport = match transport {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        "tls" => Transport::Tls,
        "ws" | "wss" => {
            return Err(format!(
                "{transport} is not available yet; udp, tcp and tls work, like \"udp:0.0.0.0:5060\""
            ));
        }
        _ => return Err(format!("{text:?} is no place to listen; write it like \"udp:0.0.0.0:5060\"")),
    };
    let address = socket_address(address, &format!("{transport}:0.0.0.0:{}", transport.default_port()))?;
    Ok(Listen { transport, address })
}

/// An address with its port.
pub(super) fn socket_address(text: &str, like: &str) -> Result<SocketAddr, Says> {
    text.parse().map_err(|_| format!("{text:?} is no address with a port; write it like {like:?}"))
}

/// Who is asked where hosts are: an address, with a port if it is not 53.
pub(super) fn name_server(text: &str) -> Result<SocketAddr, Says> {
    let bare = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
    text.parse().or_else(|_| bare()).map_err(|_| {
        format!("{text:?} is no address of a name server; write it like \"192.0.2.53\" or \"127.0.0.1:5353\"")
    })
}

/// The address other machines are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advertise {
    /// This machine's own address toward whoever is answered.
    Auto,
    /// A public address in front of this machine.
    Address(IpAddr),
}

pub(super) fn advertise(text: &str) -> Result<Advertise, Says> {
    if text == "auto" {
        return Ok(Advertise::Auto);
    }
    match text.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => {
            Err(format!("{text} is nobody's address; write \"auto\" or the address that carriers reach"))
        }
        Ok(address) => Ok(Advertise::Address(address)),
        Err(_) => {
            Err(format!("{text:?} is no address; write \"auto\" or an IP address like \"203.0.113.7\""))
        }
    }
}

/// `20000-29999`: at least two ports, none below 1024.
pub(super) fn port_range(text: &str) -> Result<RangeInclusive<u16>, Says> {
    let wrong = || format!("{text:?} is no range of ports; write it like \"20000-29999\"");
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let first: u16 = first.trim().parse().map_err(|_| wrong())?;
    let last: u16 = last.trim().parse().map_err(|_| wrong())?;
    if first < 1024 {
        return Err(format!(
            "{text:?} begins below 1024, where other services live; write it like \"20000-29999\""
        ));
    }
    if last <= first {
        return Err(format!("{text:?} ends before it has two ports; write it like \"20000-29999\""));
    }
    Ok(first..=last)
}

/// Who may send calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Everybody in here.
    Range(IpNet),
    /// Whoever has an address of this host, in lower case.
    Name(String),
    /// Whoever shows a certificate for this domain, in lower case.
    Certificate(String),
}

/// Ranges, names and certificates' domains, each for itself.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub ranges: Vec<IpNet>,
    pub names: Vec<String>,
    pub certificates: Vec<String>,
}

impl FromIterator<Source> for Sources {
    fn from_iter<T: IntoIterator<Item = Source>>(sources: T) -> Sources {
        let mut apart = Sources::default();
        for source in sources {
            match source {
                Source::Range(range) => apart.ranges.push(range),
                Source::Name(name) => apart.names.push(name),
                Source::Certificate(domain) => apart.certificates.push(domain),
            }
        }
        apart
    }
}

/// What stands before the domain of a certificate.
pub(super) const BY_CERTIFICATE: &str = "tls:";

/// A domain as it stands in a certificate: no address, no port, no wildcard.
fn certified(text: &str) -> Result<Source, Says> {
    match source(text) {
        Ok(Source::Name(domain)) => Ok(Source::Certificate(domain)),
        Ok(Source::Range(_) | Source::Certificate(_)) | Err(_) => Err(format!(
            "\"{BY_CERTIFICATE}{text}\" names no domain that a certificate could be for; write it like \"tls:sip.example.com\""
        )),
    }
}

/// An address, a range, the name of a host, or `tls:` and a domain. One word without a dot is no name here: it would be a slip for something
/// wider too easily.
pub(super) fn source(text: &str) -> Result<Source, Says> {
    if let Some(domain) = text.strip_prefix(BY_CERTIFICATE) {
        return certified(domain);
    }
    let name = target(text).ok().filter(|target| target.port.is_none() && target.host == text);
    match name.filter(|name| name.host.contains('.') && name.host.parse::<IpAddr>().is_err()) {
        Some(name) => Ok(Source::Name(name.host.to_ascii_lowercase())),
        None => address_range(text).map(Source::Range),
    }
}

/// An address or a range that may send calls.
pub(super) fn address_range(text: &str) -> Result<IpNet, Says> {
    let range = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().map_err(|_| {
            format!("{text:?} is no address, range or host; write it like \"192.0.2.10\", \"192.0.2.0/24\" or \"pbx.example.com\"")
        })?,
    };
    let least = match range {
        IpNet::V4(_) => WIDEST_V4,
        IpNet::V6(_) => WIDEST_V6,
    };
    if range.prefix_len() < least {
        return Err(format!(
            "{text:?} lets in too many strangers; name the carrier's addresses, at most a /{least}"
        ));
    }
    Ok(range.trunc())
}

/// A whole /8 is one private network (10.0.0.0/8); no carrier sends calls from more.
const WIDEST_V4: u8 = 8;
/// A provider's usual whole allocation (RIPE-738, 5.3).
const WIDEST_V6: u8 = 29;

/// A host that requests are sent to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// A host name or an address, IPv6 without brackets.
    pub host: String,
    /// The port, if one is written: then the host is asked for no services (RFC 3263 section 4.2).
    pub port: Option<u16>,
    /// How it is reached.
    pub transport: Transport,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The port of STUN. RFC 8489 section 18.6.
const STUN_PORT: u16 = 3478;

/// A STUN server: `HOST` or `HOST:PORT`.
pub(super) fn stun_server(text: &str) -> Result<Target, Says> {
    let named = target(text)?;
    Ok(Target { port: named.port.or(Some(STUN_PORT)), ..named })
}

/// `HOST` or `HOST:PORT`, reached over UDP.
pub(super) fn target(text: &str) -> Result<Target, Says> {
    target_over(text, Transport::Udp)
}

/// `HOST` or `HOST:PORT`.
pub(super) fn target_over(text: &str, transport: Transport) -> Result<Target, Says> {
    let wrong = || format!("{text:?} is no host; write it like \"sip.example.com\" or \"192.0.2.10:5060\"");
    let text = text.strip_prefix("sip:").unwrap_or(text);
    let text = text.strip_suffix(";lr").unwrap_or(text);
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Target { host: address.ip().to_string(), port: Some(address.port()), transport });
    }
    if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(Target { host: address.to_string(), port: None, transport });
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().map_err(|_| wrong())?)),
        None => (text, None),
    };
    let plain = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'-')
    };
    let is_name = host.len() <= 253 && host.split('.').all(plain);
    // A host name's last label is never a number (RFC 1123, 2.1): 192.0.2.300 is a slip, not a name.
    let ends_in_number =
        host.rsplit('.').next().is_some_and(|label| label.bytes().all(|sign| sign.is_ascii_digit()));
    match is_name && !ends_in_number && port != Some(0) {
        true => Ok(Target { host: host.to_string(), port, transport }),
        false => Err(wrong()),
    }
}

/// Where secrets and files are looked up.
pub(super) struct Surroundings<'a> {
    /// The directory of the configuration file; relative paths begin there.
    pub(super) directory: &'a Path,
    /// The environment.
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    /// Whether secrets are wanted.
    pub(super) secrets: Secrets,
}

/// Whether secrets are read, or only how they are written is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    /// Each is read, and one that cannot be is a fault.
    Read,
    /// For what only looks at what is stored: each is left empty.
    LeftOut,
}

/// The most bytes a secret's file may have: more is a slip in the path.
const LONGEST_SECRET: u64 = 4096;

/// A secret as `env:NAME` or `file:PATH`, or in plain sight where that is allowed.
pub(super) fn secret(text: &str, plain_allowed: bool, around: &Surroundings<'_>) -> Result<String, Says> {
    let elsewhere = text.starts_with("env:") || text.starts_with("file:");
    if elsewhere && around.secrets == Secrets::LeftOut {
        return Ok(String::new());
    }
    let found = if let Some(name) = text.strip_prefix("env:") {
        (around.variable)(name)
            .ok_or_else(|| format!("the environment has no variable {name}; set it, or write file:PATH"))?
    } else if let Some(path) = text.strip_prefix("file:") {
        secret_file(&around.directory.join(path))?
    } else if plain_allowed {
        text.to_string()
    } else {
        return Err("a secret does not belong into this file; write \"env:NAME\" or \"file:PATH\", or set \
                    allow_plain_secrets = true"
            .to_string());
    };
    let found = found.trim().to_string();
    match found.is_empty() {
        true => Err(format!("the secret behind {} is empty", source_of(text))),
        false => Ok(found),
    }
}

/// What may be shown of where a secret comes from: never the secret.
fn source_of(text: &str) -> &str {
    if text.starts_with("env:") || text.starts_with("file:") { text } else { "this key" }
}

fn secret_file(path: &Path) -> Result<String, Says> {
    let unreadable = |why: &dyn fmt::Display| {
        format!(
            "the secret's file {} cannot be read: {why}; name a file that this user can read",
            path.display()
        )
    };
    let size = std::fs::metadata(path).map_err(|error| unreadable(&plain(&error)))?.len();
    if size > LONGEST_SECRET {
        return Err(unreadable(&"it is longer than any secret"));
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(&plain(&error)))
}

/// An operating system's refusal in a few words, the same on every machine.
pub(crate) fn plain(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_string(),
        ErrorKind::PermissionDenied => "permission denied".to_string(),
        ErrorKind::AlreadyExists => "there is a file of this name".to_string(),
        ErrorKind::IsADirectory => "it is a directory".to_string(),
        ErrorKind::NotADirectory => "a part of the path is no directory".to_string(),
        ErrorKind::InvalidData => "it is not UTF-8 text".to_string(),
        ErrorKind::AddrInUse => "another program has this port".to_string(),
        ErrorKind::AddrNotAvailable => "this machine has no such address".to_string(),
        ErrorKind::ReadOnlyFilesystem => "it lies on a read-only disk".to_string(),
        ErrorKind::StorageFull => "the disk is full".to_string(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, seconds) in [
            ("15s", 15),
            ("2h", 7200),
            ("90d", 7_776_000),
            ("1h30m", 5400),
            ("1h 30m", 5400),
            ("2w", 1_209_600),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for text in [
            "",
            "15",
            "s",
            "15 s",
            "-3s",
            "1.5h",
            "2 hours",
            "99999999999999999999d",
            "18446744073709551615w",
            "2hh",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_is_read_as_the_network_it_is_in() {
        for (text, range) in [
            ("192.0.2.10", Some("192.0.2.10/32")),
            ("192.0.2.10/24", Some("192.0.2.0/24")),
            ("2001:db8::1", Some("2001:db8::1/128")),
            ("127.0.0.0/8", Some("127.0.0.0/8")),
            ("0.0.0.0/0", None),
            ("::/0", None),
            ("192.0.2.256", None),
            ("sip.example.com", None),
        ] {
            assert_eq!(address_range(text).ok().map(|range| range.to_string()).as_deref(), range, "{text}");
        }
    }

    #[test]
    fn who_may_send_calls_is_an_address_a_range_a_host_or_the_owner_of_a_certificate() {
        for (text, read) in [
            ("192.0.2.10", Some("192.0.2.10/32")),
            ("192.0.2.0/24", Some("192.0.2.0/24")),
            ("2001:db8::1", Some("2001:db8::1/128")),
            ("PBX.Example.com", Some("pbx.example.com")),
            ("pbx.example.com:5060", None),
            ("sip:pbx.example.com", None),
            ("all", None),
            ("*", None),
            ("*.example.com", None),
            ("192.0.2.300", None),
            ("0.0.0.0/0", None),
            ("tls:SIP.Example.com", Some("tls:sip.example.com")),
            ("tls:", None),
            ("tls:192.0.2.10", None),
            ("tls:*.example.com", None),
            ("tls:sip.example.com:5061", None),
            ("tls:tls:sip.example.com", None),
        ] {
            let shown = source(text).ok().map(|source| match source {
                Source::Range(range) => range.to_string(),
                Source::Name(name) => name,
                Source::Certificate(domain) => format!("tls:{domain}"),
            });
            assert_eq!(shown.as_deref(), read, "{text}");
        }
    }

    #[test]
    fn a_target_is_a_host_with_an_optional_port() {
        for (text, read) in [
            ("sip.example.com", Some("sip.example.com")),
            ("sip:sip.example.com:5080;lr", Some("sip.example.com:5080")),
            ("192.0.2.10", Some("192.0.2.10")),
            ("[2001:db8::1]", Some("[2001:db8::1]")),
            ("[2001:db8::1]:5070", Some("[2001:db8::1]:5070")),
            ("192.0.2.300", None),
            ("sip.example.com:0", None),
            ("sip.example.com:70000", None),
            ("two words", None),
            ("", None),
        ] {
            assert_eq!(target(text).ok().map(|target| target.to_string()).as_deref(), read, "{text}");
        }
    }

    #[test]
    fn a_secret_is_never_repeated_in_what_is_said_about_it() {
        let nowhere = |_: &str| None;
        let around = Surroundings { directory: Path::new("/"), variable: &nowhere, secrets: Secrets::Read };
        let says = secret("hunter2", false, &around).unwrap_err();
        assert!(!says.contains("hunter2"), "{says}");
        assert_eq!(secret("hunter2", true, &around), Ok("hunter2".to_string()));
        assert_eq!(
            secret("env:DESK_TOKEN", true, &around),
            Err("the environment has no variable DESK_TOKEN; set it, or write file:PATH".to_string())
        );
    }

    #[test]
    fn what_only_looks_at_what_is_stored_wants_no_secret_and_still_refuses_one_in_plain_sight() {
        let nowhere = |_: &str| None;
        let around =
            Surroundings { directory: Path::new("/"), variable: &nowhere, secrets: Secrets::LeftOut };
        for absent in ["env:TRUNK_PASSWORD", "file:nowhere"] {
            assert_eq!(secret(absent, false, &around), Ok(String::new()));
        }
        assert!(secret("hunter2", false, &around).is_err());
    }
}
