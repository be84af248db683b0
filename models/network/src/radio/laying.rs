//! Radio media of a network under construction.

use std::net::{IpAddr, Ipv6Addr};

use crate::address::Prefix;
use crate::builder::{Laying, NetworkBuilder, PortKey};
use crate::nd;
use crate::node::Node;
use crate::port::{Attachment, Framing, PortId, PortState};
use crate::purpose;
use crate::rpl::router::Router;
use crate::rpl::settings::{Role, RplSettings};
use crate::rpl::station::{Station, link_local};

use super::medium::{RadioMedium, RadioMediumSpec, RadioSpec};

/// A radio medium under construction.
#[derive(Debug)]
pub(crate) struct MediumDraft {
    name: Box<str>,
    spec: RadioMediumSpec,
    radios: Vec<(PortKey, RadioSpec)>,
}

impl NetworkBuilder {
    /// Joins ports by a radio medium.
    pub fn radio_medium(&mut self, name: &str, spec: RadioMediumSpec, radios: Vec<(PortKey, RadioSpec)>) {
        self.media.push(MediumDraft { name: name.into(), spec, radios });
    }
}

impl Laying<'_> {
    /// The radio media in the order of their names, their radios in the order of their ports.
    pub(crate) fn media(&mut self, mut drafts: Vec<MediumDraft>, nodes: &[Node]) -> Vec<RadioMedium> {
        drafts.sort_by(|a, b| a.name.cmp(&b.name));
        let drafts = drafts.into_iter().enumerate();
        let media = drafts.map(|(index, MediumDraft { name, mut spec, radios })| {
            let given = radios.into_iter().enumerate();
            let mut radios: Vec<(PortId, usize, RadioSpec)> =
                given.map(|(place, (key, radio))| (self.names.port(key), place, radio)).collect();
            radios.sort_unstable_by_key(|&(port, ..)| port);
            let mut ranks = vec![0; radios.len()];
            for (rank, &(port, place, _)) in radios.iter().enumerate() {
                ranks[place] = rank as u32;
                self.attach(port, Attachment::Radio(index as u32), spec.cost, spec.queue);
                let hot = &mut self.ports[port.index()];
                (hot.rate, hot.mtu) = (spec.phy.rate(), spec.mtu);
                (hot.framing, hot.slow, hot.state) = (Framing::Ieee802154, true, self.states.len() as u32);
                self.states.push(PortState { radio: rank as u32, ..PortState::default() });
            }
            spec.channel.propagation.renumber(&ranks);
            let ports: Vec<PortId> = radios.iter().map(|&(port, ..)| port).collect();
            let forwards = |port: &PortId| nodes[self.port_infos[port.index()].node.index()].forwards;
            let routers =
                (0..).zip(&ports).filter(|(_, port)| forwards(port)).map(|(radio, _)| radio).collect();
            let names: Vec<Box<str>> = radios.iter().map(|(.., radio)| radio.radio.name.clone()).collect();
            let radios = radios.into_iter().map(|(.., radio)| radio).collect();
            let (rpl, discovery) = (spec.rpl.clone(), spec.discovery.clone());
            let contexts = spec.contexts.clone();
            let mut medium = RadioMedium::new(name, spec, radios, ports, routers, self.streams);
            if let Some(rpl) = rpl {
                let roots: Vec<u32> = rpl.roots.iter().map(|&place| ranks[place as usize]).collect();
                let stations = self.rpl_stations(&rpl.settings, &roots, &medium, &names);
                medium.set_rpl(stations);
            }
            if let Some(mut discovery) = discovery {
                let rank = |place: u32| ranks.get(place as usize).copied().unwrap_or(u32::MAX);
                discovery.borders.iter_mut().for_each(|place| *place = rank(*place));
                discovery.claims.iter_mut().for_each(|(place, _)| *place = rank(*place));
                medium.discovery = self.discovery_stations(&discovery, &contexts, &medium, &names);
            }
            medium
        });
        media.collect()
    }

    /// Each radio's part in neighbour discovery, in the order of the radios. Border routers announce the prefix of their own address
    /// and the medium's contexts.
    fn discovery_stations(
        &self,
        spec: &nd::station::NdSpec,
        contexts: &[Prefix],
        medium: &RadioMedium,
        names: &[Box<str>],
    ) -> Vec<nd::station::Station> {
        let stations = (0..).zip(&medium.ports).zip(names).map(|((radio, port), name)| {
            let role = match medium.routers().binary_search(&radio) {
                _ if spec.borders.contains(&radio) => nd::settings::Role::Border,
                Ok(_) => nd::settings::Role::Router,
                Err(_) => nd::settings::Role::Host,
            };
            let own = self.global_address(*port);
            let draws = self.streams.counter(name, purpose::DISCOVERY);
            let identity = nd::node::Identity::of_radio(medium.address(radio), spec.settings.rovr_len, draws);
            let claims = spec.claims.iter().filter(|(claimer, _)| *claimer == radio);
            let claims: Vec<Ipv6Addr> = claims.map(|&(_, address)| address).collect();
            let mut node = nd::node::Node::new(spec.settings, role, identity, own, &claims, draws);
            if let (nd::settings::Role::Border, Some(own)) = (role, own) {
                node.announce(own, contexts);
            }
            nd::station::Station::new(node)
        });
        stations.collect()
    }

    /// The first address of a port that is one of IPv6.
    fn global_address(&self, port: PortId) -> Option<Ipv6Addr> {
        self.port_infos[port.index()].addresses.iter().find_map(|prefix| match prefix.address {
            IpAddr::V6(address) => Some(address),
            IpAddr::V4(_) => None,
        })
    }

    /// Each radio's part in RPL, in the order of the radios.
    fn rpl_stations(
        &self,
        settings: &RplSettings,
        roots: &[u32],
        medium: &RadioMedium,
        names: &[Box<str>],
    ) -> Vec<Station> {
        let stations = (0..).zip(&medium.ports).zip(names).map(|((radio, port), name)| {
            let role = match medium.routers().binary_search(&radio) {
                _ if roots.contains(&radio) => Role::Root,
                Ok(_) => Role::Router,
                Err(_) => Role::Leaf,
            };
            let address = self.global_address(*port).unwrap_or_else(|| link_local(medium.address(radio)));
            Station::new(Router::new(*settings, role, address, self.streams.counter(name, purpose::RPL)))
        });
        stations.collect()
    }
}
