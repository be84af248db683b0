//! Segments that arrive: RFC 9293 §3.10.7 with RFC 5961 and RFC 7323.

use sim_core::{SimDuration, SimTime};
use wire::account::{Reason, split_runs};
use wire::tcp::TcpFlags;

use super::connection::TcpConnection;
use super::ecn::EcnFeedback;
use super::hook::{ReceivedKind, SegmentHook};
use super::note::NoteKind;
use super::reassembly::Arrival;
use super::segment::Segment;
use super::sender::{AckInfo, Recovery};
use super::sequence::ORIGIN;
use super::state::{CloseReason, State};
use super::timer::Timer;
use crate::congestion::CongestionControl;

impl TcpConnection {
    /// Takes a segment for this connection.
    pub fn handle_segment(&mut self, now: SimTime, segment: Segment<'_>, hook: &mut impl SegmentHook) {
        self.counters.segments_received += 1;
        match self.state {
            State::Closed => {}
            State::SynSent => self.handle_in_syn_sent(now, segment, hook),
            State::SynReceived if self.is_crossed_syn_ack(&segment) => self.on_crossed_syn_ack(now, &segment),
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => self.handle_synchronized(now, segment, hook),
        }
    }

    /// RFC 9293 §3.10.7.4.
    fn handle_synchronized<H: SegmentHook>(&mut self, now: SimTime, segment: Segment<'_>, hook: &mut H) {
        let flags = segment.header.flags;
        let start = self.receiver.irs.from_wire(self.receiver.next(), segment.header.sequence_number);
        let end = start + u64::from(segment.len());
        if !self.check_sequence(now, &segment, start, end) {
            return;
        }
        if flags.contains(TcpFlags::RST) {
            if H::ACTIVE && start == self.receiver.next() {
                let _no_matter = hook.on_received(&self.describe(ReceivedKind::Reset, &segment, start));
            }
            self.on_reset(now, start);
            return;
        }
        if flags.contains(TcpFlags::SYN) {
            if self.state == State::SynReceived && self.passive {
                self.finish(now, CloseReason::Reset); // Back to LISTEN.
            } else {
                self.challenge(now); // RFC 5961 §4.2
            }
            return;
        }
        if !flags.contains(TcpFlags::ACK) {
            return;
        }
        self.last_heard = now;
        self.keep_alive_unanswered = 0;
        if let Some(timestamps) = segment.timestamps.filter(|_| self.features.timestamps) {
            self.receiver.on_timestamp(now, timestamps.value, start);
        }
        let signals = H::ACTIVE && !hook.on_received(&self.describe(ReceivedKind::Segment, &segment, start));
        if !self.process_ack(now, &segment, start, signals) {
            return;
        }
        if flags.contains(TcpFlags::URG) && self.state.may_receive() {
            self.on_urgent(start + u64::from(segment.header.urgent_pointer));
        }
        self.process_text_and_fin(now, segment, start);
    }

