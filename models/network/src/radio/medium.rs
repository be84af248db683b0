//! A radio medium: its radios, what they do, and what became of their frames.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use rustc_hash::FxHashMap;
use sim_core::digest::Chain;
use sim_core::random::Streams;
use sim_core::{SimDuration, SimTime};
use wire::ieee802154::{Address, PanId};
use wire::sixlowpan::{Context, Contexts};

use super::air::{Air, Channel, Radio};
use super::duty::{Duty, DutyCycle};
use super::fate::FateTable;
use super::mac::{Mac, MacSettings, RadioState};
use super::overhearing::{Overhearing, are_all_in_reach, holds_still};
use super::phy::Phy;
use super::security::RadioSecurity;
use crate::address::Prefix;
use crate::nd;
use crate::port::PortId;
use crate::purpose;
use crate::queue::QueueLimit;
use crate::rpl::router::Router;
use crate::rpl::station::{RplSpec, Station, identifier};

/// The settings of a radio medium.
#[derive(Clone, Debug)]
pub struct RadioMediumSpec {
    /// What the medium does to signals. In a table of links, radios are numbered in the order in which they are given.
    pub channel: Channel,
    /// The physical layer of all radios.
    pub phy: Phy,
    /// The medium access control of all radios.
    pub mac: MacSettings,
    /// How radios save energy.
    pub duty: DutyCycle,
    /// The network that all radios belong to.
    pub pan: PanId,
    /// Frames that wait in each radio, the one being sent not among them.
    pub queue: QueueLimit,
    /// The largest IPv6 packet: 1,280 bytes and more (RFC 4944 §4), in fragments of at most 2,047.
    pub mtu: u16,
    /// Cost of a hop for shortest paths; at least 1.
    pub cost: u32,
    /// Prefixes that header compression may leave out, at most 16.
    pub contexts: Vec<Prefix>,
    /// False if headers are sent as they are (RFC 4944 §5.1).
    pub compression: bool,
    /// How frames that hold packets are protected, if they are.
    pub security: Option<RadioSecurity>,
    /// How RPL finds the routes; shortest paths that are known at once if `None`.
    pub rpl: Option<RplSpec>,
    /// How routers and addresses are found and registered; known at once if `None`.
    pub discovery: Option<nd::station::NdSpec>,
}

/// A radio of a medium that is being put together.
#[derive(Clone, Debug)]
pub struct RadioSpec {
    /// What the medium knows of it.
    pub radio: Radio,
    /// Its link-layer address: unique on the medium.
    pub address: Address,
    /// Whether it sleeps, where radios do.
    pub sleeps: bool,
}

/// A radio medium.
#[derive(Debug)]
pub struct RadioMedium {
    /// The medium's name in the scenario.
    pub name: Box<str>,
    /// The radios, in order.
    pub(crate) ports: Vec<PortId>,
    pub(super) air: Air,
    pub(super) phy: Phy,
    pub(super) settings: MacSettings,
    pub(super) pan: PanId,
    pub(super) contexts: Contexts,
    pub(super) compression: bool,
    pub(super) security: Option<RadioSecurity>,
    pub(super) macs: Vec<Mac>,
    by_address: FxHashMap<Address, u32>,
    pub(super) fates: FateTable,
    pub(super) report: RadioReport,
    pub(crate) digest: Chain,
    /// The links that routes may use, by radio; worked out anew each time where there are too many to keep.
    links: Option<Vec<Vec<(u32, u32)>>>,
    /// Radios of nodes that pass on packets of others.
    routers: Vec<u32>,
    /// The radios' parts in RPL; empty if routes are known at once.
    pub(crate) rpl: Vec<Station>,
    by_identifier: FxHashMap<[u8; 8], u32>,
    /// The radios' parts in neighbour discovery; empty if everything is known at once.
    pub(crate) discovery: Vec<nd::station::Station>,
    /// Whether any radio sleeps now and then.
    pub(super) sleeps: bool,
    /// Radios that sleep now and then and are awake.
    pub(super) roused: BTreeSet<u32>,
    /// When frames collided at a radio, if that is watched.
    pub(super) collisions: Option<Vec<(SimTime, u32)>>,
    /// What radios take in of frames for others, if any of them has hardware.
    pub(super) overhearing: Option<Box<Overhearing>>,
    /// Whether each radio certainly hears each other.
    pub(super) all_in_reach: bool,
    /// Whether who hears whom is the same at all times.
    pub(super) holds_still: bool,
}

