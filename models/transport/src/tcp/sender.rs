//! The sending half of a connection: the send sequence space and its reaction to acknowledgments.

use sim_core::{SimDuration, SimTime};
use wire::stream::StreamBuffer;
use wire::tcp_options::SackBlocks;

use super::config::TcpConfig;
use super::scoreboard::{DUPLICATES, Delivered, Scoreboard};
use super::sequence::{InitialSequence, ORIGIN};
use super::stats::Counters;
use crate::congestion::{Acknowledged, Congestion, CongestionControl, Controller, initial_window};
use crate::rtt::RttEstimator;

/// Where loss recovery stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Recovery {
    /// Nothing is known to be missing.
    Open,
    /// Fast recovery (RFC 6675 §5, RFC 6582 §3.2) until everything before `point` is acknowledged.
    Fast {
        /// First place that had not been sent when it began.
        point: u64,
        /// The rescue of RFC 6675 §4 rule (4) is allowed once this place is acknowledged.
        rescue: u64,
        /// Whether a partial acknowledgment has come (RFC 6582 §3.2 step 3).
        partial: bool,
    },
    /// After a retransmission timeout, until everything before `point` is acknowledged.
    Loss {
        /// First place that had not been sent when it began.
        point: u64,
    },
}

/// The variables of RFC 9293 §3.3.1 and of the RFCs on loss and congestion, in 64-bit places.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) iss: InitialSequence,
    /// Written and not yet acknowledged.
    pub(crate) buffer: StreamBuffer,
    /// SND.UNA.
    pub(crate) una: u64,
    /// SND.NXT.
    pub(crate) nxt: u64,
    /// First place behind what a window probe carried; an acknowledgment up to here is acceptable.
    pub(crate) probed: u64,
    /// SND.WND in bytes.
    pub(crate) window: u64,
    /// MAX.SND.WND.
    pub(crate) window_max: u64,
    wl1: u64,
    wl2: u64,
    /// Shift of the windows that the peer advertises.
    pub(crate) window_shift: u8,
    /// Payload and options that one segment may hold.
    pub(crate) segment_size: u16,
    /// SMSS of RFC 5681: payload of a full segment without SACK blocks.
    pub(crate) payload_size: u32,
    /// Whether a FIN follows the last byte.
    pub(crate) fin: bool,
    /// Whether the peer sends SACK blocks.
    pub(crate) sack: bool,
    pub(crate) scoreboard: Scoreboard,
    pub(crate) controller: Controller,
    pub(crate) rtt: RttEstimator,
    pub(crate) recovery: Recovery,
    pub(super) dup_acks: u32,
    /// Data that duplicate acknowledgments say has left the network, where SACK does not (RFC 6582).
    inflation: u64,
    /// Bytes sent by limited transmit since the last new acknowledgment (RFC 3042).
    pub(super) limited_sent: u64,
    /// `recover` of RFC 6582 §3.2.
    recover: u64,
    /// No further reaction to marks until this place is acknowledged (RFC 3168 §6.1.2).
    reduced_until: u64,
    /// Up to here the congestion window held the sender back.
    pub(super) limited_until: u64,
    /// The next retransmission need not wait for the congestion window.
    pub(super) resend_now: bool,
    /// First place behind the last segment that was not full.
    pub(super) small_until: u64,
    /// Timeouts since the last new acknowledgment.
    pub(crate) timeouts: u8,
    pub(crate) last_sent: SimTime,
}

/// What an acknowledgment says, apart from its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckInfo {
    /// Place of the segment in the peer's sequence space.
    pub(crate) sequence: u64,
    /// Window in bytes.
    pub(crate) window: u64,
    /// Whether the segment takes sequence space, which a duplicate acknowledgment does not.
    pub(crate) occupies: bool,
    pub(crate) sack: Option<SackBlocks>,
    /// Round-trip time by the echoed timestamp (RFC 7323 §4), if timestamps are in use.
    pub(crate) echoed_rtt: Option<SimDuration>,
    /// The peer reports a congestion mark (RFC 3168 §6.1.2).
    pub(crate) marked: bool,
}

/// What an acknowledgment changed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AckOutcome {
    /// Places newly acknowledged in order.
    pub(crate) advanced: u64,
    /// Whether the retransmission timer starts anew.
    pub(crate) restart_timer: bool,
    /// Whether the window was reduced because of a mark.
    pub(crate) reduced_by_mark: bool,
}

