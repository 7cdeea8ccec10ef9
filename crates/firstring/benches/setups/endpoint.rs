//! Who is called: the desk, the floor and baresip, each a process of its own that ends with the value that stands for it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::calls::{LINE, Trunk};
use crate::cpu::Used;

/// More calls at once than a generator on this machine brings about.
pub const AS_MANY_AS_THERE_ARE: u32 = 5_000;
/// Rendering all prompts takes some seconds, on a busy machine many.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// What a socket may hold while its process has no turn; the system gives what it allows.
const BURST: usize = 4 << 20;

/// A program that answers calls.
pub struct Endpoint {
    pub name: &'static str,
    pub address: SocketAddr,
    /// Its files, where they are nobody else's.
    #[allow(dead_code, reason = "it goes with the process")]
    folder: Option<tempfile::TempDir>,
    child: Child,
}

/// Where a desk lives: its configuration and its data.
pub struct Office {
    folder: tempfile::TempDir,
    sip: u16,
}

impl Office {
    /// An office whose trunk has so many channels; its assistant answers, and takes a message in the end.
    pub fn with_channels(channels: u32) -> Office {
        let office = Office { folder: tempfile::tempdir().unwrap(), sip: free_port() };
        office.has_channels(channels);
        office
    }

    /// Takes effect when a desk opens in it.
    pub fn has_channels(&self, channels: u32) {
        let (sip, web) = (self.sip, free_port());
        let text = format!(
            r#"
[business]
name = "Rivera Plumbing"
trade = "plumbing"
timezone = "America/Chicago"
[sip]
listen = ["udp:127.0.0.1:{sip}"]
rtp_ports = "21000-32767"
when_late = "take-all"
[web]
listen = "127.0.0.1:{web}"
[data]
directory = "data"
[[trunk]]
name = "main"
accept_from = ["127.0.0.0/8"]
channels = {channels}
[[office]]
name = "main"
hours = "24/7"
calendar = "jobs"
[[line]]
number = "{LINE}"
plan = "front-door"
[[assistant]]
name = "Robin"
greeting = "Thanks for calling Rivera Plumbing. This is Robin, the automated assistant. How can I help?"
[[calendar]]
name = "jobs"
kind = "local"
[[plan]]
name = "front-door"
[[plan.rule]]
when = "always"
steps = ["assistant", "message"]
"#
        );
        fs::write(self.folder.path().join("desk.toml"), text).unwrap();
    }
}

impl Endpoint {
    /// The program as it ships, in this office.
    pub fn desk(office: &Office) -> Endpoint {
        let folder = office.folder.path();
        let mut desk = Command::new(env!("CARGO_BIN_EXE_firstring"));
        desk.args(["run", "-c", "desk.toml"]).current_dir(folder);
        Endpoint::start("firstring", office.sip, &mut desk, folder).unwrap_or_else(|why| panic!("{why}"))
    }

    /// See [`floor`](crate::floor).
    pub fn floor() -> Endpoint {
        let mut floor = Command::new(std::env::current_exe().unwrap());
        let mut child = floor.arg("floor").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
        let address = (Ipv4Addr::LOCALHOST, port.trim().parse::<u16>().unwrap()).into();
        Endpoint { name: "floor", address, folder: None, child }
    }

    /// baresip that answers every call.
    ///
    /// # Errors
    /// A sentence, if it is not installed or does not answer.
    pub fn baresip() -> Result<Endpoint, String> {
        let folder = tempfile::tempdir().unwrap();
        let (home, port) = (folder.path(), free_port());
        // The codec comes before the account that names it.
        let modules: String =
            ["g711", "aufile", "menu", "account"].map(|name| format!("module {name}.so\n")).concat();
        let config = format!(
            "sip_listen 127.0.0.1:{port}\ncall_max_calls 5000\ncall_local_timeout 120\naudio_source aufile,{home}/quiet.wav\n\
             audio_player aufile,/dev/null\naudio_channels 1-1\nausrc_srate 8000\nauplay_srate 8000\nsnd_path {home}\n\
             rtp_ports 33000-60000\nmodule_path {}\n{modules}",
            modules_of_baresip().display(),
            home = home.display(),
        );
        fs::write(home.join("config"), config).unwrap();
        let account = format!("<sip:{LINE}@127.0.0.1>;regint=0;answermode=auto;audio_codecs=pcmu/8000/1\n");
        fs::write(home.join("accounts"), account).unwrap();
        fs::write(home.join("contacts"), "").unwrap();
        fs::write(home.join("quiet.wav"), quiet_wave()).unwrap();
        let mut baresip = Command::new("baresip");
        baresip.arg("-f").arg(home);
        let mut endpoint = Endpoint::start("baresip", port, &mut baresip, home)?;
        endpoint.folder = Some(folder);
        Ok(endpoint)
    }

    fn start(
        name: &'static str,
        port: u16,
        command: &mut Command,
        folder: &Path,
    ) -> Result<Endpoint, String> {
        let log = File::create(folder.join(format!("{name}.log"))).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().map_err(|why| match why.kind() {
            ErrorKind::NotFound => format!("{name} is not installed, so there is no row of it"),
            _ => format!("{name} cannot be started: {why}"),
        })?;
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let mut endpoint = Endpoint { name, address, folder: None, child };
        match endpoint.answers_within(READY_WITHIN) {
            true => Ok(endpoint),
            false => Err(format!(
                "{name} does not answer; it said:\n{}",
                fs::read_to_string(folder.join(format!("{name}.log"))).unwrap_or_default()
            )),
        }
    }

    /// Asks it by OPTIONS until it answers.
    fn answers_within(&mut self, limit: Duration) -> bool {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let trunk = Trunk { us: socket.local_addr().unwrap(), them: self.address, run: 0 };
        let began = Instant::now();
        while began.elapsed() < limit && matches!(self.child.try_wait(), Ok(None)) {
            // Before it listens, nobody takes it.
            let _ = socket.send_to(trunk.options().as_bytes(), self.address);
            if socket.recv(&mut [0; 4_096]).is_ok() {
                return true;
            }
        }
        false
    }

    /// What it has used of the processor, and what the processes it has started have.
    pub fn used(&self) -> Used {
        let mut used = Used::by(self.child.id());
        let workers: u64 = self.children().map(|pid| Used::by(pid).whole).sum();
        used.whole += workers;
        used.threads.insert("voice workers".to_owned(), workers);
        used
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn children(&self) -> impl Iterator<Item = u32> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let pids: Vec<u32> = lists
            .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
            .collect();
        pids.into_iter()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same socket, with room for what comes while its process has no turn.
pub fn deep(socket: UdpSocket) -> UdpSocket {
    let tuned = socket2::SockRef::from(&socket);
    tuned.set_recv_buffer_size(BURST).unwrap();
    tuned.set_send_buffer_size(BURST).unwrap();
    socket
}

fn free_port() -> u16 {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Half a minute that nobody hears, as WAV: 16 bits at 8 kHz. baresip hangs up at its end.
fn quiet_wave() -> Vec<u8> {
    let length = 30 * 2 * 8_000_u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend([8_000, 16_000_u32].map(u32::to_le_bytes).concat());
    file.extend(b"\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.resize(file.len() + length as usize, 0);
    file
}

fn modules_of_baresip() -> PathBuf {
    let places = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"];
    places.iter().map(PathBuf::from).find(|place| place.is_dir()).unwrap_or_else(|| places[0].into())
}
