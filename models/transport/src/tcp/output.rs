//! Segments to be sent: what goes out next, and how it is built.

use sim_core::{SimDuration, SimTime};
use wire::account::{Account, Reason};
use wire::packet::Packet;
use wire::payload::Payload;
use wire::tcp::TcpFlags;
use wire::tcp_options::{SackBlock, SackBlocks, SynOptions, TcpOption, TcpOptions, Timestamps};

use super::choice::{Choice, Held, Resend};
use super::connection::{Pending, TcpConnection};
use super::ecn::FeedbackAck;
use super::hook::{SegmentHook, SegmentKind, Share};
use super::receiver::AckDue;
use super::segment::Outgoing;
use super::sender::Recovery;
use super::sequence::ORIGIN;
use super::state::State;
use super::stats::Limit;
use super::timer::Timer;
use crate::endpoint::Transmit;

impl TcpConnection {
    /// The next segment to send, or `None` when nothing may be sent now. `hook` adds options.
    pub fn poll_transmit(&mut self, now: SimTime, hook: &mut impl SegmentHook) -> Option<Transmit> {
        let mut out = Outgoing::NOTHING;
        let mut packet = Packet::new(Payload::empty(), Account::default());
        self.next_segment(now, hook, &mut out).then(|| self.emit_into(&out, &mut packet).with(packet))
    }

    /// Decides upon the next segment and describes it in `out`; says whether there is one.
    #[inline]
    pub(super) fn next_segment(
        &mut self,
        now: SimTime,
        hook: &mut impl SegmentHook,
        out: &mut Outgoing,
    ) -> bool {
        let control = self.pending != Pending::default() && self.next_control(now, hook, out);
        let any = control || self.next_data_or_ack(now, hook, out);
        self.counters.segments_sent += u64::from(any);
        any
    }

    /// Resets and SYNs go before everything else.
    #[cold]
    fn next_control(&mut self, now: SimTime, hook: &mut impl SegmentHook, out: &mut Outgoing) -> bool {
        if let Some(sequence) = self.pending.reset_answer.take() {
            self.reset(sequence, TcpFlags::RST, hook, out);
            return true;
        }
        if self.pending.reset {
            self.pending.reset = false;
            let sequence = self.sender.iss.to_wire(self.sender.bare_place());
            self.reset(sequence, TcpFlags::RST | TcpFlags::ACK, hook, out);
            return true;
        }
        if self.pending.feedback != FeedbackAck::No && self.feedback_ack(now, hook, out) {
            return true;
        }
        self.pending.syn && self.syn(now, hook, out)
    }

    #[inline]
    fn next_data_or_ack<H: SegmentHook>(&mut self, now: SimTime, hook: &mut H, out: &mut Outgoing) -> bool {
        if H::ACTIVE && hook.is_waiting() && self.next_signal(now, hook, out) {
            return true;
        }
        if self.state.may_send() || self.is_early() {
            if self.next_data(now, hook, out) {
                return true;
            }
            if self.pending.window_probe {
                return self.window_probe(now, hook, out);
            }
        }
        if self.pending.keep_alive {
            self.pending.keep_alive = false;
            self.counters.keep_alive_probes += 1;
            // RFC 9293 §3.8.4: a number that the peer has acknowledged, so that it answers.
            let sequence = self.sender.iss.to_wire(self.sender.nxt.wrapping_sub(1));
            self.acknowledgment(now, sequence, Reason::KeepAlive, hook, out);
            return true;
        }
        self.next_bare(now, hook, out)
    }

    /// An acknowledgment that is due.
    fn next_bare(&mut self, now: SimTime, hook: &mut impl SegmentHook, out: &mut Outgoing) -> bool {
        if let AckDue::Now(reason) = self.receiver.ack_due
            && self.state != State::SynSent
            && self.state != State::Closed
        {
            let sequence = self.sender.iss.to_wire(self.sender.bare_place());
            self.acknowledgment(now, sequence, reason, hook, out);
            return true;
        }
        false
    }

