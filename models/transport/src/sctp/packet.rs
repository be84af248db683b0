//! Packets under construction, and packets that arrived, chunk by chunk.

use std::borrow::Cow;

use sim_core::SimTime;
use smallvec::SmallVec;
use wire::account::{Account, FlowId, Protocol, Reason, Run, Runs, fit_runs, split_runs};
use wire::packet::{HEADER_CAPACITY, Packet};
use wire::payload::{Payload, Slice};
use wire::sctp::{
    CHUNK_HEADER_LEN, COMMON_HEADER_LEN, ChunkType, CommonHeader, DATA_HEADER_LEN, DataHeader, GapBlock,
    I_DATA_HEADER_LEN, IDataHeader, SACK_HEADER_LEN, checksum, padding,
};

use super::mac::Mac;

/// A packet under construction: control chunks, then user data.
#[derive(Debug, Default)]
pub(super) struct Builder {
    /// Chunks and chunk headers in front of the first user data.
    lead: SmallVec<[u8; LEAD_MAX]>,
    payload: Payload,
    runs: Runs,
    data_chunks: u32,
    pub(super) resends: bool,
    /// Whether routers may cut the packet.
    pub(super) fragmentable: bool,
    /// Whether it goes without checksum (RFC 9653).
    pub(super) unsummed: bool,
}

/// Bytes of chunks that go into the packet's inline headers, with room left for the common header and IPv6's.
const LEAD_MAX: usize = HEADER_CAPACITY - COMMON_HEADER_LEN - 40;

impl Builder {
    /// Bytes behind the common header so far.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.lead.len() + self.payload.len() as usize
    }

    pub(super) fn has_data(&self) -> bool {
        self.data_chunks > 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds whole control chunks; they go in front of all user data.
    pub(super) fn push_control(&mut self, chunks: &[u8]) {
        debug_assert!(self.payload.is_empty(), "control chunks come before data (RFC 9260 §6.10)");
        self.lead.extend_from_slice(chunks);
    }

    /// Adds a SACK chunk.
    pub(super) fn push_sack(&mut self, head: [u8; SACK_HEADER_LEN], blocks: &[GapBlock], duplicates: &[u32]) {
        self.push_control(&head);
        blocks.iter().for_each(|block| self.push_control(&block.to_bytes()));
        duplicates.iter().for_each(|tsn| self.push_control(&tsn.to_be_bytes()));
    }

    /// Adds a chunk of user data with its padding.
    #[inline]
    pub(super) fn push_data(&mut self, head: &[u8], data: &Payload, runs: &Runs, flow: FlowId) {
        if self.payload.is_empty() {
            self.lead.extend_from_slice(head);
        } else {
            self.payload.push(Slice::from_bytes(head));
            self.push_own_run(head.len(), flow);
        }
        for slice in data.slices() {
            self.payload.push(slice.clone());
        }
        runs.iter().for_each(|run| self.runs.push(*run));
        let pad = padding(data.len() as usize);
        if pad > 0 {
            // Filler is zeros: where the data are filler, the padding goes on with it and takes no slice.
            let last = data.slices().last().and_then(|slice| Some((slice.as_filler()?, slice.len())));
            let ((pattern, offset), len) = last.unwrap_or(((PADDING_PATTERN, 0), 0));
            self.payload.push(Slice::filler(pattern, offset + u64::from(len), pad as u32));
            self.push_own_run(pad, flow);
        }
        self.data_chunks += 1;
    }

    fn push_own_run(&mut self, bytes: usize, flow: FlowId) {
        self.runs.push(own_run(bytes, flow, Reason::Data));
    }

    /// The types of the chunks: all control chunks, and that of the user data behind them.
    pub(super) fn kinds(&self) -> impl Iterator<Item = ChunkType> {
        let mut rest = &self.lead[..];
        std::iter::from_fn(move || {
            let [kind, _, a, b] = *rest.first_chunk::<4>()?;
            let kind = ChunkType(kind);
            let len = usize::from(u16::from_be_bytes([a, b]));
            let is_data = kind == ChunkType::DATA || kind == ChunkType::I_DATA;
            rest = if is_data { &[] } else { rest.get(len + padding(len)..).unwrap_or(&[]) };
            Some(kind)
        })
    }

    /// Bytes of a COOKIE ECHO that the packet begins with, or none.
    pub(super) fn cookie_len(&self) -> usize {
        match *self.lead {
            [kind, _, a, b, ..] if ChunkType(kind) == ChunkType::COOKIE_ECHO => {
                let len = usize::from(u16::from_be_bytes([a, b]));
                len + padding(len)
            }
            _ => 0,
        }
    }

    /// Gives all that follows the first `skip` bytes of chunks to a code.
    pub(super) fn feed(&self, skip: usize, mac: &mut Mac) {
        mac.add(self.lead.get(skip..).unwrap_or(&[]));
        mac.add_payload(&self.payload);
    }

    /// Bytes of what [`Self::feed`] gives.
    pub(super) fn len_behind(&self, skip: usize) -> usize {
        self.lead.len().saturating_sub(skip) + self.payload.len() as usize
    }

    /// Puts a control chunk behind the first `skip` bytes of chunks.
    pub(super) fn insert(&mut self, skip: usize, chunk: &[u8]) {
        self.lead.insert_from_slice(skip.min(self.lead.len()), chunk);
    }

    /// Writes the packet into `place`, with its checksum or zero in place of it; nothing is left of it here.
    pub(super) fn finish(
        &mut self,
        ports: (u16, u16),
        tag: u32,
        flow: FlowId,
        reason: Reason,
        place: &mut Packet,
    ) {
        let data_flow = self.runs.iter().find(|run| run.flow != FlowId::NONE).map_or(flow, |run| run.flow);
        if self.lead.len() > LEAD_MAX {
            // Whole chunks in front of each other: none is taken apart by where it is kept.
            self.payload.push_front(Slice::from_bytes(&self.lead[..]));
            self.runs.insert(0, own_run(self.lead.len(), data_flow, reason));
            self.lead.clear();
        }
        let header_len = COMMON_HEADER_LEN + self.lead.len();
        let (payload, runs) = (std::mem::take(&mut self.payload), std::mem::take(&mut self.runs));
        let mut account = Account::with_header(data_flow, reason, Protocol::Sctp, header_len, runs);
        account.retransmission = self.resends;
        let mut common = CommonHeader {
            source_port: ports.0,
            destination_port: ports.1,
            verification_tag: tag,
            checksum: 0,
        };
        let lead = &self.lead[..];
        let write = |out: &mut [u8]| {
            let (head, rest) = out.split_at_mut(COMMON_HEADER_LEN);
            common.emit(head);
            rest.copy_from_slice(lead);
        };
        if header_len == USUAL_HEADER_LEN {
            place.renew::<USUAL_HEADER_LEN>(payload, account, |out| write(out));
        } else {
            place.renew::<0>(payload, account, |_| {});
            write(place.push_header(header_len));
        }
        if !self.unsummed {
            common.checksum = checksum(place.header(), place.payload());
            common.emit(&mut place.header_mut()[..COMMON_HEADER_LEN]);
        }
        self.lead.clear();
    }
}

