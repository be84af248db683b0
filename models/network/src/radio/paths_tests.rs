//! Radios that move among radios that stand: the index against brute force, the gains against those of radios that stand there.

use super::*;
use crate::radio::phy::Phy;
use crate::radio::position::Position;
use crate::radio::power::Power;
use crate::radio::track::Track;
use proptest::prelude::*;
use sim_core::random::RunSeed;

fn radio(number: usize, points: &[(f64, f64, f64)]) -> Radio {
    let position = |&(x, y, z): &(f64, f64, f64)| Position { x, y, z };
    let times = (0..).map(|n| SimTime::from_secs(10 * n));
    let track = Track::new(times.zip(points.iter().map(position)).collect());
    Radio {
        name: format!("r{number}").into(),
        position: points.first().map_or_else(Position::default, position),
        track: track.filter(|_| points.len() > 1).map(Box::new),
        power: Power::from_dbm(0.0),
        sensitivity: Power::from_dbm(-95.0),
        busy_above: Power::from_dbm(-77.0),
        channel: 26,
    }
}

fn laws() -> impl Strategy<Value = Propagation> {
    prop_oneof![
        Just(Propagation::LogDistance { exponent: 3.5, reference: None, shadowing_db: 0.0 }),
        Just(Propagation::LogDistance { exponent: 4.0, reference: None, shadowing_db: 3.0 }),
        Just(Propagation::TwoRay { height: 0.3 }),
    ]
}

proptest! {
    #[test]
    fn whoever_is_in_reach_is_found_wherever_it_has_gone(
        law in laws(),
        ways in prop::collection::vec(
            prop::collection::vec((-400.0..400.0_f64, -400.0..400.0_f64, 0.0..20.0_f64), 1..5), 2..25),
        times in prop::collection::vec(0_u64..60_000, 1..5),
    ) {
        let streams = Streams::new(RunSeed::new(5, 0));
        let radios: Vec<Radio> = ways.iter().enumerate().map(|(n, way)| radio(n, way)).collect();
        let least = Gain::from_db(-110.0);
        let mut paths = Paths::new(&law, Phy::O_QPSK_2450.wavelength(), least, &radios, &streams);
        for at in times.into_iter().map(SimTime::from_millis) {
            for (number, own) in (0..).zip(&radios) {
                let near = paths.near(&law, (number, own), |other| &radios[other as usize], at);
                prop_assert!(near.windows(2).all(|pair| pair[0] < pair[1]));
                for (other, there) in (0..).zip(&radios).filter(|&(other, _)| other != number) {
                    let gain = paths.gain(&law, (number, own), (other, there), at);
                    prop_assert_eq!(near.contains(&other), gain > Gain::ZERO);
                    // By the law alone, without the index.
                    let (from, to) = (own.place_at(at), there.place_at(at));
                    let wanted = law.mean_gain(Phy::O_QPSK_2450.wavelength(), from, to)
                        * law.shadowing(&streams, &own.name, &there.name);
                    prop_assert!(near.contains(&other) || wanted < least, "{} to {}", number, other);
                    prop_assert!(!near.contains(&other) || gain == wanted);
                    prop_assert_eq!(gain, paths.gain_once(&law, (number, own), (other, there), at));
                }
            }
        }
    }
}
