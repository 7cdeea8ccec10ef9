//! Bridged sound: one leg's packet becomes the other's, at once.
//!
//! Number, time stamp and source are rewritten so that the far end hears one stream from beginning to end, whoever
//! speaks in it; loss and reordering stay visible to it. Nothing is kept and nothing waits, unless the codecs differ: see
//! `smoothing`. When our own sound has gone
//! out in between, the mapping is anchored anew.

use std::time::Duration;

use crate::codec::Codec;
use crate::latch::Stamp;

/// A received packet on its way to the other leg.
#[derive(Debug, Clone, Copy)]
pub struct Relay<'a> {
    /// As the sender stamped it.
    pub stamp: Stamp,
    /// As the sender marked it.
    pub marker: bool,
    /// What the payload is.
    pub content: Content,
    /// The payload itself.
    pub payload: &'a [u8],
}

/// What a relayed payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Sound in this codec.
    Sound(Codec),
    /// A telephone event.
    Event,
    /// The sender keeps quiet, with noise so many decibels below overload. RFC 3389.
    Quiet(u8),
}

/// A time stamp this many seconds off the leg's own clock is anchored anew.
const ASTRAY_SECONDS: u32 = 3;

/// The mapping from the other leg's numbers to ours.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mapping {
    anchor: Option<Anchor>,
    last: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    ssrc: u32,
    first: u16,
    highest: u16,
    sequence_offset: u16,
    stamp_offset: u32,
}

/// Where a packet comes to stand in our own stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub sequence: u16,
    pub timestamp: u32,
    /// The first one after a new anchor.
    pub fresh: bool,
}

impl Mapping {
    /// Own sound went out: the next relayed packet is anchored anew.
    pub fn break_off(&mut self) {
        self.anchor = None;
    }

    /// Nothing is relayed for now: our own stream goes on at once.
    pub fn pause(&mut self) {
        self.last = None;
    }

    /// When the last packet was relayed.
    pub fn last(&self) -> Option<Duration> {
        self.last
    }

    /// Places a packet of a stream whose clock counts as ours does; `sequence` is the next free number of ours and `clock` our own stamp for now.
    /// Nothing for a straggler from before the anchor.
    pub fn place(&mut self, stamp: Stamp, sequence: u16, clock: u32, now: Duration) -> Option<Place> {
        let fits = self.anchor.is_some_and(|anchor| {
            let off = stamp.timestamp.wrapping_add(anchor.stamp_offset).wrapping_sub(clock) as i32;
            let ahead = stamp.sequence.wrapping_sub(anchor.highest) as i16;
            anchor.ssrc == stamp.ssrc
                && off.unsigned_abs() < ASTRAY_SECONDS * stamp.clock_hz
                && ahead.unsigned_abs() < 1_000
        });
        if !fits {
            self.anchor = Some(Anchor {
                ssrc: stamp.ssrc,
                first: stamp.sequence,
                highest: stamp.sequence,
                sequence_offset: sequence.wrapping_sub(stamp.sequence),
                stamp_offset: clock.wrapping_sub(stamp.timestamp),
            });
        }
        let anchor = self.anchor.as_mut()?;
        if (stamp.sequence.wrapping_sub(anchor.first) as i16) < 0 {
            return None;
        }
        if (stamp.sequence.wrapping_sub(anchor.highest) as i16) > 0 {
            anchor.highest = stamp.sequence;
            if anchor.highest.wrapping_sub(anchor.first) >= 0x4000 {
                anchor.first = anchor.highest.wrapping_sub(0x2000); // else the beginning would come round
            }
        }
        self.last = Some(now);
        Some(Place {
            sequence: stamp.sequence.wrapping_add(anchor.sequence_offset),
            timestamp: stamp.timestamp.wrapping_add(anchor.stamp_offset),
            fresh: !fits,
        })
    }

    /// A packet that cannot be relayed takes no number of ours: what follows moves up.
    pub fn leave_out(&mut self, stamp: Stamp) {
        if let Some(anchor) = &mut self.anchor
            && anchor.ssrc == stamp.ssrc
            && (stamp.sequence.wrapping_sub(anchor.highest) as i16) > 0
        {
            anchor.highest = stamp.sequence;
            anchor.sequence_offset = anchor.sequence_offset.wrapping_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_millis(20);

    fn stamp(sequence: u16) -> Stamp {
        Stamp { ssrc: 1, sequence, timestamp: u32::from(sequence).wrapping_mul(160), clock_hz: 8_000 }
    }

    #[test]
    fn loss_and_order_stay_as_they_were() {
        let mut mapping = Mapping::default();
        let out: Vec<u16> = [100, 101, 103, 102, 105]
            .map(|sequence| {
                let clock = 8_000 + (u32::from(sequence) - 100) * 160;
                let place = mapping.place(stamp(sequence), 7, clock, NOW).unwrap();
                assert_eq!(place.timestamp, clock);
                assert_eq!(place.fresh, sequence == 100);
                place.sequence
            })
            .to_vec();
        assert_eq!(out, [7, 8, 10, 9, 12]);
    }

    #[test]
    fn after_own_sound_or_another_source_numbers_go_on_without_a_hole() {
        let mut mapping = Mapping::default();
        assert_eq!(mapping.place(stamp(100), 7, 0, NOW).unwrap().sequence, 7);
        mapping.break_off();
        assert_eq!(
            mapping.place(stamp(300), 20, 4_000, NOW).unwrap(),
            Place { sequence: 20, timestamp: 4_000, fresh: true }
        );
        assert_eq!(mapping.place(stamp(299), 21, 4_000, NOW), None, "a straggler from before");
        let other = Stamp { ssrc: 2, ..stamp(5) };
        assert_eq!(mapping.place(other, 21, 4_160, NOW).unwrap().sequence, 21);
    }

    #[test]
    fn a_call_of_many_hours_wraps_without_a_stumble() {
        let mut mapping = Mapping::default();
        for packet in 0..300_000u32 {
            let stamp = Stamp { timestamp: packet * 160, ..stamp(packet as u16) };
            let place = mapping.place(stamp, 50, packet * 160, NOW).unwrap();
            assert_eq!(place.sequence, (packet as u16).wrapping_add(50));
            assert_eq!(place.fresh, packet == 0);
        }
    }

    #[test]
    fn what_cannot_be_relayed_leaves_no_hole() {
        let mut mapping = Mapping::default();
        mapping.place(stamp(1), 1, 0, NOW);
        mapping.leave_out(stamp(2));
        mapping.leave_out(stamp(3));
        assert_eq!(mapping.place(stamp(4), 0, 480, NOW).unwrap().sequence, 2);
    }
}
