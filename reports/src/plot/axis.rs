//! Axes: from a number to a place, and where the ticks stand.

use crate::quantity::{Quantity, Unit, plain};
use crate::results::Results;

/// The largest number that an axis shows.
const FARTHEST: f64 = 1e150;

/// How numbers are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    /// Evenly, between two numbers.
    Linear(f64, f64),
    /// By ratio, between two positive numbers.
    Log(f64, f64),
    /// This many categories, numbered from 0, each with a slot of its own.
    Slots(usize),
}

/// One axis of a figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) label: String,
    pub(crate) scale: Scale,
    /// Where ticks may stand, with their text, in ascending order.
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Scale {
    /// Where a number stands between the axis's ends, 0 to 1; nothing if a log axis has no place for it.
    pub(crate) fn place(self, value: f64) -> Option<f64> {
        match self {
            Self::Linear(low, high) => Some((value - low) / (high - low)),
            Self::Log(low, high) => {
                let (low, high) = (libm::log10(low), libm::log10(high));
                (value > 0.0).then(|| (libm::log10(value) - low) / (high - low))
            }
            Self::Slots(count) => Some((value + 0.5) / count.max(1) as f64),
        }
    }
}

impl Axis {
    /// An axis for data from `low` to `high` (in base units), with round ends and about `count` ticks.
    pub(crate) fn over(label: &str, unit: &Unit, (low, high): (f64, f64), log: bool, count: usize) -> Self {
        // No farther than where the square of a number is still one.
        let bounded = |value: f64| (value / unit.size).clamp(-FARTHEST, FARTHEST);
        let (low, high) = (bounded(low), bounded(high));
        let (scale, values) = if log && high >= low && low > 0.0 {
            log_ticks(low.max(1.0 / FARTHEST), high.max(1.0 / FARTHEST))
        } else {
            linear_ticks(low, high, count)
        };
        let in_base = |value: f64| value * unit.size;
        let scale = match scale {
            Scale::Linear(low, high) => Scale::Linear(in_base(low), in_base(high)),
            Scale::Log(low, high) => Scale::Log(in_base(low), in_base(high)),
            Scale::Slots(count) => Scale::Slots(count),
        };
        let ticks = values.iter().map(|value| (in_base(*value), plain(*value))).collect();
        Self { label: labelled(label, unit), scale, ticks }
    }

    /// The abscissa of a swept parameter, with a tick at each of its values.
    pub(crate) fn of_parameter(results: &Results, axis: usize, log: bool) -> Self {
        let parameter = &results.manifest.axes[axis];
        let Some(quantities) = results.quantities(axis) else {
            return Self::slots(&parameter.name, parameter.values.iter().map(|value| value.0.clone()));
        };
        let unit = shown_unit(&quantities);
        let mut values: Vec<f64> = quantities.iter().map(|quantity| quantity.value).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let ticks = values.iter().map(|value| (*value, plain(value / unit.size))).collect();
        let (low, high) = (values[0], values[values.len() - 1]);
        let scale = if low == high {
            let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
            Scale::Linear(low - room, high + room)
        } else if log && low > 0.0 {
            let room = libm::pow(high / low, 0.03);
            Scale::Log(low / room, high * room)
        } else {
            let room = (high - low) * 0.03;
            Scale::Linear(low - room, high + room)
        };
        Self { label: labelled(&parameter.name, &unit), scale, ticks }
    }

    /// An axis of categories.
    pub(crate) fn slots(label: &str, names: impl Iterator<Item = String>) -> Self {
        let ticks: Vec<(f64, String)> = names.enumerate().map(|(index, name)| (index as f64, name)).collect();
        Self { label: label.to_owned(), scale: Scale::Slots(ticks.len()), ticks }
    }
}

/// A label with its unit: `latency, ms`.
fn labelled(label: &str, unit: &Unit) -> String {
    if unit.symbol.is_empty() { label.to_owned() } else { format!("{label}, {}", unit.symbol) }
}

/// The unit the values were written in if it is one, else the one that fits the largest.
fn shown_unit(quantities: &[Quantity]) -> Unit {
    let first = &quantities[0];
    if quantities.iter().all(|quantity| quantity.unit == first.unit) {
        return Unit::named(&first.unit);
    }
    first.kind.unit_for(quantities.iter().map(|quantity| quantity.value.abs()).fold(0.0, f64::max))
}

