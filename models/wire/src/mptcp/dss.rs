//! Data sequence signal (RFC 8684 §3.3, Figure 9).

use super::OptionBytes;
use super::option::wrong_length;
use crate::error::{ParseError, array};

/// A data sequence number, whole or its lower half (RFC 8684 §3.3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DataSequence {
    /// The lower 32 bits.
    Short(u32),
    /// All 64 bits.
    Long(u64),
}

impl DataSequence {
    /// The number nearest to `near` that agrees with what the option says. A number of 32 bits gets its upper half from
    /// `near`, and wraps where that brings it closer (RFC 8684 §3.3.1).
    #[inline]
    #[must_use]
    pub const fn near(self, near: u64) -> u64 {
        match self {
            Self::Long(number) => number,
            Self::Short(low) => {
                let distance = low.wrapping_sub(near as u32) as i32;
                near.wrapping_add_signed(distance as i64)
            }
        }
    }

    #[inline]
    fn emit(self, out: &mut OptionBytes) {
        match self {
            Self::Short(number) => out.push(&number.to_be_bytes()),
            Self::Long(number) => out.push(&number.to_be_bytes()),
        }
    }
}

/// From the subflow's sequence numbers to those of the data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mapping {
    /// Number of the first byte of the data.
    pub data_sequence: DataSequence,
    /// Number of the first byte on the subflow, counted from its SYN as zero; zero if there is only a DATA_FIN.
    pub subflow_sequence: u32,
    /// Bytes of data, and one for a DATA_FIN. Zero maps everything that follows ("infinite", RFC 8684 §3.7).
    pub len: u16,
    /// Checksum of the data and of the pseudo-header of Figure 10, if that was agreed.
    pub checksum: Option<u16>,
}

/// A data sequence signal.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Dss {
    /// F: the data ends with this mapping.
    pub data_fin: bool,
    /// The next number that is expected.
    pub data_ack: Option<DataSequence>,
    /// What the segment carries.
    pub mapping: Option<Mapping>,
}

#[inline]
pub(super) fn parse(data: &[u8]) -> Result<Dss, ParseError> {
    let &[_, flags, ref rest @ ..] = data else { return Err(wrong_length(data)) };
    let mut rest = rest;
    let mut number = |is_long: bool| -> Option<DataSequence> {
        let len = if is_long { 8 } else { 4 };
        let (field, behind) = rest.split_at_checked(len)?;
        rest = behind;
        Some(if is_long {
            DataSequence::Long(u64::from_be_bytes(array(field, 0)))
        } else {
            DataSequence::Short(u32::from_be_bytes(array(field, 0)))
        })
    };
    let mut dss = Dss::default();
    if flags & ACK_PRESENT != 0 {
        dss.data_ack = Some(number(flags & ACK_LONG != 0).ok_or(wrong_length(data))?);
    }
    if flags & MAPPING_PRESENT != 0 {
        let data_sequence = number(flags & MAPPING_LONG != 0).ok_or(wrong_length(data))?;
        let checksum = match rest.len() {
            6 => None,
            8 => Some(u16::from_be_bytes(array(rest, 6))),
            _ => return Err(wrong_length(data)),
        };
        // RFC 8684 §3.3: F and a have no meaning without what they speak of.
        dss.data_fin = flags & DATA_FIN != 0;
        dss.mapping = Some(Mapping {
            data_sequence,
            subflow_sequence: u32::from_be_bytes(array(rest, 0)),
            len: u16::from_be_bytes(array(rest, 4)),
            checksum,
        });
    } else if !rest.is_empty() {
        return Err(wrong_length(data));
    }
    Ok(dss)
}

impl Dss {
    /// The value of the option: all behind kind and length.
    #[inline]
    pub(super) fn emit(&self) -> OptionBytes {
        let mut out = OptionBytes::EMPTY;
        emit(self, &mut out);
        out
    }
}

#[inline]
pub(super) fn emit(option: &Dss, out: &mut OptionBytes) {
    let mut flags = 0;
    match option.data_ack {
        None => {}
        Some(DataSequence::Short(_)) => flags |= ACK_PRESENT,
        Some(DataSequence::Long(_)) => flags |= ACK_PRESENT | ACK_LONG,
    }
    if let Some(mapping) = &option.mapping {
        flags |= MAPPING_PRESENT;
        if option.data_fin {
            flags |= DATA_FIN;
        }
        if let DataSequence::Long(_) = mapping.data_sequence {
            flags |= MAPPING_LONG;
        }
    }
    out.push(&[2 << 4, flags]);
    if let Some(ack) = option.data_ack {
        ack.emit(out);
    }
    if let Some(mapping) = &option.mapping {
        mapping.data_sequence.emit(out);
        out.push(&mapping.subflow_sequence.to_be_bytes());
        out.push(&mapping.len.to_be_bytes());
        if let Some(checksum) = mapping.checksum {
            out.push(&checksum.to_be_bytes());
        }
    }
}

const ACK_PRESENT: u8 = 0x01;
const ACK_LONG: u8 = 0x02;
const MAPPING_PRESENT: u8 = 0x04;
const MAPPING_LONG: u8 = 0x08;
const DATA_FIN: u8 = 0x10;

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: RFC 8684 3.3.1-i.
    #[test]
    fn half_a_number_is_completed_to_the_nearest_whole_one() {
        let near = 0x0000_0001_FFFF_FF00;
        assert_eq!(DataSequence::Short(0xFFFF_FE00).near(near), 0x0000_0001_FFFF_FE00);
        // Behind the wrap of the lower half: the upper half grows by one.
        assert_eq!(DataSequence::Short(0x10).near(near), 0x0000_0002_0000_0010);
        // Before it, seen from behind.
        assert_eq!(DataSequence::Short(0xFFFF_FFFF).near(0x0000_0002_0000_0000), 0x0000_0001_FFFF_FFFF);
        assert_eq!(DataSequence::Long(7).near(near), 7);
        // The whole number wraps too.
        assert_eq!(DataSequence::Short(1).near(u64::MAX), 1);
    }
}
