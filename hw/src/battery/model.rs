//! What a load does inside a battery: the models' parameters and states.

use sim_core::SimDuration;
use sim_core::electric::{Charge, Current};
use sim_core::math;

/// What a load does inside a battery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Model {
    /// The charge is there until it has been drawn.
    Ideal,
    /// t = H (C / (I H))^k: the capacity holds for discharge over H seconds, and shrinks with higher currents.
    Peukert {
        /// The exponent k, at least 1.
        exponent: f64,
        /// The rated discharge time H in seconds.
        rated_s: f64,
    },
    /// Two wells (Manwell and McGowan, Solar Energy 50, 1993).
    Kibam {
        /// The share c of the capacity in the well that can be tapped, 0 to 1.
        available: f64,
        /// The rate k' = k / (c (1 - c)) at which the wells level out, in 1/s.
        rate_per_s: f64,
    },
    /// Diffusion (Rakhmatov and Vrudhula 2003): the capacity is alpha.
    Rakhmatov {
        /// beta², in 1/s.
        beta_squared_per_s: f64,
    },
}

/// The terms of the series that are kept, as in the paper.
const TERMS: usize = 10;

/// The state of a battery's inside; charges in C.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ModelState {
    /// Exact, in aC: may fall below zero by what was drawn after the end.
    Ideal {
        left: i128,
    },
    Peukert {
        left: f64,
    },
    Kibam {
        available: f64,
        bound: f64,
    },
    Rakhmatov {
        drawn: f64,
        unavailable: [f64; TERMS],
    },
}

impl ModelState {
    pub(super) fn new(model: Model, capacity: Charge, share: f64) -> Self {
        let full = capacity.as_coulombs_f64();
        match model {
            Model::Ideal if share >= 1.0 => Self::Ideal { left: capacity.as_attocoulombs() as i128 },
            Model::Ideal => Self::Ideal { left: (capacity.as_attocoulombs() as f64 * share) as i128 },
            Model::Peukert { .. } => Self::Peukert { left: full * share },
            Model::Kibam { available, .. } => {
                Self::Kibam { available: full * share * available, bound: full * share * (1.0 - available) }
            }
            Model::Rakhmatov { .. } => {
                Self::Rakhmatov { drawn: full * (1.0 - share), unavailable: [0.0; TERMS] }
            }
        }
    }

    /// The share of the capacity that could be drawn now.
    pub(super) fn share(&self, model: Model, capacity: Charge) -> f64 {
        let full = capacity.as_coulombs_f64();
        let share = match (self, model) {
            (Self::Ideal { left }, _) => *left as f64 / capacity.as_attocoulombs() as f64,
            (Self::Peukert { left }, _) => left / full,
            // The head of the well that is tapped: h1 = y1 / c.
            (Self::Kibam { available, .. }, Model::Kibam { available: c, .. }) => available / (c * full),
            (Self::Kibam { available, bound }, _) => (available + bound) / full,
            (Self::Rakhmatov { drawn, unavailable }, _) => 1.0 - apparent(*drawn, unavailable) / full,
        };
        share.clamp(0.0, 1.0)
    }

    pub(super) fn is_empty(&self, _: Model, capacity: Charge) -> bool {
        match self {
            Self::Ideal { left } => *left <= 0,
            Self::Peukert { left } => *left <= 0.0,
            Self::Kibam { available, .. } => *available <= 0.0,
            Self::Rakhmatov { drawn, unavailable } => {
                apparent(*drawn, unavailable) >= capacity.as_coulombs_f64()
            }
        }
    }

    /// Takes a charge out of an ideal battery.
    pub(super) fn drain(&mut self, charge: Charge) {
        match self {
            Self::Ideal { left } => *left -= charge.as_attocoulombs() as i128,
            Self::Peukert { .. } | Self::Kibam { .. } | Self::Rakhmatov { .. } => {
                unreachable!("how fast a charge is drawn matters to them")
            }
        }
    }

