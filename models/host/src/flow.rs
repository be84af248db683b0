//! Flows: who asks whom to carry what, and what came of it.

use std::net::IpAddr;
use std::sync::Arc;

use network::node::NodeId;
use network::port::PortId;
use sim_core::SimTime;
use smallvec::SmallVec;
use wire::cryptography::Protection;

use crate::app::{Forged, Session};
use crate::measure::FlowMeasure;
use crate::stack::Carrier;
use crate::workload::{MessagePlan, Size, Span, Start};

/// What a flow's application does.
#[derive(Clone, Debug, PartialEq)]
pub enum Workload {
    /// Messages from the sender to the receivers.
    Messages(Arc<MessagePlan>),
    /// As many bytes as the connection carries, to one receiver.
    Bulk {
        /// So many bytes, or as many as can be sent until `stop`.
        bytes: Option<u64>,
        /// When the connection is opened.
        start: Start,
        /// When the sender stops writing.
        stop: SimTime,
    },
    /// Requests, each of which the receiver answers; the answer's arrival is what is measured.
    RequestResponse {
        /// The requests.
        requests: Arc<MessagePlan>,
        /// Size of an answer.
        response: Size,
        /// How long the server takes for one.
        processing: Span,
    },
    /// Requests for a resource of the receivers', which has sizes and states of its own.
    Poll {
        /// When they are made. Their sizes do not count.
        requests: Arc<MessagePlan>,
        /// Whether the one request asks for every state from then on (RFC 7641).
        observe: bool,
        /// Whether the states of the resource are what is measured: each from its beginning until the flow's sender
        /// knows of it. Else it is the responses, each from its request's generation.
        states: bool,
    },
    /// First packets of connections that nobody goes on with, from invented addresses.
    Flood {
        /// When they are sent. Their sizes do not count.
        packets: Arc<MessagePlan>,
        /// The addresses.
        from: Forged,
    },
}

/// A flow of the run.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The flow's name; its random streams are called after it.
    pub name: Box<str>,
    /// The sender.
    pub from: NodeId,
    /// The port that the sender is bound to, where the scenario says so.
    pub via: Option<PortId>,
    /// The receivers: one, or the members of a group.
    pub to: SmallVec<[NodeId; 4]>,
    /// The address that is sent to.
    pub address: IpAddr,
    /// The receivers' port number.
    pub port: u16,
    /// The stack below the application, as the scenario writes it.
    pub over: Arc<str>,
    /// What carries it.
    pub carrier: Carrier,
    /// The session protocol between the application and the carrier, if there is one.
    pub session: Option<Session>,
    /// What the application does; many flows do the same.
    pub workload: Arc<Workload>,
    /// What protects its messages, if anything does.
    pub protection: Option<Protection>,
    /// What was measured.
    pub measure: FlowMeasure,
}

impl Flow {
    /// The place of `node` among the receivers.
    pub fn receiver(&self, node: NodeId) -> Option<usize> {
        self.to.iter().position(|&to| to == node)
    }
}
