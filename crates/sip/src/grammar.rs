//! The small pieces of RFC 3261 section 25 that several headers share: tokens, quotes, lists, parameters.
//!
//! Everything here borrows from its input, loops without recursion and accepts more than the grammar does, as long
//! as the meaning stays plain.

/// True for a non-empty `token` of RFC 3261 section 25.1.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// Where `wanted` first stands outside quotes and, if `angled` says so, outside angle brackets.
/// `None` as well if a quote stays open.
fn find_outside(text: &str, wanted: u8, angled: bool) -> Option<usize> {
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if escaped {
            escaped = false;
        } else if quoted {
            match byte {
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
        } else if byte == wanted && !(angled && angle) {
            return Some(at);
        } else {
            match byte {
                b'"' => quoted = true,
                b'<' => angle = true,
                b'>' => angle = false,
                _ => {}
            }
        }
    }
    None
}

/// The first `wanted` byte outside quotes.
pub(crate) fn find_unquoted(text: &str, wanted: u8) -> Option<usize> {
    find_outside(text, wanted, false)
}

/// True if every quote that opens also closes.
pub(crate) fn quotes_close(text: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    !quoted
}

/// The entries of a comma-separated header value; commas in quotes and angle brackets do not count.
pub(crate) fn list(value: &str) -> List<'_> {
    List { rest: Some(value) }
}

/// Iterator made by [`list`].
pub(crate) struct List<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for List<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        match find_outside(rest, b',', true) {
            Some(at) => {
                self.rest = Some(&rest[at + 1..]);
                Some(rest[..at].trim())
            }
            None => {
                self.rest = None;
                Some(rest.trim())
            }
        }
    }
}

/// The parameters of `;a=b;c`, given from the first semicolon on (or the text after it).
pub(crate) fn params(text: &str) -> Params<'_> {
    let text = text.trim_start();
    Params { rest: text.strip_prefix(';').unwrap_or(text) }
}

/// Iterator made by [`params`]: name and value, both trimmed. A nameless parameter ends as an empty name.
pub(crate) struct Params<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a str, Option<&'a str>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (one, rest) = match find_unquoted(self.rest, b';') {
            Some(at) => (&self.rest[..at], &self.rest[at + 1..]),
            None => (self.rest, ""),
        };
        self.rest = rest;
        Some(match find_unquoted(one, b'=') {
            Some(at) => (one[..at].trim(), Some(one[at + 1..].trim())),
            None => (one.trim(), None),
        })
    }
}

/// The value of one parameter: `Some(None)` if it stands there without a value.
pub(crate) fn param<'a>(text: &'a str, name: &str) -> Option<Option<&'a str>> {
    params(text).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Takes the quotes and escapes off a quoted string; anything else comes back trimmed.
pub(crate) fn unquote(text: &str) -> String {
    let text = text.trim();
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => out.extend(chars.next()),
            other => out.push(other),
        }
    }
    out
}

/// Writes text as a quoted string. Control characters become spaces, so no line can end inside.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => {
                out.push('\\');
                out.push(char);
            }
            other if other.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// Undoes `%41` escapes; what is no escape stays. Bytes that are no UTF-8 become the replacement character.
pub(crate) fn unescape(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if bytes[at] == b'%' && bytes[at + 1].is_ascii_hexdigit() => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Writes text as the user part of a URI: everything but unreserved and user characters is escaped.
pub(crate) fn escape_user(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        let value = r#""Doe, \"J\" " <sip:a,b@example.com;x=1>;q=1, <sip:c@example.com>"#;
        let entries: Vec<_> = list(value).collect();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1], "<sip:c@example.com>");
    }

    #[test]
    fn parameters_may_stand_wide_apart_and_only_whole_names_match() {
        let text = "; mytag=1 ;  tag   = 191 ; lr; note=\"a;tag=2\"";
        assert_eq!(param(text, "tag"), Some(Some("191")));
        assert_eq!(param(text, "LR"), Some(None));
        assert_eq!(param(text, "ag"), None);
        assert_eq!(param("", "tag"), None);
    }

    #[test]
    fn quoting_is_undone_by_unquoting_and_holds_no_line_end() {
        assert_eq!(unquote(&quote("a \"b\" \\ c")), "a \"b\" \\ c");
        assert!(!quote("a\r\nBYE: x").contains(['\r', '\n']));
        assert!(!quotes_close("\"Mr. J. User <sip:j@example.com>"));
        assert!(quotes_close(r#""Quoted \"" <sip:j@example.com>"#));
    }

    #[test]
    fn escapes_are_undone_only_where_they_are_escapes() {
        assert_eq!(unescape("%2B1312%zz%4"), "+1312%zz%4");
        assert_eq!(unescape("sips%3Auser%40example.com"), "sips:user@example.com");
        assert_eq!(unescape("%+1"), "%+1");
        assert_eq!(escape_user("a b@c\r\n"), "a%20b%40c%0D%0A");
    }
}
