//! What is computed from keys: tokens, initial data sequence numbers, and HMACs (RFC 8684 §3.1, §3.2, §3.4.1).

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The token of a connection: the most significant 32 bits of its key's hash.
pub fn token(key: u64) -> u32 {
    let hash = Sha256::digest(key.to_be_bytes());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// The initial data sequence number of the owner of `key`: the least significant 64 bits of its hash.
pub fn initial_data_sequence(key: u64) -> u64 {
    let hash = Sha256::digest(key.to_be_bytes());
    hash[24..].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The HMAC of the side with key and random number `own` in MP_JOIN.
pub fn join_hmac(own: (u64, u32), peer: (u64, u32)) -> [u8; 32] {
    hmac((own.0, peer.0), &[&own.1.to_be_bytes(), &peer.1.to_be_bytes()])
}

/// The leftmost 64 bits of an HMAC, as on a SYN-ACK.
pub fn leftmost_64(hmac: &[u8; 32]) -> u64 {
    hmac[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The leftmost 160 bits of an HMAC, as on the third segment.
pub fn leftmost_160(hmac: &[u8; 32]) -> [u8; 20] {
    let mut cut = [0; 20];
    cut.copy_from_slice(&hmac[..20]);
    cut
}

/// The rightmost 64 bits of the HMAC of an announced address, which is sent with the keys in the order (sender's,
/// receiver's). Without a port two bytes of zero stand for it.
pub fn address_hmac(keys: (u64, u64), id: u8, address: IpAddr, port: Option<u16>) -> u64 {
    let port = port.unwrap_or(0).to_be_bytes();
    let hash = match address {
        IpAddr::V4(address) => hmac(keys, &[&[id], &address.octets(), &port]),
        IpAddr::V6(address) => hmac(keys, &[&[id], &address.octets(), &port]),
    };
    hash[24..].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Bytes that the HMAC of an announced address is over: its number, itself and a port.
pub fn announced_len(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(_) => 1 + 4 + 2,
        IpAddr::V6(_) => 1 + 16 + 2,
    }
}

/// Bytes of a key, which its hash is over.
pub const KEY_LEN: usize = 8;

/// Bytes that a join's HMAC is over: both random numbers.
pub const JOIN_LEN: usize = 8;

fn hmac(keys: (u64, u64), message: &[&[u8]]) -> [u8; 32] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&keys.0.to_be_bytes());
    key[8..].copy_from_slice(&keys.1.to_be_bytes());
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    for part in message {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const A: u64 = 0x0102_0304_0506_0708;
    const B: u64 = 0x1112_1314_1516_1718;

    // All values: Python's hashlib.sha256 and hmac over the same bytes.

    // Holds: RFC 8684 3.1-i.
    #[test]
    fn tokens_and_data_sequence_numbers_are_both_ends_of_the_keys_hash() {
        assert_eq!(token(A), 0x6684_0dda);
        assert_eq!(initial_data_sequence(A), 0xf5a1_01d3_d29d_6f72);
    }

    // Holds: RFC 8684 3.2-b.
    #[test]
    fn joining_is_proved_with_both_keys_and_both_random_numbers_ones_own_first() {
        let hmac = join_hmac((A, 0xa1a2_a3a4), (B, 0xb1b2_b3b4));
        assert_eq!(leftmost_64(&hmac), 0x5303_7f28_9947_5529);
        assert_eq!(leftmost_160(&hmac)[16..], 0x3d35_54fb_u32.to_be_bytes());
    }

    // The HMAC of RFC 8684 §3.4.1.
    #[test]
    fn an_address_is_proved_with_its_id_and_port() {
        let v4 = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));
        assert_eq!(address_hmac((B, A), 3, v4, None), 0x9d5c_6556_c5a2_ebf2);
        let v6 = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
        assert_eq!(address_hmac((B, A), 4, v6, Some(443)), 0x9240_492b_5b87_ee2c);
    }
}
