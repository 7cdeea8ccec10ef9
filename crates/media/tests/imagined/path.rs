//! A path as the internet gives it, by a seed: it loses, delays, swaps, goes dark. At its end listens a telephone of the
//! ordinary kind, whose cushion and concealment are not ours.
//!
//! The tests of the whole program, over real sockets, use the same: `firstring/tests/wire/stage/forwarder.rs`.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::time::Duration;

use media::Codec;
use media::codec::Decoder;

const MS: Duration = Duration::from_millis(1);

/// What becomes of packets. The same seed does the same again.
#[derive(Debug, Clone)]
pub struct Path {
    /// From which everything follows.
    pub chance: u64,
    /// Share of packets lost, at random, 0 to 1.
    pub loss_ratio: f64,
    /// The least and the most that a packet takes. Apart by more than a packet time, packets overtake each other.
    pub takes: (Duration, Duration),
    /// Nothing passes between these two moments.
    pub dark: Option<(Duration, Duration)>,
    /// Packets that set out, but for the dark.
    pub sent: u32,
    /// Packets of these that never came.
    pub lost: u32,
}

impl Path {
    /// 60 ms, give or take 20, with such a loss.
    pub fn losing(loss_ratio: f64, seed: u64) -> Self {
        Self { chance: seed, loss_ratio, takes: (MS * 40, MS * 80), dark: None, sent: 0, lost: 0 }
    }

    /// When a packet that sets out now comes to its end, if it does.
    pub fn passes(&mut self, now: Duration) -> Option<Duration> {
        let (fate, time) = (self.next(), self.next());
        if self.dark.is_some_and(|(from, to)| (from..to).contains(&now)) {
            return None;
        }
        self.sent += 1;
        if fate < self.loss_ratio {
            self.lost += 1;
            return None;
        }
        let (least, most) = self.takes;
        Some(now + least + (most - least).mul_f64(time))
    }

    /// What it lost, 0 to 1.
    pub fn lost_ratio(&self) -> f64 {
        f64::from(self.lost) / f64::from(self.sent.max(1))
    }

    /// SplitMix64, as a share of one.
    fn next(&mut self) -> f64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.chance;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64
    }
}

/// A packet of sound as it came.
#[derive(Debug, Clone)]
pub struct Came {
    pub at: Duration,
    /// Where it stands among the others, in samples of 8 kHz.
    pub stamp: u32,
    pub codec: Codec,
    pub payload: Vec<u8>,
}

/// What an ordinary telephone plays of it, from the first packet on: that one waits as long as `cushion`, what comes after
/// its moment is lost, and what is lost sounds like what was before it, three times, ever quieter.
pub fn played(came: &[Came], cushion: Duration) -> Vec<i16> {
    let Some(first) = came.first() else { return Vec::new() };
    let place = |packet: &Came| packet.stamp.wrapping_sub(first.stamp) as i32;
    let is_in_time = |packet: &&Came| {
        let moment = first.at + cushion + MS * (place(packet).max(0) as u32 / 8);
        place(packet) >= 0 && packet.at <= moment
    };
    let mut in_time: Vec<&Came> = came.iter().filter(is_in_time).collect();
    in_time.sort_by_key(|packet| place(packet));
    let (mut decoder, mut played) = (Decoder::default(), Vec::new());
    for packet in in_time {
        let at = place(packet) as usize;
        conceal(&mut played, at);
        played.truncate(at);
        let mut samples = [0; media::MAX_PACKET_SAMPLES];
        let length = decoder.decode(packet.codec, &packet.payload, &mut samples);
        played.extend(&samples[..length]);
    }
    played
}

/// Makes something up until there are so many samples.
fn conceal(played: &mut Vec<i16>, until: usize) {
    let last = played[played.len().saturating_sub(LAST)..].to_vec();
    for gain in [0.9, 0.6, 0.3] {
        let missing = until.saturating_sub(played.len());
        played.extend(last.iter().map(|sample| (f64::from(*sample) * gain) as i16).take(missing));
    }
    played.resize(played.len().max(until), 0);
}

/// What is repeated: 20 ms.
const LAST: usize = 160;
/// Ten milliseconds at a time.
const PIECE: usize = 80;
/// Nothing is heard below this.
const NOTHING_DBFS: f32 = -50.0;
/// Somebody speaks above this.
const SPEAKING_DBFS: f32 = -40.0;

/// The longest time in which nothing is heard although somebody speaks, pieces of 10 ms; `said` is what was said, at the
/// same places.
pub fn longest_hole(played: &[i16], said: &[i16]) -> Duration {
    let (mut longest, mut run) = (0, 0);
    for (heard, said) in played.chunks(PIECE).zip(said.chunks(PIECE)) {
        let is_hole = media::level::dbfs(said) > SPEAKING_DBFS && media::level::dbfs(heard) < NOTHING_DBFS;
        run = if is_hole { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    MS * 10 * longest
}

/// How much of `said` somebody speaks.
pub fn spoken(said: &[i16]) -> Duration {
    MS * 10 * said.chunks(PIECE).filter(|said| media::level::dbfs(said) > SPEAKING_DBFS).count() as u32
}
