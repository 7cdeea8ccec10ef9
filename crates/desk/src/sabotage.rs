//! Mischief in the very source of this room and of `line`, so that each promise is known to have a checker that fails when
//! it must.
//!
//! Only the tests of `sim` are built with it, by the feature `sabotage`; `firstring` does not compile with that feature on.
//! Without it every question here is answered `false` while compiling, and nothing is left of what would be done.

/// Whether this build contains the mischief.
pub const COMPILED_IN: bool = cfg!(feature = "sabotage");

/// What the desk or the line does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// A call whose phones ring names no deadline.
    ForgetsADeadline,
    /// A record is filed twice.
    FilesTwice,
    /// A question that could not be spoken is waited on all the same.
    IgnoresAVoiceFailure,
    /// Nobody hangs up on a person any more, nor stops their phone: whoever picks up too late is left on the line.
    KeepsLatePeople,
    /// A time that was held is not given back.
    KeepsAHold,
    /// Whoever leaves without help leaves no callback task.
    ForgetsTheCallback,
    /// A booking is spoken of before it is stored.
    SpeaksOfABookingEarly,
    /// A call back is promised whether it is stored or not.
    PromisesWhatIsNotStored,
    /// The outcome is written over when the record is filed.
    OverwritesTheOutcome,
    /// Whoever hangs up while being served is called lost.
    CallsItLost,
    /// Every second step of a plan is left out.
    SkipsAStep,
    /// The last rule of a plan decides, not the first that holds.
    TakesTheLastRule,
    /// People are rung three times as long as the plan says.
    RingsForTooLong,
    /// A caller's channel is not given back.
    KeepsAChannel,
    /// The socket of a caller who hung up stays open.
    LeavesASocketOpen,
    /// The media thread is not told to fill the silence.
    ArmsNoFiller,
    /// A stored booking takes no place in the diary.
    ForgetsABooking,
    /// A caller's silence is over at once, and leads nowhere.
    GoesInCircles,
    /// The assistant takes new callers while the machine is short of a core.
    TalksAllTheSame,
}

impl Sabotage {
    /// Every kind.
    pub const ALL: [Sabotage; 19] = [
        Sabotage::ForgetsADeadline,
        Sabotage::FilesTwice,
        Sabotage::IgnoresAVoiceFailure,
        Sabotage::KeepsLatePeople,
        Sabotage::KeepsAHold,
        Sabotage::ForgetsTheCallback,
        Sabotage::SpeaksOfABookingEarly,
        Sabotage::PromisesWhatIsNotStored,
        Sabotage::OverwritesTheOutcome,
        Sabotage::CallsItLost,
        Sabotage::SkipsAStep,
        Sabotage::TakesTheLastRule,
        Sabotage::RingsForTooLong,
        Sabotage::KeepsAChannel,
        Sabotage::LeavesASocketOpen,
        Sabotage::ArmsNoFiller,
        Sabotage::ForgetsABooking,
        Sabotage::GoesInCircles,
        Sabotage::TalksAllTheSame,
    ];
}

/// Whether this is being done, on this thread.
#[cfg(not(feature = "sabotage"))]
#[inline(always)]
pub const fn is(_: Sabotage) -> bool {
    false
}

#[cfg(feature = "sabotage")]
pub use compiled_in::{commit, is};

#[cfg(feature = "sabotage")]
mod compiled_in {
    use std::cell::Cell;

    use super::Sabotage;

    thread_local! {
        static COMMITTED: Cell<Option<Sabotage>> = const { Cell::new(None) };
    }

    /// From now on this is done on this thread, or nothing any more.
    pub fn commit(sabotage: Option<Sabotage>) {
        COMMITTED.set(sabotage);
    }

    /// Whether this is being done, on this thread.
    pub fn is(sabotage: Sabotage) -> bool {
        COMMITTED.get() == Some(sabotage)
    }
}
