//! Calls whose sound is encrypted (SRTP, keys over TLS), with baresip as the caller, on loopback.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::stage::desk::Desk;
use crate::stage::office::Office;
use crate::stage::place::Place;
use crate::stage::waiting::Turn;
use crate::stage::{CALLER, peers, sound};

/// A desk that is called over TLS; `media` is what its trunk says of encryption.
fn desk(office: &Office, media: &str, level: &str) -> Desk {
    let place = Place::of(office);
    issue_certificate(place.folder());
    let sip = place.sip;
    place.says(&format!("[\"udp:127.0.0.1:{sip}\"]"), &format!("[\"tls:127.0.0.1:{sip}\"]"));
    place.says("[web]", "[sip.tls]\ncertificate = \"host.pem\"\nkey = \"host.key\"\n[web]");
    place.says("channels =", &format!("transport = \"tls\"\nmedia = \"{media}\"\nchannels ="));
    place.bring_prompts();
    place.open_logging(level)
}

fn issue_certificate(folder: &Path) {
    let request = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -x509 -days 30 -subj /CN=localhost \
                   -keyout host.key -out host.pem";
    let made = Command::new("openssl").args(request.split_whitespace()).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn caller(encrypts: &str) -> peers::Account<'_> {
    peers::Account { number: CALLER, login: None, codec: "PCMU", encrypts: Some(encrypts) }
}

#[test]
fn an_encrypted_call_is_heard_at_both_ends_and_its_keys_are_written_nowhere() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let office = Office::default();
    let desk = desk(&office, "required", "trace");
    // The greeting, with what has to be said of what is kept, is over after eight seconds.
    let quiet = |seconds: usize| vec![0; sound::RATE * seconds];
    let says = [quiet(9), sound::rendered("rms", "a pipe burst"), quiet(30)].concat();
    let said = desk.folder().join("said.wav");
    sound::write_wave(&said, &says);
    let mut baresip = peers::baresip(&desk.uri(), caller("srtp-mand"), 20, &said, desk.folder());
    baresip.ends_within(Duration::from_secs(60));
    let heard = peers::heard_by_baresip(desk.folder());
    for sentence in office.greeting.split_inclusive(['.', '?']) {
        let (alike, _) = sound::correlation(&heard, sound::trimmed(&sound::rendered("slt", sentence.trim())));
        assert!(alike >= 0.9, "{sentence:?} {alike}");
    }
    let record = desk.record_within(Duration::from_secs(30), CALLER);
    let turns = record["turns"].as_array().unwrap();
    let understood = turns.iter().any(|turn| {
        turn["who"] == "caller" && turn["text"].as_str().is_some_and(|text| text.contains("pipe burst"))
    });
    assert!(understood, "{record}");
    assert!(!desk.logged().contains("inline:") && !desk.logged().contains("a=crypto"), "a key was logged");
    assert_eq!(files_with("inline:", &desk.data()), Vec::<String>::new());
}

#[test]
fn a_trunk_that_requires_encryption_refuses_a_call_in_the_clear_and_says_why() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let office = Office::default();
    let desk = desk(&office, "required", "info");
    let quiet = desk.folder().join("quiet.wav");
    sound::write_wave(&quiet, &vec![0; sound::RATE * 10]);
    // Sound in the clear with a key beside it, as some phones offer it: that would be no promise.
    let mut baresip = peers::baresip(&desk.uri(), caller("srtp"), 5, &quiet, desk.folder());
    baresip.ends_within(Duration::from_secs(60));
    let refusals = desk.get("/api/v1/refusals");
    assert!(refusals.contains("488") && refusals.contains("has to be encrypted"), "{refusals}");
}

#[test]
fn a_trunk_that_prefers_encryption_takes_both_kinds_of_calls() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let office = Office::default();
    let desk = desk(&office, "preferred", "info");
    let quiet = desk.folder().join("quiet.wav");
    sound::write_wave(&quiet, &vec![0; sound::RATE * 20]);
    for encrypts in ["srtp-mand", "srtp"] {
        fs::remove_dir_all(desk.folder().join("baresip")).ok();
        let mut baresip = peers::baresip(&desk.uri(), caller(encrypts), 7, &quiet, desk.folder());
        baresip.ends_within(Duration::from_secs(60));
        let heard = peers::heard_by_baresip(desk.folder());
        let first = sound::rendered("slt", "Rivera Plumbing.");
        let (alike, _) = sound::correlation(&heard, sound::trimmed(&first));
        assert!(alike >= 0.9, "{encrypts}: {alike}");
    }
}

/// Files below a folder that hold these words.
fn files_with(words: &str, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_with(words, &entry.path()));
        } else if String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).contains(words) {
            found.push(entry.path().display().to_string());
        }
    }
    found
}
