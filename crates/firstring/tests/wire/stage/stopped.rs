//! Threads of a desk that are stopped while all its others go on: what a deadlock or an endless wait looks like from outside;
//! and threads that are held up again and again, as on a machine that is short of a core.

use std::fs;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::desk::Desk;

/// A stopped thread; it goes on when this is dropped.
pub struct Stopped {
    hold: Option<Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl Desk {
    /// Stops the thread of this name. `None`, and a word on stderr, where processes may not be traced.
    pub fn stop_thread(&self, name: &str) -> Option<Stopped> {
        self.hold_back(name, |threads, until| {
            let _ = until.recv();
            let_go(threads);
        })
    }

    /// Stops the threads whose names begin like this for a tenth of a second, five times a second. `None` as above.
    pub fn slow_threads(&self, named: &str) -> Option<Stopped> {
        self.hold_back(named, |threads, until| {
            while until.recv_timeout(HELD_UP) == Err(RecvTimeoutError::Timeout) {
                each(threads, |thread| ptrace::cont(thread, None));
                std::thread::sleep(HELD_UP);
                each(threads, stop);
            }
            let_go(threads);
        })
    }

    /// Whoever stops a thread is the only one who can let it go on, so `keep` has a thread of its own. Source: `ptrace(2)`.
    fn hold_back(&self, named: &str, keep: fn(&[Pid], &Receiver<()>)) -> Option<Stopped> {
        let threads = threads_of(self.pid(), named);
        let ((hold, until), (tell, told)) = (channel(), channel());
        let keeper = std::thread::spawn(move || {
            let seize = |thread: &Pid| ptrace::seize(*thread, ptrace::Options::empty());
            let stopped = threads.iter().try_for_each(|thread| seize(thread).and_then(|()| stop(*thread)));
            tell.send(stopped).unwrap();
            keep(&threads, &until);
        });
        if let Err(why) = told.recv().unwrap() {
            eprintln!("skipped: this machine lets no thread be stopped: {why}");
            return None;
        }
        Some(Stopped { hold: Some(hold), keeper: Some(keeper) })
    }
}

const HELD_UP: Duration = Duration::from_millis(100);

fn stop(thread: Pid) -> nix::Result<()> {
    ptrace::interrupt(thread)?;
    waitpid(thread, Some(WaitPidFlag::__WALL)).map(drop)
}

fn let_go(threads: &[Pid]) {
    each(threads, |thread| ptrace::detach(thread, None));
}

/// A desk that has ended meanwhile has nothing to go on with.
fn each(threads: &[Pid], mut order: impl FnMut(Pid) -> nix::Result<()>) {
    for thread in threads {
        let _ = order(*thread);
    }
}

fn threads_of(process: u32, named: &str) -> Vec<Pid> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap().map(Result::unwrap);
    let is_one = |task: &fs::DirEntry| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end().starts_with(named))
    };
    let number = |task: fs::DirEntry| Pid::from_raw(task.file_name().to_str().unwrap().parse().unwrap());
    let found: Vec<Pid> = tasks.filter(is_one).map(number).collect();
    assert!(!found.is_empty(), "a thread of this name");
    found
}

impl Drop for Stopped {
    fn drop(&mut self) {
        drop(self.hold.take());
        self.keeper.take().map(JoinHandle::join);
    }
}
