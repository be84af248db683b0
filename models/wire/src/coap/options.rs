//! The options of a message, kept as they are on the wire (RFC 7252 §3.1).

use smallvec::SmallVec;

use super::PAYLOAD_MARKER;
use super::number::{OptionFormat, OptionNumber};
use crate::error::ParseError;

/// Options in order of number, encoded.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Options {
    bytes: SmallVec<[u8; INLINE]>,
    last: u16,
}

/// One option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CoapOption<'a> {
    /// What it is.
    pub number: OptionNumber,
    /// Its value.
    pub value: &'a [u8],
}

impl Options {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads options up to the payload marker or the end; says how many bytes they take, without the marker.
    ///
    /// # Errors
    /// A nibble of 15 that is not the marker's, a number above 65,535, or a value that runs beyond the end.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), ParseError> {
        let (mut at, mut last) = (0, 0);
        while at < bytes.len() && bytes[at] != PAYLOAD_MARKER {
            let step = step(&bytes[at..], last)?;
            last = step.number;
            at += step.head + step.value;
        }
        Ok((Self { bytes: SmallVec::from_slice(&bytes[..at]), last }, at))
    }

    /// The options, encoded.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All options, in order.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.bytes, last: 0 }
    }

    /// The first option with a number.
    pub fn get(&self, number: OptionNumber) -> Option<&[u8]> {
        self.iter().take_while(|option| option.number <= number).find(|o| o.number == number).map(|o| o.value)
    }

    /// All options with a number, in order.
    pub fn all(&self, number: OptionNumber) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(move |option| option.number == number).map(|option| option.value)
    }

    /// The first option with a number, as an unsigned integer; longer than four bytes counts as absent.
    pub fn get_uint(&self, number: OptionNumber) -> Option<u32> {
        uint(self.get(number)?)
    }

    /// Adds an option behind those with its number or a smaller one.
    ///
    /// # Panics
    ///
    /// If the value is longer than 65,804 bytes, the most that the format can say.
    pub fn push(&mut self, number: OptionNumber, value: &[u8]) {
        if number.0 >= self.last {
            append(&mut self.bytes, number.0 - self.last, value);
            self.last = number.0;
            return;
        }
        let old = std::mem::take(self);
        let mut waiting = Some(value);
        for option in old.iter() {
            if option.number > number
                && let Some(value) = waiting.take()
            {
                self.push(number, value);
            }
            self.push(option.number, option.value);
        }
    }

    /// The same options with one more.
    #[must_use]
    pub fn with(mut self, number: OptionNumber, value: &[u8]) -> Self {
        self.push(number, value);
        self
    }

    /// Adds an option whose value is an unsigned integer (RFC 7252 §3.2).
    pub fn push_uint(&mut self, number: OptionNumber, value: u32) {
        let (bytes, skip) = uint_bytes(value);
        self.push(number, &bytes[skip..]);
    }

    /// Adds the segments of a path such as "sensors/temp" (RFC 7252 §6.4 step 8).
    pub fn push_path(&mut self, number: OptionNumber, path: &str) {
        path.trim_start_matches('/').split('/').filter(|segment| !segment.is_empty()).for_each(|segment| {
            self.push(number, segment.as_bytes());
        });
    }

    /// The path that the options say, segments joined by "/" (RFC 7252 §6.5).
    pub fn path(&self) -> String {
        let segments = self.all(OptionNumber::URI_PATH).map(String::from_utf8_lossy);
        segments.collect::<Vec<_>>().join("/")
    }

    /// Takes all options with a number out.
    pub fn remove(&mut self, number: OptionNumber) {
        self.retain(|option| option.number != number);
    }

    /// Keeps the options that `keep` wants.
    pub fn retain(&mut self, mut keep: impl FnMut(CoapOption<'_>) -> bool) {
        let old = std::mem::take(self);
        old.iter().filter(|&option| keep(option)).for_each(|option| self.push(option.number, option.value));
    }

    /// The first critical option that must not be accepted as it is: unknown to `known`, of a wrong length, or
    /// repeated where it may not be. Elective ones of that kind are ignored (RFC 7252 §5.4.1, §5.4.3, §5.4.5).
    pub fn unacceptable(&self, known: impl Fn(OptionNumber) -> bool) -> Option<OptionNumber> {
        let mut previous = None;
        for CoapOption { number, value } in self {
            let bad = match number.definition() {
                Some((format, min, max, repeats)) => {
                    let text = format != OptionFormat::String || std::str::from_utf8(value).is_ok();
                    !known(number)
                        || !text
                        || !(min..=max).contains(&value.len())
                        || (previous == Some(number) && !repeats)
                }
                None => true,
            };
            if bad && number.is_critical() {
                return Some(number);
            }
            previous = Some(number);
        }
        None
    }
}

