//! What can be wrong with bytes that claim to be a header.

/// Why bytes are not the header they claim to be. The first field names the header as its source does.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// The slice ends before the header does.
    #[error("{header} needs {need} bytes, got {have}")]
    Truncated {
        /// The header that was expected.
        header: &'static str,
        /// Bytes the header has, as far as it could be read.
        need: usize,
        /// Bytes that were there.
        have: usize,
    },
    /// A field has a value that its source forbids.
    #[error("{header} has {field} {value}, which is not allowed")]
    Field {
        /// The header that was expected.
        header: &'static str,
        /// The field, in its source's words.
        field: &'static str,
        /// What the field says.
        value: u32,
    },
    /// The checksum that the header carries does not fit its bytes.
    #[error("{header} has a wrong checksum")]
    Checksum {
        /// The header that was expected.
        header: &'static str,
    },
    /// More headers in a row than a receiver is willing to walk through.
    #[error("{header} repeats more than {limit} times")]
    TooMany {
        /// The header that repeats.
        header: &'static str,
        /// The most that are accepted.
        limit: usize,
    },
}

/// A value that does not fit where the wire format has room for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{what} has room for {room} bytes, {need} do not fit")]
pub struct NoRoom {
    /// The field or list that is too small.
    pub what: &'static str,
    /// Bytes that it can hold, or that are left in it.
    pub room: usize,
    /// Bytes that were to be put there.
    pub need: usize,
}

/// Splits off the first `N` bytes, or says which header is too short.
pub(crate) fn fixed<'a, const N: usize>(
    header: &'static str,
    bytes: &'a [u8],
) -> Result<(&'a [u8; N], &'a [u8]), ParseError> {
    bytes.split_first_chunk::<N>().ok_or(ParseError::Truncated { header, need: N, have: bytes.len() })
}

/// The output slice as an array, when `emit` was given exactly the header's length.
pub(crate) fn exactly<const N: usize>(out: &mut [u8]) -> &mut [u8; N] {
    let have = out.len();
    let Ok(array) = out.try_into() else {
        panic!("emit was given {have} bytes for a header of {N}");
    };
    array
}

/// The `N` bytes at `at`, which the caller knows to be there.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("a range of N bytes has N bytes")
}

/// A header of `N` words of 32 bits, first to last.
#[inline]
pub(crate) fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let (chunks, _) = bytes.as_chunks::<4>();
    let chunks: &[[u8; 4]; N] = chunks.first_chunk().expect("the caller has checked the length");
    chunks.map(u32::from_be_bytes)
}

/// Writes a header of `N` words of 32 bits into exactly as many bytes.
#[inline]
pub(crate) fn write_words<const N: usize>(out: &mut [u8], words: &[u32; N]) {
    let (chunks, _) = out.as_chunks_mut::<4>();
    for (chunk, word) in chunks.iter_mut().zip(words) {
        *chunk = word.to_be_bytes();
    }
}
