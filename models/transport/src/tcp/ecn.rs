//! Explicit congestion notification: what both sides agree upon, and what a connection does with it.
//!
//! Classic feedback (RFC 3168), the receiver of DCTCP (RFC 8257 §3.2), and accurate feedback (RFC 9768), which counts in
//! `accecn` and `mark_feedback`. Everything here is behind one flag of the connection.

use sim_core::SimTime;
use wire::account::Reason;
use wire::ip::Ecn;
use wire::tcp::TcpFlags;
use wire::tcp_options::{AccEcnCounters, TcpOption, TcpOptions};

use super::accecn::{AccurateEcn, Demand, ace, ace_flags, handshake_ace};
use super::connection::TcpConnection;
use super::hook::SegmentHook;
use super::mark_feedback::{Feedback, Newly, OptionPath};
use super::offer::Offer;
use super::receiver::AckDue;
use super::segment::{Outgoing, Segment};
use super::sender::{AckInfo, Sender};
use super::sequence::ORIGIN;
use super::state::{CloseReason, State};
use crate::congestion::{Algorithm, Congestion, CongestionControl};

/// How a receiver tells of congestion marks: what a side asks for, or what both agreed upon.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum EcnFeedback {
    /// Not at all: data is not sent as ECN-capable.
    #[default]
    Off,
    /// Once a round trip (RFC 3168); DCTCP's receiver tells of each change (RFC 8257 §3.2).
    Classic,
    /// By counters (RFC 9768), with classic feedback and none to fall back to.
    Accurate,
}

impl EcnFeedback {
    /// What a side that wants `self` agrees upon when a SYN or SYN-ACK has these flags (RFC 3168 §6.1.1, RFC 9768 Table 2
    /// and §3.1.3).
    pub(super) fn agreed(self, flags: TcpFlags) -> Self {
        let answer = flags.contains(TcpFlags::ACK);
        match (self, answer, ace(flags)) {
            (Self::Off, _, _) => Self::Off,
            (Self::Classic, true, bits) if bits & 0b011 == 0b001 => Self::Classic,
            (Self::Classic, false, bits) if bits & 0b011 == 0b011 => Self::Classic,
            (Self::Classic, _, _) => Self::Off,
            (Self::Accurate, true, 0b000 | 0b111) => Self::Off,
            (Self::Accurate, true, 0b001) => Self::Classic,
            (Self::Accurate, false, 0b000) => Self::Off,
            (Self::Accurate, false, 0b011) => Self::Classic,
            (Self::Accurate, _, _) => Self::Accurate,
        }
    }
}

/// Explicit congestion notification of a connection at one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EcnStats {
    /// What both sides agreed upon.
    pub feedback: EcnFeedback,
    /// Whether data is sent as ECN-capable.
    pub capable: bool,
    /// Packets that arrived marked, as far as accurate feedback counts them.
    pub marked_received: u32,
    /// Bytes of data in these.
    pub marked_bytes_received: u32,
    /// Packets that the peer's accurate feedback reports as marked.
    pub marked_reported: u32,
    /// Bytes of data in these, estimated where no option says it.
    pub marked_bytes_reported: u64,
    /// Whether the peer's counters of bytes arrive.
    pub counters_arrive: bool,
}

impl TcpConnection {
    /// What [`super::ConnectionStats`] shows.
    pub(super) fn ecn_stats(&self) -> EcnStats {
        let Some(accurate) = &self.sender.accurate else {
            let feedback = if self.features.ecn { EcnFeedback::Classic } else { EcnFeedback::Off };
            return EcnStats { feedback, capable: self.features.ecn, ..EcnStats::default() };
        };
        EcnStats {
            feedback: EcnFeedback::Accurate,
            capable: accurate.feedback.capable,
            marked_received: accurate.arrived.marked_packets(),
            marked_bytes_received: accurate.arrived.marked_bytes(),
            marked_reported: accurate.feedback.marked_packets(),
            marked_bytes_reported: accurate.feedback.marked_bytes,
            counters_arrive: accurate.feedback.options == OptionPath::Seen,
        }
    }

