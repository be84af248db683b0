//! What became of the frames of radios: each with one fate.

use std::collections::{BTreeMap, BTreeSet};

use super::tables::{Table, number, parameters, text};
use crate::quantity::plain;
use crate::results::{NameId, Results};

/// Mean numbers of frames by point, medium and kind, a column for each fate; empty without radios.
pub(super) fn table(results: &Results) -> String {
    // The keys of the file: medium, sender, receiver, kind, fate.
    let [medium, kind, fate] = [0, 3, 4];
    let mut groups: BTreeMap<(usize, NameId, NameId), BTreeMap<NameId, f64>> = BTreeMap::new();
    let mut fates: Vec<NameId> = Vec::new();
    let mut seen = BTreeSet::new();
    for row in &results.frames.rows {
        let group = (results.runs[row.run].point, row.keys[medium], row.keys[kind]);
        let frames = row.values.first().copied().flatten().unwrap_or(0.0);
        *groups.entry(group).or_default().entry(row.keys[fate]).or_default() += frames;
        if seen.insert(row.keys[fate]) {
            fates.push(row.keys[fate]);
        }
    }
    if groups.is_empty() {
        return String::new();
    }
    let name = |id: NameId| results.names.text(id);
    // What was received comes first, causes of loss behind it by name.
    fates.sort_by_key(|&fate| (name(fate) != "received", name(fate) != "duplicate", name(fate)));
    let mut headings: Vec<String> = results.manifest.axes.iter().map(|axis| axis.name.clone()).collect();
    headings.extend(["medium", "kind", "all"].map(str::to_owned));
    headings.extend(fates.iter().map(|&fate| name(fate).to_owned()));
    let mut table = Table::new(&headings);
    for ((point, medium, kind), counts) in groups {
        let runs = results.finished_runs(point).count().max(1) as f64;
        let mean = |frames: f64| number(&plain(frames / runs), frames / runs);
        let mut cells = parameters(results, point);
        cells.extend([text(name(medium)), text(name(kind)), mean(counts.values().sum())]);
        cells.extend(fates.iter().map(|fate| match counts.get(fate) {
            Some(&frames) => mean(frames),
            None => "<td class=\"n\">–</td>".to_owned(),
        }));
        table.row(&cells);
    }
    table.end()
}

/// What the kinds are.
pub(super) const NOTE: &str = "<p class=\"note\">Means over runs. A <i>frame</i> holds a packet, or a part of one, for one \
     radio and is counted once, however often it was sent: it was received or lost by one cause. <i>Unicast</i> and \
     <i>acknowledgement</i> count transmissions, <i>broadcast</i> each radio in reach.</p>\n";
