//! Writing messages. Nothing that ends a line can get into a value here, whoever supplied it.

use crate::vet::SDP_TYPE;

/// A message under construction.
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(crate) fn request(method: &str, uri: &str) -> Writer {
        let mut writer = Writer { out: Vec::with_capacity(1024) };
        writer.text(method);
        writer.raw(" ");
        writer.text(uri);
        writer.raw(" SIP/2.0\r\n");
        writer
    }

    pub(crate) fn response(status: u16, reason: &str) -> Writer {
        let mut writer = Writer { out: Vec::with_capacity(1024) };
        writer.raw("SIP/2.0 ");
        writer.raw(&status.to_string());
        writer.raw(" ");
        writer.text(reason);
        writer.raw("\r\n");
        writer
    }

    /// Adds one header line. An empty value writes nothing.
    pub(crate) fn header(&mut self, name: &str, value: &str) -> &mut Writer {
        if !value.is_empty() {
            self.raw(name);
            self.raw(": ");
            self.text(value);
            self.raw("\r\n");
        }
        self
    }

    /// Ends the message, with a session description as its body if one is given.
    pub(crate) fn finish(self, sdp: Option<&str>) -> Vec<u8> {
        self.finish_with(SDP_TYPE, sdp)
    }

    /// Ends the message, with a body of this type if there is one.
    pub(crate) fn finish_with(mut self, kind: &str, body: Option<&str>) -> Vec<u8> {
        let body = body.unwrap_or("");
        if !body.is_empty() {
            self.header("Content-Type", kind);
        }
        self.raw("Content-Length: ");
        self.raw(&body.len().to_string());
        self.raw("\r\n\r\n");
        self.raw(body);
        self.out
    }

    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Control characters become spaces.
    fn text(&mut self, text: &str) {
        self.out.extend(text.bytes().map(|byte| if byte < b' ' || byte == 0x7f { b' ' } else { byte }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_start_a_line_of_its_own() {
        let mut writer = Writer::response(486, "Busy\r\nX-Evil: 1");
        writer.header("Reason", "a\nb\rc\0d").header("Empty", "");
        let text = String::from_utf8(writer.finish(None)).unwrap();
        assert_eq!(text, "SIP/2.0 486 Busy  X-Evil: 1\r\nReason: a b c d\r\nContent-Length: 0\r\n\r\n");
    }
}
