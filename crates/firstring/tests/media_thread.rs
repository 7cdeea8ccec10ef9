//! The media threads over loopback: real sockets, real time. What a leg does in detail is tested in `media`, in virtual
//! time; here it is whether the sound gets in and out.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../src/marking.rs"]
#[allow(dead_code)]
mod marking;
#[path = "../src/media_thread/mod.rs"]
#[allow(dead_code)]
mod media_thread;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use media::rtp::Packet;
use media::{
    BargeIn, ClipId, Codec, Connect, Digit, DigitTypes, Direction, Event, Interruptible, Law, LegId, Listen,
    Order, Play, Recorded, Recorder, Recording,
};
use media_thread::{Config, MediaThreads, OrderError, RingTap};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const MS: Duration = Duration::from_millis(1);

fn threads(ports: std::ops::RangeInclusive<u16>) -> (MediaThreads, Receiver<(LegId, Event)>) {
    let (tell, told) = channel();
    let config = Config { threads: 2, rtp_ports: ports, marked: true, origin: Instant::now() };
    let threads =
        MediaThreads::start(config, move |leg, event| tell.send((leg, event)).unwrap_or_default()).unwrap();
    (threads, told)
}

/// One packet as the telephone got it.
struct Heard {
    payload_type: u8,
    payload: Vec<u8>,
}

/// A telephone on the other side.
struct Phone {
    socket: UdpSocket,
    desk: SocketAddr,
    sequence: u16,
}

impl Phone {
    fn new(desk: SocketAddr) -> Self {
        let socket = UdpSocket::bind((HOME, 0)).unwrap();
        socket.set_read_timeout(Some(MS * 2_000)).unwrap();
        Self { socket, desk, sequence: 0 }
    }

    fn connect(&self, codec: Codec) -> Connect {
        Connect {
            remote: self.socket.local_addr().unwrap(),
            remote_reports: None,
            reports_share_port: false,
            codec,
            payload_type: codec.payload_type(),
            receive_payload_type: codec.payload_type(),
            digits: Some(DigitTypes { send: 101, receive: 101 }),
            packet_time: MS * 20,
            keys: None,
            latch: vec![],
            direction: Direction::SendReceive,
            is_another: false,
            greeting: None,
            filler: None,
        }
    }

    fn say(&mut self, payload_type: u8, payload: &[u8]) {
        let mut wire = [0; 600];
        let timestamp = u32::from(self.sequence) * 160;
        let packet =
            Packet { marker: false, payload_type, sequence: self.sequence, timestamp, ssrc: 77, payload };
        let length = packet.write(&mut wire).unwrap();
        self.socket.send_to(&wire[..length], self.desk).unwrap();
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// The first packet among the next 250 (five seconds) that is the wanted one.
    fn hear_until(&self, wanted: impl Fn(&Heard) -> bool) -> Heard {
        (0..250).map(|_| self.hear()).find(wanted).expect("what was waited for was never heard")
    }

    /// The next packet.
    fn hear(&self) -> Heard {
        let mut wire = [0; 1_500];
        let (length, _) = self.socket.recv_from(&mut wire).expect("the desk fell silent");
        let packet = Packet::parse(&wire[..length]).unwrap();
        Heard { payload_type: packet.payload_type, payload: packet.payload.to_vec() }
    }
}

fn clip(samples: usize) -> Arc<[i16]> {
    (0..samples).map(|at| if at % 8 < 4 { 9_000 } else { -9_000 }).collect()
}

fn wait_for<T>(told: &Receiver<(LegId, Event)>, mut wanted: impl FnMut(LegId, Event) -> Option<T>) -> T {
    let until = Instant::now() + MS * 5_000;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let (leg, event) = told.recv_timeout(left).expect("the event did not come");
        if let Some(found) = wanted(leg, event) {
            return found;
        }
    }
}

#[test]
fn a_caller_hears_silence_at_once_and_the_greeting_after_the_path_is_open() {
    let (threads, told) = threads(42_000..=42_199);
    let desk = threads.open(LegId(1), HOME, None).unwrap();
    let mut phone = Phone::new(desk);
    let greeting = Play { id: ClipId(5), clip: clip(1_600), interruptible: Interruptible::Yes };
    threads
        .order(LegId(1), Order::Connect(Connect { greeting: Some(greeting), ..phone.connect(Codec::Pcmu) }))
        .unwrap();
    let first = phone.hear();
    assert_eq!((first.payload_type, first.payload), (0, vec![0xff; 160]));
    phone.say(0, &[0xff; 160]);
    threads.order(LegId(1), Order::Acked).unwrap();
    phone.hear_until(|heard| heard.payload != [0xff; 160]);
    let heard = wait_for(&told, |_, event| match event {
        Event::Played { id: ClipId(5), complete, samples, .. } => Some((complete, samples)),
        _ => None,
    });
    assert_eq!(heard, (true, 1_600));
    threads.order(LegId(1), Order::Close).unwrap();
    let quality = wait_for(&told, |_, event| match event {
        Event::Closed { quality, .. } => Some(quality),
        _ => None,
    });
    assert_eq!((quality.received, quality.lost), (1, 0));
    assert!(quality.sent >= 15 && quality.first_word_ms.is_some());
    assert_eq!(threads.order(LegId(1), Order::Acked), Err(OrderError::NoSuchLeg(LegId(1))));
}