/// The inline headers of a packet with one chunk of user data, or with a SACK of data without gaps: what most packets are.
const USUAL_HEADER_LEN: usize = COMMON_HEADER_LEN + DATA_HEADER_LEN;
const _: () = assert!(DATA_HEADER_LEN == SACK_HEADER_LEN);

/// The filler that pads user data which are no filler themselves.
const PADDING_PATTERN: u32 = u32::MAX;

fn own_run(bytes: usize, flow: FlowId, reason: Reason) -> Run {
    Run {
        bytes: bytes as u32, // A packet is shorter than 64 KiB.
        flow,
        message: 0,
        generated: SimTime::ZERO,
        protocol: Protocol::Sctp,
        reason,
        last: false,
    }
}

/// What an arrived packet consists of.
#[derive(Debug)]
pub(super) enum Piece<'p> {
    /// User data.
    Data(DataHeader, Payload, Runs),
    /// User data that may be interleaved.
    Interleaved(IDataHeader, Payload, Runs),
    /// Any other chunk, padding included.
    Control(ChunkType, Cow<'p, [u8]>),
}

impl Piece<'_> {
    /// Its type.
    #[inline]
    pub(super) fn kind(&self) -> ChunkType {
        match self {
            Self::Data(..) => ChunkType::DATA,
            Self::Interleaved(..) => ChunkType::I_DATA,
            Self::Control(kind, _) => *kind,
        }
    }
}

/// The chunks of an arrived packet, in order. What its headers hold is read where it is.
#[derive(Clone, Debug)]
pub(super) struct Walker<'p> {
    /// Whether a router has marked the packet (RFC 3168 §5).
    pub(super) marked: bool,
    /// Whether an AUTH chunk in front has proved who has sent the chunks that are left (RFC 4895 §6.3).
    pub(super) authenticated: bool,
    /// What is left of the headers, and what follows them.
    head: &'p [u8],
    rest: Payload,
    runs: Runs,
}

impl<'p> Walker<'p> {
    /// Takes everything behind the common header out of `packet`.
    #[inline]
    pub(super) fn new(packet: &'p mut Packet) -> Self {
        packet.pop_header(COMMON_HEADER_LEN);
        let _charge = packet.account.pop_header();
        let rest = packet.take_payload();
        let mut runs = std::mem::take(&mut packet.account.runs);
        fit_runs(&mut runs, rest.len());
        Self { marked: false, authenticated: false, head: packet.header(), rest, runs }
    }

    #[inline]
    pub(super) fn left(&self) -> usize {
        self.head.len() + self.rest.len() as usize
    }

