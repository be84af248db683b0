//! The graphs that RPL has built by the end of a run, as maps: who is whose parent, and how good the links are.

use std::collections::BTreeMap;

use super::palette::{Ink, Marker};
use super::scene::{Anchor, Scene, Spot};
use super::{Plot, file_name};
use crate::results::{GraphLink, GraphRow, NameId, Results};

/// A map for each of the first points: of its first run that reached its end.
pub(super) fn plots(results: &Results) -> Vec<Plot> {
    let mut plots = Vec::new();
    for point in 0..results.points.len().min(POINTS_MAX) {
        let first = results.finished_runs(point).next().map(|run| run.name.as_str());
        let Some(run) = results.runs.iter().position(|run| Some(run.name.as_str()) == first) else {
            continue;
        };
        let mut media: BTreeMap<&str, Vec<&GraphRow>> = BTreeMap::new();
        for row in results.graph.iter().filter(|row| row.run == run) {
            media.entry(results.names.text(row.medium)).or_default().push(row);
        }
        for (medium, rows) in media {
            let name = format!("dodag-{}-{}", results.runs[run].name, file_name(medium));
            plots.push(Plot { name, scene: map(results, run, medium, &rows) });
        }
    }
    plots
}

fn map(results: &Results, run: usize, medium: &str, rows: &[&GraphRow]) -> Scene {
    let joined = rows.iter().filter(|row| row.rank.is_some()).count();
    let deepest = rows.iter().filter_map(|row| row.hops).max().unwrap_or(0);
    let run_name = &results.runs[run].name;
    let title = format!("The graph on {medium} at the end of {run_name}");
    let caption = format!(
        "{joined} of {} nodes are in a graph, at most {deepest} hops from its root. Lines lead to the preferred parent; the thicker, the \
         more transmissions a frame takes (ETX); dark is near to the root.",
        rows.len()
    );
    let mut scene = Scene::new(WIDTH, HEIGHT, format!("{title}. {caption}"));
    scene.bold((RIM, RIM + 14.0), &title, 16.0, Anchor::Start, Ink::Text);
    for (line, text) in wrapped(&caption).into_iter().enumerate() {
        scene.text((RIM, RIM + 34.0 + 15.0 * line as f64), &text, 11.5, Anchor::Start, Ink::Muted);
    }
    let frame = Frame::around(rows);
    let places: BTreeMap<NameId, Spot> = rows.iter().map(|row| (row.node, frame.spot(row.place))).collect();
    let links = results.graph_links.iter().filter(|link| link.run == run && places.contains_key(&link.to));
    let etx: BTreeMap<(NameId, NameId), &GraphLink> = links
        .filter(|link| results.names.text(link.medium) == medium)
        .map(|link| ((link.from, link.to), link))
        .collect();
    let few = rows.len() <= LABELLED_MAX;
    for row in rows {
        let (Some(&from), Some(&to)) = (places.get(&row.node), places.get(&row.parent)) else { continue };
        let link = etx.get(&(row.node, row.parent));
        let expected = link.map_or(1.0, |link| link.etx);
        let dash: &[f64] = if link.is_some_and(|link| link.used) { &[] } else { &[4.0, 3.0] };
        scene.line(vec![from, to], Ink::Frame, (expected * 1.2).min(6.0), dash);
        if few && expected >= SHOWN_FROM {
            let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0 - 3.0);
            scene.text(middle, &format!("{expected:.1}"), 10.0, Anchor::Middle, Ink::Muted);
        }
    }
    for row in rows {
        node(&mut scene, results, row, frame.spot(row.place), deepest, few);
    }
    frame.scale(&mut scene);
    scene
}

fn node(scene: &mut Scene, results: &Results, row: &GraphRow, at: Spot, deepest: u64, few: bool) {
    let name = results.names.text(row.node);
    let ink = match row.hops {
        Some(hops) => Ink::Part(hops as usize, deepest as usize + 2),
        None => Ink::Series(1),
    };
    let told = match (row.rank, row.hops) {
        (Some(rank), Some(hops)) => format!("{name}: rank {rank}, {hops} hops"),
        (Some(rank), None) => format!("{name}: rank {rank}, on no way to a root"),
        (None, _) => format!("{name}: in no graph"),
    };
    let marker = match row.rank {
        _ if row.is_root => Marker::Square,
        Some(_) => Marker::Disc,
        None => Marker::Cross,
    };
    scene.marker(at, marker, ink, told);
    if few {
        let number = name.split_once('[').map_or(name, |(_, number)| number.trim_end_matches(']'));
        scene.text((at.0 + 6.0, at.1 - 5.0), number, 10.0, Anchor::Start, Ink::Text);
    }
}

