//! What callers get while something breaks: power, disk, workers, strangers, a stop in the middle of a call.
//!
//! Real processes on loopback. Each test breaks one thing in a desk of its own.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::stage::CALLER;
use crate::stage::caller::BOOK_BY_KEYS;
use crate::stage::desk::signal;
use crate::stage::phone::Phone;
use crate::stage::place::Place;
use crate::stage::sound::Handset;
use crate::stage::waiting::{Turn, wait_until};
use serde_json::Value;

/// What is logged when the disk is full.
const TROUBLES: [&str; 3] =
    ["What calls leave behind cannot be stored", "Journals cannot be written", "Messages cannot be written"];
const LOOPBACK: [u8; 4] = [127, 0, 0, 1];
/// A second caller during the fault.
const ANOTHER: &str = "+13125550145";
/// A caller after the fault is over.
const LATER: &str = "+13125550144";

#[test]
fn a_desk_that_starts_while_names_cannot_be_looked_up_answers_all_the_same() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.loses_its_proxy();
    place.bring_prompts();
    let desk = place.open();
    place.call(CALLER, "press 0\nwait 6s\nhang up").result();
    let record = place.record(CALLER);
    assert_eq!(record["steps"][1]["tried"], serde_json::json!([["Marigold", "unreachable"]]), "{record}");
    assert!(record["callback"].is_string(), "nobody is forgotten: {record}");
    assert!(desk.logged().contains("A host is not found"), "{}", desk.logged());
}

#[test]
fn a_call_cut_by_a_power_failure_is_called_back_once() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.bring_prompts();
    let desk = place.open();
    let caller = place.call(CALLER, "wait 60s");
    desk.has_calls(1);
    // What a desk stores at its start counts as stored, too: the call itself has to be on the disk.
    wait_until("the call is stored as one that is up", Duration::from_secs(20), || {
        let up = store::Reader::open(&place.data()).unwrap().under_way().unwrap();
        (up.len() == 1).then_some(())
    });
    desk.kill();
    drop(caller);

    place.open().kill();
    let record = place.record(CALLER);
    assert_eq!(record["outcome"], "interrupted", "{record}");
    assert_eq!(record["ended_by"], "crash", "{record}");
    let callbacks = place.shown(&["callbacks"]);
    assert_eq!(callbacks.len(), 1, "{callbacks:?}");
    assert_eq!(callbacks[0]["call"], record["id"]);
    assert_eq!(callbacks[0]["reason"], "interrupted");
    assert_eq!(callbacks[0]["urgency"], "alert");
    assert_eq!(callbacks[0]["number"], CALLER);

    place.open().kill();
    assert_eq!(place.shown(&["callbacks"]), callbacks, "a second start adds none");
    assert_eq!(place.shown(&["calls"]).len(), 1);
}

#[test]
fn with_a_full_disk_callers_are_answered_and_nothing_is_promised() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(&place.data()) else { return };
    place.bring_prompts();
    let desk = place.open();
    let ballast = disk.fill();

    let callers = [CALLER, ANOTHER].map(|caller| place.call(caller, BOOK_BY_KEYS));
    for caller in callers {
        is_served(&caller.result());
    }
    assert!(place.shown(&["bookings"]).is_empty(), "there is no room for a booking");
    assert!(place.shown(&["callbacks"]).is_empty(), "nor for a callback");
    for line in TROUBLES {
        assert_eq!(desk.logged().matches(line).count(), 1, "told once, not for each call: {line}");
    }
    fs::remove_file(ballast).unwrap();

    for caller in [CALLER, ANOTHER] {
        was_told_and_is_called_back(&place, caller);
    }
    is_served(&place.call(LATER, BOOK_BY_KEYS).result());
    let later = place.record(LATER);
    assert_eq!(later["outcome"], "booked", "{later}");
    assert!(assistant_said(&later).contains("You are booked"), "{later}");
    let bookings = place.shown(&["bookings"]);
    assert_eq!(bookings.len(), 1, "{bookings:?}");
    assert_eq!(bookings[0]["call"], later["id"]);
    for line in ["Storing works again", "Journals are written again"] {
        assert_eq!(desk.logged().matches(line).count(), 1, "{line}");
    }
    drop(desk);
    drop(disk);
}

