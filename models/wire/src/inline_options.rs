//! Up to 40 bytes of kind-length-value options, as IPv4 (RFC 791 §3.1) and TCP (RFC 9293 §3.1) both have them:
//! kind 0 ends the list, kind 1 is one byte of padding, every other kind has a length that counts itself.

use crate::error::NoRoom;

/// The most that a header of at most 15 words leaves for options behind its first 5.
pub(crate) const CAPACITY: usize = 40;

/// Kind of the option that ends the list.
pub(crate) const END_OF_LIST: u8 = 0;
/// Kind of the option that is one byte of padding.
pub(crate) const NO_OPERATION: u8 = 1;

/// The options as they stand on the wire, kept to the byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InlineOptions {
    /// Bytes from `len` on are zero, which is also how a list is padded.
    bytes: [u8; CAPACITY],
    len: u8,
    /// Whether a further option belongs at `len`: of a list that was put together here.
    is_open: bool,
}

impl InlineOptions {
    pub(crate) const EMPTY: Self = Self { bytes: [0; CAPACITY], len: 0, is_open: true };

    /// Keeps a list read from a header: any bytes at all, in whole words and at most 40.
    ///
    /// Not inline: a copy of unknown length keeps the list in memory, and its caller's fast path with it.
    #[inline(never)]
    pub(crate) fn from_wire(list: &[u8]) -> Self {
        let mut bytes = [0; CAPACITY];
        bytes[..list.len()].copy_from_slice(list);
        Self { bytes, len: list.len() as u8, is_open: false }
    }

    /// A list of exactly these bytes; `is_open` says that they are whole options, and the last one does not end the list.
    #[inline]
    pub(crate) const fn of_twelve(list: [u8; 12], is_open: bool) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = list;
        let mut bytes = [0; CAPACITY];
        (bytes[0], bytes[1], bytes[2], bytes[3]) = (a, b, c, d);
        (bytes[4], bytes[5], bytes[6], bytes[7]) = (e, f, g, h);
        (bytes[8], bytes[9], bytes[10], bytes[11]) = (i, j, k, l);
        Self { bytes, len: 12, is_open }
    }

    /// Length in the header: whole 32-bit words.
    #[inline]
    pub(crate) const fn padded_len(&self) -> usize {
        (self.len as usize).next_multiple_of(4)
    }

    /// The list with its padding, as it stands in the header.
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.padded_len()]
    }

    pub(crate) fn as_bytes_mut(&mut self) -> &mut [u8] {
        let len = self.padded_len();
        self.is_open = false;
        &mut self.bytes[..len]
    }

    /// Walks through the options, padding included, until the list ends or cannot be read on.
    #[inline]
    pub(crate) fn iter(&self) -> RawIter<'_> {
        RawIter::over(self.as_bytes())
    }

    /// Where the first option stands whose length is impossible.
    pub(crate) fn malformed_at(&self) -> Option<usize> {
        let mut options = self.iter();
        while options.next().is_some() {}
        options.malformed.then_some(options.offset)
    }

    /// Appends one option behind those that can be read.
    pub(crate) fn try_push(&mut self, what: &'static str, kind: u8, data: &[&[u8]]) -> Result<(), NoRoom> {
        let end = self.end();
        let data_len: usize = data.iter().map(|part| part.len()).sum();
        let need = if kind == NO_OPERATION { 1 } else { 2 + data_len };
        if end + need > CAPACITY {
            return Err(NoRoom { what, room: CAPACITY - end, need });
        }
        self.clear_from(end);
        self.bytes[end] = kind;
        if kind != NO_OPERATION {
            self.bytes[end + 1] = need as u8; // At most 40, see above.
            let mut at = end + 2;
            for part in data {
                self.bytes[at..at + part.len()].copy_from_slice(part);
                at += part.len();
            }
        }
        self.len = (end + need) as u8;
        Ok(())
    }

    /// Appends one option behind as many no-operations as make it end at a whole 32-bit word.
    #[inline]
    pub(crate) fn try_push_aligned(
        &mut self,
        what: &'static str,
        kind: u8,
        data: &[u8],
    ) -> Result<(), NoRoom> {
        let end = self.end();
        let len = 2 + data.len();
        let need = len.next_multiple_of(4);
        if end + need > CAPACITY {
            return Err(NoRoom { what, room: CAPACITY - end, need });
        }
        self.clear_from(end);
        let place = &mut self.bytes[end..end + need];
        let (padding, option) = place.split_at_mut(need - len);
        padding.fill(NO_OPERATION);
        option[0] = kind;
        option[1] = len as u8; // At most 40, see above.
        option[2..].copy_from_slice(data);
        self.len = (end + need) as u8;
        Ok(())
    }

    /// Appends whole options as they are.
    #[inline]
    pub(crate) fn try_push_whole<const N: usize>(
        &mut self,
        what: &'static str,
        options: &[u8; N],
    ) -> Result<(), NoRoom> {
        let end = self.end();
        let Some(place) = self.bytes.get_mut(end..end + N) else {
            return Err(NoRoom { what, room: CAPACITY - end, need: N });
        };
        place.copy_from_slice(options);
        self.clear_from(end + N);
        self.len = (end + N) as u8;
        Ok(())
    }

    /// Forgets what cannot be read behind the options that can.
    #[inline]
    fn clear_from(&mut self, end: usize) {
        if !self.is_open {
            self.bytes[end..].fill(END_OF_LIST);
            self.is_open = true;
        }
    }

    /// Where a further option belongs: at the end-of-list option, the first unreadable one, or the end.
    #[inline]
    fn end(&self) -> usize {
        if self.is_open { usize::from(self.len) } else { self.find_end() }
    }

    fn find_end(&self) -> usize {
        let mut options = RawIter::over(&self.bytes[..usize::from(self.len)]);
        while options.next().is_some() {}
        options.offset
    }
}

