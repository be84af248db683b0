//! IPv6 in frames: header compression (RFC 6282) and fragments (RFC 4944; those of RFC 8931 are in [`super::recovery`]), with every
//! hop putting packets together again (route-over).
//!
//! Interface identifiers are made of link-layer addresses, so that none has to be resolved (RFC 6775 §5.7). Groups and
//! broadcasts are one frame to all radios in reach, which their hosts filter.

use sim_core::SimTime;
use wire::account::{Account, Protocol, Run, Runs, split_runs};
use wire::ieee802154::{Address, Addressing, FCS_LEN, FRAME_LEN_MAX, Header};
use wire::ip::IpProtocol;
use wire::ip_view::HeaderView;
use wire::packet::{HEADER_CAPACITY, Packet};
use wire::payload::Payload;
use wire::sixlowpan::fragment::{FIRST_LEN, FragmentHeader, SUBSEQUENT_LEN};
use wire::sixlowpan::recovery::FRAGMENT_LEN;
use wire::sixlowpan::{
    DatagramSize, Dispatch, Identifiers, UNCOMPRESSED_IPV6, compress, decompress, ends_with_udp,
};
use wire::{ipv6, udp};

use super::access::{Frames, RadioPlace};
use super::reassembly::{Fragment, Taken};
use super::security::make_room;
use super::step::RadioStep;
use crate::drop_cause::DropCause;
use crate::forward::Ingress;
use crate::network::Network;
use crate::node::{DestinationId, NodeId};
use crate::observer::Observer;
use crate::pool::PacketId;
use crate::port::PortId;
use crate::route::SegmentHop;

/// A packet's headers in compressed form.
pub(super) struct Squeezed {
    pub(super) bytes: Vec<u8>,
    /// Bytes of the packet's headers that they stand for.
    pub(super) consumed: usize,
    network_len: usize,
    udp_len: usize,
}

impl Squeezed {
    /// Headers that stay as they are: all there is is the dispatch in front of them.
    fn nothing() -> Self {
        Self { bytes: vec![UNCOMPRESSED_IPV6], consumed: 0, network_len: 0, udp_len: 0 }
    }
}

impl<O: Observer> Network<O> {
    /// Sends a packet by a hop across a radio medium: to its destination, or to the router that is next.
    pub(crate) fn send_by_radio(&mut self, node: NodeId, hop: SegmentHop, id: PacketId) {
        if self.packets[id].len() > usize::from(self.ports[hop.port.index()].mtu) {
            for part in self.cut(node, hop.port, id) {
                self.send_by_radio(node, hop, part);
            }
            return;
        }
        let destination = DestinationId(self.packets[id].destination);
        let next = hop.gateway.or_else(|| {
            let address = self.addresses.lookup(destination).address;
            self.addresses.owner(address)
        });
        let Some(here) = self.radio_at(hop.port) else {
            return self.discard(node, None, id, DropCause::Unresolved);
        };
        if !self.passes_discovery(node, here, id) {
            return;
        }
        match self.discovery_next(here, next, id) {
            Some(there) => self.send_frames(node, here, id, Some(there)),
            None => self.discard(node, None, id, DropCause::Unresolved),
        }
    }

    /// Sends a packet to all radios in reach.
    pub(crate) fn broadcast_by_radio(&mut self, node: NodeId, port: PortId, id: PacketId) {
        match self.radio_at(port) {
            Some(_) if self.packets[id].len() > usize::from(self.ports[port.index()].mtu) => {
                for part in self.cut(node, port, id) {
                    self.broadcast_by_radio(node, port, part);
                }
            }
            Some(here) if !self.passes_discovery(node, here, id) => {}
            Some(here) => self.send_frames(node, here, id, None),
            None => self.discard(node, None, id, DropCause::NoRoute),
        }
    }

