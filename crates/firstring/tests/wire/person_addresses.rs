//! People at SIP addresses of their own, whom no trunk leads to.

use std::time::Duration;

use crate::stage::CALLER;
use crate::stage::office::Office;
use crate::stage::phone::Phone;
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, free_port};

#[test]
fn a_person_is_rung_at_a_sip_address_over_a_trunk_that_only_brings_calls_in() {
    let _turn = Turn::beside_others();
    let person = free_port();
    // The caller has the trunk's only channel.
    let reach = format!(r#"{{ to = "sip:dana@127.0.0.1:{person}" }}"#);
    let place = Place::of(&Office { channels: 1, person, reach, ..Office::small() });
    place.has_no_proxy();
    place.bring_prompts();
    let _desk = place.open();
    let mut person = Phone::at([127, 0, 0, 1], place.person, &place);
    let caller = place.call(CALLER, "press 0\nwait 12s\nhang up");
    let rung = person.receives(Duration::from_secs(30), |message| message.starts_with("INVITE"));
    let rung = rung.expect("the person is rung at their address");
    assert!(rung.starts_with(&format!("INVITE sip:dana@127.0.0.1:{} SIP/2.0\r\n", place.person)), "{rung}");
    person.answer(&rung, ";tag=person");
    let bye = person.receives(Duration::from_secs(40), |message| message.starts_with("BYE"));
    person.answer(&bye.expect("the person is told that the call is over"), "");
    caller.result();
    let record = place.record(CALLER);
    assert_eq!(record["outcome"], "transferred", "{record}");
}
