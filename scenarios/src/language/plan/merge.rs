//! Mistakes that show at several points of a sweep, told once.

use std::collections::BTreeMap;

use super::Plan;
use crate::language::diagnostic::{Finding, Mark, Severity};
use crate::language::path::Path;
use crate::language::point::Point;

/// What makes two findings the same, whatever the help says about the point.
type Identity = (Path, Mark, String);

/// The findings of several points.
#[derive(Default)]
pub(super) struct Merge {
    checked: usize,
    found: BTreeMap<Identity, (Finding, usize, usize)>,
}

impl Merge {
    /// Adds the findings of one point.
    pub(super) fn add(&mut self, point: &Point, findings: Vec<Finding>) {
        self.checked += 1;
        for finding in findings {
            let identity = (finding.path.clone(), finding.mark, finding.message.clone());
            let entry = self.found.entry(identity).or_insert((finding, point.number, 0));
            entry.2 += 1;
        }
    }

    /// Each finding once. A mistake that some points do not have names the first that has it; a warning that some
    /// points do not have is none.
    pub(super) fn finish(self, plan: &Plan) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (mut finding, first, count) in self.found.into_values() {
            if count < self.checked {
                if finding.severity == Severity::Warning {
                    continue;
                }
                let point = plan.point(first);
                let values: Vec<String> =
                    plan.values(&point).into_iter().map(|(name, text)| format!("{name} = {text}")).collect();
                let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
                let note = format!("at point {} ({}){more}", point.name(), values.join(", "));
                finding.help = Some(match finding.help.take() {
                    Some(help) => format!("{help}; {note}"),
                    None => note,
                });
            }
            findings.push(finding);
        }
        findings
    }
}
