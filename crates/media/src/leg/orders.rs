//! What a leg can be told, and what it does about it at once.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Event, Goodbye, Leg, LegId, Line, next_chance, played};
use crate::codec::Encoder;
use crate::hearing::{Hearing, Tap};
use crate::holding::{Because, Held};
use crate::latch::{AddressRange, Latch};
use crate::listening::{BargeIn, Listening, SpeechEnd};
use crate::playout::{Clip, ClipId, Interruptible};
use crate::recording::Recording;
use crate::srtp::{Guard, Keys};
use crate::tones::{Player, Tone};
use crate::turn::{Patience, Whose};
use crate::{Codec, Digit};

/// Told to a leg.
pub enum Order {
    /// Who is at the far end, and how. Again after a re-INVITE: figures, numbers and clips go on.
    Connect(Connect),
    /// The ACK came: the greeting starts 250 ms from now at the latest.
    Acked,
    /// Say something after what is being said.
    Play(Play),
    /// Fall silent within one packet; what waits is dropped.
    StopPlaying,
    /// It is the caller's turn.
    Listen(Listen),
    /// Hear no more; a turn of speech under way is cut. If it was the caller's turn, it is ours from now.
    StopListening,
    /// Sounds for as long as no clip does. `None` ends it.
    Tone(Option<Tone>),
    /// Sound goes to and comes from another leg, and listening ends. The shell pairs them; the leg only needs to know
    /// that it is so.
    Bridge {
        /// The other one.
        with: LegId,
    },
    /// The pairing ended: it is our turn again.
    Unbridge,
    /// Hold and resume, from our side.
    Direct(Direction),
    /// Press a key toward the far end.
    SendDigit(Digit),
    /// Hand out what comes and goes, for a recording.
    Record(Recording),
    /// Say goodbye.
    Close,
}

/// What was agreed with the far end.
#[derive(Debug, Clone)]
pub struct Connect {
    /// Where the far end wants its sound.
    pub remote: SocketAddr,
    /// Where it wants its reports; its sound port plus one when it did not say.
    pub remote_reports: Option<SocketAddr>,
    /// Reports go over the sound port (rtcp-mux).
    pub reports_share_port: bool,
    /// What we send. What we hear is told by its payload type.
    pub codec: Codec,
    /// Its payload type in what we send.
    pub payload_type: u8,
    /// Its payload type in what comes.
    pub receive_payload_type: u8,
    /// Payload types of telephone-event, if agreed.
    pub digits: Option<DigitTypes>,
    /// Sound per packet, 10 to 60 ms; others are brought into this range, and to what the codec can.
    pub packet_time: Duration,
    /// What packets are encrypted under, if they are. Keys that have not changed go on as they were.
    pub keys: Option<Keys>,
    /// From where else sound may come (NAT); empty for nowhere else.
    pub latch: Vec<AddressRange>,
    /// From our side.
    pub direction: Direction,
    /// Another telephone than before: what it hears begins anew, under our source of its own.
    pub is_another: bool,
    /// Starts 100 ms after the first packet came, or 250 ms after the ACK, whichever is first. Until then: silence.
    pub greeting: Option<Play>,
    /// What the leg plays by itself when it is our turn and nothing is heard. Kept when not given again.
    pub filler: Option<Filler>,
}

/// Payload types of telephone-event, one for each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigitTypes {
    /// The number the far end listens for.
    pub send: u8,
    /// The number we listen for.
    pub receive: u8,
}

/// Which way sound may go, from our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    SendReceive,
    /// Ours only.
    SendOnly,
    /// Theirs only.
    ReceiveOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    pub(super) fn hears(self) -> bool {
        match self {
            Direction::SendReceive | Direction::ReceiveOnly => true,
            Direction::SendOnly | Direction::Inactive => false,
        }
    }
}

/// One clip to say.
#[derive(Debug, Clone)]
pub struct Play {
    /// Comes back in events.
    pub id: ClipId,
    /// The sound.
    pub clip: Clip,
    /// Whether the caller may talk over it.
    pub interruptible: Interruptible,
}

