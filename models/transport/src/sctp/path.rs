//! One path: a transport address of the peer with its timers, window and errors (RFC 9260 §5.4, §7, §8).

use std::net::IpAddr;

use sim_core::{SimDuration, SimTime};

use super::config::SctpConfig;
use super::congestion::Window;
use super::event::PathState;
use crate::congestion::CongestionControl;
use crate::rtt::RttEstimator;

/// A path to the peer.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) remote: IpAddr,
    /// The address that packets on it are sent from; unspecified lets the host choose.
    pub(super) local: IpAddr,
    /// The peer's UDP port, where packets are encapsulated (RFC 6951 §5.4).
    pub(super) udp_port: u16,
    pub(super) state: PathState,
    /// Whether the peer is known to have the address (RFC 9260 §5.4).
    pub(super) confirmed: bool,
    pub(super) rtt: RttEstimator,
    pub(super) window: Window,
    /// Bytes of user data on their way.
    pub(super) in_flight: u64,
    /// `in_flight` may not go beyond this before the next acknowledgement (Max.Burst, RFC 9260 §6.1 rule D).
    pub(super) burst_limit: u64,
    pub(super) error_count: u32,
    pub(super) t3: Option<SimTime>,
    /// When the next HEARTBEAT is due.
    pub(super) heartbeat_at: Option<SimTime>,
    /// The HEARTBEAT that is not answered yet: when it was sent, and its random number.
    pub(super) heartbeat: Option<(SimTime, u64)>,
    /// The last TSN that was outstanding when fast recovery began (RFC 9260 §7.2.4).
    pub(super) recovery_exit: Option<u64>,
    /// The TSN whose round trip is measured: one at a time (RFC 9260 §6.3.1 rule C4).
    pub(super) timed: Option<(u64, SimTime)>,
    /// Bytes acknowledged for the first time by the SACK in hand.
    pub(super) newly_acked: u64,
    /// With several paths at once: the lowest TSN in flight here before the SACK in hand, whether that acknowledges it,
    /// and the highest one that it acknowledges here.
    pub(super) pseudo_point: Option<u64>,
    pub(super) pseudo_moved: bool,
    pub(super) highest_acked: u64,
    pub(super) last_sent: SimTime,
    /// Whether the window kept data back since the last acknowledgement.
    pub(super) window_limited: bool,
    /// Whether the peer has left the address (RFC 5061 §5.3 F13): the place is free for another one.
    pub(super) removed: bool,
}

impl Path {
    pub(super) fn new(
        now: SimTime,
        remote: IpAddr,
        local: IpAddr,
        udp_port: u16,
        config: &SctpConfig,
        pmdcs: u32,
    ) -> Self {
        Self {
            remote,
            local,
            udp_port,
            state: PathState::Active,
            confirmed: false,
            rtt: RttEstimator::new(&config.rto),
            window: Window::new(pmdcs, remote.is_ipv6()),
            in_flight: 0,
            burst_limit: u64::from(config.max_burst) * u64::from(pmdcs),
            error_count: 0,
            t3: None,
            heartbeat_at: None,
            heartbeat: None,
            recovery_exit: None,
            timed: None,
            newly_acked: 0,
            pseudo_point: None,
            pseudo_moved: false,
            highest_acked: 0,
            last_sent: now,
            window_limited: false,
            removed: false,
        }
    }

    /// Bytes that may be in flight now.
    #[inline]
    pub(super) fn limit(&self) -> u64 {
        self.window.window().min(self.burst_limit)
    }

    pub(super) fn rto(&self, config: &SctpConfig) -> SimDuration {
        self.rtt.rto(&config.rto)
    }

    /// Forgets what was measured: packets go another way from now on.
    pub(super) fn begin_anew(&mut self, config: &SctpConfig, pmdcs: u32) {
        self.rtt = RttEstimator::new(&config.rto);
        self.window = Window::new(pmdcs, self.remote.is_ipv6());
        (self.t3, self.timed, self.recovery_exit, self.heartbeat) = (None, None, None, None);
        self.renew_burst(config, pmdcs);
    }

    /// Allows another burst from here on.
    pub(super) fn renew_burst(&mut self, config: &SctpConfig, pmdcs: u32) {
        self.burst_limit = self.in_flight + u64::from(config.max_burst) * u64::from(pmdcs);
    }

    /// Whether the path may carry new data beside others.
    pub(super) fn works(&self) -> bool {
        self.confirmed && !self.removed && self.state == PathState::Active
    }

    /// How good the path is for new data: lower is better (RFC 9260 §6.4, RFC 7829 §3).
    pub(super) fn rank(&self) -> (bool, u8, u32) {
        let state = match self.state {
            PathState::Active => 0,
            PathState::PotentiallyFailed => 1,
            PathState::Inactive => 2,
        };
        let state = if self.removed { 3 } else { state };
        (!self.confirmed, state, self.error_count)
    }
}