#[test]
fn with_hardly_any_room_on_the_disk_calls_are_served_and_their_records_say_why_there_is_no_recording() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(&place.data()) else { return };
    place.says("[[calendar]]\n", "[compliance]\ncalls = \"announce\"\n[[calendar]]\n");
    place.bring_prompts();
    let desk = place.open();
    for caller in [CALLER, ANOTHER].map(|caller| place.call(caller, BOOK_BY_KEYS)) {
        is_served(&caller.result());
    }
    for caller in [CALLER, ANOTHER] {
        let record = place.record(caller);
        assert_eq!(record["outcome"], "booked", "the room that is left is for bookings: {record}");
        let why = record["recording"]["troubles"].to_string();
        assert!(why.contains("nothing was recorded: the disk has less than 100 MiB left"), "{record}");
    }
    assert_eq!(desk.logged().matches("Calls cannot be recorded").count(), 1, "told once: {}", desk.logged());
    let health = desk.json("/api/v1/health");
    assert!(health["troubles"].to_string().contains("calls are not recorded"), "{health}");
    assert!(desk.get("/metrics").contains("firstring_recordings_failing 1"));
    drop(desk);
    drop(disk);
}

#[test]
fn with_a_data_directory_that_cannot_be_written_callers_are_answered() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(&place.data()) else { return };
    place.bring_prompts();
    // Renders what is missing, and leaves a database.
    place.open().kill();
    disk.make("ro");
    let desk = place.open();
    is_served(&place.call(CALLER, BOOK_BY_KEYS).result());
    let mut person = Phone::at(LOOPBACK, place.person, &place);
    let caller = place.call(ANOTHER, "barge 500ms press 0\nwait 3s\nhang up");
    let invite = person.receives(Duration::from_secs(20), |message| message.starts_with("INVITE "));
    person.answer(&invite.expect("the person is rung"), ";tag=person");
    let bye = person.receives(Duration::from_secs(30), |message| message.starts_with("BYE "));
    person.answer(&bye.expect("the person is told that the call is over"), "");
    is_greeted(&caller.result());
    let (head, health) = desk.asked("/api/v1/health");
    assert!(head.contains(" 503 "), "who watches the desk is told: {head}");
    let health: Value = serde_json::from_str(&health).unwrap();
    assert!(health["store"]["failing"].is_string(), "{health}");
    assert!(place.shown(&["bookings"]).is_empty());

    disk.make("rw");
    was_told_and_is_called_back(&place, CALLER);
    assert_eq!(place.record(ANOTHER)["outcome"], "transferred");
    drop(desk);
    drop(disk);
}

#[test]
fn a_first_start_on_a_disk_that_cannot_be_written_answers_all_the_same() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(&place.data()) else { return };
    disk.make("ro");
    let desk = place.open();
    let heard = place.call(CALLER, "listen\nhang up").result();
    is_greeted(&heard);
    disk.make("rw");
    let record = place.record(CALLER);
    assert!(assistant_said(&record).contains("This is Robin"), "{record}");
    drop(desk);
    drop(disk);
}

#[test]
fn a_desk_whose_log_nobody_reads_answers_all_the_same() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.bring_prompts();
    let (mut desk, unread) = place.open_unread();
    let mut phone = Phone::at(LOOPBACK, 0, &place);
    // Each leaves some lines, and a pipe holds 64 KiB: `pipe(7)`.
    for number in 1..=500 {
        let asks = format!("asks-{number}");
        phone.send("OPTIONS", 1, &asks, "");
        assert_eq!(phone.final_status("OPTIONS", 1, &asks).0, 200);
    }
    assert_eq!(phone.invite("calls").0, 200);
    desk.has_calls(1);
    desk.terminate();
    let bye = phone.receives(Duration::from_secs(20), |message| message.starts_with("BYE "));
    phone.answer(&bye.expect("the caller is told that the call is over"), "");
    assert_eq!(desk.ends_within(Duration::from_secs(35)).code(), Some(0));
    drop(unread);
}

