//! The state cookie (RFC 9260 §5.1.3): everything that a server has to remember, kept by the client.
//!
//! It is authenticated by HMAC-SHA256 under a key that changes every hour; the creation time inside tells which
//! hour's it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sim_core::{SimDuration, SimTime};
use smallvec::SmallVec;

use super::auth::Random;
use super::extensions::Extensions;
use crate::tally::Tally;

/// The addresses of one side.
pub(super) type Addresses = SmallVec<[IpAddr; 2]>;

/// What a cookie holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Cookie {
    pub(super) created: SimTime,
    pub(super) life: SimDuration,
    pub(super) local_tag: u32,
    pub(super) peer_tag: u32,
    /// The tags of the association that existed when the cookie was made (RFC 9260 §5.2.2), or zeros.
    pub(super) local_tie_tag: u32,
    pub(super) peer_tie_tag: u32,
    pub(super) local_port: u16,
    pub(super) peer_port: u16,
    pub(super) local_initial_tsn: u32,
    pub(super) peer_initial_tsn: u32,
    pub(super) peer_rwnd: u32,
    /// Streams to send on and to receive on, already agreed.
    pub(super) outbound_streams: u16,
    pub(super) inbound_streams: u16,
    pub(super) peer_forwards_tsns: bool,
    pub(super) peer_knows_ecn: bool,
    pub(super) peer_changes_addresses: bool,
    /// What the keys are made of, where both sides authenticate (RFC 4895 §6.3): this side's random number, and the
    /// peer's key vector. No shared key is in here.
    pub(super) keys: Option<(Random, Vec<u8>)>,
    pub(super) peer_extensions: Extensions,
    /// The peer's addresses; the first is the one that its INIT came from.
    pub(super) addresses: Addresses,
}

/// Makes and checks cookies.
#[derive(Clone, Debug)]
pub(super) struct CookieJar {
    secret: [u8; 32],
    tally: Tally,
}

/// Why a cookie is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BadCookie {
    /// Nobody here has made it.
    Forged,
}

/// Bits of the extensions.
const CHANGES_ADDRESSES: u8 = 0x04;
const HAS_KEYS: u8 = 0x08;

const MAC_LEN: usize = 32;
const FIXED_LEN: usize = 8 + 8 + 4 * 4 + 2 * 2 + 4 * 3 + 2 * 2 + 1 + 1;
/// The most addresses that a cookie keeps.
pub(super) const ADDRESSES_MAX: usize = 16;
/// RFC 9260 §5.1.3: the key should be changed hourly.
const KEY_LIFE: SimDuration = SimDuration::from_secs(3600);

impl CookieJar {
    pub(super) fn new(secret: [u8; 32], tally: Tally) -> Self {
        Self { secret, tally }
    }

    /// The keyed state of HMAC for a cookie made at `created`.
    fn mac(&self, created: SimTime) -> Hmac<Sha256> {
        let hour = created.as_nanos() / KEY_LIFE.as_nanos();
        let mut derive = keyed(&self.secret);
        derive.update(&hour.to_be_bytes());
        keyed(&derive.finalize().into_bytes())
    }

    /// The cookie's bytes with their code.
    pub(super) fn seal(&self, cookie: &Cookie) -> Vec<u8> {
        let mut out = Vec::with_capacity(FIXED_LEN + 17 * cookie.addresses.len() + MAC_LEN);
        out.extend(cookie.created.as_nanos().to_be_bytes());
        out.extend(cookie.life.as_nanos().to_be_bytes());
        for tag in [cookie.local_tag, cookie.peer_tag, cookie.local_tie_tag, cookie.peer_tie_tag] {
            out.extend(tag.to_be_bytes());
        }
        out.extend(cookie.local_port.to_be_bytes());
        out.extend(cookie.peer_port.to_be_bytes());
        for number in [cookie.local_initial_tsn, cookie.peer_initial_tsn, cookie.peer_rwnd] {
            out.extend(number.to_be_bytes());
        }
        out.extend(cookie.outbound_streams.to_be_bytes());
        out.extend(cookie.inbound_streams.to_be_bytes());
        let changes = u8::from(cookie.peer_changes_addresses) * CHANGES_ADDRESSES;
        let keys = u8::from(cookie.keys.is_some()) * HAS_KEYS;
        let known = u8::from(cookie.peer_forwards_tsns) | u8::from(cookie.peer_knows_ecn) << 1;
        out.push(known | changes | keys | cookie.peer_extensions.bits());
        let addresses = cookie.addresses.iter().take(ADDRESSES_MAX);
        out.push(addresses.len() as u8);
        for address in addresses {
            match address {
                IpAddr::V4(address) => {
                    out.push(4);
                    out.extend(address.octets());
                }
                IpAddr::V6(address) => {
                    out.push(6);
                    out.extend(address.octets());
                }
            }
        }
        if let Some((random, vector)) = &cookie.keys {
            out.extend(random);
            out.extend((vector.len() as u16).to_be_bytes()); // At most `VECTOR_MAX`.
            out.extend(vector);
        }
        let mut mac = self.mac(cookie.created);
        mac.update(&out);
        self.tally.hmac(out.len());
        out.extend(mac.finalize().into_bytes());
        out
    }

