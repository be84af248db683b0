//! Quantities as people write and read them: "20 ms", "1 %", "250 kbit/s".

use crate::results::Metric;

/// What kind of thing a number measures, and so which units it may be written in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A time; the base unit is the nanosecond.
    Time,
    /// A data rate; the base unit is the bit per second.
    Rate,
    /// An amount of data; the base unit is the byte.
    Size,
    /// An energy; the base unit is the joule.
    Energy,
    /// A share; the base unit is one, shown in percent.
    Share,
    /// A number with a unit of its own, or none.
    Other(String),
}

/// A number with its kind, in the base unit of that kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// The number, in the base unit.
    pub value: f64,
    /// The kind.
    pub kind: Kind,
    /// The unit it was written in.
    pub unit: String,
}

/// A unit to show numbers in.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// How many base units it is.
    pub size: f64,
    /// Its symbol; empty for a plain number.
    pub symbol: String,
}

impl Quantity {
    /// Reads a number and a unit, with or without a space between; nothing if `text` is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+' | ',' | '_'));
        let (number, unit) = text.split_at(end.unwrap_or(text.len()));
        let number: f64 = number.replace([',', '_'], "").parse().ok()?;
        let unit = unit.trim();
        let known = UNITS.iter().find(|(symbol, _, _)| *symbol == unit);
        let (kind, size) = match known {
            Some((_, kind, size)) => (kind(), *size),
            None => (Kind::Other(unit.to_owned()), 1.0),
        };
        number.is_finite().then(|| Self { value: number * size, kind, unit: unit.to_owned() })
    }
}

/// A spelling of a unit, the kind it belongs to, and how many base units it is.
type UnitRow = (&'static str, fn() -> Kind, f64);

const UNITS: [UnitRow; 37] = [
    ("ns", || Kind::Time, 1.0),
    ("us", || Kind::Time, 1e3),
    ("µs", || Kind::Time, 1e3),
    ("ms", || Kind::Time, 1e6),
    ("s", || Kind::Time, 1e9),
    ("min", || Kind::Time, 60e9),
    ("h", || Kind::Time, 3_600e9),
    ("d", || Kind::Time, 86_400e9),
    ("years", || Kind::Time, 31_536_000e9),
    ("nJ", || Kind::Energy, 1e-9),
    ("µJ", || Kind::Energy, 1e-6),
    ("mJ", || Kind::Energy, 1e-3),
    ("J", || Kind::Energy, 1.0),
    ("kJ", || Kind::Energy, 1e3),
    ("bit/s", || Kind::Rate, 1.0),
    ("bps", || Kind::Rate, 1.0),
    ("kbit/s", || Kind::Rate, 1e3),
    ("kbps", || Kind::Rate, 1e3),
    ("Mbit/s", || Kind::Rate, 1e6),
    ("Mbps", || Kind::Rate, 1e6),
    ("Gbit/s", || Kind::Rate, 1e9),
    ("Gbps", || Kind::Rate, 1e9),
    ("Tbit/s", || Kind::Rate, 1e12),
    ("B", || Kind::Size, 1.0),
    ("byte", || Kind::Size, 1.0),
    ("bytes", || Kind::Size, 1.0),
    ("kB", || Kind::Size, 1e3),
    ("KB", || Kind::Size, 1e3),
    ("KiB", || Kind::Size, 1_024.0),
    ("MB", || Kind::Size, 1e6),
    ("MiB", || Kind::Size, 1_048_576.0),
    ("GB", || Kind::Size, 1e9),
    ("GiB", || Kind::Size, 1_073_741_824.0),
    ("%", || Kind::Share, 0.01),
    ("‰", || Kind::Share, 0.001),
    ("ratio", || Kind::Other(String::new()), 1.0),
    ("1", || Kind::Other(String::new()), 1.0),
];

impl Kind {
    /// The kind of a metric's column.
    pub fn of_metric(metric: &Metric) -> Self {
        if metric.column.ends_with("_fraction") {
            return Self::Share;
        }
        let unit = metric.unit.as_str();
        let known = UNITS.iter().find(|(symbol, _, size)| *symbol == unit && *size == 1.0);
        known.map_or_else(|| Self::Other(unit.to_owned()), |(_, kind, _)| kind())
    }

    /// The kind of a time series, from the unit at the end of its name, and its name without it.
    pub fn of_series(name: &str) -> (Self, &str) {
        match name.rsplit_once('_') {
            Some((stem, "ns")) => (Self::Time, stem),
            Some((stem, "bps")) => (Self::Rate, stem),
            Some((stem, "bytes")) => (Self::Size, stem),
            Some((stem, "fraction")) => (Self::Share, stem),
            Some((stem, unit @ "packets")) => (Self::Other(unit.to_owned()), stem),
            Some(_) | None => (Self::Other(String::new()), name),
        }
    }

    /// The unit in which numbers up to `largest` read best.
    pub fn unit_for(&self, largest: f64) -> Unit {
        let steps: &[(f64, &str)] = match self {
            Self::Time => &[
                (1.0, "ns"),
                (1e3, "µs"),
                (1e6, "ms"),
                (2e9, "s"),
                (7_200e9, "h"),
                (259_200e9, "d"),
                (63_072_000e9, "years"),
            ],
            Self::Energy => &[(1e-9, "nJ"), (1e-6, "µJ"), (1e-3, "mJ"), (1.0, "J"), (1e4, "kJ")],
            Self::Rate => &[(1.0, "bit/s"), (1e3, "kbit/s"), (1e6, "Mbit/s"), (1e9, "Gbit/s")],
            Self::Size => &[(1.0, "B"), (1e4, "kB"), (1e7, "MB"), (1e10, "GB")],
            Self::Share => return Unit { size: 0.01, symbol: "%".to_owned() },
            Self::Other(unit) => return Unit { size: 1.0, symbol: unit.clone() },
        };
        let largest = largest.abs();
        let symbol = steps.iter().rev().find(|(from, _)| largest >= *from).map_or(steps[0].1, |step| step.1);
        Unit::named(symbol)
    }

    /// One unit in which all of `values` read well: the one that fits the smallest, unless the largest
    /// would need more than six digits before the point.
    pub fn unit_for_all(&self, values: impl IntoIterator<Item = f64>) -> Unit {
        let (mut smallest, mut largest) = (f64::INFINITY, 0.0_f64);
        for value in values {
            let size = value.abs();
            largest = largest.max(size);
            if size > 0.0 {
                smallest = smallest.min(size);
            }
        }
        let unit = self.unit_for(smallest.min(largest));
        if largest / unit.size < 1e6 { unit } else { self.unit_for(largest) }
    }

    /// A mean with its interval, in the unit that fits: `52.31 ± 0.42 ms`.
    pub fn show(&self, mean: f64, half_width: Option<f64>) -> String {
        let unit = self.unit_for(mean);
        let number = with_interval(mean / unit.size, half_width.map(|half| half / unit.size));
        if unit.symbol.is_empty() { number } else { format!("{number} {}", unit.symbol) }
    }
}

impl Unit {
    /// The unit written `symbol`; a plain number's if nobody knows it.
    pub fn named(symbol: &str) -> Self {
        let size = UNITS.iter().find(|row| row.0 == symbol).map_or(1.0, |row| row.2);
        Self { size, symbol: symbol.to_owned() }
    }
}

/// A mean with as many decimals as its interval's two leading digits need: `52.31 ± 0.42`.
pub(crate) fn with_interval(mean: f64, half_width: Option<f64>) -> String {
    match half_width {
        Some(half) if half > 0.0 && half.max(mean.abs()) < LONGEST => {
            // More than six leading digits of a mean are never meant to be read.
            let decimals = decimals_for(half, 2).min(decimals_for(mean, 6));
            format!("{} ± {}", fixed(mean, decimals), fixed(half, decimals))
        }
        Some(_) | None => plain(mean),
    }
}

/// From here on a number is written with an exponent.
const LONGEST: f64 = 1e12;

/// A number with four leading digits and no needless zeros.
pub(crate) fn plain(value: f64) -> String {
    if value.abs() >= LONGEST || (value != 0.0 && value.abs() < 1e-6) {
        let text = format!("{value:.3e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.'));
    }
    let text = fixed(value, decimals_for(value, 4));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `value` with a fixed number of decimals, and never a negative zero.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|c| matches!(c, '0' | '.')) => digits.to_owned(),
        Some(_) | None => text,
    }
}

