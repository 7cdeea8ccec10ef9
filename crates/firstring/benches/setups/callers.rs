//! Callers who stay on the line with sound both ways: each sends a packet every 20 ms, on its own millisecond.
//!
//! They are quiet lines, with the noise of none: what a talker costs the recogniser is not what is measured here. A process of
//! its own; `up N` on stdout says that all that will are up, a line on stdin ends them, and the last line tells what they heard.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{io, io::BufRead, io::BufReader};

use media::rtp::Packet;
use serde::{Deserialize, Serialize};

use crate::calls::{Reply, Trunk};
use crate::endpoint::deep;

/// Milliseconds from one call to the next: the desk is not to be hurried.
const PLACED_EVERY: u32 = 5;
/// Callers that share a socket for their sound.
const A_SOCKET: usize = 100;
/// Digital silence in mu-law, nearly: no pattern that could be taken for lost sound.
const QUIET: [u8; 160] = [0xfe; 160];
const MS: Duration = Duration::from_millis(1);

/// What they heard.
#[derive(Default, Serialize, Deserialize)]
pub struct Heard {
    pub up: u32,
    /// Hung up by the far end before they did.
    pub gone: u32,
    pub sent: u64,
    pub received: u64,
}

/// Callers that are up.
pub struct Callers {
    process: Child,
    said: BufReader<ChildStdout>,
    pub up: u32,
}

impl Callers {
    /// Calls from so many, and waits until they are up, or not to be.
    pub fn ring(to: SocketAddr, legs: u32) -> Callers {
        let mut process = Command::new(std::env::current_exe().unwrap());
        process
            .args(["callers", &to.to_string(), &legs.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = process.spawn().unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let up = line.trim().strip_prefix("up ").unwrap().parse().unwrap();
        Callers { process, said, up }
    }

    /// All hang up.
    pub fn hang_up(mut self) -> Heard {
        drop(self.process.stdin.take());
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        self.process.wait().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

/// The callers' own process.
pub fn talk(to: SocketAddr, legs: u32) {
    let end = Arc::new(AtomicBool::new(false));
    std::thread::spawn({
        let end = Arc::clone(&end);
        move || {
            let _ = io::stdin().read(&mut [0; 1]);
            end.store(true, Relaxed);
        }
    });
    let mut room = Room::of(to, legs);
    let mut tick = 0_u32;
    let (began, mut told) = (Instant::now(), false);
    while !end.load(Relaxed) {
        let until = began + MS * tick;
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
        if tick.is_multiple_of(PLACED_EVERY) && tick / PLACED_EVERY < legs {
            room.place(tick / PLACED_EVERY);
        }
        room.listen();
        room.speak(tick);
        let late = legs * PLACED_EVERY + 2_000;
        if !told && (room.callers.len() == legs as usize || tick > late) {
            println!("up {}", room.callers.len());
            told = true;
        }
        tick += 1;
    }
    room.hang_up();
    println!("{}", serde_json::to_string(&room.heard()).unwrap());
}

struct Room {
    signals: UdpSocket,
    sounds: Vec<UdpSocket>,
    trunk: Trunk,
    /// Those that are up, by their number.
    callers: BTreeMap<u32, Caller>,
    /// Whose sound comes from which port.
    by_port: BTreeMap<u16, u32>,
    gone: u32,
}

struct Caller {
    desk: SocketAddr,
    sequence: u16,
    received: u64,
    sent: u64,
    ack: String,
    bye: String,
}

impl Room {
    fn of(them: SocketAddr, legs: u32) -> Room {
        let socket = || {
            let socket = deep(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
            socket.set_nonblocking(true).unwrap();
            socket
        };
        let signals = socket();
        let trunk = Trunk { us: signals.local_addr().unwrap(), them, run: std::process::id() };
        let sounds = (0..(legs as usize).div_ceil(A_SOCKET)).map(|_| socket()).collect();
        Room { signals, sounds, trunk, callers: BTreeMap::new(), by_port: BTreeMap::new(), gone: 0 }
    }

    fn send(&self, text: &str) {
        let _ = self.signals.send_to(text.as_bytes(), self.trunk.them);
    }

    fn place(&self, call: u32) {
        let sound = self.sounds[call as usize / A_SOCKET].local_addr().unwrap();
        self.send(&self.trunk.invite(call, sound));
    }

    fn listen(&mut self) {
        let mut buffer = [0; 4_096];
        while let Ok((length, _)) = self.signals.recv_from(&mut buffer) {
            if let Some(message) = Reply::read(&buffer[..length]) {
                self.hear(&message);
            }
        }
        for sound in &self.sounds {
            while let Ok((_, from)) = sound.recv_from(&mut buffer) {
                let caller = self.by_port.get(&from.port()).and_then(|call| self.callers.get_mut(call));
                if let Some(caller) = caller {
                    caller.received += 1;
                }
            }
        }
    }

    fn hear(&mut self, message: &Reply<'_>) {
        let Some(call) = message.call(self.trunk.run) else { return };
        match (message.status(), message.method()) {
            (Some(200), "INVITE") => self.is_up(call, message),
            (Some(300..), "INVITE") => self.send(&self.trunk.ack_refusal(call, message)),
            (None, "BYE") => {
                self.gone += 1;
                self.callers.remove(&call);
                self.send(&message.answer("200 OK", "", "Content-Length: 0\r\n\r\n"));
            }
            _ => {}
        }
    }

    fn is_up(&mut self, call: u32, answer: &Reply<'_>) {
        if let Some(known) = self.callers.get(&call) {
            return self.send(&known.ack);
        }
        let Some(port) = answer.sound_port() else { return };
        let desk = SocketAddr::new(self.trunk.them.ip(), port);
        let (ack, bye) = (self.trunk.ack(call, answer), self.trunk.bye(call, answer));
        self.send(&ack);
        self.by_port.insert(port, call);
        self.callers.insert(call, Caller { desk, sequence: 0, received: 0, sent: 0, ack, bye });
    }

    fn speak(&mut self, tick: u32) {
        for (call, caller) in self.callers.iter_mut().filter(|(call, _)| *call % 20 == tick % 20) {
            let (sequence, timestamp) = (caller.sequence, u32::from(caller.sequence) * 160);
            let packet =
                Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: *call, payload: &QUIET };
            let mut wire = [0; 172];
            packet.write(&mut wire).unwrap();
            let _ = self.sounds[*call as usize / A_SOCKET].send_to(&wire, caller.desk);
            caller.sequence = caller.sequence.wrapping_add(1);
            caller.sent += 1;
        }
    }

    /// Not all in one moment, so that none is lost.
    fn hang_up(&self) {
        for caller in self.callers.values() {
            self.send(&caller.bye);
            std::thread::sleep(MS);
        }
    }

    fn heard(&self) -> Heard {
        let callers = self.callers.values();
        Heard {
            up: self.callers.len() as u32,
            gone: self.gone,
            sent: callers.clone().map(|caller| caller.sent).sum(),
            received: callers.map(|caller| caller.received).sum(),
        }
    }
}
