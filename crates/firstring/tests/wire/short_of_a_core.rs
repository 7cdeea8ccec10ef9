//! Callers of a desk whose media threads are held up again and again, as on a machine that is short of a core: from the wire,
//! with real sound that is really late.

use std::process::Command;
use std::time::Duration;

use crate::stage::FIRSTRING;
use crate::stage::desk::Desk;
use crate::stage::office::Office;
use crate::stage::phone::Phone;
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, free_port, wait_until};

/// As many as one core may have to carry.
const CALLERS: u32 = 12;
const LATE_CALLER: &str = "+13125550166";

/// Waits until the console tells the owner so; `None`: until it tells of no trouble.
fn is_told(desk: &Desk, wanted: Option<&str>) {
    wait_until("the console says how it stands", Duration::from_secs(40), || {
        let health = desk.json("/api/v1/health");
        let troubles = health["troubles"].as_array().unwrap();
        let tells = |wanted: &str| troubles.iter().any(|trouble| trouble.as_str().unwrap().contains(wanted));
        wanted.map_or(troubles.is_empty(), tells).then_some(())
    });
}

/// Waits until the owner sees who was refused.
fn is_on_record(place: &Place, outcome: &str) {
    wait_until("the call is on record", Duration::from_secs(20), || {
        place.shown(&["calls"]).iter().any(|call| call["outcome"] == outcome).then_some(())
    });
}

#[test]
fn while_sound_is_late_callers_are_sent_elsewhere_then_to_people_and_in_the_end_to_the_assistant_again() {
    let _turn = Turn::alone();
    let place = Place::of(&Office { channels: 30, ..Office::default() });
    place.bring_prompts();
    let desk = place.open();
    let mut phone = Phone::at([127, 0, 0, 1], free_port(), &place);
    let Some(held_up) = desk.slow_threads("media-") else { return };
    for nth in 1..=CALLERS {
        assert_eq!(phone.invite(&format!("up-{nth}")).0, 200, "nothing is known of the machine yet");
    }
    is_told(&desk, Some("new calls are refused"));
    phone.send("INVITE", 1, "one-more", "");
    let refused = phone.final_reply("INVITE", 1, "one-more");
    assert!(refused.starts_with("SIP/2.0 503 ") && refused.contains("\r\nRetry-After: 10\r\n"), "{refused}");
    phone.send("ACK", 1, "one-more", "");
    assert!(desk.get("/metrics").contains("\nfirstring_calls_refused 1\n"));
    is_on_record(&place, "turned_away");

    drop(held_up);
    is_told(&desk, Some("past the assistant"));
    place.call(LATE_CALLER, "wait 1s\nhang up").result();
    let record = place.record(LATE_CALLER);
    assert_eq!(
        (&record["steps"][0]["step"], &record["steps"][0]["result"]),
        (&"assistant".into(), &"stood_back".into())
    );
    let told = place.explained(&record);
    assert!(told.contains("It was left out, as the machine was short of a core."), "{told}");

    is_told(&desk, None);
    assert!(desk.get("/metrics").contains("\nfirstring_voice_refused 0\n"));
    let mut again = Command::new(FIRSTRING);
    again.args(["rehearse", "--replay", record["id"].as_str().unwrap(), "-c"]).arg(place.file());
    let again = again.output().unwrap();
    assert!(
        again.status.success(),
        "its journal says why it went so: {}",
        String::from_utf8_lossy(&again.stdout)
    );
    let before = CALLERS + 1;
    assert_eq!(phone.invite(&format!("up-{before}")).0, 200);
}
