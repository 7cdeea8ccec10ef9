//! One measurement after the other.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::budgets;
use crate::callers::Callers;
use crate::endpoint::{Endpoint, Office};
use crate::kinds::{Kind, What};
use crate::phones::{MEASURED, Seen};
use crate::process::{GivenUp, Process, cpu_ms, memory_kib, ports};
use crate::report::{Report, Row};
use crate::rtpengine::Rtpengine;

/// Callers on the line of baresip and of a whole desk: more, and baresip does not keep up.
const CALLERS: u32 = 100;
/// Everything about one kind of call is measured within this, or given up. Three endpoints take 20 s.
const KIND_WITHIN: Duration = Duration::from_secs(90);
/// Legs that tell what one of this kind costs, before many are tried.
const FEW: usize = 20;
/// Percent of a core, for all legs of a kind: one thread has them, and one that has no rest measures itself.
const HELD: f64 = 70.0;

/// What one endpoint did in one measurement.
pub struct Measured {
    pub seen: Seen,
    /// Percent of a core, of all legs.
    pub cpu: f64,
    /// KiB, of all legs.
    memory: Option<f64>,
    /// KiB above the beginning, when every leg is closed.
    left: Option<f64>,
}

/// One kind of call at the desk, at the floor and, where it does the same, at rtpengine.
pub fn kind(kind: Kind, most: usize, report: &mut Report) {
    if let Err(why) = within(kind, most, Instant::now() + KIND_WITHIN, report) {
        let limit = KIND_WITHIN.as_secs();
        report.notes(&format!("{}: given up, {why} ({limit} s for the kind), so there is no row", kind.name));
    }
}

fn within(kind: Kind, most: usize, until: Instant, report: &mut Report) -> Result<(), GivenUp> {
    report.begins(&format!("{}: what a few legs cost", kind.name));
    let legs = as_many_as_fit(kind, most, until)?;
    report.begins(&format!("{}: {legs} legs", kind.name));
    let desk = of_ours("desk", kind, legs, until)?;
    let floor = of_ours("floor", kind, legs, until)?;
    tell(kind, "desk", legs, &desk, &floor, report);
    tell(kind, "floor", legs, &floor, &floor, report);
    if kind.name == "bridges-g711" {
        match rtpengine(kind, legs, until)? {
            Ok(peer) => tell(kind, "rtpengine", legs, &peer, &floor, report),
            Err(why) => report.notes(&why),
        }
    }
    judge(kind, legs, &desk, report);
    Ok(())
}

/// How many legs one thread has room for: never more than `most`, and fewer where they would take more than [`HELD`]. A few
/// cost more each than many do, so this is on the careful side.
pub fn as_many_as_fit(kind: Kind, most: usize, until: Instant) -> Result<usize, GivenUp> {
    if most <= FEW {
        return Ok(most);
    }
    let each = of_ours("desk", kind, FEW, until)?.cpu / FEW as f64;
    let fit = (HELD / each) as usize / 2 * 2;
    Ok(fit.clamp(FEW, most))
}

pub fn tell(
    kind: Kind,
    endpoint: &str,
    legs: usize,
    measured: &Measured,
    floor: &Measured,
    report: &mut Report,
) {
    report.row(&Row {
        what: kind.name,
        endpoint,
        legs,
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

/// The desk or the floor, on one thread of a process of its own.
pub struct Ours {
    endpoint: Process,
    kind: Kind,
    /// KiB before there was a leg.
    pub before: u64,
    /// What the desk says of it itself, when no leg is open.
    pub in_use: Option<u64>,
}

impl Ours {
    pub fn start(name: &str, kind: Kind, until: Instant) -> Result<Ours, GivenUp> {
        let mut endpoint = Process::start(&[name, kind.name]);
        let in_use = last_number(&endpoint.told(until)?);
        let before = memory_kib(endpoint.pid());
        Ok(Ours { endpoint, kind, before, in_use })
    }

    /// So many legs, with sound both ways; they stay open. What was seen, percent of a core, and KiB at the end of it.
    pub fn talks(&mut self, legs: usize, until: Instant) -> Result<(Seen, f64, u64), GivenUp> {
        let mut phones = Process::start(&["phones", self.kind.name, &legs.to_string()]);
        let here = phones.told(until)?;
        self.endpoint.tell(&here);
        let there = self.endpoint.told(until)?;
        let (seen, cpu) = while_they_talk(&mut phones, &there, self.endpoint.pid(), until)?;
        Ok((seen, cpu, memory_kib(self.endpoint.pid())))
    }

    /// Every leg of the desk. KiB afterwards.
    pub fn closes(&mut self, until: Instant) -> Result<u64, GivenUp> {
        self.endpoint.tell("close");
        self.in_use = last_number(&self.endpoint.told(until)?);
        sleep(Duration::from_millis(200));
        Ok(memory_kib(self.endpoint.pid()))
    }
}

fn last_number(said: &str) -> Option<u64> {
    said.rsplit(' ').next().and_then(|word| word.parse().ok())
}

pub fn of_ours(name: &str, kind: Kind, legs: usize, until: Instant) -> Result<Measured, GivenUp> {
    let mut ours = Ours::start(name, kind, until)?;
    let (seen, cpu, peak) = ours.talks(legs, until)?;
    let above = |kib: u64| kib.saturating_sub(ours.before) as f64;
    let memory = Some(above(peak));
    let closed = if name == "desk" { Some(ours.closes(until)?) } else { None };
    let left = closed.map(|kib| kib.saturating_sub(ours.before) as f64);
    Ok(Measured { seen, cpu, memory, left })
}

/// Tells the phones where to send, and counts while it counts there: percent of a core.
fn while_they_talk(
    phones: &mut Process,
    there: &str,
    pid: u32,
    until: Instant,
) -> Result<(Seen, f64), GivenUp> {
    phones.tell(there);
    phones.told(until)?;
    let before = cpu_ms(pid);
    let seen = phones.told(until)?;
    let used = cpu_ms(pid) - before;
    Ok((serde_json::from_str(&seen).unwrap(), used as f64 / MEASURED.as_millis() as f64 * 100.0))
}

fn rtpengine(kind: Kind, legs: usize, until: Instant) -> Result<Result<Measured, String>, GivenUp> {
    let mut peer = match Rtpengine::start() {
        Ok(peer) => peer,
        Err(why) => return Ok(Err(why)),
    };
    let mut phones = Process::start(&["phones", kind.name, &legs.to_string()]);
    let here = ports(&phones.told(until)?);
    let before = memory_kib(peer.pid());
    let mut there = Vec::new();
    for (call, pair) in here.chunks(2).enumerate() {
        match peer.bridge(call, [pair[0], pair[1]]) {
            Some(ports) => there.extend(ports.map(|port| port.to_string())),
            None => return Ok(Err("rtpengine does not take so many calls".to_owned())),
        }
    }
    let (seen, cpu) = while_they_talk(&mut phones, &there.join(" "), peer.pid(), until)?;
    let memory = Some(memory_kib(peer.pid()).saturating_sub(before) as f64);
    Ok(Ok(Measured { seen, cpu, memory, left: None }))
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
