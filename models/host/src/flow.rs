//! Flows: who asks whom to carry what, and what came of it.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use network::node::NodeId;
use network::port::PortId;
use sim_core::SimTime;
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

/// What flows of one kind have in common, of which there may be thousands.
#[derive(Clone, Debug)]
pub struct FlowKind {
    /// The receivers' port number.
    pub port: u16,
    /// The stack below the application, as the scenario writes it.
    pub over: Arc<str>,
    /// What carries it.
    pub carrier: Carrier,
    /// The session protocol between the application and the carrier, if there is one.
    pub session: Option<Session>,
    /// What the application does.
    pub workload: Workload,
    /// What protects its messages, if anything does.
    pub protection: Option<Protection>,
}

/// A flow of the run.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The flow's name; its random streams are called after it.
    pub name: FlowName,
    /// What it has in common with others; a flow is read as it.
    pub kind: Arc<FlowKind>,
    /// The sender.
    pub from: NodeId,
    /// The port that the sender is bound to, where the scenario says so.
    pub via: Option<PortId>,
    /// The receivers: one, or the members of a group.
    pub to: Receivers,
    /// The address that is sent to.
    pub address: IpAddr,
    /// What was measured.
    pub measure: FlowMeasure,
}

impl Deref for Flow {
    type Target = FlowKind;

    fn deref(&self) -> &FlowKind {
        &self.kind
    }
}

/// Who gets what a flow sends; nearly always it is one node, which takes no further memory.
#[derive(Clone, Debug)]
pub enum Receivers {
    /// One node.
    One([NodeId; 1]),
    /// The members of a group.
    Many(Box<[NodeId]>),
}

impl From<Vec<NodeId>> for Receivers {
    fn from(nodes: Vec<NodeId>) -> Self {
        <[NodeId; 1]>::try_from(nodes).map_or_else(|nodes| Self::Many(nodes.into()), Self::One)
    }
}

impl Deref for Receivers {
    type Target = [NodeId];

    fn deref(&self) -> &[NodeId] {
        match self {
            Self::One(node) => node,
            Self::Many(nodes) => nodes,
        }
    }
}

/// The name of a flow. All names of a run are one text: a name costs its letters, and no memory of its own.
#[derive(Clone, Debug)]
pub struct FlowName {
    all: Arc<String>,
    start: u32,
    end: u32,
}

impl FlowName {
    /// Names for the flows of a run.
    ///
    /// # Panics
    ///
    /// If they are longer than 4 GiB together.
    pub fn all<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Vec<Self> {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for name in names {
            text.push_str(name.as_ref());
            ends.push(u32::try_from(text.len()).expect("a run's names are shorter than 4 GiB"));
        }
        text.shrink_to_fit();
        let all = Arc::new(text);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts
            .zip(ends.iter().copied())
            .map(|(start, end)| Self { all: Arc::clone(&all), start, end })
            .collect()
    }
}

impl Deref for FlowName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.all[self.start as usize..self.end as usize]
    }
}

impl Flow {
    /// The place of `node` among the receivers.
    pub fn receiver(&self, node: NodeId) -> Option<usize> {
        self.to.iter().position(|&to| to == node)
    }
}