    /// First step: PAWS and the sequence number (RFC 7323 §5.3, RFC 9293 Table 6).
    fn check_sequence(&mut self, now: SimTime, segment: &Segment<'_>, start: u64, end: u64) -> bool {
        let flags = segment.header.flags;
        let reset = flags.contains(TcpFlags::RST);
        let repeated = flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK) && start == ORIGIN;
        if self.state == State::SynReceived && self.passive && repeated && !reset {
            // Our SYN-ACK was lost: the peer cannot use a bare acknowledgment.
            self.counters.unacceptable_received += 1;
            self.pending.syn = self.config.ecn != EcnFeedback::Accurate || self.on_syn_again(now, segment);
            return false;
        }
        if self.features.timestamps && !reset {
            match segment.timestamps {
                // RFC 7323 §3.2: without the option that was agreed on, a segment is dropped.
                None => {
                    self.counters.unacceptable_received += 1;
                    return false;
                }
                Some(timestamps) if self.receiver.is_old(now, timestamps.value) => {
                    self.counters.unacceptable_received += 1;
                    self.answer_unacceptable(now, segment);
                    return false;
                }
                Some(_) => {}
            }
        }
        if self.receiver.is_acceptable(start, end) {
            return true;
        }
        self.counters.unacceptable_received += 1;
        if reset {
            return false;
        }
        let syn = segment.header.flags.contains(TcpFlags::SYN);
        if self.state == State::TimeWait && segment.header.flags.contains(TcpFlags::FIN) {
            self.timers.set(Timer::TimeWait, now + self.config.time_wait);
        }
        if segment.payload_len > 0 {
            self.counters.duplicates_received += 1;
            if end <= self.receiver.next() {
                self.receiver.duplicate = Some((start, start + u64::from(segment.payload_len)));
            }
        }
        if syn && self.state.is_synchronized() {
            if self.features.ecn {
                self.on_syn_ack_again(segment, start);
            }
            self.challenge(now);
        } else {
            self.answer_unacceptable(now, segment);
        }
        false
    }

    /// Acknowledges a segment that is not acceptable (RFC 9293 §3.10.7.4). One without data is answered twice a
    /// second at most, as Linux does it: else two ends that each find the other's acknowledgment
    /// unacceptable, as after a forged segment, would answer each other for ever.
    fn answer_unacceptable(&mut self, now: SimTime, segment: &Segment<'_>) {
        if segment.payload_len == 0 {
            if now < self.answer_after {
                return;
            }
            self.answer_after = now + SimDuration::from_millis(500);
        }
        self.receiver.acknowledge_now(Reason::Acknowledgement);
    }

    /// Second step (RFC 5961 §3.2).
    fn on_reset(&mut self, now: SimTime, start: u64) {
        if start != self.receiver.next() {
            self.challenge(now);
            return;
        }
        let reason = match self.state {
            State::SynReceived if !self.passive => CloseReason::Refused,
            State::Closing | State::LastAck | State::TimeWait => CloseReason::Normal,
            State::Closed
            | State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait => CloseReason::Reset,
        };
        self.finish(now, reason);
    }

    /// Sends a challenge acknowledgment, at most ten in five seconds (RFC 5961 §7).
    fn challenge(&mut self, now: SimTime) {
        if now.saturating_since(self.challenge_window) > SimDuration::from_secs(5) {
            self.challenge_window = now;
            self.challenge_count = 0;
        }
        if self.challenge_count < CHALLENGES {
            self.challenge_count += 1;
            self.counters.challenges_sent += 1;
            self.receiver.acknowledge_now(Reason::Control);
        }
    }

    /// Fifth step. Returns whether the rest of the segment counts.
    fn process_ack(&mut self, now: SimTime, segment: &Segment<'_>, start: u64, signals: bool) -> bool {
        let header = &segment.header;
        let ack = self.sender.iss.from_wire(self.sender.una, header.acknowledgment_number);
        let window = self.peer_window(u64::from(header.window) << self.sender.window_shift);
        let mut accurate = None;
        let opening = self.state == State::SynReceived;
        if opening {
            if ack <= ORIGIN || ack > self.sender.max().max(self.syn_end()) {
                self.pending.reset_answer = Some(header.acknowledgment_number);
                return false;
            }
            if self.features.ecn {
                accurate = self.marks_of(segment, ack);
            }
            self.establish(now, start, ack, window);
            if ack <= self.sender.una {
                return true;
            }
        }
        if ack > self.sender.max() || ack + self.sender.window_max < self.sender.una {
            self.challenge(now); // RFC 5961 §5.2
            return false;
        }
        if self.features.ecn && !opening {
            accurate = self.marks_of(segment, ack);
        }
        let echoed_rtt = match segment.timestamps {
            Some(timestamps) if self.features.timestamps => self.since_timestamp(now, timestamps.echo_reply),
            _ => None,
        };
        if let Some(rtt) = echoed_rtt.filter(|_| segment.payload_len > 0) {
            self.receiver.on_echo(rtt);
        }
        let echoed_at =
            segment.timestamps.filter(|_| self.features.timestamps && self.sender.episode.is_some());
        let echoed_at = echoed_at.and_then(|timestamps| self.sent_with(now, timestamps.echo_reply));
        let info = AckInfo {
            sequence: start,
            window,
            occupies: signals || !segment.is_empty(),
            sack: if self.sender.sack { segment.sack() } else { None },
            echoed_rtt,
            echoed_at,
            marked: self.features.ecn && header.flags.contains(TcpFlags::ECE),
            accurate,
        };
        let before = self.sender.recovery;
        let outcome = self.sender.on_ack(now, ack, &info, &self.config, &mut self.counters);
        if outcome.reduced_by_mark {
            self.counters.marks_answered += 1;
            self.features.announce_reduction = true;
        }
        if matches!(self.sender.recovery, Recovery::Fast { .. }) && before == Recovery::Open {
            self.note(now, NoteKind::FastRecovery { cwnd: self.sender.controller.window() });
        }
        self.after_ack(now, ack, outcome.advanced, outcome.restart_timer);
        self.state != State::Closed
    }

    fn after_ack(&mut self, now: SimTime, ack: u64, advanced: u64, restart: bool) {
        let idle = self.sender.scoreboard.is_empty();
        if self.timers.deadline(Timer::Reorder) != self.sender.reordering_ends_at() {
            self.timers.set(Timer::Reorder, self.sender.reordering_ends_at());
        }
        if self.timers.is_set(Timer::Probe) && self.sender.forbids_probe() {
            self.timers.clear(Timer::Probe); // RFC 8985 §7.2: something is missing already.
        }
        if advanced > 0 {
            self.counters.bytes_acknowledged += advanced;
            if self.lowered_path.is_some() {
                self.raise_segment_size(now);
            }
            self.pending.window_probe = false;
            self.persist_backoff = 0;
            self.timers.clear(Timer::Persist);
            if idle {
                self.timers.clear(Timer::Retransmit); // RFC 6298 §5.2
                self.timers.clear(Timer::Probe);
                self.timers.clear(Timer::User);
            } else {
                self.timers.set(Timer::User, now + self.user_timeout);
                if restart {
                    self.restart_retransmission_timer(now); // RFC 6298 §5.3
                }
                self.arm_probe(now);
            }
            if self.write_blocked && self.writable() >= self.config.send_buffer / 2 {
                self.write_blocked = false;
                self.changes.writable = true;
            }
        } else if ack == self.sender.una && (idle || self.sender.window == 0) {
            // The peer lives, whatever its window says (RFC 9293 §3.8.6.1, MUST-37).
            self.timers.clear(Timer::User);
        }
        if self.sender.window > 0 && self.timers.is_set(Timer::Persist) {
            self.timers.clear(Timer::Persist);
            self.persist_backoff = 0;
        }
        if self.sender.fin_acknowledged() {
            self.sender.limit.stop(now);
            match self.state.after_fin_acknowledged() {
                State::Closed => self.finish(now, CloseReason::Normal),
                state => self.enter(now, state),
            }
        }
    }

    /// Sixth step (RFC 9293 §3.8.5): `place` follows the last urgent byte (MUST-62). The user is told whenever
    /// it advances (MUST-32).
    fn on_urgent(&mut self, place: u64) {
        let known = self.receiver.urgent.unwrap_or(0).max(self.receiver.buffer.read_place());
        if known < place {
            self.receiver.urgent = Some(place);
            self.changes.urgent = true;
        }
    }

    /// Seventh and eighth step. `start` is the place of the segment's first sequence number.
    pub(super) fn process_text_and_fin(&mut self, now: SimTime, segment: Segment<'_>, start: u64) {
        let flags = segment.header.flags;
        if self.features.ecn {
            self.on_ip_ecn(&segment);
        }
        if !self.state.may_receive() {
            if !segment.is_empty() && !flags.contains(TcpFlags::SYN) {
                self.receiver.acknowledge_now(Reason::Acknowledgement);
            }
            return;
        }
        let text = start + u64::from(flags.contains(TcpFlags::SYN));
        let text_end = text + u64::from(segment.payload_len);
        let edge = self.receiver.window.edge();
        if flags.contains(TcpFlags::FIN) && text_end <= edge {
            self.receiver.fin.get_or_insert(text_end);
        }
        if segment.payload_len > 0 && !self.process_text(now, segment, text, edge) {
            return;
        }
        if self.receiver.fin == Some(self.receiver.buffer.next()) && !self.receiver.finished {
            self.receiver.finished = true;
            self.receiver.acknowledge_now(Reason::Teardown);
            self.changes.peer_closed = true;
            let after = self.state.after_fin_received();
            self.enter(now, after);
        } else if flags.contains(TcpFlags::FIN) {
            self.receiver.acknowledge_now(Reason::Acknowledgement);
        }
    }

    /// Takes in the payload between RCV.NXT and the window's edge. Returns whether the connection goes on.
    fn process_text(&mut self, now: SimTime, segment: Segment<'_>, text: u64, edge: u64) -> bool {
        if self.discard {
            // RFC 9293 §3.6.1: data after CLOSE is lost, and the peer has to know.
            self.abort(now);
            return false;
        }
        self.receiver.segment_size = self.receiver.segment_size.max(segment.payload_len);
        // Nothing may lie beyond a FIN or the window.
        let limit = self.receiver.fin.map_or(edge, |fin| fin.min(edge));
        let room = limit.saturating_sub(text).min(u64::from(segment.payload_len)) as u32;
        let whole = room == segment.payload_len;
        let before = self.receiver.buffer.next();
        let packet = segment.into_packet();
        let arrival = if whole
            && self.receiver.buffer.continues_at(text)
            && let Some((slice, run)) = packet.take_single()
        {
            self.flow = run.flow;
            self.receiver.buffer.push(slice, run);
            Arrival::InOrder
        } else {
            let (mut payload, mut runs) = packet.take_content();
            self.flow = runs.first().map_or(self.flow, |run| run.flow);
            if !whole {
                payload = payload.split_front(room);
                runs = split_runs(&mut runs, room);
                self.receiver.acknowledge_now(Reason::Acknowledgement);
            }
            if payload.is_empty() {
                return true;
            }
            let beyond = text > self.receiver.buffer.next();
            if beyond && !self.receiver.buffer.has_room(self.receiver.window.capacity()) {
                self.counters.out_of_order_refused += 1; // As if it was lost: nobody was told that it is here.
                self.receiver.acknowledge_now(Reason::Acknowledgement);
                return true;
            }
            self.receiver.buffer.insert(text, payload, runs)
        };
        match arrival {
            Arrival::Duplicate(start, end) => {
                self.counters.duplicates_received += 1;
                self.receiver.duplicate = Some((start, end));
            }
            Arrival::OutOfOrder => self.counters.out_of_order_received += 1,
            Arrival::InOrder | Arrival::FilledGap => {
                self.counters.bytes_received += self.receiver.buffer.next() - before;
                self.receiver.tune(now, self.sender.rtt.srtt());
                if !self.read_reported {
                    self.read_reported = true;
                    self.changes.readable = true;
                }
            }
        }
        self.receiver.on_arrival(arrival, &self.config);
        if self.receiver.ack_due == super::receiver::AckDue::Delayed && !self.timers.is_set(Timer::DelayedAck)
        {
            self.timers.set(Timer::DelayedAck, now + self.config.ack_delay);
        }
        true
    }
}

/// Challenge acknowledgments in five seconds (RFC 5961 §7).
const CHALLENGES: u8 = 10;