    pub(crate) fn send_frames(&mut self, node: NodeId, here: RadioPlace, id: PacketId, to: Option<u32>) {
        if !self.is_port_up(self.radio_port(here)) || !self.nodes[node.index()].up {
            return self.discard(node, None, id, DropCause::LinkDown);
        }
        let medium = &self.media[here.medium];
        let destination = to.map_or(Address::BROADCAST, |to| medium.address(to));
        let source = medium.address(here.radio);
        let confirmed = to.is_some() && medium.settings.acknowledgements;
        let frame = Header::data(0, Addressing::within(medium.pan, destination, source), confirmed);
        let frame = Header { version: medium.macs[here.radio as usize].duty.version(), ..frame };
        let frame = medium.security.map_or(frame, |security| security.of_frame(frame));
        let Some(squeezed) = self.squeeze(here, id, Identifiers::of_frame(source, destination)) else {
            return self.discard(node, None, id, DropCause::NoRoute); // Version 4, or no header at all.
        };
        let mic_len = frame.security.map_or(0, |security| security.level.mic_len());
        let room = FRAME_LEN_MAX - FCS_LEN - frame.len() - mic_len;
        if squeezed.bytes.len() + self.packets[id].len() - squeezed.consumed <= room {
            self.frame_whole(id, &frame, &squeezed);
            return self.queue_frames(here, Frames::from_slice(&[id]), to);
        }
        // What is for all is confirmed by nobody; and the headers of a fragment that is kept have to stand together.
        let together = frame.len() + FRAGMENT_LEN + squeezed.bytes.len() <= HEADER_CAPACITY;
        let recovers = self.media[here.medium].settings.recovery.is_some() && together;
        match to.filter(|_| recovers) {
            Some(to) => self.send_recovered(here, id, &frame, &squeezed, room, to),
            None => {
                let frames = self.frame_parts(here, id, &frame, &squeezed, room);
                self.queue_frames(here, frames, to);
            }
        }
    }

    fn squeeze(&mut self, here: RadioPlace, id: PacketId, implied: Identifiers) -> Option<Squeezed> {
        let packet = &mut self.packets[id];
        // A packet from outside or from fragments may hold its headers in its payload.
        let wanted = packet.len().min(match packet.header().get(NEXT_HEADER_AT) {
            Some(&next) if IpProtocol(next).is_ipv6_extension() => HEADER_CAPACITY,
            Some(_) | None => ipv6::HEADER_LEN + udp::HEADER_LEN,
        });
        if packet.header().len() < wanted && !packet.pull(wanted) {
            return None;
        }
        let medium = &self.media[here.medium];
        if !medium.compression {
            let whole = HeaderView::new(packet.header()).is_ok_and(|view| matches!(view, HeaderView::V6(_)));
            return whole.then(Squeezed::nothing);
        }
        let mut bytes = Vec::with_capacity(wanted);
        let done =
            compress(packet.header(), implied, medium.contexts_to_compress(here.radio), false, &mut bytes)
                .ok()?;
        Some(Squeezed {
            bytes,
            consumed: done.consumed,
            network_len: done.network_len,
            udp_len: done.udp_len,
        })
    }

    /// Turns a packet into one frame.
    fn frame_whole(&mut self, id: PacketId, frame: &Header, squeezed: &Squeezed) {
        let packet = &mut self.packets[id];
        packet.pop_header(squeezed.consumed);
        uncharge(&mut packet.account, squeezed);
        push_frame(packet, frame, None, Some(squeezed));
    }

    /// Turns a packet into frames with a fragment each (RFC 4944 §5.3): offsets count what is not compressed, in eights.
    fn frame_parts(
        &mut self,
        here: RadioPlace,
        id: PacketId,
        frame: &Header,
        squeezed: &Squeezed,
        room: usize,
    ) -> Frames {
        let mut packet = self.replace(id);
        let size = packet.len();
        let mac = &mut self.media[here.medium].macs[here.radio as usize];
        let tag = mac.next_tag;
        mac.next_tag = tag.wrapping_add(1);
        let first = FragmentHeader::first(size, tag).expect("the medium's MTU is at most 2,047 bytes");
        packet.pop_header(squeezed.consumed);
        uncharge(&mut packet.account, squeezed);
        let (mut rest, mut runs) = content(&mut packet);
        let mut frames = Frames::new();
        let mut offset = 0;
        while offset < size {
            let (header, taken) = if offset == 0 {
                let most = squeezed.consumed + room.saturating_sub(FIRST_LEN + squeezed.bytes.len());
                // What is behind the headers may be less than fills the last eight bytes that they reach into.
                let taken = (most / 8 * 8).saturating_sub(squeezed.consumed);
                (first, taken)
            } else {
                (first.at((offset / 8) as u8), (room - SUBSEQUENT_LEN) / 8 * 8)
            };
            let taken = taken.min(rest.len() as usize);
            let mut part = split_part(&packet, &mut rest, &mut runs, taken as u32);
            let mut bytes = [0; SUBSEQUENT_LEN];
            let bytes = &mut bytes[..header.len()];
            header.emit(bytes);
            push_frame(&mut part, frame, Some(bytes), (offset == 0).then_some(squeezed));
            frames.push(self.packets.insert(part));
            offset += taken + if offset == 0 { squeezed.consumed } else { 0 };
        }
        frames
    }

