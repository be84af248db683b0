//! The scenarios that ship.

use std::collections::BTreeSet;
use std::path::Path;

use crate::harness::Place;

#[test]
fn list_shows_every_shipped_scenario_with_its_question() {
    let out = Place::new("list").run(&["list"]).expect(0).out;
    let listed: BTreeSet<String> =
        out.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    assert_eq!(listed, shipped());
    for line in out.lines().filter(|line| !line.is_empty()) {
        assert!(line.split_whitespace().count() > 3, "{line} asks something");
    }
}

#[test]
fn every_shipped_scenario_is_right_and_called_like_its_file() {
    let place = Place::new("check-shipped");
    for path in shipped() {
        let name = path.rsplit('/').next().unwrap();
        for way in [path.as_str(), name] {
            let out = place.run(&["check", "--plain", way]).expect(0).out;
            assert_eq!(out.lines().count(), 1, "no warnings:\n{out}");
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{path}.json"));
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("\"name\": \"{name}\"")), "{path} is called {name}");
    }
}

#[test]
fn every_shipped_scenario_has_a_recorded_digest() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/golden.json");
    let golden: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let recorded: BTreeSet<String> = golden.as_object().unwrap().keys().cloned().collect();
    // What is joined to the outside depends on it.
    let alone = shipped().into_iter().filter(|path| !path.starts_with("live/"));
    let names: BTreeSet<String> = alone.map(|path| path.rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(recorded, names, "`netjoule verify --update` records them");
}

/// The scenario files of the sources, without `.json`.
fn shipped() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut found = BTreeSet::new();
    for folder in ["compare", "course", "bench", "live"] {
        for entry in std::fs::read_dir(root.join(folder)).into_iter().flatten() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(stem) = name.strip_suffix(".json") {
                found.insert(format!("{folder}/{stem}"));
            }
        }
    }
    found
}
