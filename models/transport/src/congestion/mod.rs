//! Congestion control: how much may be in flight. Shared by every transport that has a window.
//!
//! A controller knows neither sequence numbers nor segments: the transport tells it what was acknowledged,
//! when a congestion episode begins (once per window of data) and when the retransmission timer expires.
//! What is in the network, and which data to resend, is the transport's own business.

mod cubic;
mod reno;

pub use cubic::Cubic;
pub use reno::Reno;

use sim_core::{SimDuration, SimTime};

/// What an acknowledgment tells a congestion controller.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged {
    /// When it arrived.
    pub now: SimTime,
    /// Bytes that were acknowledged for the first time and in order.
    pub bytes: u64,
    /// Whether the congestion window, not the application or the peer, held the sender back.
    pub window_limited: bool,
    /// Smoothed round-trip time, if measured.
    pub srtt: Option<SimDuration>,
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
    fn on_acknowledged(&mut self, ack: &Acknowledged);

    /// A congestion episode begins with `in_flight` bytes outstanding: threshold and window are reduced.
    fn on_congestion(&mut self, now: SimTime, in_flight: u64, cause: Congestion);

    /// The retransmission timer expired; `first` unless the same data had timed out before.
    fn on_timeout(&mut self, now: SimTime, in_flight: u64, first: bool);

    /// The window is set to `window` when a recovery ends (RFC 6582 §3.2 step 3), never above the threshold.
    fn on_recovered(&mut self, window: u64);

    /// Nothing was sent for longer than the retransmission timeout (RFC 5681 §4.1).
    fn on_idle(&mut self, now: SimTime);

    /// The size of a full segment changed, such as after a path MTU discovery.
    fn on_segment_size(&mut self, segment_size: u32);
}

/// Which controller a connection uses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Algorithm {
    /// RFC 5681 with appropriate byte counting (RFC 3465).
    #[default]
    Reno,
    /// RFC 9438.
    Cubic,
}

impl Algorithm {
    /// The name in scenarios and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reno => "reno",
            Self::Cubic => "cubic",
        }
    }
}

/// Any of the controllers, without allocation.
#[derive(Clone, Debug)]
pub enum Controller {
    /// RFC 5681.
    Reno(Reno),
    /// RFC 9438.
    Cubic(Cubic),
}

impl Controller {
    /// A controller that starts with `initial_window` bytes and full segments of `segment_size` bytes.
    pub fn new(algorithm: Algorithm, segment_size: u32, initial_window: u64) -> Self {
        match algorithm {
            Algorithm::Reno => Self::Reno(Reno::new(segment_size, initial_window)),
            Algorithm::Cubic => Self::Cubic(Cubic::new(segment_size, initial_window)),
        }
    }
}

impl Controller {
    /// The controller without CUBIC's fast convergence (RFC 9438 §4.7); others have none.
    #[must_use]
    pub fn without_fast_convergence(self) -> Self {
        if let Self::Cubic(cubic) = self { Self::Cubic(cubic.without_fast_convergence()) } else { self }
    }
}

macro_rules! delegate {
    ($self:ident, $inner:ident => $call:expr) => {
        match $self {
            Self::Reno($inner) => $call,
            Self::Cubic($inner) => $call,
        }
    };
}

impl CongestionControl for Controller {
    #[inline]
    fn window(&self) -> u64 {
        delegate!(self, inner => inner.window())
    }

    #[inline]
    fn ssthresh(&self) -> u64 {
        delegate!(self, inner => inner.ssthresh())
    }

    #[inline]
    fn on_acknowledged(&mut self, ack: &Acknowledged) {
        delegate!(self, inner => inner.on_acknowledged(ack))
    }

    fn on_congestion(&mut self, now: SimTime, in_flight: u64, cause: Congestion) {
        delegate!(self, inner => inner.on_congestion(now, in_flight, cause))
    }

    fn on_timeout(&mut self, now: SimTime, in_flight: u64, first: bool) {
        delegate!(self, inner => inner.on_timeout(now, in_flight, first))
    }

    fn on_recovered(&mut self, window: u64) {
        delegate!(self, inner => inner.on_recovered(window))
    }

    fn on_idle(&mut self, now: SimTime) {
        delegate!(self, inner => inner.on_idle(now))
    }

    fn on_segment_size(&mut self, segment_size: u32) {
        delegate!(self, inner => inner.on_segment_size(segment_size))
    }
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
