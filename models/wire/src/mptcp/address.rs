//! ADD_ADDR and REMOVE_ADDR (RFC 8684 §3.4, Figures 12 and 13).

use std::net::IpAddr;

use super::OptionBytes;
use super::option::wrong_length;
use crate::error::{ParseError, array};

/// ADD_ADDR: an address that the sender can be reached at, or the echo that it was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddAddress {
    /// The sender's id of the address.
    pub address_id: u8,
    /// The address.
    pub address: IpAddr,
    /// The port, if it is not that of the subflow that carries the option.
    pub port: Option<u16>,
    /// The rightmost 64 bits of the HMAC; an echo (E flag) has none.
    pub hmac: Option<u64>,
}

/// The most ids that one REMOVE_ADDR holds: 40 bytes less kind, length and subtype.
pub const MAX_IDS: usize = 37;

/// REMOVE_ADDR: one id at least.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddressIds {
    ids: [u8; MAX_IDS],
    len: u8,
}

impl AddressIds {
    /// The ids, unless there are none or more than [`MAX_IDS`].
    #[must_use]
    pub fn new(ids: &[u8]) -> Option<Self> {
        if ids.is_empty() || ids.len() > MAX_IDS {
            return None;
        }
        let mut kept = [0; MAX_IDS];
        kept[..ids.len()].copy_from_slice(ids);
        Some(Self { ids: kept, len: ids.len() as u8 })
    }

    /// The ids.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.ids[..usize::from(self.len)]
    }
}

pub(super) fn parse_add(data: &[u8]) -> Result<AddAddress, ParseError> {
    let is_echo = data[0] & 1 == 1;
    let &[_, address_id, ref rest @ ..] = data else { return Err(wrong_length(data)) };
    let hmac_len = if is_echo { 0 } else { 8 };
    let Some(without) = rest.len().checked_sub(hmac_len) else { return Err(wrong_length(data)) };
    let (address, port_at) = match without {
        4 | 6 => (IpAddr::from(array::<4>(rest, 0)), 4),
        16 | 18 => (IpAddr::from(array::<16>(rest, 0)), 16),
        _ => return Err(wrong_length(data)),
    };
    let port = (without > port_at).then(|| u16::from_be_bytes(array(rest, port_at)));
    let hmac = (!is_echo).then(|| u64::from_be_bytes(array(rest, without)));
    Ok(AddAddress { address_id, address, port, hmac })
}

pub(super) fn emit_add(option: &AddAddress, out: &mut OptionBytes) {
    out.push(&[3 << 4 | u8::from(option.hmac.is_none()), option.address_id]);
    match option.address {
        IpAddr::V4(address) => out.push(&address.octets()),
        IpAddr::V6(address) => out.push(&address.octets()),
    }
    if let Some(port) = option.port {
        out.push(&port.to_be_bytes());
    }
    if let Some(hmac) = option.hmac {
        out.push(&hmac.to_be_bytes());
    }
}

pub(super) fn parse_remove(data: &[u8]) -> Result<AddressIds, ParseError> {
    AddressIds::new(&data[1..]).ok_or(wrong_length(data))
}
