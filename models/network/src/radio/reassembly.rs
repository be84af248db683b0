//! Packets of which some 6LoWPAN fragments have come (RFC 4944 §5.3).

use sim_core::{SimDuration, SimTime};
use wire::sixlowpan::fragment::{FragmentHeader, REASSEMBLY_TIMEOUT_SECS};

use crate::pool::PacketId;

/// A fragment: where it stands in the packet, how much of the packet it is, and its frame without link headers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment {
    pub(super) offset: u16,
    pub(super) bytes: u16,
    pub(super) id: PacketId,
    /// Whether its frame was for all radios.
    pub(super) to_all: bool,
}

/// What has come of one packet.
#[derive(Debug)]
struct Partial {
    from: u32,
    header: FragmentHeader,
    deadline: SimTime,
    fragments: Vec<Fragment>,
}

/// What becomes of a fragment.
#[derive(Debug)]
pub(super) enum Taken {
    /// It waits for the others; a deadline is to be armed if it is the first to come.
    Waits(Option<SimTime>),
    /// It was the last: all of them, in order.
    Complete(Vec<Fragment>),
    /// There is no room, it has come before, or it does not fit to the others.
    Refused,
}

/// All packets that a radio is putting together.
#[derive(Debug, Default)]
pub(super) struct Reassembly(Vec<Partial>);

impl Reassembly {
    /// Takes a fragment from the radio `from`; at most `packets_max` packets are put together at a time.
    pub(super) fn take(
        &mut self,
        now: SimTime,
        from: u32,
        header: FragmentHeader,
        fragment: Fragment,
        packets_max: usize,
    ) -> Taken {
        let same = |partial: &Partial| {
            partial.from == from
                && partial.header.datagram_tag == header.datagram_tag
                && partial.header.datagram_size() == header.datagram_size()
        };
        let end = fragment.offset + fragment.bytes;
        if fragment.bytes == 0 || end > header.datagram_size() {
            return Taken::Refused;
        }
        let place = self.0.iter().position(same);
        let mut armed = None;
        let place = match place {
            Some(place) => place,
            None if self.0.len() >= packets_max => return Taken::Refused,
            None => {
                let deadline = now + REASSEMBLY_TIMEOUT;
                armed = Some(deadline);
                self.0.push(Partial { from, header, deadline, fragments: Vec::new() });
                self.0.len() - 1
            }
        };
        let partial = &mut self.0[place];
        let at = partial.fragments.partition_point(|other| other.offset < fragment.offset);
        let before = at.checked_sub(1).map(|before| partial.fragments[before]);
        let overlaps = before.is_some_and(|before| before.offset + before.bytes > fragment.offset)
            || partial.fragments.get(at).is_some_and(|behind| behind.offset < end);
        if overlaps {
            return Taken::Refused;
        }
        partial.fragments.insert(at, fragment);
        let have: u16 = partial.fragments.iter().map(|fragment| fragment.bytes).sum();
        if have == header.datagram_size() {
            return Taken::Complete(self.0.remove(place).fragments);
        }
        Taken::Waits(armed)
    }

    /// Takes out the fragments of packets whose time is over, with the radios that they came from.
    pub(super) fn expire(&mut self, now: SimTime) -> Vec<(u32, Fragment)> {
        self.0.extract_if(.., |partial| partial.deadline <= now).flat_map(Partial::parts).collect()
    }

    /// Takes out all fragments, with the radios that they came from.
    pub(super) fn clear(&mut self) -> Vec<(u32, Fragment)> {
        self.0.drain(..).flat_map(Partial::parts).collect()
    }
}

impl Partial {
    fn parts(self) -> impl Iterator<Item = (u32, Fragment)> {
        self.fragments.into_iter().map(move |fragment| (self.from, fragment))
    }
}

const REASSEMBLY_TIMEOUT: SimDuration = SimDuration::from_secs(REASSEMBLY_TIMEOUT_SECS);

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(offset: u16, bytes: u16, id: u32) -> Fragment {
        Fragment { offset, bytes, id: PacketId(id), to_all: false }
    }

    fn header(tag: u16) -> FragmentHeader {
        FragmentHeader::first(200, tag).unwrap()
    }

    #[test]
    fn fragments_come_in_any_order() {
        let mut reassembly = Reassembly::default();
        let now = SimTime::from_secs(1);
        let due = SimTime::from_secs(61);
        assert!(matches!(
            reassembly.take(now, 3, header(9).at(12), fragment(96, 96, 1), 2),
            Taken::Waits(Some(at)) if at == due
        ));
        assert!(matches!(
            reassembly.take(now, 3, header(9).at(24), fragment(192, 8, 2), 2),
            Taken::Waits(None)
        ));
        let Taken::Complete(all) = reassembly.take(now, 3, header(9), fragment(0, 96, 3), 2) else {
            panic!("200 bytes have come");
        };
        assert_eq!(all.iter().map(|fragment| fragment.id.0).collect::<Vec<_>>(), [3, 1, 2]);
    }

    #[test]
    fn overlaps_strangers_and_what_finds_no_room_are_refused() {
        let mut reassembly = Reassembly::default();
        let now = SimTime::ZERO;
        let take = |reassembly: &mut Reassembly, from, tag, offset, bytes| {
            reassembly.take(now, from, header(tag), fragment(offset, bytes, 0), 1)
        };
        assert!(matches!(take(&mut reassembly, 1, 1, 0, 96), Taken::Waits(Some(_))));
        for (from, tag, offset, bytes) in
            [(1, 1, 0, 96), (1, 1, 88, 8), (1, 2, 0, 96), (2, 1, 0, 96), (1, 1, 96, 112)]
        {
            assert!(
                matches!(take(&mut reassembly, from, tag, offset, bytes), Taken::Refused),
                "{from} {tag} {offset}"
            );
        }
    }

    #[test]
    fn what_is_missing_for_a_minute_is_given_up() {
        let mut reassembly = Reassembly::default();
        reassembly.take(SimTime::ZERO, 1, header(1), fragment(0, 96, 7), 2);
        reassembly.take(SimTime::from_secs(1), 1, header(2), fragment(0, 96, 8), 2);
        let ids = |parts: Vec<(u32, Fragment)>| -> Vec<_> {
            parts.into_iter().map(|(from, fragment)| (from, fragment.id)).collect()
        };
        assert_eq!(ids(reassembly.expire(SimTime::from_secs(59))), []);
        assert_eq!(ids(reassembly.expire(SimTime::from_secs(60))), [(1, PacketId(7))]);
        assert_eq!(ids(reassembly.clear()), [(1, PacketId(8))]);
    }
}
