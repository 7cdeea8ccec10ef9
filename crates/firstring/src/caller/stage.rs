//! When each line of a script comes due.
//!
//! The desk has finished when it has spoken since our last word and has been quiet for as long as our patience lasts.
//! A desk that is quiet altogether is not waited for for ever. What was heard is measured in [`ear`](super::ear).
//!
//! Pure: moments go in, cues come out. Invariant: after the last line there is always a [`Cue::HangUp`].

use std::collections::VecDeque;
use std::time::Duration;

use super::ear::Ear;
use super::script::{PATIENCE, Script, Step, Utterance};

/// A desk that has been quiet for so long is spoken to all the same.
const DEAF: Duration = Duration::from_secs(15);
/// After the last line of a script, the desk has finished after so much quiet.
const LAST_WORD: Duration = Duration::from_secs(4);

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cue {
    /// Say or press; [`Stage::uttered`] tells when that is done.
    Utter(Utterance),
    /// The same, while the desk speaks.
    Barge(Utterance),
    /// From now on we are silent on purpose.
    BeSilent,
    /// The silence on purpose is over.
    SilenceOver,
    /// End the call.
    HangUp,
}

/// A script on its way.
#[derive(Debug)]
pub struct Stage {
    steps: VecDeque<Step>,
    doing: Doing,
    patience: Duration,
    /// What the desk said before this does not count.
    floor: Duration,
    /// When the line that is due came up.
    since: Duration,
    notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Waiting,
    Uttering,
    /// Silent on purpose, until then.
    Silent(Duration),
    Done,
}

/// What the desk did about the line that is due.
enum Desk {
    Speaks,
    HasFinished,
    SaysNothing,
}

impl Stage {
    /// A script that begins when the call is answered.
    pub fn new(script: &Script, answered: Duration) -> Stage {
        Stage {
            steps: script.steps.iter().cloned().collect(),
            doing: Doing::Waiting,
            patience: PATIENCE,
            floor: answered,
            since: answered,
            notes: Vec::new(),
        }
    }

    /// What is to be done now, if anything. To be asked again after every packet.
    pub fn next(&mut self, ear: &Ear, now: Duration) -> Option<Cue> {
        match self.doing {
            Doing::Uttering | Doing::Done => None,
            Doing::Silent(until) if now < until => None,
            Doing::Silent(_) => {
                self.doing = Doing::Waiting;
                self.advance(now);
                Some(Cue::SilenceOver)
            }
            Doing::Waiting => loop {
                let left = self.steps.len();
                let cue = self.line_due(ear, now);
                // A line that only waited, and is over, makes way for the next at once.
                if cue.is_some() || self.steps.len() == left {
                    return cue;
                }
            },
        }
    }

    fn line_due(&mut self, ear: &Ear, now: Duration) -> Option<Cue> {
        let Some(step) = self.steps.front().cloned() else { return self.after_the_last(ear, now) };
        let waited = now.saturating_sub(self.since);
        match step {
            Step::Utter(utterance) => self.may_speak(ear, now).then(|| self.utter(Cue::Utter(utterance))),
            Step::Barge { after, utterance } => self.barge(after, utterance, ear, now),
            Step::Silence(time) => self.may_speak(ear, now).then(|| {
                let quiet_since = ear.last_word(self.floor).unwrap_or(now);
                self.doing = Doing::Silent(quiet_since + time);
                Cue::BeSilent
            }),
            Step::Listen => {
                let over = self.may_speak(ear, now);
                self.skip_if(over, now)
            }
            Step::Wait(time) => self.skip_if(waited >= time, now),
            Step::Patience(time) => {
                self.patience = time;
                self.skip_if(true, now)
            }
            Step::HangUp => Some(self.hang_up()),
            Step::ExpectEnd(time) if waited >= time => {
                self.notes.push(format!("The far end did not hang up within {time:?}, so we did."));
                Some(self.hang_up())
            }
            Step::ExpectEnd(_) => None,
        }
    }

    /// What is being waited for: nothing more to say and the far end is to hang up.
    pub fn expects_end(&self) -> bool {
        matches!(self.steps.front(), Some(Step::ExpectEnd(_)) | None) && self.doing == Doing::Waiting
    }

