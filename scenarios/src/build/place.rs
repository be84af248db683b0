//! Where nodes stand.

use network::purpose::PLACE;
use network::radio::position::Position;
use sim_core::random::Streams;
use sim_core::{draw, math};

use crate::language::Distance;
use crate::language::document::{Place, Point};
use crate::language::scenario::{NodeId, Scenario};

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
    distance.as_millimetres() as f64 / 1000.0
}
