//! ContikiMAC (A. Dunkels, "The ContikiMAC Radio Duty Cycling Protocol", SICS Technical Report T2011:13).
//!
//! A receiver looks twice, so far apart that two looks do not both fall into the pause between two frames. A sender repeats
//! the frame itself, and learns from the acknowledgement when to begin the next time (phase lock).
//!
//! Clocks do not drift against each other here. Frames are not filled up to a least length: one of 16 bytes cannot slip between
//! two looks of this distance, and none with UDP or ICMPv6 in it is shorter.

use sim_core::SimDuration;

use super::super::super::phy::Phy;
use super::super::Sense;
use super::Plan;

/// Settings of ContikiMAC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// How often a receiver looks: 125 ms, 8 times a second.
    pub every: SimDuration,
    /// Whether senders learn when a receiver looks.
    pub phase_lock: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { every: SimDuration::from_millis(125), phase_lock: true }
    }
}

impl Settings {
    /// The least period: looks, a frame and its acknowledgement fit in.
    pub const EVERY_LEAST: SimDuration = SimDuration::from_millis(15);

    pub(in super::super) fn plan(self, phy: Phy) -> Plan {
        // T2011:13 §3.1: the radio gets ready (0.192 ms on the CC2420) and measures; 0.5 ms between two looks.
        let look = phy.turnaround() + phy.cca_time();
        let second = look + scaled(phy, BETWEEN_LOOKS);
        Plan {
            every: self.every,
            looks: [(SimDuration::ZERO, look), (second, second + look)].into_iter().collect(),
            sense: Sense::Energy,
            preamble: false,
            phase_lock: self.phase_lock,
            gap: scaled(phy, BETWEEN_FRAMES),
            clear: second + look,
            short_row: scaled(phy, KNOWN_ROW).min(self.every),
            linger: scaled(phy, LISTEN_AFTER),
        }
    }
}

/// Times that the report gives for 2.4 GHz, in symbols of 16 µs.
fn scaled(phy: Phy, at_2450: SimDuration) -> SimDuration {
    phy.symbols((at_2450.as_nanos() / SYMBOL_2450_NANOS) as u32)
}

const SYMBOL_2450_NANOS: u64 = 16_000;
/// `t_c` (T2011:13 §3.1).
const BETWEEN_LOOKS: SimDuration = SimDuration::from_micros(496);
/// `t_i` (T2011:13 §3.1).
const BETWEEN_FRAMES: SimDuration = SimDuration::from_micros(400);
/// `MAX_PHASE_STROBE_TIME` of Contiki's contikimac.c: a sixtieth of a second.
const KNOWN_ROW: SimDuration = SimDuration::from_micros(16_656);
/// `LISTEN_TIME_AFTER_PACKET_DETECTED` of Contiki's contikimac.c: an eightieth of a second.
const LISTEN_AFTER: SimDuration = SimDuration::from_micros(12_496);
