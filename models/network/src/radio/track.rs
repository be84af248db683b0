//! Where a radio is that moves.

use sim_core::SimTime;

use super::position::Position;

/// The way of a radio that moves: straight and at a constant speed from one point to the next; it rests at the first before
/// the way begins and at the last when it is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Track(Vec<(SimTime, Position)>);

impl Track {
    /// A way through points and the times at which it reaches them; `None` without a point, or if a time is not later than
    /// the one before it.
    #[must_use]
    pub fn new(points: Vec<(SimTime, Position)>) -> Option<Self> {
        let ascends = points.windows(2).all(|pair| pair[0].0 < pair[1].0);
        (ascends && !points.is_empty()).then_some(Self(points))
    }

    /// Where the radio is at a time.
    #[must_use]
    pub fn at(&self, time: SimTime) -> Position {
        let next = self.0.partition_point(|&(reached, _)| reached <= time);
        let Some(&(since, from)) = next.checked_sub(1).and_then(|last| self.0.get(last)) else {
            return self.0[0].1;
        };
        let Some(&(until, to)) = self.0.get(next) else { return from };
        let part = (time - since).as_nanos() as f64 / (until - since).as_nanos() as f64;
        let between = |from: f64, to: f64| from + (to - from) * part;
        Position { x: between(from.x, to.x), y: between(from.y, to.y), z: between(from.z, to.z) }
    }

    /// How high it gets, in metres.
    pub(super) fn highest(&self) -> f64 {
        self.0.iter().map(|(_, position)| position.z).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk() -> Track {
        let points = [(10, 0.0, 0.0), (20, 30.0, 40.0), (40, 30.0, 0.0)];
        let points = points.map(|(secs, x, y)| (SimTime::from_secs(secs), Position::flat(x, y)));
        Track::new(points.to_vec()).expect("times ascend")
    }

    #[test]
    fn a_way_is_straight_between_its_points_and_rests_before_and_behind_them() {
        for (millis, x, y) in [
            (0, 0.0, 0.0),
            (10_000, 0.0, 0.0),
            (15_000, 15.0, 20.0),
            (20_000, 30.0, 40.0),
            (25_000, 30.0, 30.0),
            (40_000, 30.0, 0.0),
            (99_000, 30.0, 0.0),
        ] {
            assert_eq!(walk().at(SimTime::from_millis(millis)), Position::flat(x, y), "{millis} ms");
        }
    }

    #[test]
    fn times_have_to_ascend() {
        let point = |secs| (SimTime::from_secs(secs), Position::default());
        assert!(Track::new(Vec::new()).is_none());
        assert!(Track::new(vec![point(1), point(1)]).is_none());
        assert!(Track::new(vec![point(2), point(1)]).is_none());
        assert!(Track::new(vec![point(2)]).is_some());
    }
}
