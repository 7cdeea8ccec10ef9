//! A call as a person watches it in a terminal: a line for whatever happens, in aligned columns.
//!
//! What happens comes from the desk ([`line::Live`]) and, in the demo, from the caller of our own. What is shown here
//! are a caller's own words and number: it is for the eyes of whoever runs the desk, and never for a log.
//! Colours are written as they are meant; `anstream` takes them out where nobody sees them.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use line::{Live, What};

use crate::caller::Happening;
use crate::caller::report::Uttered;

/// Words are wrapped at this many letters.
const WORDS: usize = 64;

const FAINT: Style = Style::new().dimmed();
const DESK: Style = AnsiColor::Cyan.on_default();
const CALLER: Style = AnsiColor::Yellow.on_default();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default();
const PLAIN: Style = Style::new();

/// One thing that happened, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Since the call began.
    pub at: Duration,
    style: Style,
    /// Who or what: the narrow column.
    pub head: &'static str,
    /// The words.
    pub words: String,
    /// A figure, faint, at the end.
    pub aside: String,
}

impl Row {
    fn new(at: Duration, style: Style, head: &'static str, words: impl Into<String>) -> Row {
        Row { at, style, head, words: words.into(), aside: String::new() }
    }

    fn aside(self, aside: impl Into<String>) -> Row {
        Row { aside: aside.into(), ..self }
    }
}

/// What the desk tells, as a row.
pub fn desk_tells(live: &Live) -> Option<Row> {
    let row = |style, head, words: String| Some(Row::new(Duration::from_millis(live.ms), style, head, words));
    match &live.what {
        What::Arrived { line, from, plan } => {
            let from = from.as_ref().map_or("Somebody".to_owned(), |from| from.reveal().to_string());
            row(PLAIN, "call", format!("{from} calls {line}")).map(|row| row.aside(format!("plan {plan}")))
        }
        What::Answered { .. } => row(PLAIN, "answered", String::new()),
        What::Speaks { text, gap_ms } => row(DESK, "desk", text.reveal().clone())
            .map(|row| row.aside(gap_ms.map_or(String::new(), |ms| format!("{ms} ms after the caller")))),
        What::Heard { text: Some(text), sure } => row(FAINT, "heard", format!("“{}”", text.reveal()))
            .map(|row| row.aside(sure.map_or(String::new(), |sure| format!("{:.0} % sure", sure * 100.0)))),
        What::Heard { text: None, .. } => row(BAD, "heard", "not understood".to_owned()),
        What::Pressed { digit } => row(CALLER, "pressed", digit.to_string()),
        What::Filler => row(FAINT, "filler", "The desk was quiet for too long and said so.".to_owned()),
        What::SlotsFound { count } => row(FAINT, "calendar", format!("{count} free times found")),
        What::Waits { ahead } => row(PLAIN, "waits", format!("number {} in line", ahead + 1)),
        What::Rings { to } => row(PLAIN, "rings", to.reveal().clone()),
        What::NotReached { tried } => row(BAD, "person", tried.told().to_owned()),
        What::Connected => row(GOOD, "person", "has the call".to_owned()),
        What::Booked { id, start: _ } => {
            row(GOOD, "booked", "The visit is stored.".to_owned()).map(|row| row.aside(id.clone()))
        }
        What::TakingMessage => row(PLAIN, "message", "is being recorded".to_owned()),
        What::CallbackLeft => row(PLAIN, "callback", "A callback task is stored.".to_owned()),
        What::Ended { outcome } => row(GOOD, "ended", outcome.name().to_owned()),
    }
}

/// What our own caller notices, as a row; the desk tells the rest.
pub fn caller_tells(happening: &Happening, at: Duration) -> Option<Row> {
    let row = |style, head, words: &str| Some(Row::new(at, style, head, words));
    match happening {
        Happening::Answered { answer } => row(PLAIN, "caller", "hears the answer")
            .map(|row| row.aside(format!("{:.1} ms after the INVITE", answer.as_secs_f64() * 1_000.0))),
        Happening::FirstWord { after_ack } => row(PLAIN, "caller", "hears the first word")
            .map(|row| row.aside(format!("{} ms after the ACK", after_ack.as_millis()))),
        Happening::Uttering { what: Uttered::Say | Uttered::Barge, text } => row(CALLER, "caller", text),
        Happening::Uttering { what: Uttered::Press, text } => {
            row(CALLER, "caller", &format!("presses {text}"))
        }
        Happening::Uttering { what: Uttered::Silence, .. } => row(CALLER, "caller", "says nothing"),
        Happening::Reply { gap } => row(FAINT, "caller", "hears the desk again")
            .map(|row| row.aside(format!("{} ms", gap.as_millis()))),
        Happening::Rings | Happening::Uttered | Happening::Ended { .. } => None,
    }
}

/// A row with its columns, wrapped, with a line break at its end.
pub fn shown(row: &Row) -> String {
    let mut text = String::new();
    let Row { at, style, head, words, aside } = row;
    let mut lines = wrapped(words).into_iter();
    let first = lines.next().unwrap_or_default();
    let at = at.as_secs_f64();
    // Writing into a String cannot fail.
    let _ = write!(text, "{FAINT}{at:>6.1}s{FAINT:#}  {style}{head:<9}{first}{style:#}");
    for line in lines {
        let _ = write!(text, "\n{:9}{style}{:9}{line}{style:#}", "", "");
    }
    if !aside.is_empty() {
        let _ = write!(text, "  {FAINT}{aside}{FAINT:#}");
    }
    text.push('\n');
    text
}

fn wrapped(words: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WORDS => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use desk::private::Private;
    use desk::record::CallId;

    use super::*;

    fn live(what: What) -> Live {
        let at = "2026-01-14T16:01:32Z".parse().unwrap();
        Live { call: CallId("c-1".into()), at, ms: 10_537, what }
    }

    fn plain(row: &Row) -> String {
        anstream::adapter::strip_str(&shown(row)).to_string()
    }

    #[test]
    fn long_words_stay_in_their_column() {
        let text = "All right, a clogged drain. I can offer these times. Number one: today, between 2 and 4.";
        let row =
            desk_tells(&live(What::Speaks { text: Private::new(text.into()), gap_ms: Some(733) })).unwrap();
        assert_eq!(
            plain(&row),
            "  10.5s  desk     All right, a clogged drain. I can offer these times. Number one:\n\
             \x20                 today, between 2 and 4.  733 ms after the caller\n"
        );
    }

    #[test]
    fn what_was_not_understood_is_shown_as_such() {
        let row = desk_tells(&live(What::Heard { text: None, sure: None })).unwrap();
        assert_eq!(plain(&row), "  10.5s  heard    not understood\n");
    }

    #[test]
    fn a_callers_key_is_shown_where_it_was_pressed() {
        let happening = Happening::Uttering { what: Uttered::Press, text: "1".into() };
        let row = caller_tells(&happening, Duration::from_millis(1_240)).unwrap();
        assert_eq!(plain(&row), "   1.2s  caller   presses 1\n");
    }
}
