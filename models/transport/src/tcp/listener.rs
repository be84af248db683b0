//! Sockets in LISTEN.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sim_core::SimTime;

use super::config::TcpConfig;
use super::event::ConnectionId;

/// When a listener answers with SYN cookies (RFC 4987 §3.6).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SynCookies {
    /// Never: a full SYN queue drops SYNs.
    #[default]
    Off,
    /// While its SYN queue is full.
    WhenFull,
    /// Always: nothing is kept of any SYN.
    Always,
}

/// Settings of a listener.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ListenerConfig {
    /// When it answers with SYN cookies.
    pub syn_cookies: SynCookies,
    /// Connections that Fast Open has opened and whose handshake is not over; none is taken at zero (RFC 7413 §5.1).
    pub fast_open: u32,
    /// Connections that may be in SYN-RECEIVED, where the host does not say otherwise.
    pub syn_queue: u32,
    /// Connections wait to be accepted by [`super::TcpEndpoint::accept`]; else they are reported at once.
    pub on_demand: bool,
    /// Connections that may wait to be accepted. While as many wait, neither SYNs nor the ends of handshakes count.
    pub accept_queue: u32,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            syn_cookies: SynCookies::Off,
            fast_open: 0,
            syn_queue: 4096,
            on_demand: false,
            accept_queue: 4096,
        }
    }
}

/// A listening socket.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) local: SocketAddr,
    pub(crate) config: Arc<TcpConfig>,
    /// Most connections in SYN-RECEIVED at once.
    pub(crate) backlog: u32,
    /// Connections in SYN-RECEIVED.
    pub(crate) half_open: u32,
    /// Those of them that Fast Open has opened.
    pub(crate) fast_open_pending: u32,
    /// Until then a cookie may come back.
    pub(crate) cookies_until: SimTime,
    /// Connections that wait to be accepted.
    pub(crate) queue: VecDeque<ConnectionId>,
}

impl Listener {
    pub(crate) fn new(local: SocketAddr, config: Arc<TcpConfig>, backlog: u32) -> Self {
        Self {
            local,
            config,
            backlog,
            half_open: 0,
            fast_open_pending: 0,
            cookies_until: SimTime::ZERO,
            queue: VecDeque::new(),
        }
    }

    /// Whether no more connections may wait to be accepted.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= self.config.listener.accept_queue as usize
    }

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

    /// Connections in SYN-RECEIVED.
    pub(crate) fn half_open(&self) -> u32 {
        self.0.iter().flatten().map(|listener| listener.half_open).sum()
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
