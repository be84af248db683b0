//! Serial numbers without the wrap: inside, TSNs and the like count on in 64 bits (RFC 9260 §1.6).

/// The first value of a number that begins with `initial` on the wire. The offset leaves room below.
pub(super) fn first(initial: u32) -> u64 {
    (1 << 32) + u64::from(initial)
}

/// The number that `wire` stands for, within 2^31 of `near`.
#[inline]
pub(super) fn unwrap32(near: u64, wire: u32) -> u64 {
    let distance = wire.wrapping_sub(near as u32) as i32;
    near.wrapping_add_signed(i64::from(distance))
}

/// Whether a number comes before another one, in serial number arithmetic (RFC 1982).
pub(super) fn precedes32(number: u32, other: u32) -> bool {
    (number.wrapping_sub(other) as i32) < 0
}

/// The stream sequence number that `wire` stands for, within 2^15 of `near`.
#[inline]
pub(super) fn unwrap16(near: u64, wire: u16) -> u64 {
    let distance = wire.wrapping_sub(near as u16) as i16;
    near.wrapping_add_signed(i64::from(distance))
}

/// The place that a stream sequence number has in its stream, near `next`; what lies before the beginning is far away.
#[inline]
pub(super) fn place16(next: u64, wire: u16) -> u64 {
    unwrap16(next + (1 << 16), wire).wrapping_sub(1 << 16)
}

/// The same of a message identifier.
#[inline]
pub(super) fn place32(next: u64, wire: u32) -> u64 {
    unwrap32(next + (1 << 32), wire).wrapping_sub(1 << 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_precede_others_across_the_wrap() {
        assert!(precedes32(u32::MAX, 0) && precedes32(5, 6));
        assert!(!precedes32(0, u32::MAX) && !precedes32(6, 6));
    }

    // Holds: RFC 9260 1.6-a
    #[test]
    fn numbers_go_on_where_the_wire_begins_anew() {
        let near = first(u32::MAX);
        assert_eq!(unwrap32(near, 0), near + 1);
        assert_eq!(unwrap32(near, u32::MAX - 1), near - 1);
        assert_eq!(unwrap32(near + 5, u32::MAX), near);
        assert_eq!(unwrap16((1 << 16) + 65_535, 2), (1 << 16) + 65_538);
        assert_eq!(unwrap16(1 << 16, 65_535), (1 << 16) - 1);
    }
}
