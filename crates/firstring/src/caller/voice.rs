//! The sound of a script, made before the call.

use std::collections::BTreeMap;

use speech::{Clip, EngineError, Line, Speak};

use super::{Script, VOICE};

/// Every text of a script with its sound.
#[derive(Debug, Clone, Default)]
pub struct Lines(BTreeMap<String, Clip>);

impl Lines {
    /// The sound of a text, if it was rendered.
    pub fn get(&self, text: &str) -> Option<&Clip> {
        self.0.get(text)
    }

    /// Takes in a sound made elsewhere.
    pub fn insert(&mut self, text: &str, clip: Clip) {
        self.0.insert(text.to_owned(), clip);
    }
}

/// Renders everything a script says, in the voice of our callers.
pub async fn render(script: &Script, speaker: &dyn Speak) -> Result<Lines, EngineError> {
    let mut lines = Lines::default();
    for text in script.texts() {
        if lines.get(text).is_none() {
            let clip = speaker.render(&Line::new(VOICE.name(), text)).await?;
            lines.insert(text, clip);
        }
    }
    Ok(lines)
}
