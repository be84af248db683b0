//! What Contiki's Energest says of a node: five counters of ticks, and the energy that is made of them.
//!
//! The operating system notes the clock whenever the processor sleeps or wakes and the radio begins or ends to send or to
//! listen, and adds the difference to a counter (Contiki-NG, `os/sys/energest.h`). The estimate is each counter times a current
//! from the data sheet (Contiki-NG's tutorial "Energy monitoring"). It misses what has no counter: a radio that sleeps or
//! starts, a regulator, sensors, the battery itself; and each change is off by up to a tick of 30.5 µs, one way or the other.

use hw::TICKS_PER_SECOND;
use hw::part::{PartId, PartKind, StateId};
use sim_core::electric::{Current, Voltage};

use super::Hardware;

/// The five counters, in ticks of 1/32,768 s.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Energest {
    /// `ENERGEST_TYPE_CPU`: the processor works.
    pub cpu: u64,
    /// `ENERGEST_TYPE_LPM`: it sleeps.
    pub lpm: u64,
    /// `ENERGEST_TYPE_DEEP_LPM`: it sleeps deeply; processors with one way to sleep never do.
    pub deep_lpm: u64,
    /// `ENERGEST_TYPE_TRANSMIT`: the radio sends.
    pub transmit: u64,
    /// `ENERGEST_TYPE_LISTEN`: it listens or takes a frame in.
    pub listen: u64,
}

/// Charge that flows in so many ticks, in coulombs.
pub fn charge(ticks: u64, current: Current) -> f64 {
    ticks as f64 * current.as_nanoamps() as f64 * 1e-9 / TICKS_PER_SECOND as f64
}

impl Hardware {
    /// The counters as they stand, as far as everything has been settled.
    pub fn energest(&self) -> Energest {
        let mut counters = Energest::default();
        self.for_each_counted(|kind, ticks, _| match kind {
            Counted::Cpu => counters.cpu += ticks,
            Counted::Lpm => counters.lpm += ticks,
            Counted::Transmit => counters.transmit += ticks,
            Counted::Listen => counters.listen += ticks,
        });
        counters
    }

    /// The energy that they stand for, in joules, at the currents of the parts' profiles.
    pub fn energest_joules(&self) -> f64 {
        let voltage: Voltage = self.device().supply().voltage;
        let mut joules = 0.0;
        self.for_each_counted(|_, ticks, current| {
            joules += charge(ticks, current) * f64::from(voltage.as_millivolts()) * 1e-3;
        });
        joules
    }

    fn for_each_counted(&self, mut act: impl FnMut(Counted, u64, Current)) {
        let device = self.device();
        let radios = self.radio_states();
        for (part, spec) in device.parts() {
            for index in 0..spec.states.len() {
                let state = StateId(index as u8);
                let counted = match spec.kind {
                    PartKind::Mcu if state == self.working() => Some(Counted::Cpu),
                    PartKind::Mcu if state == spec.rest => Some(Counted::Lpm),
                    PartKind::Radio => radios
                        .iter()
                        .find(|&&(radio, of, _)| (radio, of) == (part, state))
                        .map(|&(.., counted)| counted),
                    PartKind::Mcu | PartKind::Sensor | PartKind::Regulator | PartKind::Battery => None,
                };
                if let Some(counted) = counted {
                    act(counted, device.ticks(part, state), spec.current(state));
                }
            }
        }
    }

    fn radio_states(&self) -> Vec<(PartId, StateId, Counted)> {
        let states = self.radio_parts().flat_map(|(part, radio)| {
            let listen = (part, radio.listen, Counted::Listen);
            let receive = (part, radio.receive, Counted::Listen);
            [listen, receive, (part, radio.transmit, Counted::Transmit)]
        });
        states.collect()
    }
}

/// What a state is counted as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Counted {
    Cpu,
    Lpm,
    Transmit,
    Listen,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tutorial_s_charge_comes_out() {
        // Contiki-NG's tutorial, Zolertia Z1: 10374 ticks of CPU at 10 mA, 1955706 of sleep at 23 µA, 106 of sending at
        // 17.4 mA, 104802 of listening at 18.8 mA: 3.166 + 1.373 + 0.056 + 60.128 = 64.723 mC.
        let of = |ticks, microamps| charge(ticks, Current::from_microamps(microamps));
        let sum = of(10_374, 10_000) + of(1_955_706, 23) + of(106, 17_400) + of(104_802, 18_800);
        assert!((sum * 1e3 - 64.723).abs() < 0.0005, "{sum}");
    }
}
