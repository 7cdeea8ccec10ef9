//! A far end that asks for a password.

use md5::{Digest, Md5};
use sip::{Account, Credentials, EndedBy, LegId, Notice, Order, Password, Path, Peer, Setup, Unanswered};

use crate::stage::*;

const SECRET: &str = "correct horse";

fn account(name: &str, realm: Option<&str>) -> Account {
    let credentials = Credentials {
        username: "rivera".into(),
        password: Password::new(SECRET),
        realm: realm.map(str::to_owned),
    };
    Account { name: name.into(), credentials }
}

fn desk(realm: Option<&str>) -> Desk {
    let mut desk = Desk::new();
    desk.order(Order::ReplaceAccounts(vec![account("carrier", realm), account("trunk", realm)]));
    desk
}

/// A refusal that asks for a password.
fn asks(request: &str, status: u16, nonce: &str, more: &str) -> String {
    let name = if status == 407 { "Proxy-Authenticate" } else { "WWW-Authenticate" };
    let line = format!("{name}: Digest realm=\"carrier.example\", nonce=\"{nonce}\", qop=\"auth\"{more}\r\n");
    reply(request, status, "asks", "").replace("Contact:", &format!("{line}Contact:"))
}

/// A parameter of an Authorization header, without quotes.
fn param(request: &str, name: &str, key: &str) -> String {
    let value = header(request, name);
    let begin = format!("{key}=");
    let found =
        value.strip_prefix("Digest ").unwrap_or("").split(", ").find_map(|one| one.strip_prefix(&begin));
    found.unwrap_or("").trim_matches('"').to_owned()
}

/// True if the request proves that it knows the password.
fn is_proved(request: &str, name: &str) -> bool {
    let hash = |text: String| Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let of = |key| param(request, name, key);
    let mut line = request.lines().next().unwrap_or("").split(' ');
    let (method, uri) = (line.next().unwrap_or(""), line.next().unwrap_or(""));
    let secret = hash(format!("{}:{}:{SECRET}", of("username"), of("realm")));
    let said = hash(format!("{method}:{uri}"));
    let (nonce, count, cnonce) = (of("nonce"), of("nc"), of("cnonce"));
    of("uri") == uri && of("response") == hash(format!("{secret}:{nonce}:{count}:{cnonce}:auth:{said}"))
}

fn call_over(desk: &mut Desk, number: u64) -> (LegId, String) {
    let leg = LegId::placed(number);
    desk.order(Order::CallOver { account: "carrier".into(), call: Box::new(call(leg)) });
    (leg, desk.sent().pop().expect("the INVITE"))
}

#[test]
fn a_call_is_placed_again_with_the_password_and_its_ack_and_bye_are_proved_too() {
    for (status, name) in [(401, "Authorization"), (407, "Proxy-Authorization")] {
        let mut desk = desk(Some("carrier.example"));
        let (leg, invite) = call_over(&mut desk, 1);
        assert_eq!(header(&invite, name), "");
        desk.hear_from(PHONE, &asks(&invite, status, "n1", ", opaque=\"o\", algorithm=MD5"));
        let sent = desk.sent();
        assert!(sent[0].starts_with("ACK ") && sent[1].starts_with("INVITE "), "{sent:?}");
        assert_eq!((header(&sent[0], "Via"), tag(&sent[0], "To")), (header(&invite, "Via"), "asks".into()));
        let again = &sent[1];
        for same in ["Call-ID", "From", "To", "Contact"] {
            assert_eq!(header(again, same), header(&invite, same), "{same}");
        }
        assert_eq!(header(again, "CSeq"), "2 INVITE");
        assert_ne!(header(again, "Via"), header(&invite, "Via"));
        assert!(again.ends_with(ANSWER), "with our offer");
        assert!(is_proved(again, name), "{again}");
        assert_eq!((param(again, name, "opaque"), param(again, name, "nc")), ("o".into(), "00000001".into()));
        assert!(desk.told().is_empty(), "nobody has to know");
        desk.hear_from(PHONE, &asks(&invite, status, "n1", ""));
        assert_eq!(desk.sent(), [sent[0].clone()], "a repeated refusal gets its ACK again and nothing else");
        desk.hear_from(PHONE, &reply(again, 180, "p1", ""));
        desk.hear_from(PHONE, &reply(again, 200, "p1", OFFER));
        let ack = desk.sent().pop().unwrap();
        assert_eq!(header(&ack, "CSeq"), "2 ACK");
        assert_eq!(header(&ack, name), header(again, name), "RFC 3261 section 22.1");
        assert_eq!(desk.news(), ["Ringing", "Answered"]);
        desk.order(Order::HangUp { leg, reason: String::new() });
        let bye = desk.sent().pop().unwrap();
        assert_eq!((header(&bye, "CSeq").as_str(), param(&bye, name, "nc").as_str()), ("3 BYE", "00000002"));
        assert!(is_proved(&bye, name));
        desk.hear_from(PHONE, &reply(&bye, 200, "", ""));
        assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::Us }, Notice::Released { leg }]);
        desk.pass(seconds(65.0));
        assert_eq!(desk.agent.counts(), Default::default());
    }
}

