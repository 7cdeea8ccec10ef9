//! What goes into the exchange and what comes out of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use desk::booking::Booking;
use desk::call::{Heard, ListenId, SayingId, TapeOrder, Tone};
use desk::intake::Question;
use desk::machine::Ask;
use desk::phrase::Phrase;
use desk::record::{CallId, Callback, Message, Quality, Record};
use serde::Serialize;
use sip::sdp::{Agreed, Secrets};

use crate::live::Live;
use crate::signal::Signal;

/// Names the sound of one leg, in this exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SoundId(pub u64);

/// What the exchange is told.
#[derive(Debug)]
pub enum Event {
    /// The user agent reports.
    Sip(sip::Notice),
    /// A socket for a leg's sound is open here.
    SoundOpened {
        /// The leg.
        sound: SoundId,
        /// Where RTP is received, as others reach it.
        address: SocketAddr,
        /// What its keys are taken from, should it be encrypted.
        secrets: Secrets,
    },
    /// No socket was to be had.
    SoundRefused {
        /// The leg.
        sound: SoundId,
    },
    /// A leg's sound reports.
    Sound {
        /// The leg.
        sound: SoundId,
        /// What happened.
        event: SoundEvent,
    },
    /// An engine tells what was heard.
    Heard {
        /// The call.
        call: CallId,
        /// The time of listening it belongs to.
        listen: ListenId,
        /// What it was.
        heard: Heard,
    },
    /// The store has answered.
    Stored {
        /// The call.
        call: CallId,
        /// What was asked.
        ask: Ask,
        /// Whether it is safe on disk.
        stored: bool,
    },
    /// The recording of a message is closed.
    MessageEnded {
        /// The call.
        call: CallId,
        /// Its length.
        seconds: f64,
    },
    /// How sound kept pace in the stretch of time that has just passed; told again and again.
    Paced {
        /// The share of looks at legs that came so late that callers may hear it, from 0 to 1.
        late_ratio: f64,
        /// Legs whose sound is looked after.
        legs: usize,
    },
    /// The desk is about to stop: no new calls, and those that are up are brought to an end.
    Closing(desk::call::Closing),
}

