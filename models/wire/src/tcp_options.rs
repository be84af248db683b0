//! TCP options (RFC 9293 §3.2), kept inline and to the byte, known to us or not.

use crate::error::NoRoom;
use crate::inline_options::{InlineOptions, NO_OPERATION, RawIter, RawOption};
use crate::mptcp::Dss;
pub use crate::tcp_option_values::{
    AccEcnCounters, AccEcnOrder, FastOpenCookie, SackBlock, SackBlocks, Timestamps, UserTimeout,
};

/// Option kinds (IANA "TCP Option Kind Numbers").
mod kind {
    pub(super) use crate::tcp_option_values::{ACC_ECN_0, ACC_ECN_1};

    pub(super) const MAXIMUM_SEGMENT_SIZE: u8 = 2;
    pub(super) const WINDOW_SCALE: u8 = 3;
    pub(super) const SACK_PERMITTED: u8 = 4;
    pub(super) const SACK: u8 = 5;
    pub(super) const TIMESTAMPS: u8 = 8;
    pub(super) const USER_TIMEOUT: u8 = 28;
    pub(super) const MPTCP: u8 = 30;
    pub(super) const FAST_OPEN: u8 = 34;
}

/// The options of one segment: at most 40 bytes, in their order, with the padding they came with.
///
/// A received list may be malformed. Then the options before the impossible length count, and the rest is
/// ignored, as Linux does it; the segment itself stands (RFC 9293 §3.1: no crash, MUST-7).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TcpOptions(InlineOptions);

impl TcpOptions {
    /// The most bytes of options that a TCP header can have (RFC 9293 §3.1, data offset at most 15).
    pub const LEN_MAX: usize = crate::inline_options::CAPACITY;
    /// No options.
    pub const EMPTY: Self = Self(InlineOptions::EMPTY);

    /// No-operation twice, then timestamps: what nearly every segment carries (RFC 7323 Appendix A).
    #[inline]
    #[must_use]
    pub const fn with_timestamps(timestamps: Timestamps) -> Self {
        let [a, b, c, d] = timestamps.value.to_be_bytes();
        let [e, f, g, h] = timestamps.echo_reply.to_be_bytes();
        Self(InlineOptions::of_twelve([1, 1, kind::TIMESTAMPS, 10, a, b, c, d, e, f, g, h], true))
    }

    /// The options of a SYN in Linux's order: maximum segment size, SACK permitted, timestamps, window scale.
    ///
    /// Each is padded as Linux does it, so that the whole is 20 bytes when all are there.
    #[must_use]
    pub fn syn(syn: SynOptions) -> Self {
        let mut options = Self::EMPTY;
        let mut push = |option| options.try_push(option).expect("20 bytes of options fit into 40");
        if let Some(size) = syn.maximum_segment_size {
            push(TcpOption::MaximumSegmentSize(size));
        }
        match (syn.sack_permitted, syn.timestamps) {
            (true, Some(timestamps)) => {
                push(TcpOption::SackPermitted);
                push(TcpOption::Timestamps(timestamps));
            }
            (false, Some(timestamps)) => {
                push(TcpOption::NoOperation);
                push(TcpOption::NoOperation);
                push(TcpOption::Timestamps(timestamps));
            }
            (true, None) => {
                push(TcpOption::NoOperation);
                push(TcpOption::NoOperation);
                push(TcpOption::SackPermitted);
            }
            (false, None) => {}
        }
        if let Some(shift) = syn.window_scale {
            push(TcpOption::NoOperation);
            push(TcpOption::WindowScale(shift));
        }
        options
    }

    /// Keeps a list of twelve bytes, the usual length: timestamps and nothing else.
    #[inline]
    pub(crate) const fn of_twelve(list: [u8; 12]) -> Self {
        Self(InlineOptions::of_twelve(list, false))
    }

