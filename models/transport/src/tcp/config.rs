//! What can be chosen for a connection.

use sim_core::SimDuration;

use super::ecn::EcnFeedback;
use super::listener::ListenerConfig;
use super::path_mtu::PathMtuDiscovery;
use crate::congestion::Algorithm;
use crate::rtt::RtoLimits;

/// How a sender finds out that something is lost.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LossDetection {
    /// By time, with loss probes (RACK-TLP, RFC 8985), where the peer reports selectively; else as below.
    #[default]
    RackTlp,
    /// By duplicate acknowledgments: RFC 6675 where the peer reports selectively, else RFC 6582.
    DuplicateAcks,
}

/// Settings of a connection or of all connections of a listener. The defaults are those of the RFCs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TcpConfig {
    /// Port that connections are opened from where the call names none; 0 for an ephemeral one.
    pub local_port: u16,
    /// Largest packet that the interface takes, internet header included.
    pub mtu: u32,
    /// Upper bound of the segment size announced and used, payload and options together.
    pub segment_size_max: u16,
    /// Bytes that the application may have written and the peer not yet acknowledged.
    pub send_buffer: u32,
    /// Bytes that may have arrived and not been read; at most 1 GiB is advertised (RFC 7323 §2.3).
    pub receive_buffer: u32,
    /// Where set, the receive buffer begins with so many bytes and grows up to `receive_buffer` as the application
    /// reads: twice what it reads in a round trip (Fisk and Feng, "Dynamic Right-Sizing in TCP", LACSI 2001).
    pub receive_buffer_initial: Option<u32>,
    /// Congestion control.
    pub congestion: Algorithm,
    /// CUBIC leaves its first slow start by HyStart++ (RFC 9406).
    pub hystart: bool,
    /// CUBIC that loses below its last maximum gives way to others (RFC 9438 §4.7).
    pub fast_convergence: bool,
    /// Segments leave at a rate, not in bursts, also where the congestion control does not ask for it.
    pub pacing: bool,
    /// Initial window in segments, or RFC 6928's.
    pub initial_window: Option<u32>,
    /// Whether the window shrinks to the initial one after a pause (RFC 5681 §4.1).
    pub restart_after_idle: bool,
    /// Whether a window that is not used is kept instead, and validated by use (RFC 7661).
    pub window_validation: bool,
    /// Limits of the retransmission timeout.
    pub rto: RtoLimits,
    /// Offer selective acknowledgment (RFC 2018).
    pub sack: bool,
    /// Offer timestamps (RFC 7323 §3).
    pub timestamps: bool,
    /// Offer window scaling (RFC 7323 §2).
    pub window_scaling: bool,
    /// Offer explicit congestion notification, with this feedback (RFC 3168, RFC 9768).
    pub ecn: EcnFeedback,
    /// How losses are found.
    pub loss_detection: LossDetection,
    /// Let what is delivered pace a fast recovery (RFC 9937), where the peer reports selectively.
    pub proportional_rate_reduction: bool,
    /// Find out whether a timeout was needed before resending more than one segment (F-RTO, RFC 5682).
    pub f_rto: bool,
    /// Take back a reduction of the window that D-SACKs (RFC 3708) or timestamps (RFC 3522) show to be
    /// needless.
    pub undo: bool,
    /// Tell the peer of the user timeout, and heed the peer's (RFC 5482).
    pub user_timeout_option: bool,
    /// How the path's packet size is learnt.
    pub path_mtu: PathMtuDiscovery,
    /// Send data in the SYN where the server has given a cookie, and ask for one elsewhere (RFC 7413).
    pub fast_open: bool,
    /// What only listeners use.
    pub listener: ListenerConfig,
    /// Send up to two new segments on the first duplicate acknowledgments (RFC 3042).
    pub limited_transmit: bool,
    /// Hold back small segments while data is unacknowledged (RFC 9293 §3.7.4).
    pub nagle: bool,
    /// Nagle's algorithm waits for the acknowledgment of small segments only (Minshall's variant, as in Linux).
    pub minshall: bool,
    /// The first segments of a connection that are acknowledged at once, each by itself; Linux has up to 16.
    pub quick_acks: u8,
    /// Longest delay of an acknowledgment, at most 500 ms (RFC 9293 §3.8.6.3, MUST-40); zero acknowledges
    /// every segment at once.
    pub ack_delay: SimDuration,
    /// An acknowledgment is sent at once for this many full segments; 2 (RFC 9293 §3.8.6.3, SHLD-19).
    pub ack_every: u8,
    /// Idle time before the first keep-alive probe; none are sent unless set (RFC 9293 §3.8.4, MUST-25).
    pub keep_alive: Option<KeepAlive>,
    /// R2 for a SYN: how long to try to connect, at least 3 minutes (RFC 9293 §3.8.3, MUST-23).
    pub connect_timeout: SimDuration,
    /// R2 for data: how long data may go unacknowledged (RFC 9293 §3.8.3), 5 minutes (§3.9.1.1).
    pub user_timeout: SimDuration,
    /// R1: retransmissions of one segment before [`super::TcpEvent::Stalled`] is reported; 3 (SHLD-10).
    pub retransmissions_stalled: u8,
    /// Twice the maximum segment lifetime: 4 minutes (RFC 9293 §3.4.2).
    pub time_wait: SimDuration,
    /// How long a connection that the application has closed waits for the peer's FIN.
    pub fin_wait: SimDuration,
    /// Hop limit of every segment, or the host's default.
    pub hop_limit: Option<u8>,
    /// Differentiated services code point in the upper six bits of the traffic class.
    pub traffic_class: u8,
}

