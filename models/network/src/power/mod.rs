//! What nodes draw, and for what: the joint between those who move frames and the ledger of a node's hardware.
//!
//! Whoever moves frames tells the radio behind a port what it does; nobody else touches the ledger.
//!
//! ```text
//!   a link                                     a MAC
//!   link_frame(frame)   the sender's and the    radio_enters(port, state, purpose)   from now on
//!                       receiver's radio, both radio_was_for(port, shares)          said at the end of a state
//!                       told of ahead          radio_occupied(port, state, time, …) a stretch, ahead or afterwards
//!   radio_forgets(port) an outage voids what   radio_forgets(port)
//!                       has not begun
//!            │                                          │
//!            └──────► Hardware (this node's) ◄──────────┘
//!                        └► hw::device::Device: meters, ledger, battery
//! ```
//!
//! **A link** knows when a frame leaves and arrives when it takes it, so both ends are told of it ahead. Between frames
//! a radio rests as its node says ([`RadioRest`]); a frame that the link loses costs the sender alone.
//!
//! **A MAC** decides itself what its radio does. It puts it into a state with [`Network::radio_enters`], waits for the
//! duration that this returns before it goes on, and, where it learns only at the end what a state was for (a
//! reception that turns out to be for another: overhearing; a carrier sense for the frame that waits), says so with
//! [`Network::radio_was_for`] right before the next change. [`purpose::shares_of_frame`] weighs a frame by its layers.
//!
//! Each node's account is closed at the end of a run, and held against itself there: the times of each part's states
//! fill the run, and the ledger, the draw recomputed from the times and what the battery gave are the same integers.

mod battery;
pub mod energest;
pub(crate) mod frames;
mod hardware;
mod kinds;
mod parts;
mod processor;
pub mod purpose;
pub mod rhythm;

pub use battery::BatteryNews;
pub use hardware::{Hardware, HardwareConfig};
pub use parts::{RadioRest, RadioState};

use frames::{LinkRadio, NO_RADIO};
use kinds::Kinds;
use purpose::{Cause, Purpose, Shares, add};
use rhythm::Rhythm;
use sim_core::{SimDuration, SimTime};
use smallvec::SmallVec;
use wire::account::FlowId;
use wire::cryptography::Work;

use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::port::{Attachment, PortId};
use crate::radio::overhearing::LayerTimes;

/// The hardware of all nodes that have some.
#[derive(Debug, Default)]
pub(crate) struct Power {
    nodes: Vec<Option<Box<Hardware>>>,
    /// From when on a node's processor takes no time for a packet, by node; never, if it takes any.
    instant_from: Vec<SimTime>,
    /// The radios at the ends of links, those of a node in a row.
    radios: Vec<LinkRadio>,
    /// Which of them stands behind each port.
    radio_of: Vec<u32>,
    kinds: Kinds,
    /// How many nodes' batteries have to be looked at closely.
    fragile: u32,
}

impl Power {
    /// Whether a node has hardware.
    pub(crate) fn has_hardware(&self, node: NodeId) -> bool {
        self.nodes[node.index()].is_some()
    }
}

impl<O: Observer> Network<O> {
    /// Gives a node hardware, at the start of a run.
    pub fn add_hardware(&mut self, node: NodeId, config: HardwareConfig) {
        let (nodes, ports) = (self.nodes.len(), self.ports.len());
        let power = self.power.get_or_insert_default();
        power.nodes.resize_with(nodes, || None);
        power.instant_from.resize(nodes, SimTime::ZERO);
        power.radio_of.resize(ports, NO_RADIO);
        let served: Vec<PortId> = config.ports.iter().map(|&(port, _)| port).collect();
        let hardware = Hardware::new(config);
        power.instant_from[node.index()] = hardware.instant_from();
        power.nodes[node.index()] = Some(Box::new(hardware));
        power.attach(node, &served);
    }

    /// A node's hardware, if it has any; [`Self::tell_radios`] comes first.
    pub fn hardware(&self, node: NodeId) -> Option<&Hardware> {
        let power = self.power.as_ref()?;
        let hardware = power.nodes[node.index()].as_deref()?;
        debug_assert!(power.knows_all(hardware), "what is read of a node's hardware is up to date");
        Some(hardware)
    }

    /// Puts the radio behind `port` into `state` from now on, for `purpose`; returns how long the way there takes.
    ///
    /// What passed since its last change stays charged as it was said then, or by [`Self::radio_was_for`]. Nothing
    /// happens, and the way takes no time, where the node has no hardware.
    pub fn radio_enters(&mut self, port: PortId, state: RadioState, purpose: Purpose) -> SimDuration {
        let now = self.now();
        self.hardware_of(port).map_or(SimDuration::ZERO, |hardware| hardware.enter(now, port, state, purpose))
    }

    /// The radio behind `port` has been in `state` since a past moment, before which it slept or rested.
    pub(crate) fn radio_entered(
        &mut self,
        port: PortId,
        since: SimTime,
        state: RadioState,
        purpose: Purpose,
    ) {
        if let Some(hardware) = self.hardware_of(port) {
            hardware.enter(since, port, state, purpose);
        }
    }

