//! Loss recovery: when it begins, what it does to the window, when it ends, and when it was needless.

use sim_core::{SimDuration, SimTime};

use super::config::{LossDetection, TcpConfig};
use super::prr::{Progress, Prr};
use super::rack::{Circumstances, Rack};
use super::scoreboard::{DUPLICATES, Delivered};
use super::sender::{AckInfo, Recovery, Sender};
use super::sequence::ORIGIN;
use super::stats::Counters;
use crate::congestion::{Congestion, CongestionControl, Controller};

/// One reaction to loss, kept for as long as it may be undone.
#[derive(Clone, Debug)]
pub(crate) struct Episode {
    /// The controller before it reacted.
    before: Controller,
    /// Whether a timeout began it.
    by_timeout: bool,
    /// SND.UNA at its beginning: D-SACKs of what is below are not about it.
    start: u64,
    /// Retransmissions of which the peer has not said that they were needless (RFC 3708 §3).
    needed: u32,
    /// When the first segment was sent again, until an acknowledgment of something new has come
    /// (RetransmitTS of RFC 3522 §3.2).
    first_resent: Option<SimTime>,
    resent_any: bool,
    /// It can be undone until this place is acknowledged: a round trip after its end.
    until: u64,
    prr: Option<Prr>,
    /// When the window was last reduced.
    reduced_at: SimTime,
}

impl Episode {
    fn new(now: SimTime, before: Controller, by_timeout: bool, start: u64) -> Box<Self> {
        Box::new(Self {
            before,
            by_timeout,
            start,
            needed: 0,
            first_resent: None,
            resent_any: false,
            until: u64::MAX,
            prr: None,
            reduced_at: now,
        })
    }
}

/// Where F-RTO stands (RFC 5682 §2.1, §3.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum FRto {
    /// Not in use, or it has found the timeout to be needed.
    #[default]
    Off,
    /// Step 2: the first segment was sent again.
    Resent,
    /// Step 3: new data was sent, and the next acknowledgment decides.
    NewData,
}

/// What an acknowledgment says about loss.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    pub(crate) delivered: Delivered,
    /// What was acknowledged or SACKed before, from its highest place.
    pub(crate) highest: u64,
    /// Whether it is a duplicate acknowledgment (RFC 5681 §2, RFC 6675 §2).
    pub(crate) duplicate: bool,
    pub(crate) advanced: bool,
    /// Whether it carries SACK blocks or a D-SACK.
    pub(crate) selective: bool,
    pub(crate) duplicate_reported: bool,
}

impl Sender {
    /// Whether losses are found by time (RFC 8985).
    #[inline]
    pub(crate) fn detects_by_time(&self, config: &TcpConfig) -> bool {
        self.sack && config.loss_detection == LossDetection::RackTlp
    }

    /// What may be in the network: the congestion window, or what proportional rate reduction allows.
    #[inline]
    pub(crate) fn send_window(&self) -> u64 {
        if let (Recovery::Fast { .. }, Some(episode)) = (self.recovery, &self.episode)
            && let Some(prr) = &episode.prr
        {
            return prr.window();
        }
        self.controller.window()
    }

    /// Notes that `bytes` were sent during an episode, again or not.
    pub(crate) fn note_sent(&mut self, now: SimTime, bytes: u64, again: bool) {
        let Some(episode) = &mut self.episode else { return };
        if self.recovery == Recovery::Open {
            return;
        }
        if let Some(prr) = &mut episode.prr {
            prr.on_sent(bytes);
        }
        if again {
            if let Some(validation) = &mut self.validation {
                validation.resent += bytes;
            }
            episode.needed = episode.needed.saturating_add(1);
            if !episode.resent_any {
                episode.resent_any = true;
                episode.first_resent = Some(now);
            }
        }
    }

