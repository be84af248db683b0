//! AES-CCM*: how frames are protected (IEEE 802.15.4-2020 clause 9.3 and annex B).
//!
//! CCM* is CCM (RFC 3610) with encryption alone added. What a code covers is the whole frame up to itself; what is
//! encrypted is the payload.

use aes::Aes128;
use ccm::Ccm;
use ccm::aead::consts::{U4, U8, U13, U16};
use ccm::aead::{AeadInOut, KeyInit};

use super::{ExtendedAddress, SecurityLevel};

/// A key of AES-128.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Key([u8; 16]);

impl Key {
    /// The key of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// What makes each use of a key different (clause 9.3.3.1): sender, frame counter, level.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Nonce([u8; 13]);

impl Nonce {
    /// The nonce of a frame. Both numbers count with their most significant byte first.
    #[must_use]
    pub fn new(source: ExtendedAddress, frame_counter: u32, level: SecurityLevel) -> Self {
        let mut bytes = [0; 13];
        bytes[..8].copy_from_slice(&source.0);
        bytes[8..12].copy_from_slice(&frame_counter.to_be_bytes());
        bytes[12] = level.number();
        Self(bytes)
    }

    /// The nonce of a frame that is sent in a slot (clause 9.3.3.3): sender and the slot's number, of which five bytes count.
    #[must_use]
    pub fn in_slot(source: ExtendedAddress, slot: u64) -> Self {
        let mut bytes = [0; 13];
        bytes[..8].copy_from_slice(&source.0);
        bytes[8..].copy_from_slice(&slot.to_be_bytes()[3..]);
        Self(bytes)
    }
}

/// Protects a frame of `open` bytes (header and what of the payload stays legible) and `payload`, which is encrypted in its
/// place if the level says so, and writes the integrity code.
///
/// # Panics
/// `mic` is not as long as the level's code.
pub fn seal(level: SecurityLevel, key: Key, nonce: Nonce, open: &[u8], payload: &mut [u8], mic: &mut [u8]) {
    assert_eq!(mic.len(), level.mic_len(), "the code has its level's length");
    if level.encrypts() {
        let code = encrypt(level, key, nonce, open, payload);
        mic.copy_from_slice(&code[..level.mic_len()]);
    } else if level.mic_len() > 0 {
        let all = [open, payload].concat();
        mic.copy_from_slice(&encrypt(level, key, nonce, &all, &mut [])[..level.mic_len()]);
    }
}

/// Takes the protection off a frame, and says whether its code is right; if it is not, the payload is of no use.
#[must_use]
pub fn unseal(
    level: SecurityLevel,
    key: Key,
    nonce: Nonce,
    open: &[u8],
    payload: &mut [u8],
    mic: &[u8],
) -> bool {
    if mic.len() != level.mic_len() {
        return false;
    }
    match level {
        SecurityLevel::None => true,
        // The same stream takes the encryption off that put it on.
        SecurityLevel::Encrypted => {
            encrypt(level, key, nonce, open, payload);
            true
        }
        SecurityLevel::Mic32 | SecurityLevel::Mic64 | SecurityLevel::Mic128 => {
            let all = [open, payload].concat();
            encrypt(level, key, nonce, &all, &mut [])[..level.mic_len()] == *mic
        }
        SecurityLevel::EncryptedMic32 | SecurityLevel::EncryptedMic64 | SecurityLevel::EncryptedMic128 => {
            let bare = payload.to_vec();
            encrypt(SecurityLevel::Encrypted, key, nonce, open, payload);
            let mut again = payload.to_vec();
            let code = encrypt(level, key, nonce, open, &mut again);
            debug_assert_eq!(again, bare, "the stream does not depend on what it is laid over");
            code[..level.mic_len()] == *mic
        }
    }
}

/// Encrypts `message` in its place; the first bytes of what is returned are the code of the level's length.
fn encrypt(level: SecurityLevel, key: Key, nonce: Nonce, open: &[u8], message: &mut [u8]) -> [u8; 16] {
    let mut code = [0; 16];
    // CCM has no code of no bytes; the stream is the same whatever the code's length.
    match level.mic_len() {
        0 | 4 => code[..4].copy_from_slice(&with::<Ccm<Aes128, U4, U13>>(key, nonce, open, message)),
        8 => code[..8].copy_from_slice(&with::<Ccm<Aes128, U8, U13>>(key, nonce, open, message)),
        _ => code.copy_from_slice(&with::<Ccm<Aes128, U16, U13>>(key, nonce, open, message)),
    }
    code
}

fn with<C>(key: Key, nonce: Nonce, open: &[u8], message: &mut [u8]) -> Vec<u8>
where
    C: AeadInOut<NonceSize = U13> + KeyInit<KeySize = U16>,
{
    let cipher = C::new(&key.0.into());
    let code = cipher.encrypt_inout_detached(&nonce.0.into(), open, message.into());
    code.expect("a frame is shorter than CCM's longest message").to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: Key =
        Key([0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF]);
    const SOURCE: ExtendedAddress = ExtendedAddress([0xAC, 0xDE, 0x48, 0, 0, 0, 0, 1]);

    #[test]
    fn frames_are_protected_as_in_the_standard_s_examples() {
        // IEEE 802.15.4-2006 annex C.2: a beacon of level 2, data of level 4, a command of level 6; frame counter 5.
        let beacon = [
            0x08, 0xD0, 0x84, 0x21, 0x43, 0x01, 0, 0, 0, 0, 0x48, 0xDE, 0xAC, 0x02, 5, 0, 0, 0, 0x55, 0xCF,
            0, 0,
        ];
        let (mut payload, mut mic) = ([0x51, 0x52, 0x53, 0x54], [0; 8]);
        let level = SecurityLevel::Mic64;
        seal(level, KEY, Nonce::new(SOURCE, 5, level), &beacon, &mut payload, &mut mic);
        assert_eq!(payload, [0x51, 0x52, 0x53, 0x54]);
        assert_eq!(mic, [0x22, 0x3B, 0xC1, 0xEC, 0x84, 0x1A, 0xB5, 0x53]);

        let data = [
            0x69, 0xDC, 0x84, 0x21, 0x43, 0x02, 0, 0, 0, 0, 0x48, 0xDE, 0xAC, 0x01, 0, 0, 0, 0, 0x48, 0xDE,
            0xAC, 0x04, 5, 0, 0, 0,
        ];
        let mut payload = [0x61, 0x62, 0x63, 0x64];
        let level = SecurityLevel::Encrypted;
        seal(level, KEY, Nonce::new(SOURCE, 5, level), &data, &mut payload, &mut []);
        assert_eq!(payload, [0xD4, 0x3E, 0x02, 0x2B]);

        let command = [
            0x2B, 0xDC, 0x84, 0x21, 0x43, 0x02, 0, 0, 0, 0, 0x48, 0xDE, 0xAC, 0xFF, 0xFF, 0x01, 0, 0, 0, 0,
            0x48, 0xDE, 0xAC, 0x06, 5, 0, 0, 0, 0x01,
        ];
        let (mut payload, mut mic) = ([0xCE], [0; 8]);
        let level = SecurityLevel::EncryptedMic64;
        seal(level, KEY, Nonce::new(SOURCE, 5, level), &command, &mut payload, &mut mic);
        assert_eq!(payload, [0xD8]);
        assert_eq!(mic, [0x4F, 0xDE, 0x52, 0x90, 0x61, 0xF9, 0xC6, 0xF1]);
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_what_is_touched_does_not(
            number in 0_u8..8,
            counter in any::<u32>(),
            open in prop::collection::vec(any::<u8>(), 9..37),
            payload in prop::collection::vec(any::<u8>(), 0..100),
            touched in any::<prop::sample::Index>(),
        ) {
            let level = SecurityLevel::of_number(number);
            let nonce = Nonce::new(SOURCE, counter, level);
            let (mut sealed, mut mic) = (payload.clone(), vec![0; level.mic_len()]);
            seal(level, KEY, nonce, &open, &mut sealed, &mut mic);
            prop_assert_eq!(sealed.len(), payload.len());
            prop_assert!(level.encrypts() || sealed == payload);
            let mut opened = sealed.clone();
            prop_assert!(unseal(level, KEY, nonce, &open, &mut opened, &mic));
            prop_assert_eq!(&opened, &payload);
            if level.mic_len() > 0 {
                let mut all = [&open[..], &sealed, &mic].concat();
                let at = touched.index(all.len());
                all[at] ^= 1;
                let (open, rest) = all.split_at_mut(open.len());
                let (sealed, mic) = rest.split_at_mut(payload.len());
                prop_assert!(!unseal(level, KEY, nonce, open, sealed, mic));
            }
        }
    }
}
