//! A progress bar while prompts are built, where a terminal shows one.

use indicatif::{ProgressBar, ProgressStyle};
use speech::Progress;

/// How far the prompts have come.
pub struct Prompts {
    bar: ProgressBar,
}

impl Prompts {
    /// Shown on stderr; nothing at all where that is no terminal.
    pub fn shown() -> Prompts {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("Recording what will be said {bar:32} {pos}/{len}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Prompts { bar }
    }

    /// One more is ready.
    pub fn tell(&mut self, step: Progress) {
        self.bar.set_length(step.of as u64);
        self.bar.set_position(step.done as u64);
    }

    /// All are, or will not be.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