/// What a medium has carried.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RadioReport {
    /// Frames put on the air, acknowledgements among them.
    pub frames: u64,
    /// Their bytes, check sequence included.
    pub bytes: u64,
    /// Time that frames took, summed over them: more than the run's if they overlap.
    pub air_time: SimDuration,
    /// Frames with packets, or with parts of them, that radios were given for one other each.
    pub offered: u64,
    /// Frames to one radio that were put on the air, repetitions among them.
    pub unicasts: u64,
    /// Acknowledgements that were put on the air.
    pub acknowledgements: u64,
    /// Frames to one radio that broke off since their sender failed.
    pub aborted_unicasts: u64,
    /// Acknowledgements that did.
    pub aborted_acknowledgements: u64,
    /// How often a radio found the channel busy.
    pub busy_channel: u64,
}

impl RadioMedium {
    pub(crate) fn new(
        name: Box<str>,
        spec: RadioMediumSpec,
        radios: Vec<RadioSpec>,
        ports: Vec<PortId>,
        routers: Vec<u32>,
        streams: &Streams,
    ) -> Self {
        let macs = radios.iter().zip(0..).map(|(radio, number)| {
            let name = &radio.radio.name;
            let draw = streams.counter(name, purpose::RADIO_RHYTHM).draw(0);
            let duty = spec.duty.of_radio(spec.phy, number, radio.sleeps, draw);
            Mac::new(radio.address, streams.counter(name, purpose::RADIO_BACKOFF), duty)
        });
        let mut macs: Vec<Mac> = macs.collect();
        let sleeps = macs.iter().any(|mac| mac.duty.ever_sleeps());
        // The first router makes the network that others join.
        let first = routers.first().map_or(0, |&router| router as usize);
        if let Some(Duty::Tsch(node)) = macs.get_mut(first).map(|mac| &mut mac.duty) {
            node.coordinator = true;
        }
        let by_address = macs.iter().zip(0..).map(|(mac, radio)| (mac.address, radio)).collect();
        let mut contexts = Contexts::NONE;
        for (index, prefix) in (0..16).zip(&spec.contexts) {
            if let std::net::IpAddr::V6(address) = prefix.address {
                contexts = contexts.with(index, Context::new(address, prefix.length));
            }
        }
        let radios: Vec<Radio> = radios.into_iter().map(|radio| radio.radio).collect();
        let holds_still = holds_still(&spec.channel, &radios);
        let all_in_reach = holds_still && are_all_in_reach(&spec.channel, spec.phy, &radios);
        let mut medium = Self {
            name,
            ports,
            air: Air::new(spec.channel, spec.phy, radios, streams),
            phy: spec.phy,
            settings: spec.mac,
            pan: spec.pan,
            contexts,
            compression: spec.compression,
            security: spec.security,
            macs,
            by_address,
            fates: FateTable::default(),
            report: RadioReport::default(),
            digest: Chain::default(),
            links: None,
            routers,
            rpl: Vec::new(),
            by_identifier: FxHashMap::default(),
            discovery: Vec::new(),
            sleeps,
            roused: BTreeSet::new(),
            collisions: None,
            overhearing: None,
            all_in_reach,
            holds_still,
        };
        medium.find_parents();
        // Who asks RPL needs no table of the links.
        medium.links = if spec.rpl.is_none() { medium.find_links() } else { Some(Vec::new()) };
        medium
    }

    /// The radios' ports, in order.
    pub fn ports(&self) -> &[PortId] {
        &self.ports
    }

    /// What the medium has carried so far.
    pub fn report(&self) -> RadioReport {
        self.report
    }

    /// What became of the frames.
    pub fn fates(&self) -> &FateTable {
        &self.fates
    }

    /// How long a radio was in each state up to `now`, in the order of [`RadioState::ALL`].
    pub fn state_times(&self, radio: u32, now: SimTime) -> [SimDuration; RadioState::ALL.len()] {
        self.macs[radio as usize].clock.times(now)
    }

    /// Notes from now on what the first radios are in since when.
    pub(crate) fn watch(&mut self) {
        self.macs.iter_mut().take(RADIOS_WATCHED_MAX).for_each(|mac| mac.clock.watch());
        self.collisions = Some(Vec::new());
    }

    /// Radios whose states are noted if the medium is watched: the first ones.
    pub fn watched_radios(&self) -> u32 {
        self.macs.len().min(RADIOS_WATCHED_MAX) as u32
    }