    /// RFC 8985 §6.2; RFC 6675 §5 steps (1) to (4); without SACK RFC 5681 §3.2 and RFC 6582 §3.2.
    pub(crate) fn detect_loss(
        &mut self,
        now: SimTime,
        evidence: &Evidence,
        config: &TcpConfig,
        counters: &mut Counters,
    ) {
        let size = u64::from(self.payload_size);
        let duplicate = evidence.duplicate;
        counters.duplicate_acks += u64::from(duplicate);
        let by_time = self.detects_by_time(config);
        let mut newly_lost = 0;
        if by_time {
            let quiet =
                self.recovery == Recovery::Open && !evidence.selective && !self.has_suspects(evidence);
            if quiet {
                self.forget_reordering();
            } else {
                let (una, nxt) = (self.una, self.nxt);
                let rack = self.rack();
                rack.on_delivered(now, &evidence.delivered, evidence.highest);
                rack.on_ack(una, nxt, evidence.duplicate_reported);
                newly_lost = self.detect_by_time(now);
            }
        } else if self.sack && self.scoreboard.has_sacked() {
            newly_lost = self.scoreboard.mark_lost(size);
        }
        match self.recovery {
            Recovery::Open => {
                self.dup_acks += u32::from(duplicate);
                let three = duplicate && self.dup_acks >= DUPLICATES as u32;
                let lost = if by_time {
                    newly_lost > 0
                } else if self.sack {
                    three || (duplicate && self.scoreboard.front_is_lost())
                } else {
                    three && self.una > self.recover
                };
                if lost {
                    self.enter_fast_recovery(now, evidence.delivered.bytes, config, counters);
                } else if duplicate && !self.sack && config.limited_transmit {
                    self.inflation = u64::from(self.dup_acks.min(2)) * size; // RFC 3042 §2
                }
            }
            Recovery::Fast { .. } if duplicate && !self.sack => self.inflation += size,
            Recovery::Fast { .. } => {}
            Recovery::Loss { point } => self.advance_f_rto(point, evidence, counters),
        }
        if let (Recovery::Fast { .. }, Some(episode)) = (self.recovery, &mut self.episode)
            && let Some(prr) = &mut episode.prr
        {
            prr.on_ack(&Progress {
                delivered: evidence.delivered.bytes,
                in_network: self.scoreboard.pipe(),
                safe: evidence.advanced && newly_lost == 0,
                segment_size: size,
            });
        }
    }

    /// Whether something may be missing that the last acknowledgments did not report selectively.
    fn has_suspects(&self, evidence: &Evidence) -> bool {
        evidence.delivered.first_original < evidence.highest
            || self.scoreboard.has_sacked()
            || self.scoreboard.has_resends()
    }

    fn rack(&mut self) -> &mut Rack {
        let srtt = self.rtt.srtt().unwrap_or(SimDuration::ZERO);
        self.rack.get_or_insert_with(|| Box::new(Rack::new(srtt)))
    }

    /// When the reordering window ends; `SimTime::MAX` is never.
    #[inline]
    pub(super) fn reordering_ends_at(&self) -> SimTime {
        self.rack.as_ref().map_or(SimTime::MAX, |rack| rack.ends_at)
    }

    /// Whether nothing is, or was lately, known to be missing.
    #[inline]
    pub(super) fn misses_nothing(&self) -> bool {
        self.recovery == Recovery::Open && !self.scoreboard.has_sacked() && !self.scoreboard.has_resends()
    }

    #[inline]
    pub(super) fn forget_reordering(&mut self) {
        if let Some(rack) = &mut self.rack {
            rack.ends_at = SimTime::MAX;
        }
    }

    fn circumstances(&self) -> Circumstances {
        Circumstances {
            in_recovery: self.recovery != Recovery::Open,
            sacked_segments: self.scoreboard.sacked_segments(),
            rtt_min: self.rtt.rtt_min().unwrap_or(SimDuration::ZERO),
            srtt: self.rtt.srtt().unwrap_or(SimDuration::ZERO),
        }
    }

    fn detect_by_time(&mut self, now: SimTime) -> u64 {
        let circumstances = self.circumstances();
        let Some(rack) = &mut self.rack else { return 0 };
        let window = rack.reordering_window(&circumstances);
        let found = self.scoreboard.detect_by_time(now, rack, window);
        rack.ends_at = found.deadline.unwrap_or(SimTime::MAX);
        if found.again {
            self.on_lost_again(now);
        }
        found.bytes
    }

