//! What routers see of the desk's packets: the marks in their headers (DSCP), on loopback.

use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use crate::stage::desk::Desk;
use crate::stage::office::Office;
use crate::stage::phone::Phone;
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, free_port, wait_until};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};

/// A socket that is told how what comes to it was marked.
fn watching(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let tuned = socket2::SockRef::from(&socket);
    match socket.local_addr().unwrap() {
        SocketAddr::V4(_) => tuned.set_recv_tos_v4(true).unwrap(),
        SocketAddr::V6(_) => tuned.set_recv_tclass_v6(true).unwrap(),
    }
    socket
}

/// The code point of the next packet, if one comes within half a second.
fn next_mark(socket: &UdpSocket) -> Option<u8> {
    let mut buffer = [0; 4_096];
    let mut told = nix::cmsg_space!(i32);
    let mut into = [IoSliceMut::new(&mut buffer)];
    let came =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut into, Some(&mut told), MsgFlags::empty()).ok()?;
    let marks = came.cmsgs().unwrap().filter_map(|message| match message {
        ControlMessageOwned::Ipv4Tos(byte) => Some(byte),
        ControlMessageOwned::Ipv6TClass(byte) => u8::try_from(byte).ok(),
        _ => None,
    });
    Some(marks.last().expect("the system tells how a packet was marked") >> 2)
}

/// Whether the desk lives, asked from this socket.
fn asks(socket: &UdpSocket, desk: SocketAddr) {
    let us = socket.local_addr().unwrap();
    let text = format!(
        "OPTIONS sip:{desk} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK-marks\r\nMax-Forwards: 70\r\n\
         From: <sip:{us}>;tag=m\r\nTo: <sip:{desk}>\r\nCall-ID: marks\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    socket.send_to(text.as_bytes(), desk).unwrap();
}

fn desk(dscp: &str) -> Desk {
    let place = Place::of(&Office::small());
    let sip = place.sip;
    place.says(
        &format!("[\"udp:127.0.0.1:{sip}\"]"),
        &format!("[\"udp:127.0.0.1:{sip}\", \"udp:[::1]:{sip}\"]\n{dscp}"),
    );
    place.says("accept_from = [\"127.0.0.1\"]", "accept_from = [\"127.0.0.1\", \"::1\"]");
    place.bring_prompts();
    place.open()
}

#[test]
fn sound_goes_before_signalling_and_both_before_the_rest_unless_that_is_turned_off() {
    if UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let _turn = Turn::beside_others();
    for (dscp, sound_mark, sip_mark) in [("", 46, 24), ("dscp = false", 0, 0)] {
        let desk = desk(dscp);
        for (own, at) in
            [("127.0.0.1:0", format!("127.0.0.1:{}", desk.sip)), ("[::1]:0", format!("[::1]:{}", desk.sip))]
        {
            let sip = watching(own);
            // Over UDP who hears nothing asks again (RFC 3261 section 17.1.2.2).
            let mark = wait_until("the desk says that it lives", Duration::from_secs(10), || {
                asks(&sip, at.parse().unwrap());
                next_mark(&sip)
            });
            assert_eq!(mark, sip_mark, "SIP at {at} {dscp}");
        }
        let sound = watching("127.0.0.1:0");
        let mut phone = Phone::at([127, 0, 0, 1], free_port(), &desk);
        phone.sounds_at(sound.local_addr().unwrap());
        let (tag, _) = phone.is_answered(1, "marks", "", "0 101");
        for _ in 0..3 {
            assert_eq!(next_mark(&sound), Some(sound_mark), "sound {dscp}");
        }
        phone.send("BYE", 2, "marks", &tag);
        assert_eq!(phone.final_status("BYE", 2, "marks").0, 200);
    }
}