    /// Whether there is nothing more.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.left() == 0
    }

    /// The next chunk's flags.
    #[inline]
    pub(super) fn flags(&self) -> u8 {
        self.look::<2>().map_or(0, |[_, flags]| flags)
    }

    /// The next chunk's type and length, or `None` if it is cut off or impossible.
    #[inline]
    pub(super) fn peek(&self) -> Option<(ChunkType, usize)> {
        let [kind, _, a, b] = self.look()?;
        let len = usize::from(u16::from_be_bytes([a, b]));
        (len >= CHUNK_HEADER_LEN && len <= self.left()).then_some((ChunkType(kind), len))
    }

    /// Gives all that is left to a code.
    pub(super) fn feed(&self, mac: &mut Mac) {
        mac.add(self.head);
        mac.add_payload(&self.rest);
    }

    /// Discards all that is left.
    pub(super) fn drop_rest(&mut self) {
        self.skip(self.left());
    }

    /// The whole chunks that are left, as far as they make sense, each with its padding.
    pub(super) fn ahead(&self) -> impl Iterator<Item = (ChunkType, Cow<'p, [u8]>)> {
        let mut walker = self.clone();
        std::iter::from_fn(move || match walker.next()? {
            piece @ (Piece::Data(..) | Piece::Interleaved(..)) => Some((piece.kind(), Cow::default())),
            Piece::Control(kind, bytes) => Some((kind, bytes)),
        })
    }

    /// The next `N` bytes.
    #[inline]
    fn look<const N: usize>(&self) -> Option<[u8; N]> {
        match self.head.first_chunk::<N>() {
            Some(bytes) => Some(*bytes),
            None => self.look_behind(),
        }
    }

    /// The next `N` bytes, which do not all stand in the headers.
    fn look_behind<const N: usize>(&self) -> Option<[u8; N]> {
        if self.left() < N {
            return None;
        }
        let mut out = [0; N];
        let (inline, behind) = out.split_at_mut(self.head.len());
        inline.copy_from_slice(self.head);
        self.rest.slice(0..behind.len() as u32).copy_to(behind);
        Some(out)
    }

    /// Drops the next bytes.
    #[inline]
    fn skip(&mut self, count: usize) {
        match self.head.get(count..) {
            Some(head) => self.head = head,
            None => self.skip_behind(count - self.head.len()),
        }
    }

    /// Drops all of the headers and the next bytes of what follows them.
    fn skip_behind(&mut self, count: usize) {
        self.head = &[];
        drop(self.rest.split_front(count as u32));
        drop(split_runs(&mut self.runs, count as u32));
    }

    /// Takes the next bytes.
    #[inline]
    fn take(&mut self, count: usize) -> Cow<'p, [u8]> {
        if let Some((bytes, head)) = self.head.split_at_checked(count) {
            self.head = head;
            return Cow::Borrowed(bytes);
        }
        let mut bytes = self.head.to_vec();
        let behind = count - bytes.len();
        bytes.extend(self.rest.slice(0..behind as u32).to_vec());
        self.skip_behind(behind);
        Cow::Owned(bytes)
    }

    /// The next chunk. `None` at the end, and where the bytes make no chunk.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Piece<'p>> {
        let (kind, len) = self.peek()?;
        let padded = (len + padding(len)).min(self.left());
        if kind == ChunkType::DATA {
            return self.next_data(len, padded);
        }
        if kind == ChunkType::I_DATA {
            return self.next_interleaved(len, padded);
        }
        Some(Piece::Control(kind, self.take(padded)))
    }

    #[inline]
    fn next_data(&mut self, len: usize, padded: usize) -> Option<Piece<'p>> {
        if len < DATA_HEADER_LEN {
            return None;
        }
        let header = DataHeader::parse(&self.look::<DATA_HEADER_LEN>()?).ok()?;
        let (data, runs) = self.user_data(DATA_HEADER_LEN, u32::from(header.data_len), padded - len);
        Some(Piece::Data(header, data, runs))
    }

    fn next_interleaved(&mut self, len: usize, padded: usize) -> Option<Piece<'p>> {
        if len < I_DATA_HEADER_LEN {
            return None;
        }
        let header = IDataHeader::parse(&self.look::<I_DATA_HEADER_LEN>()?).ok()?;
        let (data, runs) = self.user_data(I_DATA_HEADER_LEN, u32::from(header.data_len), padded - len);
        Some(Piece::Interleaved(header, data, runs))
    }

    /// Takes the user data of a chunk out, and drops its header and padding.
    #[inline]
    fn user_data(&mut self, header_len: usize, data_len: u32, padding: usize) -> (Payload, Runs) {
        self.skip(header_len);
        if !self.head.is_empty() {
            // Headers of a foreign or reassembled packet may hold more than headers.
            self.rest.push_front(Slice::from_bytes(self.head));
            self.head = &[];
            fit_runs_behind(&mut self.runs, self.rest.len());
        }
        let data = self.rest.split_front(data_len);
        let runs = if self.rest.is_empty() {
            std::mem::take(&mut self.runs)
        } else {
            split_runs(&mut self.runs, data_len)
        };
        self.skip(padding);
        (data, runs)
    }
}

/// Lengthens the runs in front: the bytes came from outside or were pulled, and nobody owns them.
#[cold]
fn fit_runs_behind(runs: &mut Runs, bytes: u32) {
    let described: u32 = runs.iter().map(|run| run.bytes).sum();
    if bytes > described {
        let run = own_run((bytes - described) as usize, FlowId::NONE, Reason::Data);
        runs.insert(0, run);
    }
}
