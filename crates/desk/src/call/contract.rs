//! What goes into a call and what comes out of it: the events, the orders, and the names of its deadlines.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::booking::{Slot, Wish};
use crate::business::{Reach, Whom};
use crate::intake::{Draft, Question, Words};
use crate::machine::Ask;
use crate::number::E164;
use crate::phrase::Phrase;
use crate::private::Private;
use crate::record::{CallId, Callback, Diverted, Message, Quality, Record, Tried, Verification};

/// One side of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// The caller.
    Caller,
    /// A person who was rung; numbered in the order they were.
    Person(u16),
}

/// Names one thing that is being said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SayingId(pub u32);

/// Names one time of listening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListenId(pub u32);

/// A call that has arrived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arrival {
    /// The call.
    pub id: CallId,
    /// The number that was dialled.
    pub line: E164,
    /// Who calls, if the carrier said.
    pub from: Option<Private<E164>>,
    /// Who forwarded the call here.
    pub diverted_by: Option<Private<String>>,
    /// Why it was forwarded, if that was said.
    pub diverted_because: Option<Diverted>,
    /// What the carrier says about the caller's number.
    pub verification: Option<Verification>,
    /// Offices of which everybody talked to a caller when it came in.
    #[serde(default)]
    pub busy_offices: BTreeSet<String>,
    /// The assistant's voice was refused to new callers when it came in: the machine is short of a core.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub voice_refused: bool,
}

/// What the desk is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The call has come in. The first event, and only once.
    Arrived,
    /// The caller's side has confirmed our answer: words can be heard now.
    CallerReady,
    /// The caller hung up.
    CallerGone,
    /// The caller's line broke.
    LineBroke(LineFault),
    /// A person picked up.
    PersonAnswered {
        /// The person's leg.
        leg: u16,
    },
    /// Ringing a person came to nothing.
    PersonFailed {
        /// The person's leg.
        leg: u16,
        /// What came of it.
        tried: Tried,
    },
    /// A person who had answered hung up.
    PersonGone {
        /// The person's leg.
        leg: u16,
    },
    /// No sound has come from a person who had answered for too long: they were hung up on.
    PersonUnheard {
        /// The person's leg.
        leg: u16,
    },
    /// The person whom the caller talks to holds them, and nothing is heard of it: neither words nor music. Or their phone has picked
    /// up and not a sound has come from it.
    HeldInSilence {
        /// The person's leg.
        leg: u16,
    },
    /// That is over: the person has taken the call up again, or lets something be heard.
    HeardAgain {
        /// The person's leg.
        leg: u16,
    },
    /// Another telephone has taken the place of the one at this side: the far end has put its side through.
    Replaced {
        /// Which side.
        leg: Leg,
        /// Whose telephone it is, if that was said.
        from: Option<Private<E164>>,
    },
    /// So many callers stand before this one in the queue; told when they enter it, and when that changes.
    InLine {
        /// How many.
        ahead: usize,
    },
    /// It is this caller's turn in the queue, and somebody is free.
    PersonFree {
        /// Who.
        person: String,
    },
    /// The trunk has put the caller through to a person: they talk, and nothing of that goes through here any more. Whenever
    /// it comes, the caller is with them.
    HandedOver {
        /// The person's leg.
        leg: u16,
    },
    /// The person whom the caller talks to wants them put through to another person of ours. Answered by
    /// [`Action::TellPerson`].
    PutThrough {
        /// The leg of who wants it.
        leg: u16,
        /// To whom.
        person: String,
        /// By which of that person's phones, counted from 0.
        way: usize,
        /// The two persons have talked to each other, so that picking up is enough.
        attended: bool,
    },
    /// The first sound of something said went out.
    Spoke {
        /// What was said.
        saying: SayingId,
        /// When, on the monotonic clock.
        at: Duration,
        /// From the end of the caller's words, if they had spoken before.
        gap: Option<Duration>,
    },
    /// Something said came to its end, or was stopped.
    Said {
        /// What was said.
        saying: SayingId,
        /// When its last sound went out, on the monotonic clock.
        at: Duration,
        /// Whether it was spoken to its end.
        whole: bool,
    },
    /// The voice failed while it made the sound of something, and another one made it anew.
    MadeAgain {
        /// What is to be said.
        saying: SayingId,
    },
    /// Something could not be said at all.
    SayFailed {
        /// What was to be said.
        saying: SayingId,
    },
    /// Nothing else was to be heard in time, so the filler began. It plays wherever the sound is, asked by nobody.
    FillerBegan {
        /// When, on the monotonic clock.
        at: Duration,
    },
    /// The filler came to its end, or made way.
    FillerEnded {
        /// When its last sound went out, on the monotonic clock.
        at: Duration,
    },
    /// The caller began to speak.
    SpeechStarted {
        /// When, on the monotonic clock.
        at: Duration,
    },
    /// The caller has been silent long enough for the open question.
    SpeechEnded {
        /// When the words ended, before the silence, on the monotonic clock.
        at: Duration,
    },
    /// What was heard between two silences.
    Heard {
        /// The time of listening it belongs to.
        listen: ListenId,
        /// What it was.
        heard: Heard,
    },
    /// A key was pressed.
    Digit {
        /// On whose phone.
        leg: Leg,
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
        /// When, on the monotonic clock.
        at: Duration,
    },
    /// Free times, or `None` if the calendar could not say.
    SlotsFound {
        /// What was asked.
        ask: Ask,
        /// Free times, soonest first.
        slots: Option<Vec<Slot>>,
    },
    /// Whether a slot is held for this caller now.
    SlotHeld {
        /// What was asked.
        ask: Ask,
        /// False: somebody else was faster.
        held: bool,
    },
    /// A booking is stored under this id, or is not.
    Booked {
        /// What was asked.
        ask: Ask,
        /// The booking's id.
        id: Option<String>,
    },
    /// A promise is stored, or is not.
    Stored {
        /// What was asked.
        ask: Ask,
        /// False: it is not, and nothing may be promised on it.
        stored: bool,
    },
    /// The recording of a message has ended.
    MessageEnded {
        /// Its length.
        seconds: f64,
    },
    /// The caller's leg is closed; how it sounded.
    Sounded(Sound),
    /// The machine is short of a core: no talk with the assistant is to begin now.
    VoiceRefused,
    /// The machine copes again.
    VoiceBack,
    /// The desk is about to stop.
    Closing(Closing),
    /// This call was woken over and over at one and the same moment: something of ours is broken.
    WentInCircles,
}

