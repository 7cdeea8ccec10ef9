//! Writes what the definitions say: as JSON schema, as the reference page and as a commented example.
//!
//! Invariant: nothing about a setting is written here; all of it comes from [`file`](super::file).

use std::fmt::Write as _;
use std::sync::OnceLock;

use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

use super::file::File;
use super::shape::{choices, fixed_words, kind_of, properties};
use super::written::inline;

/// The definitions as JSON schema, each type written out where it is used.
pub(super) fn definitions() -> &'static Json {
    static SCHEMA: OnceLock<Json> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        settings.into_generator().into_root_schema_for::<File>().to_value()
    })
}

/// The JSON schema (draft 2020-12) of a configuration file, for editors.
pub fn schema() -> String {
    format!("{:#}\n", definitions())
}

/// The reference page, in Markdown.
pub fn reference() -> String {
    let top = definitions();
    let mut page = String::from(REFERENCE_HEAD);
    let single: Vec<_> = properties(top).filter(|(_, schema)| !is_section(schema)).collect();
    if !single.is_empty() {
        page.push_str("\n## At the top\n\nBefore the first section.\n\n");
        table(&mut page, &single, top);
    }
    for (name, schema) in properties(top).filter(|(_, schema)| is_section(schema)) {
        section(&mut page, name, schema);
    }
    page.push_str("\n## Not available yet\n\nRefused in these words.\n\n");
    later(&mut page, top, "");
    page
}

const REFERENCE_HEAD: &str = "# Configuration

One TOML file, given with `-c`. `firstring check -c FILE` reads it and names every fault with file, line and key;
`firstring config example` prints one to start from, `firstring config schema` a JSON schema for editors.
This page is printed by `firstring config reference`.

A duration is a number with its unit: `500ms`, `15s`, `30m`, `2h`, `14d`, `2w`. A telephone number without `+` is read as one of
`business.country`. A secret is written `env:NAME` or `file:PATH`. A relative path begins at the configuration file.
";

fn section(page: &mut String, name: &str, schema: &Json) {
    let (heading, item) = headed(name, schema);
    let keys: Vec<_> = properties(item).filter(|(_, schema)| !is_section(schema)).collect();
    let _ = write!(page, "\n## `{heading}`\n\n{}\n\n", described(schema));
    table(page, &keys, item);
    for (key, schema) in properties(item).filter(|(_, schema)| is_section(schema)) {
        section(page, &format!("{name}.{key}"), schema);
    }
}

/// How a section begins in the file, and what one of its tables holds.
fn headed<'s>(name: &str, schema: &'s Json) -> (String, &'s Json) {
    match kind_of(schema) {
        Some("array") => (format!("[[{name}]]"), &schema["items"]),
        _ => (format!("[{name}]"), schema),
    }
}

fn is_section(schema: &Json) -> bool {
    kind_of(schema) == Some("object") || is_list_of_tables(schema)
}

/// A list of tables that is written as sections of its own; one with an example is written on one line.
fn is_list_of_tables(schema: &Json) -> bool {
    kind_of(schema) == Some("array")
        && kind_of(&schema["items"]) == Some("object")
        && schema["examples"].is_null()
}

fn table(page: &mut String, keys: &[(&str, &Json)], table: &Json) {
    page.push_str("| Key | Value | Without it | Meaning |\n|---|---|---|---|\n");
    for (key, schema) in keys {
        let meaning = described(schema).replace('\n', " ").replace('|', "\\|");
        let _ = writeln!(
            page,
            "| `{key}` | {} | {} | {meaning}{}{} |",
            kind(schema),
            without(key, schema, table),
            meanings(schema),
            fields(schema)
        );
    }
}

fn described(schema: &Json) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

fn kind(schema: &Json) -> String {
    let words: Vec<&str> = choices(schema).into_iter().flat_map(fixed_words).collect();
    match kind_of(schema) {
        _ if !words.is_empty() => ticked(&words, " or "),
        Some("string") => "text".to_string(),
        Some("boolean") => "`true` or `false`".to_string(),
        Some("integer") => "whole number".to_string(),
        Some("array") => match kind_of(&schema["items"]) {
            Some("object") => "list of tables".to_string(),
            _ => "list".to_string(),
        },
        _ => "text".to_string(),
    }
}

fn without(key: &str, schema: &Json, table: &Json) -> String {
    let required = table["required"].as_array().is_some_and(|names| names.iter().any(|name| name == key));
    match &schema["default"] {
        _ if required => "**needed**".to_string(),
        Json::Null => "".to_string(),
        Json::Array(items) if items.is_empty() => "none".to_string(),
        default => format!("`{}`", inline(default)),
    }
}

