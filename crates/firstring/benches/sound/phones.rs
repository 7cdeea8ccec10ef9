//! The far ends: a socket each, a packet every 20 ms on a millisecond of its own, and what comes back taken down.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::rtp::Packet;
use media::srtp::{Opener, Sealer};
use media::{Codec, Encoder};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use serde::{Deserialize, Serialize};

use crate::desk::{HOME, voice};
use crate::kinds::{Kind, ours, theirs};
use crate::process::{ports, tell, told};

const MS: Duration = Duration::from_millis(1);
/// Nothing counts before this: sockets latch, and prompts begin.
pub const WARM: Duration = Duration::from_millis(1_500);
/// What counts.
pub const MEASURED: Duration = Duration::from_secs(4);
/// Samples in 20 ms.
const PACKET: usize = 160;
/// A second of voice out of four, as on a telephone where both sides talk in turn.
const VOICED: usize = 50;
const ROUND: usize = 200;
/// Where a packet says when it was sent: behind the first samples.
const STAMP: std::ops::Range<usize> = 8..16;

/// What the phones saw while it counted. Times in milliseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    pub sent: u64,
    pub received: u64,
    pub gap_p50: f64,
    pub gap_p99: f64,
    pub gap_max: f64,
    /// From sending until it came out at the other side, where it passes untouched.
    pub delay_p50: Option<f64>,
    pub delay_p99: Option<f64>,
}

struct Phone {
    socket: UdpSocket,
    desk: SocketAddr,
    codec: Codec,
    payloads: Vec<Vec<u8>>,
    sequence: u16,
    keys: Option<Box<(Sealer, Opener)>>,
    last: Option<Instant>,
}

pub fn talk(kind: Kind, count: usize) {
    let mut poll = Poll::new().unwrap();
    let mut phones: Vec<Phone> = (0..count).map(|leg| Phone::new(kind, leg, &poll)).collect();
    let here: Vec<String> =
        phones.iter().map(|phone| phone.socket.local_addr().unwrap().port().to_string()).collect();
    tell(&here.join(" "));
    for (phone, port) in phones.iter_mut().zip(ports(&told())) {
        phone.desk.set_port(port);
    }
    let mut taken = Taken::default();
    let (began, mut tick) = (Instant::now(), 0_u32);
    let mut ready = Events::with_capacity(1_024);
    let mut warm = false;
    while began.elapsed() < WARM + MEASURED {
        if !warm && began.elapsed() >= WARM {
            warm = true;
            taken = Taken::default();
            tell("warm");
        }
        let due = began + MS * tick;
        poll.poll(&mut ready, Some(due.saturating_duration_since(Instant::now()))).unwrap();
        for readiness in &ready {
            phones[readiness.token().0].listen(kind, &mut taken, began);
        }
        while began + MS * tick <= Instant::now() {
            for leg in (0..count).filter(|leg| *leg as u32 % 20 == tick % 20) {
                phones[leg].speak(kind, leg, began);
                taken.sent += 1;
            }
            tick += 1;
        }
    }
    tell(&serde_json::to_string(&taken.seen()).unwrap());
}

impl Phone {
    fn new(kind: Kind, leg: usize, poll: &Poll) -> Phone {
        let mut socket = UdpSocket::bind((HOME, 0).into()).unwrap();
        poll.registry().register(&mut socket, Token(leg), Interest::READABLE).unwrap();
        let codec = kind.codec(leg);
        let keys = kind.encrypted.then(|| Box::new((Sealer::new(theirs()), Opener::new(ours()))));
        Phone {
            socket,
            desk: (HOME, 0).into(),
            codec,
            payloads: spoken(codec),
            sequence: 0,
            keys,
            last: None,
        }
    }

    fn speak(&mut self, kind: Kind, leg: usize, began: Instant) {
        let at = (usize::from(self.sequence) + 50 * leg) % ROUND;
        let payload = &mut self.payloads[at.min(VOICED)];
        if kind.carries_stamps() {
            payload[STAMP].copy_from_slice(&(began.elapsed().as_nanos() as u64).to_be_bytes());
        }
        let (sequence, timestamp) = (self.sequence, u32::from(self.sequence) * self.codec.ticks(PACKET));
        let ssrc = leg as u32 + 1;
        let packet = Packet {
            marker: false,
            payload_type: self.codec.payload_type(),
            sequence,
            timestamp,
            ssrc,
            payload,
        };
        let mut wire = [0; 256];
        let mut length = packet.write(&mut wire).unwrap();
        if let Some(keys) = &mut self.keys {
            length = keys.0.seal(&mut wire, length).unwrap();
        }
        let _ = self.socket.send_to(&wire[..length], self.desk);
        self.sequence = self.sequence.wrapping_add(1);
    }

    fn listen(&mut self, kind: Kind, taken: &mut Taken, began: Instant) {
        let mut wire = [0; 1_500];
        while let Ok((length, _)) = self.socket.recv_from(&mut wire) {
            let now = Instant::now();
            if let Some(last) = self.last.replace(now) {
                taken.gaps.push(now - last);
            }
            taken.received += 1;
            if !kind.carries_stamps() {
                continue;
            }
            let plain = match &mut self.keys {
                Some(keys) => keys.1.open(&mut wire[..length]).ok(),
                None => Some(length),
            };
            let packet = plain.and_then(|length| Packet::parse(&wire[..length]).ok());
            if let Some(stamp) = packet.and_then(|packet| packet.payload.get(STAMP).map(<[u8]>::to_vec)) {
                let sent = Duration::from_nanos(u64::from_be_bytes(stamp.try_into().unwrap()));
                taken.delays.push((now - began).saturating_sub(sent));
            }
        }
    }
}

/// A second of voice, packet by packet, and then a quiet one.
fn spoken(codec: Codec) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec);
    let quiet = [0; PACKET];
    let sound = voice(VOICED * PACKET);
    let pieces = sound.chunks(PACKET).chain([quiet.as_slice()]);
    pieces
        .map(|piece| {
            let mut bytes = [0; PACKET];
            let length = encoder.encode(piece, &mut bytes);
            bytes[..length].to_vec()
        })
        .collect()
}

/// Everything, until it is summed up.
#[derive(Default)]
struct Taken {
    sent: u64,
    received: u64,
    gaps: Vec<Duration>,
    delays: Vec<Duration>,
}

impl Taken {
    fn seen(mut self) -> Seen {
        self.gaps.sort_unstable();
        self.delays.sort_unstable();
        let delay = |share| (!self.delays.is_empty()).then(|| at(&self.delays, share));
        Seen {
            sent: self.sent,
            received: self.received,
            gap_p50: at(&self.gaps, 0.5),
            gap_p99: at(&self.gaps, 0.99),
            gap_max: at(&self.gaps, 1.0),
            delay_p50: delay(0.5),
            delay_p99: delay(0.99),
        }
    }
}

/// In milliseconds, of what is sorted.
fn at(sorted: &[Duration], share: f64) -> f64 {
    let place = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(place).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
}
