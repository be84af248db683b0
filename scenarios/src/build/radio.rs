//! Radio media: the scenario's settings as the network's.

mod duty;
mod security;

use std::collections::BTreeMap;

use network::address::Prefix;
use network::builder::{NetworkBuilder, PortKey};
use network::queue::QueueLimit;
use network::radio::air::{Channel, Radio};
use network::radio::mac::MacSettings;
use network::radio::medium::{RadioMediumSpec, RadioSpec};
use network::radio::phy::Phy;
use network::radio::power::{Gain, Power};
use network::radio::propagation::{LinkTable, LinkTrace, Propagation};
use network::radio::recovery::RecoverySettings;
use network::radio::rejection::Rejection;
use sim_core::random::Streams;
use sim_core::{SimDuration, SimTime};
use wire::ieee802154::{Address, ExtendedAddress, PanId, ShortAddress};

use super::address::{self, Prefixes};
use super::link::bounded;
use super::place::{position, track};
use crate::language::document::{
    AddressLength, Band, FragmentsKind, MacOptions, PropagationSettings, RadioSettings, RecoveryOptions,
};
use crate::language::scenario::{
    InterfaceId, InterfaceName, Level, MediumSettings, NodeId, OwnRadio, Scenario, TracedLevel,
};
use crate::language::{Decibels, PowerLevel};

/// Puts the members of every radio medium on it.
pub(super) fn add_media(
    scenario: &Scenario,
    builder: &mut NetworkBuilder,
    ports: &[PortKey],
    addresses: &[Prefixes],
    streams: &Streams,
) {
    let forwards = super::forwarding_nodes(scenario);
    for (medium, members) in scenario.media.iter().zip(address::segments(scenario)) {
        let MediumSettings::Radio(settings, losses) = &medium.settings else { continue };
        let own = members.iter().flat_map(|member| addresses[member.0 as usize].iter());
        let network = own.copied().find(|prefix| prefix.address.is_ipv6());
        let contexts = network.filter(|_| settings.context != Some(false));
        let spec = RadioMediumSpec {
            channel: channel(settings, &members, losses, &medium.traced, scenario),
            phy: match settings.band {
                Band::Ghz2450 => Phy::O_QPSK_2450,
                Band::Mhz868 => Phy::O_QPSK_868,
            },
            mac: mac(settings),
            duty: duty::duty(settings),
            pan: PanId(settings.pan.unwrap_or(PAN_DEFAULT)),
            queue: settings.queue.map_or(QUEUE_DEFAULT, bounded),
            mtu: settings.mtu.map_or(MTU_DEFAULT as u16, |mtu| mtu.as_bytes() as u16),
            cost: 1,
            contexts: contexts.map(|network| Prefix { length: 64, ..network }).into_iter().collect(),
            compression: settings.compression != Some(false),
            security: security::security(settings),
            rpl: super::rpl::spec(settings, &medium.roots, &members, scenario),
            discovery: super::registration::spec(settings, medium, &members, addresses, scenario),
        };
        let radios = members.iter().zip(0..).map(|(&member, number)| {
            let radio = radio(scenario, streams, settings, member);
            let routes = forwards[scenario.interface(member).node.0 as usize];
            let sleeps = duty::sleeps(settings, routes);
            (ports[member.0 as usize], RadioSpec { radio, address: link_address(settings, number), sleeps })
        });
        builder.radio_medium(&medium.name, spec, radios.collect());
    }
}

/// The link-layer address of a medium's radio of that number, from 0.
pub(super) fn link_address(settings: &RadioSettings, number: u32) -> Address {
    match settings.mac.addresses {
        // The language sees to it that there are fewer radios than short addresses.
        AddressLength::Short => Address::Short(ShortAddress(number.wrapping_add(1) as u16)),
        AddressLength::Long => {
            // Locally administered (IEEE 802 clause 8.4).
            let [a, b, c, d] = number.wrapping_add(1).to_be_bytes();
            Address::Extended(ExtendedAddress([0x02, b'n', b'j', 0, a, b, c, d]))
        }
    }
}

fn radio(scenario: &Scenario, streams: &Streams, settings: &RadioSettings, id: InterfaceId) -> Radio {
    let interface = scenario.interface(id);
    let own = own_radio(scenario, id);
    let track = track(scenario, streams, interface.node);
    let start = track.as_ref().map(|track| track.at(SimTime::ZERO));
    let name = format!("{}/{}", scenario.node_name(interface.node), scenario.interface_name(id));
    Radio {
        name: name.into(),
        position: start.unwrap_or_else(|| position(scenario, streams, interface.node)),
        track: track.map(Box::new),
        power: level(own.power.or(settings.power), POWER_DBM),
        sensitivity: level(settings.sensitivity, SENSITIVITY_DBM),
        busy_above: level(settings.busy_above, BUSY_DBM),
        channel: own.channel.or(settings.channel).unwrap_or(match settings.band {
            Band::Ghz2450 => 26,
            Band::Mhz868 => 0,
        }),
    }
}

/// What the file says of one radio.
fn own_radio(scenario: &Scenario, id: InterfaceId) -> OwnRadio {
    let interface = scenario.interface(id);
    match interface.name {
        InterfaceName::Declared(at) => {
            let radios = &scenario.group_of(interface.node).interface_radios;
            radios.get(usize::from(at)).copied().unwrap_or_default()
        }
        InterfaceName::Automatic(_) => OwnRadio::default(),
    }
}

fn level(given: Option<PowerLevel>, default_dbm: f64) -> Power {
    Power::from_dbm(given.map_or(default_dbm, PowerLevel::as_dbm))
}

