//! Strangers who send as fast as they can, beside a trunk that brings one call a second.
//!
//! `make check` floods for three seconds, `FIRSTRING_SOAK=1` for ten and holds every answer against the quiet run.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::stage::LINE;
use crate::stage::desk::Desk;
use crate::stage::office::Office;
use crate::stage::phone::Phone;
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, wait_until};

/// Packets of strangers in a second.
const RATE: u32 = 20_000;
/// Addresses they come from: more than the desk remembers at once.
const STRANGERS: u8 = 200;

#[test]
fn strangers_get_nothing_and_keep_no_caller_waiting() {
    let _turn = Turn::alone();
    let soak = std::env::var_os("FIRSTRING_SOAK").is_some();
    let calls = if soak { 10 } else { 3 };
    let place = Place::of(&Office { channels: 8, ..Office::small() });
    place.bring_prompts();
    let desk = place.open();
    let mut phone = Phone::at([127, 0, 0, 1], 0, &place);
    // The first call touches what was never touched before.
    place_calls(&mut phone, "first", 1);
    let quiet = place_calls(&mut phone, "quiet", calls);
    let logged = desk.logged().lines().count();
    let memory = desk.memory_kib();

    let flood = Flood::of(place.sip);
    wait_until("the flood reaches the desk", Duration::from_secs(10), || (ignored(&desk) > 0).then_some(()));
    let beside = place_calls(&mut phone, "beside", calls);
    let flood = flood.end();

    assert_eq!(flood.answers, 0, "a stranger got an answer");
    let lines = desk.logged().lines().count() - logged;
    assert!(lines < 60, "{lines} lines in the log: {}", desk.logged());
    let grown = desk.memory_kib().saturating_sub(memory);
    assert!(grown < 4_096, "{grown} KiB were taken for strangers");
    let seen = ignored(&desk);
    let rate = f64::from(flood.sent) / flood.took.as_secs_f64();
    eprintln!(
        "{rate:.0} packets/s of strangers, {} sent, {seen} read and ignored; slowest answer {:?} quiet, {:?} beside them; {grown} KiB",
        flood.sent, quiet, beside
    );
    if soak {
        assert!(rate > 0.9 * f64::from(RATE), "the flood was none: {rate:.0}/s");
        assert!(beside < quiet + Duration::from_millis(100), "{beside:?}, without strangers {quiet:?}");
    }
}

/// One call a second, each answered at its first INVITE, talked through and hung up. Gives the longest wait for the 200.
fn place_calls(phone: &mut Phone, name: &str, calls: u32) -> Duration {
    let mut slowest = Duration::ZERO;
    for nth in 0..calls {
        let call = format!("{name}-{nth}");
        let began = Instant::now();
        phone.send("INVITE", 1, &call, "");
        let (status, tag) = phone.final_status("INVITE", 1, &call);
        slowest = slowest.max(began.elapsed());
        assert_eq!(status, 200, "{call}");
        phone.send("ACK", 1, &call, &tag);
        phone.send("BYE", 2, &call, &tag);
        assert_eq!(phone.final_status("BYE", 2, &call).0, 200, "{call}");
        std::thread::sleep(Duration::from_secs(1).saturating_sub(began.elapsed()));
    }
    slowest
}

/// Packets the desk has read and given no answer.
fn ignored(desk: &Desk) -> u64 {
    let page = desk.get("/metrics");
    let line =
        page.lines().find_map(|line| line.strip_prefix("firstring_packets_dropped_total{why=\"stranger\"} "));
    line.expect("strangers are counted").parse().unwrap()
}

/// Strangers at work.
struct Flood {
    stop: Arc<AtomicBool>,
    sender: JoinHandle<Flooded>,
}

/// What they did, and what they got for it.
struct Flooded {
    sent: u32,
    took: Duration,
    answers: usize,
}

impl Flood {
    fn of(port: u16) -> Flood {
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let sender = std::thread::spawn(move || flood(&SocketAddr::from(([127, 0, 0, 1], port)), &until));
        Flood { stop, sender }
    }

    fn end(self) -> Flooded {
        self.stop.store(true, Ordering::Relaxed);
        self.sender.join().unwrap()
    }
}

fn flood(desk: &SocketAddr, stop: &AtomicBool) -> Flooded {
    let strangers: Vec<UdpSocket> =
        (1..=STRANGERS).map(|last| UdpSocket::bind((Ipv4Addr::new(127, 0, 66, last), 0)).unwrap()).collect();
    let packets = packets(desk);
    let (began, mut sent) = (Instant::now(), 0_u32);
    while !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * f64::from(RATE)) as u32;
        while sent < due {
            let stranger = &strangers[sent as usize % strangers.len()];
            // A full queue on the way is a packet lost, as everywhere.
            let _ = stranger.send_to(&packets[sent as usize % packets.len()], desk);
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = began.elapsed();
    let mut buffer = [0; 2_048];
    let answered = |stranger: &&UdpSocket| {
        stranger.set_nonblocking(true).unwrap();
        stranger.recv(&mut buffer).is_ok()
    };
    Flooded { sent, took, answers: strangers.iter().filter(answered).count() }
}

/// What strangers send: calls, questions, logins, ends of calls they know nothing of, and noise.
fn packets(desk: &SocketAddr) -> Vec<Vec<u8>> {
    let request = |method: &str| {
        format!(
            "{method} sip:{LINE}@{desk} SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK-flood;rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:100@203.0.113.9>;tag=1\r\nTo: <sip:{LINE}@{desk}>\r\nCall-ID: flood\r\n\
             CSeq: 1 {method}\r\nContact: <sip:100@203.0.113.9>\r\nUser-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    };
    let requests = ["INVITE", "OPTIONS", "REGISTER", "BYE", "SUBSCRIBE"].map(request);
    let noise = [Vec::new(), vec![0; 1_200], b"\r\n\r\n".to_vec(), b"SIP/2.0 200 OK\r\n\r\n".to_vec()];
    requests.into_iter().chain(noise).collect()
}
