//! The diagram as SVG.

use std::collections::BTreeMap;

use super::TraceItem;
use super::plan::{self, Content, Hop, milliseconds};
use crate::plot::font;
use crate::plot::palette::Ink;
use crate::plot::scene::{Anchor, Scene, Spot};
use crate::plot::svg::{Theme, svg};
use crate::table::one_line;

/// Left of the first lifeline; right of the last.
const LEFT: f64 = 140.0;
const RIGHT: f64 = 120.0;
/// Height of a row, and of the head with the nodes' names.
const ROW: f64 = 30.0;
const HEAD: f64 = 46.0;
/// How much lower a message ends that arrives before anything else happens.
const SLOPE: f64 = 12.0;
const SIZE: f64 = 12.0;

/// Draws what happened among `nodes` as a standalone SVG file: time runs downwards, not to scale, and
/// messages that cross on their way cross on the drawing.
pub fn draw_svg(nodes: &[String], items: &[TraceItem]) -> String {
    svg(&scene(nodes, items), Theme::Paper)
}

fn scene(nodes: &[String], items: &[TraceItem]) -> Scene {
    let rows = plan::rows(nodes.len(), items);
    let gap = (620.0 / nodes.len().saturating_sub(1).max(1) as f64).max(170.0);
    let width = LEFT + gap * nodes.len().saturating_sub(1) as f64 + RIGHT;
    let height = HEAD + ROW * (rows.len() as f64 + 1.0);
    let mut scene = Scene::new(width, height, "Sequence diagram".to_owned());
    let life = |node: usize| LEFT + gap * node as f64;
    for (index, node) in nodes.iter().enumerate() {
        let name = font::shortened(&one_line(node), SIZE, true, gap - 12.0);
        scene.bold((life(index), 26.0), &name, SIZE, Anchor::Middle, Ink::Text);
        let line = vec![(life(index), HEAD - 10.0), (life(index), height - 8.0)];
        scene.line(line, Ink::Frame, 1.0, &[]);
    }
    scene.text((LEFT - 70.0, 26.0), "ms", SIZE, Anchor::End, Ink::Muted);
    let mut departures: BTreeMap<usize, f64> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        let y = HEAD + ROW * (index as f64 + 0.5);
        scene.text((LEFT - 70.0, y + 4.0), &milliseconds(row.time), SIZE, Anchor::End, Ink::Muted);
        match &row.content {
            Content::Whole { hop, .. } => {
                let ends = ((life(hop.from), y), (life(hop.to), y + SLOPE));
                arrow(&mut scene, hop, ends, 0.4);
            }
            Content::Lost { hop, fate } => {
                let (from, to) = (life(hop.from), life(hop.to));
                let end = (from + (to - from) * 0.62, y + SLOPE * 0.62);
                lost(&mut scene, hop, (from, y), end, fate);
            }
            Content::Departs { tag, .. } => {
                departures.insert(*tag, y);
            }
            Content::Arrives { hop, tag } => {
                let start = departures.remove(tag).unwrap_or(y);
                // Near the sender, where messages that cross are still apart.
                arrow(&mut scene, hop, ((life(hop.from), start), (life(hop.to), y)), 0.24);
            }
            Content::Note { node, text } => note(&mut scene, life(*node), y, text),
        }
    }
    scene
}

/// An arrow with its label at a share of its way.
fn arrow(scene: &mut Scene, hop: &Hop, (from, to): (Spot, Spot), share: f64) {
    scene.line(vec![from, to], Ink::Series(0), 1.5, &[]);
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = (dx * dx + dy * dy).sqrt().max(1.0);
    let (along, across) = ((dx / length, dy / length), (-dy / length, dx / length));
    let wing = |side: f64| {
        (to.0 - along.0 * 9.0 + across.0 * side * 3.8, to.1 - along.1 * 9.0 + across.1 * side * 3.8)
    };
    let head = crate::plot::scene::Shape::Area {
        spots: vec![to, wing(1.0), wing(-1.0)],
        ink: Ink::Series(0),
        title: String::new(),
    };
    scene.shapes.push(head);
    let room = dx.abs() * share * 1.8;
    label(scene, (from.0 + dx * share, from.1 + dy * share), &hop.label, room, (dy / dx).abs());
}