impl Sender {
    pub(crate) fn new(iss: InitialSequence, segment_size: u16, config: &TcpConfig) -> Self {
        Self {
            iss,
            buffer: StreamBuffer::starting_at(ORIGIN + 1),
            una: ORIGIN,
            nxt: ORIGIN,
            probed: ORIGIN,
            window: 0,
            window_max: 0,
            wl1: 0,
            wl2: 0,
            window_shift: 0,
            segment_size,
            payload_size: u32::from(segment_size),
            fin: false,
            sack: false,
            scoreboard: Scoreboard::new(ORIGIN + 1),
            controller: Controller::new(config.congestion, u32::from(segment_size), 0),
            rtt: RttEstimator::new(&config.rto),
            recovery: Recovery::Open,
            dup_acks: 0,
            inflation: 0,
            limited_sent: 0,
            recover: ORIGIN,
            reduced_until: ORIGIN,
            limited_until: ORIGIN,
            resend_now: false,
            small_until: ORIGIN,
            timeouts: 0,
            last_sent: SimTime::ZERO,
        }
    }

    /// Both SYNs are through: `options` bytes of each segment go to options, and congestion control begins.
    pub(crate) fn start(&mut self, segment_size: u16, options: u16, syn_lost: bool, config: &TcpConfig) {
        self.segment_size = segment_size;
        self.payload_size = u32::from(segment_size.saturating_sub(options).max(1));
        let size = self.payload_size;
        // RFC 6928 §2; after a lost SYN one segment (RFC 5681 §3.1).
        let window = match (syn_lost, config.initial_window) {
            (true, _) => u64::from(size),
            (false, Some(segments)) => u64::from(segments) * u64::from(size),
            (false, None) => initial_window(size),
        };
        self.controller = Controller::new(config.congestion, size, window);
    }

    /// Data in our SYN has arrived up to `ack`. Returns how much.
    pub(crate) fn on_syn_data_acknowledged(&mut self, ack: u64) -> u64 {
        self.buffer.release(ack);
        self.scoreboard = Scoreboard::new(ack);
        (self.una, self.nxt) = (ack, ack);
        ack - (ORIGIN + 1)
    }

    /// First place behind everything the peer may have seen.
    #[inline]
    pub(crate) fn max(&self) -> u64 {
        self.nxt.max(self.probed)
    }

    /// First place behind all data and the FIN.
    #[inline]
    pub(crate) fn end(&self) -> u64 {
        self.buffer.end() + u64::from(self.fin)
    }

    /// The number of a segment without data: the next one, or the window's edge where a probe or a window
    /// that has shrunk put that behind it, so that the peer takes the segment for acceptable.
    #[inline]
    pub(crate) fn bare_place(&self) -> u64 {
        self.max().min(self.una + self.window)
    }

    /// Whether the FIN was sent and acknowledged.
    #[inline]
    pub(crate) fn fin_acknowledged(&self) -> bool {
        self.fin && self.una > self.buffer.end()
    }

    /// FlightSize of RFC 5681 §2.
    #[inline]
    pub(crate) fn flight(&self) -> u64 {
        self.nxt - self.una
    }

    /// Estimate of the bytes in the network.
    #[inline]
    pub(crate) fn in_network(&self) -> u64 {
        self.scoreboard.pipe().saturating_sub(self.inflation)
    }

    /// Takes the peer's window from a segment that is not older than the last (RFC 9293 §3.10.7.4).
    /// Returns whether the segment changed it.
    ///
    /// A segment that acknowledges something new is not older, even if the peer sends its data again and
    /// its number is lower: else the old window would be counted from the new number, beyond its edge.
    pub(crate) fn on_window(&mut self, sequence: u64, ack: u64, window: u64) -> bool {
        let older = self.wl1 > sequence || (self.wl1 == sequence && self.wl2 > ack);
        if older && ack <= self.una {
            return false;
        }
        let changed = self.window != window;
        self.wl1 = sequence;
        self.wl2 = ack;
        self.window = window;
        self.window_max = self.window_max.max(window);
        changed
    }

