//! A telephone on a person's desk: it rings, is picked up or not, says its lines, and notes what it hears.
//!
//! It takes one call at a time and is busy for every other. Whom it belongs to and when it is rung is the business of
//! the desk that calls it.
//!
//! Invariant: it answers only what comes from its own address, and ends when it is told to.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use media::rtp::Packet;
use media::{ClipId, Interruptible, Leg, MAX_DATAGRAM, Play, Port};
use mio::Events;
use sip::sdp::{self, Agreed, Capabilities};
use sip::{Agent, LegId, Notice, Order, Refusal};
use speech::Clip;

use super::drive::{connection, law_of, trimmed};
use super::ear::Ear;
use super::wires::{Wires, chance};

/// A person picks up, finds the words after so long.
const BREATH: Duration = Duration::from_millis(300);
/// Told to end, it is noticed after so long at the latest.
const LONGEST_NAP: Duration = Duration::from_millis(50);

/// What a telephone does.
#[derive(Debug, Clone)]
pub struct PhonePlan {
    /// The machine's address it is reached at.
    pub address: IpAddr,
    /// Picked up after ringing for so long; `None`: nobody is there.
    pub answer_after: Option<Duration>,
    /// Said once it is picked up, one after the other, each when the other side has been quiet for a while.
    pub says: Vec<Clip>,
}

/// What a telephone noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PhoneReport {
    /// It rang so many times.
    pub rung: u32,
    /// It was picked up so many times.
    pub answered: u32,
    /// Packets in which something was to be heard.
    pub audible_packets: u32,
}

/// A telephone that is plugged in. Unplugged when dropped.
#[derive(Debug)]
pub struct Phone {
    /// Where it is called.
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<PhoneReport>>,
}

impl Phone {
    /// Plugs it in, on a thread of its own.
    pub fn start(plan: PhonePlan) -> io::Result<Phone> {
        let wires = Wires::on(plan.address)?;
        let address = wires.sip.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let set = Set::new(plan, wires, address);
        let thread = std::thread::Builder::new().name("phone".to_owned()).spawn(move || set.run(&told))?;
        Ok(Phone { address, stop, thread: Some(thread) })
    }

    /// Unplugs it, and tells what it noticed.
    pub fn end(mut self) -> PhoneReport {
        self.unplug()
    }

    fn unplug(&mut self) -> PhoneReport {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.unplug();
    }
}

/// The telephone itself.
struct Set {
    plan: PhonePlan,
    origin: Instant,
    wires: Wires,
    here: SocketAddr,
    agent: Agent,
    call: Option<Talk>,
    report: PhoneReport,
}

/// The one call it is in.
struct Talk {
    leg: LegId,
    offer: Option<String>,
    pick_up_at: Option<Duration>,
    up: Option<Up>,
}

/// A call that was picked up.
struct Up {
    since: Duration,
    sound: Leg,
    agreed: Agreed,
    ear: Ear,
    said: usize,
    /// Nothing is said before this.
    mouth_free: Duration,
}

