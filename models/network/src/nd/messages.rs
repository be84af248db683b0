//! The messages that a node writes.

use std::net::Ipv6Addr;

use sim_core::SimTime;
use wire::account::Reason;
use wire::duplicate_address;
use wire::ieee802154::Address;
use wire::ndp::{Body, Message, NeighborAdvertisement, RouterAdvertisement};
use wire::ndp_lowpan::{
    AddressRegistration, BorderRouter, Capabilities, ContextOption, Status, Transaction, radio_address_bytes,
};
use wire::ndp_options::{NdpOption, NdpOptionList, PrefixInformation};

use super::information::Announced;
use super::node::{Node, Outgoing, To};
use super::registrar::Applicant;
use super::settings::{Role, Version};

impl Node {
    /// A router solicitation, to one router or to all (RFC 6775 §5.3).
    pub(super) fn send_router_solicitation(&mut self, router: Option<(Ipv6Addr, Address)>, repeats: bool) {
        self.counts.router_solicitations += 1;
        let mut list = self.options_with_source();
        if self.is_extended() {
            // What it says of border routers is not for solicitations (RFC 8505 §6.1).
            let mine = Capabilities {
                router: self.role == Role::Router,
                extended_registration: self.role == Role::Router,
                ..Capabilities::default()
            };
            push(&mut list, NdpOption::Capabilities(mine));
        }
        let (to, destination) = match router {
            Some((address, link)) => (To::Neighbour(link), address),
            None => (To::All, ALL_ROUTERS),
        };
        self.send_message(
            Sending { to, source: self.link_local(), destination, reason: Reason::Handshake, repeats },
            Body::RouterSolicitation,
            &list,
        );
    }

    /// One router advertisement for each border router that this node knows of (RFC 6775 §6.3), to one node or to all.
    pub(super) fn send_router_advertisements(&mut self, now: SimTime, to: Option<(Ipv6Addr, Address)>) {
        let known: Vec<(Ipv6Addr, Announced)> =
            self.information.iter().map(|(border, announced)| (border, announced.clone())).collect();
        for (border, announced) in known {
            self.counts.router_advertisements += 1;
            let mut list = self.options_with_source();
            let lifetime = minutes_left(now, announced.until);
            push(
                &mut list,
                NdpOption::BorderRouter(BorderRouter {
                    version: announced.version,
                    lifetime,
                    address: border,
                }),
            );
            if self.is_extended() {
                let mine = Capabilities {
                    extended_duplicate: true,
                    router: true,
                    border: self.role == Role::Border,
                    extended_registration: true,
                    ..Capabilities::default()
                };
                push(&mut list, NdpOption::Capabilities(mine));
            }
            for (prefix, until) in announced.prefixes.iter().filter(|(_, until)| *until > now) {
                push(&mut list, NdpOption::Prefix(aged(now, prefix, *until)));
            }
            for (context, until) in announced.contexts.iter().filter(|(_, until)| *until > now) {
                let lifetime = minutes_left(now, *until);
                push(&mut list, NdpOption::Context(ContextOption { lifetime, ..*context }));
            }
            let body = Body::RouterAdvertisement(RouterAdvertisement {
                hop_limit: 64,
                managed: false,
                other: false,
                router_lifetime: self.settings.router_lifetime,
                reachable_time: 0,
                retransmission_timer: 0,
            });
            let (to, destination) = match to {
                Some((address, link)) => (To::Neighbour(link), address),
                None => (To::All, ALL_NODES),
            };
            let source = self.link_local();
            self.send_message(
                Sending { to, source, destination, reason: Reason::Control, repeats: false },
                body,
                &list,
            );
        }
    }

    /// A solicitation that registers an address with a router (RFC 6775 §5.5.1, RFC 8505 §5.6).
    pub(super) fn send_registration(
        &mut self,
        router: (Ipv6Addr, Address),
        address: Ipv6Addr,
        tid: u8,
        reason: Reason,
        repeats: bool,
    ) {
        self.counts.neighbor_solicitations += 1;
        let (source, target, transaction) = match self.settings.version {
            Version::Rfc6775 => (address, router.0, None),
            Version::Rfc8505 => {
                // A host asks for routes, a router makes its own (RFC 8505 §5.1).
                let routed = self.role == Role::Host;
                (self.link_local(), address, Some(Transaction { id: tid, routed, opaque: 0 }))
            }
        };
        let registration = AddressRegistration {
            status: Status::SUCCESS,
            lifetime: self.settings.lifetime,
            rovr: self.identity.rovr,
            transaction,
        };
        let mut list = self.options_with_source();
        push(&mut list, NdpOption::AddressRegistration(registration));
        let sending = Sending { to: To::Neighbour(router.1), source, destination: router.0, reason, repeats };
        self.send_message(sending, Body::NeighborSolicitation { target }, &list);
    }

