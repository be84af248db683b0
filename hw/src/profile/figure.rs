//! A figure of a profile: its typical and maximum value, and where they stand.

use serde::Deserialize;

/// A figure as a profile writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Figure {
    typical: String,
    maximum: Option<String>,
    source: Option<String>,
    #[serde(default, rename = "verified")]
    _verified: bool,
}

/// A kind of quantity: its units, each with how many of the smallest it is.
pub(super) type Units = &'static [(&'static str, u128)];

pub(super) const CURRENT: Units = &[("nA", 1), ("uA", 1_000), ("mA", 1_000_000), ("A", 1_000_000_000)];
pub(super) const VOLTAGE: Units = &[("mV", 1), ("V", 1_000)];
pub(super) const TIME: Units =
    &[("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("min", 60_000_000_000)];
pub(super) const FREQUENCY: Units = &[("Hz", 1), ("kHz", 1_000), ("MHz", 1_000_000)];
pub(super) const CYCLES: Units = &[("cycles", 1)];
pub(super) const RESISTANCE: Units = &[("mohm", 1), ("ohm", 1_000)];
pub(super) const CHARGE: Units = &[
    ("uAh", 3_600_000_000_000_000),
    ("mAh", 3_600_000_000_000_000_000),
    ("Ah", 3_600_000_000_000_000_000_000),
];
/// In millionths.
pub(super) const SHARE: Units = &[("ppm", 1), ("%", 10_000)];

impl Figure {
    /// The typical and the maximum value, in the smallest unit.
    pub(super) fn read(&self, units: Units) -> Result<(u128, u128), String> {
        if self.source.as_deref().is_none_or(|source| source.trim().is_empty()) {
            return Err(
                "has no `source`: name the document, its revision, the page or table and the condition"
                    .to_owned(),
            );
        }
        let typical = quantity(&self.typical, units)?;
        let maximum = self.maximum.as_deref().map_or(Ok(typical), |text| quantity(text, units))?;
        if maximum < typical {
            return Err(format!("has a maximum of {:?} below its typical value", self.maximum));
        }
        Ok((typical, maximum))
    }
}

/// Reads "18.8 mA" exactly.
pub(super) fn quantity(text: &str, units: Units) -> Result<u128, String> {
    let expected = || {
        let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
        format!("\"{text}\" is no number with one of the units {}", names.join(", "))
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = units.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(expected)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| expected())?;
    let scale = 10_u128.checked_pow(fraction.len() as u32).ok_or_else(expected)?;
    let product = digits.checked_mul(factor).ok_or_else(expected)?;
    if product % scale != 0 {
        return Err(format!("\"{text}\" is finer than the smallest step, 1 {}", units[0].0));
    }
    Ok(product / scale)
}
