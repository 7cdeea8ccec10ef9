//! Keypad digits as RTP events: heard each exactly once, and sent.
//!
//! What a digit means is decided in `desk`. Invariant: one press of a key is one [`Digit`], whatever packets of it are
//! lost, repeated or reordered, with or without marker bit. Source: RFC 4733 sections 2.3 to 2.5.

use std::collections::VecDeque;

use crate::RATE_HZ;
use crate::rtp::Packet;

/// A key of a telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digit(u8);

impl Digit {
    /// From `0`-`9`, `*`, `#`, `A`-`D`, in either case.
    pub fn from_char(key: char) -> Option<Self> {
        let key = key.to_ascii_uppercase();
        KEYS.iter().position(|known| *known == key).map(|event| Digit(event as u8))
    }

    /// From an event code, 0 to 15.
    pub fn from_event(event: u8) -> Option<Self> {
        (event < 16).then_some(Digit(event))
    }

    /// The key as printed on the telephone.
    pub fn as_char(self) -> char {
        KEYS[usize::from(self.0 & 15)]
    }
}

const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// How many presses are remembered against stragglers.
const REMEMBERED: usize = 8;
/// A packet of a press older than so many seconds is a straggler of something long reported.
const STALE_SECONDS: u32 = 2;
/// Older than this, the sender has simply set its clock anew.
const NEW_CLOCK_SECONDS: u32 = 60;
/// Segments of a key held for longer than 8 s are this far apart. RFC 4733 section 2.5.1.3.
const SEGMENT_TICKS: i32 = 0xffff;

/// Hears digits in one call.
#[derive(Debug, Clone)]
pub struct DigitEar {
    presses: VecDeque<Press>,
    clock_hz: u32,
}

impl Default for DigitEar {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug, Clone, Copy)]
struct Press {
    ssrc: u32,
    digit: Digit,
    timestamp: u32,
    duration: u16,
    sequence: u16,
    ended: bool,
}

impl DigitEar {
    /// Remembers nothing yet; the sender's clock counts 8,000 a second.
    pub fn new() -> Self {
        Self { presses: VecDeque::with_capacity(REMEMBERED), clock_hz: RATE_HZ }
    }

    /// The sender's clock counts so many a second from now on.
    pub fn set_clock(&mut self, clock_hz: u32) {
        self.clock_hz = clock_hz;
    }

    /// Takes one packet of the telephone-event payload type; gives the digit if this is a press not heard before.
    pub fn hear(&mut self, packet: &Packet<'_>) -> Option<Digit> {
        let [event, flags, high, low] = *packet.payload.first_chunk::<4>()?;
        let heard = Press {
            ssrc: packet.ssrc,
            digit: Digit::from_event(event)?,
            timestamp: packet.timestamp,
            duration: u16::from_be_bytes([high, low]),
            sequence: packet.sequence,
            ended: flags & 0x80 != 0,
        };
        if let Some(known) = self.presses.iter_mut().rev().find(|known| known.is_same(&heard)) {
            known.update(&heard);
            return None;
        }
        if self.is_straggler(&heard) {
            return None;
        }
        if self.presses.len() == REMEMBERED {
            self.presses.pop_front();
        }
        self.presses.push_back(heard);
        Some(heard.digit)
    }

    fn is_straggler(&self, heard: &Press) -> bool {
        let Some(newest) = self.presses.iter().rev().find(|known| known.ssrc == heard.ssrc) else {
            return false;
        };
        let older = newest.timestamp.wrapping_sub(heard.timestamp);
        (STALE_SECONDS * self.clock_hz..NEW_CLOCK_SECONDS * self.clock_hz).contains(&older)
    }
}

impl Press {
    fn is_same(&self, heard: &Press) -> bool {
        if self.ssrc != heard.ssrc || self.digit != heard.digit {
            return false;
        }
        let later = heard.timestamp.wrapping_sub(self.timestamp) as i32;
        let longer = i32::from(heard.duration) - i32::from(self.duration);
        let ahead = heard.sequence.wrapping_sub(self.sequence) as i16;
        if later == 0 {
            // A gateway that never moves its time stamp begins the next press shorter, and later in the numbering.
            return !(self.ended && ahead > 3 && longer < 0);
        }
        // A gateway that moves the time stamp within one press: stamp and duration grow together, ends repeat.
        let moving = later == longer && !self.ended;
        let moving_end = self.ended && longer == 0 && ahead.unsigned_abs() <= 3;
        let next_segment = later == SEGMENT_TICKS && !self.ended;
        moving || moving_end || next_segment
    }

