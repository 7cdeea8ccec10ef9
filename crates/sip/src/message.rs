//! Framing: one datagram becomes a start line, headers by name, and a body.
//!
//! This layer is tolerant on purpose. It finds the lines and keeps the first thing that is wrong as a [`Fault`], so
//! that even a broken request can still be answered by its Via. What a request must hold to be served is decided
//! in `vet`; what it means, in `agent`.
//!
//! Invariant: a value that was read holds no CR, LF or NUL, whatever the datagram held.

use crate::grammar::{is_token, list};
use crate::limits::{DATAGRAM_BYTES, HEADERS, ROUTES, VIAS};
use crate::name::{Method, Name};

/// Why a datagram is not even a broken message. It is dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// Only line ends: a keep-alive (RFC 5626 section 3.5.1).
    #[error("a keep-alive")]
    KeepAlive,
    /// Longer than a UDP datagram can be, and than what is read of a stream.
    #[error("longer than {DATAGRAM_BYTES} bytes")]
    TooLong,
    /// The first line is neither a request nor a status line.
    #[error("not SIP")]
    NotSip,
}

/// The first thing wrong with a message that could be framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Fault {
    #[error("Broken Request Line")]
    RequestLine,
    #[error("Version Not Supported")]
    Version,
    #[error("Not UTF-8")]
    NotUtf8,
    #[error("Headers Do Not End")]
    NoEnd,
    #[error("Broken Header Line")]
    HeaderLine,
    #[error("Control Character In Header")]
    ControlCharacter,
    #[error("Too Many Headers")]
    TooManyHeaders,
    #[error("Too Many Via Entries")]
    TooManyVias,
    #[error("Too Many Routes")]
    TooManyRoutes,
    #[error("Repeated {}", .0.as_str())]
    Repeated(Name),
    #[error("Broken Content-Length")]
    ContentLength,
    #[error("Content-Length Beyond Datagram")]
    BodyMissing,
}

/// A place in the text of a message.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: usize,
    to: usize,
}

#[derive(Debug, Clone)]
enum Start {
    Request { method: Method, uri: Span },
    Response { status: u16, reason: Span },
}

#[derive(Debug, Clone)]
struct Field {
    name: Name,
    spelling: Span,
    value: Span,
}

/// A framed message. Folded lines are joined, values trimmed, compact names understood.
#[derive(Debug, Clone)]
pub struct Message {
    text: String,
    start: Start,
    fields: Vec<Field>,
    body: Vec<u8>,
    fault: Option<Fault>,
}

/// Frames one datagram. Never panics, never recurses; work and memory are linear in the datagram.
pub fn parse(datagram: &[u8]) -> Result<Message, Unreadable> {
    if datagram.len() > DATAGRAM_BYTES {
        return Err(Unreadable::TooLong);
    }
    let begin = datagram.iter().position(|byte| !b"\r\n".contains(byte)).ok_or(Unreadable::KeepAlive)?;
    let datagram = &datagram[begin..];
    let (head, rest, ended) = split_head(datagram);
    let lossy = String::from_utf8_lossy(head);
    let mut framer = Framer::new(head.len());
    if !ended {
        framer.blame(Fault::NoEnd);
    }
    if matches!(lossy, std::borrow::Cow::Owned(_)) {
        framer.blame(Fault::NotUtf8);
    }
    let mut lines = lossy.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let start = framer.start_line(lines.next().unwrap_or(""))?;
    for line in lines {
        framer.line(line);
    }
    framer.finish(start, rest)
}

/// Everything before the empty line, everything after it, and whether there was one.
fn split_head(datagram: &[u8]) -> (&[u8], &[u8], bool) {
    let mut from = 0;
    while let Some(at) = datagram[from..].iter().position(|byte| *byte == b'\n') {
        let next = from + at + 1;
        match datagram.get(next..) {
            Some([b'\n', rest @ ..]) | Some([b'\r', b'\n', rest @ ..]) => {
                return (&datagram[..next - 1], rest, true);
            }
            _ => from = next,
        }
    }
    (datagram, &[], false)
}

struct Framer {
    text: String,
    fields: Vec<Field>,
    fault: Option<Fault>,
    full: bool,
}

