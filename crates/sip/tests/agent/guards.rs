//! A telephone system that logs in to us.

use md5::Md5;
use sha2::{Digest, Sha256};
use sip::{Account, Asks, Credentials, Gate, Notice, Order, Password};

use crate::stage::*;

fn hash(algorithm: &str, text: String) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match algorithm {
        "MD5" => hex(&Md5::digest(text)),
        "SHA-256" => hex(&Sha256::digest(text)),
        other => panic!("{other} is not offered"),
    }
}

/// A caller's way of answering our challenge.
#[derive(Clone)]
struct Answer<'a> {
    algorithm: &'a str,
    username: &'a str,
    password: &'a str,
    realm: &'a str,
    nonce: String,
    count: &'a str,
    uri: &'a str,
    qop: &'a str,
}

fn right(challenge: &str) -> Answer<'static> {
    let nonce = header(challenge, "WWW-Authenticate")
        .split("nonce=\"")
        .nth(1)
        .unwrap_or("")
        .split('"')
        .next()
        .unwrap_or("")
        .to_owned();
    Answer {
        algorithm: "SHA-256",
        username: "pbx",
        password: "secret",
        realm: "desk.example.com",
        nonce,
        count: "00000001",
        uri: "sip:+13125550100@203.0.113.5",
        qop: "auth",
    }
}

/// The INVITE of a caller who answers so; each call is one of its own.
fn call(number: u32, answer: &Answer<'_>) -> String {
    let Answer { algorithm, username, password, realm, nonce, count, uri, qop } = answer;
    let secret = hash(algorithm, format!("{username}:{realm}:{password}"));
    let said = hash(algorithm, format!("INVITE:{uri}"));
    let response = hash(algorithm, format!("{secret}:{nonce}:{count}:c1:{qop}:{said}"));
    let line = format!(
        "Authorization: Digest username=\"{username}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm={algorithm}, cnonce=\"c1\", qop={qop}, nc={count}"
    );
    invite(&format!("c{number}"), OFFER).replace("Max-Forwards", &format!("{line}\r\nMax-Forwards"))
}

fn desk() -> Desk {
    desk_that(Asks::Sha256)
}

fn desk_that(digest: Asks) -> Desk {
    let mut desk = Desk::new();
    let credentials = Credentials {
        username: "pbx".into(),
        password: Password::new("secret"),
        realm: Some("desk.example.com".into()),
    };
    let account = Account { name: "trunk".into(), credentials };
    desk.order(Order::ReplaceGuards(vec![Gate { account, digest }]));
    desk
}

/// Calls without a password; our 401.
fn challenged(desk: &mut Desk, call_id: &str) -> String {
    desk.hear(&invite(call_id, OFFER));
    let refusal = desk.sent().pop().expect("a challenge");
    assert!(refusal.starts_with("SIP/2.0 401 Unauthorized\r\n"), "{refusal}");
    assert!(desk.told().is_empty() && desk.agent.is_over());
    refusal
}

#[test]
fn a_caller_who_knows_the_password_gets_in_and_nothing_is_remembered_of_who_does_not() {
    for (digest, algorithm, other) in [(Asks::Md5, "MD5", "SHA-256"), (Asks::Sha256, "SHA-256", "MD5")] {
        let mut desk = desk_that(digest);
        let challenge = challenged(&mut desk, "c0");
        let asked: Vec<_> = challenge.lines().filter(|line| line.starts_with("WWW-Authenticate: ")).collect();
        assert!(asked.len() == 1 && asked[0].ends_with(&format!("algorithm={algorithm}")), "{asked:?}");
        desk.hear(&inside("ACK", "c0", 1, &tag(&challenge, "To"), ""));
        assert_eq!(desk.agent.counts(), Default::default());
        let text = call(1, &Answer { algorithm, ..right(&challenge) });
        desk.hear(&text);
        assert_eq!((desk.said(), desk.news()), (vec!["100 Trying".into()], vec!["Invited".into()]));
        desk.hear(&text);
        let repeated = (vec!["100 Trying".into()], vec![]);
        assert_eq!((desk.said(), desk.news()), repeated, "repeated, not a second call");
        desk.hear(&call(2, &Answer { algorithm: other, count: "00000002", ..right(&challenge) }));
        assert_eq!(desk.said(), ["401 Unauthorized"], "{other} was not asked for");
    }
}

#[test]
fn what_was_overheard_opens_nothing() {
    let mut desk = desk();
    let challenge = challenged(&mut desk, "c0");
    desk.hear(&call(1, &Answer { count: "00000005", ..right(&challenge) }));
    assert_eq!(desk.news(), ["Invited"]);
    for (number, count) in [(2, "00000005"), (3, "00000004"), (4, "00000000")] {
        desk.sent();
        desk.hear(&call(number, &Answer { count, ..right(&challenge) }));
        let again = desk.sent().pop().unwrap();
        assert!(again.contains("stale=true"), "a new nonce, not a wrong password: {again}");
        assert!(desk.told().is_empty());
    }
    desk.hear(&call(5, &Answer { count: "00000006", ..right(&challenge) }));
    assert_eq!(desk.news(), ["Invited"]);
    // Sent for one number, it does not open another.
    let other = call(6, &Answer { count: "00000007", ..right(&challenge) })
        .replace("INVITE sip:+13125550100@", "INVITE sip:+19005550100@");
    desk.sent();
    desk.hear(&other);
    assert_eq!(desk.said(), ["401 Unauthorized"]);
}

