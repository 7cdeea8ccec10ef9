//! How a media thread is told that orders wait: once for all that were given before it looks.
//!
//! A wake is a call to the system that may move another thread onto a core, and one call of a caller brings half a dozen
//! orders. Invariant: whoever rings after an order was given can be sure that it is taken, without another ring.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::{Registry, Token, Waker};

/// One for each thread.
#[derive(Debug)]
pub struct Bell {
    waker: Waker,
    /// Rung, and not yet looked after.
    rung: AtomicBool,
}

impl Bell {
    /// Readiness of `token` says that it was rung.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Bell> {
        Ok(Bell { waker: Waker::new(registry, token)?, rung: AtomicBool::new(false) })
    }

    /// Orders wait.
    ///
    /// # Errors
    /// The system does not wake the thread; the next ring tries again.
    pub fn ring(&self) -> io::Result<()> {
        if self.rung.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.waker.wake().inspect_err(|_| self.rung.store(false, Ordering::Release))
    }

    /// To be called before orders are taken: what is given from now on rings again.
    pub fn is_heard(&self) {
        // Read as well as written, so that what was given before the ring is seen.
        self.rung.swap(false, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll};

    use super::*;

    #[test]
    fn many_orders_ring_once_and_the_first_after_a_look_rings_again() {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let bell = Bell::new(poll.registry(), Token(7)).unwrap();
        for _ in 0..2 {
            bell.ring().unwrap();
            bell.ring().unwrap();
            poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
            assert_eq!(events.iter().map(|event| event.token()).collect::<Vec<_>>(), [Token(7)]);
            bell.ring().unwrap();
            poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            assert!(events.is_empty(), "rung already");
            bell.is_heard();
        }
    }
}
