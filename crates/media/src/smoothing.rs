//! An even stream out of an uneven one, for people's ears: where sound is decoded on its way from one leg to another.
//!
//! What comes waits until nearly everything would be there in time, as the path has been for the last seconds; what is not
//! there then is made up ([`concealment`](crate::concealment)), and when the path becomes better or worse, a voice loses or
//! gains a period here and there ([`pitch`](crate::pitch)) until the wait fits again. Clocks that run apart are followed the
//! same way. Bridged sound of one codec never comes here: it leaves on arrival, and the far end has a cushion of its own.
//!
//! Bounds: the wait is 20 to 200 ms, and at most 400 ms for a moment after a stall; what would wait longer is left out.
//! Nothing is allocated after it was built.

use std::time::Duration;

use crate::codec::{Codec, Decoder};
use crate::concealment::{Concealer, Noise};
use crate::latch::Stamp;
use crate::pitch::{SCALED, lengthen, shorten};
use crate::{MAX_PACKET_SAMPLES, RATE_HZ};

/// Packets that wait, at most: 320 ms of 10 ms each.
const SLOTS: usize = 32;
/// Shortest and longest wait, in samples.
const WAIT: (i64, i64) = (160, 1_600);
/// The wait before the path is known: 40 ms.
const FIRST_WAIT: i64 = 320;
/// Beyond what is known of the path.
const MARGIN: i64 = 80;
/// Off by more than this, a voice loses or gains a period: 30 ms.
const OFF: i64 = 240;
/// Later than this, sound is left out instead: 400 ms.
const FAR_OFF: i64 = 3_200;
/// A stamp this far from the one before is a new beginning: 5 s.
const ASTRAY: i64 = 40_000;
/// After so long without anything, this is no stream any more: 2 s.
const DRY: usize = 16_000;
/// What is made up at a time: 10 ms.
const PIECE: usize = 80;
/// Packets whose lateness is remembered: two and a half seconds of 20 ms each.
const REMEMBERED: usize = 128;
/// One in so many may come too late.
const LATE_ONE_IN: usize = 32;

/// One direction between two legs. About 20 KiB; keep it in a box.
#[derive(Debug)]
pub(crate) struct Smoother {
    slots: [Slot; SLOTS],
    decoder: Decoder,
    concealer: Concealer,
    /// Decoded and not yet played.
    ready: [i16; 4 * MAX_PACKET_SAMPLES],
    ready_length: usize,
    stream: Option<Stream>,
    lateness: Lateness,
    /// The sender has said that it keeps quiet.
    resting: bool,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    full: bool,
    place: i64,
    sequence: u16,
    codec: Codec,
    length: usize,
    bytes: [u8; MAX_PACKET_SAMPLES],
}

/// Where the sender is. Places count samples at 8 kHz of its time.
#[derive(Debug, Clone, Copy)]
struct Stream {
    ssrc: u32,
    clock_hz: u32,
    timestamp: u32,
    place: i64,
    /// The place of what is decoded or made up next; nothing before it began to play.
    next: Option<i64>,
    /// The number and the codec of what was decoded last.
    sequence: u16,
    codec: Codec,
    /// Samples made up since then.
    made_up: usize,
}

impl Smoother {
    pub fn new() -> Self {
        let empty = Slot {
            full: false,
            place: 0,
            sequence: 0,
            codec: Codec::Pcmu,
            length: 0,
            bytes: [0; MAX_PACKET_SAMPLES],
        };
        Self {
            slots: [empty; SLOTS],
            decoder: Decoder::default(),
            concealer: Concealer::default(),
            ready: [0; 4 * MAX_PACKET_SAMPLES],
            ready_length: 0,
            stream: None,
            lateness: Lateness::default(),
            resting: false,
        }
    }

    /// Takes a packet, of at most 480 bytes. One that comes when its place has been played is left out, unless there was
    /// nothing else to play: then everything waits that much longer.
    pub fn put(&mut self, stamp: Stamp, codec: Codec, payload: &[u8], now: Duration) {
        if payload.len() > MAX_PACKET_SAMPLES {
            return;
        }
        let place = self.place(stamp);
        self.lateness.note(samples_at(now) - place);
        self.resting = false;
        let is_dry = self.ready_length < PIECE && self.slots.iter().all(|slot| !slot.full);
        if let Some(Stream { next: Some(next), made_up, .. }) = &mut self.stream
            && place < *next
        {
            if !is_dry || *made_up == 0 || *next - place > FAR_OFF {
                return;
            }
            *next = place;
        }
        self.keep(place, stamp.sequence, codec, payload);
    }

