//! rtpengine as a peer: it forwards the sound of two phones as we do, in one thread, in user space.
//!
//! Told what to do by its `ng` protocol: a cookie and a bencoded dictionary in a datagram.

use std::fs::File;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::desk::HOME;

/// Not among the ports of desks.
const PORTS: [&str; 2] = ["--port-min=40000", "--port-max=49999"];
const READY_WITHIN: Duration = Duration::from_secs(5);

/// One that runs. It ends when dropped.
pub struct Rtpengine {
    child: Child,
    control: UdpSocket,
    asked: u32,
    #[allow(dead_code, reason = "it goes with the process")]
    folder: tempfile::TempDir,
}

impl Rtpengine {
    /// Starts it.
    ///
    /// # Errors
    /// A sentence, if it is not installed or does not answer.
    pub fn start() -> Result<Rtpengine, String> {
        let folder = tempfile::tempdir().unwrap();
        let control = UdpSocket::bind((HOME, 0)).unwrap();
        control.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let port = UdpSocket::bind((HOME, 0)).unwrap().local_addr().unwrap().port();
        control.connect((HOME, port)).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let listen = format!("--listen-ng=127.0.0.1:{port}");
        let words = ["--foreground", "--log-stderr", "--log-level=3", "--table=-1", "--interface=127.0.0.1"];
        let mut rtpengine = Command::new("rtpengine");
        rtpengine.args(words).args(PORTS).args([
            &listen,
            "--num-threads=1",
            "--no-fallback",
            "--config-file=none",
        ]);
        rtpengine.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = rtpengine.spawn().map_err(|_| {
            "rtpengine is not installed, so there is no row of it (Debian: rtpengine-daemon)".to_owned()
        })?;
        let mut started = Rtpengine { child, control, asked: 0, folder };
        let began = Instant::now();
        while began.elapsed() < READY_WITHIN {
            if started.ask("d7:command4:pinge").is_some() {
                return Ok(started);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let said = std::fs::read_to_string(started.folder.path().join("log")).unwrap_or_default();
        Err(format!("rtpengine does not answer; it said: {}", said.lines().next().unwrap_or_default()))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets two phones hear each other; gives where each sends its sound.
    pub fn bridge(&mut self, call: usize, phones: [u16; 2]) -> Option<[u16; 2]> {
        let words = |command: &str, port: u16| {
            let call = format!("call-{call}");
            let sdp = format!(
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
            );
            let mut pairs =
                vec![("call-id", call.as_str()), ("command", command), ("from-tag", "a"), ("sdp", &sdp)];
            if command == "answer" {
                pairs.push(("to-tag", "b"));
            }
            let inside: String = pairs.iter().map(|(key, value)| text(key) + &text(value)).collect();
            format!("d{inside}e")
        };
        let toward_second = sound_port(&self.ask(&words("offer", phones[0]))?)?;
        let toward_first = sound_port(&self.ask(&words("answer", phones[1]))?)?;
        Some([toward_first, toward_second])
    }

    fn ask(&mut self, what: &str) -> Option<String> {
        self.asked += 1;
        self.control.send(format!("{} {what}", self.asked).as_bytes()).ok()?;
        let mut answer = [0; 8_192];
        let length = self.control.recv(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer[..length]).into_owned())
    }
}

impl Drop for Rtpengine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bencoded.
fn text(text: &str) -> String {
    format!("{}:{text}", text.len())
}

fn sound_port(answer: &str) -> Option<u16> {
    let (_, sound) = answer.split_once("m=audio ")?;
    sound.split(' ').next()?.parse().ok()
}
