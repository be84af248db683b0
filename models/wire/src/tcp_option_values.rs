//! The values that TCP options carry.

use crate::error::array;

/// Kind of the accurate ECN option in order 0 (RFC 9768 §3.2.3).
pub(crate) const ACC_ECN_0: u8 = 172;
/// Kind of the accurate ECN option in order 1 (RFC 9768 §3.2.3).
pub(crate) const ACC_ECN_1: u8 = 174;

/// The timestamps option (RFC 7323 §3.2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Timestamps {
    /// The sender's timestamp clock, TSval.
    pub value: u32,
    /// The peer's TSval that is echoed, TSecr; valid with the ACK flag.
    pub echo_reply: u32,
}

/// One block of received data: sequence numbers `start` to `end - 1` (RFC 2018 §3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SackBlock {
    /// First sequence number of the block.
    pub start: u32,
    /// First sequence number behind the block.
    pub end: u32,
}

/// One to four SACK blocks: four is what 40 bytes of options hold (RFC 2018 §3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SackBlocks {
    blocks: [SackBlock; 4],
    len: u8,
}

impl SackBlocks {
    /// The most blocks in one option.
    pub const MAX: usize = 4;

    /// The blocks, unless there are none or more than four.
    #[must_use]
    pub fn new(blocks: &[SackBlock]) -> Option<Self> {
        if blocks.is_empty() || blocks.len() > Self::MAX {
            return None;
        }
        let mut kept = [SackBlock::default(); 4];
        kept[..blocks.len()].copy_from_slice(blocks);
        Some(Self { blocks: kept, len: blocks.len() as u8 })
    }

    /// The blocks, the most recently received data first.
    #[must_use]
    pub fn as_slice(&self) -> &[SackBlock] {
        &self.blocks[..usize::from(self.len)]
    }

    pub(crate) fn from_wire(data: &[u8]) -> Option<Self> {
        let (pairs, rest) = data.as_chunks::<8>();
        if !rest.is_empty() || pairs.is_empty() || pairs.len() > Self::MAX {
            return None;
        }
        let mut blocks = [SackBlock::default(); 4];
        for (block, pair) in blocks.iter_mut().zip(pairs) {
            *block = SackBlock {
                start: u32::from_be_bytes(array(pair, 0)),
                end: u32::from_be_bytes(array(pair, 4)),
            };
        }
        Some(Self { blocks, len: pairs.len() as u8 })
    }

    pub(crate) fn to_wire(self) -> ([u8; 32], usize) {
        let mut bytes = [0; 32];
        for (block, out) in self.as_slice().iter().zip(bytes.as_chunks_mut::<8>().0) {
            out[..4].copy_from_slice(&block.start.to_be_bytes());
            out[4..].copy_from_slice(&block.end.to_be_bytes());
        }
        (bytes, usize::from(self.len) * 8)
    }
}

/// The user timeout option: how long unacknowledged data may stay so (RFC 5482 §3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UserTimeout {
    in_minutes: bool,
    value: u16,
}

impl UserTimeout {
    /// A timeout in whole seconds, below 32768.
    #[must_use]
    pub const fn from_secs(secs: u16) -> Option<Self> {
        if secs < 1 << 15 { Some(Self { in_minutes: false, value: secs }) } else { None }
    }

    /// A timeout in whole minutes, below 32768.
    #[must_use]
    pub const fn from_minutes(minutes: u16) -> Option<Self> {
        if minutes < 1 << 15 { Some(Self { in_minutes: true, value: minutes }) } else { None }
    }

    /// The timeout in seconds.
    #[must_use]
    pub const fn as_secs(self) -> u32 {
        self.value as u32 * if self.in_minutes { 60 } else { 1 }
    }

    pub(crate) const fn from_wire(field: u16) -> Self {
        Self { in_minutes: field >> 15 == 1, value: field & 0x7FFF }
    }

    pub(crate) const fn to_wire(self) -> u16 {
        (self.in_minutes as u16) << 15 | self.value
    }
}

