//! The house keeps its order: arrows point down, files stay small, nothing is left half done.
//!
//! Manifests and sources are read as text. Each rule is a function from text to complaints, so that tests can feed it
//! what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which packages of the house a package may use. Who is not named here may use none.
const ARROWS: &[(&str, &[&str])] = &[
    ("netjoule", &["reports", "scenarios", "transport", "wire", "sim-core"]),
    ("reports", &[]),
    ("scenarios", &["host", "network", "session", "security", "transport", "hw", "wire", "sim-core"]),
    ("host", &["network", "session", "security", "transport", "hw", "wire", "sim-core"]),
    ("network", &["hw", "wire", "sim-core"]),
    ("session", &["security", "transport", "wire", "sim-core"]),
    ("security", &["transport", "wire", "sim-core"]),
    ("transport", &["wire", "sim-core"]),
    ("wire", &["sim-core"]),
    ("hw", &["sim-core"]),
    ("sim-core", &[]),
];

/// The most lines of a source file.
const FILE_LINES_MAX: usize = 500;

/// A function above this is named in the output of the test, but does not fail it.
const FUNCTION_LINES_MAX: usize = 100;

/// Words that mark what is not finished. Cut in two, or this file would hold them.
const UNFINISHED: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("unimpl", "emented!"), concat!("to", "do!")];

/// The keyword that the whole house does without.
const UNSAFE: &str = concat!("un", "safe");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The packages that `package` may use; `None` if the house does not know it.
fn below(package: &str) -> Option<&'static [&'static str]> {
    ARROWS.iter().find(|(from, _)| *from == package).map(|(_, to)| *to)
}

fn is_of_the_house(package: &str) -> bool {
    below(package).is_some()
}

/// The name of the package that a manifest declares.
fn package_name(manifest: &str) -> Option<&str> {
    let package = manifest.lines().skip_while(|line| line.trim() != "[package]");
    let name = package.skip(1).take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "name").then(|| value.trim().trim_matches('"'))
    });
    name.filter(|name| !name.is_empty())
}

/// The packages of the house that a manifest depends on, for whatever purpose.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut is_list = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            // The workspace's own table says where packages are, not who uses them.
            let own = !section.starts_with("workspace");
            is_list = own && section.ends_with("dependencies");
            if let Some((list, name)) = section.rsplit_once('.').filter(|_| own)
                && list.ends_with("dependencies")
            {
                found.insert(name.trim_matches('"').to_owned());
            }
        } else if is_list && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default().trim_matches('"');
            found.insert(name.to_owned());
        }
    }
    found.into_iter().filter(|name| is_of_the_house(name)).collect()
}

/// What is wrong with the arrows of one manifest.
fn arrows_up(manifest: &str) -> Vec<String> {
    let Some(package) = package_name(manifest) else { return vec!["a manifest names no package".to_owned()] };
    let Some(allowed) = below(package) else {
        return vec![format!("`{package}` has no place in the house: give it one in tests/structure.rs")];
    };
    let used = dependencies(manifest);
    let wrong = used.iter().filter(|used| !allowed.contains(&used.as_str()));
    wrong.map(|used| format!("`{package}` may not use `{used}`")).collect()
}

/// What is wrong with the imports of one source file of `package`.
fn imports_up(package: &str, source: &str) -> Vec<String> {
    let allowed = below(package).unwrap_or_default();
    let mut wrong = Vec::new();
    for (number, line) in source.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(at) = words.iter().position(|word| *word == "use") else { continue };
        let is_import = words[..at].iter().all(|word| word.starts_with("pub"));
        let Some(path) = words.get(at + 1).filter(|_| is_import) else { continue };
        let first = path.trim_start_matches("::").split([':', ';', '{']).next().unwrap_or_default();
        let used = first.replace('_', "-");
        let is_module =
            source.contains(&format!("mod {first};")) || source.contains(&format!("mod {first} {{"));
        if used != package && is_of_the_house(&used) && !is_module && !allowed.contains(&used.as_str()) {
            wrong.push(format!("line {}: `{package}` may not use `{used}`", number + 1));
        }
    }
    wrong
}

/// Whether `text` holds `word` with neither a letter, a digit nor `_` beside it.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let open_end = word.ends_with('!') || !after.is_some_and(is_part);
        !before.is_some_and(is_part) && open_end
    })
}

/// What is wrong with the words of one source file.
fn forbidden_words(source: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, line) in source.lines().enumerate() {
        for word in UNFINISHED.iter().filter(|word| has_word(line, word)) {
            wrong.push(format!("line {}: `{word}`", number + 1));
        }
        let code = line.split("//").next().unwrap_or_default();
        if has_word(code, UNSAFE) {
            wrong.push(format!("line {}: `{UNSAFE}`", number + 1));
        }
    }
    wrong
}

/// The functions of a formatted source file with their lines, from the signature to the closing brace.
fn functions(source: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = source.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some((before, rest)) = line.trim_start().split_once("fn ") else { continue };
        let is_item = before.split_whitespace().all(|word| {
            ["pub", "pub(crate)", "pub(super)", "const", "async", "extern", "\"C\""].contains(&word)
        });
        if !is_item {
            continue;
        }
        let name = rest.split(['(', '<']).next().unwrap_or_default();
        let closing = lines[start..].iter().position(|end| end.trim() == "}" && indent(end) == indent(line));
        found.push((name, closing.map_or(1, |length| length + 1)));
    }
    found
}

