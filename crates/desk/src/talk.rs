//! The turns of a conversation: who speaks, who listens, and for how long, until the intake has an end.
//!
//! What is asked and what an answer means is [`intake`](crate::intake)'s work; this file gives it words,
//! keys and silences, and turns its moves into orders. Duck and stop at a barge-in are decided where the
//! sound is; here only their results arrive.
//!
//! Invariant: while a talk lives, it waits for exactly one thing, and that wait has a named deadline.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::booking::Slot;
use crate::business::Front;
use crate::call::{Action, Heard, Leg, ListenId, Out, SayingId, Why};
use crate::intake::{Draft, Ending, Intake, Move, Question, Returned, WhyMessage, WhyPerson};
use crate::machine::{Ask, Deadline, Moment};
use crate::phrase::Phrase;
use crate::sabotage::{Sabotage, is};

/// A sentence that has not ended by then will not: something of ours is broken.
const SAYING_TAKES_AT_MOST: Duration = Duration::from_secs(45);
/// From the end of the caller's words to what they were.
const HEARING_TAKES_AT_MOST: Duration = Duration::from_secs(2);
/// A turn longer than this is understood as far as it went.
const CALLER_TALKS_AT_MOST: Duration = Duration::from_secs(15);
/// A calendar or a store that takes longer is done without.
const ERRAND_TAKES_AT_MOST: Duration = Duration::from_secs(3);

/// The key that reaches a person, whatever is being said.
const PERSON: char = '0';
/// Keys kept while a sentence is spoken to its end; a number has ten.
const MOST_KEYS: usize = 16;

/// A conversation between our voice and one caller.
#[derive(Debug)]
pub struct Talk {
    intake: Intake,
    calendar: Option<String>,
    phase: Phase,
    last_saying: Option<SayingId>,
}

#[derive(Debug)]
enum Phase {
    Asking(Asking),
    Waiting { ask: Ask, errand: Errand, until: Duration },
    Over,
}

#[derive(Debug)]
struct Asking {
    question: Arc<Question>,
    listen: ListenId,
    /// What must be heard to its end before an answer counts.
    guarded: Option<SayingId>,
    /// The last of what is being said.
    saying: Option<SayingId>,
    /// What follows from words heard over guarded sentences, once those are over.
    kept: Option<Vec<Move>>,
    /// Keys pressed over guarded sentences; they count when those are over.
    keys: String,
    until: Deadline<Why>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    Finding,
    Holding,
    Booking,
}

/// How a talk begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Opening {
    /// With these first words, whose last usually ask how to help.
    Greeting(Vec<Phrase>),
    /// With the first question: the caller was greeted before.
    Question,
}

/// Why a talk ended.
#[derive(Clone, Debug, PartialEq)]
pub enum TalkEnd {
    /// The caller is to speak with a person.
    Person(WhyPerson),
    /// The caller has asked for an office.
    Office(Front),
    /// The caller is to leave a message.
    Message(WhyMessage),
    /// The intake is done; what was said last is still being spoken.
    Done(Ending),
    /// Our voice failed.
    VoiceFailed,
}

impl Talk {
    /// Opens the first question. `calendar` is where visits are booked, if anywhere.
    pub fn begin(
        intake: Intake,
        opening: Opening,
        calendar: Option<String>,
        now: Moment,
        out: &mut Out,
    ) -> (Self, Option<TalkEnd>) {
        let mut talk = Talk { intake, calendar, phase: Phase::Over, last_saying: None };
        let moves = match opening {
            Opening::Greeting(greeting) => {
                let greeting = greeting.into_iter().map(Move::Say);
                greeting.chain(talk.intake.open(now.wall)).collect()
            }
            Opening::Question => talk.intake.open_asking(now.wall),
        };
        let end = talk.follow(moves, now, out);
        (talk, end)
    }

    /// The caller is back from having been handed over: the talk goes on with what it knows.
    pub fn resume(&mut self, returned: Returned, now: Moment, out: &mut Out) -> Option<TalkEnd> {
        let moves = self.intake.resume(returned, now.wall);
        self.follow(moves, now, out)
    }

    /// A talk that begins where a person left off.
    pub fn after_a_person(intake: Intake, calendar: Option<String>) -> Self {
        Talk { intake, calendar, phase: Phase::Over, last_saying: None }
    }

    /// What was learned so far, by question.
    pub fn learned(&self) -> BTreeMap<String, String> {
        self.intake.filled().iter().map(|(slot, filled)| (slot.clone(), filled.to_string())).collect()
    }

    /// What the call is about, as far as it is known.
    pub fn subject(&self) -> Option<String> {
        self.intake.subject()
    }

    /// Whether the open question is one whose answer is never recorded.
    pub fn asks_for_secret(&self) -> bool {
        matches!(&self.phase, Phase::Asking(asking) if asking.question.secret)
    }

