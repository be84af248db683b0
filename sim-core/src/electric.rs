//! Electric quantities: currents, voltages, charges, energies. Their products are exact.

use crate::time::SimDuration;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// Electric current, in nanoamperes: sleep modes draw less than 1 µA.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Current(u64);

impl Current {
    /// No current.
    pub const ZERO: Self = Self(0);

    /// A current of `nanoamps` nA.
    pub const fn from_nanoamps(nanoamps: u64) -> Self {
        Self(nanoamps)
    }

    /// A current of `microamps` µA.
    ///
    /// # Panics
    /// When it exceeds 2^64 nA.
    pub const fn from_microamps(microamps: u64) -> Self {
        Self(microamps.checked_mul(1_000).expect("a node draws less than 10^10 A"))
    }

    /// A current of `milliamps` mA.
    ///
    /// # Panics
    /// When it exceeds 2^64 nA.
    pub const fn from_milliamps(milliamps: u64) -> Self {
        Self(milliamps.checked_mul(1_000_000).expect("a node draws less than 10^10 A"))
    }

    /// The current in nA.
    pub const fn as_nanoamps(self) -> u64 {
        self.0
    }

    /// The current in A, for battery models and plots.
    pub fn as_amps_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Energy drawn from `supply` during `time`.
    ///
    /// 1 nA · 1 mV · 1 ns = 1 zJ: nothing is rounded, so sums depend on no order.
    #[inline]
    pub fn energy(self, supply: Voltage, time: SimDuration) -> Energy {
        let picowatts = u128::from(self.0) * u128::from(supply.as_millivolts());
        Energy(picowatts * u128::from(time.as_nanos()))
    }

    /// Charge that flows during `time`.
    #[inline]
    pub fn charge(self, time: SimDuration) -> Charge {
        Charge(u128::from(self.0) * u128::from(time.as_nanos()))
    }
}

impl Add for Current {
    type Output = Self;

    /// # Panics
    /// When the sum exceeds 2^64 - 1 nA.
    fn add(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("a node draws less than 10^10 A"))
    }
}

impl Sum for Current {
    fn sum<I: Iterator<Item = Self>>(currents: I) -> Self {
        currents.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, &[(1_000_000_000, "A"), (1_000_000, "mA"), (1_000, "µA")], "nA")
    }
}

/// Electric voltage, in millivolts.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Voltage(u32);

impl Voltage {
    /// A voltage of `millivolts` mV.
    pub const fn from_millivolts(millivolts: u32) -> Self {
        Self(millivolts)
    }

    /// The voltage in mV.
    pub const fn as_millivolts(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Voltage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, u64::from(self.0), &[(1_000, "V")], "mV")
    }
}

/// Electric charge, in nA·ns, which is 10^-18 C.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Charge(u128);

impl Charge {
    /// No charge.
    pub const ZERO: Self = Self(0);

    /// A charge of `attocoulombs` aC.
    pub const fn from_attocoulombs(attocoulombs: u128) -> Self {
        Self(attocoulombs)
    }

    /// A charge of `milliamp_hours` mAh.
    pub const fn from_milliamp_hours(milliamp_hours: u64) -> Self {
        Self(milliamp_hours as u128 * ATTOCOULOMBS_PER_MILLIAMP_HOUR)
    }

    /// The charge in aC.
    pub const fn as_attocoulombs(self) -> u128 {
        self.0
    }

    /// The charge in C, for battery models and plots.
    pub fn as_coulombs_f64(self) -> f64 {
        self.0 as f64 / 1e18
    }

    /// Energy of this charge at `voltage`, exact.
    pub fn energy(self, voltage: Voltage) -> Energy {
        Energy(self.0 * u128::from(voltage.0))
    }

    /// The difference, at least zero.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Charge {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Charge {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

/// Energy, in zeptojoules: 10^-21 J.
///
/// 128 bits hold 10^17 J: a gigawatt for three years.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Energy(u128);

impl Energy {
    /// No energy.
    pub const ZERO: Self = Self(0);

