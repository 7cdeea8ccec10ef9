//! Datagrams that were read and wait for their turn, in the order in which they came.
//!
//! Sockets are read ahead of the work, so that a call too many is turned away when it comes, and not after all those
//! before it: whoever brings it can try elsewhere at once. What makes a call one too many is how many wait.
//!
//! Invariant: nothing overtakes what came before it from those who are let in, but an invitation that finds no room.

use std::collections::VecDeque;

use sip::Path;

/// Invitations that may wait. Each takes about a third of a millisecond (`docs/measured.md`, "Set-up and tear-down"), so
/// the last is answered long before its carrier asks again, after 500 ms (RFC 3261 section 17.1.1.2).
const INVITATIONS: usize = 128;
/// Datagrams that may wait, of any kind; then no more are read, and the system holds them.
const DATAGRAMS: usize = 1_024;

/// What waits.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<(Path, Vec<u8>)>,
    invitations: usize,
}

impl Queue {
    /// Lines one up; gives back an invitation that finds no room.
    #[must_use]
    pub fn line_up(&mut self, path: Path, bytes: Vec<u8>) -> Option<(Path, Vec<u8>)> {
        if is_invitation(&bytes) {
            if self.invitations >= INVITATIONS {
                return Some((path, bytes));
            }
            self.invitations += 1;
        }
        self.waiting.push_back((path, bytes));
        None
    }

    /// The one that came first.
    pub fn next(&mut self) -> Option<(Path, Vec<u8>)> {
        let first = self.waiting.pop_front()?;
        if is_invitation(&first.1) {
            self.invitations -= 1;
        }
        Some(first)
    }

    /// True if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// True if no more are to be read for now.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= DATAGRAMS
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

    #[test]
    fn calls_wait_in_their_order_and_one_too_many_is_given_back_until_another_has_had_its_turn() {
        let mut queue = Queue::default();
        let invite = |number: usize| format!("INVITE sip:{number}@example.com SIP/2.0").into_bytes();
        for number in 0..INVITATIONS {
            assert_eq!(queue.line_up(path(), invite(number)), None);
        }
        assert_eq!(queue.line_up(path(), b"BYE ".to_vec()), None, "who hangs up is always heard");
        assert_eq!(queue.line_up(path(), invite(7)), Some((path(), invite(7))));
        assert_eq!(queue.next(), Some((path(), invite(0))));
        assert_eq!(queue.line_up(path(), invite(7)), None);
        let rest: Vec<_> = std::iter::from_fn(|| queue.next()).collect();
        assert_eq!(rest.len(), INVITATIONS + 1);
        assert!(queue.is_empty());
        assert_eq!(queue.line_up(path(), invite(8)), None);
    }

    #[test]
    fn no_more_is_read_than_has_a_place() {
        let mut queue = Queue::default();
        for _ in 0..DATAGRAMS {
            assert!(!queue.is_full());
            assert_eq!(queue.line_up(path(), b"ACK ".to_vec()), None);
        }
        assert!(queue.is_full());
    }
}
