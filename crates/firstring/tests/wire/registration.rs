//! A trunk that registers, against kamailio as registrar and proxy: over UDP, on loopback, with a password.

use std::time::Duration;

use crate::stage::carrier::{Carrier, PASSWORD, modules, stands};
use crate::stage::phone::Phone;
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, free_port};
use crate::stage::{CALLER, LINE};

#[test]
fn calls_come_over_a_registration_and_people_are_rung_with_its_password() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules() else { return };
    let (place, port) = (Place::new(), free_port());
    place.registers(port, PASSWORD);
    place.bring_prompts();
    let carrier = Carrier::open(&place, port, modules);
    let mut desk = place.open();
    stands(&desk, "registered");
    assert_eq!(carrier.contacts(), 1);

    let mut person = Phone::at([127, 0, 0, 1], place.person, &place).behind(port);
    let caller = place.call_over(port, CALLER, "press 0\nwait 12s\nhang up");
    let rung = person.receives(Duration::from_secs(30), |message| message.starts_with("INVITE"));
    let rung = rung.expect("the person is rung through the carrier");
    assert!(rung.contains("CSeq: 2 INVITE"), "the carrier asked for the password, and got it:\n{rung}");
    person.answer(&rung, ";tag=person");
    let bye = person.receives(Duration::from_secs(40), |message| message.starts_with("BYE"));
    person.answer(&bye.expect("the person is told that the call is over"), "");
    caller.result();
    let record = place.record(CALLER);
    assert_eq!((&record["line"], &record["outcome"]), (&LINE.into(), &"transferred".into()), "{record}");

    desk.terminate();
    assert!(desk.ends_within(Duration::from_secs(20)).success());
    assert_eq!(carrier.contacts(), 0, "a desk that stops takes its contact along");
}

#[test]
fn a_desk_that_is_killed_and_starts_again_has_one_contact() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules() else { return };
    let (place, port) = (Place::new(), free_port());
    place.registers(port, PASSWORD);
    place.bring_prompts();
    let carrier = Carrier::open(&place, port, modules);
    let desk = place.open();
    stands(&desk, "registered");
    desk.kill();
    let desk = place.open();
    stands(&desk, "registered");
    assert_eq!(carrier.contacts(), 1);
}

#[test]
fn a_registrar_that_comes_up_after_the_desk_is_found() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules() else { return };
    let (place, port) = (Place::new(), free_port());
    place.registers(port, PASSWORD);
    place.bring_prompts();
    let desk = place.open();
    let trouble = stands(&desk, "interrupted");
    assert!(!trouble["reason"].as_str().unwrap().is_empty(), "{trouble}");
    let troubles = desk.json("/api/v1/health")["troubles"].to_string();
    assert!(troubles.contains("trunk main is not registered"), "{troubles}");
    let carrier = Carrier::open(&place, port, modules);
    stands(&desk, "registered");
    assert_eq!(carrier.contacts(), 1);
}

#[test]
fn a_wrong_password_is_told_and_not_tried_again_and_again() {
    let _turn = Turn::beside_others();
    let Some(modules) = modules() else { return };
    let (place, port) = (Place::new(), free_port());
    place.registers(port, "wrong");
    place.bring_prompts();
    let carrier = Carrier::open(&place, port, modules);
    let desk = place.open();
    let refused = stands(&desk, "refused");
    assert!(refused["reason"].as_str().unwrap().contains("password"), "{refused}");
    assert!(!desk.logged().contains("wrong"), "{}", desk.logged());
    assert_eq!(carrier.contacts(), 0);
}
