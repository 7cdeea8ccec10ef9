//! How calls live and end: deadlines, records, outcomes, callbacks.

use std::collections::{BTreeMap, BTreeSet};

use desk::machine::{Ask, Moment};
use desk::record::{CallId, EndedBy, Outcome, Record};
use desk::sayings;
use line::{Action, Event, Keep, SoundId, SoundOrder};

use super::{Broken, Promise, Seen};
use crate::hashed::Calls;

/// Every call that is up waits for something by name, and is woken when it is due.
///
/// Exempt is a call whose socket is being opened: the desk was not told of it yet, and the user agent's own limit for
/// an undecided invitation watches over it.
#[derive(Debug, Default)]
pub(super) struct DeadlineNamed {
    opening: BTreeSet<CallId>,
}

impl Promise for DeadlineNamed {
    fn name(&self) -> &'static str {
        "DeadlineNamed"
    }

    fn sentence(&self) -> &'static str {
        "A live call always has a named deadline, and is woken by it."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, now: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Ordered(Action::Store { call, keep: Keep::Arrival(_), .. }) => {
                self.opening.insert(call.clone());
            }
            Seen::Ordered(Action::Journal { call, event: desk::call::Event::WentInCircles }) => {
                return Broken::of(call, "it was woken over and over, and nothing came of it");
            }
            // Everybody is told of it, also who has no socket yet.
            Seen::Ordered(Action::Journal {
                event: desk::call::Event::VoiceRefused | desk::call::Event::VoiceBack,
                ..
            }) => {}
            Seen::Ordered(Action::Journal { call, .. }) => {
                self.opening.remove(call);
            }
            Seen::Settled(exchange) => {
                for (call, deadline) in exchange.deadlines() {
                    match deadline {
                        None if self.opening.contains(call) => {}
                        None => return Broken::of(call, "it waits for nothing"),
                        Some(deadline) if deadline.at < now.mono => {
                            return Broken::of(call, format!("nothing came of {:?}", deadline.why));
                        }
                        Some(_) => {}
                    }
                }
            }
            Seen::Died => self.opening.clear(),
            Seen::Told(_) | Seen::Ordered(_) | Seen::Kept { .. } | Seen::Quiet { .. } | Seen::Over(_) => {}
        }
        Ok(())
    }
}

/// A call that came in leaves one record, and no call leaves two.
#[derive(Debug, Default)]
pub(super) struct OneRecord {
    open: BTreeSet<CallId>,
}

impl Promise for OneRecord {
    fn name(&self) -> &'static str {
        "OneRecord"
    }

    fn sentence(&self) -> &'static str {
        "A finished call has exactly one record."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Ordered(Action::Store { call, keep: Keep::Arrival(_), .. }) => {
                self.open.insert(call.clone());
            }
            Seen::Ordered(Action::Store { call, keep: Keep::Record(_), .. }) => {
                if !self.open.remove(call) {
                    return Broken::of(call, "a second record, or one of a call that never came");
                }
            }
            Seen::Settled(exchange) | Seen::Over(exchange) if exchange.calls_up() == 0 => {
                if let Some(call) = self.open.first() {
                    return Broken::of(call, "the call is over and there is no record");
                }
            }
            Seen::Over(_) => {
                if let Some(call) = self.open.first() {
                    return Broken::of(call, "the day is over and this call is not");
                }
            }
            // The next start makes a record of each.
            Seen::Died => self.open.clear(),
            Seen::Told(_) | Seen::Ordered(_) | Seen::Kept { .. } | Seen::Quiet { .. } | Seen::Settled(_) => {}
        }
        Ok(())
    }
}

/// No call ends `lost`, unless nothing could be stored and the caller was told to call again; and then the task is stored
/// as soon as there is room.
#[derive(Debug, Default)]
pub(super) struct NeverLost {
    told: Calls,
    lost: BTreeSet<CallId>,
    callbacks: Calls,
    /// What the desk was told to be stored.
    asked: BTreeSet<(CallId, Ask)>,
    known: Calls,
}