    /// Tells an applicant what became of its registration (RFC 6775 §6.5.2, §6.5.3).
    pub(super) fn send_answer(
        &mut self,
        address: Ipv6Addr,
        applicant: &Applicant,
        status: Status,
        solicited: bool,
    ) {
        self.counts.neighbor_advertisements += 1;
        let registration = AddressRegistration { status, ..applicant.registration };
        let extended = registration.transaction.is_some();
        // Whoever has lost an address cannot be told so by it.
        let is_of_source = applicant.source == address;
        let by_eui64 = registration.rovr.eui64().filter(|_| status != Status::SUCCESS && is_of_source);
        let destination = by_eui64.map_or(applicant.source, |eui64| Address::Extended(eui64).link_local());
        let target = if extended { address } else { self.link_local() };
        let body = Body::NeighborAdvertisement(NeighborAdvertisement {
            router: true,
            solicited,
            is_override: false,
            target,
        });
        let mut list = NdpOptionList::new();
        push(&mut list, NdpOption::AddressRegistration(registration));
        let to = To::Neighbour(applicant.link);
        let source = self.link_local();
        self.send_message(
            Sending { to, source, destination, reason: Reason::Control, repeats: false },
            body,
            &list,
        );
    }

    /// Tells whoever asks that an address is this node's (RFC 4861 §7.2.4).
    pub(super) fn send_own(&mut self, target: Ipv6Addr, destination: Ipv6Addr, link: Address) {
        self.counts.neighbor_advertisements += 1;
        let body = Body::NeighborAdvertisement(NeighborAdvertisement {
            router: self.active,
            solicited: true,
            is_override: true,
            target,
        });
        let (bytes, len) = radio_address_bytes(self.identity.link);
        let mut list = NdpOptionList::new();
        push(&mut list, NdpOption::TargetLinkLayer(&bytes[..len]));
        let source = self.link_local();
        self.send_message(
            Sending { to: To::Neighbour(link), source, destination, reason: Reason::Control, repeats: false },
            body,
            &list,
        );
    }

    /// Asks the border router about an address (RFC 6775 §8.2.3), or answers (§8.2.4).
    pub(super) fn send_duplicate_address(
        &mut self,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        message: &duplicate_address::Message,
        repeats: bool,
    ) {
        match message.confirms {
            true => self.counts.confirmations += 1,
            false => self.counts.requests += 1,
        }
        let message = message.to_bytes(source, destination);
        self.send(Outgoing { to: To::Afar, source, destination, message, reason: Reason::Control, repeats });
    }

    fn options_with_source(&self) -> NdpOptionList {
        let mut list = NdpOptionList::new();
        let (bytes, len) = radio_address_bytes(self.identity.link);
        push(&mut list, NdpOption::SourceLinkLayer(&bytes[..len]));
        list
    }

    fn send_message(&mut self, sending: Sending, body: Body, list: &NdpOptionList) {
        let Sending { to, source, destination, reason, repeats } = sending;
        let message = Message { body, options: list.options() };
        let message = message.to_bytes(source, destination);
        self.send(Outgoing { to, source, destination, message, reason, repeats });
    }
}

/// How a message is sent.
#[derive(Clone, Copy, Debug)]
struct Sending {
    to: To,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    reason: Reason,
    repeats: bool,
}

/// What does not fit is left out: what a node cannot do without stands first.
fn push(list: &mut NdpOptionList, option: NdpOption<'_>) {
    let _ = list.try_push(option);
}

/// A prefix as it is told on: its lifetimes have run down since (RFC 6775 §8.1.4).
fn aged(now: SimTime, prefix: &PrefixInformation, until: SimTime) -> PrefixInformation {
    let left = (until.saturating_since(now).as_nanos() / 1_000_000_000).min(u64::from(u32::MAX)) as u32;
    let gone = prefix.valid_lifetime.saturating_sub(left);
    let preferred_lifetime = prefix.preferred_lifetime.saturating_sub(gone);
    PrefixInformation { valid_lifetime: left, preferred_lifetime, on_link: false, ..*prefix }
}

/// Whole minutes, rounded up: 0 would remove what has a few seconds left.
fn minutes_left(now: SimTime, until: SimTime) -> u16 {
    let nanos = until.saturating_since(now).as_nanos();
    nanos.div_ceil(60_000_000_000).min(u64::from(u16::MAX)) as u16
}

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
