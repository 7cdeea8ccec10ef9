//! What the sequence numbers and arrival times of one incoming stream say about the path.
//!
//! Judging whether a packet may be listened to at all is the [`latch`](crate::latch)'s work; turning these figures into
//! a score is [`quality`](crate::quality)'s. Source: RFC 3550 sections 6.4.1 and A.1, A.3, A.8.

use std::time::Duration;

use crate::rtcp::ReportBlock;
use crate::ticks;

/// A jump ahead up to this many packets counts as loss; more is a restart. RFC 3550 A.1.
const MAX_DROPOUT: u16 = 3_000;
/// A packet up to this much older is merely late. RFC 3550 A.1.
const MAX_MISORDER: u16 = 100;

/// Running figures of one synchronisation source.
#[derive(Debug, Clone)]
pub struct Reception {
    ssrc: u32,
    clock_hz: u32,
    base: u32,
    highest: u32,
    received: u32,
    after_jump: Option<u16>,
    transit: Option<u32>,
    jitter: f64,
    received_before: u32,
    expected_before: u32,
    last_sr: Option<(u32, Duration)>,
}

/// What a packet's number means for the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Counted: next, ahead of a gap, late or repeated.
    Counted,
    /// Far from everything before; one more like it and the stream starts anew.
    Doubtful,
    /// The sender restarted its numbers; counting began again.
    Restarted,
}

impl Reception {
    /// Starts with the first packet of a source whose clock counts `clock_hz` a second. The packet still has to be given to
    /// [`observe`](Self::observe).
    pub fn new(ssrc: u32, first: u16, clock_hz: u32) -> Self {
        let first = u32::from(first);
        Self {
            ssrc,
            clock_hz,
            base: first,
            highest: first,
            received: 0,
            after_jump: None,
            transit: None,
            jitter: 0.0,
            received_before: 0,
            expected_before: 0,
            last_sr: None,
        }
    }

    /// The source these figures are about.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Ticks of its clock a second.
    pub fn clock_hz(&self) -> u32 {
        self.clock_hz
    }

    /// Highest sequence number heard.
    pub fn highest(&self) -> u16 {
        self.highest as u16
    }

    /// Counts one packet and adds it to the running estimate of arrival jitter.
    ///
    /// `stamped` is the RTP time stamp; reordered packets are welcome. Jitter gain is 1/16: RFC 3550 A.8.
    pub fn observe(&mut self, sequence: u16, stamped: u32, now: Duration) -> Arrival {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead < MAX_DROPOUT {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
        } else if ahead <= u16::MAX - MAX_MISORDER {
            if self.after_jump != Some(sequence) {
                self.after_jump = Some(sequence.wrapping_add(1));
                return Arrival::Doubtful;
            }
            let last_sr = self.last_sr;
            *self = Self { last_sr, ..Self::new(self.ssrc, sequence, self.clock_hz) };
            self.count(stamped, now);
            return Arrival::Restarted;
        }
        self.after_jump = None;
        self.count(stamped, now);
        Arrival::Counted
    }

    /// Counts a packet whose stamp stands still (an event): for loss, not for jitter.
    pub fn observe_event(&mut self, sequence: u16) {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead < MAX_DROPOUT {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
        }
        if !(MAX_DROPOUT..=u16::MAX - MAX_MISORDER).contains(&ahead) {
            self.received = self.received.wrapping_add(1);
        }
    }

    fn count(&mut self, stamped: u32, now: Duration) {
        self.received = self.received.wrapping_add(1);
        let transit = ticks(now, self.clock_hz).wrapping_sub(stamped);
        if let Some(before) = self.transit {
            let difference = transit.wrapping_sub(before) as i32;
            // A jump of more than a second is a new time base, not jitter.
            if difference.unsigned_abs() < self.clock_hz {
                self.jitter += (f64::from(difference.unsigned_abs()) - self.jitter) / 16.0;
            }
        }
        self.transit = Some(transit);
    }

    /// Notes a sender report, so that ours can tell the other end its round trip.
    pub fn heard_sender_report(&mut self, ntp: u64, now: Duration) {
        self.last_sr = Some(((ntp >> 16) as u32, now));
    }

    /// Packets that arrived, repeated ones included.
    pub fn received(&self) -> u32 {
        self.received
    }

    /// Packets that should have arrived.
    pub fn expected(&self) -> u32 {
        if self.received == 0 { 0 } else { self.highest.wrapping_sub(self.base).wrapping_add(1) }
    }

    /// Packets that did not arrive; never negative here.
    pub fn lost(&self) -> u32 {
        self.expected().saturating_sub(self.received)
    }

    /// Smoothed arrival jitter.
    pub fn jitter(&self) -> Duration {
        Duration::from_secs_f64(self.jitter / f64::from(self.clock_hz))
    }

