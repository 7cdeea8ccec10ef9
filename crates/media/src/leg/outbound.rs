//! What goes to the far end: clips, tones, digits, relayed sound, reports, and silence when there is nothing else.

use std::time::Duration;

use super::{Event, Goodbye, Leg, Line, Outgoing, Port, played};
use crate::codec::Codec;
use crate::concealment::Noise;
use crate::digits::{Digit, PRESS_MS, Written};
use crate::keytones;
use crate::latch::{Stamp, is_sendable};
use crate::level::{SILENCE_DBFS, dbfs, is_audible};
use crate::playout::{ClipId, Filled, Interruptible};
use crate::reception::{Reception, ntp};
use crate::recording::{Recorded, Track};
use crate::relay::{Content, Relay};
use crate::rtcp::{Report, SenderInfo};
use crate::rtp::{HEADER_LEN, Packet, is_rtcp};
use crate::smoothing::Smoother;
use crate::{MAX_PACKET_SAMPLES, RATE_HZ};

/// A bridged leg that has had nothing to relay for this long sends silence, so that the far end sees a living stream.
const RELAY_QUIET: Duration = Duration::from_millis(200);
/// Long enough that a phone which keeps quiet between its words does not have an encoder built for each pause.
const ENCODER_RESTS_AFTER: Duration = Duration::from_secs(5);
/// When sending is this far behind (the machine was asleep), the packets in between are left out, not sent in a heap.
const LEFT_OUT_AFTER: u32 = 3;
/// How fast the memory of our own loudness fades, per packet: echo comes back within a fifth of a second.
const LEVEL_FADE_DB: f32 = 1.5;

impl Leg {
    /// Writes the next datagram that is due into `out`, which has [`MAX_DATAGRAM`](crate::MAX_DATAGRAM) bytes. Call
    /// until it gives nothing.
    pub fn write(&mut self, now: Duration, out: &mut [u8]) -> Option<Outgoing> {
        loop {
            let written = self.write_plain(now, out)?;
            if let Some(sealed) = self.sealed(written, out) {
                return Some(sealed);
            }
        }
    }

    /// What goes out under the agreed key; nothing for a number that has gone out under it before.
    fn sealed(&mut self, written: Outgoing, out: &mut [u8]) -> Option<Outgoing> {
        let Some(guard) = &mut self.guard else { return Some(written) };
        let length = match is_rtcp(out) {
            true => guard.sealer.seal_report(out, written.length),
            false => guard.sealer.seal(out, written.length),
        };
        length.map(|length| Outgoing { length, ..written })
    }

    fn write_plain(&mut self, now: Duration, out: &mut [u8]) -> Option<Outgoing> {
        if self.goodbye == Goodbye::Due {
            self.goodbye = Goodbye::Said;
            return self.write_report(now, out);
        }
        if self.over || self.line.is_none() {
            return None;
        }
        if self.next_report <= now {
            self.next_report = now + self.report_interval();
            if let Some(report) = self.write_report(now, out) {
                return Some(report);
            }
        }
        while self.next_packet <= now {
            if let Some(packet) = self.write_packet(now, out) {
                return Some(packet);
            }
        }
        None
    }