impl Set {
    fn new(plan: PhonePlan, wires: Wires, here: SocketAddr) -> Set {
        let accept_from = vec![sip::Network::from(plan.address)];
        let peer = sip::Peer { name: "desk".into(), accept_from, accept_domains: Vec::new() };
        let setup =
            sip::Setup { product: "Firstring-Phone".to_owned(), peers: vec![peer], ..sip::Setup::default() };
        let agent = Agent::new(setup, [chance(), chance()]);
        Set { plan, origin: Instant::now(), wires, here, agent, call: None, report: PhoneReport::default() }
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn run(mut self, stop: &AtomicBool) -> PhoneReport {
        let mut events = Events::with_capacity(16);
        while !stop.load(Ordering::Relaxed) {
            let nap = self.nap();
            if self
                .wires
                .poll
                .poll(&mut events, Some(nap))
                .is_err_and(|error| error.kind() != ErrorKind::Interrupted)
            {
                break;
            }
            self.read_signalling();
            self.read_sound();
            self.do_what_is_due();
        }
        if let Some(talk) = self.call.take() {
            self.order(Order::HangUp { leg: talk.leg, reason: String::new() });
        }
        self.report
    }

    fn nap(&self) -> Duration {
        let now = self.now();
        let up = self.call.as_ref().and_then(|talk| talk.up.as_ref());
        let sound = up.and_then(|up| up.sound.poll_deadline()).map(|deadline| deadline.at);
        let agent = self.agent.poll_deadline().map(|deadline| deadline.at);
        let next = [sound, agent].into_iter().flatten().map(|at| at.saturating_sub(now)).min();
        next.unwrap_or(LONGEST_NAP).min(LONGEST_NAP)
    }

    fn order(&mut self, order: Order) {
        self.agent.handle(sip::Event::Order(order), self.now());
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.agent.poll_action() {
            match action {
                sip::Action::Send { path, bytes } => {
                    // What is lost here is sent again like what is lost on the way.
                    let _ = self.wires.sip.send_to(&bytes, path.remote);
                }
                sip::Action::Tell(notice) => self.told(notice),
            }
        }
    }

    fn read_signalling(&mut self) {
        let mut buffer = [0; 65_535];
        loop {
            match self.wires.sip.recv_from(&mut buffer) {
                Ok((length, remote)) => {
                    let path = sip::Path::udp(self.here, remote);
                    let bytes = buffer[..length].to_vec();
                    self.agent.handle(sip::Event::Received { path, bytes }, self.now());
                    self.drain();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {} // of an earlier packet
            }
        }
    }

    fn told(&mut self, notice: Notice) {
        let ended = notice.is_ending().then(|| notice.leg()).flatten();
        match notice {
            Notice::Invited(invitation) if self.call.is_some() => {
                self.order(Order::Refuse { leg: invitation.leg, refusal: Refusal::Busy });
            }
            Notice::Invited(invitation) => {
                let leg = invitation.leg;
                let pick_up_at = self.plan.answer_after.map(|after| self.now() + after);
                self.call = Some(Talk { leg, offer: invitation.offer, pick_up_at, up: None });
                self.report.rung += 1;
                self.order(Order::Ring { leg });
            }
            Notice::Offered { leg, .. } => self.order(Order::RefuseOffer { leg }),
            _ => {}
        }
        if ended.is_some() && self.call.as_ref().map(|talk| talk.leg) == ended {
            self.call = None;
        }
    }

    fn do_what_is_due(&mut self) {
        let now = self.now();
        if self.agent.poll_deadline().is_some_and(|deadline| deadline.at <= now) {
            self.agent.handle_deadline(now);
            self.drain();
        }
        if self.call.as_ref().is_some_and(|talk| talk.pick_up_at.is_some_and(|at| at <= now)) {
            self.pick_up(now);
        }
        let Some(up) = self.call.as_mut().and_then(|talk| talk.up.as_mut()) else { return };
        up.speak(&self.plan.says, now);
        up.sound.handle_deadline(now);
        while up.sound.poll_event().is_some() {}
        up.send(&self.wires, now);
    }

    fn pick_up(&mut self, now: Duration) {
        let Ok(port) = self.wires.rtp.local_addr().map(|address| address.port()) else { return };
        let Some(talk) = &mut self.call else { return };
        talk.pick_up_at = None;
        let leg = talk.leg;
        let ours = Capabilities {
            codecs: vec![sdp::Codec::Pcmu, sdp::Codec::Pcma],
            telephone_event: true,
            rtcp_mux: false,
            address: self.plan.address,
            port,
            session_id: chance() >> 2,
            version: 1,
            ptime_ms: 20,
            protection: sdp::Protection::Off,
        };
        let agreed =
            talk.offer.as_deref().and_then(|offer| sdp::answer(offer, &ours, sdp::Direction::SendRecv).ok());
        let Some(agreed) = agreed else {
            return self.order(Order::Refuse { leg, refusal: Refusal::NotAcceptable });
        };
        let mut sound = Leg::new(chance());
        sound.handle(media::Order::Connect(connection(&agreed)), now);
        let text = agreed.text.clone();
        talk.up =
            Some(Up { since: now, sound, agreed, ear: Ear::default(), said: 0, mouth_free: now + BREATH });
        self.report.answered += 1;
        self.order(Order::Answer { leg, sdp: text });
    }

    fn read_sound(&mut self) {
        let mut buffer = [0; 2_048];
        let now = self.origin.elapsed();
        loop {
            match self.wires.rtp.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    let up = self.call.as_mut().and_then(|talk| talk.up.as_mut());
                    let audible = up.is_some_and(|up| up.hear(&mut buffer[..length], from, now));
                    self.report.audible_packets += u32::from(audible);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {}
            }
        }
    }
}

impl Up {
    /// Takes one packet; true if there was something to hear.
    fn hear(&mut self, datagram: &mut [u8], from: SocketAddr, now: Duration) -> bool {
        self.sound.receive(datagram, from, now);
        let Ok(packet) = Packet::parse(datagram) else { return false };
        if from.ip() != self.agreed.remote.ip() || packet.payload_type != self.agreed.receive_payload_type {
            return false;
        }
        let mut samples = [0; media::MAX_PACKET_SAMPLES];
        let length = law_of(self.agreed.codec).decode(packet.payload, &mut samples);
        self.ear.hear(&samples[..length], now);
        media::level::is_audible(&samples[..length])
    }

