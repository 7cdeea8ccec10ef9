//! A phone system that proves its calls with a password: baresip, over UDP.

use std::time::Duration;

use crate::stage::CALLER;
use crate::stage::LINE;
use crate::stage::peers;
use crate::stage::place::Place;
use crate::stage::sound;
use crate::stage::waiting::Turn;

#[test]
fn a_phone_system_that_logs_in_is_answered_and_one_with_a_wrong_password_is_not() {
    let _turn = Turn::beside_others();
    if !peers::are_here() {
        return;
    }
    let place = Place::new();
    place.is_logged_in_to("pbx", "correct-horse");
    place.bring_prompts();
    let desk = place.open();
    calls(&place, "correct-horse");
    assert_eq!(place.record(CALLER)["line"], LINE);
    calls(&place, "wrong");
    let refusals = desk.json("/api/v1/refusals");
    let refusal = &refusals["items"][0];
    assert_eq!((&refusal["trunk"], &refusal["status"]), (&"main".into(), &401.into()), "{refusals}");
    let because = refusal["because"].as_str().unwrap();
    assert!(because.ends_with("give it their_username and their_password of trunk main"), "{because}");
    assert_eq!(place.shown(&["calls"]).len(), 1);
    assert!(!desk.logged().contains("correct-horse"));
}

/// The phone system calls, and leaves again.
fn calls(place: &Place, password: &str) {
    let quiet = place.folder().join("quiet.wav");
    sound::write_wave(&quiet, &vec![0; 8_000 * 2]);
    let account =
        peers::Account { number: CALLER, login: Some(("pbx", password)), codec: "PCMU", encrypts: None };
    peers::baresip(&place.uri(), account, 3, &quiet, place.folder()).ends_within(Duration::from_secs(30));
}
