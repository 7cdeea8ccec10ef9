//! What is recorded, and who knows of it.

use std::collections::{BTreeMap, BTreeSet};

use desk::call::{SayingId, TapeOrder};
use desk::machine::Moment;
use desk::record::CallId;
use desk::sayings;
use line::{Action, Event, SoundEvent, SoundId, SoundOrder};

use super::{Broken, Promise, Seen};

/// Nobody is on a recording who has not heard to its end that there is one.
#[derive(Debug, Default)]
pub(super) struct RecordedOnlyWhenTold {
    /// The notice on its way.
    telling: BTreeSet<(SoundId, SayingId)>,
    told: BTreeSet<SoundId>,
    /// Who hears the caller.
    bridged: BTreeMap<SoundId, SoundId>,
    /// Recordings that run, by the caller's leg.
    running: BTreeMap<SoundId, CallId>,
}

impl Promise for RecordedOnlyWhenTold {
    fn name(&self) -> &'static str {
        "RecordedOnlyWhenTold"
    }

    fn sentence(&self) -> &'static str {
        "Nothing is recorded before everybody who is heard on it has heard to its end that it is."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            // Sounds are numbered anew after the next start.
            Seen::Died => *self = RecordedOnlyWhenTold::default(),
            Seen::Ordered(Action::Say { sound, saying, phrases, .. })
                if phrases.iter().any(|phrase| phrase.text == sayings::RECORDED) =>
            {
                self.telling.insert((*sound, *saying));
            }
            Seen::Told(Event::Sound { sound, event: SoundEvent::Said { saying, whole: true, .. } })
                if self.telling.remove(&(*sound, *saying)) =>
            {
                self.told.insert(*sound);
            }
            Seen::Ordered(Action::Sound { sound, order: SoundOrder::Bridge { with } }) => {
                self.bridged.insert(*sound, *with);
            }
            Seen::Ordered(Action::Sound { sound, order: SoundOrder::Close }) => {
                self.bridged.retain(|_, with| with != sound);
            }
            Seen::Ordered(Action::Tape { call, sound, order }) => match order {
                TapeOrder::Begin { .. } | TapeOrder::Resume => {
                    self.running.insert(*sound, call.clone());
                }
                TapeOrder::Pause { .. } | TapeOrder::End | TapeOrder::Destroy => {
                    self.running.remove(sound);
                }
            },
            Seen::Settled(_) => return self.check(),
            _ => {}
        }
        Ok(())
    }
}

impl RecordedOnlyWhenTold {
    fn check(&self) -> Result<(), Broken> {
        for (caller, call) in &self.running {
            let unaware = |sound: &SoundId| !self.told.contains(sound);
            if unaware(caller) {
                return Broken::of(call, "the caller is recorded and has not heard so");
            }
            if self.bridged.get(caller).is_some_and(unaware) {
                return Broken::of(call, "a person is recorded and has not heard so");
            }
        }
        Ok(())
    }
}
