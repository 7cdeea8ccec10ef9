//! A desk in its own process: started, watched from outside, asked through its console, stopped and killed.

use std::fs::{self, File};
use std::io::{PipeReader, Read, Write};
use std::net::TcpStream;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::FIRSTRING;
use super::office::{Office, TOKEN_IS_IN};
use super::place::Place;
use super::waiting::wait_until;

/// What the console asks for, in the environment of the desk.
pub const TOKEN: &str = "quiet-heron-57-by-the-river";
/// A Tuesday morning in June, in opening hours: what is offered is the same on every day of the real year.
const NOW: &str = "2026-06-02T10:00:00-05:00";
/// Rendering all prompts takes some seconds, on a busy machine many.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// A running desk, and the place it is in. It ends when dropped; if its test has failed, it tells what it logged.
pub struct Desk {
    place: Place,
    child: Child,
    log: PathBuf,
}

impl Place {
    /// Starts a desk and waits until it answers.
    pub fn open(&self) -> Desk {
        self.open_logging("info")
    }

    /// The same, on a machine that has this in its environment.
    pub fn open_with(&self, name: &str, value: &Path) -> Desk {
        self.started("info", Some((name, value)))
    }

    /// The same, with that much told.
    pub fn open_logging(&self, level: &str) -> Desk {
        self.started(level, None)
    }

    /// Starts a desk that tells everything into a pipe, of which is read that it answers calls, and nothing after that.
    pub fn open_unread(&self) -> (Desk, PipeReader) {
        let (mut unread, told) = std::io::pipe().unwrap();
        let desk = self.spawned("trace", None, told.into());
        let (mut read, mut buffer) = (Vec::new(), [0; 4_096]);
        while !String::from_utf8_lossy(&read).contains("Answering calls") {
            let length = unread.read(&mut buffer).unwrap();
            assert!(length > 0, "the desk ended\n{}", String::from_utf8_lossy(&read));
            read.extend(&buffer[..length]);
        }
        self.keep_prompts();
        (desk, unread)
    }

    fn started(&self, level: &str, environment: Option<(&str, &Path)>) -> Desk {
        let log = File::create(self.log()).unwrap();
        let mut desk = self.spawned(level, environment, log.into());
        wait_until("the desk answers calls", READY_WITHIN, || {
            let ended = desk.child.try_wait().unwrap();
            assert!(ended.is_none(), "the desk ended: {ended:?}\n{}", desk.logged());
            desk.logged().contains("Answering calls").then_some(())
        });
        self.keep_prompts();
        desk
    }

    fn spawned(&self, level: &str, environment: Option<(&str, &Path)>, log: Stdio) -> Desk {
        let child = Command::new(FIRSTRING)
            .args(["run", "--now", NOW, "-c"])
            .arg(self.file())
            .current_dir(self.folder())
            .env("FIRSTRING_LOG", level)
            .env(TOKEN_IS_IN, TOKEN)
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Desk { place: self.clone(), child, log: self.log() }
    }

    fn log(&self) -> PathBuf {
        self.folder().join("desk.log")
    }
}

impl Desk {
    /// Starts one in a place of its own, with what is known of its prompts, and waits until it answers.
    pub fn open(office: &Office) -> Desk {
        let place = Place::of(office);
        place.bring_prompts();
        place.open()
    }

    /// Everything told on stderr so far.
    pub fn logged(&self) -> String {
        self.has_written_its_log();
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The thread that writes the log sleeps once it has written all that was told: for that is waited a while, on a busy machine
    /// longer. Source: `proc(5)`, status.
    fn has_written_its_log(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        let writes = |status: &String| status.starts_with("Name:\tlog\n") && !status.contains("\nState:\tS");
        let is_writing = || {
            let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).into_iter().flatten();
            let mut told = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok());
            told.any(|status| writes(&status))
        };
        while is_writing() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// As a power cut does it.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As an operator does it.
    pub fn terminate(&self) {
        signal("TERM", self.child.id());
    }

    /// How it ended.
    pub fn ends_within(&mut self, limit: Duration) -> ExitStatus {
        let child = &mut self.child;
        wait_until("the desk has ended", limit, || child.try_wait().unwrap())
    }

    /// Asks it to end as a service is asked, and gives how it ended and how long that took.
    pub fn stop(&mut self, limit: Duration) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.terminate();
        let status = self.ends_within(limit);
        (status, asked.elapsed())
    }

    /// Memory in use, in KiB. Source: `proc(5)`, VmRSS.
    pub fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Files, sockets and the like that it has open, without the socket and the process descriptor of each voice worker: those
    /// are as many as there are workers at the moment, and one that is thrown away is replaced. Source: `proc(5)`, fd.
    pub fn descriptors(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let all: Vec<_> = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).collect();
        let workers = all.iter().filter(|target| target.ends_with("anon_inode:[pidfd]")).count();
        all.len() - (2 * workers).min(all.len())
    }

    /// Processes that this desk has started, of one kind of voice worker. Source: `proc(5)`, children.
    pub fn workers(&self, kind: &str) -> Vec<u32> {
        let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", self.child.id())) else { return Vec::new() };
        let children = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).ok();
        let all = tasks.filter_map(Result::ok).filter_map(children).collect::<Vec<_>>().join(" ");
        let is_one = |pid: &u32| {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split('\0').collect::<Vec<_>>().ends_with(&["worker", kind, ""])
        };
        all.split_whitespace().map(|pid| pid.parse().unwrap()).filter(is_one).collect()
    }

    /// The body of a GET that succeeds.
    pub fn get(&self, path: &str) -> String {
        let (head, body) = self.asked(path);
        assert!(head.contains(" 200 "), "{path}: {head}");
        body
    }

    /// Head and body of the answer to a GET.
    pub fn asked(&self, path: &str) -> (String, String) {
        self.requested("GET", path, "")
    }

    /// Orders something by a POST that succeeds.
    pub fn is_ordered(&self, path: &str, order: &Value) {
        let (head, body) = self.requested("POST", path, &order.to_string());
        assert!(head.contains(" 20"), "{path}: {head} {body}");
    }

    fn requested(&self, method: &str, path: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.web)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let (port, length) = (self.web, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    /// The same, as JSON.
    pub fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path)).unwrap()
    }

    /// Calls of the trunk at this moment.
    pub fn calls_up(&self) -> u64 {
        self.json("/api/v1/trunks")["items"][0]["channels_up"].as_u64().unwrap()
    }

    /// Waits until that many calls are up.
    pub fn has_calls(&self, wanted: u64) {
        wait_until("so many channels are taken", Duration::from_secs(15), || {
            (self.calls_up() == wanted).then_some(())
        });
    }
}

impl Deref for Desk {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let logged = self.logged();
            let last: Vec<&str> = logged.lines().rev().take(60).collect();
            eprintln!("--- the desk's last words, the latest first\n{}", last.join("\n"));
            for call in String::from_utf8_lossy(&self.printed(&["calls"]).stdout).lines().take(4) {
                eprintln!("--- {call}");
            }
        }
    }
}

/// Sends a signal to a process that a test has started.
pub fn signal(name: &str, pid: u32) {
    let done = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(done.success(), "kill -s {name} {pid}");
}
