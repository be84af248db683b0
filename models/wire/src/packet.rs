//! A packet in memory: headers inline, payload shared, an account beside them.
//!
//! Headers are written from the end of their space backwards, the innermost first. The part that a
//! forwarding node touches (headers of UDP over IPv4, length, digest, destination) is one or two cache
//! lines; payload and account lie behind it.

use sim_core::digest;

use crate::account::{Account, Run, Runs, fit_runs};
use crate::payload::{Payload, Slice};

/// Bytes of header that a packet holds inline: IPv6 (40) and a TCP header with all options (60) fit.
pub const HEADER_CAPACITY: usize = 104;

/// A packet on its way, without the link's framing.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Packet {
    header: [u8; HEADER_CAPACITY],
    start: u8,
    /// Whether the payload was damaged on the way: checksums have to be looked at.
    pub corrupted: bool,
    /// Links crossed so far.
    pub hops: u16,
    /// What the network calls the destination address (an index of its own).
    pub destination: u32,
    /// The interface that the packet came in by (an index of the network's own).
    pub ingress: u32,
    payload_len: u32,
    payload_digest: u64,
    payload: Payload,
    /// Who pays for it.
    pub account: Account,
    /// Bytes put on links so far, framing included, for the totals over all hops.
    pub hop_bytes: u32,
    /// The link's count of outages when it took the packet: a later outage voids it.
    pub epoch: u32,
    /// A number of the network's own for packets that are laid out and charged like this one; 0 if there is none yet. It
    /// does not outlive a change of headers or payload.
    pub kind: u32,
}

impl Packet {
    /// A packet without headers.
    #[inline]
    pub fn new(payload: Payload, account: Account) -> Self {
        Self::with_header(payload, account, [])
    }

    /// A packet with one header of `N` bytes.
    ///
    /// It does what [`Self::push_header`] does to a packet without headers; but where the packet is the result
    /// of a function, it is written into its place at once, since nothing refers to it before.
    #[inline(always)]
    pub fn with_header<const N: usize>(payload: Payload, account: Account, bytes: [u8; N]) -> Self {
        const { assert!(N <= HEADER_CAPACITY) };
        let mut header = [0; HEADER_CAPACITY];
        header[HEADER_CAPACITY - N..].copy_from_slice(&bytes);
        Self {
            header,
            start: (HEADER_CAPACITY - N) as u8,
            corrupted: false,
            hops: 0,
            destination: u32::MAX,
            ingress: u32::MAX,
            payload_len: payload.len(),
            payload_digest: payload.digest(),
            payload,
            account,
            hop_bytes: 0,
            epoch: 0,
            kind: 0,
        }
    }

    /// Makes this another packet, with one header of `N` bytes that `write` fills in: the same as putting the result
    /// of [`Self::with_header`] here, without a copy.
    ///
    /// What the place held in front of the header stays there, where nobody reads it.
    #[inline(always)]
    pub fn renew<const N: usize>(
        &mut self,
        payload: Payload,
        account: Account,
        write: impl FnOnce(&mut [u8; N]),
    ) {
        const { assert!(N <= HEADER_CAPACITY) };
        write(self.header.last_chunk_mut::<N>().expect("the header fits, as was asserted"));
        self.start = (HEADER_CAPACITY - N) as u8;
        self.corrupted = false;
        self.hops = 0;
        self.destination = u32::MAX;
        self.ingress = u32::MAX;
        self.payload_len = payload.len();
        self.payload_digest = payload.digest();
        self.payload = payload;
        self.account = account;
        self.hop_bytes = 0;
        self.epoch = 0;
        self.kind = 0;
    }

