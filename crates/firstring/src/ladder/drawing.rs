//! A ladder on paper: a column for the caller, one for us, one for each person rung; time goes down.

use anstyle::{AnsiColor, Style};
use line::Side;

use super::words;
use super::{Ladder, Rung};

/// Signs before the first column.
const MARGIN: usize = 18;
/// Signs from one column to the next, at least and at most.
const GAP: (usize, usize) = (22, 28);
/// Where words stand that find no room beside the columns.
const INDENT: usize = 12;
/// What words need beside the columns, at least.
const BESIDE: usize = 36;

/// Signs in a line where nobody says how many there are.
const USUAL: usize = 120;

const FAINT: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// What is drawn on.
#[derive(Debug, Clone, Copy)]
pub struct Paper {
    /// Signs in a line.
    pub width: usize,
}

impl Paper {
    /// As wide as the terminal; where there is none, as wide as is usual.
    pub fn of_terminal() -> Paper {
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
        let width = size.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
        Paper { width: width.unwrap_or(USUAL) }
    }
}

/// Draws the ladder, in lines. Colours are written as they are meant; `anstream` takes them out where nobody sees them.
pub fn draw(ladder: &Ladder, paper: Paper) -> Vec<String> {
    let sheet = Sheet::of(ladder, paper);
    let mut lines = vec![sheet.heads()];
    let mut met = Vec::new();
    for rung in &ladder.rungs {
        let is_first = !met.contains(&&rung.leg);
        if is_first {
            met.push(&rung.leg);
        }
        lines.extend(sheet.rung(rung, is_first));
    }
    if ladder.left_out > 0 {
        lines.push(format!("{:INDENT$}and {} messages more, which were not kept", "", ladder.left_out));
    }
    lines
}

/// Where the columns are.
struct Sheet {
    /// The caller, us, and each person.
    columns: Vec<String>,
    gap: usize,
    width: usize,
}

/// Where we are among the columns.
const US: usize = 1;

impl Sheet {
    fn of(ladder: &Ladder, paper: Paper) -> Sheet {
        let mut columns = vec!["caller".to_string(), "desk".to_string()];
        for rung in &ladder.rungs {
            match rung.side {
                Side::Caller => columns[0] = format!("caller by {}", rung.name),
                Side::Person if !columns[2..].contains(&rung.name) => columns.push(rung.name.clone()),
                Side::Person => {}
            }
        }
        let gap = paper.width.saturating_sub(MARGIN + 4) / (columns.len() - 1);
        Sheet { columns, gap: gap.clamp(GAP.0, GAP.1), width: paper.width }
    }

    fn place(&self, column: usize) -> usize {
        MARGIN + column * self.gap
    }

    fn end(&self) -> usize {
        self.place(self.columns.len() - 1)
    }

    fn heads(&self) -> String {
        let mut line = String::new();
        for (column, head) in self.columns.iter().enumerate() {
            let head: String = head.chars().take(self.gap - 2).collect();
            let begin = self.place(column).saturating_sub(head.chars().count() / 2);
            line.extend(std::iter::repeat_n(' ', begin.saturating_sub(line.chars().count())));
            line.push_str(&head);
        }
        line
    }

    fn rung(&self, rung: &Rung, is_first: bool) -> Vec<String> {
        let at = format!("{:>11.3} ", rung.at_ms / 1e3);
        let arrow = self.arrow(rung);
        let notes = notes(rung, is_first);
        let room = self.width.saturating_sub(self.end() + 3);
        let head = format!("{FAINT}{at}{FAINT:#}{}", &arrow[at.len()..]);
        let mut lines = Vec::new();
        if notes.is_empty() {
            lines.push(head);
        } else if room >= BESIDE {
            let mut parts = wrapped(&notes, room).into_iter();
            let first = parts.next().unwrap_or_default();
            lines.push(format!("{head}  {FAINT}{first}{FAINT:#}"));
            lines.extend(parts.map(|part| format!("{}  {FAINT}{part}{FAINT:#}", self.lifelines())));
        } else {
            lines.push(head);
            lines.extend(self.under(&notes, FAINT));
        }
        if let Some(trouble) = &rung.trouble {
            lines.extend(self.under(&format!("! {trouble}"), BAD));
        }
        lines
    }

    fn under(&self, text: &str, style: Style) -> Vec<String> {
        let lines = wrapped(text, self.width.saturating_sub(INDENT));
        lines.into_iter().map(|line| format!("{:INDENT$}{style}{line}{style:#}", "")).collect()
    }

    fn lifelines(&self) -> String {
        let mut line = vec![' '; self.end() + 1];
        (0..self.columns.len()).for_each(|column| line[self.place(column)] = '│');
        line.into_iter().collect()
    }

    /// The lifelines, with an arrow between us and whose message it is.
    fn arrow(&self, rung: &Rung) -> String {
        let far = match rung.side {
            Side::Caller => 0,
            Side::Person => 2 + self.columns[2..].iter().position(|name| *name == rung.name).unwrap_or(0),
        };
        let mut line: Vec<char> = self.lifelines().chars().collect();
        let (from, to) = (self.place(far.min(US)) + 1, self.place(far.max(US)));
        line[from..to].fill('─');
        let points_right = rung.message.sent == (far > US);
        if points_right {
            line[to - 1] = '▶';
        } else {
            line[from] = '◀';
        }
        // The words stand in the gap beside us.
        let begin = self.place(if far > US { US } else { 0 });
        let words: Vec<char> = format!(" {} ", label(rung)).chars().take(self.gap - 4).collect();
        let start = begin + (self.gap - words.len()).div_ceil(2);
        line[start..start + words.len()].copy_from_slice(&words);
        line.into_iter().collect()
    }
}

fn label(rung: &Rung) -> String {
    let message = &rung.message;
    let about = if message.method == "INVITE" { String::new() } else { format!(" ({})", message.method) };
    let said = match message.status {
        Some(status) => format!("{status} {}{about}", message.reason),
        None => message.method.clone(),
    };
    if rung.times > 1 { format!("{} x{}", said.trim_end(), rung.times) } else { said.trim_end().to_string() }
}

/// What stands beside an arrow: what was offered or taken, and what tells why.
fn notes(rung: &Rung, is_first: bool) -> String {
    let message = &rung.message;
    let from_to = if message.sent { "to" } else { "from" };
    let far = is_first.then(|| format!("{from_to} {} by {}", message.far, message.transport));
    let headers = message.headers.iter().map(|(name, value)| format!("{name}: {value}"));
    let sdp = message.sdp.as_ref().map(words::description);
    let carries = message.carries.as_ref().map(|kind| format!("carries {kind}"));
    far.into_iter().chain(sdp).chain(carries).chain(headers).collect::<Vec<_>>().join("; ")
}

/// Words in lines of at most so many signs, unless one is longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_string());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
