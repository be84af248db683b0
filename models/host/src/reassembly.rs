//! Fragments put together again (RFC 791 §3.2, RFC 815, RFC 8200 §4.5).
//!
//! A datagram's fragments are kept for 60 seconds from the first one on (RFC 8200 §4.5; RFC 1122 §3.3.2
//! allows 60 to 120 for IPv4). Fragments that overlap what is there already end the datagram (RFC 5722;
//! applied to IPv4 as well, as Linux does); an exact repetition is ignored.

use std::collections::BTreeMap;
use std::net::IpAddr;

use network::drop_cause::DropCause;
use network::network::Network;
use network::node::NodeId;
use network::observer::Observer;
use network::report::Problem;
use sim_core::{SimDuration, SimTime};
use wire::account::Runs;
use wire::ip::IpProtocol;
use wire::packet::Packet;
use wire::payload::Payload;

/// A packet's place in the datagram that it is a fragment of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Fragment {
    /// Shared by all fragments of a datagram.
    pub(crate) identification: u32,
    /// Place of its first byte.
    pub(crate) offset: u32,
    /// Whether more follow.
    pub(crate) more: bool,
    /// What the whole datagram holds.
    pub(crate) protocol: IpProtocol,
}

type Key = (IpAddr, IpAddr, u32, u8);

/// The datagrams of one host that are not complete.
#[derive(Debug, Default)]
pub(crate) struct Reassembler {
    datagrams: BTreeMap<Key, Datagram>,
    /// Deadlines in the order of arrival, which is their own.
    deadlines: BTreeMap<(SimTime, u64), Key>,
    begun: u64,
}

#[derive(Debug)]
struct Datagram {
    deadline: (SimTime, u64),
    pieces: BTreeMap<u32, (Payload, Runs)>,
    end: Option<u32>,
    /// The first fragment as it came, for the account of the whole and for an error.
    first: Option<Packet>,
    first_header_len: usize,
    /// Overlapping fragments have spoilt it: nothing of it is delivered.
    spoilt: bool,
}

impl Reassembler {
    /// Adds a fragment, and returns the whole datagram, its content without internet header, once the
    /// last piece is there.
    pub(crate) fn add(
        &mut self,
        now: SimTime,
        between: (IpAddr, IpAddr),
        fragment: Fragment,
        header_len: usize,
        packet: &mut Packet,
    ) -> Option<Packet> {
        let key = (between.0, between.1, fragment.identification, fragment.protocol.0);
        if !self.datagrams.contains_key(&key) {
            self.begin(now, key);
        }
        let datagram = self.datagrams.get_mut(&key)?;
        if fragment.offset == 0 && datagram.first.is_none() {
            datagram.first = Some(packet.clone());
            datagram.first_header_len = header_len;
        }
        packet.pop_header(header_len);
        packet.account.pop_header();
        let (payload, runs) = packet.take_content();
        datagram.insert(fragment, payload, runs);
        if !datagram.is_complete() {
            return None;
        }
        let datagram = self.datagrams.remove(&key)?;
        self.deadlines.remove(&datagram.deadline);
        datagram.join()
    }

    fn begin(&mut self, now: SimTime, key: Key) {
        if self.datagrams.len() >= DATAGRAMS_MAX
            && let Some((_, oldest)) = self.deadlines.pop_first()
        {
            self.datagrams.remove(&oldest);
        }
        let deadline = (now + TIMEOUT, self.begun);
        self.begun += 1;
        self.deadlines.insert(deadline, key);
        let datagram = Datagram {
            deadline,
            pieces: BTreeMap::new(),
            end: None,
            first: None,
            first_header_len: 0,
            spoilt: false,
        };
        self.datagrams.insert(key, datagram);
    }

    /// When the next datagram is given up.
    pub(crate) fn next_timeout(&self) -> Option<SimTime> {
        self.deadlines.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Gives up what has waited too long; its sender is told if the first fragment came (RFC 1122
    /// §3.3.2, RFC 8200 §4.5).
    pub(crate) fn expire<O: Observer>(&mut self, now: SimTime, node: NodeId, network: &mut Network<O>) {
        while let Some(entry) = self.deadlines.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let key = entry.remove();
            let Some(datagram) = self.datagrams.remove(&key) else { continue };
            if let Some(first) = datagram.first {
                network.on_refused(node, &first, DropCause::Reassembly);
                network.report_about(node, &first, Problem::Reassembly);
            }
        }
    }
}

impl Datagram {
    fn insert(&mut self, fragment: Fragment, payload: Payload, runs: Runs) {
        let (start, end) = (fragment.offset, fragment.offset.saturating_add(payload.len()));
        // All but the last fragment are multiples of 8 bytes; none reaches beyond a packet's end.
        let misfit = fragment.more && !payload.len().is_multiple_of(8) || end > u32::from(u16::MAX);
        let contradicts = if fragment.more {
            self.end.is_some_and(|known| end > known)
        } else {
            self.end.is_some_and(|known| end != known)
                || self.pieces.last_key_value().is_some_and(|(at, (last, _))| at + last.len() > end)
        };
        if let Some((same, _)) = self.pieces.get(&start)
            && same.len() == payload.len()
        {
            return;
        }
        let before = self.pieces.range(..=start).next_back();
        let after = self.pieces.range(start..).next();
        let overlaps = before.is_some_and(|(at, (piece, _))| at + piece.len() > start)
            || after.is_some_and(|(&at, _)| at < end);
        if misfit || contradicts || overlaps {
            self.spoilt = true;
            self.pieces.clear();
            return;
        }
        if !fragment.more {
            self.end = Some(end);
        }
        if !self.spoilt {
            self.pieces.insert(start, (payload, runs));
        }
    }

    fn is_complete(&self) -> bool {
        let Some(end) = self.end else { return false };
        let mut reached = 0;
        for (&at, (piece, _)) in &self.pieces {
            if at != reached {
                return false;
            }
            reached += piece.len();
        }
        !self.spoilt && reached == end
    }

    /// The whole datagram behind the first fragment's internet header.
    fn join(self) -> Option<Packet> {
        let first = self.first?;
        let mut payload = Payload::empty();
        let mut account = first.account.clone();
        account.runs = Runs::new();
        for (piece, runs) in self.pieces.into_values() {
            payload.append(piece);
            account.runs.extend(runs);
        }
        let mut whole = Packet::new(payload, account);
        whole.push_header(self.first_header_len).copy_from_slice(&first.header()[..self.first_header_len]);
        whole.destination = first.destination;
        whole.ingress = first.ingress;
        whole.corrupted = first.corrupted;
        Some(whole)
    }
}

/// How long fragments wait for the rest.
const TIMEOUT: SimDuration = SimDuration::from_secs(60);

/// Datagrams under reassembly at one host: beyond it the oldest is given up.
const DATAGRAMS_MAX: usize = 1024;
