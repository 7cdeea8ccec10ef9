//! The generator: calls at the asked rate, whether or not the ones before were answered.
//!
//! One thread places calls when they are due, another hears what comes back and answers it at once, so that a wait is
//! measured from the first INVITE's leaving to the final response's arriving, resent ones included. A call without any response is
//! asked for again as RFC 3261 has it (section 17.1.1.2), from 500 ms on, with twice the pause each time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::calls::{Reply, Trunk};
use crate::endpoint::deep;

/// Round-trip estimate. RFC 3261 section 17.1.1.1.
const T1: Duration = Duration::from_millis(500);
/// After the last call is placed, final responses are waited for so long.
const PATIENCE: Duration = Duration::from_secs(2);
const MS: Duration = Duration::from_millis(1);
/// Calls are judged together that were placed within this time of each other.
const SLICE_MS: u64 = 50;
/// So many slices without a bad one are calm.
const CALM: usize = 10;

/// What is to be played.
#[derive(Clone, Serialize, Deserialize)]
pub struct Plan {
    pub to: SocketAddr,
    /// One after the other, without a pause.
    pub phases: Vec<Phase>,
    /// From the answer to the BYE.
    pub hold_ms: u64,
    /// An answer that took longer is not clean.
    pub bound_ms: f64,
}

/// So many calls a second, for so long.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Phase {
    pub rate: u32,
    pub ms: u64,
}

/// What became of the calls of one phase.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Tally {
    pub placed: u32,
    /// A second: less than asked for where the generator could not keep up.
    pub rate: f64,
    pub answered: u32,
    pub refused: BTreeMap<u16, u32>,
    /// Without any final response.
    pub unanswered: u32,
    /// INVITEs sent once more.
    pub again: u32,
    /// From INVITE to 200.
    pub answers: Waits,
    /// From INVITE to a refusal.
    pub refusals: Waits,
    /// From the phase's beginning until half a second of calls begins that are clean; nothing if there was none.
    pub calm_after_ms: Option<u64>,
}

/// How long some of a kind took, in milliseconds.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub struct Waits {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

impl Tally {
    /// Every call was answered at its first INVITE, and almost all within the bound.
    pub fn is_clean(&self, bound_ms: f64) -> bool {
        self.answered == self.placed && self.again == 0 && self.answers.p99 <= bound_ms
    }

    pub fn refused(&self) -> u32 {
        self.refused.values().sum()
    }
}

impl Plan {
    /// Calls at one rate that end as soon as they are answered.
    pub fn steady(to: SocketAddr, rate: u32, ms: u64, bound_ms: f64) -> Plan {
        Plan { to, phases: vec![Phase { rate, ms }], hold_ms: 0, bound_ms }
    }

