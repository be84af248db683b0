//! Sequence numbers: 32 bits on the wire, 64 bits inside.

/// Place of the SYN in each direction; the first byte follows it. Starting here keeps every place that a
/// 32-bit number can name above zero.
pub const ORIGIN: u64 = 1 << 32;

/// Initial sequence number of one direction: what turns places into wire numbers and back.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct InitialSequence(pub u32);

impl InitialSequence {
    /// The wire number of `place`.
    #[inline]
    pub fn to_wire(self, place: u64) -> u32 {
        self.0.wrapping_add(place as u32)
    }

    /// The place closest to `near` that has this wire number.
    #[inline]
    pub fn from_wire(self, near: u64, wire: u32) -> u64 {
        let delta = wire.wrapping_sub(self.to_wire(near)) as i32;
        near.wrapping_add_signed(i64::from(delta))
    }
}

/// Whether timestamp `a` is before `b` (RFC 7323 §5.2), modulo 2^32.
pub(crate) fn timestamp_before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_survive_the_wire_near_any_reference() {
        for initial in [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            let sequence = InitialSequence(initial);
            assert_eq!(sequence.to_wire(ORIGIN), initial);
            for near in [ORIGIN, ORIGIN + 5, ORIGIN * 2 - 1, ORIGIN * 7 + 3] {
                for distance in [-0x7fff_ffff_i64, -1, 0, 1, 0x7fff_ffff] {
                    let place = near.wrapping_add_signed(distance);
                    assert_eq!(sequence.from_wire(near, sequence.to_wire(place)), place);
                }
            }
        }
    }

    #[test]
    fn timestamps_wrap() {
        assert!(timestamp_before(u32::MAX, 0));
        assert!(!timestamp_before(0, u32::MAX));
        assert!(!timestamp_before(7, 7));
    }
}
