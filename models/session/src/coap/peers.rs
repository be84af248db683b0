//! The peers of an endpoint, by address and port.

use std::net::{IpAddr, SocketAddr};

use sim_core::SmallMap;

use super::peer::Peer;

/// What is known of each peer.
#[derive(Debug, Default)]
pub(super) struct Peers(SmallMap<Key, Box<Peer>>);

/// An address and a port without what else belongs to one in an operating system: 20 bytes, not 32.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Key(IpAddr, u16);

impl Key {
    fn of(peer: SocketAddr) -> Self {
        Self(peer.ip(), peer.port())
    }

    fn address(self) -> SocketAddr {
        SocketAddr::new(self.0, self.1)
    }
}

impl Peers {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, peer: &SocketAddr) -> Option<&Peer> {
        self.0.get(&Key::of(*peer)).map(|peer| &**peer)
    }

    pub(super) fn get_mut(&mut self, peer: &SocketAddr) -> Option<&mut Peer> {
        self.0.get_mut(&Key::of(*peer)).map(|peer| &mut **peer)
    }

    pub(super) fn get_or_insert_with(&mut self, peer: SocketAddr, make: impl FnOnce() -> Peer) -> &mut Peer {
        self.0.get_or_insert_with(Key::of(peer), || Box::new(make()))
    }

    pub(super) fn remove(&mut self, peer: &SocketAddr) -> Option<Peer> {
        self.0.remove(&Key::of(*peer)).map(|peer| *peer)
    }

    /// The peers' addresses in their order.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.keys().map(|key| key.address())
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Peer> {
        self.0.values().map(|peer| &**peer)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.0.values_mut().map(|peer| &mut **peer)
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(SocketAddr, &Peer) -> bool) {
        self.0.retain(|key, peer| keep(key.address(), peer));
    }
}