#[test]
fn a_stop_ends_a_call_with_a_bye_and_leaves_its_record() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.bring_prompts();
    let mut desk = place.open();
    let mut phone = Phone::at(LOOPBACK, 0, &place);
    assert_eq!(phone.invite("first").0, 200);
    desk.has_calls(1);
    desk.terminate();
    let bye = phone.receives(Duration::from_secs(20), |message| message.starts_with("BYE "));
    let bye = bye.expect("the caller is told that the call is over");
    phone.answer(&bye, "");
    let status = desk.ends_within(Duration::from_secs(35));
    assert_eq!(status.code(), Some(0), "{}", desk.logged());
    let record = place.record(CALLER);
    assert_eq!(record["ended_by"], "desk", "{record}");
    assert_ne!(record["outcome"], "lost", "{record}");
}

#[test]
fn a_stop_lets_people_finish_and_sends_new_calls_elsewhere() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.bring_prompts();
    let mut person = Phone::at(LOOPBACK, place.person, &place);
    // The desk hangs up on a person from whom nothing comes, as it does on the caller below, and they are to finish.
    let handset = Handset::with_tone(440.0);
    person.sounds_at((LOOPBACK, handset.port).into());
    let mut desk = place.open();
    let caller = place.call(CALLER, "barge 500ms press 0\nwait 60s");
    let invite = person.receives(Duration::from_secs(20), |message| message.starts_with("INVITE "));
    person.answer(&invite.expect("the person is rung"), ";tag=person");
    let ack = person.receives(Duration::from_secs(5), |message| message.starts_with("ACK "));
    assert!(ack.is_some(), "the person is through");
    desk.terminate();
    let mut phone = Phone::at(LOOPBACK, 0, &place);
    let mut attempt = 0;
    wait_until("new calls are sent elsewhere", Duration::from_secs(5), || {
        attempt += 1;
        (phone.invite(&format!("late-{attempt}")).0 == 503).then_some(())
    });
    drop(caller);
    let bye = person.receives(Duration::from_secs(50), |message| message.starts_with("BYE "));
    person.answer(&bye.expect("the person is told that the call is over"), "");
    assert_eq!(desk.ends_within(Duration::from_secs(40)).code(), Some(0), "{}", desk.logged());
    // Whoever called before the stop was heard of found no channel free, and is on record, too.
    let calls = place.shown(&["calls"]);
    let (through, others): (Vec<_>, Vec<_>) = calls.iter().partition(|call| call["outcome"] == "transferred");
    assert_eq!(through.len(), 1, "{calls:?}");
    assert!(others.iter().all(|call| call["outcome"] == "turned_away"), "{calls:?}");
}

#[test]
fn a_dead_hearing_worker_leaves_the_keypad_and_is_replaced() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.bring_prompts();
    let desk = place.open();
    let warm = |least: usize| {
        let workers = desk.workers("hear");
        (workers.len() >= least).then_some(workers)
    };
    let killed = wait_until("two workers are warm", Duration::from_secs(20), || warm(2));
    let caller = place.call(CALLER, &format!("say my kitchen sink is clogged\n{BOOK_BY_KEYS}"));
    wait_until("one of them hears, and the next is warmed", Duration::from_secs(20), || warm(3));
    killed.iter().for_each(|pid| signal("KILL", *pid));
    let heard = caller.result();
    is_greeted(&heard);
    let record = place.record(CALLER);
    assert_eq!(record["outcome"], "booked", "{record}");
    assert_eq!(
        place.told(&record),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `always` holds for every call.",
            "Plan `front-door` decided by its rule `always`; the call was answered after # ms.",
            "Step #, assistant, took # s: A visit was booked.",
            "Trouble: hearing failed for one turn; the keypad took it.",
            "The desk ended the call; the outcome is `booked`.",
            "A visit is booked: #.",
        ]
    );
    wait_until("another worker hears", Duration::from_secs(10), || {
        desk.workers("hear").iter().any(|pid| !killed.contains(pid)).then_some(())
    });
}