/// What a leg says by itself.
#[derive(Debug, Clone)]
pub struct Filler {
    /// "One moment, please": better under two seconds.
    pub clip: Clip,
    /// When.
    pub patience: Patience,
}

/// How to listen for an answer.
pub struct Listen {
    /// Silence that ends a turn.
    pub hang: Duration,
    /// Longest turn.
    pub max: Duration,
    /// Where the sound goes. A new tap starts a new stream at position 0; `None` keeps the one there is.
    pub tap: Option<Box<dyn Tap>>,
    /// What speech over ours does.
    pub barge_in: BargeIn,
    /// From when on silence counts against us.
    pub ours_from: OursFrom,
}

/// When a turn of speech makes it our turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OursFrom {
    /// From the caller's last word: they wait for an answer.
    LastWord,
    /// From the end of the pause: they are leaving a message, and pauses are theirs.
    EndOfPause,
}

/// After the first packet has come, the path is given this long to open both ways.
const GREETING_AFTER_PACKET: Duration = Duration::from_millis(100);
/// After the ACK, the greeting waits no longer than this.
const GREETING_AFTER_ACK: Duration = Duration::from_millis(250);

impl Leg {
    /// Takes one order.
    pub fn handle(&mut self, order: Order, now: Duration) {
        if self.over {
            return;
        }
        match order {
            Order::Connect(connect) => self.connect(connect, now),
            Order::Acked => {
                self.acked_at.get_or_insert(now);
                self.release_greeting_by(now + GREETING_AFTER_ACK);
            }
            Order::Play(play) => self.play(play, now),
            Order::StopPlaying => self.stop_playing(now),
            Order::Listen(listen) => self.listen(listen, now),
            Order::StopListening => {
                self.stop_listening(now);
                if self.turn.whose() == Whose::Theirs && !self.bridged {
                    self.turn.ours(now);
                }
            }
            Order::Tone(tone) => self.tone = tone.map(Player::new),
            Order::Bridge { with: _ } => {
                self.stop_listening(now);
                if let Some(hearing) = &mut self.hearing {
                    hearing.rest();
                }
                self.bridged = true;
                (self.smoother, self.quiet) = (None, None);
                self.turn.theirs(now);
                self.turn.forget_answer();
            }
            Order::Unbridge => {
                (self.smoother, self.quiet) = (None, None);
                if std::mem::take(&mut self.bridged) {
                    self.turn.ours(now);
                }
            }
            Order::Direct(direction) => self.direct(direction, now),
            Order::SendDigit(digit) => {
                self.pen.push(digit);
            }
            Order::Record(recording) => self.tape.obey(recording),
            Order::Close => self.close(now),
        }
        self.mind_hold(now);
    }

    /// While a bridged far end sends and wants nothing sent, it holds the call. One that is to send and never has is waited for.
    fn mind_hold(&mut self, now: Duration) {
        let because = match self.line.as_ref().map(|line| line.direction) {
            _ if !self.bridged || self.over => None,
            Some(Direction::ReceiveOnly) => Some(Because::Holds),
            Some(Direction::SendReceive) if self.reception.is_none() => Some(Because::Unheard),
            Some(Direction::SendReceive | Direction::SendOnly | Direction::Inactive) | None => None,
        };
        if self.held.as_ref().map(|held| held.because()) != because {
            self.held = because.map(|because| Box::new(Held::since(now, because)));
        }
    }

