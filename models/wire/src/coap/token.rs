//! Tokens, which match responses to requests (RFC 7252 §5.3.1).

use std::fmt;

/// The longest token (RFC 7252 §3).
pub const TOKEN_LEN_MAX: usize = 8;

/// Up to eight bytes that a client chooses and a server repeats.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Token {
    bytes: [u8; TOKEN_LEN_MAX],
    len: u8,
}

impl Token {
    /// No bytes.
    pub const EMPTY: Self = Self { bytes: [0; TOKEN_LEN_MAX], len: 0 };

    /// The first `len` bytes of `value`, most significant first, at most eight.
    pub fn from_value(value: u64, len: u8) -> Self {
        let len = len.min(TOKEN_LEN_MAX as u8);
        let mut bytes = [0; TOKEN_LEN_MAX];
        let all = value.to_be_bytes();
        bytes[..usize::from(len)].copy_from_slice(&all[TOKEN_LEN_MAX - usize::from(len)..]);
        Self { bytes, len }
    }

    /// These bytes, unless there are more than eight.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut token = Self::EMPTY;
        token.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        token.len = bytes.len() as u8;
        Some(token)
    }

    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// How many there are.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "an empty token is a token")]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
