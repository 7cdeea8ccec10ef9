//! Recordings of real spoken calls: what is on them, what is not, what a crash leaves, and where they end up.
//!
//! These are calls in real time over real SIP and RTP. What is said is compared with what each side truly said.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::stage::caller::{BOOK_BY_KEYS, Caller};
use crate::stage::desk::{Desk, TOKEN};
use crate::stage::office::Office;
use crate::stage::place::Place;
use crate::stage::sound::{self, Handset};
use crate::stage::waiting::{Turn, free_port, wait_until};
use crate::stage::{CALLER, peers};
use media::codec::{Decoder, Encoder};
use media::tones::{Player, Tone};
use media::{Codec, Law};
use serde_json::Value;

/// From the end of a call to its finished recording.
const FINISHED_WITHIN: Duration = Duration::from_secs(20);
/// RIFF, fmt, fact and data of mu-law.
const HEADER: usize = 58;

/// An office that keeps this.
fn place(office: &Office, compliance: &str) -> Place {
    let place = Place::of(office);
    place.says("[[calendar]]\n", &format!("[compliance]\n{compliance}\n[[calendar]]\n"));
    place.bring_prompts();
    place
}

/// The record of a caller, once it says where the recording lies.
fn recorded(desk: &Desk) -> Value {
    wait_until("the record says where the recording lies", FINISHED_WITHIN, || {
        let record = desk.shown(&["calls"]).into_iter().find(|call| call["from"] == CALLER)?;
        record["recording"]["place"].is_string().then_some(record)
    })
}

/// Both tracks of a recording: the caller, and what they heard.
fn tracks(path: &Path) -> [Vec<i16>; 2] {
    let bytes = fs::read(path).unwrap();
    assert_eq!((&bytes[..4], &bytes[8..16], bytes[20], bytes[22]), (&b"RIFF"[..], &b"WAVEfmt "[..], 7, 2));
    let frames = bytes[HEADER..].chunks_exact(2);
    let track = |which: usize| {
        let sound: Vec<u8> = frames.clone().map(|frame| frame[which]).collect();
        let mut samples = vec![0; sound.len()];
        Law::Pcmu.decode(&sound, &mut samples);
        samples
    };
    [track(0), track(1)]
}

/// How alike it is to what was said there, and when it begins, in milliseconds.
fn found(track: &[i16], voice: &str, words: &str) -> (f64, f64) {
    let rendered = sound::rendered(voice, words);
    let (alike, at) = sound::correlation(track, sound::trimmed(&rendered));
    (alike, at as f64 / 8.0)
}

fn part(record: &Value, index: usize) -> (f64, f64) {
    let part = &record["recording"]["parts"][index];
    (part["from_ms"].as_f64().unwrap(), part["to_ms"].as_f64().unwrap())
}

fn turn_that_begins<'a>(record: &'a Value, who: &str, words: &str) -> &'a Value {
    let mut turns = record["turns"].as_array().unwrap().iter();
    let is_it = |turn: &&Value| {
        turn["who"] == who && turn["text"].as_str().is_some_and(|text| text.starts_with(words))
    };
    turns.find(is_it).unwrap_or_else(|| panic!("nobody said {words:?}: {record}"))
}

