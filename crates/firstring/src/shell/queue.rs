//! Invitations that were read and wait for their turn, in the order in which they came, each before what cancels it.
//!
//! Sockets are read ahead of the work, so that a call too many is turned away when it comes, and not after all those
//! before it: whoever brings it can try elsewhere at once. What makes a call one too many is how many wait. All else is
//! about a call that has had its turn, or about none, and does not stand in line: acknowledgements of refusals would fill it.
//!
//! Invariant: no invitation overtakes another, and nothing that cancels one overtakes it.

use std::collections::VecDeque;

use sip::Path;

/// Invitations that may wait. Each takes about a third of a millisecond (`docs/measured.md`, "Set-up and tear-down"), so
/// the last is answered long before its carrier asks again, after 500 ms (RFC 3261 section 17.1.1.2).
const INVITATIONS: usize = 128;
/// Invitations and what cancels them; what cancels one that waits no longer does not wait either.
const PLACES: usize = 2 * INVITATIONS;

/// What waits.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<(Path, Vec<u8>)>,
    invitations: usize,
}

/// What is to be done with a datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// It waits.
    Later,
    /// It has its turn.
    Now(Path, Vec<u8>),
    /// An invitation that finds no room.
    Never(Path, Vec<u8>),
}

impl Queue {
    /// Lines up what has to wait.
    #[must_use]
    pub fn line_up(&mut self, path: Path, bytes: Vec<u8>) -> Turn {
        let is_invitation = is_invitation(&bytes);
        if is_invitation && self.invitations >= INVITATIONS {
            return Turn::Never(path, bytes);
        }
        let cancels = bytes.starts_with(b"CANCEL ") && (1..PLACES).contains(&self.waiting.len());
        if !is_invitation && !cancels {
            return Turn::Now(path, bytes);
        }
        self.invitations += usize::from(is_invitation);
        self.waiting.push_back((path, bytes));
        Turn::Later
    }

    /// The one that came first.
    pub fn next(&mut self) -> Option<(Path, Vec<u8>)> {
        let first = self.waiting.pop_front()?;
        self.invitations -= usize::from(is_invitation(&first.1));
        Some(first)
    }

    /// True if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

fn is_invitation(bytes: &[u8]) -> bool {
    bytes.starts_with(b"INVITE ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> Path {
        Path::udp("192.0.2.1:5060".parse().unwrap(), "192.0.2.2:5060".parse().unwrap())
    }

    fn invite(number: usize) -> Vec<u8> {
        format!("INVITE sip:{number}@example.com SIP/2.0").into_bytes()
    }

    fn full() -> Queue {
        let mut queue = Queue::default();
        for number in 0..INVITATIONS {
            assert_eq!(queue.line_up(path(), invite(number)), Turn::Later);
        }
        queue
    }

    #[test]
    fn calls_wait_in_their_order_and_one_too_many_is_given_back_until_another_has_had_its_turn() {
        let mut queue = full();
        assert_eq!(queue.line_up(path(), invite(7)), Turn::Never(path(), invite(7)));
        assert_eq!(queue.next(), Some((path(), invite(0))));
        assert_eq!(queue.line_up(path(), invite(7)), Turn::Later);
        let rest: Vec<_> = std::iter::from_fn(|| queue.next()).collect();
        assert_eq!(rest.len(), INVITATIONS);
        assert_eq!(rest.last(), Some(&(path(), invite(7))));
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_about_a_call_that_has_had_its_turn_does_not_wait() {
        let mut queue = full();
        for bytes in
            [&b"ACK sip:a@b"[..], b"BYE sip:a@b", b"SIP/2.0 200 OK", b"OPTIONS sip:a@b", b"\r\n\r\n", b""]
        {
            assert_eq!(queue.line_up(path(), bytes.to_vec()), Turn::Now(path(), bytes.to_vec()));
        }
    }

    #[test]
    fn what_cancels_a_call_waits_behind_it_and_not_for_ever() {
        let cancel = || b"CANCEL sip:1@example.com SIP/2.0".to_vec();
        let mut queue = Queue::default();
        assert_eq!(queue.line_up(path(), cancel()), Turn::Now(path(), cancel()), "its call has had its turn");
        assert_eq!(queue.line_up(path(), invite(1)), Turn::Later);
        assert_eq!(queue.line_up(path(), cancel()), Turn::Later);
        assert_eq!([queue.next(), queue.next()], [Some((path(), invite(1))), Some((path(), cancel()))]);
        let mut queue = full();
        let turns = || queue.line_up(path(), cancel());
        let told: Vec<Turn> = std::iter::repeat_with(turns).take(INVITATIONS + 1).collect();
        assert_eq!(told.last(), Some(&Turn::Now(path(), cancel())), "the line has an end");
    }
}
