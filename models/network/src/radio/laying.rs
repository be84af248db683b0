//! Radio media of a network under construction.

use crate::builder::{Laying, NetworkBuilder, PortKey};
use crate::node::Node;
use crate::port::{Attachment, Framing, PortId, PortState};

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
            let radios = radios.into_iter().map(|(.., radio)| radio).collect();
            RadioMedium::new(name, spec, radios, ports, routers, self.streams)
        });
        media.collect()
    }
}
