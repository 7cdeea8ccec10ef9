//! Callers whom their trunk puts through by itself, on the wire: SIPp is the trunk, the desk the program as it ships.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::stage::desk::Desk;
use crate::stage::office::{Office, PERSON};
use crate::stage::peers::{self, Peer};
use crate::stage::place::Place;
use crate::stage::sound::Handset;
use crate::stage::waiting::{Turn, free_port};
use crate::stage::{CALLER, LINE};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

/// An office with so many channels, on a trunk that puts callers through by itself.
fn desk(channels: u32) -> Desk {
    let place = Place::of(&Office { channels, ..Office::small() });
    place.says("channels =", "transfer = \"refer\"\nchannels =");
    place.bring_prompts();
    place.open()
}

/// A caller of this scenario who asks for a person, and what their trunk says.
fn calls(desk: &Desk, scenario: &str, word: &str, sound: u16) -> (Peer, PathBuf) {
    let folder = desk.folder().join("caller");
    fs::create_dir(&folder).unwrap();
    let plays = folder.join(scenario);
    let text = fs::read_to_string(peers::scenario(scenario)).unwrap();
    fs::write(&plays, text.replace("[word]", word)).unwrap();
    let mut sipp = peers::sipp(plays.to_str().unwrap(), &folder);
    sipp.args([
        &format!("127.0.0.1:{}", desk.sip),
        "-m",
        "1",
        "-d",
        "4000",
        "-trace_logs",
        "-log_file",
        "said.log",
    ]);
    sipp.args([
        "-key",
        "line",
        LINE,
        "-key",
        "sound_port",
        &sound.to_string(),
        "-p",
        &free_port().to_string(),
    ]);
    (Peer::start(&mut sipp, &folder, "caller"), folder)
}

fn tried(record: &Value) -> Vec<&str> {
    let steps = record["steps"].as_array().unwrap().iter();
    let rung = steps.filter_map(|step| step["tried"].as_array()).flatten();
    rung.map(|ring| ring[1].as_str().unwrap()).collect()
}

/// The value of the Refer-To that the trunk was sent.
fn refer_to(folder: &Path) -> String {
    let said = fs::read_to_string(folder.join("said.log")).unwrap();
    said.lines().find_map(|line| line.split_once("Refer-To:")).unwrap().1.trim().to_string()
}

#[test]
fn a_caller_for_whom_no_channel_is_free_is_put_through_by_the_trunk() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let desk = desk(1);
    let ear = Handset::with_tone(1_000.0);
    let (mut caller, folder) = calls(&desk, "is_put_through.xml", "", ear.port);
    assert!(caller.ends_within(LIMIT).success(), "SIPp met something unexpected");
    let record = desk.record_within(LIMIT, CALLER);
    assert_eq!(
        (&record["outcome"], &record["ended_by"]),
        (&"transferred".into(), &"desk".into()),
        "{record}"
    );
    assert_eq!(tried(&record), ["handed_over"], "{record}");
    assert!(refer_to(&folder).starts_with(&format!("<sip:{PERSON}@127.0.0.1:")), "{}", refer_to(&folder));
    let story = desk.explained(&record);
    assert!(
        story.contains("took the call, which the trunk handed over because no channel was free"),
        "{story}"
    );
    desk.has_calls(0);
}

#[test]
fn a_caller_whom_the_trunk_does_not_put_through_stays_at_the_desk() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    for (scenario, word, came) in [
        ("is_not_put_through.xml", "486 Busy Here", "busy"),
        ("is_not_put_through.xml", "603 Decline", "declined"),
        ("is_kept.xml", "405 Method Not Allowed", "handover_refused"),
    ] {
        let desk = desk(1);
        let ear = Handset::with_tone(1_000.0);
        let (mut caller, _) = calls(&desk, scenario, word, ear.port);
        assert!(caller.ends_within(LIMIT).success(), "{word}: SIPp met something unexpected");
        let record = desk.record_within(LIMIT, CALLER);
        assert_eq!(
            (&record["outcome"], &record["ended_by"]),
            (&"abandoned".into(), &"caller".into()),
            "{record}"
        );
        assert_eq!(tried(&record), [came], "{record}");
        assert!(record["callback"].is_string(), "nobody is forgotten: {record}");
        assert!(record["longest_silence_ms"].as_u64().unwrap() < 4_000, "{record}");
        desk.has_calls(0);
    }
}

#[test]
fn two_who_talk_are_joined_by_a_trunk_that_is_short_of_channels() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let desk = desk(2);
    let (ear, other) = (Handset::with_tone(1_000.0), Handset::with_tone(1_450.0));
    let rung = desk.folder().join("rung");
    fs::create_dir(&rung).unwrap();
    let mut phone = peers::phone("picks_up.xml", desk.person, other.port, &rung);
    let (mut caller, folder) = calls(&desk, "is_put_through.xml", "", ear.port);
    for peer in [&mut caller, &mut phone] {
        assert!(peer.ends_within(LIMIT).success(), "SIPp met something unexpected");
    }
    let record = desk.record_within(LIMIT, CALLER);
    assert_eq!(
        (&record["outcome"], &record["ended_by"]),
        (&"transferred".into(), &"desk".into()),
        "{record}"
    );
    assert_eq!(tried(&record), ["answered"], "{record}");
    let whom = refer_to(&folder);
    let port = desk.person;
    assert!(whom.contains(&format!("127.0.0.1:{port}")) && whom.contains("?Replaces="), "{whom}");
    assert!(whom.contains("%3Bto-tag%3D") && whom.contains("%3Bfrom-tag%3D"), "{whom}");
    desk.has_calls(0);
}
