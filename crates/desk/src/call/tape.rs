//! The recording of a call: when it begins, what is left out, and when it ends.
//!
//! A [`Tape`] watches what happens in the call and orders the recording of the caller's side, which hears everybody. How
//! sound is written, and where it lies afterwards, is the shell's work. That the notice is in the greeting is seen to where
//! the configuration is read.
//!
//! Invariants: nothing is recorded before everybody who is heard on it has heard to its end that it is; what is said
//! with a person is recorded only if that was switched on; a card number is cut out from its first word or key.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Action, Event, Heard, Leg, Out, SayingId, TapeOrder};
use crate::business::{Keeping, Kept};
use crate::machine::Moment;
use crate::record::Recording;
use crate::understand::{Request, Words, cards, safety};

/// A telephone number has 11 digits with its country, a card at least 12 (ISO/IEC 7812-1).
pub(super) const DIGITS_OF_A_CARD: u32 = 12;
/// Keys further apart than this belong to different numbers.
pub(super) const BETWEEN_KEYS: Duration = Duration::from_secs(6);
/// In the sound, a key begins before it is told.
const KEY_BEGINS: Duration = Duration::from_millis(300);
/// Number, expiry and code follow each other; this long after the last sign of them they are over.
const CARD_IS_OVER: Duration = Duration::from_secs(30);
/// By this key a person lets the recording pause and go on.
const BY_HAND: char = '*';

/// Who is heard at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scene {
    /// The caller and our own voice.
    AtTheDesk,
    /// The same, while something is asked that is never recorded.
    AskedForSecret,
    /// The caller and a person.
    With(u16),
    /// The caller alone, while a person holds them and music of ours plays: that is nothing they say to each other.
    OnHold,
    /// Nobody any more.
    Over,
}

/// One call's recording.
#[derive(Debug)]
pub(super) struct Tape {
    keeping: Keeping,
    /// The notice is being said, to whom and as what.
    telling: Vec<(Leg, SayingId)>,
    told: BTreeSet<Leg>,
    run: Run,
    speech: Option<Duration>,
    keys: Keys,
    card: Option<Card>,
    /// The person at the other end wants it to pause.
    by_hand: bool,
    /// The caller does not want it.
    unwanted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    NotBegun,
    Runs,
    Pauses,
    Ended,
}

/// Keys in quick succession.
#[derive(Clone, Copy, Debug, Default)]
struct Keys {
    count: u32,
    first: Duration,
    last: Duration,
}

/// A card is being told.
#[derive(Clone, Copy, Debug)]
struct Card {
    since: Duration,
    until: Duration,
    /// What was recorded since then is still to be cut out.
    to_be_cut: bool,
}

impl Tape {
    pub fn new(keeping: Keeping) -> Self {
        Tape {
            keeping,
            telling: Vec::new(),
            told: BTreeSet::new(),
            run: Run::NotBegun,
            speech: None,
            keys: Keys::default(),
            card: None,
            by_hand: false,
            unwanted: false,
        }
    }

    /// Whether the talk with the assistant is recorded.
    pub fn takes_calls(&self) -> bool {
        self.keeping.calls == Kept::Announced
    }

    /// Whether a talk with a person is recorded.
    pub fn takes_people(&self) -> bool {
        self.keeping.bridged == Kept::Announced
    }

    /// The notice is about to be said.
    pub fn will_tell(&mut self, leg: Leg, saying: SayingId) {
        self.telling.push((leg, saying));
    }

    /// Takes note of what happened, before the call does.
    pub fn watch(&mut self, event: &Event, scene: Scene, now: Moment) {
        if !self.keeping.records() {
            return;
        }
        match event {
            Event::Said { saying, whole, .. } => self.said(*saying, *whole),
            Event::SayFailed { saying } => self.said(*saying, false),
            Event::Replaced { leg, .. } => self.knows_nothing(*leg),
            Event::SpeechStarted { at } => self.speech = Some(*at),
            Event::Heard { heard, .. } => self.heard(heard, now),
            Event::Digit { leg: Leg::Caller, digit, at } => self.pressed(*digit, *at, now),
            Event::Digit { leg: Leg::Person(leg), digit, .. } => {
                self.by_hand ^= *digit == BY_HAND && scene == Scene::With(*leg);
            }
            _ => {}
        }
    }

    fn said(&mut self, saying: SayingId, whole: bool) {
        let ended = self.telling.extract_if(.., |(_, told)| *told == saying);
        self.told.extend(ended.filter(|_| whole).map(|(leg, _)| leg));
    }

