//! What calls share: the channels of each trunk, the diaries of each calendar, and the queues.
//!
//! Lives on the control thread, so that nothing here needs a lock.
//! Invariant: a channel taken is given back exactly once, and a slot is held for one call at a time.

use std::collections::BTreeMap;

use crate::booking::Diary;
use crate::queue::Queues;

/// One call's worth of a trunk, while it is taken. Not `Clone`: it is given back by value.
#[derive(Debug, PartialEq, Eq)]
pub struct Channel {
    trunk: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct Lines {
    limit: u32,
    taken: u32,
    /// Kept for callers: no person is rung on these.
    reserved: u32,
}

/// The state that calls share.
#[derive(Debug, Default)]
pub struct Switchboard {
    trunks: BTreeMap<String, Lines>,
    diaries: BTreeMap<String, Diary>,
    queues: Queues,
}

impl Switchboard {
    /// A board with these channels per trunk and these diaries per calendar.
    pub fn new(channels: &BTreeMap<String, u32>, diaries: BTreeMap<String, Diary>) -> Self {
        let trunks =
            channels.iter().map(|(t, &limit)| (t.clone(), Lines { limit, ..Lines::default() })).collect();
        Switchboard { trunks, diaries, queues: Queues::default() }
    }

    /// Takes one channel of `trunk`, unless all are taken or there is no such trunk.
    pub fn take(&mut self, trunk: &str) -> Option<Channel> {
        let lines = self.trunks.get_mut(trunk).filter(|lines| lines.taken < lines.limit)?;
        lines.taken += 1;
        Some(Channel { trunk: trunk.to_string() })
    }

    /// Keeps so many channels of `trunk` free for callers: people are not rung on them.
    pub fn reserve(&mut self, trunk: &str, channels: u32) {
        if let Some(lines) = self.trunks.get_mut(trunk) {
            lines.reserved = channels;
        }
    }

    /// Takes one channel of `trunk` to ring a person, unless only those are left that are kept for callers.
    pub fn take_for_person(&mut self, trunk: &str) -> Option<Channel> {
        if self.is_short(trunk) { None } else { self.take(trunk) }
    }

    /// True while nobody can be rung over `trunk`: no channel is free but those that are kept for callers.
    pub fn is_short(&self, trunk: &str) -> bool {
        self.trunks.get(trunk).is_none_or(|lines| lines.limit.saturating_sub(lines.taken) <= lines.reserved)
    }

    /// Gives a channel back.
    pub fn give_back(&mut self, channel: Channel) {
        if let Some(lines) = self.trunks.get_mut(&channel.trunk) {
            lines.taken = lines.taken.saturating_sub(1);
        }
    }

    /// Channels taken and configured, by trunk.
    pub fn channels(&self) -> impl Iterator<Item = (&str, u32, u32)> {
        self.trunks.iter().map(|(name, lines)| (name.as_str(), lines.taken, lines.limit))
    }

    /// Takes up a changed configuration: calls that are up keep their channels.
    pub fn set_channels(&mut self, channels: &BTreeMap<String, u32>) {
        for lines in self.trunks.values_mut() {
            lines.limit = 0;
        }
        for (name, &limit) in channels {
            self.trunks.entry(name.clone()).or_default().limit = limit;
        }
    }

    /// Gives back every slot held for a call.
    pub fn release_holds(&mut self, call: &str) {
        for diary in self.diaries.values_mut() {
            diary.release(call);
        }
    }

    /// Who waits.
    pub fn queues(&self) -> &Queues {
        &self.queues
    }

    /// Who waits, to be changed.
    pub fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    /// Whether any time is held for a call.
    pub fn holds_for(&self, call: &str) -> bool {
        self.diaries.values().any(|diary| diary.holds_for(call))
    }

    /// The diary of a calendar.
    pub fn diary(&mut self, calendar: &str) -> Option<&mut Diary> {
        self.diaries.get_mut(calendar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Switchboard {
        Switchboard::new(&BTreeMap::from([("main".to_string(), 2)]), BTreeMap::new())
    }

    #[test]
    fn a_third_call_on_two_channels_waits_until_one_is_given_back() {
        let mut board = board();
        let first = board.take("main").unwrap();
        let second = board.take("main").unwrap();
        assert_eq!(board.take("main"), None);
        board.give_back(first);
        assert!(board.take("main").is_some());
        board.give_back(second);
    }

    #[test]
    fn the_last_channels_are_kept_for_callers_and_no_person_is_rung_on_them() {
        let mut board = Switchboard::new(&BTreeMap::from([("main".to_string(), 4)]), BTreeMap::new());
        board.reserve("main", 1);
        let caller = board.take("main").unwrap();
        let person = board.take_for_person("main").unwrap();
        let other = board.take("main").unwrap();
        assert_eq!(board.take_for_person("main"), None);
        let last = board.take("main").unwrap();
        for channel in [caller, person, other, last] {
            board.give_back(channel);
        }
    }

    #[test]
    fn fewer_channels_after_a_change_are_honoured_once_calls_have_ended() {
        let mut board = board();
        let (first, second) = (board.take("main").unwrap(), board.take("main").unwrap());
        board.set_channels(&BTreeMap::from([("main".to_string(), 1)]));
        board.give_back(first);
        assert_eq!(board.take("main"), None);
        board.give_back(second);
        assert!(board.take("main").is_some());
    }
}
