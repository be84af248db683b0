//! Explicit congestion notification as RFC 4960 Appendix A has it; RFC 9260 leaves it out.

use sim_core::SimTime;
use wire::sctp::Chunk;

use super::association::Association;
use super::packet::Builder;
use super::tsn;
use crate::congestion::{Congestion, CongestionControl};

/// What an association knows of marks.
#[derive(Debug, Default)]
pub(super) struct Ecn {
    /// Whether both sides understand it.
    pub(super) agreed: bool,
    /// The lowest TSN of the first marked packet that the peer has not reacted to: told with each SACK.
    echo: Option<u64>,
    /// The TSN that is told to have been reacted to.
    answer: Option<u32>,
    /// The last TSN sent before the window was last reduced for a mark.
    reduced_up_to: u64,
}

/// The bits of the traffic class that say "ECN-capable transport" and "congestion experienced" (RFC 3168 §5).
const ECT_0: u8 = 0b10;
const CE: u8 = 0b11;

/// Whether a router has marked a packet of this traffic class.
pub(super) fn is_marked(traffic_class: u8) -> bool {
    traffic_class & 0b11 == CE
}

impl Association {
    /// The traffic class of a packet: new data may be marked, anything else may not.
    pub(super) fn traffic_class(&self, builder: &Builder) -> u8 {
        if self.ecn.agreed && builder.has_data() && !builder.resends { ECT_0 } else { 0 }
    }

    /// A marked packet has come, whose first DATA chunk has this TSN.
    pub(super) fn on_mark(&mut self, tsn: u32) {
        if self.ecn.agreed {
            self.ecn.echo.get_or_insert(tsn::unwrap32(self.inbound.cumulative, tsn));
        }
    }

    /// The peer tells of a marked packet: the window is reduced once for all that was sent before.
    pub(super) fn on_ecne(&mut self, now: SimTime, lowest_tsn: u32) {
        self.ecn.answer = Some(lowest_tsn);
        let tsn = tsn::unwrap32(self.out.base, lowest_tsn);
        let at = match self.out.outstanding.get(tsn.wrapping_sub(self.out.base) as usize) {
            Some(sent) => usize::from(sent.path),
            None => self.data_path,
        };
        let path = &mut self.paths[at];
        let recovers = path.recovery_exit.is_some_and(|exit| tsn <= exit);
        if tsn > self.ecn.reduced_up_to && tsn < self.out.next_tsn() && !recovers {
            path.window.on_congestion(now, path.in_flight, Congestion::Marked);
            self.ecn.reduced_up_to = self.out.next_tsn() - 1;
        }
    }

    /// The peer has reacted to the marks up to this TSN.
    pub(super) fn on_cwr(&mut self, lowest_tsn: u32) {
        let tsn = tsn::unwrap32(self.inbound.cumulative, lowest_tsn);
        self.ecn.echo.take_if(|echo| *echo <= tsn);
    }

    /// ECNE with each SACK until CWR comes, and CWR with the next packet.
    pub(super) fn push_ecn(&mut self, builder: &mut Builder, with_sack: bool) {
        let echo = self.ecn.echo.filter(|_| with_sack).map(|tsn| Chunk::Ecne { lowest_tsn: tsn as u32 });
        let answer = self.ecn.answer.take().map(|lowest_tsn| Chunk::Cwr { lowest_tsn });
        for chunk in echo.into_iter().chain(answer) {
            let mut bytes = std::mem::take(&mut self.scratch);
            bytes.clear();
            chunk.emit(&mut bytes);
            builder.push_control(&bytes);
            self.scratch = bytes;
        }
    }
}
