//! Something on the way that changes options or data of Multipath TCP and makes TCP's checksums right, so that TCP sees nothing of it.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use transport::endpoint::Transmit;
use wire::mptcp::{AddressIds, Capable, DataSequence, Dss, Join, MptcpOption, Stage};
use wire::tcp_options::{TcpOption, TcpOptions, UnknownOption};

use super::Gateway;
use super::multipath::rewrite;

/// What is changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    DataSequence,
    SubflowSequence,
    MappingLength,
    MappingChecksum,
    Payload,
    DataAck,
    Key,
    CapableFlags,
    JoinToken,
    JoinNonce,
    JoinProof,
    Address,
    AddressProof,
    RemovedAddress,
    FailOrFastClose,
    /// Another subtype, which may be none.
    Subtype,
    /// Another kind: TCP does not know the option any more.
    Kind,
}

impl Change {
    pub(crate) const ALL: [Self; 17] = [
        Self::DataSequence,
        Self::SubflowSequence,
        Self::MappingLength,
        Self::MappingChecksum,
        Self::Payload,
        Self::DataAck,
        Self::Key,
        Self::CapableFlags,
        Self::JoinToken,
        Self::JoinNonce,
        Self::JoinProof,
        Self::Address,
        Self::AddressProof,
        Self::RemovedAddress,
        Self::FailOrFastClose,
        Self::Subtype,
        Self::Kind,
    ];

    /// Whether nothing but the checksum can tell.
    pub(crate) fn needs_checksum(self) -> bool {
        let mapping = [Self::DataSequence, Self::SubflowSequence, Self::MappingLength, Self::MappingChecksum];
        // An option that becomes another one may become a mapping.
        mapping.contains(&self) || [Self::Payload, Self::Subtype].contains(&self)
    }
}

/// What changes, where and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) change: Change,
    /// The path; all of them if there is none.
    pub(crate) path: Option<usize>,
    /// The sender whose segments are changed; both if there is none.
    pub(crate) side: Option<usize>,
    /// Segments that could be changed and are left alone at first.
    pub(crate) from: u32,
    /// Of the following, one of so many is changed.
    pub(crate) every: u32,
}

/// A gateway that follows a plan, and counts what it has changed.
pub(crate) fn meddler(plan: Plan, seed: u64) -> (Gateway, Rc<Cell<u64>>) {
    let done = Rc::new(Cell::new(0));
    let count = done.clone();
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x6d65_6464);
    let mut seen = 0;
    let gateway: Gateway = Box::new(move |side, path, transmit| {
        let here = plan.path.is_none_or(|at| at == path) && plan.side.is_none_or(|by| by == side);
        if !here {
            return;
        }
        let mut changed = transmit.clone();
        if !apply(plan.change, &mut changed, &mut rng) {
            return;
        }
        seen += 1;
        if seen > plan.from && rng.next_u32().is_multiple_of(plan.every) {
            count.set(count.get() + 1);
            *transmit = changed;
        }
    });
    (gateway, done)
}

/// Changes a segment, if it has what is to be changed.
fn apply(change: Change, transmit: &mut Transmit, rng: &mut ChaCha8Rng) -> bool {
    let mut any = false;
    rewrite(transmit, |head, data| {
        if change == Change::Payload {
            let Some(last) = data.len().checked_sub(1) else { return };
            // Some bytes, and not so that ones' complement sums hide it: each only grows by less than a word.
            let at = rng.next_u32() as usize % (last + 1);
            data[at] ^= 1 + (rng.next_u32() % 255) as u8;
            any = true;
            return;
        }
        let mut options = TcpOptions::EMPTY;
        for option in &head.options {
            let TcpOption::Mptcp(bytes) = option else {
                options.try_push(option).expect("it was there");
                continue;
            };
            let mut bytes = bytes.to_vec();
            match change {
                Change::Kind => {
                    any = true;
                    let other = UnknownOption::new(253, &bytes).expect("it has a length");
                    options.try_push(TcpOption::Unknown(other)).expect("it is as long as before");
                    continue;
                }
                Change::Subtype => {
                    bytes[0] ^= (1 + (rng.next_u32() % 15) as u8) << 4;
                    any = true;
                }
                _ => {
                    let before = MptcpOption::parse(&bytes).expect("it was sent");
                    if let Some(other) = changed(change, before, rng) {
                        bytes = other.emit().as_slice().to_vec();
                        any = true;
                    }
                }
            }
            options.try_push(TcpOption::Mptcp(&bytes)).expect("it is as long as before");
        }
        head.options = options;
    });
    any
}

