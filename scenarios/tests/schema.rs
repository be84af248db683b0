//! The JSON Schema that ships is the one that the program prints.

use std::fs;
use std::path::{Path, PathBuf};

use scenarios::language::schema;
use serde_json::Value;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenario.schema.json")
}

/// `UPDATE_SCHEMA=1 cargo test -p scenarios --test schema` writes the file again.
#[test]
fn the_schema_that_ships_is_up_to_date() {
    let made = schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(shipped(), &made).expect("the folder can be written");
    }
    let shipped = fs::read_to_string(shipped()).expect("it ships");
    assert!(shipped == made, "run with UPDATE_SCHEMA=1 and read the difference");
}

#[test]
fn every_entry_has_a_description() {
    let schema: Value = serde_json::from_str(&schema()).expect("it is JSON");
    let mut missing = Vec::new();
    let sections = std::iter::once(("", &schema));
    let definitions = schema["$defs"].as_object().expect("there are definitions").iter();
    for (name, definition) in
        sections.chain(definitions.map(|(name, definition)| (name.as_str(), definition)))
    {
        let Some(properties) = definition["properties"].as_object() else { continue };
        let bare = properties.iter().filter(|(_, property)| property.get("description").is_none());
        missing.extend(bare.map(|(entry, _)| format!("{name}.{entry}")));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn unknown_entries_are_refused_and_parameters_allowed() {
    let schema: Value = serde_json::from_str(&schema()).expect("it is JSON");
    assert_eq!(schema["additionalProperties"], Value::Bool(false));
    assert_eq!(schema["required"], serde_json::json!(["name", "duration"]));
    let rate = schema["$defs"]["LinkSettings"]["properties"]["rate"].to_string();
    assert!(rate.contains("#/$defs/Parameter"), "{rate}");
    assert!(!rate.contains("null"), "an entry is left out, not set to null: {rate}");
    let axis = schema["$defs"]["Plot"]["properties"]["x"].to_string();
    assert!(!axis.contains("Parameter"), "parameters have no meaning in a plot: {axis}");
}