    /// The sender keeps quiet from now on, and says what that sounds like.
    pub fn rests(&mut self, noise: Noise) {
        self.concealer.quiet_is(noise);
        self.resting = true;
    }

    fn place(&mut self, stamp: Stamp) -> i64 {
        if let Some(stream) = &mut self.stream
            && (stream.ssrc, stream.clock_hz) == (stamp.ssrc, stamp.clock_hz)
        {
            let ticks = i64::from(stamp.timestamp.wrapping_sub(stream.timestamp) as i32);
            let ahead = ticks * i64::from(RATE_HZ) / i64::from(stamp.clock_hz);
            if ahead.abs() < ASTRAY {
                let place = stream.place + ahead;
                if ahead > 0 {
                    (stream.timestamp, stream.place) = (stamp.timestamp, place);
                }
                return place;
            }
        }
        self.slots.iter_mut().for_each(|slot| slot.full = false);
        self.lateness.begin_anew();
        let Stamp { ssrc, clock_hz, timestamp, sequence } = stamp;
        let codec = Codec::Pcmu;
        self.stream =
            Some(Stream { ssrc, clock_hz, timestamp, place: 0, next: None, sequence, codec, made_up: 0 });
        0
    }

    fn keep(&mut self, place: i64, sequence: u16, codec: Codec, payload: &[u8]) {
        if self.slots.iter().any(|slot| slot.full && slot.place == place) {
            return;
        }
        // Where nothing is free, the oldest gives way: it would wait longest.
        let slot = self.slots.iter_mut().min_by_key(|slot| (slot.full, slot.place)).expect("there are slots");
        (slot.full, slot.place, slot.sequence, slot.codec) = (true, place, sequence, codec);
        slot.length = payload.len();
        slot.bytes[..payload.len()].copy_from_slice(payload);
    }

    fn first(&self) -> Option<usize> {
        let full = self.slots.iter().enumerate().filter(|(_, slot)| slot.full);
        full.min_by_key(|(_, slot)| slot.place).map(|(index, _)| index)
    }

    /// Fills one packet, of at most 480 samples. False before the stream has begun to play and after it has run dry: then
    /// nothing is written.
    pub fn fill(&mut self, out: &mut [i16], now: Duration) -> bool {
        let due = samples_at(now) - self.lateness.least() - self.lateness.wait();
        if !self.plays_at(due) {
            return false;
        }
        while self.ready_length < out.len() {
            self.make_more(due);
        }
        out.copy_from_slice(&self.ready[..out.len()]);
        self.ready.copy_within(out.len()..self.ready_length, 0);
        self.ready_length -= out.len();
        self.keep_time(due + out.len() as i64);
        true
    }

    /// Begins when the first packet has waited long enough; ends when nothing has come for long.
    fn plays_at(&mut self, due: i64) -> bool {
        let first = self.first().map(|index| self.slots[index].place);
        let Some(stream) = &mut self.stream else { return false };
        if stream.made_up > DRY && first.is_none() {
            self.stream = None;
            self.ready_length = 0;
            return false;
        }
        if stream.next.is_none() {
            stream.next = first.filter(|first| due >= *first);
        }
        stream.next.is_some()
    }