    /// The last thing that was given to be said.
    pub fn last_saying(&self) -> Option<SayingId> {
        self.last_saying
    }

    /// A sentence ended; the next silence is the caller's.
    pub fn said(&mut self, saying: SayingId, now: Moment, out: &mut Out) -> Option<TalkEnd> {
        let Phase::Asking(asking) = &mut self.phase else { return None };
        asking.said(saying, now);
        if asking.guarded.is_some() {
            return None;
        }
        let keys = std::mem::take(&mut asking.keys);
        match asking.kept.take() {
            Some(moves) => {
                self.stop_saying(out);
                self.follow(moves, now, out)
            }
            None if !keys.is_empty() => {
                self.stop_saying(out);
                self.press_all(&keys, now, out)
            }
            None => None,
        }
    }

    /// A sentence could not be spoken at all.
    pub fn say_failed(&mut self, saying: SayingId) -> Option<TalkEnd> {
        if is(Sabotage::IgnoresAVoiceFailure) {
            return None;
        }
        let must_be_heard = matches!(&self.phase, Phase::Asking(asking) if asking.guarded == Some(saying));
        (must_be_heard || self.last_saying == Some(saying)).then_some(TalkEnd::VoiceFailed)
    }

    /// The caller began to speak.
    pub fn speech_started(&mut self, now: Moment) {
        if let Phase::Asking(asking) = &mut self.phase
            && asking.kept.is_none()
        {
            asking.until = Deadline { at: now.mono + CALLER_TALKS_AT_MOST, why: Why::CallerTalksOn };
        }
    }

    /// The caller stopped speaking.
    pub fn speech_ended(&mut self, now: Moment, out: &mut Out) {
        if let Phase::Asking(asking) = &mut self.phase
            && asking.kept.is_none()
        {
            asking.conclude(now, out);
        }
    }

    /// What the caller said, as far as it was heard. An engine may answer twice; what counts is what it said first.
    pub fn heard(&mut self, listen: ListenId, heard: Heard, now: Moment, out: &mut Out) -> Option<TalkEnd> {
        let Phase::Asking(asking) = &mut self.phase else { return None };
        if asking.listen != listen || asking.kept.is_some() {
            return None;
        }
        match asking.guarded {
            Some(_) => self.overheard(heard, now, out),
            None => self.understand(heard, now, out),
        }
    }

    /// Words over what must be heard: a person asked for, or needed, is fetched at once; other words count when it is
    /// over, if they are sure. A "hello?" into the greeting is no answer.
    fn overheard(&mut self, heard: Heard, now: Moment, out: &mut Out) -> Option<TalkEnd> {
        let moves = match heard {
            Heard::Words(words) if words.sure => self.intake.hear(&words, now.wall),
            Heard::Words(_) | Heard::NotUnderstood | Heard::Failed | Heard::Nothing => {
                self.listen_on(now, out);
                return None;
            }
        };
        if moves.iter().any(|step| matches!(step, Move::HandOver(_))) {
            self.stop_saying(out);
            return self.follow(moves, now, out);
        }
        if let Phase::Asking(asking) = &mut self.phase {
            asking.kept = Some(moves);
            asking.until = Deadline::saying(now);
        }
        None
    }

    fn understand(&mut self, heard: Heard, now: Moment, out: &mut Out) -> Option<TalkEnd> {
        let moves = match heard {
            Heard::Words(words) => self.intake.hear(&words, now.wall),
            Heard::NotUnderstood | Heard::Failed => self.intake.not_understood(now.wall),
            Heard::Nothing => {
                self.listen_on(now, out);
                return None;
            }
        };
        self.stop_saying(out);
        self.follow(moves, now, out)
    }

    /// The question stays open: it is the caller's turn again.
    fn listen_on(&mut self, now: Moment, out: &mut Out) {
        if let Phase::Asking(asking) = &mut self.phase {
            asking.until = match asking.guarded {
                Some(_) => Deadline::saying(now),
                None => Deadline::silence(&asking.question, now),
            };
            asking.listen = out.listen(Leg::Caller, Arc::clone(&asking.question));
        }
    }

    /// The caller pressed a key: it stops what is being said, unless that must be heard to its end.
    pub fn pressed(&mut self, digit: char, now: Moment, out: &mut Out) -> Option<TalkEnd> {
        let Phase::Asking(asking) = &mut self.phase else { return None };
        if asking.guarded.is_some() && digit != PERSON {
            if asking.keys.len() < MOST_KEYS {
                asking.keys.push(digit);
            }
            return None;
        }
        self.stop_saying(out);
        self.press_all(&digit.to_string(), now, out)
    }

