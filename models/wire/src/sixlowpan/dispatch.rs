//! What the payload of a frame begins with (RFC 4944 §5.1, RFC 6282 §5, RFC 8025, RFC 8931 §5).

use super::UNCOMPRESSED_IPV6;

/// What the first byte announces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dispatch {
    /// Not 6LoWPAN.
    NotALowpanFrame,
    /// An IPv6 packet as it is, behind this byte.
    Ipv6,
    /// A compressed packet.
    Iphc,
    /// The first fragment of a packet.
    FirstFragment,
    /// A further fragment.
    SubsequentFragment,
    /// A recoverable fragment.
    RecoverableFragment,
    /// What arrived of a packet in recoverable fragments.
    RecoverableFragmentAck,
    /// Something else: mesh addressing, a broadcast header, HC1, reserved.
    Other(u8),
}

impl Dispatch {
    /// What a frame's payload begins with; an empty one is no 6LoWPAN.
    #[must_use]
    pub const fn of(payload: &[u8]) -> Self {
        match payload {
            [] | [0x00..=0x3F, ..] => Self::NotALowpanFrame,
            [UNCOMPRESSED_IPV6, ..] => Self::Ipv6,
            [0x60..=0x7F, ..] => Self::Iphc,
            [0xC0..=0xC7, ..] => Self::FirstFragment,
            [0xE0..=0xE7, ..] => Self::SubsequentFragment,
            [0xE8..=0xE9, ..] => Self::RecoverableFragment,
            [0xEA..=0xEB, ..] => Self::RecoverableFragmentAck,
            [other, ..] => Self::Other(*other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_follow_the_registry() {
        let cases = [
            (0x3F, Dispatch::NotALowpanFrame),
            (0x41, Dispatch::Ipv6),
            (0x42, Dispatch::Other(0x42)),
            (0x60, Dispatch::Iphc),
            (0x7F, Dispatch::Iphc),
            (0x80, Dispatch::Other(0x80)),
            (0xC5, Dispatch::FirstFragment),
            (0xE5, Dispatch::SubsequentFragment),
            (0xE8, Dispatch::RecoverableFragment),
            (0xEB, Dispatch::RecoverableFragmentAck),
            (0xF0, Dispatch::Other(0xF0)),
        ];
        for (byte, dispatch) in cases {
            assert_eq!(Dispatch::of(&[byte, 0]), dispatch, "{byte:02x}");
        }
        assert_eq!(Dispatch::of(&[]), Dispatch::NotALowpanFrame);
    }
}
