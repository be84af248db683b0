//! What the sender tells a congestion controller that wants to know how fast the path delivers.

use sim_core::{SimDuration, SimTime};

use super::scoreboard::Delivered;
use super::sender::Sender;
use crate::congestion::{CongestionControl, Delivery};

impl Sender {
    /// Notes that `len` bytes before `end` left while `in_network` were on their way.
    #[inline]
    pub(super) fn note_departure(&mut self, now: SimTime, end: u64, len: u64, in_network: u64) {
        if let Some(delivery) = &mut self.delivery {
            delivery.on_sent(now, end, len, in_network);
        }
    }

    /// Nothing waits to be sent, new or again, while the congestion window has room
    /// (draft-ietf-ccwg-bbr-06 §4.1.2.4).
    pub(super) fn note_application_limit(&mut self) {
        let in_network = self.in_network();
        if let Some(delivery) = &mut self.delivery
            && self.nxt >= self.buffer.end()
            && self.scoreboard.next_due().is_none()
            && in_network < self.controller.window()
        {
            delivery.on_application_limited(in_network);
        }
    }

    /// Tells the controller what an acknowledgment brought, in any state of recovery.
    pub(super) fn report_delivery(
        &mut self,
        now: SimTime,
        delivered: &Delivered,
        lost: u64,
        marked: bool,
        window_limited: bool,
        round_start: bool,
    ) {
        let in_flight = self.in_network();
        let Some(estimator) = &mut self.delivery else { return };
        estimator.on_lost(lost);
        let rtt_min = self.rtt.rtt_min().unwrap_or(SimDuration::ZERO);
        let rate = estimator.on_delivered(now, delivered.bytes, delivered.latest, self.una, rtt_min);
        let (delivered_total, lost_total) = estimator.totals();
        self.controller.on_delivered(&Delivery {
            now,
            delivered: delivered.bytes,
            lost,
            in_flight,
            marked: if marked { delivered.bytes } else { 0 },
            rtt: delivered.sample().map(|at| now.saturating_since(at)),
            srtt: self.rtt.srtt(),
            window_limited,
            round_start,
            delivered_total,
            lost_total,
            rate,
        });
    }
}
