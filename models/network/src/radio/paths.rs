//! What is left of a signal where it is heard: gains of paths, and which radios are in reach of which.
//!
//! Radios that stand still are found by a grid; those that move are not in it and are looked at each time, so that the
//! result is exact wherever they are. A frame's gain is that of the places at its start: in the 4 ms of the longest frame
//! a car of 30 m/s moves by a wavelength.

use rustc_hash::FxHashMap;
use sim_core::SimTime;
use sim_core::random::Streams;

use super::air::Radio;
use super::grid::Grid;
use super::power::Gain;
use super::propagation::{Propagation, Wavelength};

/// A radio and its number.
pub(super) type End<'a> = (u32, &'a Radio);

/// Gains of paths, by the law of a medium.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    wavelength: Wavelength,
    streams: Streams,
    /// Of radios that stand still the gains, of those that move what shadowing does to them.
    gains: FxHashMap<(u32, u32), Gain>,
    /// The square of the distance beyond which signals are drowned by the noise.
    reach_squared: f64,
    grid: Grid,
    movers: Vec<u32>,
}

impl Paths {
    /// Paths between `radios`, of which those that leave less than `least` of a signal count as none.
    pub(super) fn new(
        law: &Propagation,
        wavelength: Wavelength,
        least: Gain,
        radios: &[Radio],
        streams: &Streams,
    ) -> Self {
        let height =
            |radio: &Radio| radio.track.as_ref().map_or(0.0, |track| track.highest()).max(radio.position.z);
        let highest = radios.iter().map(height).fold(0.0, f64::max);
        let reach = law.range(wavelength, least, highest).max(1.0);
        let numbered = || (0..).zip(radios);
        let still = numbered().filter(|(_, radio)| radio.track.is_none());
        Self {
            wavelength,
            streams: *streams,
            gains: FxHashMap::default(),
            reach_squared: reach * reach,
            grid: Grid::new(reach, still.map(|(number, radio)| (number, radio.position))),
            movers: numbered().filter(|(_, radio)| radio.track.is_some()).map(|(number, _)| number).collect(),
        }
    }

    /// The radios that a signal of `radio` may reach above a tenth of the noise at a time, in order.
    pub(super) fn near<'a>(
        &self,
        law: &Propagation,
        (number, radio): End<'a>,
        all: impl Fn(u32) -> &'a Radio,
        at: SimTime,
    ) -> Vec<u32> {
        let mut near: Vec<u32> = match law {
            Propagation::Table(table) => table.receivers(number).collect(),
            Propagation::Trace(trace) => trace.receivers(number).collect(),
            Propagation::FreeSpace | Propagation::TwoRay { .. } | Propagation::LogDistance { .. } => {
                let mut near = self.grid.near(radio.place_at(at));
                if !self.movers.is_empty() {
                    near.extend_from_slice(&self.movers);
                    near.sort_unstable();
                }
                near
            }
        };
        near.retain(|&other| other != number && self.reaches(law, radio, all(other), at));
        near
    }

    fn reaches(&self, law: &Propagation, from: &Radio, to: &Radio, at: SimTime) -> bool {
        law.is_listed() || from.place_at(at).distance_squared(to.place_at(at)) <= self.reach_squared
    }

    /// The gain of a path at a time.
    pub(super) fn gain(&mut self, law: &Propagation, from: End<'_>, to: End<'_>, at: SimTime) -> Gain {
        if let Propagation::Trace(trace) = law {
            return trace.get(from.0, to.0, at);
        }
        if !self.reaches(law, from.1, to.1, at) {
            return Gain::ZERO;
        }
        let moves = from.1.track.is_some() || to.1.track.is_some();
        let key = (from.0, to.0);
        let kept = match self.gains.get(&key) {
            Some(&gain) => gain,
            None => {
                let gain = if moves { self.shadowing(law, from, to) } else { self.afresh(law, from, to, at) };
                if self.gains.len() >= GAINS_KEPT {
                    self.gains.clear();
                }
                self.gains.insert(key, gain);
                gain
            }
        };
        if moves { self.by_distance(law, from, to, at) * kept } else { kept }
    }

    /// The same, without a memory of it.
    pub(super) fn gain_once(&self, law: &Propagation, from: End<'_>, to: End<'_>, at: SimTime) -> Gain {
        if self.reaches(law, from.1, to.1, at) { self.afresh(law, from, to, at) } else { Gain::ZERO }
    }

    fn afresh(&self, law: &Propagation, from: End<'_>, to: End<'_>, at: SimTime) -> Gain {
        match law {
            Propagation::Table(table) => table.get(from.0, to.0),
            Propagation::Trace(trace) => trace.get(from.0, to.0, at),
            Propagation::FreeSpace | Propagation::TwoRay { .. } | Propagation::LogDistance { .. } => {
                self.by_distance(law, from, to, at) * self.shadowing(law, from, to)
            }
        }
    }

    fn by_distance(&self, law: &Propagation, from: End<'_>, to: End<'_>, at: SimTime) -> Gain {
        match law {
            Propagation::Table(table) => table.get(from.0, to.0),
            Propagation::Trace(_)
            | Propagation::FreeSpace
            | Propagation::TwoRay { .. }
            | Propagation::LogDistance { .. } => {
                law.mean_gain(self.wavelength, from.1.place_at(at), to.1.place_at(at))
            }
        }
    }

    fn shadowing(&self, law: &Propagation, from: End<'_>, to: End<'_>) -> Gain {
        law.shadowing(&self.streams, &from.1.name, &to.1.name)
    }

    /// Bytes of memory held, roughly.
    pub(super) fn memory_bytes(&self) -> usize {
        self.gains.capacity() * (size_of::<((u32, u32), Gain)>() + 1)
    }
}

/// Gains kept, about 24 bytes each; when there are more they are worked out anew.
const GAINS_KEPT: usize = 1 << 22;

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
