//! Seeded mutations of messages, thrown at an agent that is in the middle of calls.
//!
//! `FIRSTRING_SOAK_MUTATIONS` sets how many (5,000 otherwise), `FIRSTRING_SOAK_SEED` where the chance begins.

#[path = "agent/stage.rs"]
#[allow(dead_code)]
mod stage;

use std::time::Duration;

use sip::{Account, Credentials, Notice, Order, Password, Path, Registrar, contact_user, message, sdp};
use stage::*;

/// xorshift64*.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// What hurts parsers.
const PIECES: [&[u8]; 36] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b"\r\n ",
    b"\"",
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b"=",
    b":",
    b"@",
    b"%",
    b"%00",
    b"%zz",
    b"/",
    b"[",
    b"]",
    b"\xff",
    b"\xc3\x28",
    b"99999999999999999999",
    b"-1",
    b"2147483648",
    b"65536",
    b";tag=",
    b";lr",
    b"sip:",
    b"SIP/2.0",
    b"z9hG4bK",
    b"a=sendonly\r\n",
    b"m=audio 1 RTP/AVP 0\r\n",
];

fn mutate(chance: &mut Chance, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = corpus[chance.below(corpus.len())].clone();
    for _ in 0..1 + chance.below(4) {
        let at = chance.below(bytes.len() + 1);
        let end = (at + chance.below(40)).min(bytes.len());
        match chance.below(8) {
            0 if !bytes.is_empty() => {
                let at = at.min(bytes.len() - 1);
                bytes[at] ^= 1 << chance.below(8);
            }
            1 => drop(bytes.drain(at..end)),
            2 => bytes.truncate(at),
            3 => {
                let twice = bytes[at..end].to_vec();
                bytes.splice(at..at, twice);
            }
            4 => {
                let line = line_of(&bytes, at);
                bytes.splice(at..at, line);
            }
            5 => {
                let other = &corpus[chance.below(corpus.len())];
                let from = chance.below(other.len());
                bytes.splice(at..end, other[from..].iter().take(200).copied());
            }
            6 => bytes = swap_lines(chance, &bytes),
            _ => {
                let piece = PIECES[chance.below(PIECES.len())];
                let times = if chance.below(20) == 0 { 400 } else { 1 };
                bytes.splice(at..end, piece.repeat(times));
            }
        }
    }
    bytes
}

fn line_of(bytes: &[u8], at: usize) -> Vec<u8> {
    let from = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |found| found + 1);
    let to = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |found| at + found + 1);
    bytes[from..to].to_vec()
}

fn swap_lines(chance: &mut Chance, bytes: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    if lines.len() > 1 {
        let (one, other) = (chance.below(lines.len()), chance.below(lines.len()));
        lines.swap(one, other);
    }
    lines.concat()
}

