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

/// Whether latencies span more than a linear axis can show.
fn wide(results: &Results) -> bool {
    let lowest = results.latency.iter().map(|row| row.value_ns).min().unwrap_or(0);
    let highest = results.latency.iter().map(|row| row.value_ns).max().unwrap_or(0);
    lowest > 0 && highest / lowest > 30
}
