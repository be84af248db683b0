//! What a connection counts and shows.

use sim_core::{SimDuration, SimTime};

use super::ecn::EcnStats;
use super::state::State;
use super::timer;

/// Events of a connection, counted since it was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Segments sent, all kinds.
    pub segments_sent: u64,
    /// Segments received, all kinds.
    pub segments_received: u64,
    /// Bytes acknowledged in order.
    pub bytes_acknowledged: u64,
    /// Bytes received in order.
    pub bytes_received: u64,
    /// Duplicate acknowledgments received.
    pub duplicate_acks: u64,
    /// Data segments sent again after duplicate acknowledgments, in fast recovery.
    pub fast_retransmissions: u32,
    /// Data segments sent again after a timeout.
    pub timeout_retransmissions: u32,
    /// Segments sent again by the last-resort rules (3) and (4) of RFC 6675 §4.
    pub rescue_retransmissions: u32,
    /// SYNs and SYN-ACKs sent again.
    pub handshake_retransmissions: u32,
    /// Probes of a closed window.
    pub window_probes: u32,
    /// Keep-alive probes.
    pub keep_alive_probes: u32,
    /// Fast recoveries entered.
    pub fast_recoveries: u32,
    /// Tail loss probes sent (RFC 8985 §7.3).
    pub loss_probes: u32,
    /// Losses that a probe repaired (RFC 8985 §7.4.2).
    pub probe_repairs: u32,
    /// Fast recoveries that were found to be needless, and undone.
    pub fast_recoveries_undone: u32,
    /// Timeouts that were found to be needless, and undone.
    pub timeouts_undone: u32,
    /// Segments sent again that the peer reports to have had already (D-SACK).
    pub spurious_retransmissions: u32,
    /// Window reductions because of congestion marks.
    pub marks_answered: u32,
    /// Segments that the peer reports to have received twice (D-SACK).
    pub duplicates_reported: u32,
    /// Data segments that had arrived before.
    pub duplicates_received: u32,
    /// Data segments beyond a gap.
    pub out_of_order_received: u32,
    /// Data segments beyond a gap that were dropped since too many small ones wait there.
    pub out_of_order_refused: u32,
    /// Segments outside the window, or dropped by PAWS or for lack of a timestamp.
    pub unacceptable_received: u32,
    /// Times that the segment size was lowered because full segments vanished (RFC 4821 §7.7).
    pub black_holes: u32,
    /// Challenge acknowledgments sent (RFC 5961).
    pub challenges_sent: u32,
    /// Expiries by timer, in the order of [`super::Timer::ALL`].
    pub timers_fired: [u32; timer::COUNT],
}

/// What keeps a sender from sending more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    /// There is nothing to send, or Nagle's algorithm waits for more.
    Application,
    /// The receiver's window is full.
    ReceiverWindow,
    /// The congestion window is full.
    CongestionWindow,
    /// Segments leave at a rate, and it is not time for the next one.
    Pacing,
    /// The application has more, but everything that the send buffer holds is on its way.
    SendBuffer,
}

impl Limit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Application, Self::ReceiverWindow, Self::CongestionWindow, Self::Pacing, Self::SendBuffer];

    /// The number in series: 0 to 4, in the order above.
    pub fn number(self) -> u64 {
        match self {
            Self::Application => 0,
            Self::ReceiverWindow => 1,
            Self::CongestionWindow => 2,
            Self::Pacing => 3,
            Self::SendBuffer => 4,
        }
    }
}

/// How long each [`Limit`] has held a sender back: from the end of the handshake until its FIN is acknowledged or the
/// connection is over.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LimitTimes([SimDuration; Limit::ALL.len()]);

impl LimitTimes {
    /// How long it was this one.
    pub fn of(&self, limit: Limit) -> SimDuration {
        self.0[limit.number() as usize]
    }

    /// All together.
    pub fn total(&self) -> SimDuration {
        self.0.iter().fold(SimDuration::ZERO, |sum, time| sum.saturating_add(*time))
    }

    /// Those of `other` too.
    pub fn merge(&mut self, other: &Self) {
        for (own, others) in self.0.iter_mut().zip(other.0) {
            *own = own.saturating_add(others);
        }
    }
}

/// What holds the sender back now, and how long it was what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LimitClock {
    limit: Limit,
    /// Since when; `SimTime::MAX` before the handshake is over and after the FIN is acknowledged.
    since: SimTime,
    times: LimitTimes,
}

impl LimitClock {
    pub(crate) fn new() -> Self {
        Self { limit: Limit::Application, since: SimTime::MAX, times: LimitTimes::default() }
    }

    /// The time counts from now on.
    pub(crate) fn start(&mut self, now: SimTime) {
        self.since = self.since.min(now);
    }

    pub(crate) fn stop(&mut self, now: SimTime) {
        self.times = self.times(now);
        self.since = SimTime::MAX;
    }

    pub(crate) fn limit(&self) -> Limit {
        self.limit
    }

    #[inline]
    pub(crate) fn set(&mut self, now: SimTime, limit: Limit) {
        if self.limit != limit {
            if self.since != SimTime::MAX {
                self.times = self.times(now);
                self.since = now;
            }
            self.limit = limit;
        }
    }

    pub(crate) fn times(&self, now: SimTime) -> LimitTimes {
        let mut times = self.times;
        let own = &mut times.0[self.limit.number() as usize];
        *own = own.saturating_add(now.saturating_since(self.since));
        times
    }
}

/// A connection at one moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ConnectionStats {
    /// State.
    pub state: State,
    /// Congestion window in bytes.
    pub cwnd: u64,
    /// Slow start threshold in bytes; `None` before the first congestion.
    pub ssthresh: Option<u64>,
    /// Smoothed round-trip time.
    pub srtt: Option<SimDuration>,
    /// Variation of the round-trip time.
    pub rttvar: SimDuration,
    /// Smallest round-trip time seen.
    pub rtt_min: Option<SimDuration>,
    /// Retransmission timeout, back-off included.
    pub rto: SimDuration,
    /// Bytes sent and not acknowledged in order.
    pub bytes_in_flight: u64,
    /// Bytes estimated to be in the network.
    pub bytes_in_network: u64,
    /// Window that the peer offers, in bytes.
    pub peer_window: u64,
    /// What holds the sender back.
    pub limited_by: Limit,
    /// Bytes that the receive buffer holds.
    pub receive_buffer: u32,
    /// Pieces of data that wait beyond gaps.
    pub out_of_order_pieces: u32,
    /// Payload of a full segment.
    pub segment_payload: u32,
    /// Bytes written and not acknowledged.
    pub unacknowledged: u64,
    /// Bytes from the stream's start to the end of what the peer calls urgent (RFC 9293 §3.8.5, MUST-33).
    pub urgent_until: Option<u64>,
    /// The last ICMP error that did not end the connection.
    pub soft_error: Option<crate::endpoint::IcmpError>,
    /// Explicit congestion notification.
    pub ecn: EcnStats,
    /// Counters.
    pub counters: Counters,
}