    /// Headers and payload together, in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        HEADER_CAPACITY - usize::from(self.start) + self.payload_len as usize
    }

    /// Whether there is neither header nor payload.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The headers, outermost first.
    #[inline]
    pub fn header(&self) -> &[u8] {
        &self.header[usize::from(self.start)..]
    }

    /// The headers, to be changed in place.
    #[inline]
    pub fn header_mut(&mut self) -> &mut [u8] {
        &mut self.header[usize::from(self.start)..]
    }

    /// What follows the headers.
    #[inline]
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Length of what follows the headers.
    #[inline]
    pub fn payload_len(&self) -> u32 {
        self.payload_len
    }

    /// Takes the payload out; the packet keeps none.
    #[inline]
    pub fn take_payload(&mut self) -> Payload {
        self.kind = 0;
        self.payload_len = 0;
        self.payload_digest = 0;
        std::mem::take(&mut self.payload)
    }

    /// Takes the payload out if it is one slice with one run and no header is left in front of it; else the
    /// packet keeps everything, for [`Self::take_content`].
    #[inline(always)]
    pub fn take_single(&mut self) -> Option<(Slice, Run)> {
        let &[run] = self.account.runs.as_slice() else { return None };
        if run.bytes != self.payload_len || usize::from(self.start) < HEADER_CAPACITY {
            return None;
        }
        let slice = self.payload.take_single()?;
        self.kind = 0;
        self.account.runs.clear();
        self.payload_len = 0;
        self.payload_digest = 0;
        Some((slice, run))
    }

    /// Takes everything out that is left in front of and in the payload, with the runs that describe it.
    ///
    /// Header bytes that were not dropped (as of a reassembled packet, whose front was pulled) become
    /// part of the content; runs are made to fit ([`fit_runs`]).
    #[inline]
    pub fn take_content(&mut self) -> (Payload, Runs) {
        let mut payload = self.take_payload();
        if usize::from(self.start) < HEADER_CAPACITY {
            payload.push_front(Slice::from_bytes(self.header()));
            self.start = HEADER_CAPACITY as u8;
        }
        let mut runs = std::mem::take(&mut self.account.runs);
        fit_runs(&mut runs, payload.len());
        (payload, runs)
    }

    /// Puts another payload in.
    pub fn set_payload(&mut self, payload: Payload) {
        self.kind = 0;
        self.payload_len = payload.len();
        self.payload_digest = payload.digest();
        self.payload = payload;
    }

    /// Makes room for `bytes` of header in front of the others, and returns it to be written.
    ///
    /// Where the inline space does not suffice, the headers so far become the front of the payload:
    /// see [`Self::pull`].
    ///
    /// # Panics
    ///
    /// If one header is longer than [`HEADER_CAPACITY`].
    #[inline]
    pub fn push_header(&mut self, bytes: usize) -> &mut [u8] {
        assert!(bytes <= HEADER_CAPACITY, "a header of {bytes} bytes goes into the payload");
        if bytes > usize::from(self.start) {
            self.spill();
        }
        self.start -= bytes as u8;
        self.kind = 0;
        let start = usize::from(self.start);
        &mut self.header[start..start + bytes]
    }

    /// Drops the outermost `bytes` of header.
    ///
    /// # Panics
    ///
    /// If fewer are there.
    #[inline]
    pub fn pop_header(&mut self, bytes: usize) {
        let start = usize::from(self.start) + bytes;
        assert!(start <= HEADER_CAPACITY, "{bytes} bytes of header are there to be dropped");
        self.start = start as u8;
        self.kind = 0;
    }

    /// Makes at least `bytes` of header contiguous, moving bytes from the payload if need be, and says
    /// whether that many exist and fit.
    ///
    /// A packet from outside, a reassembled one, or one with a great many options may hold headers in
    /// its payload: whoever parses one asks for what it needs first.
    #[inline]
    pub fn pull(&mut self, bytes: usize) -> bool {
        let have = HEADER_CAPACITY - usize::from(self.start);
        bytes <= have || self.pull_slow(bytes - have)
    }

    #[cold]
    fn pull_slow(&mut self, missing: usize) -> bool {
        let start = usize::from(self.start);
        if missing > start || missing > self.payload_len as usize {
            return false;
        }
        let mut payload = self.take_payload();
        let front = payload.split_front(missing as u32);
        self.header.copy_within(start.., start - missing);
        front.copy_to(&mut self.header[HEADER_CAPACITY - missing..]);
        self.start -= missing as u8;
        self.set_payload(payload);
        true
    }

    /// Makes everything behind the first `bytes` of header part of the payload. A packet from outside, or a
    /// reassembled one, may have had more pulled than one header.
    ///
    /// # Panics
    ///
    /// If there are fewer bytes of header.
    #[inline]
    pub fn limit_header(&mut self, bytes: usize) {
        if self.header().len() > bytes {
            self.push_back_behind(bytes);
        }
    }

    #[cold]
    fn push_back_behind(&mut self, bytes: usize) {
        let start = usize::from(self.start);
        let rest = Slice::from_bytes(&self.header[start + bytes..]);
        let moved = rest.len() as usize;
        let mut payload = self.take_payload();
        payload.push_front(rest);
        self.set_payload(payload);
        self.header.copy_within(start..start + bytes, start + moved);
        self.start += moved as u8;
    }

    #[cold]
    fn spill(&mut self) {
        let header = Slice::from_bytes(self.header());
        let mut payload = self.take_payload();
        payload.push_front(header);
        self.set_payload(payload);
        self.start = HEADER_CAPACITY as u8;
    }

    /// The digest of the headers' exact bytes.
    #[inline]
    pub fn header_digest(&self) -> u64 {
        digest::header_digest(self.header())
    }

    /// The digest of the payload, made once when it was put in.
    #[inline]
    pub fn payload_digest(&self) -> u64 {
        self.payload_digest
    }

    /// The packet's bytes as they are on the wire, without the link's framing.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        bytes.extend_from_slice(self.header());
        bytes.extend_from_slice(&self.payload.to_vec());
        bytes
    }
}

