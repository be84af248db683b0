//! Sessions over datagrams: what they take and give.

use std::net::{IpAddr, SocketAddr};

use sim_core::SimTime;
use wire::account::{FlowId, Reason};

use crate::body::Body;

/// A session protocol of one host and port, over datagrams.
///
/// After each call the owner drains `poll_transmit` and `poll_event`, then wakes the session at `poll_timeout`. What a
/// peer sends cannot make a session fail: a malformed datagram is counted and dropped.
pub trait DatagramSession {
    /// What it reports to its user.
    type Event;

    /// Takes a datagram from `from` that was sent to `to`, an address of the host or of a group.
    fn handle_datagram(&mut self, now: SimTime, from: SocketAddr, to: IpAddr, content: Body);
    /// Fires every timer due by `now`.
    fn handle_timeout(&mut self, now: SimTime);
    /// The next datagram to send.
    fn poll_transmit(&mut self) -> Option<Datagram>;
    /// The earliest time at which `handle_timeout` may have work to do.
    fn poll_timeout(&self) -> Option<SimTime>;
    /// The next event.
    fn poll_event(&mut self) -> Option<Self::Event>;
}

/// A datagram to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Datagram {
    /// Where to.
    pub to: SocketAddr,
    /// The host's address that it has to come from, where that matters.
    pub source: Option<IpAddr>,
    /// What it holds.
    pub content: Body,
    /// The flow that pays for headers where the content does not say so.
    pub flow: FlowId,
    /// Why it is sent.
    pub reason: Reason,
    /// Whether it was sent before.
    pub retransmission: bool,
}