    fn update(&mut self, heard: &Press) {
        let ahead = heard.sequence.wrapping_sub(self.sequence) as i16;
        if ahead >= 0 {
            self.sequence = heard.sequence;
            self.timestamp = heard.timestamp;
            self.duration = heard.duration;
        }
        self.ended |= heard.ended;
    }
}

/// How long a digit of ours lasts.
pub(crate) const PRESS_MS: u32 = 160;
/// Rest between two digits of ours.
const REST_MS: u32 = 80;
/// Digits waiting to be sent, at most.
const WAITING: usize = 32;
/// -10 dBm0.
const VOLUME: u8 = 10;

/// Sends digits, one packet per packet time, in the place of sound.
#[derive(Debug, Clone)]
pub struct DigitPen {
    clock_hz: u32,
    waiting: VecDeque<Digit>,
    stroke: Option<Stroke>,
    rest: u32,
}

#[derive(Debug, Clone, Copy)]
struct Stroke {
    digit: Digit,
    timestamp: u32,
    duration: u32,
    ends: u8,
}

/// One packet of a digit: what goes beside the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The time stamp of the whole press.
    pub timestamp: u32,
    /// Set on its first packet.
    pub marker: bool,
    /// The four payload bytes.
    pub payload: [u8; 4],
}

impl Default for DigitPen {
    fn default() -> Self {
        Self { clock_hz: RATE_HZ, waiting: VecDeque::with_capacity(WAITING), stroke: None, rest: 0 }
    }
}

impl DigitPen {
    /// Our clock counts so many a second from now on. A press under way is left off.
    pub fn set_clock(&mut self, clock_hz: u32) {
        if self.clock_hz != clock_hz {
            self.clock_hz = clock_hz;
            self.stroke = None;
        }
    }

    /// Puts a digit at the end of the line. False when 32 are waiting already.
    pub fn push(&mut self, digit: Digit) -> bool {
        let room = self.waiting.len() < WAITING;
        if room {
            self.waiting.push_back(digit);
        }
        room
    }

    /// Whether a digit or the rest after it is under way.
    pub fn is_busy(&self) -> bool {
        self.stroke.is_some() || !self.waiting.is_empty()
    }

    /// The packet for the packet time that begins at `timestamp` and lasts `ticks`, or nothing: then sound goes out.
    pub fn write(&mut self, timestamp: u32, ticks: u32) -> Option<Written> {
        let mut stroke = match self.stroke.take() {
            Some(stroke) => stroke,
            None => {
                self.rest = self.rest.saturating_sub(ticks);
                if self.rest > 0 {
                    return None;
                }
                Stroke { digit: self.waiting.pop_front()?, timestamp, duration: 0, ends: 0 }
            }
        };
        let marker = stroke.duration == 0;
        let whole = PRESS_MS * self.clock_hz / 1_000;
        stroke.duration = (stroke.duration + ticks).min(whole);
        let over = stroke.duration == whole;
        let flags = VOLUME | if over { 0x80 } else { 0 };
        let [high, low] = (stroke.duration as u16).to_be_bytes();
        let written =
            Written { timestamp: stroke.timestamp, marker, payload: [stroke.digit.0, flags, high, low] };
        stroke.ends += u8::from(over);
        if stroke.ends < 3 {
            self.stroke = Some(stroke);
        } else {
            self.rest = REST_MS * self.clock_hz / 1_000;
        }
        Some(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Wire {
        timestamp: u32,
        sequence: u16,
        payload: [u8; 4],
        marker: bool,
    }

    /// A caller typing `keys`, as our own pen writes it, with sound between.
    fn typed(keys: &str) -> Vec<Wire> {
        let mut pen = DigitPen::default();
        keys.chars().for_each(|key| assert!(pen.push(Digit::from_char(key).unwrap())));
        let mut wire = Vec::new();
        for packet in 0..2_000u16 {
            if let Some(written) = pen.write(u32::from(packet) * 160, 160) {
                let Written { timestamp, marker, payload } = written;
                wire.push(Wire { timestamp, sequence: packet, payload, marker });
            }
        }
        wire
    }

    fn heard<'a>(wire: impl IntoIterator<Item = &'a Wire>) -> String {
        let mut ear = DigitEar::new();
        let packet = |wire: &'a Wire| Packet {
            marker: wire.marker,
            payload_type: 101,
            sequence: wire.sequence,
            timestamp: wire.timestamp,
            ssrc: 5,
            payload: &wire.payload,
        };
        wire.into_iter().filter_map(|wire| ear.hear(&packet(wire))).map(Digit::as_char).collect()
    }

