//! The claims of the shipped SCTP scenarios, held against their data.

mod lab;

use lab::{plan, value};
use scenarios::language::{NoFiles, Plan};
use scenarios::run::{Outcome, RunOptions, run};

/// One run of the point with these values of all axes, as the results print them.
fn run_at(plan: &Plan, wanted: &[&str], replication: u32) -> Outcome {
    let fits = |values: Vec<(&str, String)>| values.iter().map(|(_, value)| value).eq(wanted);
    let point = plan.points().find(|point| fits(plan.values(point)));
    let point = point.unwrap_or_else(|| panic!("no point has {wanted:?}"));
    let options = RunOptions { series: true, ..RunOptions::default() };
    run(plan, &point, replication, options, &NoFiles).outcome.expect("the run ends")
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn eight_streams_wait_less_than_one_and_the_more_is_lost_the_less() {
    // Ten pairs of runs which meet the same losses: t = 2.262 for 95 % and nine degrees of freedom.
    let plan = plan(include_str!("../course/sctp-streams.json"));
    let mut ratios = Vec::new();
    for loss in ["0.5 %", "1 %", "2 %", "4 %"] {
        let of = |streams| {
            let runs = (0..10).map(|replication| run_at(&plan, &["sctp", streams, loss], replication));
            runs.map(|outcome| value(&outcome, "latency_mean_ns")).collect::<Vec<f64>>()
        };
        let (one, eight) = (of("1"), of("8"));
        let differences: Vec<f64> = one.iter().zip(&eight).map(|(one, eight)| one - eight).collect();
        let middle = mean(&differences);
        let squares: Vec<f64> = differences.iter().map(|it| (it - middle) * (it - middle)).collect();
        let half = 2.262 * (squares.iter().sum::<f64>() / 9.0).sqrt() / 10_f64.sqrt();
        assert!(middle > half, "{middle} ± {half} at {loss}: the interval excludes zero");
        ratios.push(mean(&one) / mean(&eight));
    }
    assert!(ratios.is_sorted(), "the ratio grows with the loss: {ratios:?}");
}

#[test]
fn a_dead_path_is_left_after_the_sum_of_its_timeouts() {
    // Σ 2^k s for k up to Path.Max.Retrans (RFC 9260 §8.2): from the first report on the dead path, sent 50 ms behind
    // the failure. Each further time-out begins with the next report, up to 100 ms later, and a look each 100 ms sees it.
    let plan = plan(include_str!("../course/sctp-multihoming.json"));
    for limit in [0, 1, 2, 3, 5] {
        let outcome = run_at(&plan, &[&limit.to_string(), "100"], 0);
        let errors = |line: &str| {
            let fields: Vec<&str> = line.split(',').collect();
            (fields[0].parse::<u64>().expect("a time"), fields[3].parse::<u32>().expect("a count"))
        };
        let series = outcome.series.as_deref().expect("series were asked for");
        let lines = series.lines().filter(|line| line.contains("path_errors"));
        let (at, _) = lines.map(errors).find(|(_, count)| *count > limit).expect("the path is given up");
        let took = (at - 30_100_000_000) as f64 / 1e9;
        let sum = f64::from((1 << (limit + 1)) - 1);
        assert!((sum..sum + 0.1 * f64::from(limit + 2)).contains(&took), "{took} s, not {sum} s");
    }
}

#[test]
fn a_report_that_was_given_up_is_missing_and_the_rest_is_earlier() {
    let plan = plan(include_str!("../course/sctp-partial-reliability.json"));
    let of = |policy| run_at(&plan, &["sctp", policy, "10 %"], 0);
    let (full, timed) = (of("full"), of(r#"{"lifetime":"400 ms"}"#));
    let (once, never) = (of(r#"{"retransmissions":1}"#), of(r#"{"retransmissions":0}"#));
    let delivered = [&full, &once, &never].map(|outcome| value(outcome, "delivered_fraction"));
    assert!(delivered.is_sorted_by(|a, b| a > b), "{delivered:?}");
    assert!(value(&timed, "delivered_fraction") < 1.0);
    assert!(value(&timed, "latency_p99_ns") < value(&full, "latency_p99_ns") / 2.0);
}

#[test]
fn gathering_pays_in_bytes_and_costs_time() {
    let plan = plan(include_str!("../course/sctp-bundling.json"));
    for transport in ["tcp", "sctp"] {
        for message in ["8 B", "128 B"] {
            let [alone, gathered] =
                ["false", "true"].map(|gather| run_at(&plan, &[transport, gather, message], 0));
            assert!(value(&gathered, "overhead_ratio") < value(&alone, "overhead_ratio"));
            assert!(value(&gathered, "latency_mean_ns") > value(&alone, "latency_mean_ns"));
        }
    }
}

/// The highest value of a series of an entity.
fn highest(outcome: &Outcome, entity: &str, series: &str) -> u64 {
    let text = outcome.series.as_deref().expect("series were asked for");
    let wanted = format!(",{entity},{series},");
    let values = text.lines().filter_map(|line| line.split_once(&wanted));
    values.map(|(_, value)| value.parse().expect("a number")).max().expect("there is such a series")
}

#[test]
fn a_flood_fills_tcps_queue_up_to_rate_times_lifetime_and_never_sctps() {
    let plan = plan(include_str!("../course/sctp-flood.json"));
    // A connection in SYN-RECEIVED lasts for the sum of its timeouts, 1 + 2 + … + 32 s (RFC 6298 §5.5 with five
    // repetitions). By Little's law rate times that are there, or as many as the queue takes; all have 280 bytes.
    let lifetime = 63;
    for (every, rate) in [("100 ms", 10), ("10 ms", 100)] {
        let bound = 1024.min(rate * lifetime);
        let tcp = run_at(&plan, &["tcp", "off", every], 0);
        let held = highest(&tcp, "server", "half_open");
        assert!((bound..=bound + 2).contains(&held), "{held} half open, not {bound}");
        assert_eq!(highest(&tcp, "server", "half_open_bytes"), held * 280);
        let sctp = run_at(&plan, &["sctp", "off", every], 0);
        assert_eq!(highest(&sctp, "server", "half_open_bytes"), 0);
        assert_eq!(value(&sctp, "half_open_max"), 0.0);
        assert_eq!(value(&sctp, "delivered_fraction"), 1.0);
    }
    // Cookies cost no places: who comes while the queue is full is served at once.
    let of = |cookies| value(&run_at(&plan, &["tcp", cookies, "10 ms"], 0), "latency_max_ns");
    assert!(of("when-full") < 0.07e9 && of("off") > 1e9);
}

#[test]
fn a_handover_costs_a_round_trip_or_the_time_without_a_network() {
    let plan = plan(include_str!("../course/sctp-handover.json"));
    let longest = |until| value(&run_at(&plan, &["sctp", "true", until], 0), "latency_max_ns");
    assert!(longest("40.05 s") < 0.15e9);
    // The network comes 5 s after the other has gone; what waits goes after the round trip of the request.
    assert!((5e9..5.2e9).contains(&longest("25.05 s")));
    assert!(value(&run_at(&plan, &["sctp", "false", "25.05 s"], 0), "delivered_fraction") < 0.5);
}

/// When the size of packets changed, in whole seconds, and what it was from then on.
fn sizes(outcome: &Outcome) -> Vec<(u64, u64)> {
    let text = outcome.series.as_deref().expect("series were asked for");
    let mut found: Vec<(u64, u64)> = Vec::new();
    for line in text.lines() {
        let Some((at, size)) = line.split_once(",picture,path_mtu_bytes,") else { continue };
        let (at, size) = (at.parse::<u64>().expect("a time"), size.parse().expect("a size"));
        if found.last().is_none_or(|(_, last)| *last != size) {
            found.push((at / 1_000_000_000, size));
        }
    }
    found
}

#[test]
fn the_size_of_packets_is_found_by_probes_or_told_by_a_router() {
    let plan = plan(include_str!("../course/sctp-path-mtu.json"));
    // Three probes of 15.001 s rule 1500 out, then 1424 and 1404: (1200 + 1501) / 2 and so on, in steps of four bytes
    // (RFC 8899 §5.3.2). Between them 1348, 1384, 1392, 1396 and 1400 get through. The first picture is made after 1 s.
    let alone = run_at(&plan, &["probing", "false", "1400 B", "0 s"], 0);
    assert_eq!(sizes(&alone), [(1, 1200), (46, 1348), (91, 1384), (136, 1400)]);
    assert_eq!(sizes(&run_at(&plan, &["probing", "true", "1400 B", "0 s"], 0)), [(1, 1200), (1, 1400)]);
    assert_eq!(sizes(&run_at(&plan, &["icmp", "true", "1400 B", "0 s"], 0)), [(1, 1500), (1, 1400)]);
    // The base is given up after 45 s, and a second for the cookie whose companion was too large. The wide link's 1500 are known within a second; a black hole is seen at 63 s.
    let below = run_at(&plan, &["probing", "false", "1000 B", "0 s"], 0);
    assert_eq!(sizes(&below), [(1, 1200), (47, 576)]);
    let later = sizes(&run_at(&plan, &["probing", "false", "1400 B", "60 s"], 0));
    assert_eq!(later[..3], [(1, 1200), (1, 1500), (63, 1200)]);
    assert_eq!(later.last().map(|(_, size)| *size), Some(1400));
    // Without either, whatever is larger than the link takes vanishes for good.
    let hole = run_at(&plan, &["icmp", "false", "1400 B", "60 s"], 0);
    assert_eq!(sizes(&hole), [(1, 1500)]);
    assert!(value(&hole, "delivered_fraction") < 0.21);
}

#[test]
fn packets_without_checksum_cost_eight_bytes_in_two_packets() {
    let plan = plan(include_str!("../course/sctp-zero-checksum.json"));
    for message in ["10 B", "100 B", "1000 B"] {
        let bytes = |method| value(&run_at(&plan, &[method, message], 0), "overhead_bytes");
        // INIT and INIT ACK have the parameter; the cookie's flag is a bit that was there already.
        assert_eq!(bytes("dtls") - bytes("none"), 16.0, "{message}");
    }
}
