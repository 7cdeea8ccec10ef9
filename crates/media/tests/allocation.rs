//! The path every packet takes does not allocate.
//!
//! The counting allocator is the one place in this crate's tests that needs `unsafe`: the trait demands it.
#![allow(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod imagined;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use imagined::{MS, caller, connect, listen, play, voice};
use media::rtp::Packet;
use media::srtp::{Keys, MasterKey, Sealer, Suite};
use media::{Codec, Connect, Law, Leg, LegId, MAX_DATAGRAM, Order, Recorded, Recorder, Recording, Tap};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    /// Bytes that are in use.
    static HELD: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches only thread-local integers.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        HELD.with(|bytes| bytes.set(bytes.get() + layout.size() as i64));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.with(|bytes| bytes.set(bytes.get() - layout.size() as i64));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        HELD.with(|bytes| bytes.set(bytes.get() + size as i64 - layout.size() as i64));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

fn held_kib() -> i64 {
    HELD.with(Cell::get) / 1_024
}

struct Nowhere(u64);

impl Tap for Nowhere {
    fn write(&mut self, samples: &[i16]) -> bool {
        self.0 += samples.len() as u64;
        true
    }
}

/// Counts what a recording would keep.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicU64>);

impl Recorder for Counted {
    fn take(&mut self, _: &Recorded<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counted {
    fn order(&self) -> Order {
        Order::Record(Recording::To(Box::new(self.clone())))
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn ten_minutes_of_talking_playing_listening_recording_and_digits_allocate_nothing() {
    let mut leg = Leg::new(1);
    let mut now = MS * 1_000;
    leg.handle(Order::Connect(Connect { greeting: Some(play(1, 600_000)), ..connect() }), now);
    leg.handle(Order::Acked, now);
    leg.handle(Order::Listen(media::Listen { tap: Some(Box::new(Nowhere(0))), ..listen(300) }), now);
    let recorded = Counted::default();
    leg.handle(recorded.order(), now);
    let speech = voice(4_000);
    let (mut wire, mut out) = ([0; 600], [0; MAX_DATAGRAM]);
    let mut before = 0;
    let (mut sent, mut told) = (0, 0);
    for packet in 0..30_000u32 {
        if packet == 500 {
            before = allocations(); // the first ten seconds may build what is built once
        }
        let mut payload = [0xff; 160];
        let at = (packet as usize % 200) * 160;
        if packet % 400 < 200 {
            Law::Pcmu.encode(&speech[at..at + 160], &mut payload);
        }
        let lost = packet % 37 == 0;
        let digit = packet % 500 == 450;
        let sound = Packet {
            marker: false,
            payload_type: if digit { 101 } else { 0 },
            sequence: packet as u16,
            timestamp: packet * 160,
            ssrc: 5,
            payload: if digit { &[3, 0, 0, 160] } else { &payload },
        };
        let length = sound.write(&mut wire).unwrap();
        if !lost {
            leg.receive(&mut wire[..length], caller(), now);
        }
        leg.handle_deadline(now);
        while leg.write(now, &mut out).is_some() {
            sent += 1;
        }
        while leg.poll_event().is_some() {
            told += 1;
        }
        now += MS * 20;
    }
    assert!(
        sent >= 30_000 && told > 100,
        "{sent} packets, {told} events: the call was not lively enough to prove anything"
    );
    assert!(recorded.count() > 58_000, "{} packets recorded", recorded.count());
    assert_eq!(allocations() - before, 0);
}

fn keys(suite: Suite, ours: u8, theirs: u8) -> Keys {
    let key = |byte: u8| MasterKey::new(suite, &vec![byte; suite.key_len()]).unwrap();
    Keys { ours: key(ours), theirs: key(theirs) }
}

#[test]
fn an_encrypted_bridge_allocates_nothing() {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32, Suite::AeadAes128Gcm] {
        bridge(Connect { keys: Some(keys(suite, 1, 2)), ..connect() });
    }
}

#[test]
fn a_bridge_allocates_nothing() {
    bridge(connect());
}

#[test]
fn a_bridge_that_translates_allocates_nothing() {
    bridge(Connect { codec: Codec::G722, payload_type: 9, digits: None, ..connect() });
    let opus = Codec::Opus.payload_type();
    bridge(Connect { codec: Codec::Opus, payload_type: opus, digits: None, ..connect() });
}

fn bridge(with: Connect) {
    let (with_type, codec) = (with.payload_type, with.codec);
    let mut encoder = media::codec::Encoder::new(codec);
    let speech = voice(2_000);
    let mut payload = [0; 480];
    let mut far_end = with.keys.clone().map(|keys| Sealer::new(keys.theirs));
    let (mut caller_leg, mut person_leg) = (Leg::new(1), Leg::new(2));
    let mut now = MS * 1_000;
    caller_leg.handle(Order::Connect(with.clone()), now);
    person_leg.handle(Order::Connect(Connect { codec: Codec::Pcma, payload_type: 8, ..with }), now);
    caller_leg.handle(Order::Bridge { with: LegId(2) }, now);
    person_leg.handle(Order::Bridge { with: LegId(1) }, now);
    let recorded = Counted::default();
    caller_leg.handle(recorded.order(), now);
    person_leg.handle(recorded.order(), now);
    let (mut wire, mut out) = ([0; 600], [0; MAX_DATAGRAM]);
    let mut before = 0;
    let (mut relayed, mut written) = (0, 0);
    for packet in 0..5_000u32 {
        if packet == 100 {
            before = allocations();
        }
        let at = packet as usize % 100 * 160;
        let coded = encoder.encode(&speech[at..at + 160], &mut payload);
        if packet % 20 == 7 && with_type >= 9 {
            now += MS * 20;
            continue; // one in twenty is lost
        }
        let sound = Packet {
            marker: false,
            payload_type: with_type,
            sequence: packet as u16,
            timestamp: packet * codec.ticks(160),
            ssrc: 5,
            payload: &payload[..coded],
        };
        let mut length = sound.write(&mut wire).unwrap();
        if let Some(far_end) = &mut far_end {
            length = far_end.seal(&mut wire, length).unwrap();
        }
        if let Some(relay) = caller_leg.receive(&mut wire[..length], caller(), now) {
            relayed += u32::from(person_leg.relay(&relay, now, &mut out).is_some());
        }
        for leg in [&mut caller_leg, &mut person_leg] {
            leg.handle_deadline(now);
            while let Some(outgoing) = leg.write(now, &mut out) {
                written += u32::from(outgoing.from == media::Port::Rtp && outgoing.to == caller());
            }
            while leg.poll_event().is_some() {}
        }
        now += MS * 20;
    }
    // What is translated goes out with our own packets; what is lost on the way is made up among them.
    let lively = if with_type >= 9 { written >= 9_400 } else { relayed == 5_000 };
    assert!(lively, "{relayed} relayed, {written} written");
    assert!(recorded.count() >= 10_000, "came and went: {}", recorded.count());
    assert_eq!(allocations() - before, 0);
}

#[test]
fn two_phones_that_both_speak_opus_take_no_codec_of_ours_while_they_talk() {
    let opus = Connect { codec: Codec::Opus, payload_type: 111, receive_payload_type: 111, ..connect() };
    let mut call = OpusCall::begun(&opus);
    let before = held_kib();
    let [mut caller, mut person] = [Leg::new(1), Leg::new(2)];
    caller.handle(Order::Connect(opus.clone()), call.now);
    person.handle(Order::Connect(opus), call.now);
    caller.handle(Order::Listen(listen(300)), call.now);
    call.runs_ms(1_000, [&mut caller, &mut person]);
    let talked_to = held_kib() - before;
    caller.handle(Order::Bridge { with: LegId(2) }, call.now);
    person.handle(Order::Bridge { with: LegId(1) }, call.now);
    call.runs_ms(6_000, [&mut caller, &mut person]);
    let bridged = held_kib() - before;
    assert!(talked_to > 400, "{talked_to} KiB: nothing was there to be given back");
    assert!(bridged < 100, "{bridged} KiB are held by two legs that only pass sound through");
    let allocated = allocations();
    call.runs_ms(60_000, [&mut caller, &mut person]);
    assert_eq!(allocations() - allocated, 0);
}

/// The far end of the caller's leg, which speaks Opus all the time.
struct OpusCall {
    packets: Vec<Vec<u8>>,
    number: u16,
    now: std::time::Duration,
}

impl OpusCall {
    fn begun(with: &Connect) -> OpusCall {
        let mut encoder = media::codec::Encoder::new(with.codec);
        let coded = |piece: &[i16]| {
            let mut payload = [0; 480];
            let length = encoder.encode(piece, &mut payload);
            payload[..length].to_vec()
        };
        OpusCall { packets: voice(2_000).chunks(160).map(coded).collect(), number: 0, now: MS * 1_000 }
    }

    fn runs_ms(&mut self, ms: u64, [caller_leg, person_leg]: [&mut Leg; 2]) {
        let (mut wire, mut out) = ([0; 600], [0; MAX_DATAGRAM]);
        for _ in 0..ms / 20 {
            let sound = Packet {
                marker: false,
                payload_type: Codec::Opus.payload_type(),
                sequence: self.number,
                timestamp: u32::from(self.number) * 960,
                ssrc: 5,
                payload: &self.packets[usize::from(self.number) % self.packets.len()],
            };
            self.number += 1;
            let length = sound.write(&mut wire).unwrap();
            if let Some(relay) = caller_leg.receive(&mut wire[..length], caller(), self.now) {
                person_leg.relay(&relay, self.now, &mut out);
            }
            // What the person says is as much: the same comes back.
            let length = sound.write(&mut wire).unwrap();
            if let Some(relay) = person_leg.receive(&mut wire[..length], caller(), self.now) {
                caller_leg.relay(&relay, self.now, &mut out);
            }
            for leg in [&mut *caller_leg, &mut *person_leg] {
                leg.handle_deadline(self.now);
                while leg.write(self.now, &mut out).is_some() {}
                while leg.poll_event().is_some() {}
            }
            self.now += MS * 20;
        }
    }
}
