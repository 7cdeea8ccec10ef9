//! What was said in SIP, as `explain --sip` shows it afterwards: of a call with a person rung, and of one that was refused.

use std::process::Command;
use std::time::Duration;

use crate::stage::phone::{Phone, SHOWN_AS};
use crate::stage::place::{Place, json_lines};
use crate::stage::waiting::{Turn, wait_until};
use crate::stage::{CALLER, FIRSTRING};
use serde_json::Value;

/// The ladder as it is printed where nobody sees colours.
fn drawn(place: &Place, record: &Value) -> String {
    let mut explain = Command::new(FIRSTRING);
    explain.args(["explain", "--sip", record["id"].as_str().unwrap(), "--data"]).arg(place.data());
    String::from_utf8(explain.output().unwrap().stdout).unwrap()
}

/// The ladder as a program reads it, once so many messages stand in the journal.
fn messages(place: &Place, record: &Value, wanted: usize) -> Vec<Value> {
    wait_until("the messages are written down", Duration::from_secs(10), || {
        let mut lines = json_lines(&place.printed(&["explain", "--sip", record["id"].as_str().unwrap()]));
        let result = lines.pop()?;
        assert_eq!(result["type"], "result", "{result}");
        (lines.len() >= wanted).then_some(lines)
    })
}

/// `caller > 200 INVITE`: whose leg, whether we said it, and what.
fn line(message: &Value) -> String {
    let way = if message["sent"] == true { '>' } else { '<' };
    let status = message["status"].as_u64().map(|status| format!("{status} ")).unwrap_or_default();
    format!("{} {way} {status}{}", message["side"].as_str().unwrap(), message["method"].as_str().unwrap())
}

#[test]
fn the_ladder_of_a_call_shows_its_caller_and_the_person_who_was_rung_and_names_nobody_s_number() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.bring_prompts();
    let _desk = place.open();
    let mut person = Phone::at([127, 0, 0, 1], place.person, &place);
    let caller = place.call(CALLER, "press 0\nwait 8s\nhang up");
    let rung = person.receives(Duration::from_secs(30), |message| message.starts_with("INVITE"));
    let rung = rung.expect("the person is rung");
    person.ring(&rung, ";tag=cell");
    person.refuse("486 Busy Here", &rung, ";tag=cell", "Reason: Q.850;cause=17\r\n");
    person.receives(Duration::from_secs(10), |message| message.starts_with("ACK")).expect("an ACK");
    caller.result();
    let record = place.record(CALLER);

    let all = messages(&place, &record, 10);
    let of = |side: &str| all.iter().map(line).filter(|line| line.starts_with(side)).collect::<Vec<_>>();
    let ended = ["caller < BYE", "caller > 200 BYE"];
    let begun = ["caller < INVITE", "caller > 100 INVITE", "caller > 200 INVITE", "caller < ACK"];
    assert_eq!(of("caller"), [&begun[..], &ended].concat());
    assert_eq!(
        of("person"),
        ["person > INVITE", "person < 180 INVITE", "person < 486 INVITE", "person > ACK"]
    );
    let refused = all.iter().find(|message| message["status"] == 486).unwrap();
    assert_eq!(refused["trouble"], "they are in another call");
    assert_eq!(refused["name"], "Marigold");
    assert_eq!(refused["headers"][0][1], "Q.850;cause=17");

    let drawn = drawn(&place, &record);
    for shown in
        ["caller by main", "desk", "Marigold", " 486 Busy Here ", "! they are in another call", "PCMU, PCMA,"]
    {
        assert!(drawn.contains(shown), "no {shown} in\n{drawn}");
    }
    assert!(!drawn.contains("5550143") && !drawn.contains("5550177") && !drawn.contains('\u{1b}'), "{drawn}");
}

#[test]
fn the_ladder_of_a_refused_call_says_which_codecs_there_were_on_either_side() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.bring_prompts();
    let _desk = place.open();
    let mut phone = Phone::at([127, 0, 0, 1], 0, &place);
    assert_eq!(phone.offers("18 4", "no-codec").0, 488);
    let record = place.record(CALLER);
    let all = messages(&place, &record, 4);
    let lines: Vec<_> = all.iter().map(line).collect();
    assert_eq!(lines, ["caller < INVITE", "caller > 100 INVITE", "caller > 488 INVITE", "caller < ACK"]);
    let drawn = drawn(&place, &record);
    assert!(drawn.contains("! no codec in common: they offered G729, G723; we have PCMU, PCMA"), "{drawn}");
    assert!(!drawn.contains(SHOWN_AS), "{drawn}");
}
