//! Seeded mutations of messages, thrown at an agent that is in the middle of calls.
//!
//! `FIRSTRING_SOAK_MUTATIONS` sets how many (5,000 otherwise), `FIRSTRING_SOAK_SEED` where the chance begins. At least three of
//! ten have to reach a call that lives: what is refused at the door tests the door only.

mod mangling;
#[path = "agent/stage.rs"]
#[allow(dead_code)]
mod stage;

use std::collections::BTreeSet;
use std::time::Duration;

use mangling::{Chance, mutate};
use sip::{
    Account, Address, Counts, Credentials, LegId, Message, Name, Notice, Order, Password, Path, Registrar,
    Via, contact_user, message, sdp,
};
use stage::*;

/// Valid messages for the calls of a scene: requests inside the one that is up, and replies to what we sent.
fn inside_corpus(call_id: &str, tag: &str, offer: &str, placed: &str) -> Vec<Vec<u8>> {
    let dtmf = |text: String| {
        text.replace("\r\n\r\n", "\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\n")
    };
    let rings = |status: u16, tag: &str, number: u32| {
        reply(placed, status, tag, OFFER)
            .replace("Contact", &format!("Require: 100rel\r\nRSeq: {number}\r\nContact"))
    };
    let moved = reply(placed, 302, "z", "").replace("Contact: ", "Contact: <sip:lee@192.0.2.10>;q=0.7, ");
    let word = "o: refer\r\nSubscription-State: terminated\r\nc: message/sipfrag\r\nMax-Forwards";
    let texts = [
        inside("ACK", call_id, 1, tag, ""),
        inside("INVITE", call_id, 2, tag, OFFER),
        inside("ACK", call_id, 2, tag, OFFER),
        inside("INVITE", call_id, 3, tag, ""),
        inside("INFO", call_id, 4, tag, ""),
        dtmf(inside("INFO", call_id, 5, tag, "")),
        inside("PRACK", call_id, 6, tag, "").replace("Max-Forwards", "RAck: 1 1 INVITE\r\nMax-Forwards"),
        inside("UPDATE", call_id, 7, tag, OFFER),
        inside("UPDATE", call_id, 8, tag, "")
            .replace("Max-Forwards", "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\nMax-Forwards"),
        inside("OPTIONS", call_id, 9, tag, ""),
        inside("REFER", call_id, 10, tag, "").replace("Max-Forwards", "Refer-To: <sip:a@b>\r\nMax-Forwards"),
        inside("REFER", call_id, 11, tag, "")
            .replace("Max-Forwards", "r: <sip:a@b?Replaces=x%3Bto-tag%3Dy%3Bfrom-tag%3Dz>\r\nMax-Forwards"),
        inside("NOTIFY", call_id, 12, tag, "").replace("Max-Forwards", word) + "SIP/2.0 200 OK\r\n",
        inside("BYE", call_id, 13, tag, ""),
        reply(offer, 100, "", ""),
        reply(offer, 200, "", OFFER),
        reply(offer, 491, "", ""),
        challenge(offer),
        rings(180, "x", 1),
        rings(183, "x", 2),
        rings(183, "w", 7),
        reply(placed, 183, "x", OFFER),
        reply(placed, 422, "y", "").replace("Contact", "Min-SE: 3600\r\nContact"),
        reply(placed, 200, "y", OFFER).replace("Contact", "Session-Expires: 90;refresher=uac\r\nContact"),
        reply(placed, 200, "x", ""),
        challenge(placed),
        moved,
        reply(placed, 486, "z", "").replace("Contact", "Retry-After: 5 (x);duration=3\r\nContact"),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

/// A reply that asks for a password in three ways.
fn challenge(request: &str) -> String {
    let digest = "Digest realm=\"a \\\"b\\\"\", nonce=\"n\", qop=\"auth,auth-int\", opaque=\"o\"";
    let lines = format!(
        "WWW-Authenticate: {digest}, algorithm=SHA-256\r\nWWW-Authenticate: {digest}, stale=true\r\n\
         Proxy-Authenticate: {digest}, algorithm=MD5-sess\r\nContact"
    );
    reply(request, 401, "a", "").replace("Contact", &lines)
}

/// Valid messages of nobody who is in a call: new calls, requests outside, and replies of the registrar.
fn corpus(round: u64, register: &str) -> Vec<Vec<u8>> {
    let multipart = "--b\r\nContent-Type: application/isup\r\n\r\nxyz\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--\r\n";
    let user = contact_user([1, 2], "carrier");
    let contacts = format!(
        "Contact: <sip:{user}@203.0.113.5:5060>;expires=60, <sip:{user}@203.0.113.9>;expires=9\r\nExpires: 60\r\n\
         Service-Route: <sip:192.0.2.9;lr>, <sip:edge.example.com;lr>\r\nX: "
    );
    let with = |name: &str, line: &str| {
        invite(&format!("{name}{round}"), OFFER).replace("Max-Forwards", &format!("{line}\r\nMax-Forwards"))
    };
    let texts = [
        invite(&format!("new{round}"), OFFER),
        invite(&format!("offerless{round}"), ""),
        with("routed", "Record-Route: <sip:192.0.2.9;lr>, <sip:192.0.2.8>"),
        invite(&format!("parts{round}"), multipart)
            .replace("application/sdp\r\n\r\n--b", "multipart/mixed;boundary=b\r\n\r\n--b"),
        with("diverted", "Diversion: \"x\" <sip:1@h>;reason=busy\r\nP-Asserted-Identity: <tel:+1>"),
        with(
            "retargeted",
            "History-Info: <sip:1@h?Reason=SIP%3Bcause%3D486&Privacy=none>;index=1, <sip:2@h;cause=408>;index=1.1\r\nX-Own: a",
        ),
        invite(&format!("compact{round}"), OFFER)
            .replace("Via:", "v:")
            .replace("From:", "f:")
            .replace("To:", "t :")
            .replace("Call-ID:", "i:"),
        invite(&format!("folded{round}"), OFFER)
            .replace("Via: SIP/2.0/UDP ", "Via: SIP / 2.0 /\r\n UDP\r\n  "),
        with("strict", "Require: 100rel"),
        with("timed", "k: timer\r\nx: 200;refresher=uac\r\nAllow: UPDATE"),
        with("replacing", "Replaces: a;to-tag=b;from-tag=c"),
        invite(&format!("ringing{round}"), "").replace("INVITE", "CANCEL"),
        invite("o", "").replace("INVITE", "OPTIONS"),
        invite("o", "").replace("INVITE", "REGISTER"),
        invite("o", "").replace("INVITE", "NEWMETHOD"),
        challenge(register),
        reply(register, 200, "r", "").replace("Contact: ", &contacts),
        reply(register, 423, "r", "").replace("Contact", "Min-Expires: 7200\r\nContact"),
        reply(register, 503, "r", "").replace("Contact", "Retry-After: 2\r\nContact"),
        invite(&format!("over{round}"), OFFER)
            .replace("INVITE sip:+13125550100", &format!("INVITE sip:{user}")),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

fn number_from_environment(name: &str, otherwise: u64) -> u64 {
    // A soak run asks for more than the test by itself.
    #[allow(clippy::disallowed_methods)]
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Calls in every state, and what can be said to them.
struct Scene {
    /// Answered, with an offer of ours open.
    up: LegId,
    call_id: String,
    tag: String,
    /// Placed, not answered.
    placed: LegId,
    /// Branches of what we sent and were not answered yet, with the leg they belong to.
    branches: Vec<(String, LegId)>,
    /// Messages for these two.
    inside: Vec<Vec<u8>>,
    /// Any other message.
    others: Vec<Vec<u8>>,
}

/// A desk under fire.
struct Fire {
    desk: Desk,
    chance: Chance,
    live: BTreeSet<LegId>,
    sent: u64,
    /// Messages that found a dialog or request of a live leg.
    reached: u64,
}

impl Fire {
    /// What a desk would do with what it is told, so that calls go on into every state.
    fn react(&mut self) {
        for notice in self.desk.told() {
            let Some(leg) = notice.leg() else { continue };
            let (desk, chance) = (&mut self.desk, self.chance.below(4));
            match (notice, chance) {
                (Notice::Released { .. }, _) => drop(self.live.remove(&leg)),
                (Notice::Invited(invitation), choice) => {
                    assert!(invitation.diversions().len() <= 16, "those who forwarded are bounded");
                    self.live.insert(leg);
                    desk.order(match choice {
                        0 => Order::Refuse { leg, refusal: sip::Refusal::Busy },
                        1 => Order::Ring { leg },
                        _ => Order::Answer { leg, sdp: ANSWER.into() },
                    });
                }
                (Notice::Offered { .. }, 0) => desk.order(Order::RefuseOffer { leg }),
                (Notice::ReferralWanted { name, .. }, 0) => {
                    desk.order(Order::RefuseReferral { leg, name, refusal: sip::Refusal::Declined });
                }
                (Notice::ReferralWanted { name, .. }, _) => {
                    desk.order(Order::TakeReferral { leg, name });
                    desk.order(Order::TellReferral { leg, name, status: 200 });
                }
                (Notice::Offered { .. }, _) => desk.order(Order::AnswerOffer { leg, sdp: ANSWER.into() }),
                (Notice::Confirmed { .. }, 0) => desk.order(Order::HangUp { leg, reason: "x".into() }),
                (Notice::Confirmed { .. }, 2) => {
                    let to = sip::ReferTo::Somebody("sip:x@192.0.2.10".parse().expect("a URI"));
                    desk.order(Order::Refer { leg, name: 1, to });
                }
                (Notice::Confirmed { .. }, 1) => desk.order(Order::Offer { leg, sdp: OFFER.into() }),
                _ => {}
            }
        }
    }

    /// One mutated message, and a little time.
    fn shoot(&mut self, scene: &Scene) {
        // Every eighth message is for nobody in particular; most of the others are changed once, so that many still arrive.
        let (corpus, most) = match self.chance.below(8) {
            0 => (&scene.others, 4),
            1 => (&scene.inside, 4),
            _ => (&scene.inside, 1),
        };
        let bytes = mutate(&mut self.chance, corpus, most);
        if let Ok(message) = message::parse(&bytes) {
            let _ = sdp::parse(&String::from_utf8_lossy(message.body()));
            self.reached += u64::from(self.reaches(&message, scene));
        }
        self.sent += 1;
        self.desk.hear_bytes(TRUNK, &bytes);
        self.react();
        let pause = self.chance.below(60) as u64;
        self.desk.pass(Duration::from_millis(pause));
        self.react();
        let counts = self.desk.agent.counts();
        assert!(counts.legs <= 40 + 1 && counts.dialogs <= counts.legs * 9, "{counts:?}");
        assert!(counts.transactions + counts.tombstones <= 400 + 100, "{counts:?}");
        assert!(counts.timers <= 4_000 && counts.guests <= 2_000, "{counts:?}");
    }

    /// True if a whole message names the dialog of a call that is up, or answers a request of a live leg.
    fn reaches(&self, message: &Message, scene: &Scene) -> bool {
        if message.fault().is_some() {
            return false;
        }
        if message.method().is_none() {
            let via = message.entries(Name::Via).next().and_then(Via::parse);
            let branch = via.and_then(|via| via.branch());
            let found = scene.branches.iter().find(|(known, _)| Some(known.as_str()) == branch);
            return found.is_some_and(|(_, leg)| self.live.contains(leg));
        }
        let tag = |name| message.header(name).and_then(Address::parse).and_then(|address| address.tag());
        self.live.contains(&scene.up)
            && message.header(Name::CallId) == Some(&scene.call_id)
            && tag(Name::To) == Some(&scene.tag)
            && tag(Name::From) == Some("far")
    }

    fn is_served(&mut self) {
        self.desk.sent();
        self.desk.hear(&invite("alive", "").replace("INVITE", "OPTIONS"));
        assert_eq!(self.desk.said(), ["200 OK"], "after {} messages", self.sent);
    }

    /// Puts calls into every state: one answered with an offer of ours open, one ringing, one that we place.
    fn begin(&mut self, round: u64) -> Scene {
        self.hang_up();
        let call_id = format!("up{round}");
        let (up, tag) = self.desk.talking(&call_id);
        self.desk.sent();
        self.desk.order(Order::Offer { leg: up, sdp: OFFER.into() });
        let offer = self.desk.sent().pop().expect("our offer");
        let ringing = self.desk.invited(&format!("ringing{round}"));
        self.desk.sent();
        let placed = LegId::placed(round);
        let mut order = call(placed);
        order.path.remote = address(TRUNK);
        self.desk.order(Order::CallOver { account: "carrier".into(), call: Box::new(order) });
        let invite = self.desk.sent().pop().expect("our INVITE");
        self.desk.order(Order::Register(Box::new(registrar())));
        // Tries may follow each other after two seconds; the one before is renewed by then.
        self.desk.pass(Duration::from_secs(3));
        let register = self.desk.sent().into_iter().rfind(|text| text.starts_with("REGISTER"));
        self.live.extend([up, ringing, placed]);
        let branch = |text: &str| text.split("branch=").nth(1)?.split(';').next().map(str::to_owned);
        let branches = [(&offer, up), (&invite, placed)];
        let branches = branches.iter().filter_map(|(text, leg)| Some((branch(text)?, *leg))).collect();
        let inside = inside_corpus(&call_id, &tag, &offer, &invite);
        let others = corpus(round, &register.unwrap_or(offer));
        Scene { up, call_id, tag, placed, branches, inside, others }
    }

    /// Ends what is left of the scene before.
    fn hang_up(&mut self) {
        for leg in std::mem::take(&mut self.live) {
            self.desk.order(Order::HangUp { leg, reason: String::new() });
        }
        self.desk.pass(Duration::from_secs(100));
        self.desk.sent();
        self.desk.told();
        assert_eq!(self.desk.agent.counts().legs, 0, "after {} messages", self.sent);
    }
}

fn registrar() -> Registrar {
    Registrar {
        name: "carrier".into(),
        registrar: "carrier.example".into(),
        user: "100".into(),
        domain: "carrier.example".into(),
        proxy: None,
        paths: vec![Path::udp(address(HERE), address(TRUNK))],
        contact_user: contact_user([1, 2], "carrier"),
        expires: Duration::from_secs(3_600),
        keep_alive: None,
    }
}

#[test]
fn mutated_messages_do_not_stop_the_desk() {
    let count = number_from_environment("FIRSTRING_SOAK_MUTATIONS", 5_000);
    let chance = Chance::seeded(number_from_environment("FIRSTRING_SOAK_SEED", 20_261_121));
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
    let mut fire = Fire { desk, chance, live: BTreeSet::new(), sent: 0, reached: 0 };
    let (mut round, mut warm) = (0, None);
    while fire.sent < count {
        round += 1;
        let scene = fire.begin(round);
        // A scene lasts as long as both of its calls live: what comes later would reach little.
        for _ in 0..100 {
            let over = !fire.live.contains(&scene.up) || !fire.live.contains(&scene.placed);
            if over || fire.sent >= count {
                break;
            }
            fire.shoot(&scene);
        }
        fire.is_served();
        if fire.sent > count / 5 {
            warm = warm.or_else(memory_pages);
        }
    }
    let share = fire.reached * 100 / fire.sent;
    assert!(share >= 30, "only {share} % of {} messages reached a call", fire.sent);
    fire.desk.order(Order::Unregister { name: "carrier".into() });
    fire.hang_up();
    let counts = fire.desk.agent.counts();
    let packets = Counts { unreadable_packets: counts.unreadable_packets, ..Counts::default() };
    assert_eq!(counts, packets, "everything is as it was before the first message");
    if let (Some(warm), Some(now), true) = (warm, memory_pages(), count >= 50_000) {
        assert!(now * 100 <= warm * 105, "from {warm} to {now} pages since a fifth of the way");
    }
}

/// Resident pages of this process; `None` where the system does not say.
fn memory_pages() -> Option<u64> {
    #[allow(clippy::disallowed_methods)]
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split(' ').nth(1)?.parse().ok()
}

#[test]
fn mutated_descriptions_are_answered_or_refused() {
    let count = number_from_environment("FIRSTRING_SOAK_MUTATIONS", 5_000);
    let mut chance = Chance::seeded(number_from_environment("FIRSTRING_SOAK_SEED", 7));
    let ours = sdp::Capabilities {
        codecs: vec![sdp::Codec::Pcmu, sdp::Codec::Pcma],
        telephone_event: true,
        rtcp_mux: true,
        address: "203.0.113.5".parse().unwrap(),
        port: 20_000,
        session_id: 1,
        version: 1,
        ptime_ms: 20,
        protection: sdp::Protection::Preferred(sdp::Keyring {
            suites: vec![sdp::Suite::AesCm128HmacSha1_80, sdp::Suite::AesCm128HmacSha1_32],
            secrets: sdp::Secrets::new([7; sdp::Secrets::LEN]),
        }),
    };
    let two = format!(
        "{OFFER}a=rtcp:40003 IN IP4 192.0.2.11\r\na=ptime:30\r\na=rtcp-mux\r\nm=video 50000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    );
    let encrypted = format!(
        "{}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20\r\n",
        OFFER.replace("RTP/AVP", "RTP/SAVP")
    );
    let corpus: Vec<Vec<u8>> =
        [OFFER, ANSWER, &two, &encrypted].iter().map(|text| text.as_bytes().to_vec()).collect();
    let mut agreed = 0;
    for _ in 0..count {
        let text = String::from_utf8_lossy(&mutate(&mut chance, &corpus, 4)).into_owned();
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
