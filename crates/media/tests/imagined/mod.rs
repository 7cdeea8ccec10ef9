//! An imagined telephone in virtual time, for the tests of a leg.
// Each test file uses a part of it; `unwrap` is as free here as in any test.
#![allow(dead_code, clippy::unwrap_used)]

pub mod e_model;
pub mod path;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use media::rtp::Packet;
use media::{
    BargeIn, Clip, ClipId, Codec, Connect, DigitTypes, Direction, Event, Interruptible, Law, Leg, Listen,
    MAX_DATAGRAM, Order, Outgoing, Play, Port, Relay,
};

pub const MS: Duration = Duration::from_millis(1);

/// What the far end received.
#[derive(Debug, Clone)]
pub struct Heard {
    pub at: Duration,
    pub to: SocketAddr,
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

impl Heard {
    pub fn is_audible(&self) -> bool {
        let mut samples = [0; 480];
        let length = Law::Pcmu.decode(&self.payload, &mut samples);
        self.payload_type == 0 && media::level::is_audible(&samples[..length])
    }
}

/// One leg and the caller at its far end, who sends a packet every 20 ms once `sends` is set.
pub struct Call {
    pub leg: Leg,
    pub now: Duration,
    pub from: SocketAddr,
    pub sends: bool,
    /// What the caller says next; silence when it is used up.
    pub saying: Vec<i16>,
    said: usize,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    next_said: Duration,
    pub heard: Vec<Heard>,
    pub reports: Vec<Vec<u8>>,
    pub events: Vec<Event>,
    out: Box<[u8; MAX_DATAGRAM]>,
}

pub fn caller() -> SocketAddr {
    "192.0.2.10:4000".parse().unwrap()
}

pub fn connect() -> Connect {
    Connect {
        remote: caller(),
        remote_reports: None,
        reports_share_port: false,
        codec: Codec::Pcmu,
        payload_type: 0,
        receive_payload_type: 0,
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

/// The same, with a greeting of a second and a filler.
pub fn greeted() -> Connect {
    Connect { greeting: Some(play(1, 1_000)), filler: Some(filler(600)), ..connect() }
}

pub fn clip(ms: usize) -> Clip {
    (0..ms * 8).map(|at| if at % 8 < 4 { 6_000 } else { -6_000 }).collect()
}

pub fn play(id: u64, ms: usize) -> Play {
    Play { id: ClipId(id), clip: clip(ms), interruptible: Interruptible::Yes }
}

pub fn listen(hang_ms: u32) -> Listen {
    Listen {
        hang: MS * hang_ms,
        max: MS * 15_000,
        tap: None,
        barge_in: BargeIn::DuckThenStop,
        ours_from: media::OursFrom::LastWord,
    }
}

pub fn filler(ms: usize) -> media::Filler {
    media::Filler { clip: Arc::clone(&clip(ms)), patience: media::turn::Patience::default() }
}

impl Call {
    /// A leg one second after the shell's origin, not connected.
    pub fn new() -> Self {
        Self {
            leg: Leg::new(7),
            now: MS * 1_000,
            from: caller(),
            sends: false,
            saying: Vec::new(),
            said: 0,
            sequence: 100,
            timestamp: 5_000,
            ssrc: 77,
            next_said: MS * 1_000,
            heard: Vec::new(),
            reports: Vec::new(),
            events: Vec::new(),
            out: Box::new([0; MAX_DATAGRAM]),
        }
    }

    /// Connected, acknowledged, the caller sending.
    pub fn answered(with: Connect) -> Self {
        let mut call = Self::new();
        call.sends = true;
        call.order(Order::Connect(with));
        call.order(Order::Acked);
        call
    }

    pub fn order(&mut self, order: Order) -> &mut Self {
        self.leg.handle(order, self.now);
        self.drain();
        self
    }

    /// The caller says this from now on.
    pub fn says(&mut self, samples: Vec<i16>) -> &mut Self {
        (self.saying, self.said) = (samples, 0);
        self
    }

    /// The caller suppressed silence for so long: its clock went on, its numbers did not.
    pub fn skips_ms(&mut self, ms: u32) -> &mut Self {
        self.timestamp = self.timestamp.wrapping_add(ms * 8);
        self.next_said = self.now;
        self
    }

    /// What the caller sends in so long arrives all at once, at the end of it.
    pub fn stalls_ms(&mut self, ms: u64) -> &mut Self {
        self.sends = false;
        self.run_ms(ms);
        self.sends = true;
        for _ in 0..ms / 20 {
            self.send_sound();
        }
        self.next_said = self.now;
        self
    }

    pub fn run_ms(&mut self, ms: u64) -> &mut Self {
        self.run_until(self.now + Duration::from_millis(ms))
    }

    pub fn run_until(&mut self, until: Duration) -> &mut Self {
        loop {
            let deadline = self.leg.poll_deadline().map(|deadline| deadline.at.max(self.now));
            let said = self.sends.then(|| self.next_said.max(self.now));
            match [deadline, said].into_iter().flatten().min().filter(|at| *at <= until) {
                Some(at) => {
                    self.now = at;
                    if said == Some(at) {
                        self.next_said = at + MS * 20;
                        self.send_sound();
                    } else {
                        self.leg.handle_deadline(at);
                    }
                    self.drain();
                }
                None => break,
            }
        }
        self.now = self.now.max(until);
        self
    }

    /// A packet of the leg that is bridged with ours.
    pub fn relays(&mut self, relay: &Relay<'_>) {
        if let Some(out) = self.leg.relay(relay, self.now, &mut self.out[..]) {
            self.keep(out);
        }
    }

    fn send_sound(&mut self) {
        let mut samples = [0; 160];
        for (to, from) in samples.iter_mut().zip(&self.saying[self.said.min(self.saying.len())..]) {
            *to = *from;
        }
        self.said += 160;
        let mut payload = [0; 160];
        Law::Pcmu.encode(&samples, &mut payload);
        self.packet(0, &payload);
    }

    /// One packet from the caller, now.
    pub fn packet(&mut self, payload_type: u8, payload: &[u8]) {
        let mut wire = [0; 600];
        let packet = Packet {
            marker: false,
            payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload,
        };
        let length = packet.write(&mut wire).unwrap();
        self.leg.receive(&mut wire[..length], self.from, self.now);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        self.drain();
    }

    pub fn drain(&mut self) {
        while let Some(out) = self.leg.write(self.now, &mut self.out[..]) {
            self.keep(out);
        }
        while let Some(event) = self.leg.poll_event() {
            self.events.push(event);
        }
    }

    fn keep(&mut self, out: Outgoing) {
        let wire = &self.out[..out.length];
        match out.from {
            Port::Rtp => {
                let packet = Packet::parse(wire).unwrap();
                self.heard.push(Heard {
                    at: self.now,
                    to: out.to,
                    marker: packet.marker,
                    payload_type: packet.payload_type,
                    sequence: packet.sequence,
                    timestamp: packet.timestamp,
                    ssrc: packet.ssrc,
                    payload: packet.payload.to_vec(),
                });
            }
            Port::Rtcp => self.reports.push(wire.to_vec()),
        }
    }

    /// When the caller first heard something at or after `from`.
    pub fn first_audible(&self, from: Duration) -> Option<Duration> {
        self.heard.iter().find(|packet| packet.at >= from && packet.is_audible()).map(|packet| packet.at)
    }

    /// The longest time without anything audible in `from..to`, as the caller's own ear measures it.
    pub fn longest_silence(&self, from: Duration, to: Duration) -> Duration {
        let audible =
            self.heard.iter().filter(|packet| packet.is_audible() && packet.at >= from && packet.at < to);
        let mut moments: Vec<Duration> = audible.map(|packet| packet.at).collect();
        moments.insert(0, from);
        moments.push(to);
        moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.events.iter().map(name).collect()
    }
}

pub fn name(event: &Event) -> &'static str {
    match event {
        Event::FirstPacket { .. } => "first packet",
        Event::Digit { .. } => "digit",
        Event::SpeechStarted { .. } => "speech started",
        Event::BargedIn { .. } => "barged in",
        Event::SpeechEnded { .. } => "speech ended",
        Event::Spoke { .. } => "spoke",
        Event::Played { .. } => "played",
        Event::FillerPlayed { .. } => "filler",
        Event::MediaTimeout { .. } => "media timeout",
        Event::MediaBack { .. } => "media back",
        Event::HeldInSilence { .. } => "held in silence",
        Event::HoldIsHeard { .. } => "hold is heard",
        Event::Closed { .. } => "closed",
    }
}

/// Vowel-like sound that the network takes for speech: harmonics of a gliding pitch through moving formants.
pub fn voice(ms: usize) -> Vec<i16> {
    let mut phase = 0.0f64;
    let tau = std::f64::consts::TAU;
    let wave = |at: usize| {
        let time = at as f64 / 8_000.0;
        let pitch = 120.0 + 20.0 * (tau * 1.3 * time).sin();
        phase += tau * pitch / 8_000.0;
        let formants = [
            (500.0 + 250.0 * (tau * 2.1 * time).sin(), 90.0),
            (1_500.0 + 600.0 * (tau * 1.7 * time).cos(), 140.0),
        ];
        let harmonics = (1..=24).map(|number| {
            let frequency = pitch * f64::from(number);
            let near = |(formant, width): (f64, f64)| 1.0 / (1.0 + ((frequency - formant) / width).powi(2));
            (phase * f64::from(number)).sin() * (near(formants[0]) + 0.6 * near(formants[1]) + 0.02)
        });
        (harmonics.sum::<f64>() * (0.65 + 0.35 * (tau * 4.0 * time).sin()) * 3_200.0) as i16
    };
    (0..ms * 8).map(wave).collect()
}