/// Keep-alive probes (RFC 9293 §3.8.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeepAlive {
    /// Silence before the first probe, by default two hours (MUST-28).
    pub idle: SimDuration,
    /// Time between probes.
    pub interval: SimDuration,
    /// Probes without an answer after which the connection is given up.
    pub probes: u8,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self { idle: SimDuration::from_secs(7200), interval: SimDuration::from_secs(75), probes: 9 }
    }
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            local_port: 0,
            mtu: 1500,
            segment_size_max: u16::MAX,
            send_buffer: 1 << 20,
            receive_buffer: 1 << 20,
            receive_buffer_initial: None,
            congestion: Algorithm::Reno,
            hystart: false,
            fast_convergence: true,
            pacing: false,
            initial_window: None,
            restart_after_idle: true,
            window_validation: false,
            rto: RtoLimits::default(),
            sack: true,
            timestamps: true,
            window_scaling: true,
            ecn: EcnFeedback::Off,
            loss_detection: LossDetection::default(),
            proportional_rate_reduction: true,
            f_rto: true,
            undo: true,
            user_timeout_option: false,
            path_mtu: PathMtuDiscovery::Icmp,
            fast_open: false,
            listener: ListenerConfig::default(),
            limited_transmit: true,
            nagle: true,
            minshall: false,
            quick_acks: 0,
            ack_delay: SimDuration::from_millis(200),
            ack_every: 2,
            keep_alive: None,
            connect_timeout: SimDuration::from_secs(180),
            user_timeout: SimDuration::from_secs(300),
            retransmissions_stalled: 3,
            time_wait: SimDuration::from_secs(240),
            fin_wait: SimDuration::from_secs(60),
            hop_limit: None,
            traffic_class: 0,
        }
    }
}

impl TcpConfig {
    /// The shift that lets the receive buffer be advertised in 16 bits (RFC 7323 §2.2), at most 14.
    pub(crate) fn window_shift(&self) -> u8 {
        (0..MAX_SHIFT).find(|shift| self.receive_buffer >> shift <= u32::from(u16::MAX)).unwrap_or(MAX_SHIFT)
    }

    /// Payload and options of the largest segment that fits the interface (RFC 6691 §2).
    pub(crate) fn segment_size(&self, ipv6: bool) -> u16 {
        segment_size_of(self.mtu, ipv6).min(self.segment_size_max)
    }
}

/// Payload and options that fit a packet of `mtu` bytes behind fixed headers (RFC 6691 §2), at least
/// what the smallest legal packet leaves (IPv4 68 bytes, IPv6 1280).
pub(crate) fn segment_size_of(mtu: u32, ipv6: bool) -> u16 {
    let (headers, mtu_min) = if ipv6 { (60, 1280) } else { (40, 68) };
    u16::try_from(mtu.max(mtu_min) - headers).unwrap_or(u16::MAX)
}

/// What a peer takes that announces no maximum segment size (RFC 9293 §3.7.1, MUST-15).
pub(crate) fn default_segment_size(ipv6: bool) -> u16 {
    if ipv6 { 1220 } else { 536 }
}

/// The largest window shift (RFC 7323 §2.3).
pub(crate) const MAX_SHIFT: u8 = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shift_is_the_smallest_that_shows_the_whole_buffer() {
        let shift = |receive_buffer| TcpConfig { receive_buffer, ..TcpConfig::default() }.window_shift();
        assert_eq!(shift(65_535), 0);
        assert_eq!(shift(65_536), 1);
        assert_eq!(shift(1 << 20), 5, "2^20 >> 4 = 65536 does not fit, >> 5 does");
        assert_eq!(shift(u32::MAX), 14);
    }

    #[test]
    fn the_segment_size_leaves_room_for_fixed_headers() {
        assert_eq!(segment_size_of(1500, false), 1460);
        assert_eq!(segment_size_of(1500, true), 1440);
        assert_eq!(segment_size_of(0, false), 28);
        assert_eq!(segment_size_of(1 << 20, false), 65_535);
    }
}