    /// A retransmission was lost: a further sign of congestion, which proportional rate reduction answers by itself
    /// (RFC 8985 §9.3, RFC 5681 §4.3). Once in a round trip.
    #[cold]
    fn on_lost_again(&mut self, now: SimTime) {
        let (flight, srtt) = (self.flight(), self.rtt.srtt().unwrap_or(SimDuration::ZERO));
        if let (Recovery::Fast { .. }, Some(episode)) = (self.recovery, &mut self.episode)
            && episode.prr.is_none()
            && !self.controller.governs_recovery()
            && now.saturating_since(episode.reduced_at) >= srtt
        {
            episode.reduced_at = now;
            let flight = flight.min(self.controller.window());
            self.controller.on_congestion(now, flight, Congestion::Loss);
        }
    }

    /// The reordering window has passed (RFC 8985 §6.2 step 5).
    pub(crate) fn on_reordering_timeout(
        &mut self,
        now: SimTime,
        config: &TcpConfig,
        counters: &mut Counters,
    ) {
        if self.detect_by_time(now) == 0 || self.recovery != Recovery::Open {
            return;
        }
        self.enter_fast_recovery(now, 0, config, counters);
        let (in_network, segment_size) = (self.scoreboard.pipe(), u64::from(self.payload_size));
        if let Some(prr) = self.episode.as_mut().and_then(|episode| episode.prr.as_mut()) {
            prr.on_ack(&Progress { delivered: 0, in_network, safe: false, segment_size });
        }
    }

    /// `delivered` is what the acknowledgment brought that found the loss.
    fn enter_fast_recovery(
        &mut self,
        now: SimTime,
        delivered: u64,
        config: &TcpConfig,
        counters: &mut Counters,
    ) {
        let size = u64::from(self.payload_size);
        self.report_losses(now);
        let mut episode = Episode::new(now, self.controller.clone(), false, self.una);
        if self.una > self.reduced_until || self.reduced_until == ORIGIN {
            // Limited transmit does not count (RFC 5681 §3.2 step 2).
            let flight = self.flight() - self.limited_sent.min(self.flight());
            let flight = self.flight_used(now, flight);
            self.controller.on_congestion(now, flight, Congestion::Loss);
        }
        self.scoreboard.start_recovery();
        if !self.detects_by_time(config) {
            self.scoreboard.mark_front_lost();
        }
        if self.sack && config.proportional_rate_reduction && !self.controller.governs_recovery() {
            // RFC 9937 §6.1: what was SACKed before will not be delivered any more.
            let recover = (self.flight() + delivered).saturating_sub(self.scoreboard.sacked_bytes());
            episode.prr = Some(Prr::new(recover, self.controller.window()));
        }
        self.episode = Some(episode);
        let rescue = self.una + u64::from(self.scoreboard.segment(0).len);
        self.recovery = Recovery::Fast { point: self.nxt, rescue, partial: false };
        self.recover = self.nxt;
        self.resend_now = true;
        if !self.sack {
            self.inflation = DUPLICATES as u64 * size;
        }
        counters.fast_recoveries += 1;
    }

    pub(super) fn leave_recovery(&mut self, now: SimTime) {
        let fast = matches!(self.recovery, Recovery::Fast { .. });
        self.recovery = Recovery::Open;
        self.inflation = 0;
        self.f_rto = FRto::Off;
        if let Some(rack) = &mut self.rack {
            rack.on_recovered();
        }
        if let Some(episode) = &mut self.episode {
            episode.until = self.nxt;
        }
        self.controller.on_recovery_ended();
        if fast && !self.sack {
            // RFC 6582 §3.2 step 3, full acknowledgment, option (1): no burst.
            let size = u64::from(self.payload_size);
            self.controller.on_recovered(self.flight().max(size) + size);
        }
        self.end_unvalidated(now, !fast);
    }

