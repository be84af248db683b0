//! How a protocol above takes part in the segments of a connection, as Multipath TCP does: it adds options, says
//! which bytes a segment may carry, and sees the options that came.

use std::net::SocketAddr;

use wire::tcp_options::{OptionsView, TcpOptions};

use super::event::ListenerId;
use super::segment::Segment;

/// The segment that is about to be built.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SegmentKind {
    /// A SYN; so many were sent before it.
    Syn {
        /// How often it was sent.
        before: u8,
    },
    /// A SYN-ACK.
    SynAck,
    /// An acknowledgment without data; the first one completes the handshake.
    Ack,
    /// Data, or a FIN, whose first byte is this far from the start of the stream.
    Data {
        /// Bytes of the stream before this segment's first.
        offset: u64,
    },
    /// A reset.
    Reset,
}

/// What a segment may carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Share {
    /// The most bytes of the stream.
    pub bytes: u32,
    /// The layer above sends them for the second time.
    pub again: bool,
}

impl Share {
    /// As much as fits.
    pub const ALL: Self = Self { bytes: u32::MAX, again: false };
}

/// Which segment came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReceivedKind {
    /// The SYN-ACK that answers our SYN.
    SynAck,
    /// An acceptable segment of a synchronized connection, or the one that synchronizes it.
    Segment,
    /// A reset that ends the connection.
    Reset,
}

/// A segment that was found acceptable, before its data is taken.
#[derive(Clone, Copy, Debug)]
pub struct ReceivedSegment<'a> {
    /// Which it is.
    pub kind: ReceivedKind,
    /// Its options.
    pub options: OptionsView<'a>,
    /// Bytes of the peer's stream before its first.
    pub offset: u64,
    /// Bytes of data that it carries.
    pub payload_len: u32,
    /// Bytes of our stream that it acknowledges, all in all.
    pub acknowledged: u64,
    /// The window that it advertises, in bytes.
    pub window: u64,
}

/// Adds options to segments, keeps data within bounds that the options describe (a mapping of Multipath TCP covers one
/// range of the stream), and sees what came.
pub trait SegmentHook: Default {
    /// Whether it does anything at all.
    const ACTIVE: bool = true;

    /// Bytes of options that [`Self::on_segment`] wants to add to a segment, with data or without, before SACK blocks take
    /// what is left.
    fn reserve(&self, with_data: bool) -> usize;

    /// Whether signals wait that only a segment without data has room for. Such a segment goes before data, which may
    /// leave no gap for it for as long as the peer's window and the congestion window are open; it takes one of them.
    #[inline]
    fn is_waiting(&self) -> bool {
        false
    }

    /// Appends to `options` what the segment needs, within the 40 bytes there are, and returns what the segment may
    /// carry of the stream. It is asked again when a segment is resent.
    fn on_segment(&mut self, kind: SegmentKind, options: &mut TcpOptions) -> Share;

    /// Sees an acceptable segment. Returns whether it may count as a duplicate acknowledgment: one that brings a signal
    /// of the layer above is no sign of congestion.
    fn on_received(&mut self, segment: &ReceivedSegment<'_>) -> bool;
}

/// Plain TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHook;

impl SegmentHook for NoHook {
    const ACTIVE: bool = false;

    #[inline]
    fn reserve(&self, _with_data: bool) -> usize {
        0
    }

    #[inline]
    fn on_segment(&mut self, _kind: SegmentKind, _options: &mut TcpOptions) -> Share {
        Share::ALL
    }

    #[inline]
    fn on_received(&mut self, _segment: &ReceivedSegment<'_>) -> bool {
        true
    }
}

/// What is to become of a SYN that belongs to no connection.
#[derive(Debug)]
pub enum SynVerdict<H> {
    /// It is for the listener, if there is one.
    Listener(H),
    /// It is taken without regard to listeners, with these settings.
    Take(H, std::sync::Arc<super::TcpConfig>),
    /// It is answered with a reset that carries these options.
    Refuse(TcpOptions),
}

/// Who decides about SYNs: a protocol that knows of more than ports.
pub trait SynJudge<H> {
    /// Decides about a SYN from `remote` to `local`, where `listener` would take it.
    fn judge(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        listener: Option<ListenerId>,
        syn: &Segment<'_>,
    ) -> SynVerdict<H>;
}

/// All SYNs are the listeners'.
#[derive(Clone, Copy, Debug)]
pub struct ByPort;

impl<H: Default> SynJudge<H> for ByPort {
    #[inline]
    fn judge(
        &mut self,
        _local: SocketAddr,
        _remote: SocketAddr,
        _listener: Option<ListenerId>,
        _syn: &Segment<'_>,
    ) -> SynVerdict<H> {
        SynVerdict::Listener(H::default())
    }
}
