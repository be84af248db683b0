//! Made-up results for the tests: a tiny set to reckon by hand, and a sweep as a simulator would leave it.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::Results;
use crate::sequence::{TraceItem, draw_svg};

type Files = BTreeMap<String, Vec<u8>>;

/// Two variants, two replications, two metrics; one latency is undefined.
pub(crate) fn tiny() -> Results {
    Results::read(&tiny_files()).unwrap()
}

/// The files of [`tiny`].
pub(crate) fn tiny_files() -> Files {
    let manifest = r#"{
  "program": "netjoule 0.1.0", "name": "tiny", "about": "Which is quicker?", "seed": 1, "replications": 2,
  "axes": [{"name": "transport", "values": ["tcp", "udp"]}],
  "points": [{"point": "p0000", "values": {"transport": "tcp"}}, {"point": "p0001", "values": {"transport": "udp"}}],
  "runs": [
    {"run": "p0000-r00", "point": "p0000", "replication": 0, "seed": "aa", "digest": "01", "status": "done"},
    {"run": "p0000-r01", "point": "p0000", "replication": 1, "seed": "bb", "digest": "02", "status": "done"},
    {"run": "p0001-r00", "point": "p0001", "replication": 0, "seed": "aa", "digest": "03", "status": "done"},
    {"run": "p0001-r01", "point": "p0001", "replication": 1, "seed": "bb", "digest": "04", "status": "done"}],
  "metrics": [
    {"name": "latency.p95", "column": "latency_p95_ns", "unit": "ns", "title": "latency, 95th percentile", "better": "lower"},
    {"name": "delivered", "column": "delivered_fraction", "unit": "", "title": "delivered fraction", "better": "higher"}]
}"#;
    let runs = "run,point,replication,seed,digest,param.transport,latency_p95_ns,delivered_fraction\n\
                p0000-r00,p0000,0,aa,01,tcp,10,1\n\
                p0000-r01,p0000,1,bb,02,tcp,12,1\n\
                p0001-r00,p0001,0,aa,03,udp,4,0.5\n\
                p0001-r01,p0001,1,bb,04,udp,,0\n";
    files_of([("manifest.json", manifest.to_owned()), ("runs.csv", runs.to_owned())])
}

fn files_of<const N: usize>(files: [(&str, String); N]) -> Files {
    files.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect()
}

/// A sweep of three transports over five losses and two round-trip times, thirty replications each.
pub(crate) fn sweep() -> Results {
    Results::read(&sweep_files()).unwrap()
}

const TRANSPORTS: [&str; 3] = ["tcp", "udp", "coap/udp"];
const LOSSES: [(&str, f64); 5] = [("0 %", 0.0), ("1 %", 0.01), ("2 %", 0.02), ("5 %", 0.05), ("10 %", 0.1)];
const DELAYS: [(&str, f64); 2] = [("20 ms", 20e6), ("100 ms", 100e6)];
const REPLICATIONS: u64 = 30;
const MESSAGES: u64 = 120;

/// A small generator for made-up data (splitmix64): the sample needs variety, not quality.
struct Noise(u64);

