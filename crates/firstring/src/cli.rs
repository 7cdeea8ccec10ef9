//! The command line as it is typed. What a command does is decided where it runs.
//!
//! Exit codes: 0 done; 1 it ran and the answer is no; 2 wrong usage or configuration; 3 could not find out.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Answers a small business's phone, on the first ring.
#[derive(Clone, Debug, Parser)]
#[command(name = "firstring", version, about, disable_help_subcommand = true, arg_required_else_help = true)]
pub struct Cli {
    /// One JSON object per line on stdout and nothing else there; the last is the result.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Try it: starts a desk with an example business and places one real spoken call to it.
    Demo(Demo),
    /// Answer the phone.
    Run(Run),
    /// Look a configuration over: what is wrong with it, and what on this machine would keep it from working.
    Check(Check),
    /// Prove what a carrier does with a call when this machine is gone.
    Drill(Drill),
    /// Call a number and measure: answer time, first word, gaps, silence.
    TestCall(TestCall),
    /// Talk to the desk in text.
    Chat(Chat),
    /// Live through days of imagined calls with this configuration, and tell what becomes of every caller.
    Rehearse(Rehearse),
    /// Show calls, or one of them.
    Calls(Stored),
    /// Show bookings, or one of them.
    Bookings(Stored),
    /// Show messages, or one of them.
    Messages(Stored),
    /// Show callbacks, or one of them.
    Callbacks(Stored),
    /// Tell why a call went where it went.
    Explain(Explain),
    /// Print an example configuration, its JSON schema, or the reference page.
    Config(ConfigText),
    /// A voice engine in a process of its own; started by the desk.
    #[command(hide = true)]
    Worker(Worker),
}

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
pub struct Demo {
    /// End after the first call: exit code 0 if it was booked.
    #[arg(long)]
    pub once: bool,
}

/// Options of `drill`.
#[derive(Clone, Debug, Args)]
pub struct Drill {
    /// What is tried.
    #[command(subcommand)]
    pub what: DrillKind,
}

/// What can be tried.
#[derive(Clone, Debug, Subcommand)]
pub enum DrillKind {
    /// The running desk plays dead toward a trunk for a while, a call is placed over it, and the fallback should ring. Calls
    /// that are up go on; afterwards the desk answers again, whatever happens here.
    Outage(Outage),
}

/// Options of `drill outage`.
#[derive(Clone, Debug, Args)]
pub struct Outage {
    /// The configuration of the running desk.
    #[command(flatten)]
    pub file: ConfigFile,
    /// Only this trunk; without it every trunk that brings a line, one after the other.
    #[arg(long, value_name = "NAME")]
    pub trunk: Option<String>,
    /// How the desk is gone.
    #[arg(long, value_enum, default_value_t = How::Silent)]
    pub how: How,
    /// How long to wait for the fallback, in seconds. Carriers take up to 32 until they give a silent machine up.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=120))]
    pub wait: u64,
    /// Do not place a call: somebody calls the line by telephone.
    #[arg(long)]
    pub by_hand: bool,
}

/// How the desk is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum How {
    /// Nothing answers, as without power or network.
    Silent,
    /// New calls are answered 486.
    Busy,
    /// New calls and OPTIONS are answered 503.
    Unavailable,
    /// Our contact at the registrar is taken back.
    Unregistered,
}

/// The configuration a command works with.
#[derive(Clone, Debug, Args)]
pub struct ConfigFile {
    /// The configuration file.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: PathBuf,
}

/// Options of `check`.
#[derive(Clone, Debug, Args)]
pub struct Check {
    /// The configuration.
    #[command(flatten)]
    pub file: ConfigFile,
    /// Ask no carrier whether it answers; nothing is sent.
    #[arg(long)]
    pub offline: bool,
}

/// Options of `run`.
#[derive(Clone, Debug, Args)]
pub struct Run {
    /// The configuration.
    #[command(flatten)]
    pub file: ConfigFile,
    /// Start the desk's wall clock elsewhere, for trials: an RFC 3339 time like 2026-01-17T23:40:00-06:00.
    #[arg(long, value_name = "TIME")]
    pub now: Option<jiff::Timestamp>,
}

