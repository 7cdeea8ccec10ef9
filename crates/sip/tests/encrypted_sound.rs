//! Keys of encrypted sound in offers and answers, as two sides would tell each other. RFC 4568.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use sip::sdp::{
    Agreed, Capabilities, Codec, Direction, Keyring, OfferError, Protection, Secrets, Suite, accept, answer,
    offer,
};

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const GCM_KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubA==";

fn keyring(suites: &[Suite], byte: u8) -> Keyring {
    Keyring { suites: suites.to_vec(), secrets: Secrets::new([byte; Secrets::LEN]) }
}

fn both(byte: u8) -> Keyring {
    keyring(&[Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32], byte)
}

fn side(protection: Protection) -> Capabilities {
    Capabilities {
        codecs: vec![Codec::Pcmu],
        telephone_event: false,
        rtcp_mux: false,
        address: "203.0.113.5".parse().unwrap(),
        port: 20_000,
        session_id: 42,
        version: 1,
        ptime_ms: 20,
        protection,
    }
}

fn theirs(lines: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{}",
        lines.replace('\n', "\r\n")
    )
}

fn answered(lines: &str, protection: Protection) -> Result<Agreed, OfferError> {
    answer(&theirs(lines), &side(protection), Direction::SendRecv)
}

#[test]
fn both_sides_come_to_the_same_keys() {
    let ours = side(Protection::Required(both(1)));
    let text = offer(&ours, Direction::SendRecv);
    assert!(text.contains("m=audio 20000 RTP/SAVP 0\r\n"));
    assert!(
        text.contains(
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\r\n"
        )
    );
    assert!(text.contains("a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:"));
    let there = side(Protection::Preferred(keyring(&[Suite::AesCm128HmacSha1_32], 2)));
    let agreed = answer(&text, &there, Direction::SendRecv).unwrap();
    assert!(agreed.text.contains("m=audio 20000 RTP/SAVP 0\r\n"));
    assert_eq!(agreed.text.matches("a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:AgIC").count(), 1);
    assert_eq!(agreed.text.matches("a=crypto").count(), 1);
    let accepted = accept(&agreed.text, &ours, Direction::SendRecv).unwrap().keys.unwrap();
    let agreed = agreed.keys.unwrap();
    assert_eq!((&accepted.ours, &accepted.theirs), (&agreed.theirs, &agreed.ours));
    assert_eq!((accepted.ours.bytes(), accepted.theirs.bytes()), ([1; 30].as_slice(), [2; 30].as_slice()));
}

#[test]
fn the_offerers_first_line_that_we_can_do_is_chosen_under_its_own_tag() {
    let lines = format!(
        "m=audio 4000 RTP/SAVP 0\na=crypto:5 AES_256_CM_HMAC_SHA1_80 inline:{KEY}\na=crypto:6 AEAD_AES_128_GCM inline:{GCM_KEY}\n\
         a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4\na=crypto:8 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^20\n"
    );
    let agreed = answered(&lines, Protection::Preferred(both(3))).unwrap();
    assert!(agreed.text.contains("a=crypto:8 AES_CM_128_HMAC_SHA1_32 inline:AwMD"), "{}", agreed.text);
    let all = [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm];
    let agreed = answered(&lines, Protection::Preferred(keyring(&all, 3))).unwrap();
    assert_eq!(agreed.keys.unwrap().theirs.suite(), Suite::AeadAes128Gcm, "their order, not ours");
}

#[test]
fn what_is_offered_and_what_is_wanted_have_to_fit() {
    let plain = "m=audio 4000 RTP/AVP 0\n";
    let optional = format!("m=audio 4000 RTP/AVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n");
    let secure = format!("m=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n");
    let unknown = "m=audio 4000 RTP/SAVP 0\na=crypto:1 F8_128_HMAC_SHA1_80 inline:x\n";
    let keyless = "m=audio 4000 RTP/SAVP 0\n";
    let dtls = "m=audio 4000 UDP/TLS/RTP/SAVP 0\n";
    let (preferred, required) = (Protection::Preferred(both(1)), Protection::Required(both(1)));
    for (lines, protection, result) in [
        (plain, &Protection::Off, Ok(false)),
        (&optional, &Protection::Off, Ok(false)),
        (&secure, &Protection::Off, Err(OfferError::Encrypted)),
        (plain, &preferred, Ok(false)),
        (&secure, &preferred, Ok(true)),
        (unknown, &preferred, Err(OfferError::NoSuite)),
        (keyless, &preferred, Err(OfferError::NoSuite)),
        (plain, &required, Err(OfferError::InTheClear)),
        (&optional, &required, Err(OfferError::InTheClear)),
        (&secure, &required, Ok(true)),
        (dtls, &required, Err(OfferError::NoAudio)),
    ] {
        let is_encrypted = answered(lines, protection.clone()).map(|agreed| agreed.keys.is_some());
        assert_eq!(is_encrypted, result, "{lines} {protection:?}");
    }
}

#[test]
fn of_two_lines_the_encrypted_one_is_served_where_it_can_be() {
    let lines = format!(
        "m=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n"
    );
    let served = |protection| {
        let agreed = answered(&lines, protection).unwrap();
        let media: Vec<_> =
            agreed.text.lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect();
        (media, agreed.remote.port())
    };
    let encrypted = ["m=audio 0 RTP/AVP 0".to_owned(), "m=audio 20000 RTP/SAVP 0".to_owned()].to_vec();
    assert_eq!(served(Protection::Preferred(both(1))), (encrypted, 4_002));
    let clear = ["m=audio 20000 RTP/AVP 0".to_owned(), "m=audio 0 RTP/SAVP 0".to_owned()].to_vec();
    assert_eq!(served(Protection::Off), (clear, 4_000));
}

#[test]
fn an_answer_that_gives_up_encryption_or_says_something_else_is_not_accepted() {
    let line = |tag: u32, suite: &str| format!("a=crypto:{tag} {suite} inline:{KEY}\n");
    let (first, second) = (line(1, "AES_CM_128_HMAC_SHA1_80"), line(2, "AES_CM_128_HMAC_SHA1_32"));
    let (wrong_tag, wrong_suite) = (line(2, "AES_CM_128_HMAC_SHA1_80"), line(3, "AES_CM_128_HMAC_SHA1_32"));
    for (lines, error) in [
        ("m=audio 4000 RTP/AVP 0\n".to_owned(), OfferError::InTheClear),
        ("m=audio 4000 RTP/SAVP 0\n".to_owned(), OfferError::NoSuite),
        (format!("m=audio 4000 RTP/SAVP 0\n{first}{second}"), OfferError::NoSuite),
        (format!("m=audio 4000 RTP/SAVP 0\n{wrong_tag}"), OfferError::NoSuite),
        (format!("m=audio 4000 RTP/SAVP 0\n{wrong_suite}"), OfferError::NoSuite),
    ] {
        for protection in [Protection::Preferred(both(1)), Protection::Required(both(1))] {
            let accepted = accept(&theirs(&lines), &side(protection), Direction::SendRecv);
            assert_eq!(accepted.map(|_| ()), Err(error), "{lines}");
        }
    }
    let secure = theirs(&format!("m=audio 4000 RTP/SAVP 0\n{first}"));
    let plain = accept(&secure, &side(Protection::Off), Direction::SendRecv);
    assert_eq!(plain.map(|_| ()), Err(OfferError::Encrypted), "nor one that was not offered");
}
