//! Lines of a calendar: folded ones joined; name, parameters and value told apart, with the number of each.

use super::{Fault, IcsError};

/// Properties that decide what is busy. Anything else may be broken: people write what they like in it.
const LOOKED_AT: [&str; 14] = [
    "BEGIN",
    "END",
    "UID",
    "DTSTART",
    "DTEND",
    "DURATION",
    "TRANSP",
    "STATUS",
    "RRULE",
    "RDATE",
    "EXDATE",
    "RECURRENCE-ID",
    "FREEBUSY",
    "TZID",
];

/// One property.
#[derive(Debug)]
pub(super) struct Line {
    /// Of its first physical line, counted from 1.
    pub number: usize,
    /// In capitals.
    pub name: String,
    /// Names in capitals, values without quotes.
    parameters: Vec<(String, String)>,
    /// As written.
    pub value: String,
}

impl Line {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The properties of a calendar, in order.
pub(super) fn properties(text: &str) -> Result<Vec<Line>, IcsError> {
    let mut lines = Vec::new();
    for (number, text) in unfolded(text) {
        match property(number, &text) {
            Some(line) => lines.push(line),
            None => {
                let name = text.split([';', ':', '=', ' ']).next().unwrap_or_default().to_ascii_uppercase();
                if lines.is_empty() {
                    return Err(Fault::NoCalendar.at(number));
                }
                if LOOKED_AT.contains(&name.as_str()) {
                    return Err(Fault::NoProperty { text: text.chars().take(40).collect() }.at(number));
                }
            }
        }
    }
    Ok(lines)
}

/// Joins each line with those after it that begin with a space or a tab (RFC 5545 3.1). Empty ones are left out.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            (Some(_), None) | (None, _) if line.trim().is_empty() => {}
            (Some(_), None) | (None, _) => lines.push((index + 1, line.to_string())),
        }
    }
    lines
}

/// `NAME;PARAMETER=value;PARAMETER="quoted: value":value`
fn property(number: usize, text: &str) -> Option<Line> {
    let end_of_name = text.find([':', ';'])?;
    let name = text[..end_of_name].trim().to_ascii_uppercase();
    let mut rest = &text[end_of_name..];
    let mut parameters = Vec::new();
    while let Some(after) = rest.strip_prefix(';') {
        let end = unquoted(after, &[':', ';'])?;
        if let Some((name, value)) = after[..end].split_once('=') {
            parameters.push((name.trim().to_ascii_uppercase(), value.trim().trim_matches('"').to_string()));
        }
        rest = &after[end..];
    }
    let value = rest.strip_prefix(':')?.to_string();
    Some(Line { number, name, parameters, value })
}

/// Where the first of `signs` stands outside quotes.
fn unquoted(text: &str, signs: &[char]) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, sign)| {
        quoted ^= sign == '"';
        (!quoted && signs.contains(&sign)).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_lines_quotes_and_parameters_are_read() {
        let text = "\u{feff}BEGIN:VCALENDAR\r\n\r\nDTSTART;TZID=\"America/\r\n Chicago\";X=a:2026\r\n\t1203T08\r\n 0000\r\n\
                    attendee;CN=\"Lee: \"\"; x\":mailto:lee@example.com\nno colon here\n";
        let lines = properties(text).unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!((lines[1].number, lines[1].name.as_str()), (3, "DTSTART"));
        assert_eq!(lines[1].parameter("TZID"), Some("America/Chicago"));
        assert_eq!(lines[1].value, "20261203T080000");
        assert_eq!((lines[2].name.as_str(), lines[2].value.as_str()), ("ATTENDEE", "mailto:lee@example.com"));
    }

    #[test]
    fn a_broken_line_that_decides_is_refused_and_any_other_is_left_out() {
        let broken = |line: &str| properties(&format!("BEGIN:VCALENDAR\n{line}\nEND:VCALENDAR"));
        assert_eq!(broken("see you there").unwrap().len(), 2);
        assert_eq!(
            broken("RRULE;FREQ=DAILY").unwrap_err().to_string(),
            "line 2: \"RRULE;FREQ=DAILY\" is not a line of a calendar"
        );
        assert_eq!(properties("hello").unwrap_err().line, 1);
    }
}
