//! A node's part in neighbour discovery: what goes in and out.
//!
//! The owner hands in each message with [`Node::handle_message`], tells what became of frames with [`Node::on_sent`], calls
//! [`Node::handle_timeout`] at [`Node::poll_timeout`], and after each call takes what [`Node::poll_transmit`] and
//! [`Node::poll_news`] give.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};

use sim_core::random::CounterStream;
use sim_core::{SimDuration, SimTime};
use wire::account::Reason;
use wire::ieee802154::{Address, ExtendedAddress};
use wire::ndp::{Body, HOP_LIMIT, Message};
use wire::ndp_lowpan::{BorderRouter, ContextOption, Rovr};
use wire::ndp_options::PrefixInformation;
use wire::sixlowpan::Contexts;
use wire::{duplicate_address, icmpv6};

use super::counts::Counts;
use super::host::{Host, Quality};
use super::information::{ContextTable, Information, minutes};
use super::registrar::Registrar;
use super::registry::Registry;
use super::settings::{INFORMATION_MINUTES, NdSettings, PREFIX_SECONDS, Role, Version};
use crate::address::Prefix;
use crate::radio::security::extended;

/// Who a node is.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Its radio's address.
    pub link: Address,
    /// The address of 64 bits that every radio has.
    pub eui64: ExtendedAddress,
    /// What it owns addresses by.
    pub rovr: Rovr,
}

impl Identity {
    /// The identity of a radio: it owns addresses by its address of 64 bits, or by drawn bits where the verifier is longer, which
    /// then is none that an address is made of (RFC 8505 §5.3).
    #[must_use]
    pub fn of_radio(link: Address, rovr_len: u8, draws: CounterStream) -> Self {
        let eui64 = extended(link);
        let words = (1..=u64::from(rovr_len / 8)).map(|word| draws.draw(VERIFIER_DRAWS + word).to_be_bytes());
        let drawn: Vec<u8> = words.flatten().collect();
        let rovr = Some(drawn.as_slice()).filter(|_| rovr_len > 8).and_then(Rovr::new);
        Self { link, eui64, rovr: rovr.unwrap_or(Rovr::of_eui64(eui64)) }
    }
}

/// A message to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outgoing {
    /// Who it is for.
    pub to: To,
    /// The packet's source.
    pub source: Ipv6Addr,
    /// The packet's destination.
    pub destination: Ipv6Addr,
    /// The message, its checksum included.
    pub message: Vec<u8>,
    /// What its bytes serve.
    pub reason: Reason,
    /// Whether it repeats an earlier one.
    pub repeats: bool,
}

/// Who a message is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum To {
    /// All in reach.
    All,
    /// The radio with that address.
    Neighbour(Address),
    /// Whoever has the packet's destination, over several hops.
    Afar,
}

/// A message that was heard.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The packet's source.
    pub source: Ipv6Addr,
    /// The packet's destination.
    pub destination: Ipv6Addr,
    /// The packet's hop limit.
    pub hop_limit: u8,
    /// What the signal promises of the link to the radio that it came from.
    pub quality: Quality,
    /// ICMPv6 header and body.
    pub message: &'a [u8],
}

/// What others need to know of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum News {
    /// The node's first address is registered: from now on a router is one.
    Joined,
    /// The node as a router has a registration.
    Registered {
        /// The address.
        address: Ipv6Addr,
        /// The radio that has it.
        link: Address,
        /// Minutes that it holds.
        lifetime: u16,
        /// How new it is, where the radio asks to be made reachable by routes (RFC 8505 §5.1).
        routed: Option<u8>,
    },
    /// The node as a router has it no more.
    Gone {
        /// The address.
        address: Ipv6Addr,
    },
}

