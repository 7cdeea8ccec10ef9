//! `firstring test-call`: one call placed, shown and judged.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anstyle::Style;
use serde::Serialize;
use speech::local::{LocalSpeaker, WorkerCommand};

use super::told::{summary, unanswered};
use super::{Happening, Lines, Plan, Report, Script, place, render};
use crate::cli::{Codec, TestCall};

/// Nobody answered.
const NO: u8 = 1;
/// What was typed makes no call.
const WRONG: u8 = 2;
/// There was nobody at all.
const UNKNOWN: u8 = 3;
/// SIP's port where a URI names none.
const USUAL_PORT: u16 = 5060;
/// How long it may ring.
const RING_FOR: Duration = Duration::from_secs(90);
/// A test call never lasts longer.
const LONGEST: Duration = Duration::from_secs(600);
/// Left-hand column of what is shown.
const FAINT: Style = Style::new().dimmed();

/// Places the call that was typed.
///
/// # Errors
/// Only what keeps this machine from placing any call: no sockets, no voice, a recording that cannot be written.
pub fn test_call(typed: &TestCall, json: bool) -> anyhow::Result<ExitCode> {
    let prepared = target(&typed.uri).and_then(|(uri, remote)| Ok((uri, remote, script(typed)?)));
    let (target, remote, script) = match prepared {
        Ok(prepared) => prepared,
        Err(problem) => {
            crate::tell_problem(&problem, json)?;
            return Ok(ExitCode::from(WRONG));
        }
    };
    let plan = Plan {
        target,
        remote,
        from: typed.from.clone().unwrap_or_default(),
        login: None,
        codec: match typed.codec {
            Codec::Pcmu => sip::sdp::Codec::Pcmu,
            Codec::Pcma => sip::sdp::Codec::Pcma,
        },
        lines: spoken(&script)?,
        script,
        record: typed.record.clone(),
        ring_for: RING_FOR,
        longest: LONGEST,
        stop: Arc::new(AtomicBool::new(false)),
    };
    let report = place_until_stopped(plan, json)?;
    tell(&report, json)?;
    Ok(match &report.unanswered {
        None => ExitCode::SUCCESS,
        Some(nobody) if nobody.nobody_there => ExitCode::from(UNKNOWN),
        Some(_) => ExitCode::from(NO),
    })
}

/// Where a URI leads.
fn target(text: &str) -> Result<(sip::Uri, SocketAddr), String> {
    let example = "write it like sip:+13125550100@127.0.0.1:5060";
    let uri =
        sip::Uri::parse(text).map_err(|error| format!("{text:?} cannot be called: {error}; {example}"))?;
    match uri.scheme {
        sip::Scheme::Sip => {}
        sip::Scheme::Sips => {
            return Err(format!("{text:?} needs TLS, and this caller speaks UDP; {example}"));
        }
        sip::Scheme::Tel => return Err(format!("{text:?} names no machine to call; {example}")),
    }
    let port = uri.port.unwrap_or(USUAL_PORT);
    let host = uri.host.trim_matches(['[', ']']);
    let found = (host, port).to_socket_addrs();
    let mut found =
        found.map_err(|error| format!("the name {host:?} was not found ({error}); write an address"))?;
    let remote = found.next().ok_or_else(|| format!("the name {host:?} has no address; write one"))?;
    Ok((uri, remote))
}

fn script(typed: &TestCall) -> Result<Script, String> {
    let Some(path) = &typed.script else { return Ok(Script::saying(&typed.say)) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Script::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Everything the script says, rendered before the call.
fn spoken(script: &Script) -> anyhow::Result<Lines> {
    if script.texts().next().is_none() {
        return Ok(Lines::default());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let speaker = LocalSpeaker::start(WorkerCommand::this_program()?);
        Ok(render(script, &speaker).await?)
    })
}

/// Places the call on a thread of its own; ctrl-c hangs it up instead of leaving the far end alone.
fn place_until_stopped(plan: Plan, json: bool) -> anyhow::Result<Report> {
    let stop = Arc::clone(&plan.stop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let call = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let mut known = BTreeSet::new();
            place(&plan, &mut |happening| {
                if !json {
                    show(&happening, began.elapsed(), &mut known);
                }
            })
        });
        tokio::pin!(call);
        tokio::select! {
            report = &mut call => return Ok(report??),
            _ = tokio::signal::ctrl_c() => stop.store(true, Ordering::Relaxed),
        }
        Ok(call.await??)
    })
}

/// One line of what happens.
fn show(happening: &Happening, at: Duration, once: &mut BTreeSet<&'static str>) {
    let line = match happening {
        Happening::Rings if once.insert("rings") => "rings".to_owned(),
        Happening::Rings | Happening::Uttered => return,
        Happening::Answered { answer } => format!("answered after {:.1} ms", answer.as_secs_f64() * 1_000.0),
        Happening::FirstWord { after_ack } => {
            format!("first word {} ms after the ACK", after_ack.as_millis())
        }
        Happening::Uttering { what, text } => format!("we {} {text}", super::told::uttered(*what)),
        Happening::Reply { gap } => format!("the desk speaks, {} ms after us", gap.as_millis()),
        Happening::Ended { by } => by.told().to_owned(),
    };
    // A terminal that is gone does not end the call.
    let _ = writeln!(anstream::stderr(), "  {FAINT}{:>6.1}s{FAINT:#}  {line}", at.as_secs_f64());
}

#[derive(Serialize)]
struct Typed<'a, T> {
    r#type: &'static str,
    #[serde(flatten)]
    of: &'a T,
}

fn tell(report: &Report, json: bool) -> io::Result<()> {
    let mut out = anstream::stdout();
    if !json {
        match unanswered(report) {
            Some(told) => writeln!(out, "{told}")?,
            None => write!(out, "\n{}", summary(report))?,
        }
        return out.flush();
    }
    for turn in &report.turns {
        writeln!(out, "{}", serde_json::to_string(&Typed { r#type: "turn", of: turn })?)?;
    }
    writeln!(out, "{}", serde_json::to_string(&Typed { r#type: "result", of: report })?)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_to_call_is_read_from_the_uri() {
        for (text, remote) in [
            ("sip:+13125550100@127.0.0.1:5070", "127.0.0.1:5070"),
            ("sip:127.0.0.1", "127.0.0.1:5060"),
            ("sip:desk@[::1]:5070;transport=udp", "[::1]:5070"),
        ] {
            assert_eq!(target(text).unwrap().1, remote.parse().unwrap(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_called_is_told_with_what_can() {
        for (text, begins) in [
            ("127.0.0.1", "\"127.0.0.1\" cannot be called: not a URI: no scheme; write it like sip:"),
            ("tel:+13125550100", "\"tel:+13125550100\" names no machine to call"),
            ("sips:desk@127.0.0.1", "\"sips:desk@127.0.0.1\" needs TLS"),
            ("sip:desk@nowhere.invalid", "the name \"nowhere.invalid\" "),
        ] {
            let problem = target(text).unwrap_err();
            assert!(problem.starts_with(begins), "{problem}");
        }
    }
}
