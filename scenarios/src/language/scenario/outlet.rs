//! What joins a scenario's interfaces to the outside.

use std::net::SocketAddr;

use super::{InterfaceId, NodeId};

/// An interface that is joined to the outside; its node stands for a machine there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outlet {
    /// The interface.
    pub interface: InterfaceId,
    /// Its node.
    pub node: NodeId,
    /// What joins it.
    pub joint: Joint,
}

/// What joins an interface to the outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Joint {
    /// A TUN device of this name.
    Tun(String),
    /// Sockets.
    Sockets(Vec<Binding>),
}

/// A socket of this computer in place of a TUN device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Binding {
    /// Its protocol.
    pub carrier: Carrier,
    /// The socket.
    pub socket: SocketAddr,
    /// What is on its other side.
    pub side: Side,
}

/// The protocol of a socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Carrier {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

/// What a socket leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// This address and port in the simulation.
    To(SocketAddr),
    /// From this port of the interface in the simulation to the socket of a program.
    From(u16),
}
