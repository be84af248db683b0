//! TCP's configuration.

use sim_core::SimDuration;
use transport::congestion::Algorithm;
use transport::tcp::{EcnFeedback, KeepAlive, LossDetection, PathMtuDiscovery, SynCookies, TcpConfig};

use crate::language::TcpProfile;
use crate::language::document::{self, CongestionControl};
use crate::language::{Duration, Size};

/// The configuration for `options`; what they leave out is the profile's.
pub(super) fn config(profile: TcpProfile, options: &document::TcpOptions) -> TcpConfig {
    let mut tcp = defaults(profile);
    let bytes = |size: Size| u32::try_from(size.as_bytes()).unwrap_or(u32::MAX);
    let set = |value: &mut bool, option: Option<bool>| *value = option.unwrap_or(*value);
    let set_time = |value: &mut SimDuration, option: Option<Duration>| {
        *value = option.map_or(*value, Into::into);
    };
    tcp.congestion = options.congestion.map_or(tcp.congestion, algorithm);
    set(&mut tcp.hystart, options.hystart);
    set(&mut tcp.fast_convergence, options.fast_convergence);
    set(&mut tcp.pacing, options.pacing);
    if let Some(mss) = options.mss {
        tcp.segment_size_max = u16::try_from(mss.as_bytes()).unwrap_or(u16::MAX);
        tcp.receive_buffer = one_segment(profile, &tcp).unwrap_or(tcp.receive_buffer);
    }
    tcp.local_port = options.source_port.unwrap_or(0);
    set(&mut tcp.nagle, options.nagle);
    tcp.ack_every = options.delayed_ack.map_or(tcp.ack_every, |delayed| if delayed { 2 } else { 1 });
    set_time(&mut tcp.ack_delay, options.delayed_ack_time);
    set(&mut tcp.sack, options.sack);
    tcp.loss_detection = match options.loss_detection {
        Some(document::LossDetection::DuplicateAcks) => LossDetection::DuplicateAcks,
        Some(document::LossDetection::RackTlp) => LossDetection::RackTlp,
        None => tcp.loss_detection,
    };
    set(&mut tcp.proportional_rate_reduction, options.prr);
    set(&mut tcp.f_rto, options.f_rto);
    set(&mut tcp.undo, options.undo);
    set(&mut tcp.limited_transmit, options.limited_transmit);
    set(&mut tcp.timestamps, options.timestamps);
    set(&mut tcp.window_scaling, options.window_scale);
    tcp.initial_window = options.initial_window.or(tcp.initial_window);
    set(&mut tcp.window_validation, options.window_validation);
    tcp.send_buffer = options.send_buffer.map_or(tcp.send_buffer, bytes);
    tcp.receive_buffer = options.receive_buffer.map_or(tcp.receive_buffer, bytes);
    tcp.receive_buffer_initial = options.receive_buffer_initial.map(bytes).or(tcp.receive_buffer_initial);
    tcp.ecn = match options.ecn {
        Some(document::Ecn::Accurate) => EcnFeedback::Accurate,
        Some(document::Ecn::Classic) => EcnFeedback::Classic,
        None if tcp.congestion == Algorithm::Dctcp => EcnFeedback::Classic,
        Some(document::Ecn::Off) | None => EcnFeedback::Off,
    };
    set_time(&mut tcp.rto.min, options.rto_min);
    set_time(&mut tcp.rto.initial, options.rto_initial);
    set_time(&mut tcp.rto.max, options.rto_max);
    tcp.rto.max = tcp.rto.max.max(tcp.rto.min);
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
    set(&mut tcp.minshall, options.minshall);
    tcp.quick_acks = options.quick_acks.unwrap_or(tcp.quick_acks);
    tcp.path_mtu = match options.path_mtu_discovery {
        Some(document::PathMtuDiscovery::Off) => PathMtuDiscovery::Off,
        Some(document::PathMtuDiscovery::BlackHoles) => PathMtuDiscovery::BlackHoles,
        Some(document::PathMtuDiscovery::Icmp) | None => PathMtuDiscovery::Icmp,
    };
    set_fast_open(&mut tcp, options.fast_open.unwrap_or(false));
    tcp.listener.syn_queue = options.backlog.unwrap_or(tcp.listener.syn_queue);
    tcp.listener.syn_cookies = match options.syn_cookies {
        Some(document::SynCookies::Off) => SynCookies::Off,
        Some(document::SynCookies::Always) => SynCookies::Always,
        Some(document::SynCookies::WhenFull) | None => SynCookies::WhenFull,
    };
    tcp.keep_alive = options.keep_alive.map(|idle| KeepAlive { idle: idle.into(), ..KeepAlive::default() });
    tcp
}