    /// An energy of `zeptojoules` zJ.
    pub const fn from_zeptojoules(zeptojoules: u128) -> Self {
        Self(zeptojoules)
    }

    /// The energy in zJ.
    pub const fn as_zeptojoules(self) -> u128 {
        self.0
    }

    /// The energy in J, for reports.
    pub fn as_joules_f64(self) -> f64 {
        self.0 as f64 / 1e21
    }
}

impl Add for Energy {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Energy {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sum for Energy {
    fn sum<I: Iterator<Item = Self>>(energies: I) -> Self {
        energies.fold(Self::ZERO, Add::add)
    }
}

/// Power, in picowatts: 1 nA at 1 mV.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Power(u64);

impl Power {
    /// No power.
    pub const ZERO: Self = Self(0);

    /// A power of `picowatts` pW.
    pub const fn from_picowatts(picowatts: u64) -> Self {
        Self(picowatts)
    }

    /// The power in pW.
    pub const fn as_picowatts(self) -> u64 {
        self.0
    }

    /// The current that carries this power at `voltage`, rounded down to a whole nA.
    ///
    /// # Panics
    /// When the voltage is zero.
    pub const fn current_at(self, voltage: Voltage) -> Current {
        Current(self.0 / voltage.0 as u64)
    }
}

fn write_scaled(
    f: &mut fmt::Formatter<'_>,
    value: u64,
    units: &[(u64, &str)],
    smallest: &str,
) -> fmt::Result {
    match units.iter().find(|(unit, _)| value >= *unit) {
        Some((unit, name)) => write!(f, "{} {name}", value as f64 / *unit as f64),
        None => write!(f, "{value} {smallest}"),
    }
}

const ATTOCOULOMBS_PER_MILLIAMP_HOUR: u128 = 3_600_000_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_the_product_without_rounding() {
        // 1 nA at 1 mV for 1 ns: 10^-9 · 10^-3 · 10^-9 J = 10^-21 J = 1 zJ.
        let least = Current::from_nanoamps(1).energy(Voltage::from_millivolts(1), SimDuration::from_nanos(1));
        assert_eq!(least, Energy::from_zeptojoules(1));
        // 20 mA at 3 V for 1 s: 60 mJ.
        let pulse =
            Current::from_milliamps(20).energy(Voltage::from_millivolts(3000), SimDuration::from_secs(1));
        assert_eq!(pulse.as_zeptojoules(), 60 * 10_u128.pow(18));
        assert_eq!(pulse.as_joules_f64(), 0.06);
    }

    #[test]
    fn a_milliampere_hour_is_three_point_six_coulombs() {
        let hour = Current::from_milliamps(1).charge(SimDuration::from_secs(3600));
        assert_eq!(hour, Charge::from_milliamp_hours(1));
        assert_eq!(hour.as_coulombs_f64(), 3.6);
        assert_eq!(hour.energy(Voltage::from_millivolts(3000)).as_joules_f64(), 10.8);
    }

    #[test]
    fn energies_of_the_longest_run_and_the_largest_current_do_not_overflow() {
        let most = Current::from_nanoamps(u64::MAX).energy(Voltage::from_millivolts(1), SimDuration::MAX);
        assert_eq!(most.as_zeptojoules(), u128::from(u64::MAX) * u128::from(u64::MAX));
    }

    #[test]
    fn display_names_the_unit() {
        assert_eq!(Current::from_nanoamps(18_800_000).to_string(), "18.8 mA");
        assert_eq!(Current::from_nanoamps(400).to_string(), "400 nA");
        assert_eq!(Voltage::from_millivolts(3300).to_string(), "3.3 V");
    }

    #[test]
    fn a_watt_at_two_volts_is_half_an_ampere() {
        let watt = Power::from_picowatts(1_000_000_000_000);
        assert_eq!(watt.current_at(Voltage::from_millivolts(2000)), Current::from_milliamps(500));
    }
}
