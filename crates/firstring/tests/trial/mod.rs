//! One desk that a test may kill, starve or stop, and a bare SIP phone to look at it from the wire.
//!
//! A [`Place`] is what outlives a desk: its configuration, ports and data. A [`Desk`] is one process in that place.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The program, as built for this test.
pub const FIRSTRING: &str = env!("CARGO_BIN_EXE_firstring");
/// The line that is called.
pub const LINE: &str = "+13125550100";
/// Who calls.
pub const CALLER: &str = "+13125550143";
/// What a bare phone shows beside its number.
pub const SHOWN_AS: &str = "42 Maple Street";
/// Where the person on call is reached.
pub const PERSON: &str = "+13125550177";
/// Books the first time that is offered.
pub const BOOK_BY_KEYS: &str = "press 1\nbarge 900ms press 1\nbarge 900ms press 1\nexpect-end 60s";
/// What the console asks for, in the environment of the desk.
pub const TOKEN: &str = "quiet-heron-57-by-the-river";
/// A Tuesday morning in opening hours.
const NOW: &str = "2026-06-02T10:00:00-05:00";
/// Rendering all prompts takes a while on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// RTP ports of each place.
const PORTS_EACH: u16 = 100;
static PORTS: AtomicU16 = AtomicU16::new(0);

/// Where a desk lives.
pub struct Place {
    folder: tempfile::TempDir,
    pub sip: u16,
    pub web: u16,
    /// Where the person's phone stands.
    pub person: u16,
}

impl Place {
    /// A place with two channels.
    pub fn new() -> Place {
        let place = Place {
            folder: tempfile::tempdir().unwrap(),
            sip: free_port(),
            web: free_port(),
            person: free_port(),
        };
        fs::write(place.file(), place.configuration()).unwrap();
        fs::create_dir(place.data()).unwrap();
        place
    }

