//! By which of a host's targets people are called, and how a call goes on when one does not take it.
//!
//! RFC 3263 section 4.3: the next target is called on 503, when nothing can be sent there, and when nothing comes back.
//! The last is not waited for as long as there: the person's phone is to ring within the time of the step.
//!
//! Invariant: each target is called at most once for one ringing, all within its time, and the caller hears nothing of it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use desk::call::Leg;
use desk::machine::Moment;
use sip::{LegId, Unanswered};

use super::{CallNumber, Exchange};
use crate::contract::{Action, SoundOrder};
use crate::legs::PersonState;
use crate::setup::Way;
use crate::wording;

/// How long a far end may be without any reply where another is left: a proxy says that it tries within 200 ms (RFC 3261
/// section 8.2.6.1), and three repetitions may get lost meanwhile.
pub(super) const NO_WORD: Duration = Duration::from_secs(3);
/// With less time than this left, nobody's phone would ring long enough.
const TOO_LATE: Duration = Duration::from_secs(1);

/// Numbers that spread calls over targets; no stranger gains anything by guessing them.
#[derive(Debug)]
pub(super) struct Luck(pub(super) u64);

impl Luck {
    /// A number from 0 up to and with `most`. Source: splitmix64 (Steele, Lea and Flood, 2014).
    fn up_to(&mut self, most: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((bits ^ bits >> 31) % (u64::from(most) + 1)).unwrap_or(0)
    }
}

/// How a call was not taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct NotTaken {
    pub status: u16,
    pub why: Unanswered,
    pub retry_after: Option<Duration>,
}

impl NotTaken {
    /// True if it is the target that failed, and not the person who said no.
    fn is_the_targets_fault(self) -> bool {
        self.why == Unanswered::Silent || self.status == 503
    }

    /// True if another offer of sound may be taken. RFC 3261 sections 21.4.13, 21.4.26 and 21.6.4.
    fn is_about_sound(&self) -> bool {
        matches!(self.status, 415 | 488 | 606)
    }
}

/// What is different when a person is called again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// The host's next target.
    NextTarget,
    /// The same target; sound that may be encrypted is not this time.
    InTheClear,
}

impl Exchange {
    /// The paths of this way in the order in which they are to be tried this time.
    pub(super) fn paths_by(&mut self, way: &Way, now: Moment) -> VecDeque<sip::Path> {
        let luck = &mut self.luck;
        let mut paths = way.paths().in_order(|most| luck.up_to(most));
        self.penalties.put_last(&mut paths, |path| path.remote, now.mono);
        paths.into()
    }

    /// A placed call was not taken: it goes on to the next target, if that may help, or has failed.
    pub(super) fn person_refused(&mut self, call: CallNumber, person: u16, not_taken: NotTaken, now: Moment) {
        if not_taken.is_the_targets_fault() {
            self.target_failed(call, person, not_taken, now);
            if self.calls_again(call, person, Again::NextTarget, now) {
                return;
            }
        }
        if not_taken.is_about_sound() && self.calls_again(call, person, Again::InTheClear, now) {
            return;
        }
        self.person_failed(call, person, wording::tried(not_taken.why), now);
    }

    fn target_failed(&mut self, call: CallNumber, person: u16, not_taken: NotTaken, now: Moment) {
        let Some((trunk, remote)) = self.target_of(call, person) else { return };
        if self.penalties.punish(remote, not_taken.retry_after, now.mono) {
            let status = Some(not_taken.status).filter(|_| not_taken.why != Unanswered::Silent);
            self.out.push_back(Action::TargetFailed { trunk, remote, status });
        }
    }

    /// The target of a person's leg has said a word.
    pub(super) fn target_serves(&mut self, call: CallNumber, person: u16) {
        let Some((trunk, remote)) = self.target_of(call, person) else { return };
        if self.penalties.pardon(remote) {
            self.out.push_back(Action::TargetServes { trunk, remote });
        }
    }

    fn target_of(&self, call: CallNumber, person: u16) -> Option<(String, SocketAddr)> {
        let leg = self.calls.get(&call)?.people.get(&person)?;
        Some((leg.reach.via.clone(), leg.paths.front()?.remote))
    }

    /// Begins anew: with a socket of its own, because the next target may be reached from another address of ours. False
    /// if there is nothing else to try, or no time.
    fn calls_again(&mut self, call: CallNumber, person: u16, again: Again, now: Moment) -> bool {
        let (sound, sip) = (self.new_sound(), LegId::placed(self.placed + 1));
        let Some(legs) = self.calls.get_mut(&call) else { return false };
        let beside = legs.caller.sound;
        let Some(leg) = legs.people.get_mut(&person) else { return false };
        let in_time = leg.ring_until.saturating_sub(now.mono) >= TOO_LATE;
        if leg.state != PersonState::Ringing || !in_time {
            return false;
        }
        match again {
            Again::NextTarget if leg.paths.len() < 2 => return false,
            Again::NextTarget => drop(leg.paths.pop_front()),
            Again::InTheClear if leg.may_do_without_encryption() => leg.in_the_clear = true,
            Again::InTheClear => return false,
        }
        let Some(path) = leg.paths.front() else { return false };
        let (bind, toward) = (path.local.ip(), path.remote.ip());
        self.placed += 1;
        let old = (std::mem::replace(&mut leg.sound, sound), std::mem::replace(&mut leg.sip, sip));
        (leg.state, leg.offer, leg.address) = (PersonState::Opening, None, None);
        self.by_sound.remove(&old.0);
        self.by_sip.remove(&old.1);
        self.by_sound.insert(sound, (call, Leg::Person(person)));
        self.by_sip.insert(sip, (call, Leg::Person(person)));
        self.out.push_back(Action::Sound { sound: old.0, order: SoundOrder::Close });
        self.out.push_back(Action::OpenSound { sound, bind, toward, beside: Some(beside) });
        true
    }
}
