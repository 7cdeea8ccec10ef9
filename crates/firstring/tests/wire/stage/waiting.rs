//! Waiting for an answer, for a free port, and for the machine.

use std::collections::BTreeSet;
use std::net::{TcpListener, UdpSocket};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A port on which nobody listens now, by UDP or by TCP, and which this test file has not been given before.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let is_free = TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free && GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port) {
            return port;
        }
    }
}

/// Asks until there is an answer; without one in time, the test has failed.
pub fn wait_until<T>(what: &str, within: Duration, mut answer: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + within;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < until, "waited {within:?} in vain until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Calls that run at once: more would be judged by the machine they share.
const AT_ONCE: usize = 3;
static BUSY: Mutex<usize> = Mutex::new(0);
static FREE: Condvar = Condvar::new();

/// Leave to use the machine, for as long as it is held.
pub struct Turn(usize);

impl Turn {
    /// One call beside others.
    pub fn beside_others() -> Turn {
        Turn::of(1)
    }

    /// Nothing else runs meanwhile.
    pub fn alone() -> Turn {
        Turn::of(AT_ONCE)
    }

    fn of(share: usize) -> Turn {
        let mut busy = BUSY.lock().unwrap_or_else(PoisonError::into_inner);
        while *busy + share > AT_ONCE {
            busy = FREE.wait(busy).unwrap_or_else(PoisonError::into_inner);
        }
        *busy += share;
        Turn(share)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *BUSY.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        FREE.notify_all();
    }
}
