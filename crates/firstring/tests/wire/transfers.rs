//! Callers who ask for a person, on the wire: SIPp calls, SIPp is the phones, and the desk between them is the program as
//! it ships. The same in virtual time, many times over and with every crossing: `crates/sim/tests/transfers.rs`.

use std::fmt::Write;
use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use crate::stage::desk::Desk;
use crate::stage::office::Office;
use crate::stage::peers::{self, Peer};
use crate::stage::place::Place;
use crate::stage::waiting::{Turn, free_port, wait_until};
use serde_json::Value;

/// One way in which a transfer goes.
struct Way {
    name: &'static str,
    /// What the person's phone does.
    phone: &'static str,
    /// The status of a phone that refuses.
    status: &'static str,
    /// How long callers stay after they have asked for a person.
    stays: &'static str,
    /// What came of the phone, as the record says it.
    tried: &'static str,
    outcome: &'static str,
}

/// People are rung for this long here.
const RINGS_FOR: &str = "5s";

const WAYS: [Way; 8] = [
    Way {
        name: "talks",
        phone: "picks_up.xml",
        status: "",
        stays: "5000",
        tried: "answered",
        outcome: "transferred",
    },
    Way {
        name: "left",
        phone: "picks_up_and_leaves.xml",
        status: "",
        stays: "10000",
        tried: "answered",
        outcome: "transferred",
    },
    Way {
        name: "busy",
        phone: "refuses.xml",
        status: "486 Busy Here",
        stays: "6000",
        tried: "busy",
        outcome: "abandoned",
    },
    Way {
        name: "declines",
        phone: "refuses.xml",
        status: "603 Decline",
        stays: "6000",
        tried: "declined",
        outcome: "abandoned",
    },
    Way {
        name: "unreachable",
        phone: "refuses.xml",
        status: "404 Not Found",
        stays: "6000",
        tried: "unreachable",
        outcome: "abandoned",
    },
    Way {
        name: "gives-up",
        phone: "rings.xml",
        status: "",
        stays: "1500",
        tried: "stopped",
        outcome: "abandoned",
    },
    Way {
        name: "rings-out",
        phone: "rings.xml",
        status: "",
        stays: "9000",
        tried: "no_answer",
        outcome: "abandoned",
    },
    Way {
        name: "late",
        phone: "picks_up_late.xml",
        status: "",
        stays: "9000",
        tried: "no_answer",
        outcome: "abandoned",
    },
];

fn number(way: usize) -> String {
    format!("+131255501{way:02}")
}

/// An office with a line and a person for every way, each person at a phone of their own.
fn place(phones: &[u16]) -> Place {
    let place = Place::of(&Office { channels: 400, ports: 2_000, ..Office::default() });
    let mut more = String::new();
    for ((way, told), phone) in WAYS.iter().enumerate().zip(phones) {
        let (name, number) = (told.name, number(20 + way));
        write!(
            more,
            r#"
[[person]]
name = "{name}"
reach = [{{ to = "sip:{name}@127.0.0.1:{phone}", accept = "pick-up" }}]
[[line]]
number = "{number}"
plan = "{name}"
[[plan]]
name = "{name}"
[[plan.rule]]
when = "always"
steps = ["assistant", {{ ring = "{name}", for = "{RINGS_FOR}" }}, "message"]
"#
        )
        .unwrap();
    }
    place.takes_all();
    let text = fs::read_to_string(place.file()).unwrap();
    place.is_told(&(text + &more));
    place
}