    /// The block of our next report. Counts loss since the block before.
    pub fn report(&mut self, now: Duration) -> ReportBlock {
        let expected = self.expected();
        let expected_now = expected.wrapping_sub(self.expected_before);
        let received_now = self.received.wrapping_sub(self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = if expected_now == 0 {
            0
        } else {
            (u64::from(lost_now) * 256 / u64::from(expected_now)).min(255)
        };
        let (last_sr, since) = self.last_sr.map_or((0, 0), |(middle, at)| {
            (middle, (now.saturating_sub(at).as_secs_f64() * 65_536.0) as u32)
        });
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: fraction as u8,
            cumulative_lost: expected.wrapping_sub(self.received) as i32,
            highest_sequence: self.highest,
            jitter: self.jitter as u32,
            last_sr,
            delay_since_last_sr: since,
        }
    }
}

/// Our own clock as RTCP writes it: 32.32 fixed-point seconds since the shell's origin, not since 1900. RFC 3550 6.4.1
/// allows any clock; only differences are ever used.
pub fn ntp(now: Duration) -> u64 {
    (now.as_secs() << 32) | ((u64::from(now.subsec_nanos()) << 32) / 1_000_000_000)
}

/// Round trip from a report block about our own stream. RFC 3550 6.4.1; none when the far end has not heard a report.
pub fn round_trip(block: &ReportBlock, now: Duration) -> Option<Duration> {
    if block.last_sr == 0 {
        return None;
    }
    let now = (ntp(now) >> 16) as u32;
    let trip = now.wrapping_sub(block.last_sr).wrapping_sub(block.delay_since_last_sr);
    // Clocks differ by a hair, and a liar may claim anything: only 0 to 10 s is a round trip.
    let trip = if trip > u32::MAX - 65_536 / 10 { 0 } else { trip };
    (trip < 10 * 65_536).then(|| Duration::from_secs_f64(f64::from(trip) / 65_536.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_steady_stream_has_no_jitter_and_no_loss_even_across_the_wrap() {
        let mut heard = Reception::new(1, 65_500, 8_000);
        for packet in 0..100u32 {
            heard.observe((65_500 + packet) as u16, packet * 160, MS * 20 * packet);
        }
        assert_eq!((heard.received(), heard.expected(), heard.lost()), (100, 100, 0));
        assert!(heard.jitter() < MS / 10);
    }

    #[test]
    fn every_tenth_packet_missing_is_a_tenth_lost() {
        let mut heard = Reception::new(1, 0, 8_000);
        for packet in (0..1_000u32).filter(|packet| packet % 10 != 5) {
            heard.observe(packet as u16, packet * 160, MS * 20 * packet);
        }
        assert_eq!(heard.lost(), 100);
        let block = heard.report(MS * 20_000);
        assert_eq!((block.fraction_lost, block.cumulative_lost), (25, 100));
        assert_eq!(heard.report(MS * 20_000).fraction_lost, 0, "nothing was lost since");
    }

    #[test]
    fn alternating_ten_milliseconds_of_delay_shows_as_jitter() {
        let mut heard = Reception::new(1, 0, 8_000);
        for packet in 0..500u32 {
            heard.observe(packet as u16, packet * 160, MS * (20 * packet + 10 * (packet % 2)));
        }
        let jitter = heard.jitter();
        assert!(jitter > MS * 9 && jitter < MS * 11, "{jitter:?}");
    }

    #[test]
    fn jitter_is_the_same_whatever_the_clock_counts() {
        let jitters = [8_000, 48_000].map(|clock_hz| {
            let mut heard = Reception::new(1, 0, clock_hz);
            for packet in 0..500u32 {
                let stamped = (packet * clock_hz / 50).wrapping_sub(clock_hz);
                heard.observe(packet as u16, stamped, MS * (20 * packet + 10 * (packet % 2)));
            }
            heard.jitter()
        });
        assert!(jitters.into_iter().all(|jitter| jitter > MS * 9 && jitter < MS * 11), "{jitters:?}");
    }

    #[test]
    fn a_lone_wild_number_changes_nothing_but_two_in_a_row_are_a_restart() {
        let mut heard = Reception::new(1, 0, 8_000);
        heard.observe(0, 0, MS);
        assert_eq!(heard.observe(30_000, 0, MS), Arrival::Doubtful);
        assert_eq!(heard.observe(1, 160, MS * 20), Arrival::Counted);
        assert_eq!(heard.lost(), 0);
        assert_eq!(heard.observe(30_000, 0, MS), Arrival::Doubtful);
        assert_eq!(heard.observe(30_001, 0, MS), Arrival::Restarted);
        assert_eq!((heard.received(), heard.lost()), (1, 0));
    }

    #[test]
    fn the_round_trip_is_what_is_left_after_the_far_ends_delay() {
        let sent = MS * 10_000;
        let block = ReportBlock {
            ssrc: 1,
            fraction_lost: 0,
            cumulative_lost: 0,
            highest_sequence: 0,
            jitter: 0,
            last_sr: (ntp(sent) >> 16) as u32,
            delay_since_last_sr: 65_536,
        };
        let trip = round_trip(&block, sent + MS * 1_080).unwrap();
        assert!(trip > MS * 79 && trip < MS * 81, "{trip:?}");
        assert_eq!(round_trip(&block, sent + MS * 60_000), None);
    }
}