    /// Keeps the list as received, in whole 32-bit words and at most 40 bytes.
    #[inline]
    pub(crate) fn from_wire(list: &[u8]) -> Self {
        Self(InlineOptions::from_wire(list))
    }

    /// Bytes in the header: whole 32-bit words, padded with end-of-list (RFC 9293 §3.1).
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.padded_len()
    }

    /// Whether there are no options at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The options with their padding, as they stand in the header.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Appends an option behind those that can be read, unaligned; [`TcpOption::NoOperation`] aligns.
    ///
    /// # Errors
    /// The option does not fit into what is left of the 40 bytes; nothing has changed then.
    pub fn try_push(&mut self, option: TcpOption<'_>) -> Result<(), NoRoom> {
        let mut push = |kind: u8, data: &[&[u8]]| self.0.try_push("the TCP option list", kind, data);
        match option {
            TcpOption::NoOperation => push(NO_OPERATION, &[]),
            TcpOption::MaximumSegmentSize(size) => push(kind::MAXIMUM_SEGMENT_SIZE, &[&size.to_be_bytes()]),
            TcpOption::WindowScale(shift) => push(kind::WINDOW_SCALE, &[&[shift]]),
            TcpOption::SackPermitted => push(kind::SACK_PERMITTED, &[]),
            TcpOption::Sack(blocks) => {
                let (bytes, len) = blocks.to_wire();
                push(kind::SACK, &[&bytes[..len]])
            }
            TcpOption::Timestamps(timestamps) => push(
                kind::TIMESTAMPS,
                &[&timestamps.value.to_be_bytes(), &timestamps.echo_reply.to_be_bytes()],
            ),
            TcpOption::UserTimeout(timeout) => push(kind::USER_TIMEOUT, &[&timeout.to_wire().to_be_bytes()]),
            TcpOption::Mptcp(data) => push(kind::MPTCP, &[data]),
            TcpOption::FastOpen(cookie) => push(kind::FAST_OPEN, &[cookie.as_bytes()]),
            TcpOption::AccEcn(counters) => {
                let (bytes, len) = counters.to_wire();
                push(counters.order().kind(), &[&bytes[..len]])
            }
            TcpOption::Unknown(unknown) => push(unknown.kind, &[unknown.data]),
        }
    }

    /// Appends an option of Multipath TCP, subtype and all behind it, so that it ends at a whole 32-bit word.
    ///
    /// # Errors
    /// The option does not fit into what is left of the 40 bytes; nothing has changed then.
    #[inline]
    pub(crate) fn try_push_mptcp_data(&mut self, data: &[u8]) -> Result<(), NoRoom> {
        self.0.try_push_aligned("the TCP option list", kind::MPTCP, data)
    }

    /// Appends whole options that end at a whole 32-bit word.
    ///
    /// # Errors
    /// They do not fit into what is left of the 40 bytes; nothing has changed then.
    #[inline]
    pub(crate) fn try_push_aligned_words<const N: usize>(&mut self, words: &[u8; N]) -> Result<(), NoRoom> {
        self.0.try_push_whole("the TCP option list", words)
    }

    /// The options in their order, until the list ends or cannot be read on.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> TcpOptionIter<'_> {
        TcpOptionIter(self.0.iter())
    }

    /// The timestamps option, found at once where nearly every sender puts it.
    #[inline]
    #[must_use]
    pub fn timestamps(&self) -> Option<Timestamps> {
        OptionsView::over(self.as_bytes()).timestamps()
    }

    /// Offset in the list of the first option whose length is impossible.
    #[must_use]
    pub fn malformed_at(&self) -> Option<usize> {
        self.0.malformed_at()
    }
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'a> IntoIterator for &'a TcpOptions {
    type Item = TcpOption<'a>;
    type IntoIter = TcpOptionIter<'a>;

    fn into_iter(self) -> TcpOptionIter<'a> {
        self.iter()
    }
}

