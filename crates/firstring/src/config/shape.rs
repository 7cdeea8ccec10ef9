//! Holds what is written against the definitions of [`file`](super::file): keys, kinds of values, known words.
//!
//! Works on the JSON schema made from the definitions, so that a setting is described once. All faults are found in
//! one pass. Invariant: a table that leaves here without a fatal refusal can be read into the definitions.

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{At, Document};
use super::refusal::{Refusal, instead, listed, nearest};

/// What the definitions say about a written table.
pub(super) struct Verdict {
    /// Every fault.
    pub(super) refusals: Vec<Refusal>,
    /// Whether the values can be judged in spite of the faults.
    pub(super) readable: bool,
    /// Keys that were taken out: what is said about their absence follows from their own fault.
    pub(super) taken_out: Vec<At>,
}

/// Compares a document with the schema, and mends `table` as far as the rest of it can then be judged: a slip in a key
/// is read as what it must mean, and what can be left out and is at fault is left out.
pub(super) fn compare(document: &Document<'_>, table: &mut DeTable<'_>, schema: &Json) -> Verdict {
    let verdict = Verdict { refusals: Vec::new(), readable: true, taken_out: Vec::new() };
    let mut comparison = Comparison { document, verdict };
    comparison.table(table, schema, &At::top());
    comparison.verdict
}

struct Comparison<'d, 't> {
    document: &'d Document<'t>,
    verdict: Verdict,
}

/// Whether a value can be read into its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Soundness {
    Sound,
    Unsound,
}

impl Comparison<'_, '_> {
    fn table(&mut self, table: &mut DeTable<'_>, schema: &Json, at: &At) {
        let written: Vec<String> = table.keys().map(|key| key.get_ref().to_string()).collect();
        for key in &written {
            let Some(expected) = property(schema, key) else {
                self.unknown_key(table, key, schema, at);
                continue;
            };
            let below = at.key(key);
            let read = table.get_mut(key.as_str()).map(|value| self.value(value, expected, &below));
            if read == Some(Soundness::Unsound) {
                self.take_out(table, key, schema, at);
            }
        }
        for name in words(schema.get("required")) {
            if !table.contains_key(name) {
                self.verdict.readable = false;
                // A table says by one of these keys what it is; with another of them this one is not missed.
                let mut kinds = words(schema.get("x-kind"));
                let said = kinds.any(|kind| kind != name && written.iter().any(|key| key == kind));
                if !said {
                    self.missing(name, schema, at);
                }
            }
        }
    }

    /// A required key cannot be left out: without it nothing further can be read.
    fn take_out(&mut self, table: &mut DeTable<'_>, key: &str, schema: &Json, at: &At) {
        match words(schema.get("required")).any(|name| name == key) {
            true => self.verdict.readable = false,
            false => {
                table.remove(key);
                self.verdict.taken_out.push(at.key(key));
            }
        }
    }

    fn unknown_key(&mut self, table: &mut DeTable<'_>, key: &str, schema: &Json, at: &At) {
        let below = at.key(key);
        let removed = table.remove_entry(key);
        if let Some(later) = schema["x-later"].get(key).and_then(Json::as_str) {
            return self.refuse(&below, later.to_string());
        }
        let known: Vec<&str> = properties(schema).map(|(name, _)| name).collect();
        let place = match (at.shown().as_str(), at.is_item()) {
            ("", _) => "this file".to_string(),
            (name, true) => format!("[[{name}]]"),
            (name, false) => format!("[{name}]"),
        };
        let right = instead(key, &known, &format!("known here are {}", listed(&known)));
        self.refuse(&below, format!("{place} has no key {key:?}; {right}"));
        let meant = nearest(key, known.iter().copied()).filter(|name| !table.contains_key(*name));
        if let (Some(meant), Some((written, mut value))) = (meant, removed) {
            let Some(expected) = property(schema, meant) else { return };
            if self.value(&mut value, expected, &below) == Soundness::Sound {
                table.insert(Spanned::new(written.span(), meant.to_string().into()), value);
            }
        }
    }

    fn missing(&mut self, name: &str, schema: &Json, at: &At) {
        let below = at.key(name);
        let schema = property(schema, name).unwrap_or(&Json::Null);
        let example = schema["examples"][0].clone();
        let says = match (kind_of(schema), example) {
            (Some("object"), _) => format!("is missing; add a section [{}]", below.shown()),
            (Some("array"), Json::Null) => format!("is missing; add at least one [[{}]]", below.shown()),
            (_, Json::Null) => "is missing".to_string(),
            (_, example) => {
                format!("is missing; write it like {name} = {}", super::written::inline(&example))
            }
        };
        self.refuse(&below, says);
    }

    fn value(&mut self, value: &mut Spanned<DeValue<'_>>, schema: &Json, at: &At) -> Soundness {
        let choices = choices(schema);
        let kind = kind_written(value.get_ref());
        let fitting: Vec<&Json> =
            choices.iter().copied().filter(|choice| kind_of(choice) == Some(kind)).collect();
        let Some(first) = fitting.first().copied() else {
            return self.wrong_kind(kind, &choices, schema, at);
        };
        match value.get_mut() {
            DeValue::Table(table) => {
                let meant = fitting.iter().copied().find(|choice| is_meant(choice, table));
                self.table(table, meant.unwrap_or(first), at);
                Soundness::Sound
            }
            DeValue::Array(array) => {
                let mut sound = Soundness::Sound;
                let items = item_of(first, schema);
                for (index, item) in array.iter_mut().enumerate() {
                    if self.value(item, &items, &at.item(index)) == Soundness::Unsound {
                        sound = Soundness::Unsound;
                    }
                }
                sound
            }
            DeValue::String(text) => self.word(text, &fitting, schema, at),
            DeValue::Integer(number) => {
                let digits = number.as_str().replace('_', "");
                self.number(i64::from_str_radix(&digits, number.radix()).ok(), first, at)
            }
            DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => Soundness::Sound,
        }
    }

