//! Numbers in every dress that a carrier may send them in.

use sip::Notice;

use crate::stage::*;

#[test]
fn a_number_is_read_from_tel_and_sip_addresses_alike() {
    for (uri, number) in [
        ("tel:+13125550100", "+13125550100"),
        ("tel:+1-312-555-0100", "+1-312-555-0100"),
        ("TEL:+13125550100;isub=12345;ext=7", "+13125550100"),
        ("tel:5550100;phone-context=+1312", "5550100"),
        ("tel:5550100;phone-context=example.com", "5550100"),
        ("tel:911", "911"),
        ("sip:+13125550100@203.0.113.5;user=phone", "+13125550100"),
        ("sip:5550100;phone-context=+1312@203.0.113.5;user=phone", "5550100"),
        ("sip:%2B13125550100@203.0.113.5", "+13125550100"),
        ("sips:13125550100@203.0.113.5", "13125550100"),
        ("sip:+13125550100;npdi;rn=+13125550000@203.0.113.5", "+13125550100"),
        ("sip:203.0.113.5", ""),
    ] {
        let mut desk = Desk::new();
        let text = invite("n", OFFER)
            .replace("INVITE sip:+13125550100@203.0.113.5 ", &format!("INVITE {uri} "))
            .replace("<sip:+13125550143@192.0.2.10>", &format!("<{uri}>"))
            .replace("To: <sip:+13125550100@203.0.113.5>", &format!("To: <{uri}>"));
        desk.hear(&text);
        let told = desk.told();
        let Some(Notice::Invited(call)) = told.first() else { panic!("{uri}: {:?}", desk.said()) };
        assert_eq!(
            (call.request_user.as_str(), call.from.user.as_str(), call.to.user.as_str()),
            (number, number, number),
            "{uri}"
        );
        assert_eq!(call.from.host.is_empty(), uri.to_ascii_lowercase().starts_with("tel:"), "{uri}");
    }
}

#[test]
fn a_number_without_brackets_keeps_its_parameters_out_of_the_tag() {
    let mut desk = Desk::new();
    let text = invite("n", OFFER)
        .replace("From: \"Pat\" <sip:+13125550143@192.0.2.10>", "From: tel:+13125550143;isub=1");
    desk.hear(&text);
    let told = desk.told();
    let Some(Notice::Invited(call)) = told.first() else { panic!("{:?}", desk.said()) };
    assert_eq!(call.from.user, "+13125550143");
    desk.hear(&text.replace("INVITE", "CANCEL"));
    assert_eq!(desk.said(), ["100 Trying", "200 OK", "487 Request Terminated"]);
}

#[test]
fn no_number_at_all_is_a_broken_address() {
    let mut desk = Desk::new();
    for uri in ["tel:", "tel:;isub=1", "sip:", "sip:@example.com"] {
        desk.hear(&invite("n", OFFER).replace("sip:+13125550100@203.0.113.5 ", &format!("{uri} ")));
        assert_eq!(desk.said(), ["400 Broken Request URI"], "{uri}");
    }
}