    /// The retransmission timer expired (RFC 6298 §5.4 to §5.6, RFC 5681 §3.1, RFC 8985 §6.3).
    pub(crate) fn on_timeout(&mut self, now: SimTime, config: &TcpConfig) {
        let first = self.timeouts == 0;
        self.timeouts = self.timeouts.saturating_add(1);
        let anew = self.recovery == Recovery::Open;
        if anew {
            self.episode = Some(Episode::new(now, self.controller.clone(), true, self.una));
        } else if matches!(self.recovery, Recovery::Fast { .. }) {
            self.episode = None;
        }
        let flight = self.flight();
        self.controller.on_timeout(now, flight, first);
        self.end_unvalidated(now, true);
        if self.detects_by_time(config) {
            let circumstances = self.circumstances();
            let rack = *self.rack();
            self.scoreboard.mark_expired_lost(now, &rack, rack.reordering_window(&circumstances));
        } else {
            self.scoreboard.mark_all_lost();
        }
        self.report_losses(now);
        // RFC 5682 §3.1 step 1: not during another recovery, but again for the same segment.
        let again = !first && self.f_rto == FRto::Resent;
        self.f_rto = if config.f_rto && (anew || again) { FRto::Resent } else { FRto::Off };
        self.recovery = Recovery::Loss { point: self.nxt };
        self.recover = self.nxt;
        self.dup_acks = 0;
        self.limited_sent = 0;
        self.inflation = 0;
        self.resend_now = true;
        self.forget_reordering();
        self.probe.forget();
        self.rtt.back_off();
    }

    /// RFC 5682 §2.1 without SACK, §3.1 with it: steps 2 and 3.
    fn advance_f_rto(&mut self, point: u64, evidence: &Evidence, counters: &mut Counters) {
        match self.f_rto {
            FRto::Off => {}
            FRto::Resent if evidence.advanced => self.f_rto = FRto::NewData, // Step 2b.
            FRto::Resent => {
                if evidence.duplicate && !self.sack {
                    self.f_rto = FRto::Off; // Step 2a of the basic version.
                }
            }
            FRto::NewData if !(evidence.advanced || evidence.duplicate) => {}
            FRto::NewData => {
                let beyond = self.una > point || self.scoreboard.highest_sacked() > point;
                let original =
                    if self.sack { evidence.delivered.first_original <= point } else { evidence.advanced };
                if original && !beyond {
                    self.undo(counters); // Step 3b.
                } else {
                    self.f_rto = FRto::Off; // Step 3a.
                }
            }
        }
    }

    /// Whether new data goes before retransmissions now (RFC 5682 §3.1 step 2b).
    pub(super) fn f_rto_probes(&self) -> bool {
        self.f_rto == FRto::NewData
    }

    /// Nothing new can be sent: the timeout is taken for needed (RFC 5682 §3.1 step 2b).
    pub(super) fn give_up_f_rto(&mut self) {
        self.f_rto = FRto::Off;
    }

    /// Something new is acknowledged: if by a segment that left before the first retransmission, there was no
    /// loss (RFC 3522 §3.2 steps 3 to 5).
    pub(super) fn check_timestamp(&mut self, info: &AckInfo, config: &TcpConfig, counters: &mut Counters) {
        let Some(episode) = &mut self.episode else { return };
        if self.una > episode.until {
            self.episode = None;
            return;
        }
        let Some(resent) = episode.first_resent.take() else { return };
        if config.undo
            && self.recovery != Recovery::Open
            && let Some(echoed) = info.echoed_at
            && echoed.as_millis() < resent.as_millis()
        {
            self.undo(counters);
        }
    }

    /// The peer reports a segment from `start` on as received twice (RFC 2883 §4): if this is so of everything
    /// that was sent again, there was no loss (RFC 3708 §3).
    pub(super) fn check_duplicate(&mut self, start: u64, config: &TcpConfig, counters: &mut Counters) {
        let Some(episode) = &mut self.episode else { return };
        if start < episode.start || episode.needed == 0 {
            return;
        }
        episode.needed -= 1;
        counters.spurious_retransmissions += 1;
        if episode.needed == 0 && config.undo {
            self.undo(counters);
        }
    }

    /// Takes back an episode: the window is what it was, and nothing counts as lost (RFC 9438 §4.9).
    fn undo(&mut self, counters: &mut Counters) {
        let Some(episode) = self.episode.take() else { return };
        self.controller.on_undo(&episode.before);
        if self.recovery != Recovery::Open
            && let Some(rack) = &mut self.rack
        {
            rack.on_recovered();
        }
        self.recovery = Recovery::Open;
        self.f_rto = FRto::Off;
        self.inflation = 0;
        self.resend_now = false;
        self.scoreboard.unmark_lost();
        let undone = if episode.by_timeout {
            &mut counters.timeouts_undone
        } else {
            &mut counters.fast_recoveries_undone
        };
        *undone += 1;
    }
}
