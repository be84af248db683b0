//! How neighbour discovery runs on a medium, and what a node is in it.

use sim_core::SimDuration;

/// Which standard nodes follow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// RFC 6775 alone: ARO, DAR and DAC.
    Rfc6775,
    /// RFC 8505: EARO, EDAR and EDAC.
    Rfc8505,
}

/// What a node is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// A 6LN that passes nothing on.
    Host,
    /// A 6LR.
    Router,
    /// A 6LBR.
    Border,
}

/// What nodes of a medium use and border routers announce.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NdSettings {
    /// The standard.
    pub version: Version,
    /// Minutes that a registration is asked for; above 0.
    pub lifetime: u16,
    /// Seconds for which an advertisement makes its sender a default router.
    pub router_lifetime: u16,
    /// The longest pause between two advertisements of a router to all: `MaxRtrAdvInterval` (RFC 4861 §6.2.1).
    pub advertise_every: SimDuration,
    /// How long the answer to a solicitation is waited for: `RETRANS_TIMER`, doubled each time.
    pub retransmit: SimDuration,
    /// Registrations that a router keeps, tentative ones among them.
    pub neighbours_max: u16,
    /// Addresses that a border router keeps for the network.
    pub registry_max: u16,
    /// Whether routers ask the border router about addresses (multihop duplicate address detection).
    pub detects_duplicates: bool,
    /// Bytes of the verifier: 8, or 16, 24, 32 with RFC 8505.
    pub rovr_len: u8,
}

impl Default for NdSettings {
    /// RFC 4861 §6.2.1 and §10; registrations of ten minutes and 16 of them in a router, as Contiki-NG has it.
    fn default() -> Self {
        Self {
            version: Version::Rfc8505,
            lifetime: 10,
            router_lifetime: 1800,
            advertise_every: SimDuration::from_secs(600),
            retransmit: SimDuration::from_secs(1),
            neighbours_max: 16,
            registry_max: 1024,
            detects_duplicates: true,
            rovr_len: 8,
        }
    }
}

/// Minutes that contexts and border routers are announced for: about a week (RFC 6775 §4.3).
pub(super) const INFORMATION_MINUTES: u16 = 10_000;
/// Seconds that a prefix is announced for: 30 days valid, 7 days preferred (RFC 4861 §6.2.1).
pub(super) const PREFIX_SECONDS: (u32, u32) = (2_592_000, 604_800);