/// How many decimals show `digits` leading digits of `value`, from 0 to 9.
fn decimals_for(value: f64, digits: i32) -> usize {
    if value == 0.0 || !value.is_finite() {
        return 0;
    }
    let exponent = libm::floor(libm::log10(value.abs())) as i32;
    (digits - 1).saturating_sub(exponent).clamp(0, 9) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(f64, Kind)> {
        Quantity::parse(text).map(|quantity| (quantity.value, quantity.kind))
    }

    #[test]
    fn quantities_are_read_with_their_unit() {
        assert_eq!(parsed("20 ms"), Some((20e6, Kind::Time)));
        assert_eq!(parsed("1.5s"), Some((1.5e9, Kind::Time)));
        assert_eq!(parsed("250 kbit/s"), Some((250e3, Kind::Rate)));
        assert_eq!(parsed("1 %"), Some((0.01, Kind::Share)));
        assert_eq!(parsed("2 KiB"), Some((2_048.0, Kind::Size)));
        assert_eq!(parsed("64 packets"), Some((64.0, Kind::Other("packets".to_owned()))));
        assert_eq!(parsed("7"), Some((7.0, Kind::Other(String::new()))));
    }

    #[test]
    fn names_are_no_quantities() {
        for text in ["tcp", "", "-", "true", "802.15.4", "...", "s", "1.2.3 ms"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn units_fit_the_number() {
        let show = |kind: Kind, value| kind.show(value, None);
        assert_eq!(show(Kind::Time, 950.0), "950 ns");
        assert_eq!(show(Kind::Time, 1_234_567.0), "1.235 ms");
        assert_eq!(show(Kind::Time, 1_500e6), "1500 ms");
        assert_eq!(show(Kind::Time, 12e9), "12 s");
        assert_eq!(show(Kind::Rate, 12_300.0), "12.3 kbit/s");
        assert_eq!(show(Kind::Size, 640.0), "640 B");
        assert_eq!(show(Kind::Share, 0.953), "95.3 %");
        assert_eq!(show(Kind::Other(String::new()), 0.0), "0");
    }

    #[test]
    fn a_mean_has_the_decimals_of_its_interval() {
        assert_eq!(Kind::Time.show(52_314_000.0, Some(421_000.0)), "52.31 ± 0.42 ms");
        assert_eq!(Kind::Time.show(52_314_000.0, Some(21_000_000.0)), "52 ± 21 ms");
        assert_eq!(Kind::Share.show(1.0, Some(0.0)), "100 %");
    }

    #[test]
    fn nothing_is_shown_as_minus_zero() {
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(plain(-0.0), "0");
    }

    #[test]
    fn very_large_and_very_small_numbers_have_an_exponent() {
        assert_eq!(plain(2.5e150), "2.5e150");
        assert_eq!(plain(-1e-9), "-1e-9");
        assert_eq!(plain(123_456_789.0), "123456789");
    }
}
