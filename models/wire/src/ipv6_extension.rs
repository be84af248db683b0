//! IPv6 extension headers (RFC 8200 §4), and the walk along their chain to the upper layer.

use crate::error::{ParseError, array, exactly, fixed};
use crate::ip::IpProtocol;
use crate::ipv6_options::OptionsHeader;

/// The most extension headers that a chain is followed through; RFC 8200 §4.1 has use for seven.
pub const CHAIN_LEN_MAX: usize = 8;
/// Bytes of a fragment header.
pub const FRAGMENT_HEADER_LEN: usize = 8;

const ROUTING: &str = "an IPv6 routing header";
const FRAGMENT: &str = "an IPv6 fragment header";

/// A fragment header (RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FragmentHeader {
    /// First header of the fragmentable part.
    pub next_header: IpProtocol,
    /// More fragments follow behind this one.
    pub more_fragments: bool,
    /// Shared by the fragments of one packet.
    pub identification: u32,
    // In units of eight bytes, below 2^13.
    offset: u16,
}

impl FragmentHeader {
    /// A fragment whose bytes begin at `offset` of the fragmentable part.
    ///
    /// `None` when the offset is no multiple of 8 or above 65528.
    #[must_use]
    pub const fn new(
        next_header: IpProtocol,
        identification: u32,
        offset: usize,
        more_fragments: bool,
    ) -> Option<Self> {
        if offset.is_multiple_of(8) && offset < 1 << 16 {
            Some(Self { next_header, more_fragments, identification, offset: (offset / 8) as u16 })
        } else {
            None
        }
    }

    /// Bytes of the fragmentable part before this fragment's: a multiple of 8, below 65536.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset as usize * 8
    }

    /// Reads the header at the start of `bytes`; reserved bits are ignored (RFC 8200 §4.5).
    ///
    /// # Errors
    /// There are fewer than 8 bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let (head, _) = fixed::<FRAGMENT_HEADER_LEN>(FRAGMENT, bytes)?;
        let field = u16::from_be_bytes([head[2], head[3]]);
        Ok(Self {
            next_header: IpProtocol(head[0]),
            more_fragments: field & 1 == 1,
            identification: u32::from_be_bytes(array(head, 4)),
            offset: field >> 3,
        })
    }

    /// Writes the header.
    ///
    /// # Panics
    /// `out` is not [`FRAGMENT_HEADER_LEN`] bytes long.
    pub fn emit(&self, out: &mut [u8]) {
        let out = exactly::<FRAGMENT_HEADER_LEN>(out);
        out[0] = self.next_header.0;
        out[1] = 0;
        out[2..4].copy_from_slice(&(self.offset << 3 | u16::from(self.more_fragments)).to_be_bytes());
        out[4..8].copy_from_slice(&self.identification.to_be_bytes());
    }
}

/// A routing header of any type (RFC 8200 §4.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RoutingHeader<'a> {
    /// What follows this header.
    pub next_header: IpProtocol,
    /// How to read the data: 2 is Mobile IPv6's (RFC 6275), 3 is RPL's (RFC 6554).
    pub routing_type: u8,
    /// Nodes that are still to be visited.
    pub segments_left: u8,
    // 4 bytes more than a multiple of 8, at most 2044.
    data: &'a [u8],
}

impl<'a> RoutingHeader<'a> {
    /// A header with `data`, which has to be 4 bytes longer than a multiple of 8, and at most 2044.
    #[must_use]
    pub const fn new(
        next_header: IpProtocol,
        routing_type: u8,
        segments_left: u8,
        data: &'a [u8],
    ) -> Option<Self> {
        if data.len() % 8 == 4 && data.len() <= 2044 {
            Some(Self { next_header, routing_type, segments_left, data })
        } else {
            None
        }
    }

    /// What the type makes of it: all behind the first four bytes.
    #[must_use]
    pub const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    /// The bytes end within the header.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let header = whole(ROUTING, bytes)?;
        Ok(Self {
            next_header: IpProtocol(header[0]),
            routing_type: header[2],
            segments_left: header[3],
            data: &header[4..],
        })
    }

    /// Bytes that [`Self::emit`] writes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub const fn len(&self) -> usize {
        4 + self.data.len()
    }

    /// Writes the header.
    ///
    /// # Panics
    /// `out` is not [`Self::len`] bytes long.
    pub fn emit(&self, out: &mut [u8]) {
        assert_eq!(out.len(), self.len(), "a header is written into a slice of its length");
        let units = (self.len() / 8 - 1) as u8; // At most 2048 / 8 - 1 = 255.
        out[..4].copy_from_slice(&[self.next_header.0, units, self.routing_type, self.segments_left]);
        out[4..].copy_from_slice(self.data);
    }
}

