//! What carries a flow: the protocols below an application, and how they are set up.

use std::sync::Arc;

use sim_core::SimTime;
use transport::mptcp::{MptcpConfig, PathManager};
use transport::sctp::{Reliability, SctpConfig, StreamRequest};
use transport::tcp::TcpConfig;
use transport::udp::{SendOptions, SocketOptions};

/// What carries a flow, and how it is set up.
#[derive(Clone, Debug)]
pub enum Carrier {
    /// Datagrams.
    Udp(Arc<UdpOptions>),
    /// A byte stream.
    Tcp(Arc<TcpConfig>),
    /// A byte stream over several paths.
    Mptcp(Arc<MptcpConfig>),
    /// Messages on streams.
    Sctp(Arc<SctpOptions>),
}

/// How an SCTP flow is sent.
#[derive(Clone, Debug, Default)]
pub struct SctpOptions {
    /// What holds for its associations.
    pub config: Arc<SctpConfig>,
    /// Whether messages may overtake each other on their stream.
    pub unordered: bool,
    /// How hard a message of each stream is tried to be delivered: the last one stands for the streams beyond, none for
    /// fully.
    pub reliability: Vec<Reliability>,
    /// Whether all addresses of a host take part, not only the one that the route leaves by.
    pub multihoming: bool,
    /// Whether what is above wants bytes in order, not messages: all go on stream 0, in order, and are tried until they
    /// arrive (as RFC 3436 has it for TLS).
    pub byte_stream: bool,
    /// What the side that connects asks about streams, and when.
    pub requests: Vec<(SimTime, StreamRequest)>,
}

impl SctpOptions {
    /// Carries a byte stream for what is above, whatever was said of messages.
    pub fn carry_bytes(&mut self) {
        self.byte_stream = true;
        self.unordered = false;
        self.reliability.clear();
    }

    /// How hard a message of a stream is tried.
    pub fn reliability_of(&self, stream: u16) -> Reliability {
        self.reliability.get(usize::from(stream)).or(self.reliability.last()).copied().unwrap_or_default()
    }
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
            Self::Tcp(_) | Self::Mptcp(_) | Self::Sctp(_) => true,
        }
    }

    /// Whether it takes bytes or messages as far as there is room, in order, and loses none of itself: not
    /// datagrams, each to be addressed.
    pub fn is_stream(&self) -> bool {
        match self {
            Self::Udp(_) => false,
            Self::Tcp(_) | Self::Mptcp(_) | Self::Sctp(_) => true,
        }
    }

    /// Whether what it has taken may be lost for good while it goes on.
    pub fn loses_messages(&self) -> bool {
        match self {
            Self::Udp(_) => true,
            Self::Tcp(_) | Self::Mptcp(_) => false,
            Self::Sctp(options) => options.reliability.iter().any(|it| *it != Reliability::Full),
        }
    }

    /// What datagrams are sent with.
    pub fn send_options(&self) -> SendOptions {
        match self {
            Self::Udp(options) => options.send,
            Self::Tcp(_) | Self::Mptcp(_) | Self::Sctp(_) => SendOptions::default(),
        }
    }

    /// Whether all addresses of a host take part.
    pub fn is_multihomed(&self) -> bool {
        match self {
            Self::Udp(_) | Self::Tcp(_) => false,
            Self::Mptcp(config) => config.path_manager != PathManager::Single,
            Self::Sctp(options) => options.multihoming,
        }
    }

    /// Whether `other` is the same protocol, however it is set up.
    pub fn same_protocol(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Udp(_), Self::Udp(_))
            | (Self::Tcp(_), Self::Tcp(_))
            | (Self::Mptcp(_), Self::Mptcp(_))
            | (Self::Sctp(_), Self::Sctp(_)) => true,
            (Self::Udp(_) | Self::Tcp(_) | Self::Mptcp(_) | Self::Sctp(_), _) => false,
        }
    }
}
