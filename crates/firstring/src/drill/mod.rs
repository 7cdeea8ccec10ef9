//! `firstring drill outage`: proves what a carrier does with a call when this desk is gone.
//!
//! The running desk plays dead toward one trunk for a short while; a call is placed to one of its lines over that same
//! trunk, or by the operator with any telephone; and what rings then is the fallback, because the desk does not. The
//! date is noted, and `check` tells it.

mod proof;
mod running;

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use desk::number::E164;
use serde::Serialize;
use serde_json::json;

use crate::caller::{self, Happening, Lines, Plan, Script};
use crate::cli::{How, Outage};
use crate::config::{Config, Target, TrunkSettings};
use crate::shell::resolving::Resolver;
use crate::web::{Gone, Wanted};
use crate::{NO, UNKNOWN, WRONG};

pub use proof::{Proof, proofs};
use running::{DeskError, RunningDesk};

/// The desk is back this long after the call was given up, at the latest.
const SLACK: Duration = Duration::from_secs(10);
/// A phone that rings for so long, in seconds, has been heard.
const RINGS_ENOUGH: f64 = 3.0;
/// Ringing and being tried are stamped by two processes; in seconds.
const TOLERANCE: f64 = 0.05;
/// Ringing replies of one call that are remembered.
const MOST_RINGS: usize = 64;
/// How often the desk is asked how the drill stands.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What one trunk's drill has shown.
#[derive(Debug, Serialize)]
struct Shown {
    trunk: String,
    how: Gone,
    /// The fallback rang, or somebody answered there.
    proved: bool,
    /// From the call's INVITE, in seconds: until the carrier tried us in vain, until the fallback rang, until it answered.
    missed_s: Option<f64>,
    rang_s: Option<f64>,
    answered_s: Option<f64>,
    says: String,
}

/// Goes through the trunks that were asked for, one after the other.
pub fn outage(typed: &Outage, json: bool) -> anyhow::Result<ExitCode> {
    let config = match Config::load(&typed.file.config) {
        Ok(config) => config,
        Err(refusals) => return Ok(crate::config::commands::tell_refusals(&refusals, json)?),
    };
    let trunks: Vec<&TrunkSettings> = config
        .trunks
        .iter()
        .filter(|trunk| typed.trunk.as_ref().is_none_or(|name| *name == trunk.name))
        .collect();
    if trunks.is_empty() {
        let names: Vec<&str> = config.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
        let wanted = typed.trunk.as_deref().unwrap_or_default();
        crate::tell_problem(&format!("there is no trunk {wanted:?}; there is: {}", names.join(", ")), json)?;
        return Ok(ExitCode::from(WRONG));
    }
    let runtime = crate::runtime()?;
    let mut all_proved = true;
    for trunk in trunks {
        let Some(line) = line_of(&config, trunk) else { continue };
        let drill = Drilling { config: &config, trunk, line, typed, json };
        match runtime.block_on(drill.run()) {
            Ok(shown) => {
                all_proved &= shown.proved;
                tell(&shown, json)?;
            }
            Err(Undecided(problem)) => {
                crate::tell_problem(&format!("trunk {}: {problem}", trunk.name), json)?;
                return Ok(ExitCode::from(UNKNOWN));
            }
        }
    }
    if json {
        writeln!(io::stdout(), "{}", json!({ "type": "result", "proved": all_proved }))?;
    }
    Ok(if all_proved { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

fn tell(shown: &Shown, json: bool) -> anyhow::Result<()> {
    if json {
        let mut line = json!(shown);
        line["type"] = json!("drill");
        writeln!(io::stdout(), "{line}")?;
    } else {
        writeln!(
            anstream::stdout(),
            "{} trunk {}: {}",
            if shown.proved { "ok    " } else { "BROKEN" },
            shown.trunk,
            shown.says
        )?;
    }
    Ok(())
}

/// The first number that callers dial over a trunk.
fn line_of<'c>(config: &'c Config, trunk: &TrunkSettings) -> Option<&'c E164> {
    config.business.lines.iter().find(|(_, line)| line.trunk == trunk.name).map(|(number, _)| number)
}

/// Why nothing was found out.
struct Undecided(String);

impl<E: std::error::Error> From<E> for Undecided {
    fn from(error: E) -> Undecided {
        Undecided(error.to_string())
    }
}

struct Drilling<'a> {
    config: &'a Config,
    trunk: &'a TrunkSettings,
    line: &'a E164,
    typed: &'a Outage,
    json: bool,
}

