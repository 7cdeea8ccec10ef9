//! How good a call sounded, from what the path did to it.
//!
//! Counting packets is done in [`reception`](crate::reception); what the far end counted comes by its reports.
//! Source: ITU-T G.107 (E-model) with every default but delay and loss; G.113 appendix I for G.711 with concealment. The
//! other codecs are scored as if they were G.711: what they add, a recommendation gives for some of them only, and on another
//! scale.

use std::time::Duration;

use crate::rtcp::ReportBlock;

/// Everything a leg knows about its sound when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Quality {
    /// Packets heard from the latched source.
    pub received: u32,
    /// Packets that should have come and did not.
    pub lost: u32,
    /// `lost` against what should have come, 0 to 1.
    pub loss_ratio: f64,
    /// Smoothed arrival jitter.
    pub jitter_ms: f64,
    /// Round trip to the far end, once its reports told.
    pub round_trip_ms: Option<f64>,
    /// Our own stretch of the way from mouth to ear: to the far end of this leg, and the packet that is filled meanwhile.
    /// Known once the round trip is.
    pub to_trunk_ms: Option<f64>,
    /// Mean opinion score, 1.0 to 4.4, of what we heard.
    pub mos: f64,
    /// How the far end heard us, once its reports told.
    pub far_end: Option<FarEnd>,
    /// Packets sent, silence included.
    pub sent: u32,
    /// Longest time the caller heard nothing while it was our turn.
    pub longest_silence_ms: u64,
    /// Time from the connection to the first thing the caller heard.
    pub first_word_ms: Option<u64>,
    /// Samples the recogniser was too slow to take.
    pub tap_dropped: u64,
    /// Packets refused: wrong source, wrong payload type, no RTP.
    pub refused: u32,
}

/// Our sound, as the far end's reports tell of it. A far end may tell anything; nothing but the record believes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FarEnd {
    /// Share of our packets that did not come there, 0 to 1.
    pub loss_ratio: f64,
    /// Smoothed arrival jitter there.
    pub jitter_ms: f64,
    /// Mean opinion score, 1.0 to 4.4.
    pub mos: f64,
}

impl FarEnd {
    /// From the latest block about a stream of ours that began with the number `first` and counts `rate_hz` a second. Nothing
    /// from a block that tells of more than twice the `sent` packets: it cannot be about them.
    pub(crate) fn told(
        block: &ReportBlock,
        first: u16,
        sent: u32,
        rate_hz: u32,
        one_way: Duration,
    ) -> Option<Self> {
        let expected = block.highest_sequence.wrapping_sub(first.into()).wrapping_add(1);
        // Numbers go on over holes that a bridged caller's path made; a call has a few thousand of these at most.
        if !(1..=sent.saturating_mul(2).saturating_add(3_000)).contains(&expected) {
            return None;
        }
        let loss_ratio = (f64::from(block.cumulative_lost) / f64::from(expected)).clamp(0.0, 1.0);
        let jitter = Duration::from_secs_f64(f64::from(block.jitter) / f64::from(rate_hz));
        let jitter = jitter.min(Duration::from_secs(10));
        let jitter_ms = jitter.as_secs_f64() * 1_000.0;
        Some(Self { loss_ratio, jitter_ms, mos: mos_g711(one_way, jitter, loss_ratio) })
    }
}

/// Delay that sending and hearing add on our side: one packet each way and a little waiting, in milliseconds.
const OWN_DELAY_MS: f64 = 40.0;

/// Mean opinion score of G.711 over a path, 1.0 to 4.4.
///
/// `one_way` is the delay of the network alone, `loss_ratio` 0 to 1 counted as random loss.
pub fn mos_g711(one_way: Duration, jitter: Duration, loss_ratio: f64) -> f64 {
    let delay = one_way.as_secs_f64() * 1_000.0 + 2.0 * jitter.as_secs_f64() * 1_000.0 + OWN_DELAY_MS;
    let by_delay = 0.024 * delay + if delay > 177.3 { 0.11 * (delay - 177.3) } else { 0.0 };
    // Equipment impairment 0 and loss robustness 25.1: G.711 with concealment, G.113 table I.4.
    let loss = (loss_ratio * 100.0).clamp(0.0, 100.0);
    let by_loss = 95.0 * loss / (loss + 25.1);
    let rating = (93.2 - by_delay - by_loss).clamp(0.0, 100.0);
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_clean_line_scores_what_the_model_gives_and_faults_lower_it() {
        let clean = mos_g711(MS * 20, MS, 0.0);
        assert!((4.3..4.45).contains(&clean), "{clean}");
        let lossy = mos_g711(MS * 20, MS, 0.05);
        assert!((3.4..4.1).contains(&lossy), "{lossy}");
        let far = mos_g711(MS * 400, MS, 0.0);
        assert!((2.6..3.0).contains(&far), "{far}");
        assert!(mos_g711(MS * 3_000, MS * 500, 0.9) < 1.1);
        assert!(lossy < clean && far < lossy);
    }
}