impl Framer {
    fn new(bytes: usize) -> Framer {
        Framer {
            text: String::with_capacity(bytes),
            fields: Vec::with_capacity(24),
            fault: None,
            full: false,
        }
    }

    fn blame(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// Copies text without control characters and says where it now stands.
    fn keep(&mut self, text: &str) -> Span {
        let from = self.text.len();
        self.append(text);
        Span { from, to: self.text.len() }
    }

    fn append(&mut self, text: &str) {
        let control = |byte: u8| (byte < b' ' && byte != b'\t') || byte == 0x7f;
        if text.bytes().any(control) {
            // Behind a backslash it is legal (RFC 3261 section 25.1), but for line ends; it is no less unwanted here.
            let mut before = b' ';
            let lone = text.bytes().any(|byte| {
                let before = std::mem::replace(&mut before, byte);
                control(byte) && (before != b'\\' || byte == b'\r')
            });
            if lone {
                self.blame(Fault::ControlCharacter);
            }
            self.text.extend(text.chars().map(|char| if char.is_control() { ' ' } else { char }));
        } else {
            self.text.push_str(text);
        }
    }

    fn start_line(&mut self, line: &str) -> Result<Start, Unreadable> {
        if line.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("SIP/")) {
            return self.status_line(line);
        }
        let (method, rest) = line.split_once(' ').ok_or(Unreadable::NotSip)?;
        if !is_token(method) {
            return Err(Unreadable::NotSip);
        }
        let trimmed = rest.trim_end();
        let (uri, version) = trimmed.rsplit_once(' ').ok_or(Unreadable::NotSip)?;
        if !version.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("SIP/")) {
            return Err(Unreadable::NotSip);
        }
        let tidy = trimmed.len() == rest.len() && !uri.contains(char::is_whitespace);
        if !tidy || uri.is_empty() || uri.starts_with('<') {
            self.blame(Fault::RequestLine);
        } else if !version.eq_ignore_ascii_case("SIP/2.0") {
            self.blame(Fault::Version);
        }
        Ok(Start::Request { method: Method::from_token(method), uri: self.keep(uri) })
    }

    fn status_line(&mut self, line: &str) -> Result<Start, Unreadable> {
        let (version, rest) = line.split_once(' ').ok_or(Unreadable::NotSip)?;
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let plain = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
        let status: u16 = code.parse().ok().filter(|_| plain).ok_or(Unreadable::NotSip)?;
        if !version.eq_ignore_ascii_case("SIP/2.0") || !(100..700).contains(&status) {
            return Err(Unreadable::NotSip);
        }
        Ok(Start::Response { status, reason: self.keep(reason) })
    }

    fn line(&mut self, line: &str) {
        if self.full || line.is_empty() {
            return;
        }
        if line.starts_with([' ', '\t']) {
            self.fold(line);
            return;
        }
        let Some((spelling, value)) = line.split_once(':') else {
            self.blame(Fault::HeaderLine);
            return;
        };
        let spelling = spelling.trim_end();
        if !is_token(spelling) {
            self.blame(Fault::HeaderLine);
            return;
        }
        if self.fields.len() == HEADERS {
            self.blame(Fault::TooManyHeaders);
            self.full = true;
            return;
        }
        let name = Name::from_spelling(spelling);
        let spelling = self.keep(spelling);
        let value = self.keep(value.trim());
        self.fields.push(Field { name, spelling, value });
    }

    /// Joins a continuation line to the value before it, which is the last text kept.
    fn fold(&mut self, line: &str) {
        if self.fields.is_empty() {
            self.blame(Fault::HeaderLine);
            return;
        }
        let line = line.trim();
        let joined = self.fields.last().is_some_and(|field| field.value.from != field.value.to);
        if joined && !line.is_empty() {
            self.text.push(' ');
        }
        self.append(line);
        let end = self.text.len();
        if let Some(field) = self.fields.last_mut() {
            field.value.to = end;
        }
    }

    fn finish(mut self, start: Start, rest: &[u8]) -> Result<Message, Unreadable> {
        self.look_for_repeats();
        let mut message =
            Message { text: self.text, start, fields: self.fields, body: Vec::new(), fault: self.fault };
        if message.entries(Name::Via).nth(VIAS).is_some() {
            message.fault.get_or_insert(Fault::TooManyVias);
        }
        for name in [Name::Route, Name::RecordRoute] {
            if message.entries(name).nth(ROUTES).is_some() {
                message.fault.get_or_insert(Fault::TooManyRoutes);
            }
        }
        match declared_length(&message) {
            Ok(None) => message.body = rest.to_vec(),
            Ok(Some(length)) if length <= rest.len() => message.body = rest[..length].to_vec(),
            Ok(Some(_)) => {
                message.fault.get_or_insert(Fault::BodyMissing);
            }
            Err(fault) => {
                message.fault.get_or_insert(fault);
            }
        }
        Ok(message)
    }

    fn look_for_repeats(&mut self) {
        const ONCE: [Name; 7] = [
            Name::CallId,
            Name::CSeq,
            Name::From,
            Name::To,
            Name::ContentLength,
            Name::ContentType,
            Name::MaxForwards,
        ];
        for name in ONCE {
            if self.fields.iter().filter(|field| field.name == name).nth(1).is_some() {
                self.blame(Fault::Repeated(name));
            }
        }
    }
}

