//! What protocols ask of a processor that costs more than moving bytes: cryptographic operations, by name.
//!
//! The operations themselves belong to the protocols and their libraries. This says only which one was done, how
//! often and over how many bytes, so that a node's processor can be charged for it.

/// A cryptographic operation, as processors' profiles name it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Operation {
    /// Sealing or opening with AES-128 in CCM mode (RFC 3610), the key schedule included.
    Aes128Ccm,
    /// A SHA-256 digest (FIPS 180-4).
    Sha256,
    /// An HMAC with SHA-256 (RFC 2104).
    HmacSha256,
    /// An ECDSA signature on P-256 (FIPS 186-4).
    P256Sign,
    /// The verification of such a signature.
    P256Verify,
    /// A multiplication of a point on P-256 by a scalar: an ephemeral key, or the secret shared with a peer.
    P256Multiply,
}

/// Work for a processor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Work {
    /// What is done.
    pub operation: Operation,
    /// How often.
    pub times: u32,
    /// Over how many bytes, in all.
    pub bytes: u32,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 6] = [
        Self::Aes128Ccm,
        Self::Sha256,
        Self::HmacSha256,
        Self::P256Sign,
        Self::P256Verify,
        Self::P256Multiply,
    ];

    /// The name in profiles.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes128Ccm => "aes-128-ccm",
            Self::Sha256 => "sha-256",
            Self::HmacSha256 => "hmac-sha-256",
            Self::P256Sign => "p-256-sign",
            Self::P256Verify => "p-256-verify",
            Self::P256Multiply => "p-256-multiply",
        }
    }
}

/// What protects the messages of a flow: cryptography of the application's own, whatever the protocols below do.
///
/// Its bytes (a tag, a signature) are among the message's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protection {
    /// Each message is sealed with AES-128-CCM and opened by its receiver.
    Aes128Ccm,
    /// Each message carries an HMAC-SHA-256.
    HmacSha256,
    /// Each message is signed on P-256, its SHA-256 digest that is, and verified by its receiver.
    P256Signature,
}

impl Protection {
    /// What the sender of a message of `bytes` works on.
    pub fn at_sender(self, bytes: u32) -> Work {
        let operation = match self {
            Self::Aes128Ccm => Operation::Aes128Ccm,
            Self::HmacSha256 => Operation::HmacSha256,
            Self::P256Signature => Operation::P256Sign,
        };
        Work { operation, times: 1, bytes }
    }

    /// What its receiver works on for so many of its bytes, and whether they are its last.
    pub fn at_receiver(self, bytes: u32, last: bool) -> Work {
        let operation = match self {
            Self::Aes128Ccm => Operation::Aes128Ccm,
            Self::HmacSha256 => Operation::HmacSha256,
            Self::P256Signature => Operation::P256Verify,
        };
        Work { operation, times: u32::from(last), bytes }
    }
}
