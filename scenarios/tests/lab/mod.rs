//! What the tests of whole runs have in common: from the text of a scenario to its results.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of the laboratory")]

use scenarios::language::{METRICS, NoFiles, Overrides, Plan, render_lines};
use scenarios::run::{Outcome, RunOptions, RunReport, run};

/// The plan of a text that is right; else its mistakes are the test's failure.
pub fn plan(text: &str) -> Plan {
    let plan = Plan::parse(text.as_bytes(), &Overrides::default(), &NoFiles);
    plan.unwrap_or_else(|mistakes| panic!("{}", render_lines(&mistakes, "test.json")))
}

/// The first run of the first point.
pub fn report(text: &str, options: RunOptions) -> RunReport {
    let plan = plan(text);
    run(&plan, &plan.point(0), 0, options, &NoFiles)
}

/// What came of the first run of the first point.
pub fn outcome(text: &str) -> Outcome {
    outcome_with(text, RunOptions::default())
}

/// What came of the first run of the first point, with more kept than the accounts.
pub fn outcome_with(text: &str, options: RunOptions) -> Outcome {
    report(text, options).outcome.expect("the run comes to its end")
}

/// A metric by the name of its column; none where there is nothing to say.
pub fn metric(outcome: &Outcome, column: &str) -> Option<f64> {
    let index = METRICS.iter().position(|metric| metric.column == column).expect("there is such a column");
    outcome.metrics[index]
}

/// A metric that has a value.
pub fn value(outcome: &Outcome, column: &str) -> f64 {
    metric(outcome, column).unwrap_or_else(|| panic!("{column} has no value"))
}
