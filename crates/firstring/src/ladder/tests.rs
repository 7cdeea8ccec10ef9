//! Ladders as somebody reads them.

use std::time::Duration;

use desk::machine::Moment;
use line::{Message, Said, Sdp, Side, Signal};
use serde_json::{Value, json};

use super::*;

/// The journal of a call, written as the desk writes it.
#[derive(Default)]
struct Journal(Vec<String>);

impl Journal {
    fn line(&mut self, at_ms: u64, leg: &str, said: Said) {
        let (side, name) = match leg {
            "in-1" => (Side::Caller, "main"),
            _ => (Side::Person, "Dana"),
        };
        let signal = Signal { leg: leg.to_string(), side, name: name.to_string(), said };
        let moment = Moment {
            mono: Duration::from_millis(5_000 + at_ms),
            wall: "2026-06-02T15:00:00Z".parse().unwrap(),
        };
        let mut line = serde_json::to_value(signal).unwrap();
        line["moment"] = serde_json::to_value(moment).unwrap();
        line["event"] = "sip".into();
        self.0.push(line.to_string());
    }

    /// `INVITE` or `486 Busy Here`, `>` before what is ours.
    fn said(&mut self, at_ms: u64, leg: &str, what: &str, changed: impl FnOnce(&mut Message)) {
        let number = u32::try_from(self.0.iter().filter(|line| line.contains(leg)).count()).unwrap() + 1;
        let (sent, what) = what.strip_prefix("> ").map_or((false, what), |what| (true, what));
        let (status, reason) = match what.split_once(' ').filter(|(status, _)| status.parse::<u16>().is_ok())
        {
            Some((status, reason)) => (status.parse().ok(), reason),
            None => (None, ""),
        };
        let mut message = Message {
            number,
            sent,
            method: if status.is_some() { "INVITE".to_string() } else { what.to_string() },
            cseq: 1,
            status,
            reason: reason.to_string(),
            transport: "udp".to_string(),
            far: if leg == "in-1" { "192.0.2.10:5060" } else { "192.0.2.20:5060" }.to_string(),
            headers: Vec::new(),
            sdp: None,
            carries: None,
            we_have: Vec::new(),
        };
        changed(&mut message);
        self.line(at_ms, leg, Said::Message(message));
    }

    fn drawn(&self, width: usize) -> String {
        let lines = draw(&Ladder::read(&self.0), Paper { width });
        let plain = |line: &String| anstream::adapter::strip_str(line).to_string().trim_end().to_string();
        lines.iter().map(|line| format!("\n{}", plain(line))).collect()
    }

    fn troubles(&self) -> Vec<String> {
        Ladder::read(&self.0).rungs.into_iter().filter_map(|rung| rung.trouble).collect()
    }
}

fn plain(_: &mut Message) {}

fn sdp(codecs: &[&str], place: &str) -> Option<Sdp> {
    Some(Sdp {
        codecs: codecs.iter().map(ToString::to_string).collect(),
        digits: true,
        direction: "sendrecv".to_string(),
        place: place.to_string(),
        srtp: false,
        others: Vec::new(),
    })
}

