//! The MAC header (IEEE 802.15.4 clause 7.2).

use super::address::Addressing;
use super::security::AuxiliarySecurity;
use crate::error::{ParseError, fixed};

const NAME: &str = "an IEEE 802.15.4 header";

/// What a frame is (table 7-1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FrameType {
    /// A coordinator tells of its network.
    Beacon,
    /// It carries the layer above.
    Data,
    /// It confirms a frame.
    Acknowledgment,
    /// It manages the network.
    Command,
}

/// Which edition's rules the header follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FrameVersion {
    /// IEEE 802.15.4-2003: no security of the later kind.
    V2003,
    /// IEEE 802.15.4-2006.
    V2006,
    /// IEEE 802.15.4e and 2015: sequence numbers may be left out, information elements may follow.
    V2015,
}

/// A MAC header, auxiliary security header included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// What the frame is.
    pub frame_type: FrameType,
    /// The edition whose rules it follows.
    pub version: FrameVersion,
    /// The sender has more for the receiver.
    pub frame_pending: bool,
    /// The receiver confirms the frame.
    pub acknowledgment_request: bool,
    /// Information elements follow the header (version 2 only).
    pub elements: bool,
    /// Tells a repetition from something new; version 2 may leave it out.
    pub sequence_number: Option<u8>,
    /// Receiver and sender.
    pub addressing: Addressing,
    /// How the frame is secured.
    pub security: Option<AuxiliarySecurity>,
}

impl Header {
    /// A header of IEEE 802.15.4-2003 for data, without security.
    #[must_use]
    pub const fn data(sequence_number: u8, addressing: Addressing, acknowledgment_request: bool) -> Self {
        Self {
            frame_type: FrameType::Data,
            version: FrameVersion::V2003,
            frame_pending: false,
            acknowledgment_request,
            elements: false,
            sequence_number: Some(sequence_number),
            addressing,
            security: None,
        }
    }

    /// The header of a command, without security; its number is left to be set.
    #[must_use]
    pub const fn command(addressing: Addressing, acknowledgment_request: bool) -> Self {
        Self { frame_type: FrameType::Command, ..Self::data(0, addressing, acknowledgment_request) }
    }

    /// An immediate acknowledgment of the frame with that number (clause 7.3.3).
    #[must_use]
    pub const fn immediate_ack(sequence_number: u8, frame_pending: bool) -> Self {
        Self {
            frame_type: FrameType::Acknowledgment,
            version: FrameVersion::V2003,
            frame_pending,
            acknowledgment_request: false,
            elements: false,
            sequence_number: Some(sequence_number),
            addressing: Addressing::NONE,
            security: None,
        }
    }