    /// What one of them was in since when, up to `now`, and when frames collided there (no state): the first thousand changes.
    pub fn watched(&self, radio: u32, now: SimTime) -> Vec<(SimTime, Option<RadioState>)> {
        let changes = self.macs[radio as usize].clock.changes(now).into_iter();
        let mut changes: Vec<_> = changes.map(|(at, state)| (at, Some(state))).collect();
        let last = changes.last().map_or(SimTime::ZERO, |&(at, _)| at);
        let collided = self.collisions.iter().flatten().filter(|&&(at, of)| of == radio && at <= last);
        changes.extend(collided.map(|&(at, _)| (at, None)));
        changes.sort_by_key(|&(at, _)| at);
        changes
    }

    /// A radio's link-layer address.
    pub fn address(&self, radio: u32) -> Address {
        self.macs[radio as usize].address
    }

    /// Gives each radio its part in RPL.
    pub(crate) fn set_rpl(&mut self, stations: Vec<Station>) {
        self.rpl = stations;
        let macs = self.macs.iter().zip(0..);
        self.by_identifier = macs.map(|(mac, radio)| (mac.address.interface_identifier(), radio)).collect();
    }

    /// A radio's part in RPL, if the medium is routed by it.
    pub fn router(&self, radio: u32) -> Option<&Router> {
        self.rpl.get(radio as usize).map(|station| &station.router)
    }

    /// The radio whose address makes a link-local address's interface identifier, where RPL runs.
    pub fn radio_with(&self, address: Ipv6Addr) -> Option<u32> {
        self.by_identifier.get(&identifier(address)).copied()
    }

    /// A radio's part in neighbour discovery, if that runs on the medium.
    pub fn discovery(&self, radio: u32) -> Option<&nd::node::Node> {
        self.discovery.get(radio as usize).map(|station| &station.node)
    }

    /// Whether frames to one radio are confirmed.
    pub(crate) fn acknowledges(&self) -> bool {
        self.settings.acknowledgements
    }

    /// What a radio may leave out of headers that it compresses.
    pub(super) fn contexts_to_compress(&self, radio: u32) -> &Contexts {
        self.discovery(radio).map_or(&self.contexts, nd::node::Node::contexts_to_compress)
    }

    /// What a radio puts into headers that it restores.
    pub(super) fn contexts_to_decompress(&self, radio: u32) -> &Contexts {
        self.discovery(radio).map_or(&self.contexts, nd::node::Node::contexts_to_decompress)
    }

    /// By how much a frame from one radio exceeds the weakest that another one notices, at a time, in decibels.
    pub(crate) fn margin_db(&mut self, from: u32, to: u32, at: SimTime) -> f64 {
        let sensitivity = self.air.radio(to).sensitivity;
        self.air.received_power(from, to, at).ratio_to(sensitivity).as_db()
    }

    /// The radio that has a link-layer address.
    pub fn radio_of(&self, address: Address) -> Option<u32> {
        self.by_address.get(&address).copied()
    }

    /// The transmissions that a packet over a link is expected to take at a time, rounded: 1 for a good link; `None` where fewer than one
    /// frame in ten gets through in either direction while all else is silent.
    fn expected_transmissions(&self, from: u32, to: u32, at: SimTime) -> Option<u32> {
        let longest = wire::ieee802154::FRAME_LEN_MAX;
        let there = self.air.delivery(from, to, longest, at);
        let back = self.air.delivery(to, from, longest, at);
        (there.min(back) >= DELIVERY_LEAST).then(|| (1.0 / (there * back)).round() as u32)
    }

    /// The radios that routes may lead to from `radio` in one hop, with the transmissions expected.
    pub(crate) fn links_of(&self, radio: u32) -> Vec<(u32, u32)> {
        match &self.links {
            Some(links) => links[radio as usize].clone(),
            None => self.links_from(self.air.neighbours(radio, PLANNED_AT), radio),
        }
    }

    /// The transmissions that a packet from one radio to another is expected to take where all is as at the start of the run; `None` where
    /// routes do not lead: a child has a link to its parent alone.
    pub(crate) fn link_cost(&self, from: u32, to: u32) -> Option<u32> {
        let duty = |radio: u32| &self.macs[radio as usize].duty;
        match (duty(from), duty(to)) {
            (Duty::Child(child), _) => (child.parent == Some(to)).then_some(child.cost),
            (_, Duty::Child(child)) => (child.parent == Some(from)).then_some(child.cost),
            _ => self.expected_transmissions(from, to, PLANNED_AT),
        }
    }