const _: () = assert!(HEADER_CAPACITY <= u8::MAX as usize);
const _: () = assert!(std::mem::offset_of!(Packet, payload) == 128, "the hot part is two cache lines");
const _: () = assert!(size_of::<Packet>() == 256);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_go_in_front_of_each_other() {
        let mut packet = Packet::new(Payload::from_bytes(vec![9]), Account::default());
        packet.push_header(2).copy_from_slice(&[3, 4]);
        packet.push_header(2).copy_from_slice(&[1, 2]);
        assert_eq!(packet.to_vec(), [1, 2, 3, 4, 9]);
        packet.pop_header(2);
        assert_eq!(packet.header(), [3, 4]);
        assert_eq!(packet.len(), 3);
    }

    #[test]
    fn headers_that_do_not_fit_move_into_the_payload_and_back() {
        let mut packet = Packet::new(Payload::from_bytes(vec![7; 3]), Account::default());
        packet.push_header(60).fill(1);
        packet.push_header(60).fill(2);
        assert_eq!(packet.header().len(), 60, "the inner header moved away");
        assert_eq!(packet.len(), 123);
        let bytes = packet.to_vec();
        packet.pop_header(60);
        assert!(packet.pull(60));
        assert_eq!(packet.header(), [1; 60]);
        assert_eq!(packet.to_vec(), &bytes[60..]);
    }

    #[test]
    fn what_is_behind_a_header_goes_back_into_the_payload() {
        let mut packet = Packet::new(Payload::from_bytes(vec![5, 6]), Account::default());
        packet.push_header(4).copy_from_slice(&[1, 2, 3, 4]);
        packet.limit_header(4);
        assert_eq!(packet.header(), [1, 2, 3, 4]);
        packet.limit_header(1);
        assert_eq!((packet.header(), packet.payload_len()), (&[1][..], 5));
        assert_eq!(packet.to_vec(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn nothing_of_an_older_packet_is_left_in_a_renewed_one() {
        let mut place = Packet::new(Payload::from_bytes(vec![7; 3]), Account::default());
        place.push_header(30).fill(1);
        (place.corrupted, place.hops, place.hop_bytes, place.epoch) = (true, 3, 99, 2);
        (place.destination, place.ingress) = (4, 5);
        let payload = Payload::from_bytes(vec![9]);
        let made = Packet::with_header(payload.clone(), Account::default(), [2, 3]);
        place.renew(payload, Account::default(), |header| *header = [2, 3]);
        assert_eq!(place.to_vec(), [2, 3, 9]);
        let rest = |it: &Packet| {
            let places = (it.destination, it.ingress, it.hops, it.hop_bytes, it.epoch);
            (it.corrupted, places, it.payload_digest(), it.header_digest(), it.len())
        };
        assert_eq!(rest(&place), rest(&made));
    }

    #[test]
    fn pulling_more_than_there_is_changes_nothing() {
        let mut packet = Packet::new(Payload::from_bytes(vec![7; 3]), Account::default());
        packet.push_header(4).fill(1);
        assert!(!packet.pull(8));
        assert!(packet.pull(7));
        assert_eq!(packet.header(), [1, 1, 1, 1, 7, 7, 7]);
        assert_eq!(packet.payload_len(), 0);
    }
}
