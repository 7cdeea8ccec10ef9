//! Callers in their calls: hearing a question, answering it in their own time, leaving messages.

use std::sync::Arc;
use std::time::Duration;

use desk::call::ListenId;
use desk::intake::Question;
use desk::record::CallId;
use line::SoundId;
use sip::LegId;

use super::dice::Owner;
use super::trunk::State;
use super::{Day, Happening};
use crate::caller::{Caller, Reply, Then};
use crate::sound::spoken;

/// The longest turn of speech that is listened to, and the longest message.
const LONGEST_TURN: Duration = Duration::from_secs(15);
const LONGEST_MESSAGE: Duration = Duration::from_secs(125);

/// One caller's call.
#[derive(Debug)]
pub(super) struct Visit {
    pub caller: Caller,
    /// Whose dice are thrown for it.
    pub owner: Owner,
    /// The trunk it came over.
    pub trunk: String,
    pub state: State,
    /// Whether the invitation held an offer.
    pub offered: bool,
    /// Their line is dead: nothing comes from them any more.
    pub gone: bool,
    pub sound: Option<SoundId>,
    pub id: Option<CallId>,
    pub rung: Vec<String>,
    pub longest_silence: Duration,
    pub recording: Recording,
    pub listen: Option<ListenId>,
    /// What was said since listening began.
    pub captured: Option<Captured>,
    /// They are typing until then, and answer nothing else.
    pub types_until: Duration,
    /// They have talked with a person.
    pub served: bool,
}

/// Sound that an engine may make words of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Captured {
    Phrase(String),
    Noise,
}

/// A message on its way to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recording {
    None,
    Since(Duration),
    Failed,
}

impl Visit {
    pub fn new(caller: Caller, (owner, trunk): (Owner, String), offered: bool) -> Visit {
        Visit {
            caller,
            owner,
            trunk,
            state: State::Ringing,
            offered,
            gone: false,
            sound: None,
            id: None,
            rung: Vec::new(),
            longest_silence: Duration::ZERO,
            recording: Recording::None,
            listen: None,
            captured: None,
            types_until: Duration::ZERO,
            served: false,
        }
    }

    pub fn stop_listening(&mut self) {
        self.listen = None;
        self.captured = None;
    }

    fn is_there(&self) -> bool {
        self.state == State::Answered && !self.gone
    }
}

impl Day<'_> {
    /// A question was heard, or the tone after which a message is left.
    pub(super) fn asked(&mut self, leg: LegId, asked: Option<(ListenId, Arc<Question>)>) {
        let world = self.world;
        let Some(visit) = self.visits.get_mut(&leg).filter(|visit| visit.is_there()) else { return };
        let Some((_, question)) = asked else { return self.leave_message(leg) };
        if self.now.mono <= visit.types_until {
            return;
        }
        let Some(book) = world.book(&question) else { return };
        let reply = match visit.served {
            true if self.chance.hits(0.5) => Reply::HangsUp,
            true => Reply::Nothing,
            false => visit.caller.reply(&question, book),
        };
        let at = self.now.mono + visit.caller.thinks();
        let repeats = matches!(reply, Reply::Says(_)) && self.chance.hits(0.03);
        if repeats {
            // Once more, because nothing seems to happen.
            let again = at + self.chance.millis(800, 4_000);
            self.at(again, Happening::CallerDoes { leg, reply: reply.clone() });
        }
        self.at(at, Happening::CallerDoes { leg, reply });
    }

    pub(super) fn listen(
        &mut self,
        call: &CallId,
        sound: SoundId,
        listen: ListenId,
        question: Arc<Question>,
    ) {
        let speaks = self.sounds.get(&sound).is_some_and(crate::sound::Leg::is_speaking);
        if let Some(visit) = self.visit(call) {
            visit.listen = Some(listen);
            if !speaks {
                visit.captured = None;
            }
        }
        self.on_leg(sound, |leg, now| leg.listen(listen, question, now));
        let hasty = self.visit(call).is_some_and(|visit| visit.caller.hasty && visit.is_there());
        if hasty && self.chance.hits(0.5) {
            let interrupted = self.sounds.get_mut(&sound).and_then(crate::sound::Leg::interrupted_question);
            let leg = self.caller_of.get(&sound).copied();
            if let (Some(question), Some(leg)) = (interrupted, leg) {
                self.asked(leg, Some(question));
            }
        }
    }

    pub(super) fn caller_does(&mut self, leg: LegId, reply: Reply) {
        if !self.visits.get(&leg).is_some_and(Visit::is_there) {
            return;
        }
        match reply {
            Reply::Says(phrase) => {
                let lasts = spoken(&phrase);
                self.caller_speaks(leg, Captured::Phrase(phrase), lasts);
            }
            Reply::Mumbles(lasts) => self.caller_speaks(leg, Captured::Noise, lasts),
            Reply::Presses(keys) => {
                let mut at = self.now.mono;
                for digit in keys.chars() {
                    self.at(at, Happening::CallerPresses { leg, digit });
                    at += self.chance.millis(200, 700);
                }
                if let Some(visit) = self.visits.get_mut(&leg) {
                    visit.types_until = at;
                }
            }
            Reply::Nothing => {}
            Reply::HangsUp => self.caller_hangs_up(leg),
        }
    }

    fn caller_speaks(&mut self, leg: LegId, captured: Captured, lasts: Duration) {
        let Some(visit) = self.visits.get_mut(&leg) else { return };
        let Some(sound) = visit.sound else { return };
        let longest = match visit.recording {
            Recording::None | Recording::Failed => LONGEST_TURN,
            Recording::Since(_) => LONGEST_MESSAGE,
        };
        let now = self.now.mono;
        let heard = self.sounds.get_mut(&sound).is_some_and(|of| of.speak(lasts.min(longest), now));
        if heard {
            visit.captured = Some(captured);
        }
        self.listen_in(sound);
        self.drain();
    }

    pub(super) fn caller_presses(&mut self, leg: LegId, digit: char) {
        let Some(visit) = self.visits.get(&leg).filter(|visit| visit.is_there()) else { return };
        if let Some(sound) = visit.sound {
            self.on_leg(sound, |of, now| of.key(digit, now));
            self.drain();
        }
    }

    fn leave_message(&mut self, leg: LegId) {
        let Some(visit) = self.visits.get_mut(&leg) else { return };
        let message = visit.caller.message();
        let mut at = self.now.mono + message.waits;
        if !message.speaks.is_zero() {
            self.at(at, Happening::CallerDoes { leg, reply: Reply::Mumbles(message.speaks) });
            at += message.speaks + self.chance.millis(100, 2_000);
        }
        match message.then {
            Then::Pound => self.at(at, Happening::CallerPresses { leg, digit: '#' }),
            Then::HangsUp => self.at(at, Happening::CallerHangsUp(leg)),
            Then::Waits => {}
        }
    }
}
