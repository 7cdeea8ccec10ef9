//! What became of every caller, as a page for an owner and as objects for a program.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use desk::record::Outcome;
use serde_json::{Map, Value, json};
use sim::{Alone, Fault, Goal, Report, TALK};

use crate::config::Config;

/// The longest bar, in letters.
const BAR: u64 = 40;
const HEAD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Lived days, ready to be shown.
pub struct Shown<'a> {
    /// What was tried.
    pub config: &'a Config,
    /// What came of it.
    pub report: &'a Report,
    /// The most channels of each trunk at once, if there were enough for everybody and no storms.
    pub wished: &'a BTreeMap<String, u32>,
    /// Of the first day.
    pub seed: u64,
}

impl Shown<'_> {
    /// One object for each outcome, goal and hour, and the result last.
    pub fn as_json(&self, out: &mut impl Write) -> io::Result<()> {
        let report = self.report;
        for (outcome, calls) in self.outcomes() {
            let share = share(calls, report.calls);
            writeln!(
                out,
                "{}",
                json!({"type": "outcome", "outcome": outcome.name(), "calls": calls, "share": share})
            )?;
        }
        for ((goal, outcome), calls) in &report.outcomes {
            let (goal, ended) = (goal.name(), outcome.name());
            writeln!(out, "{}", json!({"type": "goal", "goal": goal, "outcome": ended, "calls": calls}))?;
        }
        for hour in 0..24 {
            let fared = |alone| report.arrivals.get(&(hour, alone)).copied().unwrap_or(0);
            let (picked_up, closed) = (fared(Alone::PickedUp), fared(Alone::Closed));
            let told = json!({
                "type": "hour", "hour": hour, "alone_picked_up": picked_up, "alone_closed": closed,
                "alone_all_busy": fared(Alone::AllBusy),
            });
            writeln!(out, "{told}")?;
        }
        writeln!(out, "{}", self.result())
    }

    fn result(&self) -> Value {
        let report = self.report;
        let faults: Map<String, Value> =
            Fault::ALL.iter().map(|fault| (fault.name().to_owned(), json!(self.thrown(*fault)))).collect();
        json!({
            "type": "result",
            "days": report.days,
            "seed": self.seed,
            "calls": report.calls,
            "lost": report.lost.len(),
            "lost_on": report.lost.iter().map(|(seed, call)| json!({ "seed": seed, "call": call })).collect::<Vec<_>>(),
            "turned_away": report.turned_away,
            "longest_silence_ms": report.longest_silence.as_millis() as u64,
            "satisfied": report.satisfied(),
            "sip_messages": report.messages,
            "channels_at_once": report.peaks,
            "channels_wished": self.wished,
            "rung": report.rung,
            "faults": faults,
            "missed_alone": report.alone(Alone::Closed) + report.alone(Alone::AllBusy),
            "hash": report.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        })
    }

    /// A page to read.
    pub fn as_text(&self, out: &mut impl Write) -> io::Result<()> {
        let report = self.report;
        writeln!(
            out,
            "{HEAD}{}{HEAD:#}: {}, {} {FAINT}(seed {}){FAINT:#}",
            self.config.business.name,
            many(report.days, "imagined day"),
            many(report.calls + report.turned_away, "call"),
            self.seed
        )?;
        self.endings(out)?;
        self.wishes(out)?;
        self.hours(out)?;
        self.promises(out)?;
        self.channels(out)?;
        self.people(out)?;
        self.wrongs(out)
    }

    fn endings(&self, out: &mut impl Write) -> io::Result<()> {
        let outcomes = self.outcomes();
        let most = outcomes.values().copied().max().unwrap_or(0);
        writeln!(out, "\n{HEAD}Where calls ended{HEAD:#}")?;
        for (outcome, calls) in outcomes {
            let percent = 100.0 * share(calls, self.report.calls);
            writeln!(out, "  {:24}{calls:>8}  {percent:>5.1} %  {}", ending(outcome), bar(calls, most))?;
        }
        Ok(())
    }

    fn wishes(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\n{HEAD}What callers wanted, and got{HEAD:#}")?;
        let mut wishes: BTreeMap<Goal, (u64, u64)> = BTreeMap::new();
        for ((goal, _), calls) in &self.report.outcomes {
            let (all, got) = wishes.entry(*goal).or_default();
            *all += calls;
            *got = self.report.reached.get(goal).copied().unwrap_or(0);
        }
        for (goal, (all, got)) in wishes.into_iter().filter(|(goal, _)| goal.is_cooperative()) {
            writeln!(out, "  {:24}{all:>8}  {:>5.1} %", wish(goal), 100.0 * share(got, all))?;
        }
        writeln!(out, "  {FAINT}the others did not help: they mumbled, said nothing, or hung up{FAINT:#}")
    }

    /// The plot: what comes when, and what of it would have met a closed or busy office.
    fn hours(&self, out: &mut impl Write) -> io::Result<()> {
        let fared = |hour: u8, alone| self.report.arrivals.get(&(hour, alone)).copied().unwrap_or(0);
        let kinds = [(Alone::PickedUp, "█"), (Alone::AllBusy, "▒"), (Alone::Closed, "░")];
        let all = |hour: u8| kinds.iter().map(|(alone, _)| fared(hour, *alone)).sum::<u64>();
        let most = (0..24).map(all).max().unwrap_or(0);
        writeln!(
            out,
            "\n{HEAD}When they called{HEAD:#}, and who would have found somebody without the desk"
        )?;
        for hour in 0..24 {
            let pieces: String =
                kinds.iter().map(|(alone, sign)| sign.repeat(scaled(fared(hour, *alone), most))).collect();
            writeln!(out, "  {hour:>2}:00{:>8}  {pieces}", all(hour))?;
        }
        let (closed, busy) = (self.report.alone(Alone::Closed), self.report.alone(Alone::AllBusy));
        let every = closed + busy + self.report.alone(Alone::PickedUp);
        writeln!(
            out,
            "  {FAINT}█ somebody free  ▒ everybody on the phone  ░ office closed{FAINT:#}\n  Without the desk {} of {every} calls \
             ({:.0} %) would have been missed: {closed} while the office is closed, {busy} while everybody talks.\n  \
             {FAINT}Assumed: whoever is in the office and free picks up at once, and talks for {} minutes.{FAINT:#}",
            closed + busy,
            100.0 * share(closed + busy, every),
            TALK.as_secs() / 60,
        )
    }

    fn promises(&self, out: &mut impl Write) -> io::Result<()> {
        let report = self.report;
        let lost = report.lost.len();
        let style = if lost == 0 { GOOD } else { BAD };
        let silence = report.longest_silence.as_secs_f64();
        writeln!(out, "\n{HEAD}What was promised{HEAD:#}")?;
        writeln!(out, "  {:34}{style}{lost:>8}{style:#}", "callers lost")?;
        self.lost(out)?;
        writeln!(
            out,
            "  {:34}{silence:>8.1} s {FAINT}(promised: under 4){FAINT:#}",
            "longest silence on our turn"
        )?;
        writeln!(out, "  {:34}{:>8}", "turned away, no channel or no core", report.turned_away)
    }

    /// What became of them, and on which days: no checker objects to a caller who was told the truth.
    fn lost(&self, out: &mut impl Write) -> io::Result<()> {
        let Some((seed, _)) = self.report.lost.first() else { return Ok(()) };
        writeln!(
            out,
            "  {FAINT}Nothing could be stored for them, and they were told to call again; then the desk went down before there was \
             room.\n  --days 1 --seed {seed} lives through the first of those days once more.{FAINT:#}"
        )
    }

    fn channels(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\n{HEAD}Channels{HEAD:#}{:26}has    used  needed", "")?;
        for (trunk, has) in &self.config.business.channels {
            let peak = |of: &BTreeMap<String, u32>| of.get(trunk).copied().unwrap_or(0);
            let (used, needed) = (peak(&self.report.peaks), peak(self.wished));
            let style = if needed > *has { BAD } else { GOOD };
            writeln!(out, "  {trunk:30}{has:>5}{used:>8}{style}{needed:>8}{style:#}")?;
        }
        writeln!(
            out,
            "  {FAINT}needed: at the busiest moment, if nobody is turned away and no storm comes{FAINT:#}"
        )
    }

    fn people(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\n{HEAD}Who was rung{HEAD:#}")?;
        for (person, times) in &self.report.rung {
            writeln!(out, "  {person:34}{times:>8}")?;
        }
        Ok(())
    }

    fn wrongs(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\n{HEAD}What went wrong on the way{HEAD:#}")?;
        for fault in Fault::ALL.into_iter().filter(|fault| self.thrown(*fault) > 0) {
            writeln!(out, "  {:34}{:>8}", fault.name().replace('_', " "), self.thrown(fault))?;
        }
        Ok(())
    }

    fn outcomes(&self) -> BTreeMap<Outcome, u64> {
        let mut outcomes = BTreeMap::new();
        for ((_, outcome), calls) in &self.report.outcomes {
            *outcomes.entry(*outcome).or_insert(0) += calls;
        }
        outcomes
    }

    fn thrown(&self, fault: Fault) -> u64 {
        self.report.thrown.get(&fault).copied().unwrap_or(0)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn scaled(part: u64, most: u64) -> usize {
    usize::try_from((part * BAR).div_ceil(most.max(1))).unwrap_or(0)
}

fn many(count: u64, of: &str) -> String {
    format!("{count} {of}{}", if count == 1 { "" } else { "s" })
}

fn bar(part: u64, most: u64) -> String {
    "█".repeat(scaled(part, most))
}

/// An outcome in an owner's words.
fn ending(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Booked => "a visit was booked",
        Outcome::Transferred => "put through to a person",
        Outcome::Answered => "a person picked up first",
        Outcome::Message => "left a message",
        Outcome::Callback => "will be called back",
        Outcome::Informed => "got an answer",
        Outcome::Advised => "told to dial 911",
        Outcome::OptedOut => "asked not to be called",
        Outcome::WrongNumber => "wrong number",
        Outcome::Refused => "refused",
        Outcome::TurnedAway => "told busy",
        Outcome::NoInput => "said nothing",
        Outcome::Abandoned => "hung up",
        Outcome::Interrupted => "cut off by a stop",
        Outcome::Lost => "LOST",
    }
}

fn wish(goal: Goal) -> &'static str {
    match goal {
        Goal::BookByVoice => "a visit, by voice",
        Goal::BookByKeys => "a visit, by keys",
        Goal::ChangeOfMind => "a visit, another day",
        Goal::Emergency => "help at once",
        Goal::Agent => "a person",
        Goal::LeaveMessage => "to leave a message",
        Goal::WrongNumber => "somebody else",
        Goal::Silent | Goal::Mumbles | Goal::HangsUp => "nothing anybody can tell",
    }
}
