//! The order of the rows.

use super::TraceItem;
use crate::table::one_line;

/// One row of a diagram.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Row {
    /// When it happens, in nanoseconds.
    pub(super) time: u64,
    pub(super) content: Content,
}

/// What a row shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Content {
    /// A message that arrived (at the given time) before anything else happened.
    Whole { hop: Hop, arrived: u64 },
    /// A message that never arrived, and why.
    Lost { hop: Hop, fate: String },
    /// A message leaves; its arrival has a row of its own with the same tag.
    Departs { hop: Hop, tag: usize },
    /// It arrives.
    Arrives { hop: Hop, tag: usize },
    /// A remark at a node.
    Note { node: usize, text: String },
}

/// A message's way between two different nodes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Hop {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: String,
}

/// The end of a message that an event is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum End {
    Start,
    Arrival,
}

/// The rows in order of time, then of the input. Items of nodes that do not exist are left out; what a
/// node sends to itself is a remark.
pub(super) fn rows(nodes: usize, items: &[TraceItem]) -> Vec<Row> {
    let mut events: Vec<(u64, usize, End)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match item {
            TraceItem::Message { sent, arrived, from, to, .. } if *from < nodes && *to < nodes => {
                events.push((*sent, index, End::Start));
                if let Some(arrived) = arrived.filter(|_| from != to) {
                    events.push((arrived.max(*sent), index, End::Arrival));
                }
            }
            TraceItem::Note { at, node, .. } if *node < nodes => events.push((*at, index, End::Start)),
            TraceItem::Message { .. } | TraceItem::Note { .. } => {}
        }
    }
    events.sort_unstable();
    let mut tags: Vec<usize> = vec![0; items.len()];
    let mut next_tag = 1;
    let mut rows = Vec::new();
    let mut position = 0;
    while let Some((time, index, end)) = events.get(position).copied() {
        position += 1;
        let next = events.get(position).copied();
        let content = match (&items[index], end) {
            (TraceItem::Note { node, text, .. }, _) => Content::Note { node: *node, text: one_line(text) },
            (TraceItem::Message { from, to, label, .. }, End::Start) if from == to => {
                Content::Note { node: *from, text: one_line(label) }
            }
            (TraceItem::Message { from, to, label, arrived, fate, .. }, End::Start) => {
                let hop = Hop { from: *from, to: *to, label: one_line(label) };
                match (arrived, next) {
                    (None, _) => Content::Lost { hop, fate: one_line(fate.as_deref().unwrap_or("lost")) },
                    (Some(_), Some((arrived, other, End::Arrival))) if other == index => {
                        position += 1;
                        Content::Whole { hop: with_fate(hop, fate.as_deref()), arrived }
                    }
                    (Some(_), _) => {
                        tags[index] = next_tag;
                        next_tag += 1;
                        Content::Departs { hop, tag: tags[index] }
                    }
                }
            }
            (TraceItem::Message { from, to, label, fate, .. }, End::Arrival) => {
                let hop = Hop { from: *from, to: *to, label: one_line(label) };
                Content::Arrives { hop: with_fate(hop, fate.as_deref()), tag: tags[index] }
            }
        };
        rows.push(Row { time, content });
    }
    rows
}

/// The label with what became of the message, though it arrived.
fn with_fate(mut hop: Hop, fate: Option<&str>) -> Hop {
    if let Some(fate) = fate {
        hop.label = format!("{} [{}]", hop.label, one_line(fate));
    }
    hop
}

/// Milliseconds with three decimals, from nanoseconds, rounded down.
pub(super) fn milliseconds(time: u64) -> String {
    format!("{}.{:03}", time / 1_000_000, time / 1_000 % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sent: u64, arrived: u64, from: usize, to: usize) -> TraceItem {
        let (label, fate) = (format!("{from}{to}"), None);
        TraceItem::Message { sent, arrived: Some(arrived), from, to, label, fate }
    }

    #[test]
    fn crossing_messages_have_two_rows_each() {
        let rows = rows(2, &[message(0, 10, 0, 1), message(5, 15, 1, 0), message(20, 30, 0, 1)]);
        let kinds: Vec<(u64, &str)> = rows
            .iter()
            .map(|row| match &row.content {
                Content::Departs { tag: 1, .. } => (row.time, "departs 1"),
                Content::Departs { .. } => (row.time, "departs 2"),
                Content::Arrives { tag: 1, .. } => (row.time, "arrives 1"),
                Content::Arrives { .. } => (row.time, "arrives 2"),
                Content::Whole { .. } => (row.time, "whole"),
                Content::Lost { .. } | Content::Note { .. } => (row.time, "other"),
            })
            .collect();
        let expected =
            [(0, "departs 1"), (5, "departs 2"), (10, "arrives 1"), (15, "arrives 2"), (20, "whole")];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn unknown_nodes_are_left_out() {
        assert_eq!(rows(2, &[message(0, 1, 0, 2), message(0, 1, 7, 1)]), []);
    }

    #[test]
    fn an_arrival_before_the_departure_counts_as_one_with_it() {
        assert_eq!(rows(2, &[message(9, 3, 0, 1)])[0].time, 9);
    }

    #[test]
    fn times_are_in_milliseconds() {
        assert_eq!(milliseconds(12_345_678), "12.345");
        assert_eq!(milliseconds(999), "0.000");
    }
}
