//! Callers of ours, who go by a script: `firstring test-call`.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::FIRSTRING;
use super::desk::signal;
use super::place::{Place, json_lines, line_at};
use super::waiting::wait_until;

/// Books the first time that is offered.
pub const BOOK_BY_KEYS: &str = "press 1\nbarge 900ms press 1\nbarge 900ms press 1\nexpect-end 60s";
/// No call lasts longer of which only the result counts.
const CALL_WITHIN: Duration = Duration::from_secs(120);
/// No call lasts longer that is listened to as well.
const HEARD_WITHIN: Duration = Duration::from_secs(150);

/// A caller of ours on the phone. It ends when dropped.
pub struct Caller {
    child: Child,
    told: PathBuf,
    complained: PathBuf,
    wave: PathBuf,
}

impl Place {
    /// Begins a call by script with the caller of ours.
    pub fn call(&self, from: &str, script: &str) -> Caller {
        self.call_over(self.sip, from, script)
    }

    /// The same, through whatever listens at this port.
    pub fn call_over(&self, port: u16, from: &str, script: &str) -> Caller {
        self.call_at(&line_at(port), from, script)
    }

    /// The same, at this URI.
    pub fn call_at(&self, uri: &str, from: &str, script: &str) -> Caller {
        let file = |kind: &str| self.folder().join(format!("{}.{kind}", from.trim_start_matches('+')));
        let (told, complained, wave) = (file("out"), file("err"), file("wav"));
        fs::write(file("txt"), script).unwrap();
        let child = Command::new(FIRSTRING)
            .args(["--json", "test-call", uri, "--from", from, "--script"])
            .arg(file("txt"))
            .arg("--record")
            .arg(&wave)
            .stdin(Stdio::null())
            .stdout(File::create(&told).unwrap())
            .stderr(File::create(&complained).unwrap())
            .spawn()
            .unwrap();
        Caller { child, told, complained, wave }
    }
}

impl Caller {
    /// Its result, once it has hung up.
    pub fn result(mut self) -> Value {
        let status = self.ends_within(CALL_WITHIN);
        self.told(status).unwrap()
    }

    /// Hangs up now, wherever its script is.
    pub fn hangs_up(&self) {
        signal("INT", self.child.id());
    }

    /// What it heard of a call that was answered, once it has hung up.
    pub fn heard(mut self) -> Heard {
        let status = self.ends_within(HEARD_WITHIN);
        let result = self.told(status).unwrap_or_default();
        assert!(status.success(), "the call was not answered: {result}");
        Heard { result, wave: self.wave.clone() }
    }

    fn ends_within(&mut self, limit: Duration) -> ExitStatus {
        let child = &mut self.child;
        wait_until("the caller has hung up", limit, || child.try_wait().unwrap())
    }

    fn told(&self, status: ExitStatus) -> Option<Value> {
        let (stdout, stderr) = (fs::read(&self.told).unwrap(), fs::read(&self.complained).unwrap());
        json_lines(&Output { status, stdout, stderr }).pop()
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a caller of ours measured.
pub struct Heard {
    pub result: Value,
    pub wave: PathBuf,
}

impl Heard {
    /// First word in milliseconds after the ACK.
    pub fn first_word_ms(&self) -> f64 {
        self.result["first_word_ms"].as_f64().unwrap_or_else(|| panic!("nothing was heard: {}", self.result))
    }

    /// Gaps of the turns that are answered with words.
    pub fn gaps_ms(&self) -> Vec<u64> {
        let turns = self.result["turns"].as_array().unwrap();
        turns.iter().filter_map(|turn| turn["gap_ms"].as_u64()).collect()
    }

    /// What every caller may expect, however the call goes.
    pub fn is_served_at_once(&self) {
        let result = &self.result;
        // Loose: what an answer takes is measured by the benches, on a machine that does nothing else.
        assert!(result["answer_ms"].as_f64().unwrap() < 50.0, "answered late: {result}");
        assert!(self.first_word_ms() < 260.0, "the first word came late: {result}");
        assert!(result["longest_silence_ms"].as_u64().unwrap() < 4_000, "a dead line: {result}");
        let packets = &result["packets"];
        assert_eq!(packets["lost"], 0, "sound was lost on loopback: {result}");
    }

    /// What the desk noted is what was heard, within 40 ms.
    pub fn agrees_with(&self, record: &Value) {
        let noted = record["first_word_ms"].as_f64().unwrap();
        let heard = self.first_word_ms();
        assert!((noted - heard).abs() <= 40.0, "first word: {noted} noted, {heard} heard");
        let turns = record["turns"].as_array().unwrap();
        let noted: Vec<u64> = turns.iter().filter_map(|turn| turn["gap_ms"].as_u64()).collect();
        let heard = self.gaps_ms();
        let close = |(noted, heard): (&u64, &u64)| noted.abs_diff(*heard) <= 40;
        assert!(
            noted.len() == heard.len() && noted.iter().zip(&heard).all(close),
            "gaps: {noted:?} noted, {heard:?} heard; {record}"
        );
    }
}
