//! What `run` writes, prints and returns.

use serde_json::Value;

use crate::harness::{Place, assert_same, column, scenario};

#[test]
fn the_folder_holds_every_file_of_the_contract() {
    let place = Place::new("contract");
    let ran = place.run(&["run", &scenario("two-transports")]).expect(0);
    assert!(
        ran.out.contains("out/two-transports/report.html") && ran.out.contains("pass  delivered"),
        "{}",
        ran.out
    );
    let files = place.files("out/two-transports");
    let names: Vec<&str> =
        files.keys().map(String::as_str).filter(|name| !name.starts_with("plots/")).collect();
    let expected = [
        "energest.csv",
        "etx.csv",
        "flows.csv",
        "frames.csv",
        "latency.csv",
        "ledger.csv",
        "links.csv",
        "manifest.json",
        "nodes.csv",
        "overhead.csv",
        "paired.csv",
        "radios.csv",
        "registrations.csv",
        "report.html",
        "rpl.csv",
        "runs.csv",
        "series/p0000-r00.csv",
        "series/p0001-r00.csv",
        "series/p0002-r00.csv",
        "series/p0003-r00.csv",
        "summary.csv",
    ];
    assert_eq!(names, expected);
    assert!(
        files.keys().any(|name| name.ends_with(".svg")) && files.keys().any(|name| name.ends_with(".png"))
    );
}

#[test]
fn the_manifest_and_the_tables_agree() {
    let place = Place::new("agreement");
    place.run(&["run", &scenario("two-transports")]).expect(0);
    let manifest: Value = serde_json::from_str(&place.text("out/two-transports/manifest.json")).unwrap();
    let runs = place.text("out/two-transports/runs.csv");
    let listed = manifest["runs"].as_array().unwrap();
    // Two transports, two losses, three replications; the last axis is the fastest.
    assert_eq!(listed.len(), 2 * 2 * 3);
    for (key, values) in
        [("run", column(&runs, "run")), ("digest", column(&runs, "digest")), ("seed", column(&runs, "seed"))]
    {
        let of_manifest: Vec<&str> = listed.iter().map(|run| run[key].as_str().unwrap()).collect();
        assert_eq!(of_manifest, values, "{key}");
    }
    assert_eq!(column(&runs, "run")[3], "p0001-r00");
    assert_eq!((column(&runs, "param.transport")[3], column(&runs, "param.loss")[3]), ("tcp", "5 %"));
    // Variants meet the same world: the seed depends on the replication alone.
    let seeds = column(&runs, "seed");
    assert!(seeds[0] == seeds[3] && seeds[0] != seeds[1]);
    assert_eq!(manifest["duration_ns"], 5_000_000_000_u64);
    assert_eq!(manifest["expect"][0]["passed"], true);
    assert_eq!(
        manifest["scenario"].as_str().unwrap(),
        std::fs::read_to_string(scenario("two-transports")).unwrap()
    );
}

#[test]
fn the_same_command_writes_the_same_bytes_on_one_and_on_two_threads() {
    let place = Place::new("same-bytes");
    let file = scenario("two-transports");
    place.run(&["run", &file, "--out", "a", "--jobs", "1"]).expect(0);
    place.run(&["run", &file, "--out", "b", "--jobs", "1"]).expect(0);
    place.run(&["run", &file, "--out", "c", "--jobs", "2"]).expect(0);
    assert_same(&place.files("a"), &place.files("b"));
    assert_same(&place.files("a"), &place.files("c"));
}

#[test]
fn another_seed_gives_other_digests() {
    let place = Place::new("seeds");
    let file = scenario("two-transports");
    place.run(&["run", &file, "--out", "a"]).expect(0);
    place.run(&["run", &file, "--out", "b", "--seed", "8"]).expect(0);
    let (a, b) = (place.text("a/runs.csv"), place.text("b/runs.csv"));
    for (one, other) in column(&a, "digest").iter().zip(column(&b, "digest")) {
        assert_ne!(*one, other);
    }
}

#[test]
fn observers_change_no_digest() {
    let place = Place::new("observers");
    let file = scenario("two-transports");
    place.run(&["run", &file, "--out", "plain"]).expect(0);
    place.run(&["run", &file, "--out", "observed", "--pcap", "--stats", "--quiet"]).expect(0);
    let (plain, observed) = (place.files("plain"), place.files("observed"));
    assert_eq!(observed.keys().filter(|name| name.starts_with("capture/")).count(), 12);
    for (name, bytes) in plain.iter().filter(|(name, _)| name.ends_with(".csv")) {
        assert!(observed[name] == *bytes, "{name} differs");
    }
}

