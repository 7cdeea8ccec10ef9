//! `firstring demo`: a whole desk on loopback, and one real spoken call to it.
//!
//! The desk is the one that [`run`] starts, with the example business that is given away with it; only its
//! ports, its directory and its on-call telephone are put where this machine has them. The caller stands outside, with
//! sockets and a voice of its own, and knows nothing of the desk but its address.
//!
//! Invariant: what is called booked here was read from the desk's own store after the call.

use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use desk::record::{CallId, Outcome, Record, Who};
use line::{Live, What};
use serde::Serialize;
use serde_json::{Value, json};
use speech::local::{LocalSpeaker, WorkerCommand};
use speech::{Line, Speak};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use crate::caller::{self, Happening, Phone, PhonePlan, Plan, Report, Script};
use crate::config::{Advertise, Config, Listen, Target};
use crate::progress;
use crate::run::{self, Desk};
use crate::shell::clock::Clock;
use crate::watch;
use crate::{cli, runtime};

/// The business that is shown.
const BUSINESS: &str = include_str!("../../../examples/plumber.toml");
/// What the caller says.
const CALL: &str = include_str!("../../../examples/calls/book-a-visit.txt");
/// The line whose plan lets the assistant answer at once, day and night.
const LINE: &str = "+13125550101";
/// Who calls.
const FROM: &str = "+13125550143";
/// Only this machine.
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// What is said at the on-call telephone, in a voice that is neither the desk's nor the caller's; each line waits for
/// the caller's words.
const PERSON_SAYS: [&str; 2] =
    ["Hello, this is the plumber on call. What happened?", "All right. I will be there in twenty minutes."];
/// The telephone on call rings so long.
const PERSON_RINGS: Duration = Duration::from_secs(3);
/// A call by this script never lasts longer.
const LONGEST: Duration = Duration::from_secs(240);

/// Starts the desk, places the call, shows it, and stays up unless told otherwise.
///
/// # Errors
/// Whatever keeps a desk from starting on this machine, in a sentence with its remedy.
pub fn demo(typed: &cli::Demo, json: bool) -> anyhow::Result<ExitCode> {
    let place = Place::new()?;
    runtime()?.block_on(async {
        let phone = person(&place).await?;
        let config = config(&place.0, &phone)?;
        let mut bar = progress::Prompts::shown();
        let desk = Desk::start(&config, Clock::start(), |step| bar.tell(step)).await;
        bar.end();
        let desk = desk?;
        let shown = show_call(&desk, &config, json).await;
        let code = match &shown {
            Ok(Some(seen)) => {
                tell(seen, typed.once, json)?;
                ExitCode::from(u8::from(seen.record.outcome != Outcome::Booked))
            }
            Ok(None) | Err(_) => ExitCode::FAILURE,
        };
        if matches!(shown, Ok(Some(_))) && !typed.once {
            stay(&desk, json).await?;
        }
        desk.stop().await?;
        let rung = phone.end();
        if let (true, false, Ok(Some(seen))) = (json, typed.once, &shown) {
            writeln!(anstream::stdout(), "{}", told_as("result", seen)?)?;
        }
        if rung.rung > 0 && !json {
            let (times, taken) = (rung.rung, rung.answered);
            writeln!(
                anstream::stdout(),
                "The plumber on call was rung {times} times and took {taken} calls."
            )?;
        }
        shown.map(|_| code)
    })
}

/// A directory of its own, gone when the demo is.
struct Place(PathBuf);

