//! The JSON Schema of scenario files, for editors.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::document::Document;
use super::plan::FRAME_SECTIONS;

/// The JSON Schema (draft 2020-12) of scenario files, as text.
///
/// It is made from the types that read a file. Where a parameter may stand, it allows "$name" as well.
pub fn schema() -> String {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = serde_json::to_value(generator.into_root_schema_for::<Document>()).unwrap_or_default();
    take_null_away(&mut schema);
    let mut extended = Map::new();
    if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
        for (_, definition) in
            definitions.iter_mut().filter(|(name, _)| !FRAME_TYPES.contains(&name.as_str()))
        {
            allow_parameters_inside(definition);
        }
        extended.append(definitions);
        let parameter = json!({
            "description": "The value of a parameter: \"$name\"",
            "type": "string",
            "pattern": r"^\$[A-Za-z_][A-Za-z0-9_-]*$"
        });
        extended.insert(PARAMETER.to_owned(), parameter);
    }
    if let Some(Value::Object(sections)) = schema.get_mut("properties") {
        for (name, section) in sections.iter_mut() {
            if !FRAME_SECTIONS.contains(&name.as_str()) {
                allow_parameters_inside(section);
                allow_parameter(section);
            }
        }
    }
    if let Some(definitions) = schema.get_mut("$defs") {
        *definitions = Value::Object(extended);
    }
    // All entries have a default for serde's sake; these two are asked for by the checks.
    schema["required"] = json!(["name", "duration"]);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// Takes `null` out of every choice: an entry without a value is left out, not set to `null`.
fn take_null_away(schema: &mut Value) {
    match schema {
        Value::Object(entries) => {
            if entries.get("default").is_some_and(Value::is_null) {
                entries.remove("default");
            }
            if let Some(Value::Array(kinds)) = entries.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [only] = kinds.as_slice() {
                    let only = only.clone();
                    entries.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = entries.get_mut("anyOf") {
                choices.retain(|choice| choice["type"] != "null");
                if choices.len() == 1
                    && let Some(Value::Object(only)) = choices.pop()
                {
                    entries.remove("anyOf");
                    entries.extend(only);
                }
            }
            entries.values_mut().for_each(take_null_away);
        }
        Value::Array(items) => items.iter_mut().for_each(take_null_away),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Lets a parameter stand for every value inside the one that `schema` describes.
fn allow_parameters_inside(schema: &mut Value) {
    let Value::Object(entries) = schema else { return };
    for (key, inside) in entries.iter_mut() {
        match (key.as_str(), inside) {
            ("properties", Value::Object(properties)) => {
                for property in properties.values_mut() {
                    allow_parameters_inside(property);
                    allow_parameter(property);
                }
            }
            ("items" | "additionalProperties", inside @ Value::Object(_)) => {
                allow_parameters_inside(inside);
                allow_parameter(inside);
            }
            ("prefixItems", Value::Array(items)) => {
                for item in items {
                    allow_parameters_inside(item);
                    allow_parameter(item);
                }
            }
            ("anyOf" | "oneOf", Value::Array(alternatives)) => {
                alternatives.iter_mut().for_each(allow_parameters_inside);
            }
            _ => {}
        }
    }
}

/// Lets a parameter stand for the value that `schema` describes; its description stays where editors look.
fn allow_parameter(schema: &mut Value) {
    let Value::Object(entries) = schema else { return };
    let described: Map<String, Value> = ["description", "default"]
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), entries.remove(*key)?)))
        .collect();
    let plain = std::mem::take(entries);
    entries.extend(described);
    entries.insert("anyOf".to_owned(), json!([plain, { "$ref": format!("#/$defs/{PARAMETER}") }]));
}

const PARAMETER: &str = "Parameter";

/// The types of the sections in which no parameters are replaced.
const FRAME_TYPES: &[&str] = &["Sweep", "Plot", "StackBy", "Expectation"];
