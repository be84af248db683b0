//! What can be chosen for a connection over several paths.

use std::sync::Arc;

use sim_core::SimDuration;

use crate::tcp::TcpConfig;

/// Which subflow carries what comes next.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Scheduler {
    /// The one with the shortest round trip of those whose congestion window has room, as Linux does it.
    #[default]
    LowestRtt,
    /// One after the other, of those whose congestion window has room.
    RoundRobin,
    /// All of them carry everything.
    Redundant,
    /// As the first, but a slow subflow is left out where it would fill the receiver's window and hold the fast one
    /// up (Ferlin et al., "BLEST", IFIP Networking 2016).
    Blest,
    /// The oldest one that works; the others wait.
    BackupOnly,
}

impl Scheduler {
    /// The name in scenarios and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::LowestRtt => "lowest-rtt",
            Self::RoundRobin => "round-robin",
            Self::Redundant => "redundant",
            Self::Blest => "blest",
            Self::BackupOnly => "backup-only",
        }
    }
}

/// Which subflows there are to be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PathManager {
    /// The initiator connects each of its addresses with each address of the peer.
    #[default]
    FullMesh,
    /// The initiator connects each of its addresses with the peer's first address, and its first address with each that
    /// the peer announces, as `ip mptcp endpoint add … subflow` has it.
    Endpoints,
    /// The side that accepted connects each of its addresses with each of the initiator's, which the initiator announces: what
    /// is open to both sides (RFC 8684 §3.4) is left to one, so that the two never open the same subflow (§3.9.1).
    AcceptingSide,
    /// Only the first subflow.
    Single,
}

impl PathManager {
    /// The name in scenarios and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullMesh => "full-mesh",
            Self::Endpoints => "endpoints",
            Self::AcceptingSide => "accepting-side",
            Self::Single => "single",
        }
    }
}

/// Settings of a connection or of all connections of a listener.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MptcpConfig {
    /// Each subflow's TCP. Its buffers are the connection's, which all subflows share; its congestion control runs on each
    /// subflow, coupled if it is one of those that are.
    pub tcp: Arc<TcpConfig>,
    /// Which subflow carries what comes next.
    pub scheduler: Scheduler,
    /// Which subflows there are to be.
    pub path_manager: PathManager,
    /// Ask for checksums (RFC 8684 §3.3.1).
    pub checksum: bool,
    /// Send data sequence numbers of 64 bits; else of 32, which are enough below 2^32 bytes in a segment's lifetime
    /// (RFC 8684 §3.3.1).
    pub long_sequence: bool,
    /// The most subflows at once, the first one included.
    pub subflows_max: u8,
    /// The most addresses that a peer may announce and have used.
    pub announced_max: u8,
    /// Tell the peer of addresses that it does not know (ADD_ADDR).
    pub announce: bool,
    /// The port that announced addresses are to be joined at, where it is not that of the first subflow. No listener is needed
    /// there. An address of IPv6 is announced without it where timestamps leave no room (RFC 8684 §3.4.1).
    pub announce_port: Option<u16>,
    /// Data that blocks the shared window is sent again on a faster subflow, and the slow one is slowed down
    /// (Raiciu et al., NSDI 2012, §4.2).
    pub opportunistic_retransmission: bool,
    /// How long a connection without any subflow waits for one (RFC 8684 §3.3.3).
    pub lifetime: SimDuration,
}

impl Default for MptcpConfig {
    fn default() -> Self {
        Self {
            tcp: Arc::new(TcpConfig::default()),
            scheduler: Scheduler::default(),
            path_manager: PathManager::default(),
            checksum: false,
            long_sequence: false,
            subflows_max: 8,
            announced_max: 4,
            announce: true,
            announce_port: None,
            opportunistic_retransmission: true,
            lifetime: SimDuration::from_secs(60),
        }
    }
}
