//! The options of Multipath TCP in a few words, for a sequence diagram.

use std::collections::BTreeMap;
use std::net::IpAddr;

use wire::mptcp::{Capable, DataSequence, Dss, Join, MptcpOption, Stage};

/// A host's side of a connection, as far as its segments tell: the keys that addresses have shown.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Data sequence numbers that a pair of addresses used first, for those that follow to be shown from zero.
    first: BTreeMap<(IpAddr, u16, IpAddr, u16), u32>,
}

/// The two sockets of a segment, its source first.
pub(super) type Way = (IpAddr, u16, IpAddr, u16);

impl Places {
    /// The label of one option.
    pub(super) fn label(&mut self, way: Way, option: &MptcpOption) -> String {
        let name = option.subtype().name();
        match option {
            MptcpOption::Capable(capable) => format!("{name}{}", keys_of(capable)),
            MptcpOption::Join(join) => format!("{name}{}", join_words(join)),
            MptcpOption::Dss(signal) => format!("{name}{}", self.signal(way, signal)),
            MptcpOption::AddAddress(address) => {
                let echo = if address.hmac.is_none() { " echo" } else { "" };
                format!("{name}{echo} {} id {}", address.address, address.address_id)
            }
            MptcpOption::RemoveAddress(ids) => {
                let ids: Vec<String> = ids.as_slice().iter().map(u8::to_string).collect();
                format!("{name} id {}", ids.join(" "))
            }
            MptcpOption::Priority { backup } => {
                format!("{name} {}", if *backup { "backup" } else { "regular" })
            }
            MptcpOption::Fail { .. } | MptcpOption::FastClose { .. } => name.to_owned(),
            MptcpOption::Reset(reset) => format!("{name} {}", reset.reason.name()),
        }
    }

    /// Numbers are shown from the first that this way has shown.
    fn signal(&mut self, way: Way, signal: &Dss) -> String {
        let back = (way.2, way.3, way.0, way.1);
        let mut words = String::new();
        if let Some(mapping) = &signal.mapping {
            let number = low(mapping.data_sequence);
            let first = *self.first.entry(way).or_insert(number);
            if mapping.len == 0 {
                words += " infinite mapping";
            } else {
                words += &format!(" {}+{}", number.wrapping_sub(first), mapping.len);
            }
            if signal.data_fin {
                words += " DATA_FIN";
            }
        }
        if let Some(ack) = signal.data_ack
            && let Some(first) = self.first.get(&back)
        {
            words += &format!(" DATA_ACK {}", low(ack).wrapping_sub(*first) as i32);
        } else if signal.data_ack.is_some() {
            words += " DATA_ACK";
        }
        words
    }
}

fn low(number: DataSequence) -> u32 {
    match number {
        DataSequence::Short(number) => number,
        DataSequence::Long(number) => number as u32,
    }
}

fn keys_of(capable: &Capable) -> &'static str {
    match capable.stage {
        Stage::Syn => "",
        Stage::SynAck { .. } => " key",
        Stage::Ack { .. } => " both keys",
        Stage::Data { .. } => " both keys, data",
    }
}

fn join_words(join: &Join) -> String {
    match join {
        Join::Syn { backup, address_id, token, .. } => {
            let backup = if *backup { " backup" } else { "" };
            format!("{backup} id {address_id} token {token:08x}")
        }
        Join::SynAck { backup, address_id, .. } => {
            let backup = if *backup { " backup" } else { "" };
            format!("{backup} id {address_id} HMAC")
        }
        Join::Ack { .. } => " HMAC".to_owned(),
    }
}
