//! What the sender tells a congestion controller that wants to know how fast the path delivers, and when it lets the
//! next segment leave.

use sim_core::{ByteCount, DataRate, SimDuration, SimTime};

use super::config::TcpConfig;
use super::connection::TcpConnection;
use super::scoreboard::Delivered;
use super::sender::Sender;
use super::timer::Timer;
use crate::congestion::{CongestionControl, Delivery};

impl Sender {
    /// Notes that `len` bytes before `end` leave while others are on their way.
    pub(super) fn note_departure(&mut self, now: SimTime, end: u64, len: u64) {
        let in_network = self.in_network();
        if let Some(delivery) = &mut self.delivery {
            self.controller.on_sent(now, in_network, delivery.is_application_limited());
            delivery.on_sent(now, end, len, in_network);
        }
    }

    /// Nothing waits to be sent, new or again, while the congestion window has room
    /// (draft-ietf-ccwg-bbr-06 §4.1.2.4).
    #[inline]
    pub(super) fn note_application_limit(&mut self) {
        if self.delivery.is_none() {
            return;
        }
        let in_network = self.in_network();
        if let Some(delivery) = &mut self.delivery
            && self.nxt >= self.buffer.end()
            && self.scoreboard.next_due().is_none()
            && in_network < self.controller.window()
        {
            delivery.on_application_limited(in_network);
        }
    }

    /// Tells the controller what was found lost since the last call; returns the bytes.
    pub(super) fn report_losses(&mut self, now: SimTime) -> u64 {
        let Some(estimator) = &mut self.delivery else { return 0 };
        let mut bytes = 0;
        for segment in self.scoreboard.take_losses() {
            let len = u64::from(segment.len);
            bytes += len;
            if let Some(lost) = estimator.on_lost(segment.at, segment.start, len) {
                self.controller.on_lost(now, &lost);
            }
        }
        bytes
    }

    /// Tells the controller what an acknowledgment brought, in any state of recovery.
    pub(super) fn report_delivery(
        &mut self,
        now: SimTime,
        delivered: &Delivered,
        marked: u64,
        window_limited: bool,
        round_start: bool,
    ) {
        let lost = self.report_losses(now);
        let in_flight = self.in_network();
        let Some(estimator) = &mut self.delivery else { return };
        let rtt_min = self.rtt.rtt_min().unwrap_or(SimDuration::ZERO);
        let rate = estimator.on_delivered(now, delivered.bytes, delivered.latest, self.una, rtt_min);
        let (delivered_total, lost_total) = estimator.totals();
        let latest = delivered.sample().and(delivered.latest);
        self.controller.on_delivered(&Delivery {
            now,
            delivered: delivered.bytes,
            lost,
            in_flight,
            marked,
            rtt: latest.map(|(at, _)| now.saturating_since(at)),
            srtt: self.rtt.srtt(),
            window_limited,
            round_start,
            delivered_total,
            lost_total,
            rate,
        });
        if self.controller.limits_itself() {
            estimator.on_application_limited(in_flight);
        }
    }

    /// At what rate segments leave: the controller's, or, where pacing is asked for, so that the window is sent
    /// within half of a round trip in slow start and in five sixths of one later, as Linux does it.
    #[inline]
    fn pacing_rate(&self, config: &TcpConfig) -> Option<DataRate> {
        let own = self.controller.pacing_rate();
        // RFC 7661 §4.4.2: no burst of a window that was not used lately.
        if own.is_some() || !(config.pacing || self.is_unvalidated()) {
            return own;
        }
        let srtt = self.rtt.srtt()?;
        let window = self.controller.window();
        let percent = if window < self.controller.ssthresh() / 2 { 200 } else { 120 };
        let bits = u128::from(window) * 80_000_000 * percent / u128::from(srtt.as_nanos().max(1));
        DataRate::try_from_bits_per_second(u64::try_from(bits).unwrap_or(u64::MAX))
    }

    /// When the next segment may leave, if that is later than `now`. What would be sent within a millisecond, at
    /// least two segments and at most 64 KiB, leaves at once (draft-ietf-ccwg-bbr-06 §5.6.3).
    #[inline]
    pub(super) fn held_until(&self, now: SimTime, config: &TcpConfig) -> Option<SimTime> {
        if self.departure <= now {
            return None;
        }
        let rate = self.pacing_rate(config)?;
        let size = u64::from(self.payload_size);
        let quantum = rate.carried(SimDuration::from_millis(1)).as_bytes().min(QUANTUM_MAX).max(2 * size);
        let ahead = rate.transmit_time(ByteCount::from_bytes(quantum - size));
        (self.departure > now + ahead).then_some(self.departure)
    }

    /// Notes that a segment with `len` bytes of data leaves.
    #[inline]
    pub(super) fn pace(&mut self, now: SimTime, len: u64, config: &TcpConfig) {
        if let Some(rate) = self.pacing_rate(config) {
            self.departure = self.departure.max(now) + rate.transmit_time(ByteCount::from_bytes(len));
        }
    }
}

impl TcpConnection {
    /// Whether something waits that may not leave yet; then the timer is set for it.
    #[inline]
    pub(super) fn is_held_back(&mut self, now: SimTime) -> bool {
        let Some(at) = self.sender.held_until(now, &self.config) else { return false };
        self.timers.set(Timer::Pace, at);
        true
    }
}

/// The most that leaves at once where sending is paced, in bytes.
const QUANTUM_MAX: u64 = 65_536;
