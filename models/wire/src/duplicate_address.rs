//! Duplicate Address Requests and Confirmations (RFC 6775 §4.4), and the extended ones (RFC 8505 §4.2): what a router asks the
//! border router about an address, and what that says. They travel over several hops, so that no hop limit is demanded.

use std::net::Ipv6Addr;

use crate::error::{ParseError, array};
use crate::icmpv6;
use crate::ndp_lowpan::{Rovr, Status};

/// The ICMPv6 type of a request.
pub const REQUEST: u8 = 157;
/// The ICMPv6 type of a confirmation.
pub const CONFIRMATION: u8 = 158;
/// The hop limit that they are sent with (RFC 6775 §9).
pub const MULTIHOP_HOPLIMIT: u8 = 64;

const NAME: &str = "a Duplicate Address message";

/// A request or a confirmation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Message {
    /// Whether it confirms.
    pub confirms: bool,
    /// What the border router says; in a request 0.
    pub status: Status,
    /// How new the registration is: only in the extended form.
    pub transaction: Option<u8>,
    /// Minutes that it is kept; 0 ends it.
    pub lifetime: u16,
    /// Whose it is; 64 bits unless the message is an extended one.
    pub rovr: Rovr,
    /// The address.
    pub address: Ipv6Addr,
}

impl Message {
    /// Reads a message, ICMPv6 header included; the checksum is left to [`icmpv6::verify_message`].
    ///
    /// # Errors
    /// The message ends early, its type or code is not known, or its address is a group's (RFC 6775 §8.2.1).
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let field = |field, value: u8| ParseError::Field { header: NAME, field, value: u32::from(value) };
        let short = |need| ParseError::Truncated { header: NAME, need, have: bytes.len() };
        let &[kind, code, _, _, status, transaction, high, low] =
            bytes.first_chunk::<8>().ok_or(short(32))?;
        if kind != REQUEST && kind != CONFIRMATION {
            return Err(field("type", kind));
        }
        // The prefix is ignored (RFC 8505 §4.2); without a suffix the message is one of RFC 6775.
        let rovr_len = match code & 0xF {
            0 => 8,
            suffix @ 1..=4 => usize::from(suffix) * 8,
            _ => return Err(field("code", code)),
        };
        let rest = bytes.get(8..8 + rovr_len + 16).ok_or(short(8 + rovr_len + 16))?;
        let (rovr, address) = rest.split_at(rovr_len);
        let address = Ipv6Addr::from(array::<16>(address, 0));
        if address.is_multicast() {
            return Err(field("a group for an address", 0xFF));
        }
        let rovr = Rovr::new(rovr).ok_or(short(32))?;
        Ok(Self {
            confirms: kind == CONFIRMATION,
            status: Status(status),
            transaction: (code & 0xF != 0).then_some(transaction),
            lifetime: u16::from_be_bytes([high, low]),
            rovr,
            address,
        })
    }

    /// The bytes of the message from `source` to `destination`, ICMPv6 header and checksum included.
    #[must_use]
    pub fn to_bytes(&self, source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
        let rovr = self.rovr.as_bytes();
        let suffix = self.transaction.map_or(0, |_| rovr.len() as u8 / 8);
        let [high, low] = self.lifetime.to_be_bytes();
        let kind = if self.confirms { CONFIRMATION } else { REQUEST };
        let mut out = vec![kind, suffix, 0, 0, self.status.0, self.transaction.unwrap_or(0), high, low];
        // Only the leftmost 64 bits where the receiver knows no others (RFC 8505 §6.4).
        out.extend(if self.transaction.is_some() { rovr } else { &rovr[..8] });
        out.extend(self.address.octets());
        icmpv6::seal(&mut out, source, destination);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::pseudo_header;
    use crate::ip::IpProtocol;

    const FROM: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, 2);
    const TO: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, 1);

    fn message() -> Message {
        let rovr = Rovr::new(&[2, 0, 0, 0, 0, 0, 0, 9]).unwrap();
        let address = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, 3);
        Message { confirms: false, status: Status::SUCCESS, transaction: None, lifetime: 10, rovr, address }
    }

    fn survives(message: &Message) -> Vec<u8> {
        let out = message.to_bytes(FROM, TO);
        let pseudo = pseudo_header(FROM.into(), TO.into(), IpProtocol::ICMPV6, out.len() as u32);
        assert!(icmpv6::verify(&out, pseudo));
        assert_eq!(Message::parse(&out), Ok(*message));
        out
    }

    // Holds: RFC 6775 4.4-a
    #[test]
    fn a_request_has_the_bytes_of_rfc_6775() {
        let out = survives(&message());
        assert_eq!((out.len(), out[0], out[1]), (32, 157, 0));
        assert_eq!(out[4..16], [0, 0, 0, 10, 2, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(out[16..], message().address.octets());
        let confirmation = Message { confirms: true, status: Status::DUPLICATE_ADDRESS, ..message() };
        let out = survives(&confirmation);
        assert_eq!((out[0], out[4]), (158, 1));
    }

    // Holds: RFC 8505 4.2-a
    #[test]
    fn an_extended_one_tells_the_size_of_its_rovr_by_its_code() {
        for (suffix, len) in [(1, 8), (2, 16), (3, 24), (4, 32)] {
            let rovr = Rovr::new(&vec![5; len]).unwrap();
            let extended = Message { transaction: Some(240), rovr, ..message() };
            let out = survives(&extended);
            assert_eq!((out.len(), out[1], out[5]), (24 + len, suffix, 240));
            let mut prefixed = out.clone();
            prefixed[1] |= 0xF0;
            assert_eq!(Message::parse(&prefixed), Ok(extended), "the code's prefix is ignored");
        }
    }

    // Holds: RFC 8505 6.4-a
    #[test]
    fn without_a_transaction_the_leftmost_64_bits_are_sent() {
        let rovr = Rovr::new(&(0..16).collect::<Vec<u8>>()).unwrap();
        let out = Message { rovr, ..message() }.to_bytes(FROM, TO);
        assert_eq!((out.len(), out[1]), (32, 0));
        assert_eq!(out[8..16], [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    // Holds: RFC 6775 8.2.1-a
    #[test]
    fn cut_and_foreign_messages_are_refused() {
        let out = message().to_bytes(FROM, TO);
        for len in 0..out.len() {
            assert!(matches!(Message::parse(&out[..len]), Err(ParseError::Truncated { .. })), "{len}");
        }
        for (at, value) in [(0, 155), (1, 5), (16, 0xFF)] {
            let mut bad = out.clone();
            bad[at] = value;
            assert!(matches!(Message::parse(&bad), Err(ParseError::Field { .. })), "byte {at}");
        }
    }
}
