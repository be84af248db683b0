//! Radios by place, so that only near ones are looked at.

use std::collections::BTreeMap;

use super::position::Position;

/// Squares in the plane, each with the radios in it; heights do not matter here.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    side: f64,
    cells: BTreeMap<(i64, i64), Vec<u32>>,
}

impl Grid {
    /// Radios in squares of `side` metres, above 0.
    pub(super) fn new(side: f64, positions: impl Iterator<Item = (u32, Position)>) -> Self {
        let mut grid = Self { side, cells: BTreeMap::new() };
        for (radio, position) in positions {
            grid.cells.entry(grid.cell(position)).or_default().push(radio);
        }
        grid
    }

    /// The radios that may be within `side` metres of `position`, in order.
    pub(super) fn near(&self, position: Position) -> Vec<u32> {
        let (column, row) = self.cell(position);
        let mut found = Vec::new();
        for x in column - 1..=column + 1 {
            for (_, radios) in self.cells.range((x, row - 1)..=(x, row + 1)) {
                found.extend_from_slice(radios);
            }
        }
        found.sort_unstable();
        found
    }

    fn cell(&self, position: Position) -> (i64, i64) {
        // A cast from a number that is too large saturates; one below the largest leaves room for neighbours.
        let number = |along: f64| ((along / self.side).floor() as i64).clamp(i64::MIN + 1, i64::MAX - 1);
        (number(position.x), number(position.y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_within_reach_is_found() {
        let positions: Vec<Position> = (0..400)
            .map(|n| Position::flat(f64::from(n % 20) * 7.0 - 50.0, f64::from(n / 20) * 11.0))
            .collect();
        let grid = Grid::new(30.0, (0..).zip(positions.iter().copied()));
        for &from in &positions {
            let near = grid.near(from);
            assert!(near.len() < positions.len());
            for (radio, to) in positions.iter().enumerate() {
                assert!(from.distance(*to) > 30.0 || near.contains(&(radio as u32)));
            }
        }
    }
}
