//! How well does the local hearing understand callers on a telephone? A trial with spoken callers, printed as a table.
//!
//! `cargo run --release -p speech --example hearing_trial [-- [--long] [--json]]`. A development tool; its figures stand
//! in `docs/decisions/0002-local-hearing.md`. Without `--long` it keeps to two thirds of the answers and most talk to one
//! channel, and takes less than three minutes of processor time. Callers are synthetic: flite's statistical voices stand close to people,
//! espeak-ng is foreign to the acoustic model and marks the pessimistic end. Voices and channels whose programs are not
//! installed (`ffmpeg` with flite for awb, `espeak-ng`, `sox` for AMR) are left out and named.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod caller;
mod questions;
mod report;
mod telephone;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use questions::Kind;
use report::{Outcome, Trial};
use speech::local::{HearingSettings, LocalHearing, LocalSpeaker, WorkerCommand};
use speech::{CONFIDENCE_SPREAD, Hear, HearSession, HearSpec, Hearing, Question, Reading, Rejection};
use telephone::Channel;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "worker") {
        return match words.get(1).and_then(|kind| speech::worker::Kind::from_word(kind)) {
            Some(kind) => speech::worker::main(kind),
            None => ExitCode::from(2),
        };
    }
    let json = words.iter().any(|word| word == "--json");
    let scope = if words.iter().any(|word| word == "--long") { Scope::Long } else { Scope::Short };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let started = Instant::now();
    let trials = runtime.block_on(all_calls(scope));
    report::print(&trials, started.elapsed(), json);
    ExitCode::SUCCESS
}

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Enough for a table, bounded in time.
    Short,
    /// Everything.
    Long,
}

async fn all_calls(scope: Scope) -> Vec<Trial> {
    let command = WorkerCommand::this_program().unwrap();
    let speaker = LocalSpeaker::start(command.clone());
    let settings = HearingSettings {
        idle: 2,
        most: 4,
        start_within: Duration::from_secs(30),
        result_within: Duration::from_secs(60),
        ..HearingSettings::new(command)
    };
    let hearing = match LocalHearing::start(settings, &questions::grammars()).await {
        Ok(hearing) => Arc::new(hearing),
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            std::process::exit(2);
        }
    };
    let mut trials = Vec::new();
    let waits = as_in_a_call(&hearing, &speaker).await;
    eprintln!(
        "in real time, one caller: result after the last sound, median {:?}, slowest {:?}",
        waits[waits.len() / 2],
        waits[waits.len() - 1]
    );
    for voice in caller::voices() {
        let spoken = Arc::new(caller::Caller::prepare(&speaker, voice, scope).await);
        for channels in Channel::all_available().chunks(2) {
            let calls: Vec<_> = channels
                .iter()
                .map(|channel| {
                    tokio::spawn(one_call(Arc::clone(&hearing), Arc::clone(&spoken), *channel, scope))
                })
                .collect();
            for call in calls {
                trials.extend(call.await.unwrap());
            }
        }
    }
    trials
}

/// What a caller waits for the result when the sound arrives in real time, sorted.
async fn as_in_a_call(hearing: &LocalHearing, speaker: &LocalSpeaker) -> Vec<Duration> {
    let caller = caller::Caller::prepare(speaker, caller::Voice::Rms, Scope::Short).await;
    let answers = Channel::Land.carry(&caller.answers, &caller.prompt);
    let mut session = hearing.open(&HearSpec { seed: 9 }).await.unwrap();
    let mut waits = Vec::new();
    for (sound, (kind, _, _)) in answers.iter().zip(questions::answers(Scope::Short)).take(10) {
        session.listen(&Question::of(kind.name())).await.unwrap();
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        for frame in sound.chunks(160) {
            tick.tick().await;
            session.push(frame);
        }
        let stopped = Instant::now();
        let _ = session.finish().await;
        waits.push(stopped.elapsed());
    }
    waits.sort();
    waits
}

/// One caller over one channel answers all questions, then talks about something else.
async fn one_call(
    hearing: Arc<LocalHearing>,
    caller: Arc<caller::Caller>,
    channel: Channel,
    scope: Scope,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    let answers = channel.carry(&caller.answers, &caller.prompt);
    let mut session = hearing.open(&HearSpec { seed: 7 }).await.unwrap();
    for (sound, (kind, text, slot)) in answers.iter().zip(questions::answers(scope)) {
        let (outcome, score) = listen(&mut *session, kind, sound).await;
        trials.push(Trial { voice: caller.voice, channel, kind, text, wanted: Some(slot), outcome, score });
    }
    drop(session);
    if !channel.carries_off_topic(caller.voice, scope) {
        return trials;
    }
    let talk = channel.carry(&caller.off_topic, &caller.prompt);
    let mut session = hearing.open(&HearSpec { seed: 8 }).await.unwrap();
    for (sound, text) in talk.iter().zip(questions::off_topic(scope)) {
        for kind in Kind::ALL {
            let (outcome, score) = listen(&mut *session, kind, sound).await;
            trials.push(Trial { voice: caller.voice, channel, kind, text, wanted: None, outcome, score });
        }
    }
    trials
}

async fn listen(session: &mut dyn HearSession, kind: Kind, sound: &[i16]) -> (Outcome, Option<f32>) {
    session.listen(&Question::of(kind.name())).await.unwrap();
    for piece in sound.chunks(800) {
        session.push(piece);
    }
    let result = session.finish().await;
    let raw = |reading: &Reading| {
        kind.threshold() + CONFIDENCE_SPREAD * (reading.confidence / (1.0 - reading.confidence)).ln()
    };
    match result {
        Hearing::Heard(heard) => {
            let reading = Reading { text: heard.text, grammar: heard.grammar, confidence: heard.confidence };
            (Outcome::Slot(questions::slot(kind, &reading.text)), Some(raw(&reading)))
        }
        Hearing::Rejected(rejected) => {
            let nearest = rejected.nearest.as_ref();
            let slot = nearest.map(|reading| questions::slot(kind, &reading.text));
            let score = nearest.map(raw);
            match rejected.why {
                Rejection::Unsure => (Outcome::Unsure(slot.unwrap_or("?")), score),
                Rejection::TooLong => (Outcome::TooLong, None),
                Rejection::NoAnswer | Rejection::Silence => (Outcome::NoAnswer, None),
            }
        }
        Hearing::Failed(problem) => panic!("hearing failed: {problem}"),
    }
}
