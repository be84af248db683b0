//! TCP's configuration.

use sim_core::SimDuration;
use transport::congestion::Algorithm;
use transport::tcp::{KeepAlive, LossDetection, PathMtuDiscovery, SynCookies, TcpConfig};

use crate::language::document::{self, CongestionControl};

/// The configuration for `options`; what they leave out is the default.
pub(super) fn config(options: &document::TcpOptions) -> TcpConfig {
    let mut tcp = TcpConfig::default();
    let bytes = |size: crate::language::Size| u32::try_from(size.as_bytes()).unwrap_or(u32::MAX);
    tcp.congestion = match options.congestion {
        Some(CongestionControl::Reno) => Algorithm::Reno,
        Some(CongestionControl::Cubic) | None => Algorithm::Cubic,
    };
    if let Some(mss) = options.mss {
        tcp.segment_size_max = u16::try_from(mss.as_bytes()).unwrap_or(u16::MAX);
    }
    tcp.nagle = options.nagle.unwrap_or(true);
    tcp.ack_every = if options.delayed_ack.unwrap_or(true) { 2 } else { 1 };
    tcp.ack_delay = options.delayed_ack_time.map_or(SimDuration::from_millis(40), Into::into);
    tcp.sack = options.sack.unwrap_or(true);
    tcp.loss_detection = match options.loss_detection {
        Some(document::LossDetection::DuplicateAcks) => LossDetection::DuplicateAcks,
        Some(document::LossDetection::RackTlp) | None => LossDetection::RackTlp,
    };
    tcp.proportional_rate_reduction = options.prr.unwrap_or(true);
    tcp.f_rto = options.f_rto.unwrap_or(true);
    tcp.undo = options.undo.unwrap_or(true);
    tcp.limited_transmit = options.limited_transmit.unwrap_or(true);
    tcp.timestamps = options.timestamps.unwrap_or(true);
    tcp.window_scaling = options.window_scale.unwrap_or(true);
    tcp.initial_window = options.initial_window;
    tcp.send_buffer = options.send_buffer.map_or(tcp.send_buffer, bytes);
    tcp.receive_buffer = options.receive_buffer.map_or(tcp.receive_buffer, bytes);
    tcp.ecn = options.ecn.unwrap_or(false);
    tcp.rto.min = options.rto_min.map_or(SimDuration::from_millis(200), Into::into);
    tcp.rto.initial = options.rto_initial.map_or(SimDuration::from_secs(1), Into::into);
    tcp.rto.max = options.rto_max.map_or(SimDuration::from_secs(60), Into::into);
    if let Some(retries) = options.syn_retries {
        tcp.connect_timeout = backed_off(tcp.rto.initial, tcp.rto.max, retries);
    }
    if let Some(retries) = options.retries {
        tcp.user_timeout = backed_off(tcp.rto.min, tcp.rto.max, retries);
    }
    if let Some(timeout) = options.user_timeout {
        tcp.user_timeout = timeout.into();
        tcp.user_timeout_option = true;
    }
    tcp.minshall = options.minshall.unwrap_or(false);
    tcp.quick_acks = options.quick_acks.unwrap_or(0);
    tcp.path_mtu = match options.path_mtu_discovery {
        Some(document::PathMtuDiscovery::Off) => PathMtuDiscovery::Off,
        Some(document::PathMtuDiscovery::BlackHoles) => PathMtuDiscovery::BlackHoles,
        Some(document::PathMtuDiscovery::Icmp) | None => PathMtuDiscovery::Icmp,
    };
    tcp.fast_open = options.fast_open.unwrap_or(false);
    tcp.listener.fast_open = if tcp.fast_open { FAST_OPEN_PENDING } else { 0 };
    tcp.listener.syn_queue = options.backlog.unwrap_or(tcp.listener.syn_queue);
    tcp.listener.syn_cookies = match options.syn_cookies {
        Some(document::SynCookies::Off) => SynCookies::Off,
        Some(document::SynCookies::Always) => SynCookies::Always,
        Some(document::SynCookies::WhenFull) | None => SynCookies::WhenFull,
    };
    tcp.keep_alive = options.keep_alive.map(|idle| KeepAlive { idle: idle.into(), ..KeepAlive::default() });
    tcp
}

/// When the timeout behind the last of `retries` repetitions expires, each twice as long as the one before.
fn backed_off(first: SimDuration, longest: SimDuration, retries: u8) -> SimDuration {
    let mut timeout = first.min(longest);
    let mut total = timeout;
    for _ in 0..retries {
        timeout = timeout.saturating_mul(2).min(longest);
        total = total.saturating_add(timeout);
    }
    total
}

/// Connections that Fast Open may have opened at a listener before their handshakes are over.
const FAST_OPEN_PENDING: u32 = 256;
