//! Messages that are odd, broken or hostile, in the spirit of RFC 4475: each is answered or dropped on purpose.

use crate::stage::*;

/// A message with its own idea of what is wrong, and what it gets: a status, or nothing.
struct Odd {
    why: &'static str,
    text: String,
    gets: &'static str,
}

fn odd(why: &'static str, gets: &'static str, text: String) -> Odd {
    Odd { why, text, gets }
}

fn options() -> String {
    invite("odd", "").replace("INVITE", "OPTIONS")
}

fn with(line: &str) -> String {
    options().replace("Max-Forwards: 70", line)
}

/// Spaces, folds and compact names everywhere; its To has a parameter of this name.
fn folded(parameter: &str) -> String {
    "OPTIONS sip:desk@example.com;unknownparam SIP/2.0\r\nTO :\r\n sip:desk@example.com ;   line    = 19n\r\nfrom   : \"J Rosenberg \\\\\\\"\"       <sip:jd@example.com>\r\n  ;\r\n  tag = 98asjd8\r\nMaX-fOrWaRdS: 0068\r\nCall-ID: ws@192.0.2.1\r\nCseq: 0009\r\n  OPTIONS\r\nVia  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\ns :\r\nNewFangledHeader:   newfangled value\r\n continued newfangled value\r\nUnknownHeaderWithUnusualValue: ;;,,;;,;\r\nRoute:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\nv:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\nm:\"Quoted string \\\"\\\"\" <sip:jd@example.com> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\n".replace("line    =", &format!("{parameter}    ="))
}

fn legal() -> Vec<Odd> {
    let long = "long".repeat(500);
    vec![
        odd("spaces, folds and compact names", "200", folded("line")),
        odd(
            "escapes in the user part",
            "200",
            options().replace("sip:+13125550100@", "sip:sips%3Auser%40example.com@"),
        ),
        odd("an escaped zero", "200", options().replace("sip:+13125550100@", "sip:null-%00-null@")),
        odd(
            "a user part with parameters",
            "200",
            options().replace("sip:+13125550100@", "sip:user;par=u%40example.net@"),
        ),
        odd("a display name without a space after it", "200", options().replace("\"Pat\" <", "caller<")),
        odd(
            "very long values",
            "200",
            with(&format!("X-{long}: {long}\r\nSubject: {long}\r\nFoo: {}", ";a=b".repeat(900))),
        ),
        odd("no hop left, but we are the end", "200", with("Max-Forwards: 0")),
        odd("a tel address", "200", options().replace("sip:+13125550100@203.0.113.5 ", "tel:+13125550100 ")),
        odd(
            "another transport in the second Via",
            "200",
            with("Via: SIP/2.0/UNKNOWN t5.example.com;branch=z9hG4bK1"),
        ),
        odd(
            "more after the end of the body",
            "200",
            with("Content-Length: 0") + "INVITE sip:x SIP/2.0\r\n\r\n",
        ),
        odd("line ends before the message", "200", format!("\r\n\r\n{}", options())),
        odd("bare line feeds", "200", options().replace("\r\n", "\n")),
        odd("an unknown header without a value", "200", with("X-Empty:")),
        odd("letters beyond ASCII in a name", "200", options().replace("Pat", "Pât Müller 你好")),
        odd(
            "control characters behind a backslash",
            "200",
            options().replace("\"Pat\"", "\"Pat \\\u{7} \\\0 \\\u{7f}\""),
        ),
        odd(
            "as many hops as there may be",
            "200",
            with(&vec!["Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"; 69].join("\r\n")),
        ),
        odd("an empty branch", "200", options().replace("branch=z9hG4bKodd", "branch=z9hG4bK")),
    ]
}

