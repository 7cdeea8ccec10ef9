//! What the far end sounded like, packet by packet, as it came out of our own socket.
//!
//! Times are durations since the INVITE was sent. Audible is a packet above -45 dBFS. Waiting is judged as a caller
//! would: from our last audible packet (or last key) to the first audible packet that is not the tail of what was
//! already playing. A ringing tone is heard, but it is nobody's answer, and the quiet between two rings is no dead line.
//!
//! Pure: packets and moments go in, figures come out.

use std::f64::consts::TAU;
use std::time::Duration;

use media::level::{dbfs, is_audible};

use super::report::Barge;

/// Quiet that separates two things the desk says, and ends the tail of one.
const APART: Duration = Duration::from_millis(200);
/// What was audible so shortly before is still going on.
const GOING_ON: Duration = Duration::from_millis(300);
/// A voice that falls by this gives way. The desk lowers its own by 12 dB.
const DUCK_DB: f32 = 9.0;
/// For this long nothing louder came.
const DUCKED_FOR: Duration = Duration::from_millis(100);
/// The loudness before is judged over this.
const BEFORE: Duration = Duration::from_millis(1_500);
/// Packets remembered: ten minutes of 10 ms packets.
const MOST_PACKETS: usize = 60_000;
/// Quiet part of a ringing tone, with a little room. North America: 2 s on, 4 s off.
const RINGING_PAUSE: Duration = Duration::from_millis(4_200);

/// Everything heard so far.
#[derive(Debug, Default)]
pub struct Ear {
    packets: Vec<Packet>,
    stretch: Option<Stretch>,
    waiting: Waiting,
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    at: Duration,
    level: f32,
    audible: bool,
}

/// Audible packets without a long pause.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    first: Duration,
    last: Duration,
    packets: u32,
    ringing: u32,
}

impl Stretch {
    fn is_ringing(&self) -> bool {
        self.packets >= 10 && self.ringing * 10 >= self.packets * 8
    }
}

/// How long the far end let us wait.
#[derive(Debug, Default)]
struct Waiting {
    /// It is the far end's turn, and nothing was heard since.
    since: Option<Duration>,
    longest: Duration,
}

impl Ear {
    /// One packet of sound.
    pub fn hear(&mut self, samples: &[i16], at: Duration) {
        let audible = is_audible(samples);
        if self.packets.len() < MOST_PACKETS {
            self.packets.push(Packet { at, level: dbfs(samples), audible });
        }
        if !audible {
            return;
        }
        self.end_of_waiting(at);
        let ringing = u32::from(is_ringing_tone(samples));
        match &mut self.stretch {
            Some(stretch) if at.saturating_sub(stretch.last) < APART => {
                stretch.last = at;
                stretch.packets += 1;
                stretch.ringing += ringing;
            }
            Some(_) | None => self.stretch = Some(Stretch { first: at, last: at, packets: 1, ringing }),
        }
    }

    fn end_of_waiting(&mut self, at: Duration) {
        let Some(since) = self.waiting.since else { return };
        let pause = at.saturating_sub(since);
        let between_rings =
            self.stretch.is_some_and(|stretch| stretch.is_ringing()) && pause <= RINGING_PAUSE;
        if !between_rings {
            self.waiting.longest = self.waiting.longest.max(pause);
        }
        self.waiting.since = Some(at);
    }

    /// From now on it is the far end that has to say something.
    pub fn turn_is_theirs(&mut self, at: Duration) {
        self.waiting.since = Some(at);
    }

    /// From now on quiet is what we want.
    pub fn turn_is_ours(&mut self) {
        self.waiting.since = None;
    }

    /// The call is over. If it was the far end's turn, the quiet before counts as well.
    pub fn call_ended(&mut self, at: Duration) {
        if let Some(since) = self.waiting.since.take() {
            self.waiting.longest = self.waiting.longest.max(at.saturating_sub(since));
        }
    }

    /// The longest time we heard nothing while it was the far end's turn.
    pub fn longest_silence(&self) -> Duration {
        self.waiting.longest
    }

    /// The first audible packet.
    pub fn first_word(&self) -> Option<Duration> {
        self.packets.iter().find(|packet| packet.audible).map(|packet| packet.at)
    }