/// How fast a call is to be brought to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// Two people who talk may finish; everything else ends now.
    LetPeopleFinish,
    /// Now.
    AtOnce,
}

/// Why a line broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineFault {
    /// Our answer was never confirmed.
    NeverConfirmed,
    /// No sound has come for too long.
    NoSound,
    /// No sound format in common, or no socket to be had.
    NoMedia,
    /// The caller's side does not know the call any more, or answers nothing that is said inside it.
    Lost,
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// Words.
    Words(Words),
    /// Speech, but none of what was asked for.
    NotUnderstood,
    /// No speech after all.
    Nothing,
    /// The engine failed.
    Failed,
}

/// How the caller's leg sounded, when it is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sound {
    /// From the caller's confirmation of our answer to our first audible word.
    pub first_word: Option<Duration>,
    /// The longest time the caller heard nothing while it was our turn.
    pub longest_silence: Duration,
    /// Of what came in.
    pub quality: Option<Quality>,
}

/// What the desk orders.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Let the caller hear ringing: their call is not answered yet.
    Ringing,
    /// Answer the caller.
    Answer,
    /// Turn the caller away, unanswered.
    Refuse,
    /// Say this, after what is being said already.
    Say {
        /// Its name.
        saying: SayingId,
        /// To whom.
        to: Leg,
        /// The sentences.
        phrases: Vec<Phrase>,
    },
    /// Stop saying anything.
    StopSaying {
        /// To whom.
        to: Leg,
    },
    /// Listen for an answer, already while something is said.
    Listen {
        /// Its name.
        listen: ListenId,
        /// To whom.
        to: Leg,
        /// What is asked.
        question: Arc<Question>,
    },
    /// The caller has stopped: tell what was heard.
    Conclude {
        /// The time of listening.
        listen: ListenId,
    },
    /// Nothing is asked any more.
    StopListening {
        /// Of whom.
        to: Leg,
    },
    /// What a leg hears while nothing is said to it.
    Tone {
        /// Which leg.
        to: Leg,
        /// What it hears.
        tone: Tone,
    },
    /// Ring a person.
    RingPerson {
        /// The new leg.
        leg: u16,
        /// Where.
        reach: Reach,
        /// How long at most.
        ring_for: Duration,
    },
    /// Have the caller's trunk put them through to a person, who is rung without a channel of ours. Answered by
    /// [`Event::HandedOver`] or [`Event::PersonFailed`]; meanwhile the caller stays.
    HandOver {
        /// The new leg.
        leg: u16,
        /// Where.
        reach: Reach,
    },
    /// Let the caller and this person talk.
    Connect {
        /// The person's leg.
        leg: u16,
    },
    /// Tell when one of these people is free for this caller, who waits in the order of the others; said again by a caller
    /// for whom somebody was rung in vain.
    WaitInLine {
        /// A person, an office or a rota.
        whom: Whom,
    },
    /// The caller waits no more.
    LeaveLine,
    /// The caller and this person hear each other no longer; both stay.
    Part {
        /// The person's leg.
        leg: u16,
    },
    /// Tell a person what came of putting the caller through.
    TellPerson {
        /// The person's leg.
        leg: u16,
        /// What it was.
        came: Tried,
    },
    /// Stop ringing, or hang up.
    HangUp {
        /// Which leg.
        leg: Leg,
    },
    /// Find free times.
    FindSlots {
        /// To be answered by [`Event::SlotsFound`].
        ask: Ask,
        /// In which calendar.
        calendar: Option<String>,
        /// What the caller would like.
        wish: Wish,
    },
    /// Hold a slot for this caller.
    HoldSlot {
        /// To be answered by [`Event::SlotHeld`].
        ask: Ask,
        /// In which calendar.
        calendar: Option<String>,
        /// Which.
        slot: Slot,
    },
    /// Give every slot held for this caller back.
    ReleaseHold,
    /// Store a booking.
    Book {
        /// To be answered by [`Event::Booked`].
        ask: Ask,
        /// In which calendar.
        calendar: Option<String>,
        /// What is known of it.
        draft: Draft,
    },
    /// Store a callback task.
    StoreCallback {
        /// To be answered by [`Event::Stored`].
        ask: Ask,
        /// The task.
        callback: Callback,
    },
    /// Record what the caller says, after a tone.
    TakeMessage {
        /// The message's id.
        id: String,
        /// A pause this long ends it.
        hang: Duration,
    },
    /// Stop recording; answered by [`Event::MessageEnded`].
    EndMessage,
    /// Store what is known of a recorded message.
    StoreMessage {
        /// To be answered by [`Event::Stored`].
        ask: Ask,
        /// The message.
        message: Message,
    },
    /// Record what the caller says and hears, or stop.
    Tape(TapeOrder),
    /// The call is over: keep its record.
    File(Box<Record>),
}

