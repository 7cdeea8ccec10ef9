//! Waiting for an answer, for a free port, and for the machine.

use std::collections::BTreeSet;
use std::net::{TcpListener, UdpSocket};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For whatever is waited for: a busy machine takes its time.
pub const LIMIT: Duration = Duration::from_secs(60);

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

/// Looks every now and then whether this was heard: the search takes a core meanwhile.
pub fn comes_true(what: &str, mut holds: impl FnMut() -> bool) {
    wait_until(what, LIMIT, || {
        std::thread::sleep(Duration::from_millis(300));
        holds().then_some(())
    });
}

/// Calls that run at once: more would be judged by the machine they share.
const AT_ONCE: usize = 4;
static BUSY: Mutex<Busy> = Mutex::new(Busy { share: 0, want_it_alone: 0 });
static FREE: Condvar = Condvar::new();

/// Who uses the machine.
struct Busy {
    share: usize,
    /// They come first: else they would wait, and hold a thread of the test program, until all others are done.
    want_it_alone: usize,
}

/// Leave to use the machine, for as long as it is held.
pub struct Turn(usize);

impl Turn {
    /// One call beside others.
    pub fn beside_others() -> Turn {
        let is_full = |busy: &mut Busy| busy.want_it_alone > 0 || busy.share >= AT_ONCE;
        let busy = BUSY.lock().unwrap_or_else(PoisonError::into_inner);
        let mut busy = FREE.wait_while(busy, is_full).unwrap_or_else(PoisonError::into_inner);
        busy.share += 1;
        Turn(1)
    }

    /// Nothing else runs meanwhile.
    pub fn alone() -> Turn {
        let mut busy = BUSY.lock().unwrap_or_else(PoisonError::into_inner);
        busy.want_it_alone += 1;
        let is_used = |busy: &mut Busy| busy.share > 0;
        let mut busy = FREE.wait_while(busy, is_used).unwrap_or_else(PoisonError::into_inner);
        busy.want_it_alone -= 1;
        busy.share = AT_ONCE;
        Turn(AT_ONCE)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        BUSY.lock().unwrap_or_else(PoisonError::into_inner).share -= self.0;
        FREE.notify_all();
    }
}
