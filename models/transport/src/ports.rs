//! Ephemeral ports (RFC 6056).

use rand::Rng;

/// First port of the dynamic range (RFC 6335 §6).
pub const EPHEMERAL_MIN: u16 = 49_152;

/// Chooses a port from the dynamic range for which `is_free` holds.
///
/// Algorithm 1 of RFC 6056 §3.3.1: a random start, then upwards until one is free. `None` if none is.
pub fn choose_ephemeral(rng: &mut impl Rng, mut is_free: impl FnMut(u16) -> bool) -> Option<u16> {
    const COUNT: u32 = u16::MAX as u32 - EPHEMERAL_MIN as u32 + 1;
    const _: () = assert!(COUNT.is_power_of_two(), "the remainder of a random number is uniform");
    let start = rng.next_u32() % COUNT;
    (0..COUNT).map(|step| EPHEMERAL_MIN + ((start + step) % COUNT) as u16).find(|&port| is_free(port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn a_port_is_found_while_one_is_free() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert_eq!(choose_ephemeral(&mut rng, |port| port == 50_000), Some(50_000));
        assert_eq!(choose_ephemeral(&mut rng, |_| false), None);
        for _ in 0..100 {
            let port = choose_ephemeral(&mut rng, |_| true).unwrap();
            assert!(port >= EPHEMERAL_MIN);
        }
    }
}