    fn connect(&mut self, connect: Connect, now: Duration) {
        let packet_time = connect.codec.packet_time(connect.packet_time);
        match (&mut self.guard, connect.keys) {
            (Some(guard), Some(keys)) => guard.rekey(keys),
            (guard, keys) => *guard = keys.map(|keys| Box::new(Guard::new(keys))),
        }
        let clock_hz = connect.codec.clock_hz();
        if self.line.as_ref().is_some_and(|line| connect.is_another || line.codec.clock_hz() != clock_hz) {
            self.begin_anew();
        }
        let (latch, encoder) = match self.line.take() {
            Some(line) => (Some(line.latch), Some(line.encoder).filter(|_| line.codec == connect.codec)),
            None => (None, None),
        };
        let latch = latch.filter(|latch| latch.signalled() == connect.remote && !connect.is_another);
        let latch = latch.unwrap_or_else(|| Latch::new(connect.remote, connect.latch));
        self.line = Some(Line {
            latch,
            codec: connect.codec,
            encoder: encoder.unwrap_or_else(|| Encoder::new(connect.codec)),
            unused_since: None,
            payload_type: connect.payload_type,
            receive_payload_type: connect.receive_payload_type,
            digits: connect.digits,
            packet_time,
            packet_samples: crate::samples_in(packet_time) as usize,
            direction: connect.direction,
            signalled_reports: connect.remote_reports,
            reports_share_port: connect.reports_share_port,
        });
        self.report_to = None;
        self.pen.set_clock(connect.codec.clock_hz());
        self.digit_ear.set_clock(connect.codec.clock_hz());
        self.key_tones = match connect.digits {
            Some(_) => None,
            None => self.key_tones.take().or_else(|| Some(Box::default())),
        };
        if let Some(filler) = connect.filler {
            self.turn.set_patience(filler.patience);
            self.filler = Some(filler);
        }
        self.expecting_since = now;
        self.timed_out = false;
        if self.connected_at.is_some() {
            return;
        }
        self.connected_at = Some(now);
        self.next_packet = now;
        self.next_report = now + self.report_interval() / 2;
        self.turn.ours(now);
        if let Some(greeting) = connect.greeting {
            self.play(greeting, now);
            self.held_until = Some(Duration::MAX);
            if self.last_packet.is_some() {
                self.path_is_open(now);
            }
        }
    }

    /// Another source: our clock counts differently from now on, which no stream may do within itself (RFC 7160 section 4.1); or
    /// somebody else hears it, who cannot know how often its numbers have come round (RFC 3711 section 3.3.1).
    fn begin_anew(&mut self) {
        let [ssrc, start] = [(); 2].map(|()| next_chance(&mut self.chance));
        (self.ssrc, self.first) = (ssrc as u32, start as u16 & 0x7fff);
        (self.sequence, self.clock) = (self.first, (start >> 32) as u32);
        (self.last_stamp, self.fresh) = (self.clock, true);
        (self.sent_packets, self.sent_octets, self.sent_at_report) = (0, 0, 0);
        (self.told, self.round_trip) = (None, None);
        self.mapping = Default::default();
    }

    /// The first packet came.
    pub(super) fn path_is_open(&mut self, now: Duration) {
        self.release_greeting_by(now + GREETING_AFTER_PACKET);
    }

    fn release_greeting_by(&mut self, at: Duration) {
        if let Some(held) = &mut self.held_until {
            *held = at.min(*held);
        }
    }

    fn play(&mut self, play: Play, now: Duration) {
        if self.playout.push(play.id, play.clip, play.interruptible).is_err() {
            self.tell(Event::Played { id: play.id, complete: false, samples: 0, at: now });
        }
    }

    fn listen(&mut self, listen: Listen, now: Duration) {
        let listening = Listening::new(listen.hang, listen.max, listen.barge_in);
        let hearing = self.hearing.get_or_insert_with(|| Box::new(Hearing::new(now)));
        hearing.listen(listening, listen.tap, now);
        self.take_notices(now);
        self.playout.duck(false);
        self.ours_from = listen.ours_from;
        self.turn.theirs(now);
        if self.playout.front().is_none() {
            self.turn.forget_answer();
        }
    }

    fn stop_listening(&mut self, now: Duration) {
        if let Some(hearing) = &mut self.hearing {
            hearing.stop();
        }
        self.take_notices(now);
    }