    /// One packet time of ours. Nothing goes out on hold, or while relayed sound flows.
    fn write_packet(&mut self, now: Duration, out: &mut [u8]) -> Option<Outgoing> {
        let line = self.line.as_ref()?;
        let (samples, target) = (line.packet_samples, line.latch.target());
        let packet_ticks = line.codec.ticks(samples);
        let timestamp = self.advance_clock(now);
        let silent = !self.may_send() || !is_sendable(target);
        if silent || self.relays_at(now) && !self.has_own_sound() {
            self.fresh = true;
            self.leave_the_encoder(now);
            return None;
        }
        let length = match self.pen.write(timestamp, packet_ticks) {
            Some(written) if self.sends_events() => self.write_digit(written, out),
            Some(written) => self.write_key_tone(written, timestamp, samples, out),
            None => self.write_sound(timestamp, samples, now, out),
        }?;
        if self.bridged {
            self.mapping.break_off();
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.count_sent(length);
        self.record_sent(&out[..length], now);
        Some(Outgoing { length, to: target, from: Port::Rtp })
    }

    /// Nothing of ours goes out. An encoder that is not used for a while is given back; the next sound builds another, which
    /// knows as little of what the far end heard in between as this one would.
    fn leave_the_encoder(&mut self, now: Duration) {
        let Some(line) = &mut self.line else { return };
        let since = *line.unused_since.get_or_insert(now);
        if now.saturating_sub(since) >= ENCODER_RESTS_AFTER {
            line.encoder.rest();
        }
    }

    /// For the recording, in the clear. A key is no sound.
    fn record_sent(&mut self, datagram: &[u8], now: Duration) {
        let Some(line) = self.line.as_ref().filter(|_| self.tape.runs()) else { return };
        let sound = Packet::parse(datagram).ok().filter(|packet| packet.payload_type == line.payload_type);
        if let Some(Packet { ssrc, sequence, timestamp, payload, .. }) = sound {
            let stamp = Stamp { ssrc, sequence, timestamp, clock_hz: line.codec.clock_hz() };
            self.tape.take(&Recorded { track: Track::Went, at: now, stamp, codec: line.codec, payload });
        }
    }

    /// Moves to the next packet time; gives the stamp of this one.
    fn advance_clock(&mut self, now: Duration) -> u32 {
        let Some(Line { packet_time, packet_samples, codec, .. }) = self.line else { return self.clock };
        let packet_ticks = codec.ticks(packet_samples);
        let behind = (now.saturating_sub(self.next_packet).as_micros() / packet_time.as_micros()) as u32;
        if behind >= LEFT_OUT_AFTER {
            self.clock = self.clock.wrapping_add(behind.wrapping_mul(packet_ticks));
            self.next_packet += packet_time * behind;
            self.fresh = true;
        }
        if (self.last_stamp.wrapping_sub(self.clock) as i32) > 0 {
            self.clock = self.last_stamp; // relayed sound ran ahead of our clock; stamps never go back
        }
        let timestamp = self.clock;
        self.clock = self.clock.wrapping_add(packet_ticks);
        self.next_packet += packet_time;
        if self.sent_packets == 0 {
            self.next_packet = self.on_phase(packet_time);
        }
        timestamp
    }

    /// The moment nearest to the next packet that lies on our phase: at most half a packet time away.
    fn on_phase(&self, packet_time: Duration) -> Duration {
        let (time, whole) = (self.next_packet.as_micros(), packet_time.as_micros());
        let phase = self.phase.as_micros() % whole;
        let ahead = (phase + whole - time % whole) % whole;
        let shifted = if ahead <= whole / 2 { time + ahead } else { time + ahead - whole };
        Duration::from_micros(shifted as u64)
    }

    fn relays_at(&self, now: Duration) -> bool {
        self.bridged && self.mapping.last().is_some_and(|last| now.saturating_sub(last) < RELAY_QUIET)
    }

    fn plays(&self) -> bool {
        self.held_until.is_none() && !self.playout.is_empty()
    }

    fn has_own_sound(&self) -> bool {
        self.plays() || self.tone.is_some() || self.pen.is_busy()
    }

    fn write_digit(&mut self, written: Written, out: &mut [u8]) -> Option<usize> {
        let Some(types) = self.line.as_ref().and_then(|line| line.digits) else {
            self.fresh = true;
            return None; // not agreed: nothing can be said this way
        };
        self.last_stamp = written.timestamp;
        self.fresh = true;
        let Written { timestamp, marker, payload } = written;
        let header = Packet {
            marker,
            payload_type: types.send,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            payload: &payload,
        };
        header.write(out)
    }

    fn sends_events(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.digits.is_some())
    }

    /// A key toward a far end that knows no events.
    fn write_key_tone(
        &mut self,
        written: Written,
        timestamp: u32,
        length: usize,
        out: &mut [u8],
    ) -> Option<usize> {
        let mut samples = [0; MAX_PACKET_SAMPLES];
        let samples = &mut samples[..length.min(MAX_PACKET_SAMPLES)];
        let ticks = timestamp.wrapping_sub(written.timestamp);
        let since = (u64::from(ticks) * u64::from(RATE_HZ) / u64::from(self.clock_hz())) as u32;
        let left = (PRESS_MS * RATE_HZ / 1_000).saturating_sub(since).min(samples.len() as u32) as usize;
        if let Some(key) = Digit::from_event(written.payload[0]) {
            keytones::write(key, since, &mut samples[..left]);
        }
        self.write_samples(samples, true, timestamp, out)
    }

    fn write_sound(&mut self, timestamp: u32, length: usize, now: Duration, out: &mut [u8]) -> Option<usize> {
        let mut samples = [0; MAX_PACKET_SAMPLES];
        let samples = &mut samples[..length.min(MAX_PACKET_SAMPLES)];
        let sounding = self.fill(samples, now);
        self.write_samples(samples, sounding, timestamp, out)
    }

