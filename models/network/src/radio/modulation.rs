//! From the ratio of signal to noise and interference to errors.

use sim_core::math;

use super::power::Gain;

/// The probability that a bit is wrong in O-QPSK with the sixteen chip sequences of 2.4 GHz (IEEE 802.15.4-2006, annex
/// E.4.1.8): 8/15 · 1/16 · Σ (-1)^k C(16,k) exp(20·SINR·(1/k - 1)), k from 2 to 16.
#[must_use]
pub fn bit_error(sinr: Gain) -> f64 {
    let ratio = sinr.as_ratio();
    if ratio > NO_ERRORS {
        return 0.0;
    }
    let mut sum = 0.0;
    // From the smallest term to the largest.
    for (index, weight) in BINOMIALS.iter().enumerate().rev() {
        let k = (index + 2) as f64;
        sum += weight * math::exp(20.0 * ratio * (1.0 / k - 1.0));
    }
    (sum / 30.0).clamp(0.0, 0.5)
}

/// The natural logarithm of the probability that `bits` bits are all right.
#[must_use]
pub fn log_success(sinr: Gain, bits: f64) -> f64 {
    let error = bit_error(sinr);
    if error == 0.0 { 0.0 } else { bits * math::ln_1p(-error) }
}

/// (-1)^k C(16,k) for k from 2 to 16.
const BINOMIALS: [f64; 15] = [
    120.0, -560.0, 1820.0, -4368.0, 8008.0, -11440.0, 12870.0, -11440.0, 8008.0, -4368.0, 1820.0, -560.0,
    120.0, -16.0, 1.0,
];
/// Above this ratio (8 dB) a bit is wrong less often than once in 10^27.
const NO_ERRORS: f64 = 6.3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_errors_are_those_of_the_standard() {
        // At 1 (0 dB), in terms of 1/30 · weight · exp(20·(1/k - 1)):
        // k=2: 120·4.53999e-5 = 5.44799e-3; 3: -560·1.61960e-6 = -9.06974e-4; 4: 1820·3.05902e-7 = 5.56742e-4;
        // 5: -4.91554e-4; 6: 4.62682e-4; 7: -4.10561e-4; 8: 3.23166e-4; 9: -2.17588e-4; 10: 1.21962e-4;
        // 11: -5.54650e-5; 12: 1.98612e-5; 13: -5.37581e-6; 14: 1.03208e-6; 15: -1.25109e-7; 16: 7.19413e-9.
        // Their sum is 4.845801e-3, a thirtieth of it 1.615267e-4.
        let one = bit_error(Gain::from_ratio(1.0));
        assert!((one - 1.615267e-4).abs() < 1e-10, "{one}");
        // At 2 (3 dB) the first two terms are all but everything: (120·e^-20 - 560·e^(-80/3))/30 = 8.20e-9.
        let two = bit_error(Gain::from_ratio(2.0));
        assert!((two - 8.20e-9).abs() < 0.02e-9, "{two}");
        assert_eq!(bit_error(Gain::from_ratio(100.0)), 0.0);
    }

    #[test]
    fn without_a_signal_every_second_bit_is_wrong() {
        // Σ (-1)^k C(16,k) from 2 to 16 is 15, since all sixteen and k = 0, 1 add up to none: 15/30.
        assert!((bit_error(Gain::ZERO) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn errors_grow_as_the_signal_fades() {
        let errors: Vec<f64> =
            (-100..100).map(|tenth| bit_error(Gain::from_db(f64::from(tenth) / 10.0))).collect();
        assert!(errors.windows(2).all(|pair| pair[0] >= pair[1]));
    }

    #[test]
    fn frames_survive_if_all_their_bits_do() {
        let sinr = Gain::from_ratio(1.0);
        let one = math::exp(log_success(sinr, 1.0));
        assert!((one - (1.0 - bit_error(sinr))).abs() < 1e-12);
        assert!((log_success(sinr, 1016.0) - 1016.0 * log_success(sinr, 1.0)).abs() < 1e-9);
    }
}
