//! The sound of one imagined leg, as spans: how long a sentence lasts, when the caller speaks, what that stops.
//!
//! Keeps the rules of a real leg (`media`): whose turn it is and when the filler plays is decided by the very
//! [`media::turn::Turn`] that ships; speech ducks and stops what may be interrupted; guarded sentences are heard to
//! their end. Beside it runs a second, simpler clock of what the caller hears, which no machine of ours can see: the
//! silence budget is held against that one.
//!
//! Invariant: each saying is answered by exactly one of `Said` and `SayFailed` while the leg is open.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use desk::call::{ListenId, SayingId};
use desk::intake::Question;
use desk::phrase::Phrase;
use line::{Opening, SoundEvent};
use media::turn::{Patience, Turn, Whose};

/// Speech over ours stops it after this long.
const SUSTAINED: Duration = Duration::from_millis(300);
/// How long the filler lasts.
const FILLER: Duration = Duration::from_millis(1_140);
/// Speaking a text, for each character.
const CHARACTER: Duration = Duration::from_millis(60);

/// How long it takes to say something.
pub(crate) fn spoken(text: &str) -> Duration {
    let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    CHARACTER.saturating_mul(characters.max(4))
}

/// When a sentence can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rendering {
    ReadyAt(Duration),
    FailsAt(Duration),
}

#[derive(Debug)]
struct Waiting {
    saying: SayingId,
    rendering: Rendering,
    lasts: Duration,
    guarded: Duration,
}

#[derive(Debug)]
struct Playing {
    saying: SayingId,
    until: Duration,
    guarded_until: Duration,
}

#[derive(Debug)]
struct Open {
    /// `None`: a message is being recorded.
    question: Option<(ListenId, Arc<Question>)>,
    hang: Duration,
    answered: bool,
    told: bool,
}

#[derive(Debug)]
struct Speech {
    began: Duration,
    ends: Duration,
    sustained: bool,
}

/// One leg.
#[derive(Debug)]
pub(crate) struct Leg {
    /// The caller listens here, whatever this leg was told of who speaks first.
    is_callers: bool,
    connected: Option<Opening>,
    /// Nothing is played before; set when the answer is confirmed.
    path_open_at: Option<Duration>,
    confirmed_at: Option<Duration>,
    waiting: VecDeque<Waiting>,
    playing: Option<Playing>,
    filler_until: Option<Duration>,
    has_filler: bool,
    tone: bool,
    bridged: bool,
    closed: bool,
    open: Option<Open>,
    pending: Option<(ListenId, Arc<Question>)>,
    speech: Option<Speech>,
    turn: Turn,
    first_word: Option<Duration>,
    advanced_to: Duration,
    quiet: Quiet,
    out: VecDeque<SoundEvent>,
}

/// What the caller hears of us, independent of [`Turn`].
#[derive(Debug, Default)]
struct Quiet {
    since: Option<Duration>,
    heard_until: Duration,
    longest: Duration,
}

impl Leg {
    /// A leg whose socket is open. Without a filler, somebody sabotaged it.
    pub fn new(has_filler: bool) -> Leg {
        Leg {
            is_callers: false,
            connected: None,
            path_open_at: None,
            confirmed_at: None,
            waiting: VecDeque::new(),
            playing: None,
            filler_until: None,
            has_filler,
            tone: false,
            bridged: false,
            closed: false,
            open: None,
            pending: None,
            speech: None,
            turn: Turn::new(Patience::default()),
            first_word: None,
            advanced_to: Duration::ZERO,
            quiet: Quiet::default(),
            out: VecDeque::new(),
        }
    }

    /// The same leg, with the caller at its end.
    pub fn of_caller(self) -> Leg {
        Leg { is_callers: true, ..self }
    }

    /// What the leg has to tell, oldest first.
    pub fn poll(&mut self) -> Option<SoundEvent> {
        self.out.pop_front()
    }

    pub fn connect(&mut self, opening: Opening, now: Duration) {
        if self.connected.is_none() {
            self.connected = Some(opening);
            self.turn.ours(now);
            // Without a confirmation, the first words are their own filler.
            self.path_open_at = Some(now + Patience::default().after);
        }
        self.advance(now);
    }

    /// The answer is confirmed; the path is open a moment later.
    pub fn confirmed(&mut self, path_opens_in: Duration, now: Duration) {
        if self.confirmed_at.is_none() {
            self.confirmed_at = Some(now);
            let opens_at = now + path_opens_in;
            self.path_open_at = Some(self.path_open_at.map_or(opens_at, |at| at.min(opens_at)));
        }
        self.advance(now);
    }