    fn write_samples(
        &mut self,
        samples: &[i16],
        sounding: bool,
        timestamp: u32,
        out: &mut [u8],
    ) -> Option<usize> {
        let line = self.line.as_mut()?;
        line.unused_since = None;
        let room = out.get_mut(HEADER_LEN..)?;
        let length = match sounding {
            true => line.encoder.encode(samples, room),
            false => line.encoder.be_silent(samples.len(), room),
        };
        let bytes = out.get_mut(..HEADER_LEN + length)?;
        let header = Packet {
            marker: std::mem::take(&mut self.fresh),
            payload_type: line.payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            payload: &[],
        };
        header.write(bytes)?;
        self.last_stamp = timestamp.wrapping_add(line.codec.ticks(samples.len()));
        Some(bytes.len())
    }

    /// Fills one packet from clips, else from the tone; false for silence.
    fn fill(&mut self, samples: &mut [i16], now: Duration) -> bool {
        let mut filled = Filled::default();
        let mut filler = false;
        if self.plays() {
            filler = self.playout.front().is_some_and(|(id, _, _)| id == ClipId::FILLER);
            let Self { playout, events, .. } = self;
            filled = playout.fill(samples, &mut |done| events.push_back(played(done, now)));
        } else if let Some(tone) = &mut self.tone {
            if !tone.fill(samples) {
                self.tone = None;
            }
        } else if self.bridged {
            return self.fill_from_the_other(samples, now);
        } else {
            self.own_level = (self.own_level - LEVEL_FADE_DB).max(SILENCE_DBFS);
            return false;
        }
        // A clip may begin to be heard in a packet that is quiet as a whole.
        if filled.began.is_some() || is_audible(samples) {
            self.note_heard(filled.began, filler, now);
        }
        if self.is_listening() {
            self.own_level = dbfs(samples).max(self.own_level - LEVEL_FADE_DB);
        }
        true
    }

    /// What the other leg's far end says, where it has to be decoded, or its quiet; false for silence.
    fn fill_from_the_other(&mut self, samples: &mut [i16], now: Duration) -> bool {
        if let Some(smoother) = &mut self.smoother {
            return smoother.fill(samples, now);
        }
        self.quiet.as_mut().map(|noise| noise.fill(samples)).is_some()
    }

    fn note_heard(&mut self, began: Option<ClipId>, filler: bool, now: Duration) {
        self.first_word.get_or_insert(now);
        let gap = self.turn.heard(now, filler);
        if let Some(id) = began {
            self.tell(Event::Spoke { id, at: now, gap });
        }
    }

    /// When silence has lasted too long. A clip that waits or plays, or a tone, is not silence.
    pub(super) fn filler_deadline(&self) -> Option<Duration> {
        let silent = !self.plays() && self.tone.is_none() && !self.bridged && self.may_send();
        let able = self.filler.is_some() || self.held_until.is_some();
        if silent && able { self.turn.deadline() } else { None }
    }

    pub(super) fn fill_silence(&mut self, now: Duration) {
        if self.filler_deadline().is_none_or(|at| at > now) {
            return;
        }
        if self.held_until.take().is_some() {
            return; // the greeting itself is the best filler
        }
        let Some(filler) = &self.filler else { return };
        let clip = filler.clip.clone();
        if self.playout.push(ClipId::FILLER, clip, Interruptible::Yes).is_ok() {
            let silence = self.turn.quiet_for(now);
            self.turn.filled(now);
            self.tell(Event::FillerPlayed { at: now, silence });
        }
    }

    /// Takes a packet of the bridged leg. It is written at once as one of ours, unless it has to be decoded: then it goes out
    /// with our own packets, in time. Nothing while our own sound plays, on hold, or for a digit the far end did not agree to.
    pub fn relay(&mut self, relay: &Relay<'_>, now: Duration, out: &mut [u8]) -> Option<Outgoing> {
        let line = self.line.as_ref().filter(|_| self.bridged && !self.over)?;
        if !self.may_send() || !is_sendable(line.latch.target()) {
            // What is left out on hold is not lost: the numbers go on afterwards.
            self.mapping.break_off();
            return None;
        }
        if self.has_own_sound() {
            return None;
        }
        match relay.content {
            Content::Quiet(below_overload_db) => self.fall_quiet(below_overload_db),
            Content::Sound(from) if !from.passes_into(line.codec) => self.smooth(relay, from, now),
            Content::Event if line.digits.is_none() || relay.stamp.clock_hz != line.codec.clock_hz() => {
                self.mapping.leave_out(relay.stamp);
                self.press(relay);
            }
            Content::Event if self.smoother.is_some() => self.press(relay),
            Content::Sound(_) | Content::Event => return self.relay_at_once(relay, now, out),
        }
        None
    }

