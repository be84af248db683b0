//! How a node's parts are supplied.

use sim_core::electric::{Current, Voltage};

/// How the parts are supplied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Supply {
    /// The voltage at which the parts run.
    pub voltage: Voltage,
    /// The voltage of the source: equal to the parts' without a regulator.
    pub source: Voltage,
    /// What a regulator gives of what it takes, in thousandths; 1000 without one.
    pub efficiency_permille: u16,
}

impl Supply {
    /// A source that the parts hang on directly.
    pub fn direct(voltage: Voltage) -> Self {
        Self { voltage, source: voltage, efficiency_permille: 1000 }
    }

    /// What `load` at the parts takes from the source, rounded up to a whole nA.
    pub(super) fn taken(&self, load: Current) -> Current {
        let given = u128::from(load.as_nanoamps()) * u128::from(self.voltage.as_millivolts()) * 1000;
        let per = u128::from(self.source.as_millivolts()) * u128::from(self.efficiency_permille);
        Current::from_nanoamps(u64::try_from(given.div_ceil(per.max(1))).unwrap_or(u64::MAX))
    }
}
