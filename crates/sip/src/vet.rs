//! Which requests are served, and with which status the others are turned away.
//!
//! [`read`] asks whether a request is whole, [`admit`] whether it is one we serve, in the order of RFC 3261
//! section 8.2. Both only look; what is sent and remembered is decided in `agent`.

use std::borrow::Cow;

use crate::address::Address;
use crate::grammar::{is_token, param};
use crate::limits::{BODY_BYTES, URI_BYTES};
use crate::message::{Fault, Message};
use crate::name::{Method, Name};
use crate::uri::{Uri, UriError};
use crate::via::Via;

/// The methods we serve, as written into Allow.
pub(crate) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, UPDATE, NOTIFY, REFER";
/// The body type we read.
pub(crate) const SDP_TYPE: &str = "application/sdp";
/// The body type of what is told of a call that was asked for. RFC 3420.
pub(crate) const FRAGMENT_TYPE: &str = "message/sipfrag;version=2.0";
/// Extensions (option tags) that we serve if a request requires them. RFC 3262, RFC 4028, RFC 3891.
const EXTENSIONS: [&str; 3] = ["100rel", "timer", "replaces"];

/// The same, for a Supported header.
pub(crate) fn supported() -> String {
    EXTENSIONS.join(", ")
}

/// A request that is whole: what every request must hold, read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub message: &'a Message,
    pub method: &'a Method,
    pub via: Via<'a>,
    pub from: Address<'a>,
    pub to: Address<'a>,
    pub call_id: &'a str,
    pub cseq: u32,
}

/// The answer to a request that is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rebuff {
    pub status: u16,
    pub reason: Cow<'static, str>,
    /// A header that says what would be right.
    pub hint: Option<(&'static str, String)>,
}

impl Rebuff {
    pub(crate) fn new(status: u16, reason: impl Into<Cow<'static, str>>) -> Rebuff {
        Rebuff { status, reason: reason.into(), hint: None }
    }

    pub(crate) fn hint(mut self, name: &'static str, value: impl Into<String>) -> Rebuff {
        self.hint = Some((name, value.into()));
        self
    }
}

/// Reads what every request must hold. The error is the answer: 400, or 505 for another version.
pub(crate) fn read(message: &Message) -> Result<Request<'_>, Rebuff> {
    match message.fault() {
        None => {}
        Some(Fault::Version) => return Err(Rebuff::new(505, "Version Not Supported")),
        Some(fault) => return Err(Rebuff::new(400, fault.to_string())),
    }
    let bad = |reason: &'static str| Rebuff::new(400, reason);
    let method = message.method().ok_or(bad("Not A Request"))?;
    let via = message.entries(Name::Via).next().and_then(Via::parse).ok_or(bad("Broken Via"))?;
    let from = message.header(Name::From).and_then(Address::parse).ok_or(bad("Broken From"))?;
    let to = message.header(Name::To).and_then(Address::parse).ok_or(bad("Broken To"))?;
    let call_id = message.header(Name::CallId).filter(|id| !id.is_empty()).ok_or(bad("No Call-ID"))?;
    let (cseq, cseq_method) = message.header(Name::CSeq).and_then(read_cseq).ok_or(bad("Broken CSeq"))?;
    if cseq_method != method.as_str() {
        return Err(bad("CSeq Names Another Method"));
    }
    Ok(Request { message, method, via, from, to, call_id, cseq })
}

/// Reads a CSeq value. The number must be below 2^31 (RFC 3261 section 8.1.1.5).
pub(crate) fn read_cseq(value: &str) -> Option<(u32, &str)> {
    let (number, method) = value.split_once(char::is_whitespace)?;
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = number.parse().ok().filter(|number| digits && *number < 1 << 31)?;
    let method = method.trim();
    is_token(method).then_some((number, method))
}

/// Says whether a whole request, ACK apart, is one that we serve; if not, the error is the answer.
pub(crate) fn admit(request: &Request<'_>) -> Result<(), Rebuff> {
    admit_method(request.method)?;
    if request.message.uri().len() > URI_BYTES {
        return Err(Rebuff::new(414, "Request-URI Too Long"));
    }
    match Uri::parse(request.message.uri()) {
        Ok(_) => {}
        Err(UriError::Scheme) => return Err(Rebuff::new(416, "Unsupported URI Scheme")),
        Err(UriError::Malformed(_)) => return Err(Rebuff::new(400, "Broken Request URI")),
    }
    if *request.method != Method::Cancel {
        admit_extensions(request.message)?;
    }
    // RFC 3891 section 3.
    if *request.method != Method::Invite && request.message.headers_spelled("Replaces").next().is_some() {
        return Err(Rebuff::new(400, "Replaces Outside An INVITE"));
    }
    if request.message.body().len() > BODY_BYTES {
        return Err(Rebuff::new(413, "Request Entity Too Large"));
    }
    if matches!(request.method, Method::Invite | Method::Update) {
        admit_accept(request.message)?;
        description(request.message)?;
    }
    Ok(())
}

