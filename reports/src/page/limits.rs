//! What held the senders back, in sentences: the explanation of a goodput.

use crate::quantity::Kind;
use crate::results::Results;

/// The metrics that share out the senders' time, and what each of them is called in a sentence.
const LIMITS: [(&str, &str); 5] = [
    ("limited.application", "by the application"),
    ("limited.send-buffer", "by the send buffer"),
    ("limited.receiver", "by the receiver's window"),
    ("limited.cwnd", "by the congestion window"),
    ("limited.pacing", "by pacing"),
];

/// Sentences on what limited the goodput of each variant, where goodput or windows are what the scenario plots.
pub(super) fn sentences(results: &Results) -> Vec<String> {
    if !is_asked(results) {
        return Vec::new();
    }
    let axis =
        results.variant_axes().first().copied().filter(|axis| results.manifest.axes[*axis].values.len() > 1);
    let axes: Vec<usize> = axis.into_iter().collect();
    let points: Vec<usize> = (0..results.points.len()).collect();
    let groups = results.group_by(&points, &axes);
    groups
        .iter()
        .filter_map(|(values, points)| sentence(results, axis.zip(values.first().copied()), points))
        .collect()
}

fn is_asked(results: &Results) -> bool {
    results.manifest.plots.iter().any(|plot| {
        let metric = plot.y.as_deref().is_some_and(|y| y == "goodput" || y.starts_with("limited."));
        metric
            || plot.series.as_deref().is_some_and(|series| series == "limited_by" || series == "cwnd_bytes")
    })
}

/// One sentence on `points`, which have one value of an axis in common.
fn sentence(results: &Results, value: Option<(usize, usize)>, points: &[usize]) -> Option<String> {
    let mut shares = Vec::new();
    for (name, words) in LIMITS {
        let metric = results.metric_index(name)?;
        let means: Vec<f64> =
            points.iter().filter_map(|point| results.estimate(*point, metric)).map(|it| it.mean).collect();
        if !means.is_empty() {
            let share = means.iter().sum::<f64>() / means.len() as f64;
            shares.push((share, words, Kind::of_metric(&results.manifest.metrics[metric])));
        }
    }
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    let shown: Vec<String> = shares
        .iter()
        .filter(|(share, ..)| *share >= LEAST_SHOWN)
        .map(|(share, words, kind)| format!("{} {words}", kind.show(*share, None).replace(' ', "\u{a0}")))
        .collect();
    let who = value.map_or(String::new(), |(axis, value)| {
        let named = &results.manifest.axes[axis];
        // A bare quantity says nothing without its axis.
        let name = results.quantities(axis).map_or(String::new(), |_| format!("{} ", named.name));
        format!(" of {name}{}", named.values[value].0)
    });
    (!shown.is_empty())
        .then(|| format!("What limited the senders{who}, share of time: {}.", shown.join(", ")))
}

/// Smaller shares are left out.
const LEAST_SHOWN: f64 = 0.005;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn results(plot: &str) -> Results {
        let mut files = sample::tiny_files();
        let manifest = String::from_utf8(files["manifest.json"].clone()).unwrap();
        let metrics: String = LIMITS
            .iter()
            .map(|(name, _)| {
                let column = name.replace(['.', '-'], "_") + "_fraction";
                format!(r#",{{"name": "{name}", "column": "{column}", "unit": "1", "title": "{name}"}}"#)
            })
            .collect();
        let manifest =
            manifest.trim_end().strip_suffix("]\n}").unwrap().to_owned() + &metrics + "],\n" + plot + "}";
        let runs = "run,point,replication,seed,digest,param.transport,latency_p95_ns,delivered_fraction,\
                    limited_application_fraction,limited_send_buffer_fraction,limited_receiver_fraction,limited_cwnd_fraction,limited_pacing_fraction\n\
                    p0000-r00,p0000,0,aa,01,tcp,10,1,0.1,0,0,0.9,0\n\
                    p0000-r01,p0000,1,bb,02,tcp,12,1,0.3,0,0.004,0.696,0\n\
                    p0001-r00,p0001,0,aa,03,udp,4,0.5,,,,,\n\
                    p0001-r01,p0001,1,bb,04,udp,,0,,,,,\n";
        files.insert("manifest.json".to_owned(), manifest.into_bytes());
        files.insert("runs.csv".to_owned(), runs.into());
        Results::read(&files).unwrap()
    }

    #[test]
    fn shares_are_means_and_come_by_size() {
        // (0.9 + 0.696)/2 = 0.798, (0.1 + 0.3)/2 = 0.2; 0.2 % is left out, and what has no connections says nothing.
        let results = results(r#""plots": [{"series": "cwnd_bytes"}]"#);
        assert_eq!(
            sentences(&results),
            [
                "What limited the senders of tcp, share of time: 79.8\u{a0}% by the congestion window, 20\u{a0}% by the application."
            ]
        );
    }

    #[test]
    fn who_does_not_ask_is_not_told() {
        assert_eq!(sentences(&results(r#""plots": [{"y": "delivered", "x": "transport"}]"#)), [""; 0]);
        assert_eq!(sentences(&sample::tiny()), [""; 0]);
    }
}
