//! Puts arriving packets in order for hearing, and says what is missing.
//!
//! Packets in order pass straight through; waiting happens only when one is missing, and never longer than
//! [`PATIENCE`]. Bridged sound does not come here. Invariant: what is handed out has strictly rising numbers.

use std::time::Duration;

use crate::codec::Codec;
use crate::latch::Stamp;
use crate::{MAX_PACKET_SAMPLES, RATE_HZ};

/// How long a missing packet is waited for.
pub const PATIENCE: Duration = Duration::from_millis(60);
/// How many packets wait beside a gap, at most.
const SLOTS: usize = 8;
/// Numbers further ahead than this are a new beginning, not a gap.
const NEW_BEGINNING: u16 = 64;
/// Longest silence inserted for one jump of the time stamp, in samples: one second.
const MAX_QUIET: u32 = 8_000;

/// What comes out, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InOrder<'a> {
    /// One packet of sound; empty for a packet that carried none (an event).
    Sound(Codec, &'a [u8]),
    /// Packets were lost: this many samples of sound have to be invented.
    Lost(u32),
    /// The sender kept quiet for this many samples (silence suppression).
    Quiet(u32),
}

/// The packets of one stream around a gap. About 4 KiB; keep it in a box.
#[derive(Debug, Clone)]
pub struct Reorder {
    slots: [Slot; SLOTS],
    next: Option<u16>,
    next_stamp: u32,
    clock_hz: u32,
    gap_since: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    full: bool,
    sequence: u16,
    timestamp: u32,
    codec: Codec,
    length: usize,
    bytes: [u8; MAX_PACKET_SAMPLES],
}

impl Default for Reorder {
    fn default() -> Self {
        let empty = Slot {
            full: false,
            sequence: 0,
            timestamp: 0,
            codec: Codec::Pcmu,
            length: 0,
            bytes: [0; MAX_PACKET_SAMPLES],
        };
        Self { slots: [empty; SLOTS], next: None, next_stamp: 0, clock_hz: RATE_HZ, gap_since: None }
    }
}

