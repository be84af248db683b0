//! What the course's scenarios about TCP claim holds in the figures that they write.

use std::collections::BTreeMap;

use crate::harness::Place;

/// Goodput in bit/s of each flow of the first replication, by point.
fn goodputs(place: &Place, folder: &str) -> BTreeMap<(String, String), f64> {
    let text = std::fs::read_to_string(place.path.join(folder).join("flows.csv")).unwrap();
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place_of = |name: &str| columns.iter().position(|column| *column == name).unwrap();
    let (run, flow, goodput) = (place_of("run"), place_of("flow"), place_of("goodput_bps"));
    let rows = lines.map(|line| line.split(',').collect::<Vec<_>>()).filter(|row| row[run].ends_with("r00"));
    rows.filter_map(|row| {
        Some(((row[run][..5].to_owned(), row[flow].to_owned()), row[goodput].parse().ok()?))
    })
    .collect()
}

#[test]
fn a_longer_way_costs_reno_its_share_and_an_equal_one_does_not() {
    let place = Place::new("lesson-fairness");
    let args = ["run", "tcp-fairness", "--set", "congestion=reno", "--replications", "1", "--out", "out"];
    place.run(&args).expect(0);
    let goodput = goodputs(&place, "out");
    let share = |point: &str| {
        let of = |flow: &str| goodput[&(point.to_owned(), flow.to_owned())];
        of("far") / (of("far") + of("near"))
    };
    assert!((share("p0000") - 0.5).abs() < 0.1, "equal ways: {}", share("p0000"));
    assert!(share("p0001") < 0.35, "one way four times as long: {}", share("p0001"));
}

#[test]
fn a_slow_reader_closes_the_window_and_the_window_is_what_limits() {
    let place = Place::new("lesson-flow-control");
    let args =
        ["run", "tcp-flow-control", "--set", "reader=500 kbit/s", "--set", "buffer=64 KiB", "--out", "out"];
    place.run(&args).expect(0);
    let folder = place.path.join("out").join("series");
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(file).unwrap();
    let values = |series: &str| -> Vec<u64> {
        let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
        // After a quarter of the run the buffer is full.
        let late = rows.filter(|row| row[2] == series && row[0].parse::<u64>().unwrap() > 5_000_000_000);
        late.map(|row| row[3].parse().unwrap()).collect()
    };
    let window = values("peer_window_bytes");
    assert!(window.iter().all(|bytes| *bytes < 20_000), "nearly closed: {:?}", window.iter().max());
    let limits = values("limited_by");
    let by_window = limits.iter().filter(|limit| **limit == 1).count();
    assert!(by_window * 10 > limits.len() * 8, "{by_window} of {} samples", limits.len());
}

#[test]
fn renos_window_is_a_sawtooth() {
    let place = Place::new("lesson-congestion");
    let args =
        ["run", "tcp-congestion", "--set", "congestion=reno", "--set", "hystart=false", "--out", "out"];
    place.run(&args).expect(0);
    let folder = place.path.join("out").join("series");
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(file).unwrap();
    let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let late = rows.filter(|row| row[2] == "cwnd_bytes" && row[0].parse::<u64>().unwrap() > 10_000_000_000);
    let windows: Vec<f64> = late.map(|row| row[3].parse().unwrap()).collect();
    let drops: Vec<f64> = windows.windows(2).filter(|w| w[1] < w[0] * 0.9).map(|w| w[1] / w[0]).collect();
    assert!((2..=8).contains(&drops.len()), "teeth in thirty seconds: {drops:?}");
    assert!(drops.iter().all(|drop| (0.4..0.6).contains(drop)), "each halves: {drops:?}");
    // 66 packets in the pipe and as many in the queue.
    let top = windows.iter().copied().fold(0.0, f64::max) / 1448.0;
    assert!((110.0..150.0).contains(&top), "{top} segments");
}