fn declared_length(message: &Message) -> Result<Option<usize>, Fault> {
    let Some(value) = message.header(Name::ContentLength) else { return Ok(None) };
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::ContentLength);
    }
    // A number too long for usize is certainly beyond the datagram.
    Ok(Some(value.parse().unwrap_or(usize::MAX)))
}

impl Message {
    /// The method of a request, or `None` for a response.
    pub fn method(&self) -> Option<&Method> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The request URI as written; empty for a response.
    pub fn uri(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => self.at(*uri),
            Start::Response { .. } => "",
        }
    }

    /// The status of a response, 100 to 699, or `None` for a request.
    pub fn status(&self) -> Option<u16> {
        match &self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(*status),
        }
    }

    /// The reason phrase of a response; empty for a request.
    pub fn reason(&self) -> &str {
        match &self.start {
            Start::Request { .. } => "",
            Start::Response { reason, .. } => self.at(*reason),
        }
    }

    /// The first value of a header.
    pub fn header(&self, name: Name) -> Option<&str> {
        self.headers(name).next()
    }

    /// Every line of a header, in order.
    pub fn headers(&self, name: Name) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |field| field.name == name).map(|field| self.at(field.value))
    }

    /// Every entry of a header that may hold a list, over all its lines, in order.
    pub fn entries(&self, name: Name) -> impl Iterator<Item = &str> {
        self.headers(name).flat_map(list)
    }

    /// Every line of a header by its full spelling, in any case: for headers that have no [`Name`].
    pub fn headers_spelled<'a>(&'a self, spelling: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |field| self.at(field.spelling).eq_ignore_ascii_case(spelling))
            .map(|field| self.at(field.value))
    }

    /// Every header line with its name as it is spelled, in order.
    pub fn headers_as_spelled(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|field| (self.at(field.spelling), self.at(field.value)))
    }

    /// The body as long as Content-Length says, or the rest of the datagram.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The first thing that is wrong, if anything is.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// The length of the body as Content-Length has it; `None` without one that can be read. A number that is too
    /// large for this machine is `usize::MAX`.
    pub fn declared_length(&self) -> Option<usize> {
        declared_length(self).ok().flatten()
    }

    fn at(&self, span: Span) -> &str {
        &self.text[span.from..span.to]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(lines: &[&str]) -> Vec<u8> {
        format!("OPTIONS sip:desk@example.com SIP/2.0\r\n{}\r\n\r\n", lines.join("\r\n")).into_bytes()
    }

    #[test]
    fn folded_and_compact_headers_are_read_like_plain_ones() {
        let message =
            parse(&with(&["v:", " SIP/2.0/UDP", "\t192.0.2.1", "i : abc", "s:", "X-Odd-One:  z "])).unwrap();
        assert_eq!(message.fault(), None);
        assert_eq!(message.header(Name::Via), Some("SIP/2.0/UDP 192.0.2.1"));
        assert_eq!(message.header(Name::CallId), Some("abc"));
        assert_eq!(message.header(Name::Subject), Some(""));
        assert_eq!(message.headers_spelled("x-odd-one").next(), Some("z"));
    }

    #[test]
    fn what_is_wrong_with_a_request_is_named_and_the_rest_still_read() {
        let many = vec!["A: b"; HEADERS + 1];
        let vias = vec!["Via: SIP/2.0/UDP a, SIP/2.0/UDP b"; VIAS / 2 + 1];
        let routes = vec!["Route: <sip:a;lr>"; ROUTES + 1];
        for (lines, fault) in [
            (vec!["Call-ID: a", "i: a"], Some(Fault::Repeated(Name::CallId))),
            (vec!["Content-Length: 5"], Some(Fault::BodyMissing)),
            (vec!["Content-Length: -1"], Some(Fault::ContentLength)),
            (vec!["Content-Length: 99999999999999999999999"], Some(Fault::BodyMissing)),
            (vec!["no colon here"], Some(Fault::HeaderLine)),
            (vec!["Bad Name: x"], Some(Fault::HeaderLine)),
            (vec![" folded before anything"], Some(Fault::HeaderLine)),
            (vec!["Subject: a\0b"], Some(Fault::ControlCharacter)),
            (vec!["Subject: a\rVia: b"], Some(Fault::ControlCharacter)),
            (vec!["Subject: \"a\\\rVia: b\""], Some(Fault::ControlCharacter)),
            (vec!["Subject: \"bell \\\u{7} zero \\\0\""], None),
            (many, Some(Fault::TooManyHeaders)),
            (vias, Some(Fault::TooManyVias)),
            (routes, Some(Fault::TooManyRoutes)),
            (vec!["Subject: a"], None),
        ] {
            let message = parse(&with(&lines)).unwrap();
            assert_eq!(message.fault(), fault, "{:?}", lines[0]);
            assert!(message.headers(Name::Subject).all(|value| !value.contains(['\r', '\n', '\0'])));
        }
    }

    #[test]
    fn start_lines_are_told_apart() {
        for (line, fault) in [
            ("INVITE sip:a@b SIP/2.0", Ok(None)),
            ("INVITE <sip:a@b> SIP/2.0", Ok(Some(Fault::RequestLine))),
            ("INVITE  sip:a@b SIP/2.0", Ok(Some(Fault::RequestLine))),
            ("INVITE sip:a@b; lr SIP/2.0", Ok(Some(Fault::RequestLine))),
            ("INVITE sip:a@b SIP/2.0  ", Ok(Some(Fault::RequestLine))),
            ("INVITE sip:a@b SIP/7.0", Ok(Some(Fault::Version))),
            ("!interesting-Method0123456789_*+`.%indeed'~ sip:a@b SIP/2.0", Ok(None)),
            ("SIP/2.0 200 ", Ok(None)),
            ("SIP/2.0 180", Ok(None)),
            ("SIP/2.0 4294967301 better not", Err(Unreadable::NotSip)),
            ("SIP/2.0 +20 x", Err(Unreadable::NotSip)),
            ("GET / HTTP/1.1", Err(Unreadable::NotSip)),
            ("{\"a\": 1}", Err(Unreadable::NotSip)),
        ] {
            let got = parse(format!("{line}\r\nTo: x\r\n\r\n").as_bytes()).map(|message| message.fault());
            assert_eq!(got, fault, "{line}");
        }
    }

    #[test]
    fn the_body_ends_where_content_length_says() {
        let message = parse(b"BYE sip:a@b SIP/2.0\r\nl: 3\r\n\r\nabcINVITE sip:x SIP/2.0\r\n\r\n").unwrap();
        assert_eq!((message.body(), message.fault()), (&b"abc"[..], None));
        let message = parse(b"\r\n\r\nBYE sip:a@b SIP/2.0\nTo: x\n\nabc").unwrap();
        assert_eq!(message.body(), b"abc");
    }

    #[test]
    fn line_ends_alone_are_a_keep_alive() {
        assert_eq!(parse(b"\r\n\r\n").unwrap_err(), Unreadable::KeepAlive);
        assert_eq!(parse(b"").unwrap_err(), Unreadable::KeepAlive);
        assert_eq!(parse(&vec![b'a'; DATAGRAM_BYTES + 1]).unwrap_err(), Unreadable::TooLong);
    }

    #[test]
    fn bytes_that_are_no_text_are_blamed_and_not_fatal() {
        let message = parse(b"OPTIONS sip:a@b SIP/2.0\r\nSubject: \xff\xfe\r\n\r\n").unwrap();
        assert_eq!(message.fault(), Some(Fault::NotUtf8));
    }
}
