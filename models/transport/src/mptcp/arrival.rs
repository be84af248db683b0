//! What comes on a subflow: signals, acknowledgments, data.

use wire::account::{FlowId, Reason};
use wire::checksum::Sum;
use wire::mptcp::{Dss, Mapping, MptcpOption, ResetReason};

use super::connection::{Chunk, Connection, FIRST, Mode, Outside};
use super::event::{Fallback, MptcpEvent};
use super::path::InMap;
use super::subflow::{Received, Stage};
use crate::tcp::hook::ReceivedKind;
use crate::tcp::reassembly::Arrival;
use crate::tcp::{CloseReason, State};

impl Connection {
    /// Something has happened to a subflow.
    pub(crate) fn on_path(&mut self, outside: &mut Outside<'_>, path: usize) {
        let Some(id) = self.paths.get(path).map(|path| path.id) else { return };
        let mut inbox =
            outside.tcp.hook_mut(id).map(|hook| std::mem::take(&mut hook.inbox)).unwrap_or_default();
        for received in &inbox {
            self.on_received(outside, path, received);
        }
        if let Some(hook) = outside.tcp.hook_mut(id) {
            inbox.clear();
            hook.inbox = inbox; // Its memory serves the next ones.
        }
        match self.mode {
            Mode::Fallback(_, plain) if plain == path => self.watch_plain(outside),
            Mode::Fallback(..) | Mode::Opening => {}
            Mode::Multipath => {
                self.read_path(outside, path);
                self.watch_path(outside, path);
                self.settle(outside);
            }
        }
    }

    fn on_received(&mut self, outside: &mut Outside<'_>, path: usize, received: &Received) {
        let it = &mut self.paths[path];
        it.window_edge = it.window_edge.max(received.acknowledged + received.window);
        match received.kind {
            ReceivedKind::SynAck => self.on_syn_ack(outside, path, received),
            ReceivedKind::Reset => self.on_reset(outside, path, received),
            ReceivedKind::Segment => self.on_segment(outside, path, received),
        }
    }

    fn on_reset(&mut self, outside: &mut Outside<'_>, path: usize, received: &Received) {
        for option in &received.options {
            match option {
                MptcpOption::FastClose { receiver_key } if *receiver_key == self.own_key => {
                    self.end(outside, CloseReason::Reset, None);
                }
                // RFC 8684 §3.6: what is not transient is not tried again on this path.
                MptcpOption::Reset(reset) if !reset.transient => {
                    let path = &self.paths[path];
                    self.refused.insert((path.local.ip(), path.remote));
                }
                _ => {}
            }
        }
    }

    fn on_segment(&mut self, outside: &mut Outside<'_>, path: usize, received: &Received) {
        if !self.check_opening(outside, path, received) {
            return;
        }
        // An answer on a path that the peer says is gone.
        let now = outside.now;
        self.paths[path].doubt.take_if(|doubt| now >= doubt.answer_from);
        if self.mode == Mode::Multipath && !self.early.is_empty() {
            for early in std::mem::take(&mut self.early) {
                self.on_segment(outside, path, &early);
            }
        }
        let acknowledged = match received.options.as_slice() {
            [MptcpOption::Dss(signal)] => self.on_signal(outside, path, signal, received.window),
            options => self.on_options(outside, path, options, received.window),
        };
        if matches!(self.mode, Mode::Multipath) && !acknowledged && received.acknowledged > 0 {
            self.on_data_without_data_ack(outside, path);
        }
    }

    /// Any options. Returns whether data were acknowledged.
    fn on_options(
        &mut self,
        outside: &mut Outside<'_>,
        path: usize,
        options: &[MptcpOption],
        window: u64,
    ) -> bool {
        let mut acknowledged = false;
        // Before an infinite mapping that comes along.
        if options.iter().any(|option| matches!(option, MptcpOption::Fail { .. })) {
            self.on_fail(outside, path);
        }
        for option in options {
            match option {
                MptcpOption::Capable(capable) => self.on_keys(outside, path, capable),
                MptcpOption::Join(_) | MptcpOption::Fail { .. } => {}
                MptcpOption::Dss(signal) => acknowledged |= self.on_signal(outside, path, signal, window),
                MptcpOption::AddAddress(address) => self.on_address(outside, path, address),
                MptcpOption::RemoveAddress(ids) => self.on_addresses_gone(outside, ids.as_slice()),
                MptcpOption::Priority { backup } => self.paths[path].peer_backup = *backup,
                MptcpOption::FastClose { receiver_key } if *receiver_key == self.own_key => {
                    self.end(outside, CloseReason::Reset, None);
                }
                // A reset that is none, and a key that is not ours.
                MptcpOption::FastClose { .. } | MptcpOption::Reset(_) => {}
            }
        }
        acknowledged
    }

