//! Help, hints and the commands that run nothing.

use std::io::Read;

use crate::harness::{Place, scenario};

#[test]
fn help_names_every_command_and_the_exit_statuses() {
    let help = Place::new("help").run(&["--help"]).expect(0).out;
    for word in ["run", "check", "list", "trace", "plot", "verify", "schema", "Examples:", "Exit status:"] {
        assert!(help.contains(word), "`{word}` is missing in:\n{help}");
    }
}

#[test]
fn every_command_has_help_that_stays_within_120_columns() {
    let place = Place::new("help-of-commands");
    for command in ["run", "check", "list", "trace", "plot", "verify", "schema"] {
        let help = place.run(&[command, "--help"]).expect(0).out;
        assert!(help.contains(&format!("netjoule {command}")), "{help}");
        let widest = help.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|columns| columns <= 120), "{widest:?} columns:\n{help}");
    }
}

#[test]
fn nothing_to_do_is_wrong_usage() {
    Place::new("no-command").run(&[]).expect(2).complains_of(&["Usage:"]);
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = Place::new("version").run(&["--version"]).expect(0).out;
    assert_eq!(version, concat!("netjoule ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_misspelt_command_brings_the_one_that_was_meant() {
    let place = Place::new("misspelt-command");
    place.run(&["rnu", "x.json"]).expect(2).complains_of(&["rnu", "run"]);
    place.run(&["chekc", "x.json"]).expect(2).complains_of(&["check"]);
}

#[test]
fn a_misspelt_option_brings_the_one_that_was_meant() {
    Place::new("misspelt-option")
        .run(&["run", "x.json", "--replication", "3"])
        .expect(2)
        .complains_of(&["--replications"]);
}

#[test]
fn a_misspelt_file_brings_its_neighbour() {
    let place = Place::new("misspelt-file");
    place.write("uplink.json", "{}");
    place.run(&["run", "uplnik.json"]).expect(2).complains_of(&["uplnik.json", "did you mean uplink.json?"]);
    place.run(&["check", "quite-another-name"]).expect(2).complains_of(&["netjoule list"]);
}

#[test]
fn check_is_content_with_a_right_file() {
    let out = Place::new("check-right").run(&["check", &scenario("two-transports")]).expect(0).out;
    assert!(out.contains("all right (points 4, replications 3, runs 12)"), "{out}");
}

#[test]
fn check_tells_all_mistakes_of_all_files() {
    let (wrong, right) = (scenario("wrong"), scenario("two-transports"));
    let out = Place::new("check-wrong").run(&["check", &wrong, "absent.json", &right]).expect(2);
    let out = out.complains_of(&["absent.json"]).out;
    for word in ["trafic", "did you mean", "1 Mbit", "two-transports.json: all right"] {
        assert!(out.contains(word), "`{word}` is missing in:\n{out}");
    }
}

#[test]
fn plain_diagnostics_are_one_line_each_with_their_place() {
    let wrong = scenario("wrong");
    let out = Place::new("check-plain").run(&["check", "--plain", &wrong]).expect(2).out;
    assert!(out.lines().count() >= 2, "{out}");
    for line in out.lines() {
        let rest = line.strip_prefix(&wrong).unwrap_or_else(|| panic!("{line} begins with the file"));
        let mut parts = rest.split(':').skip(1);
        let mut number = || parts.next().unwrap().trim().parse::<usize>();
        assert!(number().is_ok() && number().is_ok(), "{line} has line and column");
    }
    // `"links"` stands on line 5 of the file.
    assert!(out.contains("wrong.json:5:"), "{out}");
}

#[test]
fn check_takes_values_from_the_command_line() {
    let place = Place::new("check-set");
    let file = scenario("two-transports");
    let out = place.run(&["check", &file, "--set", "loss=1 %", "--replications", "5"]).expect(0).out;
    assert!(out.contains("points 2, replications 5, runs 10"), "{out}");
    let out = place.run(&["check", &file, "--set", "los=1 %"]).expect(2).out;
    assert!(out.contains("did you mean `loss`?"), "{out}");
}

#[test]
fn a_scenario_finds_the_files_beside_it_from_anywhere() {
    Place::new("check-trace-file").run(&["check", &scenario("follows-a-trace")]).expect(0);
}

#[test]
fn a_file_beside_the_scenario_that_is_missing_is_named() {
    let place = Place::new("check-no-trace-file");
    let text = std::fs::read_to_string(scenario("follows-a-trace")).unwrap();
    place.write("lonely.json", &text);
    let out = place.run(&["check", "lonely.json"]).expect(2).out;
    assert!(out.contains("steady.mahimahi"), "{out}");
}

#[test]
fn the_schema_is_the_one_that_the_sources_hold() {
    let out = Place::new("schema").run(&["schema"]).expect(0).out;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/scenario.schema.json");
    let same = out.trim_end() == std::fs::read_to_string(path).unwrap().trim_end();
    assert!(same, "{path} is what `netjoule schema` prints");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = Place::new("closed-pipe").start(&["schema"]);
    drop(child.stdout.take());
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!((child.wait().unwrap().code(), complaint.as_str()), (Some(0), ""));
}