    /// What the bytes of a COOKIE ECHO say, if this host has made them; their age is left to the caller.
    pub(super) fn open(&self, bytes: &[u8]) -> Result<Cookie, BadCookie> {
        let cut = bytes.len().checked_sub(MAC_LEN).ok_or(BadCookie::Forged)?;
        let (content, code) = bytes.split_at(cut);
        let cookie = read(content).ok_or(BadCookie::Forged)?;
        let mut mac = self.mac(cookie.created);
        mac.update(content);
        self.tally.hmac(content.len());
        mac.verify_slice(code).map_err(|_| BadCookie::Forged)?;
        Ok(cookie)
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn read(bytes: &[u8]) -> Option<Cookie> {
    let mut reader = Reader(bytes);
    let created = SimTime::from_nanos(u64::from_be_bytes(reader.take()?));
    let life = SimDuration::from_nanos(u64::from_be_bytes(reader.take()?));
    let mut cookie = Cookie {
        created,
        life,
        local_tag: reader.number()?,
        peer_tag: reader.number()?,
        local_tie_tag: reader.number()?,
        peer_tie_tag: reader.number()?,
        local_port: reader.short()?,
        peer_port: reader.short()?,
        local_initial_tsn: reader.number()?,
        peer_initial_tsn: reader.number()?,
        peer_rwnd: reader.number()?,
        outbound_streams: reader.short()?,
        inbound_streams: reader.short()?,
        peer_forwards_tsns: false,
        peer_knows_ecn: false,
        peer_changes_addresses: false,
        keys: None,
        peer_extensions: Extensions::default(),
        addresses: Addresses::new(),
    };
    let [extensions] = reader.take()?;
    cookie.peer_forwards_tsns = extensions & 1 != 0;
    cookie.peer_knows_ecn = extensions & 2 != 0;
    cookie.peer_changes_addresses = extensions & CHANGES_ADDRESSES != 0;
    cookie.peer_extensions = Extensions::from_bits(extensions);
    let [count] = reader.take()?;
    for _ in 0..count {
        let address = match reader.take()? {
            [4] => IpAddr::V4(Ipv4Addr::from(reader.take::<4>()?)),
            [6] => IpAddr::V6(Ipv6Addr::from(reader.take::<16>()?)),
            [_] => return None,
        };
        cookie.addresses.push(address);
    }
    if extensions & HAS_KEYS != 0 {
        let random = reader.take()?;
        let len = usize::from(reader.short()?);
        let (vector, rest) = reader.0.split_at_checked(len)?;
        reader.0 = rest;
        cookie.keys = Some((random, vector.to_vec()));
    }
    (reader.0.is_empty() && !cookie.addresses.is_empty()).then_some(cookie)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn short(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie() -> Cookie {
        Cookie {
            created: SimTime::from_secs(7),
            life: SimDuration::from_secs(60),
            local_tag: 1,
            peer_tag: 2,
            local_tie_tag: 3,
            peer_tie_tag: 4,
            local_port: 5,
            peer_port: 6,
            local_initial_tsn: 7,
            peer_initial_tsn: 8,
            peer_rwnd: 9,
            outbound_streams: 10,
            inbound_streams: 11,
            peer_forwards_tsns: true,
            peer_knows_ecn: true,
            peer_changes_addresses: true,
            keys: Some(([5; 32], vec![6; 70])),
            peer_extensions: Extensions { interleaving: true, ..Extensions::default() },
            addresses: [IpAddr::from([10, 0, 0, 1]), IpAddr::V6(Ipv6Addr::LOCALHOST)].into_iter().collect(),
        }
    }

    // Holds: RFC 9260 3.3.3.1-a, 5.1.3-d
    #[test]
    fn a_cookie_comes_back_as_it_was_made() {
        let jar = CookieJar::new([7; 32], Tally::default());
        let sealed = jar.seal(&cookie());
        // 54 fixed bytes, 5 + 17 for the addresses, 32 + 2 + 70 for the keys, 32 of code.
        assert_eq!(sealed.len(), 54 + 22 + 104 + 32);
        assert_eq!(jar.open(&sealed), Ok(cookie()));
    }

    // Holds: RFC 9260 5.1.5-a
    #[test]
    fn any_wrong_bit_and_any_cut_shows() {
        let jar = CookieJar::new([7; 32], Tally::default());
        let sealed = jar.seal(&cookie());
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(jar.open(&damaged), Err(BadCookie::Forged), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert_eq!(jar.open(&sealed[..len]), Err(BadCookie::Forged), "{len} bytes");
        }
        assert_eq!(CookieJar::new([8; 32], Tally::default()).open(&sealed), Err(BadCookie::Forged));
    }

    // Holds: RFC 9260 5.1.3-a
    #[test]
    fn each_hour_has_its_own_key() {
        let jar = CookieJar::new([7; 32], Tally::default());
        let later = Cookie { created: SimTime::from_secs(3607), ..cookie() };
        let (now, then) = (jar.seal(&cookie()), jar.seal(&later));
        let (now_code, then_code) = (&now[now.len() - 32..], &then[then.len() - 32..]);
        assert_ne!(now_code, then_code);
        assert!(jar.open(&now).is_ok() && jar.open(&then).is_ok());
    }
}