/// What a SYN or SYN-ACK offers; `None` or `false` leaves an option out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SynOptions {
    /// Largest segment that the sender can receive, in bytes (RFC 9293 §3.7.1).
    pub maximum_segment_size: Option<u16>,
    /// SACK may be used towards the sender (RFC 2018 §2).
    pub sack_permitted: bool,
    /// Timestamps are offered, or agreed to (RFC 7323 §3.2).
    pub timestamps: Option<Timestamps>,
    /// Shift of the windows that the sender will advertise (RFC 7323 §2.2).
    pub window_scale: Option<u8>,
}

/// One option, as far as it is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TcpOption<'a> {
    /// One byte of padding between options (RFC 9293 §3.2).
    NoOperation,
    /// Largest segment that the sender can receive, in bytes (RFC 9293 §3.7.1).
    MaximumSegmentSize(u16),
    /// Window shift; above 14 is taken as 14 by the receiver (RFC 7323 §2.3).
    WindowScale(u8),
    /// SACK may be used (RFC 2018 §2).
    SackPermitted,
    /// Selective acknowledgement (RFC 2018 §3).
    Sack(SackBlocks),
    /// Timestamps (RFC 7323 §3.2).
    Timestamps(Timestamps),
    /// User timeout (RFC 5482 §3).
    UserTimeout(UserTimeout),
    /// Multipath TCP (RFC 8684 §3): subtype and everything after kind and length.
    Mptcp(&'a [u8]),
    /// Fast Open: a cookie, or without one the request for it (RFC 7413 §4.1.1).
    FastOpen(FastOpenCookie),
    /// Accurate ECN byte counters (RFC 9768 §3.2.3).
    AccEcn(AccEcnCounters),
    /// Any other kind, and a known kind whose length is not its own.
    Unknown(UnknownOption<'a>),
}

/// An option that is kept but not understood.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownOption<'a> {
    kind: u8,
    data: &'a [u8],
}

impl<'a> UnknownOption<'a> {
    /// An option of a kind above 1, which are the kinds that have a length.
    #[must_use]
    pub const fn new(kind: u8, data: &'a [u8]) -> Option<Self> {
        if kind > NO_OPERATION { Some(Self { kind, data }) } else { None }
    }

    /// The option's kind.
    #[must_use]
    pub const fn kind(self) -> u8 {
        self.kind
    }

    /// The value behind kind and length.
    #[must_use]
    pub const fn data(self) -> &'a [u8] {
        self.data
    }
}

/// The options of a segment where they stand in its header.
#[derive(Clone, Copy, Debug)]
pub struct OptionsView<'a>(&'a [u8]);

impl<'a> OptionsView<'a> {
    /// The options of a header, without its first 20 bytes.
    #[inline]
    pub(crate) const fn over(list: &'a [u8]) -> Self {
        Self(list)
    }