fn admit_method(method: &Method) -> Result<(), Rebuff> {
    match method {
        Method::Invite
        | Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Info
        | Method::Prack
        | Method::Update
        | Method::Notify
        | Method::Refer => Ok(()),
        Method::Register | Method::Subscribe | Method::Publish | Method::Message => {
            Err(Rebuff::new(405, "Method Not Allowed").hint("Allow", ALLOW))
        }
        Method::Other(_) => Err(Rebuff::new(501, "Not Implemented").hint("Allow", ALLOW)),
    }
}

fn admit_extensions(message: &Message) -> Result<(), Rebuff> {
    let unknown: Vec<&str> = message
        .entries(Name::Require)
        .filter(|tag| !tag.is_empty() && !EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(tag)))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Rebuff::new(420, "Bad Extension").hint("Unsupported", unknown.join(", ")))
}

/// Our answers hold a session description; a caller that takes none is told so.
fn admit_accept(message: &Message) -> Result<(), Rebuff> {
    let mut accepts = message.entries(Name::Accept).filter(|entry| !entry.is_empty()).peekable();
    let fits = |entry: &str| {
        let kind = media_type(entry);
        [SDP_TYPE, "application/*", "*/*"].iter().any(|known| kind.eq_ignore_ascii_case(known))
    };
    if accepts.peek().is_none() || accepts.any(fits) {
        Ok(())
    } else {
        Err(Rebuff::new(406, "Not Acceptable"))
    }
}

fn media_type(value: &str) -> &str {
    value.split(';').next().unwrap_or("").trim()
}

/// The status that a NOTIFY about a call we asked for carries: the status line of a message/sipfrag. RFC 3420, RFC 3515
/// section 2.4.5.
pub(crate) fn told_status(message: &Message) -> Option<u16> {
    let kind = media_type(message.header(Name::ContentType).unwrap_or(""));
    let line = std::str::from_utf8(message.body()).ok()?.lines().next()?;
    let status = line.trim().strip_prefix("SIP/2.0 ")?.split(' ').next()?;
    let status = status.parse().ok().filter(|status| (100..700).contains(status))?;
    kind.eq_ignore_ascii_case("message/sipfrag").then_some(status)
}

/// The session description in a message: its body, or the part of a multipart body that is one.
pub(crate) fn description(message: &Message) -> Result<Option<&str>, Rebuff> {
    let unsupported = || Rebuff::new(415, "Unsupported Media Type").hint("Accept", SDP_TYPE);
    let encoded = message
        .header(Name::ContentEncoding)
        .is_some_and(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
    let body = message.body();
    if body.is_empty() {
        return Ok(None);
    }
    if encoded {
        return Err(unsupported().hint("Accept-Encoding", "identity"));
    }
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Rebuff::new(400, "Body Not UTF-8"));
    let declared = message.header(Name::ContentType).unwrap_or("");
    let kind = media_type(declared);
    if kind.eq_ignore_ascii_case(SDP_TYPE) || (kind.is_empty() && body.starts_with(b"v=")) {
        return text(body).map(Some);
    }
    if kind.eq_ignore_ascii_case("multipart/mixed") || kind.eq_ignore_ascii_case("multipart/alternative") {
        // A part that is no text (signalling of another network, say) must not spoil the one that is.
        return match part(body, declared) {
            Some(found) => text(found).map(Some),
            None => Err(unsupported()),
        };
    }
    let optional = message
        .header(Name::ContentDisposition)
        .is_some_and(|value| param(value, "handling").flatten() == Some("optional"));
    if optional { Ok(None) } else { Err(unsupported()) }
}

