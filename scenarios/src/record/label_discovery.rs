//! Messages of neighbour discovery over radios in a few words, for a sequence diagram.

use std::net::Ipv6Addr;

use wire::ieee802154::Header;
use wire::ip::IpProtocol;
use wire::ndp::{Body, Message};
use wire::ndp_lowpan::{AddressRegistration, Status};
use wire::ndp_options::{NdpOption, NdpOptions};
use wire::sixlowpan::{Context, Contexts, DatagramSize, Identifiers, decompress};
use wire::{duplicate_address, ipv6};

/// What a compressed packet says of routers and addresses, if that is what it is about.
pub(super) fn label(frame: &Header, payload: &[u8]) -> Option<String> {
    let (source, destination) = (frame.addressing.source()?, frame.addressing.destination()?);
    let implied = Identifiers::of_frame(source, destination);
    // Only where the message begins matters: any prefix does.
    let contexts = Contexts::NONE.with(0, Context::new(Ipv6Addr::UNSPECIFIED, 64));
    let mut headers = Vec::new();
    let done = decompress(payload, implied, &contexts, DatagramSize::Behind(0), &mut headers).ok()?;
    let header = ipv6::Header::parse(&headers).ok()?;
    if header.next_header != IpProtocol::ICMPV6 || headers.len() != ipv6::HEADER_LEN {
        return None;
    }
    let message = payload.get(done.consumed..)?;
    if let Ok(message) = duplicate_address::Message::parse(message) {
        return Some(duplicate_label(&message));
    }
    let message = Message::parse(message).ok()?;
    let label = match message.body {
        Body::RouterSolicitation => "router solicitation".to_owned(),
        Body::RouterAdvertisement(router) => format!("router advertisement, {} s", router.router_lifetime),
        Body::NeighborSolicitation { .. } => match registration(message.options) {
            Some(registration) => format!("registration{}", asked(&registration)),
            None => "neighbour solicitation".to_owned(),
        },
        Body::NeighborAdvertisement(_) => match registration(message.options) {
            Some(registration) => format!("registration: {}", registration.status.name()),
            None => "neighbour advertisement".to_owned(),
        },
        Body::Redirect { .. } => "redirect".to_owned(),
    };
    Some(label)
}

fn registration(options: NdpOptions<'_>) -> Option<AddressRegistration> {
    options.iter().find_map(|option| match option {
        NdpOption::AddressRegistration(registration) => Some(registration),
        NdpOption::SourceLinkLayer(_)
        | NdpOption::TargetLinkLayer(_)
        | NdpOption::Prefix(_)
        | NdpOption::RedirectedHeader(_)
        | NdpOption::Mtu(_)
        | NdpOption::Context(_)
        | NdpOption::BorderRouter(_)
        | NdpOption::Capabilities(_)
        | NdpOption::Unknown { .. } => None,
    })
}

fn asked(registration: &AddressRegistration) -> String {
    let tid =
        registration.transaction.map(|transaction| format!(", TID {}", transaction.id)).unwrap_or_default();
    format!(" for {} min{tid}", registration.lifetime)
}

fn duplicate_label(message: &duplicate_address::Message) -> String {
    match (message.confirms, message.status) {
        (false, _) => "duplicate address?".to_owned(),
        (true, Status::SUCCESS) => "no duplicate".to_owned(),
        (true, status) => format!("duplicate address confirmation: {}", status.name()),
    }
}