    /// Bytes that [`Self::emit`] writes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub fn len(&self) -> usize {
        2 + usize::from(self.has_sequence_number())
            + self.addressing.len()
            + self.security.map_or(0, |security| security.len())
    }

    /// Whether the sequence number is sent: version 2 alone can leave it out.
    fn has_sequence_number(&self) -> bool {
        self.version != FrameVersion::V2015 || self.sequence_number.is_some()
    }

    /// Reads the header at the start of a frame; returns what follows it.
    ///
    /// # Errors
    /// The frame ends within the header, its type or version is reserved or not of the classic form, or its address
    /// modes are not allowed.
    pub fn parse(frame: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let field = |field, value: u16| ParseError::Field { header: NAME, field, value: u32::from(value) };
        let (control, rest) = fixed::<2>(NAME, frame)?;
        let control = u16::from_le_bytes(*control);
        let frame_type = match control & 7 {
            0 => FrameType::Beacon,
            1 => FrameType::Data,
            2 => FrameType::Acknowledgment,
            3 => FrameType::Command,
            other => return Err(field("frame type", other)),
        };
        let version = match control >> 12 & 3 {
            0 => FrameVersion::V2003,
            1 => FrameVersion::V2006,
            2 => FrameVersion::V2015,
            other => return Err(field("frame version", other)),
        };
        let newest = version == FrameVersion::V2015;
        let suppressed = newest && control & SEQUENCE_SUPPRESSED != 0;
        let (sequence_number, rest) = match (suppressed, rest) {
            (true, rest) => (None, rest),
            (false, [number, rest @ ..]) => (Some(*number), rest),
            (false, []) => return Err(ParseError::Truncated { header: NAME, need: 3, have: frame.len() }),
        };
        let modes = ((control >> 10 & 3) as u8, (control >> 14 & 3) as u8);
        let compressed = control & PAN_COMPRESSION != 0;
        let before = frame.len() - rest.len();
        let (addressing, rest) =
            Addressing::parse(version, compressed, modes, rest).map_err(|need| match need {
                Some(need) => ParseError::Truncated { header: NAME, need: before + need, have: frame.len() },
                None => field("address modes", control >> 10),
            })?;
        let secured = control & SECURITY_ENABLED != 0 && version != FrameVersion::V2003;
        let (security, rest) = match secured {
            true => AuxiliarySecurity::parse(rest).map(|(security, rest)| (Some(security), rest))?,
            false => (None, rest),
        };
        let header = Self {
            frame_type,
            version,
            frame_pending: control & FRAME_PENDING != 0,
            acknowledgment_request: control & ACK_REQUEST != 0,
            elements: newest && control & ELEMENTS_PRESENT != 0,
            sequence_number,
            addressing,
            security,
        };
        Ok((header, rest))
    }

    /// Writes the header.
    ///
    /// # Panics
    /// `out` is not [`Self::len`] bytes long.
    pub fn emit(&self, out: &mut [u8]) {
        assert_eq!(out.len(), self.len(), "emit is given exactly the header's room");
        let newest = self.version == FrameVersion::V2015;
        let (destination, source, compressed) = self.addressing.control(self.version);
        let mut control = match self.frame_type {
            FrameType::Beacon => 0,
            FrameType::Data => 1,
            FrameType::Acknowledgment => 2,
            FrameType::Command => 3,
        };
        control |= match self.version {
            FrameVersion::V2003 => 0,
            FrameVersion::V2006 => 1 << 12,
            FrameVersion::V2015 => 2 << 12,
        };
        let flags = [
            (self.security.is_some(), SECURITY_ENABLED),
            (self.frame_pending, FRAME_PENDING),
            (self.acknowledgment_request, ACK_REQUEST),
            (compressed, PAN_COMPRESSION),
            (newest && self.sequence_number.is_none(), SEQUENCE_SUPPRESSED),
            (newest && self.elements, ELEMENTS_PRESENT),
        ];
        for (is_set, flag) in flags {
            control |= if is_set { flag } else { 0 };
        }
        control |= u16::from(destination) << 10 | u16::from(source) << 14;
        out[..2].copy_from_slice(&control.to_le_bytes());
        let mut at = 2;
        if self.has_sequence_number() {
            out[at] = self.sequence_number.unwrap_or(0);
            at += 1;
        }
        self.addressing.emit(&mut out[at..]);
        at += self.addressing.len();
        if let Some(security) = &self.security {
            security.emit(&mut out[at..]);
        }
    }
}

const SECURITY_ENABLED: u16 = 1 << 3;
const FRAME_PENDING: u16 = 1 << 4;
const ACK_REQUEST: u16 = 1 << 5;
const PAN_COMPRESSION: u16 = 1 << 6;
const SEQUENCE_SUPPRESSED: u16 = 1 << 8;
const ELEMENTS_PRESENT: u16 = 1 << 9;

#[cfg(test)]
mod tests {
    use super::super::{Address, ExtendedAddress, PanId, SecurityLevel, ShortAddress};
    use super::super::{AuxiliarySecurity, KeyIdentifier};
    use super::*;

    const PAN: PanId = PanId(0xABCD);