    /// The first line after a breath, every other when the far end has spoken and is quiet.
    fn speak(&mut self, lines: &[Clip], now: Duration) {
        let Some(line) = lines.get(self.said).filter(|_| now >= self.mouth_free) else { return };
        let asked = self.ear.last_word(self.mouth_free.max(self.since));
        let answered = asked.is_some_and(|last| now.saturating_sub(last) >= super::script::PATIENCE);
        if self.said > 0 && !answered {
            return;
        }
        let clip: media::Clip = trimmed(line.samples()).into();
        self.mouth_free = now + line.duration();
        let play = Play { id: ClipId(self.said as u64), clip, interruptible: Interruptible::No };
        self.sound.handle(media::Order::Play(play), now);
        self.said += 1;
    }

    fn send(&mut self, wires: &Wires, now: Duration) {
        let mut out = [0; MAX_DATAGRAM];
        while let Some(outgoing) = self.sound.write(now, &mut out) {
            let socket = match outgoing.from {
                Port::Rtp => &wires.rtp,
                Port::Rtcp => &wires.rtcp,
            };
            // A lost packet among fifty a second.
            let _ = socket.send_to(&out[..outgoing.length], outgoing.to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Happening;
    use super::super::{Lines, Plan, Script, place};
    use super::*;

    fn clip(ms: usize) -> Clip {
        Clip::new((0..ms * 8).map(|n| if n % 16 < 8 { 5_000 } else { -5_000 }).collect::<Vec<i16>>())
    }

    fn call(address: SocketAddr, script: &str) -> Plan {
        let mut lines = Lines::default();
        lines.insert("hello", clip(600));
        Plan {
            target: sip::Uri::sip(Some("dana"), &address.ip().to_string(), Some(address.port())),
            remote: address,
            from: "+13125550143".into(),
            login: None,
            codec: sdp::Codec::Pcma,
            script: Script::parse(script).unwrap(),
            lines,
            record: None,
            ring_for: Duration::from_secs(5),
            longest: Duration::from_secs(20),
            stop: Arc::new(AtomicBool::new(false)),
        }
    }

    fn phone(answer_after: Option<Duration>) -> Phone {
        let says = vec![clip(400), clip(400)];
        Phone::start(PhonePlan { address: [127, 0, 0, 1].into(), answer_after, says }).unwrap()
    }

    /// Over loopback, in real time: about four seconds.
    #[test]
    fn a_caller_and_a_telephone_hear_each_other() {
        let phone = phone(Some(Duration::from_millis(100)));
        let plan = call(phone.address, "say hello\nlisten\nhang up");
        let mut happened = Vec::new();
        let report = place(&plan, &mut |happening| happened.push(happening)).unwrap();
        assert_eq!(happened[0], Happening::Rings);
        let gap = report.turns[0].gap_ms.expect("the telephone answers what was said");
        assert!((600..1_200).contains(&gap), "it waits for 700 ms of quiet: {gap}");
        let (answer, first_word) = (report.answer_ms.unwrap(), report.first_word_ms.unwrap());
        assert!((95.0..1_000.0).contains(&answer), "{answer}");
        assert!((250.0..1_000.0).contains(&first_word), "{first_word}");
        assert_eq!((report.codec, report.packets.lost), (Some("PCMA"), 0));
        let noticed = phone.end();
        assert_eq!((noticed.rung, noticed.answered), (1, 1));
        assert!((25..40).contains(&noticed.audible_packets), "600 ms of sound: {}", noticed.audible_packets);
    }

    #[test]
    fn a_telephone_that_nobody_picks_up_rings_out() {
        let phone = phone(None);
        let plan = Plan { ring_for: Duration::from_millis(300), ..call(phone.address, "") };
        let report = place(&plan, &mut |_| {}).unwrap();
        let nobody = report.unanswered.expect("nobody answered");
        assert_eq!((nobody.why, nobody.nobody_there), ("rang_out", false));
        assert_eq!(phone.end(), PhoneReport { rung: 1, answered: 0, audible_packets: 0 });
    }

    #[test]
    fn a_closed_port_is_told_at_once() {
        let address = phone(None).address; // unplugged again
        let report = place(&call(address, ""), &mut |_| {}).unwrap();
        let nobody = report.unanswered.expect("nobody answered");
        assert!(nobody.nobody_there);
        assert!(nobody.told.starts_with(&format!("Nothing listens on {address}")), "{}", nobody.told);
    }
}
