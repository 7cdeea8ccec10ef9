//! Answers a small business's phone: configuration, sockets, threads, web, command line.

#![allow(clippy::print_stdout, reason = "a command line talks to a person; libraries below do not")]

mod caller;
mod chat;
mod cli;
mod config;
mod demo;
mod drill;
mod ladder;
mod lists;
mod log;
mod marking;
mod media_thread;
mod progress;
mod rehearse;
mod run;
mod shell;
mod watch;
mod web;

use std::io::{self, IsTerminal, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::log::Log;
use crate::shell::clock::Clock;

/// What answers callers holds no mischief: a build with the feature `sabotage` of `desk` ends here.
const _: () = assert!(!desk::sabotage::COMPILED_IN, "build firstring without the feature `sabotage`");

/// A call is many small things that come and go in several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// It ran, and the answer is no.
const NO: u8 = 1;
/// Wrong usage or configuration.
const WRONG: u8 = 2;
/// It could not be found out.
const UNKNOWN: u8 = 3;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Worker(worker) = &cli.command {
        return worker_process(&worker.kind);
    }
    let log = match log_to_stderr() {
        Ok(log) => log,
        Err(error) => {
            // Nobody is left to tell if both outputs are gone.
            let _ = tell_problem(&format!("no thread can be started for the log: {error}"), cli.json);
            return ExitCode::from(UNKNOWN);
        }
    };
    let json = cli.json;
    let ended = dispatch(cli);
    log.finish();
    match ended {
        Ok(code) => code,
        // Whoever read our output has seen enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if both outputs are gone.
            let _ = tell_problem(&format!("{error:#}"), json);
            ExitCode::from(UNKNOWN)
        }
    }
}

/// Says why a command could not do its work: a sentence on stderr, and for programs the result on stdout.
fn tell_problem(problem: &str, json: bool) -> io::Result<()> {
    writeln!(anstream::stderr(), "firstring: {problem}")?;
    if json {
        let result = serde_json::json!({ "type": "result", "problem": problem });
        writeln!(anstream::stdout(), "{result}")?;
    }
    Ok(())
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn worker_process(kind: &str) -> ExitCode {
    match speech::worker::Kind::from_word(kind) {
        Some(kind) => speech::worker::main(kind),
        None => {
            eprintln!("firstring: {kind:?} is no voice worker; the desk starts them by itself");
            ExitCode::from(WRONG)
        }
    }
}

fn log_to_stderr() -> io::Result<Arc<Log>> {
    let log = Arc::new(Log::to(io::stderr())?);
    let wanted = tracing_subscriber::EnvFilter::try_from_env("FIRSTRING_LOG");
    let filter = wanted.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,firstring=info"));
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(Arc::clone(&log)).with_ansi(colour).init();
    Ok(log)
}

fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Config(text) => Ok(config::commands::print_text(text.text)?),
        Command::Check(file) => look_over(&file, cli.json),
        Command::Run(run) => answer_the_phone(&run, cli.json),
        Command::Calls(stored) => lists::calls(&stored, cli.json),
        Command::Bookings(stored) => lists::bookings(&stored, cli.json),
        Command::Messages(stored) => lists::messages(&stored, cli.json),
        Command::Callbacks(stored) => lists::callbacks(&stored, cli.json),
        Command::Explain(explain) => lists::explain(&explain, cli.json),
        Command::Drill(cli::Drill { what: cli::DrillKind::Outage(outage) }) => {
            drill::outage(&outage, cli.json)
        }
        Command::TestCall(call) => caller::command::test_call(&call, cli.json),
        Command::Demo(demo) => demo::demo(&demo, cli.json),
        Command::Chat(chat) => chat_in_text(&chat, cli.json),
        Command::Rehearse(rehearse) => rehearse::rehearse(&rehearse, cli.json),
        Command::Worker(_) => Ok(ExitCode::from(WRONG)),
    }
}

/// Looks a configuration over, and asks its carriers whether they are there, unless nothing is to be sent.
fn look_over(check: &cli::Check, json: bool) -> anyhow::Result<ExitCode> {
    let runtime = runtime()?;
    let more = |config: &Config| {
        let asked = match check.offline {
            true => config::unasked(config).into_iter().collect(),
            false => {
                let waiting = progress::Carriers::shown(config::hosts(config).len());
                let mut found = runtime.block_on(config::reach(config));
                waiting.end();
                if let Some(bucket) = &config.recordings {
                    found.push(runtime.block_on(config::reach_bucket(bucket)));
                }
                found
            }
        };
        asked.into_iter().chain(hearable(config)).collect()
    };
    let code = config::commands::check(&check.file.config, json, more)?;
    // A lookup that a name server never answers is not waited for.
    runtime.shutdown_background();
    Ok(code)
}

/// Whether every grammar of this configuration can be listened for.
fn hearable(config: &Config) -> Vec<config::Finding> {
    config::hearing(&run::grammars(&config.business), Path::new(speech::MODEL_DIRECTORY))
}

fn chat_in_text(typed: &cli::Chat, json: bool) -> anyhow::Result<ExitCode> {
    let people = match typed.people {
        cli::People::Answer => sim::People::Answering,
        cli::People::Away => sim::People::Absent,
    };
    chat::chat(&chat::Chat {
        file: &typed.file.config,
        line: &typed.line,
        from: typed.from.as_deref(),
        at: typed.now.unwrap_or_else(jiff::Timestamp::now),
        people,
        json,
    })
}

fn answer_the_phone(run: &cli::Run, json: bool) -> anyhow::Result<ExitCode> {
    let config = match Config::load(&run.file.config) {
        Ok(config) => config,
        Err(refusals) => return Ok(config::commands::tell_refusals(&refusals, json)?),
    };
    let clock = run.now.map_or_else(Clock::start, Clock::start_at);
    runtime()?.block_on(async {
        let mut bar = progress::Prompts::shown();
        let desk = match run::Desk::start(&config, clock, |step| bar.tell(step)).await {
            Ok(desk) => desk,
            Err(error) => {
                bar.end();
                tell_problem(&format!("{error:#}"), json)?;
                return Ok(ExitCode::from(WRONG));
            }
        };
        bar.end();
        tracing::info!(address = %desk.console, "Showing the console");
        for address in &desk.listening {
            tracing::info!(%address, "Answering calls");
        }
        run::until_stopped(&desk).await?;
        desk.stop().await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The tasks beside the control thread.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}