impl Place {
    fn new() -> anyhow::Result<Place> {
        let path = std::env::temp_dir().join(format!("firstring-demo-{}", std::process::id()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| {
            format!("{} cannot be made; set TMPDIR to a directory with room", path.display())
        })?;
        Ok(Place(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left behind is the system's to clear, as everything in this directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The example, with ports, directory and telephone of this machine.
fn config(directory: &Path, phone: &Phone) -> anyhow::Result<Config> {
    let read = Config::from_text("examples/plumber.toml", BUSINESS, directory);
    let mut config = read.map_err(|refusals| anyhow::anyhow!("{refusals}"))?;
    config.sip.listen = vec![free_port()?];
    config.sip.advertise = Advertise::Auto;
    config.web.listen = SocketAddr::new(HOME, 0);
    config.data_directory = directory.join("data");
    for trunk in &mut config.trunks {
        trunk.accept_from = vec![HOME.into()];
        trunk.outbound_proxy = Some(Target {
            host: phone.address.ip().to_string(),
            port: Some(phone.address.port()),
            transport: sip::Transport::Udp,
        });
    }
    // Whoever is on call has the one telephone there is.
    for person in Arc::make_mut(&mut config.business).people.values_mut() {
        person.reach.truncate(1);
        for reach in &mut person.reach {
            reach.to = "101".to_owned();
        }
    }
    Ok(config)
}

fn free_port() -> io::Result<Listen> {
    Ok(Listen { transport: sip::Transport::Udp, address: UdpSocket::bind((HOME, 0))?.local_addr()? })
}

async fn person(place: &Place) -> anyhow::Result<Phone> {
    std::fs::create_dir_all(place.0.join("data"))?;
    let speaker = LocalSpeaker::start(WorkerCommand::this_program()?);
    let mut says = Vec::new();
    for text in PERSON_SAYS {
        says.push(speaker.render(&Line::new(speech::LocalVoice::Kal16.name(), text)).await?);
    }
    let plan = PhonePlan { address: HOME, answer_after: Some(PERSON_RINGS), says };
    Ok(Phone::start(plan)?)
}

/// A call from both sides: measured by the caller, recorded by the desk.
struct Seen {
    measured: Report,
    record: Record,
}

/// Places the call and shows it while it happens. `None` if it was stopped before the desk had it.
async fn show_call(desk: &Desk, config: &Config, json: bool) -> anyhow::Result<Option<Seen>> {
    let address = desk.listening.first().context("the desk listens nowhere")?.address;
    let script = Script::parse(CALL)?;
    let speaker = LocalSpeaker::start(WorkerCommand::this_program()?);
    let plan = Plan {
        target: sip::Uri::sip(Some(LINE), &address.ip().to_string(), Some(address.port())),
        remote: address,
        from: FROM.to_owned(),
        login: None,
        codec: sip::sdp::Codec::Pcmu,
        lines: caller::render(&script, &speaker).await?,
        script,
        record: None,
        ring_for: Duration::from_secs(60),
        longest: LONGEST,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let stop = Arc::clone(&plan.stop);
    let mut live = desk.live.subscribe();
    let (tell, mut happenings) = mpsc::unbounded_channel();
    let began = Instant::now();
    let mut call = tokio::task::spawn_blocking(move || {
        caller::place(&plan, &mut |happening| {
            // Whoever watched is gone: the call goes on.
            let _ = tell.send((began.elapsed(), happening));
        })
    });
    let mut id = None;
    let measured = loop {
        tokio::select! {
            Some((at, happening)) = happenings.recv() => caller_told(&happening, at, json)?,
            happened = next(&mut live) => if let Some(live) = happened {
                id.get_or_insert_with(|| live.call.clone());
                desk_told(&live, json)?;
            },
            report = &mut call => break report??,
            result = tokio::signal::ctrl_c() => {
                result?;
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    finish(config, id, measured, &mut live, json).await
}

/// The desk has its last words after the line is dead; then its record is read.
async fn finish(
    config: &Config,
    id: Option<CallId>,
    measured: Report,
    live: &mut Receiver<Live>,
    json: bool,
) -> anyhow::Result<Option<Seen>> {
    let Some(id) = id else { return Ok(None) };
    let last_words = async {
        while let Some(live) = next(live).await {
            desk_told(&live, json)?;
            if matches!(live.what, What::Ended { .. }) && live.call == id {
                return Ok(());
            }
        }
        io::Result::Ok(())
    };
    // The record decides; what is shown may lack its end.
    if let Ok(shown) = tokio::time::timeout(Duration::from_secs(2), last_words).await {
        shown?;
    }
    let record = run::record_of(config.data_directory.clone(), id).await?;
    Ok(Some(Seen { measured, record }))
}

/// The next thing that happens at the desk; `None` if some of it was missed or the desk is gone.
async fn next(live: &mut Receiver<Live>) -> Option<Live> {
    match live.recv().await {
        Ok(live) => Some(live),
        Err(RecvError::Lagged(_)) => None,
        Err(RecvError::Closed) => std::future::pending().await,
    }
}

/// One line of JSON with its type in front.
#[derive(Serialize)]
struct Typed<'a, T> {
    r#type: &'static str,
    #[serde(flatten)]
    of: &'a T,
}

fn desk_told(live: &Live, json: bool) -> io::Result<()> {
    let mut out = anstream::stdout();
    if json {
        return writeln!(out, "{}", serde_json::to_string(&Typed { r#type: "desk", of: live })?);
    }
    match watch::desk_tells(live) {
        Some(row) => write!(out, "{}", watch::shown(&row)),
        None => Ok(()),
    }
}

fn caller_told(happening: &Happening, at: Duration, json: bool) -> io::Result<()> {
    let mut out = anstream::stdout();
    if json {
        let line = At { ms: at.as_millis() as u64, happening };
        return writeln!(out, "{}", serde_json::to_string(&Typed { r#type: "caller", of: &line })?);
    }
    match watch::caller_tells(happening, at) {
        Some(row) => write!(out, "{}", watch::shown(&row)),
        None => Ok(()),
    }
}

/// Something the caller noticed, with its moment.
#[derive(Serialize)]
struct At<'a> {
    ms: u64,
    #[serde(flatten)]
    happening: &'a Happening,
}

/// What came of the call, both sides beside each other.
fn tell(seen: &Seen, once: bool, json: bool) -> io::Result<()> {
    let mut out = anstream::stdout();
    if json {
        // The result is the last line of all; while the desk stays up, it is only the first call's.
        writeln!(out, "{}", told_as(if once { "result" } else { "call" }, seen)?)?;
        return out.flush();
    }
    let Seen { measured, record } = seen;
    if let Some(told) = caller::told::unanswered(measured) {
        return writeln!(out, "\n{told}");
    }
    writeln!(out, "\nMeasured by the caller, from its own socket:")?;
    write!(out, "{}", caller::told::summary(measured))?;
    let gaps: Vec<String> = record_gaps(record).iter().map(|ms| format!("{ms} ms")).collect();
    let first_word = record.first_word_ms.map_or("none".to_owned(), |ms| format!("{ms} ms"));
    let silence = record.longest_silence_ms;
    writeln!(out, "\nThe desk's own record: {}", record.outcome.name())?;
    writeln!(out, "  first word {first_word}, gaps {}, longest silence {silence} ms", gaps.join(", "))?;
    if let Some(booking) = &record.booking {
        writeln!(out, "  booking {booking}: {}", visit(record))?;
    }
    out.flush()
}

fn visit(record: &Record) -> String {
    let known = |name: &str| record.slots.get(name).cloned().unwrap_or_default();
    format!("{} at {}", known("service"), known("slot"))
}

fn told_as(kind: &str, seen: &Seen) -> serde_json::Result<Value> {
    let Seen { measured, record } = seen;
    Ok(json!({
        "type": kind,
        "outcome": record.outcome.name(),
        "booking": record.booking,
        "call": record.id,
        "answer_ms": measured.answer_ms,
        "first_word_ms": measured.first_word_ms,
        "turns": measured.turns,
        "median_gap_ms": caller::told::median(&measured.turns),
        "longest_silence_ms": measured.longest_silence_ms,
        "measured": serde_json::to_value(measured)?,
        "record": {
            "answer_ms": record.answer_ms,
            "first_word_ms": record.first_word_ms,
            "gaps_ms": record_gaps(record),
            "longest_silence_ms": record.longest_silence_ms,
            "ended_by": record.ended_by,
            "quality": record.quality,
        },
    }))
}

/// The gaps of the desk's turns, in order.
fn record_gaps(record: &Record) -> Vec<u64> {
    record.turns.iter().filter(|turn| turn.who == Who::Assistant).filter_map(|turn| turn.gap_ms).collect()
}

/// Stays up for whoever dials, and shows their calls.
async fn stay(desk: &Desk, json: bool) -> anyhow::Result<()> {
    let address = desk.listening.first().context("the desk listens nowhere")?.address;
    let console = desk.console;
    if json {
        let uri = format!("sip:{LINE}@{address}");
        writeln!(anstream::stdout(), "{}", json!({ "type": "waiting", "uri": uri, "console": console }))?;
    } else {
        writeln!(anstream::stdout(), "{}", invitation(address, console))?;
    }
    let mut live = desk.live.subscribe();
    let stopped = run::until_stopped(desk);
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            result = &mut stopped => return Ok(result?),
            happened = next(&mut live) => if let Some(live) = happened {
                desk_told(&live, json)?;
            },
        }
    }
}

fn invitation(address: SocketAddr, console: SocketAddr) -> String {
    format!(
        "\nThe desk stays up. Call it from a softphone on this machine, without account or registration:\n\n  \
         sip:{LINE}@{address}\n\n\
         Say what is wrong, as in “my kitchen drain is clogged”. Or try “a pipe burst”: the plumber on call is rung\n\
         and picks up. “Agent” or key 0 ask for a person, key 9 leaves a message. Or let the built-in caller do it:\n\n  \
         firstring test-call sip:{LINE}@{address} --say \"A pipe burst.\"\n\n\
         The console is at http://{console}. Ctrl-C ends the demo and forgets everything.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_business_is_what_the_demo_shows() {
        let says = Vec::new();
        let phone = Phone::start(PhonePlan { address: HOME, answer_after: None, says }).unwrap();
        let config = config(Path::new("/nowhere"), &phone).unwrap();
        assert_eq!(config.business.name, "Rivera Plumbing");
        assert!(config.business.lines.keys().any(|line| line.to_string() == LINE));
        assert!(config.sip.listen.iter().all(|listen| listen.address.ip() == HOME));
        assert!(config.trunks.iter().all(|trunk| trunk.accept_from == [HOME.into()]));
        assert!(config.data_directory.starts_with("/nowhere"));
    }

    #[test]
    fn the_call_that_is_shown_can_be_read() {
        assert!(Script::parse(CALL).unwrap().texts().count() >= 3);
    }
}