#[test]
fn a_call_is_recorded_from_the_notice_on_with_both_sides_in_their_time() {
    let _turn = Turn::beside_others();
    let place = place(&Office::default(), "calls = \"announce\"");
    let desk = place.open();
    let heard = place
        .call(CALLER, "say my kitchen sink is clogged\nsay number three\nsay yes book it\nexpect-end 60s")
        .heard();
    heard.is_served_at_once();
    let record = recorded(&desk);
    assert_eq!(record["outcome"], "booked", "{record}");
    let path = PathBuf::from(record["recording"]["path"].as_str().unwrap());
    assert!(path.ends_with(record["recording"]["place"].as_str().unwrap()), "{record}");
    let [caller, desk_said] = tracks(&path);
    assert_eq!(caller.len(), desk_said.len());

    let (from, to) = part(&record, 0);
    assert!((caller.len() as f64 / 8.0 - (to - from)).abs() < 2.0, "{record}");
    let (alike, at) = found(&caller, "rms", "my kitchen sink is clogged");
    let turn = turn_that_begins(&record, "caller", "my kitchen sink");
    let off = from + at - turn["start_ms"].as_f64().unwrap();
    assert!(alike > 0.9 && off.abs() < 150.0, "the caller: alike {alike}, {off} ms off: {record}");
    let (alike, at) = found(&desk_said, "slt", "How can I help?");
    let turn = turn_that_begins(&record, "assistant", "How can I help?");
    let off = from + at - turn["start_ms"].as_f64().unwrap();
    assert!(alike > 0.9 && off.abs() < 100.0, "the desk: alike {alike}, {off} ms off: {record}");
    let second = caller.len().min(sound::RATE * 5);
    let (alike, _) = found(&desk_said[..second], "slt", "This call is recorded.");
    assert!(alike < 0.6, "what was said before the notice had ended is not there: {alike}");
    let (alike, _) = found(&desk_said, "rms", "my kitchen sink is clogged");
    assert!(alike < 0.6, "each side has its own track: {alike}");

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&place.data().join("recordings")), mode(&path)), (0o700, 0o600));
    let left: Vec<_> =
        fs::read_dir(place.data().join("recordings")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["2026-06-02"], "nothing else is left of it");
    plays_in_parts(&desk, record["id"].as_str().unwrap(), &fs::read(&path).unwrap());
    let story = desk.explained(&record);
    assert!(story.contains("the recording lies in recordings/2026-06-02/"), "{story}");
}

/// As a browser seeks: the end is asked for before the middle.
fn plays_in_parts(desk: &Desk, call: &str, whole: &[u8]) {
    let sound = format!("/api/v1/calls/{call}/recording");
    let middle = whole.len() / 2;
    for (range, status, part) in [
        ("bytes=0-57".to_string(), " 206 ", &whole[..58]),
        (format!("bytes={middle}-"), " 206 ", &whole[middle..]),
        ("bytes=-100".to_string(), " 206 ", &whole[whole.len() - 100..]),
        ("nothing=0-1".to_string(), " 200 ", whole),
    ] {
        let (head, body) = asked(desk, &sound, &range, TOKEN);
        assert!(head.contains(status) && head.contains("content-type: audio/wav"), "{range}: {head}");
        assert!(body == part, "{range}: {} of {} bytes", body.len(), part.len());
    }
    let (head, _) = asked(desk, &sound, "bytes=0-1", "not the token");
    assert!(head.contains(" 401 "), "who is not allowed in hears nothing: {head}");
}

fn asked(desk: &Desk, path: &str, range: &str, token: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", desk.web)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let port = desk.web;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nRange: {range}\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase(), answer[end + 4..].to_vec())
}

/// A caller is put through to a person with a tone; gives the record, and both tracks.
fn put_through(compliance: &str, words: &str) -> (Value, [Vec<i16>; 2]) {
    let office = Office::default();
    let folder = tempfile::tempdir().unwrap();
    let handset = Handset::with_tone(1_000.0);
    let mut phone = peers::phone("picks_up.xml", office.person, handset.port, folder.path());
    let place = place(&office, compliance);
    let desk = place.open();
    place.call(CALLER, &format!("say a pipe burst\nwait 18s\nbarge 500ms {words}\nwait 2s\nhang up")).heard();
    assert!(phone.ends_within(Duration::from_secs(10)).success(), "the phone saw the call end");
    let record = recorded(&desk);
    assert_eq!(record["outcome"], "transferred", "{record}");
    let tracks = tracks(Path::new(record["recording"]["path"].as_str().unwrap()));
    (record, tracks)
}

#[test]
fn what_is_said_with_a_person_is_not_recorded_unless_that_is_switched_on() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let words = "the water is in the kitchen";
    let (record, [caller, heard]) = put_through("calls = \"announce\"", words);
    assert!(found(&caller, "rms", "a pipe burst").0 > 0.9, "the talk with the assistant is there");
    assert!(found(&caller, "rms", words).0 < 0.6, "what was said to the person is not: {record}");
    let loudest =
        heard.chunks(sound::RATE / 2).map(|piece| sound::share_of(piece, 1_000.0)).fold(0.0, f64::max);
    assert!(loudest < 0.8, "nor is the person: {loudest}");

    let (record, [caller, heard]) = put_through("bridged = \"announce\"", words);
    assert!(found(&caller, "rms", words).0 > 0.9, "what was said to the person is there: {record}");
    assert!(found(&caller, "rms", "a pipe burst").0 < 0.6, "the talk with the assistant is not");
    let last_second = &heard[heard.len() - sound::RATE * 3 / 2..heard.len() - sound::RATE / 2];
    assert!(sound::share_of(last_second, 1_000.0) > 0.9, "and so is the person");
    assert!(found(&heard, "slt", "This call is recorded.").0 < 0.6, "not before both were told");
}