/// Two lists are equal when a header would hold the same bytes.
impl PartialEq for InlineOptions {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for InlineOptions {}

/// One option, its value not yet looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RawOption<'a> {
    pub(crate) kind: u8,
    /// Offset of the kind within the list.
    pub(crate) at: usize,
    /// The value: all but kind and length.
    pub(crate) data: &'a [u8],
}

#[derive(Clone, Debug)]
pub(crate) struct RawIter<'a> {
    rest: &'a [u8],
    offset: usize,
    malformed: bool,
}

impl<'a> RawIter<'a> {
    /// Walks through a list where it stands.
    #[inline]
    pub(crate) fn over(list: &'a [u8]) -> Self {
        Self { rest: list, offset: 0, malformed: false }
    }
}

impl<'a> Iterator for RawIter<'a> {
    type Item = RawOption<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawOption<'a>> {
        let at = self.offset;
        let (option, taken) = match *self.rest {
            [] | [END_OF_LIST, ..] => return None,
            [NO_OPERATION, ..] => (RawOption { kind: NO_OPERATION, at, data: &[] }, 1),
            [kind, length, ..] => match self.rest.get(2..usize::from(length)) {
                Some(data) => (RawOption { kind, at, data }, usize::from(length)),
                None => {
                    self.malformed = true;
                    return None;
                }
            },
            [_] => {
                self.malformed = true;
                return None;
            }
        };
        self.offset += taken;
        self.rest = &self.rest[taken..];
        Some(option)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(options: &InlineOptions) -> Vec<u8> {
        options.iter().map(|option| option.kind).collect()
    }

    #[test]
    fn a_list_ends_at_kind_zero_and_keeps_what_follows() {
        let options = InlineOptions::from_wire(&[1, 0, 7, 7]);
        assert_eq!(kinds(&options), [1]);
        assert_eq!(options.as_bytes(), [1, 0, 7, 7]);
        assert_eq!(options.malformed_at(), None);
    }

    #[test]
    fn an_impossible_length_ends_the_list_where_it_stands() {
        // Lengths 0 and 1 do not count themselves; length 5 of 3 bytes left runs out of the list.
        for list in [[1, 9, 0, 0], [1, 9, 1, 0], [1, 9, 5, 0]] {
            let options = InlineOptions::from_wire(&list);
            assert_eq!(kinds(&options), [1], "{list:?}");
            assert_eq!(options.malformed_at(), Some(1), "{list:?}");
        }
        assert_eq!(
            InlineOptions::from_wire(&[1, 1, 1, 9]).malformed_at(),
            Some(3),
            "a kind without a length"
        );
    }

    #[test]
    fn a_push_follows_what_can_be_read() {
        let mut options = InlineOptions::from_wire(&[9, 3, 5, 0, 7, 7, 7, 7]);
        options.try_push("list", 8, &[&[1], &[2]]).unwrap();
        assert_eq!(options.as_bytes(), [9, 3, 5, 8, 4, 1, 2, 0]);
        options.try_push("list", NO_OPERATION, &[]).unwrap();
        assert_eq!(options.as_bytes(), [9, 3, 5, 8, 4, 1, 2, 1]);
    }

    #[test]
    fn an_aligned_option_ends_at_a_whole_word() {
        let mut options = InlineOptions::from_wire(&[9, 4, 5, 6, 0, 7, 7, 7]);
        options.try_push_aligned("list", 8, &[1, 2, 3]).unwrap();
        assert_eq!(options.as_bytes(), [9, 4, 5, 6, 1, 1, 1, 8, 5, 1, 2, 3]);
        options.try_push_aligned("list", 8, &[4, 5]).unwrap();
        assert_eq!(options.as_bytes()[12..], [8, 4, 4, 5]);
        let full = options.try_push_aligned("list", 8, &[0; 23]);
        assert_eq!(full, Err(NoRoom { what: "list", room: 24, need: 28 }));
        assert_eq!(options.padded_len(), 16, "nothing has changed");
    }

    #[test]
    fn the_forty_first_byte_does_not_fit() {
        let mut options = InlineOptions::EMPTY;
        options.try_push("list", 9, &[&[0xAA; 38]]).unwrap();
        assert_eq!(options.padded_len(), 40);
        assert_eq!(
            options.try_push("list", NO_OPERATION, &[]),
            Err(NoRoom { what: "list", room: 0, need: 1 })
        );
    }
}