fn mac(settings: &RadioSettings) -> MacSettings {
    let given: MacOptions = settings.mac;
    let standard = MacSettings::default();
    let be_max = given.max_be.unwrap_or(standard.be_max);
    MacSettings {
        be_min: given.min_be.unwrap_or(standard.be_min).min(be_max),
        be_max,
        backoffs_max: given.max_csma_backoffs.unwrap_or(standard.backoffs_max),
        retries_max: given.max_frame_retries.unwrap_or(standard.retries_max),
        acknowledgements: given.acknowledgements.unwrap_or(standard.acknowledgements),
        reassemblies_max: settings.reassemblies.unwrap_or(standard.reassemblies_max),
        recovery: (settings.fragments == FragmentsKind::Recovered)
            .then(|| recovery(settings.recovery.unwrap_or_default())),
    }
}

fn recovery(given: RecoveryOptions) -> RecoverySettings {
    let standard = RecoverySettings::default();
    RecoverySettings {
        window: given.window.unwrap_or(standard.window),
        timeout: given
            .timeout
            .map_or(standard.timeout, |timeout| SimDuration::from_nanos(timeout.as_nanos())),
        retries: given.retries.unwrap_or(standard.retries),
        restarts: given.restarts.unwrap_or(standard.restarts),
        ..standard
    }
}

fn channel(
    settings: &RadioSettings,
    members: &[InterfaceId],
    losses: &[(NodeId, NodeId, Decibels)],
    traced: &[TracedLevel],
    scenario: &Scenario,
) -> Channel {
    let loss = |decibels: Decibels| Gain::from_db(-decibels.as_db());
    let propagation = match &settings.propagation {
        PropagationSettings::FreeSpace => Propagation::FreeSpace,
        PropagationSettings::TwoRay(rays) => {
            Propagation::TwoRay { height: rays.height.as_millimetres() as f64 / 1000.0 }
        }
        PropagationSettings::LogDistance(law) => Propagation::LogDistance {
            exponent: law.exponent,
            reference: law.reference.map(loss),
            shadowing_db: law.shadowing.map_or(0.0, Decibels::as_db),
        },
        PropagationSettings::Trace(_) => Propagation::Trace(trace(settings, members, traced, scenario)),
        PropagationSettings::Links(_) => {
            let radios = radios_of_nodes(members, scenario);
            let of = |node: &NodeId| radios.get(node).map(Vec::as_slice).unwrap_or_default();
            let mut table = LinkTable::default();
            for (from, to, decibels) in losses {
                for &sender in of(from) {
                    for &receiver in of(to) {
                        table.set(sender, receiver, loss(*decibels));
                    }
                }
            }
            Propagation::Table(table)
        }
    };
    let ratio = |given: Option<Decibels>, default| Gain::from_db(given.map_or(default, Decibels::as_db));
    let capture = ratio(settings.capture, CAPTURE_DB);
    let (adjacent, alternate) =
        (ratio(settings.adjacent_rejection, ADJACENT_DB), ratio(settings.alternate_rejection, ALTERNATE_DB));
    Channel {
        propagation,
        noise: level(settings.noise, NOISE_DBM),
        capture,
        rejection: Rejection::of_jamming(adjacent, alternate, capture),
    }
}

/// The numbers of each node's radios: a node may have several on a medium, and each has the node's links.
fn radios_of_nodes(members: &[InterfaceId], scenario: &Scenario) -> BTreeMap<NodeId, Vec<u32>> {
    let mut radios: BTreeMap<NodeId, Vec<u32>> = BTreeMap::new();
    for (number, &member) in (0..).zip(members) {
        radios.entry(scenario.interface(member).node).or_default().push(number);
    }
    radios
}

/// The gains over time that a file states; what was received tells of the path by what its sender sends with.
fn trace(
    settings: &RadioSettings,
    members: &[InterfaceId],
    traced: &[TracedLevel],
    scenario: &Scenario,
) -> LinkTrace {
    let radios = radios_of_nodes(members, scenario);
    let of = |node: NodeId| radios.get(&node).map(Vec::as_slice).unwrap_or_default();
    let mut trace = LinkTrace::default();
    for line in traced {
        for &sender in of(line.from) {
            let power = members.get(sender as usize).and_then(|&member| own_radio(scenario, member).power);
            let gain = match line.level {
                Level::Loss(db) => Gain::from_db(-db),
                Level::Received(dbm) => {
                    Power::from_dbm(dbm).ratio_to(level(power.or(settings.power), POWER_DBM))
                }
                Level::Nothing => Gain::ZERO,
            };
            for &receiver in of(line.to) {
                trace.set(SimTime::from(line.at), sender, receiver, gain);
            }
        }
    }
    trace
}

/// IPv6's least (RFC 4944 §4).
pub(crate) const MTU_DEFAULT: u32 = 1280;
const PAN_DEFAULT: u16 = 0xABCD;
/// As many as Contiki-NG's `QUEUEBUF_CONF_NUM`.
const QUEUE_DEFAULT: QueueLimit = QueueLimit::Packets(8);
/// TI CC2420, data sheet SWRS041: output power, sensitivity, threshold of clear channel assessment, co-channel rejection.
const POWER_DBM: f64 = 0.0;
const SENSITIVITY_DBM: f64 = -95.0;
const BUSY_DBM: f64 = -77.0;
const CAPTURE_DB: f64 = 3.0;
/// IEEE 802.15.4-2011 clause 10.3.5, receiver jamming resistance: what every receiver has to stand.
const ADJACENT_DB: f64 = 0.0;
const ALTERNATE_DB: f64 = 30.0;
/// Thermal noise of 2 MHz (-111 dBm) and what the receiver adds.
const NOISE_DBM: f64 = -100.0;
