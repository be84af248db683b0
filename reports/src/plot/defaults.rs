//! The figures of a scenario that names none.

use crate::results::{PlotRequest, Results};

/// Metrics over the first axis that is a quantity (or the first of all), by the first that is names;
/// then the distribution of the latency, and the overhead by layer and by reason.
pub(super) fn requests(results: &Results) -> Vec<PlotRequest> {
    let axes = &results.manifest.axes;
    let several = |axis: &usize| axes[*axis].values.len() > 1;
    let numeric = (0..axes.len()).filter(several).find(|axis| results.quantities(*axis).is_some());
    let by = (0..axes.len()).filter(several).find(|axis| results.quantities(*axis).is_none());
    let name = |axis: Option<usize>| axis.map(|axis| axes[axis].name.clone());
    let mut requests = Vec::new();
    if let Some(x) = name(numeric.or(by)) {
        for metric in ["latency.p95", "delivered", "goodput", "overhead"] {
            requests.push(PlotRequest {
                x: Some(x.clone()),
                y: Some(metric.to_owned()),
                // The variants are the abscissa where there is no quantity.
                by: numeric.and(name(by)),
                ..PlotRequest::default()
            });
        }
    }
    let by = name(by.or(numeric));
    requests.push(PlotRequest {
        ecdf: Some("latency".to_owned()),
        by: by.clone(),
        log_x: wide(results),
        ..PlotRequest::default()
    });
    for stack in ["layer", "reason"] {
        requests.push(PlotRequest {
            bars: Some("overhead".to_owned()),
            stack: Some(stack.to_owned()),
            by: by.clone(),
            ..PlotRequest::default()
        });
    }
    requests
}

/// What nodes with hardware drew over time, and what their batteries still held and gave, whatever else is asked for: of
/// these series those that were recorded and that the scenario does not name itself.
pub(super) fn power(results: &Results) -> Vec<PlotRequest> {
    let axes = &results.manifest.axes;
    let by = (0..axes.len()).find(|axis| axes[*axis].values.len() > 1 && results.quantities(*axis).is_none());
    let named =
        |series: &str| results.manifest.plots.iter().any(|request| request.series.as_deref() == Some(series));
    let recorded = |series: &str| {
        let mut rows = results.series.values().flatten();
        rows.any(|row| results.names.text(row.series) == series)
    };
    let request = |&(series, title): &(&str, &str)| PlotRequest {
        series: Some(series.to_owned()),
        by: by.map(|axis| axes[axis].name.clone()),
        title: Some(title.to_owned()),
        ..PlotRequest::default()
    };
    POWER.iter().filter(|(series, _)| !named(series) && recorded(series)).map(request).collect()
}

/// Series of nodes with hardware, and what figures of them are called.
const POWER: [(&str, &str); 3] = [
    ("power_w", "Power that the nodes draw over time"),
    ("charge_fraction", "Charge of the batteries over time"),
    ("voltage_v", "Voltage of the batteries over time"),
];

/// Whether latencies span more than a linear axis can show.
fn wide(results: &Results) -> bool {
    let lowest = results.latency.iter().map(|row| row.value_ns).min().unwrap_or(0);
    let highest = results.latency.iter().map(|row| row.value_ns).max().unwrap_or(0);
    lowest > 0 && highest / lowest > 30
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn results(plots: &str) -> Results {
        let mut files = sample::tiny_files();
        let manifest = String::from_utf8(files["manifest.json"].clone()).unwrap();
        let manifest = manifest.trim_end().strip_suffix('}').unwrap().to_owned() + plots + "}";
        files.insert("manifest.json".to_owned(), manifest.into_bytes());
        let series = "time_ns,entity,series,value\n\
                      0,sensor,charge_fraction,1\n0,sensor,voltage_v,3\n\
                      1000000000,sensor,power_w,0.02\n1000000000,sensor,charge_fraction,0.9\n1000000000,sensor,voltage_v,2.9\n";
        files.insert("series/p0000-r00.csv".to_owned(), series.into());
        Results::read(&files).unwrap()
    }

    #[test]
    fn what_nodes_draw_and_what_batteries_hold_is_drawn_unasked_and_once() {
        let names = |results: &Results| -> Vec<String> {
            let plots = results.plots().into_iter().flatten().map(|plot| plot.name);
            plots.filter(|name| name.ends_with("-over-time")).collect()
        };
        let all = |first: usize| {
            let series = ["power-w", "charge-fraction", "voltage-v"].into_iter().zip(first..);
            series.map(|(name, number)| format!("{number:02}-{name}-over-time")).collect::<Vec<_>>()
        };
        let usual = results("").plots().len() - 3;
        assert_eq!(names(&results("")), all(usual + 1));
        let asked = results(r#","plots": [{"series": "voltage_v", "entity": "sensor"}]"#);
        assert_eq!(
            names(&asked),
            ["01-voltage-v-over-time", "02-power-w-over-time", "03-charge-fraction-over-time"]
        );
        assert_eq!(names(&sample::tiny()), [""; 0]);
    }
}