    /// Our words or keys are out.
    pub fn uttered(&mut self, now: Duration) {
        if self.doing == Doing::Uttering {
            self.doing = Doing::Waiting;
            self.floor = now;
            self.since = now;
        }
    }

    /// What did not go by script, in sentences.
    pub fn into_notes(self) -> Vec<String> {
        let mut notes = self.notes;
        let unsaid =
            self.steps.iter().filter(|step| matches!(step, Step::Utter(_) | Step::Barge { .. })).count();
        if unsaid > 0 {
            let lines = if unsaid == 1 { "line" } else { "lines" };
            notes.push(format!("The call ended with {unsaid} {lines} of the script unsaid."));
        }
        notes
    }

    fn advance(&mut self, now: Duration) {
        self.steps.pop_front();
        self.since = now;
    }

    fn skip_if(&mut self, over: bool, now: Duration) -> Option<Cue> {
        if over {
            self.advance(now);
        }
        None
    }

    fn utter(&mut self, cue: Cue) -> Cue {
        self.steps.pop_front();
        self.doing = Doing::Uttering;
        cue
    }

    fn hang_up(&mut self) -> Cue {
        self.doing = Doing::Done;
        Cue::HangUp
    }

    fn barge(&mut self, after: Duration, utterance: Utterance, ear: &Ear, now: Duration) -> Option<Cue> {
        let into = ear.speaking_since(self.floor, now).map(|began| now.saturating_sub(began));
        if into.is_some_and(|into| into >= after) {
            return Some(self.utter(Cue::Barge(utterance)));
        }
        if !self.may_speak(ear, now) {
            return None;
        }
        self.notes.push(format!("The desk had finished before we could speak over it ({utterance})."));
        Some(self.utter(Cue::Utter(utterance)))
    }

    fn may_speak(&mut self, ear: &Ear, now: Duration) -> bool {
        match self.desk(ear, now, self.patience) {
            Desk::HasFinished => true,
            Desk::Speaks => false,
            Desk::SaysNothing => {
                self.notes.push(format!("The desk said nothing for {} s.", DEAF.as_secs()));
                true
            }
        }
    }

    fn after_the_last(&mut self, ear: &Ear, now: Duration) -> Option<Cue> {
        match self.desk(ear, now, self.patience.max(LAST_WORD)) {
            Desk::HasFinished | Desk::SaysNothing => Some(self.hang_up()),
            Desk::Speaks => None,
        }
    }

