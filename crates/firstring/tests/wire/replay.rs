//! A real call once more: `firstring rehearse --replay` feeds a call's own journal to the desk that answered it.
//!
//! Each call here went over SIP and RTP to the program as it ships; what is replayed is what that program wrote down.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::stage::caller::BOOK_BY_KEYS;
use crate::stage::desk::Desk;
use crate::stage::office::Office;
use crate::stage::place::{Place, json_lines};
use crate::stage::waiting::{Turn, free_port, wait_until};
use crate::stage::{CALLER, FIRSTRING, peers};
use serde_json::Value;

/// `firstring rehearse --replay`, from anywhere.
fn replayed(place: &Place, call: &str, more: &[&str]) -> Output {
    let mut rehearse = Command::new(FIRSTRING);
    rehearse.args(["rehearse", "--replay", call, "-c"]).arg(place.file()).args(more);
    rehearse.output().unwrap()
}

/// Its one object, and whether it says that the call goes as it went.
fn replay(place: &Place, record: &Value) -> (Value, bool) {
    let output = replayed(place, id(record), &["--json"]);
    let told = json_lines(&output);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told.len(), 1, "{complained}");
    (told[0].clone(), output.status.success())
}

fn id(record: &Value) -> &str {
    record["id"].as_str().unwrap()
}

/// Steps, who was tried in each, and what came of it; how long a step took is not asked.
fn steps(of: &Value) -> Vec<[&Value; 3]> {
    let steps = of["steps"].as_array().unwrap().iter();
    steps.map(|step| [&step["step"], &step["tried"], &step["result"]]).collect()
}

/// A call is replayed beside its record, and found to be the same.
fn goes_as_it_went(place: &Place, record: &Value) {
    let (again, is_same) = replay(place, record);
    assert!(is_same, "{again}\n{record}");
    assert_eq!(again["same"], true, "{again}");
    assert_eq!(again["differences"], serde_json::json!([]), "{again}");
    assert_eq!(again["outcome"], record["outcome"], "{again}");
    assert_eq!(steps(&again), steps(record));
}

/// The record of the call that was placed, once its journal is whole as well: two threads keep them.
fn recorded(desk: &Desk) -> Value {
    let record = desk.record(CALLER);
    wait_until("the journal is whole", Duration::from_secs(20), || {
        let text = fs::read_to_string(begun_journal(desk, &record)?).unwrap();
        text.contains(r#""event":"sounded""#).then_some(())
    });
    record
}

fn journal(place: &Place, record: &Value) -> PathBuf {
    begun_journal(place, record).unwrap()
}

fn begun_journal(place: &Place, record: &Value) -> Option<PathBuf> {
    let is_it = |path: &PathBuf| path.file_stem().unwrap() == id(record);
    journals(place).into_iter().find(is_it)
}

/// Those of all calls, on the days they came.
fn journals(place: &Place) -> Vec<PathBuf> {
    let within =
        |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path());
    within(place.data().join("journals")).flat_map(within).collect()
}

/// Leaves lines out of a journal: those of which this is true.
fn forgets(journal: &Path, is_gone: impl Fn(&Value) -> bool) {
    let text = fs::read_to_string(journal).unwrap();
    let stays = |line: &&str| !is_gone(&serde_json::from_str(line).unwrap());
    let kept: String = text.lines().filter(stays).map(|line| format!("{line}\n")).collect();
    assert!(kept.len() < text.len(), "nothing was left out of {text}");
    fs::write(journal, kept).unwrap();
}

fn open() -> Desk {
    Desk::open(&Office::default())
}

#[test]
fn a_visit_booked_by_keys_is_booked_again_from_its_journal() {
    let _turn = Turn::beside_others();
    let mut desk = open();
    desk.call(CALLER, BOOK_BY_KEYS).result();
    let record = recorded(&desk);
    assert_eq!(record["outcome"], "booked", "{record}");
    goes_as_it_went(&desk, &record);
    let page = replayed(&desk, id(&record), &[]);
    let page = String::from_utf8_lossy(&page.stdout);
    assert!(page.contains("A visit was booked."), "{page}");
    assert!(page.ends_with("It goes as it went: the same steps, and the same end.\n"), "{page}");

    desk.stop(Duration::from_secs(20));
    goes_as_it_went(&desk, &record);
}

#[test]
fn a_caller_whom_a_person_took_is_taken_again_from_the_journal() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let office = Office::default();
    let folder = tempfile::tempdir().unwrap();
    let mut phone = peers::phone("picks_up.xml", office.person, free_port(), folder.path());
    let desk = Desk::open(&office);
    desk.call(CALLER, "barge 500ms press 0\nwait 8s\nhang up").result();
    assert!(phone.ends_within(Duration::from_secs(10)).success(), "the phone saw the call end");
    let record = recorded(&desk);
    assert_eq!(record["outcome"], "transferred", "{record}");
    goes_as_it_went(&desk, &record);

    forgets(&journal(&desk, &record), |line| line["event"] == "person_answered");
    let differences = told_differences(&desk, &record);
    let without_dana = "step 2 was `ring on-call`, Dana took the call: a person took the call, and is `ring on-call`, Dana did \
                        not pick up in time: nobody took the call now";
    assert!(differences.iter().any(|difference| difference == without_dana), "{differences:?}");
}

#[test]
fn a_spoken_message_after_ringing_in_vain_is_left_again_from_the_journal() {
    if !peers::are_here() {
        return;
    }
    let _turn = Turn::beside_others();
    let office = Office::default();
    let folder = tempfile::tempdir().unwrap();
    let _phone = peers::phone("rings.xml", office.person, free_port(), folder.path());
    let desk = Desk::open(&office);
    let words = "please call me back about the water heater";
    let script = format!("barge 500ms press 0\nwait 9s\nlisten\nsay {words}\npress #\nexpect-end 30s");
    desk.call(CALLER, &script).result();
    let record = recorded(&desk);
    assert_eq!(record["outcome"], "message", "{record}");
    goes_as_it_went(&desk, &record);
}

