//! Kinds of frames: most frames are laid out as one before, the same lengths for the same flow and reasons.
//!
//! What such a frame is for is worked out once. A packet carries the number of its kind from link to link, as long as nothing
//! is changed in it.

use hw::Pattern;
use smallvec::SmallVec;
use wire::account::{Account, FlowId, HeaderCharge, Protocol, Reason, Run};
use wire::packet::Packet;

use super::purpose::{Shares, shares_of_frame};

/// The number of a kind of frame; never 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct KindId(u32);

/// The kinds of frames that a network has seen: the last so many of them.
#[derive(Debug)]
pub(super) struct Kinds {
    kinds: Vec<Kind>,
    /// The number of the first of them: a number is never used for another one.
    first: u32,
    /// Places in `kinds` by what a layout hashes to; a power of two of them, half of them free at least.
    places: Vec<u32>,
}

/// Frames that are laid out alike, and what they are for.
#[derive(Debug)]
struct Kind {
    layout: Layout,
    shares: Shares,
}

/// All of a frame that decides what it is for.
#[derive(Debug)]
struct Layout {
    bytes: u32,
    link: Protocol,
    reason: Reason,
    retransmission: bool,
    flow: FlowId,
    packet_bytes: u32,
    headers: SmallVec<[HeaderCharge; 4]>,
    runs: SmallVec<[RunLayout; 2]>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct RunLayout {
    flow: FlowId,
    bytes: u32,
    protocol: Protocol,
    reason: Reason,
}

impl RunLayout {
    fn of(run: &Run) -> Self {
        let Run { flow, bytes, protocol, reason, .. } = *run;
        Self { flow, bytes, protocol, reason }
    }
}

impl Layout {
    fn of(packet: &Packet, bytes: u32, link: Protocol) -> Self {
        let account = &packet.account;
        Self {
            bytes,
            link,
            reason: account.reason,
            retransmission: account.retransmission,
            flow: account.flow,
            packet_bytes: packet.len() as u32,
            headers: SmallVec::from_slice(account.headers()),
            runs: account.runs.iter().map(RunLayout::of).collect(),
        }
    }

    #[inline]
    fn is_that_of(&self, packet: &Packet, bytes: u32, link: Protocol) -> bool {
        let Account { flow, reason, retransmission, ref runs, .. } = packet.account;
        self.bytes == bytes
            && self.link == link
            && self.flow == flow
            && self.packet_bytes == packet.len() as u32
            && self.reason == reason
            && self.retransmission == retransmission
            && self.runs.len() == runs.len()
            && self.runs.iter().zip(runs).all(|(known, run)| *known == RunLayout::of(run))
            && self.headers[..] == *packet.account.headers()
    }