    /// The radio behind `port` sleeps from now on, and listens as `rhythm` says: that takes no call.
    pub(crate) fn radio_sleeps(&mut self, port: PortId, rhythm: Rhythm) {
        let now = self.now();
        if let Some(hardware) = self.hardware_of(port) {
            hardware.sleep(now, port, rhythm);
        }
    }

    /// Says what the state that the radio behind `port` is in was for, right before it leaves it: the time since its
    /// last change is split by the weights, the remainder to the first.
    pub fn radio_was_for(&mut self, port: PortId, shares: &[(Purpose, u32)]) {
        if let Some(hardware) = self.hardware_of(port) {
            hardware.attribute(port, shares);
        }
    }

    /// Lays a stretch of time in `state`, from `time.0` to `time.1`, over the state that the radio behind `port` rests
    /// in; `teller` is the port whose frame it is (the own one for a transmission).
    ///
    /// It may lie ahead or back by no more than the way to `state` takes; a radio does one thing at a time, so where two
    /// stretches overlap the one that began first goes on to its end.
    pub fn radio_occupied(
        &mut self,
        port: PortId,
        state: RadioState,
        time: (SimTime, SimTime),
        teller: PortId,
        shares: &[(Purpose, u32)],
    ) {
        let now = self.now();
        if let Some(hardware) = self.hardware_of(port) {
            hardware.frame(now, port, state, time, teller, shares);
            self.watch_battery(self.port_infos[port.index()].node);
        }
    }

    /// The node's processor works on cryptographic operations for `flow`, after all that it has taken on before: says
    /// when it is done, which is now on a node without hardware. What is sent or read after that waits for it.
    pub fn encipher(&mut self, node: NodeId, flow: FlowId, work: Work) -> SimTime {
        let now = self.now();
        let Some(hardware) = self.hardware_on(node) else { return now };
        let done = hardware.encipher(now, work, flow);
        let instant_from = hardware.instant_from();
        if let Some(power) = &mut self.power {
            power.instant_from[node.index()] = instant_from;
        }
        self.watch_battery(node);
        done
    }

    /// The node's sensors measure for a message of `flow`: says when the slowest is done.
    pub fn sample(&mut self, node: NodeId, flow: FlowId) -> SimTime {
        let now = self.now();
        let Some(hardware) = self.hardware_on(node) else { return now };
        let done = hardware.sample(now, flow);
        self.watch_battery(node);
        done
    }

    /// Takes back what was told of ahead of the frames that `port` was to send, at both ends: they will not be sent.
    pub(crate) fn radio_forgets(&mut self, port: PortId) {
        if self.power.is_none() {
            return;
        }
        let now = self.now();
        let mut ends: SmallVec<[PortId; 8]> = SmallVec::from_slice(&[port]);
        match self.port_infos[port.index()].attachment {
            Attachment::Link(_) => ends.push(self.ports[port.index()].peer),
            Attachment::Segment(index) => ends.extend_from_slice(&self.segments[index as usize].ports),
            Attachment::Radio(_) | Attachment::Detached => {}
        }
        for end in ends {
            if let Some(hardware) = self.hardware_of(end) {
                hardware.withdraw(now, end, port);
            }
        }
    }

    /// The radio behind `port` took in so much of frames for others while it counted as listening, in all.
    pub(crate) fn radio_overheard(&mut self, port: PortId, times: LayerTimes) {
        if let Some(hardware) = self.hardware_of(port) {
            hardware.overheard.push((port, times));
        }
    }

    /// Closes all accounts of a run that ended at `end`.
    ///
    /// # Panics
    /// If an account does not balance.
    pub fn close_energy_accounts(&mut self, end: SimTime) {
        self.settle_overhearing();
        let Some(power) = &mut self.power else { return };
        power.tell_all(end);
        for (hardware, node) in power.nodes.iter_mut().zip(&mut self.nodes) {
            let Some(hardware) = hardware else { continue };
            hardware.close(end);
            for entry in hardware.device().ledger().entries() {
                let energy = entry.energy.as_zeptojoules();
                node.digest.fold_u64(energy as u64);
                node.digest.fold_u64((energy >> 64) as u64);
            }
        }
    }

    fn hardware_of(&mut self, port: PortId) -> Option<&mut Hardware> {
        let node = self.port_infos.get(port.index())?.node;
        self.hardware_on(node)
    }
}

/// A frame that was for another: of no flow, so that an account does not grow with the number of those in reach.
pub(crate) fn overheard(shares: &Shares) -> Shares {
    let mut all = Shares::new();
    for &(purpose, weight) in shares {
        add(&mut all, Purpose { flow: FlowId::NONE, cause: Cause::Overhearing, ..purpose }, weight);
    }
    all
}

/// A frame that a collision destroyed: all of it is for that.
pub fn wasted(shares: &Shares, cause: Cause) -> Shares {
    shares.iter().map(|&(purpose, weight)| (purpose.because(cause), weight)).collect()
}