    /// Decodes what is next, or makes it up. Where nothing is there and nothing is due yet, what is made up is put in, not in
    /// its place: everything waits that much longer.
    fn make_more(&mut self, due: i64) {
        let first = self.first();
        let Some(Stream { next: Some(next), sequence, codec, made_up, .. }) = &mut self.stream else {
            return;
        };
        let room = &mut self.ready[self.ready_length..];
        let gap = first.map(|index| self.slots[index].place - *next);
        let length = match first.zip(gap) {
            Some((index, ..=0)) => {
                let slot = &mut self.slots[index];
                slot.full = false;
                let length = self.decoder.decode(slot.codec, &slot.bytes[..slot.length], room);
                self.concealer.came(&mut room[..length]);
                (*sequence, *codec, *made_up) = (slot.sequence, slot.codec, 0);
                length
            }
            Some((index, gap)) => {
                let slot = &self.slots[index];
                let is_lost = slot.sequence != sequence.wrapping_add(1);
                let whole = gap.min(MAX_PACKET_SAMPLES as i64) as usize;
                // The packet after a loss may tell of it, but only of what was right before it.
                let tells = is_lost
                    && gap <= MAX_PACKET_SAMPLES as i64
                    && self.decoder.recover(slot.codec, &slot.bytes[..slot.length], &mut room[..whole]);
                let length = if tells { whole } else { whole.min(PIECE) };
                match (tells, is_lost) {
                    (true, _) => self.concealer.came(&mut room[..length]),
                    (false, true) => {
                        make_up(&mut self.decoder, &mut self.concealer, *codec, &mut room[..length])
                    }
                    (false, false) => self.concealer.be_quiet(&mut room[..length]),
                }
                *made_up += length;
                length
            }
            None => {
                match self.resting {
                    true => self.concealer.be_quiet(&mut room[..PIECE]),
                    false => make_up(&mut self.decoder, &mut self.concealer, *codec, &mut room[..PIECE]),
                }
                *made_up += PIECE;
                let is_early = *next - self.ready_length as i64 > due;
                *next -= if is_early { PIECE as i64 } else { 0 };
                PIECE
            }
        };
        *next += length as i64;
        self.ready_length += length;
    }

    /// What is played next should be at `due`.
    fn keep_time(&mut self, due: i64) {
        let Some(Stream { next: Some(next), .. }) = self.stream else { return };
        let late = due - (next - self.ready_length as i64);
        if late > FAR_OFF {
            self.leave_out_before(due);
        } else if late.abs() > OFF {
            while self.ready_length < SCALED && self.is_next_here() {
                self.make_more(due);
            }
            self.ready_length = match late > 0 {
                true => shorten(&mut self.ready[..self.ready_length]),
                false => lengthen(&mut self.ready, self.ready_length),
            };
        }
    }

    fn is_next_here(&self) -> bool {
        let next = self.stream.and_then(|stream| stream.next);
        let first = self.first().map(|index| self.slots[index].place);
        first.zip(next).is_some_and(|(first, next)| first <= next)
    }

    fn leave_out_before(&mut self, due: i64) {
        self.ready_length = 0;
        for slot in &mut self.slots {
            slot.full &= slot.place >= due;
        }
        if let Some(stream) = &mut self.stream {
            stream.next = Some(due);
        }
    }
}

/// A codec that remembers makes up what was lost itself, as long as it can.
fn make_up(decoder: &mut Decoder, concealer: &mut Concealer, codec: Codec, out: &mut [i16]) {
    match decoder.make_up(codec, out) {
        true => concealer.came(out),
        false => concealer.make_up(out),
    }
}

/// How late packets have come of late, in samples against the sender's clock.
#[derive(Debug, Clone)]
struct Lateness {
    of: [i64; REMEMBERED],
    known: usize,
    next: usize,
    wait: i64,
}

impl Default for Lateness {
    fn default() -> Self {
        Self { of: [0; REMEMBERED], known: 0, next: 0, wait: FIRST_WAIT }
    }
}

impl Lateness {
    /// Another stream: its clock is not known, but the path is.
    fn begin_anew(&mut self) {
        (self.known, self.next) = (0, 0);
    }

    fn note(&mut self, late: i64) {
        self.of[self.next] = late;
        self.next = (self.next + 1) % REMEMBERED;
        self.known = (self.known + 1).min(REMEMBERED);
        if self.known >= LATE_ONE_IN {
            self.wait = (self.spread() + MARGIN).clamp(WAIT.0, WAIT.1);
        }
    }

    fn least(&self) -> i64 {
        self.of[..self.known].iter().copied().min().unwrap_or(0)
    }

    /// How long to wait for nearly everything.
    fn wait(&self) -> i64 {
        self.wait
    }

    /// Between the earliest, and all but the last few.
    fn spread(&self) -> i64 {
        let mut sorted = self.of;
        let sorted = &mut sorted[..self.known];
        let nearly_all = self.known - 1 - self.known / LATE_ONE_IN;
        let (_, late, _) = sorted.select_nth_unstable(nearly_all);
        *late - self.least()
    }
}