    /// An acknowledgment for the sake of what `hook` has to say.
    #[cold]
    fn next_signal(&mut self, now: SimTime, hook: &mut impl SegmentHook, out: &mut Outgoing) -> bool {
        self.receiver.acknowledge_now(Reason::Control);
        self.next_bare(now, hook, out)
    }

    fn reset(&mut self, sequence: u32, flags: TcpFlags, hook: &mut impl SegmentHook, out: &mut Outgoing) {
        let ack = if flags.contains(TcpFlags::ACK) { self.ack_number() } else { 0 };
        *out = Outgoing::control(sequence, ack, flags, Reason::Control);
        out.flow = self.flow;
        hook.on_segment(SegmentKind::Reset, out.options.insert(TcpOptions::EMPTY));
    }

    /// SYN or SYN-ACK, first or again (RFC 6298 §5, RFC 9293 §3.5).
    fn syn(&mut self, now: SimTime, hook: &mut impl SegmentHook, out: &mut Outgoing) -> bool {
        self.pending.syn = false;
        let answer = match self.state {
            State::SynSent => false,
            State::SynReceived => true,
            State::Closed
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => return false,
        };
        let config = &self.config;
        let stamps = Timestamps {
            value: self.timestamp(now),
            echo_reply: if answer { self.receiver.ts_recent } else { 0 },
        };
        // An answer agrees to what was offered and no more.
        let offer = SynOptions {
            maximum_segment_size: Some(config.segment_size(self.remote.is_ipv6())),
            sack_permitted: if answer { self.sender.sack } else { config.sack },
            timestamps: (if answer { self.features.timestamps } else { config.timestamps }).then_some(stamps),
            window_scale: (if answer { self.features.scaling } else { config.window_scaling })
                .then_some(config.window_shift()),
        };
        let mut flags = TcpFlags::SYN;
        let mut acknowledgment = 0;
        if answer {
            flags |= TcpFlags::ACK;
            acknowledgment = self.ack_number();
            self.note_acknowledged();
            flags |= self.syn_ack_marks();
        } else {
            flags |= self.syn_marks(self.syn_sent_count);
        }
        let sequence = self.sender.iss.to_wire(ORIGIN);
        *out = Outgoing::control(sequence, acknowledgment, flags, Reason::Handshake);
        out.window = {
            let receiver = &mut self.receiver;
            receiver.window.advertise_unscaled(receiver.buffer.next(), receiver.buffer.readable())
        };
        out.flow = self.flow;
        out.retransmission = self.syn_sent_count > 0;
        let mut options = TcpOptions::syn(offer);
        let fast_open = self.fast_open_option(answer).map(TcpOption::FastOpen);
        let timeout = self.user_timeout_option().map(TcpOption::UserTimeout);
        for option in fast_open.into_iter().chain(timeout) {
            // A cookie of 16 bytes leaves no room for the timeout, which may be left out.
            let _no_room = options.try_push(option);
        }
        if !answer {
            out.start = ORIGIN + 1;
            out.len = self.take_syn_payload(options.len());
        }
        let options = out.options.insert(options);
        let before = self.syn_sent_count;
        hook.on_segment(if answer { SegmentKind::SynAck } else { SegmentKind::Syn { before } }, options);
        if answer {
            self.list_syn_ack_counters(before, options);
        }
        if self.syn_sent_count > 0 {
            self.counters.handshake_retransmissions += 1;
        }
        self.syn_sent_count = self.syn_sent_count.saturating_add(1);
        self.sender.last_sent = now;
        self.start_retransmission_timer(now);
        true
    }

