//! What sessions carry for their users: bytes, and whose they are.

use sim_core::SimTime;
use wire::account::{FlowId, Protocol, Reason, Run, Runs, fit_runs, split_runs};
use wire::payload::{Payload, Slice};

/// Bytes with the runs that describe them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// The bytes.
    pub payload: Payload,
    /// Whose they are; as long as the payload.
    pub runs: Runs,
}

/// What a message is for: a session's own bytes are charged to the message that they serve.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Label {
    /// The flow.
    pub flow: FlowId,
    /// The number of the message within it.
    pub message: u32,
    /// When the workload generated it, in global time.
    pub generated: SimTime,
}

impl Body {
    /// Bytes that come with runs; those are made to fit.
    pub fn new(payload: Payload, mut runs: Runs) -> Self {
        fit_runs(&mut runs, payload.len());
        Self { payload, runs }
    }

    /// Real bytes that serve `label`.
    pub fn from_bytes(bytes: Vec<u8>, label: Label) -> Self {
        let payload = Payload::from_bytes(bytes);
        let run = label.run(payload.len(), Protocol::Application, Reason::Data);
        let runs =
            if payload.is_empty() { Runs::new() } else { Runs::from_elem(Run { last: true, ..run }, 1) };
        Self { payload, runs }
    }

    /// Length in bytes.
    pub fn len(&self) -> u32 {
        self.payload.len()
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }

    /// Adds `other` at the end.
    pub fn append(&mut self, other: Self) {
        self.payload.append(other.payload);
        self.runs.extend(other.runs);
    }

    /// Adds the header that `protocol` puts in front, which serves `label`.
    pub(crate) fn behind(self, header: &[u8], label: Label, protocol: Protocol, reason: Reason) -> Self {
        let mut payload = Payload::from(Slice::from_bytes(header));
        let mut runs = Runs::from_elem(label.run(payload.len(), protocol, reason), 1);
        payload.append(self.payload);
        runs.extend(self.runs);
        Self { payload, runs }
    }

    /// Removes and returns the first `bytes`, or all if there are fewer.
    pub fn split_front(&mut self, bytes: u32) -> Self {
        let bytes = bytes.min(self.len());
        Self { payload: self.payload.split_front(bytes), runs: split_runs(&mut self.runs, bytes) }
    }

    /// The `len` bytes from `offset` on, as far as there are so many.
    pub fn part(&self, offset: u32, len: u32) -> Self {
        let mut rest = self.clone();
        rest.split_front(offset);
        rest.split_front(len)
    }
}

impl Label {
    /// Bytes that serve no flow.
    pub const NONE: Self = Self { flow: FlowId::NONE, message: 0, generated: SimTime::ZERO };

    /// The label of the message that a run belongs to.
    pub fn of(run: &Run) -> Self {
        Self { flow: run.flow, message: run.message, generated: run.generated }
    }

    /// A run of `bytes` that `protocol` writes for the message.
    pub fn run(self, bytes: u32, protocol: Protocol, reason: Reason) -> Run {
        let Self { flow, message, generated } = self;
        Run { bytes, flow, message, generated, protocol, reason, last: false }
    }
}
