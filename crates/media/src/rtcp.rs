//! RTCP: what both ends report about the path, and the goodbye.
//!
//! Counting is done in [`reception`](crate::reception). A goodbye is only noted: calls end by SIP, and a forged BYE must
//! change nothing. Invariant: a compound packet is judged as a whole before any part of it is believed.
//! Source: RFC 3550 section 6 and appendix A.2.

/// Sender report.
const SR: u8 = 200;
/// Receiver report.
const RR: u8 = 201;
/// Source description.
const SDES: u8 = 202;
/// Goodbye.
const BYE: u8 = 203;

/// What a sender says about its own stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// 32.32 fixed-point seconds of the sender's clock.
    pub ntp: u64,
    /// The same instant in RTP clock ticks.
    pub rtp: u32,
    /// Packets sent since the stream began.
    pub packets: u32,
    /// Payload bytes sent since the stream began.
    pub octets: u32,
}

/// What a receiver says about one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream reported on.
    pub ssrc: u32,
    /// Share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the beginning; negative when duplicates outnumber losses. 24 bits on the wire.
    pub cumulative_lost: i32,
    /// Highest sequence number with its cycles.
    pub highest_sequence: u32,
    /// In RTP clock ticks.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report received.
    pub last_sr: u32,
    /// Delay since then, in 1/65 536 s.
    pub delay_since_last_sr: u32,
}

/// One part of a compound packet that matters to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A sender report's first half.
    Sender {
        /// Who reports.
        ssrc: u32,
        /// About its own stream.
        sent: SenderInfo,
    },
    /// One block out of a sender or receiver report.
    Block {
        /// Who reports.
        ssrc: u32,
        /// About whom and what.
        block: ReportBlock,
    },
    /// A source leaves. Only the first source of a list is named.
    Goodbye {
        /// Who leaves.
        ssrc: u32,
    },
}

/// Why a datagram is no RTCP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtcpError {
    /// A part is longer than the datagram, or too short for what it claims to hold.
    #[error("a part of the RTCP packet is longer than the packet")]
    BadLength,
    /// The first two bits are not 2.
    #[error("not RTP version 2")]
    NotVersionTwo,
    /// A first part that neither reports, describes nor leaves.
    #[error("the RTCP packet does not begin with a known part")]
    BadBeginning,
}

/// Judges a whole datagram, then gives its parts to `each`, in order. Unknown parts are stepped over.
pub fn read(datagram: &[u8], mut each: impl FnMut(Part)) -> Result<(), RtcpError> {
    if !matches!(datagram.get(1), Some(&(SR | RR | SDES | BYE))) {
        return Err(RtcpError::BadBeginning);
    }
    let mut rest = datagram;
    while !rest.is_empty() {
        rest = split_part(rest)?.1;
    }
    let mut rest = datagram;
    while !rest.is_empty() {
        let (part, after) = split_part(rest)?;
        read_part(part, &mut each);
        rest = after;
    }
    Ok(())
}

fn split_part(rest: &[u8]) -> Result<(&[u8], &[u8]), RtcpError> {
    let header = rest.get(..4).ok_or(RtcpError::BadLength)?;
    if header[0] >> 6 != 2 {
        return Err(RtcpError::NotVersionTwo);
    }
    let length = 4 + 4 * usize::from(u16::from_be_bytes([header[2], header[3]]));
    let least = match header[1] {
        SR => 28 + 24 * usize::from(header[0] & 0x1f),
        RR => 8 + 24 * usize::from(header[0] & 0x1f),
        _ => 4,
    };
    if length < least {
        return Err(RtcpError::BadLength);
    }
    rest.split_at_checked(length).ok_or(RtcpError::BadLength)
}

fn read_part(part: &[u8], each: &mut impl FnMut(Part)) {
    let count = usize::from(part[0] & 0x1f);
    let (blocks_at, ssrc) = match part[1] {
        SR => {
            let sent = SenderInfo {
                ntp: (u64::from(word(part, 8)) << 32) | u64::from(word(part, 12)),
                rtp: word(part, 16),
                packets: word(part, 20),
                octets: word(part, 24),
            };
            each(Part::Sender { ssrc: word(part, 4), sent });
            (28, word(part, 4))
        }
        RR => (8, word(part, 4)),
        BYE if count > 0 && part.len() >= 8 => return each(Part::Goodbye { ssrc: word(part, 4) }),
        _ => return,
    };
    for index in 0..count {
        each(Part::Block { ssrc, block: read_block(part, blocks_at + 24 * index) });
    }
}

fn read_block(part: &[u8], at: usize) -> ReportBlock {
    let loss = word(part, at + 4);
    ReportBlock {
        ssrc: word(part, at),
        fraction_lost: (loss >> 24) as u8,
        cumulative_lost: ((loss << 8) as i32) >> 8,
        highest_sequence: word(part, at + 8),
        jitter: word(part, at + 12),
        last_sr: word(part, at + 16),
        delay_since_last_sr: word(part, at + 20),
    }
}

