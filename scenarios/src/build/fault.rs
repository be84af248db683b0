//! The fault timetable in the network's terms.

use host::fault::{Change, Fault};
use host::world::World;
use network::observer::Observer;
use network::port::{Attachment, PortId};
use sim_core::{SimDuration, SimTime};

use super::{Places, WorldError, link};
use crate::language::document::Loss;
use crate::language::scenario::{self, FaultTarget, Scenario};

/// All changes of the scenario's faults, each with its end.
pub(super) fn timetable<O: Observer>(
    scenario: &Scenario,
    places: &Places,
    world: &World<O>,
) -> Result<Vec<Fault>, WorldError> {
    let mut timetable = Vec::new();
    for fault in &scenario.faults {
        let at: SimTime = fault.at.into();
        let until = fault.until.map(SimTime::from);
        if let FaultTarget::Node(node) = fault.target {
            let node = places.node(node);
            if fault.change.abort {
                timetable.push(Fault { at, change: Change::Abort(node) });
            }
            let off = match (fault.change.reboot, fault.change.down) {
                (Some(reboot), _) => Some(Some(at.saturating_add(SimDuration::from(reboot.off_time)))),
                (None, Some(true)) => Some(until),
                (None, Some(false)) => {
                    timetable.push(Fault { at, change: Change::PowerOn(node) });
                    None
                }
                (None, None) => None,
            };
            if let Some(on) = off {
                timetable.push(Fault { at, change: Change::PowerOff(node) });
                timetable.extend(on.map(|at| Fault { at, change: Change::PowerOn(node) }));
            }
            continue;
        }
        for (change, back) in link_changes(scenario, places, world, fault, at)? {
            timetable.push(Fault { at, change });
            if let (Some(until), Some(back)) = (until, back) {
                timetable.push(Fault { at: until, change: back });
            }
        }
    }
    Ok(timetable)
}

/// The ports at both ends of what a fault is about, with the number of their link.
fn target_ports<O: Observer>(
    scenario: &Scenario,
    places: &Places,
    world: &World<O>,
    target: FaultTarget,
) -> (Vec<PortId>, Option<scenario::LinkId>) {
    match target {
        FaultTarget::Link(link) => {
            let ends = scenario.links[link.0 as usize].ends;
            (ends.map(|end| places.port(end)).to_vec(), Some(link))
        }
        FaultTarget::Interface(interface) => {
            let port = places.port(interface);
            match world.network.port_info(port).attachment {
                Attachment::Link(number) => {
                    (vec![port, world.network.peer(port)], Some(scenario::LinkId(number)))
                }
                Attachment::Segment(_) | Attachment::Radio(_) | Attachment::Detached => (vec![port], None),
            }
        }
        FaultTarget::Node(_) => (Vec::new(), None),
    }
}

type ChangeAndBack = (Change, Option<Change>);

fn link_changes<O: Observer>(
    scenario: &Scenario,
    places: &Places,
    world: &World<O>,
    fault: &scenario::Fault,
    at: SimTime,
) -> Result<Vec<ChangeAndBack>, WorldError> {
    let (ports, link) = target_ports(scenario, places, world, fault.target);
    let first = link.map(|link| {
        let profile = &scenario.profiles[scenario.links[link.0 as usize].profile as usize];
        profile.directions[0].clone()
    });
    let mut changes: Vec<ChangeAndBack> = Vec::new();
    if let FaultTarget::Interface(interface) = fault.target {
        let port = places.port(interface);
        if let Some(detached) = fault.change.detached {
            let change = |detached| Change::Detached { port, ends: ports.clone(), detached };
            changes.push((change(detached), Some(change(!detached))));
        }
        if let Some(backup) = fault.change.backup {
            changes.push((Change::Backup(port, backup), Some(Change::Backup(port, !backup))));
        }
    }
    if let Some(down) = fault.change.down {
        changes.push((Change::LinkDown(ports.clone(), down), Some(Change::LinkDown(ports.clone(), !down))));
    }
    if let Some(rate) = fault.change.rate.and_then(|rate| rate.to_data_rate()) {
        let before = first.as_ref().and_then(|settings| settings.rate?.to_data_rate());
        changes
            .push((Change::Rate(ports.clone(), rate), before.map(|rate| Change::Rate(ports.clone(), rate))));
    }
    if let Some(delay) = fault.change.delay {
        let before = first.as_ref().and_then(|settings| settings.delay).map_or(SimDuration::ZERO, Into::into);
        changes
            .push((Change::Delay(ports.clone(), delay.into()), Some(Change::Delay(ports.clone(), before))));
    }
    if let Some(loss) = &fault.change.loss {
        let config = link::loss_config(loss)?;
        network::link::check_loss(&config)
            .map_err(|error| WorldError::Fault { at, error: error.to_string() })?;
        let before =
            first.and_then(|settings| settings.loss).unwrap_or(Loss::Random(crate::language::Fraction::ZERO));
        let back = Change::Loss(ports.clone(), link::loss_config(&before)?);
        changes.push((Change::Loss(ports, config), Some(back)));
    }
    Ok(changes)
}
