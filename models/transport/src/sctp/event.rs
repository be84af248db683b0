//! What an endpoint tells its user: ids, messages, events, errors and counters.

use std::net::{IpAddr, SocketAddr};

use sim_core::SimDuration;
use wire::account::Runs;
use wire::payload::Payload;

use super::state::CloseReason;
use super::stream_request::StreamResult;

/// An association of an endpoint. It stays valid until its end was reported; afterwards every call with it
/// finds nothing.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct AssociationId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// A listening port of an endpoint.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ListenerId(pub(super) u16);

/// How hard a message is tried to be delivered (RFC 3758 §3.5, RFC 7496 §3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Reliability {
    /// Until it arrives or the association ends.
    #[default]
    Full,
    /// For so long after it was handed over (timed reliability, RFC 3758 §4.1).
    Lifetime(SimDuration),
    /// With so many retransmissions at most (RFC 7496 §3.1).
    Retransmissions(u16),
    /// Until it is sent, unless messages of a lower number, or reliable ones, need its room in the send buffer
    /// (RFC 7496 §3.2): zero is the most important.
    Priority(u32),
}

/// How a message is sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MessageOptions {
    /// The stream.
    pub stream: u16,
    /// Whether it may overtake and be overtaken.
    pub unordered: bool,
    /// What the user data are.
    pub ppid: u32,
    /// How hard it is tried.
    pub reliability: Reliability,
    /// Whether the receiver is asked not to delay its SACK (RFC 7053 §3).
    pub immediate: bool,
}

/// A message that arrived.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReceivedMessage {
    /// The stream.
    pub stream: u16,
    /// Whether it was sent without regard to order.
    pub unordered: bool,
    /// What the user data are.
    pub ppid: u32,
    /// The user data.
    pub payload: Payload,
    /// Whose they are.
    pub runs: Runs,
}

/// The state of a path to the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PathState {
    /// It works, as far as is known.
    Active,
    /// It has begun to fail (RFC 7829 §3).
    PotentiallyFailed,
    /// Too much went unanswered (RFC 9260 §8.2).
    Inactive,
}

/// What became of an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddressChange {
    /// The peer has taken an address of this side into the association.
    OwnAdded,
    /// The peer has taken an address of this side out of it.
    OwnDeleted,
    /// The peer has refused what was asked about the address.
    Refused,
    /// The peer has another address.
    PeerAdded,
    /// The peer has left an address.
    PeerDeleted,
}

/// What an endpoint reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SctpEvent {
    /// The peer has answered an INIT of this host: messages that are sent now travel with the cookie.
    Answered(AssociationId),
    /// An association that this host began is established (COMMUNICATION UP).
    Connected(AssociationId),
    /// A peer has set up an association (COMMUNICATION UP).
    Accepted {
        /// Where.
        listener: ListenerId,
        /// The new association.
        id: AssociationId,
    },
    /// Messages can be read.
    Readable(AssociationId),
    /// A message that was refused for lack of room would now be taken.
    Writable(AssociationId),
    /// The peer will send no more.
    PeerShutdown(AssociationId),
    /// The peer has restarted (RESTART): what was unacknowledged is lost, streams begin anew.
    Restarted(AssociationId),
    /// A message was given up by its own policy (SEND FAILURE).
    Abandoned(AssociationId),
    /// An address has come or gone (RFC 5061).
    AddressChanged {
        /// The association.
        id: AssociationId,
        /// The address.
        address: IpAddr,
        /// What became of it.
        change: AddressChange,
    },
    /// A request about streams of this host has ended (RFC 6525 §6.1).
    Reconfigured {
        /// The association.
        id: AssociationId,
        /// What became of it.
        result: StreamResult,
    },
    /// A request about streams of the peer was carried out.
    PeerReconfigured(AssociationId),
    /// A path has changed (NETWORK STATUS CHANGE).
    PathChanged {
        /// The association.
        id: AssociationId,
        /// The peer's address.
        address: IpAddr,
        /// How it is now.
        state: PathState,
    },
    /// The association is over (SHUTDOWN COMPLETE or COMMUNICATION LOST).
    Closed {
        /// The association.
        id: AssociationId,
        /// Why.
        reason: CloseReason,
    },
}

