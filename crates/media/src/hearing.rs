//! What becomes of the caller's sound: put in order, holes covered, given to the recogniser, judged for speech.

use std::collections::VecDeque;
use std::time::Duration;

use crate::codec::{Codec, Decoder};
use crate::latch::Stamp;
use crate::listening::{Listening, Notice};
use crate::reorder::{InOrder, Reorder};
use crate::voice::Voice;
use crate::{MAX_PACKET_SAMPLES, lasting, samples_in};

/// Where heard sound goes: the recogniser's end of a bounded queue.
pub trait Tap: Send {
    /// Takes all of `samples` (8 kHz) or none. False when there is no room: the leg counts them as dropped, and they do
    /// not count in positions.
    fn write(&mut self, samples: &[i16]) -> bool;
}

/// Without packets for this long, silence is heard instead: a sender that suppresses silence ends its turn too.
const STARVED: Duration = Duration::from_millis(100);
/// A lost packet sounds like the one before it for this many samples, fading: 40 ms.
const CONCEALED: usize = 320;

/// The ear of one leg. Built when a leg first listens; about 18 KiB.
pub(crate) struct Hearing {
    reorder: Reorder,
    ear: Ear,
}

/// What hears the samples once they are in order.
struct Ear {
    decoder: Decoder,
    voice: Voice,
    listening: Option<Listening>,
    tap: Option<Box<dyn Tap>>,
    /// Samples heard since the stream began...
    heard: u64,
    /// ...of which the tap did not get these.
    missed: u64,
    /// All samples no tap took.
    dropped: u64,
    until: Duration,
    owed: u32,
    /// Samples lost right before what comes next.
    lost: u32,
    last: [i16; MAX_PACKET_SAMPLES],
    last_length: usize,
    notices: VecDeque<Notice>,
}

/// How the moment bends hearing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around {
    /// Loudness of our own sound, dBFS.
    pub own: f32,
    /// Speech does not count now: a clip plays that may not be talked over.
    pub deaf: bool,
}

impl Hearing {
    pub fn new(now: Duration) -> Self {
        let ear = Ear {
            decoder: Decoder::default(),
            voice: Voice::default(),
            listening: None,
            tap: None,
            heard: 0,
            missed: 0,
            dropped: 0,
            until: now,
            owed: 0,
            lost: 0,
            last: [0; MAX_PACKET_SAMPLES],
            last_length: 0,
            notices: VecDeque::with_capacity(16),
        };
        Self { reorder: Reorder::default(), ear }
    }

    /// Listens from now on; a turn under way is cut. A new tap starts a new stream at position 0.
    pub fn listen(&mut self, listening: Listening, tap: Option<Box<dyn Tap>>, now: Duration) {
        self.cut();
        if tap.is_some() {
            self.ear.tap = tap;
            (self.ear.heard, self.ear.missed) = (0, 0);
        }
        if self.ear.listening.is_none() {
            self.reorder.reset();
            self.ear.until = now;
            self.ear.owed = 0;
        }
        self.ear.listening = Some(listening);
    }

    /// Hears no more; the recogniser's queue is let go.
    pub fn stop(&mut self) {
        self.cut();
        self.ear.listening = None;
        self.ear.tap = None;
    }

    /// Gives back what a decoder remembers: nothing is heard for as long as two legs are bridged, and Opus takes hundreds of
    /// kilobytes. What is heard next stands at the beginning of a sound.
    pub fn rest(&mut self) {
        self.ear.decoder = Decoder::default();
        self.ear.last_length = 0;
    }

    pub fn is_listening(&self) -> bool {
        self.ear.listening.is_some()
    }

    pub fn listening(&self) -> Option<&Listening> {
        self.ear.listening.as_ref()
    }

    pub fn dropped(&self) -> u64 {
        self.ear.dropped
    }

    /// Another stream begins.
    pub fn restart(&mut self) {
        self.reorder.reset();
    }

    fn cut(&mut self) {
        let notice = self.ear.listening.as_mut().and_then(|listening| listening.end(crate::SpeechEnd::Cut));
        self.ear.notices.extend(notice.map(|notice| notice.moved_back(self.ear.missed)));
    }

    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.ear.notices.pop_front()
    }

    /// When something has to be done although no packet came.
    pub fn deadline(&self) -> Option<Duration> {
        self.ear.listening.as_ref()?;
        let starved = self.ear.until + STARVED;
        Some(self.reorder.deadline().map_or(starved, |gap| gap.min(starved)))
    }

    /// One packet; an empty payload is an event, which only takes a number.
    pub fn packet(&mut self, stamp: Stamp, codec: Codec, payload: &[u8], now: Duration, around: Around) {
        let Self { reorder, ear } = self;
        ear.until = ear.until.max(now);
        reorder.offer(stamp, codec, payload, now, &mut |part| ear.take(part, now, around));
    }

    /// Time passes without a packet.
    pub fn tick(&mut self, now: Duration, around: Around) {
        let Self { reorder, ear } = self;
        reorder.tick(now, &mut |part| ear.take(part, now, around));
        if now.saturating_sub(ear.until) >= STARVED {
            let missing = now.saturating_sub(ear.until + STARVED - Duration::from_millis(20));
            let samples = samples_in(missing).min(8_000) as u32;
            ear.starve(samples, ear.until + lasting(u64::from(samples)), around);
            ear.until += lasting(u64::from(samples));
            if now.saturating_sub(ear.until) > 10 * STARVED {
                ear.until = now; // asleep for longer than a second: that time is gone
            }
        }
    }
}