impl<'a> IntoIterator for &'a Options {
    type Item = CoapOption<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Walks through options that were checked when they were read.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    rest: &'a [u8],
    last: u16,
}

impl<'a> Iterator for Iter<'a> {
    type Item = CoapOption<'a>;

    #[inline]
    fn next(&mut self) -> Option<CoapOption<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let step = step(self.rest, self.last).ok()?;
        let (option, rest) = self.rest.split_at(step.head + step.value);
        (self.rest, self.last) = (rest, step.number);
        Some(CoapOption { number: OptionNumber(step.number), value: &option[step.head..] })
    }
}

/// An unsigned integer of up to four bytes (RFC 7252 §3.2).
pub fn uint(value: &[u8]) -> Option<u32> {
    (value.len() <= 4).then(|| value.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte)))
}

/// The bytes of an unsigned integer, and how many leading zeros are not sent.
pub fn uint_bytes(value: u32) -> ([u8; 4], usize) {
    (value.to_be_bytes(), value.leading_zeros() as usize / 8)
}

/// Where an option's parts are.
struct Step {
    number: u16,
    head: usize,
    value: usize,
}

#[inline]
fn step(bytes: &[u8], last: u16) -> Result<Step, ParseError> {
    let truncated = |need| ParseError::Truncated { header: NAME, need, have: bytes.len() };
    let &first = bytes.first().ok_or(truncated(1))?;
    let mut head = 1;
    let mut extended = |nibble: u8, field| -> Result<usize, ParseError> {
        match nibble {
            0..=12 => Ok(usize::from(nibble)),
            13 => {
                let &byte = bytes.get(head).ok_or(truncated(head + 1))?;
                head += 1;
                Ok(usize::from(byte) + 13)
            }
            14 => {
                let both = bytes.get(head..head + 2).ok_or(truncated(head + 2))?;
                head += 2;
                Ok(usize::from(u16::from_be_bytes([both[0], both[1]])) + 269)
            }
            // 15 is the payload marker's alone (RFC 7252 §3.1).
            _ => Err(ParseError::Field { header: NAME, field, value: u32::from(nibble) }),
        }
    };
    let delta = extended(first >> 4, "option delta")?;
    let value = extended(first & 0x0F, "option length")?;
    let number = u16::try_from(usize::from(last) + delta).map_err(|_| ParseError::Field {
        header: NAME,
        field: "option number",
        value: u32::from(last) + delta as u32,
    })?;
    if bytes.len() < head + value {
        return Err(truncated(head + value));
    }
    Ok(Step { number, head, value })
}

fn append(bytes: &mut SmallVec<[u8; INLINE]>, delta: u16, value: &[u8]) {
    assert!(value.len() <= VALUE_LEN_MAX, "an option of {} bytes cannot be written", value.len());
    let (delta_nibble, delta_more) = nibble(usize::from(delta));
    let (len_nibble, len_more) = nibble(value.len());
    bytes.push(delta_nibble << 4 | len_nibble);
    bytes.extend_from_slice(delta_more.as_slice());
    bytes.extend_from_slice(len_more.as_slice());
    bytes.extend_from_slice(value);
}

fn nibble(value: usize) -> (u8, SmallVec<[u8; 2]>) {
    match value {
        0..=12 => (value as u8, SmallVec::new()),
        13..=268 => (13, SmallVec::from_slice(&[(value - 13) as u8])),
        _ => (14, SmallVec::from_slice(&((value - 269) as u16).to_be_bytes())),
    }
}

const NAME: &str = "a CoAP option";

/// Bytes of options that are kept without memory of their own.
const INLINE: usize = 24;

