//! Address resolution of IPv4 over Ethernet (RFC 826).

use std::net::Ipv4Addr;

use crate::error::{ParseError, array, exactly, fixed};
use crate::ethernet::{EtherType, MacAddress};

/// Bytes of a packet for Ethernet and IPv4.
pub const PACKET_LEN: usize = 28;

const NAME: &str = "an ARP packet";
/// Hardware type of Ethernet (IANA "ARP Parameters").
const ETHERNET: u16 = 1;

/// What a packet is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// Asks for the hardware address of the target.
    Request,
    /// Tells the hardware address of the sender.
    Reply,
}

/// A request or a reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet {
    /// Request or reply.
    pub operation: Operation,
    /// Hardware address of the sender.
    pub sender_hardware: MacAddress,
    /// Protocol address of the sender.
    pub sender_protocol: Ipv4Addr,
    /// Hardware address of the target; meaningless in a request.
    pub target_hardware: MacAddress,
    /// Protocol address of the target.
    pub target_protocol: Ipv4Addr,
}

impl Packet {
    /// Reads a packet; what follows it is a frame's padding.
    ///
    /// # Errors
    /// There are fewer than 28 bytes, the addresses are not those of Ethernet and IPv4, or the operation is
    /// neither request nor reply.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let (packet, _) = fixed::<PACKET_LEN>(NAME, bytes)?;
        let word = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        let field = |field, value: u16| ParseError::Field { header: NAME, field, value: u32::from(value) };
        if word(0) != ETHERNET {
            return Err(field("hardware type", word(0)));
        }
        if word(2) != EtherType::IPV4.0 {
            return Err(field("protocol type", word(2)));
        }
        if word(4) != 0x0604 {
            return Err(field("address lengths", word(4)));
        }
        let operation = match word(6) {
            1 => Operation::Request,
            2 => Operation::Reply,
            other => return Err(field("operation", other)),
        };
        Ok(Self {
            operation,
            sender_hardware: MacAddress(array(packet, 8)),
            sender_protocol: Ipv4Addr::from(array::<4>(packet, 14)),
            target_hardware: MacAddress(array(packet, 18)),
            target_protocol: Ipv4Addr::from(array::<4>(packet, 24)),
        })
    }

    /// Writes the packet.
    ///
    /// # Panics
    /// `out` is not [`PACKET_LEN`] bytes long.
    pub fn emit(&self, out: &mut [u8]) {
        let out = exactly::<PACKET_LEN>(out);
        out[0..2].copy_from_slice(&ETHERNET.to_be_bytes());
        out[2..4].copy_from_slice(&EtherType::IPV4.0.to_be_bytes());
        out[4..6].copy_from_slice(&[6, 4]);
        out[6..8].copy_from_slice(match self.operation {
            Operation::Request => &[0, 1],
            Operation::Reply => &[0, 2],
        });
        out[8..14].copy_from_slice(&self.sender_hardware.0);
        out[14..18].copy_from_slice(&self.sender_protocol.octets());
        out[18..24].copy_from_slice(&self.target_hardware.0);
        out[24..28].copy_from_slice(&self.target_protocol.octets());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: [u8; 28] = [
        0, 1, 8, 0, 6, 4, 0, 1, // Ethernet, IPv4, lengths 6 and 4, request
        2, 0, 0, 0, 0, 1, 10, 0, 0, 1, // sender
        0, 0, 0, 0, 0, 0, 10, 0, 0, 2, // target
    ];

    #[test]
    fn a_request_has_the_bytes_of_rfc_826() {
        let request = Packet {
            operation: Operation::Request,
            sender_hardware: MacAddress([2, 0, 0, 0, 0, 1]),
            sender_protocol: Ipv4Addr::new(10, 0, 0, 1),
            target_hardware: MacAddress::default(),
            target_protocol: Ipv4Addr::new(10, 0, 0, 2),
        };
        let mut out = [0xEE; 28];
        request.emit(&mut out);
        assert_eq!(out, REQUEST);
        assert_eq!(Packet::parse(&REQUEST), Ok(request));
        let reply = Packet { operation: Operation::Reply, ..request };
        reply.emit(&mut out);
        assert_eq!(out[7], 2);
        assert_eq!(Packet::parse(&out), Ok(reply));
    }

    #[test]
    fn foreign_hardware_and_operations_are_refused() {
        for (at, field) in
            [(1, "hardware type"), (2, "protocol type"), (4, "address lengths"), (7, "operation")]
        {
            let mut bytes = REQUEST;
            bytes[at] = 9;
            match Packet::parse(&bytes) {
                Err(ParseError::Field { field: found, .. }) => assert_eq!(found, field),
                other => panic!("{other:?}"),
            }
        }
        for len in 0..28 {
            let error = ParseError::Truncated { header: NAME, need: 28, have: len };
            assert_eq!(Packet::parse(&REQUEST[..len]), Err(error));
        }
    }
}