/// The moment, in samples since the shell's origin.
fn samples_at(now: Duration) -> i64 {
    (now.as_micros() * u128::from(RATE_HZ) / 1_000_000) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Encoder;
    use crate::level::{dbfs, rms};
    use crate::voice::sounds;

    const MS: Duration = Duration::from_millis(1);

    /// A sender over a path, and what is played of it every 20 ms. The sender's clock may run a little faster or slower.
    struct Path {
        smoother: Smoother,
        codec: Codec,
        encoder: Encoder,
        on_the_way: Vec<(Duration, u32, Vec<u8>)>,
        number: u32,
        heard: Vec<i16>,
        now: Duration,
    }

    impl Path {
        fn of(codec: Codec) -> Self {
            let (smoother, encoder) = (Smoother::new(), Encoder::new(codec));
            let now = MS * 100_000;
            Self { smoother, codec, encoder, on_the_way: Vec::new(), number: 0, heard: Vec::new(), now }
        }

        /// 20 ms of this are sent, and come after so long, if at all; and 20 ms pass.
        fn says(&mut self, piece: &[i16], takes: Option<Duration>) {
            self.sends(piece, takes);
            self.passes();
        }

        fn sends(&mut self, piece: &[i16], takes: Option<Duration>) {
            let mut bytes = vec![0; 480];
            let length = self.encoder.encode(piece, &mut bytes);
            bytes.truncate(length);
            let number = self.number;
            self.number += 1;
            self.on_the_way.extend(takes.map(|takes| (self.now + takes, number, bytes)));
        }

        fn passes(&mut self) {
            self.now += MS * 20;
            self.on_the_way.sort();
            let due = self.on_the_way.partition_point(|(at, ..)| *at <= self.now);
            for (at, number, bytes) in self.on_the_way.drain(..due) {
                let stamp =
                    Stamp { ssrc: 1, sequence: number as u16, timestamp: number * 160, clock_hz: 8_000 };
                self.smoother.put(stamp, self.codec, &bytes, at);
            }
            let mut out = [0; 160];
            self.smoother.fill(&mut out, self.now);
            self.heard.extend(out);
        }

        /// How long sound waits at this moment, by what the sender is saying and what is played.
        fn behind(&self) -> i64 {
            let next = self.smoother.stream.and_then(|stream| stream.next).unwrap_or(0);
            i64::from(self.number) * 160 - (next - self.smoother.ready_length as i64)
        }
    }

    /// From 0 to 1, the same each time.
    fn chance(number: u32) -> f64 {
        let mut mixed = u64::from(number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) as f64 / u64::MAX as f64
    }

    fn holes(heard: &[i16]) -> usize {
        let pieces: Vec<bool> = heard.chunks(80).map(|piece| dbfs(piece) < -50.0).collect();
        pieces.split(|quiet| !quiet).map(<[bool]>::len).max().unwrap()
    }

    #[test]
    fn an_even_path_keeps_sound_as_it_was_and_adds_little() {
        for codec in [Codec::Pcmu, Codec::G722] {
            let mut path = Path::of(codec);
            let voice = sounds::voice(80_000, 8_000.0);
            voice.chunks_exact(160).for_each(|piece| path.says(piece, Some(MS * 30)));
            let loud = rms(&path.heard[8_000..]) / rms(&voice);
            assert!((0.95..1.05).contains(&loud), "{codec:?}: {loud}");
            // 30 ms of these are the path.
            assert!(path.behind() <= (30 + 20 + 40) * 8, "{codec:?}: {} samples behind", path.behind());
        }
    }

    #[test]
    fn twenty_milliseconds_either_way_and_one_in_twenty_lost_leave_no_hole() {
        let voice = sounds::voice(160_000, 8_000.0);
        let mut path = Path::of(Codec::G722);
        for (number, piece) in voice.chunks_exact(160).enumerate() {
            let (lost, time) = (chance(number as u32) < 0.05, chance(90_000 + number as u32));
            path.says(piece, (!lost).then(|| MS * 40 + (MS * 40).mul_f64(time)));
        }
        assert!(
            holes(&path.heard[8_000..150_000]) <= 6,
            "{} pieces of 10 ms",
            holes(&path.heard[8_000..150_000])
        );
        assert!(path.behind() <= (80 + 60) * 8, "{} samples behind", path.behind());
    }

    #[test]
    fn a_path_that_worsens_and_recovers_is_followed_up_and_down() {
        let voice = sounds::voice(480_000, 8_000.0);
        let mut path = Path::of(Codec::Pcmu);
        let mut waits = Vec::new();
        for (number, piece) in voice.chunks_exact(160).enumerate() {
            let spread = if (1_000..2_000).contains(&number) { 120.0 } else { 0.0 };
            path.says(piece, Some(MS * 20 + MS.mul_f64(spread * chance(number as u32))));
            waits.push(path.behind() / 8);
        }
        assert!(waits[990] <= 90, "before: {} ms", waits[990]);
        assert!((120..240).contains(&waits[1_990]), "meanwhile: {} ms", waits[1_990]);
        assert!(waits[2_900] <= 90, "after: {} ms", waits[2_900]);
        // Between the two, some packets come later than any before them.
        assert!(holes(&path.heard[8_000..470_000]) <= 6, "{} pieces", holes(&path.heard[8_000..470_000]));
    }

    #[test]
    fn a_stall_is_heard_whole_and_made_up_for() {
        let voice = sounds::voice(160_000, 8_000.0);
        let mut path = Path::of(Codec::Pcmu);
        for (number, piece) in voice.chunks_exact(160).enumerate() {
            // 15 packets come all at once.
            let late =
                if (300..315).contains(&number) { MS * 20 * (315 - number as u32) } else { Duration::ZERO };
            path.says(piece, Some(MS * 20 + late));
        }
        assert!(path.behind() <= (20 + 20 + 60) * 8, "{} samples behind at the end", path.behind());
    }

    #[test]
    fn a_longer_way_from_one_moment_to_the_next_loses_no_more_than_it_takes() {
        let voice = sounds::voice(160_000, 8_000.0);
        let mut path = Path::of(Codec::Pcmu);
        for (number, piece) in voice.chunks_exact(160).enumerate() {
            path.says(piece, Some(if number < 400 { MS * 20 } else { MS * 320 }));
        }
        assert!(holes(&path.heard[70_000..150_000]) <= 30, "{}", holes(&path.heard[70_000..150_000]));
    }

    #[test]
    fn clocks_that_run_apart_are_followed_both_ways() {
        for apart in [-0.000_5, 0.000_5] {
            let voice = sounds::voice(960_000, 8_000.0);
            let mut path = Path::of(Codec::Pcmu);
            let mut sent = 0.0;
            for piece in voice.chunks_exact(160) {
                // 500 millionths apart, which no telephone is: 60 ms in these two minutes.
                sent += 1.0 + apart;
                while f64::from(path.number) < sent {
                    path.sends(piece, Some(MS * 20));
                }
                path.passes();
            }
            assert!((0..(20 + 20 + 80) * 8).contains(&path.behind()), "{apart}: {} behind", path.behind());
        }
    }

    #[test]
    fn who_keeps_quiet_sounds_like_the_line_and_not_like_a_loss() {
        let mut path = Path::of(Codec::Pcmu);
        let voice = sounds::voice(16_000, 8_000.0);
        voice.chunks_exact(160).for_each(|piece| path.says(piece, Some(MS * 20)));
        path.smoother.rests(Noise::said_to_be(60));
        for _ in 0..50 {
            path.passes();
        }
        let quiet = &path.heard[path.heard.len() - 4_000..];
        assert!((-63.0..-57.0).contains(&dbfs(quiet)), "{}", dbfs(quiet));
        for _ in 0..100 {
            path.passes();
        }
        assert!(path.smoother.stream.is_none(), "after two seconds it is no stream");
    }

    #[test]
    fn stamps_that_jump_wrap_or_repeat_do_not_upset_it() {
        let mut smoother = Smoother::new();
        let mut out = [0; 480];
        for number in 0..20_000_u32 {
            let wild = chance(number);
            let timestamp = match (wild * 8.0) as u32 {
                0 => (chance(number + 7) * f64::from(u32::MAX)) as u32,
                1 => number.wrapping_mul(160).wrapping_sub(800),
                _ => number.wrapping_mul(160).wrapping_add(0xffff_0000),
            };
            let clock_hz = if wild > 0.99 { 48_000 } else { 8_000 };
            let stamp = Stamp { ssrc: u32::from(wild > 0.97), sequence: number as u16, timestamp, clock_hz };
            let length = (chance(number + 3) * 481.0) as usize;
            let now = MS * 20 * number + MS.mul_f64(300.0 * chance(number + 1));
            smoother.put(stamp, Codec::Pcma, &[0x55; 480][..length], now);
            smoother.fill(&mut out[..80 * (1 + number as usize % 6)], now);
            assert!(smoother.ready_length < 3 * 480, "{}", smoother.ready_length);
        }
    }
}