    fn direct(&mut self, direction: Direction, now: Duration) {
        let Some(line) = &mut self.line else { return };
        line.direction = direction;
        self.expecting_since = now;
        self.timed_out = false;
        match (self.may_send(), self.turn.whose()) {
            (false, _) => self.turn.theirs(now),
            (true, Whose::Theirs) if !self.bridged && !self.is_listening() => self.turn.ours(now),
            (true, Whose::Ours | Whose::Theirs) => {}
        }
    }

    fn close(&mut self, now: Duration) {
        self.stop_listening(now);
        self.stop_playing(now);
        if let Some((id, samples, _)) = self.playout.front() {
            let done = crate::playout::Done { id, complete: false, samples };
            self.tell(played(done, now));
        }
        self.turn.theirs(now);
        self.tape.obey(Recording::End);
        self.goodbye = if self.line.is_some() { Goodbye::Due } else { Goodbye::Said };
        self.over = true;
        let quality = self.quality(now);
        self.tell(Event::Closed { quality, at: now });
    }

    /// Five seconds, give or take a fifth, so that many legs do not report in step.
    pub(super) fn report_interval(&mut self) -> Duration {
        let share = next_chance(&mut self.chance) % 401;
        super::REPORT_EVERY * (800 + share as u32) / 1_000
    }

    /// What speech began or ended, told as events and acted on.
    pub(super) fn take_notices(&mut self, now: Duration) {
        use crate::listening::Notice;
        while let Some(notice) = self.hearing.as_mut().and_then(|hearing| hearing.poll_notice()) {
            match notice {
                Notice::Started { position, at } => {
                    self.turn.theirs(now);
                    self.turn.forget_answer();
                    self.playout.duck(self.may_be_interrupted());
                    self.tell(Event::SpeechStarted { position, at });
                }
                Notice::Sustained if self.must_be_heard() => self.talks_over = true,
                Notice::Sustained => self.barge_in(now),
                Notice::Faded => self.playout.duck(false),
                Notice::Ended { position, at, voiced, why } => {
                    self.talks_over = false;
                    self.playout.duck(false);
                    match (why, self.ours_from) {
                        (SpeechEnd::Cut, _) => {}
                        (SpeechEnd::Quiet | SpeechEnd::TooLong, OursFrom::LastWord) => self.turn.answered(at),
                        (SpeechEnd::Quiet | SpeechEnd::TooLong, OursFrom::EndOfPause) => {
                            self.turn.answered(now)
                        }
                    }
                    self.tell(Event::SpeechEnded { position, voiced, at, why });
                }
            }
        }
        if self.talks_over && self.may_be_interrupted() {
            self.talks_over = false;
            self.barge_in(now);
        }
    }

    fn must_be_heard(&self) -> bool {
        let clip = self.playout.front().map(|(_, _, interruptible)| interruptible);
        self.held_until.is_none() && clip == Some(Interruptible::No)
    }

    /// Falls silent for the caller, where that is allowed.
    pub(super) fn barge_in(&mut self, now: Duration) {
        if let Some((id, samples, _)) = self.playout.front()
            && self.may_be_interrupted()
        {
            self.stop_playing(now);
            self.tell(Event::BargedIn { id, samples, at: now });
        }
    }

    pub(super) fn may_be_interrupted(&self) -> bool {
        let wanted = self.hearing.as_ref().and_then(|hearing| hearing.listening()).map(Listening::barge_in);
        let clip = self.playout.front().map(|(_, _, interruptible)| interruptible);
        wanted == Some(BargeIn::DuckThenStop) && clip == Some(Interruptible::Yes)
    }
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Order::Connect(_) => "Connect",
            Order::Acked => "Acked",
            Order::Play(_) => "Play",
            Order::StopPlaying => "StopPlaying",
            Order::Listen(_) => "Listen",
            Order::StopListening => "StopListening",
            Order::Tone(_) => "Tone",
            Order::Bridge { .. } => "Bridge",
            Order::Unbridge => "Unbridge",
            Order::Direct(_) => "Direct",
            Order::SendDigit(_) => "SendDigit",
            Order::Record(_) => "Record",
            Order::Close => "Close",
        })
    }
}
