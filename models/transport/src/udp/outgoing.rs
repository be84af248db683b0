//! A datagram between its socket and its packet.

use std::net::IpAddr;

use wire::account::{Account, Protocol, Runs};
use wire::checksum::pseudo_header;
use wire::ip::IpProtocol;
use wire::packet::Packet;
use wire::payload::Payload;
use wire::udp::{HEADER_LEN, Header};

use super::socket::SendOptions;
use crate::endpoint::Envelope;

/// A datagram to be sent, not yet built.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) header: Header,
    pub(super) with_checksum: bool,
    pub(super) options: SendOptions,
    pub(super) payload: Payload,
    pub(super) runs: Runs,
}

impl Outgoing {
    /// Builds the datagram in `place`: header with its checksum, payload, account.
    #[inline(never)]
    pub(super) fn emit_into(&mut self, place: &mut Packet) -> Envelope {
        let Self { source, destination, header, with_checksum, ref options, .. } = *self;
        let payload = std::mem::take(&mut self.payload);
        let runs = std::mem::take(&mut self.runs);
        let rest = if with_checksum {
            let length = u32::from(header.length());
            Some(pseudo_header(source, destination, IpProtocol::UDP, length) + payload.sum())
        } else {
            None
        };
        let flow = runs.first().map_or(options.flow, |run| run.flow);
        let mut account = Account::with_header(flow, options.reason, Protocol::Udp, HEADER_LEN, runs);
        account.retransmission = options.retransmission;
        place.renew::<HEADER_LEN>(payload, account, |bytes| match rest {
            Some(rest) => header.emit(bytes, rest),
            None => header.emit_without_checksum(bytes),
        });
        Envelope {
            source,
            destination,
            interface: options.interface,
            protocol: IpProtocol::UDP,
            hop_limit: options.hop_limit,
            traffic_class: options.traffic_class,
            dont_fragment: options.dont_fragment,
        }
    }
}
