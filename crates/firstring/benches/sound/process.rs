//! The processes of a run, and what they tell each other: a line at a time.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use crate::cpu::Used;

/// Why a measurement was given up. Its processes end with it, and the next one begins.
#[derive(Debug, thiserror::Error)]
pub enum GivenUp {
    /// The time a measurement may take is over; as a rule the thread has more legs than it can hold.
    #[error("it was not through in time")]
    Late,
    /// A process has ended by itself; what it said stands on stderr.
    #[error("a process of it ended early")]
    Gone,
}

/// A process of this very program. It ends when dropped.
pub struct Process {
    child: Child,
    hears: ChildStdin,
    says: Receiver<String>,
}

impl Process {
    pub fn start(words: &[&str]) -> Process {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (hears, out) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let (line, says) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|said| line.send(said)));
        Process { child, hears, says }
    }

    /// One that has ended is noticed by what it does not say.
    pub fn tell(&mut self, line: &str) {
        let _ = writeln!(self.hears, "{line}");
    }

    /// What it says next.
    pub fn told(&mut self, until: Instant) -> Result<String, GivenUp> {
        let said = self.says.recv_timeout(until.saturating_duration_since(Instant::now()));
        said.map_err(|why| match why {
            RecvTimeoutError::Timeout => GivenUp::Late,
            RecvTimeoutError::Disconnected => GivenUp::Gone,
        })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Milliseconds of processor time a process has used.
pub fn cpu_ms(pid: u32) -> u64 {
    Used::by(pid).whole
}

/// Memory in use, in KiB. Source: `proc(5)`, VmRSS.
pub fn memory_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Tells the process that started this one.
pub fn tell(line: &str) {
    println!("{line}");
}

/// What the process that started this one says.
pub fn told() -> String {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    line.trim().to_owned()
}

pub fn ports(line: &str) -> Vec<u16> {
    line.split_whitespace().map(|port| port.parse().unwrap()).collect()
}