#[test]
fn strangers_get_no_answer_and_leave_no_call() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.bring_prompts();
    let desk = place.open();
    let mut stranger = Phone::at([127, 0, 0, 2], 0, &place);
    let mut trunk = Phone::at(LOOPBACK, 0, &place);
    stranger.send("INVITE", 1, "strange", "");
    stranger.send("OPTIONS", 1, "strange-too", "");
    trunk.send("OPTIONS", 1, "known", "");
    assert_eq!(trunk.final_status("OPTIONS", 1, "known").0, 200, "a trunk is answered");
    // What came before the trunk's question has been read by now.
    let answer = stranger.receives(Duration::from_millis(300), |_| true);
    assert_eq!(answer, None, "a stranger is not");
    desk.has_calls(0);
    assert!(place.shown(&["calls"]).is_empty());
    let refusals = desk.json("/api/v1/refusals");
    let told = refusals["items"].as_array().unwrap();
    let told = told.iter().any(|refusal| refusal["because"].to_string().contains("127.0.0.2"));
    assert!(told, "the owner can see that a stranger tried: {refusals}");
}

#[test]
fn a_call_beyond_the_channels_is_told_busy_until_one_is_free() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.bring_prompts();
    let desk = place.open();
    let mut phone = Phone::at(LOOPBACK, 0, &place);
    let (status, tag) = phone.invite("one");
    assert_eq!(status, 200);
    assert_eq!(phone.invite("two").0, 200);
    assert_eq!(phone.invite("three").0, 486);
    phone.send("BYE", 2, "one", &tag);
    assert_eq!(phone.final_status("BYE", 2, "one").0, 200);
    desk.has_calls(1);
    assert_eq!(phone.invite("four").0, 200);
}

fn is_greeted(heard: &Value) {
    assert!(heard["answer_ms"].is_number(), "not answered: {heard}");
    let first_word = heard["first_word_ms"].as_f64().unwrap_or(f64::INFINITY);
    // Loose: a busy machine is no fault of the desk's; the benches are strict.
    assert!(first_word < 500.0, "not greeted: {heard}");
}

/// Greeted, and never left in silence: the caller of ours answers each question within a second, so that every longer
/// silence it hears is the desk's.
fn is_served(heard: &Value) {
    is_greeted(heard);
    let silence = heard["longest_silence_ms"].as_f64().unwrap_or(f64::INFINITY);
    assert!(silence < 4_000.0, "a dead line for {silence} ms: {heard}");
}

/// What is left of a call during which nothing could be stored, once it can be.
fn was_told_and_is_called_back(place: &Place, caller: &str) {
    let record = place.record(caller);
    let said = assistant_said(&record);
    assert!(said.contains("I could not store that. Please call again"), "{record}");
    for promise in ["You are booked", "will call you back", "message is stored"] {
        assert!(!said.contains(promise), "{promise:?} was not true when it was said: {record}");
    }
    assert_eq!(record["outcome"], "callback", "{record}");
    let callbacks = place.shown(&["callbacks"]);
    let task = callbacks.iter().find(|task| task["call"] == record["id"]);
    let task = task.unwrap_or_else(|| panic!("the callback that was kept is stored: {callbacks:?}"));
    assert_eq!((&task["id"], &task["number"]), (&record["callback"], &caller.into()), "{record}");
    assert!(record["longest_silence_ms"].as_u64().unwrap() < 4_000, "a dead line: {record}");
}

fn assistant_said(record: &Value) -> String {
    let turns = record["turns"].as_array().unwrap().iter();
    let said = turns.filter(|turn| turn["who"] == "assistant").filter_map(|turn| turn["text"].as_str());
    said.collect::<Vec<_>>().join(" ")
}

/// A disk in memory over a directory; it is unmounted when dropped, after the desk on it.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Only root may mount; for anybody else the test says so and is left out.
    fn mount(at: &Path) -> Option<SmallDisk> {
        let done =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "firstring-trial"]).arg(at).output();
        let done = done.unwrap();
        if !done.status.success() {
            eprintln!("left out, a disk cannot be mounted: {}", String::from_utf8_lossy(&done.stderr).trim());
            return None;
        }
        Some(SmallDisk { at: at.to_owned() })
    }

    /// Leaves not a byte free. Gives the file that takes the room.
    fn fill(&self) -> PathBuf {
        let path = self.at.join("ballast");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[0; 4_096]).is_ok() {}
        path
    }

    /// `ro` or `rw`.
    fn make(&self, option: &str) {
        let option = format!("remount,{option}");
        let done = Command::new("mount").args(["-o", &option]).arg(&self.at).status().unwrap();
        assert!(done.success(), "{option}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a desk that a failed test leaves behind is only ending.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}