#[test]
fn a_wrong_password_is_told_and_not_tried_again() {
    let mut desk = desk(None);
    let (leg, invite) = call_over(&mut desk, 1);
    desk.hear_from(PHONE, &asks(&invite, 407, "n1", ""));
    let again = desk.sent().pop().unwrap();
    desk.hear_from(PHONE, &asks(&again, 407, "n2", ""));
    assert_eq!(desk.said(), ["ACK"]);
    let told = desk.told();
    let Notice::Refused { status: 407, reason, why: Unanswered::Unauthorized, .. } = &told[0] else {
        panic!("{told:?}")
    };
    assert!(reason.contains("password was refused"), "{reason}");
    assert_eq!(told[1], Notice::Released { leg });
    assert!(desk.agent.is_over());
    desk.pass(seconds(65.0));
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn a_nonce_that_went_stale_is_replaced_once() {
    let mut desk = desk(None);
    let (_, invite) = call_over(&mut desk, 1);
    desk.hear_from(PHONE, &asks(&invite, 401, "n1", ""));
    let again = desk.sent().pop().unwrap();
    desk.hear_from(PHONE, &reply(&again, 486, "p1", ""));
    desk.sent();
    let (_, second) = call_over(&mut desk, 2);
    assert!(is_proved(&second, "Authorization"), "the next call proves itself at once");
    assert_eq!(param(&second, "Authorization", "nc"), "00000002");
    desk.hear_from(PHONE, &asks(&second, 401, "n2", ", stale=true"));
    let third = desk.sent().pop().unwrap();
    assert_eq!(param(&third, "Authorization", "nonce"), "n2");
    desk.hear_from(PHONE, &asks(&third, 401, "n3", ", stale=true"));
    let fourth = desk.sent().pop().unwrap();
    assert!(is_proved(&fourth, "Authorization") && header(&fourth, "CSeq") == "3 INVITE");
    desk.told();
    desk.hear_from(PHONE, &asks(&fourth, 401, "n4", ", stale=true"));
    assert_eq!((desk.said(), desk.news()), (vec!["ACK".into()], vec!["Refused".into(), "Released".into()]));
}

#[test]
fn another_realm_gets_no_answer_and_the_operator_a_sentence() {
    let mut desk = desk(Some("sip.other.example"));
    let (_, invite) = call_over(&mut desk, 1);
    desk.hear_from(PHONE, &asks(&invite, 401, "n1", ""));
    assert_eq!(desk.said(), ["ACK"]);
    let told = desk.told();
    assert!(
        matches!(&told[0], Notice::Refused { status: 401, reason, .. } if reason.contains("carrier.example")),
        "{told:?}"
    );
}

#[test]
fn a_call_given_up_meanwhile_is_not_placed_again() {
    let mut desk = desk(None);
    let (leg, invite) = call_over(&mut desk, 1);
    desk.order(Order::Cancel { leg });
    desk.hear_from(PHONE, &asks(&invite, 407, "n1", ""));
    assert_eq!(desk.said(), ["ACK"]);
    assert_eq!(desk.news(), ["Refused", "Released"]);
    assert!(desk.agent.is_over());
}

#[test]
fn whom_the_call_did_not_go_to_is_given_nothing_to_guess_from() {
    let mut desk = desk(None);
    let (leg, invite) = call_over(&mut desk, 1);
    desk.hear_from(PHONE, &asks(&invite, 401, "n1", ""));
    let again = desk.sent().pop().unwrap();
    let elsewhere = reply(&again, 200, "p1", OFFER)
        .replace("Contact: <sip:dana@198.51.100.20:5062>", "Contact: <sip:x@198.51.100.66>");
    desk.hear_from(PHONE, &elsewhere);
    let (path, ack) = desk.sent_with_paths().pop().unwrap();
    assert_eq!(path.remote, address(STRANGER));
    assert_eq!(header(&ack, "Authorization"), "");
    desk.order(Order::HangUp { leg, reason: String::new() });
    let bye = desk.sent().pop().unwrap();
    assert_eq!(header(&bye, "Authorization"), "");
    desk.hear_from(STRANGER, &asks(&bye, 401, "n2", ""));
    assert!(desk.said().is_empty(), "nor if it asks");
    assert_eq!(desk.news(), ["Answered", "Ended", "Released"]);
}

#[test]
fn a_carrier_may_answer_from_another_of_its_addresses() {
    let peer = Peer {
        name: "carrier".into(),
        accept_from: vec!["198.51.100.66".parse().unwrap()],
        accept_domains: Vec::new(),
    };
    let mut desk = Desk::with(Setup { peers: vec![peer], ..setup() });
    desk.order(Order::ReplaceAccounts(vec![account("carrier", None)]));
    let (leg, invite) = call_over(&mut desk, 1);
    let elsewhere = reply(&invite, 200, "p1", OFFER)
        .replace("Contact: <sip:dana@198.51.100.20:5062>", "Contact: <sip:x@198.51.100.66>");
    desk.hear_from(PHONE, &elsewhere);
    desk.order(Order::HangUp { leg, reason: "over".into() });
    let bye = desk.sent().pop().unwrap();
    desk.hear_from(STRANGER, &asks(&bye, 407, "n1", ""));
    let again = desk.sent().pop().unwrap();
    assert!(again.starts_with("BYE ") && is_proved(&again, "Proxy-Authorization"));
    assert_eq!(
        (header(&again, "CSeq").as_str(), header(&again, "Reason")),
        ("3 BYE", header(&bye, "Reason"))
    );
    desk.told();
    desk.hear_from(STRANGER, &reply(&again, 200, "", ""));
    assert_eq!(desk.told(), [Notice::Ended { leg, by: EndedBy::Us }, Notice::Released { leg }]);
    assert!(desk.agent.is_over());
}

#[test]
fn an_offer_and_the_hang_up_inside_a_call_that_came_in_are_proved_to_its_trunk() {
    let mut desk = desk(None);
    let (leg, _) = desk.talking("c1");
    desk.order(Order::Offer { leg, sdp: ANSWER.into() });
    let offer = desk.sent().pop().unwrap();
    desk.hear(&asks(&offer, 407, "n1", ""));
    let sent = desk.sent();
    assert!(sent[0].starts_with("ACK ") && is_proved(&sent[1], "Proxy-Authorization"), "{sent:?}");
    assert_eq!(header(&sent[1], "CSeq"), "2 INVITE");
    let there = "Contact: <sip:trunk@192.0.2.10:5060>";
    desk.hear(&reply(&sent[1], 200, "", OFFER).replace("Contact: <sip:dana@198.51.100.20:5062>", there));
    assert_eq!(desk.said(), ["ACK"]);
    assert_eq!(desk.told(), [Notice::OfferAnswered { leg, sdp: OFFER.into() }]);
    desk.order(Order::HangUp { leg, reason: String::new() });
    let bye = desk.sent().pop().unwrap();
    assert_eq!(header(&bye, "CSeq"), "3 BYE");
    assert!(is_proved(&bye, "Proxy-Authorization"));
}

#[test]
fn a_call_without_an_account_is_never_proved() {
    let mut desk = desk(None);
    let (leg, invite) = desk.calls();
    desk.hear_from(PHONE, &asks(&invite, 401, "n1", ""));
    assert_eq!(desk.said(), ["ACK"]);
    let reason = "Whatever".to_owned();
    let why = Unanswered::Unauthorized;
    let refused = Notice::Refused { leg, status: 401, reason, retry_after: None, why };
    assert_eq!(desk.told(), [refused, Notice::Released { leg }]);
}

#[test]
fn a_far_end_is_asked_whether_it_is_there() {
    let ask = |desk: &mut Desk| {
        let path = Path::udp(address(HERE), address(PHONE));
        let target = "sip:carrier.example".parse().unwrap();
        desk.order(Order::Probe { name: "carrier".into(), target, path });
        desk.sent().pop().expect("the OPTIONS")
    };
    for answered in [true, false] {
        let mut desk = desk(None);
        let options = ask(&mut desk);
        assert!(options.starts_with("OPTIONS sip:carrier.example SIP/2.0\r\n"));
        if answered {
            desk.hear_from(PHONE, &asks(&options, 401, "n1", ""));
            let again = desk.sent().pop().unwrap();
            assert!(is_proved(&again, "Authorization") && header(&again, "CSeq") == "2 OPTIONS");
            desk.hear_from(PHONE, &reply(&again, 200, "x", ""));
        }
        desk.pass(seconds(33.0));
        let status = answered.then_some(200);
        assert_eq!(desk.told(), [Notice::Probed { name: "carrier".into(), status }]);
        assert!(desk.agent.is_over());
        desk.pass(seconds(33.0));
        assert_eq!(desk.agent.counts(), Default::default());
    }
}

#[test]
fn accounts_that_stay_the_same_keep_their_nonce_and_others_are_forgotten() {
    let mut desk = desk(None);
    let (_, invite) = call_over(&mut desk, 1);
    desk.hear_from(PHONE, &asks(&invite, 401, "n1", ""));
    desk.order(Order::ReplaceAccounts(vec![account("carrier", None)]));
    assert!(is_proved(&call_over(&mut desk, 2).1, "Authorization"));
    desk.order(Order::ReplaceAccounts(vec![account("carrier", Some("new"))]));
    assert_eq!(header(&call_over(&mut desk, 3).1, "Authorization"), "");
}
