//! A sweep that is killed goes on where it was, and ends in the bytes of an undisturbed one.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use crate::harness::{Place, assert_same, scenario};

/// Enough runs that a sweep is still going on when the first ones are seen.
const REPLICATIONS: &str = "300";

#[test]
fn a_killed_sweep_ends_in_the_bytes_of_an_undisturbed_one() {
    let place = Place::new("killed");
    let file = scenario("many-runs");
    place.run(&["run", &file, "--out", "undisturbed", "--replications", REPLICATIONS]).expect(0);
    let undisturbed = place.files("undisturbed");
    let mut interrupted = 0;
    for (number, parts) in [1, 40, 300, 800].into_iter().enumerate() {
        let out = format!("killed-{number}");
        let arguments = ["run", &file, "--out", &out, "--replications", REPLICATIONS, "--jobs", "2"];
        let folder = place.path.join(&out);
        kill_when(place.start(&arguments), || finished_runs(&folder) >= parts);
        interrupted += usize::from(!folder.join("manifest.json").exists());
        place.run(&[&arguments[..], &["--resume"]].concat()).expect(0);
        assert_same(&undisturbed, &place.files(&out));
    }
    assert!(interrupted > 0, "no kill came before the end of its sweep");
}

#[test]
fn a_sweep_killed_again_and_again_while_it_goes_on_still_ends_well() {
    let place = Place::new("killed-again");
    let file = scenario("many-runs");
    let common = ["run", &file, "--replications", REPLICATIONS, "--pcap", "--set", "loss=2 %"];
    place.run(&[&common[..], &["--out", "undisturbed"]].concat()).expect(0);
    let resume = [&common[..], &["--out", "killed", "--resume"]].concat();
    let folder = place.path.join("killed");
    for parts in [3, 60, 150, 220] {
        kill_when(place.start(&resume), || finished_runs(&folder) >= parts);
    }
    place.run(&resume).expect(0);
    assert_same(&place.files("undisturbed"), &place.files("killed"));
}

#[test]
fn a_sweep_killed_while_its_results_are_put_together_ends_well() {
    let place = Place::new("killed-late");
    let file = scenario("two-transports");
    place.run(&["run", &file, "--out", "undisturbed", "--pcap"]).expect(0);
    let undisturbed = place.files("undisturbed");
    let stages = [
        ".parts/results",
        ".parts/results/summary.csv",
        ".parts/results/manifest.json",
        "capture",
        "runs.csv",
    ];
    for (number, stage) in stages.into_iter().enumerate() {
        let out = format!("killed-{number}");
        let arguments = ["run", &file, "--out", &out, "--pcap"];
        let reached = place.path.join(&out).join(stage);
        kill_when(place.start(&arguments), || reached.exists());
        place.run(&[&arguments[..], &["--resume"]].concat()).expect(0);
        assert_same(&undisturbed, &place.files(&out));
    }
}

#[test]
fn what_is_left_of_the_parts_of_a_complete_sweep_is_removed() {
    let place = Place::new("left-parts");
    let file = scenario("two-transports");
    place.run(&["run", &file, "--out", "out"]).expect(0);
    let before = place.files("out");
    // As if the program had been killed while it removed the parts.
    place.write("out/.parts/runs/p0000-r00.json", "{}");
    place.run(&["run", &file, "--out", "out", "--resume"]).expect(0);
    assert_same(&before, &place.files("out"));
}

#[test]
fn results_half_in_their_place_are_put_together_again() {
    let place = Place::new("half-published");
    let file = scenario("many-runs");
    let common = ["run", &file, "--replications", REPLICATIONS, "--pcap", "--set", "loss=2 %"];
    place.run(&[&common[..], &["--out", "undisturbed"]].concat()).expect(0);
    let arguments = [&common[..], &["--out", "out"]].concat();
    let folder = place.path.join("out");
    kill_when(place.start(&arguments), || finished_runs(&folder) >= 20);
    // As if the kill had come later: some captures are in their place already, and a table of no use stands there.
    let waiting = folder.join(".parts/capture");
    if waiting.exists() {
        fs::create_dir_all(folder.join("capture")).unwrap();
        fs::rename(waiting.join("p0000-r00.pcapng"), folder.join("capture/p0000-r00.pcapng")).unwrap();
        place.write("out/runs.csv", "half a ta");
    }
    place.run(&[&arguments[..], &["--resume"]].concat()).expect(0);
    assert_same(&place.files("undisturbed"), &place.files("out"));
}

