//! How options are kept, and how much of a header they take.

use super::dss::Usual;
use super::{Dss, MptcpOption};
use crate::error::NoRoom;
use crate::tcp_options::TcpOptions;

/// The value of one option, without kind and length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OptionBytes {
    bytes: [u8; 38],
    len: u8,
}

impl OptionBytes {
    pub(super) const EMPTY: Self = Self { bytes: [0; 38], len: 0 };

    /// The bytes, as [`crate::tcp_options::TcpOption::Mptcp`] takes them.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Appends a field. The longest option has 36 bytes behind kind and length, so that all fit.
    #[inline]
    pub(super) fn push(&mut self, field: &[u8]) {
        let at = usize::from(self.len);
        self.bytes[at..at + field.len()].copy_from_slice(field);
        self.len += field.len() as u8;
    }
}

/// Bytes that an option of `len` bytes takes together with the no-operations that align what follows.
#[inline]
#[must_use]
pub const fn length_with_padding(len: usize) -> usize {
    len.next_multiple_of(4)
}

impl TcpOptions {
    /// Appends an option of Multipath TCP behind as many no-operations as make it end at a whole 32-bit word.
    ///
    /// # Errors
    /// The option does not fit into what is left of the 40 bytes; nothing has changed then.
    #[inline]
    pub fn try_push_mptcp(&mut self, option: &MptcpOption) -> Result<(), NoRoom> {
        self.try_push_mptcp_data(option.emit().as_slice())
    }

    /// As [`Self::try_push_mptcp`], for the signal that nearly every segment has.
    ///
    /// # Errors
    /// The option does not fit into what is left of the 40 bytes; nothing has changed then.
    #[inline]
    pub fn try_push_dss(&mut self, signal: &Dss) -> Result<(), NoRoom> {
        match signal.usual() {
            Usual::Acknowledgment(words) => self.try_push_aligned_words(&words),
            Usual::Data(words) => self.try_push_aligned_words(&words),
            Usual::Other => self.try_push_mptcp_data(signal.emit().as_slice()),
        }
    }
}
