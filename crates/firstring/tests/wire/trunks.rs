//! Trunks on the wire: a call as a carrier's page shows it, and a phone that forwards back to the desk that rings it.
//!
//! Every page is tried without a socket beside the code that starts a desk; here two of the same things happen to a
//! running desk, with its database, its console and `explain`.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::stage::office::{Office, PERSON};
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, wait_until};
use crate::stage::{CALLER, LINE};

/// Nobody on loopback takes longer.
const SOON: Duration = Duration::from_secs(10);
/// An offer of sound that nobody sends.
const QUIET: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                     m=audio 9 RTP/AVP 0\r\na=inactive\r\n";
/// Until the assistant has been interrupted and the person is rung.
const RUNG_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn a_phone_that_forwards_back_to_the_desk_is_busy_and_the_caller_leaves_a_message() {
    let _turn = Turn::beside_others();
    // Channels are no reason to refuse: one call in, one out, two to spare.
    let place = Place::of(&Office { channels: 4, ..Office::small() });
    place.bring_prompts();
    let desk = place.open();
    let carrier = Carrier::at(place.person, place.sip);
    let caller = place.call(CALLER, "press 0\nwait 12s\nhang up");
    let rung = carrier.receives(RUNG_WITHIN, |message| message.starts_with("INVITE"));
    assert!(rung.starts_with(&format!("INVITE sip:{PERSON}@")), "{rung}");
    carrier.reply(&rung, "180 Ringing");

    // The cell does not answer, and its owner has it forward to the office.
    let us = carrier.us;
    let back = format!(
        "INVITE sip:{LINE}@{desk} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bKback\r\nMax-Forwards: 60\r\n\
         From: <sip:{LINE}@{us}>;tag=back\r\nTo: <sip:{LINE}@{desk}>\r\nCall-ID: back\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:{us}>\r\nDiversion: <sip:{PERSON}@{us}>;reason=no-answer\r\nContent-Length: 0\r\n\r\n",
        desk = carrier.desk
    );
    carrier.send(&back);
    let refused = carrier.final_reply("back");
    assert!(refused.starts_with("SIP/2.0 486 "), "{refused}");
    carrier.acknowledge(&refused);
    carrier.reply(&rung, "486 Busy Here");
    carrier.receives(SOON, |message| message.starts_with("ACK"));

    caller.result();
    let record = place.record(CALLER);
    let steps = record["steps"].as_array().unwrap();
    let ring = steps.iter().find(|step| step["step"] == "ring on-call").unwrap();
    assert_eq!(ring["tried"][0][1], "busy", "{record}");
    let rang_ms = ring["duration_ms"].as_u64().unwrap();
    assert!(rang_ms < 9_000, "the plan went on before the ring time of 10 s was over: {record}");
    assert!(steps.iter().any(|step| step["step"] == "message"), "{record}");
    assert_eq!(place.shown(&["calls"]).len(), 1, "what came back is no caller");
    let told = desk.get("/api/v1/refusals");
    assert!(told.contains("forwards its calls back to this desk, which counts as busy"), "{told}");
    assert!(!told.contains("5550177"), "whose phone it is stays private: {told}");
    assert_eq!(
        place.told(&record),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `always` holds for every call.",
            "Plan `front-door` decided by its rule `always`; the call was answered after # ms.",
            "Step #, assistant, took # s: The caller asked for a person.",
            "Step #, ring on-call, took # s: Marigold was busy. Nobody took the call.",
            "Step #, message, took # s: No message was left.",
            "The caller hung up before they had an answer; the outcome is `abandoned`.",
            "A callback task is stored: #.",
        ]
    );
}

#[test]
fn a_person_whose_phone_forwarded_the_call_here_is_not_rung_back() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.says("steps = [\"assistant\", {", "steps = [{");
    place.bring_prompts();
    let _desk = place.open();
    let carrier = Carrier::at(place.person, place.sip);
    carrier.send(&carrier.forwarded_by(PERSON));
    let answer = carrier.receives(SOON, |message| !message.starts_with("SIP/2.0 1"));
    assert!(answer.starts_with("SIP/2.0 200 "), "the person's phone is not rung: {answer}");
    carrier.acknowledge(&answer);
    carrier.hang_up(&answer);
    carrier.receives(SOON, |message| message.starts_with("SIP/2.0 200") && message.contains("BYE"));
    assert_eq!(
        place.told(&place.record(CALLER)),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, forwarded by # because nobody picked up, for office `main`.",
            "Rule `always` holds for every call.",
            "Plan `front-door` decided by its rule `always`; the call was answered after # ms.",
            "Step #, ring on-call, took # s: Marigold was not rung: this call was forwarded from that very number. Nobody took the call.",
            "Step #, message, took # s: The caller hung up.",
            "The caller hung up before they had an answer; the outcome is `abandoned`.",
            "A callback task is stored: #.",
        ]
    );
}