#[test]
fn wrong_proofs_are_refused_and_told_once_a_minute() {
    let mut desk = desk();
    let challenge = challenged(&mut desk, "c0");
    let good = right(&challenge);
    let wrong = [
        Answer { password: "guess", ..good.clone() },
        Answer { username: "other", ..good.clone() },
        Answer { count: "1", ..good.clone() },
        Answer { count: "0000000x", ..good.clone() },
        Answer { qop: "auth-int", ..good.clone() },
    ];
    for (number, answer) in (1..).zip(&wrong) {
        desk.hear(&call(number, answer));
        assert_eq!(desk.said(), ["401 Unauthorized"]);
    }
    assert_eq!(desk.told(), [Notice::Unproved { peer: "trunk".into(), source: address(TRUNK) }]);
    desk.pass(seconds(60.0));
    desk.hear(&call(20, &wrong[0]));
    assert_eq!(desk.news(), ["Unproved"]);
    for foreign in [Answer { realm: "elsewhere", ..good.clone() }, Answer { realm: "", ..good.clone() }] {
        desk.sent();
        desk.hear(&call(21, &foreign));
        assert_eq!(
            (desk.said(), desk.told()),
            (vec!["401 Unauthorized".into()], vec![]),
            "an answer to somebody else"
        );
    }
    assert!(desk.agent.is_over());
}

#[test]
fn a_nonce_is_ours_and_no_older_than_five_minutes() {
    let mut desk = desk();
    let challenge = challenged(&mut desk, "c0");
    let good = right(&challenge);
    desk.pass(seconds(299.0));
    desk.hear(&call(1, &good));
    assert_eq!(desk.news(), ["Invited"]);
    desk.pass(seconds(2.0));
    for (number, nonce) in [
        (2, good.nonce.clone()),
        (3, good.nonce.replacen('.', "1.", 1)),
        (4, "x".into()),
        (5, "ffffffffffffffffffff.1.0".into()),
    ] {
        desk.sent();
        desk.hear(&call(number, &Answer { nonce, count: "00000009", ..good.clone() }));
        assert!(
            desk.sent().iter().any(|text| text.starts_with("SIP/2.0 401") && text.contains("stale=true"))
        );
        assert!(desk.told().is_empty());
    }
}

#[test]
fn however_many_nonces_are_in_use_none_is_used_twice() {
    let mut desk = desk();
    let mut old = Vec::new();
    for number in 0..1_500 {
        let challenge = challenged(&mut desk, "c");
        let answer = right(&challenge);
        desk.hear(&call(number, &answer));
        let Some(Notice::Invited(invited)) = desk.told().pop() else { panic!("call {number} was right") };
        desk.order(Order::Refuse { leg: invited.leg, refusal: sip::Refusal::Busy });
        let refusal = desk.sent().pop().expect("486");
        let ack = inside("ACK", &format!("c{number}"), 1, &tag(&refusal, "To"), "");
        desk.hear(&ack.replace("-ACK-1", ""));
        desk.told();
        old.push(answer);
        desk.pass(seconds(0.05));
    }
    for (number, answer) in (2_000..).zip(&old) {
        desk.hear(&call(number, answer));
        assert_eq!(desk.said().last().map(String::as_str), Some("401 Unauthorized"), "{number}");
        assert!(desk.told().is_empty());
    }
}

#[test]
fn calls_inside_and_over_a_registration_and_of_other_peers_need_no_proof() {
    let mut desk = desk();
    let challenge = challenged(&mut desk, "c0");
    desk.hear(&call(1, &right(&challenge)));
    let Some(Notice::Invited(invited)) = desk.told().pop() else { panic!("the call came in") };
    desk.order(Order::Answer { leg: invited.leg, sdp: ANSWER.into() });
    let tag = tag(&desk.sent().pop().unwrap(), "To");
    desk.hear(&inside("ACK", "c1", 1, &tag, ""));
    desk.hear(&inside("BYE", "c1", 2, &tag, ""));
    assert_eq!(desk.said(), ["200 OK"]);
    desk.told();
    desk.hear_from("198.51.100.130:5060", &invite("other", OFFER));
    assert_eq!(desk.news(), ["Invited"]);
    desk.sent();
    desk.hear(&invite("options", "").replace("INVITE", "OPTIONS"));
    assert_eq!(desk.said(), ["200 OK"]);
    desk.order(Order::ReplaceGuards(vec![]));
    desk.hear(&invite("open", OFFER));
    assert_eq!(desk.news(), ["Invited"]);
}

#[test]
fn a_phone_system_that_never_answers_the_challenge_is_told_and_one_lost_answer_is_not() {
    let mut desk = desk();
    for number in 0..3 {
        challenged(&mut desk, &format!("c{number}"));
    }
    assert!(desk.told().is_empty());
    desk.hear(&invite("c3", OFFER));
    assert_eq!(desk.said(), ["401 Unauthorized"]);
    assert_eq!(desk.told(), [Notice::Unproved { peer: "trunk".into(), source: address(TRUNK) }]);
    let challenge = challenged(&mut desk, "c4");
    desk.hear(&call(9, &right(&challenge)));
    assert_eq!(desk.news(), ["Invited"]);
}
