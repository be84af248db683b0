//! The codes of RFC 4895: HMAC (RFC 2104) with SHA-1 or SHA-256.

use hmac::{Hmac, KeyInit, Mac as _};
use sha1::Sha1;
use sha2::Sha256;
use smallvec::SmallVec;
use wire::payload::Payload;

/// A message digest algorithm (RFC 4895 §3.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HmacAlgorithm {
    /// SHA-1, which every endpoint supports.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl HmacAlgorithm {
    /// Bytes of the longest code.
    pub(super) const CODE_LEN_MAX: usize = 32;

    /// The algorithm of an HMAC identifier, if it is supported.
    pub fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Sha1),
            3 => Some(Self::Sha256),
            _ => None,
        }
    }

    /// Its HMAC identifier.
    pub fn number(self) -> u16 {
        match self {
            Self::Sha1 => 1,
            Self::Sha256 => 3,
        }
    }

    /// Bytes of a code.
    pub(super) fn code_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => Self::CODE_LEN_MAX,
        }
    }
}

/// A code that is being computed.
pub(super) enum Mac {
    /// With SHA-1.
    Sha1(Box<Hmac<Sha1>>),
    /// With SHA-256.
    Sha256(Box<Hmac<Sha256>>),
}

impl Mac {
    pub(super) fn new(algorithm: HmacAlgorithm, key: &[u8]) -> Self {
        const ANY: &str = "HMAC takes keys of any length";
        match algorithm {
            HmacAlgorithm::Sha1 => Self::Sha1(Box::new(Hmac::new_from_slice(key).expect(ANY))),
            HmacAlgorithm::Sha256 => Self::Sha256(Box::new(Hmac::new_from_slice(key).expect(ANY))),
        }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(mac) => mac.update(bytes),
            Self::Sha256(mac) => mac.update(bytes),
        }
    }

    pub(super) fn add_zeros(&mut self, count: u32) {
        let zeros = [0; 256];
        let mut left = count as usize;
        while left > 0 {
            let part = left.min(zeros.len());
            self.add(&zeros[..part]);
            left -= part;
        }
    }

    /// Adds payload, of which filler is zeros.
    pub(super) fn add_payload(&mut self, payload: &Payload) {
        for slice in payload.slices() {
            match slice.as_bytes() {
                Some(bytes) => self.add(bytes),
                None => self.add_zeros(slice.len()),
            }
        }
    }

    pub(super) fn finish(self) -> SmallVec<[u8; HmacAlgorithm::CODE_LEN_MAX]> {
        match self {
            Self::Sha1(mac) => SmallVec::from_slice(&mac.finalize().into_bytes()),
            Self::Sha256(mac) => SmallVec::from_slice(&mac.finalize().into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
    }

    // Holds: RFC 4895 3.3-c
    #[test]
    fn codes_are_those_of_the_published_vectors() {
        // RFC 2202 §3 case 2 (SHA-1) and RFC 4231 §4.3 (SHA-256): one key, one text.
        let code = |algorithm| {
            let mut mac = Mac::new(algorithm, b"Jefe");
            mac.add(b"what do ya want ");
            mac.add(b"for nothing?");
            mac.finish().to_vec()
        };
        assert_eq!(code(HmacAlgorithm::Sha1), hex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"));
        let sha256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(code(HmacAlgorithm::Sha256), hex(sha256));
    }
}