    /// Takes from a SYN or SYN-ACK how marks are told of.
    pub(super) fn agree_on_ecn(&mut self, offer: &Offer) {
        let agreed = self.config.ecn.agreed(offer.flags);
        self.features.ecn = agreed != EcnFeedback::Off;
        if agreed == EcnFeedback::Accurate {
            self.sender.accurate = Some(Box::new(self.make_accurate(offer)));
        }
    }

    #[cold]
    fn make_accurate(&mut self, offer: &Offer) -> AccurateEcn {
        let client = offer.flags.contains(TcpFlags::ACK);
        let mut accurate = AccurateEcn::new(offer.mark, client);
        if client {
            accurate.arrived.on_syn_ack(offer.mark);
            // Our SYN left without ECN (RFC 9768 §3.2.2.3); what is reserved says that it arrived unchanged (§3.1.3).
            let arrived = ace(offer.flags);
            accurate.feedback.capable = matches!(arrived, 0b010 | 0b101);
            accurate.handshake_marked = arrived == handshake_ace(Ecn::Ce);
            if let Some(counters) = &offer.accurate_counters {
                accurate.feedback.on_first_option(counters);
            }
            self.pending.feedback = FeedbackAck::Handshake;
        }
        accurate
    }

    /// A mark of the handshake is answered as one of data, once congestion control has begun.
    pub(super) fn answer_handshake_mark(&mut self, now: SimTime) {
        let Some(accurate) = &mut self.sender.accurate else { return };
        if std::mem::take(&mut accurate.handshake_marked) && self.sender.controller.answers_marks() {
            let window = self.sender.controller.window();
            self.sender.controller.on_congestion(now, window, Congestion::Marked);
            self.counters.marks_answered += 1;
        }
    }

    /// The flags of a SYN, of which `before` were sent. Accurate ECN is tried twice (RFC 9768 §3.1.4.1), classic
    /// ECN once (RFC 3168 §6.1.1.1).
    pub(super) fn syn_marks(&self, before: u8) -> TcpFlags {
        match self.config.ecn {
            EcnFeedback::Classic if before == 0 => TcpFlags::ECE | TcpFlags::CWR,
            EcnFeedback::Accurate if before < 2 => ace_flags(0b111),
            EcnFeedback::Off | EcnFeedback::Classic | EcnFeedback::Accurate => TcpFlags::NONE,
        }
    }

    /// The flags of a SYN-ACK: accurate ECN is given up after two timeouts, and then nothing is sent as ECN-capable
    /// (RFC 9768 §3.1.5, §3.2.3.2.2).
    pub(super) fn syn_ack_marks(&mut self) -> TcpFlags {
        let timeouts = self.sender.timeouts;
        match &mut self.sender.accurate {
            None if self.features.ecn => TcpFlags::ECE,
            None => TcpFlags::NONE,
            Some(accurate) if timeouts < 2 => ace_flags(handshake_ace(accurate.handshake_mark)),
            Some(accurate) => {
                accurate.feedback.capable = false;
                TcpFlags::NONE
            }
        }
    }

    /// Adds the counters to the first SYN-ACK (RFC 9768 §3.2.3.2.1).
    pub(super) fn list_syn_ack_counters(&self, before: u8, options: &mut TcpOptions) {
        if let Some(accurate) = &self.sender.accurate
            && before == 0
            && let Some(counters) = accurate.syn_ack_option(TcpOptions::LEN_MAX - options.len())
        {
            let _no_room = options.try_push(TcpOption::AccEcn(counters));
        }
    }