    /// A segment with data or FIN, if one may be sent.
    #[inline]
    fn next_data(&mut self, now: SimTime, hook: &mut impl SegmentHook, out: &mut Outgoing) -> bool {
        if self.sender.nxt >= self.sender.end() && self.sender.scoreboard.is_empty() {
            self.sender.note_application_limit();
            self.sender.limit.set(now, self.without_data());
            return false;
        }
        if self.is_held_back(now) {
            self.sender.limit.set(now, Limit::Pacing);
            return false;
        }
        if self.sender.has_nothing() {
            self.sender.note_application_limit();
            self.sender.limit.set(now, self.without_data());
            return false;
        }
        self.list_options(now, hook, true, out);
        let room = self.room(out).saturating_sub(hook.reserve(true) as u32).max(1);
        let choice = match self.sender.choose(room, &self.config) {
            Ok(choice) => choice,
            Err(held) => {
                self.sender.note_application_limit();
                let limit = match held {
                    Held::Idle => self.without_data(),
                    Held::ByCongestion => Limit::CongestionWindow,
                    Held::ByWindow | Held::BySillyWindow => Limit::ReceiverWindow,
                };
                self.sender.limit.set(now, limit);
                self.on_held(now, held);
                return false;
            }
        };
        let start = match choice {
            Choice::Resend { index, .. } => self.sender.scoreboard.segment(index).start,
            Choice::New { .. } => self.sender.nxt,
        };
        let share = self.ask(hook, start - (ORIGIN + 1), out, room);
        let room = share.bytes;
        match choice {
            Choice::Resend { index, why } => self.resend(now, index, why, room, out),
            Choice::New { len, fin } => self.send_new(now, len.min(room), fin && len <= room, out),
        }
        out.retransmission |= share.again;
        true
    }

    /// What holds back a sender that has nothing it might send.
    #[inline]
    pub(super) fn without_data(&self) -> Limit {
        if self.write_blocked && !self.sender.fin { Limit::SendBuffer } else { Limit::Application }
    }

    /// Bytes of payload that fit behind the options.
    #[inline]
    fn room(&self, out: &Outgoing) -> u32 {
        let options = match &out.options {
            Some(list) => list.len() as u32,
            None => u32::from(self.options_len()),
        };
        u32::from(self.sender.segment_size).saturating_sub(options).max(1)
    }

    /// Lets `hook` add options to a segment with data, and returns what it may carry: at most `room` bytes.
    #[inline]
    fn ask<H: SegmentHook>(&self, hook: &mut H, offset: u64, out: &mut Outgoing, room: u32) -> Share {
        match &mut out.options {
            Some(options) if H::ACTIVE => {
                let share = hook.on_segment(SegmentKind::Data { offset }, options);
                Share { bytes: self.room(out).min(share.bytes.max(1)), ..share }
            }
            Some(_) | None => Share { bytes: room, again: false },
        }
    }

    fn on_held(&mut self, now: SimTime, held: Held) {
        if !self.sender.scoreboard.is_empty()
            || self.timers.is_set(Timer::Persist)
            || self.pending.window_probe
        {
            return;
        }
        let rto = self.sender.rtt.rto(&self.config.rto);
        let delay = match held {
            Held::Idle | Held::ByCongestion => return,
            // RFC 9293 §3.8.6.1, SHLD-29 and SHLD-30: after one RTO, then with growing intervals.
            Held::ByWindow => rto.saturating_mul(1 << self.persist_backoff.min(16)).min(self.config.rto.max),
            Held::BySillyWindow => OVERRIDE,
        };
        self.timers.set(Timer::Persist, now + delay);
    }

    #[inline]
    fn send_new(&mut self, now: SimTime, len: u32, fin: bool, out: &mut Outgoing) {
        let start = self.sender.nxt;
        self.data(now, start, len, fin, out);
        out.reason = if len == 0 { Reason::Teardown } else { Reason::Data };
        out.retransmission = self.fast_open.is_some() && start < self.syn_end();
        if self.features.ecn && len > 0 {
            self.mark_data(out);
        }
        self.sender.on_sent(now, len + u32::from(fin));
        self.sender.pace(now, u64::from(len), &self.config);
        self.timers.clear(Timer::Persist);
        self.pending.window_probe = false;
        self.start_retransmission_timer(now);
        if self.sender.note_probe(false) {
            self.counters.loss_probes += 1;
        } else {
            self.arm_probe(now);
        }
    }

