//! What damage does to a packet.

use wire::checksum::Change;
use wire::ip::{Header, IpProtocol};
use wire::packet::Packet;
use wire::payload::Payload;
use wire::{tcp, udp};

/// What happens to a packet's bits.
#[derive(Debug)]
pub(crate) enum Damage {
    /// These are flipped, counted from its first.
    Bits(Vec<u64>),
    /// One of what the transport carries is flipped, and the transport's checksum made right; which one follows from this draw.
    Content(u64),
}

impl Damage {
    /// Does it, and says whether there was anything to do it to. A payload that is hit becomes real bytes.
    pub(crate) fn apply(&self, packet: &mut Packet) -> bool {
        match self {
            Self::Bits(bits) => {
                packet.corrupted = true;
                flip(packet, bits);
                true
            }
            Self::Content(draw) => change_content(packet, *draw).is_some(),
        }
    }
}

fn flip(packet: &mut Packet, bits: &[u64]) {
    let header_bits = packet.header().len() as u64 * 8;
    let mut payload = None;
    for &bit in bits {
        if bit < header_bits {
            packet.header_mut()[(bit / 8) as usize] ^= 0x80 >> (bit % 8);
        } else {
            let bytes = payload.get_or_insert_with(|| packet.payload().to_vec());
            let bit = bit - header_bits;
            if let Some(byte) = bytes.get_mut((bit / 8) as usize) {
                *byte ^= 0x80 >> (bit % 8);
            }
        }
    }
    if let Some(bytes) = payload {
        packet.set_payload(Payload::from_bytes(bytes));
    }
}

/// Flips a bit behind the header of TCP or UDP. Nothing in a fragment, whose checksum may be elsewhere, nor where there is no such
/// header, no content, or no checksum.
fn change_content(packet: &mut Packet, draw: u64) -> Option<()> {
    let internet = Header::parse(packet.header()).ok()?;
    let protocol = match internet {
        Header::V4(header) if header.fragmentation.is_fragment() => return None,
        Header::V4(header) => header.protocol,
        Header::V6(header) => header.next_header,
    };
    let transport = internet.len();
    let own = packet.header().get(transport..)?;
    let (len, checksum) = match protocol {
        IpProtocol::TCP => (tcp::header_len(own).ok()?, TCP_CHECKSUM),
        IpProtocol::UDP => (udp::HEADER_LEN, UDP_CHECKSUM),
        _ => return None,
    };
    let before = u16::from_be_bytes(own.get(checksum..checksum + 2)?.try_into().ok()?);
    let content = packet.len().checked_sub(transport + len).filter(|content| *content > 0)?;
    if protocol == IpProtocol::UDP && before == 0 {
        return None;
    }
    let bit = ((u128::from(draw) * (content as u128 * 8)) >> 64) as u64;
    let at = transport + len + (bit / 8) as usize;
    let mask = 0x80_u8 >> (bit % 8);
    let bytes = packet.to_vec();
    let old = *bytes.get(at)?;
    flip(packet, &[(transport + len) as u64 * 8 + bit]);
    // Words count from the transport's first byte.
    let word =
        |byte: u8| if (at - transport).is_multiple_of(2) { u16::from(byte) << 8 } else { u16::from(byte) };
    let change = Change::of_u16(word(old), word(old ^ mask));
    let after = if protocol == IpProtocol::UDP { change.apply_udp(before) } else { change.apply(before) };
    packet.header_mut()[transport + checksum..][..2].copy_from_slice(&after.to_be_bytes());
    Some(())
}

/// Where the checksum is in a header of TCP (RFC 9293 §3.1) and UDP (RFC 768).
const TCP_CHECKSUM: usize = 16;
const UDP_CHECKSUM: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use wire::account::Account;
    use wire::checksum::pseudo_header;
    use wire::ipv4;

    /// A datagram of UDP with this payload, or what looks like a segment of TCP.
    fn packet(protocol: IpProtocol, payload: &[u8]) -> Packet {
        let (from, to) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let payload = Payload::from_bytes(payload.to_vec());
        let len = if protocol == IpProtocol::TCP { 24 } else { 8 };
        let total = len as u32 + payload.len();
        let sum = payload.sum();
        let mut packet = Packet::new(payload, Account::default());
        let head = packet.push_header(len);
        head.fill(0x35);
        let field = if protocol == IpProtocol::TCP { TCP_CHECKSUM } else { UDP_CHECKSUM };
        if protocol == IpProtocol::TCP {
            head[12] = 6 << 4;
        } else {
            head[4..6].copy_from_slice(&(total as u16).to_be_bytes());
        }
        head[field..field + 2].fill(0);
        let sum =
            pseudo_header(from.into(), to.into(), protocol, total) + wire::checksum::Sum::of(head) + sum;
        head[field..field + 2].copy_from_slice(&sum.finish().to_be_bytes());
        let header = ipv4::Header::new(from, to, protocol, packet.len()).expect("it fits");
        header.emit(packet.push_header(ipv4::HEADER_LEN));
        packet
    }

    fn is_right(packet: &Packet) -> bool {
        let bytes = packet.to_vec();
        let internet = Header::parse(&bytes).expect("it was not touched");
        let Header::V4(head) = internet else { return false };
        let transport = &bytes[internet.len()..];
        let pseudo =
            pseudo_header(internet.source(), internet.destination(), head.protocol, transport.len() as u32);
        (pseudo + wire::checksum::Sum::of(transport)).is_valid()
    }

    #[test]
    fn contents_change_by_one_bit_and_the_transport_does_not_notice() {
        for protocol in [IpProtocol::TCP, IpProtocol::UDP] {
            for (len, step) in [(1_usize, 1_u64 << 61), (7, 1 << 58), (1400, 1 << 57)] {
                let payload: Vec<u8> = (0..len).map(|at| (at * 7) as u8).collect();
                for draw in (0..u64::MAX - step).step_by(step as usize) {
                    let mut packet = packet(protocol, &payload);
                    assert!(is_right(&packet));
                    let before = packet.to_vec();
                    assert!(Damage::Content(draw).apply(&mut packet));
                    assert!(is_right(&packet) && !packet.corrupted, "{protocol:?} {len} {draw}");
                    let after = packet.to_vec();
                    let contents = before.len() - len;
                    let flipped = |range: std::ops::Range<usize>| -> u32 {
                        range.map(|at| (before[at] ^ after[at]).count_ones()).sum()
                    };
                    assert_eq!(flipped(contents..before.len()), 1);
                }
            }
        }
    }

    #[test]
    fn what_carries_nothing_or_is_of_another_protocol_is_left_alone() {
        for (protocol, payload) in [(IpProtocol::TCP, &[][..]), (IpProtocol(132), &[1, 2, 3])] {
            let mut packet = packet(protocol, payload);
            let before = packet.to_vec();
            assert!(!Damage::Content(77).apply(&mut packet));
            assert_eq!(packet.to_vec(), before);
        }
    }
}
