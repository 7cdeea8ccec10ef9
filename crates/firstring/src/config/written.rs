//! Values as a person writes them in TOML, on one line.

use serde_json::Value as Json;

/// A value as inline TOML: `"text"`, `["a", "b"]`, `{ to = "101" }`.
pub(super) fn inline(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::Bool(_) | Json::Number(_) => value.to_string(),
        // JSON's escapes are TOML's: both have \" \\ \n \t \uXXXX.
        Json::String(_) => value.to_string(),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name} = {}", inline(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_written_as_toml_reads_it() {
        let value = serde_json::json!([{"to": "101", "via": "main"}, "a \"b\"", 4, true]);
        let text = inline(&value);
        assert_eq!(text, "[{ to = \"101\", via = \"main\" }, \"a \\\"b\\\"\", 4, true]");
        assert!(toml::from_str::<toml::Table>(&format!("x = {text}")).is_ok());
    }
}
