//! A bare SIP phone, to look at a desk from the wire.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::place::Place;
use super::{CALLER, LINE};

/// What a bare phone shows beside its number.
pub const SHOWN_AS: &str = "42 Maple Street";

/// A phone that knows no more of SIP than a test needs.
pub struct Phone {
    socket: UdpSocket,
    sound: UdpSocket,
    /// Where it says that its sound is, if that is another one's.
    sounds_at: Option<SocketAddr>,
    /// How much sound it wants in a packet.
    packet_ms: u32,
    desk: SocketAddr,
    waiting: Vec<String>,
}

impl Phone {
    /// One at this address.
    pub fn at(address: [u8; 4], port: u16, place: &Place) -> Phone {
        let address = Ipv4Addr::from(address);
        let socket = UdpSocket::bind((address, port)).unwrap();
        let sound = UdpSocket::bind((address, 0)).unwrap();
        let desk = ([127, 0, 0, 1], place.sip).into();
        Phone { socket, sound, sounds_at: None, packet_ms: 20, desk, waiting: Vec::new() }
    }

    /// Wants so much sound in a packet.
    pub fn wants_packets_of(&mut self, ms: u32) {
        self.packet_ms = ms;
    }

    /// From now on its sound is there, reports on the same port.
    pub fn sounds_at(&mut self, at: SocketAddr) {
        self.sounds_at = Some(at);
    }

    /// A request of the call of this name; `to_tag` is empty outside a dialog.
    pub fn send(&self, method: &str, number: u32, call: &str, to_tag: &str) {
        self.send_offering(method, number, call, to_tag, "0 101");
    }

    fn send_offering(&self, method: &str, number: u32, call: &str, to_tag: &str, formats: &str) {
        let (us, desk) = (self.socket.local_addr().unwrap(), self.desk);
        let body = if method == "INVITE" { self.offer(formats) } else { String::new() };
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

    fn offer(&self, formats: &str) -> String {
        let opus = if formats.contains("111") { "a=rtpmap:111 opus/48000/2\r\n" } else { "" };
        let (sound, muxed) = match self.sounds_at {
            Some(at) => (at, "a=rtcp-mux\r\n"),
            None => (self.sound.local_addr().unwrap(), ""),
        };
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n\
             a=rtpmap:101 telephone-event/8000\r\n{opus}{muxed}a=ptime:{packet_ms}\r\n",
            ip = sound.ip(),
            packet_ms = self.packet_ms,
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
        let message = self.final_reply(method, number, call);
        let to = message.lines().find(|line| line.starts_with("To:")).unwrap_or_default();
        let tag = to.split_once(";tag=").map(|(_, tag)| format!(";tag={tag}")).unwrap_or_default();
        (status(&message), tag)
    }

    /// The final reply to a request.
    pub fn final_reply(&mut self, method: &str, number: u32, call: &str) -> String {
        let (call, number) = (format!("Call-ID: {call}\r\n"), format!("CSeq: {number} {method}\r\n"));
        let is_final = |message: &str| {
            message.starts_with("SIP/2.0 ")
                && status(message) >= 200
                && message.contains(&call)
                && message.contains(&number)
        };
        self.receives(Duration::from_secs(5), is_final).expect("an answer within 5 s")
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

    /// Calls, or says anew where its sound is, with these formats; `tag` is the one the desk gave the call, if there is one.
    /// Gives the tag, and where the desk's sound is.
    pub fn is_answered(&mut self, number: u32, call: &str, tag: &str, formats: &str) -> (String, SocketAddr) {
        self.send_offering("INVITE", number, call, tag, formats);
        let reply = self.final_reply("INVITE", number, call);
        assert_eq!(status(&reply), 200, "{reply}");
        let to = reply.lines().find(|line| line.starts_with("To:")).unwrap_or_default();
        let tag = to.split_once(";tag=").map(|(_, tag)| format!(";tag={tag}")).unwrap_or_default();
        self.send("ACK", number, call, &tag);
        (tag, sound_in(&reply))
    }

    /// Rings.
    pub fn ring(&self, invite: &str, to_tag: &str) {
        let text = self.reply("180 Ringing", invite, to_tag);
        self.socket.send_to(format!("{text}Content-Length: 0\r\n\r\n").as_bytes(), self.desk).unwrap();
    }

    /// Says no, with headers of its own if there are any.
    pub fn refuse(&self, status: &str, invite: &str, to_tag: &str, headers: &str) {
        let text = self.reply(status, invite, to_tag);
        self.socket
            .send_to(format!("{text}{headers}Content-Length: 0\r\n\r\n").as_bytes(), self.desk)
            .unwrap();
    }

    /// Calls with an offer of these formats, whatever they are. Gives the status and the call's tag.
    pub fn offers(&mut self, formats: &str, call: &str) -> (u16, String) {
        self.send_offering("INVITE", 1, call, "", formats);
        let (status, tag) = self.final_status("INVITE", 1, call);
        self.send("ACK", 1, call, &tag);
        (status, tag)
    }

    /// Answers a request of the desk's.
    pub fn answer(&self, request: &str, to_tag: &str) {
        self.answers_with(request, to_tag, "0 101");
    }

    /// Answers it; a call, with these formats.
    pub fn answers_with(&self, request: &str, to_tag: &str, formats: &str) {
        let text = self.reply("200 OK", request, to_tag);
        let body = if request.starts_with("INVITE") { self.offer(formats) } else { String::new() };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!("{text}{kind}Content-Length: {}\r\n\r\n{body}", body.len());
        self.socket.send_to(text.as_bytes(), self.desk).unwrap();
    }

    /// A reply up to what tells of its body.
    fn reply(&self, status: &str, request: &str, to_tag: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
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
        let us = self.socket.local_addr().unwrap();
        text += &format!("Contact: <sip:{us}>\r\n");
        text
    }
}

/// Where a description says that sound is.
pub fn sound_in(message: &str) -> SocketAddr {
    let after = |start: &str| message.lines().find_map(|line| line.strip_prefix(start)).unwrap().to_owned();
    let port = after("m=audio ").split(' ').next().unwrap().to_owned();
    format!("{}:{port}", after("c=IN IP4 ").trim()).parse().unwrap()
}

fn status(message: &str) -> u16 {
    message.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default()
}
