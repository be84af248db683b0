//! From the addresses and ports of a segment to its connection.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use rustc_hash::FxHashMap;

/// Local and remote socket, as integers: IPv4 addresses are mapped (RFC 4291 §2.5.5.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Pair {
    local: u128,
    remote: u128,
    ports: u32,
}

impl Pair {
    #[inline]
    fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            local: bits(local.ip()),
            remote: bits(remote.ip()),
            ports: u32::from(local.port()) << 16 | u32::from(remote.port()),
        }
    }
}

impl Hash for Pair {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Two words: the low halves tell IPv4 hosts apart, and the hosts of an IPv6 network.
        state.write_u64(self.local as u64 ^ u64::from(self.ports) << 32);
        state.write_u64(self.remote as u64 ^ (self.remote >> 64) as u64 ^ u64::from(self.ports));
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The table of connections. It is only looked up, never iterated over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demux {
    connections: FxHashMap<Pair, u32>,
    /// The last two answers: segments come in trains, of two subflows perhaps.
    last: [Option<(Pair, u32)>; 2],
}

impl Demux {
    #[inline]
    pub(crate) fn find(&mut self, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
        let pair = Pair::new(local, remote);
        for (last, index) in self.last.iter().flatten() {
            if *last == pair {
                return Some(*index);
            }
        }
        let index = *self.connections.get(&pair)?;
        self.last = [Some((pair, index)), self.last[0]];
        Some(index)
    }

    pub(crate) fn contains(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        self.connections.contains_key(&Pair::new(local, remote))
    }

    pub(crate) fn insert(&mut self, local: SocketAddr, remote: SocketAddr, index: u32) {
        self.connections.insert(Pair::new(local, remote), index);
    }

    pub(crate) fn remove(&mut self, local: SocketAddr, remote: SocketAddr) {
        self.last = [None; 2];
        self.connections.remove(&Pair::new(local, remote));
    }
}
