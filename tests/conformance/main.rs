//! What each standard demands, and which test holds us to it: the tables in `docs/conformance`, made from the tests.
//!
//! A list beside this file names the rules of one standard. A comment above a test, `Holds:` and the rules, says what
//! the test proves. A rule has a test or a reason why not; a comment above anything but a test, or about a rule
//! that is on no list, is an error.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// One rule of a standard.
#[derive(Debug)]
struct Rule {
    id: String,
    section: String,
    demand: String,
    /// Why no test holds it.
    reason: Option<String>,
}

/// A standard and its rules.
#[derive(Debug)]
struct Standard {
    /// As tests name it: two words.
    name: String,
    title: String,
    rules: Vec<Rule>,
}

/// A test that holds a rule.
#[derive(Debug)]
struct Claim {
    standard: String,
    rule: String,
    file: String,
    test: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Reads a list: name, title, an empty line, then a rule a line: id, section, demand, and after ` -- ` the reason.
fn standard(list: &str) -> Result<Standard, String> {
    let mut lines = list.lines();
    let name = lines.next().unwrap_or_default().trim().to_owned();
    let title = lines.next().unwrap_or_default().trim().to_owned();
    let mut rules = Vec::<Rule>::new();
    for line in lines.map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.splitn(2, char::is_whitespace);
        let id = words.next().unwrap_or_default().to_owned();
        let mut words = words.next().unwrap_or_default().trim_start().splitn(2, char::is_whitespace);
        let section = words.next().unwrap_or_default().to_owned();
        let text = words.next().unwrap_or_default().trim();
        let (demand, reason) = match text.split_once(" -- ") {
            Some((demand, reason)) => (demand, Some(reason.to_owned())),
            None => (text, None),
        };
        if demand.is_empty() {
            return Err(format!("{name}: `{line}` is no rule"));
        }
        if rules.iter().any(|rule| rule.id == id) {
            return Err(format!("{name}: {id} stands there twice"));
        }
        rules.push(Rule { id, section, demand: demand.to_owned(), reason });
    }
    Ok(Standard { name, title, rules })
}

/// The rules that one comment names: `RFC 9293 MUST-1, MUST-2; RFC 6298 5.1`.
fn named(text: &str) -> Vec<(String, String)> {
    let mut named = Vec::new();
    for part in text.trim().trim_end_matches('.').split(';') {
        let words: Vec<&str> = part.split_whitespace().collect();
        let [family, number, ..] = words[..] else { continue };
        let standard = format!("{family} {number}");
        let rules = words[2..].iter().map(|rule| rule.trim_end_matches(','));
        named.extend(rules.map(|rule| (standard.clone(), rule.to_owned())));
    }
    named
}

/// What the tests of one source file hold.
fn claims(file: &str, source: &str) -> Result<Vec<Claim>, String> {
    let mut claims = Vec::new();
    let mut open: Vec<(String, String)> = Vec::new();
    let mut is_test = false;
    for (number, line) in source.lines().enumerate() {
        let line = line.trim();
        if let Some(text) = line.trim_start_matches('/').trim_start().strip_prefix(MARK)
            && line.starts_with("//")
        {
            open.extend(named(text));
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]");
        } else if line.starts_with("//") {
            // Another comment between the two.
        } else {
            if let Some(name) = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next())
                && is_test
            {
                let test = name.to_owned();
                claims.extend(open.drain(..).map(|(standard, rule)| {
                    let (file, test) = (file.to_owned(), test.clone());
                    Claim { standard, rule, file, test }
                }));
            }
            if !open.is_empty() {
                return Err(format!("{file}:{}: only a test can hold a rule", number + 1));
            }
            is_test = false;
        }
    }
    Ok(claims)
}

/// The table of one standard.
///
/// # Errors
///
/// A rule has neither a test nor a reason, or both.
fn table(standard: &Standard, claims: &[Claim]) -> Result<String, String> {
    let mut holders = BTreeMap::<&str, Vec<&Claim>>::new();
    for claim in claims.iter().filter(|claim| claim.standard == standard.name) {
        if !standard.rules.iter().any(|rule| rule.id == claim.rule) {
            return Err(format!("{}: {} has no rule {}", claim.test, claim.standard, claim.rule));
        }
        holders.entry(&claim.rule).or_default().push(claim);
    }
    let held = holders.len();
    let mut out = format!(
        "# {}: {}\n\nMade by `cargo test --test conformance` from comments above the tests; do not edit. Of {} rules \
         {held} are held by a test; the others say why not.\n\n| Rule | Section | Demand | Held by |\n\
         | --- | --- | --- | --- |\n",
        standard.name,
        standard.title,
        standard.rules.len(),
    );
    let mut wrong = Vec::new();
    for rule in &standard.rules {
        let by = match (holders.get(rule.id.as_str()), &rule.reason) {
            (Some(claims), None) => {
                let tests = claims.iter().map(|claim| format!("[`{}`](../../{})", claim.test, claim.file));
                tests.collect::<Vec<_>>().join(", ")
            }
            (None, Some(reason)) => format!("*No test:* {reason}"),
            (None, None) => {
                wrong.push(format!("{} {} has neither a test nor a reason", standard.name, rule.id));
                continue;
            }
            (Some(_), Some(_)) => {
                wrong.push(format!("{} {} has a test: its reason is stale", standard.name, rule.id));
                continue;
            }
        };
        let Rule { id, section, demand, .. } = rule;
        writeln!(out, "| {id} | §{section} | {demand} | {by} |").expect("a string takes everything");
    }
    if wrong.is_empty() { Ok(out) } else { Err(wrong.join("\n")) }
}

