//! The trial's result as a table or as JSON lines.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::caller::Voice;
use crate::questions::Kind;
use crate::telephone::Channel;

/// What came of one utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted with this slot.
    Slot(&'static str),
    /// Refused by the threshold; this would have been the slot.
    Unsure(&'static str),
    /// Refused by its length.
    TooLong,
    /// Nothing of the grammar fits.
    NoAnswer,
}

/// One utterance.
#[derive(Debug, Clone)]
pub struct Trial {
    pub voice: Voice,
    pub channel: Channel,
    pub kind: Kind,
    pub text: &'static str,
    /// The right slot; nothing for talk that is no answer.
    pub wanted: Option<&'static str>,
    pub outcome: Outcome,
    /// Log units per frame above arbitrary speech, when a path was found and short enough.
    pub score: Option<f32>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    right: usize,
    wrong: usize,
    asked_again: usize,
}

impl Tally {
    fn of<'a>(trials: impl Iterator<Item = &'a Trial>) -> Tally {
        let mut tally = Tally::default();
        for trial in trials {
            match trial.outcome {
                Outcome::Slot(slot) if Some(slot) == trial.wanted => tally.right += 1,
                Outcome::Slot(_) => tally.wrong += 1,
                Outcome::Unsure(_) | Outcome::TooLong | Outcome::NoAnswer => tally.asked_again += 1,
            }
        }
        tally
    }

    fn all(self) -> usize {
        self.right + self.wrong + self.asked_again
    }
}

