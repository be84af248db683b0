//! Addresses for interfaces that the scenario gives none: each link and each segment is a network of its
//! own.
//!
//! Links get networks of four addresses from 10.0.0.0/8 (or `fd00:0:0:n::/64`), in file order; segments
//! get at least 256 from 172.16.0.0/12 (or `fd00:0:1:n::/64`). Networks that overlap an address which the
//! scenario states are left out. Where one end of a link or a part of a segment has an address, the
//! others get free ones of its network. Radios get those that their link-layer addresses imply: `…::ff:fe00:1` and on.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use network::address::Prefix;
use smallvec::SmallVec;

use crate::language::document::{IpVersion, RadioSettings};
use crate::language::scenario::{Attachment, InterfaceId, Scenario};

use super::{WorldError, radio};

/// The addresses of every interface: those stated, and those found here.
pub(crate) fn assign(scenario: &Scenario) -> Result<Vec<Prefixes>, WorldError> {
    let stated = |index: usize| -> Prefixes {
        let addresses = scenario.addresses_of(InterfaceId(index as u32)).iter();
        addresses.map(|address| Prefix { address: address.ip, length: address.prefix }).collect()
    };
    let mut assigned: Vec<Prefixes> = (0..scenario.interfaces.len()).map(stated).collect();
    let mut plan = AddressPlan::new(&assigned);
    let families: &[Family] = match scenario.ip {
        IpVersion::V4 => &[Family::V4],
        IpVersion::V6 => &[Family::V6],
        IpVersion::Dual => &[Family::V4, Family::V6],
    };
    for &family in families {
        for link in &scenario.links {
            plan.number(&mut assigned, &link.ends, family, Kind::Link)?;
        }
        for (medium, members) in scenario.media.iter().zip(segments(scenario)) {
            match medium.radio() {
                Some(_) if family == Family::V4 => {}
                Some(settings) => plan.number_radios(&mut assigned, &members, settings),
                None => plan.number(&mut assigned, &members, family, Kind::Segment)?,
            }
        }
    }
    Ok(assigned)
}

/// The interfaces on each medium, in order.
pub(super) fn segments(scenario: &Scenario) -> Vec<Vec<InterfaceId>> {
    let mut members = vec![Vec::new(); scenario.media.len()];
    for (index, interface) in scenario.interfaces.iter().enumerate() {
        if let Attachment::Medium(medium) = interface.attached {
            members[medium.0 as usize].push(InterfaceId(index as u32));
        }
    }
    members
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    V4,
    V6,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Link,
    Segment,
}

/// Which addresses are taken, and where the next free networks begin.
struct AddressPlan {
    taken: BTreeSet<IpAddr>,
    next_link: u32,
    next_segment: u32,
    next_v6: [u64; 2],
}

impl AddressPlan {
    fn new(stated: &[Prefixes]) -> Self {
        let taken = stated.iter().flatten().map(|prefix| prefix.address).collect();
        Self { taken, next_link: LINKS_V4.start, next_segment: SEGMENTS_V4.start, next_v6: [0; 2] }
    }

    /// Gives every one of `members` that has none an address of one network.
    fn number(
        &mut self,
        assigned: &mut [Prefixes],
        members: &[InterfaceId],
        family: Family,
        kind: Kind,
    ) -> Result<(), WorldError> {
        let is_of = |prefix: &&Prefix| prefix.address.is_ipv4() == (family == Family::V4);
        let without: Vec<InterfaceId> = members
            .iter()
            .copied()
            .filter(|member| !assigned[member.0 as usize].iter().any(|p| is_of(&p)))
            .collect();
        if without.is_empty() {
            return Ok(());
        }
        let known = members.iter().flat_map(|member| assigned[member.0 as usize].iter()).find(is_of).copied();
        let Some(network) = known else {
            // Nobody else has an address of a new network: its members are simply counted.
            let network = self.free_network(family, kind, members.len() as u32)?;
            for (member, address) in without.into_iter().zip(hosts(network)) {
                assigned[member.0 as usize].push(Prefix { address, length: network.length });
            }
            return Ok(());
        };
        for member in without {
            let free = hosts(network).find(|address| !self.taken.contains(address));
            let address = free.ok_or(WorldError::NoAddressLeft)?;
            self.taken.insert(address);
            assigned[member.0 as usize].push(Prefix { address, length: network.length });
        }
        Ok(())
    }

