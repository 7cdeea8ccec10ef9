//! A desk in its own process, and phones to call it with: real SIP and RTP on loopback.
//!
//! Ports are free ones, data lie in a directory of their own, and every process that was started here ends with the
//! value that stands for it. Prompts that one desk has rendered are handed to the next: each test would wait for them.

pub mod peers;
pub mod sound;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The program, as built for this test.
pub const FIRSTRING: &str = env!("CARGO_BIN_EXE_firstring");
/// The line that is called.
pub const LINE: &str = "+13125550100";
/// A Tuesday morning in June, in opening hours: what is offered is the same on every day of the real year.
const NOW: &str = "2026-06-02T10:00:00-05:00";
/// Rendering all prompts takes some seconds, on a busy machine many.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// A record is written once the call is over.
const RECORD_WITHIN: Duration = Duration::from_secs(10);
/// No spoken call here lasts longer.
const CALL_WITHIN: Duration = Duration::from_secs(150);
/// RTP ports of each desk.
const PORTS_EACH: u16 = 200;
static NEXT_PORTS: AtomicU16 = AtomicU16::new(20_000);

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

/// What differs from one desk to the next.
pub struct Office {
    pub greeting: &'static str,
    pub channels: u32,
    /// Where the person's phone stands.
    pub person: u16,
    /// RTP ports.
    pub ports: u16,
}

impl Default for Office {
    fn default() -> Office {
        Office {
            greeting: "Rivera Plumbing. This is Robin, the automated assistant. How can I help?",
            channels: 4,
            person: free_port(),
            ports: PORTS_EACH,
        }
    }
}

impl Office {
    fn configuration(&self, sip: u16, web: u16) -> String {
        let Office { greeting, channels, person, ports } = *self;
        let first = NEXT_PORTS.fetch_add(ports, Ordering::Relaxed);
        let last = first + ports - 1;
        format!(
            r#"
[business]
name = "Rivera Plumbing"
trade = "plumbing"
timezone = "America/Chicago"
[sip]
listen = ["udp:127.0.0.1:{sip}"]
rtp_ports = "{first}-{last}"
[web]
listen = "127.0.0.1:{web}"
[data]
directory = "data"
[[trunk]]
name = "main"
accept_from = ["127.0.0.1"]
channels = {channels}
outbound_proxy = "127.0.0.1:{person}"
[[office]]
name = "main"
hours = "Mo-Fr 08:00-17:00; Sa 09:00-12:00"
calendar = "jobs"
[[person]]
name = "Dana"
reach = [{{ to = "101" }}]
[[rota]]
name = "on-call"
people = ["Dana"]
[[line]]
number = "{LINE}"
plan = "front-door"
[[assistant]]
name = "Robin"
greeting = "{greeting}"
[[calendar]]
name = "jobs"
kind = "local"
[[plan]]
name = "front-door"
[[plan.rule]]
when = "always"
steps = ["assistant", {{ ring = "on-call", for = "5s" }}, "message"]
"#
        )
    }
}

/// A running desk. It ends when dropped; if its test has failed, it tells what it logged.
pub struct Desk {
    child: Child,
    folder: tempfile::TempDir,
    log: Arc<Mutex<String>>,
    pub sip: u16,
    pub web: u16,
}

impl Desk {
    /// Starts it and waits until it answers.
    pub fn open(office: &Office) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let (sip, web) = (free_port(), free_port());
        let file = folder.path().join("desk.toml");
        fs::write(&file, office.configuration(sip, web)).unwrap();
        copy_prompts(&known_prompts(), &folder.path().join("data/prompts"));
        let mut child = Command::new(FIRSTRING)
            .args(["run", "--now", NOW, "-c"])
            .arg(&file)
            .current_dir(folder.path())
            .env("FIRSTRING_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stderr.take().unwrap());
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let mut desk = Desk { child, folder, log, sip, web };
        wait_until("the desk answers calls", READY_WITHIN, || {
            let ended = desk.child.try_wait().unwrap();
            assert!(ended.is_none(), "the desk ended: {ended:?}\n{}", desk.logged());
            desk.logged().contains("Answering calls").then_some(())
        });
        copy_prompts(&desk.data().join("prompts"), &known_prompts());
        desk
    }

    /// Everything logged so far.
    pub fn logged(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Where files of this test may lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The desk's own directory.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Memory in use, in KiB. Source: `proc(5)`, VmRSS.
    pub fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Calls of the trunk at this moment.
    pub fn calls_up(&self) -> u64 {
        self.get("/api/v1/trunks")["items"][0]["channels_up"].as_u64().unwrap()
    }

    /// Asks it to end as a service is asked, and gives how it ended and how long that took.
    pub fn stop(&mut self, limit: Duration) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        let done = Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(done.success(), "the desk could not be asked to end");
        let status = wait_until("the desk ends", limit, || self.child.try_wait().unwrap());
        (status, asked.elapsed())
    }

    /// The URI of the line.
    pub fn uri(&self) -> String {
        format!("sip:{LINE}@127.0.0.1:{}", self.sip)
    }

    /// Places a call by script with the caller of ours.
    pub fn call(&self, from: &str, script: &str) -> Heard {
        self.call_with(from, script, &[])
    }

    /// The same with more options.
    pub fn call_with(&self, from: &str, script: &str, options: &[&str]) -> Heard {
        let (file, wave) =
            (self.folder().join(format!("{from}.txt")), self.folder().join(format!("{from}.wav")));
        fs::write(&file, script).unwrap();
        let mut caller = Command::new(FIRSTRING);
        caller.args(["test-call", &self.uri(), "--from", from, "--json", "--script"]).arg(&file);
        caller.arg("--record").arg(&wave).args(options);
        let output = within(&mut caller, CALL_WITHIN);
        let lines = json_lines(&output);
        let result = lines.last().cloned().unwrap_or_default();
        assert!(output.status.success(), "the call was not answered: {result}");
        Heard { result, wave }
    }

