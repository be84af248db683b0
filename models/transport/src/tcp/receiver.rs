//! The receiving half of a connection: the receive sequence space and its acknowledgments.

use sim_core::{SimDuration, SimTime};
use wire::account::Reason;

use super::config::TcpConfig;
use super::reassembly::{Arrival, Reassembly};
use super::sequence::{InitialSequence, ORIGIN, timestamp_before};
use super::window::ReceiveWindow;

/// Whether an acknowledgment is owed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AckDue {
    /// None.
    No,
    /// One within the delay of RFC 9293 §3.8.6.3.
    Delayed,
    /// One at once, charged to this reason.
    Now(Reason),
}

/// The receive variables of RFC 9293 §3.3.1, and what RFC 7323 and RFC 3168 add.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) irs: InitialSequence,
    pub(crate) buffer: Reassembly,
    pub(crate) window: ReceiveWindow,
    /// Place of the peer's FIN, once seen; it counts when everything before it has arrived.
    pub(crate) fin: Option<u64>,
    /// Whether the FIN has been reached.
    pub(crate) finished: bool,
    /// The largest payload seen: the peer's idea of a full segment.
    pub(crate) segment_size: u32,
    pub(crate) ack_due: AckDue,
    /// Last.ACK.sent of RFC 7323 §4.3.
    pub(crate) acked: u64,
    /// TS.Recent, and when it was taken.
    pub(crate) ts_recent: u32,
    ts_recent_at: SimTime,
    /// Place behind the last byte that the peer calls urgent (RCV.UP).
    pub(crate) urgent: Option<u64>,
    /// A duplicate to report (RFC 2883 §4).
    pub(crate) duplicate: Option<(u64, u64)>,
    /// Whether marks are echoed until the peer says it has reduced its window (RFC 3168 §6.1.3).
    pub(crate) echo_mark: bool,
    /// Acknowledgments still to be sent at once, to speed up the peer's slow start.
    quick: u8,
    tuning: Option<Box<Tuning>>,
}

/// How fast the application reads, by which the buffer grows.
#[derive(Clone, Copy, Debug)]
struct Tuning {
    /// The most that the buffer may hold.
    capacity_max: u32,
    /// When the current round trip began, and what had been read then.
    since: SimTime,
    read_place: u64,
    /// The round-trip time by echoed timestamps, and the smallest of this round trip; `SimDuration::MAX` is none.
    rtt: SimDuration,
    rtt_min: SimDuration,
}

impl Receiver {
    pub(crate) fn new(config: &TcpConfig) -> Self {
        Self {
            irs: InitialSequence::default(),
            buffer: Reassembly::new(ORIGIN + 1),
            window: ReceiveWindow::new(
                config.receive_buffer_initial.unwrap_or(u32::MAX).min(config.receive_buffer),
            ),
            fin: None,
            finished: false,
            segment_size: 536, // RFC 9293 §3.7.1's default until a larger one is seen.
            ack_due: AckDue::No,
            acked: ORIGIN,
            ts_recent: 0,
            ts_recent_at: SimTime::ZERO,
            urgent: None,
            duplicate: None,
            echo_mark: false,
            quick: config.quick_acks,
            tuning: config.receive_buffer_initial.map(|_| {
                Box::new(Tuning {
                    capacity_max: config.receive_buffer,
                    since: SimTime::ZERO,
                    read_place: ORIGIN + 1,
                    rtt: SimDuration::MAX,
                    rtt_min: SimDuration::MAX,
                })
            }),
        }
    }

