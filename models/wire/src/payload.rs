//! Payload: shared slices that are cut and joined without copying.
//!
//! A slice is either real bytes or *filler*: zeros that take no memory and are told apart by a pattern
//! and an offset, so that a simulation can prove which bytes arrived without storing them.

use std::ops::Range;
use std::sync::Arc;

use sim_core::digest;
use smallvec::SmallVec;

use crate::checksum::Sum;

/// Shared, immutable bytes, or filler.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Slice {
    content: Content,
    len: u32,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Content {
    Filler { pattern: u32, offset: u64 },
    Bytes { buffer: Arc<[u8]>, start: u32 },
}

impl Slice {
    /// `len` zeros that are bytes `offset..offset + len` of the endless stream called `pattern`.
    pub fn filler(pattern: u32, offset: u64, len: u32) -> Self {
        Self { content: Content::Filler { pattern, offset }, len }
    }

    /// Real bytes.
    ///
    /// # Panics
    ///
    /// If `bytes` holds 4 GiB or more.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let buffer: Arc<[u8]> = bytes.into();
        let len = u32::try_from(buffer.len()).expect("a slice is shorter than 4 GiB");
        Self { content: Content::Bytes { buffer, start: 0 }, len }
    }

    /// Length in bytes.
    #[inline]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether the slice holds no byte.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Pattern and offset, if this is filler.
    pub fn as_filler(&self) -> Option<(u32, u64)> {
        match self.content {
            Content::Filler { pattern, offset } => Some((pattern, offset)),
            Content::Bytes { .. } => None,
        }
    }

    /// The bytes, unless this is filler.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Filler { .. } => None,
            Content::Bytes { buffer, start } => {
                let start = *start as usize;
                Some(&buffer[start..start + self.len as usize])
            }
        }
    }

    /// The part `range` of this slice, sharing its bytes.
    ///
    /// # Panics
    ///
    /// If the range does not lie inside the slice.
    #[inline]
    pub fn slice(&self, range: Range<u32>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} of {} bytes", self.len);
        let content = match &self.content {
            Content::Filler { pattern, offset } => {
                Content::Filler { pattern: *pattern, offset: offset + u64::from(range.start) }
            }
            Content::Bytes { buffer, start } => {
                Content::Bytes { buffer: Arc::clone(buffer), start: start + range.start }
            }
        };
        Self { content, len: range.end - range.start }
    }

    /// Forgets the first `bytes`.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    #[inline]
    pub fn drop_front(&mut self, bytes: u32) {
        self.len = self.len.checked_sub(bytes).expect("no more is dropped than there is");
        match &mut self.content {
            Content::Filler { offset, .. } => *offset += u64::from(bytes),
            Content::Bytes { start, .. } => *start += bytes,
        }
    }

    /// Removes and returns the first `bytes`, sharing the memory.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    #[inline]
    fn split_front(&mut self, bytes: u32) -> Self {
        let front = self.slice(0..bytes);
        self.drop_front(bytes);
        front
    }

    /// Takes `next` in if it directly continues this slice without copying; says whether it did.
    #[inline]
    pub fn try_extend(&mut self, next: &Self) -> bool {
        let Some(len) = self.len.checked_add(next.len) else { return false };
        let continues = match (&self.content, &next.content) {
            (Content::Filler { pattern, offset }, Content::Filler { pattern: p, offset: o }) => {
                pattern == p && offset + u64::from(self.len) == *o
            }
            (Content::Bytes { buffer, start }, Content::Bytes { buffer: b, start: s }) => {
                Arc::ptr_eq(buffer, b) && start + self.len == *s
            }
            (Content::Filler { .. }, Content::Bytes { .. })
            | (Content::Bytes { .. }, Content::Filler { .. }) => false,
        };
        if continues {
            self.len = len;
        }
        continues
    }

    /// Writes the bytes to the front of `out`.
    ///
    /// # Panics
    ///
    /// If `out` is shorter than the slice.
    pub fn copy_to(&self, out: &mut [u8]) {
        let out = &mut out[..self.len as usize];
        match self.as_bytes() {
            Some(bytes) => out.copy_from_slice(bytes),
            None => out.fill(0),
        }
    }

    /// The slice's part in a digest: of real bytes their hash, of filler its name and place.
    #[inline]
    pub fn digest(&self) -> u64 {
        match &self.content {
            Content::Filler { pattern, offset } => {
                digest::filler_digest(*pattern, *offset, u64::from(self.len))
            }
            Content::Bytes { buffer, start } => {
                let start = *start as usize;
                digest::bytes_digest(&buffer[start..start + self.len as usize])
            }
        }
    }
}

/// What a packet or a message carries: slices in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Payload {
    slices: SmallVec<[Slice; 1]>,
    len: u32,
}