    /// The desk's record of the one call from this number, once it is written.
    pub fn record(&self, from: &str) -> Value {
        let all = wait_until("the call is on record", RECORD_WITHIN, || {
            let found: Vec<Value> =
                self.shown(&["calls"]).into_iter().filter(|call| call["from"] == from).collect();
            (!found.is_empty()).then_some(found)
        });
        assert_eq!(all.len(), 1, "one call, one record");
        let id = all[0]["id"].as_str().unwrap();
        self.shown(&["calls", id]).remove(0)
    }

    /// What `firstring calls|bookings|messages|callbacks [ID]` shows.
    pub fn shown(&self, what: &[&str]) -> Vec<Value> {
        let output = Command::new(FIRSTRING).args(what).arg("--data").arg(self.data()).arg("--json").output();
        let mut lines = json_lines(&output.unwrap());
        lines.pop();
        let kind = what[0].trim_end_matches('s');
        lines.into_iter().map(|mut line| line[kind].take()).collect()
    }

    /// `firstring explain`, as one text.
    pub fn explained(&self, record: &Value) -> String {
        let mut explain = Command::new(FIRSTRING);
        explain.args(["explain", record["id"].as_str().unwrap(), "--data"]).arg(self.data());
        String::from_utf8(explain.output().unwrap().stdout).unwrap()
    }

    /// The answer to a GET, as JSON.
    pub fn get(&self, path: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.web)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n\r\n", self.web).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{head}");
        serde_json::from_str(body).unwrap()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the desk's log\n{}", self.logged());
            for call in self.shown(&["calls"]).iter().take(4) {
                eprintln!("--- {call}");
            }
        }
    }
}

/// What a caller of ours measured.
pub struct Heard {
    pub result: Value,
    pub wave: PathBuf,
}

impl Heard {
    /// First word in milliseconds after the ACK.
    pub fn first_word_ms(&self) -> f64 {
        self.result["first_word_ms"].as_f64().unwrap_or_else(|| panic!("nothing was heard: {}", self.result))
    }

    /// Gaps of the turns that are answered with words.
    pub fn gaps_ms(&self) -> Vec<u64> {
        let turns = self.result["turns"].as_array().unwrap();
        turns.iter().filter_map(|turn| turn["gap_ms"].as_u64()).collect()
    }

    /// What every caller may expect, however the call goes.
    pub fn is_served_at_once(&self) {
        let result = &self.result;
        // Loose: what an answer takes is measured by the benches, on a machine that does nothing else.
        assert!(result["answer_ms"].as_f64().unwrap() < 50.0, "answered late: {result}");
        assert!(self.first_word_ms() < 260.0, "the first word came late: {result}");
        assert!(result["longest_silence_ms"].as_u64().unwrap() < 4_000, "a dead line: {result}");
        let packets = &result["packets"];
        assert_eq!(packets["lost"], 0, "sound was lost on loopback: {result}");
    }

    /// What the desk noted is what was heard, within 40 ms.
    pub fn agrees_with(&self, record: &Value) {
        let noted = record["first_word_ms"].as_f64().unwrap();
        let heard = self.first_word_ms();
        assert!((noted - heard).abs() <= 40.0, "first word: {noted} noted, {heard} heard");
        let turns = record["turns"].as_array().unwrap();
        let noted: Vec<u64> = turns.iter().filter_map(|turn| turn["gap_ms"].as_u64()).collect();
        let heard = self.gaps_ms();
        let close = |(noted, heard): (&u64, &u64)| noted.abs_diff(*heard) <= 40;
        assert!(
            noted.len() == heard.len() && noted.iter().zip(&heard).all(close),
            "gaps: {noted:?} noted, {heard:?} heard; {record}"
        );
    }
}

/// A UDP port that nobody listens on now.
pub fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
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

/// Runs a program to its end, but no longer than that.
pub fn within(command: &mut Command, limit: Duration) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|problem| panic!("{command:?}: {problem}"));
    let (out, err) = (reader(child.stdout.take().unwrap()), reader(child.stderr.take().unwrap()));
    let until = Instant::now() + limit;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if Instant::now() > until => break None,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    if status.is_none() {
        child.kill().unwrap();
    }
    let status = status.unwrap_or_else(|| child.wait().unwrap());
    Output { status, stdout: out.join().unwrap(), stderr: err.join().unwrap() }
}

fn reader(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

fn json_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |line| {
        let told = || panic!("not JSON: {line}\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(line).unwrap_or_else(|_| told())
    };
    text.lines().map(line).collect()
}

/// Prompts of this very build, rendered by a desk before this one.
fn known_prompts() -> PathBuf {
    let built = fs::metadata(FIRSTRING).unwrap().modified().unwrap();
    let built = built.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("prompts-{built}"))
}

fn copy_prompts(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let Ok(files) = fs::read_dir(from) else { return };
    for file in
        files.map(Result::unwrap).filter(|file| file.path().extension().is_some_and(|end| end == "clip"))
    {
        let place = to.join(file.file_name());
        if !place.exists() {
            // Written beside the place and renamed: another test may read at this moment.
            let beside = tempfile::NamedTempFile::new_in(to).unwrap();
            fs::copy(file.path(), beside.path()).unwrap();
            beside.persist(&place).unwrap();
        }
    }
}