/// What each of a setting's words means.
fn meanings(schema: &Json) -> String {
    let mut all = String::new();
    for choice in choices(schema) {
        if let (Some(word), text) = (choice["const"].as_str(), described(choice)) {
            let _ = write!(all, " `{word}`: {text}");
        }
    }
    all
}

/// The keys of tables that stand on one line.
fn fields(schema: &Json) -> String {
    let mut all = String::new();
    for choice in choices(&schema["items"]) {
        for (key, field) in properties(choice) {
            let _ = write!(all, " **`{key}`**: {}{}", described(field).replace('\n', " "), meanings(field));
        }
    }
    all
}

fn ticked(words: &[&str], between: &str) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(between)
}

/// What the design names and this version refuses, from here down.
fn later(page: &mut String, schema: &Json, path: &str) {
    let below = |key: &str| if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
    for one in choices(schema) {
        for (key, says) in one["x-later"].as_object().into_iter().flatten() {
            let _ = writeln!(page, "- `{}`: {}", below(key), says.as_str().unwrap_or_default());
        }
        for (key, schema) in properties(one) {
            later(page, schema, &below(key));
        }
        if one["items"].is_object() {
            later(page, &one["items"], path);
        }
    }
    if let Some(words) = schema["x-later"].as_array() {
        let words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
        let _ = writeln!(page, "- `{path}` = {}", ticked(&words, ", "));
    }
}

/// A commented configuration that parses: what is needed is written, what can be left out stands as a comment.
pub fn example() -> String {
    let top = definitions();
    let mut text = String::from(EXAMPLE_HEAD);
    for (name, schema) in properties(top).filter(|(_, schema)| !is_section(schema)) {
        text.push('\n');
        setting(&mut text, name, schema, top);
    }
    for (name, schema) in properties(top).filter(|(_, schema)| is_section(schema)) {
        example_section(&mut text, name, schema);
    }
    text
}

const EXAMPLE_HEAD: &str =
    "# A desk for one business. Lines that begin with `#` and a key show what holds without them.
# Look it over with: firstring check -c FILE
";

fn example_section(text: &mut String, name: &str, schema: &Json) {
    let (heading, item) = headed(name, schema);
    text.push('\n');
    comment(text, described(schema));
    let _ = writeln!(text, "{heading}");
    for (key, schema) in properties(item).filter(|(_, schema)| !is_section(schema)) {
        setting(text, key, schema, item);
    }
    for (key, schema) in properties(item).filter(|(_, schema)| is_section(schema)) {
        example_section(text, &format!("{name}.{key}"), schema);
    }
}

fn setting(text: &mut String, key: &str, schema: &Json, table: &Json) {
    comment(text, described(schema));
    for choice in choices(schema) {
        if let Some(word) = choice["const"].as_str() {
            comment(text, &format!("- {word}: {}", described(choice)));
        }
    }
    let example = &schema["examples"][0];
    let default = &schema["default"];
    let _ = match (example, default) {
        (Json::Null, Json::Null) => writeln!(text, "# {key} ="),
        (Json::Null, default) => writeln!(text, "# {key} = {}", inline(default)),
        (example, _) if without(key, schema, table).contains("needed") || example != default => {
            writeln!(text, "{key} = {}", inline(example))
        }
        (example, _) => writeln!(text, "# {key} = {}", inline(example)),
    };
}

/// Wrapped to a width that fits beside an editor's margin.
fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.len() + word.len() + 1 > WIDTH {
            let _ = writeln!(text, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    if line.len() > 1 {
        let _ = writeln!(text, "{line}");
    }
}

const WIDTH: usize = 100;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn the_example_parses_as_it_is_printed() {
        let read = Config::from_text("example", &example(), Path::new("/nonexistent"));
        assert_eq!(read.err().map(|refusals| refusals.to_string()), None);
    }

    #[test]
    fn every_setting_says_what_it_means() {
        let mut without_words = Vec::new();
        silent(definitions(), "", &mut without_words);
        assert_eq!(without_words, Vec::<String>::new());
    }

    fn silent(schema: &Json, path: &str, found: &mut Vec<String>) {
        for one in choices(schema) {
            for (key, schema) in properties(one) {
                let path = format!("{path}.{key}");
                if described(schema).is_empty() {
                    found.push(path.clone());
                }
                silent(schema, &path, found);
            }
            if one["items"].is_object() {
                silent(&one["items"], path, found);
            }
        }
    }

    #[test]
    fn the_reference_page_is_what_the_definitions_say() {
        let page = include_str!("../../../../docs/configuration.md");
        assert!(page == reference(), "write it anew: firstring config reference > docs/configuration.md");
    }
}
