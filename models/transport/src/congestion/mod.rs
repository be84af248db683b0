//! Congestion control: how much may be in flight. Shared by every transport that has a window.
//!
//! A controller knows neither sequence numbers nor segments: the transport tells it what was acknowledged,
//! when a congestion episode begins (once per window of data) and when the retransmission timer expires.
//! What is in the network, and which data to resend, is the transport's own business.

mod bbr;
mod controller;
mod coupled;
mod cubic;
mod dctcp;
mod delivery;
mod hystart;
mod ledbat;
mod reno;
mod siblings;
mod vegas;
mod westwood;

pub use bbr::Bbr;
pub use controller::{Algorithm, Controller};
pub use coupled::{Coupled, Coupling};
pub use cubic::Cubic;
pub use dctcp::Dctcp;
pub use delivery::{Delivery, DeliveryRate, Lost, RateSample};
pub use ledbat::Ledbat;
pub use reno::Reno;
pub use siblings::{Siblings, Standing, Subflow};
pub use vegas::Vegas;
pub use westwood::Westwood;

use sim_core::{DataRate, SimDuration, SimTime};

/// What an acknowledgment tells a congestion controller.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged<'a> {
    /// When it arrived.
    pub now: SimTime,
    /// Bytes that were acknowledged for the first time and in order.
    pub bytes: u64,
    /// Whether the congestion window, not the application or the peer, held the sender back.
    pub window_limited: bool,
    /// Smoothed round-trip time, if measured.
    pub srtt: Option<SimDuration>,
    /// The round-trip time that this acknowledgment measured.
    pub rtt: Option<SimDuration>,
    /// Whether it acknowledges the first byte that was sent after the last such moment: a round trip has passed.
    pub round_start: bool,
    /// The other subflows of a connection that has several; `None` for a connection that has one path.
    pub siblings: Option<&'a Siblings>,
}

impl Acknowledged<'_> {
    /// `bytes` acknowledged at `now` to a sender that its window held back; nothing else is known.
    pub fn plain(now: SimTime, bytes: u64) -> Self {
        Self { now, bytes, window_limited: true, srtt: None, rtt: None, round_start: false, siblings: None }
    }
}

/// Why a congestion episode begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Congestion {
    /// Something was found lost by acknowledgments.
    Loss,
    /// The network marked a packet (RFC 3168).
    Marked,
}

/// A congestion window and the rules that move it. All sizes are in bytes.
pub trait CongestionControl {
    /// Bytes that may be in flight.
    fn window(&self) -> u64;

    /// The slow start threshold; `u64::MAX` until the first congestion.
    fn ssthresh(&self) -> u64;

    /// New data was acknowledged, outside of fast recovery.
    fn on_acknowledged(&mut self, ack: &Acknowledged<'_>);

    /// The connection is established, after a round trip of `srtt`; `seed` is the connection's own, for what is left
    /// to chance.
    fn on_established(&mut self, _now: SimTime, _srtt: Option<SimDuration>, _seed: u64) {}

    /// Whether [`Self::on_delivered`], [`Self::on_sent`] and [`Self::on_lost`] are to be called, for which the transport has to remember when each packet
    /// left.
    fn measures_delivery(&self) -> bool {
        false
    }

    /// Something was delivered or found lost, in or out of recovery; after what else the acknowledgment causes.
    fn on_delivered(&mut self, _delivery: &Delivery) {}

    /// Something is about to be sent while `in_flight` bytes are in the network.
    fn on_sent(&mut self, _now: SimTime, _in_flight: u64, _application_limited: bool) {}

    /// A packet was found lost; before [`Self::on_delivered`] and [`Self::on_congestion`] hear of it.
    fn on_lost(&mut self, _now: SimTime, _lost: &Lost) {}

    /// Whether it holds the sender back itself, so that delivery rates of this time say nothing of the path.
    fn limits_itself(&self) -> bool {
        false
    }

    /// Whether its window also counts in fast recovery, instead of proportional rate reduction (RFC 9937).
    fn governs_recovery(&self) -> bool {
        false
    }

    /// Whether congestion marks make it slow down.
    fn answers_marks(&self) -> bool {
        true
    }

    /// Everything that was in flight when the recovery began is acknowledged.
    fn on_recovery_ended(&mut self) {}

    /// The rate at which packets should leave; `None` if the controller leaves that to the transport.
    fn pacing_rate(&self) -> Option<DataRate> {
        None
    }

    /// A congestion episode begins with `in_flight` bytes outstanding: threshold and window are reduced.
    fn on_congestion(&mut self, now: SimTime, in_flight: u64, cause: Congestion);

    /// The retransmission timer expired; `first` unless the same data had timed out before.
    fn on_timeout(&mut self, now: SimTime, in_flight: u64, first: bool);

    /// The window is set to `window` when a recovery ends (RFC 6582 §3.2 step 3), never above the threshold.
    fn on_recovered(&mut self, window: u64);

    /// The last reaction to loss was needless (RFC 9438 §4.9, RFC 4015): `before` is the controller as it was before
    /// it reacted. What is larger by now stays.
    fn on_undo(&mut self, before: &Self)
    where
        Self: Sized + Clone,
    {
        if before.window() > self.window() {
            self.clone_from(before);
        }
    }

    /// Sets window and threshold, after a time in which the window was not used (RFC 7661 §4.4). A controller whose window
    /// is not one of RFC 5681 does nothing.
    fn set_window(&mut self, _window: u64, _ssthresh: u64) {}

    /// Nothing was sent for longer than the retransmission timeout (RFC 5681 §4.1).
    fn on_idle(&mut self, now: SimTime);

    /// The size of a full segment changed, such as after a path MTU discovery.
    fn on_segment_size(&mut self, segment_size: u32);
}

/// The initial window of RFC 6928 §2: `min(10·size, max(2·size, 14600))` bytes.
pub fn initial_window(segment_size: u32) -> u64 {
    let size = u64::from(segment_size);
    (10 * size).min((2 * size).max(14_600))
}

/// The threshold after a loss (RFC 5681 §3.1, equation 4): half of what is in flight, at least two segments.
fn half_in_flight(in_flight: u64, segment_size: u64) -> u64 {
    (in_flight / 2).max(2 * segment_size)
}

/// Slow start's growth for `bytes` acknowledged: at most two segments an acknowledgment (RFC 3465 §2.3, L = 2).
fn slow_start_growth(bytes: u64, segment_size: u64) -> u64 {
    bytes.min(2 * segment_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_initial_window_is_ten_segments_of_ethernet_size() {
        assert_eq!(initial_window(1460), 14_600);
        assert_eq!(initial_window(536), 5_360);
        assert_eq!(initial_window(9000), 18_000, "two segments of more than 7300 bytes");
    }
}
