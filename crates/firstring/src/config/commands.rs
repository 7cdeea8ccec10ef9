//! `config` and `check` on the command line.
//!
//! Sentences go to stdout; with `--json` one object per line, the last one `{"type":"result", …}`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::{Config, Finding, Refusals, Weight, example, look, reference, schema};
use crate::cli::Text;

/// Wrong usage or configuration.
pub const WRONG: u8 = 2;

/// Prints one of the texts made of the definitions.
pub fn print_text(text: Text) -> io::Result<ExitCode> {
    let text = match text {
        Text::Example => example(),
        Text::Schema => schema(),
        Text::Reference => reference(),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Says what is wrong with a configuration: on stderr, or as JSON on stdout. Gives exit code 2.
pub fn tell_refusals(refusals: &Refusals, as_json: bool) -> io::Result<ExitCode> {
    if as_json {
        let mut out = io::stdout().lock();
        for refusal in refusals.iter() {
            let line = json!({
                "type": "refusal", "file": refusal.file, "line": refusal.line, "key": refusal.key, "says": refusal.says
            });
            writeln!(out, "{line}")?;
        }
        writeln!(out, "{}", json!({"type": "result", "configuration": "refused"}))?;
    } else {
        writeln!(io::stderr(), "{refusals}")?;
    }
    Ok(ExitCode::from(WRONG))
}

/// Reads a configuration and looks around this machine: 0 if nothing is broken, 1 if something is, 2 if the
/// configuration is refused. `more` is what others found out about it.
pub fn check(path: &Path, as_json: bool, more: impl FnOnce(&Config) -> Vec<Finding>) -> io::Result<ExitCode> {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(refusals) => return tell_refusals(&refusals, as_json),
    };
    let mut found = look(&config);
    found.extend(more(&config));
    let worst = found.iter().map(|finding| finding.weight).max().unwrap_or(Weight::Fine);
    let mut out = io::stdout().lock();
    match as_json {
        true => {
            for finding in &found {
                let mut line = json!(finding);
                line["type"] = json!("finding");
                writeln!(out, "{line}")?;
            }
            writeln!(out, "{}", json!({"type": "result", "configuration": "read", "weight": worst}))?;
        }
        false => {
            for finding in &found {
                writeln!(out, "{}", sentence(finding))?;
            }
            writeln!(out, "{}", verdict(&found))?;
        }
    }
    Ok(match worst {
        Weight::Fine | Weight::Weak => ExitCode::SUCCESS,
        Weight::Broken => ExitCode::from(1),
    })
}

fn sentence(finding: &Finding) -> String {
    let mark = match finding.weight {
        Weight::Fine => "ok    ",
        Weight::Weak => "weak  ",
        Weight::Broken => "BROKEN",
    };
    match finding.remedy.as_str() {
        "" => format!("{mark} {}: {}", finding.about, finding.says),
        remedy => format!("{mark} {}: {}\n       -> {remedy}", finding.about, finding.says),
    }
}

fn verdict(found: &[Finding]) -> String {
    let count = |weight| found.iter().filter(|finding| finding.weight == weight).count();
    match (count(Weight::Broken), count(Weight::Weak)) {
        (0, 0) => "All is well.".to_string(),
        (0, weak) => format!("It works; {weak} could be better."),
        (broken, weak) => format!("{broken} will not work, {weak} could be better."),
    }
}
