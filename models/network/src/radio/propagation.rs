//! What is left of a signal at a distance.

use std::collections::BTreeMap;

use sim_core::SimTime;
use sim_core::draw;
use sim_core::math;
use sim_core::random::Streams;

use super::position::Position;
use super::power::Gain;
use crate::purpose;

/// How signals get from one place to another; antennas send and hear alike in all directions (0 dBi).
#[derive(Clone, Debug, PartialEq)]
pub enum Propagation {
    /// Friis's law in free space: (λ / 4πd)².
    FreeSpace,
    /// Free space up to the distance 4π·h₁·h₂/λ, then the reflection from the ground: h₁²·h₂²/d⁴ (Rappaport, "Wireless
    /// Communications", 2nd edition, §4.6). The heights are the radios' `z`, or `height` where that is zero.
    TwoRay {
        /// Height of antennas whose position has none, in metres; above 0.
        height: f64,
    },
    /// The loss grows by `exponent` · 10 dB for every tenfold of the distance beyond 1 m (Rappaport §4.9).
    LogDistance {
        /// 2 in free space, 2.7 to 5 among buildings.
        exponent: f64,
        /// The gain at 1 m; free space's if `None`.
        reference: Option<Gain>,
        /// Standard deviation, in decibels, of what walls and furniture take from or add to each link, the same in both
        /// directions and at all times (log-normal shadowing).
        shadowing_db: f64,
    },
    /// Each link's gain as it was measured; links that are not listed carry nothing.
    Table(LinkTable),
    /// Each link's gain as it was measured over time.
    Trace(LinkTrace),
}

impl Propagation {
    /// Gives the radios of a table other numbers: the one called `n` is `numbers[n]` from now on.
    pub(crate) fn renumber(&mut self, numbers: &[u32]) {
        let number = |old: u32| numbers.get(old as usize).copied().unwrap_or(u32::MAX);
        match self {
            Self::Table(LinkTable(links)) => {
                let old = std::mem::take(links).into_iter();
                *links = old.map(|((from, to), gain)| ((number(from), number(to)), gain)).collect();
            }
            Self::Trace(LinkTrace(links)) => {
                let old = std::mem::take(links).into_iter();
                *links = old.map(|((from, to), gains)| ((number(from), number(to)), gains)).collect();
            }
            Self::FreeSpace | Self::TwoRay { .. } | Self::LogDistance { .. } => {}
        }
    }

    /// Whether links are listed, so that distances do not matter.
    pub(super) fn is_listed(&self) -> bool {
        match self {
            Self::Table(_) | Self::Trace(_) => true,
            Self::FreeSpace | Self::TwoRay { .. } | Self::LogDistance { .. } => false,
        }
    }
}

/// Gains of links, by the numbers of sender and receiver among the medium's radios.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkTable(BTreeMap<(u32, u32), Gain>);

impl LinkTable {
    /// States the gain from `sender` to `receiver`.
    pub fn set(&mut self, sender: u32, receiver: u32, gain: Gain) {
        self.0.insert((sender, receiver), gain);
    }

    /// The gain from `sender` to `receiver`.
    #[must_use]
    pub fn get(&self, sender: u32, receiver: u32) -> Gain {
        self.0.get(&(sender, receiver)).copied().unwrap_or(Gain::ZERO)
    }

    /// Whoever hears `sender` at all.
    pub fn receivers(&self, sender: u32) -> impl Iterator<Item = u32> + '_ {
        self.0.range((sender, 0)..=(sender, u32::MAX)).map(|(&(_, receiver), _)| receiver)
    }
}

/// Gains of links over time, by the numbers of sender and receiver among the medium's radios.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkTrace(BTreeMap<(u32, u32), Vec<(SimTime, Gain)>>);

impl LinkTrace {
    /// States the gain from `sender` to `receiver` from a time on, until another is stated. The last one of a time counts.
    pub fn set(&mut self, at: SimTime, sender: u32, receiver: u32, gain: Gain) {
        let gains = self.0.entry((sender, receiver)).or_default();
        let place = gains.partition_point(|&(since, _)| since <= at);
        gains.insert(place, (at, gain));
    }