    /// Keys, until one of them leads on.
    fn press_all(&mut self, keys: &str, now: Moment, out: &mut Out) -> Option<TalkEnd> {
        let step = keys.chars().map(|key| self.intake.press(key, now.wall)).find(|moves| !moves.is_empty());
        let moves = step.unwrap_or_else(|| self.take_kept());
        if moves.is_empty() {
            self.listen_on(now, out);
            return None;
        }
        self.follow(moves, now, out)
    }

    fn take_kept(&mut self) -> Vec<Move> {
        match &mut self.phase {
            Phase::Asking(asking) => asking.kept.take().unwrap_or_default(),
            Phase::Waiting { .. } | Phase::Over => Vec::new(),
        }
    }

    fn stop_saying(&mut self, out: &mut Out) {
        if let Phase::Asking(asking) = &mut self.phase
            && asking.saying.take().is_some()
        {
            asking.guarded = None;
            out.push(Action::StopSaying { to: Leg::Caller });
        }
    }

    /// The calendar answered with free times; `None` if it could not say.
    pub fn slots_found(
        &mut self,
        ask: Ask,
        slots: Option<Vec<Slot>>,
        now: Moment,
        out: &mut Out,
    ) -> Option<TalkEnd> {
        self.answered(ask, Errand::Finding)?;
        let moves = match slots {
            Some(slots) => self.intake.slots_found(slots, now.wall),
            None => self.intake.slots_unavailable(now.wall),
        };
        self.follow(moves, now, out)
    }

    /// The slot is held for this caller, or somebody else was faster.
    pub fn slot_held(&mut self, ask: Ask, held: bool, now: Moment, out: &mut Out) -> Option<TalkEnd> {
        self.answered(ask, Errand::Holding)?;
        let moves = match held {
            true => self.intake.slot_held(now.wall),
            false => self.intake.slot_taken(now.wall),
        };
        self.follow(moves, now, out)
    }

    /// The booking is stored under `id`, or is not.
    pub fn booked(&mut self, ask: Ask, id: Option<&str>, now: Moment, out: &mut Out) -> Option<TalkEnd> {
        self.answered(ask, Errand::Booking)?;
        let moves = match id {
            Some(id) => self.intake.booked(id, now.wall),
            None => self.intake.not_booked(now.wall),
        };
        self.follow(moves, now, out)
    }

    /// The booking is stored under `id` after the caller was told that it could not be.
    pub fn booked_after_all(&mut self, id: &str, now: Moment, out: &mut Out) -> Option<TalkEnd> {
        let moves = self.intake.booked_after_all(id, now.wall);
        self.follow(moves, now, out)
    }

    fn answered(&mut self, answered: Ask, with: Errand) -> Option<()> {
        match self.phase {
            Phase::Waiting { ask, errand, .. } if ask == answered && errand == with => Some(()),
            Phase::Waiting { .. } | Phase::Asking(_) | Phase::Over => None,
        }
    }

    /// Whether a visit is on its way to the store.
    pub fn is_booking(&self) -> bool {
        matches!(self.phase, Phase::Waiting { errand: Errand::Booking, .. })
    }

    /// Whether it waits for just that visit.
    pub fn awaits_booking(&self, visit: Ask) -> bool {
        matches!(self.phase, Phase::Waiting { errand: Errand::Booking, ask, .. } if ask == visit)
    }

    /// When something has failed to happen.
    pub fn deadline(&self) -> Option<Deadline<Why>> {
        match &self.phase {
            Phase::Asking(asking) => Some(asking.until),
            Phase::Waiting { until, .. } => Some(Deadline { at: *until, why: Why::ErrandTookTooLong }),
            Phase::Over => None,
        }
    }

    /// What was waited for did not happen.
    pub fn overdue(&mut self, now: Moment, out: &mut Out) -> Option<TalkEnd> {
        if is(Sabotage::GoesInCircles) {
            return None;
        }
        match &mut self.phase {
            Phase::Asking(asking) => match asking.until.why {
                Why::SayingTookTooLong => Some(TalkEnd::VoiceFailed),
                Why::CallerTalksOn => {
                    asking.conclude(now, out);
                    None
                }
                Why::HearingTookTooLong => {
                    out.push(Action::StopListening { to: Leg::Caller });
                    if asking.guarded.is_some() {
                        return self.overheard(Heard::Failed, now, out);
                    }
                    let moves = self.intake.not_understood(now.wall);
                    self.go_on(moves, now, out)
                }
                _ => {
                    let moves = self.intake.nothing_heard(now.wall);
                    self.go_on(moves, now, out)
                }
            },
            Phase::Waiting { errand, .. } => {
                let moves = match errand {
                    Errand::Finding => self.intake.slots_unavailable(now.wall),
                    Errand::Holding => self.intake.slot_taken(now.wall),
                    Errand::Booking => self.intake.not_booked(now.wall),
                };
                self.go_on(moves, now, out)
            }
            Phase::Over => None,
        }
    }

