//! Whose turn it is, and for how long the caller has heard nothing.
//!
//! It becomes ours by itself: when the caller stops speaking, presses a key, or the call is connected. It becomes theirs
//! when the desk says it listens. What is played is the leg's work. Invariant: while it is ours and sound can go out,
//! there is a moment at which the filler is due.

use std::time::Duration;

/// Who is expected to make a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Silence counts against us.
    Ours,
    /// The caller may think for as long as the desk lets them.
    Theirs,
}

/// How long silence may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From the beginning of our turn, or the last thing heard, to the first filler.
    pub after: Duration,
    /// From the end of one filler to the next.
    pub every: Duration,
}

impl Default for Patience {
    /// One second, then three: with a filler of any length no silence reaches four.
    fn default() -> Self {
        Self { after: Duration::from_secs(1), every: Duration::from_secs(3) }
    }
}

/// The silence clock of one leg.
#[derive(Debug, Clone)]
pub struct Turn {
    whose: Whose,
    patience: Patience,
    quiet_since: Duration,
    filler_due: Duration,
    spoken_until: Option<Duration>,
    longest: Duration,
}

impl Turn {
    /// Nobody is there yet; call [`ours`](Self::ours) when somebody is.
    pub fn new(patience: Patience) -> Self {
        Self {
            whose: Whose::Theirs,
            patience,
            quiet_since: Duration::ZERO,
            filler_due: Duration::ZERO,
            spoken_until: None,
            longest: Duration::ZERO,
        }
    }

    /// Whose turn it is.
    pub fn whose(&self) -> Whose {
        self.whose
    }

    /// Changes how long silence may last.
    pub fn set_patience(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// It is our turn since `at`, which may lie a little in the past: when the caller really stopped.
    pub fn ours(&mut self, at: Duration) {
        self.whose = Whose::Ours;
        self.quiet_since = self.quiet_since.max(at);
        self.filler_due = self.quiet_since + self.patience.after;
    }

    /// The caller stopped speaking, or pressed a key, at `at`: ours from there, and the gap is measured from there.
    pub fn answered(&mut self, at: Duration) {
        self.spoken_until = Some(at);
        self.ours(at);
    }

    /// It is the caller's turn, or nobody's (bridged, on hold).
    pub fn theirs(&mut self, now: Duration) {
        if self.whose == Whose::Ours {
            self.longest = self.longest.max(now.saturating_sub(self.quiet_since));
        }
        self.whose = Whose::Theirs;
    }

    /// The caller speaks on, or nothing is about to be said: what comes later is no answer to what was said before.
    pub fn forget_answer(&mut self) {
        self.spoken_until = None;
    }

    /// Something audible goes out. Gives the gap since the caller spoke, once per turn.
    pub fn heard(&mut self, now: Duration, filler: bool) -> Option<Duration> {
        if self.whose == Whose::Ours {
            self.longest = self.longest.max(now.saturating_sub(self.quiet_since));
        }
        self.quiet_since = now;
        self.filler_due = now + if filler { self.patience.every } else { self.patience.after };
        self.spoken_until.take().map(|spoken| now.saturating_sub(spoken))
    }

    /// When the filler is due.
    pub fn deadline(&self) -> Option<Duration> {
        match self.whose {
            Whose::Ours => Some(self.filler_due),
            Whose::Theirs => None,
        }
    }

    /// A filler has been begun; the next one waits.
    pub fn filled(&mut self, now: Duration) {
        self.filler_due = now + self.patience.every;
    }

    /// For how long the caller has heard nothing.
    pub fn quiet_for(&self, now: Duration) -> Duration {
        now.saturating_sub(self.quiet_since)
    }

    /// The longest silence on our account up to `now`.
    pub fn longest(&self, now: Duration) -> Duration {
        match self.whose {
            Whose::Ours => self.longest.max(now.saturating_sub(self.quiet_since)),
            Whose::Theirs => self.longest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_gap_counts_from_when_the_caller_really_stopped() {
        let mut turn = Turn::new(Patience::default());
        turn.answered(MS * 5_000);
        assert_eq!(turn.deadline(), Some(MS * 6_000));
        assert_eq!(turn.heard(MS * 5_600, false), Some(MS * 600));
        assert_eq!(turn.heard(MS * 5_620, false), None, "one gap a turn");
        assert_eq!(turn.longest(MS * 5_620), MS * 600);
    }

    #[test]
    fn listening_ordered_before_the_answer_is_heard_does_not_lose_its_gap() {
        let mut turn = Turn::new(Patience::default());
        turn.answered(MS * 5_000);
        turn.theirs(MS * 5_400);
        assert_eq!(turn.heard(MS * 5_420, false), Some(MS * 420));
    }

    #[test]
    fn words_spoken_after_the_caller_spoke_on_answer_only_what_came_last() {
        let mut turn = Turn::new(Patience::default());
        turn.answered(MS * 5_000);
        turn.forget_answer();
        assert_eq!(turn.heard(MS * 9_000, false), None);
    }

    #[test]
    fn the_callers_thinking_is_not_our_silence() {
        let mut turn = Turn::new(Patience::default());
        turn.ours(MS);
        turn.heard(MS * 100, false);
        turn.theirs(MS * 300);
        assert_eq!(turn.deadline(), None);
        assert_eq!(turn.longest(MS * 60_000), MS * 200);
    }

    #[test]
    fn after_a_filler_the_next_is_due_in_time() {
        let mut turn = Turn::new(Patience::default());
        turn.ours(MS);
        turn.filled(MS * 1_001);
        turn.heard(MS * 1_020, true);
        assert_eq!(turn.deadline(), Some(MS * 4_020));
    }
}