fn a_person_who_is_busy() -> Journal {
    let mut journal = Journal(vec![r#"{"wall":"2026-06-02T15:00:00Z","event":"came_in"}"#.to_string()]);
    journal.said(0, "in-1", "INVITE", |message| message.sdp = sdp(&["PCMU", "G729"], "private"));
    journal.said(0, "in-1", "> 100 Trying", plain);
    journal.said(2, "in-1", "> 200 OK", |message| message.sdp = sdp(&["PCMU"], "public"));
    journal.said(31, "in-1", "ACK", plain);
    journal.0.push(
        r#"{"moment":{"mono":{"secs":5,"nanos":0},"wall":"2026-06-02T15:00:00Z"},"event":"arrived"}"#
            .to_string(),
    );
    journal.said(9_000, "out-1", "> INVITE", |message| message.sdp = sdp(&["PCMU", "PCMA"], "public"));
    journal.said(9_640, "out-1", "180 Ringing", plain);
    journal.said(12_000, "out-1", "486 Busy Here", |message| {
        message.headers = vec![("Reason".to_string(), "Q.850;cause=17".to_string())];
    });
    journal.said(12_000, "out-1", "> ACK", plain);
    journal.line(12_001, "out-1", Said::Again { number: 1, times: 2, over_ms: 500 });
    journal.said(20_000, "in-1", "BYE", |message| message.cseq = 2);
    journal
        .said(20_000, "in-1", "> 200 OK", |message| (message.method, message.cseq) = ("BYE".to_string(), 2));
    journal
}

#[test]
fn a_ladder_has_a_column_for_the_caller_one_for_us_and_one_for_each_person_rung() {
    assert_eq!(a_person_who_is_busy().drawn(120), DRAWN_WIDE);
}

#[test]
fn in_a_narrow_terminal_the_words_stand_below_the_arrows() {
    assert_eq!(a_person_who_is_busy().drawn(80), DRAWN_NARROW);
}

#[test]
fn a_call_without_a_codec_in_common_says_which_there_are_on_either_side() {
    let mut journal = Journal::default();
    journal.said(0, "in-1", "INVITE", |message| message.sdp = sdp(&["G729"], "public"));
    journal.said(0, "in-1", "> 488 Not Acceptable Here", |message| {
        message.we_have = vec!["PCMU".to_string(), "PCMA".to_string()];
    });
    assert_eq!(journal.troubles(), ["no codec in common: they offered G729; we have PCMU, PCMA"]);
    let mut journal = Journal::default();
    journal.said(0, "out-1", "> INVITE", |message| message.sdp = sdp(&["PCMU", "PCMA"], "public"));
    journal.said(9, "out-1", "488 Not Acceptable Here", plain);
    assert_eq!(journal.troubles(), ["no codec in common: we have PCMU, PCMA"]);
}

#[test]
fn silence_says_where_to_look() {
    let mut journal = Journal::default();
    journal.said(0, "out-1", "> INVITE", plain);
    journal.line(31_500, "out-1", Said::Again { number: 1, times: 7, over_ms: 31_500 });
    let silent = "sent 7 times in 31.5 s, and not a word came back from 192.0.2.20:5060: look at that address, the network and the firewall";
    assert_eq!(journal.troubles(), [silent]);
    let mut journal = Journal::default();
    journal.said(0, "in-1", "INVITE", plain);
    journal.said(2, "in-1", "> 200 OK", plain);
    journal.line(32_000, "in-1", Said::Again { number: 2, times: 11, over_ms: 31_500 });
    assert!(
        journal.troubles()[0].starts_with("our answer was sent 11 times and never confirmed"),
        "{:?}",
        journal.troubles()
    );
}

#[test]
fn a_question_for_a_password_is_trouble_only_if_it_is_not_answered() {
    let mut journal = Journal::default();
    journal.said(0, "out-1", "> INVITE", plain);
    journal.said(1, "out-1", "407 Proxy Authentication Required", plain);
    assert!(journal.troubles()[0].contains("username and password"), "{:?}", journal.troubles());
    journal.said(1, "out-1", "> INVITE", |message| message.cseq = 2);
    journal.said(2, "out-1", "200 OK", |message| message.cseq = 2);
    assert_eq!(journal.troubles(), [""; 0]);
}

#[test]
fn what_a_program_reads_is_one_object_a_message() {
    let ladder = Ladder::read(&a_person_who_is_busy().0);
    assert_eq!(ladder.rungs.len(), 10);
    let invite: Value = serde_json::to_value(&ladder.rungs[4]).unwrap();
    assert_eq!(
        invite,
        json!({
            "at_ms": 9000.0, "leg": "out-1", "side": "person", "name": "Dana", "number": 1, "sent": true,
            "method": "INVITE", "cseq": 1, "transport": "udp", "far": "192.0.2.20:5060",
            "sdp": { "codecs": ["PCMU", "PCMA"], "digits": true, "direction": "sendrecv", "place": "public" },
            "times": 2, "over_ms": 500
        })
    );
}

const DRAWN_WIDE: &str = "
           caller by main                   desk                        Dana
      0.000       │───────── INVITE ─────────▶│                           │  from 192.0.2.10:5060 by udp; PCMU, G729,
                  │                           │                           │  keys, at a private address
      0.000       │◀────── 100 Trying ────────│                           │
      0.002       │◀──────── 200 OK ──────────│                           │  PCMU, keys
      0.031       │─────────── ACK ──────────▶│                           │
      9.000       │                           │──────── INVITE x2 ───────▶│  to 192.0.2.20:5060 by udp; PCMU, PCMA, keys
      9.640       │                           │◀────── 180 Ringing ───────│
     12.000       │                           │◀───── 486 Busy Here ──────│  Reason: Q.850;cause=17
            ! they are in another call
     12.000       │                           │─────────── ACK ──────────▶│
     20.000       │─────────── BYE ──────────▶│                           │
     20.000       │◀───── 200 OK (BYE) ───────│                           │";

const DRAWN_NARROW: &str = "
           caller by main                   desk                        Dana
      0.000       │───────── INVITE ─────────▶│                           │
            from 192.0.2.10:5060 by udp; PCMU, G729, keys, at a private address
      0.000       │◀────── 100 Trying ────────│                           │
      0.002       │◀──────── 200 OK ──────────│                           │
            PCMU, keys
      0.031       │─────────── ACK ──────────▶│                           │
      9.000       │                           │──────── INVITE x2 ───────▶│
            to 192.0.2.20:5060 by udp; PCMU, PCMA, keys
      9.640       │                           │◀────── 180 Ringing ───────│
     12.000       │                           │◀───── 486 Busy Here ──────│
            Reason: Q.850;cause=17
            ! they are in another call
     12.000       │                           │─────────── ACK ──────────▶│
     20.000       │─────────── BYE ──────────▶│                           │
     20.000       │◀───── 200 OK (BYE) ───────│                           │";