fn share(part: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

pub fn print(trials: &[Trial], took: Duration, json: bool) {
    let answers: Vec<&Trial> = trials.iter().filter(|t| t.wanted.is_some()).collect();
    let talk: Vec<&Trial> = trials.iter().filter(|t| t.wanted.is_none()).collect();
    if json {
        as_json(trials, &answers, &talk, took);
        return;
    }
    println!("Right slot accepted / wrong slot accepted / asked again, in percent of answers\n");
    println!("{:<13}{}", "", Kind::ALL.map(|k| format!("{:>16}", k.name())).concat());
    for voice in [Voice::Rms, Voice::Slt, Voice::Kal16, Voice::Awb, Voice::Espeak] {
        row(voice.name(), |kind| {
            Tally::of(answers.iter().copied().filter(|t| t.voice == voice && t.kind == kind))
        });
    }
    println!();
    let close = |t: &&Trial| matches!(t.voice, Voice::Rms | Voice::Slt);
    for channel in Channel::ALL {
        let name = format!("{}*", channel.name());
        row(&name, |kind| {
            Tally::of(answers.iter().copied().filter(|t| close(t) && t.channel == channel && t.kind == kind))
        });
    }
    row("all*", |kind| Tally::of(answers.iter().copied().filter(|t| close(t) && t.kind == kind)));
    row("all voices", |kind| Tally::of(answers.iter().copied().filter(|t| t.kind == kind)));
    println!("(* rms and slt only)\n\nTalk that is no answer, accepted as one, in percent\n");
    for voice in [Voice::Rms, Voice::Slt, Voice::Kal16, Voice::Awb, Voice::Espeak] {
        false_row(voice.name(), |kind| {
            Tally::of(talk.iter().copied().filter(|t| t.voice == voice && t.kind == kind))
        });
    }
    false_row("all voices", |kind| Tally::of(talk.iter().copied().filter(|t| t.kind == kind)));
    thresholds(&answers, &talk);
    mistakes(trials);
    println!("\n{} utterances in {took:.1?}", trials.len());
    println!("CPU, callers' synthesis and sox included: {:.1} s", cpu_seconds());
}

fn row(name: &str, tally: impl Fn(Kind) -> Tally) {
    let cells = Kind::ALL.map(|kind| {
        let t = tally(kind);
        let percent = |part| (100.0 * share(part, t.all())).round();
        format!("{:>16}", format!("{} / {} / {}", percent(t.right), percent(t.wrong), percent(t.asked_again)))
    });
    println!("{name:<13}{}", cells.concat());
}

fn false_row(name: &str, tally: impl Fn(Kind) -> Tally) {
    let cells = Kind::ALL.map(|kind| {
        let t = tally(kind);
        format!("{:>16}", format!("{:.1} of {}", 100.0 * share(t.wrong, t.all()), t.all()))
    });
    println!("{name:<13}{}", cells.concat());
}

/// What other thresholds would have given: right and wrong answers of rms and slt, talk of all voices.
fn thresholds(answers: &[&Trial], talk: &[&Trial]) {
    println!("\nOther thresholds: right* / wrong* / talk accepted, in percent");
    for step in -8..=4 {
        let threshold = step as f32;
        let cells = Kind::ALL.map(|kind| {
            let close: Vec<&&Trial> = answers
                .iter()
                .filter(|t| t.kind == kind && matches!(t.voice, Voice::Rms | Voice::Slt))
                .collect();
            let kept = |t: &Trial| t.score.is_some_and(|score| score >= threshold);
            let slot = |t: &Trial| match t.outcome {
                Outcome::Slot(slot) | Outcome::Unsure(slot) => Some(slot),
                Outcome::TooLong | Outcome::NoAnswer => None,
            };
            let right = close.iter().filter(|t| kept(t) && slot(t) == t.wanted).count();
            let wrong = close.iter().filter(|t| kept(t) && slot(t) != t.wanted).count();
            let of_kind: Vec<&&Trial> = talk.iter().filter(|t| t.kind == kind).collect();
            let taken = of_kind.iter().filter(|t| kept(t)).count();
            let percent = |part, of| 100.0 * share(part, of);
            format!(
                "{:>20}",
                format!(
                    "{:.0} / {:.0} / {:.1}",
                    percent(right, close.len()),
                    percent(wrong, close.len()),
                    percent(taken, of_kind.len())
                )
            )
        });
        println!("{threshold:>5.1}        {}", cells.concat());
    }
}

/// Which wordings go wrong, most often first: what to change in a grammar.
fn mistakes(trials: &[Trial]) {
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for trial in trials.iter().filter(|t| t.voice != Voice::Espeak) {
        if let Outcome::Slot(slot) = trial.outcome
            && Some(slot) != trial.wanted
        {
            *counts.entry((trial.text, format!("{} {slot}", trial.kind.name()))).or_default() += 1;
        }
    }
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    println!("\nMost frequent wrong slots (espeak left out)");
    for ((text, slot), count) in sorted.into_iter().take(15) {
        println!("{count:>4}  {text:<45} {slot}");
    }
}

fn as_json(trials: &[Trial], answers: &[&Trial], talk: &[&Trial], took: Duration) {
    for trial in trials {
        let line = serde_json::json!({
            "type": "utterance", "voice": trial.voice.name(), "channel": trial.channel.name(), "question": trial.kind.name(),
            "said": trial.text, "wanted": trial.wanted, "outcome": format!("{:?}", trial.outcome), "score": trial.score,
        });
        println!("{line}");
    }
    let kinds: BTreeMap<&str, serde_json::Value> = Kind::ALL
        .into_iter()
        .map(|kind| {
            let close = Tally::of(answers.iter().copied().filter(|t| t.kind == kind && matches!(t.voice, Voice::Rms | Voice::Slt)));
            let accepted = Tally::of(talk.iter().copied().filter(|t| t.kind == kind));
            (kind.name(), serde_json::json!({ "right_ratio": share(close.right, close.all()), "wrong_ratio": share(close.wrong, close.all()), "false_accept_ratio": share(accepted.wrong, accepted.all()) }))
        })
        .collect();
    println!(
        "{}",
        serde_json::json!({ "type": "result", "questions": kinds, "seconds": took.as_secs_f64(), "cpu_seconds": cpu_seconds() })
    );
}

/// Our own and our ended children's processor time, from `/proc`; 0 where there is none.
fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}