/// What is said to a person by whoever calls in Opus, again and again.
const WORDS: &str = "the water is in the kitchen";

#[test]
fn an_opus_caller_who_is_held_and_put_through_is_recorded_with_each_person_once_they_know() {
    if !peers::have(&["sipp", "baresip"]) {
        return;
    }
    let _turn = Turn::beside_others();
    let (dana_is_at, lee_is_at) = (free_port(), free_port());
    let place = place(&Office { channels: 4, ..Office::default() }, "bridged = \"announce\"");
    place.says(r#"reach = [{ to = "101" }]"#, &format!(
        "reach = [{{ to = \"sip:dana@127.0.0.1:{dana_is_at}\", accept = \"pick-up\" }}]\n[[person]]\nname = \"Lee\"\n\
         reach = [{{ to = \"sip:lee@127.0.0.1:{lee_is_at}\", accept = \"pick-up\" }}]"
    ));
    place.says(r#"ring = "on-call", for = "5s""#, r#"ring = "Dana", for = "20s""#);
    let desk = place.open();
    let (dana, lee) = (Handset::with_beeps(1_000.0), Handset::with_beeps(1_450.0));
    let phone = |scenario: &str, port: u16, handset: &Handset| {
        let folder = place.folder().join(scenario.trim_end_matches(".xml"));
        fs::create_dir(&folder).unwrap();
        let mut sipp = peers::sipp(scenario, &folder);
        sipp.args(["-m", "1", "-p", &port.to_string(), "-key", "sound_port", &handset.port.to_string()]);
        sipp.args(["-key", "lee", &lee_is_at.to_string(), "-key", "hold", "inactive"]);
        peers::Peer::start(&mut sipp, &folder, "phone")
    };
    let mut phones =
        [phone("holds_and_transfers.xml", dana_is_at, &dana), phone("picks_up.xml", lee_is_at, &lee)];
    let quiet = |seconds: usize| vec![0; sound::RATE * seconds];
    let words = [sound::rendered("rms", WORDS), quiet(1)].concat().repeat(30);
    let says = [quiet(9), sound::rendered("rms", "a pipe burst"), quiet(2), words].concat();
    let said_file = place.folder().join("said.wav");
    sound::write_wave_twice(&said_file, &says);
    let account = peers::Account { number: CALLER, login: None, codec: "opus", encrypts: None };
    let mut baresip = peers::baresip(&place.uri(), account, 56, &said_file, place.folder());
    baresip.ends_within(Duration::from_secs(90));
    phones.iter_mut().for_each(|phone| assert!(phone.ends_within(Duration::from_secs(30)).success()));

    let record = recorded(&desk);
    assert_eq!((&record["outcome"], &record["codec"]), (&"transferred".into(), &"opus".into()), "{record}");
    let [caller, heard] = tracks(Path::new(record["recording"]["path"].as_str().unwrap()));
    let words = sound::rendered("rms", WORDS);
    let words = through_opus(&sound::trimmed(&words)[..sound::RATE / 2]);
    assert!(sound::correlation(&caller, &words).0 > 0.8, "the caller is there: {record}");
    for (who, hz) in [("Dana", 1_500.0), ("Lee", 1_450.0)] {
        let beep = sound::tone(hz, Duration::from_millis(300));
        let alike = sound::correlation(&heard, &beep).0;
        assert!(alike > 0.8, "{who} is there, in what was heard: {alike} {record}");
        assert!(sound::correlation(&caller, &beep).0 < 0.6, "and not on the caller's track");
    }
    let parts = record["recording"]["parts"].as_array().unwrap();
    assert!((2..=3).contains(&parts.len()), "the hold, and the way from Dana to Lee, are left out: {record}");
    let mut music = vec![0; sound::RATE];
    Player::new(Tone::Music).fill(&mut music);
    assert!(sound::correlation(&heard, &music).0 < 0.6, "music on hold is nobody's words");
    for (whose, phone) in [("Dana", dana.heard()), ("Lee", lee.heard())] {
        let alike = found(&phone, "slt", "This call is recorded.").0;
        assert!(alike > 0.8, "{whose} was told: {alike}");
    }
    for not_there in ["This call is recorded.", "How can I help?"] {
        assert!(found(&heard, "slt", not_there).0 < 0.6, "{not_there:?}: not before both were told");
    }
    assert!(found(&caller, "rms", "a pipe burst").0 < 0.6, "the talk with the assistant is not switched on");
}