    pub fn say(&mut self, saying: SayingId, phrases: &[Phrase], rendering: Rendering, now: Duration) {
        let lasts = phrases.iter().map(|phrase| spoken(&phrase.text)).sum();
        let guarded = phrases.iter().rposition(|phrase| phrase.guarded).map_or(0, |last| last + 1);
        let guarded = phrases.iter().take(guarded).map(|phrase| spoken(&phrase.text)).sum();
        self.waiting.push_back(Waiting { saying, rendering, lasts, guarded });
        self.advance(now);
    }

    pub fn stop_saying(&mut self, now: Duration) {
        self.keep_hearing(now);
        if let Some(playing) = self.playing.take() {
            self.out.push_back(SoundEvent::Said { saying: playing.saying, at: now, whole: false });
        }
        for waiting in self.waiting.drain(..) {
            self.out.push_back(SoundEvent::Said { saying: waiting.saying, at: now, whole: false });
        }
        self.end_filler(now);
        // What was to be listened for after it is listened for anew, or not at all.
        self.pending = None;
        self.advance(now);
    }

    pub fn tone(&mut self, sounds: bool, now: Duration) {
        self.keep_hearing(now);
        self.tone = sounds;
        self.advance(now);
    }

    pub fn bridge(&mut self, now: Duration) {
        self.keep_hearing(now);
        self.bridged = true;
        self.stop_listening(now);
        self.turn.theirs(now);
        self.advance(now);
    }

    /// Whoever this leg talked with is gone: it is ours to say something.
    pub fn unbridge(&mut self, now: Duration) {
        if std::mem::take(&mut self.bridged) && !self.closed {
            self.turn.ours(now);
        }
        self.advance(now);
    }

    /// Listens for an answer, once everything that is to be said before is rendered.
    pub fn listen(&mut self, listen: ListenId, question: Arc<Question>, now: Duration) {
        self.pending = Some((listen, question));
        self.advance(now);
    }

    /// A message is recorded.
    pub fn record(&mut self, hang: Duration, now: Duration) {
        self.listen_now(None, hang, now);
        self.advance(now);
    }

    /// The recording is closed: the caller waits for us now, whatever else is being listened to.
    pub fn recorded(&mut self, now: Duration) {
        if let Some(open) = self.open.as_mut().filter(|open| open.question.is_none()) {
            open.answered = true;
        }
        self.advance(now);
    }

    pub fn stop_listening(&mut self, now: Duration) {
        self.pending = None;
        self.open = None;
        self.speech = None;
        if self.turn.whose() == Whose::Theirs && !self.bridged {
            // Who is asked nothing waits for us, also if they were cut short.
            self.keep_hearing(now);
            self.turn.ours(now);
        }
        self.advance(now);
    }

