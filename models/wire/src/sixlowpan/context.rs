//! Prefixes that both ends know, so that four bits stand for them (RFC 6282 §3.1.2).

use std::net::Ipv6Addr;

/// A prefix of up to 128 bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Context {
    /// The prefix; bits behind its length are zero.
    prefix: [u8; 16],
    /// Leading bits that count, 0 to 128.
    len: u8,
}

impl Context {
    /// The first `len` bits of `prefix`; more than 128 are as much as 128.
    #[must_use]
    pub fn new(prefix: Ipv6Addr, len: u8) -> Self {
        let len = len.min(128);
        let mask = if len == 0 { 0 } else { u128::MAX << (128 - u32::from(len)) };
        Self { prefix: (u128::from(prefix) & mask).to_be_bytes(), len }
    }

    /// The prefix and its length.
    #[must_use]
    pub const fn prefix(&self) -> (Ipv6Addr, u8) {
        (Ipv6Addr::from_octets(self.prefix), self.len)
    }

    /// The first `len` bits as a number, and the mask that selects them.
    pub(super) fn bits(&self) -> (u128, u128) {
        let mask = if self.len == 0 { 0 } else { u128::MAX << (128 - u32::from(self.len)) };
        (u128::from_be_bytes(self.prefix), mask)
    }
}

/// The contexts of a network, 0 to 15.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Contexts([Option<Context>; 16]);

impl Contexts {
    /// No contexts.
    pub const NONE: Self = Self([None; 16]);

    /// The same with `context` at `index`, of which the low four bits count.
    #[must_use]
    pub fn with(mut self, index: u8, context: Context) -> Self {
        self.0[usize::from(index & 0xF)] = Some(context);
        self
    }

    /// The context at `index`, of which the low four bits count.
    #[must_use]
    pub fn get(&self, index: u8) -> Option<Context> {
        self.0[usize::from(index & 0xF)]
    }

    /// The context that says most about `address`: its bits, and zeros up to bit 64, are those of the address.
    pub(super) fn best(&self, address: Ipv6Addr) -> Option<(u8, Context)> {
        let number = u128::from(address);
        let fits = |context: &Context| {
            let (bits, mask) = context.bits();
            number & (mask | UPPER_HALF) == bits
        };
        let known = self.0.iter().enumerate().filter_map(|(index, context)| Some((index as u8, (*context)?)));
        // Of equally long ones the first: max_by_key would take the last.
        known
            .filter(|(_, context)| fits(context))
            .reduce(|best, next| if next.1.len > best.1.len { next } else { best })
    }
}

const UPPER_HALF: u128 = u128::MAX << 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_that_fits_is_taken() {
        let prefix = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);
        let contexts = Contexts::NONE
            .with(3, Context::new(prefix, 48))
            .with(5, Context::new(prefix, 64))
            .with(7, Context::new(prefix, 64));
        let index = |address: Ipv6Addr| contexts.best(address).map(|(index, _)| index);
        assert_eq!(index(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 1, 2, 3, 4)), Some(5));
        assert_eq!(
            index(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 1, 2, 3, 4)),
            None,
            "bits 48 to 63 are zero in all"
        );
        assert_eq!(index(Ipv6Addr::LOCALHOST), None);
        assert_eq!(Context::new(Ipv6Addr::new(0x2001, 0xdb8, 9, 9, 9, 9, 9, 9), 32).prefix(), (prefix, 32));
    }
}
