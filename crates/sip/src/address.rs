//! From, To, Contact, Route and their kin: a display name, a URI, and parameters. RFC 3261 section 20.10.

use crate::grammar::{find_unquoted, param, quotes_close, unquote};
use crate::uri::{Uri, UriError};

/// One address as it stands in a header, borrowed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    display: &'a str,
    /// The URI as written, without angle brackets.
    pub uri: &'a str,
    params: &'a str,
}

impl<'a> Address<'a> {
    /// Reads one address. `None` if quotes or brackets do not close, or no URI stands there.
    pub fn parse(text: &'a str) -> Option<Address<'a>> {
        let text = text.trim();
        if !quotes_close(text) {
            return None;
        }
        match find_unquoted(text, b'<') {
            Some(open) => {
                let after = &text[open + 1..];
                let close = after.find('>')?;
                let params = after[close + 1..].trim();
                if !(params.is_empty() || params.starts_with(';')) {
                    return None;
                }
                let (display, uri) = (text[..open].trim(), after[..close].trim());
                (!uri.is_empty()).then_some(Address { display, uri, params })
            }
            // Without brackets the parameters belong to the header, not to the URI.
            None => {
                let (uri, params) = match text.find(';') {
                    Some(at) => text.split_at(at),
                    None => (text, ""),
                };
                let uri = uri.trim();
                let plain = !uri.is_empty() && !uri.contains(char::is_whitespace) && !uri.contains('"');
                plain.then_some(Address { display: "", uri, params })
            }
        }
    }

    /// The display name, quotes and escapes taken off; empty if there is none.
    pub fn display(&self) -> String {
        unquote(self.display)
    }

    /// The tag parameter of the header; a URI parameter of that name is none.
    pub fn tag(&self) -> Option<&'a str> {
        self.param("tag").filter(|tag| !tag.is_empty())
    }

    /// A parameter of the header; `Some("")` if it stands there without a value.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        param(self.params, name).map(|value| value.unwrap_or(""))
    }

    /// The URI, read.
    pub fn parsed_uri(&self) -> Result<Uri, UriError> {
        Uri::parse(self.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_inside_the_uri_is_not_the_tag_of_the_header() {
        for (text, tag) in [
            ("<sip:a@example.com;tag=1>", None),
            ("<sip:a@example.com>;mytag=1", None),
            ("sip:a@example.com;tag=1", Some("1")),
            ("sip:vivekg@example.com ;   tag    = 1918181833n", Some("1918181833n")),
            ("<sip:a@example.com;tag=1>;x=y;TAG=2", Some("2")),
            ("<sip:a@example.com>;tag=", None),
        ] {
            assert_eq!(Address::parse(text).expect(text).tag(), tag, "{text}");
        }
    }

    #[test]
    fn names_are_read_in_every_legal_dress() {
        for (text, display) in [
            (r#""Quoted \"string\", comma" <sip:a@example.com>"#, "Quoted \"string\", comma"),
            ("caller<sip:caller@example.com>;tag=323", "caller"),
            ("Watson Thomas <sip:t@example.com>", "Watson Thomas"),
            ("<sip:a@example.com>", ""),
        ] {
            assert_eq!(Address::parse(text).expect(text).display(), display);
        }
    }

    #[test]
    fn broken_addresses_are_none() {
        for text in
            ["\"Mr. J. User <sip:j@example.com>", "<sip:a@example.com", "", "<>", "Bell Alexander sip:a@b"]
        {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }
}