    /// The options in their order, until the list ends or cannot be read on.
    #[inline]
    #[must_use]
    pub fn iter(self) -> TcpOptionIter<'a> {
        TcpOptionIter(RawIter::over(self.0))
    }

    /// The values of the options of Multipath TCP, in their order.
    #[inline]
    pub fn mptcp(self) -> impl Iterator<Item = &'a [u8]> {
        RawIter::over(self.behind_timestamps())
            .filter_map(|option| (option.kind == kind::MPTCP).then_some(option.data))
    }

    /// The first option with SACK blocks.
    #[inline]
    #[must_use]
    pub fn sack(self) -> Option<SackBlocks> {
        RawIter::over(self.behind_timestamps())
            .filter_map(|option| (option.kind == kind::SACK).then_some(option.data))
            .find_map(SackBlocks::from_wire)
    }

    /// What follows the timestamps, where those come first with their padding.
    #[inline]
    const fn behind_timestamps(self) -> &'a [u8] {
        match self.0 {
            [NO_OPERATION, NO_OPERATION, kind::TIMESTAMPS, 10, _, _, _, _, _, _, _, _, rest @ ..] => rest,
            all => all,
        }
    }

    /// Whether there is nothing besides timestamps with the padding that aligns them, and one option of Multipath TCP as long as
    /// its usual signals are.
    #[inline]
    #[must_use]
    pub const fn is_usual(self) -> bool {
        matches!(
            self.behind_timestamps(),
            [] | [kind::MPTCP, 8, _, _, _, _, _, _]
                | [
                    NO_OPERATION,
                    NO_OPERATION,
                    kind::MPTCP,
                    18,
                    _,
                    _,
                    _,
                    _,
                    _,
                    _,
                    _,
                    _,
                    _,
                    _,
                    _,
                    _,
                    _,
                    _,
                    _,
                    _
                ]
        )
    }

    /// The signal of Multipath TCP, where it is a usual one and nothing but timestamps stands beside it.
    #[inline]
    #[must_use]
    pub fn usual_signal(self) -> Option<Dss> {
        Dss::from_usual(self.behind_timestamps())
    }

    /// The timestamps option, found at once where nearly every sender puts it.
    #[inline]
    #[must_use]
    pub fn timestamps(self) -> Option<Timestamps> {
        match self.0 {
            &[NO_OPERATION, NO_OPERATION, kind::TIMESTAMPS, 10, a, b, c, d, e, f, g, h, ..] => {
                Some(Timestamps {
                    value: u32::from_be_bytes([a, b, c, d]),
                    echo_reply: u32::from_be_bytes([e, f, g, h]),
                })
            }
            [] => None,
            _ => self.iter().find_map(|option| match option {
                TcpOption::Timestamps(timestamps) => Some(timestamps),
                _ => None,
            }),
        }
    }
}

/// The options of a segment, one after the other.
#[derive(Clone, Debug)]
pub struct TcpOptionIter<'a>(RawIter<'a>);

impl<'a> Iterator for TcpOptionIter<'a> {
    type Item = TcpOption<'a>;

    #[inline]
    fn next(&mut self) -> Option<TcpOption<'a>> {
        self.0.next().map(TcpOption::from_raw)
    }
}

impl<'a> TcpOption<'a> {
    #[inline]
    fn from_raw(raw: RawOption<'a>) -> Self {
        let unknown = Self::Unknown(UnknownOption { kind: raw.kind, data: raw.data });
        match (raw.kind, raw.data) {
            (NO_OPERATION, _) => Self::NoOperation,
            (kind::MAXIMUM_SEGMENT_SIZE, &[high, low]) => {
                Self::MaximumSegmentSize(u16::from_be_bytes([high, low]))
            }
            (kind::WINDOW_SCALE, &[shift]) => Self::WindowScale(shift),
            (kind::SACK_PERMITTED, []) => Self::SackPermitted,
            (kind::SACK, data) => SackBlocks::from_wire(data).map_or(unknown, Self::Sack),
            (kind::TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => Self::Timestamps(Timestamps {
                value: u32::from_be_bytes([a, b, c, d]),
                echo_reply: u32::from_be_bytes([e, f, g, h]),
            }),
            (kind::USER_TIMEOUT, &[high, low]) => {
                Self::UserTimeout(UserTimeout::from_wire(u16::from_be_bytes([high, low])))
            }
            (kind::MPTCP, data) => Self::Mptcp(data),
            (kind::FAST_OPEN, data) => FastOpenCookie::new(data).map_or(unknown, Self::FastOpen),
            (kind::ACC_ECN_0 | kind::ACC_ECN_1, data) => {
                let order = if raw.kind == kind::ACC_ECN_0 { AccEcnOrder::Zero } else { AccEcnOrder::One };
                Self::AccEcn(AccEcnCounters::from_wire(order, data))
            }
            _ => unknown,
        }
    }
}

#[cfg(test)]
#[path = "tcp_options_tests.rs"]
mod tests;
