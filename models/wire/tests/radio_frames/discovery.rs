//! Neighbour discovery over 6LoWPAN: one message of each kind.

use wire::duplicate_address;
use wire::ndp::{Body, Message, NeighborAdvertisement, RouterAdvertisement};
use wire::ndp_lowpan::{
    AddressRegistration, BorderRouter, Capabilities, ContextOption, Rovr, Status, Transaction,
};
use wire::ndp_options::{self, NdpOption, NdpOptionList};

use super::*;

fn message(source: Ipv6Addr, destination: Ipv6Addr, body: Body, options: &[NdpOption<'_>]) -> Vec<u8> {
    let mut list = NdpOptionList::new();
    options.iter().for_each(|&option| list.try_push(option).expect("few options"));
    let message = Message { body, options: list.options() };
    sent(source, destination, 255, &message.to_bytes(source, destination))
}

fn sent(source: Ipv6Addr, destination: Ipv6Addr, hop_limit: u8, bytes: &[u8]) -> Vec<u8> {
    let header = ipv6::Header::new(source, destination, IpProtocol::ICMPV6, bytes.len() as u16);
    let mut packet = vec![0; ipv6::HEADER_LEN];
    ipv6::Header { hop_limit, ..header }.emit(&mut packet);
    packet.extend(bytes);
    frame(7, &packed(&packet))
}

fn option(status: Status, transaction: Option<Transaction>) -> NdpOption<'static> {
    let rovr = Rovr::of_eui64(ExtendedAddress([2, 0x6E, 0x6A, 0, 0, 0, 0, 1]));
    NdpOption::AddressRegistration(AddressRegistration { status, lifetime: 10, rovr, transaction })
}

pub(super) fn advertisement() -> Vec<u8> {
    let router = RouterAdvertisement {
        hop_limit: 64,
        managed: false,
        other: false,
        router_lifetime: 1800,
        reachable_time: 0,
        retransmission_timer: 0,
    };
    let prefix = ndp_options::PrefixInformation {
        prefix_len: 64,
        on_link: false,
        autonomous: true,
        valid_lifetime: 2_592_000,
        preferred_lifetime: 604_800,
        prefix: far(0),
    };
    let options = [
        NdpOption::SourceLinkLayer(&[0, 1]),
        NdpOption::BorderRouter(BorderRouter { version: 1, lifetime: 10_000, address: far(1) }),
        NdpOption::Capabilities(Capabilities {
            router: true,
            extended_registration: true,
            ..Capabilities::default()
        }),
        NdpOption::Prefix(prefix),
        NdpOption::Context(ContextOption {
            id: 0,
            compress: true,
            lifetime: 10_000,
            len: 64,
            prefix: far(0),
        }),
    ];
    message(near(1), near(2), Body::RouterAdvertisement(router), &options)
}

pub(super) fn registration() -> Vec<u8> {
    let target = near(2);
    message(
        far(1),
        near(2),
        Body::NeighborSolicitation { target },
        &[NdpOption::SourceLinkLayer(&[0, 1]), option(Status::SUCCESS, None)],
    )
}

pub(super) fn extended_registration() -> Vec<u8> {
    let transaction = Some(Transaction { id: 241, routed: true, opaque: 0 });
    let target = far(1);
    message(
        near(1),
        near(2),
        Body::NeighborSolicitation { target },
        &[NdpOption::SourceLinkLayer(&[0, 1]), option(Status::SUCCESS, transaction)],
    )
}

pub(super) fn refusal() -> Vec<u8> {
    let neighbor =
        NeighborAdvertisement { router: true, solicited: true, is_override: false, target: near(1) };
    message(
        near(1),
        near(2),
        Body::NeighborAdvertisement(neighbor),
        &[option(Status::DUPLICATE_ADDRESS, None)],
    )
}

pub(super) fn request(transaction: Option<u8>) -> Vec<u8> {
    let message = duplicate_address::Message {
        confirms: transaction.is_some(),
        status: Status::SUCCESS,
        transaction,
        lifetime: 10,
        rovr: Rovr::of_eui64(ExtendedAddress([2, 0x6E, 0x6A, 0, 0, 0, 0, 1])),
        address: far(7),
    };
    sent(far(1), far(2), 64, &message.to_bytes(far(1), far(2)))
}
