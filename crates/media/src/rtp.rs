//! One RTP packet on the wire: reading it, and writing the header of ours.
//!
//! Who may send to us is decided in [`latch`](crate::latch); what the numbers say about the path in
//! [`reception`](crate::reception). Invariant: no byte sequence makes [`Packet::parse`] panic or read past its end.
//! Source: RFC 3550 section 5.1.

/// Length of the header we write: no contributing sources, no extension.
pub const HEADER_LEN: usize = 12;

/// A received packet, borrowing its payload from the datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// First packet after silence, or the beginning of an event.
    pub marker: bool,
    /// 0 to 127.
    pub payload_type: u8,
    /// Counts packets, wraps at 65 536.
    pub sequence: u16,
    /// Counts samples of the clock rate, wraps at 2^32.
    pub timestamp: u32,
    /// Who says it.
    pub ssrc: u32,
    /// What is said, without padding.
    pub payload: &'a [u8],
}

/// Why a datagram is no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtpError {
    /// Shorter than its own header claims.
    #[error("the datagram ends before its RTP header does")]
    TooShort,
    /// The first two bits are not 2. STUN and ZRTP look like this.
    #[error("not RTP version 2")]
    NotVersionTwo,
    /// The padding count is zero or longer than the payload.
    #[error("the padding is longer than the packet")]
    BadPadding,
}

impl<'a> Packet<'a> {
    /// Reads one datagram. Contributing sources and header extensions are stepped over.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtpError> {
        let (header, mut rest) =
            datagram.split_at_checked(header_len(datagram)?).ok_or(RtpError::TooShort)?;
        if header[0] & 0x20 != 0 {
            rest = without_padding(rest)?;
        }
        Ok(Self {
            marker: header[1] & 0x80 != 0,
            payload_type: header[1] & 0x7f,
            sequence: u16::from_be_bytes([header[2], header[3]]),
            timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            payload: rest,
        })
    }

    /// Writes header and payload. Gives the length, or nothing when `out` is too small.
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let length = HEADER_LEN + self.payload.len();
        let out = out.get_mut(..length)?;
        out[0] = 0x80;
        out[1] = (u8::from(self.marker) << 7) | (self.payload_type & 0x7f);
        out[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        out[HEADER_LEN..].copy_from_slice(self.payload);
        Some(length)
    }
}

/// Bytes before the payload: header, contributing sources, extension. All of them are there.
pub(crate) fn header_len(datagram: &[u8]) -> Result<usize, RtpError> {
    let header = datagram.get(..HEADER_LEN).ok_or(RtpError::TooShort)?;
    if header[0] >> 6 != 2 {
        return Err(RtpError::NotVersionTwo);
    }
    let mut length = HEADER_LEN + usize::from(header[0] & 0x0f) * 4;
    if header[0] & 0x10 != 0 {
        let words = datagram.get(length + 2..length + 4).ok_or(RtpError::TooShort)?;
        length += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    if length > datagram.len() { Err(RtpError::TooShort) } else { Ok(length) }
}

fn without_padding(rest: &[u8]) -> Result<&[u8], RtpError> {
    let padding = usize::from(*rest.last().ok_or(RtpError::BadPadding)?);
    if padding == 0 {
        return Err(RtpError::BadPadding);
    }
    let length = rest.len().checked_sub(padding).ok_or(RtpError::BadPadding)?;
    Ok(&rest[..length])
}

/// Whether a datagram on the RTP port is RTCP, by its second byte. Source: RFC 5761 section 4.
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram.get(1), Some(192..=223))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(payload: &[u8]) -> Packet<'_> {
        Packet { marker: true, payload_type: 101, sequence: 65_535, timestamp: 7, ssrc: 0xdead_beef, payload }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut wire = [0u8; 64];
        let length = sample(b"hello").write(&mut wire).unwrap();
        assert_eq!(Packet::parse(&wire[..length]).unwrap(), sample(b"hello"));
        assert_eq!(sample(b"hello").write(&mut wire[..16]), None);
    }

    #[test]
    fn csrc_extension_and_padding_are_stepped_over() {
        let mut wire = vec![0x80 | 0x20 | 0x10 | 2, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        wire.extend([9; 8]); // two contributing sources
        wire.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]); // one extension word
        wire.extend(*b"sound");
        wire.extend([0, 0, 3]);
        assert_eq!(Packet::parse(&wire).unwrap().payload, b"sound");
    }

    #[test]
    fn broken_packets_are_refused_not_trusted() {
        assert_eq!(Packet::parse(&[]), Err(RtpError::TooShort));
        assert_eq!(Packet::parse(&[0x80; 11]), Err(RtpError::TooShort));
        assert_eq!(Packet::parse(&[0x00; 12]), Err(RtpError::NotVersionTwo));
        assert_eq!(Packet::parse(&[0x8f; 12]), Err(RtpError::TooShort), "fifteen sources, none there");
        let mut padded = [0u8; 13];
        padded[0] = 0xa0;
        padded[12] = 9;
        assert_eq!(Packet::parse(&padded), Err(RtpError::BadPadding));
    }
}
