//! What callers hear who say nothing: how soon the desk speaks again when it is its turn.
//!
//! Real calls on loopback, measured from the caller's own socket. While an answer is owed to the desk, the quiet is the
//! caller's: the desk waits 6 s for an answer and 8 s for a message before it speaks again. The caller of these tests
//! is quiet for nearly as long on purpose; every moment of silence after that is the desk's, and so is the silence
//! before the greeting, after a key, and after the goodbye until the line is closed.

use crate::stage::CALLER;
use crate::stage::place::Place;
use crate::stage::waiting::Turn;
use serde_json::Value;

/// A desk that has nothing else to say speaks a filler by then.
const FILLER_BY_MS: u64 = 1_200;

#[test]
fn a_caller_who_says_nothing_is_asked_again_in_time_and_let_go() {
    let _turn = Turn::beside_others();
    // The pauses between end while the desk asks again.
    let (heard, record) =
        call("silence 5700ms\nwait 3s\nsilence 5700ms\nwait 3s\nsilence 5700ms\nexpect-end 30s");
    assert_eq!((&record["outcome"], &record["ended_by"]), (&"no_input".into(), &"desk".into()), "{record}");
    let asked = record["turns"].as_array().unwrap().len();
    assert_eq!(asked, 5, "greeted in two sentences, asked again twice, said goodbye to: {record}");
    is_never_left_in_silence(&heard, &record);
}

#[test]
fn a_caller_who_leaves_no_message_is_promised_a_call_back_in_time() {
    let _turn = Turn::beside_others();
    let (heard, record) = call("press 9\nsilence 7700ms\nexpect-end 30s");
    assert_eq!((&record["outcome"], &record["ended_by"]), (&"callback".into(), &"desk".into()), "{record}");
    is_never_left_in_silence(&heard, &record);
}

fn call(script: &str) -> (Value, Value) {
    let place = Place::new();
    place.bring_prompts();
    let _desk = place.open();
    let heard = place.call(CALLER, script).result();
    (heard, place.record(CALLER))
}

/// Silences of a caller's own are as long as the script says, so the desk was waited for and came in time.
fn is_never_left_in_silence(heard: &Value, record: &Value) {
    assert_eq!(heard["ended_by"], "far_end", "{heard}");
    assert_eq!(heard["notes"], serde_json::json!([]), "the call went by its script: {heard}");
    for (who, told) in [("the caller", heard), ("the desk", record)] {
        let silence = told["longest_silence_ms"].as_u64().unwrap();
        assert!(silence <= FILLER_BY_MS, "{who} measured a silence of {silence} ms: {told}");
    }
}