/// 65,535 + 269: what two bytes of extended length can say.
const VALUE_LEN_MAX: usize = 65_804;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_two_segments_takes_thirteen_bytes() {
        let mut options = Options::new();
        options.push_path(OptionNumber::URI_PATH, "/sensors/temp");
        // Delta 11, length 7: B7; delta 0, length 4: 04.
        assert_eq!(options.as_bytes(), b"\xB7sensors\x04temp");
        assert_eq!(options.path(), "sensors/temp");
    }

    #[test]
    fn deltas_and_lengths_are_extended_where_they_must() {
        // 13 - 13 = 0; 269 - 269 = 0; 268 - 13 = 255.
        let cases: [(u16, usize, &[u8]); 5] = [
            (12, 12, &[0xCC]),
            (13, 0, &[0xD0, 0]),
            (268, 13, &[0xDD, 255, 0]),
            (269, 268, &[0xED, 0, 0, 255]),
            (65_535, 269, &[0xEE, 0xFE, 0xF2, 0, 0]),
        ];
        for (number, len, head) in cases {
            let options = Options::new().with(OptionNumber(number), &vec![7; len]);
            assert_eq!(&options.as_bytes()[..head.len()], head, "{number} {len}");
            assert_eq!(options.as_bytes().len(), head.len() + len);
            assert_eq!(Options::parse(options.as_bytes()), Ok((options.clone(), head.len() + len)));
        }
    }

    // Holds: RFC 7252 3.1-b
    #[test]
    fn options_are_sorted_and_repeated_ones_keep_their_order() {
        let mut options = Options::new();
        options.push(OptionNumber::URI_QUERY, b"b");
        options.push(OptionNumber::URI_PATH, b"x");
        options.push(OptionNumber::URI_HOST, b"h");
        options.push(OptionNumber::URI_PATH, b"y");
        let numbers: Vec<u16> = options.iter().map(|option| option.number.0).collect();
        assert_eq!(numbers, [3, 11, 11, 15]);
        assert_eq!(options.path(), "x/y");
        options.remove(OptionNumber::URI_PATH);
        assert_eq!(options.as_bytes(), b"\x31h\xC1b");
    }

    #[test]
    fn integers_have_no_leading_zeros() {
        for (value, bytes) in [(0, &[][..]), (1, &[1]), (256, &[1, 0]), (65_536, &[1, 0, 0])] {
            let mut options = Options::new();
            options.push_uint(OptionNumber::MAX_AGE, value);
            assert_eq!(options.get(OptionNumber::MAX_AGE), Some(bytes));
            assert_eq!(options.get_uint(OptionNumber::MAX_AGE), Some(value));
        }
        // A sender may send leading zeros all the same (RFC 7252 §3.2).
        assert_eq!(uint(&[0, 0, 5]), Some(5));
    }

    // Holds: RFC 7252 3.1-a
    #[test]
    fn what_is_reserved_or_cut_is_refused() {
        assert!(Options::parse(&[0xF0]).is_err(), "delta 15");
        assert!(Options::parse(&[0x0F]).is_err(), "length 15");
        assert!(Options::parse(&[0xB3, b'a', b'b']).is_err(), "a value of three bytes has two");
        assert!(Options::parse(&[0xE0, 0xFF, 0xFF]).is_err(), "65,535 + 269 is no number");
        assert!(Options::parse(&[0xD0]).is_err(), "an extended delta is missing");
    }

    // Holds: RFC 7252 5.4.3-a, 5.4.5-a
    #[test]
    fn critical_options_are_judged_and_elective_ones_ignored() {
        let all = |_| true;
        let unknown_critical = Options::new().with(OptionNumber(9999), b"");
        assert_eq!(unknown_critical.unacceptable(all), Some(OptionNumber(9999)));
        let unknown_elective = Options::new().with(OptionNumber(10_000), b"");
        assert_eq!(unknown_elective.unacceptable(all), None);
        let long_host = Options::new().with(OptionNumber::URI_HOST, b"");
        assert_eq!(long_host.unacceptable(all), Some(OptionNumber::URI_HOST));
        let twice = Options::new().with(OptionNumber::ACCEPT, b"").with(OptionNumber::ACCEPT, b"");
        assert_eq!(twice.unacceptable(all), Some(OptionNumber::ACCEPT));
    }
}
