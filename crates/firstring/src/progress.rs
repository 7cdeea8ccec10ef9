//! What moves on a terminal while somebody waits: prompts being built, carriers being asked, days passing.

use std::time::Duration;

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

/// How many imagined days have passed.
pub struct Days {
    bar: ProgressBar,
}

impl Days {
    /// Shown on stderr; nothing at all where that is no terminal.
    pub fn shown(of: u64) -> Days {
        let bar = ProgressBar::new(of);
        if let Ok(style) =
            ProgressStyle::with_template("Living through days {bar:32} {pos}/{len}, {eta} left")
        {
            bar.set_style(style);
        }
        Days { bar }
    }

    /// One more has passed.
    pub fn passed(&self) {
        self.bar.inc(1);
    }

    /// All have, or one of them broke off.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// How often the sign of waiting turns.
const TURNS: Duration = Duration::from_millis(100);

/// That carriers are being asked whether they are there.
pub struct Carriers {
    bar: ProgressBar,
}

impl Carriers {
    /// Shown on stderr; nothing at all where that is no terminal, or where nobody is asked.
    pub fn shown(hosts: usize) -> Carriers {
        let bar = if hosts == 0 { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} Asking whether the carriers answer, {elapsed}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TURNS);
        Carriers { bar }
    }

    /// All have answered, or had their time to.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
