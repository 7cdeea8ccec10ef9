//! The callers: voices, and what they say as 8 kHz sound.

use std::process::{Command, Stdio};

use speech::local::LocalSpeaker;
use speech::sound::telephone_clip;
use speech::{Line, LocalVoice, Speak};

use crate::Scope;
use crate::questions;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voice {
    Rms,
    Slt,
    Kal16,
    /// A Scottish speaker, by ffmpeg's flite.
    Awb,
    /// A formant synthesiser the model never heard.
    Espeak,
}

impl Voice {
    pub fn name(self) -> &'static str {
        match self {
            Voice::Rms => "rms",
            Voice::Slt => "slt",
            Voice::Kal16 => "kal16",
            Voice::Awb => "awb",
            Voice::Espeak => "espeak",
        }
    }
}

/// Those that this machine can speak with.
pub fn voices() -> Vec<Voice> {
    let mut voices = vec![Voice::Rms, Voice::Slt, Voice::Kal16];
    for (voice, works) in [(Voice::Awb, !awb("yes").is_empty()), (Voice::Espeak, !espeak("yes").is_empty())] {
        if works {
            voices.push(voice);
        } else {
            eprintln!("left out: voice {} (needs ffmpeg with flite, or espeak-ng)", voice.name());
        }
    }
    voices
}

/// All that one caller says.
pub struct Caller {
    pub voice: Voice,
    pub answers: Vec<Vec<i16>>,
    pub off_topic: Vec<Vec<i16>>,
    /// What the desk says meanwhile, for the echo.
    pub prompt: Vec<i16>,
}

impl Caller {
    pub async fn prepare(speaker: &LocalSpeaker, voice: Voice, scope: Scope) -> Caller {
        let mut answers = Vec::new();
        for (_, text, _) in questions::answers(scope) {
            answers.push(say(speaker, voice, text).await);
        }
        let mut off_topic = Vec::new();
        for text in questions::off_topic(scope) {
            off_topic.push(say(speaker, voice, text).await);
        }
        let question =
            "I can offer Tuesday at ten, Wednesday at two, or Friday at nine. Which one do you want?";
        let prompt = local(speaker, LocalVoice::Slt, question).await;
        Caller { voice, answers, off_topic, prompt }
    }
}

async fn say(speaker: &LocalSpeaker, voice: Voice, text: &str) -> Vec<i16> {
    match voice {
        Voice::Rms => local(speaker, LocalVoice::Rms, text).await,
        Voice::Slt => local(speaker, LocalVoice::Slt, text).await,
        Voice::Kal16 => local(speaker, LocalVoice::Kal16, text).await,
        Voice::Awb => awb(text),
        Voice::Espeak => espeak(text),
    }
}

async fn local(speaker: &LocalSpeaker, voice: LocalVoice, text: &str) -> Vec<i16> {
    speaker.render(&Line::new(voice.name(), text)).await.expect("the local voice speaks").samples().to_vec()
}

fn awb(text: &str) -> Vec<i16> {
    let quiet = text.replace('\'', "");
    let filter = format!("flite=text='{quiet}':voice=awb");
    let args = [
        "-hide_banner",
        "-loglevel",
        "quiet",
        "-f",
        "lavfi",
        "-i",
        &filter,
        "-ar",
        "16000",
        "-ac",
        "1",
        "-f",
        "s16le",
        "-",
    ];
    telephone_clip(&samples(&output("ffmpeg", &args)), 16_000)
}

fn espeak(text: &str) -> Vec<i16> {
    let wav = output("espeak-ng", &["-v", "en-us", "--stdout", text]);
    telephone_clip(&samples(wav.get(44..).unwrap_or_default()), 22_050)
}

fn output(program: &str, args: &[&str]) -> Vec<u8> {
    let run = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output();
    run.ok().filter(|o| o.status.success()).map(|o| o.stdout).unwrap_or_default()
}

pub fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}