    /// The peer's SYN has come again while ours is not acknowledged (RFC 9768 §3.1.5). Returns false where the
    /// connection ends because the peer has asked for both kinds of feedback.
    pub(super) fn on_syn_again(&mut self, now: SimTime, syn: &Segment<'_>) -> bool {
        let asked = EcnFeedback::Accurate.agreed(syn.header.flags);
        match (&mut self.sender.accurate, asked) {
            (Some(accurate), EcnFeedback::Accurate) => accurate.handshake_mark = syn.ecn,
            (Some(accurate), EcnFeedback::Off) => {
                accurate.handshake_mark = syn.ecn;
                accurate.feedback.capable = false;
            }
            (None, EcnFeedback::Accurate) if self.features.ecn => return self.reset_for_ecn(now),
            (Some(_), EcnFeedback::Classic) => return self.reset_for_ecn(now),
            (None, EcnFeedback::Off | EcnFeedback::Classic | EcnFeedback::Accurate) => {}
        }
        true
    }

    fn reset_for_ecn(&mut self, now: SimTime) -> bool {
        self.pending.reset = true;
        self.finish(now, CloseReason::Reset);
        false
    }

    /// The server's SYN-ACK has come again (RFC 9768 §3.2.2.1).
    pub(super) fn on_syn_ack_again(&mut self, segment: &Segment<'_>, start: u64) {
        let confirms = EcnFeedback::Accurate.agreed(segment.header.flags) == EcnFeedback::Accurate;
        if let Some(accurate) = &mut self.sender.accurate
            && segment.header.flags.contains(TcpFlags::SYN | TcpFlags::ACK)
            && start == ORIGIN
            && !self.passive
            && confirms
        {
            accurate.arrived.on_syn_ack(segment.ecn);
            accurate.handshake_mark = segment.ecn;
            accurate.tells_handshake = true;
        }
    }

    /// What an acknowledgment tells of marks by accurate ECN.
    pub(super) fn marks_of(&mut self, segment: &Segment<'_>, ack: u64) -> Option<Feedback> {
        let state = self.state;
        let accurate = self.sender.accurate.as_mut()?;
        let counters = segment.accurate_counters();
        let pure = segment.is_empty() && segment.sack().is_none();
        if state == State::SynReceived {
            if let Some(counters) = &counters {
                accurate.feedback.on_first_option(counters);
            }
            if pure {
                accurate.handshake_marked = accurate.feedback.on_handshake_ace(ace(segment.header.flags));
                return None;
            }
        }
        // Another acknowledgment of a SYN-ACK may have the handshake encoding (§3.2.2.2: such a test is allowed).
        if segment.header.flags.contains(TcpFlags::SYN) || (pure && ack <= ORIGIN + 1) {
            return None;
        }
        let timestamp = segment.timestamps.filter(|_| self.features.timestamps).map(|stamps| stamps.value);
        Some(Feedback { ace: ace(segment.header.flags), counters, timestamp })
    }

    /// An acceptable segment has come with this mark.
    #[inline(never)]
    pub(super) fn on_ip_ecn(&mut self, segment: &Segment<'_>) {
        let flags = segment.header.flags;
        let owed = segment.payload_len > 0 || self.receiver.ack_due != AckDue::No;
        if let Some(accurate) = &mut self.sender.accurate {
            if flags.contains(TcpFlags::SYN) {
                accurate.arrived.count_bytes(segment.ecn, segment.payload_len);
            } else if accurate.arrived.on_packet(segment.ecn, segment.payload_len, owed)
                == Demand::Acknowledgment
            {
                self.receiver.acknowledge_now(Reason::Acknowledgement);
            }
            return;
        }
        let before = self.receiver.echo_mark;
        if flags.contains(TcpFlags::CWR) {
            self.receiver.echo_mark = false;
        }
        if self.config.congestion == Algorithm::Dctcp {
            self.on_mark_for_dctcp(segment, before);
        } else if segment.ecn == Ecn::Ce {
            self.receiver.echo_mark = true; // RFC 3168 §6.1.3
        }
    }

    /// RFC 8257 §3.2: each change of the mark is told at once, and by an acknowledgment of its own what came before it.
    fn on_mark_for_dctcp(&mut self, segment: &Segment<'_>, before: bool) {
        let marked = segment.ecn == Ecn::Ce;
        if segment.payload_len == 0 {
            self.receiver.echo_mark = before; // Only data is ECN-capable.
            return;
        }
        let changed = marked != before || marked && !self.receiver.echo_mark;
        self.receiver.echo_mark = marked;
        if changed {
            if marked != before && self.receiver.ack_due == AckDue::Delayed {
                self.pending.feedback = FeedbackAck::Earlier(self.ack_number());
            }
            self.receiver.acknowledge_now(Reason::Acknowledgement);
        }
    }

