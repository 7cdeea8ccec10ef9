//! The text of a configuration as TOML, with the line of every key.
//!
//! What the keys mean is decided elsewhere. Invariant: every refusal that comes from here has the line it is about.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::refusal::Refusal;

/// A place in the file, like `trunk[0].accept_from[1]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At(String);

impl At {
    /// The top of the file.
    pub(super) fn top() -> At {
        At::default()
    }

    /// A key of the table here.
    pub(super) fn key(&self, key: &str) -> At {
        match self.0.as_str() {
            "" => At(key.to_string()),
            above => At(format!("{above}.{key}")),
        }
    }

    /// An element of the array here, counted from 0.
    pub(super) fn item(&self, index: usize) -> At {
        At(format!("{}[{index}]", self.0))
    }

    /// Whether this place is an element of an array.
    pub(super) fn is_item(&self) -> bool {
        self.0.ends_with(']')
    }

    /// Where this place stands in; the top stands in itself.
    pub(super) fn above(&self) -> At {
        let end = self.0.rfind(['.', '[']).unwrap_or(0);
        At(self.0[..end].to_string())
    }

    /// As a person writes it: without the numbers of elements.
    pub(super) fn shown(&self) -> String {
        let mut shown = String::with_capacity(self.0.len());
        let mut inside = false;
        for sign in self.0.chars() {
            match sign {
                '[' => inside = true,
                ']' => inside = false,
                _ if inside => {}
                sign => shown.push(sign),
            }
        }
        shown
    }
}

/// A file that was read as TOML.
pub(super) struct Document<'t> {
    /// As given on the command line.
    pub(super) file: String,
    /// The tables and values.
    pub(super) table: Spanned<DeTable<'t>>,
    lines: BTreeMap<At, usize>,
    line_ends: Vec<usize>,
}

impl<'t> Document<'t> {
    /// Reads TOML 1.1. What is no TOML is told, each with its line; the rest can be read on.
    pub(super) fn parse(file: &str, text: &'t str) -> (Document<'t>, Vec<Refusal>) {
        let (table, mut errors) = DeTable::parse_recoverable(text);
        errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
        let line_ends = text.match_indices('\n').map(|(at, _)| at).collect();
        let mut document = Document { file: file.to_string(), table, lines: BTreeMap::new(), line_ends };
        let mut lines = BTreeMap::new();
        document.note_table(document.table.get_ref(), &At::top(), &mut lines);
        document.lines = lines;
        let mut refusals: Vec<Refusal> = Vec::new();
        for error in errors {
            let line = document.line_at(error.span().map_or(0, |span| span.start));
            // One slip upsets the parser several times; the first word about a line is the true one.
            if refusals.iter().all(|refusal| refusal.line != line) {
                let said = error.span().and_then(|span| text.get(span)).unwrap_or_default();
                let says = match error.message() {
                    "duplicate key" => format!("{said} is there already; take one of the two out"),
                    other => format!("this cannot be read as TOML: {other}"),
                };
                refusals.push(Refusal { file: file.to_string(), line, key: String::new(), says });
            }
        }
        (document, refusals)
    }

    /// The line of a place, or of the nearest one above it that is written in the file.
    pub(super) fn line(&self, at: &At) -> usize {
        let mut at = at.clone();
        loop {
            match self.lines.get(&at) {
                Some(line) => return *line,
                None if at == At::top() => return 1,
                None => at = at.above(),
            }
        }
    }

    /// The line of a byte of the text, counted from 1.
    pub(super) fn line_at(&self, byte: usize) -> usize {
        self.line_ends.partition_point(|end| *end < byte) + 1
    }

    /// A refusal of what is written at a place.
    pub(super) fn refusal(&self, at: &At, says: String) -> Refusal {
        Refusal { file: self.file.clone(), line: self.line(at), key: at.shown(), says }
    }

    fn note_table(&self, table: &DeTable<'_>, at: &At, lines: &mut BTreeMap<At, usize>) {
        for (key, value) in table.iter() {
            let at = at.key(key.get_ref());
            lines.insert(at.clone(), self.line_at(key.span().start));
            self.note_below(value, &at, lines);
        }
    }

    fn note_below(&self, value: &Spanned<DeValue<'_>>, at: &At, lines: &mut BTreeMap<At, usize>) {
        match value.get_ref() {
            DeValue::Table(table) => self.note_table(table, at, lines),
            DeValue::Array(array) => {
                for (index, item) in array.iter().enumerate() {
                    let at = at.item(index);
                    lines.insert(at.clone(), self.line_at(item.span().start));
                    self.note_below(item, &at, lines);
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_element_knows_its_line() {
        let text = "[sip]\nlisten = [\n  \"a\",\n  \"b\",\n]\n\n[[trunk]]\nname = \"x\"\n\n[[trunk]]\nname = \"y\"\n";
        let (document, refusals) = Document::parse("f", text);
        assert_eq!(refusals, []);
        let trunk = At::top().key("trunk");
        for (at, line) in [
            (At::top().key("sip").key("listen").item(1), 4),
            (At::top().key("sip"), 1),
            (trunk.item(0).key("name"), 8),
            (trunk.item(1).key("name"), 11),
            (trunk.item(1), 10),
            (trunk.item(1).key("channels"), 10),
            (At::top().key("office"), 1),
        ] {
            assert_eq!(document.line(&at), line, "{at:?}");
        }
        assert_eq!(trunk.item(1).key("name").shown(), "trunk.name");
    }

    #[test]
    fn each_line_that_is_no_toml_is_told_once() {
        let (_, refusals) = Document::parse("f", "a = \nb = 1\nc = [1,,\n");
        let lines: Vec<usize> = refusals.iter().map(|refusal| refusal.line).collect();
        assert_eq!(lines, [1, 3]);
    }
}