fn broken() -> Vec<Odd> {
    let calls = invite("odd", OFFER);
    vec![
        odd("Via with stray separators", "", options().replace("branch=z9hG4bKodd;rport", ";,;,,")),
        odd(
            "a body longer than the datagram",
            "400",
            calls.replace("Max-Forwards: 70", "Content-Length: 9999"),
        ),
        odd("a negative length", "400", calls.replace("Max-Forwards: 70", "Content-Length: -999")),
        odd("two lengths", "400", with("Content-Length: 0\r\nl: 0")),
        odd("two Call-IDs", "400", with("i: other")),
        odd("two CSeqs", "400", with("CSeq: 8 OPTIONS")),
        odd("two Froms", "400", with("f: <sip:b@example.com>;tag=2")),
        odd("two Tos", "400", with("t: <sip:b@example.com>")),
        odd(
            "a sequence number too large",
            "400",
            options().replace("CSeq: 1 ", "CSeq: 36893488147419103232 "),
        ),
        odd("another method in CSeq", "400", options().replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE")),
        odd("a quote that never closes", "400", options().replace("\"Pat\"", "\"Pat")),
        odd(
            "a request URI in brackets",
            "400",
            options().replace("sip:+13125550100@203.0.113.5 ", "<sip:a@b> "),
        ),
        odd("spaces in the request URI", "400", options().replace("@203.0.113.5 ", "@203.0.113.5; lr ")),
        odd("two spaces in the request line", "400", options().replace("OPTIONS sip", "OPTIONS  sip")),
        odd("a space after the version", "400", options().replacen("SIP/2.0\r\n", "SIP/2.0 \r\n", 1)),
        odd("another version", "505", options().replacen("SIP/2.0\r\n", "SIP/7.0\r\n", 1)),
        odd("another version throughout", "505", options().replace("SIP/2.0", "SIP/7.0")),
        odd("another version in Via only", "400", options().replace("SIP/2.0/UDP", "SIP/7.0/UDP")),
        odd("no From", "400", options().replace("From:", "X-From:")),
        odd("no Call-ID", "400", options().replace("Call-ID:", "X-Call-ID:")),
        odd("no Via", "", options().replace("Via:", "X-Via:")),
        odd("no empty line", "400", options().trim_end().to_owned()),
        odd("a zero byte", "400", with("Subject: a\0b")),
        odd("a lone carriage return", "400", with("Subject: a\rX-Evil: b")),
        odd(
            "an unknown scheme",
            "416",
            options().replace("sip:+13125550100@203.0.113.5 ", "nobodyKnows:opaque "),
        ),
        odd(
            "a scheme of something else",
            "416",
            options().replace("sip:+13125550100@203.0.113.5 ", "soap.beep://x:3 "),
        ),
        odd(
            "a request URI too long",
            "414",
            options().replace("sip:+1", &format!("sip:{}", "1".repeat(2_100))),
        ),
        odd("a body too large", "413", calls.replace(OFFER, &OFFER.repeat(200))),
        odd("a call within no call", "481", calls.replace("203.0.113.5>\r\n", "203.0.113.5>;tag=gone\r\n")),
        odd(
            "a question within no call",
            "481",
            options().replace("203.0.113.5>\r\n", "203.0.113.5>;tag=gone\r\n"),
        ),
        odd("a question within no call, its tag after spaces and a fold", "481", folded("tag")),
        odd("an end of no call", "481", options().replace("OPTIONS", "BYE")),
        odd("a CANCEL of nothing", "481", options().replace("OPTIONS", "CANCEL")),
        odd("a call to be transferred", "403", options().replace("OPTIONS", "REFER")),
        odd("an extension we lack", "420", with("Require: nothingSupportsThis")),
        odd(
            "a method with an odd name",
            "501",
            options().replace("OPTIONS", "!interesting-Method0123456789_*+`.%indeed'~"),
        ),
        odd("an escaped method is another method", "501", options().replace("OPTIONS", "RE%47IST%45R")),
        odd("a registration", "405", options().replace("OPTIONS", "REGISTER")),
        odd("an unknown body", "415", calls.replace("application/sdp", "application/unknownformat")),
        odd(
            "no description accepted",
            "406",
            calls.replace("Max-Forwards: 70", "Accept: text/nobodyKnowsThis"),
        ),
        odd("no Contact", "400", calls.replace("Contact:", "X-Contact:")),
        odd(
            "a route that is none",
            "400",
            calls.replace("Max-Forwards", "Record-Route: <sip:a b>\r\nMax-Forwards"),
        ),
        odd(
            "a Contact that is no phone",
            "400",
            calls.replace("<sip:trunk@192.0.2.10:5060>", "<mailto:a@b>"),
        ),
        odd(
            "a reply that nobody asked for",
            "",
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n\r\n"
                .to_owned(),
        ),
        odd("a reply with an impossible status", "", "SIP/2.0 4294967301 better not\r\n\r\n".to_owned()),
        odd("an ACK for nothing", "", options().replace("OPTIONS", "ACK")),
        odd("a broken ACK", "", options().replace("OPTIONS", "ACK").replace("From:", "X-From:")),
        odd("something else", "", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n".to_owned()),
        odd("a keep-alive", "", "\r\n\r\n".to_owned()),
        odd("noise", "", "\u{1}\u{2}\u{3}".to_owned()),
    ]
}

#[test]
fn odd_messages_are_answered_or_dropped_on_purpose() {
    for odd in legal().into_iter().chain(broken()) {
        let mut desk = Desk::new();
        desk.hear(&odd.text);
        let said = desk.said().join(", ");
        assert_eq!(said.get(..3).unwrap_or(""), odd.gets, "{}: {said}", odd.why);
        assert!(said.is_empty() || !said.contains(','), "{}: one answer at most, {said}", odd.why);
        assert!(desk.told().is_empty(), "{}", odd.why);
        assert_eq!(desk.agent.counts().legs + desk.agent.counts().timers, 0, "{}: no state", odd.why);
    }
}

#[test]
fn a_shed_or_broken_request_gets_the_same_answer_each_time() {
    for odd in broken() {
        let mut desk = Desk::new();
        desk.hear(&odd.text);
        let first = desk.sent();
        desk.hear(&odd.text);
        assert_eq!(desk.sent(), first, "{}", odd.why);
    }
}

#[test]
fn what_is_refused_says_what_would_be_right() {
    let calls = invite("odd", OFFER);
    for (text, status, name, value) in [
        (with("Require: a, 100rel, b"), "420", "Unsupported", "a, b"),
        (options().replace("OPTIONS", "SUBSCRIBE"), "405", "Allow", sent_allow()),
        (options().replace("OPTIONS", "NEWMETHOD"), "501", "Allow", sent_allow()),
        (calls.replace("application/sdp", "text/plain"), "415", "Accept", "application/sdp"),
        (
            calls.replace("Max-Forwards", "Content-Encoding: gzip\r\nMax-Forwards"),
            "415",
            "Accept-Encoding",
            "identity",
        ),
    ] {
        let mut desk = Desk::new();
        desk.hear(&text);
        let refused = desk.sent().pop().expect("a refusal");
        assert_eq!((refused.get(8..11), header(&refused, name).as_str()), (Some(status), value), "{refused}");
    }
}

fn sent_allow() -> &'static str {
    "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, UPDATE, NOTIFY, REFER"
}

#[test]
fn every_prefix_of_a_call_is_survived() {
    let mut desk = Desk::new();
    for text in legal().into_iter().chain(broken()).map(|odd| odd.text).chain([invite("p", OFFER)]) {
        for end in (0..text.len()).step_by(3) {
            desk.hear_bytes(TRUNK, &text.as_bytes()[..end]);
        }
    }
    desk.sent();
    desk.hear(&options());
    assert_eq!(desk.said(), ["200 OK"]);
}

#[test]
fn headers_beyond_any_bound_are_refused_and_not_fatal() {
    let many = |line: &str, count: usize| with(&vec![line; count].join("\r\n"));
    for (text, gets) in [
        (many("A: b", 600), "400"),
        (many("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", 71), "400"),
        (many("Route: <sip:a;lr>", 70), "400"),
        (many("Route: <sip:a;lr>", 60), "200"),
        (invite("odd", &format!("v=0\r\n{}", "a=x\r\n".repeat(5_000))), "413"),
    ] {
        let mut desk = Desk::new();
        desk.hear(&text);
        assert_eq!(desk.said()[0][..3], *gets);
    }
}