/// Options of `test-call`.
#[derive(Clone, Debug, Args)]
pub struct TestCall {
    /// Whom to call, like sip:+13125550100@127.0.0.1:5060.
    pub uri: String,
    /// The number to show.
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<String>,
    /// What to say and when, from a file.
    #[arg(long, value_name = "FILE", conflicts_with = "say")]
    pub script: Option<PathBuf>,
    /// What to say when it is our turn; once per turn.
    #[arg(long, value_name = "TEXT")]
    pub say: Vec<String>,
    /// The codec to offer.
    #[arg(long, value_enum, default_value_t = Codec::Pcmu)]
    pub codec: Codec,
    /// Keep what was heard, as a WAV file.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// A codec that can be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

/// Options of `chat`.
#[derive(Clone, Debug, Args)]
pub struct Chat {
    /// The configuration.
    #[command(flatten)]
    pub file: ConfigFile,
    /// The line that is called.
    #[arg(long, value_name = "NUMBER")]
    pub line: String,
    /// The number that calls.
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<String>,
    /// When the call is: an RFC 3339 time. Without it, now.
    #[arg(long, value_name = "TIME")]
    pub now: Option<jiff::Timestamp>,
    /// Whether people who are rung pick up.
    #[arg(long, value_enum, default_value_t = People::Away)]
    pub people: People,
}

/// Options of `rehearse`.
#[derive(Clone, Debug, Args)]
pub struct Rehearse {
    /// The configuration.
    #[command(flatten)]
    pub file: ConfigFile,
    /// How many days.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub days: u64,
    /// Where chance begins: the same seed gives the same days.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,
    /// Calls a day; without it, 60 for one office, and 50 for each of several.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=5_000))]
    pub calls: Option<u16>,
    /// What goes wrong.
    #[arg(long, value_enum, default_value_t = Faults::Rehearsal)]
    pub faults: Faults,
    /// How many days are lived through at once; without it, as many as the machine has cores. Changes nothing else.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Lets only these callers call, counted from 1 in the order the day was planned: with `--days 1`, what a broken promise
    /// was made small to.
    #[arg(long, value_name = "CALLERS", value_delimiter = ',')]
    pub only: Vec<u64>,
    /// Instead of imagined days, lives through this call once more, from its journal, and compares it with its record.
    #[arg(long, value_name = "CALL", conflicts_with_all = ["days", "seed", "calls", "faults", "threads", "only"])]
    pub replay: Option<String>,
}

/// What goes wrong on imagined days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Faults {
    /// Nothing: everybody picks up, everything is heard, stored and spoken.
    None,
    /// People are out, some words are not understood.
    Ordinary,
    /// Ordinary days on which everything else goes wrong now and then as well.
    Rehearsal,
    /// Everything at once, often.
    Everything,
}

/// What people do who are rung in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum People {
    /// They pick up.
    Answer,
    /// They do not.
    Away,
}

/// Options of the commands that show what is stored.
#[derive(Clone, Debug, Args)]
pub struct Stored {
    /// Only this one, with everything known about it.
    pub id: Option<String>,
    /// Where to look.
    #[command(flatten)]
    pub place: Place,
}

/// Where things are stored: as a configuration says, or in a data directory.
#[derive(Clone, Debug, Args)]
#[group(multiple = false)]
pub struct Place {
    /// The configuration file whose data is shown.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data directory, if there is no configuration.
    #[arg(long, value_name = "DIRECTORY", default_value = "data")]
    pub data: PathBuf,
}

/// Options of `explain`.
#[derive(Clone, Debug, Args)]
pub struct Explain {
    /// The call's id.
    pub call: String,
    /// Show what was said in SIP, as a ladder: who said what to whom, when, and what went wrong.
    #[arg(long)]
    pub sip: bool,
    /// Where to look.
    #[command(flatten)]
    pub place: Place,
}

/// Options of `config`.
#[derive(Clone, Debug, Args)]
pub struct ConfigText {
    /// What to print.
    #[command(subcommand)]
    pub text: Text,
}

/// A text made of the definitions of all settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Text {
    /// A commented configuration to start from.
    Example,
    /// A JSON schema for editors.
    Schema,
    /// The reference page, in Markdown.
    Reference,
}

/// Options of `worker`.
#[derive(Clone, Debug, Args)]
pub struct Worker {
    /// Which engine.
    pub kind: String,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn commands_are_typed_as_the_manual_says() {
        for line in [
            "firstring demo --once --json",
            "firstring --json run -c desk.toml --now 2026-01-17T23:40:00-06:00",
            "firstring check -c desk.toml",
            "firstring check -c desk.toml --offline",
            "firstring test-call sip:+13125550100@127.0.0.1:5060 --from +13125550143 --say yes --say no --codec pcma --record heard.wav",
            "firstring drill outage -c desk.toml",
            "firstring drill outage -c desk.toml --trunk main --how unavailable --wait 40 --by-hand --json",
            "firstring chat -c desk.toml --line +13125550100 --now 2026-01-17T23:40:00-06:00",
            "firstring calls",
            "firstring bookings b-1 -c desk.toml",
            "firstring callbacks --data /var/lib/firstring",
            "firstring explain c-1",
            "firstring explain c-1 --sip --json",
            "firstring config example",
            "firstring worker hear",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_wrong_usage() {
        for line in [
            "firstring run",
            "firstring run -c desk.toml --now yesterday",
            "firstring test-call sip:a@b --script x --say y",
            "firstring test-call sip:a@b --codec opus",
            "firstring calls -c desk.toml --data data",
            "firstring help",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