    /// Data was acknowledged without a DATA_ACK: something takes the options off (RFC 8684 §3.7).
    fn on_data_without_data_ack(&mut self, outside: &mut Outside<'_>, path: usize) {
        if self.paths[path].confirmed || !self.paths[path].ready {
            return;
        }
        if self.is_single(path) && self.is_contiguous(outside.tcp, path) {
            self.fall_back(outside, path, Fallback::NoDataAck, true);
        } else {
            self.reset_path(outside, path, ResetReason::MIDDLEBOX_INTERFERENCE);
        }
    }

    /// Returns whether it acknowledges data that were sent: what was not is no word of the peer.
    fn on_signal(&mut self, outside: &mut Outside<'_>, path: usize, signal: &Dss, window: u64) -> bool {
        if self.mode != Mode::Multipath {
            return false;
        }
        let id = self.paths[path].id;
        let place = signal
            .data_ack
            .map(|ack| ack.near(self.own_start.wrapping_add(self.una)).wrapping_sub(self.own_start))
            .filter(|place| (FIRST..=self.next + u64::from(self.fin_sent)).contains(place));
        if let Some(place) = place {
            if !std::mem::replace(&mut self.paths[path].confirmed, true)
                && let Some(hook) = outside.tcp.hook_mut(id)
                && matches!(hook.stage, Stage::CapableAck { .. })
            {
                hook.stage = Stage::Open;
            }
            self.on_data_ack(outside, place, window);
        }
        if let Some(mapping) = &signal.mapping {
            self.on_mapping(outside, path, mapping, signal.data_fin);
        }
        place.is_some()
    }

    fn on_data_ack(&mut self, outside: &mut Outside<'_>, place: u64, window: u64) {
        let end = self.next + u64::from(self.fin_sent);
        if place < self.una {
            return;
        }
        self.peer_edge = self.peer_edge.max(place + window);
        if place == self.una {
            return;
        }
        self.backoff = 0;
        self.stalled_since = None;
        self.data_timeout_at = None;
        self.una = place.min(self.next);
        self.output.release(self.una);
        if self.fin_sent && place == end {
            self.una = place;
            self.fin_acknowledged = true;
            for path in &self.paths {
                if let Some(hook) = outside.tcp.hook_mut(path.id) {
                    hook.data_fin = None;
                }
            }
        }
        let una = self.una;
        while let Some(&(start, chunk)) = self.sent.first()
            && start < una
        {
            self.sent.pop_first();
            let end = start + u64::from(chunk.len);
            if end > una {
                self.sent.insert(una, Chunk { len: (end - una) as u32, ..chunk });
            }
        }
        while let Some((&start, &len)) = self.again.first_key_value()
            && start < una
        {
            self.again.pop_first();
            let end = start + u64::from(len);
            if end > una {
                self.again.insert(una, (end - una) as u32);
            }
        }
        if self.write_blocked && self.writable(outside.tcp) >= self.config.tcp.send_buffer / 2 {
            self.write_blocked = false;
            outside.events.push_back(MptcpEvent::Writable(self.id));
        }
    }

