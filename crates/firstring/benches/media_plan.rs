//! Risk (a): does the media plan hold? A socket per leg and a slot wheel, on the cores there are, without pinning, beside
//! voice workers, an fsync loop and handshakes. The figures stand in `docs/decisions/0001-media-plan.md`.
//!
//! `cargo bench -p firstring --bench media_plan -- [legs] [seconds]`. Callers are another process with a socket for each;
//! gaps are taken where packets arrive, in user space, so the callers' own lateness counts against us.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../src/marking.rs"]
#[allow(dead_code)]
mod marking;
#[path = "../src/media_thread/mod.rs"]
#[allow(dead_code, unused_imports)]
mod media_thread;

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use media::rtp::Packet;
use media::{
    BargeIn, ClipId, Codec, Connect, Direction, Event, Interruptible, Law, LegId, Listen, Order, Play,
};
use media_thread::{Config, MediaThreads, RingTap};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const MS: Duration = Duration::from_millis(1);
/// Each as busy as PocketSphinx with rejection is for one talking caller: 5.5 % of a core.
const VOICE_WORKERS: usize = 8;

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise| given.get(at).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    match given.first().map(String::as_str) {
        Some("callers") => callers(number(1, 500) as usize, number(2, 20)),
        Some("burn") => burn(number(1, 5_500), number(2, 100_000)),
        Some("fsync") => fsync(&given[1]),
        _ if given.iter().any(|word| word == "--bench") => {
            let mut numbers = given.iter().filter_map(|word| word.parse::<u64>().ok());
            let (legs, seconds) = (numbers.next().unwrap_or(500) as usize, numbers.next().unwrap_or(20));
            run("alone", legs, seconds, None);
            run("beside 8 voice workers, fsync and handshakes", legs, seconds, Some(0));
            run("the same, voice workers at nice 10", legs, seconds, Some(10));
        }
        _ => println!("Not asked to measure; use cargo bench."),
    }
}

