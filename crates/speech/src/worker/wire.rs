//! The words between desk and worker: frames on a Unix socket.
//!
//! A frame is a length (four bytes, little-endian, of what follows), a kind (one byte), and the kind's fields. Numbers
//! are little-endian, texts and sound carry their length. Both sides begin with `Hello` and must agree on the version.
//!
//! Invariant: no bytes make reading panic or allocate more than [`LARGEST`]; what is not understood is an error, and the
//! socket is then closed.

use std::io::Read;

/// Both ends must speak the same. They are one binary, so a difference means a half-finished update.
pub const VERSION: u16 = 2;

/// Largest frame, in bytes: two and a half minutes of sound.
pub const LARGEST: usize = 4 * 1024 * 1024;

/// Why a frame was not understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The other end closed the socket between two frames.
    #[error("closed")]
    Closed,
    /// The socket broke.
    #[error("the socket broke: {0}")]
    Broken(#[from] std::io::Error),
    /// A frame larger than [`LARGEST`].
    #[error("a frame of {0} bytes")]
    TooLarge(usize),
    /// A frame's bytes are not what its kind wants.
    #[error("a malformed frame")]
    Malformed,
    /// A sound frame, for example, before any question.
    #[error("a frame out of order")]
    OutOfOrder,
    /// The other end is another version.
    #[error("version {0} instead of {VERSION}")]
    OtherVersion(u16),
}

/// Everything that is said on the socket. Turn and text numbers tie answers to requests.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Both ways, first.
    Hello {
        /// [`VERSION`].
        version: u16,
    },
    /// To a hearing worker: start your decoders.
    Open {
        /// Acoustic model directory.
        model: String,
        /// Dictionary file of the grammars' words.
        dictionary: String,
        /// Dictionary file of the phones.
        phones: String,
    },
    /// To a hearing worker: a grammar.
    Define {
        /// Its name.
        name: String,
        /// Its JSGF text.
        jsgf: String,
    },
    /// To a hearing worker: from now on others come first.
    GiveWay {
        /// How far to step back, 1 to 19: `nice(2)`.
        nice: u16,
    },
    /// From a hearing worker: `Open`, `Define` or `GiveWay` is done.
    Ready,
    /// From a worker: that did not work.
    Refused {
        /// Why, in words.
        problem: String,
    },
    /// To a hearing worker: a question is asked. A question before it is dropped.
    Listen {
        /// Counts the questions of a call.
        turn: u32,
        /// Seed of the added noise; only the first one of a call counts.
        seed: u64,
        /// Grammar names, one to four.
        grammars: Vec<String>,
    },
    /// To a hearing worker: the caller's sound, 8 kHz.
    Sound {
        /// Samples.
        samples: Vec<i16>,
    },
    /// To a hearing worker: the caller stopped.
    Finish {
        /// The question.
        turn: u32,
    },
    /// To a hearing worker: forget the question.
    Abandon,
    /// From a hearing worker: words so far.
    Partial {
        /// The question.
        turn: u32,
        /// The grammar followed.
        grammar: String,
        /// The words.
        text: String,
    },
    /// From a hearing worker: the result, not judged yet.
    Scores {
        /// The question.
        turn: u32,
        /// Score of arbitrary speech over the same sound.
        speech: i32,
        /// How long the caller spoke, in frames of 10 ms; 0 for silence.
        spoken: u32,
        /// One for each grammar that was matched to its end.
        readings: Vec<Scored>,
    },
    /// To a worker that checks: how is this word said?
    Pronounce {
        /// Lower case.
        word: String,
    },
    /// The answer; empty when there is none.
    Pronounced {
        /// Phones with spaces.
        phones: String,
    },
    /// To the speaking worker: render.
    Say {
        /// Ties the answer to it.
        id: u64,
        /// Voice name.
        voice: String,
        /// Ready for the engine: no figures, no abbreviations.
        text: String,
        /// Length of each sound, in percent.
        stretch: u16,
    },
    /// From the speaking worker: the clip, 8 kHz.
    Said {
        /// The request.
        id: u64,
        /// Samples.
        samples: Vec<i16>,
    },
}

/// One grammar's best path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored {
    /// The grammar.
    pub grammar: String,
    /// Its words.
    pub text: String,
    /// Log score.
    pub score: i32,
    /// Frames of speech under that score.
    pub frames: u32,
}

