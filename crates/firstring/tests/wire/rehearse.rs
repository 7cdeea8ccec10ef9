//! `firstring rehearse` as it is typed: the shipped example, its page, its objects, and what it says when it cannot.

use std::path::Path;
use std::process::{Command, Output};

use crate::stage::waiting::Turn;
use serde_json::Value;

fn rehearse(more: &[&str]) -> Output {
    rehearse_example("plumber", more)
}

fn rehearse_example(name: &str, more: &[&str]) -> Output {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../examples/{name}.toml"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_firstring"));
    command.args(["rehearse", "-c"]).arg(example).args(more).output().unwrap()
}

fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_example_loses_nobody_and_any_number_of_threads_lives_the_same_days() {
    let _turn = Turn::beside_others();
    let one = objects(&rehearse(&["--days", "10", "--seed", "7", "--threads", "1", "--json"]));
    let two = objects(&rehearse(&["--days", "10", "--seed", "7", "--threads", "2", "--json"]));
    let other = objects(&rehearse(&["--days", "10", "--seed", "8", "--json"]));
    assert_eq!(one, two);
    let result = one.last().unwrap();
    assert_eq!((&result["type"], &result["lost"]), (&"result".into(), &0.into()), "{result}");
    assert!(result["calls"].as_u64().unwrap() >= 500, "{result}");
    assert!(result["longest_silence_ms"].as_u64().unwrap() < 4_000, "{result}");
    let ended: u64 = of(&one, "outcome").filter_map(|object| object["calls"].as_u64()).sum();
    assert_eq!(ended, result["calls"], "every call ended somewhere");
    assert_eq!(of(&one, "hour").count(), 24);
    assert_ne!(result["hash"], other.last().unwrap()["hash"]);
}

/// SHA-256 over every journal line of three days of each example. A change here is a change of what callers meet: look at
/// what it is before the new words are written down.
const THREE_DAYS: [(&str, &str); 2] = [
    ("plumber", "6ce290066c439db3035a596aa1c0bf85297220b30d5aeb29947f5bf99a19a58c"),
    ("law-firm", "e2b111a37479e1b487f9c8da399e5852516c201d152bd798194e030162a068db"),
];

#[test]
fn three_days_of_each_example_are_the_same_to_the_last_journal_line_everywhere() {
    let _turn = Turn::beside_others();
    for (example, hash) in THREE_DAYS {
        let days = objects(&rehearse_example(example, &["--days", "3", "--seed", "7", "--json"]));
        let result = days.last().unwrap();
        assert_eq!(result["lost"], 0, "{example}: {result}");
        assert_eq!(result["hash"], hash, "{example}: {result}");
    }
}

/// Single calls of the law firm in which a promise was once broken, and which one.
const ONCE_BROKEN: [(&str, &str, &str); 5] = [
    (
        "70003396",
        "152",
        "the store took a visit after the caller was told that it could not, and nobody called them",
    ),
    ("92004961", "146", "the same, later in the day"),
    ("67003321", "137", "the checker called for a deadline while the caller's socket was still being opened"),
    ("83000913", "155", "the same"),
    ("121002710", "110", "the same, as the machine coped again"),
];

#[test]
fn single_calls_that_once_broke_a_promise_keep_all_of_them() {
    let _turn = Turn::beside_others();
    for (seed, call, what) in ONCE_BROKEN {
        let day = ["--days", "1", "--faults", "rehearsal", "--seed", seed, "--only", call, "--json"];
        let day = objects(&rehearse_example("law-firm", &day));
        assert_eq!(day.last().unwrap()["lost"], 0, "{what}");
        assert_eq!(day.last().unwrap()["calls"], 1, "{what}");
    }
}

#[test]
fn a_law_firm_with_four_offices_gives_nearly_everybody_what_they_called_for() {
    let _turn = Turn::beside_others();
    let law = |more: &[&str]| objects(&rehearse_example("law-firm", more));
    let perfect = law(&["--days", "10", "--seed", "7", "--faults", "none", "--json"]);
    let result = perfect.last().unwrap();
    assert!(result["calls"].as_u64().unwrap() + result["turned_away"].as_u64().unwrap() >= 2_000, "{result}");
    assert!(result["satisfied"].as_f64().unwrap() >= 0.95, "{result}");
    assert!(result["longest_silence_ms"].as_u64().unwrap() < 4_000, "{result}");
    let outcomes: Vec<&str> = of(&perfect, "outcome").filter_map(|one| one["outcome"].as_str()).collect();
    for outcome in ["booked", "transferred", "answered", "message"] {
        assert!(outcomes.contains(&outcome), "{outcomes:?}");
    }
    for person in ["Front desk downtown", "Front desk denver", "Dana", "Ines"] {
        assert!(result["rung"][person].as_u64() > Some(0), "{person}: {result}");
    }
}

fn of<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["type"] == kind)
}

#[test]
fn without_faults_nearly_everybody_gets_what_they_called_for() {
    let _turn = Turn::beside_others();
    let result = objects(&rehearse(&["--days", "10", "--faults", "none", "--calls", "40", "--json"]));
    let result = result.last().unwrap();
    assert!(result["satisfied"].as_f64().unwrap() >= 0.95, "{result}");
    assert!(result["faults"].as_object().unwrap().values().all(|times| times == 0), "{result}");
}

#[test]
fn the_page_says_how_calls_ended_when_they_came_and_what_would_have_been_missed() {
    let _turn = Turn::beside_others();
    let output = rehearse(&["--days", "2"]);
    let page = String::from_utf8_lossy(&output.stdout);
    for part in [
        "Rivera Plumbing: 2 imagined days",
        "Where calls ended",
        "a visit was booked",
        "When they called",
        "  9:00",
        "Without the desk",
        "callers lost                             0",
        "needed: at the busiest moment",
        "Dana",
    ] {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
    assert!(!page.contains('\u{1b}'), "no colours where nobody sees them");
}

#[test]
fn days_that_cannot_be_lived_are_refused_in_words() {
    let _turn = Turn::beside_others();
    for (more, says) in [
        (&["--days", "0"][..], "0 is not in 1..=10000000"),
        (&["--faults", "some"], "possible values: none, ordinary, rehearsal, everything"),
        (&["-c", "nowhere.toml"], "nowhere.toml"),
    ] {
        let output = match more {
            ["-c", file] => {
                Command::new(env!("CARGO_BIN_EXE_firstring")).args(["rehearse", "-c", file]).output().unwrap()
            }
            _ => rehearse(more),
        };
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(says), "{told}");
    }
}
