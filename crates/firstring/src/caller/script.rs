//! What a caller of ours does, one line for each thing, in order.
//!
//! ```text
//! # after the greeting
//! say my kitchen drain is clogged
//! press 1
//! barge 500ms no, Wednesday       speaks over the desk, half a second after it began
//! barge press 0                   the same with a key
//! silence 8s                      lets the desk wait
//! listen                          lets the desk have its say
//! wait 2s                         does nothing for as long
//! patience 900ms                  from here on, so much quiet means that the desk has finished
//! hang up
//! expect-end 30s                  the desk is to hang up by then
//! ```
//!
//! `say` and `press` wait until the desk has spoken and is quiet. When each comes due is decided in
//! [`stage`](super::stage).

use std::time::Duration;

use media::Digit;

/// Quiet that means that the desk has finished, unless a script says otherwise.
pub const PATIENCE: Duration = Duration::from_millis(700);
/// How far into the desk's words a `barge` begins, unless it says otherwise.
const BARGE_AFTER: Duration = Duration::from_millis(800);
/// How long `expect-end` waits, unless it says otherwise.
const END_WITHIN: Duration = Duration::from_secs(30);
/// Lines that do something, at most: no call is longer than its limit of time allows anyway.
const MOST_STEPS: usize = 200;
/// Longest pause that can be written.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Something the far end hears from us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Utterance {
    /// Words.
    Say(String),
    /// Keys.
    Press(Vec<Digit>),
}

impl std::fmt::Display for Utterance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Utterance::Say(text) => f.write_str(text),
            Utterance::Press(digits) => digits.iter().try_for_each(|digit| write!(f, "{}", digit.as_char())),
        }
    }
}

/// One line of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// When the desk has finished.
    Utter(Utterance),
    /// While the desk speaks, so long after it began.
    Barge {
        /// Since its first sound.
        after: Duration,
        /// What.
        utterance: Utterance,
    },
    /// Until the desk has finished.
    Listen,
    /// The desk waits for us in vain, for so long after it has finished.
    Silence(Duration),
    /// So long, whatever the desk does.
    Wait(Duration),
    /// Quiet that means that the desk has finished.
    Patience(Duration),
    /// End the call.
    HangUp,
    /// The desk ends the call within this.
    ExpectEnd(Duration),
}

/// What a caller does, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// The lines.
    pub steps: Vec<Step>,
}

/// What is wrong with a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ScriptError {
    /// Counted from one.
    pub line: usize,
    /// What, and what would be right.
    pub problem: String,
}

impl Script {
    /// Reads a script. Empty lines and lines that begin with `#` do nothing.
    pub fn parse(text: &str) -> Result<Script, ScriptError> {
        let mut steps = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |problem| ScriptError { line: index + 1, problem };
            steps.push(step(line).map_err(wrong)?);
            if steps.len() > MOST_STEPS {
                return Err(wrong(format!("a script has at most {MOST_STEPS} lines")));
            }
        }
        Ok(Script { steps })
    }

    /// One line of speech for each turn.
    pub fn saying(texts: &[String]) -> Script {
        let utter = |text: &String| Step::Utter(Utterance::Say(text.clone()));
        Script { steps: texts.iter().map(utter).collect() }
    }

    /// Every text that has to be spoken.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Utter(Utterance::Say(text)) | Step::Barge { utterance: Utterance::Say(text), .. } => {
                Some(text.as_str())
            }
            Step::Utter(Utterance::Press(_))
            | Step::Barge { utterance: Utterance::Press(_), .. }
            | Step::Listen
            | Step::Silence(_)
            | Step::Wait(_)
            | Step::Patience(_)
            | Step::HangUp
            | Step::ExpectEnd(_) => None,
        })
    }
}

fn step(line: &str) -> Result<Step, String> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    match (word, rest) {
        ("say" | "press", _) => utterance(line).map(Step::Utter),
        ("barge", _) => barge(rest),
        ("listen", "") => Ok(Step::Listen),
        ("hang", "up") => Ok(Step::HangUp),
        ("silence", _) => time(rest).map(Step::Silence),
        ("wait", _) => time(rest).map(Step::Wait),
        ("patience", _) => time(rest).map(Step::Patience),
        ("expect-end", "") => Ok(Step::ExpectEnd(END_WITHIN)),
        ("expect-end", _) => time(rest).map(Step::ExpectEnd),
        _ => Err(format!(
            "{line:?} is none of: say TEXT, press DIGITS, barge [TIME] TEXT, barge [TIME] press DIGITS, listen, \
             silence TIME, wait TIME, patience TIME, hang up, expect-end [TIME]"
        )),
    }
}

