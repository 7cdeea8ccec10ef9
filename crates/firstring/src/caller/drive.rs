//! One call from INVITE to BYE: the loop that owns the sockets, the clock, a user agent and a leg of sound.
//!
//! Everything that is measured is stamped here, where packets leave and arrive: right before `send_to` and right after
//! `recv_from`. Nothing is asked of the far end but SIP and RTP.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use media::rtcp::{self, Part};
use media::rtp::Packet;
use media::{ClipId, Connect, DigitTypes, Direction, Interruptible, Law, Leg, MAX_DATAGRAM, Play, Port};
use mio::Events;
use sip::sdp::{self, Agreed, Capabilities};
use sip::{Agent, EndedBy, Identity, LegId, Notice, Unanswered};

use super::ear::Ear;
use super::report::{CallEnd, FarEnd, Happening, Nobody, Packets, Report, TurnReport, Uttered, tenths_ms};
use super::script::Utterance;
use super::stage::{Cue, Stage};
use super::told::{closed_port, refused, silent};
use super::wave::Wave;
use super::wires::{Wires, chance};
use super::{PlaceError, Plan};

/// The one call of this agent.
const CALL: u64 = 1;
/// Without a single reply for so long, nobody is there: the INVITE was sent five times by then.
const NOBODY_AFTER: Duration = Duration::from_secs(8);
/// After the end, the far end has this long to confirm it.
const PARTING: Duration = Duration::from_secs(2);
/// The loop turns at least this often, so that a stop from outside is noticed.
const LONGEST_NAP: Duration = Duration::from_millis(100);
/// While the call is up, the script is looked at this often even if no packet comes.
const SCRIPT_EVERY: Duration = Duration::from_millis(10);
/// Sound shorter than this at the end of a line is trimmed in such pieces.
const PIECE: usize = 160;

/// Places one call and returns when it is over. Blocks this thread; `progress` is called on it as things happen.
pub fn place(plan: &Plan, progress: &mut dyn FnMut(Happening)) -> Result<Report, PlaceError> {
    let sockets = |problem| PlaceError::Sockets { remote: plan.remote, problem };
    let wires = Wires::toward(plan.remote).map_err(sockets)?;
    let mut call = Call::new(plan, wires, progress).map_err(sockets)?;
    call.invite();
    call.run().map_err(sockets)?;
    if let (Some(path), Some(_)) = (&plan.record, call.answered) {
        call.wave.write(path).map_err(|problem| PlaceError::Recording { path: path.clone(), problem })?;
    }
    Ok(call.report())
}

/// A call on its way. Times are since `origin`, which is when the INVITE is written.
struct Call<'a> {
    plan: &'a Plan,
    progress: &'a mut dyn FnMut(Happening),
    origin: Instant,
    wires: Wires,
    here: SocketAddr,
    ours: Capabilities,
    agent: Agent,
    leg: Leg,
    stage: Option<Stage>,
    ear: Ear,
    wave: Wave,
    agreed: Option<Agreed>,
    own_ssrc: Option<u32>,
    far_end: FarEnd,
    turns: Vec<Turn>,
    notes: Vec<String>,

    invited: Duration,
    replied: bool,
    /// When the datagram that is being handled came.
    received: Duration,
    answered: Option<Duration>,
    acked: Option<Duration>,
    nobody: Option<Nobody>,
    ended: Option<(CallEnd, Duration)>,
    released: bool,
}

/// A turn of ours.
struct Turn {
    what: Uttered,
    text: String,
    state: TurnState,
    start: Option<Duration>,
    end: Option<Duration>,
    reply: Option<Duration>,
}

#[derive(PartialEq)]
enum TurnState {
    /// Its clip is playing.
    Speaking,
    /// Keys that are not all out; and the time stamps of those that are begun.
    Pressing { keys: usize, begun: Vec<u32> },
    /// The far end has the word.
    Over,
}

