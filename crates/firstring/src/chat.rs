//! `firstring chat`: one call as text, on stdin and stdout.
//!
//! Reads lines, shows what the desk does, and nothing more: the call is driven by [`sim::Conversation`], which drives
//! the exchange and the desk that `run` drives. Free times come from the configured hours and busy files. Whatever is
//! booked is a trial: nothing is stored, nobody is rung.

use std::io::{self, BufRead, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use desk::number::E164;
use jiff::Timestamp;
use serde_json::json;
use sim::{CallerDoes, Conversation, NoSuchLine, People, Reply, Shop, Shown};

use crate::config::{Config, commands};
use crate::shell::calendars;

/// Wrong usage or configuration.
const WRONG: u8 = 2;

/// What is typed on the command line.
#[derive(Clone, Debug)]
pub struct Chat<'a> {
    /// The configuration file.
    pub file: &'a Path,
    /// The line that is called, as people write numbers.
    pub line: &'a str,
    /// The number that calls, if it is shown.
    pub from: Option<&'a str>,
    /// When the call is.
    pub at: Timestamp,
    /// Whether people who are rung pick up.
    pub people: People,
    /// One JSON object per line instead of text.
    pub json: bool,
}

/// What somebody typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed<'a> {
    Caller(CallerDoes<'a>),
    /// `/answer`: from now on people pick up.
    Answer,
    /// A word with a slash that means nothing.
    Unknown,
}