/// What happened to a leg's sound. Times are monotonic.
#[derive(Clone, Debug, PartialEq)]
pub enum SoundEvent {
    /// The first sound of something said went out.
    Spoke {
        /// What was said.
        saying: SayingId,
        /// When.
        at: Duration,
        /// From the end of the caller's words, if they had spoken before.
        gap: Option<Duration>,
    },
    /// Something said came to its end or was stopped.
    Said {
        /// What was said.
        saying: SayingId,
        /// When.
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
    /// Speech began.
    SpeechStarted {
        /// When.
        at: Duration,
    },
    /// Speech ended.
    SpeechEnded {
        /// When the words ended, before the silence.
        at: Duration,
    },
    /// A key was pressed.
    Digit {
        /// Which.
        digit: char,
        /// When.
        at: Duration,
    },
    /// Nothing has come in for too long.
    Silent,
    /// The far end holds the call, and nothing is heard of it; or nothing at all has come from it since it was joined.
    HeldInSilence,
    /// The far end holds the call, and something is heard of it; or the first of it has come.
    HoldIsHeard,
    /// The dead-man filler began: nothing of ours was audible in time.
    FillerBegan {
        /// When.
        at: Duration,
    },
    /// The filler came to its end, or made way.
    FillerEnded {
        /// When.
        at: Duration,
    },
    /// The leg is closed.
    Closed {
        /// From the confirmation of our answer to the first audible word.
        first_word: Option<Duration>,
        /// The longest time nothing was audible while it was our turn.
        longest_silence: Duration,
        /// Of what came in.
        quality: Option<Quality>,
    },
}

/// What the exchange orders.
#[derive(Debug)]
pub enum Action {
    /// For the user agent.
    Sip(sip::Order),
    /// Open a socket; answered by [`Event::SoundOpened`] or [`Event::SoundRefused`].
    OpenSound {
        /// The new leg.
        sound: SoundId,
        /// The local address calls of this trunk arrive at.
        bind: IpAddr,
        /// The far end of the signalling: how it reaches us is how its sound does. Where its sound is of the other address
        /// family, where that is to go; then `bind` is of no use.
        toward: IpAddr,
        /// The leg it will hear, if that is known: both are looked after together.
        beside: Option<SoundId>,
    },
    /// A target of a trunk's host does not take calls now (503, or not a word), so the others are called first for a
    /// while. Told once, until it serves again.
    TargetFailed {
        /// The trunk, or the one a person's own address belongs to.
        trunk: String,
        /// Where it is.
        remote: SocketAddr,
        /// Its status; `None`: it did not answer, or could not be reached.
        status: Option<u16>,
    },
    /// A target that had failed takes calls again.
    TargetServes {
        /// The trunk.
        trunk: String,
        /// Where it is.
        remote: SocketAddr,
    },
    /// For the sound of a leg.
    Sound {
        /// The leg.
        sound: SoundId,
        /// What to do.
        order: SoundOrder,
    },
    /// Speak: render what is not rendered yet and play it after what is playing.
    Say {
        /// The call.
        call: CallId,
        /// To which leg.
        sound: SoundId,
        /// Its name.
        saying: SayingId,
        /// The voice.
        voice: String,
        /// The sentences.
        phrases: Vec<Phrase>,
    },
    /// Listen for an answer.
    Listen {
        /// The call.
        call: CallId,
        /// To which leg.
        sound: SoundId,
        /// Its name.
        listen: ListenId,
        /// What is asked.
        question: Arc<Question>,
    },
    /// Tell what was heard; answered by [`Event::Heard`].
    Conclude {
        /// The call.
        call: CallId,
        /// The time of listening.
        listen: ListenId,
    },
    /// Nothing is asked any more.
    StopListening {
        /// The call.
        call: CallId,
        /// Of which leg.
        sound: SoundId,
    },
    /// Record a message after a tone.
    TakeMessage {
        /// The call.
        call: CallId,
        /// From which leg.
        sound: SoundId,
        /// The message's id.
        id: String,
        /// A pause this long ends it.
        hang: Duration,
    },
    /// Close the recording; answered by [`Event::MessageEnded`].
    EndMessage {
        /// The call.
        call: CallId,
    },
    /// Record the caller's leg, or stop. What became of it is put into the record that is kept.
    Tape {
        /// The call.
        call: CallId,
        /// The caller's leg: what it says and hears is all there is.
        sound: SoundId,
        /// What to do.
        order: TapeOrder,
    },
    /// Keep something; answered by [`Event::Stored`] when there is an `ask`.
    Store {
        /// The call.
        call: CallId,
        /// What is answered, if anything waits for it.
        ask: Option<Ask>,
        /// What to keep.
        keep: Keep,
    },
    /// One line of the call's journal.
    Journal {
        /// The call.
        call: CallId,
        /// What the desk was told.
        event: desk::call::Event,
    },
    /// One line of the call's journal: what was said on one of its legs.
    Signalled {
        /// The call.
        call: CallId,
        /// What was said.
        signal: Box<Signal>,
        /// The call is over already, and so its journal may be closed.
        is_late: bool,
    },
    /// Something the console and the terminal show.
    Show(Live),
    /// A call was turned away before it reached the desk.
    Refused(Refusal),
}

/// Something to keep.
#[derive(Clone, Debug)]
pub enum Keep {
    /// A call has arrived; if no record follows, it was interrupted.
    Arrival(Box<Begun>),
    /// A visit.
    Booking(Box<Booking>),
    /// A task.
    Callback(Box<Callback>),
    /// A message.
    Message(Box<Message>),
    /// The record of a call that was turned away, and of which nothing else is kept.
    TurnedAway(Box<Record>),
    /// The call's record.
    Record(Box<Record>),
}

/// A call that has arrived, as far as is known before it is answered.
#[derive(Clone, Debug)]
pub struct Begun {
    /// What arrived.
    pub arrival: desk::call::Arrival,
    /// The office the line belongs to.
    pub office: String,
    /// When.
    pub started: jiff::Timestamp,
    /// The plan that decides.
    pub plan: String,
    /// The rule that holds.
    pub rule: desk::business::When,
    /// Why.
    pub because: Vec<String>,
}

/// What the sound of a leg is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum SoundOrder {
    /// The formats are agreed: packets may flow.
    Connect {
        /// What was agreed.
        agreed: Box<Agreed>,
        /// Where the far end's signalling comes from: behind a NAT, so may its sound.
        signalled_by: IpAddr,
        /// What goes out until the first words.
        opening: Opening,
    },
    /// The far end has confirmed the answer.
    Confirmed,
    /// The formats have changed, or the leg is on hold.
    Change(Box<Agreed>),
    /// Another telephone has the place of the one before; everything else goes on.
    TakenOver {
        /// What was agreed with it.
        agreed: Box<Agreed>,
        /// Where its signalling comes from.
        signalled_by: IpAddr,
    },
    /// Stop playing what is playing and what waits.
    StopSaying,
    /// What is heard while nothing is said.
    Tone(Tone),
    /// Let two legs hear each other.
    Bridge {
        /// The other.
        with: SoundId,
    },
    /// They hear each other no longer.
    Unbridge,
    /// Close; answered by [`SoundEvent::Closed`].
    Close,
}

/// Who speaks first on a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// We do: silence at once, our words as soon as the path is open, the filler if nothing comes.
    WeSpeak,
    /// Nobody yet: a person who was rung.
    NobodySpeaks,
}

/// Why a call was turned away before it reached the desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The trunk it came over.
    pub trunk: String,
    /// The status it was answered with.
    pub status: u16,
    /// What happened and what would help.
    pub because: String,
}