    fn emitted(header: &Header) -> Vec<u8> {
        let mut out = vec![0xEE; header.len()];
        header.emit(&mut out);
        out
    }

    #[test]
    fn a_data_frame_between_short_addresses_has_nine_bytes() {
        let addressing = Addressing::within(
            PAN,
            Address::Short(ShortAddress(0x0001)),
            Address::Short(ShortAddress(0x0002)),
        );
        let header = Header::data(7, addressing, true);
        // Control: data 1, ack request 0x20, compression 0x40, short 2 << 10, short 2 << 14: 0x8861.
        assert_eq!(emitted(&header), [0x61, 0x88, 7, 0xCD, 0xAB, 1, 0, 2, 0]);
        assert_eq!(Header::parse(&emitted(&header)), Ok((header, &[][..])));
    }

    #[test]
    fn an_acknowledgment_has_three_bytes_before_its_check_sequence() {
        let header = Header::immediate_ack(0x6A, false);
        assert_eq!(emitted(&header), [0x02, 0x00, 0x6A]);
        assert_eq!(header.len() + super::super::FCS_LEN, super::super::IMMEDIATE_ACK_LEN);
    }

    #[test]
    fn extended_addresses_are_sent_last_byte_first() {
        let to = Address::Extended(ExtendedAddress([1, 2, 3, 4, 5, 6, 7, 8]));
        let from = Address::Extended(ExtendedAddress([9, 10, 11, 12, 13, 14, 15, 16]));
        for version in [FrameVersion::V2003, FrameVersion::V2006, FrameVersion::V2015] {
            let header = Header { version, ..Header::data(1, Addressing::within(PAN, to, from), false) };
            let bytes = emitted(&header);
            assert_eq!(bytes[5..13], [8, 7, 6, 5, 4, 3, 2, 1], "{version:?}");
            assert_eq!(bytes[13..], [16, 15, 14, 13, 12, 11, 10, 9], "{version:?}");
            // Version 2 leaves the sender's network out without the compression bit (table 7-2).
            assert_eq!(bytes[0] & 0x40 != 0, version != FrameVersion::V2015, "{version:?}");
            assert_eq!(Header::parse(&bytes), Ok((header, &[][..])), "{version:?}");
        }
    }

    #[test]
    fn version_two_may_leave_out_the_number_and_announce_elements() {
        let header = Header {
            frame_type: FrameType::Acknowledgment,
            version: FrameVersion::V2015,
            elements: true,
            sequence_number: None,
            security: Some(AuxiliarySecurity {
                level: SecurityLevel::EncryptedMic32,
                frame_counter: Some(5),
                key: KeyIdentifier::Index(1),
            }),
            ..Header::data(0, Addressing::to(PAN, Address::Short(ShortAddress(9))), false)
        };
        let bytes = emitted(&header);
        assert_eq!(bytes.len(), 2 + 4 + 6);
        assert_eq!(Header::parse(&bytes), Ok((header, &[][..])));
    }

    #[test]
    fn cut_and_reserved_headers_are_refused() {
        let addressing = Addressing::within(PAN, Address::BROADCAST, Address::Short(ShortAddress(2)));
        let bytes = emitted(&Header::data(7, addressing, false));
        for len in 0..bytes.len() {
            assert!(matches!(Header::parse(&bytes[..len]), Err(ParseError::Truncated { .. })), "{len}");
        }
        // Frame type 5, frame version 3, address mode 1 of the receiver.
        for (at, value) in [(0, bytes[0] & !0x07 | 5), (1, bytes[1] | 0x30), (1, bytes[1] & !0x0C | 0x04)] {
            let mut bad = bytes.clone();
            bad[at] = value;
            let parsed = Header::parse(&bad);
            assert!(matches!(parsed, Err(ParseError::Field { .. })), "byte {at} is {value:02x}: {parsed:?}");
        }
    }
}