    fn links_from(&self, mut others: Vec<u32>, radio: u32) -> Vec<(u32, u32)> {
        // Children and their parents may have met where they were not at the start.
        match &self.macs[radio as usize].duty {
            Duty::Child(child) => others.extend(child.parent),
            Duty::Parent(parent) => others.extend(&parent.children),
            Duty::AlwaysOn | Duty::Strobing(_) | Duty::Tsch(_) => {}
        }
        others.sort_unstable();
        others.dedup();
        let link = |other: u32| Some((other, self.link_cost(radio, other)?));
        others.into_iter().filter_map(link).collect()
    }

    /// The only radio that a sleepy child exchanges frames with; none for others.
    pub(crate) fn parent_of(&self, radio: u32) -> Option<u32> {
        match &self.macs[radio as usize].duty {
            Duty::Child(child) => child.parent,
            Duty::AlwaysOn | Duty::Strobing(_) | Duty::Parent(_) | Duty::Tsch(_) => None,
        }
    }

    /// Each child has the router for a parent that the fewest transmissions reach, the first among equals.
    fn find_parents(&mut self) {
        for radio in 0..self.macs.len() as u32 {
            if !matches!(self.macs[radio as usize].duty, Duty::Child(_)) {
                continue;
            }
            let near = self.air.neighbours(radio, PLANNED_AT).into_iter();
            let routers = near.filter(|&other| matches!(self.macs[other as usize].duty, Duty::Parent(_)));
            let reached = routers
                .filter_map(|other| Some((self.expected_transmissions(radio, other, PLANNED_AT)?, other)));
            if let Some((cost, parent)) = reached.min() {
                self.join(radio, parent, cost);
            }
        }
    }

    fn join(&mut self, radio: u32, parent: u32, cost: u32) {
        let Some(Duty::Child(child)) = self.macs.get_mut(radio as usize).map(|mac| &mut mac.duty) else {
            return;
        };
        child.cost = cost;
        let left = child.parent.replace(parent);
        for (router, joins) in left.map(|left| (left, false)).into_iter().chain([(parent, true)]) {
            if let Some(Duty::Parent(router)) = self.macs.get_mut(router as usize).map(|mac| &mut mac.duty) {
                if joins {
                    router.children.insert(radio);
                } else {
                    router.children.remove(&radio);
                }
            }
        }
    }

    /// From now on a child has this router for a parent.
    pub(super) fn set_parent(&mut self, radio: u32, parent: u32, now: SimTime) {
        let left = self.parent_of(radio);
        let cost = self.expected_transmissions(radio, parent, now).unwrap_or(COST_MAX);
        self.join(radio, parent, cost);
        for changed in left.into_iter().chain([radio, parent]) {
            let links = self.links_from(self.air.neighbours(changed, PLANNED_AT), changed);
            if let Some(known) = self.links.as_mut().and_then(|all| all.get_mut(changed as usize)) {
                *known = links;
            }
        }
    }

    fn find_links(&self) -> Option<Vec<Vec<(u32, u32)>>> {
        let mut found = 0;
        let mut links = Vec::with_capacity(self.ports.len());
        for radio in 0..self.ports.len() as u32 {
            let neighbours = self.air.neighbours(radio, PLANNED_AT);
            found += neighbours.len();
            if found > LINKS_KEPT {
                return None;
            }
            links.push(self.links_from(neighbours, radio));
        }
        Some(links)
    }

    /// The radios of nodes that pass on packets of others.
    pub(crate) fn routers(&self) -> &[u32] {
        &self.routers
    }

    /// Bytes of memory held, roughly.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let links: usize = self.links.iter().flatten().map(|links| links.capacity() * 8).sum();
        (self.macs.capacity() * size_of::<Mac>() + links) as u64 + self.air.memory_bytes()
    }
}

/// Routes that are known to all, and the first parents, are those of the places at the start of the run.
const PLANNED_AT: SimTime = SimTime::ZERO;
/// Links over which fewer frames get through are not used for routes.
const DELIVERY_LEAST: f64 = 0.1;
/// What a worse link costs that is a child's only one: one frame in ten, each way.
const COST_MAX: u32 = 100;
/// Radios of a medium whose states are noted.
const RADIOS_WATCHED_MAX: usize = 16;
/// Links kept for routes, 8 bytes each.
const LINKS_KEPT: usize = 1 << 20;