/// Calls one way, so many times, and the phone that is rung for it.
fn peers_of(desk: &Desk, way: usize, phone: u16, times: usize, sound: u16) -> [Peer; 2] {
    let Way { name, phone: scenario, status, stays, .. } = &WAYS[way];
    let folder = desk.folder().join(name);
    fs::create_dir(&folder).unwrap();
    let times = times.to_string();
    // A status has to stand in the scenario itself.
    let plays = folder.join(scenario);
    let text = fs::read_to_string(peers::scenario(scenario)).unwrap();
    fs::write(&plays, text.replace("[status]", status)).unwrap();
    let mut rung = peers::sipp(plays.to_str().unwrap(), &folder);
    rung.args(["-m", &times, "-p", &phone.to_string(), "-key", "sound_port", &sound.to_string()]);
    let rung = Peer::start(&mut rung, &folder, "phone");
    let mut calls = peers::sipp("asks_for_a_person.xml", &folder);
    calls.args([&format!("127.0.0.1:{}", desk.sip), "-m", &times, "-r", "1", "-rp", "1000", "-d", stays]);
    calls.args(["-key", "line", &number(20 + way), "-key", "sound_port", &sound.to_string()]);
    calls.args(["-p", &free_port().to_string()]);
    [Peer::start(&mut calls, &folder, "caller"), rung]
}

/// Every call on record, whole.
fn records(desk: &Desk, wanted: usize) -> Vec<Value> {
    let ids = wait_until("every call is on record", Duration::from_secs(30), || {
        let items = desk.json("/api/v1/calls?limit=500")["items"].take();
        let items = items.as_array().unwrap().clone();
        (items.len() >= wanted).then_some(items)
    });
    assert_eq!(ids.len(), wanted, "one record for each call");
    ids.iter().map(|call| desk.json(&format!("/api/v1/calls/{}", call["id"].as_str().unwrap()))).collect()
}

/// What came of the phones of one call.
fn tried(record: &Value) -> Vec<&str> {
    let steps = record["steps"].as_array().unwrap().iter();
    let rung = steps.filter_map(|step| step["tried"].as_array()).flatten();
    rung.map(|ring| ring["result"].as_str().or_else(|| ring[1].as_str()).unwrap()).collect()
}

#[test]
fn whoever_asks_for_a_person_is_never_dropped_and_nothing_is_left_of_the_call() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::alone();
    let times = if std::env::var_os("FIRSTRING_SOAK").is_some() { 26 } else { 2 };
    let phones: Vec<u16> = WAYS.iter().map(|_| free_port()).collect();
    let place = place(&phones);
    place.bring_prompts();
    let desk = place.open();
    // Nobody reads what the desk sends here; nothing has to come back either.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sound = silent.local_addr().unwrap().port();
    let all: Vec<[Peer; 2]> =
        (0..WAYS.len()).map(|way| peers_of(&desk, way, phones[way], times, sound)).collect();
    for (way, peers) in WAYS.iter().zip(all) {
        for mut peer in peers {
            let ended = peer.ends_within(Duration::from_secs(120));
            assert!(ended.success(), "{}: SIPp met something unexpected", way.name);
        }
    }
    desk.has_calls(0);
    let records = records(&desk, WAYS.len() * times);
    for (nth, way) in WAYS.iter().enumerate() {
        let of_way: Vec<&Value> =
            records.iter().filter(|record| record["line"] == *number(20 + nth)).collect();
        assert_eq!(of_way.len(), times, "{}", way.name);
        for record in of_way {
            assert_eq!(record["outcome"], way.outcome, "{}: {record}", way.name);
            assert_eq!(record["ended_by"], "caller", "{}: nobody hung up on the caller: {record}", way.name);
            assert_eq!(tried(record), [way.tried], "{}: {record}", way.name);
            let silence = record["longest_silence_ms"].as_u64().unwrap();
            assert!(silence < 4_000, "{}: {record}", way.name);
            assert!(
                way.outcome == "transferred" || record["callback"].is_string(),
                "{}: nobody is forgotten: {record}",
                way.name
            );
            let story = desk.explained(record);
            assert!(story.contains("Step 2, ring"), "{}: {story}", way.name);
        }
    }
    eprintln!("{} transfers on the wire", records.len());
}