    const NUMBER: &str = "3125550100#*";

    #[test]
    fn a_number_is_heard_as_typed_by_a_clock_that_counts_faster() {
        let (mut pen, mut ear, mut heard) = (DigitPen::default(), DigitEar::new(), String::new());
        pen.set_clock(48_000);
        ear.set_clock(48_000);
        NUMBER.chars().for_each(|key| assert!(pen.push(Digit::from_char(key).unwrap())));
        let mut packets = 0;
        for packet in 0..2_000u16 {
            let Some(written) = pen.write(u32::from(packet) * 960, 960) else { continue };
            packets += 1;
            let Written { timestamp, marker, payload } = written;
            let packet =
                Packet { marker, payload_type: 101, sequence: packet, timestamp, ssrc: 5, payload: &payload };
            heard.extend(ear.hear(&packet).map(Digit::as_char));
        }
        assert_eq!(
            (heard.as_str(), packets),
            (NUMBER, 10 * NUMBER.len()),
            "160 ms and two repeated ends each"
        );
    }

    #[test]
    fn a_number_is_heard_as_typed() {
        assert_eq!(heard(&typed(NUMBER)), NUMBER);
        assert_eq!(heard(&typed("1111")), "1111", "four presses of one key are four digits");
    }

    #[test]
    fn one_surviving_packet_of_a_press_is_enough() {
        let wire = typed(NUMBER);
        let per_press = wire.len() / NUMBER.len();
        for kept in 0..per_press {
            let survivors = wire.iter().enumerate().filter(|(index, _)| index % per_press == kept);
            assert_eq!(heard(survivors.map(|(_, wire)| wire)), NUMBER, "packet {kept} of each press");
        }
    }

    #[test]
    fn repeated_and_reordered_packets_add_nothing() {
        let wire = typed("1125");
        assert_eq!(heard(wire.iter().flat_map(|wire| [wire, wire, wire])), "1125");
        let mut shuffled: Vec<&Wire> = wire.iter().collect();
        shuffled.chunks_mut(4).for_each(<[&Wire]>::reverse);
        assert_eq!(heard(shuffled), "1125");
        let twice = wire.iter().chain(wire.iter());
        assert_eq!(heard(twice), "1125", "a replay within a second and a half of the newest press");
    }

    #[test]
    fn a_missing_marker_bit_costs_nothing() {
        let mut wire = typed("42");
        wire.iter_mut().for_each(|wire| wire.marker = false);
        assert_eq!(heard(&wire), "42");
    }

    #[test]
    fn a_gateway_that_moves_the_time_stamp_within_a_press_is_understood() {
        let mut wire = typed("5");
        for (index, wire) in wire.iter_mut().enumerate() {
            wire.timestamp += 160 * index as u32;
        }
        assert_eq!(heard(&wire), "5");
    }

    #[test]
    fn a_gateway_that_never_moves_the_time_stamp_is_understood() {
        let mut wire = typed("557");
        wire.iter_mut().for_each(|wire| wire.timestamp = 1);
        assert_eq!(heard(&wire), "557");
    }

    #[test]
    fn a_key_held_for_ten_seconds_is_one_digit() {
        let segments =
            [(100u32, 0xffffu16, false, 1u16), (100 + 0xffff, 160, false, 2), (100 + 0xffff, 9_000, true, 3)];
        let wire: Vec<Wire> = segments
            .iter()
            .map(|&(timestamp, duration, end, sequence)| {
                let [high, low] = duration.to_be_bytes();
                Wire { timestamp, sequence, payload: [7, u8::from(end) << 7, high, low], marker: false }
            })
            .collect();
        assert_eq!(heard(&wire), "7");
    }

    #[test]
    fn a_number_half_the_circle_away_is_no_panic() {
        // Found by mutation: the distance of two sequence numbers can be -32,768, which has no positive twin.
        let wire = [(1u32, 1u16), (2, 0x8001)].map(|(timestamp, sequence)| Wire {
            timestamp,
            sequence,
            payload: [5, 0x80, 0, 160],
            marker: false,
        });
        assert_eq!(heard(&wire), "55");
    }

    #[test]
    fn flash_and_short_payloads_are_no_digits() {
        let mut ear = DigitEar::new();
        for payload in [&[16u8, 0, 0, 1][..], &[5, 0, 0], &[]] {
            let packet =
                Packet { marker: true, payload_type: 101, sequence: 1, timestamp: 1, ssrc: 1, payload };
            assert_eq!(ear.hear(&packet), None);
        }
    }
}