#[test]
fn two_legs_are_bridged_on_arrival_across_both_laws_with_digits() {
    let (threads, told) = threads(42_200..=42_399);
    let caller_desk = threads.open(LegId(1), HOME, None).unwrap();
    let person_desk = threads.open(LegId(2), HOME, Some(LegId(1))).unwrap();
    let (mut caller, mut person) = (Phone::new(caller_desk), Phone::new(person_desk));
    threads.order(LegId(1), Order::Bridge { with: LegId(2) }).unwrap();
    threads.order(LegId(1), Order::Connect(caller.connect(Codec::Pcmu))).unwrap();
    threads.order(LegId(2), Order::Connect(person.connect(Codec::Pcma))).unwrap();
    caller.hear();
    person.hear(); // both are connected: from here on every packet is relayed
    let loud = [Law::Pcmu.encode_sample(8_000); 160];
    let expected = vec![Law::Pcma.encode_sample(Law::Pcmu.decode_sample(loud[0])); 160];
    for _ in 0..10 {
        caller.say(0, &loud);
        let heard = person.hear_until(|heard| heard.payload == expected);
        assert_eq!(heard.payload_type, 8);
    }
    caller.say(101, &[7, 10, 0, 160]);
    let event = person.hear_until(|heard| heard.payload_type == 101);
    assert_eq!(event.payload, [7, 10, 0, 160]);
    let digit = wait_for(&told, |leg, event| match event {
        Event::Digit { digit, .. } => Some((leg, digit)),
        _ => None,
    });
    assert_eq!(digit, (LegId(1), Digit::from_char('7').unwrap()));
    person.say(8, &[0x2a; 160]);
    caller.hear_until(|heard| heard.payload[0] == 0x00);
}

#[test]
fn what_the_caller_says_reaches_the_recogniser() {
    let (threads, told) = threads(42_400..=42_599);
    let desk = threads.open(LegId(1), HOME, None).unwrap();
    let mut phone = Phone::new(desk);
    let (tap, mut recogniser) = RingTap::with_room(400);
    let listen = Listen {
        hang: MS * 300,
        max: MS * 10_000,
        tap: Some(tap),
        barge_in: BargeIn::DuckThenStop,
        ours_from: media::OursFrom::LastWord,
    };
    threads.order(LegId(1), Order::Listen(listen)).unwrap();
    threads.order(LegId(1), Order::Connect(phone.connect(Codec::Pcmu))).unwrap();
    phone.hear();
    for _ in 0..4 {
        phone.say(0, &[Law::Pcmu.encode_sample(1_000); 160]);
    }
    phone.say(101, &[5, 0x80, 3, 0x20]);
    wait_for(&told, |_, event| matches!(event, Event::Digit { .. }).then_some(()));
    let mut heard = [0; 320];
    recogniser.pop_entire_slice(&mut heard).unwrap();
    assert!(heard.iter().all(|sample| (900..1_100).contains(sample)));
    threads.order(LegId(1), Order::Close).unwrap();
    let dropped = wait_for(&told, |_, event| match event {
        Event::Closed { quality, .. } => Some(quality.tap_dropped),
        _ => None,
    });
    assert!(dropped >= 320, "what does not fit is dropped by the packet, and counted: {dropped}");
}

#[test]
fn legs_are_spread_over_threads_but_neighbours_stay_together() {
    let (threads, _told) = threads(42_600..=42_799);
    threads.open(LegId(1), HOME, None).unwrap();
    threads.open(LegId(2), HOME, None).unwrap();
    threads.open(LegId(3), HOME, Some(LegId(2))).unwrap();
    assert!(threads.open(LegId(3), HOME, None).is_err(), "a leg is opened once");
    let apart = threads.order(LegId(1), Order::Bridge { with: LegId(2) });
    assert_eq!(apart, Err(OrderError::Apart(LegId(1), LegId(2))));
    assert_eq!(threads.order(LegId(2), Order::Bridge { with: LegId(3) }), Ok(()));
    assert_eq!(threads.order(LegId(9), Order::Acked), Err(OrderError::NoSuchLeg(LegId(9))));
}

#[test]
fn closed_legs_give_their_ports_back() {
    let (threads, told) = threads(42_800..=42_803);
    for round in 0..20 {
        for leg in [2 * round, 2 * round + 1] {
            let opened = threads.open(LegId(leg), HOME, None);
            assert!(opened.is_ok(), "leg {leg}: {opened:?}");
        }
        assert!(threads.open(LegId(1_000), HOME, None).is_err(), "two pairs are all there is");
        for leg in [2 * round, 2 * round + 1] {
            threads.order(LegId(leg), Order::Close).unwrap();
            wait_for(&told, |_, event| matches!(event, Event::Closed { .. }).then_some(()));
        }
    }
}

/// Takes longer over a packet than a packet lasts.
struct Slow;

impl Recorder for Slow {
    fn take(&mut self, _: &Recorded<'_>) {
        std::thread::sleep(MS * 25);
    }
}

#[test]
fn a_thread_with_more_on_it_than_it_can_hold_still_lets_a_caller_go() {
    let (threads, told) = threads(43_000..=43_003);
    let phone = Phone::new(threads.open(LegId(1), HOME, None).unwrap());
    threads.order(LegId(1), Order::Record(Recording::To(Box::new(Slow)))).unwrap();
    threads.order(LegId(1), Order::Connect(phone.connect(Codec::Pcmu))).unwrap();
    for _ in 0..20 {
        phone.hear();
    }
    threads.order(LegId(1), Order::Close).unwrap();
    wait_for(&told, |_, event| matches!(event, Event::Closed { .. }).then_some(()));
}