    /// The last audible packet, of whatever kind.
    pub fn last_sound(&self) -> Option<Duration> {
        self.stretch.map(|stretch| stretch.last)
    }

    /// The first audible packet after `end` that is not the tail of what was already playing then.
    pub fn reply_after(&self, end: Duration) -> Option<Duration> {
        let from = self.packets.partition_point(|packet| packet.at <= end);
        let before = self.packets[..from].iter().rev();
        let last_before =
            before.take_while(|packet| packet.at + APART > end).find(|packet| packet.audible).map(|p| p.at);
        let mut tail = last_before;
        for packet in self.packets[from..].iter().filter(|packet| packet.audible) {
            match tail {
                Some(last) if packet.at.saturating_sub(last) < APART => tail = Some(packet.at),
                Some(_) | None => return Some(packet.at),
            }
        }
        None
    }

    /// When the far end began what it is saying, if that was after `floor` and it still speaks.
    pub fn speaking_since(&self, floor: Duration, now: Duration) -> Option<Duration> {
        let stretch = self.stretch.filter(|stretch| !stretch.is_ringing())?;
        let speaks = now.saturating_sub(stretch.last) < APART;
        (speaks && stretch.last > floor).then_some(stretch.first.max(floor))
    }

    /// When the far end's last word was heard, if it has spoken since `floor`. A ringing tone says nothing.
    pub fn last_word(&self, floor: Duration) -> Option<Duration> {
        self.stretch
            .filter(|stretch| stretch.last > floor && !stretch.is_ringing())
            .map(|stretch| stretch.last)
    }

    /// What the far end did when we began to speak over it at `onset`; nothing if it was quiet then.
    ///
    /// A pause between its own words looks like giving way as well; a figure of several calls says more than one.
    pub fn barge(&self, onset: Duration) -> Option<Barge> {
        let from = self.packets.partition_point(|packet| packet.at <= onset);
        let (before, after) = self.packets.split_at(from);
        let mut levels: Vec<f32> = before
            .iter()
            .rev()
            .take_while(|packet| packet.at + BEFORE > onset)
            .filter(|packet| packet.audible)
            .map(|packet| packet.level)
            .collect();
        levels.sort_by(f32::total_cmp);
        let loud = *levels.get(levels.len() * 9 / 10)?;
        let went_on = before.iter().rev().find(|packet| packet.audible)?.at + GOING_ON > onset;
        let since = |at: Duration| at.saturating_sub(onset).as_millis() as u64;
        went_on.then(|| Barge {
            ducked_ms: first_run(after, DUCKED_FOR, |packet| packet.level <= loud - DUCK_DB).map(since),
            silent_ms: first_run(after, APART, |packet| !packet.audible).map(since),
        })
    }
}

/// Where the first run of such packets begins that lasts for `time`, or goes on to the end.
fn first_run(packets: &[Packet], time: Duration, is_such: impl Fn(&Packet) -> bool) -> Option<Duration> {
    let mut began = None;
    for packet in packets {
        match (is_such(packet), began) {
            (true, None) => began = Some(packet.at),
            (true, Some(at)) if packet.at.saturating_sub(at) >= time => return began,
            (true, Some(_)) => {}
            (false, _) => began = None,
        }
    }
    began
}

