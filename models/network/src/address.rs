//! Addresses: who owns which, and the short names that packets carry for them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustc_hash::FxHashMap;

use crate::node::DestinationId;
use crate::port::PortId;

/// An address with the length of its network's prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Prefix {
    /// The address; of a network any one in it.
    pub address: IpAddr,
    /// Leading bits that the network's addresses share.
    pub length: u8,
}

impl Prefix {
    /// Whether `address` lies in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(mine), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.length.min(32));
                u32::from(mine).checked_shr(shift).unwrap_or(0)
                    == u32::from(other).checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V6(mine), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.length.min(128));
                u128::from(mine).checked_shr(shift).unwrap_or(0)
                    == u128::from(other).checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Whether `address` is the network's directed broadcast address (IPv4 only, RFC 919).
    pub fn is_broadcast(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(mine), IpAddr::V4(other)) if self.length < 31 => {
                let hosts = u32::MAX >> self.length;
                u32::from(other) == u32::from(mine) | hosts
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// The addresses of one port: nearly always one, which then stands in its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Addresses {
    /// None at all.
    #[default]
    None,
    /// The usual case.
    One(Prefix),
    /// Several.
    Many(Box<[Prefix]>),
}

impl From<&[Prefix]> for Addresses {
    fn from(prefixes: &[Prefix]) -> Self {
        match prefixes {
            [] => Self::None,
            [one] => Self::One(*one),
            many => Self::Many(many.into()),
        }
    }
}

impl std::ops::Deref for Addresses {
    type Target = [Prefix];

    fn deref(&self) -> &[Prefix] {
        match self {
            Self::None => &[],
            Self::One(prefix) => std::slice::from_ref(prefix),
            Self::Many(prefixes) => prefixes,
        }
    }
}

/// What an address that packets are sent to leads to.
#[derive(Clone, Copy, Debug)]
pub struct Destination {
    /// The address.
    pub address: IpAddr,
    /// The port that owns it, or the port behind which it lies outside the simulation.
    pub owner: Option<PortId>,
    /// Whether it is a group or a broadcast address.
    pub group: bool,
}

/// All addresses of a world.
#[derive(Debug, Default)]
pub struct AddressBook {
    /// Owners, sorted by address. Each family has its own list, which takes 8 bytes of an IPv4 address, not 24.
    owners_v4: Vec<(Ipv4Addr, PortId)>,
    owners_v6: Vec<(Ipv6Addr, PortId)>,
    /// Networks that lie outside the simulation, behind a port.
    outside: Vec<(Prefix, PortId)>,
    destinations: Vec<Destination>,
    known_v4: FxHashMap<Ipv4Addr, DestinationId>,
    known_v6: FxHashMap<Ipv6Addr, DestinationId>,
}

impl AddressBook {
    /// The book of the given owners.
    ///
    /// # Errors
    ///
    /// The address that has two owners.
    pub fn new(owners: impl Iterator<Item = (IpAddr, PortId)>) -> Result<Self, IpAddr> {
        let mut book = Self::default();
        for (address, port) in owners {
            match address {
                IpAddr::V4(address) => book.owners_v4.push((address, port)),
                IpAddr::V6(address) => book.owners_v6.push((address, port)),
            }
        }
        let twice = sort_owners(&mut book.owners_v4).map(IpAddr::V4);
        match twice.or_else(|| sort_owners(&mut book.owners_v6).map(IpAddr::V6)) {
            Some(address) => Err(address),
            None => Ok(book),
        }
    }

    /// Declares that the addresses in `prefix` which no node owns lie outside, behind `port`.
    pub fn add_outside(&mut self, prefix: Prefix, port: PortId) {
        self.outside.push((prefix, port));
    }

    /// The port that owns `address`.
    pub fn owner(&self, address: IpAddr) -> Option<PortId> {
        match address {
            IpAddr::V4(address) => owner_among(&self.owners_v4, address),
            IpAddr::V6(address) => owner_among(&self.owners_v6, address),
        }
    }

    /// Gives `address` to `port`, or takes it away.
    pub fn set_owner(&mut self, address: IpAddr, port: Option<PortId>) {
        match address {
            IpAddr::V4(address) => set_owner_among(&mut self.owners_v4, address, port),
            IpAddr::V6(address) => set_owner_among(&mut self.owners_v6, address, port),
        }
        if let Some(id) = self.known(address) {
            self.destinations[id.0 as usize].owner = port;
        }
    }

    /// The short name of `address`, made on first use.
    #[inline]
    pub fn destination(&mut self, address: IpAddr) -> DestinationId {
        match self.known(address) {
            Some(id) => id,
            None => self.add_destination(address),
        }
    }

    #[inline]
    fn known(&self, address: IpAddr) -> Option<DestinationId> {
        match address {
            IpAddr::V4(address) => self.known_v4.get(&address).copied(),
            IpAddr::V6(address) => self.known_v6.get(&address).copied(),
        }
    }

