//! All that one master key protects: sessions for sound and reports, and what has been under them.

use super::session::{ENCRYPTED, Of, REPORT_HEADER, Session};
use super::window::Windows;
use super::{MasterKey, SrtpError};
use crate::rtp::header_len;

/// See the module's description.
#[derive(Debug)]
pub(super) struct Context {
    sound: Session,
    reports: Session,
    sound_been: Windows,
    reports_been: Windows,
}

/// What is readable of a sound packet.
struct Head {
    /// Bytes that are not encrypted.
    clear: usize,
    sequence: u16,
    ssrc: u32,
}

impl Head {
    fn read(packet: &[u8]) -> Option<Self> {
        let clear = header_len(packet).ok()?;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        Some(Self { clear, sequence, ssrc: word_at(packet, 8)? })
    }
}

fn word_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl Context {
    pub fn new(master: &MasterKey) -> Self {
        Self::of(Session::derive(master, Of::Sound), Session::derive(master, Of::Reports))
    }

    fn of(sound: Session, reports: Session) -> Self {
        Self { sound, reports, sound_been: Windows::new(), reports_been: Windows::new() }
    }

    pub fn seal(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let (packet, room) = buffer.split_at_mut_checked(length)?;
        let head = Head::read(packet)?;
        let mut window = self.sound_been.of(head.ssrc);
        let index = window.index(head.sequence, 0);
        let tag = room.get_mut(..self.sound.tag_len())?;
        if !window.is_new(index) {
            return None;
        }
        self.sound.seal(packet, head.clear, tag, head.ssrc, index);
        window.note(index);
        self.sound_been.keep(head.ssrc, window);
        Some(length + self.sound.tag_len())
    }

    pub fn open(&mut self, datagram: &mut [u8]) -> Result<usize, SrtpError> {
        self.open_at(datagram, 0)
    }

    /// A source that is not known yet begins after so many rounds of its numbers.
    pub fn open_at(&mut self, datagram: &mut [u8], rollover: u32) -> Result<usize, SrtpError> {
        let head = Head::read(datagram).ok_or(SrtpError::TooShort)?;
        let mut window = self.sound_been.of(head.ssrc);
        let index = window.index(head.sequence, rollover);
        if !window.is_new(index) {
            return Err(SrtpError::Replayed);
        }
        let length = self.sound.open(datagram, head.clear, head.ssrc, index)?;
        window.note(index);
        self.sound_been.keep(head.ssrc, window);
        Ok(length)
    }

    /// How often the numbers of this packet's source have come round under this key, if it is known.
    pub fn counted_on(&self, datagram: &[u8]) -> Option<u32> {
        let head = Head::read(datagram)?;
        let window = self.sound_been.known(head.ssrc)?;
        let index = window.index(head.sequence, window.rollover());
        Some((index >> 16) as u32)
    }

    pub fn seal_report(&mut self, buffer: &mut [u8], length: usize, index: u32) -> Option<usize> {
        let (report, room) = buffer.split_at_mut_checked(length)?;
        let ssrc = word_at(report, 4)?;
        let overhead = self.reports.tag_len() + 4;
        let room = room.get_mut(..overhead).filter(|_| index < ENCRYPTED)?;
        self.reports.seal_report(report, room, ssrc, index | ENCRYPTED);
        Some(length + overhead)
    }

    pub fn open_report(&mut self, datagram: &mut [u8]) -> Result<usize, SrtpError> {
        if datagram.len() < REPORT_HEADER {
            return Err(SrtpError::TooShort);
        }
        let ssrc = word_at(datagram, 4).ok_or(SrtpError::TooShort)?;
        let word = self.reports.report_word(datagram).ok_or(SrtpError::TooShort)?;
        let index = u64::from(word & !ENCRYPTED);
        let mut window = self.reports_been.of(ssrc);
        if !window.is_new(index) {
            return Err(SrtpError::Replayed);
        }
        let length = self.reports.open_report(datagram, ssrc, word)?;
        window.note(index);
        self.reports_been.keep(ssrc, window);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::Suite;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(pair).collect()
    }

    fn with_room(hex: &str) -> (Vec<u8>, usize) {
        let mut packet = bytes(hex);
        let length = packet.len();
        packet.resize(length + 20, 0);
        (packet, length)
    }

    /// RFC 3711 appendix B.3 for the keys; the packets are those published with libsrtp 2 (`test/srtp_driver.c`).
    const COUNTER_KEY: &str = "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6";
    const GALOIS_KEY: &str = "000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7a8a9aaab";
    const SOUND: &str = "800f1234decafbadcafebabe abababababababababababababababab";
    const REPORT: &str = "81c8000bcafebabe abababababababababababababababab";

    #[test]
    fn published_packets_come_out_bit_by_bit_and_open_again() {
        for (suite, key, sound, report) in [
            (
                Suite::AesCm128HmacSha1_80,
                COUNTER_KEY,
                "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
                "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
            ),
            (
                Suite::AeadAes128Gcm,
                GALOIS_KEY,
                "800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
                "81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001",
            ),
        ] {
            let master = MasterKey::new(suite, &bytes(key)).unwrap();
            let (mut context, mut there) = (Context::new(&master), Context::new(&master));
            let (mut wire, length) = with_room(SOUND);
            let sealed = context.seal(&mut wire, length).unwrap();
            assert_eq!(wire[..sealed], bytes(sound), "{suite:?}");
            assert_eq!(there.open(&mut wire[..sealed]), Ok(length));
            assert_eq!(wire[..length], bytes(SOUND));

            let (mut wire, length) = with_room(REPORT);
            let sealed = context.seal_report(&mut wire, length, 1).unwrap();
            assert_eq!(wire[..sealed], bytes(report), "{suite:?}");
            assert_eq!(there.open_report(&mut wire[..sealed]), Ok(length));
            assert_eq!(wire[..length], bytes(REPORT));
        }
    }

    /// RFC 7714 sections 16.1.1 and 17.1.
    #[test]
    fn the_packets_of_rfc_7714_come_out_bit_by_bit() {
        let salt = *b"Quid pro quo";
        let key = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        let mut context = Context::of(Session::galois(key, salt), Session::galois(key, salt));
        let (mut wire, length) = with_room(
            "8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e697320646976697361 20696e207061727465732074726573",
        );
        let sealed = context.seal(&mut wire, length).unwrap();
        assert_eq!(
            wire[..sealed],
            bytes(
                "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
                 899d7f27beb16a9152cf765ee4390cce"
            )
        );
        let (mut wire, length) = with_room(
            "81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
        );
        let sealed = context.seal_report(&mut wire, length, 0x5d4).unwrap();
        assert_eq!(
            wire[..sealed],
            bytes(
                "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b\
                 c84aa45896cf4d2fc5abf87245d9eade 800005d4"
            )
        );
    }

    #[test]
    fn a_short_tag_is_for_sound_only() {
        let master = MasterKey::new(Suite::AesCm128HmacSha1_32, &bytes(COUNTER_KEY)).unwrap();
        let mut context = Context::new(&master);
        let (mut wire, length) = with_room(SOUND);
        assert_eq!(context.seal(&mut wire, length), Some(length + 4));
        assert_eq!(wire[length - 16..length + 4], bytes("4e55dc4ce79978d88ca4d215949d2402 b78d6acc"));
        let (mut wire, length) = with_room(REPORT);
        assert_eq!(context.seal_report(&mut wire, length, 1), Some(length + 14));
    }
}
