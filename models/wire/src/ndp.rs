//! Neighbour discovery for IPv6 (RFC 4861): solicitations, advertisements and redirects.
//!
//! A message is what follows the IPv6 headers, ICMPv6's first four bytes included. Its checksum covers a
//! pseudo-header, whose sum [`Message::emit`] takes; [`crate::icmpv6::verify`] checks it. The receiver of a
//! message also checks that its hop limit is [`HOP_LIMIT`].

use std::net::Ipv6Addr;

use crate::checksum::Sum;
use crate::error::{ParseError, array, fixed};
use crate::icmpv6;
use crate::ndp_options::NdpOptions;

/// The hop limit of every message: no router lets it pass (RFC 4861 §3.1).
pub const HOP_LIMIT: u8 = 255;

const NAME: &str = "a neighbour discovery message";

/// Message types (RFC 4861 §4).
mod kind {
    pub(super) const ROUTER_SOLICITATION: u8 = 133;
    pub(super) const ROUTER_ADVERTISEMENT: u8 = 134;
    pub(super) const NEIGHBOR_SOLICITATION: u8 = 135;
    pub(super) const NEIGHBOR_ADVERTISEMENT: u8 = 136;
    pub(super) const REDIRECT: u8 = 137;
}

/// What a router tells its link (RFC 4861 §4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RouterAdvertisement {
    /// Hop limit for outgoing packets; zero says nothing.
    pub hop_limit: u8,
    /// Addresses are had by DHCPv6.
    pub managed: bool,
    /// Other information is had by DHCPv6.
    pub other: bool,
    /// Seconds for which this is a default router; zero: it is none.
    pub router_lifetime: u16,
    /// Milliseconds for which a neighbour counts as reachable; zero says nothing.
    pub reachable_time: u32,
    /// Milliseconds between solicitations; zero says nothing.
    pub retransmission_timer: u32,
}

/// What a node tells about one of its addresses (RFC 4861 §4.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NeighborAdvertisement {
    /// The sender is a router.
    pub router: bool,
    /// The message answers a solicitation.
    pub solicited: bool,
    /// The link-layer address replaces one that is known.
    pub is_override: bool,
    /// The address.
    pub target: Ipv6Addr,
}

/// A message without its options.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Body {
    /// Asks for router advertisements.
    RouterSolicitation,
    /// Tells what the router offers.
    RouterAdvertisement(RouterAdvertisement),
    /// Asks who has an address, or whether it is still there.
    NeighborSolicitation {
        /// The address.
        target: Ipv6Addr,
    },
    /// Tells who has an address.
    NeighborAdvertisement(NeighborAdvertisement),
    /// Tells a better first hop.
    Redirect {
        /// The better first hop.
        target: Ipv6Addr,
        /// The address it is better for.
        destination: Ipv6Addr,
    },
}

impl Body {
    /// Bytes before the options.
    const fn len(&self) -> usize {
        match self {
            Self::RouterSolicitation => 8,
            Self::RouterAdvertisement(_) => 16,
            Self::NeighborSolicitation { .. } | Self::NeighborAdvertisement(_) => 24,
            Self::Redirect { .. } => 40,
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::RouterSolicitation => kind::ROUTER_SOLICITATION,
            Self::RouterAdvertisement(_) => kind::ROUTER_ADVERTISEMENT,
            Self::NeighborSolicitation { .. } => kind::NEIGHBOR_SOLICITATION,
            Self::NeighborAdvertisement(_) => kind::NEIGHBOR_ADVERTISEMENT,
            Self::Redirect { .. } => kind::REDIRECT,
        }
    }
}

/// A message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Message<'a> {
    /// The fixed part.
    pub body: Body,
    /// The options.
    pub options: NdpOptions<'a>,
}