fn this(nice: u32, words: &[String]) -> Child {
    let mut command = Command::new("nice");
    command.args(["-n", &nice.to_string()]).arg(std::env::current_exe().unwrap());
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// `workers` is how far the voice workers step back for others (nice), when there are any.
fn run(title: &str, legs: usize, seconds: u64, workers: Option<u32>) {
    let file = std::env::temp_dir().join(format!("firstring-media-plan-{}", std::process::id()));
    let mut others: Vec<Child> = Vec::new();
    if let Some(nice) = workers {
        others
            .extend((0..VOICE_WORKERS).map(|_| this(nice, &["burn".into(), "5500".into(), "100000".into()])));
        others.push(this(0, &["burn".into(), "2000".into(), "20000".into()])); // 50 handshakes a second of 2 ms
        others.push(this(0, &["fsync".into(), file.display().to_string()]));
    }
    measure(title, legs, seconds);
    for other in &mut others {
        other.kill().unwrap();
        other.wait().unwrap();
    }
    std::fs::remove_file(file).unwrap_or_default();
}

fn measure(title: &str, legs: usize, seconds: u64) {
    let mut callers = this(0, &["callers".into(), legs.to_string(), seconds.to_string()]);
    let mut said = BufReader::new(callers.stdout.take().unwrap()).lines();
    let config = Config { threads: 2, rtp_ports: 20_000..=29_999, marked: true, origin: Instant::now() };
    let threads = MediaThreads::start(config, |_: LegId, _: Event| ()).unwrap();

    let ports: Vec<u16> =
        said.next().unwrap().unwrap().split(' ').map(|port| port.parse().unwrap()).collect();
    let began = Instant::now();
    let desk: Vec<u16> =
        (0..legs).map(|leg| threads.open(LegId(leg as u64), HOME, None).unwrap().port()).collect();
    let open_us = began.elapsed().as_micros() as f64 / legs as f64;
    let prompt: Arc<[i16]> = voice(30_000).into();
    let mut taps = Vec::new();
    for (leg, port) in ports.iter().enumerate() {
        let (tap, heard) = RingTap::with_room(8_000);
        taps.push(heard);
        order_all(&threads, LegId(leg as u64), *port, &prompt, tap);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let recogniser = std::thread::spawn({
        let stop = stop.clone();
        move || {
            let mut sound = [0; 8_000];
            while !stop.load(Relaxed) {
                for tap in &mut taps {
                    let (_heard, _rest) = tap.pop_partial_slice(&mut sound);
                }
                std::thread::sleep(MS * 50);
            }
        }
    });
    let (cpu, at, pulse) = (cpu_ms(), Instant::now(), threads.pulse());
    let line: Vec<String> = desk.iter().map(u16::to_string).collect();
    writeln!(callers.stdin.as_mut().unwrap(), "{}", line.join(" ")).unwrap();
    let figures = said.next().unwrap().unwrap();
    let share = (cpu_ms() - cpu) as f64 / at.elapsed().as_millis() as f64 * 100.0;
    let pulse = threads.pulse().since(pulse);
    stop.store(true, Relaxed);
    recogniser.join().unwrap();
    callers.wait().unwrap();
    println!("{legs} legs for {seconds} s, {title}");
    println!("  at the callers: {figures}");
    println!(
        "  desk: {share:.1} % of a core = {:.3} % a leg, open {open_us:.0} us a pair",
        share / legs as f64
    );
    println!(
        "  looks late by more than 5 ms: {:.4} %, 20 ms: {:.4} %; unsent {}; load average {}",
        100.0 * pulse.share_later_than(5),
        100.0 * pulse.share_later_than(20),
        pulse.unsent,
        std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim()
    );
}

fn order_all(threads: &MediaThreads, leg: LegId, port: u16, prompt: &Arc<[i16]>, tap: Box<dyn media::Tap>) {
    let connect = Connect {
        remote: (HOME, port).into(),
        remote_reports: None,
        reports_share_port: false,
        codec: Codec::Pcmu,
        payload_type: 0,
        receive_payload_type: 0,
        digits: None,
        packet_time: MS * 20,
        keys: None,
        latch: Vec::new(),
        direction: Direction::SendReceive,
        is_another: false,
        greeting: None,
        filler: None,
    };
    threads.order(leg, Order::Connect(connect)).unwrap();
    for turn in 0..4 {
        // Not to be interrupted, so that it plays throughout although the caller speaks.
        let play = Play { id: ClipId(turn), clip: prompt.clone(), interruptible: Interruptible::No };
        threads.order(leg, Order::Play(play)).unwrap();
    }
    let listen = Listen {
        hang: MS * 700,
        max: MS * 15_000,
        tap: Some(tap),
        barge_in: BargeIn::DuckThenStop,
        ours_from: media::OursFrom::LastWord,
    };
    threads.order(leg, Order::Listen(listen)).unwrap();
}

/// Processor time of this process, all threads: fields 14 and 15 of its line, in hundredths of a second.
fn cpu_ms() -> u64 {
    let line = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = line.rsplit(')').next().unwrap().split_whitespace().collect();
    10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap())
}

// ---- the other processes ----

/// So many microseconds of work out of every period, for ever.
fn burn(work_us: u64, period_us: u64) {
    let mut next = Instant::now();
    let mut waste = 1u64;
    loop {
        let until = Instant::now() + Duration::from_micros(work_us);
        while Instant::now() < until {
            for _ in 0..1_000 {
                waste = waste.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            }
        }
        std::hint::black_box(waste);
        next += Duration::from_micros(period_us);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn fsync(path: &str) {
    let mut file = std::fs::File::create(path).unwrap();
    for round in 0u64.. {
        if round % 1_000 == 0 {
            file.set_len(0).unwrap();
        }
        file.write_all(&[7; 4_096]).unwrap();
        file.sync_all().unwrap();
    }
}

/// One caller: a socket that sends every 20 ms, on its own millisecond, and takes down when packets come.
struct Caller {
    socket: mio::net::UdpSocket,
    desk: std::net::SocketAddr,
    sequence: u16,
    last: Option<Instant>,
}

fn callers(count: usize, seconds: u64) {
    let mut poll = mio::Poll::new().unwrap();
    let mut callers: Vec<Caller> = (0..count)
        .map(|index| {
            let mut socket = mio::net::UdpSocket::bind((HOME, 0).into()).unwrap();
            poll.registry().register(&mut socket, mio::Token(index), mio::Interest::READABLE).unwrap();
            Caller { socket, desk: (HOME, 0).into(), sequence: 0, last: None }
        })
        .collect();
    let ports: Vec<String> =
        callers.iter().map(|c| c.socket.local_addr().unwrap().port().to_string()).collect();
    println!("{}", ports.join(" "));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    for (caller, port) in callers.iter_mut().zip(line.split_whitespace()) {
        caller.desk.set_port(port.parse().unwrap());
    }
    let speech: Vec<u8> = voice(1_000).iter().map(|sample| Law::Pcmu.encode_sample(*sample)).collect();
    let mut gaps = Gaps::default();
    let (began, mut tick) = (Instant::now(), 0u32);
    let mut ready = mio::Events::with_capacity(1_024);
    while began.elapsed() < Duration::from_secs(seconds) {
        let left = (began + MS * tick).saturating_duration_since(Instant::now());
        poll.poll(&mut ready, Some(left)).unwrap();
        for readiness in &ready {
            callers[readiness.token().0].listen(&mut gaps, began);
        }
        while began + MS * tick <= Instant::now() {
            for index in (0..count).filter(|index| *index as u32 % 20 == tick % 20) {
                callers[index].speak(index, &speech);
            }
            tick += 1;
        }
    }
    println!("{gaps}, sent {}", callers.iter().map(|caller| u64::from(caller.sequence)).sum::<u64>());
}

impl Caller {
    /// A quarter of the callers speak at any time, for a second out of four; the others are a quiet line.
    fn speak(&mut self, index: usize, speech: &[u8]) {
        let packet = usize::from(self.sequence) + 50 * index;
        let at = packet % 200;
        let quiet = [0xfe; 160];
        let payload = if at < 50 { &speech[at * 160..(at + 1) * 160] } else { &quiet };
        let (sequence, timestamp) = (self.sequence, u32::from(self.sequence) * 160);
        let packet = Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: 9, payload };
        let mut wire = [0; 172];
        packet.write(&mut wire).unwrap();
        self.socket.send_to(&wire, self.desk).unwrap();
        self.sequence = self.sequence.wrapping_add(1);
    }

    fn listen(&mut self, gaps: &mut Gaps, began: Instant) {
        let mut wire = [0; 1_500];
        while let Ok((length, _)) = self.socket.recv_from(&mut wire) {
            let now = Instant::now();
            // The first second is set-up.
            if let Some(last) = self.last.replace(now)
                && length == 172
                && now - began > Duration::from_secs(1)
            {
                gaps.note(now - last);
            }
        }
    }
}

/// Gaps in tenths of a millisecond, up to a second.
struct Gaps(Vec<u32>);

impl Default for Gaps {
    fn default() -> Self {
        Self(vec![0; 10_001])
    }
}

impl Gaps {
    fn note(&mut self, gap: Duration) {
        self.0[(gap.as_micros() / 100).min(10_000) as usize] += 1;
    }

    fn at(&self, share: f64) -> f64 {
        let all: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        let mut left = (all as f64 * share) as u64;
        let slot = self.0.iter().position(|count| {
            let here = u64::from(*count);
            let found = left < here;
            left = left.saturating_sub(here);
            found
        });
        slot.unwrap_or_else(|| self.0.iter().rposition(|count| *count > 0).unwrap_or(0)) as f64 / 10.0
    }
}

impl std::fmt::Display for Gaps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        let (p50, p99, p999, max) = (self.at(0.5), self.at(0.99), self.at(0.999), self.at(1.0));
        write!(f, "gap p50 {p50} ms, p99 {p99} ms, p99.9 {p999} ms, max {max} ms of {all} packets")
    }
}

/// Sound with the harmonics and the level of a voice.
fn voice(ms: usize) -> Vec<i16> {
    let tau = std::f64::consts::TAU;
    let wave = |at: usize| {
        let time = at as f64 / 8_000.0;
        let harmonics = (1..=20).map(|number| {
            let near = |formant: f64| 1.0 / (1.0 + ((130.0 * f64::from(number) - formant) / 100.0).powi(2));
            (tau * 130.0 * f64::from(number) * time).sin() * (near(600.0) + 0.5 * near(1_600.0) + 0.02)
        });
        (harmonics.sum::<f64>() * (0.65 + 0.35 * (tau * 4.0 * time).sin()) * 4_000.0) as i16
    };
    (0..ms * 8).map(wave).collect()
}