    fn resend(&mut self, now: SimTime, index: usize, why: Resend, room: u32, out: &mut Outgoing) {
        let segment = self.sender.scoreboard.segment(index);
        let with_fin = segment.end() > self.sender.buffer.end();
        let payload = segment.len - u32::from(with_fin);
        if payload > room {
            self.sender.scoreboard.split(index, room);
        }
        let segment = self.sender.scoreboard.segment(index);
        let fin = segment.end() > self.sender.buffer.end();
        let len = segment.len - u32::from(fin);
        self.data(now, segment.start, len, fin, out);
        out.reason = if len == 0 { Reason::Teardown } else { Reason::Data };
        out.retransmission = true;
        let counter = match self.sender.recovery {
            _ if why == Resend::Rescue => &mut self.counters.rescue_retransmissions,
            _ if why == Resend::Probe => &mut self.counters.loss_probes,
            Recovery::Loss { .. } => &mut self.counters.timeout_retransmissions,
            Recovery::Fast { .. } | Recovery::Open => &mut self.counters.fast_retransmissions,
        };
        *counter += 1;
        self.sender.on_resent(now, index, why);
        self.sender.pace(now, u64::from(len), &self.config);
        self.sender.note_probe(true);
        self.start_retransmission_timer(now);
    }

    /// One byte, or the FIN, beyond the peer's window, or what fits a small one (RFC 9293 §3.8.6.1,
    /// §3.8.6.2.1).
    fn window_probe(&mut self, now: SimTime, hook: &mut impl SegmentHook, out: &mut Outgoing) -> bool {
        self.pending.window_probe = false;
        let sender = &self.sender;
        if sender.nxt >= sender.end() || !sender.scoreboard.is_empty() {
            return false;
        }
        let start = self.sender.nxt;
        self.list_options(now, hook, true, out);
        let room = self.room(out);
        let room = self.ask(hook, start - (ORIGIN + 1), out, room).bytes;
        let usable = (self.sender.una + self.sender.window).saturating_sub(start);
        if usable > 0 {
            let waiting = self.sender.buffer.end().saturating_sub(start);
            let len = waiting.min(usable).min(u64::from(room)) as u32;
            let fin = self.sender.fin && u64::from(len) == waiting && usable > u64::from(len);
            self.send_new(now, len, fin, out);
            return true;
        }
        let len = u32::from(start < self.sender.buffer.end());
        self.data(now, start, len, len == 0, out);
        out.reason = Reason::Control;
        out.retransmission = self.sender.probed > start;
        self.sender.probed = start + 1;
        self.sender.last_sent = now;
        self.counters.window_probes += 1;
        self.persist_backoff = self.persist_backoff.saturating_add(1);
        if !self.timers.is_set(Timer::User) {
            self.timers.set(Timer::User, now + self.user_timeout);
        }
        true
    }

    /// `len` bytes of the stream from `start` on.
    #[inline]
    fn data(&mut self, now: SimTime, start: u64, len: u32, fin: bool, out: &mut Outgoing) {
        let mut flags = TcpFlags::ACK;
        if self.features.ecn {
            flags |= self.feedback_flags(true, out.options.as_ref());
        }
        if fin {
            flags |= TcpFlags::FIN;
        }
        if len > 0 && start + u64::from(len) == self.sender.buffer.end() {
            flags |= TcpFlags::PSH; // RFC 9293 §3.9.1.2, SHLD-28: the last that was written.
        }
        if self.urgent_end > start {
            flags |= TcpFlags::URG;
            out.urgent = (self.urgent_end - start).min(u64::from(u16::MAX)) as u16;
        }
        out.sequence = self.sender.iss.to_wire(start);
        out.acknowledgment = self.ack_number();
        out.flags = flags;
        out.window = self.take_window();
        out.timestamps = self.timestamps(now);
        out.start = start;
        out.len = len;
        out.flow = self.flow;
        out.reason = Reason::Data;
    }