/// A node's part in neighbour discovery.
#[derive(Debug)]
pub struct Node {
    pub(super) settings: NdSettings,
    pub(super) role: Role,
    pub(super) identity: Identity,
    pub(super) own: Option<Ipv6Addr>,
    pub(super) on: bool,
    pub(super) host: Host,
    pub(super) information: Information,
    pub(super) contexts: ContextTable,
    pub(super) registrar: Registrar,
    pub(super) registry: Registry,
    /// As a router: whether it speaks as one.
    pub(super) active: bool,
    /// Whether packets find their way from here to the border router.
    pub(super) routed: bool,
    /// Whether the radio tells that frames were confirmed.
    pub(super) frames_confirmed: bool,
    pub(super) replies: BTreeMap<Ipv6Addr, (SimTime, Address)>,
    pub(super) advertise_at: Option<SimTime>,
    /// Advertisements to all that follow each other soon (RFC 6775 §8.1.5).
    pub(super) advertisements_left: u8,
    pub(super) counts: Counts,
    pub(super) joined_at: Option<SimTime>,
    /// What a border router announces.
    announced: Vec<PrefixInformation>,
    announced_contexts: Vec<ContextOption>,
    out: VecDeque<Outgoing>,
    news: VecDeque<News>,
    draws: CounterStream,
    drawn: u64,
}

impl Node {
    /// A node without power. `own` is the address that it is reached by, `claims` are others that it registers too; a border router
    /// announces the prefixes and contexts that [`Self::announce`] gives it.
    #[must_use]
    pub fn new(
        settings: NdSettings,
        role: Role,
        identity: Identity,
        own: Option<Ipv6Addr>,
        claims: &[Ipv6Addr],
        draws: CounterStream,
    ) -> Self {
        let link_local = (settings.version == Version::Rfc8505).then(|| identity.link.link_local());
        let addresses = link_local.into_iter().chain(own).chain(claims.iter().copied());
        let addresses = addresses.filter(|_| role != Role::Border);
        Self {
            settings,
            role,
            identity,
            own,
            on: false,
            host: Host::new(addresses),
            information: Information::default(),
            contexts: ContextTable::default(),
            registrar: Registrar::new(settings.neighbours_max),
            registry: Registry::new(settings.version, settings.registry_max),
            active: false,
            routed: true,
            frames_confirmed: true,
            replies: BTreeMap::new(),
            advertise_at: None,
            advertisements_left: 0,
            counts: Counts::default(),
            joined_at: None,
            announced: Vec::new(),
            announced_contexts: Vec::new(),
            out: VecDeque::new(),
            news: VecDeque::new(),
            draws,
            drawn: 0,
        }
    }