/// As it sounds after our own encoder and decoder.
fn through_opus(samples: &[i16]) -> Vec<i16> {
    let (mut encoder, mut decoder) = (Encoder::new(Codec::Opus), Decoder::default());
    let piece = |piece: &[i16]| {
        let (mut whole, mut bytes, mut out) = ([0; 160], [0; 480], [0; 160]);
        whole[..piece.len()].copy_from_slice(piece);
        let length = encoder.encode(&whole, &mut bytes);
        decoder.decode(Codec::Opus, &bytes[..length], &mut out);
        out
    };
    samples.chunks(160).flat_map(piece).collect()
}

/// A caller is recorded for a few seconds, and goes on talking.
fn being_recorded(place: &Place) -> Caller {
    let caller = place.call(CALLER, "wait 60s");
    let making = || {
        let entries = fs::read_dir(place.data().join("recordings")).ok()?;
        let long = |entry: fs::DirEntry| entry.metadata().is_ok_and(|file| file.len() > 60_000);
        entries.filter_map(Result::ok).any(long).then_some(())
    };
    wait_until("a few seconds are recorded", Duration::from_secs(30), making);
    caller
}

#[test]
fn a_desk_that_is_stopped_leaves_a_whole_recording_of_the_call_that_was_up() {
    let _turn = Turn::beside_others();
    let place = place(&Office::default(), "calls = \"announce\"");
    let mut desk = place.open();
    let caller = being_recorded(&place);
    assert!(desk.stop(Duration::from_secs(30)).0.success());
    drop((caller, desk));
    let files =
        |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let left = files(&place.data().join("recordings"));
    assert!(
        left.iter().any(|path| path.ends_with("2026-06-02")),
        "it is made before the desk is gone: {left:?}"
    );
    let desk = place.open();
    let record = recorded(&desk);
    assert_eq!(record["recording"]["troubles"], serde_json::json!([]), "{record}");
    let path = PathBuf::from(record["recording"]["path"].as_str().unwrap());
    let [caller, heard] = tracks(&path);
    assert!(caller.len() > sound::RATE && caller.len() == heard.len(), "{} samples", caller.len());
    assert!(found(&heard, "slt", "How can I help?").0 > 0.9, "what was said until then is there");
    plays_in_parts(&desk, record["id"].as_str().unwrap(), &fs::read(&path).unwrap());
}

#[test]
fn a_power_failure_leaves_a_recording_that_the_next_start_finishes() {
    let _turn = Turn::beside_others();
    let place = place(&Office::default(), "calls = \"announce\"");
    let desk = place.open();
    let caller = being_recorded(&place);
    desk.kill();
    drop(caller);
    let desk = place.open();
    let record = recorded(&desk);
    assert_eq!(record["outcome"], "interrupted", "{record}");
    assert!(record["recording"]["troubles"][0].as_str().unwrap().contains("breaks off"), "{record}");
    let [caller, heard] = tracks(Path::new(record["recording"]["path"].as_str().unwrap()));
    assert!(caller.len() > sound::RATE && caller.len() == heard.len(), "{} samples", caller.len());
    assert!(found(&heard, "slt", "How can I help?").0 > 0.9, "what was said until then is there");
    let whole = fs::read(record["recording"]["path"].as_str().unwrap()).unwrap();
    plays_in_parts(&desk, record["id"].as_str().unwrap(), &whole);
}

