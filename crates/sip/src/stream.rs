//! What bytes of a stream say: whole messages, and the line ends that keep a way open. RFC 3261 section 18.3.
//!
//! A datagram is one message. On TCP and TLS messages follow each other, cut anywhere, and only Content-Length tells where
//! one ends. A [`Stream`] is one direction of one connection; what its messages mean is decided in `agent`.
//!
//! Invariants: never holds more than the longest message and one reading; the work is linear in the bytes, however small the parts
//! they come in. After a [`Broken`] nothing of the stream can be trusted, since nobody knows where the next message begins.

use crate::limits::DATAGRAM_BYTES;
use crate::message;

/// The most bytes that may be put in at once.
pub const READ_AT_ONCE: usize = 16 * 1024;

/// One whole thing that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// One message, head and body, with nothing after it.
    Message(Vec<u8>),
    /// Two line ends: the far end asks whether the way is open, and is answered by one. RFC 5626 section 3.5.1.
    Ping,
    /// One line end before a message: the answer to a ping of ours, or nothing at all.
    Pong,
}

/// Why a stream cannot be read any further. The connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// A message that is longer than any we read.
    #[error("a message longer than {DATAGRAM_BYTES} bytes")]
    TooLong,
    /// Nobody can tell where the message ends. RFC 3261 section 20.14 asks for the header on streams.
    #[error("a message without a readable Content-Length")]
    NoLength,
    /// The first line is neither a request nor a status line.
    #[error("something that is not SIP")]
    NotSip,
}

/// The receiving direction of one connection.
#[derive(Debug, Default)]
pub struct Stream {
    bytes: Vec<u8>,
    /// Up to here no head ends.
    scanned: usize,
    /// The length of the message that begins the bytes, once its head is whole.
    length: Option<usize>,
    broken: Option<Broken>,
}

impl Stream {
    /// A connection on which nothing was said yet.
    pub fn new() -> Stream {
        Stream::default()
    }

    /// Takes in what was read, at most [`READ_AT_ONCE`] bytes; [`poll`](Stream::poll) is to be asked until it has no more.
    pub fn put(&mut self, read: &[u8]) {
        if self.broken.is_none() && self.bytes.len() + read.len() <= DATAGRAM_BYTES + READ_AT_ONCE {
            self.bytes.extend_from_slice(read);
        } else {
            self.broken.get_or_insert(Broken::TooLong);
        }
    }