    /// Everything ends; gives what a real leg tells last.
    pub fn close(&mut self, now: Duration) -> (Option<Duration>, Duration) {
        self.advance(now);
        self.turn.theirs(now);
        self.closed = true;
        self.mind_silence(now);
        let first = self.first_word.zip(self.confirmed_at).map(|(word, at)| word.saturating_sub(at));
        (first, self.turn.longest(now))
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub fn is_speaking(&self) -> bool {
        self.speech.is_some()
    }

    /// The longest silence on our account that the caller has heard so far.
    pub fn longest_silence(&self, now: Duration) -> Duration {
        let running = self.quiet.since.map(|since| now.saturating_sub(since)).unwrap_or_default();
        self.quiet.longest.max(running)
    }

    /// The caller presses a key: it is ours to answer, and what is being said falls silent.
    pub fn key(&mut self, digit: char, now: Duration) {
        if self.closed || self.connected.is_none() {
            return;
        }
        self.out.push_back(SoundEvent::Digit { digit, at: now });
        if !self.bridged
            && let Some(open) = &mut self.open
        {
            open.answered = true;
            self.turn.answered(now);
            self.barge_in(now);
        }
        self.advance(now);
    }

    /// The caller speaks for a while. False if nobody listens: then it is as if nothing was said.
    pub fn speak(&mut self, lasts: Duration, now: Duration) -> bool {
        if self.open.is_none() || self.speech.is_some() || self.bridged || self.closed {
            return false;
        }
        self.speech = Some(Speech { began: now, ends: now + lasts, sustained: false });
        self.keep_hearing(now);
        self.turn.theirs(now);
        self.out.push_back(SoundEvent::SpeechStarted { at: now });
        self.advance(now);
        true
    }

    /// The question that is open and has been heard, told once.
    pub fn poll_question(&mut self) -> Option<Option<(ListenId, Arc<Question>)>> {
        let idle = self.playing.is_none() && self.waiting.is_empty() && self.filler_until.is_none();
        let open = self.open.as_mut().filter(|open| !open.told && idle)?;
        open.told = true;
        Some(open.question.clone())
    }

    /// The question that is open, heard or not, if it was not told: for callers who talk over ours.
    pub fn interrupted_question(&mut self) -> Option<(ListenId, Arc<Question>)> {
        let open = self.open.as_mut().filter(|open| !open.told)?;
        let question = open.question.clone()?;
        open.told = true;
        Some(question)
    }

    /// When something of the leg's own is due.
    pub fn next_wake(&self) -> Option<Duration> {
        if self.closed || self.connected.is_none() {
            return None;
        }
        let hang = self.open.as_ref().map_or(Duration::ZERO, |open| open.hang);
        let speech = self.speech.as_ref().map(|speech| match speech.sustained {
            true => speech.ends + hang,
            false => (speech.began + SUSTAINED).min(speech.ends + hang),
        });
        let ahead = |at: &Duration| *at > self.advanced_to;
        let rendered = self.waiting.iter().map(|waiting| match waiting.rendering {
            Rendering::ReadyAt(at) | Rendering::FailsAt(at) => at,
        });
        [
            self.playing.as_ref().map(|playing| playing.until),
            self.filler_until,
            speech,
            rendered.filter(ahead).min(),
            self.path_open_at.filter(ahead),
            self.filler_due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn may_play(&self) -> bool {
        self.path_open_at.is_some() && self.playing.is_none() && self.filler_until.is_none()
    }

    /// Confirmed, or spoken to without: a confirmation may be lost on its way, and the call goes on.
    fn hears_us(&self) -> bool {
        self.confirmed_at.is_some() || self.first_word.is_some()
    }

    fn filler_due(&self) -> Option<Duration> {
        let able = self.has_filler && self.connected == Some(Opening::WeSpeak) && self.hears_us();
        let silent = self.playing.is_none() && self.filler_until.is_none() && !self.tone && !self.bridged;
        if able && silent { self.turn.deadline() } else { None }
    }

    /// Whatever has come due by now.
    pub fn advance(&mut self, now: Duration) {
        if self.closed || self.connected.is_none() {
            return;
        }
        self.advanced_to = now;
        self.keep_hearing(now);
        self.finish_playing(now);
        self.finish_speech(now);
        self.fail_renderings(now);
        self.begin_playing(now);
        let rendered = |waiting: &Waiting| matches!(waiting.rendering, Rendering::ReadyAt(at) if at <= now);
        if self.pending.is_some()
            && self.waiting.iter().all(rendered)
            && let Some((listen, question)) = self.pending.take()
        {
            let hang = question.hang;
            self.listen_now(Some((listen, question)), hang, now);
        }
        if self.filler_due().is_some_and(|at| at <= now) {
            self.turn.filled(now);
            self.turn.heard(now, true);
            self.filler_until = Some(now + FILLER);
            self.out.push_back(SoundEvent::FillerBegan { at: now });
        }
        self.mind_silence(now);
    }

    fn listen_now(&mut self, question: Option<(ListenId, Arc<Question>)>, hang: Duration, now: Duration) {
        self.open = Some(Open { question, hang, answered: false, told: false });
        self.keep_hearing(now);
        self.turn.theirs(now);
        if let Some(speech) = &mut self.speech {
            // The onset is noticed once more, for the new question.
            *speech = Speech { began: now, ends: speech.ends.max(now), sustained: false };
            self.out.push_back(SoundEvent::SpeechStarted { at: now });
        }
    }

    /// A real leg is heard packet by packet; here what sounds until now is told in one piece.
    fn keep_hearing(&mut self, now: Duration) {
        if self.playing.is_none() && self.filler_until.is_none() && !self.tone {
            return;
        }
        match self.turn.whose() {
            Whose::Ours => self.turn.ours(now),
            Whose::Theirs => drop(self.turn.heard(now, false)),
        }
        if self.filler_until.is_some() {
            self.turn.filled(now);
        }
        self.quiet.heard_until = now;
    }

    fn finish_playing(&mut self, now: Duration) {
        if let Some(playing) = self.playing.take_if(|playing| playing.until <= now) {
            self.out.push_back(SoundEvent::Said { saying: playing.saying, at: now, whole: true });
        }
        if self.filler_until.is_some_and(|until| until <= now) {
            self.end_filler(now);
        }
    }

    fn finish_speech(&mut self, now: Duration) {
        if let Some(speech) = &mut self.speech
            && !speech.sustained
            && speech.began + SUSTAINED <= now
        {
            speech.sustained = true;
            self.barge_in(now);
        }
        let hang = self.open.as_ref().map_or(Duration::ZERO, |open| open.hang);
        if let Some(speech) = self.speech.take_if(|speech| speech.ends + hang <= now) {
            // A pause in a message is still the caller's: only from its end on is it ours to speak.
            let recording = self.open.as_ref().is_some_and(|open| open.question.is_none());
            let since = if recording { now } else { speech.ends };
            self.turn.answered(since);
            if let Some(open) = &mut self.open {
                open.answered = true;
            }
            if self.playing.is_none() && self.filler_until.is_none() && !self.tone {
                self.quiet.since.get_or_insert(since.max(self.quiet.heard_until));
            }
            self.out.push_back(SoundEvent::SpeechEnded { at: speech.ends });
        }
    }

    /// What is being said falls silent, and what was handed over to be said after it, unless it is guarded.
    fn barge_in(&mut self, now: Duration) {
        if self.playing.as_ref().is_some_and(|playing| now < playing.guarded_until) {
            return;
        }
        self.keep_hearing(now);
        if let Some(playing) = self.playing.take() {
            self.out.push_back(SoundEvent::Said { saying: playing.saying, at: now, whole: false });
        }
        while let Some(waiting) = self.waiting.front() {
            if !matches!(waiting.rendering, Rendering::ReadyAt(at) if at <= now) || !waiting.guarded.is_zero()
            {
                break;
            }
            let saying = waiting.saying;
            self.waiting.pop_front();
            self.out.push_back(SoundEvent::Said { saying, at: now, whole: false });
        }
        self.end_filler(now);
    }

    fn end_filler(&mut self, now: Duration) {
        if self.filler_until.take().is_some() {
            self.out.push_back(SoundEvent::FillerEnded { at: now });
        }
    }

    fn fail_renderings(&mut self, now: Duration) {
        let failed = |waiting: &mut Waiting| matches!(waiting.rendering, Rendering::FailsAt(at) if at <= now);
        while let Some(at) = self.waiting.iter_mut().position(failed) {
            if let Some(waiting) = self.waiting.remove(at) {
                self.out.push_back(SoundEvent::SayFailed { saying: waiting.saying });
            }
        }
    }

    fn begin_playing(&mut self, now: Duration) {
        if !self.may_play() || self.path_open_at.is_none_or(|at| at > now) {
            return;
        }
        let ready = |waiting: &mut Waiting| matches!(waiting.rendering, Rendering::ReadyAt(at) if at <= now);
        if let Some(next) = self.waiting.pop_front_if(ready) {
            self.first_word.get_or_insert(now);
            let gap = self.turn.heard(now, false);
            let (until, guarded_until) = (now + next.lasts, now + next.guarded);
            self.playing = Some(Playing { saying: next.saying, until, guarded_until });
            self.out.push_back(SoundEvent::Spoke { saying: next.saying, at: now, gap });
        }
    }

    /// Keeps the second clock: silence counts from when the caller waits for us and hears nothing.
    fn mind_silence(&mut self, now: Duration) {
        let audible = self.playing.is_some() || self.filler_until.is_some() || self.tone;
        let speaks = self.speech.is_some();
        let waits = self.open.as_ref().is_none_or(|open| open.answered);
        let served = self.is_callers && self.connected.is_some() && self.hears_us();
        if served && waits && !audible && !speaks && !self.bridged && !self.closed {
            self.quiet.since.get_or_insert(now);
        } else if let Some(since) = self.quiet.since.take() {
            self.quiet.longest = self.quiet.longest.max(now.saturating_sub(since));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lives on until nothing of the leg's own is due any more, or this long.
    fn live(leg: &mut Leg, until: Duration) {
        while let Some(at) = leg.next_wake().filter(|at| *at < until) {
            leg.advance(at);
        }
        leg.advance(until);
    }

    #[test]
    fn a_caller_whose_confirmation_was_lost_hears_the_filler_while_a_slow_sentence_is_made() {
        let sentence = [Phrase { text: "Hello.".to_string(), prepared: true, guarded: false }];
        let second = Duration::from_secs(1);
        let slow = |has_filler: bool| {
            let mut leg = Leg::new(has_filler).of_caller();
            leg.connect(Opening::WeSpeak, Duration::ZERO);
            leg.say(SayingId(1), &sentence, Rendering::ReadyAt(Duration::ZERO), Duration::ZERO);
            live(&mut leg, 3 * second);
            leg.say(SayingId(2), &sentence, Rendering::ReadyAt(20 * second), 3 * second);
            live(&mut leg, 20 * second);
            leg.longest_silence(20 * second)
        };
        assert!(slow(true) < 4 * second, "{:?}", slow(true));
        assert!(slow(false) > 15 * second, "nobody would have noticed: {:?}", slow(false));
    }
}
