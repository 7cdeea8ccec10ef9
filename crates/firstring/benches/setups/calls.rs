//! A caller's side of a call as text: what is sent, and what is read of what comes back.

use std::net::SocketAddr;

/// The line that is called, and who calls.
pub const LINE: &str = "+13125550100";
const CALLER: &str = "+13125550143";

/// Who calls whom. Calls are told apart by a number, which their Call-ID begins with.
#[derive(Clone, Copy)]
pub struct Trunk {
    pub us: SocketAddr,
    pub them: SocketAddr,
    /// Tells runs apart: tags and branches of an earlier one are remembered for a while.
    pub run: u32,
}

impl Trunk {
    pub fn options(&self) -> String {
        let to = format!("<sip:{}>", self.them);
        self.request("OPTIONS", &format!("sip:{}", self.them), 0, (1, "OPTIONS", "o"), &to, "")
    }

    /// Offers G.711 and keypad at `sound`.
    pub fn invite(&self, call: u32, sound: SocketAddr) -> String {
        let (ip, port) = (sound.ip(), sound.port());
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
             a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
        );
        let to = format!("<sip:{LINE}@{}>", self.them);
        self.request("INVITE", &format!("sip:{LINE}@{}", self.them), call, (1, "INVITE", "i"), &to, &offer)
    }

    /// Says that an answer was heard: a transaction of its own (RFC 3261, section 13.2.2.4).
    pub fn ack(&self, call: u32, answer: &Reply<'_>) -> String {
        self.request("ACK", answer.target(), call, (1, "ACK", "a"), answer.header("To"), "")
    }

    /// Says that a refusal was heard: part of the INVITE's transaction (section 17.1.1.3).
    pub fn ack_refusal(&self, call: u32, refusal: &Reply<'_>) -> String {
        let uri = format!("sip:{LINE}@{}", self.them);
        self.request("ACK", &uri, call, (1, "ACK", "i"), refusal.header("To"), "")
    }

    pub fn bye(&self, call: u32, answer: &Reply<'_>) -> String {
        self.request("BYE", answer.target(), call, (2, "BYE", "b"), answer.header("To"), "")
    }

    fn request(
        &self,
        method: &str,
        uri: &str,
        call: u32,
        (number, name, branch): (u32, &str, &str),
        to: &str,
        body: &str,
    ) -> String {
        let Trunk { us, run, .. } = self;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {us};rport;branch=z9hG4bK{run}-{call}{branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{CALLER}@{us}>;tag={run}-{call}\r\nTo: {to}\r\nCall-ID: {call}-{run}@{ip}\r\n\
             CSeq: {number} {name}\r\nContact: <sip:{us}>\r\n{kind}Content-Length: {length}\r\n\r\n{body}",
            ip = us.ip(),
            length = body.len()
        )
    }
}

/// A message that came, as far as a caller reads it.
pub struct Reply<'a>(&'a str);

impl<'a> Reply<'a> {
    /// Nothing for what is no text.
    pub fn read(bytes: &'a [u8]) -> Option<Reply<'a>> {
        std::str::from_utf8(bytes).ok().map(Reply)
    }

    /// Its status; nothing for a request.
    pub fn status(&self) -> Option<u16> {
        self.0.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The number of the call, if it is one of this run.
    pub fn call(&self, run: u32) -> Option<u32> {
        let (call, rest) = self.header("Call-ID").split_once('-')?;
        let (of_run, _) = rest.split_once('@')?;
        (of_run.parse() == Ok(run)).then_some(())?;
        call.parse().ok()
    }

    /// What a response answers, or what a request is.
    pub fn method(&self) -> &'a str {
        self.header("CSeq").rsplit(' ').next().unwrap_or_default()
    }

    /// The value of a header written by its long name; empty if there is none.
    pub fn header(&self, name: &str) -> &'a str {
        let value = |line: &'a str| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        };
        self.0.split("\r\n").skip(1).take_while(|line| !line.is_empty()).find_map(value).unwrap_or_default()
    }

    /// Where requests of this call go from now on.
    fn target(&self) -> &'a str {
        let contact = self.header("Contact");
        let inside = contact.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        inside.map_or(contact, |(uri, _)| uri)
    }

    /// The port its sound is sent to.
    pub fn sound_port(&self) -> Option<u16> {
        let line = self.0.split("\r\n").find_map(|line| line.strip_prefix("m=audio "))?;
        line.split(' ').next()?.parse().ok()
    }

    /// A response to a request that came: `status` as in `200 OK`, with what the response adds at its end.
    pub fn answer(&self, status: &str, to_tag: &str, end: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for line in self.0.split("\r\n").skip(1).take_while(|line| !line.is_empty()) {
            let name = line.split(':').next().unwrap_or_default();
            let is_kept = ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"]
                .iter()
                .any(|kept| name.eq_ignore_ascii_case(kept));
            if is_kept {
                let tag =
                    if name.eq_ignore_ascii_case("To") && !line.contains(";tag=") { to_tag } else { "" };
                text.extend([line, tag, "\r\n"]);
            }
        }
        text + end
    }
}
