//! What is opened is closed, what is taken comes back, and what is asked is answered once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use desk::call::{ListenId, SayingId};
use desk::machine::{Ask, Moment};
use desk::record::CallId;
use line::{Action, Event, SoundEvent, SoundId, SoundOrder};
use sip::{LegId, Notice, Order};

use super::{Broken, Promise, Seen};

/// No socket and no SIP leg outlives its call.
#[derive(Debug, Default)]
pub(super) struct NoLegLeftOpen {
    sounds: BTreeSet<SoundId>,
    legs: BTreeSet<LegId>,
}

impl Promise for NoLegLeftOpen {
    fn name(&self) -> &'static str {
        "NoLegLeftOpen"
    }

    fn sentence(&self) -> &'static str {
        "When a call is over, none of its legs is left open, neither in SIP nor in sound."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Ordered(Action::OpenSound { sound, .. }) => {
                self.sounds.insert(*sound);
            }
            Seen::Told(Event::SoundRefused { sound })
            | Seen::Ordered(Action::Sound { sound, order: SoundOrder::Close }) => {
                self.sounds.remove(sound);
            }
            Seen::Told(Event::Sip(Notice::Invited(invitation))) => {
                self.legs.insert(invitation.leg);
            }
            Seen::Ordered(Action::Sip(Order::Call(call) | Order::CallOver { call, .. })) => {
                self.legs.insert(call.leg);
            }
            Seen::Told(Event::Sip(notice)) if notice.is_ending() => {
                self.legs.retain(|leg| Some(*leg) != notice.leg());
            }
            Seen::Died => {
                self.sounds.clear();
                self.legs.clear();
            }
            Seen::Settled(exchange) if exchange.calls_up() == 0 && !self.sounds.is_empty() => {
                return Broken::everywhere(format!("every call is over, and {:?} are open", self.sounds));
            }
            Seen::Over(_) if !self.legs.is_empty() || !self.sounds.is_empty() => {
                return Broken::everywhere(format!(
                    "the day is over with {:?} and {:?}",
                    self.legs, self.sounds
                ));
            }
            _ => {}
        }
        Ok(())
    }
}

/// With no call up, no channel is taken.
#[derive(Debug)]
pub(super) struct ChannelsComeBack;

impl Promise for ChannelsComeBack {
    fn name(&self) -> &'static str {
        "ChannelsComeBack"
    }

    fn sentence(&self) -> &'static str {
        "When every call is over, every channel is free, and never are more taken than there are."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        let (Seen::Settled(exchange) | Seen::Over(exchange)) = seen else { return Ok(()) };
        for (trunk, taken, limit) in exchange.board().channels() {
            if taken > limit || (taken > 0 && exchange.calls_up() == 0) {
                return Broken::everywhere(format!("{taken} of {limit} channels of {trunk} are taken"));
            }
        }
        Ok(())
    }
}

/// Whoever picks up is connected, asked to press 1, or let go.
#[derive(Debug, Default)]
pub(super) struct LatePersonReleased {
    opened: Option<SoundId>,
    sounds: BTreeMap<SoundId, LegId>,
    waiting: BTreeMap<LegId, Duration>,
}

/// Who is asked to press 1 has 25 s for it, with what they are told before.
const LET_GO_WITHIN: Duration = Duration::from_secs(27);

impl Promise for LatePersonReleased {
    fn name(&self) -> &'static str {
        "LatePersonReleased"
    }

    fn sentence(&self) -> &'static str {
        "A person who picks up, however late, is connected or let go within 27 s."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, now: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Died => *self = LatePersonReleased::default(),
            Seen::Told(Event::SoundOpened { sound, .. }) => self.opened = Some(*sound),
            Seen::Ordered(Action::Sip(Order::Call(call) | Order::CallOver { call, .. })) => {
                self.sounds.extend(self.opened.take().map(|sound| (sound, call.leg)));
            }
            Seen::Told(Event::Sip(Notice::Answered { leg, .. })) => {
                self.waiting.insert(*leg, now.mono);
            }
            Seen::Ordered(Action::Sound { order: SoundOrder::Bridge { with }, .. }) => {
                if let Some(leg) = self.sounds.get(with) {
                    self.waiting.remove(leg);
                }
            }
            Seen::Ordered(Action::Sip(Order::HangUp { leg, .. })) => {
                self.waiting.remove(leg);
            }
            Seen::Told(Event::Sip(notice)) if notice.is_ending() => {
                self.waiting.retain(|leg, _| Some(*leg) != notice.leg());
            }
            Seen::Settled(_) => {
                let left = self.waiting.iter().find(|(_, since)| now.mono > **since + LET_GO_WITHIN);
                if let Some((leg, _)) = left {
                    return Broken::everywhere(format!("the person on {leg} picked up and hears nobody"));
                }
            }
            Seen::Over(_) if !self.waiting.is_empty() => {
                return Broken::everywhere(format!(
                    "these picked up and were never let go: {:?}",
                    self.waiting
                ));
            }
            _ => {}
        }
        Ok(())
    }
}