    fn wrong_kind(&mut self, kind: &str, choices: &[&Json], schema: &Json, at: &At) -> Soundness {
        let wanted: Vec<&str> = choices.iter().filter_map(|choice| kind_of(choice)).map(in_words).collect();
        let mut says = format!("this is {}; it must be {}", in_words(kind), alternatives(wanted.clone()));
        let example = &schema["examples"][0];
        match at.shown().rsplit('.').next().filter(|_| !example.is_null()) {
            Some(_) if at.is_item() => says.push_str(&format!(", like {}", super::written::inline(example))),
            Some(name) => says.push_str(&format!(", like {name} = {}", super::written::inline(example))),
            // A section that can come more than once.
            None if kind == "object" && wanted == [in_words("array")] => {
                says = format!("this is a section that can come more than once; write [[{}]]", at.shown());
            }
            None => {}
        }
        self.refuse(at, says);
        Soundness::Unsound
    }

    fn word(&mut self, text: &str, choices: &[&Json], schema: &Json, at: &At) -> Soundness {
        let known: Vec<&str> = choices.iter().flat_map(|choice| fixed_words(choice)).collect();
        if known.is_empty() || known.contains(&text) {
            return Soundness::Sound;
        }
        let mut lists = std::iter::once(&schema["x-later"])
            .chain(schema["anyOf"].as_array().into_iter().flatten().map(|one| &one["x-later"]));
        let says = match lists.any(|list| words(Some(list)).any(|word| word == text)) {
            true => format!("{text:?} is not available yet; available {}", there_is(&known)),
            false => format!("{text:?} is not known here; {}", instead(text, &known, "")),
        };
        self.refuse(at, says);
        Soundness::Unsound
    }

    fn number(&mut self, number: Option<i64>, schema: &Json, at: &At) -> Soundness {
        let bound = |name: &str, otherwise: i64| schema[name].as_i64().unwrap_or(otherwise);
        let (least, most) = (bound("minimum", 0), bound("maximum", i64::from(u32::MAX)));
        if number.is_some_and(|number| (least..=most).contains(&number)) {
            return Soundness::Sound;
        }
        self.refuse(at, format!("this must be a whole number from {least} to {most}"));
        Soundness::Unsound
    }

    fn refuse(&mut self, at: &At, says: String) {
        self.verdict.refusals.push(self.document.refusal(at, says));
    }
}

/// What each item of a list is, with the first of the list's own example where it has none.
fn item_of(list: &Json, schema: &Json) -> Json {
    let mut item = list["items"].clone();
    let example = &schema["examples"][0][0];
    if item["examples"].is_null() && !example.is_null() && item.is_object() {
        item["examples"] = Json::Array(vec![example.clone()]);
    }
    item
}

/// Of several kinds of tables, the one that has every key it needs is meant.
fn is_meant(choice: &Json, table: &DeTable<'_>) -> bool {
    words(choice.get("required")).all(|key| table.contains_key(key))
}

fn there_is(known: &[&str]) -> String {
    match known {
        [_] => format!("is {}", listed(known)),
        _ => format!("are {}", listed(known)),
    }
}

fn alternatives(mut wanted: Vec<&str>) -> String {
    wanted.dedup();
    wanted.join(" or ")
}

/// The properties of a table, in the order of their definition.
pub(super) fn properties(schema: &Json) -> impl Iterator<Item = (&str, &Json)> {
    schema["properties"].as_object().into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
}

fn property<'s>(schema: &'s Json, name: &str) -> Option<&'s Json> {
    schema["properties"].get(name)
}

/// A schema that is one of several, as all of them, without the absence of a value.
pub(super) fn choices(schema: &Json) -> Vec<&Json> {
    let several = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
    match several {
        Some(several) => several.iter().filter(|one| one["type"] != "null").flat_map(choices).collect(),
        None => vec![schema],
    }
}

/// The kind of value a schema without choices describes, in JSON's words.
pub(super) fn kind_of(schema: &Json) -> Option<&str> {
    match &schema["type"] {
        Json::String(kind) => Some(kind),
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null"),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => None,
    }
}

/// The only words a schema allows, if it lists them.
pub(super) fn fixed_words(schema: &Json) -> Vec<&str> {
    let listed = words(schema.get("enum"));
    schema["const"].as_str().into_iter().chain(listed).collect()
}

fn words(list: Option<&Json>) -> impl Iterator<Item = &str> {
    list.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
}

fn kind_written(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "datetime",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    }
}

fn in_words(kind: &str) -> &str {
    match kind {
        "string" => "text in quotes",
        "integer" => "a whole number",
        "number" => "a number with a point",
        "boolean" => "true or false",
        "datetime" => "a date",
        "array" => "a list in [ ]",
        "object" => "a table",
        other => other,
    }
}
