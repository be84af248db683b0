//! The metrics that a scenario may plot and expect, and the columns they stand in.

use serde_json::Value;

use super::quantity::{Duration, Energy, Fraction, Rate, Size};

/// The unit of a metric's column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricUnit {
    /// A number of things.
    Count,
    /// A share from 0 to 1.
    Share,
    /// A quotient without an upper end.
    Ratio,
    /// Nanoseconds.
    Nanoseconds,
    /// Bits per second.
    BitsPerSecond,
    /// Bytes.
    Bytes,
    /// Joules.
    Joules,
}

/// Which direction is an improvement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
}

/// One figure that comes out of each run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Metric {
    /// The name in a scenario: "latency.p95".
    pub name: &'static str,
    /// The column in `runs.csv`: "latency_p95_ns".
    pub column: &'static str,
    /// The unit of the column.
    pub unit: MetricUnit,
    /// The name in tables and plots.
    pub title: &'static str,
    /// Which direction is an improvement; `None` where neither is.
    pub better: Option<Better>,
}

impl MetricUnit {
    /// The unit as `manifest.json` writes it.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Count | Self::Share | Self::Ratio => "1",
            Self::Nanoseconds => "ns",
            Self::BitsPerSecond => "bit/s",
            Self::Bytes => "B",
            Self::Joules => "J",
        }
    }

    /// What a bound on such a metric looks like, for messages.
    pub(crate) const fn example(self) -> &'static str {
        match self {
            Self::Count => "a number such as 100",
            Self::Share => "a share such as \"99 %\" or 0.99",
            Self::Ratio => "a number such as 1.5",
            Self::Nanoseconds => "a duration such as \"20 ms\"",
            Self::BitsPerSecond => "a data rate such as \"1 Mbit/s\"",
            Self::Bytes => "a number of bytes such as \"64 B\"",
            Self::Joules => "an energy such as \"20 mJ\"",
        }
    }

    /// A bound on such a metric in the unit of its column: a bare number, or a quantity.
    pub(crate) fn read(self, value: &Value) -> Option<f64> {
        match value {
            Value::Number(number) => number.as_f64().filter(|number| number.is_finite()),
            Value::String(text) => match self {
                Self::Count | Self::Ratio => {
                    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
                }
                Self::Share => text.parse().ok().map(Fraction::as_f64),
                Self::Nanoseconds => text.parse().ok().map(|time: Duration| time.as_nanos() as f64),
                Self::BitsPerSecond => text.parse().ok().map(|rate: Rate| rate.as_bits_per_second() as f64),
                Self::Bytes => text.parse().ok().map(|size: Size| size.as_bytes() as f64),
                Self::Joules => text.parse().ok().map(Energy::as_joules),
            },
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl Better {
    /// The word as `manifest.json` writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
        }
    }
}

/// The metric called `name`, if there is one.
pub fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

const fn row(
    name: &'static str,
    column: &'static str,
    unit: MetricUnit,
    title: &'static str,
    better: Option<Better>,
) -> Metric {
    Metric { name, column, unit, title, better }
}

