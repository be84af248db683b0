//! The handshake: what both sides offer, and what they agree upon.

use std::net::SocketAddr;
use std::sync::Arc;

use sim_core::{SimDuration, SimTime};
use wire::account::Reason;
use wire::tcp::TcpFlags;
use wire::tcp_options::UserTimeout;

use super::config::{MAX_SHIFT, TcpConfig, default_segment_size};
use super::connection::TcpConnection;
use super::hook::{ReceivedKind, SegmentHook};
use super::offer::Offer;
use super::segment::Segment;
use super::sequence::{InitialSequence, ORIGIN, timestamp_before};
use super::state::{CloseReason, State};
use super::timer::Timer;
use crate::congestion::CongestionControl;

impl TcpConnection {
    /// RFC 9293 §3.10.7.3.
    pub(super) fn handle_in_syn_sent<H: SegmentHook>(
        &mut self,
        now: SimTime,
        segment: Segment<'_>,
        hook: &mut H,
    ) {
        let header = &segment.header;
        let flags = header.flags;
        let ack = self.sender.iss.from_wire(self.sender.una, header.acknowledgment_number);
        if flags.contains(TcpFlags::ACK) && !(ORIGIN + 1..=self.syn_end()).contains(&ack) {
            if !flags.contains(TcpFlags::RST) {
                self.pending.reset_answer = Some(header.acknowledgment_number);
            }
            return;
        }
        if flags.contains(TcpFlags::RST) {
            if flags.contains(TcpFlags::ACK) {
                if H::ACTIVE {
                    let _no_matter = hook.on_received(&self.describe(ReceivedKind::Reset, &segment, ORIGIN));
                }
                self.finish(now, CloseReason::Refused);
            }
            return;
        }
        if !flags.contains(TcpFlags::SYN) {
            return;
        }
        let offer = Offer::of(&segment);
        self.take_offer(now, &offer);
        self.last_heard = now;
        if !flags.contains(TcpFlags::ACK) {
            // Simultaneous open (RFC 9293 §3.5, Figure 7): answer with SYN-ACK.
            self.enter(now, State::SynReceived);
            self.pending.syn = true;
            self.receiver.acked = ORIGIN + 1;
            return;
        }
        self.on_fast_open_answer(now, offer.fast_open, ack);
        if H::ACTIVE {
            let _no_matter = hook.on_received(&self.describe(ReceivedKind::SynAck, &segment, ORIGIN));
        }
        let window = self.peer_window(u64::from(header.window)); // Not scaled in a SYN (RFC 7323 §2.2).
        self.establish(now, ORIGIN, ack, window);
        self.receiver.acknowledge_now(Reason::Handshake);
        self.process_text_and_fin(now, segment, ORIGIN);
    }

    /// Whether the segment is the SYN-ACK of a peer that has opened at the same time: its SYN was here before, so that its
    /// number is an old one (RFC 9293 §3.5, figure 7, line 6).
    pub(super) fn is_crossed_syn_ack(&self, segment: &Segment<'_>) -> bool {
        let header = &segment.header;
        let flags = header.flags;
        let ack = self.sender.iss.from_wire(self.sender.una, header.acknowledgment_number);
        !self.passive
            && flags.contains(TcpFlags::SYN | TcpFlags::ACK)
            && !flags.intersects(TcpFlags::RST | TcpFlags::FIN)
            && segment.payload_len == 0
            && header.sequence_number == self.receiver.irs.to_wire(ORIGIN)
            && (ORIGIN + 1..=self.syn_end()).contains(&ack)
    }

    /// Both SYNs are acknowledged.
    pub(super) fn on_crossed_syn_ack(&mut self, now: SimTime, segment: &Segment<'_>) {
        let header = &segment.header;
        let ack = self.sender.iss.from_wire(self.sender.una, header.acknowledgment_number);
        if let Some(timestamps) = segment.timestamps.filter(|_| self.features.timestamps) {
            self.receiver.on_timestamp(now, timestamps.value, ORIGIN);
        }
        let window = self.peer_window(u64::from(header.window)); // Not scaled in a SYN (RFC 7323 §2.2).
        self.establish(now, ORIGIN, ack, window);
    }

    /// Half a connection out of a SYN cookie: the acknowledgment that brought it completes it.
    pub(super) fn from_cookie(
        now: SimTime,
        (local, remote): (SocketAddr, SocketAddr),
        config: Arc<TcpConfig>,
        (initial, timestamp_offset): (InitialSequence, u32),
        offer: &Offer,
    ) -> Self {
        let mut connection = Self::new(now, local, remote, config, initial, timestamp_offset);
        connection.state = State::SynReceived;
        connection.passive = true;
        connection.take_offer(now, offer);
        connection.sender.nxt = ORIGIN + 1;
        connection.receiver.window.advertise_unscaled(ORIGIN + 1, 0);
        connection.timers.set(Timer::User, now + connection.config.connect_timeout);
        connection
    }