    /// The same, where nothing else would ever happen: an intake that wants nothing leaves the caller to a person.
    fn go_on(&mut self, moves: Vec<Move>, now: Moment, out: &mut Out) -> Option<TalkEnd> {
        let moves = match moves.is_empty() {
            true => vec![Move::HandOver(WhyPerson::NotUnderstood)],
            false => moves,
        };
        self.follow(moves, now, out)
    }

    /// Carries out what the intake wants next.
    fn follow(&mut self, moves: Vec<Move>, now: Moment, out: &mut Out) -> Option<TalkEnd> {
        let mut phrases = Vec::new();
        for step in moves {
            let end = match step {
                Move::Say(phrase) => {
                    phrases.push(phrase);
                    continue;
                }
                Move::Ask(question) => {
                    self.ask(question, std::mem::take(&mut phrases), now, out);
                    continue;
                }
                Move::ReleaseHold => {
                    out.push(Action::ReleaseHold);
                    continue;
                }
                Move::FindSlots(wish) => {
                    self.speak(std::mem::take(&mut phrases), out);
                    let ask = self.wait(Errand::Finding, now, out);
                    out.push(Action::FindSlots { ask, calendar: self.calendar.clone(), wish });
                    continue;
                }
                Move::Hold(slot) => {
                    self.speak(std::mem::take(&mut phrases), out);
                    let ask = self.wait(Errand::Holding, now, out);
                    out.push(Action::HoldSlot { ask, calendar: self.calendar.clone(), slot });
                    continue;
                }
                Move::Book(draft) => {
                    self.speak(std::mem::take(&mut phrases), out);
                    self.book(draft, now, out);
                    continue;
                }
                Move::HandOver(why) => TalkEnd::Person(why),
                Move::GoToOffice(front) => TalkEnd::Office(front),
                Move::TakeMessage(why) => TalkEnd::Message(why),
                Move::Finish(ending) => TalkEnd::Done(ending),
            };
            self.speak(phrases, out);
            self.phase = Phase::Over;
            out.push(Action::StopListening { to: Leg::Caller });
            return Some(end);
        }
        self.speak(phrases, out);
        None
    }

    fn speak(&mut self, phrases: Vec<Phrase>, out: &mut Out) -> Option<SayingId> {
        if phrases.is_empty() {
            return None;
        }
        let saying = out.say(Leg::Caller, phrases);
        self.last_saying = Some(saying);
        Some(saying)
    }

    /// What must be heard is a saying of its own, so that an answer given over it counts as soon as it is over.
    fn ask(&mut self, question: Question, mut phrases: Vec<Phrase>, now: Moment, out: &mut Out) {
        let open = phrases.iter().rposition(|p| p.guarded).map_or(0, |last| last + 1);
        let open = phrases.split_off(open);
        let guarded = self.speak(phrases, out);
        let saying = self.speak(open, out).or(guarded);
        let until = match saying {
            Some(_) => Deadline::saying(now),
            None => Deadline::silence(&question, now),
        };
        let question = Arc::new(question);
        let listen = out.listen(Leg::Caller, Arc::clone(&question));
        self.phase = Phase::Asking(Asking {
            question,
            listen,
            guarded,
            saying,
            kept: None,
            keys: String::new(),
            until,
        });
    }

    fn wait(&mut self, errand: Errand, now: Moment, out: &mut Out) -> Ask {
        out.push(Action::StopListening { to: Leg::Caller });
        let ask = out.ask();
        self.phase = Phase::Waiting { ask, errand, until: now.mono + ERRAND_TAKES_AT_MOST };
        ask
    }

    fn book(&mut self, draft: Draft, now: Moment, out: &mut Out) {
        let ask = self.wait(Errand::Booking, now, out);
        out.push(Action::Book { ask, calendar: self.calendar.clone(), draft });
    }
}

impl Deadline<Why> {
    fn saying(now: Moment) -> Self {
        Deadline { at: now.mono + SAYING_TAKES_AT_MOST, why: Why::SayingTookTooLong }
    }

    fn silence(question: &Question, now: Moment) -> Self {
        Deadline { at: now.mono + question.no_input_after, why: Why::CallerSaidNothing }
    }
}

impl Asking {
    /// A saying ended; after the last one the caller's silence begins.
    fn said(&mut self, saying: SayingId, now: Moment) {
        if self.guarded == Some(saying) {
            self.guarded = None;
        }
        if self.saying != Some(saying) {
            return;
        }
        self.saying = None;
        if self.until.why == Why::SayingTookTooLong {
            self.until = Deadline::silence(&self.question, now);
        }
    }

    fn conclude(&mut self, now: Moment, out: &mut Out) {
        out.push(Action::Conclude { listen: self.listen });
        self.until = Deadline { at: now.mono + HEARING_TAKES_AT_MOST, why: Why::HearingTookTooLong };
    }
}
