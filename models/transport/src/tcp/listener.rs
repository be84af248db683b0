//! Sockets in LISTEN.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::config::TcpConfig;

/// A listening socket.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) local: SocketAddr,
    pub(crate) config: Arc<TcpConfig>,
    /// Most connections in SYN-RECEIVED at once.
    pub(crate) backlog: u32,
    /// Connections in SYN-RECEIVED.
    pub(crate) half_open: u32,
}

impl Listener {
    /// Whether it listens at `local`: its own address, or any of the same family.
    fn matches(&self, local: SocketAddr) -> bool {
        self.local.port() == local.port()
            && (self.local.ip() == local.ip()
                || self.local.ip().is_unspecified() && self.local.is_ipv4() == local.is_ipv4())
    }
}

/// The listeners of an endpoint: few, so that a scan is fastest. Ids are never used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listeners(Vec<Option<Listener>>);

impl Listeners {
    /// Adds a listener, unless one has the same address and port.
    pub(crate) fn add(&mut self, listener: Listener) -> Option<u32> {
        if self.0.iter().flatten().any(|other| other.local == listener.local) {
            return None;
        }
        self.0.push(Some(listener));
        Some(self.0.len() as u32 - 1)
    }

    pub(crate) fn remove(&mut self, id: u32) {
        if let Some(slot) = self.0.get_mut(id as usize) {
            *slot = None;
        }
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Listener> {
        self.0.get_mut(id as usize)?.as_mut()
    }

    /// The listener for a SYN to `local`, the one bound to the address before the one bound to any.
    pub(crate) fn find(&self, local: SocketAddr) -> Option<u32> {
        let matching = self.0.iter().enumerate().filter_map(|(id, slot)| {
            slot.as_ref().filter(|listener| listener.matches(local)).map(|listener| (id, listener))
        });
        matching.max_by_key(|(_, listener)| !listener.local.ip().is_unspecified()).map(|(id, _)| id as u32)
    }

    /// Whether anything listens at `port` of `address`.
    pub(crate) fn uses(&self, address: IpAddr, port: u16) -> bool {
        self.find(SocketAddr::new(address, port)).is_some()
    }
}
