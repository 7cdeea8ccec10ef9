//! Speaking: texts in, telephone clips out.

use std::io::{Read, Write};

use super::Desk;
use super::wire::{Message, WireError};
use crate::LocalVoice;
use crate::sound::telephone_clip;
use crate::sys::Tts;

pub(super) fn serve<R: Read, W: Write>(desk: &mut Desk<R, W>) -> Result<(), WireError> {
    let mut flite = Tts::take();
    loop {
        match desk.next()? {
            Message::Say { id, voice, text, stretch } => {
                let answer = say(&mut flite, id, &voice, &text, stretch);
                desk.tell(&answer)?;
            }
            _ => return Err(WireError::OutOfOrder),
        }
    }
}

fn say(flite: &mut Tts, id: u64, voice: &str, text: &str, stretch: u16) -> Message {
    let Some(voice) = LocalVoice::from_name(voice) else {
        return Message::Refused { problem: format!("no voice {voice:?}") };
    };
    match flite.say(voice, text, f32::from(stretch) / 100.0) {
        Ok(rendered) => Message::Said { id, samples: telephone_clip(&rendered.samples, rendered.rate_hz) },
        Err(problem) => Message::Refused { problem: problem.to_string() },
    }
}