    /// Processes an acknowledgment of everything before `ack`, which is at most [`Self::max`].
    pub(crate) fn on_ack(
        &mut self,
        now: SimTime,
        ack: u64,
        info: &AckInfo,
        config: &TcpConfig,
        counters: &mut Counters,
    ) -> AckOutcome {
        let window_limited = self.una < self.limited_until;
        let mut sacked = Delivered::default();
        if self.sack
            && let Some(blocks) = info.sack
        {
            sacked = self.on_sack(ack, blocks, counters);
        }
        let window_changed = ack >= self.una && self.on_window(info.sequence, ack, info.window);
        let mut outcome = AckOutcome::default();
        let duplicate = if ack > self.una {
            self.on_advance(now, ack, info, &sacked, window_limited, config, &mut outcome);
            self.sack && sacked.bytes > 0
        } else if self.sack {
            if sacked.bytes > 0
                && let Some(at) = sacked.sample()
            {
                self.rtt.on_sample(now.saturating_since(at), &config.rto);
            }
            sacked.bytes > 0
        } else {
            // RFC 5681 §2: outstanding data, nothing in the segment, the same number and window.
            ack == self.una && !self.scoreboard.is_empty() && !info.occupies && !window_changed
        };
        self.detect_loss(now, duplicate, config, counters);
        if info.marked && self.una > self.reduced_until && self.recovery == Recovery::Open {
            let flight = self.flight();
            self.controller.on_congestion(now, flight, Congestion::Marked);
            self.reduced_until = self.nxt;
            outcome.reduced_by_mark = true;
        }
        outcome
    }

    /// Records the blocks; a block of data already acknowledged is a D-SACK (RFC 2883 §4).
    fn on_sack(&mut self, ack: u64, blocks: SackBlocks, counters: &mut Counters) -> Delivered {
        let mut sum = Delivered::default();
        let una = self.una.max(ack);
        for (index, block) in blocks.as_slice().iter().enumerate() {
            let start = self.iss.from_wire(self.una, block.start);
            let end = self.iss.from_wire(self.una, block.end);
            let inside = |other: &wire::tcp_options::SackBlock| {
                let other_start = self.iss.from_wire(self.una, other.start);
                other_start <= start && end <= self.iss.from_wire(self.una, other.end)
            };
            if index == 0 && (end <= una || blocks.as_slice().get(1).is_some_and(inside)) {
                counters.duplicates_reported += 1;
            } else if self.una <= start && start < end && end <= self.nxt {
                sum.merge(self.scoreboard.sack(start, end));
            }
        }
        sum
    }

    #[expect(clippy::too_many_arguments, reason = "one step of on_ack, cut out of it to fit a screen")]
    fn on_advance(
        &mut self,
        now: SimTime,
        ack: u64,
        info: &AckInfo,
        sacked: &Delivered,
        window_limited: bool,
        config: &TcpConfig,
        outcome: &mut AckOutcome,
    ) {
        let delivered = self.scoreboard.acknowledge(ack);
        outcome.advanced = ack - self.una;
        outcome.restart_timer = true;
        self.buffer.release(ack.min(self.buffer.end()));
        self.una = ack;
        self.nxt = self.nxt.max(ack);
        self.timeouts = 0;
        self.dup_acks = 0;
        self.limited_sent = 0;
        // A segment that was resent gives no sample by its sending time, only by an echoed timestamp.
        let by_time = delivered.sample().or(sacked.sample()).map(|at| now.saturating_since(at));
        if let Some(rtt) = by_time.or(info.echoed_rtt) {
            self.rtt.on_sample(rtt, &config.rto);
        }
        let acknowledged =
            Acknowledged { now, bytes: outcome.advanced, window_limited, srtt: self.rtt.srtt() };
        match self.recovery {
            Recovery::Open => {
                self.inflation = 0;
                self.controller.on_acknowledged(&acknowledged);
            }
            Recovery::Fast { point, .. } if ack >= point => self.leave_fast_recovery(),
            Recovery::Fast { point, rescue, partial } => {
                if !self.sack {
                    // RFC 6582 §3.2 step 3: resend the next hole, deflate by what was acknowledged, and
                    // restart the timer on the first partial acknowledgment only.
                    self.scoreboard.mark_front_lost();
                    self.resend_now = true;
                    let size = u64::from(self.payload_size);
                    self.inflation = self.inflation.saturating_sub(outcome.advanced)
                        + if outcome.advanced >= size { size } else { 0 };
                    outcome.restart_timer = !partial;
                }
                self.recovery = Recovery::Fast { point, rescue, partial: true };
            }
            Recovery::Loss { point } => {
                if ack >= point {
                    self.recovery = Recovery::Open;
                }
                self.controller.on_acknowledged(&Acknowledged { window_limited: true, ..acknowledged });
            }
        }
    }

