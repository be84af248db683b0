//! The option that travels in the hop-by-hop header of every packet along a graph (RFC 6553 §3).

/// What a router tells the next one about a packet's way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PacketInformation {
    /// The packet goes down.
    pub down: bool,
    /// A rank did not fit the direction once before: the second time the packet is dropped (RFC 6550 §11.2.2.2).
    pub rank_error: bool,
    /// The packet comes back, since no route downwards is known (RFC 6550 §11.2.2.3).
    pub forwarding_error: bool,
    /// The RPL instance.
    pub instance: u8,
    /// The sender's rank.
    pub sender_rank: u16,
}

impl PacketInformation {
    /// Reads the option's value; `None` if it is shorter than four bytes. What follows is for extensions.
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        let [flags, instance, high, low, ..] = *data else { return None };
        Some(Self {
            down: flags & 0x80 != 0,
            rank_error: flags & 0x40 != 0,
            forwarding_error: flags & 0x20 != 0,
            instance,
            sender_rank: u16::from_be_bytes([high, low]),
        })
    }

    /// The option's value.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 4] {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags = flag(self.down, 0x80) | flag(self.rank_error, 0x40) | flag(self.forwarding_error, 0x20);
        let [high, low] = self.sender_rank.to_be_bytes();
        [flags, self.instance, high, low]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_has_the_bytes_of_figure_1() {
        let value = PacketInformation {
            down: true,
            rank_error: false,
            forwarding_error: true,
            instance: 0x1E,
            sender_rank: 0x0180,
        };
        assert_eq!(value.to_bytes(), [0xA0, 0x1E, 0x01, 0x80]);
        assert_eq!(PacketInformation::parse(&value.to_bytes()), Some(value));
        assert_eq!(PacketInformation::parse(&[0, 0, 0]), None);
    }
}
