//! Decimal numbers without rounding: "0.1" is a tenth, not the nearest binary fraction.

/// The exact value `mantissa · 10^exponent`, negative or not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Decimal {
    negative: bool,
    mantissa: u128,
    exponent: i32,
}

/// Why a number cannot be a count of some unit.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum DecimalError {
    #[error("is not a number")]
    Malformed,
    #[error("is too large")]
    TooLarge,
    #[error("is negative")]
    Negative,
    #[error("is finer than the smallest step")]
    TooFine,
}

impl Decimal {
    /// Splits the longest number off the front of `text`: sign, digits, fraction, exponent.
    pub(crate) fn split(text: &str) -> Result<(Self, &str), DecimalError> {
        let bytes = text.as_bytes();
        let digits_from = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut at = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
        let whole_from = at;
        let whole = digits_from(at);
        at += whole;
        let mut fraction = 0;
        if bytes.get(at) == Some(&b'.') {
            fraction = digits_from(at + 1);
            if fraction > 0 {
                at += 1 + fraction;
            }
        }
        if whole + fraction == 0 {
            return Err(DecimalError::Malformed);
        }
        let mantissa_to = at;
        let mut exponent = 0_i32;
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'-' | b'+')));
            let from = at + 1 + sign;
            let length = if from <= bytes.len() { digits_from(from) } else { 0 };
            if length > 0 {
                exponent = text[at + 1..from + length].parse().map_err(|_| DecimalError::TooLarge)?;
                at = from + length;
            }
        }
        let digits = bytes[whole_from..mantissa_to].iter().filter(|b| b.is_ascii_digit());
        let mut decimal = Self { negative: bytes[0] == b'-', mantissa: 0, exponent };
        let mut fraction_left = i32::try_from(fraction).map_err(|_| DecimalError::TooLarge)?;
        let mut position = 0;
        let mut trailing_zeros = 0_u32;
        // Zeros are held back until another digit follows, so that "1.000…0" of any length is exact.
        for digit in digits.map(|b| u128::from(b - b'0')) {
            position += 1;
            if digit == 0 {
                trailing_zeros += 1;
                continue;
            }
            decimal.append_zeros(trailing_zeros)?;
            trailing_zeros = 0;
            decimal.append(digit)?;
        }
        debug_assert!(position > 0);
        fraction_left -= i32::try_from(trailing_zeros).map_err(|_| DecimalError::TooLarge)?;
        decimal.exponent = decimal.exponent.checked_sub(fraction_left).ok_or(DecimalError::TooLarge)?;
        if decimal.mantissa == 0 {
            decimal.exponent = 0;
        }
        Ok((decimal, &text[at..]))
    }

    /// Reads a whole text as a number.
    pub(crate) fn parse(text: &str) -> Result<Self, DecimalError> {
        match Self::split(text)? {
            (decimal, "") => Ok(decimal),
            _ => Err(DecimalError::Malformed),
        }
    }

    /// The number times `unit`, which must be a whole number that fits.
    pub(crate) fn times(self, unit: u64) -> Result<u64, DecimalError> {
        if self.negative && self.mantissa > 0 {
            return Err(DecimalError::Negative);
        }
        self.magnitude_times(unit)
    }

    /// The number times `unit`, which may be negative.
    pub(crate) fn signed_times(self, unit: u64) -> Result<i64, DecimalError> {
        let magnitude = i64::try_from(self.magnitude_times(unit)?).map_err(|_| DecimalError::TooLarge)?;
        Ok(if self.negative { -magnitude } else { magnitude })
    }

    fn magnitude_times(self, unit: u64) -> Result<u64, DecimalError> {
        let mut value = self.mantissa.checked_mul(u128::from(unit)).ok_or(DecimalError::TooLarge)?;
        if value == 0 {
            return Ok(0);
        }
        for _ in 0..self.exponent.unsigned_abs().min(EXPONENT_MAX) {
            if self.exponent > 0 {
                value = value.checked_mul(10).ok_or(DecimalError::TooLarge)?;
            } else if value % 10 == 0 {
                value /= 10;
            } else {
                return Err(DecimalError::TooFine);
            }
        }
        u64::try_from(value).map_err(|_| DecimalError::TooLarge)
    }

    fn append_zeros(&mut self, count: u32) -> Result<(), DecimalError> {
        if self.mantissa == 0 {
            return Ok(());
        }
        let factor = 10_u128.checked_pow(count).ok_or(DecimalError::TooLarge)?;
        self.mantissa = self.mantissa.checked_mul(factor).ok_or(DecimalError::TooLarge)?;
        Ok(())
    }

    fn append(&mut self, digit: u128) -> Result<(), DecimalError> {
        let shifted = self.mantissa.checked_mul(10).and_then(|value| value.checked_add(digit));
        self.mantissa = shifted.ok_or(DecimalError::TooLarge)?;
        Ok(())
    }
}

/// No nonzero u128 survives more steps of ten in either direction.
const EXPONENT_MAX: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn times(text: &str, unit: u64) -> Result<u64, DecimalError> {
        Decimal::parse(text)?.times(unit)
    }

    #[test]
    fn a_tenth_is_exact() {
        assert_eq!(times("0.1", 1_000_000_000), Ok(100_000_000));
        assert_eq!(times("1.5e3", 1), Ok(1500));
        assert_eq!(times("25e-1", 10), Ok(25));
    }

    #[test]
    fn trailing_zeros_of_any_number_do_not_count() {
        let text = format!("2.{}", "0".repeat(200));
        assert_eq!(times(&text, 3), Ok(6));
        assert_eq!(times("1000", 1), Ok(1000));
        assert_eq!(times("0.0010", 1000), Ok(1));
        assert_eq!(times("1050.0", 1), Ok(1050));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(times("1e400", 1), Err(DecimalError::TooLarge));
        assert_eq!(times("1e999999999999", 1), Err(DecimalError::TooLarge));
        assert_eq!(times("18446744073709551616", 1), Err(DecimalError::TooLarge));
        assert_eq!(times("18446744073709551615", 1), Ok(u64::MAX));
        assert_eq!(times("0.5", 1), Err(DecimalError::TooFine));
        assert_eq!(times("-1", 1), Err(DecimalError::Negative));
        assert_eq!(times("-0", 1), Ok(0));
        assert_eq!(times("0e999", 1), Ok(0));
    }

    #[test]
    fn the_unit_is_left_over() {
        let (number, rest) = Decimal::split("-3.5e ms").expect("a number stands in front");
        assert_eq!((number.signed_times(10), rest), (Ok(-35), "e ms"));
        assert_eq!(Decimal::split("."), Err(DecimalError::Malformed));
        assert_eq!(Decimal::split(""), Err(DecimalError::Malformed));
    }
}
