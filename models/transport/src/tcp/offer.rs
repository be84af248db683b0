//! What a SYN offers, or a SYN-ACK agrees to.

use wire::ip::Ecn;
use wire::tcp::TcpFlags;
use wire::tcp_options::{AccEcnCounters, FastOpenCookie, TcpOption, UserTimeout};

use super::segment::Segment;

/// A SYN without its sockets. It may also be put together from a SYN cookie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub(super) sequence: u32,
    pub(super) flags: TcpFlags,
    /// The mark that it arrived with.
    pub(super) mark: Ecn,
    /// Not scaled (RFC 7323 §2.2).
    pub(super) window: u16,
    pub(super) segment_size: Option<u16>,
    pub(super) window_shift: Option<u8>,
    pub(super) sack: bool,
    /// The peer's timestamp.
    pub(super) timestamp: Option<u32>,
    pub(super) user_timeout: Option<UserTimeout>,
    pub(super) fast_open: Option<FastOpenCookie>,
    /// Only a SYN-ACK has them (RFC 9768 §3.2.3.2.1).
    pub(super) accurate_counters: Option<AccEcnCounters>,
}

impl Offer {
    pub(super) fn of(syn: &Segment<'_>) -> Self {
        let mut offer = Self {
            sequence: syn.header.sequence_number,
            flags: syn.header.flags,
            mark: syn.ecn,
            window: syn.header.window,
            segment_size: None,
            window_shift: None,
            sack: false,
            timestamp: None,
            user_timeout: None,
            fast_open: None,
            accurate_counters: None,
        };
        for option in syn.options().iter() {
            match option {
                TcpOption::MaximumSegmentSize(size) => offer.segment_size = Some(size),
                TcpOption::WindowScale(shift) => offer.window_shift = Some(shift),
                TcpOption::SackPermitted => offer.sack = true,
                TcpOption::Timestamps(timestamps) => offer.timestamp = Some(timestamps.value),
                TcpOption::UserTimeout(timeout) => offer.user_timeout = Some(timeout),
                TcpOption::FastOpen(cookie) => offer.fast_open = Some(cookie),
                TcpOption::AccEcn(counters) => offer.accurate_counters = Some(counters),
                TcpOption::NoOperation | TcpOption::Sack(_) | TcpOption::Mptcp(_) | TcpOption::Unknown(_) => {
                }
            }
        }
        offer
    }
}
