//! How a protocol above adds options to the segments of a connection.

use wire::tcp_options::TcpOptions;

/// The segment that is about to be built.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SegmentKind {
    /// A SYN.
    Syn,
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

/// Adds options to segments, and keeps data within bounds that the options describe (a mapping of Multipath
/// TCP covers one range of the stream). It is asked again when a segment is resent.
pub trait SegmentHook {
    /// Whether [`Self::on_segment`] does anything at all.
    const ACTIVE: bool = true;

    /// Appends to `options` what the segment needs, within the 40 bytes there are, and returns how many
    /// bytes of the stream the segment may carry.
    fn on_segment(&mut self, kind: SegmentKind, options: &mut TcpOptions) -> u32;
}

/// Plain TCP.
#[derive(Clone, Copy, Debug)]
pub struct NoHook;

impl SegmentHook for NoHook {
    const ACTIVE: bool = false;

    #[inline]
    fn on_segment(&mut self, _kind: SegmentKind, _options: &mut TcpOptions) -> u32 {
        u32::MAX
    }
}