    /// RCV.NXT.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.buffer.next() + u64::from(self.finished)
    }

    /// Takes the peer's initial sequence number.
    pub(crate) fn on_syn(&mut self, sequence: u32) {
        self.irs = InitialSequence(sequence);
        self.acked = ORIGIN + 1;
    }

    /// Whether the segment at `start..end` may be looked at (RFC 9293 §3.4, Table 6).
    ///
    /// At a closed window, and at the window's right edge, a segment is taken for its acknowledgment: the
    /// peer's acknowledgments carry the edge as their number when it has filled the window (RFC 9293
    /// §3.10.7.4, "special allowance").
    #[inline]
    pub(crate) fn is_acceptable(&self, start: u64, end: u64) -> bool {
        let next = self.next();
        let edge = self.window.edge().max(next);
        if start == end {
            next <= start && start <= edge
        } else {
            start < edge && end > next || start == next
        }
    }

    /// Whether the timestamp is old: the segment is a duplicate from before (PAWS, RFC 7323 §5.3 R1).
    pub(crate) fn is_old(&self, now: SimTime, value: u32) -> bool {
        timestamp_before(value, self.ts_recent) && now.saturating_since(self.ts_recent_at) < TS_VALIDITY
    }

    /// Keeps the timestamp to echo if the segment covers what was last acknowledged (RFC 7323 §4.3).
    #[inline]
    pub(crate) fn on_timestamp(&mut self, now: SimTime, value: u32, start: u64) {
        if start <= self.acked && !timestamp_before(value, self.ts_recent) {
            self.set_timestamp(now, value);
        }
    }

    pub(crate) fn set_timestamp(&mut self, now: SimTime, value: u32) {
        self.ts_recent = value;
        self.ts_recent_at = now;
    }

    /// A segment echoes a timestamp of this long ago.
    #[inline]
    pub(crate) fn on_echo(&mut self, rtt: SimDuration) {
        if let Some(tuning) = &mut self.tuning {
            tuning.rtt_min = tuning.rtt_min.min(rtt);
        }
    }

    /// Something has arrived: once a round trip the buffer grows to twice what was read in it, and 16 segments; `srtt`
    /// stands for the round-trip time where no timestamps are echoed.
    #[inline]
    pub(crate) fn tune(&mut self, now: SimTime, srtt: Option<SimDuration>) {
        let Some(tuning) = &mut self.tuning else { return };
        let rtt = if tuning.rtt == SimDuration::MAX { srtt.unwrap_or(SimDuration::MAX) } else { tuning.rtt };
        if now.saturating_since(tuning.since) < rtt {
            return;
        }
        let read = self.buffer.read_place();
        let wanted = 2 * (read - tuning.read_place) + 16 * u64::from(self.segment_size);
        self.window.grow(u32::try_from(wanted).unwrap_or(u32::MAX).min(tuning.capacity_max));
        tuning.since = now;
        tuning.read_place = read;
        tuning.rtt = tuning.rtt_min;
        tuning.rtt_min = SimDuration::MAX;
    }

    /// Demands an acknowledgment for what has just arrived (RFC 5681 §4.2, RFC 9293 §3.8.6.3).
    #[inline]
    pub(crate) fn on_arrival(&mut self, arrival: Arrival, config: &TcpConfig) {
        let at_once = match arrival {
            Arrival::InOrder => {
                let unacknowledged = self.buffer.next().saturating_sub(self.acked);
                let quick = self.quick > 0;
                self.quick = self.quick.saturating_sub(1);
                quick
                    || config.ack_every <= 1
                    || config.ack_delay == SimDuration::ZERO
                    || unacknowledged >= u64::from(config.ack_every) * u64::from(self.segment_size)
            }
            Arrival::FilledGap | Arrival::OutOfOrder | Arrival::Duplicate(..) => true,
        };
        if at_once {
            self.acknowledge_now(Reason::Acknowledgement);
        } else if self.ack_due == AckDue::No {
            self.ack_due = AckDue::Delayed;
        }
    }

    /// An acknowledgment goes out at the next opportunity; the first reason stands.
    pub(crate) fn acknowledge_now(&mut self, reason: Reason) {
        if !matches!(self.ack_due, AckDue::Now(_)) {
            self.ack_due = AckDue::Now(reason);
        }
    }
}

/// A timestamp older than 24 days says nothing, since the clock may have wrapped (RFC 7323 §5.5).
const TS_VALIDITY: SimDuration = SimDuration::from_secs(24 * 24 * 3600);