/// The source files below `folder`, in order of their names.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') || name == "target" || name == "conformance" {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_rule_has_a_test_or_a_reason_and_the_tables_say_so() {
    let mut files = Vec::new();
    sources(root(), &mut files);
    let mut all = Vec::new();
    let mut wrong = Vec::new();
    for path in files {
        let file = path.strip_prefix(root()).expect("it is below the root").to_string_lossy().into_owned();
        let source = fs::read_to_string(&path).expect("a source file is text");
        match claims(&file, &source) {
            Ok(claims) => all.extend(claims),
            Err(error) => wrong.push(error),
        }
    }
    let mut lists = Vec::new();
    for entry in fs::read_dir(root().join("tests/conformance")).expect("this folder is there") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            lists.push(path);
        }
    }
    lists.sort();
    let mut names = Vec::new();
    for path in lists {
        let list = fs::read_to_string(&path).expect("a list is text");
        let outcome = standard(&list).and_then(|standard| {
            names.push(standard.name.clone());
            table(&standard, &all)
        });
        let stem = path.file_stem().expect("a list has a name").to_string_lossy().into_owned();
        let place = root().join("docs/conformance").join(format!("{stem}.md"));
        match outcome {
            Err(error) => wrong.push(error),
            Ok(table) if std::env::var_os(UPDATE).is_some() => {
                fs::write(&place, table).expect("the table can be written");
            }
            Ok(table) if fs::read_to_string(&place).unwrap_or_default() != table => {
                wrong.push(format!("docs/conformance/{stem}.md is stale: run with {UPDATE}=1"));
            }
            Ok(_) => {}
        }
    }
    let strangers = all.iter().filter(|claim| !names.contains(&claim.standard));
    wrong.extend(strangers.map(|claim| format!("{}: there is no list of {}", claim.test, claim.standard)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_comment_is_bound_to_the_test_below_it() {
    let source =
        format!("// {MARK}RFC 1 MUST-1, MUST-2; STD 2 a.\n/// Doc.\n#[test]\n#[ignore]\nfn name() {{}}\n");
    let claims = claims("x.rs", &source).unwrap();
    let seen: Vec<_> = claims.iter().map(|it| (&*it.standard, &*it.rule, &*it.test)).collect();
    assert_eq!(seen, [("RFC 1", "MUST-1", "name"), ("RFC 1", "MUST-2", "name"), ("STD 2", "a", "name")]);
}

#[test]
fn a_comment_above_anything_else_is_an_error() {
    for below in ["fn name() {}", "#[ignore]\nfn name() {}", "", "struct It;\n#[test]\nfn name() {}"] {
        let source = format!("// {MARK}RFC 1 MUST-1\n{below}\nconst X: u8 = 1;\n");
        assert!(claims("x.rs", &source).is_err(), "{below}");
    }
}

#[test]
fn a_rule_needs_a_test_or_a_reason_and_not_both() {
    let claim = |rule: &str| Claim {
        standard: "RFC 1".to_owned(),
        rule: rule.to_owned(),
        file: "x.rs".to_owned(),
        test: "name".to_owned(),
    };
    let list = standard("RFC 1\nTitle\n\nA 1 Be good.\nB 2 Be quick. -- Nobody is.\n").unwrap();
    assert!(table(&list, &[claim("A")]).unwrap().contains("| B | §2 | Be quick. | *No test:* Nobody is. |"));
    assert!(table(&list, &[]).unwrap_err().contains("A has neither"));
    assert!(table(&list, &[claim("A"), claim("B")]).unwrap_err().contains("stale"));
    assert!(table(&list, &[claim("A"), claim("C")]).unwrap_err().contains("no rule C"));
    assert!(standard("RFC 1\nTitle\n\nA 1 x\nA 1 y\n").is_err(), "twice");
}

/// What begins a comment that names rules.
const MARK: &str = "Holds: ";

/// Set in the environment, the tables are written, not compared.
const UPDATE: &str = "UPDATE_CONFORMANCE";