/// Carries a call from the greeting to its end.
///
/// # Errors
/// If stdin or stdout fails, or a busy file cannot be read.
pub fn chat(chat: &Chat<'_>) -> anyhow::Result<ExitCode> {
    let config = match Config::load_without_secrets(chat.file) {
        Ok(config) => config,
        Err(refusals) => return Ok(commands::tell_refusals(&refusals, chat.json)?),
    };
    let begun = numbers(&config, chat).and_then(|(line, from)| {
        let mut setup = Shop::new(config.business.clone(), config.country, rules(&config)).setup();
        let busy = busy(&config, chat.at).map_err(|error| NoSuchLine(format!("{error:#}")))?;
        for (calendar, times) in busy {
            if let Some(diary) = setup.diaries.get_mut(&calendar) {
                diary.set_busy(times);
            }
        }
        Conversation::begin(setup, &line, from.as_ref(), chat.at, chat.people)
    });
    match begun {
        Ok((conversation, reply)) => {
            let input = io::stdin();
            let asks = !chat.json && input.is_terminal();
            talk(
                conversation,
                reply,
                input.lock(),
                &mut io::stdout().lock(),
                Manner { json: chat.json, asks },
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Err(NoSuchLine(because)) => {
            eprintln!("firstring: {because}");
            Ok(ExitCode::from(WRONG))
        }
    }
}

fn numbers(config: &Config, chat: &Chat<'_>) -> Result<(E164, Option<E164>), NoSuchLine> {
    let read = |option: &str, text: &str| {
        E164::parse(text, config.country).map_err(|error| NoSuchLine(format!("{option} {text}: {error}")))
    };
    Ok((read("--line", chat.line)?, chat.from.map(|from| read("--from", from)).transpose()?))
}

fn rules(config: &Config) -> Vec<desk::booking::DiaryRules> {
    config.calendars.iter().map(|calendar| calendar.rules.clone()).collect()
}

type Busy = Vec<(String, Vec<(Timestamp, Timestamp)>)>;

fn busy(config: &Config, at: Timestamp) -> anyhow::Result<Busy> {
    let read = |calendar: &crate::config::CalendarSettings| {
        let name = calendar.rules.calendar.clone();
        let times =
            calendars::read(calendar, at).with_context(|| format!("the busy file of calendar `{name}`"))?;
        Ok((name, times))
    };
    config.calendars.iter().map(read).collect()
}

#[derive(Clone, Copy, Debug)]
struct Manner {
    json: bool,
    /// Somebody sits at a terminal.
    asks: bool,
}

/// Turn by turn; the end of the input hangs up.
fn talk(
    mut call: Conversation,
    first: Reply,
    input: impl BufRead,
    out: &mut impl Write,
    manner: Manner,
) -> anyhow::Result<()> {
    if manner.asks {
        writeln!(
            out,
            "(A trial: nothing is stored, nobody is rung. Type what the caller says; digits are keys; an empty line is \
             silence; /answer lets people pick up; /hangup ends.)"
        )?;
    }
    show(&call, &first, out, manner)?;
    let mut over = first.record.is_some();
    let mut lines = input.lines();
    while !over {
        if manner.asks {
            write!(out, "> ")?;
            out.flush()?;
        }
        let line = lines.next().transpose()?;
        let typed = line.as_deref().map_or(Typed::Caller(CallerDoes::HangsUp), typed);
        match typed {
            Typed::Caller(does) => {
                let reply = call.caller(does);
                show(&call, &reply, out, manner)?;
                over = reply.record.is_some() || line.is_none();
            }
            Typed::Answer => call.set_people(People::Answering),
            Typed::Unknown => eprintln!("firstring: the words with a slash are /answer and /hangup"),
        }
    }
    Ok(())
}

fn typed(line: &str) -> Typed<'_> {
    let line = line.trim();
    if line.is_empty() {
        return Typed::Caller(CallerDoes::Nothing);
    }
    if line.chars().all(|sign| matches!(sign, '0'..='9' | '*' | '#')) {
        return Typed::Caller(CallerDoes::Presses(line));
    }
    match line {
        "/hangup" => Typed::Caller(CallerDoes::HangsUp),
        "/answer" => Typed::Answer,
        _ if line.starts_with('/') => Typed::Unknown,
        _ => Typed::Caller(CallerDoes::Says(line)),
    }
}

fn show(call: &Conversation, reply: &Reply, out: &mut impl Write, manner: Manner) -> anyhow::Result<()> {
    if manner.json {
        return show_json(call, reply, out);
    }
    for shown in &reply.shown {
        match shown {
            Shown::Says(text) => writeln!(out, "{text}")?,
            Shown::Happens(what) => writeln!(out, "({what})")?,
        }
    }
    if let Some(record) = &reply.record {
        writeln!(out, "(the call is over: {})", record.outcome.name())?;
    }
    Ok(out.flush()?)
}

fn show_json(call: &Conversation, reply: &Reply, out: &mut impl Write) -> anyhow::Result<()> {
    let happened = reply.shown.iter().filter_map(|shown| match shown {
        Shown::Says(_) => None,
        Shown::Happens(what) => Some(what),
    });
    let happened: Vec<_> = happened.collect();
    let turn = json!({ "type": "reply", "text": reply.text(), "slots": reply.slots, "happened": happened });
    writeln!(out, "{turn}")?;
    if let Some(record) = &reply.record {
        let booking = call.booking().map(|booking| {
            json!({
                "id": booking.id,
                "start": booking.slot.start,
                "end": booking.slot.end,
                "service": booking.service,
                "calendar": booking.calendar,
                "trial": true,
            })
        });
        let result = json!({
            "type": "result",
            "outcome": record.outcome,
            "booking": booking,
            "steps": record.steps,
        });
        writeln!(out, "{result}")?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(lines: &str, json: bool) -> String {
        let line = "+13125550100".parse().unwrap();
        let at = "2026-11-30T13:00:00Z".parse().unwrap();
        let setup = Shop::plumber().setup();
        let from = "+13125550143".parse().unwrap();
        let (call, first) = Conversation::begin(setup, &line, Some(&from), at, People::Absent).unwrap();
        let mut out = Vec::new();
        talk(call, first, lines.as_bytes(), &mut out, Manner { json, asks: false }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_words_keys_silence_or_an_order() {
        assert_eq!(typed("clogged drain"), Typed::Caller(CallerDoes::Says("clogged drain")));
        assert_eq!(typed("3125550143#"), Typed::Caller(CallerDoes::Presses("3125550143#")));
        assert_eq!(typed("  "), Typed::Caller(CallerDoes::Nothing));
        assert_eq!(typed("/hangup"), Typed::Caller(CallerDoes::HangsUp));
        assert_eq!(typed("/answer"), Typed::Answer);
        assert_eq!(typed("/help"), Typed::Unknown);
    }

    #[test]
    fn a_booking_is_told_as_a_trial_and_as_json() {
        let lines = "clogged drain\nthe first one\nyes book it\n";
        let text = spoken(lines, false);
        assert!(text.contains("this is a trial, nothing is"), "{text}");
        assert!(text.ends_with("(the call is over: booked)\n"), "{text}");
        let last = spoken(lines, true).lines().last().unwrap().to_string();
        let result: serde_json::Value = serde_json::from_str(&last).unwrap();
        assert_eq!(result["outcome"], "booked");
        assert_eq!(result["booking"]["trial"], true);
        assert_eq!(result["steps"][0]["step"], "assistant");
    }

    #[test]
    fn the_end_of_the_input_hangs_up() {
        let last = spoken("agent\n", true).lines().last().unwrap().to_string();
        let result: serde_json::Value = serde_json::from_str(&last).unwrap();
        assert_eq!(result["type"], "result");
    }
}
