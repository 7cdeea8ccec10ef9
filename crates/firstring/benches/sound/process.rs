//! The processes of a run, and what they tell each other: a line at a time.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::cpu::Used;

/// A process of this very program. It ends when dropped.
pub struct Process {
    child: Child,
    hears: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Process {
    pub fn start(words: &[&str]) -> Process {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (hears, says) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Process { child, hears, says }
    }

    pub fn tell(&mut self, line: &str) {
        writeln!(self.hears, "{line}").unwrap();
    }

    pub fn told(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        line.trim().to_owned()
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
