//! What a run can record beside its results: captures, a trace for a sequence diagram, series over time.
//!
//! A recorder sees everything and changes nothing: the digest is the same with and without it.

mod capture;
mod label;
mod label_coap;
mod label_discovery;
mod label_mptcp;
mod radio;
mod series;
mod trace;

pub use trace::{Trace, TraceItem};

pub(crate) use radio::radio_lines;
pub(crate) use series::SeriesSampler;

use network::drop_cause::DropCause;
use network::node::NodeId;
use network::observer::Observer;
use network::port::PortId;
use sim_core::SimTime;
use wire::packet::Packet;

use capture::CaptureLog;
use trace::TraceLog;

/// Records what it was asked to.
#[derive(Debug)]
pub(crate) struct Recorder {
    capture: Option<CaptureLog>,
    trace: Option<TraceLog>,
}

impl Recorder {
    /// A recorder of captures, of a trace, or of both.
    pub(crate) fn new(capture: bool, trace: bool) -> Self {
        Self { capture: capture.then(CaptureLog::default), trace: trace.then(TraceLog::default) }
    }

    /// The capture, if one was asked for.
    pub(crate) fn take_capture(&mut self) -> Option<CaptureLog> {
        self.capture.take()
    }

    /// The trace, if one was asked for.
    pub(crate) fn take_trace(&mut self) -> Option<TraceLog> {
        self.trace.take()
    }
}

impl Observer for Recorder {
    const ENABLED: bool = true;

    fn on_sent(&mut self, now: SimTime, port: PortId, packet: &Packet, departs: SimTime, arrives: SimTime) {
        if let Some(capture) = &mut self.capture {
            capture.on_sent(port, packet, departs);
        }
        if let Some(trace) = &mut self.trace {
            trace.on_sent(now, port, packet, arrives);
        }
    }

    fn on_arrived(&mut self, _: SimTime, _: PortId, _: &Packet) {}

    fn on_dropped(
        &mut self,
        now: SimTime,
        node: NodeId,
        port: Option<PortId>,
        packet: &Packet,
        cause: DropCause,
    ) {
        if let Some(capture) = &mut self.capture {
            capture.on_dropped(now, port, packet, cause);
        }
        if let Some(trace) = &mut self.trace {
            trace.on_dropped(now, node, port, packet, cause);
        }
    }
}