/// A replay that goes another way: what it says, with an exit code that a script notices.
fn told_differences(place: &Place, record: &Value) -> Vec<String> {
    let (again, is_same) = replay(place, record);
    assert!(!is_same && again["same"] == false, "{again}");
    let page = replayed(place, id(record), &[]);
    assert_eq!(page.status.code(), Some(1));
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    let differences: Vec<String> = serde_json::from_value(again["differences"].clone()).unwrap();
    let verdict = format!("It does not go as it went: {}.\n", differences.join("; "));
    assert!(page.ends_with(&verdict), "{page}");
    differences
}

#[test]
fn a_journal_that_lost_a_line_and_another_plan_are_told_as_differences() {
    let _turn = Turn::beside_others();
    let desk = open();
    desk.call(CALLER, BOOK_BY_KEYS).result();
    let record = recorded(&desk);
    let journal = journal(&desk, &record);
    let whole = fs::read_to_string(&journal).unwrap();

    forgets(&journal, |line| line["event"] == "digit");
    let without_keys = told_differences(&desk, &record);
    let no_visit = "step 1 was `assistant`: a visit was booked, and is `assistant`: ";
    assert!(without_keys.iter().any(|difference| difference.starts_with(no_visit)), "{without_keys:?}");
    let last = without_keys.last().unwrap();
    assert_eq!(last, "the call was over with its journal, and goes on after it now");

    fs::write(&journal, &whole).unwrap();
    goes_as_it_went(&desk, &record);
    desk.says("steps = [\"assistant\", {", "steps = [{");
    let without_robin = told_differences(&desk, &record);
    let no_robin = "step 1 was `assistant`: a visit was booked, and is `ring on-call`, Dana ";
    assert!(without_robin.iter().any(|difference| difference.starts_with(no_robin)), "{without_robin:?}");
}

#[test]
fn what_cannot_be_replayed_is_refused_with_what_to_do() {
    let _turn = Turn::beside_others();
    let desk = open();
    let caller = desk.call(CALLER, BOOK_BY_KEYS);
    refuses(
        &desk,
        "20260602-000000-00000000",
        "there is nothing with the id 20260602-000000-00000000; `firstring calls` shows",
    );
    desk.has_calls(1);
    let under_way = wait_until("a journal begins", Duration::from_secs(5), || journals(&desk).pop());
    let under_way = under_way.file_stem().unwrap().to_str().unwrap().to_owned();
    let not_over = format!("firstring: call {under_way} is not over yet; hang up first\n");
    wait_until("the call is stored as one that is up", Duration::from_secs(5), || {
        let output = replayed(&desk, &under_way, &[]);
        (output.stderr == not_over.as_bytes()).then_some(())
    });
    for command in ["explain", "calls"] {
        let mut asked = Command::new(FIRSTRING);
        let output = asked.args([command, &under_way, "-c"]).arg(desk.file()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), not_over, "{command}");
    }
    caller.result();
    let record = recorded(&desk);
    let journal = journal(&desk, &record);
    let whole = fs::read_to_string(&journal).unwrap();

    fs::write(&journal, whole.replace(id(&record), "20260602-000000-00000000")).unwrap();
    let of_another =
        "the journal that is kept of call # is that of call 20260602-000000-00000000; `firstring explain #`";
    refuses(&desk, id(&record), &of_another.replace('#', id(&record)));

    fs::write(&journal, whole.replace("\"event\":\"arrived\"", "\"event\":\"landed\"")).unwrap();
    refuses(&desk, id(&record), "an event cannot be read: unknown variant `landed`");
    fs::write(&journal, "").unwrap();
    refuses(
        &desk,
        id(&record),
        "the journal is empty; `firstring explain` tells from its record what happened",
    );
    fs::remove_file(&journal).unwrap();
    refuses(
        &desk,
        id(&record),
        &format!("no journal is kept of call {}; it is older than `keep`", id(&record)),
    );

    fs::write(&journal, &whole).unwrap();
    desk.says(crate::stage::LINE, "+13125550199");
    refuses(
        &desk,
        id(&record),
        "+13125550100 is none of the lines of this configuration; name the configuration",
    );
}

fn refuses(place: &Place, call: &str, because: &str) {
    let output = replayed(place, call, &["--json"]);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complained}");
    assert!(
        output.stdout.is_empty() && complained.starts_with(&format!("firstring: {because}")),
        "{complained}"
    );
    assert_eq!(complained.lines().count(), 1, "{complained}");
}

/// What happened while nobody looked is understood late, and before any deadline that passed meanwhile.
#[test]
fn a_call_during_which_the_desk_hung_goes_again_as_it_went() {
    let _turn = Turn::beside_others();
    let desk = open();
    let caller = desk.call(CALLER, "wait 22s\nhang up");
    desk.has_calls(1);
    let Some(stopped) = desk.stop_thread("control") else { return };
    caller.result();
    drop(stopped);
    let record = recorded(&desk);
    assert_eq!(record["steps"][0]["result"], "caller_hung_up", "{record}");
    let text = fs::read_to_string(journal(&desk, &record)).unwrap();
    assert!(text.contains(r#""event":"stood_still""#), "{text}");
    goes_as_it_went(&desk, &record);
    // Without that line the deadlines pass at their own moments, and the caller is asked again and again.
    forgets(&journal(&desk, &record), |line| line["event"] == "stood_still");
    assert!(!told_differences(&desk, &record).is_empty());
}
