//! Information elements of IEEE 802.15.4 (clause 7.4): those that TSCH needs are read, all others are kept as bytes.

use crate::error::{NoRoom, ParseError};

const NAME: &str = "an information element";

/// One element of the header, in front of the payload's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HeaderElement<'a> {
    /// How far off the sender of the confirmed frame was (clause 7.4.2.7).
    TimeCorrection {
        /// Microseconds that the frame came after its expected time, -2048 to 2047.
        micros: i16,
        /// Whether the frame was received, but could not be taken.
        negative: bool,
    },
    /// Elements of the payload follow (termination 1).
    PayloadFollows,
    /// The payload follows (termination 2).
    Ends,
    /// Any other.
    Other {
        /// The element's number.
        id: u8,
        /// What it says.
        content: &'a [u8],
    },
}

/// One element nested in the payload's MLME element, as enhanced beacons carry them (clause 7.4.3.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NestedElement<'a> {
    /// The number of the current slot and the sender's distance from the coordinator (clause 7.4.4.2).
    TschSynchronization {
        /// Absolute slot number, below 2^40.
        slot_number: u64,
        /// Join metric.
        join_metric: u8,
    },
    /// Which timings slots have: the default's number is 0 (clause 7.4.4.4).
    TschTimeslot(u8),
    /// Which channels are hopped over: the default's number is 0 (clause 7.4.4.31).
    ChannelHopping(u8),
    /// Slotframes and their links, as bytes (clause 7.4.4.3).
    TschSlotframeAndLink(&'a [u8]),
    /// Any other.
    Other {
        /// Whether its form is the long one.
        long: bool,
        /// The element's number.
        id: u8,
        /// What it says.
        content: &'a [u8],
    },
}

impl<'a> HeaderElement<'a> {
    /// Reads the element at the start of `bytes`; returns what follows it.
    ///
    /// # Errors
    /// The bytes end within the element, or it is one of the payload.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), ParseError> {
        let (descriptor, content, rest) = split(bytes, |descriptor| usize::from(descriptor & 0x7F))?;
        if descriptor & TYPE != 0 {
            return Err(ParseError::Field { header: NAME, field: "type", value: 1 });
        }
        let element = match ((descriptor >> 7 & 0xFF) as u8, content) {
            (id::TIME_CORRECTION, &[low, high]) => {
                let word = u16::from_le_bytes([low, high]);
                // Twelve bits with a sign.
                let micros = ((word << 4) as i16) >> 4;
                Self::TimeCorrection { micros, negative: word & 0x8000 != 0 }
            }
            (id::TERMINATION_1, []) => Self::PayloadFollows,
            (id::TERMINATION_2, []) => Self::Ends,
            (id, content) => Self::Other { id, content },
        };
        Ok((element, rest))
    }

    /// Appends the element to `out`.
    ///
    /// # Errors
    /// The content is longer than 127 bytes.
    pub fn push(&self, out: &mut Vec<u8>) -> Result<(), NoRoom> {
        match *self {
            Self::TimeCorrection { micros, negative } => {
                let word = micros as u16 & 0x0FFF | if negative { 0x8000 } else { 0 };
                push(out, 0x7F, u16::from(id::TIME_CORRECTION) << 7, &word.to_le_bytes())
            }
            Self::PayloadFollows => push(out, 0x7F, u16::from(id::TERMINATION_1) << 7, &[]),
            Self::Ends => push(out, 0x7F, u16::from(id::TERMINATION_2) << 7, &[]),
            Self::Other { id, content } => push(out, 0x7F, u16::from(id) << 7, content),
        }
    }
}

/// Reads the payload element at the start of `bytes`: its group, its content, and what follows it.
///
/// # Errors
/// The bytes end within the element, or it is one of the header.
pub fn parse_payload_element(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), ParseError> {
    let (descriptor, content, rest) = split(bytes, |descriptor| usize::from(descriptor & 0x7FF))?;
    if descriptor & TYPE == 0 {
        return Err(ParseError::Field { header: NAME, field: "type", value: 0 });
    }
    Ok(((descriptor >> 11 & 0xF) as u8, content, rest))
}

/// Appends a payload element of `group` with `content` to `out`.
///
/// # Errors
/// The content is longer than 2047 bytes.
pub fn push_payload_element(out: &mut Vec<u8>, group: u8, content: &[u8]) -> Result<(), NoRoom> {
    push(out, 0x7FF, TYPE | u16::from(group & 0xF) << 11, content)
}

