//! When a battery gives out, and when a harvester has charged it again.
//!
//! As long as a battery would outlive its node's highest current for a while, nothing is looked at until then. Near its
//! end (or where a single pulse may be too much for it) each activity that is told of is played forward, so that the
//! node stops at the moment at which its battery does.

use sim_core::engine::Alarm;
use sim_core::{SimDuration, SimTime};

use super::hardware::Hardware;
use crate::event::NetworkEvent;
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;

/// What is known of the end of a node's battery.
#[derive(Debug)]
pub(super) struct Watch {
    alarm: Alarm,
    /// Whether a pulse could end it any moment.
    pub(super) fragile: bool,
    /// Whether the node stands still since its battery gave out.
    pub(super) empty: bool,
    /// Whether a fault has switched the node off.
    pub(super) switched_off: bool,
    restart: f64,
    pub(super) gave_out: Option<SimTime>,
}

/// What has become of a battery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BatteryNews {
    /// Nothing that the node would notice.
    Nothing,
    /// It gave out: the node stops.
    GaveOut,
    /// It has been charged again: the node starts.
    Recovered,
}

impl Watch {
    pub(super) fn new(restart: f64) -> Self {
        Self {
            alarm: Alarm::new(),
            fragile: false,
            empty: false,
            switched_off: false,
            restart,
            gave_out: None,
        }
    }
}

impl Hardware {
    /// Whether the node stands still since its battery gave out.
    pub fn is_empty(&self) -> bool {
        self.watch.empty
    }

    /// Whether the parts are to have power.
    pub(super) fn wants_power(&self) -> bool {
        !self.watch.empty && !self.watch.switched_off
    }

    fn look(&mut self, now: SimTime) -> BatteryNews {
        let gave_out = self.integrate(now);
        if self.watch.empty {
            let recovered = self.has_recovered();
            self.watch.empty = !recovered;
            return if recovered { BatteryNews::Recovered } else { BatteryNews::Nothing };
        }
        // A pulse that begins now has not lasted yet, but may be too much for it.
        let gives_out =
            gave_out || self.device().forecast(now.saturating_add(INSTANT)).gives_out == Some(now);
        self.watch.empty = gives_out;
        if gives_out {
            self.watch.gave_out = self.watch.gave_out.or(Some(now));
            return BatteryNews::GaveOut;
        }
        BatteryNews::Nothing
    }

    fn has_recovered(&self) -> bool {
        let Some(battery) = self.device().battery() else { return false };
        battery.state_of_charge() >= self.watch.restart && !battery.is_exhausted(self.working_current())
    }

    /// When to look at the battery next, right after it has been looked at.
    fn next_look(&mut self, now: SimTime) -> Option<SimTime> {
        let battery = self.device().battery()?;
        if self.watch.empty {
            return self.device().is_charged().then(|| now.saturating_add(EMPTY_STEP));
        }
        if self.watch.switched_off {
            return None;
        }
        let highest = self.device().highest_current();
        let safe = battery.lasts(highest, highest, SAFE_MAX).unwrap_or(SAFE_MAX);
        self.watch.fragile = safe < SAFE_MIN;
        if self.watch.fragile { self.foreseen(now) } else { Some(now.saturating_add(safe)) }
    }

    /// When the battery gives out if nothing more is told, or when to look again.
    fn foreseen(&mut self, now: SimTime) -> Option<SimTime> {
        self.advance(now);
        // What a sleeping radio listens by itself is told afterwards.
        let step = if self.has_rhythm() { FRAGILE_STEP_ASLEEP } else { FRAGILE_STEP };
        let horizon = now.saturating_add(step);
        let gives_out = self.device().forecast(horizon).gives_out;
        // What gives out within this nanosecond is seen when it is over.
        Some(gives_out.unwrap_or(horizon).max(now.saturating_add(INSTANT)))
    }
}

impl<O: Observer> Network<O> {
    /// Begins to watch all batteries, at the start of a run.
    pub fn watch_batteries(&mut self) {
        if self.power.is_some() {
            self.node_ids().for_each(|node| self.plan_look(node));
        }
    }

    /// A node has been told to do something: its battery may give out by it.
    pub(super) fn watch_battery(&mut self, node: NodeId) {
        let now = self.now();
        let Some(hardware) = self.hardware_on(node) else { return };
        if hardware.watch.fragile && hardware.wants_power() {
            let next = hardware.foreseen(now);
            self.arm_look(node, next);
        }
    }

    /// Looks at a battery at the time of its event.
    pub fn on_battery(&mut self, node: NodeId) -> BatteryNews {
        let now = self.now();
        let Some(hardware) = self.hardware_on(node) else { return BatteryNews::Nothing };
        if !hardware.watch.alarm.on_event(now) {
            return BatteryNews::Nothing;
        }
        let news = hardware.look(now);
        let powered = hardware.wants_power();
        hardware.set_powered(now, powered);
        self.plan_look(node);
        // A node that a fault has switched off stays off.
        if news == BatteryNews::Recovered && !powered { BatteryNews::Nothing } else { news }
    }

    /// A fault switches a node off, or on again; says whether it has power then.
    pub fn switch(&mut self, node: NodeId, on: bool) -> bool {
        let now = self.now();
        let Some(hardware) = self.hardware_on(node) else { return on };
        hardware.watch.switched_off = !on;
        let powered = hardware.wants_power();
        hardware.integrate(now);
        hardware.set_powered(now, powered);
        self.plan_look(node);
        powered
    }

    fn plan_look(&mut self, node: NodeId) {
        let now = self.now();
        let Some(hardware) = self.hardware_on(node) else { return };
        let was_fragile = hardware.watch.fragile;
        let next = hardware.next_look(now);
        let is_fragile = hardware.watch.fragile;
        if let Some(power) = &mut self.power {
            power.fragile = power.fragile - u32::from(was_fragile) + u32::from(is_fragile);
        }
        self.arm_look(node, next);
    }

    fn arm_look(&mut self, node: NodeId, at: Option<SimTime>) {
        let alarm = self.hardware_on(node).and_then(|hardware| hardware.watch.alarm.arm(at));
        if let Some(at) = alarm {
            self.schedule(at, node, NetworkEvent::Battery(node));
        }
    }

    pub(super) fn hardware_on(&mut self, node: NodeId) -> Option<&mut Hardware> {
        let now = self.scheduler.now();
        let power = self.power.as_mut()?;
        power.tell_node(now, node);
        power.nodes[node.index()].as_deref_mut()
    }
}

/// A battery that would outlive the highest current for so long need not be watched more closely.
const SAFE_MIN: SimDuration = SimDuration::from_secs(10);

/// The longest time between two looks at a battery.
const SAFE_MAX: SimDuration = SimDuration::from_secs(30 * 86_400);

/// How far ahead the known activities of a fragile battery's node are played.
const FRAGILE_STEP: SimDuration = SimDuration::from_secs(60);

/// The same where a radio listens by itself now and then.
const FRAGILE_STEP_ASLEEP: SimDuration = SimDuration::from_secs(1);

/// The least time that a current can flow.
const INSTANT: SimDuration = SimDuration::from_nanos(1);

/// How often an empty battery is looked at.
const EMPTY_STEP: SimDuration = SimDuration::from_secs(60);