impl Reorder {
    /// Forgets the stream; the next packet begins a new one.
    pub fn reset(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.full = false);
        self.next = None;
        self.gap_since = None;
    }

    /// When waiting for a missing packet ends.
    pub fn deadline(&self) -> Option<Duration> {
        self.gap_since.map(|since| since + PATIENCE)
    }

    /// Takes one packet, at most 480 bytes of it, and hands out whatever is now in order.
    pub fn offer(
        &mut self,
        stamp: Stamp,
        codec: Codec,
        payload: &[u8],
        now: Duration,
        hand_out: &mut impl FnMut(InOrder<'_>),
    ) {
        let payload = &payload[..payload.len().min(MAX_PACKET_SAMPLES)];
        if stamp.clock_hz != self.clock_hz {
            self.reset();
            self.clock_hz = stamp.clock_hz;
        }
        let Stamp { sequence, timestamp, .. } = stamp;
        let ahead = self.next.map_or(0, |next| sequence.wrapping_sub(next));
        match ahead {
            0 => {
                if self.next.is_none() {
                    self.next_stamp = timestamp;
                }
                self.pass(sequence, timestamp, codec, payload, hand_out);
                self.pass_waiting(hand_out);
                self.note_gap(now);
            }
            1..NEW_BEGINNING => {
                if self.keep(sequence, timestamp, codec, payload) {
                    self.gap_since.get_or_insert(now);
                } else {
                    self.skip_gap(now, hand_out);
                    self.offer(stamp, codec, payload, now, hand_out);
                }
            }
            NEW_BEGINNING..0x8000 => {
                while self.gap_since.is_some() {
                    self.skip_gap(now, hand_out);
                }
                self.next = None;
                self.offer(stamp, codec, payload, now, hand_out);
            }
            0x8000.. => {} // late or repeated: its place has been filled already
        }
    }

    /// Gives up on a missing packet whose time is over.
    pub fn tick(&mut self, now: Duration, hand_out: &mut impl FnMut(InOrder<'_>)) {
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.skip_gap(now, hand_out);
        }
    }

    fn keep(&mut self, sequence: u16, timestamp: u32, codec: Codec, payload: &[u8]) -> bool {
        if self.slots.iter().any(|slot| slot.full && slot.sequence == sequence) {
            return true;
        }
        let Some(slot) = self.slots.iter_mut().find(|slot| !slot.full) else { return false };
        (slot.full, slot.sequence, slot.timestamp, slot.codec) = (true, sequence, timestamp, codec);
        slot.length = payload.len();
        slot.bytes[..payload.len()].copy_from_slice(payload);
        true
    }

    /// Declares everything before the earliest waiting packet lost, and goes on from there.
    fn skip_gap(&mut self, now: Duration, hand_out: &mut impl FnMut(InOrder<'_>)) {
        let next = self.next.unwrap_or(0);
        let earliest =
            self.slots.iter().filter(|slot| slot.full).min_by_key(|slot| slot.sequence.wrapping_sub(next));
        let Some(earliest) = earliest else {
            self.gap_since = None;
            return;
        };
        let missing = self.samples_between(earliest.timestamp);
        if (1..MAX_QUIET).contains(&missing) {
            hand_out(InOrder::Lost(missing));
        }
        self.next = Some(earliest.sequence);
        self.next_stamp = earliest.timestamp;
        self.pass_waiting(hand_out);
        self.note_gap(now);
    }

    fn pass_waiting(&mut self, hand_out: &mut impl FnMut(InOrder<'_>)) {
        while let Some(index) =
            self.slots.iter().position(|slot| slot.full && Some(slot.sequence) == self.next)
        {
            self.slots[index].full = false;
            let Slot { sequence, timestamp, codec, length, bytes, .. } = self.slots[index];
            self.pass(sequence, timestamp, codec, &bytes[..length], hand_out);
        }
    }

    fn pass(
        &mut self,
        sequence: u16,
        timestamp: u32,
        codec: Codec,
        payload: &[u8],
        hand_out: &mut impl FnMut(InOrder<'_>),
    ) {
        self.next = Some(sequence.wrapping_add(1));
        if payload.is_empty() {
            return; // an event has the stamp of its beginning: it says nothing about where sound goes on
        }
        let quiet = self.samples_between(timestamp);
        if quiet > 0 {
            hand_out(InOrder::Quiet(quiet.min(MAX_QUIET)));
        }
        hand_out(InOrder::Sound(codec, payload));
        self.next_stamp = timestamp.wrapping_add(codec.ticks_in(payload));
    }

    /// Samples of sound between what was handed out and this stamp; none where it lies before.
    fn samples_between(&self, timestamp: u32) -> u32 {
        let ticks = timestamp.wrapping_sub(self.next_stamp);
        let ahead = if ticks < 0x8000_0000 { ticks } else { 0 };
        (u64::from(ahead) * u64::from(RATE_HZ) / u64::from(self.clock_hz)) as u32
    }

    fn note_gap(&mut self, now: Duration) {
        self.gap_since = self.slots.iter().any(|slot| slot.full).then_some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[derive(Default)]
    struct Listener {
        reorder: Reorder,
        heard: Vec<String>,
    }

    impl Listener {
        fn packet(&mut self, number: u16, at_ms: u32) -> &mut Self {
            let payload = [number as u8; 160];
            let Self { reorder, heard } = self;
            reorder.offer(
                stamp(number.wrapping_add(65_530), u32::from(number) * 160),
                Codec::Pcmu,
                &payload,
                MS * at_ms,
                &mut |out| heard.push(told(out)),
            );
            self
        }

        fn tick(&mut self, at_ms: u32) -> &mut Self {
            let Self { reorder, heard } = self;
            reorder.tick(MS * at_ms, &mut |out| heard.push(told(out)));
            self
        }

        fn heard(&self) -> String {
            self.heard.join(" ")
        }
    }

    fn stamp(sequence: u16, timestamp: u32) -> Stamp {
        Stamp { ssrc: 1, sequence, timestamp, clock_hz: 8_000 }
    }

    fn told(out: InOrder<'_>) -> String {
        match out {
            InOrder::Sound(_, bytes) => bytes[0].to_string(),
            InOrder::Lost(samples) => format!("lost{samples}"),
            InOrder::Quiet(samples) => format!("quiet{samples}"),
        }
    }

    #[test]
    fn order_passes_at_once_even_across_the_wrap() {
        let mut ear = Listener::default();
        for number in 0..9 {
            ear.packet(number, 0);
        }
        assert_eq!(ear.heard(), "0 1 2 3 4 5 6 7 8");
        assert_eq!(ear.reorder.deadline(), None);
    }

    #[test]
    fn swapped_packets_are_put_right_and_repeated_ones_dropped() {
        let mut ear = Listener::default();
        ear.packet(0, 0).packet(2, 20).packet(2, 21).packet(1, 25).packet(1, 30).packet(3, 40);
        assert_eq!(ear.heard(), "0 1 2 3");
    }

    #[test]
    fn a_lost_packet_is_waited_for_no_longer_than_sixty_milliseconds() {
        let mut ear = Listener::default();
        ear.packet(0, 0).packet(2, 40).packet(3, 60).tick(99);
        assert_eq!(ear.heard(), "0");
        ear.tick(100);
        assert_eq!(ear.heard(), "0 lost160 2 3");
        ear.packet(1, 101).packet(4, 120);
        assert_eq!(ear.heard(), "0 lost160 2 3 4");
    }

    #[test]
    fn a_gap_with_everything_after_it_waiting_gives_up_early() {
        let mut ear = Listener::default();
        ear.packet(0, 0);
        for number in 2..12 {
            ear.packet(number, 1);
        }
        assert_eq!(ear.heard(), "0 lost160 2 3 4 5 6 7 8 9 10 11");
    }

    #[test]
    fn a_sender_that_keeps_quiet_is_silence_not_loss() {
        let mut ear = Listener::default();
        ear.packet(0, 0);
        let Listener { reorder, heard } = &mut ear;
        reorder.offer(stamp(65_531, 160 * 11), Codec::Pcmu, &[9; 160], MS * 220, &mut |out| {
            heard.push(told(out))
        });
        assert_eq!(ear.heard(), "0 quiet1600 9");
    }

    #[test]
    fn a_far_jump_is_a_new_beginning() {
        let mut ear = Listener::default();
        ear.packet(0, 0).packet(2, 20).packet(200, 40).packet(201, 60);
        assert_eq!(ear.heard(), "0 lost160 2 200 201");
    }
}