/// A message as a frame.
pub fn encode(message: &Message) -> Vec<u8> {
    let mut w = Writer(vec![0; 4]);
    match message {
        Message::Hello { version } => w.kind(1).u16(*version),
        Message::Open { model, dictionary, phones } => w.kind(2).text(model).text(dictionary).text(phones),
        Message::Define { name, jsgf } => w.kind(3).text(name).text(jsgf),
        Message::Ready => w.kind(4),
        Message::Refused { problem } => w.kind(5).text(problem),
        Message::Listen { turn, seed, grammars } => {
            w.kind(6).u32(*turn).u64(*seed).count(grammars.len());
            grammars.iter().fold(&mut w, |w, name| w.text(name))
        }
        Message::Sound { samples } => w.kind(7).sound(samples),
        Message::Finish { turn } => w.kind(8).u32(*turn),
        Message::Abandon => w.kind(9),
        Message::Partial { turn, grammar, text } => w.kind(10).u32(*turn).text(grammar).text(text),
        Message::Scores { turn, speech, spoken, readings } => {
            w.kind(11).u32(*turn).i32(*speech).u32(*spoken).count(readings.len());
            readings.iter().fold(&mut w, |w, r| w.text(&r.grammar).text(&r.text).i32(r.score).u32(r.frames))
        }
        Message::Pronounce { word } => w.kind(12).text(word),
        Message::Pronounced { phones } => w.kind(13).text(phones),
        Message::Say { id, voice, text, stretch } => w.kind(14).u64(*id).text(voice).text(text).u16(*stretch),
        Message::Said { id, samples } => w.kind(15).u64(*id).sound(samples),
        Message::GiveWay { nice } => w.kind(16).u16(*nice),
    };
    w.finish()
}

/// A message from a frame's content (without its length).
pub fn decode(content: &[u8]) -> Result<Message, WireError> {
    let mut r = Reader(content);
    let message = match r.u8()? {
        1 => Message::Hello { version: r.u16()? },
        2 => Message::Open { model: r.text()?, dictionary: r.text()?, phones: r.text()? },
        3 => Message::Define { name: r.text()?, jsgf: r.text()? },
        4 => Message::Ready,
        5 => Message::Refused { problem: r.text()? },
        6 => Message::Listen { turn: r.u32()?, seed: r.u64()?, grammars: r.list(Reader::text)? },
        7 => Message::Sound { samples: r.sound()? },
        8 => Message::Finish { turn: r.u32()? },
        9 => Message::Abandon,
        10 => Message::Partial { turn: r.u32()?, grammar: r.text()?, text: r.text()? },
        11 => Message::Scores {
            turn: r.u32()?,
            speech: r.i32()?,
            spoken: r.u32()?,
            readings: r.list(Reader::scored)?,
        },
        12 => Message::Pronounce { word: r.text()? },
        13 => Message::Pronounced { phones: r.text()? },
        14 => Message::Say { id: r.u64()?, voice: r.text()?, text: r.text()?, stretch: r.u16()? },
        15 => Message::Said { id: r.u64()?, samples: r.sound()? },
        16 => Message::GiveWay { nice: r.u16()? },
        _ => return Err(WireError::Malformed),
    };
    if r.0.is_empty() { Ok(message) } else { Err(WireError::Malformed) }
}

/// Checks a frame's length before anything is allocated for it.
pub fn checked_length(prefix: [u8; 4]) -> Result<usize, WireError> {
    let length = u32::from_le_bytes(prefix) as usize;
    match length {
        0 => Err(WireError::Malformed),
        1..=LARGEST => Ok(length),
        _ => Err(WireError::TooLarge(length)),
    }
}

/// Reads one message; waits for it.
pub fn read(from: &mut impl Read) -> Result<Message, WireError> {
    let mut prefix = [0; 4];
    match from.read_exact(&mut prefix) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Err(WireError::Closed),
        Err(e) => return Err(e.into()),
    }
    let mut content = vec![0; checked_length(prefix)?];
    from.read_exact(&mut content)?;
    decode(&content)
}

struct Writer(Vec<u8>);

