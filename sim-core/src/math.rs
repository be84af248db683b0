//! Elementary functions with the same last bit on every platform.
//!
//! The standard library's `f64::ln`, `f64::exp` and so on call the platform's mathematical library, whose
//! results differ in the last bit from one system to the next; one such bit can turn a whole run. These
//! come from `libm`, which is plain arithmetic. (`+ - * /` and `sqrt` are exact everywhere.)

/// Natural logarithm.
#[inline]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// Natural logarithm of `1 + x`, exact for tiny `x` too.
#[inline]
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// Logarithm to base 2.
#[inline]
pub fn log2(x: f64) -> f64 {
    libm::log2(x)
}

/// Logarithm to base 10.
#[inline]
pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

/// e to the power of `x`.
#[inline]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// e to the power of `x`, less 1, exact for tiny `x` too.
#[inline]
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// 2 to the power of `x`.
#[inline]
pub fn exp2(x: f64) -> f64 {
    libm::exp2(x)
}

/// 10 to the power of `x`.
#[inline]
pub fn exp10(x: f64) -> f64 {
    libm::exp10(x)
}

/// `x` to the power of `y`.
#[inline]
pub fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// Square root.
#[inline]
pub fn sqrt(x: f64) -> f64 {
    libm::sqrt(x)
}

/// Cube root.
#[inline]
pub fn cbrt(x: f64) -> f64 {
    libm::cbrt(x)
}

/// Length of the hypotenuse over `x` and `y`.
#[inline]
pub fn hypot(x: f64, y: f64) -> f64 {
    libm::hypot(x, y)
}

/// Sine of `x` radians.
#[inline]
pub fn sin(x: f64) -> f64 {
    libm::sin(x)
}

/// Cosine of `x` radians.
#[inline]
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// Tangent of `x` radians.
#[inline]
pub fn tan(x: f64) -> f64 {
    libm::tan(x)
}

/// Angle of the point (`x`, `y`), in radians.
#[inline]
pub fn atan2(y: f64, x: f64) -> f64 {
    libm::atan2(y, x)
}

/// The error function.
#[inline]
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// The complementary error function, `1 - erf(x)`, exact in the tail too.
#[inline]
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// The gamma function.
#[inline]
pub fn gamma(x: f64) -> f64 {
    libm::tgamma(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_agree_with_the_tables() {
        let table = [
            (ln(10.0), std::f64::consts::LN_10),
            (log2(8.0), 3.0),
            (log10(1_000.0), 3.0),
            (exp(1.0), std::f64::consts::E),
            (exp2(0.5), std::f64::consts::SQRT_2),
            (exp10(-2.0), 0.01),
            (pow(2.0, 10.0), 1_024.0),
            (sqrt(2.0), std::f64::consts::SQRT_2),
            (cbrt(27.0), 3.0),
            (hypot(3.0, 4.0), 5.0),
            (sin(std::f64::consts::FRAC_PI_6), 0.5),
            (cos(std::f64::consts::FRAC_PI_3), 0.5),
            (tan(std::f64::consts::FRAC_PI_4), 1.0),
            (atan2(1.0, 1.0), std::f64::consts::FRAC_PI_4),
            // Abramowitz and Stegun, table 7.1: erf 1 = 0.84270 07929.
            (erf(1.0), 0.842_700_792_949_715),
            (erfc(1.0), 0.157_299_207_050_285),
            // Gamma(5) = 4! = 24.
            (gamma(5.0), 24.0),
            (ln_1p(1e-20), 1e-20),
            (exp_m1(1e-20), 1e-20),
        ];
        for (row, (got, want)) in table.into_iter().enumerate() {
            assert!((got - want).abs() <= 4e-15 * want.abs(), "row {row}: {got} against {want}");
        }
    }

    #[test]
    fn the_last_bit_never_changes() {
        let bits = [ln(3.0), exp(0.1), pow(3.0, 0.7), sin(1.0), cos(1.0), erfc(2.5)].map(f64::to_bits);
        assert_eq!(bits, KNOWN_BITS, "{bits:#x?}");
    }

    const KNOWN_BITS: [u64; 6] = [
        0x3ff1_93ea_7aad_030a,
        0x3ff1_aec7_b35a_00d4,
        0x4001_42e8_1c88_9914,
        0x3fea_ed54_8f09_0cee,
        0x3fe1_4a28_0fb5_068c,
        0x3f3a_ab85_9b20_ac9e,
    ];
}