impl Noise {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// One made-up run: its row of `runs.csv`, and the rows of the other files.
struct SampleRun {
    latencies: Vec<u64>,
    overhead: Vec<(&'static str, &'static str, &'static str, u64)>,
}

fn sample_run(transport: usize, loss: f64, delay: f64, replication: u64) -> SampleRun {
    let mut noise = Noise(replication * 1_000 + (loss * 1e4) as u64);
    let mut latencies = Vec::new();
    let mut resent = 0_u64;
    for _ in 0..MESSAGES {
        let mut latency = delay * (0.5 + 0.1 * noise.unit());
        let mut wait = [200e6_f64, 0.0, 2e9][transport].max(delay);
        let mut lost = noise.unit() < loss;
        while lost && transport != 1 {
            resent += 1;
            latency += wait * (1.0 + 0.5 * noise.unit() * f64::from(u8::from(transport == 2)));
            wait *= 2.0;
            lost = noise.unit() < loss;
        }
        if !lost {
            latencies.push((latency / 1e5).round() as u64 * 100_000);
        }
    }
    latencies.sort_unstable();
    let frames = MESSAGES + resent;
    let link = ("link", "ethernet", "data", frames * 18);
    let network = ("network", "ipv4", "data", frames * 20);
    let payload = ("application", "message", "data", frames * 64);
    let overhead = match transport {
        0 => vec![
            link,
            network,
            ("link", "ethernet", "acknowledgement", frames * 18),
            ("network", "ipv4", "acknowledgement", frames * 20),
            ("transport", "tcp", "data", frames * 32),
            ("transport", "tcp", "acknowledgement", frames * 32),
            ("transport", "tcp", "handshake", 120),
            ("transport", "tcp", "retransmission", resent * 32),
            payload,
        ],
        1 => vec![link, network, ("transport", "udp", "data", frames * 8), payload],
        _ => vec![
            link,
            network,
            ("link", "ethernet", "acknowledgement", frames * 18),
            ("network", "ipv4", "acknowledgement", frames * 20),
            ("transport", "udp", "data", frames * 8),
            ("transport", "udp", "acknowledgement", frames * 8),
            ("session", "coap", "data", frames * 12),
            ("session", "coap", "acknowledgement", frames * 4),
            payload,
        ],
    };
    SampleRun { latencies, overhead }
}

/// The files of [`sweep`].
pub(crate) fn sweep_files() -> Files {
    let mut runs_csv =
        "run,point,replication,seed,digest,param.transport,param.rtt,param.loss,latency_p50_ns,\
                        latency_p95_ns,delivered_fraction,goodput_bps,overhead_ratio,application_bytes\n"
            .to_owned();
    let mut overhead_csv = "run,flow,layer,protocol,reason,bytes,frames\n".to_owned();
    let mut latency_csv = "run,flow,value_ns,count\n".to_owned();
    let mut links_csv = "run,link,from,to,frames_sent,dropped_loss,utilisation\n".to_owned();
    let mut frames_csv = "run,medium,from,to,kind,fate,frames\n".to_owned();
    let (mut points, mut runs) = (Vec::new(), Vec::new());
    let mut files = Files::new();
    for (t, transport) in TRANSPORTS.iter().enumerate() {
        for (rtt, delay) in DELAYS {
            for (loss, p) in LOSSES {
                let point = format!("p{:04}", points.len());
                points.push(format!(
                    r#"{{"point":"{point}","values":{{"transport":"{transport}","rtt":"{rtt}","loss":"{loss}"}}}}"#
                ));
                for replication in 0..REPLICATIONS {
                    let run = format!("{point}-r{replication:02}");
                    let failed = point == "p0029" && replication == 7;
                    runs.push(run_entry(&run, &point, replication, failed));
                    if failed {
                        continue;
                    }
                    let sample = sample_run(t, p, delay, replication);
                    let parameters = format!("{transport},{rtt},{loss}");
                    write_run(&mut runs_csv, &run, &point, replication, &parameters, &sample);
                    for (layer, protocol, reason, bytes) in &sample.overhead {
                        writeln!(overhead_csv, "{run},bulk,{layer},{protocol},{reason},{bytes},1").unwrap();
                    }
                    for value in &sample.latencies {
                        writeln!(latency_csv, "{run},bulk,{value},1").unwrap();
                    }
                    writeln!(links_csv, "{run},up,sensor,server,{MESSAGES},3,0.25").unwrap();
                    for (fate, frames) in [("received", 90 + replication), ("retries spent", 3)] {
                        writeln!(frames_csv, "{run},air,sensor,server,frame,{fate},{frames}").unwrap();
                    }
                    if replication == 0 {
                        files.insert(format!("series/{run}.csv"), series(t, p).into_bytes());
                    }
                }
            }
        }
    }
    let manifest = SWEEP_MANIFEST.replace("POINTS", &points.join(",\n")).replace("RUNS", &runs.join(",\n"));
    files.extend(files_of([
        ("manifest.json", manifest),
        ("runs.csv", runs_csv),
        ("overhead.csv", overhead_csv),
        ("latency.csv", latency_csv),
        ("links.csv", links_csv),
        ("frames.csv", frames_csv),
    ]));
    files
}

fn run_entry(run: &str, point: &str, replication: u64, failed: bool) -> String {
    let (status, error) = if failed { ("failed", "\"more than 1000000 events\"") } else { ("done", "null") };
    format!(
        r#"{{"run":"{run}","point":"{point}","replication":{replication},"seed":"00000000000000{replication:02}","digest":"89abcdef01234567","status":"{status}","error":{error}}}"#
    )
}

fn write_run(
    csv: &mut String,
    run: &str,
    point: &str,
    replication: u64,
    parameters: &str,
    sample: &SampleRun,
) {
    let latencies = &sample.latencies;
    let rank = |percent: usize| latencies[(latencies.len() * percent).div_ceil(100).max(1) - 1];
    let application = latencies.len() as u64 * 64;
    let bytes: u64 = sample.overhead.iter().map(|row| row.3).sum();
    writeln!(
        csv,
        "{run},{point},{replication},00,89abcdef01234567,{parameters},{},{},{},{},{},{application}",
        rank(50),
        rank(95),
        latencies.len() as f64 / MESSAGES as f64,
        application as f64 * 8.0 / 12.0,
        bytes as f64 / application as f64,
    )
    .unwrap();
}

fn series(transport: usize, loss: f64) -> String {
    let mut text = "time_ns,entity,series,value\n".to_owned();
    let mut noise = Noise(transport as u64 * 77);
    let mut window = 1_460.0 * 10.0;
    for step in 0..600_u64 {
        window = if noise.unit() < loss { window / 2.0 } else { window + 300.0 };
        writeln!(text, "{},bulk,cwnd_bytes,{window}", step * 20_000_000).unwrap();
        writeln!(text, "{},bottleneck:a>b,queue_packets,{}", step * 20_000_000, step % 17).unwrap();
    }
    text
}

const SWEEP_MANIFEST: &str = r#"{
  "program": "netjoule 0.1.0", "name": "lossy-uplink",
  "about": "What do loss and round-trip time do to a small message over each transport?",
  "look-at": "The 95th percentile of the latency: where does a lost frame begin to hold up the ones behind it?",
  "scenario-hash": "0123456789abcdef", "seed": 1, "replications": 30,
  "duration_ns": 120000000000, "drain_ns": 30000000000, "warm_up_ns": 0,
  "axes": [{"name": "transport", "values": ["tcp", "udp", "coap/udp"]},
           {"name": "rtt", "values": ["20 ms", "100 ms"]},
           {"name": "loss", "values": ["0 %", "1 %", "2 %", "5 %", "10 %"]}],
  "fixed": {"message": "64 B"},
  "points": [POINTS], "runs": [RUNS],
  "metrics": [
   {"name": "latency.p50", "column": "latency_p50_ns", "unit": "ns", "title": "latency, median", "better": "lower"},
   {"name": "latency.p95", "column": "latency_p95_ns", "unit": "ns", "title": "latency, 95th percentile", "better": "lower"},
   {"name": "delivered", "column": "delivered_fraction", "unit": "", "title": "delivered fraction", "better": "higher"},
   {"name": "goodput", "column": "goodput_bps", "unit": "bit/s", "title": "goodput", "better": "higher"},
   {"name": "overhead", "column": "overhead_ratio", "unit": "", "title": "overhead, bytes sent per application byte", "better": "lower"},
   {"name": "application_bytes", "column": "application_bytes", "unit": "B", "title": "application bytes delivered", "better": null}],
  "plots": [
   {"x": "loss", "y": "latency.p95", "by": "transport", "where": {"rtt": "20 ms"}, "log-y": true},
   {"x": "loss", "y": "latency.p95", "by": "transport"},
   {"x": "loss", "y": "overhead", "by": "transport", "where": {"rtt": "20 ms"}},
   {"ecdf": "latency", "by": "transport", "where": {"loss": "5 %", "rtt": "20 ms"}, "log-x": true},
   {"bars": "overhead", "stack": "layer", "by": "transport", "where": {"rtt": "20 ms", "loss": "1 %"}},
   {"bars": "overhead", "stack": "reason", "by": "transport", "where": {"rtt": "20 ms"}},
   {"series": "cwnd_bytes", "entity": "*", "point": {"transport": "tcp", "rtt": "20 ms", "loss": "1 %"}}],
  "expect": [{"metric": "delivered", "where": {"loss": "0 %"}, "min": 1.0, "measured": 1.0, "passed": true},
             {"metric": "delivered", "where": {"transport": "udp", "loss": "10 %"}, "min": 0.95, "measured": 0.9, "passed": false}],
  "scenario": "{\n  \"name\": \"lossy-uplink\",\n  \"hostile\": \"<script>alert(1)</script>\"\n}\n"
}"#;

/// A handshake with a lost segment, a timer, and two messages that cross.
pub(crate) fn exchange() -> (Vec<String>, Vec<TraceItem>) {
    let message =
        |sent: u64, arrived: Option<u64>, from: usize, to: usize, label: &str, fate: Option<&str>| {
            TraceItem::Message {
                sent: sent * 100_000,
                arrived: arrived.map(|time| time * 100_000),
                from,
                to,
                label: label.to_owned(),
                fate: fate.map(str::to_owned),
            }
        };
    let note =
        |at: u64, node: usize, text: &str| TraceItem::Note { at: at * 100_000, node, text: text.to_owned() };
    let items = vec![
        note(0, 0, "connect"),
        message(0, Some(5), 0, 1, "SYN seq=0", None),
        message(5, None, 1, 2, "SYN seq=0", Some("lost")),
        note(10_000, 0, "retransmission timer, RTO 1 s"),
        message(10_000, Some(10_005), 0, 1, "SYN seq=0", None),
        message(10_005, Some(10_105), 1, 2, "SYN seq=0", None),
        message(10_105, Some(10_210), 2, 0, "SYN ACK seq=0 ack=1", None),
        note(10_210, 0, "established"),
        message(10_210, Some(10_320), 0, 2, "ACK seq=1 ack=1", None),
        note(10_320, 2, "established"),
        message(10_400, Some(10_510), 0, 2, "data 64 B", None),
        message(10_450, Some(10_560), 2, 0, "data 128 B", None),
        message(10_560, Some(10_670), 0, 2, "ACK", Some("ECN CE")),
        message(10_600, None, 2, 0, "ACK", Some("queue full")),
    ];
    (["sensor", "router", "server"].map(str::to_owned).to_vec(), items)
}

/// Writes what the sweep becomes into a folder, to be looked at:
/// `cargo test -p reports -- --ignored the_sample` and the temporary folder's `netjoule-sample`.
#[test]
#[ignore = "writes files, for people to look at"]
fn the_sample_is_written() {
    let folder = std::env::temp_dir().join("netjoule-sample");
    let results = sweep();
    let (nodes, items) = exchange();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("sequence.svg"), draw_svg(&nodes, &items)).unwrap();
    for file in results.summary_files().into_iter().chain(results.plot_files()).chain([results.report_page()])
    {
        let path = folder.join(file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.bytes).unwrap();
    }
}
