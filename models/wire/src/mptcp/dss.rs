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

/// A signal as it stands in a header, kind, length and padding included, where it is as most are: with numbers of 32 bits,
/// without checksum and DATA_FIN.
pub(super) enum Usual {
    Acknowledgment([u8; 8]),
    Data([u8; 20]),
    Other,
}

impl Dss {
    #[inline]
    pub(super) fn usual(&self) -> Usual {
        let Some(DataSequence::Short(ack)) = self.data_ack else { return Usual::Other };
        let [a, b, c, d] = ack.to_be_bytes();
        let Some(mapping) = &self.mapping else {
            return Usual::Acknowledgment([KIND, 8, DSS, ACK_PRESENT, a, b, c, d]);
        };
        let Mapping { data_sequence: DataSequence::Short(number), subflow_sequence, len, checksum: None } =
            *mapping
        else {
            return Usual::Other;
        };
        if self.data_fin {
            return Usual::Other;
        }
        let [e, f, g, h] = number.to_be_bytes();
        let [i, j, k, l] = subflow_sequence.to_be_bytes();
        let [m, n] = len.to_be_bytes();
        Usual::Data([1, 1, KIND, 18, DSS, ACK_AND_MAPPING, a, b, c, d, e, f, g, h, i, j, k, l, m, n])
    }

    /// Reads options that are what [`Self::usual`] writes, and nothing else.
    #[inline]
    pub(crate) fn from_usual(list: &[u8]) -> Option<Self> {
        match *list {
            [KIND, 8, DSS, ACK_PRESENT, a, b, c, d] => {
                let data_ack = Some(DataSequence::Short(u32::from_be_bytes([a, b, c, d])));
                Some(Self { data_fin: false, data_ack, mapping: None })
            }
            [1, 1, KIND, 18, DSS, ACK_AND_MAPPING, a, b, c, d, e, f, g, h, i, j, k, l, m, n] => {
                let mapping = Mapping {
                    data_sequence: DataSequence::Short(u32::from_be_bytes([e, f, g, h])),
                    subflow_sequence: u32::from_be_bytes([i, j, k, l]),
                    len: u16::from_be_bytes([m, n]),
                    checksum: None,
                };
                let data_ack = Some(DataSequence::Short(u32::from_be_bytes([a, b, c, d])));
                Some(Self { data_fin: false, data_ack, mapping: Some(mapping) })
            }
            _ => None,
        }
    }

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
    out.push(&[DSS, flags]);
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

/// Kind of the option (IANA "TCP Option Kind Numbers"), and its subtype in the upper half of a byte.
const KIND: u8 = 30;
const DSS: u8 = 2 << 4;

const ACK_PRESENT: u8 = 0x01;
const ACK_LONG: u8 = 0x02;
const MAPPING_PRESENT: u8 = 0x04;
const ACK_AND_MAPPING: u8 = ACK_PRESENT | MAPPING_PRESENT;
const MAPPING_LONG: u8 = 0x08;
const DATA_FIN: u8 = 0x10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_signals_are_the_same_bytes_as_all_others() {
        use crate::mptcp::MptcpOption;
        use crate::tcp_options::{OptionsView, TcpOptions, Timestamps};

        let numbers = [None, Some(DataSequence::Short(0x0102_0304)), Some(DataSequence::Long(5 << 40 | 6))];
        let mapping = |data_sequence, checksum| Mapping {
            data_sequence,
            subflow_sequence: 0x1112_1314,
            len: 1400,
            checksum,
        };
        let mut usual = 0;
        for data_ack in numbers {
            for number in numbers {
                for checksum in [None, Some(0x2122)] {
                    for data_fin in [false, true] {
                        let mapping = number.map(|number| mapping(number, checksum));
                        let signal = Dss { data_fin, data_ack, mapping };
                        let before = TcpOptions::with_timestamps(Timestamps { value: 1, echo_reply: 2 });
                        let (mut fast, mut any) = (before, before);
                        let results =
                            [fast.try_push_dss(&signal), any.try_push_mptcp(&MptcpOption::Dss(signal))];
                        assert_eq!(results[0], results[1]);
                        assert_eq!(fast, any, "{signal:?}");
                        let is_usual = !matches!(signal.usual(), Usual::Other);
                        let read = OptionsView::over(fast.as_bytes()).usual_signal();
                        // The end is not told without a mapping.
                        let told = Dss { data_fin: false, ..signal };
                        assert_eq!(read, Some(told).filter(|_| is_usual), "{signal:?}");
                        usual += u32::from(is_usual);
                    }
                }
            }
        }
        assert!(usual > 0);
    }

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