    fn desk(&self, ear: &Ear, now: Duration, patience: Duration) -> Desk {
        let quiet_since = ear.last_sound().map_or(self.floor, |last| last.max(self.floor));
        match ear.last_word(self.floor) {
            Some(last) if now.saturating_sub(last) >= patience => Desk::HasFinished,
            Some(_) => Desk::Speaks,
            None if now.saturating_sub(quiet_since.max(self.since)) >= DEAF => Desk::SaysNothing,
            None => Desk::Speaks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const PACKET: u64 = 20;

    /// A desk that speaks in the given spans, and a script that meets it.
    struct Scene {
        stage: Stage,
        ear: Ear,
        at: u64,
        cues: Vec<(u64, Cue)>,
    }

    impl Scene {
        fn of(script: &str) -> Scene {
            let script = Script::parse(script).unwrap();
            Scene { stage: Stage::new(&script, Duration::ZERO), ear: Ear::default(), at: 0, cues: Vec::new() }
        }

        fn passes(&mut self, ms: u64, peak: i16) -> &mut Self {
            for _ in 0..ms / PACKET {
                let sound: Vec<i16> = (0..160).map(|n| if n % 8 < 4 { peak } else { -peak }).collect();
                self.ear.hear(&sound, MS * self.at as u32);
                let now = MS * self.at as u32;
                while let Some(cue) = self.stage.next(&self.ear, now) {
                    self.cues.push((self.at, cue));
                }
                self.at += PACKET;
            }
            self
        }

        fn desk_speaks(&mut self, ms: u64) -> &mut Self {
            self.passes(ms, 4_000)
        }

        fn desk_is_quiet(&mut self, ms: u64) -> &mut Self {
            self.passes(ms, 0)
        }

        fn we_are_done(&mut self) -> &mut Self {
            self.stage.uttered(MS * self.at as u32);
            self
        }
    }

    fn say(text: &str) -> Cue {
        Cue::Utter(Utterance::Say(text.into()))
    }

    #[test]
    fn a_line_waits_until_the_desk_has_spoken_and_is_quiet() {
        let mut scene = Scene::of("say one\nsay two");
        scene.desk_is_quiet(2_000).desk_speaks(1_000).desk_is_quiet(400).desk_speaks(400);
        assert_eq!(scene.cues, [], "a pause is no end");
        scene.desk_is_quiet(1_000);
        assert_eq!(scene.cues, [(3_780 + 700, say("one"))], "the last audible packet was at 3780");
        scene.we_are_done().desk_is_quiet(3_000);
        assert_eq!(scene.cues.len(), 1, "what it said before us does not count");
        scene.desk_speaks(500).desk_is_quiet(720);
        assert_eq!(scene.cues[1].1, say("two"));
    }

    #[test]
    fn a_quiet_desk_is_spoken_to_after_a_while_and_the_report_says_so() {
        let mut scene = Scene::of("say hello");
        scene.desk_is_quiet(15_100);
        assert_eq!(scene.cues, [(15_000, say("hello"))]);
        assert_eq!(scene.stage.into_notes(), ["The desk said nothing for 15 s."]);
    }

    #[test]
    fn barging_in_begins_so_far_into_the_words_of_the_desk() {
        let mut scene = Scene::of("barge 500ms no");
        scene.desk_is_quiet(200).desk_speaks(1_000);
        assert_eq!(scene.cues, [(700, Cue::Barge(Utterance::Say("no".into())))]);
    }

    #[test]
    fn barging_in_on_a_desk_that_has_finished_is_an_ordinary_turn() {
        let mut scene = Scene::of("barge 500ms no");
        scene.desk_speaks(300).desk_is_quiet(1_000);
        assert_eq!(scene.cues, [(280 + 700, say("no"))]);
        assert_eq!(scene.stage.into_notes().len(), 1);
    }

    #[test]
    fn silence_on_purpose_counts_from_the_last_word_and_then_the_script_goes_on() {
        let mut scene = Scene::of("silence 5s\nsay here");
        scene.desk_speaks(1_000).desk_is_quiet(3_000).desk_speaks(500).desk_is_quiet(2_000);
        assert_eq!(scene.cues, [(1_680, Cue::BeSilent), (5_980, Cue::SilenceOver), (5_980, say("here"))]);
    }

    #[test]
    fn after_the_last_line_the_call_is_hung_up() {
        let mut scene = Scene::of("listen");
        scene.desk_speaks(1_000).desk_is_quiet(5_000);
        assert_eq!(scene.cues, [(4_980, Cue::HangUp)]);
        let mut scene = Scene::of("listen\nhang up");
        scene.desk_speaks(1_000).desk_is_quiet(1_000);
        assert_eq!(scene.cues, [(1_680, Cue::HangUp)]);
        let mut scene = Scene::of("expect-end 2s");
        scene.desk_speaks(2_500);
        assert_eq!(scene.cues, [(2_000, Cue::HangUp)]);
        assert_eq!(scene.stage.into_notes(), ["The far end did not hang up within 2s, so we did."]);
    }

    #[test]
    fn another_patience_and_a_pause_are_kept() {
        let mut scene = Scene::of("patience 1500ms\nwait 3s\nsay now");
        scene.desk_speaks(1_000).desk_is_quiet(1_700);
        assert_eq!(scene.cues, []);
        scene.desk_is_quiet(600);
        assert_eq!(scene.cues, [(3_000, say("now"))]);
    }

    #[test]
    fn lines_that_were_never_said_are_told() {
        let mut scene = Scene::of("say one\nlisten\nsay two");
        scene.desk_speaks(100).desk_is_quiet(800).we_are_done();
        assert_eq!(scene.stage.into_notes(), ["The call ended with 1 line of the script unsaid."]);
    }
}
