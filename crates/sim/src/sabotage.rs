//! Mischief of the driver, one for each promise, so that every checker is known to fail when it must.

use desk::call::{ListenId, TapeOrder};
use desk::record::Outcome;
use line::{Action, Keep, SoundOrder};

/// What the driver does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Wakes no call when its deadline comes.
    SleepsThroughDeadlines,
    /// Loses records on the way to the store.
    LosesRecords,
    /// Keeps each record twice.
    KeepsRecordsTwice,
    /// Writes `lost` over an outcome.
    CallsItLost,
    /// Writes `transferred` over an outcome.
    CallsItTransferred,
    /// Loses callback tasks.
    LosesCallbacks,
    /// Leaves sockets open.
    LeavesSocketsOpen,
    /// Takes a channel and never gives it back.
    TakesAChannel,
    /// Does not carry out hanging up on people.
    KeepsPeopleOnTheLine,
    /// Answers what was heard twice.
    AnswersTwice,
    /// Says that it stored what it did not.
    ClaimsToHaveStored,
    /// Gives a slot that is taken to somebody else.
    GivesASlotTwice,
    /// Plays no filler, and renders slowly.
    PlaysNoFiller,
    /// Records what was to be left out.
    RecordsOn,
}

impl Sabotage {
    /// What becomes of an order on its way; `None`: nothing.
    pub(crate) fn bend(self, action: Action) -> Option<Action> {
        match (self, action) {
            (Sabotage::LosesRecords, Action::Store { keep: Keep::Record(_), .. })
            | (Sabotage::LosesCallbacks, Action::Store { keep: Keep::Callback(_), .. })
            | (Sabotage::LeavesSocketsOpen, Action::Sound { order: SoundOrder::Close, .. })
            | (Sabotage::RecordsOn, Action::Tape { order: TapeOrder::Pause { .. }, .. }) => None,
            (Sabotage::KeepsPeopleOnTheLine, Action::Sip(sip::Order::HangUp { leg, .. }))
                if leg.is_placed() =>
            {
                None
            }
            (Sabotage::CallsItLost, Action::Store { call, ask, keep: Keep::Record(mut record) }) => {
                record.outcome = Outcome::Lost;
                Some(Action::Store { call, ask, keep: Keep::Record(record) })
            }
            (Sabotage::CallsItTransferred, Action::Store { call, ask, keep: Keep::Record(mut record) }) => {
                record.outcome = Outcome::Transferred;
                Some(Action::Store { call, ask, keep: Keep::Record(record) })
            }
            (_, action) => Some(action),
        }
    }

    /// An answer that nobody asked for.
    pub(crate) fn repeats(self, event: &line::Event) -> Option<line::Event> {
        match (self, event) {
            (Sabotage::AnswersTwice, line::Event::Heard { call, listen: ListenId(listen), heard }) => {
                let (call, heard) = (call.clone(), heard.clone());
                Some(line::Event::Heard { call, listen: ListenId(*listen), heard })
            }
            _ => None,
        }
    }
}
