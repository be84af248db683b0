//! Radios for the laboratory: nodes n1, n2, … on one medium, with addresses made of their short ones.

use super::*;
use network::queue::QueueLimit;
use network::radio::air::{Channel, Radio};
use network::radio::duty::DutyCycle;
use network::radio::fate::{Fate, FrameKind};
use network::radio::mac::MacSettings;
use network::radio::medium::{RadioMediumSpec, RadioSpec};
use network::radio::phy::Phy;
use network::radio::position::Position;
use network::radio::power::{Gain, Power};
use network::radio::propagation::{LinkTable, Propagation};
use network::radio::rejection::Rejection;
use wire::ieee802154::{Address, PanId, ShortAddress};

pub struct RadioLab {
    pub builder: NetworkBuilder,
    pub nodes: Vec<NodeKey>,
    pub ports: Vec<PortKey>,
}

/// Noise at -100 dBm; receivers that catch what is 3 dB above it.
pub fn channel(propagation: Propagation) -> Channel {
    Channel {
        propagation,
        noise: Power::from_dbm(-100.0),
        capture: Gain::from_db(3.0),
        rejection: Rejection::PERFECT,
    }
}

pub fn spec(propagation: Propagation) -> RadioMediumSpec {
    RadioMediumSpec {
        channel: channel(propagation),
        phy: Phy::O_QPSK_2450,
        mac: MacSettings::default(),
        duty: DutyCycle::AlwaysOn,
        pan: PanId(0xABCD),
        queue: QueueLimit::Packets(1000),
        mtu: 1280,
        cost: 1,
        contexts: vec![prefix("fd00::/64")],
        compression: true,
        security: None,
        rpl: None,
        discovery: None,
    }
}

/// A radio of 0 dBm that notices -95 dBm and finds the channel busy above -77 dBm.
pub fn radio(name: &str, position: Position) -> Radio {
    Radio {
        name: name.into(),
        position,
        power: Power::from_dbm(0.0),
        sensitivity: Power::from_dbm(-95.0),
        busy_above: Power::from_dbm(-77.0),
        channel: 26,
        track: None,
    }
}

/// The address of the radio with that number, from 1.
pub fn address(number: usize) -> String {
    format!("fd00::ff:fe00:{number:x}")
}

/// Nodes at these places; the first passes packets on.
pub fn radio_lab(spec: RadioMediumSpec, places: &[Position]) -> RadioLab {
    // Whoever passes packets on is a parent.
    let polled = matches!(spec.duty, DutyCycle::Polling(_));
    radio_lab_with(spec, places, 1, usize::from(polled))
}

/// The same, where the first `routers` pass packets on and the first `awake` never sleep.
pub fn radio_lab_with(spec: RadioMediumSpec, places: &[Position], routers: usize, awake: usize) -> RadioLab {
    let mut builder = NetworkBuilder::new();
    let nodes: Vec<_> =
        (1..=places.len()).map(|n| builder.add_node(&format!("n{n}"), n <= routers)).collect();
    let numbered = || nodes.iter().zip(1..);
    let ports: Vec<_> = numbered()
        .map(|(&node, n)| builder.add_port(node, "r0", &[prefix(&format!("{}/64", address(n)))]))
        .collect();
    let radios = numbered().map(|(_, n)| RadioSpec {
        radio: radio(&format!("n{n}/r0"), places[n - 1]),
        address: Address::Short(ShortAddress(n as u16)),
        sleeps: n > awake,
    });
    let radios = ports.iter().copied().zip(radios).collect();
    builder.radio_medium("air", spec, radios);
    RadioLab { builder, nodes, ports }
}

/// A table in which the listed links, by numbers from 1, lose so many decibels.
pub fn table(links: &[(u32, u32, f64)]) -> Propagation {
    let mut table = LinkTable::default();
    for &(from, to, loss_db) in links {
        table.set(from - 1, to - 1, Gain::from_db(-loss_db));
    }
    Propagation::Table(table)
}

/// All `count` radios at one loss from each other.
pub fn equal(count: u32, loss_db: f64) -> Propagation {
    let pairs = (1..=count).flat_map(|from| (1..=count).map(move |to| (from, to)));
    let links: Vec<_> = pairs.filter(|(from, to)| from != to).map(|(from, to)| (from, to, loss_db)).collect();
    table(&links)
}

/// How many frames of a kind had a fate.
pub fn fates<O: Observer>(lab: &Lab<O>, kind: FrameKind, fate: Fate) -> u64 {
    lab.net.radio_media()[0].fates().total(kind, fate)
}
