//! A path of our own between a desk and a telephone's sound, over real sockets: it loses, delays and swaps packets by a seed,
//! and goes dark when told to. What it did is known, so that what others say of it can be compared.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::imagined_path::Path;

/// The path. It ends when dropped.
pub struct Forwarder {
    /// Where the desk sends its sound, and where the telephone's seems to come from.
    pub near: SocketAddr,
    /// Where the telephone sends its own.
    pub far: SocketAddr,
    ways: Arc<Mutex<Ways>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Both directions.
struct Ways {
    to_desk: Path,
    from_desk: Path,
    desk: Option<SocketAddr>,
    telephone: SocketAddr,
    dark: bool,
    /// Sound of the desk as it set out, whatever became of it.
    said: Vec<(Instant, Vec<u8>)>,
}

/// A datagram on its way: when it is due, which of a kind it is, and whether it goes to the desk.
type Waiting = (Duration, bool, Vec<u8>);

impl Forwarder {
    /// Between whoever sends to it and this telephone, losing so much each way.
    pub fn to(telephone: SocketAddr, loss_ratio: f64, seed: u64) -> Forwarder {
        let [near, far] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        for socket in [&near, &far] {
            socket.set_nonblocking(true).unwrap();
        }
        let [near_at, far_at] = [&near, &far].map(|socket| socket.local_addr().unwrap());
        let (to_desk, from_desk) = (Path::losing(loss_ratio, seed), Path::losing(loss_ratio, !seed));
        let ways = Ways { to_desk, from_desk, desk: None, telephone, dark: false, said: Vec::new() };
        let (ways, stop) = (Arc::new(Mutex::new(ways)), Arc::new(AtomicBool::new(false)));
        let (carried, told) = (Arc::clone(&ways), Arc::clone(&stop));
        let thread = std::thread::spawn(move || carry(&near, &far, &carried, &told));
        Forwarder { near: near_at, far: far_at, ways, stop, thread: Some(thread) }
    }

    /// Nothing passes any more, or everything that is not lost.
    pub fn is_dark(&self, dark: bool) {
        self.ways.lock().unwrap().dark = dark;
    }

    /// Share of the telephone's packets that it lost.
    pub fn lost_to_desk(&self) -> f64 {
        self.ways.lock().unwrap().to_desk.lost_ratio()
    }

    /// Share of the desk's packets that it lost.
    pub fn lost_from_desk(&self) -> f64 {
        self.ways.lock().unwrap().from_desk.lost_ratio()
    }

    /// What the desk has sent so far, each with the moment it set out.
    pub fn said(&self) -> Vec<(Instant, Vec<u8>)> {
        self.ways.lock().unwrap().said.clone()
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn carry(near: &UdpSocket, far: &UdpSocket, ways: &Mutex<Ways>, stop: &AtomicBool) {
    let began = Instant::now();
    let mut waiting: Vec<Waiting> = Vec::new();
    let mut buffer = [0; 2_048];
    while !stop.load(Ordering::Relaxed) {
        let mut ways = ways.lock().unwrap();
        while let Ok((length, from)) = near.recv_from(&mut buffer) {
            ways.desk = Some(from);
            ways.said.push((Instant::now(), buffer[..length].to_vec()));
            waiting.extend(ways.passes(false, &buffer[..length], began.elapsed()));
        }
        while let Ok((length, _)) = far.recv_from(&mut buffer) {
            waiting.extend(ways.passes(true, &buffer[..length], began.elapsed()));
        }
        let now = began.elapsed();
        waiting.sort_by_key(|(due, ..)| *due);
        for (_, to_desk, datagram) in waiting.drain(..waiting.partition_point(|(due, ..)| *due <= now)) {
            match (to_desk, ways.desk) {
                (true, Some(desk)) => drop(near.send_to(&datagram, desk)),
                (true, None) => {}
                (false, _) => drop(far.send_to(&datagram, ways.telephone)),
            }
        }
        drop(ways);
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Ways {
    /// Reports share the port of the sound; they are late like everything else, but not lost: what is lost is counted as sound.
    fn passes(&mut self, to_desk: bool, datagram: &[u8], now: Duration) -> Option<Waiting> {
        if self.dark {
            return None;
        }
        let path = if to_desk { &mut self.to_desk } else { &mut self.from_desk };
        let due = match media::rtp::is_rtcp(datagram) {
            true => Some(now + (path.takes.0 + path.takes.1) / 2),
            false => path.passes(now),
        };
        due.map(|due| (due, to_desk, datagram.to_vec()))
    }
}
