//! Overhead: which flow paid for which bytes, at its sender's interfaces and over all hops.

use wire::account::{Account, FlowId, Protocol, Reason};
use wire::packet::Packet;

use crate::node::NodeId;

/// Bytes and frames of one (protocol, reason).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Line {
    /// The protocol that wrote the bytes.
    pub protocol: Protocol,
    /// Why they were written.
    pub reason: Reason,
    /// The bytes.
    pub bytes: u64,
    /// Frames that held at least one of them.
    pub frames: u64,
}

/// What one flow paid.
#[derive(Clone, Debug, Default)]
pub struct FlowAccount {
    /// Lines in the order in which they were first needed.
    lines: Vec<Line>,
    /// The line behind the one that was charged last.
    next: u32,
    /// Frames at the sender's interfaces, both directions.
    pub frames: u64,
    /// Bytes at the sender's interfaces, both directions.
    pub bytes: u64,
    /// Of them, bytes of frames that some layer sent again.
    pub retransmission_bytes: u64,
    /// Frames on all links.
    pub hop_frames: u64,
    /// Bytes on all links.
    pub hop_bytes: u64,
}

impl FlowAccount {
    /// The lines, in order of protocol and reason.
    pub fn sorted_lines(&self) -> Vec<Line> {
        let mut lines = self.lines.clone();
        lines.sort_by_key(|line| (line.protocol.layer(), line.protocol, line.reason));
        lines
    }

    #[inline]
    fn charge(&mut self, protocol: Protocol, reason: Reason, bytes: u32) {
        let same = |line: &Line| line.protocol == protocol && line.reason == reason;
        // The parts of a frame come in the order in which they came first: mostly it is the next line.
        let at = match self.lines.get(self.next as usize) {
            Some(line) if same(line) => self.next as usize,
            Some(_) | None => self.lines.iter().position(same).unwrap_or_else(|| {
                if self.lines.len() == self.lines.capacity() {
                    self.lines.reserve_exact(1); // There are few, and thousands of flows.
                }
                self.lines.push(Line { protocol, reason, bytes: 0, frames: 0 });
                self.lines.len() - 1
            }),
        };
        let line = &mut self.lines[at];
        line.bytes += u64::from(bytes);
        line.frames += 1;
        self.next = at as u32 + 1;
    }
}

/// The accounts of all flows of a run, and one for frames that serve none.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    senders: Vec<NodeId>,
    flows: Vec<FlowAccount>,
    unowned: FlowAccount,
}

impl Accounts {
    /// Accounts of flows whose senders are the given nodes.
    pub fn new(senders: Vec<NodeId>) -> Self {
        let flows = vec![FlowAccount::default(); senders.len()];
        Self { senders, flows, unowned: FlowAccount::default() }
    }

    /// What a flow paid; [`FlowId::NONE`] names the frames of no flow.
    pub fn flow(&self, flow: FlowId) -> &FlowAccount {
        flow.index().map_or(&self.unowned, |index| &self.flows[index])
    }

    /// Charges a frame of `frame_bytes` on a link of `node`: as sent, or as received.
    ///
    /// A flow pays at its sender's interfaces only; frames of no flow are counted where they are sent.
    #[inline]
    pub(crate) fn charge(
        &mut self,
        node: NodeId,
        sent: bool,
        packet: &Packet,
        frame_bytes: u32,
        framing: Protocol,
    ) {
        let account = &packet.account;
        let reason = account.frame_reason();
        let framing_bytes = frame_bytes - packet.len() as u32;
        if let Some(flow) = self.paying(account.flow, node, sent) {
            flow.frames += 1;
            if framing_bytes > 0 {
                flow.bytes += u64::from(framing_bytes);
                flow.charge(framing, reason, framing_bytes);
            }
            for header in account.headers() {
                flow.bytes += u64::from(header.bytes);
                flow.charge(header.protocol, reason, u32::from(header.bytes));
            }
            if account.retransmission {
                flow.retransmission_bytes += u64::from(frame_bytes);
            }
        }
        self.charge_runs(node, sent, account);
    }

    #[inline]
    fn charge_runs(&mut self, node: NodeId, sent: bool, account: &Account) {
        for run in &account.runs {
            if let Some(flow) = self.paying(run.flow, node, sent) {
                let reason = if account.retransmission { Reason::Retransmission } else { run.reason };
                flow.bytes += u64::from(run.bytes);
                flow.charge(run.protocol, reason, run.bytes);
            }
        }
    }

    #[inline]
    fn paying(&mut self, flow: FlowId, node: NodeId, sent: bool) -> Option<&mut FlowAccount> {
        match flow.index() {
            Some(index) => (self.senders[index] == node).then(|| &mut self.flows[index]),
            None => sent.then_some(&mut self.unowned),
        }
    }

    /// Adds a finished packet's journey to its flow's totals over all hops.
    #[inline]
    pub(crate) fn finish(&mut self, packet: &Packet) {
        let account = match packet.account.flow.index() {
            Some(index) => &mut self.flows[index],
            None => &mut self.unowned,
        };
        account.hop_frames += u64::from(packet.hops);
        account.hop_bytes += u64::from(packet.hop_bytes);
    }
}