    /// Plays it in a process of its own; one tally for each phase.
    pub fn play(&self) -> Vec<Tally> {
        let mut generator = Command::new(std::env::current_exe().unwrap());
        generator.arg("load").arg(serde_json::to_string(self).unwrap()).stderr(Stdio::inherit());
        let output = generator.output().unwrap();
        assert!(output.status.success(), "the generator ended with {}", output.status);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// The generator's own process.
pub fn play(plan: &str) {
    let plan: Plan = serde_json::from_str(plan).unwrap();
    let socket = deep(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    socket.set_read_timeout(Some(20 * MS)).unwrap();
    let trunk = Trunk { us: socket.local_addr().unwrap(), them: plan.to, run: std::process::id() };
    let caller =
        Arc::new(Caller { plan, socket, trunk, book: Mutex::default(), is_over: AtomicBool::new(false) });
    let ear = std::thread::spawn({
        let caller = Arc::clone(&caller);
        move || caller.listen()
    });
    let phases = caller.place_all();
    caller.is_over.store(true, Relaxed);
    ear.join().unwrap();
    let book = caller.book();
    let tallies: Vec<Tally> =
        phases.iter().map(|placed| placed.tally(&book.calls, caller.plan.bound_ms)).collect();
    println!("{}", serde_json::to_string(&tallies).unwrap());
}

struct Caller {
    plan: Plan,
    socket: UdpSocket,
    trunk: Trunk,
    book: Mutex<Book>,
    is_over: AtomicBool,
}

/// Every call, by its number, and what is due when.
#[derive(Default)]
struct Book {
    calls: Vec<Call>,
    due: BinaryHeap<Reverse<(Instant, u32, Due)>>,
    /// Calls that wait for something.
    open: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Nothing was heard of the INVITE.
    Again { pause: Duration },
    /// The call was held for long enough.
    HangUp,
    /// Nothing was heard of the BYE.
    HangUpAgain { pause: Duration },
}

struct Call {
    placed: Instant,
    again: u32,
    state: State,
}

enum State {
    Asked,
    Trying,
    /// The BYE that ends it.
    Up {
        took: Duration,
        ack: String,
        bye: String,
    },
    /// The BYE was answered.
    Ended {
        took: Duration,
        ack: String,
    },
    Refused {
        took: Duration,
        status: u16,
        ack: String,
    },
}

impl Caller {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    fn send(&self, text: &str) {
        // A full queue on the way is a packet lost, as everywhere.
        let _ = self.socket.send_to(text.as_bytes(), self.plan.to);
    }

    fn place_all(&self) -> Vec<Placed> {
        let mut phases = Vec::new();
        for phase in &self.plan.phases {
            let (began, first) = (Instant::now(), self.book().calls.len());
            let pause = Duration::from_secs(1) / phase.rate;
            for nth in 0..(u64::from(phase.rate) * phase.ms / 1_000) as u32 {
                self.wait_until(began + pause * nth);
                self.place();
            }
            phases.push(Placed { began, first, last: self.book().calls.len(), took: began.elapsed() });
        }
        let until = Instant::now() + PATIENCE + Duration::from_millis(self.plan.hold_ms);
        while self.book().open > 0 && Instant::now() < until {
            self.wait_until(Instant::now() + MS);
        }
        phases
    }

    /// Does what is due meanwhile.
    fn wait_until(&self, moment: Instant) {
        loop {
            self.do_what_is_due();
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(MS));
        }
    }

    fn place(&self) {
        let call = self.book().calls.len() as u32;
        let invite = self.trunk.invite(call, self.sound());
        let mut book = self.book();
        let placed = Instant::now();
        book.calls.push(Call { placed, again: 0, state: State::Asked });
        book.due.push(Reverse((placed + T1, call, Due::Again { pause: T1 })));
        book.open += 1;
        drop(book);
        self.send(&invite);
    }

    /// Where nobody listens: these calls have no sound.
    fn sound(&self) -> SocketAddr {
        SocketAddr::new(self.trunk.us.ip(), 9)
    }

    fn do_what_is_due(&self) {
        while let Some((call, due)) = self.next_due() {
            let text = self.book().meet(call, due, || self.trunk.invite(call, self.sound()));
            if let Some(text) = text {
                self.send(&text);
            }
        }
    }

    fn next_due(&self) -> Option<(u32, Due)> {
        let mut book = self.book();
        let Reverse((at, call, due)) = *book.due.peek()?;
        (at <= Instant::now()).then_some(())?;
        book.due.pop();
        Some((call, due))
    }

    fn listen(&self) {
        let mut buffer = vec![0; 8_192];
        while !self.is_over.load(Relaxed) {
            let Ok((length, _)) = self.socket.recv_from(&mut buffer) else { continue };
            let now = Instant::now();
            if let Some(message) = Reply::read(&buffer[..length]) {
                self.hear(&message, now);
            }
        }
    }

    fn hear(&self, message: &Reply<'_>, now: Instant) {
        let Some(status) = message.status() else { return self.hear_request(message) };
        let Some(call) = message.call(self.trunk.run) else { return };
        match (message.method(), status) {
            ("INVITE", ..200) => self.book().is_tried(call),
            ("INVITE", 200..300) => self.hear_answer(call, message, now),
            ("INVITE", _) => self.hear_refusal(call, status, message, now),
            ("BYE", 200..) => self.book().is_ended(call),
            _ => {}
        }
    }

    /// Whatever the far end asks is granted.
    fn hear_request(&self, request: &Reply<'_>) {
        if request.method() != "ACK" {
            self.send(&request.answer("200 OK", "", "Content-Length: 0\r\n\r\n"));
        }
    }

    fn hear_answer(&self, call: u32, answer: &Reply<'_>, now: Instant) {
        if let Some(ack) = self.book().ack(call) {
            return self.send(&ack);
        }
        let (ack, bye) = (self.trunk.ack(call, answer), self.trunk.bye(call, answer));
        self.send(&ack);
        let mut book = self.book();
        let took = now - book.calls[call as usize].placed;
        let (ends, due) = match self.plan.hold_ms {
            0 => (Some(bye.clone()), (now + T1, Due::HangUpAgain { pause: T1 })),
            hold_ms => (None, (now + Duration::from_millis(hold_ms), Due::HangUp)),
        };
        book.calls[call as usize].state = State::Up { took, ack, bye };
        book.due.push(Reverse((due.0, call, due.1)));
        drop(book);
        if let Some(bye) = ends {
            self.send(&bye);
        }
    }

    fn hear_refusal(&self, call: u32, status: u16, refusal: &Reply<'_>, now: Instant) {
        let known = self.book().ack(call);
        let ack = known.unwrap_or_else(|| {
            let ack = self.trunk.ack_refusal(call, refusal);
            self.book().is_refused(call, status, ack.clone(), now);
            ack
        });
        self.send(&ack);
    }
}

impl Book {
    fn is_tried(&mut self, call: u32) {
        let state = &mut self.calls[call as usize].state;
        if matches!(state, State::Asked) {
            *state = State::Trying;
        }
    }

    /// The ACK of a call whose final response was heard before.
    fn ack(&self, call: u32) -> Option<String> {
        match &self.calls[call as usize].state {
            State::Asked | State::Trying => None,
            State::Up { ack, .. } | State::Ended { ack, .. } | State::Refused { ack, .. } => {
                Some(ack.clone())
            }
        }
    }

    fn is_ended(&mut self, call: u32) {
        let state = &mut self.calls[call as usize].state;
        if let State::Up { took, ack, .. } = state {
            *state = State::Ended { took: *took, ack: std::mem::take(ack) };
            self.open -= 1;
        }
    }

    fn is_refused(&mut self, call: u32, status: u16, ack: String, now: Instant) {
        let call = &mut self.calls[call as usize];
        call.state = State::Refused { took: now - call.placed, status, ack };
        self.open -= 1;
    }

    /// What is sent because nothing came until now.
    fn meet(&mut self, number: u32, due: Due, invite: impl Fn() -> String) -> Option<String> {
        let call = &mut self.calls[number as usize];
        let (text, pause) = match (&call.state, due) {
            (State::Asked, Due::Again { pause }) => {
                call.again += 1;
                (invite(), Due::Again { pause: 2 * pause })
            }
            (State::Up { bye, .. }, Due::HangUp) => (bye.clone(), Due::HangUpAgain { pause: T1 }),
            (State::Up { bye, .. }, Due::HangUpAgain { pause }) => {
                (bye.clone(), Due::HangUpAgain { pause: 2 * pause })
            }
            _ => return None,
        };
        let (Due::Again { pause: after } | Due::HangUpAgain { pause: after }) = pause else {
            return Some(text);
        };
        self.due.push(Reverse((Instant::now() + after, number, pause)));
        Some(text)
    }
}

/// The calls of one phase.
struct Placed {
    began: Instant,
    first: usize,
    last: usize,
    took: Duration,
}

impl Placed {
    fn tally(&self, calls: &[Call], bound_ms: f64) -> Tally {
        let calls = &calls[self.first..self.last];
        let (mut answers, mut refusals, mut refused) = (Vec::new(), Vec::new(), BTreeMap::new());
        for call in calls {
            match &call.state {
                State::Asked | State::Trying => {}
                State::Up { took, .. } | State::Ended { took, .. } => answers.push(*took),
                State::Refused { took, status, .. } => {
                    *refused.entry(*status).or_insert(0) += 1;
                    refusals.push(*took);
                }
            }
        }
        let (placed, answered) = (calls.len() as u32, answers.len() as u32);
        Tally {
            placed,
            rate: f64::from(placed) / self.took.as_secs_f64(),
            answered,
            unanswered: placed - answered - refusals.len() as u32,
            refused,
            again: calls.iter().map(|call| call.again).sum(),
            answers: Waits::of(answers),
            refusals: Waits::of(refusals),
            calm_after_ms: self.calm_after(calls, bound_ms),
        }
    }

    fn calm_after(&self, calls: &[Call], bound_ms: f64) -> Option<u64> {
        let mut bad: Vec<bool> = Vec::new();
        for call in calls {
            let slice = (call.placed - self.began).as_millis() as u64 / SLICE_MS;
            bad.resize(bad.len().max(slice as usize + 1), false);
            bad[slice as usize] |= !call.is_clean(bound_ms);
        }
        bad.windows(CALM).position(|slices| !slices.contains(&true)).map(|slice| slice as u64 * SLICE_MS)
    }
}

impl Call {
    fn is_clean(&self, bound_ms: f64) -> bool {
        match &self.state {
            State::Up { took, .. } | State::Ended { took, .. } => self.again == 0 && ms(*took) <= bound_ms,
            State::Asked | State::Trying | State::Refused { .. } => false,
        }
    }
}

impl Waits {
    fn of(mut waits: Vec<Duration>) -> Waits {
        waits.sort_unstable();
        let at = |share: f64| {
            let place = (waits.len().saturating_sub(1) as f64 * share).round() as usize;
            waits.get(place).copied().map_or(0.0, ms)
        };
        Waits { p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
