//! The sending half of a connection: the send sequence space and its reaction to acknowledgments.

use sim_core::{SimDuration, SimTime};
use wire::stream::StreamBuffer;
use wire::tcp_options::SackBlocks;

use super::accecn::AccurateEcn;
use super::config::TcpConfig;
use super::mark_feedback::Feedback;
use super::probe::Probe;
use super::rack::Rack;
use super::recovery::{Episode, Evidence, FRto};
use super::scoreboard::{Delivered, Scoreboard};
use super::sequence::{InitialSequence, ORIGIN};
use super::stats::{Counters, LimitClock};
use super::validation::Validation;
use crate::congestion::{
    Acknowledged, Congestion, CongestionControl, Controller, DeliveryRate, Siblings, initial_window,
};
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
    /// What the controller has to know of the connection's other subflows.
    pub(super) siblings: Option<Box<Siblings>>,
    /// The delivery rate, where the controller wants to know it.
    pub(super) delivery: Option<Box<DeliveryRate>>,
    /// How much of the window is used, where unused windows are validated.
    pub(super) validation: Option<Box<Validation>>,
    /// What accurate ECN counts, in both directions.
    pub(super) accurate: Option<Box<AccurateEcn>>,
    /// A round trip has passed once something beyond this place is acknowledged.
    round_end: u64,
    pub(crate) rtt: RttEstimator,
    pub(crate) recovery: Recovery,
    pub(super) dup_acks: u32,
    /// Data that duplicate acknowledgments say has left the network, where SACK does not (RFC 6582).
    pub(super) inflation: u64,
    /// Bytes sent by limited transmit since the last new acknowledgment (RFC 3042).
    pub(super) limited_sent: u64,
    /// `recover` of RFC 6582 §3.2.
    pub(super) recover: u64,
    /// No further reaction to marks until this place is acknowledged (RFC 3168 §6.1.2).
    pub(super) reduced_until: u64,
    /// Made when something is missing for the first time.
    pub(super) rack: Option<Box<Rack>>,
    pub(super) probe: Probe,
    pub(super) f_rto: FRto,
    /// The last reaction to loss, while it can be undone.
    pub(super) episode: Option<Box<Episode>>,
    /// Up to here the congestion window held the sender back.
    pub(super) limited_until: u64,
    /// The next retransmission need not wait for the congestion window.
    pub(super) resend_now: bool,
    /// First place behind the last segment that was not full.
    pub(super) small_until: u64,
    /// Timeouts since the last new acknowledgment.
    pub(crate) timeouts: u8,
    pub(crate) last_sent: SimTime,
    /// What held the sender back when it was last asked for a segment, and for how long it was what.
    pub(crate) limit: LimitClock,
    /// When the next segment with data may leave, where sending is paced.
    pub(super) departure: SimTime,
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
    /// When the segment with that timestamp was sent, to the millisecond.
    pub(crate) echoed_at: Option<SimTime>,
    /// The peer reports a congestion mark (RFC 3168 §6.1.2), where it does not report accurately.
    pub(crate) marked: bool,
    /// The peer's counters of accurate ECN (RFC 9768).
    pub(crate) accurate: Option<Feedback>,
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
            siblings: None,
            delivery: None,
            validation: None,
            accurate: None,
            round_end: ORIGIN,
            rtt: RttEstimator::new(&config.rto),
            recovery: Recovery::Open,
            dup_acks: 0,
            inflation: 0,
            limited_sent: 0,
            recover: ORIGIN,
            reduced_until: ORIGIN,
            rack: None,
            probe: Probe::default(),
            f_rto: FRto::Off,
            episode: None,
            limited_until: ORIGIN,
            resend_now: false,
            small_until: ORIGIN,
            timeouts: 0,
            last_sent: SimTime::ZERO,
            limit: LimitClock::new(),
            departure: SimTime::ZERO,
        }
    }

    /// Both SYNs are through: `options` bytes of each segment go to options, and congestion control begins.
    pub(crate) fn start(&mut self, segment_size: u16, options: u16, syn_lost: bool, config: &TcpConfig) {
        self.segment_size = segment_size;
        self.payload_size = u32::from(segment_size.saturating_sub(options).max(1));
        let size = self.payload_size;
        if !syn_lost {
            self.probe.on_sample(); // The handshake's.
        }
        // RFC 6928 §2; after a lost SYN one segment (RFC 5681 §3.1).
        let window = match (syn_lost, config.initial_window) {
            (true, _) => u64::from(size),
            (false, Some(segments)) => u64::from(segments) * u64::from(size),
            (false, None) => initial_window(size),
        };
        self.controller = Controller::new(config.congestion, size, window);
        self.controller.set_cubic_rules(config.hystart, config.fast_convergence);
        self.validation = config.window_validation.then(Box::default);
        self.delivery = self.controller.measures_delivery().then(Box::default);
        self.scoreboard.log_losses(self.delivery.is_some());
    }

    /// Data in our SYN has arrived up to `ack`. Returns how much.
    pub(crate) fn on_syn_data_acknowledged(&mut self, ack: u64) -> u64 {
        self.buffer.release(ack);
        self.scoreboard = Scoreboard::new(ack);
        self.scoreboard.log_losses(self.delivery.is_some());
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
        let highest = self.una.max(self.scoreboard.highest_sacked());
        let in_order = highest == self.una;
        let not_after = self.latest_cause(now, info);
        let missing = if info.accurate.is_some() { self.missing() } else { 0 };
        let mut sacked = Delivered::nothing(not_after);
        let mut duplicate_reported = None;
        if self.sack
            && let Some(blocks) = info.sack
        {
            duplicate_reported = self.on_sack(ack, blocks, &mut sacked);
            if let Some((start, _)) = duplicate_reported {
                counters.duplicates_reported += 1;
                self.check_duplicate(start, config, counters);
            }
        }
        let window_changed = ack >= self.una && self.on_window(info.sequence, ack, info.window);
        let mut outcome = AckOutcome::default();
        let advanced = ack > self.una;
        let round_start = ack > self.round_end;
        // RFC 5681 §2: outstanding data, nothing in the segment, the same number and window.
        let plain = ack == self.una && !self.scoreboard.is_empty() && !info.occupies && !window_changed;
        let duplicate = if self.sack { sacked.bytes > 0 } else { plain };
        let mut delivered = sacked;
        if advanced {
            delivered = self.scoreboard.acknowledge(ack, not_after);
            self.on_advance(
                now,
                ack,
                info,
                (&delivered, &sacked),
                window_limited,
                config,
                counters,
                &mut outcome,
            );
            delivered.merge(&sacked);
        } else if let Some(at) = sacked.sample() {
            self.rtt.on_sample(now.saturating_since(at), &config.rto);
            self.probe.on_sample();
        }
        if round_start {
            self.round_end = self.nxt;
        }
        self.settle_probe(now, ack, duplicate_reported, plain && info.sack.is_none(), counters);
        if advanced && in_order && info.sack.is_none() && self.misses_nothing() {
            self.forget_reordering(); // The usual acknowledgment: there is no loss to be found.
        } else {
            let evidence = Evidence {
                delivered,
                highest,
                duplicate,
                advanced,
                selective: info.sack.is_some(),
                duplicate_reported: duplicate_reported.is_some(),
            };
            self.detect_loss(now, &evidence, config, counters);
        }
        let (marked, bytes) = self.marks(info, missing, delivered.bytes, round_start);
        if self.delivery.is_some() {
            self.report_delivery(now, &delivered, bytes, window_limited, round_start);
        }
        let heeded = marked && self.controller.answers_marks();
        if heeded && self.una > self.reduced_until && self.recovery == Recovery::Open {
            let flight = self.flight_marked(now);
            self.controller.on_congestion(now, flight, Congestion::Marked);
            self.episode = None; // What the mark has reduced is not restored.
            self.reduced_until = self.nxt;
            outcome.reduced_by_mark = true;
        }
        outcome
    }

    /// A retransmission that was sent later than this cannot have caused the acknowledgment: less than the
    /// shortest round trip ago, or after the segment whose timestamp is echoed (RFC 8985 §6.2 step 2).
    #[inline]
    fn latest_cause(&self, now: SimTime, info: &AckInfo) -> SimTime {
        if !self.scoreboard.has_resends() {
            return SimTime::MAX;
        }
        let shortest = self.rtt.rtt_min().unwrap_or(SimDuration::ZERO);
        let by_time = SimTime::ZERO + now.saturating_since(SimTime::ZERO).saturating_sub(shortest);
        match info.echoed_at {
            // The clock shows milliseconds: anything within the same one may be it.
            Some(echoed) => by_time.min(echoed + SimDuration::from_nanos(999_999)),
            None => by_time,
        }
    }

    /// Records the blocks, and returns the range of a D-SACK: a first block of data already acknowledged, or
    /// inside the second (RFC 2883 §4).
    fn on_sack(&mut self, ack: u64, blocks: SackBlocks, sum: &mut Delivered) -> Option<(u64, u64)> {
        let una = self.una.max(ack);
        let mut duplicate = None;
        for (index, block) in blocks.as_slice().iter().enumerate() {
            let start = self.iss.from_wire(self.una, block.start);
            let end = self.iss.from_wire(self.una, block.end);
            let inside = |other: &wire::tcp_options::SackBlock| {
                let other_start = self.iss.from_wire(self.una, other.start);
                other_start <= start && end <= self.iss.from_wire(self.una, other.end)
            };
            if index == 0 && (end <= una || blocks.as_slice().get(1).is_some_and(inside)) {
                duplicate = Some((start, end));
            } else if self.una <= start && start < end && end <= self.nxt {
                sum.merge(&self.scoreboard.sack(start, end, sum.not_after()));
            }
        }
        duplicate
    }

    #[expect(clippy::too_many_arguments, reason = "one step of on_ack, cut out of it to fit a screen")]
    fn on_advance(
        &mut self,
        now: SimTime,
        ack: u64,
        info: &AckInfo,
        (delivered, sacked): (&Delivered, &Delivered),
        window_limited: bool,
        config: &TcpConfig,
        counters: &mut Counters,
        outcome: &mut AckOutcome,
    ) {
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
            self.probe.on_sample();
        }
        if self.episode.is_some() {
            self.check_timestamp(info, config, counters);
        }
        if self.validation.is_some() {
            self.validate(now, outcome.advanced);
        }
        let timed_out = if let Recovery::Loss { point } = self.recovery {
            if ack >= point {
                self.leave_recovery(now);
            }
            true
        } else {
            false
        };
        match self.recovery {
            Recovery::Open | Recovery::Loss { .. } => {
                self.inflation = 0;
                self.controller.on_acknowledged(&Acknowledged {
                    now,
                    bytes: outcome.advanced,
                    window_limited: window_limited || timed_out,
                    srtt: self.rtt.srtt(),
                    rtt: by_time.or(info.echoed_rtt),
                    round_start: ack > self.round_end,
                    siblings: self.siblings.as_deref(),
                });
            }
            Recovery::Fast { point, .. } if ack >= point => self.leave_recovery(now),
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
        }
    }

    /// The path takes packets with `segment_size` bytes behind the fixed headers only: what is larger has
    /// been dropped, and is sent again in smaller pieces without a congestion reaction (RFC 1191 §6.5).
    pub(crate) fn on_segment_size(&mut self, segment_size: u16, options: u16) {
        self.segment_size = segment_size;
        self.payload_size = u32::from(segment_size.saturating_sub(options).max(1));
        self.controller.on_segment_size(self.payload_size);
        self.episode = None;
        if self.scoreboard.mark_oversized_lost(self.payload_size) {
            self.resend_now = true;
        }
    }

    /// A pause longer than the retransmission timeout shrinks the window (RFC 5681 §4.1), unless it is validated by use
    /// (RFC 7661).
    pub(crate) fn on_resume(&mut self, now: SimTime, config: &TcpConfig) {
        if self.validation.is_some() {
            return self.revalidate(now, config);
        }
        let idle = now.saturating_since(self.last_sent);
        if config.restart_after_idle && self.scoreboard.is_empty() && idle > self.rtt.rto(&config.rto) {
            self.controller.on_idle(now);
        }
    }
}