    /// Takes from a SYN the initial sequence number and the options, of which only those count that this
    /// side offers too.
    pub(super) fn take_offer(&mut self, now: SimTime, offer: &Offer) {
        self.receiver.on_syn(offer.sequence);
        let ipv6 = self.remote.is_ipv6();
        self.sender.sack = offer.sack && self.config.sack;
        self.features.timestamps = false;
        if let Some(value) = offer.timestamp.filter(|_| self.config.timestamps) {
            self.features.timestamps = true;
            self.receiver.set_timestamp(now, value);
        }
        let shift = offer.window_shift.filter(|_| self.config.window_scaling);
        self.features.scaling = shift.is_some();
        if let Some(shift) = shift {
            self.sender.window_shift = shift.min(MAX_SHIFT); // RFC 7323 §2.3
            self.receiver.window.shift = self.config.window_shift();
        }
        self.agree_on_ecn(offer);
        if let Some(remote) = offer.user_timeout.filter(|_| self.config.user_timeout_option) {
            // RFC 5482 §3.1: the longer of both wishes, within limits.
            let remote = SimDuration::from_secs(u64::from(remote.as_secs()));
            self.user_timeout =
                self.config.user_timeout.max(remote).max(USER_TIMEOUT_MIN).min(USER_TIMEOUT_MAX);
        }
        // RFC 9293 §3.7.1, with a floor that leaves a byte behind any options.
        let own = self.config.segment_size(ipv6);
        let peer = offer.segment_size.unwrap_or(default_segment_size(ipv6));
        self.sender.segment_size = own.min(peer).max(SEGMENT_SIZE_MIN);
        self.sender.window = u64::from(offer.window);
    }

    /// The user timeout to tell the peer of (RFC 5482 §3), in seconds or, if it is long, in minutes.
    pub(super) fn user_timeout_option(&self) -> Option<UserTimeout> {
        if !self.config.user_timeout_option {
            return None;
        }
        let secs = self.config.user_timeout.as_nanos().div_ceil(1_000_000_000);
        let short = u16::try_from(secs).ok().and_then(UserTimeout::from_secs);
        short.or_else(|| u16::try_from(secs.div_ceil(60)).ok().and_then(UserTimeout::from_minutes))
    }

    /// Whether `syn` may begin a new connection in place of this one, which is in TIME-WAIT: its number or its
    /// timestamp is later than all of the old one (RFC 9293 §3.6.1, MAY-2, and RFC 6191 §2).
    pub(super) fn may_be_replaced_by(&self, syn: &Segment<'_>) -> bool {
        let flags = syn.header.flags;
        let plain = flags.contains(TcpFlags::SYN) && !flags.intersects(TcpFlags::ACK | TcpFlags::RST);
        if self.state != State::TimeWait || !plain {
            return false;
        }
        if let Some(timestamps) = syn.timestamps.filter(|_| self.features.timestamps) {
            return timestamp_before(self.receiver.ts_recent, timestamps.value);
        }
        let next = self.receiver.next();
        self.receiver.irs.from_wire(next, syn.header.sequence_number) > next
    }

    /// Our SYN is acknowledged, and up to `ack` the data that it carried: ESTABLISHED.
    pub(super) fn establish(&mut self, now: SimTime, sequence: u64, ack: u64, window: u64) {
        let syn_lost = self.syn_sent_count > 1;
        let early = self.is_early();
        if !early {
            let (size, options) = (self.sender.segment_size, self.options_len());
            self.sender.start(size, options, syn_lost, &self.config);
        }
        self.sender.una = ORIGIN + 1;
        self.sender.on_window(sequence, ORIGIN + 1, window);
        self.sender.timeouts = 0;
        if syn_lost {
            // RFC 6298 §5.7; the sample would be ambiguous (§3).
            let three = SimDuration::from_secs(3);
            self.sender.rtt.restart_at(three.max(self.config.rto.initial), &self.config.rto);
        } else if self.syn_sent_count == 1 && !early {
            let rtt = now.saturating_since(self.sender.last_sent);
            self.sender.rtt.on_sample(rtt, &self.config.rto);
        }
        let seed = u64::from(self.sender.iss.to_wire(ORIGIN)) << 32 | u64::from(self.timestamp_offset);
        self.sender.controller.on_established(now, self.sender.rtt.srtt(), seed);
        if self.features.ecn {
            self.answer_handshake_mark(now);
        }
        self.timers.clear(Timer::Retransmit);
        self.timers.clear(Timer::User);
        self.pending.syn = false;
        self.last_heard = now;
        if !early && ack > ORIGIN + 1 && ack <= self.syn_end() {
            self.counters.bytes_acknowledged += self.sender.on_syn_data_acknowledged(ack);
        }
        if let Some(keep_alive) = self.config.keep_alive {
            self.timers.set(Timer::KeepAlive, now + keep_alive.idle);
        }
        self.sender.limit.start(now);
        self.enter(now, State::Established);
        self.announce_readable();
        if !self.sender.scoreboard.is_empty() {
            self.start_retransmission_timer(now);
        }
        if self.sender.fin {
            self.enter(now, State::FinWait1);
        }
    }
}

/// The smallest segment that is used, whatever a peer announces: it leaves eight bytes behind 40 of options.
const SEGMENT_SIZE_MIN: u16 = 48;

/// L_LIMIT of RFC 5482 §3.1: R2's least value (RFC 9293 §3.8.3, SHLD-11).
const USER_TIMEOUT_MIN: SimDuration = SimDuration::from_secs(100);

/// U_LIMIT of RFC 5482 §3.1: a day.
const USER_TIMEOUT_MAX: SimDuration = SimDuration::from_secs(24 * 3600);