    /// Gives a border router what it announces: the first 64 bits of an address for a prefix, and contexts by their places.
    pub fn announce(&mut self, address: Ipv6Addr, contexts: &[Prefix]) {
        let [a, b, c, d, ..] = address.segments();
        let (valid_lifetime, preferred_lifetime) = PREFIX_SECONDS;
        self.announced = vec![PrefixInformation {
            prefix_len: 64,
            // Never on-link (RFC 6775 §6.1).
            on_link: false,
            autonomous: true,
            valid_lifetime,
            preferred_lifetime,
            prefix: Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0),
        }];
        let context = |(id, known): (u8, &Prefix)| match known.address {
            IpAddr::V6(prefix) => {
                let lifetime = INFORMATION_MINUTES;
                Some(ContextOption { id, compress: true, lifetime, len: known.length, prefix })
            }
            IpAddr::V4(_) => None,
        };
        self.announced_contexts = (0..16).zip(contexts).filter_map(context).collect();
    }

    /// Tells whether the radio learns of each frame to one other whether it was confirmed.
    pub fn set_frames_confirmed(&mut self, confirmed: bool) {
        self.frames_confirmed = confirmed;
    }

    /// Tells whether packets find their way to the border router: until they do, a router takes in nobody.
    pub fn set_routed(&mut self, routed: bool) {
        self.routed = routed;
    }

    /// Power comes: a border router speaks, everybody else looks for a router.
    pub fn start(&mut self, now: SimTime) {
        if std::mem::replace(&mut self.on, true) {
            return;
        }
        if self.role == Role::Border {
            return self.begin_border(now);
        }
        let pause = self.below(super::host::SOLICITATION_DELAY_MAX);
        self.host.solicit_at = Some(now + pause);
    }

    /// Power is lost: everything is forgotten but a few counters.
    pub fn stop(&mut self) {
        self.on = false;
        self.active = false;
        self.host.clear();
        self.information.clear();
        self.contexts.clear();
        for address in self.registrar.iter().map(|(address, _)| address).collect::<Vec<_>>() {
            self.news.push_back(News::Gone { address });
        }
        self.registrar.clear();
        self.registry.clear();
        self.replies.clear();
        (self.advertise_at, self.advertisements_left) = (None, 0);
        self.out.clear();
    }

    fn begin_border(&mut self, now: SimTime) {
        self.announce_own(now);
        self.joined_at.get_or_insert(now);
        self.begin_router(now);
        self.news.push_back(News::Joined);
    }

    /// A border router says what it says of its own network; that never runs down.
    fn announce_own(&mut self, now: SimTime) {
        let Some(own) = self.own else { return };
        let border = BorderRouter { version: 1, lifetime: INFORMATION_MINUTES, address: own };
        let contexts = self.announced_contexts.clone();
        for context in &contexts {
            self.contexts.take(now, context, SimDuration::ZERO);
        }
        self.information.take(now, &border, self.announced.clone().into_iter(), contexts.into_iter());
    }

    /// Takes a message that was heard; says whether it was one of neighbour discovery.
    pub fn handle_message(&mut self, now: SimTime, heard: &Heard<'_>) -> bool {
        let Some(&kind) = heard.message.first() else { return false };
        let is_duplicate = matches!(kind, duplicate_address::REQUEST | duplicate_address::CONFIRMATION);
        if !is_duplicate && !matches!(kind, 133..=136) {
            return false;
        }
        if !self.on {
            return true;
        }
        self.expire(now);
        let sound = icmpv6::verify_message(heard.message, heard.source, heard.destination);
        if !sound || heard.source.is_multicast() || heard.source.is_unspecified() {
            self.counts.malformed += 1;
        } else if is_duplicate {
            match duplicate_address::Message::parse(heard.message) {
                Ok(message) if message.confirms => self.on_confirmation(now, &message),
                Ok(message) => self.on_request(now, heard, &message),
                Err(_) => self.counts.malformed += 1,
            }
        } else {
            match Message::parse(heard.message) {
                // Nothing of this kind ever crosses a router (RFC 4861 §6.1, §7.1).
                Ok(message) if heard.hop_limit == HOP_LIMIT => self.on_message(now, heard, &message),
                Ok(_) | Err(_) => self.counts.malformed += 1,
            }
        }
        true
    }

    fn on_message(&mut self, now: SimTime, heard: &Heard<'_>, message: &Message<'_>) {
        match message.body {
            Body::RouterSolicitation => self.on_router_solicitation(now, heard, message.options),
            Body::RouterAdvertisement(router) => {
                self.on_router_advertisement(now, heard, &router, message.options)
            }
            Body::NeighborSolicitation { target } => {
                self.on_neighbor_solicitation(now, heard, target, message.options)
            }
            Body::NeighborAdvertisement(neighbor) => {
                self.on_neighbor_advertisement(now, heard, &neighbor, message.options)
            }
            // Redirects are not sent in such networks (RFC 6775 §6.1), and not taken.
            Body::Redirect { .. } => self.counts.malformed += 1,
        }
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: SimTime) {
        if !self.on {
            return;
        }
        self.expire(now);
        self.handle_host_timeout(now);
        self.handle_router_timeout(now);
    }

    fn expire(&mut self, now: SimTime) {
        let half = minutes(INFORMATION_MINUTES / 2);
        if self.role == Role::Border && self.information.next_end().is_none_or(|end| end < now + half) {
            self.announce_own(now);
        }
        self.contexts.expire(now);
        self.information.expire(now);
    }

    /// When [`Self::handle_timeout`] has work to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        if !self.on {
            return None;
        }
        let replies = self.replies.values().map(|&(at, _)| at).min();
        let information = self.information.next_end().filter(|_| self.role != Role::Border);
        let contexts = self.contexts.next_end().filter(|_| self.role != Role::Border);
        let host = self.host.next_due();
        [host, self.registrar.next_due(), replies, self.advertise_at, information, contexts]
            .into_iter()
            .flatten()
            .min()
    }

    /// A message to be sent.
    pub fn poll_transmit(&mut self) -> Option<Outgoing> {
        self.out.pop_front()
    }

    /// Something that others need to know of.
    pub fn poll_news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    pub(super) fn send(&mut self, outgoing: Outgoing) {
        self.counts.repetitions += u64::from(outgoing.repeats);
        self.out.push_back(outgoing);
    }

    pub(super) fn tell(&mut self, news: News) {
        self.news.push_back(news);
    }

    /// Whether packets may have this address for a source: one that is registered (RFC 6775 §5.5.3).
    #[must_use]
    pub fn may_use(&self, now: SimTime, address: Ipv6Addr) -> bool {
        self.role == Role::Border || address.is_unicast_link_local() || self.host.is_usable(now, address)
    }

    /// Whether a packet may be handed to whoever has this address: one that is registered here (RFC 6775 §6.5.4).
    #[must_use]
    pub fn has_registered(&self, address: Ipv6Addr) -> Option<Address> {
        self.registrar.get(address).filter(|entry| entry.registered).map(|entry| entry.applicant.link)
    }

    /// The radio that a host hands everything to: its default router (RFC 6775 §5.6).
    #[must_use]
    pub fn default_router(&self) -> Option<Address> {
        self.host.router().map(|router| router.link)
    }

    /// What headers may be compressed with.
    #[must_use]
    pub const fn contexts_to_compress(&self) -> &Contexts {
        self.contexts.to_compress()
    }

    /// What headers of others are restored with.
    #[must_use]
    pub const fn contexts_to_decompress(&self) -> &Contexts {
        self.contexts.to_decompress()
    }

    /// What the node is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whether it passes nothing on.
    #[must_use]
    pub const fn is_host(&self) -> bool {
        matches!(self.role, Role::Host)
    }

    /// Whether it acts as a router.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.active
    }

    /// Its part as a host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The registrations that it keeps.
    #[must_use]
    pub const fn registrar(&self) -> &Registrar {
        &self.registrar
    }

    /// The addresses that it keeps for the whole network.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What border routers have announced.
    #[must_use]
    pub const fn information(&self) -> &Information {
        &self.information
    }

    /// What it has done.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// When its own address was registered first.
    #[must_use]
    pub const fn joined_at(&self) -> Option<SimTime> {
        self.joined_at
    }

    /// The address that it is reached by.
    #[must_use]
    pub const fn own(&self) -> Option<Ipv6Addr> {
        self.own
    }

    pub(super) fn link_local(&self) -> Ipv6Addr {
        self.identity.link.link_local()
    }

    pub(super) fn is_extended(&self) -> bool {
        self.settings.version == Version::Rfc8505
    }

    /// How long the answer to the `tries`-th question is waited for: at least `RETRANS_TIMER` (RFC 6775 §5.5), twice that each time,
    /// and up to half more, so that those who lost theirs to each other do not ask in one instant again.
    pub(super) fn patience(&mut self, tries: u8) -> SimDuration {
        let least = self.settings.retransmit * (1 << tries.saturating_sub(1).min(8));
        least + self.below(least / 2)
    }

    /// A random time below `span`.
    pub(super) fn below(&mut self, span: SimDuration) -> SimDuration {
        self.drawn += 1;
        let draw = self.draws.draw(self.drawn);
        SimDuration::from_nanos(((u128::from(draw) * u128::from(span.as_nanos())) >> 64) as u64)
    }
}

/// Where draws for verifiers begin, far behind those for times.
const VERIFIER_DRAWS: u64 = 1 << 48;
