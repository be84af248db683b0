//! A run as a list of messages and notes, for a sequence diagram.

use network::drop_cause::DropCause;
use network::network::Network;
use network::node::NodeId;
use network::observer::Observer;
use network::port::PortId;
use sim_core::SimTime;
use wire::packet::Packet;

use super::label::Labeller;

/// A run as a sequence diagram shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The nodes, in order.
    pub nodes: Vec<String>,
    /// What happened, in order of time.
    pub items: Vec<TraceItem>,
}

/// One thing that happened, with nodes by their place in [`Trace::nodes`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TraceItem {
    /// A packet on its way over one hop.
    Message {
        /// When it was handed to the link, in nanoseconds.
        sent: u64,
        /// When it arrived; nothing if it never did.
        arrived: Option<u64>,
        /// The node that sent it.
        from: usize,
        /// The node at the other end.
        to: usize,
        /// What it is.
        label: String,
        /// What became of it, if it did not arrive.
        fate: Option<String>,
    },
    /// Something that happened inside a node.
    Note {
        /// When, in nanoseconds.
        at: u64,
        /// The node.
        node: usize,
        /// What.
        text: String,
    },
}

impl TraceItem {
    fn at(&self) -> u64 {
        match self {
            Self::Message { sent, .. } => *sent,
            Self::Note { at, .. } => *at,
        }
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct TraceLog {
    hops: Vec<Hop>,
    notes: Vec<(SimTime, NodeId, String)>,
    labeller: Labeller,
}

#[derive(Debug)]
struct Hop {
    sent: SimTime,
    arrives: Option<SimTime>,
    port: PortId,
    label: String,
    fate: Option<&'static str>,
}

impl TraceLog {
    pub(crate) fn on_sent(&mut self, now: SimTime, port: PortId, packet: &Packet, arrives: SimTime) {
        let label = self.labeller.label(packet);
        self.hops.push(Hop { sent: now, arrives: Some(arrives), port, label, fate: None });
    }

    pub(crate) fn on_dropped(
        &mut self,
        now: SimTime,
        node: NodeId,
        port: Option<PortId>,
        packet: &Packet,
        cause: DropCause,
    ) {
        let Some(port) = port else {
            let text = format!("{}: {}", cause.name(), self.labeller.label(packet));
            self.notes.push((now, node, text));
            return;
        };
        let lost = cause == DropCause::Loss;
        match self.hops.iter_mut().rev().find(|hop| hop.port == port) {
            Some(hop) if lost => (hop.arrives, hop.fate) = (None, Some("lost")),
            _ => {
                let label = self.labeller.label(packet);
                self.hops.push(Hop { sent: now, arrives: None, port, label, fate: Some(cause.name()) });
            }
        }
    }

    /// Adds something that happened inside a node.
    pub(crate) fn note(&mut self, at: SimTime, node: NodeId, text: String) {
        self.notes.push((at, node, text));
    }

    /// The diagram's content: nodes that took part, in order of their names.
    pub(crate) fn finish<O: Observer>(self, network: &Network<O>) -> Trace {
        let ends = |port: PortId| {
            let from = network.port_info(port).node;
            let peer = network.peer(port);
            let to = if peer == PortId::NONE { from } else { network.port_info(peer).node };
            (from, to)
        };
        let mut part: Vec<NodeId> =
            self.hops.iter().flat_map(|hop| <[NodeId; 2]>::from(ends(hop.port))).collect();
        part.extend(self.notes.iter().map(|&(_, node, _)| node));
        part.sort_unstable();
        part.dedup();
        let place = |node: NodeId| part.binary_search(&node).unwrap_or(0);
        let mut items: Vec<TraceItem> = Vec::with_capacity(self.hops.len() + self.notes.len());
        for hop in self.hops {
            let (from, to) = ends(hop.port);
            items.push(TraceItem::Message {
                sent: hop.sent.as_nanos(),
                arrived: hop.arrives.map(SimTime::as_nanos),
                from: place(from),
                to: place(to),
                label: hop.label,
                fate: hop.fate.map(str::to_owned),
            });
        }
        for (at, node, text) in self.notes {
            items.push(TraceItem::Note { at: at.as_nanos(), node: place(node), text });
        }
        items.sort_by_key(TraceItem::at);
        let nodes = part.iter().map(|&node| network.node_name(node).to_owned()).collect();
        Trace { nodes, items }
    }
}