impl Payload {
    /// No bytes.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Real bytes.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::from(Slice::from_bytes(bytes))
    }

    /// Length in bytes.
    #[inline]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there is no byte.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The slices, in order; none is empty.
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// Adds a slice at the end, joined to the last one where it continues it.
    ///
    /// # Panics
    ///
    /// If the payload would reach 4 GiB.
    #[inline]
    pub fn push(&mut self, slice: Slice) {
        if slice.is_empty() {
            return;
        }
        self.len = self.len.checked_add(slice.len()).expect("a payload is shorter than 4 GiB");
        if !self.slices.last_mut().is_some_and(|last| last.try_extend(&slice)) {
            self.slices.push(slice);
        }
    }

    /// Takes the only slice out, if there is exactly one.
    #[inline(always)]
    pub(crate) fn take_single(&mut self) -> Option<Slice> {
        if self.slices.len() != 1 {
            return None;
        }
        self.len = 0;
        self.slices.pop()
    }

    /// Adds all of `other` at the end.
    pub fn append(&mut self, other: Self) {
        for slice in other.slices {
            self.push(slice);
        }
    }

    /// Adds a slice in front.
    pub fn push_front(&mut self, slice: Slice) {
        if slice.is_empty() {
            return;
        }
        self.len = self.len.checked_add(slice.len()).expect("a payload is shorter than 4 GiB");
        self.slices.insert(0, slice);
    }

    /// The part `range`, sharing the bytes.
    ///
    /// # Panics
    ///
    /// If the range does not lie inside the payload.
    pub fn slice(&self, range: Range<u32>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} of {} bytes", self.len);
        let mut part = Self::empty();
        let mut start = 0;
        for slice in &self.slices {
            let end = start + slice.len();
            let from = range.start.max(start);
            let to = range.end.min(end);
            if from < to {
                part.push(slice.slice(from - start..to - start));
            }
            start = end;
        }
        part
    }

    /// Removes and returns the first `bytes`.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    #[inline]
    pub fn split_front(&mut self, bytes: u32) -> Self {
        if bytes == self.len {
            return std::mem::take(self);
        }
        if let [only] = self.slices.as_mut_slice()
            && bytes > 0
        {
            let front = only.split_front(bytes);
            self.len -= bytes;
            return Self::from(front);
        }
        let front = self.slice(0..bytes);
        *self = self.slice(bytes..self.len);
        front
    }

    /// Writes all bytes to the front of `out`.
    ///
    /// # Panics
    ///
    /// If `out` is shorter than the payload.
    pub fn copy_to(&self, out: &mut [u8]) {
        let mut at = 0;
        for slice in &self.slices {
            slice.copy_to(&mut out[at..]);
            at += slice.len() as usize;
        }
    }

    /// All bytes in one vector.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len as usize];
        self.copy_to(&mut bytes);
        bytes
    }

    /// The internet checksum's sum over all bytes (RFC 1071); filler adds nothing.
    #[inline]
    pub fn sum(&self) -> Sum {
        let mut sum = Sum::ZERO;
        let mut at = 0_usize;
        for slice in &self.slices {
            if let Some(bytes) = slice.as_bytes() {
                sum.add_at(at, Sum::of(bytes));
            }
            at += slice.len() as usize;
        }
        sum
    }

    /// The payload's part in a digest: of one slice the slice's own, of several their chain.
    #[inline]
    pub fn digest(&self) -> u64 {
        match self.slices.as_slice() {
            [] => 0,
            [slice] => slice.digest(),
            slices => {
                slices.iter().fold(0, |chain, slice| digest::fold(chain ^ slice.digest(), PAYLOAD_CHAIN))
            }
        }
    }
}

impl From<Slice> for Payload {
    #[inline]
    fn from(slice: Slice) -> Self {
        if slice.is_empty() {
            return Self::empty();
        }
        Self { len: slice.len, slices: SmallVec::from_buf([slice]) }
    }
}

/// Odd constant that chains the digests of several slices (2^64 divided by the golden ratio).
const PAYLOAD_CHAIN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filler_is_cut_and_joined_by_place() {
        let whole = Slice::filler(5, 100, 1000);
        let mut front = whole.slice(0..300);
        assert_eq!(front.as_filler(), Some((5, 100)));
        assert!(front.try_extend(&whole.slice(300..1000)));
        assert_eq!(front, whole);
        assert!(!front.try_extend(&Slice::filler(5, 0, 1)), "offset 0 does not continue offset 1100");
        assert!(!front.try_extend(&Slice::filler(6, 1100, 1)), "another pattern");
        front.drop_front(300);
        assert_eq!(front, whole.slice(300..1000));
    }

    #[test]
    fn any_cut_of_a_payload_holds_the_same_bytes() {
        let mut payload = Payload::from_bytes(vec![1, 2, 3]);
        payload.push(Slice::filler(0, 0, 2));
        payload.push(Slice::from_bytes(vec![4, 5]));
        let bytes = payload.to_vec();
        assert_eq!(bytes, [1, 2, 3, 0, 0, 4, 5]);
        for start in 0..=7_u32 {
            for end in start..=7 {
                assert_eq!(payload.slice(start..end).to_vec(), &bytes[start as usize..end as usize]);
            }
        }
    }

    #[test]
    fn the_sum_does_not_depend_on_how_bytes_are_sliced() {
        let bytes: Vec<u8> = (1..=9).collect();
        let whole = Payload::from_bytes(bytes.clone());
        for cut in 0..=9_usize {
            let mut parts = Payload::from_bytes(bytes[..cut].to_vec());
            parts.push(Slice::from_bytes(bytes[cut..].to_vec()));
            assert_eq!(parts.sum().finish(), whole.sum().finish(), "cut at {cut}");
        }
    }
}