    /// The charge that is left of an ideal battery.
    pub(super) fn left(&self) -> Charge {
        match self {
            Self::Ideal { left } => Charge::from_attocoulombs(u128::try_from(*left).unwrap_or(0)),
            Self::Peukert { .. } | Self::Kibam { .. } | Self::Rakhmatov { .. } => Charge::ZERO,
        }
    }

    /// Lets constant currents flow for `time`; returns what did not fit in.
    pub(super) fn advance(
        &mut self,
        model: Model,
        capacity: Charge,
        load: Current,
        harvest: Current,
        time: SimDuration,
    ) -> Charge {
        let seconds = time.as_nanos() as f64 / 1e9;
        let net = load.as_amps_f64() - harvest.as_amps_f64();
        let full = capacity.as_coulombs_f64();
        match (self, model) {
            (Self::Ideal { left }, _) => {
                let offered = harvest.charge(time).as_attocoulombs() as i128;
                let wanted = *left - load.charge(time).as_attocoulombs() as i128 + offered;
                *left = wanted.min(capacity.as_attocoulombs() as i128).max(wanted.min(0));
                return Charge::from_attocoulombs((wanted - *left).max(0) as u128);
            }
            (Self::Peukert { left }, Model::Peukert { exponent, rated_s }) => {
                // t = H (C / (I H))^k means that I drains C at the rate C / t = I (I H / C)^(k - 1).
                let stress = if net > 0.0 { math::pow(net * rated_s / full, exponent - 1.0) } else { 1.0 };
                *left -= net * stress.max(1.0) * seconds;
                return clamp_to(left, full);
            }
            (Self::Kibam { available, bound }, Model::Kibam { available: c, rate_per_s }) => {
                kibam(available, bound, c, rate_per_s, net, seconds);
                let mut total = *available + *bound;
                let spilled = clamp_to(&mut total, full);
                if *available > c * full {
                    *available = c * full;
                }
                *bound = (total - *available).clamp(0.0, (1.0 - c) * full);
                return spilled;
            }
            (Self::Rakhmatov { drawn, unavailable }, Model::Rakhmatov { beta_squared_per_s }) => {
                *drawn += net * seconds;
                for (index, term) in unavailable.iter_mut().enumerate() {
                    let rate = beta_squared_per_s * ((index + 1) * (index + 1)) as f64;
                    let decay = math::exp(-rate * seconds);
                    *term = *term * decay + net * (1.0 - decay) / rate;
                }
                if *drawn < 0.0 {
                    let spilled = -*drawn;
                    *drawn = 0.0;
                    return coulombs(spilled);
                }
            }
            (Self::Peukert { .. } | Self::Kibam { .. } | Self::Rakhmatov { .. }, _) => {
                unreachable!("a state is made for its model and keeps it")
            }
        }
        Charge::ZERO
    }
}

/// The charge that is gone or out of reach: what was drawn and what diffusion has not yet brought back.
fn apparent(drawn: f64, unavailable: &[f64; TERMS]) -> f64 {
    drawn + 2.0 * unavailable.iter().sum::<f64>()
}

/// The wells after `seconds` of a constant current (Manwell and McGowan 1993, equations 5 and 6).
fn kibam(available: &mut f64, bound: &mut f64, c: f64, rate: f64, current: f64, seconds: f64) {
    let total = *available + *bound;
    let decay = math::exp(-rate * seconds);
    let gone = -math::exp_m1(-rate * seconds);
    let ramp = rate * seconds - gone;
    *available = *available * decay + (total * rate * c - current) * gone / rate - current * c * ramp / rate;
    *bound = *bound * decay + total * (1.0 - c) * gone - current * (1.0 - c) * ramp / rate;
}

/// Cuts what is above `full` off, and returns it.
fn clamp_to(left: &mut f64, full: f64) -> Charge {
    let spilled = (*left - full).max(0.0);
    *left = left.min(full);
    coulombs(spilled)
}

fn coulombs(charge: f64) -> Charge {
    Charge::from_attocoulombs((charge * 1e18) as u128)
}