impl<'a> Call<'a> {
    fn new(plan: &'a Plan, wires: Wires, progress: &'a mut dyn FnMut(Happening)) -> std::io::Result<Self> {
        let here = wires.sip.local_addr()?;
        let ours = Capabilities {
            codecs: vec![plan.codec],
            telephone_event: true,
            rtcp_mux: false,
            address: here.ip(),
            port: wires.rtp.local_addr()?.port(),
            session_id: chance() >> 2,
            version: 1,
            ptime_ms: 20,
            protection: sdp::Protection::Off,
        };
        let product = format!("Firstring-Caller/{}", env!("CARGO_PKG_VERSION"));
        let setup = sip::Setup { product, ..sip::Setup::default() };
        Ok(Call {
            plan,
            progress,
            origin: Instant::now(),
            wires,
            here,
            ours,
            agent: Agent::new(setup, [chance(), chance()]),
            leg: Leg::new(chance()),
            stage: None,
            ear: Ear::default(),
            wave: Wave::default(),
            agreed: None,
            own_ssrc: None,
            far_end: FarEnd::default(),
            turns: Vec::new(),
            notes: Vec::new(),
            invited: Duration::ZERO,
            replied: false,
            received: Duration::ZERO,
            answered: None,
            acked: None,
            nobody: None,
            ended: None,
            released: false,
        })
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn invite(&mut self) {
        self.wires.knock();
        let call = sip::Call {
            leg: LegId::placed(CALL),
            target: self.plan.target.clone(),
            path: sip::Path::udp(self.here, self.plan.remote),
            from: Identity { display: String::new(), user: self.plan.from.clone(), host: String::new() },
            extra: Vec::new(),
            sdp: sdp::offer(&self.ours, sdp::Direction::SendRecv),
            ring_for: self.plan.ring_for,
        };
        let call = Box::new(call);
        let Some((username, password)) = &self.plan.login else { return self.order(sip::Order::Call(call)) };
        let account: Arc<str> = "caller".into();
        let credentials = sip::Credentials {
            username: username.clone(),
            password: sip::Password::new(password.reveal().clone()),
            realm: None,
        };
        self.order(sip::Order::ReplaceAccounts(vec![sip::Account {
            name: Arc::clone(&account),
            credentials,
        }]));
        self.order(sip::Order::CallOver { account, call });
    }

    fn run(&mut self) -> std::io::Result<()> {
        let mut events = Events::with_capacity(16);
        while !self.is_over() {
            let nap = self.nap();
            match self.wires.poll.poll(&mut events, Some(nap)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => result?,
            }
            self.read_sound();
            self.read_signalling();
            self.meet_deadlines();
            self.follow_script();
            self.look_for_an_end();
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let parted = self.ended.is_some_and(|(_, at)| self.now() > at + PARTING);
        let alone = self.nobody.as_ref().is_some_and(|nobody| nobody.nobody_there);
        alone || parted || (self.released && (self.ended.is_some() || self.nobody.is_some()))
    }

    fn nap(&self) -> Duration {
        let now = self.now();
        let up = self.answered.is_some() && self.ended.is_none();
        let most = if up { SCRIPT_EVERY } else { LONGEST_NAP };
        let agent = self.agent.poll_deadline().map(|deadline| deadline.at);
        let leg = self.leg.poll_deadline().map(|deadline| deadline.at);
        [agent, leg].into_iter().flatten().map(|at| at.saturating_sub(now)).min().unwrap_or(most).min(most)
    }

    // Signalling.

    fn order(&mut self, order: sip::Order) {
        self.agent.handle(sip::Event::Order(order), self.now());
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.agent.poll_action() {
            match action {
                sip::Action::Send { path, bytes } => self.send_signalling(path.remote, &bytes),
                sip::Action::Tell(notice) => self.told(notice),
            }
        }
    }

    fn send_signalling(&mut self, remote: SocketAddr, bytes: &[u8]) {
        let now = self.now();
        if bytes.starts_with(b"INVITE ") && self.invited.is_zero() {
            self.invited = now;
        }
        // The ACK leaves before the notice of the answer comes; one for a refusal means nothing here.
        if bytes.starts_with(b"ACK ") {
            self.acked.get_or_insert(now);
        }
        // What is lost here is sent again like what is lost on the way.
        let _ = self.wires.sip.send_to(bytes, remote);
    }

    fn read_signalling(&mut self) {
        let mut buffer = [0; 65_535];
        loop {
            match self.wires.sip.recv_from(&mut buffer) {
                Ok((length, remote)) => {
                    self.received = self.now();
                    self.replied = true;
                    let path = sip::Path::udp(self.here, remote);
                    let bytes = buffer[..length].to_vec();
                    self.agent.handle(sip::Event::Received { path, bytes }, self.received);
                    self.drain();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {} // told by the machine of an earlier packet; the probe looks after that
            }
        }
    }

    fn told(&mut self, notice: Notice) {
        let leg = LegId::placed(CALL);
        match notice {
            Notice::Ringing { .. } => (self.progress)(Happening::Rings),
            Notice::Answered { sdp, .. } => self.is_answered(&sdp),
            Notice::Refused { status, reason, why, .. } => self.is_refused(status, reason, why),
            Notice::Offered { sdp, .. } => self.is_offered(sdp),
            Notice::Ended { by, .. } => self.is_ended(match by {
                EndedBy::FarEnd => CallEnd::FarEnd,
                EndedBy::Us => CallEnd::Us,
                EndedBy::Error => CallEnd::Error,
                EndedBy::Limit => CallEnd::Limit,
            }),
            Notice::Released { .. } => self.released = true,
            Notice::Invited(invitation) => {
                self.order(sip::Order::Refuse { leg: invitation.leg, refusal: sip::Refusal::Declined });
            }
            // A placed call has none of these, and what they are about is measured elsewhere.
            other if other.leg() == Some(leg) => {}
            _ => {}
        }
    }

    fn is_answered(&mut self, answer: &str) {
        self.answered = Some(self.received);
        (self.progress)(Happening::Answered { answer: self.received.saturating_sub(self.invited) });
        match sdp::accept(answer, &self.ours, sdp::Direction::SendRecv) {
            Ok(agreed) => {
                self.connect(&agreed);
                self.agreed = Some(agreed);
                self.stage = Some(Stage::new(&self.plan.script, self.received));
            }
            Err(error) => {
                self.notes.push(format!("The call was answered in a way that cannot be spoken in: {error}."));
                self.hang_up();
            }
        }
    }

    fn is_offered(&mut self, offer: Option<String>) {
        let leg = LegId::placed(CALL);
        self.ours.version += 1;
        let Some(offer) = offer else {
            let sdp = sdp::offer(&self.ours, sdp::Direction::SendRecv);
            return self.order(sip::Order::AnswerOffer { leg, sdp });
        };
        match sdp::answer(&offer, &self.ours, sdp::Direction::SendRecv) {
            Ok(agreed) => {
                self.connect(&agreed);
                self.order(sip::Order::AnswerOffer { leg, sdp: agreed.text.clone() });
                self.agreed = Some(agreed);
            }
            Err(_) => self.order(sip::Order::RefuseOffer { leg }),
        }
    }

    fn is_refused(&mut self, status: u16, reason: String, why: Unanswered) {
        if self.nobody.is_none() {
            self.nobody = Some(refused(self.plan, status, reason, why));
        }
    }

    fn is_ended(&mut self, by: CallEnd) {
        if self.ended.is_some() {
            return;
        }
        let now = self.now();
        let awaited = self.stage.as_ref().is_none_or(Stage::expects_end);
        if awaited && by != CallEnd::Us {
            self.ear.call_ended(now);
        }
        self.ended = Some((by, now));
        self.leg.handle(media::Order::Close, now);
        self.send_sound(now);
        (self.progress)(Happening::Ended { by });
    }

    fn hang_up(&mut self) {
        self.order(sip::Order::HangUp { leg: LegId::placed(CALL), reason: String::new() });
    }

    /// Ends that nobody else notices.
    fn look_for_an_end(&mut self) {
        let now = self.now();
        if self.nobody.is_some() || self.ended.is_some() {
            return;
        }
        match self.answered {
            Some(answered) if now.saturating_sub(answered) > self.plan.longest => {
                self.notes
                    .push(format!("The call was hung up after {:?}, its longest time.", self.plan.longest));
                self.is_ended(CallEnd::Limit);
                self.hang_up();
            }
            Some(_) if self.plan.stop.load(Ordering::Relaxed) => self.hang_up(),
            Some(_) => {}
            None if !self.replied && self.wires.is_closed() => self.nobody = Some(closed_port(self.plan)),
            None if !self.replied && now > NOBODY_AFTER => self.nobody = Some(silent(self.plan)),
            None if self.plan.stop.load(Ordering::Relaxed) => {
                self.order(sip::Order::Cancel { leg: LegId::placed(CALL) });
            }
            None => {}
        }
    }

    fn meet_deadlines(&mut self) {
        let now = self.now();
        if self.agent.poll_deadline().is_some_and(|deadline| deadline.at <= now) {
            self.agent.handle_deadline(now);
            self.drain();
        }
        if self.leg.poll_deadline().is_some_and(|deadline| deadline.at <= now) {
            self.leg.handle_deadline(now);
            self.send_sound(now);
        }
        while let Some(event) = self.leg.poll_event() {
            if let media::Event::Played { id, .. } = event {
                self.played(id);
            }
        }
    }

    // Sound.

    fn connect(&mut self, agreed: &Agreed) {
        let now = self.now();
        self.leg.handle(media::Order::Connect(connection(agreed)), now);
        self.send_sound(now);
    }

    fn send_sound(&mut self, now: Duration) {
        let mut out = [0; MAX_DATAGRAM];
        while let Some(outgoing) = self.leg.write(now, &mut out) {
            let datagram = &out[..outgoing.length];
            let socket = match outgoing.from {
                Port::Rtp => &self.wires.rtp,
                Port::Rtcp => &self.wires.rtcp,
            };
            // A lost packet among fifty a second.
            let _ = socket.send_to(datagram, outgoing.to);
            if outgoing.from == Port::Rtp {
                self.note_sent(datagram);
            }
        }
    }

    /// Looks at a packet of ours as the wire has it: when were our words, or keys, really out?
    fn note_sent(&mut self, datagram: &[u8]) {
        let now = self.now();
        let Ok(packet) = Packet::parse(datagram) else { return };
        self.own_ssrc = Some(packet.ssrc);
        let Some(agreed) = &self.agreed else { return };
        let is_digit = agreed.dtmf == Some(packet.payload_type);
        let audible = !is_digit && is_audible(law_of(agreed.codec), packet.payload);
        let Some(turn) = self.turns.last_mut() else { return };
        match &mut turn.state {
            TurnState::Speaking if audible => {
                turn.start.get_or_insert(now);
                turn.end = Some(now);
            }
            TurnState::Pressing { keys, begun } if is_digit => {
                if begun.last() != Some(&packet.timestamp) {
                    begun.push(packet.timestamp);
                    turn.start.get_or_insert(now);
                    turn.end = Some(now);
                }
                let ended = packet.payload.get(1).is_some_and(|flags| flags & 0x80 != 0);
                if ended && begun.len() >= *keys {
                    self.turn_is_over();
                }
            }
            TurnState::Speaking | TurnState::Pressing { .. } | TurnState::Over => {}
        }
    }

    fn played(&mut self, id: ClipId) {
        let current = self.turns.len().checked_sub(1).map(|index| ClipId(index as u64));
        let speaking = self.turns.last().is_some_and(|turn| turn.state == TurnState::Speaking);
        if current == Some(id) && speaking {
            self.turn_is_over();
        }
    }

    fn turn_is_over(&mut self) {
        let now = self.now();
        let Some(turn) = self.turns.last_mut() else { return };
        turn.state = TurnState::Over;
        let end = *turn.end.get_or_insert(now);
        self.ear.turn_is_theirs(end);
        if let Some(stage) = &mut self.stage {
            stage.uttered(end);
        }
        (self.progress)(Happening::Uttered);
    }

    fn read_sound(&mut self) {
        let mut buffer = [0; 2_048];
        loop {
            match self.wires.rtp.recv_from(&mut buffer) {
                Ok((length, from)) => self.heard(&mut buffer[..length], from),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {} // the far end has closed its port; silence shows it
            }
        }
        loop {
            match self.wires.rtcp.recv_from(&mut buffer) {
                Ok((length, from)) => self.reported(&mut buffer[..length], from),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {}
            }
        }
    }

    fn heard(&mut self, datagram: &mut [u8], from: SocketAddr) {
        let now = self.now();
        if media::rtp::is_rtcp(datagram) {
            return self.reported(datagram, from);
        }
        self.leg.receive(datagram, from, now);
        let Some(agreed) = self.agreed.as_ref().filter(|agreed| agreed.remote.ip() == from.ip()) else {
            return;
        };
        let Ok(packet) = Packet::parse(datagram) else { return };
        let codec = match Law::from_payload_type(packet.payload_type) {
            Some(codec) => codec,
            None if packet.payload_type == agreed.receive_payload_type => law_of(agreed.codec),
            None => return,
        };
        let mut samples = [0; 1_500];
        let length = codec.decode(packet.payload, &mut samples);
        let sound = &samples[..length];
        let first = self.ear.first_word().is_none();
        self.ear.hear(sound, now);
        self.wave.put(packet.ssrc, packet.timestamp, sound);
        self.notice_words(first);
    }

    fn notice_words(&mut self, first: bool) {
        if let (true, Some(word), Some(acked)) = (first, self.ear.first_word(), self.acked) {
            (self.progress)(Happening::FirstWord { after_ack: word.saturating_sub(acked) });
        }
        let Some(turn) = self.turns.last_mut().filter(|turn| turn.state == TurnState::Over) else { return };
        if let (None, Some(end), true) = (turn.reply, turn.end, turn.what != Uttered::Silence)
            && let Some(reply) = self.ear.reply_after(end)
        {
            turn.reply = Some(reply);
            (self.progress)(Happening::Reply { gap: reply.saturating_sub(end) });
        }
    }

    fn reported(&mut self, datagram: &mut [u8], from: SocketAddr) {
        self.leg.receive_report(datagram, from, self.origin.elapsed());
        let Some(own) = self.own_ssrc else { return };
        let mut about_us = None;
        let read = rtcp::read(datagram, |part| {
            if let Part::Block { block, .. } = part
                && block.ssrc == own
            {
                about_us = Some(block);
            }
        });
        if let (Ok(()), Some(block)) = (read, about_us) {
            self.far_end.reports += 1;
            self.far_end.lost = block.cumulative_lost;
            self.far_end.loss_ratio = f64::from(block.fraction_lost) / 256.0;
            self.far_end.jitter_ms = f64::from(block.jitter) * 1_000.0 / f64::from(media::RATE_HZ);
        }
    }

    // The script.

    fn follow_script(&mut self) {
        if self.answered.is_none() || self.ended.is_some() {
            return;
        }
        if let (Some(acked), true) = (self.acked, self.ear.first_word().is_none() && self.turns.is_empty()) {
            self.ear.turn_is_theirs(acked);
        }
        let now = self.now();
        while let Some(cue) = self.stage.as_mut().and_then(|stage| stage.next(&self.ear, now)) {
            match cue {
                Cue::Utter(utterance) => self.utter(utterance, None),
                Cue::Barge(utterance) => self.utter(utterance, Some(Uttered::Barge)),
                Cue::BeSilent => self.be_silent(now),
                Cue::SilenceOver => {
                    self.ear.turn_is_theirs(now);
                    if let Some(turn) = self.turns.last_mut() {
                        turn.end = Some(now);
                    }
                }
                Cue::HangUp => {
                    self.ear.turn_is_ours();
                    self.hang_up();
                }
            }
        }
    }

    fn utter(&mut self, utterance: Utterance, how: Option<Uttered>) {
        self.ear.turn_is_ours();
        let now = self.now();
        let text = utterance.to_string();
        let (state, what) = match utterance {
            Utterance::Say(_) => (TurnState::Speaking, Uttered::Say),
            Utterance::Press(ref digits) => {
                (TurnState::Pressing { keys: digits.len(), begun: Vec::new() }, Uttered::Press)
            }
        };
        let what = how.unwrap_or(what);
        (self.progress)(Happening::Uttering { what, text: text.clone() });
        let id = ClipId(self.turns.len() as u64);
        self.turns.push(Turn { what, text, state, start: None, end: None, reply: None });
        match utterance {
            Utterance::Say(text) => self.say(id, &text, now),
            Utterance::Press(digits) if self.agreed.as_ref().is_some_and(|agreed| agreed.dtmf.is_some()) => {
                for digit in digits {
                    self.leg.handle(media::Order::SendDigit(digit), now);
                }
            }
            Utterance::Press(_) => {
                self.notes.push("The far end takes no keys (no telephone-event in its answer).".to_owned());
                self.turn_is_over();
            }
        }
    }

    fn say(&mut self, id: ClipId, text: &str, now: Duration) {
        let Some(sound) = self.plan.lines.get(text) else {
            self.notes.push(format!("There is no sound for {text:?}; it was not said."));
            return self.turn_is_over();
        };
        let clip = trimmed(sound.samples()).into();
        let play = Play { id, clip, interruptible: Interruptible::No };
        self.leg.handle(media::Order::Play(play), now);
    }

    fn be_silent(&mut self, now: Duration) {
        self.ear.turn_is_ours();
        let (what, state) = (Uttered::Silence, TurnState::Over);
        (self.progress)(Happening::Uttering { what, text: String::new() });
        let (start, text) = (Some(now), String::new());
        self.turns.push(Turn { what, text, state, start, end: None, reply: None });
    }

    // The end.

    fn report(mut self) -> Report {
        let now = self.now();
        let end = self.ended.map_or(now, |(_, at)| at);
        let quality = self.leg.quality(end);
        self.far_end.round_trip_ms = quality.round_trip_ms.map(|ms| (ms * 10.0).round() / 10.0);
        let mut notes = self.stage.map(Stage::into_notes).unwrap_or_default();
        notes.append(&mut self.notes);
        let (ear, invited) = (&self.ear, self.invited);
        let turns = self.turns.iter().map(|turn| turn.report(ear, invited, end)).collect();
        let first_word = ear.first_word().zip(self.acked).map(|(word, acked)| word.saturating_sub(acked));
        if self.answered.is_some() && first_word.is_none() {
            notes.push("Nothing audible was heard in the whole call.".to_owned());
        }
        Report {
            unanswered: self.nobody.filter(|_| self.answered.is_none()),
            answer_ms: self.answered.map(|at| tenths_ms(at.saturating_sub(invited))),
            first_word_ms: first_word.map(tenths_ms),
            turns,
            longest_silence_ms: ear.longest_silence().as_millis() as u64,
            codec: self.agreed.as_ref().map(|agreed| media::Codec::from(law_of(agreed.codec)).name()),
            packets: Packets {
                sent: quality.sent,
                expected: quality.received + quality.lost,
                received: quality.received,
                lost: quality.lost,
            },
            jitter_ms: (quality.jitter_ms * 100.0).round() / 100.0,
            mos: (quality.received > 0).then(|| (quality.mos * 100.0).round() / 100.0),
            far_end: self.far_end,
            ended_by: self.ended.map(|(by, _)| by),
            duration_ms: self.answered.map_or(0, |at| end.saturating_sub(at).as_millis() as u64),
            notes,
        }
    }
}

impl Turn {
    fn report(&self, ear: &Ear, invited: Duration, call_end: Duration) -> TurnReport {
        let ms = |at: Duration| at.saturating_sub(invited).as_millis() as u64;
        let start = self.start.unwrap_or(call_end);
        let end = self.end.unwrap_or(call_end);
        TurnReport {
            what: self.what,
            text: self.text.clone(),
            start_ms: ms(start),
            end_ms: ms(end),
            gap_ms: self.reply.map(|reply| reply.saturating_sub(end).as_millis() as u64),
            barge: if self.what == Uttered::Barge { ear.barge(start) } else { None },
        }
    }
}

pub(super) fn law_of(codec: sdp::Codec) -> Law {
    match codec {
        sdp::Codec::Pcma => Law::Pcma,
        // Only these two are ever offered by us.
        _ => Law::Pcmu,
    }
}

fn is_audible(law: Law, payload: &[u8]) -> bool {
    let mut samples = [0; media::MAX_PACKET_SAMPLES];
    let length = law.decode(payload, &mut samples);
    media::level::is_audible(&samples[..length])
}

/// Without the quiet at both ends, so that the far end's waiting begins where our words end.
pub(super) fn trimmed(samples: &[i16]) -> &[i16] {
    let audible = |piece: &[i16]| media::level::is_audible(piece);
    let first = samples.chunks(PIECE).position(audible).unwrap_or(0) * PIECE;
    let last = samples.chunks(PIECE).rposition(audible).map_or(samples.len(), |piece| (piece + 1) * PIECE);
    &samples[first..last.min(samples.len())]
}

pub(super) fn connection(agreed: &Agreed) -> Connect {
    let direction = match agreed.direction {
        sdp::Direction::SendRecv => Direction::SendReceive,
        sdp::Direction::SendOnly => Direction::SendOnly,
        sdp::Direction::RecvOnly => Direction::ReceiveOnly,
        sdp::Direction::Inactive => Direction::Inactive,
    };
    let digits = agreed.dtmf.map(|send| DigitTypes { send, receive: agreed.receive_dtmf.unwrap_or(send) });
    Connect {
        remote: agreed.remote,
        remote_reports: match agreed.rtcp {
            sdp::Rtcp::Muxed => None,
            sdp::Rtcp::At(at) => Some(at),
        },
        reports_share_port: agreed.rtcp == sdp::Rtcp::Muxed,
        codec: law_of(agreed.codec).into(),
        payload_type: agreed.payload_type,
        receive_payload_type: agreed.receive_payload_type,
        digits,
        packet_time: Duration::from_millis(u64::from(agreed.send_ptime_ms)),
        keys: None,
        latch: Vec::new(),
        direction,
        is_another: false,
        greeting: None,
        filler: None,
    }
}