#[test]
fn a_value_from_the_command_line_takes_the_place_of_an_axis() {
    let place = Place::new("set");
    let file = scenario("two-transports");
    place
        .run(&["run", &file, "--set", "loss=10 %", "--set", "transport=udp", "--replications", "2"])
        .expect(0);
    let runs = place.text("out/two-transports/runs.csv");
    assert_eq!(column(&runs, "run"), ["p0000-r00", "p0000-r01"]);
    assert!(!runs.contains("param."), "{runs}");
    let manifest: Value = serde_json::from_str(&place.text("out/two-transports/manifest.json")).unwrap();
    assert_eq!(manifest["set"]["loss"], "10 %");
    assert_eq!(manifest["fixed"]["transport"], "udp");
}

#[test]
fn stats_are_the_last_line_and_agree_with_the_tables() {
    let place = Place::new("stats");
    let ran = place.run(&["run", &scenario("two-transports"), "--stats"]).expect(0);
    let stats: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    let links = place.text("out/two-transports/links.csv");
    let sent: u64 = column(&links, "frames_sent").iter().map(|cell| cell.parse::<u64>().unwrap()).sum();
    assert_eq!(stats["packet_hops"], sent);
    // 12 runs of 5 s and 5 s of drain.
    assert_eq!(stats["simulated_s"], 120.0);
    assert!(stats["events"].as_u64().unwrap() >= sent && stats["packets"].as_u64().unwrap() > 0, "{stats}");
    if cfg!(target_os = "linux") {
        assert!(
            stats["cpu_s"].as_f64().unwrap() > 0.0 && stats["peak_rss_kib"].as_u64().unwrap() > 0,
            "{stats}"
        );
    }
}

#[test]
fn quiet_prints_nothing_when_all_is_well() {
    let ran = Place::new("quiet").run(&["run", &scenario("two-transports"), "--quiet"]).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
}

#[test]
fn a_failed_run_and_a_failed_expectation_are_reported_and_the_rest_is_kept() {
    let place = Place::new("fails");
    let ran = place.run(&["run", &scenario("fails"), "--quiet"]).expect(1);
    let ran = ran.complains_of(&["FAIL  delivered where every 100 ms", "expected at most 50 %"]);
    ran.complains_of(&["FAIL  run p0001-r00", "limits.events"]);
    let manifest: Value = serde_json::from_str(&place.text("out/fails/manifest.json")).unwrap();
    assert_eq!(
        (&manifest["runs"][0]["status"], &manifest["runs"][1]["status"]),
        (&"done".into(), &"failed".into())
    );
    assert_eq!(manifest["expect"][0]["passed"], false);
    assert_eq!(column(&place.text("out/fails/runs.csv"), "run"), ["p0000-r00"]);
    // A second look at the complete folder comes to the same.
    place
        .run(&["run", &scenario("fails"), "--quiet", "--resume"])
        .expect(1)
        .complains_of(&["FAIL  delivered", "p0001-r00"]);
}

#[test]
fn new_results_replace_old_ones_and_leave_other_files_alone() {
    let place = Place::new("replace");
    let file = scenario("two-transports");
    place.run(&["run", &file, "--out", "fresh"]).expect(0);
    place.run(&["run", &file, "--out", "used", "--pcap", "--replications", "1"]).expect(0);
    place.write("used/notes.txt", "mine");
    place.run(&["run", &file, "--out", "used"]).expect(0);
    let mut used = place.files("used");
    assert_eq!(used.remove("notes.txt").as_deref(), Some(&b"mine"[..]));
    assert_same(&place.files("fresh"), &used);
}

#[test]
fn several_files_have_a_folder_each() {
    let place = Place::new("several");
    let (a, b) = (scenario("two-transports"), scenario("follows-a-trace"));
    place.run(&["run", &a, &b]).expect(0);
    place.run(&["run", &a, &b, "--out", "both"]).expect(0);
    assert_same(&place.files("out"), &place.files("both"));
    assert!(place.files("both").contains_key("follows-a-trace/manifest.json"));
}

#[test]
fn the_answer_of_the_report_stands_beneath_the_table() {
    let place = Place::new("answer-beneath-the-table");
    let out = place.run(&["run", &scenario("two-transports"), "--out", "out"]).expect(0).out;
    let said = out.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = place.text("out/report.html");
    let answer = page.split("<h2>Answer</h2>").nth(1).and_then(|rest| rest.split("</ul>").next()).unwrap();
    let sentences: Vec<String> = answer
        .lines()
        .filter_map(|line| line.strip_prefix("<li>")?.strip_suffix("</li>"))
        .map(|sentence| sentence.replace('\u{a0}', " ").replace("&gt;", ">"))
        .collect();
    assert!(!sentences.is_empty(), "{answer}");
    for sentence in sentences {
        assert!(said.contains(&sentence), "{sentence} is missing in:\n{out}");
    }
    let quiet = place.run(&["run", &scenario("two-transports"), "--out", "quiet", "--quiet"]).expect(0).out;
    assert_eq!(quiet, "");
}