/// One thing that was asked of the shell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Socket(SoundId),
    Final(SoundId),
    Saying(SoundId, SayingId),
    Heard(CallId, ListenId),
    Stored(CallId, Ask),
    Message(CallId),
}

/// Every question to the shell has at most one answer, and no answer comes unasked.
#[derive(Debug)]
pub(super) struct AskedAnsweredOnce {
    asked: BTreeMap<Asked, u32>,
    /// Sayings of legs that are closed: their end may still come, or not.
    lapsed: BTreeSet<Asked>,
    strict: bool,
}

impl AskedAnsweredOnce {
    pub fn new(strict: bool) -> Self {
        AskedAnsweredOnce { asked: BTreeMap::new(), lapsed: BTreeSet::new(), strict }
    }

    fn ask(&mut self, asked: Asked) {
        *self.asked.entry(asked).or_insert(0) += 1;
    }

    fn answer(&mut self, asked: &Asked) -> Result<(), Broken> {
        match self.asked.get_mut(asked) {
            Some(left) if *left > 1 => *left -= 1,
            Some(_) => drop(self.asked.remove(asked)),
            None if self.lapsed.remove(asked) => {}
            None => return Broken::everywhere(format!("answered twice or unasked: {asked:?}")),
        }
        Ok(())
    }

    fn order(&mut self, action: &Action) {
        match action {
            Action::OpenSound { sound, .. } => self.ask(Asked::Socket(*sound)),
            Action::Sound { sound, order: SoundOrder::Close } => {
                let of_it = |asked: &Asked, _: &mut u32| matches!(asked, Asked::Saying(of, _) if of == sound);
                self.lapsed.extend(self.asked.extract_if(.., of_it).map(|(asked, _)| asked));
                self.ask(Asked::Final(*sound));
            }
            Action::Say { sound, saying, .. } => self.ask(Asked::Saying(*sound, *saying)),
            Action::Conclude { call, listen } => self.ask(Asked::Heard(call.clone(), *listen)),
            Action::Store { call, ask: Some(ask), .. } => self.ask(Asked::Stored(call.clone(), *ask)),
            Action::TakeMessage { call, .. } => self.ask(Asked::Message(call.clone())),
            // Also of a recording that was never begun, or has failed.
            Action::EndMessage { call } => drop(self.asked.entry(Asked::Message(call.clone())).or_insert(1)),
            _ => {}
        }
    }

    fn told(&mut self, event: &Event) -> Result<(), Broken> {
        match event {
            Event::SoundOpened { sound, .. } | Event::SoundRefused { sound } => {
                self.answer(&Asked::Socket(*sound))
            }
            Event::Sound { sound, event } => match event {
                SoundEvent::Said { saying, .. } | SoundEvent::SayFailed { saying } => {
                    self.answer(&Asked::Saying(*sound, *saying))
                }
                SoundEvent::Closed { .. } => self.answer(&Asked::Final(*sound)),
                _ => Ok(()),
            },
            Event::Heard { call, listen, .. } => self.answer(&Asked::Heard(call.clone(), *listen)),
            Event::Stored { call, ask, .. } => self.answer(&Asked::Stored(call.clone(), *ask)),
            Event::MessageEnded { call, .. } => self.answer(&Asked::Message(call.clone())),
            Event::Sip(_) | Event::Paced { .. } | Event::Closing(_) => Ok(()),
        }
    }
}

impl Promise for AskedAnsweredOnce {
    fn name(&self) -> &'static str {
        "AskedAnsweredOnce"
    }

    fn sentence(&self) -> &'static str {
        "Whatever is asked of the shell is answered once, and on a perfect day nothing is left unanswered."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Ordered(action) => self.order(action),
            Seen::Told(event) => return self.told(event),
            Seen::Over(_) if self.strict => {
                if let Some(asked) = self.asked.keys().next() {
                    return Broken::everywhere(format!("never answered: {asked:?}"));
                }
            }
            Seen::Died => *self = AskedAnsweredOnce::new(self.strict),
            Seen::Over(_) | Seen::Settled(_) | Seen::Kept { .. } | Seen::Quiet { .. } => {}
        }
        Ok(())
    }
}
