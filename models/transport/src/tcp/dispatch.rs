//! Segments, errors and deadlines to their connections, and what no connection answers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sim_core::SimTime;
use wire::account::{Account, Reason, Runs};
use wire::packet::Packet;
use wire::payload::Payload;
use wire::tcp::TcpFlags;
use wire::tcp_options::TcpOptions;

use super::attached::Found;
use super::config::TcpConfig;
use super::connection::TcpConnection;
use super::cookie::LIFETIME;
use super::endpoint::TcpEndpoint;
use super::event::{ConnectionId, ListenerId, TcpEvent};
use super::fast_open::{self, Verdict};
use super::hook::{ByPort, SegmentHook, SynJudge, SynVerdict};
use super::listener::SynCookies;
use super::offer::Offer;
use super::segment::{Marks, Outgoing, Segment, SegmentError};
use super::state::State;
use crate::endpoint::{Endpoint, Envelope, IcmpError, NetworkEvent, Received, Transmit};

impl<H: SegmentHook> TcpEndpoint<H> {
    /// A segment for no connection.
    fn handle_unmatched(
        &mut self,
        judge: &mut impl SynJudge<H>,
        now: SimTime,
        local: SocketAddr,
        remote: SocketAddr,
        segment: Segment<'_>,
    ) {
        let flags = segment.header.flags;
        if flags.contains(TcpFlags::RST) {
            self.counters.unmatched += 1;
            return;
        }
        let listener = self.listeners.find(local).map(ListenerId);
        let mut hook = H::default();
        if H::ACTIVE && flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK) {
            match judge.judge(local, remote, listener, &segment) {
                SynVerdict::Listener(chosen) => hook = chosen,
                SynVerdict::Take(hook, config) => {
                    let (initial, offset) = self.initial_numbers(now, local, remote);
                    let connection =
                        TcpConnection::accept(now, local, remote, config, initial, offset, &segment);
                    let id = self.add(connection, None, hook);
                    self.touch(id.index);
                    return;
                }
                SynVerdict::Refuse(options) => {
                    self.counters.unmatched += 1;
                    self.refuse(local, remote, &segment, Some(options));
                    return;
                }
            }
        }
        let Some(listener) = listener else {
            self.counters.unmatched += 1;
            self.refuse(local, remote, &segment, None);
            return;
        };
        if flags.contains(TcpFlags::ACK) {
            if let Some(segment) = self.take_cookie(now, listener, (local, remote), segment) {
                self.counters.unmatched += 1;
                self.refuse(local, remote, &segment, None);
            }
        } else if flags.contains(TcpFlags::SYN) {
            self.handle_syn(now, listener, hook, (local, remote), segment);
        } else {
            self.counters.unmatched += 1; // RFC 9293 §3.10.7.2, fourth step.
        }
    }

    fn handle_syn(
        &mut self,
        now: SimTime,
        id: ListenerId,
        hook: H,
        (local, remote): (SocketAddr, SocketAddr),
        syn: Segment<'_>,
    ) {
        let Some(listener) = self.listeners.get_mut(id.0) else { return };
        if listener.is_full() {
            self.counters.accept_queue_full += 1;
            return;
        }
        let config = Arc::clone(&listener.config);
        let full = listener.half_open >= listener.backlog;
        let cookie = match config.listener.syn_cookies {
            SynCookies::Off => false,
            SynCookies::WhenFull => full,
            SynCookies::Always => true,
        };
        if cookie {
            listener.cookies_until = now + LIFETIME;
            self.answer_with_cookie(now, (local, remote), &config, &syn);
            return;
        }
        if full {
            self.counters.backlog_full += 1;
            return;
        }
        let verdict = self.judge_fast_open(id, &config, remote.ip(), &syn);
        let (initial, offset) = self.initial_numbers(now, local, remote);
        let mut connection = TcpConnection::accept(now, local, remote, config, initial, offset, &syn);
        connection.take_syn_data(syn, verdict);
        let connection = self.add_half_open(connection, id, hook);
        self.touch(connection.index);
    }

    /// Adds a connection in SYN-RECEIVED that came from a listener.
    pub(super) fn add_half_open(
        &mut self,
        connection: TcpConnection,
        id: ListenerId,
        hook: H,
    ) -> ConnectionId {
        if let Some(listener) = self.listeners.get_mut(id.0) {
            listener.half_open += 1;
            listener.fast_open_pending += u32::from(connection.was_announced());
        }
        self.counters.half_open_max = self.counters.half_open_max.max(self.listeners.half_open());
        self.add(connection, Some(id), hook)
    }

    /// What becomes of the Fast Open option of a SYN (RFC 7413 §4.2.2).
    fn judge_fast_open(
        &mut self,
        id: ListenerId,
        config: &TcpConfig,
        client: IpAddr,
        syn: &Segment<'_>,
    ) -> Verdict {
        let limit = config.listener.fast_open;
        let Some(offered) = Offer::of(syn).fast_open.filter(|_| limit > 0) else { return Verdict::Ordinary };
        let own = fast_open::cookie(self.secret, client);
        if offered != own {
            self.counters.fast_open_refused += u64::from(!offered.as_bytes().is_empty());
            return Verdict::Grant(own);
        }
        if self.listeners.get_mut(id.0).is_none_or(|listener| listener.fast_open_pending >= limit) {
            self.counters.fast_open_refused += 1;
            return Verdict::Ordinary;
        }
        self.counters.fast_open_accepted += 1;
        Verdict::Accept
    }

    /// RFC 9293 §3.10.7.1 and §3.10.7.2: a reset that the sender of `segment` will accept.
    fn refuse(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Segment<'_>,
        options: Option<TcpOptions>,
    ) {
        if self.stateless.len() >= WAITING {
            self.counters.resets_suppressed += 1;
            return;
        }
        let header = &segment.header;
        let (sequence, acknowledgment, flags) = if header.flags.contains(TcpFlags::ACK) {
            (header.acknowledgment_number, 0, TcpFlags::RST)
        } else {
            let behind = header.sequence_number.wrapping_add(segment.len());
            (0, behind, TcpFlags::RST | TcpFlags::ACK)
        };
        let mut outgoing = Outgoing::control(sequence, acknowledgment, flags, Reason::Control);
        outgoing.flow = segment.flow;
        outgoing.options = options;
        self.counters.resets_sent += 1;
        let nothing = (Payload::empty(), Runs::new());
        self.stateless.push_back(outgoing.emit(local, remote, nothing, Marks::DEFAULT));
    }

    fn handle_icmp(
        &mut self,
        now: SimTime,
        error: IcmpError,
        source: IpAddr,
        destination: IpAddr,
        quoted: &[u8],
    ) {
        let Some(&[a, b, c, d, e, f, g, h]) = quoted.first_chunk::<8>() else { return };
        let local = SocketAddr::new(source, u16::from_be_bytes([a, b]));
        let remote = SocketAddr::new(destination, u16::from_be_bytes([c, d]));
        if let Some(index) = self.demux.find(local, remote)
            && let Some(connection) = &mut self.slots[index as usize].connection
        {
            connection.handle_icmp(now, error, u32::from_be_bytes([e, f, g, h]));
            self.touch(index);
        }
    }
}

