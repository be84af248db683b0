//! Sockets: what they are bound to and what they have asked for.

use std::net::{IpAddr, SocketAddr};

use sim_core::IdleVec;
use wire::account::{FlowId, Reason};

use crate::endpoint::InterfaceId;

/// A socket of an endpoint. An id that was closed is never used again.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SocketId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// What holds for a socket as long as it lives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SocketOptions {
    /// Compute checksums over IPv4; off sends zero (RFC 1122 §4.1.3.4). IPv6 always has one.
    pub checksum: bool,
    /// Take datagrams over IPv6 whose checksum is zero (RFC 6935 §5).
    pub accept_zero_checksum: bool,
    /// Other sockets may have the same port, as receivers of a group do.
    pub reuse: bool,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self { checksum: true, accept_zero_checksum: false, reuse: false }
    }
}

/// What one datagram is sent with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SendOptions {
    /// Source address where the socket is bound to none. Unspecified leaves the choice to the host, which then
    /// corrects the checksum for the address it fills in (RFC 1624).
    pub source: Option<IpAddr>,
    /// The interface to leave by, or the host's choice.
    pub interface: Option<InterfaceId>,
    /// Time to live or hop limit, or the host's default.
    pub hop_limit: Option<u8>,
    /// DSCP (upper six bits) and ECN (lower two).
    pub traffic_class: u8,
    /// Whether routers may not fragment (IPv4).
    pub dont_fragment: bool,
    /// Whose the header is where no payload says so.
    pub flow: FlowId,
    /// Why it is sent where no payload says so.
    pub reason: Reason,
    /// Whether the layer above sends again what it sent before.
    pub retransmission: bool,
}

impl Default for SendOptions {
    fn default() -> Self {
        Self {
            source: None,
            interface: None,
            hop_limit: None,
            traffic_class: 0,
            dont_fragment: false,
            flow: FlowId::NONE,
            reason: Reason::Data,
            retransmission: false,
        }
    }
}

/// A bound socket.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
    pub(super) peer: Option<Box<SocketAddr>>,
    pub(super) groups: IdleVec<IpAddr>,
    pub(super) options: SocketOptions,
}

impl Socket {
    /// How well a datagram to one host fits: `None` not at all, else more for each thing that is bound.
    #[inline]
    pub(super) fn fit(&self, source: SocketAddr, destination: IpAddr) -> Option<u8> {
        let local = match self.address {
            Some(address) if address == destination => 1,
            Some(_) => return None,
            None => 0,
        };
        match self.peer.as_deref() {
            Some(&peer) if peer == source => Some(local + 2),
            Some(_) => None,
            None => Some(local),
        }
    }

    /// Whether a datagram to a group, or to all hosts of a link, is for this socket.
    pub(super) fn takes_many(&self, source: SocketAddr, destination: IpAddr) -> bool {
        let from_peer = self.peer.as_deref().is_none_or(|&peer| peer == source);
        let bound_here = self.address.is_none_or(|address| address == destination);
        let member = self.groups.contains(&destination);
        from_peer && (member || (bound_here && !destination.is_multicast()))
    }
}
