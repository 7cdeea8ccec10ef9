//! A telephone and a caller for tests: spoken text through G.711, and grammars as a plumber's desk would have them.
#![allow(dead_code)]

use std::sync::Arc;

use speech::local::{HearingSettings, LocalHearing, LocalSpeaker, WorkerCommand};
use speech::{
    Answers, Clip, Grammar, GrammarSet, Hear, HearSession, HearSpec, Hearing, Line, Question, Speak,
};

pub fn worker() -> WorkerCommand {
    WorkerCommand { program: env!("CARGO_BIN_EXE_speech-worker").into(), args: Vec::new() }
}

pub fn settings() -> HearingSettings {
    // Whole utterances are pushed at once here, on machines that may be busy with other tests.
    let patience = std::time::Duration::from_secs(30);
    HearingSettings {
        idle: 1,
        most: 4,
        start_within: patience,
        result_within: patience,
        ..HearingSettings::new(worker())
    }
}

/// Says so and gives `false` on a machine without the acoustic model.
pub fn model_is_installed() -> bool {
    let installed = std::path::Path::new(speech::MODEL_DIRECTORY).exists();
    if !installed {
        eprintln!("skipped: no speech model; apt install pocketsphinx-en-us");
    }
    installed
}

pub fn phrases(name: &str, threshold: f32, answers: &[&str]) -> Grammar {
    Grammar {
        name: name.into(),
        answers: Answers::Phrases(answers.iter().map(|a| (*a).to_owned()).collect()),
        threshold,
    }
}

pub fn plumber() -> GrammarSet {
    let jsgf = "public <answer> = <monday> | tomorrow [ morning | afternoon ] | agent ; <monday> = [ on ] ( monday | wednesday | friday ) [ morning | afternoon ] ;";
    let when = Grammar {
        name: "when".into(),
        answers: Answers::Jsgf(jsgf.into()),
        threshold: speech::USUAL_THRESHOLD,
    };
    GrammarSet {
        grammars: vec![
            phrases(
                "problem",
                speech::USUAL_THRESHOLD,
                &[
                    "[ i have | there is ] a leak",
                    "a pipe burst",
                    "[ i have ] a clogged drain",
                    "[ i have ] no hot water",
                    "my water heater is leaking",
                    "the toilet is running",
                    "agent",
                ],
            ),
            phrases(
                "pick",
                speech::USUAL_THRESHOLD,
                &["[ the ] first one", "[ the ] second one", "[ the ] third one", "none of them", "agent"],
            ),
            phrases(
                "confirm",
                speech::USUAL_THRESHOLD,
                &["yes [ please ]", "yes that is right", "no [ thank you ]", "no that is wrong", "agent"],
            ),
            when,
        ],
        pronunciations: Default::default(),
    }
}

pub async fn said(speaker: &LocalSpeaker, voice: &str, text: &str) -> Clip {
    speaker.render(&Line::new(voice, text)).await.expect("the local voice speaks")
}

/// Sound as the far end of a G.711 call gets it, with silence around it.
pub fn over_the_phone(clip: &Clip) -> Vec<i16> {
    let mut sound = vec![0; 2_400];
    sound.extend(clip.samples().iter());
    sound.extend([0; 3_200]);
    sound.into_iter().map(through_mu_law).collect()
}

/// One sample to mu-law and back (ITU-T G.711).
pub fn through_mu_law(sample: i16) -> i16 {
    const BIAS: i32 = 0x84;
    let magnitude = i32::from(sample).abs().min(32_635) + BIAS;
    let exponent = (magnitude.ilog2()).saturating_sub(7);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0F;
    let decoded = (((mantissa << 3) + BIAS) << exponent) - BIAS;
    if sample < 0 { -decoded as i16 } else { decoded as i16 }
}

pub async fn hearing() -> Arc<LocalHearing> {
    Arc::new(LocalHearing::start(settings(), &plumber()).await.expect("the plumber's grammars are good"))
}

pub async fn session(hearing: &LocalHearing) -> Box<dyn HearSession> {
    hearing.open(&HearSpec { seed: 1 }).await.expect("a place is free")
}

pub async fn answer(session: &mut dyn HearSession, grammar: &str, sound: &[i16]) -> Hearing {
    session.listen(&Question::of(grammar)).await.expect("the grammar exists");
    for frame in sound.chunks(160) {
        session.push(frame);
        tokio::task::yield_now().await;
    }
    session.finish().await
}