    /// The gain from `sender` to `receiver` at a time; none before the first that is stated.
    #[must_use]
    pub fn get(&self, sender: u32, receiver: u32, at: SimTime) -> Gain {
        let Some(gains) = self.0.get(&(sender, receiver)) else { return Gain::ZERO };
        let behind = gains.partition_point(|&(since, _)| since <= at);
        behind.checked_sub(1).map_or(Gain::ZERO, |last| gains[last].1)
    }

    /// Whoever hears `sender` at any time.
    pub fn receivers(&self, sender: u32) -> impl Iterator<Item = u32> + '_ {
        self.0.range((sender, 0)..=(sender, u32::MAX)).map(|(&(_, receiver), _)| receiver)
    }
}

/// The length of a wave, in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wavelength(f64);

impl Wavelength {
    /// Of a carrier of so many hertz.
    #[must_use]
    pub fn of_hertz(hertz: f64) -> Self {
        Self(SPEED_OF_LIGHT / hertz)
    }
}

impl Propagation {
    /// The gain between two places by the laws that know distances alone: without shadowing, and one where links are listed.
    #[must_use]
    pub fn mean_gain(&self, wavelength: Wavelength, from: Position, to: Position) -> Gain {
        let distance = from.distance(to);
        let height = |own: f64, given: f64| if own > 0.0 { own } else { given };
        match self {
            Self::FreeSpace => free_space(wavelength, distance),
            Self::TwoRay { height: given } => {
                let heights = height(from.z, *given) * height(to.z, *given);
                if distance <= 4.0 * std::f64::consts::PI * heights / wavelength.0 {
                    return free_space(wavelength, distance);
                }
                let square = heights / (distance * distance);
                at_most_one(square * square)
            }
            Self::LogDistance { exponent, reference, .. } => {
                let reference = reference.unwrap_or_else(|| free_space(wavelength, 1.0));
                at_most_one(reference.as_ratio() * math::pow(distance.max(SHORTEST), -exponent))
            }
            Self::Table(_) | Self::Trace(_) => Gain::ONE,
        }
    }

    /// The distance in metres beyond which no link has the gain `least`; shadowing is granted four times its deviation.
    ///
    /// For two rays, the heights are those given for antennas without their own or `highest`, whichever is more.
    #[must_use]
    pub fn range(&self, wavelength: Wavelength, least: Gain, highest: f64) -> f64 {
        let granted = match self {
            Self::LogDistance { shadowing_db, .. } => Gain::from_db(4.0 * shadowing_db),
            Self::FreeSpace | Self::TwoRay { .. } | Self::Table(_) | Self::Trace(_) => Gain::ONE,
        };
        let reaches = |distance: f64| {
            let (from, to) = (
                Position { z: highest, ..Position::default() },
                Position { x: distance, y: 0.0, z: highest },
            );
            self.mean_gain(wavelength, from, to) * granted >= least
        };
        let (mut near, mut far) = (0.0, FARTHEST);
        if reaches(far) {
            return far;
        }
        // The gain falls with the distance: 80 halvings leave less than a nanometre.
        for _ in 0..80 {
            let middle = (near + far) / 2.0;
            if reaches(middle) { near = middle } else { far = middle }
        }
        far
    }

    /// What shadowing does to the link between the radios of these names.
    #[must_use]
    pub fn shadowing(&self, streams: &Streams, one: &str, other: &str) -> Gain {
        match self {
            Self::LogDistance { shadowing_db, .. } if *shadowing_db > 0.0 => {
                let name = if one <= other { format!("{one}~{other}") } else { format!("{other}~{one}") };
                let mut rng = streams.stream(&name, purpose::RADIO_SHADOWING);
                Gain::from_db(shadowing_db * draw::normal(&mut rng))
            }
            Self::LogDistance { .. }
            | Self::FreeSpace
            | Self::TwoRay { .. }
            | Self::Table(_)
            | Self::Trace(_) => Gain::ONE,
        }
    }
}

/// Friis's law between antennas of 0 dBi.
fn free_space(wavelength: Wavelength, distance: f64) -> Gain {
    let ratio = wavelength.0 / (4.0 * std::f64::consts::PI * distance.max(SHORTEST));
    at_most_one(ratio * ratio)
}