    /// Gives every radio that has no address the one that its link-layer address implies (RFC 6282 §3.2.2).
    fn number_radios(
        &mut self,
        assigned: &mut [Prefixes],
        members: &[InterfaceId],
        settings: &RadioSettings,
    ) {
        let addresses = members.iter().flat_map(|member| assigned[member.0 as usize].iter());
        let known = addresses.copied().find(|prefix| prefix.address.is_ipv6());
        let network = match known.map(|prefix| prefix.address) {
            Some(IpAddr::V6(address)) => address.to_bits() & !u128::from(u64::MAX),
            Some(IpAddr::V4(_)) | None => self.free_network_v6(Kind::Segment),
        };
        for (number, member) in (0..).zip(members) {
            let own = &mut assigned[member.0 as usize];
            if own.iter().all(|prefix| prefix.address.is_ipv4()) {
                let identifier = radio::link_address(settings, number).interface_identifier();
                let address = network | u128::from(u64::from_be_bytes(identifier));
                own.push(Prefix { address: IpAddr::V6(Ipv6Addr::from_bits(address)), length: 64 });
            }
        }
    }

    fn free_network_v6(&mut self, kind: Kind) -> u128 {
        let number = &mut self.next_v6[kind as usize];
        let network = ULA_V6 | (kind as u128) << 80 | u128::from(*number) << 64;
        *number += 1;
        network
    }

    fn free_network(&mut self, family: Family, kind: Kind, members: u32) -> Result<Prefix, WorldError> {
        if family == Family::V6 {
            let network = self.free_network_v6(kind);
            return Ok(Prefix { address: IpAddr::V6(Ipv6Addr::from_bits(network)), length: 64 });
        }
        let (size, next, end) = match kind {
            Kind::Link => (4, &mut self.next_link, LINKS_V4.end),
            Kind::Segment => (
                (members.saturating_add(2)).next_power_of_two().max(256),
                &mut self.next_segment,
                SEGMENTS_V4.end,
            ),
        };
        loop {
            let start = next.next_multiple_of(size);
            if start > end - size {
                return Err(WorldError::NoAddressLeft);
            }
            *next = start + size;
            let (first, last) = (Ipv4Addr::from_bits(start), Ipv4Addr::from_bits(start + size - 1));
            if self.taken.range(IpAddr::V4(first)..=IpAddr::V4(last)).next().is_none() {
                return Ok(Prefix { address: IpAddr::V4(first), length: size.leading_zeros() as u8 + 1 });
            }
        }
    }
}

/// The addresses of a network's hosts from the lowest on; its own and the broadcast address are left out.
fn hosts(network: Prefix) -> impl Iterator<Item = IpAddr> {
    let (first, low, high) = match network.address {
        IpAddr::V4(address) => {
            let hosts = u32::MAX.checked_shr(u32::from(network.length)).unwrap_or(0);
            let (low, high) = if hosts > 1 { (1_u32, hosts - 1) } else { (0, hosts) };
            (u128::from(address.to_bits() & !hosts), u128::from(low), u128::from(high))
        }
        IpAddr::V6(address) => {
            let hosts = u128::MAX.checked_shr(u32::from(network.length)).unwrap_or(0);
            (address.to_bits() & !hosts, 1, hosts)
        }
    };
    let is_ipv4 = network.address.is_ipv4();
    (low..=high).map(move |host| match u32::try_from(first + host) {
        Ok(bits) if is_ipv4 => IpAddr::V4(Ipv4Addr::from_bits(bits)),
        Ok(_) | Err(_) => IpAddr::V6(Ipv6Addr::from_bits(first + host)),
    })
}

/// The addresses of one interface: nearly always one.
pub(crate) type Prefixes = SmallVec<[Prefix; 1]>;

/// Networks for links: 10.0.0.0/8.
const LINKS_V4: std::ops::Range<u32> = 0x0a00_0000..0x0b00_0000;

/// Networks for segments: 172.16.0.0/12.
const SEGMENTS_V4: std::ops::Range<u32> = 0xac10_0000..0xac20_0000;

/// Unique local addresses (RFC 4193) with a global identifier of zero.
const ULA_V6: u128 = 0xfd00 << 112;
