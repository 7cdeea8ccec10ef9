//! One measurement after the other.

use std::thread::sleep;
use std::time::Duration;

use crate::budgets;
use crate::callers::Callers;
use crate::endpoint::{Endpoint, Office};
use crate::kinds::{Kind, What};
use crate::phones::{MEASURED, Seen};
use crate::process::{Process, cpu_ms, memory_kib, ports};
use crate::report::{Report, Row};
use crate::rtpengine::Rtpengine;

/// Callers on the line of baresip and of a whole desk: more, and baresip does not keep up.
const CALLERS: u32 = 100;
/// A gap that is heard. `docs/decisions/0001-media-plan.md`.
const HEARD_MS: f64 = 30.0;

/// What one endpoint did in one measurement.
struct Measured {
    seen: Seen,
    /// Percent of a core, of all legs.
    cpu: f64,
    /// KiB, of all legs.
    memory: Option<f64>,
    /// KiB above the beginning, when every leg is closed.
    left: Option<f64>,
}

/// One kind of call at the desk, at the floor and, where it does the same, at rtpengine.
pub fn kind(kind: Kind, legs: usize, report: &mut Report) {
    report.begins(&format!("{legs} legs, {}", kind.name));
    let desk = of_ours("desk", kind, legs);
    let floor = of_ours("floor", kind, legs);
    tell(kind, "desk", legs, &desk, &floor, report);
    tell(kind, "floor", legs, &floor, &floor, report);
    if kind.name == "bridges-g711" {
        match rtpengine(kind, legs) {
            Ok(peer) => tell(kind, "rtpengine", legs, &peer, &floor, report),
            Err(why) => report.notes(&why),
        }
    }
    judge(kind, legs, &desk, report);
}

fn tell(kind: Kind, endpoint: &str, legs: usize, measured: &Measured, floor: &Measured, report: &mut Report) {
    report.row(&Row {
        what: kind.name,
        endpoint,
        seen: &measured.seen,
        cpu: per_call(kind, legs, measured.cpu),
        floors: measured.cpu / floor.cpu,
        memory: measured.memory.map(|kib| per_call(kind, legs, kib)),
        left: measured.left,
    });
}

/// A bridged call has two legs.
fn per_call(kind: Kind, legs: usize, figure: f64) -> f64 {
    let calls = if kind.what == What::Bridges { legs / 2 } else { legs };
    figure / calls as f64
}

fn judge(kind: Kind, legs: usize, desk: &Measured, report: &mut Report) {
    let cpu = Some(per_call(kind, legs, desk.cpu));
    match kind.name {
        "plays-g711" => {
            report.judge(&budgets::PLAYING, cpu);
            report.judge(&budgets::PLAYING_KIB, desk.memory.map(|kib| per_call(kind, legs, kib)));
        }
        "listens-g711" => report.judge(&budgets::LISTENING, cpu),
        "bridges-g711" => report.judge(&budgets::BRIDGED, cpu),
        _ => {}
    }
}

/// The desk or the floor.
fn of_ours(name: &str, kind: Kind, legs: usize) -> Measured {
    let count = legs.to_string();
    let mut endpoint = Process::start(&[name, kind.name, &count]);
    let mut phones = Process::start(&["phones", kind.name, &count]);
    assert_eq!(endpoint.told(), "ready");
    let before = memory_kib(endpoint.pid());
    let here = phones.told();
    endpoint.tell(&here);
    let there = endpoint.told();
    let (seen, cpu) = while_they_talk(&mut phones, &there, endpoint.pid());
    let up = memory_kib(endpoint.pid());
    let memory = Some((up - before) as f64);
    let left = (name == "desk").then(|| {
        endpoint.tell("close");
        assert_eq!(endpoint.told(), "closed");
        sleep(Duration::from_millis(200));
        memory_kib(endpoint.pid()).saturating_sub(before) as f64
    });
    Measured { seen, cpu, memory, left }
}

/// Tells the phones where to send, and counts while it counts there: percent of a core.
fn while_they_talk(phones: &mut Process, there: &str, pid: u32) -> (Seen, f64) {
    phones.tell(there);
    assert_eq!(phones.told(), "warm");
    let before = cpu_ms(pid);
    let seen = serde_json::from_str(&phones.told()).unwrap();
    let used = cpu_ms(pid) - before;
    (seen, used as f64 / MEASURED.as_millis() as f64 * 100.0)
}

fn rtpengine(kind: Kind, legs: usize) -> Result<Measured, String> {
    let mut peer = Rtpengine::start()?;
    let mut phones = Process::start(&["phones", kind.name, &legs.to_string()]);
    let here = ports(&phones.told());
    let before = memory_kib(peer.pid());
    let mut there = Vec::new();
    for (call, pair) in here.chunks(2).enumerate() {
        let ports = peer.bridge(call, [pair[0], pair[1]]).ok_or("rtpengine does not take so many calls")?;
        there.extend(ports.map(|port| port.to_string()));
    }
    let (seen, cpu) = while_they_talk(&mut phones, &there.join(" "), peer.pid());
    let memory = Some(memory_kib(peer.pid()).saturating_sub(before) as f64);
    Ok(Measured { seen, cpu, memory, left: None })
}

/// Whole calls: the desk as it ships, which greets and listens, beside baresip, which plays a file.
pub fn baresip(report: &mut Report) {
    report.begins("Whole calls at the desk and at baresip");
    report.heads_whole(&format!("{CALLERS} whole calls, signalling and all threads"));
    let office = Office::with_channels(CALLERS * 2);
    let desk = Endpoint::desk(&office);
    whole(&desk, report);
    drop(desk);
    match Endpoint::baresip() {
        Ok(peer) => whole(&peer, report),
        Err(why) => report.notes(&why),
    }
}

fn whole(endpoint: &Endpoint, report: &mut Report) {
    let before = memory_kib(endpoint.pid());
    let callers = Callers::ring(endpoint.address, CALLERS);
    let (up, from) = (callers.up, endpoint.used());
    sleep(MEASURED);
    let used = endpoint.used().since(&from).whole as f64 / MEASURED.as_millis() as f64 * 100.0;
    let memory = memory_kib(endpoint.pid()).saturating_sub(before) as f64;
    let heard = callers.hang_up();
    let each = f64::from(up.max(1));
    report.whole(endpoint.name, up, used / each, memory / each, (heard.sent, heard.received));
}

/// More and more legs on one thread, until a gap is heard or a packet is missed.
pub fn as_many_as_hold(steps: &[usize], report: &mut Report) {
    report.heads("As many legs as hold on one thread, each playing a prompt");
    let kind = Kind::named("plays-g711");
    let mut clean = None;
    for legs in steps {
        report.begins(&format!("{legs} legs"));
        let desk = of_ours("desk", kind, *legs);
        tell(kind, "desk", *legs, &desk, &desk, report);
        let is_whole = desk.seen.received as f64 >= desk.seen.sent as f64 * 0.995;
        if desk.seen.gap_p99 > HEARD_MS || !is_whole {
            break;
        }
        clean = Some(*legs as f64);
    }
    report.judge(&budgets::CLEAN, clean);
}
