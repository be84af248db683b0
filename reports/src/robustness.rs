//! Damaged and odd inputs: an error or a drawing, never a panic.

use std::collections::BTreeMap;

use crate::results::PlotRequest;
use crate::{Results, sample, table};

type Files = BTreeMap<String, Vec<u8>>;

/// Reads, and makes everything that can be made.
fn make_all(files: &Files) {
    if let Ok(results) = Results::read(files) {
        results.summary_files();
        results.report_page();
        table::summary(&results, 80);
    }
}

#[test]
fn a_file_that_ends_anywhere_does_no_harm() {
    let whole = sample::tiny_files();
    for name in ["manifest.json", "runs.csv"] {
        for end in 0..whole[name].len() {
            let mut files = whole.clone();
            files.insert(name.to_owned(), whole[name][..end].to_vec());
            make_all(&files);
        }
    }
}

#[test]
fn any_byte_may_be_wrong() {
    let whole = sample::tiny_files();
    for name in ["manifest.json", "runs.csv"] {
        for place in 0..whole[name].len() {
            for byte in [0, b'"', b',', b'\n', b'-', b'9', 0xff] {
                let mut files = whole.clone();
                files.get_mut(name).unwrap()[place] = byte;
                make_all(&files);
            }
        }
    }
}

#[test]
fn an_absent_file_is_named() {
    for name in ["manifest.json", "runs.csv"] {
        let mut files = sample::tiny_files();
        files.remove(name);
        assert_eq!(Results::read(&files).unwrap_err().to_string(), format!("{name}: the file is missing"));
    }
}

#[test]
fn contradictions_between_files_are_named() {
    let cases = [
        (
            "runs.csv",
            "p0000-r01,",
            "p9999-r01,",
            "runs.csv:3:1: column \"run\": expected a run of the manifest, got \"p9999-r01\"",
        ),
        (
            "runs.csv",
            "p0000-r01,",
            "p0000-r00,",
            "runs.csv:3:1: column \"run\": expected each run once, got \"p0000-r00\"",
        ),
        ("runs.csv", "latency_p95_ns", "latency", "runs.csv:1:8: there is no column \"latency_p95_ns\""),
        (
            "manifest.json",
            "\"p0001\", \"values\": {\"transport\": \"udp\"}",
            "\"p0001\", \"values\": {}",
            "manifest.json: point \"p0001\" has no value of axis \"transport\"",
        ),
        (
            "manifest.json",
            "\"run\": \"p0000-r01\", \"point\": \"p0000\"",
            "\"run\": \"p0000-r01\", \"point\": \"p7\"",
            "manifest.json: run \"p0000-r01\" is of an unknown point \"p7\"",
        ),
    ];
    for (name, from, to, message) in cases {
        let mut files = sample::tiny_files();
        let text = String::from_utf8(files[name].clone()).unwrap();
        assert!(text.contains(from), "{from}");
        files.insert(name.to_owned(), text.replacen(from, to, 1).into_bytes());
        assert_eq!(Results::read(&files).unwrap_err().to_string(), message);
    }
}

#[test]
fn extreme_numbers_draw() {
    for value in ["0", "-1", "1e308", "-1e308", "1e-300", "5e-324", "9007199254740993"] {
        let mut files = sample::tiny_files();
        let text = String::from_utf8(files["runs.csv"].clone()).unwrap();
        files.insert("runs.csv".to_owned(), text.replace(",tcp,10,", &format!(",tcp,{value},")).into_bytes());
        let mut results = Results::read(&files).unwrap();
        for (log_y, y) in [(false, "latency.p95"), (true, "latency.p95"), (true, "delivered")] {
            let (x, y) = (Some("transport".to_owned()), Some(y.to_owned()));
            results.manifest.plots.push(PlotRequest { x, y, log_x: true, log_y, ..PlotRequest::default() });
        }
        let svg: Vec<String> = results
            .plot_files()
            .into_iter()
            .filter(|file| file.path.ends_with(".svg"))
            .map(|file| String::from_utf8(file.bytes).unwrap())
            .collect();
        assert_eq!(svg.len(), 3, "{value}");
        assert!(svg.iter().all(|svg| !svg.contains("NaN") && !svg.contains("inf")), "{value}");
        results.report_page();
        results.summary_files();
    }
}

#[test]
fn no_axis_and_no_metric_still_make_a_page() {
    let manifest = r#"{"points": [{"point": "p0000"}], "runs": [{"run": "p0000-r00", "point": "p0000", "status": "done"}]}"#;
    let mut files = Files::new();
    files.insert("manifest.json".to_owned(), manifest.as_bytes().to_vec());
    files.insert("runs.csv".to_owned(), b"run\np0000-r00\n".to_vec());
    let results = Results::read(&files).unwrap();
    assert!(results.plot_files().is_empty());
    assert!(!results.report_page().bytes.is_empty());
    assert_eq!(table::summary(&results, 80).lines().count(), 4);
}

#[test]
fn the_same_results_give_the_same_figures() {
    let (first, second) = (sample::sweep().plot_files(), sample::sweep().plot_files());
    assert_eq!(first.len(), 14, "seven figures, two formats");
    assert_eq!(first, second);
}

#[test]
fn a_scenario_without_plots_gets_the_usual_ones() {
    let mut results = sample::sweep();
    results.manifest.plots.clear();
    let names: Vec<String> = results
        .plot_files()
        .into_iter()
        .map(|file| file.path)
        .filter(|path| path.ends_with(".svg"))
        .collect();
    let expected = [
        "plots/01-latency.p95-over-rtt.svg",
        "plots/02-delivered-over-rtt.svg",
        "plots/03-goodput-over-rtt.svg",
        "plots/04-overhead-over-rtt.svg",
        "plots/05-latency-ecdf.svg",
        "plots/06-overhead-by-layer.svg",
        "plots/07-overhead-by-reason.svg",
    ];
    assert_eq!(names, expected);
}
