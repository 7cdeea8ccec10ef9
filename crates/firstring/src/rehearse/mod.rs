//! `firstring rehearse`: days of imagined calls through the owner's own configuration.
//!
//! The days are [`sim`]'s, which drives the exchange and the desk that `run` drives and holds every promise against every step.
//! Here days are shared out to threads, and shown. A day depends on its seed alone, so threads change nothing but the wait.

mod again;
mod shown;

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use sim::{DayReport, Faults, Report, Script, Shop, Trouble, World};

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
    if let Some(call) = &asked.replay {
        return again::lived(&config, call, json);
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
            Ok(if report.lost.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) })
        }
        Err(trouble) => {
            let script = world.shrink(&trouble, &faults);
            broken(&trouble, &script, asked, json, &mut out).map_err(Into::into)
        }
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
    let lived = Mutex::new(Lived::default());
    let work = || {
        loop {
            let first = next.fetch_add(SHARE, Ordering::Relaxed);
            for day in first..days.min(first.saturating_add(SHARE)) {
                let seed = asked.seed.wrapping_add(day);
                let outcome = match asked.only.as_slice() {
                    [] => world.day(seed, faults),
                    only => world.day_of(seed, faults, &only.iter().copied().collect()),
                };
                lived.lock().unwrap_or_else(PoisonError::into_inner).add(day, outcome);
                waiting.passed();
            }
            let is_broken = lived.lock().unwrap_or_else(PoisonError::into_inner).is_broken;
            if is_broken || first >= days {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    lived.into_inner().unwrap_or_else(PoisonError::into_inner).told()
}

/// Days that have passed. A day waits here until all before it have, so that few are ever held, however many there are.
///
/// Days are handed out in their order and every share is finished, so that what comes before a broken promise is whole.
#[derive(Default)]
struct Lived {
    report: Report,
    waiting: BTreeMap<u64, Result<DayReport, Box<Trouble>>>,
    is_broken: bool,
    trouble: Option<Box<Trouble>>,
}

impl Lived {
    fn add(&mut self, day: u64, outcome: Result<DayReport, Box<Trouble>>) {
        self.is_broken |= outcome.is_err();
        self.waiting.insert(day, outcome);
        while self.trouble.is_none()
            && let Some(outcome) = self.waiting.remove(&self.report.days)
        {
            match outcome {
                Ok(day) => self.report.add(&day),
                Err(trouble) => self.trouble = Some(trouble),
            }
        }
    }

    fn told(self) -> Result<Report, Box<Trouble>> {
        self.trouble.map_or(Ok(self.report), Err)
    }
}

fn broken(
    trouble: &Trouble,
    script: &Script,
    asked: &cli::Rehearse,
    json: bool,
    out: &mut impl io::Write,
) -> io::Result<ExitCode> {
    let repeat = repeat(trouble, script, asked);
    if json {
        let told = serde_json::json!({
            "type": "result",
            "broken": trouble.promise,
            "says": trouble.sentence,
            "what": trouble.what,
            "seed": trouble.seed,
            "at_s": trouble.at.as_secs_f64(),
            "call": trouble.call.as_ref().map(ToString::to_string),
            "repeat": repeat,
            "test": script.to_string(),
            "journal": trouble.journal,
        });
        writeln!(out, "{told}")?;
    } else {
        writeln!(
            out,
            "A promise was broken. The same again, with as few callers as it takes:\n  {repeat}\n\n{trouble}\n\
             As a test to keep:\n\n{script}"
        )?;
    }
    Ok(ExitCode::from(BROKEN))
}

/// The command that breaks the same promise.
fn repeat(trouble: &Trouble, script: &Script, asked: &cli::Rehearse) -> String {
    let faults = clap::ValueEnum::to_possible_value(&asked.faults);
    let faults = faults.map(|faults| faults.get_name().to_string()).unwrap_or_default();
    let calls = asked.calls.map(|calls| format!(" --calls {calls}")).unwrap_or_default();
    let only: Vec<String> = script.calls.iter().map(ToString::to_string).collect();
    format!(
        "firstring rehearse -c {} --days 1 --seed {} --faults {faults}{calls} --only {}",
        asked.file.config.display(),
        trouble.seed,
        only.join(",")
    )
}

#[cfg(test)]
mod tests {
    use sim::Shop;

    use super::*;

    fn outcome(seed: u64) -> Result<DayReport, Box<Trouble>> {
        World::new(Shop::plumber()).calling(10).day(seed, &Faults::none())
    }

    fn broken(seed: u64) -> Result<DayReport, Box<Trouble>> {
        let promise = "NeverLost";
        let (at, what, journal) = (Default::default(), String::new(), Vec::new());
        Err(Box::new(Trouble { seed, at, promise, sentence: "", what, call: None, journal }))
    }

    #[test]
    fn days_count_in_their_order_whenever_they_have_passed() {
        let (mut ordered, mut mixed) = (Lived::default(), Lived::default());
        for day in [0, 1, 2] {
            ordered.add(day, outcome(day));
        }
        for day in [2, 0, 1] {
            mixed.add(day, outcome(day));
        }
        assert_eq!(mixed.told(), ordered.told());
    }

    #[test]
    fn of_two_broken_days_the_earlier_is_told() {
        let mut lived = Lived::default();
        for (day, outcome) in [(2, broken(2)), (0, outcome(0)), (1, broken(1))] {
            lived.add(day, outcome);
        }
        assert_eq!(lived.told().unwrap_err().seed, 1);
    }
}
