//! The arithmetic of fragmentation: which headers and which bytes of the payload a packet becomes.
//!
//! Reassembly has state and time, and is not here.

use std::ops::Range;

use crate::ip::IpProtocol;
use crate::ipv6_extension::{FRAGMENT_HEADER_LEN, FragmentHeader};
use crate::{ipv4, ipv6};

/// Why a packet cannot be cut to fit.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FragmentError {
    /// The sender forbids it; it is told the MTU (RFC 1191 §4).
    #[error("the packet must not be fragmented for an MTU of {mtu} bytes")]
    DontFragment {
        /// The MTU in bytes.
        mtu: usize,
    },
    /// Headers and the smallest fragment, 8 bytes, do not fit.
    #[error("an MTU of {mtu} bytes leaves no room behind {header_len} bytes of headers")]
    MtuTooSmall {
        /// The MTU in bytes.
        mtu: usize,
        /// Bytes of headers in each fragment.
        header_len: usize,
    },
    /// A fragment would begin beyond the last offset that its header can name.
    #[error("a payload that ends {end} bytes into its datagram is too long")]
    TooLong {
        /// Where the payload would end.
        end: usize,
    },
}

/// One fragment of an IPv4 packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ipv4Fragment {
    /// The fragment's header.
    pub header: ipv4::Header,
    /// Which bytes of the packet's payload it carries.
    pub payload: Range<usize>,
}

/// Cuts the packet of `header` for links that carry `mtu` bytes (RFC 791 §3.2).
///
/// A packet that fits comes back whole, and a fragment may be cut again. The first fragment keeps all
/// options, the later ones those with the copied flag.
///
/// # Errors
/// The packet does not fit and must not be fragmented, the MTU has no room for 8 bytes of payload, or the
/// packet is a fragment that reaches beyond 65535 bytes.
pub fn fragment_ipv4(header: &ipv4::Header, mtu: usize) -> Result<Ipv4Fragments, FragmentError> {
    let fits = header.total_len() <= mtu;
    let end = header.fragmentation.offset() + header.payload_len();
    if !fits && header.fragmentation.dont_fragment {
        return Err(FragmentError::DontFragment { mtu });
    }
    if !fits && mtu < header.len() + 8 {
        return Err(FragmentError::MtuTooSmall { mtu, header_len: header.len() });
    }
    if !fits && end > ipv4::PACKET_LEN_MAX {
        return Err(FragmentError::TooLong { end });
    }
    Ok(Ipv4Fragments { whole: *header, mtu, at: Some(0) })
}

/// The fragments of an IPv4 packet, first to last.
#[derive(Clone, Debug)]
pub struct Ipv4Fragments {
    whole: ipv4::Header,
    mtu: usize,
    /// The next byte of the payload; `None` behind the last fragment.
    at: Option<usize>,
}

impl Iterator for Ipv4Fragments {
    type Item = Ipv4Fragment;

    fn next(&mut self) -> Option<Ipv4Fragment> {
        let start = self.at?;
        let whole = &self.whole;
        let options = if start == 0 { *whole.options() } else { whole.options().copied() };
        let left = whole.payload_len() - start;
        let room = self.mtu.saturating_sub(ipv4::HEADER_LEN + options.len());
        let is_last = left <= room;
        let len = if is_last { left } else { room / 8 * 8 };
        self.at = (!is_last).then_some(start + len);
        // The offset field is exact: every start is a multiple of 8, and the end of all is below 65536.
        let mut header = self
            .whole
            .with_payload_len(len)
            .and_then(|header| header.with_options(options))
            .expect("a part of a packet is not longer than the packet");
        if start > 0 {
            header.fragmentation = header
                .fragmentation
                .at(header.fragmentation.offset() + start)
                .expect("a fragment begins at a multiple of 8 below 65536");
        }
        header.fragmentation.more_fragments |= !is_last;
        Some(Ipv4Fragment { header, payload: start..start + len })
    }
}

/// One fragment of an IPv6 packet. Fixed header, unfragmentable part, fragment header and payload follow
/// one another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ipv6Fragment {
    /// The fragment's fixed header.
    pub header: ipv6::Header,
    /// Its fragment header.
    pub fragment: FragmentHeader,
    /// Which bytes of the fragmentable part it carries.
    pub payload: Range<usize>,
}

/// A packet of which an IPv6 source makes fragments (RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ipv6Whole {
    /// The fixed header. Its next header names the first header of the unfragmentable part, or the
    /// fragment header where there is none; its payload length is ignored.
    pub header: ipv6::Header,
    /// Bytes of the extension headers that every fragment carries.
    pub unfragmentable_len: usize,
    /// First header of the fragmentable part.
    pub next_header: IpProtocol,
    /// Bytes of the fragmentable part.
    pub fragmentable_len: usize,
    /// Identification, different from those lately used between the two addresses.
    pub identification: u32,
}

/// Cuts `whole` for a path that carries `mtu` bytes, each fragment with a fragment header.
///
/// # Errors
/// The MTU has no room for 8 bytes of payload, or the fragmentable part is longer than 65535 bytes.
pub fn fragment_ipv6(whole: &Ipv6Whole, mtu: usize) -> Result<Ipv6Fragments, FragmentError> {
    let header_len = ipv6::HEADER_LEN + whole.unfragmentable_len + FRAGMENT_HEADER_LEN;
    if mtu < header_len + 8 {
        return Err(FragmentError::MtuTooSmall { mtu, header_len });
    }
    // The receiver's packet, put together again, has a payload length of 16 bits (RFC 8200 §4.5).
    let end = whole.unfragmentable_len + whole.fragmentable_len;
    if end > usize::from(u16::MAX) {
        return Err(FragmentError::TooLong { end });
    }
    // A fragment's own payload length has 16 bits too.
    let room = (mtu - header_len).min(usize::from(u16::MAX) - whole.unfragmentable_len - FRAGMENT_HEADER_LEN);
    Ok(Ipv6Fragments { whole: *whole, room, at: Some(0) })
}

/// The fragments of an IPv6 packet, first to last.
#[derive(Clone, Debug)]
pub struct Ipv6Fragments {
    whole: Ipv6Whole,
    /// Bytes of the fragmentable part that one fragment has room for, at least 8.
    room: usize,
    /// The next byte of the fragmentable part; `None` behind the last fragment.
    at: Option<usize>,
}

impl Iterator for Ipv6Fragments {
    type Item = Ipv6Fragment;

    fn next(&mut self) -> Option<Ipv6Fragment> {
        let start = self.at?;
        let whole = &self.whole;
        let left = whole.fragmentable_len - start;
        let is_last = left <= self.room;
        let len = if is_last { left } else { self.room / 8 * 8 };
        self.at = (!is_last).then_some(start + len);
        let payload_len = whole.unfragmentable_len + FRAGMENT_HEADER_LEN + len;
        let header = ipv6::Header {
            payload_len: payload_len.try_into().expect("the room was limited to 16 bits"),
            ..whole.header
        };
        let fragment = FragmentHeader::new(whole.next_header, whole.identification, start, !is_last)
            .expect("a fragment begins at a multiple of 8 below 65536");
        Some(Ipv6Fragment { header, fragment, payload: start..start + len })
    }
}

#[cfg(test)]
#[path = "fragment_tests.rs"]
mod tests;
