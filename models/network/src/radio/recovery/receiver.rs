//! The reassembling end: what has come, what is confirmed, and when a packet is whole (RFC 8931 §6).

use sim_core::{SimDuration, SimTime};
use wire::sixlowpan::fragment::REASSEMBLY_TIMEOUT_SECS;
use wire::sixlowpan::recovery::{FULL_BITMAP, FragmentAck, NULL_BITMAP, RecoverableFragment, bit};

use crate::pool::PacketId;

/// A fragment: where it stands in the compressed packet, and its frame without headers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Piece {
    offset: u16,
    bytes: u16,
    id: PacketId,
}

/// What has come of one packet.
#[derive(Debug)]
struct Arriving {
    from: u32,
    tag: u8,
    /// Bytes of the compressed packet.
    size: u16,
    bitmap: u32,
    /// A fragment was marked, and no acknowledgment has told so yet.
    congestion: bool,
    deadline: SimTime,
    pieces: Vec<Piece>,
}

/// A packet that is whole, or was given up: until then its late fragments are known for what they are.
#[derive(Clone, Copy, Debug)]
struct Past {
    from: u32,
    tag: u8,
    until: SimTime,
}

/// What becomes of a fragment.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// What is sent back.
    pub(super) ack: Option<FragmentAck>,
    /// All fragments, in order, if it was the last.
    pub(super) whole: Option<Vec<PacketId>>,
    /// Frames that are of no use any more, this one among them or not.
    pub(super) dropped: Vec<PacketId>,
    /// When [`Arrivals::expire`] is due next, if a packet has begun.
    pub(super) armed: Option<SimTime>,
}

/// All packets that a radio is putting together.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    arriving: Vec<Arriving>,
    past: Vec<Past>,
}

impl Arrivals {
    /// Takes the fragment `id` of `len` bytes from the radio `from`; at most `packets_max` packets are put together at a time.
    pub(super) fn take(
        &mut self,
        now: SimTime,
        from: u32,
        header: &RecoverableFragment,
        len: usize,
        id: PacketId,
        packets_max: usize,
    ) -> Answer {
        self.past.retain(|past| past.until > now);
        let tag = header.datagram_tag;
        let answers = |bitmap: u32| {
            let ack = FragmentAck { congestion: header.congestion, datagram_tag: tag, bitmap };
            header.ack_request.then_some(ack)
        };
        let mut place = self.arriving.iter().position(|one| (one.from, one.tag) == (from, tag));
        if header.offset == 0 {
            // The sender has given the packet up (§6.3).
            let gone = place.map(|place| self.arriving.remove(place));
            let mut dropped = vec![id];
            dropped.extend(gone.iter().flat_map(|gone| &gone.pieces).map(|piece| piece.id));
            return Answer { ack: answers(NULL_BITMAP), dropped, ..Answer::default() };
        }
        let is_first = header.sequence() == 0;
        let is_past = |past: &Past| (past.from, past.tag) == (from, tag);
        if !is_first && self.past.iter().any(is_past) {
            return Answer { ack: answers(FULL_BITMAP), dropped: vec![id], ..Answer::default() };
        }
        // A first fragment with a tag that was used before begins another packet: the sender has come round.
        self.past.retain(|past| !(is_first && is_past(past)));
        let mut stale = Vec::new();
        if let Some(old) = place.filter(|&place| is_first && self.arriving[place].size != header.offset) {
            stale.extend(self.arriving.remove(old).pieces.into_iter().map(|piece| piece.id));
            place = None;
        }
        let mut armed = None;
        let place = match place {
            Some(place) => place,
            None if is_first && self.arriving.len() < packets_max => {
                let deadline = now + SimDuration::from_secs(REASSEMBLY_TIMEOUT_SECS);
                armed = Some(deadline);
                let (size, pieces) = (header.offset, Vec::new());
                self.arriving.push(Arriving {
                    from,
                    tag,
                    size,
                    bitmap: NULL_BITMAP,
                    congestion: false,
                    deadline,
                    pieces,
                });
                self.arriving.len() - 1
            }
            None => {
                // No first fragment has come, or there is no room: whether asked or not (§6.1.2, §6.3).
                let ack = FragmentAck { congestion: false, datagram_tag: tag, bitmap: NULL_BITMAP };
                stale.push(id);
                return Answer { ack: Some(ack), dropped: stale, ..Answer::default() };
            }
        };
        let mut answer = self.add(now, place, header, len, id);
        answer.armed = armed;
        answer.dropped.extend(stale);
        answer
    }

