//! Receivers that sleep: the scenario's settings as the network's.

use network::radio::duty::strobing::{contikimac, xmac};
use network::radio::duty::tsch::{self, Schedule};
use network::radio::duty::{DutyCycle, polling};
use sim_core::SimDuration;

use crate::language::Duration;
use crate::language::document::{DutyCycleKind, RadioSettings, TschOptions, TschSchedule};

/// How the radios of a medium save energy.
pub(super) fn duty(settings: &RadioSettings) -> DutyCycle {
    let time = |given: Option<Duration>, default: SimDuration| given.map_or(default, SimDuration::from);
    match settings.mac.duty_cycle {
        DutyCycleKind::AlwaysOn => DutyCycle::AlwaysOn,
        DutyCycleKind::ContikiMac => {
            let (given, usual) =
                (settings.mac.contikimac.unwrap_or_default(), contikimac::Settings::default());
            DutyCycle::ContikiMac(contikimac::Settings {
                every: time(given.every, usual.every),
                phase_lock: given.phase_lock.unwrap_or(usual.phase_lock),
            })
        }
        DutyCycleKind::XMac => {
            let (given, usual) = (settings.mac.x_mac.unwrap_or_default(), xmac::Settings::default());
            DutyCycle::XMac(xmac::Settings {
                every: time(given.every, usual.every),
                listen: time(given.listen, usual.listen),
            })
        }
        DutyCycleKind::Polling => {
            let (given, usual) = (settings.mac.polling.unwrap_or_default(), polling::Settings::default());
            DutyCycle::Polling(polling::Settings {
                every: time(given.every, usual.every),
                timeout: time(given.timeout, usual.timeout),
                lost_after: given.lost_after.unwrap_or(usual.lost_after),
            })
        }
        DutyCycleKind::Tsch => {
            let (given, usual) = (settings.mac.tsch.unwrap_or_default(), tsch::Settings::default());
            DutyCycle::Tsch(tsch::Settings {
                schedule: schedule(given),
                beacon_every: time(given.beacon_every, usual.beacon_every),
                keep_alive: time(given.keep_alive, usual.keep_alive),
                drift_ppm: given.drift_ppm.unwrap_or(usual.drift_ppm),
            })
        }
    }
}

/// Whether the radio of a node that passes packets on or not sleeps, where radios do.
pub(super) fn sleeps(settings: &RadioSettings, routes: bool) -> bool {
    match settings.mac.duty_cycle {
        DutyCycleKind::AlwaysOn => false,
        DutyCycleKind::ContikiMac | DutyCycleKind::XMac => !routes || settings.mac.routers_sleep,
        DutyCycleKind::Polling => !routes,
        DutyCycleKind::Tsch => true,
    }
}

fn schedule(given: TschOptions) -> Schedule {
    match given.schedule {
        TschSchedule::Minimal => Schedule::Minimal { slotframe: given.slotframe.unwrap_or(MINIMAL_SLOTS) },
        TschSchedule::Orchestra => Schedule::Orchestra {
            beacons: given.beacon_slotframe.unwrap_or(BEACON_SLOTS),
            common: given.common_slotframe.unwrap_or(COMMON_SLOTS),
            unicast: given.unicast_slotframe.unwrap_or(UNICAST_SLOTS),
        },
    }
}

/// Contiki-NG's `TSCH_SCHEDULE_DEFAULT_LENGTH`.
const MINIMAL_SLOTS: u32 = 7;
/// Contiki-NG's `ORCHESTRA_EBSF_PERIOD`, `ORCHESTRA_COMMON_SHARED_PERIOD` and `ORCHESTRA_UNICAST_PERIOD`.
const BEACON_SLOTS: u32 = 397;
const COMMON_SLOTS: u32 = 31;
const UNICAST_SLOTS: u32 = 17;