/// All metrics, in the order of their columns.
pub const METRICS: &[Metric] = {
    use MetricUnit::{BitsPerSecond, Bytes, Count, Joules, Nanoseconds, Ratio, Share};
    const LOWER: Option<Better> = Some(Better::Lower);
    const HIGHER: Option<Better> = Some(Better::Higher);
    &[
        row("generated", "messages_generated", Count, "messages generated", None),
        row("messages-delivered", "messages_delivered", Count, "messages delivered", HIGHER),
        row("delivered", "delivered_fraction", Share, "share of messages delivered", HIGHER),
        row("duplicates", "messages_duplicate", Count, "messages delivered twice", LOWER),
        row("late", "messages_late", Count, "messages delivered late", LOWER),
        row("latency.mean", "latency_mean_ns", Nanoseconds, "latency, mean", LOWER),
        row("latency.min", "latency_min_ns", Nanoseconds, "latency, least", LOWER),
        row("latency.p50", "latency_p50_ns", Nanoseconds, "latency, median", LOWER),
        row("latency.p90", "latency_p90_ns", Nanoseconds, "latency, 90th percentile", LOWER),
        row("latency.p95", "latency_p95_ns", Nanoseconds, "latency, 95th percentile", LOWER),
        row("latency.p99", "latency_p99_ns", Nanoseconds, "latency, 99th percentile", LOWER),
        row("latency.max", "latency_max_ns", Nanoseconds, "latency, greatest", LOWER),
        row("goodput", "goodput_bps", BitsPerSecond, "goodput", HIGHER),
        row("application-bytes", "application_bytes", Bytes, "application bytes delivered", HIGHER),
        row("overhead-bytes", "overhead_bytes", Bytes, "bytes on the wire at the sender", LOWER),
        row("overhead", "overhead_ratio", Ratio, "bytes on the wire for each byte delivered", LOWER),
        row("frames", "frames", Count, "frames at the sender", LOWER),
        row("frames-per-message", "frames_per_message", Ratio, "frames for each message delivered", LOWER),
        row("hop-bytes", "hop_bytes", Bytes, "bytes on the wire, all hops", LOWER),
        row("hop-frames", "hop_frames", Count, "frames, all hops", LOWER),
        row("stall", "stall_max_ns", Nanoseconds, "longest time without delivery", LOWER),
        row("setup-time", "setup_time_ns", Nanoseconds, "set-up time", LOWER),
        row("half-open", "half_open_max", Count, "most connections half open at the receivers", LOWER),
        row("retransmission-bytes", "retransmission_bytes", Bytes, "bytes sent again", LOWER),
        row(
            "limited.application",
            "limited_application_fraction",
            Share,
            "time limited by the application",
            None,
        ),
        row(
            "limited.send-buffer",
            "limited_send_buffer_fraction",
            Share,
            "time limited by the send buffer",
            None,
        ),
        row(
            "limited.receiver",
            "limited_receiver_fraction",
            Share,
            "time limited by the receiver's window",
            None,
        ),
        row("limited.cwnd", "limited_cwnd_fraction", Share, "time limited by the congestion window", None),
        row("limited.pacing", "limited_pacing_fraction", Share, "time limited by pacing", None),
        row(
            "session.retransmissions",
            "session_retransmissions",
            Count,
            "messages sent again by the session",
            LOWER,
        ),
        row("session.duplicates", "session_duplicates", Count, "duplicates recognised by the session", LOWER),
        row("session.failed", "session_failed", Count, "exchanges that failed", LOWER),
        row("session.messages", "session_messages", Count, "messages of the session at the sender", LOWER),
        row(
            "session.response-time.mean",
            "session_response_time_mean_ns",
            Nanoseconds,
            "from request to response, mean",
            LOWER,
        ),
        row(
            "session.response-time.max",
            "session_response_time_max_ns",
            Nanoseconds,
            "from request to response, longest",
            LOWER,
        ),
        row("session.timer.1", "session_timer_1", Count, "retransmissions by the first timer", LOWER),
        row("session.timer.2", "session_timer_2", Count, "retransmissions by the second timer", LOWER),
        row("session.timer.3", "session_timer_3", Count, "retransmissions by the third timer", LOWER),
        row("session.timer.4", "session_timer_4", Count, "retransmissions by the fourth timer", LOWER),
        row("session.timer.later", "session_timer_later", Count, "retransmissions by later timers", LOWER),
        row("session.tokens", "session_tokens_max", Count, "most requests under way at once", LOWER),
        row("session.exchanges", "session_exchanges_max", Count, "most exchanges remembered at once", LOWER),
        row("session.bytes.header", "session_header_bytes", Bytes, "bytes of the session's headers", LOWER),
        row("session.bytes.token", "session_token_bytes", Bytes, "bytes of tokens", LOWER),
        row("session.bytes.options", "session_option_bytes", Bytes, "bytes of options", LOWER),
        row("session.bytes.marker", "session_marker_bytes", Bytes, "bytes of payload markers", LOWER),
        row("session.bytes.payload", "session_payload_bytes", Bytes, "bytes of payloads", None),
        row("mptcp.subflows", "mptcp_subflows", Count, "subflows", None),
        row("mptcp.fallbacks", "mptcp_fallbacks", Count, "connections that fell back to TCP", LOWER),
        row("mptcp.busiest", "mptcp_busiest_share", Share, "share of the busiest subflow", None),
        row("mptcp.again", "mptcp_again_share", Share, "share given to a subflow again", LOWER),
        row(
            "mptcp.out-of-order",
            "mptcp_out_of_order_max_bytes",
            Bytes,
            "most bytes that waited behind a gap",
            LOWER,
        ),
        row("energy", "energy_j", Joules, "energy of the senders", LOWER),
        row("energy-per-message", "energy_per_message_j", Joules, "energy for each message delivered", LOWER),
        row(
            "energy-per-exchange",
            "energy_per_exchange_j",
            Joules,
            "energy for each exchange that was answered",
            LOWER,
        ),
        row("energy.radio", "energy_radio_j", Joules, "energy of the senders' radios", LOWER),
        row("energy.mcu", "energy_mcu_j", Joules, "energy of the senders' processors", LOWER),
        row("energy-network", "energy_network_j", Joules, "energy of all nodes", LOWER),
        row(
            "energy.energest",
            "energy_energest_j",
            Joules,
            "energy of the senders, as Energest estimates",
            LOWER,
        ),
        row("battery-life", "battery_life_ns", Nanoseconds, "battery life", HIGHER),
        row(
            "battery-life.least",
            "battery_life_least_ns",
            Nanoseconds,
            "battery life at maximum currents",
            HIGHER,
        ),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_two_metrics_share_a_name_or_a_column() {
        for (at, one) in METRICS.iter().enumerate() {
            for other in &METRICS[at + 1..] {
                assert!(one.name != other.name && one.column != other.column, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_bound_is_read_in_the_unit_of_its_column() {
        let latency = metric("latency.p95").expect("it is in the table");
        assert_eq!(latency.unit.read(&json!("20 ms")), Some(20e6));
        assert_eq!(latency.unit.read(&json!(5)), Some(5.0));
        assert_eq!(latency.unit.read(&json!("20 B")), None);
    }
}