/// Whether most of the energy lies where telephone networks ring: 400 to 500 Hz.
fn is_ringing_tone(samples: &[i16]) -> bool {
    let energy: f64 = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    let share = |hz: f64| {
        let step = TAU * hz / f64::from(media::RATE_HZ);
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let angle = step * n as f64;
            re += f64::from(*sample) * angle.cos();
            im += f64::from(*sample) * angle.sin();
        }
        2.0 * (re * re + im * im) / (samples.len() as f64 * energy)
    };
    energy > 0.0 && [425.0, 450.0, 475.0].into_iter().map(share).sum::<f64>() > 0.9
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::tones::{Player, Tone};

    const MS: Duration = Duration::from_millis(1);

    /// A far end whose packets come every 20 ms.
    struct Line {
        ear: Ear,
        at: Duration,
        phase: f64,
    }

    impl Line {
        fn new() -> Self {
            Line { ear: Ear::default(), at: Duration::ZERO, phase: 0.0 }
        }

        fn packets(&mut self, ms: u32, mut sample: impl FnMut(&mut f64) -> i16) {
            for _ in 0..ms / 20 {
                let sound: Vec<i16> = (0..160).map(|_| sample(&mut self.phase)).collect();
                self.ear.hear(&sound, self.at);
                self.at += MS * 20;
            }
        }

        fn speaks(&mut self, ms: u32) {
            self.speaks_at(ms, 4_000.0);
        }

        fn speaks_at(&mut self, ms: u32, peak: f64) {
            self.packets(ms, |phase| {
                *phase += 1.0;
                (peak * ((*phase * 0.15).sin() + 0.5 * (*phase * 0.71).sin())) as i16
            });
        }

        fn is_quiet(&mut self, ms: u32) {
            self.packets(ms, |_| 0);
        }

        fn rings(&mut self, ms: u32) {
            let mut player = Player::new(Tone::Ringback);
            for _ in 0..ms / 20 {
                let mut sound = [0; 160];
                player.fill(&mut sound);
                self.ear.hear(&sound, self.at);
                self.at += MS * 20;
            }
        }
    }

    #[test]
    fn a_gap_goes_from_our_last_sound_to_the_first_of_the_answer() {
        let mut line = Line::new();
        line.speaks(400);
        line.is_quiet(1_000);
        let end = line.at;
        line.is_quiet(600);
        assert_eq!(line.ear.reply_after(end), None);
        line.speaks(200);
        assert_eq!(line.ear.reply_after(end), Some(end + MS * 600));
        assert_eq!(line.ear.first_word(), Some(Duration::ZERO));
    }

    #[test]
    fn the_tail_of_what_was_playing_is_no_answer() {
        let mut line = Line::new();
        line.speaks(1_000);
        let end = line.at;
        line.speaks(300); // goes on over our last word
        line.is_quiet(500);
        let answer = line.at;
        line.speaks(100);
        assert_eq!(line.ear.reply_after(end), Some(answer));
        assert_eq!(line.ear.reply_after(end + MS * 150), Some(answer), "nor when asked in its middle");
    }

    #[test]
    fn the_longest_silence_counts_only_while_it_is_their_turn() {
        let mut line = Line::new();
        line.ear.turn_is_theirs(line.at);
        line.is_quiet(200);
        line.speaks(500);
        line.is_quiet(700);
        line.ear.turn_is_ours();
        line.is_quiet(5_000); // we speak, or say nothing on purpose
        line.ear.turn_is_theirs(line.at);
        line.is_quiet(900);
        assert_eq!(line.ear.longest_silence(), MS * 200, "not over yet");
        line.speaks(100);
        assert_eq!(line.ear.longest_silence(), MS * 900);
        line.is_quiet(2_000);
        line.ear.call_ended(line.at);
        assert_eq!(line.ear.longest_silence(), MS * 2_020, "from the start of its last audible packet");
    }

    #[test]
    fn a_ringing_tone_is_heard_but_nobody_has_spoken() {
        let mut line = Line::new();
        line.speaks(400);
        line.is_quiet(300);
        let floor = line.at;
        line.ear.turn_is_theirs(floor);
        line.rings(12_400);
        assert_eq!(line.ear.last_word(floor), None);
        assert_eq!(line.ear.speaking_since(floor, line.at), None);
        assert!(line.ear.longest_silence() < MS * 100, "{:?}", line.ear.longest_silence());
        line.is_quiet(400);
        line.speaks(300);
        assert_eq!(line.ear.last_word(floor), Some(line.at - MS * 20));
    }

    #[test]
    fn a_voice_that_gives_way_is_timed_from_our_first_sound() {
        let mut line = Line::new();
        line.speaks(1_600);
        let onset = line.at;
        line.speaks(160);
        line.speaks_at(200, 1_000.0);
        line.is_quiet(600);
        assert_eq!(line.ear.barge(onset), Some(Barge { ducked_ms: Some(160), silent_ms: Some(360) }));
        line.speaks(100);
        assert_eq!(line.ear.barge(line.at - MS * 300), None, "it was quiet already");
    }

    #[test]
    fn a_voice_that_does_not_give_way_has_no_such_times() {
        let mut line = Line::new();
        line.speaks(2_000);
        let onset = MS * 1_000;
        assert_eq!(line.ear.barge(onset), Some(Barge { ducked_ms: None, silent_ms: None }));
    }
}