    fn hash(&self) -> usize {
        hash(self.flow, self.bytes, self.reason, self.runs.len())
    }
}

/// A number that is the same for all frames that are laid out alike, and differs between most others.
#[inline]
fn hash(flow: FlowId, bytes: u32, reason: Reason, runs: usize) -> usize {
    let all = u64::from(flow.0) << 32 | u64::from(bytes) << 8 | (reason as u64) << 4 | (runs as u64 & 0xf);
    (all.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

impl Default for Kinds {
    fn default() -> Self {
        Self { kinds: Vec::new(), first: 1, places: vec![FREE; 64] }
    }
}

impl Kinds {
    /// The kind of a frame whose packet carries its number.
    #[inline]
    pub(super) fn known(&self, packet: &Packet, bytes: u32, link: Protocol) -> Option<KindId> {
        let kind = self.kinds.get(packet.kind.wrapping_sub(self.first) as usize)?;
        debug_assert!(
            kind.layout.is_that_of(packet, kind.layout.bytes, kind.layout.link),
            "a packet keeps its number only as long as it is laid out as it was"
        );
        (kind.layout.bytes == bytes && kind.layout.link == link).then_some(KindId(packet.kind))
    }

    /// The kind of a frame, whose packet carries its number from now on; none if it is a new one and there is no place left,
    /// until [`Self::forget`] makes room.
    #[inline(never)]
    pub(super) fn find(&mut self, packet: &mut Packet, bytes: u32, link: Protocol) -> Option<KindId> {
        let account = &packet.account;
        let mut place = hash(account.flow, bytes, account.reason, account.runs.len());
        loop {
            place &= self.places.len() - 1;
            let index = self.places[place];
            if index == FREE {
                break;
            }
            if self.kinds[index as usize].layout.is_that_of(packet, bytes, link) {
                packet.kind = self.first + index;
                return Some(KindId(packet.kind));
            }
            place += 1;
        }
        packet.kind = self.add(packet, bytes, link)?;
        Some(KindId(packet.kind))
    }

    #[cold]
    fn add(&mut self, packet: &Packet, bytes: u32, link: Protocol) -> Option<u32> {
        if self.kinds.len() >= KINDS_MAX {
            return None;
        }
        let shares = shares_of_frame(&packet.account, packet.len(), bytes, link);
        self.kinds.push(Kind { layout: Layout::of(packet, bytes, link), shares });
        if 2 * self.kinds.len() > self.places.len() {
            self.places = vec![FREE; 2 * self.places.len()];
            (0..self.kinds.len()).for_each(|index| self.put(index));
        } else {
            self.put(self.kinds.len() - 1);
        }
        Some(self.first + (self.kinds.len() - 1) as u32)
    }

    /// Makes room: the numbers so far mean nothing any more.
    pub(super) fn forget(&mut self) {
        // After 4 billion kinds numbers begin anew: nobody carries one for so long.
        let next = self.first + KINDS_MAX as u32;
        self.first = if next > u32::MAX - KINDS_MAX as u32 { 1 } else { next };
        self.kinds.clear();
        self.places.fill(FREE);
    }

    fn put(&mut self, index: usize) {
        let mask = self.places.len() - 1;
        let mut place = self.kinds[index].layout.hash() & mask;
        while self.places[place] != FREE {
            place = (place + 1) & mask;
        }
        self.places[place] = index as u32;
    }

    /// What frames of a kind are for.
    fn shares(&self, kind: KindId) -> &Shares {
        &self.kinds[(kind.0 - self.first) as usize].shares
    }
}

/// What one node's hardware calls what frames of a kind are for: the last kinds that it has seen.
#[derive(Debug, Default)]
pub(super) struct KindPatterns {
    /// A place for each of some last bits of a number: none, or a power of two.
    places: Vec<Option<(KindId, Pattern)>>,
}

impl KindPatterns {
    /// Its name for `kind`; `number` gives what it does not know.
    #[inline]
    pub(super) fn of(
        &mut self,
        kind: KindId,
        kinds: &Kinds,
        number: impl FnOnce(&Shares) -> Pattern,
    ) -> Pattern {
        let place = kind.0 as usize & self.places.len().wrapping_sub(1);
        match self.places.get(place) {
            Some(&Some((known, pattern))) if known == kind => pattern,
            _ => {
                let pattern = number(kinds.shares(kind));
                self.keep(kind, pattern);
                pattern
            }
        }
    }

    /// Where another kind is in the place, there will be more places up to a limit.
    #[cold]
    fn keep(&mut self, kind: KindId, pattern: Pattern) {
        let places = self.places.len();
        if places == 0 {
            self.places.push(None);
        } else if places < PATTERNS_MAX && self.places[kind.0 as usize & (places - 1)].is_some() {
            let known = std::mem::replace(&mut self.places, vec![None; 2 * places]);
            for (kind, pattern) in known.into_iter().flatten() {
                self.places[kind.0 as usize & (2 * places - 1)] = Some((kind, pattern));
            }
        }
        let last = self.places.len() - 1;
        self.places[kind.0 as usize & last] = Some((kind, pattern));
    }
}

const FREE: u32 = u32::MAX;

/// So many kinds are kept: some 15 MB of them.
const KINDS_MAX: usize = 1 << 16;

/// Places for kinds of frames that a node knows.
const PATTERNS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use sim_core::SimTime;
    use wire::payload::Payload;

    use super::*;

    fn packet(flow: u32, bytes: u32) -> Packet {
        let mut account = Account::new(FlowId(flow), Reason::Data);
        let (flow, generated, protocol) = (FlowId(flow), SimTime::ZERO, Protocol::Application);
        account.runs.push(Run {
            bytes,
            flow,
            message: 0,
            generated,
            protocol,
            reason: Reason::Data,
            last: true,
        });
        let mut packet = Packet::new(Payload::from_bytes(vec![0; bytes as usize]), account);
        packet.push_header(8).fill(0);
        packet.account.push_header(Protocol::Udp, 8);
        packet
    }

    #[test]
    fn packets_that_are_laid_out_alike_are_of_one_kind_until_one_is_changed() {
        let mut kinds = Kinds::default();
        let (mut first, mut second) = (packet(1, 50), packet(1, 50));
        assert_eq!(kinds.known(&first, 60, Protocol::Ppp), None);
        let kind = kinds.find(&mut first, 60, Protocol::Ppp).unwrap();
        assert_eq!(kinds.find(&mut second, 60, Protocol::Ppp), Some(kind));
        assert_eq!(kinds.known(&second, 60, Protocol::Ppp), Some(kind));
        // Another link adds more, and another header makes another packet of it.
        assert_eq!(kinds.known(&second, 78, Protocol::Ethernet), None);
        second.push_header(20).fill(0);
        second.account.push_header(Protocol::Ipv4, 20);
        assert_eq!(kinds.known(&second, 60, Protocol::Ppp), None);
        let other = kinds.find(&mut second, 80, Protocol::Ppp).unwrap();
        assert_ne!(other, kind);
        let layers = |kind| kinds.shares(kind).iter().map(|(_, bytes)| *bytes).collect::<Vec<_>>();
        assert_eq!((layers(kind), layers(other)), (vec![2, 8, 50], vec![2, 20, 8, 50]));
    }

    #[test]
    fn what_makes_room_gives_no_number_a_second_time() {
        let mut kinds = Kinds::default();
        let mut first = packet(0, 50);
        let kind = kinds.find(&mut first, 60, Protocol::Ppp).unwrap();
        for flow in 1..KINDS_MAX as u32 {
            assert!(kinds.find(&mut packet(flow, 50), 60, Protocol::Ppp).is_some());
        }
        assert_eq!(kinds.find(&mut packet(u32::MAX, 50), 60, Protocol::Ppp), None, "there is no place");
        assert_eq!(kinds.find(&mut packet(7, 50), 60, Protocol::Ppp).map(|kind| kind.0), Some(8));
        kinds.forget();
        assert_eq!(kinds.known(&first, 60, Protocol::Ppp), None);
        assert_ne!(kinds.find(&mut first, 60, Protocol::Ppp), Some(kind));
    }

    #[test]
    fn a_node_keeps_its_names_for_the_kinds_that_it_sees() {
        let (mut kinds, mut known, mut asked) = (Kinds::default(), KindPatterns::default(), 0);
        let seen: Vec<KindId> =
            (0..300).map(|flow| kinds.find(&mut packet(flow, 50), 60, Protocol::Ppp).unwrap()).collect();
        let mut device = hw::device::Device::new([], supply(), 0_u32, None, None);
        for round in 0..3 {
            for (number, &kind) in (0..).zip(&seen[..200]) {
                let pattern = known.of(kind, &kinds, |shares| {
                    asked += 1;
                    device.pattern(&[(number, shares.len() as u32)])
                });
                assert_eq!(pattern, device.pattern(&[(number, 3)]), "round {round}");
            }
        }
        assert!((200..220).contains(&asked), "{asked} questions for 200 kinds");
        known.of(seen[299], &kinds, |_| device.pattern(&[(299, 3)]));
        assert!(known.places.len() <= PATTERNS_MAX);
    }

    fn supply() -> hw::device::Supply {
        hw::device::Supply::direct(sim_core::electric::Voltage::from_millivolts(3000))
    }
}