/// A Fast Open cookie of 4 to 16 bytes, or the request for one, which is empty (RFC 7413 §4.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FastOpenCookie {
    bytes: [u8; 16],
    len: u8,
}

impl FastOpenCookie {
    /// The request for a cookie.
    pub const REQUEST: Self = Self { bytes: [0; 16], len: 0 };

    /// The cookie, unless its length is odd or neither 0 nor 4 to 16 (RFC 7413 §4.1.1).
    #[must_use]
    pub fn new(cookie: &[u8]) -> Option<Self> {
        if !matches!(cookie.len(), 0 | 4..=16) || !cookie.len().is_multiple_of(2) {
            return None;
        }
        let mut bytes = [0; 16];
        bytes[..cookie.len()].copy_from_slice(cookie);
        Some(Self { bytes, len: cookie.len() as u8 })
    }

    /// The cookie; empty in a request.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// In which order an accurate ECN option counts: it decides what is left out when there is little room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AccEcnOrder {
    /// Kind 172: ECT(0), CE, ECT(1).
    Zero,
    /// Kind 174: ECT(1), CE, ECT(0).
    One,
}

impl AccEcnOrder {
    pub(crate) const fn kind(self) -> u8 {
        match self {
            Self::Zero => ACC_ECN_0,
            Self::One => ACC_ECN_1,
        }
    }
}

/// None to three 24-bit counters of payload bytes received with a mark (RFC 9768 §3.2.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AccEcnCounters {
    order: AccEcnOrder,
    /// As on the wire, three bytes each; bytes behind `len` are zero.
    bytes: [u8; 9],
    len: u8,
}

impl AccEcnCounters {
    /// The counters in the order that `order` names, modulo 2^24; more than three are refused.
    #[must_use]
    pub fn new(order: AccEcnOrder, counters: &[u32]) -> Option<Self> {
        let mut bytes = [0; 9];
        if counters.len() > 3 {
            return None;
        }
        for (counter, out) in counters.iter().zip(bytes.as_chunks_mut::<3>().0) {
            let [_, high, middle, low] = counter.to_be_bytes();
            *out = [high, middle, low];
        }
        Some(Self { order, bytes, len: counters.len() as u8 * 3 })
    }

    /// Payload bytes received with ECT(0), EE0B modulo 2^24.
    #[must_use]
    pub fn ect0_bytes(&self) -> Option<u32> {
        self.counter(match self.order {
            AccEcnOrder::Zero => 0,
            AccEcnOrder::One => 2,
        })
    }

    /// Payload bytes received with CE, ECEB modulo 2^24.
    #[must_use]
    pub fn ce_bytes(&self) -> Option<u32> {
        self.counter(1)
    }

    /// Payload bytes received with ECT(1), EE1B modulo 2^24.
    #[must_use]
    pub fn ect1_bytes(&self) -> Option<u32> {
        self.counter(match self.order {
            AccEcnOrder::Zero => 2,
            AccEcnOrder::One => 0,
        })
    }

    /// Which of the two orders the counters stand in.
    #[must_use]
    pub const fn order(&self) -> AccEcnOrder {
        self.order
    }

    fn counter(&self, index: usize) -> Option<u32> {
        let (counters, _) = self.bytes[..usize::from(self.len)].as_chunks::<3>();
        counters.get(index).map(|&[high, middle, low]| u32::from_be_bytes([0, high, middle, low]))
    }

    /// The whole counters that fit the option's length; what is left of it is padding (RFC 9768 §3.2.3).
    pub(crate) fn from_wire(order: AccEcnOrder, data: &[u8]) -> Self {
        let len = data.len().min(9) / 3 * 3;
        let mut bytes = [0; 9];
        bytes[..len].copy_from_slice(&data[..len]);
        Self { order, bytes, len: len as u8 }
    }

    /// Bytes of the option with kind and length: 2, 5, 8 or 11 (RFC 9768 Table 5).
    #[must_use]
    pub const fn option_len(&self) -> usize {
        2 + self.len as usize
    }

    pub(crate) const fn to_wire(self) -> ([u8; 9], usize) {
        (self.bytes, self.len as usize)
    }
}
