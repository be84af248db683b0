//! The path's packet size: taken from ICMP (RFC 1191, RFC 8201), guessed where ICMP is dropped (RFC 4821), and tried
//! again after a while.

use sim_core::{SimDuration, SimTime};

use super::config::segment_size_of;
use super::connection::TcpConnection;

/// How a connection learns the size of packets that the path takes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PathMtuDiscovery {
    /// Not at all: routers may fragment (IPv4).
    Off,
    /// From ICMP.
    #[default]
    Icmp,
    /// From ICMP, and when full segments vanish one timeout after the other, by sending smaller ones
    /// (RFC 4821 §7.7).
    BlackHoles,
}

/// A path that takes less than both ends do.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoweredPath {
    /// The segment size before.
    full: u16,
    /// When it is tried again.
    raise_at: SimTime,
}

impl TcpConnection {
    /// RFC 1191 §6, RFC 8201 §5: never below the least MTU, and upwards only after a while.
    pub(super) fn on_path_mtu(&mut self, now: SimTime, mtu: u32) {
        let size = segment_size_of(if mtu == 0 { 576 } else { mtu }, self.remote.is_ipv6());
        if self.config.path_mtu != PathMtuDiscovery::Off {
            self.lower_segment_size(now, size);
        }
    }

    fn lower_segment_size(&mut self, now: SimTime, size: u16) {
        if size < self.sender.segment_size {
            let full = self.lowered_path.as_ref().map_or(self.sender.segment_size, |path| path.full);
            self.lowered_path = Some(Box::new(LoweredPath { full, raise_at: now + RAISE_AFTER }));
            self.sender.on_segment_size(size, self.options_len());
        }
    }

    /// After two timeouts of the same full segment a black hole is suspected: the next try is smaller
    /// (RFC 4821 §7.7, with the sizes of its §7.2 and of RFC 791).
    pub(super) fn suspect_black_hole(&mut self, now: SimTime) {
        if self.config.path_mtu != PathMtuDiscovery::BlackHoles
            || self.sender.timeouts < SUSPECT
            || self.sender.scoreboard.is_empty()
        {
            return;
        }
        let ipv6 = self.remote.is_ipv6();
        let steps = if ipv6 { [1280, 1280] } else { [1024, 576] };
        let smaller = steps
            .map(|mtu| segment_size_of(mtu, ipv6))
            .into_iter()
            .find(|size| *size < self.sender.segment_size);
        let Some(size) = smaller else { return };
        let room = u32::from(size.saturating_sub(self.options_len()));
        if self.sender.scoreboard.segment(0).len > room {
            self.counters.black_holes += 1;
            self.lower_segment_size(now, size);
        }
    }

    /// Tries the size of before when it is time: what is still too big is reported or vanishes again
    /// (RFC 1191 §6.3, RFC 8201 §4).
    #[cold]
    pub(super) fn raise_segment_size(&mut self, now: SimTime) {
        if let Some(path) = self.lowered_path.take_if(|path| now >= path.raise_at) {
            self.sender.on_segment_size(path.full, self.options_len());
        }
    }
}

/// RFC 1191 §6.3 and RFC 8201 §4: ten minutes, and never less than five.
const RAISE_AFTER: SimDuration = SimDuration::from_secs(600);

/// Timeouts after which a black hole is suspected.
const SUSPECT: u8 = 2;