fn changed(change: Change, option: MptcpOption, rng: &mut ChaCha8Rng) -> Option<MptcpOption> {
    let flip = 1_u64 << (rng.next_u32() % 64);
    let narrow = 1_u32 << (rng.next_u32() % 32);
    let other = |number| match number {
        DataSequence::Long(number) => DataSequence::Long(number ^ flip),
        DataSequence::Short(number) => DataSequence::Short(number ^ narrow),
    };
    let mut option = option;
    match (&mut option, change) {
        (MptcpOption::Dss(Dss { mapping: Some(mapping), .. }), Change::DataSequence) => {
            mapping.data_sequence = other(mapping.data_sequence);
        }
        (MptcpOption::Dss(Dss { mapping: Some(mapping), .. }), Change::SubflowSequence) => {
            mapping.subflow_sequence ^= narrow;
        }
        (MptcpOption::Dss(Dss { mapping: Some(mapping), .. }), Change::MappingLength) => {
            mapping.len ^= narrow as u16 | u16::from(narrow > 0xFFFF);
        }
        (MptcpOption::Dss(Dss { mapping: Some(mapping), .. }), Change::MappingChecksum) => {
            mapping.checksum = Some(mapping.checksum? ^ (1 << (narrow.ilog2() % 16)));
        }
        (MptcpOption::Dss(Dss { data_ack: Some(ack), .. }), Change::DataAck) => {
            // So far off that nothing like it was sent.
            *ack = match *ack {
                DataSequence::Long(number) => DataSequence::Long(number ^ (1 << 62)),
                DataSequence::Short(number) => DataSequence::Short(number ^ (1 << 30)),
            };
        }
        (MptcpOption::Capable(Capable { stage, .. }), Change::Key) => match stage {
            Stage::Syn => return None,
            Stage::SynAck { sender_key } => *sender_key ^= flip,
            Stage::Ack { sender_key, receiver_key } | Stage::Data { sender_key, receiver_key, .. } => {
                let key = if narrow > 0xFFFF { sender_key } else { receiver_key };
                *key ^= flip;
            }
        },
        (MptcpOption::Capable(Capable { flags, .. }), Change::CapableFlags) => match narrow % 3 {
            0 => flags.checksum = !flags.checksum,
            1 => flags.no_join = !flags.no_join,
            _ => flags.hmac_sha256 = !flags.hmac_sha256,
        },
        (MptcpOption::Join(Join::Syn { token, .. }), Change::JoinToken) => *token ^= narrow,
        (MptcpOption::Join(Join::Syn { nonce, .. } | Join::SynAck { nonce, .. }), Change::JoinNonce) => {
            *nonce ^= narrow;
        }
        (MptcpOption::Join(Join::SynAck { hmac, .. }), Change::JoinProof) => *hmac ^= flip,
        (MptcpOption::Join(Join::Ack { hmac }), Change::JoinProof) => {
            hmac[narrow.ilog2() as usize % 20] ^= 0x10;
        }
        (MptcpOption::AddAddress(add), Change::Address) => {
            add.address = IpAddr::V4(Ipv4Addr::from(0x0A00_0000 | narrow));
        }
        (MptcpOption::AddAddress(add), Change::AddressProof) => *add.hmac.as_mut()? ^= flip,
        (MptcpOption::RemoveAddress(ids), Change::RemovedAddress) => {
            *ids = AddressIds::new(&[(narrow.ilog2() % 4) as u8])?;
        }
        (MptcpOption::Fail { data_sequence }, Change::FailOrFastClose) => *data_sequence ^= flip,
        (MptcpOption::FastClose { receiver_key }, Change::FailOrFastClose) => *receiver_key ^= flip,
        _ => return None,
    }
    Some(option)
}
