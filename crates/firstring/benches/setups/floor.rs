//! The cheapest honest answer: one thread, one socket, no memory.
//!
//! It reads just enough to answer an INVITE with 200 and a description of sound, and everything else but ACK with 200. It
//! opens no sound, repeats nothing, keeps nobody out and knows no call. What the desk costs beyond this is the desk's.

use std::net::{Ipv4Addr, UdpSocket};

use crate::calls::Reply;
use crate::endpoint::deep;

/// Tells its port on a line of its own, and answers until it is ended.
pub fn answer() {
    let socket = deep(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let us = socket.local_addr().unwrap();
    println!("{}", us.port());
    let sound = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n",
        ip = us.ip(),
        port = us.port() + 1
    );
    let to_invite = format!(
        "Contact: <sip:{us}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sound}",
        sound.len()
    );
    let (mut buffer, mut answered) = ([0; 4_096], 0_u64);
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let Some(request) = Reply::read(&buffer[..length]).filter(|request| request.status().is_none())
        else {
            continue;
        };
        let end = match request.method() {
            "ACK" => continue,
            "INVITE" => to_invite.as_str(),
            _ => "Content-Length: 0\r\n\r\n",
        };
        answered += 1;
        let answer = request.answer("200 OK", &format!(";tag={answered}"), end);
        // What does not fit is lost as on any network.
        let _ = socket.send_to(answer.as_bytes(), from);
    }
}