    fn configuration(&self) -> String {
        let Place { sip, web, person, .. } = *self;
        // Tests of several processes run beside each other.
        let nth = PORTS.fetch_add(1, Ordering::Relaxed) + (std::process::id() % 64) as u16;
        let first = 12_000 + nth % 64 * PORTS_EACH;
        let last = first + PORTS_EACH - 1;
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
token = "env:FIRSTRING_TRIAL_TOKEN"
[data]
directory = "data"
[[trunk]]
name = "main"
accept_from = ["127.0.0.1"]
channels = 2
outbound_proxy = "127.0.0.1:{person}"
[[office]]
name = "main"
hours = "Mo-Fr 08:00-17:00; Sa 09:00-12:00"
calendar = "jobs"
[[person]]
name = "Marigold"
reach = [{{ to = "{PERSON}", accept = "pick-up" }}]
[[rota]]
name = "on-call"
people = ["Marigold"]
[[line]]
number = "{LINE}"
plan = "front-door"
[[assistant]]
name = "Robin"
greeting = "This is Robin, the automated assistant. How can I help?"
[[calendar]]
name = "jobs"
kind = "local"
[[plan]]
name = "front-door"
[[plan.rule]]
when = "always"
steps = ["assistant", {{ ring = "on-call", for = "10s" }}, "message"]
"#
        )
    }

    /// Where files of this test may lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self) -> PathBuf {
        self.folder().join("desk.toml")
    }

    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Puts prompts of this very build in place, if a desk has rendered them before.
    pub fn bring_prompts(&self) {
        copy_prompts(&known_prompts(), &self.data().join("prompts"));
    }

    /// Starts a desk and waits until it answers.
    pub fn open(&self) -> Desk<'_> {
        self.open_logging("info")
    }

    /// The same, with that much told.
    pub fn open_logging(&self, level: &str) -> Desk<'_> {
        let log = self.folder().join("desk.log");
        let child = Command::new(FIRSTRING)
            .args(["run", "--now", NOW, "-c"])
            .arg(self.file())
            .current_dir(self.folder())
            .env("FIRSTRING_LOG", level)
            .env("FIRSTRING_TRIAL_TOKEN", TOKEN)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut desk = Desk { place: self, child, log };
        wait_until("the desk answers calls", READY_WITHIN, || {
            let ended = desk.child.try_wait().unwrap();
            assert!(ended.is_none(), "the desk ended: {ended:?}\n{}", desk.logged());
            desk.logged().contains("Answering calls").then_some(())
        });
        let rendered = self.data().join("prompts");
        copy_prompts(&rendered, &known_prompts());
        desk
    }

    /// The trunk registers at this port, as `rivera`; nobody may send calls without.
    pub fn registers(&self, port: u16, password: &str) {
        fs::write(self.folder().join("password"), password).unwrap();
        let trunk = format!(
            "register = true\nusername = \"rivera\"\npassword = \"file:password\"\nregistrar = \"127.0.0.1:{port}\"\ndomain = \"example.com\""
        );
        let text = fs::read_to_string(self.file()).unwrap();
        let text = text.replace("accept_from = [\"127.0.0.1\"]", &trunk);
        let proxy = format!("outbound_proxy = \"127.0.0.1:{}\"\n", self.person);
        assert!(text.contains(&trunk) && text.contains(&proxy), "{text}");
        fs::write(self.file(), text.replace(&proxy, "")).unwrap();
    }

    /// Begins a call by script with the caller of ours.
    pub fn call(&self, from: &str, script: &str) -> Caller {
        self.call_over(self.sip, from, script)
    }

    /// The same, through whatever listens at this port.
    pub fn call_over(&self, port: u16, from: &str, script: &str) -> Caller {
        let name = from.trim_start_matches('+');
        let (file, told) =
            (self.folder().join(format!("{name}.txt")), self.folder().join(format!("{name}.out")));
        fs::write(&file, script).unwrap();
        let uri = format!("sip:{LINE}@127.0.0.1:{port}");
        let child = Command::new(FIRSTRING)
            .args(["--json", "test-call", &uri, "--from", from, "--script"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(File::create(&told).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Caller { child, told }
    }

    /// What `firstring calls|bookings|messages|callbacks [ID]` shows.
    pub fn shown(&self, what: &[&str]) -> Vec<Value> {
        let output = Command::new(FIRSTRING).args(what).arg("--data").arg(self.data()).arg("--json").output();
        let mut lines = json_lines(&output.unwrap().stdout);
        lines.pop();
        let kind = what[0].trim_end_matches('s');
        lines.into_iter().map(|mut line| line[kind].take()).collect()
    }

    /// The record of the one call from this number, once it is written.
    pub fn record(&self, from: &str) -> Value {
        let mut all = wait_until("the call is on record", Duration::from_secs(20), || {
            let found: Vec<Value> =
                self.shown(&["calls"]).into_iter().filter(|call| call["from"] == from).collect();
            (!found.is_empty()).then_some(found)
        });
        assert_eq!(all.len(), 1, "one call, one record");
        let id = all.remove(0)["id"].as_str().unwrap().to_owned();
        self.shown(&["calls", &id]).remove(0)
    }
}

/// A desk in its own process. It ends when dropped; if its test has failed, it tells what it logged.
pub struct Desk<'a> {
    place: &'a Place,
    child: Child,
    log: PathBuf,
}

impl Desk<'_> {
    /// Everything told on stderr so far.
    pub fn logged(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
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
        let mut stream = TcpStream::connect(("127.0.0.1", self.place.web)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let host = self.place.web;
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{host}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
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

    /// Waits until that many calls are up.
    pub fn has_calls(&self, wanted: u64) {
        wait_until("so many channels are taken", Duration::from_secs(15), || {
            let up = self.json("/api/v1/trunks")["items"][0]["channels_up"].as_u64();
            (up == Some(wanted)).then_some(())
        });
    }
}

impl Drop for Desk<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let logged = self.logged();
            let last: Vec<&str> = logged.lines().rev().take(60).collect();
            eprintln!("--- the desk's last words, the latest first\n{}", last.join("\n"));
        }
    }
}

/// A caller of ours on the phone. It ends when dropped.
pub struct Caller {
    child: Child,
    told: PathBuf,
}