    /// Takes a frame that reached a radio's host.
    pub(crate) fn on_radio_frame(&mut self, node: NodeId, port: PortId, id: PacketId) -> Ingress {
        let Some(here) = self.radio_at(port) else {
            self.discard(node, None, id, DropCause::Malformed);
            return Ingress::Done;
        };
        let packet = &mut self.packets[id];
        pull_headers(packet);
        let parsed = Header::parse(packet.header()).map(|(header, rest)| (header, rest.len()));
        let Ok((frame, behind)) = parsed else {
            self.discard(node, None, id, DropCause::Malformed);
            return Ingress::Done;
        };
        let sender = frame.addressing.source().and_then(|source| self.media[here.medium].radio_of(source));
        if !self.open_frame(here, sender.unwrap_or(u32::MAX), &frame, id) {
            self.discard(node, None, id, DropCause::Security);
            return Ingress::Done;
        }
        let packet = &mut self.packets[id];
        packet.pop_header(packet.header().len() - behind);
        packet.account.pop_header();
        if behind == 0 && packet.payload_len() > 0 {
            let headers = packet.payload().slices().first().map_or(0, |slice| slice.len());
            packet.pull(headers.min(LARGEST_FRONT) as usize);
        }
        let (Some(source), Some(destination)) = (frame.addressing.source(), frame.addressing.destination())
        else {
            self.discard(node, None, id, DropCause::Malformed);
            return Ingress::Done;
        };
        let implied = Identifiers::of_frame(source, destination);
        match Dispatch::of(self.packets[id].header()) {
            Dispatch::Iphc | Dispatch::Ipv6 => self.take_whole(node, here, source, implied, id),
            Dispatch::FirstFragment | Dispatch::SubsequentFragment => {
                self.on_fragment(node, here, (source, destination), id)
            }
            Dispatch::RecoverableFragment => self.on_recoverable(node, here, source, implied, id),
            Dispatch::RecoverableFragmentAck => self.on_recovery_ack(here, source, id),
            Dispatch::NotALowpanFrame | Dispatch::Other(_) => {
                self.discard(node, None, id, DropCause::Malformed);
                Ingress::Done
            }
        }
    }

    /// Takes a packet that is no fragment, or no more.
    pub(super) fn take_whole(
        &mut self,
        node: NodeId,
        here: RadioPlace,
        source: Address,
        implied: Identifiers,
        id: PacketId,
    ) -> Ingress {
        let behind = self.packets[id].payload_len() as usize;
        let restored = match Dispatch::of(self.packets[id].header()) {
            Dispatch::Iphc => self.restore(here, id, implied, DatagramSize::Behind(behind)),
            Dispatch::Ipv6 => {
                self.restore_nothing(id);
                Some(())
            }
            Dispatch::NotALowpanFrame
            | Dispatch::FirstFragment
            | Dispatch::SubsequentFragment
            | Dispatch::RecoverableFragment
            | Dispatch::RecoverableFragmentAck
            | Dispatch::Other(_) => None,
        };
        if restored.is_none() {
            self.discard(node, None, id, DropCause::Malformed);
            return Ingress::Done;
        }
        self.take_restored(here, source, id)
    }