/// What the recording of a call is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TapeOrder {
    /// Begin.
    Begin {
        /// When the call started, by the wall clock: under that day its recording lies.
        started: Timestamp,
        /// How long the call has lasted.
        since_start: Duration,
    },
    /// Leave out what comes, and cut out what was recorded since.
    Pause {
        /// From when on, on the monotonic clock.
        since: Duration,
    },
    /// Go on.
    Resume,
    /// Come to an end.
    End,
    /// Come to an end, and keep nothing.
    Destroy,
}

/// What a leg hears while nothing is said to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Nothing.
    Silence,
    /// Ringing at the far end.
    Ringback,
    /// Music, for as long as they wait.
    Music,
}

/// What will have failed to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Nobody picked up in time.
    PersonDidNotAnswer,
    /// A caller who waits is told again where they stand.
    PlaceToBeTold,
    /// A caller has waited in a queue for as long as the plan allows.
    WaitedLongEnough,
    /// Somebody who let the phone ring may be rung for a caller in the queue again.
    PersonHasRested,
    /// The trunk did not tell in time what came of putting the caller through.
    HandoverUntold,
    /// A sentence did not come to its end.
    SayingTookTooLong,
    /// The caller is silent.
    CallerSaidNothing,
    /// The caller speaks without a pause.
    CallerTalksOn,
    /// What the caller said was not understood in time.
    HearingTookTooLong,
    /// A calendar or the store has not answered.
    ErrandTookTooLong,
    /// A message is long enough.
    MessageLongEnough,
    /// A recording was not closed.
    RecordingDidNotEnd,
    /// A connected call has lasted longer than any real one.
    CallTookTooLong,
    /// The last words were not spoken to their end.
    GoodbyeTookTooLong,
    /// The closed line has not told how it sounded.
    NoFinalReport,
    /// A recording that was paused for a card goes on.
    CardWasTold,
}

/// Orders on their way out, and the names given so far.
#[derive(Debug, Default)]
pub struct Out {
    actions: VecDeque<Action>,
    sayings: u32,
    listens: u32,
    asks: u32,
}

impl Out {
    /// Adds an order.
    pub fn push(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// The oldest order not taken yet.
    pub fn pop(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// True when every order was taken.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Orders something said, and names it.
    pub fn say(&mut self, to: Leg, phrases: Vec<Phrase>) -> SayingId {
        self.sayings += 1;
        let saying = SayingId(self.sayings);
        self.push(Action::Say { saying, to, phrases });
        saying
    }

    /// Orders listening, and names it.
    pub fn listen(&mut self, to: Leg, question: Arc<Question>) -> ListenId {
        self.listens += 1;
        let listen = ListenId(self.listens);
        self.push(Action::Listen { listen, to, question });
        listen
    }

    /// Where the orders stand now, for [`Out::sayings_since`].
    pub fn mark(&self) -> usize {
        self.actions.len()
    }

    /// What was ordered to be said to the caller since `mark`, while no order was taken.
    pub fn sayings_since(&self, mark: usize) -> impl Iterator<Item = (SayingId, &[Phrase])> {
        self.actions.iter().skip(mark).filter_map(|action| match action {
            Action::Say { saying, to: Leg::Caller, phrases } => Some((*saying, phrases.as_slice())),
            _ => None,
        })
    }

    /// A new name for something asked.
    pub fn ask(&mut self) -> Ask {
        self.asks += 1;
        Ask(self.asks)
    }
}