#[test]
fn a_part_that_is_cut_off_is_run_again() {
    let place = Place::new("cut-part");
    let file = scenario("many-runs");
    place.run(&["run", &file, "--out", "undisturbed", "--replications", REPLICATIONS]).expect(0);
    let arguments = ["run", &file, "--out", "killed", "--replications", REPLICATIONS];
    let folder = place.path.join("killed");
    kill_when(place.start(&arguments), || finished_runs(&folder) >= 10);
    let parts = folder.join(".parts/runs");
    // Where the sweep was too quick, there are no parts to cut.
    for (number, entry) in fs::read_dir(&parts).into_iter().flatten().enumerate().take(4) {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() * number / 4]).unwrap();
    }
    place.run(&[&arguments[..], &["--resume"]].concat()).expect(0);
    assert_same(&place.files("undisturbed"), &place.files("killed"));
}

#[test]
fn resume_starts_afresh_where_there_is_nothing() {
    let place = Place::new("resume-nothing");
    let file = scenario("two-transports");
    place.run(&["run", &file, "--out", "a"]).expect(0);
    place.run(&["run", &file, "--out", "b", "--resume"]).expect(0);
    fs::create_dir(place.path.join("empty")).unwrap();
    place.run(&["run", &file, "--out", "empty", "--resume"]).expect(0);
    assert_same(&place.files("a"), &place.files("b"));
    assert_same(&place.files("a"), &place.files("empty"));
}

#[test]
fn a_stopped_sweep_goes_on_only_as_itself_and_starts_afresh_without_resume() {
    let place = Place::new("stopped");
    let file = scenario("many-runs");
    let folder = place.path.join("out");
    let arguments = ["run", &file, "--out", "out", "--replications", REPLICATIONS];
    kill_when(place.start(&arguments), || finished_runs(&folder) >= 1);
    place
        .run(&["run", &file, "--out", "out", "--replications", "2", "--resume"])
        .expect(2)
        .complains_of(&["replications"]);
    place.run(&["run", &scenario("two-transports"), "--out", "out"]).expect(2).complains_of(&["many-runs"]);
    place.run(&["run", &file, "--out", "out", "--replications", "2"]).expect(0);
    place.run(&["run", &file, "--out", "other", "--replications", "2"]).expect(0);
    assert_same(&place.files("other"), &place.files("out"));
}

#[test]
fn two_processes_do_not_write_to_one_folder() {
    let place = Place::new("two-processes");
    let file = scenario("many-runs");
    let folder = place.path.join("out");
    let first = place.start(&["run", &file, "--out", "out", "--replications", "2000", "--jobs", "1"]);
    let mut answer = None;
    kill_when(first, || {
        if finished_runs(&folder) > 0 {
            answer = Some(place.run(&["run", &file, "--out", "out", "--replications", "2000"]));
        }
        answer.is_some()
    });
    answer.expect("a run was seen").expect(2).complains_of(&["another netjoule"]);
}

/// Waits until `is_time`, or until the program has ended, and kills it with a signal that it cannot catch.
fn kill_when(mut child: Child, mut is_time: impl FnMut() -> bool) {
    while child.try_wait().unwrap().is_none() && !is_time() {
        std::thread::sleep(Duration::from_micros(200));
    }
    // The program may have ended meanwhile.
    let _ = child.kill();
    child.wait().unwrap();
}

/// How many runs of a sweep that is going on are kept.
fn finished_runs(folder: &Path) -> usize {
    let entries = fs::read_dir(folder.join(".parts/runs"));
    entries.map_or(0, |entries| {
        entries.flatten().filter(|one| one.file_name().to_string_lossy().ends_with(".json")).count()
    })
}
