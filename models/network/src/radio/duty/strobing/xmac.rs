//! X-MAC (M. Buettner, G. Yee, E. Anderson and R. Han, "X-MAC: A Short Preamble MAC Protocol for Duty-Cycled Wireless Sensor
//! Networks", SenSys 2006): a row of short frames that name the receiver, which confirms one and waits for the frame itself.

use sim_core::SimDuration;
use wire::ieee802154::IMMEDIATE_ACK_LEN;

use super::super::super::phy::Phy;
use super::super::Sense;
use super::Plan;

/// Settings of X-MAC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// How often a receiver listens: 500 ms, as in Contiki's xmac.c.
    pub every: SimDuration,
    /// For how long it listens: 6.25 ms, as there; longer than two strobes and the pause between them.
    pub listen: SimDuration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { every: SimDuration::from_millis(500), listen: SimDuration::from_micros(6_250) }
    }
}

impl Settings {
    /// The least time to listen: whenever it begins, a whole strobe starts within it.
    pub fn listen_least(phy: Phy) -> SimDuration {
        phy.air_time(STROBE_LEN_MAX) + gap(phy)
    }

    pub(in super::super) fn plan(self, phy: Phy) -> Plan {
        Plan {
            every: self.every,
            looks: [(SimDuration::ZERO, self.listen)].into_iter().collect(),
            sense: Sense::Frame,
            preamble: true,
            phase_lock: false,
            gap: gap(phy),
            clear: Self::listen_least(phy),
            short_row: phy.longest_air_time() + phy.longest_air_time(),
            linger: phy.longest_air_time() + phy.longest_air_time() + phy.longest_air_time(),
        }
    }
}

/// An acknowledgement and the turns before and after it.
fn gap(phy: Phy) -> SimDuration {
    phy.turnaround() + phy.air_time(IMMEDIATE_ACK_LEN) + phy.turnaround()
}

/// A header with two long addresses and the check sequence.
const STROBE_LEN_MAX: usize = 23;
