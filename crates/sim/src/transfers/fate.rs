//! What befalls a transfer: every state a call can be in, which side hangs up then, and everything else that goes wrong.

use desk::record::Tried;

/// How far a transfer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The person's phone rings.
    Ringing,
    /// The person's network plays something while it rings (183 with a description).
    EarlyMedia,
    /// The person has picked up and is being told who calls.
    Whispered,
    /// The person has been told and has not pressed 1 yet.
    Undecided,
    /// Both talk.
    Bridged,
    /// One of both holds the call.
    Held,
    /// The person has hung up and the caller has not.
    Left,
    /// The trunk was asked to put the caller through, because no channel is free.
    HandedOver,
    /// The person has the caller put through to somebody else, whose phone rings.
    PutThrough,
}

/// What a trunk makes of the wish to put a caller through by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Handing {
    /// The person takes the call, and the trunk tells.
    Taken,
    /// The same, and the trunk hangs up with it.
    TakenAndLeft,
    /// The same, when nobody waits for it any longer.
    TakenLate,
    /// The person is busy.
    Busy,
    /// The person declines.
    Declined,
    /// Nobody picks up.
    NoAnswer,
    /// The trunk will not.
    Refused,
    /// The trunk says nothing more.
    Untold,
    /// The trunk says that nothing more will be told.
    Ended,
    /// The trunk hangs up without a word.
    LeftWithoutWord,
}

impl Handing {
    const ALL: [Handing; 10] = [
        Handing::Taken,
        Handing::TakenAndLeft,
        Handing::TakenLate,
        Handing::Busy,
        Handing::Declined,
        Handing::NoAnswer,
        Handing::Refused,
        Handing::Untold,
        Handing::Ended,
        Handing::LeftWithoutWord,
    ];
    /// Those that make sense of two who talk.
    const JOINING: [Handing; 5] =
        [Handing::Taken, Handing::TakenAndLeft, Handing::Declined, Handing::Refused, Handing::Untold];

    fn tried(self) -> Tried {
        match self {
            Handing::Taken | Handing::TakenAndLeft => Tried::HandedOver,
            Handing::Busy => Tried::Busy,
            Handing::Declined => Tried::Declined,
            Handing::NoAnswer => Tried::NoAnswer,
            Handing::Refused => Tried::HandoverRefused,
            Handing::TakenLate | Handing::Untold | Handing::Ended | Handing::LeftWithoutWord => {
                Tried::HandoverUntold
            }
        }
    }
}

/// What comes of a caller whom a person puts through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Passing {
    /// The other person takes the call.
    Taken,
    /// The other person is busy.
    Busy,
    /// Nobody picks up.
    RangOut,
    /// The first person hangs up at once, and the other takes the call.
    LeftAndTaken,
    /// The first person hangs up at once, and nobody takes the call.
    LeftAndBusy,
    /// Whoever was named is nobody of ours.
    ToNobody,
    /// The caller is the one who asks, which callers may not.
    ByCaller,
}

impl Passing {
    const ALL: [Passing; 7] = [
        Passing::Taken,
        Passing::Busy,
        Passing::RangOut,
        Passing::LeftAndTaken,
        Passing::LeftAndBusy,
        Passing::ToNobody,
        Passing::ByCaller,
    ];

    /// What came of the other phone, if it was rung.
    pub(super) fn other(self) -> Option<Tried> {
        match self {
            Passing::Taken | Passing::LeftAndTaken => Some(Tried::Answered),
            Passing::Busy | Passing::LeftAndBusy => Some(Tried::Busy),
            Passing::RangOut => Some(Tried::NoAnswer),
            Passing::ToNobody | Passing::ByCaller => None,
        }
    }
}

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The caller.
    Caller,
    /// The person.
    Person,
}

/// Why a phone is not picked up, as its network says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// 486.
    Busy,
    /// 603.
    Declined,
    /// 480.
    Absent,
    /// 408.
    TimedOut,
    /// 503.
    Unavailable,
    /// Not a single reply.
    Silent,
    /// It rings, and nobody comes.
    RangOut,
}

impl Refused {
    const ALL: [Refused; 7] = [
        Refused::Busy,
        Refused::Declined,
        Refused::Absent,
        Refused::TimedOut,
        Refused::Unavailable,
        Refused::Silent,
        Refused::RangOut,
    ];

    fn tried(self) -> Tried {
        match self {
            Refused::Busy => Tried::Busy,
            Refused::Declined => Tried::Declined,
            Refused::Absent | Refused::RangOut => Tried::NoAnswer,
            Refused::TimedOut | Refused::Unavailable => Tried::Unreachable,
            // Whose phone gives no sign for as long as it may ring did not pick up; nobody can tell more.
            Refused::Silent => Tried::NoAnswer,
        }
    }
}

/// What befalls one transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Somebody hangs up.
    HangUp(State, Side),
    /// The caller gives up in the moment in which the person picks up.
    CallerCrossesPickUp,
    /// The caller gives up in the moment in which we answer them, because a person did.
    CancelCrossesAnswer,
    /// The phone is not picked up.
    Refused(Refused),
    /// Voicemail picks up and presses nothing.
    Machine,
    /// The person presses another key than 1.
    DeclinedByKey,
    /// The person picks up when the time for it is over.
    LatePickUp,
    /// Two phones are picked up at once.
    TwoPickUp,
    /// Both sides describe themselves anew at once.
    Glare,
    /// Somebody holds the call and takes it up again.
    HoldAndResume(Side),
    /// Somebody goes over to another sound format.
    OtherFormat(Side),
    /// Nothing comes from a side any more, not even a goodbye.
    Vanishes(Side),
    /// Every channel of the trunk is taken.
    NoChannel,
    /// The same, and the trunk is asked to put the caller through by itself.
    HandedOver(Handing),
    /// Two talk, and the trunk, which is short of channels, is asked to join them by itself.
    Joined(Handing),
    /// The person's phone wants the caller put through to somebody else.
    PutThrough(Passing),
}

