//! What comes from the far end.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Event, Leg, MEDIA_TIMEOUT};
use crate::codec::Codec;
use crate::digits::Digit;
use crate::g711::Law;
use crate::hearing::Around;
use crate::holding::Because;
use crate::latch::Stamp;
use crate::listening::BargeIn;
use crate::reception::{Arrival, Reception, round_trip};
use crate::recording::{Recorded, Track};
use crate::relay::{Content, Relay};
use crate::rtcp::{self, Part};
use crate::rtp::{Packet, is_rtcp};
use crate::{MAX_PACKET_SAMPLES, RATE_HZ};

/// Comfort noise: the sender keeps quiet. RFC 3389.
const COMFORT_NOISE: u8 = 13;

/// No noise at all, in decibels below overload.
const QUIETEST: u8 = 127;

/// What a payload type means on this leg.
enum Kind {
    Sound(Codec),
    Digits,
    ComfortNoise,
}

impl Kind {
    /// Ticks a second of what the packet is stamped with; events and silence count as the agreed codec does.
    fn clock_hz(&self, agreed: Codec) -> u32 {
        match self {
            Kind::Sound(codec) => codec.clock_hz(),
            Kind::Digits | Kind::ComfortNoise => agreed.clock_hz(),
        }
    }
}

fn stamp(packet: &Packet<'_>, clock_hz: u32) -> Stamp {
    let Packet { ssrc, sequence, timestamp, .. } = *packet;
    Stamp { ssrc, sequence, timestamp, clock_hz }
}

