//! Captures in pcapng, to be read by Wireshark: one interface per end of a link, nanoseconds.
//!
//! A file depends on what is put into it and on nothing else: no clock, no host name, one byte order.

use std::borrow::Cow;
use std::io::Write;
use std::time::Duration;

use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{PcapNgWriteError, PcapNgWriter};
use pcap_file::{DataLink, Endianness};
use sim_core::SimTime;

/// What the frames of an interface begin with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LinkType {
    /// An IPv4 or IPv6 header (LINKTYPE_RAW, 101).
    Raw,
    /// An Ethernet header, without the frame check sequence (LINKTYPE_ETHERNET, 1).
    Ethernet,
    /// An IEEE 802.15.4 header; the frame check sequence ends the frame (LINKTYPE_IEEE802_15_4_WITHFCS, 195).
    Ieee802154,
}

impl LinkType {
    const fn data_link(self) -> DataLink {
        match self {
            Self::Raw => DataLink::RAW,
            Self::Ethernet => DataLink::ETHERNET,
            Self::Ieee802154 => DataLink::IEEE802_15_4,
        }
    }
}

/// An interface of one [`CaptureWriter`].
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct CaptureInterface(u32);

/// One frame as it is captured.
#[derive(Clone, Copy, Debug)]
pub struct CapturedFrame<'a> {
    /// When it was sent or received.
    pub at: SimTime,
    /// Its bytes, from the header that the interface's [`LinkType`] names.
    pub bytes: &'a [u8],
    /// Bytes that it had on the medium, where the capture keeps fewer; below `bytes.len()` counts as that.
    pub original_len: usize,
    /// What befell it, such as "dropped: queue full".
    pub comment: Option<&'a str>,
}

impl<'a> CapturedFrame<'a> {
    /// A whole frame that nothing befell.
    #[must_use]
    pub const fn new(at: SimTime, bytes: &'a [u8]) -> Self {
        Self { at, bytes, original_len: bytes.len(), comment: None }
    }
}

/// Why a capture could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The writer below failed, or a name or comment is longer than 65535 bytes.
    #[error("cannot write the capture: {0}")]
    Write(#[from] PcapNgWriteError),
    /// More interfaces or longer frames than their fields of 32 bits can tell.
    #[error("{0} does not fit into a capture")]
    TooLarge(usize),
}

/// Writes one capture. The writer below should be buffered: each block is written in small pieces.
pub struct CaptureWriter<W: Write> {
    pcapng: PcapNgWriter<W>,
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a capture in `writer`.
    ///
    /// # Errors
    /// The writer fails.
    pub fn new(writer: W) -> Result<Self, CaptureError> {
        let application = SectionHeaderOption::UserApplication(Cow::Borrowed("Netjoule"));
        let section = SectionHeaderBlock {
            endianness: Endianness::Little,
            options: vec![application],
            ..SectionHeaderBlock::default()
        };
        Ok(Self { pcapng: PcapNgWriter::with_section_header(writer, section)? })
    }