/// What a profile has where the scenario says nothing.
fn defaults(profile: TcpProfile) -> TcpConfig {
    let millis = SimDuration::from_millis;
    let mut current = TcpConfig { congestion: Algorithm::Cubic, hystart: true, ..TcpConfig::default() };
    current.ack_delay = millis(40);
    current.rto.min = millis(200);
    current.rto.max = SimDuration::from_secs(60);
    match profile {
        TcpProfile::Current => current,
        // TCP_RTO_MIN, TCP_RTO_MAX, TCP_DELACK_MIN, TCP_MAX_QUICKACKS, TCP_TIMEWAIT_LEN of Linux's include/net/tcp.h;
        // tcp_rmem, tcp_wmem, tcp_syn_retries (6) and tcp_retries2 (15) of its ip-sysctl documentation.
        TcpProfile::Linux => {
            let mut linux = TcpConfig {
                minshall: true,
                quick_acks: 16,
                time_wait: SimDuration::from_secs(60),
                send_buffer: 4 << 20,
                receive_buffer: 6 << 20,
                receive_buffer_initial: Some(128 << 10),
                ..current
            };
            linux.rto.max = SimDuration::from_secs(120);
            linux.connect_timeout = backed_off(linux.rto.initial, linux.rto.max, 6);
            linux.user_timeout = backed_off(linux.rto.min, linux.rto.max, 15);
            linux
        }
        // RFC 5681 and RFC 6582, with the timer of RFC 6298: no option but the segment size, three segments at first
        // (RFC 5681 §3.1, for segments of 1096 to 2190 bytes), acknowledgments after 200 ms as in 4.3BSD.
        TcpProfile::Classic => TcpConfig {
            congestion: Algorithm::Reno,
            hystart: false,
            initial_window: Some(3),
            sack: false,
            timestamps: false,
            window_scaling: false,
            loss_detection: LossDetection::DuplicateAcks,
            proportional_rate_reduction: false,
            f_rto: false,
            undo: false,
            limited_transmit: false,
            receive_buffer: u32::from(u16::MAX),
            ..TcpConfig::default()
        },
        // RFC 9006 §3.1.1: an MSS of at most 1220; §3.2.1: one segment in flight; §3.2.2: no option but the segment
        // size; §3.2.3: no delayed acknowledgments, for the sender waits for each.
        TcpProfile::Constrained => {
            let constrained = TcpConfig {
                segment_size_max: 1220,
                initial_window: Some(1),
                ack_every: 1,
                send_buffer: 4 << 10,
                limited_transmit: false,
                ..defaults(TcpProfile::Classic)
            };
            let receive_buffer = one_segment(profile, &constrained).unwrap_or(constrained.receive_buffer);
            TcpConfig { receive_buffer, ..constrained }
        }
    }
}

/// The receive buffer of a device that takes one segment at a time: as much as one holds.
fn one_segment(profile: TcpProfile, tcp: &TcpConfig) -> Option<u32> {
    (profile == TcpProfile::Constrained).then_some(u32::from(tcp.segment_size_max))
}

fn algorithm(congestion: CongestionControl) -> Algorithm {
    match congestion {
        CongestionControl::Cubic => Algorithm::Cubic,
        CongestionControl::Reno => Algorithm::Reno,
        CongestionControl::Vegas => Algorithm::Vegas,
        CongestionControl::Westwood => Algorithm::Westwood,
        CongestionControl::Ledbat => Algorithm::Ledbat,
        CongestionControl::Dctcp => Algorithm::Dctcp,
        CongestionControl::Bbr => Algorithm::Bbr,
    }
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

/// The configuration of a service that a node offers by itself.
pub(super) fn of_service(fast_open: bool) -> TcpConfig {
    let mut tcp = TcpConfig::default();
    set_fast_open(&mut tcp, fast_open);
    tcp
}

fn set_fast_open(tcp: &mut TcpConfig, fast_open: bool) {
    tcp.fast_open = fast_open;
    tcp.listener.fast_open = if fast_open { FAST_OPEN_PENDING } else { 0 };
}

/// Connections that Fast Open may have opened at a listener before their handshakes are over.
const FAST_OPEN_PENDING: u32 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constrained_device_has_one_segment_in_flight() {
        let plain = config(TcpProfile::Constrained, &document::TcpOptions::default());
        assert_eq!(
            (plain.receive_buffer, plain.segment_size_max, plain.initial_window),
            (1220, 1220, Some(1))
        );
        assert!(!(plain.sack || plain.timestamps || plain.window_scaling), "RFC 9006 §3.2.2");
        let mss: Size = "128 B".parse().expect("a size");
        let small =
            config(TcpProfile::Constrained, &document::TcpOptions { mss: Some(mss), ..Default::default() });
        assert_eq!((small.receive_buffer, small.segment_size_max), (128, 128));
    }

    #[test]
    fn an_option_counts_more_than_the_profile() {
        let options = document::TcpOptions {
            congestion: Some(CongestionControl::Bbr),
            sack: Some(true),
            ..Default::default()
        };
        let tcp = config(TcpProfile::Classic, &options);
        assert_eq!((tcp.congestion, tcp.sack, tcp.timestamps), (Algorithm::Bbr, true, false));
    }

    #[test]
    fn dctcp_brings_its_marks_with_it() {
        let dctcp = document::TcpOptions { congestion: Some(CongestionControl::Dctcp), ..Default::default() };
        assert_eq!(config(TcpProfile::Current, &dctcp).ecn, EcnFeedback::Classic);
        assert_eq!(config(TcpProfile::Current, &document::TcpOptions::default()).ecn, EcnFeedback::Off);
        let accurate = document::TcpOptions { ecn: Some(document::Ecn::Accurate), ..dctcp };
        assert_eq!(config(TcpProfile::Current, &accurate).ecn, EcnFeedback::Accurate);
    }

    #[test]
    fn linux_gives_up_as_its_documentation_says() {
        let linux = config(TcpProfile::Linux, &document::TcpOptions::default());
        // ip-sysctl: tcp_syn_retries 6 is 127 seconds; tcp_retries2 15 "a hypothetical timeout of 924.6 seconds".
        assert_eq!(linux.connect_timeout, SimDuration::from_secs(127));
        assert_eq!(linux.user_timeout, SimDuration::from_millis(924_600));
    }
}
