//! What is refused, with exit status 2, before anything is run or written.

use std::fs;

use crate::harness::{Place, assert_same, scenario};

#[test]
fn bad_options_leave_nothing_behind() {
    let place = Place::new("bad-options");
    let file = scenario("two-transports");
    let cases: &[&[&str]] = &[
        &["--jobs", "0"],
        &["--jobs", "many"],
        &["--seed", "-1"],
        &["--replications", "0"],
        &["--replications", "1000000000"],
        &["--set", "loss"],
        &["--set", "=1"],
        &["--set", "loss=7 apples"],
        &["--set", "unknown=1"],
        &["--resume", "--force"],
        &["--out"],
    ];
    for options in cases {
        let arguments: Vec<&str> = ["run", &file].iter().chain(*options).copied().collect();
        let ran = place.run(&arguments).expect(2);
        assert!(!ran.err.is_empty() && ran.out.is_empty(), "{options:?}: {}", ran.out);
        assert!(place.names().is_empty(), "{options:?} left {:?}", place.names());
    }
}

#[test]
fn one_wrong_file_among_right_ones_keeps_all_from_running() {
    let place = Place::new("one-wrong");
    place.run(&["run", &scenario("two-transports"), &scenario("wrong")]).expect(2).complains_of(&["trafic"]);
    place.run(&["run", &scenario("two-transports"), "absent.json"]).expect(2).complains_of(&["absent.json"]);
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn files_that_are_no_scenarios_are_refused() {
    let place = Place::new("no-scenarios");
    place.write("empty.json", "");
    fs::write(place.path.join("noise.json"), (0..=255).collect::<Vec<u8>>()).unwrap();
    fs::create_dir(place.path.join("folder.json")).unwrap();
    for file in ["empty.json", "noise.json", "folder.json"] {
        for command in ["run", "check", "trace", "verify"] {
            let ran = place.run(&[command, file]).expect(2);
            assert!(!(ran.err + &ran.out).is_empty(), "{command} {file} says nothing");
        }
    }
    assert_eq!(place.names(), ["empty.json", "folder.json", "noise.json"]);
}

#[test]
fn two_scenarios_of_one_name_are_refused() {
    let place = Place::new("one-name");
    let file = scenario("two-transports");
    place.run(&["run", &file, &file]).expect(2).complains_of(&["two-transports", "one by one"]);
    assert!(place.names().is_empty());
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let place = Place::new("strange-folder");
    place.write("home/letter.txt", "dear reader");
    place.write("web/manifest.json", "{\"name\": \"a page\"}");
    place.write("file", "not a folder");
    let before = place.files("");
    let file = scenario("two-transports");
    for out in ["home", "web", "file"] {
        for option in ["--quiet", "--resume", "--force"] {
            place.run(&["run", &file, "--out", out, option]).expect(2).complains_of(&[out]);
        }
    }
    assert_same(&before, &place.files(""));
}

#[test]
fn results_of_another_scenario_are_replaced_only_by_force() {
    let place = Place::new("another-scenario");
    place.run(&["run", &scenario("follows-a-trace"), "--out", "here"]).expect(0);
    let before = place.files("here");
    let other = scenario("two-transports");
    place.run(&["run", &other, "--out", "here"]).expect(2).complains_of(&["follows-a-trace", "--force"]);
    place.run(&["run", &other, "--out", "here", "--resume"]).expect(2).complains_of(&["follows-a-trace"]);
    assert_same(&before, &place.files("here"));
    place.run(&["run", &other, "--out", "here", "--force"]).expect(0);
    place.run(&["run", &other, "--out", "there"]).expect(0);
    assert_same(&place.files("there"), &place.files("here"));
}

#[test]
fn what_is_joined_to_the_outside_runs_live_or_from_a_recording() {
    let place = Place::new("joined");
    place.run(&["run", "tcp-echo"]).expect(2).complains_of(&["netjoule live", "--replay"]);
    place.write("not-one", "something else");
    place.run(&["run", "tcp-echo", "--replay", "not-one"]).expect(2).complains_of(&["no recording"]);
    let header = r#"{"name":"tcp-echo","scenario-hash":"0","seed":1,"set":{},"outlets":["kernel/nj0"]}"#;
    place.write("another", &format!("netjoule recording 1\n{header}\n"));
    place.run(&["run", "tcp-echo", "--replay", "another"]).expect(2).complains_of(&["changed"]);
    assert!(!place.names().contains(&"out".to_owned()), "nothing was written");
}

#[test]
#[cfg(target_os = "linux")]
fn live_needs_something_to_join_and_one_point() {
    let place = Place::new("not-live");
    place.run(&["live", "udp-chain"]).expect(2).complains_of(&["no interface"]);
    place.run(&["live", &scenario("two-transports")]).expect(2).complains_of(&["points", "--set"]);
    place.run(&["live", "tcp-echo", "--speed", "0"]).expect(2).complains_of(&["factor"]);
}

#[test]
fn a_complete_sweep_goes_on_only_as_itself() {
    let place = Place::new("another-sweep");
    let file = scenario("two-transports");
    place.run(&["run", &file, "--out", "here"]).expect(0);
    let before = place.files("here");
    let others: &[(&[&str], &str)] = &[
        (&["--seed", "8"], "seed"),
        (&["--replications", "2"], "replications"),
        (&["--set", "loss=1 %"], "--set"),
        (&["--pcap"], "--pcap"),
    ];
    for (options, word) in others {
        let arguments: Vec<&str> =
            ["run", &file, "--out", "here", "--resume"].iter().chain(*options).copied().collect();
        place.run(&arguments).expect(2).complains_of(&[word, "--resume"]);
    }
    let text = fs::read_to_string(&file).unwrap().replace("200 ms", "100 ms");
    place.write("changed.json", &text);
    place.run(&["run", "changed.json", "--out", "here", "--resume"]).expect(2).complains_of(&["changed"]);
    assert_same(&before, &place.files("here"));
    place.run(&["run", &file, "--out", "here", "--resume"]).expect(0).complains_of(&["complete"]);
    assert_same(&before, &place.files("here"));
}