impl Writer {
    fn kind(&mut self, kind: u8) -> &mut Writer {
        self.0.push(kind);
        self
    }
    fn u16(&mut self, value: u16) -> &mut Writer {
        self.0.extend(value.to_le_bytes());
        self
    }
    fn u32(&mut self, value: u32) -> &mut Writer {
        self.0.extend(value.to_le_bytes());
        self
    }
    fn i32(&mut self, value: i32) -> &mut Writer {
        self.0.extend(value.to_le_bytes());
        self
    }
    fn u64(&mut self, value: u64) -> &mut Writer {
        self.0.extend(value.to_le_bytes());
        self
    }
    fn count(&mut self, count: usize) -> &mut Writer {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX))
    }
    fn text(&mut self, text: &str) -> &mut Writer {
        self.count(text.len()).0.extend(text.as_bytes());
        self
    }
    fn sound(&mut self, samples: &[i16]) -> &mut Writer {
        self.count(samples.len()).0.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        self
    }
    fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len() - 4).unwrap_or(u32::MAX);
        self.0[..4].copy_from_slice(&length.to_le_bytes());
        self.0
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn bytes(&mut self, count: usize) -> Result<&[u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(WireError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        self.bytes(N)?.try_into().map_err(|_| WireError::Malformed)
    }
    fn u8(&mut self) -> Result<u8, WireError> {
        Ok(self.array::<1>()?[0])
    }
    fn u16(&mut self) -> Result<u16, WireError> {
        Ok(u16::from_le_bytes(self.array()?))
    }
    fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.array()?))
    }
    fn i32(&mut self) -> Result<i32, WireError> {
        Ok(i32::from_le_bytes(self.array()?))
    }
    fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array()?))
    }
    fn text(&mut self) -> Result<String, WireError> {
        let length = self.u32()? as usize;
        String::from_utf8(self.bytes(length)?.to_vec()).map_err(|_| WireError::Malformed)
    }
    fn sound(&mut self) -> Result<Vec<i16>, WireError> {
        let count = self.u32()? as usize;
        let bytes = self.bytes(count.checked_mul(2).ok_or(WireError::Malformed)?)?;
        Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
    }
    fn scored(&mut self) -> Result<Scored, WireError> {
        Ok(Scored { grammar: self.text()?, text: self.text()?, score: self.i32()?, frames: self.u32()? })
    }
    fn list<T>(&mut self, item: fn(&mut Self) -> Result<T, WireError>) -> Result<Vec<T>, WireError> {
        const LONGEST_LIST: u32 = 256;
        let count = self.u32()?;
        if count > LONGEST_LIST {
            return Err(WireError::Malformed);
        }
        (0..count).map(|_| item(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of_each() -> Vec<Message> {
        let scored =
            Scored { grammar: "pick".into(), text: "the second one".into(), score: -4_663, frames: 203 };
        vec![
            Message::Hello { version: VERSION },
            Message::Open { model: "/m".into(), dictionary: "/d".into(), phones: "/p".into() },
            Message::Define { name: "pick".into(), jsgf: "public <a> = b ;".into() },
            Message::Ready,
            Message::Refused { problem: "no".into() },
            Message::Listen { turn: 3, seed: u64::MAX, grammars: vec!["pick".into(), "always".into()] },
            Message::Sound { samples: vec![0, -1, i16::MAX, i16::MIN] },
            Message::Finish { turn: 3 },
            Message::Abandon,
            Message::Partial { turn: 3, grammar: "pick".into(), text: "the".into() },
            Message::Scores { turn: 3, speech: -5_000, spoken: 203, readings: vec![scored.clone(), scored] },
            Message::Pronounce { word: "rivera".into() },
            Message::Pronounced { phones: "R IH".into() },
            Message::Say { id: 9, voice: "slt".into(), text: "hello".into(), stretch: 100 },
            Message::Said { id: 9, samples: vec![] },
            Message::GiveWay { nice: 10 },
        ]
    }

    #[test]
    fn every_message_arrives_as_it_was_sent() {
        let stream: Vec<u8> = one_of_each().iter().flat_map(encode).collect();
        let mut from = stream.as_slice();
        for message in one_of_each() {
            assert_eq!(read(&mut from).unwrap(), message);
        }
        assert!(matches!(read(&mut from), Err(WireError::Closed)));
    }

    #[test]
    fn no_bytes_make_a_reader_panic_or_take_more_than_it_may() {
        let mut state = 1_u64;
        for message in one_of_each() {
            let frame = encode(&message);
            for cut in 0..frame.len() {
                assert!(read(&mut &frame[..cut]).is_err());
            }
            for _ in 0..2_000 {
                let mut broken = frame.clone();
                for _ in 0..3 {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let at = (state >> 33) as usize % broken.len();
                    broken[at] ^= (state >> 56) as u8;
                }
                let _ = read(&mut broken.as_slice());
            }
        }
        assert!(matches!(read(&mut [0xFF, 0xFF, 0xFF, 0xFF, 1].as_slice()), Err(WireError::TooLarge(_))));
        assert!(matches!(read(&mut [0, 0, 0, 0].as_slice()), Err(WireError::Malformed)));
    }
}