    fn leave_fast_recovery(&mut self) {
        self.recovery = Recovery::Open;
        self.inflation = 0;
        if !self.sack {
            // RFC 6582 §3.2 step 3, full acknowledgment, option (1): no burst.
            let size = u64::from(self.payload_size);
            self.controller.on_recovered(self.flight().max(size) + size);
        }
    }

    /// RFC 6675 §5 steps (1) to (4); without SACK RFC 5681 §3.2 and RFC 6582 §3.2.
    fn detect_loss(&mut self, now: SimTime, duplicate: bool, config: &TcpConfig, counters: &mut Counters) {
        let size = u64::from(self.payload_size);
        counters.duplicate_acks += u64::from(duplicate);
        if self.sack && self.scoreboard.has_sacked() {
            self.scoreboard.mark_lost(size);
        }
        match self.recovery {
            Recovery::Open => {
                self.dup_acks += u32::from(duplicate);
                let three = duplicate && self.dup_acks >= DUPLICATES as u32;
                let lost = if self.sack {
                    three || (duplicate && self.scoreboard.front_is_lost())
                } else {
                    three && self.una > self.recover
                };
                if lost {
                    self.enter_fast_recovery(now, counters);
                } else if duplicate && !self.sack && config.limited_transmit {
                    self.inflation = u64::from(self.dup_acks.min(2)) * size; // RFC 3042 §2
                }
            }
            Recovery::Fast { .. } if duplicate && !self.sack => self.inflation += size,
            Recovery::Fast { .. } | Recovery::Loss { .. } => {}
        }
    }

    fn enter_fast_recovery(&mut self, now: SimTime, counters: &mut Counters) {
        let size = u64::from(self.payload_size);
        if self.una > self.reduced_until || self.reduced_until == ORIGIN {
            // Limited transmit does not count (RFC 5681 §3.2 step 2).
            let flight = self.flight() - self.limited_sent.min(self.flight());
            self.controller.on_congestion(now, flight, Congestion::Loss);
        }
        self.scoreboard.start_recovery();
        self.scoreboard.mark_front_lost();
        let rescue = self.una + u64::from(self.scoreboard.segment(0).len);
        self.recovery = Recovery::Fast { point: self.nxt, rescue, partial: false };
        self.recover = self.nxt;
        self.resend_now = true;
        if !self.sack {
            self.inflation = DUPLICATES as u64 * size;
        }
        counters.fast_recoveries += 1;
    }

    /// The retransmission timer expired (RFC 6298 §5.4 to §5.6, RFC 5681 §3.1).
    pub(crate) fn on_timeout(&mut self, now: SimTime) {
        let first = self.timeouts == 0;
        self.timeouts = self.timeouts.saturating_add(1);
        let flight = self.flight();
        self.controller.on_timeout(now, flight, first);
        self.scoreboard.mark_all_lost();
        self.recovery = Recovery::Loss { point: self.nxt };
        self.recover = self.nxt;
        self.dup_acks = 0;
        self.limited_sent = 0;
        self.inflation = 0;
        self.resend_now = true;
        self.rtt.back_off();
    }

    /// The path takes packets with `segment_size` bytes behind the fixed headers only: what is larger has
    /// been dropped, and is sent again in smaller pieces without a congestion reaction (RFC 1191 §6.5).
    pub(crate) fn on_segment_size(&mut self, segment_size: u16, options: u16) {
        self.segment_size = segment_size;
        self.payload_size = u32::from(segment_size.saturating_sub(options).max(1));
        self.controller.on_segment_size(self.payload_size);
        if self.scoreboard.mark_oversized_lost(self.payload_size) {
            self.resend_now = true;
        }
    }

    /// A pause longer than the retransmission timeout shrinks the window (RFC 5681 §4.1).
    pub(crate) fn on_resume(&mut self, now: SimTime, config: &TcpConfig) {
        let idle = now.saturating_since(self.last_sent);
        if config.restart_after_idle && self.scoreboard.is_empty() && idle > self.rtt.rto(&config.rto) {
            self.controller.on_idle(now);
        }
    }
}