impl<'a> Message<'a> {
    /// Reads a message; `bytes` is all that follows the IPv6 headers.
    ///
    /// # Errors
    /// The bytes end within the message, its type is no neighbour discovery, its code is not zero, a target is
    /// a multicast address, or an option has the length zero (RFC 4861 §6.1, §7.1, §8.1).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (head, _) = fixed::<8>(NAME, bytes)?;
        if head[1] != 0 {
            return Err(ParseError::Field { header: NAME, field: "code", value: u32::from(head[1]) });
        }
        let target = || {
            let (head, _) = fixed::<24>(NAME, bytes)?;
            match Ipv6Addr::from(array::<16>(head, 8)) {
                target if target.is_multicast() => {
                    Err(ParseError::Field { header: NAME, field: "a multicast target", value: 0xFF })
                }
                target => Ok(target),
            }
        };
        let body = match head[0] {
            kind::ROUTER_SOLICITATION => Body::RouterSolicitation,
            kind::ROUTER_ADVERTISEMENT => {
                let (head, _) = fixed::<16>(NAME, bytes)?;
                Body::RouterAdvertisement(RouterAdvertisement {
                    hop_limit: head[4],
                    managed: head[5] & 0x80 != 0,
                    other: head[5] & 0x40 != 0,
                    router_lifetime: u16::from_be_bytes([head[6], head[7]]),
                    reachable_time: u32::from_be_bytes(array(head, 8)),
                    retransmission_timer: u32::from_be_bytes(array(head, 12)),
                })
            }
            kind::NEIGHBOR_SOLICITATION => Body::NeighborSolicitation { target: target()? },
            kind::NEIGHBOR_ADVERTISEMENT => Body::NeighborAdvertisement(NeighborAdvertisement {
                router: head[4] & 0x80 != 0,
                solicited: head[4] & 0x40 != 0,
                is_override: head[4] & 0x20 != 0,
                target: target()?,
            }),
            kind::REDIRECT => {
                let (head, _) = fixed::<40>(NAME, bytes)?;
                let destination = Ipv6Addr::from(array::<16>(head, 24));
                Body::Redirect { target: target()?, destination }
            }
            other => {
                return Err(ParseError::Field { header: NAME, field: "type", value: u32::from(other) });
            }
        };
        let options = NdpOptions::parse(&bytes[body.len()..])?;
        Ok(Self { body, options })
    }

    /// Bytes that [`Self::emit`] writes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no message is empty")]
    pub const fn len(&self) -> usize {
        self.body.len() + self.options.as_bytes().len()
    }

    /// The message with its checksum, from `source` to `destination`.
    #[must_use]
    pub fn to_bytes(&self, source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        let pseudo = icmpv6::pseudo_sum(&bytes, source, destination);
        self.emit(&mut bytes, pseudo);
        bytes
    }

    /// Writes the message with its checksum; `pseudo` is the sum of the pseudo-header.
    ///
    /// # Panics
    /// `out` is not [`Self::len`] bytes long.
    pub fn emit(&self, out: &mut [u8], pseudo: Sum) {
        assert_eq!(out.len(), self.len(), "a message is written into a slice of its length");
        let (head, options) = out.split_at_mut(self.body.len());
        options.copy_from_slice(self.options.as_bytes());
        head.fill(0);
        head[0] = self.body.kind();
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        match self.body {
            Body::RouterSolicitation => {}
            Body::RouterAdvertisement(router) => {
                head[4] = router.hop_limit;
                head[5] = flag(router.managed, 0x80) | flag(router.other, 0x40);
                head[6..8].copy_from_slice(&router.router_lifetime.to_be_bytes());
                head[8..12].copy_from_slice(&router.reachable_time.to_be_bytes());
                head[12..16].copy_from_slice(&router.retransmission_timer.to_be_bytes());
            }
            Body::NeighborSolicitation { target } => head[8..24].copy_from_slice(&target.octets()),
            Body::NeighborAdvertisement(neighbor) => {
                head[4] = flag(neighbor.router, 0x80)
                    | flag(neighbor.solicited, 0x40)
                    | flag(neighbor.is_override, 0x20);
                head[8..24].copy_from_slice(&neighbor.target.octets());
            }
            Body::Redirect { target, destination } => {
                head[8..24].copy_from_slice(&target.octets());
                head[24..40].copy_from_slice(&destination.octets());
            }
        }
        let checksum = (pseudo + Sum::of(out)).finish();
        out[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// The group that a solicitation for `target` goes to: ff02::1:ff and the low 24 bits (RFC 4291 §2.7.1).
#[must_use]
pub const fn solicited_node_group(target: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = target.octets();
    Ipv6Addr::from_octets([0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, a, b, c])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::pseudo_header;
    use crate::ethernet::MacAddress;
    use crate::ip::IpProtocol;
    use crate::ndp_options::{NdpOption, NdpOptionList};

    const TARGET: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

    #[test]
    fn a_solicitation_has_the_bytes_of_rfc_4861() {
        let mut list = NdpOptionList::new();
        list.try_push_source(MacAddress([2, 0, 0, 0, 0, 1])).unwrap();
        let body = Body::NeighborSolicitation { target: TARGET };
        let message = Message { body, options: list.options() };
        assert_eq!(message.len(), 32);
        let group = solicited_node_group(TARGET);
        assert_eq!(group.to_string(), "ff02::1:ff00:2");
        let from = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let pseudo = pseudo_header(from.into(), group.into(), IpProtocol::ICMPV6, 32);
        let mut out = [0xEE; 32];
        message.emit(&mut out, pseudo);
        // Pseudo-header: fe80 + 1 + ff02 + 1 + ff00 + 2 + 3a + 20 = 2fce0. Message: 8700 + fe80 + 2 + 101 + 200
        // + 0 + 1 = 18884. Sum 48564, folded 8568, complement 7a97.
        let mut expected = [0; 32];
        expected[..4].copy_from_slice(&[135, 0, 0x7A, 0x97]);
        expected[8..24].copy_from_slice(&TARGET.octets());
        expected[24..].copy_from_slice(&[1, 1, 2, 0, 0, 0, 0, 1]);
        assert_eq!(out, expected);
        assert_eq!(Message::parse(&out), Ok(message));
        assert!(crate::icmpv6::verify(&out, pseudo));
        let read: Vec<_> = message.options.iter().collect();
        assert_eq!(read, [NdpOption::SourceLinkLayer(&[2, 0, 0, 0, 0, 1])]);
        for len in 0..24 {
            assert!(matches!(Message::parse(&out[..len]), Err(ParseError::Truncated { .. })), "{len} bytes");
        }
        for len in 25..32 {
            assert!(Message::parse(&out[..len]).is_err(), "{len} bytes cut an option");
        }
    }

    #[test]
    fn flags_stand_in_their_bits() {
        let advertisement =
            NeighborAdvertisement { router: false, solicited: true, is_override: true, target: TARGET };
        let options = NdpOptions::NONE;
        let mut out = [0; 24];
        Message { body: Body::NeighborAdvertisement(advertisement), options }.emit(&mut out, Sum::ZERO);
        assert_eq!(out[4], 0x60);
        assert_eq!(Message::parse(&out).unwrap().body, Body::NeighborAdvertisement(advertisement));

        let advertisement = RouterAdvertisement {
            hop_limit: 64,
            managed: true,
            other: false,
            router_lifetime: 1800,
            reachable_time: 30_000,
            retransmission_timer: 1000,
        };
        let mut out = [0; 16];
        Message { body: Body::RouterAdvertisement(advertisement), options }.emit(&mut out, Sum::ZERO);
        // 1800 = 708, 30000 = 7530, 1000 = 3e8.
        assert_eq!(out[4..], [64, 0x80, 0x07, 0x08, 0, 0, 0x75, 0x30, 0, 0, 0x03, 0xE8]);
        assert_eq!(Message::parse(&out).unwrap().body, Body::RouterAdvertisement(advertisement));
    }

    #[test]
    fn every_kind_comes_back() {
        for body in [Body::RouterSolicitation, Body::Redirect { target: TARGET, destination: TARGET }] {
            let message = Message { body, options: NdpOptions::NONE };
            let mut out = vec![0xEE; message.len()];
            message.emit(&mut out, Sum::ZERO);
            assert_eq!(Message::parse(&out), Ok(message));
        }
    }

    #[test]
    fn what_a_receiver_has_to_discard_is_refused() {
        let mut bytes = [0; 24];
        bytes[0] = 135;
        bytes[8] = 0xFF;
        assert!(Message::parse(&bytes).is_err(), "a multicast target");
        bytes[8] = 0xFE;
        assert!(Message::parse(&bytes).is_ok());
        bytes[1] = 1;
        assert!(Message::parse(&bytes).is_err(), "a code");
        assert!(Message::parse(&[128, 0, 0, 0, 0, 0, 0, 0]).is_err(), "an echo request");
    }
}
