//! What a recording gets of a call, in virtual time.

mod imagined;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use imagined::{Call, connect};
use media::{Digit, Order, Recorded, Recorder, Recording, Track};

/// Which way, when, and the first byte.
type Kept = (Track, Duration, u8);

/// Hands on what it is given.
struct Pen(Sender<Kept>);

impl Recorder for Pen {
    fn take(&mut self, packet: &Recorded<'_>) {
        // Whoever reads may be gone at the end of a test.
        let _ = self.0.send((packet.track, packet.at, packet.payload[0]));
    }
}

/// Everything that was written.
struct Book {
    from: Receiver<Kept>,
    kept: Vec<Kept>,
}

impl Book {
    fn open() -> (Box<Pen>, Book) {
        let (pen, from) = channel();
        (Box::new(Pen(pen)), Book { from, kept: Vec::new() })
    }

    fn read(&mut self) -> &[Kept] {
        self.kept.extend(self.from.try_iter());
        &self.kept
    }

    fn count(&mut self, track: Track) -> usize {
        self.read().iter().filter(|(kept, _, _)| *kept == track).count()
    }
}

#[test]
fn a_recording_has_both_ways_from_its_beginning_to_its_end_and_no_pause() {
    let mut call = Call::new();
    call.order(Order::Connect(connect())).sends = true;
    call.run_ms(1_000);
    let (pen, mut kept) = Book::open();
    call.order(Order::Record(Recording::To(pen)));
    let began = call.now;
    call.run_ms(1_000).order(Order::Record(Recording::Pause));
    let mut both = || (kept.count(Track::Came), kept.count(Track::Went));
    assert_eq!(both(), (50, 50));
    call.run_ms(1_000).order(Order::Record(Recording::Resume)).run_ms(200);
    assert_eq!(both(), (60, 60));
    call.order(Order::Record(Recording::End)).run_ms(1_000);
    assert_eq!(both(), (60, 60));
    assert!(kept.read().iter().all(|(_, at, _)| *at >= began));
}

#[test]
fn keys_and_what_is_not_from_the_caller_never_reach_a_recording() {
    let mut call = Call::answered(connect());
    let (pen, mut kept) = Book::open();
    call.run_ms(100).order(Order::Record(Recording::To(pen)));
    call.sends = false;
    for end in [0, 0, 0x80] {
        call.packet(101, &[4, end, 0, 160]);
    }
    call.from = "198.51.100.9:9".parse().unwrap();
    call.packet(0, &[0x11; 160]);
    call.order(Order::SendDigit(Digit::from_event(4).unwrap())).run_ms(1_000);
    assert_eq!(kept.count(Track::Came), 0);
    assert!(kept.read().iter().all(|(_, _, first)| *first == 0xff), "silence went out, and a key");
    assert!(call.heard.iter().any(|heard| heard.payload_type == 101), "the key went out");
}
