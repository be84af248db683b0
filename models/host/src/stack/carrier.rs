//! What carries a flow: the protocols below an application, and how they are set up.

use std::sync::Arc;

use transport::tcp::TcpConfig;
use transport::udp::{SendOptions, SocketOptions};

/// What carries a flow, and how it is set up.
#[derive(Clone, Debug)]
pub enum Carrier {
    /// Datagrams.
    Udp(Arc<UdpOptions>),
    /// A byte stream.
    Tcp(Arc<TcpConfig>),
}

/// How a UDP flow is sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct UdpOptions {
    /// What holds for its sockets.
    pub socket: SocketOptions,
    /// What holds for its datagrams.
    pub send: SendOptions,
}

impl Carrier {
    /// Whether it has to be set up before it carries anything.
    pub fn has_connections(&self) -> bool {
        match self {
            Self::Udp(_) => false,
            Self::Tcp(_) => true,
        }
    }

    /// Whether it carries a stream of bytes, not datagrams.
    pub fn is_stream(&self) -> bool {
        match self {
            Self::Udp(_) => false,
            Self::Tcp(_) => true,
        }
    }

    /// What datagrams are sent with.
    pub fn send_options(&self) -> SendOptions {
        match self {
            Self::Udp(options) => options.send,
            Self::Tcp(_) => SendOptions::default(),
        }
    }

    /// Whether `other` is the same protocol, however it is set up.
    pub fn same_protocol(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Udp(_), Self::Udp(_)) | (Self::Tcp(_), Self::Tcp(_)) => true,
            (Self::Udp(_), Self::Tcp(_)) | (Self::Tcp(_), Self::Udp(_)) => false,
        }
    }
}