/// The first session description among the parts of a multipart body, one level deep.
fn part<'a>(body: &'a [u8], declared: &str) -> Option<&'a [u8]> {
    const PARTS: usize = 8;
    let (_, params) = declared.split_once(';')?;
    let boundary = param(params, "boundary").flatten()?.trim_matches('"');
    if boundary.is_empty() || boundary.len() > 70 {
        return None;
    }
    let delimiter = format!("--{boundary}");
    let mut rest = &body[find(body, delimiter.as_bytes())? + delimiter.len()..];
    for _ in 0..PARTS {
        let end = find(rest, delimiter.as_bytes())?;
        let one = &rest[..end];
        rest = &rest[end + delimiter.len()..];
        let (head, content) = match (find(one, b"\r\n\r\n"), find(one, b"\n\n")) {
            (Some(at), _) => (&one[..at], &one[at + 4..]),
            (None, Some(at)) => (&one[..at], &one[at + 2..]),
            (None, None) => continue,
        };
        let described = String::from_utf8_lossy(head).lines().any(|line| {
            line.split_once(':').is_some_and(|(name, value)| {
                Name::from_spelling(name.trim()) == Name::ContentType
                    && media_type(value).eq_ignore_ascii_case(SDP_TYPE)
            })
        });
        if described {
            return Some(content.strip_suffix(b"\r\n").unwrap_or(content));
        }
    }
    None
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::parse;

    fn verdict(method: &str, uri: &str, lines: &[&str], body: &str) -> u16 {
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nFrom: <sip:a@example.com>;tag=1\r\n\
             To: <sip:b@example.com>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{}\r\n\r\n{body}",
            lines.join("\r\n")
        );
        let message = parse(text.as_bytes()).expect("framed");
        let outcome = read(&message).and_then(|request| admit(&request));
        outcome.map_or_else(|rebuff| rebuff.status, |()| 200)
    }

    #[test]
    fn what_is_not_served_is_turned_away_with_the_right_status() {
        let big = "a".repeat(BODY_BYTES + 1);
        let uri = "sip:b@example.com";
        let long = format!("sip:{}@example.com", "1".repeat(URI_BYTES));
        for (method, uri, line, body, status) in [
            ("INVITE", uri, "X: y", "", 200),
            ("OPTIONS", uri, "Max-Forwards: 0", "", 200),
            ("INVITE", "tel:+13125550100", "X: y", "", 200),
            ("INVITE", &long, "X: y", "", 414),
            ("INVITE", "sip:a b@example.com", "X: y", "", 400),
            ("INVITE", "sip:@example.com", "X: y", "", 400),
            ("INVITE", uri, "Call-ID: again", "", 400),
            ("INVITE", uri, "To: <sip:again@example.com>", "", 400),
            ("INVITE", uri, "Content-Length: 400", "", 400),
            ("REGISTER", uri, "X: y", "", 405),
            ("UPDATE", uri, "X: y", "", 200),
            ("UPDATE", uri, "Content-Type: application/unknown", "x", 415),
            ("SUBSCRIBE", uri, "X: y", "", 405),
            ("REFER", uri, "X: y", "", 200),
            ("INVITE", uri, "Accept: text/plain", "", 406),
            ("INVITE", uri, "Accept: text/plain, application/*", "", 200),
            ("INVITE", uri, "Content-Type: application/sdp", &big, 413),
            ("INVITE", uri, "Content-Type: application/unknown", "x", 415),
            ("INVITE", uri, "Content-Type: application/sdp\r\nContent-Encoding: gzip", "x", 415),
            ("INVITE", uri, "c: application/isup\r\nContent-Disposition: signal;handling=optional", "x", 200),
            ("INVITE", "nobodyKnowsThisScheme:totallyopaquecontent", "X: y", "", 416),
            ("INVITE", uri, "Require: nothingSupportsThis, nothingSupportsThisEither", "", 420),
            ("INVITE", uri, "Require: 100REL, nothingSupportsThis", "", 420),
            ("INVITE", uri, "Require: 100rel", "", 200),
            ("CANCEL", uri, "Require: nothingSupportsThis", "", 200),
            ("NEWMETHOD", uri, "X: y", "", 501),
            ("invite", uri, "X: y", "", 501),
        ] {
            assert_eq!(verdict(method, uri, &[line], body), status, "{method} {uri} {line}");
        }
    }

    #[test]
    fn a_request_without_one_of_its_pillars_is_bad() {
        let pillars = [
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
            "From: <sip:a@example.com>;tag=1",
            "To: <sip:b@example.com>",
            "Call-ID: c",
            "CSeq: 1 OPTIONS",
        ];
        for missing in 0..pillars.len() {
            let lines: Vec<_> =
                pillars.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, line)| *line).collect();
            let text = format!("OPTIONS sip:b@example.com SIP/2.0\r\n{}\r\n\r\n", lines.join("\r\n"));
            let message = parse(text.as_bytes()).unwrap();
            assert_eq!(read(&message).unwrap_err().status, 400, "without {}", pillars[missing]);
        }
    }

    #[test]
    fn sequence_numbers_are_read_within_their_range() {
        for (value, read) in [
            ("0009   INVITE", Some((9, "INVITE"))),
            ("2147483647 BYE", Some((2_147_483_647, "BYE"))),
            ("2147483648 BYE", None),
            ("36893488147419103232 REGISTER", None),
            ("+1 INVITE", None),
            ("1", None),
            ("1 IN VITE", None),
        ] {
            assert_eq!(read_cseq(value), read, "{value}");
        }
    }

    #[test]
    fn the_description_is_found_among_other_parts() {
        let body = "--b1\r\nContent-Type: application/isup\r\n\r\n\u{1}\u{2}\r\n--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b1--\r\n";
        let text =
            format!("INVITE sip:a@b SIP/2.0\r\nContent-Type: multipart/mixed;boundary=\"b1\"\r\n\r\n{body}");
        let message = parse(text.as_bytes()).unwrap();
        assert_eq!(description(&message), Ok(Some("v=0\r\n")));
    }
}
