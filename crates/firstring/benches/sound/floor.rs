//! The cheapest honest leg: a socket that is read, and a packet that is sent.
//!
//! Where a prompt is played, the same packet goes out every 20 ms, on the leg's own millisecond; where two legs hear each
//! other, what comes in goes out at the other. No codec, no numbers, no reports, nobody kept out, nothing remembered. What the
//! desk costs beyond this is the desk's.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use crate::desk::HOME;
use crate::kinds::{Kind, What};
use crate::process::{ports, tell, told};

const MS: Duration = Duration::from_millis(1);

pub fn work(kind: Kind) {
    tell("ready");
    let phones: Vec<SocketAddr> = ports(&told()).into_iter().map(|port| (HOME, port).into()).collect();
    let legs = phones.len();
    let mut poll = Poll::new().unwrap();
    let sockets: Vec<UdpSocket> = (0..legs)
        .map(|leg| {
            let mut socket = UdpSocket::bind((HOME, 0).into()).unwrap();
            poll.registry().register(&mut socket, Token(leg), Interest::READABLE).unwrap();
            socket
        })
        .collect();
    let here: Vec<String> =
        sockets.iter().map(|socket| socket.local_addr().unwrap().port().to_string()).collect();
    tell(&here.join(" "));
    let prompt = [0x80; 172];
    let mut buffer = [0; 2_048];
    let mut ready = Events::with_capacity(1_024);
    let (began, mut tick) = (Instant::now(), 0_u32);
    loop {
        let due = began + MS * tick;
        let sleep = (kind.what != What::Bridges).then(|| due.saturating_duration_since(Instant::now()));
        poll.poll(&mut ready, sleep).unwrap();
        for readiness in &ready {
            let leg = readiness.token().0;
            while let Ok((length, _)) = sockets[leg].recv_from(&mut buffer) {
                if kind.what == What::Bridges {
                    let _ = sockets[leg ^ 1].send_to(&buffer[..length], phones[leg ^ 1]);
                }
            }
        }
        while kind.what != What::Bridges && began + MS * tick <= Instant::now() {
            for leg in (0..legs).filter(|leg| *leg as u32 % 20 == tick % 20) {
                let _ = sockets[leg].send_to(&prompt, phones[leg]);
            }
            tick += 1;
        }
    }
}