/// Why a call was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SctpError {
    /// Somebody listens there.
    #[error("port {0} is in use")]
    PortInUse(u16),
    /// No ephemeral port is free.
    #[error("no port is free towards {0}")]
    NoPort(SocketAddr),
    /// The address is not one host's, or is of another family than all local ones.
    #[error("{0} cannot be connected to")]
    BadRemote(SocketAddr),
    /// The association is over or shutting down.
    #[error("the association takes no messages")]
    Closed,
    /// The stream does not exist.
    #[error("stream {0} does not exist")]
    NoStream(u16),
    /// A message needs at least one byte (RFC 9260 §3.3.1).
    #[error("a message without data cannot be sent")]
    Empty,
    /// The send buffer is full for now.
    #[error("the send buffer is full")]
    Full,
    /// The message would never fit the send buffer.
    #[error("a message of {0} bytes is longer than the send buffer")]
    TooLong(u32),
    /// The peer does not know how to reset or add streams (RFC 6525 §5.1.1).
    #[error("the peer does not take requests about streams")]
    NoReconfiguration,
    /// Too many requests about streams wait, one lists too many, or the TSNs were reset just before (RFC 6525 §5.1.4).
    #[error("no more can be asked about the streams for now")]
    Reconfiguring,
    /// The runs do not describe the payload.
    #[error("runs of {runs} bytes describe a payload of {payload}")]
    Runs {
        /// Bytes of the runs.
        runs: u64,
        /// Bytes of the payload.
        payload: u32,
    },
}

/// What happened to packets that reached no association, and to those that were wrong.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SctpCounters {
    /// Packets without a common header, or whose chunks could not be read.
    pub malformed: u64,
    /// Packets with a wrong checksum.
    pub bad_checksum: u64,
    /// Packets with a wrong verification tag (RFC 9260 §8.5).
    pub bad_tag: u64,
    /// Packets for no association (RFC 9260 §8.4).
    pub out_of_the_blue: u64,
    /// Cookies whose code was wrong.
    pub forged_cookies: u64,
    /// Cookies that were not authenticated where they have to be, or wrongly (RFC 4895 §6.3).
    pub unauthentic_cookies: u64,
    /// Cookies that came too late.
    pub stale_cookies: u64,
    /// INIT chunks answered.
    pub inits_answered: u64,
    /// Peers that restarted.
    pub restarts: u64,
    /// ABORT chunks sent in answer to packets for nobody.
    pub aborts_sent: u64,
    /// The most associations of listeners that were half open at once.
    pub half_open_max: u32,
}

/// An association's figures.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AssociationStats {
    /// DATA chunks sent, retransmissions included.
    pub chunks_sent: u64,
    /// DATA chunks sent again.
    pub chunks_resent: u64,
    /// Chunks marked by three missing reports.
    pub fast_retransmits: u64,
    /// Expiries of T3-rtx.
    pub t3_expiries: u64,
    /// Expiries of T1 and T2.
    pub control_expiries: u64,
    /// HEARTBEAT chunks sent.
    pub heartbeats_sent: u64,
    /// SACK chunks sent.
    pub sacks_sent: u64,
    /// SACK chunks that the delay timer sent.
    pub delayed_sacks: u64,
    /// DATA chunks that came again.
    pub duplicates: u64,
    /// Messages given up.
    pub abandoned: u64,
    /// FORWARD TSN chunks sent.
    pub forward_tsns: u64,
    /// Switches of the path that new data take.
    pub failovers: u64,
    /// Probes of the path MTU sent (RFC 8899 §6.2.1.2).
    pub probes_sent: u64,
    /// Times that packets vanished for their size, as far as it seems (RFC 8899 §4.3).
    pub black_holes: u64,
    /// ASCONF chunks sent, also again.
    pub asconfs_sent: u64,
    /// Packets whose code was wrong, so that what it should have proved was discarded (RFC 4895 §6.3).
    pub unauthentic: u64,
    /// RE-CONFIG chunks sent, retransmissions included.
    pub reconfigurations_sent: u64,
}