impl Caller {
    /// Its result, once it has hung up.
    pub fn result(mut self) -> Value {
        let child = &mut self.child;
        wait_until("the caller has hung up", Duration::from_secs(120), || child.try_wait().unwrap());
        json_lines(&fs::read(&self.told).unwrap()).pop().unwrap()
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A phone that knows no more of SIP than a test needs.
pub struct Phone {
    socket: UdpSocket,
    sound: UdpSocket,
    desk: SocketAddr,
    waiting: Vec<String>,
}

impl Phone {
    /// One at this address.
    pub fn at(address: [u8; 4], port: u16, place: &Place) -> Phone {
        let address = Ipv4Addr::from(address);
        let socket = UdpSocket::bind((address, port)).unwrap();
        let sound = UdpSocket::bind((address, 0)).unwrap();
        Phone { socket, sound, desk: ([127, 0, 0, 1], place.sip).into(), waiting: Vec::new() }
    }

    /// A request of the call of this name; `to_tag` is empty outside a dialog.
    pub fn send(&self, method: &str, number: u32, call: &str, to_tag: &str) {
        let (us, desk) = (self.socket.local_addr().unwrap(), self.desk);
        let body = if method == "INVITE" { self.offer() } else { String::new() };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        // The ACK of a 200 is a transaction of its own (RFC 3261, section 13.2.2.4).
        let text = format!(
            "{method} sip:{LINE}@{desk} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK-{call}-{number}-{method}\r\n\
             Max-Forwards: 70\r\nFrom: \"{SHOWN_AS}\" <sip:{CALLER}@{us}>;tag=t-{call}\r\nTo: <sip:{LINE}@{desk}>{to_tag}\r\n\
             Call-ID: {call}\r\nCSeq: {number} {method}\r\nContact: <sip:{us}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.socket.send_to(text.as_bytes(), desk).unwrap();
    }

    fn offer(&self) -> String {
        let sound = self.sound.local_addr().unwrap();
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
             a=rtpmap:101 telephone-event/8000\r\n",
            ip = sound.ip(),
            port = sound.port()
        )
    }

    /// The next message that fits, if it comes in time; others wait.
    pub fn receives(&mut self, within: Duration, fits: impl Fn(&str) -> bool) -> Option<String> {
        if let Some(place) = self.waiting.iter().position(|message| fits(message)) {
            return Some(self.waiting.remove(place));
        }
        let until = Instant::now() + within;
        let mut buffer = [0; 8_192];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
                    if fits(&message) {
                        return Some(message);
                    }
                    self.waiting.push(message);
                }
                Err(_) if left.is_zero() => return None,
                Err(_) => {}
            }
        }
    }

    /// The final status of a request, and the tag the desk gave the call.
    pub fn final_status(&mut self, method: &str, number: u32, call: &str) -> (u16, String) {
        let (call, number) = (format!("Call-ID: {call}\r\n"), format!("CSeq: {number} {method}\r\n"));
        let is_final = |message: &str| {
            message.starts_with("SIP/2.0 ")
                && status(message) >= 200
                && message.contains(&call)
                && message.contains(&number)
        };
        let message = self.receives(Duration::from_secs(5), is_final).expect("an answer within 5 s");
        let to = message.lines().find(|line| line.starts_with("To:")).unwrap_or_default();
        let tag = to.split_once(";tag=").map(|(_, tag)| format!(";tag={tag}")).unwrap_or_default();
        (status(&message), tag)
    }

    /// The same phone, behind a proxy at this port.
    pub fn behind(self, proxy: u16) -> Phone {
        Phone { desk: ([127, 0, 0, 1], proxy).into(), ..self }
    }

    /// Calls; if it is answered, says so. Gives the status and the call's tag.
    pub fn invite(&mut self, call: &str) -> (u16, String) {
        self.send("INVITE", 1, call, "");
        let (status, tag) = self.final_status("INVITE", 1, call);
        self.send("ACK", 1, call, &tag);
        (status, tag)
    }

    /// Answers a request of the desk's.
    pub fn answer(&self, request: &str, to_tag: &str) {
        let mut text = "SIP/2.0 200 OK\r\n".to_owned();
        for line in request.lines() {
            if ["Via:", "Record-Route:", "From:", "Call-ID:", "CSeq:"]
                .iter()
                .any(|name| line.starts_with(name))
            {
                text += &format!("{line}\r\n");
            } else if line.starts_with("To:") {
                text += &format!("{line}{to_tag}\r\n");
            }
        }
        let body = if request.starts_with("INVITE") { self.offer() } else { String::new() };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let us = self.socket.local_addr().unwrap();
        text += &format!("Contact: <sip:{us}>\r\n{kind}Content-Length: {}\r\n\r\n{body}", body.len());
        self.socket.send_to(text.as_bytes(), self.desk).unwrap();
    }
}

fn status(message: &str) -> u16 {
    message.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// Sends a signal to a process that a test has started.
pub fn signal(name: &str, pid: u32) {
    let done = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(done.success(), "kill -s {name} {pid}");
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

/// Everything a program printed, one object a line.
pub fn json_lines(stdout: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(stdout);
    let line = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
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