    fn fall_quiet(&mut self, below_overload_db: u8) {
        let noise = Noise::said_to_be(below_overload_db);
        match &mut self.smoother {
            Some(smoother) => smoother.rests(noise),
            None => {
                self.quiet = Some(noise);
                self.mapping.pause();
            }
        }
    }

    fn smooth(&mut self, relay: &Relay<'_>, from: Codec, now: Duration) {
        let smoother = self.smoother.get_or_insert_with(|| Box::new(Smoother::new()));
        smoother.put(relay.stamp, from, relay.payload, now);
    }

    fn relay_at_once(&mut self, relay: &Relay<'_>, now: Duration, out: &mut [u8]) -> Option<Outgoing> {
        let line = self.line.as_ref()?;
        let (codec, to) = (line.codec, line.latch.target());
        let payload_type = match relay.content {
            Content::Event => line.digits?.send,
            Content::Sound(_) | Content::Quiet(_) => line.payload_type,
        };
        let length = HEADER_LEN + relay.payload.len();
        let room = out.get_mut(HEADER_LEN..length)?;
        let place = self.mapping.place(relay.stamp, self.sequence, self.clock, now)?;
        match (relay.content, codec.law()) {
            (Content::Sound(from), Some(to)) => {
                from.law()?.transcode(to, relay.payload, room);
            }
            (Content::Sound(_) | Content::Event | Content::Quiet(_), _) => {
                room.copy_from_slice(relay.payload)
            }
        }
        let header = Packet {
            marker: relay.marker || place.fresh,
            payload_type,
            sequence: place.sequence,
            timestamp: place.timestamp,
            ssrc: self.ssrc,
            payload: &[],
        };
        header.write(out)?;
        let next = place.sequence.wrapping_add(1);
        if (next.wrapping_sub(self.sequence) as i16) > 0 {
            self.sequence = next;
        }
        if relay.content != Content::Event {
            (self.smoother, self.quiet) = (None, None);
            self.last_stamp = place.timestamp.wrapping_add(codec.ticks_in(&out[HEADER_LEN..length]));
        }
        self.count_sent(length);
        self.record_sent(&out[..length], now);
        self.sealed(Outgoing { length, to, from: Port::Rtp }, out)
    }

    /// A key of the other leg, pressed anew on this one, each press once: where the far end knows no events, or counts time
    /// differently.
    fn press(&mut self, relay: &Relay<'_>) {
        let (ssrc, timestamp) = (relay.stamp.ssrc, relay.stamp.timestamp);
        let is_known = self
            .last_key
            .is_some_and(|(source, last)| source == ssrc && timestamp.wrapping_sub(last) as i32 <= 0);
        if let (false, Some(key)) =
            (is_known, relay.payload.first().and_then(|event| Digit::from_event(*event)))
        {
            self.last_key = Some((ssrc, timestamp));
            self.pen.push(key);
        }
    }

    fn count_sent(&mut self, length: usize) {
        self.sent_packets = self.sent_packets.wrapping_add(1);
        self.sent_octets = self.sent_octets.wrapping_add((length - HEADER_LEN) as u32);
    }

    fn write_report(&mut self, now: Duration, out: &mut [u8]) -> Option<Outgoing> {
        let line = self.line.as_ref()?;
        let media = line.latch.target();
        let beside = |mut address: std::net::SocketAddr| {
            address.set_port(address.port().checked_add(1).unwrap_or(0));
            address
        };
        let (to, from) = if line.reports_share_port {
            (media, Port::Rtp)
        } else {
            let signalled =
                line.signalled_reports.filter(|to| to.ip() == media.ip() || line.latch.is_waiting());
            (self.report_to.or(signalled).unwrap_or(beside(media)), Port::Rtcp)
        };
        if !is_sendable(to) {
            return None;
        }
        let sent = (self.sent_packets != self.sent_at_report).then_some(SenderInfo {
            ntp: ntp(now),
            rtp: self.clock,
            packets: self.sent_packets,
            octets: self.sent_octets,
        });
        self.sent_at_report = self.sent_packets;
        let heard = self.reception.as_mut().map(|reception: &mut Reception| reception.report(now));
        let cname = std::str::from_utf8(&self.cname).unwrap_or("desk");
        let goodbye = self.goodbye == Goodbye::Said;
        let length = Report { ssrc: self.ssrc, sent, heard, cname, goodbye }.write(out)?;
        Some(Outgoing { length, to, from })
    }
}
