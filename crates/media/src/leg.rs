//! One side of a call as far as it can be heard: the machine a media thread drives.
//!
//! ```text
//! leg.handle(order, now)                    an order of the desk
//! leg.receive(datagram, from, now)          a datagram on the RTP port; may give a Relay for the other leg
//! leg.receive_report(datagram, from, now)   a datagram on the RTCP port
//! leg.handle_deadline(now)                  time has come
//! while let Some(out) = leg.write(now, &mut buffer) { send it }
//! while let Some(event) = leg.poll_event() { tell it }
//! leg.poll_deadline()                       when to come again, and why
//! ```
//!
//! Where keys were agreed, every datagram is opened before it is looked at, and sealed before it is handed out.
//!
//! Invariants: a connected leg always has a deadline; every clip is answered by one [`Event::Played`]; [`Event::Closed`]
//! comes once and last.

mod inbound;
mod orders;
mod outbound;

use std::collections::VecDeque;
use std::time::Duration;

use crate::codec::{Codec, Decoder, Encoder};
use crate::concealment::Noise;
use crate::digits::{Digit, DigitEar, DigitPen};
use crate::hearing::Hearing;
use crate::holding::Held;
use crate::keytones::KeyTones;
use crate::latch::Latch;
use crate::level::SILENCE_DBFS;
use crate::playout::{ClipId, Done, Playout};
use crate::quality::{FarEnd, Quality, mos_g711};
use crate::reception::Reception;
use crate::recording::Tape;
use crate::relay::Mapping;
use crate::rtcp::ReportBlock;
use crate::smoothing::Smoother;
use crate::srtp::Guard;
use crate::tones::Player;
use crate::turn::{Patience, Turn};

pub use orders::{Connect, DigitTypes, Direction, Filler, Listen, Order, OursFrom, Play};

use crate::RATE_HZ;
use crate::listening::SpeechEnd;

/// Names one leg, chosen by who opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

/// What happened on a leg. Moments are durations since the shell's origin, taken where the packet came or went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// The first packet of sound or digits was accepted.
    FirstPacket {
        /// When it came.
        at: Duration,
    },
    /// A key was pressed; each press comes once.
    Digit {
        /// Which.
        digit: Digit,
        /// When its first packet came.
        at: Duration,
    },
    /// The caller began to speak.
    SpeechStarted {
        /// Index in the stream written to the tap.
        position: u64,
        /// When they really began.
        at: Duration,
    },
    /// The caller talked over us, or pressed a key, and we fell silent.
    BargedIn {
        /// What they interrupted.
        id: ClipId,
        /// How many samples of it had gone out.
        samples: u64,
        /// When.
        at: Duration,
    },
    /// The caller stopped speaking. From here it is our turn.
    SpeechEnded {
        /// One past the last voiced sample, in the stream written to the tap.
        position: u64,
        /// Time with voice in it.
        voiced: Duration,
        /// When they really stopped; the hang has passed since.
        at: Duration,
        /// Why it counts as ended.
        why: SpeechEnd,
    },
    /// A clip began to be heard.
    Spoke {
        /// Which.
        id: ClipId,
        /// When its first audible packet went out.
        at: Duration,
        /// Since the caller stopped speaking or pressed a key, when this is the first sound of the turn.
        gap: Option<Duration>,
    },
    /// A clip is over.
    Played {
        /// Which.
        id: ClipId,
        /// Heard to its end.
        complete: bool,
        /// Samples that went out.
        samples: u64,
        /// When.
        at: Duration,
    },
    /// The leg spoke by itself, because nobody told it to.
    FillerPlayed {
        /// When.
        at: Duration,
        /// How long it had been silent.
        silence: Duration,
    },
    /// Nothing has come for as long as the configuration allows, though it should.
    MediaTimeout {
        /// When this was noticed.
        at: Duration,
        /// For how long.
        silence: Duration,
    },
    /// After a time-out, packets come again.
    MediaBack {
        /// When.
        at: Duration,
    },
    /// The far end holds the call, and nothing that the other side could hear comes of it; or it has been joined with the other
    /// side, and not one packet has come from it yet. Whoever waits for it hears silence.
    HeldInSilence {
        /// When this was noticed.
        at: Duration,
    },
    /// The far end holds the call, and something is heard of it; or the first packet has come.
    HoldIsHeard {
        /// When.
        at: Duration,
    },
    /// The leg is over. Nothing follows.
    Closed {
        /// How it sounded.
        quality: Quality,
        /// When.
        at: Duration,
    },
}