/// The laws of the far field give more than was sent where it does not begin yet.
fn at_most_one(ratio: f64) -> Gain {
    Gain::from_ratio(ratio.min(1.0))
}

/// Metres per second.
const SPEED_OF_LIGHT: f64 = 299_792_458.0;
/// Shorter distances count as this many metres.
const SHORTEST: f64 = 1e-3;
/// No terrestrial link is longer, in metres.
const FARTHEST: f64 = 1e6;

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::random::RunSeed;

    const FREQUENCY: f64 = 2.45e9;

    fn gain_db(law: &Propagation, distance: f64) -> f64 {
        let to = Position::flat(distance, 0.0);
        law.mean_gain(Wavelength::of_hertz(FREQUENCY), Position::default(), to).as_db()
    }

    #[test]
    fn free_space_follows_friis() {
        // 20 log10(d) + 20 log10(f) - 147.55 dB: 100 m, 2.45 GHz: 40 + 187.783 - 147.552 = 80.231 dB.
        assert!((gain_db(&Propagation::FreeSpace, 100.0) + 80.231).abs() < 0.002);
        let tenfold = gain_db(&Propagation::FreeSpace, 10.0) - gain_db(&Propagation::FreeSpace, 100.0);
        assert!((tenfold - 20.0).abs() < 1e-9);
    }

    #[test]
    fn two_rays_fall_with_the_fourth_power_beyond_the_crossover() {
        let law = Propagation::TwoRay { height: 1.5 };
        // 4π · 1.5² / 0.12236 m = 231.1 m; there both laws meet: (λ/4πd)² = h⁴/d⁴.
        assert_eq!(gain_db(&law, 200.0), gain_db(&Propagation::FreeSpace, 200.0));
        // h²/d² = 2.25/250000 = 9e-6, squared 8.1e-11: -100.915 dB at 500 m.
        assert!((gain_db(&law, 500.0) + 100.915).abs() < 0.001);
        assert!((gain_db(&law, 300.0) - gain_db(&law, 3000.0) - 40.0).abs() < 1e-9);
    }

    #[test]
    fn the_logarithm_of_the_distance_is_weighed_by_the_exponent() {
        let law = Propagation::LogDistance {
            exponent: 3.0,
            reference: Some(Gain::from_db(-40.0)),
            shadowing_db: 0.0,
        };
        assert!((gain_db(&law, 10.0) + 70.0).abs() < 1e-9);
        assert!((gain_db(&law, 100.0) + 100.0).abs() < 1e-9);
    }

    #[test]
    fn shadowing_is_one_draw_a_link_and_as_wide_as_asked_for() {
        let law = Propagation::LogDistance { exponent: 3.0, reference: None, shadowing_db: 6.0 };
        let streams = Streams::new(RunSeed::new(7, 0));
        let one = law.shadowing(&streams, "a/r0", "b/r0");
        assert_eq!(one, law.shadowing(&streams, "b/r0", "a/r0"), "both directions");
        let draws: Vec<f64> =
            (0..2000).map(|n| law.shadowing(&streams, "a", &format!("n{n}")).as_db()).collect();
        let mean = draws.iter().sum::<f64>() / 2000.0;
        let variance = draws.iter().map(|draw| (draw - mean) * (draw - mean)).sum::<f64>() / 1999.0;
        // The mean's standard error is 6/√2000 = 0.13, the deviation's 6/√4000 = 0.095: four of each.
        assert!(mean.abs() < 0.54, "{mean}");
        assert!((variance.sqrt() - 6.0).abs() < 0.38, "{variance}");
    }

    #[test]
    fn the_range_is_where_the_gain_falls_below_the_least() {
        let wavelength = Wavelength::of_hertz(FREQUENCY);
        for law in [Propagation::FreeSpace, Propagation::TwoRay { height: 1.5 }] {
            let range = law.range(wavelength, Gain::from_db(-100.0), 0.0);
            assert!((gain_db(&law, range) + 100.0).abs() < 1e-6, "{law:?}: {range}");
        }
    }
}