    /// Marks new data as ECN-capable, and tells of a reduction (RFC 3168 §6.1.2), which accurate ECN does not (RFC 9768
    /// §3.1.5).
    #[inline(never)]
    pub(super) fn mark_data(&mut self, out: &mut Outgoing) {
        match &self.sender.accurate {
            Some(accurate) if !accurate.feedback.capable => {}
            Some(_) => out.ecn = Ecn::Ect0,
            None => {
                out.ecn = Ecn::Ect0; // New data only (RFC 3168 §6.1.5).
                if self.features.announce_reduction {
                    self.features.announce_reduction = false;
                    out.flags |= TcpFlags::CWR;
                }
            }
        }
    }

    /// What a segment without SYN tells of marks in its flags.
    #[inline(never)]
    pub(super) fn feedback_flags(&mut self, with_data: bool, options: Option<&TcpOptions>) -> TcpFlags {
        match &mut self.sender.accurate {
            Some(accurate) => accurate.flags(with_data, options),
            None if self.receiver.echo_mark => TcpFlags::ECE,
            None => TcpFlags::NONE,
        }
    }

    /// Puts timestamps, SACK blocks and counters into a list, if there are such blocks or counters, or `hooked` says that a
    /// protocol above adds to it, for which `reserve` bytes are left.
    #[inline(never)]
    pub(super) fn list_with_counters(
        &self,
        now: SimTime,
        reserve: usize,
        (with_data, hooked): (bool, bool),
        blocks: bool,
        out: &mut Outgoing,
    ) {
        out.options = None;
        let Some(accurate) = &self.sender.accurate else { return };
        let duplicate = self.receiver.duplicate;
        let blocks = blocks && !accurate.omits_sack(with_data);
        let count = self.receiver.buffer.sack_ranges(2).len() + usize::from(duplicate.is_some());
        let before_counters =
            usize::from(self.timestamps_len()) + reserve + if blocks { 4 + 8 * count.min(2) } else { 0 };
        let counters = self.counters_option(TcpOptions::LEN_MAX.saturating_sub(before_counters), with_data);
        if !(hooked || blocks || counters.is_some()) {
            return;
        }
        let options = out.options.insert(TcpOptions::EMPTY);
        if let Some(timestamps) = self.timestamps(now) {
            *options = TcpOptions::with_timestamps(timestamps);
        }
        if blocks {
            let taken = counters.map_or(0, |counters| counters.option_len());
            self.push_sack(duplicate, options, reserve + taken);
        }
        if let Some(counters) = counters {
            let _room_was_found = options.try_push(TcpOption::AccEcn(counters));
        }
    }

    /// The counters for a segment in which `room` bytes are left for them beside all SACK blocks or two of them, whichever is less
    /// (RFC 9768 §3.2.3.3).
    fn counters_option(&self, room: usize, with_data: bool) -> Option<AccEcnCounters> {
        let sender = &self.sender;
        let resent = with_data && sender.una == ORIGIN + 1 && sender.scoreboard.due > 0;
        sender.accurate.as_ref()?.option(room, with_data, resent)
    }