/// Reads past the end as zero: lengths were judged before, and a wrong zero is better than a panic.
fn word(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..at + 4) {
        Some(four) => u32::from_be_bytes([four[0], four[1], four[2], four[3]]),
        None => 0,
    }
}

/// What we send every five seconds, and once more at the end.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// Our stream.
    pub ssrc: u32,
    /// Present when we sent anything since the last report.
    pub sent: Option<SenderInfo>,
    /// Present when we heard anything.
    pub heard: Option<ReportBlock>,
    /// Our canonical name, at most 32 bytes are used. Random per call: RFC 7022.
    pub cname: &'a str,
    /// The last report of a leg says goodbye.
    pub goodbye: bool,
}

impl Report<'_> {
    /// Longest datagram [`write`](Self::write) makes.
    pub const MAX_LEN: usize = 28 + 24 + 4 + 4 + 2 + 32 + 4 + 8;

    /// Writes the compound packet: report, description, and goodbye if wanted. Nothing when `out` is too small.
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let mut ink = Ink { out: out.get_mut(..Self::MAX_LEN)?, at: 0 };
        let blocks = usize::from(self.heard.is_some());
        match self.sent {
            Some(sent) => {
                ink.header(blocks, SR, 6 + 6 * blocks);
                ink.words(&[self.ssrc, (sent.ntp >> 32) as u32, sent.ntp as u32]);
                ink.words(&[sent.rtp, sent.packets, sent.octets]);
            }
            None => {
                ink.header(blocks, RR, 1 + 6 * blocks);
                ink.words(&[self.ssrc]);
            }
        }
        if let Some(block) = self.heard {
            let lost = block.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
            ink.words(&[block.ssrc, (u32::from(block.fraction_lost) << 24) | lost, block.highest_sequence]);
            ink.words(&[block.jitter, block.last_sr, block.delay_since_last_sr]);
        }
        let cname = &self.cname.as_bytes()[..self.cname.len().min(32)];
        let padded = (2 + cname.len() + 1).next_multiple_of(4); // at least one zero byte ends the list
        ink.header(1, SDES, 1 + padded / 4);
        ink.words(&[self.ssrc]);
        ink.bytes(&[1, cname.len() as u8]);
        ink.bytes(cname);
        ink.bytes(&[0; 4][..padded - 2 - cname.len()]);
        if self.goodbye {
            ink.header(1, BYE, 1);
            ink.words(&[self.ssrc]);
        }
        Some(ink.at)
    }
}

struct Ink<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Ink<'_> {
    fn header(&mut self, count: usize, kind: u8, words: usize) {
        self.bytes(&[0x80 | (count as u8), kind, 0, words as u8]);
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.bytes(&word.to_be_bytes());
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: SenderInfo = SenderInfo { ntp: 0x1_8000_0000, rtp: 77, packets: 50, octets: 8_000 };
    const HEARD: ReportBlock = ReportBlock {
        ssrc: 9,
        fraction_lost: 12,
        cumulative_lost: -3,
        highest_sequence: 70_000,
        jitter: 40,
        last_sr: 5,
        delay_since_last_sr: 6,
    };

    fn parts(wire: &[u8]) -> Vec<Part> {
        let mut parts = Vec::new();
        read(wire, |part| parts.push(part)).unwrap();
        parts
    }

    #[test]
    fn a_report_with_goodbye_is_read_back() {
        for cname in ["", "a", "ab", "abc", "0123456789abcdef0123456789abcdefTOO LONG"] {
            let mut wire = [0u8; Report::MAX_LEN];
            let report = Report { ssrc: 1, sent: Some(SENT), heard: Some(HEARD), cname, goodbye: true };
            let length = report.write(&mut wire).unwrap();
            let expected = [
                Part::Sender { ssrc: 1, sent: SENT },
                Part::Block { ssrc: 1, block: HEARD },
                Part::Goodbye { ssrc: 1 },
            ];
            assert_eq!(parts(&wire[..length]), expected, "{cname}");
        }
    }

    #[test]
    fn who_sent_nothing_reports_as_receiver() {
        let mut wire = [0u8; Report::MAX_LEN];
        let report = Report { ssrc: 1, sent: None, heard: None, cname: "x", goodbye: false };
        let length = report.write(&mut wire).unwrap();
        assert_eq!(wire[1], RR);
        assert!(parts(&wire[..length]).is_empty());
    }

    #[test]
    fn one_bad_part_spoils_the_whole_packet() {
        let mut wire = [0u8; Report::MAX_LEN];
        let report = Report { ssrc: 1, sent: Some(SENT), heard: Some(HEARD), cname: "x", goodbye: true };
        let length = report.write(&mut wire).unwrap();
        for cut in 1..length {
            let mut seen = 0;
            let result = read(&wire[..cut], |_| seen += 1);
            assert!(result.is_ok() || seen == 0, "half a packet of {cut} bytes was believed");
        }
        wire[0] |= 0x1f; // thirty-one blocks that are not there
        assert_eq!(read(&wire[..length], |_| ()), Err(RtcpError::BadLength));
    }
}
