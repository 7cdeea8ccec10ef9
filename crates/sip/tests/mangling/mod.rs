//! Messages changed by a seeded chance, as parsers fear them.

/// A seeded sequence: xorshift64*.
pub struct Chance(u64);

impl Chance {
    /// Chance that begins with this seed.
    pub fn seeded(seed: u64) -> Chance {
        Chance(seed.max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// Less than this; 0 if there is nothing less.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// What hurts parsers.
const PIECES: [&[u8]; 36] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b"\r\n ",
    b"\"",
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b"=",
    b":",
    b"@",
    b"%",
    b"%00",
    b"%zz",
    b"/",
    b"[",
    b"]",
    b"\xff",
    b"\xc3\x28",
    b"99999999999999999999",
    b"-1",
    b"2147483648",
    b"65536",
    b";tag=",
    b";lr",
    b"sip:",
    b"SIP/2.0",
    b"z9hG4bK",
    b"a=sendonly\r\n",
    b"m=audio 1 RTP/AVP 0\r\n",
];

/// One of the messages, changed in up to `most` places.
pub fn mutate(chance: &mut Chance, corpus: &[Vec<u8>], most: usize) -> Vec<u8> {
    let mut bytes = corpus[chance.below(corpus.len())].clone();
    for _ in 0..1 + chance.below(most) {
        let at = chance.below(bytes.len() + 1);
        let end = (at + chance.below(40)).min(bytes.len());
        match chance.below(8) {
            0 if !bytes.is_empty() => {
                let at = at.min(bytes.len() - 1);
                bytes[at] ^= 1 << chance.below(8);
            }
            1 => drop(bytes.drain(at..end)),
            2 => bytes.truncate(at),
            3 => {
                let twice = bytes[at..end].to_vec();
                bytes.splice(at..at, twice);
            }
            4 => {
                let line = line_of(&bytes, at);
                bytes.splice(at..at, line);
            }
            5 => {
                let other = &corpus[chance.below(corpus.len())];
                let from = chance.below(other.len());
                bytes.splice(at..end, other[from..].iter().take(200).copied());
            }
            6 => bytes = swap_lines(chance, &bytes),
            _ => {
                let piece = PIECES[chance.below(PIECES.len())];
                let times = if chance.below(20) == 0 { 400 } else { 1 };
                bytes.splice(at..end, piece.repeat(times));
            }
        }
    }
    bytes
}

fn line_of(bytes: &[u8], at: usize) -> Vec<u8> {
    let from = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |found| found + 1);
    let to = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |found| at + found + 1);
    bytes[from..to].to_vec()
}

fn swap_lines(chance: &mut Chance, bytes: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    if lines.len() > 1 {
        let (one, other) = (chance.below(lines.len()), chance.below(lines.len()));
        lines.swap(one, other);
    }
    lines.concat()
}