impl Drilling<'_> {
    async fn run(&self) -> Result<Shown, Undecided> {
        let desk = RunningDesk::of(self.config);
        let how = gone(self.typed.how);
        let seconds = (self.patience() + SLACK).as_secs();
        desk.be_gone(&Wanted { trunk: self.trunk.name.clone(), how, seconds }).await?;
        let shown = self.watch(&desk, how).await;
        // Without us it comes back by itself, a little later.
        let back = desk.be_back().await;
        let shown = shown?;
        back?;
        if shown.proved {
            let proof =
                Proof { at: jiff::Timestamp::now(), how, rang_after_s: shown.rang_s.or(shown.answered_s) };
            proof::note(&self.config.data_directory, &self.trunk.name, proof)?;
        }
        Ok(shown)
    }

    async fn watch(&self, desk: &RunningDesk, how: Gone) -> Result<Shown, Undecided> {
        // The caller of a drill speaks UDP, as that of a test call.
        let called = |target: &&Target| !self.typed.by_hand && target.transport == sip::Transport::Udp;
        match self.trunk.target().filter(called) {
            Some(target) => {
                let found =
                    Resolver::new(&self.config.sip.name_servers).find(target, sip::Transport::Udp).await;
                let remote = found.targets.iter().next();
                let remote = remote.ok_or_else(|| {
                    Undecided(format!("{target} is not found; check its name, or this machine's name server"))
                })?;
                self.call_ourselves(desk, how, remote).await
            }
            None => self.be_called(desk, how).await,
        }
    }

    /// Calls the line over the trunk, as a caller's carrier would.
    async fn call_ourselves(
        &self,
        desk: &RunningDesk,
        how: Gone,
        remote: SocketAddr,
    ) -> Result<Shown, Undecided> {
        self.say(&format!(
            "The desk plays dead for trunk {}. Calling {} over it, for up to {} s",
            self.trunk.name, self.line, self.typed.wait
        ));
        let heard = Arc::new(std::sync::Mutex::new(Heard::default()));
        let plan = self.plan(remote)?;
        let began = jiff::Timestamp::now();
        let stop = Arc::clone(&plan.stop);
        let told = Arc::clone(&heard);
        let call = tokio::task::spawn_blocking(move || {
            let origin = Instant::now();
            caller::place(&plan, &mut |happening| lock(&told).note(&happening, origin.elapsed()))
        });
        let origin = Instant::now();
        while !call.is_finished() {
            let missed = missed_after(desk, began).await?;
            if origin.elapsed() > self.patience() || lock(&heard).is_enough(how, missed, origin.elapsed()) {
                stop.store(true, Ordering::Relaxed);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let report = call.await??;
        let missed = missed_after(desk, began).await?;
        let heard = lock(&heard).clone();
        let refused = report.unanswered.map(|nobody| nobody.told);
        // Whatever rang or answered then, it was not because we were gone.
        if missed.is_none() && how != Gone::Unregistered {
            let why = refused.map(|told| format!(": {told}")).unwrap_or_default();
            return Err(Undecided(format!(
                "the carrier did not bring the drill's call here, so nothing is proved{why}. Call by telephone, with --by-hand"
            )));
        }
        Ok(self.judged(how, missed, &heard, refused))
    }

    fn plan(&self, remote: SocketAddr) -> Result<Plan, Undecided> {
        let number = self.line.to_string();
        let domain = self.trunk.called_at().unwrap_or_else(|| remote.to_string());
        Ok(Plan {
            target: sip::Uri::parse(&format!("sip:{number}@{domain}"))?,
            remote,
            from: number,
            login: self.trunk.login.as_ref().map(|login| (login.user.clone(), login.password.clone())),
            codec: sip::sdp::Codec::Pcmu,
            script: Script::parse("hang up").map_err(|error| Undecided(error.to_string()))?,
            lines: Lines::default(),
            record: None,
            ring_for: self.patience(),
            longest: self.patience(),
            stop: Arc::new(AtomicBool::new(false)),
        })
    }

    /// Somebody calls with a telephone, and says whether the fallback rang.
    async fn be_called(&self, desk: &RunningDesk, how: Gone) -> Result<Shown, Undecided> {
        if self.json || !io::stdin().is_terminal() {
            return Err(Undecided(
                "a drill cannot place a call over this trunk itself, so somebody has to call by telephone; run it at a terminal, without --json"
                    .to_string(),
            ));
        }
        self.say(&format!(
            "The desk plays dead for trunk {}. Call {} from any telephone now",
            self.trunk.name, self.line
        ));
        let until = Instant::now() + self.patience();
        while Instant::now() < until && desk.drill().await?.is_some_and(|drill| drill.missed.is_none()) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let missed = desk.drill().await?.is_some_and(|drill| drill.missed.is_some());
        self.say(if missed { "The call came here and met nobody" } else { "No call came here" });
        let rang = tokio::task::spawn_blocking(|| ask("Did the fallback ring? [y/N] ")).await??;
        let says = match (rang, &self.trunk.without_us) {
            (true, Some(words)) => format!("proved: without this machine the carrier {words}"),
            (true, None) => "the fallback rings; write what it is into without_us".to_string(),
            (false, _) => {
                "callers reach nobody when this machine is gone; set up a fallback at the carrier".to_string()
            }
        };
        Ok(Shown {
            trunk: self.trunk.name.clone(),
            how,
            proved: rang,
            missed_s: None,
            rang_s: None,
            answered_s: None,
            says,
        })
    }

    fn judged(&self, how: Gone, missed_s: Option<f64>, heard: &Heard, refused: Option<String>) -> Shown {
        let rang_s = heard.rang(how, missed_s);
        let answered_s = heard.answered.map(|after| after.as_secs_f64());
        let proved = rang_s.or(answered_s);
        let says = match (proved, &self.trunk.without_us) {
            (Some(after), Some(words)) => {
                format!("the fallback rang after {after:.1} s: without this machine the carrier {words}")
            }
            (Some(after), None) => {
                format!("a fallback rang after {after:.1} s; write what it is into without_us")
            }
            (None, _) => format!(
                "nothing rang within {} s, so callers reach nobody when this machine is gone{}; set up a fallback at the carrier",
                self.typed.wait,
                refused.map(|told| format!(" ({told})")).unwrap_or_default()
            ),
        };
        Shown {
            trunk: self.trunk.name.clone(),
            how,
            proved: proved.is_some(),
            missed_s,
            rang_s,
            answered_s,
            says,
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.typed.wait)
    }

    fn say(&self, words: &str) {
        if !self.json {
            // Whoever closed stderr does not want to know.
            let _ = writeln!(anstream::stderr(), "{words}.");
        }
    }
}

fn gone(how: How) -> Gone {
    match how {
        How::Silent => Gone::Silent,
        How::Busy => Gone::Busy,
        How::Unavailable => Gone::Unavailable,
        How::Unregistered => Gone::Unregistered,
    }
}

fn ask(question: &str) -> io::Result<bool> {
    write!(anstream::stderr(), "{question}")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// What the caller of a drill hears, since its INVITE.
#[derive(Clone, Debug, Default)]
struct Heard {
    rings: Vec<f64>,
    answered: Option<Duration>,
}

impl Heard {
    fn note(&mut self, happening: &Happening, after: Duration) {
        match happening {
            Happening::Rings if self.rings.len() < MOST_RINGS => self.rings.push(after.as_secs_f64()),
            Happening::Answered { .. } => {
                self.answered.get_or_insert(after);
            }
            _ => {}
        }
    }

    /// When something rang that is not the carrier's own tone: after we were tried in vain, or without being tried.
    fn rang(&self, how: Gone, missed: Option<f64>) -> Option<f64> {
        let since = match how {
            Gone::Unregistered => 0.0,
            Gone::Silent | Gone::Busy | Gone::Unavailable => missed? - TOLERANCE,
        };
        self.rings.iter().copied().find(|at| *at >= since)
    }

    fn is_enough(&self, how: Gone, missed: Option<f64>, now: Duration) -> bool {
        let rang = self.rang(how, missed);
        self.answered.is_some() || rang.is_some_and(|rang| now.as_secs_f64() > rang + RINGS_ENOUGH)
    }
}

/// When the carrier tried the desk in vain, in seconds since `began`.
async fn missed_after(desk: &RunningDesk, began: jiff::Timestamp) -> Result<Option<f64>, DeskError> {
    let missed = desk.drill().await?.and_then(|drill| drill.missed);
    Ok(missed.map(|at| at.duration_since(began).as_secs_f64().max(0.0)))
}

fn lock(heard: &std::sync::Mutex<Heard>) -> std::sync::MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
