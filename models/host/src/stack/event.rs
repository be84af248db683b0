//! What a socket or connection reports to its application.

use std::net::IpAddr;

use wire::account::Runs;
use wire::payload::Payload;

/// What a socket or connection reports to its application.
#[derive(Clone, Debug)]
pub enum StackEvent {
    /// The connection can take bytes for the first time.
    Connected,
    /// A listener took a new connection, which is the event's handle.
    Accepted,
    /// A datagram arrived.
    Datagram {
        /// Who sent it.
        from: (IpAddr, u16),
        /// The address that it was sent to.
        to: IpAddr,
        /// What it holds.
        payload: Payload,
        /// Whose it is.
        runs: Runs,
    },
    /// Bytes can be read.
    Readable,
    /// There is room again for bytes to be sent.
    Writable,
    /// The other side will send no more.
    PeerClosed,
    /// The connection is over, in order or not.
    Closed,
    /// A datagram could not be delivered (ICMP).
    Unreachable,
}