    /// The next whole piece, or `None` until more was put in.
    pub fn poll(&mut self) -> Result<Option<Piece>, Broken> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        if !self.is_amid_message() {
            return Ok(self.line_ends());
        }
        self.message().inspect_err(|broken| {
            self.broken = Some(*broken);
            self.bytes = Vec::new();
        })
    }

    /// True if a message has begun: once [`poll`](Stream::poll) has no more, one that is not whole. Whoever sends it must
    /// not take for ever.
    pub fn is_amid_message(&self) -> bool {
        self.bytes.first().is_some_and(|byte| !b"\r\n".contains(byte))
    }

    /// Line ends before a message, however many, are one piece. A single one is kept until it is clear that no second one
    /// follows.
    fn line_ends(&mut self) -> Option<Piece> {
        let run = self.bytes.iter().take_while(|byte| b"\r\n".contains(byte)).count();
        let lines = self.bytes[..run].iter().filter(|byte| **byte == b'\n').count();
        if lines < 2 && run == self.bytes.len() {
            return None;
        }
        self.bytes.drain(..run);
        Some(if lines < 2 { Piece::Pong } else { Piece::Ping })
    }

    fn message(&mut self) -> Result<Option<Piece>, Broken> {
        if self.length.is_none() {
            self.length = self.find_length()?;
        }
        let Some(length) = self.length else { return Ok(None) };
        if self.bytes.len() < length {
            return Ok(None);
        }
        let rest = self.bytes.split_off(length);
        (self.scanned, self.length) = (0, None);
        Ok(Some(Piece::Message(std::mem::replace(&mut self.bytes, rest))))
    }

    /// The length of the first message, head and body, if its head is whole.
    fn find_length(&mut self) -> Result<Option<usize>, Broken> {
        let Some(head) = self.find_head() else {
            return if self.bytes.len() > DATAGRAM_BYTES { Err(Broken::TooLong) } else { Ok(None) };
        };
        if head > DATAGRAM_BYTES {
            return Err(Broken::TooLong);
        }
        // The same reader as for the whole message: were they two, they could disagree on where it ends.
        let read = message::parse(&self.bytes[..head]).map_err(|_| Broken::NotSip)?;
        let body = read.declared_length().ok_or(Broken::NoLength)?;
        let length = head.checked_add(body).filter(|length| *length <= DATAGRAM_BYTES);
        length.map(Some).ok_or(Broken::TooLong)
    }

    /// Where the first head ends, its empty line included.
    fn find_head(&mut self) -> Option<usize> {
        let mut from = self.scanned;
        while let Some(at) = self.bytes[from..].iter().position(|byte| *byte == b'\n') {
            let next = from + at + 1;
            match self.bytes.get(next..) {
                Some([b'\n', ..]) => return Some(next + 1),
                Some([b'\r', b'\n', ..]) => return Some(next + 2),
                // What comes next decides.
                Some([] | [b'\r']) => {
                    self.scanned = next - 1;
                    return None;
                }
                Some(_) | None => from = next,
            }
        }
        self.scanned = self.bytes.len();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYE: &str = "BYE sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n";
    const INFO: &str = "INFO sip:a@b SIP/2.0\r\nl : 5\r\n\r\n5\r\n\r\n";

    fn all(stream: &mut Stream) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while let Some(piece) = stream.poll().unwrap() {
            pieces.push(piece);
        }
        pieces
    }

    fn message(text: &str) -> Piece {
        Piece::Message(text.as_bytes().to_vec())
    }

    #[test]
    fn messages_are_the_same_however_the_stream_is_cut() {
        let said = format!("\r\n\r\n{BYE}{INFO}\r\n{BYE}");
        let expected = vec![Piece::Ping, message(BYE), message(INFO), Piece::Pong, message(BYE)];
        for size in 1..said.len() {
            let mut stream = Stream::new();
            let mut pieces = Vec::new();
            for part in said.as_bytes().chunks(size) {
                stream.put(part);
                pieces.extend(all(&mut stream));
            }
            assert_eq!(pieces, expected, "in parts of {size}");
            assert!(!stream.is_amid_message());
        }
    }

    /// The messages of a stream that is put in by parts of this size, and how it broke.
    fn messages(said: &[u8], size: usize) -> (Vec<Piece>, Option<Broken>) {
        let (mut stream, mut found) = (Stream::new(), Vec::new());
        for part in said.chunks(size) {
            stream.put(part);
            loop {
                match stream.poll() {
                    Ok(Some(piece @ Piece::Message(_))) => found.push(piece),
                    Ok(Some(Piece::Ping | Piece::Pong)) => {}
                    Ok(None) => break,
                    Err(broken) => return (found, Some(broken)),
                }
            }
        }
        (found, None)
    }

    #[test]
    fn a_stream_with_broken_bytes_gives_the_same_messages_however_it_is_cut() {
        let whole = format!("{BYE}\r\n\r\n{INFO}{INFO}\r\n{BYE}{INFO}").into_bytes();
        let mut chance = 0x2545_f491_4f6c_dd1d_u64;
        let mut below = |bound: usize| {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            (chance % bound as u64) as usize
        };
        let (mut broke, mut kept) = (0, 0);
        for _ in 0..2_000 {
            let mut said = whole.clone();
            for _ in 0..1 + below(3) {
                let at = below(said.len());
                match below(4) {
                    0 => said[at] ^= 1 << below(8),
                    1 => drop(said.drain(at..(at + below(20)).min(said.len()))),
                    2 => said.insert(at, b"\r\n :0\xff9"[below(7)]),
                    _ => said.extend_from_within(at..),
                }
            }
            let once = messages(&said, READ_AT_ONCE);
            assert_eq!(once, messages(&said, 1 + below(50)), "{}", String::from_utf8_lossy(&said));
            (broke, kept) = (broke + usize::from(once.1.is_some()), kept + once.0.len());
        }
        assert!(broke > 200 && kept > 2_000, "{broke} streams broke, {kept} messages were whole");
    }

    #[test]
    fn a_message_that_has_begun_is_waited_for_and_a_line_end_is_not() {
        let mut stream = Stream::new();
        stream.put(b"\r\n");
        assert_eq!(all(&mut stream), []);
        assert!(!stream.is_amid_message());
        stream.put(b"B");
        assert_eq!(all(&mut stream), [Piece::Pong]);
        assert!(stream.is_amid_message());
    }

    #[test]
    fn where_a_message_ends_must_be_certain() {
        let long = format!("BYE sip:a@b SIP/2.0\r\nSubject: {}\r\n", "a".repeat(DATAGRAM_BYTES));
        for (text, broken) in [
            ("BYE sip:a@b SIP/2.0\r\nSubject: none\r\n\r\n", Broken::NoLength),
            ("BYE sip:a@b SIP/2.0\r\nContent-Length: x\r\n\r\n", Broken::NoLength),
            ("BYE sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n", Broken::NoLength),
            ("BYE sip:a@b SIP/2.0\r\nContent-Length: 65535\r\n\r\n", Broken::TooLong),
            ("BYE sip:a@b SIP/2.0\r\nContent-Length: 99999999999999999999999\r\n\r\n", Broken::TooLong),
            ("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", Broken::NotSip),
            (&long, Broken::TooLong),
        ] {
            let mut stream = Stream::new();
            stream.put(text.as_bytes());
            assert_eq!(stream.poll(), Err(broken), "{}", &text[..60.min(text.len())]);
            stream.put(BYE.as_bytes());
            assert_eq!(stream.poll(), Err(broken), "what follows is not trusted");
        }
    }

    #[test]
    fn a_stream_that_nobody_reads_does_not_grow() {
        let mut stream = Stream::new();
        for _ in 0..100 {
            stream.put(&[b'a'; 16 * 1024]);
        }
        assert!(stream.bytes.len() <= DATAGRAM_BYTES + READ_AT_ONCE);
        assert_eq!(stream.poll(), Err(Broken::TooLong));
    }

    #[test]
    fn bytes_that_come_one_by_one_are_looked_at_once() {
        let text = format!("BYE sip:a@b SIP/2.0\r\nSubject: {}\r\nl: 0\r\n\r\n", "\n a".repeat(10_000));
        let mut stream = Stream::new();
        let (mut looked_at, mut pieces) = (0, Vec::new());
        for byte in text.as_bytes() {
            let from = stream.scanned;
            stream.put(&[*byte]);
            looked_at += stream.bytes.len() - from;
            pieces.extend(all(&mut stream));
        }
        assert_eq!(pieces, [message(&text)]);
        assert!(looked_at < 4 * text.len(), "{looked_at} of {}", text.len());
    }
}