impl<'a> NestedElement<'a> {
    /// Reads the element at the start of `bytes`; returns what follows it.
    ///
    /// # Errors
    /// The bytes end within the element.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), ParseError> {
        let length = |descriptor: u16| {
            usize::from(if descriptor & TYPE != 0 { descriptor & 0x7FF } else { descriptor & 0xFF })
        };
        let (descriptor, content, rest) = split(bytes, length)?;
        let long = descriptor & TYPE != 0;
        let id = if long { descriptor >> 11 & 0xF } else { descriptor >> 8 & 0x7F } as u8;
        let element = match (long, id, content) {
            (false, id::TSCH_SYNCHRONIZATION, &[a, b, c, d, e, join_metric]) => {
                let slot_number = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]);
                Self::TschSynchronization { slot_number, join_metric }
            }
            (false, id::TSCH_TIMESLOT, &[number]) => Self::TschTimeslot(number),
            (false, id::TSCH_SLOTFRAME_AND_LINK, content) => Self::TschSlotframeAndLink(content),
            (true, id::CHANNEL_HOPPING, &[number]) => Self::ChannelHopping(number),
            (long, id, content) => Self::Other { long, id, content },
        };
        Ok((element, rest))
    }

    /// Appends the element to `out`.
    ///
    /// # Errors
    /// The content is longer than its form allows: 255 or 2047 bytes.
    pub fn push(&self, out: &mut Vec<u8>) -> Result<(), NoRoom> {
        let short =
            |out: &mut Vec<u8>, id: u8, content: &[u8]| push(out, 0xFF, u16::from(id & 0x7F) << 8, content);
        let long = |out: &mut Vec<u8>, id: u8, content: &[u8]| {
            push(out, 0x7FF, TYPE | u16::from(id & 0xF) << 11, content)
        };
        match *self {
            Self::TschSynchronization { slot_number, join_metric } => {
                let [a, b, c, d, e, ..] = slot_number.to_le_bytes();
                short(out, id::TSCH_SYNCHRONIZATION, &[a, b, c, d, e, join_metric])
            }
            Self::TschTimeslot(number) => short(out, id::TSCH_TIMESLOT, &[number]),
            Self::TschSlotframeAndLink(content) => short(out, id::TSCH_SLOTFRAME_AND_LINK, content),
            Self::ChannelHopping(number) => long(out, id::CHANNEL_HOPPING, &[number]),
            Self::Other { long: true, id, content } => long(out, id, content),
            Self::Other { long: false, id, content } => short(out, id, content),
        }
    }
}

/// Group of the payload element that holds nested ones (table 7-15).
pub const MLME_GROUP: u8 = 1;

/// Elements' numbers (tables 7-7, 7-16 and 7-17).
mod id {
    pub(super) const TIME_CORRECTION: u8 = 0x1E;
    pub(super) const TERMINATION_1: u8 = 0x7E;
    pub(super) const TERMINATION_2: u8 = 0x7F;
    pub(super) const TSCH_SYNCHRONIZATION: u8 = 0x1A;
    pub(super) const TSCH_SLOTFRAME_AND_LINK: u8 = 0x1B;
    pub(super) const TSCH_TIMESLOT: u8 = 0x1C;
    pub(super) const CHANNEL_HOPPING: u8 = 0x09;
}

/// The top bit of a descriptor: a payload's element, or a nested one of the long form.
const TYPE: u16 = 0x8000;

/// Splits an element into its descriptor, its content and what follows.
fn split(bytes: &[u8], length: impl Fn(u16) -> usize) -> Result<(u16, &[u8], &[u8]), ParseError> {
    let short = |need| ParseError::Truncated { header: NAME, need, have: bytes.len() };
    let (descriptor, rest) = bytes.split_first_chunk::<2>().ok_or(short(2))?;
    let descriptor = u16::from_le_bytes(*descriptor);
    let len = length(descriptor);
    let (content, rest) = rest.split_at_checked(len).ok_or(short(2 + len))?;
    Ok((descriptor, content, rest))
}

/// Appends a descriptor of `bits` with the content's length, and the content.
fn push(out: &mut Vec<u8>, room: usize, bits: u16, content: &[u8]) -> Result<(), NoRoom> {
    if content.len() > room {
        return Err(NoRoom { what: NAME, room, need: content.len() });
    }
    out.extend((bits | content.len() as u16).to_le_bytes());
    out.extend(content);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_correction_has_four_bytes() {
        for (micros, negative, word) in [(0, false, 0x0000_u16), (-1, false, 0x0FFF), (500, true, 0x81F4)] {
            let element = HeaderElement::TimeCorrection { micros, negative };
            let mut out = Vec::new();
            element.push(&mut out).unwrap();
            // Length 2, number 0x1E << 7 = 0x0F00.
            assert_eq!(out[..2], [0x02, 0x0F]);
            assert_eq!(out[2..], word.to_le_bytes());
            assert_eq!(HeaderElement::parse(&out), Ok((element, &[][..])));
        }
    }

    #[test]
    fn an_enhanced_beacons_elements_survive_emit_and_parse() {
        let nested = [
            NestedElement::TschSynchronization { slot_number: 0x01_0203_0405, join_metric: 2 },
            NestedElement::TschTimeslot(0),
            NestedElement::ChannelHopping(0),
            NestedElement::TschSlotframeAndLink(&[1, 0, 7, 0, 1, 0, 0, 0, 0, 0x0F]),
            NestedElement::Other { long: true, id: 3, content: &[9; 300] },
        ];
        let mut content = Vec::new();
        nested.iter().for_each(|element| element.push(&mut content).unwrap());
        let mut out = Vec::new();
        HeaderElement::PayloadFollows.push(&mut out).unwrap();
        push_payload_element(&mut out, MLME_GROUP, &content).unwrap();
        let (first, rest) = HeaderElement::parse(&out).unwrap();
        assert_eq!(first, HeaderElement::PayloadFollows);
        let (group, mut content, rest) = parse_payload_element(rest).unwrap();
        assert_eq!((group, rest), (MLME_GROUP, &[][..]));
        for element in nested {
            let (found, after) = NestedElement::parse(content).unwrap();
            assert_eq!(found, element);
            content = after;
        }
        assert!(content.is_empty());
    }

    #[test]
    fn what_is_cut_too_long_or_of_the_other_kind_is_refused() {
        let mut out = Vec::new();
        assert!(HeaderElement::Other { id: 1, content: &[0; 128] }.push(&mut out).is_err());
        HeaderElement::Other { id: 1, content: &[0; 5] }.push(&mut out).unwrap();
        assert!(parse_payload_element(&out).is_err());
        for len in 0..out.len() {
            assert!(HeaderElement::parse(&out[..len]).is_err(), "{len}");
        }
    }
}
