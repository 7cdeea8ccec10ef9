//! One thread of a desk stopped while all its others go on: what a deadlock or an endless wait looks like from outside.

use std::fs;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

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
        let thread = Pid::from_raw(thread_of(self.pid(), name));
        let ((hold, until), (tell, told)) = (channel(), channel());
        let keeper = std::thread::spawn(move || keep_stopped(thread, &tell, &until));
        if let Err(why) = told.recv().unwrap() {
            eprintln!("skipped: this machine lets no thread be stopped: {why}");
            return None;
        }
        Some(Stopped { hold: Some(hold), keeper: Some(keeper) })
    }
}

/// Whoever stops a thread is the only one who can let it go on. Source: `ptrace(2)`.
fn keep_stopped(thread: Pid, tell: &Sender<nix::Result<()>>, until: &Receiver<()>) {
    let stopped = ptrace::seize(thread, ptrace::Options::empty())
        .and_then(|()| ptrace::interrupt(thread))
        .and_then(|()| waitpid(thread, Some(WaitPidFlag::__WALL)));
    tell.send(stopped.map(drop)).unwrap();
    let _ = until.recv();
    // A desk that has ended meanwhile has nothing to go on with.
    let _ = ptrace::detach(thread, None);
}

fn thread_of(process: u32, name: &str) -> i32 {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap().map(Result::unwrap);
    let is_it = |task: &fs::DirEntry| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    };
    let found = tasks.into_iter().find(is_it);
    found.expect("a thread of this name").file_name().to_str().unwrap().parse().unwrap()
}

impl Drop for Stopped {
    fn drop(&mut self) {
        drop(self.hold.take());
        self.keeper.take().map(JoinHandle::join);
    }
}