    #[inline]
    pub(super) fn acknowledgment(
        &mut self,
        now: SimTime,
        sequence: u32,
        reason: Reason,
        hook: &mut impl SegmentHook,
        out: &mut Outgoing,
    ) {
        self.list_options(now, hook, false, out);
        if let Some(options) = &mut out.options {
            hook.on_segment(SegmentKind::Ack, options);
        }
        out.sequence = sequence;
        out.acknowledgment = self.ack_number();
        out.flags = TcpFlags::ACK;
        if self.features.ecn {
            out.flags |= self.feedback_flags(false, out.options.as_ref());
        }
        out.window = self.take_window();
        out.timestamps = self.timestamps(now);
        out.flow = self.flow;
        out.reason = reason;
    }

    pub(super) fn ack_number(&self) -> u32 {
        self.receiver.irs.to_wire(self.receiver.next())
    }

    /// The window field of a segment that acknowledges everything in order.
    #[inline]
    fn take_window(&mut self) -> u16 {
        self.note_acknowledged();
        let receiver = &mut self.receiver;
        let unread = receiver.buffer.readable();
        if let Some(shared) = &self.shared {
            return receiver.window.advertise_shared(receiver.buffer.next(), shared.own);
        }
        receiver.window.advertise(receiver.buffer.next(), unread, receiver.segment_size)
    }

    #[inline]
    fn note_acknowledged(&mut self) {
        self.receiver.acked = self.receiver.next();
        self.receiver.duplicate = None;
        self.receiver.ack_due = AckDue::No;
        self.timers.clear(Timer::DelayedAck);
    }

    #[inline]
    pub(super) fn timestamps(&self, now: SimTime) -> Option<Timestamps> {
        let echo_reply = self.receiver.ts_recent;
        self.features.timestamps.then(|| Timestamps { value: self.timestamp(now), echo_reply })
    }

    /// Puts timestamps and SACK blocks into a list, if there are such blocks or `hook` adds to it.
    #[inline]
    fn list_options<H: SegmentHook>(&self, now: SimTime, hook: &H, with_data: bool, out: &mut Outgoing) {
        let duplicate = self.receiver.duplicate;
        let blocks = self.sender.sack && (duplicate.is_some() || self.receiver.buffer.has_gap());
        if self.features.ecn && self.sender.accurate.is_some() {
            return self.list_with_counters(
                now,
                hook.reserve(with_data),
                (with_data, H::ACTIVE),
                blocks,
                out,
            );
        }
        if H::ACTIVE || blocks {
            let options = self.timestamps(now).map_or(TcpOptions::EMPTY, TcpOptions::with_timestamps);
            let options = out.options.insert(options);
            if blocks {
                self.push_sack(duplicate, options, hook.reserve(with_data));
            }
        }
    }

    /// The duplicate first (RFC 2883 §4), then as many ranges as fit (RFC 2018 §4).
    #[cold]
    pub(super) fn push_sack(&self, duplicate: Option<(u64, u64)>, options: &mut TcpOptions, reserve: usize) {
        let fits = (TcpOptions::LEN_MAX - options.len()).saturating_sub(4 + reserve) / 8;
        let ranges = self.receiver.buffer.sack_ranges(fits.saturating_sub(usize::from(duplicate.is_some())));
        let mut blocks = [SackBlock::default(); SackBlocks::MAX];
        let mut count = 0;
        for (start, end) in duplicate.into_iter().chain(ranges).take(fits) {
            let irs = self.receiver.irs;
            blocks[count] = SackBlock { start: irs.to_wire(start), end: irs.to_wire(end) };
            count += 1;
        }
        let Some(blocks) = SackBlocks::new(&blocks[..count]) else { return };
        let aligned = [TcpOption::NoOperation, TcpOption::NoOperation, TcpOption::Sack(blocks)];
        for option in aligned {
            options.try_push(option).expect("the blocks were counted to fit");
        }
    }
}

/// The override of silly window avoidance: between 0.1 s and 1 s (RFC 9293 §3.8.6.2.1).
const OVERRIDE: SimDuration = SimDuration::from_millis(500);
