//! One ordered queue of everything that waits, each entry with a name.

use std::collections::BTreeMap;
use std::time::Duration;

/// When an agent wants to be woken, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// Time since the origin that the shell chose.
    pub at: Duration,
    /// What will have happened by then.
    pub why: Why,
}

/// What a deadline stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Why {
    /// A request of ours has no reply yet and goes out again.
    ResendRequest,
    /// A request of ours had no final reply in 64*T1.
    NoReply,
    /// A refusal of ours has no ACK yet and goes out again.
    ResendRefusal,
    /// A 200 of ours has no ACK yet and goes out again.
    ResendAnswer,
    /// A 200 of ours had no ACK in 64*T1.
    AckNeverCame,
    /// A finished transaction is forgotten.
    ForgetTransaction,
    /// Ringing that has to arrive has no PRACK yet and goes out again.
    ResendRinging,
    /// Ringing that has to arrive had no PRACK in 64*T1.
    RingingUnheard,
    /// The far end rang as long as was ordered.
    RangOut,
    /// A caller is told once more that it rings, or has rung for too long.
    KeepRinging,
    /// An offer inside a call was not decided upon.
    OfferUndecided,
    /// Our offer crossed theirs and is made again.
    OfferAgain,
    /// Our word that the call is up is to be repeated.
    RefreshSession,
    /// The far end did not repeat its word that the call is up, or took ours no longer.
    SessionExpired,
    /// Nobody decided whether a call is placed that the far end wants.
    ReferralUndecided,
    /// Nothing was told for too long of a call that the far end was asked to place.
    HandoverUntold,
    /// A far end has left while it was being handed over, and no word came of how that went.
    LeftWithoutWord,
    /// An answered call reached the longest time a call may last.
    CallTooLong,
    /// A far end outside every peer is forgotten.
    ForgetGuest,
    /// A registration is renewed or tried again.
    RegisterAgain,
    /// A line end keeps the way to a registrar open.
    KeepAlive,
    /// The minute of counting ignored packets is over.
    CountStrangers,
}

/// A place in the queue, needed to take the entry out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(Duration, u64);

/// The queue. Setting, clearing and taking are O(log n); equal moments keep the order they were set in.
#[derive(Debug)]
pub(crate) struct Timers<A> {
    queue: BTreeMap<Ticket, (Why, A)>,
    set: u64,
}

impl<A> Timers<A> {
    pub(crate) fn new() -> Timers<A> {
        Timers { queue: BTreeMap::new(), set: 0 }
    }

    pub(crate) fn set(&mut self, at: Duration, why: Why, alarm: A) -> Ticket {
        self.set += 1;
        let ticket = Ticket(at, self.set);
        self.queue.insert(ticket, (why, alarm));
        ticket
    }

    pub(crate) fn clear(&mut self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.queue.remove(&ticket);
        }
    }

    pub(crate) fn next(&self) -> Option<Deadline> {
        self.queue.first_key_value().map(|(ticket, (why, _))| Deadline { at: ticket.0, why: *why })
    }

    pub(crate) fn take_due(&mut self, now: Duration) -> Option<(Why, A)> {
        let first = self.queue.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}