    fn add(
        &mut self,
        now: SimTime,
        place: usize,
        header: &RecoverableFragment,
        len: usize,
        id: PacketId,
    ) -> Answer {
        let one = &mut self.arriving[place];
        one.congestion |= header.congestion;
        let offset = if header.sequence() == 0 { 0 } else { header.offset };
        let bytes = header.fragment_size();
        let end = u32::from(offset) + u32::from(bytes);
        let at = one.pieces.partition_point(|piece| piece.offset < offset);
        let before = at.checked_sub(1).map(|before| one.pieces[before]);
        let overlaps = before.is_some_and(|before| before.offset + before.bytes > offset)
            || one.pieces.get(at).is_some_and(|behind| u32::from(behind.offset) < end);
        let fits = bytes > 0 && len == usize::from(bytes) && end <= u32::from(one.size);
        let mut dropped = Vec::new();
        if fits && !overlaps {
            one.pieces.insert(at, Piece { offset, bytes, id });
            one.bitmap |= bit(header.sequence());
        } else {
            // It has come before, or it is no part of this packet: nothing confirms that one.
            dropped.push(id);
        }
        let have: u32 = one.pieces.iter().map(|piece| u32::from(piece.bytes)).sum();
        let is_whole = have == u32::from(one.size);
        let asked = header.ack_request || is_whole;
        let bitmap = if is_whole { FULL_BITMAP } else { one.bitmap };
        let congestion = asked && std::mem::take(&mut one.congestion);
        let ack = asked.then_some(FragmentAck { congestion, datagram_tag: one.tag, bitmap });
        let whole = is_whole.then(|| {
            let Arriving { from, tag, pieces, .. } = self.arriving.remove(place);
            self.past.push(Past { from, tag, until: now + LINGER });
            pieces.into_iter().map(|piece| piece.id).collect()
        });
        Answer { ack, whole, dropped, armed: None }
    }

    /// Takes out the fragments of packets whose time is over, with the radios that they came from.
    pub(super) fn expire(&mut self, now: SimTime) -> Vec<(u32, PacketId)> {
        self.arriving.extract_if(.., |one| one.deadline <= now).flat_map(Arriving::parts).collect()
    }

    /// Takes out all fragments, with the radios that they came from.
    pub(super) fn clear(&mut self) -> Vec<(u32, PacketId)> {
        self.past.clear();
        self.arriving.drain(..).flat_map(Arriving::parts).collect()
    }
}

impl Arriving {
    fn parts(self) -> impl Iterator<Item = (u32, PacketId)> {
        self.pieces.into_iter().map(move |piece| (self.from, piece.id))
    }
}