#[test]
fn a_call_as_the_page_on_twilio_shows_it_is_on_record_with_its_forwarder_and_its_verification() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    let text = fs::read_to_string(place.file()).unwrap();
    let of_twilio = text.replace("accept_from", "carrier = \"twilio\"\naccept_from");
    assert_ne!(of_twilio, text);
    fs::write(place.file(), of_twilio).unwrap();
    place.bring_prompts();
    let desk = place.open();
    assert_eq!(desk.json("/api/v1/trunks")["items"][0]["carrier"], "twilio");
    let carrier = Carrier::at(0, place.sip);
    carrier.send(&carrier.as_shown("twilio"));
    let answer = carrier.receives(SOON, |message| message.starts_with("SIP/2.0 200"));
    carrier.acknowledge(&answer);
    carrier.hang_up(&answer);
    carrier.receives(SOON, |message| message.starts_with("SIP/2.0 200") && message.contains("BYE"));

    let record = place.record(CALLER);
    assert_eq!(record["diverted_by"], "+13125550199", "{record}");
    assert_eq!(record["diverted_because"], "no_answer", "{record}");
    assert_eq!(record["verification"], "passed_a", "{record}");
    let explained = place.explained(&record);
    assert!(explained.contains("forwarded by +13125550199 because nobody picked up"), "{explained}");
    assert!(explained.contains("The caller's number is verified: the caller may use it."), "{explained}");
    let first = first_line_of_journal(&place, record["id"].as_str().unwrap());
    assert_eq!(
        (&first["event"], &first["diverted_because"]),
        (&"came_in".into(), &"no_answer".into()),
        "{first}"
    );
}

/// Journals are written beside the records, and may come later.
fn first_line_of_journal(place: &Place, call: &str) -> serde_json::Value {
    wait_until("the journal is written", SOON, || {
        let mut days = fs::read_dir(place.data().join("journals")).ok()?.map(|day| day.unwrap().path());
        let text = days.find_map(|day| fs::read_to_string(day.join(format!("{call}.jsonl"))).ok())?;
        let (first, _) = text.split_once('\n')?;
        Some(serde_json::from_str(first).unwrap())
    })
}

/// A carrier that knows no more of SIP than these tests need.
struct Carrier {
    socket: UdpSocket,
    us: SocketAddr,
    desk: SocketAddr,
}

impl Carrier {
    fn at(port: u16, desk: u16) -> Carrier {
        let socket = UdpSocket::bind(("127.0.0.1", port)).unwrap();
        let us = socket.local_addr().unwrap();
        Carrier { socket, us, desk: ([127, 0, 0, 1], desk).into() }
    }

    fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.desk).unwrap();
    }

    /// The next message that fits; others are passed over.
    fn receives(&self, within: Duration, fits: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + within;
        let mut buffer = [0; 8_192];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited {within:?} in vain");
            self.socket.set_read_timeout(Some(left)).unwrap();
            let Ok(length) = self.socket.recv(&mut buffer) else { continue };
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if fits(&message) {
                return message;
            }
        }
    }

    fn final_reply(&self, call: &str) -> String {
        let call = format!("Call-ID: {call}\r\n");
        let is_final = |message: &str| message.starts_with("SIP/2.0 ") && !message.starts_with("SIP/2.0 1");
        self.receives(SOON, |message| is_final(message) && message.contains(&call))
    }

    fn reply(&self, request: &str, status: &str) {
        let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let kept = request.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
        let tagged = |line: &str| {
            if line.starts_with("To:") { format!("{line};tag=cell\r\n") } else { format!("{line}\r\n") }
        };
        let headers: String = kept.map(tagged).collect();
        self.send(&format!(
            "SIP/2.0 {status}\r\n{headers}Contact: <sip:{}>\r\nContent-Length: 0\r\n\r\n",
            self.us
        ));
    }

    /// A request inside the call that this reply belongs to.
    fn inside(&self, reply: &str, method: &str, number: u32, branch: &str) {
        let header = |name: &str| reply.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        self.send(&format!(
            "{method} sip:{LINE}@{desk} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch={branch}\r\nMax-Forwards: 70\r\n\
             {}\r\n{}\r\n{}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n",
            header("From:"),
            header("To:"),
            header("Call-ID:"),
            us = self.us,
            desk = self.desk,
        ));
    }

    /// The ACK of a refusal belongs to its transaction, that of a 200 is one of its own.
    fn acknowledge(&self, reply: &str) {
        let via = reply.lines().find(|line| line.starts_with("Via:")).unwrap();
        let branch = via.split("branch=").nth(1).unwrap().split(';').next().unwrap();
        let own = format!("{branch}-ack");
        self.inside(reply, "ACK", 1, if reply.starts_with("SIP/2.0 200") { &own } else { branch });
    }

    fn hang_up(&self, reply: &str) {
        self.inside(reply, "BYE", 2, "z9hG4bKbye");
    }

    /// A call that this number did not take and forwarded here.
    fn forwarded_by(&self, forwarder: &str) -> String {
        let Carrier { us, desk, .. } = self;
        format!(
            "INVITE sip:{LINE}@{desk} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bKforwarded\r\nMax-Forwards: 60\r\n\
             From: <sip:{CALLER}@{us}>;tag=forwarded\r\nTo: <sip:{LINE}@{desk}>\r\nCall-ID: forwarded\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:{us}>\r\nDiversion: <sip:{forwarder}@{us}>;reason=no-answer\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{QUIET}",
            QUIET.len()
        )
    }

    /// The message of a page, with a way back to us and sound to agree on.
    fn as_shown(&self, page: &str) -> String {
        let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/trunks");
        let text = fs::read_to_string(pages.join(page).with_extension("md")).unwrap();
        let shown = text.split("```sip\n").nth(1).unwrap().split("```").next().unwrap();
        let us = self.us;
        let line = |line: &str| match line.split_once(": ") {
            Some(("Via", _)) => format!("Via: SIP/2.0/UDP {us};branch=z9hG4bKshown\r\n"),
            Some(("Contact", _)) => format!("Contact: <sip:{us}>\r\n"),
            _ => format!("{line}\r\n"),
        };
        let head: String = shown.lines().map(line).collect();
        format!("{head}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{QUIET}", QUIET.len())
    }
}