impl<H: SegmentHook> TcpEndpoint<H> {
    /// Whether a segment may be there to be sent.
    #[inline]
    pub fn may_transmit(&self) -> bool {
        !self.ready.is_empty() || !self.stateless.is_empty()
    }

    /// Whether an event waits to be taken.
    #[inline]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Takes a datagram; `judge` decides about a SYN that belongs to no connection.
    pub fn handle_datagram_with(
        &mut self,
        now: SimTime,
        received: Received<'_>,
        judge: &mut impl SynJudge<H>,
    ) {
        self.handle_found(now, received, Found::NEW, judge);
    }

    /// As [`Self::handle_datagram_with`], where [`Self::find`] may have said already whom it is for.
    #[inline]
    pub fn handle_found(
        &mut self,
        now: SimTime,
        received: Received<'_>,
        Found(known): Found,
        judge: &mut impl SynJudge<H>,
    ) {
        self.free_expired();
        let (source, destination) = (received.source, received.destination);
        if !is_one_host(source) || !is_one_host(destination) {
            self.counters.bad_address += 1;
            return;
        }
        let segment = match Segment::parse(received) {
            Ok(segment) => segment,
            Err(SegmentError::Malformed) => {
                self.counters.malformed += 1;
                return;
            }
            Err(SegmentError::Checksum) => {
                self.counters.bad_checksum += 1;
                return;
            }
        };
        let local = SocketAddr::new(destination, segment.header.destination_port);
        let remote = SocketAddr::new(source, segment.header.source_port);
        if let Some(index) = known.or_else(|| self.demux.find(local, remote))
            && let slot = &mut self.slots[index as usize]
            && let Some(connection) = &mut slot.connection
        {
            if let Some(listener) = slot.listener
                && segment.header.flags.without(TcpFlags::PSH) == TcpFlags::ACK
                && connection.state() == State::SynReceived
                && self.listeners.get_mut(listener.0).is_some_and(|listener| listener.is_full())
            {
                self.counters.accept_queue_full += 1; // The peer or our SYN-ACK tries again.
                return;
            }
            if !connection.may_be_replaced_by(&segment) || self.listeners.find(local).is_none() {
                connection.handle_segment(now, segment, &mut slot.hook);
                self.touch(index);
                return;
            }
            self.counters.time_wait_reused += 1;
            connection.abort(now);
            let _reported = connection.take_changes();
            self.free_slot(index);
        }
        self.handle_unmatched(judge, now, local, remote, segment);
    }
}

