//! Where radios are.

use sim_core::math;

/// A point in metres; in the plane `z` is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    /// Metres to the east.
    pub x: f64,
    /// Metres to the north.
    pub y: f64,
    /// Metres above the ground.
    pub z: f64,
}

impl Position {
    /// A point on the ground.
    #[must_use]
    pub const fn flat(x: f64, y: f64) -> Self {
        Self { x, y, z: 0.0 }
    }

    /// The distance to another point, in metres.
    #[must_use]
    pub fn distance(self, other: Self) -> f64 {
        math::sqrt(self.distance_squared(other))
    }

    /// The square of the distance: enough to compare.
    #[must_use]
    pub fn distance_squared(self, other: Self) -> f64 {
        let (x, y, z) = (self.x - other.x, self.y - other.y, self.z - other.z);
        x * x + y * y + z * z
    }
}
