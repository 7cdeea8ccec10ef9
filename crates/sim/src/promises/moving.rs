//! What fails moves the call on, and what was held is given back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use desk::call::SayingId;
use desk::machine::Moment;
use desk::record::CallId;
use line::{Action, Event, Keep, SoundEvent, SoundId};

use super::{Broken, Promise, Seen};

/// A question nobody hears is not waited on.
#[derive(Debug, Default)]
pub(super) struct FailureMovesOn {
    /// Whose legs are listened to, and what was said last there.
    asked: BTreeMap<SoundId, Asked>,
    failed: BTreeMap<CallId, Duration>,
}

#[derive(Debug)]
struct Asked {
    call: CallId,
    last: Option<SayingId>,
    listens: bool,
}

/// From the failure to the next order for the call.
const MOVES_ON_WITHIN: Duration = Duration::from_secs(3);

impl FailureMovesOn {
    fn asked(&mut self, call: &CallId, sound: SoundId) -> &mut Asked {
        self.failed.remove(call);
        self.asked.entry(sound).or_insert_with(|| Asked { call: call.clone(), last: None, listens: false })
    }

    fn failed(&mut self, sound: SoundId, saying: SayingId, now: Moment) {
        let asked = self.asked.get(&sound).filter(|asked| asked.listens && asked.last == Some(saying));
        if let Some(asked) = asked {
            self.failed.insert(asked.call.clone(), now.mono);
        }
    }

    fn overdue(&self, now: Moment) -> Option<&CallId> {
        let late = |since: &Duration| now.mono.saturating_sub(*since) > MOVES_ON_WITHIN;
        self.failed.iter().find(|(_, since)| late(since)).map(|(call, _)| call)
    }
}

impl Promise for FailureMovesOn {
    fn name(&self) -> &'static str {
        "FailureMovesOn"
    }

    fn sentence(&self) -> &'static str {
        "A question that cannot be spoken moves the call on within 3 s."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, now: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Ordered(Action::Say { call, sound, saying, .. }) => {
                self.asked(call, *sound).last = Some(*saying);
            }
            Seen::Ordered(Action::Listen { call, sound, .. }) => self.asked(call, *sound).listens = true,
            Seen::Ordered(Action::StopListening { call, sound }) => {
                self.asked(call, *sound).listens = false;
            }
            Seen::Ordered(
                Action::Conclude { call, .. }
                | Action::TakeMessage { call, .. }
                | Action::Store { call, keep: Keep::Record(_) | Keep::Callback(_), .. },
            ) => {
                self.failed.remove(call);
            }
            Seen::Told(Event::Sound { sound, event: SoundEvent::SayFailed { saying } }) => {
                self.failed(*sound, *saying, now);
            }
            Seen::Told(Event::Sound { sound, event: SoundEvent::Closed { .. } }) => {
                self.asked.remove(sound);
            }
            Seen::Died => *self = FailureMovesOn::default(),
            Seen::Settled(_) => {
                if let Some(call) = self.overdue(now) {
                    return Broken::of(call, "a question could not be spoken, and nothing came of it");
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// A call that is over holds no time in a diary.
#[derive(Debug, Default)]
pub(super) struct HoldsGivenBack {
    over: BTreeSet<CallId>,
}

impl Promise for HoldsGivenBack {
    fn name(&self) -> &'static str {
        "HoldsGivenBack"
    }

    fn sentence(&self) -> &'static str {
        "When a call is over, the times that were held for it are free again."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Ordered(Action::Store { call, keep: Keep::Record(_), .. }) => {
                self.over.insert(call.clone());
            }
            Seen::Died => self.over.clear(),
            Seen::Settled(exchange) => {
                while let Some(call) = self.over.pop_first() {
                    if exchange.board().holds_for(&call.0) {
                        return Broken::of(&call, "it is over, and a time is still held for it");
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}