/// The part of the plane that is shown, alike in both directions.
struct Frame {
    west: f64,
    north: f64,
    pixels_per_metre: f64,
}

impl Frame {
    fn around(rows: &[&GraphRow]) -> Self {
        let edge = |pick: fn(&GraphRow) -> f64, fold: fn(f64, f64) -> f64, start: f64| {
            rows.iter().map(|row| pick(row)).fold(start, fold)
        };
        let west = edge(|row| row.place.0, f64::min, f64::INFINITY);
        let east = edge(|row| row.place.0, f64::max, f64::NEG_INFINITY);
        let south = edge(|row| row.place.1, f64::min, f64::INFINITY);
        let north = edge(|row| row.place.1, f64::max, f64::NEG_INFINITY);
        let (wide, high) = ((east - west).max(1.0), (north - south).max(1.0));
        let pixels_per_metre =
            ((WIDTH - 2.0 * RIM - 60.0) / wide).min((HEIGHT - TOP - 2.0 * RIM - 30.0) / high);
        Self { west, north, pixels_per_metre }
    }

    fn spot(&self, (east, north): (f64, f64)) -> Spot {
        let x = RIM + 20.0 + (east - self.west) * self.pixels_per_metre;
        (x, TOP + RIM + (self.north - north) * self.pixels_per_metre)
    }

    /// A bar that is a round number of metres long.
    fn scale(&self, scene: &mut Scene) {
        let most = 140.0 / self.pixels_per_metre;
        let mut metres = 1.0;
        for step in [2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0] {
            if step <= most {
                metres = step;
            }
        }
        let (left, y) = (RIM + 20.0, HEIGHT - RIM);
        let right = left + metres * self.pixels_per_metre;
        scene.line(vec![(left, y), (right, y)], Ink::Frame, 2.0, &[]);
        scene.text((right + 6.0, y + 4.0), &format!("{metres} m"), 11.5, Anchor::Start, Ink::Muted);
    }
}

/// The text in lines that fit.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| line.len() + word.len() >= LETTERS_MAX) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            let space = if line.is_empty() { "" } else { " " };
            line.push_str(space);
            line.push_str(word);
        }
    }
    lines
}

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 760.0;
const RIM: f64 = 16.0;
/// Where the map begins.
const TOP: f64 = 80.0;
/// Points of a sweep that have a map.
const POINTS_MAX: usize = 8;
/// Above this many nodes they have no labels.
const LABELLED_MAX: usize = 120;
/// Links that take fewer transmissions have no label.
const SHOWN_FROM: f64 = 1.1;
/// Letters of a caption's line.
const LETTERS_MAX: usize = 125;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plot::scene::Shape;
    use crate::sample;

    fn with_graph() -> Results {
        let mut files: BTreeMap<String, Vec<u8>> = sample::tiny_files();
        let run = "p0000-r00";
        let rpl = format!(
            "run,medium,node,east_m,north_m,role,rank,parent,hops\n\
             {run},air,root,0,0,root,256,,0\n{run},air,n[0],100,0,router,512,root,1\n{run},air,n[1],100,50,router,,,\n"
        );
        let etx = format!("run,medium,from,to,etx,frames_sent\n{run},air,n[0],root,2.5,7\n");
        files.insert("rpl.csv".to_owned(), rpl.into_bytes());
        files.insert("etx.csv".to_owned(), etx.into_bytes());
        Results::read(&files).expect("the tables are sound")
    }

    #[test]
    fn a_line_leads_from_each_node_to_its_parent_and_is_as_thick_as_the_link_is_poor() {
        let results = with_graph();
        let plots = plots(&results);
        assert_eq!(plots[0].name, "dodag-p0000-r00-air");
        let lines = plots[0].scene.shapes.iter().filter_map(|shape| match shape {
            Shape::Line { spots, width, .. } if spots[0].1 < HEIGHT - RIM => Some((spots.clone(), *width)),
            _ => None,
        });
        let lines: Vec<_> = lines.collect();
        // 100 m over 800 - 32 - 60 pixels; the root is 50 m below the northernmost node, at 354 pixels.
        let at = |x: f64, y: f64| (RIM + 20.0 + x * 7.08, TOP + RIM + y * 7.08);
        assert_eq!(lines, [(vec![at(100.0, 50.0), at(0.0, 50.0)], 3.0)]);
        assert!(plots[0].scene.description.contains("2 of 3 nodes are in a graph, at most 1 hops"));
    }

    #[test]
    fn results_without_rpl_have_no_map() {
        assert!(plots(&sample::tiny()).is_empty());
    }
}