    /// Sends the acknowledgment that goes before everything else.
    #[cold]
    pub(super) fn feedback_ack(
        &mut self,
        now: SimTime,
        hook: &mut impl SegmentHook,
        out: &mut Outgoing,
    ) -> bool {
        let feedback = std::mem::take(&mut self.pending.feedback);
        let number = match feedback {
            FeedbackAck::Handshake if self.state.is_synchronized() => None,
            FeedbackAck::Earlier(number) if self.state.is_synchronized() => Some(number),
            FeedbackAck::No | FeedbackAck::Handshake | FeedbackAck::Earlier(_) => return false,
        };
        let sequence = self.sender.iss.to_wire(self.sender.bare_place());
        let reason = if number.is_some() { Reason::Acknowledgement } else { Reason::Handshake };
        self.acknowledgment(now, sequence, reason, hook, out);
        if let Some(number) = number {
            // The edge stays where it is, and the mark is that of before.
            let less = self.ack_number().wrapping_sub(number) >> self.receiver.window.shift;
            out.window = out.window.saturating_add(u16::try_from(less).unwrap_or(u16::MAX));
            out.acknowledgment = number;
            out.flags = if self.receiver.echo_mark { TcpFlags::ACK } else { TcpFlags::ACK | TcpFlags::ECE };
            self.receiver.acknowledge_now(Reason::Acknowledgement);
        }
        true
    }
}

impl Sender {
    /// Segments in flight of which nothing is known.
    #[inline]
    pub(super) fn missing(&self) -> u32 {
        (self.scoreboard.len() as u32).saturating_sub(self.scoreboard.sacked_segments())
    }

    /// What an acknowledgment says of marks: whether there were any, and how many bytes. `missing` are the segments of which
    /// nothing was known before it, `delivered` the bytes that it brings.
    #[inline]
    pub(super) fn marks(
        &mut self,
        info: &AckInfo,
        missing: u32,
        delivered: u64,
        round_start: bool,
    ) -> (bool, u64) {
        match &info.accurate {
            None => (info.marked, if info.marked { delivered } else { 0 }),
            Some(feedback) => {
                let packets = missing.saturating_sub(self.missing());
                let segment_size = self.payload_size;
                self.read_marks(feedback, Newly { bytes: delivered, packets, segment_size, round_start })
            }
        }
    }

    #[inline(never)]
    fn read_marks(&mut self, feedback: &Feedback, newly: Newly) -> (bool, u64) {
        let Some(accurate) = &mut self.accurate else { return (false, 0) };
        let marks = accurate.feedback.decode(feedback, newly);
        (marks.packets > 0 || marks.bytes > 0, marks.bytes)
    }
}

/// An acknowledgment that goes before everything else.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum FeedbackAck {
    /// None.
    #[default]
    No,
    /// Of a SYN-ACK, which tells how that arrived (RFC 9768 §3.2.2.1).
    Handshake,
    /// Of what came before the mark changed, with this number (RFC 8257 §3.2).
    Earlier(u32),
}

#[cfg(test)]
mod tests {
    use super::EcnFeedback::{Accurate, Classic, Off};
    use super::*;

    fn with(flags: TcpFlags, bits: u8) -> TcpFlags {
        flags | ace_flags(bits)
    }

    // Holds: RFC 9768 3.1.1-d, 3.1.2-a, 3.1.2-d, 3.1.3-c.
    #[test]
    fn a_client_agrees_as_table_2_has_it() {
        let syn_ack = TcpFlags::SYN | TcpFlags::ACK;
        for (bits, agreed) in [
            (0b010, Accurate),
            (0b011, Accurate),
            (0b100, Accurate),
            (0b110, Accurate),
            (0b101, Accurate),
            (0b001, Classic),
            (0b000, Off),
            (0b111, Off),
        ] {
            assert_eq!(Accurate.agreed(with(syn_ack, bits)), agreed, "{bits:03b}");
            assert_eq!(Off.agreed(with(syn_ack, bits)), Off);
        }
    }

    // Holds: RFC 9768 3.1.1-b, 3.1.2-b, 3.1.2-c, 3.1.3-a.
    #[test]
    fn a_server_agrees_as_table_2_has_it() {
        for bits in 0..8 {
            let agreed = match bits {
                0b000 => Off,
                0b011 => Classic,
                _ => Accurate,
            };
            assert_eq!(Accurate.agreed(with(TcpFlags::SYN, bits)), agreed, "{bits:03b}");
        }
        assert_eq!(Classic.agreed(with(TcpFlags::SYN, 0b111)), Classic, "a server without accurate ECN");
    }
}