/// `say TEXT` or `press DIGITS`.
fn utterance(line: &str) -> Result<Utterance, String> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    if word != "press" {
        return words(rest);
    }
    let digits: Option<Vec<Digit>> =
        rest.chars().filter(|c| !c.is_whitespace()).map(Digit::from_char).collect();
    match digits {
        Some(digits) if !digits.is_empty() => Ok(Utterance::Press(digits)),
        Some(_) | None => Err(format!("{rest:?} are no keys; press takes 0-9, *, # and A-D")),
    }
}

fn words(text: &str) -> Result<Utterance, String> {
    match text.chars().any(char::is_alphanumeric) {
        true => Ok(Utterance::Say(text.to_owned())),
        false => Err("there are no words to say here".to_owned()),
    }
}

fn barge(rest: &str) -> Result<Step, String> {
    let (first, others) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (after, rest) = match time(first) {
        Ok(after) => (after, others.trim()),
        Err(_) => (BARGE_AFTER, rest),
    };
    let is_keys = rest.split_whitespace().next() == Some("press");
    let utterance = if is_keys { utterance(rest) } else { words(rest) }?;
    Ok(Step::Barge { after, utterance })
}

/// `2s`, `1.5s` or `800ms`.
fn time(text: &str) -> Result<Duration, String> {
    let parsed = text
        .strip_suffix("ms")
        .map(|number| (number, 1e-3))
        .or_else(|| text.strip_suffix('s').map(|number| (number, 1.0)))
        .and_then(|(number, unit)| Some(number.parse::<f64>().ok()? * unit))
        .filter(|seconds| (0.0..=LONGEST_PAUSE.as_secs_f64()).contains(seconds));
    match parsed {
        Some(seconds) => Ok(Duration::from_secs_f64(seconds)),
        None => {
            Err(format!("{text:?} is no time; write 2s, 1.5s or 800ms, at most {}s", LONGEST_PAUSE.as_secs()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str) -> Utterance {
        Utterance::Say(text.into())
    }

    fn press(keys: &str) -> Utterance {
        Utterance::Press(keys.chars().map(|key| Digit::from_char(key).unwrap()).collect())
    }

    #[test]
    fn every_line_does_what_it_says() {
        let ms = Duration::from_millis;
        for (line, step) in [
            ("say my drain is clogged", Step::Utter(say("my drain is clogged"))),
            ("  say   2 o'clock ", Step::Utter(say("2 o'clock"))),
            ("press 312 555 0143#", Step::Utter(press("3125550143#"))),
            ("barge no, Wednesday", Step::Barge { after: ms(800), utterance: say("no, Wednesday") }),
            ("barge 500ms no", Step::Barge { after: ms(500), utterance: say("no") }),
            ("barge 1s press 0", Step::Barge { after: ms(1_000), utterance: press("0") }),
            ("barge press *", Step::Barge { after: ms(800), utterance: press("*") }),
            ("listen", Step::Listen),
            ("silence 8s", Step::Silence(ms(8_000))),
            ("wait 1.5s", Step::Wait(ms(1_500))),
            ("patience 900ms", Step::Patience(ms(900))),
            ("hang up", Step::HangUp),
            ("expect-end", Step::ExpectEnd(ms(30_000))),
            ("expect-end 5s", Step::ExpectEnd(ms(5_000))),
        ] {
            assert_eq!(Script::parse(&format!("# a call\n\n{line}\n")).unwrap().steps, [step], "{line}");
        }
    }

    #[test]
    fn a_line_that_means_nothing_is_named_with_what_would_be_right() {
        for (line, problem) in [
            ("shout hello", "\"shout hello\" is none of: say TEXT"),
            ("say", "there are no words"),
            ("say ...", "there are no words"),
            ("press x", "\"x\" are no keys"),
            ("press", "\"\" are no keys"),
            ("silence", "\"\" is no time"),
            ("wait 5", "\"5\" is no time"),
            ("wait -5s", "\"-5s\" is no time"),
            ("wait 1e9s", "\"1e9s\" is no time"),
            ("wait nans", "\"nans\" is no time"),
            ("hang", "\"hang\" is none of"),
            ("barge", "there are no words"),
            ("listen up", "\"listen up\" is none of"),
        ] {
            let error = Script::parse(&format!("say hello\n{line}")).unwrap_err();
            assert_eq!(error.line, 2);
            assert!(error.problem.starts_with(problem), "{line}: {error}");
        }
        assert!(Script::parse(&"listen\n".repeat(MOST_STEPS + 1)).is_err());
    }
}