/// Why a leg wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The next packet is due.
    PacketDue,
    /// The greeting has waited long enough for the path.
    GreetingDue,
    /// It is our turn, and nothing has been heard.
    FillerDue,
    /// A missing packet is given up, or a sender suppresses silence.
    HearingDue,
    /// The next report is due.
    ReportDue,
    /// No packet has come.
    MediaTimeout,
    /// Who holds the call lets nothing be heard.
    HeldInSilence,
}

/// When to call [`Leg::handle_deadline`] and [`Leg::write`] again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// Since the shell's origin.
    pub at: Duration,
    /// What is due then.
    pub why: Why,
}

/// A datagram to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// Bytes written to the buffer.
    pub length: usize,
    /// Where to.
    pub to: std::net::SocketAddr,
    /// From which of our two ports.
    pub from: Port,
}

/// Our two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// The even one: sound.
    Rtp,
    /// The odd one: reports.
    Rtcp,
}

/// Events waiting at once; a shell that drains after every call never comes near.
const MAX_EVENTS: usize = 256;
/// Between two reports. RFC 3550 6.2 allows 5 s at the least.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// After this long without a packet, though there should be some, the far end counts as gone.
pub const MEDIA_TIMEOUT: Duration = Duration::from_secs(20);

/// The machine. See the module's description.
#[derive(Debug)]
pub struct Leg {
    line: Option<Line>,
    /// What protects the packets, if that was agreed.
    guard: Option<Box<Guard>>,
    over: bool,
    goodbye: Goodbye,
    events: VecDeque<Event>,

    // What goes out.
    ssrc: u32,
    sequence: u16,
    /// The number our stream began with.
    first: u16,
    clock: u32,
    next_packet: Duration,
    phase: Duration,
    fresh: bool,
    last_stamp: u32,
    sent_packets: u32,
    sent_octets: u32,
    playout: Playout,
    /// The greeting waits for the path until then; nothing plays meanwhile.
    held_until: Option<Duration>,
    tone: Option<Player>,
    pen: DigitPen,
    /// Source and stamp of the last key that came from the other leg and went out as sound.
    last_key: Option<(u32, u32)>,
    own_level: f32,

    // What comes in.
    digit_ear: DigitEar,
    /// Where the far end sends keys as sound.
    key_tones: Option<Box<KeyListening>>,
    reception: Option<Reception>,
    /// Received and expected packets of sources that are gone.
    earlier: (u32, u32),
    refused: u32,
    hearing: Option<Box<Hearing>>,
    last_packet: Option<Duration>,
    expecting_since: Duration,
    timed_out: bool,
    /// While the far end holds a bridged call.
    held: Option<Box<Held>>,
    round_trip: Option<Duration>,
    /// The far end's latest word on our sound.
    told: Option<ReportBlock>,

    turn: Turn,
    ours_from: OursFrom,
    /// The caller speaks over what must be heard: what may be interrupted after it is.
    talks_over: bool,
    filler: Option<Filler>,
    bridged: bool,
    mapping: Mapping,
    /// Between two legs of different codecs; built with the first packet that needs it.
    smoother: Option<Box<Smoother>>,
    /// The other leg's far end keeps quiet like this.
    quiet: Option<Noise>,
    connected_at: Option<Duration>,
    acked_at: Option<Duration>,
    first_word: Option<Duration>,
    tape: Tape,

