//! `verify`: recorded digests.

use serde_json::Value;

use crate::harness::{Place, column, scenario};

#[test]
fn what_was_recorded_is_equal_on_any_number_of_threads() {
    let place = Place::new("verify");
    let file = scenario("two-transports");
    place.run(&["verify", &file, "--update", "--golden", "golden.json"]).expect(0);
    for jobs in ["1", "2"] {
        let out = place.run(&["verify", &file, "--golden", "golden.json", "--jobs", jobs]).expect(0).out;
        assert!(out.contains("two-transports: equal in 12 runs"), "{out}");
    }
    // The digests are those that a sweep writes down.
    place.run(&["run", &file]).expect(0);
    let golden: Value = serde_json::from_str(&place.text("golden.json")).unwrap();
    let manifest: Value = serde_json::from_str(&place.text("out/two-transports/manifest.json")).unwrap();
    assert_eq!(golden["two-transports"]["digest"], manifest["digest"]);
    let runs = place.text("out/two-transports/runs.csv");
    for (run, digest) in column(&runs, "run").iter().zip(column(&runs, "digest")) {
        assert_eq!(golden["two-transports"]["runs"][*run], digest, "{run}");
    }
}

#[test]
fn a_run_that_differs_is_named() {
    let place = Place::new("verify-differs");
    let file = scenario("two-transports");
    place.run(&["verify", &file, "--update", "--golden", "golden.json"]).expect(0);
    let text = std::fs::read_to_string(&file).unwrap();
    // Point 0 is free of loss: only points 1 and 3, those of 5 %, change.
    let changed = text.replace("[\"0 %\", \"5 %\"]", "[\"0 %\", \"6 %\"]");
    assert_ne!(text, changed);
    place.write("changed.json", &changed);
    let out = place.run(&["verify", "changed.json", "--golden", "golden.json"]).expect(1).out;
    assert!(out.contains("two-transports: DIFFERS first in run p0001-r"), "{out}");
}

#[test]
fn big_sweeps_are_recorded_with_fewer_replications() {
    let place = Place::new("verify-fewer");
    place.run(&["verify", &scenario("many-runs"), "--update", "--golden", "golden.json"]).expect(0);
    let golden: Value = serde_json::from_str(&place.text("golden.json")).unwrap();
    // 3 points and at most 60 runs.
    assert_eq!(golden["many-runs"]["replications"], 20);
    place.run(&["verify", &scenario("many-runs"), "--golden", "golden.json"]).expect(0);
}

#[test]
fn updates_keep_the_other_entries() {
    let place = Place::new("verify-update");
    for name in ["two-transports", "follows-a-trace"] {
        place.run(&["verify", &scenario(name), "--update", "--golden", "golden.json"]).expect(0);
    }
    let both = [scenario("two-transports"), scenario("follows-a-trace")];
    place.run(&["verify", &both[0], &both[1], "--golden", "golden.json"]).expect(0);
}

#[test]
fn what_was_never_recorded_cannot_be_compared() {
    let place = Place::new("verify-unknown");
    let file = scenario("two-transports");
    place.run(&["verify", &file]).expect(2).complains_of(&["two-transports", "--update"]);
    place.run(&["verify", &file, "--golden", "absent.json"]).expect(2).complains_of(&["absent.json"]);
    place.write("damaged.json", "{\"two-transports\": 3}");
    place.run(&["verify", &file, "--golden", "damaged.json"]).expect(2).complains_of(&["damaged.json"]);
    // Without a name, --update wants the sources.
    place.run(&["verify", &file, "--update"]).expect(2).complains_of(&["--golden"]);
}