/// Valid messages: of new calls, of the calls that are up, and replies to what we sent.
fn corpus(tag: &str, offer: &str, placed: &str, register: &str) -> Vec<Vec<u8>> {
    let multipart = "--b\r\nContent-Type: application/isup\r\n\r\nxyz\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--\r\n";
    let dtmf = |text: String| {
        text.replace("\r\n\r\n", "\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\n")
    };
    let digest = "Digest realm=\"a \\\"b\\\"\", nonce=\"n\", qop=\"auth,auth-int\", opaque=\"o\"";
    let asks = |request: &str| {
        let lines = format!(
            "WWW-Authenticate: {digest}, algorithm=SHA-256\r\nWWW-Authenticate: {digest}, stale=true\r\n\
             Proxy-Authenticate: {digest}, algorithm=MD5-sess\r\nContact"
        );
        reply(request, 401, "a", "").replace("Contact", &lines)
    };
    let user = contact_user([1, 2], "carrier");
    let contacts = format!(
        "Contact: <sip:{user}@203.0.113.5:5060>;expires=60, <sip:{user}@203.0.113.9>;expires=9\r\nExpires: 60\r\n\
         Service-Route: <sip:192.0.2.9;lr>, <sip:edge.example.com;lr>\r\nX: "
    );
    let cancel = invite("ringing", "").replace("INVITE", "CANCEL");
    let texts = [
        invite("new", OFFER),
        invite("new2", ""),
        invite("new3", OFFER)
            .replace("Max-Forwards", "Record-Route: <sip:192.0.2.9;lr>, <sip:192.0.2.8>\r\nMax-Forwards"),
        invite("new4", multipart)
            .replace("application/sdp\r\n\r\n--b", "multipart/mixed;boundary=b\r\n\r\n--b"),
        invite("new5", OFFER).replace(
            "Max-Forwards",
            "Diversion: \"x\" <sip:1@h>;reason=busy\r\nP-Asserted-Identity: <tel:+1>\r\nMax-Forwards",
        ),
        invite("new6", OFFER)
            .replace("Via:", "v:")
            .replace("From:", "f:")
            .replace("To:", "t :")
            .replace("Call-ID:", "i:"),
        invite("new7", OFFER).replace("Via: SIP/2.0/UDP ", "Via: SIP / 2.0 /\r\n UDP\r\n  "),
        invite("o", "").replace("INVITE", "OPTIONS"),
        invite("o", "").replace("INVITE", "REGISTER"),
        invite("o", "").replace("INVITE", "NEWMETHOD"),
        cancel,
        inside("ACK", "up", 1, tag, ""),
        inside("INVITE", "up", 2, tag, OFFER),
        inside("ACK", "up", 2, tag, OFFER),
        inside("INVITE", "up", 3, tag, ""),
        inside("BYE", "up", 4, tag, ""),
        invite("new8", OFFER).replace("Max-Forwards", "Require: 100rel\r\nMax-Forwards"),
        inside("UPDATE", "up", 7, tag, OFFER),
        inside("UPDATE", "up", 8, tag, "")
            .replace("Max-Forwards", "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\nMax-Forwards"),
        invite("new9", OFFER)
            .replace("Max-Forwards", "k: timer\r\nx: 200;refresher=uac\r\nAllow: UPDATE\r\nMax-Forwards"),
        reply(placed, 422, "y", "").replace("Contact", "Min-SE: 3600\r\nContact"),
        reply(placed, 200, "y", OFFER).replace("Contact", "Session-Expires: 90;refresher=uac\r\nContact"),
        inside("PRACK", "up", 6, tag, "").replace("Max-Forwards", "RAck: 1 1 INVITE\r\nMax-Forwards"),
        dtmf(inside("INFO", "up", 5, tag, "")),
        reply(offer, 200, "", OFFER),
        reply(offer, 491, "", ""),
        reply(placed, 183, "x", OFFER),
        reply(placed, 200, "y", OFFER),
        asks(placed),
        asks(offer),
        asks(register),
        reply(register, 200, "r", "").replace("Contact: ", &contacts),
        reply(register, 423, "r", "").replace("Contact", "Min-Expires: 7200\r\nContact"),
        reply(register, 503, "r", "").replace("Contact", "Retry-After: 2\r\nContact"),
        invite("over", OFFER).replace("INVITE sip:+13125550100", &format!("INVITE sip:{user}")),
        reply(placed, 486, "z", "").replace("Contact", "Retry-After: 5 (x);duration=3\r\nContact"),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

fn number_from_environment(name: &str, otherwise: u64) -> u64 {
    // A soak run asks for more than the test by itself.
    #[allow(clippy::disallowed_methods)]
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// What a desk would do with a notice, so that calls go on into every state.
fn react(desk: &mut Desk, chance: &mut Chance) {
    for notice in desk.told() {
        let Some(leg) = notice.leg() else { continue };
        match (notice, chance.below(4)) {
            (Notice::Invited(_), 0) => desk.order(Order::Refuse { leg, refusal: sip::Refusal::Busy }),
            (Notice::Invited(_), 1) => desk.order(Order::Ring { leg }),
            (Notice::Invited(_), _) => desk.order(Order::Answer { leg, sdp: ANSWER.into() }),
            (Notice::Offered { .. }, 0) => desk.order(Order::RefuseOffer { leg }),
            (Notice::Offered { .. }, _) => desk.order(Order::AnswerOffer { leg, sdp: ANSWER.into() }),
            (Notice::Confirmed { .. }, 0) => desk.order(Order::HangUp { leg, reason: "x".into() }),
            (Notice::Confirmed { .. }, 1) => desk.order(Order::Offer { leg, sdp: OFFER.into() }),
            _ => {}
        }
    }
}

#[test]
fn mutated_messages_do_not_stop_the_desk() {
    let count = number_from_environment("FIRSTRING_SOAK_MUTATIONS", 5_000);
    let mut chance = Chance(number_from_environment("FIRSTRING_SOAK_SEED", 20_261_121).max(1));
    let mut setup = setup();
    (setup.limits.legs, setup.limits.transactions) = (40, 400);
    // Replies to calls of ours come from where the trunk is, so that they are let in.
    let mut desk = Desk::with(setup);
    let password = Password::new("secret");
    let credentials = Credentials { username: "u".into(), password, realm: None };
    desk.order(Order::ReplaceAccounts(vec![
        Account { name: "carrier".into(), credentials: credentials.clone() },
        Account { name: "trunk".into(), credentials },
    ]));
    let mut done = 0;
    let mut round = 0;
    while done < count {
        round += 1;
        let messages = begin(&mut desk, round);
        for _ in 0..500.min(count - done) {
            let bytes = mutate(&mut chance, &messages);
            if let Ok(message) = message::parse(&bytes) {
                let _ = sdp::parse(&String::from_utf8_lossy(message.body()));
            }
            desk.hear_bytes(TRUNK, &bytes);
            react(&mut desk, &mut chance);
            desk.pass(Duration::from_millis(chance.below(60) as u64));
            let counts = desk.agent.counts();
            assert!(counts.legs <= 40 + 1 && counts.dialogs <= counts.legs, "{counts:?}");
            assert!(counts.transactions + counts.tombstones <= 400 + 100, "{counts:?}");
            assert!(counts.timers <= 4_000 && counts.guests <= 2_000, "{counts:?}");
        }
        done += 500.min(count - done);
        desk.sent();
        desk.hear(&invite("alive", "").replace("INVITE", "OPTIONS"));
        assert_eq!(desk.said(), ["200 OK"], "round {round}");
    }
    desk.order(Order::Unregister { name: "carrier".into() });
    desk.pass(Duration::from_secs(5 * 3600));
    desk.told();
    assert!(desk.agent.is_over(), "{:?}", desk.agent.counts());
    assert_eq!(desk.agent.counts().tombstones + desk.agent.counts().timers, 0);
}

/// Puts calls into every state: one answered with an offer of ours open, one ringing, one that we place.
fn begin(desk: &mut Desk, round: u64) -> Vec<Vec<u8>> {
    desk.pass(Duration::from_secs(5 * 3600));
    desk.sent();
    desk.told();
    let (leg, tag) = desk.talking("up");
    desk.sent();
    desk.order(Order::Offer { leg, sdp: OFFER.into() });
    let offer = desk.sent().pop().expect("our offer");
    desk.invited("ringing");
    desk.sent();
    let mut placed = call(sip::LegId::placed(round));
    placed.path.remote = address(TRUNK);
    desk.order(Order::CallOver { account: "carrier".into(), call: Box::new(placed) });
    let placed = desk.sent().pop().expect("our INVITE");
    let registrar = Registrar {
        name: "carrier".into(),
        registrar: "carrier.example".into(),
        user: "100".into(),
        domain: "carrier.example".into(),
        proxy: None,
        paths: vec![Path::udp(address(HERE), address(TRUNK))],
        contact_user: contact_user([1, 2], "carrier"),
        expires: Duration::from_secs(3_600),
        keep_alive: None,
    };
    // Tries may follow each other after two seconds.
    desk.pass(Duration::from_secs(2));
    desk.order(Order::Register(Box::new(registrar)));
    let register = desk.sent().pop().expect("our REGISTER");
    corpus(&tag, &offer, &placed, &register)
}

#[test]
fn mutated_descriptions_are_answered_or_refused() {
    let count = number_from_environment("FIRSTRING_SOAK_MUTATIONS", 5_000);
    let mut chance = Chance(number_from_environment("FIRSTRING_SOAK_SEED", 7).max(1));
    let ours = sdp::Capabilities {
        codecs: vec![sdp::Codec::Pcmu, sdp::Codec::Pcma],
        telephone_event: true,
        rtcp_mux: true,
        address: "203.0.113.5".parse().unwrap(),
        port: 20_000,
        session_id: 1,
        version: 1,
        ptime_ms: 20,
    };
    let two = format!(
        "{OFFER}a=rtcp:40003 IN IP4 192.0.2.11\r\na=ptime:30\r\na=rtcp-mux\r\nm=video 50000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    );
    let corpus: Vec<Vec<u8>> = [OFFER, ANSWER, &two].iter().map(|text| text.as_bytes().to_vec()).collect();
    let mut agreed = 0;
    for _ in 0..count {
        let text = String::from_utf8_lossy(&mutate(&mut chance, &corpus)).into_owned();
        let _ = sdp::accept(&text, &ours, sdp::Direction::SendRecv);
        let Ok(answer) = sdp::answer(&text, &ours, sdp::Direction::SendRecv) else { continue };
        agreed += 1;
        let (offer, written) =
            (sdp::parse(&text).unwrap(), sdp::parse(&answer.text).expect("our answer can be read"));
        assert_eq!(written.media.len(), offer.media.len());
        assert!(
            answer.text.contains("o=- 1 1 IN IP4 203.0.113.5\r\n")
                && answer.text.matches("\r\n").count() == answer.text.matches('\n').count()
        );
        for (theirs, our) in offer.media.iter().zip(&written.media) {
            assert!(
                our.formats.iter().all(|format| theirs.formats.contains(format)),
                "{text}\n{}",
                answer.text
            );
        }
    }
    assert!(agreed > count / 10, "the mutations are too wild to test anything: {agreed}");
}