    /// Puts the headers that a compressed packet, or its first fragment, stands for in front of it.
    pub(super) fn restore(
        &mut self,
        here: RadioPlace,
        id: PacketId,
        implied: Identifiers,
        size: DatagramSize,
    ) -> Option<()> {
        let contexts = self.media[here.medium].contexts_to_decompress(here.radio);
        let packet = &mut self.packets[id];
        let mut headers = Vec::with_capacity(ipv6::HEADER_LEN + udp::HEADER_LEN);
        let done = decompress(packet.header(), implied, contexts, size, &mut headers).ok()?;
        if headers.len() > HEADER_CAPACITY {
            return None;
        }
        packet.pop_header(done.consumed);
        packet.push_header(headers.len()).copy_from_slice(&headers);
        packet.account.pop_header();
        let charged_udp =
            packet.account.headers().last().is_some_and(|charge| charge.protocol == Protocol::Udp);
        let has_udp = charged_udp && ends_with_udp(&headers);
        if has_udp {
            packet.account.pop_header();
            packet.account.push_header(Protocol::Udp, udp::HEADER_LEN);
        }
        let network_len = headers.len() - if has_udp { udp::HEADER_LEN } else { 0 };
        packet.account.push_header(Protocol::Ipv6, network_len);
        Some(())
    }

    /// Takes off the dispatch in front of headers that were sent as they are.
    pub(super) fn restore_nothing(&mut self, id: PacketId) {
        let packet = &mut self.packets[id];
        packet.pop_header(1);
        packet.account.pop_header();
        packet.pull(packet.len().min(ipv6::HEADER_LEN + udp::HEADER_LEN));
    }

    fn on_fragment(
        &mut self,
        node: NodeId,
        here: RadioPlace,
        (source, destination): (Address, Address),
        id: PacketId,
    ) -> Ingress {
        let now = self.now();
        let implied = Identifiers::of_frame(source, destination);
        let Some((header, bytes)) = self.open_fragment(here, id, implied) else {
            self.discard(node, None, id, DropCause::Malformed);
            return Ingress::Done;
        };
        let medium = &mut self.media[here.medium];
        let (from, packets_max) =
            (medium.radio_of(source).unwrap_or(u32::MAX), usize::from(medium.settings.reassemblies_max));
        let to_all = destination == Address::BROADCAST;
        let fragment = Fragment { offset: header.offset() as u16, bytes, id, to_all };
        let reassembly = &mut medium.macs[here.radio as usize].reassembly;
        match reassembly.take(now, from, header, fragment, packets_max) {
            Taken::Waits(armed) => {
                self.arm_reassembly(here, armed);
                Ingress::Done
            }
            Taken::Refused => {
                self.note_useless(here, from, fragment.to_all);
                self.discard(node, None, id, DropCause::Reassembly);
                Ingress::Done
            }
            Taken::Complete(fragments) => {
                let Some(id) = self.join_parts(fragments.iter().map(|fragment| fragment.id)) else {
                    return Ingress::Done;
                };
                let port = self.radio_port(here);
                self.packets[id].ingress = port.0;
                self.take_restored(here, source, id)
            }
        }
    }

    fn arm_reassembly(&mut self, here: RadioPlace, armed: Option<SimTime>) {
        if let Some(at) = armed {
            self.schedule_radio(at, here, RadioStep::Reassembly);
        }
    }

    /// Takes the fragment header off, and of a first fragment the compression too: how many bytes of the packet it is.
    fn open_fragment(
        &mut self,
        here: RadioPlace,
        id: PacketId,
        implied: Identifiers,
    ) -> Option<(FragmentHeader, u16)> {
        let packet = &mut self.packets[id];
        let (header, _) = FragmentHeader::parse(packet.header()).ok()?;
        packet.pop_header(header.len());
        packet.account.pop_header();
        if header.offset_units.is_none() && Dispatch::of(self.packets[id].header()) == Dispatch::Ipv6 {
            self.restore_nothing(id);
        } else if header.offset_units.is_none() {
            self.restore(here, id, implied, DatagramSize::Stated(header.datagram_size()))?;
        }
        Some((header, u16::try_from(self.packets[id].len()).ok()?))
    }

    /// Makes one packet of all its fragments, the first of which holds the headers.
    pub(super) fn join_parts(&mut self, mut parts: impl Iterator<Item = PacketId>) -> Option<PacketId> {
        let mut whole = self.replace(parts.next()?);
        let mut payload = whole.take_payload();
        for id in parts {
            let (more, runs) = self.replace(id).take_content();
            payload.append(more);
            whole.account.runs.extend(runs);
        }
        whole.set_payload(payload);
        (whole.hops, whole.hop_bytes) = (0, 0);
        Some(self.packets.insert(whole))
    }