    /// Adds an interface, named after the end of the link that it shows.
    ///
    /// # Errors
    /// The writer fails, or the name is too long.
    pub fn add_interface(
        &mut self,
        name: &str,
        link_type: LinkType,
    ) -> Result<CaptureInterface, CaptureError> {
        let count = self.pcapng.interfaces().len();
        let interface = CaptureInterface(count.try_into().map_err(|_| CaptureError::TooLarge(count))?);
        let mut block = InterfaceDescriptionBlock::new(link_type.data_link(), 0);
        block.options = vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed(name)),
            InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
        ];
        self.pcapng.write_pcapng_block(block)?;
        Ok(interface)
    }

    /// Writes one frame of `interface`.
    ///
    /// # Errors
    /// The writer fails, the interface is another capture's, or the comment is too long.
    pub fn write_frame(
        &mut self,
        interface: CaptureInterface,
        frame: CapturedFrame<'_>,
    ) -> Result<(), CaptureError> {
        let original_len = frame.original_len.max(frame.bytes.len());
        let comment = frame
            .comment
            .map(|text| EnhancedPacketOption::Common(CommonOption::Comment(Cow::Borrowed(text))));
        let block = EnhancedPacketBlock {
            interface_id: interface.0,
            timestamp: Duration::from_nanos(frame.at.as_nanos()),
            original_len: original_len.try_into().map_err(|_| CaptureError::TooLarge(original_len))?,
            data: Cow::Borrowed(frame.bytes),
            options: comment.into_iter().collect(),
        };
        self.pcapng.write_pcapng_block(block)?;
        Ok(())
    }

    /// Ends the capture and gives the writer back, not yet flushed.
    #[must_use]
    pub fn into_inner(self) -> W {
        self.pcapng.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    fn capture() -> Vec<u8> {
        let mut writer = CaptureWriter::new(Vec::new()).unwrap();
        let a = writer.add_interface("a-b", LinkType::Raw).unwrap();
        let b = writer.add_interface("b", LinkType::Ethernet).unwrap();
        let at = SimTime::from_nanos(5_000_000_007);
        writer.write_frame(b, CapturedFrame::new(at, &[0xAA; 14])).unwrap();
        let dropped =
            CapturedFrame { comment: Some("lost"), original_len: 99, ..CapturedFrame::new(at, &[1]) };
        writer.write_frame(a, dropped).unwrap();
        writer.into_inner()
    }

    #[test]
    fn a_capture_has_the_blocks_of_pcapng() {
        let bytes = capture();
        // Section header: type, length, magic, version 1.0, unknown length, option 4 (application) of 8 bytes,
        // end of options, length again: 12 + 16 + 4 + 8 + 4 = 44.
        assert_eq!((word(&bytes, 0), word(&bytes, 4), word(&bytes, 8)), (0x0A0D_0D0A, 44, 0x1A2B_3C4D));
        assert_eq!(bytes[24..36], *b"\x04\x00\x08\x00Netjoule");
        // Interface: type 1, link type 101, no snap length, name of 3 bytes padded, resolution 10^-9: 12 + 8 + 8
        // + 8 + 4 = 40.
        assert_eq!((word(&bytes, 44), word(&bytes, 48), word(&bytes, 52)), (1, 40, 101));
        assert_eq!(bytes[60..76], *b"\x02\x00\x03\x00a-b\x00\x09\x00\x01\x00\x09\x00\x00\x00");
        // The second interface begins at 84 and has 40 bytes too; its link type is 1.
        assert_eq!((word(&bytes, 84), word(&bytes, 92)), (1, 1));
        // Packet at 124: type 6, 12 + 20 + 16 = 48 bytes, interface 1, 5000000007 = 1 * 2^32 + 705032711.
        assert_eq!((word(&bytes, 124), word(&bytes, 128), word(&bytes, 132)), (6, 48, 1));
        assert_eq!((word(&bytes, 136), word(&bytes, 140)), (1, 705_032_711));
        assert_eq!((word(&bytes, 144), word(&bytes, 148)), (14, 14));
        // Packet at 172: 1 byte of 99, a comment: 12 + 20 + 4 + 8 + 4 = 48.
        assert_eq!((word(&bytes, 172), word(&bytes, 176), word(&bytes, 180)), (6, 48, 0));
        assert_eq!((word(&bytes, 192), word(&bytes, 196)), (1, 99));
        assert_eq!(bytes[204..212], *b"\x01\x00\x04\x00lost");
        assert_eq!(bytes.len(), 220);
    }

    #[test]
    fn the_same_frames_give_the_same_bytes() {
        assert_eq!(capture(), capture());
    }

    #[test]
    fn an_interface_of_another_capture_is_refused() {
        let mut one = CaptureWriter::new(Vec::new()).unwrap();
        let mut other = CaptureWriter::new(Vec::new()).unwrap();
        let interface = one.add_interface("a", LinkType::Ieee802154).unwrap();
        assert!(other.write_frame(interface, CapturedFrame::new(SimTime::ZERO, &[])).is_err());
    }
}
