//! `firstring rehearse`: days of imagined calls through the owner's own configuration.
//!
//! The days are [`sim`]'s, which drives the exchange and the desk that `run` drives and holds every promise against every step.
//! Here days are shared out to threads, and shown. A day depends on its seed alone, so threads change nothing but the wait.

mod shown;

use std::io;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sim::{DayReport, Faults, Report, Shop, Trouble, World};

use crate::cli;
use crate::config::{Config, commands};
use crate::progress;

/// A promise was broken, or a caller was lost.
const BROKEN: u8 = 1;
/// The configuration is wrong.
const WRONG: u8 = 2;
/// How many of the days are lived through once more with channels for everybody.
const ROOMY_DAYS: u64 = 28;
/// Days handed to a thread at once.
const SHARE: u64 = 8;

/// Lives through the days, and shows what became of every caller.
///
/// # Errors
/// If stdout fails.
pub fn rehearse(asked: &cli::Rehearse, json: bool) -> anyhow::Result<ExitCode> {
    let config = match Config::load_without_secrets(&asked.file.config) {
        Ok(config) => config,
        Err(refusals) => return Ok(commands::tell_refusals(&refusals, json)?),
    };
    if config.business.lines.is_empty() {
        eprintln!("firstring: nobody can call: {} has no [[line]]; write one", asked.file.config.display());
        return Ok(ExitCode::from(WRONG));
    }
    let world = world(&config, asked);
    let roomy_days = asked.days.min(ROOMY_DAYS);
    let waiting = progress::Days::shown(asked.days + roomy_days);
    let faults = faults(asked.faults);
    let lived = live(&world, asked, asked.days, &faults, &waiting);
    let wished = live(&world.roomy(), asked, roomy_days, &Faults { storm: 0.0, ..faults }, &waiting);
    waiting.end();
    let mut out = anstream::stdout().lock();
    match lived.and_then(|report| Ok((report, wished?))) {
        Ok((report, wished)) => {
            let wished = wished.peaks;
            let shown = shown::Shown { config: &config, report: &report, wished: &wished, seed: asked.seed };
            if json {
                shown.as_json(&mut out)?
            } else {
                shown.as_text(&mut out)?
            }
            Ok(if report.ended(desk::record::Outcome::Lost) == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(BROKEN)
            })
        }
        Err(trouble) => broken(&trouble, json, &mut out).map_err(Into::into),
    }
}

fn world(config: &Config, asked: &cli::Rehearse) -> World {
    let calendars = config.calendars.iter().map(|calendar| calendar.rules.clone()).collect();
    let world = World::new(Shop::new(config.business.clone(), config.country, calendars));
    match asked.calls {
        Some(calls) => world.calling(calls.into()),
        None => world,
    }
}

fn faults(of: cli::Faults) -> Faults {
    match of {
        cli::Faults::None => Faults::none(),
        cli::Faults::Ordinary => Faults::ordinary(),
        cli::Faults::Rehearsal => Faults::rehearsal(),
        cli::Faults::Everything => Faults::everything(),
    }
}

/// What came of a day, with its number.
type Lived = (u64, Result<DayReport, Box<Trouble>>);

/// All days, in the order of their seeds; of several broken promises the one of the earliest day.
fn live(
    world: &World,
    asked: &cli::Rehearse,
    days: u64,
    faults: &Faults,
    waiting: &progress::Days,
) -> Result<Report, Box<Trouble>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = asked.threads.map_or(cores, usize::from);
    let next = AtomicU64::new(0);
    let is_broken = AtomicBool::new(false);
    let lived: Mutex<Vec<Lived>> = Mutex::default();
    let work = || {
        while !is_broken.load(Ordering::Relaxed) {
            let first = next.fetch_add(SHARE, Ordering::Relaxed);
            if first >= days {
                return;
            }
            for day in first..days.min(first + SHARE) {
                let lives = world.day(asked.seed.wrapping_add(day), faults);
                is_broken.fetch_or(lives.is_err(), Ordering::Relaxed);
                lived.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((day, lives));
                waiting.passed();
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut lived = lived.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    lived.sort_by_key(|(day, _)| *day);
    let mut report = Report::default();
    for (_, day) in lived {
        report.add(&day?);
    }
    Ok(report)
}

fn broken(trouble: &Trouble, json: bool, out: &mut impl io::Write) -> io::Result<ExitCode> {
    if json {
        let told = serde_json::json!({
            "type": "result",
            "broken": trouble.promise,
            "says": trouble.sentence,
            "what": trouble.what,
            "seed": trouble.seed,
            "at_s": trouble.at.as_secs_f64(),
            "call": trouble.call.as_ref().map(ToString::to_string),
            "journal": trouble.journal,
        });
        writeln!(out, "{told}")?;
    } else {
        writeln!(
            out,
            "A promise was broken. The same day again: --days 1 --seed {}\n\n{trouble}",
            trouble.seed
        )?;
    }
    Ok(ExitCode::from(BROKEN))
}