    /// Takes a packet that has its headers again.
    pub(super) fn take_restored(&mut self, here: RadioPlace, from: Address, id: PacketId) -> Ingress {
        let (port, node) = (self.radio_port(here), self.radio_node(here));
        let from = self.media[here.medium].radio_of(from).unwrap_or(u32::MAX);
        if let Some(done) = self.take_by_rpl(node, here, from, id) {
            return done;
        }
        let destination = HeaderView::new(self.packets[id].header()).map(HeaderView::destination);
        let Ok(destination) = destination else {
            self.discard(node, None, id, DropCause::Malformed);
            return Ingress::Done;
        };
        if self.is_for_discovery(node, here, id) && self.take_discovery(here, from, id, ipv6::HEADER_LEN) {
            return Ingress::Done;
        }
        self.packets[id].destination = self.addresses.destination(destination).0;
        self.take(node, port, id)
    }

    pub(super) fn on_reassembly_timeout(&mut self, place: RadioPlace) {
        let (now, node) = (self.now(), self.radio_node(place));
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        for (from, fragment) in mac.reassembly.expire(now) {
            self.note_useless(place, from, fragment.to_all);
            self.discard(node, None, fragment.id, DropCause::Reassembly);
        }
    }
}

/// Takes off the charges of headers that are to be compressed.
pub(super) fn uncharge(account: &mut Account, squeezed: &Squeezed) {
    if squeezed.consumed == 0 {
        return;
    }
    account.pop_header();
    let charged_udp = account.headers().last().is_some_and(|charge| charge.protocol == Protocol::Udp);
    if squeezed.udp_len > 0 && charged_udp {
        account.pop_header();
    }
}

/// Puts the headers of a frame in front of a packet: compressed ones, a fragment's, the link's.
pub(super) fn push_frame(
    packet: &mut Packet,
    frame: &Header,
    fragment: Option<&[u8]>,
    squeezed: Option<&Squeezed>,
) {
    if let Some(squeezed) = squeezed {
        packet.push_header(squeezed.bytes.len()).copy_from_slice(&squeezed.bytes);
        if squeezed.udp_len > 0 {
            packet.account.push_header(Protocol::Udp, squeezed.udp_len);
        }
        match squeezed.consumed {
            0 => packet.account.push_header(Protocol::Sixlowpan, squeezed.bytes.len()),
            _ => packet.account.push_header(Protocol::Ipv6, squeezed.network_len),
        }
    }
    if let Some(fragment) = fragment {
        packet.push_header(fragment.len()).copy_from_slice(fragment);
        packet.account.push_header(Protocol::Sixlowpan, fragment.len());
    }
    frame.emit(packet.push_header(frame.len()));
    let security_len = frame.security.map_or(0, |security| security.len());
    packet.account.push_header(Protocol::Ieee802154, frame.len() - security_len);
    if let Some(security) = &frame.security {
        make_room(packet, security);
    }
}

/// Headers had to make room for the frame's: then they are the payload's first slice, and come to the front again.
pub(super) fn pull_headers(packet: &mut Packet) {
    if packet.header().is_empty() {
        let headers = packet.payload().slices().first().map_or(0, |slice| slice.len());
        packet.pull(headers as usize);
    }
}

/// A part of `whole`: the first `bytes` of what is left of it.
pub(super) fn split_part(whole: &Packet, rest: &mut Payload, runs: &mut Runs, bytes: u32) -> Packet {
    let mut account = Account::new(whole.account.flow, whole.account.reason);
    account.retransmission = whole.account.retransmission;
    account.runs = split_runs(runs, bytes);
    let mut part = Packet::new(rest.split_front(bytes), account);
    part.destination = whole.destination;
    part
}

/// What is left of a packet behind its compressed headers, with runs for the headers that are left too.
pub(super) fn content(packet: &mut Packet) -> (Payload, Runs) {
    let mut left = Runs::new();
    let reason = packet.account.frame_reason();
    for charge in packet.account.headers().iter().rev() {
        left.push(Run {
            bytes: u32::from(charge.bytes),
            flow: packet.account.flow,
            message: 0,
            generated: SimTime::ZERO,
            protocol: charge.protocol,
            reason,
            last: false,
        });
    }
    left.extend(packet.account.runs.drain(..));
    packet.account.runs = left;
    packet.take_content()
}

const NEXT_HEADER_AT: usize = 6;
/// Bytes of a frame's payload that are looked at for headers.
const LARGEST_FRONT: u32 = 100;