    /// Somebody else is there now.
    fn knows_nothing(&mut self, leg: Leg) {
        self.told.remove(&leg);
        self.telling.retain(|(to, _)| *to != leg);
    }

    fn heard(&mut self, heard: &Heard, now: Moment) {
        let since = self.speech.take().unwrap_or(now.mono);
        let Heard::Words(words) = heard else { return };
        self.unwanted |= safety::request(&Words::of(&words.text)) == Some(Request::Unrecorded);
        match cards::tells_of_card(&words.text) {
            true => self.card_since(since, now),
            false => self.card = self.card.filter(|card| card.to_be_cut),
        }
    }

    fn pressed(&mut self, digit: char, at: Duration, now: Moment) {
        if !digit.is_ascii_digit() {
            return;
        }
        let goes_on = self.keys.count > 0 && at.saturating_sub(self.keys.last) <= BETWEEN_KEYS;
        self.keys = match goes_on {
            true => Keys { count: self.keys.count + 1, last: at, ..self.keys },
            false => Keys { count: 1, first: at, last: at },
        };
        if self.keys.count >= DIGITS_OF_A_CARD {
            self.card_since(self.keys.first.saturating_sub(KEY_BEGINS), now);
        }
    }

    fn card_since(&mut self, since: Duration, now: Moment) {
        let until = now.mono + CARD_IS_OVER;
        self.card = Some(match self.card {
            Some(card) => Card { until, ..card },
            None => Card { since, until, to_be_cut: true },
        });
    }

    /// When a card counts as told.
    pub fn deadline(&self) -> Option<Duration> {
        self.card.filter(|_| matches!(self.run, Run::Runs | Run::Pauses)).map(|card| card.until)
    }

    /// Orders what follows from what happened in a call that started then.
    pub fn settle(&mut self, scene: Scene, started: Moment, now: Moment, out: &mut Out) {
        self.by_hand &= matches!(scene, Scene::With(_) | Scene::OnHold);
        self.card = self.card.filter(|card| card.until > now.mono);
        if self.unwanted && matches!(self.run, Run::Runs | Run::Pauses) {
            self.run = Run::Ended;
            return out.push(Action::Tape(TapeOrder::Destroy));
        }
        if let Some(card) = &mut self.card
            && std::mem::take(&mut card.to_be_cut)
            && matches!(self.run, Run::Runs | Run::Pauses)
        {
            let since = card.since;
            self.pause(since, out);
        }
        match (self.run, self.is_wanted(scene)) {
            (Run::NotBegun, true) => {
                self.run = Run::Runs;
                let (started, since_start) = (started.wall, now.since(started));
                out.push(Action::Tape(TapeOrder::Begin { started, since_start }));
            }
            (Run::Runs, false) => self.pause(now.mono, out),
            (Run::Pauses, true) => {
                self.run = Run::Runs;
                out.push(Action::Tape(TapeOrder::Resume));
            }
            _ => {}
        }
        if scene == Scene::Over && self.run == Run::Pauses {
            self.run = Run::Ended;
            out.push(Action::Tape(TapeOrder::End));
        }
    }

    /// Cuts out everything from `since` on.
    fn pause(&mut self, since: Duration, out: &mut Out) {
        self.run = Run::Pauses;
        out.push(Action::Tape(TapeOrder::Pause { since }));
    }

    fn is_wanted(&self, scene: Scene) -> bool {
        let caller_knows = self.told.contains(&Leg::Caller);
        let may = match scene {
            Scene::AtTheDesk => self.takes_calls() && caller_knows,
            Scene::With(leg) => {
                self.takes_people() && caller_knows && self.told.contains(&Leg::Person(leg)) && !self.by_hand
            }
            Scene::AskedForSecret | Scene::OnHold | Scene::Over => false,
        };
        may && self.card.is_none() && !self.unwanted
    }

    /// For the record: why nothing was recorded, if something should have been. What is on the recording, and where it
    /// lies, is known when it is finished. Nothing where no call is recorded.
    pub fn filed(&self) -> Option<Recording> {
        if !self.keeping.records() {
            return None;
        }
        let trouble = match self.run {
            _ if self.unwanted => Some("the caller did not want to be recorded"),
            Run::NotBegun if self.takes_calls() && !self.told.contains(&Leg::Caller) => {
                Some("the caller did not hear to its end that the call is recorded, so nothing was")
            }
            Run::NotBegun => Some("nothing happened in this call that is recorded"),
            Run::Runs | Run::Pauses | Run::Ended => None,
        };
        Some(Recording {
            troubles: trouble.into_iter().map(str::to_string).collect(),
            ..Recording::default()
        })
    }
}
