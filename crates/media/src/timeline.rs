//! Recorded packets put where they belong in time, after the call.
//!
//! Packets are put in the order of their numbers, decoded, and laid beside each other by their time stamps. Where the
//! whole stream lies on the clock of the recording is told by the packets that were the least late: so jitter moves
//! nothing, and two clocks that drift apart are brought together again.
//!
//! Nothing here is in a hurry: a packet may come half a second late and is still heard in its place.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::codec::{Codec, Decoder};
use crate::latch::Stamp;
use crate::{MAX_PACKET_SAMPLES, RATE_HZ, samples_in};

/// Packets looked ahead: half a second of 20 ms each.
const AHEAD: usize = 25;
/// Numbers this far apart belong to two streams.
const ANOTHER_STREAM: u64 = 1_000;
/// The stream is moved only when it lies this far from where it should: 60 ms.
const ASTRAY: i64 = 480;

/// One track on its way from packets to sound.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Source and clock of the stream.
    stream: Option<(u32, u32)>,
    waiting: BTreeMap<u64, Waiting>,
    /// The highest number and its stamp, counted on without wrapping.
    latest: (u64, i64),
    /// The number that is next.
    next: u64,
    /// From stamps to samples since the recording began.
    offset: Option<i64>,
    decoder: Decoder,
}

#[derive(Debug)]
struct Waiting {
    /// Where it lies in its stream, in samples.
    stamp: i64,
    /// Where it would lie by when it came, in samples.
    came: i64,
    codec: Codec,
    payload: Vec<u8>,
}

/// Where sound belongs: its first sample since the recording began at 8 kHz, and the samples.
pub type Lay<'a> = &'a mut dyn FnMut(u64, &[i16]);

impl Timeline {
    /// Takes one packet; `at` is when it came or went, since the recording began. Doubled packets, and those more than
    /// half a second late, are left out.
    pub fn take(&mut self, at: Duration, stamp: Stamp, codec: Codec, payload: &[u8], lay: Lay<'_>) {
        if codec.samples_in(payload) > MAX_PACKET_SAMPLES {
            return;
        }
        let number = self.number(stamp, lay);
        if number < self.next || self.waiting.contains_key(&number) {
            return;
        }
        let (number_before, stamp_before) = self.latest;
        let ahead = stamp.timestamp.wrapping_sub(stamp_before as u32) as i32;
        let counted = stamp_before + i64::from(ahead);
        if number >= number_before {
            self.latest = (number, counted);
        }
        let came = samples_in(at) as i64;
        let stamp = counted * i64::from(RATE_HZ) / i64::from(stamp.clock_hz.max(1));
        self.waiting.insert(number, Waiting { stamp, came, codec, payload: payload.to_vec() });
        if self.waiting.len() > AHEAD {
            self.lay_first(lay);
        }
    }

    /// Gives everything that still waits: the track pauses or ends here.
    pub fn finish(&mut self, lay: Lay<'_>) {
        while !self.waiting.is_empty() {
            self.lay_first(lay);
        }
        self.stream = None;
        self.offset = None;
    }

    /// The packet's number without wrapping; another stream begins anew.
    fn number(&mut self, stamp: Stamp, lay: Lay<'_>) -> u64 {
        let (latest, _) = self.latest;
        let ahead = stamp.sequence.wrapping_sub(latest as u16) as i16;
        let number = latest.saturating_add_signed(i64::from(ahead));
        if self.stream == Some((stamp.ssrc, stamp.clock_hz)) && number.abs_diff(latest) < ANOTHER_STREAM {
            return number;
        }
        self.finish(lay);
        let number = (1 << 32) + u64::from(stamp.sequence);
        self.stream = Some((stamp.ssrc, stamp.clock_hz));
        self.latest = (number, i64::from(stamp.timestamp));
        self.next = number - ANOTHER_STREAM; // one that was overtaken at the very beginning
        number
    }