    fn on_mapping(&mut self, outside: &mut Outside<'_>, path: usize, mapping: &Mapping, fin: bool) {
        if mapping.len == 0 {
            // RFC 8684 §3.3.1: its checksum is zero. Another one belongs to a length that was changed on the way.
            if mapping.checksum.is_some_and(|checksum| checksum != 0) {
                self.reset_path(outside, path, ResetReason::MIDDLEBOX_INTERFERENCE);
                return;
            }
            if self.withheld.is_some() {
                self.on_fail_answered(outside, path);
                return;
            }
            self.read_path(outside, path);
            if self.mode == Mode::Multipath && self.is_alone(path) && self.is_contiguous(outside.tcp, path) {
                self.fall_back(outside, path, Fallback::InfiniteMapping, false);
            } else if self.mode == Mode::Multipath {
                self.reset_path(outside, path, ResetReason::MIDDLEBOX_INTERFERENCE);
            }
            return;
        }
        if !self.behaves_as_negotiated(outside, path, mapping.checksum) {
            return;
        }
        let expected = self.peer_start.wrapping_add(self.input.next());
        let place = mapping.data_sequence.near(expected).wrapping_sub(self.peer_start);
        let len = mapping.len - u16::from(fin);
        if let wire::mptcp::DataSequence::Long(_) = mapping.data_sequence {
            for path in &self.paths {
                if let Some(hook) = outside.tcp.hook_mut(path.id) {
                    hook.long_ack = true;
                }
            }
        }
        if fin && self.fin_reached {
            // Ours was lost: again.
            outside.tcp.acknowledge(self.paths[path].id, Reason::Teardown);
        }
        if len == 0 {
            let number = self.peer_start.wrapping_add(place);
            let right = Self::checksum_of(number, mapping.subflow_sequence, mapping.len, NO_DATA);
            if mapping.checksum.is_none_or(|checksum| checksum == right) {
                self.on_data_fin(place);
            } else if self.withheld.is_none() {
                self.counters.checksums_failed += 1;
                let (place, nothing) = (self.input.next(), wire::payload::Payload::empty());
                self.on_bad_checksum(outside, path, place, (nothing, wire::account::Runs::new()));
            }
            return;
        }
        let path = &mut self.paths[path];
        path.mapped = true;
        let read = outside.tcp.read_offset(path.id);
        let near = mapping.subflow_sequence.wrapping_sub(1).wrapping_sub(read as u32) as i32;
        let Some(offset) = read.checked_add_signed(i64::from(near)) else { return };
        // What begins before has been read by another mapping: this one came again, or is wrong.
        if offset >= read && path.maps.len() < MAPS_MAX {
            let map = InMap { place, len, checksum: mapping.checksum, covered: mapping.len };
            path.map(offset, map);
        }
    }

    /// The peer's data end at a place.
    fn on_data_fin(&mut self, place: u64) {
        if self.peer_fin.is_none() && self.is_sane(place) && place >= self.input.next() {
            self.peer_fin = Some(place);
        }
    }

    /// Whether a checksum is there if and only if that was agreed; else the subflow is broken (RFC 8684 §3.3).
    pub(super) fn behaves_as_negotiated(
        &mut self,
        outside: &mut Outside<'_>,
        path: usize,
        checksum: Option<u16>,
    ) -> bool {
        let agreed = checksum.is_some() == self.checksum;
        if !agreed {
            self.reset_path(outside, path, ResetReason::MPTCP_SPECIFIC);
        }
        agreed
    }

    /// Whether a place can be one that the peer has sent.
    fn is_sane(&self, place: u64) -> bool {
        place >= FIRST && place <= self.edge + SLACK
    }

    /// Moves what came on a subflow to its place in the data.
    pub(super) fn read_path(&mut self, outside: &mut Outside<'_>, number: usize) {
        let id = self.paths[number].id;
        loop {
            let (readable, offset) = outside.tcp.unread(id);
            if readable == 0 || self.mode != Mode::Multipath || self.withheld.is_some() {
                return;
            }
            let Some((start, map)) = self.paths[number].map_at(offset) else {
                self.on_unmapped(outside, number, readable);
                return;
            };
            if self.checksum && offset != start {
                // It overlaps what was read before, so that its checksum can no longer be looked at.
                self.paths[number].maps.remove(start);
                continue;
            }
            let left = u64::from(map.len) - (offset - start);
            let summed = self.checksum;
            if summed && u64::from(readable) < left {
                return; // The checksum covers all of it.
            }
            let take = left.min(u64::from(readable)) as u32;
            let place = map.place + (offset - start);
            if !summed
                && take == readable
                && self.continues_at(place, take)
                && outside.tcp.pour_single(id, take, &mut self.input)
            {
                self.paths[number].bytes_received += u64::from(take);
                self.on_taken(number, start, (map, u64::from(take) == left));
                return;
            }
            let (payload, runs) = outside.tcp.read(outside.now, id, take);
            if summed {
                let number_there = self.peer_start.wrapping_add(map.place);
                let subflow = (start as u32).wrapping_add(1);
                let right = Self::checksum_of(number_there, subflow, map.covered, payload.sum());
                if map.checksum != Some(right) {
                    self.counters.checksums_failed += 1;
                    self.on_bad_checksum(outside, number, map.place, (payload, runs));
                    return;
                }
            }
            self.on_taken(number, start, (map, u64::from(take) == left));
            self.take_data(number, place, payload, runs);
        }
    }

    /// What a mapping describes was taken off its subflow, in whole or in part.
    #[inline]
    fn on_taken(&mut self, number: usize, start: u64, (map, whole): (InMap, bool)) {
        if whole {
            self.paths[number].maps.remove(start);
        }
        if map.covered > map.len {
            self.on_data_fin(map.place + u64::from(map.len));
        }
    }