impl Leg {
    /// Takes one datagram from the sound port; where keys were agreed it is opened in place. What has to go to the bridged
    /// leg is given back.
    pub fn receive<'a>(
        &mut self,
        datagram: &'a mut [u8],
        from: SocketAddr,
        now: Duration,
    ) -> Option<Relay<'a>> {
        if is_rtcp(datagram) {
            self.receive_report(datagram, from, now);
            return None;
        }
        let Some(datagram) = self.opened(datagram) else {
            self.refused = self.refused.saturating_add(1);
            return None;
        };
        let Some((packet, kind)) = self.accept(datagram, from, now) else {
            self.refused = self.refused.saturating_add(1);
            return None;
        };
        self.note_arrival(now);
        let stamp = self.stamped(&packet, &kind);
        let content = match kind {
            Kind::Sound(codec) => {
                let arrival = self.count(stamp, now);
                if self.hears() {
                    let (track, payload) = (Track::Came, packet.payload);
                    self.tape.take(&Recorded { track, at: now, stamp, codec, payload });
                }
                self.listen_for_keys(arrival, codec, packet.payload, now);
                self.listen_to_hold(arrival, codec, packet.payload, now);
                if !self.bridged {
                    self.listen_to(arrival, stamp, codec, packet.payload, now);
                }
                Content::Sound(codec)
            }
            Kind::Digits => {
                self.digits(&packet, now);
                Content::Event
            }
            Kind::ComfortNoise => {
                self.count(stamp, now);
                match self.held.as_mut().map(|held| (held.because(), held)) {
                    Some((Because::Holds, held)) => held.keeps_quiet(now),
                    Some((Because::Unheard, _)) => self.came_at_last(now),
                    None => {}
                }
                // The first byte is how quiet it is; what follows, its colour, is left aside.
                Content::Quiet(packet.payload.first().map_or(QUIETEST, |level| level & 0x7f))
            }
        };
        self.bridged.then_some(Relay { stamp, marker: packet.marker, content, payload: packet.payload })
    }

    /// A sound packet in the clear; nothing if it is not under the agreed key.
    fn opened<'a>(&mut self, datagram: &'a mut [u8]) -> Option<&'a [u8]> {
        let length = match &mut self.guard {
            Some(guard) => guard.opener.open(datagram).ok()?,
            None => datagram.len(),
        };
        Some(&datagram[..length])
    }

    fn opened_report<'a>(&mut self, datagram: &'a mut [u8]) -> Option<&'a [u8]> {
        let length = match &mut self.guard {
            Some(guard) => guard.opener.open_report(datagram).ok()?,
            None => datagram.len(),
        };
        Some(&datagram[..length])
    }

    /// Well-formed, of an agreed payload type, from the right place, while we are connected.
    fn accept<'a>(
        &mut self,
        datagram: &'a [u8],
        from: SocketAddr,
        now: Duration,
    ) -> Option<(Packet<'a>, Kind)> {
        let line = self.line.as_mut().filter(|_| !self.over)?;
        let packet = Packet::parse(datagram).ok()?;
        let is_digits = |types: super::DigitTypes| [types.receive, types.send].contains(&packet.payload_type);
        let kind = if packet.payload_type == line.receive_payload_type {
            Kind::Sound(line.codec)
        } else if line.digits.is_some_and(is_digits) {
            Kind::Digits
        } else if packet.payload_type == line.payload_type {
            Kind::Sound(line.codec) // their own number for it, not ours
        } else if let Some(law) = Law::from_payload_type(packet.payload_type) {
            Kind::Sound(law.into()) // the law the far end chose to send, whatever was agreed
        } else if packet.payload_type == COMFORT_NOISE {
            Kind::ComfortNoise
        } else {
            return None;
        };
        let stamp = stamp(&packet, kind.clock_hz(line.codec));
        line.latch.accepts(from, stamp, now).then_some((packet, kind))
    }

    fn stamped(&self, packet: &Packet<'_>, kind: &Kind) -> Stamp {
        stamp(packet, self.line.as_ref().map_or(RATE_HZ, |line| kind.clock_hz(line.codec)))
    }

    fn note_arrival(&mut self, now: Duration) {
        if self.last_packet.replace(now).is_none() {
            self.tell(Event::FirstPacket { at: now });
            self.path_is_open(now);
        }
        if std::mem::take(&mut self.timed_out) {
            self.tell(Event::MediaBack { at: now });
        }
    }

    /// Counts a packet of sound; another source starts new figures.
    fn count(&mut self, stamp: Stamp, now: Duration) -> Arrival {
        if let Some(reception) = &mut self.reception
            && (reception.ssrc(), reception.clock_hz()) == (stamp.ssrc, stamp.clock_hz)
        {
            let arrival = reception.observe(stamp.sequence, stamp.timestamp, now);
            if arrival == Arrival::Restarted
                && let Some(hearing) = &mut self.hearing
            {
                hearing.restart();
            }
            return arrival;
        }
        if let Some(before) = self.reception.take() {
            self.earlier.0 = self.earlier.0.saturating_add(before.received());
            self.earlier.1 = self.earlier.1.saturating_add(before.expected());
        }
        if let Some(hearing) = &mut self.hearing {
            hearing.restart();
        }
        let reception = self.reception.insert(Reception::new(stamp.ssrc, stamp.sequence, stamp.clock_hz));
        reception.observe(stamp.sequence, stamp.timestamp, now)
    }

    fn listen_to(&mut self, arrival: Arrival, stamp: Stamp, codec: Codec, payload: &[u8], now: Duration) {
        if arrival == Arrival::Doubtful || !self.hears() {
            return;
        }
        let around = self.around();
        if let Some(hearing) = self.hearing.as_mut().filter(|hearing| hearing.is_listening()) {
            hearing.packet(stamp, codec, payload, now, around);
            self.take_notices(now);
        }
    }

    fn digits(&mut self, packet: &Packet<'_>, now: Duration) {
        let same_stream = self.reception.as_ref().is_some_and(|reception| reception.ssrc() == packet.ssrc);
        if same_stream {
            let stamp = self.stamped(packet, &Kind::Digits);
            // Counted for loss; its stamp stands still during a press, so it must not count as jitter.
            if let Some(reception) = &mut self.reception {
                reception.observe_event(stamp.sequence);
            }
            self.listen_to(Arrival::Counted, stamp, Codec::Pcmu, &[], now);
        }
        if let Some(digit) = self.digit_ear.hear(packet) {
            self.pressed(digit, now);
        }
    }

    fn pressed(&mut self, digit: Digit, now: Duration) {
        self.tell(Event::Digit { digit, at: now });
        if self.is_listening() && !self.bridged {
            self.turn.answered(now);
            self.barge_in(now);
        }
    }

    /// Keys in the sound itself, where events were not agreed.
    fn listen_for_keys(&mut self, arrival: Arrival, codec: Codec, payload: &[u8], now: Duration) {
        let Some(listening) = self.key_tones.as_mut().filter(|_| arrival != Arrival::Doubtful) else {
            return;
        };
        let mut samples = [0; MAX_PACKET_SAMPLES];
        let length = listening.decoder.decode(codec, payload, &mut samples);
        let mut last = None;
        listening.tones.hear(&samples[..length], &mut |digit| last = Some(digit));
        if let Some(digit) = last {
            self.pressed(digit, now); // a packet is shorter than two presses
        }
    }

    /// What is heard of a far end that holds the call.
    fn listen_to_hold(&mut self, arrival: Arrival, codec: Codec, payload: &[u8], now: Duration) {
        let Some(held) = self.held.as_mut().filter(|_| arrival != Arrival::Doubtful) else { return };
        match held.because() {
            Because::Holds if held.sounds(codec, payload, now) => self.tell(Event::HoldIsHeard { at: now }),
            Because::Holds => {}
            Because::Unheard => self.came_at_last(now),
        }
    }

    /// The first packet of a far end that was waited for.
    fn came_at_last(&mut self, now: Duration) {
        if self.held.take().is_some_and(|held| held.was_silent()) {
            self.tell(Event::HoldIsHeard { at: now });
        }
    }

    pub(super) fn watch_hold(&mut self, now: Duration) {
        if self.held.as_mut().is_some_and(|held| held.is_silent(now)) {
            self.tell(Event::HeldInSilence { at: now });
        }
    }

    /// Takes one datagram from the report port. Reports are believed only from the host the sound comes from; a goodbye
    /// in one changes nothing, calls end by SIP.
    pub fn receive_report(&mut self, datagram: &mut [u8], from: SocketAddr, now: Duration) {
        if self.line.is_none() || self.over {
            return;
        }
        let Some(datagram) = self.opened_report(datagram) else {
            self.refused = self.refused.saturating_add(1);
            return;
        };
        let Some(line) = &self.line else { return };
        let mut told = None;
        let mut sender_report = None;
        let (own, heard) = (self.ssrc, self.reception.as_ref().map(Reception::ssrc));
        let read = rtcp::read(datagram, |part| match part {
            Part::Sender { ssrc, sent } if Some(ssrc) == heard => sender_report = Some(sent.ntp),
            Part::Block { block, .. } if block.ssrc == own => told = Some(block),
            Part::Sender { .. } | Part::Block { .. } | Part::Goodbye { .. } => {}
        });
        if read.is_err() || !line.latch.believes_reports_of(from) {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        self.report_to = Some(from);
        self.round_trip = told.as_ref().and_then(|block| round_trip(block, now)).or(self.round_trip);
        self.told = told.or(self.told);
        if let (Some(ntp), Some(reception)) = (sender_report, &mut self.reception) {
            reception.heard_sender_report(ntp, now);
        }
    }

    fn hears(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.direction.hears())
    }

    fn around(&self) -> Around {
        let over_ours = self.held_until.is_none() && self.playout.front().is_some();
        let listening = self.hearing.as_ref().and_then(|hearing| hearing.listening());
        let deaf = over_ours && listening.is_some_and(|listening| listening.barge_in() == BargeIn::Never);
        Around { own: self.own_level, deaf }
    }

    /// Time passes for the ear.
    pub(super) fn hear_nothing(&mut self, now: Duration) {
        if self.bridged || !self.hears() {
            return;
        }
        let around = self.around();
        if let Some(hearing) =
            self.hearing.as_mut().filter(|hearing| hearing.deadline().is_some_and(|at| at <= now))
        {
            hearing.tick(now, around);
            self.take_notices(now);
        }
    }

    pub(super) fn media_deadline(&self, line: &super::Line) -> Option<Duration> {
        let since = self.last_packet.unwrap_or(Duration::ZERO).max(self.expecting_since);
        (line.direction.hears() && !self.timed_out).then_some(since + MEDIA_TIMEOUT)
    }

    pub(super) fn watch_media(&mut self, now: Duration) {
        let Some(line) = &self.line else { return };
        if self.media_deadline(line).is_some_and(|at| at <= now) {
            self.timed_out = true;
            let since = self.last_packet.unwrap_or(Duration::ZERO).max(self.expecting_since);
            self.tell(Event::MediaTimeout { at: now, silence: now.saturating_sub(since) });
        }
    }
}