    fn lay_first(&mut self, lay: Lay<'_>) {
        let least_late = self.waiting.values().map(|waiting| waiting.came - waiting.stamp).min();
        let Some((number, packet)) = self.waiting.pop_first() else { return };
        self.next = number + 1;
        let should = least_late.unwrap_or_default();
        let offset = match self.offset {
            Some(offset) if (offset - should).abs() <= ASTRAY => offset,
            Some(_) | None => *self.offset.insert(should),
        };
        let mut samples = [0; MAX_PACKET_SAMPLES];
        let length = self.decoder.decode(packet.codec, &packet.payload, &mut samples);
        let place = packet.stamp + offset;
        let before = usize::try_from(-place).unwrap_or(0).min(length);
        lay(u64::try_from(place).unwrap_or(0), &samples[before..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Law;

    const MS: Duration = Duration::from_millis(1);

    /// Packet `index` of a stream whose every sample tells which packet it is from.
    fn packet(index: u16) -> (Stamp, [u8; 160]) {
        let timestamp = (u32::MAX - 900).wrapping_add(u32::from(index) * 160);
        (
            Stamp { ssrc: 7, sequence: 65_530_u16.wrapping_add(index), timestamp, clock_hz: 8_000 },
            [byte(index); 160],
        )
    }

    /// Each is another level, none is silence.
    fn byte(index: u16) -> u8 {
        0x80 + (index % 100) as u8
    }

    struct Laid(Vec<i16>);

    impl Laid {
        fn lay(&mut self, at: u64, samples: &[i16]) {
            let end = at as usize + samples.len();
            self.0.resize(self.0.len().max(end), 0);
            self.0[at as usize..end].copy_from_slice(samples);
        }

        /// Where packet `index` is heard, in milliseconds.
        fn begins(&self, index: u16) -> Option<usize> {
            let mut level = [0];
            Law::Pcmu.decode(&[byte(index)], &mut level);
            self.0.iter().position(|sample| *sample == level[0]).map(|at| at / 8)
        }
    }

    fn laid(order: &[(u16, u32)]) -> Laid {
        let (mut timeline, mut laid) = (Timeline::default(), Laid(Vec::new()));
        for (index, at) in order {
            let (stamp, payload) = packet(*index);
            timeline.take(MS * *at, stamp, Codec::Pcmu, &payload, &mut |at, samples| laid.lay(at, samples));
        }
        timeline.finish(&mut |at, samples| laid.lay(at, samples));
        laid
    }

    #[test]
    fn packets_that_came_late_and_out_of_order_are_heard_in_their_place() {
        let came = [(0, 140), (2, 165), (1, 171), (4, 180), (3, 260), (3, 261), (6, 220), (7, 240)];
        let laid = laid(&came);
        for index in [0, 1, 2, 3, 4, 6, 7] {
            assert_eq!(laid.begins(index), Some(100 + usize::from(index) * 20), "{index}");
        }
        assert_eq!(laid.begins(5), None, "what never came is silence");
        assert_eq!(laid.0.len(), 260 * 8);
    }

    #[test]
    fn silence_that_was_not_sent_is_as_long_as_it_was() {
        let mut came: Vec<_> = (0..30).map(|index| (index, 100 + u32::from(index) * 20)).collect();
        came.extend((230..260).map(|index| (index, 100 + u32::from(index) * 20)));
        let (mut timeline, mut laid) = (Timeline::default(), Laid(Vec::new()));
        for (index, at) in came {
            let (mut stamp, payload) = packet(index);
            // Numbers go on, stamps jump: RFC 3551 section 4.1.
            stamp.sequence = if index < 200 { stamp.sequence } else { stamp.sequence.wrapping_sub(200) };
            timeline.take(MS * at, stamp, Codec::Pcmu, &payload, &mut |at, samples| laid.lay(at, samples));
        }
        timeline.finish(&mut |at, samples| laid.lay(at, samples));
        assert_eq!(laid.0.len() / 8, 100 + 260 * 20);
        assert!(laid.0[800 + 30 * 160..800 + 230 * 160].iter().all(|sample| *sample == 0));
    }

    #[test]
    fn a_clock_that_runs_too_fast_does_not_run_away() {
        // 1,000 ppm too fast: after ten minutes a stream by its stamps alone would lie 600 ms off.
        let mut timeline = Timeline::default();
        let (mut furthest, mut last) = (0_i64, 0_i64);
        for index in 0..30_000_u32 {
            let stamp = Stamp {
                ssrc: 1,
                sequence: index as u16,
                timestamp: index.wrapping_mul(160),
                clock_hz: 8_000,
            };
            let at = Duration::from_micros(u64::from(index) * 19_980);
            timeline.take(at, stamp, Codec::Pcmu, &[0xff; 160], &mut |place, _| {
                furthest = furthest.max((place as i64 - last).abs());
                last = place as i64;
            });
        }
        timeline.finish(&mut |place, _| last = place as i64);
        let off = last - 29_999 * 19_980 * 8 / 1_000;
        assert!(off.abs() < 2 * ASTRAY, "{off} samples off after ten minutes");
        assert!(furthest < 160 + 2 * ASTRAY, "never moved by more than it was astray: {furthest}");
    }

    #[test]
    fn a_codec_whose_clock_counts_faster_lies_no_further_apart() {
        let (mut encoder, mut timeline) = (crate::codec::Encoder::new(Codec::Opus), Timeline::default());
        let mut places = Vec::new();
        for index in 0..100_u16 {
            let mut payload = [0; 480];
            let length = encoder.encode(&[500; 160], &mut payload);
            let timestamp = u32::from(index) * 960;
            let stamp = Stamp { ssrc: 1, sequence: index, timestamp, clock_hz: Codec::Opus.clock_hz() };
            let at = MS * (1_000 + u32::from(index) * 20);
            timeline.take(at, stamp, Codec::Opus, &payload[..length], &mut |at, samples| {
                places.push((at, samples.len()));
            });
        }
        timeline.finish(&mut |at, samples| places.push((at, samples.len())));
        let expected: Vec<_> = (0..100).map(|index| (8_000 + index * 160, 160)).collect();
        assert_eq!(places, expected);
    }

    #[test]
    fn another_stream_begins_where_it_came() {
        let (mut timeline, mut laid) = (Timeline::default(), Laid(Vec::new()));
        for index in 0..10_u16 {
            let (stamp, payload) = packet(index);
            let at = MS * (u32::from(index) * 20);
            timeline.take(at, stamp, Codec::Pcmu, &payload, &mut |at, samples| laid.lay(at, samples));
        }
        for index in 20..30_u16 {
            let (stamp, payload) = packet(index);
            let stamp = Stamp {
                ssrc: 8,
                sequence: stamp.sequence ^ 0x5555,
                timestamp: stamp.timestamp ^ 0x5555_0000,
                ..stamp
            };
            let at = MS * (300 + u32::from(index) * 20);
            timeline.take(at, stamp, Codec::Pcmu, &payload, &mut |at, samples| laid.lay(at, samples));
        }
        timeline.finish(&mut |at, samples| laid.lay(at, samples));
        assert_eq!(laid.begins(9), Some(180));
        assert_eq!(laid.begins(20), Some(700));
    }
}
