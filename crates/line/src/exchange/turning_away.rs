//! Callers for whom there is no channel: each leaves a record, so that the owner sees who was told busy.
//!
//! Only calls that a trunk lets in and that dial one of its lines come this far. How many were turned away in all is counted
//! elsewhere; here it is bounded what a flood of calls writes to the disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use desk::call::Call;
use desk::machine::Moment;
use desk::number::E164;
use sip::Invitation;

use super::Exchange;
use crate::contract::{Action, Keep};

const WITHIN: Duration = Duration::from_secs(60);
/// Records of callers turned away within [`WITHIN`], of all trunks. A kilobyte each: a flood that never ends writes less
/// than 15 MB a day.
const MOST: usize = 10;

/// When the latest of these records were made.
#[derive(Debug, Default)]
pub(super) struct TurnedAway(VecDeque<Duration>);

impl TurnedAway {
    fn has_room(&mut self, now: Duration) -> bool {
        while self.0.front().is_some_and(|at| *at + WITHIN <= now) {
            self.0.pop_front();
        }
        let has_room = self.0.len() < MOST;
        if has_room {
            self.0.push_back(now);
        }
        has_room
    }
}

impl Exchange {
    pub(super) fn keep_turned_away(
        &mut self,
        number: E164,
        invitation: &Invitation,
        because: &str,
        now: Moment,
    ) {
        let Some(line) = self.setup.business.lines.get(&number).cloned() else { return };
        if !self.turned_away.has_room(now.mono) {
            return;
        }
        self.counted += 1;
        let id = self.name(now);
        let arrival = self.arrival(id.clone(), number, invitation);
        let desk = Call::new(Arc::clone(&self.setup.business), line, arrival, now);
        let record = desk.turned_away(because, now);
        self.out.push_back(Action::Store { call: id, ask: None, keep: Keep::TurnedAway(Box::new(record)) });
    }
}