impl<H: SegmentHook> Endpoint for TcpEndpoint<H> {
    type Event = TcpEvent;

    fn handle_datagram(&mut self, now: SimTime, received: Received<'_>) {
        self.handle_datagram_with(now, received, &mut ByPort);
    }

    fn handle_network(&mut self, now: SimTime, event: &NetworkEvent) {
        self.free_expired();
        match event {
            NetworkEvent::Icmp { error, source, destination, quoted } => {
                self.handle_icmp(now, *error, *source, *destination, quoted);
            }
            NetworkEvent::AddressRemoved(address, _) => {
                for index in 0..self.slots.len() {
                    let connection = self.slots[index].connection.as_deref_mut();
                    if let Some(connection) = connection.filter(|it| it.local().ip() == *address) {
                        connection.handle_address_removed(now);
                        self.touch(index as u32);
                    }
                }
            }
            // TCP waits: what is lost meanwhile is sent again.
            NetworkEvent::AddressAdded(..) | NetworkEvent::LinkUp(_) | NetworkEvent::LinkDown(_) => {}
        }
    }

    fn handle_timeout(&mut self, now: SimTime) {
        self.free_expired();
        while let Some((at, index, generation)) = self.deadlines.pop_due(now) {
            let slot = &mut self.slots[index as usize];
            if slot.generation != generation || slot.armed_at != at {
                continue; // Stale.
            }
            slot.armed_at = SimTime::MAX;
            let Some(connection) = &mut slot.connection else { continue };
            if connection.next_timeout().is_some_and(|due| due <= now) {
                connection.handle_timeout(now);
                self.touch(index);
            } else {
                self.arm(index);
            }
        }
    }

    fn poll_transmit(&mut self, now: SimTime) -> Option<Transmit> {
        let mut packet = Packet::new(Payload::empty(), Account::default());
        let envelope = self.poll_transmit_into(now, &mut packet)?;
        Some(envelope.with(packet))
    }

    fn poll_transmit_into(&mut self, now: SimTime, place: &mut Packet) -> Option<Envelope> {
        if let Some(segment) = self.stateless.pop_front() {
            return Some(segment.put_into(place));
        }
        while let Some(&index) = self.ready.front() {
            let slot = &mut self.slots[index as usize];
            if let Some(connection) = &mut slot.connection {
                if connection.is_silent(now, &slot.hook) {
                    connection.stay_silent(now);
                } else {
                    let mut out = Outgoing::NOTHING;
                    if connection.next_segment(now, &mut slot.hook, &mut out) {
                        return Some(connection.emit_into(&out, place));
                    }
                }
                let over = connection.state() == State::Closed;
                self.arm(index);
                if over {
                    self.on_over(index);
                }
            }
            self.slots[index as usize].queued = false;
            self.ready.pop_front();
        }
        None
    }

    #[inline]
    fn poll_timeout(&self) -> Option<SimTime> {
        self.deadlines.next()
    }

    fn poll_event(&mut self) -> Option<TcpEvent> {
        let event = self.events.pop_front()?;
        if let TcpEvent::Closed { id, .. } = event
            && self.get(id).is_some()
        {
            self.slots[id.index as usize].reported = true;
            if self.get(id).is_some_and(|connection| connection.state() == State::Closed) {
                self.on_over(id.index);
            }
        }
        Some(event)
    }
}

/// Whether the address is that of one host (RFC 9293 §3.9.2.3, MUST-46, MUST-57, MUST-63).
pub(super) fn is_one_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !address.is_multicast() && !address.is_broadcast() && !address.is_unspecified()
        }
        IpAddr::V6(address) => !address.is_multicast() && !address.is_unspecified(),
    }
}

/// Resets to segments without a connection, and SYN cookies, that may wait to be sent at once.
pub(super) const WAITING: usize = 256;