impl Ear {
    fn take(&mut self, part: InOrder<'_>, now: Duration, around: Around) {
        match part {
            InOrder::Sound(codec, bytes) => {
                let lost = std::mem::take(&mut self.lost);
                self.fill_in(lost, codec, bytes, now, around);
                let mut samples = [0; MAX_PACKET_SAMPLES];
                let length = self.decoder.decode(codec, bytes, &mut samples);
                self.hear(&samples[..length], now, around);
                (self.last, self.last_length, self.owed) = (samples, length, 0);
            }
            // The packet that comes right after it may tell what was lost.
            InOrder::Lost(missing) => self.lost = self.not_yet_covered(missing),
            InOrder::Quiet(missing) => {
                let missing = self.not_yet_covered(missing);
                self.quiet(missing, now, around);
            }
        }
    }

    /// Nothing came: a turn of speech may end by it, but the recogniser is not told, for what is only late still comes
    /// whole.
    fn starve(&mut self, samples: u32, now: Duration, around: Around) {
        for (silence, left) in silences(samples) {
            self.judge(silence, now.saturating_sub(lasting(u64::from(left))), around);
        }
        self.missed += u64::from(samples);
        self.owed = self.owed.saturating_add(samples);
        self.last_length = 0;
    }

    /// Silence already judged while nothing came is not judged twice; now it is known to be real.
    fn not_yet_covered(&mut self, missing: u32) -> u32 {
        let covered = missing.min(self.owed);
        self.owed -= covered;
        self.missed = self.missed.saturating_sub(u64::from(covered));
        for (silence, _) in silences(covered) {
            self.record(silence);
        }
        missing - covered
    }

    fn quiet(&mut self, missing: u32, now: Duration, around: Around) {
        for (silence, left) in silences(missing) {
            self.hear(silence, now.saturating_sub(lasting(u64::from(left))), around);
        }
        self.last_length = 0;
    }

    /// What was lost before these bytes: as they tell it, or made up.
    fn fill_in(&mut self, lost: u32, codec: Codec, next: &[u8], now: Duration, around: Around) {
        let mut samples = [0; MAX_PACKET_SAMPLES];
        let tells = samples
            .get_mut(..lost as usize)
            .is_some_and(|told| !told.is_empty() && self.decoder.recover(codec, next, told));
        match tells {
            true => self.hear(&samples[..lost as usize], now, around),
            false => self.conceal(lost, now, around),
        }
    }

    /// The last packet again and again, fading out over 40 ms, then silence.
    fn conceal(&mut self, missing: u32, now: Duration, around: Around) {
        let mut covered = 0;
        while covered < (missing as usize).min(CONCEALED) && self.last_length > 0 {
            let length = self.last_length.min(missing as usize - covered);
            let mut samples = self.last;
            for (at, sample) in samples[..length].iter_mut().enumerate() {
                let left = CONCEALED.saturating_sub(covered + at) as i32;
                *sample = (i32::from(*sample) * left / CONCEALED as i32) as i16;
            }
            self.hear(&samples[..length], now, around);
            covered += length;
        }
        self.quiet(missing - covered as u32, now, around);
    }

    fn hear(&mut self, samples: &[i16], now: Duration, around: Around) {
        self.record(samples);
        self.judge(samples, now, around);
    }

    /// For the recogniser.
    fn record(&mut self, samples: &[i16]) {
        if let Some(tap) = &mut self.tap
            && !tap.write(samples)
        {
            self.dropped += samples.len() as u64;
            self.missed += samples.len() as u64;
        }
    }

    /// For turns.
    fn judge(&mut self, samples: &[i16], now: Duration, around: Around) {
        let Self { voice, listening, heard, missed, notices, .. } = self;
        *heard += samples.len() as u64;
        let Some(listening) = listening else { return };
        let (heard, missed, speaking) = (*heard, *missed, listening.is_speaking());
        voice.hear(samples, around.own, speaking, &mut |frame, after| {
            let end = heard.saturating_sub(after as u64);
            let at = now.saturating_sub(lasting(after as u64));
            let notice = listening.frame(frame.voiced && !around.deaf, end, at);
            notices.extend(notice.map(|notice| notice.moved_back(missed)));
        });
    }
}

/// So many samples of silence in pieces, each with how many are left after it.
fn silences(samples: u32) -> impl Iterator<Item = (&'static [i16], u32)> {
    const SILENCE: [i16; MAX_PACKET_SAMPLES] = [0; MAX_PACKET_SAMPLES];
    let whole = MAX_PACKET_SAMPLES as u32;
    (0..samples.div_ceil(whole)).map(move |piece| {
        let left = samples - piece * whole;
        let length = left.min(whole);
        (&SILENCE[..length as usize], left - length)
    })
}

impl std::fmt::Debug for Hearing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Ear { heard, dropped, .. } = self.ear;
        f.debug_struct("Hearing").field("heard", &heard).field("dropped", &dropped).finish_non_exhaustive()
    }
}
