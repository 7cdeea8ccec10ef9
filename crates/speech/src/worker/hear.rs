//! Listening: one call's decoders.
//!
//! Two decoders hear the same sound at the same time: one follows the grammar of the question, the other any sequence of
//! phones. How much better the first explains the sound is the only sign of whether it was an answer at all; judging
//! that is the desk's side ([`judge`](crate::judge)). Further grammars of a question are tried on the kept sound at its end.

use std::io::{Read, Write};
use std::path::Path;

use super::Desk;
use super::wire::{Message, Scored, WireError};
use crate::front_end::FrontEnd;
use crate::grammar::phone_loop;
use crate::sys::{Beams, Recognizer, SysError, Tts};

/// Longest answer, in samples at 16 kHz: 30 s. What comes later is dropped.
const LONGEST_ANSWER: usize = 30 * 16_000;
/// Most grammars of one question.
pub(super) const MOST_GRAMMARS: usize = super::MOST_GRAMMARS_ASKED;
const LOOP: &str = "speech";

pub(super) fn serve<R: Read, W: Write>(desk: &mut Desk<R, W>) -> Result<(), WireError> {
    let mut ears = loop {
        match desk.next()? {
            Message::Open { model, dictionary, phones } => match Ears::open(&model, &dictionary, &phones) {
                Ok(ears) => break ears,
                Err(problem) => desk.tell(&Message::Refused { problem: problem.to_string() })?,
            },
            Message::Pronounce { word } => desk.tell(&pronounced(&word))?,
            _ => return Err(WireError::OutOfOrder),
        }
    };
    desk.tell(&Message::Ready)?;
    loop {
        let answer = match desk.next()? {
            Message::Define { name, jsgf } => Some(done(ears.grammar.define(&name, &jsgf))),
            Message::Pronounce { word } => Some(pronounced(&word)),
            Message::GiveWay { nice } => Some(give_way(nice)),
            Message::Listen { turn, seed, grammars } => ears.listen(turn, seed, grammars).err().map(refused),
            Message::Sound { samples } => {
                ears.hear(&samples).unwrap_or_else(|problem| Some(refused(problem)))
            }
            Message::Finish { turn } => ears.finish(turn).unwrap_or_else(|problem| Some(refused(problem))),
            Message::Abandon => ears.abandon().err().map(refused),
            Message::Hello { .. }
            | Message::Open { .. }
            | Message::Ready
            | Message::Refused { .. }
            | Message::Partial { .. }
            | Message::Scores { .. }
            | Message::Pronounced { .. }
            | Message::Say { .. }
            | Message::Said { .. } => return Err(WireError::OutOfOrder),
        };
        if let Some(answer) = answer {
            desk.tell(&answer)?;
        }
    }
}

/// Hearing yields to the threads that keep sound flowing where these have much to do: `docs/decisions/0001-media-plan.md`.
/// A system that refuses it changes nothing else.
fn give_way(nice: u16) -> Message {
    let _ = rustix::process::nice(i32::from(nice.min(19)));
    Message::Ready
}

fn pronounced(word: &str) -> Message {
    Message::Pronounced { phones: Tts::take().pronounce(word).unwrap_or_default() }
}

fn done(result: Result<(), SysError>) -> Message {
    match result {
        Ok(()) => Message::Ready,
        Err(problem) => refused(problem),
    }
}

fn refused(problem: SysError) -> Message {
    Message::Refused { problem: problem.to_string() }
}

struct Ears {
    grammar: Recognizer,
    speech: Recognizer,
    front: Option<FrontEnd>,
    question: Option<Listening>,
}

struct Listening {
    turn: u32,
    grammars: Vec<String>,
    kept: Vec<i16>,
    shown: String,
}

impl Ears {
    fn open(model: &str, dictionary: &str, phones: &str) -> Result<Ears, SysError> {
        let grammar = Recognizer::new(Path::new(model), Path::new(dictionary), Beams::Wide)?;
        let mut speech = Recognizer::new(Path::new(model), Path::new(phones), Beams::Narrow)?;
        speech.define(LOOP, &phone_loop())?;
        Ok(Ears { grammar, speech, front: None, question: None })
    }

    fn listen(&mut self, turn: u32, seed: u64, grammars: Vec<String>) -> Result<(), SysError> {
        self.abandon()?;
        let first = match grammars.first() {
            Some(first) if grammars.len() <= MOST_GRAMMARS => first,
            Some(_) | None => return Err(SysError::Refused("listen for none or too many grammars")),
        };
        self.grammar.start(first)?;
        self.speech.start(LOOP)?;
        self.front.get_or_insert_with(|| FrontEnd::new(seed)).start();
        self.question = Some(Listening { turn, grammars, kept: Vec::new(), shown: String::new() });
        Ok(())
    }

    /// Takes sound; gives the words so far when they changed. Without a question the sound is dropped.
    fn hear(&mut self, samples: &[i16]) -> Result<Option<Message>, SysError> {
        let (Some(question), Some(front)) = (&mut self.question, &mut self.front) else { return Ok(None) };
        if question.kept.len() >= LONGEST_ANSWER {
            return Ok(None);
        }
        let mut wide = Vec::with_capacity(samples.len() * 2);
        front.push(samples, &mut wide);
        if wide.is_empty() {
            return Ok(None);
        }
        self.grammar.process(&wide)?;
        self.speech.process(&wide)?;
        question.kept.extend(&wide);
        let text = self.grammar.partial().unwrap_or_default();
        if text == question.shown {
            return Ok(None);
        }
        question.shown.clone_from(&text);
        Ok(Some(Message::Partial { turn: question.turn, grammar: question.grammars[0].clone(), text }))
    }

    fn finish(&mut self, turn: u32) -> Result<Option<Message>, SysError> {
        let (Some(mut question), Some(front)) = (self.question.take(), &mut self.front) else {
            return Ok(None);
        };
        let mut rest = Vec::new();
        let spoken = if front.has_heard_speech() { front.spoken_frames() } else { 0 };
        front.finish(&mut rest);
        if !rest.is_empty() {
            self.grammar.process(&rest)?;
            self.speech.process(&rest)?;
            question.kept.extend(&rest);
        }
        let speech = self.speech.end()?;
        let first = self.grammar.end()?;
        let mut readings = Vec::new();
        let mut note = |grammar: &str, decoded: crate::sys::Decoded| {
            if let Some(text) = decoded.text {
                readings.push(Scored {
                    grammar: grammar.to_owned(),
                    text,
                    score: decoded.score,
                    frames: decoded.frames,
                });
            }
        };
        note(&question.grammars[0], first);
        for name in &question.grammars[1..] {
            self.grammar.start(name)?;
            self.grammar.process(&question.kept)?;
            note(name, self.grammar.end()?);
        }
        Ok(Some(Message::Scores { turn, speech: speech.score, spoken, readings }))
    }

    fn abandon(&mut self) -> Result<(), SysError> {
        if self.question.take().is_some() {
            self.grammar.end()?;
            self.speech.end()?;
        }
        Ok(())
    }
}