#[test]
fn recordings_that_are_old_enough_go_at_the_next_start() {
    let _turn = Turn::beside_others();
    let place = place(&Office::small(), "calls = \"announce\"\nkeep = \"30d\"");
    let kept = |day: &str, waits: &str| {
        let folder = place.data().join("recordings").join(waits).join(day);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("c-1.wav"), "sound").unwrap();
        folder.join("c-1.wav")
    };
    // The desk's clock shows the 2nd of June.
    let old = [kept("2026-04-30", ""), kept("2026-05-01", "")];
    let young = [kept("2026-05-03", ""), kept("2026-06-01", "")];
    let _desk = place.open();
    wait_until("what is old is gone", Duration::from_secs(10), || {
        old.iter().all(|path| !path.exists()).then_some(())
    });
    assert!(young.iter().all(|path| path.exists()));
}

/// A bucket at a host of this test; see the script.
struct Host {
    home: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Host {
    fn open() -> Host {
        let home = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/tests/bucket/s3.py");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(home.path())
            .args(["desk", "a key"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed by .ci/install");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Host { home, port: line.trim().parse().unwrap(), child }
    }

    fn refuses(&self, refuses: bool) {
        let flag = self.home.path().join("refuse");
        if refuses { fs::write(flag, "").unwrap() } else { fs::remove_file(flag).unwrap() }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_recording_waits_for_a_bucket_that_refuses_and_is_played_from_there_once_it_was_brought() {
    let _turn = Turn::beside_others();
    let host = Host::open();
    let place = place(&Office::default(), "calls = \"announce\"\nkeep = \"30d\"");
    fs::write(place.folder().join("key"), "a key").unwrap();
    let bucket = format!(
        "directory = \"data\"\nrecordings = \"s3://calls/main\"\n[data.s3]\nendpoint = \"http://127.0.0.1:{}\"\n\
         access_key = \"desk\"\nsecret_key = \"file:key\"\n",
        host.port
    );
    place.says("directory = \"data\"\n", &bucket);
    let there = host.home.path().join("calls/main");
    for day in ["2026-04-30", "2026-06-01"] {
        fs::create_dir_all(there.join(day)).unwrap();
        fs::write(there.join(day).join("c-0.wav"), "sound").unwrap();
    }
    let desk = place.open();
    wait_until("what is old is gone there too", Duration::from_secs(10), || {
        (!there.join("2026-04-30/c-0.wav").exists()).then_some(())
    });
    assert!(there.join("2026-06-01/c-0.wav").exists());
    host.refuses(true);
    place.call(CALLER, BOOK_BY_KEYS).heard();
    let record = recorded(&desk);
    let waiting = PathBuf::from(record["recording"]["path"].as_str().unwrap());
    assert!(waiting.starts_with(place.data().join("recordings/waiting")) && waiting.exists(), "{record}");
    let health = wait_until("the operator is told", FINISHED_WITHIN, || {
        let health = desk.json("/api/v1/health");
        health["troubles"].to_string().contains("wait here for their bucket").then_some(health)
    });
    assert_eq!(health["status"], "troubled", "{health}");
    assert!(desk.get("/metrics").contains("firstring_recordings_waiting 1"));
    let whole = fs::read(&waiting).unwrap();
    plays_in_parts(&desk, record["id"].as_str().unwrap(), &whole);

    host.refuses(false);
    let record = wait_until("it is brought", Duration::from_secs(40), || {
        let record = recorded(&desk);
        record["recording"]["place"].as_str().unwrap().starts_with("s3://").then_some(record)
    });
    let id = record["id"].as_str().unwrap();
    assert_eq!(record["recording"]["place"], format!("s3://calls/main/2026-06-02/{id}.wav"));
    assert!(fs::read(there.join(format!("2026-06-02/{id}.wav"))).unwrap() == whole && !waiting.exists());
    assert!(record["recording"]["parts"][0]["to_ms"].is_number(), "{record}");
    plays_in_parts(&desk, id, &whole);
    let logged = desk.logged();
    assert_eq!(
        logged.matches("Recordings cannot be brought to their bucket").count(),
        1,
        "told once: {logged}"
    );
    assert!(!logged.contains("a key") && !logged.contains(CALLER), "{logged}");
}