    /// Whether `len` bytes at `place` are the data's next, and nothing waits behind a gap.
    #[inline]
    fn continues_at(&self, place: u64, len: u32) -> bool {
        self.input.continues_at(place)
            && self.is_sane(place)
            && place + u64::from(len) <= self.edge + SLACK
            && self.flow_received != FlowId::NONE
    }

    fn take_data(
        &mut self,
        path: usize,
        place: u64,
        payload: wire::payload::Payload,
        runs: wire::account::Runs,
    ) {
        let len = u64::from(payload.len());
        if !self.is_sane(place) || place + len > self.edge + SLACK {
            self.counters.beyond_window += 1;
            return;
        }
        if self.flow_received == FlowId::NONE
            && let Some(run) = runs.first()
        {
            self.flow_received = run.flow;
        }
        let before = self.input.next();
        match self.input.insert(place, payload, runs) {
            Arrival::Duplicate(..) => self.counters.duplicates_received += len,
            Arrival::OutOfOrder => {
                self.counters.out_of_order_received += 1;
                self.paths[path].bytes_received += len;
                self.counters.waiting_max = self.counters.waiting_max.max(self.input.waiting());
            }
            Arrival::InOrder | Arrival::FilledGap => {
                self.paths[path].bytes_received += (self.input.next() - before).min(len);
            }
        }
    }

    /// Data that no mapping describes.
    fn on_unmapped(&mut self, outside: &mut Outside<'_>, path: usize, readable: u32) {
        if self.is_single(path) && self.is_contiguous(outside.tcp, path) {
            self.fall_back(outside, path, Fallback::NoMapping, true);
            self.watch_plain(outside);
        } else if !self.paths[path].mapped || readable >= self.config.tcp.receive_buffer / 2 {
            self.reset_path(outside, path, ResetReason::MIDDLEBOX_INTERFERENCE);
        }
    }

    /// News of a connection that is plain TCP.
    pub(crate) fn watch_plain(&mut self, outside: &mut Outside<'_>) {
        let Some(id) = self.plain() else { return };
        if !self.read_reported && self.readable(outside.tcp) > 0 {
            self.read_reported = true;
            outside.events.push_back(MptcpEvent::Readable(self.id));
        }
        let writable = self.writable(outside.tcp);
        if self.write_blocked && writable >= self.config.tcp.send_buffer / 2 {
            self.write_blocked = false;
            outside.events.push_back(MptcpEvent::Writable(self.id));
        }
        if outside.tcp.state(id) == Some(State::CloseWait) && !self.fin_reached {
            self.fin_reached = true;
            outside.events.push_back(MptcpEvent::PeerClosed(self.id));
        }
    }

    /// After something came: acknowledgments, news, the end.
    pub(crate) fn settle(&mut self, outside: &mut Outside<'_>) {
        if self.mode != Mode::Multipath {
            return;
        }
        let reached = self.peer_fin == Some(self.input.next()) && !self.fin_reached;
        self.fin_reached |= reached;
        self.refresh(outside);
        self.told = self.edge;
        if self.discard && self.input.readable() > 0 {
            // Nobody reads what still comes (RFC 8684 §3.5).
            self.abort(outside);
            return;
        }
        if self.input.readable() > 0 && !self.read_reported {
            self.read_reported = true;
            outside.events.push_back(MptcpEvent::Readable(self.id));
        }
        if reached {
            self.acknowledge_all(outside, Reason::Teardown);
            outside.events.push_back(MptcpEvent::PeerClosed(self.id));
        }
        if self.fin_reached && self.fin_acknowledged && !self.reported {
            for path in self.paths.iter().filter(|path| path.alive) {
                outside.tcp.shutdown(outside.now, path.id);
            }
            self.report_closed(outside, CloseReason::Normal);
            // RFC 8684 §3.3.3: what is still outstanding on a subflow need not be waited for.
            self.lonely_until = Some(outside.now + self.config.tcp.fin_wait);
        }
        self.manage(outside);
    }
}

/// Mappings of one subflow that are kept for data to come.
const MAPS_MAX: usize = 4096;

/// Bytes beyond the edge that are taken: the shift of a window rounds it up (RFC 7323 §2.3: at most 2^14).
const SLACK: u64 = 1 << 14;

/// Of no data, for a DATA_FIN.
pub(crate) const NO_DATA: Sum = Sum::ZERO;
