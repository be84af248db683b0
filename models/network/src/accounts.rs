//! Overhead: which flow paid for which bytes, at its sender's interfaces and over all hops.

use std::collections::BTreeMap;

use smallvec::SmallVec;
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

/// The same while there is little of it.
#[derive(Clone, Copy, Debug)]
struct ShortLine {
    protocol: Protocol,
    reason: Reason,
    bytes: u32,
    frames: u32,
}

/// What one flow paid.
#[derive(Clone, Debug, Default)]
pub struct FlowAccount {
    /// Lines in the order in which they were first needed: there are few, and thousands of flows.
    lines: SmallVec<[ShortLine; 5]>,
    /// The line behind the one that was charged last.
    next: u32,
    /// Bytes and frames beyond 32 bits, by the lines' places.
    #[expect(clippy::box_collection, reason = "a tree in place takes 24 bytes of each flow")]
    more: Option<Box<BTreeMap<u32, (u64, u64)>>>,
    /// Frames at the sender's interfaces, both directions.
    pub frames: u64,
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
        let whole = |(place, short): (usize, &ShortLine)| {
            let more = self.more.as_ref().and_then(|more| more.get(&(place as u32)).copied());
            let (bytes, frames) = more.unwrap_or_default();
            let ShortLine { protocol, reason, .. } = *short;
            let (bytes, frames) = (bytes + u64::from(short.bytes), frames + u64::from(short.frames));
            Line { protocol, reason, bytes, frames }
        };
        let mut lines: Vec<Line> = self.lines.iter().enumerate().map(whole).collect();
        lines.sort_by_key(|line| (line.protocol.layer(), line.protocol, line.reason));
        lines
    }

    /// Bytes at the sender's interfaces, both directions.
    pub fn bytes(&self) -> u64 {
        let more = self.more.iter().flat_map(|more| more.values()).map(|(bytes, _)| bytes).sum::<u64>();
        more + self.lines.iter().map(|line| u64::from(line.bytes)).sum::<u64>()
    }

    #[inline]
    fn charge(&mut self, protocol: Protocol, reason: Reason, bytes: u32) {
        let same = |line: &ShortLine| line.protocol == protocol && line.reason == reason;
        // The parts of a frame come in the order in which they came first: mostly it is the next line.
        let at = match self.lines.get(self.next as usize) {
            Some(line) if same(line) => self.next as usize,
            Some(_) | None => self.lines.iter().position(same).unwrap_or_else(|| {
                self.lines.push(ShortLine { protocol, reason, bytes: 0, frames: 0 });
                self.lines.len() - 1
            }),
        };
        let line = &mut self.lines[at];
        match (line.bytes.checked_add(bytes), line.frames.checked_add(1)) {
            (Some(bytes), Some(frames)) => (line.bytes, line.frames) = (bytes, frames),
            (None, _) | (_, None) => self.put_away(at, bytes),
        }
        self.next = at as u32 + 1;
    }

    /// Begins a line anew with `bytes` of one frame, as what it holds grows out of it.
    #[cold]
    fn put_away(&mut self, at: usize, bytes: u32) {
        let line = &mut self.lines[at];
        let more = self.more.get_or_insert_default().entry(at as u32).or_default();
        more.0 += u64::from(std::mem::replace(&mut line.bytes, bytes));
        more.1 += u64::from(std::mem::replace(&mut line.frames, 1));
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
                flow.charge(framing, reason, framing_bytes);
            }
            for header in account.headers() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_more_than_32_bits_is_whole() {
        let mut account = FlowAccount::default();
        for _ in 0..5 {
            account.charge(Protocol::Udp, Reason::Data, u32::MAX - 1);
            account.charge(Protocol::Ipv4, Reason::Data, 20);
        }
        let line = |protocol, bytes| Line { protocol, reason: Reason::Data, bytes, frames: 5 };
        let udp = 5 * (u64::from(u32::MAX) - 1);
        assert_eq!(account.bytes(), udp + 100);
        assert_eq!(account.sorted_lines(), [line(Protocol::Ipv4, 100), line(Protocol::Udp, udp)]);
    }

    #[test]
    fn the_account_of_a_flow_stays_small() {
        // Each byte here is ten kilobytes of a run with 10,000 sensors (`docs/performance.md`).
        assert!(size_of::<FlowAccount>() <= 120, "{} bytes", size_of::<FlowAccount>());
    }
}