impl Fate {
    /// Every fate.
    pub fn all() -> Vec<Fate> {
        use Side::{Caller, Person};
        let states = [
            State::Ringing,
            State::EarlyMedia,
            State::Whispered,
            State::Undecided,
            State::Bridged,
            State::Held,
        ];
        let hang_ups =
            states.into_iter().flat_map(|state| [Caller, Person].map(|side| Fate::HangUp(state, side)));
        let both = |fate: fn(Side) -> Fate| [fate(Caller), fate(Person)];
        let crossings = [
            // Who has hung up cannot hang up: after the person only the caller is left.
            Fate::HangUp(State::Left, Caller),
            // There is no leg to a person whom the trunk rings.
            Fate::HangUp(State::HandedOver, Caller),
            Fate::HangUp(State::PutThrough, Caller),
            Fate::HangUp(State::PutThrough, Person),
            Fate::CallerCrossesPickUp,
            Fate::CancelCrossesAnswer,
            Fate::Machine,
            Fate::DeclinedByKey,
            Fate::LatePickUp,
            Fate::TwoPickUp,
            Fate::Glare,
            Fate::NoChannel,
        ];
        hang_ups
            .chain(crossings)
            .chain(Refused::ALL.map(Fate::Refused))
            .chain(both(Fate::HoldAndResume))
            .chain(both(Fate::OtherFormat))
            .chain(both(Fate::Vanishes))
            .chain(Handing::ALL.map(Fate::HandedOver))
            .chain(Handing::JOINING.map(Fate::Joined))
            .chain(Passing::ALL.map(Fate::PutThrough))
            .collect()
    }

    /// True where at least fifty of each are wanted: somebody hangs up, crosses, declines, comes late, or is a machine.
    pub fn is_frequent(self) -> bool {
        matches!(
            self,
            Fate::HangUp(..)
                | Fate::CallerCrossesPickUp
                | Fate::CancelCrossesAnswer
                | Fate::Machine
                | Fate::DeclinedByKey
                | Fate::LatePickUp
                | Fate::Refused(Refused::Declined)
        )
    }

    /// True where it is sure to come to pass.
    pub(super) fn always_strikes(self) -> bool {
        matches!(
            self,
            Fate::HangUp(..)
                | Fate::Glare
                | Fate::HoldAndResume(_)
                | Fate::OtherFormat(_)
                | Fate::Vanishes(_)
                | Fate::HandedOver(_)
                | Fate::Joined(_)
                | Fate::PutThrough(_)
        )
    }

    /// True where no channel is free for a person.
    pub(super) fn lacks_a_channel(self) -> bool {
        matches!(self, Fate::NoChannel | Fate::HandedOver(_) | Fate::HangUp(State::HandedOver, _))
    }

    /// True where the trunk puts callers through by itself.
    pub(super) fn is_left_to_the_trunk(self) -> bool {
        matches!(self, Fate::HandedOver(_) | Fate::HangUp(State::HandedOver, _) | Fate::Joined(_))
    }

    /// What the record must say of the phone that was rung first, where that is not up to chance.
    pub(super) fn tried(self) -> Option<Tried> {
        match self {
            Fate::Refused(why) => Some(why.tried()),
            Fate::Machine => Some(Tried::Machine),
            Fate::DeclinedByKey => Some(Tried::Declined),
            Fate::NoChannel => Some(Tried::ChannelsFull),
            Fate::HandedOver(handing) => Some(handing.tried()),
            Fate::HangUp(State::HandedOver, _) => Some(Tried::HandoverUntold),
            Fate::HangUp(State::Ringing | State::EarlyMedia, Side::Person) => Some(Tried::Declined),
            Fate::HangUp(State::Whispered | State::Undecided, Side::Person) => Some(Tried::HungUp),
            Fate::HangUp(
                State::Ringing | State::EarlyMedia | State::Whispered | State::Undecided,
                Side::Caller,
            ) => Some(Tried::Stopped),
            Fate::HangUp(State::Bridged | State::Held | State::Left | State::PutThrough, _)
            | Fate::Joined(_)
            | Fate::PutThrough(_)
            | Fate::Glare
            | Fate::HoldAndResume(_)
            | Fate::OtherFormat(_)
            | Fate::Vanishes(_) => Some(Tried::Answered),
            Fate::CallerCrossesPickUp | Fate::CancelCrossesAnswer | Fate::LatePickUp | Fate::TwoPickUp => {
                None
            }
        }
    }

    /// Whether the person is asked to press 1, where the fate depends on it.
    pub(super) fn asks_for_key(self) -> Option<bool> {
        match self {
            Fate::HangUp(State::Whispered | State::Undecided, _) | Fate::Machine | Fate::DeclinedByKey => {
                Some(true)
            }
            Fate::CancelCrossesAnswer | Fate::TwoPickUp => Some(false),
            // Nobody could ask whoever the trunk rings.
            Fate::HandedOver(_) | Fate::HangUp(State::HandedOver, _) => Some(false),
            Fate::PutThrough(_) => Some(false),
            _ => None,
        }
    }

    /// Whether the person is rung before the caller is answered, where the fate depends on it.
    pub(super) fn rings_first(self) -> Option<bool> {
        match self {
            Fate::CancelCrossesAnswer => Some(true),
            _ => None,
        }
    }
}