/// How long a packet that is whole is remembered: longer than its sender repeats its question, whose acknowledgment was lost.
const LINGER: SimDuration = SimDuration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u16 = 250;

    fn header(sequence: u8, size: usize, offset: u16, asks: bool) -> RecoverableFragment {
        let mut header = RecoverableFragment::new(9, sequence, size, offset).unwrap();
        header.ack_request = asks;
        header
    }

    fn take(arrivals: &mut Arrivals, header: &RecoverableFragment, id: u32) -> Answer {
        let len = usize::from(header.fragment_size());
        arrivals.take(SimTime::from_secs(1), 3, header, len, PacketId(id), 2)
    }

    fn bitmap(answer: &Answer) -> Option<u32> {
        answer.ack.map(|ack| ack.bitmap)
    }

    // Holds: RFC 8931 5.1-a, 6-b, 6-h, 6-i, 6.2-b
    #[test]
    fn fragments_come_in_any_order_and_the_last_one_is_confirmed_by_a_full_bitmap() {
        let mut arrivals = Arrivals::default();
        let first = take(&mut arrivals, &header(0, 100, SIZE, true), 1);
        assert_eq!((bitmap(&first), first.armed), (Some(bit(0)), Some(SimTime::from_secs(61))));
        let last = take(&mut arrivals, &header(2, 50, 200, true), 2);
        assert_eq!(bitmap(&last), Some(bit(0) | bit(2)));
        let middle = take(&mut arrivals, &header(1, 100, 100, false), 3);
        assert_eq!(bitmap(&middle), Some(FULL_BITMAP), "whether asked or not");
        assert_eq!(middle.whole, Some(vec![PacketId(1), PacketId(3), PacketId(2)]));
        // Its acknowledgment was lost: the question comes again, and another fragment without one.
        let again = take(&mut arrivals, &header(2, 50, 200, true), 4);
        assert_eq!((bitmap(&again), again.dropped), (Some(FULL_BITMAP), vec![PacketId(4)]));
        assert_eq!(bitmap(&take(&mut arrivals, &header(1, 100, 100, false), 5)), None);
    }

    #[test]
    fn a_tag_that_comes_round_names_another_packet() {
        let mut arrivals = Arrivals::default();
        take(&mut arrivals, &header(0, 100, 150, true), 1);
        assert!(take(&mut arrivals, &header(1, 50, 100, true), 2).whole.is_some());
        let answer = take(&mut arrivals, &header(0, 100, SIZE, true), 3);
        assert_eq!((bitmap(&answer), answer.dropped), (Some(bit(0)), vec![]), "not the packet that is whole");
        let answer = take(&mut arrivals, &header(0, 100, 150, true), 4);
        assert_eq!((bitmap(&answer), answer.dropped), (Some(bit(0)), vec![PacketId(3)]));
        assert!(take(&mut arrivals, &header(1, 50, 100, true), 5).whole.is_some());
    }

    // Holds: RFC 8931 6.1.2-a, 6.3-b
    #[test]
    fn without_a_first_fragment_or_room_the_packet_is_aborted() {
        let mut arrivals = Arrivals::default();
        let answer = take(&mut arrivals, &header(1, 100, 100, false), 1);
        assert_eq!((bitmap(&answer), answer.dropped), (Some(NULL_BITMAP), vec![PacketId(1)]));
        for from in [5, 6, 7] {
            let first = header(0, 100, SIZE, false);
            let answer = arrivals.take(SimTime::ZERO, from, &first, 100, PacketId(from), 2);
            assert_eq!(bitmap(&answer), (from == 7).then_some(NULL_BITMAP), "room for two");
        }
    }

    // Holds: RFC 8931 5.1-b, 6.3-a
    #[test]
    fn an_offset_of_zero_gives_the_packet_up() {
        let mut arrivals = Arrivals::default();
        take(&mut arrivals, &header(0, 100, SIZE, false), 1);
        let answer = take(&mut arrivals, &header(0, 0, 0, true), 2);
        assert_eq!((bitmap(&answer), answer.dropped), (Some(NULL_BITMAP), vec![PacketId(2), PacketId(1)]));
        assert!(arrivals.clear().is_empty());
    }

    // Holds: RFC 8931 6-f
    #[test]
    fn congestion_is_echoed_once() {
        let mut arrivals = Arrivals::default();
        let mut marked = header(0, 100, SIZE, false);
        marked.congestion = true;
        take(&mut arrivals, &marked, 1);
        let told = |answer: Answer| answer.ack.map(|ack| ack.congestion);
        assert_eq!(told(take(&mut arrivals, &header(1, 100, 100, true), 2)), Some(true));
        assert_eq!(told(take(&mut arrivals, &header(1, 100, 100, true), 3)), Some(false));
    }

    #[test]
    fn overlaps_and_what_reaches_beyond_the_packet_are_not_confirmed() {
        let mut arrivals = Arrivals::default();
        take(&mut arrivals, &header(0, 100, SIZE, false), 1);
        for (offset, size) in [(50, 100), (200, 51), (100, 0)] {
            let answer = take(&mut arrivals, &header(1, size, offset, true), 2);
            assert_eq!((bitmap(&answer), answer.dropped), (Some(bit(0)), vec![PacketId(2)]), "{offset}");
        }
        assert_eq!(arrivals.expire(SimTime::from_secs(60)), []);
        assert_eq!(arrivals.expire(SimTime::from_secs(61)), [(3, PacketId(1))]);
    }
}
