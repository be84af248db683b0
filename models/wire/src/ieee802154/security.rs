//! The auxiliary security header (IEEE 802.15.4 clause 9.4) and what AES-CCM* adds to a frame.

use crate::error::{ParseError, array};

const NAME: &str = "an auxiliary security header";

/// What protects a frame (table 9-6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SecurityLevel {
    /// Nothing: level 0.
    None,
    /// An integrity code of 4 bytes: level 1.
    Mic32,
    /// An integrity code of 8 bytes: level 2.
    Mic64,
    /// An integrity code of 16 bytes: level 3.
    Mic128,
    /// Encryption alone: level 4, which the 2015 edition has withdrawn.
    Encrypted,
    /// Encryption and a code of 4 bytes: level 5, as Thread and 6TiSCH use.
    EncryptedMic32,
    /// Encryption and a code of 8 bytes: level 6.
    EncryptedMic64,
    /// Encryption and a code of 16 bytes: level 7.
    EncryptedMic128,
}

impl SecurityLevel {
    const ALL: [Self; 8] = [
        Self::None,
        Self::Mic32,
        Self::Mic64,
        Self::Mic128,
        Self::Encrypted,
        Self::EncryptedMic32,
        Self::EncryptedMic64,
        Self::EncryptedMic128,
    ];

    /// The level of a number, of which the last three bits count.
    #[must_use]
    pub const fn of_number(number: u8) -> Self {
        Self::ALL[(number & 7) as usize]
    }

    /// Its number: 0 to 7.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Bytes of the integrity code behind the payload.
    #[must_use]
    pub const fn mic_len(self) -> usize {
        match self {
            Self::None | Self::Encrypted => 0,
            Self::Mic32 | Self::EncryptedMic32 => 4,
            Self::Mic64 | Self::EncryptedMic64 => 8,
            Self::Mic128 | Self::EncryptedMic128 => 16,
        }
    }

    /// The level with the same code that leaves the payload legible.
    #[must_use]
    pub const fn legible(self) -> Self {
        Self::of_number(self.number() & 3)
    }

    /// Whether the payload is encrypted.
    #[must_use]
    pub const fn encrypts(self) -> bool {
        match self {
            Self::None | Self::Mic32 | Self::Mic64 | Self::Mic128 => false,
            Self::Encrypted | Self::EncryptedMic32 | Self::EncryptedMic64 | Self::EncryptedMic128 => true,
        }
    }
}

/// Which key was used (table 9-7).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyIdentifier {
    /// Both sides know it: mode 0.
    Implicit,
    /// Its number: mode 1.
    Index(u8),
    /// Source of 4 bytes and number: mode 2.
    ShortSource([u8; 4], u8),
    /// Source of 8 bytes and number: mode 3.
    ExtendedSource([u8; 8], u8),
}

impl KeyIdentifier {
    const fn mode(self) -> u8 {
        match self {
            Self::Implicit => 0,
            Self::Index(_) => 1,
            Self::ShortSource(..) => 2,
            Self::ExtendedSource(..) => 3,
        }
    }

    const fn len(self) -> usize {
        match self {
            Self::Implicit => 0,
            Self::Index(_) => 1,
            Self::ShortSource(..) => 5,
            Self::ExtendedSource(..) => 9,
        }
    }
}

/// How a frame is secured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AuxiliarySecurity {
    /// What protects it.
    pub level: SecurityLevel,
    /// Counts the frames under the key; `None` where the slot's number stands in for it (TSCH).
    pub frame_counter: Option<u32>,
    /// The key.
    pub key: KeyIdentifier,
}

impl AuxiliarySecurity {
    /// Bytes that [`Self::emit`] writes: 1 to 14.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub const fn len(&self) -> usize {
        1 + if self.frame_counter.is_some() { 4 } else { 0 } + self.key.len()
    }

    /// Reads the header at the start of `bytes`; returns what follows it.
    ///
    /// # Errors
    /// The bytes end within the header.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let short = |need| ParseError::Truncated { header: NAME, need, have: bytes.len() };
        let (&control, _) = bytes.split_first().ok_or(short(1))?;
        let has_counter = control & COUNTER_SUPPRESSED == 0;
        let at = if has_counter { 5 } else { 1 };
        let key_len = [0, 1, 5, 9][usize::from(control >> 3 & 3)];
        let need = at + key_len;
        if bytes.len() < need {
            return Err(short(need));
        }
        let key = match control >> 3 & 3 {
            0 => KeyIdentifier::Implicit,
            1 => KeyIdentifier::Index(bytes[at]),
            2 => KeyIdentifier::ShortSource(array(bytes, at), bytes[at + 4]),
            _ => KeyIdentifier::ExtendedSource(array(bytes, at), bytes[at + 8]),
        };
        let header = Self {
            level: SecurityLevel::of_number(control),
            frame_counter: has_counter.then(|| u32::from_le_bytes(array(bytes, 1))),
            key,
        };
        Ok((header, &bytes[need..]))
    }

    /// Writes the header at the front of `out`, which has room for [`Self::len`] bytes.
    ///
    /// # Panics
    /// `out` is shorter.
    pub fn emit(&self, out: &mut [u8]) {
        let suppressed = if self.frame_counter.is_none() { COUNTER_SUPPRESSED } else { 0 };
        out[0] = self.level.number() | self.key.mode() << 3 | suppressed;
        let mut at = 1;
        if let Some(counter) = self.frame_counter {
            out[at..at + 4].copy_from_slice(&counter.to_le_bytes());
            at += 4;
        }
        match self.key {
            KeyIdentifier::Implicit => {}
            KeyIdentifier::Index(index) => out[at] = index,
            KeyIdentifier::ShortSource(source, index) => {
                out[at..at + 4].copy_from_slice(&source);
                out[at + 4] = index;
            }
            KeyIdentifier::ExtendedSource(source, index) => {
                out[at..at + 8].copy_from_slice(&source);
                out[at + 8] = index;
            }
        }
    }
}

/// The counter is left out (clause 9.4.2.4).
const COUNTER_SUPPRESSED: u8 = 1 << 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_survives_emit_and_parse() {
        let keys = [
            (KeyIdentifier::Implicit, 5),
            (KeyIdentifier::Index(1), 6),
            (KeyIdentifier::ShortSource([1, 2, 3, 4], 5), 10),
            (KeyIdentifier::ExtendedSource([1, 2, 3, 4, 5, 6, 7, 8], 9), 14),
        ];
        for level in SecurityLevel::ALL {
            for (key, len) in keys {
                for frame_counter in [Some(0x0102_0304), None] {
                    let header = AuxiliarySecurity { level, frame_counter, key };
                    assert_eq!(header.len(), if frame_counter.is_some() { len } else { len - 4 });
                    let mut out = vec![0; header.len() + 1];
                    header.emit(&mut out);
                    assert_eq!(AuxiliarySecurity::parse(&out), Ok((header, &[0][..])));
                    assert!(AuxiliarySecurity::parse(&out[..header.len() - 1]).is_err());
                }
            }
        }
    }

    #[test]
    fn codes_have_the_lengths_of_table_9_6() {
        let lengths = SecurityLevel::ALL.map(SecurityLevel::mic_len);
        assert_eq!(lengths, [0, 4, 8, 16, 0, 4, 8, 16]);
        assert_eq!(SecurityLevel::ALL.iter().filter(|level| level.encrypts()).count(), 4);
    }
}
