//! Grammars tried in a real decoder before a configuration is taken up.
//!
//! The decoder is a throw-away process: a grammar that would crash it becomes a sentence for the owner, not the end of
//! the desk.

use std::path::Path;
use std::time::Duration;

use super::process::{Worker, WorkerCommand, WorkerError};
use crate::grammar::{GrammarError, ReadyGrammars};
use crate::worker::Kind;
use crate::worker::wire::Message;

/// Loading a model from a cold disk may take a while; a grammar never does.
const DEADLINE: Duration = Duration::from_secs(10);
/// After this many crashes the rest is not tried.
const MOST_CRASHES: usize = 5;

/// Defines every grammar once. Returns all that were refused; empty means the set can be used.
pub(super) async fn try_in_decoder(
    command: &WorkerCommand,
    model: &Path,
    grammars: &ReadyGrammars,
) -> Vec<GrammarError> {
    let mut problems = Vec::new();
    let mut worker = None;
    let mut crashes = 0;
    for grammar in grammars.iter() {
        let mut running = match worker.take() {
            Some(running) => running,
            None => match opened(command, model, grammars).await {
                Ok(running) => running,
                Err(problem) => {
                    problems.push(GrammarError::Untried(problem.to_string()));
                    return problems;
                }
            },
        };
        let define = Message::Define { name: grammar.name.clone(), jsgf: grammar.text() };
        let result = running.order(&define, DEADLINE).await;
        let refused = |problem: String| GrammarError::Refused { grammar: grammar.name.clone(), problem };
        match result {
            Ok(()) => worker = Some(running),
            Err(WorkerError::Refused(problem)) => {
                problems.push(refused(problem));
                worker = Some(running);
            }
            Err(crash @ (WorkerError::Start(_) | WorkerError::Wire(_) | WorkerError::Silent(_))) => {
                problems.push(refused(crash.to_string()));
                crashes += 1;
                if crashes == MOST_CRASHES {
                    return problems;
                }
            }
        }
    }
    problems
}

/// A fresh decoder with the trimmed dictionary.
pub(super) async fn opened(
    command: &WorkerCommand,
    model: &Path,
    grammars: &ReadyGrammars,
) -> Result<Worker, WorkerError> {
    let mut worker = Worker::start(command, Kind::Check).await?;
    worker.order(&open_message(model, grammars), DEADLINE).await?;
    Ok(worker)
}

pub(super) fn open_message(model: &Path, grammars: &ReadyGrammars) -> Message {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    Message::Open {
        model: text(&model.join("en-us")),
        dictionary: text(&grammars.dictionary()),
        phones: text(&grammars.phone_dictionary()),
    }
}

/// Adds a guess by rule to each unknown word, so that the owner has something to start from.
pub(super) async fn with_suggestions(
    command: &WorkerCommand,
    problems: Vec<GrammarError>,
) -> Vec<GrammarError> {
    if !problems.iter().any(|p| matches!(p, GrammarError::UnknownWord { .. })) {
        return problems;
    }
    let Ok(mut worker) = Worker::start(command, Kind::Check).await else { return problems };
    let mut completed = Vec::with_capacity(problems.len());
    for problem in problems {
        completed.push(match problem {
            GrammarError::UnknownWord { grammar, word, suggestion: _ } => {
                let suggestion = match worker.ask(&Message::Pronounce { word: word.clone() }, DEADLINE).await
                {
                    Ok(Message::Pronounced { phones }) if !phones.is_empty() => Some(phones),
                    Ok(_) | Err(_) => None,
                };
                GrammarError::UnknownWord { grammar, word, suggestion }
            }
            other => other,
        });
    }
    completed
}
