//! `firstring rehearse --replay CALL`: a real call lived through once more, and held beside its record.

use std::io::Write as _;
use std::process::ExitCode;

use serde_json::json;
use sim::Replayed;
use store::Reader;

use crate::config::Config;
use crate::lists;

/// Tells whether the same words at the same moments lead to the same steps and the same end with today's configuration.
///
/// # Errors
/// If the store cannot be read, or stdout fails.
pub fn lived(config: &Config, call: &str, json: bool) -> anyhow::Result<ExitCode> {
    let directory = &config.data_directory;
    let reader = Reader::open(directory)?;
    let before = match reader.call(call) {
        Ok(record) => record,
        Err(error) => return no(&lists::missing(&reader, call, &error)?),
    };
    let Some(journal) = store::journal::read(directory, &before.id)? else {
        return no(&format!(
            "no journal is kept of call {id}; it is older than `keep`, or could not be written; \
             `firstring explain {id}` tells from its record what happened",
            id = before.id
        ));
    };
    let Replayed { record: again, is_cut } = match sim::replay(&config.business, &journal) {
        Ok(replayed) => replayed,
        Err(sim::NotReplayed(because)) => return no(&because),
    };
    if again.id != before.id {
        return no(&format!(
            "the journal that is kept of call {} is that of call {}; `firstring explain {}` tells from its record what happened",
            before.id, again.id, before.id
        ));
    }
    let mut differences = sim::differences(&before, &again);
    if is_cut {
        differences.push("the call was over with its journal, and goes on after it now".to_string());
    }
    let mut out = anstream::stdout().lock();
    if json {
        let result = json!({
            "type": "result", "call": before.id, "same": differences.is_empty(), "differences": differences,
            "outcome": again.outcome, "steps": again.steps,
        });
        writeln!(out, "{result}")?;
    } else {
        for sentence in desk::explain::explain(&again, &config.business.zone) {
            writeln!(out, "{sentence}")?;
        }
        writeln!(out, "{}", verdict(&differences))?;
    }
    Ok(ExitCode::from(if differences.is_empty() { 0 } else { crate::NO }))
}

fn verdict(differences: &[String]) -> String {
    match differences {
        [] => "It goes as it went: the same steps, and the same end.".to_string(),
        some => format!("It does not go as it went: {}.", some.join("; ")),
    }
}

fn no(because: &str) -> anyhow::Result<ExitCode> {
    eprintln!("firstring: {because}");
    Ok(ExitCode::from(crate::NO))
}