/// Round numbers that enclose `low` to `high`, about `count` of them.
fn linear_ticks(low: f64, high: f64, count: usize) -> (Scale, Vec<f64>) {
    // Numbers that differ in the tenth digit only would all get one label.
    let apart = high - low > low.abs().max(high.abs()) * 1e-9 && high - low > 1.0 / FARTHEST;
    let high = if apart { high } else { low + low.abs().max(1.0) };
    let rough = (high - low) / count.max(1) as f64;
    let power = libm::pow(10.0, libm::floor(libm::log10(rough)));
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|step| step * power >= rough * 0.999);
    let step = step.unwrap_or(10.0) * power;
    let (first, last) = (libm::floor(low / step + 1e-9), libm::ceil(high / step - 1e-9));
    // Beyond 2^53 steps from zero a double cannot tell one tick from the next.
    let steps = ((last - first) as i64).clamp(1, 100);
    let ticks: Vec<f64> = (0..=steps).map(|index| (first + index as f64) * step).collect();
    (Scale::Linear(first * step, (first + steps as f64) * step), ticks)
}

/// Powers of ten, with 2 and 5 between where there are few, that enclose `low` to `high`.
fn log_ticks(low: f64, high: f64) -> (Scale, Vec<f64>) {
    let (first, last) = (libm::floor(libm::log10(low)) as i32, libm::ceil(libm::log10(high)) as i32);
    let factors: &[f64] = if last - first <= 3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let mut all: Vec<f64> = Vec::new();
    for exponent in first..=last.max(first + 1) {
        let power = libm::pow(10.0, f64::from(exponent));
        all.extend(factors.iter().map(|factor| factor * power));
    }
    let from = all.iter().rposition(|tick| *tick <= low * 1.000_001).unwrap_or(0);
    let to = all.iter().position(|tick| *tick >= high * 0.999_999).unwrap_or(all.len() - 1);
    let to = to.max(from + 1).min(all.len() - 1);
    let from = from.min(to - 1);
    (Scale::Log(all[from], all[to]), all[from..=to].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round_and_enclose_the_data() {
        assert_eq!(
            linear_ticks(0.0, 47.0, 5),
            (Scale::Linear(0.0, 50.0), vec![0.0, 10.0, 20.0, 30.0, 40.0, 50.0])
        );
        let shown: Vec<String> = linear_ticks(0.93, 1.0, 2).1.into_iter().map(plain).collect();
        assert_eq!(shown, ["0.9", "0.95", "1"]);
        assert_eq!(linear_ticks(0.0, 0.0, 4).0, Scale::Linear(0.0, 1.0));
    }

    #[test]
    fn log_ticks_enclose_the_data() {
        assert_eq!(
            log_ticks(12.0, 370.0),
            (Scale::Log(10.0, 500.0), vec![10.0, 20.0, 50.0, 100.0, 200.0, 500.0])
        );
        assert_eq!(log_ticks(1.0, 1e6).1, [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6]);
        assert_eq!(log_ticks(7.0, 7.0).0, Scale::Log(5.0, 10.0));
    }

    #[test]
    fn any_range_gives_a_usable_axis() {
        for low in [0.0, 1e-300, -5.0, 1e300, 0.3, 1e17] {
            for width in [0.0, 1e-12, 1.0, 1e9, 1e300] {
                for log in [false, true] {
                    let unit = Unit { size: 1.0, symbol: String::new() };
                    let axis = Axis::over("x", &unit, (low, low + width), log, 5);
                    assert!(axis.ticks.len() >= 2 && axis.ticks.len() <= 2_000, "{low} {width} {axis:?}");
                }
            }
        }
    }

    /// log10(30) = 1.47712 is 47.712 % of the way from 10 to 100.
    #[test]
    fn places_follow_the_scale() {
        assert_eq!(Scale::Linear(10.0, 20.0).place(15.0), Some(0.5));
        assert!((Scale::Log(10.0, 100.0).place(30.0).unwrap() - 0.477_12).abs() < 1e-5);
        assert_eq!(Scale::Log(10.0, 100.0).place(0.0), None);
        assert_eq!(Scale::Slots(4).place(1.0), Some(0.375));
    }
}