    next_report: Duration,
    sent_at_report: u32,
    report_to: Option<std::net::SocketAddr>,
    chance: u64,
    cname: [u8; 16],
}

/// What was agreed with the far end.
#[derive(Debug)]
struct Line {
    latch: Latch,
    codec: Codec,
    encoder: Encoder,
    /// Nothing of ours was encoded since then: another leg's packets pass through, or the call is held.
    unused_since: Option<Duration>,
    payload_type: u8,
    receive_payload_type: u8,
    digits: Option<DigitTypes>,
    packet_time: Duration,
    /// Samples at 8 kHz of a packet.
    packet_samples: usize,
    direction: Direction,
    signalled_reports: Option<std::net::SocketAddr>,
    reports_share_port: bool,
}

/// Hears keys in the sound itself.
#[derive(Debug, Default)]
struct KeyListening {
    decoder: Decoder,
    tones: KeyTones,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goodbye {
    NotYet,
    Due,
    Said,
}

impl Leg {
    /// A leg without a far end. `chance` is random: source, first number and first time stamp come from it.
    pub fn new(chance: u64) -> Self {
        let mut seed = chance;
        let [ssrc, start, first, second] = [(); 4].map(|()| next_chance(&mut seed));
        let mut cname = [0; 16];
        for (index, letter) in cname.iter_mut().enumerate() {
            let from = if index < 8 { first } else { second };
            *letter = b"abcdefghijklmnop"[(from >> (4 * (index % 8)) & 15) as usize];
        }
        Self {
            line: None,
            guard: None,
            over: false,
            goodbye: Goodbye::NotYet,
            events: VecDeque::with_capacity(16),
            ssrc: ssrc as u32,
            // In the lower half, so that a lost first packet leaves no doubt about the roll-over. RFC 3711 section 3.3.1.
            sequence: start as u16 & 0x7fff,
            first: start as u16 & 0x7fff,
            clock: (start >> 32) as u32,
            next_packet: Duration::ZERO,
            phase: Duration::ZERO,
            fresh: true,
            last_stamp: (start >> 32) as u32,
            sent_packets: 0,
            sent_octets: 0,
            playout: Playout::default(),
            held_until: None,
            tone: None,
            pen: DigitPen::default(),
            last_key: None,
            own_level: SILENCE_DBFS,
            digit_ear: DigitEar::new(),
            key_tones: None,
            reception: None,
            earlier: (0, 0),
            refused: 0,
            hearing: None,
            last_packet: None,
            expecting_since: Duration::ZERO,
            timed_out: false,
            held: None,
            round_trip: None,
            told: None,
            turn: Turn::new(Patience::default()),
            ours_from: OursFrom::LastWord,
            talks_over: false,
            filler: None,
            bridged: false,
            mapping: Mapping::default(),
            smoother: None,
            quiet: None,
            connected_at: None,
            acked_at: None,
            first_word: None,
            tape: Tape::default(),
            next_report: Duration::ZERO,
            sent_at_report: 0,
            report_to: None,
            chance: seed,
            cname,
        }
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to come again. A leg that is neither connected nor closing has nothing due.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        if self.goodbye == Goodbye::Due {
            return Some(Deadline { at: Duration::ZERO, why: Why::ReportDue });
        }
        let line = self.line.as_ref()?;
        if self.over {
            return None;
        }
        let hearing =
            self.hearing.as_ref().filter(|_| line.direction.hears()).and_then(|hearing| hearing.deadline());
        [
            Some((self.next_packet, Why::PacketDue)),
            Some((self.next_report, Why::ReportDue)),
            self.held_until.map(|at| (at, Why::GreetingDue)),
            self.filler_deadline().map(|at| (at, Why::FillerDue)),
            hearing.map(|at| (at, Why::HearingDue)),
            self.media_deadline(line).map(|at| (at, Why::MediaTimeout)),
            self.held.as_ref().and_then(|held| held.deadline()).map(|at| (at, Why::HeldInSilence)),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
        .map(|(at, why)| Deadline { at, why })
    }

    /// Does what is due, except sending: call [`write`](Self::write) afterwards.
    pub fn handle_deadline(&mut self, now: Duration) {
        if self.line.is_none() || self.over {
            return;
        }
        if self.held_until.is_some_and(|at| at <= now) {
            self.held_until = None;
        }
        self.fill_silence(now);
        self.hear_nothing(now);
        self.watch_media(now);
        self.watch_hold(now);
    }

    /// Whether the leg has said goodbye and told its last event.
    pub fn is_over(&self) -> bool {
        self.over && self.goodbye != Goodbye::Due && self.events.is_empty()
    }

    /// Where sound goes at this moment, for the log and the drill.
    pub fn target(&self) -> Option<std::net::SocketAddr> {
        self.line.as_ref().map(|line| line.latch.target())
    }

    /// Packets then go out at moments that are `phase` past a multiple of the packet time, so that many legs do not all
    /// send at once. The first packet never waits for it.
    pub fn set_phase(&mut self, phase: Duration) {
        self.phase = phase;
    }

    /// How it sounded up to now.
    pub fn quality(&self, now: Duration) -> Quality {
        let (received, expected) =
            self.reception.as_ref().map_or((0, 0), |reception| (reception.received(), reception.expected()));
        let (received, expected) = (received + self.earlier.0, expected + self.earlier.1);
        let lost = expected.saturating_sub(received);
        let loss_ratio = if expected == 0 { 0.0 } else { f64::from(lost) / f64::from(expected) };
        let jitter = self.reception.as_ref().map_or(Duration::ZERO, Reception::jitter);
        let one_way = self.round_trip.unwrap_or(Duration::ZERO) / 2;
        let packet = self.line.as_ref().map_or(Duration::ZERO, |line| line.packet_time);
        let told = |block| FarEnd::told(block, self.first, self.sent_packets, self.clock_hz(), one_way);
        let began = self.acked_at.or(self.connected_at);
        let first_word = self.first_word.zip(began).map(|(word, began)| word.saturating_sub(began));
        Quality {
            received,
            lost,
            loss_ratio,
            jitter_ms: jitter.as_secs_f64() * 1_000.0,
            round_trip_ms: self.round_trip.map(|trip| trip.as_secs_f64() * 1_000.0),
            to_trunk_ms: self.round_trip.map(|_| (one_way + packet).as_secs_f64() * 1_000.0),
            mos: mos_g711(one_way, jitter, loss_ratio),
            far_end: self.told.as_ref().and_then(told),
            sent: self.sent_packets,
            longest_silence_ms: self.turn.longest(now).as_millis() as u64,
            first_word_ms: first_word.map(|word| word.as_millis() as u64),
            tap_dropped: self.hearing.as_ref().map_or(0, |hearing| hearing.dropped()),
            refused: self.refused,
        }
    }

    /// Ticks of our clock a second.
    fn clock_hz(&self) -> u32 {
        self.line.as_ref().map_or(RATE_HZ, |line| line.codec.clock_hz())
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        }
    }

    fn may_send(&self) -> bool {
        self.line.as_ref().is_some_and(|line| match line.direction {
            Direction::SendReceive | Direction::SendOnly => true,
            Direction::ReceiveOnly | Direction::Inactive => false,
        })
    }

    fn is_listening(&self) -> bool {
        self.hearing.as_ref().is_some_and(|hearing| hearing.is_listening())
    }

    /// Ends clips: what plays fades, what waits is dropped.
    fn stop_playing(&mut self, now: Duration) {
        let Self { playout, events, .. } = self;
        playout.stop(&mut |done| events.push_back(played(done, now)));
        self.playout.duck(false);
    }
}

fn played(done: Done, at: Duration) -> Event {
    Event::Played { id: done.id, complete: done.complete, samples: done.samples, at }
}

/// SplitMix64: enough for numbers that only have to differ; what must not be guessed is given from outside.
fn next_chance(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