    #[cold]
    fn add_destination(&mut self, address: IpAddr) -> DestinationId {
        let id = DestinationId(u32::try_from(self.destinations.len()).expect("fewer than 2^32 destinations"));
        let group = self.is_group(address);
        let owner = self.owner(address).or_else(|| {
            let inside = self.outside.iter().filter(|(prefix, _)| prefix.contains(address));
            inside.max_by_key(|(prefix, _)| prefix.length).map(|&(_, port)| port)
        });
        if self.destinations.len() == self.destinations.capacity() {
            // Worlds have thousands of them: half of the room that doubling makes is never used.
            self.destinations.reserve_exact(self.destinations.len() / 4 + 4);
        }
        self.destinations.push(Destination { address, owner, group });
        match address {
            IpAddr::V4(address) => self.known_v4.insert(address, id),
            IpAddr::V6(address) => self.known_v6.insert(address, id),
        };
        id
    }

    /// Whether `address` is that of a group or the limited broadcast address.
    pub fn is_group(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => v4.is_multicast() || v4 == Ipv4Addr::BROADCAST,
            IpAddr::V6(v6) => v6.is_multicast(),
        }
    }

    /// What a short name stands for.
    pub fn lookup(&self, id: DestinationId) -> Destination {
        self.destinations[id.0 as usize]
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> u64 {
        (self.owners_v4.capacity() * size_of::<(Ipv4Addr, PortId)>()
            + self.owners_v6.capacity() * size_of::<(Ipv6Addr, PortId)>()
            + self.destinations.capacity() * size_of::<Destination>()
            + self.known_v4.capacity() * (size_of::<(Ipv4Addr, DestinationId)>() + 1)
            + self.known_v6.capacity() * (size_of::<(Ipv6Addr, DestinationId)>() + 1)) as u64
    }
}

/// Sorts a list of owners by address; returns one that is there twice.
fn sort_owners<A: Copy + Ord>(owners: &mut Vec<(A, PortId)>) -> Option<A> {
    owners.sort_unstable();
    owners.shrink_to_fit();
    owners.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0)
}

fn owner_among<A: Copy + Ord>(owners: &[(A, PortId)], address: A) -> Option<PortId> {
    owners.binary_search_by_key(&address, |&(known, _)| known).ok().map(|index| owners[index].1)
}

fn set_owner_among<A: Copy + Ord>(owners: &mut Vec<(A, PortId)>, address: A, port: Option<PortId>) {
    match (owners.binary_search_by_key(&address, |&(known, _)| known), port) {
        (Ok(index), Some(port)) => owners[index].1 = port,
        (Ok(index), None) => drop(owners.remove(index)),
        (Err(index), Some(port)) => owners.insert(index, (address, port)),
        (Err(_), None) => {}
    }
}

/// The unspecified address of the same family as `like`.
pub fn unspecified_like(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str, length: u8) -> Prefix {
        Prefix { address: text.parse().expect("an address"), length }
    }

    #[test]
    fn a_prefix_contains_what_shares_its_bits() {
        let net = prefix("10.1.2.3", 24);
        assert!(net.contains("10.1.2.200".parse().unwrap()));
        assert!(!net.contains("10.1.3.3".parse().unwrap()));
        assert!(!net.contains("fd00::1".parse().unwrap()));
        assert!(prefix("0.0.0.0", 0).contains("203.0.113.9".parse().unwrap()));
        assert!(prefix("fd00::", 64).contains("fd00::9".parse().unwrap()));
        assert!(prefix("::", 0).contains("fd00::9".parse().unwrap()));
        assert!(net.is_broadcast("10.1.2.255".parse().unwrap()));
        assert!(!net.is_broadcast("10.1.2.254".parse().unwrap()));
    }

    #[test]
    fn one_address_has_one_owner() {
        let address: IpAddr = "10.0.0.1".parse().unwrap();
        let owners =
            vec![(address, PortId(1)), ("10.0.0.2".parse().unwrap(), PortId(2)), (address, PortId(3))];
        assert_eq!(AddressBook::new(owners.into_iter()).unwrap_err(), address);
    }

    #[test]
    fn addresses_outside_are_found_by_the_longest_prefix() {
        let mut book = AddressBook::new(std::iter::once(("10.77.0.2".parse().unwrap(), PortId(1)))).unwrap();
        book.add_outside(prefix("0.0.0.0", 0), PortId(5));
        book.add_outside(prefix("10.77.0.0", 24), PortId(6));
        let owner = |book: &mut AddressBook, text: &str| {
            let id = book.destination(text.parse().unwrap());
            book.lookup(id).owner
        };
        assert_eq!(owner(&mut book, "10.77.0.2"), Some(PortId(1)));
        assert_eq!(owner(&mut book, "10.77.0.9"), Some(PortId(6)));
        assert_eq!(owner(&mut book, "203.0.113.1"), Some(PortId(5)));
    }
}