fn lost(scene: &mut Scene, hop: &Hop, from: Spot, end: Spot, fate: &str) {
    scene.line(vec![from, end], Ink::Series(1), 1.5, &[5.0, 3.0]);
    for side in [-1.0, 1.0] {
        let line = vec![(end.0 - 5.0, end.1 - 5.0 * side), (end.0 + 5.0, end.1 + 5.0 * side)];
        scene.line(line, Ink::Series(1), 1.8, &[]);
    }
    let middle = ((from.0 + end.0) / 2.0, (from.1 + end.1) / 2.0);
    label(scene, middle, &hop.label, (end.0 - from.0).abs() * 0.8, 0.04);
    let fate = font::shortened(fate, SIZE, false, 160.0);
    let (x, anchor) =
        if end.0 > from.0 { (end.0 + 10.0, Anchor::Start) } else { (end.0 - 10.0, Anchor::End) };
    scene.text((x, end.1 + 4.0), &fate, SIZE, anchor, Ink::Series(1));
}

/// Text on a patch of paper, above a line of the given slope.
fn label(scene: &mut Scene, (x, y): Spot, text: &str, room: f64, slope: f64) {
    let text = font::shortened(text, SIZE, false, room);
    let half = font::width(&text, SIZE, false) / 2.0 + 3.0;
    let y = y - half * slope + 1.0;
    scene.rectangle((x - half, y - SIZE - 3.0), (x + half, y - 2.0), Ink::Paper, String::new());
    scene.text((x, y - 5.0), &text, SIZE, Anchor::Middle, Ink::Text);
}

fn note(scene: &mut Scene, x: f64, y: f64, text: &str) {
    let text = font::shortened(text, SIZE, false, 240.0);
    let width = font::width(&text, SIZE, false);
    let (left, anchor, at) = if x + 10.0 + width < scene.width {
        (x + 7.0, Anchor::Start, x + 10.0)
    } else {
        (x - 13.0 - width, Anchor::End, x - 10.0)
    };
    scene.rectangle((left, y - SIZE * 0.8), (left + width + 6.0, y + SIZE * 0.6), Ink::Paper, String::new());
    scene.marker((x, y), crate::plot::palette::Marker::Disc, Ink::Series(2), String::new());
    scene.text((at, y + 4.0), &text, SIZE, anchor, Ink::Text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_message_ends_in_a_cross() {
        let items = [TraceItem::Message {
            sent: 1_000_000,
            arrived: None,
            from: 0,
            to: 1,
            label: "<SYN>".to_owned(),
            fate: Some("queue full".to_owned()),
        }];
        insta::assert_snapshot!(draw_svg(&["a".to_owned(), "b".to_owned()], &items), @r##"
            <svg xmlns="http://www.w3.org/2000/svg" width="880" height="106" viewBox="0 0 880 106" role="img" aria-label="Sequence diagram" font-family="Arimo, 'Liberation Sans', Arial, Helvetica, sans-serif">
            <rect width="880" height="106" fill="#ffffff"/>
            <text x="140" y="26" font-size="12" text-anchor="middle" font-weight="bold" fill="#1a1c1f">a</text>
            <path d="M140 36L140 98" fill="none" stroke="#6f757e" stroke-width="1" stroke-linejoin="round"/>
            <text x="760" y="26" font-size="12" text-anchor="middle" font-weight="bold" fill="#1a1c1f">b</text>
            <path d="M760 36L760 98" fill="none" stroke="#6f757e" stroke-width="1" stroke-linejoin="round"/>
            <text x="70" y="26" font-size="12" text-anchor="end" fill="#565b63">ms</text>
            <text x="70" y="65" font-size="12" text-anchor="end" fill="#565b63">1.000</text>
            <path d="M140 61L524.4 68.44" fill="none" stroke="#c0400f" stroke-width="1.5" stroke-linejoin="round" stroke-dasharray="5 3"/>
            <path d="M519.4 73.44L529.4 63.44" fill="none" stroke="#c0400f" stroke-width="1.8" stroke-linejoin="round"/>
            <path d="M519.4 63.44L529.4 73.44" fill="none" stroke="#c0400f" stroke-width="1.8" stroke-linejoin="round"/>
            <path d="M309.86 49.83L354.54 49.83L354.54 62.83L309.86 62.83Z" fill="#ffffff"/>
            <text x="332.2" y="59.83" font-size="12" text-anchor="middle" fill="#1a1c1f">&lt;SYN&gt;</text>
            <text x="534.4" y="72.44" font-size="12" fill="#c0400f">queue full</text>
            </svg>
            "##);
    }

    #[test]
    fn crossing_messages_cross() {
        let (nodes, items) = crate::sample::exchange();
        let svg = draw_svg(&nodes, &items);
        assert_eq!(svg.matches("Z\" fill=\"#0b2e6b\"").count(), 8, "a head for each arrival");
    }
}