impl Promise for NeverLost {
    fn name(&self) -> &'static str {
        "NeverLost"
    }

    fn sentence(&self) -> &'static str {
        "No outcome is `lost`, unless a callback could not be stored and the caller heard so."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Ordered(Action::Say { call, phrases, .. })
                if phrases.iter().any(|phrase| phrase.text == sayings::COULD_NOT_KEEP) =>
            {
                if self.known.hold(call) {
                    return Broken::of(call, "told to call again although a callback is known to be stored");
                }
                self.told.note(call);
            }
            Seen::Kept { call, keep: Keep::Callback(_) } => {
                self.callbacks.note(call);
            }
            Seen::Ordered(Action::Store { call, ask: Some(ask), keep: Keep::Callback(_) }) => {
                self.asked.insert((call.clone(), *ask));
            }
            Seen::Told(Event::Stored { call, ask, stored: true })
                if self.asked.remove(&(call.clone(), *ask)) =>
            {
                self.known.note(call);
            }
            Seen::Ordered(Action::Store { call, keep: Keep::Record(record), .. })
                if record.outcome == Outcome::Lost =>
            {
                self.lost.insert(call.clone());
                if !self.told.hold(call) {
                    return Broken::of(call, "lost, and the caller was told nothing");
                }
            }
            // What waited for room waited in memory.
            Seen::Died => self.lost.clear(),
            Seen::Over(_) => {
                if let Some(call) = self.lost.iter().find(|call| !self.callbacks.hold(call)) {
                    return Broken::of(
                        call,
                        "lost, and its callback was not stored when there was room again",
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// What really became of each call, as far as it can be seen from outside.
#[derive(Debug, Default)]
struct Fates {
    /// The socket opened last: that of the arrival that follows.
    opened: Option<SoundId>,
    sounds: BTreeMap<SoundId, CallId>,
    bridged: Calls,
    booked: Calls,
    messages: Calls,
    callbacks: Calls,
}

impl Fates {
    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Ordered(Action::OpenSound { sound, .. }) => self.opened = Some(*sound),
            Seen::Died => self.sounds.clear(),
            Seen::Ordered(Action::Store { call, keep: Keep::Arrival(_), .. }) => {
                self.sounds.extend(self.opened.take().map(|sound| (sound, call.clone())));
            }
            Seen::Ordered(Action::Sound { sound, order: SoundOrder::Bridge { .. } }) => {
                if let Some(call) = self.sounds.get(sound) {
                    self.bridged.note(call);
                }
            }
            Seen::Ordered(Action::Store { call, keep: Keep::Callback(_), .. }) => {
                self.callbacks.note(call);
            }
            Seen::Kept { call, keep: Keep::Booking(_) } => {
                self.booked.note(call);
            }
            Seen::Kept { call, keep: Keep::Message(_) } => {
                self.messages.note(call);
            }
            _ => {}
        }
    }
}

/// Whoever left without help is called back.
#[derive(Debug, Default)]
pub(super) struct NobodyLeftWaiting {
    fates: Fates,
}

impl Promise for NobodyLeftWaiting {
    fn name(&self) -> &'static str {
        "NobodyLeftWaiting"
    }

    fn sentence(&self) -> &'static str {
        "Whoever left without a person, a visit, a message or what they asked for has a callback task."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        self.fates.see(seen);
        let Seen::Ordered(Action::Store { call, keep: Keep::Record(record), .. }) = seen else {
            return Ok(());
        };
        let fates = &self.fates;
        let served = [&fates.bridged, &fates.booked, &fates.messages, &fates.callbacks];
        if served.iter().any(|those| those.hold(call)) || asked_for_nothing(record.outcome) {
            return Ok(());
        }
        Broken::of(call, format!("it ended {} and nobody will call back", record.outcome.name()))
    }
}

fn asked_for_nothing(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Informed
        | Outcome::Advised
        | Outcome::OptedOut
        | Outcome::WrongNumber
        | Outcome::Refused
        | Outcome::TurnedAway
        | Outcome::NoInput => true,
        Outcome::Booked
        | Outcome::Transferred
        | Outcome::Answered
        | Outcome::Message
        | Outcome::Callback
        | Outcome::Abandoned
        | Outcome::Interrupted
        | Outcome::Lost => false,
    }
}

/// A record tells what happened, not what was hoped for.
#[derive(Debug, Default)]
pub(super) struct TrueOutcome {
    fates: Fates,
}

impl TrueOutcome {
    fn judge(&self, call: &CallId, record: &Record) -> Result<(), Broken> {
        let fates = &self.fates;
        let true_so_far = match record.outcome {
            Outcome::Booked => fates.booked.hold(call) && record.booking.is_some(),
            Outcome::Transferred | Outcome::Answered => fates.bridged.hold(call),
            Outcome::Message => fates.messages.hold(call) && record.message.is_some(),
            Outcome::Callback => fates.callbacks.hold(call) && record.callback.is_some(),
            Outcome::Abandoned => record.ended_by == EndedBy::Caller,
            Outcome::Informed
            | Outcome::Advised
            | Outcome::OptedOut
            | Outcome::WrongNumber
            | Outcome::Refused
            | Outcome::TurnedAway
            | Outcome::NoInput
            | Outcome::Interrupted
            | Outcome::Lost => true,
        };
        match true_so_far {
            true => Ok(()),
            false => Broken::of(call, format!("the record says {}", record.outcome.name())),
        }
    }
}

impl Promise for TrueOutcome {
    fn name(&self) -> &'static str {
        "TrueOutcome"
    }

    fn sentence(&self) -> &'static str {
        "A record's outcome is what happened: a stored visit, a person on the line, a stored message, a stored task."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        self.fates.see(seen);
        match seen {
            Seen::Ordered(Action::Store { call, keep: Keep::Record(record), .. }) => self.judge(call, record),
            _ => Ok(()),
        }
    }
}
