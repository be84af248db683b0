//! Every wrong file is refused with the diagnostics that are committed beside it.
//!
//! `UPDATE_DIAGNOSTICS=1 cargo test -p scenarios --test wrong_files` writes them again; read them before committing.

use std::fs;
use std::path::{Path, PathBuf};

use scenarios::language::{Diagnostic, NoFiles, Overrides, Plan, render, render_lines};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong")
}

fn drawn(file: &str, bytes: &[u8]) -> String {
    let diagnostics: Vec<Diagnostic> = match Plan::parse(bytes, &Overrides::default(), &NoFiles) {
        Ok(plan) => plan.warnings,
        Err(diagnostics) => diagnostics,
    };
    let text = std::str::from_utf8(bytes).unwrap_or("");
    format!("{}\n{}", render_lines(&diagnostics, file), render(&diagnostics, file, text, false))
}

/// The text as on the screen, without spaces that only fill a line.
fn trimmed(text: &str) -> String {
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn every_wrong_file_has_the_diagnostics_that_are_written_beside_it() {
    let update = std::env::var_os("UPDATE_DIAGNOSTICS").is_some();
    let mut files: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the folder ships")
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(files.len() >= 60, "only {} wrong files", files.len());
    let mut different = Vec::new();
    for path in files {
        let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let drawn = trimmed(&drawn(&name, &fs::read(&path).expect("it can be read")));
        assert!(drawn.contains("error: ") || drawn.contains("warning: "), "{name} is not wrong at all");
        let beside = path.with_extension("txt");
        if update {
            fs::write(&beside, &drawn).expect("the folder can be written");
        } else if fs::read_to_string(&beside).unwrap_or_default() != drawn {
            different.push(format!("--- {name}\n{drawn}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn no_diagnostics_are_left_of_files_that_are_gone() {
    for entry in fs::read_dir(folder()).expect("the folder ships") {
        let path = entry.expect("it can be read").path();
        assert!(path.with_extension("json").exists(), "{} has no file", path.display());
    }
}
