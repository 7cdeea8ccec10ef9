//! The story of a call as `explain` tells it, without what differs from one day and one machine to the next.

use serde_json::Value;

use super::place::Place;

/// Sentences that measure the machine.
const MEASURED: [&str; 2] = ["The longest silence", "The assistant spoke"];

impl Place {
    /// What `explain` tells of a call, sentence by sentence; a word with a digit in it is `#`.
    pub fn told(&self, record: &Value) -> Vec<String> {
        let story = self.explained(record);
        let is_plain = |line: &&str| !MEASURED.iter().any(|start| line.starts_with(start));
        story.lines().filter(is_plain).map(without_numbers).collect()
    }
}

fn without_numbers(line: &str) -> String {
    let plain = |word: &str| {
        let end = if word.ends_with(['.', ',', ';', ':']) { &word[word.len() - 1..] } else { "" };
        if word.contains(|letter: char| letter.is_ascii_digit()) {
            format!("#{end}")
        } else {
            word.to_owned()
        }
    };
    line.split_whitespace().map(plain).collect::<Vec<_>>().join(" ")
}