/// An extension header that is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extension<'a> {
    /// Options for every node on the way (RFC 8200 §4.3).
    HopByHop(OptionsHeader<'a>),
    /// The nodes to visit (RFC 8200 §4.4).
    Routing(RoutingHeader<'a>),
    /// A part of a larger packet (RFC 8200 §4.5).
    Fragment(FragmentHeader),
    /// Options for the destination (RFC 8200 §4.6).
    Destination(OptionsHeader<'a>),
}

impl<'a> Extension<'a> {
    /// Reads the extension header `kind` at the start of `bytes`; `None` when `kind` is none.
    ///
    /// # Errors
    /// The header is cut or malformed.
    pub fn parse(kind: IpProtocol, bytes: &'a [u8]) -> Result<Option<Self>, ParseError> {
        Ok(Some(match kind {
            IpProtocol::HOP_BY_HOP => Self::HopByHop(OptionsHeader::parse(bytes)?),
            IpProtocol::IPV6_ROUTING => Self::Routing(RoutingHeader::parse(bytes)?),
            IpProtocol::IPV6_FRAGMENT => Self::Fragment(FragmentHeader::parse(bytes)?),
            IpProtocol::IPV6_DESTINATION_OPTIONS => Self::Destination(OptionsHeader::parse(bytes)?),
            _ => return Ok(None),
        }))
    }

    /// The number that the header before this one names it by.
    #[must_use]
    pub const fn kind(&self) -> IpProtocol {
        match self {
            Self::HopByHop(_) => IpProtocol::HOP_BY_HOP,
            Self::Routing(_) => IpProtocol::IPV6_ROUTING,
            Self::Fragment(_) => IpProtocol::IPV6_FRAGMENT,
            Self::Destination(_) => IpProtocol::IPV6_DESTINATION_OPTIONS,
        }
    }

    /// What follows this header.
    #[must_use]
    pub const fn next_header(&self) -> IpProtocol {
        match self {
            Self::HopByHop(header) | Self::Destination(header) => header.next_header,
            Self::Routing(header) => header.next_header,
            Self::Fragment(header) => header.next_header,
        }
    }

    /// Bytes that [`Self::emit`] writes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub const fn len(&self) -> usize {
        match self {
            Self::HopByHop(header) | Self::Destination(header) => header.len(),
            Self::Routing(header) => header.len(),
            Self::Fragment(_) => FRAGMENT_HEADER_LEN,
        }
    }

    /// Writes the header.
    ///
    /// # Panics
    /// `out` is not [`Self::len`] bytes long.
    pub fn emit(&self, out: &mut [u8]) {
        match self {
            Self::HopByHop(header) | Self::Destination(header) => header.emit(out),
            Self::Routing(header) => header.emit(out),
            Self::Fragment(header) => header.emit(out),
        }
    }
}

/// The extension headers of a packet, one after the other; ends behind the first error.
#[derive(Clone, Debug)]
pub struct Chain<'a> {
    next: IpProtocol,
    rest: &'a [u8],
    offset: usize,
    count: usize,
    ended: bool,
}

impl<'a> Chain<'a> {
    /// The chain that the fixed header's next header field `first` begins, in the `payload` behind it.
    #[must_use]
    pub const fn new(first: IpProtocol, payload: &'a [u8]) -> Self {
        Self { next: first, rest: payload, offset: 0, count: 0, ended: false }
    }

    /// What stands behind the headers that were read so far.
    #[must_use]
    pub const fn next_header(&self) -> IpProtocol {
        self.next
    }

    /// Bytes of the headers that were read so far.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    fn read(&mut self) -> Result<Option<Extension<'a>>, ParseError> {
        if self.next == IpProtocol::HOP_BY_HOP && self.count > 0 {
            // Only right behind the fixed header (RFC 8200 §4.1): elsewhere it is an unrecognised next header.
            return Err(ParseError::Field {
                header: "an IPv6 extension header",
                field: "next header",
                value: 0,
            });
        }
        let Some(extension) = Extension::parse(self.next, self.rest)? else { return Ok(None) };
        if self.count == CHAIN_LEN_MAX {
            return Err(ParseError::TooMany { header: "an IPv6 extension header", limit: CHAIN_LEN_MAX });
        }
        self.count += 1;
        self.next = extension.next_header();
        self.offset += extension.len();
        self.rest = &self.rest[extension.len()..];
        if let Extension::Fragment(fragment) = extension {
            // What follows in a later fragment is no header (RFC 8200 §4.5).
            self.ended = fragment.offset() != 0;
        }
        Ok(Some(extension))
    }
}

impl<'a> Iterator for Chain<'a> {
    type Item = Result<Extension<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read().transpose();
        self.ended |= !matches!(item, Some(Ok(_)));
        item
    }
}

/// What the extension headers lead to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UpperLayer {
    /// The protocol behind the last extension header.
    pub protocol: IpProtocol,
    /// Bytes of extension headers before it.
    pub offset: usize,
    /// The last fragment header on the way. Unless its offset is zero, no upper-layer header follows.
    pub fragment: Option<FragmentHeader>,
}

impl UpperLayer {
    /// Walks from the fixed header's next header field `first` through the `payload` behind it.
    ///
    /// # Errors
    /// A header is cut or malformed, hop-by-hop options are not first, or there are more than
    /// [`CHAIN_LEN_MAX`] headers.
    #[inline]
    pub fn find(first: IpProtocol, payload: &[u8]) -> Result<Self, ParseError> {
        if !first.is_ipv6_extension() {
            return Ok(Self { protocol: first, offset: 0, fragment: None });
        }
        let mut chain = Chain::new(first, payload);
        let mut last_fragment = None;
        for extension in &mut chain {
            if let Extension::Fragment(fragment) = extension? {
                last_fragment = Some(fragment);
            }
        }
        Ok(Self { protocol: chain.next, offset: chain.offset, fragment: last_fragment })
    }
}

/// The header at the start of `bytes` whose second byte counts units of 8 behind the first 8.
pub(crate) fn whole<'a>(header: &'static str, bytes: &'a [u8]) -> Result<&'a [u8], ParseError> {
    let have = bytes.len();
    let Some(units) = bytes.get(1) else {
        return Err(ParseError::Truncated { header, need: 8, have });
    };
    let need = 8 + usize::from(*units) * 8;
    bytes.get(..need).ok_or(ParseError::Truncated { header, need, have })
}

#[cfg(test)]
#[path = "ipv6_extension_tests.rs"]
mod tests;