/// Every file below `folder` that is called so; build products and hidden folders left out.
fn files(folder: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && name != "out" && !name.starts_with('.') {
            found.extend(files(&path, is_wanted));
        } else if path.is_file() && is_wanted(name) {
            found.push(path);
        }
    }
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    let paths = files(root(), &|name| name.ends_with(".rs"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("the file was just listed");
        (path.strip_prefix(root()).expect("it lies below the root").to_path_buf(), text)
    };
    paths.into_iter().map(read).collect()
}

/// The manifests of the house by their folder; `fuzz` stands outside, for it looks into everything.
fn manifests() -> BTreeMap<PathBuf, String> {
    let paths = files(root(), &|name| name == "Cargo.toml");
    let inside = paths.into_iter().filter(|path| !path.starts_with(root().join("fuzz")));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("the file was just listed");
        let folder = path.parent().expect("a file has a folder");
        (folder.strip_prefix(root()).expect("it lies below the root").to_path_buf(), text)
    };
    inside.map(read).collect()
}

/// The package whose folder is the deepest that holds `path`.
fn owner<'a>(path: &Path, manifests: &'a BTreeMap<PathBuf, String>) -> &'a str {
    let folder = path.ancestors().skip(1).find(|folder| manifests.contains_key(*folder));
    folder.and_then(|folder| package_name(&manifests[folder])).unwrap_or_default()
}

#[test]
fn no_manifest_has_an_arrow_that_runs_up() {
    let manifests = manifests();
    assert!(manifests.len() >= 8, "the house has eight packages or more, found {manifests:?}");
    for (folder, manifest) in &manifests {
        assert_eq!(arrows_up(manifest), [""; 0], "{}", folder.display());
    }
}

#[test]
fn no_source_file_imports_against_an_arrow() {
    let manifests = manifests();
    for (path, source) in sources().iter().filter(|(path, _)| !path.starts_with("fuzz")) {
        assert_eq!(imports_up(owner(path, &manifests), source), [""; 0], "{}", path.display());
    }
}

#[test]
fn no_source_file_is_longer_than_five_hundred_lines() {
    let long = |(path, text): &(PathBuf, String)| {
        let lines = text.lines().count();
        (lines > FILE_LINES_MAX).then(|| format!("{}: {lines} lines", path.display()))
    };
    let long: Vec<String> = sources().iter().filter_map(long).collect();
    assert!(long.is_empty(), "{long:#?}");
    for (path, source) in sources() {
        for (name, lines) in functions(&source).into_iter().filter(|(_, lines)| *lines > FUNCTION_LINES_MAX) {
            println!("{}: `{name}` has {lines} lines", path.display());
        }
    }
}

#[test]
fn nothing_is_left_unfinished_and_nothing_is_unsafe() {
    for (path, source) in sources() {
        assert_eq!(forbidden_words(&source), [""; 0], "{}", path.display());
    }
}

#[test]
fn a_manifest_with_an_arrow_that_runs_up_is_caught() {
    let manifest = "[package]\nname = \"network\"\n\n[dependencies]\nwire.workspace = true\ntransport.workspace = true\n";
    assert_eq!(arrows_up(manifest), ["`network` may not use `transport`"]);
    let table = "[package]\nname = \"wire\"\n\n[dependencies.network]\npath = \"../network\"\n";
    assert_eq!(arrows_up(table), ["`wire` may not use `network`"]);
    let for_tests =
        "[package]\nname = \"reports\"\n[dev-dependencies]\nsim-core = { path = \"../sim-core\" }\n";
    assert_eq!(arrows_up(for_tests), ["`reports` may not use `sim-core`"]);
    assert_eq!(arrows_up("[package]\nname = \"attic\"\n").len(), 1);
}

#[test]
fn the_table_of_arrows_has_no_circle() {
    let rank = |package: &str| ARROWS.iter().position(|(from, _)| *from == package);
    for (from, to) in ARROWS {
        for to in *to {
            assert!(rank(from) < rank(to), "`{from}` stands above `{to}`");
        }
    }
}

#[test]
fn an_import_against_an_arrow_is_caught() {
    assert_eq!(
        imports_up("transport", "use network::link::Link;\n"),
        ["line 1: `transport` may not use `network`"]
    );
    assert_eq!(
        imports_up("wire", "\npub use sim_core::SimTime;\nuse host;\n"),
        ["line 3: `wire` may not use `host`"]
    );
    // A module of its own that happens to be called like a package.
    assert_eq!(imports_up("transport", "mod network;\nuse network::Path;\n"), [""; 0]);
    assert_eq!(imports_up("network", "// one may use host names here\nuse wire::ip;\n"), [""; 0]);
}

#[test]
fn unfinished_and_unsafe_words_are_caught() {
    let unfinished = format!("fn a() {{\n    {}()\n}} // {} later\n", UNFINISHED[2], UNFINISHED[0]);
    assert_eq!(forbidden_words(&unfinished).len(), 2);
    assert_eq!(forbidden_words(&format!("{UNSAFE} {{ read() }}\n")).len(), 1);
    assert_eq!(forbidden_words(&format!("#![forbid({UNSAFE}_code)] // {UNSAFE} code\n")), [""; 0]);
}

#[test]
fn the_lines_of_a_function_are_counted_from_its_signature_to_its_brace() {
    let source = "impl A {\n    pub(crate) fn one(\n        &self,\n    ) {\n        if x {\n        }\n    }\n}\n\nfn two() {\n}\n";
    assert_eq!(functions(source), [("one", 6), ("two", 2)]);
}
