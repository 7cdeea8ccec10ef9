//! What is wrong with a configuration, told so that it can be put right: file, line, key, and what would be right.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// As given on the command line.
    pub file: String,
    /// Counted from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// The key as written from the top, like `trunk.accept_from`; empty when the file as a whole is meant.
    pub key: String,
    /// What is wrong, and what would be right.
    pub says: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.says)
    }
}

/// Everything that is wrong with one configuration, by line. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusals(Vec<Refusal>);

/// More than this is told as a count: whoever mends these first reads the rest after.
const MOST_TOLD: usize = 40;

impl Refusals {
    /// Sorted by line; the same sentence is said once.
    pub(super) fn new(mut refusals: Vec<Refusal>) -> Refusals {
        refusals.sort_by_key(|refusal| refusal.line);
        refusals.dedup();
        Refusals(refusals)
    }

    /// By line.
    pub fn iter(&self) -> impl Iterator<Item = &Refusal> {
        self.0.iter()
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, refusal) in self.0.iter().take(MOST_TOLD).enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{refusal}")?;
        }
        match self.0.len().saturating_sub(MOST_TOLD) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Refusals {}

/// The known name most like `written`, if one is like it at all.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(&lower, &name.to_lowercase());
    let scored = known.into_iter().map(|name| (likeness(name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= LIKE_ENOUGH).then_some(best.1)
}

/// Two letters wrong in five are still a slip; more is another word.
const LIKE_ENOUGH: f64 = 0.6;

/// `did you mean "x"?`, or the known names, or what to do when there are none.
pub(super) fn instead(written: &str, known: &[&str], otherwise: &str) -> String {
    if let Some(name) = nearest(written, known.iter().copied()) {
        return format!("did you mean {name:?}?");
    }
    match known {
        [] => otherwise.to_string(),
        [only] => format!("only {only:?} is known"),
        [..] if known.len() <= 12 => format!("known are {}", listed(known)),
        [..] => otherwise.to_string(),
    }
}

/// `"a", "b" and "c"`.
pub(super) fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_the_name_that_was_meant() {
        let known = ["accept_from", "channels", "carrier"];
        for (written, meant) in [
            ("accept_form", Some("accept_from")),
            ("chanels", Some("channels")),
            ("Carrier", Some("carrier")),
            ("password", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }

    #[test]
    fn refusals_are_told_by_line_and_the_same_one_once() {
        let refusal =
            |line, says: &str| Refusal { file: "f".into(), line, key: "k".into(), says: says.into() };
        let all = Refusals::new(vec![refusal(9, "b"), refusal(2, "a"), refusal(2, "a")]);
        assert_eq!(all.to_string(), "f:2: k: a\nf:9: k: b");
    }
}
