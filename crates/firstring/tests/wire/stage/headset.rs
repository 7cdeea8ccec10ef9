//! The sound of a telephone whose signalling a test does itself: a leg of `media` on a socket of its own, which says what it is
//! given, reports as RTCP has it, and keeps every packet with the moment it came.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use media::rtp::{Packet, is_rtcp};
use media::{ClipId, Codec, Connect, DigitTypes, Direction, Interruptible, Leg, MAX_DATAGRAM, Order, Play};

use super::imagined_path::Came;

/// Datagrams, each with the moment it came.
type Kept = Vec<(Instant, Vec<u8>)>;

/// A telephone's sound. It falls silent when dropped.
pub struct Headset {
    /// Where it is heard.
    pub at: SocketAddr,
    codec: Codec,
    orders: Option<Sender<Order>>,
    kept: Arc<Mutex<Kept>>,
    thread: Option<JoinHandle<()>>,
}

impl Headset {
    /// Plugged in, and silent until it is connected.
    pub fn new(codec: Codec) -> Headset {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        let at = socket.local_addr().unwrap();
        let (orders, told) = channel();
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keeps = Arc::clone(&kept);
        let thread = std::thread::spawn(move || {
            let (began, mut leg) = (Instant::now(), Leg::new(u64::from(at.port()) << 17));
            let (mut buffer, mut out) = ([0; 2_048], [0; MAX_DATAGRAM]);
            loop {
                match told.try_recv() {
                    Ok(order) => leg.handle(order, began.elapsed()),
                    Err(std::sync::mpsc::TryRecvError::Empty) => {}
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
                }
                while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    keeps.lock().unwrap().push((Instant::now(), buffer[..length].to_vec()));
                    let _relay = leg.receive(&mut buffer[..length], from, began.elapsed());
                }
                leg.handle_deadline(began.elapsed());
                while let Some(outgoing) = leg.write(began.elapsed(), &mut out) {
                    // A lost packet among fifty a second.
                    let _ = socket.send_to(&out[..outgoing.length], outgoing.to);
                }
                while leg.poll_event().is_some() {}
            }
        });
        Headset { at, codec, orders: Some(orders), kept, thread: Some(thread) }
    }

    /// Sends to this address from now on, and says this.
    pub fn talks_to(&self, remote: SocketAddr, says: &[i16]) {
        self.does(Order::Connect(Connect {
            remote,
            remote_reports: None,
            reports_share_port: true,
            codec: self.codec,
            payload_type: self.codec.payload_type(),
            receive_payload_type: self.codec.payload_type(),
            digits: Some(DigitTypes { send: 101, receive: 101 }),
            packet_time: Duration::from_millis(20),
            keys: None,
            latch: Vec::new(),
            direction: Direction::SendReceive,
            is_another: false,
            greeting: None,
            filler: None,
        }));
        let clip = says.to_vec().into();
        self.does(Order::Play(Play { id: ClipId(1), clip, interruptible: Interruptible::No }));
    }

    /// An order to its leg.
    pub fn does(&self, order: Order) {
        self.orders.as_ref().unwrap().send(order).unwrap();
    }

    /// Every packet of sound so far, in the order they came.
    pub fn came(&self) -> Vec<Came> {
        sound_of(&self.kept.lock().unwrap(), self.codec)
    }

    /// When the latest packet of sound came.
    pub fn last(&self) -> Option<Instant> {
        self.kept.lock().unwrap().iter().rfind(|(_, datagram)| !is_rtcp(datagram)).map(|(at, _)| *at)
    }

    /// When the first packet came after this moment.
    pub fn first_after(&self, moment: Instant) -> Option<Instant> {
        self.kept.lock().unwrap().iter().map(|(at, _)| *at).find(|at| *at > moment)
    }
}

impl Drop for Headset {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The packets of sound in this codec among datagrams, their moments counted from the first.
pub fn sound_of(datagrams: &[(Instant, Vec<u8>)], codec: Codec) -> Vec<Came> {
    let Some((began, _)) = datagrams.first() else { return Vec::new() };
    let sound = datagrams.iter().filter(|(_, datagram)| !is_rtcp(datagram));
    let packets = sound.filter_map(|(at, datagram)| Some((*at, Packet::parse(datagram).ok()?)));
    packets
        .filter(|(_, packet)| packet.payload_type == codec.payload_type())
        .map(|(at, packet)| Came {
            at: at.duration_since(*began),
            stamp: packet.timestamp / (codec.clock_hz() / 8_000),
            codec,
            payload: packet.payload.to_vec(),
        })
        .collect()
}
