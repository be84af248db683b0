//! Where nodes stand.

use network::purpose::PLACE;
use network::radio::position::Position;
use network::radio::track::Track;
use sim_core::random::Streams;
use sim_core::{SimTime, draw, math};

use crate::language::Distance;
use crate::language::document::{Place, Point, Waypoint};
use crate::language::scenario::{Movement, NodeId, Scenario};

/// The place of a node; what is random is drawn anew in each replication, for each node by its name.
pub(super) fn position(scenario: &Scenario, streams: &Streams, node: NodeId) -> Position {
    let group = scenario.group_of(node);
    let Some(place) = &group.place else { return Position::default() };
    let number = node.0 - group.first.0;
    let (number, count) = (f64::from(number), f64::from(group.count));
    match place {
        Place::At(point) => at(point),
        Place::Each(points) => {
            points.get((node.0 - group.first.0) as usize).map_or_else(Position::default, at)
        }
        Place::Circle(radius) => on_circle(metres(*radius), number / count),
        Place::Disc(radius) => {
            let mut rng = streams.stream(&scenario.node_name(node), PLACE);
            // Twice the radius holds four times the nodes.
            let distance = metres(*radius) * math::sqrt(draw::unit(&mut rng));
            on_circle(distance, draw::unit(&mut rng))
        }
        Place::Square(side) => {
            let mut rng = streams.stream(&scenario.node_name(node), PLACE);
            let half = metres(*side) / 2.0;
            let x = draw::uniform(&mut rng, -half, half);
            Position::flat(x, draw::uniform(&mut rng, -half, half))
        }
        Place::Line(step) => Position::flat(metres(*step) * (number + 1.0), 0.0),
        Place::Grid(step) => {
            let columns = math::sqrt(count).ceil();
            let rows = (count / columns).ceil();
            let (column, row) = (number % columns, (number / columns).floor());
            let step = metres(*step);
            Position::flat((column - (columns - 1.0) / 2.0) * step, (row - (rows - 1.0) / 2.0) * step)
        }
    }
}

/// How a node moves from its place on, if it does.
pub(super) fn track(scenario: &Scenario, streams: &Streams, node: NodeId) -> Option<Track> {
    let group = scenario.group_of(node);
    match group.movement.as_ref()? {
        Movement::Waypoints(waypoints) => Track::new(way(position(scenario, streams, node), waypoints)),
        Movement::Tracks(tracks) => {
            let points = tracks.get(&(node.0 - group.first.0))?.iter();
            let point = |&(at, [x, y, z]): &(_, [f64; 3])| (SimTime::from(at), Position { x, y, z });
            Track::new(points.map(point).collect())
        }
    }
}

/// When a node that starts from a place is at which point: where it rests, and where it turns.
fn way(start: Position, waypoints: &[Waypoint]) -> Vec<(SimTime, Position)> {
    let mut points = vec![(SimTime::ZERO, start)];
    let (mut now, mut here) = (0_u64, start);
    for waypoint in waypoints {
        let leaves = now.saturating_add(waypoint.wait.as_nanos());
        let there = at(&waypoint.to);
        let reached = match (waypoint.at, waypoint.speed) {
            (Some(time), _) => time.as_nanos(),
            (None, Some(speed)) => {
                let seconds = here.distance(there) / speed.as_metres_per_second();
                // The cast saturates: no run lasts so long.
                leaves.saturating_add((seconds * 1e9).round() as u64)
            }
            (None, None) => leaves,
        };
        if leaves > now {
            points.push((SimTime::from_nanos(leaves), here));
        }
        if reached > leaves {
            points.push((SimTime::from_nanos(reached), there));
        }
        (now, here) = (reached.max(leaves), there);
    }
    points
}

/// The point that lies a part of a whole turn along a circle, from the east to the north.
fn on_circle(radius: f64, part: f64) -> Position {
    let angle = part * std::f64::consts::TAU;
    Position::flat(radius * math::cos(angle), radius * math::sin(angle))
}

fn at(point: &Point) -> Position {
    let metres = |index: usize| point.0.get(index).map_or(0.0, |&distance| metres(distance));
    Position { x: metres(0), y: metres(1), z: metres(2) }
}

fn metres(distance: Distance) -> f64 {
    distance.as_metres()
}
